"""The algebra of relations against brute force."""

from __future__ import annotations

import doctest
from functools import reduce
from itertools import combinations, product

import oracle
import pytest

import kg.relations
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
    Combined,
    Evidence,
    Outcome,
    base_relation,
    combine,
    compose,
    inverse,
    outcome,
    sentence,
    word,
)

BASE = (EQUAL, SUBSET_OF, SUPERSET_OF, INTERSECTS_WITH, NO_RELATIONSHIP)
MASKS = range(32)
SUBSETS = [frozenset(c) for size in range(1, 6) for c in combinations(range(5), size)]
WORD = {w: RELATIONS[w] for w in oracle.BASE}


def test_doctests() -> None:
    found = doctest.testmod(kg.relations)
    assert found.attempted >= 5
    assert found.failed == 0


def test_base_relation_is_what_the_sets_say() -> None:
    for a, b in product(SUBSETS, repeat=2):
        assert base_relation(a, b) == WORD[oracle.between(a, b)]


def test_composition_is_brute_force_over_all_triples() -> None:
    """All 31³ triples of non-empty subsets of a five-element set: nothing that occurs is missing, and nothing is
    allowed that does not occur."""
    pairs = {(a, b): WORD[oracle.between(a, b)] for a, b in product(SUBSETS, repeat=2)}
    found = dict.fromkeys(product(BASE, repeat=2), 0)
    triples = 0
    for a, b, c in product(SUBSETS, repeat=3):
        found[pairs[a, b], pairs[b, c]] |= pairs[a, c]
        triples += 1
    assert triples == 31**3
    for (first, second), together in found.items():
        assert compose(first, second) == together, (word(first), word(second))


def test_composition_of_masks_is_the_union_of_their_base_relations() -> None:
    for first, second in product(MASKS, repeat=2):
        by_hand = reduce(int.__or__, (compose(x, y) for x in BASE for y in BASE if first & x and second & y), 0)
        assert compose(first, second) == by_hand
        by_oracle = oracle.compose(oracle.knowledge(first), oracle.knowledge(second))
        assert oracle.mask_of(by_oracle) == compose(first, second)


def test_composition_is_associative() -> None:
    for a, b, c in product(MASKS, repeat=3):
        assert compose(compose(a, b), c) == compose(a, compose(b, c))


def test_equal_is_the_identity() -> None:
    for mask in MASKS:
        assert compose(EQUAL, mask) == mask == compose(mask, EQUAL)


def test_all_absorbs_everything_known() -> None:
    """Why a chain that says nothing may end: no longer one could say more, read from either end."""
    for mask in MASKS[1:]:
        assert compose(ALL, mask) == ALL == compose(mask, ALL)
    assert compose(ALL, 0) == 0 == compose(0, ALL)


def test_composition_is_monotone() -> None:
    """Knowing more of a step never makes the chain say less."""
    for a, b in product(MASKS, repeat=2):
        if a & b != a:
            continue  # a is not a part of b
        for c in MASKS:
            assert compose(a, c) & compose(b, c) == compose(a, c)
            assert compose(c, a) & compose(c, b) == compose(c, a)


def test_composition_distributes_over_union() -> None:
    for a, b, c in product(MASKS, repeat=3):
        assert compose(a | b, c) == compose(a, c) | compose(b, c)


def test_inverse() -> None:
    assert inverse(SUBSET_OF) == SUPERSET_OF
    assert inverse(AT_LEAST) == AT_MOST
    for mask in MASKS:
        assert inverse(inverse(mask)) == mask
        assert oracle.mask_of(oracle.inverse(oracle.knowledge(mask))) == inverse(mask)
    for a, b in product(SUBSETS, repeat=2):
        assert inverse(base_relation(a, b)) == base_relation(b, a)


def test_inverse_turns_a_chain_round() -> None:
    for a, b in product(MASKS, repeat=2):
        assert inverse(compose(a, b)) == compose(inverse(b), inverse(a))


def test_what_the_founding_rules_say_of_composition() -> None:
    assert compose(SUPERSET_OF, SUBSET_OF) == RELATED
    assert compose(SUBSET_OF, SUPERSET_OF) == ALL
    assert compose(INTERSECTS_WITH, INTERSECTS_WITH) == ALL
    assert outcome(compose(AT_LEAST, AT_LEAST)) is Outcome.CONTAINS
    assert outcome(compose(INTERSECTS_WITH, AT_LEAST)) is Outcome.LEAD


def test_whatever_begins_with_at_least_leaves_superset_open() -> None:
    """So the chains of a joint node, or of a control whose own rows all allow superset_of, never contradict each
    other."""
    for first, mask in product(MASKS, MASKS[1:]):
        if first & SUPERSET_OF:
            assert compose(first, mask) & SUPERSET_OF


