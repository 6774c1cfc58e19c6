"""Overlaps: what doing all of one framework covers of another, held to a slow second reading, and their permalinks."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from graphs import Case, cases, parse, random_case, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from typer.testing import CliRunner

from api.app import create_app
from api.context import Context
from api.schema import schema
from api.schema.inputs import MAX_SYSTEMS
from api.schema.overlaps import MAX_CELLS
from kg import Release
from kg.answers import Filter, Overlap, OverlapMatrix, Verdict, assume, both_ways, coverage, overlap, overlap_matrix
from kg.answers.applicability import Applicability, decide, units
from kg.cli.app import app as command_line
from kg.errors import InputError, KgError, UnknownIdError, UsageError
from kg.exports.csv import csv_text
from kg.exports.json import dumps, plain
from kg.exports.markdown import markdown_text
from kg.exports.tables import document
from kg.exports.xlsx import workbook
from kg.model import (
    EXPLICIT_FACTS,
    ROLES,
    TIERS,
    Authority,
    Control,
    ControlRow,
    ControlStatus,
    Exclusion,
    Profile,
    System,
)
from kg.organizations import profile_from_mapping, profile_to_mapping
from kg.permalink import (
    MAX_LINK,
    OverlapAnswer,
    ReleaseMismatchError,
    answer_permalink,
    parse_permalink,
    permalink_of,
)
from kg.relations import EQUAL

DAY = date(2026, 11, 23)
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def verdicts(found: Overlap) -> dict[str, str]:
    """Applicable requirement of the target → its verdict."""
    return {r.requirement.id: r.verdict.name for r in (*found.given, *found.left)}


def ask(case: Case, source: str, target: str) -> Overlap:
    return overlap(case.release, source, target, case.profile, case.as_of, case.filter)


def sides(case: Case) -> Iterator[tuple[str, str]]:
    """Every source with every target of a case."""
    for source in (*case.release.frameworks, "c"):
        for target in case.release.frameworks:
            yield source, target


# ------------------------------------------------------------------ by hand


def by_hand(text: str, source: str = "iso", target: str = "eu") -> Overlap:
    case, _ = parse(text)
    return ask(case, source, target)


def test_what_contains_is_given_and_what_overlaps_is_left() -> None:
    found = by_hand("""
        row p(project) iso:a superset_of eu:a
        row p(project) iso:a intersects_with eu:b unreviewed
        row p(project) iso:b related eu:c
        row p(project) iso:b no_relationship eu:d
        """)
    assert verdicts(found) == {"eu:a": "COVERED", "eu:b": "PARTIAL", "eu:c": "PARTIAL", "eu:d": "GAP"}
    assert [r.requirement.id for r in found.given] == ["eu:a"]
    assert [r.requirement.id for r in found.left] == ["eu:d", "eu:b", "eu:c"]
    assert (found.source.assumed, found.source.total) == (2, 2)
    assert (found.counts.covered, found.counts.applicable) == (1, 4)
    assert (found.rows.rows, found.rows.reviewed) == (1, 1)
    assert [(s.set, s.authority, s.rows) for s in found.rows.by_set] == [("p", "project", 1)]


def test_the_other_direction_is_another_question() -> None:
    case, _ = parse("row p(project) iso:a superset_of eu:a")
    pair = both_ways(case.release, "iso", "eu", as_of=case.as_of)
    assert verdicts(pair.forward) == {"eu:a": "COVERED"}
    assert verdicts(pair.backward) == {"iso:a": "PARTIAL"}


def test_overlaps_never_add_up() -> None:
    """Ten requirements that each share something with one do not cover it, nor do two halves; a joint node does."""
    rows = "\n".join(f"row p(project) iso:{n} intersects_with eu:a" for n in range(10))
    halves = "row p(project) iso:x subset_of eu:b\nrow p(project) iso:y subset_of eu:b"
    assert verdicts(by_hand(f"{rows}\n{halves}")) == {"eu:a": "PARTIAL", "eu:b": "PARTIAL"}


def test_a_joint_node_unites_what_the_source_has_and_names_the_chains_to_its_members() -> None:
    found = by_hand("""
        joint c:J = c:1 c:2
        row q(published) iso:a superset_of c:1
        row p(project) iso:b equal c:2 unreviewed
        row p(project) c:J superset_of eu:a
        """)
    assert verdicts(found) == {"eu:a": "COVERED"}
    assert [(m.joint, m.member, m.steps[0].object) for m in found.joined] == [
        ("c:J", "c:1", "iso:a"),
        ("c:J", "c:2", "iso:b"),
    ]
    assert (found.rows.rows, found.rows.reviewed) == (3, 2), "the rows of the members count too"


def test_a_whole_is_done_only_where_all_its_requirements_concern_the_organisation() -> None:
    """Everybody does 1.a, only providers 1.b: a deployer does not do Article 1."""
    text = """
        provision iso:1 group
        part iso:1 all_of iso:1.a
        part iso:1 all_of iso:1.b
        provision iso:1.b roles provider
        row p(project) iso:1 superset_of eu:a
        row p(project) iso:1.a superset_of eu:b
        """
    assert verdicts(by_hand(text)) == {"eu:a": "COVERED", "eu:b": "COVERED"}
    found = by_hand(text + "\nroles deployer")
    assert verdicts(found)["eu:b"] == "COVERED"
    assert verdicts(found)["eu:a"] != "COVERED"
    assert (found.source.assumed, found.source.total) == (1, 2)
    assert [(x.curie, x.applicability, x.because) for x in found.source.not_assumed] == [
        ("iso:1.b", Applicability.NOT_APPLICABLE, "role")
    ]


def test_a_system_has_what_it_does_itself_alone() -> None:
    """The source's duty falls on the one system, the target's on the other, or on both."""
    text = """
        provision iso:a roles provider
        provision eu:a roles deployer
        row p(project) iso:a superset_of eu:a
        row p(project) iso:a superset_of eu:b
        system s1 roles provider
        system s2 roles deployer
        """
    assert verdicts(by_hand(text)) == {"eu:a": "GAP", "eu:b": "GAP"}
    both = text.replace("s1 roles provider", "s1 roles provider,deployer").replace("s2 roles", "s2 roles provider,")
    assert verdicts(by_hand(both)) == {"eu:a": "COVERED", "eu:b": "COVERED"}


def test_what_is_assumed_needs_no_evidence() -> None:
    found = by_hand("row p(project) iso:a superset_of eu:a\nmax evidence age 1")
    assert verdicts(found) == {"eu:a": "COVERED"}
    assert found.profile is not None
    assert found.profile.max_evidence_age_days == 1, "the answer names the profile that was asked about"


def test_a_catalogue_gives_and_asks_for_nothing() -> None:
    case, _ = parse("row p(project) c:1 superset_of eu:a\nrow p(project) c:2 intersects_with eu:b")
    found = ask(case, "c", "eu")
    assert verdicts(found) == {"eu:a": "COVERED", "eu:b": "PARTIAL"}
    assert (found.source.kind, found.source.assumed, found.source.total) == ("catalogue", 2, 2)
    for refused in (lambda: ask(case, "eu", "c"), lambda: both_ways(case.release, "c", "eu")):
        with pytest.raises(UsageError, match="c is a catalogue"):
            refused()
    with pytest.raises(UnknownIdError, match="iso"):
        ask(case, "iso", "eu")


def test_a_dispute_and_our_blind_spot_are_said() -> None:
    found = by_hand("""
        row p(project) iso:a superset_of eu:a
        row q(published) iso:a no_relationship eu:a
        row p(project) iso:b superset_of eu:b
        provision eu:c
        row p(project) c:1 superset_of eu:b
        """)
    assert found.counts.disputed == 1
    assert [r.requirement.id for r in found.left] == ["eu:c"]
    assert found.no_mapping == 1


# ------------------------------------------------------------------ against a slow second reading


def done_by_hand(case: Case, source: str) -> list[Control]:
    """The controls of an organisation that does all of a source, from the definition and sharing no code with it."""
    release = case.release
    if source == "c":
        return [Control(f"do {r}", r, ControlStatus.IMPLEMENTED, (ControlRow(r, EQUAL),)) for r in release.controls]
    requirements = {r.id: r for r in release.requirements(source, case.as_of)}
    found = []
    text = release.text_in_force(source, case.as_of)
    for p in release.provisions.values():
        below = {p.id}
        while more := {x.part for x in release.parts if x.whole in below} - below:
            below |= more
        mine = [requirements[i] for i in below & requirements.keys()]
        whom = [
            u.id
            for u in units(case.profile)
            if all(
                decide(release, r, case.profile, u, case.as_of).applicability is Applicability.APPLICABLE for r in mine
            )
        ]
        if p.framework == source and p.in_text(text) and mine and whom:
            systems = tuple(w for w in whom if w)
            found.append(
                Control(
                    f"do {p.id}", p.id, ControlStatus.IMPLEMENTED, (ControlRow(p.id, EQUAL),), systems=systems,
                    evidence_date=case.as_of,
                )
            )  # fmt: skip
    return found


def slowly(case: Case, source: str) -> dict[str, str]:
    """Every requirement of every framework → its verdict, by the oracle."""
    f = case.filter
    fresh = replace(case.profile, max_evidence_age_days=None) if case.profile else None
    oracle = Oracle(
        case.release, done_by_hand(case, source), fresh, case.as_of,
        max_hops=f.max_hops, min_authority=f.min_authority, reviewed_only=f.reviewed_only, sets=f.sets,
    )  # fmt: skip
    return {id_: answer.verdict for id_, answer in oracle.answers().items()}


def test_an_overlap_is_what_the_oracle_says_of_controls_written_by_hand() -> None:
    given_somewhere = 0
    for seed in range(100):
        case = random_case(Random(f"overlap {seed}"))
        for source in (*case.release.frameworks, "c"):
            wanted = slowly(case, source)
            for target in case.release.frameworks:
                found = verdicts(ask(case, source, target))
                assert found == {id_: wanted[id_] for id_ in found}, f"{source} to {target}\n{write(case)}"
                given_somewhere += source != target and "COVERED" in found.values()
    assert given_somewhere > 30, "the random graphs say too little to test anything"


@quick
@given(cases)
def test_counts_are_those_of_coverage_and_lists_are_what_is_counted(case: Case) -> None:
    profile = replace(case.profile, max_evidence_age_days=None) if case.profile else None
    for source, target in sides(case):
        found = ask(case, source, target)
        controls = done_by_hand(case, source)
        assert found.counts == coverage(case.release, controls, target, profile, case.as_of, case.filter).counts
        n = found.counts
        assert (len(found.given), len(found.left)) == (n.covered, n.applicable - n.covered)
        assert all(r.verdict is Verdict.COVERED and r.explanation for r in found.given)
        assert found.rows.rows == sum(s.rows for s in found.rows.by_set) >= found.rows.reviewed
        s = found.source
        if s.kind == "framework":
            assert s.assumed + s.not_applicable + s.not_yet_applicable == s.total == s.assumed + len(s.not_assumed)


@quick
@given(cases)
def test_a_framework_gives_all_of_itself(case: Case) -> None:
    for framework in case.release.frameworks:
        found = ask(case, framework, framework)
        assert not found.left, write(case)
        assert found.counts.disputed == 0
        assert found.source.assumed == found.counts.applicable


@quick
@given(cases, st.randoms(use_true_random=False))
def test_doing_less_of_the_source_never_gives_more(case: Case, rng: Random) -> None:
    """An exclusion takes away from what is assumed and so from what is given, never the other way."""
    source, target = rng.choice([x for x in sides(case) if x[0] != x[1] and x[0] != "c"])
    inside = [p.id for p in case.release.provisions.values() if p.framework == source]
    without = Exclusion(rng.choice(inside), "not ours")
    profile = replace(case.profile or Profile(), exclusions=(without,))
    more, less = verdicts(ask(case, source, target)), verdicts(ask(replace(case, profile=profile), source, target))
    assert more.keys() == less.keys()
    assert all(Verdict[less[id_]] <= Verdict[more[id_]] for id_ in more), write(case)


@quick
@given(cases, st.randoms(use_true_random=False))
def test_nothing_depends_on_order(case: Case, rng: Random) -> None:
    def mixed(things: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(rng.sample(things, len(things)))

    names = ("provisions", "parts", "sets", "rows", "references", "joints")
    other = replace(case, **{name: mixed(getattr(case, name)) for name in names})
    every = ["c", *case.release.frameworks]
    shuffled = rng.sample(every, len(every))
    how = (case.profile, case.as_of, case.filter)
    one = overlap_matrix(case.release, every, every[1:], *how)
    two = overlap_matrix(other.release, shuffled, [f for f in shuffled if f != "c"], *how)
    assert dumps(one, case.release) == dumps(two, other.release)
    for source, target in sides(case):
        one_, two_ = dumps(ask(case, source, target), case.release), dumps(ask(other, source, target), other.release)
        assert one_ == two_, write(case)


# ------------------------------------------------------------------ the matrix


@pytest.fixture(scope="module")
def square(release: Release) -> OverlapMatrix:
    """The frameworks against each other."""
    return overlap_matrix(release, as_of=DAY)


@pytest.fixture(scope="module")
def link(release: Release) -> str:
    """A permalink with everything in it."""
    found = permalink_of(both_ways(release, "iso42001", "nist-ai-rmf", HARROW, DAY, FILTERS[2]))
    assert found is not None
    return found


def test_a_cell_is_the_overlap(release: Release, square: OverlapMatrix) -> None:
    found = square
    assert [(c.source, c.target) for c in found.cells] == [
        (s, t) for s in release.frameworks for t in release.frameworks
    ]
    for c in found.cells[::3]:
        alone = overlap(release, c.source, c.target, as_of=DAY)
        assert (c.counts, c.rows, c.no_mapping) == (alone.counts, alone.rows, alone.no_mapping)
        assert {d.id for d in alone.disclaimers} <= {d.id for d in found.disclaimers}
    assert all(found.cell(f, f).counts.percent_covered == 100 for f in release.frameworks)
    with pytest.raises(KeyError):
        found.cell("atlas", "gdpr")


def test_certification_gives_no_presumption_and_the_answer_says_so(release: Release) -> None:
    for source, target in (("iso42001", "eu-ai-act"), ("eu-ai-act", "iso42001")):
        ids = {d.id for d in overlap(release, source, target, as_of=DAY).disclaimers}
        assert "disclaimer:iso42001-no-presumption" in ids
    assert "disclaimer:iso42001-no-presumption" not in {
        d.id for d in overlap(release, "aisb", "gdpr", as_of=DAY).disclaimers
    }


def test_a_matrix_needs_sources_and_targets_that_exist(release: Release) -> None:
    for sources, targets in (([], None), (None, []), (["nonsense"], None), (None, ["aisb"])):
        with pytest.raises(KgError):
            overlap_matrix(release, sources, targets)


def test_the_sentence_has_both_denominators(release: Release) -> None:
    found = overlap(release, "eu-ai-act", "nist-ai-rmf", as_of=DAY)
    n, s = found.counts, found.source
    for said in (f"{n.covered} of {n.applicable} applicable", f"{s.assumed} of its {s.total} requirements"):
        assert said in found.sentence
    assert s.assumed < s.total, "most duties of the Act do not apply yet on that day"


# ------------------------------------------------------------------ profiles there and back

_DAYS = st.dates(date(1950, 1, 1), date(2099, 1, 1))
#: What a day of placing on the market decides may not be said otherwise beside it.
_DATED = ("placed-", "gpai-before-")
_NAMES = sorted(f for f in EXPLICIT_FACTS if not f.startswith(_DATED))
_FACTS = st.dictionaries(st.sampled_from(_NAMES), st.booleans(), max_size=4)
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_ROLE_LISTS = st.lists(st.sampled_from(sorted(ROLES)), max_size=3, unique=True)
_SYSTEMS = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)},
        optional={
            "title": _TEXT,
            "roles": _ROLE_LISTS,
            "tiers": st.lists(st.sampled_from(sorted(TIERS)), max_size=2, unique=True),
            "facts": _FACTS,
            "placed_on_market": _DAYS,
        },
    ),
    max_size=3,
    unique_by=lambda s: s["id"],
)
_EXCLUSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "target": st.sampled_from(["gdpr", "eu-ai-act:art-27", "EU AI Act Article 26", "iso42001:A.5.5"]),
            "justification": st.text(st.characters(categories=("L", "N")), min_size=1, max_size=9),
        }
    ),
    max_size=3,
    unique_by=lambda e: e["target"],
)
MAPPINGS = st.fixed_dictionaries(
    {},
    optional={
        "title": _TEXT,
        "as_of": _DAYS,
        "jurisdictions": st.lists(st.sampled_from(["EU", "US", "ch"]), max_size=3),
        "roles": _ROLE_LISTS.filter(bool),
        "facts": _FACTS,
        "systems": _SYSTEMS,
        "exclusions": _EXCLUSIONS,
        "max_evidence_age_days": st.integers(1, 4000),
    },
)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(MAPPINGS)
def test_a_profile_comes_back_as_it_was(release: Release, mapping: dict[str, Any]) -> None:
    profile = profile_from_mapping(mapping, release)
    told = profile_to_mapping(profile)
    assert profile_from_mapping(json.loads(json.dumps(told)), release) == profile
    assert profile_to_mapping(profile_from_mapping(told, release)) == told


# ------------------------------------------------------------------ permalinks

HARROW = Profile(
    title="Härrow & Søn = 1/2 ?#",
    as_of=date(2027, 1, 1),
    jurisdictions=("EU",),
    roles=("deployer",),
    systems=(System("s1", "CV screening", (), ("high-risk",), (("annex-iii", True),), date(2027, 3, 1)),),
    exclusions=(Exclusion("eu-ai-act:art-27", "no public body"),),
    max_evidence_age_days=365,
)
FILTERS = (
    Filter(),
    Filter(max_hops=1, min_authority=Authority.HOSTED),
    Filter(2, Authority.PROJECT, True, ("aisb-gdpr", "aisb-eu-ai-act")),
)


def questions(release: Release) -> Iterator[OverlapAnswer]:
    """Answers of every form, for profiles, days and filters of every kind."""
    for n, filter_ in enumerate(FILTERS):
        how = ((None, DAY, filter_), (HARROW, date(2028, 1, 1), filter_), (HARROW, None, filter_))
        yield overlap(release, "iso42001", "eu-ai-act", *how[n])
        yield both_ways(release, "nist-ai-rmf", "iso42001", *how[n - 1])
        yield overlap_matrix(release, ["finos-air", "aisb"], ["iso42001", "gdpr"], *how[n - 2])


def test_a_permalink_gives_the_same_bytes_again(release: Release) -> None:
    links = set()
    for answer in questions(release):
        link = permalink_of(answer)
        assert link is not None
        again = answer_permalink(release, link)
        assert dumps(again, release) == dumps(answer, release)
        assert permalink_of(again) == link
        assert plain(answer, release)["permalink"] == link
        links.add(link)
        path, _, query = link.partition("?")
        whole = parse_permalink(f"https://kg.example:8443/kg{path}.csv?{query}", release)
        assert (replace(whole, suffix=""), whole.suffix) == (parse_permalink(link, release), "csv")
    assert len(links) == 9, "every question has a link of its own"


@quick
@given(cases, MAPPINGS.map(lambda m: {k: v for k, v in m.items() if k not in ("exclusions", "jurisdictions")}))
def test_permalinks_of_random_graphs(case: Case, mapping: dict[str, Any]) -> None:
    release = case.release
    profile = profile_from_mapping(mapping, release)
    first, *_ = release.frameworks
    for answer in (
        overlap(release, "c", first, profile, case.as_of, case.filter),
        both_ways(release, first, first, profile, None, case.filter),
        overlap_matrix(release, None, None, profile, case.as_of, case.filter),
    ):
        link = permalink_of(answer)
        assert link is not None
        assert dumps(answer_permalink(release, link), release) == dumps(answer, release)


def test_the_order_of_parameters_does_not_matter_and_what_is_left_out_is_the_default(release: Release) -> None:
    answer = overlap(release, "iso42001", "gdpr", HARROW, DAY)
    link = permalink_of(answer)
    assert link is not None
    path, _, query = link.partition("?")
    turned = "&".join(reversed(query.split("&")))
    assert answer_permalink(release, f"{path}?{turned}") == answer
    assert answer_permalink(release, "/overlaps/iso42001/gdpr?asOf=2026-11-23") == replace(
        overlap(release, "iso42001", "gdpr", None, DAY)
    )
    assert parse_permalink("/overlaps/iso42001/gdpr", release).as_of is None


def test_another_release_is_refused_by_name_unless_any_will_do(release: Release) -> None:
    link = permalink_of(overlap(release, "iso42001", "gdpr", as_of=DAY))
    assert link is not None
    foreign = link.replace(release.digest, "0123456789abcdef")
    with pytest.raises(ReleaseMismatchError, match=f"0123456789abcdef.*{release.digest}"):
        answer_permalink(release, foreign)
    assert permalink_of(answer_permalink(release, foreign, any_release=True)) == link
    unpinned = link.replace(f"&release={release.digest}", "")
    assert permalink_of(answer_permalink(release, unpinned)) == link


def test_a_profile_too_long_for_a_link_has_none(release: Release) -> None:
    rng = Random(7)
    noise = "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(3_000))
    answer = overlap(release, "iso42001", "gdpr", Profile(title=noise), DAY)
    assert permalink_of(answer) is None
    assert plain(answer, release)["permalink"] is None
    assert "too long" in dict(document(answer, release).facts)["Permalink"]


def test_a_long_profile_is_compressed_and_comes_back(release: Release) -> None:
    profile = Profile(
        exclusions=tuple(Exclusion(p, "the same words for all of them") for p in list(release.provisions)[:150])
    )
    answer = overlap(release, "iso42001", "gdpr", profile, DAY)
    link = permalink_of(answer)
    assert link is not None
    assert len(link) <= MAX_LINK < len(json.dumps(profile_to_mapping(profile)))
    assert answer_permalink(release, link) == answer


def packed(data: bytes) -> str:
    return "/overlaps/gdpr/gdpr?profile=" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


BAD = {
    "": "not the path",
    "/": "not the path",
    "/overlap/gdpr/gdpr": "not the path",
    "/overlaps/gdpr": "not the path",
    "/overlaps/gdpr/gdpr/gdpr": "not the path",
    "http://[/overlaps": "not an address",
    "/overlaps?asof=2026-11-23": "did you mean asOf",
    "/overlaps?asOf": "cannot be read",
    "/overlaps?asOf=%ff": "cannot be read",
    "/overlaps?asOf=": "asOf is empty",
    "/overlaps?asOf=2026-13-01": "asOf: there is no day",
    "/overlaps?asOf=2026-11-23&asOf=2026-11-23": "given twice",
    "/overlaps?maxHops=4": "out of range",
    "/overlaps?maxHops=-1": "not a number of hops",
    "/overlaps?maxHops=²": "not a number of hops",
    "/overlaps?minAuthority=king": "one of: owner",
    "/overlaps?reviewedOnly=yes": "neither true nor false",
    "/overlaps?sets=aisb-gdrp": "did you mean aisb-gdpr",
    "/overlaps?release=latest": "not the digest",
    "/overlaps?both=true": "does not go with",
    "/overlaps/gdpr/gdpr?sources=gdpr": "does not go with",
    "/overlaps?sources=gdpr,": "framework or catalogue ''",
    "/overlaps/gdrp/gdpr": "did you mean gdpr",
    "/overlaps?profile=%21": "cannot be read",
    "/overlaps?profile=A": "cannot be read",
    packed(b"[]"): "cannot be read",
    packed(b'{"a":'): "cannot be read",
    packed(b"[" * 5000): "cannot be read",
    packed(zlib.compress(b'{"title":"' + b"x" * 1_000_000 + b'"}')): "cannot be read",
    packed(zlib.compress(b'{"title":"x"}')[:-2]): "cannot be read",
    packed(zlib.compress(b'{"title":"x"}') + b"more"): "cannot be read",
    packed(b'{"title":"\xff"}'): "cannot be read",
    packed(b'{"tittle":"x"}'): "did you mean title",
    packed(b'{"roles":[]}'): "an empty list",
    "/overlaps?sets=" + "x" * MAX_LINK: "cannot be meant",
}


@pytest.mark.parametrize(("link", "said"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_link_has_one_clear_error(release: Release, link: str, said: str) -> None:
    with pytest.raises(KgError) as error:
        answer_permalink(release, link)
    assert said in f"{error.value}", f"{error.value}"
    assert len(f"{error.value}") < 600


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    st.text(max_size=80)
    | st.text(max_size=60).map(lambda t: f"/overlaps/gdpr/gdpr?{t}")
    | st.binary(max_size=80).map(packed)
    | st.binary(max_size=60).map(lambda b: packed(zlib.compress(b'{"title":' + b)))
    | _JSON.map(lambda x: packed(json.dumps({"systems": x, "facts": x, "exclusions": x}).encode()))
)
def test_garbage_is_a_question_or_refused(release: Release, text: str) -> None:
    with suppress(KgError):
        parse_permalink(text, release)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_damaged_link_is_a_question_or_refused(release: Release, link: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(link)))
        link = link[:at] + data.draw(st.text(max_size=2)) + link[at + data.draw(st.integers(0, 3)) :]
    with suppress(KgError):
        parse_permalink(link, release)


# ------------------------------------------------------------------ files


def test_files_repeat_the_numbers(release: Release, square: OverlapMatrix) -> None:
    found = square
    cells, wide, left_out = document(found, release).tables
    for record, c in zip(cells.records(), found.cells, strict=True):
        assert (record["source"], record["target"]) == (c.source, c.target)
        assert (record["covered"], record["applicable"]) == (c.counts.covered, c.counts.applicable)
        assert record["partial"] == c.counts.partial
    row = wide.records()[0]
    n = found.cell("iso42001", "nist-ai-rmf").counts
    assert row["nist-ai-rmf.percent"] == round(n.percent_covered or 0, 1)
    assert row["nist-ai-rmf.counts"] == f"{n.covered} of {n.applicable}, {n.partial} partial"
    assert len(left_out.rows) == sum(len(s.not_assumed) for s in found.sources)


def test_documents_of_every_form(release: Release) -> None:
    for answer in (
        overlap(release, "aisb", "iso42001", HARROW, DAY),
        both_ways(release, "iso42001", "nist-ai-rmf", None, DAY),
        overlap_matrix(release, ["finos-air", "iso42001"], None, None, DAY),
    ):
        d = document(answer, release)
        link = permalink_of(answer)
        assert ("Permalink", link) in d.facts
        assert release.digest in dict(d.facts)["Release"]
        assert d.disclaimers
        for table in d.tables:
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert all(c.description for c in table.columns)
        assert csv_text([d]).count("\n") == 1 + len(d.tables[0].rows)
        assert str(link).replace("&", "&amp;") in markdown_text([d])
        assert workbook([d]) == workbook([document(answer_permalink(release, str(link)), release)])


def test_percentages_are_coloured_on_one_scale(release: Release, square: OverlapMatrix) -> None:
    book = workbook([document(square, release)])
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        sheet = archive.read("xl/worksheets/sheet3.xml").decode()
    assert sheet.count("<colorScale>") == len(release.frameworks)
    assert '<cfvo type="num" val="0"/><cfvo type="num" val="50"/><cfvo type="num" val="100"/>' in sheet


# ------------------------------------------------------------------ the command line

Run = Callable[..., Any]


@pytest.fixture
def run(release: Release, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``kg overlap …`` in this process over the release that was read once."""
    monkeypatch.setattr(Release, "load", lambda *folders: release)
    monkeypatch.setenv("COLUMNS", "80")

    def command(*args: str, code: int = 0) -> Any:
        result = CliRunner().invoke(command_line, ["overlap", *args])
        assert not isinstance(result.exception, Exception), result.exception
        assert result.exit_code == code, result.output
        return result

    return command


