"""SSSOM 1.1: TSV with its metadata in the file or beside it, CSV, and JSON.

Ids and predicates are read through the file's own ``curie_map``: a prefix that it binds elsewhere is not ours of the
same name.  Slots of a set that the specification propagates to its rows are propagated.  In files of ours, and in what
other tools make of them, the values in ``other`` are those of our extension slots.  Predicates that are no
relation between two items (threats, legal references) and ``sssom:NoTermFound`` make no row and are counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from kg.errors import Finding, InputError, nearest
from kg.importers.mappings.rows import Incoming, Kind, Row, line_of_text
from kg.importers.mappings.tables import Grid
from kg.importers.mappings.words import SSSOM, plain
from kg.model import ThreatRelation
from kg.organizations.controls import cell_text, decoded_text, file_bytes, text_rows
from kg.organizations.formats import structured
from kg.relations import RELATIONS
from kg.sources.sssom import COLUMNS, LEGAL_PREDICATES, REQUIRED_COLUMNS
from kg.terms import BASE, SETS, curie

__all__ = ["PREDICATES", "header_lines", "read_sssom_json", "read_sssom_sheet", "read_sssom_table", "sssom_sheet"]

#: Predicate → relation.
PREDICATES: dict[str, str] = {f"kg:{r}": r for r in RELATIONS if r != "no_relationship"} | SSSOM
_NO_TERM = "sssom:NoTermFound"
_OTHER = {f"kg:{name}" for name in (*LEGAL_PREDICATES, *ThreatRelation)}
#: Slots that a set states for all its rows (SSSOM 1.1, propagatable slots), of those read here.
_PROPAGATED = ("subject_source_version", "object_source_version", "mapping_date", "mapping_justification")
_FIELDS = {
    "subject_label": "subject_label",
    "object_label": "object_label",
    "predicate_modifier": "modifier",
    "mapping_justification": "justification",
    "confidence": "confidence",
    "rationale_kind": "kind",
    "strength": "strength",
    "method": "method",
    "rationale": "rationale",
    "subject_source_version": "subject_version",
    "object_source_version": "object_version",
    "mapping_date": "date",
    "reviewer_id": "reviewers",
    "see_also": "citation",
    "comment": "note",
}
#: Further columns that a row may carry: who made it (into its note), and of our own exports which row of which set.
_CREDITS = ("author_id", "author_label", "creator_id", "creator_label", "reviewer_label", "mapping_tool")
_OWN = {"record_id": "row_id", "mapping_source": "set_id"}
#: Columns that say again what the ids or the set say, or that an export of ours has beside the sources' own.
_QUOTED_LINE = re.compile(r'"(#(?:[^"]|"")*)"[,;\t]*')
_FILLED_UP = re.compile(r"(?:,{2,}|;{2,}|\t+)$")
_AGAIN = ("subject_source", "object_source", "license", "authority", "citation", "mapping_provider")
#: Slots that our JSON keeps in ``other``, and that a file of other tools made from it therefore has there too.
_IN_OTHER = frozenset({"rationale_kind", "strength", "method", "rationale", "citation", "authority"})


def read_sssom_table(path: Path, content: bytes | None = None, *, metadata: Path | None = None) -> Incoming:
    """SSSOM as TSV or CSV.  Metadata stands in ``#`` lines, in ``metadata``, or beside the file under the same name
    with the ending ``.yml``; what the file itself says stands before the rest.

    Raises :class:`~kg.errors.InputError` with every finding.
    """
    shown = str(path)
    text = decoded_text(shown, file_bytes(path, content)).replace("\r\n", "\n").replace("\r", "\n")
    lines = header_lines(text)
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    header = _metadata(shown, lines[:start])
    beside = metadata or (None if content is not None else _beside(path))
    if beside is not None:
        outside = structured(beside)
        if not isinstance(outside, Mapping):
            raise InputError.one(str(beside), "SYNTAX", "the metadata are not a list of `key: value` lines")
        header = {**outside, **header}
    if start >= len(lines):
        raise InputError.one(shown, "EMPTY_FILE", "no column line follows the header")
    separator = "\t"
    if path.suffix.lower() == ".csv" and "\t" not in lines[start]:
        separator = max(",;", key=lines[start].count)
    columns = [cell.strip().strip('"') for cell in lines[start].split(separator)]
    _check_columns(shown, columns, header, start + 1)
    reader = _Reader(shown, header)
    reader.columns(columns, start + 1)
    body = lines[start + 1 :]
    if separator == "\t" and all(line.count("\t") == len(columns) - 1 for line in body if line.strip()):
        for number, line in enumerate(body, start + 2):
            if line.strip():
                cells = [_unquoted(cell) for cell in line.split("\t")]
                reader.row(number, dict(zip(columns, cells, strict=True)), None)
    else:
        for number, values in text_rows(shown, "\n".join(body), separator, strict=True):
            at = number + start + 1
            if len(values) == len(columns):
                reader.row(at, dict(zip(columns, values, strict=True)), None)
            elif any(cell.strip() for cell in values):
                message = f"{len(values)} cells under {len(columns)} columns"
                reader.findings.append(Finding(shown, at, "ROW_SHAPE", message, "check the tabs"))
    return reader.done()


def _check_columns(shown: str, columns: list[str], header: Mapping[str, Any], line: int) -> None:
    """Raises for a column that SSSOM asks for and that is not there, or that stands twice."""
    for name in REQUIRED_COLUMNS:
        if name not in columns and not (name in _PROPAGATED and header.get(name)):
            hint = f"SSSOM asks for: {', '.join(REQUIRED_COLUMNS)}"
            raise InputError.one(shown, "MISSING_COLUMN", f"column {name} is missing", hint, line=line)
    for name in columns:
        if name and columns.count(name) > 1:
            found = Finding(shown, line, "DUPLICATE_COLUMN", f"the column {name} stands twice", "keep one", name)
            raise InputError([found])


def header_lines(text: str) -> list[str]:
    """The lines of a file, those of the metadata as they were before a spreadsheet program put them into cells: it
    quotes what has a separator in it, and fills each line up with empty cells."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if found := _QUOTED_LINE.fullmatch(line):
            lines[index] = found[1].replace('""', '"')
        elif line.startswith("#"):
            lines[index] = _FILLED_UP.sub("", line)
        elif line.strip():
            break
    return lines


