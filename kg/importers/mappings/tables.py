"""Tables with one mapping a row: workbooks and CSV, found by their headings.

    read_grids(path)                       the sheets of a file, as they are
    read_layout(grids, layouts)            the sheet and header line that fit a layout best, and the layout

A header may stand below title lines and on any sheet.  Values are what the cells show; of a formula its last result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import partial
from pathlib import Path

from kg.errors import Finding, InputError, nearest
from kg.importers.mappings.rows import Kind, Row, line_of_text
from kg.importers.mappings.words import plain
from kg.organizations.controls import (
    CellValue,
    cell_text,
    column_letter,
    decoded_text,
    file_bytes,
    text_rows,
    workbook_sheets,
)

__all__ = ["WORKBOOKS", "Grid", "Layout", "Placed", "named_columns", "read_grids", "read_layout"]

_TEXTS = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_HEADER_WITHIN = 40  #: rows with content in which a header is looked for


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet: ``lines`` are (line number, cells); ``sheet`` is empty for a text file."""

    path: str
    sheet: str
    first: int
    lines: list[tuple[int, Sequence[CellValue]]]

    def cell(self, line: int, index: int, heading: str = "") -> str:
        """What a cell is called: ``Sheet!C12 Heading``; in a text file by its heading."""
        if not self.sheet:
            return heading or column_letter(index)
        return f"{self.sheet}!{column_letter(self.first + index)}{line} {heading}".strip()


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of table: field → the headings (:func:`plain`) it may stand under, best first, and what it cannot do
    without.  ``signs`` are headings of which one must be there to tell it from others."""

    kind: Kind
    fields: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A layout found in a grid: the header's line and the column of each field."""

    layout: Layout
    grid: Grid
    line: int
    header: tuple[str, ...]
    columns: dict[str, int]
    start: int
    findings: list[Finding] = field(default_factory=list)

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Each row with content below the header as field → text; a date that stands for an id is a finding."""
        columns = list(self.columns.items())
        ids = {self.columns[name] for name in ("subject", "object") if name in self.columns}
        for line, cells in self.grid.lines[self.start :]:
            width = len(cells)
            record = {name: line_of_text(_text(cells[i])) if i < width else "" for name, i in columns}
            if not any(record.values()):
                continue
            for index in ids:
                if index < width and isinstance(cells[index], (date, time, timedelta)):
                    message = f"the id was turned into the date {_text(cells[index])}"
                    hint = "make the column Text and type the id again"
                    place = self.grid.cell(line, index, self.heading(index))
                    self.findings.append(Finding(self.grid.path, line, "BAD_VALUE", message, hint, place))
            yield line, record

    def heading(self, index: int) -> str:
        """The heading of a column, on one line."""
        return line_of_text(self.header[index]) if index < len(self.header) else ""

    def place(self, line: int, name: str) -> str:
        """What the cell of a field is called."""
        index = self.columns.get(name, self.columns.get("rationale") if name == "kind" else None)
        return name if index is None else self.grid.cell(line, index, self.heading(index))

    def row(self, line: int, record: Mapping[str, str], **more: object) -> Row:
        """A row of the record's values; ``more`` stands before them."""
        known = {k: v for k, v in record.items() if k in Row.__dataclass_fields__}
        values = {"subject": "", "relation": "", "object": "", **known, **more}
        return Row(line=line, fields=frozenset(self.columns), where=partial(self.place, line), **values)  # type: ignore[arg-type]


def _text(value: CellValue) -> str:
    return value if isinstance(value, str) else cell_text(value)


def read_grids(path: Path, content: bytes | None = None, *, delimiter: str = "") -> list[Grid]:
    """The sheets of a workbook, or the rows of a CSV or TSV file, as they are.

    Raises :class:`~kg.errors.InputError` for what is neither, damaged, empty or too large.
    """
    shown, suffix = str(path), path.suffix.lower()
    data = file_bytes(path, content)
    if suffix in WORKBOOKS:
        if not data.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
            hint = "save it again as .xlsx, or give a text file its own ending: .csv, .tsv"
            raise InputError.one(shown, "UNREADABLE", "this is not a workbook", hint)
        grids = []
        for name, start, cells in workbook_sheets(shown, data):
            above, left = start or (0, 0)
            grids.append(Grid(shown, name, left, list(enumerate(cells, above + 1))))
        filled = [grid for grid in grids if any(any(v != "" for v in cells) for _, cells in grid.lines)]
        if not filled:
            raise InputError.one(shown, "EMPTY_FILE", "no visible sheet of the workbook holds anything")
        return filled
    if suffix not in _TEXTS:
        hint = f"one of: {', '.join((*WORKBOOKS, *_TEXTS, '.json', '.yaml'))}"
        raise InputError.one(shown, "UNREADABLE", f"files that end in {suffix!r} are not read", hint)
    text = decoded_text(shown, data)
    if not text.strip():
        raise InputError.one(shown, "EMPTY_FILE", "the file holds nothing but blanks")
    separator = delimiter or _delimiter(text, suffix)
    lines: list[tuple[int, Sequence[CellValue]]] = list(text_rows(shown, text, separator, strict=True))
    return [Grid(shown, "", 0, lines)]


