"""The Statement of Applicability, readiness by role, tier and date, and next steps: against rules said anew here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import Release
from kg.answers import Applicability, Assessment, Verdict, assess, gap_report
from kg.answers.applicability import decide
from kg.answers.duties import duties
from kg.answers.soa import StatementFinding, StatementState, statement_of_applicability
from kg.answers.steps import Action
from kg.cli.demo import example_paths
from kg.errors import UnknownIdError, UsageError
from kg.exports.csv import csv_text
from kg.exports.json import dumps
from kg.exports.markdown import markdown_text
from kg.exports.tables import document
from kg.exports.tables_deliverables import FINDINGS, STATES
from kg.model import Control, ControlRow, ControlStatus, Exclusion, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import INTERSECTS_WITH, RELATIONS, SUPERSET_OF, inverse, word

DAY = date(2026, 11, 23)
STATUSES = list(ControlStatus)
SUPERSET, OVERLAP = ControlRow("iso42001:A.2.2", SUPERSET_OF), ControlRow("iso42001:A.2.2", INTERSECTS_WITH)


@pytest.fixture(scope="module")
def assessment(release: Release) -> Assessment:
    controls, profile = example_paths()
    about = read_profile(profile, release)
    return assess(release, read_controls(controls, release, systems=[s.id for s in about.systems]).controls, about)


def test_the_statement_lists_annex_a_and_nothing_else(assessment: Assessment, release: Release) -> None:
    """38 controls, each once, in the order of the annex."""
    found = statement_of_applicability(assessment)
    ids = [r.result.requirement.id for r in found.rows]
    assert ids == [r.id for r in release.requirements("iso42001", DAY) if ":A." in r.id]
    assert len(ids) == found.counts.total == 38
    c = found.counts
    assert c.included + c.excluded == c.total
    assert c.implemented + c.in_part + c.planned + c.not_shown == c.included
    assert c.with_findings == sum(1 for r in found.rows if r.findings)


def test_silence_excludes_nothing(release: Release) -> None:
    """Without a profile every control is included; the organisation's words stand beside what it excludes, at
    whatever level it said so."""
    bare = statement_of_applicability(assess(release, (), None, DAY))
    assert bare.counts.included == 38
    assert bare.counts.not_shown == 38
    for target in ("iso42001:A.5.5", "iso42001:A.5", "iso42001"):
        profile = Profile(exclusions=(Exclusion(target, "we said so"),))
        found = statement_of_applicability(assess(release, (), profile, DAY))
        out = {r.result.requirement.id for r in found.rows if not r.included}
        assert out == {i for i in (r.result.requirement.id for r in found.rows) if (i + ".").startswith(target + ".")
                       or target == "iso42001"}  # fmt: skip
        assert {r.exclusion for r in found.rows if not r.included} == {"we said so"}
        assert {r.exclusion for r in found.rows if r.included} <= {""}
        assert {r.state for r in found.rows if not r.included} == {StatementState.EXCLUDED}


def test_states_follow_the_status_that_was_given(release: Release) -> None:
    """One control against A.2.2, of every status and two relations."""
    expected = {
        (ControlStatus.IMPLEMENTED, SUPERSET): "implemented", (ControlStatus.ALTERNATIVE, SUPERSET): "implemented",
        (ControlStatus.PARTIAL, SUPERSET): "in part", (ControlStatus.PLANNED, SUPERSET): "planned",
        (ControlStatus.NOT_APPLICABLE, SUPERSET): "not shown", (ControlStatus.IMPLEMENTED, OVERLAP): "in part",
        (ControlStatus.PARTIAL, OVERLAP): "not shown", (ControlStatus.PLANNED, OVERLAP): "planned",
    }  # fmt: skip
    for (status, row), state in expected.items():
        found = statement_of_applicability(assess(release, [Control("C", "C", status, (row,))], None, DAY))
        first = found.rows[0]
        assert first.result.requirement.ref == "A.2.2"
        assert first.state.value == state, status
        named = [i.control.id for i in first.implementations]
        assert named == ([] if status is ControlStatus.NOT_APPLICABLE else ["C"])


def test_findings_are_what_nobody_said(release: Release) -> None:
    """No owner, no evidence, evidence that is too old; with all of these given nothing is found."""
    whole = Control("C", "C", ControlStatus.IMPLEMENTED, (SUPERSET,), owner="Somebody", evidence_date=DAY)
    profile = Profile(max_evidence_age_days=30)

    def found(control: Control, about: Profile = profile) -> set[str]:
        return {f.value for f in statement_of_applicability(assess(release, [control], about, DAY)).rows[0].findings}

    assert found(whole) == set()
    assert found(replace(whole, owner=" ")) == {"NO_OWNER"}
    assert found(replace(whole, evidence_date=None)) == {"NO_EVIDENCE"}
    assert found(replace(whole, evidence_date=DAY - timedelta(31))) == {"EVIDENCE_STALE"}
    assert found(replace(whole, status=ControlStatus.PLANNED, evidence_date=None)) == set()
    assert found(replace(whole, rows=())) == {"NO_CONTROL"}
    out = replace(profile, exclusions=(Exclusion("iso42001:A.2.2", " "),))
    assert found(whole, out) == {"EXCLUDED_WITHOUT_REASON", "EXCLUDED_THOUGH_ASKED_FOR", "EXCLUDED_THOUGH_DONE"}


def test_drivers_are_the_rows_that_apply(assessment: Assessment, release: Release) -> None:
    """Every row that scores between a control and another framework, if what it names concerns the organisation now or
    later; no other.  Read from the provision's side."""
    found = statement_of_applicability(assessment)
    for row in found.rows:
        id_ = row.result.requirement.id
        expected = set()
        for m in release.mappings:
            if id_ not in (m.subject, m.object) or not m.scores:
                continue
            other = m.subject if m.object == id_ else m.object
            if other not in release.provisions or other.startswith("iso42001:"):
                continue
            if not assessment.graph.exists(other):
                continue
            standing = assessment.graph.requirements(release.provisions[other].framework)
            within = [r for r in standing if other in (r.id, *release.ancestors(r.id))] or [release.provisions[other]]
            applies = [
                decide(release, r, assessment.profile, u, DAY).applicability is not Applicability.NOT_APPLICABLE
                for r in within
                for u in assessment.units
            ]
            if any(applies):
                mask = RELATIONS[m.relation] if m.subject == other else inverse(RELATIONS[m.relation])
                expected.add((other, word(mask), m.id))
        assert {(d.provision.id, d.relation, d.row) for d in row.drivers} == expected


