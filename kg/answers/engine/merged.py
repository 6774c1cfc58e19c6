"""The walk of many contenders together, where nothing is lost by it.

A mask that holds ``superset_of`` holds it after every composition.  So the chains of a contender whose first steps all
hold it never contradict each other, and what they say together is no better than the best of them; and a walk that
comes to a node twice says no more than the simple path inside it (the tests try all masks).  For such contenders the
best chain to each node is therefore the least of all walks of all contenders, and they may be walked as one: a *label*
is a way to a node with a mask, and of two labels at one node with one mask that with more hops is never needed, nor of
two equally long ones that whose authority, strength and ids are all no better.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kg.answers.engine.algebra import COMPOSE, OUTCOME, Array, rank_of
from kg.answers.engine.walk import View
from kg.relations import ALL, Outcome

__all__ = ["Labels", "best_of", "merged"]

#: A mask that holds ``superset_of`` as a number below 16.
_SHORT = np.array([(m & 3) | (m >> 1 & 12) for m in range(32)], np.uint8)
#: A node's word has a bit for each such mask and number of hops: nothing that says no more and takes no fewer hops is
#: needed there any longer.
_KNOWN = np.array(
    [
        sum(1 << (wider << 2 | more) for wider in range(16) if not s & ~wider for more in range(hops, 4))
        for s in range(16)
        for hops in range(4)
    ],
    np.uint64,
)


_BIT = np.array([1 << code for code in range(64)], np.uint64)


class Labels(NamedTuple):
    """Ways to nodes, shortest first and those of one length in the order of ids.  ``who`` is the first step each comes
    from, ``before`` the label it goes on from by ``edge`` (-1 for a first step)."""

    node: Array
    mask: Array
    hops: Array
    parts: Array
    authority: Array
    strength: Array
    who: Array
    before: Array
    edge: Array


def merged(view: View, first: Labels) -> Labels:
    """All labels that can be the best of anything.  ``first`` are the first steps in the order of ids; one that has
    used up hops already is taken up when it is their turn."""
    a = view.arrays
    seen = _Seen(a.nodes)
    found: list[Labels] = []
    begin = length = 0
    turn = first.hops.astype(np.int64) + first.parts
    last = int(turn.max(initial=-1))
    level = seen.undominated(_some(first, turn == 0))
    while len(level.node) or length < last:
        seen.add(level)
        found.append(level)
        path, edge, hop = view.steps(level.node, level.mask, level.hops)
        mask = COMPOSE[(level.mask.astype(np.intp) << 5)[path] | a.edge_mask[edge]]
        if len(good := np.flatnonzero(mask != ALL)) < len(mask):
            path, edge, hop, mask = path[good], edge[good], hop[good], mask[good]
        there = a.edge_to[edge].astype(np.intp)
        hops = level.hops[path] + hop
        good = np.flatnonzero(view.usable(edge, there, seen.lacks(there, mask, hops)))
        if len(good) < len(mask):
            path, edge, there, mask, hops = path[good], edge[good], there[good], mask[good], hops[good]
        length += 1
        after = Labels(
            there, mask, hops, (length - hops).astype(np.int16),
            np.minimum(level.authority[path], a.edge_authority[edge]),
            np.minimum(level.strength[path], a.edge_strength[edge]),
            level.who[path], path + begin, edge,
        )  # fmt: skip
        begin += len(level.node)
        if length <= last:
            more = _some(first, turn == length)
            more = _some(more, seen.lacks(more.node, more.mask, more.hops))
            # Ids begin with the contender, which is in the order of the first steps.
            after = Labels(*map(np.concatenate, zip(after, more, strict=True)))
            after = _some(after, np.argsort(after.who, kind="stable"))
        level = seen.undominated(after)
    return Labels(*map(np.concatenate, zip(*found, strict=True))) if found else level


def _some(labels: Labels, which: Array) -> Labels:
    return Labels(*(column[which] for column in labels))


class _Seen:
    """What is known already of every node."""

    def __init__(self, nodes: int) -> None:
        self.words = np.zeros(nodes, np.uint64)
        self.slots = np.empty(nodes * 16, np.int32)

    def lacks(self, node: Array, mask: Array, hops: Array) -> Array:
        """Which labels no shorter one makes needless."""
        found: Array = (self.words[node] & _BIT[_SHORT[mask] << 2 | hops.astype(np.uint8)]) == 0
        return found

    def add(self, level: Labels) -> None:
        """Take up the labels of one length."""
        code = _SHORT[level.mask] << 2 | level.hops.astype(np.uint8)
        for each in np.flatnonzero(np.bincount(code, minlength=64)).tolist():
            self.words[level.node[code == each]] |= _KNOWN[each]

    def undominated(self, level: Labels) -> Labels:
        """Of the labels of one length, which stand in the order of ids, those that may be needed, in the same order."""
        size = len(level.node)
        if not size:
            return level
        state = level.node << 4 | _SHORT[level.mask]
        place = np.arange(size, dtype=np.int32)
        self.slots[state[::-1]] = place[::-1]
        first = self.slots[state]
        good = first == place
        # The first of a state has the least ids; a later one must have something to say for itself.
        later = np.flatnonzero(~good)
        if not len(later):
            return level
        head = first[later]
        fewer = level.hops[later] - level.hops[head]
        high, strong = level.authority[later] > level.authority[head], level.strength[later] > level.strength[head]
        later = later[(fewer < 0) | ((fewer == 0) & (high | strong))]
        if len(later):
            asked = np.zeros(size, bool)
            asked[later] = asked[first[later]] = True
            some = np.flatnonzero(asked)
            good[some] = _front(state[some], level.hops[some], level.authority[some], level.strength[some])
        return _some(level, np.flatnonzero(good))


def _front(state: Array, hops: Array, authority: Array, strength: Array) -> Array:
    """Which labels, in the order of ids, no other of their state makes needless: one with fewer hops, or an earlier one
    of no less authority and strength."""
    size = len(state)
    bits = size.bit_length()
    key = (state.astype(np.int64) << 2 | hops) << bits | np.arange(size)
    key.sort()
    at = key & ((1 << bits) - 1)
    group = np.cumsum(np.diff(key >> (bits + 2), prepend=-1) != 0) - 1
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    authority, strength = authority[at], strength[at].astype(np.int64) + 1
    good = hops[at] == hops[at[begins]][group]
    base = group * 128
    for high in np.flatnonzero(np.bincount(authority, minlength=5)).tolist():
        # The most strength of so much authority before each label of its group.
        best = np.maximum.accumulate(np.where((authority >= high) & good, strength, 0) + base)
        mine = np.flatnonzero(authority[1:] == high) + 1
        good[mine] &= best[mine - 1] - base[mine] < strength[mine]
    found = np.empty(size, bool)
    found[at] = good
    return found


def _rank(labels: Labels) -> Array:
    """What the label to show is chosen by before ids, smallest first: the outcome, then the rank."""
    far = (Outcome.CONTAINS - OUTCOME[labels.mask].astype(np.int64)) << 26
    return (far | rank_of(labels.hops, labels.parts, labels.authority, labels.strength)).astype(np.int64)


def best_of(labels: Labels, nodes: int, among: Array | None = None) -> tuple[Array, Array]:
    """Of each node the label to show, or -1, and what it was chosen by: the best outcome, then the rank, then the
    ids."""
    never = np.iinfo(np.int64).max
    found = np.full(nodes, never)
    key = _rank(labels) << 30 | np.arange(len(labels.node))
    node = labels.node
    if among is not None:
        key, node = key[among], node[among]
    np.minimum.at(found, node, key)
    return np.where(found < never, found & (1 << 30) - 1, -1), found >> 30
