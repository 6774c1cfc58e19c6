"""This happened last month: would we be covered?

readiness(assessment, case)   → Readiness: which of the mitigations an organisation has, stage by stage, and how far it
                                meets the requirements concerned

Counts with denominators and words; no score.  What is linked only to narrower kinds of the case's threats is listed
and not counted, and so is what another catalogue names without saying what it does about the threat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from kg.answers.applicability import Applicability
from kg.answers.concerns import Case, ConcernedControl, ConcernedRequirement, ThreatStage, concerns
from kg.answers.coverage import Assessment, Explanation, RequirementResult
from kg.answers.exposure import AddressedThrough
from kg.answers.gaps import Pending
from kg.answers.verdict import Verdict
from kg.model import ControlStatus, Disclaimer, Profile
from kg.relations import Outcome

if TYPE_CHECKING:
    from kg.answers.judge import Judgement

__all__ = [
    "FrameworkReadiness", "HeldControl", "Holding", "HoldingCounts", "MetCounts", "MetRequirement", "Readiness",
    "StageAnswer", "StageReadiness", "UnitHolding", "readiness",
]  # fmt: skip

_IF_DONE = {Outcome.CONTAINS: Verdict.COVERED, Outcome.OVERLAPS: Verdict.PARTIAL, Outcome.LEAD: Verdict.LEAD}


class Holding(StrEnum):
    """What an organisation has of a reference control, most first.

    *in place*: an implemented control contains it.  *in part*: one overlaps it, or a partly implemented one contains
    it, or the evidence is stale.  *planned*: nothing more yet, but a planned or unfinished control would, finished,
    give one of these.  *unproven*: a lead only.  *missing*: nothing.
    """

    IN_PLACE = "in_place"
    IN_PART = "in_part"
    PLANNED = "planned"
    UNPROVEN = "unproven"
    MISSING = "missing"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ")


class StageAnswer(StrEnum):
    """The answer for one stage, in a word: what the best of its reference controls is, and whether all are that."""

    ALL = "all_in_place"
    SOME = "some_in_place"
    IN_PART = "only_in_part"
    PLANNED = "only_planned"
    UNPROVEN = "only_unproven"
    NOTHING = "nothing"
    UNKNOWN = "not_known"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class UnitHolding:
    """What counts for one AI system, where a profile has several."""

    unit: str
    title: str
    holding: Holding


@dataclass(frozen=True, slots=True)
class HeldControl:
    """A reference control that bears on the case, and what the organisation has of it, by which chain."""

    concern: ConcernedControl
    holding: Holding
    verdict: Verdict
    stale: bool
    explanation: Explanation | None
    pending: tuple[Pending, ...]
    units: tuple[UnitHolding, ...]


@dataclass(frozen=True, slots=True)
class HoldingCounts:
    """Reference controls by what the organisation has of them; ``total`` is the denominator."""

    total: int
    in_place: int
    in_part: int
    planned: int
    unproven: int
    missing: int


@dataclass(frozen=True, slots=True)
class StageReadiness:
    """One stage.  ``open_threats`` are the threats of the case against which nothing is in place at this stage though
    the release knows something; for ``unknown_threats`` it knows nothing: our blind spot, never theirs."""

    stage: ThreatStage
    answer: StageAnswer
    sentence: str
    counts: HoldingCounts
    narrower: int
    open_threats: tuple[str, ...]
    unknown_threats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetRequirement:
    """A requirement that the case concerns, and how far it is met."""

    concern: ConcernedRequirement
    result: RequirementResult


@dataclass(frozen=True, slots=True)
class MetCounts:
    """The requirements concerned, narrower kinds left aside: ``covered + partial + lead + gap = applicable``, the
    denominator, and ``applicable + not_applicable + not_yet_applicable = concerned``, of ``total`` in the framework.
    ``indirect`` of the concerned address it only through a whole, which does not say which of its parts does, or
    through a part; ``narrower`` stand beside them."""

    total: int
    concerned: int
    indirect: int
    applicable: int
    covered: int
    partial: int
    lead: int
    gap: int
    not_applicable: int
    not_yet_applicable: int
    narrower: int


@dataclass(frozen=True, slots=True)
class FrameworkReadiness:
    """One framework's requirements that the case concerns."""

    framework: str
    title: str
    text_version: date
    counts: MetCounts
    requirements: tuple[MetRequirement, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an organisation has of everything that speaks to a case."""

    case: Case
    stages: tuple[StageReadiness, ...]
    frameworks: tuple[FrameworkReadiness, ...]
    controls: tuple[HeldControl, ...]
    release: str
    as_of: date
    profile: Profile | None
    method: str
    disclaimers: tuple[Disclaimer, ...]

    @property
    def summary(self) -> str:
        """The answer in words, a sentence a stage."""
        return " ".join(s.sentence for s in self.stages if s.stage is not ThreatStage.UNSTATED)


# ---------------------------------------------------------------- one control


def _pending(judgement: Judgement) -> tuple[Pending, ...]:
    found: dict[str, Pending] = {}
    for ruling in judgement.rulings:
        who, done = ruling.contender, _IF_DONE.get(ruling.combined.outcome, Verdict.GAP)
        if who.status in (ControlStatus.PLANNED, ControlStatus.PARTIAL) and done > judgement.verdict:
            found.setdefault(who.id, Pending(who.id, who.title, who.status, done))
    return tuple(sorted(found.values(), key=lambda p: (-p.verdict, p.control)))


def _holding(judgement: Judgement) -> Holding:
    if judgement.verdict is Verdict.COVERED:
        return Holding.IN_PLACE
    if judgement.verdict is Verdict.PARTIAL:
        return Holding.IN_PART
    if any(p.verdict >= Verdict.PARTIAL for p in _pending(judgement)):
        return Holding.PLANNED
    return Holding.UNPROVEN if judgement.verdict is Verdict.LEAD else Holding.MISSING


def _held(assessment: Assessment, concern: ConcernedControl) -> HeldControl:
    """With several AI systems the worst of them counts, as for a requirement."""
    order = list(Holding)
    judged = [(u, j, _holding(j)) for u, j in assessment.judged(concern.control.id)]
    _, judgement, holding = max(judged, key=lambda each: order.index(each[2]))
    best = judgement.best
    return HeldControl(
        concern=concern,
        holding=holding,
        verdict=judgement.verdict,
        stale=best is not None and best.downgraded,
        explanation=assessment.explanation(best) if best else None,
        pending=_pending(judgement),
        units=tuple(UnitHolding(u.id, u.title, h) for u, _, h in judged) if len(judged) > 1 else (),
    )


# ---------------------------------------------------------------- one stage

#: What a reference control does at a stage, of several and of one.
_DOES = {
    ThreatStage.PREVENT: ("mitigate", "mitigates"),
    ThreatStage.DETECT: ("detect", "detects"),
    ThreatStage.RESPOND: ("respond to", "responds to"),
}


def _count(held: Sequence[HeldControl]) -> HoldingCounts:
    by = Counter(h.holding for h in held)
    return HoldingCounts(
        total=len(held),
        in_place=by[Holding.IN_PLACE],
        in_part=by[Holding.IN_PART],
        planned=by[Holding.PLANNED],
        unproven=by[Holding.UNPROVEN],
        missing=by[Holding.MISSING],
    )


def _answer(c: HoldingCounts, *, blind: bool) -> StageAnswer:
    """``blind``: for some threat of the case nothing is known at this stage, so that it cannot be all."""
    if not c.total:
        return StageAnswer.UNKNOWN
    if c.in_place:
        return StageAnswer.ALL if c.in_place == c.total and not blind else StageAnswer.SOME
    for count, answer in (
        (c.in_part, StageAnswer.IN_PART),
        (c.planned, StageAnswer.PLANNED),
        (c.unproven, StageAnswer.UNPROVEN),
    ):
        if count:
            return answer
    return StageAnswer.NOTHING


def _sentence(stage: ThreatStage, c: HoldingCounts, threats: Sequence[str], blind: Sequence[str]) -> str:
    these = "these threats" if len(threats) > 1 else "this threat"
    rest = [(c.in_part, "in part"), (c.planned, "planned"), (c.unproven, "unproven")]
    if stage is ThreatStage.UNSTATED:
        said = ", ".join(f"{n} {word}" for n, word in [(c.in_place, "in place"), *rest] if n)
        have = f"you have of these: {said}" if said else "you have none of these"
        name = "reference control names" if c.total == 1 else "reference controls name"
        return f"Beside these, {c.total} {name} {these} without saying what is done about it; {have}."
    name = stage.value.capitalize()
    if not c.total:
        return f"{name}: this release knows no reference control for it, which is our blind spot, not yours."
    said = ", ".join(f"{n} {word}" for n, word in [*rest, (c.missing, "missing")] if n)
    controls = f"1 reference control that {_DOES[stage][1]}"
    if c.total > 1:
        controls = f"{c.total} reference controls that {_DOES[stage][0]}"
    have = f"{c.in_place or 'none'} {'are' if c.in_place > 1 else 'is'} in place"
    unknown = f" This release knows none against {', '.join(blind)}." if blind else ""
    return f"{name}: of {controls} {these}, {have}{f'; {said}' if said else ''}.{unknown}"


def _stage(stage: ThreatStage, held: Sequence[HeldControl], case: Case) -> StageReadiness:
    counted = [h for h in held if h.concern.against(stage)]
    narrower = sum(1 for h in held if h.concern.narrower and stage in h.concern.stages)
    known = {t for h in counted for t in h.concern.against(stage)}
    met = {t for h in counted if h.holding is Holding.IN_PLACE for t in h.concern.against(stage)}
    counts = _count(counted)
    threats = [t.threat.id for t in case.threats]
    blind = [t for t in threats if t not in known]
    return StageReadiness(
        stage=stage,
        answer=_answer(counts, blind=bool(blind)),
        sentence=_sentence(stage, counts, threats, blind),
        counts=counts,
        narrower=narrower,
        open_threats=tuple(t for t in threats if t in known - met),
        unknown_threats=tuple(blind),
    )


# ---------------------------------------------------------------- the whole


def _met(total: int, met: Sequence[MetRequirement]) -> MetCounts:
    counted = [m for m in met if not m.concern.narrower]
    by = Counter(m.result.decision.applicability for m in counted)
    verdicts = Counter(m.result.verdict for m in counted if m.result.applicable)
    return MetCounts(
        total=total,
        concerned=len(counted),
        indirect=sum(1 for m in counted if m.concern.through is not AddressedThrough.ITSELF),
        applicable=by[Applicability.APPLICABLE],
        covered=verdicts[Verdict.COVERED],
        partial=verdicts[Verdict.PARTIAL],
        lead=verdicts[Verdict.LEAD],
        gap=verdicts[Verdict.GAP],
        not_applicable=by[Applicability.NOT_APPLICABLE],
        not_yet_applicable=by[Applicability.NOT_YET_APPLICABLE],
        narrower=len(met) - len(counted),
    )


def readiness(assessment: Assessment, case: Case, frameworks: Sequence[str] | None = None) -> Readiness:
    """What the organisation has against ``case`` (:func:`~kg.answers.concerns.case_of`), in ``frameworks`` or all.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist.
    """
    found = concerns(assessment.release, case, assessment.as_of, frameworks)
    held = tuple(_held(assessment, c) for c in found.controls)
    answers = []
    for f in found.frameworks:
        met = tuple(MetRequirement(c, assessment.requirement(c.requirement)) for c in f.requirements)
        answers.append(FrameworkReadiness(f.framework, f.title, f.text_version, _met(f.total, met), met))
    return Readiness(
        case=case,
        stages=tuple(_stage(s, held, case) for s in ThreatStage),
        frameworks=tuple(answers),
        controls=held,
        release=found.release,
        as_of=found.as_of,
        profile=assessment.profile,
        method=assessment.method,
        disclaimers=found.disclaimers,
    )
