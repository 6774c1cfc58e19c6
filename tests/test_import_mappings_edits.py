"""The round trip: an export of ours, edited by hand, comes back as exactly the edits that were made, and as a patch."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import event, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook
from typer.testing import CliRunner

from kg import Release
from kg.answers import Filter, crosswalk
from kg.answers.listing import list_set
from kg.cli.app import app
from kg.errors import InputError, UsageError
from kg.exports.csv import csv_text
from kg.exports.formats import write
from kg.exports.tables import document
from kg.exports.xlsx import workbook
from kg.importers.mappings import (
    Declared,
    Edits,
    compare,
    is_export,
    own_set,
    patched,
    plan,
    read_mappings,
    write_folder,
)
from kg.importers.mappings.sheets import CROSSWALK
from kg.importers.mappings.words import plain
from kg.model import Authority, Mapping
from kg.relations import RELATIONS, inverse, word
from kg.sources import builtin_data, lint
from kg.sources.canonical import sssom_text
from kg.sources.sssom import predicate_of

DAY = date(2026, 3, 1)
HEAD = ["From", "From: title", "Relation", "To", "To: title", "Rationale", "Kind", "Strength", "Confidence", "Set",
        "Row", "Authority", "Method", "Reviewed", "Turned", "Date", "Citation", "Note"]  # fmt: skip
Rows = list[dict[str, Any]]


# ---------------------------------------------------------------- a small graph in files


def tree(folder: Path, rows: Sequence[tuple[str, str, str, str, str, str]], authority: str = "project") -> Path:
    """A data folder with two frameworks and the sets of ``rows`` (set, subject, relation, object, kind, more)."""
    (folder / "frameworks").mkdir(parents=True)
    (folder / "mappings").mkdir()
    for name in ("fa", "fb"):
        lines = "".join(f"{n},,1,rule,{n},Rule {n} of {name},true\n" for n in range(1, 7))
        text = f"# title: {name}\nid,parent_id,level,kind,ref,title,assessable\n{lines}"
        (folder / "frameworks" / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "mappings" / "curators.tsv").write_text(
        "id\tname\torcid\tsince\nann\tAnn\t\t2026-01-01\n", encoding="utf-8"
    )
    for set_id in sorted({row[0] for row in rows}):
        header = {"mapping_set_id": f"https://w3id.org/aigov-kg/mappings/{set_id}", "mapping_set_title": set_id,
                  "authority": authority, "license": "https://example.org/l", "local_key": "kept"}  # fmt: skip
        cells = []
        for _, subject, relation, object_, kind, more in (row for row in rows if row[0] == set_id):
            predicate, modifier = predicate_of(relation)
            cells.append({
                "subject_id": subject, "predicate_id": predicate, "predicate_modifier": modifier, "object_id": object_,
                "mapping_justification": "semapv:BackgroundKnowledgeBasedMatching", "rationale_kind": kind,
                "rationale": f"Why, {more}", "strength": "5", "method": "hybrid", "reviewer_id": "ann",
                "confidence": "0.5", "mapping_date": "2026-01-01",
            })  # fmt: skip
        text = sssom_text(header, cells)
        (folder / "mappings" / f"{set_id}.sssom.tsv").write_text(text, encoding="utf-8")
    return folder


def load(folder: Path) -> Release:
    """The folder alone, without the project's own data."""
    return Release.load(own=folder)


FOUR = (
    ("s1", "fa:1", "subset_of", "fb:1", "functional", "one"),
    ("s1", "fa:2", "related", "fb:2", "semantic", "two"),
    ("s2", "fb:3", "superset_of", "fa:3", "functional", "turned"),
    ("s2", "fa:4", "no_relationship", "fb:4", "syntactic", "four"),
)


@cache
def small() -> Release:
    """The graph of :data:`FOUR`, for tests that write nothing into it."""
    return load(tree(Path(tempfile.mkdtemp()), FOUR))


def exported(release: Release, source: str = "fa", target: str = "fb") -> Rows:
    """The direct rows of a crosswalk workbook, as a person sees them."""
    found = crosswalk(release, source, target, as_of=DAY, filter_=Filter())
    book = load_workbook(io.BytesIO(workbook([document(found, release)])))
    header, *rows = book.get_sheet_by_name("Direct rows").to_python()
    assert set(header) == set(HEAD)  # their order is for people, and may change
    return [dict(zip(header, row, strict=True)) for row in rows]


