"""Kill the server again and again while it writes, and look whether it kept what it said it had kept.

    python tests/soak.py                       200 rounds on SQLite and 200 on a private PostgreSQL server
    python tests/soak.py --engine sqlite --rounds 20

Each round several writers change controls and import batches over HTTP until ``kill -9`` ends the server at a random
moment.  Then the store is opened and everything is compared with what the writers were told:

* every acknowledged write is there (or a later one of the same writer on the same control),
* no import is there in part,
* the audit log of every organisation is whole, and its revision only grew.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from servers import Server

from kg.organizations.store import PLATFORM, Actor, Role, Store

__all__ = ["soak"]

WRITERS = 4
ANEW = 20  #: after so many rounds the writers go on with new organisations, so that checking stays as quick
BATCH = 60

_UPSERT = """mutation($o: String!, $c: [ControlInput!]!) {
  upsertControls(organization: $o, controls: $c) { __typename ... on Written { revision } }
}"""
_EVIDENCE = """mutation($o: String!, $e: EvidenceInput!, $c: [String!]) {
  putEvidence(organization: $o, evidence: $e, controls: $c) { __typename ... on Written { revision } }
}"""


@dataclass
class Told:
    """What the writers tried, in order, and which of it was acknowledged."""

    tried: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[tuple[str, str], int] = field(default_factory=dict)
    batches: dict[tuple[str, str], bool] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    writes: int = 0


def _writer(server: Server, token: str, organization: str, number: int, told: Told, lock: threading.Lock) -> None:
    """One client: changes its own controls and imports batches until the server is gone."""
    dice = random.Random(f"{organization}{number}{time.time_ns()}")
    with httpx.Client() as client:
        try:
            while True:
                if dice.random() < 0.25:
                    _batch(server, token, organization, number, told, lock, client)
                else:
                    _change(server, token, organization, f"W{number}-{dice.randrange(5)}", told, lock, client)
        except (httpx.HTTPError, ValueError):
            return


def _control(id_: str, title: str) -> dict[str, Any]:
    return {"id": id_, "title": title, "status": "implemented", "mappings": [{"target": "aisb:DAT-01"}]}


def _change(
    server: Server, token: str, organization: str, id_: str, told: Told, lock: threading.Lock, client: httpx.Client
) -> None:
    key = (organization, id_)
    with lock:
        title = f"value {len(told.tried[key])}"
        told.tried[key].append(title)
        place = len(told.tried[key]) - 1
    found = server.ask(_UPSERT, token, client, o=organization, c=[_control(id_, title)])["upsertControls"]
    _acknowledge(found, organization, told, lock)
    with lock:
        told.acknowledged[key] = place


def _batch(
    server: Server, token: str, organization: str, number: int, told: Told, lock: threading.Lock, client: httpx.Client
) -> None:
    with lock:
        name = f"B{number}-{len(told.batches)}"
        told.batches[organization, name] = False
    controls = [_control(f"{name}-{i}", "imported") for i in range(BATCH)]
    found = server.ask(_UPSERT, token, client, o=organization, c=controls)["upsertControls"]
    _acknowledge(found, organization, told, lock)
    with lock:
        told.batches[organization, name] = True
    record = {"id": f"E-{name}", "title": "the minutes", "day": "2026-11-01"}
    served = [f"{name}-0", f"{name}-1"]
    found = server.ask(_EVIDENCE, token, client, o=organization, e=record, c=served)["putEvidence"]
    _acknowledge(found, organization, told, lock)


def _acknowledge(found: dict[str, Any], organization: str, told: Told, lock: threading.Lock) -> None:
    assert found["__typename"] == "Written", found
    with lock:
        told.writes += 1
        told.revisions[organization] = max(told.revisions.get(organization, 0), found["revision"])


def _new_organizations(url: str, number: int) -> dict[str, str]:
    """Two more organisations, each with a key."""
    me = Actor("command", "soak")
    with Store.open(url) as store:
        found = {}
        for name in (f"alpha-{number}", f"beta-{number}"):
            store.create_organization(name.title(), id=name, actor=me)
            found[name] = store.create_key(name, Role.EDITOR, actor=me).token
    return found


def _check(store: Store, told: Told, organizations: list[str]) -> list[str]:
    """Everything in these organisations that is not as the writers were told."""
    wrong = []
    for organization in organizations:
        state = store.load(organization)
        held = {c.id: c for c in state.controls}
        if state.revision < told.revisions.get(organization, 0):
            wrong.append(f"{organization}: revision {state.revision} after {told.revisions[organization]}")
        for (whose, id_), titles in told.tried.items():
            if whose != organization:
                continue
            least = told.acknowledged.get((whose, id_), -1)
            there = titles.index(held[id_].title) if id_ in held else -1
            if there < least:
                wrong.append(f"{organization}: {id_} is at {there}, {least} was acknowledged")
        for (whose, name), done in told.batches.items():
            count = sum(1 for i in range(BATCH) if f"{name}-{i}" in held)
            if whose == organization and count not in ((BATCH,) if done else (0, BATCH)):
                wrong.append(f"{organization}: {count} of {BATCH} of the import {name}")
        report = store.verify(organization)
        wrong += [f"{organization}: {finding}" for finding in report.findings]
    wrong += [f"platform: {finding}" for finding in store.verify(PLATFORM).findings]
    return wrong


def _until_written(told: Told, lock: threading.Lock) -> None:
    """Wait for the round's first acknowledgement, so that the kill falls among writes."""
    with lock:
        before = told.writes
    for _ in range(600):
        with lock:
            if told.writes > before:
                return
        time.sleep(0.05)
    raise AssertionError("nothing was acknowledged for thirty seconds")


