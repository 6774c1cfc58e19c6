"""From an assessment to a plan and back: the goals, the best actions, and the assessment made again with them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kg.answers.applicability import Applicability, Decision, Unit, decide
from kg.answers.coverage import Assessment, assess, explanation_of
from kg.answers.exposure import exposure
from kg.answers.filter import Filter
from kg.answers.graph import Graph, graph_of
from kg.answers.judge import Judge
from kg.answers.plan.actions import Move, contained, moves_of, problem_of, stale_of, with_evidence_of
from kg.answers.plan.lean import LeanGraph
from kg.answers.plan.problem import Problem, State
from kg.answers.plan.result import (
    ActionKind,
    Goal,
    Goals,
    GoalState,
    Options,
    Plan,
    PlanCounts,
    PlanStep,
    Single,
    Singles,
    Status,
    Why,
)
from kg.answers.plan.solve import Solution, solve
from kg.answers.verdict import Verdict
from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import Control, Provision
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["DEFAULT_CATALOGUE", "plan", "singles"]

#: The project's own catalogue, from which controls are adopted where nothing else is said.
DEFAULT_CATALOGUE = "aisb"
MAX_COST = 1e9
#: Up to how many rows a release may have for a plan to be checked by a walk of all paths; beyond, by those that can
#: end in *contains* (:mod:`kg.answers.plan.lean`).
WHOLE_ROWS = 50_000

Progress = Callable[[str, int, int], None]


# ---------------------------------------------------------------- the question, checked


@dataclass(frozen=True, slots=True)
class _Open:
    """One applicable requirement that is not covered, with the units for which it is not."""

    requirement: Provision
    verdict: Verdict
    units: tuple[Unit, ...]


@dataclass(slots=True)
class _Scope:
    """A framework's applicable requirements: how many are covered, which are open, and which of these are goals."""

    framework: str
    applicable: int
    open: list[_Open]
    goals: list[_Open]


def _base(assessment: Assessment, goals: Goals) -> Assessment:
    """The assessment on the day the plan is for."""
    if goals.by is None:
        return assessment
    if goals.by < assessment.as_of:
        raise UsageError(f"the plan is to be ready by {goals.by}, before {assessment.as_of}", "name a later day")
    a = assessment
    then = assess(a.release, a.controls, a.profile, goals.by, a.filter)
    aged = stale_of(then) - stale_of(a)
    if goals.age_evidence or not aged:
        return then
    kept = [with_evidence_of(c, goals.by) if c.id in aged else c for c in a.controls]
    return assess(a.release, kept, a.profile, goals.by, a.filter)


def _frameworks(release: Release, goals: Goals) -> list[str]:
    asked = [release.framework(f).id for f in goals.frameworks]
    named = []
    for id_ in goals.requirements:
        if id_ not in release.provisions:
            raise release.unknown(id_, release.provisions)
        named.append(release.provisions[id_].framework)
        if asked and named[-1] not in asked:
            raise UsageError(f"{id_} is in none of the frameworks asked for", f"add {named[-1]}")
    wanted = set(asked or named or release.frameworks)
    return [f for f in release.frameworks if f in wanted]


def _decided(base: Assessment, requirement: Provision) -> list[tuple[Unit, Decision]]:
    return [(u, decide(base.release, requirement, base.profile, u, base.as_of)) for u in base.units]


def _judges(assessment: Assessment) -> dict[Unit, Judge]:
    return {u: assessment.judge_of(u) for u in assessment.units}


def _verdict(judge: Judge, id_: str) -> Verdict:
    return judge.verdict_of(id_)


def _scope(base: Assessment, framework: str, goals: Goals) -> _Scope:
    named = set(goals.requirements)
    found = _Scope(framework, 0, [], [])
    judges = _judges(base)
    for r in base.graph.requirements(framework):
        units = [u for u, d in _decided(base, r) if d.applicability is Applicability.APPLICABLE]
        found.applicable += bool(units)
        verdicts = {u: _verdict(judges[u], r.id) for u in units}
        left = tuple(u for u in units if verdicts[u] < Verdict.COVERED)
        if not left:
            continue
        each = _Open(r, min(verdicts[u] for u in left), left)
        found.open.append(each)
        if (
            (not named or r.id in named)
            and (not goals.modality or r.modality in goals.modality)
            and not (goals.only_with_incidents and not exposure(base.release, r.id).incidents)
        ):
            found.goals.append(each)
    return found


