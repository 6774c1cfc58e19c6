"""Tables as CSV: UTF-8 without BOM, ``\\n``, one header, and no cell that a spreadsheet would run as a formula.

    csv_text(documents), table_csv(table)    → the whole text
    table_pieces(tables with their stamps)   → the same a few thousand rows at a time, for a stream; or TSV

A cell that begins with ``= + - @``, a tab or a line break gets a leading apostrophe, which spreadsheets take as
"this is text".  Numbers are written as numbers.

Cells are looked at a column at a time, and the characters that matter are sought in a whole column at once: most
columns hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from kg.exports.tables import Cell, Document, Link, Table, text_of

__all__ = ["Stamp", "csv_pieces", "csv_text", "neutral", "table_csv", "table_pieces"]

#: What a spreadsheet may read as the beginning of a formula; the last four are their full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Stands between the cells of a column while it is searched; in a cell it only costs time.
_BETWEEN = "\x1f"
_RUNS = re.compile("\x1f[" + re.escape("".join(_FORMULA)) + "]")


def neutral(cell: Cell) -> str:
    """A cell as text that no spreadsheet runs.

    >>> neutral("=1+1")
    "'=1+1"
    """
    if isinstance(cell, int | float):
        return str(cell)
    text = text_of(cell)
    if text.startswith(_FORMULA):
        text = "'" + text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _field(cell: Cell, apart: str = ",") -> str:
    """A cell as it stands in the file, between cells that ``apart`` separates: quoted where it must be."""
    text = neutral(cell)
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return f'"{text}"' if apart in text or "\n" in text else text


def _fields(column: Sequence[Cell], apart: str = ",") -> Iterable[str]:
    """A column's cells as they stand in the file."""
    try:
        every = _BETWEEN + _BETWEEN.join(column)  # type: ignore[arg-type]
    except TypeError:  # numbers, links or empty cells among them
        kinds = set(map(type, column))
        if kinds == {Link}:
            return _fields([c.text for c in column], apart)  # type: ignore[union-attr]
        if len(kinds - {type(None)}) > 1:  # 1 and 1.0 are equal and written differently
            return map(_field, column, repeat(apart))
        said = {c: _field(c, apart) for c in set(column)}
        return [said[c] for c in column]
    if '"' in every or "\n" in every or "\r" in every or _RUNS.search(every):
        return map(_field, column, repeat(apart))
    if apart in every:
        return [f'"{c}"' if apart in c else c for c in column]  # type: ignore[operator,misc]
    return column  # type: ignore[return-value]


def _lines(columns: Sequence[Iterable[str]], apart: str = ",") -> str:
    if len(columns) == 1:  # an empty line would be no row
        columns = [[c or '""' for c in columns[0]]]
    return "\n".join([*map(apart.join, zip(*columns, strict=False)), ""])


def _header(columns: Iterable[str], apart: str = ",") -> str:
    return _lines([[_field(name, apart)] for name in columns], apart)


#: Column name and the value that every row of a table carries: release and date.
Stamp = Sequence[tuple[str, str]]


def table_pieces(tables: Iterable[tuple[Table, Stamp]], *, apart: str = ",") -> Iterator[str]:
    """Tables of one kind, one below the other under one header, a few thousand rows at a time; ``apart`` stands between
    cells."""
    for number, (table, stamp) in enumerate(tables):
        if not number:
            yield _header(chain((c.name for c in table.columns), (name for name, _ in stamp)), apart)
        stamped = [repeat(_field(value, apart)) for _, value in stamp]
        for columns in table.chunks():
            yield _lines([*(_fields(c, apart) for c in columns), *stamped], apart)


def table_csv(table: Table) -> str:
    """One table under its column names."""
    return "".join(table_pieces([(table, ())]))


def csv_pieces(documents: Iterable[Document]) -> Iterator[str]:
    """The main tables of documents of one kind, one below the other, each row with its date and release."""
    return table_pieces((d.tables[0], d.stamp) for d in documents)


def csv_text(documents: Iterable[Document]) -> str:
    """What :func:`csv_pieces` gives, in one."""
    return "".join(csv_pieces(documents))