def test_two_frameworks_are_told_both_ways(run: Run, release: Release) -> None:
    said = run("iso42001", "EU AI Act", "--as-of", "2026-11-23", "--left", "3").stdout
    pair = both_ways(release, "iso42001", "eu-ai-act", as_of=DAY)
    flat = " ".join(said.split())
    for o in (pair.forward, pair.backward):
        assert o.sentence in flat
    assert "gives no presumption of conformity" in flat
    assert said.rstrip().endswith(str(permalink_of(pair)))
    assert max(len(line) for line in said.splitlines() if "/overlaps/" not in line) <= 80
    once = run("iso42001", "EU AI Act", "--one-way", "--as-of", "2026-11-23", "--format", "json").stdout_bytes
    assert once == dumps(pair.forward, release)


def test_a_catalogue_is_told_one_way(run: Run, release: Release) -> None:
    said = run("aisb", "gdpr", "--as-of", "2026-11-23", "--format", "json").stdout_bytes
    assert said == dumps(overlap(release, "aisb", "gdpr", as_of=DAY), release)


def test_every_percentage_of_the_matrix_stands_over_its_counts(run: Run, square: OverlapMatrix) -> None:
    said = run("--matrix", "--as-of", "2026-11-23").stdout
    assert max(len(line) for line in said.splitlines() if "/overlaps" not in line) <= 80
    lines = said.splitlines()
    found = square
    for s in found.sources:
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{s.short_title} ") and " %" in line)
        for t in found.targets:
            n = found.cell(s.id, t.id).counts
            assert f"{n.percent_covered:.1f} %" in lines[at]
            assert f"{n.covered} of {n.applicable}" in lines[at + 1]
    assert f"{found.cell('gdpr', 'eu-ai-act').counts.not_yet_applicable} not yet applicable" in said


