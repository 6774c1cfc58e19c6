"""Tables as CSV: UTF-8 without BOM, ``\\n``, one header, and no cell that a spreadsheet would run as a formula.

    csv_text(documents), table_csv(table)          → the whole text
    csv_pieces(documents), table_pieces(table)     → the same a few thousand rows at a time, for a stream

A cell that begins with ``= + - @``, a tab or a line break gets a leading apostrophe, which spreadsheets take as
"this is text".  Numbers are written as numbers.

Cells are looked at a column at a time, and the characters that matter are sought in a whole column at once: most
columns hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from kg.exports.tables import Cell, Column, Document, Link, Table, text_of

__all__ = ["csv_pieces", "csv_text", "neutral", "table_csv", "table_pieces"]

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


def _field(cell: Cell) -> str:
    """A cell as it stands in the file: quoted where it must be."""
    text = neutral(cell)
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return f'"{text}"' if "," in text or "\n" in text else text


def _fields(column: Sequence[Cell]) -> Iterable[str]:
    """A column's cells as they stand in the file."""
    try:
        every = _BETWEEN + _BETWEEN.join(column)  # type: ignore[arg-type]
    except TypeError:  # numbers, links or empty cells among them
        kinds = set(map(type, column))
        if kinds == {Link}:
            return _fields([c.text for c in column])  # type: ignore[union-attr]
        if len(kinds - {type(None)}) > 1:  # 1 and 1.0 are equal and written differently
            return map(_field, column)
        said = {c: _field(c) for c in set(column)}
        return [said[c] for c in column]
    if '"' in every or "\n" in every or "\r" in every or _RUNS.search(every):
        return map(_field, column)
    if "," in every:
        return [f'"{c}"' if "," in c else c for c in column]  # type: ignore[operator,misc]
    return column  # type: ignore[return-value]


def _lines(columns: Sequence[Iterable[str]]) -> str:
    if len(columns) == 1:  # an empty line would be no row
        columns = [[c or '""' for c in columns[0]]]
    return "\n".join([*map(",".join, zip(*columns, strict=False)), ""])


def _header(columns: Iterable[str]) -> str:
    return _lines([[_field(name)] for name in columns])


def table_pieces(table: Table) -> Iterator[str]:
    """One table under its column names, a few thousand rows at a time."""
    yield _header(c.name for c in table.columns)
    for columns in table.chunks():
        yield _lines([_fields(c) for c in columns])


def table_csv(table: Table) -> str:
    """One table under its column names."""
    return "".join(table_pieces(table))


def csv_pieces(documents: Sequence[Document]) -> Iterator[str]:
    """What :func:`csv_text` gives, a few thousand rows at a time."""
    first: tuple[Column, ...] = documents[0].tables[0].columns
    yield _header(chain((c.name for c in first), (name for name, _ in documents[0].stamp)))
    for d in documents:
        stamp = [repeat(_field(value)) for _, value in d.stamp]
        for columns in d.tables[0].chunks():
            yield _lines([*(_fields(c) for c in columns), *stamp])


def csv_text(documents: Sequence[Document]) -> str:
    """The main tables of documents of one kind, one below the other, each row with its date and release."""
    return "".join(csv_pieces(documents))
