"""Organisations are kept apart: whoever has no role in one cannot read, count, infer or time anything of it.

The walk is made from the schema and the routes themselves, so that a field or an address that is added later is walked
too.  Everything is asked about an organisation full of secrets and about one that does not exist: the answers must be
the same but for the name, and the database must have been asked the same.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)
from starlette.routing import Route

from api.access import Gate
from api.app import create_app
from api.schema import schema
from kg import Release
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Exclusion, Profile, System
from kg.organizations.store import PLATFORM, Actor, Proposal, Role, Store
from kg.relations import SUPERSET_OF

SECRET, NOBODY = "beta", "zeta"
MARK = "Hush"  #: stands in every text of the organisation with secrets
ME = Actor("command", "tests")

SCHEMA = schema._schema


def full(store: Store, release: Release, id_: str, mark: str) -> None:
    """An organisation with something in every table."""
    store.create_organization(f"{mark} name", id=id_, actor=ME)
    evidence = EvidenceRecord(f"{mark}-E", f"{mark} kind", f"{mark} title", date(2026, 1, 1), None, f"{mark} link")
    rows = (ControlRow("aisb:DAT-01", SUPERSET_OF),)
    controls = [
        Control(
            f"{mark}-{n}", f"{mark} title", ControlStatus.IMPLEMENTED, rows, f"{mark} text", f"{mark} owner",
            evidence=(evidence,),
        )
        for n in range(3)
    ]  # fmt: skip
    store.upsert_controls(id_, controls, release=release, actor=ME)
    store.upsert_controls(
        id_, [Control(f"{mark}-old", f"{mark} old", ControlStatus.PLANNED)], release=release, actor=ME
    )
    store.archive_controls(id_, [f"{mark}-old"], actor=ME)
    profile = Profile(
        title=f"{mark} profile",
        systems=(System(f"{mark}-system", f"{mark} system"),),
        exclusions=(Exclusion("gdpr:art-8.1", f"{mark} reason"),),
    )
    store.set_profile(id_, profile, release=release, actor=ME)
    store.propose(id_, [Proposal(f"{mark}-0", "gdpr:art-32.1.b", 1, f"{mark} why")], actor=ME)
    store.set_member(id_, "https://id.example", f"{mark} subject", Role.ADMIN, name=f"{mark} member", actor=ME)


class World:
    """Two organisations, everybody who might ask, and a count of what the database was asked."""

    def __init__(self, store: Store, app: FastAPI) -> None:
        self.store, self.app = store, app
        soon = datetime.now(UTC) + timedelta(days=1)
        keys = {role.value: store.create_key("alpha", role, actor=ME).token for role in list(Role)[:3]}
        keys["platform"] = store.create_key(PLATFORM, Role.PLATFORM_ADMIN, actor=ME).token
        keys["nobody"] = ""
        self.keys = keys
        self.own = store.create_key(SECRET, Role.ADMIN, name=f"{MARK} key", expires_at=soon, actor=ME).token
        revoked = store.create_key(SECRET, Role.ADMIN, actor=ME)
        store.revoke_key(SECRET, revoked.key.id, actor=ME)
        self.dead = {"revoked": revoked.token, "changed": self.own[:-2] + "xx", "cut": self.own[:20]}
        self.statements: list[str] = []
        sa.event.listen(
            store.engine, "before_cursor_execute", lambda c, cur, statement, *_: self.statements.append(statement)
        )

    def send(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        headers = {"X-Request-ID": "the-request"} | ({"Authorization": f"Bearer {token}"} if token else {})

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://server.example") as client:
                return await client.request(method, path, headers=headers, **more)

        self.statements.clear()
        return asyncio.run(go())

    def ask(self, token: str, query: str, **variables: Any) -> str:
        return self.send("POST", "/graphql", token, json={"query": query, "variables": variables}).text

    @property
    def reads(self) -> list[str]:
        """What the database was asked, but for who asks."""
        own = ("BEGIN", "COMMIT", "PRAGMA busy")
        return [s for s in self.statements if "api_keys" not in s and not s.startswith(own)]


@pytest.fixture(scope="module")
def world(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("store")
    with Store.open(f"sqlite:///{folder / 'store.sqlite3'}") as store:
        full(store, release, "alpha", "Own")
        full(store, release, SECRET, MARK)
        yield World(store, create_app(release, Gate(store)))


# ---------------------------------------------------------------------------- writing out every field

#: What an argument is given where the schema does not say what would make sense.
NAMED: dict[str, Any] = {
    "framework": "gdpr", "frameworks": ["gdpr"], "requirement": {"curie": "iso42001:A.4.3"}, "source": "iso42001",
    "target": "gdpr:art-32.1.b", "at": "2026-11-23T12:00:00Z", "first": 3, "threat": {"curie": "nist-aml:NISTAML.01"},
    "threats": ["nist-aml:NISTAML.01"],
}  # fmt: skip


def literal(type_: Any, name: str, organization: str) -> str:
    """A value of an input type, written in GraphQL."""
    if is_non_null_type(type_):
        return literal(type_.of_type, name, organization)
    if name in NAMED:
        return written(NAMED[name])
    if is_list_type(type_):
        return f"[{literal(type_.of_type, name, organization)}]"
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        fields = {n: f for n, f in type_.fields.items() if is_non_null_type(f.type)} or dict(
            list(type_.fields.items())[1:2]
        )
        return "{" + ", ".join(f"{n}: {literal(f.type, n, organization)}" for n, f in fields.items()) + "}"
    assert isinstance(type_, GraphQLScalarType)
    if name in ("organization", "organizationId"):
        return f'"{organization}"'
    words = {"String": f'"{MARK}-0"', "ID": f'"{MARK}-0"', "Int": "1", "Boolean": "true", "Date": '"2026-11-23"'}
    return words.get(type_.name, '"2027-11-23T12:00:00Z"')


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def arguments(field: GraphQLField, organization: str, **given: str) -> str:
    found = {
        n: given.get(n) or literal(a.type, n, organization)
        for n, a in field.args.items()
        if is_required_argument(a) or n in given or n in ("framework", "source", "target", "threats")
    }
    return f"({', '.join(f'{n}: {v}' for n, v in found.items())})" if found else ""


def selection(type_: Any, depth: int, organization: str, alias: str = "") -> str:
    """Every field of a type, down to a depth, with arguments where they are needed.  In the members of a union they get
    names of their own, because fields of the same name may be of different types."""
    named = get_named_type(type_)
    if isinstance(named, GraphQLUnionType):
        members = (f"... on {t.name} {selection(t, depth, organization, t.name)}" for t in named.types)
        return f"{{ __typename {' '.join(members)} }}"
    if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    if named.name.endswith("Connection"):
        return f"{{ totalCount nodes {selection(named.fields['nodes'].type, depth, organization)} }}"
    parts = []
    for name, field in named.fields.items():
        leaf = not isinstance(get_named_type(field.type), GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        if leaf or depth > 0:
            below = selection(field.type, depth - 1, organization)
            shown = f"{alias}_{name}: {name}" if alias else name
            parts.append(f"{shown}{arguments(field, organization)} {below}")
    return "{ __typename " + " ".join(parts) + " }"


#: Types whose fields are asked for one at a time, and a field of each that tells a secret.
TELLING = {"Assessment": "preview", "Comparison": "after { profile { title } }"}


def root_queries() -> Iterator[tuple[str, Callable[[str], str]]]:
    """Each field of the root, with the fields of what it gives one at a time where that is an organisation."""
    for name, field in SCHEMA.query_type.fields.items():
        named = get_named_type(field.type)

        def whole(organization: str, name: str = name, field: GraphQLField = field) -> str:
            given = {"id": f'"{organization}"'} if name == "organization" else {}
            below = selection(field.type, 1, organization)
            return f"{{ {name}{arguments(field, organization, **given)} {below} }}"

        if named.name != "Organization":
            yield name, whole
            continue
        for inner, deep in named.fields.items():
            lower = get_named_type(deep.type)
            parts = lower.fields if lower.name in TELLING else {"": None}  # too costly to ask for at once
            for part, field_ in parts.items():

                def one(
                    organization: str, name: str = name, inner: str = inner, deep: GraphQLField = deep,
                    part: str = part, field_: GraphQLField | None = field_, type_: str = lower.name,
                ) -> str:  # fmt: skip
                    below = selection(deep.type, 1, organization)
                    if field_ is not None:
                        of_it = selection(field_.type, 1, organization)
                        below = f"{{ {TELLING[type_]} {part}{arguments(field_, organization)} {of_it} }}"
                    return f'{{ {name}(id: "{organization}") {{ {inner}{arguments(deep, organization)} {below} }} }}'

                yield ".".join(filter(None, (name, inner, part))), one


def mutations() -> Iterator[tuple[str, Callable[[str], str]]]:
    for name, field in SCHEMA.mutation_type.fields.items():

        def one(organization: str, name: str = name, field: GraphQLField = field) -> str:
            given = {"id": f'"{organization}"'} if name == "createOrganization" else {}
            return f"mutation {{ {name}{arguments(field, organization, **given)} {selection(field.type, 1, organization)} }}"  # noqa: E501

        yield name, one


QUERIES, MUTATIONS = dict(root_queries()), dict(mutations())
OF_THE_ASKER = ("viewer", "organizations", "tenants", "node")
WHO = ("viewer", "editor", "admin", "platform", "nobody")


def same(text: str) -> str:
    """An answer without the name of the organisation that was asked about, and without what differs every time."""
    text = text.replace(SECRET, "ORG").replace(NOBODY, "ORG")
    return re.sub(r'"(token|kgk_[^"]*|createdAt|at|hash|prevHash)":\s*"[^"]*"', "", text)


# ---------------------------------------------------------------------------- the walk


def test_the_walk_reaches_everything(world: World) -> None:
    """For its own administrator the same queries do tell the secrets: the walk is not blind."""
    told = {name: MARK in world.ask(world.own, make(SECRET)) for name, make in QUERIES.items()}
    blind = {name for name in told if name.startswith("organization.") and not told[name]}
    numbers = {
        "id", "revision", "version", "createdAt", "updatedAt", "archivedAt", "role", "profileVersion", "auditReport",
        "coverage",
    }  # fmt: skip
    assert blind <= {f"organization.{n}" for n in numbers}, blind
    for make in QUERIES.values():
        said = world.ask(world.own, make(SECRET))
        assert not any(code in said for code in ("VALIDATION_FAILED", "SYNTAX_ERROR", "_LIMIT")), (make(SECRET), said)
    for make in MUTATIONS.values():
        said = world.ask(world.keys["viewer"], make(SECRET))
        assert "VALIDATION_FAILED" not in said, (make(SECRET), said)
        assert "SYNTAX_ERROR" not in said


@pytest.mark.parametrize("who", WHO)
def test_no_query_tells_anything_of_another_organisation(world: World, who: str) -> None:
    token = world.keys[who]
    for name, make in QUERIES.items():
        if who == "platform" and name == "tenants":
            continue  # that it exists is what a platform administrator may know
        if make(SECRET) == make(NOBODY) and name not in OF_THE_ASKER:
            if who == "viewer":  # what names no organisation and says nothing of the asker is asked once
                assert MARK not in world.ask(token, make(SECRET)).replace(f"{MARK}-0", ""), name
            continue
        theirs = world.ask(token, make(SECRET))
        asked = world.reads
        nobody = world.ask(token, make(NOBODY))
        sent = make(SECRET)
        assert MARK not in theirs.replace(f"{MARK}-0", ""), (name, theirs)
        assert same(theirs) == same(nobody), (name, sent)
        assert asked == world.reads, (name, "the database was asked otherwise")


@pytest.mark.parametrize("who", WHO)
def test_no_mutation_changes_or_tells_anything_of_another_organisation(world: World, who: str) -> None:
    token, before = world.keys[who], world.store.revision(SECRET)
    for name, make in MUTATIONS.items():
        if name == "createOrganization":
            continue  # whether an id is free is what a platform administrator is told; others are refused below
        theirs = world.ask(token, make(SECRET))
        asked = world.reads
        nobody = world.ask(token, make(NOBODY))
        assert MARK not in theirs.replace(f"{MARK}-0", ""), (name, theirs)
        assert same(theirs) == same(nobody), (name, theirs, nobody)
        assert asked == world.reads, (name, "the database was asked otherwise")
    assert world.store.revision(SECRET) == before


@pytest.mark.parametrize("who", ["viewer", "editor", "admin", "nobody"])
def test_only_platform_administrators_create_or_list_organisations(world: World, who: str) -> None:
    for query in (
        MUTATIONS["createOrganization"](SECRET),
        MUTATIONS["createOrganization"](NOBODY),
        QUERIES["tenants"](""),
    ):
        said = world.ask(world.keys[who], query)
        assert '"code":"FORBIDDEN"' in said or '"code":"UNAUTHENTICATED"' in said
        assert MARK not in said
    ids = {o.id for o in world.store.list_organizations(archived=True)}
    assert ids == {"alpha", SECRET}


def test_one_organisations_objects_do_not_lead_to_anothers(world: World) -> None:
    """Ids of another organisation inside one's own are ids that do not exist."""
    for role in ("viewer", "editor", "admin"):
        for theirs, nobody in ((f"{MARK}-0", "Nope-0"), (f"{MARK}-old", "Nope-old")):
            for query in (
                '{ organization(id: "alpha") { control(id: "%s") { title } } }',
                '{ organization(id: "alpha") { suggestions(control: "%s") { totalCount } } }',
                'mutation { archiveControls(organization: "alpha", ids: ["%s"]) { ... on NotFound { message } } }',
                'mutation { revokeKey(organization: "alpha", id: "%s") { ... on NotFound { message } } }',
                'mutation { removeEvidence(organization: "alpha", id: "%s") { ... on NotFound { message } } }',
            ):
                one = world.ask(world.keys[role], query % theirs).replace(theirs, "ID")
                other = world.ask(world.keys[role], query % nobody).replace(nobody, "ID")
                assert one == other


