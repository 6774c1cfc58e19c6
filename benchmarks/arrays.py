"""Made-up graphs of three sizes, straight into columns: no object for a node or a row.

    arrays(SIZES["large"], seed=1)   → Arrays with 500,000 requirements and 5,000,000 rows, in seconds

The shape is that of crosswalks (see :mod:`benchmarks.generate`): frameworks of equally many requirements in groups of
five under a whole, a few *hub* frameworks that most rows lead to, few requirements of which draw most of them (a Zipf
law), 95 % ``intersects_with``.  A tenth of the rows are those of reference controls, which catalogues hold and some
joint nodes unite.  Authority and strength are spread as in the real graph.  The same size and seed give the same
columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kg.arrays import CONTROL, FIRST_DAY, JOINT, LAST_DAY, PROVISION, Arrays, Strings
from kg.relations import EQUAL, INTERSECTS_WITH, NO_RELATIONSHIP, RELATED, SUBSET_OF, SUPERSET_OF

__all__ = ["SIZES", "Size", "arrays", "organization"]

GROUP = 5


@dataclass(frozen=True)
class Size:
    """How much of everything; ``requirements`` is per framework, ``denied`` the share of rows that rule out."""

    frameworks: int
    requirements: int
    rows: int
    controls: int
    joints: int
    hubs: int = 8
    overlaps: float = 0.95
    denied: float = 0.0

    @property
    def total(self) -> int:
        """All requirements."""
        return self.frameworks * self.requirements


SIZES = {
    "small": Size(frameworks=5, requirements=120, rows=1_500, controls=60, joints=10, hubs=1),
    "middle": Size(frameworks=200, requirements=200, rows=250_000, controls=2_500, joints=100),
    "large": Size(frameworks=500, requirements=1_000, rows=5_000_000, controls=50_000, joints=1_000, hubs=20),
}


def _numbered(prefix: str, count: int, width: int) -> Strings:
    """``prefix`` and a number with leading zeros, as many as asked for, in order."""
    digits = np.arange(count)[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")
    head = np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (count, len(prefix)))
    blob = np.concatenate([head, digits.astype(np.uint8)], axis=1).reshape(-1)
    return Strings(blob, np.arange(count + 1, dtype=np.int64) * (len(prefix) + width))


def _joined(*strings: Strings) -> Strings:
    ends = np.cumsum([0, *(s.offsets[-1] for s in strings)])
    offsets = [s.offsets[:-1] + end for s, end in zip(strings, ends, strict=False)]
    return Strings(np.concatenate([s.blob for s in strings]), np.concatenate([*offsets, ends[-1:]]).astype(np.int64))


def arrays(size: Size, seed: int = 1) -> Arrays:
    """The columns of a graph of this size."""
    rng = np.random.default_rng(seed)
    per = size.requirements + size.requirements // GROUP
    provisions, nodes = size.frameworks * per, size.frameworks * per + size.controls + size.joints
    # Reference controls and joint nodes come first, as their ids do; then of each framework the wholes and what is in
    # them.
    base = size.controls + size.joints
    wholes = size.requirements // GROUP
    framework = np.full(nodes, -1, np.int32)
    framework[base:] = np.repeat(np.arange(size.frameworks, dtype=np.int32), per)
    within = np.arange(provisions) % per
    requirement = np.zeros(nodes, bool)
    requirement[base:] = within >= wholes
    named = (base + np.arange(provisions))[within >= wholes]
    part = named
    whole = base + (named - base) // per * per + ((named - base) % per - wholes) // GROUP
    # Rows: most from any requirement to a hub's, a tenth from a reference control to any or to a hub's.
    hub = np.arange(size.hubs) * (size.frameworks // size.hubs)
    zipf = 1 / np.arange(1, size.requirements + 1)

    def of_hubs(count: int) -> Any:
        rank = rng.choice(size.requirements, count, p=zipf / zipf.sum())
        which = hub[rng.integers(size.hubs, size=count)]
        return base + which * per + wholes + (rank * 7919 + which) % size.requirements

    drawn = size.rows * 5 // 4
    by_control = rng.random(drawn) < 0.1
    subject = np.where(by_control, rng.integers(size.controls, size=drawn), rng.choice(named, drawn))
    object_ = np.where(rng.random(drawn) < np.where(by_control, 0.5, 0.9), of_hubs(drawn), rng.choice(named, drawn))
    _, first = np.unique(subject * nodes + object_, return_index=True)
    first = np.sort(first[subject[first] != object_[first]])[: size.rows]
    subject, object_ = subject[first], object_[first]
    count = len(first)
    order = rng.permutation(count)
    subject, object_ = subject[order], object_[order]
    strict = rng.choice(np.array([SUPERSET_OF, SUBSET_OF, EQUAL], np.uint8), count, p=[0.6, 0.3, 0.1])
    mask = np.where(rng.random(count) < size.overlaps, np.uint8(INTERSECTS_WITH), strict)
    if size.denied:
        mask[np.random.default_rng(seed).random(count) < size.denied] = NO_RELATIONSHIP
    sets = np.array([1] * 14 + [2] * 4 + [3] * 2, np.int8)
    row_set = rng.integers(len(sets), size=count, dtype=np.int32)
    strength = rng.choice(
        np.array([0, 2, 3, 4, 5, 6, 8, 10], np.int8), count, p=[0.27, 0.14, 0.16, 0.11, 0.05, 0.04, 0.03, 0.2]
    )
    members = np.sort(rng.integers(size.controls, size=(size.joints, 3)), axis=1).astype(np.int32)
    return Arrays.made(
        {
            "node_kind": np.repeat([CONTROL, JOINT, PROVISION], [size.controls, size.joints, provisions]),
            "node_framework": framework,
            "node_catalogue": np.where(np.arange(nodes) < base, 0, -1),
            "node_from": np.full(nodes, FIRST_DAY),
            "node_until": np.full(nodes, LAST_DAY),
            "node_assessable": requirement,
            "node_place": (np.arange(nodes) - base) % nodes,
            "version_offsets": np.arange(size.frameworks + 1),
            "version_day": np.zeros(size.frameworks),
            "row_subject": subject,
            "row_object": object_,
            "row_mask": mask,
            "row_authority": sets[row_set],
            "row_strength": strength,
            "row_reviewed": rng.random(count) < 0.5,
            "row_syntactic": np.zeros(count, bool),
            "row_set": row_set,
            "part_whole": whole,
            "part_part": part,
            "part_kind": np.zeros(len(part)),
            "joint_node": size.controls + np.arange(size.joints),
            "joint_offsets": np.arange(size.joints + 1) * 3,
            "joint_member": members.reshape(-1),
        },
        node_ids=_joined(
            _numbered("c:", size.controls, 7), _numbered("j:", size.joints, 7), _numbered("k:", provisions, 7)
        ),
        row_ids=_numbered("m-", count, 8),
        framework_ids=_numbered("f", size.frameworks, 4),
        catalogue_ids=["c"],
        set_ids=_numbered("s", len(sets), 2),
    )  # fmt: skip


def organization(a: Arrays, controls: int = 500, seed: int = 1) -> tuple[Any, Any, Any]:
    """The own rows of an organisation: of each its control, the node it names and its mask.  Each control is a superset
    of one or two reference controls, every fourth has something to do with a requirement, and the members of some joint
    nodes are all among those that it has."""
    rng = np.random.default_rng(seed)
    references = np.flatnonzero(a.node_kind == CONTROL)
    wanted = np.flatnonzero(a.node_assessable)
    some = np.unique(a.joint_member[: min(len(a.joint_member), controls // 20)])
    control = np.concatenate([np.arange(controls), rng.integers(controls, size=controls // 2)])
    start = np.concatenate([some, rng.choice(references, len(control) - len(some))])
    beside = np.arange(0, controls, 4)
    mask = np.repeat(np.array([SUPERSET_OF, RELATED], np.uint8), [len(control), len(beside)])
    control = np.concatenate([control, beside])
    start = np.concatenate([start, rng.choice(wanted, len(beside))])
    _, first = np.unique(control * a.nodes + start, return_index=True)
    return control[first], start[first], mask[first]