def _delimiter(text: str, suffix: str) -> str:
    if suffix == ".tsv":
        return "\t"
    head = [line for line in text[:20_000].splitlines() if line.strip()][:_HEADER_WITHIN]
    return max((",", ";", "\t", "|"), key=lambda d: max((line.count(d) for line in head), default=0))


def named_columns(layout: Layout, header: Sequence[str]) -> dict[str, int]:
    """The column of each field under a header: of several headings that fit, the best."""
    at: dict[str, int] = {}
    for index, heading in enumerate(header):
        at.setdefault(_heading(heading), index)
    found: dict[str, int] = {}
    for name, headings in layout.fields.items():
        for heading in headings:
            if heading in at and at[heading] not in found.values():
                found[name] = at[heading]
                break
    return found


def _heading(text: str) -> str:
    return plain(text).removesuffix(" optional").removesuffix(" y n")


def read_layout(grids: Sequence[Grid], layouts: Sequence[Layout], *, sheet: str = "") -> Placed:
    """The first sheet (or ``sheet``) and header line under which one of ``layouts`` has all it needs.

    Raises :class:`~kg.errors.InputError`: no such sheet, no such header (with what is missing where most is there), or
    a heading that stands twice.
    """
    path = grids[0].path
    if sheet:
        names = [grid.sheet for grid in grids]
        chosen = [grid for grid in grids if grid.sheet == sheet]
        if not chosen:
            near = nearest(sheet, names)
            hint = f"{f'did you mean {near!r}? ' if near else ''}sheets: {', '.join(names)}"
            raise InputError.one(path, "NOT_FOUND", f"the workbook has no visible sheet {sheet!r}", hint)
        grids = chosen
    best: tuple[int, Placed] | None = None
    whole: list[Placed] = []
    for layout in layouts:
        for grid in grids:
            for placed in _headers(grid, layout):
                count = len(set(layout.needed) & set(placed.columns))
                if count == len(layout.needed):
                    whole.append(placed)
                    break
                if best is None or count > best[0]:
                    best = (count, placed)
        if whole:
            break
    if not whole:
        raise _no_header(path, grids, best)
    placed = whole[0]
    seen: dict[str, int] = {}
    used = set(placed.columns.values())
    for index, text in enumerate(placed.header):
        name = _heading(text)
        if name and name in seen and (index in used or seen[name] in used):
            cell = placed.grid.cell(placed.line, index, line_of_text(text))
            message = f"the heading {line_of_text(text)!r} stands twice"
            raise InputError([Finding(path, placed.line, "DUPLICATE_COLUMN", message, "rename or remove one", cell)])
        seen.setdefault(name, index)
    for other in whole[1:]:
        message = f"the sheet {other.grid.sheet!r} has the same columns and is not read"
        hint = "name the one that is meant: --sheet"
        placed.findings.append(Finding(path, 0, "UNKNOWN_COLUMN", message, hint, severity="warning"))
    return placed


def _headers(grid: Grid, layout: Layout) -> Iterator[Placed]:
    """Every line near the top of a sheet in which a field of the layout is named."""
    seen = 0
    for index, (line, cells) in enumerate(grid.lines):
        texts = tuple(_text(cell) for cell in cells)
        if not any(text.strip() for text in texts):
            continue
        seen += 1
        if seen > _HEADER_WITHIN:
            return
        columns = named_columns(layout, texts)
        here = {_heading(text) for text in texts}
        if columns and (not layout.signs or here & set(layout.signs)):
            yield Placed(layout, grid, line, texts, columns, index + 1)


def _no_header(path: str, grids: Sequence[Grid], best: tuple[int, Placed] | None) -> InputError:
    if best is not None and best[0]:
        _, placed = best
        missing = [name for name in placed.layout.needed if name not in placed.columns]
        found = ", ".join(line_of_text(h) for h in placed.header if h.strip())
        said = [f"{name}: {' or '.join(map(repr, placed.layout.fields[name][:3]))}" for name in missing]
        message = f"the header has no column for {' and '.join(missing)}; found: {found[:200]}"
        cell = placed.grid.sheet
        hint = f"{'; '.join(said)} (merged header cells hide the names of all but the first column)"
        return InputError([Finding(path, placed.line, "MISSING_COLUMN", message, hint, cell)])
    heads = []
    for grid in grids[:3]:
        first = next((cells for _, cells in grid.lines if any(v != "" for v in cells)), ())
        heads.append(", ".join(filter(None, (line_of_text(_text(v)) for v in first)))[:120])
    hint = "say what it is with --kind, or which columns hold the two ids: --subject-column, --object-column"
    return InputError.one(
        path, "MISSING_COLUMN", f"no line is the header of a known kind; found: {'; '.join(heads)}", hint
    )