def test_relations_are_the_words_of_the_rules() -> None:
    assert RELATIONS == {
        "equal": 1, "subset_of": 2, "superset_of": 4, "intersects_with": 8, "no_relationship": 16,
        "at_least": 5, "at_most": 3, "related": 15,
    }  # fmt: skip
    assert {w: oracle.mask_of(k) for w, k in oracle.WORDS.items()} == RELATIONS


@pytest.mark.parametrize("mask", MASKS)
def test_word(mask: int) -> None:
    """One of the relations, or the base relations joined; it can be read back, and no two masks share one."""
    text = word(mask)
    if mask in RELATIONS.values():
        assert RELATIONS[text] == mask
    else:
        assert text.split("|") == [w for w in oracle.BASE if WORD[w] & mask] or (mask, text) == (0, "")
    assert sum(1 for other in MASKS if word(other) == text) == 1


@pytest.mark.parametrize("mask", MASKS[1:])
def test_sentence(mask: int) -> None:
    """A sentence names both ends, subject first, says what it means in plain words, and no two masks share one."""
    text = sentence("AC-1", mask, "eu:1")
    assert text.startswith("AC-1 ")
    assert "eu:1" in text
    assert "{" not in text
    assert "|" not in text
    assert sum(1 for other in MASKS[1:] if sentence("AC-1", other, "eu:1") == text) == 1


@pytest.mark.parametrize("mask", MASKS)
def test_outcome(mask: int) -> None:
    names = {
        oracle.CONTAINS: Outcome.CONTAINS, oracle.OVERLAPS: Outcome.OVERLAPS, oracle.LEAD: Outcome.LEAD,
        oracle.RULED_OUT: Outcome.RULED_OUT, oracle.NOTHING: Outcome.NOTHING,
    }  # fmt: skip
    assert outcome(mask) is names[oracle.outcome(oracle.knowledge(mask))]


def test_outcome_is_sound() -> None:
    """Contains, overlaps and ruled out hold of every pair of sets that the mask allows."""
    for mask, a, b in product(MASKS, SUBSETS, SUBSETS):
        if base_relation(a, b) & mask:
            said = outcome(mask)
            assert said is not Outcome.CONTAINS or a >= b
            assert said is not Outcome.OVERLAPS or a & b
            assert said is not Outcome.RULED_OUT or not a & b


def test_outcomes_are_ordered_from_most_cautious() -> None:
    assert Outcome.NOTHING < Outcome.RULED_OUT < Outcome.LEAD < Outcome.OVERLAPS < Outcome.CONTAINS


def _meet(*chains: tuple[int, int, int, bool]) -> Combined:
    return combine(Evidence(*c) for c in chains)


def test_combine_nothing() -> None:
    assert _meet() == Combined(Outcome.NOTHING, ALL, False)
    assert _meet((ALL, 1, 1, False)) == Combined(Outcome.NOTHING, ALL, False)


def test_combine_intersects() -> None:
    assert _meet((AT_LEAST, 2, 0, False), (AT_MOST, 1, 4, False)) == Combined(Outcome.CONTAINS, EQUAL, False)


def test_combine_decides_by_hops_then_authority_then_caution_then_mask() -> None:
    far = (SUBSET_OF, 2, 4, False)
    assert _meet((SUPERSET_OF, 1, 0, False), far) == Combined(Outcome.CONTAINS, SUPERSET_OF, True)
    assert _meet((SUPERSET_OF, 1, 3, False), (SUBSET_OF, 1, 2, False)) == Combined(Outcome.CONTAINS, SUPERSET_OF, True)
    assert _meet((SUPERSET_OF, 1, 2, False), (SUBSET_OF, 1, 2, False)) == Combined(Outcome.OVERLAPS, SUBSET_OF, True)
    assert _meet((EQUAL, 1, 2, False), (SUPERSET_OF, 1, 2, False)) == Combined(Outcome.CONTAINS, EQUAL, True)


def test_combine_rules_out() -> None:
    lead = SUBSET_OF | INTERSECTS_WITH | NO_RELATIONSHIP
    assert _meet((lead, 1, 1, True)) == Combined(Outcome.RULED_OUT, NO_RELATIONSHIP, False)
    assert _meet((lead, 1, 1, True), (lead, 2, 1, False)) == Combined(Outcome.LEAD, lead, False)
    assert _meet((SUBSET_OF, 1, 1, True)) == Combined(Outcome.OVERLAPS, SUBSET_OF, True)
    assert _meet((SUBSET_OF, 1, 1, True), (SUBSET_OF, 2, 1, False)) == Combined(Outcome.OVERLAPS, SUBSET_OF, False)
    assert _meet((SUPERSET_OF, 1, 1, True), (RELATED, 2, 1, False)) == Combined(Outcome.CONTAINS, SUPERSET_OF, True)
