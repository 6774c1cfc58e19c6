"""What can be done, and exactly what each action gives.

An own control that is finished, or whose evidence is made fresh, gives what the judge has ruled of it all along.  An
adopted reference control stands behind a row *superset_of*.  Whatever is composed behind {equal, superset_of} either
stays within {equal, superset_of} or may be an overlap, and stays so, for no step takes ``intersects_with`` away again.
So such a control (and a joint node likewise) contains exactly what a chain of {equal, superset_of} steps alone leads
to, and no other chain can add or take away.  That makes :func:`contained` a breadth-first search and not a walk of all
paths.  A test holds it equal to the judge; every plan is put to the judge again besides.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kg.answers.applicability import Unit
from kg.answers.coverage import Assessment, assess
from kg.answers.graph import Graph
from kg.answers.judge import Judge, Ruling
from kg.answers.plan.problem import Problem, Way
from kg.answers.plan.result import Action, ActionKind
from kg.model import Control, ControlRow, ControlStatus, Provision
from kg.relations import EQUAL, SUPERSET_OF, Outcome

__all__ = ["ADOPTED", "Move", "contained", "moves_of", "problem_of", "stale_of", "with_evidence_of"]

#: What the id of a control begins with that is adopted in a plan.
ADOPTED = "plan:"
_UNFINISHED = (ControlStatus.PLANNED, ControlStatus.PARTIAL)
_DONE = (ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)


def contained(graph: Graph, start: str, avoiding: Collection[str] = ()) -> dict[str, int]:
    """Every node that ``start`` contains by {equal, superset_of} steps alone, with the fewest hops that takes."""
    if not graph.exists(start) or start in avoiding:
        return {}
    hops = {start: 0}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        so_far = hops[here]
        for there, hop in graph.inside.get(here, ()):
            if there in avoiding or (hop and so_far == graph.filter.max_hops):
                continue
            if hops.get(there, so_far + 2) > so_far + hop:
                hops[there] = so_far + hop
                (queue.append if hop else queue.appendleft)(there)
    return hops


@dataclass(frozen=True, slots=True)
class Move:
    """An action with the control as it would then be.  ``after`` replaces the control of the same id, or is new."""

    action: Action
    after: Control


def with_evidence_of(control: Control, day: date) -> Control:
    """The control with evidence of that day and no other."""
    return replace(control, evidence=(), evidence_date=day)


def stale_of(assessment: Assessment) -> frozenset[str]:
    """The controls whose evidence a judge counts as stale on the assessment's day.  Each is asked about one and the
    same node, so that a control without rows is heard too."""
    graph = assessment.graph
    node = next((n for n in (*graph.release.controls, *graph.release.provisions) if graph.exists(n)), None)
    if node is None:
        return frozenset()
    asked = [replace(c, status=ControlStatus.IMPLEMENTED, rows=(ControlRow(node, EQUAL),), systems=())
             for c in assessment.controls]  # fmt: skip
    a = assess(assessment.release, asked, assessment.profile, assessment.as_of, assessment.filter)
    return frozenset(r.contender.id for r in a.judge_of(a.units[0]).rulings(node) if r.contender.stale)


def moves_of(assessment: Assessment, costs: dict[str, float], default: float) -> list[Move]:
    """Every action there is on the assessment's day, in the order of preference among equals."""
    day, found = assessment.as_of, []
    taken = {c.id for c in assessment.controls}
    old = stale_of(assessment)
    for c in assessment.controls:
        kind = ActionKind.FINISH if c.status in _UNFINISHED else ActionKind.REFRESH
        if kind is ActionKind.REFRESH and (c.status not in _DONE or c.id not in old):
            continue
        after = with_evidence_of(c, day)
        if kind is ActionKind.FINISH:
            after = replace(after, status=ControlStatus.IMPLEMENTED)
        action = Action(c.id, kind, c.title, "", c.status.value, costs.get(c.id, default))
        found.append(Move(action, after))
    for r in assessment.release.controls.values():
        id_ = ADOPTED + r.id
        while id_ in taken:
            id_ = ADOPTED + id_
        after = Control(
            id_, r.title, ControlStatus.IMPLEMENTED, (ControlRow(r.id, SUPERSET_OF, False),), evidence_date=day
        )
        action = Action(r.id, ActionKind.ADOPT, r.title, r.catalogue, "", costs.get(r.id, default))
        found.append(Move(action, after))
    order = list(ActionKind)
    return sorted(found, key=lambda m: (order.index(m.action.kind), m.action.id))


# ---------------------------------------------------------------- the problem


def _holds(ruling: Ruling) -> bool:
    """Whether a control (no joint node) contains the target of the ruling."""
    return ruling.combined.outcome is Outcome.CONTAINS and not ruling.contender.members


