"""The GraphQL schema: its names, its conventions, its limits and what its errors say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    BreakingChange,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
    parse,
)

from api import docs, limits
from api.access import Principal
from api.context import Context
from api.errors import CODES, present
from api.examples import examples
from api.schema import connections, enums, inputs, prepared, queries, schema
from api.schema.ids import cursor, node_id
from api.schema_sdl import COMMITTED, sdl
from kg import Release, answers
from kg.answers import assess
from kg.answers.gaps import gap_report
from kg.exports.json import plain
from kg.model import Control, Profile
from kg.organizations import read_controls, read_profile
from kg.organizations.store import Actor, Store
from kg.relations import RELATIONS, word
from kg.terms import iri

ROOT = Path(__file__).parents[1]
CORE = schema._schema
REQUEST = "request-1"

Answer = dict[str, Any]
Ask = Callable[..., Answer]


@pytest.fixture(scope="module", params=[True, False], ids=["breadth first", "graphql-core"])
def executor(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways of executing: the answers are the same."""
    before, schema.breadth_first = schema.breadth_first, request.param
    yield
    schema.breadth_first = before


@pytest.fixture(scope="module")
def ask(release: Release, executor: None) -> Ask:
    """Run a query: ``{data, errors, extensions}`` as it leaves the server."""

    def run(query: str, variables: dict[str, Any] | None = None, operation: str | None = None) -> Answer:
        context = Context(release, REQUEST)
        found = schema.execute_sync(query, variables, context, operation_name=operation)
        errors = [present(e, REQUEST) for e in found.errors or ()]
        return {"data": found.data, "errors": errors, "extensions": found.extensions}

    return run


@pytest.fixture(scope="module")
def data(ask: Ask) -> Ask:
    """Run a query that must not fail: its data."""

    def run(query: str, variables: dict[str, Any] | None = None) -> Answer:
        found = ask(query, variables)
        assert not found["errors"], found["errors"]
        result: Answer = found["data"]
        return result

    return run


def refusal(answer: Answer) -> dict[str, Any]:
    """The extensions of the one error, with its message."""
    assert len(answer["errors"]) == 1, answer["errors"]
    error = answer["errors"][0]
    found = error["extensions"]
    assert found["code"] in CODES
    assert found["hint"]
    assert found["docs"] == f"/errors#{found['code']}"
    assert found["requestId"] == REQUEST
    return {"message": error["message"], **found}


# ---------------------------------------------------------------------------- the example organisation


@pytest.fixture(scope="module")
def company(release: Release) -> tuple[tuple[Control, ...], Profile]:
    """The example organisation of the package."""
    folder = ROOT / "kg" / "data" / "example"
    profile = read_profile(folder / "profile.toml", release)
    sheet = read_controls(folder / "controls.csv", release, systems={s.id for s in profile.systems})
    return sheet.controls, profile


@pytest.fixture(scope="module")
def assessment(release: Release, company: tuple[tuple[Control, ...], Profile]) -> answers.Assessment:
    controls, profile = company
    return assess(release, controls, profile)


@pytest.fixture(scope="module")
def variables(company: tuple[tuple[Control, ...], Profile]) -> dict[str, Any]:
    """The same organisation as the variables of a request."""
    controls, profile = company

    def facts(pairs: tuple[tuple[str, bool], ...]) -> list[dict[str, Any]]:
        return [{"name": name, "value": value} for name, value in pairs]

    def day(value: date | None) -> str | None:
        return value.isoformat() if value else None

    return {
        "input": {
            "controls": [
                {
                    "id": c.id,
                    "title": c.title,
                    "status": c.status.value.replace("-", "_"),
                    "description": c.description,
                    "owner": c.owner,
                    "evidenceDate": day(c.evidence_date),
                    "mappings": [
                        {"target": row.target, "relation": word(row.mask) if row.stated else None} for row in c.rows
                    ],
                    "systems": list(c.systems),
                }
                for c in controls
            ],
            "profile": {
                "title": profile.title,
                "asOf": day(profile.as_of),
                "jurisdictions": list(profile.jurisdictions),
                "roles": None if profile.roles is None else list(profile.roles),
                "facts": facts(profile.facts),
                "systems": [
                    {
                        "id": s.id,
                        "title": s.title,
                        "roles": list(s.roles),
                        "tiers": list(s.tiers),
                        "facts": facts(s.facts),
                        "placedOnMarket": day(s.placed_on_market),
                    }
                    for s in profile.systems
                ],
                "exclusions": [{"target": e.target, "justification": e.justification} for e in profile.exclusions],
                "maxEvidenceAgeDays": profile.max_evidence_age_days,
            },
        }
    }


# ---------------------------------------------------------------------------- the same names as the exports


def merged(samples: list[Any]) -> Any:
    """One value with every key that any of the samples has."""
    flat = [s for sample in samples for s in (sample if isinstance(sample, list) else [sample])]
    flat = [s for sample in flat for s in (sample if isinstance(sample, list) else [sample])]
    tables = [s for s in flat if isinstance(s, dict)]
    if not tables:
        return None
    keys = dict.fromkeys(key for table in tables for key in table)
    return {key: merged([table[key] for table in tables if key in table]) for key in keys}


def selection(type_: GraphQLNamedType, sample: Any) -> str:
    """A selection of every name that a plain answer has; fails where the schema does not know one."""
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    names = sample if sample is not None else {n: None for n, f in type_.fields.items() if is_leaf(f)}
    found = []
    for name, inner in names.items():
        name = "set" if name == "setId" else name
        assert name in type_.fields, f"{type_.name} has no {name}"
        below = get_named_type(type_.fields[name].type)
        if below.name.endswith("Connection"):
            assert isinstance(below, GraphQLObjectType)
            item = get_named_type(below.fields["nodes"].type)
            found.append(f"{name}(first: 100) {{ nodes {selection(item, inner)} }}")
        elif isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
            found.append(f"{name} {selection(below, inner)}")
        else:
            found.append(name)
    return f"{{ {' '.join(found)} }}"


def is_leaf(field: GraphQLField) -> bool:
    return not isinstance(get_named_type(field.type), GraphQLObjectType | GraphQLInterfaceType)