def test_a_narrow_terminal_gets_a_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    said = run(
        "--matrix", "--from", "all", "--to", "gdpr", "--to", "iso42001", "--to", "eu-ai-act", "--to", "NIST AI RMF"
    ).stdout
    assert "0 of 166" in said


def test_a_link_gives_the_same_bytes_and_refuses_company(run: Run, release: Release, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('title = "Harrow"\nroles = ["deployer"]\n', encoding="utf-8")
    first = run("gdpr", "eu-ai-act", "-p", str(path), "--as-of", "2028-01-01", "--format", "json").stdout_bytes
    link = json.loads(first)["permalink"]
    assert run("--permalink", link, "--format", "json").stdout_bytes == first
    foreign = link.replace(release.digest, "0123456789abcdef")
    refused = run("--permalink", foreign, code=2).stderr
    assert "RELEASE_MISMATCH" in refused
    assert "0123456789abcdef" in refused
    assert release.digest in refused
    assert run("--permalink", foreign, "--any-release", "--format", "json").stdout_bytes == first
    for beside in (["gdpr", "iso42001"], ["--matrix"], ["--as-of", "2028-01-01"], ["--max-hops", "1"]):
        assert "says everything by itself" in run("--permalink", link, *beside, code=2).stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "two frameworks, or --matrix"),
        (["gdpr"], "two frameworks, or --matrix"),
        (["gdpr", "iso42001", "--matrix"], "two frameworks, or --matrix"),
        (["gdpr", "iso42001", "--from", "aisb"], "two frameworks, or --matrix"),
        (["gdpr", "aisb"], "aisb is a catalogue"),
        (["gdrp", "iso42001"], "did you mean gdpr?"),
        (["aisbb", "iso42001"], "did you mean aisb?"),
        (["iso42001", "gdrp"], "did you mean gdpr?"),
        (["--matrix", "--one-way"], "two frameworks, or --matrix"),
        (["--matrix", "--any-release"], "goes with --permalink only"),
        (["--permalink", "nonsense"], "not the path of an overlap"),
        (["gdpr", "iso42001", "--format", "xlsx"], "-o answer.xlsx"),
    ],
)
def test_a_bad_request_has_one_line(run: Run, args: list[str], said: str) -> None:
    found = run(*args, code=2)
    assert said in found.stderr
    assert found.stderr.count("\n") == 1
    assert not found.stdout


