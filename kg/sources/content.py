"""What was read, before anything is believed: lists of model objects and the findings made on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from kg.errors import Finding, Severity, nearest
from kg.model import (
    ApplicationRule,
    Catalogue,
    Classification,
    ClassificationSet,
    Disclaimer,
    Framework,
    Incident,
    JointNode,
    LegalReference,
    Mapping,
    MappingSet,
    NonCoverage,
    Option,
    Part,
    ProfileWord,
    Provision,
    Question,
    ReferenceControl,
    RiskDomain,
    Source,
    Threat,
    ThreatLink,
)

__all__ = ["Content", "Reporter", "parse_case_date", "parse_date", "parse_number"]


@dataclass
class Content:
    """Everything a set of data folders holds, in reading order."""

    frameworks: list[Framework] = field(default_factory=list)
    rules: list[ApplicationRule] = field(default_factory=list)
    provisions: list[Provision] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    catalogues: list[Catalogue] = field(default_factory=list)
    controls: list[ReferenceControl] = field(default_factory=list)
    joints: list[JointNode] = field(default_factory=list)
    threats: list[Threat] = field(default_factory=list)
    threat_links: list[ThreatLink] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    risk_domains: list[RiskDomain] = field(default_factory=list)
    classification_sets: list[ClassificationSet] = field(default_factory=list)
    classifications: list[Classification] = field(default_factory=list)
    sets: list[MappingSet] = field(default_factory=list)
    mappings: list[Mapping] = field(default_factory=list)
    references: list[LegalReference] = field(default_factory=list)
    disclaimers: list[Disclaimer] = field(default_factory=list)
    non_coverage: list[NonCoverage] = field(default_factory=list)
    words: list[ProfileWord] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    curators: set[str] = field(default_factory=set)
    labels: list[tuple[Source, str, str]] = field(default_factory=list)  #: (where, id, label beside it)


class Reporter:
    """Collects findings about one file: ``report(line, code, message, hint)``."""

    def __init__(self, path: str, findings: list[Finding]) -> None:
        self.path = path
        self._findings = findings

    def __call__(self, line: int, code: str, message: str, hint: str = "", *, warning: bool = False) -> None:
        severity: Severity = "warning" if warning else "error"
        self._findings.append(Finding(self.path, line, code, message, hint, severity=severity))

    def word(self, line: int, what: str, value: str, allowed: Iterable[str]) -> bool:
        """Report ``value`` unless it is one of the closed list ``allowed``."""
        allowed = list(allowed)
        if value in allowed:
            return True
        near = nearest(value, allowed)
        hint = f"did you mean {near!r}? " if near else ""
        self(line, "BAD_VALUE", f"{what} {value!r} is not known", f"{hint}one of: {', '.join(allowed)}")
        return False


def parse_date(report: Reporter, line: int, what: str, value: str) -> date | None:
    """An ISO 8601 day, or ``None`` with a finding."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        report(line, "BAD_VALUE", f"{what} {value!r} is not a date", "write it as 2026-07-27")
        return None


def parse_case_date(report: Reporter, line: int, what: str, value: str) -> str:
    """The date of a case as it is written: an ISO 8601 day, month or year, or empty; with a finding if it is none."""
    try:
        if value:
            date.fromisoformat(value + "-01-01"[len(value) - 4 :])
            if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", value):
                raise ValueError
    except ValueError:
        report(line, "BAD_VALUE", f"{what} {value!r} is not a date", "2024-05-31, 2024-05 or 2024")
        return ""
    return value


def parse_number(report: Reporter, line: int, what: str, value: str, low: float, high: float) -> float | None:
    """A number from ``low`` to ``high``, or ``None`` with a finding."""
    try:
        found = float(value) if value else None
    except ValueError:
        found = float("nan")
    if found is None or low <= found <= high:
        return found
    report(line, "BAD_VALUE", f"{what} {value!r} is not a number from {low:g} to {high:g}")
    return None
