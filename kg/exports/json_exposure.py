"""What happened to others, as plain data: the ranking of gaps, a case's concerns, an organisation's readiness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kg.answers.concerns import Bearing, Case, CaseThreat, ConcernedControl, ConcernedRequirement, ThreatStage
from kg.answers.ranking import ExposureRanking, RankedGap
from kg.answers.readiness import HeldControl, MetRequirement, Readiness
from kg.release import Release

__all__ = ["SPECIAL"]


def _plain(value: Any, release: Release | None = None) -> Any:
    from kg.exports.json import plain

    return plain(value, release)


def _ranked(value: RankedGap, release: Release | None) -> dict[str, Any]:
    exposure = value.gap.exposure
    return {
        "place": value.place,
        "incidentCount": len(exposure.incidents),
        "newest": exposure.newest,
        "struck": _plain(value.struck),
        "indirect": exposure.indirect,
        "addressed": _plain(exposure.links),
        **_plain(value.gap, release),
    }


def _ranking(value: ExposureRanking, release: Release | None) -> dict[str, Any]:
    return {
        "release": value.release,
        "asOf": value.as_of.isoformat(),
        "profile": _plain(value.coverages[0].profile) if value.coverages else None,
        "order": value.order,
        "method": value.method,
        "disclaimers": _plain(value.disclaimers),
        "cases": {**_plain(value.cases), "words": value.cases.words()},
        "caseCounts": _plain(value.case_counts),
        "open": value.open,
        "withIncidents": value.with_incidents,
        "withoutThreat": value.without_threat,
        "incidents": value.incidents,
        "frameworks": [
            {
                "framework": c.framework,
                "title": c.title,
                "textVersion": c.text_version.isoformat(),
                "counts": _plain(c.counts),
            }
            for c in value.coverages
        ],
        "gaps": _plain(value.gaps, release),
    }


def _case(value: Case, release: Release | None) -> dict[str, Any]:
    return {
        "title": value.title,
        "incident": _plain(value.incident),
        "threats": _plain(value.threats),
        "note": value.note,
    }


def _case_threat(value: CaseThreat, release: Release | None) -> dict[str, Any]:
    return {
        "curie": value.threat.id,
        "title": value.threat.title,
        "summary": value.threat.summary,
        "known": value.known.value,
        "given": value.given,
    }


def _requirement(value: ConcernedRequirement, release: Release | None) -> dict[str, Any]:
    r = value.requirement
    return {"curie": r.id, "ref": r.ref, "title": r.title, "summary": r.summary, "group": value.group, **_how(value)}


def _how(value: ConcernedRequirement) -> dict[str, Any]:
    return {
        "through": value.through.value,
        "targets": list(value.targets),
        "narrower": value.narrower,
        "bearings": _plain(value.bearings),
    }


def _met(value: MetRequirement, release: Release | None) -> dict[str, Any]:
    return {**_plain(value.result, release), **_how(value.concern)}


def _bearing(stage: ThreatStage, value: Bearing) -> dict[str, Any]:
    return {"stage": stage.value, **_plain(value)}


def _control(value: ConcernedControl, release: Release | None) -> dict[str, Any]:
    c = value.control
    return {
        "curie": c.id,
        "title": c.title,
        "catalogue": c.catalogue,
        "statement": c.statement,
        "stages": [s.value for s in value.stages],
        "narrower": value.narrower,
        "bearings": [_bearing(s, b) for s, b in value.bearings],
    }


def _held(value: HeldControl, release: Release | None) -> dict[str, Any]:
    return {
        **_control(value.concern, release),
        "holding": value.holding.value,
        "verdict": value.verdict.name,
        "stale": value.stale,
        "explanation": _plain(value.explanation, release),
        "pending": _plain(value.pending),
        "units": _plain(value.units),
    }


def _readiness(value: Readiness, release: Release | None) -> dict[str, Any]:
    return {
        "release": value.release,
        "asOf": value.as_of.isoformat(),
        "profile": _plain(value.profile),
        "method": value.method,
        "disclaimers": _plain(value.disclaimers),
        "case": _plain(value.case),
        "summary": value.summary,
        "stages": _plain(value.stages),
        "frameworks": _plain(value.frameworks, release),
        "controls": _plain(value.controls, release),
    }


SPECIAL: dict[type, Callable[[Any, Release | None], Any]] = {
    Case: _case,
    CaseThreat: _case_threat,
    ConcernedControl: _control,
    ConcernedRequirement: _requirement,
    ExposureRanking: _ranking,
    HeldControl: _held,
    MetRequirement: _met,
    RankedGap: _ranked,
    Readiness: _readiness,
}
