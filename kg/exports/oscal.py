"""OSCAL 1.2 JSON: a crosswalk or mapping set as a mapping collection, an organisation's coverage as assessment results,
its own controls as a component definition.

OSCAL's relationship words are NIST IR 8477's; what it has no word for (``at_least``, ``at_most``, ``related``) stands
under a namespace of our own.  Ids may not hold a colon there, so CURIEs become tokens (:func:`token`, :func:`untoken`)
and stand as a property beside them.  UUIDs are derived from ids and content (RFC 9562, version 5), so the same answer
gives the same bytes.  Ids and titles only: no official text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from hashlib import sha1
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from kg.answers import Applicability, Coverage, Crosswalk, RequirementResult, Side, Verdict
from kg.answers.listing import GraphListing, Implementation, SetListing
from kg.errors import UsageError
from kg.exports.streamed import Rows, indented, sorted_keys
from kg.exports.tables import chain_text
from kg.exports.words import denominator
from kg.model import Control, Disclaimer, Mapping, MappingSet, RationaleKind
from kg.relations import inverse, word
from kg.release import Release
from kg.terms import BASE, KG, iri, prefix_of, set_iri

__all__ = ["OSCAL_VERSION", "component_definition", "mapping_collection", "results", "token", "untoken"]

OSCAL_VERSION = "1.2.1"
NIST = "http://csrc.nist.gov/ns/oscal"
_NAMES = uuid5(NAMESPACE_URL, BASE)
_RELATIONSHIPS = {
    "equal": "equivalent-to", "subset_of": "subset-of", "superset_of": "superset-of",
    "intersects_with": "intersects-with", "no_relationship": "no-relationship",
}  # fmt: skip
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PLAIN = re.compile(r"[A-Za-z0-9.-]")
_ESCAPE = re.compile(r"_([0-9a-f]*)_")
_LETTER = re.compile(r"[A-Za-z]")

Plain = dict[str, Any]


def token(curie: str) -> str:
    """An id as an OSCAL token: a colon is two underscores, any other character that a token may not hold its number.

    >>> token("eu-ai-act:art-10.2.f")
    'eu-ai-act__art-10.2.f'
    """
    found = "".join("__" if c == ":" else c if _PLAIN.match(c) else f"_{ord(c):x}_" for c in curie)
    return found if _LETTER.match(found) or found.startswith("_") else f"_{ord(found[0]):x}_{found[1:]}"


def untoken(value: str) -> str:
    """The id that a token stands for.

    >>> untoken("eu-ai-act__art-10.2.f")
    'eu-ai-act:art-10.2.f'
    """
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else ":", value)


def _uuid(*names: str) -> str:
    return str(uuid5(_NAMES, "\x1f".join(names)))


def _line(text: str) -> str:
    """Text on one line, as titles and property values must be."""
    return _BREAKS.sub(" ", text).strip()


def _text(text: str) -> str:
    """Text that may have several lines."""
    return _CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _props(*pairs: tuple[str, Any]) -> list[Plain]:
    """Properties in our namespace; those without a value are left out."""
    found = []
    for name, value in pairs:
        said = ("yes" if value else "no") if isinstance(value, bool) else _line(str(value)) if value is not None else ""
        if said:
            found.append({"name": name, "ns": KG, "value": said})
    return found


def _filled(value: Plain) -> Plain:
    return {k: v for k, v in value.items() if v not in (None, "", [], {})}


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00+00:00"


def _metadata(title: str, day: date, version: str, remarks: str, props: list[Plain]) -> Plain:
    return _filled({
        "title": _line(title),
        "last-modified": _moment(day),
        "version": version,
        "oscal-version": OSCAL_VERSION,
        "props": props,
        "remarks": _text(remarks),
    })  # fmt: skip


def _cautions(disclaimers: Iterable[Disclaimer]) -> str:
    return "\n\n".join(f"{d.text} ({d.basis})" if d.basis else d.text for d in disclaimers)


def _written(kind: str, body: Plain) -> Iterator[bytes]:
    """The document, whose UUID follows from all that it says: it is made twice, and never held as a whole."""
    digest = sha1(_NAMES.bytes, usedforsecurity=False)  # RFC 9562, 5.5: as `_uuid(kind, said)` would
    digest.update(f"{kind}\x1f".encode())
    for piece in sorted_keys(body):
        digest.update(piece)
    yield from indented({kind: {"uuid": str(UUID(bytes=digest.digest()[:16], version=5)), **body}})
    yield b"\n"


# ---------------------------------------------------------------- frameworks and sets as resources


def _resource(release: Release, name: str) -> Plain:
    """A framework or catalogue in the back matter: title, licence, where its official text is."""
    f = release.frameworks.get(name) or release.catalogues.get(name)
    links = [f.url] if f and f.url.startswith(("http://", "https://")) else []
    return _filled({
        "uuid": _uuid("resource", name),
        "title": _line(f.title) if f else name,
        "props": _props(("id", name), ("licence", f.licence if f else "")),
        "rlinks": [{"href": url} for url in (*links, iri(f"kgfw:{name}"))],
        "remarks": "Controls are named by id and title; the official text is behind the link.",
    })  # fmt: skip


def _set_resource(s: MappingSet) -> Plain:
    links = [s.source_url] if s.source_url.startswith(("http://", "https://")) else []
    return _filled({
        "uuid": _uuid("set", s.id),
        "title": _line(s.title),
        "description": _text(s.description),
        "props": _props(
            ("mapping-set", s.id), ("authority", s.authority.value), ("publisher", s.publisher),
            ("licence", s.licence), ("version", s.version),
        ),
        "rlinks": [{"href": url} for url in (*links, set_iri(s.id))],
    })  # fmt: skip


def _reference(name: str) -> Plain:
    return {"type": "catalog", "href": f"#{_uuid('resource', name)}"}


# ---------------------------------------------------------------- mapping collection


def _item(release: Release, id_: str) -> Plain:
    return {
        "type": "control",
        "id-ref": token(id_),
        "props": _props(("curie", id_), ("title", release.title(id_))),
    }


def _map(release: Release, m: Mapping, subject: str, relation: str, object_: str, *, turned: bool) -> Plain:
    """One row, read from ``subject`` to ``object_``."""
    said = _RELATIONSHIPS.get(relation)
    if said == "equivalent-to" and m.rationale_kind is RationaleKind.SYNTACTIC:
        said = "equal-to"  # the wording is the same, not only the meaning
    owner = release.sets[m.set_id]
    return _filled({
        "uuid": _uuid("row", m.id, subject, object_),
        "ns": None if said else KG,
        "matching-rationale": m.rationale_kind.value,
        "relationship": said or relation.replace("_", "-"),
        "sources": [_item(release, subject)],
        "targets": [_item(release, object_)],
        "confidence-score": {"percentage": m.confidence} if m.confidence is not None else None,
        "props": _props(
            ("relation", relation), ("row", m.id), ("mapping-set", m.set_id), ("authority", owner.authority.value),
            ("method", m.method.value), ("reviewed", m.reviewed), *(("reviewer", r) for r in m.reviewers),
            ("strength", m.strength), ("date", m.date), ("subject-version", m.subject_version),
            ("object-version", m.object_version), ("turned", turned), ("citation", m.citation),
            ("remarks", "note" if m.note and not m.rationale else ""),
        ),
        "remarks": _text("\n\n".join(t for t in (m.rationale, m.note) if t)),
    })  # fmt: skip


def _gaps(name: str, pair: str, ids: Sequence[str]) -> Plain | None:
    if not ids:
        return None
    return {"uuid": _uuid("gap", pair, name), "unmapped-controls": [{"with-ids": [token(i) for i in ids]}]}


def _one_or(values: Iterable[str], several: str) -> str:
    found = set(values)
    return found.pop() if len(found) == 1 else several


def _status(rows: Iterable[Mapping]) -> str:
    """Complete once a named person has reviewed every row; a draft until then."""
    return "complete" if all(m.reviewed for m in rows) else "draft"


def _pair_mapping(release: Release, name: str, source: str, target: str, rows: Sequence[Mapping], maps: Rows,
                  sides: tuple[Side, Side] | None) -> Plain:  # fmt: skip
    here, there = sides or (None, None)
    pair = f"{name}:{source}:{target}"
    return _filled({
        "uuid": _uuid("mapping", pair),
        "method": _one_or((m.method.value for m in rows), "hybrid"),
        "matching-rationale": _one_or((m.rationale_kind.value for m in rows), "functional"),
        "status": _status(rows),
        "source-resource": _reference(source),
        "target-resource": _reference(target),
        "maps": maps,
        "props": [p for s in (here, there) if s for p in _counts(s)],
        "source-gap-summary": _gaps(source, pair, here.unmapped) if here else None,
        "target-gap-summary": _gaps(target, pair, there.unmapped) if there else None,
        "coverage": {
            "generation-method": "contained-by-direct-rows",
            "target-coverage": round(there.contained / there.total, 4),
        } if there and there.total else None,
    })  # fmt: skip


def _counts(side: Side) -> list[Plain]:
    """A share never travels without what it is a share of."""
    said = (
        ("items", side.total),
        ("mapped", side.mapped),
        ("contained", side.contained),
        ("unmapped", len(side.unmapped)),
    )
    return [{**p, "class": token(side.framework)} for p in _props(*said)]


def mapping_collection(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """A crosswalk, a mapping set or all sets as one mapping collection."""
    if len(answers) != 1:
        raise UsageError("one mapping collection holds one answer", "ask for one at a time")
    answer = answers[0]
    rows: Sequence[Mapping]
    if isinstance(answer, Crosswalk):
        rows = [r.row for r in answer.rows]
        said = answer.rows
        maps = Rows(lambda: (_map(release, r.row, r.subject, r.relation, r.object, turned=r.turned) for r in said))
        here, there = answer.sides
        title, day = f"Crosswalk from {here.title} to {there.title}", answer.as_of
        about = (
            f"{answer.method}. {len(answer.derived)} relations that only follow from chains of rows are left out: "
            "they are computed, not asserted."
        )
        mappings = [_pair_mapping(release, "crosswalk", answer.source, answer.target, rows, maps, answer.sides)]
        ends = {answer.source, answer.target}
    else:
        rows = answer.rows
        title, about = _said(answer)
        day = max((m.date for m in rows if m.date), default=date(2000, 1, 1))
        mappings, ends = _of_sets(rows, release)
    if not rows:
        raise UsageError("there is no row to write as oscal: a mapping collection holds at least one", "choose another")
    sets = [release.sets[name] for name in sorted({m.set_id for m in rows})]
    licences = "; ".join(f"{s.id}: {s.licence}" for s in sets)
    body = {
        "metadata": _metadata(
            title, day, answer.release, f"Licences: {licences}.\n\n{_cautions(answer.disclaimers)}",
            _props(("release", answer.release), ("as-of", getattr(answer, "as_of", None))),
        ),
        "provenance": {
            "method": _one_or((m.method.value for m in rows), "hybrid"),
            "matching-rationale": _one_or((m.rationale_kind.value for m in rows), "functional"),
            "status": _status(rows),
            "mapping-description": _text(about),
            "props": _props(("rows", len(rows)), ("reviewed-rows", sum(m.reviewed for m in rows))),
            "remarks": "Each map names its set, its row, its method and whether a named person has reviewed it; "
            "the status is a draft until every row has been.",
        },
        "mappings": mappings,
        "back-matter": {
            "resources": [*(_resource(release, n) for n in sorted(ends)), *(_set_resource(s) for s in sets)]
        },
    }  # fmt: skip
    return _written("mapping-collection", body)


def _said(answer: SetListing | GraphListing) -> tuple[str, str]:
    if isinstance(answer, SetListing):
        s = answer.set
        return s.title, s.description or f"The mapping set {s.id}, as published by {s.publisher or 'its author'}."
    return "All mapping sets of the release", f"Every row of every set of release {answer.release}."


def _of_sets(rows: Sequence[Mapping], release: Release) -> tuple[list[Plain], set[str]]:
    """One mapping for each set and pair of ends, each row as its set writes it."""
    grouped: dict[tuple[str, str, str], list[Mapping]] = {}
    for m in rows:
        grouped.setdefault((m.set_id, prefix_of(m.subject), prefix_of(m.object)), []).append(m)
    found = []
    for (name, source, target), mine in sorted(grouped.items()):
        maps = Rows(partial(_straight, release, mine))
        found.append(_pair_mapping(release, name, source, target, mine, maps, _sides(release, source, target, mine)))
    return found, {end for _, source, target in grouped for end in (source, target)}


def _straight(release: Release, rows: Iterable[Mapping]) -> Iterator[Plain]:
    return (_map(release, m, m.subject, m.relation, m.object, turned=False) for m in rows)


def _sides(release: Release, source: str, target: str, rows: Sequence[Mapping]) -> tuple[Side, Side] | None:
    """What a set maps of either end and what not, over the last texts; ``None`` where an end is no framework."""
    from kg.answers.listing import list_framework

    if not all(n in release.frameworks or n in release.catalogues for n in (source, target)):
        return None
    found = []
    for name, ends in (
        (source, [(m.subject, m.mask) for m in rows]),
        (target, [(m.object, inverse(m.mask)) for m in rows]),
    ):
        listing = list_framework(release, name)
        items = (*listing.requirements, *(c.id for c in listing.controls), *(j.id for j in listing.joints))
        said = {(id_, word(mask)) for id_, mask in ends}
        mapped = {id_ for id_, relation in said if relation != "no_relationship"}
        inside = {id_ for id_, relation in said if relation in ("equal", "subset_of", "at_most")}
        found.append(
            Side(
                framework=name,
                title=listing.framework.title,
                total=len(items),
                mapped=sum(i in mapped for i in items),
                contained=sum(i in inside for i in items),
                by_relation=(),
                unmapped=tuple(i for i in items if i not in mapped),
                looked_at=sum(any(i == id_ for id_, _ in said) for i in items),
            )
        )
    return found[0], found[1]


# ---------------------------------------------------------------- assessment results


def results(answers: Sequence[Coverage], release: Release) -> Iterator[bytes]:
    """Coverage of one or more frameworks: one result each, one finding for every requirement that applies."""
    first = answers[0]
    whose = f" by {first.profile.title}" if first.profile and first.profile.title else ""
    cautions = dict.fromkeys(d for a in answers for d in a.disclaimers)
    sets = sorted(
        {s.set for a in answers for r in a.requirements if r.explanation for s in r.explanation.steps if s.set}
    )
    plan = _uuid("method", first.release, first.method)
    body = {
        "metadata": _metadata(
            f"Coverage of {', '.join(a.title for a in answers)}{whose}", first.as_of, first.release,
            _cautions(cautions), _props(("release", first.release), ("as-of", first.as_of), ("method", first.method)),
        ),
        "import-ap": {
            "href": f"#{plan}",
            "remarks": "There is no assessment plan: the findings are computed from mappings by the method named.",
        },
        "results": [_result(a, release) for a in answers],
        "back-matter": {
            "resources": [
                {"uuid": plan, "title": "Method", "description": _text(first.method)},
                *(_resource(release, a.framework) for a in answers),
                *(_set_resource(release.sets[s]) for s in sets),
            ]
        },
    }  # fmt: skip
    return _written("assessment-results", body)


def _result(a: Coverage, release: Release) -> Plain:
    counted = [r for r in a.requirements if r.applicable]
    rest = [r for r in a.requirements if not r.applicable]
    name = (a.release, a.framework, a.as_of.isoformat())
    chosen: Plain = {"description": "The requirements that apply on the day asked for: the denominator."}
    if counted:
        chosen["include-controls"] = [{"control-id": token(r.requirement.id)} for r in counted]
    else:
        chosen |= {"include-all": {}, "exclude-controls": [{"control-id": token(r.requirement.id)} for r in rest]}
    return _filled({
        "uuid": _uuid("result", *name),
        "title": _line(a.title),
        "description": _text(denominator(a.counts)),
        "start": _moment(a.as_of),
        "props": _props(
            ("framework", a.framework), ("release", a.release), ("as-of", a.as_of), ("text-version", a.text_version),
            ("method", a.method), ("applicable", a.counts.applicable), ("covered", a.counts.covered),
            ("partial", a.counts.partial), ("lead", a.counts.lead), ("gap", a.counts.gap),
            ("covered-reviewed", a.counts.covered_reviewed), ("disputed", a.counts.disputed),
            ("not-applicable", a.counts.not_applicable), ("excluded", a.counts.excluded),
            ("not-yet-applicable", a.counts.not_yet_applicable), ("total", a.counts.total),
        ),
        "reviewed-controls": {"control-selections": [chosen]},
        "observations": [_unapplied(r, a, name) for r in rest],
        "findings": [_finding(r, name) for r in counted],
        "remarks": _cautions(a.disclaimers),
    })  # fmt: skip


def _head(r: RequirementResult) -> list[tuple[str, Any]]:
    d = r.decision
    return [
        ("curie", r.requirement.id), ("reference", r.requirement.ref), ("applicability", d.applicability.value),
        ("applicability-reason", d.because), ("applies-from", d.applies_from), ("rule", d.rule), ("basis", d.basis),
    ]  # fmt: skip


def _unapplied(r: RequirementResult, a: Coverage, name: tuple[str, ...]) -> Plain:
    later = r.decision.applicability is Applicability.NOT_YET_APPLICABLE
    said = "does not apply yet" if later else "does not apply"
    return {
        "uuid": _uuid("observation", *name, r.requirement.id),
        "title": _line(f"{r.requirement.ref}: {r.requirement.title}"),
        "description": _text(f"{r.requirement.ref} {said}. {r.decision.explanation}"),
        "props": _props(*_head(r), ("verdict", r.verdict.name)),
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "collected": _moment(a.as_of),
    }


def _finding(r: RequirementResult, name: tuple[str, ...]) -> Plain:
    met = r.verdict is Verdict.COVERED
    e = r.explanation
    props = [*_head(r), ("verdict", r.verdict.name), *(("reason", x.value) for x in r.reasons)]
    if e:
        sets = dict.fromkeys(s.set for s in e.steps if s.set)
        props += [("control", e.control), ("control-title", e.title), ("relation", e.relation),
                  ("chain-reviewed", e.reviewed), ("disputed", e.disputed), *(("mapping-set", s) for s in sets),
                  *(("row", s.row) for s in e.steps if s.row)]  # fmt: skip
    props += [("set-aside", c) for c in r.set_aside]
    props += [("ai-system", f"{u.unit}: {u.applicability.value}, {u.verdict.name}") for u in r.units]
    chain = chain_text(e.steps, e.members) if e else "No control bears on it."
    return {
        "uuid": _uuid("finding", *name, r.requirement.id),
        "title": _line(f"{r.requirement.ref}: {r.requirement.title}"),
        "description": _text(f"{r.verdict.name}. {chain}"),
        "props": _props(*props),
        "target": {
            "type": "objective-id",
            "target-id": token(r.requirement.id),
            "title": _line(r.requirement.title) or r.requirement.id,
            "status": {"state": "satisfied" if met else "not-satisfied", "reason": "pass" if met else "fail"},
        },
    }


# ---------------------------------------------------------------- component definition


def component_definition(answers: Sequence[Implementation], release: Release) -> Iterator[bytes]:
    """An organisation's controls as components, each with what the organisation itself says that it implements."""
    if len(answers) != 1:
        raise UsageError("one component definition holds one organisation", "ask for one at a time")
    a = answers[0]
    ends = sorted({prefix_of(row.target) for c in a.controls for row in c.rows})
    body = _filled({
        "metadata": _metadata(
            f"Controls of {a.title}" if a.title else "Controls of an organisation", a.as_of, a.release,
            "What the organisation says of its own controls. What follows from it through mappings is in the "
            f"assessment results.\n\n{_cautions(a.disclaimers)}",
            _props(("release", a.release), ("as-of", a.as_of)),
        ),
        "components": [_component(c, release) for c in a.controls],
        "back-matter": {"resources": [_resource(release, n) for n in ends]} if ends else None,
    })  # fmt: skip
    return _written("component-definition", body)


