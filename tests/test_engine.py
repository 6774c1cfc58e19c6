"""The engine against the slow oracle, on worked examples and on thousands of random graphs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from graphs import Case, Expect, cases, hub_case, parse, random_case, shrunk, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Answer, Oracle

from kg.answers import Assessment, Filter, Reason, RequirementResult, Verdict, assess
from kg.model import Authority, Control, ControlStatus

T = TypeVar("T")
EXAMPLES = Path(__file__).parent.parent / "docs" / "worked-examples.md"
BLOCKS, BLOCK = 8, 1000  #: random graphs compared: blocks of so many seeds
quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


# ------------------------------------------------------------------ asking both


def assessment(case: Case) -> Assessment:
    """The engine, put to a case."""
    return assess(case.release, case.controls, case.profile, case.as_of, case.filter)


def results(case: Case) -> dict[str, RequirementResult]:
    """Every requirement → the engine's result."""
    asked = assessment(case)
    return {
        r.id: asked.requirement(r)
        for framework in case.release.frameworks
        for r in case.release.requirements(framework, case.as_of)
    }


def engine(case: Case) -> dict[str, Answer]:
    """Every requirement → what the engine says, in the oracle's words."""
    return {id_: _answer(result) for id_, result in results(case).items()}


def _answer(result: RequirementResult) -> Answer:
    e = result.explanation
    reasons = tuple(r.value for r in result.reasons)
    if e is None:
        return Answer(result.verdict.name, reasons, False, ())
    ids = (e.control, *(i for s in e.steps for i in (s.row, s.object)))
    return Answer(result.verdict.name, reasons, e.disputed, ids, e.mask, e.reviewed)


def oracle_of(case: Case) -> Oracle:
    """The oracle, put to a case."""
    f = case.filter
    return Oracle(
        case.release, case.controls, case.profile, case.as_of,
        max_hops=f.max_hops, min_authority=f.min_authority, reviewed_only=f.reviewed_only, sets=f.sets,
    )  # fmt: skip


def oracle(case: Case) -> dict[str, Answer]:
    """Every requirement → what the oracle says."""
    return oracle_of(case).answers()


def differ(case: Case) -> bool:
    """Whether engine and oracle disagree anywhere."""
    return engine(case) != oracle(case)


def _disagreement(case: Case) -> str:
    small = shrunk(case, differ)
    by_engine, by_oracle = engine(small), oracle(small)
    lines = [
        f"{id_}\n  engine {by_engine[id_]}\n  oracle {by_oracle[id_]}"
        for id_ in by_oracle
        if by_engine[id_] != by_oracle[id_]
    ]
    return "\n".join(["engine and oracle disagree on", write(small), *lines])


def _agree(case: Case) -> None:
    if differ(case):
        pytest.fail(_disagreement(case))


# ------------------------------------------------------------------ worked examples


