"""The guided questionnaire: a dozen questions for a person who is no lawyer, the profile that the answers make, and
what each answer does to what applies.

    questionnaire(release)             → the questions, in the order of asking
    pending(release, answers, system)  → those still to be asked
    answer(release, answers)           → ProfileDraft(profile, consequences)

The questions are data (``ontologies/questionnaire.ttl``).  What an answered question could set and the answer does not
is denied; what is not known, or was never asked, is left open, and what is open is taken to apply.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kg.answers.applicability import (
    METHOD,
    Applicability,
    Decision,
    RequirementDecision,
    Unit,
    decide,
    prevailing,
    units,
)
from kg.errors import Finding, InputError, nearest
from kg.model import ROLES, TIERS, Disclaimer, Option, Profile, Provision, Question, System
from kg.release import Release

__all__ = [
    "ONLY_SYSTEM", "UNKNOWN", "Answer", "Consequence", "Move", "ProfileDraft", "Questionnaire", "Standing", "Tally",
    "answer", "check", "pending", "questionnaire",
]  # fmt: skip

#: What stands for "I do not know": always allowed, sets nothing.
UNKNOWN = "unknown"
#: The id of the AI system where the answers name none.
ONLY_SYSTEM = "ai-system"
#: The option of a choice of many that stands alone.
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question: names of options, one day, or ``unknown``.  ``system`` names the AI system that a
    question about a system is answered for; empty: the only one."""

    question: str
    values: tuple[str, ...]
    system: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many requirements of a framework apply, do not, and will."""

    applicable: int
    not_applicable: int
    not_yet_applicable: int

    @property
    def total(self) -> int:
        """All requirements of the text in force."""
        return self.applicable + self.not_applicable + self.not_yet_applicable


@dataclass(frozen=True, slots=True)
class Tally:
    """One framework's requirements before and after an answer."""

    framework: str
    title: str
    before: Standing
    after: Standing


