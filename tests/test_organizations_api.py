"""Organisations over GraphQL: kept, changed, asked about as they were, and by whom."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from servers import Server
from soak import soak
from test_oidc import Issuer

from api.access import Gate, is_loopback
from api.app import create_app
from api.oidc import Oidc, OidcSettings
from kg import Release
from kg.organizations.store import PLATFORM, Actor, Role, Store

ME = Actor("command", "tests")
Ask = Callable[..., Any]


def asker(gate: Gate, release: Release) -> Ask:
    """Sends one GraphQL document; gives the whole answer."""
    app = create_app(release, gate)

    def ask(query: str, token: str = "", headers: dict[str, str] | None = None, **variables: Any) -> Any:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                sent = {"Authorization": f"Bearer {token}"} if token else {}
                body = {"query": query, "variables": variables}
                return await client.post("/graphql", json=body, headers=sent | (headers or {}))

        return asyncio.run(go()).json()

    return ask


@pytest.fixture
def opened(database: Any) -> Iterator[Store]:
    with Store.open(database("sqlite")) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        yield store


@pytest.fixture
def ask(opened: Store, release: Release) -> Ask:
    """Asks as an editor of ``harrow``."""
    token = opened.create_key("harrow", Role.EDITOR, actor=ME).token
    send = asker(Gate(opened), release)

    def one(query: str, **variables: Any) -> Any:
        found = send(query, token, **variables)
        assert "errors" not in found, found["errors"]
        return found["data"]

    return one


UPSERT = """mutation($c: [ControlInput!]!, $r: Int, $v: [ExpectedVersion!]) {
  upsertControls(organization: "harrow", controls: $c, expectedRevision: $r, expectedVersions: $v) {
    __typename
    ... on Written { revision changed organization { controls { nodes { id version title } } } }
    ... on Conflict { message version revision current }
    ... on InvalidInput { findings { code cell message } }
  }
}"""
COVERAGE = """query($at: DateTime, $r: Int) {
  organization(id: "harrow") {
    assessment(at: $at, atRevision: $r, asOf: "2026-11-23") {
      coverage(framework: "iso42001") { counts { covered applicable } requirements { curie verdict } }
      findings { code message }
    }
  }
}"""


def control(id_: str = "A-1", title: str = "Data catalogue", **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": title, "status": "implemented", "mappings": [{"target": "aisb:DAT-01"}]} | more


def covered(data: Any) -> int:
    return int(data["organization"]["assessment"]["coverage"]["counts"]["covered"])


# ---------------------------------------------------------------------------- content


def test_what_is_written_is_there_and_answers(ask: Ask) -> None:
    written = ask(UPSERT, c=[control()])["upsertControls"]
    assert written["changed"] == ["control/A-1"]
    assert [c["id"] for c in written["organization"]["controls"]["nodes"]] == ["A-1"]
    assert covered(ask(COVERAGE)) > 0
    again = ask(UPSERT, c=[control()])["upsertControls"]
    assert (again["changed"], again["revision"]) == ([], written["revision"])


COMPARE = """query($b: PastInput!, $a: PastInput, $day: Date) {
  organization(id: "harrow") {
    compare(before: $b, after: $a, asOf: $day, frameworks: ["iso42001"]) {
      before { asOf controls frameworks { counts { covered applicable } } }
      after { asOf controls frameworks { counts { covered applicable } } }
      regressions newOpen
      changes { totalCount nodes { curie direction causes { kinds controls } } }
    }
  }
}"""


def test_two_states_of_an_organisation_are_compared(ask: Ask) -> None:
    first = ask(UPSERT, c=[control()])["upsertControls"]["revision"]
    second = ask(UPSERT, c=[control("A-2", "More", mappings=[{"target": "aisb:GOV-01"}])])["upsertControls"]["revision"]

    def compare(**variables: Any) -> Any:
        return ask(COMPARE, day="2026-11-23", **variables)["organization"]["compare"]

    def sides(found: Any) -> list[int]:
        return [found[side]["frameworks"][0]["counts"]["covered"] for side in ("before", "after")]

    found = compare(b={"revision": first})
    assert (found["before"]["controls"], found["after"]["controls"]) == (1, 2)
    assert found["before"]["asOf"] == found["after"]["asOf"] == "2026-11-23"
    assert sides(found) == [covered(ask(COVERAGE, r=first)), covered(ask(COVERAGE))]
    assert found["changes"]["totalCount"]
    for change in found["changes"]["nodes"]:
        assert change["direction"] == "better"
        assert change["causes"] == [{"kinds": ["control"], "controls": ["A-2"]}]
    assert found["regressions"] == []
    back = compare(b={}, a={"revision": first})
    assert sides(back) == sides(found)[::-1]
    assert {c["curie"] for c in back["changes"]["nodes"]} == {c["curie"] for c in found["changes"]["nodes"]}
    assert back["regressions"]
    now = datetime.now(UTC).isoformat()
    same = compare(b={"at": now}, a={"revision": second})
    assert (same["changes"]["totalCount"], same["regressions"], same["newOpen"]) == (0, [], [])
    there = ask(COMPARE, b={"at": now})["organization"]["compare"]
    assert there["before"]["asOf"] == now[:10], "without asOf each side has the law of its day"


@pytest.mark.parametrize(
    "past, said",
    [
        ({"revision": 99}, "99"),
        ({"at": "2020-01-01T00:00:00Z"}, "did not exist"),
        ({"at": "2026-11-23T00:00:00"}, "no zone"),
        ({"at": "2099-11-23T00:00:00Z", "revision": 1}, ""),
    ],
)
def test_a_state_that_never_was_cannot_be_compared(opened: Store, release: Release, past: Any, said: str) -> None:
    send = asker(Gate(opened), release)
    token = opened.create_key("harrow", Role.VIEWER, actor=ME).token
    for variables in ({"b": past}, {"b": {}, "a": past}):
        (error,) = send(COMPARE, token, **variables)["errors"]
        assert error["path"] == ["organization", "compare"]
        assert said in error["message"]
        assert error["extensions"]["code"] != "INTERNAL"


def test_the_stored_answer_is_that_of_the_same_controls_in_the_request(ask: Ask) -> None:
    ask(UPSERT, c=[control()])
    stored = ask(COVERAGE)["organization"]["assessment"]["coverage"]
    query = """query($i: AssessmentInput!) { assessment(input: $i) {
      coverage(framework: "iso42001") { counts { covered applicable } requirements { curie verdict } } } }"""
    sent = ask(query, i={"controls": [control()], "asOf": "2026-11-23"})["assessment"]["coverage"]
    assert stored == sent


def test_faults_are_told_all_at_once_and_nothing_is_written(ask: Ask, opened: Store) -> None:
    before = opened.revision("harrow")
    faulty = [control(), control("A-2", title=""), control("A-3", mappings=[{"target": "aisb:DTA-01"}]), control()]
    found = ask(UPSERT, c=faulty)["upsertControls"]
    assert found["__typename"] == "InvalidInput"
    assert {f["code"] for f in found["findings"]} == {"MISSING_VALUE", "UNKNOWN_ID", "DUPLICATE_CONTROL"}
    assert opened.revision("harrow") == before


def test_a_write_that_comes_too_late_is_a_conflict_with_what_is_there_now(ask: Ask) -> None:
    ask(UPSERT, c=[control()])
    version = ask('{ organization(id: "harrow") { control(id: "A-1") { version } } }')["organization"]["control"][
        "version"
    ]
    first = ask(UPSERT, c=[control(title="One")], v=[{"id": "A-1", "version": version}])["upsertControls"]
    second = ask(UPSERT, c=[control(title="Two")], v=[{"id": "A-1", "version": version}])["upsertControls"]
    assert first["__typename"] == "Written"
    assert second["__typename"] == "Conflict"
    assert second["version"] == first["revision"]
    assert "One" in str(second["current"])


def test_the_past_is_answered_as_it_was(ask: Ask) -> None:
    first = ask(UPSERT, c=[control()])["upsertControls"]["revision"]
    done = covered(ask(COVERAGE))
    between = datetime.now(UTC)
    time.sleep(0.01)
    ask(UPSERT, c=[control(status="planned")])
    assert covered(ask(COVERAGE)) == 0
    assert covered(ask(COVERAGE, r=first)) == covered(ask(COVERAGE, at=between.isoformat())) == done > 0


def test_changes_since_tell_what_another_needs_to_follow(ask: Ask) -> None:
    start = ask('{ organization(id: "harrow") { revision } }')["organization"]["revision"]
    ask(UPSERT, c=[control()])
    ask('mutation { archiveControls(organization: "harrow", ids: ["A-1"]) { __typename } }')
    query = """query($r: Int!, $n: Int!) { organization(id: "harrow") { changesSince(revision: $r, first: $n) {
      revision current entries { action kind id before after actor { kind } } } } }"""
    found = ask(query, r=start, n=50)["organization"]["changesSince"]
    assert [e["id"] for e in found["entries"]] == ["A-1", "A-1"]
    assert found["entries"][0]["before"] is None
    assert found["entries"][0]["actor"] == {"kind": "key"}
    assert found["revision"] == found["current"]
    assert ask(query, r=found["current"], n=50)["organization"]["changesSince"]["entries"] == []


def test_profile_evidence_and_mappings_are_kept(ask: Ask) -> None:
    ask(UPSERT, c=[control()])
    said = ask(
        """mutation($p: ProfileInput) {
      setProfile(organization: "harrow", profile: $p, expectedVersion: 0) { ... on Written { changed } }
      putEvidence(
        organization: "harrow", evidence: {id: "E-1", title: "Minutes", day: "2026-11-01"}, controls: ["A-1"]
      ) { ... on Written { changed } }
      setMappings(
        organization: "harrow", control: "A-1", mappings: [{target: "gdpr:art-30.1", relation: intersects_with}]
      ) {
        ... on Written { organization { control(id: "A-1") { mappings { target relation stated } evidence { id day } }
          profile { title } } } }
    }""",
        p={"title": "Harrow", "roles": ["deployer"]},
    )
    after = said["setMappings"]["organization"]
    assert after["profile"] == {"title": "Harrow"}
    assert after["control"]["mappings"] == [{"target": "gdpr:art-30.1", "relation": "intersects_with", "stated": True}]
    assert after["control"]["evidence"] == [{"id": "E-1", "day": "2026-11-01"}]


def test_a_mapping_that_the_release_no_longer_knows_is_told_and_not_dropped(ask: Ask, opened: Store) -> None:
    import sqlalchemy as sa

    ask(UPSERT, c=[control()])
    with opened.engine.begin() as connection:
        connection.execute(sa.text("UPDATE control_rows SET target = 'aisb:GONE-01'"))
    found = ask(COVERAGE)["organization"]["assessment"]
    assert any("aisb:GONE-01" in f["message"] for f in found["findings"])
    assert found["coverage"]["counts"]["covered"] == 0


def test_mutations_are_not_answered_by_get(opened: Store, release: Release) -> None:
    app = create_app(release, Gate(opened, open=True))

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            query = 'mutation { renameOrganization(organization: "harrow", name: "x") { __typename } }'
            return await client.get("/graphql", params={"query": query})

    answer = asyncio.run(go())
    assert '"code":"NOT_A_QUERY"' in answer.text
    assert opened.get_organization("harrow").name == "Harrow"


# ---------------------------------------------------------------------------- who


def test_roles_contain_each_other_and_end_where_they_should(opened: Store, release: Release) -> None:
    ask = asker(Gate(opened), release)
    rename = 'mutation { renameOrganization(organization: "harrow", name: "%s") { __typename } }'
    upsert = 'mutation { archiveControls(organization: "harrow", ids: []) { __typename } }'
    may: dict[str, list[bool]] = {}
    for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN):
        token = opened.create_key("harrow", role, actor=ME).token
        asked = ('{ organization(id: "harrow") { name } }', upsert, rename % role.value)
        may[role.value] = ["errors" not in ask(q, token) for q in asked]
    assert may == {"viewer": [True, False, False], "editor": [True, True, False], "admin": [True, True, True]}


def test_a_key_made_here_opens_until_it_is_revoked(opened: Store, release: Release) -> None:
    ask = asker(Gate(opened), release)
    admin = opened.create_key("harrow", Role.ADMIN, actor=ME).token
    made = ask(
        'mutation { createKey(organization: "harrow", role: viewer) { ... on NewKey { token key { id } } } }',
        admin,
    )["data"]["createKey"]
    query = '{ organization(id: "harrow") { name } }'
    assert ask(query, made["token"])["data"]["organization"] == {"name": "Harrow"}
    ask(f'mutation {{ revokeKey(organization: "harrow", id: "{made["key"]["id"]}") {{ __typename }} }}', admin)
    assert ask(query, made["token"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_nobody_makes_a_key_greater_than_its_own(opened: Store, release: Release) -> None:
    ask = asker(Gate(opened), release)
    admin = opened.create_key("harrow", Role.ADMIN, actor=ME).token
    for organization, role in (("harrow", "platform_admin"), ("platform", "platform_admin"), ("platform", "admin")):
        said = ask(f'mutation {{ createKey(organization: "{organization}", role: {role}) {{ __typename }} }}', admin)
        assert "errors" in said or said["data"]["createKey"]["__typename"] == "InvalidInput"
    assert opened.list_keys(PLATFORM) == ()


def test_a_platform_administrator_creates_and_does_not_read(opened: Store, release: Release) -> None:
    ask = asker(Gate(opened), release)
    token = opened.create_key(PLATFORM, Role.PLATFORM_ADMIN, actor=ME).token
    made = ask('mutation { createOrganization(name: "New", id: "new") { ... on Organization { id } } }', token)
    assert made["data"]["createOrganization"] == {"id": "new"}
    taken = ask('mutation { createOrganization(name: "New", id: "new") { __typename } }', token)
    assert taken["data"]["createOrganization"]["__typename"] == "Conflict"
    key = ask('mutation { createKey(organization: "new", role: admin) { ... on NewKey { token } } }', token)
    assert "errors" in key or key["data"]["createKey"].get("token") is None
    assert ask('{ organization(id: "new") { name } }', token)["data"]["organization"] is None


def test_a_member_comes_in_with_the_issuers_token(opened: Store, release: Release) -> None:
    issuer = Issuer()
    try:
        opened.set_member("harrow", issuer.url, "u-1", Role.EDITOR, name="Rosa", actor=ME)
        ask = asker(Gate(opened, Oidc(OidcSettings(issuer.url, "kg"))), release)
        query = "{ viewer { kind } organizations { nodes { id role } } }"
        found = ask(query, issuer.token())["data"]
        assert found == {"viewer": {"kind": "user"}, "organizations": {"nodes": [{"id": "harrow", "role": "editor"}]}}
        stranger = ask(query, issuer.token(sub="u-2"))["data"]
        assert stranger["organizations"]["nodes"] == []
        assert "errors" in ask(query, issuer.token(aud="other"))
        forged = jwt.encode({"iss": issuer.url, "aud": "kg", "sub": "u-1", "exp": 9e9}, "x" * 40, algorithm="HS256")
        assert ask(query, forged)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    finally:
        issuer.server.shutdown()
        issuer.server.server_close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Origin": "http://evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Forwarded-Proto": "https"},
        {"CF-Connecting-IP": "203.0.113.9"},
        {"Host": "[::1"},
        {"Host": "localhost@evil.example"},
        {"Host": "evil.example@localhost"},
        {"Host": "localhost."},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::ffff:203.0.113.9]"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda h: next(iter(h)) + "=" + next(iter(h.values())),
)
def test_the_person_at_this_machine_is_nobody_elses_page(
    opened: Store, release: Release, headers: dict[str, str]
) -> None:
    ask = asker(Gate(opened, open=True), release)
    assert ask("{ viewer { kind } }")["data"]["viewer"]["kind"] == "local"
    assert ask("{ viewer { kind } }", headers=headers)["data"]["viewer"]["kind"] == "anonymous"


def test_addresses_of_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "", "localhost.example", "2130706433")))


# ---------------------------------------------------------------------------- real servers


def test_two_servers_and_eight_writers_lose_nothing(database: Any) -> None:
    """Each writer raises a number that all share, reading it before: every acknowledged step must be in the sum, and
    whoever came too late must have been told."""
    url = database("postgresql")
    with Store.open(url) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        token = store.create_key("harrow", Role.EDITOR, actor=ME).token
    acknowledged, conflicts, failures = [0] * 8, [0] * 8, []
    read = '{ organization(id: "harrow") { control(id: "N") { title version } } }'
    with Server(KG_DATABASE_URL=url) as one, Server(KG_DATABASE_URL=url) as other:
        one.ask(UPSERT, token, c=[control("N", "0")])

        def writer(number: int) -> None:
            server = (one, other)[number % 2]
            try:
                with httpx.Client() as client:
                    while acknowledged[number] < 10:
                        held = server.ask(read, token, client)["organization"]["control"]
                        raised = control("N", str(int(held["title"]) + 1))
                        expected = [{"id": "N", "version": held["version"]}]
                        found = server.ask(UPSERT, token, client, c=[raised], v=expected)["upsertControls"]
                        if found["__typename"] == "Written":
                            acknowledged[number] += 1
                        else:
                            assert found["__typename"] == "Conflict", found
                            conflicts[number] += 1
            except (AssertionError, httpx.HTTPError) as error:
                failures.append(error)

        threads = [threading.Thread(target=writer, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        total = int(one.ask(read, token)["organization"]["control"]["title"])
    assert total == sum(acknowledged) == 80
    assert sum(conflicts) > 0
    with Store.open(url) as store:
        assert store.verify("harrow").ok


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_nothing_is_lost_when_the_server_is_killed(engine: str, database: Any) -> None:
    """A short soak; `make soak` is the long one."""
    told = soak(database(engine, empty=True), 6, seed=1)
    assert told.writes >= 6


def test_a_server_without_configuration_opens_as_one_local_organisation(tmp_path: Path) -> None:
    query = "{ viewer { kind platformAdmin } organizations { nodes { id role } } }"
    with Server(XDG_DATA_HOME=str(tmp_path)) as server:
        found = server.ask(query)
        assert found["viewer"] == {"kind": "local", "platformAdmin": True}
        assert found["organizations"]["nodes"] == [{"id": "local", "role": "admin"}]
        other = httpx.post(f"{server.url}/graphql", json={"query": query}, headers={"Host": "elsewhere.example"})
        assert other.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert list(tmp_path.rglob("*.sqlite3"))


def test_a_server_ends_quietly_and_says_what_it_did(tmp_path: Path) -> None:
    with Server("--log", "json", XDG_DATA_HOME=str(tmp_path)) as server:
        assert httpx.get(f"{server.url}/readyz").json()["store"] == "ready"
        assert b"kg_http_requests_total" in httpx.get(f"{server.url}/metrics").content
        said = server.stop()
        assert server.process.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    asked = next(line for line in lines if line["message"] == "GET /readyz 200")
    assert {"time", "level", "logger", "request", "ms"} <= set(asked)


@pytest.mark.parametrize("options", [("--host", "0.0.0.0"), ("--auth", "required"), ("--host", "::")], ids=" ".join)
def test_without_a_way_to_say_who_asks_it_does_not_start_for_others(options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        Server(*options, XDG_DATA_HOME=str(tmp_path))
    said = str(caught.value)
    assert "nobody could come in" in said
    assert "kg keys create --platform" in said
    assert "--stateless" in said
    assert "Traceback" not in said


def test_with_a_key_it_starts_for_others_and_asks_for_it(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'aigov-kg' / 'store.sqlite3'}") as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        token = store.create_key("harrow", Role.VIEWER, actor=ME).token
    with Server("--auth", "required", XDG_DATA_HOME=str(tmp_path)) as server:
        assert server.ask("{ viewer { kind } }")["viewer"]["kind"] == "anonymous"
        assert server.ask('{ organization(id: "harrow") { name } }', token)["organization"] == {"name": "Harrow"}


def test_a_stateless_server_keeps_nothing(tmp_path: Path) -> None:
    with Server("--stateless", XDG_DATA_HOME=str(tmp_path)) as server:
        said = httpx.post(f"{server.url}/graphql", json={"query": "{ organizations { totalCount } }"}).json()
        assert said["errors"][0]["extensions"]["code"] == "NO_STORE"
        assert httpx.get(f"{server.url}/readyz").json()["store"] == "none"
    assert not list(tmp_path.iterdir())
