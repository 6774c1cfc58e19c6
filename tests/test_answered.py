"""Answers that are given again: only the same answer, only to the same asker, only while it holds."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema, get_named_type

from api import answered, graphql_http
from api.access import Gate, Principal
from api.answered import Answer, Answers, asker
from api.app import create_app
from kg import Release
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations.store import Actor, Role, Store
from kg.relations import SUPERSET_OF

ME = Actor("command", "tests")
COVERED = """query { organization(id: "mine") { role revision
  assessment(asOf: "2026-11-23") { coverage(framework: "iso42001") { counts { covered } } } } }"""


class Client:
    """Asks one application, and counts how often an answer was computed."""

    def __init__(self, release: Release, store: Store | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = create_app(release, Gate(store))
        self.computed = 0
        execute = graphql_http.GraphQLView._execute

        def counted(view: Any, *given: Any) -> Any:
            self.computed += 1
            return execute(view, *given)

        monkeypatch.setattr(graphql_http.GraphQLView, "_execute", counted)

    def send(self, method: str, query: str, token: str = "", **headers: str) -> httpx.Response:
        sent = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        where: Any = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, "/graphql", headers=sent, **where)

        return asyncio.run(go())

    def ask(self, query: str, token: str = "") -> tuple[Any, bool]:
        """The answer, and whether it was computed."""
        before = self.computed
        found = self.send("POST", query, token)
        assert found.status_code == 200
        return found.json(), self.computed > before


@pytest.fixture
def opened(database: Any) -> Iterator[Store]:
    with Store.open(database("sqlite")) as store:
        yield store


@pytest.fixture
def client(release: Release, opened: Store, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(release, opened, monkeypatch)


def made(store: Store, release: Release, *rows: ControlRow, id_: str = "mine") -> str:
    """An organisation with one control, and a key to it."""
    store.create_organization("Mine", id=id_, actor=ME)
    change(store, release, *rows, id_=id_)
    return store.create_key(id_, Role.VIEWER, actor=ME).token


def change(store: Store, release: Release, *rows: ControlRow, id_: str = "mine") -> None:
    control = Control("C-1", "A control", ControlStatus.IMPLEMENTED, rows)
    store.upsert_controls(id_, [control], release=release, actor=ME)


def counted(answer: Any) -> int:
    found: int = answer["data"]["organization"]["assessment"]["coverage"]["counts"]["covered"]
    return found


DAT = ControlRow("aisb:DAT-01", SUPERSET_OF)


def test_an_answer_is_given_again_until_the_organisation_changes(
    client: Client, opened: Store, release: Release
) -> None:
    token = made(opened, release, DAT)
    first, computed = client.ask(COVERED, token)
    assert computed
    assert counted(first) > 0
    assert client.ask(COVERED, token) == (first, False)
    change(opened, release)
    after, computed = client.ask(COVERED, token)
    assert computed
    assert counted(after) == 0


def test_an_organisation_made_again_never_has_the_erased_one_s_answer(
    client: Client, opened: Store, release: Release
) -> None:
    before, _ = client.ask(COVERED, made(opened, release, DAT))
    opened.erase_organization("mine", actor=ME)
    after, computed = client.ask(COVERED, made(opened, release))
    assert computed
    assert (counted(before) > 0, counted(after)) == (True, 0)


def test_nobody_has_the_answer_of_somebody_else(client: Client, opened: Store, release: Release) -> None:
    token = made(opened, release, DAT)
    other = made(opened, release, id_="other")
    more = opened.create_key("mine", Role.ADMIN, actor=ME)
    assert counted(client.ask(COVERED, token)[0]) > 0
    assert client.ask(COVERED, other)[0]["data"] == {"organization": None}
    assert client.ask(COVERED, more.token)[0]["data"]["organization"]["role"] == "admin"
    assert client.ask(COVERED, token)[0]["data"]["organization"]["role"] == "viewer"
    assert client.send("POST", COVERED).json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    opened.revoke_key("mine", more.key.id, actor=ME)
    assert client.send("POST", COVERED, more.token).status_code == 401


def test_the_head_of_a_history_names_all_of_it(opened: Store, release: Release) -> None:
    """A restored store counts its revisions again, with another content; no head comes again."""
    made(opened, release)
    heads = {opened.head("mine")}
    for rows in ((DAT,), (), (DAT,), ()):
        change(opened, release, *rows)
        heads.add(opened.head("mine"))
    opened.erase_organization("mine", actor=ME)
    assert opened.head("mine") is None
    made(opened, release)
    heads.add(opened.head("mine"))
    assert len(heads) == 6


@pytest.mark.parametrize(
    "query",
    [
        '{ organization(id: "mine") { keys { id lastUsedAt } } }',
        '{ organization(id: "mine") { members { totalCount } } }',
        "{ organizations { totalCount } }", '{ organization(id: "mine") { auditLog { seq } } }',
        '{ framework(id: "nonsense") { title } }', "mutation { nonsense }", "{ nonsense }",
    ],
)  # fmt: skip
def test_what_rests_on_more_than_is_written_down_is_computed_anew(
    client: Client, opened: Store, release: Release, query: str
) -> None:
    made(opened, release)
    token = opened.create_key("mine", Role.ADMIN, actor=ME).token
    for _ in range(3):
        assert client.ask(query, token)[1]


BROUGHT = [
    'assessment(input: {controls: [{id: "C-1", title: "T", status: implemented}]}) { release }',
    'assessment(input: {controls: [], profile: {roles: ["provider"]}}) { release }',
    'overlap(source: "iso42001", target: "gdpr", profile: {roles: ["controller"]}) { release }',
    'overlapMatrix(sources: ["iso42001"], targets: ["gdpr"], profile: {}) { release }',
    'profileFromAnswers(answers: [], title: "Ours") { release }',
    'profileFromAnswers(answers: [{question: "place", values: ["unknown"]}]) { release }',
    'compare(before: {controls: []}, after: {controls: [{id: "C", title: "T", status: planned}]}) { newOpen }',
    'assessment(input: {controls: []}) { whatIf(changes: {add: ["aisb:DAT-01"]}, frameworks: ["gdpr"]) { assumed } }',
    'assessment(input: {controls: []}) { plan(goals: {frameworks: ["iso42001"]}, options: {budget: 0}) { method } }',
    """assessment(input: {controls: []}) { singleActions(goals: {frameworks: ["iso42001"]},
      options: {costs: [{id: "aisb:DAT-01", cost: 2}]}) { idle } }""",
]


@pytest.mark.parametrize("query", BROUGHT)
def test_no_answer_is_kept_about_what_the_asker_brought(client: Client, query: str) -> None:
    for _ in range(2):
        answer, computed = client.ask(f"{{ {query} }}")
        assert "errors" not in answer, answer
        assert computed


def test_every_input_that_a_question_takes_was_thought_of() -> None:
    """A new one belongs into the test above, or here if it says nothing about the asker's organisation."""
    harmless = {"By", "ReferenceInput", "PastInput", "PlanGoals"}
    schema = build_schema((files("api") / "schema.graphql").read_text(encoding="utf-8"))
    fields = [f for t in schema.type_map.values() if isinstance(t, GraphQLObjectType) if t is not schema.mutation_type
              for f in t.fields.values()]  # fmt: skip
    taken = {get_named_type(a.type) for f in fields for a in f.args.values()}
    assert {t.name for t in taken if isinstance(t, GraphQLInputObjectType)} - harmless == {
        "AnswerInput", "AssessmentInput", "ChangesInput", "PlanOptions", "ProfileInput",
    }  # fmt: skip