def _check_named(base: Assessment, goals: Goals) -> None:
    """Every requirement named must count on the day; what does not is told why."""
    for id_ in goals.requirements:
        provision = base.release.provisions[id_]
        standing = {r.id: r for r in base.graph.requirements(provision.framework)}
        if id_ not in standing:
            below = [r for r in standing if id_ in base.release.ancestors(r)]
            hint = f"name {', '.join(below[:5])}" if below else f"it does not count on {base.as_of}"
            raise UsageError(f"{id_} is not a requirement", hint)
        decisions = [d for _, d in _decided(base, standing[id_])]
        if any(d.applicability is Applicability.APPLICABLE for d in decisions):
            continue
        later = [d for d in decisions if d.applicability is Applicability.NOT_YET_APPLICABLE]
        first = min(later, key=lambda d: d.applies_from or date.max) if later else decisions[0]
        hint = f"plan for {first.applies_from} or later" if first.applies_from else "leave it out"
        raise UsageError(f"{id_} does not apply on {base.as_of}: {first.explanation}", hint)


def _catalogues(release: Release, options: Options) -> tuple[str, ...]:
    if "all" in options.catalogues:
        return tuple(sorted(release.catalogues))
    for c in options.catalogues:
        if c not in release.catalogues:
            raise release.unknown(c, release.catalogues)
    if options.catalogues:
        return tuple(sorted(set(options.catalogues)))
    return (DEFAULT_CATALOGUE,) if DEFAULT_CATALOGUE in release.catalogues else tuple(sorted(release.catalogues))


