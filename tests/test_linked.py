"""Linked data: every IRI answers in every form, and together the answers are the dataset."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyoxigraph as ox
import pytest
import rdflib
import rdflib.compare
from fastapi.testclient import TestClient
from pyshacl import validate

from api.app import create_app
from api.linked import MEDIA_TYPES
from kg import Release
from kg.catalogue import CATALOGUE, CROSSWALKS, DATASET, SPARQL, VOID
from kg.exports.formats import formats_of_set
from kg.linked import FORMATS, describe, document_of, documents, serialize
from kg.relations import RELATIONS
from kg.sources import builtin_data
from kg.terms import BASE, KG, iri

ROOT = builtin_data()
# rdflib warns of its own use of what it will drop
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
_RDF = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
    "nq": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
}
#: The forms that say which graph a statement is in.
_NAMED = ("jsonld", "nq", "trig")
#: One of each kind of thing.
SOME = (
    "gdpr/art-32.1.a", "iso42001/A.6.2.4", "nist-ai-rmf/GOVERN-1.1", "eu-ai-act/annex-IV.2.b", "aisb/DAT-01",
    "aisb/JOINT-42", "threat/model-extraction", "nist-aml/NISTAML.031", "atlas/AML.T0051.001", "aiid/6", "aiid/665",
    "mappings/finos-air-eu-ai-act", "frameworks/gdpr", "frameworks/aisb", "ontology", "shapes", "mit-ai-risk/7.3",
    "vocabulary/fact-automated-decisions", "void", "catalogue", "sparql",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(release: Release) -> Iterator[TestClient]:
    with TestClient(create_app(release), follow_redirects=False) as found:
        yield found


Get = Callable[..., httpx.Response]


@pytest.fixture
def get(client: TestClient) -> Get:
    return lambda path, accept=None, **headers: client.get(
        path, headers={**({"Accept": accept} if accept else {}), **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def named(quads: Any) -> set[ox.Quad]:
    """The quads without blank nodes."""
    return {q for q in quads if not isinstance(q.subject, ox.BlankNode) and not isinstance(q.object, ox.BlankNode)}


# ---------------------------------------------------------------- every IRI


async def _ask(app: Any, path: str, accept: str) -> tuple[int, bytes]:
    """One GET without a client's layers, which take longer than the answer."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"accept", accept.encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "server": ("localhost", 80), "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


def test_every_iri_answers_and_together_the_answers_are_the_dataset(release: Release) -> None:
    """Every subject of the dataset is asked for at the application; nothing is missing and nothing is made up."""
    subjects = {q.subject.value for q in release.dataset if isinstance(q.subject, ox.NamedNode)}
    asked = sorted({document_of(s) for s in subjects})
    assert len(asked) > 7000
    app = create_app(release)

    async def walk() -> None:
        quads: set[ox.Quad] = set()
        spoken_of: set[str] = set()
        for document in asked:
            status, body = await _ask(app, f"/id/{document.removeprefix(BASE)}", "application/n-quads")
            assert status == 200, document
            parsed = list(ox.parse(body, format=ox.RdfFormat.N_QUADS))
            about = {q.subject.value for q in parsed if isinstance(q.subject, ox.NamedNode)}
            assert document in about or any(s.startswith(document + "#") for s in about), document
            spoken_of |= about
            quads.update(parsed)
        assert subjects <= spoken_of
        assert named(quads) == named(release.dataset)

    asyncio.run(walk())


def _bare(statements: Any) -> list[ox.Quad]:
    """Statements without the graphs they are in."""
    return [ox.Quad(s.subject, s.predicate, s.object) for s in statements]


@pytest.mark.parametrize("ending", [each for each in _RDF if each != "nq"])
def test_every_description_is_the_same_in_every_form(release: Release, ending: str) -> None:
    """N-Triples of every document, which together are the statements of the dataset; every sixth in the other forms."""
    everything: set[ox.Quad] = set()
    step = 1 if ending == "nt" else 6
    for document in sorted(documents(release))[list(_RDF).index(ending) % step :: step]:
        found = describe(release, document)
        assert found is not None
        expected = found.quads if ending in _NAMED else _bare(found.triples)
        parsed = list(ox.parse(serialize(found, ending), format=_RDF[ending]))
        assert named(parsed) == named(expected), document
        assert len(parsed) == len(set(expected)) > 0, document
        everything |= named(parsed)
    if step == 1:
        assert everything == named(_bare(release.dataset))


