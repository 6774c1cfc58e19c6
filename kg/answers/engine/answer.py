"""Coverage on columns alone, with no release and no object for a control: what other tools and the benchmarks ask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from kg.answers.engine.algebra import COMPOSE, Array, Entries, Pairs, distinct, least, pairs, rank_of
from kg.answers.engine.merged import LINK, NEVER, NUMBER, NUMBERS, RANK, WHO, Labels, goes_on, labelled, merged, told
from kg.answers.engine.walk import Table, View, gather, kept, walk
from kg.answers.verdict import Reason, Verdict
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

    def columns(self) -> tuple[Array, ...]:
        """The columns in their order."""
        return self.who, self.start, self.mask, self.hops, self.authority, self.strength


@dataclass(frozen=True)
class Verdicts:
    """The answer for every node, as columns by node.

    ``verdict`` is :class:`kg.answers.Verdict`; ``reasons`` a bit for each :class:`kg.answers.Reason` in their order;
    ``contender`` the control shown, or the number of controls plus that of a joint node, -1 where nothing is shown;
    ``hops``, ``parts``, ``authority`` and ``strength`` are those of its chain, ``disputed`` whether sources contradict
    each other.  :meth:`chain` says by which steps; ``looked_at`` is how many steps the walk came by.
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
    looked_at: int
    _first: Array
    _label: Array
    _link: Array
    _exact: dict[int, tuple[int, Array]]

    def chain(self, node: int) -> tuple[int, list[int]]:
        """The first step (a place in ``own``) and then the edges of the chain shown at a node that has a contender."""
        [first], [path] = self.chains(np.array([node]))
        return int(first), [e for e in path.tolist() if e >= 0]

    def chains(self, nodes: Array) -> tuple[Array, Array]:
        """The same of many nodes: the first step of each (-1 where nothing is shown) and its edges, padded with -1."""
        size, length = len(nodes), self.hops.take(nodes) + self.parts.take(nodes)
        first, longest = self._first.take(nodes), int(length.max(initial=0))
        shown = (first >= 0).nonzero()[0]
        # A column of all first edges, then one of all second ones; the last place is for what a chain does not have.
        path = np.full(longest * size + 1, -1, np.int32)
        place = length.take(shown).astype(np.int64)
        place -= self.own.hops.take(first.take(shown)) + 1
        place *= size
        place += shown
        at = self._label.take(nodes.take(shown))
        for _ in range(longest):
            np.maximum(place, -1, out=place)
            link = self._link.take(at, mode="wrap")
            path[place] = link
            at = link >> LINK
            place -= size
        table = path[:-1].reshape(longest, size).T
        if self._exact:
            for i in np.flatnonzero(np.isin(nodes, np.array([*self._exact], np.int64))).tolist():
                first[i], exact = self._exact[int(nodes[i])]
                table[i] = -1
                table[i, : min(longest, len(exact))] = exact[:longest]
        return first, table


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

    Of nodes that the view is not asked about (:meth:`~kg.answers.engine.View.about`) the columns say nothing that
    counts.

    Each mask must hold ``superset_of`` (as *superset_of*, *at_least* and *related* do): such controls can be walked
    together.  Raises :class:`~kg.errors.UsageError` for others, which an assessment answers for.
    """
    a, nodes = view.arrays, view.arrays.nodes
    if np.any(mask & SUPERSET_OF == 0) or np.any(mask == ALL):
        raise UsageError("an own row leaves superset_of out", "ask an Assessment: it takes every control by itself")
    controls = int(control.max(initial=-1)) + 1
    joints = len(a.joint_node)
    place = np.arange(controls + joints) if order is None else order
    chosen = np.flatnonzero(view.standing[start])
    chosen = chosen[(place[control[chosen]] * nodes + start[chosen]).argsort(kind="stable")]
    size = len(chosen)
    own = Own(
        control[chosen].astype(np.int64), start[chosen].astype(np.int64), mask[chosen], np.zeros(size, np.int8),
        np.full(size, HIGHEST if ranked else 0, np.int8), np.full(size, FULL_STRENGTH if ranked else 0, np.int8),
    )  # fmt: skip
    labels, key, looked_at = merged(view, own.start, labelled(view, own, 0))
    doubtful = _doubtful(view, labels.node)
    members = np.zeros(nodes, bool)
    members[a.joint_member] = True
    joint = _joints(view, own, key, _unsettled(view, labels, key, doubtful, members), controls)
    if len(joint):
        joint = _sorted(joint, place)
        begin, step = len(labels.node), labelled(view, joint, len(own))
        own = Own(*map(np.concatenate, zip(own.columns(), joint.columns(), strict=True)))
        if goes_on(view, joint.start, step):
            more, other, steps = merged(view, joint.start, step, itself=False)
            looked_at += steps
            doubtful = _doubtful(view, labels.node, more.node)
            at = ((other < NEVER) & (other >> RANK <= key >> RANK)).nonzero()[0]
            # Of two that are as good the one whose contender comes first.
            mine, theirs = (place[own.who[_first(*found, at)]] for found in ((labels, key), (more, other)))
            at = at[(other[at] >> RANK < key[at] >> RANK) | (theirs < mine)]
            key[at] = other[at] + begin
            more = more._replace(link=np.where(more.link >= 0, more.link + (begin << LINK), -1))
            labels = Labels(*map(np.concatenate, zip(labels, more, strict=True)))
        else:
            doubtful = _doubtful(view, labels.node, joint.start)

    doubtful = _unsettled(view, labels, key, doubtful)
    outcome, hops, parts, authority, strength = told(key)
    shown = (key < NEVER).nonzero()[0]
    first = np.full(nodes, -1)
    first[shown] = _first(labels, key, shown)
    contender = np.append(own.who, -1).take(first)
    verdict = _VERDICT.take(outcome)
    beneath = view.beneath(own.start[own.who < controls])
    reasons = _plain_reasons().take(outcome * 2 + beneath)
    disputed = np.zeros(nodes, bool)
    exact: dict[int, tuple[int, Array]] = {}
    if doubtful is not None:
        _, found, of, table, at = _exactly(view, own, doubtful, controls)
        credit = _VERDICT[found.outcome].astype(np.int64)
        weight = ((Verdict.COVERED - credit) << 1 | found.disputed) << 23 | found.rank
        by = np.argsort(found.target, kind="stable")
        target = found.target[by]
        begins = np.flatnonzero(np.diff(target, prepend=-1))
        group = np.cumsum(np.diff(target, prepend=-1) != 0) - 1
        tie = place[found.who[by]]
        winner = by[least(weight[by], tie, begins, group)] if len(by) else by
        verdict[doubtful] = Verdict.GAP
        contender[doubtful] = first[doubtful] = -1
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
        overlaps, lead, ruled_out = np.zeros((3, nodes), bool)
        overlaps[found.target[found.outcome == Outcome.OVERLAPS]] = True
        lead[t] = found.outcome[good] == Outcome.LEAD
        ruled_out[found.target[found.outcome == Outcome.RULED_OUT]] = True
        several = (verdict, overlaps, lead, beneath, ruled_out, disputed)
        reasons[doubtful] = _reasons(*(column[doubtful] for column in several))
    if coverable is not None:
        reasons[(verdict < Verdict.PARTIAL) & ~coverable] |= _bit(Reason.NO_MAPPING_IN_GRAPH)
    return Verdicts(
        verdict, reasons, contender, disputed, hops, parts, authority, strength, own, looked_at,
        first, key & NUMBERS, labels.link, exact,
    )  # fmt: skip


#: Outcome → verdict of an implemented control.
_VERDICT = np.array([0, 0, 1, 2, 3], np.int8)


def _first(labels: Labels, key: Array, at: Array) -> Array:
    """The first steps of the labels that some keys name; of one that names none, any."""
    found: Array = labels.label.take(key.take(at) & NUMBERS, mode="clip") >> WHO & NUMBER
    return found


def _bit(reason: Reason) -> int:
    return 1 << [*Reason].index(reason)


def _reasons(
    verdict: Array, overlaps: Array, lead: Array, beneath: Array, ruled_out: Array, disputed: Array
) -> Array:  # fmt: skip
    """The reasons for each of some verdicts, as bits."""
    found = np.zeros(len(verdict), np.int16)
    for reason, holds in (
        (Reason.PARTIAL_MAPPING_ONLY, overlaps & (verdict == Verdict.PARTIAL)),
        (Reason.MAPPED_TO_PARENT_ONLY, beneath & (verdict < Verdict.PARTIAL)),
        (Reason.LEAD_ONLY, lead & (verdict == Verdict.LEAD)),
        (Reason.RULED_OUT, ruled_out & (verdict < Verdict.PARTIAL)),
        (Reason.DISPUTED, disputed),
    ):
        found[holds] |= _bit(reason)
    found[(verdict < Verdict.COVERED) & (found == 0)] = _bit(Reason.NO_CONTROL)
    return found


@cache
def _plain_reasons() -> Array:
    """The same by outcome and by whether the node is beneath one that is named, where nothing is in doubt."""
    outcome = np.arange(5).repeat(2)
    beneath, no = np.arange(10) % 2 > 0, np.zeros(10, bool)
    return _reasons(_VERDICT[outcome], outcome == Outcome.OVERLAPS, outcome == Outcome.LEAD, beneath, no, no)


def _doubtful(view: View, *reached: Array) -> Array | None:
    """The nodes reached that a node passed on the way may be ruled out for, if there are any: of these every contender
    is asked by itself."""
    if not len(view.enemies):
        return None
    visited, found = np.zeros((2, view.arrays.nodes), bool)
    for nodes in reached:
        visited[nodes] = True
    one, other = np.divmod(view.enemies, view.arrays.nodes)
    found[other[visited[one]]] = True
    found &= visited
    if view.targets is not None:
        found &= view.asked
    return found if found.any() else None


def _unsettled(
    view: View, labels: Labels, key: Array, doubtful: Array | None, among: Array | None = None
) -> Array | None:
    """The doubtful nodes (``among`` some) whose best chain decides nothing: a lead, beside which it is told whether
    another is ruled out, or one that passes a node which rules the target out.

    Any other best chain stands.  Nothing that is ruled out says more, so there is no dispute, and none comes before it.
    """
    if doubtful is None:
        return None
    left = doubtful if among is None else doubtful & among
    target = left.nonzero()[0]
    target = target[told(key.take(target))[0] >= Outcome.OVERLAPS]
    at, settled = key.take(target) & NUMBERS, np.ones(len(target), bool)
    on = np.arange(len(target))
    while len(on):
        link = labels.link.take(at)
        on, at = on[link >= 0], (link >> LINK)[link >= 0]
        settled[on] &= ~view.opposed(labels.node.take(at), target.take(on))
    left = left.copy()
    left[target[settled]] = False
    return left if left.any() else None


def _sorted(own: Own, place: Array) -> Own:
    at = np.lexsort((own.start, place[own.who]))
    return Own(*(column[at] for column in own.columns()))


def _joints(view: View, own: Own, key: Array, doubtful: Array | None, controls: int) -> Own:
    """The joint nodes all of whose members the controls contain, as first steps."""
    a, members = view.arrays, view.arrays.joint_member
    outcome, hops, _, authority, strength = told(key.take(members))
    holds = outcome == Outcome.CONTAINS
    if doubtful is not None and len(at := np.flatnonzero(doubtful[members])):
        asked = np.zeros(a.nodes, bool)
        asked[members[at]] = True
        _, found, of, table, row = _exactly(view, own, asked, controls)
        some = np.flatnonzero(found.outcome == Outcome.CONTAINS)
        some = some[np.lexsort((found.who[some], found.rank[some], found.target[some]))]
        targets, first = distinct(found.target[some])
        shown = found.shown[some[first]]
        holds[at] = np.isin(members[at], targets)
        at = at[holds[at]]
        shown = shown[np.searchsorted(targets, members[at])]
        hops[at] = own.hops[of[shown]] + table.hops[row[shown]]
        authority[at], strength[at] = table.authority[row[shown]], table.strength[row[shown]]
    some = np.flatnonzero(np.diff(a.joint_offsets))
    begins = a.joint_offsets[some]
    if not len(some) or not len(active := np.flatnonzero(np.logical_and.reduceat(holds, begins))):
        return Own(*(column[:0] for column in own.columns()))
    j = some[active]
    return Own(
        controls + j, a.joint_node[j].astype(np.int64), np.full(len(j), AT_LEAST, np.uint8),
        *(one.reduceat(column, begins)[active] for one, column in (
            (np.maximum, hops), (np.minimum, authority), (np.minimum, strength),
        )),
    )  # fmt: skip


def _exactly(view: View, own: Own, targets: Array, controls: int) -> tuple[Entries, Pairs, Array, Table, Array]:
    """All chains to a few nodes, of every contender by itself."""
    starts, slots = np.unique(
        np.stack([own.start, own.authority.astype(np.int64), own.strength.astype(np.int64)], axis=1),
        axis=0, return_inverse=True,
    )  # fmt: skip
    table: Table | None = None
    toward = view.toward(targets)
    for low in range(0, max(len(starts), 1), _AT_ONCE):
        some = starts[low : low + _AT_ONCE]
        levels = walk(view, some[:, 0], some[:, 1], some[:, 2], toward=toward, targets=targets)
        found = kept(view, some[:, 0], levels, targets)
        table = found if table is None else table + found
    assert table is not None
    of, at, entries = laid(view, table, slots.reshape(-1), own)
    if np.any(itself := (entries.who >= controls) & (entries.target == own.start[of])):
        of, at = of[~itself], at[~itself]
        entries = Entries(*(c[~itself] for c in entries))
    return entries, pairs(entries), of, table, at
