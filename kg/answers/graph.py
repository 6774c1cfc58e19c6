"""The graph a question is asked of, and every chain that starts at one node.

A :class:`Graph` is a release seen at one date through one filter (minimum authority, reviewed only, sets).  From
each node :mod:`kg.answers.engine` walks all simple paths of at most three hops and any number of ``all_of`` part steps,
as ``docs/semantics.md`` has them, and keeps per target and mask the chains that can decide or be shown.  A walk is made
once per release, filter and start and shared by all organisations, because what an organisation adds (its own row)
only composes in front.  Objects are made of the chains that somebody looks at.

A chain whose mask has become all five bits never says anything again (the full mask absorbs), so a walk ends there;
that is what keeps walks short: a second overlap always ends one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from threading import Lock
from typing import NamedTuple

import numpy as np

from kg.answers.engine.algebra import Array, Entries, Pairs, pairs, rank_of
from kg.answers.engine.walk import Level, Table, View, gather, kept, walk, within_at_least
from kg.answers.filter import Filter
from kg.arrays import FULL_STRENGTH, HIGHEST, PROVISION
from kg.compiled.derived import COVERS
from kg.model import Provision
from kg.relations import Evidence, Outcome
from kg.release import Release

__all__ = ["Chain", "Graph", "Step", "graph_of", "ids_of"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain, read *subject relation object*: a row (``row`` is its id), a part, or what an
    organisation says of its own control (neither)."""

    subject: str
    mask: int
    object: str
    row: str = ""
    part: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """One path from a control to a target with everything it is ranked by.

    ``authority`` and ``strength`` are the lowest of its shipped rows (4 and 10 where it has none); ``ruled`` says that
    it passes a node which some row declares to have nothing to do with the target.
    """

    mask: int
    hops: int
    parts: int
    authority: int
    strength: int
    ids: tuple[str, ...]
    steps: tuple[Step, ...]
    ruled: bool

    @property
    def rank(self) -> tuple[object, ...]:
        """Which chain is shown: fewest hops, fewest part steps, higher minimum authority, higher minimum strength,
        then the ids along the way."""
        return (self.hops, self.parts, -self.authority, -self.strength, self.ids)

    @property
    def evidence(self) -> Evidence:
        """What the chain contributes to the judgement."""
        return Evidence(self.mask, self.hops, self.authority, self.ruled)


#: The most steps of shown chains that a release keeps to give again: those of a graph of today's size and more.
MAX_STEPS = 50_000


class Related(NamedTuple):
    """Some starts: the chains from them, and what these say together.  ``who`` of a pair is a start of the table, and
    ``shown`` a row of it."""

    table: Table
    pairs: Pairs