# ------------------------------------------------------------------ HTTP

Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def app(release: Release) -> FastAPI:
    return create_app(release)


@pytest.fixture(scope="module")
def call(app: FastAPI) -> Call:
    """Sends one request to the application, without a network."""

    def send(path: str, **headers: str) -> httpx.Response:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return asyncio.run(get())

    return send


def test_the_address_gives_the_bytes_of_the_command_line(call: Call, release: Release) -> None:
    for answer in (
        both_ways(release, "iso42001", "nist-ai-rmf", HARROW, DAY),
        overlap_matrix(release, ["finos-air"], ["gdpr"], None, DAY),
    ):
        link = str(permalink_of(answer))
        d = [document(answer, release)]
        path, _, query = link.partition("?")
        for suffix, body in (
            ("", dumps(answer, release)),
            (".json", dumps(answer, release)),
            (".csv", csv_text(d).encode()),
            (".md", markdown_text(d).encode()),
            (".xlsx", workbook(d)),
        ):
            found = call(f"{path}{suffix}?{query}")
            assert (found.status_code, found.content) == (200, body), suffix
            etag = found.headers["etag"]
            assert etag.startswith('"')
            for known in (etag, f'"x", W/{etag}', "*"):
                again = call(f"{path}{suffix}?{query}", if_none_match=known)
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert call(f"{path}{suffix}?{query}", if_none_match='"other"').status_code == 200
        assert call(link, accept="text/csv").content == csv_text(d).encode()
        refused = call(link, accept="image/png")
        assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")


