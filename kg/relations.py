"""The algebra of set relations (RCC5) that every answer stands on.  Pure: imports nothing of ours.

A provision or a control is read as the non-empty set of what it asks or does.  Between two such sets
exactly one of five *base relations* holds; the words are those of NIST IR 8477.  What is *known* is a
set of base relations: a 5-bit mask.  A bit set means "may hold"; all five set means "nothing known".

    >>> word(compose(SUPERSET_OF, SUPERSET_OF))
    'superset_of'
    >>> compose(INTERSECTS_WITH, INTERSECTS_WITH) == ALL      # two overlaps say nothing together
    True

Source of the composition: Cohn, Bennett, Gooday, Gotts, "Qualitative Spatial Representation and
Reasoning with the Region Connection Calculus" (GeoInformatica 1, 1997), RCC5.  The table is not typed
in but derived, from the 127 ways in which three sets can fill the seven regions of a Venn diagram.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from itertools import product
from typing import NamedTuple

__all__ = [
    "ALL", "AT_LEAST", "AT_MOST", "EQUAL", "INTERSECTS_WITH", "NO_RELATIONSHIP", "RELATED", "RELATIONS",
    "SUBSET_OF", "SUPERSET_OF", "Combined", "Evidence", "Outcome", "base_relation", "combine", "compose", "inverse",
    "outcome", "sentence", "word",
]  # fmt: skip

EQUAL = 1
SUBSET_OF = 2
SUPERSET_OF = 4
INTERSECTS_WITH = 8
NO_RELATIONSHIP = 16
ALL = 31
AT_LEAST = EQUAL | SUPERSET_OF
AT_MOST = EQUAL | SUBSET_OF
RELATED = ALL & ~NO_RELATIONSHIP

_BASE = {
    "equal": EQUAL,
    "subset_of": SUBSET_OF,
    "superset_of": SUPERSET_OF,
    "intersects_with": INTERSECTS_WITH,
    "no_relationship": NO_RELATIONSHIP,
}
#: Every word a row may use → its mask.
RELATIONS: dict[str, int] = {**_BASE, "at_least": AT_LEAST, "at_most": AT_MOST, "related": RELATED}
_WORDS = {mask: name for name, mask in RELATIONS.items()}


class Outcome(IntEnum):
    """What a mask says of a control against a requirement, least first."""

    NOTHING = 0
    RULED_OUT = 1
    LEAD = 2
    OVERLAPS = 3
    CONTAINS = 4


def _derive() -> list[list[int]]:
    table = [[0] * 32 for _ in range(32)]
    for x, y in product(range(5), repeat=2):
        table[1 << x][1 << y] = _base_table[x][y]
    for a, b in product(range(1, 32), repeat=2):  # what may hold of either of two may hold
        first, second = a & -a, b & -b
        table[a][b] = table[first][second] | table[a ^ first][second] | table[first][b ^ second]
        table[a][b] |= table[a ^ first][b ^ second]
    return table


def base_relation(a: frozenset[int], b: frozenset[int]) -> int:
    """The one base relation between two non-empty sets.

    >>> word(base_relation(frozenset({1, 2}), frozenset({2})))
    'superset_of'
    """
    return _relation_of(a, b, a & b)


def _relation_of(a: object, b: object, common: object) -> int:
    if common == a:
        return EQUAL if common == b else SUBSET_OF
    if common == b:
        return SUPERSET_OF
    return INTERSECTS_WITH if common else NO_RELATIONSHIP


def _derive_base() -> list[list[int]]:
    """For each pair of base relations A–B, B–C: which may hold A–C.  A region of the Venn diagram of three
    sets is a number 1–7 whose bits say which sets it lies in; which regions are non-empty is all that counts."""
    table = [[0] * 5 for _ in range(5)]
    regions = [sum(1 << r for r in range(1, 8) if r >> s & 1) for s in range(3)]
    for filled in range(2, 256, 2):
        a, b, c = (filled & inside for inside in regions)
        if a and b and c:
            ab, bc, ac = _relation_of(a, b, a & b), _relation_of(b, c, b & c), _relation_of(a, c, a & c)
            table[ab.bit_length() - 1][bc.bit_length() - 1] |= ac
    return table


_base_table = _derive_base()
_TABLE = _derive()
_INVERSE = [
    (m & (EQUAL | INTERSECTS_WITH | NO_RELATIONSHIP))
    | (SUPERSET_OF if m & SUBSET_OF else 0)
    | (SUBSET_OF if m & SUPERSET_OF else 0)
    for m in range(32)
]
_OUTCOME = [
    Outcome.NOTHING if m in (0, ALL)
    else Outcome.CONTAINS if not m & ~AT_LEAST
    else Outcome.OVERLAPS if not m & NO_RELATIONSHIP
    else Outcome.RULED_OUT if m == NO_RELATIONSHIP
    else Outcome.LEAD
    for m in range(32)
]  # fmt: skip


def compose(first: int, second: int) -> int:
    """What is known of A–C when A–B is in ``first`` and B–C in ``second``."""
    return _TABLE[first][second]


def inverse(mask: int) -> int:
    """The same knowledge read from the other end: subset_of and superset_of change places."""
    return _INVERSE[mask]


def outcome(mask: int) -> Outcome:
    """Contains, overlaps, lead or ruled out, read from a control's side; an empty or full mask says nothing."""
    return _OUTCOME[mask]


