"""SSSOM 1.1 TSV under ``mappings/`` → mapping sets, mappings, threat links and legal references.

The predicate decides what a row is.  Set relations are the ontology's own predicates, each below a SKOS one
(``kg:equal`` ⊑ ``skos:exactMatch`` …); ``no_relationship`` is ``kg:related`` with ``predicate_modifier: Not``,
which is exactly its complement.  Strength, rationale and rationale kind are declared extension columns.

Read with the standard library, not with sssom-pydantic, because a finding needs the line it is about and a
cold start may not cost a second; the tests hold that sssom-pydantic reads every file the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from kg.errors import nearest
from kg.model import (
    AUTHORITIES,
    Authority,
    LegalReference,
    Mapping,
    MappingSet,
    Method,
    RationaleKind,
    Source,
    ThreatLink,
    ThreatRelation,
)
from kg.relations import NO_RELATIONSHIP, RELATIONS
from kg.sources.content import Content, Reporter, parse_date, parse_number
from kg.terms import set_iri, split

__all__ = ["COLUMNS", "LEGAL_PREDICATES", "NOT", "REQUIRED_COLUMNS", "predicate_of", "read_sssom"]

NOT = "Not"
#: The canonical columns, in order; ``*`` marks what every row must fill.
COLUMNS = (
    "subject_id", "subject_label", "predicate_id", "predicate_modifier", "object_id", "object_label",
    "mapping_justification", "confidence", "rationale_kind", "strength", "method", "rationale",
    "subject_source_version", "object_source_version", "mapping_date", "reviewer_id", "see_also", "comment",
)  # fmt: skip
REQUIRED_COLUMNS = ("subject_id", "predicate_id", "object_id", "mapping_justification")
_REQUIRED_KEYS = ("mapping_set_id", "mapping_set_title", "license", "authority")
#: What our exports say beside the columns of a source.
_EXPORTED = (
    "record_id", "subject_source", "object_source", "author_label", "reviewer_label", "citation", "mapping_source",
    "license", "authority",
)  # fmt: skip
#: How one provision may name another; facts of the text, never steps of a chain.
LEGAL_PREDICATES = (
    "builds_on", "complements", "defines_by_reference", "designates", "subject_to", "supports", "without_prejudice_to",
)  # fmt: skip


def predicate_of(relation: str) -> tuple[str, str]:
    """The SSSOM predicate and modifier of a relation word.

    >>> predicate_of("no_relationship")
    ('kg:related', 'Not')
    """
    return ("kg:related", NOT) if RELATIONS[relation] == NO_RELATIONSHIP else (f"kg:{relation}", "")


def _header(lines: list[str], report: Reporter) -> dict[str, Any]:
    block = "\n".join(line[1:].removeprefix(" ") if line.startswith("# ") else line[1:] for line in lines)
    try:
        found = yaml.load(block, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        report(mark.line + 1 if mark else 1, "SYNTAX", "the header is not YAML", str(getattr(error, "problem", "")))
        return {}
    if found is not None and not isinstance(found, dict):
        report(1, "SYNTAX", "the header is not a list of `key: value` lines")
        return {}
    return found or {}


def _read_set(header: dict[str, Any], shown: str, report: Reporter) -> MappingSet | None:
    missing = [key for key in _REQUIRED_KEYS if not header.get(key)]
    for key in missing:
        report(1, "MISSING_HEADER", f"the header has no {key}", f"add a line `# {key}: …`")
    if missing:
        return None
    iri = str(header["mapping_set_id"])
    if not iri.startswith(set_iri("")) and ":" not in iri:
        report(1, "BAD_VALUE", f"mapping_set_id {iri!r} is not an IRI", f"for example {set_iri('my-set')}")
        return None
    authority = str(header["authority"])
    if not report.word(1, "authority", authority, AUTHORITIES):
        return None
    return MappingSet(
        id=iri.rstrip("/").rsplit("/", 1)[-1],
        title=str(header["mapping_set_title"]),
        authority=Authority(authority),
        licence=str(header["license"]),
        description=" ".join(str(header.get("mapping_set_description", "")).split()),
        publisher=str(header.get("publisher", "")),
        source_url=str(header.get("mapping_set_source", "") or ""),
        version=str(header.get("mapping_set_version", "")),
        source=Source(shown, 1),
    )


def read_sssom(path: Path, shown: str, content: Content, report: Reporter, data: bytes | None = None) -> None:
    """Read one file into ``content``; whatever is wrong becomes a finding.  With ``data`` nothing is opened."""
    data = path.read_bytes() if data is None else data
    if data.startswith(b"\xef\xbb\xbf"):
        report(1, "ENCODING", "the file begins with a byte order mark", "save it as UTF-8 without BOM")
        data = data[3:]
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report(line, "ENCODING", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return
    lines = [line.removesuffix("\r") for line in lines]
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header = _header(lines[:start], report)
    mapping_set = _read_set(header, shown, report)
    columns = lines[start].split("\t") if start < len(lines) else [""]
    if columns == [""]:
        report(start + 1, "EMPTY_SET", "no column line follows the header")
        return
    wrong = False
    for column in REQUIRED_COLUMNS:
        if column not in columns:
            wrong = True
            report(start + 1, "MISSING_COLUMN", f"column {column} is missing", f"columns: {', '.join(COLUMNS)}")
    exported = [column for column in columns if column in _EXPORTED]
    if "record_id" in exported:
        message = f"the file is an export: a file of a data folder has no {', '.join(exported)}"
        hint = "`kg import mappings FILE --set ID --authority … -o DIR` writes it as one"
        report(start + 1, "UNKNOWN_COLUMN", message, hint)
    for column in columns:
        if column not in COLUMNS and not ("record_id" in exported and column in exported):
            near = nearest(column, COLUMNS)
            hint = f"did you mean {near}?" if near else f"columns: {', '.join(COLUMNS)}"
            report(start + 1, "UNKNOWN_COLUMN", f"column {column!r} is not known", hint)
    if mapping_set is None or wrong:
        return
    content.sets.append(mapping_set)
    count = 0
    for number, text in enumerate(lines[start + 1 :], start + 2):
        if not text.strip():
            continue
        count += 1
        cells = text.split("\t")
        if len(cells) != len(columns):
            report(number, "ROW_SHAPE", f"{len(cells)} cells under {len(columns)} columns", "check the tabs")
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        _read_row(row, mapping_set, Source(shown, number), content, report)
    if not count:
        report(start + 1, "EMPTY_SET", "the file holds no rows")


def _read_row(row: dict[str, str], owner: MappingSet, source: Source, content: Content, report: Reporter) -> None:
    line = source.line
    subject, object_ = row["subject_id"], row["object_id"]
    empty = [column for column in REQUIRED_COLUMNS if not row[column]]
    for column in empty:
        report(line, "MISSING_VALUE", f"{column} is empty")
    if empty:
        return
    for id_, label in ((subject, row.get("subject_label", "")), (object_, row.get("object_label", ""))):
        if label:
            content.labels.append((source, id_, label))
    prefix, name = split(row["predicate_id"])
    modifier = row.get("predicate_modifier", "")
    rationale, comment = row.get("rationale", ""), row.get("comment", "")
    if prefix == "kg" and name in set(ThreatRelation):
        content.threat_links.append(
            ThreatLink(subject, ThreatRelation(name), object_, rationale, owner.id, source=source)
        )
        return
    if prefix == "kg" and name in LEGAL_PREDICATES:
        citation = row.get("see_also", "")
        content.references.append(LegalReference(subject, name, object_, rationale, citation, owner.id, source=source))
        return
    if modifier not in ("", NOT):
        report(line, "BAD_VALUE", f"predicate_modifier {modifier!r} is not known", f"empty or {NOT}")
        return
    relation = "no_relationship" if (name, modifier) == ("related", NOT) else name
    if prefix != "kg" or relation not in RELATIONS or (modifier and relation != "no_relationship"):
        known = [":".join(("kg", r)) for r in RELATIONS if r != "no_relationship"]
        said = f"{modifier} {row['predicate_id']}".strip()
        near = nearest(row["predicate_id"], known)
        hint = f"did you mean {near}? " if near else ""
        every = f"one of: {', '.join(known)}; no relationship is `kg:related` with modifier {NOT}"
        report(line, "UNKNOWN_RELATION", f"relation {said!r} is not known", hint + every)
        return
    kind = row.get("rationale_kind") or RationaleKind.FUNCTIONAL.value
    method = row.get("method") or Method.HUMAN.value
    if not report.word(line, "rationale_kind", kind, RationaleKind) or not report.word(line, "method", method, Method):
        return
    strength = parse_number(report, line, "strength", row.get("strength", ""), 0, 10)
    content.mappings.append(
        Mapping(
            set_id=owner.id,
            subject=subject,
            relation=relation,
            object=object_,
            rationale_kind=RationaleKind(kind),
            rationale=rationale,
            strength=None if strength is None else round(strength),
            confidence=parse_number(report, line, "confidence", row.get("confidence", ""), 0, 1),
            method=Method(method),
            reviewers=tuple(r.strip() for r in row.get("reviewer_id", "").split("|") if r.strip()),
            date=parse_date(report, line, "mapping_date", row.get("mapping_date", "")),
            subject_version=row.get("subject_source_version", ""),
            object_version=row.get("object_source_version", ""),
            citation=row.get("see_also", ""),
            note=comment,
            source=source,
        )
    )
