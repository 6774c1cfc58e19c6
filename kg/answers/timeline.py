"""The timeline: on which days something changes for a profile, and what will then be a gap with today's controls.

    timeline(assessment, frameworks, from, until)   → Timeline

Days on which something *can* change are read off the release (dates of application rules and of text versions); what
does change is the difference between the decisions of the day and of the day before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from kg.answers.applicability import Applicability, Decision, RequirementDecision, applicability
from kg.answers.coverage import Assessment
from kg.answers.verdict import Verdict
from kg.errors import UsageError
from kg.model import Disclaimer, Profile, Provision, TextVersion

__all__ = ["Happening", "Milestone", "Numbers", "Timeline", "TimelineChange", "timeline", "turning_days"]


class Happening(StrEnum):
    """What happens to a requirement on a day."""

    BEGINS = "BEGINS"
    ENTERS = "ENTERS"
    RESCHEDULED = "RESCHEDULED"
    LEAVES = "LEAVES"


@dataclass(frozen=True, slots=True)
class TimelineChange:
    """What happens to one requirement.

    ``applies_from`` is its date after the change, ``was_to_apply_from`` the date it had before a rescheduling;
    ``legal_reference`` is what decides it.  ``verdict`` is how far today's controls meet it (by the text of that day);
    ``None`` where it leaves.
    """

    requirement: Provision
    happening: Happening
    applies_from: date | None
    was_to_apply_from: date | None
    rule: str
    legal_reference: str
    verdict: Verdict | None

    @property
    def gap(self) -> bool:
        """Whether it begins and today's controls do not cover it."""
        return self.happening is Happening.BEGINS and self.verdict is not Verdict.COVERED


@dataclass(frozen=True, slots=True)
class Numbers:
    """One framework's requirements as of a day: of the applicable, how many today's controls cover."""

    framework: str
    text_version: date
    applicable: int
    covered: int
    not_yet_applicable: int
    not_applicable: int


@dataclass(frozen=True, slots=True)
class Milestone:
    """One day on which something changes.  ``texts`` are the text versions that come into force on it, ``numbers`` how
    each framework stands from then on."""

    day: date
    texts: tuple[tuple[str, TextVersion], ...]
    changes: tuple[TimelineChange, ...]
    numbers: tuple[Numbers, ...]

    @property
    def begins(self) -> tuple[TimelineChange, ...]:
        """The requirements that begin to apply."""
        return tuple(c for c in self.changes if c.happening is Happening.BEGINS)

    @property
    def gaps(self) -> tuple[TimelineChange, ...]:
        """Of these, the ones that today's controls do not cover."""
        return tuple(c for c in self.changes if c.gap)

    @property
    def references(self) -> tuple[str, ...]:
        """What decides the changes of the day, each once."""
        return tuple(dict.fromkeys(c.legal_reference for c in self.changes if c.legal_reference))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The milestones of a profile from ``from_`` to ``until``, both included, with how things stand the day before.

    ``as_of`` is the day of the controls and of their evidence, which is not aged: they are today's all along.
    """

    release: str
    profile: Profile | None
    as_of: date
    from_: date
    until: date
    frameworks: tuple[str, ...]
    before: tuple[Numbers, ...]
    milestones: tuple[Milestone, ...]
    method: str
    disclaimers: tuple[Disclaimer, ...]


_State = dict[str, dict[str, RequirementDecision]]


def turning_days(assessment: Assessment, frameworks: Iterable[str]) -> tuple[date, ...]:
    """Every day on which something may change: the dates of application rules and of text versions."""
    release, names = assessment.release, set(frameworks)
    found = {r.applies_from for r in release.rules.values() if r.framework in names}
    for name in names:
        found |= {v.date for v in release.framework(name).text_versions}
    return tuple(sorted(found))


class _Later:
    """The organisation's controls of today against the texts of another day."""

    def __init__(self, assessment: Assessment) -> None:
        self._now = assessment
        self._by_text: dict[tuple[date, ...], Assessment] = {}

    def _at(self, day: date) -> Assessment:
        release = self._now.release
        texts = tuple(release.text_in_force(f, day) for f in release.frameworks)
        found = self._by_text.get(texts)
        if found is None:
            now = self._now
            found = Assessment(
                release, now.controls, now.profile, day, now.filter, evidence_day=now.evidence_day, like=now
            )
            self._by_text[texts] = found
        return found

    def verdict(self, decided: RequirementDecision, day: date) -> Verdict:
        """The worst verdict of the units that the decision is about."""
        wanted = decided.decision.applicability
        judged = self._at(day).judgements(decided.requirement)
        own = zip(judged, decided.units, strict=True)
        return min(judgement.verdict for (_, _, judgement), (_, d) in own if d.applicability is wanted)


