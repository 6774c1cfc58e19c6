"""The best set of actions, by mixed-integer programming with HiGHS (``scipy.optimize.milp``).

Without a budget: everything covered at the least cost.  With one: the most closed within it.  Ties are broken by the
fewest actions and then, for problems of a size at which that is quick, by the order of the actions.

The problem is made smaller first, without changing what its best is: an action that alone covers a row is taken; a row
whose actions are all in another row's needs no line of its own; an action that gives no more than another and costs no
less is left out.  What remains falls into parts that have nothing in common, each solved alone.  Only the choice of
actions is integral: where that is settled, whether a joint node acts follows from it.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from kg.answers.plan.problem import Problem, State, Way

__all__ = ["ORDERED", "Solution", "solve"]

#: Up to how many undecided actions ties are broken by order; beyond, the solver's choice among equals is taken (it is
#: the same every time for the same problem and the same version of the solver).
ORDERED = 60
_BLOCK = 15
_TINY = 1e-6
#: Costs, worths and counts are whole numbers: what is asked for may be missed by less than one.
_ROOM = 0.5
_LOCK = Lock()

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Solution:
    """The actions chosen, what they reach (cost, or the worth closed), the proven bound of that, and whether the two
    meet."""

    chosen: frozenset[int]
    value: float
    bound: float
    proven: bool

    @property
    def gap(self) -> float:
        """How far the value may be from the best, relative to the larger of value and bound."""
        most = max(abs(self.value), abs(self.bound))
        return 0.0 if self.proven or not most else abs(self.value - self.bound) / most


# ---------------------------------------------------------------- making it smaller


@dataclass(slots=True)
class _Kernel:
    """What is undecided: each row's actions (``a >= 0``) and ways (``-1 - w``), and each way's clauses."""

    problem: Problem
    rows: dict[int, set[int]]
    ways: dict[int, list[frozenset[int]]]
    fixed: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, problem: Problem, must: Collection[int]) -> _Kernel:
        rows: dict[int, set[int]] = {r: set(actions) for r, actions in enumerate(problem.direct)}
        ways = {}
        for w, way in enumerate(problem.ways):
            ways[w] = list(way.clauses)
            for r in way.rows:
                rows[r].add(-1 - w)
        return cls(problem, rows, ways, set(must))

    def reduce(self, *, cover: bool) -> None:
        """Until nothing changes.  ``cover``: every row must be covered, so that rows may stand for others."""
        while True:
            self._settle()
            changed = cover and self._essential()
            if not changed and cover:
                self._rows_that_stand_for_others()
            if not changed and not self._dominated_actions():
                return

    def _over(self) -> dict[int, list[int]]:
        """Each way with the rows that it would cover."""
        found: dict[int, list[int]] = {}
        for r, support in self.rows.items():
            for e in support:
                if e < 0:
                    found.setdefault(-1 - e, []).append(r)
        return found

    def _settle(self) -> None:
        """Put what is fixed to use: a joint node that waits for nothing acts, one that waits for one member is as
        good as that member."""
        self.rows = {r: s for r, s in self.rows.items() if s.isdisjoint(self.fixed)}
        over = self._over()
        ways: dict[int, list[frozenset[int]]] = {}
        acting: set[int] = set()
        for w, clauses in sorted(self.ways.items()):
            kept = sorted({c for c in clauses if c.isdisjoint(self.fixed)}, key=sorted)
            kept = [c for c in kept if not any(o < c for o in kept)]
            if w not in over:
                continue
            if len(kept) > 1:
                ways[w] = kept
            elif kept:
                for r in over[w]:
                    self.rows[r] = (self.rows[r] - {-1 - w}) | kept[0]
            else:
                acting.update(over[w])
        self.ways = ways
        self.rows = {r: s for r, s in self.rows.items() if r not in acting}

    def _essential(self) -> bool:
        """Take what a row cannot do without; true where something was taken."""
        alone = {next(iter(s)) for s in self.rows.values() if len(s) == 1}
        if not alone:
            return False
        self.fixed |= {e for e in alone if e >= 0}
        needed = sorted(-1 - e for e in alone if e < 0)
        over = self._over() if needed else {}
        fresh = max(self.rows) + 1
        for w in needed:
            for r in over[w]:
                self.rows.pop(r, None)
            for clause in self.ways.pop(w):
                self.rows[fresh] = set(clause)
                fresh += 1
        return True

    def _rows_that_stand_for_others(self) -> None:
        where: defaultdict[int, set[int]] = defaultdict(set)
        first: dict[frozenset[int], int] = {}
        for r, support in sorted(self.rows.items()):
            if first.setdefault(frozenset(support), r) != r:
                del self.rows[r]
        for r, support in self.rows.items():
            for e in support:
                where[e].add(r)
        for r in sorted(self.rows, key=lambda r: (len(self.rows[r]), r)):
            if r not in self.rows:
                continue
            support = self.rows[r]
            fewest = min((where[e] for e in support), key=len)
            for other in [o for o in fewest if o != r and support <= self.rows[o]]:
                for e in self.rows.pop(other):
                    where[e].discard(other)

    def columns(self) -> dict[int, set[tuple[int, ...]]]:
        """Each undecided action with the rows and clauses it is in."""
        found: defaultdict[int, set[tuple[int, ...]]] = defaultdict(set)
        for r, support in self.rows.items():
            for e in support:
                if e >= 0:
                    found[e].add((r,))
        for w, clauses in self.ways.items():
            for i, clause in enumerate(clauses):
                for a in clause:
                    found[a].add((w, i))
        return found

    def _dominated_actions(self) -> bool:
        columns, cost = self.columns(), self.problem.cost
        where: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
        for a, things in columns.items():
            for thing in things:
                where[thing].add(a)
        gone: set[int] = set()
        for a in sorted(columns, key=lambda a: (len(columns[a]), -cost[a], -a)):
            mine = columns[a]
            for b in min((where[t] for t in mine), key=len):
                if b != a and cost[b] <= cost[a] and mine <= columns[b]:
                    if mine == columns[b] and cost[a] == cost[b] and b > a:
                        continue
                    gone.add(a)
                    break
            if a in gone:
                for thing in mine:
                    where[thing].discard(a)
        if gone:
            for support in self.rows.values():
                support -= gone
            self.ways = {w: [c - gone for c in clauses] for w, clauses in self.ways.items()}
        return bool(gone)

    def parts(self) -> list[_Kernel]:
        """The kernel in pieces that share no action, in order of their first row."""
        leader: dict[tuple[str, int], tuple[str, int]] = {}

        def find(x: tuple[str, int]) -> tuple[str, int]:
            leader.setdefault(x, x)
            while leader[x] != x:
                leader[x] = leader[leader[x]]
                x = leader[x]
            return x

        def name(e: int) -> tuple[str, int]:
            return ("a", e) if e >= 0 else ("w", -1 - e)

        for r, support in self.rows.items():
            for e in support:
                leader[find(name(e))] = find(("r", r))
        for w, clauses in self.ways.items():
            for clause in clauses:
                for a in clause:
                    leader[find(("a", a))] = find(("w", w))
        found: dict[tuple[str, int], _Kernel] = {}
        for r, support in sorted(self.rows.items()):
            found.setdefault(find(("r", r)), _Kernel(self.problem, {}, {})).rows[r] = support
        for w, clauses in sorted(self.ways.items()):
            found[find(("w", w))].ways[w] = clauses
        return list(found.values())


# ---------------------------------------------------------------- the program


class _Program:
    """The kernel as a mixed-integer program to which wishes are put one after another."""

    def __init__(self, kernel: _Kernel, budget: float | None) -> None:
        import numpy as np

        self.problem, self.kernel = kernel.problem, kernel
        self.actions = sorted(kernel.columns())
        self.at = {a: i for i, a in enumerate(self.actions)}
        ways = {w: len(self.actions) + i for i, w in enumerate(sorted(kernel.ways))}
        groups = sorted({self.problem.group[r] for r in kernel.rows}) if budget is not None else []
        self.groups = {g: len(self.actions) + len(ways) + i for i, g in enumerate(groups)}
        self.size = len(self.actions) + len(ways) + len(groups)
        self._at: list[tuple[list[int], list[float], float]] = []
        for r, support in sorted(kernel.rows.items()):
            where = sorted(self.at[e] if e >= 0 else ways[-1 - e] for e in support)
            if budget is None:
                self._at.append((where, [1.0] * len(where), 1.0))
            else:
                self._at.append(([*where, self.groups[self.problem.group[r]]], [1.0] * len(where) + [-1.0], 0.0))
        for w, clauses in sorted(kernel.ways.items()):
            for clause in clauses:
                where = sorted(self.at[a] for a in clause)
                self._at.append(([*where, ways[w]], [1.0] * len(where) + [-1.0], 0.0))
        self.costs = [self.problem.cost[a] for a in self.actions]
        if budget is not None:
            self.require([-c for c in self.costs], -budget)
        self.integral = np.array([1] * len(self.actions) + [0] * (self.size - len(self.actions)))
        self.low = np.zeros(self.size)
        self.high = np.ones(self.size)

    def require(self, weights: Sequence[float], least: float, first: int = 0) -> None:
        """A further line: the weighted sum of the variables from ``first`` on is at least ``least``."""
        pairs = [(first + i, w) for i, w in enumerate(weights) if w]
        self._at.append(([i for i, _ in pairs], [w for _, w in pairs], least))

    def best(self, wish: Sequence[float], seconds: float) -> tuple[frozenset[int] | None, float, bool]:
        """Minimise ``wish``: the actions chosen (``None``: none found in the time), the bound, whether it is proven."""
        if not self.actions:
            return frozenset(), 0.0, True
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        indptr = np.cumsum([0] + [len(where) for where, _, _ in self._at])
        indices = np.array([i for where, _, _ in self._at for i in where], dtype=np.int32)
        data = np.array([v for _, values, _ in self._at for v in values])
        matrix = csr_array((data, indices, indptr), shape=(len(self._at), self.size))
        # One search at a time: the solver's threads are the process's.
        with _LOCK:
            done: Any = milp(
                np.array(wish, dtype=float),
                integrality=self.integral,
                bounds=Bounds(self.low, self.high),
                constraints=LinearConstraint(matrix, np.array([least for _, _, least in self._at]), np.inf),
                options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
            )
        bound = getattr(done, "mip_dual_bound", None)
        limit = float(bound) if bound is not None and math.isfinite(bound) else -math.inf
        if done.x is None:
            return None, limit, False
        chosen = frozenset(a for a, x in zip(self.actions, done.x, strict=False) if x > 0.5)
        return chosen, float(done.fun) if done.status == 0 else limit, done.status == 0

    def settle(self, chosen: frozenset[int], until: float) -> frozenset[int]:
        """Among equals: the fewest actions, then the first in order."""
        found = chosen
        ones = [1.0] * len(self.actions)
        if len(set(self.costs)) > 1:
            better, _, proven = self.best([*ones, *[0.0] * (self.size - len(ones))], until - time.monotonic())
            if better is None or not proven:
                return found
            found = better
        if len(self.actions) > ORDERED:
            return found
        self.require([-1.0] * len(ones), -len(found) - _ROOM)
        for start in range(0, len(self.actions), _BLOCK):
            block = range(start, min(start + _BLOCK, len(self.actions)))
            wish = [0.0] * self.size
            for k, i in enumerate(block):
                wish[i] = -float(2 ** (_BLOCK - 1 - k))
            better, _, proven = self.best(wish, until - time.monotonic())
            if better is None or not proven:
                return found
            found = better
            for i in block:
                self.low[i] = self.high[i] = float(self.actions[i] in found)
        return found


# ---------------------------------------------------------------- without a program


def greedy(problem: Problem, must: Collection[int], budget: float | None = None) -> frozenset[int]:
    """A sound choice, found fast, not the best: always what gives most for its cost."""
    state = State.of(problem)
    spent = 0.0
    for a in sorted(must):
        state.take(a)
        spent += problem.cost[a]

    def worth(a: int) -> float:
        weight, _, rows = state.gain(a)
        gain = rows if budget is None else weight + rows * _TINY
        return gain / problem.cost[a] if problem.cost[a] else math.inf if gain else 0.0

    rest = set(range(problem.actions)) - set(must)
    heap = [(-worth(a), a) for a in sorted(rest)]
    heapq.heapify(heap)
    while state.open and rest:
        best: int | None = None
        while heap:
            said, a = heapq.heappop(heap)
            if a not in rest:
                continue
            now = worth(a)
            if now <= 0:
                continue
            if heap and -now > heap[0][0] and -now != said:
                heapq.heappush(heap, (-now, a))
                continue
            best = a
            break
        if best is None:
            best = state.towards(rest)
            if best is None:
                break
        rest.discard(best)
        if budget is not None and spent + problem.cost[best] > budget + _TINY:
            continue
        spent += problem.cost[best]
        state.take(best)
        for a in {a for w in state.problem.ways if any(best in c for c in w.clauses) for c in w.clauses for a in c}:
            heapq.heappush(heap, (-worth(a), a))
    return frozenset(state.taken)


def _sure(kernel: _Kernel) -> float:
    """A cost that covering the kernel cannot fall below: each row that only single actions cover pays the least share
    of what one of them costs.  (The shares of one action's rows never sum to more than its cost.)"""
    rows = {r: s for r, s in kernel.rows.items() if all(e >= 0 for e in s)}
    count: defaultdict[int, int] = defaultdict(int)
    for support in rows.values():
        for a in support:
            count[a] += 1
    return sum(min(kernel.problem.cost[a] / count[a] for a in support) for support in rows.values())


# ---------------------------------------------------------------- asking


def solve(
    problem: Problem,
    must: Collection[int] = (),
    budget: float | None = None,
    time_limit: float = 60.0,
    progress: Progress | None = None,
) -> Solution:
    """The best choice that holds ``must``.

    Without ``budget`` every row is covered (each must be coverable) at the least cost; with one, the worth of the
    groups closed is greatest, then their number, then the cost is least.  After ``time_limit`` seconds the best found
    so far is given with a bound that holds.
    """
    until = time.monotonic() + time_limit
    # In whole numbers a half is room enough for the solver's tolerance, and a bound may be rounded up.
    micro = [round(c * 1_000_000) for c in problem.cost]
    unit = math.gcd(*micro) or 1
    scaled = replace(problem, cost=tuple(float(c // unit) for c in micro))
    if budget is None:
        found = _cover(scaled, must, until, progress)
        size = unit / 1_000_000
        return replace(found, value=found.value * size, bound=found.bound * size)
    return _within(scaled, must, float((budget * 1_000_000 + _TINY) // unit), until)


def _pruned(problem: Problem, chosen: Iterable[int], must: Collection[int]) -> frozenset[int]:
    """The choice without actions that nothing needs, dearest and last first."""
    left = set(chosen)
    rows: defaultdict[int, list[int]] = defaultdict(list)
    times = [0] * len(problem.direct)
    for r, actions in enumerate(problem.direct):
        for a in actions & left:
            rows[a].append(r)
            times[r] += 1
    ways: defaultdict[int, list[Way]] = defaultdict(list)
    for way in problem.ways:
        if all(c & left for c in way.clauses):
            for r in way.rows:
                times[r] += 1
            for a in frozenset().union(*way.clauses) & left:
                ways[a].append(way)
    for a in sorted(left - set(must), key=lambda a: (-problem.cost[a], -a)):
        ends = [w for w in ways[a] if all(c & left for c in w.clauses) and any(c & left == {a} for c in w.clauses)]
        loss: defaultdict[int, int] = defaultdict(int)
        for r in rows[a]:
            loss[r] += 1
        for way in ends:
            for r in way.rows:
                loss[r] += 1
        if all(times[r] > n for r, n in loss.items()):
            left.discard(a)
            for r, n in loss.items():
                times[r] -= n
    return frozenset(left)


def _cover(problem: Problem, must: Collection[int], until: float, progress: Progress | None) -> Solution:
    kernel = _Kernel.of(problem, must)
    kernel.reduce(cover=True)
    parts = kernel.parts()
    chosen, proven = set(kernel.fixed), True
    bound = problem.price(kernel.fixed)
    fallback = _pruned(problem, greedy(problem, must), must)
    for number, part in enumerate(parts):
        if progress:
            progress("solve", number, len(parts))
        program = _Program(part, None)
        mine = set(program.actions)
        wish = [*program.costs, *[0.0] * (program.size - len(mine))]
        # Time is shared by size: a small part must not wait for a large one.
        left = sum(len(p.rows) for p in parts[number:])
        share = max(0.0, until - time.monotonic()) * len(part.rows) / left
        found, limit, sure = program.best(wish, share)
        limit = max(limit, _sure(part))
        if not sure:
            found = min((c for c in (found, _patch(part)) if c is not None), key=problem.price)
        assert found is not None
        if not sure:
            limit = float(math.ceil(limit - _TINY))
            sure = problem.price(found) <= limit + _TINY
        if sure:
            limit = problem.price(found)
            program.require([-c for c in program.costs], -limit - _ROOM)
            found = program.settle(found, until)
        proven = proven and sure
        chosen |= found
        bound += limit
    if not proven:
        chosen = set(_pruned(problem, chosen, must))
        if problem.price(fallback) < problem.price(chosen):
            chosen = set(fallback)
    value = problem.price(chosen)
    if value <= bound + _TINY:
        proven, bound = True, value
    return Solution(frozenset(chosen), value, bound, proven)


def _patch(part: _Kernel) -> frozenset[int]:
    """A choice that covers a part, by greed."""
    rows = sorted(part.rows)
    number = {r: i for i, r in enumerate(rows)}
    ways = []
    for w, clauses in sorted(part.ways.items()):
        over = frozenset(number[r] for r in rows if -1 - w in part.rows[r])
        ways.append(Way(str(w), tuple(clauses), over))
    direct = tuple(frozenset(e for e in part.rows[r] if e >= 0) for r in rows)
    small = Problem(part.problem.cost, direct, tuple(ways), tuple(range(len(rows))), (1.0,) * len(rows))
    return _pruned(small, greedy(small, ()), ())


def _within(problem: Problem, must: Collection[int], budget: float, until: float) -> Solution:
    kernel = _Kernel.of(problem, must)
    kernel.reduce(cover=False)
    room = budget - problem.price(kernel.fixed)
    program = _Program(kernel, room + _ROOM)
    base = problem.closed(problem.covered(kernel.fixed))
    already = sum(problem.weight[g] for g in sorted(base))
    first = len(program.actions) + len(kernel.ways)
    lead = [0.0] * first

    def worth(chosen: Iterable[int]) -> tuple[float, int, float]:
        whole = kernel.fixed | set(chosen)
        closed = problem.closed(problem.covered(whole))
        return sum(problem.weight[g] for g in sorted(closed)), len(closed), -problem.price(whole)

    best = greedy(problem, must, budget) - kernel.fixed
    weights = [problem.weight[g] for g in program.groups]

    def ask(wish: Sequence[float]) -> tuple[float, bool]:
        nonlocal best
        found, limit, sure = program.best(wish, until - time.monotonic())
        if found is not None and worth(found) > worth(best):
            best = found
        return limit, sure

    limit, proven = ask([*lead, *[-w for w in weights]])
    bound = min(-limit, sum(weights)) + already
    if proven:
        bound = value = worth(best)[0]
        program.require(weights, value - already - _ROOM, first)
        if len(set(weights)) > 1:
            _, proven = ask([*lead, *[-1.0] * len(weights)])
    if proven:
        program.require([1.0] * len(weights), worth(best)[1] - len(base) - _ROOM, first)
        _, proven = ask([*program.costs, *[0.0] * (program.size - len(program.costs))])
    if proven:
        spent = problem.price(best)
        program.require([-c for c in program.costs], -spent - _ROOM)
        best = program.settle(best, until)
    return Solution(frozenset(kernel.fixed | best), worth(best)[0], bound, proven)
