"""A user's own framework as a plain node list: ``frameworks/NAME.csv`` with ``id,parent_id,level,kind,ref,title``
and optionally ``assessable`` and ``summary``.

Without an ``assessable`` column every leaf is a requirement.  Ids may be written with or without the prefix
``NAME:``.  Lines before the header that begin with ``#`` may say ``# title: …``, ``# publisher: …``, ``# licence: …``,
``# url: …``, ``# version: 2026-01-31``.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from pathlib import Path

from kg.errors import nearest
from kg.model import Framework, Part, PartKind, Provision, Source, TextVersion
from kg.sources.content import Content, Reporter, parse_date

__all__ = ["NODE_COLUMNS", "read_node_list"]

NODE_COLUMNS = ("id", "parent_id", "level", "kind", "ref", "title", "assessable", "summary")
_REQUIRED = NODE_COLUMNS[:6]
_TRUE = {"true", "yes", "y", "1", "x"}
_FALSE = {"false", "no", "n", "0", ""}


def read_node_list(path: Path, shown: str, content: Content, report: Reporter) -> None:
    """Read one file into ``content``; whatever is wrong becomes a finding."""
    name = path.stem
    if not re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", name):
        report(0, "BAD_VALUE", f"{name!r} cannot be a framework's id", "name the file in lower case, e.g. acme-ai.csv")
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report(0, "ENCODING", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return
    lines = text.splitlines(keepends=True)
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    about = dict(re.findall(r"^#\s*(\w+)\s*:\s*(.*?)\s*$", "".join(lines[:start]), re.MULTILINE))
    version = parse_date(report, 1, "version", about.get("version", "")) or date(1970, 1, 1)
    reader = csv.reader(io.StringIO("".join(lines[start:])))
    header = [cell.strip().lower() for cell in next(reader, [])]
    missing = [column for column in _REQUIRED if column not in header]
    for column in missing:
        report(start + 1, "MISSING_COLUMN", f"column {column} is missing", f"columns: {', '.join(NODE_COLUMNS)}")
    for column in sorted(set(header) - set(NODE_COLUMNS)):
        near = nearest(column, NODE_COLUMNS)
        report(start + 1, "UNKNOWN_COLUMN", f"column {column!r} is not known", f"did you mean {near}?" if near else "")
    if missing:
        return
    title = about.get("title", name)
    content.frameworks.append(
        Framework(
            id=name, title=title, short_title=title, publisher=about.get("publisher", ""), kind="framework",
            jurisdiction="", url=about.get("url", ""), licence=about.get("licence", ""),
            text_versions=(TextVersion(version, about.get("version", "")),), source=Source(shown, 1),
        )
    )  # fmt: skip
    rows: list[tuple[dict[str, str], int]] = []
    for cells in reader:
        number = start + reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            report(number, "ROW_SHAPE", f"{len(cells)} cells under {len(header)} columns", "check the commas")
            continue
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        empty = [column for column in ("id", "title") if not row[column]]
        for column in empty:
            report(number, "MISSING_VALUE", f"{column} is empty")
        if not empty:
            rows.append((row, number))

    def full(id_: str) -> str:
        return id_ if not id_ or id_.startswith(name + ":") else f"{name}:{id_}"

    parents = {full(row["parent_id"]) for row, _ in rows}
    said: dict[str, bool] = {}
    for row, number in rows:
        word = row.get("assessable", "").lower()
        if word not in _TRUE | _FALSE:
            report(number, "BAD_VALUE", f"assessable {word!r} is neither true nor false")
        said[full(row["id"])] = word in _TRUE if "assessable" in header else full(row["id"]) not in parents
    wholes = {full(row["id"]): full(row["parent_id"]) for row, _ in rows}
    for id_ in [i for i, yes in said.items() if yes]:
        seen = {id_}
        while (id_ := wholes.get(id_, "")) and id_ not in seen:
            seen.add(id_)
            said[id_] = True
    for index, (row, number) in enumerate(rows, 1):
        id_, source = full(row["id"]), Source(shown, number)
        content.provisions.append(
            Provision(
                id=id_, framework=name, kind=row["kind"] or "item", ref=row["ref"] or row["id"], title=row["title"],
                summary=row.get("summary", ""), assessable=said[id_], order=index, source=source,
            )
        )  # fmt: skip
        if row["parent_id"]:
            content.parts.append(Part(full(row["parent_id"]), id_, PartKind.ALL_OF, source=source))
