"""Incidents: what happened to others, and which requirement speaks to it.

exposure(release, requirement)        → the threats it addresses and the cases in which they struck
incidents_of(release, threat)         → the cases of a threat or anything narrower
threat_family / wider_threats         → a threat with its narrower, or its broader classes

An incident concerns what addresses its own threat or a *broader* class of it; what addresses only a *narrower* kind
never counts for it (``docs/incidents.md``, decision 0016).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import SECTORS, Disclaimer, Incident, Threat, ThreatLink, ThreatRelation
from kg.release import Release
from kg.terms import BASE, natural_key

__all__ = [
    "REPORTED_CASES_ONLY", "Addressed", "AddressedThrough", "CaseFilter", "Exposure", "addressed_through", "exposure",
    "incidents_of", "threat_family", "wider_threats",
]  # fmt: skip

#: What no count of incidents may travel without.
REPORTED_CASES_ONLY = Disclaimer(
    f"{BASE}disclaimer/reported-cases-only",
    "The AI Incident Database holds what was reported in public and written down, mostly in English and mostly where "
    "the press looked; this graph names the threats of only some of its cases. A count of incidents is therefore no "
    "frequency, no likelihood and no risk, and no case is no proof of safety.",
    basis="AI Incident Database",
)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


class AddressedThrough(StrEnum):
    """By what a requirement addresses a threat: its own link, that of one of its parts, or that of a whole above it."""

    ITSELF = "itself"
    PART = "part"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Addressed:
    """A requirement addresses ``threat`` because ``target`` (itself, a part or a whole) does."""

    threat: str
    through: AddressedThrough
    target: str
    rationale: str
    set_id: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """The threats a requirement addresses (through itself, a whole or a part) and the incidents where they struck.
    ``note`` says in a sentence why there are none; ``links`` say by what it addresses each threat."""

    requirement: str
    threats: tuple[Threat, ...]
    incidents: tuple[Incident, ...]
    note: str
    links: tuple[Addressed, ...] = ()

    @property
    def indirect(self) -> bool:
        """Whether it addresses threats, and every one only through a whole above it or a part of it."""
        return bool(self.links) and all(link.through is not AddressedThrough.ITSELF for link in self.links)

    @property
    def newest(self) -> str:
        """The date of the latest incident, as precise as it is known; empty where there is none or none is dated."""
        return max((i.date for i in self.incidents), default="")


def _days(text: str) -> tuple[date, date] | None:
    """The first and the last day an ISO date, month or year may mean; ``None`` for what is none of these.

    >>> _days("2024-02")
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(n) if n else 0 for n in found.groups())
    try:
        last = date(year, month or 12, day or monthrange(year, month or 12)[1])
        return date(year, month or 1, day or 1), last
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which incidents count: from ``since`` until ``until`` (a day, a month or a year each, ends included; empty: any)
    and in these sectors (none: any).

    A case counts only if it surely lies inside: one known by its month is left out where the limit falls within that
    month, and one without date or sector where that is asked for.  Raises :class:`~kg.errors.UsageError` for a date
    that is none or a span that is empty, and :class:`~kg.errors.UnknownIdError` for a sector that does not exist.
    """

    since: str = ""
    until: str = ""
    sectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, text in (("since", self.since), ("until", self.until)):
            if text and _days(text) is None:
                raise UsageError(
                    f"{name}: {text!r} is not a date", "a year, a month or a day: 2024, 2024-06, 2024-06-30"
                )
        for sector in self.sectors:
            if sector not in SECTORS:
                near = nearest(sector, SECTORS)
                hint = f"did you mean {near}? " if near else ""
                raise UnknownIdError(f"there is no sector {sector!r}", f"{hint}one of: {', '.join(SECTORS)}")
        since, until = _days(self.since), _days(self.until)
        if since and until and since[0] > until[1]:
            raise UsageError(f"no day is from {self.since} and until {self.until}", "since is the earlier one")

    def why_not(self, incident: Incident) -> str:
        """Why an incident does not count: ``date``, ``unknown date``, ``sector``, ``unknown sector``; or empty."""
        if self.since or self.until:
            days, since, until = _days(incident.date), _days(self.since), _days(self.until)
            if days is None:
                return "unknown date"
            first, last = days
            if (since and last < since[0]) or (until and first > until[1]):
                return "date"
            if (since and first < since[0]) or (until and last > until[1]):
                return "unknown date"
        if self.sectors and incident.sector not in self.sectors:
            return "sector" if incident.sector else "unknown sector"
        return ""

    def words(self) -> str:
        """The filter in words; ``all incidents`` where it lets everything through."""
        said = [f"in {' or '.join(self.sectors)}"] if self.sectors else []
        said += [f"since {self.since}"] if self.since else []
        said += [f"until {self.until}"] if self.until else []
        return f"incidents {', '.join(said)}" if said else "all incidents"


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


def wider_threats(release: Release, threat: str) -> tuple[str, ...]:
    """The broader classes of a threat, all the way up, without itself."""
    found: list[str] = []
    stack = [threat]
    while stack:
        it = release.threats.get(stack.pop())
        for broader in it.broader if it else ():
            if broader not in found and broader != threat:
                found.append(broader)
                stack.append(broader)
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


def _addressing(release: Release) -> defaultdict[str, list[ThreatLink]]:
    """Provision → the links by which it addresses a threat."""
    found: defaultdict[str, list[ThreatLink]] = defaultdict(list)
    for t in release.threat_links:
        if t.relation is ThreatRelation.ADDRESSED_BY:
            found[t.target].append(t)
    return found


def addressed_through(release: Release, requirement: str) -> tuple[Addressed, ...]:
    """By what a requirement addresses which threat: its own links first, then those of its parts, then those of the
    wholes above it, nearest first."""
    links: defaultdict[str, list[ThreatLink]] = release.cache("addressing", lambda: _addressing(release))
    near = {requirement: AddressedThrough.ITSELF}
    for p in release.parts_of.get(requirement, ()):
        near.setdefault(p.part, AddressedThrough.PART)
    for whole in release.ancestors(requirement):
        near.setdefault(whole, AddressedThrough.WHOLE)
    return tuple(
        Addressed(t.threat, through, target, t.rationale, t.set_id)
        for target, through in near.items()
        for t in links.get(target, ())
    )


def exposure(release: Release, requirement: str, cases: CaseFilter | None = None) -> Exposure:
    """The threats that ``requirement`` addresses and the incidents (that ``cases`` admits) in which they happened."""
    links = addressed_through(release, requirement)
    threats = tuple(release.threats[t] for t in sorted({link.threat for link in links}, key=natural_key))
    found = {i.id: i for t in threats for i in incidents_of(release, t.id) if not (cases and cases.why_not(i))}
    incidents = tuple(sorted(found.values(), key=lambda i: (i.date, i.number), reverse=True))
    if not threats:
        note = "No threat in this release is linked to this requirement."
    elif not incidents:
        which = f" among {cases.words()}" if cases and cases != CaseFilter() else ""
        note = f"The AI Incident Database extract has no case{which} of: " + ", ".join(t.title for t in threats) + "."
    else:
        note = ""
    return Exposure(requirement, threats, incidents, note, links)
