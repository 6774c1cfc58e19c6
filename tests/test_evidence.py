"""Evidence: what rests on a record, what is stale and what goes stale is what assessing anew finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from graphs import Case, parse, random_case, write

from kg.answers import Assessment, Verdict, assess
from kg.answers.evidence import Basis, EvidenceReport, Rest, evidence_report
from kg.answers.freshness import fresh_until
from kg.errors import UsageError
from kg.model import Control, ControlStatus, EvidenceRecord, Profile

WINDOW = 100


def put(case: Case, controls: tuple[Control, ...] | None = None, day: date | None = None) -> Assessment:
    """A case as an assessment, with other controls or with ages looked at on another day."""
    chosen = case.controls if controls is None else controls
    return Assessment(case.release, chosen, case.profile, case.as_of, case.filter, evidence_day=day)


def verdicts(assessment: Assessment) -> dict[str, Verdict]:
    """The applicable requirements of all frameworks."""
    release = assessment.release
    every = [r for f in release.frameworks for r in assessment.coverage(f).requirements]
    return {r.requirement.id: r.verdict for r in every if r.applicable}


def fallen(before: dict[str, Verdict], after: dict[str, Verdict]) -> dict[str, Verdict]:
    return {id_: after[id_] for id_ in before if after[id_] < before[id_]}


def said(rests: tuple[Rest, ...]) -> dict[str, Verdict]:
    return {r.requirement: r.otherwise for r in rests}


def lost(control: Control, record: str) -> Control:
    """The control without a record: one that had an end has ended, any other is gone."""
    if not control.evidence:
        return replace(control, evidence_date=None if record == "" else control.evidence_date)
    kept = tuple(
        replace(r, valid_until=date.min) if r.id == record else r
        for r in control.evidence
        if r.id != record or r.valid_until
    )
    return replace(control, evidence=kept, evidence_date=None)


def random_cases(count: int) -> list[Case]:
    found = []
    for seed in range(count):
        case = random_case(Random(f"evidence {seed}"))
        if seed % 2:
            case = replace(case, profile=replace(case.profile or Profile(), max_evidence_age_days=60))
        found.append(case)
    return found


def test_what_rests_on_a_record_is_what_falls_without_it() -> None:
    sizes: Counter[int] = Counter()
    for case in random_cases(80):
        found = evidence_report(put(case), within=0)
        before = verdicts(put(case))
        for record in found.records:
            users = {u.control for u in record.uses}
            without = tuple(lost(c, record.id) if c.id in users else c for c in case.controls)
            expected = fallen(before, verdicts(put(case, without)))
            if record.basis is Basis.VERDICT:
                assert said(record.rests) == expected, (record.id, write(case))
                sizes[len(expected)] += 1
            else:
                assert not expected
    assert sum(n for size, n in sizes.items() if size) >= 10, sizes


def test_what_goes_stale_is_what_each_day_finds() -> None:
    drops = 0
    for case in random_cases(20):
        found = {e.day: said(e.rests) for e in evidence_report(put(case), within=WINDOW).expiries}
        yesterday = verdicts(put(case))
        for ahead in range(1, WINDOW + 1):
            day = case.as_of + timedelta(ahead)
            today = verdicts(put(case, day=day))
            expected = fallen(yesterday, today)
            assert found.get(day, {}) == expected, (day, write(case))
            drops += len(expected)
            yesterday = today
    assert drops >= 2


def test_what_fresh_evidence_would_lift_is_what_it_lifts() -> None:
    lifted = 0
    for case in random_cases(80):
        before = verdicts(put(case))
        for stale in evidence_report(put(case), within=0).stale:
            renewed = tuple(
                replace(c, evidence=(), evidence_date=case.as_of) if c.id == stale.control else c for c in case.controls
            )
            after = verdicts(put(case, renewed))
            expected = {i: v for i, v in after.items() if v is Verdict.COVERED and before[i] < v}
            assert said(stale.requirements) == expected, (stale.control, write(case))
            lifted += len(expected)
    assert lifted >= 10


def test_the_order_of_controls_changes_nothing() -> None:
    for seed, case in enumerate(random_cases(20)):
        shuffled = tuple(Random(seed).sample(case.controls, len(case.controls)))
        assert evidence_report(put(case)) == evidence_report(put(case, shuffled))


# ------------------------------------------------------------------ by hand


def report(text: str, within: int = 90) -> EvidenceReport:
    return evidence_report(put(parse(text)[0]), within=within)


THREE = "".join(f"row lab(project) c:{i} superset_of eu:{i}\n" for i in (1, 2, 3))


def test_one_record_of_several_controls_ranks_first() -> None:
    found = report(
        "max evidence age 365\n" + THREE + "control A implemented record audit 2025-01-01 -: c:1\n"
        "control B implemented record audit 2025-01-01 - record own 2025-05-01 -: c:2\n"
        "control C implemented record audit 2025-01-01 -: c:3"
    )
    first, second = found.records
    assert (first.id, [u.control for u in first.uses], list(said(first.rests))) == (
        "audit", ["A", "B", "C"], ["eu:1", "eu:3"],
    )  # fmt: skip
    assert (second.id, second.rests, second.basis) == ("own", (), Basis.VERDICT)
    assert (first.age_days, first.fresh_until) == (151, date(2026, 1, 1))
    assert (found.applicable, found.covered, found.controls, found.limited) == (3, 3, 3, 3)


def test_where_no_age_is_set_the_reading_is_another_and_says_so() -> None:
    found = report(THREE + "control A implemented evidence 2019-01-01: c:1; c:2\ncontrol B planned: c:3")
    (record,) = found.records
    assert (record.id, record.basis, record.fresh, record.fresh_until) == ("", Basis.CONTROL, True, None)
    assert said(record.rests) == {"eu:1": Verdict.COVERED, "eu:2": Verdict.COVERED}
    assert not found.stale
    assert not found.expiries
    assert found.limited == 0


def test_a_record_that_ends_drops_its_verdict_on_the_day_after() -> None:
    found = report(THREE + "control A implemented record cert 2024-01-01 2025-06-30: c:1", within=30)
    (expiry,) = found.expiries
    assert (expiry.day, expiry.controls, expiry.records) == (date(2025, 7, 1), ("A",), ("cert",))
    assert said(expiry.rests) == {"eu:1": Verdict.PARTIAL}
    assert found.until == expiry.day
    assert not report(THREE + "control A implemented record cert 2024-01-01 2025-06-30: c:1", within=29).expiries


def test_planned_controls_are_not_called_stale() -> None:
    found = report(
        "max evidence age 30\n" + THREE + "control A planned: c:1\ncontrol B not-applicable: c:2\n"
        "control C implemented: c:3\ncontrol D partial evidence 2024-01-01: c:3"
    )
    assert [(s.control, s.since, list(said(s.requirements))) for s in found.stale] == [
        ("C", None, ["eu:3"]), ("D", date(2024, 2, 1), []),
    ]  # fmt: skip


@pytest.mark.parametrize("within", [-1, 3661])
def test_a_bad_window_is_refused(within: int) -> None:
    with pytest.raises(UsageError, match="out of range"):
        report(THREE, within)


def test_a_very_long_age_never_ends() -> None:
    record = EvidenceRecord("R", day=date(2026, 1, 1))
    control = Control("A", "", ControlStatus.IMPLEMENTED, evidence=(record,), max_evidence_age_days=99_999_999)
    assert fresh_until(control, None) == date.max


def test_more_evidence_never_makes_a_control_stale() -> None:
    """Adding a record to the records there are moves the last day only later."""
    rng = Random(7)
    days = [None, *(date(2025, m, 1) for m in range(1, 13))]
    for _ in range(500):
        count = rng.randrange(1, 4)
        records = tuple(EvidenceRecord(str(i), "", "", rng.choice(days), rng.choice(days)) for i in range(count))
        control = Control(
            "A", "", ControlStatus.IMPLEMENTED, evidence=records[:-1], evidence_date=None,
            max_evidence_age_days=rng.choice((None, 10, 200)),
        )  # fmt: skip
        age = rng.choice((None, 30, 300))
        more = replace(control, evidence=records)
        if control.evidence:
            assert fresh_until(more, age) >= fresh_until(control, age)


def test_the_day_looked_at_is_said() -> None:
    case, _ = parse("max evidence age 30\n" + THREE + "control A implemented evidence 2025-05-20: c:1")
    later = evidence_report(put(case, day=date(2025, 8, 1)), within=10)
    assert (later.as_of, later.evidence_day, later.until) == (case.as_of, date(2025, 8, 1), date(2025, 8, 11))
    assert "age of evidence on 2025-08-01" in later.method
    assert assess(case.release, case.controls, case.profile, case.as_of).method in later.method
