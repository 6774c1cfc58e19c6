"""Several processes on one store: no write is lost, no import is half there, what was acknowledged survives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from databases import ACTOR, ENGINES, RELEASE

from kg.model import Control, ControlStatus
from kg.organizations.store import PLATFORM, Store

#: What each process runs: ``python -c PROGRAM url``.
_START = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from dataclasses import replace
from databases import ACTOR, RELEASE
from kg.errors import ConflictError
from kg.model import Control, ControlStatus
from kg.organizations.store import Store
store = Store.open(sys.argv[1])
"""
_COUNT = (
    _START
    + """
conflicts = 0
def count(worker):
    global conflicts
    done = 0
    while done < 4:
        control, version = store.get_control("acme", "counter")
        new = replace(control, title=str(int(control.title) + 1))
        try:
            store.upsert_controls("acme", [new], release=RELEASE, expected={"counter": version}, actor=ACTOR)
            done += 1
        except ConflictError as error:
            assert int(error.current.title) > int(control.title) - 1
            conflicts += 1
threads = [threading.Thread(target=count, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(conflicts)
"""
)
_IMPORT = (
    _START
    + """
for n in range(100_000):
    controls = [Control(f"C-{i}", str(n), ControlStatus.PLANNED) for i in range(30)]
    print(store.apply_import("acme", controls, release=RELEASE, actor=ACTOR).revision, n, flush=True)
"""
)


@contextmanager
def _process(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(
        [sys.executable, "-c", program, url, str(here)], stdout=subprocess.PIPE, text=True, env=environment
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def test_two_servers_with_eight_writers_lose_nothing(engine_url: str) -> None:
    with Store.open(engine_url) as store:
        store.create_organization("Acme", id="acme", actor=ACTOR)
        counter = Control("counter", "0", ControlStatus.PLANNED)
        store.upsert_controls("acme", [counter], release=RELEASE, actor=ACTOR)
        with _process(_COUNT, engine_url) as one, _process(_COUNT, engine_url) as two:
            said = [p.communicate(timeout=120)[0] for p in (one, two)]
            assert [one.returncode, two.returncode] == [0, 0]
        assert store.get_control("acme", "counter")[0].title == "32"
        assert store.revision("acme") == 34
        assert sum(map(int, said)) > 0, "nobody ever met: the test shows nothing"
        titles = [c.after["title"] for c in store.changes_since("acme", 1)]
        assert titles == [str(n) for n in range(33)]
        assert store.verify("acme").ok


def test_what_was_acknowledged_survives_a_kill_and_no_import_is_half_there(engine_url: str) -> None:
    with Store.open(engine_url) as store:
        store.create_organization("Acme", id="acme", actor=ACTOR)
    with _process(_IMPORT, engine_url) as started:
        assert started.stdout is not None
        acknowledged = [started.stdout.readline() for _ in range(5)][-1]
        time.sleep(0.013)
        started.send_signal(signal.SIGKILL)
        acknowledged = [acknowledged, *started.stdout.read().splitlines()][-1]
    revision, n = map(int, acknowledged.split())
    with Store.open(engine_url) as store:
        state = store.load("acme")
        assert state.revision in (revision, revision + 1)  # a last one may be written and not told
        assert len(state.controls) == 30
        assert {int(c.title) for c in state.controls} == {n + state.revision - revision}
        assert store.load("acme", as_of_revision=revision).controls[0].title == str(n)
        assert store.verify("acme").ok
        assert store.verify(PLATFORM).ok


@pytest.mark.parametrize("engine", ENGINES)
def test_processes_that_start_together_make_one_schema(database: Any, engine: str) -> None:
    url = database(engine, empty=True)
    how = "Store.open(sys.argv[1]).list_organizations()" if engine == "sqlite" else "Store.upgrade(sys.argv[1])"
    program = f"import sys; from kg.organizations.store import Store; print({how})"
    with _process(program, url) as one, _process(program, url) as two, _process(program, url) as three:
        said = sorted(p.communicate(timeout=60)[0] for p in (one, two, three))
    again = "()\n" if engine == "sqlite" else "('0001', '0001')\n"
    assert said == [again if engine == "sqlite" else "('', '0001')\n", again, again]
    Store.open(url).close()
