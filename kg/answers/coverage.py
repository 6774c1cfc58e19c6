"""Coverage and gaps: every requirement of a framework against an organisation's controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kg.answers.applicability import Applicability, Decision, Unit, decide, prevailing, units
from kg.answers.filter import Filter
from kg.answers.freshness import fresh_until
from kg.answers.verdict import Reason, Verdict
from kg.model import Control, Disclaimer, Profile, Provision
from kg.relations import word
from kg.release import Release
from kg.terms import prefix_of

if TYPE_CHECKING:
    from kg.answers.graph import Step
    from kg.answers.judge import Judge, Judgement, Ruling

__all__ = [
    "Assessment", "Counts", "Coverage", "Explanation", "Group", "RequirementResult", "StepView", "UnitVerdict",
    "assess", "coverage", "explanation_of", "member_steps", "step_views",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as it is shown, always read *subject relation object*.  ``set`` and ``row`` are empty for a part step
    and for what the organisation says of its own control (``authority`` is then ``organization``)."""

    subject: str
    relation: str
    object: str
    set: str
    row: str
    authority: str
    method: str
    reviewed: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain behind a cell.  ``relation`` is what all chains of this control say together; ``reviewed`` whether a
    named person has reviewed every row it stands on: of ``steps``, of ``supporting`` and, for a joint node, of the
    chains by which its ``members`` are contained."""

    control: str
    title: str
    relation: str
    mask: int
    steps: tuple[StepView, ...]
    members: tuple[tuple[str, str], ...]
    supporting: tuple[tuple[StepView, ...], ...]
    opposing: tuple[StepView, ...]
    disputed: bool
    reviewed: bool


@dataclass(frozen=True, slots=True)
class UnitVerdict:
    """One AI system's own answer, where a profile has several."""

    unit: str
    title: str
    applicability: Applicability
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """One requirement: does it apply, how far is it met, why, and by which chain."""

    requirement: Provision
    group: str
    decision: Decision
    verdict: Verdict
    reasons: tuple[Reason, ...]
    explanation: Explanation | None
    set_aside: tuple[str, ...]
    units: tuple[UnitVerdict, ...]

    @property
    def applicable(self) -> bool:
        """Whether it counts in the denominator."""
        return self.decision.applicability is Applicability.APPLICABLE


class _Explained:
    """The field ``explanation`` of a result: a table of counts asks for few, so each is made when it is first asked
    for.  Whoever makes a result hands in an explanation, none, or a :class:`_Later`."""

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, result: Any, owner: Any = None) -> Any:
        if result is None:
            return self._slot
        found = self._slot.__get__(result, owner)
        if isinstance(found, _Later):
            found = found.assessment.explanation(found.ruling)
            self._slot.__set__(result, found)
        return found

    def __set__(self, result: Any, value: Any) -> None:
        self._slot.__set__(result, value)

    def passed(self, results: Iterable[RequirementResult]) -> set[str]:
        """The ids that the chains shown pass, whether or not they have been asked for."""
        from kg.answers.judge import passed

        every = [self._slot.__get__(r) for r in results]
        made = (e for e in every if e and not isinstance(e, _Later))
        later = passed(e.ruling for e in every if isinstance(e, _Later))
        return later | {end for e in made for s in e.steps for end in (s.subject, s.object)}


class _Later(NamedTuple):
    """An explanation that nobody has asked for yet."""

    assessment: Assessment
    ruling: Ruling


