"""Coverage on columns alone against the oracle, and the facts about masks that let many controls be walked as one."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import date
from itertools import product
from random import Random

import numpy as np
import pytest
from graphs import Case, hub_case, random_case, write
from oracle import Answer, Oracle

from benchmarks.arrays import SIZES, arrays, organization
from kg.answers import Reason, Verdict
from kg.answers.engine import Verdicts, View, merged, verdicts
from kg.answers.graph import Graph, graph_of
from kg.errors import UsageError
from kg.model import ControlStatus
from kg.relations import (
    ALL,
    AT_LEAST,
    NO_RELATIONSHIP,
    RELATED,
    RELATIONS,
    SUPERSET_OF,
    Evidence,
    combine,
    compose,
    inverse,
    outcome,
)

OWN = (SUPERSET_OF, AT_LEAST, RELATED)


# ------------------------------------------------------------------ what masks allow


def _closure(first: set[int], steps: set[int]) -> set[int]:
    found = set(first)
    while more := {compose(m, s) for m in found for s in steps} - found - {ALL}:
        found |= more
    return found


STEPS = {*RELATIONS.values(), *map(inverse, RELATIONS.values())} - {NO_RELATIONSHIP}
MASKS = _closure(set(OWN), STEPS)  #: all that a chain of such a control can say


def test_superset_of_is_never_lost() -> None:
    assert all(m & SUPERSET_OF for m in MASKS)
    assert all(compose(m, s) & SUPERSET_OF for m, s in product((m for m in range(32) if m & SUPERSET_OF), range(1, 32)))


def test_such_chains_together_say_no_more_than_the_best_of_them() -> None:
    for size in (1, 2, 3, 4):
        for masks in product(sorted(MASKS), repeat=size):
            said = combine(Evidence(m, 1, 1, False) for m in masks)
            assert not said.disputed
            assert said.outcome is max(outcome(m) for m in masks), masks


def test_a_detour_says_no_more_than_the_way_without_it() -> None:
    """Also where the rows of the detour contradict each other."""
    detours = _closure(STEPS, STEPS) | {ALL}
    after = _closure(STEPS, STEPS) | {1, ALL}
    for m, c, x in product(MASKS, detours, after):
        assert outcome(compose(compose(m, c), x)) <= outcome(compose(m, x)), (m, c, x)


def test_a_mask_that_says_no_less_stays_so() -> None:
    for wide, narrow, step in product(MASKS, MASKS, STEPS):
        if not narrow & ~wide:
            assert not compose(narrow, step) & ~compose(wide, step)
            assert outcome(narrow) >= outcome(wide)


# ------------------------------------------------------------------ against the oracle


def plain(case: Case) -> Case:
    """The case with implemented controls whose rows all hold ``superset_of``, and nothing that limits them."""
    controls = []
    for i, c in enumerate(case.controls):
        rows = tuple(replace(r, mask=r.mask if r.mask in OWN else OWN[(i + len(r.target)) % 3]) for r in c.rows)
        status = ControlStatus.IMPLEMENTED if i % 2 else ControlStatus.ALTERNATIVE
        controls.append(replace(c, status=status, rows=rows, systems=(), evidence=(), evidence_date=None,
                                max_evidence_age_days=None))  # fmt: skip
    return replace(case, controls=tuple(controls), profile=None)


def asked(case: Case, about: Container[str] | None = None) -> tuple[Graph, Verdicts, list[str]]:
    """The columns' answer, or that of a view asked only about some nodes, and the names of the contenders."""
    graph = graph_of(case.release, case.as_of, case.filter)
    ordered = sorted(case.controls, key=lambda c: c.id)
    rows = [(i, graph.arrays.node(r.target), r.mask) for i, c in enumerate(ordered) for r in c.rows]
    control, start, mask = (np.array([r[k] for r in rows], np.int64) for k in range(3))
    names = [c.id for c in ordered] + [graph.name(j) for j in graph.arrays.joint_node]
    names = names[: int(control.max(initial=-1)) + 1] + names[len(ordered) :]
    order = np.argsort(np.argsort(np.array(names)))
    view = graph.view
    if about is not None:
        view = view.about(np.array([graph.name(n) in about for n in range(graph.arrays.nodes)]))
    found = verdicts(view, control, start, mask.astype(np.uint8), order=order, coverable=graph.is_coverable)
    return graph, found, names


Told = tuple[str, tuple[str, ...], bool, tuple[str, ...]]


def answers(case: Case, about: Container[str] | None = None) -> dict[str, Told]:
    """Every requirement (of those asked about) → verdict, reasons, dispute and chain, of the columns."""
    graph, found, names = asked(case, about)
    told: dict[str, Told] = {}
    for framework in case.release.frameworks:
        for requirement in graph.requirements(framework):
            if about is not None and requirement.id not in about:
                continue
            node = graph.arrays.node(requirement.id)
            ids: tuple[str, ...] = ()
            if found.contender[node] >= 0:
                first, edges = found.chain(node)
                start = int(found.own.start[first])
                assert found.own.who[first] == found.contender[node]
                steps = graph.steps(start, edges)
                ids = (
                    names[found.contender[node]],
                    "",
                    graph.name(start),
                    *(i for s in steps for i in (s.row, s.object)),
                )
                [again], [path] = found.chains(np.array([node]))
                assert (again, [e for e in path.tolist() if e >= 0]) == (first, edges)
            reasons = tuple(r.value for i, r in enumerate(Reason) if found.reasons[node] >> i & 1)
            told[requirement.id] = (Verdict(int(found.verdict[node])).name, reasons, bool(found.disputed[node]), ids)
    return told