def written(rows: Rows, release: Release, name: str = "x.xlsx") -> bytes:
    """The rows as a workbook with the other sheets that a reader must not mind, or as CSV."""
    if name.endswith(".csv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, [*HEAD, "asOf", "release"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"asOf": DAY.isoformat(), "release": release.digest} for row in rows)
        return text.getvalue().encode()
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    cover = book.add_worksheet("Read me")
    cover.write_row(2, 0, ["As of", DAY.isoformat()])
    cover.write_row(3, 0, ["Release", release.digest])
    derived = book.add_worksheet("Derived")
    derived.write_row(0, 0, ["From", "Relation", "To", "Chain"])
    derived.write_row(1, 0, ["fa:1", "nonsense", "nowhere:1", ""])
    sheet = book.add_worksheet("Direct rows")
    sheet.write_row(0, 0, HEAD)
    for line, row in enumerate(rows, 1):
        for column, head in enumerate(HEAD):
            value = row.get(head, "")
            if isinstance(value, (int, float)):
                sheet.write_number(line, column, value)
            elif value != "":
                sheet.write_string(line, column, value)
    book.close()
    return out.getvalue()


def compared(rows: Rows, release: Release, name: str = "x.xlsx", **more: Any) -> Edits:
    """What an edited export changes."""
    return compare(read_mappings(Path(name), written(rows, release, name)), release, day=DAY, **more)


def in_words(edits: Edits) -> dict[tuple[str, str], tuple[str, str]]:
    """(row, field) → before and after, of what a person wrote themselves."""
    return {
        (e.before.id, f.field): (f.before, f.after)
        for e in edits.changed
        if e.before
        for f in e.fields
        if not f.follows
    }


# ---------------------------------------------------------------- nothing changed


def test_the_headings_read_are_those_that_are_exported() -> None:
    release = small()
    table = document(crosswalk(release, "fa", "fb", as_of=DAY), release).tables[0]
    read = [name for names in CROSSWALK.fields.values() for name in names]
    for column in table.columns:
        assert plain(column.title) in read, column.title
        assert plain(column.name) in read, column.name


@pytest.mark.parametrize(("source", "target"), [("fa", "fb"), ("fb", "fa")])
def test_an_export_that_nobody_edited_changes_nothing_in_either_direction_and_any_order(
    source: str, target: str
) -> None:
    release = small()
    found = crosswalk(release, source, target, as_of=DAY)
    page = document(found, release)
    for name, content in (("x.xlsx", workbook([page])), ("x.csv", csv_text([page]).encode())):
        edits = compare(read_mappings(Path(name), content), release, day=DAY)
        assert (edits.all, edits.missing, edits.unchanged, edits.release) == ((), (), 4, release.digest)
    moved = exported(release, source, target)[::-1]
    assert not compared(moved, release).all


def test_every_pair_of_the_real_graph_comes_back_unchanged() -> None:
    release = Release.load()
    for source, target in (("nist-ai-rmf", "iso42001"), ("gdpr", "aisb"), ("iso42001", "eu-ai-act")):
        found = crosswalk(release, source, target, derived=False)
        content = workbook([document(found, release)])
        edits = compare(read_mappings(Path("x.xlsx"), content), release, day=found.as_of)
        assert (edits.all, edits.missing, edits.unchanged) == ((), (), len(found.rows))


# ---------------------------------------------------------------- single edits


def test_each_edit_is_told_by_its_field_in_the_direction_of_its_set() -> None:
    release = small()
    rows = exported(release)
    assert [r["Turned"] for r in rows] == ["no", "no", "yes", "no"]
    rows[0]["Relation"] = "intersects with"
    rows[2]["Relation"] = "intersects_with"
    rows[1] |= {"To": "fb:6", "To: title": "", "Note": "moved"}
    rows[3] |= {"Strength": 7, "Rationale": "Another."}
    edits = compared(rows, release)
    assert in_words(edits) == {
        (rows[0]["Row"], "relation"): ("subset_of", "intersects_with"),
        (rows[2]["Row"], "relation"): ("superset_of", "intersects_with"),
        (rows[1]["Row"], "object"): ("fb:2", "fb:6"), (rows[1]["Row"], "note"): ("", "moved"),
        (rows[3]["Row"], "strength"): ("5", "7"), (rows[3]["Row"], "rationale"): ("Why, four", "Another."),
    }  # fmt: skip
    turned = next(e for e in edits.changed if e.before and e.before.id == rows[2]["Row"])
    assert (turned.row.subject, turned.row.object) == ("fb:3", "fa:3")


def test_a_row_that_a_person_turned_round_says_the_same() -> None:
    release = small()
    rows = exported(release)
    a, b = rows[0], rows[2]
    for row in (a, b):
        row["From"], row["To"] = row["To"], row["From"]
        row["From: title"], row["To: title"] = row["To: title"], row["From: title"]
        row["Relation"] = word(inverse(RELATIONS[row["Relation"]]))
    assert not compared(rows, release).all
    a["Row"] = b["Row"] = ""  # also where the id of the row is gone
    assert not compared(rows, release).all


def test_a_changed_judgement_loses_its_reviewers_and_its_day() -> None:
    release = small()
    rows = exported(release)
    rows[0]["Relation"] = "equal"
    rows[1]["Note"] = "no judgement"
    rows[3] |= {"Strength": 1, "Date": "2026-02-02"}
    edits = compared(rows, release)
    follows = {(e.row.subject, f.field): (f.before, f.after) for e in edits.changed for f in e.fields if f.follows}
    assert follows == {
        ("fa:1", "reviewers"): ("ann", ""), ("fa:1", "date"): ("2026-01-01", "2026-03-01"),
        ("fa:4", "reviewers"): ("ann", ""),
    }  # fmt: skip


def test_added_copied_missing_and_removed_rows() -> None:
    release = small()
    rows = exported(release)
    fresh = dict.fromkeys(HEAD, "") | {"From": "fa:5", "Relation": "equal", "To": "fb:5", "Set": "s1", "Strength": 3}
    copy = rows[0] | {"To": "fb:6", "To: title": ""}
    turned_copy = rows[2] | {"From": "fa:6", "From: title": ""}
    edits = compared([*rows[:3], copy, fresh, turned_copy], release)
    assert [(e.row.set_id, e.row.subject, e.row.relation, e.row.object) for e in edits.added] == [
        ("s1", "fa:1", "subset_of", "fb:6"), ("s1", "fa:5", "equal", "fb:5"), ("s2", "fb:3", "superset_of", "fa:6"),
    ]  # fmt: skip
    assert not edits.changed
    assert [m.subject for m in edits.missing] == ["fa:4"]
    removed = compared(rows[:3], release, remove_missing=True)
    assert ([e.row.subject for e in removed.removed], removed.missing) == (["fa:4"], ())
    one_set = compared(rows[:2], release, remove_missing=True)
    assert not one_set.removed  # the crosswalk may have been exported without the other set
    assert [f.code for f in one_set.findings if "s2 (2)" in f.message] == ["KEPT_ROWS"]


def test_columns_that_are_missing_leave_their_fields_and_empty_cells_empty_them() -> None:
    release = small()
    rows = exported(release)
    text = "From,Relation,To,Set,Row,Confidence\n"
    text += "".join(f"{r['From']},{r['Relation']},{r['To']},{r['Set']},{r['Row']},\n" for r in rows)
    edits = compare(read_mappings(Path("x.csv"), text.encode()), release, day=DAY)
    assert set(in_words(edits).values()) == {("0.5", "")}
    assert len(edits.changed) == 4


@pytest.mark.parametrize(
    ("at", "change", "cell", "code"),
    [
        (0, {"To": "fb:66"}, "Direct rows!D2 To", "UNKNOWN_ID"),
        (0, {"Relation": "equl"}, "Direct rows!C2 Relation", "UNKNOWN_RELATION"),
        (1, {"To": "fb:6"}, "Direct rows!E3 To: title", "LABEL_MISMATCH"),
        (1, {"Strength": "many"}, "Direct rows!H3 Strength", "BAD_VALUE"),
        (1, {"Date": "1 March"}, "Direct rows!P3 Date", "BAD_VALUE"),
        (1, {"Kind": "legal"}, "Direct rows!G3 Kind", "BAD_VALUE"),
        (1, {"Method": "magic"}, "Direct rows!M3 Method", "BAD_VALUE"),
        (2, {"Authority": "owner"}, "Direct rows!L4 Authority", "BAD_VALUE"),
        (2, {"Reviewed": "no"}, "Direct rows!N4 Reviewed", "BAD_VALUE"),
        (2, {"Row": "m-000000000000"}, "Direct rows!K4 Row", "UNKNOWN_ID"),
        (2, {"Set": "s1"}, "Direct rows!J4 Set", "BAD_VALUE"),
        (2, {"Set": "s3"}, "Direct rows!J4 Set", "UNKNOWN_ID"),
        (3, {"From": ""}, "Direct rows!A5 From", "MISSING_VALUE"),
        (3, {"To": "fa:4", "To: title": ""}, "Direct rows!D5 To", "SELF_MAPPING"),
        (1, {"From": "fa:1", "From: title": "", "To": "fb:1", "To: title": "", "Kind": "functional"},
         "Direct rows!D3 To", "DUPLICATE_ROW"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_edit_is_refused_in_its_cell(at: int, change: dict[str, Any], cell: str, code: str) -> None:
    release = small()
    rows = exported(release)
    rows[at] |= change
    with pytest.raises(InputError) as caught:
        compared(rows, release)
    assert (cell, code) in [(f.cell, f.code) for f in caught.value.findings if f.severity == "error"]


def test_a_row_twice_is_refused_and_every_fault_told_at_once() -> None:
    release = small()
    rows = exported(release)
    rows.append(dict(rows[0]))
    rows[1]["To"] = "fb:99"
    rows[3]["Relation"] = "?"
    with pytest.raises(InputError) as caught:
        compared(rows, release)
    assert sorted((f.line, f.code) for f in caught.value.findings) == [
        (3, "UNKNOWN_ID"), (5, "UNKNOWN_RELATION"), (6, "DUPLICATE_ROW"),
    ]  # fmt: skip


# ---------------------------------------------------------------- what an edit becomes


def test_an_export_of_another_release_is_shown_and_not_written(tmp_path: Path) -> None:
    release = load(tree(tmp_path / "a", FOUR))
    other = load(tree(tmp_path / "b", FOUR[:3]))
    rows = exported(other)
    rows[0]["Note"] = "edited"
    edits = compare(read_mappings(Path("x.xlsx"), written(rows, other)), release, day=DAY)
    assert "OTHER_RELEASE" in {f.code for f in edits.findings}
    with pytest.raises(UsageError, match="export again"):
        patched(edits, release)


def test_a_set_that_another_body_stands_behind_changes_only_as_a_correction(tmp_path: Path) -> None:
    release = load(tree(tmp_path / "a", FOUR, authority="published"))
    rows = exported(release)
    rows[0]["Relation"] = "equal"
    del rows[3]
    edits = compared(rows, release, remove_missing=True)
    with pytest.raises(UsageError, match="another body stands behind"):
        patched(edits, release)
    assert len(patched(edits, release, corrections=True)) == 2
    mine = own_set(edits, release, Declared("mine", "Mine", Authority.ORGANIZATION, "L"))
    assert [(m.set_id, m.subject, m.relation, m.reviewers) for m in mine.rows] == [("mine", "fa:1", "equal", ())]
    assert {f.code for f in mine.findings} == {"CONTRADICTION_BETWEEN_SETS", "KEPT_ROWS"}
    write_folder(mine, tmp_path / "own")
    both = Release.load(tmp_path / "own", own=tmp_path / "a")
    assert both.sets["mine"].authority is Authority.ORGANIZATION
    assert {m.id for m in release.mappings} < {m.id for m in both.mappings}


def test_a_patch_touches_the_cells_that_were_edited_and_nothing_else(tmp_path: Path) -> None:
    folder = tree(tmp_path / "a", FOUR)
    release = load(folder)
    rows = exported(release)
    rows[1]["Note"] = "seen again"
    ((path, (before, after)),) = patched(compared(rows, release), release).items()
    assert path.name == "s1.sssom.tsv"
    old, new = before.split("\n"), after.split("\n")
    changed = [(a.split("\t"), b.split("\t")) for a, b in zip(old, new, strict=True) if a != b]
    assert [[(x, y) for x, y in zip(a, b, strict=True) if x != y] for a, b in changed] == [[("", "seen again")]]
    assert "# local_key: kept" in after


# ---------------------------------------------------------------- random edits

ends = st.integers(1, 6)
stored = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2"]), ends, st.sampled_from(sorted(set(RELATIONS) - {"equal"})), ends,
        st.sampled_from(["functional", "semantic", "syntactic"]), st.booleans(),
    ),
    min_size=1, max_size=6, unique_by=lambda r: (r[0], r[1], r[3], r[4], r[5]),
)  # fmt: skip
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Relation": st.sampled_from(sorted(set(RELATIONS) - {"equal"})),
    "Rationale": st.sampled_from(["", "Other words.", "=1+1", "Ünï \U0001f600 code"]),
    "Strength": st.sampled_from(["", 0, 5, 10]),
    "Confidence": st.sampled_from(["", 0, 0.25, 1]),
    "Method": st.sampled_from(["human", "automation"]),
    "Date": st.sampled_from(["", "2025-12-31"]),
    "Note": st.sampled_from(["", "a note", "'quoted'"]),
    "Citation": st.sampled_from(["", "https://example.org/c"]),
}
FIELD = {"Relation": "relation", "Rationale": "rationale", "Strength": "strength", "Confidence": "confidence",
         "Method": "method", "Date": "date", "Note": "note", "Citation": "citation"}  # fmt: skip


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_row(m: Mapping, field: str, cell: Any, *, turned: bool) -> Mapping:
    """A stored row after one cell of the export was set: the rule in its plainest words."""
    if field == "relation":
        return replace(m, relation=word(inverse(RELATIONS[cell])) if turned else cell)
    value = {"": None} if field in ("strength", "confidence", "date") else {"": ""}
    if cell == "":
        return replace(m, **{field: value[""]})
    kinds = {"strength": int, "confidence": float, "date": date.fromisoformat, "method": type(m.method)}
    return replace(m, **{field: kinds.get(field, str)(cell)})


@given(st.data(), stored, st.booleans(), st.sampled_from(["x.xlsx", "x.csv"]))
@settings(deadline=None, max_examples=40)
def test_export_edit_import_is_the_edits_and_the_patch_is_exactly_that(
    data: st.DataObject, given_rows: Any, backwards: bool, name: str
) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        rows_of = [
            (s, f"fa:{a}", r, f"fb:{b}", k, "x") if not turned else (s, f"fb:{a}", r, f"fa:{b}", k, "x")
            for s, a, r, b, k, turned in given_rows
        ]
        try:
            release = load(tree(base / "a", rows_of))
        except InputError:
            event("the rows contradict each other")
            return
        rows = exported(release, *(("fb", "fa") if backwards else ("fa", "fb")))
        expected = {m.id: m for m in release.mappings}
        wanted: dict[tuple[str, str], tuple[str, str]] = {}
        dropped = set()
        for row in list(rows):
            before = expected[row["Row"]]
            if data.draw(st.integers(0, 5)) == 0 and len(rows) > 1:
                rows.remove(row)
                dropped.add(before.id)
                del expected[before.id]
                continue
            for head in data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True)):
                cell = data.draw(VALUES[head])
                field = FIELD[head]
                after = as_row(expected[before.id], field, cell, turned=row["Turned"] == "yes")
                if after != expected[before.id]:
                    was, now = getattr(before, field), getattr(after, field)
                    wanted[before.id, field] = tuple("" if v is None else _text(v) for v in (was, now))  # type: ignore[assignment]
                row[head] = cell
                expected[before.id] = after
            judged = {"relation", "strength", "confidence"} & {f for i, f in wanted if i == before.id}
            if judged:
                day = expected[before.id].date if (before.id, "date") in wanted else DAY
                expected[before.id] = replace(expected[before.id], reviewers=(), date=day)
        order = data.draw(st.permutations(rows))
        try:
            edits = compared(order, release, name, remove_missing=True)
        except InputError as error:
            codes = {f.code for f in error.findings if f.severity == "error"}
            if codes <= {"CONTRADICTION"}:
                event("the edits contradict each other")
                return
            raise
        gone_sets = {m.set_id for m in release.mappings} - {r["Set"] for r in rows}
        kept = {i for i in dropped if next(m for m in release.mappings if m.id == i).set_id in gone_sets}
        assert in_words(edits) == wanted
        assert {e.row.id for e in edits.removed} == dropped - kept
        assert not edits.added
        expected |= {m.id: m for m in release.mappings if m.id in kept}
        for path, (_, after_text) in patched(edits, release).items():
            path.write_text(after_text, encoding="utf-8")
        event("compared, patched, loaded and exported again")
        again = load(base / "a")
        assert {m.id: m for m in again.mappings} == expected
        assert not compared(exported(again), again).all
    finally:
        shutil.rmtree(base)