def as_plain(value: Any) -> Any:
    """A GraphQL answer in the form of the exports: connections are lists, an enum without a value is empty."""
    if isinstance(value, dict):
        if set(value) == {"nodes"}:
            return as_plain(value["nodes"])
        return {k: "" if v is None and k in NULL_FOR_EMPTY else as_plain(v) for k, v in value.items()}
    return [as_plain(v) for v in value] if isinstance(value, list) else value


NULL_FOR_EMPTY = {"authority", "method", "applicabilityReason"}


def as_graphql(value: Any) -> Any:
    """A plain answer in GraphQL's words: pages of 100, ``not-applicable`` spelled as its grammar allows."""
    if isinstance(value, dict):
        return {"set" if k == "setId" else k: as_graphql(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_graphql(v) for v in value]
    return "not_applicable" if value == "not-applicable" else value


@pytest.mark.parametrize("framework", ["iso42001", "nist-ai-rmf", "eu-ai-act", "gdpr"])
def test_coverage_has_the_names_and_values_of_the_json_export(
    data: Ask, assessment: answers.Assessment, variables: dict[str, Any], framework: str
) -> None:
    expected = plain(assessment.coverage(framework))
    wanted = selection(CORE.type_map["Coverage"], merged([expected]))
    found = data(assessed(f'coverage(framework: "{framework}") {wanted}'), variables)["assessment"]["coverage"]
    assert as_plain(found) == expected


def test_gaps_have_the_names_and_values_of_the_json_export(
    data: Ask, assessment: answers.Assessment, variables: dict[str, Any]
) -> None:
    expected = plain(gap_report(assessment, "eu-ai-act"))
    sample = merged([expected])
    wanted = selection(CORE.type_map["GapReport"], sample)
    query = (
        f'query($input: AssessmentInput!) {{ assessment(input: $input) {{ gaps(framework: "eu-ai-act") {wanted} }} }}'
    )
    found = as_plain(data(query, variables)["assessment"]["gaps"])
    expected["gaps"] = expected["gaps"][: len(found["gaps"])]
    for gap in expected["gaps"]:
        gap["incidents"] = gap["incidents"][:100]
    assert found == as_graphql(expected)


def test_explain_has_the_names_and_values_of_the_json_export(
    data: Ask, assessment: answers.Assessment, variables: dict[str, Any]
) -> None:
    results = [r for f in assessment.release.frameworks for r in assessment.coverage(f).requirements if r.explanation]
    results.sort(key=lambda r: len(r.explanation.steps) if r.explanation else 0)
    for result in (results[0], results[len(results) // 2], results[-1]):
        expected = as_graphql(plain(answers.explain(assessment, result.requirement)))
        wanted = selection(CORE.type_map["Explain"], merged([expected]))
        query = (
            "query($input: AssessmentInput!, $id: String!) { assessment(input: $input) "
            f"{{ explain(requirement: {{ curie: $id }}) {wanted} }} }}"
        )
        found = data(query, variables | {"id": result.requirement.id})["assessment"]["explain"]
        assert as_plain(found) == expected | {"rulings": expected["rulings"][:100]}


def test_crosswalk_has_the_names_and_values_of_the_json_export(data: Ask, release: Release) -> None:
    day = date(2026, 10, 1)
    for source, target in (("nist-ai-rmf", "iso42001"), ("eu-ai-act", "gdpr"), ("aisb", "gdpr")):
        expected = as_graphql(plain(answers.crosswalk(release, source, target, as_of=day), release))
        wanted = selection(CORE.type_map["Crosswalk"], merged([expected]))
        query = f'{{ crosswalk(from: "{source}", to: "{target}", asOf: "{day}") {wanted} }}'
        found = as_plain(data(query)["crosswalk"])
        assert found == expected | {"rows": expected["rows"][:100], "derived": expected["derived"][:100]}


def test_stats_are_those_of_the_release(data: Ask, release: Release) -> None:
    found = data(
        "{ stats { release mappings incidents incidentsKnownByNumber incidentClassifications threats threatLinks"
        " legalReferences disclaimers"
        " frameworks { name requirements provisions byKind { kind count } }"
        " catalogues { name controls jointNodes controlsWithRowsTo { framework count } controlsLeftOutWithReason }"
        " mappingSets { name rows reviewed byRelation { relation count } } } }"
    )["stats"]
    expected = release.stats()
    assert set(found) == set(expected), "what `kg stats` counts, the schema lists"
    for name in set(expected) - {"frameworks", "catalogues", "mappingSets"}:
        assert found[name] == expected[name]
    for framework in found["frameworks"]:
        there = expected["frameworks"][framework["name"]]
        assert framework["requirements"] == there["requirements"]
        assert {k["kind"]: k["count"] for k in framework["byKind"]} == there["byKind"]
    for catalogue in found["catalogues"]:
        there = expected["catalogues"][catalogue["name"]]
        assert {c["framework"]: c["count"] for c in catalogue["controlsWithRowsTo"]} == there["controlsWithRowsTo"]
    for set_ in found["mappingSets"]:
        there = expected["mappingSets"][set_["name"]]
        assert {r["relation"]: r["count"] for r in set_["byRelation"]} == there["byRelation"]
    assert list(expected["mappingSets"]) == [s["name"] for s in found["mappingSets"]]


DIFFER = "subject object contradiction relation statements { relation set authority method reviewed row rationale }"


@pytest.mark.parametrize("frameworks", [(), ("nist-ai-rmf", "iso42001"), ("finos-air", "iso42001"), ("gdpr",)])
@pytest.mark.parametrize("only", [True, False])
def test_disagreements_are_those_of_the_library(
    data: Ask, release: Release, frameworks: tuple[str, ...], only: bool
) -> None:
    expected = [
        {
            "subject": d.subject,
            "object": d.object,
            "contradiction": d.contradiction,
            "relation": d.relation or None,
            "statements": [
                {
                    "relation": s.relation,
                    "set": s.row.set_id,
                    "authority": s.authority,
                    "method": s.row.method.value,
                    "reviewed": s.row.reviewed,
                    "row": s.row.id,
                    "rationale": s.row.rationale,
                }
                for s in d.statements
            ],
        }
        for d in answers.disagreements(release, frameworks=frameworks, contradictions_only=only)
    ]
    query = (
        "query($frameworks: [String!], $only: Boolean!, $after: String) { disagreements(frameworks: $frameworks, "
        "contradictionsOnly: $only, first: 100, after: $after) "
        f"{{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {DIFFER} }} }} }}"
    )
    nodes: list[Any] = []
    after, more = None, True
    while more:
        asked = {"frameworks": list(frameworks), "only": only, "after": after}
        found = data(query, asked)["disagreements"]
        assert found["totalCount"] == len(expected)
        nodes += found["nodes"]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
    assert nodes == expected
    assert expected or frameworks in (("finos-air", "iso42001"), ("gdpr",))


def test_disagreements_are_contradictions_unless_more_is_asked_for(ask: Ask, data: Ask) -> None:
    found = data("{ disagreements { totalCount nodes { contradiction relation } } }")["disagreements"]
    assert found["totalCount"] > 0
    assert all(d == {"contradiction": True, "relation": None} for d in found["nodes"])
    names = '["kgfw:nist-ai-rmf", "iso42001", "iso42001"]'
    query = (
        f"{{ disagreements(frameworks: {names}, first: 1) {{ pageInfo {{ endCursor }} "
        "nodes { subject object subjectNode { curie title } objectNode { curie title } } } }"
    )
    found = data(query)["disagreements"]
    [first] = found["nodes"]
    assert first["subjectNode"]["curie"] == first["subject"]
    assert first["objectNode"]["curie"] == first["object"]
    cursor_ = found["pageInfo"]["endCursor"]
    other = f'{{ disagreements(contradictionsOnly: false, after: "{cursor_}") {{ totalCount }} }}'
    assert refusal(ask(other))["code"] == "BAD_CURSOR"


@pytest.mark.parametrize("day", ["2020-01-01", "2026-11-23"])
def test_the_content_report_has_the_numbers_of_the_library(data: Ask, release: Release, day: str) -> None:
    report = answers.content_report(release, date.fromisoformat(day))
    expected = plain(report)
    del expected["leftOut"]
    for framework in expected["frameworks"]:
        framework["byCount"] = [{"bucket": b, "count": n} for b, n in framework["byCount"]]
    for pair in expected["pairs"]:
        pair["byRelation"] = [{"relation": r, "count": n} for r, n in pair["byRelation"]]
        pair["byAuthority"] = [{"authority": a, "count": n} for a, n in pair["byAuthority"]]
    wanted = selection(CORE.type_map["ContentReport"], merged([expected]))
    found = data(f'{{ contentReport(asOf: "{day}") {wanted} }}')["contentReport"]
    assert found == expected
    assert found["asOf"] == day
    for pair in found["pairs"]:
        assert pair["rows"] == sum(c["count"] for c in pair["byRelation"])
        assert pair["rows"] == sum(c["count"] for c in pair["byAuthority"])
    for framework in found["frameworks"]:
        assert framework["requirements"] == sum(c["count"] for c in framework["byCount"])


def test_the_content_report_is_of_today_where_nothing_is_said(data: Ask) -> None:
    assert data("{ contentReport { asOf } }")["contentReport"] == {"asOf": date.today().isoformat()}


def test_the_lists_of_the_content_report_are_as_long_as_their_cost_says(release: Release) -> None:
    report = answers.content_report(release, date(2026, 11, 23))
    fields = CORE.type_map["ContentReport"]
    assert isinstance(fields, GraphQLObjectType)
    for name, found in (("frameworks", report.frameworks), ("pairs", report.pairs)):
        assert len(found) <= limits._metadata(fields.fields[name])["size"]


def test_an_incident_says_where_it_is_classified(data: Ask, release: Release) -> None:
    query = (
        "query($id: ID!) { node(id: $id) { ... on Incident { number title classification { entity timing intent "
        "domain { curie iri ref title } subdomain { curie iri ref title } "
        "set { iri title licence attribution origin } } } } }"
    )
    unclassified = next(i for i in release.incidents if i not in release.classifications)
    assert data(query, {"id": node_id("Incident", unclassified)})["node"]["classification"] is None
    written_up = next(i for i in release.incidents if i in release.classifications)
    for id_ in (written_up, next(iter(release.known_by_number))):
        found = data(query, {"id": node_id("Incident", id_)})["node"]
        here = release.classifications[id_]
        subdomain, table = release.risk_domains[here.subdomain], release.classification_sets[here.set_id]
        said = found["classification"]
        assert found["number"] == here.number
        assert bool(found["title"]) == (id_ in release.incidents)
        assert (said["entity"], said["timing"], said["intent"]) == (here.entity, here.timing, here.intent)
        for level, domain in (("subdomain", subdomain), ("domain", release.risk_domains[subdomain.broader])):
            assert said[level] == {
                "curie": domain.id, "iri": iri(domain.id), "ref": domain.ref, "title": domain.title,
            }  # fmt: skip
        assert said["set"] == {
            "iri": table.id, "title": table.title, "licence": table.licence, "attribution": table.attribution,
            "origin": table.origin,
        }  # fmt: skip


def test_enums_have_the_words_of_the_library() -> None:
    assert {r.value for r in enums.Relation} == set(RELATIONS)
    for name in ("Verdict", "Reason", "Applicability", "Authority", "Method", "RationaleKind", "ControlStatus"):
        type_, python = CORE.type_map[name], getattr(enums, name)
        assert isinstance(type_, GraphQLEnumType)
        words = {plain(member).replace("-", "_") for member in python}
        assert set(type_.values) == words


# ---------------------------------------------------------------------------- the schema


def everything(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Each thing of a type with its description."""
    yield type_.name, type_.description
    if isinstance(type_, GraphQLEnumType):
        for name, value in type_.values.items():
            yield f"{type_.name}.{name}", value.description
    if isinstance(type_, GraphQLInputObjectType):
        for name, entry in type_.fields.items():
            yield f"{type_.name}.{name}", entry.description
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            for argument, given in field.args.items():
                yield f"{type_.name}.{name}({argument}:)", given.description


def ours() -> list[GraphQLNamedType]:
    return [t for t in CORE.type_map.values() if not t.name.startswith("__") and not is_specified_scalar_type(t)]


def test_everything_has_a_description() -> None:
    nothing = [place for type_ in ours() for place, text in everything(type_) if not (text or "").strip()]
    assert not nothing, f"without a description: {', '.join(nothing)}"


def test_every_list_of_objects_is_a_connection_or_says_how_long_it_is() -> None:
    silent = []
    for type_ in ours():
        if not isinstance(type_, GraphQLObjectType):
            continue
        for name, field in type_.fields.items():
            inner = field.type.of_type if is_non_null_type(field.type) else field.type
            plain_list = is_list_type(inner) and not is_leaf(field) and "first" not in field.args
            if plain_list and "size" not in limits._metadata(field):
                silent.append(f"{type_.name}.{name}")
    assert not silent, f"say size=… or make a connection of: {', '.join(silent)}"


def test_connections_state_their_cap() -> None:
    for type_ in ours():
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    assert {"first", "after"} <= set(field.args), f"{type_.name}.{name}"
                    assert str(connections.MAX_PAGE) in (field.args["first"].description or "")


def test_the_committed_schema_is_that_of_the_code() -> None:
    how = "run: python -m api.schema_sdl > api/schema.graphql"
    assert COMMITTED.read_text(encoding="utf-8") == sdl(), how


def committed_before() -> list[str]:
    """The schema as it stands in the last two commits that touched it, where there is a history."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return []

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    path = COMMITTED.relative_to(ROOT).as_posix()
    commits = git("log", "-2", "--format=%H", "--", path).split()
    return [text for commit in commits if (text := git("show", f"{commit}:{path}"))]


def breaking(old: GraphQLSchema, new: GraphQLSchema) -> list[BreakingChange]:
    """The breaking changes, but for what was deprecated before it was removed."""
    return [c for c in find_breaking_changes(old, new) if not deprecated(old, c)]


def deprecated(old: GraphQLSchema, change: BreakingChange) -> bool:
    """Whether what was removed had been deprecated."""
    found = {}
    for type_ in old.type_map.values():
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                found[f"Enum value {type_.name}.{name} was removed."] = value.deprecation_reason
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, field in type_.fields.items():
                found[f"Field {type_.name}.{name} was removed."] = field.deprecation_reason
                for argument, given in getattr(field, "args", {}).items():
                    removed = f"Argument {type_.name}.{name}({argument}:) was removed."
                    found[removed] = given.deprecation_reason
    return found.get(change.description) is not None


def test_no_breaking_change_since_the_committed_schema() -> None:
    for old in [COMMITTED.read_text(encoding="utf-8"), *committed_before()]:
        found = breaking(build_schema(old), CORE)
        assert not found, "deprecate first: " + "; ".join(c.description for c in found)


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("type Query { a: Int b: Int }", "type Query { b: Int }", 1),
        ('type Query { a: Int @deprecated(reason: "b") b: Int }', "type Query { b: Int }", 0),
        ("enum E { X Y } type Query { e: E }", "enum E { X } type Query { e: E }", 1),
        ("enum E { X Y @deprecated } type Query { e: E }", "enum E { X } type Query { e: E }", 0),
        ("type Query { a(x: Int y: Int): Int }", "type Query { a(x: Int): Int }", 1),
        ("type Query { a(x: Int y: Int @deprecated): Int }", "type Query { a(x: Int): Int }", 0),
        ("type Query { a: Int @deprecated b: Int }", "type Query { a: String @deprecated b: Int }", 1),
    ],
)
def test_what_was_deprecated_may_go(old: str, new: str, count: int) -> None:
    assert len(breaking(build_schema(old), build_schema(new))) == count


# ---------------------------------------------------------------------------- looking things up


def test_a_thing_is_found_by_each_of_its_names(data: Ask, release: Release) -> None:
    for name in ("eu-ai-act:art-10.2.f", "gdpr:art-32.1", "iso42001:A.6.2.4", "nist-ai-rmf:GOVERN-1.1"):
        ref = release.provisions[name].ref
        first = data(f'{{ requirement(by: {{ curie: "{name}" }}) {{ id curie iri title }} }}')["requirement"]
        framework = name.partition(":")[0]
        for by in (
            f'id: "{first["id"]}"',
            f'iri: "{first["iri"]}"',
            f'reference: {{ framework: "{framework}", reference: "{ref}" }}',
        ):
            found = data(f"{{ requirement(by: {{ {by} }}) {{ id curie iri title }} }}")["requirement"]
            assert found == first, by


def test_every_kind_of_node_is_found_again_by_its_id(data: Ask) -> None:
    nodes = data(
        "{ frameworks { id __typename } catalogues { id __typename } mappingSets { id __typename }"
        ' requirement(by: { curie: "gdpr:art-9" }) { id __typename } controls(first: 1) { nodes { id __typename } }'
        " mappings(first: 1) { nodes { id __typename } } threats(first: 1) { nodes { id __typename } }"
        " incidents(first: 1) { nodes { id __typename } }"
        " j: catalogues { jointNodes(first: 1) { nodes { id __typename } } } }"
    )
    ids = re.findall(r"'id': '([^']+)', '__typename': '([^']+)'", str(nodes))
    assert {kind for _, kind in ids} >= {
        "Framework", "Catalogue", "MappingSet", "Provision", "ReferenceControl", "Mapping", "Threat", "Incident",
        "JointNode",
    }  # fmt: skip
    for id_, kind in ids:
        assert data(f'{{ node(id: "{id_}") {{ id __typename }} }}')["node"] == {"id": id_, "__typename": kind}


def test_a_node_that_this_release_does_not_have_is_null(data: Ask) -> None:
    for kind, key in (
        ("Provision", "gdpr:art-999"), ("Mapping", "m-000000000000"), ("MappingSet", "no"), ("Catalogue", "no"),
        ("Threat", "gdpr:art-9"), ("Nonsense", "gdpr:art-9"),
    ):  # fmt: skip
        assert data(f'{{ node(id: "{node_id(kind, key)}") {{ id }} }}') == {"node": None}
    assert data('{ mapping(row: "m-000000000000") { row } }') == {"mapping": None}


def test_a_name_of_nothing_is_null_with_the_nearest_that_is_something(ask: Ask) -> None:
    for query, field, near in (
        ('{ framework(id: "iso4201") { title } }', "framework", "iso42001"),
        ('{ requirement(by: { curie: "gdpr:art-32.1.z" }) { title } }', "requirement", "gdpr:art-32.1"),
        ('{ control(by: { curie: "aisb:DAT-0" }) { title } }', "control", "aisb:DAT-0"),
    ):
        answer = ask(query)
        assert answer["data"] == {field: None}
        found = refusal(answer)
        assert found["code"] == "UNKNOWN_ID"
        assert near in found["hint"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ node(id: "nonsense") { id } }', "BAD_ID"),
        ('{ requirement(by: { id: "nonsense" }) { title } }', "BAD_ID"),
        ('{ requirement(by: { curie: "aisb:DAT-01" }) { title } }', "BAD_ARGUMENT"),
        ('{ control(by: { curie: "gdpr:art-9" }) { title } }', "BAD_ARGUMENT"),
        ('{ threat(by: { curie: "gdpr:art-9" }) { title } }', "BAD_ARGUMENT"),
        ('{ requirement(by: { iri: "https://example.org/x" }) { title } }', "UNKNOWN_ID"),
        ("{ requirement(by: {}) { title } }", "VALIDATION_FAILED"),
        ('{ requirement(by: { curie: "gdpr:art-9", iri: "x" }) { title } }', "VALIDATION_FAILED"),
        (f'{{ requirement(by: {{ curie: "gdpr:{"9" * 500}" }}) {{ title }} }}', "BAD_ARGUMENT"),
        ('{ mappings(set: "nonsense") { totalCount } }', "UNKNOWN_ID"),
        ('{ mappings(framework: "nonsense") { totalCount } }', "UNKNOWN_ID"),
        ('{ mappings(node: { curie: "gdpr:nonsense" }) { totalCount } }', "UNKNOWN_ID"),
        ('{ controls(catalogue: "nonsense") { totalCount } }', "UNKNOWN_ID"),
        ('{ crosswalk(from: "nonsense", to: "gdpr") { release } }', "UNKNOWN_ID"),
        ('{ disagreements(frameworks: ["gdpr", "nonsense"]) { totalCount } }', "UNKNOWN_ID"),
        ("{ disagreements(first: 101) { totalCount } }", "BAD_ARGUMENT"),
        ('{ contentReport(asOf: "2026-13-01") { release } }', "VALIDATION_FAILED"),
        ('{ crosswalk(from: "eu-ai-act", to: "gdpr", maxHops: 9) { release } }', "BAD_ARGUMENT"),
        ('{ crosswalk(from: "eu-ai-act", to: "gdpr", sets: ["nonsense"]) { release } }', "UNKNOWN_ID"),
        ('{ search(text: "x", first: 1000) { curie } }', "BAD_ARGUMENT"),
        (f'{{ search(text: "{"long " * 200}") {{ curie }} }}', "BAD_ARGUMENT"),
        ('{ framework(id: "gdpr") { requirementCount(asOf: "2026-13-01") } }', "VALIDATION_FAILED"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_a_code(ask: Ask, query: str, code: str) -> None:
    assert refusal(ask(query))["code"] == code


def test_filters_of_mappings(data: Ask, release: Release) -> None:
    for arguments, keep in (
        ('set: "aisb-gdpr"', lambda m: m.set_id == "aisb-gdpr"),
        ("authority: hosted", lambda m: release.sets[m.set_id].authority == "hosted"),
        ("relation: superset_of", lambda m: m.relation == "superset_of"),
        ('framework: "gdpr"', lambda m: "gdpr:" in f"{m.subject} {m.object}"),
        ('node: { curie: "iso42001:A.7.4" }', lambda m: "iso42001:A.7.4" in (m.subject, m.object)),
        ("reviewed: true", lambda m: m.reviewed),
        ('framework: "gdpr", authority: project', lambda m: "gdpr:" in f"{m.subject} {m.object}"
         and release.sets[m.set_id].authority == "project"),
    ):  # fmt: skip
        found = data(f"{{ mappings({arguments}) {{ totalCount }} }}")["mappings"]["totalCount"]
        assert found == sum(1 for m in release.mappings if keep(m)), arguments


def test_incidents_are_latest_first_and_narrowed_by_threat(data: Ask, release: Release) -> None:
    dates = [n["date"] for n in data("{ incidents(first: 100) { nodes { date } } }")["incidents"]["nodes"]]
    assert dates == sorted(dates, reverse=True)
    threat = next(t for t in release.threats if answers.incidents_of(release, t))
    found = data(f'{{ incidents(threat: {{ curie: "{threat}" }}) {{ totalCount }} }}')["incidents"]["totalCount"]
    assert found == len(answers.incidents_of(release, threat)) < len(release.incidents)


def test_search_finds_an_exact_reference_first(data: Ask) -> None:
    found = data('{ search(text: "iso42001:A.7.4", first: 3) { curie node { __typename curie } } }')["search"]
    assert found[0] == {"curie": "iso42001:A.7.4", "node": {"__typename": "Provision", "curie": "iso42001:A.7.4"}}
    kinds = data('{ search(text: "security", kinds: ["control"]) { kind } }')["search"]
    assert kinds
    assert {k["kind"] for k in kinds} == {"control"}


# ---------------------------------------------------------------------------- pages


def test_pages_give_every_item_once_in_order(data: Ask, release: Release) -> None:
    rows: list[str] = []
    after = None
    while True:
        found = data(
            "query($after: String) { mappings(first: 100, after: $after) { totalCount "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { row } } } }",
            {"after": after},
        )["mappings"]
        info = found["pageInfo"]
        assert info["hasPreviousPage"] == bool(rows)
        assert info["startCursor"] == found["edges"][0]["cursor"]
        assert info["endCursor"] == found["edges"][-1]["cursor"]
        rows += [e["node"]["row"] for e in found["edges"]]
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert rows == [m.id for m in release.mappings]
    assert found["totalCount"] == len(rows)


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ("nonsense", "BAD_CURSOR"),
        ("%%%", "BAD_CURSOR"),
        ("a", "BAD_CURSOR"),
        ("", "BAD_CURSOR"),
        ("W10", "BAD_CURSOR"),
        (cursor("0123456789abcdef", "mappings", "m-1"), "STALE_CURSOR"),
    ],
)
def test_a_cursor_that_is_none_is_refused(ask: Ask, after: str, code: str) -> None:
    found = refusal(ask("query($after: String) { mappings(after: $after) { totalCount } }", {"after": after}))
    assert found["code"] == code
    assert "padding" not in found["message"].lower()


