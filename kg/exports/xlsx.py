"""Documents as one Excel workbook that a client can open: a Read me sheet, then a sheet for every table.

Every text is written as a string, so nothing in it can become a formula or a link of its own; links lead to http(s)
addresses of the release alone.  The bytes depend on the answer alone: the creation time is the answer's day.

On paper (A4, landscape) a sheet shows the columns that a page has room for, in letters that can be read; details and
what is ``aside`` stand to the right of them, under grey headings, for the screen.

What a program that reads an edited copy may rely on: one header in line 1 and one row of the sheet for each row of the
table; the titles of the columns (their order may change); and the section *For programs* at the end of Read me:
``kg:kind`` and what else the answer is about, ``kg:asOf``, ``kg:release`` and, for every sheet, ``kg:sheet NAME`` with
``DOCUMENT TABLE: `` and the names of its columns in the order of the sheet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time
from itertools import chain
from math import ceil
from textwrap import shorten
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range

from kg.answers.soa import StatementState
from kg.exports.tables import Column, Document, Link, Table
from kg.exports.words import VERDICTS
from kg.exports.xlsx_rows import FIRST, LATER, MUTED, TOTAL, BulkSheet, fit, header_xml, leads, lines_of, rows_xml

__all__ = ["workbook"]

_FONT = {"font_name": "Calibri", "font_size": 10, "valign": "top", "text_wrap": True}
_DARK, _GREY, _PALE, _RULE, _HAIR = "#1F3A5F", "#7F8A99", "#9AA3AE", "#B8C2CF", "#E3E8EE"
#: Verdict → (fill, text): told apart by lightness as well as by hue, and the word stands in the cell.
_COLOURS = {
    "COVERED": ("#C6E7CE", "#0B5324"),
    "PARTIAL": ("#FFF0B8", "#6B4E00"),
    "LEAD": ("#DDE7F5", "#1F3A5F"),
    "GAP": ("#F6C9C4", "#7A1410"),
}
#: The states of a statement of applicability, in the colours of the verdicts they follow from.
_COLOURS |= {
    StatementState.IMPLEMENTED.value: _COLOURS["COVERED"],
    StatementState.IN_PART.value: _COLOURS["PARTIAL"],
    StatementState.PLANNED.value: _COLOURS["LEAD"],
    StatementState.NOT_SHOWN.value: _COLOURS["GAP"],
}
#: The colours of a percentage, from nothing to everything, on one scale in every sheet.
_SCALE = {
    "type": "3_color_scale", "min_type": "num", "mid_type": "num", "max_type": "num",
    "min_value": 0, "mid_value": 50, "max_value": 100,
    "min_color": "#F6C9C4", "mid_color": "#FFF0B8", "max_color": "#C6E7CE",
}  # fmt: skip
#: The colours of counts beside each other.
_HEAT = {
    "type": "2_color_scale", "min_type": "num", "min_value": 0, "min_color": "#FFFFFF", "max_color": "#6FA8DC",
}  # fmt: skip
#: Characters that fit on a page as they are, and in letters that can be read, and what a column keeps at least.
_PAGE, _PAPER, _NARROW = 105, 190, 16
#: Excel refuses a sheet with more than 65,530 links.
_MOST_LINKS = 60_000
#: From so many rows on the parts are written to disk first.
_LARGE = 20_000
_TERM_WIDTH, _MEANING_WIDTH = 30, 110
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


class _Formats:
    """The formats of one workbook, each made when it is first needed."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def get(self, **more: Any) -> Any:
        """The base format and what is said beside it."""
        key = tuple(sorted(more.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({**_FONT, **more})
        return self._made[key]

    @property
    def text(self) -> Any:
        """Plain text."""
        return self.get()

    @property
    def term(self) -> Any:
        """A term, or another text that stands out."""
        return self.get(bold=True)

    @property
    def title(self) -> Any:
        """The title of a document."""
        return self.get(bold=True, font_size=15, font_color=_DARK)

    @property
    def heading(self) -> Any:
        """A heading on the cover."""
        return self.get(bold=True, font_size=11, font_color=_DARK, bottom=1)

    def verdict(self, name: str, **more: Any) -> Any:
        """A verdict in its colours."""
        fill, ink = _COLOURS[name]
        return self.get(bold=True, bg_color=fill, font_color=ink, **more)

    def header(self, column: Column) -> Any:
        """The head of a column; of one that is not printed in grey, of one of a matrix upright."""
        fill = _DARK if column.printed else _GREY
        more = {"rotation": 90, "align": "center", "valign": "bottom"} if column.heat else {}
        return self.get(bold=True, font_color="#FFFFFF", bg_color=fill, border=1, border_color=_RULE, **more)

    def cell(self, column: Column, link: bool, text: str, mode: int) -> int:
        """The number of the format of a cell (see :data:`kg.exports.xlsx_rows.Styles`)."""
        more: dict[str, Any] = {"bottom": 1, "bottom_color": _HAIR}
        if mode == FIRST:
            more |= {"top": 1, "top_color": _GREY}
        if not column.name:
            return int(self.get(text_wrap=False)._get_xf_index())
        if mode == TOTAL:
            more |= {"bold": True, "bg_color": "#EEF2F7"}
        if column.kind == "number":
            more |= {"align": "center"} if column.heat else {"align": "right", "indent": 1, "text_wrap": False}
        if link and mode != LATER:
            more |= {"font_color": "#0B57A4", "underline": 1}
        elif mode in (MUTED, LATER):
            more["font_color"] = "#808080" if mode == MUTED else _PALE
        elif column.kind == "verdict" and text in _COLOURS:
            return int(self.verdict(text, **more)._get_xf_index())
        return int(self.get(**more)._get_xf_index())


class _Page:
    """The Read me sheet and where its next line goes."""

    def __init__(self, sheet: Any, formats: _Formats) -> None:
        self.sheet, self.formats, self.row = sheet, formats, 0

    def text(self, column: int, text: str, format_: Any) -> None:
        """Write ``text`` as a string, whatever it looks like."""
        self.sheet.write_string(self.row, column, fit(text), format_)

    def pairs(self, heading: str, pairs: Iterable[tuple[str, str]]) -> None:
        """A heading and two columns below it; nothing where there are no pairs."""
        for number, (term, meaning) in enumerate(pairs):
            if number == 0:
                self.sheet.set_row(self.row, 18)
                self.text(0, heading, self.formats.heading)
                self.sheet.write_blank(self.row, 1, None, self.formats.heading)
                self.row += 1
            self.text(0, term, self.formats.verdict(term) if term in VERDICTS else self.formats.term)
            self.text(1, meaning, self.formats.text)
            lines = max(lines_of(term, _TERM_WIDTH), lines_of(meaning, _MEANING_WIDTH))
            if lines > 1:
                self.sheet.set_row(self.row, min(400, 13.5 * lines + 2))
            self.row += 1
        self.row += 1


def _name(wanted: str, taken: set[str]) -> str:
    """A sheet name that Excel accepts: at most 31 characters, none of ``[]:*?/\\``, no other of that name."""
    base = _FORBIDDEN.sub("-", wanted).strip("'")[:31] or "Sheet"
    name, number = base, 2
    while name.casefold() in taken:
        name = f"{base[:27]} {number}"
        number += 1
    taken.add(name.casefold())
    return name


def _paper(sheet: Any, title: str, width: float) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    if width > _PAGE:  # LibreOffice would make what is narrower larger
        sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L" + shorten(title, 110, placeholder=" …").replace("&", "&&") + "&RPage &P of &N")


def _title(documents: Sequence[Document]) -> str:
    """What the whole workbook is about: of several documents the first, and how many more."""
    more = len(documents) - 1
    return documents[0].title + (f", and {more} more" if more else "")


def _read_me(page: _Page, documents: Sequence[Document], sheets: Sequence[tuple[str, Document, Table]]) -> None:
    f, first = page.formats, documents[0]
    page.sheet.set_column(0, 0, _TERM_WIDTH)
    page.sheet.set_column(1, 1, _MEANING_WIDTH)
    for d in documents:
        page.sheet.merge_range(page.row, 0, page.row, 1, "", f.title)
        page.text(0, d.title, f.title)
        page.sheet.set_row(page.row, 22 * lines_of(d.title, 88) + 6)
        page.row += 1
        page.pairs("What this says", (("In short", d.summary), *d.facts))
    notes = [(name, " ".join(filter(None, (t.note or t.title, _unlinked(t))))) for name, _, t in sheets]
    page.pairs("Sheets", notes)
    page.pairs("Legend", first.legend)
    columns = {c.title: c.description for _, _, t in sheets for c in t.columns if not c.heat}
    if any(not c.printed for _, _, t in sheets for c in t.columns):
        columns |= {"Grey headings": "columns for the screen, to the right of what is printed"}
    page.pairs("Columns", columns.items())
    page.pairs("Licences", dict.fromkeys(pair for d in documents for pair in d.licences))
    cautions = dict.fromkeys(x for d in documents for x in d.disclaimers)
    page.pairs("Disclaimers", ((x.basis or "General", x.text) for x in cautions))
    _paper(page.sheet, _title(documents), _TERM_WIDTH + _MEANING_WIDTH)
    page.sheet.print_area(0, 0, max(0, page.row - 1), 1)
    page.pairs("For programs", _marker(documents, sheets))


def _marker(documents: Sequence[Document], sheets: Sequence[tuple[str, Document, Table]]) -> Iterator[tuple[str, str]]:
    """What a program needs to read the workbook back."""
    for d in documents:
        yield from ((f"kg:{name}", value) for name, value in (*d.marker, *d.stamp))
    for name, d, table in sheets:
        names = ", ".join(table.columns[i].name for i in _order(table))
        yield f"kg:sheet {name}", f"{d.name} {table.name}: {names}"


def _order(table: Table) -> list[int]:
    """The numbers of a table's columns as they stand in the sheet: first what is printed."""
    return sorted(range(len(table.columns)), key=lambda i: not table.columns[i].printed)


def _fitted(table: Table) -> Table:
    """The table with every column as wide as the longest word above it, and the widest narrowed, if need be, until what
    is printed fits a page.

    A4 in landscape takes 145 characters of 10 points; at 190 they are printed in 7.5.
    """
    table = replace(table, columns=tuple(replace(c, width=max(c.width, _word(c))) for c in table.columns))
    printed = [c for c in table.columns if c.printed]
    wide = sum(c.width for c in printed if c.width > _NARROW)
    over = sum(c.width for c in printed) - _PAPER
    if over <= 0 or not wide:
        return table
    factor = max(0.5, 1 - over / wide)
    columns = (
        replace(c, width=max(_NARROW, int(c.width * factor))) if c.printed and c.width > _NARROW else c
        for c in table.columns
    )
    return replace(table, columns=tuple(columns))


def _word(column: Column) -> int:
    """The width of the longest word of a heading; of an upright one nothing."""
    return 0 if column.heat else ceil(max(map(len, column.title.split()), default=0) * 1.1) + 1


def _linked(table: Table) -> set[int]:
    """The numbers of the columns whose links become links: as many columns, from the left, as Excel allows."""
    found: set[int] = set()
    left = _MOST_LINKS
    if len(table.rows) > left:
        return found
    counts = [0] * len(table.columns)
    for chunk in table.chunks():
        for i, column in enumerate(chunk):
            counts[i] += sum(map(leads, column))
    for i, count in enumerate(counts):
        if count and count <= left:
            left -= count
            found.add(i)
    return found


def _unlinked(table: Table) -> str:
    return "Too many rows for links to the official texts." if len(table.rows) > _MOST_LINKS else ""


def _data(sheet: BulkSheet, table: Table, title: str, formats: _Formats) -> None:
    table = _fitted(table)
    order, linked = _order(table), _linked(table)
    columns = [table.columns[i] for i in order]
    count, last = len(table.rows), len(columns) - 1
    tall = max((len(c.title) for c in columns if c.heat), default=0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
    for place, index in enumerate(order):
        if index in linked:
            _links(sheet, table, index, place)

    styles = [formats.header(c)._get_xf_index() for c in columns]
    height = min(200, 6 * tall + 12) if tall else 30
    head = header_xml([c.title for c in columns], styles, height)
    sheet.pieces = chain([head], rows_xml(table, order, formats.cell, linked))
    bottom = max(1, count)
    sheet.extent = xl_range(0, 0, bottom, last)
    for place, column in enumerate(columns):
        if column.share and count:
            sheet.conditional_format(1, place, count - table.totals, place, _SCALE)
    if heat := [place for place, column in enumerate(columns) if column.heat]:
        sheet.conditional_format(1, heat[0], count - table.totals, heat[-1], _HEAT)
    sheet.ignore_errors({"number_stored_as_text": sheet.extent})
    sheet.freeze_panes(1, _frozen(columns))
    sheet.autofilter(0, 0, bottom - table.totals, last)
    _paper(sheet, title, sum(c.width for c in columns if c.printed))
    sheet.repeat_rows(0)
    sheet.print_area(0, 0, bottom, max(0, sum(c.printed for c in columns) - 1))


def _links(sheet: BulkSheet, table: Table, index: int, place: int) -> None:
    row = 1
    for chunk in table.chunks():
        for cell in chunk[index]:
            if isinstance(cell, Link) and leads(cell):
                sheet.write_url(row, place, cell.url, None, " ")
            row += 1


def _frozen(columns: Sequence[Column]) -> int:
    """How many columns stay in view: up to the reference of a requirement, else the first."""
    names = [c.name for c in columns]
    return names.index("ref") + 1 if "ref" in names[:4] else 1


def workbook(documents: Sequence[Document]) -> bytes:
    """One workbook of documents of one kind; where there are several, sheets carry the document's name."""
    out = io.BytesIO()
    sheets = [(d, t) for d in documents for t in d.sheets]
    small = sum(len(t.rows) for _, t in sheets) < _LARGE
    options = {"in_memory": small, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    first = documents[0]
    created = datetime.combine(max(d.day for d in documents), time())
    comments = "; ".join(f"{name} {value}" for name, value in first.stamp)
    book.set_properties({"title": _title(documents)[:250], "comments": comments, "created": created})
    formats = _Formats(book)
    taken = {"read me"}
    named = [(_name(t.title if len(documents) == 1 else f"{d.name} {t.name}", taken), d, t) for d, t in sheets]
    _read_me(_Page(book.add_worksheet("Read me"), formats), documents, named)
    for name, d, t in named:
        _data(book.add_worksheet(name, BulkSheet), t, d.title, formats)
    book.close()
    return out.getvalue()