def test_further_controls_are_the_rest(assessment: Assessment) -> None:
    found = statement_of_applicability(assessment)
    bearing = {i.control.id for r in found.rows for i in r.implementations}
    assert {c.id for c in found.further} | bearing == {c.id for c in assessment.controls}
    assert not {c.id for c in found.further} & bearing


def test_only_a_list_of_controls_has_a_statement(assessment: Assessment) -> None:
    with pytest.raises(UsageError, match="lists no controls"):
        statement_of_applicability(assessment, "gdpr")
    with pytest.raises(UnknownIdError):
        statement_of_applicability(assessment, "iso42002")


# ---------------------------------------------------------------- readiness by role, tier and date


@pytest.mark.parametrize("framework", ["eu-ai-act", "gdpr"])
def test_duties_are_what_applies_now_or_later(assessment: Assessment, release: Release, framework: str) -> None:
    """One a requirement and system, decided as each system's own answer is, sorted by date."""
    found = duties(assessment, framework)
    expected = set()
    for r in release.requirements(framework, DAY):
        for u in assessment.units:
            d = decide(release, r, assessment.profile, u, DAY)
            if d.applicability is not Applicability.NOT_APPLICABLE:
                expected.add((u.id, r.id, d.applies_from, d.applicability))
    assert {(d.unit, d.requirement.id, d.applies_from, d.applicability) for d in found.duties} == expected
    assert len(found.duties) == len(expected)
    days = [d.applies_from or date.min for d in found.duties]
    assert days == sorted(days)
    for d in found.duties:
        assert (d.days > 0) == (d.applicability is Applicability.NOT_YET_APPLICABLE)
        assert (d.next_step is None) == (d.verdict is Verdict.COVERED)
        unit = next(u for u in assessment.units if u.id == d.unit)
        assert set(d.roles) <= (unit.roles or set())
        if release.inherited(d.requirement, "roles"):
            assert d.roles


