"""Which requirements concern an organisation or one of its systems, from when, and why not.

Decided from data beside the provisions: roles, tiers, facts and application rules.  What a profile does not say is
taken as true, so that silence never makes the denominator smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kg.model import ROLES, TIERS, ApplicationRule, Condition, Profile, Provision, System
from kg.release import Release

__all__ = ["Applicability", "Decision", "Unit", "decide", "units"]

#: A role that carries another's duties too: joint controllers are controllers (GDPR Article 26(1)).
_IMPLIED_ROLES = {"joint-controller": ("controller",)}


class Applicability(StrEnum):
    """Whether a requirement concerns the organisation on the day asked for."""

    APPLICABLE = "APPLICABLE"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_YET_APPLICABLE = "NOT_YET_APPLICABLE"


@dataclass(frozen=True, slots=True)
class Decision:
    """An applicability with what decided it.  ``because`` is one of ``role``, ``tier``, ``territory``, ``fact``,
    ``excluded``, ``date`` or empty; ``basis`` the legal reference of the date where there is one."""

    applicability: Applicability
    because: str = ""
    explanation: str = ""
    applies_from: date | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What an assessment is made for: the organisation, or one of its AI systems with the organisation's own roles
    and facts beneath.  ``None`` means not stated."""

    id: str
    title: str
    roles: frozenset[str] | None
    tiers: frozenset[str] | None
    facts: tuple[tuple[str, bool], ...]


def _with_implied(roles: frozenset[str]) -> frozenset[str]:
    return roles.union(*(_IMPLIED_ROLES.get(r, ()) for r in roles)) if roles else roles


def _unit(profile: Profile, system: System) -> Unit:
    facts = dict(profile.facts) | dict(system.facts)
    tiers = frozenset(system.tiers) or None
    for route in ("annex-iii", "annex-i"):
        if tiers and "high-risk" not in tiers:
            facts.setdefault(route, False)
    if tiers:
        facts.setdefault("gpai-systemic", "gpai-systemic" in tiers)
    if system.placed_on_market:
        before = system.placed_on_market < date(2026, 8, 2)
        facts.setdefault("placed-before-2026-08-02", before)
        facts.setdefault("placed-after-2026-08-01", not before)
    roles = frozenset(profile.roles or ()) | frozenset(system.roles)
    return Unit(system.id, system.title, _with_implied(roles) or None, tiers, tuple(sorted(facts.items())))


def units(profile: Profile | None) -> tuple[Unit, ...]:
    """The units of a profile: its systems, or the organisation itself where it names none."""
    if profile is None:
        return (Unit("", "", None, None, ()),)
    if profile.systems:
        return tuple(_unit(profile, s) for s in profile.systems)
    roles = None if profile.roles is None else _with_implied(frozenset(profile.roles))
    return (Unit("", profile.title, roles, None, profile.facts),)


def _fails(condition: Condition, facts: dict[str, bool]) -> bool:
    """Whether every alternative of a condition is denied; ``!fact`` is denied by a true fact."""
    return all(facts.get(f[1:]) is True if f.startswith("!") else facts.get(f) is False for f in condition)


def _phrase(condition: Condition) -> str:
    return " or ".join(f.replace("!", "not ") for f in condition)


def decide(
    release: Release,
    requirement: Provision,
    profile: Profile | None,
    unit: Unit,
    as_of: date,
    text_day: date | None = None,
) -> Decision:
    """The applicability of one requirement for one unit on one day, by the text in force then (or on ``text_day``)."""
    no = Applicability.NOT_APPLICABLE
    if profile is not None:
        above = {requirement.id, requirement.framework, *release.ancestors(requirement.id)}
        for exclusion in profile.exclusions:
            if exclusion.target in above:
                return Decision(no, "excluded", f"excluded by the organisation: {exclusion.justification}")
        jurisdiction = release.frameworks[requirement.framework].jurisdiction
        if jurisdiction and profile.jurisdictions and jurisdiction not in profile.jurisdictions:
            return Decision(
                no, "territory", f"a law of {jurisdiction}; the profile names {', '.join(profile.jurisdictions)}"
            )
    roles = release.inherited(requirement, "roles")
    if roles and unit.roles is not None and not unit.roles & set(roles):
        names = ", ".join(r for r in ROLES if r in roles)
        return Decision(no, "role", f"binds {names}; the profile says {', '.join(sorted(unit.roles))}")
    tiers = set(release.inherited(requirement, "tiers"))
    if tiers and not tiers & {"all", "prohibited"} and unit.tiers is not None and not unit.tiers & tiers:
        names = ", ".join(t for t in TIERS if t in tiers)
        return Decision(no, "tier", f"concerns {names}; the profile says {', '.join(sorted(unit.tiers))}")
    facts = dict(unit.facts)
    for condition in release.conditions(requirement):
        if _fails(condition, facts):
            return Decision(no, "fact", f"only where: {_phrase(condition)}")
    return _dated(release, requirement, facts, as_of, release.text_in_force(requirement.framework, text_day or as_of))


def _dated(release: Release, requirement: Provision, facts: dict[str, bool], as_of: date, text: date) -> Decision:
    rules = [release.rules[r] for r in release.inherited(requirement, "rules")]
    standing = [r for r in rules if _stands(r, text)]
    if not standing:
        return Decision(Applicability.APPLICABLE)
    mine = [r for r in standing if not any(_fails(c, facts) for c in r.conditions)]
    if not mine:
        wanted = "; ".join(sorted({_phrase(c) for r in standing for c in r.conditions}))
        return Decision(Applicability.NOT_APPLICABLE, "fact", f"only where: {wanted}")
    first = min(mine, key=lambda r: (r.applies_from, r.id))
    if first.applies_from > as_of:
        when = f"applies from {first.applies_from} ({first.basis})"
        return Decision(Applicability.NOT_YET_APPLICABLE, "date", when, first.applies_from, first.basis)
    return Decision(Applicability.APPLICABLE, "", "", first.applies_from, first.basis)


def _stands(rule: ApplicationRule, text: date) -> bool:
    return (rule.text_from is None or rule.text_from <= text) and (rule.text_until is None or text < rule.text_until)
