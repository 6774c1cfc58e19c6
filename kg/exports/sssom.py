"""SSSOM 1.1, as TSV and as JSON: a mapping set, a crosswalk's direct rows, or every set of the graph.

Rows are written as their set writes them, never turned round, so that ``record_id`` names exactly what somebody
asserted.  What only follows from chains is nobody's assertion and is left out; the header says how many.  A control
that was looked at and has no counterpart is a row to ``sssom:NoTermFound``.

What SSSOM has no slot for (strength, rationale, its kind, method) are declared extension slots in the TSV, as in the
sources.  The JSON form of SSSOM is unspecified and sssom-py refuses a slot there that it does not know, so in the JSON
they stand in the slot ``other`` of the model, ``name=value|name=value`` (:func:`other`; ``docs/decisions/0037``).
A row of a file is one line: line breaks and control characters inside a cell of the TSV become one space; the JSON
keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson
import yaml

from kg.answers.crosswalk import Crosswalk
from kg.answers.listing import GraphListing, SetListing
from kg.errors import UsageError
from kg.model import Authority, Disclaimer, LegalReference, Mapping, MappingSet, Method, NonCoverage, ThreatLink
from kg.release import Release
from kg.sources.sssom import COLUMNS, predicate_of
from kg.terms import BASE, PREFIXES, iri, natural_key, prefix_of, set_iri

__all__ = ["NO_TERM_FOUND", "UNSPECIFIED_LICENCE", "justification_of", "other", "sssom_json", "sssom_tsv"]

NO_TERM_FOUND = "sssom:NoTermFound"
#: What SSSOM tools write where no licence is known; here also where rows have several.
UNSPECIFIED_LICENCE = "https://w3id.org/sssom/license/unspecified"
_MANUAL, _JUDGED = "semapv:ManualMappingCuration", "semapv:BackgroundKnowledgeBasedMatching"
#: Where what was looked at and left out comes from.
_LEFT_OUT = "non-coverage"
#: Slots beside those of the sources, for every file; the last block only where rows come from several sets.
_MORE = ("record_id", "subject_source", "object_source", "author_label", "reviewer_label", "citation")
_SEVERAL = ("mapping_source", "license", "authority")
_EXTENSIONS = ("rationale_kind", "strength", "method", "rationale", "citation")
#: What the model of SSSOM has no slot for, in a row or in the header.
_UNKNOWN = (*_EXTENSIONS, "authority", "publisher")
_APART = re.compile(r"[%|=\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LISTS = frozenset({"author_label", "reviewer_id", "reviewer_label", "see_also"})
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MOST = 1_000

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """A mapping set ready to be written: header slots in order, columns, and records made one by one."""

    header: Record
    columns: tuple[str, ...]
    records: Iterable[Record]


def _uri(value: str) -> bool:
    return _URI.fullmatch(value) is not None


def _source(release: Release, id_: str) -> str:
    """The vocabulary a node belongs to."""
    name = prefix_of(id_)
    return f"kgfw:{name}" if name in release.frameworks else ""


def _ends(release: Release, subject: str, object_: str) -> Record:
    return {
        "subject_id": subject,
        "subject_label": release.title(subject),
        "object_id": object_,
        "object_label": release.title(object_),
        "subject_source": _source(release, subject),
        "object_source": _source(release, object_),
    }


def _origin(owner: MappingSet | None) -> Record:
    """What a row takes from its set."""
    if owner is None:
        return {"mapping_source": f"kgset:{_LEFT_OUT}", "license": UNSPECIFIED_LICENCE}
    return {
        "author_label": [owner.publisher] if owner.publisher else [],
        "mapping_source": f"kgset:{owner.id}",
        "license": _licence(owner),
        "authority": owner.authority.value,
    }


def _licence(owner: MappingSet) -> str:
    return owner.licence if _uri(owner.licence) else UNSPECIFIED_LICENCE


def _cited(citation: str) -> Record:
    """A citation is a link where it is one, else words."""
    links = citation.split("|") if citation else []
    if links and all(link.startswith(("https://", "http://")) and _uri(link) for link in links):
        return {"see_also": links}
    return {"citation": citation}


def justification_of(m: Mapping) -> str:
    """How SSSOM calls the method of a row: curated by hand, or matched with background knowledge by other means too."""
    return _MANUAL if m.method is Method.HUMAN else _JUDGED


def _mapping(m: Mapping, release: Release) -> Record:
    predicate, modifier = predicate_of(m.relation)
    known = [r for r in m.reviewers if prefix_of(r) in _PREFIXES and _uri(r)]
    return {
        **_ends(release, m.subject, m.object),
        **_origin(release.sets[m.set_id]),
        "record_id": f"kgset:{m.set_id}/{m.id}",
        "predicate_id": predicate,
        "predicate_modifier": modifier,
        "mapping_justification": justification_of(m),
        "confidence": m.confidence,
        "rationale_kind": m.rationale_kind.value,
        "strength": m.strength,
        "method": m.method.value,
        "rationale": m.rationale,
        "subject_source_version": m.subject_version,
        "object_source_version": m.object_version,
        "mapping_date": m.date.isoformat() if m.date else "",
        "reviewer_id": known,
        "reviewer_label": [r for r in m.reviewers if r not in known],
        **_cited(m.citation),
        "comment": m.note,
    }


def _threat(link: ThreatLink, release: Release) -> Record:
    # A link keeps no method of its own; those of the project say in their set's header how they were made.
    owner = release.sets.get(link.set_id)
    other = owner is not None and owner.authority is not Authority.PROJECT
    return {
        **_ends(release, link.threat, link.target),
        **_origin(owner),
        "predicate_id": f"kg:{link.relation.value}",
        "mapping_justification": _MANUAL if other else _JUDGED,
        "rationale": link.rationale,
    }


def _reference(r: LegalReference, release: Release) -> Record:
    return {
        **_ends(release, r.subject, r.object),
        **_origin(release.sets.get(r.set_id)),
        "predicate_id": f"kg:{r.kind}",
        "mapping_justification": _MANUAL,
        "rationale": r.note,
        **_cited(r.citation),
    }


def _left_out(n: NonCoverage, release: Release) -> Record:
    """Looked for and not found: the framework that was looked through stands as the source of the missing object."""
    return {
        **_ends(release, n.subject, NO_TERM_FOUND),
        **_origin(None),
        "object_source": f"kgfw:{n.framework}",
        "predicate_id": "kg:related",
        "mapping_justification": _JUDGED,
        "comment": n.reason,
    }


_PREFIXES: dict[str, str] = {**PREFIXES, "orcid": "https://orcid.org/"}


def _curie_map(records: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """The prefixes of the CURIEs given, each with its namespace."""
    used = {prefix_of(c) for row in records for c in row if c and not c.startswith(("http://", "https://"))}
    return {p: _PREFIXES.get(p, f"{BASE}{p}/") for p in sorted(used - {""})}


def _cautions(disclaimers: Iterable[Disclaimer]) -> str:
    return " ".join(f"{d.text} ({d.basis})" if d.basis else d.text for d in disclaimers)


def _definitions(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"slot_name": n, "property": PREFIXES["kg"] + n} for n in names]


def _file(answer: Any, release: Release) -> _File:
    if isinstance(answer, SetListing):
        return _of_set(answer, release)
    if isinstance(answer, GraphListing):
        header = {
            "mapping_set_id": BASE + "releases/" + answer.release,
            "mapping_set_title": "All mapping sets of the release",
            "mapping_set_description": f"Every row of every set of release {answer.release}, as its set writes it.",
        }
        return _of_several(
            header, answer.release, answer.disclaimers, release, answer.rows, answer.threat_links, answer.references,
            answer.left_out,
        )  # fmt: skip
    if isinstance(answer, Crosswalk):
        here, there = answer.sides
        header = {
            "mapping_set_id": f"{BASE}crosswalks/{answer.source}/{answer.target}",
            "mapping_set_title": f"Crosswalk from {here.title} to {there.title}",
            "mapping_set_description": (
                f"The direct rows between the two as of {answer.as_of}, each as its set writes it. "
                f"{len(answer.derived)} relations that only follow from chains of rows are left out: "
                f"they are computed, not asserted. Method: {answer.method}."
            ),
        }
        rows = [r.row for r in answer.rows]
        return _of_several(header, answer.release, answer.disclaimers, release, rows, left_out=answer.left_out)
    raise TypeError(f"no SSSOM form for {type(answer).__name__}")


def _of_set(answer: SetListing, release: Release) -> _File:
    """One set: its own header, and columns that are those of the sources with the row's identity after them."""
    s = answer.set
    records = _records(release, answer.rows, answer.threat_links, answer.references)
    note = "" if _uri(s.licence) else f" Licence: {s.licence}."
    header: Record = {
        "sssom_version": "1.1",
        "mapping_set_id": set_iri(s.id),
        "mapping_set_title": s.title,
        "mapping_set_version": s.version,
        "mapping_set_description": s.description,
        "mapping_set_source": [s.source_url] if _uri(s.source_url) else [],
        "publisher": s.publisher,
        "authority": s.authority.value,
        "license": _licence(s),
        "curie_map": _curie_map((*_ids(answer), ("kgset:", "kgfw:"))),
        "extension_definitions": _definitions((*_EXTENSIONS, "publisher", "authority")),
        "comment": f"From release {answer.release}.{note} {_cautions(answer.disclaimers)}".strip(),
    }
    return _File(_filled(header), (*COLUMNS, *_MORE), records)


