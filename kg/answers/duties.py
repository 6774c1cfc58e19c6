"""Readiness for a law by role, tier and date: what binds whom, from when, how far it is met, and what to do next.

    duties(assessment)   → Duties of the EU AI Act: one row an AI system and requirement that applies now or later

A requirement that binds two roles of a system is one row; in the counts by role, tier and date it stands under each of
them, so these do not add up, and the counts of the whole count it once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from kg.answers.applicability import Applicability, Decision, Unit, binding_roles
from kg.answers.coverage import Assessment, Counts
from kg.answers.steps import NextStep, next_step
from kg.answers.verdict import Reason, Verdict
from kg.model import ROLES, TIERS, Disclaimer, Profile, Provision

if TYPE_CHECKING:
    from kg.answers.judge import Judgement

__all__ = ["Duties", "Duty", "DutyCount", "duties"]


@dataclass(frozen=True, slots=True)
class Duty:
    """One requirement as it binds one AI system (or the organisation, where the profile names none).

    ``roles`` are those by which it binds, in the profile's words where it says any; empty: everybody.  ``tiers`` are
    those it concerns, of the system's where it says any; empty: whatever the tier.  ``days`` are left until it applies,
    0 where it does.  ``sets`` are those of the chain that is shown.
    """

    unit: str
    unit_title: str
    requirement: Provision
    roles: tuple[str, ...]
    tiers: tuple[str, ...]
    applicability: Applicability
    applies_from: date | None
    days: int
    legal_reference: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    control: str
    next_step: NextStep | None
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DutyCount:
    """The duties of one role and tier that apply from one day: how many, and how far they are met."""

    role: str
    tier: str
    applies_from: date | None
    duties: int
    covered: int
    partial: int
    lead: int
    gap: int


@dataclass(frozen=True, slots=True)
class Duties:
    """What binds an organisation under one framework.  ``counts`` are the coverage's, each requirement once."""

    framework: str
    title: str
    release: str
    as_of: date
    text_version: date
    profile: Profile | None
    method: str
    counts: Counts
    by_role: tuple[DutyCount, ...]
    duties: tuple[Duty, ...]
    disclaimers: tuple[Disclaimer, ...]


def duties(assessment: Assessment, framework: str = "eu-ai-act") -> Duties:
    """What of ``framework`` binds each AI system now or later, by date and in reading order.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist.
    """
    covered = assessment.coverage(framework)
    found = []
    for place, result in enumerate(covered.requirements):
        for unit, decision, judgement in assessment.judgements(result.requirement):
            if decision.applicability is not Applicability.NOT_APPLICABLE:
                duty = _duty(assessment, result.requirement, unit, decision, judgement)
                found.append((duty.applies_from or date.min, place, duty))
    units = {u.id: i for i, u in enumerate(assessment.units)}
    found.sort(key=lambda f: (f[0], f[1], units[f[2].unit]))
    every = tuple(duty for _, _, duty in found)
    return Duties(
        framework=framework,
        title=covered.title,
        release=covered.release,
        as_of=covered.as_of,
        text_version=covered.text_version,
        profile=covered.profile,
        method=covered.method,
        counts=covered.counts,
        by_role=_by_role(every),
        duties=every,
        disclaimers=covered.disclaimers,
    )


def _duty(assessment: Assessment, requirement: Provision, unit: Unit, decision: Decision, judgement: Judgement) -> Duty:
    release = assessment.release
    day, best = decision.applies_from, judgement.best
    steps = assessment.explanation(best).steps if best else ()
    tiers = release.inherited(requirement, "tiers")
    if unit.tiers is not None and not {"all", "prohibited"} & set(tiers):
        tiers = tuple(t for t in tiers if t in unit.tiers)
    return Duty(
        unit=unit.id,
        unit_title=unit.title,
        requirement=requirement,
        roles=binding_roles(release, requirement, unit),
        tiers=tuple(t for t in TIERS if t in tiers),
        applicability=decision.applicability,
        applies_from=day,
        days=max(0, (day - assessment.as_of).days) if day else 0,
        legal_reference=decision.legal_reference,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        control=best.contender.id if best else "",
        next_step=next_step(judgement, assessment.graph.coverable.get(requirement.id, ())),
        sets=tuple(dict.fromkeys(s.set for s in steps if s.set)),
    )


def _by_role(every: Iterable[Duty]) -> tuple[DutyCount, ...]:
    groups: defaultdict[tuple[date | None, str, str], list[Duty]] = defaultdict(list)
    for duty in every:
        for role in duty.roles or ("",):
            for tier in duty.tiers or ("",):
                groups[duty.applies_from, role, tier].append(duty)
    roles, tiers = {r: i for i, r in enumerate(("", *ROLES))}, {t: i for i, t in enumerate(("", *TIERS))}
    ordered = sorted(groups, key=lambda g: (g[0] or date.min, roles.get(g[1], 99), tiers.get(g[2], 99), g[1:]))
    found = []
    for day, role, tier in ordered:
        verdicts = [d.verdict for d in groups[day, role, tier]]
        counts = (verdicts.count(v) for v in (Verdict.COVERED, Verdict.PARTIAL, Verdict.LEAD, Verdict.GAP))
        found.append(DutyCount(role, tier, day, len(verdicts), *counts))
    return tuple(found)
