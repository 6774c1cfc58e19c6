"""RDF: Turtle, TriG, N-Quads and JSON-LD of a crosswalk, a mapping set, a framework or the whole graph.

In TriG, N-Quads and JSON-LD each mapping set is a named graph, in which its relations are plain triples too.  Turtle
holds one graph, where relations of sets that disagree must not meet: there a row of a crosswalk or of the whole graph
is only the node that carries its provenance; one set alone keeps its plain triples.

Every serialisation of a dataset holds the same quads; sorted, blank nodes named by RDFC-1.0, prefixes in order, so the
bytes depend on the answer alone.  The JSON-LD context is in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import pyoxigraph as ox

from kg.answers.crosswalk import Crosswalk
from kg.answers.listing import FrameworkListing, GraphListing, SetListing
from kg.errors import UsageError
from kg.exports.sssom import justification_of
from kg.exports.streamed import Rows, indented
from kg.model import Disclaimer, Mapping
from kg.rdf import link_quad, mapping_quads, set_quads
from kg.release import Release
from kg.terms import BASE, PREFIXES, iri, set_iri

__all__ = ["jsonld", "nquads", "quads_of", "trig", "turtle"]

_XSD = PREFIXES["xsd"]
_TYPE = PREFIXES["rdf"] + "type"
_CHUNK, _LINES = 1 << 16, 1_000


def quads_of(answer: Any, release: Release, *, one_graph: bool = False) -> list[ox.Quad]:
    """The quads of an answer, each once, in the order they are written.

    ``one_graph`` gives what Turtle holds: everything in the default graph, and no plain triple of a row where rows of
    several sets would meet.
    """
    found: set[Any] = set(_quads(answer, release))
    if one_graph:
        rows = () if isinstance(answer, SetListing) else _rows(answer)
        found.difference_update(q for m in rows for q in mapping_quads(m) if q.subject == _node(m.subject))
        merged: set[Any] = set()
        while found:
            merged.add(ox.Quad(*found.pop().triple))
        found = merged
    if any(isinstance(t, ox.BlankNode) for q in found for t in (q.subject, q.object)):
        named = ox.Dataset(found)
        named.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
        found = set(named)
    nodes: dict[tuple[str, bool, str], list[Any]] = {}
    while found:
        q = found.pop()
        graph = q.graph_name.value if isinstance(q.graph_name, ox.NamedNode) else ""
        nodes.setdefault((graph, isinstance(q.subject, ox.BlankNode), q.subject.value), []).append(q)
    # node by node, because the keys of all quads together take more room than the quads
    return [q for node in sorted(nodes) for q in sorted(nodes.pop(node), key=_key)]


def _key(q: Any) -> tuple[bool, str, str]:
    return (q.predicate.value != _TYPE, q.predicate.value, str(q.object))


def _rows(answer: Any) -> Iterable[Mapping]:
    if isinstance(answer, Crosswalk):
        return (r.row for r in answer.rows)
    return () if isinstance(answer, FrameworkListing) else answer.rows


def _quads(answer: Any, release: Release) -> Iterator[ox.Quad]:
    if isinstance(answer, GraphListing):
        yield from release.dataset
        yield from _about(ox.NamedNode(BASE + "releases/" + answer.release), "All of the release", answer, ())
        for m in answer.rows:
            yield from _provenance(m)
        return
    if isinstance(answer, FrameworkListing):
        yield from _framework(answer, release)
        return
    rows = list(_rows(answer))
    names = {m.set_id for m in rows}
    if isinstance(answer, SetListing):
        names.add(answer.set.id)
        about, title = ox.NamedNode(set_iri(answer.set.id)), ""
        yield from map(link_quad, answer.threat_links)
        yield from map(link_quad, answer.references)
    else:
        about = ox.NamedNode(f"{BASE}crosswalks/{answer.source}/{answer.target}")
        title = f"Crosswalk from {answer.sides[0].title} to {answer.sides[1].title}"
        yield ox.Quad(about, _node("dcterms:description"), ox.Literal(
            f"The direct rows between the two. {len(answer.derived)} relations that only follow from chains of rows are"
            f" left out: they are computed, not asserted. Method: {answer.method}.", language="en"))  # fmt: skip
        yield ox.Quad(about, _node("dcterms:valid"), ox.Literal(answer.as_of.isoformat(), datatype=_node("xsd:date")))
        for m in rows:
            yield ox.Quad(about, _node("dcterms:hasPart"), ox.NamedNode(f"{set_iri(m.set_id)}/{m.id}"))
    yield from _about(about, title, answer, sorted(names))
    for name in sorted(names):
        yield from set_quads(release.sets[name])
    for m in rows:
        yield from mapping_quads(m)
        yield from _provenance(m)
    for id_ in dict.fromkeys(end for m in rows for end in (m.subject, m.object)):
        if title := release.title(id_):
            yield ox.Quad(_node(id_), _node("dcterms:title"), ox.Literal(title, language="en"))


def _node(curie: str) -> ox.NamedNode:
    return ox.NamedNode(iri(curie))


def _about(about: ox.NamedNode, title: str, answer: Any, sets: Sequence[str]) -> Iterator[ox.Quad]:
    """The file as a whole: its release, the sets it draws on, and the cautions that travel with it."""
    yield ox.Quad(about, _node("owl:versionInfo"), ox.Literal(f"release {answer.release}"))
    if title:
        yield ox.Quad(about, _node("rdf:type"), _node("dcat:Dataset"))
        yield ox.Quad(about, _node("dcterms:title"), ox.Literal(title, language="en"))
        for name in sets:
            yield ox.Quad(about, _node("dcterms:source"), ox.NamedNode(set_iri(name)))
    yield from _cautions(about, answer.disclaimers)


def _cautions(about: ox.NamedNode, disclaimers: Iterable[Disclaimer]) -> Iterator[ox.Quad]:
    for d in disclaimers:
        said = f"{d.text} ({d.basis})" if d.basis else d.text
        yield ox.Quad(about, _node("dcterms:rights"), ox.Literal(said, language="en"))


def _provenance(m: Mapping) -> Iterator[ox.Quad]:
    """What the release's own dataset leaves out of a row: who, when, on which texts, from where."""
    graph = ox.NamedNode(set_iri(m.set_id))
    row = ox.NamedNode(f"{set_iri(m.set_id)}/{m.id}")
    values: list[tuple[str, ox.NamedNode | ox.Literal]] = [
        ("dcterms:identifier", ox.Literal(m.id)),
        ("sssom:mapping_source", graph),
        ("sssom:mapping_justification", _node(justification_of(m))),
    ]
    if m.date:
        values.append(("dcterms:created", ox.Literal(m.date.isoformat(), datatype=_node("xsd:date"))))
    values += [("sssom:reviewer_id", ox.Literal(r)) for r in m.reviewers]
    for name, said in (
        ("sssom:subject_source_version", m.subject_version),
        ("sssom:object_source_version", m.object_version),
        ("dcterms:source", m.citation),
    ):
        if said:
            values.append((name, ox.Literal(said)))
    if m.note:
        values.append(("rdfs:comment", ox.Literal(m.note, language="en")))
    for name, value in values:
        yield ox.Quad(row, _node(name), value, graph)


