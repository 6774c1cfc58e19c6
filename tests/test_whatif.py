"""What if: adding never worsens, removing never improves, and what does not apply is not assumed done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from graphs import Case, cases, parse, random_case, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg import Release
from kg.answers import Applicability, Assessment, Verdict, assess
from kg.answers.compare import Direction
from kg.answers.freshness import records_of
from kg.answers.hypothetical import framework_controls
from kg.answers.whatif import Changes, WhatIf, what_if
from kg.errors import KgError, UnknownIdError
from kg.model import Control, ControlRow, ControlStatus, Exclusion, Profile, System
from kg.relations import EQUAL, SUPERSET_OF

quick = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def put(case: Case) -> Assessment:
    """A case as an assessment."""
    return assess(case.release, case.controls, case.profile, case.as_of, case.filter)


def directions(found: WhatIf) -> set[Direction]:
    return {c.direction for c in found.comparison.changes}


def graph(text: str) -> Case:
    return parse(text)[0]


# ------------------------------------------------------------------ what must always hold


def taken_away(rng: Random, case: Case) -> list[Changes]:
    """Changes that can only take something away."""
    ids = [c.id for c in case.controls]
    some = tuple(i for i in ids if rng.random() < 0.5)
    records = [r.id for c in case.controls for r in c.evidence]
    found = [
        Changes(without_evidence=("all",)),
        Changes(evidence_before=case.as_of - timedelta(rng.randrange(900))),
        Changes(evidence_day=case.as_of + timedelta(rng.randrange(900))),
        Changes(statuses=tuple((i, ControlStatus.PLANNED) for i in ids)),
    ]
    if some:
        found += [Changes(remove=some), Changes(without_evidence=some)]
    if records:
        found.append(Changes(without_evidence=(rng.choice(records),)))
    return found


def given_more(rng: Random, case: Case) -> list[Changes]:
    """Changes that can only add something."""
    nodes = [*case.references, *(j.id for j in case.joints), *(p.id for p in case.provisions)]
    standing = put(case).graph
    nodes = [n for n in nodes if standing.exists(n)]
    found = [Changes(certify=(f,)) for f in case.release.frameworks]
    found.append(Changes(add=tuple(rng.sample(nodes, min(len(nodes), rng.randrange(1, 4))))))
    found.append(Changes(statuses=tuple((c.id, ControlStatus.IMPLEMENTED) for c in case.controls)))
    new = Control("new", "", ControlStatus.ALTERNATIVE, (ControlRow(nodes[0], SUPERSET_OF),))
    return [*found, Changes(add_controls=(new,))]


def check(case: Case, rng: Random, make: Callable[[Random, Case], list[Changes]], never: Direction) -> int:
    """How many answers changed, none of them in the direction that must not be."""
    changed = 0
    for changes in make(rng, case):
        if changes == Changes() or _says_nothing(case, changes):
            continue
        found = what_if(put(case), changes, causes=False)
        assert never not in directions(found), (changes, write(case))
        changed += len(found.comparison.changes)
    return changed


def _says_nothing(case: Case, changes: Changes) -> bool:
    """Statuses that all controls have already."""
    has = {c.id: c.status for c in case.controls}
    return bool(changes.statuses) and all(has[i] is status for i, status in changes.statuses)


def test_taking_away_never_improves() -> None:
    seeds = (Random(f"less {i}") for i in range(70))
    assert sum(check(random_case(rng), rng, taken_away, Direction.BETTER) for rng in seeds) > 90


def test_giving_more_never_worsens() -> None:
    seeds = (Random(f"more {i}") for i in range(70))
    assert sum(check(random_case(rng), rng, given_more, Direction.WORSE) for rng in seeds) > 90


@quick
@given(cases, st.randoms(use_true_random=False))
def test_both_hold_on_what_hypothesis_finds(case: Case, rng: Random) -> None:
    check(case, rng, taken_away, Direction.BETTER)
    check(case, rng, given_more, Direction.WORSE)


def test_what_is_done_as_a_whole_is_covered() -> None:
    """Every requirement that applies is, for the systems it applies to; nothing that does not apply is assumed."""
    for seed in range(60):
        case = random_case(Random(f"whole {seed}"))
        case = replace(case, controls=())
        for framework in case.release.frameworks:
            found = what_if(put(case), Changes(certify=(framework,)), [framework], causes=False)
            for r in found.after.coverage(framework).requirements:
                if r.applicable:
                    assert r.verdict is Verdict.COVERED, write(case)


# ------------------------------------------------------------------ whole frameworks


def test_only_what_applies_is_assumed_done() -> None:
    case = graph("""
        part eu:1 all_of eu:1.a
        part eu:1 all_of eu:1.b
        part eu:2 all_of eu:2.a
        provision eu:1.b roles provider
        roles deployer
    """)
    ids = {c.id for c in framework_controls(case.release, "eu", case.as_of, case.profile)}
    assert ids == {"whatif:eu:1.a", "whatif:eu:2", "whatif:eu:2.a"}
    everything = framework_controls(case.release, "eu", case.as_of)
    assert {r.target for c in everything for r in c.rows} == {"eu:1", "eu:1.a", "eu:1.b", "eu:2", "eu:2.a"}
    assert {(c.status, r.mask) for c in everything for r in c.rows} == {(ControlStatus.IMPLEMENTED, EQUAL)}


def test_an_exclusion_takes_what_stands_in_it_and_what_contains_it() -> None:
    case = graph("part eu:1 all_of eu:1.a\npart eu:1 all_of eu:1.b\npart eu:2 all_of eu:2.a")
    left = framework_controls(case.release, "eu", case.as_of, None, ["eu:1.a"])
    assert {c.id for c in left} == {"whatif:eu:1.b", "whatif:eu:2", "whatif:eu:2.a"}
    left = framework_controls(case.release, "eu", case.as_of, None, ["eu:1"])
    assert {c.id for c in left} == {"whatif:eu:2", "whatif:eu:2.a"}
    own = Profile(exclusions=(Exclusion("eu:2", "not ours"),))
    assert {c.id for c in framework_controls(case.release, "eu", case.as_of, own)} == {
        "whatif:eu:1", "whatif:eu:1.a", "whatif:eu:1.b",
    }  # fmt: skip
    with pytest.raises(UnknownIdError):
        framework_controls(case.release, "eu", case.as_of, None, ["iso:1"])
    with pytest.raises(UnknownIdError):
        framework_controls(case.release, "nowhere", case.as_of)


def test_what_applies_to_one_system_is_done_for_that_system() -> None:
    case = graph("part eu:1 all_of eu:1.a\nprovision eu:1.a roles provider\npart eu:2 all_of eu:2.a")
    profile = Profile(systems=(System("s1", "", ("provider",)), System("s2", "", ("deployer",))))
    found = {c.id: c.systems for c in framework_controls(case.release, "eu", case.as_of, profile)}
    assert found == {"whatif:eu:1": ("s1",), "whatif:eu:1.a": ("s1",), "whatif:eu:2": (), "whatif:eu:2.a": ()}


def test_what_has_no_requirement_in_it_is_not_done(release: Release) -> None:
    day = date(2026, 11, 23)
    for framework in release.frameworks:
        done = {r.target for c in framework_controls(release, framework, day) for r in c.rows}
        wanted = {r.id for r in release.requirements(framework, day)}
        above, todo = set(wanted), list(wanted)
        while todo:
            new = {w.whole for w in release.wholes_of.get(todo.pop(), ())} - above
            above |= new
            todo += new
        assert done <= above


def test_a_later_day_is_not_assumed_done_already(release: Release) -> None:
    now, later = (
        {c.id for c in framework_controls(release, "eu-ai-act", d)} for d in (date(2026, 11, 23), date(2028, 1, 1))
    )
    assert "whatif:eu-ai-act:art-9.1" not in now
    assert "whatif:eu-ai-act:art-9.1" in later
    assert "whatif:eu-ai-act:art-5.1.a" in now


# ------------------------------------------------------------------ each change


CHAIN = "row lab(project) c:1 superset_of eu:1\nrow lab(project) c:2 superset_of eu:2\n"


def test_each_change_is_said_in_a_sentence_and_shows_its_chain() -> None:
    case = graph(CHAIN + "control A implemented: c:1\ncontrol B planned: c:2")
    found = what_if(put(case), Changes(remove=("A",), add=("c:2",)))
    assert [s.partition(" ")[0] for s in found.assumed] == ["A", "c:2"]
    by = {c.requirement: c for c in found.comparison.changes}
    assert (by["eu:1"].direction, by["eu:2"].direction) == (Direction.WORSE, Direction.BETTER)
    chain = by["eu:2"].after and by["eu:2"].after.explanation
    assert chain
    assert [(s.subject, s.object) for s in chain.steps] == [("whatif:c:2", "c:2"), ("c:2", "eu:2")]
    assert [c.controls for c in by["eu:2"].causes] == [("whatif:c:2",)]
    finished = what_if(put(case), Changes(statuses=(("B", ControlStatus.IMPLEMENTED),)))
    assert [c.requirement for c in finished.comparison.changes] == ["eu:2"]
    assert finished.comparison.changes[0].causes[0].text == "B planned → implemented"


def test_what_is_added_is_fresh_where_an_age_is_asked_for() -> None:
    case = graph("max evidence age 30\n" + CHAIN)
    later = case.as_of + timedelta(900)
    found = what_if(put(case), Changes(add=("c:1",), certify=("eu",), evidence_day=later))
    assert {r.verdict for r in found.after.coverage("eu").requirements} == {Verdict.COVERED}


def test_roles_and_facts_hold_for_every_system(release: Release) -> None:
    systems = (System("s1", "", ("provider",), ("high-risk",), (("annex-iii", True),)), System("s2"))
    asked = assess(release, (), Profile(systems=systems), date(2028, 1, 1))
    found = what_if(asked, Changes(roles=("deployer",), facts=(("annex-iii", False), ("personal-data", False))))
    profile = found.after.profile
    assert profile
    for unit in found.after.units:
        assert unit.roles == {"deployer"}
        assert dict(unit.facts)["annex-iii"] is False
    gdpr = found.after.coverage("gdpr").requirements
    assert {r.decision.applicability for r in gdpr} == {Applicability.NOT_APPLICABLE}


def test_another_profile_takes_its_place() -> None:
    case = graph(CHAIN + "provision eu:1 roles provider\ncontrol A implemented: c:1")
    found = what_if(put(case), Changes(profile=Profile("Other", roles=("deployer",))))
    assert [c.requirement for c in found.comparison.changes] == ["eu:1"]
    assert found.after.profile == Profile("Other", roles=("deployer",))


def test_lost_evidence_lowers_only_where_an_age_or_an_end_is_set() -> None:
    case = graph(CHAIN + "control A implemented evidence 2025-05-01: c:1\n"
                 "control B implemented record R 2025-05-01 2026-01-01: c:2")  # fmt: skip
    found = what_if(put(case), Changes(without_evidence=("all",)))
    assert [c.requirement for c in found.comparison.changes] == ["eu:2"]
    silent = replace(case, controls=case.controls[:1])
    found = what_if(put(silent), Changes(without_evidence=("A",)))
    assert not found.comparison.changes
    assert "changes no verdict" in found.assumed[-1]
    aged = replace(case, profile=Profile(max_evidence_age_days=60))
    found = what_if(put(aged), Changes(evidence_before=date(2025, 5, 2)))
    assert {c.requirement for c in found.comparison.regressions} == {"eu:1", "eu:2"}
    assert not records_of(found.after.controls[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(), "nothing is changed"),
        (Changes(remove=("Aa",)), "there is no control 'Aa'"),
        (Changes(statuses=(("Q", ControlStatus.PLANNED),)), "there is no control 'Q'"),
        (Changes(remove=("A",), statuses=(("A", ControlStatus.PLANNED),)), "both removed and given a status"),
        (Changes(statuses=(("A", ControlStatus.PLANNED), ("A", ControlStatus.PARTIAL))), "two statuses"),
        (Changes(add=("c:77",)), "c:77 does not exist"),
        (Changes(add_controls=(Control("A", "", ControlStatus.PLANNED),)), "there is a control A already"),
        (Changes(certify=("nist",)), "there is no framework 'nist'"),
        (Changes(certify=("eu",), exclude=("c:1",)), "in none of the frameworks"),
        (Changes(roles=("king",)), "there is no role 'king'"),
        (Changes(roles=()), "no role at all"),
        (Changes(facts=(("personal-dta", True),)), "there is no fact 'personal-dta'"),
        (Changes(facts=(("consent", True), ("consent", False))), "both true and false"),
        (Changes(without_evidence=("R7",)), "'R7' names no evidence"),
    ],
)
def test_bad_changes_are_refused_with_a_reason_and_a_hint(changes: Changes, said: str) -> None:
    case = graph(CHAIN + "control A implemented: c:1")
    with pytest.raises(KgError) as error:
        what_if(put(case), changes)
    assert said in error.value.message
    assert error.value.hint


def test_the_organisation_that_does_everything_leaves_only_what_no_control_can_cover(release: Release) -> None:
    day = date(2028, 1, 1)
    asked = assess(release, (), None, day)
    found = what_if(asked, Changes(add=tuple(release.controls)), causes=False)
    for framework in release.frameworks:
        for r in found.after.coverage(framework).requirements:
            if r.verdict < Verdict.PARTIAL:
                assert r.requirement.id not in found.after.graph.coverable
