"""What happened to others: gaps by incidents, what concerns a case, and whether an organisation would be covered."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kg import Release
from kg.answers import (
    Assessment,
    CaseFilter,
    Verdict,
    assess,
    case_of,
    concerns,
    exposure,
    exposure_ranking,
    gap_report,
    readiness,
)
from kg.answers.concerns import LinkScope, ThreatSource, ThreatStage, find_threats
from kg.answers.exposure import REPORTED_CASES_ONLY, AddressedThrough
from kg.answers.readiness import Holding, StageAnswer
from kg.cli.app import app
from kg.cli.demo import example_paths
from kg.errors import KgError, UnknownIdError, UsageError
from kg.exports.json import dumps, plain
from kg.exports.tables import document
from kg.model import (
    SECTORS,
    Catalogue,
    Control,
    ControlRow,
    ControlStatus,
    Framework,
    Incident,
    Part,
    PartKind,
    Profile,
    Provision,
    ReferenceControl,
    System,
    TextVersion,
    Threat,
    ThreatLink,
    ThreatRelation,
)
from kg.organizations import read_controls, read_profile
from kg.relations import SUPERSET_OF
from kg.sources import Content
from kg.terms import natural_key

DAY = date(2026, 11, 23)
CONTROLS, PROFILE = map(str, example_paths())


@pytest.fixture(scope="module")
def company(release: Release) -> Assessment:
    """The example organisation's."""
    about = read_profile(Path(PROFILE), release)
    systems = [s.id for s in about.systems]
    return assess(release, read_controls(Path(CONTROLS), release, systems=systems).controls, about)


def does(release: Release, *targets: str, status: ControlStatus = ControlStatus.IMPLEMENTED) -> Assessment:
    """An organisation with one control that does at least these reference controls."""
    rows = tuple(ControlRow(t, SUPERSET_OF) for t in targets)
    return assess(release, [Control("C-1", "All of it", status, rows)] if targets else [], None, DAY)


# ---------------------------------------------------------------- small graphs

RELATIONS = tuple(ThreatRelation)


@dataclasses.dataclass(frozen=True)
class Small:
    """A graph of threats, requirements f:1.a …, reference controls c:1 … and incidents, with nothing mapped."""

    broader: tuple[tuple[int, int], ...]
    addressed: tuple[tuple[int, str], ...]
    links: tuple[tuple[int, ThreatRelation, int], ...]
    named: tuple[tuple[int, int], ...]
    incidents: tuple[tuple[str, str, frozenset[int]], ...]

    def content(self, random: Random | None = None) -> Content:
        """The content, in an order of chance where asked."""
        provisions = [
            Provision(f"f:{i}", "f", "article", f"Article {i}", f"Article {i}", "", assessable=True) for i in (1, 2)
        ] + [
            Provision(f"f:{i}.{p}", "f", "paragraph", f"{i}({p})", f"{i} {p}", "", assessable=True)
            for i, p in product((1, 2), "ab")
        ] + [Provision("f:3", "f", "article", "Article 3", "Article 3", "", assessable=True)]  # fmt: skip
        threats = [
            Threat(f"threat:t{i}", f"T{i}", "", tuple(f"threat:t{b}" for n, b in self.broader if n == i))
            for i in range(5)
        ]
        links = [
            ThreatLink(f"threat:t{t}", ThreatRelation.ADDRESSED_BY, where, f"t{t} by {where}", "s")
            for t, where in self.addressed
        ] + [ThreatLink(f"threat:t{t}", how, f"c:{c}", f"t{t} {how} {c}", "s") for t, how, c in self.links]
        controls = [
            ReferenceControl(
                f"c:{i}", "c", "", f"C{i}", "", threats=tuple(f"threat:t{t}" for c, t in self.named if c == i)
            )
            for i in range(3)
        ]
        cases = [
            Incident(f"aiid:{n}", n, day, f"Case {n}", tuple(f"threat:t{t}" for t in sorted(shown)), "", "", sector)
            for n, (day, sector, shown) in enumerate(self.incidents, 1)
        ]
        found = Content(
            frameworks=[
                Framework("f", "F", "F", "", "standard", "", "", "", (TextVersion(date(2024, 1, 1), "first"),))
            ],
            provisions=provisions,
            parts=[Part(f"f:{i}", f"f:{i}.{p}", PartKind.ALL_OF) for i, p in product((1, 2), "ab")],
            catalogues=[Catalogue("c", "C", "", "", "1")],
            controls=controls,
            threats=threats,
            threat_links=links,
            incidents=cases,
        )
        if random:
            for name in ("provisions", "parts", "controls", "threats", "threat_links", "incidents"):
                random.shuffle(getattr(found, name))
        return found


