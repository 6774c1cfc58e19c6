"""What is published here, for machines: the VoID description, the DCAT catalogue, the SPARQL service description.

    void(release, server)               how large the dataset is, which words it uses, how its parts hang together
    dcat(release, server, downloads)    the data sets, whose they are, under which licence, and where to fetch them
    service(release, server)            what the endpoint can do

Each is a document of its own under the base IRI (``…/void``, ``…/catalogue``, ``…/sparql``).  ``server`` is the
address that answers, without a slash at its end: only there can something be fetched.  What is counted is counted in
the dataset itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyoxigraph as ox

from kg.linked import FORMATS, NAMES, Description
from kg.terms import BASE, FRAMEWORKS, KG, PREFIXES, iri, prefix_of, set_iri

if TYPE_CHECKING:
    from kg.release import Release

__all__ = ["CATALOGUE", "CROSSWALKS", "DATASET", "SPARQL", "VOID", "Download", "dcat", "service", "void"]

VOID, CATALOGUE, SPARQL = BASE + "void", BASE + "catalogue", BASE + "sparql"
#: The whole dataset, and the part of it that is not in the graph of a set.
DATASET, DEFAULT_GRAPH = VOID + "#dataset", VOID + "#default-graph"

#: Every crosswalk between two frameworks or catalogues: computed when it is asked for, so no file of each is listed.
CROSSWALKS = CATALOGUE + "#crosswalks"
_HTTP, _GRAPHQL = CATALOGUE + "#http", CATALOGUE + "#graphql"

_CC_BY = "https://creativecommons.org/licenses/by/4.0/"
_RIGHTS = (
    "The project's own content is under CC BY 4.0; cases of the AI Incident Database are under CC BY-SA 4.0; each "
    "mapping set, framework and catalogue of controls says its own licence."
)
_TITLE = "AI governance knowledge graph"
_PROJECT = "the aigov-kg project"
_ABOUT = (
    "Standards and laws for AI (ISO/IEC 42001, NIST AI RMF, EU AI Act, GDPR), reference controls, threats and "
    "incidents, and the mappings between them, each mapping set a graph of its own."
)
_MEDIA = "https://www.iana.org/assignments/media-types/"
#: W3C's names of the formats.
_FORMAT_NAMES = {
    "ttl": "Turtle", "jsonld": "JSON-LD", "nt": "N-Triples", "rdf": "RDF_XML", "nq": "N-Quads", "trig": "TriG",
}  # fmt: skip
_RESULT_NAMES = ("SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV")


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the server offers: of which data set (an IRI), under which path, in which media type."""

    dataset: str
    path: str
    media_type: str


class _Said:
    """Statements, as they are made."""

    def __init__(self) -> None:
        self.quads: list[ox.Quad] = []

    def __call__(self, subject: str, **values: Any) -> None:
        """Say ``prefix_name=value`` of a subject; an IRI is written :class:`_Iri`, several values as a list."""
        for name, value in values.items():
            prefix, _, local = name.partition("_")
            predicate = ox.NamedNode(NAMES["rdf"] + "type") if name == "a" else ox.NamedNode(NAMES[prefix] + local)
            for each in value if isinstance(value, list) else [value]:
                if each is not None and each != "":
                    self.quads.append(ox.Quad(ox.NamedNode(subject), predicate, _term(each)))

    def document(self, document: str) -> Description:
        """All of it, in reading order."""
        first = ox.NamedNode(document)
        kind = NAMES["rdf"] + "type"

        def key(q: ox.Quad) -> tuple[Any, ...]:
            return (q.subject != first, str(q.subject), q.predicate.value != kind, q.predicate.value, str(q.object))

        return Description(document, tuple(sorted(set(self.quads), key=key)))


class _Iri(str):
    """An IRI, or ``prefix:name``."""


def _term(value: Any) -> Any:
    if isinstance(value, _Iri):
        prefix, _, local = value.partition(":")
        return ox.NamedNode(NAMES[prefix] + local if prefix in NAMES and not local.startswith("//") else str(value))
    if isinstance(value, str):
        return ox.Literal(value, language="en")
    return value if isinstance(value, ox.Literal) else ox.Literal(value)


def _plain(value: str) -> Any:
    return ox.Literal(value)


def _licence(said: _Said, subject: str, licence: str) -> None:
    """A licence by its address, or in words."""
    if licence.startswith("http"):
        said(subject, dcterms_license=_Iri(licence))
    elif licence:
        node = f"{CATALOGUE}#rights-{quote(subject.removeprefix(BASE).replace('/', '-'))}"
        said(subject, dcterms_rights=_Iri(node))
        said(node, a=_Iri("dcterms:RightsStatement"), rdfs_label=licence)