_EXPLAINED = _Explained(vars(RequirementResult)["explanation"])
type.__setattr__(RequirementResult, "explanation", _EXPLAINED)


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over applicable requirements, and beside them what does not count."""

    applicable: int
    covered: int
    covered_reviewed: int
    partial: int
    lead: int
    gap: int
    disputed: int
    not_applicable: int
    excluded: int
    not_yet_applicable: int
    not_yet_applicable_covered: int
    total: int

    @property
    def percent_covered(self) -> float | None:
        """covered / applicable in percent, unweighted; ``None`` where nothing applies."""
        return 100 * self.covered / self.applicable if self.applicable else None


@dataclass(frozen=True, slots=True)
class Group:
    """An article, clause or category with the verdict of its applicable requirements: COVERED if all are, GAP if all
    are, else PARTIAL; ``None`` where none applies."""

    provision: Provision
    verdict: Verdict | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class Coverage:
    """The answer for one framework; it carries everything its numbers need to be defended."""

    framework: str
    title: str
    release: str
    as_of: date
    text_version: date
    profile: Profile | None
    method: str
    disclaimers: tuple[Disclaimer, ...]
    counts: Counts
    groups: tuple[Group, ...]
    requirements: tuple[RequirementResult, ...]


def step_views(release: Release, steps: Iterable[Step]) -> tuple[StepView, ...]:
    """Steps with the provenance of their rows."""
    found = []
    for s in steps:
        if s.row:
            row = release.row[s.row]
            authority = release.sets[row.set_id].authority.value
            view = StepView(
                s.subject, word(s.mask), s.object, row.set_id, s.row, authority, row.method.value, row.reviewed, "row"
            )
        elif s.part:
            view = StepView(s.subject, word(s.mask), s.object, "", "", "", "", True, "part")
        else:
            view = StepView(s.subject, word(s.mask), s.object, "", "", "organization", "human", True, "own")
        found.append(view)
    return tuple(found)


def member_steps(release: Release, judges: Iterable[Judge], member: str, control: str) -> tuple[StepView, ...]:
    """The steps by which a control contains a member of a joint node that stands on it: those of the chain shown and
    of the further ones that it takes.  They are the same in every unit that the control counts for, so the first of
    ``judges`` that knows them is asked."""
    ruling = next(r for j in judges if (r := j.held.get((member, control))))
    return step_views(release, (s for c in (ruling.shown, *ruling.supporting) for s in c.steps))


def explanation_of(release: Release, ruling: Ruling, judges: Sequence[Judge]) -> Explanation:
    """The chain behind a ruling of one of ``judges``, with the provenance of its rows."""
    beneath = (s for m, c in ruling.contender.members for s in member_steps(release, judges, m, c))
    steps = step_views(release, ruling.shown.steps)
    supporting = tuple(step_views(release, c.steps) for c in ruling.supporting)
    return Explanation(
        control=ruling.contender.id,
        title=ruling.contender.title,
        relation=word(ruling.combined.mask),
        mask=ruling.combined.mask,
        steps=steps,
        members=ruling.contender.members,
        supporting=supporting,
        opposing=step_views(release, ruling.opposing.steps) if ruling.opposing else (),
        disputed=ruling.combined.disputed,
        reviewed=all(s.reviewed for views in (steps, *supporting, beneath) for s in views),
    )


#: How many judges assessments that are alike keep among them.
MAX_JUDGES = 4
_LOCK = Lock()


class Assessment:
    """An organisation's controls and profile put to a release on a day: ask it about frameworks and requirements.

    It is a value in all but name: everything it answers follows from its arguments, and it may be shared by threads.
    ``as_of`` is one day for three things: which text is in force, what applies already, how old evidence is.  A
    question of the form "what if only …" sets ``text_day`` or ``evidence_day`` apart from it.  ``like`` is another
    assessment that differs little: work that both need is done once.
    """

    def __init__(
        self,
        release: Release,
        controls: Sequence[Control],
        profile: Profile | None = None,
        as_of: date | None = None,
        filter_: Filter | None = None,
        *,
        text_day: date | None = None,
        evidence_day: date | None = None,
        like: Assessment | None = None,
    ) -> None:
        from kg.answers.graph import graph_of

        self.release = release
        self.controls = tuple(sorted(controls, key=lambda c: c.id))
        self.profile = profile
        self.as_of = as_of or (profile.as_of if profile and profile.as_of else None) or date.today()
        self.text_day = text_day or self.as_of
        self.evidence_day = evidence_day or self.as_of
        self.filter = filter_ or Filter()
        self.graph = graph_of(release, self.text_day, self.filter)
        self.units: tuple[Unit, ...] = units(profile)
        self._shared: dict[Any, Judge] = {} if like is None else like._shared
        self._by_unit: dict[str, Judge] = {}
        self._judged: dict[tuple[int, str], Judgement] = {}

    @property
    def method(self) -> str:
        """How the numbers were made, in one sentence."""
        f = self.filter
        rows = "reviewed rows" if f.reviewed_only else "all rows"
        sets = f" of {', '.join(f.sets)}" if f.sets else ""
        return (
            f"set-relation chains (RCC5) of at most {f.max_hops} hops over {rows}{sets} of authority "
            f"{f.min_authority.value} or higher; a percentage is covered / applicable, unweighted"
            + (f"; texts in force on {self.text_day}" if self.text_day != self.as_of else "")
            + (f"; age of evidence on {self.evidence_day}" if self.evidence_day != self.as_of else "")
        )

    def judge_of(self, unit: Unit) -> Judge:
        """The judge of one unit: only controls for the whole organisation or for this system count."""
        if unit.id in self._by_unit:
            return self._by_unit[unit.id]
        from kg.answers.judge import Judge

        mine = [c for c in self.controls if not c.systems or unit.id in c.systems]
        age = self.profile.max_evidence_age_days if self.profile else None
        key = (self.graph, tuple(mine), tuple(self.evidence_day > fresh_until(c, age) for c in mine))
        with _LOCK:
            found = self._shared.pop(key, None)
        found = found or Judge(self.graph, mine, self.evidence_day, age)
        with _LOCK:
            self._shared[key] = found
            while len(self._shared) > max(MAX_JUDGES, len(self.units)):
                del self._shared[next(iter(self._shared))]
        self._by_unit[unit.id] = found
        return found

    def _judgement(self, judge: Judge, id_: str) -> Judgement:
        key = (id(judge), id_)
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = judge.judge(id_)
        return found

    def judgements(self, requirement: Provision) -> list[tuple[Unit, Decision, Judgement]]:
        """Each unit's decision and judgement on one requirement."""
        return [
            (
                u,
                decide(self.release, requirement, self.profile, u, self.as_of, self.text_day),
                self._judgement(self.judge_of(u), requirement.id),
            )
            for u in self.units
        ]

    def requirement(self, requirement: Provision) -> RequirementResult:
        """One requirement over all units: it applies if it does to any, and the worst of those it applies to counts."""
        every = self.judgements(requirement)
        counted = every
        if len(every) > 1:
            for applicability in (Applicability.APPLICABLE, Applicability.NOT_YET_APPLICABLE):
                if chosen := [e for e in every if e[1].applicability is applicability]:
                    counted = chosen
                    break
        decision = prevailing([d for _, d, _ in counted])
        judgement = min((j for _, _, j in counted), key=lambda j: j.verdict)
        ruling = judgement.best
        return RequirementResult(
            requirement=requirement,
            group=self.release.group_of(requirement.id),
            decision=decision,
            verdict=judgement.verdict,
            reasons=judgement.reasons,
            explanation=cast("Explanation", _Later(self, ruling)) if ruling else None,
            set_aside=judgement.set_aside,
            units=tuple(UnitVerdict(u.id, u.title, d.applicability, j.verdict) for u, d, j in every)
            if len(every) > 1
            else (),
        )

    def judged(self, target: str) -> list[tuple[Unit, Judgement]]:
        """Each unit's judgement on anything a chain may end at, a reference control too."""
        return [(u, self._judgement(self.judge_of(u), target)) for u in self.units]

    def explanation(self, ruling: Ruling) -> Explanation:
        """The chain behind a ruling, with the provenance of its rows."""
        return explanation_of(self.release, ruling, [self.judge_of(u) for u in self.units])

    def member_steps(self, member: str, control: str) -> tuple[StepView, ...]:
        """The steps by which a control contains a member of a joint node that stands on it."""
        return member_steps(self.release, [self.judge_of(u) for u in self.units], member, control)

    def coverage(self, framework: str) -> Coverage:
        """The whole framework.  Raises :class:`~kg.errors.UnknownIdError` for one that does not exist."""
        found = self.release.framework(framework)
        results = tuple(self.requirement(r) for r in self.graph.requirements(framework))
        groups: dict[str, list[RequirementResult]] = {}
        for r in results:
            groups.setdefault(r.group, []).append(r)
        return Coverage(
            framework=framework,
            title=found.title,
            release=self.release.digest,
            as_of=self.as_of,
            text_version=self.release.text_in_force(framework, self.text_day),
            profile=self.profile,
            method=self.method,
            disclaimers=self.release.disclaimers_for(framework, *_passed(results)),
            counts=_count(results),
            groups=tuple(_group(self.release.provisions[g], members) for g, members in groups.items()),
            requirements=results,
        )

    def gaps(self, framework: str) -> tuple[RequirementResult, ...]:
        """The applicable requirements that are not covered, worst first, then in reading order."""
        open_ = [r for r in self.coverage(framework).requirements if r.applicable and r.verdict < Verdict.COVERED]
        return tuple(sorted(open_, key=lambda r: r.verdict))


