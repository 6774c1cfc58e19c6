"""What the release says of one IRI, as RDF: the document behind every address of the linked data.

A description holds the statements whose subject is the IRI (and, from there, those of blank nodes) and, from the graphs
of the mapping sets, the rows and links that name it.  An IRI with a fragment is described in the document of its
namespace: ``…/ontology#Provision`` in ``…/ontology``.  The description of a mapping set is its whole graph.

Formats with named graphs (JSON-LD, TriG, N-Quads) say which set each statement is from.  In those with one graph
(Turtle, N-Triples, RDF/XML, and the table) the bare set relations of a node are left to its rows, which name their set:
statements of sets that disagree must not meet in one graph.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, KeysView, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

import orjson
import pyoxigraph as ox

from kg.relations import RELATIONS
from kg.terms import BASE, KG, PREFIXES, iri

if TYPE_CHECKING:
    from kg.release import Release

__all__ = ["CONTEXT", "FORMATS", "NAMES", "Description", "describe", "document_of", "documents", "serialize", "short"]

#: Ending → media type, the one given where a client takes anything first.
FORMATS = {
    "ttl": "text/turtle",
    "jsonld": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "nq": "application/n-quads",
    "trig": "application/trig",
    "csv": "text/csv",
}
#: Prefix → namespace in what is written here: those of the project and of the words of catalogues.
NAMES: dict[str, str] = {
    **PREFIXES,
    "foaf": "http://xmlns.com/foaf/0.1/",
    "format": "http://www.w3.org/ns/formats/",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "void": "http://rdfs.org/ns/void#",
}
#: The JSON-LD context.  It stands in each document, so that nothing has to be fetched.
CONTEXT: dict[str, str] = dict(sorted(NAMES.items()))

_TYPE = PREFIXES["rdf"] + "type"
_XSD_STRING = PREFIXES["xsd"] + "string"
#: The document of everything in the default graph that has no address here: declarations of terms of others.
_ONTOLOGY = KG.removesuffix("#")
_SET_RELATIONS = frozenset(KG + name for name in RELATIONS)
#: By what a row names what it is about.
_ROW_ENDS = tuple(ox.NamedNode(iri(each)) for each in ("sssom:subject_id", "sssom:object_id", "kg:incident"))
_MAPPING = ox.NamedNode(iri("kg:Mapping"))
_ROW_CLASSES = frozenset((_MAPPING, ox.NamedNode(iri("kg:Classification"))))


@dataclass(frozen=True, slots=True)
class Description:
    """What the release says of ``iri``: ``quads`` in reading order, what it is about first; blank nodes have names that
    are the same each time."""

    iri: str
    quads: tuple[ox.Quad, ...]

    @property
    def triples(self) -> tuple[ox.Triple, ...]:
        """The statements that may stand in one graph (see the head of this module)."""
        own = ox.NamedNode(self.iri)
        kept = (
            q.triple
            for q in self.quads
            if isinstance(q.graph_name, ox.DefaultGraph)
            or q.graph_name == own
            or q.predicate.value not in _SET_RELATIONS
        )
        return tuple(dict.fromkeys(kept))


def document_of(value: str) -> str:
    """The IRI of the document that describes an IRI.

    >>> document_of("https://w3id.org/aigov-kg/ontology#Provision")
    'https://w3id.org/aigov-kg/ontology'
    """
    return urldefrag(value).url if value.startswith(BASE) else _ONTOLOGY


def documents(release: Release) -> KeysView[str]:
    """The IRIs of all documents about what the release has something to say of."""
    return _index(release).keys()


def _index(release: Release) -> dict[str, list[str]]:
    """Document → the subjects described in it."""

    def make() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        subjects = {q.subject.value for q in release.dataset if isinstance(q.subject, ox.NamedNode)}
        named = {q.object.value for q in release.dataset if isinstance(q.object, ox.NamedNode)}
        for subject in sorted(subjects):
            found.setdefault(document_of(subject), []).append(subject)
        for value in sorted(named - subjects):  # named, and nothing more: who names it is what there is to say
            if value.startswith(BASE) and document_of(value) == value:
                found.setdefault(value, [])
        return found

    index: dict[str, list[str]] = release.cache("linked.index", make)
    return index


def describe(release: Release, value: str) -> Description | None:
    """The document of an IRI of the release; ``None`` where it says nothing of it."""
    document = document_of(value)
    subjects = _index(release).get(document)
    if subjects is None:
        return None
    store, here = release.dataset, ox.NamedNode(document)
    found: dict[ox.Quad, None] = {}

    def add(quads: Iterable[ox.Quad]) -> None:
        for quad in quads:
            if quad not in found:
                found[quad] = None
                if isinstance(quad.object, ox.BlankNode):
                    add(store.quads_for_pattern(quad.object, None, None, quad.graph_name))

    for subject in subjects:
        add(store.quads_for_pattern(ox.NamedNode(subject), None, None))
    if store.contains_named_graph(here):
        add(store.quads_for_pattern(None, None, None, here))
    elif document != _ONTOLOGY:
        add(_said(store, here))
        if not found:
            add(store.quads_for_pattern(None, None, here))
    return Description(document, _ordered(document, found))


def _said(store: ox.Store, here: ox.NamedNode) -> Iterator[ox.Quad]:
    """What the graphs of the sets say of a node: whole rows; links; and, of a row, the relation it states."""
    for quad in store.quads_for_pattern(None, None, here):
        if isinstance(quad.graph_name, ox.DefaultGraph):
            continue
        if quad.predicate in _ROW_ENDS:
            yield from store.quads_for_pattern(quad.subject, None, None, quad.graph_name)
        elif not _is_row(store, quad.subject, quad.graph_name):
            yield quad
    for quad in store.quads_for_pattern(here, ox.NamedNode(_TYPE), None):
        if quad.object == _MAPPING:
            subject, predicate, object_ = (
                _one(store, here, each, quad.graph_name) for each in ("subject_id", "predicate_id", "object_id")
            )
            yield from store.quads_for_pattern(subject, predicate, object_, quad.graph_name)


def _is_row(store: ox.Store, node: Any, graph: Any) -> bool:
    return any(q.object in _ROW_CLASSES for q in store.quads_for_pattern(node, ox.NamedNode(_TYPE), None, graph))


def _one(store: ox.Store, row: ox.NamedNode, name: str, graph: Any) -> Any:
    return next(iter(store.quads_for_pattern(row, ox.NamedNode(iri(f"sssom:{name}")), None, graph))).object


def _ordered(document: str, found: Iterable[ox.Quad]) -> tuple[ox.Quad, ...]:
    quads = list(found)
    if any(isinstance(q.object, ox.BlankNode) for q in quads):
        canonical = ox.Dataset(quads)
        canonical.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
        quads = list(canonical)

    def key(q: ox.Quad) -> tuple[Any, ...]:
        graph = "" if isinstance(q.graph_name, ox.DefaultGraph) else q.graph_name.value
        subject, predicate = str(q.subject), q.predicate.value
        first = q.subject != ox.NamedNode(document)
        return graph, first, subject, predicate != _TYPE, predicate, str(q.object)

    return tuple(sorted(quads, key=key))


# ---------------------------------------------------------------- writing


def serialize(description: Description, format_: str) -> bytes:
    """A description in one of :data:`FORMATS`, byte for byte the same each time."""
    if format_ == "jsonld":
        return _jsonld(description.quads)
    if format_ == "csv":
        return _table(description)
    if format_ in ("nq", "trig"):
        return _written(description.quads, ox.RdfFormat.N_QUADS if format_ == "nq" else ox.RdfFormat.TRIG)
    kinds = {"ttl": ox.RdfFormat.TURTLE, "nt": ox.RdfFormat.N_TRIPLES, "rdf": ox.RdfFormat.RDF_XML}
    return _written(description.triples, kinds[format_])


def _written(statements: Sequence[ox.Quad] | Sequence[ox.Triple], form: ox.RdfFormat) -> bytes:
    if form in (ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS):
        return b"".join(sorted((ox.serialize(statements, format=form) or b"").splitlines(keepends=True)))
    known = {value for q in statements for value in _iris(q)}
    used = {p: ns for p, ns in NAMES.items() if any(value.startswith(ns) for value in known)}
    text = (ox.serialize(statements, format=form, prefixes=used) or b"").decode()
    # the library writes the prefixes in an order of chance
    if form == ox.RdfFormat.RDF_XML:
        head, _, rest = text.partition("<rdf:RDF ")
        names, _, rest = rest.partition(">")
        return f"{head}<rdf:RDF {' '.join(sorted(names.split(' ')))}>{rest}".encode()
    lines = text.splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("@prefix ")), len(lines))
    return "".join([*sorted(lines[:count]), "\n", *lines[count:]]).encode()


def _iris(q: ox.Quad | ox.Triple) -> Iterator[str]:
    for term in (q.subject, q.predicate, q.object):
        if isinstance(term, ox.NamedNode):
            yield term.value
        elif isinstance(term, ox.Literal):
            yield term.datatype.value
    if isinstance(q, ox.Quad) and isinstance(q.graph_name, ox.NamedNode):
        yield q.graph_name.value


@cache
def short(value: str) -> str:
    """An IRI by its prefix in :data:`CONTEXT`, the longest namespace first; one without a prefix comes back unchanged.

    >>> short("https://w3id.org/aigov-kg/mappings/aisb-gdpr")
    'kgset:aisb-gdpr'
    """
    best = max((p for p, ns in NAMES.items() if value.startswith(ns)), key=lambda p: len(NAMES[p]), default="")
    local = value[len(NAMES[best]) :] if best else ""
    return f"{best}:{local}" if local and not local.startswith("//") else value


def _jsonld_value(term: Any) -> dict[str, Any]:
    if isinstance(term, ox.NamedNode):
        return {"@id": short(term.value)}
    if isinstance(term, ox.BlankNode):
        return {"@id": str(term)}
    if term.language:
        return {"@value": term.value, "@language": term.language}
    if term.datatype.value == _XSD_STRING:
        return {"@value": term.value}
    return {"@value": term.value, "@type": short(term.datatype.value)}


def _jsonld_nodes(quads: Iterable[ox.Quad]) -> list[dict[str, Any]]:
    nodes: dict[str, dict[str, Any]] = {}
    for q in quads:
        name = short(q.subject.value) if isinstance(q.subject, ox.NamedNode) else str(q.subject)
        node = nodes.setdefault(name, {"@id": name})
        if q.predicate.value == _TYPE and isinstance(q.object, ox.NamedNode):
            node.setdefault("@type", []).append(short(q.object.value))
        else:
            node.setdefault(short(q.predicate.value), []).append(_jsonld_value(q.object))
    return list(nodes.values())


def _jsonld(quads: Sequence[ox.Quad]) -> bytes:
    graphs: dict[str, list[ox.Quad]] = {"": []}
    for q in quads:
        graphs.setdefault("" if isinstance(q.graph_name, ox.DefaultGraph) else q.graph_name.value, []).append(q)
    content: list[Any] = _jsonld_nodes(graphs.pop(""))
    content += [{"@id": short(name), "@graph": _jsonld_nodes(inside)} for name, inside in graphs.items()]
    document = {"@context": CONTEXT, "@graph": content}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _table(description: Description) -> bytes:
    """One row a statement."""
    from kg.exports.csv import neutral

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("subject", "predicate", "object", "language", "datatype"))
    for t in description.triples:
        subject, object_ = t.subject, t.object
        language = datatype = ""
        if isinstance(object_, ox.Literal):
            said, language = object_.value, object_.language or ""
            datatype = "" if language else short(object_.datatype.value)
        else:
            said = short(object_.value) if isinstance(object_, ox.NamedNode) else str(object_)
        about = short(subject.value) if isinstance(subject, ox.NamedNode) else str(subject)
        writer.writerow(neutral(cell) for cell in (about, short(t.predicate.value), said, language, datatype))
    return out.getvalue().encode()