def _of_several(
    header: Record,
    digest: str,
    disclaimers: Sequence[Disclaimer],
    release: Release,
    rows: Sequence[Mapping],
    threats: Sequence[ThreatLink] = (),
    references: Sequence[LegalReference] = (),
    left_out: Sequence[NonCoverage] = (),
) -> _File:
    """Rows of several sets: each row says which set it is of, under which licence and by whose authority."""
    sets = {x.set_id for group in (rows, threats, references) for x in group}
    used = [release.sets[name] for name in sorted(sets) if name in release.sets]
    licences = {_licence(s) for s in used}
    words = [f"{s.id}: {s.licence}" for s in used if not _uri(s.licence)]
    note = f"Each row says its set, its licence and its authority. From release {digest}."
    if words:
        note += " Licences in words: " + "; ".join(words) + "."
    if left_out:
        note += f" {NO_TERM_FOUND}: looked at, and nothing in that framework corresponds."
    found: Record = {
        "sssom_version": "1.1",
        **header,
        "mapping_set_version": digest,
        "mapping_set_source": [set_iri(s.id) for s in used],
        "license": licences.pop() if len(licences) == 1 and not left_out else UNSPECIFIED_LICENCE,
        "curie_map": _curie_map(
            (
                *((m.subject, m.object, *m.reviewers) for m in rows),
                *((t.threat, t.target) for t in threats),
                *((r.subject, r.object) for r in references),
                *((n.subject,) for n in left_out),
                ("kg:", "semapv:", "kgset:", "kgfw:", "sssom:"),
            )
        ),
        "extension_definitions": _definitions((*_EXTENSIONS, "authority")),
        "comment": f"{note} {_cautions(disclaimers)}".strip(),
    }
    records = _records(release, rows, threats, references, left_out)
    return _File(_filled(found), (*COLUMNS, *_MORE, *_SEVERAL), records)


