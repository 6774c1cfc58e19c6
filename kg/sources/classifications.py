"""``ontologies/incidents/*.tsv``: how cases of the AI Incident Database are classified → model objects.

A plain table, because a case is one line of six words (``docs/decisions/0007``).  Lines that begin with ``#`` stand
first and say ``# id: …``, ``# title: …``, ``# license: …``, ``# attribution: …``, ``# source: …``, all of them needed:
the data are another's and never travel without their licence.  In canonical form the header has these keys in this
order (other comments do not survive) and the rows stand in the order of their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kg.errors import nearest
from kg.model import ENTITIES, INTENTS, TIMINGS, Classification, ClassificationSet, Source
from kg.sources.content import Content, Reporter, parse_case_date
from kg.terms import BASE

__all__ = [
    "CLASSIFICATION_COLUMNS", "CLASSIFICATION_KEYS", "SUBDOMAIN", "canonical_classifications", "classification_text",
    "read_classifications",
]  # fmt: skip

CLASSIFICATION_COLUMNS = ("number", "date", "subdomain", "entity", "timing", "intent")
CLASSIFICATION_KEYS = ("id", "title", "license", "attribution", "source")
#: Prefix of the ids of domains and subdomains; the table says only what follows it.
SUBDOMAIN = "mit-ai-risk:"
_WORDS = {"entity": ENTITIES, "timing": TIMINGS, "intent": INTENTS}
_MAY_BE_EMPTY = ("date",)


def _split(text: str) -> tuple[dict[str, str], int, list[str]]:
    """What the header says, the index of the column line, and all lines."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header = dict(re.findall(r"^#\s*(\w+)\s*:[ \t]*(.*?)[ \t]*$", "\n".join(lines[:start]), re.MULTILINE))
    return header, start, lines


def read_classifications(path: Path, shown: str, content: Content, report: Reporter) -> None:
    """Read one file into ``content``; whatever is wrong becomes a finding."""
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        report(1, "ENCODING", "the file begins with a byte order mark", "save it as UTF-8 without BOM")
        data = data[3:]
    try:
        header, start, lines = _split(data.decode())
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        report(place, "ENCODING", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return
    missing = [key for key in CLASSIFICATION_KEYS if not header.get(key)]
    for key in missing:
        report(1, "MISSING_HEADER", f"the header has no {key}", f"add a line `# {key}: …`")
    columns = lines[start].split("\t") if start < len(lines) else []
    for column in CLASSIFICATION_COLUMNS:
        if column not in columns:
            hint = f"columns: {', '.join(CLASSIFICATION_COLUMNS)}"
            report(start + 1, "MISSING_COLUMN", f"column {column} is missing", hint)
    for column in columns:
        if column and column not in CLASSIFICATION_COLUMNS:
            near = nearest(column, CLASSIFICATION_COLUMNS)
            hint = f"did you mean {near}?" if near else f"columns: {', '.join(CLASSIFICATION_COLUMNS)}"
            report(start + 1, "UNKNOWN_COLUMN", f"column {column!r} is not known", hint)
    if missing or not set(columns) >= set(CLASSIFICATION_COLUMNS):
        return
    owner = ClassificationSet(
        header["id"], header["title"], header["license"], header["attribution"], header["source"],
        source=Source(shown, 1),
    )  # fmt: skip
    if not re.fullmatch(re.escape(BASE) + r"[a-z0-9]+(-[a-z0-9]+)*", owner.id):
        report(1, "BAD_VALUE", f"the id {owner.id!r} is not of this graph", f"for example {BASE}my-classification")
        return
    content.classification_sets.append(owner)
    rows = [(n, line) for n, line in enumerate(lines[start + 1 :], start + 2) if line.strip()]
    if not rows:
        report(start + 1, "EMPTY_SET", "the file holds no rows")
    for number, line in rows:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(columns):
            report(number, "ROW_SHAPE", f"{len(cells)} cells under {len(columns)} columns", "check the tabs")
            continue
        row = dict(zip(columns, cells, strict=True))
        found = _row(row, owner, Source(shown, number), report)
        content.classifications += [found] if found else []


def _row(row: dict[str, str], owner: ClassificationSet, source: Source, report: Reporter) -> Classification | None:
    line = source.line
    empty = [c for c in CLASSIFICATION_COLUMNS if not row[c] and c not in _MAY_BE_EMPTY]
    for column in empty:
        report(line, "MISSING_VALUE", f"{column} is empty")
    if empty:
        return None
    number = int(row["number"]) if re.fullmatch(r"[1-9][0-9]{0,8}", row["number"]) else 0
    if not number:
        report(line, "BAD_VALUE", f"number {row['number']!r} is not a whole number from 1")
    known = [report.word(line, column, row[column], words) for column, words in _WORDS.items()]
    date = parse_case_date(report, line, "date", row["date"])
    if not number or not all(known):
        return None
    return Classification(
        set_id=owner.id, incident=f"aiid:{number}", number=number, date=date, subdomain=SUBDOMAIN + row["subdomain"],
        entity=row["entity"], timing=row["timing"], intent=row["intent"], source=source,
    )  # fmt: skip


def classification_text(header: dict[str, str], rows: Iterable[dict[str, str]]) -> str:
    """A table in canonical form from its header and its rows (column → cell)."""
    lines = [f"# {key}: {header[key]}" for key in CLASSIFICATION_KEYS]
    lines += [f"# {key}: {value}" for key, value in sorted(header.items()) if key not in CLASSIFICATION_KEYS]
    lines.append("\t".join(CLASSIFICATION_COLUMNS))
    ordered = sorted(rows, key=lambda row: (len(row["number"]), row["number"]))
    lines += ["\t".join(row[column] for column in CLASSIFICATION_COLUMNS) for row in ordered]
    return "\n".join(lines) + "\n"


def canonical_classifications(text: str) -> str:
    """The canonical form of a table that reads without findings about its form."""
    header, start, lines = _split(text.removeprefix("\ufeff"))
    columns = lines[start].split("\t")
    rows = ([cell.strip() for cell in line.split("\t")] for line in lines[start + 1 :] if line.strip())
    return classification_text(header, (dict(zip(columns, row, strict=True)) for row in rows))