def by_oracle(case: Case) -> dict[str, Told]:
    """The same of the oracle."""
    f = case.filter
    found: dict[str, Answer] = Oracle(
        case.release, case.controls, case.profile, case.as_of,
        max_hops=f.max_hops, min_authority=f.min_authority, reviewed_only=f.reviewed_only, sets=f.sets,
    ).answers()  # fmt: skip
    return {id_: (a.verdict, a.reasons, a.disputed, a.shown) for id_, a in found.items()}


@pytest.mark.parametrize("block", range(4))
def test_the_columns_say_what_the_oracle_says(block: int) -> None:
    disputed = joint = 0
    for seed in range(block * 500, (block + 1) * 500):
        case = plain(random_case(Random(f"plain {seed}")))
        if seed % 2:  # without rows that rule out, so that the merged walk alone decides
            case = replace(case, rows=tuple(r for r in case.rows if r.relation != "no_relationship"))
        found = answers(case)
        assert found == by_oracle(case), write(case)
        disputed += any(each[2] for each in found.values())
        joints = {j.id for j in case.joints}
        joint += any(not joints.isdisjoint(each[3][:1]) for each in found.values())
    assert disputed > 5
    assert joint > 5


@pytest.mark.parametrize(("piece", "few"), [(3, 0), (1, 1 << 15), (1 << 15, 0)])
def test_pieces_and_what_is_left_out_change_nothing(piece: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level in pieces of a few steps, with and without asking which labels are needless, says the same."""
    monkeypatch.setattr(merged, "_PIECE", piece)
    monkeypatch.setattr(merged, "_FEW", few)
    for seed in range(120):
        case = plain(random_case(Random(f"plain {seed}")))
        assert answers(case) == by_oracle(case), write(case)
    case = plain(hub_case(Random(1)))
    assert answers(case) == by_oracle(case)


def test_a_large_graph_in_pieces_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nodes have many labels: all columns and chains; to ask what is needless never costs a step."""
    view = View(arrays(SIZES["small"]), date(2026, 1, 1))
    own, nodes = organization(view.arrays), np.arange(view.arrays.nodes)
    whole = verdicts(view, *own)
    for piece, few in ((7, 0), (64, 4), (1 << 15, 1 << 15)):
        monkeypatch.setattr(merged, "_PIECE", piece)
        monkeypatch.setattr(merged, "_FEW", few)
        cut = verdicts(view, *own)
        for name in ("verdict", "reasons", "contender", "hops", "parts", "authority", "strength"):
            assert np.array_equal(getattr(cut, name), getattr(whole, name)), (name, piece, few)
        for one, other in zip(cut.chains(nodes), whole.chains(nodes), strict=True):
            assert np.array_equal(one, other)
        assert (cut.looked_at <= whole.looked_at) if few < 16 else (cut.looked_at >= whole.looked_at)


def hubs(seed: int) -> Case:
    """A case of hubs with many controls."""
    case = plain(hub_case(Random(seed)))
    more = tuple(replace(c, id=f"{c.id}{i}", rows=plain(hub_case(Random(seed + i))).controls[0].rows)
                 for i, c in enumerate(case.controls * 4))  # fmt: skip
    return replace(case, controls=more)


def test_the_columns_say_what_the_oracle_says_of_hubs() -> None:
    for seed in range(6):
        many = hubs(seed)
        assert answers(many) == by_oracle(many)


def test_who_asks_about_less_is_told_the_same() -> None:
    """Of all requirements, of some and of one: what leads to none of them is left out, and nothing else."""
    fewer = 0
    for seed in range(500):
        random = Random(f"about {seed}")
        case = hubs(seed) if seed < 3 else plain(random_case(random))
        if seed % 2:
            case = replace(case, rows=tuple(r for r in case.rows if r.relation != "no_relationship"))
        told = by_oracle(case)
        looked_at = asked(case)[1].looked_at
        for size in {len(told), random.randint(0, len(told)), min(1, len(told))}:
            about = {*random.sample(sorted(told), size)}
            assert answers(case, about) == {id_: told[id_] for id_ in about}, (about, write(case))
            steps = asked(case, about)[1].looked_at
            assert steps <= looked_at
            fewer += steps < looked_at
    assert fewer > 50


def test_a_row_without_superset_of_is_refused() -> None:
    graph = graph_of(random_case(Random(1)).release, random_case(Random(1)).as_of, random_case(Random(1)).filter)
    with pytest.raises(UsageError, match="superset_of"):
        verdicts(graph.view, np.array([0]), np.array([0]), np.array([2], np.uint8))