def _ids(answer: SetListing) -> Iterator[tuple[str, ...]]:
    yield ("kg:", "semapv:")
    for m in answer.rows:
        yield (m.subject, m.object, *m.reviewers)
    for t in answer.threat_links:
        yield (t.threat, t.target)
    for r in answer.references:
        yield (r.subject, r.object)


def _records(
    release: Release,
    rows: Sequence[Mapping],
    threats: Sequence[ThreatLink] = (),
    references: Sequence[LegalReference] = (),
    left_out: Sequence[NonCoverage] = (),
) -> Iterator[Record]:
    ordered = sorted(
        rows,
        key=lambda m: (natural_key(m.subject), natural_key(m.object), m.rationale_kind.value, m.set_id, m.relation),
    )
    yield from (_mapping(m, release) for m in ordered)
    yield from (_threat(t, release) for t in threats)
    yield from (_reference(r, release) for r in references)
    yield from (_left_out(n, release) for n in left_out)


def _filled(record: Record) -> Record:
    """Only the slots that hold something."""
    return {k: v for k, v in record.items() if v not in ("", None, [], {})}


def _one(answers: Sequence[Any], release: Release) -> _File:
    if len(answers) != 1:
        raise UsageError("one SSSOM file holds one answer", "ask for one at a time")
    return _file(answers[0], release)


# ---------------------------------------------------------------- the two serialisations


