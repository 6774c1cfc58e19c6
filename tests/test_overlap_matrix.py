"""All cells at once against one source at a time, and the facts about masks that they stand on."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from itertools import product
from random import Random
from typing import Any

import numpy as np
from graphs import Case, cases, hub_case, parse, random_case, write
from hypothesis import HealthCheck, given, settings

from kg.answers import OverlapMatrix, Verdict, overlap_matrix
from kg.answers.engine.overlaps import overlap_counts
from kg.answers.graph import graph_of
from kg.model import Disclaimer
from kg.relations import (
    ALL,
    AT_LEAST,
    AT_MOST,
    EQUAL,
    INTERSECTS_WITH,
    NO_RELATIONSHIP,
    RELATED,
    RELATIONS,
    SUBSET_OF,
    SUPERSET_OF,
    Evidence,
    combine,
    compose,
    inverse,
    outcome,
)

one_by_one = import_module("kg.answers.overlap")._one_by_one

# ------------------------------------------------------------------ what masks allow

STEPS = {*RELATIONS.values(), *map(inverse, RELATIONS.values())} - {NO_RELATIONSHIP}


def _closure(first: set[int]) -> set[int]:
    found = set(first)
    while more := {compose(m, s) for m in found for s in STEPS} - found - {ALL}:
        found |= more
    return found


MASKS = _closure({EQUAL})  #: all that a chain of a control equal to a node can say
STRICT = {m for m in MASKS if not m & INTERSECTS_WITH}


def test_chains_that_hold_intersects_with_say_no_more_than_the_best_of_them() -> None:
    wide = MASKS - STRICT
    assert all(compose(m, s) & INTERSECTS_WITH for m, s in product(wide, STEPS))
    for size in (1, 2, 3):
        for masks in product(sorted(wide), repeat=size):
            said = combine(Evidence(m, 1, 1, False) for m in masks)
            assert (said.disputed, said.outcome) == (False, max(outcome(m) for m in masks))


def test_a_detour_says_no_more_than_the_way_without_it() -> None:
    ways = _closure(STEPS) | {EQUAL, ALL}
    for m, c, x in product(MASKS, ways, ways):
        assert outcome(compose(compose(m, c), x)) <= outcome(compose(m, x)), (m, c, x)


def _all(*steps: int) -> int:
    said = EQUAL
    for step in steps:
        said = compose(said, step)
    return said


def test_what_the_steps_of_a_strict_chain_and_of_one_that_denies_it_are() -> None:
    down, up = {EQUAL, SUPERSET_OF, AT_LEAST}, {EQUAL, SUBSET_OF, AT_MOST}
    for steps in product(sorted(STEPS), repeat=4):
        said = _all(*steps)
        if said == ALL:
            continue
        assert (said in STRICT) == ({*steps} <= down or {*steps} <= up), steps
        for way, bit in ((up, SUPERSET_OF), (down, SUBSET_OF)):
            one = steps.count(INTERSECTS_WITH) <= 1 and {*steps} <= way | {INTERSECTS_WITH}
            proper = one and (INTERSECTS_WITH in steps or {*steps} & (way - {EQUAL}) or bit)
            assert (not said & bit) <= bool(proper), steps
            if one and INTERSECTS_WITH in steps:
                assert not said & bit, steps
        if RELATED in steps:
            assert said == RELATED, steps


# ------------------------------------------------------------------ against one source at a time


def same(case: Case, **how: Any) -> OverlapMatrix:
    """The matrix of a case, which is what one source at a time says."""
    release = case.release
    asked = {"profile": case.profile, "as_of": case.as_of, "filter_": case.filter} | how
    every = [*release.frameworks, *release.catalogues]
    found = overlap_matrix(release, every, None, **asked)
    slow = one_by_one(release, every, list(release.frameworks), asked["profile"], asked["as_of"], asked["filter_"])
    assert found == slow, write(case)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases)
def test_all_cells_at_once_are_those_of_one_source_at_a_time(case: Case) -> None:
    same(case)


def test_disputes_joint_nodes_and_rulings_are_among_what_is_compared() -> None:
    disputed = ruled = joint = 0
    for seed in range(24):
        case = random_case(Random(f"cells {seed}")) if seed % 4 else hub_case(Random(seed))
        found = same(case)
        disputed += any(c.counts.disputed for c in found.cells)
        ruled += any(r.relation == "no_relationship" for r in case.rows)
        joint += bool(case.joints)
    assert min(disputed, ruled, joint) > 5


def test_counts_on_columns_are_those_of_the_matrix() -> None:
    compared = 0
    for seed in range(40):
        case = replace(random_case(Random(f"counts {seed}")), profile=None)
        release, f = case.release, case.filter
        found = overlap_matrix(release, None, None, None, case.as_of, f)
        if any(c.counts.total > c.counts.applicable for c in found.cells):
            continue  # Columns know of no dates.
        counts = overlap_counts(graph_of(release, case.as_of, f).view)
        cells = np.array([[c.counts.gap, c.counts.lead, c.counts.partial, c.counts.covered] for c in found.cells])
        assert counts.reshape(-1, len(Verdict)).tolist() == cells.tolist(), write(case)
        compared += 1
    assert compared > 10


def test_what_nothing_contradicts_is_shown_before_a_shorter_way_that_something_does() -> None:
    case, _ = parse("""
        provision eu:b group
        row p(project) iso:a superset_of eu:a
        row p(project) iso:a intersects_with eu:b
        row p(project) eu:b equal eu:a
        row q(published) iso:b superset_of c:1 unreviewed
        row q(published) c:1 superset_of eu:a
        """)
    found = same(case).cell("iso", "eu")
    assert (found.counts.covered, found.counts.disputed, found.counts.covered_reviewed) == (1, 0, 0)
    assert [(s.set, s.rows, s.reviewed) for s in found.rows.by_set] == [("q", 2, 1)]


def test_a_caution_about_three_frameworks_is_told_where_a_chain_passes_the_third() -> None:
    case, _ = parse("row p(project) iso:a superset_of gdpr:a\nrow p(project) gdpr:a superset_of eu:a")
    release = case.release
    caution = Disclaimer("d", "of three", ("iso", "gdpr", "eu"))
    release.__dict__["disclaimers"] = {caution.id: caution}
    for source, told in (("iso", True), ("eu", False)):
        found = overlap_matrix(release, [source], ["eu"], None, case.as_of)
        assert bool(found.disclaimers) == told
