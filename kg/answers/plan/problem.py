"""The plan as a set-covering problem with joint nodes: plain integers, no graph.

A *row* is one thing to be covered: a requirement for one unit.  An *action* covers rows directly; a *way* (a joint
node at one level of hops) covers its rows once each of its *clauses*, one a member, holds an action.  A *group* is a
requirement: closed when all its rows are covered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

__all__ = ["Problem", "State", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """A joint node that acts once every clause holds a chosen action.  ``joint`` is its id."""

    joint: str
    clauses: tuple[frozenset[int], ...]
    rows: frozenset[int]


@dataclass(frozen=True, slots=True)
class Problem:
    """``direct[row]`` are the actions that cover the row by themselves, ``group[row]`` the requirement it belongs to,
    ``cost[action]`` what the action costs (to a millionth), ``weight[group]`` what closing the requirement is worth (a
    whole number)."""

    cost: tuple[float, ...]
    direct: tuple[frozenset[int], ...]
    ways: tuple[Way, ...]
    group: tuple[int, ...]
    weight: tuple[float, ...]

    @property
    def actions(self) -> int:
        """How many actions there are."""
        return len(self.cost)

    def price(self, chosen: Iterable[int]) -> float:
        """What these actions cost together."""
        return sum(self.cost[a] for a in sorted(chosen))

    def covered(self, chosen: Collection[int]) -> frozenset[int]:
        """The rows that these actions cover."""
        have = frozenset(chosen)
        found = {row for row, actions in enumerate(self.direct) if not actions.isdisjoint(have)}
        for way in self.ways:
            if not any(clause.isdisjoint(have) for clause in way.clauses):
                found |= way.rows
        return frozenset(found)

    def closed(self, rows: Collection[int]) -> frozenset[int]:
        """The groups all of whose rows are among ``rows``."""
        left = {g for row, g in enumerate(self.group) if row not in rows}
        return frozenset(set(self.group) - left)


@dataclass(slots=True)
class State:
    """A problem while actions are taken one after another: what the next one would newly cover is kept up to date,
    and only what the last one touched is counted again."""

    problem: Problem
    taken: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)
    _rows: dict[int, set[int]] = field(default_factory=dict)
    _missing: list[set[int]] = field(default_factory=list)
    _ways_of: dict[int, set[int]] = field(default_factory=dict)
    _ways_over: dict[int, set[int]] = field(default_factory=dict)
    _siblings: dict[int, set[int]] = field(default_factory=dict)
    _alike: float | None = None
    _gain: dict[int, tuple[float, int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> State:
        """Nothing taken yet."""
        rows: defaultdict[int, set[int]] = defaultdict(set)
        ways_of: defaultdict[int, set[int]] = defaultdict(set)
        ways_over: defaultdict[int, set[int]] = defaultdict(set)
        siblings: defaultdict[int, set[int]] = defaultdict(set)
        for row, actions in enumerate(problem.direct):
            siblings[problem.group[row]].add(row)
            for a in actions:
                rows[a].add(row)
        for w, way in enumerate(problem.ways):
            for row in way.rows:
                ways_over[row].add(w)
            for clause in way.clauses:
                for a in clause:
                    ways_of[a].add(w)
        # Most often every requirement is one row and worth the same: then rows may be counted for requirements.
        alike = len(siblings) == len(problem.group) and len(set(problem.weight)) == 1
        return cls(
            problem,
            set(),
            set(range(len(problem.direct))),
            dict(rows),
            [set(range(len(w.clauses))) for w in problem.ways],
            dict(ways_of),
            dict(ways_over),
            dict(siblings),
            problem.weight[0] if alike else None,
        )

    def adds(self, action: int) -> set[int]:
        """The open rows that ``action`` would cover now."""
        found = self._rows.get(action, set()) & self.open
        for w in self._ways_of.get(action, ()):
            way = self.problem.ways[w]
            if self._missing[w] and all(action in way.clauses[c] for c in self._missing[w]):
                found |= way.rows & self.open
        return found

    def gain(self, action: int) -> tuple[float, int, int]:
        """What taking ``action`` gives now: weight of the requirements closed, their number, rows covered."""
        found = self._gain.get(action)
        if found is None:
            rows = self.adds(action)
            if self._alike is not None:
                found = (self._alike * len(rows), len(rows), len(rows))
            else:
                closed = [g for g in {self.problem.group[r] for r in rows} if self._siblings[g] & self.open <= rows]
                found = (sum(self.problem.weight[g] for g in sorted(closed)), len(closed), len(rows))
            self._gain[action] = found
        return found

    def take(self, action: int) -> tuple[set[int], set[str]]:
        """Take an action.  Returns the rows it covers and the joint nodes it completes."""
        before = {w for w in self._ways_of.get(action, ()) if self._missing[w]}
        rows = self.adds(action)
        self.taken.add(action)
        self.open -= rows
        joints = set()
        dirty = {action}
        for w in before:
            way = self.problem.ways[w]
            self._missing[w] = {c for c in self._missing[w] if action not in way.clauses[c]}
            if not self._missing[w]:
                joints.add(way.joint)
            for c in self._missing[w]:
                dirty |= way.clauses[c]
        touched = rows if self._alike is not None else {s for r in rows for s in self._siblings[self.problem.group[r]]}
        for row in touched:
            dirty |= self.problem.direct[row]
            for w in self._ways_over.get(row, ()):
                for clause in self.problem.ways[w].clauses:
                    dirty |= clause
        for a in dirty:
            self._gain.pop(a, None)
        return rows, joints

    def towards(self, among: Collection[int]) -> int | None:
        """Where no single action gives anything: the first of ``among`` that the most promising joint node waits
        for, by open rows for each action missing."""
        best: tuple[float, int] | None = None
        for w, missing in enumerate(self._missing):
            way = self.problem.ways[w]
            rows = len(way.rows & self.open)
            if not missing or not rows or any(way.clauses[c].isdisjoint(among) for c in missing):
                continue
            candidate = (-rows / len(missing), w)
            best = min(best, candidate) if best else candidate
        if best is None:
            return None
        way = self.problem.ways[best[1]]
        wanted = {a for c in self._missing[best[1]] for a in way.clauses[c]}
        return min(wanted & set(among))
