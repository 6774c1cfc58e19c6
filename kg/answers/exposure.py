"""Incidents: what happened to others, and which requirement or control speaks to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from kg.model import Incident, Threat, ThreatRelation
from kg.release import Release

__all__ = ["Exposure", "exposure", "incidents_of", "threat_family"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """The threats a requirement addresses (through itself, a whole or a part) and the incidents where they struck.
    ``note`` says in a sentence why there are none."""

    requirement: str
    threats: tuple[Threat, ...]
    incidents: tuple[Incident, ...]
    note: str


def threat_family(release: Release, threat: str) -> tuple[str, ...]:
    """A threat and everything narrower."""
    narrower: defaultdict[str, list[str]] = release.cache("narrower", lambda: _narrower(release))
    found, stack = [], [threat]
    while stack:
        each = stack.pop()
        if each not in found:
            found.append(each)
            stack += narrower.get(each, [])
    return tuple(sorted(found))


def _narrower(release: Release) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for t in release.threats.values():
        for broader in t.broader:
            found[broader].append(t.id)
    return found


def incidents_of(release: Release, threat: str) -> tuple[Incident, ...]:
    """The incidents of a threat or anything narrower, latest first; those without a date last."""
    family = set(threat_family(release, threat))
    found = [i for i in release.incidents.values() if family & set(i.threats)]
    return tuple(sorted(found, key=lambda i: (i.date, i.number), reverse=True))


def exposure(release: Release, requirement: str) -> Exposure:
    """The threats that ``requirement`` addresses and the incidents in which they happened."""
    near = {requirement, *release.ancestors(requirement)}
    near |= {p.part for p in release.parts_of.get(requirement, ())}
    ids = sorted(
        {t.threat for t in release.threat_links if t.relation is ThreatRelation.ADDRESSED_BY and t.target in near}
    )
    threats = tuple(release.threats[t] for t in ids)
    found = {i.id: i for t in ids for i in incidents_of(release, t)}
    incidents = tuple(sorted(found.values(), key=lambda i: (i.date, i.number), reverse=True))
    if not threats:
        note = "No threat in this release is linked to this requirement."
    elif not incidents:
        note = "The AI Incident Database extract has no case of: " + ", ".join(t.title for t in threats) + "."
    else:
        note = ""
    return Exposure(requirement, threats, incidents, note)
