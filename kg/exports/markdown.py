"""Documents as Markdown (GitHub's tables) that reads well as plain text, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kg.exports.tables import Cell, Document, Link, Table, text_of
from kg.model import Disclaimer

__all__ = ["escape", "markdown_text", "table_markdown"]

_ESCAPED = re.compile(r"([\\`*\[\]|])")
_BREAKS = re.compile(r"\s*[\r\n]+\s*")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no pipes, line breaks, tags, links or emphasis of its own.

    >>> escape("a|b")
    'a\\\\|b'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BREAKS.sub("<br>", _ESCAPED.sub(r"\\\1", text).strip())


def _cell(cell: Cell) -> str:
    shown = escape(text_of(cell))
    if isinstance(cell, Link):
        url = cell.url.replace("(", "%28").replace(")", "%29").replace("|", "%7C").replace(" ", "%20")
        return f"[{shown}]({url})"
    return shown


def table_markdown(table: Table) -> str:
    """One table with its heading and without its details; numbers to the right."""
    lines = [f"## {escape(table.title)}", ""]
    if table.note:
        lines += [escape(table.note), ""]
    if not table.rows:
        return "\n".join([*lines, escape(table.empty), ""])
    shown = [index for index, column in enumerate(table.columns) if not column.detail]
    columns = [table.columns[i] for i in shown]
    lines.append("| " + " | ".join(escape(c.title) for c in columns) + " |")
    lines.append("| " + " | ".join("---:" if c.kind == "number" else "---" for c in columns) + " |")
    lines += ["| " + " | ".join(_cell(row[i]) for i in shown) + " |" for row in table.rows]
    return "\n".join([*lines, ""])


def _definitions(heading: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    found = [f"- **{escape(term)}**: {escape(meaning)}" for term, meaning in pairs]
    return [f"## {heading}", "", *found, ""] if found else []


def _disclaimers(disclaimers: Iterable[Disclaimer]) -> list[str]:
    found = [f"- {escape(d.text)}" + (f" ({escape(d.basis)})" if d.basis else "") for d in disclaimers]
    return ["## Disclaimers", "", *found, ""] if found else []


def _document(d: Document) -> str:
    lines = [f"# {escape(d.title)}", "", escape(d.summary), ""]
    lines += [f"- **{escape(name)}**: {escape(value)}" for name, value in d.facts]
    lines.append("")
    lines += [table_markdown(t) for t in d.tables]
    lines += _definitions("Legend", d.legend)
    lines += _definitions("Licences", d.licences)
    lines += _disclaimers(d.disclaimers)
    return "\n".join(lines).rstrip("\n") + "\n"


def markdown_text(documents: Sequence[Document]) -> str:
    """Documents one below the other."""
    return "\n".join(_document(d) for d in documents)