def _agent(said: _Said, name: str) -> _Iri:
    slug = "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")
    node = _Iri(f"{CATALOGUE}#agent-{slug}")
    said(node, a=_Iri("foaf:Agent"), foaf_name=name)
    return node


# ---------------------------------------------------------------- VoID


def void(release: Release, server: str) -> Description:
    """The VoID description (W3C note of 2011): the dataset, its graphs, and each mapping set as links between two."""
    said, store = _Said(), release.dataset
    said(
        VOID, a=_Iri("void:DatasetDescription"), dcterms_title=f"VoID description: {_TITLE}",
        foaf_primaryTopic=_Iri(DATASET), foaf_topic=_Iri(DATASET),
    )  # fmt: skip
    everything = [q.triple for q in store]
    said(
        DATASET, a=[_Iri("void:Dataset"), _Iri("dcat:Dataset")], dcterms_title=_TITLE, dcterms_description=_ABOUT,
        dcterms_publisher=_agent(said, _PROJECT), dcterms_identifier=_plain(release.digest),
        void_uriSpace=_plain(BASE), void_sparqlEndpoint=_Iri(f"{server}/sparql"),
        void_uriLookupEndpoint=_Iri(f"{server}/id/"),
        void_exampleResource=[_Iri(iri(e)) for e in _examples(release)],
        void_vocabulary=[_Iri(v) for v in _vocabularies(everything)],
        void_feature=[_Iri(f"format:{name}") for name in _FORMAT_NAMES.values()],
    )  # fmt: skip
    _licence(said, DATASET, _RIGHTS)
    _counts(said, DATASET, everything)
    graphs: dict[str, list[ox.Triple]] = {}
    for q in store:
        name = DEFAULT_GRAPH if isinstance(q.graph_name, ox.DefaultGraph) else q.graph_name.value
        graphs.setdefault(name, []).append(q.triple)
    ends = _ends(release)
    for name, triples in sorted(graphs.items()):
        said(DATASET, void_subset=_Iri(name))
        said(name, a=_Iri("void:Dataset"))
        _counts(said, name, triples)
        if name == DEFAULT_GRAPH:
            said(name, dcterms_title="Ontology, frameworks, controls, threats and incidents")
            _licence(said, name, _RIGHTS)
            continue
        set_ = release.sets.get(name.removeprefix(set_iri("")))
        table = release.classification_sets.get(name)
        said(name, dcterms_title=set_.title if set_ else table.title if table else "")
        _licence(said, name, set_.licence if set_ else table.licence if table else "")
        said(name, void_dataDump=_Iri(f"{server}/id/{name.removeprefix(BASE)}.nq"))
        if set_ and set_.id in ends:
            subjects, objects, relations = ends[set_.id]
            said(
                name, a=_Iri("void:Linkset"),
                void_subjectsTarget=[_Iri(FRAMEWORKS + s) for s in subjects] if len(subjects) == 1 else [],
                void_objectsTarget=[_Iri(FRAMEWORKS + o) for o in objects] if len(objects) == 1 else [],
                void_target=[_Iri(FRAMEWORKS + t) for t in sorted({*subjects, *objects})],
                void_linkPredicate=[_Iri(KG + r) for r in relations if r != "no_relationship"],
            )  # fmt: skip
    targets = {t for s, o, _ in ends.values() for t in (*s, *o)}
    titles = {f.id: f.title for f in release.frameworks.values()}
    titles |= {c.id: c.title for c in release.catalogues.values()}
    for target in sorted(targets):
        said(
            FRAMEWORKS + target, a=_Iri("void:Dataset"), dcterms_title=titles.get(target, target),
            void_uriSpace=_plain(iri(f"{target}:")),
        )  # fmt: skip
    return said.document(VOID)


def _examples(release: Release) -> list[str]:
    """The first assessable provision of each framework, and the first control."""
    found = []
    for framework in release.frameworks:
        found += [p.id for p in release.provisions.values() if p.framework == framework and p.assessable][:1]
    return [*found, *list(release.controls)[:1]]


def _vocabularies(triples: Iterable[ox.Triple]) -> list[str]:
    used = {t.predicate.value for t in triples}
    return sorted({ns for ns in PREFIXES.values() if any(p.startswith(ns) for p in used)})