def test_a_cursor_of_another_list_is_refused(ask: Ask, data: Ask) -> None:
    other = data("{ threats(first: 1) { pageInfo { endCursor } } }")["threats"]["pageInfo"]["endCursor"]
    assert refusal(ask(f'{{ mappings(after: "{other}") {{ totalCount }} }}'))["code"] == "BAD_CURSOR"
    mine = data('{ mappings(first: 1, set: "aisb-gdpr") { pageInfo { endCursor } } }')["mappings"]["pageInfo"][
        "endCursor"
    ]
    changed = ask(f'{{ mappings(after: "{mine}", set: "aisb-iso42001") {{ totalCount }} }}')
    assert refusal(changed)["code"] == "BAD_CURSOR"


@pytest.mark.parametrize("first", [-1, connections.MAX_PAGE + 1, 10**9])
def test_a_page_is_never_cut_short_in_silence(ask: Ask, first: int) -> None:
    found = refusal(ask(f"{{ mappings(first: {first}) {{ totalCount }} }}"))
    assert found["code"] == "BAD_ARGUMENT"
    assert str(connections.MAX_PAGE) in found["hint"]


def test_an_empty_page_has_no_cursors(data: Ask) -> None:
    found = data("{ mappings(first: 0) { totalCount pageInfo { hasNextPage startCursor endCursor } nodes { row } } }")
    info = found["mappings"]["pageInfo"]
    assert info == {"hasNextPage": True, "startCursor": None, "endCursor": None}


