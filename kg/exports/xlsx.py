"""Documents as one Excel workbook that a client can open: a Read me sheet, then a sheet for every table.

Every text is written as a string, so nothing in it can become a formula or a link of its own; links lead to http(s)
addresses of the release alone.  The bytes depend on the answer alone: the creation time is the answer's day.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from math import ceil
from textwrap import shorten
from typing import Any

import xlsxwriter

from kg.exports.tables import Cell, Column, Document, Link, Table, text_of
from kg.exports.words import VERDICTS

__all__ = ["workbook"]

_FONT = {"font_name": "Calibri", "font_size": 10, "valign": "top", "text_wrap": True}
_DARK = "#1F3A5F"
#: Verdict → (fill, text): told apart by lightness as well as by hue, and the word stands in the cell.
_COLOURS = {
    "COVERED": ("#C6E7CE", "#0B5324"),
    "PARTIAL": ("#FFF0B8", "#6B4E00"),
    "LEAD": ("#DDE7F5", "#1F3A5F"),
    "GAP": ("#F6C9C4", "#7A1410"),
}
#: The colours of a percentage, from nothing to everything, on one scale in every sheet.
_SCALE = {
    "type": "3_color_scale", "min_type": "num", "mid_type": "num", "max_type": "num",
    "min_value": 0, "mid_value": 50, "max_value": 100,
    "min_color": "#F6C9C4", "mid_color": "#FFF0B8", "max_color": "#C6E7CE",
}  # fmt: skip
#: What a cell of Excel holds at most.
_MOST = 32_767
_MOST_LINKS = 60_000
#: Points; Excel's own limit is 409.
_HIGHEST_ROW = 200
_TERM_WIDTH, _MEANING_WIDTH = 30, 110
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


class _Formats:
    """The formats of one workbook, by name."""

    def __init__(self, book: Any) -> None:
        self.text = book.add_format(_FONT)
        self.muted = book.add_format({**_FONT, "font_color": "#808080"})
        self.number = book.add_format({**_FONT, "align": "right", "indent": 1, "num_format": "General"})
        self.link = book.add_format({**_FONT, "font_color": "#0B57A4", "underline": 1})
        self.header = book.add_format({**_FONT, "bold": True, "font_color": "#FFFFFF", "bg_color": _DARK, "border": 1})
        self.title = book.add_format({**_FONT, "bold": True, "font_size": 15, "font_color": _DARK, "text_wrap": False})
        self.heading = book.add_format({**_FONT, "bold": True, "font_size": 11, "font_color": _DARK, "bottom": 1})
        self.term = book.add_format({**_FONT, "bold": True})
        self.verdict = {
            name: book.add_format({**_FONT, "bold": True, "bg_color": fill, "font_color": ink})
            for name, (fill, ink) in _COLOURS.items()
        }


def _fit(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


class _Sheet:
    """One worksheet and where the next line goes."""

    def __init__(self, sheet: Any, formats: _Formats) -> None:
        self.sheet, self.formats, self.row, self.links = sheet, formats, 0, 0

    def text(self, column: int, text: str, format_: Any) -> None:
        """Write ``text`` as a string, whatever it looks like."""
        self.sheet.write_string(self.row, column, _fit(text), format_)

    def cell(self, column: int, cell: Cell, kind: Column, *, muted: bool = False) -> None:
        """Write one cell of a table in the format of its column; in a muted row without colour."""
        f = self.formats
        plain = f.muted if muted else f.text
        if isinstance(cell, int | float):
            self.sheet.write_number(self.row, column, cell, f.number)
        elif isinstance(cell, Link) and len(cell.url) <= 2000 and self.links < _MOST_LINKS:
            self.links += 1
            self.sheet.write_url(self.row, column, cell.url, f.link, _fit(cell.text))
        elif cell is None or text_of(cell) == "":
            self.sheet.write_blank(self.row, column, None, plain)
        else:
            shown = text_of(cell)
            self.text(column, shown, f.verdict.get(shown, plain) if kind.kind == "verdict" and not muted else plain)

    def pairs(self, heading: str, pairs: Iterable[tuple[str, str]]) -> None:
        """A heading and two columns below it; nothing where there are no pairs."""
        for number, (term, meaning) in enumerate(pairs):
            if number == 0:
                self.sheet.set_row(self.row, 18)
                self.text(0, heading, self.formats.heading)
                self.sheet.write_blank(self.row, 1, None, self.formats.heading)
                self.row += 1
            colour = self.formats.verdict.get(term) if term in VERDICTS else None
            self.text(0, term, colour or self.formats.term)
            self.text(1, meaning, self.formats.text)
            self.height([(term, _TERM_WIDTH), (meaning, _MEANING_WIDTH)])
            self.row += 1
        self.row += 1

    def height(self, cells: Iterable[tuple[str, int]]) -> None:
        """Make the row as high as its wrapped text needs, given (text, column width); not every program does."""
        lines = max((_lines(text, width) for text, width in cells), default=1)
        if lines > 1:
            self.sheet.set_row(self.row, min(_HIGHEST_ROW, 13.5 * lines + 2))


def _lines(text: str, width: int) -> int:
    """How many lines a text takes in a column so many characters wide."""
    return sum(max(1, ceil(len(line) * 0.92 / width)) for line in text.split("\n"))


def _name(wanted: str, taken: set[str]) -> str:
    """A sheet name that Excel accepts: at most 31 characters, none of ``[]:*?/\\``, no other of that name."""
    base = _FORBIDDEN.sub("-", wanted).strip("'")[:31] or "Sheet"
    name, number = base, 2
    while name.casefold() in taken:
        name = f"{base[:27]} {number}"
        number += 1
    taken.add(name.casefold())
    return name


def _page(sheet: Any, title: str) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L" + shorten(title, 110, placeholder=" …").replace("&", "&&") + "&RPage &P of &N")


def _title(documents: Sequence[Document]) -> str:
    """What the whole workbook is about: of several documents the first, and how many more."""
    more = len(documents) - 1
    return documents[0].title + (f", and {more} more" if more else "")


def _read_me(sheet: _Sheet, documents: Sequence[Document], names: Sequence[tuple[str, Table]]) -> None:
    f, first = sheet.formats, documents[0]
    sheet.sheet.set_column(0, 0, _TERM_WIDTH)
    sheet.sheet.set_column(1, 1, _MEANING_WIDTH)
    for d in documents:
        sheet.text(0, d.title, f.title)
        sheet.sheet.set_row(sheet.row, 26)
        sheet.row += 1
        sheet.pairs("What this says", (("In short", d.summary), *d.facts))
    sheet.pairs("Sheets", ((name, t.note or t.title) for name, t in names))
    sheet.pairs("Legend", first.legend)
    columns = {c.title: c.description for d in documents for t in d.tables for c in t.columns}
    sheet.pairs("Columns", columns.items())
    sheet.pairs("Licences", dict.fromkeys(pair for d in documents for pair in d.licences))
    cautions = dict.fromkeys(x for d in documents for x in d.disclaimers)
    sheet.pairs("Disclaimers", ((x.basis or "General", x.text) for x in cautions))
    _page(sheet.sheet, _title(documents))
    sheet.sheet.print_area(0, 0, max(0, sheet.row - 1), 1)


def _data(sheet: _Sheet, table: Table, title: str) -> None:
    last = len(table.columns) - 1
    for index, column in enumerate(table.columns):
        sheet.sheet.set_column(index, index, column.width)
        sheet.text(index, column.title, sheet.formats.header)
    sheet.sheet.set_row(0, 28)
    sheet.row = 1
    for number, row in enumerate(table.rows):
        for index, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
            sheet.cell(index, cell, column, muted=number in table.muted)
        sheet.height((text_of(cell), column.width) for cell, column in zip(row, table.columns, strict=True))
        sheet.row += 1
    if not table.rows:
        sheet.text(0, table.empty, sheet.formats.text)
        sheet.row += 1
    for index, column in enumerate(table.columns):
        if column.share and table.rows:
            sheet.sheet.conditional_format(1, index, len(table.rows), index, _SCALE)
    sheet.sheet.freeze_panes(1, _frozen(table))
    sheet.sheet.autofilter(0, 0, sheet.row - 1, last)
    _page(sheet.sheet, title)
    sheet.sheet.repeat_rows(0)
    sheet.sheet.print_area(0, 0, sheet.row - 1, last)


def _frozen(table: Table) -> int:
    """How many columns stay in view: up to the reference of a requirement, else the first."""
    names = [c.name for c in table.columns]
    return names.index("ref") + 1 if "ref" in names else 1


def workbook(documents: Sequence[Document]) -> bytes:
    """One workbook of documents of one kind; where there are several, sheets carry the document's name."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    first = documents[0]
    created = datetime.combine(max(d.day for d in documents), time())
    comments = "; ".join(f"{name} {value}" for name, value in first.stamp)
    book.set_properties({"title": _title(documents)[:250], "comments": comments, "created": created})
    formats = _Formats(book)
    taken = {"read me"}
    named = [
        (_name(t.title if len(documents) == 1 else f"{d.name} {t.name}", taken), d, t)
        for d in documents
        for t in d.tables
    ]
    cover = _Sheet(book.add_worksheet("Read me"), formats)
    _read_me(cover, documents, [(name, t) for name, _, t in named])
    for name, d, t in named:
        _data(_Sheet(book.add_worksheet(name), formats), t, d.title)
    book.close()
    return out.getvalue()
