"""The answers on the real graph, asked as an analyst would."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from kg import Release
from kg.answers import Applicability, Reason, Verdict, assess, coverage, explain, exposure
from kg.exports.json import dumps
from kg.model import Control, ControlRow, ControlStatus, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import AT_LEAST, INTERSECTS_WITH, SUPERSET_OF
from kg.sources import builtin_data, read

DAY = date(2026, 11, 23)
EXAMPLE = builtin_data() / "kg" / "data" / "example"


def _does(*targets: str, id_: str = "C-1", mask: int = SUPERSET_OF) -> Control:
    return Control(id_, "a control", ControlStatus.IMPLEMENTED, tuple(ControlRow(t, mask) for t in targets))


def _example(release: Release) -> tuple[list[Control], Profile]:
    profile = read_profile(EXAMPLE / "profile.toml", release)
    sheet = read_controls(EXAMPLE / "controls.csv", release, systems=[s.id for s in profile.systems])
    return list(sheet.controls), profile


def test_nothing_done_covers_nothing(release: Release) -> None:
    for framework in release.frameworks:
        counts = coverage(release, [], framework, as_of=DAY).counts
        assert counts.gap == counts.applicable
        assert counts.covered == counts.partial == counts.lead == counts.disputed == 0


@pytest.mark.parametrize("control", ["aisb:GOV-04", "aisb:MON-01", "aisb:INC-03", "aisb:DEV-03", "iso42001:6.1.2"])
@pytest.mark.parametrize("framework", ["iso42001", "nist-ai-rmf", "eu-ai-act", "gdpr"])
def test_one_control_alone_leaves_most_requirements_a_gap_and_not_a_lead(
    release: Release, framework: str, control: str
) -> None:
    verdicts = Counter(r.verdict for r in coverage(release, [_does(control)], framework, as_of=DAY).requirements)
    assert verdicts[Verdict.GAP] > 0.6 * verdicts.total()
    assert verdicts[Verdict.LEAD] < 0.25 * verdicts.total()


def test_a_row_to_an_article_is_told_to_name_the_paragraph(release: Release) -> None:
    assessment = assess(release, [_does("gdpr:art-33", mask=INTERSECTS_WITH)], as_of=DAY)
    result = assessment.requirement(release.provisions["gdpr:art-33.1"])
    assert result.verdict is Verdict.LEAD
    assert Reason.MAPPED_TO_PARENT_ONLY in result.reasons


def test_a_whole_article_contains_its_paragraphs(release: Release) -> None:
    assessment = assess(release, [_does("gdpr:art-33", mask=AT_LEAST)], as_of=DAY)
    below = [r for r in release.requirements("gdpr", DAY) if r.id.startswith("gdpr:art-33.")]
    assert below
    assert {assessment.requirement(r).verdict for r in below} == {Verdict.COVERED}


def test_a_joint_node_needs_all_its_members(release: Release) -> None:
    joint = next(
        (j, m.object)
        for m in release.mappings
        if m.subject in release.joints and m.relation == "superset_of" and m.object in release.provisions
        for j in [release.joints[m.subject]]
    )
    node, target = joint
    everyone = [_does(m, id_=f"C-{i}") for i, m in enumerate(node.members)]
    requirement = release.provisions[target]
    full = assess(release, everyone, as_of=DAY).requirement(requirement)
    assert full.verdict is Verdict.COVERED
    assert full.explanation is not None
    for left_out in range(len(everyone)):
        rest = everyone[:left_out] + everyone[left_out + 1 :]
        assert assess(release, rest, as_of=DAY).requirement(requirement).verdict < Verdict.COVERED


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_files_and_controls_changes_no_byte(release: Release, seed: int) -> None:
    controls, profile = _example(release)
    content, _ = read()
    shuffle = random.Random(seed).shuffle
    for value in vars(content).values():
        if isinstance(value, list):
            shuffle(value)
    shuffle(controls)
    shuffled = Release(content)
    for framework in release.frameworks:
        ours = dumps(coverage(release, _example(release)[0], framework, profile))
        assert dumps(coverage(shuffled, controls, framework, profile)) == ours


def test_the_example_is_interesting(release: Release) -> None:
    controls, profile = _example(release)
    assessment = assess(release, controls, profile)
    verdicts: Counter[Verdict] = Counter()
    applicability: Counter[Applicability] = Counter()
    excluded = 0
    for framework in release.frameworks:
        found = assessment.coverage(framework)
        verdicts.update(r.verdict for r in found.requirements if r.applicable)
        applicability.update(r.decision.applicability for r in found.requirements)
        excluded += found.counts.excluded
    assert set(verdicts) == set(Verdict)
    assert set(applicability) == set(Applicability)
    assert excluded


def test_counts_add_up(release: Release) -> None:
    controls, profile = _example(release)
    assessment = assess(release, controls, profile)
    for framework in release.frameworks:
        found = assessment.coverage(framework)
        c = found.counts
        assert c.covered + c.partial + c.lead + c.gap == c.applicable
        assert c.applicable + c.not_applicable + c.not_yet_applicable == c.total == len(found.requirements)
        assert c.excluded <= c.not_applicable
        assert sum(g.counts.total for g in found.groups) == c.total
        assert len({r.requirement.id for r in found.requirements}) == c.total


def test_removing_a_control_never_improves_anything(release: Release) -> None:
    controls, profile = _example(release)
    full = assess(release, controls, profile)
    before = {r.requirement.id: r.verdict for f in release.frameworks for r in full.coverage(f).requirements}
    for left_out in random.Random(7).sample(controls, 5):
        rest = assess(release, [c for c in controls if c != left_out], profile)
        for f in release.frameworks:
            for r in rest.coverage(f).requirements:
                assert r.verdict <= before[r.requirement.id], (left_out.id, r.requirement.id)


def test_high_risk_duties_begin_when_the_law_says(release: Release) -> None:
    system = System("s", "s", ("provider",), ("high-risk",), (("annex-iii", True), ("annex-i", False)))
    profile = Profile("p", jurisdictions=("EU",), systems=(system,))
    requirement = release.provisions["eu-ai-act:art-15.1"]
    for day, expected in (
        (date(2026, 7, 26), date(2026, 8, 2)),
        (date(2026, 7, 27), date(2027, 12, 2)),
        (date(2027, 12, 1), date(2027, 12, 2)),
    ):
        decision = assess(release, [], profile, day).requirement(requirement).decision
        assert decision.applicability is Applicability.NOT_YET_APPLICABLE
        assert decision.applies_from == expected
        assert decision.basis
    assert assess(release, [], profile, date(2027, 12, 2)).requirement(requirement).applicable


def test_a_role_or_tier_the_profile_does_not_have_is_named(release: Release) -> None:
    system = System("s", "s", ("deployer",), ("minimal",))
    profile = Profile("p", jurisdictions=("EU",), roles=("controller",), systems=(system,))
    assessment = assess(release, [], profile, DAY)
    provider = assessment.requirement(release.provisions["eu-ai-act:art-9.1"]).decision
    assert (provider.applicability, provider.because) == (Applicability.NOT_APPLICABLE, "role")
    deployer = assessment.requirement(release.provisions["eu-ai-act:art-26.1"]).decision
    assert (deployer.applicability, deployer.because) == (Applicability.NOT_APPLICABLE, "tier")
    assert assessment.requirement(release.provisions["gdpr:art-5.1.f"]).applicable


def test_explain_holds_every_row_with_its_set_and_review_state(release: Release) -> None:
    controls, profile = _example(release)
    found = explain(assess(release, controls, profile), release.provisions["gdpr:art-33.1"])
    steps = [s for r in found.rulings for c in r.chains for s in c.steps if s.kind == "row"]
    assert steps
    for s in steps:
        row = release.row[s.row]
        assert (s.set, s.method, s.reviewed) == (row.set_id, row.method.value, row.reviewed)
        assert s.authority == release.sets[row.set_id].authority


def test_a_threat_without_a_case_says_so(release: Release) -> None:
    for link in release.threat_links:
        if link.relation == "addressed_by" and link.target in release.provisions:
            found = exposure(release, link.target)
            assert found.incidents or found.note
    assert not [i for i in release.incidents.values() if "threat:model-extraction" in i.threats]


def test_reading_the_example_takes_one_path(release: Release, tmp_path: Path) -> None:
    copy = tmp_path / "mine.csv"
    copy.write_bytes((EXAMPLE / "controls.csv").read_bytes())
    assert read_controls(copy, release).controls == tuple(_example(release)[0])


def _high_risk(release: Release, *facts: tuple[str, bool], day: date) -> tuple[Applicability, date | None, str]:
    told = (("annex-iii", True), ("annex-i", False), *facts)
    system = System("s", "s", ("provider",), ("high-risk",), told)
    found = assess(release, [], Profile("p", jurisdictions=("EU",), systems=(system,)), day)
    decision = found.requirement(release.provisions["eu-ai-act:art-15.1"]).decision
    return decision.applicability, decision.applies_from, decision.basis


def test_systems_already_on_the_market_have_their_transition(release: Release) -> None:
    later, never = Applicability.NOT_YET_APPLICABLE, Applicability.NOT_APPLICABLE
    legacy = (("legacy-high-risk", True), ("annex-x-component", False))
    public = _high_risk(release, *legacy, ("used-by-public-authorities", True), day=date(2028, 1, 1))
    assert public == (later, date(2030, 8, 2), "Article 111(2)")
    private = _high_risk(release, *legacy, ("used-by-public-authorities", False), day=date(2031, 1, 1))
    assert private[0] is never
    large_scale = _high_risk(release, ("legacy-high-risk", False), ("annex-x-component", True), day=date(2028, 1, 1))
    assert large_scale == (later, date(2030, 12, 31), "Article 111(1)")
    unsaid = _high_risk(release, day=date(2028, 1, 1))
    assert unsaid[0] is Applicability.APPLICABLE, "what a profile does not say never makes a duty later"


def test_a_model_on_the_market_before_august_2025_has_two_more_years(release: Release) -> None:
    for before, expected in ((True, date(2027, 8, 2)), (False, date(2025, 8, 2))):
        facts = (("gpai-before-2025-08-02", before),)
        system = System("m", "m", ("gpai-provider",), ("gpai",), facts)
        found = assess(release, [], Profile("p", jurisdictions=("EU",), systems=(system,)), DAY)
        decision = found.requirement(release.provisions["eu-ai-act:art-53.1.d"]).decision
        assert decision.applies_from == expected


def test_marking_of_synthetic_content_waits_for_what_was_there_before(release: Release) -> None:
    for placed, expected in ((date(2026, 3, 2), date(2026, 12, 2)), (date(2026, 9, 1), date(2026, 8, 2))):
        system = System("c", "c", ("provider",), ("transparency",), (), placed)
        found = assess(release, [], Profile("p", jurisdictions=("EU",), systems=(system,)), DAY)
        assert found.requirement(release.provisions["eu-ai-act:art-50.2"]).decision.applies_from == expected