def soak(url: str, rounds: int, *, seed: int = 0, say: Any = None) -> Told:
    """Run ``rounds`` kills on an empty database; raises ``AssertionError`` with everything that was lost."""
    dice = random.Random(seed)
    told, lock = Told(), threading.Lock()
    tokens: dict[str, str] = {}
    Store.upgrade(url)
    for number in range(rounds):
        if number % ANEW == 0:
            tokens = _new_organizations(url, number // ANEW)
        with Server(KG_DATABASE_URL=url) as server:
            threads = [
                threading.Thread(target=_writer, args=(server, tokens[name], name, i, told, lock), daemon=True)
                for i, name in enumerate([*tokens] * (WRITERS // 2))
            ]
            for thread in threads:
                thread.start()
            _until_written(told, lock)
            time.sleep(dice.uniform(0, 0.8))
            server.kill()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive()
        with Store.open(url) as store:
            last = number == rounds - 1
            wrong = _check(store, told, [o.id for o in store.list_organizations()] if last else list(tokens))
        assert not wrong, "\n".join(wrong)
        if say:
            say(number + 1, told)
    assert told.writes, "nothing was ever acknowledged"
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    def say(number: int, told: Told) -> None:
        said = f"round {number} of {given.rounds}: {told.writes} writes acknowledged, nothing lost"
        print(said, end="\r", file=sys.stderr, flush=True)

    for engine in given.engine or ("sqlite", "postgresql"):
        with _database(engine) as url:
            told = soak(url, given.rounds, seed=given.seed, say=say)
        print(
            f"{engine}: {given.rounds} kills, {told.writes} acknowledged writes, {sum(told.batches.values())} of them "
            f"imports: all there, none in part, every audit log whole"
        )


@contextmanager
def _database(engine: str) -> Iterator[str]:
    """An empty database."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'soak.sqlite3'}"
        return
    from databases import NO_POSTGRES, Postgres, binaries

    found = binaries()
    if found is None:
        raise SystemExit(NO_POSTGRES)
    server = Postgres(found)
    try:
        yield server.create()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
