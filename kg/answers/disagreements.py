"""Where mapping sets differ about the same two nodes, side by side: both stay, and a reader decides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from kg.model import Mapping
from kg.relations import inverse, word
from kg.release import Release
from kg.terms import natural_key, prefix_of

__all__ = ["Disagreement", "Statement", "disagreements"]


@dataclass(frozen=True, slots=True)
class Statement:
    """What one row says of a pair, turned so that it reads from the pair's first node."""

    relation: str
    row: Mapping
    authority: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two nodes of which several sets speak differently.  ``contradiction`` says that they cannot both be right;
    otherwise one only says more than the other.  ``relation`` is what all say together, empty for a contradiction."""

    subject: str
    object: str
    contradiction: bool
    relation: str
    statements: tuple[Statement, ...]


def disagreements(
    release: Release, *, frameworks: tuple[str, ...] = (), contradictions_only: bool = True
) -> tuple[Disagreement, ...]:
    """The pairs on which rows of different sets do not say the same, in reading order.

    ``frameworks`` keeps the pairs whose two ends lie in these; with ``contradictions_only`` unset the pairs are added
    where one set is merely more precise (a typed row beside a row that says *related*).
    """
    pairs: defaultdict[tuple[str, str], list[tuple[int, Mapping]]] = defaultdict(list)
    place = {f: i for i, f in enumerate(release.frameworks)}
    for m in release.mappings:
        ends = (prefix_of(m.subject), prefix_of(m.object))
        if frameworks and not set(ends) <= set(frameworks):
            continue
        first = (place.get(ends[0], 99), natural_key(m.subject)) <= (place.get(ends[1], 99), natural_key(m.object))
        pair, mask = ((m.subject, m.object), m.mask) if first else ((m.object, m.subject), inverse(m.mask))
        pairs[pair].append((mask, m))
    found = []
    for (subject, object_), rows in pairs.items():
        masks = {mask for mask, _ in rows}
        if len({m.set_id for _, m in rows}) < 2 or len(masks) < 2:
            continue
        common = 31
        for mask in masks:
            common &= mask
        if contradictions_only and common:
            continue
        statements = tuple(
            Statement(word(mask), m, release.sets[m.set_id].authority.value)
            for mask, m in sorted(rows, key=lambda r: (-release.sets[r[1].set_id].authority.level, r[1].set_id))
        )
        found.append(Disagreement(subject, object_, not common, word(common) if common else "", statements))
    order = {id_: i for i, id_ in enumerate([*release.provisions, *release.controls, *release.joints])}
    return tuple(sorted(found, key=lambda d: (order[d.subject], order[d.object])))