@st.composite
def smalls(draw: st.DrawFn) -> Small:
    """Threats only have broader ones of a lower number, so that no class is its own."""
    pairs = [(n, b) for n in range(5) for b in range(n)]
    places = ["f:1", "f:2", "f:1.a", "f:1.b", "f:2.a", "f:2.b", "f:3"]
    threat, few = st.integers(0, 4), 6
    stages = st.sampled_from([r for r in RELATIONS if r is not ThreatRelation.ADDRESSED_BY])
    days = st.sampled_from(["", "2023", "2024-05", "2024-06", "2024-06-15", "2025-01-01"])
    sectors = st.sampled_from(["", "health", "finance"])
    shown = st.frozensets(threat, min_size=1, max_size=2)
    return Small(
        tuple(draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4))),
        tuple(draw(st.lists(st.tuples(threat, st.sampled_from(places)), unique=True, max_size=few))),
        tuple(draw(st.lists(st.tuples(threat, stages, st.integers(0, 2)), unique=True, max_size=few))),
        tuple(draw(st.lists(st.tuples(st.integers(0, 2), threat), unique=True, max_size=few))),
        tuple(draw(st.lists(st.tuples(days, sectors, shown), max_size=6))),
    )


def is_kind_of(small: Small, narrow: int, wide: int) -> bool:
    """Whether one threat is the other or a kind of it, by walking every path."""
    return narrow == wide or any(is_kind_of(small, b, wide) for n, b in small.broader if n == narrow)


def near(requirement: str) -> set[str]:
    """The requirement and the article it stands in."""
    return {requirement, requirement.split(".")[0]}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(smalls())
def test_an_incident_concerns_what_addresses_its_threat_or_a_broader_class(small: Small) -> None:
    """Both ways round, and held against every path walked by hand."""
    release = Release(small.content())
    for n, (_, _, shown) in enumerate(small.incidents, 1):
        found = concerns(release, case_of(release, f"aiid:{n}"), DAY)
        counted = {r.requirement.id for f in found.frameworks for r in f.requirements if not r.narrower}
        beside = {r.requirement.id for f in found.frameworks for r in f.requirements if r.narrower}
        for r in release.requirements("f", DAY):
            links = [t for t, where in small.addressed if where in near(r.id)]
            wide = any(is_kind_of(small, s, t) for s in shown for t in links)
            narrow = any(is_kind_of(small, t, s) for s in shown for t in links)
            assert (r.id in counted) == wide
            assert (r.id in beside) == (narrow and not wide)
            assert (f"aiid:{n}" in {i.id for i in exposure(release, r.id).incidents}) == wide


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(smalls())
def test_a_control_counts_at_the_stage_its_link_says_and_never_for_a_kind_only(small: Small) -> None:
    release = Release(small.content())
    stage = {
        ThreatRelation.MITIGATED_BY: ThreatStage.PREVENT,
        ThreatRelation.DETECTED_BY: ThreatStage.DETECT,
        ThreatRelation.RESPONDED_BY: ThreatStage.RESPOND,
    }
    typed = {(t, c) for t, _, c in small.links}
    every = [(t, stage[how], c) for t, how, c in small.links]
    every += [(t, ThreatStage.UNSTATED, c) for c, t in small.named if (t, c) not in typed]
    for n, (_, _, shown) in enumerate(small.incidents, 1):
        found = readiness(assess(release, [], None, DAY), case_of(release, f"aiid:{n}"))
        for s in found.stages:
            wanted = {c for t, at, c in every if at is s.stage and any(is_kind_of(small, x, t) for x in shown)}
            here = {h.concern.control.id for h in found.controls if h.concern.against(s.stage)}
            assert here == {f"c:{c}" for c in wanted}
            assert (s.counts.total, s.counts.missing) == (len(wanted), len(wanted))
            assert (s.answer is StageAnswer.UNKNOWN) == (not wanted)
            known = {
                x for x in shown for t, at, _ in every if at is s.stage and is_kind_of(small, x, t)
            }  # fmt: skip
            assert set(s.unknown_threats) == {f"threat:t{x}" for x in shown - known}


@cache
def days_of(text: str) -> frozenset[date]:
    """Every day that a date, month or year may mean."""
    if not text:
        return frozenset()
    year = int(text[:4])
    first = date(year, 1, 1)
    every = [first + timedelta(n) for n in range(366)]
    return frozenset(d for d in every if d.isoformat().startswith(text))


