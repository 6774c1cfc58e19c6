"""The content report: how much of each framework the graph can speak of, and what it cannot."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from kg.answers.filter import Filter
from kg.model import NonCoverage
from kg.relations import NO_RELATIONSHIP, Outcome
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["ContentReport", "FrameworkReport", "PairReport", "content_report"]


@dataclass(frozen=True, slots=True)
class PairReport:
    """The direct rows between two frameworks (or a catalogue and a framework)."""

    source: str
    target: str
    rows: int
    by_relation: tuple[tuple[str, int], ...]
    by_authority: tuple[tuple[str, int], ...]
    reviewed: int
    source_total: int
    source_mapped: int
    target_total: int
    target_mapped: int


@dataclass(frozen=True, slots=True)
class FrameworkReport:
    """What reference controls and joint nodes can do for a framework's requirements.

    ``containable`` of ``requirements`` are contained by some reference control or joint node, ``reachable`` at least
    overlapped; ``beyond`` lists the requirements that nothing reaches, ``by_count`` how many requirements have how
    many controls that contain or overlap them.
    """

    framework: str
    title: str
    requirements: int
    containable: int
    reachable: int
    overlapped_only: tuple[str, ...]
    beyond: tuple[str, ...]
    by_count: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ContentReport:
    """The whole report, for the texts in force on ``as_of``."""

    release: str
    as_of: date
    frameworks: tuple[FrameworkReport, ...]
    pairs: tuple[PairReport, ...]
    left_out: tuple[NonCoverage, ...]


def content_report(release: Release, as_of: date) -> ContentReport:
    """Count what the graph says and what it cannot say.  The counts of the same texts are kept with the release."""
    texts = tuple(release.text_in_force(f, as_of) for f in release.frameworks)
    found: ContentReport = release.cache(("content report", texts), lambda: _counted(release, as_of))
    return replace(found, as_of=as_of)


def _counted(release: Release, as_of: date) -> ContentReport:
    from kg.answers.graph import graph_of

    graph = graph_of(release, as_of, Filter())
    contains: defaultdict[str, int] = defaultdict(int)
    starts = [graph.arrays.node(start) for start in (*release.controls, *release.joints)]
    for _, found in graph.relations(starts):
        for target in found.target[found.outcome == Outcome.CONTAINS].tolist():
            contains[graph.name(target)] += 1
    frameworks = []
    for name, framework in release.frameworks.items():
        wanted = [r.id for r in graph.requirements(name)]
        counts = Counter(_bucket(len(graph.coverable.get(r, ()))) for r in wanted)
        frameworks.append(
            FrameworkReport(
                framework=name,
                title=framework.title,
                requirements=len(wanted),
                containable=sum(1 for r in wanted if contains[r]),
                reachable=sum(1 for r in wanted if r in graph.coverable),
                overlapped_only=tuple(r for r in wanted if r in graph.coverable and not contains[r]),
                beyond=tuple(r for r in wanted if r not in graph.coverable),
                by_count=tuple((b, counts[b]) for b in ("0", "1", "2-4", "5-9", "10 or more") if counts[b]),
            )
        )
    sides: dict[str, set[str]] = {f: {r.id for r in graph.requirements(f)} for f in release.frameworks}
    for catalogue in release.catalogues:
        sides[catalogue] = {c.id for c in release.controls.values() if c.catalogue == catalogue}
        sides[catalogue] |= {j.id for j in release.joints.values() if j.catalogue == catalogue}
    pairs = [_pair(release, a, b, sides) for a, b in combinations(sides, 2)]
    return ContentReport(
        release.digest, as_of, tuple(frameworks), tuple(p for p in pairs if p.rows), release.non_coverage
    )


def _bucket(count: int) -> str:
    if count < 2:
        return str(count)
    return "2-4" if count < 5 else "5-9" if count < 10 else "10 or more"


def _pair(release: Release, a: str, b: str, sides: dict[str, set[str]]) -> PairReport:
    rows = [m for m in release.mappings if {prefix_of(m.subject), prefix_of(m.object)} == {a, b}]
    touched = {end for m in rows if m.mask != NO_RELATIONSHIP for end in (m.subject, m.object)}
    return PairReport(
        source=a,
        target=b,
        rows=len(rows),
        by_relation=tuple(sorted(Counter(m.relation for m in rows).items())),
        by_authority=tuple(sorted(Counter(release.sets[m.set_id].authority.value for m in rows).items())),
        reviewed=sum(1 for m in rows if m.reviewed),
        source_total=len(sides[a]),
        source_mapped=len(sides[a] & touched),
        target_total=len(sides[b]),
        target_mapped=len(sides[b] & touched),
    )
