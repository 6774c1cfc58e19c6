"""The gap report: a framework's open requirements, each with what could close it and what happened to others.

    gap_report(assessment, framework)   → GapReport, a value made of the answers of ``kg.answers``
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.answers import Assessment, Coverage, Exposure, RequirementResult, Verdict, exposure

__all__ = ["Gap", "GapReport", "gap_report"]


@dataclass(frozen=True, slots=True)
class Gap:
    """One open requirement: its result, the reference controls and joint nodes that contain or overlap it,
    and the threats and incidents behind it."""

    result: RequirementResult
    could_cover: tuple[str, ...]
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class GapReport:
    """The applicable requirements of one framework that are not covered, worst first, then in reading order.
    It carries the coverage it was drawn from, so that its counts keep their denominator."""

    coverage: Coverage
    gaps: tuple[Gap, ...]


def gap_report(assessment: Assessment, framework: str) -> GapReport:
    """The open requirements of ``framework``; raises :class:`~kg.errors.UnknownIdError` for an unknown one."""
    found = assessment.coverage(framework)
    open_ = [r for r in found.requirements if r.applicable and r.verdict < Verdict.COVERED]
    coverable = assessment.graph.coverable
    return GapReport(
        coverage=found,
        gaps=tuple(
            Gap(r, coverable.get(r.requirement.id, ()), exposure(assessment.release, r.requirement.id))
            for r in sorted(open_, key=lambda r: r.verdict)
        ),
    )
