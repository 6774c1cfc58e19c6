"""Strict chains: those that lack ``intersects_with``, and so may contradict another chain of their pair.

Every step of such a chain is ``equal``, ``superset_of`` or both (*down*), or every step ``equal``, ``subset_of`` or
both (*up*): they are few, and all of them are held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kg.answers.engine.algebra import COMPOSE, Array, rank_of
from kg.answers.engine.walk import View
from kg.arrays import FULL_STRENGTH, HIGHEST
from kg.relations import ALL, AT_LEAST, EQUAL, INTERSECTS_WITH

__all__ = ["Down", "Intersecting", "interrupted", "ranges"]

_PAIRS_AT_ONCE = 1 << 13


class _Level(NamedTuple):
    """Chains of one length, by start and then in the order of ids: nodes passed, edges taken."""

    mask: Array
    hops: Array
    authority: Array
    strength: Array
    trail: Array
    edges: Array


class Down:
    """All simple chains of steps down from every node, and where those of a node and to a node stand."""

    def __init__(self, view: View) -> None:
        self.view, self.nodes = view, view.arrays.nodes
        self.levels = list(_downwards(view))

        def column(name: str) -> Array:
            return np.concatenate([getattr(level, name) for level in self.levels])

        self.mask, self.hops = column("mask"), column("hops")
        self.authority, self.strength = column("authority"), column("strength")
        self.start = np.concatenate([level.trail[:, 0] for level in self.levels]).astype(np.int64)
        self.end = np.concatenate([level.trail[:, -1] for level in self.levels]).astype(np.int64)
        sizes = [len(level.mask) for level in self.levels]
        self.begins = np.cumsum([0, *sizes])
        self.parts = np.repeat(np.arange(len(sizes)), sizes) - self.hops
        self.rank = rank_of(self.hops, self.parts, self.authority, self.strength)
        self.from_, self.from_offsets = self._by(self.start)
        self.to, self.to_offsets = self._by(self.end)
        #: The other ends, in these orders.
        self.ends, self.starts = self.end[self.from_], self.start[self.to]
        key = self.start * self.nodes + self.end
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        self.pairs = key[order][first]
        self.said = np.bitwise_and.reduceat(self.mask[order], first) if len(first) else self.mask

    def _by(self, node: Array) -> tuple[Array, Array]:
        """Chains by a node of theirs and then by hops, and where those of each node and number of hops begin."""
        key = node * 4 + self.hops
        offsets = np.zeros(4 * self.nodes + 1, np.int64)
        np.cumsum(np.bincount(key, minlength=4 * self.nodes), out=offsets[1:])
        return np.argsort(key, kind="stable"), offsets

    def strictly(self, one: Array, other: Array) -> Array:
        """What all chains down from one to the other say together; all five bits where there is none."""
        key = one * self.nodes + other
        at = np.minimum(np.searchsorted(self.pairs, key), len(self.pairs) - 1)
        return np.where(self.pairs[at] == key, self.said[at], np.uint8(ALL))

    def rows(self, chains: Array) -> Array:
        """The rows of some chains, padded with -1."""
        found = np.full((len(chains), max(len(self.levels) - 1, 1)), -1, np.int32)
        depth = np.searchsorted(self.begins, chains, "right") - 1
        for d, level in enumerate(self.levels):
            at = np.flatnonzero(depth == d)
            if d and len(at):
                found[at, :d] = self.view.arrays.edge_row[level.edges[chains[at] - self.begins[d]]]
        return found

    def apart(self, one: Array, other: Array) -> Array:
        """Which pairs of chains have no node in common."""
        trails = []
        for chains in (one, other):
            trail = np.full((len(chains), len(self.levels)), -1, np.int32)
            depth = np.searchsorted(self.begins, chains, "right") - 1
            for d, level in enumerate(self.levels):
                at = np.flatnonzero(depth == d)
                trail[at, : d + 1] = level.trail[chains[at] - self.begins[d]]
            trails.append(trail)
        found = np.ones(len(one), bool)
        for column in trails[0].T:
            found &= ~((trails[1] == column[:, None]) & (column >= 0)[:, None]).any(axis=1)
        return found


def _downwards(view: View) -> Iterator[_Level]:
    """Of every node that stands the empty chain, and then all of each length."""
    a = view.arrays
    at = np.repeat(np.arange(a.nodes), np.diff(a.edge_offsets[::3]))
    edge = np.flatnonzero(view.standing[at] & (a.edge_mask & ~np.uint8(AT_LEAST) == 0))
    # None of these may be an overlap, so the steps of each node stand in the order of ids.
    edge = edge[view.usable(edge, a.edge_to[edge], np.ones(len(edge), bool))]
    offsets = np.searchsorted(at[edge], np.arange(a.nodes + 1))
    here = np.flatnonzero(view.standing)
    size = len(here)
    level = _Level(
        np.full(size, EQUAL, np.uint8), np.zeros(size, np.int8), np.full(size, HIGHEST, np.int8),
        np.full(size, FULL_STRENGTH, np.int8), here.astype(np.int32)[:, None], np.empty((size, 0), np.int32),
    )  # fmt: skip
    while len(level.mask):
        yield level
        last = level.trail[:, -1]
        path, place = ranges(offsets[last], offsets[last + 1])
        step = edge[place]
        there = a.edge_to[step]
        hops = level.hops[path] + (a.edge_row[step] >= 0)
        good = hops <= view.max_hops
        for seen in level.trail.T:
            good &= seen[path] != there
        path, step, there, hops = path[good], step[good], there[good], hops[good]
        level = _Level(
            COMPOSE[level.mask[path].astype(np.int64) << 5 | a.edge_mask[step]],
            hops.astype(np.int8),
            np.minimum(level.authority[path], a.edge_authority[step]),
            np.minimum(level.strength[path], a.edge_strength[step]),
            np.concatenate([level.trail[path], there[:, None]], axis=1),
            np.concatenate([level.edges[path], step[:, None].astype(np.int32)], axis=1),
        )


class Intersecting:
    """The pairs of nodes of which a usable row says that they intersect."""

    def __init__(self, view: View) -> None:
        a = view.arrays
        at = np.repeat(np.arange(a.nodes), np.diff(a.edge_offsets[::3]))
        edge = np.arange(len(at))
        good = view.usable(edge, a.edge_to, (a.edge_mask == INTERSECTS_WITH) & view.standing[at])
        self.nodes = a.nodes
        self.keys = np.sort(at[good] * a.nodes + a.edge_to[good])
        bits = max(10, min(24, len(self.keys).bit_length() + 5))
        self._shift = np.uint64(64 - bits)
        self._maybe = np.zeros(1 << bits, bool)
        self._maybe[self._slot(self.keys)] = True

    def _slot(self, key: Array) -> Array:
        mixed = key.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed >>= self._shift
        return mixed.view(np.int64)

    def among(self, key: Array) -> Array:
        """The places of the keys ``one * nodes + other`` that are such pairs."""
        at = np.flatnonzero(self._maybe.take(self._slot(key)))
        if len(at):
            place = np.minimum(np.searchsorted(self.keys, key[at]), len(self.keys) - 1)
            at = at[self.keys[place] == key[at]]
        return at


def ranges(low: Array, high: Array) -> tuple[Array, Array]:
    """Of each range its number, again and again, and the places in it."""
    count = high - low
    who = np.repeat(np.arange(len(count)), count)
    at: Array = np.arange(len(who)) + np.repeat(low - np.cumsum(count) + count, count)
    return who, at


def interrupted(down: Down, overlaps: Intersecting, start: Array, end: Array, *, upwards: bool) -> Array:
    """Of which pairs a simple chain leads from start to end by one ``intersects_with`` and, before and behind it, steps
    up alone (or down alone)."""
    found = np.zeros(len(start), bool)
    if not len(overlaps.keys):
        return found
    last = down.view.max_hops - 1
    # Going up from a node is coming down to it.
    downwards, up = (down.from_, down.from_offsets, down.ends), (down.to, down.to_offsets, down.starts)
    (ahead, begins, reached), (behind, stops, left) = (up, downwards) if upwards else (downwards, up)
    for low in range(0, len(start), _PAIRS_AT_ONCE):
        s, e = start[low : low + _PAIRS_AT_ONCE], end[low : low + _PAIRS_AT_ONCE]
        for h in range(last + 1):
            who, one = ranges(begins[4 * s + h], begins[4 * s + h + 1])
            there = 4 * e[who]
            first, count = stops[there], stops[there + 1 + last - h] - stops[there]
            ends = np.cumsum(count)
            other = np.arange(int(count.sum()))
            other += np.repeat(first - ends + count, count)
            key = np.repeat(reached[one] * down.nodes, count)
            key += left.take(other)
            hit = overlaps.among(key)
            if len(hit):
                pair = np.searchsorted(ends, hit, "right")
                some = ~found[low + who[pair]]
                hit, pair = hit[some], pair[some]
                apart = down.apart(ahead[one[pair]], behind[other[hit]])
                found[low + who[pair[apart]]] = True
    return found
