"""The release as an RDF dataset, and read-only SPARQL over it.

The ontology and the catalogues stand in the default graph; each mapping set is a named graph of its own, because set
relations of disagreeing sets must not meet in one graph; so is each table of classified incidents, because its data are
another's, under a licence of their own.  A row is both a plain triple (``iso42001:A.6.2.4
kg:intersects_with nist-ai-rmf:MEASURE-2.7``) and a node of class ``kg:Mapping`` that carries its provenance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyoxigraph as ox

from kg.errors import KgError
from kg.model import (
    Classification,
    ClassificationSet,
    Incident,
    LegalReference,
    Mapping,
    MappingSet,
    Provision,
    ThreatLink,
)
from kg.release import Release
from kg.sources import builtin_data
from kg.sources.sssom import predicate_of
from kg.terms import PREFIXES, iri, set_iri

__all__ = ["SparqlError", "dataset", "link_quad", "mapping_quads", "nquads", "query", "set_quads"]


class SparqlError(KgError):
    """A query that cannot be run: it does not parse, or asks for more than reading."""

    code = "BAD_QUERY"


def _node(curie: str) -> ox.NamedNode:
    return ox.NamedNode(iri(curie))


def _text(value: str) -> ox.Literal:
    return ox.Literal(value, language="en")


def dataset(release: Release) -> ox.Store:
    """Load the release into an in-memory store."""
    store = ox.Store()
    for folder in (builtin_data(), *release.folders):
        for path in sorted((folder / "ontologies").rglob("*.ttl")):
            store.bulk_load(path=str(path), format=ox.RdfFormat.TURTLE)
    store.bulk_extend(_quads(release, store))
    return store


def _quads(release: Release, store: ox.Store) -> Iterator[ox.Quad]:
    for s in release.sets.values():
        yield from set_quads(s)
    for m in release.mappings:
        yield from mapping_quads(m)
    yield from map(link_quad, release.threat_links)
    yield from map(link_quad, release.references)
    for table in release.classification_sets.values():
        yield from _table(table)
    for c in release.classifications.values():
        yield from _classification(c, release.known_by_number.get(c.incident))
    known = _node("kg:Provision")
    for p in release.provisions.values():
        if ox.Quad(_node(p.id), _node("rdf:type"), known) not in store:
            yield from _provision(release, p)


def set_quads(s: MappingSet) -> Iterator[ox.Quad]:
    """What is said of a mapping set, in the default graph."""
    about = ox.NamedNode(set_iri(s.id))
    yield ox.Quad(about, _node("rdf:type"), _node("kg:MappingSet"))
    for key, value in (
        ("dcterms:title", _text(s.title)),
        ("dcterms:license", ox.Literal(s.licence)),
        ("dcterms:description", _text(s.description)),
        ("dcterms:publisher", _text(s.publisher)),
        ("kg:authority", _node(f"kg:authority-{s.authority.value}")),
    ):
        if value.value:
            yield ox.Quad(about, _node(key), value)


def mapping_quads(m: Mapping) -> Iterator[ox.Quad]:
    """A row in the graph of its set: the plain triple (no relationship is never one) and the node that carries its
    provenance."""
    graph = ox.NamedNode(set_iri(m.set_id))
    row = ox.NamedNode(f"{set_iri(m.set_id)}/{m.id}")
    predicate, modifier = predicate_of(m.relation)
    if not modifier:
        yield ox.Quad(_node(m.subject), _node(predicate), _node(m.object), graph)
    values: list[tuple[str, Any]] = [
        ("rdf:type", _node("kg:Mapping")),
        ("sssom:subject_id", _node(m.subject)),
        ("sssom:predicate_id", _node(predicate)),
        ("sssom:object_id", _node(m.object)),
        ("kg:relation", ox.Literal(m.relation)),
        ("kg:rationale_kind", ox.Literal(m.rationale_kind.value)),
        ("kg:method", ox.Literal(m.method.value)),
        ("kg:reviewed", ox.Literal(m.reviewed)),
    ]
    if modifier:
        values.append(("sssom:predicate_modifier", ox.Literal(modifier)))
    if m.rationale:
        values.append(("kg:rationale", _text(m.rationale)))
    if m.strength is not None:
        values.append(("kg:strength", ox.Literal(m.strength)))
    if m.confidence is not None:
        values.append(("sssom:confidence", ox.Literal(m.confidence)))
    for key, value in values:
        yield ox.Quad(row, _node(key), value, graph)


def link_quad(link: ThreatLink | LegalReference) -> ox.Quad:
    """A link to a threat, or one provision naming another, in the graph of its set."""
    if isinstance(link, ThreatLink):
        said = (link.threat, link.relation.value, link.target)
    else:
        said = (link.subject, link.kind, link.object)
    return ox.Quad(_node(said[0]), _node(f"kg:{said[1]}"), _node(said[2]), ox.NamedNode(set_iri(link.set_id)))


def _table(table: ClassificationSet) -> Iterator[ox.Quad]:
    about = ox.NamedNode(table.id)
    yield ox.Quad(about, _node("rdf:type"), _node("dcat:Dataset"))
    for key, value in (
        ("dcterms:title", _text(table.title)),
        ("dcterms:license", ox.NamedNode(table.licence) if table.licence.startswith("http") else _text(table.licence)),
        ("dcterms:rightsHolder", _text(table.attribution)),
        ("dcterms:source", _text(table.origin)),
    ):
        yield ox.Quad(about, _node(key), value)


def _classification(c: Classification, case: Incident | None) -> Iterator[ox.Quad]:
    """A row of the table and, where nothing else in the graph speaks of it, the ``case`` that it is about."""
    graph, row, about = ox.NamedNode(c.set_id), ox.NamedNode(f"{c.set_id}/{c.number}"), _node(c.incident)
    for key, value in (
        ("rdf:type", _node("kg:Classification")),
        ("kg:incident", about),
        ("kg:subdomain", _node(c.subdomain)),
        ("kg:entity", ox.Literal(c.entity)),
        ("kg:timing", ox.Literal(c.timing)),
        ("kg:intent", ox.Literal(c.intent)),
    ):
        yield ox.Quad(row, _node(key), value, graph)
    if case is not None:
        yield ox.Quad(about, _node("rdf:type"), _node("kg:NumberedIncident"), graph)
        yield ox.Quad(about, _node("kg:number"), ox.Literal(case.number), graph)
        yield ox.Quad(about, _node("rdfs:seeAlso"), ox.NamedNode(case.url), graph)
        if case.date:
            yield ox.Quad(about, _node("dcterms:date"), ox.Literal(case.date), graph)


def _provision(release: Release, p: Provision) -> Iterator[ox.Quad]:
    """A provision that came from a plain node list and so stands in no Turtle file."""
    about = _node(p.id)
    for key, value in (
        ("rdf:type", _node("kg:Provision")),
        ("kg:framework", _node(f"kgfw:{p.framework}")),
        ("kg:kind", ox.Literal(p.kind)),
        ("skos:notation", ox.Literal(p.ref)),
        ("dcterms:title", _text(p.title)),
        ("kg:summary", _text(p.summary)),
        ("kg:assessable", ox.Literal(p.assessable)),
    ):
        yield ox.Quad(about, _node(key), value)
    if whole := release.whole(p.id):
        yield ox.Quad(about, _node("kg:allOfPartOf"), _node(whole))


def nquads(release: Release) -> str:
    """The whole dataset as sorted N-Quads, byte-stable for one release (blank nodes named by RDFC-1.0)."""
    quads = ox.Dataset(release.dataset)
    quads.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    data = ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b""
    return "".join(sorted(data.decode().splitlines(keepends=True)))


#: Strings, IRIs, comments and variables, which may hold anything; and prefixed names.
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\''
    r'|<[^<>"{}|^`\\\s]*>|#[^\n]*|[?$]\w+|(?P<prefix>[\w.-]*:)(?P<local>(?:(?:[\w:%]|\\.)(?:(?:[\w.:%-]|\\.)*(?:[\w:%-]|\\.))?)?)'
    r"|\\.",
    re.S,
)
_SERVICE = re.compile(r"\bSERVICE\b", re.IGNORECASE)


def _escaped(token: re.Match[str]) -> str:
    """A prefixed name with its inner dots escaped: the parser stumbles over names with several (``art-32.1.a``)."""
    if token["prefix"] is None or token["prefix"] == "_:":
        return token[0]
    return token["prefix"] + re.sub(r"(?<!\\)\.", r"\.", token["local"])


def query(release: Release, text: str) -> Any:
    """Run a SPARQL 1.1 query over the union of all graphs; the project's prefixes are known without being declared.

    Returns pyoxigraph's solutions, boolean or triples.  Raises :class:`SparqlError` for what does not parse and for
    ``SERVICE``; updates do not parse as queries.
    """
    if _SERVICE.search(_TOKEN.sub(" ", text)):
        raise SparqlError("SERVICE is refused", "this graph is read alone; no other endpoint is asked")
    try:
        return release.dataset.query(_TOKEN.sub(_escaped, text), prefixes=PREFIXES, use_default_graph_as_union=True)
    except OSError as error:
        raise SparqlError("the query asks for something outside this graph", str(error)) from None
    except SyntaxError as error:
        hint = "known prefixes: " + ", ".join(PREFIXES)
        raise SparqlError(f"the query does not parse: {error.msg or error}", hint) from None
