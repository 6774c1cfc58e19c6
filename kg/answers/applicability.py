"""Which requirements concern an organisation or one of its systems, from when, why not, and which rule says so.

    decide(release, requirement, profile, unit, as_of)     → Decision: the first ground in the fixed order
    exclusions(release, requirement, profile, unit, as_of) → every ground on which it does not apply
    applicability(release, profile, framework, as_of)      → each requirement of a framework over all units

Decided from data beside the provisions: roles, tiers, facts, application rules, and the vocabulary that says where the
law defines these words.  What a profile does not say is taken as true, so that silence never makes the denominator
smaller.  The order is fixed: excluded, territory, role, tier, fact, date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kg.model import ROLES, TIERS, ApplicationRule, Condition, Profile, ProfileWord, Provision, System
from kg.release import Release

__all__ = [
    "METHOD", "Applicability", "Decision", "RequirementDecision", "Unit", "applicability", "binding_roles", "decide",
    "exclusions", "prevailing", "units",
]  # fmt: skip


#: How applicability is decided, in a sentence that goes with its numbers.
METHOD = (
    "applicability from roles, risk tiers, facts and application dates beside the provisions; what the profile does "
    "not say is taken as true"
)


class Applicability(StrEnum):
    """Whether a requirement concerns the organisation on the day asked for."""

    APPLICABLE = "APPLICABLE"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_YET_APPLICABLE = "NOT_YET_APPLICABLE"


@dataclass(frozen=True, slots=True)
class Decision:
    """An applicability with what decided it.

    ``because`` is one of ``role``, ``tier``, ``territory``, ``fact``, ``excluded``, ``date`` or empty; ``basis`` the
    legal reference of the date where there is one.  ``rule`` is the id of the node that decided: the application rule,
    the provision that carries the roles, tiers or condition (the requirement or a whole above it), or the framework.
    ``legal_reference`` cites it as a person does, with the provision that defines the role, tier or fact.
    """

    applicability: Applicability
    because: str = ""
    explanation: str = ""
    applies_from: date | None = None
    basis: str = ""
    rule: str = ""
    legal_reference: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What an assessment is made for: the organisation, or one of its AI systems with the organisation's own roles
    and facts beneath.  ``None`` means not stated."""

    id: str
    title: str
    roles: frozenset[str] | None
    tiers: frozenset[str] | None
    facts: tuple[tuple[str, bool], ...]
    placed_on_market: date | None = None


@dataclass(frozen=True, slots=True)
class RequirementDecision:
    """One requirement over all units: the decision that counts, and each unit's own in the order of the profile."""

    requirement: Provision
    decision: Decision
    units: tuple[tuple[Unit, Decision], ...]


def _unit(profile: Profile, system: System) -> Unit:
    facts = dict(profile.facts) | dict(system.facts)
    roles = frozenset(profile.roles or ()) | frozenset(system.roles)
    tiers = frozenset(system.tiers) or None
    return Unit(system.id, system.title, roles or None, tiers, tuple(sorted(facts.items())), system.placed_on_market)


def units(profile: Profile | None) -> tuple[Unit, ...]:
    """The units of a profile: its systems, or the organisation itself where it names none."""
    if profile is None:
        return (Unit("", "", None, None, ()),)
    if profile.systems:
        return tuple(_unit(profile, s) for s in profile.systems)
    roles = None if profile.roles is None else frozenset(profile.roles)
    return (Unit("", profile.title, roles, None, profile.facts),)


# ------------------------------------------------------------------ facts and words


def _derived(release: Release) -> tuple[ProfileWord, ...]:
    """The facts that follow from a system's tiers or its day of placing on the market."""
    found: tuple[ProfileWord, ...] = release.cache(
        "derived facts",
        lambda: tuple(w for w in release.vocabulary.values() if w.of_tier or w.dated),
    )
    return found