def test_counts_by_role_are_of_the_duties(assessment: Assessment) -> None:
    found = duties(assessment)
    counted: Counter[tuple[date | None, str, str]] = Counter()
    covered: Counter[tuple[date | None, str, str]] = Counter()
    for d in found.duties:
        for role in d.roles or ("",):
            for tier in d.tiers or ("",):
                counted[d.applies_from, role, tier] += 1
                covered[d.applies_from, role, tier] += d.verdict is Verdict.COVERED
    assert {(c.applies_from, c.role, c.tier): (c.duties, c.covered) for c in found.by_role} == {
        key: (counted[key], covered[key]) for key in counted
    }
    assert all(c.covered + c.partial + c.lead + c.gap == c.duties for c in found.by_role)
    later = [d.requirement.id for d in found.duties if d.days]
    assert len(set(later)) >= found.counts.not_yet_applicable


def test_without_a_profile_every_role_and_tier_stands(release: Release) -> None:
    found = duties(assess(release, (), None, DAY))
    assert len(found.duties) == found.counts.total
    assert {"provider", "deployer", "importer", "notified-body"} & {c.role for c in found.by_role} >= {"provider"}
    importer = Profile(systems=(System("s", roles=("importer",), tiers=("high-risk",)),))
    bound = duties(assess(release, (), importer, DAY)).duties
    assert {d.roles for d in bound if d.roles} == {("importer",)}
    assert {t for d in bound for t in d.tiers} <= {"high-risk", "all", "prohibited"}


# ---------------------------------------------------------------- next steps


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.sampled_from(["superset_of", "intersects_with", "related"]),
                          st.integers(0, 10_000)), max_size=5))  # fmt: skip
def test_a_next_step_gives_what_it_says(release_: Release, drawn: list[tuple[ControlStatus, str, int]]) -> None:
    """Doing what a step says of the organisation's own controls gives the verdict it promises."""
    targets = [r.id for r in release_.requirements("iso42001", DAY)]
    controls = [
        Control(f"C{i}", f"C{i}", status, (ControlRow(targets[place % len(targets)], RELATIONS[relation]),))
        for i, (status, relation, place) in enumerate(drawn)
    ]
    about = Profile(max_evidence_age_days=100)
    for gap in gap_report(assess(release_, controls, about, DAY), "iso42001").gaps:
        step = gap.next_step
        assert step is not None
        if step.gives is None:
            continue
        assert step.action in (Action.FINISH, Action.RENEW)
        done = [
            replace(c, status=ControlStatus.IMPLEMENTED, evidence_date=DAY) if c.id in step.controls else c
            for c in controls
        ]
        after = assess(release_, done, about, DAY).requirement(gap.result.requirement)
        assert after.verdict >= step.gives
        assert after.verdict > gap.result.verdict


@pytest.fixture(scope="module", name="release_")
def _release(release: Release) -> Release:
    return release


# ---------------------------------------------------------------- as documents


def test_documents_say_everything_in_every_format(assessment: Assessment, release: Release) -> None:
    for answer in (statement_of_applicability(assessment), duties(assessment)):
        d = document(answer, release)
        assert dict(d.facts)["Release"] == release.digest
        assert d.disclaimers
        assert csv_text([d]).count("\n") > 30
        assert markdown_text([d]).startswith("# ")
        assert dumps(answer, release) == dumps(answer, release)
        for t in d.tables:
            assert len({c.name for c in t.columns}) == len(t.columns)
            assert all(len(row) == len(t.columns) for row in t.rows)
            assert all(c.title and len(c.description) > 3 for c in t.columns)
    said = orjson.loads(dumps(statement_of_applicability(assessment), release))
    assert list(said)[:3] == ["framework", "title", "release"]
    assert said["rows"][0]["curie"] == "iso42001:A.2.2"
    assert set(FINDINGS) == {f.value for f in StatementFinding}
    assert set(STATES) == {s.value for s in StatementState}


def test_the_order_of_controls_changes_nothing(assessment: Assessment, release: Release) -> None:
    turned = assess(release, assessment.controls[::-1], assessment.profile)
    for make in (statement_of_applicability, duties):
        assert dumps(make(assessment), release) == dumps(make(turned), release)  # type: ignore[operator]