# ---------------------------------------------------------------------------- assessments


def minimal(*mappings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    control = {"id": "C-1", "title": "One", "status": "implemented", "mappings": list(mappings)}
    return {"input": {"controls": [control], "asOf": "2026-10-01", **more}}


def assessed(inner: str) -> str:
    return f"query($input: AssessmentInput!) {{ assessment(input: $input) {{ {inner} }} }}"


def test_every_fault_of_the_controls_comes_at_once(ask: Ask) -> None:
    controls = [
        {"id": "A", "title": "", "status": "implemented", "mappings": [{"target": "aisb:NO-01"}]},
        {"id": "A", "title": "again", "status": "planned", "systems": ["nowhere"]},
    ]
    found = refusal(ask(assessed("release"), {"input": {"controls": controls}}))
    assert found["code"] == "INVALID_INPUT"
    assert {(f["line"], f["code"]) for f in found["findings"]} == {
        (1, "MISSING_VALUE"), (1, "UNKNOWN_ID"), (2, "DUPLICATE_CONTROL"), (2, "UNKNOWN_SYSTEM"),
    }  # fmt: skip
    assert all(set(f) == {"path", "line", "cell", "code", "message", "hint", "severity"} for f in found["findings"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"profile": {"roles": ["provder"]}}, "INVALID_INPUT"),
        ({"profile": {"facts": [{"name": "nonsense", "value": True}]}}, "INVALID_INPUT"),
        ({"profile": {"exclusions": [{"target": "gdpr:art-999", "justification": "x"}]}}, "INVALID_INPUT"),
        ({"profile": {"maxEvidenceAgeDays": -1}}, "INVALID_INPUT"),
        ({"profile": {"facts": [{"name": "consent", "value": v} for v in (True, False)]}}, "BAD_ARGUMENT"),
        ({"maxHops": 7}, "BAD_ARGUMENT"),
        ({"sets": ["nonsense"]}, "UNKNOWN_ID"),
        ({"minAuthority": "nonsense"}, "BAD_VARIABLES"),
        ({"asOf": "yesterday"}, "BAD_VARIABLES"),
        ({"controls": [{"id": "A", "title": "a", "status": "implmented"}]}, "BAD_VARIABLES"),
        ({"controls": [{"id": "A", "title": "a", "status": None}]}, "BAD_VARIABLES"),
        (
            {"controls": [{"id": "A", "title": "a", "status": "planned", "mappings": [{"target": "a; b"}]}]},
            "BAD_ARGUMENT",
        ),
    ],
)
def test_input_that_makes_no_sense_is_refused_with_a_code(ask: Ask, changes: dict[str, Any], code: str) -> None:
    assert refusal(ask(assessed("release"), minimal(**changes)))["code"] == code