@pytest.mark.parametrize("which", ["revoked", "changed", "cut"])
def test_a_key_that_is_no_longer_valid_is_refused_before_anything_is_asked(world: World, which: str) -> None:
    answer = world.send("POST", "/graphql", world.dead[which], json={"query": "{ release }"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert SECRET not in answer.text
    assert world.dead[which] not in answer.text


def test_no_address_tells_anything_to_the_wrong_key(world: World) -> None:
    """Every route with every method: the same for an organisation with secrets as for none."""
    routes = [r for r in world.app.routes if isinstance(r, Route)]
    assert {"/graphql", "/healthz", "/readyz", "/metrics", "/"} <= {r.path for r in routes}
    for route in routes:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            for who in WHO:
                answers = []
                for organization in (SECRET, NOBODY):
                    path = re.sub(r"\{[^}]+\}", organization, route.path)
                    answer = world.send(method, f"{path}?organization={organization}", world.keys[who])
                    assert MARK not in answer.text, (method, path)
                    answers.append(
                        (answer.status_code, "" if route.path == "/metrics" else same(answer.text), world.reads)
                    )
                assert answers[0] == answers[1], (method, route.path, who)


def test_the_figures_are_for_platform_administrators(world: World) -> None:
    assert world.send("GET", "/metrics", world.keys["platform"]).status_code == 200
    assert world.send("GET", "/metrics", world.keys["admin"]).status_code == 403
    assert world.send("GET", "/metrics").status_code == 401
    text = world.send("GET", "/metrics", world.keys["platform"]).text
    assert SECRET not in text
    assert "alpha" not in text


def test_cursors_of_one_organisation_do_not_open_anothers_lists(world: World) -> None:
    query = '{ organization(id: "%s") { controls(first: 1 %s) { totalCount pageInfo { endCursor } } } }'
    said = world.ask(world.own, query % (SECRET, ""))
    cursor = re.search(r'"endCursor":"([^"]+)"', said)
    assert cursor
    assert SECRET in base64.urlsafe_b64decode(cursor[1] + "==").decode()
    refused = world.ask(world.keys["viewer"], query % ("alpha", f', after: "{cursor[1]}"'))
    assert '"code":"BAD_CURSOR"' in refused
    assert MARK not in refused