def _counts(said: _Said, about: str, triples: Sequence[ox.Triple]) -> None:
    unique = set(triples)
    kind = NAMES["rdf"] + "type"
    classes = Counter(
        t.object.value for t in unique if t.predicate.value == kind and isinstance(t.object, ox.NamedNode)
    )
    predicates = Counter(t.predicate.value for t in unique)
    own = {t.subject.value for t in unique if isinstance(t.subject, ox.NamedNode) and t.subject.value.startswith(BASE)}
    said(
        about, void_triples=len(unique), void_distinctSubjects=len({t.subject for t in unique}),
        void_distinctObjects=len({t.object for t in unique}), void_entities=len(own),
        void_properties=len(predicates), void_classes=len(classes),
    )  # fmt: skip
    if about != DATASET:
        return
    for group, values, property_, number in (
        ("class", classes, "void_class", "void_entities"),
        ("property", predicates, "void_property", "void_triples"),
    ):
        for value, count in sorted(values.items()):
            if value.startswith(KG):
                node = f"{VOID}#{group}-{value.removeprefix(KG)}"
                said(about, **{f"void_{group}Partition": _Iri(node)})
                said(node, **{property_: _Iri(value), number: count})


def _ends(release: Release) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """Mapping set → the frameworks and catalogues of its subjects, of its objects, and its relations."""
    known = {*release.frameworks, *release.catalogues}
    found: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for m in release.mappings:
        subjects, objects, relations = found.setdefault(m.set_id, (set(), set(), set()))
        subjects.add(prefix_of(m.subject))
        objects.add(prefix_of(m.object))
        relations.add(m.relation)
    return {
        name: (sorted(subjects & known), sorted(objects & known), sorted(relations))
        for name, (subjects, objects, relations) in found.items()
    }


# ---------------------------------------------------------------- DCAT


def dcat(release: Release, server: str, downloads: Sequence[Download] = ()) -> Description:
    """The DCAT 3 catalogue: the whole graph, each framework and catalogue of controls, each mapping set, each table of
    classified incidents, with their files; the crosswalks, as a data set that a service computes; and the services."""
    said = _Said()
    project = _agent(said, _PROJECT)
    said(
        CATALOGUE, a=_Iri("dcat:Catalog"), dcterms_title=_TITLE, dcterms_description=_ABOUT,
        dcterms_publisher=project, dcterms_license=_Iri(_CC_BY), dcterms_language=_plain("en"),
        foaf_homepage=_Iri(f"{server}/"), dcterms_identifier=_plain(release.digest),
        dcat_service=[_Iri(SPARQL + "#service"), _Iri(_HTTP), _Iri(_GRAPHQL)],
    )  # fmt: skip
    said(
        SPARQL + "#service", a=_Iri("dcat:DataService"), dcterms_title="SPARQL 1.1 endpoint, read-only",
        dcat_endpointURL=_Iri(f"{server}/sparql"), dcat_endpointDescription=_Iri(f"{server}/sparql"),
        dcterms_conformsTo=_Iri("https://www.w3.org/TR/sparql11-protocol/"),
        dcat_servesDataset=_Iri(DATASET),
    )  # fmt: skip
    for node, title, path, description, standard in (
        (_HTTP, "Files over HTTP, crosswalks among them", "/", "/openapi.json", "https://spec.openapis.org/oas/v3.1.0"),
        (_GRAPHQL, "GraphQL", "/graphql", "/schema.graphql", "https://spec.graphql.org/"),
    ):
        said(
            node, a=_Iri("dcat:DataService"), dcterms_title=title, dcat_endpointURL=_Iri(server + path),
            dcat_endpointDescription=_Iri(server + description), dcterms_conformsTo=_Iri(standard),
            dcat_servesDataset=[_Iri(DATASET), _Iri(CROSSWALKS)],
        )  # fmt: skip

    def add(node: str, title: str, description: str, publisher: str, licence: str, **more: Any) -> None:
        said(CATALOGUE, dcat_dataset=_Iri(node))
        said(
            node, a=_Iri("dcat:Dataset"), dcterms_title=title, dcterms_description=description,
            dcterms_publisher=_agent(said, publisher) if publisher else "", dcterms_identifier=_plain(node),
            **more,
        )  # fmt: skip
        _licence(said, node, licence)

    def file(node: str, path: str, media_type: str) -> None:
        name = path.strip("/").replace("/", "-")
        place = f"{CATALOGUE}#file-{quote(name)}"
        said(node, dcat_distribution=_Iri(place))
        said(
            place, a=_Iri("dcat:Distribution"), dcterms_title=path, dcat_downloadURL=_Iri(server + path),
            dcat_accessURL=_Iri(server + path), dcat_mediaType=_Iri(_MEDIA + media_type),
        )  # fmt: skip

    add(DATASET, _TITLE, _ABOUT, _PROJECT, _RIGHTS, dcat_version=_plain(release.digest))
    place = f"{CATALOGUE}#by-sparql"
    said(DATASET, dcat_distribution=_Iri(place))
    said(
        place, a=_Iri("dcat:Distribution"), dcterms_title="By SPARQL", dcat_accessURL=_Iri(f"{server}/sparql"),
        dcat_accessService=_Iri(SPARQL + "#service"),
    )  # fmt: skip
    add(
        CROSSWALKS, "Crosswalks between frameworks and catalogues of controls",
        "What the mapping sets say between any two, what follows from it, and what has no partner on either side. Each "
        "is computed when it is asked for, at /crosswalks/{source}/{target} in any of the formats that the description "
        "of the service lists; the files here are the list of the pairs.",
        _PROJECT, _RIGHTS, dcterms_source=_Iri(DATASET), dcat_version=_plain(release.digest),
        dcat_landingPage=_Iri(f"{server}/crosswalks.html"),
    )  # fmt: skip
    place = f"{CATALOGUE}#crosswalks-by-http"
    said(CROSSWALKS, dcat_distribution=_Iri(place))
    said(
        place, a=_Iri("dcat:Distribution"), dcterms_title="Any crosswalk, over HTTP",
        dcat_accessURL=_Iri(f"{server}/crosswalks"), dcat_accessService=_Iri(_HTTP),
    )  # fmt: skip
    for f in release.frameworks.values():
        add(
            FRAMEWORKS + f.id, f.title, f"Ids, headings and summaries of {f.short_title} in words of the project.",
            _PROJECT, f.licence, dcat_landingPage=_Iri(f"{server}/id/frameworks/{f.id}"),
            dcterms_source=_Iri(f.url) if f.url else "",
        )  # fmt: skip
    for c in release.catalogues.values():
        add(
            FRAMEWORKS + c.id, c.title, c.description or c.title, c.publisher, c.licence,
            dcat_version=_plain(c.version) if c.version else "",
            dcat_landingPage=_Iri(f"{server}/id/frameworks/{c.id}"), dcterms_source=_Iri(c.url) if c.url else "",
        )  # fmt: skip
    for s in release.sets.values():
        node = set_iri(s.id)
        add(
            node, s.title, s.description or s.title, s.publisher, s.licence,
            dcat_version=_plain(s.version) if s.version else "",
            dcat_landingPage=_Iri(f"{server}/id/mappings/{s.id}"),
            dcterms_source=_Iri(s.source_url) if s.source_url else "",
        )  # fmt: skip
    for t in release.classification_sets.values():
        add(
            t.id, t.title, f"{t.origin}. {t.attribution}", "", t.licence,
            dcat_landingPage=_Iri(f"{server}/id/{t.id.removeprefix(BASE)}"),
        )  # fmt: skip
    for node in [*map(set_iri, release.sets), *release.classification_sets]:
        for ending, media_type in FORMATS.items():
            file(node, f"/id/{node.removeprefix(BASE)}.{ending}", media_type)
    for each in downloads:
        file(each.dataset, each.path, each.media_type)
    return said.document(CATALOGUE)


