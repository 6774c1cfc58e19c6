"""The cells of an overlap matrix, all at once and in columns.

    cells(release, sources, targets, profile, as_of, filter_)   → Cells: each side and each cell, counted

They say what :func:`kg.answers.overlap` says of each source and target alone, without a list of requirements: whom a
requirement concerns is decided once for all sources, and what they give of it by
:func:`kg.answers.engine.overlaps.given`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from kg.answers.applicability import Applicability, Decision, decide, prevailing, units
from kg.answers.coverage import Counts
from kg.answers.engine.algebra import Array
from kg.answers.engine.overlaps import Given, given, holding
from kg.answers.graph import Graph
from kg.answers.hypothetical import HYPOTHETICAL
from kg.answers.verdict import Verdict
from kg.arrays import CONTROL, JOINT
from kg.model import Profile, Provision

__all__ = ["Cells", "cells"]


@dataclass(frozen=True)
class Cells:
    """What is asked of each framework, and of every source and target, row by row, the counts, how many requirements
    nothing in the graph could cover, and how many rows of each set (by its number) and how many reviewed ones all that
    is covered stands on.  ``done`` says how many provisions of each source are done."""

    decided: dict[str, tuple[tuple[Provision, Decision], ...]]
    done: list[int]
    counts: list[Counts]
    no_mapping: list[int]
    rows: Array
    reviewed: Array


class _Asked:
    """The requirements of some frameworks, one after another, with what concerns whom."""

    def __init__(self, graph: Graph, frameworks: Iterable[str], profile: Profile | None, as_of: date) -> None:
        self.graph, self.units = graph, units(profile)
        self.spans: dict[str, slice] = {}
        self.requirements: list[Provision] = []
        for f in frameworks:
            begin = len(self.requirements)
            self.requirements += graph.requirements(f)
            self.spans[f] = slice(begin, len(self.requirements))
        node = graph.arrays.node
        self.nodes = np.array([node(r.id) for r in self.requirements], np.int64)
        every = [[decide(graph.release, r, profile, u, as_of) for r in self.requirements] for u in self.units]
        self.decisions = every[0] if len(every) == 1 else [prevailing(each) for each in zip(*every, strict=True)]
        by_unit = np.array([[_NUMBER[d.applicability] for d in each] for each in every], np.int8)
        said = by_unit.min(axis=0)
        #: By unit and requirement, whether it applies to the unit, and whether the unit's answer counts.
        self.applies, self.counted = by_unit == 0, by_unit == said
        self.applicable, self.later = said == 0, said == 1
        self.excluded = np.array([d.because == "excluded" for d in self.decisions], bool)

    def done(self, unit: int) -> dict[str, Array]:
        """Of each framework the provisions that stand, hold a requirement and all of whose requirements concern a
        unit."""
        view, a = self.graph.view, self.graph.arrays
        applies = self.applies[unit]
        # Where a part may be of another framework, what holds a requirement is asked of each by itself.
        apart = np.any(a.node_framework[a.part_whole] != a.node_framework[a.part_part])
        numbers = {f: i for i, f in enumerate(self.graph.release.frameworks)}
        found = {}
        done = np.zeros(0, bool)
        for f, own in self.spans.items():
            if apart or not len(done):
                span = own if apart else slice(None)
                nodes = self.nodes[span]
                done = holding(view, nodes[applies[span]]) & ~holding(view, nodes[~applies[span]]) & view.standing
            found[f] = np.flatnonzero(done & (a.node_framework == numbers[f]))
        return found


_NUMBER = {
    Applicability.APPLICABLE: 0,
    Applicability.NOT_YET_APPLICABLE: 1,
    Applicability.NOT_APPLICABLE: 2,
}


def cells(graph: Graph, sources: Sequence[str], targets: Sequence[str], profile: Profile | None, as_of: date) -> Cells:
    """All cells of some sources (frameworks and catalogues) and targets (frameworks)."""
    release, a = graph.release, graph.arrays
    asked = _Asked(graph, dict.fromkeys((*targets, *(s for s in sources if s in release.frameworks))), profile, as_of)
    span = np.concatenate([np.arange(asked.spans[t].start, asked.spans[t].stop) for t in targets])
    column = np.repeat(np.arange(len(targets)), [asked.spans[t].stop - asked.spans[t].start for t in targets])
    blind = np.flatnonzero(((a.node_kind == CONTROL) | (a.node_kind == JOINT)) & graph.view.standing)
    catalogues = {c: np.flatnonzero((a.node_catalogue == i) & (a.node_kind == CONTROL))
                  for i, c in enumerate(release.catalogues)}  # fmt: skip
    joint_place = np.array([_place(a.node_ids[j], a.node_ids) for j in a.joint_node.tolist()], np.int64)
    answers: list[Given] = []
    coverable = np.zeros(len(span), bool)
    done: list[set[int]] = [set() for _ in sources]
    for u in range(len(asked.units)):
        of = catalogues | asked.done(u)
        own = [of[s] for s in sources]
        for i, each in enumerate(own):
            done[i].update(each.tolist())
        if not u:
            # What no reference control or joint node reaches is our blind spot: they are asked as one more source.
            own.append(blind)
        who = np.repeat(np.arange(len(own)), [len(each) for each in own])
        joined = np.arange(len(own)) < len(sources)
        found = given(graph.view, who, np.concatenate(own), asked.nodes[span], joined, joint_place)
        if not u:
            coverable = found.verdict[-1] >= Verdict.PARTIAL
        answers.append(found)
    size, shape = len(sources), (len(sources), len(span))
    verdict, disputed = np.full(shape, 127, np.int8), np.zeros(shape, bool)
    chosen = np.zeros(shape, np.int64)
    for u, found in enumerate(answers):
        worse = asked.counted[u][span] & (found.verdict[:size] < verdict)
        verdict, disputed = (
            np.where(worse, found.verdict[:size], verdict),
            np.where(worse, found.disputed[:size], disputed),
        )
        chosen[worse] = u
    applicable, later = asked.applicable[span], asked.later[span]
    covered = verdict == Verdict.COVERED
    reviewed = np.zeros(shape, bool)
    pairs = []
    for u, found in enumerate(answers):
        source, place = np.nonzero(covered & (chosen == u))
        at = found.shown[source, place]
        number, row = np.nonzero(found.rows[at] >= 0)
        row = found.rows[at][number, row]
        for joint in np.unique(found.joint[at]).tolist():
            if joint < 0:
                continue
            some = np.flatnonzero(found.joint[at] == joint)
            which, inverse = np.unique(source[some], return_inverse=True)
            beneath = np.stack([found.beneath(s, joint).reshape(-1) for s in which.tolist()])[inverse]
            more, there = np.nonzero(beneath >= 0)
            number = np.concatenate([number, some[more]])
            row = np.concatenate([row, beneath[more, there]])
        reviewed[source, place] = np.bincount(number, ~a.row_reviewed[row], minlength=len(source)) == 0
        counts = applicable[place[number]]
        pairs.append((source[number] * len(targets) + column[place[number]])[counts] * len(a.row_mask) + row[counts])
    key = np.sort(np.concatenate(pairs))
    cell, row = np.divmod(key[np.diff(key, prepend=-1) != 0], max(len(a.row_mask), 1))
    by_set = cell * len(a.set_ids) + a.row_set[row]
    many = size * len(targets) * len(a.set_ids)
    rows = np.bincount(by_set, minlength=many).reshape(size * len(targets), -1)
    of_these = np.bincount(by_set[a.row_reviewed[row]], minlength=many).reshape(size * len(targets), -1)

    begins = np.concatenate([[0], np.cumsum([asked.spans[t].stop - asked.spans[t].start for t in targets])])
    filled = np.flatnonzero(np.diff(begins))

    def counted(flags: Array) -> list[int]:
        """How many of the requirements of each target have a flag, row by row."""
        many = np.zeros((len(flags), len(targets)), np.int64)
        if len(filled):
            many[:, filled] = np.add.reduceat(flags, begins[filled], axis=1, dtype=np.int32)
        return np.broadcast_to(many, (size, len(targets))).reshape(-1).tolist()

    every = np.ones((1, len(span)), bool)
    counts = [
        Counts(*each)
        for each in zip(
            counted(every & applicable), counted(covered & applicable), counted(covered & reviewed & applicable),
            counted((verdict == Verdict.PARTIAL) & applicable), counted((verdict == Verdict.LEAD) & applicable),
            counted((verdict == Verdict.GAP) & applicable), counted(disputed & applicable),
            counted(every & ~(applicable | later)), counted(every & asked.excluded[span]), counted(every & later),
            counted(covered & later), counted(every), strict=True,
        )
    ]  # fmt: skip
    return Cells(
        {f: tuple(zip(asked.requirements[s], asked.decisions[s], strict=True)) for f, s in asked.spans.items()},
        [len(each) for each in done], counts,
        counted((verdict < Verdict.PARTIAL) & ~coverable & applicable), rows, of_these,
    )  # fmt: skip


def _place(joint: str, ids: Sequence[str]) -> int:
    """Before which node's assumed control a joint node stands in the order of ids."""
    if joint.startswith(HYPOTHETICAL):
        return bisect_left(ids, joint.removeprefix(HYPOTHETICAL))
    return 0 if joint < HYPOTHETICAL else len(ids)
