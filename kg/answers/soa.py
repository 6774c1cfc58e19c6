"""The Statement of Applicability of ISO/IEC 42001: each control of Annex A, whether it is included, why, how far.

    statement_of_applicability(assessment)   → StatementOfApplicability

ISO/IEC 42001:2023, 6.1.3 asks for a statement with the necessary controls and a justification for including and for
excluding each; Annex A lists 38 of them, and an organisation may have further ones.  Here

* a control is excluded where the profile says so, in the organisation's words, and included everywhere else: silence
  excludes nothing;
* what asks for a control, its *drivers*, are the requirements of other frameworks that a mapping relates to it and that
  apply to the organisation now or later, and the threats it addresses.  They support a justification for inclusion; the
  decision stays the organisation's;
* how far it is done is the verdict of the assessment, by the organisation's own controls and the status it gave them.

What nobody has said is a finding, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from kg.answers.applicability import Applicability, decide, prevailing
from kg.answers.coverage import Assessment, RequirementResult
from kg.answers.exposure import Exposure, exposure
from kg.answers.freshness import fresh_until, records_of
from kg.answers.steps import NextStep, next_step
from kg.answers.verdict import Reason, Verdict
from kg.errors import UsageError
from kg.model import Control, ControlStatus, Disclaimer, EvidenceRecord, Profile, Provision
from kg.relations import Outcome, inverse, word
from kg.release import Release

if TYPE_CHECKING:
    from kg.answers.judge import Judgement

__all__ = [
    "Driver", "Implementation", "StatementCounts", "StatementFinding", "StatementOfApplicability", "StatementRow",
    "StatementState", "statement_of_applicability",
]  # fmt: skip

#: The kind of provision that a statement of applicability lists.
_KIND = "control"
_DONE = (ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)


class StatementState(StrEnum):
    """How far a control of the list is done, from the verdict and the statuses the organisation gave."""

    IMPLEMENTED = "implemented"
    IN_PART = "in part"
    PLANNED = "planned"
    NOT_SHOWN = "not shown"
    EXCLUDED = "excluded"


class StatementFinding(StrEnum):
    """What an auditor would ask about."""

    EXCLUDED_WITHOUT_REASON = "EXCLUDED_WITHOUT_REASON"
    EXCLUDED_THOUGH_ASKED_FOR = "EXCLUDED_THOUGH_ASKED_FOR"
    EXCLUDED_THOUGH_DONE = "EXCLUDED_THOUGH_DONE"
    NO_DRIVER = "NO_DRIVER"
    NO_CONTROL = "NO_CONTROL"
    NO_OWNER = "NO_OWNER"
    NO_EVIDENCE = "NO_EVIDENCE"
    EVIDENCE_STALE = "EVIDENCE_STALE"
    DISPUTED = "DISPUTED"


@dataclass(frozen=True, slots=True)
class Driver:
    """A provision of another framework that a mapping relates to the control, read *provision relation control*.

    Of a whole that is no requirement itself, ``applicability`` and ``applies_from`` are those of the requirements in
    it: the first of them to apply counts.
    """

    provision: Provision
    relation: str
    set: str
    row: str
    applicability: Applicability
    applies_from: date | None


@dataclass(frozen=True, slots=True)
class Implementation:
    """A control of the organisation's that bears on a control of the list: CONTAINS, OVERLAPS or LEAD, or JOINT where
    it does so together with others.  ``fresh`` is whether its evidence counts on the day."""

    control: Control
    outcome: str
    records: tuple[EvidenceRecord, ...]
    fresh: bool


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One control of the list.  ``exclusion`` are the organisation's own words."""

    result: RequirementResult
    included: bool
    exclusion: str
    drivers: tuple[Driver, ...]
    exposure: Exposure
    state: StatementState
    implementations: tuple[Implementation, ...]
    next_step: NextStep | None
    findings: tuple[StatementFinding, ...]


@dataclass(frozen=True, slots=True)
class StatementCounts:
    """How many controls the list has, how many are included, and of these how far they are done."""

    total: int
    included: int
    excluded: int
    implemented: int
    in_part: int
    planned: int
    not_shown: int
    with_findings: int


@dataclass(frozen=True, slots=True)
class StatementOfApplicability:
    """The statement.  ``further`` are the organisation's controls that bear on none of the list."""

    framework: str
    title: str
    release: str
    as_of: date
    text_version: date
    profile: Profile | None
    method: str
    counts: StatementCounts
    rows: tuple[StatementRow, ...]
    further: tuple[Control, ...]
    disclaimers: tuple[Disclaimer, ...]


