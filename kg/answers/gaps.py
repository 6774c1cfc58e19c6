"""The gap report: a framework's open requirements, each with what could close it and what happened to others.

gap_report(assessment, framework)   → GapReport
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.answers.coverage import Assessment, Coverage, RequirementResult
from kg.answers.exposure import Exposure, exposure
from kg.answers.judge import Verdict
from kg.model import ControlStatus
from kg.relations import Outcome

__all__ = ["Gap", "GapReport", "Pending", "gap_report"]

#: What a control would be credited with, were it implemented.
_IF_DONE = {Outcome.CONTAINS: Verdict.COVERED, Outcome.OVERLAPS: Verdict.PARTIAL, Outcome.LEAD: Verdict.LEAD}


@dataclass(frozen=True, slots=True)
class Pending:
    """A control that is planned or partly implemented and would, implemented, give ``verdict``."""

    control: str
    title: str
    status: ControlStatus
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Gap:
    """One open requirement: its result, the organisation's controls that would improve it when finished, the
    reference controls and joint nodes that contain or overlap it, and the threats and incidents behind it."""

    result: RequirementResult
    pending: tuple[Pending, ...]
    could_cover: tuple[str, ...]
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class GapReport:
    """The applicable requirements of one framework that are not covered, worst first, then in reading order.
    It carries the coverage it was drawn from, so that its counts keep their denominator."""

    coverage: Coverage
    gaps: tuple[Gap, ...]


def _pending(assessment: Assessment, result: RequirementResult) -> tuple[Pending, ...]:
    """Best first.  With several AI systems, of the one whose verdict counts."""
    judged = assessment.judgements(result.requirement)
    same = [j for _, d, j in judged if d.applicability is result.decision.applicability]
    found = []
    for ruling in min(same, key=lambda j: j.verdict).rulings:
        who, done = ruling.contender, _IF_DONE.get(ruling.combined.outcome, Verdict.GAP)
        if who.status in (ControlStatus.PLANNED, ControlStatus.PARTIAL) and done > result.verdict:
            found.append(Pending(who.id, who.title, who.status, done))
    return tuple(sorted(found, key=lambda p: (-p.verdict, p.control)))


def gap_report(assessment: Assessment, framework: str) -> GapReport:
    """The open requirements of ``framework``; raises :class:`~kg.errors.UnknownIdError` for an unknown one."""
    found = assessment.coverage(framework)
    open_ = [r for r in found.requirements if r.applicable and r.verdict < Verdict.COVERED]
    coverable = assessment.graph.coverable
    return GapReport(
        coverage=found,
        gaps=tuple(
            Gap(
                result=r,
                pending=_pending(assessment, r),
                could_cover=coverable.get(r.requirement.id, ()),
                exposure=exposure(assessment.release, r.requirement.id),
            )
            for r in sorted(open_, key=lambda r: r.verdict)
        ),
    )
