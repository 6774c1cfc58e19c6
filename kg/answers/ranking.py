"""Gaps in the order of what happened to others.

exposure_ranking(assessment, frameworks, cases)   → ExposureRanking

The order needs no weights: the number of distinct incidents of the threats that a requirement addresses, then the
newest of them, then the id.  It is an order of reported cases, never a score of risk.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from kg.answers.coverage import Assessment, Coverage
from kg.answers.exposure import REPORTED_CASES_ONLY, CaseFilter, exposure, incidents_of
from kg.answers.gaps import Gap, gap_report
from kg.model import Disclaimer, Incident
from kg.release import Release
from kg.terms import natural_key

__all__ = ["ORDER", "CaseCounts", "ExposureRanking", "RankedGap", "Struck", "case_counts", "exposure_ranking"]

ORDER = (
    "by the number of distinct incidents of the threats a requirement addresses, then the newest of them, then the id; "
    "unweighted, and no measure of risk"
)


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """The incidents that were looked at: of ``total`` with threats in the release, ``counted`` pass the filter; the
    others are left out for one reason each, in this order: their date, a date that is not known well enough, their
    sector, no sector.  ``by_number_only`` stand beside the total: cases without a threat of their own."""

    total: int
    counted: int
    other_date: int
    unknown_date: int
    other_sector: int
    unknown_sector: int
    by_number_only: int


@dataclass(frozen=True, slots=True)
class Struck:
    """A threat that a requirement addresses and in how many of the counted incidents it, or a narrower one, struck.
    An incident may show several, so these do not add up."""

    threat: str
    title: str
    incidents: int


@dataclass(frozen=True, slots=True)
class RankedGap:
    """An open requirement in its place: 1 for the most incidents; equal counts with the same newest date share one.
    ``place`` is 0 where no incident stands behind it; ``gap.exposure.note`` then says why.  ``struck`` are the threats
    with an incident, most first."""

    place: int
    struck: tuple[Struck, ...]
    gap: Gap


@dataclass(frozen=True, slots=True)
class ExposureRanking:
    """The open requirements of some frameworks, by what happened to others who missed them.  It carries the coverages
    it was drawn from, so that its counts keep their denominators, and says which incidents were counted.  Of the
    ``open`` requirements ``with_incidents`` have one behind them (``incidents`` distinct ones in all), and to
    ``without_threat`` no threat is linked."""

    coverages: tuple[Coverage, ...]
    cases: CaseFilter
    case_counts: CaseCounts
    open: int
    with_incidents: int
    without_threat: int
    incidents: int
    gaps: tuple[RankedGap, ...]
    release: str
    as_of: date
    order: str
    method: str
    disclaimers: tuple[Disclaimer, ...]


def case_counts(release: Release, cases: CaseFilter) -> CaseCounts:
    """How many of the release's incidents a filter lets through, and why not the others."""
    found = Counter(cases.why_not(i) for i in release.incidents.values())
    return CaseCounts(
        total=len(release.incidents),
        counted=found[""],
        other_date=found["date"],
        unknown_date=found["unknown date"],
        other_sector=found["sector"],
        unknown_sector=found["unknown sector"],
        by_number_only=len(release.known_by_number),
    )


def _struck(release: Release, gap: Gap, cases: CaseFilter) -> tuple[Struck, ...]:
    found = [
        Struck(t.id, t.title, sum(1 for i in incidents_of(release, t.id) if not cases.why_not(i)))
        for t in gap.exposure.threats
    ]
    return tuple(sorted((s for s in found if s.incidents), key=lambda s: (-s.incidents, s.threat)))


def exposure_ranking(
    assessment: Assessment, frameworks: Sequence[str] | None = None, cases: CaseFilter | None = None
) -> ExposureRanking:
    """The open requirements (applicable and not covered) of ``frameworks``, or of all, by the incidents behind them.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist.
    """
    release, cases = assessment.release, cases or CaseFilter()
    wanted = {release.framework(f).id for f in frameworks} if frameworks else set(release.frameworks)
    reports = [gap_report(assessment, f) for f in release.frameworks if f in wanted]
    every = [
        dataclasses.replace(g, exposure=exposure(release, g.result.requirement.id, cases))
        for report in reports
        for g in report.gaps
    ]
    by_id = sorted(every, key=lambda g: natural_key(g.result.requirement.id))
    ordered = sorted(by_id, key=lambda g: (len(g.exposure.incidents), g.exposure.newest), reverse=True)
    ranked, place, before = [], 0, (0, "")
    for number, gap in enumerate(ordered, 1):
        here = (len(gap.exposure.incidents), gap.exposure.newest)
        place = number if here != before else place
        before = here
        ranked.append(RankedGap(place if gap.exposure.incidents else 0, _struck(release, gap, cases), gap))
    behind: dict[str, Incident] = {i.id: i for g in every for i in g.exposure.incidents}
    disclaimers = dict.fromkeys(d for r in reports for d in r.coverage.disclaimers)
    return ExposureRanking(
        coverages=tuple(r.coverage for r in reports),
        cases=cases,
        case_counts=case_counts(release, cases),
        open=len(ranked),
        with_incidents=sum(1 for g in ranked if g.place),
        without_threat=sum(1 for g in every if not g.exposure.threats),
        incidents=len(behind),
        gaps=tuple(ranked),
        release=release.digest,
        as_of=assessment.as_of,
        order=ORDER,
        method=assessment.method,
        disclaimers=(*disclaimers, REPORTED_CASES_ONLY),
    )