def _facts(release: Release, unit: Unit) -> dict[str, bool]:
    """What a unit says, and what follows: a stated fact is never overruled."""
    facts = dict(unit.facts)
    for word in _derived(release):
        if word.name in facts:
            continue
        if word.of_tier and unit.tiers is not None and word.of_tier not in unit.tiers:
            facts[word.name] = False
        elif unit.placed_on_market and word.dated and (unit.tiers or not word.of_tier):
            facts[word.name] = word.holds(unit.placed_on_market)
    return facts


def _bound(release: Release, roles: tuple[str, ...]) -> frozenset[str]:
    """The roles that ``roles`` bind: themselves and those that imply one of them."""

    def make() -> frozenset[str]:
        ids = {release.vocabulary["role", r].id for r in roles if ("role", r) in release.vocabulary}
        return frozenset(roles) | {w.name for w in release.vocabulary.values() if ids & set(w.implies)}

    found: frozenset[str] = release.cache(("bound", roles), make)
    return found


def binding_roles(release: Release, requirement: Provision, unit: Unit) -> tuple[str, ...]:
    """By which roles a requirement binds a unit: the unit's own, where it says any, else all it names; empty where it
    binds everybody."""
    named = release.inherited(requirement, "roles")
    if not named or unit.roles is None:
        return tuple(r for r in ROLES if r in named)
    bound = unit.roles & _bound(release, named)
    return tuple(r for r in ROLES if r in bound)


def _fails(condition: Condition, facts: dict[str, bool]) -> bool:
    """Whether every alternative of a condition is denied; ``!fact`` is denied by a true fact."""
    return all(facts.get(f[1:]) is True if f.startswith("!") else facts.get(f) is False for f in condition)


def _phrase(condition: Condition) -> str:
    return " or ".join(f.replace("!", "not ") for f in condition)


# ------------------------------------------------------------------ references


def _head(citation: str) -> tuple[str, str]:
    """A citation without and with the short title of its law behind the last comma."""
    head, comma, law = citation.rpartition(", ")
    return (head, comma + law) if comma else (citation, "")


def _see(citation: str, others: Iterable[str]) -> str:
    """A citation with what it hangs on: ``Article 26, EU AI Act; see Article 3(4)``.  The law is not said again where
    it is the same, nor a provision that contains the first."""
    head, law = _head(citation)
    found = [citation]
    for other in others:
        there, whose = _head(other)
        if whose != law or ";" in other:
            there = other
        elif head.startswith(there) and not head[len(there) : len(there) + 1].isalnum():
            continue
        if f"see {there}" not in found:
            found.append(f"see {there}")
    return "; ".join(found)


def _defined(release: Release, kind: str, names: Iterable[str]) -> list[str]:
    """Where the law defines words, as a person cites it; words that nothing defines are left out."""
    words = (release.vocabulary.get((kind, name)) for name in names)
    return list(dict.fromkeys(w.basis for w in words if w is not None and w.basis))


def _cited(release: Release, rule: ApplicationRule) -> str:
    """An application rule's basis with the law it is of, unless it names one itself."""
    law = release.frameworks[rule.framework].short_title
    named = law in rule.basis or rule.basis.startswith("Regulation")
    return rule.basis if named else f"{rule.basis}, {law}"


# ------------------------------------------------------------------ decisions


_Hinges = tuple[tuple[str, ...], tuple[str, ...], tuple[Condition, ...], tuple[ApplicationRule, ...]]


def _hinges(release: Release, requirement: Provision) -> _Hinges:
    """What a requirement hangs on, settled once for a release: roles, tiers, conditions and application rules."""
    known: dict[str, _Hinges] = release.cache("hinges", dict)
    found = known.get(requirement.id)
    if found is None:
        rules = tuple(release.rules[r] for r in release.inherited(requirement, "rules"))
        found = known[requirement.id] = (
            release.inherited(requirement, "roles"), release.inherited(requirement, "tiers"),
            release.conditions(requirement), rules,
        )  # fmt: skip
    return found