def test_an_unknown_framework_is_refused_with_the_nearest(ask: Ask) -> None:
    for field in ("coverage", "gaps"):
        found = refusal(ask(assessed(f'{field}(framework: "gdrp") {{ release }}'), minimal()))
        assert found["code"] == "UNKNOWN_ID"
        assert "gdpr" in found["hint"]


def test_only_a_requirement_is_explained(ask: Ask) -> None:
    found = refusal(ask(assessed('explain(requirement: { curie: "eu-ai-act:art-10" }) { release }'), minimal()))
    assert found["code"] == "BAD_ARGUMENT"
    assert "eu-ai-act:art-10." in found["hint"]
    found = refusal(ask(assessed('explain(requirement: { curie: "aisb:DAT-01" }) { release }'), minimal()))
    assert found["code"] == "BAD_ARGUMENT"


def test_the_preview_says_each_mapping_as_a_sentence(data: Ask) -> None:
    stated = {"target": "gdpr:art-32.1.a", "relation": "superset_of"}
    found = data(
        assessed("preview findings { code } controls { total implemented planned }"),
        minimal(stated, {"target": "aisb:DAT-01"}),
    )
    preview = found["assessment"]["preview"]
    assert len(preview) == 2
    assert "gdpr:art-32.1.a" in preview[0]
    assert "not stated" in preview[1]
    assert found["assessment"]["controls"] == {"total": 1, "implemented": 1, "planned": 0}


