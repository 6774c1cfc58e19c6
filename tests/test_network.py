"""The networkx view says what the engine says: its paths, walked one by one, give the same verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import networkx as nx
from graphs import Case, random_case, write

from kg.answers import Filter, Verdict, assess
from kg.model import ControlStatus
from kg.relations import (
    ALL,
    AT_LEAST,
    AT_MOST,
    NO_RELATIONSHIP,
    RELATIONS,
    Evidence,
    Outcome,
    combine,
    compose,
    inverse,
)

CREDIT = {Outcome.CONTAINS: Verdict.COVERED, Outcome.OVERLAPS: Verdict.PARTIAL, Outcome.LEAD: Verdict.LEAD}


def _network(case: Case) -> nx.MultiDiGraph[str]:
    """The view without what does not stand on the day, nor rows that only compare words."""
    release = case.release
    texts = {f: release.text_in_force(f, case.as_of) for f in release.frameworks}
    standing = [n for n in release.network if n not in release.provisions
                or release.provisions[n].in_text(texts[release.provisions[n].framework])]  # fmt: skip
    graph = release.network.subgraph(standing).copy()
    graph.remove_edges_from(
        [(a, b, k) for a, b, k, d in graph.edges(keys=True, data=True)
         if (d["kind"] == "part" and d["relation"] != "all_of")
         or (d["kind"] == "row" and release.row[k].rationale_kind == "syntactic")]
    )  # fmt: skip
    return graph


def _paths(
    case: Case, graph: nx.MultiDiGraph[str], path: list[str], mask: int, hops: int, authority: int
) -> Iterator[tuple[tuple[str, ...], Evidence]]:
    """Every simple path from the last node of ``path`` that says something, as its nodes and what it says."""
    yield tuple(path), Evidence(mask, hops, authority, False)
    here = path[-1]
    steps = [(b, k, d, False) for _, b, k, d in graph.out_edges(here, keys=True, data=True)]
    steps += [(a, k, d, True) for a, _, k, d in graph.in_edges(here, keys=True, data=True)]
    for there, key, data, back in steps:
        hop = data["kind"] == "row"
        says = RELATIONS[data["relation"]] if hop else AT_LEAST
        says = (inverse(says) if hop else AT_MOST) if back else says
        after = compose(mask, says)
        if there in path or after == ALL or says == NO_RELATIONSHIP or hops + hop > 3:
            continue
        level = case.release.sets[case.release.row[key].set_id].authority.level if hop else authority
        yield from _paths(case, graph, [*path, there], after, hops + hop, min(authority, level))


def _by_paths(case: Case) -> dict[str, Verdict]:
    graph = _network(case)
    ruled = {frozenset((a, b)) for a, b, d in graph.edges(data=True) if d["relation"] == "no_relationship"}
    found: dict[str, Verdict] = {}
    for control in case.controls:
        chains: dict[str, list[Evidence]] = {}
        own_no = {r.target for r in control.rows if r.mask == NO_RELATIONSHIP}
        for row in control.rows:
            if row.mask == NO_RELATIONSHIP or row.target not in graph:
                continue
            for nodes, said in _paths(case, graph, [row.target], row.mask, 0, 4):
                end = nodes[-1]
                passes = end in own_no or any(frozenset((n, end)) in ruled for n in nodes[:-1])
                chains.setdefault(end, []).append(said._replace(ruled=passes))
        for end, evidence in chains.items():
            verdict = CREDIT.get(combine(evidence).outcome, Verdict.GAP)
            found[end] = max(found.get(end, Verdict.GAP), verdict)
    return found


def test_paths_of_the_view_give_the_engines_verdicts() -> None:
    seen = set()
    for seed in range(400):
        case = random_case(Random(f"network {seed}"))
        controls = tuple(
            replace(c, status=ControlStatus.IMPLEMENTED, systems=(), evidence=(), evidence_date=None,
                    max_evidence_age_days=None) for c in case.controls
        )  # fmt: skip
        case = replace(case, controls=controls, joints=(), profile=None, filter=Filter())
        rows = tuple(
            m for m in case.rows if {m.subject, m.object} <= {*case.references, *(p.id for p in case.provisions)}
        )
        case = replace(case, rows=rows)
        by_paths = _by_paths(case)
        asked = assess(case.release, case.controls, None, case.as_of)
        for framework in case.release.frameworks:
            for r in asked.coverage(framework).requirements:
                assert r.verdict is by_paths.get(r.requirement.id, Verdict.GAP), (r.requirement.id, write(case))
                seen.add(r.verdict)
    assert seen == set(Verdict)