def _framework(answer: FrameworkListing, release: Release) -> Iterator[ox.Quad]:
    """What the ontology says of the framework and its nodes, and of the rules and threats that they name."""
    about = _node(f"kgfw:{answer.framework.id}")
    ids = [*(p.id for p in answer.provisions), *(c.id for c in answer.controls), *(j.id for j in answer.joints)]
    waiting: list[Any] = [about, *map(_node, ids)]
    named = {_node(i) for i in (*release.rules, *release.threats)}
    store, seen = release.dataset, set()
    while waiting:
        subject = waiting.pop()
        if subject in seen:
            continue
        seen.add(subject)
        for q in store.quads_for_pattern(subject, None, None, ox.DefaultGraph()):
            yield q
            if isinstance(q.object, ox.BlankNode) or q.object in named:
                waiting.append(q.object)
    file = ox.NamedNode(f"{BASE}releases/{answer.release}/{answer.framework.id}")
    yield ox.Quad(file, _node("dcterms:subject"), about)
    yield from _about(file, answer.framework.title, answer, ())


# ---------------------------------------------------------------- the four serialisations


def _one(answers: Sequence[Any]) -> Any:
    if len(answers) != 1:
        raise UsageError("one RDF file holds one answer", "ask for one at a time")
    return answers[0]


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