@settings(deadline=None)
@given(
    st.sampled_from(["", "2023", "2024-05", "2024-06", "2024-06-15", "2024-02", "2025"]),
    st.sampled_from(["", "2023", "2024", "2024-06", "2024-06-14", "2024-12-31"]),
    st.sampled_from([(), ("health",), ("finance", "health")]),
    st.sampled_from(["", "2023", "2024", "2024-02-29", "2024-06", "2024-06-14", "2024-06-15", "2025-01-01"]),
    st.sampled_from(["", "health", "energy"]),
)
def test_only_what_surely_happened_then_and_there_counts(
    since: str, until: str, sectors: tuple[str, ...], day: str, sector: str
) -> None:
    """Against all the days that a date may mean."""
    try:
        cases = CaseFilter(since, until, sectors)
    except UsageError:
        assert min(days_of(since)) > max(days_of(until))
        return
    days = days_of(day)
    inside = {
        d for d in days if (not since or d >= min(days_of(since))) and (not until or d <= max(days_of(until)))
    }  # fmt: skip
    dated = not (since or until) or (bool(days) and inside == days)
    counts = dated and (not sectors or sector in sectors)
    why = cases.why_not(Incident("aiid:1", 1, day, "", (), "", "", sector))
    assert (why == "") == counts
    if not dated:
        assert why == ("date" if days and not inside else "unknown date")
    elif not counts:
        assert why == ("sector" if sector else "unknown sector")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(smalls(), st.randoms(use_true_random=False))
def test_the_ranking_is_by_incidents_then_newest_then_id_whatever_the_order_of_the_data(
    small: Small, random: Random
) -> None:
    release, shuffled = Release(small.content()), Release(small.content(random))
    found = exposure_ranking(assess(release, [], None, DAY))
    assert dumps(found) == dumps(exposure_ranking(assess(shuffled, [], None, DAY)))
    keys = [(len(g.gap.exposure.incidents), g.gap.exposure.newest) for g in found.gaps]
    assert keys == sorted(keys, reverse=True)
    for before, after in zip(found.gaps, found.gaps[1:], strict=False):
        same = (len(before.gap.exposure.incidents), before.gap.exposure.newest) == (
            len(after.gap.exposure.incidents), after.gap.exposure.newest
        )  # fmt: skip
        ids = [natural_key(g.gap.result.requirement.id) for g in (before, after)]
        assert not same or ids[0] < ids[1]
        if after.place:
            assert (before.place == after.place) == same
    for g in found.gaps:
        more = [o for o in found.gaps if len(o.gap.exposure.incidents) > len(g.gap.exposure.incidents)]
        assert (g.place == 0) == (not g.gap.exposure.incidents)
        assert not g.place or g.place > len(more)
    assert found.open == len(release.requirements("f", DAY))
    assert found.with_incidents == sum(1 for g in found.gaps if g.gap.exposure.incidents)


# ---------------------------------------------------------------- the ranking of the real graph


def test_the_ranking_lists_every_open_requirement_once_with_its_denominators(
    release: Release, company: Assessment
) -> None:
    found = exposure_ranking(company)
    listed = [g.gap.result.requirement.id for g in found.gaps]
    open_ = [g.result.requirement.id for f in release.frameworks for g in gap_report(company, f).gaps]
    assert sorted(listed) == sorted(open_)
    assert found.open == len(listed) == sum(c.counts.applicable - c.counts.covered for c in found.coverages)
    behind = {i.id for g in found.gaps for i in g.gap.exposure.incidents}
    assert found.incidents == len(behind) <= found.case_counts.counted == len(release.incidents)
    assert found.case_counts.by_number_only == len(release.known_by_number)
    assert found.without_threat == sum(1 for g in found.gaps if not g.gap.exposure.threats)
    assert REPORTED_CASES_ONLY in found.disclaimers
    assert found.gaps[0].place == 1
    for g in found.gaps:
        counts = [s.incidents for s in g.struck]
        assert max(counts, default=0) <= len(g.gap.exposure.incidents) <= sum(counts)


def test_a_threat_that_only_the_whole_addresses_is_said_to_be_so(release: Release, company: Assessment) -> None:
    ranked = {g.gap.result.requirement.id: g.gap.exposure for g in exposure_ranking(company, ["gdpr"]).gaps}
    for id_, e in ranked.items():
        own = any(t.target == id_ for t in release.threat_links)
        assert e.indirect == (bool(e.links) and not own)
    small = Release(Small((), ((0, "f:1"), (1, "f:1.a")), (), (), ()).content())
    through = {id_: {a.threat: a.through for a in exposure(small, id_).links} for id_ in ("f:1", "f:1.a", "f:1.b")}
    itself, part, whole = AddressedThrough.ITSELF, AddressedThrough.PART, AddressedThrough.WHOLE
    assert through["f:1"] == {"threat:t0": itself, "threat:t1": part}
    assert through["f:1.a"] == {"threat:t0": whole, "threat:t1": itself}
    assert through["f:1.b"] == {"threat:t0": whole}
    assert [exposure(small, id_).indirect for id_ in ("f:1", "f:1.a", "f:1.b", "f:3")] == [False, False, True, False]
    record = next(r for r in document(exposure_ranking(company), release).tables[0].records() if r["place"] == 1)
    assert record["through"]