def _cell(name: str, value: Any) -> str:
    """A cell of the TSV.  A cell that begins with a quotation mark is quoted, as CSV readers want it."""
    if value is None:
        return ""
    if name in _LISTS:
        value = "|".join(str(v).replace("|", r"\|") for v in value)
    text = _BREAKS.sub(" ", str(value)).strip()
    return '"' + text.replace('"', '""') + '"' if text.startswith('"') else text


def sssom_tsv(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The file as TSV, header first."""
    file = _one(answers, release)
    block = yaml.safe_dump(file.header, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)
    lines = ["# " + line for line in block.rstrip("\n").split("\n")]
    yield ("\n".join([*lines, "\t".join(file.columns)]) + "\n").encode()
    records = iter(file.records)
    while chunk := list(islice(records, _MOST)):
        yield "".join("\t".join(_cell(c, r.get(c)) for c in file.columns) + "\n" for r in chunk).encode()


def other(values: Record) -> str:
    """Values without a slot as the slot ``other`` takes them: pairs apart by ``|``, sorted by name.  What parts pairs
    and names, control characters and the percent sign are written as in addresses.

    >>> other({"strength": 4, "rationale": "a = b | c"})
    'rationale=a %3D b %7C c|strength=4'
    """
    return "|".join(f"{name}={_APART.sub(_escaped, str(value))}" for name, value in sorted(values.items()))


def _escaped(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


def _with_other(record: Record, columns: Sequence[str]) -> Record:
    """A record of which what the model has no slot for stands in ``other``."""
    kept = {c: record[c] for c in columns if c not in _UNKNOWN and record.get(c) not in ("", None, [])}
    beside = {name: record[name] for name in _UNKNOWN if record.get(name) not in ("", None)}
    return {**kept, "other": other(beside)} if beside else kept


def sssom_json(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The file as JSON, with an inline context that makes it JSON-LD: nothing needs to be fetched to read it.

    The authority and the publisher of a set stand in its rows (``other``, ``author_label``): sssom-pydantic refuses an
    ``other`` of a set.
    """
    file = _one(answers, release)
    left = ("curie_map", "extension_definitions", *_UNKNOWN)
    header = {
        "@context": dict(sorted({**file.header["curie_map"], **_CONTEXT}.items())),
        **{name: value for name, value in file.header.items() if name not in left},
    }
    head = orjson.dumps(header, option=orjson.OPT_INDENT_2)
    yield head.removesuffix(b"\n}") + b',\n  "mappings": ['
    records = iter(file.records)
    first = True
    while chunk := list(islice(records, _MOST)):
        out = []
        for record in chunk:
            kept = _with_other(record, file.columns)
            out.append((b"\n    " if first else b",\n    ") + orjson.dumps(kept))
            first = False
        yield b"".join(out)
    yield b"\n  ]\n}\n"


#: Slots whose values are identifiers.
_REFERENCES = (
    "license", "mapping_justification", "mapping_set_id", "mapping_set_source", "mapping_source", "object_id",
    "object_source", "predicate_id", "record_id", "reviewer_id", "see_also", "subject_id", "subject_source",
)  # fmt: skip
_OWL, _DCT = PREFIXES["owl"], PREFIXES["dcterms"]
#: Slot → its IRI, after the SSSOM schema; the others are in the SSSOM namespace.
_SLOTS = {
    "subject_id": _OWL + "annotatedSource", "predicate_id": _OWL + "annotatedProperty",
    "object_id": _OWL + "annotatedTarget", "license": _DCT + "license", "mapping_date": _DCT + "created",
    "mapping_set_title": _DCT + "title", "mapping_set_description": _DCT + "description",
    "mapping_set_version": _OWL + "versionInfo", "mapping_set_source": PREFIXES["prov"] + "wasDerivedFrom",
    "see_also": PREFIXES["rdfs"] + "seeAlso", "comment": PREFIXES["rdfs"] + "comment",
    "author_label": "http://purl.org/pav/authoredBy",
}  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@vocab": PREFIXES["sssom"],
    **{
        name: {"@id": _SLOTS.get(name, iri(f"sssom:{name}")), **({"@type": "@id"} if name in _REFERENCES else {})}
        for name in sorted({*_SLOTS, *_REFERENCES})
    },
}
