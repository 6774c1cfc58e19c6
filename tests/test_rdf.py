"""The RDF dataset and read-only SPARQL over it."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from kg import Release
from kg.rdf import SparqlError, nquads, query
from kg.terms import set_iri


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?o.SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        "SELECT * { ?s ?p 1.SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        "SELECT * { ?s ?p kg:.SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        "SELECT * { ?s ?p 'a'.service silent <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        "SELECT * { ?s ?p <http://a>.SERVICE ?x { ?s ?p ?o } }",
        r"SELECT * { OPTIONAL { ?s ?p gdpr:x\# } SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
        r"SELECT * { ?s ?p gdpr:x\' } SERVICE <http://127.0.0.1:9/x> { ?s ?p 'a' }",
        "SELECT * { # a comment\nSERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    ],
)
def test_no_other_endpoint_is_ever_asked(release: Release, text: str) -> None:
    with pytest.raises(SparqlError, match="SERVICE is refused"):
        query(release, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT ?service { ?service a kg:Threat } LIMIT 1",
        'SELECT * { ?s dcterms:title "SERVICE"@en } LIMIT 1',
        "SELECT * { ?s ?p kg:service.SERVICE } LIMIT 1",
        "ASK { ?s ?p <http://example.com/SERVICE> } # SERVICE",
    ],
)
def test_the_word_alone_is_no_offence(release: Release, text: str) -> None:
    query(release, text)


def test_names_with_several_dots_are_read(release: Release) -> None:
    for text in (
        "ASK { gdpr:art-32.1.a a kg:Provision }",
        "ASK { ?s kg:allOfPartOf gdpr:art-32.1. ?s skos:notation 'Article 32(1)(a)' }",
        "ASK { iso42001:A.6.2.4 dcterms:title ?t FILTER(STR(?t) != 'gdpr:art-1.2.3') }",
    ):
        assert query(release, text), text


@pytest.mark.parametrize("text", ["DELETE WHERE { ?s ?p ?o }", "LOAD <http://127.0.0.1:9/x>", "SELECT"])
def test_what_is_no_query_is_one_clear_error(release: Release, text: str) -> None:
    with pytest.raises(SparqlError, match="does not parse"):
        query(release, text)


def test_each_mapping_set_is_a_graph_of_its_own(release: Release) -> None:
    graphs = {g.value for g in release.dataset.named_graphs() if isinstance(g, ox.NamedNode)}
    assert {set_iri(m.set_id) for m in release.mappings} <= graphs


def test_the_rows_in_the_dataset_are_the_rows_of_the_release(release: Release) -> None:
    found = query(
        release,
        "SELECT ?s ?relation ?o { ?r a kg:Mapping; sssom:subject_id ?s; kg:relation ?relation; sssom:object_id ?o }",
    )
    assert len(list(found)) == len(release.mappings)


def test_the_dump_is_stable_and_parses(release: Release) -> None:
    text = nquads(release)
    assert text == nquads(Release.load())
    assert sum(1 for _ in ox.parse(text, format=ox.RdfFormat.N_QUADS)) == len(release.dataset)
