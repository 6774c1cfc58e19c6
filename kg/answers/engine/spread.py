"""What any single chain says, of many starts at once: each node has a bit for each of them, under each mask."""

from __future__ import annotations

from functools import reduce

import numpy as np

from kg.answers.engine.algebra import COMPOSE, INVERSE, Array
from kg.answers.engine.walk import View
from kg.relations import ALL, AT_LEAST, EQUAL

__all__ = ["either", "spread"]


def spread(view: View, first: Array, joints: dict[int, Array]) -> dict[int, Array]:
    """Mask → for each node the bits from which some walk comes to it with that mask.  ``first`` are the bits that set
    out from each node *equal* to it, ``joints`` those that set out with ``at_least`` after some hops."""
    a = view.arrays
    at = np.repeat(np.arange(a.nodes, dtype=np.int32), np.diff(a.edge_offsets[::3]))
    good = np.flatnonzero(view.usable(np.arange(len(at)), a.edge_to, view.standing[at]))
    at, to, says, row = at[good], a.edge_to[good], INVERSE[a.edge_mask[good]], a.edge_row[good] >= 0
    steps: dict[tuple[bool, int], tuple[Array, Array, Array]] = {}
    for hop in (False, True):
        for mask in np.unique(says[row == hop]).tolist():
            some = np.flatnonzero((row == hop) & (says == mask))
            begins = np.flatnonzero(np.diff(at[some], prepend=-1))
            steps[hop, mask] = (at[some][begins], to[some], begins)
    seen: dict[int, Array] = {}

    def take(mask: int, nodes: Array, bits: Array, new: dict[int, Array]) -> None:
        if mask not in seen:
            seen[mask] = np.zeros_like(first)
        known = seen[mask].take(nodes, axis=0)
        some = bits & ~known
        if not some.any():
            return
        if mask not in new:
            new[mask] = np.zeros_like(first)
        new[mask][nodes] |= some
        known |= some
        seen[mask][nodes] = known

    def go(hop: bool, front: dict[int, Array]) -> dict[int, Array]:
        new: dict[int, Array] = {}
        for (is_hop, says), (nodes, origin, begins) in steps.items():
            if is_hop != hop:
                continue
            after: dict[int, list[Array]] = {}
            for mask, bits in front.items():
                if (said := int(COMPOSE[mask << 5 | says])) != ALL:
                    after.setdefault(said, []).append(bits)
            for said, several in after.items():
                bits = reduce(np.bitwise_or, several)
                take(said, nodes, np.bitwise_or.reduceat(bits.take(origin, axis=0), begins, axis=0), new)
        return new

    level: dict[int, Array] = {}
    every = np.arange(a.nodes)
    take(EQUAL, every, first, level)
    for hops in range(view.max_hops + 1):
        if hops in joints:
            take(AT_LEAST, every, joints[hops], level)
        front = level
        while front:
            front = go(False, front)
            for mask, bits in front.items():
                level[mask] = level[mask] | bits if mask in level else bits
        if hops < view.max_hops:
            level = go(True, level)
    return seen


def either(seen: dict[int, Array], which: Array, like: Array) -> Array:
    """The bits of all masks that ``which`` has a flag for."""
    found = np.zeros_like(like)
    for mask, bits in seen.items():
        if which[mask]:
            found |= bits
    return found