# ---------------------------------------------------------------- the endpoint


def service(release: Release, server: str) -> Description:
    """The service description (SPARQL 1.1): the language, the formats, and the graphs by name with their sizes."""
    said, store = _Said(), release.dataset
    node = SPARQL + "#service"
    said(
        node, a=_Iri("sd:Service"), sd_endpoint=_Iri(f"{server}/sparql"),
        sd_supportedLanguage=_Iri("sd:SPARQL11Query"),
        sd_feature=[_Iri("sd:UnionDefaultGraph")],
        sd_resultFormat=[_Iri(f"format:{n}") for n in (*_RESULT_NAMES, "Turtle", "N-Triples", "RDF_XML", "JSON-LD")],
        sd_defaultDataset=_Iri(SPARQL + "#dataset"), dcterms_title=f"{_TITLE}: SPARQL, read-only",
        dcterms_identifier=_plain(release.digest),
    )  # fmt: skip
    said(SPARQL, foaf_primaryTopic=_Iri(node), dcterms_title=f"{_TITLE}: SPARQL, read-only")
    said(SPARQL + "#dataset", a=_Iri("sd:Dataset"), sd_defaultGraph=_Iri(SPARQL + "#union"))
    said(SPARQL + "#union", a=_Iri("sd:Graph"), void_triples=len({q.triple for q in store}))
    sizes = Counter(q.graph_name.value for q in store if isinstance(q.graph_name, ox.NamedNode))
    for name, size in sorted(sizes.items()):
        local = name.removeprefix(BASE).replace("/", "-")
        said(SPARQL + "#dataset", sd_namedGraph=_Iri(f"{SPARQL}#named-{local}"))
        said(f"{SPARQL}#named-{local}", a=_Iri("sd:NamedGraph"), sd_name=_Iri(name), sd_graph=_Iri(f"{SPARQL}#{local}"))
        said(f"{SPARQL}#{local}", a=_Iri("sd:Graph"), void_triples=size)
    return said.document(SPARQL)
