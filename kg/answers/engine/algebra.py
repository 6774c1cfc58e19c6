"""The algebra of :mod:`kg.relations` over whole columns: composition, outcome, and all chains of a pair together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kg.relations import ALL, NO_RELATIONSHIP, Outcome, compose, inverse, outcome

__all__ = ["COMPOSE", "INVERSE", "OUTCOME", "Array", "Entries", "Pairs", "pairs", "rank_of"]

Array = npt.NDArray[Any]

#: ``COMPOSE[first << 5 | second]`` is what two masks say together.
COMPOSE = np.array([compose(a, b) for a in range(32) for b in range(32)], np.uint8)
#: ``INVERSE[mask]`` is what a mask says read the other way.
INVERSE = np.array([inverse(m) for m in range(32)], np.uint8)
#: Mask → outcome.
OUTCOME = np.array([outcome(m) for m in range(32)], np.int8)
_NEVER = np.iinfo(np.int64).max


class Entries(NamedTuple):
    """Chains, each of a contender (``who``, a number) to a target, in the order of (who, target).  ``rank`` is
    :func:`rank_of`; ``tie`` the order of ids among the chains of one pair."""

    who: Array
    target: Array
    mask: Array
    ruled: Array
    hops: Array
    authority: Array
    rank: Array
    tie: Array


class Pairs(NamedTuple):
    """Contender and target with what all their chains say together.  ``first`` is where a pair's entries begin,
    ``shown`` the entry of the chain that is shown, ``rank`` that chain's."""

    who: Array
    target: Array
    first: Array
    outcome: Array
    mask: Array
    disputed: Array
    shown: Array
    rank: Array


def distinct(values: Array) -> tuple[Array, Array]:
    """The values in order, each once, and where each first stands: ``numpy.unique`` of one dimension, which imports
    masked arrays for it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first], order[first]


def rank_of(hops: Array, parts: Array, authority: Array, strength: Array) -> Array:
    """What chains are ranked by before their ids, in 23 bits: fewest hops, fewest part steps, higher minimum
    authority, higher minimum strength; smallest first."""
    found = hops.astype(np.int64) << 10 | parts.astype(np.int64)
    return (found << 3 | (4 - authority.astype(np.int64))) << 7 | (127 - strength.astype(np.int64))


def pairs(e: Entries, *, prefer_clean: bool = True) -> Pairs:
    """:func:`kg.relations.combine` for every pair at once, with the chain to show: the best that says by itself what
    all say together (of an undisputed contains or overlaps one that is not ruled, if there is one; with
    ``prefer_clean`` off, any), or else the best."""
    size = len(e.who)
    if not size:
        none = np.empty(0, np.int64)
        return Pairs(none, none, none, none.astype(np.int8), none.astype(np.uint8), none.astype(bool), none, none)
    new = np.ones(size, bool)
    new[1:] = (e.who[1:] != e.who[:-1]) | (e.target[1:] != e.target[:-1])
    first = np.flatnonzero(new)
    pair = np.cumsum(new) - 1
    said = OUTCOME[e.mask]
    any_ruled = bool(e.ruled.any())
    keep = ~(e.ruled & (said == Outcome.LEAD)) if any_ruled else np.ones(size, bool)
    met, disputed, some = _meet(e, keep, first, pair)
    met = np.where(some, met, np.uint8(NO_RELATIONSHIP))
    disputed &= some
    result = OUTCOME[met]
    strong = result >= Outcome.OVERLAPS
    if any_ruled and (asked := strong & np.logical_or.reduceat(keep & e.ruled, first)).any():
        other, _, clean = _meet(e, keep & ~e.ruled, first, pair)
        disputed |= asked & ~(clean & (OUTCOME[other] == result))
    alike = said == result[pair]
    if any_ruled:
        alike &= keep
        tier = np.where(alike, e.ruled & (strong & ~disputed)[pair] & prefer_clean, 3 - (keep & prefer_clean))
    else:
        tier = np.where(alike, 0, 2)
    shown = _least(tier.astype(np.int64) << 40 | e.rank, e.tie, first, pair)
    return Pairs(e.who[first], e.target[first], first, result, met, disputed, shown, e.rank[shown])


def _meet(e: Entries, keep: Array, first: Array, pair: Array) -> tuple[Array, Array, Array]:
    """The masks kept intersected, or where they contradict each other what decides; whether they do; whether any is
    kept (the mask is then without meaning)."""
    met = np.bitwise_and.reduceat(np.where(keep, e.mask, np.uint8(ALL)), first)
    clash = met == 0
    if clash.any():
        at = np.flatnonzero(clash[pair] & keep)
        key = (e.hops[at].astype(np.int64) << 3 | (4 - e.authority[at].astype(np.int64))) << 10
        key |= OUTCOME[e.mask[at]].astype(np.int64) << 5 | e.mask[at]
        decides = np.minimum.reduceat(key, np.flatnonzero(np.diff(pair[at], prepend=-1)))
        met[clash] = decides & ALL
    return met, clash, np.logical_or.reduceat(keep, first)


def _least(key: Array, tie: Array, first: Array, group: Array) -> Array:
    """Of each group the member with the least key, then the least tie, then the first."""
    at = np.flatnonzero(key == np.minimum.reduceat(key, first)[group])
    if len(at) > len(first):
        begins = np.flatnonzero(np.diff(group[at], prepend=-1))
        least = np.repeat(np.minimum.reduceat(tie[at], begins), np.diff(np.append(begins, len(at))))
        at = at[tie[at] == least]
        at = at[np.flatnonzero(np.diff(group[at], prepend=-1))]
    return at


least = _least
