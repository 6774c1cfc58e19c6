"""One unit's controls against everything: for each control and target the combined outcome, and the best verdict.

This is ``docs/semantics.md`` without applicability.  A *contender* is an organisation control, or a joint node whose
members are each contained by an implemented control, which acts as one more control.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

from kg.answers.freshness import fresh_until
from kg.answers.graph import Chain, Graph, Step
from kg.model import Control, ControlStatus
from kg.relations import ALL, AT_LEAST, NO_RELATIONSHIP, Combined, Outcome, combine, compose, outcome

__all__ = ["Contender", "Judge", "Judgement", "Reason", "Ruling", "Verdict"]


class Verdict(IntEnum):
    """How far a requirement is met, least first."""

    GAP = 0
    LEAD = 1
    PARTIAL = 2
    COVERED = 3


class Reason(StrEnum):
    """Why a verdict is not better (or why it is in doubt), in the order they are given."""

    NO_CONTROL = "NO_CONTROL"
    CONTROL_NOT_IMPLEMENTED = "CONTROL_NOT_IMPLEMENTED"
    CONTROL_PARTLY_IMPLEMENTED = "CONTROL_PARTLY_IMPLEMENTED"
    PARTIAL_MAPPING_ONLY = "PARTIAL_MAPPING_ONLY"
    MAPPED_TO_PARENT_ONLY = "MAPPED_TO_PARENT_ONLY"
    LEAD_ONLY = "LEAD_ONLY"
    RULED_OUT = "RULED_OUT"
    DISPUTED = "DISPUTED"
    EVIDENCE_STALE = "EVIDENCE_STALE"
    NO_MAPPING_IN_GRAPH = "NO_MAPPING_IN_GRAPH"


_FULL = (ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)
_CREDIT = {
    **{(s, Outcome.CONTAINS): Verdict.COVERED for s in _FULL},
    **{(s, Outcome.OVERLAPS): Verdict.PARTIAL for s in _FULL},
    **{(s, Outcome.LEAD): Verdict.LEAD for s in _FULL},
    (ControlStatus.PARTIAL, Outcome.CONTAINS): Verdict.PARTIAL,
    (ControlStatus.PARTIAL, Outcome.OVERLAPS): Verdict.LEAD,
    (ControlStatus.PARTIAL, Outcome.LEAD): Verdict.LEAD,
}


@dataclass(frozen=True, slots=True)
class Contender:
    """Who may meet a requirement: ``id`` is an organisation control or a joint node; ``members`` says for a joint
    node which control contains which member."""

    id: str
    title: str
    status: ControlStatus
    stale: bool = False
    members: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """One contender against one target."""

    contender: Contender
    combined: Combined
    verdict: Verdict
    downgraded: bool
    chains: tuple[Chain, ...] = field(repr=False)

    @property
    def kept(self) -> tuple[Chain, ...]:
        """The chains the ruling stands on: all but the leads that were ruled out, unless nothing else is left."""
        left = tuple(c for c in self.chains if not (c.ruled and outcome(c.mask) is Outcome.LEAD))
        return left or self.chains

    @property
    def shown(self) -> Chain:
        """The chain that is shown: the best that says by itself what all together say, or else the best."""
        alike = [c for c in self.kept if outcome(c.mask) is self.combined.outcome]
        if not self.combined.disputed and self.combined.outcome >= Outcome.OVERLAPS:
            alike = [c for c in alike if not c.ruled] or alike
        return min(alike or self.kept, key=lambda c: c.rank)

    @property
    def supporting(self) -> tuple[Chain, ...]:
        """Where no chain says alone what all say together: the further ones that narrow it, best first."""
        first = self.shown
        if self.combined.disputed or outcome(first.mask) is self.combined.outcome:
            return ()
        found, mask = [], first.mask
        for chain in sorted(self.kept, key=lambda c: c.rank):
            if mask & chain.mask != mask:
                found.append(chain)
                mask &= chain.mask
        return tuple(found)

    @property
    def opposing(self) -> Chain | None:
        """Where sources contradict each other: the best chain that cannot hold beside the one shown."""
        against = [c for c in self.kept if not c.mask & self.shown.mask]
        return min(against, key=lambda c: c.rank, default=None) if self.combined.disputed else None

    @property
    def key(self) -> tuple[object, ...]:
        """Best first: verdict, undisputed, fresh, then the rank of the chain shown."""
        return (-self.verdict, self.combined.disputed, self.downgraded, *self.shown.rank)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything known of one target: the best ruling and all others, with the reasons."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    best: Ruling | None
    rulings: tuple[Ruling, ...]
    set_aside: tuple[str, ...]


def _ruling(contender: Contender, combined: Combined, chains: Sequence[Chain]) -> Ruling:
    """What a contender is credited with for a target."""
    verdict = _CREDIT.get((contender.status, combined.outcome), Verdict.GAP)
    downgraded = verdict is Verdict.COVERED and contender.stale
    return Ruling(contender, combined, Verdict.PARTIAL if downgraded else verdict, downgraded, tuple(chains))


class Judge:
    """All controls of one unit, ready to be asked about any target.

    What one control or joint node gives by itself is kept in ``memo``; judges that differ in a few controls only, as
    those of what-if questions do, are made with the same one.
    """

    def __init__(
        self,
        graph: Graph,
        controls: Iterable[Control],
        as_of: date,
        max_evidence_age_days: int | None = None,
        memo: dict[Any, Any] | None = None,
    ) -> None:
        self.graph = graph
        self._memo = {} if memo is None else memo
        ordered = sorted(controls, key=lambda c: c.id)
        self._max_age = max_evidence_age_days
        self._as_of = as_of
        self._rulings: defaultdict[str, list[Ruling]] = defaultdict(list)
        self._above: defaultdict[str, set[str]] = defaultdict(set)
        self._ranked: dict[str, Sequence[Ruling]] = {}
        #: (member of a joint node, control) → the ruling by which that control contains it, where a joint stands on it
        self.held: dict[tuple[str, str], Ruling] = {}
        self._any_stale = any(self._stale(c) for c in ordered)
        for control in ordered:
            self._add(control)
        for joint in graph.release.joints.values():
            self._add_joint(joint.id, joint.title, joint.members)

    def _stale(self, control: Control) -> bool:
        return self._as_of > fresh_until(control, self._max_age)

    def _add(self, control: Control) -> None:
        stale = self._stale(control)
        key = (self.graph, control, stale)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = (self._rulings_of(control, stale), self._beneath(control))
        rulings, beneath = found
        for target, ruling in rulings:
            self._rulings[target].append(ruling)
        for target in beneath:
            self._above[target].add(control.id)

    def _beneath(self, control: Control) -> frozenset[str]:
        """What stands below the targets of a control's own rows."""
        if control.status is ControlStatus.NOT_APPLICABLE:
            return frozenset()
        rows = (r for r in control.rows if r.mask != NO_RELATIONSHIP and self.graph.exists(r.target))
        return frozenset().union(*(self.graph.below(r.target) for r in rows))

    def _rulings_of(self, control: Control, stale: bool) -> list[tuple[str, Ruling]]:
        """One control against everything it reaches, by itself."""
        contender = Contender(control.id, control.title, control.status, stale)
        excluded = {row.target for row in control.rows if row.mask == NO_RELATIONSHIP}
        chains: defaultdict[str, list[Chain]] = defaultdict(list)
        for row in control.rows:
            if row.mask == NO_RELATIONSHIP or not self.graph.exists(row.target):
                continue
            own = Step(control.id, row.mask, row.target)
            for target, found in self.graph.reach(row.target).items():
                for chain in found:
                    if (mask := compose(row.mask, chain.mask)) != ALL:
                        chains[target].append(
                            Chain(
                                mask, chain.hops, chain.parts, chain.authority, chain.strength,
                                (control.id, "", *chain.ids), (own, *chain.steps),
                                chain.ruled or target in excluded,
                            )
                        )  # fmt: skip
        return [
            (target, _ruling(contender, combine(c.evidence for c in found), found)) for target, found in chains.items()
        ]

    def _containing(self, member: str, *, fresh: bool) -> Ruling | None:
        """The implemented control that contains a reference control, by the best chain."""
        found = [
            r for r in self._rulings.get(member, ())
            if r.combined.outcome is Outcome.CONTAINS and r.contender.status in _FULL and not r.contender.members
            and not (fresh and r.contender.stale)
        ]  # fmt: skip
        return min(found, key=lambda r: r.shown.rank, default=None)

    def _add_joint(self, joint: str, title: str, members: Sequence[str]) -> None:
        seen: set[tuple[tuple[str, str], ...]] = set()
        for fresh in (True, False) if self._any_stale else (False,):
            by_member = [(m, self._containing(m, fresh=fresh)) for m in members]
            holders = [(m, r) for m, r in by_member if r is not None]
            who = tuple((m, r.contender.id) for m, r in holders)
            if len(holders) < len(members) or who in seen:
                continue
            seen.add(who)
            self.held |= {(m, r.contender.id): r for m, r in holders}
            shown = [r.shown for _, r in holders]
            stale = any(r.contender.stale for _, r in holders)
            contender = Contender(joint, title, ControlStatus.IMPLEMENTED, stale, who)
            lowest = (
                max(c.hops for c in shown), min(c.authority for c in shown), min(c.strength for c in shown)
            )  # fmt: skip
            key = (self.graph, contender, lowest)
            rulings = self._memo.get(key)
            if rulings is None:
                rulings = self._memo[key] = self._union(contender, *lowest)
            for target, ruling in rulings:
                self._rulings[target].append(ruling)

    def _union(self, contender: Contender, hops: int, authority: int, strength: int) -> list[tuple[str, Ruling]]:
        """A joint node's chains: it contains what its members' union does, and has used up ``hops`` already.

        Every mask behind a first step {equal, superset_of} still allows superset_of, so these chains never
        contradict each other, and another control, which can only lower ``hops``, never worsens a verdict.
        """
        limit = self.graph.filter.max_hops
        own = Step(contender.id, AT_LEAST, contender.id)
        rulings = []
        for target, found in self.graph.reach(contender.id, authority, strength).items():
            chains = [
                replace(
                    c, mask=compose(AT_LEAST, c.mask), hops=c.hops + hops, ids=(contender.id, "", *c.ids),
                    steps=(own, *c.steps),
                )
                for c in found
                if c.hops + hops <= limit and compose(AT_LEAST, c.mask) != ALL
            ]  # fmt: skip
            if not chains or target == contender.id:
                continue
            rulings.append((target, _ruling(contender, combine(c.evidence for c in chains), chains)))
        return rulings

    # ---------------------------------------------------------------- asking

    def rulings(self, target: str) -> Sequence[Ruling]:
        """Every contender's ruling on ``target``, best first."""
        found = self._ranked.get(target)
        if found is None:
            found = self._ranked[target] = sorted(self._rulings.get(target, ()), key=lambda r: r.key)
        return found

    def judge(self, target: str) -> Judgement:
        """The verdict on one target with its reasons (``docs/semantics.md``, "Reasons")."""
        every = self.rulings(target)
        aside = tuple(sorted({r.contender.id for r in every if r.contender.status is ControlStatus.NOT_APPLICABLE}))
        active = [r for r in every if r.contender.status is not ControlStatus.NOT_APPLICABLE]
        speaking = [r for r in active if r.combined.outcome > Outcome.NOTHING]
        best = speaking[0] if speaking and speaking[0].verdict > Verdict.GAP else None
        verdict = best.verdict if best else Verdict.GAP
        reasons = self._reasons(target, verdict, best, speaking, self._above.get(target, set()))
        return Judgement(verdict, reasons, best, tuple(speaking), aside)

    def _reasons(
        self, target: str, verdict: Verdict, best: Ruling | None, rulings: Sequence[Ruling], above: set[str]
    ) -> tuple[Reason, ...]:
        found: set[Reason] = set()
        if best is not None and best.combined.disputed:
            found.add(Reason.DISPUTED)
        if verdict < Verdict.COVERED:
            for r in rulings:
                status, result = r.contender.status, r.combined.outcome
                if result is Outcome.RULED_OUT and verdict <= Verdict.LEAD:
                    found.add(Reason.RULED_OUT)
                if result < Outcome.LEAD:
                    continue
                could = _CREDIT[ControlStatus.IMPLEMENTED, result]
                if status is ControlStatus.PLANNED and could > verdict:
                    found.add(Reason.CONTROL_NOT_IMPLEMENTED)
                if status is ControlStatus.PARTIAL and could > verdict:
                    found.add(Reason.CONTROL_PARTLY_IMPLEMENTED)
                if status in _FULL and result is Outcome.OVERLAPS and verdict is Verdict.PARTIAL:
                    found.add(Reason.PARTIAL_MAPPING_ONLY)
                if r.downgraded:
                    found.add(Reason.EVIDENCE_STALE)
            if verdict is Verdict.LEAD and best is not None and best.combined.outcome is Outcome.LEAD:
                found.add(Reason.LEAD_ONLY)
            if verdict <= Verdict.LEAD and above:
                found.add(Reason.MAPPED_TO_PARENT_ONLY)
            if not found:
                found.add(Reason.NO_CONTROL)
            if verdict < Verdict.PARTIAL and target not in self.graph.coverable:
                found.add(Reason.NO_MAPPING_IN_GRAPH)
        return tuple(r for r in Reason if r in found)
