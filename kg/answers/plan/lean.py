"""A graph for checking a plan over a release so large that walking every path would take minutes.

Of a reference control and of a joint node only chains of {equal, superset_of} steps decide what they contain (see
:mod:`kg.answers.plan.actions`).  Walking no others gives the judge the same *contains*, the same chain to show, the
same joint nodes and the same disputes about them; what overlaps or leads is lost, and no plan asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from kg.answers.engine.algebra import Array
from kg.answers.engine.walk import Level, walk
from kg.answers.graph import Graph
from kg.relations import AT_LEAST

__all__ = ["LeanGraph"]


class LeanGraph(Graph):
    """``graph`` with walks of {equal, superset_of} steps only, but for those that start at one of ``whole``: the nodes
    that the organisation's own rows name, with whatever relation."""

    def __init__(self, graph: Graph, whole: Collection[str]) -> None:
        super().__init__(graph.release, graph.as_of, graph.filter)
        self._whole = np.array(sorted(self.arrays.node(id_) for id_ in whole), np.int64)

    def _walk(self, starts: Array) -> Iterator[Level]:
        whole = np.isin(starts[:, 0], self._whole)
        view, (nodes, authority, strength) = self.view, starts.T
        return walk(view, nodes, authority, strength, whole=whole, only=AT_LEAST)