@pytest.mark.parametrize("path", SOME)
def test_each_kind_of_thing_answers_in_each_form_by_header_and_by_ending(path: str, get: Get) -> None:
    sizes = {}
    for ending, media in MEDIA_TYPES.items():
        answer, same = get(f"/id/{path}", media), get(f"/id/{path}.{ending}")
        assert answer.status_code == same.status_code == 200
        assert answer.content == same.content
        assert answer.headers["Content-Type"].partition(";")[0] == media
        assert answer.headers["Content-Location"] == f"/id/{path}.{ending}"
        assert "Content-Location" not in same.headers
        if ending in _RDF:
            sizes[ending] = len(list(ox.parse(answer.content, format=_RDF[ending], base_iri="http://base.invalid/")))
        elif ending == "csv":
            rows = list(csv.reader(io.StringIO(answer.text)))
            assert {len(row) for row in rows} == {5}
            sizes["csv"] = len(rows) - 1
        else:
            assert f"{BASE}{path}" in answer.text
    assert sizes["ttl"] == sizes["nt"] == sizes["rdf"] == sizes["csv"] > 0
    assert sizes["jsonld"] == sizes["nq"] == sizes["trig"] >= sizes["ttl"]


@pytest.mark.parametrize("path", ["gdpr/art-32.1.a", "aisb/DAT-01", "ontology", "mappings/cosai-rm-atlas", "catalogue"])
def test_another_library_reads_the_same(path: str, get: Get) -> None:
    graphs = {}
    for ending, name in (("ttl", "turtle"), ("nt", "nt"), ("rdf", "xml")):
        graphs[ending] = rdflib.Graph().parse(data=get(f"/id/{path}.{ending}").text, format=name)
    assert rdflib.compare.isomorphic(graphs["ttl"], graphs["nt"])
    assert rdflib.compare.isomorphic(graphs["ttl"], graphs["rdf"])
    together = {}
    for ending, name in (("jsonld", "json-ld"), ("trig", "trig"), ("nq", "nquads")):
        dataset = rdflib.Dataset()
        dataset.parse(data=get(f"/id/{path}.{ending}").text, format=name)
        together[ending] = {
            (s, p, o, str(g))
            for s, p, o, g in dataset.quads()
            if not isinstance(s, rdflib.BNode) and not isinstance(o, rdflib.BNode)
        }
    assert together["jsonld"] == together["trig"] == together["nq"]


def test_relations_of_sets_that_disagree_never_meet_in_one_graph(release: Release) -> None:
    relations = {KG + name for name in RELATIONS}
    for id_ in ("gdpr:art-32.1.a", "iso42001:A.6.2.4", "nist-ai-rmf:GOVERN-1.1"):
        found = describe(release, iri(id_))
        assert found is not None
        assert any(q.predicate.value in relations for q in found.quads)
        assert not any(t.predicate.value in relations for t in found.triples)
        graphs = [q.graph_name for q in found.quads if q.predicate.value in relations]
        assert all(isinstance(g, ox.NamedNode) for g in graphs)


def test_the_bytes_are_the_same_each_time(release: Release) -> None:
    again = Release.load()
    for path in SOME[:-3]:
        first, second = describe(release, BASE + path), describe(again, BASE + path)
        assert first
        assert second
        for ending in FORMATS:
            assert serialize(first, ending) == serialize(second, ending), (path, ending)