def _state(assessment: Assessment, frameworks: Sequence[str], day: date, before: _State | None = None) -> _State:
    """Each framework's decisions on a day.  Where it is no turning day of a framework, its decisions are those of
    ``before``."""
    found = {}
    for f in frameworks:
        if before is not None and day not in turning_days(assessment, (f,)):
            found[f] = before[f]
        else:
            decided = applicability(assessment.release, assessment.profile, f, day)
            found[f] = {r.requirement.id: r for r in decided}
    return found


def _happening(before: Decision | None, after: Decision | None) -> Happening | None:
    out = (None, Applicability.NOT_APPLICABLE)
    then = before.applicability if before else None
    now = after.applicability if after else None
    if now in out:
        return None if then in out else Happening.LEAVES
    if now is Applicability.APPLICABLE:
        return None if then is Applicability.APPLICABLE else Happening.BEGINS
    if then in out:
        return Happening.ENTERS
    same = before is not None and after is not None and before.applies_from == after.applies_from
    return None if same and then is now else Happening.RESCHEDULED


def _changes(later: _Later, assessment: Assessment, before: _State, after: _State, day: date) -> list[TimelineChange]:
    release = assessment.release
    found = []
    for framework in (f for f in after if after[f] is not before[f]):
        for id_ in {**before[framework], **after[framework]}:
            then, now = before[framework].get(id_), after[framework].get(id_)
            happening = _happening(then.decision if then else None, now.decision if now else None)
            if happening is None:
                continue
            text = release.text_in_force(framework, day)
            title = next((v.title for v in release.frameworks[framework].text_versions if v.date == text), "")
            short = release.frameworks[framework].short_title
            title = title if short in title else f"{short}, {title}"
            decision = now.decision if now else None
            by_text = decision is not None and decision.rule == id_  # a text alone begins or ends it: no date is given
            moved = happening is Happening.RESCHEDULED and then is not None
            found.append(
                TimelineChange(
                    requirement=release.provisions[id_],
                    happening=happening,
                    applies_from=decision.applies_from if decision and happening is not Happening.LEAVES else None,
                    was_to_apply_from=then.decision.applies_from if moved and then else None,
                    rule=f"kgfw:{framework}" if decision is None or by_text else decision.rule,
                    legal_reference=title if decision is None or by_text else decision.legal_reference,
                    verdict=later.verdict(now, day) if now and happening is not Happening.LEAVES else None,
                )
            )
    order = {id_: place for place, id_ in enumerate(release.provisions)}
    return sorted(found, key=lambda c: order[c.requirement.id])


def _numbers(later: _Later, assessment: Assessment, state: _State, day: date) -> tuple[Numbers, ...]:
    found = []
    for framework, decided in state.items():
        by = {a: [r for r in decided.values() if r.decision.applicability is a] for a in Applicability}
        mine = by[Applicability.APPLICABLE]
        found.append(
            Numbers(
                framework=framework,
                text_version=assessment.release.text_in_force(framework, day),
                applicable=len(mine),
                covered=sum(1 for r in mine if later.verdict(r, day) is Verdict.COVERED),
                not_yet_applicable=len(by[Applicability.NOT_YET_APPLICABLE]),
                not_applicable=len(by[Applicability.NOT_APPLICABLE]),
            )
        )
    return tuple(found)


def timeline(
    assessment: Assessment,
    frameworks: Sequence[str] | None = None,
    from_: date | None = None,
    until: date | None = None,
) -> Timeline:
    """When what begins, changes or leaves for the assessment's profile, and what today's controls will then not cover.

    ``frameworks`` are all where none is named; ``from_`` is the assessment's day and ``until`` the last day on which
    the release knows anything to change, where they are left out.  Raises :class:`~kg.errors.UnknownIdError` for an
    unknown framework and :class:`~kg.errors.UsageError` where ``until`` lies before ``from_``.
    """
    release = assessment.release
    names = tuple(dict.fromkeys(release.framework(f).id for f in frameworks or release.frameworks))
    days = turning_days(assessment, names)
    start = from_ or assessment.as_of
    end = until or max((*days, start))
    if end < start:
        raise UsageError(f"the timeline would end on {end}, before it begins on {start}", "choose a later end")
    later = _Later(assessment)
    eve = start - timedelta(days=1) if start > date.min else start
    before = _state(assessment, names, eve)
    found = []
    standing = before
    for day in (d for d in days if start <= d <= end):
        after = _state(assessment, names, day, standing)
        texts = [(f, v) for f in names for v in release.frameworks[f].text_versions if v.date == day]
        changes = _changes(later, assessment, standing, after, day)
        if changes or texts:
            found.append(Milestone(day, tuple(texts), tuple(changes), _numbers(later, assessment, after, day)))
        standing = after
    return Timeline(
        release=release.digest,
        profile=assessment.profile,
        as_of=assessment.as_of,
        from_=start,
        until=end,
        frameworks=names,
        before=_numbers(later, assessment, before, eve),
        milestones=tuple(found),
        method=f"{assessment.method}; the controls and their evidence are those of {assessment.as_of} throughout",
        disclaimers=release.disclaimers_for(*names),
    )
