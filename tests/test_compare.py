"""Comparisons: what changed is what brute force finds, and each cause suffices and is as small as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import combinations
from random import Random

import pytest
from graphs import TODAY, Case, parse, random_case, write

from kg import Release
from kg.answers import Assessment, Verdict, assess
from kg.answers.applicability import Applicability
from kg.answers.compare import CauseKind, Change, ChangeKind, Comparison, Direction, compare
from kg.answers.coverage import RequirementResult
from kg.cli.demo import example_paths
from kg.errors import UnknownIdError
from kg.model import Control, ControlRow, ControlStatus, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import EQUAL

EARLIER = date(2024, 6, 1)


# ------------------------------------------------------------------ random pairs, and a slow answer


def put(case: Case) -> Assessment:
    """A case as an assessment."""
    return assess(case.release, case.controls, case.profile, case.as_of, case.filter)


def other_side(rng: Random, case: Case) -> Case:
    """The same graph with some of everything else otherwise."""
    controls = list(case.controls)
    for _ in range(rng.randrange(3)):
        if not controls:
            break
        i = rng.randrange(len(controls))
        what = rng.choice((0, 1, 2, 2, 3))
        if what == 0:
            del controls[i]
        elif what == 1:
            controls[i] = replace(controls[i], status=rng.choice(list(ControlStatus)))
        elif what == 2:
            controls[i] = replace(controls[i], evidence=(), evidence_date=rng.choice((None, case.as_of)))
        else:
            controls.append(replace(controls[i], id=f"N{len(controls)}", status=ControlStatus.IMPLEMENTED))
    profile = case.profile
    if rng.random() < 0.4:
        profile = replace(
            profile or Profile(),
            roles=rng.choice((None, ("provider",), ("deployer",))),
            max_evidence_age_days=rng.choice((None, 60)),
            systems=rng.choice(((), (System("s1", "", ("provider",)),))),
        )
    day = rng.choice((case.as_of, case.as_of, EARLIER, TODAY))
    return replace(case, controls=tuple(controls), profile=profile, as_of=day)


def answers(case: Case) -> dict[str, RequirementResult]:
    asked = put(case)
    return {
        r.id: asked.requirement(r) for f in case.release.frameworks for r in case.release.requirements(f, case.as_of)
    }


def state(r: RequirementResult | None) -> tuple[object, ...]:
    """What a change is a change of."""
    if r is None:
        return ("absent",)
    if r.decision.applicability is Applicability.NOT_APPLICABLE:
        return ("not applicable",)
    later = r.decision.applicability is Applicability.NOT_YET_APPLICABLE
    return (r.decision.applicability, r.verdict, r.decision.applies_from if later else None)


def mixed(before: Case, after: Case, kinds: Iterable[CauseKind]) -> dict[str, RequirementResult]:
    """The answers with these things as after and the rest as before, put together by hand."""
    kinds = set(kinds)
    base = after if CauseKind.CONTROL in kinds else before
    proof = {c.id: c for c in (after if CauseKind.EVIDENCE in kinds else before).controls}
    controls = [
        replace(
            c, evidence=proof[c.id].evidence, evidence_date=proof[c.id].evidence_date,
            max_evidence_age_days=proof[c.id].max_evidence_age_days,
        ) if c.id in proof else c
        for c in base.controls
    ]  # fmt: skip
    text_day = (after if CauseKind.LAW in kinds else before).as_of
    asked = Assessment(
        before.release, controls, (after if CauseKind.PROFILE in kinds else before).profile,
        (after if CauseKind.DATE in kinds else before).as_of, before.filter,
        text_day=text_day, evidence_day=(after if CauseKind.EVIDENCE in kinds else before).as_of,
    )  # fmt: skip
    return {
        r.id: asked.requirement(r) for f in before.release.frameworks for r in before.release.requirements(f, text_day)
    }


def pairs(count: int) -> Iterable[tuple[Case, Case]]:
    for seed in range(count):
        rng = Random(f"compare {seed}")
        case = random_case(rng)
        if seed % 3 == 0:
            case = replace(case, profile=replace(case.profile or Profile(), max_evidence_age_days=60))
        yield case, other_side(rng, case)


def test_what_changed_is_what_brute_force_finds() -> None:
    kinds: Counter[ChangeKind] = Counter()
    for before, after in pairs(130):
        old, new = answers(before), answers(after)
        found = compare(put(before), put(after), causes=False)
        expected = {id_ for id_ in {*old, *new} if state(old.get(id_)) != state(new.get(id_))}
        assert {c.requirement for c in found.changes} == expected, write(before) + "\n\n" + write(after)
        for c in found.changes:
            assert (c.before, c.after) == (old.get(c.requirement), new.get(c.requirement))
            both = c.before is not None and c.after is not None and c.before.applicable and c.after.applicable
            worse = both and c.after.verdict < c.before.verdict  # type: ignore[union-attr]
            assert c.regression is worse
            kinds[c.kind] += 1
        assert {c.requirement for c in found.new_open} == {
            id_
            for id_, r in new.items()
            if r.applicable and r.verdict < Verdict.COVERED and not (id_ in old and old[id_].applicable)
        }
    assert min(kinds[k] for k in (ChangeKind.ENTERED, ChangeKind.LEFT, ChangeKind.APPLICABILITY)) >= 2, kinds
    assert kinds[ChangeKind.VERDICT] >= 15, kinds


def test_causes_suffice_are_minimal_and_none_is_left_out() -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    every = [CauseKind.CONTROL, CauseKind.EVIDENCE, CauseKind.PROFILE, CauseKind.LAW, CauseKind.DATE]
    for before, after in pairs(90):
        found = compare(put(before), put(after))
        if not found.changes:
            continue
        worlds = {s: mixed(before, after, s) for n in range(len(every) + 1) for s in combinations(every, n)}
        for c in found.changes:
            wanted = state(c.after)
            giving = [s for s, results in worlds.items() if state(results.get(c.requirement)) == wanted]
            least = min(map(len, giving))
            expected = {s for s in giving if len(s) == least}
            assert {x.kinds for x in c.causes} == expected, (c.requirement, write(before), write(after))
            seen.update(x.kinds for x in c.causes)
    for kinds in (("control",), ("evidence",), ("profile",), ("law",)):
        assert seen[kinds] >= 2, seen  # type: ignore[index]
    assert any(len(k) > 1 for k in seen), seen


def test_a_thing_compared_with_itself_has_not_changed() -> None:
    for before, _ in pairs(25):
        found = compare(put(before), put(before), reasons=True, chains=True)
        assert not found.changes
        assert found.before == found.after


def test_backwards_is_the_mirror_image() -> None:
    turned = {Direction.BETTER: Direction.WORSE, Direction.WORSE: Direction.BETTER}
    for before, after in pairs(25):
        there, back = (compare(put(a), put(b), causes=False).changes for a, b in ((before, after), (after, before)))
        assert {(c.requirement, turned.get(c.direction, c.direction)) for c in there} == {
            (c.requirement, c.direction) for c in back
        }


def test_the_order_of_controls_changes_nothing() -> None:
    for seed, (before, after) in enumerate(pairs(40)):
        rng = Random(seed)
        shuffled = [replace(c, controls=tuple(rng.sample(c.controls, len(c.controls)))) for c in (before, after)]
        assert compare(*map(put, shuffled)) == compare(put(before), put(after))


# ------------------------------------------------------------------ by hand


def graph(text: str) -> Case:
    return parse(text)[0]


def only(found: Comparison, requirement: str) -> Change:
    """The change of one requirement."""
    (change,) = [c for c in found.changes if c.requirement == requirement]
    return change


TWO_ROWS = """
row lab(project) c:1 superset_of eu:1
row lab(project) c:2 superset_of eu:1
"""


def test_of_several_controls_the_one_that_alone_suffices_is_named() -> None:
    before = graph(TWO_ROWS + "control A implemented: c:1\ncontrol B implemented: c:9\ncontrol C partial: c:9")
    after = replace(before, controls=(before.controls[1],))
    change = only(compare(put(before), put(after)), "eu:1")
    assert [(c.kinds, c.controls, c.text) for c in change.causes] == [((CauseKind.CONTROL,), ("A",), "A removed")]
    assert change.regression


def test_two_controls_that_are_needed_together_are_both_named() -> None:
    before = graph(TWO_ROWS + "control A implemented: c:1\ncontrol B implemented: c:2\ncontrol C planned: c:9")
    after = replace(before, controls=())
    change = only(compare(put(before), put(after)), "eu:1")
    (cause,) = change.causes
    assert cause.kinds == (CauseKind.CONTROL,)
    assert "A" in cause.controls


def test_status_is_told_from_evidence() -> None:
    text = "max evidence age 30\n" + TWO_ROWS + "control A implemented evidence 2025-05-20: c:1"
    before = graph(text)
    stale = replace(before, controls=(replace(before.controls[0], evidence_date=date(2024, 1, 1)),))
    change = only(compare(put(before), put(stale)), "eu:1")
    assert [(c.kinds, c.controls) for c in change.causes] == [((CauseKind.EVIDENCE,), ("A",))]
    assert (change.before and change.before.verdict, change.after and change.after.verdict) == (
        Verdict.COVERED, Verdict.PARTIAL,
    )  # fmt: skip
    aged = only(compare(put(before), put(replace(before, as_of=date(2025, 12, 1)))), "eu:1")
    assert [c.kinds for c in aged.causes] == [(CauseKind.EVIDENCE,)]
    assert "2025-12-01" in aged.causes[0].text
    two = parse(text + "\ncontrol B implemented evidence 2025-05-20: c:9")[0]
    renewed = replace(two.controls[1], evidence_date=date(2025, 5, 21))
    later = replace(two, controls=(two.controls[0], renewed), as_of=date(2025, 12, 1))
    assert [c.controls for c in only(compare(put(two), put(later)), "eu:1").causes] == [("A",)]
    other = replace(before, profile=Profile(max_evidence_age_days=5))
    (cause,) = only(compare(put(before), put(other)), "eu:1").causes
    assert (cause.kinds, cause.text) == ((CauseKind.PROFILE,), "the profile (oldest evidence 30 days → 5 days)")


def test_between_releases_the_rows_of_the_chain_are_named() -> None:
    before = graph("row lab(project) c:1 intersects_with eu:1\ncontrol A implemented: c:1")
    after = graph("row lab(project) c:1 superset_of eu:1\nrow lab(project) c:1 equal eu:2\ncontrol A implemented: c:1")
    found = compare(put(before), put(after))
    row = after.rows[0].id
    (cause,) = only(found, "eu:1").causes
    assert (cause.kinds, cause.rows_added, cause.rows_removed) == ((CauseKind.MAPPING,), (row,), (row,))
    assert f"row {row} changed" in cause.text
    new = only(found, "eu:2")
    assert (new.kind, new.before, new.direction) == (ChangeKind.ENTERED, None, Direction.NEITHER)
    assert found.before.release != found.after.release


def test_a_framework_that_only_one_release_has_is_compared() -> None:
    before, after = (graph(f"row lab(project) c:1 equal {f}:1\ncontrol A implemented: c:1") for f in ("eu", "iso"))
    found = compare(put(before), put(after))
    assert {(c.framework, c.kind) for c in found.changes} == {("eu", ChangeKind.LEFT), ("iso", ChangeKind.ENTERED)}
    assert found.before.of("iso") is None
    assert found.after.of("eu") is None
    with pytest.raises(UnknownIdError):
        compare(put(before), put(after), ["gdpr"])


def test_reasons_and_chains_only_where_they_are_asked_for() -> None:
    before = graph(TWO_ROWS + "control A implemented: c:1")
    same = replace(before, controls=(Control("A", "A", ControlStatus.IMPLEMENTED, (ControlRow("eu:1", EQUAL),)),))
    assert not compare(put(before), put(same)).changes
    change = only(compare(put(before), put(same), chains=True), "eu:1")
    assert (change.kind, change.direction) == (ChangeKind.CHAIN, Direction.SAME)
    nothing = replace(before, controls=())
    planned = replace(before, controls=(replace(before.controls[0], status=ControlStatus.PLANNED),))
    assert not compare(put(nothing), put(planned)).changes
    assert only(compare(put(nothing), put(planned), reasons=True), "eu:1").kind is ChangeKind.REASONS


def test_more_differing_controls_than_are_tried_name_those_of_the_chain() -> None:
    many = tuple(Control(f"Z{i}", "", ControlStatus.IMPLEMENTED) for i in range(80))
    before = graph(TWO_ROWS + "control A implemented: c:1")
    change = only(
        compare(put(replace(before, controls=(*before.controls, *many))), put(replace(before, controls=()))), "eu:1"
    )
    assert [c.controls for c in change.causes] == [("A",)]


# ------------------------------------------------------------------ the real thing


@pytest.fixture(scope="module")
def company(release: Release) -> tuple[tuple[Control, ...], Profile]:
    """The example organisation."""
    controls, profile = example_paths()
    about = read_profile(profile, release)
    return read_controls(controls, release, systems=[s.id for s in about.systems]).controls, about


def test_the_ai_act_as_first_published_and_as_amended(
    release: Release, company: tuple[tuple[Control, ...], Profile]
) -> None:
    day, next_day = date(2026, 7, 26), date(2026, 7, 27)
    found = compare(*(assess(release, company[0], company[1], d) for d in (day, next_day)), ["eu-ai-act"])
    by = {k: {c.requirement for c in found.changes if c.kind is k} for k in ChangeKind}
    old, new = ({r.id for r in release.requirements("eu-ai-act", d)} for d in (day, next_day))
    assert by[ChangeKind.ENTERED] == new - old != set()
    assert by[ChangeKind.LEFT] == old - new != set()
    assert "eu-ai-act:art-5.1.ba" in by[ChangeKind.ENTERED]
    assert {k for c in found.changes for x in c.causes for k in x.kinds} == {CauseKind.LAW}
    put_off = only(found, "eu-ai-act:art-9.1")
    assert put_off.kind is ChangeKind.DATE
    sides = (put_off.before, put_off.after)
    assert [r and r.decision.applies_from for r in sides] == [date(2026, 8, 2), date(2027, 12, 2)]
    texts = [s.frameworks[0].text_version for s in (found.before, found.after)]
    assert texts == [date(2024, 7, 12), next_day]
    assert not found.regressions


def test_a_later_day_under_the_same_text_is_the_days_doing(
    release: Release, company: tuple[tuple[Control, ...], Profile]
) -> None:
    sides = (assess(release, company[0], company[1], d) for d in (date(2026, 11, 23), date(2027, 12, 2)))
    found = compare(*sides, ["eu-ai-act"])
    begun = only(found, "eu-ai-act:art-9.1")
    assert begun.kind is ChangeKind.APPLICABILITY
    assert begun.new_open
    assert [c.kinds for c in begun.causes] == [(CauseKind.DATE,)]
    assert "2027-12-02" in begun.causes[0].text


def test_the_empty_organisation_covers_nothing_and_any_other_only_improves_on_it(
    release: Release, company: tuple[tuple[Control, ...], Profile]
) -> None:
    day = date(2026, 11, 23)
    found = compare(assess(release, (), company[1], day), assess(release, company[0], company[1], day), causes=False)
    assert all(f.counts.covered == f.counts.partial == f.counts.lead == 0 for f in found.before.frameworks)
    assert {c.direction for c in found.changes} == {Direction.BETTER}