def sssom_sheet(grid: Grid) -> int | None:
    """Where the column line of SSSOM stands in a sheet of a workbook."""
    for index, (_, cells) in enumerate(grid.lines):
        texts = {cell_text(cell) if not isinstance(cell, str) else cell.strip() for cell in cells}
        if {"subject_id", "object_id"} <= texts:
            return index
        if not all(text.startswith("#") for text in texts if text):
            return None
    return None


def read_sssom_sheet(grid: Grid, start: int) -> Incoming:
    """SSSOM that was opened in a spreadsheet program and saved as a workbook; ``start`` is its column line.

    Raises :class:`~kg.errors.InputError` with every finding.
    """
    table = [[c.strip() if isinstance(c, str) else cell_text(c) for c in cells] for _, cells in grid.lines]
    header = _metadata(grid.path, [row[0] for row in table[:start] if row and row[0]])
    columns, line = table[start], grid.lines[start][0]
    _check_columns(grid.path, columns, header, line)
    reader = _Reader(grid.path, header)
    reader.columns(columns, line)
    for (number, _), row in zip(grid.lines[start + 1 :], table[start + 1 :], strict=True):
        if any(row):
            reader.row(number, dict(zip(columns, row, strict=False)), None)
    return reader.done()


def read_sssom_json(path: Path, content: bytes | None = None) -> Incoming:
    """SSSOM as JSON: the slots of the set at the top, its rows under ``mappings``, prefixes in ``curie_map`` or
    ``@context``.  Extension slots stand as slots of their own, or as our exports have them in ``other``.

    Raises :class:`~kg.errors.InputError` with every finding.
    """
    shown, found = str(path), structured(path, content)
    items = found.get("mappings") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(items, list):
        raise InputError.one(shown, "UNREADABLE", "this is not SSSOM in JSON", "it has no list `mappings`")
    reader = _Reader(shown, found)
    used = dict.fromkeys(str(key) for item in items if isinstance(item, Mapping) for key in item)
    reader.columns(list(used), 0)
    for index, item in enumerate(items):
        place = f"mappings[{index}]"
        if not isinstance(item, Mapping):
            reader.findings.append(Finding(shown, 0, "BAD_VALUE", "an object should stand here", "", place))
            continue
        reader.row(index + 1, {str(k): _joined(v) for k, v in item.items()}, place)
    return reader.done()


def _joined(value: Any) -> str:
    return "|".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and re.fullmatch(r'"(?:[^"]|"")*"', cell):
        return cell[1:-1].replace('""', '"')
    return cell


