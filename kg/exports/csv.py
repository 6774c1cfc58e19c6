"""Tables as CSV: UTF-8 without BOM, ``\\n``, one header, and no cell that a spreadsheet would run as a formula.

    csv_text(documents), table_csv(table)    → the whole text
    table_pieces(tables with their stamps)   → the same a few thousand rows at a time, for a stream; or TSV

A cell that begins with ``= + - @``, a tab or a line break gets a leading apostrophe, which spreadsheets take as
"this is text".  Numbers are written as numbers.

Cells are looked at a column at a time.  Where few texts come again and again each is looked at once; in other columns
the characters that matter are sought in all cells at once: most columns hold none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

import numpy as np

from kg.exports.tables import Cell, Document, Link, Table, text_of

__all__ = ["Stamp", "csv_pieces", "csv_text", "neutral", "table_csv", "table_pieces"]

#: What a spreadsheet may read as the beginning of a formula; the last four are their full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Stands between the cells of a column while it is searched; in a cell it only costs time.
_BETWEEN = "\x1f"
#: Which bytes of UTF-8 may be the first of a formula.
_SUSPECT = np.zeros(256, bool)
_SUSPECT[[c.encode()[0] for c in _FORMULA]] = True
#: A column of at least so many cells for each different one is looked at by these; and how many of them are kept.
_SELDOM, _KNOWN = 2, 8192
#: Where so many cells, picked evenly, are all alike or all different, the whole column may be.
_SAMPLE = 16
_TEXTS = {str, Link, type(None)}


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


def _fields(column: Sequence[Cell], apart: str, known: dict[Cell, str]) -> Iterable[str]:
    """A column's cells as they stand in the file.  ``known`` keeps how texts that come again and again stand there."""
    few = column[:: len(column) // _SAMPLE + 1]
    texts = set(map(type, few)) == {str}
    if texts and few.count(few[0]) == len(few) and column.count(few[0]) == len(column):
        return repeat(_field(few[0], apart), len(column))
    every = set() if texts and len(set(few)) == len(few) else set(column)
    if 0 < len(every) * _SELDOM <= len(column):
        if set(map(type, every)) <= _TEXTS:
            return _repeated(column, every, apart, known)
        kinds = set(map(type, column)) - {type(None)}
        if len(kinds) > 1 or (
            float in kinds and 0.0 in every
        ):  # equal and written differently: 1 and 1.0, 0.0 and -0.0
            return map(_field, column, repeat(apart))
        said = {c: _field(c, apart) for c in every}
        return map(said.__getitem__, column)
    try:
        joined = _BETWEEN + _BETWEEN.join(column)  # type: ignore[arg-type]
    except TypeError:  # numbers, links or empty cells among them
        if set(map(type, column)) == {Link}:
            return _fields([c.text for c in column], apart, {})  # type: ignore[union-attr]
        return map(_field, column, repeat(apart))
    if '"' in joined or "\n" in joined or "\r" in joined or _begins_formula(joined):
        return map(_field, column, repeat(apart))
    if apart in joined:
        return [f'"{c}"' if apart in c else c for c in column]  # type: ignore[operator,misc]
    return column  # type: ignore[return-value]


def _repeated(column: Sequence[Cell], every: set[Cell], apart: str, known: dict[Cell, str]) -> Iterable[str]:
    """The same of few texts, links and empty cells; ``every`` is the set of them."""
    if len(known) > _KNOWN:
        known.clear()
    for cell in every - known.keys():
        known[cell] = _field(cell, apart)
    if len(every) == 1:
        return repeat(known[column[0]], len(column))
    if all(known[cell] is cell for cell in every):
        return column  # type: ignore[return-value]
    return map(known.__getitem__, column)


def _begins_formula(joined: str) -> bool:
    """Whether a cell may begin as a formula does.  The bytes behind :data:`_BETWEEN` are looked at all at once."""
    codes = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
    at = np.flatnonzero(codes[:-1] == ord(_BETWEEN)) + 1
    return bool(_SUSPECT[codes[at]].any())


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
        stamped = [repeat(apart.join(_field(value, apart) for _, value in stamp))] if stamp else []
        known: list[dict[Cell, str]] = [{} for _ in table.columns]
        for columns in table.chunks():
            yield _lines([*(_fields(c, apart, k) for c, k in zip(columns, known, strict=True)), *stamped], apart)


def table_csv(table: Table) -> str:
    """One table under its column names."""
    return "".join(table_pieces([(table, ())]))


def csv_pieces(documents: Iterable[Document]) -> Iterator[str]:
    """The main tables of documents of one kind, one below the other, each row with its date and release."""
    return table_pieces((d.tables[0], d.stamp) for d in documents)


def csv_text(documents: Iterable[Document]) -> str:
    """What :func:`csv_pieces` gives, in one."""
    return "".join(csv_pieces(documents))