def _examples() -> list[tuple[str, Case, list[Expect]]]:
    text = EXAMPLES.read_text(encoding="utf-8")
    found = re.findall(r"^## (.+?)\n.*?^```graph\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(title, *parse(graph)) for title, graph in found]


_EXAMPLES = _examples()


@pytest.mark.parametrize("case,expects", [e[1:] for e in _EXAMPLES], ids=[e[0] for e in _EXAMPLES])
def test_worked_example(case: Case, expects: list[Expect]) -> None:
    """Engine and oracle both say what the page says, and the page says something of every requirement it shows."""
    assert expects
    for name, answers in (("engine", engine(case)), ("oracle", oracle(case))):
        for e in expects:
            answer = answers[e.requirement]
            said = (answer.verdict, answer.reasons, case.via(answer.shown))
            assert said == (e.verdict, e.reasons, e.via), f"{name} on {e.requirement}"
        assert {e.requirement for e in expects} == set(answers), f"{name}: requirements with no expect line"


def test_every_heading_has_a_graph() -> None:
    text = EXAMPLES.read_text(encoding="utf-8")
    assert len(_EXAMPLES) == text.count("\n## ") == text.count("\n```graph") >= 12


def test_examples_meet_every_verdict_and_reason() -> None:
    expects = [e for _, _, es in _EXAMPLES for e in es]
    assert {e.verdict for e in expects} == {v.name for v in Verdict}
    assert {r for e in expects for r in e.reasons} == {r.value for r in Reason}


def test_line_format_round_trips() -> None:
    """What a failing test prints can be read back and gives the same answers."""
    for seed in range(60):
        case = random_case(Random(seed))
        again, _ = parse(write(case))
        assert engine(again) == engine(case)
        assert oracle(again) == oracle(case)


# ------------------------------------------------------------------ random graphs


@pytest.mark.parametrize("block", range(BLOCKS))
def test_engine_is_the_oracle(block: int) -> None:
    """Verdict, reasons, dispute, the shown chain's ids and the mask, on every requirement of seeded random graphs."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        _agree(random_case(Random(seed)))


@quick
@given(cases)
def test_engine_is_the_oracle_on_what_hypothesis_finds(case: Case) -> None:
    assert engine(case) == oracle(case), write(case)


def test_the_sample_is_worth_something() -> None:
    """Every verdict, every reason, and every corner of the rules that can be met occurs among the random graphs."""
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    disputed: Counter[str] = Counter()
    hops: Counter[int] = Counter()
    seen: Counter[str] = Counter()
    for seed in range(1500):
        asked = oracle_of(random_case(Random(seed)))
        for answer in asked.answers().values():
            verdicts[answer.verdict] += 1
            reasons.update(answer.reasons)
            disputed[answer.verdict] += answer.disputed
            hops[sum(1 for row in answer.shown[1::2] if row)] += 1
        seen.update(asked.seen)
    assert min(verdicts[v.name] for v in Verdict) >= 100, verdicts
    assert min(reasons[r.value] for r in Reason) >= 5, reasons
    assert min(disputed[v] for v in ("LEAD", "PARTIAL", "COVERED")) >= 5, disputed
    assert min(hops[h] for h in range(4)) >= 5, hops
    for corner in (
        "joint node active", "joint node stale", "joint node fresh beside stale", "pair ruled out",
        "disputed for a node ruled out", "sources contradict each other", "decided by authority", "decided by caution",
        "fresh by a record's own date", "stale by its own rule", "unreviewed beneath a joint node alone",
    ):  # fmt: skip
        assert seen[corner] >= 10, (corner, seen)
    assert seen["only together"] >= 1, seen


def test_joint_nodes_never_need_the_rule_of_lower_hop_limits() -> None:
    """All chains of a joint node begin with at_least, so all their masks leave superset_of open: they cannot
    contradict each other, and a longer walk never makes the outcome worse (test_relations proves the first half)."""
    for seed in range(600):
        asked = oracle_of(random_case(Random(seed)))
        asked.answers()
        assert not asked.seen["joint node stands by a lower hop limit"]


@pytest.mark.parametrize("max_hops", range(4))
@pytest.mark.parametrize("min_authority", list(Authority))
@pytest.mark.parametrize("reviewed_only", [False, True])
def test_every_filter(max_hops: int, min_authority: Authority, reviewed_only: bool) -> None:
    filter_ = Filter(max_hops=max_hops, min_authority=min_authority, reviewed_only=reviewed_only)
    for seed in range(25):
        _agree(replace(random_case(Random(f"{seed} {filter_}")), filter=filter_))


def test_hub_shaped_graphs_agree() -> None:
    for seed in range(6):
        case = hub_case(Random(seed))
        more = tuple(replace(c, id=f"{c.id}{i}", rows=hub_case(Random(seed + i)).controls[0].rows)
                     for i, c in enumerate(case.controls * 4))  # fmt: skip
        _agree(case)
        _agree(replace(case, controls=more))


# ------------------------------------------------------------------ what must always hold


def _worsened(before: Case, after: Case) -> list[str]:
    worse, better = results(before), results(after)
    return [id_ for id_ in worse if better[id_].verdict < worse[id_].verdict]


def _one_more(rng: Random, case: Case) -> Case:
    """The case with another implemented control: sometimes stale, sometimes for one system, sometimes with the name of
    one that would come first in a tie."""
    others = [c for c in random_case(rng).controls if c.rows] or list(case.controls)
    targets = [*case.references, *(p.id for p in case.provisions), *(j.id for j in case.joints)]
    rows = tuple(replace(row, target=rng.choice(targets)) for row in rng.choice(others).rows)
    rows = tuple({r.target: r for r in rows}.values())
    more = Control(
        rng.choice(("0", "Z")), "", rng.choice((ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)), rows,
        evidence_date=rng.choice((None, case.as_of)),
        systems=(case.profile.systems[0].id,) if case.profile and case.profile.systems and rng.random() < 0.3 else (),
    )  # fmt: skip
    return replace(case, controls=(*case.controls, more))


def test_adding_an_implemented_control_never_worsens() -> None:
    disputes = 0
    for seed in range(1000):
        rng = Random(f"more {seed}")
        case = random_case(rng)
        after = _one_more(rng, case)
        assert not _worsened(case, after), write(shrunk(after, lambda c: any(
            _worsened(replace(c, controls=c.controls[:i] + c.controls[i + 1 :]), c) for i in range(len(c.controls))
        )))  # fmt: skip
        disputes += any(Reason.DISPUTED in r.reasons for r in results(after).values())
    assert disputes > 50, "the property means little on graphs without disputes"


def test_removing_a_control_never_improves() -> None:
    for seed in range(400):
        case = random_case(Random(f"less {seed}"))
        for i, control in enumerate(case.controls):
            fewer = replace(case, controls=case.controls[:i] + case.controls[i + 1 :])
            assert not _worsened(fewer, case), (control.id, write(case))


@quick
@given(cases, st.randoms(use_true_random=False))
def test_adding_never_worsens_on_what_hypothesis_finds(case: Case, rng: Random) -> None:
    after = _one_more(rng, case)
    assert not _worsened(case, after), write(after)


def test_implementing_a_control_never_worsens() -> None:
    """A control that goes from planned to partial to implemented moves no verdict down."""
    for seed in range(400):
        case = random_case(Random(f"status {seed}"))
        stages = [
            replace(case, controls=(replace(case.controls[0], status=status), *case.controls[1:]))
            for status in (ControlStatus.PLANNED, ControlStatus.PARTIAL, ControlStatus.IMPLEMENTED)
        ]
        assert not _worsened(stages[0], stages[1]), write(case)
        assert not _worsened(stages[1], stages[2]), write(case)


def _shuffled(rng: Random, case: Case) -> Case:
    def mixed(things: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(rng.sample(things, len(things)))

    return replace(
        case,
        provisions=mixed(case.provisions),
        parts=mixed(case.parts),
        joints=mixed(tuple(replace(j, members=mixed(j.members)) for j in case.joints)),
        sets=mixed(case.sets),
        rows=mixed(case.rows),
        references=mixed(case.references),
        controls=mixed(tuple(replace(c, rows=mixed(c.rows)) for c in case.controls)),
    )


def test_nothing_depends_on_order() -> None:
    """Controls, their rows, mapping rows, sets, parts, joint members: in any order the results are the same objects,
    explanations included."""
    for seed in range(500):
        rng = Random(f"order {seed}")
        case = random_case(rng)
        plain, mixed = results(case), results(_shuffled(rng, case))
        assert list(plain) == list(mixed)
        for id_, result in plain.items():
            assert _comparable(result) == _comparable(mixed[id_]), write(case)


def _comparable(result: RequirementResult) -> RequirementResult:
    """A result whose joint members, which are shown in the order the catalogue names them, are sorted."""
    e = result.explanation
    return replace(result, explanation=replace(e, members=tuple(sorted(e.members)))) if e else result


def test_asking_twice_and_in_another_order_is_the_same() -> None:
    """One assessment, asked for frameworks and requirements in any order, answers as a fresh one does."""
    for seed in range(100):
        case = random_case(Random(f"twice {seed}"))
        asked = assessment(case)
        first = {f: asked.coverage(f) for f in reversed([*case.release.frameworks])}
        assert first == {f: asked.coverage(f) for f in reversed([*case.release.frameworks])}
        assert {r.requirement.id: r for c in first.values() for r in c.requirements} == results(case)


def test_an_empty_organisation_covers_nothing() -> None:
    for seed in range(200):
        for result in results(replace(random_case(Random(seed)), controls=())).values():
            assert result.verdict is Verdict.GAP
            assert result.explanation is None
            assert set(result.reasons) <= {Reason.NO_CONTROL, Reason.NO_MAPPING_IN_GRAPH}
            assert result.reasons[0] is Reason.NO_CONTROL


def test_one_control_alone_leaves_most_requirements_open() -> None:
    """On a graph of the real shape a single control says something of a few requirements and covers fewer."""
    for seed in range(20):
        verdicts = Counter(r.verdict for r in results(hub_case(Random(seed))).values())
        assert verdicts[Verdict.GAP] > 0.5 * verdicts.total(), verdicts
        assert verdicts[Verdict.COVERED] < 0.2 * verdicts.total(), verdicts


@pytest.mark.parametrize(
    "member, union, reviewed",
    [("", "", True), (" unreviewed", "", False), ("", " unreviewed", False)],
)
def test_a_row_that_a_joint_node_stands_on_is_a_row_of_the_answer(member: str, union: str, reviewed: bool) -> None:
    """`coveredReviewed` asks for every row: also those by which the members of the joint node are contained."""
    case = parse(f"""
        provision eu:1
        joint c:J = c:1 c:2
        row lab(project) iso:a superset_of c:1{member}
        row lab(project) c:J superset_of eu:1{union}
        control A implemented: iso:a equal
        control B implemented: c:2
        """)[0]
    asked = assessment(case).coverage("eu")
    assert asked.counts.covered == 1
    assert asked.counts.covered_reviewed == (1 if reviewed else 0)
    (result,) = asked.requirements
    assert result.explanation is not None
    assert result.explanation.reviewed is reviewed


def test_counts_add_up() -> None:
    for seed in range(150):
        case = random_case(Random(f"counts {seed}"))
        asked = assessment(case)
        for framework in case.release.frameworks:
            c = asked.coverage(framework).counts
            assert c.covered + c.partial + c.lead + c.gap == c.applicable
            assert c.applicable + c.not_applicable + c.not_yet_applicable == c.total
            assert c.covered_reviewed <= c.covered
            said = oracle(case)
            held = [r.requirement.id for r in asked.coverage(framework).requirements if r.applicable]
            both = [said[id_] for id_ in held if said[id_].verdict == "COVERED" and said[id_].reviewed]
            assert c.covered_reviewed == len(both)
            assert c.total == len(case.release.requirements(framework, case.as_of))
