"""What somebody who means harm sends to a server with organisations, and what they get for it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import itertools
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import httpx
import orjson
import pytest
from databases import ENGINES

from api.access import Gate
from api.app import create_app
from api.graphql_http import THREADS
from api.observability import Metrics, configure_logging
from kg import Release
from kg.errors import KgError, StoreError
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Profile, System
from kg.organizations.store import Actor, Proposal, Role, Store
from kg.organizations.store.engine import BUSY_SECONDS, database_url, shown_url, writing
from kg.relations import SUPERSET_OF

ME = Actor("command", "tests")
FAR = "9999-12-31T23:59:59-14:00"  #: a time that is none in UTC
Send = Callable[..., httpx.Response]


def sender(gate: Gate, release: Release) -> Send:
    """Sends one request to a server in this process."""
    app = create_app(release, gate)

    def send(query: str, token: str = "", headers: dict[str, str] | None = None, **variables: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                sent = {"Authorization": f"Bearer {token}"} if token else {}
                body = {"query": query, "variables": variables}
                return await client.post("/graphql", json=body, headers=sent | (headers or {}))

        return asyncio.run(go())

    return send


@pytest.fixture
def opened(database: Any) -> Iterator[Store]:
    with Store.open(database("sqlite")) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        yield store


def code(answer: httpx.Response) -> str:
    """The code of the first error, or of the refusal in the data; empty where there is none."""
    found = answer.json()
    return str(found["errors"][0]["extensions"]["code"]) if "errors" in found else ""


# ---------------------------------------------------------------------------- what is kept between requests


COVERED = """{ organization(id: "again") { revision
  assessment(asOf: "2026-11-23") { coverage(framework: "iso42001") { counts { covered } } } } }"""


def test_an_organisation_made_again_does_not_answer_with_the_erased_ones_assessment(
    opened: Store, release: Release
) -> None:
    send = sender(Gate(opened), release)

    def made(*rows: ControlRow) -> Any:
        opened.create_organization("Again", id="again", actor=ME)
        control = Control("C-1", "A control", ControlStatus.IMPLEMENTED, rows)
        opened.upsert_controls("again", [control], release=release, actor=ME)
        found = send(COVERED, opened.create_key("again", Role.VIEWER, actor=ME).token).json()["data"]["organization"]
        return found["revision"], found["assessment"]["coverage"]["counts"]["covered"]

    before = made(ControlRow("aisb:DAT-01", SUPERSET_OF))
    opened.erase_organization("again", actor=ME)
    after = made()
    assert before[1] > 0
    assert after == (before[0], 0)


# ---------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kg:hunter2@db.example/kg",
        "postgresql://db.example/kg?user=kg&password=hunter2",
        "postgresql://db.example/kg?sslpassword=hunter2&sslmode=require",
    ],
)
def test_a_password_is_nowhere_in_the_url_that_is_shown(url: str) -> None:
    shown = shown_url(database_url(url))
    assert "hunter2" not in shown
    assert "db.example/kg" in shown


def test_a_store_that_fails_tells_its_clients_nothing_of_itself(
    opened: Store, release: Release, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = opened.create_key("harrow", Role.VIEWER, actor=ME).token
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO elsewhere")
    answer = sender(Gate(opened), release)("{ viewer { kind } }", token)
    assert answer.status_code == 503
    assert "STORE_UNREACHABLE" in answer.text
    for inside in (str(tmp_path), "sqlite", "api_keys"):
        assert inside not in answer.text
        assert inside in caplog.text


# ---------------------------------------------------------------------------- too much at once


UPSERT = 'mutation($c: [ControlInput!]!) { upsertControls(organization: "harrow", controls: $c) { __typename } }'
PROFILE = 'mutation($p: ProfileInput!) { setProfile(organization: "harrow", profile: $p) { __typename } }'


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (UPSERT, {"c": [{"systems": [f"s{n}" for n in range(60_000)]}]}),
        (UPSERT, {"c": [{"mappings": [{"target": f"gdpr:art-{n}"} for n in range(10_001)]}]}),
        (UPSERT, {"c": [{"evidence": [{"id": f"E-{n}"} for n in range(10_001)]}]}),
        (PROFILE, {"p": {"systems": [{"id": f"s{n}"} for n in range(26)]}}),
        (PROFILE, {"p": {"exclusions": [{"target": "gdpr", "justification": f"{n}"} for n in range(501)]}}),
        (PROFILE, {"p": {"jurisdictions": [f"X{n}" for n in range(501)]}}),
        (PROFILE, {"p": {"systems": [{"id": "s", "tiers": [f"X{n}" for n in range(501)]}]}}),
    ],
    ids=["systems", "mappings", "evidence", "AI systems", "exclusions", "jurisdictions", "tiers"],
)
def test_what_is_kept_has_the_limits_of_what_is_only_asked(
    opened: Store, release: Release, query: str, sent: dict[str, Any]
) -> None:
    if "c" in sent:
        sent = {"c": [{"id": "A", "title": "t", "status": "planned"} | c for c in sent["c"]]}
    token = opened.create_key("harrow", Role.EDITOR, actor=ME).token
    before = opened.revision("harrow")
    assert code(sender(Gate(opened), release)(query, token, **sent)) == "INPUT_LIMIT"
    assert opened.revision("harrow") == before


def test_a_text_as_long_as_a_book_is_not_kept(opened: Store, release: Release) -> None:
    token = opened.create_key("harrow", Role.EDITOR, actor=ME).token
    send = sender(Gate(opened), release)
    for more in ({"description": "x" * 100_001}, {"evidence": [{"id": "E", "note": "x" * 100_001}]}):
        found = send(UPSERT, token, c=[{"id": "A", "title": "t", "status": "planned"} | more]).json()
        assert found["data"]["upsertControls"]["__typename"] == "InvalidInput"
    kept = send(UPSERT, token, c=[{"id": "A", "title": "t", "status": "planned", "description": "x" * 100_000}]).json()
    assert kept["data"]["upsertControls"]["__typename"] == "Written"


# ---------------------------------------------------------------------------- logs and figures


def text_lines() -> logging.Formatter:
    """What formats a line of ``--log text``; the logging of the tests is left as it is."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging("text")
        found = root.handlers[0].formatter
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert found is not None
    return found


