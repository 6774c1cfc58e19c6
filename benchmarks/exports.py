"""Writing and reading tables beside others, in one interleaved run.

    python -m benchmarks.exports                     10,000 and 250,000 mappings
    python -m benchmarks.exports --rows 10000 --repeat 5 -o exports.json

Every round runs each contestant once, so that a busy moment hits all alike; seconds are of the processor.  The mappings
are random and the same in every run: the requirements of two frameworks, a rationale that no two share, 18 columns as a
crosswalk has.  ``ours`` starts from the answer's objects and writes release and day beside them; ``from columns`` all
contestants are handed plain Python columns; each note says what is left out.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from kg import Release
from kg.answers import Crosswalk, crosswalk
from kg.answers.crosswalk import CrosswalkRow
from kg.exports.csv import csv_pieces
from kg.exports.tables import Document, Link, document
from kg.exports.xlsx import workbook

__all__ = ["run"]

DAY = date(2026, 1, 1)
Task = Callable[[], Any]


def made(release: Release, rows: int) -> Crosswalk:
    """A crosswalk of so many mappings between the requirements of two frameworks."""
    found = crosswalk(release, "eu-ai-act", "iso42001", as_of=DAY)
    rng = random.Random(7)
    here = [r.id for r in release.requirements("eu-ai-act", DAY)]
    there = [r.id for r in release.requirements("iso42001", DAY)]
    every = []
    for i in range(rows):
        old, a, b = found.rows[i % len(found.rows)], rng.choice(here), rng.choice(there)
        row = replace(old.row, subject=a, object=b, rationale=f"{old.row.rationale} Case {i}, of {a}")
        every.append(CrosswalkRow(a, old.relation, b, row, False))
    return replace(found, rows=tuple(every), derived=())


def plain(d: Document) -> tuple[list[str], list[list[Any]]]:
    """The columns of the main table as plain Python."""
    names = [c.name for c in d.tables[0].columns]
    columns: list[list[Any]] = [[] for _ in names]
    for chunk in d.tables[0].chunks():
        for column, cells in zip(columns, chunk, strict=True):
            column += [c.text if isinstance(c, Link) else c for c in cells]
    return names, columns


def _csv_text(d: Document) -> int:
    return sum(len(piece.encode()) for piece in csv_pieces([d]))


def _csv_stdlib(names: list[str], columns: list[list[Any]]) -> str:
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def _openpyxl(names: list[str], columns: list[list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(names)
    for row in zip(*columns, strict=True):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _xlsxwriter(names: list[str], columns: list[list[Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet, style = book.add_worksheet(), book.add_format({"text_wrap": True})
    for place, row in enumerate([names, *zip(*columns, strict=True)]):
        for i, cell in enumerate(row):
            sheet.write(place, i, cell, style)
    book.close()
    return out.getvalue()


def _rustpy(names: list[str], columns: list[list[Any]]) -> bytes:
    import rustpy_xlsxwriter

    out = io.BytesIO()
    rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    rustpy_xlsxwriter.write_worksheet(rows, out)
    return out.getvalue()


def _tasks(release: Release, rows: int) -> dict[str, tuple[Task, str]]:
    """Contestant → what it does, and what it leaves out."""
    value = made(release, rows)
    d = document(value, release)
    names, columns = plain(d)
    tasks: dict[str, tuple[Task, str]] = {
        "csv: ours": (lambda: _csv_text(document(value, release)), "from the answer, in pieces, formulas neutralised"),
        "csv: ours, from columns": (
            lambda: _csv_columns(names, columns), "the same without reading the answer's objects"),
        "csv: python's csv": (lambda: _csv_stdlib(names, columns), "from columns, formulas not neutralised"),
        "xlsx: ours": (lambda: workbook([document(value, release)]), "styled, cover, links and matrix where they fit"),
    }  # fmt: skip
    for name, make, note in (
        ("xlsx: xlsxwriter", _xlsxwriter, "one style, one sheet, constant_memory"),
        ("xlsx: rustpy-xlsxwriter", _rustpy, "no styles, one sheet"),
        ("xlsx: openpyxl", _openpyxl, "no styles, one sheet, write_only"),
    ):
        tasks[name] = (lambda make=make: make(names, columns), note)  # type: ignore[misc]
    tasks.update(_polars(names, columns))
    tasks.update(_reading(release))
    return tasks


def _csv_columns(names: list[str], columns: list[list[Any]]) -> int:
    from kg.exports.csv import table_pieces
    from kg.exports.tables import Column, Rows, Table

    rows = Rows(len(columns[0]), lambda start, stop: [c[start:stop] for c in columns])
    table = Table("t", "T", tuple(Column(n, n, "", 9) for n in names), rows)
    return sum(len(piece.encode()) for piece in table_pieces([(table, ())]))


def _polars(names: list[str], columns: list[list[Any]]) -> dict[str, tuple[Task, str]]:
    try:
        import polars
    except ImportError:
        return {}
    data = dict(zip(names, columns, strict=True))
    frame = polars.DataFrame(data)
    return {
        "csv: polars, from columns": (
            lambda: polars.DataFrame(data).write_csv(io.BytesIO()), "makes the frame, formulas not neutralised"),
        "csv: polars, frame ready": (lambda: frame.write_csv(io.BytesIO()), "writes a frame that is there already"),
    }  # fmt: skip


def _reading(release: Release) -> dict[str, tuple[Task, str]]:
    from python_calamine import CalamineWorkbook

    data = workbook([document(made(release, 5000), release)])

    def calamine() -> int:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        return len(book.get_sheet_by_name("Direct rows").to_python())

    def openpyxl() -> int:
        import openpyxl

        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
        return sum(1 for _ in book["Direct rows"].iter_rows(values_only=True))

    return {
        "read 5,000 rows: calamine": (calamine, "the sheet of rows of a crosswalk workbook, as kg reads it"),
        "read 5,000 rows: openpyxl": (openpyxl, "read_only"),
    }


def streamed_growth(release: Release, rows: int) -> float:
    """By how many MB a process of its own grows while a CSV of so many mappings is streamed."""
    d = document(made(release, rows), release)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in csv_pieces([d]):
        pass
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def run(repeat: int = 3, rows: Iterable[int] = (10_000, 250_000), slow: bool = True) -> list[dict[str, Any]]:
    """Each contestant at each size: ``name``, ``rows``, ``seconds`` (a list, of the processor), ``note``.

    Without ``slow``, openpyxl and xlsxwriter are left out above 10,000 rows.
    """
    release = Release.load()
    found = []
    for count in rows:
        tasks = _tasks(release, count)
        if not slow and count > 10_000:
            tasks = {n: t for n, t in tasks.items() if n not in ("xlsx: openpyxl", "xlsx: xlsxwriter")}
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(repeat):
            for name, (task, _) in tasks.items():
                gc.collect()
                start = time.process_time()
                task()
                seconds[name].append(round(time.process_time() - start, 4))
        found += [{"name": n, "rows": count, "seconds": seconds[n], "note": note} for n, (_, note) in tasks.items()]
    return found


def main() -> None:
    """Print medians and ratios to the first of each kind; ``-o`` keeps all seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 250_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="leave out the slow contestants at large sizes")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    found = run(arguments.repeat, arguments.rows, slow=not arguments.fast)
    for count in arguments.rows:
        ours = {}
        for each in (f for f in found if f["rows"] == count):
            kind = each["name"].split(":")[0]
            median = statistics.median(each["seconds"])
            ratio = median / ours.setdefault(kind, median)
            print(f"{count:>8}  {each['name']:<28} {median:8.3f} s  {ratio:6.2f} x  {each['note']}")
    alone = f"import benchmarks.exports as e; print(e.streamed_growth(e.Release.load(), {max(arguments.rows)}))"
    grown = subprocess.run([sys.executable, "-c", alone], check=True, capture_output=True, text=True).stdout
    print(f"growth while {max(arguments.rows)} mappings are streamed as CSV: {float(grown):.1f} MB")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
