"""Coverage on columns alone, with no release and no object for a control: what other tools and the benchmarks ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kg.answers.engine.algebra import COMPOSE, OUTCOME, Array, Entries, Pairs, distinct, least, pairs, rank_of
from kg.answers.engine.merged import Labels, best_of, merged
from kg.answers.engine.walk import Table, View, gather, kept, walk
from kg.arrays import FULL_STRENGTH, HIGHEST
from kg.errors import UsageError
from kg.relations import ALL, AT_LEAST, SUPERSET_OF, Outcome

__all__ = ["Own", "Verdicts", "laid", "verdicts"]

_AT_ONCE = 64


@dataclass(frozen=True)
class Own:
    """First steps in the order of ids: who makes them, where they lead, with what mask, and what is used up before."""

    who: Array
    start: Array
    mask: Array
    hops: Array
    authority: Array
    strength: Array

    def __len__(self) -> int:
        return len(self.who)


@dataclass(frozen=True)
class Verdicts:
    """The answer for every node, as columns by node.

    ``verdict`` is :class:`kg.answers.Verdict`; ``reasons`` a bit for each :class:`kg.answers.Reason` in their order;
    ``contender`` the control shown, or the number of controls plus that of a joint node, -1 where nothing is shown;
    ``hops``, ``parts``, ``authority`` and ``strength`` are those of its chain, ``disputed`` whether sources contradict
    each other.  :meth:`chain` says by which steps.
    """

    verdict: Array
    reasons: Array
    contender: Array
    disputed: Array
    hops: Array
    parts: Array
    authority: Array
    strength: Array
    own: Own
    _label: Array
    _labels: Labels
    _exact: dict[int, tuple[int, Array]]

    def chain(self, node: int) -> tuple[int, list[int]]:
        """The first step (a place in ``own``) and then the edges of the chain shown at a node that has a contender."""
        if node in self._exact:
            first, path = self._exact[node]
            return first, [e for e in path.tolist() if e >= 0]
        at, edges = int(self._label[node]), []
        first = int(self._labels.who[at])
        while self._labels.before[at] >= 0:
            edges.append(int(self._labels.edge[at]))
            at = int(self._labels.before[at])
        return first, edges[::-1]

    def chains(self, nodes: Array) -> tuple[Array, Array]:
        """The same of many nodes: the first step of each (-1 where nothing is shown) and its edges, padded with -1."""
        shown = self.contender[nodes] >= 0
        at = np.where(shown, self._label[nodes], -1)
        first = np.where(shown, self._labels.who[at], -1)
        length = int((self.hops[nodes] + self.parts[nodes]).max(initial=0))
        path = np.full((len(nodes), length), -1, np.int64)
        steps = self._labels.hops[at].astype(np.int64) - self.own.hops[first] + self._labels.parts[at]
        for back in range(length):
            going = np.flatnonzero((at >= 0) & (self._labels.before[at] >= 0) & shown)
            if not len(going):
                break
            path[going, steps[going] - 1 - back] = self._labels.edge[at[going]]
            at[going] = self._labels.before[at[going]]
        for place in np.flatnonzero(np.isin(nodes, np.array([*self._exact], np.int64))).tolist():
            first[place], exact = self._exact[int(nodes[place])]
            path[place] = -1
            path[place, : min(length, len(exact))] = exact[:length]
        return first, path


def laid(
    view: View, table: Table, slots: Array, own: Own, excluded: Array | None = None
) -> tuple[Array, Array, Entries]:
    """Everything that first steps lead to: of each chain its first step and its row of the table, and the chains.

    ``excluded`` are pairs ``who * nodes + target`` that the contender itself rules out.
    """
    nodes = view.arrays.nodes
    of, at = gather(table, slots)
    who, target = own.who[of], table.target[at].astype(np.int64)
    mask = COMPOSE[own.mask[of].astype(np.int64) << 5 | table.mask[at]]
    hops = own.hops[of] + table.hops[at]
    chosen = np.flatnonzero((mask != ALL) & (hops <= view.max_hops))
    key = who[chosen] * nodes + target[chosen]
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")
        chosen, key = chosen[order], key[order]
    of, at, who, target, mask, hops = (c[chosen] for c in (of, at, who, target, mask, hops))
    ruled = table.ruled[at].astype(bool)
    if excluded is not None and len(excluded):
        ruled |= np.isin(key, excluded)
    rank = rank_of(hops, table.parts[at], table.authority[at], table.strength[at])
    tie = own.start[of].astype(np.int64) << 32 | table.lex[at]
    return of, at, Entries(who, target, mask, ruled, hops, table.authority[at], rank, tie)


def verdicts(
    view: View,
    control: Array,
    start: Array,
    mask: Array,
    *,
    order: Array | None = None,
    coverable: Array | None = None,
    ranked: bool = True,
) -> Verdicts:
    """How far every node is met by implemented controls whose evidence counts, with the chain and the reasons.

    ``control``, ``start`` and ``mask`` are their own rows: a number, a node and a mask each.  ``order`` says where each
    control, and after them each joint node of the columns, stands in the order of ids (otherwise in that of numbers).
    ``coverable`` says of each node whether the graph could cover it; without it ``NO_MAPPING_IN_GRAPH`` is not told.
    With ``ranked`` off authority and strength are left aside: the verdicts and reasons are the same, the chain shown is
    one of the shortest.

    Each mask must hold ``superset_of`` (as *superset_of*, *at_least* and *related* do): such controls can be walked
    together.  Raises :class:`~kg.errors.UsageError` for others, which an assessment answers for.
    """
    from kg.answers.judge import Reason, Verdict

    a, nodes = view.arrays, view.arrays.nodes
    if np.any(mask & SUPERSET_OF == 0) or np.any(mask == ALL):
        raise UsageError("an own row leaves superset_of out", "ask an Assessment: it takes every control by itself")
    controls = int(control.max(initial=-1)) + 1
    joints = len(a.joint_node)
    place = np.arange(controls + joints) if order is None else order
    chosen = np.flatnonzero(view.standing[start])
    chosen = chosen[np.lexsort((start[chosen], place[control[chosen]]))]
    size = len(chosen)
    own = Own(
        control[chosen].astype(np.int64), start[chosen].astype(np.int64), mask[chosen], np.zeros(size, np.int8),
        np.full(size, HIGHEST if ranked else 0, np.int8), np.full(size, FULL_STRENGTH if ranked else 0, np.int8),
    )  # fmt: skip
    labels = merged(view, _first(own, 0))
    best, key = best_of(labels, nodes)
    visited = np.zeros(nodes, bool)
    visited[labels.node] = True
    doubtful = _doubtful(view, visited)
    standing_on = _joints(view, own, labels, best, doubtful, controls)
    if len(standing_on):
        standing_on = _sorted(standing_on, place)
        more = merged(view, _first(standing_on, len(own)))
        visited[more.node] = True
        doubtful = _doubtful(view, visited)
        own = Own(*(np.concatenate([getattr(o, f) for o in (own, standing_on)]) for f in Own.__annotations__))
        begin = len(labels.node)
        # A joint node says nothing of itself: its first step is no answer.
        other, other_key = best_of(more, nodes, more.before >= 0)
        mine, theirs = place[own.who[labels.who[best]]], place[own.who[more.who[other]]]
        better = (best < 0) | (other_key < key) | ((other_key == key) & (theirs < mine))
        best = np.where((other >= 0) & better, other + begin, best)
        shifted = more._replace(before=np.where(more.before >= 0, more.before + begin, -1))
        labels = Labels(*map(np.concatenate, zip(labels, shifted, strict=True)))

    shown = best >= 0
    outcome = np.where(shown, OUTCOME[labels.mask[best]], 0) if len(labels.node) else np.zeros(nodes, np.int8)
    verdict = np.array([Verdict.GAP, Verdict.GAP, Verdict.LEAD, Verdict.PARTIAL, Verdict.COVERED], np.int8)[outcome]

    def column(values: Array, otherwise: int) -> Array:
        return np.where(shown, values[best], otherwise) if len(values) else np.full(nodes, otherwise)

    contender = column(own.who[labels.who] if len(labels.node) else labels.who, -1)
    hops, parts = column(labels.hops, 0), column(labels.parts, 0)
    authority, strength = column(labels.authority, HIGHEST), column(labels.strength, FULL_STRENGTH)
    disputed, ruled_out = np.zeros(nodes, bool), np.zeros(nodes, bool)
    exact: dict[int, tuple[int, Array]] = {}
    overlaps = (outcome == Outcome.OVERLAPS) & (verdict == Verdict.PARTIAL)
    lead = outcome == Outcome.LEAD
    if doubtful.any():
        _, found, of, table, at = _exactly(view, own, doubtful, controls)
        credit = np.array([Verdict.GAP, Verdict.GAP, Verdict.LEAD, Verdict.PARTIAL, Verdict.COVERED])[found.outcome]
        weight = ((Verdict.COVERED - credit) << 1 | found.disputed) << 23 | found.rank
        by = np.argsort(found.target, kind="stable")
        target = found.target[by]
        first = np.flatnonzero(np.diff(target, prepend=-1))
        group = np.cumsum(np.diff(target, prepend=-1) != 0) - 1
        tie = place[found.who[by]]
        winner = by[least(weight[by], tie, first, group)] if len(by) else by
        verdict[doubtful] = Verdict.GAP
        contender[doubtful] = -1
        won = found.target[winner]
        verdict[won] = credit[winner]
        good = winner[credit[winner] > Verdict.GAP]
        rows = at[found.shown[good]]
        t = found.target[good]
        contender[t], disputed[t] = found.who[good], found.disputed[good]
        hops[t] = own.hops[of[found.shown[good]]] + table.hops[rows]
        parts[t], authority[t], strength[t] = table.parts[rows], table.authority[rows], table.strength[rows]
        for each, row, step in zip(t.tolist(), rows.tolist(), of[found.shown[good]].tolist(), strict=True):
            exact[each] = (step, table.path[row])
        ruled_out[found.target[found.outcome == Outcome.RULED_OUT]] = True
        overlaps[doubtful] = lead[doubtful] = False
        overlaps[found.target[found.outcome == Outcome.OVERLAPS]] = True
        overlaps &= verdict == Verdict.PARTIAL
        lead[t] = found.outcome[good] == Outcome.LEAD
    below = verdict < Verdict.PARTIAL
    bit = {reason: 1 << i for i, reason in enumerate(Reason)}
    named = own.start[own.who < controls]
    reasons = np.zeros(nodes, np.int16)
    for reason, holds in (
        (Reason.PARTIAL_MAPPING_ONLY, overlaps),
        (Reason.MAPPED_TO_PARENT_ONLY, below & view.beneath(named)),
        (Reason.LEAD_ONLY, lead & (verdict == Verdict.LEAD)),
        (Reason.RULED_OUT, ruled_out & below),
        (Reason.DISPUTED, disputed),
    ):
        reasons |= np.multiply(holds, bit[reason], dtype=np.int16)
    reasons[(verdict < Verdict.COVERED) & (reasons == 0)] = bit[Reason.NO_CONTROL]
    if coverable is not None:
        reasons[below & ~coverable] |= bit[Reason.NO_MAPPING_IN_GRAPH]
    return Verdicts(
        verdict, reasons, contender, disputed, hops, parts, authority, strength, own, best, labels, exact
    )  # fmt: skip


def _first(own: Own, begin: int) -> Labels:
    size = len(own)
    none = np.full(size, -1, np.int64)
    return Labels(
        own.start.astype(np.int32), own.mask, own.hops, np.zeros(size, np.int16), own.authority, own.strength,
        np.arange(begin, begin + size), none, none,
    )  # fmt: skip


def _doubtful(view: View, visited: Array) -> Array:
    """The nodes reached that a node passed on the way may be ruled out for: of these every contender is asked by
    itself."""
    found = np.zeros(view.arrays.nodes, bool)
    one, other = np.divmod(view.enemies, view.arrays.nodes)
    found[other[visited[one]]] = True
    return found & visited


def _sorted(own: Own, place: Array) -> Own:
    at = np.lexsort((own.start, place[own.who]))
    return Own(*(getattr(own, f)[at] for f in Own.__annotations__))


def _joints(view: View, own: Own, labels: Labels, best: Array, doubtful: Array, controls: int) -> Own:
    """The joint nodes all of whose members the controls contain, as first steps."""
    a, nodes = view.arrays, view.arrays.nodes
    size = len(a.joint_node)
    holds = np.zeros(nodes, bool)
    hops = np.zeros(nodes, np.int8)
    authority, strength = np.zeros(nodes, np.int8), np.zeros(nodes, np.int8)
    at = np.flatnonzero(best >= 0)
    label = best[at]
    holds[at] = OUTCOME[labels.mask[label]] == Outcome.CONTAINS
    hops[at], authority[at], strength[at] = labels.hops[label], labels.authority[label], labels.strength[label]
    members = np.zeros(nodes, bool)
    members[a.joint_member] = True
    if (asked := doubtful & members).any():
        _, found, of, table, row = _exactly(view, own, asked, controls)
        holds[asked] = False
        some = np.flatnonzero(found.outcome == Outcome.CONTAINS)
        some = some[np.lexsort((found.who[some], found.rank[some], found.target[some]))]
        targets, first = distinct(found.target[some])
        shown = found.shown[some[first]]
        holds[targets] = True
        hops[targets] = own.hops[of[shown]] + table.hops[row[shown]]
        authority[targets], strength[targets] = table.authority[row[shown]], table.strength[row[shown]]
    counts = np.diff(a.joint_offsets)
    joint = np.repeat(np.arange(size), counts)
    active = (counts > 0) & (np.bincount(joint, ~holds[a.joint_member], minlength=size) == 0)
    most, lowest, weakest = np.zeros(size, np.int8), np.full(size, HIGHEST, np.int8), np.full(size, 10, np.int8)
    np.maximum.at(most, joint, hops[a.joint_member])
    np.minimum.at(lowest, joint, authority[a.joint_member])
    np.minimum.at(weakest, joint, strength[a.joint_member])
    j = np.flatnonzero(active)
    mask = np.full(len(j), AT_LEAST, np.uint8)
    return Own(controls + j, a.joint_node[j].astype(np.int64), mask, most[j], lowest[j], weakest[j])


def _exactly(view: View, own: Own, targets: Array, controls: int) -> tuple[Entries, Pairs, Array, Table, Array]:
    """All chains to a few nodes, of every contender by itself."""
    starts, slots = np.unique(
        np.stack([own.start, own.authority.astype(np.int64), own.strength.astype(np.int64)], axis=1),
        axis=0, return_inverse=True,
    )  # fmt: skip
    table: Table | None = None
    for low in range(0, max(len(starts), 1), _AT_ONCE):
        some = starts[low : low + _AT_ONCE]
        found = kept(view, some[:, 0], walk(view, some[:, 0], some[:, 1], some[:, 2])).only(targets)
        table = found if table is None else table + found
    assert table is not None
    of, at, entries = laid(view, table, slots.reshape(-1), own)
    if np.any(itself := (entries.who >= controls) & (entries.target == own.start[of])):
        of, at = of[~itself], at[~itself]
        entries = Entries(*(c[~itself] for c in entries))
    return entries, pairs(entries), of, table, at
