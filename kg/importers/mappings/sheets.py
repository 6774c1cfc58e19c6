"""Workbooks and CSV files of mappings: OLIR, STRM, our own crosswalks, and a table whose columns a person names.

Column layouts: NIST IR 8278A Rev. 1, section 3.2 (OLIR informative reference); NIST IR 8477, table 5, as the Secure
Controls Framework publishes it (STRM); our own of :mod:`kg.exports.tables_crosswalk`.  Of the SCF's and the CSA AI
Controls Matrix's own workbooks nothing is kept here but the headings of their id columns.  Texts of the two
documents (descriptions, control texts) are never taken over, only ids and what is said of the pair.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kg.errors import Finding, InputError
from kg.importers.mappings.rows import Incoming, Kind, Row, line_of_text
from kg.importers.mappings.tables import Grid, Layout, Placed, read_layout
from kg.importers.mappings.words import IR8477, KINDS, OWN, plain

__all__ = ["CROSSWALK", "OLIR", "STRM", "read_crosswalk", "read_focal", "read_workbook", "workbook_layout"]

OLIR = Layout(
    Kind.OLIR,
    {
        "subject": ("focal document element",),
        "object": ("reference document element",),
        "relation": ("relationship", "relationship type"),
        "rationale": ("rationale",),
        "strength": ("strength of relationship",),
        "fulfilled": ("fulfilled by",),
        "group": ("group identifier", "group"),
        "note": ("comments", "comment"),
    },
    ("subject", "object"),
    ("focal document element",),
)
STRM = Layout(
    Kind.STRM,
    {
        "subject": ("fde",),
        "object": ("scf", "target id", "rde", "reference document element"),
        "relation": ("strm relationship", "relationship"),
        "kind": ("nist ir 8477 rational", "nist ir 8477 rationale"),
        "rationale": ("strm rationale", "rationale"),
        "strength": ("strength of relationship", "strength"),
        "note": ("notes", "note", "comments"),
    },
    ("subject", "object", "relation"),
    ("fde",),
)
#: Name and title of each column of a crosswalk's direct rows.
CROSSWALK = Layout(
    Kind.CROSSWALK,
    {
        "subject": ("from", "subject"),
        "subject_label": ("from title", "subjecttitle"),
        "relation": ("relation",),
        "object": ("to", "object"),
        "object_label": ("to title", "objecttitle"),
        "rationale": ("rationale",),
        "kind": ("kind", "rationalekind"),
        "strength": ("strength",),
        "confidence": ("confidence",),
        "set_id": ("set",),
        "row_id": ("row",),
        "authority": ("authority",),
        "method": ("method",),
        "reviewed": ("reviewed",),
        "turned": ("turned",),
        "date": ("date",),
        "citation": ("citation",),
        "note": ("note",),
        "release": ("release",),
        "as_of": ("asof",),
    },
    ("subject", "relation", "object", "set_id", "row_id"),
    ("row",),
)
#: Headings under which the workbooks of the Secure Controls Framework and of the CSA AI Controls Matrix hold their ids.
_CATALOGUES = ("scf", "aicm control id", "control id", "aicm id", "ccm control id")
_NO_ID = {"", "n a", "na", "none", "no mapping", "not applicable"}


def read_focal(grids: Sequence[Grid], *, sheet: str = "") -> Incoming:
    """An OLIR or STRM sheet: focal document element *relation* reference document element.

    Rows that name no reference element say that there is none and are counted.  Reference elements of one group
    (OLIR) stand together for what is said of the focal element.
    """
    placed = read_layout(grids, (OLIR, STRM), sheet=sheet)
    rows: list[Row] = []
    groups: list[tuple[str, str]] = []
    silent = unsaid = 0
    for line, record in placed.records():
        if not record["subject"] and not record["object"]:
            continue
        if plain(record["object"]) in _NO_ID:
            silent += 1
            continue
        group = record.pop("group", "")
        fulfilled = record.pop("fulfilled", "")
        kind, rationale = record.get("kind", ""), record.get("rationale", "")
        if not kind and (plain(rationale) in KINDS or " " not in rationale):
            kind, rationale = rationale, ""  # a single word that is none of the three is refused, not taken for a text
        relation = record.get("relation", "")
        if not relation:
            unsaid += 1
            relation = "related"
        note = "; ".join(filter(None, (record.get("note", ""), f"Fulfilled by: {fulfilled}" if fulfilled else "")))
        more = {"relation": relation, "kind": plain(kind), "rationale": rationale, "note": note}
        rows.append(placed.row(line, record, **more))
        groups.append((record["subject"], group))
    sizes = Counter(group for group in groups if group[1])
    rows = [replace(row, targets=sizes.get(group, 1)) for row, group in zip(rows, groups, strict=True)]
    path = placed.grid.path
    findings = _counted(
        path,
        (silent, "MISSING_VALUE", "rows that name no reference element, left out"),
        (unsaid, "NO_RELATION", "rows that state no relation, read as related"),
        (sum(sizes.values()), "JOINT_ROWS", "rows of a group, of which it is said together and not of each"),
    )
    return _read(placed, rows, {**IR8477, "related": "related"}, findings)


def read_crosswalk(grids: Sequence[Grid], *, sheet: str = "") -> Incoming:
    """Our own crosswalk, as it was exported or edited since; its other sheets are derived and not read."""
    ordered = sorted(grids, key=lambda grid: grid.sheet != "Direct rows")
    placed = read_layout(ordered, (CROSSWALK,), sheet=sheet)
    placed.findings.clear()  # the same rows grouped or turned round on another sheet
    rows: list[Row] = []
    about: dict[str, str] = _facts(grids)
    for line, record in placed.records():
        for name in ("release", "as_of"):
            value = record.pop(name, "")
            if value:
                about.setdefault(name, value)
        if not any(record.get(name) for name in ("relation", "object", "set_id", "row_id")):
            continue  # the sentence that stands in place of no rows
        if not placed.grid.sheet:
            record = {name: _unneutral(value) for name, value in record.items()}
        rows.append(placed.row(line, record, kind=plain(record.get("kind", ""))))
    incoming = _read(placed, rows, OWN, [])
    return replace(incoming, about=about)


def _facts(grids: Sequence[Grid]) -> dict[str, str]:
    """Release and day from the sheet that explains a workbook of ours."""
    names = {"release": "release", "as of": "as_of"}
    found: dict[str, str] = {}
    for grid in grids:
        if plain(grid.sheet) == "read me":
            for _, cells in grid.lines:
                texts = [line_of_text(cell) for cell in cells if cell != ""]
                if len(texts) > 1 and plain(texts[0]) in names:
                    found.setdefault(names[plain(texts[0])], texts[1])
    return found


def _unneutral(text: str) -> str:
    """A cell of our CSV without the apostrophe that keeps a spreadsheet from running it."""
    from kg.exports.csv import neutral

    return text[1:] if text.startswith("'") and neutral(text[1:]) == text else text


def workbook_layout(columns: Mapping[str, str]) -> Layout:
    """The layout of a table whose columns a person names (field → heading)."""
    fields: dict[str, tuple[str, ...]] = {name: (_named(heading),) for name, heading in columns.items()}
    fields.setdefault("subject", _CATALOGUES)
    return Layout(Kind.WORKBOOK, fields, ("subject", "object", *(n for n in columns if n not in ("subject", "object"))))


def _named(heading: str) -> str:
    return plain(heading).removesuffix(" optional").removesuffix(" y n")


def read_workbook(grids: Sequence[Grid], columns: Mapping[str, str], *, sheet: str = "") -> Incoming:
    """A person's own workbook: one item a row and in one of its columns the ids it is mapped to.

    ``columns`` names the heading of ``object`` and, where it is not that of an SCF or AICM workbook, of ``subject``;
    also of ``relation``, ``rationale``, ``strength``, ``kind`` and ``note``.  A cell may name several ids, by line or
    ``;``: what is said of them is said of them together.  Without a column of relations a row says that the two are
    related.
    """
    if "object" not in columns:
        hint = "name it: --object-column 'EU AI Act' (and --subject-column, unless it is SCF # or Control ID)"
        raise InputError.one(grids[0].path, "MISSING_COLUMN", "which column holds the ids mapped to is not said", hint)
    placed = read_layout(grids, (workbook_layout(columns),), sheet=sheet)
    index = placed.columns["object"]
    raw = dict(placed.grid.lines)
    rows: list[Row] = []
    silent = unsaid = several = 0
    for line, record in placed.records():
        cells = raw[line]
        parts = [line_of_text(p) for p in re.split(r"[\n\r;]+", str(cells[index]) if index < len(cells) else "")]
        ids = list(dict.fromkeys(p for p in parts if plain(p) not in _NO_ID))
        if len(ids) < 2 and plain(record["object"]) not in _NO_ID:
            ids = [record["object"].strip(" ;")]
        if not ids or not record["subject"]:
            silent += 1
            continue
        relation = record.get("relation", "")
        unsaid += not relation
        several += len(ids) if len(ids) > 1 else 0
        for id_ in ids:
            more = {"object": id_, "relation": relation or "related", "targets": len(ids)}
            rows.append(placed.row(line, record, **more))
    findings = _counted(
        placed.grid.path,
        (silent, "MISSING_VALUE", "rows that name no id to map to, or no item, left out"),
        (unsaid, "NO_RELATION", "rows that state no relation, read as related"),
        (several if "relation" in placed.columns else 0, "JOINT_ROWS",
         "ids that share a cell, of which it is said together and not of each"),
    )  # fmt: skip
    return _read(placed, rows, {**OWN, **IR8477}, findings)


def _counted(path: str, *counts: tuple[int, str, str]) -> list[Finding]:
    return [Finding(path, 0, code, f"{what}: {n:,}", severity="warning") for n, code, what in counts if n]


def _read(placed: Placed, rows: list[Row], words: Mapping[str, str], findings: list[Finding]) -> Incoming:
    found = [*placed.findings, *findings]
    if any(f.severity == "error" for f in found):
        raise InputError(found)
    if not rows:
        message = "no mapping follows the header"
        cell = placed.grid.sheet
        raise InputError([Finding(placed.grid.path, placed.line, "EMPTY_FILE", message, "", cell)])
    return Incoming(placed.layout.kind, placed.grid.path, tuple(rows), words, {}, tuple(found))