def test_a_client_cannot_write_a_line_of_the_log() -> None:
    record = logging.makeLogRecord(
        {"msg": "%s %s", "args": ("GET", "/a\n2026-01-01T00:00:00Z INFO    admin\x1b[2J\u2028"), "told": "b\r\nc"}
    )
    line = text_lines().format(record)
    assert line.isprintable()
    assert r"/a\n2026" in line


def test_invented_methods_are_one_figure() -> None:
    metrics = Metrics("digest")
    for number in range(50):
        metrics.answered(f"WORD{number}", "other", 405, 0.1)
    assert b"WORD" not in metrics.text()
    assert b'kg_http_requests_total{method="other",route="other",status="405"} 50.0' in metrics.text()


# ---------------------------------------------------------------------------- values at the edge


def test_a_key_ends_in_the_log_when_it_ends(opened: Store) -> None:
    ends = datetime(2099, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    made = opened.create_key("harrow", Role.VIEWER, expires_at=ends, actor=ME)
    assert made.key.expires_at == ends
    assert list(opened.audit("harrow"))[-1].change.after["expires_at"] == "2099-01-01T07:00:00.000000Z"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_at_the_end_of_time_are_no_fault_of_the_server(opened: Store, release: Release, at: str) -> None:
    send, token = sender(Gate(opened), release), opened.create_key("harrow", Role.ADMIN, actor=ME).token
    last = opened.create_key("harrow", Role.VIEWER, expires_at=datetime.max.replace(tzinfo=UTC), actor=ME).key.id
    read = f'{{ organization(id: "harrow") {{ assessment(at: "{at}") {{ asOf }} }} }}'
    make = f'mutation {{ createKey(organization: "harrow", role: viewer, expiresAt: "{at}") {{ __typename }} }}'
    turn = f'mutation {{ rotateKey(organization: "harrow", id: "{last}", oldValidUntil: "{at}") {{ __typename }} }}'
    for query in (read, make, turn):
        assert code(send(query, token)) in ("", "BAD_ARGUMENT", "BEFORE_CREATION")
    assert opened.rotate_key("harrow", last, old_valid_until=datetime.now(UTC), actor=ME).key.expires_at is not None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("id_", ["\x00", "'; DROP TABLE controls; --", "%", "x" * 65_536, "\u202e", "💥"], ids=ascii)
def test_any_text_may_be_asked_for(database: Any, release: Release, engine: str, id_: str) -> None:
    with Store.open(database(engine)) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        send, token = sender(Gate(store), release), store.create_key("harrow", Role.ADMIN, actor=ME).token
        read = 'query($i: String!) { organization(id: "harrow") { control(id: $i) { id } %s } }'
        read %= "suggestions(control: $i) { totalCount }"
        away = 'mutation($i: String!) { archiveControls(organization: "harrow", ids: [$i]) { __typename } }'
        gone = 'mutation($i: String!) { removeMember(organization: "harrow", issuer: $i, subject: $i) { __typename } }'
        kept = 'mutation($i: String!) { removeEvidence(organization: "harrow", id: $i) { __typename } }'
        for query in (read, away, gone, kept, "query($i: String!) { organization(id: $i) { id } }"):
            assert code(send(query, token, i=id_)) in ("", "BAD_ARGUMENT")
        assert store.verify("harrow").ok


# ---------------------------------------------------------------------------- files that were made to do harm


def test_an_import_that_was_tampered_with_is_refused_or_can_be_read(
    database: Any, release: Release, tmp_path: Path
) -> None:
    """Every column of the first row of every table, with values that are not its own and a checksum that is right."""
    path = tmp_path / "one.gz"
    with Store.open(database("sqlite")) as source:
        source.create_organization("Harrow", id="harrow", actor=ME)
        evidence = (EvidenceRecord("E", "kind"),)
        rows = (ControlRow("aisb:DAT-01", SUPERSET_OF),)
        control = Control("C", "A control", ControlStatus.PLANNED, rows, systems=("s",), evidence=evidence)
        source.upsert_controls("harrow", [control], release=release, actor=ME)
        source.set_profile("harrow", Profile(systems=(System("s"),)), release=release, actor=ME)
        source.set_member("harrow", "https://id.example", "u", Role.ADMIN, actor=ME)
        source.propose("harrow", [Proposal("C", "gdpr:art-32.1.b", 1)], actor=ME)
        source.export_organization("harrow", path)
    *lines, last = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]

    def variants() -> Iterator[list[Any]]:
        yield [{k: v for k, v in lines[0].items() if k != "organization"}, *lines[1:]]
        for at, line in enumerate(lines[:-1]):
            if isinstance(line, dict) and isinstance(row := lines[at + 1], list):
                for column, value in itertools.product(range(len(row)), ("bogus", 2**64 - 1, None, FAR)):
                    yield [*lines[: at + 1], [*row[:column], value, *row[column + 1 :]], *lines[at + 2 :]]

    refused = 0
    with Store.open(database("sqlite")) as store:
        for variant in variants():
            data = b"".join(orjson.dumps(line) + b"\n" for line in variant)
            end = last | {"sha256": hashlib.sha256(data).hexdigest()}
            path.write_bytes(gzip.compress(data + orjson.dumps(end) + b"\n", 1))
            try:
                store.import_organization(path, actor=ME)
            except KgError:
                refused += 1
                continue
            store.load("harrow")
            store.proposals("harrow")
            store.list_members("harrow")
            list(store.audit("harrow"))
            store.erase_organization("harrow", actor=ME)
    assert refused > 200


