"""The timeline: the days it names are all the days on which anything changes, and it tells what will then be a gap."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.context import Context
from api.schema import schema
from kg import Release
from kg.answers import Applicability, Assessment, Happening, Timeline, Verdict, applicability, assess, timeline
from kg.cli.app import app
from kg.cli.demo import example_paths
from kg.errors import UnknownIdError, UsageError
from kg.exports.json import dumps, plain
from kg.exports.tables import document
from kg.model import Control, ControlRow, ControlStatus, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import SUPERSET_OF

RELEASE = Release.load()
ACT = ("eu-ai-act",)
FIRST, LAST = date(2024, 7, 1), date(2031, 6, 1)
AMENDED = date(2026, 7, 27)


def system(tiers: str, facts: str = "", roles: str = "provider", placed: date | None = None) -> Profile:
    """One AI system: ``tiers`` and ``roles`` by commas, ``facts`` with ``!`` before what is denied."""
    stated = tuple(sorted((f.removeprefix("!"), not f.startswith("!")) for f in facts.split() if f))
    return Profile(
        jurisdictions=("EU",),
        systems=(System("s", "", tuple(roles.split(",")), tuple(tiers.split(",")), stated, placed),),
    )


def of(profile: Profile | None, from_: date = FIRST, until: date = LAST, controls: Any = ()) -> Timeline:
    return timeline(assess(RELEASE, controls, profile, date(2026, 11, 23)), ACT, from_, until)


def begins(found: Timeline) -> dict[str, int]:
    """Day → how many requirements begin."""
    return {m.day.isoformat(): len(m.begins) for m in found.milestones if m.begins}


State = dict[str, tuple[Applicability, date | None]]


def state(profile: Profile | None, day: date) -> State:
    """What is decided on a day; a requirement that does not concern the profile is as good as none."""
    return {
        r.requirement.id: (r.decision.applicability, r.decision.applies_from)
        for r in applicability(RELEASE, profile, "eu-ai-act", day)
        if r.decision.applicability is not Applicability.NOT_APPLICABLE
    }


# ------------------------------------------------------------------ the days of the law

ANNEX_III = system("high-risk", "annex-iii !annex-i !legacy-high-risk !annex-x-component")
ANNEX_I = system("high-risk", "!annex-iii annex-i !legacy-high-risk !annex-x-component !claims-not-high-risk")
GPAI = system("gpai", "!gpai-before-2025-08-02 !free-and-open-source-gpai", "gpai-provider")


@pytest.mark.parametrize(
    ("profile", "days"),
    [
        (ANNEX_III, {"2025-02-02", "2026-12-02", "2027-12-02"}),
        (ANNEX_I, {"2025-02-02", "2026-12-02", "2028-08-02"}),
        (GPAI, {"2025-08-02", "2026-08-02"}),
        (system("gpai", "gpai-before-2025-08-02", "gpai-provider"), {"2027-08-02"}),
        (system("gpai", "", "gpai-provider", date(2025, 1, 1)), {"2027-08-02"}),
        (system("high-risk", "annex-iii !annex-i legacy-high-risk used-by-public-authorities !claims-not-high-risk"),
         {"2025-02-02", "2026-12-02", "2030-08-02"}),
        (system("high-risk", "annex-iii !annex-i legacy-high-risk !used-by-public-authorities !annex-x-component "
                "!claims-not-high-risk"),
         {"2025-02-02", "2026-12-02"}),
        (system("high-risk", "annex-iii !annex-i annex-x-component !claims-not-high-risk"),
         {"2025-02-02", "2026-12-02", "2030-12-31"}),
        (system("transparency", "chatbot !claims-not-high-risk", "provider", date(2026, 3, 1)),
         {"2025-02-02", "2026-08-02", "2026-12-02"}),
        (system("minimal", "claims-not-high-risk"), {"2025-02-02", "2026-12-02", "2027-12-02"}),
        (Profile(jurisdictions=("US",)), set()),
    ],
)  # fmt: skip
def test_duties_begin_on_the_days_of_the_act(profile: Profile, days: set[str]) -> None:
    found = begins(of(profile))
    general = {"2026-08-02"}  # provisions that hang on no route, which these profiles leave open
    assert days <= set(found) | general
    assert set(found) <= days | general, found
    if "2026-08-02" in days:
        assert "2026-08-02" in found


def test_the_general_days_name_their_provisions() -> None:
    found = of(None)
    cited = {m.day.isoformat(): " | ".join(m.references) for m in found.milestones}
    assert "Article 113(a), EU AI Act" in cited["2025-02-02"]
    assert "Article 113(b), EU AI Act" in cited["2025-08-02"]
    assert "Article 113, second paragraph, EU AI Act" in cited["2026-08-02"]
    assert "Article 113(c)(i) as amended, EU AI Act" in cited["2027-12-02"]
    assert {c.requirement.id for m in found.milestones if m.day == date(2025, 2, 2) for c in m.begins} >= {
        "eu-ai-act:art-4.1", "eu-ai-act:art-5.1.c",
    }  # fmt: skip


def test_the_amendment_moves_dates_brings_requirements_and_takes_some_away() -> None:
    (found,) = [m for m in of(ANNEX_III).milestones if m.day == AMENDED]
    assert [f for f, _ in found.texts] == ["eu-ai-act"]
    by = {c.requirement.id: c for c in found.changes}
    risk = by["eu-ai-act:art-9.1"]
    assert (risk.happening, risk.was_to_apply_from, risk.applies_from) == (
        Happening.RESCHEDULED, date(2026, 8, 2), date(2027, 12, 2),
    )  # fmt: skip
    assert risk.legal_reference == "Article 113(c)(i) as amended, EU AI Act"
    assert by["eu-ai-act:art-5.1.ba"].happening is Happening.ENTERS
    assert by["eu-ai-act:art-25.2"].happening is Happening.LEAVES
    assert "2026/1744" in by["eu-ai-act:art-25.2"].legal_reference
    assert not found.begins


def test_as_first_published_the_dates_are_those_of_2024() -> None:
    before, after = (state(ANNEX_III, day)["eu-ai-act:art-9.1"] for day in (date(2026, 7, 26), AMENDED))
    assert before == (Applicability.NOT_YET_APPLICABLE, date(2026, 8, 2))
    assert after == (Applicability.NOT_YET_APPLICABLE, date(2027, 12, 2))
    for day, product in ((date(2026, 7, 26), date(2027, 8, 2)), (AMENDED, date(2028, 8, 2))):
        assert state(ANNEX_I, day)["eu-ai-act:art-9.1"][1] == product


def test_a_standard_begins_with_its_first_edition() -> None:
    found = timeline(assess(RELEASE, [], None, date(2026, 1, 1)), ["iso42001", "gdpr"], date(2015, 1, 1))
    assert begins(found) == {"2018-05-25": 166, "2023-12-18": 70}
    assert [m.day for m in found.milestones] == [date(2016, 5, 4), date(2018, 5, 25), date(2023, 12, 18)]
    (edition,) = {c.legal_reference for c in found.milestones[2].begins}
    assert edition == "ISO/IEC 42001:2023, first edition"


# ------------------------------------------------------------------ against days walked one by one

PROFILES = st.builds(
    system,
    st.sampled_from(["high-risk", "high-risk,transparency", "gpai,gpai-systemic", "minimal", "transparency"]),
    st.lists(
        st.sampled_from(
            "annex-i !annex-i annex-iii !annex-iii legacy-high-risk used-by-public-authorities annex-x-component "
            "gpai-before-2025-08-02 chatbot synthetic-content claims-not-high-risk".split()
        ),
        max_size=4,
        unique_by=lambda f: f.removeprefix("!"),
    ).map(" ".join),
    st.sampled_from(["provider", "deployer", "provider,deployer", "gpai-provider", "distributor"]),
    st.none() | st.dates(date(2024, 1, 1), date(2028, 12, 31)),
)


@settings(max_examples=6, deadline=None)
@given(PROFILES, st.randoms(use_true_random=False))
def test_nothing_changes_on_a_day_that_is_not_named(profile: Profile, rng: random.Random) -> None:
    found = of(profile)
    named = {m.day for m in found.milestones}
    last: dict[date, State] = {}
    for day in [FIRST - timedelta(days=1), *sorted(named)]:
        last[day] = state(profile, day)
    days = {FIRST + timedelta(days=rng.randrange((LAST - FIRST).days)) for _ in range(12)}
    days |= {d - timedelta(days=1) for d in named} | {r.applies_from for r in RELEASE.rules.values()}
    for day in sorted(d for d in days if FIRST <= d <= LAST):
        assert state(profile, day) == last[max(d for d in last if d <= day)], day


@settings(max_examples=6, deadline=None)
@given(PROFILES)
def test_the_changes_lead_from_the_day_before_to_the_last_day(profile: Profile) -> None:
    found = of(profile)
    now = state(profile, FIRST - timedelta(days=1))
    for m in found.milestones:
        for c in m.changes:
            id_ = c.requirement.id
            assert c.rule, id_
            assert c.legal_reference, id_
            assert (c.verdict is None) == (c.happening is Happening.LEAVES)
            if c.happening is Happening.LEAVES:
                del now[id_]
                continue
            if c.happening is Happening.RESCHEDULED:
                assert now[id_][1] == c.was_to_apply_from != c.applies_from
            else:
                assert (id_ in now) <= (c.happening is Happening.BEGINS)
            applies = c.happening is Happening.BEGINS
            now[id_] = (Applicability.APPLICABLE if applies else Applicability.NOT_YET_APPLICABLE, c.applies_from)
        (numbers,) = m.numbers
        assert numbers.applicable == sum(1 for a, _ in now.values() if a is Applicability.APPLICABLE)
        assert numbers.not_yet_applicable == len(now) - numbers.applicable
    assert now == state(profile, LAST)


# ------------------------------------------------------------------ what will then be a gap


@pytest.fixture(scope="module")
def company() -> Assessment:
    controls, profile = example_paths()
    found = read_profile(profile, RELEASE)
    sheet = read_controls(controls, RELEASE, systems=[s.id for s in found.systems])
    return assess(RELEASE, sheet.controls, found)


def test_the_gaps_are_those_of_an_assessment_on_the_day(company: Assessment) -> None:
    """With the evidence as fresh as it is today."""
    found = timeline(company, ACT, FIRST, LAST)
    assert sum(len(m.gaps) for m in found.milestones) > 100
    for m in found.milestones:
        then = Assessment(RELEASE, company.controls, company.profile, m.day)
        then.evidence_day = company.as_of
        results = {r.requirement.id: r for r in then.coverage("eu-ai-act").requirements}
        for c in m.changes:
            if c.verdict is not None:
                assert c.verdict is results[c.requirement.id].verdict, (m.day, c.requirement.id)
                assert c.rule == results[c.requirement.id].decision.rule
        (numbers,) = m.numbers
        counts = then.coverage("eu-ai-act").counts
        assert (numbers.applicable, numbers.covered) == (counts.applicable, counts.covered)


def test_evidence_is_not_aged_by_looking_ahead() -> None:
    row = ControlRow("eu-ai-act:art-9.1", SUPERSET_OF)
    control = Control("C", "C", ControlStatus.IMPLEMENTED, (row,), evidence_date=date(2026, 11, 1))
    profile = Profile(systems=ANNEX_III.systems, max_evidence_age_days=30)
    now = assess(RELEASE, [control], profile, date(2026, 11, 23))
    found = timeline(now, ACT)
    change = next(c for m in found.milestones for c in m.begins if c.requirement.id == "eu-ai-act:art-9.1")
    assert (change.verdict, change.gap) == (Verdict.COVERED, False)
    assert "the controls and their evidence are those of 2026-11-23" in found.method
    stale = assess(RELEASE, [control], profile, date(2027, 12, 2)).requirement(RELEASE.provisions["eu-ai-act:art-9.1"])
    assert stale.verdict is Verdict.PARTIAL


def test_the_limits_of_a_timeline_are_its_own(company: Assessment) -> None:
    found = timeline(company, ACT, date(2027, 12, 2), date(2027, 12, 2))
    assert [m.day for m in found.milestones] == [date(2027, 12, 2)]
    assert found.before[0].applicable < found.milestones[0].numbers[0].applicable
    assert timeline(company, ACT, date(2027, 12, 3), date(2028, 1, 1)).milestones == ()
    whole = timeline(company)
    assert (whole.from_, whole.until) == (company.as_of, date(2030, 12, 31))
    assert whole.frameworks == tuple(RELEASE.frameworks)
    with pytest.raises(UsageError, match="before it begins"):
        timeline(company, ACT, date(2027, 1, 1), date(2026, 1, 1))
    with pytest.raises(UnknownIdError, match="eu-ai-act"):
        timeline(company, ["eu-ai-akt"])


# ------------------------------------------------------------------ out of the house


def test_the_tables_and_the_json_hold_every_change(company: Assessment) -> None:
    found = timeline(company, ACT, FIRST, LAST)
    records = document(found, RELEASE).tables[0].records()
    assert len(records) == sum(len(m.changes) for m in found.milestones)
    assert all(r["rule"] and r["legalReference"] for r in records)
    shown = plain(found, RELEASE)
    assert [m["begins"] for m in shown["milestones"]] == [len(m.begins) for m in found.milestones]
    assert {"release", "asOf", "method", "disclaimers"} <= set(shown)
    again = timeline(assess(RELEASE, company.controls[::-1], company.profile, company.as_of), ACT, FIRST, LAST)
    assert dumps(again, RELEASE) == dumps(found, RELEASE)


def test_the_command_and_the_api_tell_the_same(company: Assessment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Release, "load", lambda *folders: RELEASE)
    monkeypatch.setenv("COLUMNS", "100")
    controls, profile = map(str, example_paths())
    arguments = ["timeline", controls, "--profile", profile, "-f", "eu-ai-act", "--until", "2031-01-01"]
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--format", "json"]).stdout)
    table = CliRunner().invoke(app, arguments)
    assert table.exit_code == 0
    assert "2027-12-02" in table.stdout
    assert "begin and are not covered" in table.stdout
    assert "by Article 113(c)(i) as amended, EU AI Act" in table.stdout
    query = """{ assessment(input: {controls: [], asOf: "2026-11-23"}) {
      timeline(frameworks: ["eu-ai-act"], until: "2031-01-01") { from until method
        milestones { day beginCount gapCount legalReferences changes(first: 100) { totalCount edges { node {
          curie happening verdict gap rule legalReference } } } } } } }"""
    result = schema.execute_sync(query, None, Context(RELEASE, "r"))
    assert not result.errors, result.errors
    assert result.data
    mine = timeline(assess(RELEASE, [], None, date(2026, 11, 23)), ACT, None, date(2031, 1, 1))
    served = result.data["assessment"]["timeline"]["milestones"]
    assert [(m["day"], m["beginCount"], m["gapCount"]) for m in served] == [
        (m.day.isoformat(), len(m.begins), len(m.gaps)) for m in mine.milestones
    ]
    assert [m["changes"]["totalCount"] for m in served] == [len(m.changes) for m in mine.milestones]
    theirs = timeline(company, ACT, None, date(2031, 1, 1))
    assert [(m["day"], m["gaps"]) for m in shown["milestones"]] == [
        (m.day.isoformat(), len(m.gaps)) for m in theirs.milestones
    ]
    wrong = CliRunner().invoke(app, [*arguments[:-1], "2020-01-01"])
    assert (wrong.exit_code, isinstance(wrong.exception, SystemExit)) == (2, True)