@dataclass(slots=True)
class _Offers:
    """Who contains what, for one unit: actions by requirement, and by joint member with the hops it takes."""

    rows: dict[str, set[int]]
    members: dict[str, dict[int, int]]
    have: dict[str, int]


def _adopted(
    graph: Graph, moves: Sequence[Move], wanted: Collection[str], members: Collection[str]
) -> tuple[dict[str, set[int]], dict[str, dict[int, int]]]:
    """The same for every unit: what the reference controls give."""
    rows: defaultdict[str, set[int]] = defaultdict(set)
    held: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for a, move in enumerate(moves):
        if move.action.kind is not ActionKind.ADOPT:
            continue
        start = move.after.rows[0].target
        for target, hops in contained(graph, start).items():
            if target in wanted:
                rows[target].add(a)
            if target in members:
                # The chain that counts is the best that passes nothing ruled out for its end, if there is one.
                enemies = graph.ruled.get(target)
                clean = contained(graph, start, enemies).get(target) if enemies else hops
                held[target][a] = hops if clean is None else clean
    return rows, held


def _own(
    judge: Judge, index: dict[str, int], wanted: Collection[str], members: Collection[str]
) -> tuple[dict[str, set[int]], dict[str, dict[int, int]], dict[str, int]]:
    rows: defaultdict[str, set[int]] = defaultdict(set)
    held: defaultdict[str, dict[int, int]] = defaultdict(dict)
    have: dict[str, int] = {}
    for target in sorted({*wanted, *members}):
        for r in judge.rulings(target):
            if not _holds(r):
                continue
            who, hops = r.contender, r.hops
            if who.id in index:
                rows[target].add(index[who.id])
                held[target][index[who.id]] = hops
            elif who.status in _DONE and not who.stale:
                have[target] = min(hops, have.get(target, hops))
    return rows, held, have


def problem_of(
    assessment: Assessment,
    goals: Sequence[tuple[Provision, Sequence[Unit]]],
    moves: Sequence[Move],
    weights: Sequence[float],
) -> Problem:
    """The goals (each with the units for which it is open) and the actions as a :class:`Problem`: one row for each goal
    and unit, in order."""
    graph = assessment.graph
    joints = graph.release.joints
    wanted = {r.id for r, _ in goals}
    reach: dict[str, dict[str, int]] = {}
    for j in sorted(joints):
        inside = {t: h for t, h in contained(graph, j).items() if t in wanted}
        if inside:
            reach[j] = inside
    members = {m for j in reach for m in joints[j].members}
    adopted, adopted_holds = _adopted(graph, moves, wanted, members)
    index = {m.action.id: a for a, m in enumerate(moves) if m.action.kind is not ActionKind.ADOPT}
    rows: list[frozenset[int]] = []
    group: list[int] = []
    where: defaultdict[Unit, dict[str, int]] = defaultdict(dict)
    offers: dict[Unit, _Offers] = {}
    for g, (requirement, units) in enumerate(goals):
        for unit in units:
            where[unit][requirement.id] = len(rows)
            rows.append(frozenset())
            group.append(g)
    ways: defaultdict[tuple[str, tuple[frozenset[int], ...]], set[int]] = defaultdict(set)
    for unit, targets in where.items():
        own, own_holds, have = _own(assessment.judge_of(unit), index, targets, members)
        held = {m: adopted_holds.get(m, {}) | own_holds.get(m, {}) for m in members}
        offers[unit] = _Offers(own, held, have)
        for target, row in targets.items():
            rows[row] = frozenset(adopted.get(target, set()) | own.get(target, set()))
        for joint, inside in reach.items():
            _levels(joint, joints[joint].members, inside, offers[unit], targets, graph.filter.max_hops, ways)
    found = [Way(joint, clauses, frozenset(over)) for (joint, clauses), over in ways.items()]
    return Problem(
        cost=tuple(m.action.cost for m in moves),
        direct=tuple(rows),
        ways=tuple(sorted(found, key=lambda w: (w.joint, [sorted(c) for c in w.clauses]))),
        group=tuple(group),
        weight=tuple(weights),
    )


def _levels(
    joint: str,
    members: Iterable[str],
    inside: dict[str, int],
    offers: _Offers,
    targets: dict[str, int],
    limit: int,
    ways: dict[tuple[str, tuple[frozenset[int], ...]], set[int]],
) -> None:
    """A joint node whose largest member takes ``level`` hops has only the rest of them left for its own chains."""
    before: tuple[frozenset[int], ...] | None = None
    for level in range(limit + 1):
        over = {targets[t] for t, hops in inside.items() if t in targets and hops + level <= limit}
        clauses = tuple(
            frozenset(a for a, hops in offers.members[m].items() if hops <= level)
            for m in sorted(set(members))
            if offers.have.get(m, limit + 1) > level
        )
        if over and clauses != before and all(clauses):
            ways[joint, clauses] |= over
            before = clauses