def _passed(results: Sequence[RequirementResult]) -> set[str]:
    """The frameworks that the chains shown pass: their cautions concern the answer too."""
    return set(map(prefix_of, _EXPLAINED.passed(results)))


def _count(results: Sequence[RequirementResult]) -> Counts:
    by = Counter(r.decision.applicability for r in results)
    applicable = [r for r in results if r.applicable]
    verdicts = Counter(r.verdict for r in applicable)
    covered = [r for r in applicable if r.verdict is Verdict.COVERED]
    later = [r for r in results if r.decision.applicability is Applicability.NOT_YET_APPLICABLE]
    return Counts(
        applicable=len(applicable),
        covered=len(covered),
        covered_reviewed=sum(1 for r in covered if r.explanation and r.explanation.reviewed),
        partial=verdicts[Verdict.PARTIAL],
        lead=verdicts[Verdict.LEAD],
        gap=verdicts[Verdict.GAP],
        disputed=sum(1 for r in applicable if Reason.DISPUTED in r.reasons),
        not_applicable=by[Applicability.NOT_APPLICABLE],
        excluded=sum(1 for r in results if r.decision.because == "excluded"),
        not_yet_applicable=len(later),
        not_yet_applicable_covered=sum(1 for r in later if r.verdict is Verdict.COVERED),
        total=len(results),
    )


def _group(provision: Provision, results: Sequence[RequirementResult]) -> Group:
    verdicts = {r.verdict for r in results if r.applicable}
    if not verdicts:
        verdict = None
    elif verdicts == {Verdict.COVERED}:
        verdict = Verdict.COVERED
    else:
        verdict = Verdict.GAP if verdicts == {Verdict.GAP} else Verdict.PARTIAL
    return Group(provision, verdict, _count(results))


def assess(
    release: Release,
    controls: Sequence[Control],
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> Assessment:
    """Put controls and a profile to a release."""
    return Assessment(release, controls, profile, as_of, filter_)


def coverage(
    release: Release,
    controls: Sequence[Control],
    framework: str,
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> Coverage:
    """One framework's coverage: :func:`assess` and ask."""
    return assess(release, controls, profile, as_of, filter_).coverage(framework)