def _amount(what: str, value: float) -> float:
    if not (math.isfinite(value) and 0 <= value <= MAX_COST):
        raise UsageError(f"{what} {value} is out of range", f"a number from 0 to {MAX_COST:.0f}")
    return float(value)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What may be done: all moves there are, and which of them are allowed, asked for and forbidden."""

    moves: tuple[Move, ...]
    allowed: frozenset[int]
    must: frozenset[int]
    must_not: frozenset[int]
    catalogues: tuple[str, ...]
    done_already: tuple[str, ...]


def _choice(base: Assessment, options: Options) -> _Choice:
    release = base.release
    catalogues = _catalogues(release, options)
    own = {c.id: c for c in base.controls}
    known = {*own, *release.controls}
    for id_ in (*options.costs, *options.must, *options.must_not):
        if id_ in known:
            continue
        if id_ in release.joints:
            members = ", ".join(release.joints[id_].members)
            raise UsageError(f"{id_} is several controls together, not one action", f"name {members}")
        near = nearest(id_, known)
        hint = f"did you mean {near}? " if near else ""
        raise UnknownIdError(
            f"there is no action {id_!r}", f"{hint}a reference control's CURIE or the id of a control of yours"
        )
    both = sorted(set(options.must) & set(options.must_not))
    if both:
        raise UsageError(f"{', '.join(both)} must be in the plan and must not", "say one of the two")
    costs = {id_: _amount(f"the cost of {id_}:", c) for id_, c in options.costs.items()}
    every = tuple(moves_of(base, costs, _amount("the default cost", options.default_cost)))
    where: dict[str, list[int]] = {}
    for a, m in enumerate(every):
        where.setdefault(m.action.id, []).append(a)
    must, done = set(), []
    for id_ in sorted(set(options.must)):
        if id_ not in where:
            if own[id_].status.value == "not-applicable":
                raise UsageError(f"{id_} is marked not-applicable: there is nothing to finish", "leave it out of must")
            done.append(id_)
            continue
        a = where[id_][0]
        catalogue = every[a].action.catalogue
        if catalogue and catalogue not in catalogues:
            raise UsageError(f"{id_} is not in {', '.join(catalogues)}", f"add the catalogue {catalogue}, or all")
        must.add(a)
    must_not = {a for id_ in options.must_not for a in where.get(id_, ())}
    usable = {a for a, m in enumerate(every) if not m.action.catalogue or m.action.catalogue in catalogues}
    moves = tuple(replace(m, action=replace(m.action, must=a in must)) for a, m in enumerate(every))
    if options.budget is not None:
        budget = _amount("the budget", options.budget)
        asked = sum(moves[a].action.cost for a in sorted(must))
        if asked > budget + 1e-9:
            hint = f"at least {asked:g}, or fewer controls that must be in it"
            raise UsageError(f"what must be in the plan costs {asked:g}, the budget is {budget:g}", hint)
    return _Choice(moves, frozenset(usable - must_not), frozenset(must), frozenset(must_not), catalogues, tuple(done))


def _only(problem: Problem, allowed: Collection[int], rows: Collection[int] | None = None) -> Problem:
    """The problem with these actions alone, and of these rows alone (numbered anew)."""
    keep = sorted(range(len(problem.direct)) if rows is None else rows)
    number = {r: i for i, r in enumerate(keep)}
    ways = []
    for way in problem.ways:
        clauses = tuple(c & frozenset(allowed) for c in way.clauses)
        over = frozenset(number[r] for r in way.rows if r in number)
        if all(clauses) and over:
            ways.append(replace(way, clauses=clauses, rows=over))
    return Problem(
        problem.cost,
        tuple(problem.direct[r] & frozenset(allowed) for r in keep),
        tuple(ways),
        tuple(problem.group[r] for r in keep),
        problem.weight,
    )


# ---------------------------------------------------------------- what nothing can close


def _reasons(
    base: Assessment, problem: Problem, choice: _Choice, goals: Sequence[_Open], groups: Iterable[int]
) -> dict[int, tuple[Why, str, tuple[str, ...]]]:
    """Why no allowed action closes these goals: the nearest reason that holds for all their open rows."""
    groups = sorted(groups)
    with_forbidden = problem.closed(problem.covered(choice.allowed | choice.must_not))
    everything = frozenset(range(len(choice.moves)))
    with_all = problem.closed(problem.covered(everything))
    found: dict[int, tuple[Why, str, tuple[str, ...]]] = {}
    free: dict[str, list[str]] | None = None
    for g in groups:
        id_ = goals[g].requirement.id
        if g in with_forbidden:
            through = _through(problem, choice, g, choice.must_not)
            found[g] = (Why.MUST_NOT, f"only through what must not be in the plan: {', '.join(through)}", through)
            continue
        if g in with_all:
            through = _through(problem, choice, g, everything - choice.allowed)
            note = f"only through what the plan may not use: {', '.join(through)}"
            found[g] = (Why.CATALOGUE, note, through)
            continue
        if free is None:
            free = _unfiltered(base, {goals[g].requirement.id for g in groups})
        if holders := free.get(id_):
            note = f"only by rows that the filter leaves out: {', '.join(holders)}"
            found[g] = (Why.FILTER, note, tuple(holders))
        else:
            note = "no reference control or joint node of this release contains it, nor any control of yours"
            if len(base.units) > 1:
                note += " that counts for every AI system for which it is open"
            found[g] = (Why.NOTHING, note, ())
    return found


def _through(problem: Problem, choice: _Choice, group: int, among: Collection[int]) -> tuple[str, ...]:
    rows = {r for r, g in enumerate(problem.group) if g == group}
    rows -= problem.covered(choice.allowed)
    found = {a for r in rows for a in problem.direct[r]}
    found |= {a for w in problem.ways if w.rows & rows for c in w.clauses if not c & choice.allowed for a in c}
    return tuple(sorted({choice.moves[a].action.id for a in found & set(among)}))


def _unfiltered(base: Assessment, wanted: set[str]) -> dict[str, list[str]]:
    """Which reference controls and joint nodes would contain these, did all rows count; nothing where they do."""
    if base.filter == Filter():
        return {}
    graph: Graph = graph_of(base.release, base.as_of, Filter())
    found: dict[str, list[str]] = {}
    for start in sorted((*base.release.controls, *base.release.joints)):
        for target in contained(graph, start).keys() & wanted:
            found.setdefault(target, []).append(start)
    return found


# ---------------------------------------------------------------- the order of the steps


def _ordered(
    problem: Problem, chosen: Collection[int], cost: Sequence[float]
) -> list[tuple[int, frozenset[int], tuple[str, ...]]]:
    """The chosen actions, each time the one that newly closes most (worth, then requirements, then rows), the cheaper
    and then the first among equals; with the rows it covers and the joint nodes it completes.  Where none closes
    anything by itself, those go first that a joint node waits for."""
    state, rest = State.of(problem), set(chosen)
    found = []
    while rest:
        best = min(rest, key=lambda a: (*(-x for x in state.gain(a)), cost[a], a))
        if state.gain(best)[1] == 0 and (waited := state.towards(rest)) is not None:
            best = waited
        rest.discard(best)
        rows, joints = state.take(best)
        found.append((best, frozenset(rows), tuple(sorted(joints))))
    return found


# ---------------------------------------------------------------- the answer


@dataclass(slots=True)
class _Question:
    """Everything the two answers share."""

    base: Assessment
    scopes: list[_Scope]
    goals: list[_Open]
    choice: _Choice
    incidents: list[int]
    problem: Problem


def _question(assessment: Assessment, goals: Goals, options: Options, progress: Progress | None) -> _Question:
    base = _base(assessment, goals)
    frameworks = _frameworks(base.release, goals)
    _check_named(base, goals)
    choice = _choice(base, options)
    scopes = []
    for number, framework in enumerate(frameworks):
        if progress:
            progress("Reading the open requirements", number, len(frameworks))
        scopes.append(_scope(base, framework, goals))
    wanted = [g for s in scopes for g in s.goals]
    incidents = [len(exposure(base.release, g.requirement.id).incidents) for g in wanted]
    if progress:
        progress("Finding what each action gives", 0, 1)
    weights = [float(n) for n in incidents] if options.weigh_incidents else [1.0] * len(wanted)
    problem = problem_of(base, [(g.requirement, g.units) for g in wanted], choice.moves, weights)
    return _Question(base, scopes, wanted, choice, incidents, problem)


def _controls_with(base: Assessment, moves: Iterable[Move]) -> list[Control]:
    after = {m.after.id: m.after for m in moves}
    kept = [after.pop(c.id, c) for c in base.controls]
    return [*kept, *after.values()]


def _walked_whole(release: Release) -> bool:
    """Whether a plan is checked over every path there is."""
    return len(release.mappings) <= WHOLE_ROWS


def _verified(q: _Question, chosen: Collection[int], closed: Collection[int]) -> dict[Unit, Judge]:
    """The judges of the assessment made again with the actions done: exactly the goals said to be closed must be
    covered."""
    base = q.base
    controls = _controls_with(base, (q.choice.moves[a] for a in sorted(chosen)))
    after = assess(base.release, controls, base.profile, base.as_of, base.filter)
    if not _walked_whole(base.release):
        after.graph = LeanGraph(after.graph, {row.target for c in base.controls for row in c.rows})
    judges = _judges(after)
    for g, goal in enumerate(q.goals):
        id_ = goal.requirement.id
        covered = all(_verdict(judges[u], id_) is Verdict.COVERED for u in goal.units)
        if covered is not (g in closed):
            said = "closes" if g in closed else "does not close"
            raise RuntimeError(f"the plan {said} {id_}, the assessment made again with its actions says otherwise")
    return judges


def _counts(q: _Question, states: dict[str, GoalState], after: dict[Unit, Judge] | None) -> list[PlanCounts]:
    found = []
    release = q.base.release
    for scope in q.scopes:
        of = [states[g.requirement.id] for g in scope.goals]
        closed = of.count(GoalState.CLOSED)
        beside = 0
        if after is not None:
            goals = {g.requirement.id for g in scope.goals}
            beside = sum(
                all(_verdict(after[u], o.requirement.id) is Verdict.COVERED for u in o.units)
                for o in scope.open
                if o.requirement.id not in goals
            )
        covered = scope.applicable - len(scope.open)
        found.append(
            PlanCounts(
                framework=scope.framework,
                title=release.frameworks[scope.framework].title,
                text_version=release.text_in_force(scope.framework, q.base.as_of),
                applicable=scope.applicable,
                covered=covered,
                open=len(scope.open),
                not_asked=len(scope.open) - len(scope.goals),
                goals=len(scope.goals),
                closed=closed,
                left=of.count(GoalState.LEFT),
                uncoverable=of.count(GoalState.UNCOVERABLE),
                closed_beside=beside,
                covered_after=covered + closed + beside,
            )
        )
    return found


_SUMS = (
    "applicable", "covered", "open", "not_asked", "goals", "closed", "left", "uncoverable", "closed_beside",
    "covered_after",
)  # fmt: skip


def _total(counts: Sequence[PlanCounts]) -> PlanCounts:
    title = "All frameworks asked for" if len(counts) != 1 else counts[0].title
    return PlanCounts("", title, None, **{name: sum(getattr(c, name) for c in counts) for name in _SUMS})


def _goal_text(goals: Goals) -> list[str]:
    found = []
    if goals.requirements:
        found.append(f"Only the requirements named count as goals: {', '.join(sorted(set(goals.requirements)))}.")
    if goals.modality:
        found.append(f"Only requirements that bind as {', '.join(sorted(goals.modality))} count as goals.")
    if goals.only_with_incidents:
        found.append("Only requirements behind which an incident of the AI Incident Database stands count as goals.")
    return found


def _assumptions(q: _Question, assessment: Assessment, goals: Goals, options: Options) -> tuple[str, ...]:
    day, choice = q.base.as_of, q.choice
    found = _goal_text(goals)
    if day != assessment.as_of:
        found.append(f"Texts in force and dates of application are those of {day}.")
        if goals.age_evidence:
            found.append(f"Evidence is as old as it will be on {day} if nobody renews it.")
        else:
            found.append(f"Evidence that is fresh on {assessment.as_of} is taken to be renewed in time until {day}.")
    found.append(
        f"A reference control of {', '.join(choice.catalogues)} is adopted for the whole organisation: implemented, "
        f"doing at least what its statement says, with evidence of {day}."
    )
    kinds = {m.action.kind for m in choice.moves}
    if ActionKind.FINISH in kinds:
        found.append(
            f"A planned or partly implemented control of yours that is finished does all that its rows say, with "
            f"evidence of {day}, for the AI systems it is limited to."
        )
    if ActionKind.REFRESH in kinds:
        found.append(f"A control whose evidence is refreshed has evidence of {day}; nothing else of it changes.")
    given = f"{len(options.costs)} costs are given; every other action" if options.costs else "Every action"
    found.append(f"{given} costs {options.default_cost:g}. Costs add up: what two actions share is not saved.")
    if options.must:
        found.append(f"Must be in the plan: {', '.join(sorted(set(options.must)))}.")
    if choice.done_already:
        found.append(f"Implemented already, so nothing to do: {', '.join(choice.done_already)}.")
    if options.must_not:
        found.append(f"Must not be in the plan: {', '.join(sorted(set(options.must_not)))}.")
    return tuple(found)


def _passed(goals: Iterable[Goal]) -> set[str]:
    steps = (s for g in goals if g.explanation for s in g.explanation.steps)
    return {prefix_of(end) for s in steps for end in (s.subject, s.object)}


def plan(
    assessment: Assessment, goals: Goals | None = None, options: Options | None = None, progress: Progress | None = None
) -> Plan:
    """The cheapest set of actions that covers every goal that can be covered, or the best within a budget.

    What nothing can close is among the goals with the reason, never dropped.  The assessment is made again with the
    actions done, and exactly the goals said to be closed are covered then (:class:`RuntimeError` otherwise: a bug).
    ``progress`` is told stage, done and total.  Raises :class:`~kg.errors.KgError` for a request that makes no sense.
    """
    goals, options = goals or Goals(), options or Options()
    if not options.time_limit > 0:
        raise UsageError(f"the time limit {options.time_limit} is out of range", "a number of seconds above 0")
    q = _question(assessment, goals, options, progress)
    problem, choice = q.problem, q.choice
    coverable = problem.covered(choice.allowed)
    every = frozenset(range(len(q.goals)))
    closable = every - {problem.group[r] for r in range(len(problem.direct)) if r not in coverable}
    rows = [r for r, g in enumerate(problem.group) if g in closable]
    possible = _only(problem, choice.allowed, rows)
    if progress:
        progress("Searching the best plan", 0, 1)
    started = time.monotonic()
    told = (lambda _, done, total: progress("Searching the best plan", done, total)) if progress else None
    solution = solve(possible, choice.must, options.budget, options.time_limit, told)
    seconds = time.monotonic() - started
    chosen = solution.chosen
    # A way may act through members that no plan for the closable goals names: what is closed is read off everything.
    closed = problem.closed(problem.covered(chosen))
    if progress:
        progress("Assessing again with the plan done", 0, 1)
    after = _verified(q, chosen, closed)
    reasons = _reasons(q.base, problem, choice, q.goals, every - closable)
    ordered = _ordered(_only(problem, chosen), chosen, problem.cost)
    steps, step_of = _steps(q, ordered, len(closable))
    who = {m.after.id: m.action.id for a, m in enumerate(choice.moves) if a in chosen}
    found = tuple(
        _goal(q, g, after if g in closed else None, step_of.get(g, 0), who, reasons.get(g)) for g in range(len(q.goals))
    )
    states = {g.requirement.id: g.state for g in found}
    counts = _counts(q, states, after)
    a = q.base
    return Plan(
        title=_title(q, options),
        total=_total(counts),
        frameworks=tuple(counts),
        steps=tuple(steps),
        goals=found,
        cost=_round(problem.price(chosen)),
        budget=options.budget,
        objective=_objective(options),
        status=Status.OPTIMAL if solution.proven else Status.FEASIBLE,
        value=_round(solution.value),
        bound=_round(solution.bound),
        gap=round(solution.gap, 6),
        actions=len(choice.allowed),
        catalogues=choice.catalogues,
        assumptions=_assumptions(q, assessment, goals, options),
        release=a.release.digest,
        as_of=assessment.as_of,
        by=a.as_of,
        profile=a.profile,
        method=_method(a, solution),
        disclaimers=a.release.disclaimers_for(*(s.framework for s in q.scopes), *_passed(found)),
        seconds=seconds,
    )


def _round(value: float) -> float:
    return round(value, 6)


def _title(q: _Question, options: Options) -> str:
    names = ", ".join(q.base.release.frameworks[s.framework].short_title for s in q.scopes)
    within = "" if options.budget is None else f" within {options.budget:g}"
    return f"Plan for {names}{within} by {q.base.as_of}"


def _objective(options: Options) -> str:
    if options.budget is None:
        return "every goal that can be closed, at the least cost; among equals the fewest actions"
    if options.weigh_incidents:
        return (
            f"within {options.budget:g} the most incidents behind the goals closed; among equals the most goals, then "
            "the least cost"
        )
    return f"within {options.budget:g} the most goals closed; among equals the least cost"


def _method(base: Assessment, solution: Solution | None) -> str:
    if solution is None:
        return f"each action alone; {base.method}"
    lean = "" if _walked_whole(base.release) else " over the chains that can contain"
    proof = "proven optimal" if solution.proven else f"best found in the time, at most {solution.gap:.2%} from the best"
    return f"mixed-integer program (HiGHS), {proof}; every goal re-assessed with the plan done{lean}; {base.method}"


def _steps(
    q: _Question, ordered: Sequence[tuple[int, frozenset[int], tuple[str, ...]]], closable: int
) -> tuple[list[PlanStep], dict[int, int]]:
    steps, step_of = [], {}
    open_rows = [0] * len(q.goals)
    for g in q.problem.group:
        open_rows[g] += 1
    cost, closed = 0.0, 0
    for number, (a, rows, joints) in enumerate(ordered, 1):
        newly = []
        for r in sorted(rows):
            g = q.problem.group[r]
            open_rows[g] -= 1
            if not open_rows[g]:
                newly.append(g)
                step_of[g] = number
        cost += q.problem.cost[a]
        closed += len(newly)
        closes = tuple(q.goals[g].requirement.id for g in sorted(newly))
        action = q.choice.moves[a].action
        steps.append(PlanStep(number, action, closes, joints, closed, closable - closed, _round(cost)))
    return steps, step_of


def _goal(
    q: _Question,
    g: int,
    after: dict[Unit, Judge] | None,
    step: int,
    who: dict[str, str],
    reason: tuple[Why, str, tuple[str, ...]] | None,
) -> Goal:
    goal = q.goals[g]
    units = tuple(u.id for u in goal.units if u.id)
    if after is not None:
        rulings = [after[u].rulings(goal.requirement.id)[0] for u in goal.units]
        holders = [h for r in rulings for h in (r.contender.id, *(control for _, control in r.contender.members))]
        by = tuple(dict.fromkeys(who[h] for h in holders if h in who))
        chain = explanation_of(q.base.release, rulings[0], [after[goal.units[0]]])
        return Goal(goal.requirement, goal.verdict, units, q.incidents[g], GoalState.CLOSED, step, by, chain)
    if reason is None:
        return Goal(goal.requirement, goal.verdict, units, q.incidents[g], GoalState.LEFT, note="not within the budget")
    why, note, through = reason
    return Goal(
        goal.requirement, goal.verdict, units, q.incidents[g], GoalState.UNCOVERABLE,
        why=why, note=note, through=through,
    )  # fmt: skip


# ---------------------------------------------------------------- one action alone


def singles(
    assessment: Assessment, goals: Goals | None = None, options: Options | None = None, progress: Progress | None = None
) -> Singles:
    """What each allowed action closes by itself, with the controls there are: most requirements first, then the one
    with more incidents behind them, the cheaper, and the order of preference.  Takes the goals, catalogues, costs and
    ``must_not`` of a plan."""
    goals, options = goals or Goals(), options or Options()
    q = _question(assessment, goals, options, progress)
    state = State.of(q.problem)
    found = []
    for a in sorted(q.choice.allowed):
        rows = state.adds(a)
        closed = sorted(q.problem.closed(rows))
        if not closed:
            continue
        joints = {w.joint for w in q.problem.ways if w.rows & rows and all(a in c for c in w.clauses)}
        closes = tuple(q.goals[g].requirement.id for g in closed)
        found.append(
            Single(q.choice.moves[a].action, closes, tuple(sorted(joints)), sum(q.incidents[g] for g in closed))
        )
    order = {q.choice.moves[a].action: a for a in q.choice.allowed}
    found.sort(key=lambda s: (-len(s.closes), -s.incidents, s.action.cost, order[s.action]))
    coverable = q.problem.closed(q.problem.covered(q.choice.allowed))
    states = {
        g.requirement.id: GoalState.LEFT if i in coverable else GoalState.UNCOVERABLE for i, g in enumerate(q.goals)
    }
    counts = _counts(q, states, None)
    a_ = q.base
    return Singles(
        total=_total(counts),
        frameworks=tuple(counts),
        singles=tuple(found),
        idle=len(q.choice.allowed) - len(found),
        catalogues=q.choice.catalogues,
        assumptions=_assumptions(q, assessment, goals, options),
        release=a_.release.digest,
        as_of=assessment.as_of,
        by=a_.as_of,
        profile=a_.profile,
        method=_method(a_, None),
        disclaimers=a_.release.disclaimers_for(*(s.framework for s in q.scopes)),
    )