def test_what_may_be_kept_by_whom(call: Call, release: Release) -> None:
    plain_, mine = (str(permalink_of(overlap(release, "gdpr", "gdpr", p, DAY))) for p in (None, HARROW))
    assert call(plain_).headers["cache-control"].startswith("public, max-age=")
    assert call(mine).headers["cache-control"].startswith("private, max-age=")
    assert call("/overlaps/gdpr/gdpr?asOf=2026-11-23").headers["cache-control"] == "public, no-cache"


def test_another_release_is_a_conflict(call: Call, release: Release) -> None:
    found = call("/overlaps/gdpr/gdpr?release=0123456789abcdef")
    body = found.json()
    assert (found.status_code, found.headers["content-type"]) == (409, "application/problem+json")
    assert (body["code"], body["status"]) == ("RELEASE_MISMATCH", 409)
    assert "0123456789abcdef" in body["detail"]
    assert release.digest in body["detail"]


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["/overlaps", "/overlaps/gdpr/gdpr", "/overlaps/", "/overlaps."]), st.text(max_size=30))
def test_no_address_is_a_fault_of_the_server(call: Call, path: str, rest: str) -> None:
    for address in (f"{path}?release=0123456789abcdef&{rest}", f"{path}{rest}?release=0123456789abcdef"):
        with suppress(httpx.InvalidURL, UnicodeEncodeError):
            assert call(address).status_code < 500