def _excluding(
    release: Release, requirement: Provision, profile: Profile | None, unit: Unit, facts: dict[str, bool]
) -> Iterator[Decision]:
    """The grounds on which a requirement does not apply, dates aside, in the fixed order."""
    no = Applicability.NOT_APPLICABLE
    framework = release.frameworks[requirement.framework]
    if profile is not None:
        above = {requirement.id, requirement.framework, *release.ancestors(requirement.id)}
        for exclusion in profile.exclusions:
            if exclusion.target in above:
                said = f"excluded by the organisation: {exclusion.justification}"
                rule = f"kgfw:{exclusion.target}" if exclusion.target in release.frameworks else exclusion.target
                yield Decision(
                    no, "excluded", said, rule=rule,
                    legal_reference=f"{release.cite(exclusion.target)}: excluded by the organisation, not by law",
                )  # fmt: skip
        law = framework.jurisdiction
        if law and profile.jurisdictions and law not in profile.jurisdictions:
            said = f"a law of {law}; the profile names {', '.join(profile.jurisdictions)}"
            where = "; ".join(release.cite(p) for p in framework.territory)
            yield Decision(
                no, "territory", said, rule=f"kgfw:{framework.id}", legal_reference=where or framework.short_title
            )
    roles, tiers, conditions, _ = _hinges(release, requirement)
    if roles and unit.roles is not None and not unit.roles & _bound(release, roles):
        named = [r for r in ROLES if r in roles]
        said = f"binds {', '.join(named)}; the profile says {', '.join(sorted(unit.roles))}"
        yield _by(release, requirement, "role", said, named)
    if tiers and not {"all", "prohibited"} & set(tiers) and unit.tiers is not None and not unit.tiers & set(tiers):
        named = [t for t in TIERS if t in tiers]
        said = f"concerns {', '.join(named)}; the profile says {', '.join(sorted(unit.tiers))}"
        yield _by(release, requirement, "tier", said, named)
    for condition in conditions:
        if _fails(condition, facts):
            yield _by_fact(release, requirement, condition)


def _by(release: Release, requirement: Provision, kind: str, said: str, names: Sequence[str]) -> Decision:
    carrier = release.carrier(requirement, f"{kind}s")
    reference = _see(release.cite(carrier), _defined(release, kind, names))
    return Decision(Applicability.NOT_APPLICABLE, kind, said, rule=carrier, legal_reference=reference)


def _by_fact(release: Release, requirement: Provision, condition: Condition) -> Decision:
    """A condition that fails: carried by the framework, or by the outermost whole that has it."""
    defined = _defined(release, "fact", (f.removeprefix("!") for f in condition))
    said = f"only where: {_phrase(condition)}"
    if condition in release.frameworks[requirement.framework].requires:
        rule = f"kgfw:{requirement.framework}"
        reference = "; ".join(defined) or release.cite(rule)
    else:
        wholes = (*reversed(release.ancestors(requirement.id)), requirement.id)
        rule = next(id_ for id_ in wholes if condition in release.provisions[id_].conditions)
        reference = _see(release.cite(rule), defined)
    return Decision(Applicability.NOT_APPLICABLE, "fact", said, rule=rule, legal_reference=reference)


def decide(
    release: Release,
    requirement: Provision,
    profile: Profile | None,
    unit: Unit,
    as_of: date,
    text_day: date | None = None,
) -> Decision:
    """The applicability of one requirement for one unit on one day, by the text in force then (or on ``text_day``)."""
    facts = _facts(release, unit)
    excluded = next(_excluding(release, requirement, profile, unit, facts), None)
    return excluded or _dated(release, requirement, facts, as_of, text_day or as_of)