def test_null_is_as_good_as_left_out(data: Ask) -> None:
    query = assessed(
        'method asOf coverage(framework: "gdpr") { counts { covered applicable total } profile { title } }'
    )
    mapping = {"target": "gdpr:art-32.1.a", "relation": "superset_of"}
    nothing = {"maxHops": None, "minAuthority": None, "reviewedOnly": None, "sets": None, "profile": None}
    assert data(query, minimal(mapping)) == data(query, minimal(mapping, **nothing))


def test_filters_of_requirements_leave_the_counts_alone(data: Ask) -> None:
    every = "curie verdict applicability group"
    found = data(
        assessed(
            'coverage(framework: "gdpr") { counts { covered total } '
            f"all: requirements {{ {every} }} covered: requirements(verdict: [COVERED]) {{ {every} }} "
            f'mine: requirements(group: "gdpr:art-32", applicability: [APPLICABLE]) {{ {every} }} }}'
        ),
        minimal({"target": "gdpr:art-32.1.a", "relation": "superset_of"}),
    )["assessment"]["coverage"]
    assert len(found["all"]) == found["counts"]["total"]
    assert found["covered"] == [r for r in found["all"] if r["verdict"] == "COVERED"]
    assert len(found["covered"]) == found["counts"]["covered"] >= 1
    assert found["mine"] == [
        r for r in found["all"] if r["group"] == "gdpr:art-32" and r["applicability"] == "APPLICABLE"
    ]


