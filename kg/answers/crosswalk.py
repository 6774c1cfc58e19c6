"""Crosswalk between any two frameworks (or a catalogue and a framework): what is said, and apart from it what follows.

Direct rows are somebody's assertions.  Derived relations are computed from chains and never stored: every
one names the chain it stands on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from kg.answers.coverage import StepView, step_views
from kg.answers.filter import Filter
from kg.model import Authority, Disclaimer, Mapping, NonCoverage
from kg.relations import NO_RELATIONSHIP, Outcome, inverse, word
from kg.release import Release
from kg.terms import prefix_of

if TYPE_CHECKING:
    from kg.answers.graph import Graph

__all__ = ["Crosswalk", "CrosswalkRow", "DerivedRow", "Side", "crosswalk"]


@dataclass(frozen=True, slots=True)
class CrosswalkRow:
    """One assertion, turned round if needed so that it reads from the first framework to the second."""

    subject: str
    relation: str
    object: str
    row: Mapping
    turned: bool


@dataclass(frozen=True, slots=True)
class DerivedRow:
    """What follows between two requirements that no row joins directly."""

    subject: str
    relation: str
    object: str
    outcome: str
    disputed: bool
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One framework's side: of how many items how many have a direct row, by relation, and which have none.  A row that
    says *no relationship* does not count as mapped."""

    framework: str
    title: str
    total: int
    mapped: int
    contained: int
    by_relation: tuple[tuple[str, int], ...]
    unmapped: tuple[str, ...]
    looked_at: int


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Both directions between two frameworks.  ``left_out`` are controls of one side that the project looked at and
    found no counterpart for on the other."""

    source: str
    target: str
    release: str
    as_of: date
    method: str
    rows: tuple[CrosswalkRow, ...]
    derived: tuple[DerivedRow, ...]
    sides: tuple[Side, Side]
    disclaimers: tuple[Disclaimer, ...]
    left_out: tuple[NonCoverage, ...] = ()


def _items(graph: Graph, name: str) -> dict[str, str]:
    """Id → title of the items counted on one side: requirements, or a catalogue's controls."""
    release = graph.release
    if name in release.frameworks:
        return {r.id: r.title for r in graph.requirements(name)}
    if name in release.catalogues:
        found = {c.id: c.title for c in release.controls.values() if c.catalogue == name}
        return found | {j.id: j.title for j in release.joints.values() if j.catalogue == name}
    raise release.unknown(name, [*release.frameworks, *release.catalogues])


def _title(release: Release, name: str) -> str:
    return release.frameworks[name].title if name in release.frameworks else release.catalogues[name].title


def crosswalk(
    release: Release,
    source: str,
    target: str,
    *,
    as_of: date | None = None,
    filter_: Filter | None = None,
    derived: bool = True,
) -> Crosswalk:
    """The crosswalk from ``source`` to ``target``, ids of frameworks or catalogues.

    Raises :class:`~kg.errors.UnknownIdError` where one does not exist.
    """
    from kg.answers.graph import graph_of

    filter_ = filter_ or Filter()
    as_of = as_of or date.today()
    graph = graph_of(release, as_of, filter_)
    here, there = _items(graph, source), _items(graph, target)
    rows = []
    for m in release.mappings:
        ends = (prefix_of(m.subject), prefix_of(m.object))
        alive = graph.exists(m.subject) and graph.exists(m.object)
        if ends not in ((source, target), (target, source)) or not alive:
            continue
        if not filter_.admits(m, release.sets[m.set_id].authority):
            continue
        turned = ends != (source, target)
        a, b, mask = (m.object, m.subject, inverse(m.mask)) if turned else (m.subject, m.object, m.mask)
        rows.append(CrosswalkRow(a, word(mask), b, m, turned))
    place = {id_: i for i, id_ in enumerate([*release.provisions, *release.controls, *release.joints])}
    rows.sort(key=lambda r: (place[r.subject], place[r.object], r.row.set_id, r.row.rationale_kind))
    found = _derive(graph, here, there, rows) if derived else ()
    sides = (
        _side(release, source, here, [(r.subject, r.relation, r.row.mask) for r in rows]),
        _side(release, target, there, [(r.object, word(inverse(_mask(r))), r.row.mask) for r in rows]),
    )
    return Crosswalk(
        source=source,
        target=target,
        release=release.digest,
        as_of=as_of,
        method=(
            "direct rows are assertions of their mapping sets; derived relations follow from set-relation chains "
            f"(RCC5) of at most {filter_.max_hops} hops and are stored nowhere"
        ),
        rows=tuple(rows),
        derived=found,
        sides=sides,
        disclaimers=release.disclaimers_for(source, target),
        left_out=_left_out(graph, filter_, source, target),
    )


def _left_out(graph: Graph, filter_: Filter, source: str, target: str) -> tuple[NonCoverage, ...]:
    """What the project looked at in vain between the two: its own, unreviewed word, and so filtered as such."""
    if filter_.sets or filter_.reviewed_only or filter_.min_authority.level > Authority.PROJECT.level:
        return ()
    pairs = ((source, target), (target, source))
    return tuple(
        n
        for n in graph.release.non_coverage
        if (prefix_of(n.subject), n.framework) in pairs and graph.exists(n.subject)
    )


def _mask(row: CrosswalkRow) -> int:
    return inverse(row.row.mask) if row.turned else row.row.mask


def _side(release: Release, name: str, items: dict[str, str], ends: list[tuple[str, str, int]]) -> Side:
    mapped: defaultdict[str, set[str]] = defaultdict(set)
    looked: set[str] = set()
    for id_, relation, mask in ends:
        looked.add(id_)
        if mask != NO_RELATIONSHIP:
            mapped[id_].add(relation)
    counts = Counter(r for id_ in items for r in mapped.get(id_, ()))
    contained = {"equal", "subset_of", "at_most"}
    return Side(
        framework=name,
        title=_title(release, name),
        total=len(items),
        mapped=sum(1 for i in items if mapped.get(i)),
        contained=sum(1 for i in items if mapped.get(i, set()) & contained),
        by_relation=tuple(sorted(counts.items())),
        unmapped=tuple(i for i in items if not mapped.get(i)),
        looked_at=sum(1 for i in items if i in looked),
    )


def _derive(
    graph: Graph, here: dict[str, str], there: dict[str, str], rows: list[CrosswalkRow]
) -> tuple[DerivedRow, ...]:
    import numpy as np

    direct = {(r.subject, r.object) for r in rows}
    place = {graph.arrays.node(b): i for i, b in enumerate(there)}
    wanted = np.zeros(graph.arrays.nodes, bool)
    wanted[list(place)] = True
    found = []
    for table, pairs in graph.relations([graph.arrays.node(a) for a in here], prefer_clean=False):
        good = np.flatnonzero((pairs.outcome >= Outcome.OVERLAPS) & wanted[pairs.target])
        order = sorted(good.tolist(), key=lambda i: (pairs.who[i], place[int(pairs.target[i])]))
        for i in order:
            start, end = int(table.starts[pairs.who[i]]), int(pairs.target[i])
            a, b = graph.name(start), graph.name(end)
            if a == b or (a, b) in direct:
                continue
            steps = step_views(graph.release, graph.steps(start, table.path[pairs.shown[i]].tolist()))
            relation, result = word(int(pairs.mask[i])), Outcome(int(pairs.outcome[i]))
            found.append(DerivedRow(a, relation, b, result.name, bool(pairs.disputed[i]), steps))
    return tuple(found)
