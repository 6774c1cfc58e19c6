"""A graph for checking a plan over a release so large that walking every path would take minutes.

Of a reference control and of a joint node only chains of {equal, superset_of} steps decide what they contain (see
:mod:`kg.answers.plan.actions`).  Walking no others gives the judge the same *contains*, the same chain to show, the
same joint nodes and the same disputes about them; what overlaps or leads is lost, and no plan asks for it.  (Of a joint
node it may say *at_least* where a further chain would narrow that to *superset_of*.)
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection

from kg.answers.graph import FULL_STRENGTH, HIGHEST, Chain, Graph, Step
from kg.relations import AT_LEAST, EQUAL, compose

__all__ = ["LeanGraph"]


class LeanGraph(Graph):
    """``graph`` with walks of {equal, superset_of} steps only, but for those that start at one of ``whole``: the nodes
    that the organisation's own rows name, with whatever relation."""

    def __init__(self, graph: Graph, whole: Collection[str]) -> None:
        self.release, self.as_of, self.filter = graph.release, graph.as_of, graph.filter
        self.gone, self.ruled = graph.gone, graph.ruled
        self._graph, self._whole = graph, frozenset(whole)
        self.rows, self.parts = defaultdict(list), defaultdict(list)
        for node, rows in graph.rows.items():
            if kept := [row for row in rows if not row[1] & ~AT_LEAST]:
                self.rows[node] = kept
        for node, parts in graph.parts.items():
            if below := [part for part in parts if part[1] == AT_LEAST]:
                self.parts[node] = below
        self._reached, self._below = {}, {}

    def reach(self, start: str, authority: int = HIGHEST, strength: int = FULL_STRENGTH) -> dict[str, list[Chain]]:
        """As :meth:`Graph.reach`, of each target the one chain that is shown.

        Its beginning is always a shortest chain to where it has come, in hops and then in part steps, so no other
        needs a walk; but where nodes rule each other out, a longer one may be preferred and all are walked.
        """
        if start in self._whole:
            return self._graph.reach(start, authority, strength)
        key = (start, authority, strength)
        if key in self._reached:
            return self._reached[key]
        near = self._nearest(start)
        if any(not self.ruled[n].isdisjoint(near) for n in near if n in self.ruled):
            return super().reach(start, authority, strength)
        best: dict[str, Chain] = {}
        stack = [(start, Chain(EQUAL, 0, 0, authority, strength, (start,), (), False))] if near else []
        while stack:
            here, chain = stack.pop()
            known = best.get(here)
            if known is None or chain.rank < known.rank:
                best[here] = chain
            for there, mask in self.parts.get(here, ()):
                if near[there] == (chain.hops, chain.parts + 1):
                    stack.append((there, _longer(chain, Step(here, mask, there, part=True), HIGHEST, FULL_STRENGTH)))
            for there, mask, level, weight, row in self.rows.get(here, ()):
                if near.get(there) == (chain.hops + 1, chain.parts):
                    stack.append((there, _longer(chain, Step(here, mask, there, row), level, weight)))
        found = self._reached[key] = {target: [chain] for target, chain in best.items()}
        return found

    def _nearest(self, start: str) -> dict[str, tuple[int, int]]:
        """Every node within reach with the fewest hops and, of those, the fewest part steps."""
        if not self.exists(start):
            return {}
        found: dict[str, tuple[int, int]] = {}
        heap = [((0, 0), start)]
        while heap:
            far, here = heapq.heappop(heap)
            if here in found:
                continue
            found[here] = far
            hops, parts = far
            for there, _ in self.parts.get(here, ()):
                if there not in found:
                    heapq.heappush(heap, ((hops, parts + 1), there))
            if hops < self.filter.max_hops:
                for there, *_ in self.rows.get(here, ()):
                    if there not in found:
                        heapq.heappush(heap, ((hops + 1, parts), there))
        return found


def _longer(chain: Chain, step: Step, authority: int, strength: int) -> Chain:
    """The chain with one more step."""
    return Chain(
        compose(chain.mask, step.mask),
        chain.hops + (not step.part),
        chain.parts + step.part,
        min(chain.authority, authority),
        min(chain.strength, strength),
        (*chain.ids, step.row, step.object),
        (*chain.steps, step),
        False,
    )
