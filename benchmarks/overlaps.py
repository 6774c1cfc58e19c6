"""All pairs of the frameworks of a made-up graph: what each gives of each, counted.

    python -m benchmarks.overlaps [--sizes small middle] [--repeat 3]

*On columns* is :func:`kg.answers.engine.overlaps.overlap_counts`: the verdict of every requirement for every source.
*The matrix* is :func:`kg.answers.overlap_matrix`: the same question with the applicability of every requirement, the
rows that everything covered stands on and how many of them are reviewed, our blind spots, and an object for each cell.
Seconds are of the processor; the release is there, and frozen out of the garbage collector as a server does.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np

from benchmarks.arrays import SIZES, arrays
from kg.answers import overlap_matrix
from kg.answers.engine import View
from kg.answers.engine.overlaps import overlap_counts
from kg.arrays import Arrays
from kg.model import (
    Authority,
    Catalogue,
    Framework,
    JointNode,
    Mapping,
    MappingSet,
    Part,
    PartKind,
    Provision,
    RationaleKind,
    ReferenceControl,
    TextVersion,
)
from kg.relations import word
from kg.release import Release
from kg.sources import Content

__all__ = ["release_of", "run"]

DAY = date(2026, 1, 1)
_AUTHORITIES = (
    Authority.ORGANIZATION,
    Authority.PROJECT,
    Authority.PUBLISHED,
    Authority.HOSTED,
    Authority.OWNER,
)


def release_of(a: Arrays) -> Release:
    """A release of made-up columns: the same nodes, parts and rows as objects, none of them reviewed."""
    ids, frameworks = a.node_ids[:], a.framework_ids[:]
    level = dict(zip(a.row_set.tolist(), a.row_authority.tolist(), strict=True))
    sets = a.set_ids[:]
    columns = (a.row_set, a.row_subject, a.row_mask, a.row_object, a.row_strength)
    provisions, controls, joints = (np.flatnonzero(a.node_kind == kind).tolist() for kind in range(3))
    text = TextVersion(date(1970, 1, 1), "1")
    return Release(
        Content(
            frameworks=[Framework(f, f, f, "", "standard", "", "", "", (text,)) for f in frameworks],
            provisions=[
                Provision(
                    ids[i], frameworks[a.node_framework[i]], "paragraph", ids[i], ids[i], "",
                    bool(a.node_assessable[i]), order=int(a.node_place[i]),
                )
                for i in provisions
            ],
            parts=[
                Part(ids[w], ids[p], PartKind.ALL_OF)
                for w, p in zip(a.part_whole.tolist(), a.part_part.tolist(), strict=True)
            ],
            catalogues=[Catalogue(c, c, "", "", "1") for c in a.catalogue_ids],
            controls=[ReferenceControl(ids[i], "c", "", ids[i], ids[i]) for i in controls],
            joints=[
                JointNode(ids[j], "c", "", tuple(ids[m] for m in members.tolist()))
                for j, members in zip(joints, np.split(a.joint_member, a.joint_offsets[1:-1]), strict=True)
            ],
            sets=[MappingSet(s, s, _AUTHORITIES[level.get(i, 1)], "") for i, s in enumerate(sets)],
            mappings=[
                Mapping(
                    sets[of], ids[s], word(mask), ids[o], RationaleKind.FUNCTIONAL, strength=strength or None
                )
                for of, s, mask, o, strength in zip(*(c.tolist() for c in columns), strict=True)
            ],
        )
    )  # fmt: skip


def run(sizes: Iterable[str] = ("small", "middle"), repeat: int = 3) -> list[dict[str, Any]]:
    """Both at each size, in turn: name, size, seconds of each round, note."""
    found = []
    for size in sizes:
        view = View(arrays(SIZES[size]), DAY)
        release = release_of(view.arrays)
        columns, _ = release.arrays, release.digest
        gc.collect()
        gc.freeze()
        ways = {
            "all pairs, on columns": lambda view=view: overlap_counts(view).sum(axis=(0, 1))[::-1],
            "all pairs, the matrix": lambda release=release: np.sum(
                [(c.counts.covered, c.counts.partial, c.counts.lead, c.counts.gap)
                 for c in overlap_matrix(release, as_of=DAY).cells], axis=0,
            ),
        }  # fmt: skip
        note = f"{len(columns.framework_ids) ** 2:,} pairs"
        entries = [{"name": name, "size": size, "seconds": [], "note": note} for name in ways]
        for _ in range(repeat):
            said = []
            for entry, ask in zip(entries, ways.values(), strict=True):
                begin = time.process_time()
                said.append(ask())
                entry["seconds"].append(time.process_time() - begin)
            assert (said[0] == said[1]).all(), "both count the same"
        gc.unfreeze()
        found += entries
    return found


def main() -> None:
    """Run what is asked for and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=["small", "middle"], default=["small", "middle"])
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    for e in run(asked.sizes, asked.repeat):
        print(f"{e['size']:<7} {e['name']:<24} {1000 * statistics.median(e['seconds']):10.1f} ms  {e['note']}")


if __name__ == "__main__":
    main()