class Evidence(NamedTuple):
    """What one chain contributes to the judgement of one control against one requirement.

    ``authority`` is the lowest level of the rows it stands on; ``ruled`` says that it passes a node which some row
    declares to have nothing to do with the requirement.
    """

    mask: int
    hops: int
    authority: int
    ruled: bool


class Combined(NamedTuple):
    """All chains of one control and one requirement taken together."""

    outcome: Outcome
    mask: int
    disputed: bool


def _meet(chains: list[Evidence]) -> Combined:
    mask = ALL
    for chain in chains:
        mask &= chain.mask
    if mask:
        return Combined(outcome(mask), mask, False)
    decisive = min(chains, key=lambda c: (c.hops, -c.authority, outcome(c.mask), c.mask))
    return Combined(outcome(decisive.mask), decisive.mask, True)


def combine(chains: Iterable[Evidence]) -> Combined:
    """All chains of one control and one requirement taken together (``docs/semantics.md``).

    1. A lead that passes a ruled-out node is taken away; if nothing is left the pair is ruled out.
    2. What is left speaks of the same two sets, so the masks are intersected.  If nothing remains the sources
       contradict each other: fewest hops, then higher authority, then the more cautious decides, disputed.
    3. A contains or overlaps that would not stand without chains through a ruled-out node is disputed.

    >>> combine([Evidence(SUPERSET_OF | INTERSECTS_WITH, 1, 1, False), Evidence(AT_LEAST, 2, 1, False)]).outcome.name
    'CONTAINS'
    """
    given = [c for c in chains if 0 < c.mask < ALL]
    kept = [c for c in given if not (c.ruled and outcome(c.mask) is Outcome.LEAD)]
    if not kept:
        return Combined(Outcome.RULED_OUT if given else Outcome.NOTHING, NO_RELATIONSHIP if given else ALL, False)
    found = _meet(kept)
    if found.outcome < Outcome.OVERLAPS or not any(c.ruled for c in kept):
        return found
    clean = [c for c in kept if not c.ruled]
    stands = bool(clean) and _meet(clean).outcome is found.outcome
    return found._replace(disputed=found.disputed or not stands)


def word(mask: int) -> str:
    """The mask in words: one of :data:`RELATIONS`, or the base relations joined by ``|``.

    >>> word(SUPERSET_OF | INTERSECTS_WITH)
    'superset_of|intersects_with'
    """
    return _WORDS.get(mask) or "|".join(name for name, bit in _BASE.items() if mask & bit)


_SENTENCES = {
    EQUAL: "does exactly what {} asks",
    SUBSET_OF: "does only a part of what {} asks",
    SUPERSET_OF: "does all that {} asks, and more",
    INTERSECTS_WITH: "does some of what {} asks, and other things besides",
    NO_RELATIONSHIP: "does nothing of what {} asks",
    AT_LEAST: "does at least all that {} asks",
    AT_MOST: "does at most what {} asks",
    RELATED: "has something to do with {}; how much is not said",
}


def sentence(subject: str, mask: int, object_: str) -> str:
    """One relation as a sentence, read from the subject: what every preview shows before it is believed.

    >>> sentence("AC-1", SUPERSET_OF, "iso42001:A.4.2")
    'AC-1 does all that iso42001:A.4.2 asks, and more'
    """
    template = _SENTENCES.get(mask)
    if template is None:
        return f"{subject} {word(mask).replace('|', ' or ')} {object_}"
    return f"{subject} {template.format(object_)}"