def _component(c: Control, release: Release) -> Plain:
    grouped: dict[str, list[Plain]] = {}
    for row in sorted(c.rows, key=lambda r: r.target):
        relation = word(row.mask)
        grouped.setdefault(prefix_of(row.target), []).append({
            "uuid": _uuid("implements", c.id, row.target),
            "control-id": token(row.target),
            "description": f"{_line(c.title) or c.id} {relation.replace('_', ' ')} {row.target}"
                           f" {_line(release.title(row.target))}".strip(),
            "props": [
                {"name": "implementation-status", "ns": NIST, "value": c.status.value},
                *_props(("curie", row.target), ("relation", relation), ("relation-stated", row.stated)),
            ],
        })  # fmt: skip
    return _filled({
        "uuid": _uuid("control", c.id),
        "type": "process-procedure",
        "title": _line(c.title) or c.id,
        "description": _text(c.description) or _line(c.title) or c.id,
        "props": [
            {"name": "implementation-status", "ns": NIST, "value": c.status.value},
            *_props(
                ("control-id", c.id), ("owner", c.owner), ("evidence-date", c.evidence_date),
                *(("evidence", "; ".join(str(x) for x in (e.id, e.kind, e.title, e.day, e.link) if x))
                  for e in c.evidence),
                *(("ai-system", s) for s in c.systems),
            ),
        ],
        "control-implementations": [
            {
                "uuid": _uuid("implementation", c.id, name),
                "source": f"#{_uuid('resource', name)}",
                "description": f"What it says of {_line(release.title(f'kgfw:{name}')) or name}",
                "implemented-requirements": said,
            }
            for name, said in sorted(grouped.items())
        ],
    })  # fmt: skip