@pytest.mark.parametrize("link", [x for x in BAD if x.startswith("/overlaps") and x.isascii()])
def test_a_bad_address_is_a_problem_document(call: Call, link: str) -> None:
    found = call(link)
    assert 400 <= found.status_code < 500
    assert found.json()["code"] in ("BAD_ARGUMENT", "INVALID_INPUT", "NOT_FOUND", "UNKNOWN_ID")


def test_too_much_is_refused(call: Call) -> None:
    systems = {"systems": [{"id": f"s{n}"} for n in range(MAX_SYSTEMS + 1)]}
    found = call(packed(json.dumps(systems).encode()))
    assert (found.status_code, found.json()["code"]) == (413, "INPUT_LIMIT")
    names = ",".join(f"x{n}" for n in range(MAX_CELLS))
    assert call(f"/overlaps?sources={names}").json()["code"] == "INPUT_LIMIT"


# ------------------------------------------------------------------ GraphQL


def graphql(release: Release, query: str, **variables: Any) -> dict[str, Any]:
    found = schema.execute_sync(query, variables, Context(release, "request-1"))
    assert not found.errors, found.errors
    assert found.data is not None
    return found.data


def test_graphql_says_what_the_json_says(release: Release) -> None:
    profile = {"roles": ["deployer"], "jurisdictions": ["EU"], "maxEvidenceAgeDays": 365}
    data = graphql(
        release,
        """query ($profile: ProfileInput) {
          overlap(source: "iso42001", target: "eu-ai-act", asOf: "2028-01-01", profile: $profile, maxHops: 2) {
            permalink sentence method release asOf noMapping
            source { id assumed total notAssumed(first: 100) { totalCount nodes { curie because } } }
            target { id textVersion }
            counts { covered applicable percentCovered partial lead gap }
            rows { rows reviewed bySet { set authority rows reviewed } }
            filter { maxHops minAuthority reviewedOnly sets }
            disclaimers { id }
            given { totalCount nodes { curie explanation { steps { subject relation object row } } } }
            left(first: 5) { totalCount nodes { curie verdict reasons couldCover } }
            joined { totalCount }
            groups { curie counts { covered } }
            reverse { permalink reverse { permalink } }
          } }""",
        profile=profile,
    )["overlap"]
    whom = profile_from_mapping({"roles": ["deployer"], "jurisdictions": ["EU"], "max_evidence_age_days": 365}, release)
    it = overlap(release, "iso42001", "eu-ai-act", whom, date(2028, 1, 1), Filter(max_hops=2))
    said = plain(it, release)
    for key in ("permalink", "sentence", "method", "release", "asOf", "noMapping", "rows", "filter"):
        assert data[key] == said[key], key
    for key in data["counts"]:
        assert data["counts"][key] == said["counts"][key]
    assert data["source"]["notAssumed"]["totalCount"] == len(said["source"]["notAssumed"])
    assert data["given"]["totalCount"] == len(said["given"])
    assert [n["curie"] for n in data["given"]["nodes"]] == [r["curie"] for r in said["given"]][:50]
    assert [n["curie"] for n in data["left"]["nodes"]] == [r["curie"] for r in said["left"][:5]]
    back = overlap(release, "eu-ai-act", "iso42001", whom, date(2028, 1, 1), Filter(max_hops=2))
    assert data["reverse"]["permalink"] == permalink_of(back)
    assert data["reverse"]["reverse"]["permalink"] == data["permalink"]


