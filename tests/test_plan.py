"""The plan: against brute force, against the judge, and on the real graph."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from api.context import Context
from api.schema import schema
from benchmarks import generate
from kg.answers import Applicability, Assessment, Verdict, assess
from kg.answers.judge import Judge
from kg.answers.plan import Goals, GoalState, Options, Plan, Status, Why, answer, plan, singles
from kg.answers.plan.actions import contained
from kg.answers.plan.lean import LeanGraph
from kg.answers.plan.problem import Problem, State, Way
from kg.answers.plan.solve import greedy, solve
from kg.cli.app import app
from kg.errors import UnknownIdError, UsageError
from kg.exports.csv import csv_text
from kg.exports.json import dumps
from kg.exports.markdown import markdown_text
from kg.exports.tables import document
from kg.exports.xlsx import workbook
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Modality
from kg.organizations import read_controls, read_profile
from kg.relations import SUPERSET_OF, Outcome
from kg.release import Release
from tests.graphs import Case, cases, parse, random_case, write

INSTANCES = 200


# ---------------------------------------------------------------- an oracle that assesses every subset


def goals_of(a: Assessment) -> set[str]:
    """What applies and is not covered."""
    found = [r for f in a.release.frameworks for r in a.coverage(f).requirements]
    return {r.requirement.id for r in found if r.applicable and r.verdict < Verdict.COVERED}


def acted(a: Assessment, actions: set[str]) -> Assessment:
    """The assessment with these actions done, built without any code of the plan."""
    own = {c.id: c for c in a.controls}
    controls = []
    for c in a.controls:
        if c.id in actions:
            status = (
                ControlStatus.IMPLEMENTED if c.status in (ControlStatus.PLANNED, ControlStatus.PARTIAL) else c.status
            )
            c = replace(c, status=status, evidence=(), evidence_date=a.as_of)
        controls.append(c)
    for id_ in actions - set(own):
        row = ControlRow(id_, SUPERSET_OF)
        controls.append(Control(f"do {id_}", id_, ControlStatus.IMPLEMENTED, (row,), evidence_date=a.as_of))
    return assess(a.release, controls, a.profile, a.as_of, a.filter)


def stale(c: Control, day: date, age: int | None) -> bool:
    """Whether the evidence of a control no longer counts: no record does, or it has none and an age is set."""
    age = age if c.max_evidence_age_days is None else c.max_evidence_age_days
    if not c.evidence:
        return age is not None and (c.evidence_date is None or (day - c.evidence_date).days > age)
    return not any(counts(c, r, day, age) for r in c.evidence)


def counts(c: Control, r: EvidenceRecord, day: date, age: int | None) -> bool:
    """Whether one record counts: until its own end, and by the control's age, or the profile's where it has no end."""
    if r.valid_until is not None and r.valid_until < day:
        return False
    held = c.max_evidence_age_days if r.valid_until is not None else age
    return held is None or (r.day is not None and (day - r.day).days <= held)


def actions_of(a: Assessment) -> list[str]:
    """Everything that can be done and could matter."""
    age = a.profile.max_evidence_age_days if a.profile else None
    found = list(a.release.controls)
    for c in a.controls:
        old = stale(c, a.as_of, age)
        full = c.status in (ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)
        if c.status in (ControlStatus.PLANNED, ControlStatus.PARTIAL) or (full and old):
            found.append(c.id)
    return found


def subsets(items: list[str]) -> list[frozenset[str]]:
    return [frozenset(c) for n in range(len(items) + 1) for c in combinations(items, n)]


def instances() -> list[tuple[Case, list[str], random.Random]]:
    """Random cases in which something can be closed, each with the few actions that are allowed."""
    found = []
    for seed in range(4000):
        rng = random.Random(seed)
        case = random_case(rng)
        a = assess(case.release, case.controls, case.profile, case.as_of, case.filter)
        actions = sorted(actions_of(a))
        allowed = sorted(rng.sample(actions, min(len(actions), rng.choice((3, 4, 5, 5, 6)) if seed % 25 else 8)))
        open_ = goals_of(a)
        if open_ - goals_of(acted(a, set(allowed))):
            found.append((case, allowed, rng))
        if len(found) == INSTANCES:
            break
    return found


def test_the_plan_is_what_trying_everything_finds() -> None:
    joints = several = 0
    found = instances()
    assert len(found) == INSTANCES
    for case, allowed, rng in found:
        a = assess(case.release, case.controls, case.profile, case.as_of, case.filter)
        costs = {id_: rng.choice((0.5, 1, 1, 2, 3)) for id_ in allowed}
        forbidden = tuple(set(actions_of(a)) - set(allowed))
        must = tuple(rng.sample(allowed, 1)) if rng.random() < 0.3 else ()
        budget = rng.choice((1, 2, 3.5)) + sum(costs[m] for m in must)
        open_ = goals_of(a)
        closed = {s: open_ - goals_of(acted(a, set(s))) for s in subsets(allowed) if s.issuperset(must)}
        price = {s: sum(costs[x] for x in s) for s in closed}
        most = closed[frozenset(allowed)]
        options = Options(costs=costs, must=must, must_not=forbidden)

        whole = plan(a, options=options)
        said = {g.requirement.id: g.state for g in whole.goals}
        assert set(said) == open_, write(case)
        assert {r for r, s in said.items() if s is GoalState.CLOSED} == most, write(case)
        assert {r for r, s in said.items() if s is GoalState.UNCOVERABLE} == open_ - most
        assert whole.status is Status.OPTIMAL
        assert whole.cost == pytest.approx(min(price[s] for s, c in closed.items() if c == most)), write(case)
        done = frozenset(s.action.id for s in whole.steps)
        assert closed[done] == most
        assert sorted(r for s in whole.steps for r in s.closes) == sorted(most)
        joints += any(s.joints for s in whole.steps)
        several += len(whole.steps) > 1

        within = plan(a, options=replace(options, budget=budget))
        affordable = {s: c for s, c in closed.items() if price[s] <= budget}
        best = max(len(c) for c in affordable.values())
        assert within.total.closed == within.value == best, write(case)
        assert within.cost == pytest.approx(min(price[s] for s, c in affordable.items() if len(c) == best)), write(case)
        assert within.total.left == len(most) - best

        if not must:
            alone = {s.action.id: set(s.closes) for s in singles(a, options=options).singles}
            assert alone == {x: c for x in allowed if (c := closed[frozenset({x})])}, write(case)
    assert joints >= 20
    assert several >= 60


def random_problem(rng: random.Random) -> Problem:
    n, rows = rng.choice((6, 8, 9)), rng.randrange(3, 14)
    direct = [frozenset(rng.sample(range(n), rng.choice((0, 1, 1, 2, 2, 3, 4)))) for _ in range(rows)]
    ways = tuple(
        Way(
            f"j{w}",
            tuple(frozenset(rng.sample(range(n), rng.choice((1, 1, 2, 3)))) for _ in range(rng.choice((1, 2, 2, 3)))),
            frozenset(rng.sample(range(rows), rng.randrange(1, min(rows, 5)))),
        )
        for w in range(rng.randrange(6))
    )
    over = frozenset().union(*(w.rows for w in ways))
    direct = [d if d or r in over else frozenset({rng.randrange(n)}) for r, d in enumerate(direct)]
    group = sorted(rng.randrange(rows) for _ in range(rows))
    number = {g: i for i, g in enumerate(sorted(set(group)))}
    return Problem(
        tuple(rng.choice((1.0, 1.0, 2.0, 0.25, 0.0)) for _ in range(n)),
        tuple(direct),
        ways,
        tuple(number[g] for g in group),
        tuple(float(rng.choice((0, 1, 1, 5))) for _ in number),
    )


@pytest.mark.parametrize("seed", range(120))
def test_the_search_equals_enumeration(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng)
    everything = frozenset(range(len(problem.direct)))
    n = problem.actions
    must = frozenset(rng.sample(range(n), rng.choice((0, 0, 1, 2))))
    sets = [frozenset(i for i in range(n) if bits >> i & 1) for bits in range(2**n)]
    covered = {s: problem.covered(s) for s in sets if s >= must}
    least = min((problem.price(s), len(s)) for s, c in covered.items() if c == everything)
    found = solve(problem, must)
    assert found.proven
    assert found.chosen >= must
    assert problem.covered(found.chosen) == everything
    assert (found.value, found.bound) == pytest.approx((least[0], least[0]))
    assert len(found.chosen) >= least[1]
    budget = problem.price(must) + rng.choice((0.0, 0.5, 1.0, 2.0))

    def worth(s: frozenset[int]) -> tuple[float, int, float]:
        closed = problem.closed(covered[s])
        return sum(problem.weight[g] for g in closed), len(closed), -problem.price(s)

    within = solve(problem, must, budget)
    assert within.proven
    assert worth(within.chosen) == pytest.approx(max(worth(s) for s in covered if problem.price(s) <= budget))
    quick = greedy(problem, must)
    assert problem.covered(quick) == everything
    # What is given when the time is up is sound, and no better than its bound.
    hurried = solve(problem, must, time_limit=1e-9)
    assert problem.covered(hurried.chosen) == everything
    assert hurried.bound <= least[0] + 1e-9 <= hurried.value + 2e-9
    state = State.of(problem)
    for a in rng.sample(range(n), n):
        before = problem.covered(state.taken)
        assert state.adds(a) == problem.covered({*state.taken, a}) - before
        closed = problem.closed(problem.covered({*state.taken, a})) - problem.closed(before)
        assert state.gain(a)[1] == len(closed)
        state.take(a)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases)
def test_what_a_reference_control_contains_is_what_the_judge_rules(case: Case) -> None:
    a = assess(case.release, (), None, case.as_of, case.filter)
    for start in (*case.release.controls, *case.release.joints):
        control = Control("X", "X", ControlStatus.IMPLEMENTED, (ControlRow(start, SUPERSET_OF),))
        judge = Judge(a.graph, [control], case.as_of)
        reached = contained(a.graph, start)
        for target in (*case.release.provisions, *case.release.controls):
            ruled = [r for r in judge.rulings(target) if r.contender.id == "X"]
            contains = bool(ruled) and ruled[0].combined.outcome is Outcome.CONTAINS
            assert contains is (target in reached), write(case)
            if contains:
                clean = contained(a.graph, start, a.graph.ruled.get(target, ())).get(target, reached[target])
                assert ruled[0].shown.hops == clean, write(case)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases)
def test_the_lean_graph_covers_the_same_by_the_same_chains(case: Case) -> None:
    graph = assess(case.release, case.controls, None, case.as_of, case.filter).graph
    whole = {row.target for c in case.controls for row in c.rows}
    adopted = [
        Control(f"X{r}", r, ControlStatus.IMPLEMENTED, (ControlRow(r, SUPERSET_OF),)) for r in case.release.controls
    ]
    full = Judge(graph, [*case.controls, *adopted], case.as_of)
    lean = Judge(LeanGraph(graph, whole), [*case.controls, *adopted], case.as_of)
    for target in case.release.provisions:
        one, two = (j.judge(target).best if j.judge(target).verdict is Verdict.COVERED else None for j in (full, lean))
        assert (one is None) is (two is None), write(case)
        if one is not None and two is not None:
            assert (one.contender, one.shown, one.combined.disputed) == (
                two.contender, two.shown, two.combined.disputed,
            ), write(case)  # fmt: skip


# ---------------------------------------------------------------- by hand

GREEDY_TRAP = """
row s(project) c:1 superset_of eu:1
row s(project) c:1 superset_of eu:2
row s(project) c:1 superset_of eu:3
row s(project) c:1 superset_of eu:4
row s(project) c:2 superset_of eu:1
row s(project) c:2 superset_of eu:2
row s(project) c:2 superset_of eu:5
row s(project) c:3 superset_of eu:3
row s(project) c:3 superset_of eu:4
row s(project) c:3 superset_of eu:6
"""


def assessed(text: str) -> Assessment:
    case, _ = parse(text)
    return assess(case.release, case.controls, case.profile, case.as_of, case.filter)


def done(found: Plan) -> list[str]:
    return [s.action.id for s in found.steps]


def test_greedy_takes_three_and_the_plan_two() -> None:
    a = assessed(GREEDY_TRAP)
    assert singles(a).singles[0].action.id == "c:1"  # closes four, more than any other: what greed begins with
    found = plan(a)
    assert sorted(done(found)) == ["c:2", "c:3"]
    assert (found.cost, found.bound, found.gap, found.status) == (2, 2, 0, Status.OPTIMAL)
    assert [(s.closed, s.open, s.cost) for s in found.steps] == [(3, 3, 1), (6, 0, 2)]


def test_a_joint_node_is_completed_by_an_own_control_and_an_adopted_one() -> None:
    a = assessed(
        """
        joint c:J = c:1 c:2
        row s(project) c:J superset_of eu:1
        row s(project) c:1 intersects_with eu:1
        row s(project) c:2 intersects_with eu:1
        control A implemented: c:1
        """
    )
    found = plan(a)
    assert done(found) == ["c:2"]
    assert found.steps[0].joints == ("c:J",)
    goal = found.goals[0]
    assert goal.by == ("c:2",)
    assert goal.explanation is not None
    assert goal.explanation.members == (("c:1", "A"), ("c:2", "plan:c:2"))


def test_a_joint_node_whose_member_is_too_far_away_closes_nothing() -> None:
    a = assessed(
        """
        joint c:J = c:1 c:2
        row s(project) c:J superset_of iso:1
        row s(project) iso:1 superset_of iso:2
        row s(project) iso:2 superset_of eu:1
        row s(project) c:3 superset_of c:2
        control A implemented: c:1
        """
    )
    assert {g.requirement.id for g in plan(a).of_state(GoalState.CLOSED)} == {"iso:1", "iso:2", "eu:1"}
    near = plan(a, options=Options(must_not=("c:2",)))  # c:3 contains c:2, one hop away: one hop less for the rest
    assert done(near) == ["c:3"]
    assert {g.requirement.id for g in near.of_state(GoalState.CLOSED)} == {"iso:1", "iso:2"}
    assert [(g.why, g.through) for g in near.of_state(GoalState.UNCOVERABLE)] == [(Why.MUST_NOT, ("c:2",))]


def test_finishing_and_refreshing() -> None:
    a = assessed(
        """
        row s(project) c:1 superset_of eu:1
        row s(project) c:2 superset_of eu:2
        row s(project) c:3 superset_of eu:3
        control A planned: c:1
        control B implemented evidence 2020-01-01: c:2
        control C not-applicable: c:3
        max evidence age 365
        """
    )
    found = plan(a)
    assert [(s.action.kind.value, s.action.id) for s in found.steps] == [
        ("refresh", "B"), ("finish", "A"), ("adopt", "c:3"),
    ]  # fmt: skip
    dear = plan(a, options=Options(costs={"A": 5}))
    assert {s.action.id for s in dear.steps} == {"B", "c:1", "c:3"}
    with pytest.raises(UsageError, match="marked not-applicable"):
        plan(a, options=Options(must=("C",)))


def test_a_goal_is_closed_when_it_is_for_every_system() -> None:
    a = assessed(
        """
        system s1
        system s2
        row s(project) c:1 superset_of eu:1
        row s(project) c:2 superset_of eu:1
        control A planned systems s1: c:1
        control B planned systems s2: c:2
        """
    )
    cheap = plan(a)
    assert done(cheap) == ["c:1"]
    own = plan(a, options=Options(must_not=("c:1", "c:2")))
    assert done(own) == ["A", "B"]
    assert [len(s.closes) for s in own.steps] == [0, 1]
    assert singles(a, options=Options(must_not=("c:1", "c:2"))).singles == ()
    only_one = plan(a, options=Options(must_not=("c:1", "c:2", "B")))
    assert done(only_one) == []
    assert only_one.goals[0].through == ("B", "c:1", "c:2")


UNCOVERABLE = """
row s(project) c:1 superset_of eu:1
row s(project) c:2 superset_of eu:2
row weak(organization) c:1 superset_of eu:3
row s(project) c:1 intersects_with eu:4
"""


def test_what_nothing_can_close_is_named_with_its_reason() -> None:
    a = assessed(UNCOVERABLE + "min authority project\n")
    found = plan(a, options=Options(must_not=("c:2",)))
    assert {g.requirement.id: (g.why, g.through) for g in found.of_state(GoalState.UNCOVERABLE)} == {
        "eu:2": (Why.MUST_NOT, ("c:2",)),
        "eu:3": (Why.FILTER, ("c:1",)),
        "eu:4": (Why.NOTHING, ()),
    }
    t = found.total
    assert (t.applicable, t.goals, t.closed, t.uncoverable, t.covered_after) == (4, 4, 1, 3, 1)


def test_must_and_budget() -> None:
    a = assessed(GREEDY_TRAP)
    forced = plan(a, options=Options(must=("c:1",)))
    assert sorted(done(forced)) == ["c:1", "c:2", "c:3"]
    assert [s.action.must for s in forced.steps if s.action.id == "c:1"] == [True]
    assert done(plan(a, options=Options(budget=1))) == ["c:1"]
    assert done(plan(a, options=Options(budget=0))) == []
    for options, said in (
        (Options(must=("c:1",), must_not=("c:1",)), "must be in the plan and must not"),
        (Options(must=("c:1", "c:2"), budget=1), "what must be in the plan costs 2, the budget is 1"),
        (Options(costs={"c:1": -1}), "out of range"),
        (Options(costs={"c:1": float("nan")}), "out of range"),
        (Options(default_cost=float("inf")), "out of range"),
        (Options(time_limit=0), "out of range"),
    ):
        with pytest.raises(UsageError, match=said):
            plan(a, options=options)
    for options in (Options(must=("c:9",)), Options(must_not=("x",)), Options(costs={"c:9": 1})):
        with pytest.raises(UnknownIdError, match="there is no action"):
            plan(a, options=options)


def test_nothing_open_needs_nothing() -> None:
    a = assessed("row s(project) c:1 superset_of eu:1\ncontrol A implemented: c:1\n")
    for options in (Options(), Options(budget=3), Options(must=("c:1",))):
        found = plan(a, options=options)
        assert done(found) == list(options.must)
        assert (found.total.goals, found.total.covered_after, found.status) == (0, 1, Status.OPTIMAL)
    assert singles(a).singles == ()


def test_nothing_depends_on_the_order_of_what_comes_in() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        case = random_case(rng)
        shuffled = replace(
            case,
            **{
                name: tuple(rng.sample(things, len(things)))
                for name in ("rows", "joints", "controls", "references", "parts", "sets")
                if (things := getattr(case, name))
            },
        )
        one, two = (
            plan(assess(c.release, c.controls, c.profile, c.as_of, c.filter), options=Options(budget=budget))
            for c, budget in ((case, None), (shuffled, None))
        )
        assert replace(one, release="") == replace(two, release=""), write(case)


# ---------------------------------------------------------------- the real graph


@pytest.fixture(scope="module")
def everything(release: Release) -> Plan:
    return plan(assess(release, (), None, date(2027, 12, 2)))


def test_all_frameworks_at_once_are_proven_optimal(everything: Plan, release: Release) -> None:
    assert everything.status is Status.OPTIMAL
    assert everything.value == everything.bound == everything.cost == len(everything.steps)
    assert [c.framework for c in everything.frameworks] == list(release.frameworks)
    after = assess(
        release,
        [
            Control(s.action.id, "", ControlStatus.IMPLEMENTED, (ControlRow(s.action.id, SUPERSET_OF),))
            for s in everything.steps
        ],
        None,
        date(2027, 12, 2),
    )
    for c in everything.frameworks:
        assert after.coverage(c.framework).counts.covered == c.covered_after
        assert c.goals == c.closed + c.left + c.uncoverable
    for goal in everything.of_state(GoalState.CLOSED):
        assert goal.explanation is not None
        assert goal.explanation.steps[-1].object == goal.requirement.id
        assert goal.by
        assert goal.step


def test_goals_can_be_narrowed(release: Release) -> None:
    a = assess(release, (), None, date(2026, 11, 23))
    shall = plan(a, Goals(frameworks=("gdpr",), modality=(Modality.SHALL,)))
    assert all(g.requirement.modality is Modality.SHALL for g in shall.goals)
    hit = plan(a, Goals(frameworks=("gdpr",), only_with_incidents=True))
    assert hit.goals
    assert all(g.incidents for g in hit.goals)
    assert hit.total.goals + hit.total.not_asked == hit.total.open
    one = plan(a, Goals(requirements=("gdpr:art-32.1.b",)))
    assert [g.requirement.id for g in one.goals] == ["gdpr:art-32.1.b"]
    assert [c.framework for c in one.frameworks] == ["gdpr"]
    assert one.steps[-1].closes == ("gdpr:art-32.1.b",)
    assert one.steps[-1].joints
    for goals, said in (
        (Goals(requirements=("gdpr:art-32",)), "is not a requirement"),
        (Goals(requirements=("gdpr:art-32.1.b",), frameworks=("iso42001",)), "none of the frameworks"),
        (Goals(requirements=("eu-ai-act:art-26.1",)), "applies from 2027-12-02"),
        (Goals(by=date(2020, 1, 1)), "before 2026-11-23"),
    ):
        with pytest.raises(UsageError, match=said):
            plan(a, goals)


def test_a_deadline_brings_what_begins_until_then(release: Release) -> None:
    a = assess(release, (), None, date(2026, 11, 23))
    goals = Goals(frameworks=("eu-ai-act",))
    now, then = plan(a, goals), plan(a, replace(goals, by=date(2027, 12, 2)))
    assert then.total.applicable > now.total.applicable
    counted = assess(release, (), None, date(2027, 12, 2)).coverage("eu-ai-act").requirements
    assert {g.requirement.id for g in then.goals} == {
        r.requirement.id for r in counted if r.decision.applicability is Applicability.APPLICABLE
    }
    assert (then.as_of, then.by) == (date(2026, 11, 23), date(2027, 12, 2))


def test_evidence_fresh_today_is_kept_fresh_until_the_deadline_unless_it_is_let_age() -> None:
    a = assessed(
        """
        row s(project) c:1 superset_of eu:1
        control A implemented evidence 2025-05-01: c:1
        max evidence age 365
        as of 2025-06-01
        """
    )
    by = date(2027, 1, 1)
    assert plan(a, Goals(by=by)).steps == ()
    aged = plan(a, Goals(by=by, age_evidence=True))
    assert [s.action.kind.value for s in aged.steps] == ["refresh"]


# ---------------------------------------------------------------- the ways out


EXAMPLE = Path(__file__).parents[1] / "kg" / "data" / "example"


@pytest.fixture(scope="module")
def company(release: Release) -> Assessment:
    """The example organisation."""
    profile = read_profile(EXAMPLE / "profile.toml", release)
    sheet = read_controls(EXAMPLE / "controls.csv", release, systems={s.id for s in profile.systems})
    return assess(release, sheet.controls, profile)


def test_every_format_tells_the_same(company: Assessment, release: Release) -> None:
    found = plan(company, Goals(frameworks=("gdpr",)), Options(budget=5, must_not=("aisb:PRV-07",)))
    said = json.loads(dumps(found, release))
    assert "seconds" not in said
    assert dumps(found, release) == dumps(replace(found, seconds=99.0), release)
    assert [s["action"]["id"] for s in said["steps"]] == done(found)
    assert {g["curie"]: g["state"] for g in said["goals"]} == {g.requirement.id: g.state.value for g in found.goals}
    page = document(found, release)
    steps, goals, counts = page.tables
    assert [r["id"] for r in steps.records()] == done(found)
    assert [r["curie"] for r in goals.records()] == [g["curie"] for g in said["goals"]]
    assert counts.records()[-1]["coveredAfter"] == found.total.covered_after
    assert all(c.description for t in page.tables for c in t.columns)
    facts = dict(page.facts)
    assert facts["Method"] == found.method
    assert facts["Release"] == release.digest
    alone = singles(company, Goals(frameworks=("gdpr",)))
    assert [r["id"] for r in document(alone, release).tables[0].records()] == [s.action.id for s in alone.singles]
    for each in (found, alone):
        assert csv_text([document(each, release)]).count(release.digest) >= 5
        assert release.digest in markdown_text([document(each, release)])
        assert workbook([document(each, release)])[:2] == b"PK"


def test_the_command_plans(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text("id,cost\naisb:PRV-07,3\naisb:PRV-11,0.5\n", encoding="utf-8")
    given = [str(EXAMPLE / "controls.csv"), "--profile", str(EXAMPLE / "profile.toml"), "--framework", "gdpr"]

    def run(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app(["plan", *given, *args])
        out = capfd.readouterr()
        return int(end.value.code or 0), out.out, out.err

    code, out, _ = run("--cost", str(costs), "--budget", "4", "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert found["cost"] <= 4
    assert found["steps"][0]["action"]["id"] == "aisb:PRV-11"
    code, out, _ = run("--must-not", "aisb:PRV-07", "--limit", "3")
    assert code == 0
    assert "proven: none is better" in out
    assert "only through what must not be in the plan: aisb:PRV-07" in " ".join(out.split())
    code, out, _ = run("--budget", "0")
    assert (code, "nothing fits" in out) == (0, True)
    code, out, _ = run("--singles", "--limit", "1")
    assert (code, "aisb:PRV-07" in out) == (0, True)
    costs.write_text("aisb:PRV-07,much\naisb:PRV-11,1\naisb:PRV-11,2\n", encoding="utf-8")
    for args, said in (
        (("--cost", str(costs)), ("costs.csv:1: BAD_VALUE 'much'", "costs.csv:3: DUPLICATE_ID")),
        (("--cost", str(tmp_path / "none.csv")), ("UNREADABLE",)),
        (("--by", "soon"), ("--by:",)),
        (("--by-incidents",), ("add --budget",)),
        (("--age-evidence",), ("add --by",)),
        (("--must", "aisb:PRV-7"), ("did you mean aisb:PRV-0",)),
        (("--must", "aisb:JOINT-43"), ("several controls together",)),
        (("--catalogue", "aisbb"), ("UNKNOWN_ID",)),
        (("--budget", "-1"), ("out of range",)),
        (("--time-limit", "0"), ("out of range",)),
    ):
        code, out, err = run(*args)
        assert code == 2, args
        assert out == ""
        assert all(s in err for s in said), err


QUERY = """
query ($input: AssessmentInput!, $options: PlanOptions) {
  assessment(input: $input) {
    plan(goals: { frameworks: ["gdpr"] }, options: $options) {
      status cost value bound gap actions release asOf by method assumptions
      total { applicable covered open goals closed left uncoverable coveredAfter }
      steps(first: 100) { nodes { number closed open cost closes joints action { id kind } } }
      goals(state: closed, first: 100) { totalCount nodes { curie step by explanation { control steps { object } } } }
      uncoverable: goals(state: uncoverable) { totalCount }
    }
    singleActions(goals: { frameworks: ["gdpr"] }) { idle singles(first: 3) { nodes { action { id } closes } } }
  }
}
"""


def test_graphql_gives_the_plan_of_the_library(release: Release) -> None:
    controls = [{"id": "A", "title": "A", "status": "implemented", "mappings": [{"target": "aisb:PRV-01"}]}]
    given = {"controls": controls, "asOf": "2026-11-23"}

    def ask(options: dict[str, Any]) -> Any:
        return schema.execute_sync(QUERY, {"input": given, "options": options}, Context(release, "a request"))

    given_back = ask({"mustNot": ["aisb:PRV-07"]})
    assert given_back.errors is None
    found = given_back.data["assessment"]["plan"]
    own = Control("A", "A", ControlStatus.IMPLEMENTED, (ControlRow("aisb:PRV-01", SUPERSET_OF),))
    a = assess(release, [own], None, date(2026, 11, 23))
    asked = Goals(frameworks=("gdpr",))
    same = plan(a, asked, Options(must_not=("aisb:PRV-07",)))
    assert [s["action"]["id"] for s in found["steps"]["nodes"]] == done(same)
    assert found["total"]["closed"] == found["goals"]["totalCount"] == same.total.closed
    assert found["uncoverable"]["totalCount"] == same.total.uncoverable > 0
    assert found["status"] == "optimal"
    assert all(g["explanation"]["steps"][-1]["object"] == g["curie"] for g in found["goals"]["nodes"])
    listed = given_back.data["assessment"]["singleActions"]["singles"]["nodes"]
    assert [s["action"]["id"] for s in listed] == [s.action.id for s in singles(a, asked).singles[:3]]
    for options, said in (({"timeLimit": 60}, "out of range"), ({"must": ["no"]}, "there is no action")):
        refused = ask(options)
        assert said in str(refused.errors)


# ---------------------------------------------------------------- made-up graphs


def test_made_up_graphs_are_the_same_every_time_and_can_be_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = generate.release(generate.SMALL, 7), generate.release(generate.SMALL, 7)
    assert one.digest == two.digest != generate.release(generate.SMALL, 8).digest
    crosswalk = [m for m in one.mappings if m.set_id == "crosswalk"]
    assert len(crosswalk) >= generate.SMALL.mappings * 0.9
    assert sum(m.relation == "intersects_with" for m in crosswalk) / len(crosswalk) > 0.85
    whole = plan(assess(one, (), None, generate.DAY))
    monkeypatch.setattr(answer, "WHOLE_ROWS", 0)
    lean = plan(assess(one, (), None, generate.DAY))
    assert whole.total.uncoverable
    assert "over the chains that can contain" in lean.method
    assert (lean.steps, lean.total) == (whole.steps, whole.total)
    hurried = plan(assess(one, (), None, generate.DAY), options=Options(time_limit=1e-6))
    assert hurried.total.closed == whole.total.closed
    assert hurried.bound <= whole.cost <= hurried.cost
