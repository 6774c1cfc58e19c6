"""A release as integer columns: what the engine walks, with no Python object for a row.

Nodes and rows are numbered in the order of their ids (code points, which is the order of their UTF-8 bytes), so that a
tie between ids is a tie between integers.  Strings are one UTF-8 blob and its offsets.  Every column is a flat numpy
array, so that :meth:`Arrays.columns` can be stored and :meth:`Arrays.from_columns` given memory-mapped arrays.

:data:`COLUMNS` is the contract: the name of each column, its dtype, how long it is, and what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kg.relations import AT_LEAST, AT_MOST, INTERSECTS_WITH, NO_RELATIONSHIP, SUBSET_OF, SUPERSET_OF, inverse

if TYPE_CHECKING:
    from kg.release import Release

__all__ = [
    "ALL_OF", "AUTHORITY", "COLUMNS", "CONTROL", "DERIVED", "FIRST_DAY", "FULL_STRENGTH", "HIGHEST", "JOINT",
    "LAST_DAY", "PROVISION", "STRENGTH", "WHERE", "Arrays", "Column", "Strings", "day_number", "derived_columns",
    "kind_of",
]  # fmt: skip

Array = npt.NDArray[Any]

#: Node kinds.
PROVISION, CONTROL, JOINT = 0, 1, 2
#: The part kind that is a step of a chain; part kinds are numbered as in :data:`kg.model.PART_KINDS`.
ALL_OF = 0
#: What a chain without shipped rows has.
HIGHEST, FULL_STRENGTH = 4, 10
#: Where authority, strength and the node begin in ``edge_step``, above 5 bits of mask and one that says whether it is a
#: hop; a bit above each of the two stays free.
AUTHORITY, STRENGTH, WHERE = 7, 11, 16
#: Days of a text span without a beginning or an end.
FIRST_DAY, LAST_DAY = -(2**31), 2**31 - 1
_EPOCH = date(1970, 1, 1).toordinal()


class Column(NamedTuple):
    """One column: its dtype, how long it is (``+1``: one more than that), and what it says."""

    dtype: str
    length: str
    says: str


COLUMNS: Mapping[str, Column] = {
    "node_id_blob": Column("u1", "bytes", "the ids of nodes in order, UTF-8, one after the other"),
    "node_id_offsets": Column("i8", "nodes+1", "where each begins in the blob"),
    "node_kind": Column("u1", "nodes", "0 provision, 1 reference control, 2 joint node"),
    "node_framework": Column("i4", "nodes", "a provision's framework, else -1"),
    "node_catalogue": Column("i4", "nodes", "a reference control's or joint node's catalogue, else -1"),
    "node_from": Column("i4", "nodes", "the first text version it stands in (day number), FIRST_DAY for any"),
    "node_until": Column("i4", "nodes", "the first later text version it no longer stands in, LAST_DAY for none"),
    "node_assessable": Column("?", "nodes", "whether a provision may be a requirement"),
    "node_place": Column("i4", "nodes", "reading order: provisions by framework, then controls, then joint nodes"),
    "framework_id_blob": Column("u1", "bytes", "the ids of frameworks in the order of the release"),
    "framework_id_offsets": Column("i8", "frameworks+1", "where each begins in the blob"),
    "version_offsets": Column("i8", "frameworks+1", "where each framework's text versions begin"),
    "version_day": Column("i4", "versions", "text versions (day numbers), ascending within a framework"),
    "catalogue_id_blob": Column("u1", "bytes", "the ids of catalogues in the order of the release"),
    "catalogue_id_offsets": Column("i8", "catalogues+1", "where each begins in the blob"),
    "set_id_blob": Column("u1", "bytes", "the ids of mapping sets in the order of the release"),
    "set_id_offsets": Column("i8", "sets+1", "where each begins in the blob"),
    "row_id_blob": Column("u1", "bytes", "the ids of rows in order"),
    "row_id_offsets": Column("i8", "rows+1", "where each begins in the blob"),
    "row_subject": Column("i4", "rows", "node"),
    "row_object": Column("i4", "rows", "node"),
    "row_mask": Column("u1", "rows", "what the row asserts, five bits (kg.relations)"),
    "row_authority": Column("i1", "rows", "the level of its set: 4 owner to 0 organization"),
    "row_strength": Column("i1", "rows", "0 to 10; 0 where missing"),
    "row_reviewed": Column("?", "rows", "whether a named person has reviewed it"),
    "row_syntactic": Column("?", "rows", "whether its rationale only compares words: it never scores"),
    "row_set": Column("i4", "rows", "mapping set"),
    "part_whole": Column("i4", "parts", "node"),
    "part_part": Column("i4", "parts", "node"),
    "part_kind": Column("u1", "parts", "as in kg.model.PART_KINDS; 0 is all_of"),
    "joint_node": Column("i4", "joints", "node, in the order of the release"),
    "joint_offsets": Column("i8", "joints+1", "where each joint node's members begin"),
    "joint_member": Column("i4", "members", "node, in the order the catalogue names them"),
    "edge_offsets": Column("i8", "3*nodes+1", "each node's steps in three runs: parts, rows without the bit "
                                              "intersects_with, rows with it; each run in the order of (row, node)"),
    "edge_lex": Column("i4", "edges", "the same steps of each node in the order of (row, node) alone, parts first"),
    "edge_to": Column("i4", "edges", "the node a step leads to"),
    "edge_row": Column("i4", "edges", "its row, -1 for a part step"),
    "edge_mask": Column("u1", "edges", "what the step says, read along it"),
    "edge_authority": Column("i1", "edges", "of its row; 4 for a part step"),
    "edge_strength": Column("i1", "edges", "of its row; 10 for a part step"),
    "edge_step": Column("i8", "edges", "all a step says in one: mask, whether it is a hop, authority, strength and, "
                                       "from bit WHERE, the node"),
    "edge_kinds": Column("u1", "nodes", "a bit for each kind of step it has (kind_of)"),
}  # fmt: skip
#: The columns that follow from the others (:func:`derived_columns`): kept, so that opening costs nothing.
DERIVED = tuple(name for name in COLUMNS if name.startswith("edge_"))


def day_number(day: date) -> int:
    """A day as a number: days since 1970-01-01."""
    return day.toordinal() - _EPOCH


class Strings(Sequence[str]):
    """Strings held as one UTF-8 blob: string ``i`` is the bytes from ``offsets[i]`` to ``offsets[i + 1]``."""

    def __init__(self, blob: Array, offsets: Array) -> None:
        self.blob, self.offsets = blob, offsets

    @classmethod
    def of(cls, strings: Iterable[str]) -> Strings:
        """Pack some strings."""
        encoded = [s.encode() for s in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = int(index)
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError(index)
        return self.blob[self.offsets[i] : self.offsets[i + 1]].tobytes().decode()

    def find(self, string: str) -> int:
        """Where ``string`` stands among strings in order, or -1: a binary search, so that nothing is unpacked."""
        wanted, low, high = string.encode(), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.blob[self.offsets[middle] : self.offsets[middle + 1]].tobytes() < wanted:
                low = middle + 1
            else:
                high = middle
        found = low < len(self) and self[low] == string
        return low if found else -1


def kind_of(mask: Any, hop: Any) -> Any:
    """The kind of a step, a bit of ``edge_kinds``, by which a walk tells that a node has nothing to say to it: a part
    step or a row, and whether it leaves *subset_of* or *superset_of* open; rows with *intersects_with* are one kind."""
    ways = (mask & SUBSET_OF > 0) + 2 * (mask & SUPERSET_OF > 0)
    return 1 << np.where(hop, np.where(mask & INTERSECTS_WITH, 7, 3 + ways), np.maximum(ways - 1, 0))


def derived_columns(columns: Mapping[str, Array]) -> dict[str, Array]:
    """The ``edge_`` columns: every step there can be, both ways, sorted so that a walk reads one run of each node.

    Rows that only compare words or say *no relationship* are no steps.  Two steps of which both may be
    ``intersects_with`` say nothing together, so a chain that may be an overlap leaves out its nodes' third run.
    """
    turned = np.array([inverse(m) for m in range(32)], np.uint8)
    steps = np.flatnonzero(~columns["row_syntactic"] & (columns["row_mask"] != NO_RELATIONSHIP)).astype(np.int32)
    subject, object_ = columns["row_subject"][steps], columns["row_object"][steps]
    mask, authority = columns["row_mask"][steps], columns["row_authority"][steps]
    strength = columns["row_strength"][steps]
    all_of = columns["part_kind"] == ALL_OF
    whole, part = columns["part_whole"][all_of], columns["part_part"][all_of]
    n = len(whole)
    at = np.concatenate([whole, part, subject, object_]).astype(np.int64)
    to = np.concatenate([part, whole, object_, subject]).astype(np.int32)
    row = np.concatenate([np.full(2 * n, -1, np.int32), steps, steps])
    says = np.concatenate([np.full(n, AT_LEAST, np.uint8), np.full(n, AT_MOST, np.uint8), mask, turned[mask]])
    run = (row >= 0).astype(np.int64) + ((row >= 0) & (says & INTERSECTS_WITH > 0))
    nodes = len(columns["node_kind"])
    key = at * 3 + run
    # One sort: by node and run, then by row; part steps, which have none, by the node they lead to.
    order = np.argsort(key * (len(columns["row_mask"]) + nodes) + np.where(row < 0, to, row), kind="stable")
    offsets = np.zeros(3 * nodes + 1, np.int64)
    np.cumsum(np.bincount(key, minlength=3 * nodes), out=offsets[1:])
    least = np.concatenate([np.full(2 * n, HIGHEST, np.int8), authority, authority])
    weight = np.concatenate([np.full(2 * n, FULL_STRENGTH, np.int8), strength, strength])
    step = says | (row >= 0).astype(np.int64) << 5 | least.astype(np.int64) << AUTHORITY
    step |= weight.astype(np.int64) << STRENGTH | to.astype(np.int64) << WHERE
    kinds = np.zeros(nodes, np.uint8)
    np.bitwise_or.at(kinds, at, kind_of(says, row >= 0).astype(np.uint8))
    return {
        "edge_offsets": offsets,
        "edge_lex": _in_order(at[order], row[order]),
        "edge_to": to[order],
        "edge_row": row[order],
        "edge_mask": says[order],
        "edge_authority": least[order],
        "edge_strength": weight[order],
        "edge_step": step[order],
        "edge_kinds": kinds,
    }


def _in_order(at: Array, row: Array) -> Array:
    """Of each node the places of its steps, those of parts first and then all rows in order."""
    found = np.arange(len(at), dtype=np.int32)
    key = at * (int(row.max(initial=0)) + 2) + row + 1
    # A node has parts, rows of one kind and rows of the other: only nodes with both kinds are out of order.
    mixed = np.zeros(int(at.max(initial=0)) + 1, bool)
    mixed[at[1:][key[1:] < key[:-1]]] = True
    where = np.flatnonzero(mixed[at])
    found[where] = where[np.argsort(key[where], kind="stable")]
    return found


@dataclass(frozen=True, eq=False)
class Arrays:
    """The columns of a release; see :data:`COLUMNS` for each."""

    node_ids: Strings
    node_kind: Array
    node_framework: Array
    node_catalogue: Array
    node_from: Array
    node_until: Array
    node_assessable: Array
    node_place: Array
    framework_ids: Strings
    version_offsets: Array
    version_day: Array
    catalogue_ids: Strings
    set_ids: Strings
    row_ids: Strings
    row_subject: Array
    row_object: Array
    row_mask: Array
    row_authority: Array
    row_strength: Array
    row_reviewed: Array
    row_syntactic: Array
    row_set: Array
    part_whole: Array
    part_part: Array
    part_kind: Array
    joint_node: Array
    joint_offsets: Array
    joint_member: Array
    edge_offsets: Array
    edge_lex: Array
    edge_to: Array
    edge_row: Array
    edge_mask: Array
    edge_authority: Array
    edge_strength: Array
    edge_step: Array
    edge_kinds: Array

    # ---------------------------------------------------------------- making

    @classmethod
    def of(cls, release: Release) -> Arrays:
        """The columns of a release.  Rows and parts of which an end does not exist are left out: such a release is
        never loaded, only made by hand."""
        from kg.model import PART_KINDS

        groups = (release.provisions, release.controls, release.joints)
        place = {id_: i for i, id_ in enumerate(id_ for group in groups for id_ in group)}
        ids = sorted(place)
        number = {id_: i for i, id_ in enumerate(ids)}
        frameworks = {f: i for i, f in enumerate(release.frameworks)}
        catalogues = {c: i for i, c in enumerate(release.catalogues)}
        sets = {s: i for i, s in enumerate(release.sets)}
        nodes = [release.node(id_) for id_ in ids]
        kinds = [PROVISION if i in release.provisions else CONTROL if i in release.controls else JOINT for i in ids]
        rows = sorted(((m.id, m) for m in release.mappings), key=lambda each: each[0])
        rows = [(id_, m) for id_, m in rows if m.subject in number and m.object in number]
        parts = [p for p in release.parts if p.whole in number and p.part in number]
        levels = {s: release.sets[s].authority.level for s in sets}
        joints = [j for j in release.joints.values() if all(m in number for m in j.members)]
        return cls.made(
            {
                "node_kind": kinds,
                "node_framework": [frameworks.get(getattr(n, "framework", ""), -1) for n in nodes],
                "node_catalogue": [catalogues.get(getattr(n, "catalogue", ""), -1) for n in nodes],
                "node_from": [_day(getattr(n, "text_from", None), FIRST_DAY) for n in nodes],
                "node_until": [_day(getattr(n, "text_until", None), LAST_DAY) for n in nodes],
                "node_assessable": [bool(getattr(n, "assessable", False)) for n in nodes],
                "node_place": [place[i] for i in ids],
                "version_offsets": _offsets(len(f.text_versions) for f in release.frameworks.values()),
                "version_day": [day_number(v.date) for f in release.frameworks.values() for v in f.text_versions],
                "row_subject": [number[m.subject] for _, m in rows],
                "row_object": [number[m.object] for _, m in rows],
                "row_mask": [m.mask for _, m in rows],
                "row_authority": [levels[m.set_id] for _, m in rows],
                "row_strength": [m.strength or 0 for _, m in rows],
                "row_reviewed": [m.reviewed for _, m in rows],
                "row_syntactic": [m.rationale_kind == "syntactic" for _, m in rows],
                "row_set": [sets[m.set_id] for _, m in rows],
                "part_whole": [number[p.whole] for p in parts],
                "part_part": [number[p.part] for p in parts],
                "part_kind": [PART_KINDS.index(p.kind) for p in parts],
                "joint_node": [number[j.id] for j in joints],
                "joint_offsets": _offsets(len(j.members) for j in joints),
                "joint_member": [number[m] for j in joints for m in j.members],
            },
            node_ids=ids,
            row_ids=[id_ for id_, _ in rows],
            framework_ids=frameworks,
            catalogue_ids=catalogues,
            set_ids=sets,
        )

    @classmethod
    def made(cls, columns: Mapping[str, Any], **strings: Iterable[str]) -> Arrays:
        """From columns without the derived ones; ``node_ids`` and the like may be given as strings, nodes and rows in
        the order of their ids."""
        packed = {name: s if isinstance(s, Strings) else Strings.of(s) for name, s in strings.items()}
        given: dict[str, Any] = {name: np.asarray(c, COLUMNS[name].dtype) for name, c in columns.items()}
        for name, s in packed.items():
            stem = name.removesuffix("s")
            given |= {f"{stem}_blob": s.blob, f"{stem}_offsets": s.offsets}
        return cls.from_columns(given | derived_columns(given))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Array]) -> Arrays:
        """The same from :meth:`columns`, memory-mapped or not; nothing is copied or read.  Raises :class:`KeyError`
        for a column that is missing and :class:`TypeError` for one of another dtype."""
        for name, column in COLUMNS.items():
            if columns[name].dtype != np.dtype(column.dtype):
                raise TypeError(f"column {name} is {columns[name].dtype}, not {np.dtype(column.dtype)}")
        fields: dict[str, Any] = {n: columns[n] for n in COLUMNS if not n.endswith(("_id_blob", "_id_offsets"))}
        fields |= {
            f"{s}_ids": Strings(columns[f"{s}_id_blob"], columns[f"{s}_id_offsets"])
            for s in ("node", "framework", "catalogue", "set", "row")
        }
        return cls(**fields)

    def columns(self) -> dict[str, Array]:
        """Every column by its name, in the order of :data:`COLUMNS`."""
        found: dict[str, Array] = {}
        for name in COLUMNS:
            if name.endswith("_id_blob"):
                found[name] = getattr(self, name.removesuffix("_blob") + "s").blob
            elif name.endswith("_id_offsets"):
                found[name] = getattr(self, name.removesuffix("_offsets") + "s").offsets
            else:
                found[name] = getattr(self, name)
        return found

    # ---------------------------------------------------------------- reading

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.node_kind)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {id_: i for i, id_ in enumerate(self.node_ids)}

    def node(self, id_: str) -> int:
        """The number of a node, or -1."""
        if self.nodes > 100_000:
            return self.node_ids.find(id_)
        return self._index.get(id_, -1)

    def texts(self, as_of: date) -> Array:
        """The text version of each framework in force on a day (day numbers); before the first, the first."""
        today, found = day_number(as_of), np.full(len(self.framework_ids), day_number(as_of), np.int32)
        for f in range(len(found)):
            versions = self.version_day[self.version_offsets[f] : self.version_offsets[f + 1]]
            if len(versions):
                found[f] = versions[max(int(np.searchsorted(versions, today, "right")) - 1, 0)]
        return found

    def standing(self, texts: Array) -> Array:
        """Which nodes stand in these texts (:meth:`texts`); a node of no framework always does."""
        if not len(texts):
            return np.ones(self.nodes, bool)
        text = texts[self.node_framework]
        found: Array = (self.node_framework < 0) | ((self.node_from <= text) & (text < self.node_until))
        return found

    def requirements(self, standing: Array) -> Array:
        """The requirements among the nodes that stand, in reading order: assessable provisions with no assessable
        descendant of their framework, along parts of every kind, which stands too."""
        assessable = standing & self.node_assessable & (self.node_kind == PROVISION)
        framework = self.node_framework
        above = self._above(assessable)
        if np.any(framework[self.part_whole] != framework[self.part_part]):
            # A part of another framework is looked through, and is no descendant itself.
            for f in range(len(self.framework_ids)):
                own = framework == f
                above[own] = self._above(assessable & own)[own]
        wanted = np.flatnonzero(assessable & ~above)
        return wanted[np.argsort(self.node_place[wanted], kind="stable")]

    def _above(self, nodes: Array) -> Array:
        """Which nodes stand above some of these."""
        above = np.zeros(self.nodes, bool)
        reached = nodes
        while True:
            found = np.zeros(self.nodes, bool)
            found[self.part_whole[reached[self.part_part]]] = True
            reached = found & ~above
            if not reached.any():
                return above
            above |= reached


def _day(day: date | None, otherwise: int) -> int:
    return otherwise if day is None else day_number(day)


def _offsets(lengths: Iterable[int]) -> Array:
    found = [0]
    for length in lengths:
        found.append(found[-1] + length)
    return np.array(found, np.int64)