class Graph:
    """A release at one date through one filter; see the module."""

    def __init__(self, release: Release, as_of: date, filter_: Filter) -> None:
        self.release = release
        self.as_of = as_of
        self.filter = filter_
        self.arrays = release.arrays
        sets = [self.arrays.set_ids.index(s) for s in filter_.sets if s in release.sets]
        self.view = View(
            self.arrays,
            as_of,
            max_hops=filter_.max_hops,
            min_authority=filter_.min_authority.level,
            reviewed_only=filter_.reviewed_only,
            sets=sets or ([-1] if filter_.sets else []),
        )
        self._lock = Lock()
        # What nodes and steps are called hangs on no date and no filter: all graphs of the release know it together.
        self._names: dict[int, str] = release.cache("names of nodes", dict)
        self._steps: dict[int, Step] = release.cache("steps of edges", dict)
        self._slots: dict[tuple[int, int, int], int] = {}
        self._table: Table | None = None

    def exists(self, node: str) -> bool:
        """Whether ``node`` stands in the text in force."""
        number = self.arrays.node(node)
        return number >= 0 and bool(self.view.standing[number])

    def table(self, starts: Sequence[tuple[int, int, int]]) -> tuple[Table, Array]:
        """A table of the chains from each of these (node, authority, strength) and where each start stands in it.

        The authority and strength are what a chain has already sunk to before its start (a joint node's members).  A
        start is walked once and kept; an index into a table holds in every later one.
        """
        with self._lock:
            missing = sorted({s for s in starts if s not in self._slots})
            for low in range(0, len(missing), self._at_once):
                some = missing[low : low + self._at_once]
                columns = np.array(some, np.int64)
                found = kept(self.view, columns[:, 0], self._walk(columns))
                number = len(self._slots)
                self._table = found if self._table is None else self._table + found
                self._slots |= {s: number + i for i, s in enumerate(some)}
            if self._table is None:
                self._table = kept(self.view, np.empty(0, np.int64), iter(()))
            return self._table, np.array([self._slots[s] for s in starts], np.int64)

    def _walk(self, starts: Array) -> Iterator[Level]:
        """The paths from each (node, authority, strength)."""
        return walk(self.view, starts[:, 0], starts[:, 1], starts[:, 2])

    def relations(self, starts: Sequence[int], *, prefer_clean: bool = True) -> Iterator[Related]:
        """What each of these nodes, taken alone as the start, is to every node it reaches, some starts at a time.
        Nothing is kept: these may be all nodes of a large graph."""
        at_once = self._at_once
        for low in range(0, len(starts), at_once):
            some = np.array(starts[low : low + at_once], np.int64)
            table = kept(self.view, some, walk(self.view, some))
            who, _ = gather(table, np.arange(len(some)))
            rank = rank_of(table.hops, table.parts, table.authority, table.strength)
            entries = Entries(
                who, table.target, table.mask, table.ruled, table.hops, table.authority, rank, table.lex
            )  # fmt: skip
            yield Related(table, pairs(entries, prefer_clean=prefer_clean))

    @property
    def _at_once(self) -> int:
        """How many starts are walked at once: what is held meanwhile must have an end."""
        return 512 if len(self.arrays.edge_to) < 100_000 else 32

    def steps(self, start: int, edges: Iterable[int]) -> tuple[Step, ...]:
        """The steps of a path."""
        found: list[Step] = []
        here, known, a = self.name(start), self._steps, self.arrays
        for e in edges:
            if e < 0:
                break
            step = known.get(e)
            if step is None:
                row, there = int(a.edge_row[e]), self.name(int(a.edge_to[e]))
                step = Step(here, int(a.edge_mask[e]), there, "" if row < 0 else a.row_ids[row], row < 0)
                if len(known) < MAX_STEPS:
                    known[e] = step
            found.append(step)
            here = step.object
        return tuple(found)

    def name(self, node: int) -> str:
        """The id of a node."""
        found = self._names.get(node)
        if found is None:
            found = self._names[node] = self.arrays.node_ids[node]
        return found

    def chain(self, table: Table, i: int) -> Chain:
        """A row of a table as a chain."""
        start = int(table.starts[np.searchsorted(table.offsets, i, "right") - 1])
        steps = self.steps(start, table.path[i].tolist())
        return Chain(
            int(table.mask[i]), int(table.hops[i]), int(table.parts[i]), int(table.authority[i]),
            int(table.strength[i]), ids_of(self.name(start), steps), steps, bool(table.ruled[i]),
        )  # fmt: skip

    def reach(self, start: str) -> dict[str, list[Chain]]:
        """Target → the chains from ``start`` that matter, ``start`` itself included (an empty chain, *equal*)."""
        number = self.arrays.node(start)
        found: dict[str, list[Chain]] = {}
        if number >= 0:
            table, [slot] = self.table([(number, HIGHEST, FULL_STRENGTH)])
            for i in range(table.offsets[slot], table.offsets[slot + 1]):
                found.setdefault(self.name(table.target[i]), []).append(self.chain(table, i))
        return found

    def walk(self, start: str) -> Iterator[tuple[str, Chain]]:
        """Every simple path from ``start`` that still says something, as (target, chain), unordered."""
        number = self.arrays.node(start)
        if number < 0:
            return
        for level in walk(self.view, np.array([number])):
            for i in range(len(level.slot)):
                steps = self.steps(number, level.edges[i].tolist())
                chain = Chain(
                    int(level.mask[i]), int(level.hops[i]), int(level.parts[i]), int(level.authority[i]),
                    int(level.strength[i]), ids_of(start, steps), steps, bool(level.ruled[i]),
                )  # fmt: skip
                yield self.name(level.trail[i, -1]), chain

    @cached_property
    def ruled(self) -> dict[str, frozenset[str]]:
        """Node → the nodes that it is ruled out for."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for key in self.view.enemies.tolist():
            one, other = divmod(key, self.arrays.nodes)
            found[self.name(one)].add(self.name(other))
        return {node: frozenset(others) for node, others in found.items()}

    @cached_property
    def inside(self) -> dict[str, list[tuple[str, bool]]]:
        """Node → the nodes that a step {equal, superset_of} leads to, and whether it is a hop."""
        found: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
        for here, there, hop in zip(*(c.tolist() for c in within_at_least(self.view)), strict=True):
            found[self.name(here)].append((self.name(there), hop))
        return dict(found)

    @cached_property
    def coverable(self) -> dict[str, tuple[str, ...]]:
        """Provision → the reference controls and joint nodes that contain or overlap it within the hop limit.  What
        is not here is our blind spot: no shipped control can cover it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        names = [*self.arrays.node_ids]
        for start, target in zip(*(column.tolist() for column in self._covers), strict=True):
            found[names[target]].append(names[start])
        return {target: tuple(starts) for target, starts in found.items()}

    @cached_property
    def is_coverable(self) -> Array:
        """The same of every node, as a column."""
        found = np.zeros(self.arrays.nodes, bool)
        found[self._covers[1]] = True
        return found

    @cached_property
    def _covers(self) -> tuple[Array, Array]:
        """The same as :meth:`covers`; a build knows it for the texts that are asked for."""
        build = self.release.build
        if build is None or self.filter != Filter():
            return self.covers()
        texts, offsets, starts, targets = self.release.cache("covers", lambda: [*map(build.columns.get, COVERS)])
        if texts is None:  # a build without columns
            return self.covers()
        for state in np.flatnonzero((texts == self.arrays.texts(self.as_of)).all(axis=1)).tolist():
            return starts[offsets[state] : offsets[state + 1]], targets[offsets[state] : offsets[state + 1]]
        return self.covers()

    def covers(self) -> tuple[Array, Array]:
        """The reference controls and joint nodes, and beside each a provision that it contains or overlaps."""
        starts, targets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        ids = (*self.release.controls, *self.release.joints)
        for table, related in self.relations([self.arrays.node(id_) for id_ in ids]):
            good = (related.outcome >= Outcome.OVERLAPS) & (self.arrays.node_kind[related.target] == PROVISION)
            starts.append(table.starts[related.who[good]])
            targets.append(related.target[good])
        return np.concatenate(starts), np.concatenate(targets)

    def requirements(self, framework: str) -> tuple[Provision, ...]:
        """The framework's requirements in the text in force."""
        return self.release.requirements(framework, self.as_of)


def ids_of(start: str, steps: Iterable[Step]) -> tuple[str, ...]:
    """What ties between chains are decided by: the start, then of each step its row and the node reached."""
    return (start, *(i for s in steps for i in (s.row, s.object)))


#: How many graphs one release keeps: a request may choose its filter freely, so the number must have an end.
MAX_GRAPHS = 16
_LOCK = Lock()


def graph_of(release: Release, as_of: date, filter_: Filter) -> Graph:
    """The graph of a release at a date through a filter; the last :data:`MAX_GRAPHS` are kept with the release."""
    texts = tuple(release.text_in_force(f, as_of) for f in release.frameworks)
    kept: dict[object, Graph] = release.cache("graphs", dict)
    key = (texts, filter_)
    with _LOCK:
        graph = kept.pop(key, None) or Graph(release, as_of, filter_)
        kept[key] = graph
        while len(kept) > MAX_GRAPHS:
            del kept[next(iter(kept))]
    return graph
