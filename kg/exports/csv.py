"""Tables as CSV: UTF-8 without BOM, ``\\n``, one header, and no cell that a spreadsheet would run as a formula.

A cell that begins with ``= + - @``, a tab or a line break gets a leading apostrophe, which spreadsheets take as
"this is text".  Numbers are written as numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from kg.exports.tables import Cell, Document, Table, text_of

__all__ = ["csv_text", "neutral", "table_csv"]

#: What a spreadsheet may read as the beginning of a formula; the last four are their full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


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


def _write(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return out.getvalue()


def table_csv(table: Table) -> str:
    """One table under its column names."""
    return _write([c.name for c in table.columns], table.rows)


def csv_text(documents: Sequence[Document]) -> str:
    """The main tables of documents of one kind, one below the other, each row with its date and release."""
    first = documents[0]
    columns = [c.name for c in first.tables[0].columns] + [name for name, _ in first.stamp]
    rows = [(*row, *(value for _, value in d.stamp)) for d in documents for row in d.tables[0].rows]
    return _write(columns, rows)