def exclusions(
    release: Release, requirement: Provision, profile: Profile | None, unit: Unit, as_of: date
) -> tuple[Decision, ...]:
    """Every ground on which a requirement does not apply to a unit, in the fixed order; empty where it does, now or
    later.  The first is the decision."""
    facts = _facts(release, unit)
    found = list(_excluding(release, requirement, profile, unit, facts))
    last = _dated(release, requirement, facts, as_of, as_of)
    return (*found, last) if last.applicability is Applicability.NOT_APPLICABLE else tuple(found)


def _dated(release: Release, requirement: Provision, facts: dict[str, bool], as_of: date, text_day: date) -> Decision:
    framework = release.frameworks[requirement.framework]
    first_text = framework.text_versions[0] if framework.text_versions else None
    unpublished = first_text is not None and text_day < first_text.date
    text = release.text_in_force(requirement.framework, text_day)
    standing = [r for r in _hinges(release, requirement)[3] if _stands(r, text)]
    if not standing:
        if first_text is not None and unpublished:
            said = f"there was no text of it before {first_text.date}"
            rule = f"kgfw:{framework.id}"
            return Decision(
                Applicability.NOT_YET_APPLICABLE, "date", said, first_text.date, first_text.title, rule,
                first_text.title,
            )  # fmt: skip
        return Decision(Applicability.APPLICABLE, rule=requirement.id, legal_reference=release.cite(requirement.id))
    mine = [r for r in standing if not any(_fails(c, facts) for c in r.conditions)]
    if not mine:
        wanted = "; ".join(sorted({_phrase(c) for r in standing for c in r.conditions}))
        near = min(standing, key=lambda r: _distance(r, facts))
        return Decision(
            Applicability.NOT_APPLICABLE, "fact", f"only where: {wanted}", rule=near.id,
            legal_reference=_cited(release, near),
        )  # fmt: skip
    first = min(mine, key=lambda r: (r.applies_from, r.id))
    by = (first.applies_from, first.basis, first.id, _cited(release, first))
    if first.applies_from <= as_of:
        return Decision(Applicability.APPLICABLE, "", "", *by)
    when = f"applies from {first.applies_from} ({first.basis})"
    if first_text is not None and unpublished:
        when += f"; there was no text of it before {first_text.date}"
    return Decision(Applicability.NOT_YET_APPLICABLE, "date", when, *by)


def _distance(rule: ApplicationRule, facts: dict[str, bool]) -> tuple[int, int, int, str]:
    """How far a rule that does not hold is from holding: the fewest denials, then the most that the profile affirms,
    then the later date, which is the more special rule."""
    denied = sum(1 for c in rule.conditions if _fails(c, facts))
    affirmed = sum(1 for c in rule.conditions if any(facts.get(f) is True for f in c))
    return (denied, -affirmed, -rule.applies_from.toordinal(), rule.id)


def _stands(rule: ApplicationRule, text: date) -> bool:
    return (rule.text_from is None or rule.text_from <= text) and (rule.text_until is None or text < rule.text_until)


# ------------------------------------------------------------------ over all units


def prevailing(decisions: Sequence[Decision]) -> Decision:
    """The decision that counts over units: it applies if it does to any, else it will if it will to any, and of these
    the earliest date; else the first unit's."""
    for wanted in (Applicability.APPLICABLE, Applicability.NOT_YET_APPLICABLE):
        if found := [d for d in decisions if d.applicability is wanted]:
            return min(found, key=lambda d: d.applies_from or date.min)
    return decisions[0]


def applicability(
    release: Release, profile: Profile | None, framework: str, as_of: date
) -> tuple[RequirementDecision, ...]:
    """Every requirement of a framework's text in force on ``as_of``, in reading order, with its decision.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist.
    """
    mine = units(profile)
    found = []
    for requirement in release.requirements(framework, as_of):
        every = tuple((u, decide(release, requirement, profile, u, as_of)) for u in mine)
        found.append(RequirementDecision(requirement, prevailing([d for _, d in every]), every))
    return tuple(found)