# ---------------------------------------------------------------- SSSOM


def test_a_sssom_file_of_a_set_is_compared_and_patched(tmp_path: Path) -> None:
    folder = tree(tmp_path / "a", FOUR)
    release = load(folder)
    text = (folder / "mappings" / "s1.sssom.tsv").read_text(encoding="utf-8")
    same = compare(read_mappings(Path("s1.sssom.tsv"), text.encode()), release, day=DAY)
    assert (same.all, same.missing, same.unchanged) == ((), (), 2)
    edited = text.replace("kg:subset_of", "kg:equal")
    edits = compare(read_mappings(Path("s1.sssom.tsv"), edited.encode()), release, day=DAY)
    assert list(in_words(edits).values()) == [("subset_of", "equal")]
    line = next(line for line in text.split("\n") if line.startswith("fa:2"))
    fewer = compare(
        read_mappings(Path("s1.tsv"), text.replace(line + "\n", "").encode()), release, day=DAY, remove_missing=True
    )
    assert [e.row.subject for e in fewer.removed] == ["fa:2"]


def test_an_export_with_the_rows_ids_of_several_sets_is_known_by_them() -> None:
    release = small()
    columns = ("subject_id", "predicate_id", "object_id", "mapping_justification", "rationale_kind",
               "predicate_modifier", "record_id", "mapping_source")  # fmt: skip
    lines = []
    for m in release.mappings:
        predicate, modifier = predicate_of(m.relation)
        cells = (
            m.subject,
            predicate,
            m.object,
            "semapv:X",
            m.rationale_kind.value,
            modifier,
            f"kgset:{m.set_id}/{m.id}",
            f"kgset:{m.set_id}",
        )
        lines.append("\t".join(cells))
    lines[0] = lines[0].replace("fb:1", "fb:6")
    head = f"# mapping_set_id: https://w3id.org/aigov-kg/crosswalks/fa/fb\n# comment: From release {release.digest}.\n"
    text = head + "\t".join(columns) + "\n" + "\n".join(lines)
    edits = compare(read_mappings(Path("x.sssom.tsv"), text.encode()), release, day=DAY)
    assert list(in_words(edits).items()) == [((release.mappings[0].id, "object"), ("fb:1", "fb:6"))]
    assert (edits.unchanged, edits.release) == (3, release.digest)


