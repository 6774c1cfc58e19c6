"""Made-up graphs of any size and of the shape crosswalks have: hubs, and overlaps nearly everywhere.

    release(Size(frameworks=200, requirements=200, mappings=250_000), seed=1)   → a Release

Frameworks of equally many requirements in groups of five.  A few frameworks are *hubs*: most rows of the crosswalk lead
to one of their requirements, and few requirements draw most of them (a Zipf law).  Of the rows 95 % say
``intersects_with``; the rest say equal, superset_of or subset_of.  Beside them there are catalogues of reference
controls, each control with ``superset_of`` or ``intersects_with`` rows to requirements of all
frameworks, and joint nodes.
The same size and seed give the same graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

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
from kg.release import Release
from kg.sources import Content

__all__ = ["DAY", "Size", "content", "release"]

DAY = date(2024, 1, 1)
GROUP = 5


@dataclass(frozen=True)
class Size:
    """How much of everything; ``requirements`` is per framework, ``controls`` and ``joints`` per catalogue;
    ``mapped`` of the requirements are named by as many controls as one of ``holders`` says."""

    frameworks: int = 200
    requirements: int = 200
    mappings: int = 250_000
    hubs: int = 8
    overlaps: float = 0.95
    catalogues: int = 20
    controls: int = 60
    holders: tuple[int, ...] = (3, 4, 5, 6, 7)
    mapped: float = 0.85
    joints: int = 15


#: Of a size that a test can use.
SMALL = Size(frameworks=6, requirements=20, mappings=400, hubs=2, catalogues=2, controls=15, joints=3)


def content(size: Size, seed: int = 1) -> Content:
    """What a release of this size is made of."""
    rng = Random(seed)
    names = [f"f{i:03d}" for i in range(size.frameworks)]
    leaves = {f: [f"{f}:{i // GROUP + 1}.{i % GROUP + 1}" for i in range(size.requirements)] for f in names}
    provisions, parts = [], []
    for f in names:
        for i, id_ in enumerate(leaves[f]):
            group = id_.rpartition(".")[0]
            if i % GROUP == 0:
                provisions.append(Provision(group, f, "article", group, group, "", False, order=2 * i))
            provisions.append(Provision(id_, f, "paragraph", id_, id_, "", True, order=2 * i + 1))
            parts.append(Part(group, id_, PartKind.ALL_OF))
    rows: dict[tuple[str, str, str], Mapping] = {}

    def row(set_id: str, subject: str, relation: str, object_: str) -> None:
        key = (set_id, subject, object_)
        if subject != object_ and key not in rows:
            rows[key] = Mapping(set_id, subject, relation, object_, RationaleKind.FUNCTIONAL, strength=5)

    hubs = [leaf for f in names[: size.hubs] for leaf in leaves[f]]
    rng.shuffle(hubs)
    popular = [1 / (i + 10) for i in range(len(hubs))]
    every = [leaf for f in names for leaf in leaves[f]]
    while len(rows) < size.mappings:
        missing = size.mappings - len(rows)
        for object_ in rng.choices(hubs, popular, k=missing):
            contains = rng.choice(("equal", "superset_of", "subset_of", "subset_of"))
            relation = "intersects_with" if rng.random() < size.overlaps else contains
            row("crosswalk", rng.choice(every), relation, object_)
    controls, joints = [], []
    mine = {f"cat{c:02d}": [f"cat{c:02d}:C-{i:03d}" for i in range(size.controls)] for c in range(size.catalogues)}
    named = [(catalogue, id_) for catalogue, own in mine.items() for id_ in own]
    for object_ in every:
        if rng.random() < size.mapped:
            for catalogue, id_ in rng.sample(named, rng.choice(size.holders)):
                row(catalogue, id_, "superset_of" if rng.random() < 0.8 else "intersects_with", object_)
    for catalogue, own in mine.items():
        controls += [ReferenceControl(id_, catalogue, "", id_, id_) for id_ in own]
        for i in range(size.joints):
            joint = JointNode(f"{catalogue}:J-{i:03d}", catalogue, "", tuple(rng.sample(own, rng.choice((2, 2, 3)))))
            joints.append(joint)
            for object_ in rng.sample(every, 3):
                row(catalogue, joint.id, "superset_of", object_)
    sets = ["crosswalk", *(f"cat{c:02d}" for c in range(size.catalogues))]
    return Content(
        frameworks=[Framework(f, f, f, "", "standard", "", "", "", (TextVersion(DAY, "1"),)) for f in names],
        provisions=provisions,
        parts=parts,
        catalogues=[Catalogue(f"cat{c:02d}", f"Catalogue {c}", "", "", "1") for c in range(size.catalogues)],
        controls=controls,
        joints=joints,
        sets=[MappingSet(s, s, Authority.PROJECT, "") for s in sets],
        mappings=list(rows.values()),
    )


def release(size: Size, seed: int = 1) -> Release:
    """A release of this size."""
    return Release(content(size, seed))