def test_graphql_matrix(release: Release) -> None:
    data = graphql(
        release,
        """{ overlapMatrix(sources: ["iso42001", "finos-air"], asOf: "2026-11-23") {
             permalink cells { source target counts { covered applicable } noMapping rows { rows } }
             sources { id kind textVersion } targets { id } }
             overlap(source: "finos-air", target: "gdpr", asOf: "2026-11-23") { reverse { sentence } } }""",
    )
    said = plain(overlap_matrix(release, ["finos-air", "iso42001"], None, None, DAY), release)
    assert data["overlapMatrix"]["permalink"] == said["permalink"]
    assert [(c["source"], c["target"], c["counts"]["covered"]) for c in data["overlapMatrix"]["cells"]] == [
        (c["source"], c["target"], c["counts"]["covered"]) for c in said["cells"]
    ]
    assert data["overlap"]["reverse"] is None


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('{ overlap(source: "gdpr", target: "nope") { sentence } }', UnknownIdError),
        ('{ overlap(source: "nope", target: "gdpr") { sentence } }', UnknownIdError),
        ('{ overlap(source: "gdpr", target: "gdpr", maxHops: 9) { sentence } }', UsageError),
        ('{ overlap(source: "gdpr", target: "gdpr", sets: ["x"]) { sentence } }', UnknownIdError),
        ('{ overlap(source: "gdpr", target: "gdpr", profile: {roles: []}) { sentence } }', InputError),
        ('{ overlapMatrix(targets: ["aisb"]) { permalink } }', UsageError),
    ],
)
def test_graphql_refuses(release: Release, query: str, wanted: type[KgError]) -> None:
    found = schema.execute_sync(query, {}, Context(release, "request-1"))
    assert found.errors
    assert isinstance(found.errors[0].original_error, wanted)


def test_the_query_of_the_docs_answers(release: Release) -> None:
    page = (Path(__file__).parents[1] / "docs" / "overlap.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"^```graphql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert graphql(release, query)["overlap"]["counts"]["applicable"] > 0


def test_one_assumption_answers_for_every_target(release: Release) -> None:
    """What the matrix shares between its cells says the same as each question by itself."""
    giver = assume(release, "iso42001", HARROW, DAY)
    for target in release.frameworks:
        assert giver.overlap(target) == overlap(release, "iso42001", target, HARROW, DAY)