# ---------------------------------------------------------------- HTTP


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "text/turtle"),
        ("*/*", "text/turtle"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/rdf+xml;q=0.5, application/ld+json;q=0.7", "application/ld+json"),
        ("text/*;q=0.2, application/n-triples", "application/n-triples"),
        ("text/turtle;q=0, */*;q=0.1", "application/ld+json"),
        ("application/json", "application/ld+json"),
    ],
)
def test_the_format_is_the_one_liked_best(accept: str | None, media: str, client: TestClient) -> None:
    headers = {"Accept": accept} if accept else {}
    request = client.build_request("GET", "/id/gdpr/art-1", headers=headers)
    if accept is None:
        del request.headers["Accept"]
    answer = client.send(request)
    assert answer.headers["Content-Type"].partition(";")[0] == media
    assert "Accept" in answer.headers["Vary"]


def test_what_cannot_be_given_is_refused_with_what_there_is(get: Get) -> None:
    answer = get("/id/gdpr/art-1", "image/png, application/problem+json;q=0.1")
    assert answer.status_code == 406
    assert all(media in answer.json()["hint"] for media in MEDIA_TYPES.values())


def test_what_is_there_already_is_not_sent_again(get: Get, client: TestClient) -> None:
    first = get("/id/gdpr/art-1", "text/turtle")
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = get("/id/gdpr/art-1", "text/turtle", If_None_Match=sent)
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["ETag"] == tag
    assert get("/id/gdpr/art-1", "text/turtle", If_None_Match='"other"').status_code == 200
    assert get("/id/gdpr/art-1", "application/ld+json").headers["ETag"] != tag
    head = client.head("/id/gdpr/art-1", headers={"Accept": "text/turtle"})
    assert (head.status_code, head.headers["ETag"], head.content) == (200, tag, b"")


def test_a_fragment_in_the_address_and_the_bare_namespace_lead_on(get: Get) -> None:
    answer = get("/id/ontology%23Provision")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/id/ontology#Provision")
    assert 'id="Provision"' in get("/id/ontology.html").text
    assert (get("/id/").status_code, get("/id/").headers["Location"]) == (303, "/id/catalogue")


def test_the_iris_that_exchange_files_are_named_by_lead_to_the_files(get: Get, release: Release) -> None:
    """A crosswalk and the whole release are files; where they are, the client's wish for a format counts."""
    for path, place in (
        ("crosswalks/gdpr/iso42001", "/crosswalks/gdpr/iso42001"),
        ("crosswalks/aisb/eu-ai-act.sssom.tsv", "/crosswalks/aisb/eu-ai-act.sssom.tsv"),
        (f"releases/{release.digest}", "/graph"),
    ):
        answer = get(f"/id/{path}")
        assert (answer.status_code, answer.headers["Location"]) == (303, place)
        assert get(place, "application/n-quads, */*;q=0.1").status_code == 200
    header = get("/crosswalks/gdpr/iso42001.sssom.tsv").text.splitlines()
    (named,) = (line.split()[-1] for line in header if "mapping_set_id:" in line)
    assert get("/id/" + named.removeprefix(BASE)).headers["Location"] == "/crosswalks/gdpr/iso42001"
    for path in ("crosswalks/gdpr/nothing", "crosswalks/gdpr", "crosswalks/gdpr/iso42001/x", "releases/0123456789ab"):
        assert get(f"/id/{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["gdpr/art-32.1.z", "gdpr/art-999", "nothing", "gdpr/art-1.docx", "../etc/passwd", "%00"]
)
def test_an_unknown_iri_is_not_there_and_the_nearest_is_named(path: str, get: Get) -> None:
    answer = get(f"/id/{path}", "application/json")
    assert answer.status_code == 404
    if path.startswith("gdpr"):
        assert "nearest: gdpr:art-" in answer.json()["hint"]


def test_a_page_loads_nothing_from_elsewhere_and_says_who_says_so(get: Get) -> None:
    for path in SOME:
        html = get(f"/id/{path}.html").text
        assert not re.search(r'(?:src|srcset|action)="(?!/)', html)
        assert "<script" not in html
        for link in re.findall(r"<link [^>]*>", html):
            assert 'href="/static/' in link
    html = get("/id/gdpr/art-32.1.a.html").text
    assert "<h1>Article 32(1)(a): Pseudonymisation and encryption</h1>" in html
    assert "project, hybrid, not reviewed" in html
    assert "overlaps with" in html
    assert 'href="http://data.europa.eu/eli/reg/2016/679/' in html
    assert 'href="/id/mappings/aisb-gdpr/m-' in html


