"""Workbooks that are handed over: what stands in them, what programs read back, hostile text, paper, bytes, memory."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from kg import Release
from kg.answers import Assessment, Crosswalk, assess, crosswalk, gap_report
from kg.answers.duties import duties
from kg.answers.soa import statement_of_applicability
from kg.cli.demo import example_paths
from kg.exports.csv import csv_pieces, csv_text, neutral, table_csv, table_pieces
from kg.exports.tables import Cell, Column, Document, Link, Rows, Table, document, text_of
from kg.exports.xlsx import workbook
from kg.exports.xlsx_rows import MOST
from kg.organizations import read_controls, read_profile
from kg.relations import NO_RELATIONSHIP, RELATIONS, inverse, word

#: What others have tripped over: formulas, escapes, characters that XML, CSV or a spreadsheet cannot hold as they are.
HOSTILE = (
    "🙂 👩‍👩‍👧 é", "שלום \u202eabc", "a\x00b", "\x01\x07\x1f\x7f", "_x0041_", "_x005F_x0041_", "  both ends  ",
    '=HYPERLINK("http://example.org")', "@SUM(A1:A9)", "+1", "-1", "'=1", "\t=1", "a\tb", "a\rb", "a\nb",
    "\nx\n", 'say "no", or',
    "w" * 3_000, "x" * 40_000, "<b>&amp;</b> ]]>", "1e5", "2026-01-01", "TRUE", "{=A1}", "\ufeffb",
    "a\u2028b\u0085c", "a\r\nb",
)  # fmt: skip
DAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def assessment(release: Release) -> Assessment:
    controls, profile = example_paths()
    about = read_profile(profile, release)
    return assess(release, read_controls(controls, release, systems=[s.id for s in about.systems]).controls, about)


@pytest.fixture(scope="module")
def crossed(release: Release) -> Crosswalk:
    return crosswalk(release, "eu-ai-act", "iso42001", as_of=DAY)


def book(data: bytes) -> dict[str, list[list[Any]]]:
    """Sheet name → rows, as a reader of workbooks sees them."""
    found = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return {name: found.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in found.sheet_names}


def parts(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def page(*tables: Table) -> Document:
    return Document("x", "A title", "In short.", (("As of", "2026-11-23"),), tables, day=DAY)


def texts(values: Sequence[Cell]) -> Table:
    return Table("t", "Texts", (Column("n", "N", "number", 6, "number"), Column("text", "Text", "text", 40)),
                 tuple(enumerate(values)))  # fmt: skip


def shown(text: str) -> str:
    """What a cell holds: Excel's line break, and no more than Excel takes."""
    text = text.replace("\r\n", "\n")
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


# ---------------------------------------------------------------- hostile text


def test_hostile_text_comes_back_as_it_was() -> None:
    """Through the reader that this project reads workbooks with; what is too long is cut where one can see it."""
    data = workbook([page(texts(HOSTILE))])
    assert [row[1] for row in book(data)["Texts"][1:]] == [shown(t) for t in HOSTILE]
    for name, xml in parts(data).items():
        assert not re.search(r"<f[ >]", xml), name
        assert "example.org" not in xml or not name.endswith(".rels")


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
def test_any_text_comes_back(values: list[str]) -> None:
    """But what no XML holds: halves of surrogate pairs and the two non-characters of the basic plane."""
    found = book(workbook([page(texts(values))]))["Texts"][1:]
    expected = [re.sub("[\ud800-\udfff\ufffe\uffff]", "\ufffd", shown(v)) for v in values]
    assert [row[1] for row in found] == expected
    read = list(csv.reader(io.StringIO(table_csv(texts(values)), newline="")))[1:]
    assert [row[1] for row in read] == [neutral(v) for v in values]


def office() -> str:
    found = shutil.which("soffice")
    if found is None:
        pytest.skip("LibreOffice is not installed")
    return found


