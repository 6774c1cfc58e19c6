"""Every chain from some nodes, level by level: all paths of one length are expanded at once.

A :class:`View` is a release's columns on one day through one filter.  :func:`walk` follows ``docs/semantics.md``:
simple paths of at most ``max_hops`` hops and any number of ``all_of`` part steps; a path ends where its mask has become
all five bits.  Paths of one level stand in the order of their ids, because those they come from do and the steps of a
node do: so a tie between ids is a comparison of two positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property

import numpy as np

from kg.answers.engine.algebra import COMPOSE, Array, distinct
from kg.arrays import ALL_OF, FULL_STRENGTH, HIGHEST, Arrays, kind_of
from kg.relations import ALL, AT_LEAST, AT_MOST, EQUAL, INTERSECTS_WITH, NO_RELATIONSHIP, RELATED

__all__ = ["Level", "Table", "View", "gather", "kept", "walk", "within_at_least"]

_SAYS = np.arange(1, ALL)
#: The kind of a step up to a whole, and those of rows that say something after *related*.
_UP = int(kind_of(AT_MOST, False))
_AFTER_RELATED = int(np.bitwise_or.reduce(kind_of(_SAYS, True)[COMPOSE[RELATED << 5 | _SAYS] != ALL]))


class View:
    """Columns on one day through one filter: which nodes stand, which rows may be steps, what rules out what.

    ``sets`` are numbers of mapping sets, empty for all; ``min_authority`` is a level.
    """

    #: The nodes that are asked about, a flag for each; ``None`` for all (:meth:`about`).
    targets: Array | None = None

    def __init__(
        self,
        arrays: Arrays,
        as_of: date,
        *,
        max_hops: int = 3,
        min_authority: int = 0,
        reviewed_only: bool = False,
        sets: Sequence[int] = (),
    ) -> None:
        self.arrays, self.max_hops = arrays, max_hops
        self.standing: Array = arrays.standing(arrays.texts(as_of))
        self.all_stand = bool(self.standing.all())
        admitted = np.ones(len(arrays.row_mask), bool)
        if min_authority > 0:
            admitted &= arrays.row_authority >= min_authority
        if reviewed_only:
            admitted &= arrays.row_reviewed
        if sets:
            admitted &= np.isin(arrays.row_set, np.array(sets))
        #: The rows that pass the filter; ``None`` where all do.
        self.admitted: Array | None = None if admitted.all() else admitted
        ruling = np.flatnonzero((arrays.row_mask == NO_RELATIONSHIP) & ~arrays.row_syntactic & admitted)
        one, other = arrays.row_subject[ruling].astype(np.int64), arrays.row_object[ruling].astype(np.int64)
        both = self.standing[one] & self.standing[other]
        one, other = one[both], other[both]
        #: Pairs of nodes that rule each other out, as ``one * nodes + other``, both ways, in order.
        pairs = np.concatenate([one * arrays.nodes + other, other * arrays.nodes + one])
        self.enemies: Array = distinct(pairs)[0]
        self.has_enemy: Array = np.zeros(arrays.nodes, bool)
        self.has_enemy[one] = self.has_enemy[other] = True

    def steps(self, nodes: Array, mask: Array, hops: Array) -> tuple[Array, Array, Array]:
        """The steps that paths which have come to ``nodes`` may go on by: for each the path, the edge and whether it is
        a hop, in the order of the paths and then of ids.  Steps that would say nothing because both may be
        ``intersects_with``, and hops beyond the limit, are left out."""
        a, here = self.arrays, nodes.astype(np.int64) * 3
        may_hop = hops < self.max_hops
        every = may_hop & (mask & INTERSECTS_WITH == 0)
        low, high = a.edge_offsets[here], a.edge_offsets[here + 1 + may_hop + every]
        count = high - low
        path = np.repeat(np.arange(len(count)), count)
        edge = np.arange(len(path))
        edge += np.repeat(low - np.cumsum(count) + count, count)
        hop = edge >= np.repeat(a.edge_offsets[here + 1], count)
        if every.any():
            at = np.flatnonzero(np.repeat(every, count))
            edge[at] = a.edge_lex[edge[at]]
        return path, edge, hop

    def usable(self, edge: Array, there: Array, good: Array) -> Array:
        """Of the steps that are ``good`` those that lead to a node that stands, by a row that passes the filter."""
        if not self.all_stand:
            good &= self.standing[there]
        if self.admitted is not None:
            row = self.arrays.edge_row[edge]
            good &= (row < 0) | self.admitted[row]
        return good

    def opposed(self, here: Array, there: Array) -> Array:
        """Which pairs of nodes rule each other out."""
        if not len(self.enemies):
            return np.zeros(np.broadcast(here, there).shape, bool)
        key = here.astype(np.int64) * self.arrays.nodes + there
        at = np.minimum(np.searchsorted(self.enemies, key), len(self.enemies) - 1)
        found: Array = self.enemies[at] == key
        return found

    def toward(self, targets: Array) -> Array:
        """From which nodes one of ``targets`` (a flag for each node) may be reached by so many hops or fewer and any
        number of parts: a row for each number of hops."""
        a = self.arrays
        found = np.empty((self.max_hops + 1, a.nodes), bool)
        reached = targets
        for hops in range(self.max_hops + 1):
            reached, new = reached.copy(), reached.nonzero()[0]
            run = int(hops > 0)
            while len(new):
                # Every step has one the other way.  Rows count for a hop; then parts, until there is nothing new.
                low, high = a.edge_offsets[new * 3 + run], a.edge_offsets[new * 3 + 1 + 2 * run]
                count = high - low
                there = a.edge_to[np.arange(count.sum()) + np.repeat(low - count.cumsum() + count, count)]
                new = distinct(there[~reached[there]])[0].astype(np.int64)
                reached[new] = True
                if run:
                    run, new = 0, reached.nonzero()[0]
            found[hops] = reached
        return found

    def about(self, targets: Array) -> View:
        """The same, asked only about some nodes (a flag for each): whatever leads to none of them may be left out."""
        found = copy(self)
        for name in ("asked", "kinds"):
            found.__dict__.pop(name, None)
        found.targets = targets
        return found

    @cached_property
    def kinds(self) -> Array:
        """``edge_kinds`` without steps up to a whole from which nothing that is asked about can be come to."""
        kinds = self.arrays.edge_kinds
        if self.targets is None:
            return kinds
        # What comes up to a whole says no more than *related* there: after that only some steps say anything.
        onward = self.asked | (kinds & _AFTER_RELATED > 0)
        whole, part = self._all_of
        while True:
            up = np.zeros(len(kinds), bool)
            up[part[onward[whole]]] = True
            if not (up & ~onward).any():
                return kinds & ~np.where(up, 0, _UP).astype(np.uint8)
            onward |= up

    @cached_property
    def asked(self) -> Array:
        """The nodes of which an answer is needed: the targets, and the members of joint nodes."""
        asked = np.ones(self.arrays.nodes, bool) if self.targets is None else self.targets.copy()
        asked[self.arrays.joint_member] = True
        return asked

    @cached_property
    def _all_of(self) -> tuple[Array, Array]:
        """Wholes and parts that stand, of parts that are steps."""
        a = self.arrays
        step = (a.part_kind == ALL_OF) & self.standing[a.part_whole] & self.standing[a.part_part]
        return a.part_whole[step], a.part_part[step]

    def beneath(self, nodes: Array) -> Array:
        """Which nodes stand below some of these along ``all_of`` parts."""
        size, (whole, part) = self.arrays.nodes, self._all_of
        found, reached = np.zeros(size, bool), np.zeros(size, bool)
        reached[nodes] = True
        while len(new := part[reached[whole]]):
            reached = np.zeros(size, bool)
            reached[new] = True
            reached &= ~found
            found |= reached
        return found


@dataclass(frozen=True)
class Level:
    """All paths of one length.  ``slot`` is the number of the start; ``trail`` the nodes of each path, ``edges`` its
    steps (numbers of edges); ``lex`` its place among the paths of its start and length in the order of ids."""

    slot: Array
    mask: Array
    hops: Array
    parts: Array
    authority: Array
    strength: Array
    ruled: Array
    lex: Array
    trail: Array
    edges: Array

    def only(self, targets: Array) -> Level:
        """The paths to some nodes (a flag for each node)."""
        at = targets[self.trail[:, -1]].nonzero()[0]
        return Level(**{field.name: getattr(self, field.name)[at] for field in fields(self)})


def walk(
    view: View, starts: Array, authority: Array | int = HIGHEST, strength: Array | int = FULL_STRENGTH,
    *, only: int = ALL, whole: Array | None = None, toward: Array | None = None, targets: Array | None = None,
) -> Iterator[Level]:  # fmt: skip
    """Every path from each of ``starts`` that says something, the empty one (*equal*) first, level by level.

    ``authority`` and ``strength`` are what a chain has already sunk to before each start.  With ``only``, steps are
    those whose mask lies within it, but for the starts of which ``whole`` says that any will do.  With ``toward``
    (:meth:`View.toward`) only paths are followed that may still come to a target, or are at one.  With ``targets`` (a
    flag for each node) it is told only of paths to these whether they are ruled out.
    """
    a = view.arrays
    slot = np.flatnonzero(view.standing[starts])
    size = len(slot)
    level = Level(
        slot=slot,
        mask=np.full(size, EQUAL, np.uint8),
        hops=np.zeros(size, np.int8),
        parts=np.zeros(size, np.int16),
        authority=np.broadcast_to(np.asarray(authority, np.int8), len(starts))[slot],
        strength=np.broadcast_to(np.asarray(strength, np.int8), len(starts))[slot],
        ruled=np.zeros(size, bool),
        lex=np.zeros(size, np.int64),
        trail=starts[slot].astype(np.int32)[:, None],
        edges=np.empty((size, 0), np.int32),
    )
    first_of = np.zeros(len(starts), np.int64)
    has_enemy = view.has_enemy if targets is None else view.has_enemy & targets
    while len(level.slot):
        yield level
        path, edge, hop = view.steps(level.trail[:, -1], level.mask, level.hops)
        says = a.edge_mask[edge]
        mask = COMPOSE[(level.mask[path].astype(np.int64) << 5) | says]
        there = a.edge_to[edge]
        good = mask != ALL
        if only != ALL:
            within = says & ~np.uint8(only) == 0
            good &= within if whole is None else within | whole[level.slot[path]]
        if toward is not None:
            good &= toward[view.max_hops - (level.hops[path] + hop), there]
        good = np.flatnonzero(view.usable(edge, there, good))
        path, edge, hop, mask, there = path[good], edge[good], hop[good], mask[good], there[good]
        for seen in level.trail.T:
            new = np.flatnonzero(seen[path] != there)
            if len(new) < len(path):
                path, edge, hop, mask, there = path[new], edge[new], hop[new], mask[new], there[new]
        slot = level.slot[path]
        trail = np.concatenate([level.trail[path], there[:, None]], axis=1)
        ruled = np.zeros(len(path), bool)
        if len(view.enemies) and len(doubtful := np.flatnonzero(has_enemy[there])):
            ruled[doubtful] = view.opposed(trail[doubtful, :-1], there[doubtful, None]).any(axis=1)
        position = np.arange(len(path))
        first_of[slot[::-1]] = position[::-1]
        level = Level(
            slot=slot,
            mask=mask,
            hops=level.hops[path] + hop,
            parts=level.parts[path] + ~hop,
            authority=np.minimum(level.authority[path], a.edge_authority[edge]),
            strength=np.minimum(level.strength[path], a.edge_strength[edge]),
            ruled=ruled,
            lex=position - first_of[slot],
            trail=trail,
            edges=np.concatenate([level.edges[path], edge[:, None].astype(np.int32)], axis=1),
        )


@dataclass(frozen=True)
class Table:
    """The chains that matter from some starts, by start and then by target.

    Per start, target, mask and ruledness it holds the chain that would be shown and the one that would decide a
    dispute.  ``offsets`` says where each start's begin; ``path`` holds the edges of each, padded with -1.
    """

    starts: Array
    offsets: Array
    target: Array
    mask: Array
    ruled: Array
    hops: Array
    parts: Array
    authority: Array
    strength: Array
    lex: Array
    path: Array

    def __add__(self, other: Table) -> Table:
        width = max(self.path.shape[1], other.path.shape[1])
        wide = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=-1) for p in (self.path, other.path)]
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("starts", "target", "mask", "ruled", "hops", "parts", "authority", "strength", "lex")
        }
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return Table(offsets=offsets, path=np.concatenate(wide), **both)


def kept(view: View, starts: Array, levels: Iterator[Level], targets: Array | None = None) -> Table:
    """Of all paths, or of those to some ``targets`` (a flag for each node), those that can be shown or can decide."""
    found = list(levels) if targets is None else [level.only(targets) for level in levels]
    if not found:
        none = np.empty(0, np.int64)
        columns = dict.fromkeys(("target", "mask", "ruled", "hops", "parts", "authority", "strength", "lex"), none)
        path = np.empty((0, 0), np.int32)
        return Table(starts, np.zeros(len(starts) + 1, np.int64), path=path, **columns)

    def column(name: str) -> Array:
        return np.concatenate([getattr(level, name) for level in found])

    slot, mask, ruled = column("slot"), column("mask"), column("ruled")
    hops, parts, lex = column("hops"), column("parts"), column("lex")
    authority, strength = column("authority"), column("strength")
    target = np.concatenate([level.trail[:, -1] for level in found])
    group = ((slot * view.arrays.nodes + target) * 32 + mask) * 2 + ruled
    far, length, high, strong = (
        hops.astype(np.int64), parts.astype(np.int64), HIGHEST - authority.astype(np.int64),
        127 - strength.astype(np.int64),
    )  # fmt: skip
    rank = (((far << 10 | length) << 3 | high) << 7 | strong) << 32 | lex
    decisive = (((far << 3 | high) << 10 | length) << 7 | strong) << 32 | lex
    order = np.lexsort((rank, group))
    group = group[order]
    new = np.ones(len(group), bool)
    new[1:] = group[1:] != group[:-1]
    first = np.flatnonzero(new)
    decisive = decisive[order]
    best = np.minimum.reduceat(decisive, first)
    new |= decisive == np.repeat(best, np.diff(np.append(first, len(group))))
    chosen = order[new]
    sizes = np.array([len(level.slot) for level in found])
    begins = np.cumsum(sizes) - sizes
    path = np.full((len(chosen), len(found) - 1), -1, np.int32)
    depth = np.searchsorted(begins, chosen, "right") - 1
    for d, level in enumerate(found):
        at = np.flatnonzero(depth == d)
        path[at, :d] = level.edges[chosen[at] - begins[d]]
    offsets = np.searchsorted(slot[chosen], np.arange(len(starts) + 1))
    return Table(
        starts, offsets, target[chosen], mask[chosen], ruled[chosen], hops[chosen], parts[chosen],
        authority[chosen], strength[chosen], lex[chosen], path,
    )  # fmt: skip


def gather(table: Table, slots: Array) -> tuple[Array, Array]:
    """All rows of a table that belong to some starts: the place of each in ``slots``, and the row."""
    low = table.offsets[slots]
    count = table.offsets[slots + 1] - low
    who = np.repeat(np.arange(len(slots)), count)
    at: Array = np.arange(len(who)) + np.repeat(low - np.cumsum(count) + count, count)
    return who, at


def within_at_least(view: View) -> tuple[Array, Array, Array]:
    """The steps that say *contains*: from where, to where, and whether each is a hop."""
    a = view.arrays
    at = np.repeat(np.arange(a.nodes, dtype=np.int32), np.diff(a.edge_offsets[::3]))
    good = (a.edge_mask & ~np.uint8(AT_LEAST)) == 0
    if not view.all_stand:
        good &= view.standing[at] & view.standing[a.edge_to]
    if view.admitted is not None:
        good &= (a.edge_row < 0) | view.admitted[a.edge_row]
    return at[good], a.edge_to[good], a.edge_row[good] >= 0
