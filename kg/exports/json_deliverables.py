"""The Statement of Applicability and readiness by role, tier and date, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kg.answers.duties import Duty
from kg.answers.soa import Driver, Implementation, StatementRow
from kg.answers.steps import NextStep
from kg.exports.words import step_text
from kg.model import Provision
from kg.release import Release

__all__ = ["SPECIAL"]


def _plain(value: Any, release: Release | None = None) -> Any:
    from kg.exports.json import plain

    return plain(value, release)


def _head(p: Provision) -> dict[str, Any]:
    return {"curie": p.id, "ref": p.ref, "title": p.title}


def _driver(value: Driver, release: Release | None) -> dict[str, Any]:
    return {
        "framework": value.provision.framework,
        **_head(value.provision),
        "relation": value.relation,
        "set": value.set,
        "row": value.row,
        "applicability": value.applicability.value,
        "appliesFrom": _plain(value.applies_from),
    }


def _implementation(value: Implementation, release: Release | None) -> dict[str, Any]:
    c = value.control
    return {
        "control": c.id,
        "title": c.title,
        "status": c.status.value,
        "outcome": value.outcome,
        "owner": c.owner,
        "systems": list(c.systems),
        "evidence": _plain(value.records),
        "fresh": value.fresh,
    }


def _row(value: StatementRow, release: Release | None) -> dict[str, Any]:
    return {
        **_head(value.result.requirement),
        "group": value.result.group,
        "included": value.included,
        "exclusion": value.exclusion,
        "drivers": _plain(value.drivers, release),
        "threats": [{"id": t.id, "title": t.title} for t in value.exposure.threats],
        "incidentCount": len(value.exposure.incidents),
        "state": value.state.value,
        "verdict": value.result.verdict.name,
        "reasons": _plain(value.result.reasons),
        "implementations": _plain(value.implementations, release),
        "nextStep": _plain(value.next_step, release),
        "findings": _plain(value.findings),
    }


def _step(value: NextStep, release: Release | None) -> dict[str, Any]:
    return {
        "action": value.action.value,
        "controls": list(value.controls),
        "candidates": list(value.candidates),
        "gives": value.gives.name if value.gives is not None else None,
        "text": step_text(value, release) if release else None,
    }


def _duty(value: Duty, release: Release | None) -> dict[str, Any]:
    return {
        "unit": value.unit,
        "unitTitle": value.unit_title,
        **_head(value.requirement),
        "roles": list(value.roles),
        "tiers": list(value.tiers),
        "applicability": value.applicability.value,
        "appliesFrom": _plain(value.applies_from),
        "days": value.days,
        "legalReference": value.legal_reference,
        "verdict": value.verdict.name,
        "reasons": _plain(value.reasons),
        "control": value.control,
        "nextStep": _plain(value.next_step, release),
        "sets": list(value.sets),
    }


SPECIAL: dict[type, Callable[[Any, Release | None], Any]] = {
    Driver: _driver,
    Duty: _duty,
    Implementation: _implementation,
    NextStep: _step,
    StatementRow: _row,
}
