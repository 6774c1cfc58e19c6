"""The gap report: a framework's open requirements, each with what could close it and what happened to others.

gap_report(assessment, framework)   → GapReport
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kg.answers.coverage import Assessment, Coverage, RequirementResult
from kg.answers.exposure import Exposure, exposure
from kg.answers.steps import IF_DONE, NextStep, next_step
from kg.answers.verdict import Verdict
from kg.model import ControlStatus

if TYPE_CHECKING:
    from kg.answers.judge import Judgement

__all__ = ["Gap", "GapReport", "Pending", "gap_report"]


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
    reference controls and joint nodes that contain or overlap it, the threats and incidents behind it, and what to do
    next."""

    result: RequirementResult
    pending: tuple[Pending, ...]
    could_cover: tuple[str, ...]
    exposure: Exposure
    next_step: NextStep | None = None


@dataclass(frozen=True, slots=True)
class GapReport:
    """The applicable requirements of one framework that are not covered, worst first, then in reading order.
    It carries the coverage it was drawn from, so that its counts keep their denominator."""

    coverage: Coverage
    gaps: tuple[Gap, ...]


def _judgement(assessment: Assessment, result: RequirementResult) -> Judgement:
    """With several AI systems, that of the one whose verdict counts."""
    judged = assessment.judgements(result.requirement)
    same = [j for _, d, j in judged if d.applicability is result.decision.applicability]
    return min(same, key=lambda j: j.verdict)


def _pending(judgement: Judgement) -> tuple[Pending, ...]:
    """Best first."""
    found = []
    for ruling in judgement.rulings:
        who, done = ruling.contender, IF_DONE.get(ruling.combined.outcome, Verdict.GAP)
        if who.status in (ControlStatus.PLANNED, ControlStatus.PARTIAL) and done > judgement.verdict:
            found.append(Pending(who.id, who.title, who.status, done))
    return tuple(sorted(found, key=lambda p: (-p.verdict, p.control)))


def _gap(assessment: Assessment, result: RequirementResult) -> Gap:
    judgement = _judgement(assessment, result)
    could_cover = assessment.graph.coverable.get(result.requirement.id, ())
    return Gap(
        result=result,
        pending=_pending(judgement),
        could_cover=could_cover,
        exposure=exposure(assessment.release, result.requirement.id),
        next_step=next_step(judgement, could_cover),
    )


def gap_report(assessment: Assessment, framework: str) -> GapReport:
    """The open requirements of ``framework``; raises :class:`~kg.errors.UnknownIdError` for an unknown one."""
    found = assessment.coverage(framework)
    open_ = [r for r in found.requirements if r.applicable and r.verdict < Verdict.COVERED]
    return GapReport(found, tuple(_gap(assessment, r) for r in sorted(open_, key=lambda r: r.verdict)))
