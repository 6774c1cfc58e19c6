"""What the verdicts rest on: each record of evidence, until when it counts, and what falls without it.

evidence_report(assessment, frameworks, within)   → EvidenceReport
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from kg.answers.coverage import Assessment, RequirementResult
from kg.answers.freshness import fresh_until, limit_of, record_until, records_of
from kg.answers.verdict import Verdict
from kg.answers.whatif import without_records
from kg.errors import UsageError
from kg.model import Control, ControlStatus, Disclaimer, EvidenceRecord, Profile

if TYPE_CHECKING:
    from kg.answers.judge import Contender, Judgement

__all__ = [
    "DEFAULT_WITHIN",
    "Basis",
    "EvidenceReport",
    "EvidenceUse",
    "Expiry",
    "RecordReport",
    "Rest",
    "StaleControl",
    "evidence_report",
]  # fmt: skip

#: How many days ahead is looked where nothing is said.
DEFAULT_WITHIN = 90
MAX_WITHIN = 3660


class Basis(StrEnum):
    """What it means that a verdict rests on a record: it would be lower without it; or, where no age and no end is
    set that would make it so, it is reached through a control that the record serves."""

    VERDICT = "verdict"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class EvidenceUse:
    """A control that a record serves, whether it counts there and its last day (``None``: it has none)."""

    control: str
    title: str
    fresh: bool
    fresh_until: date | None


@dataclass(frozen=True, slots=True)
class Rest:
    """An applicable requirement that hangs on evidence: its verdict now, and what it is otherwise (without a record,
    when it has ended, or with fresh evidence)."""

    requirement: str
    ref: str
    title: str
    framework: str
    verdict: Verdict
    otherwise: Verdict


@dataclass(frozen=True, slots=True)
class RecordReport:
    """One record (``id`` is empty for the unnamed evidence of the control in ``uses``), where it counts and what rests
    on it.  ``fresh`` if it counts for some control; ``fresh_until`` the first of the last days where it counts, or
    the latest where it no longer does."""

    id: str
    kind: str
    title: str
    day: date | None
    valid_until: date | None
    link: str
    age_days: int | None
    fresh: bool
    fresh_until: date | None
    uses: tuple[EvidenceUse, ...]
    basis: Basis
    rests: tuple[Rest, ...]


@dataclass(frozen=True, slots=True)
class StaleControl:
    """A control, implemented at least in part, whose evidence counts no longer (``since`` the first such day), or is
    missing (``None``), and the applicable requirements that fresh evidence would lift to COVERED."""

    control: str
    title: str
    since: date | None
    requirements: tuple[Rest, ...]


@dataclass(frozen=True, slots=True)
class Expiry:
    """A day on which controls go stale, the records that end, and the requirements whose verdict drops that day."""

    day: date
    controls: tuple[str, ...]
    records: tuple[str, ...]
    rests: tuple[Rest, ...]


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """All evidence of an organisation.  ``records`` are ranked: what most requirements rest on first.

    ``applicable`` and ``covered`` are over all frameworks asked for: the denominator of what rests on a record.
    ``evidence_day`` is the day on which ages are looked at; ``until`` the last day that ``expiries`` look at.
    """

    release: str
    as_of: date
    evidence_day: date
    until: date
    within: int
    profile: Profile | None
    method: str
    disclaimers: tuple[Disclaimer, ...]
    frameworks: tuple[str, ...]
    applicable: int
    covered: int
    controls: int
    limited: int
    records: tuple[RecordReport, ...]
    stale: tuple[StaleControl, ...]
    expiries: tuple[Expiry, ...]


def evidence_report(
    assessment: Assessment, frameworks: Sequence[str] | None = None, within: int = DEFAULT_WITHIN
) -> EvidenceReport:
    """The evidence behind the applicable requirements of ``frameworks`` (``None``: all), and what goes stale
    ``within`` so many days.

    Raises :class:`~kg.errors.UnknownIdError` for an unknown framework, :class:`~kg.errors.UsageError` for a bad number
    of days.
    """
    if not 0 <= within <= MAX_WITHIN:
        raise UsageError(f"{within} days is out of range", f"0 to {MAX_WITHIN}")
    a = assessment
    chosen = tuple(dict.fromkeys(a.release.frameworks if frameworks is None else frameworks))
    coverages = [a.coverage(f) for f in chosen]
    applicable = [r for c in coverages for r in c.requirements if r.applicable]
    ground = _Ground(a, applicable)
    records = [_record(ground, users) for users in _by_record(a.controls)]
    records.sort(key=lambda r: (-len(r.rests), -len(r.uses), r.fresh_until or date.max, r.id, r.uses[0].control))
    until = a.evidence_day + timedelta(within)
    return EvidenceReport(
        release=a.release.digest,
        as_of=a.as_of,
        evidence_day=a.evidence_day,
        until=until,
        within=within,
        profile=a.profile,
        method=f"{a.method}; evidence counts as its control, or else the profile, says",
        disclaimers=tuple(dict.fromkeys(d for c in coverages for d in c.disclaimers)),
        frameworks=chosen,
        applicable=len(applicable),
        covered=sum(1 for r in applicable if r.verdict is Verdict.COVERED),
        controls=len(a.controls),
        limited=sum(1 for c in a.controls if ground.is_limited(c)),
        records=tuple(records),
        stale=tuple(_stale(ground, c) for c in a.controls if _done(c) and ground.ends[c.id] < a.evidence_day),
        expiries=tuple(_expiries(ground, until)),
    )


def _by_record(controls: Iterable[Control]) -> list[list[tuple[Control, EvidenceRecord]]]:
    """The records, each with the controls it serves; a record of several controls is told by its id."""
    found: dict[tuple[str, str], list[tuple[Control, EvidenceRecord]]] = {}
    for c in controls:
        for r in records_of(c):
            found.setdefault((r.id, "" if r.id else c.id), []).append((c, r))
    return list(found.values())


def _done(control: Control) -> bool:
    """Whether there is anything yet that evidence could show."""
    return control.status not in (ControlStatus.PLANNED, ControlStatus.NOT_APPLICABLE)


def _day(end: date) -> date | None:
    """A last day as it is told: none where there is no end, nor where it never counted."""
    return None if end in (date.min, date.max) else end


# ---------------------------------------------------------------- what stands on what


class _Ground:
    """Which controls and joint nodes cover each applicable requirement, and until when each is fresh.

    Evidence only ever takes COVERED down to PARTIAL.  A requirement that is covered drops when for one of the AI
    systems that count nothing fresh is left that covers it.  Where that is a joint node, another control may take the
    stale one's place in it: then the answer is computed anew.
    """

    def __init__(self, assessment: Assessment, applicable: Sequence[RequirementResult]) -> None:
        self.assessment = assessment
        self.age = assessment.profile.max_evidence_age_days if assessment.profile else None
        self.ends = {c.id: fresh_until(c, self.age) for c in assessment.controls}
        self.open = [r for r in applicable if r.verdict < Verdict.COVERED]
        self.covered = [(r, self._covering(r)) for r in applicable if r.verdict is Verdict.COVERED]

    def is_limited(self, control: Control) -> bool:
        """Whether an age or an end is set for its evidence."""
        return limit_of(control, self.age) is not None or any(r.valid_until for r in control.evidence)

    def judged(self, r: RequirementResult) -> list[Judgement]:
        """Its judgement for each unit that counts."""
        every = self.assessment.judgements(r.requirement)
        return [j for _, d, j in every if d.applicability is r.decision.applicability]

    def _covering(self, r: RequirementResult) -> list[list[Contender]]:
        return [[x.contender for x in j.rulings if x.verdict is Verdict.COVERED] for j in self.judged(r)]

    def drops(
        self, ends: Mapping[str, date], day: date, standing: Iterable[str], anew: Callable[[], Assessment]
    ) -> list[Rest]:
        """The covered requirements among ``standing`` that are not, with these last days, on ``day``."""
        asked, found, again = set(standing), [], None
        for r, units in self.covered:
            if r.requirement.id not in asked:
                continue
            left = [[c for c in unit if _end(c, ends) >= day] for unit in units]
            if all(left):
                continue
            verdict = Verdict.PARTIAL
            if any(c.members for unit, alive in zip(units, left, strict=True) if not alive for c in unit):
                again = again or anew()
                verdict = again.requirement(r.requirement).verdict
            if verdict < Verdict.COVERED:
                found.append(_rest(r, verdict))
        return found


def _end(contender: Contender, ends: Mapping[str, date]) -> date:
    who = [control for _, control in contender.members] or [contender.id]
    return min(ends[w] for w in who)


def _rest(r: RequirementResult, otherwise: Verdict) -> Rest:
    p = r.requirement
    return Rest(p.id, p.ref, p.title, p.framework, r.verdict, otherwise)


def _record(ground: _Ground, users: Sequence[tuple[Control, EvidenceRecord]]) -> RecordReport:
    a = ground.assessment
    day = a.evidence_day
    until = [record_until(r, c, ground.age) for c, r in users]
    alive = [u for u in until if u >= day]
    record = users[0][1]
    limited = any(limit_of(c, ground.age) is not None or r.valid_until for c, r in users)
    return RecordReport(
        id=record.id,
        kind=record.kind,
        title=record.title,
        day=record.day,
        valid_until=record.valid_until,
        link=record.link,
        age_days=(day - record.day).days if record.day else None,
        fresh=bool(alive),
        fresh_until=_day(min(alive) if alive else max(until)),
        uses=tuple(EvidenceUse(c.id, c.title, u >= day, _day(u)) for (c, _), u in zip(users, until, strict=True)),
        basis=Basis.VERDICT if limited else Basis.CONTROL,
        rests=tuple(_without(ground, record.id, [c for c, _ in users]) if limited else _through(ground, users)),
    )


def _without(ground: _Ground, record: str, users: Sequence[Control]) -> list[Rest]:
    """The requirements whose verdict is lower without a record."""
    a, day = ground.assessment, ground.assessment.evidence_day
    changed = {c.id: without_records(c, [record]) for c in users}
    ends = {id_: fresh_until(c, ground.age) for id_, c in changed.items()}
    if all(end >= day or ground.ends[id_] < day for id_, end in ends.items()):
        return []
    controls = [changed.get(c.id, c) for c in a.controls]
    everything = [r.requirement.id for r, _ in ground.covered]
    return ground.drops(ground.ends | ends, day, everything, lambda: _like(a, controls, day))


def _through(ground: _Ground, users: Sequence[tuple[Control, EvidenceRecord]]) -> list[Rest]:
    """The requirements that are covered through a control which a record serves."""
    served = {c.id for c, _ in users}
    found = []
    for r, units in ground.covered:
        if any(served & {c.id, *(who for _, who in c.members)} for unit in units for c in unit):
            found.append(_rest(r, r.verdict))
    return found


def _like(a: Assessment, controls: Sequence[Control], evidence_day: date) -> Assessment:
    return Assessment(
        a.release, controls, a.profile, a.as_of, a.filter, text_day=a.text_day, evidence_day=evidence_day, like=a
    )


def _stale(ground: _Ground, control: Control) -> StaleControl:
    """What fresh evidence of one stale control would lift; as in ``drops``, anew where a joint node has a say."""
    a, end = ground.assessment, _day(ground.ends[control.id])
    again, found = None, []
    for r in ground.open:
        low = [j for j in ground.judged(r) if j.verdict < Verdict.COVERED]
        ways = [[x.contender for x in j.rulings if x.downgraded and _stands_on(x.contender, control.id)] for j in low]
        if not all(ways):
            continue
        verdict = Verdict.COVERED
        if any(all(c.members for c in unit) for unit in ways):
            renewed = replace(control, evidence=(), evidence_date=a.evidence_day)
            again = again or _like(a, [renewed if c is control else c for c in a.controls], a.evidence_day)
            verdict = again.requirement(r.requirement).verdict
        if verdict is Verdict.COVERED:
            found.append(_rest(r, verdict))
    return StaleControl(control.id, control.title, end + timedelta(1) if end else None, tuple(found))


def _stands_on(contender: Contender, control: str) -> bool:
    return control in (contender.id, *(who for _, who in contender.members))


def _expiries(ground: _Ground, until: date) -> list[Expiry]:
    a = ground.assessment
    controls = {c.id: c for c in a.controls}
    days: dict[date, list[str]] = {}
    for id_, end in ground.ends.items():
        if a.evidence_day <= end < until and _done(controls[id_]):
            days.setdefault(end + timedelta(1), []).append(id_)
    standing = {r.requirement.id for r, _ in ground.covered}
    found = []
    for day, ids in sorted(days.items()):
        rests = ground.drops(ground.ends, day, standing, lambda day=day: _like(a, a.controls, day))  # type: ignore[misc]
        standing -= {r.requirement for r in rests}
        last = day - timedelta(1)
        records = {
            r.id or f"evidence of {id_}"
            for id_ in ids
            for r in records_of(controls[id_])
            if record_until(r, controls[id_], ground.age) == last
        }
        found.append(Expiry(day, tuple(sorted(ids)), tuple(sorted(records)), tuple(rests)))
    return found