def test_a_mutation_is_done_each_time(client: Client, opened: Store, release: Release) -> None:
    made(opened, release)
    token = opened.create_key("mine", Role.EDITOR, actor=ME).token
    rename = """mutation { upsertControls(organization: "mine", controls: [{id: "C-9", title: "T", status: planned}]) {
      __typename } }"""
    assert [client.ask(rename, token)[1] for _ in range(2)] == [True, True]


def test_another_day_has_answers_of_its_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    query = '{ framework(id: "eu-ai-act") { title } }'
    assert [client.ask(query)[1] for _ in range(2)] == [True, False]
    tomorrow = dt.date.today() + dt.timedelta(days=1)

    class Tomorrow(dt.date):
        @classmethod
        def today(cls) -> dt.date:
            return tomorrow

    monkeypatch.setattr(graphql_http, "date", Tomorrow)
    assert [client.ask(query)[1] for _ in range(2)] == [True, False]


def test_an_answer_by_get_has_a_tag_and_may_be_asked_about(client: Client, opened: Store, release: Release) -> None:
    query = "{ frameworks { id title } }"
    first = client.send("GET", query, **{"Accept": "application/json", "Accept-Encoding": "identity"})
    assert first.headers["cache-control"] == "private, no-cache"
    assert "Accept-Encoding" in first.headers["vary"]
    tag = first.headers["etag"]
    again = client.send(
        "GET", query, **{"If-None-Match": f'"x", W/{tag}', "Accept": "application/json", "Accept-Encoding": "identity"}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.send("GET", query, **{"If-None-Match": '"x"', "Accept": "application/json"})
    assert other.status_code == 200
    posted = client.send("POST", query, **{"If-None-Match": "*"})
    assert (posted.status_code, posted.headers["cache-control"]) == (200, "no-store")
    assert "etag" not in posted.headers
    mine = client.send("GET", COVERED, made(opened, release, DAT), Accept="application/json")
    assert mine.headers["cache-control"] == "no-store"  # a browser writes nothing of an organisation down


LARGE = '{ requirement(by: {curie: "gdpr:art-32.1.b"}) { title } mappings(first: 100) { nodes { id subject object } } }'


def test_large_answers_are_compressed_for_those_who_take_it(client: Client) -> None:
    plain = client.send("POST", LARGE, **{"Accept-Encoding": "identity"})
    assert len(plain.content) > graphql_http.COMPRESSED
    assert "content-encoding" not in plain.headers
    for _ in range(2):
        packed = client.send("POST", LARGE + " ", **{"Accept-Encoding": "br, gzip;q=0.5"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content  # httpx has unpacked it
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
    for refused in ("gzip;q=0", "br", "", "*;q=0", "gzip;q=0.000, *"):
        found = client.send("POST", LARGE, **{"Accept-Encoding": refused})
        assert "content-encoding" not in found.headers, refused
    assert gzip.decompress(graphql_http._compressed(b"text" * 5000)) == b"text" * 5000
    small = client.send("POST", "{ release }", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers


def test_what_is_kept_is_bounded_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Answers(10_000)
    for i in range(50):
        kept.put(i, Answer.of(bytes(1000), None, {}))
        kept.put(i, Answer.of(bytes(1000), None, {}))
    held = [i for i in range(50) if kept.get(i)]
    assert held == list(range(50 - len(held), 50))
    assert 4 <= len(held) <= 10
    kept.put("large", Answer.of(bytes(20_000), None, {}))
    assert kept.get("large") is None
    monkeypatch.setattr(answered.time, "monotonic", lambda: 10.0**9)
    assert kept.get(49) is None


def test_everything_that_is_known_of_an_asker_tells_askers_apart() -> None:
    """A field that a principal gets later is either told apart by or named here."""
    told = {"kind", "id", "name", "roles", "platform", "everywhere"}
    assert set(Principal.__dataclass_fields__) == told
    one = Principal("key", "a", "n", {"mine": Role.VIEWER})
    others = [
        Principal("user", "a", "n", {"mine": Role.VIEWER}), Principal("key", "b", "n", {"mine": Role.VIEWER}),
        Principal("key", "a", "m", {"mine": Role.VIEWER}), Principal("key", "a", "n", {"mine": Role.ADMIN}),
        Principal("key", "a", "n", {"mine": Role.VIEWER}, True), Principal("key", "a", "n", {}),
        Principal("key", "a", "n", {"mine": Role.VIEWER}, False, True),
    ]  # fmt: skip
    assert len({asker(p) for p in (one, *others)}) == 8