def through_office(data: bytes, folder: Path, target: str) -> dict[str, bytes]:
    """A workbook opened and saved again by LibreOffice: file name → content."""
    source = folder / "book.xlsx"
    source.write_bytes(data)
    out = folder / "out"
    command = [office(), f"-env:UserInstallation=file://{folder}/profile", "--headless"]
    command += ["--convert-to", target, "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.office
def test_libreoffice_gives_the_same_rows_back(crossed: Crosswalk, release: Release, tmp_path: Path) -> None:
    """Saved again by LibreOffice, every cell of every sheet is what it was, and no part of the file had to be repaired
    to be read: the same sheets, the same number of links."""
    data = workbook([document(crossed, release)])
    again = through_office(data, tmp_path, "xlsx")["book.xlsx"]
    before, after = book(data), book(again)
    assert list(before) == list(after)
    for name, rows in before.items():
        for number, row in enumerate(rows):
            there = after[name][number]
            assert [c for c in row if c != ""] == [c for c in there if c != ""], (name, number)
    links = [sum(xml.count("<hyperlink ") for xml in parts(d).values()) for d in (data, again)]
    assert links[0] == links[1] > 1000


@pytest.mark.office
def test_libreoffice_reads_hostile_text_as_text(tmp_path: Path) -> None:
    """Every sheet as LibreOffice shows it, in CSV (its own XLSX loses the escape of ``_x005F_x0041_``)."""
    every_sheet = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    found = through_office(workbook([page(texts(HOSTILE))]), tmp_path, every_sheet)["book-Texts.csv"].decode()
    assert [row[1] for row in csv.reader(io.StringIO(found, newline=""))][1:] == [shown(t) for t in HOSTILE]


# ---------------------------------------------------------------- the crosswalk workbook


def column(table: Table, name: str) -> int:
    return [c.name for c in table.columns].index(name)


def test_every_mapping_stands_once_in_the_rows_and_once_from_each_side(crossed: Crosswalk, release: Release) -> None:
    """The grouped views hold the same assertions, read from their own side, and each item without any."""
    d = document(crossed, release)
    rows = d.tables[0]
    ids = [r["row"] for r in rows.records()]
    assert ids == [r.row.id for r in crossed.rows]
    for side, table in zip(crossed.sides, d.sheets[1:3], strict=True):
        said = table.records()
        assert sorted(str(r["row"]) for r in said if r["row"]) == sorted(map(str, ids))
        empty = {text_of(r["curie"]) for r in said if r["counterpart"] == "no direct row"}
        looked_at = {end for r in crossed.rows for end in (r.subject, r.object)}
        assert empty == set(side.unmapped) - looked_at
        for r in said:
            if r["row"]:
                m = release.row[str(r["row"])]
                mask = RELATIONS[m.relation] if m.subject == text_of(r["curie"]) else inverse(RELATIONS[m.relation])
                assert r["relationFrom"] == word(mask)
                assert {m.subject, m.object} == {text_of(r["curie"]), text_of(r["counterpart"])}
                assert r["authority"] == release.sets[m.set_id].authority.value


@pytest.mark.parametrize("pair", [("eu-ai-act", "iso42001"), ("iso42001", "eu-ai-act"), ("aisb", "gdpr")])
def test_the_matrix_counts_pairs_and_items(release: Release, pair: tuple[str, str]) -> None:
    """Summed up it is the number of pairs; its margins are the items of the groups, as the sides count them."""
    found = crosswalk(release, *pair, as_of=DAY, derived=False)
    matrix = document(found, release).sheets[3]
    first = next(i for i, c in enumerate(matrix.columns) if c.heat)
    body = matrix.rows[: -matrix.totals]
    pairs = {(r.subject, r.object) for r in found.rows if r.row.mask != NO_RELATIONSHIP}
    assert sum(int(c or 0) for row in body for c in row[first:]) == len(pairs)  # type: ignore[arg-type]
    mapped, items = column(matrix, "mapped"), column(matrix, "items")
    down = sum(int(row[mapped]) for row in body)  # type: ignore[arg-type]
    across = sum(int(c or 0) for c in matrix.rows[-2][first:])  # type: ignore[arg-type]
    assert {down, across} == {s.mapped for s in found.sides}
    assert all(row[mapped] <= row[items] for row in body)  # type: ignore[operator]
    assert len(body) >= len(matrix.columns) - first


def test_a_program_finds_what_it_needs_to_read_the_workbook_back(crossed: Crosswalk, release: Release) -> None:
    d = document(crossed, release)
    read = book(workbook([d]))
    marks = {str(row[0]): str(row[1]) for row in read["Read me"] if str(row[0]).startswith("kg:")}
    assert (marks["kg:kind"], marks["kg:from"], marks["kg:to"]) == ("crosswalk", "eu-ai-act", "iso42001")
    assert (marks["kg:release"], marks["kg:asOf"]) == (release.digest, "2026-11-23")
    for name, table in zip(list(read)[1:], d.sheets, strict=True):
        titles = {c.name: c.title for c in table.columns}
        what, _, names = marks[f"kg:sheet {name}"].partition(": ")
        assert what == f"{d.name} {table.name}"
        assert [titles[n] for n in names.split(", ")] == read[name][0]
    rows = d.tables[0]
    place = {title: i for i, title in enumerate(read["Direct rows"][0])}
    for line, r in zip(read["Direct rows"][1:], crossed.rows, strict=True):
        for name in ("subject", "relation", "object", "rationale", "set", "row", "strength"):
            said = rows.columns[column(rows, name)].title
            expected: Any = {
                "subject": r.subject, "relation": r.relation, "object": r.object, "rationale": r.row.rationale,
                "set": r.row.set_id, "row": r.row.id, "strength": "" if r.row.strength is None else r.row.strength,
            }[name]  # fmt: skip
            assert line[place[said]] == expected


def test_the_names_that_rows_are_read_back_by_stay(crossed: Crosswalk, release: Release) -> None:
    assert [c.name for c in document(crossed, release).tables[0].columns] == [
        "subject", "subjectTitle", "relation", "object", "objectTitle", "rationale", "rationaleKind", "strength",
        "confidence", "set", "row", "authority", "method", "reviewed", "turned", "date", "citation", "note",
    ]  # fmt: skip


# ---------------------------------------------------------------- paper and screen


def documents(assessment: Assessment, crossed: Crosswalk, release: Release) -> list[Document]:
    answers = [assessment.coverage("eu-ai-act"), gap_report(assessment, "gdpr"), crossed]
    answers += [statement_of_applicability(assessment), duties(assessment)]
    return [document(a, release) for a in answers]


def test_a_page_shows_what_is_printed_in_letters_one_can_read(
    assessment: Assessment, crossed: Crosswalk, release: Release
) -> None:
    """The print area holds the printed columns and no other, and these are at most so wide that 10 points become 7.5;
    the header repeats and is frozen, filtered, and grey over what is not printed."""
    for d in documents(assessment, crossed, release):
        found = parts(workbook([d]))
        areas = re.findall(r"_xlnm.Print_Area[^>]*>[^<]*!\$A\$1:\$([A-Z]+)\$", found["xl/workbook.xml"])[1:]
        sheets = d.sheets
        assert found["xl/workbook.xml"].count("Print_Titles") == len(sheets)
        names = dict(zip(re.findall(r'<sheet name="([^"]+)"', found["xl/workbook.xml"])[1:], sheets, strict=True))
        assert len(areas) == len(sheets)
        for number, table in enumerate(names.values(), 2):
            xml = found[f"xl/worksheets/sheet{number}.xml"]
            printed = sum(c.printed for c in table.columns)
            widths: list[float] = []
            for low, high, width in re.findall(r'<col min="(\d+)" max="(\d+)" width="([\d.]+)"', xml):
                widths += [float(width)] * (int(high) - int(low) + 1)
            assert sum(widths[:printed]) <= 190 + printed, (d.name, table.name)
            assert 'state="frozen"' in xml
            assert "<autoFilter ref=" in xml


def test_views_of_a_workbook_stay_out_of_markdown_and_csv(crossed: Crosswalk, release: Release) -> None:
    from kg.exports.markdown import markdown_text

    d = document(crossed, release)
    assert "## Matrix" not in markdown_text([d])
    assert csv_text([d]).count("\n") == len(crossed.rows) + 1 + sum(r.row.rationale.count("\n") for r in crossed.rows)


def test_the_same_bytes_whatever_the_order_of_rows(crossed: Crosswalk, release: Release) -> None:
    from kg.sources import load

    content = load(())
    import dataclasses

    turned = Release(dataclasses.replace(content, mappings=content.mappings[::-1], provisions=content.provisions[::-1]))
    again = crosswalk(turned, "eu-ai-act", "iso42001", as_of=DAY)
    assert workbook([document(crossed, release)]) == workbook([document(again, turned)])


# ---------------------------------------------------------------- large tables


def many(count: int) -> Table:
    """Rows made when they are read, as a large crosswalk's."""
    columns = tuple(Column(f"c{i}", f"C{i}", "a column", 12) for i in range(18))

    def made(start: int, stop: int) -> list[list[Cell]]:
        one: list[Cell] = [f"id-{i % 500}" for i in range(start, stop)]
        text: list[Cell] = [f"Row {i}, because of so many things" for i in range(start, stop)]
        return [*([one] * 15), text, [i % 11 for i in range(start, stop)], [None] * (stop - start)]

    return Table("rows", "Rows", columns, Rows(count, made))


@given(st.integers(0, 9_000), st.integers(-9_100, 9_100))
@settings(max_examples=20)
def test_rows_that_are_made_are_rows(count: int, index: int) -> None:
    """Length, indexing, slices and iteration are those of the tuple they stand for."""
    made = Rows(count, lambda start, stop: [range(start, stop), [f"{i}" for i in range(start, stop)]])
    plain = tuple((i, f"{i}") for i in range(count))
    assert tuple(made) == plain
    assert len(made) == count
    assert made[index : index + 3] == plain[index : index + 3]
    if -count <= index < count:
        assert made[index] == plain[index]
    else:
        with pytest.raises(IndexError):
            made[index]


def test_a_large_csv_is_streamed() -> None:
    """100,000 rows pass through less memory than a tenth of what they are."""
    d = page(many(100_000))
    tracemalloc.start()
    size = rows = 0
    for piece in csv_pieces([d]):
        size += len(piece)
        rows += piece.count("\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 100_001
    assert peak < size / 2
    assert peak < 16e6


def test_a_large_workbook_is_whole_and_the_same_twice() -> None:
    """From the size on where its parts are written to disk first."""
    d = page(many(21_000))
    data = workbook([d])
    assert data == workbook([d])
    found = book(data)["Rows"]
    assert len(found) == 21_001
    assert found[20_000] == [text_of(c) if not isinstance(c, int) else c for c in d.tables[0].rows[19_999]]


def test_more_links_than_excel_takes_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Excel calls a sheet with more than 65,530 links damaged.  Columns have their links while there is room, and where
    there is none for a whole column Read me says so."""
    from kg.exports import xlsx

    def made(count: int) -> bytes:
        both = tuple((Link("x", "https://example.org/1"), Link(f"{i}", "https://example.org/2")) for i in range(count))
        columns = (Column("a", "A", "a link", 20), Column("b", "B", "a link", 20))
        return workbook([page(Table("l", "Links", columns, both))])

    def links(data: bytes) -> int:
        return parts(data)["xl/worksheets/sheet2.xml"].count("<hyperlink ")

    assert xlsx._MOST_LINKS <= 65_530
    monkeypatch.setattr(xlsx, "_MOST_LINKS", 100)
    assert [links(made(n)) for n in (50, 51, 100, 101)] == [100, 51, 100, 0]
    assert "Too many rows for links" in parts(made(101))["xl/sharedStrings.xml"]
    assert [row[1] for row in book(made(101))["Links"][1:]] == [f"{i}" for i in range(101)]


MIXED: list[Cell] = [
    1, 1.0, 0, 0.0, -0.0, -1, None, "", "1", "a", "b", "é", Link("=x", "https://example.org"), "a,b", 'q"', *HOSTILE,
]  # fmt: skip


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(MIXED), min_size=1, max_size=4), min_size=2, max_size=5),
    st.lists(st.text(max_size=3), min_size=1, max_size=40),
    st.integers(1, 6),
    st.tuples(st.sampled_from(MIXED), st.sampled_from(MIXED), st.integers(0, 50)),
)
def test_csv_of_cells_that_come_again_says_what_csv_of_cells_says(
    pools: list[list[Cell]], texts: list[str], times: int, but_one: tuple[Cell, Cell, int]
) -> None:
    """Few cells again and again, columns of which each cell is another, and one of which all are alike but one; in two
    tables under one header."""
    usual, other, at = but_one
    rows = tuple(
        (text, other if i == at else usual, *(pool[i * i % len(pool)] for pool in pools))
        for i, text in enumerate(texts * times)
    )
    table = Table("t", "T", tuple(Column(f"c{i}", "C", "c", 9) for i in range(len(pools) + 2)), rows)
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    written.writerow([*(c.name for c in table.columns), "stamp"])
    written.writerows([[*map(neutral, row), "day, of"] for row in rows * 2])
    assert "".join(table_pieces([(table, [("stamp", "day, of")])] * 2)) == out.getvalue()


def test_csv_of_columns_says_what_csv_of_cells_says() -> None:
    """The fast way through a column and the way through each cell write the same, numbers and mixtures included."""
    mixed = MIXED
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[neutral(c), neutral(c)] for c in mixed])
    table = Table("t", "T", (Column("a", "A", "a", 9), Column("b", "B", "b", 9)), tuple((c, c) for c in mixed))
    assert table_csv(table) == "a,b\n" + out.getvalue()
    for c in mixed:
        single = Table("t", "T", (Column("a", "A", "a", 9),), ((c,),))
        assert list(csv.reader(io.StringIO(table_csv(single), newline="")))[1:] == [[neutral(c)]]


def test_reading_costs_no_writer() -> None:
    """Nothing that writes workbooks is loaded by a command that writes none."""
    code = "import sys, kg.cli.app; sys.exit(any(m.split('.')[0] in ('xlsxwriter', 'polars') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