@dataclass(frozen=True, slots=True)
class Move:
    """One requirement whose applicability or date an answer changed; ``after`` names the rule and legal reference."""

    requirement: Provision
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class Consequence:
    """What one answer did, after the answers before it.  ``said`` are the titles of the options taken, ``references``
    cite the provisions that the question is about, ``moves`` every requirement that the answer moved, in reading
    order.  Frameworks whose counts did not change have a tally too."""

    question: Question
    system: str
    values: tuple[str, ...]
    said: tuple[str, ...]
    references: tuple[str, ...]
    tallies: tuple[Tally, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """The profile that answers make and how it came about.  ``total`` is from nothing known to the whole profile;
    ``open_questions`` are those still to be asked, of the organisation and then of each system."""

    profile: Profile
    as_of: date
    release: str
    consequences: tuple[Consequence, ...]
    total: tuple[Tally, ...]
    open_questions: tuple[tuple[str, Question], ...]
    method: str
    disclaimers: tuple[Disclaimer, ...]


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """The questions in the order of asking: those about the organisation, then those about each AI system."""

    release: str
    questions: tuple[Question, ...]
    disclaimers: tuple[Disclaimer, ...]


def _ordered(release: Release) -> tuple[Question, ...]:
    return tuple(sorted(release.questions.values(), key=lambda q: (q.scope != "organization", q.order, q.name)))


def questionnaire(release: Release) -> Questionnaire:
    """The questions of a release; their options are ``release.options(question.name)``."""
    return Questionnaire(release.digest, _ordered(release), release.disclaimers_for(*release.frameworks))


# ------------------------------------------------------------------ what is asked, and what is allowed

_Given = Mapping[str, tuple[str, ...]]


def _asked(question: Question, given: _Given) -> bool:
    """Whether a question is asked after these answers: only an answer denies a condition."""
    for condition in question.asked_if:
        name, sign, option = condition.partition("!=") if "!=" in condition else condition.partition("=")
        values = given.get(name, ())
        if not values or values == (UNKNOWN,):
            continue
        if values == (option,) if sign == "!=" else option not in values:
            return False
    return True


def _given(answers: Iterable[Answer], system: str) -> dict[str, tuple[str, ...]]:
    return {a.question: a.values for a in answers if a.system in ("", system)}


def pending(release: Release, answers: Sequence[Answer], system: str = "") -> tuple[Question, ...]:
    """The questions about the organisation and one system that are still to be asked."""
    given = _given(answers, system)
    return tuple(q for q in _ordered(release) if q.name not in given and _asked(q, given))


def check(release: Release, answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers in the order of asking, each for its system.

    Raises :class:`~kg.errors.InputError` with every finding: an unknown question or option, several answers where one
    is asked for, a question answered twice or one that these answers make pointless.
    """
    findings: list[Finding] = []

    def bad(number: int, code: str, message: str, hint: str, cell: str = "") -> None:
        findings.append(Finding("answers", number, code, message, hint, cell))

    names = tuple(dict.fromkeys(a.system for a in answers if a.system))
    seen: dict[tuple[str, str], Answer] = {}
    for number, a in enumerate(answers, 1):
        question = release.questions.get(a.question)
        if question is None:
            near = nearest(a.question, release.questions)
            hint = f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(release.questions)}"
            bad(number, "UNKNOWN_KEY", f"there is no question {a.question!r}", hint)
            continue
        system = a.system
        if question.scope == "organization" and system:
            message = "this is asked of the organisation, not of one AI system"
            bad(number, "BAD_VALUE", message, "leave the system out", question.name)
            system = ""
        elif question.scope == "system" and not system:
            if names:
                message = "other answers name their AI system, and this one does not"
                bad(number, "BAD_VALUE", message, f"say which: {', '.join(names)}", question.name)
            system = ONLY_SYSTEM
        if re.search(r"[;\n\r]", system):
            bad(number, "BAD_VALUE", f"{system[:60]!r} is no id of a system", "no semicolon, no line break")
        if (question.name, system) in seen:
            bad(number, "BAD_VALUE", "the question is answered twice", "answer it once", question.name)
        values = tuple(dict.fromkeys(v.strip() for v in a.values))
        for message, hint in _faults(release, question, values):
            bad(number, "BAD_VALUE", message, hint, question.name)
        seen.setdefault((question.name, system), Answer(question.name, values, system))
    if not findings:
        for number, a in enumerate(seen.values(), 1):
            question = release.questions[a.question]
            if not _asked(question, _given((o for o in seen.values() if o is not a), a.system)):
                message = f"after the other answers this is not asked ({', '.join(question.asked_if)})"
                bad(number, "BAD_VALUE", message, "leave it out, or change the answer it hangs on", question.name)
    if findings:
        raise InputError(findings)
    place = {q.name: number for number, q in enumerate(_ordered(release))}
    systems = list(dict.fromkeys(["", *(a.system for a in seen.values())]))
    return tuple(sorted(seen.values(), key=lambda a: (systems.index(a.system), place[a.question])))


def _faults(release: Release, question: Question, values: tuple[str, ...]) -> list[tuple[str, str]]:
    """What is wrong with the values of one answer: (message, hint)."""
    if values == (UNKNOWN,):
        return []
    if UNKNOWN in values:
        return [(f"{UNKNOWN} stands alone", f"give {UNKNOWN}, or what you know")]
    if question.kind == "date":
        if len(values) == 1 and _day(values[0]) is not None:
            return []
        return [(f"{', '.join(values)[:60]!r} is not a date", f"write it as 2026-07-27, or {UNKNOWN}")]
    names = [o.name for o in release.options(question.name)]
    listing = f"one of: {', '.join(names)}, {UNKNOWN}"
    if not values:
        return [("the answer is empty", listing)]
    found = []
    for value in values:
        if value not in names:
            near = nearest(value, names)
            found.append((f"{value[:60]!r} is no answer to it", f"{f'did you mean {near}? ' if near else ''}{listing}"))
    if question.kind == "one" and len(values) > 1:
        found.append(("one answer is asked for", listing))
    if _NONE in values and len(values) > 1:
        found.append((f"{_NONE} stands alone", "give it, or the others"))
    return found


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) and 1990 <= found.year <= 2100 else None


# ------------------------------------------------------------------ from answers to a profile


@dataclass(frozen=True, slots=True)
class _Effect:
    """What some answers of one scope say."""

    roles_out: frozenset[str]
    tiers_out: frozenset[str]
    facts: tuple[tuple[str, bool], ...]
    jurisdictions: tuple[str, ...]
    placed: date | None


def _words(options: Iterable[Option], kind: str, *, left_open: bool = False) -> set[str]:
    start = f"{'?' if left_open else ''}{kind}:"
    return {effect.removeprefix(start) for o in options for effect in o.sets if effect.startswith(start)}


def _effect(release: Release, answers: Iterable[Answer]) -> _Effect:
    roles: set[str] = set()
    tiers: set[str] = set()
    facts: dict[str, bool] = {}
    jurisdictions: tuple[str, ...] = ()
    placed = None
    for a in answers:
        if a.values == (UNKNOWN,):
            continue
        if release.questions[a.question].kind == "date":
            placed = _day(a.values[0])
            continue
        every = release.options(a.question)
        taken = [o for o in every if o.name in a.values]
        denied = {
            kind: _words(every, kind) - _words(taken, kind) - _words(taken, kind, left_open=True)
            for kind in ("role", "tier", "fact")
        }
        roles |= denied["role"]
        tiers |= denied["tier"]
        facts |= dict.fromkeys(denied["fact"], False) | dict.fromkeys(_words(taken, "fact"), True)
        jurisdictions = tuple(sorted({*jurisdictions, *_words(taken, "jurisdiction")}))
    return _Effect(frozenset(roles), frozenset(tiers), tuple(sorted(facts.items())), jurisdictions, placed)


def _settable(release: Release, kind: str, scope: str) -> set[str]:
    mine = [o for q in release.questions.values() if q.scope == scope for o in release.options(q.name)]
    return _words(mine, kind)


def _profile(
    release: Release, answers: Sequence[Answer], systems: Sequence[str], title: str, as_of: date | None
) -> Profile:
    """The profile of these answers.  A list of roles or tiers denies what it leaves out, so once one answer rules a
    role out, all roles that are still open are listed; so for tiers, system by system."""
    own = _effect(release, [a for a in answers if not a.system])
    each = {s: _effect(release, [a for a in answers if a.system == s]) for s in systems}
    asked_of_systems = _settable(release, "role", "system")
    stated = bool(own.roles_out) or any(e.roles_out for e in each.values())
    left = [r for r in ROLES if stated and r not in own.roles_out and r not in asked_of_systems]
    possible_tiers = _settable(release, "tier", "system")
    found = []
    for name, effect in each.items():
        tiers = tuple(t for t in TIERS if t in possible_tiers - effect.tiers_out) or ("minimal",)
        found.append(
            System(
                id=name,
                roles=tuple(r for r in ROLES if stated and r in asked_of_systems - effect.roles_out),
                tiers=tiers if effect.tiers_out else (),
                facts=effect.facts,
                placed_on_market=effect.placed,
            )
        )
    if stated and not left and not all(s.roles for s in found):
        hint = "a profile without any role would say nothing: tell at least one"
        raise InputError.one("answers", "BAD_VALUE", "these answers leave no role at all", hint)
    if stated and not found:
        left = [r for r in ROLES if r in left or r in asked_of_systems]
    return Profile(
        title=title,
        as_of=as_of,
        jurisdictions=own.jurisdictions,
        roles=tuple(left) or None,
        facts=own.facts,
        systems=tuple(found),
    )


# ------------------------------------------------------------------ consequences

_State = dict[str, dict[str, RequirementDecision]]


class _Decisions:
    """What applies under one profile after the other on a day; a unit that an answer left alone is not asked again."""

    def __init__(self, release: Release, day: date) -> None:
        self._release = release
        self._day = day
        self._requirements = {f: release.requirements(f, day) for f in release.frameworks}
        self._known: dict[tuple[Unit, tuple[str, ...]], dict[str, Decision]] = {}

    def _of(self, profile: Profile, unit: Unit) -> dict[str, Decision]:
        key = (unit, profile.jurisdictions)
        found = self._known.get(key)
        if found is None:
            every = (p for requirements in self._requirements.values() for p in requirements)
            found = {p.id: decide(self._release, p, profile, unit, self._day) for p in every}
            self._known[key] = found
        return found

    def state(self, profile: Profile) -> _State:
        """Every requirement of every framework over the units of a profile without exclusions."""
        mine = [(unit, self._of(profile, unit)) for unit in units(profile)]
        return {
            f: {
                p.id: RequirementDecision(
                    p, prevailing([d[p.id] for _, d in mine]), tuple((u, d[p.id]) for u, d in mine)
                )
                for p in requirements
            }
            for f, requirements in self._requirements.items()
        }


def _standing(decided: Iterable[RequirementDecision]) -> Standing:
    by = Counter(r.decision.applicability for r in decided)
    return Standing(
        by[Applicability.APPLICABLE], by[Applicability.NOT_APPLICABLE], by[Applicability.NOT_YET_APPLICABLE]
    )


def _tallies(release: Release, before: _State, after: _State) -> tuple[Tally, ...]:
    return tuple(
        Tally(f, framework.short_title, _standing(before[f].values()), _standing(after[f].values()))
        for f, framework in release.frameworks.items()
    )


def _key(decision: Decision) -> tuple[Applicability, date | None]:
    dated = decision.applicability is not Applicability.NOT_APPLICABLE
    return decision.applicability, decision.applies_from if dated else None


def _moves(before: _State, after: _State, system: str) -> tuple[Move, ...]:
    """What an answer moved.  Where it leaves a requirement to nobody, the ground is that of the answer's system."""
    found = []
    for framework, decided in before.items():
        for id_, then in decided.items():
            now = after[framework][id_]
            if _key(then.decision) == _key(now.decision):
                continue
            decision = now.decision
            if decision.applicability is Applicability.NOT_APPLICABLE:
                decision = next((d for u, d in now.units if u.id == system), decision)
            found.append(Move(then.requirement, then.decision, decision))
    return tuple(found)


def answer(release: Release, answers: Sequence[Answer], *, as_of: date | None = None, title: str = "") -> ProfileDraft:
    """The profile that ``answers`` make, with the consequence of each in the order of asking.

    ``as_of`` is the day the consequences are told for (today where nothing is said) and, if given, the profile's own.
    Raises :class:`~kg.errors.InputError` with every finding for answers that are not understood.
    """
    given = check(release, answers)
    systems = tuple(dict.fromkeys(a.system for a in given if a.system))
    day = as_of or date.today()
    decisions = _Decisions(release, day)
    first = before = decisions.state(_profile(release, (), systems, title, as_of))
    found = []
    for number, a in enumerate(given, 1):
        after = decisions.state(_profile(release, given[:number], systems, title, as_of))
        question = release.questions[a.question]
        titles = {o.name: o.title for o in release.options(a.question)} | {UNKNOWN: "I do not know"}
        found.append(
            Consequence(
                question=question,
                system=a.system,
                values=a.values,
                said=tuple(titles.get(v, v) for v in a.values),
                references=tuple(release.cite(p) for p in question.defined_by),
                tallies=_tallies(release, before, after),
                moves=_moves(before, after, a.system),
            )
        )
        before = after
    open_ = [("", q) for q in pending(release, given) if q.scope == "organization"]
    for system in systems or (ONLY_SYSTEM,):
        open_ += [(system, q) for q in pending(release, given, system) if q.scope == "system"]
    return ProfileDraft(
        profile=_profile(release, given, systems, title, as_of),
        as_of=day,
        release=release.digest,
        consequences=tuple(found),
        total=_tallies(release, first, before),
        open_questions=tuple(open_),
        method=METHOD,
        disclaimers=release.disclaimers_for(*release.frameworks),
    )