def statement_of_applicability(assessment: Assessment, framework: str = "iso42001") -> StatementOfApplicability:
    """The statement over the controls of ``framework``, those of ISO/IEC 42001's Annex A unless said otherwise.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist and :class:`~kg.errors.UsageError` for
    one without controls in the text in force.
    """
    found = assessment.release.framework(framework)
    listed = [r for r in assessment.graph.requirements(framework) if r.kind == _KIND]
    if not listed:
        raise UsageError(f"{found.short_title} lists no controls", "a statement of applicability is of iso42001")
    drivers = _Drivers(assessment, framework)
    rows = tuple(_row(assessment, r, drivers) for r in listed)
    bearing = {i.control.id for r in rows for i in r.implementations}
    names = (d.provision.framework for r in rows for d in r.drivers)
    return StatementOfApplicability(
        framework=framework,
        title=found.title,
        release=assessment.release.digest,
        as_of=assessment.as_of,
        text_version=assessment.release.text_in_force(framework, assessment.text_day),
        profile=assessment.profile,
        method=assessment.method,
        counts=_counts(rows),
        rows=rows,
        further=tuple(c for c in assessment.controls if c.id not in bearing),
        disclaimers=assessment.release.disclaimers_for(framework, *dict.fromkeys(names)),
    )


def _counts(rows: tuple[StatementRow, ...]) -> StatementCounts:
    states = [r.state for r in rows]
    return StatementCounts(
        total=len(rows),
        included=sum(r.included for r in rows),
        excluded=sum(not r.included for r in rows),
        implemented=states.count(StatementState.IMPLEMENTED),
        in_part=states.count(StatementState.IN_PART),
        planned=states.count(StatementState.PLANNED),
        not_shown=states.count(StatementState.NOT_SHOWN),
        with_findings=sum(bool(r.findings) for r in rows),
    )


def _row(assessment: Assessment, requirement: Provision, drivers: _Drivers) -> StatementRow:
    result = assessment.requirement(requirement)
    included = result.decision.applicability is not Applicability.NOT_APPLICABLE
    every = assessment.judgements(requirement)
    judged = [j for _, d, j in every if d.applicability is result.decision.applicability]
    implementations = _implementations(assessment, judged)
    state = _state(included, result.verdict, implementations)
    worst = min(judged, key=lambda j: j.verdict)
    asked = drivers.of(requirement)
    behind = exposure(assessment.release, requirement.id)
    exclusion = "" if included else _exclusion(assessment, requirement, result.decision.explanation)
    return StatementRow(
        result=result,
        included=included,
        exclusion=exclusion,
        drivers=asked,
        exposure=behind,
        state=state,
        implementations=implementations,
        next_step=next_step(worst, assessment.graph.coverable.get(requirement.id, ())) if included else None,
        findings=_findings(result, included, exclusion, asked, behind, implementations),
    )


def _exclusion(assessment: Assessment, requirement: Provision, otherwise: str) -> str:
    """The organisation's words, or what else decided."""
    above = {requirement.id, requirement.framework, *assessment.release.ancestors(requirement.id)}
    exclusions = assessment.profile.exclusions if assessment.profile else ()
    return next((e.justification for e in exclusions if e.target in above), otherwise)


def _state(included: bool, verdict: Verdict, implementations: tuple[Implementation, ...]) -> StatementState:
    if not included:
        return StatementState.EXCLUDED
    if verdict is Verdict.COVERED:
        return StatementState.IMPLEMENTED
    if verdict is Verdict.PARTIAL:
        return StatementState.IN_PART
    planned = (i for i in implementations if i.control.status is ControlStatus.PLANNED and i.outcome != "LEAD")
    return StatementState.PLANNED if any(planned) else StatementState.NOT_SHOWN


