"""A release as columns: the same content, the same requirements, and back from a file unchanged."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import numpy as np
import pytest
from graphs import random_case

from kg.arrays import COLUMNS, Arrays, Strings
from kg.model import PartKind
from kg.relations import AT_LEAST, AT_MOST, INTERSECTS_WITH, NO_RELATIONSHIP, inverse
from kg.release import Release


def test_every_column_has_the_dtype_and_length_it_says(release: Release) -> None:
    columns = Arrays.of(release).columns()
    assert list(columns) == list(COLUMNS)
    lengths: dict[str, set[int]] = {}
    for name, column in COLUMNS.items():
        assert columns[name].dtype == np.dtype(column.dtype), name
        size, plus, _ = column.length.partition("+")
        if size.isalpha() and size != "bytes":
            lengths.setdefault(size, set()).add(len(columns[name]) - bool(plus))
    assert lengths["nodes"] == {len(release.provisions) + len(release.controls) + len(release.joints)}
    assert lengths["rows"] == {len(release.mappings)}
    assert all(len(found) == 1 for found in lengths.values()), lengths


def test_mapped_from_files_the_columns_are_the_same(release: Release, tmp_path: Path) -> None:
    arrays = Arrays.of(release)
    for name, column in arrays.columns().items():
        np.save(tmp_path / name, column)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in COLUMNS}
    again = Arrays.from_columns(mapped)
    assert list(again.node_ids) == list(arrays.node_ids) == sorted(arrays.node_ids)
    assert list(again.row_ids) == list(arrays.row_ids) == sorted(release.row)
    standing = again.standing(again.texts(date(2026, 1, 1)))
    assert np.array_equal(again.requirements(standing), arrays.requirements(standing))


def test_a_column_of_another_dtype_is_refused(release: Release) -> None:
    columns = Arrays.of(release).columns()
    with pytest.raises(TypeError, match="row_mask is float64"):
        Arrays.from_columns(columns | {"row_mask": columns["row_mask"].astype(float)})


def test_requirements_are_those_of_the_release(release: Release) -> None:
    cases = [(release, date(2024, 1, 1)), (release, date(2026, 8, 1))]
    cases += [(case.release, case.as_of) for case in (random_case(Random(seed)) for seed in range(300))]
    for each, day in cases:
        arrays = Arrays.of(each)
        found = [arrays.node_ids[i] for i in arrays.requirements(arrays.standing(arrays.texts(day)))]
        assert found == [r.id for f in each.frameworks for r in each.requirements(f, day)]


def test_the_steps_of_a_node_are_its_rows_and_parts_in_three_ordered_runs() -> None:
    for seed in range(200):
        release = random_case(Random(seed)).release
        arrays = Arrays.of(release)
        wanted: dict[str, list[tuple[int, str, str, int]]] = {id_: [] for id_ in arrays.node_ids}
        for p in release.parts:
            if p.kind is PartKind.ALL_OF:
                wanted[p.whole].append((0, "", p.part, AT_LEAST))
                wanted[p.part].append((0, "", p.whole, AT_MOST))
        for m in release.mappings:
            if m.rationale_kind != "syntactic" and m.mask != NO_RELATIONSHIP:
                for here, there, mask in ((m.subject, m.object, m.mask), (m.object, m.subject, inverse(m.mask))):
                    wanted[here].append((2 if mask & INTERSECTS_WITH else 1, m.id, there, mask))
        for n, id_ in enumerate(arrays.node_ids):
            found = []
            for run in range(3):
                low, high = arrays.edge_offsets[3 * n + run], arrays.edge_offsets[3 * n + run + 1]
                for e in range(low, high):
                    row = arrays.edge_row[e]
                    said = "" if row < 0 else arrays.row_ids[row]
                    found.append((run, said, arrays.node_ids[arrays.edge_to[e]], int(arrays.edge_mask[e])))
            assert found == sorted(wanted[id_])
            places = arrays.edge_lex[arrays.edge_offsets[3 * n] : arrays.edge_offsets[3 * n + 3]]
            low = arrays.edge_offsets[3 * n]
            assert [found[e - low] for e in places] == sorted(found, key=lambda step: step[1:])


def test_strings_are_found_where_they_stand() -> None:
    strings = Strings.of(sorted(["", "a", "é", "aa", "z", "𝔸"]))
    assert [strings.find(s) for s in strings] == list(range(6))
    assert strings.find("b") == -1
    assert strings[-1] == "𝔸"
    assert strings[1:3] == ["a", "aa"]