def test_an_answer_is_computed_once_per_request(
    release: Release, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    original = answers.Assessment.coverage

    def counted(self: answers.Assessment, framework: str) -> answers.Coverage:
        calls.append(framework)
        return original(self, framework)

    monkeypatch.setattr(answers.Assessment, "coverage", counted)
    query = (
        "query($input: AssessmentInput!) {"
        ' a: assessment(input: $input) { coverage(framework: "gdpr") { counts { total } } }'
        ' b: assessment(input: $input) { coverage(framework: "gdpr") { groups { curie } } } }'
    )
    found = schema.execute_sync(query, variables, Context(release))
    assert found.errors is None
    assert calls == ["gdpr"]


# ---------------------------------------------------------------------------- limits


def chain(depth: int) -> str:
    return '{ node(id: "x") { ... on Provision { ' + "whole { " * (depth - 2) + "id" + " }" * (depth - 2) + " } } }"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (chain(limits.MAX_DEPTH + 1), "DEPTH_LIMIT"),
        ("{ ...F } fragment F on Query " + chain(limits.MAX_DEPTH + 1), "DEPTH_LIMIT"),
        ("{ a " * 300 + "}" * 300, "DEPTH_LIMIT"),
        ("{" + " ".join(f"a{i}: release" for i in range(limits.MAX_ALIASES + 1)) + "}", "ALIAS_LIMIT"),
        ("{" + "release " * (limits.MAX_REPEATS + 1) + "}", "REPEAT_LIMIT"),
        ("{" + "...F " * (limits.MAX_REPEATS + 1) + "} fragment F on Query { release }", "REPEAT_LIMIT"),
        ("{" + "... { release } " * (limits.MAX_REPEATS + 1) + "}", "REPEAT_LIMIT"),
        ("{ release }" + " fragment F on Query { release }" * limits.MAX_DEFINITIONS, "DEFINITION_LIMIT"),
        ("{" + "release " * limits.MAX_TOKENS + "}", "TOKEN_LIMIT"),
        (
            "{ mappings(first: 100) { nodes { subjectNode { ... on Provision { mappings(first: 100) { nodes "
            "{ objectNode { ... on Provision { mappings(first: 100) { nodes { row } } } } } } } } } } }",
            "COST_LIMIT",
        ),
        (
            "{ ...F0 } fragment F40 on Query { release }"
            + "".join(f" fragment F{i} on Query {{ ...F{i + 1} stats {{ release }} ...F{i + 1} }}" for i in range(40)),
            "COST_LIMIT",
        ),
    ],
)  # fmt: skip
def test_each_limit_refuses_with_its_code(ask: Ask, query: str, code: str) -> None:
    answer = ask(query)
    assert answer["data"] is None
    assert refusal(answer)["code"] == code


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["1" * 290 + "!", "art 1" + " a" * 140 + "!", "annex i" + "(a" * 140 + "!"])
def test_no_reference_takes_long_to_read(ask: Ask, text: str) -> None:
    by = {"reference": {"framework": "gdpr", "reference": text}}
    assert refusal(ask("query($by: By!) { requirement(by: $by) { curie } }", {"by": by}))["code"] == "UNKNOWN_ID"
    assert not ask("query($text: String!) { search(text: $text) { curie } }", {"text": text})["errors"]


def test_the_limits_themselves_are_allowed(ask: Ask) -> None:
    id_ = node_id("Provision", "gdpr:art-32.1.a")
    assert not ask(chain(limits.MAX_DEPTH).replace('"x"', f'"{id_}"'))["errors"]
    assert not ask("{" + " ".join(f"a{i}: release" for i in range(limits.MAX_ALIASES)) + "}")["errors"]
    assert not ask("{" + "release " * limits.MAX_REPEATS + "}")["errors"]


def test_introspection_is_allowed_and_bounded(ask: Ask) -> None:
    from graphql import get_introspection_query

    assert not ask(get_introspection_query(input_value_deprecation=True, one_of=True))["errors"]
    deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert refusal(ask(deep))["code"] == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ release }", None, 1),
        ("{ frameworks { name } }", None, 1 + 4),
        ("{ mappings(first: 20) { nodes { row set } } }", None, 1 + 20 * (1 + 2)),
        ("{ mappings { totalCount } }", None, 1 + 50),
        ("query($n: Int!) { mappings(first: $n) { nodes { row } } }", {"n": 3}, 1 + 3 * 2),
        ("query($n: Int! = 7) { mappings(first: $n) { nodes { row } } }", None, 1 + 7 * 2),
        ("{ mappings(first: 1) { nodes { ...F } } } fragment F on Mapping { row set }", None, 1 + 1 + 2),
    ],
)
def test_the_cost_is_weight_and_page_size_times_what_is_below(
    ask: Ask, query: str, variables: dict[str, Any] | None, cost: int
) -> None:
    answer = ask(query, variables)
    assert not answer["errors"]
    assert answer["extensions"]["cost"] == {"requested": cost, "limit": limits.MAX_COST}


def test_an_unsettled_page_size_is_taken_as_the_greatest() -> None:
    document = parse("query($n: Int!) { mappings(first: $n) { nodes { row } } }")
    operation: Any = document.definitions[0]
    assert limits.cost_of(CORE, document, operation, None) == 1 + connections.MAX_PAGE * 2


def test_full_coverage_of_all_frameworks_is_within_the_limits(
    data: Ask, assessment: answers.Assessment, variables: dict[str, Any]
) -> None:
    sample = merged([plain(assessment.coverage(f)) for f in assessment.release.frameworks])
    wanted = selection(CORE.type_map["Coverage"], sample)
    fields = " ".join(
        f'{name.replace("-", "_")}: coverage(framework: "{name}") {wanted}' for name in assessment.release.frameworks
    )
    assert data(assessed(fields), variables)


