"""Documents as one HTML page that needs nothing else: no script, no other host, and it prints.

Every column that is not a detail and not empty is shown; CSV, Excel and JSON hold the rest too.  Whatever comes
from a file or a user is escaped, and the page's own policy forbids scripts, forms and requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import islice

from kg.exports.tables import Cell, Column, Document, Link, Table, text_of
from kg.exports.words import VERDICTS

__all__ = ["html_page"]

_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPLIT = re.compile(r"[\s-]+")
_ROWS = 500
_STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --dim: #57606a; --line: #d0d7de; --deep: #1f3a5f; --pale: #f6f8fa; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 100rem; padding: 1.5rem clamp(.75rem, 3vw, 3rem) 3rem; color: var(--ink);
  background: #fff; font: 1rem/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2; color: var(--deep); margin: 0 0 .75rem; }
h2 { font-size: 1.2rem; color: var(--deep); margin: 2.25rem 0 .5rem; }
a { color: #0b57a4; }
a:focus-visible, .scroll:focus-visible { outline: 3px solid #0b57a4; outline-offset: 2px; }
p, dd, td, th { white-space: pre-line; unicode-bidi: plaintext; }
.summary { font-size: 1.05rem; max-width: 70rem; }
.note, .empty { color: var(--dim); max-width: 70rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .3rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 1rem 0; list-style: none; }
nav a { display: inline-block; padding: .25rem 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.4; }
caption { text-align: left; padding: .5rem .6rem; color: var(--dim); }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { background: var(--deep); color: #fff; white-space: normal; }
tbody tr:nth-child(even) { background: var(--pale); }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.muted { color: var(--dim); }
.v { font-weight: 700; white-space: nowrap; }
.COVERED { background: #c6e7ce; color: #0b5324; } .PARTIAL { background: #fff0b8; color: #6b4e00; }
.LEAD { background: #dde7f5; color: #1f3a5f; } .GAP { background: #f6c9c4; color: #7a1410; }
footer { margin-top: 3rem; border-top: 2px solid var(--deep); font-size: .9rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; max-width: none; font-size: 9pt; }
  nav { display: none; }
  .scroll { overflow: visible; border: 0; }
  table { font-size: 7pt; table-layout: fixed; }
  col { width: var(--w); }
  th, td { padding: 1mm; overflow-wrap: anywhere; min-width: 0 !important; }
  thead { display: table-header-group; }
  tr, dt { break-inside: avoid; }
  h2 { break-after: avoid; }
  thead th, .v, tbody tr { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
""".strip()


def _text(value: str) -> str:
    """Escaped text without characters that HTML has no place for."""
    return escape(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value))


def _cell(cell: Cell, column: Column, *, muted: bool) -> str:
    said = _text(text_of(cell))
    if isinstance(cell, Link) and cell.url.startswith(("https://", "http://")):
        said = f'<a href="{_text(cell.url)}" rel="noreferrer">{said}</a>'
    kinds = []
    if column.kind == "number":
        kinds.append("n")
    if muted:
        kinds.append("muted")
    elif column.kind == "verdict":
        kinds += ["v", *([said] if said in VERDICTS else [])]
    return f'<td class="{" ".join(kinds)}">{said}</td>' if kinds else f"<td>{said}</td>"


def _table(table: Table, name: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{_text(table.title)}</h2>\n'
    if not table.rows:
        note = f'<p class="note">{_text(table.note)}</p>\n' if table.note else ""
        yield f'{note}<p class="empty">{_text(table.empty)}</p>\n</section>\n'
        return
    shown = [(i, c) for i, c in enumerate(table.columns) if not c.detail and any(text_of(r[i]) for r in table.rows)]
    paper = [_paper_width(table, i, c) for i, c in shown]
    yield f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">\n<table>\n'
    count = f"{len(table.rows)} row{'s' if len(table.rows) != 1 else ''}."
    yield f"<caption>{_text(' '.join(filter(None, (table.note, count))))}</caption>\n<colgroup>"
    yield "".join(f'<col style="--w:{100 * w / sum(paper):.2f}%">' for w in paper) + "</colgroup>\n<thead><tr>"
    for _, c in shown:
        kind = ' class="n"' if c.kind == "number" else ""
        style = f"min-width:{min(c.width, 60) * 0.55:.1f}ch"
        yield f'<th scope="col"{kind} title="{_text(c.description)}" style="{style}">{_text(c.title)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    numbered = enumerate(table.rows)
    while chunk := list(islice(numbered, _ROWS)):
        yield "".join(
            "<tr>" + "".join(_cell(row[i], c, muted=n in table.muted) for i, c in shown) + "</tr>\n" for n, row in chunk
        )
    yield "</tbody>\n</table>\n</div>\n</section>\n"


def _paper_width(table: Table, index: int, column: Column) -> float:
    """The share of a printed page a column is given: by its width, but no less than its longest word needs."""
    words = [w for text in (column.title, *(text_of(r[index]) for r in table.rows[:_ROWS])) for w in _SPLIT.split(text)]
    return max(column.width * 0.7, min(1.2 * max(map(len, words)) + 2, 26))


def _definitions(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    said = "".join(f"<dt>{_text(term)}</dt><dd>{_linked(meaning)}</dd>\n" for term, meaning in pairs if meaning)
    return f"<h2>{_text(title)}</h2>\n<dl>\n{said}</dl>\n" if said else ""


def _linked(text: str) -> str:
    """Text, which leads somewhere if it is nothing but an address."""
    if re.fullmatch(r"https?://[^\s\"'<>]+", text):
        return f'<a href="{_text(text)}" rel="noreferrer">{_text(text)}</a>'
    return _text(text)


def html_page(documents: Sequence[Document]) -> Iterator[str]:
    """Documents of one kind as one page."""
    first = documents[0]
    title = first.title if len(documents) == 1 else f"{first.title} and {len(documents) - 1} more"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'\">\n"
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n"
    )
    for number, d in enumerate(documents):
        yield f'<h1>{_text(d.title)}</h1>\n<p class="summary">{_text(d.summary)}</p>\n<dl>\n'
        yield "".join(f"<dt>{_text(name)}</dt><dd>{_linked(value)}</dd>\n" for name, value in d.facts if value)
        yield '</dl>\n<nav aria-label="Tables"><ul>\n'
        named = [(f"t{number}-{i}", t) for i, t in enumerate(d.tables)]
        yield "".join(f'<li><a href="#{name}">{_text(t.title)} ({len(t.rows)})</a></li>\n' for name, t in named)
        yield "</ul></nav>\n"
        for name, t in named:
            yield from _table(t, name)
    yield "</main>\n<footer>\n"
    yield _definitions("Legend", dict.fromkeys(pair for d in documents for pair in d.legend))
    yield _definitions("Licences", dict.fromkeys(pair for d in documents for pair in d.licences))
    cautions = dict.fromkeys(x for d in documents for x in d.disclaimers)
    if cautions:
        yield "<h2>Disclaimers</h2>\n<ul>\n"
        yield "".join(f"<li>{_text(x.text)}{f' ({_text(x.basis)})' if x.basis else ''}</li>\n" for x in cautions)
        yield "</ul>\n"
    yield "</footer>\n</body>\n</html>\n"
