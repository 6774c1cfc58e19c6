"""The rows of a worksheet as the XML of Office Open XML (ECMA-376, part 1, 18.3.1.80): the fast path of ``xlsx``.

    header_xml(titles, styles, height), rows_xml(table, order, styles, leads)   → pieces of XML
    BulkSheet   → a worksheet of XlsxWriter that takes its rows from such pieces

XlsxWriter keeps and writes cell by cell, in a few microseconds each; 250,000 mappings are 4.5 million cells.
Here a column of a few thousand cells is turned into XML at once, and equal cells only once.

Every text is an inline string, so nothing in it can become a formula, a number or a link of its own.  What XML cannot
hold is written as Excel writes it (``_x0007_``), and so is what only looks like that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from kg.exports.tables import Cell, Column, Link, Table, text_of

__all__ = [
    "FIRST", "LATER", "MOST", "MUTED", "PLAIN", "TOTAL", "BulkSheet", "Styles", "fit", "header_xml", "leads",
    "lines_of", "rows_xml",
]  # fmt: skip

#: What a cell of Excel holds at most.
MOST = 32_767
#: The width of a letter on average, words broken at spaces, beside that of a digit, which a column's width counts.
_LETTER = 0.86
#: Points; Excel's own limit is 409.
_HIGHEST = 200
_ODD = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f]|[\ud800-\udfff\ufffe\uffff]")
#: Cells of one column and kind that are remembered; a column of texts that are all different would fill the memory.
_REMEMBERED = 20_000


def fit(text: str) -> str:
    """Text that a cell holds: cut, with a sign that it was, where it is longer.

    A line break is a line feed, as in Excel; CR LF is one.
    """
    text = text.replace("\r\n", "\n")
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def lines_of(text: str, width: float) -> int:
    """How many lines a text takes in a column so many characters wide."""
    return sum(max(1, ceil(len(line) * _LETTER / width)) for line in text.split("\n"))


def _escaped(found: re.Match[str]) -> str:
    said = found[0]
    return f"_x{ord(said):04X}_" if said < " " or said == "_" else "\ufffd"


def _text(text: str) -> str:
    """The inside of a cell with a text, after its style."""
    text = fit(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not text.isprintable() or "_x" in text:
        text = _ODD.sub(_escaped, text)
    keep = ' xml:space="preserve"' if text[:1].isspace() or text[-1:].isspace() else ""
    return f' t="inlineStr"><is><t{keep}>{text}</t></is></c>'


def leads(cell: Cell) -> bool:
    """Whether a cell is a link that Excel takes."""
    return isinstance(cell, Link) and len(cell.url) <= 2000


def _inside(cell: Cell) -> str:
    if isinstance(cell, int | float):
        return f"><v>{cell!r}</v></c>" if isfinite(cell) else _text(str(cell))
    text = text_of(cell)
    return _text(text) if text else "/>"


#: The number of a cell's format, by its column, whether it is a link, what it says, and how its row counts.
Styles = Callable[[Column, bool, str, int], int]
#: How a row counts: as any other, as one without colour, first or later in its block, as a total.
PLAIN, MUTED, FIRST, LATER, TOTAL = range(5)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Cells of one column in rows of one kind, after the row's number."""

    column: Column
    mode: int
    linked: bool
    styles: Styles
    made: dict[Cell, str]

    def __call__(self, cell: Cell) -> str:
        found = self.made.get(cell)
        if found is None or isinstance(cell, float):
            if len(self.made) > _REMEMBERED:
                self.made.clear()
            style = self.styles(self.column, self.linked and leads(cell), text_of(cell), self.mode)
            found = self.made[cell] = f'" s="{style}"{_inside(cell)}'
        return found


def _modes(table: Table) -> list[int] | None:
    """How each row counts; ``None`` where all count alike."""
    if not (table.muted or table.block or table.totals):
        return None
    found: list[int] = []
    before: list[str] | None = None
    for number, row in enumerate(table.rows):
        head = [text_of(c) for c in row[: table.block]]
        if number >= len(table.rows) - table.totals:
            found.append(TOTAL)
        elif table.block:
            found.append(LATER if head == before else FIRST)
        else:
            found.append(MUTED if number in table.muted else PLAIN)
        before = head
    return found


def _heights(columns: Iterable[tuple[Sequence[Cell], int]], count: int) -> list[int]:
    """How many lines each row needs, by what is printed: a long chain on the screen would tear the page apart."""
    most = [1] * count
    for cells, width in columns:
        longest = width / _LETTER
        texts = [text_of(c) for c in cells]
        for i, text in enumerate(texts):
            if len(text) > longest or "\n" in text:
                lines = lines_of(text, width)
                if lines > most[i]:
                    most[i] = lines
    return most


def header_xml(texts: Sequence[str], styles: Sequence[int], height: float) -> str:
    """The first line of a sheet."""
    cells = enumerate(zip(texts, styles, strict=True))
    joined = "".join(f'<c r="{xl_col_to_name(i)}1" s="{style}"{_inside(text)}' for i, (text, style) in cells)
    return f'<row r="1" ht="{height}" customHeight="1">{joined}</row>'


def rows_xml(table: Table, order: Sequence[int], styles: Styles, linked: Container[int]) -> Iterator[str]:
    """The rows of a table from the second line of the sheet on, its columns in the given order, or the sentence in
    place of no rows.  The links of the columns ``linked`` are links in the sheet.
    """
    if not table.rows:
        style = styles(Column("", "", ""), False, "", PLAIN)
        yield f'<row r="2"><c r="A2" s="{style}"{_inside(table.empty)}</row>'
    columns = [table.columns[i] for i in order]
    letters = [f'<c r="{xl_col_to_name(i)}' for i in range(len(columns))]
    modes = _modes(table)
    made: dict[tuple[int, int], _Maker] = {}

    def maker(index: int, mode: int) -> _Maker:
        key = (index, mode)
        if key not in made:
            made[key] = _Maker(table.columns[index], mode, index in linked, styles, {})
        return made[key]

    row = 1
    for chunk in table.chunks():
        count = len(chunk[0]) if chunk else 0
        lines = _heights(((chunk[i], c.width) for i, c in zip(order, columns, strict=True) if c.printed), count)
        cells: list[Iterable[str]] = []
        for index in order:
            if modes is None:
                cells.append(map(maker(index, PLAIN), chunk[index]))
            else:
                here = modes[row - 1 : row - 1 + count]
                if index >= table.block:
                    here = [PLAIN if m == LATER else m for m in here]
                cells.append([maker(index, m)(c) for m, c in zip(here, chunk[index], strict=True)])
        pieces = []
        for high, texts in zip(lines, zip(*cells, strict=True), strict=True):
            row += 1
            height = f' ht="{min(_HIGHEST, 13.5 * high + 2)}" customHeight="1"' if high > 1 else ""
            joined = "".join([f"{letter}{row}{text}" for letter, text in zip(letters, texts, strict=True)])
            pieces.append(f'<row r="{row}"{height}>{joined}</row>')
        yield "".join(pieces)


class BulkSheet(Worksheet):  # type: ignore[misc]
    """A worksheet whose rows are given as XML; XlsxWriter writes everything else of it.

    ``pieces`` are its rows in order, ``extent`` the cells they take (``A1:D10``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.pieces: Iterable[str] = ()
        self.extent = "A1"

    def _write_sheet_data(self) -> None:
        self.fh.write("<sheetData>")
        for piece in self.pieces:
            self.fh.write(piece)
        self.fh.write("</sheetData>")

    def _write_dimension(self) -> Any:
        self._xml_empty_tag("dimension", [("ref", self.extent)])