@pytest.mark.parametrize(
    "changes",
    [
        {"controls": [{"id": str(i), "title": "x", "status": "planned"} for i in range(inputs.MAX_CONTROLS + 1)]},
        {
            "controls": [
                {"id": "A", "title": "x", "status": "planned",
                 "mappings": [{"target": "gdpr:art-9"}] * (inputs.MAX_MAPPINGS + 1)}
            ]
        },
        {"profile": {"systems": [{"id": str(i)} for i in range(inputs.MAX_SYSTEMS + 1)]}},
        {"profile": {"facts": [{"name": "consent", "value": True}] * (inputs.MAX_ENTRIES + 1)}},
    ],
)  # fmt: skip
def test_too_much_input_is_refused(ask: Ask, changes: dict[str, Any]) -> None:
    assert refusal(ask(assessed("release"), minimal(**changes)))["code"] == "INPUT_LIMIT"


def test_the_limit_of_controls_holds_over_all_assessments_of_a_request(ask: Ask) -> None:
    half = inputs.MAX_CONTROLS // 2 + 1
    some = {
        name: {"controls": [{"id": f"{name}{i}", "title": "x", "status": "planned"} for i in range(half)]}
        for name in "ab"
    }
    query = (
        "query($a: AssessmentInput!, $b: AssessmentInput!) "
        "{ a: assessment(input: $a) { release } b: assessment(input: $b) { release } }"
    )
    assert refusal(ask(query, some))["code"] == "INPUT_LIMIT"


# ---------------------------------------------------------------------------- errors


def test_two_operations_without_a_name_are_refused(ask: Ask) -> None:
    both = "query A { release } query B { stats { mappings } }"
    found = refusal(ask(both))
    assert found["code"] == "OPERATION_NAME_REQUIRED"
    assert "A, B" in found["hint"]
    assert set(ask(both, operation="B")["data"]) == {"stats"}
    found = refusal(ask(both, operation="C"))
    assert found["code"] == "UNKNOWN_OPERATION"
    assert "A, B" in found["hint"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ ...Nowhere }", "VALIDATION_FAILED"),
        ("{ frameworks { ...Nowhere } }", "VALIDATION_FAILED"),
        ("{ ...F } fragment F on Query { ...F }", "VALIDATION_FAILED"),
        ("{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }", "VALIDATION_FAILED"),
        ("{ nonsense }", "VALIDATION_FAILED"),
        ("{ frameworks }", "VALIDATION_FAILED"),
        ("{ release", "SYNTAX_ERROR"),
        ("mutation { release }", "NOT_A_QUERY"),
        ("subscription { release }", "NOT_A_QUERY"),
        ("fragment F on Query { release }", "NO_OPERATION"),
        ("type T { a: Int }", "NO_OPERATION"),
    ],
)
def test_what_is_wrong_with_a_document_has_a_code(ask: Ask, query: str, code: str) -> None:
    answer = ask(query)
    assert answer["data"] is None
    found = [refusal({"errors": [e]}) for e in answer["errors"]]
    assert {f["code"] for f in found} == {code}
    assert not any("KeyError" in f["message"] for f in found)


@pytest.mark.parametrize("error", [RuntimeError("secret /path"), KeyError("secret"), ValueError("secret: password")])
def test_what_was_not_foreseen_is_masked_and_logged(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(answers, "search", fail)
    answer = ask('{ release search(text: "x") { curie } }')
    found = refusal(answer)
    assert found["code"] == "INTERNAL"
    assert found["message"] == "internal error"
    assert "secret" not in json.dumps(answer)
    assert REQUEST in caplog.text
    assert "secret" in caplog.text


def test_a_value_that_does_not_fit_the_schema_is_masked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "stats", lambda release: {"secret": 1})
    answer = ask("{ stats { release } }")
    assert refusal(answer)["code"] == "INTERNAL"
    assert "secret" not in json.dumps(answer)


def test_the_library_s_codes_are_known() -> None:
    from kg.errors import InputError, UnknownIdError, UsageError

    assert {InputError.code, UnknownIdError.code, UsageError.code} <= set(CODES)


def test_a_long_document_is_not_kept(ask: Ask) -> None:
    short, long = "{ release } #", "{ release } #" + "x" * prepared.LONG
    assert not ask(short)["errors"]
    assert schema.documents.known(short) is not None
    assert not ask(long)["errors"]
    assert not ask(long)["errors"]
    assert schema.documents.known(long) is None
    assert refusal(ask("{ nonsense } #" + "x" * prepared.LONG))["code"] == "VALIDATION_FAILED"


# ---------------------------------------------------------------------------- docs and examples


@pytest.mark.parametrize("example", examples(), ids=lambda e: e.name)
def test_every_example_runs(release: Release, example: Any, tmp_path: Path) -> None:
    """As the person at this machine, with a store of their own."""
    assert example.title
    assert example.query.startswith("# ")
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        store.create_organization("Mine", id="mine", actor=Actor("local"))
        me = Principal("local", platform=True, everywhere=True)
        context = Context(release, REQUEST, me, store)
        found = schema.execute_sync(example.query, json.loads(example.variables or "{}"), context)
    assert not found.errors, found.errors
    assert found.data
    assert all(value is not None for value in found.data.values())


def documented() -> list[tuple[str, dict[str, Any] | None]]:
    text = docs.PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```graphql\n(.*?)```(?:\n\n```json\n(.*?)```)?", text, flags=re.DOTALL)
    return [(query, json.loads(variables) if variables else None) for query, variables in blocks]


@pytest.mark.parametrize("query", documented(), ids=lambda q: q[0].split("{")[0].strip() or "query")
def test_every_query_in_the_docs_runs(data: Ask, query: tuple[str, dict[str, Any] | None]) -> None:
    found = data(*query)
    assert all(value is not None for value in found.values())


def test_the_tables_of_the_docs_are_those_of_the_code() -> None:
    text = docs.PAGE.read_text(encoding="utf-8")
    assert docs.refreshed(text) == text, "run: python -m api.docs"
    assert docs.codes_table() in text
    assert docs.limits_table() in text
