"""Between the values of the model and the JSON that the store keeps.

The JSON is canonical (sorted keys, no blanks, UTF-8, empty values left out), so that equal values have equal bytes:
the audit log's hashes stand on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import orjson

from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Exclusion, Profile, System
from kg.relations import RELATIONS, word

__all__ = [
    "control_from_json", "control_json", "dumps", "evidence_from_json", "evidence_json", "profile_from_json",
    "profile_json",
]  # fmt: skip


def dumps(value: Any) -> str:
    """Canonical JSON.

    >>> dumps({"b": [1, None], "a": "é"})
    '{"a":"é","b":[1,null]}'
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _filled(pairs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value not in (None, "", [], {})}


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _as_day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def evidence_json(record: EvidenceRecord) -> dict[str, Any]:
    """A record as a JSON object."""
    return _filled(
        {
            "id": record.id,
            "kind": record.kind,
            "title": record.title,
            "day": _day(record.day),
            "valid_until": _day(record.valid_until),
            "link": record.link,
            "note": record.note,
        }
    )


def evidence_from_json(value: Mapping[str, Any]) -> EvidenceRecord:
    """The record of :func:`evidence_json`."""
    return EvidenceRecord(
        id=value["id"],
        kind=value.get("kind", ""),
        title=value.get("title", ""),
        day=_as_day(value.get("day")),
        valid_until=_as_day(value.get("valid_until")),
        link=value.get("link", ""),
        note=value.get("note", ""),
    )


def control_json(control: Control, *, archived: bool = False) -> dict[str, Any]:
    """A control with all that hangs on it as a JSON object; ``max_evidence_age_days`` of 0 cannot occur."""
    return _filled(
        {
            "id": control.id,
            "title": control.title,
            "status": control.status.value,
            "description": control.description,
            "owner": control.owner,
            "evidence_date": _day(control.evidence_date),
            "max_evidence_age_days": control.max_evidence_age_days,
            "rows": [{"target": r.target, "relation": word(r.mask), "stated": r.stated} for r in control.rows],
            "systems": list(control.systems),
            "evidence": [evidence_json(record) for record in control.evidence],
            "archived": archived or None,
        }
    )


def control_from_json(value: Mapping[str, Any]) -> Control:
    """The control of :func:`control_json`."""
    return Control(
        id=value["id"],
        title=value["title"],
        status=ControlStatus(value["status"]),
        rows=tuple(ControlRow(r["target"], RELATIONS[r["relation"]], r["stated"]) for r in value.get("rows", ())),
        description=value.get("description", ""),
        owner=value.get("owner", ""),
        evidence_date=_as_day(value.get("evidence_date")),
        systems=tuple(value.get("systems", ())),
        evidence=tuple(map(evidence_from_json, value.get("evidence", ()))),
        max_evidence_age_days=value.get("max_evidence_age_days"),
    )


def _facts(facts: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    return dict(facts)


def system_json(system: System) -> dict[str, Any]:
    """One AI system with the keys of a profile's ``systems``."""
    return _filled(
        {
            "id": system.id,
            "title": system.title,
            "roles": list(system.roles),
            "tiers": list(system.tiers),
            "facts": _facts(system.facts),
            "placed_on_market": _day(system.placed_on_market),
        }
    )


def profile_json(profile: Profile) -> dict[str, Any]:
    """A profile with the keys of a profile file: :func:`kg.organizations.profile_from_mapping` reads it back."""
    found = _filled(
        {
            "title": profile.title,
            "as_of": _day(profile.as_of),
            "jurisdictions": list(profile.jurisdictions),
            "facts": _facts(profile.facts),
            "systems": [system_json(system) for system in profile.systems],
            "exclusions": [{"target": e.target, "justification": e.justification} for e in profile.exclusions],
            "max_evidence_age_days": profile.max_evidence_age_days,
        }
    )
    return found if profile.roles is None else {**found, "roles": list(profile.roles)}


def _system_from_json(value: Mapping[str, Any]) -> System:
    return System(
        id=value["id"],
        title=value.get("title", ""),
        roles=tuple(value.get("roles", ())),
        tiers=tuple(value.get("tiers", ())),
        facts=tuple(sorted(value.get("facts", {}).items())),
        placed_on_market=_as_day(value.get("placed_on_market")),
    )


def profile_from_json(value: Mapping[str, Any]) -> Profile:
    """The profile of :func:`profile_json`, whatever the present release knows."""
    return Profile(
        title=value.get("title", ""),
        as_of=_as_day(value.get("as_of")),
        jurisdictions=tuple(value.get("jurisdictions", ())),
        roles=tuple(value["roles"]) if "roles" in value else None,
        facts=tuple(sorted(value.get("facts", {}).items())),
        systems=tuple(map(_system_from_json, value.get("systems", ()))),
        exclusions=tuple(Exclusion(e["target"], e["justification"]) for e in value.get("exclusions", ())),
        max_evidence_age_days=value.get("max_evidence_age_days"),
    )