def test_a_hostile_host_changes_nothing_but_its_own_answer(get: Get) -> None:
    for host in ('a"><script>', "a b", "evil.example/x?y"):
        answer = get("/id/catalogue", "text/turtle", Host=host)
        assert answer.status_code in (200, 400)
        assert "<script" not in answer.text
    assert "evil" not in get("/id/catalogue", "text/turtle").text


# ---------------------------------------------------------------- VoID, DCAT, service description

SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .
@prefix void: <http://rdfs.org/ns/void#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix x: <urn:x:> .
x:catalog a sh:NodeShape ; sh:targetClass dcat:Catalog ;
  sh:property [ sh:path dcterms:title ; sh:minCount 1 ] , [ sh:path dcterms:description ; sh:minCount 1 ] ,
    [ sh:path dcterms:publisher ; sh:minCount 1 ; sh:class foaf:Agent ] ,
    [ sh:path dcterms:license ; sh:minCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:dataset ; sh:minCount 1 ; sh:class dcat:Dataset ] ,
    [ sh:path dcat:service ; sh:minCount 1 ; sh:class dcat:DataService ] .
x:dataset a sh:NodeShape ; sh:targetObjectsOf dcat:dataset ;
  sh:nodeKind sh:IRI ;
  sh:property [ sh:path dcterms:title ; sh:minCount 1 ; sh:maxCount 1 ] ,
    [ sh:path dcterms:description ; sh:minCount 1 ] , [ sh:path dcterms:identifier ; sh:minCount 1 ; sh:maxCount 1 ] ,
    [ sh:path [ sh:alternativePath ( dcterms:license dcterms:rights ) ] ; sh:minCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:distribution ; sh:class dcat:Distribution ] .
x:distribution a sh:NodeShape ; sh:targetClass dcat:Distribution ;
  sh:property [ sh:path dcat:accessURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:downloadURL ; sh:maxCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:mediaType ; sh:maxCount 1 ; sh:nodeKind sh:IRI ;
      sh:pattern "^https://www.iana.org/assignments/media-types/[a-z]+/[a-z0-9.+-]+$" ] .
x:service a sh:NodeShape ; sh:targetClass dcat:DataService ;
  sh:property [ sh:path dcat:endpointURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:servesDataset ; sh:minCount 1 ] .
x:void a sh:NodeShape ; sh:targetClass void:Dataset ;
  sh:property [ sh:path dcterms:title ; sh:minCount 1 ] ,
    [ sh:path void:triples ; sh:maxCount 1 ; sh:datatype xsd:integer ; sh:minInclusive 1 ] ,
    [ sh:path void:dataDump ; sh:nodeKind sh:IRI ] , [ sh:path void:sparqlEndpoint ; sh:nodeKind sh:IRI ] ,
    [ sh:path void:subset ; sh:class void:Dataset ] .
x:links a sh:NodeShape ; sh:targetClass void:Linkset ;
  sh:property [ sh:path void:target ; sh:minCount 1 ; sh:class void:Dataset ] ,
    [ sh:path void:subjectsTarget ; sh:maxCount 1 ] , [ sh:path void:objectsTarget ; sh:maxCount 1 ] ,
    [ sh:path void:linkPredicate ; sh:minCount 1 ; sh:nodeKind sh:IRI ] .
x:sd a sh:NodeShape ; sh:targetClass sd:Service ;
  sh:property [ sh:path sd:endpoint ; sh:minCount 1 ; sh:maxCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path sd:supportedLanguage ; sh:hasValue sd:SPARQL11Query ] , [ sh:path sd:resultFormat ; sh:minCount 4 ] ,
    [ sh:path sd:defaultDataset ; sh:minCount 1 ; sh:class sd:Dataset ] .