def _implementations(assessment: Assessment, judged: list[Judgement]) -> tuple[Implementation, ...]:
    """The organisation's controls that bear on it in any AI system, the one that does most first."""
    best: dict[str, Outcome] = {}
    joint: dict[str, None] = {}
    for judgement in judged:
        for ruling in judgement.rulings:
            if ruling.contender.members:
                if ruling is judgement.best:
                    joint |= dict.fromkeys(control for _, control in ruling.contender.members)
            elif ruling.combined.outcome >= Outcome.LEAD:
                id_ = ruling.contender.id
                best[id_] = max(best.get(id_, Outcome.LEAD), ruling.combined.outcome)
    controls = {c.id: c for c in assessment.controls}
    oldest = assessment.profile.max_evidence_age_days if assessment.profile else None

    def said(id_: str) -> str:
        outcome = best.get(id_, Outcome.LEAD)
        return "JOINT" if id_ in joint and outcome < Outcome.CONTAINS else outcome.name

    order = {"CONTAINS": 0, "JOINT": 1, "OVERLAPS": 2, "LEAD": 3}
    ids = sorted({*best, *joint}, key=lambda i: (order[said(i)], i))
    return tuple(
        Implementation(c, said(c.id), records_of(c), assessment.evidence_day <= fresh_until(c, oldest))
        for c in (controls[i] for i in ids)
    )


def _findings(
    result: RequirementResult,
    included: bool,
    exclusion: str,
    drivers: tuple[Driver, ...],
    behind: Exposure,
    implementations: tuple[Implementation, ...],
) -> tuple[StatementFinding, ...]:
    found = []
    bearing = [i for i in implementations if i.outcome != "LEAD"]
    done = [i for i in bearing if i.control.status in _DONE]
    if not included:
        if not exclusion.strip():
            found.append(StatementFinding.EXCLUDED_WITHOUT_REASON)
        if any(d.relation != "related" for d in drivers):
            found.append(StatementFinding.EXCLUDED_THOUGH_ASKED_FOR)
        if done:
            found.append(StatementFinding.EXCLUDED_THOUGH_DONE)
        return tuple(found)
    if not drivers and not behind.threats:
        found.append(StatementFinding.NO_DRIVER)
    if not bearing:
        found.append(StatementFinding.NO_CONTROL)
    if any(not i.control.owner.strip() for i in bearing):
        found.append(StatementFinding.NO_OWNER)
    if any(not i.records for i in done):
        found.append(StatementFinding.NO_EVIDENCE)
    if any(i.records and not i.fresh for i in done):
        found.append(StatementFinding.EVIDENCE_STALE)
    if Reason.DISPUTED in result.reasons:
        found.append(StatementFinding.DISPUTED)
    return tuple(found)


class _Drivers:
    """What asks for a control, and whether that applies."""

    def __init__(self, assessment: Assessment, framework: str) -> None:
        self._assessment, self._framework = assessment, framework
        self._decided: dict[str, tuple[Applicability, date | None]] = {}
        self._within: dict[str, list[Provision]] | None = None

    def of(self, requirement: Provision) -> tuple[Driver, ...]:
        """Laws first, then by framework and place in the text."""
        a, release = self._assessment, self._assessment.release
        found = []
        for m in release.rows_of.get(requirement.id, ()):
            other, mask = (m.subject, m.mask) if m.object == requirement.id else (m.object, inverse(m.mask))
            provision = release.provisions.get(other)
            if provision is None or provision.framework == self._framework or not a.graph.exists(other):
                continue
            if not m.scores or not a.filter.admits(m, release.sets[m.set_id].authority):
                continue
            applicability, day = self._decision(provision)
            if applicability is not Applicability.NOT_APPLICABLE:
                found.append(Driver(provision, word(mask), m.set_id, m.id, applicability, day))
        place = {id_: i for i, id_ in enumerate(release.provisions)}
        return tuple(sorted(found, key=lambda d: (not _is_law(release, d), place[d.provision.id], d.set, d.row)))

    def _decision(self, provision: Provision) -> tuple[Applicability, date | None]:
        if provision.id not in self._decided:
            a = self._assessment
            counted = self._requirements(provision)
            every = [decide(a.release, r, a.profile, u, a.as_of, a.text_day) for r in counted for u in a.units]
            chosen = prevailing(every)
            self._decided[provision.id] = (chosen.applicability, chosen.applies_from)
        return self._decided[provision.id]

    def _requirements(self, provision: Provision) -> list[Provision]:
        """The requirement itself, or those in it; where there are none, the provision as it stands."""
        if self._within is None:
            self._within = defaultdict(list)
            for framework in self._assessment.release.frameworks:
                for r in self._assessment.graph.requirements(framework):
                    for id_ in (r.id, *self._assessment.release.ancestors(r.id)):
                        self._within[id_].append(r)
        return self._within.get(provision.id) or [provision]


def _is_law(release: Release, driver: Driver) -> bool:
    return release.frameworks[driver.provision.framework].kind == "law"