def test_filters_only_take_cases_away_and_say_how_many(release: Release, company: Assessment) -> None:
    whole = exposure_ranking(company)
    for cases in (
        CaseFilter(since="2024"),
        CaseFilter(sectors=("health",)),
        CaseFilter("2020", "2024-06", ("finance",)),
    ):
        found = exposure_ranking(company, cases=cases)
        c = found.case_counts
        assert c.counted + c.other_date + c.unknown_date + c.other_sector + c.unknown_sector == c.total
        assert c.counted < whole.case_counts.counted
        before = {g.gap.result.requirement.id: set(g.gap.exposure.incidents) for g in whole.gaps}
        for g in found.gaps:
            assert set(g.gap.exposure.incidents) <= before[g.gap.result.requirement.id]
            assert all(not cases.why_not(i) for i in g.gap.exposure.incidents)
            assert bool(g.gap.exposure.note) == (not g.gap.exposure.incidents)


@pytest.mark.parametrize(
    "arguments, code, hint",
    [
        ({"since": "yesterday"}, "BAD_ARGUMENT", "2024-06-30"),
        ({"until": "2024-02-30"}, "BAD_ARGUMENT", "2024-06-30"),
        ({"since": "2025", "until": "2024"}, "BAD_ARGUMENT", "earlier"),
        ({"sectors": ("helth",)}, "UNKNOWN_ID", "did you mean health?"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(arguments: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(KgError) as error:
        CaseFilter(**arguments)
    assert error.value.code == code
    assert hint in error.value.hint


# ---------------------------------------------------------------- cases


def test_an_incident_has_the_threats_that_are_recorded(release: Release) -> None:
    for id_, incident in release.incidents.items():
        found = case_of(release, id_)
        assert [t.threat.id for t in found.threats] == list(incident.threats)
        assert {t.known for t in found.threats} == {ThreatSource.RECORDED}
        assert not found.note


def test_a_case_known_by_number_is_taken_by_its_class_only_where_the_data_say_so(release: Release) -> None:
    told = {c.incident: release.risk_domains[c.subdomain].matches for c in release.classifications.values()}
    answered = 0
    for id_ in release.known_by_number:
        if not told[id_]:
            with pytest.raises(UnknownIdError, match="by its number and classification only") as error:
                case_of(release, id_)
            assert "--threat" in error.value.hint
            continue
        answered += 1
        found = case_of(release, id_)
        assert tuple(t.threat.id for t in found.threats) == told[id_]
        assert {t.known for t in found.threats} == {ThreatSource.CLASS}
        assert "derived, not read from the case" in found.note
    assert 0 < answered < len(release.known_by_number)
    silent = next(i for i in release.known_by_number if not told[i])
    named = case_of(release, silent, ["threat:jailbreak"])
    assert [(t.threat.id, t.known) for t in named.threats] == [("threat:jailbreak", ThreatSource.NAMED)]


def test_a_supposed_incident_is_known_by_any_scheme(release: Release) -> None:
    for name in ("nist-aml:NISTAML.031", "NISTAML.031", "atlas:AML.T0024.002", "AML.T0024.002"):
        (found,) = case_of(release, threats=[name]).threats
        assert (found.threat.id, found.known, found.given) == ("threat:model-extraction", ThreatSource.MATCH, name)
    assert find_threats(release, "threat:jailbreak") == find_threats(release, "jailbreak") == ["threat:jailbreak"]
    both = case_of(release, "aiid:6", ["jailbreak"])
    assert [t.threat.id for t in both.threats] == ["threat:data-poisoning", "threat:jailbreak"]
    with pytest.raises(UnknownIdError, match="threat:jailbraek") as error:
        case_of(release, threats=["threat:jailbraek"])
    assert "threat:jailbreak" in error.value.hint
    for wrong in ("gdpr:art-5", "aisb:DAT-01"):
        with pytest.raises(UsageError, match="is not an incident"):
            case_of(release, wrong)
    with pytest.raises(UsageError, match="no incident and no threat"):
        case_of(release)


def test_every_threat_reaches_a_requirement_and_a_control_but_for_two_goals_of_attackers(release: Release) -> None:
    """Integrity violations and privacy compromises are goals, not classes of attack: only their kinds are linked."""
    nothing = []
    for id_ in release.threats:
        found = concerns(release, case_of(release, threats=[id_]), DAY)
        requirements = [r for f in found.frameworks for r in f.requirements if not r.narrower]
        controls = [c for c in found.controls if not c.narrower]
        if not requirements or not controls:
            nothing.append(id_)
            assert found.controls, "its kinds are listed"
    assert nothing == ["nist-aml:NISTAML.02", "nist-aml:NISTAML.03"]


def test_what_stops_one_kind_only_is_listed_and_not_counted(release: Release) -> None:
    """Indirect injection has controls and a requirement of its own; direct injection has the class's."""
    wide = concerns(release, case_of(release, threats=["threat:prompt-injection"]), DAY)
    permission = next(c for c in wide.controls if c.control.id == "aisb:INF-08")
    assert permission.narrower
    assert {b.scope for _, b in permission.bearings} == {LinkScope.NARROWER}
    components = next(r for f in wide.frameworks for r in f.requirements if r.requirement.id == "nist-ai-rmf:MAP-4.2")
    assert components.narrower
    narrow = concerns(release, case_of(release, threats=["threat:prompt-injection-indirect"]), DAY)
    modelling = next(c for c in narrow.controls if c.control.id == "aisb:DEV-02")
    assert not modelling.narrower
    assert {b.scope for _, b in modelling.bearings} == {LinkScope.BROADER}
    assert not next(c for c in narrow.controls if c.control.id == "aisb:INF-08").narrower
    kinds = readiness(does(release, "aisb:INF-08"), wide.case)
    assert kinds.stages[0].answer is StageAnswer.NOTHING
    assert kinds.stages[0].narrower >= 1


# ---------------------------------------------------------------- readiness


def held(release: Release, assessment: Assessment, id_: str = "aiid:1003") -> dict[str, Holding]:
    """What an assessment has of each reference control that bears on a case."""
    return {h.concern.control.id: h.holding for h in readiness(assessment, case_of(release, id_)).controls}


def test_a_control_that_does_it_has_it_in_place(release: Release) -> None:
    assert held(release, does(release, "aisb:INF-02"))["aisb:INF-02"] is Holding.IN_PLACE
    planned = does(release, "aisb:INF-02", status=ControlStatus.PLANNED)
    assert held(release, planned)["aisb:INF-02"] is Holding.PLANNED
    half = does(release, "aisb:INF-02", status=ControlStatus.PARTIAL)
    assert held(release, half)["aisb:INF-02"] is Holding.IN_PART
    aside = does(release, "aisb:INF-02", status=ControlStatus.NOT_APPLICABLE)
    assert held(release, aside)["aisb:INF-02"] is Holding.MISSING
    found = readiness(does(release, "aisb:INF-02"), case_of(release, "aiid:1003"))
    shown = next(h for h in found.controls if h.concern.control.id == "aisb:INF-02")
    assert shown.explanation
    assert [(s.subject, s.object) for s in shown.explanation.steps] == [("C-1", "aisb:INF-02")]


def test_stale_evidence_leaves_it_in_place_only_in_part(release: Release) -> None:
    old = Control("C-1", "", ControlStatus.IMPLEMENTED, (ControlRow("aisb:INF-02", SUPERSET_OF),),
                  evidence_date=date(2020, 1, 1))  # fmt: skip
    strict = assess(release, [old], Profile(max_evidence_age_days=365), DAY)
    (found,) = (h for h in readiness(strict, case_of(release, "aiid:1003")).controls
                if h.concern.control.id == "aisb:INF-02")  # fmt: skip
    assert (found.holding, found.stale) == (Holding.IN_PART, True)


def test_an_organisation_with_nothing_has_nothing_and_one_with_everything_has_all(release: Release) -> None:
    nothing, everything = does(release), does(release, *release.controls)
    for id_ in ("aiid:6", "aiid:1003", "aiid:516", "aiid:636"):
        case = case_of(release, id_)
        for s in readiness(nothing, case).stages:
            assert s.counts.missing == s.counts.total
            assert s.answer in (StageAnswer.NOTHING, StageAnswer.UNKNOWN)
        for s in readiness(everything, case).stages:
            assert s.counts.in_place == s.counts.total
            assert not s.open_threats
            best = StageAnswer.SOME if s.unknown_threats else StageAnswer.ALL
            assert s.answer is (best if s.counts.total else StageAnswer.UNKNOWN)


def test_with_several_systems_the_worst_counts(release: Release) -> None:
    mine = Control("C-1", "", ControlStatus.IMPLEMENTED, (ControlRow("aisb:INF-02", SUPERSET_OF),), systems=("a",))
    profile = Profile(systems=(System("a"), System("b")))
    found = readiness(assess(release, [mine], profile, DAY), case_of(release, "aiid:1003"))
    (here,) = (h for h in found.controls if h.concern.control.id == "aisb:INF-02")
    assert here.holding is Holding.MISSING
    assert {u.unit: u.holding for u in here.units} == {"a": Holding.IN_PLACE, "b": Holding.MISSING}


@pytest.mark.parametrize("seed", range(4))
def test_one_more_implemented_control_never_makes_it_worse(release: Release, seed: int) -> None:
    random = Random(seed)
    case = case_of(release, random.choice(sorted(release.incidents)))
    bears = [c.control.id for c in concerns(release, case, DAY).controls]
    statuses = list(ControlStatus)
    controls = [
        Control(f"C-{n}", "", random.choice(statuses), (ControlRow(random.choice(bears), SUPERSET_OF),))
        for n in range(4)
    ]
    more = [*controls, Control("C-9", "", ControlStatus.IMPLEMENTED, (ControlRow(random.choice(bears), SUPERSET_OF),))]
    before, after = (readiness(assess(release, c, None, DAY), case) for c in (controls, more))
    order = list(Holding)
    for b, a in zip(before.controls, after.controls, strict=True):
        assert order.index(a.holding) <= order.index(b.holding)
    for f, g in zip(before.frameworks, after.frameworks, strict=True):
        for old, new in zip(f.requirements, g.requirements, strict=True):
            assert new.result.verdict >= old.result.verdict


def test_counts_add_up_and_nothing_is_a_score(release: Release, company: Assessment) -> None:
    for id_ in list(release.incidents)[::9]:
        found = readiness(company, case_of(release, id_))
        for s in found.stages:
            c = s.counts
            assert c.total == c.in_place + c.in_part + c.planned + c.unproven + c.missing
        for f in found.frameworks:
            n = f.counts
            assert n.applicable == n.covered + n.partial + n.lead + n.gap
            assert n.concerned == n.applicable + n.not_applicable + n.not_yet_applicable <= n.total
            assert len(f.requirements) == n.concerned + n.narrower
            counted = [m.concern for m in f.requirements if not m.concern.narrower]
            own = {t.target for t in release.threat_links}
            assert n.indirect == sum(1 for c in counted if c.through is not AddressedThrough.ITSELF)
            assert all(c.requirement.id in own for c in counted if c.through is AddressedThrough.ITSELF)
            for m in f.requirements:
                assert m.result == company.requirement(m.concern.requirement)
        assert found.summary.count("our blind spot") + found.summary.count(" in place") == 3
        assert REPORTED_CASES_ONLY in found.disclaimers
        assert "score" not in dumps(found, release).decode().replace("scores", "")


def test_a_verdict_on_a_reference_control_is_the_judges(release: Release, company: Assessment) -> None:
    for h in readiness(company, case_of(release, "aiid:6")).controls:
        judged = [j.verdict for _, j in company.judged(h.concern.control.id)]
        assert h.verdict is min(judged)
        assert (h.holding is Holding.IN_PLACE) == (h.verdict is Verdict.COVERED)


# ---------------------------------------------------------------- exports


def test_documents_have_no_empty_word_and_carry_licence_caution_and_release(
    release: Release, company: Assessment
) -> None:
    from kg.exports.csv import csv_text
    from kg.exports.markdown import markdown_text
    from kg.exports.xlsx import workbook

    case = case_of(release, "aiid:1003")
    for answer in (exposure_ranking(company), readiness(company, case), concerns(release, case, DAY)):
        found = document(answer, release)
        assert ("release", release.digest) in found.stamp
        assert REPORTED_CASES_ONLY in found.disclaimers
        assert any("AI Incident Database" in who for who, _ in found.licences)
        for table in found.tables:
            assert all(c.description for c in table.columns)
            assert all(len(row) == len(table.columns) for row in table.rows)
        rows = list(csv.DictReader(io.StringIO(csv_text([found]))))
        assert len(rows) == len(found.tables[0].rows)
        assert found.title in markdown_text([found]).replace("\\", "")
        assert workbook([found])[:2] == b"PK"
        json.loads(dumps(answer, release))


def test_an_answer_is_the_same_bytes_every_time(release: Release, company: Assessment) -> None:
    again = Assessment(release, list(reversed(company.controls)), company.profile, company.as_of)
    case = case_of(release, "aiid:1003")
    assert dumps(readiness(company, case), release) == dumps(readiness(again, case), release)
    assert dumps(exposure_ranking(company), release) == dumps(exposure_ranking(again), release)


# ---------------------------------------------------------------- the command line

Run = Callable[..., str]


@pytest.fixture
def run(release: Release, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process at 80 columns."""
    load = Release.load
    monkeypatch.setattr(Release, "load", lambda *folders: load(*folders) if folders else release)
    monkeypatch.setenv("COLUMNS", "80")

    def command(*args: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(args))
        assert not isinstance(result.exception, Exception), result.exception
        assert result.exit_code == code, result.output
        return result.stderr if code else result.stdout

    return command


def test_exposure_prints_the_ranking_with_its_bias(run: Run, company: Assessment) -> None:
    out = run("exposure", CONTROLS, "--profile", PROFILE, "--limit", "3")
    flat = " ".join(out.split())
    found = exposure_ranking(company)
    assert f"{found.open} of {sum(c.counts.applicable for c in found.coverages)} applicable requirements are" in flat
    for g in found.gaps[:3]:
        assert g.gap.result.requirement.id in flat
        assert f"{len(g.gap.exposure.incidents)} incident" in flat
    assert "no frequency, no likelihood and no risk" in flat
    assert all(len(line) <= 80 for line in out.splitlines())
    short = json.loads(run("exposure", CONTROLS, "-p", PROFILE, "--limit", "2", "--format", "json"))
    assert (len(short["gaps"]), short["open"]) == (2, found.open)
    assert short["withIncidents"] == found.with_incidents, "a list cut short keeps the counts of the whole"
    since = json.loads(run("exposure", CONTROLS, "-f", "gdpr", "--since", "2024", "--sector", "health",
                           "--format", "json"))  # fmt: skip
    assert since["cases"]["words"] == "incidents in health, since 2024"
    assert all(i["sector"] == "health" and i["date"] >= "2024" for g in since["gaps"] for i in g["incidents"])


def test_incident_answers_with_and_without_controls(run: Run, release: Release, company: Assessment) -> None:
    out = run("incident", "aiid:1003", CONTROLS, "--profile", PROFILE)
    flat = " ".join(out.split())
    found = readiness(company, case_of(release, "aiid:1003"))
    for s in found.stages[:3]:
        assert s.sentence in flat
    assert all(h.concern.control.id in flat for h in found.controls if h.concern.narrower)
    assert all(len(line) <= 80 for line in out.splitlines())
    alone = run("incident", "1003")
    assert "aisb:INF-02" in alone
    assert "eu-ai-act:art-15.5" in alone
    assert all(len(line) <= 80 for line in alone.splitlines())
    for args in (["--threat", "NISTAML.031", CONTROLS], [CONTROLS, "-t", "NISTAML.031"]):
        assert "Model extraction" in run("incident", *args)
    said = json.loads(run("incident", "AIID 1003", CONTROLS, "-p", PROFILE, "--format", "json"))
    assert said == plain(found, release)


@pytest.mark.parametrize(
    "args, said",
    [
        ([], "no incident is named"),
        (["aiid:99999"], "does not exist"),
        (["aiid:2"], "known here by its number and classification only"),
        (["gdpr:art-5"], "is not an incident"),
        (["aiid:6", "nowhere.csv"], "no such file"),
        (["--threat", "threat:nothing"], "does not exist"),
        (["aiid:6", "--profile", PROFILE], "says nothing without controls"),
        (["aiid:6", "-f", "gdrp"], "gdpr"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_a_line(run: Run, args: list[str], said: str) -> None:
    out = run("incident", *args, code=2)
    assert said in out
    assert len(out.strip().splitlines()) == 1


def test_the_filter_is_checked_before_anything_is_read(run: Run) -> None:
    assert "did you mean health?" in run("exposure", "nowhere.csv", "--sector", "helth", code=2)
    assert "is not a date" in run("exposure", "nowhere.csv", "--since", "soon", code=2)


# ---------------------------------------------------------------- GraphQL


def ask(release: Release, query: str, **variables: Any) -> Any:
    from api.context import Context
    from api.schema import schema

    found = schema.execute_sync(query, variables, Context(release, "request-1"))
    assert not found.errors, found.errors
    return found.data


MINE = {
    "controls": [
        {"id": "C-1", "title": "Filter", "status": "implemented", "mappings": [{"target": "aisb:INF-02"}]},
        {"id": "C-2", "title": "Keys", "status": "planned", "mappings": [{"target": "aisb:API-01"}]},
    ],
    "asOf": DAY.isoformat(),
}


def mine(release: Release) -> Assessment:
    """The same organisation in the library."""
    rows = {"C-1": ("Filter", "aisb:INF-02", "implemented"), "C-2": ("Keys", "aisb:API-01", "planned")}
    return assess(
        release,
        [Control(i, t, ControlStatus(s), (ControlRow(c, SUPERSET_OF, False),)) for i, (t, c, s) in rows.items()],
        None, DAY,
    )  # fmt: skip


def test_graphql_ranks_gaps_as_the_json_does(release: Release) -> None:
    query = """query($input: AssessmentInput!) { assessment(input: $input) {
      exposureRanking(frameworks: ["gdpr"], since: "2022", sectors: ["health", "finance"]) {
        release asOf order method open withIncidents withoutThreat incidents
        cases { since until sectors words }
        caseCounts { total counted otherDate unknownDate otherSector unknownSector byNumberOnly }
        gaps(first: 20) { nodes { place curie verdict incidentCount newest indirect struck { threat title incidents }
          incidents(first: 100) { nodes { curie } } } } } } }"""
    found = ask(release, query, input=MINE)["assessment"]["exposureRanking"]
    expected = plain(exposure_ranking(mine(release), ["gdpr"], CaseFilter("2022", "", ("finance", "health"))), release)
    gaps = found.pop("gaps")["nodes"]
    for gap, wanted in zip(gaps, expected["gaps"][:20], strict=True):
        ids = [i["curie"] for i in gap.pop("incidents")["nodes"]]
        assert ids == [i["curie"] for i in wanted["incidents"]]
        assert gap == {k: wanted[k] for k in gap}
    assert found == {k: expected[k] for k in found}


def test_graphql_says_readiness_as_the_json_does(release: Release) -> None:
    query = """query($input: AssessmentInput!) { assessment(input: $input) {
      readiness(incident: { curie: "aiid:1003" }, threats: ["AML.T0020"]) {
        summary case { title note threats { curie title summary known given } }
        stages { stage answer sentence narrower openThreats unknownThreats
          counts { total inPlace inPart planned unproven missing } }
        frameworks { framework title textVersion
          counts { total concerned indirect applicable covered partial lead gap notApplicable notYetApplicable
            narrower }
          requirements(first: 100) { nodes { curie verdict applicability through targets narrower
            bearings { threat linked scope rationale set } } } }
        controls(first: 100) { nodes { curie title catalogue statement stages narrower holding verdict stale
          bearings { stage threat linked scope rationale set } pending { control title verdict } } } } } }"""
    found = ask(release, query, input=MINE)["assessment"]["readiness"]
    expected = plain(readiness(mine(release), case_of(release, "aiid:1003", ["AML.T0020"])), release)
    controls = found.pop("controls")["nodes"]
    for control, wanted in zip(controls, expected["controls"], strict=True):
        pending = control.pop("pending")
        assert pending == [{k: p[k] for k in ("control", "title", "verdict")} for p in wanted["pending"]]
        assert control == {k: wanted[k] for k in control}
    for framework, wanted in zip(found.pop("frameworks"), expected["frameworks"], strict=True):
        nodes = framework.pop("requirements")["nodes"]
        assert nodes == [{k: r[k] for k in nodes[0]} for r in wanted["requirements"]] if nodes else True
        assert framework == {k: wanted[k] for k in framework}
    assert found.pop("case") == {k: expected["case"][k] for k in ("title", "note", "threats")}
    assert found == {k: expected[k] for k in found}


def test_graphql_says_what_concerns_an_incident_and_refuses_one_without_threats(release: Release) -> None:
    from api.context import Context
    from api.schema import schema

    query = """{ incidents(first: 3) { nodes { curie
      requirements(asOf: "2026-11-23", first: 100) { nodes { curie through narrower } }
      referenceControls(first: 100) { nodes { curie stages narrower } } } } }"""
    for node in ask(release, query)["incidents"]["nodes"]:
        found = concerns(release, case_of(release, node["curie"]), DAY)
        assert [r["curie"] for r in node["requirements"]["nodes"]] == [
            r.requirement.id for f in found.frameworks for r in f.requirements
        ]
        assert [(c["curie"], c["narrower"]) for c in node["referenceControls"]["nodes"]] == [
            (c.control.id, c.narrower) for c in found.controls
        ]
    refused = schema.execute_sync(
        '{ search(text: "aiid:2", first: 1) { node { curie ... on Incident { requirements { totalCount } } } } }',
        None, Context(release, "request-1"),
    )  # fmt: skip
    assert refused.data == {"search": [{"node": {"curie": "aiid:2", "requirements": None}}]}
    assert [e.message for e in refused.errors or ()] == [
        "aiid:2 is known here by its number and classification only"
    ]  # fmt: skip


def test_every_sector_of_an_incident_is_one_that_can_be_asked_for(release: Release) -> None:
    assert {i.sector for i in release.incidents.values()} - {""} <= set(SECTORS)