def through_a_spreadsheet(text: str, ending: str, apart: str = ",") -> bytes:
    """A SSSOM table as a spreadsheet program saves it: the metadata lines are cells of the first column."""
    lines = text.rstrip("\n").split("\n")
    table = [[x] if x.startswith("#") else x.split("\t") for x in lines]
    width = max(map(len, table))
    out = io.BytesIO()
    if ending == "xlsx":
        with xlsxwriter.Workbook(out) as book:
            sheet = book.add_worksheet("x.sssom")
            for line, row in enumerate(table):
                for column, cell in enumerate(row):
                    sheet.write_string(line, column, cell)
        return out.getvalue()
    flat = io.StringIO()
    writer = csv.writer(flat, delimiter=apart, lineterminator="\n")
    writer.writerows(row + [""] * (width - len(row)) for row in table)
    return flat.getvalue().encode()


@pytest.mark.parametrize(("name", "apart"), [("x.csv", ","), ("x.csv", ";"), ("x.tsv", "\t"), ("x.xlsx", "")])
def test_sssom_that_was_saved_by_a_spreadsheet_program_is_still_sssom(name: str, apart: str) -> None:
    release = Release.load()
    for answer in (list_set(release, "aisb-gdpr"), crosswalk(release, "nist-ai-rmf", "iso42001", derived=False)):
        text = b"".join(write(answer, release, "sssom")).decode()
        content = through_a_spreadsheet(text, name.rpartition(".")[2], apart)
        incoming = read_mappings(Path(name), content)
        plainly = read_mappings(Path("x.tsv"), text.encode())
        assert incoming.about == plainly.about
        edits = compare(incoming, release, day=date.today())
        assert (edits.all, edits.missing, edits.unchanged) == ((), (), len(answer.rows))
    broken = through_a_spreadsheet(text.replace("\tpredicate_id\t", "\tpredicate\t"), name.rpartition(".")[2], apart)
    with pytest.raises(InputError) as refused:
        read_mappings(Path(name), broken)
    assert [f.code for f in refused.value.findings] == ["MISSING_COLUMN"]


