"""What to do next about an open requirement: the one action that by the verdict's own reasons gains most.

    next_step(judgement, could_cover)   → NextStep, or None where it is covered

It follows from the judgement alone and promises nothing beyond it: a control that is finished gives what its mappings
say, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from kg.answers.verdict import Reason, Verdict
from kg.model import ControlStatus
from kg.relations import Outcome

if TYPE_CHECKING:
    from kg.answers.judge import Judgement, Ruling

__all__ = ["IF_DONE", "Action", "NextStep", "next_step"]

#: What a control would be credited with, were it implemented.
IF_DONE = {Outcome.CONTAINS: Verdict.COVERED, Outcome.OVERLAPS: Verdict.PARTIAL, Outcome.LEAD: Verdict.LEAD}
_UNFINISHED = (ControlStatus.PLANNED, ControlStatus.PARTIAL)


class Action(StrEnum):
    """Kinds of next step."""

    FINISH = "finish"
    RENEW = "renew"
    SETTLE = "settle"
    NAME = "name"
    EXTEND = "extend"
    ADOPT = "adopt"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class NextStep:
    """One action.  ``controls`` are the organisation's own that it is about, ``candidates`` reference controls and
    joint nodes that contain or overlap the requirement, ``gives`` the verdict it would give, where the mappings say."""

    action: Action
    controls: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    gives: Verdict | None = None


def _ids(rulings: list[Ruling]) -> tuple[str, ...]:
    """The organisation's controls behind rulings: of a joint node, those that its members stand on."""
    found = (c for r in rulings for c in ([x for _, x in r.contender.members] or [r.contender.id]))
    return tuple(dict.fromkeys(found))


def next_step(judgement: Judgement, could_cover: tuple[str, ...]) -> NextStep | None:
    """The first of these that holds: finish a control that would cover it; renew evidence that is stale; settle a
    dispute; name the paragraph where a row names the whole; finish a control that would help; extend the control that
    does a part, or take up a reference control; write one of your own."""
    if judgement.verdict is Verdict.COVERED:
        return None

    def unfinished(least: Verdict) -> list[Ruling]:
        waiting = (r for r in judgement.rulings if r.contender.status in _UNFINISHED)
        return [r for r in waiting if IF_DONE.get(r.combined.outcome, Verdict.GAP) >= least]

    if done := unfinished(Verdict.COVERED):
        return NextStep(Action.FINISH, _ids(done), gives=Verdict.COVERED)
    if stale := [r for r in judgement.rulings if r.downgraded]:
        return NextStep(Action.RENEW, _ids(stale), gives=Verdict.COVERED)
    best = _ids([judgement.best]) if judgement.best else ()
    if Reason.DISPUTED in judgement.reasons:
        return NextStep(Action.SETTLE, best)
    if Reason.MAPPED_TO_PARENT_ONLY in judgement.reasons:
        return NextStep(Action.NAME, best)
    if judgement.verdict < Verdict.PARTIAL and (done := unfinished(Verdict.PARTIAL)):
        return NextStep(Action.FINISH, _ids(done), gives=Verdict.PARTIAL)
    if judgement.verdict is Verdict.PARTIAL:
        return NextStep(Action.EXTEND, best, could_cover)
    return NextStep(Action.ADOPT, (), could_cover) if could_cover else NextStep(Action.WRITE)