x:named a sh:NodeShape ; sh:targetClass sd:NamedGraph ;
  sh:property [ sh:path sd:name ; sh:minCount 1 ; sh:maxCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path sd:graph ; sh:maxCount 1 ; sh:class sd:Graph ] .
"""


def graph_of(get: Get, path: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=get(path, "text/turtle").text, format="turtle")


@pytest.mark.parametrize("path", ["/id/void", "/.well-known/void", "/id/catalogue", "/id/sparql", "/sparql"])
def test_the_descriptions_of_the_whole_have_what_their_vocabularies_ask_for(path: str, get: Get) -> None:
    conforms, _, text = validate(graph_of(get, path), shacl_graph=SHAPES, shacl_graph_format="turtle")
    assert conforms, text


def test_the_shapes_notice_what_is_missing(get: Get) -> None:
    for path, name in (("/id/void", "void#target"), ("/id/catalogue", "dcat#accessURL"), ("/sparql", "endpoint")):
        graph = graph_of(get, path)
        removed = [t for t in graph if str(t[1]).endswith(name)]
        assert removed
        for triple in removed:
            graph.remove(triple)
        assert not validate(graph, shacl_graph=SHAPES, shacl_graph_format="turtle")[0], path


def test_what_is_counted_is_there(release: Release, get: Get) -> None:
    graph = graph_of(get, "/id/void")
    void = rdflib.Namespace("http://rdfs.org/ns/void#")
    sizes = {str(s): int(o) for s, o in graph.subject_objects(void.triples)}
    assert sizes[DATASET] == len({q.triple for q in release.dataset})
    for name in release.dataset.named_graphs():
        assert isinstance(name, ox.NamedNode)
        assert sizes[name.value] == sum(1 for _ in release.dataset.quads_for_pattern(None, None, None, name))
    service = graph_of(get, "/sparql")
    sd = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
    names = {str(o) for o in service.objects(None, sd.name)}
    assert names == {g.value for g in release.dataset.named_graphs() if isinstance(g, ox.NamedNode)}


def test_every_file_that_is_listed_is_there_and_of_that_type(release: Release, get: Get) -> None:
    dcat = rdflib.Namespace("http://www.w3.org/ns/dcat#")
    graph = graph_of(get, "/id/catalogue")
    files = {str(u): str(graph.value(d, dcat.mediaType)) for d, u in graph.subject_objects(dcat.downloadURL)}
    files |= {str(u): "" for u in graph.objects(None, dcat.landingPage)}
    dumps = graph_of(get, "/id/void").objects(None, rdflib.URIRef("http://rdfs.org/ns/void#dataDump"))
    files |= {str(u): files.get(str(u), "") for u in dumps}
    assert len(files) > 100
    app = create_app(release)
    sets = {f"{a.path.format(set=n)}.{f.extension}" for a in app.state.addresses if a.path == "/mappings/{set}"
            for n in release.sets for f in formats_of_set(release, n)}  # fmt: skip
    assert sets | {"/graph.sssom.tsv", "/graph.nq", "/frameworks/gdpr.xlsx"} <= {urlsplit(u).path for u in files}
    crosswalks = rdflib.URIRef(CROSSWALKS)
    assert (rdflib.URIRef(CATALOGUE), dcat.dataset, crosswalks) in graph
    ways = {s for d in graph.objects(crosswalks, dcat.distribution) for s in graph.objects(d, dcat.accessService)}
    (description,) = {str(u) for s in ways for u in graph.objects(s, dcat.endpointDescription)}
    assert "/crosswalks/{source}/{target}.{ending}" in get(urlsplit(description).path).json()["paths"]
    paths = {urlsplit(url).path: media for url, media in files.items()}
    assert "/crosswalks.csv" in paths
    # of one set every form, of the others one: the forms are made by the same few lines
    asked = [p for p in paths if "finos-air-eu" in p or p.endswith(".nt") or paths[p] == ""]
    assert len(asked) > 40
    for path in asked:
        answer = get(path, "text/turtle")
        assert answer.status_code == 200, path
        media = paths[path]
        assert media.endswith(answer.headers["Content-Type"].partition(";")[0]) or not media, path


def test_the_documents_of_the_whole_name_themselves(release: Release, get: Get) -> None:
    assert not {VOID, CATALOGUE, SPARQL} & set(documents(release))
    for document in (VOID, CATALOGUE, SPARQL):
        found = graph_of(get, f"/id/{document.removeprefix(BASE)}")
        assert (rdflib.URIRef(document), None, None) in found


# ---------------------------------------------------------------- the redirect at w3id.org

REDIRECTS = {
    "gdpr/art-32.1": "/id/gdpr/art-32.1",
    "gdpr/art-32.1.ttl": "/id/gdpr/art-32.1.ttl",
    "eu-ai-act/annex-IV.2.b": "/id/eu-ai-act/annex-IV.2.b",
    "mappings/aisb-gdpr": "/id/mappings/aisb-gdpr",
    "ontology": "/id/ontology",
    "ontology/0.1.0": "/id/ontology",
    "aiid/6": "/id/aiid/6",
    "": "/id/catalogue",
}
HTACCESS = ROOT / "docs" / "w3id" / ".htaccess"


def redirected(path: str) -> tuple[int, str]:
    """What the rules do with a path: as much of mod_rewrite as the file uses."""
    environment: dict[str, str] = {}
    for line in HTACCESS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("RewriteRule "):
            assert not line.startswith("RewriteCond"), "this reader knows no conditions"
            continue
        pattern, target, flags = line.split()[1:]
        found = re.search(pattern, path)
        if not found:
            continue
        for flag in flags.strip("[]").split(","):
            if flag.startswith("E="):
                name, _, value = flag[2:].partition(":")
                environment[name] = value
        if target == "-":
            continue
        target = re.sub(r"%\{ENV:(\w+)\}", lambda m: environment[m[1]], target)
        target = found.expand(target.replace("$", "\\"))
        status = int(re.search(r"R=(\d+)", flags)[1])  # type: ignore[index]
        return status, target
    return 404, ""


def test_the_redirect_leads_every_iri_to_its_document(release: Release, get: Get) -> None:
    for path, target in REDIRECTS.items():
        status, address = redirected(path)
        assert status == 303
        assert urlsplit(address).path == target
        assert get(target).status_code == 200
    for document in documents(release):
        expected = "ontology" if document.startswith(KG[:-1]) else document.removeprefix(BASE)
        assert urlsplit(redirected(document.removeprefix(BASE))[1]).path == f"/id/{expected}"


@pytest.mark.skipif(not shutil.which("apache2", path="/usr/sbin:/usr/bin"), reason="apache2 is not installed")
def test_a_real_apache_redirects_as_the_reader_says(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "www" / "aigov-kg"
    folder.mkdir(parents=True)
    shutil.copy(HTACCESS, folder)
    modules = "/usr/lib/apache2/modules"
    (tmp_path / "httpd.conf").write_text(
        f"""ServerName localhost
Listen 127.0.0.1:{port}
PidFile {tmp_path}/pid
Mutex file:{tmp_path} default
ErrorLog {tmp_path}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule negotiation_module {modules}/mod_negotiation.so
LoadModule rewrite_module {modules}/mod_rewrite.so
DocumentRoot {tmp_path}/www
<Directory {tmp_path}/www>
AllowOverride All
Options FollowSymLinks
Require all granted
</Directory>
""",
        encoding="ascii",
    )
    tmp_path.chmod(0o755)
    server = subprocess.Popen(
        ["apache2", "-X", "-f", str(tmp_path / "httpd.conf")],
        env={"PATH": "/usr/sbin:/usr/bin"},
        stderr=subprocess.PIPE,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(100):
                try:
                    client.get("/")
                    break
                except httpx.TransportError:
                    assert server.poll() is None, server.stderr and server.stderr.read()
                    time.sleep(0.1)
            for path in REDIRECTS:
                answer = client.get(f"/aigov-kg/{path}", headers={"Accept": "text/turtle"})
                assert (answer.status_code, answer.headers["Location"]) == redirected(path)
    finally:
        server.kill()
        server.wait()