# ---------------------------------------------------------------- JSON and OSCAL

ENDINGS = {"json": "json", "oscal": "oscal.json", "sssom-json": "sssom.json"}


@pytest.mark.parametrize("form", ["json", "oscal"])
def test_every_set_and_the_crosswalks_of_several_sets_come_back_unchanged_in_json(form: str) -> None:
    release = Release.load()
    answers = [
        *(list_set(release, name) for name in release.sets),
        crosswalk(release, "iso42001", "nist-ai-rmf", derived=False),
        crosswalk(release, "eu-ai-act", "aisb", derived=False),
    ]
    assert any(len({r.row.set_id for r in a.rows}) > 1 for a in answers[-2:])
    for answer in answers:
        if answer.rows:
            content = b"".join(write(answer, release, form))
            edits = compare(read_mappings(Path(f"x.{ENDINGS[form]}"), content), release, day=date.today())
            assert (edits.all, edits.missing, edits.unchanged) == ((), (), len(answer.rows))
            assert edits.release == release.digest


@pytest.mark.parametrize("form", sorted(ENDINGS))
@pytest.mark.parametrize(("source", "target"), [("fa", "fb"), ("fb", "fa")])
def test_an_edit_in_json_is_told_in_the_direction_of_its_set(form: str, source: str, target: str) -> None:
    release = small()
    found = crosswalk(release, source, target, as_of=DAY)
    text = b"".join(write(found, release, form)).decode()
    name = Path(f"x.{ENDINGS[form]}")
    whole = compare(read_mappings(name, text.encode()), release, day=DAY)
    assert (whole.all, whole.missing, whole.unchanged) == ((), (), 4)
    edits = compare(read_mappings(name, text.replace("Why, turned", "Because").encode()), release, day=DAY)
    assert list(in_words(edits).values()) == [("Why, turned", "Because")]
    data = json.loads(text)
    where = {"json": lambda d: d["rows"], "sssom-json": lambda d: d["mappings"]}
    rows = where.get(form, lambda d: d["mapping-collection"]["mappings"][0]["maps"])(data)
    gone = rows.pop()
    fewer = compare(read_mappings(name, json.dumps(data).encode()), release, day=DAY)
    assert [m.rationale in json.dumps(gone) for m in fewer.missing] == [True]
    if form == "json":
        rows[0]["strength"], rows[1]["object"] = 11, "fb:99"
        with pytest.raises(InputError) as refused:
            compare(read_mappings(name, json.dumps(data).encode()), release, day=DAY)
        assert {f.cell for f in refused.value.findings} == {"rows[0]/strength", "rows[1]/object"}


