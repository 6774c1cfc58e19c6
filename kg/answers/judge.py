"""One unit's controls against everything: for each control and target the combined outcome, and the best verdict.

This is ``docs/semantics.md`` without applicability.  A *contender* is an organisation control, or a joint node whose
members are each contained by an implemented control, which acts as one more control.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from kg.answers.engine.algebra import Array, Entries, Pairs, distinct, least, pairs
from kg.answers.engine.answer import Own, laid
from kg.answers.engine.walk import Table
from kg.answers.freshness import fresh_until
from kg.answers.graph import Chain, Graph, Step, ids_of
from kg.answers.verdict import Reason, Verdict
from kg.arrays import FULL_STRENGTH, HIGHEST
from kg.model import Control, ControlStatus
from kg.relations import AT_LEAST, NO_RELATIONSHIP, Combined, Outcome, outcome

__all__ = ["Contender", "Judge", "Judgement", "Ruling", "passed"]


@dataclass(frozen=True, slots=True)
class Contender:
    """Who may meet a requirement: ``id`` is an organisation control or a joint node; ``members`` says for a joint
    node which control contains which member."""

    id: str
    title: str
    status: ControlStatus
    stale: bool = False
    members: tuple[tuple[str, str], ...] = ()


#: Members by their number: to ask an enumeration for one takes three times as long.
_VERDICTS, _OUTCOMES = tuple(Verdict), tuple(Outcome)


class Ruling:
    """One contender against one target.  The chains are made when they are asked for."""

    def __init__(self, judge: Judge, pair: int) -> None:
        self._judge, self._pair = judge, pair
        self.contender = judge.contenders[judge.pairs.who[pair]]
        self.verdict = _VERDICTS[judge.verdicts[pair]]
        self.downgraded = bool(judge.downgraded[pair])

    @cached_property
    def combined(self) -> Combined:
        """What all chains say together."""
        p = self._judge.pairs
        return Combined(_OUTCOMES[p.outcome[self._pair]], int(p.mask[self._pair]), bool(p.disputed[self._pair]))

    @cached_property
    def shown(self) -> Chain:
        """The chain that is shown: the best that says by itself what all together say, or else the best."""
        return self._judge.chain(int(self._judge.pairs.shown[self._pair]))

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """All chains that can be shown or can decide."""
        first = self._judge.pairs.first
        end = first[self._pair + 1] if self._pair + 1 < len(first) else len(self._judge.entries.who)
        return tuple(self._judge.chain(i) for i in range(first[self._pair], end))

    @property
    def hops(self) -> int:
        """How many hops the chain shown takes."""
        return self._judge.hops(self._pair)

    @property
    def kept(self) -> tuple[Chain, ...]:
        """The chains the ruling stands on: all but the leads that were ruled out, unless nothing else is left."""
        left = tuple(c for c in self.chains if not (c.ruled and outcome(c.mask) is Outcome.LEAD))
        return left or self.chains

    @cached_property
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

    @cached_property
    def opposing(self) -> Chain | None:
        """Where sources contradict each other: the best chain that cannot hold beside the one shown."""
        if not self.combined.disputed:
            return None
        against = [c for c in self.kept if not c.mask & self.shown.mask]
        return min(against, key=lambda c: c.rank, default=None)


def passed(rulings: Iterable[Ruling]) -> set[str]:
    """The ids that the chains shown of some rulings pass, those of the contenders included; no chain is made."""
    by: dict[Judge, list[int]] = {}
    for ruling in rulings:
        by.setdefault(ruling._judge, []).append(ruling._pair)
    return {id_ for judge, pairs in by.items() for id_ in judge.passed(np.array(pairs, np.int64))}


class Judgement:
    """Everything known of one target: the best ruling and all others, with the reasons."""

    def __init__(self, judge: Judge, target: int) -> None:
        self._judge, self._target = judge, target
        self.verdict = _VERDICTS[judge.verdict[target]] if target >= 0 else Verdict.GAP
        self.reasons = judge.reasons(target)

    @cached_property
    def best(self) -> Ruling | None:
        """The ruling that the verdict stands on; none of a gap."""
        pair = int(self._judge.best[self._target]) if self._target >= 0 else -1
        return self._judge.ruling(pair) if pair >= 0 else None

    @cached_property
    def rulings(self) -> tuple[Ruling, ...]:
        """Those of every contender that is not set aside, best first."""
        every = self._judge.every(self._target)
        return tuple(r for r in every if r.contender.status is not ControlStatus.NOT_APPLICABLE)

    @cached_property
    def set_aside(self) -> tuple[str, ...]:
        """The controls of status not-applicable that would have had something to say."""
        return self._judge.aside.get(self._target, ())


#: Status classes, as numbers: what is in place, in part, planned, set aside.
_FULL, _PARTLY, _PLANNED, _ASIDE = range(4)
_CLASS = {
    ControlStatus.IMPLEMENTED: _FULL,
    ControlStatus.ALTERNATIVE: _FULL,
    ControlStatus.PARTIAL: _PARTLY,
    ControlStatus.PLANNED: _PLANNED,
    ControlStatus.NOT_APPLICABLE: _ASIDE,
}
#: Status class × outcome (nothing, ruled out, lead, overlaps, contains) → verdict.
CREDIT = np.array(
    [
        [Verdict.GAP, Verdict.GAP, Verdict.LEAD, Verdict.PARTIAL, Verdict.COVERED],
        [Verdict.GAP, Verdict.GAP, Verdict.LEAD, Verdict.LEAD, Verdict.PARTIAL],
        [Verdict.GAP] * 5,
        [Verdict.GAP] * 5,
    ],
    np.int8,
)
_REASONS = tuple(Reason)
_BIT = {reason: 1 << i for i, reason in enumerate(_REASONS)}


class _Own(NamedTuple):  # one row of Own
    """The first step of a contender: its own row, or that of a joint node to itself, and what is used up before it."""

    who: int
    start: int
    mask: int
    hops: int = 0
    authority: int = HIGHEST
    strength: int = FULL_STRENGTH


class Judge:
    """All controls of one unit, put to every node at once: ask about any target.

    ``contenders`` are the controls and the joint nodes that stand on them; ``pairs`` what each is to each target, with
    ``verdicts`` and ``downgraded`` beside them; ``entries`` the chains; ``verdict`` and ``best`` (a pair, or -1) are by
    node.
    """

    def __init__(
        self, graph: Graph, controls: Iterable[Control], as_of: date, max_evidence_age_days: int | None = None
    ) -> None:
        self.graph = graph
        ordered = sorted(controls, key=lambda c: c.id)
        self.contenders = [
            Contender(c.id, c.title, c.status, as_of > fresh_until(c, max_evidence_age_days)) for c in ordered
        ]
        self._own: list[_Own] = []
        named: set[int] = set()
        excluded: list[int] = []
        node, standing, nodes = graph.arrays.node, graph.view.standing, graph.arrays.nodes
        for who, control in enumerate(ordered):
            for row in control.rows:
                target = node(row.target)
                if target < 0:
                    continue
                if row.mask == NO_RELATIONSHIP:
                    excluded.append(who * nodes + target)
                elif standing[target]:
                    self._own.append(_Own(who, target, row.mask))
                    if control.status is not ControlStatus.NOT_APPLICABLE:
                        named.add(target)
        self._table, self._of, self._at, self.entries, self.pairs = self._laid(self._own, 0, excluded)
        self._held: dict[tuple[str, str], int] = {}
        if joints := self._joints():
            first = len(self._own)
            self._own += joints
            self._table, of, at, entries, found = self._laid(joints, first, [])
            begin = len(self._of)
            found = found._replace(first=found.first + begin, shown=found.shown + begin)
            self._of, self._at = np.concatenate([self._of, of]), np.concatenate([self._at, at])
            self.entries = Entries(*map(np.concatenate, zip(self.entries, entries, strict=True)))
            self.pairs = Pairs(*map(np.concatenate, zip(self.pairs, found, strict=True)))
        self._made: dict[int, Ruling] = {}
        self._weigh(graph.view.beneath(np.array(sorted(named), np.int64)))

    def _laid(
        self, own: Sequence[_Own], first: int, excluded: Sequence[int]
    ) -> tuple[Table, Array, Array, Entries, Pairs]:
        """Everything that some first steps lead to: of each chain its first step and its row of the table, the chains
        and the pairs."""
        table, slots = self.graph.table([(o.start, o.authority, o.strength) for o in own])
        columns = Own(*np.array(own, np.int64).reshape(-1, 6).T)
        of, at, entries = laid(self.graph.view, table, slots, columns, np.array(excluded, np.int64))
        if first:  # A joint node says nothing of itself.
            good = np.flatnonzero(entries.target != columns.start[of])
            of, at, entries = of[good], at[good], Entries(*(c[good] for c in entries))
        return table, of + first, at, entries, pairs(entries)

    def _joints(self) -> list[_Own]:
        """The joint nodes that stand on the controls become contenders: once on fresh controls alone, once on all."""
        release, node = self.graph.release, self.graph.arrays.node
        if not release.joints:
            return []
        p = self.pairs
        members = np.zeros(self.graph.arrays.nodes, bool)
        members[[node(m) for j in release.joints.values() for m in j.members]] = True
        full = np.array([_CLASS[c.status] == _FULL for c in self.contenders], bool)
        old = np.array([c.stale for c in self.contenders], bool)
        at = np.flatnonzero((p.outcome == Outcome.CONTAINS) & members[p.target])
        at = at[full[p.who[at]]]
        at = at[np.lexsort((p.who[at], p.rank[at], p.target[at]))]
        holders = []
        for fresh in (True, False) if old.any() else (False,):
            left = at[~old[p.who[at]]] if fresh else at
            targets, first = distinct(p.target[left])
            holders.append(dict(zip(targets.tolist(), left[first].tolist(), strict=True)))
        found = []
        for joint in release.joints.values():
            seen = set()
            numbers = [node(m) for m in joint.members]
            for holder in holders:
                if not all(n in holder for n in numbers):
                    continue
                held = tuple(holder[n] for n in numbers)
                if held in seen:
                    continue
                seen.add(held)
                on = [self.contenders[p.who[pair]] for pair in held]
                who = tuple((m, c.id) for m, c in zip(joint.members, on, strict=True))
                self._held |= zip(who, held, strict=True)
                stale = any(c.stale for c in on)
                shown = p.shown[np.array(held)]
                found.append(
                    _Own(
                        len(self.contenders), node(joint.id), AT_LEAST, int(self.entries.hops[shown].max()),
                        int(self.entries.authority[shown].min()), int(self._table.strength[self._at[shown]].min()),
                    )
                )  # fmt: skip
                self.contenders.append(Contender(joint.id, joint.title, ControlStatus.IMPLEMENTED, stale, who))
        return found

    def _weigh(self, beneath: Array) -> None:
        """Verdict, reasons and the ruling shown of every node."""
        p, nodes = self.pairs, self.graph.arrays.nodes
        order = np.argsort(p.target, kind="stable")
        status = np.array([_CLASS[c.status] for c in self.contenders], np.int8)[p.who]
        stale = np.array([c.stale for c in self.contenders], bool)[p.who]
        credit = CREDIT[status, p.outcome]
        self.downgraded = (credit == Verdict.COVERED) & stale
        self.verdicts = credit - self.downgraded
        names = {id_: i for i, id_ in enumerate(sorted({c.id for c in self.contenders}))}
        place = np.array([names[c.id] for c in self.contenders], np.int64)[p.who]
        worse = (Verdict.COVERED - self.verdicts.astype(np.int64)) << 2 | p.disputed << 1 | self.downgraded
        #: Best first: verdict, undisputed, fresh, rank of the chain shown, contender (and then the ids of the chain).
        self._key = (worse << 23 | p.rank) << 32 | place
        self._order, self._sorted = order, p.target[order]
        self.verdict = np.zeros(nodes, np.int8)
        self.best = np.full(nodes, -1, np.int64)
        bits = np.zeros(nodes, np.int64)
        at = order[status[order] != _ASIDE]
        if len(at):
            target = p.target[at]
            first = np.flatnonzero(np.diff(target, prepend=-1))
            group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(at))))
            chosen = at[least(self._key[at], self.entries.tie[p.shown[at]], first, group)]
            verdict = self.verdicts[chosen]
            self.verdict[target[first]] = verdict
            self.best[target[first]] = np.where(verdict > Verdict.GAP, chosen, -1)
            said, kind, so_far = p.outcome[at], status[at], verdict[group]
            could = CREDIT[_FULL][said]
            found = np.zeros(len(at), np.int64)
            for reason, holds in (
                (Reason.RULED_OUT, (said == Outcome.RULED_OUT) & (so_far <= Verdict.LEAD)),
                (Reason.CONTROL_NOT_IMPLEMENTED, (kind == _PLANNED) & (could > so_far)),
                (Reason.CONTROL_PARTLY_IMPLEMENTED, (kind == _PARTLY) & (could > so_far)),
                (
                    Reason.PARTIAL_MAPPING_ONLY,
                    (kind == _FULL) & (said == Outcome.OVERLAPS) & (so_far == Verdict.PARTIAL),
                ),
                (Reason.EVIDENCE_STALE, self.downgraded[at]),
            ):
                found |= np.where(holds & (so_far < Verdict.COVERED), _BIT[reason], 0)
            bits[target[first]] = np.bitwise_or.reduceat(found, first)
            lead = (verdict == Verdict.LEAD) & (p.outcome[chosen] == Outcome.LEAD)
            bits[target[first]] |= np.where(lead, _BIT[Reason.LEAD_ONLY], 0)
            disputed = p.disputed[chosen] & (verdict > Verdict.GAP)
            bits[target[first]] |= np.where(disputed, _BIT[Reason.DISPUTED], 0)
        bits |= np.where(beneath & (self.verdict <= Verdict.LEAD), _BIT[Reason.MAPPED_TO_PARENT_ONLY], 0)
        self._bits = bits | np.where((self.verdict < Verdict.COVERED) & (bits == 0), _BIT[Reason.NO_CONTROL], 0)

    # ---------------------------------------------------------------- asking

    @cached_property
    def held(self) -> dict[tuple[str, str], Ruling]:
        """(member of a joint node, control) → the ruling by which that control contains it, where a joint stands on
        it."""
        return {key: self.ruling(pair) for key, pair in self._held.items()}

    @cached_property
    def aside(self) -> dict[int, tuple[str, ...]]:
        """Node → the controls of status not-applicable that would have had something to say of it."""
        idle = [i for i, c in enumerate(self.contenders) if c.status is ControlStatus.NOT_APPLICABLE]
        found: dict[int, set[str]] = {}
        for pair in np.flatnonzero(np.isin(self.pairs.who, idle)).tolist():
            found.setdefault(int(self.pairs.target[pair]), set()).add(self.contenders[self.pairs.who[pair]].id)
        return {target: tuple(sorted(ids)) for target, ids in found.items()}

    def verdict_of(self, target: str) -> Verdict:
        """How far a target is met."""
        number = self.graph.arrays.node(target)
        return Verdict(int(self.verdict[number])) if number >= 0 else Verdict.GAP

    def judge(self, target: str) -> Judgement:
        """The verdict on one target with its reasons (``docs/semantics.md``, "Reasons")."""
        return Judgement(self, self.graph.arrays.node(target))

    def rulings(self, target: str) -> Sequence[Ruling]:
        """Every contender's ruling on ``target``, best first."""
        return self.every(self.graph.arrays.node(target))

    def every(self, target: int) -> list[Ruling]:
        """The same of a node by its number."""
        low, high = np.searchsorted(self._sorted, (target, target + 1))
        at = self._order[low:high]
        at = at[np.lexsort((self.entries.tie[self.pairs.shown[at]], self._key[at]))]
        return [self.ruling(pair) for pair in at.tolist()]

    def ruling(self, pair: int) -> Ruling:
        """What is ruled of a pair."""
        found = self._made.get(pair)
        if found is None:
            found = self._made.setdefault(pair, Ruling(self, pair))
        return found

    def reasons(self, target: int) -> tuple[Reason, ...]:
        """Why a node's verdict is not better, or is in doubt."""
        bits = int(self._bits[target]) if target >= 0 else _BIT[Reason.NO_CONTROL]
        verdict = self.verdict[target] if target >= 0 else Verdict.GAP
        if verdict < Verdict.PARTIAL and (target < 0 or not self.graph.is_coverable[target]):
            bits |= _BIT[Reason.NO_MAPPING_IN_GRAPH]
        return _reasons(bits)

    def hops(self, pair: int) -> int:
        """How many hops the chain shown of a pair takes."""
        return int(self.entries.hops[self.pairs.shown[pair]])

    def passed(self, chosen: Array) -> set[str]:
        """The ids that the chains shown of some pairs pass."""
        entries = self.pairs.shown[chosen]
        own = [self._own[i] for i in distinct(self._of[entries])[0].tolist()]
        path = self._table.path[self._at[entries]]
        nodes = distinct(self.graph.arrays.edge_to[path[path >= 0]])[0].tolist()
        nodes += [o.start for o in own]
        return {self.contenders[o.who].id for o in own} | {self.graph.name(n) for n in nodes}

    def chain(self, entry: int) -> Chain:
        """A chain, made of its columns."""
        own, at, table, e = self._own[self._of[entry]], int(self._at[entry]), self._table, self.entries
        who, start = self.contenders[own.who].id, self.graph.name(own.start)
        steps = self.graph.steps(own.start, table.path[at].tolist())
        return Chain(
            int(e.mask[entry]), int(e.hops[entry]), int(table.parts[at]), int(table.authority[at]),
            int(table.strength[at]), (who, "", *ids_of(start, steps)), (Step(who, own.mask, start), *steps),
            bool(e.ruled[entry]),
        )  # fmt: skip


@cache
def _reasons(bits: int) -> tuple[Reason, ...]:
    return tuple(r for r in _REASONS if bits & _BIT[r])