def test_a_small_file_that_unpacks_to_much_is_not_taken_into_memory(opened: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.gz"
    opened.backup(path)
    head = gzip.decompress(path.read_bytes()).splitlines(keepends=True)[0]
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(80):
            file.write(b" " * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match="before its end"):
            opened.restore(path, replace=True, actor=ME)
        assert tracemalloc.get_traced_memory()[1] < 200 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert opened.get_organization("harrow").name == "Harrow"


# ---------------------------------------------------------------------------- who waits for whom


def test_noting_that_a_key_was_used_waits_for_no_writer(database: Any) -> None:
    with Store.open(database("sqlite")) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        token = store.create_key("harrow", Role.VIEWER, actor=ME).token
        key = store.authenticate(token)
        assert key is not None
        with writing(store.engine).begin():
            store.note_use(key)
        assert store.list_keys("harrow")[0].last_used_at is None
        store.note_use(key)
        assert store.list_keys("harrow")[0].last_used_at is not None
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == BUSY_SECONDS * 1000


def test_more_objects_than_any_question_has_are_refused_unread(opened: Store, release: Release) -> None:
    send, token = sender(Gate(opened), release), opened.create_key("harrow", Role.EDITOR, actor=ME).token
    for many in ([{}] * 40_001, [[0] * 400_001]):
        answer = send(UPSERT, token, c=many)
        assert answer.status_code == 413
        assert code(answer) == "BODY_TOO_LARGE"


def test_questions_that_take_long_stop_neither_liveness_nor_who_asks(
    opened: Store, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, hold, entered = create_app(release, Gate(opened)), Event(), Semaphore(0)

    def stuck(*_: Any) -> Any:
        entered.release()
        hold.wait(30)
        return opened

    monkeypatch.setattr("api.schema.tenants.open_store", stuck)

    async def go() -> tuple[int, int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            body = {"query": '{ organization(id: "x") { id } }'}
            busy = [asyncio.create_task(client.post("/graphql", json=body)) for _ in range(60)]
            for _ in range(THREADS):
                await asyncio.to_thread(entered.acquire, timeout=30)
            try:
                well, ready = await client.get("/healthz"), await client.get("/readyz")
            finally:
                hold.set()
            await asyncio.gather(*busy)
            return well.status_code, ready.status_code

    assert asyncio.run(asyncio.wait_for(go(), 60)) == (200, 200)