@pytest.mark.parametrize("form", sorted(ENDINGS))
def test_rows_of_several_sets_of_elsewhere_are_refused_with_what_to_do(form: str) -> None:
    """Only where the sets are known can they be told apart: one set has one authority and one licence."""
    found = crosswalk(small(), "fa", "fb", as_of=DAY)
    incoming = read_mappings(Path(f"x.{ENDINGS[form]}"), b"".join(write(found, small(), form)))
    with pytest.raises(UsageError) as refused:
        plan(incoming, Release.load(), Declared(set_id="mine", title="M", authority=Authority.PROJECT, licence="CC0"))
    assert "s1 (2), s2 (2)" in refused.value.message
    assert "kg export" in refused.value.hint


@pytest.mark.parametrize("form", [*sorted(ENDINGS), "csv", "xlsx"])
def test_a_crosswalk_of_one_set_of_elsewhere_becomes_a_set(form: str, tmp_path: Path) -> None:
    other = load(tree(tmp_path / "other", [row for row in FOUR if row[0] == "s1"]))
    incoming = read_mappings(
        Path(f"x.{ENDINGS.get(form, form)}"), b"".join(write(crosswalk(other, "fa", "fb", as_of=DAY), other, form))
    )
    target = load(tree(tmp_path / "target", [("s9", "fa:6", "related", "fb:6", "functional", "nine")]))
    assert not is_export(incoming, target)
    planned = plan(
        incoming,
        target,
        Declared(set_id="mine", title="M", authority=Authority.PROJECT, licence="https://example.org/l"),
    )
    meant = {(m.subject, m.relation, m.object, m.rationale, m.strength, m.rationale_kind) for m in other.mappings}
    assert {(m.subject, m.relation, m.object, m.rationale, m.strength, m.rationale_kind) for m in planned.rows} == meant