def _used(quads: Iterable[ox.Quad]) -> dict[str, str]:
    """The prefixes of the namespaces that occur."""
    said = {t.value for q in quads for t in (q.subject, q.predicate, q.object) if isinstance(t, ox.NamedNode)}
    said |= {q.object.datatype.value for q in quads if isinstance(q.object, ox.Literal)}
    heads = {s[: max(s.rfind("/"), s.rfind("#")) + 1] for s in said}
    return {p: n for p, n in sorted(PREFIXES.items()) if n in heads}


def _serialised(quads: Iterable[Any], format_: ox.RdfFormat, prefixes: dict[str, str]) -> bytes:
    """What pyoxigraph writes, with the prefixes in order: it keeps them in none."""
    data = ox.serialize(quads, format=format_, prefixes=prefixes) or b""
    start = 0
    while data.startswith(b"@prefix ", start):
        start = data.index(b"\n", start) + 1
    head = "".join(f"@prefix {p}: <{n}> .\n" for p, n in prefixes.items())
    return head.encode() + data[start:]


def turtle(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """One graph as Turtle."""
    quads = quads_of(_one(answers), release, one_graph=True)
    return _chunks(_serialised((q.triple for q in quads), ox.RdfFormat.TURTLE, _used(quads)))


def trig(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The dataset as TriG."""
    quads = quads_of(_one(answers), release)
    return _chunks(_serialised(quads, ox.RdfFormat.TRIG, _used(quads)))


def nquads(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The dataset as N-Quads."""
    quads = quads_of(_one(answers), release)
    return (
        ox.serialize(quads[start : start + _LINES], format=ox.RdfFormat.N_QUADS) or b""
        for start in range(0, len(quads), _LINES)
    )


def jsonld(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The dataset as JSON-LD 1.1, flattened: one object for each node of each graph, ids as CURIEs."""
    quads = quads_of(_one(answers), release)
    prefixes = _used(quads)
    short = _Shortener(prefixes)
    graph: list[Any] = []
    for name, mine in groupby(quads, key=lambda q: q.graph_name):
        if isinstance(name, ox.NamedNode):
            graph.append({"@id": short(name), "@graph": Rows(partial(_objects, short, list(mine)))})
        else:
            graph += _objects(short, mine)
    yield from indented({"@context": prefixes, "@graph": graph})
    yield b"\n"


class _Shortener:
    """IRIs as CURIEs of the prefixes given, where a JSON-LD processor expands them to the same."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        self._by_namespace = {n: p for p, n in prefixes.items()}

    def __call__(self, node: Any) -> str:
        if isinstance(node, ox.BlankNode):
            return f"_:{node.value}"
        value: str = node.value
        cut = max(value.rfind("/"), value.rfind("#")) + 1
        prefix = self._by_namespace.get(value[:cut])
        local = value[cut:]
        return f"{prefix}:{local}" if prefix and local else value


def _objects(short: _Shortener, quads: Iterable[ox.Quad]) -> Iterator[dict[str, Any]]:
    return (_object(short, subject, list(said)) for subject, said in groupby(quads, key=lambda q: q.subject))


def _object(short: _Shortener, subject: Any, quads: Sequence[ox.Quad]) -> dict[str, Any]:
    found: dict[str, Any] = {"@id": short(subject)}
    for predicate, said in groupby(quads, key=lambda q: q.predicate):
        if predicate.value == _TYPE:
            found["@type"] = [short(q.object) for q in said]
        else:
            values = [_value(short, q.object) for q in said]
            found[short(predicate)] = values[0] if len(values) == 1 else values
    return found


def _value(short: _Shortener, term: Any) -> Any:
    if not isinstance(term, ox.Literal):
        return {"@id": short(term)}
    if term.language:
        return {"@value": term.value, "@language": term.language}
    kind = term.datatype.value
    if kind == _XSD + "string":
        return term.value
    if (kind == _XSD + "boolean" and term.value in ("true", "false")) or (
        kind == _XSD + "integer" and term.value.lstrip("-").isdigit() and str(int(term.value)) == term.value
        and abs(int(term.value)) < 2**53
    ):  # fmt: skip
        return json.loads(term.value)
    return {"@value": term.value, "@type": short(term.datatype)}