def _metadata(shown: str, lines: list[str]) -> dict[str, Any]:
    block = "\n".join(line[1:].removeprefix(" ") if line.startswith("# ") else line[1:] for line in lines)
    if not block.strip():
        return {}
    found = structured(Path(shown).with_suffix(".yaml"), block.encode())
    if not isinstance(found, Mapping):
        raise InputError.one(shown, "SYNTAX", "the header is not a list of `key: value` lines", line=1)
    return dict(found)


def _beside(path: Path) -> Path | None:
    names = [path.with_suffix(".yml"), path.with_suffix(".yaml")]
    if path.name.endswith((".sssom.tsv", ".sssom.csv")):
        stem = path.name.rsplit(".sssom.", 1)[0]
        names += [path.with_name(stem + ending) for ending in (".yml", ".yaml")]
    return next((p for p in names if p.is_file()), None)


class _Reader:
    """Rows of one SSSOM document."""

    def __init__(self, shown: str, header: Mapping[str, Any]) -> None:
        self.shown = shown
        self.header = header
        self.findings: list[Finding] = []
        self.rows: list[Row] = []
        self.nothing = self.others = self.signed = 0
        self.beside: set[str] = set()
        self.owners: set[tuple[str, str]] = set()
        prefixes = header.get("curie_map") or {}
        context = header.get("@context")
        if isinstance(context, Mapping):
            prefixes = {**{k: v for k, v in context.items() if isinstance(v, str)}, **dict(prefixes)}
        self.prefixes = {str(k): str(v) for k, v in dict(prefixes).items()} if isinstance(prefixes, Mapping) else {}
        self.own = str(header.get("mapping_set_id", "")).startswith(BASE)
        self._cache: dict[str, str] = {}
        self.present: frozenset[str] = frozenset()

    def id(self, text: str) -> str:
        """Our CURIE of what the file's prefixes make of a CURIE or IRI, or else the IRI."""
        if text not in self._cache:
            prefix, colon, local = text.partition(":")
            found = text
            if text.startswith(("http://", "https://")):
                found = curie(text)
            elif colon and prefix in self.prefixes:
                found = curie(self.prefixes[prefix] + local)
            self._cache[text] = found
        return self._cache[text]

    def row(self, line: int, cells: dict[str, str], place: str | None) -> None:
        """One row of the table, or one object of the list at ``place``."""
        if self.own and cells.get("other"):
            beside = self._other(cells["other"], 0 if place else line, _place(place, "other"))
            self.beside |= beside.keys()
            cells = {**beside, **{name: value for name, value in cells.items() if value or name not in beside}}
        values = {name: line_of_text(value) for name, value in cells.items()}
        for name in _PROPAGATED:
            if not values.get(name) and self.header.get(name):
                values[name] = line_of_text(self.header[name])
        where = partial(_place, place)
        number = 0 if place else line
        empty = [name for name in REQUIRED_COLUMNS if not values.get(name) and name != "mapping_justification"]
        for name in empty:
            self.findings.append(Finding(self.shown, number, "MISSING_VALUE", f"{name} is empty", "", where(name)))
        if empty:
            return
        subject, object_ = self.id(values["subject_id"]), self.id(values["object_id"])
        predicate = self.id(values["predicate_id"])
        if _NO_TERM in (subject, object_):
            self.nothing += 1
            return
        if predicate in _OTHER:
            self.others += 1
            return
        fields = {ours: values[name] for name, ours in _FIELDS.items() if name in values}
        fields["kind"] = plain(fields.get("kind", ""))
        if self.own:
            self._of_ours(values, fields)
            self.owners.add((fields["authority"], values.get("author_label", "")))
        credits = [f"{name}: {values[name]}" for name in _CREDITS if values.get(name)]
        if fields.get("reviewers") and not self.own:
            self.signed += 1
            credits.append(f"reviewer_id: {fields.pop('reviewers')}")
        if credits and not self.own:
            fields["note"] = "; ".join(filter(None, (fields.get("note", ""), *credits)))
        row = Row(number, subject, predicate, object_, fields=self.present, where=where)
        self.rows.append(replace(row, **fields))  # type: ignore[arg-type]

    def _other(self, text: str, line: int, where: str) -> dict[str, str]:
        """The values that our JSON keeps in the slot ``other`` (:func:`kg.exports.sssom.other`)."""
        found: dict[str, str] = {}
        for pair in text.split("|"):
            name, equals, value = pair.partition("=")
            name = name.strip()
            if name not in _IN_OTHER or not equals:
                near = nearest(name, _IN_OTHER)
                hint = f"did you mean {near}? " if near else f"one of: {', '.join(sorted(_IN_OTHER))}; "
                message = f"{pair.strip()[:60]!r} is no value of `other` that is known"
                hint += "the sign | inside a value is written %7C"
            elif name in found:
                message, hint = f"`other` says {name} twice", "say it once"
            else:
                found[name] = unquote(value).strip()
                continue
            self.findings.append(Finding(self.shown, line, "BAD_VALUE", message, hint, where))
        return found

    @staticmethod
    def _of_ours(values: dict[str, str], fields: dict[str, str]) -> None:
        """What an export of ours says beside the sources' own columns: which row of which set it is, a citation that is
        no link, and reviewers whose ids are no CURIEs."""
        for name, ours in _OWN.items():
            fields[ours] = values.get(name, "").rpartition("/")[2].rpartition(":")[2]
        fields["authority"] = values.get("authority", "")
        fields["citation"] = fields.get("citation") or values.get("citation", "")
        names = [*fields.get("reviewers", "").split("|"), *values.get("reviewer_label", "").split("|")]
        fields["reviewers"] = "|".join(filter(None, names))

    def columns(self, columns: list[str], line: int) -> None:
        """Which fields the file has a column for, and a warning for the columns that nothing is made of.  In JSON, a
        slot that any row has and another lacks is empty in that other."""
        self.present = frozenset(ours for name, ours in _FIELDS.items() if name in columns)
        self.present |= {"subject", "object", "relation"}
        known = {*COLUMNS, *_CREDITS, *_OWN, *_AGAIN, *(["other"] if self.own else [])}
        unread = [name for name in columns if name and name not in known]
        if unread:
            message = f"columns that are not read: {', '.join(unread[:8])}{' …' if len(unread) > 8 else ''}"
            self.findings.append(Finding(self.shown, line, "UNKNOWN_COLUMN", message, severity="warning"))

    def done(self) -> Incoming:
        """The rows; raises with every finding if any is an error."""
        for count, code, what in (
            (self.nothing, "NO_TERM", "rows that say nothing was found (sssom:NoTermFound), which make no mapping"),
            (self.others, "UNKNOWN_RELATION", "rows of threats or legal references, which are no mappings"),
            (self.signed, "UNSIGNED_REVIEW", "rows with a reviewer who has not signed here, kept in their notes; they "
             "count as not reviewed"),
        ):  # fmt: skip
            if count:
                self.findings.append(Finding(self.shown, 0, code, f"{what}: {count:,}", severity="warning"))
        if any(f.severity == "error" for f in self.findings):
            raise InputError(sorted(self.findings))
        if not self.rows:
            raise InputError.one(self.shown, "EMPTY_FILE", "the file holds no mapping")
        h = self.header
        about = {
            "title": h.get("mapping_set_title"), "licence": h.get("license"), "version": h.get("mapping_set_version"),
            "description": h.get("mapping_set_description"), "url": h.get("mapping_set_source"),
            "publisher": h.get("publisher") or h.get("mapping_provider"), "authority": h.get("authority"),
            "set": h.get("mapping_set_id"),
        }  # fmt: skip
        said = {name: line_of_text(_joined(value)) for name, value in about.items() if value}
        if len(self.owners) == 1:  # rows of one set of ours, in the form that says it of each row
            authority, publisher = next(iter(self.owners))
            said = {k: v for k, v in (("authority", authority), ("publisher", publisher)) if v} | said
        if not said.get("set", "").startswith(SETS):
            said.pop("set", None)
        if self.own:
            told = f"{said.get('description', '')} {line_of_text(h.get('comment'))}"
            for name, pattern in (("release", r"[Ff]rom release ([0-9a-f]{16})"), ("as_of", r" as of ([0-9-]{10})")):
                if found := re.search(pattern, told):
                    said[name] = found[1]
        rows = self.rows
        if self.beside:
            fields = self.present | {ours for name, ours in _FIELDS.items() if name in self.beside}
            rows = [replace(row, fields=fields) for row in rows]
        return Incoming(Kind.SSSOM, self.shown, tuple(rows), PREDICATES, said, tuple(self.findings))


def _place(place: str | None, name: str) -> str:
    slots = {
        "subject": "subject_id",
        "object": "object_id",
        "relation": "predicate_id",
        "modifier": "predicate_modifier",
    }
    slots |= {ours: slot for slot, ours in _FIELDS.items()}
    slot = slots.get(name, name)
    return f"{place}/{slot}" if place else slot