# ---------------------------------------------------------------- the command


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    done = CliRunner().invoke(app, ["import", "mappings", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def real(tmp_path: Path) -> tuple[Path, Release]:
    """A data folder beside the project's own, and the graph of both."""
    folder = tree(tmp_path / "data", FOUR)
    return folder, Release.load(folder)


def test_the_command_shows_the_difference_and_writes_what_is_asked_for(
    real: tuple[Path, Release], tmp_path: Path
) -> None:
    folder, release = real
    rows = exported(release)
    rows[0]["Relation"], rows[3]["Note"] = "equal", "edited"
    source = tmp_path / "x.xlsx"
    source.write_bytes(written(rows, release))
    words = [str(source), "--data", str(folder), "--date", DAY.isoformat()]
    code, out, _ = run(*words, "--dry-run")
    assert code == 0
    assert "2 changed, 2 unchanged" in out
    assert "(follows)" in out
    assert "Nothing was written" in out

    assert "several sets change" in run(*words, "-o", str(tmp_path / "one.sssom.tsv"))[2]
    assert run(*words, "-o", str(tmp_path / "edits.diff"))[0] == 0
    copy = shutil.copytree(folder, tmp_path / "copy")
    if shutil.which("patch"):
        subprocess.run(["patch", "-p1", "-i", str(tmp_path / "edits.diff")], cwd=copy, check=True, capture_output=True)
        again = load(copy)
        assert {m.relation for m in again.mappings if m.subject == "fa:1"} == {"equal"}
        assert {m.note for m in again.mappings if m.subject == "fa:4"} == {"edited"}
    assert run(*words, "-o", str(tmp_path / "out"))[0] == 0
    assert sorted(p.name for p in (tmp_path / "out" / "mappings").iterdir()) == ["s1.sssom.tsv", "s2.sssom.tsv"]
    own = ["--set", "mine", "--authority", "organization", "--licence", "L", "--title", "Mine"]
    assert run(*words, *own, "-o", str(tmp_path / "mine"))[0] == 0
    assert len([m for m in Release.load(folder, tmp_path / "mine").mappings if m.set_id == "mine"]) == 2


def test_a_file_that_changes_nothing_is_not_written(real: tuple[Path, Release], tmp_path: Path) -> None:
    folder, release = real
    source = tmp_path / "x.csv"
    source.write_bytes(written(exported(release), release, "x.csv"))
    code, _, errors = run(str(source), "--data", str(folder), "-o", str(tmp_path / "x.diff"))
    assert code == 2
    assert "changes nothing" in errors


def test_an_exported_set_becomes_the_file_that_it_was_made_of(tmp_path: Path) -> None:
    """From one person's data folder by SSSOM into another's; the export itself is no file of a folder, and says so."""
    source = builtin_data() / "mappings" / "gdpr-iso42001.sssom.tsv"
    theirs = tmp_path / "theirs" / "mappings" / "acme.sssom.tsv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(source.read_text(encoding="utf-8").replace("mappings/gdpr-iso42001", "mappings/acme"))
    release = Release.load(tmp_path / "theirs")
    exported = tmp_path / "mine" / "mappings" / "acme.sssom.tsv"
    exported.parent.mkdir(parents=True)
    exported.write_bytes(b"".join(write(list_set(release, "acme"), release, "sssom")))
    (found,) = [f for f in lint([tmp_path / "mine"]) if f.code == "UNKNOWN_COLUMN"]
    assert "export" in found.message
    assert "kg import mappings" in found.hint
    incoming = read_mappings(exported)
    with pytest.raises(UsageError) as refused:
        plan(incoming, Release.load(), Declared())
    assert "acme, authority project" in refused.value.hint
    made = plan(incoming, Release.load(), Declared(set_id="acme", authority=Authority.PROJECT))
    assert made.text == theirs.read_text(encoding="utf-8")
