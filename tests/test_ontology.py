"""The ontology defines every term that the files and the model use, completely and in the model's own words;
the shapes hold for all files under ``ontologies/``, and each of them catches what it is there to catch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import pytest
from pyshacl import validate
from rdflib import OWL, RDF, RDFS, SH, SKOS, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from kg import Release
from kg.model import (
    AUTHORITIES,
    ENTITIES,
    EXPLICIT_FACTS,
    INTENTS,
    ROLES,
    TIERS,
    TIMINGS,
    Method,
    Modality,
    RationaleKind,
    ThreatRelation,
)
from kg.relations import RELATIONS, inverse, word
from kg.sources import builtin_data
from kg.sources.classifications import CLASSIFICATION_COLUMNS
from kg.sources.sssom import COLUMNS, LEGAL_PREDICATES, predicate_of
from kg.sources.turtle import CLASSES, PART_PREDICATES
from kg.terms import BASE, KG, PREFIXES, curie, iri

FOLDER = builtin_data() / "ontologies"
CORE = FOLDER / "core.ttl"
SHAPES = FOLDER / "shapes.ttl"
ONTOLOGY = URIRef(BASE + "ontology")
SHAPE = BASE + "shapes#"
STATUS = URIRef(iri("vs:term_status"))
SOURCE = URIRef(iri("dcterms:source"))
#: Extension columns of the mapping files that are terms of the ontology (the other columns are SSSOM's).
EXTENSIONS = ("rationale_kind", "strength", "method", "rationale")

CORE_GRAPH = Graph().parse(CORE)
SHAPES_GRAPH = Graph().parse(SHAPES)


def kg(name: str) -> URIRef:
    return URIRef(KG + name)


def short(term: Node) -> str:
    """A CURIE for our own and known terms, ``kgsh:`` for shapes."""
    return str(term).replace(SHAPE, "kgsh:") if str(term).startswith(SHAPE) else curie(str(term))


def node(name: str) -> URIRef:
    return URIRef(name if name.startswith("http") else iri(name))


def en(text: str) -> Literal:
    return Literal(text, lang="en")


def day(text: str) -> Literal:
    return Literal(text, datatype=URIRef(iri("xsd:date")))


TERMS = {s for s in CORE_GRAPH.subjects() if isinstance(s, URIRef) and str(s).startswith(KG)}
ROLE_WORDS = {f"role-{role}": text for role, text in ROLES.items()}
TIER_WORDS = {f"tier-{tier}": text for tier, text in TIERS.items()}
LISTS = {
    "Role": tuple(ROLE_WORDS),
    "Tier": tuple(TIER_WORDS),
    "Authority": tuple(f"authority-{a}" for a in AUTHORITIES),
}


# ------------------------------------------------------------------ form


@pytest.mark.parametrize("path", [CORE, SHAPES], ids=lambda p: p.name)
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_file_is_in_its_one_canonical_form_in_every_process(path: Path, seed: str) -> None:
    code = "import sys; from kg.sources.canonical import canonical_turtle as canonical; "
    code += "sys.stdout.buffer.write(canonical(sys.stdin.buffer.read().decode()).encode())"
    root = str(Path(__file__).parents[1])
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", code], input=before, capture_output=True, check=True, cwd=root,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
    )  # fmt: skip
    assert done.stdout == before, "write it with `kg lint --fix`"


def test_the_ontology_has_a_versionless_iri_and_a_versioned_one() -> None:
    assert (ONTOLOGY, RDF.type, OWL.Ontology) in CORE_GRAPH
    version = CORE_GRAPH.value(ONTOLOGY, OWL.versionInfo)
    assert CORE_GRAPH.value(ONTOLOGY, OWL.versionIRI) == URIRef(f"{ONTOLOGY}/{version}")
    assert CORE_GRAPH.value(ONTOLOGY, URIRef(iri("vann:preferredNamespaceUri"))) == Literal(KG)
    assert CORE_GRAPH.value(ONTOLOGY, URIRef(iri("dcterms:license"))) is not None


# ------------------------------------------------------------------ terms


def _lacking(term: Node) -> Iterator[str]:
    for predicate in (RDFS.label, SKOS.definition):
        found = list(CORE_GRAPH.objects(term, predicate))
        if [getattr(v, "language", None) for v in found] != ["en"] or not str(found[0]).strip():
            yield f"one English {short(predicate)}"
    if not list(CORE_GRAPH.objects(term, SOURCE)):
        yield "dcterms:source"
    if [str(v) for v in CORE_GRAPH.objects(term, STATUS)] not in (["stable"], ["testing"], ["archaic"]):
        yield "vs:term_status stable, testing or archaic"
    if list(CORE_GRAPH.objects(term, RDFS.isDefinedBy)) != [ONTOLOGY]:
        yield "rdfs:isDefinedBy the ontology"
    if not list(CORE_GRAPH.objects(term, RDF.type)):
        yield "a type"


def test_every_term_is_complete() -> None:
    lacking = {short(term): found for term in TERMS if (found := list(_lacking(term)))}
    assert len(TERMS) > 100
    assert not lacking


def test_no_definition_stands_twice() -> None:
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for term in TERMS:
        seen[str(CORE_GRAPH.value(term, SKOS.definition))].append(short(term))
    assert not [names for names in seen.values() if len(names) > 1]


def _needed() -> dict[str, str]:
    """Every term that the library knows by name → what it has to be."""
    needed = dict.fromkeys([*CLASSES, "kg:Mapping", "kg:MappingSet", "kg:Role", "kg:Tier", "kg:Authority"], "class")
    for required, allowed in CLASSES.values():
        needed |= dict.fromkeys((p for p in required | allowed if p.startswith("kg:")), "property")
    needed |= dict.fromkeys(PART_PREDICATES, "property")
    needed |= {predicate_of(relation)[0]: "property" for relation in RELATIONS}
    needed |= dict.fromkeys(["kg:Classification", "kg:NumberedIncident"], "class")
    for names in (LEGAL_PREDICATES, ThreatRelation, EXTENSIONS, ("authority", "incident"), CLASSIFICATION_COLUMNS):
        needed |= {f"kg:{name}": "property" for name in names}
    needed.pop("kg:date")  # it is dcterms:date there
    for members in LISTS.values():
        needed |= {f"kg:{member}": "individual" for member in members}
    return needed


def test_everything_that_the_library_knows_by_name_is_defined() -> None:
    kinds = {
        "class": {OWL.Class},
        "property": {OWL.ObjectProperty, OWL.DatatypeProperty},
        "individual": {OWL.NamedIndividual},
    }
    wrong = [
        f"{term} as {kind}"
        for term, kind in _needed().items()
        if not kinds[kind] & set(CORE_GRAPH.objects(URIRef(iri(term)), RDF.type))
    ]
    assert not wrong
    assert set(EXTENSIONS) <= set(COLUMNS)


def test_nothing_is_defined_that_nobody_needs() -> None:
    """Beyond what the library knows by name: the schemes, the facts, and what only the RDF dataset says."""
    further = {"kg:roles", "kg:tiers", "kg:authorities", "kg:Fact", "kg:level", "kg:relation", "kg:reviewed"}
    assert {short(term) for term in TERMS} == set(_needed()) | further


def _files() -> list[Path]:
    return sorted(FOLDER.rglob("*.ttl"))


def test_no_file_uses_a_term_that_is_not_defined() -> None:
    unknown: set[str] = set()
    for path in _files():
        for quad in ox.parse(path.read_bytes(), format=ox.RdfFormat.TURTLE):
            for n in (quad.subject, quad.predicate, quad.object):
                if isinstance(n, ox.NamedNode) and n.value.startswith(KG) and URIRef(n.value) not in TERMS:
                    unknown.add(f"{path.relative_to(FOLDER)}: {curie(n.value)}")
    for path in sorted((FOLDER.parent / "mappings").rglob("*.sssom.tsv")):
        for name in re.findall(r"\tkg:(\w+)\t", path.read_text(encoding="utf-8")):
            if kg(name) not in TERMS:
                unknown.add(f"{path.name}: kg:{name}")
    assert not unknown


def test_object_properties_name_nodes_and_datatype_properties_hold_literals() -> None:
    wrong: set[str] = set()
    for path in _files():
        for quad in ox.parse(path.read_bytes(), format=ox.RdfFormat.TURTLE):
            if not quad.predicate.value.startswith(KG):
                continue
            wanted = OWL.DatatypeProperty if isinstance(quad.object, ox.Literal) else OWL.ObjectProperty
            if (URIRef(quad.predicate.value), RDF.type, wanted) not in CORE_GRAPH:
                wrong.add(f"{path.relative_to(FOLDER)}: {curie(quad.predicate.value)}")
    assert not wrong


def test_conditions_are_made_of_known_facts() -> None:
    unknown: set[str] = set()
    for path in _files():
        for quad in ox.parse(path.read_bytes(), format=ox.RdfFormat.TURTLE):
            if quad.predicate.value == KG + "requiresFact":
                facts = {f.removeprefix("!") for f in str(quad.object.value).split("|")}
                unknown |= {f"{curie(quad.subject.value)}: {f}" for f in facts - set(EXPLICIT_FACTS)}
    assert not unknown
    assert not [t for t in TERMS if (t, RDF.type, kg("Fact")) in CORE_GRAPH], "facts are literals"


# ------------------------------------------------------------------ closed lists


def _members(head: Node | None) -> list[str]:
    return [short(item) for item in Collection(CORE_GRAPH, head)] if isinstance(head, (BNode, URIRef)) else []


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_closed_list_is_the_models_in_its_order(name: str) -> None:
    assert _members(CORE_GRAPH.value(kg(name), OWL.oneOf)) == [f"kg:{member}" for member in LISTS[name]]
    prefix = name.lower() + "-"
    scheme = {"Role": "roles", "Tier": "tiers", "Authority": "authorities"}[name]
    in_scheme = set(CORE_GRAPH.subjects(SKOS.inScheme, kg(scheme)))
    assert in_scheme == {kg(member) for member in LISTS[name]}
    for member in LISTS[name]:
        assert CORE_GRAPH.value(kg(member), SKOS.notation) == Literal(member.removeprefix(prefix))
    assert {t for t in TERMS if str(t).startswith(KG + prefix)} == in_scheme


def test_roles_and_tiers_are_defined_in_the_models_words() -> None:
    for name, text in (ROLE_WORDS | TIER_WORDS).items():
        assert CORE_GRAPH.value(kg(name), SKOS.definition) == Literal(text, lang="en"), name


def test_authorities_weigh_what_the_model_says() -> None:
    for authority in AUTHORITIES:
        assert CORE_GRAPH.value(kg(f"authority-{authority}"), kg("level")) == Literal(authority.level)


# ------------------------------------------------------------------ relations

SKOS_ABOVE = {
    "equal": "exactMatch",
    "subset_of": "broadMatch",
    "superset_of": "narrowMatch",
    "intersects_with": "relatedMatch",
    "related": "relatedMatch",
    "at_least": "mappingRelation",
    "at_most": "mappingRelation",
}


def test_each_relation_stands_below_its_skos_relation() -> None:
    above: dict[str, set[str]] = {}
    for relation in SKOS_ABOVE:
        found = {curie(str(p)) for p in CORE_GRAPH.objects(kg(relation), RDFS.subPropertyOf)}
        above[relation] = {p.removeprefix("skos:") for p in found if p.startswith("skos:")}
    assert set(SKOS_ABOVE) == set(RELATIONS) - {"no_relationship"}
    assert above == {relation: {name} for relation, name in SKOS_ABOVE.items()}


def test_a_relation_stands_below_another_where_its_mask_lies_within() -> None:
    """All but ``related``: SKOS forbids that what is an exact match is a related match too."""
    words = [w for w in RELATIONS if w not in ("no_relationship", "related")]
    within = {(a, b) for a in words for b in words if a != b and not RELATIONS[a] & ~RELATIONS[b]}
    stated = {(a, b) for a in RELATIONS for b in RELATIONS if (kg(a), RDFS.subPropertyOf, kg(b)) in CORE_GRAPH}
    assert stated == within


def test_inverses_and_symmetry_are_those_of_the_algebra() -> None:
    for relation, mask in RELATIONS.items():
        if relation == "no_relationship":
            continue
        other = word(inverse(mask))
        symmetric = (kg(relation), RDF.type, OWL.SymmetricProperty) in CORE_GRAPH
        inverses = set(CORE_GRAPH.objects(kg(relation), OWL.inverseOf))
        assert symmetric == (other == relation), relation
        assert inverses == (set() if symmetric else {kg(other)}), relation


def test_no_relationship_is_related_with_a_modifier_and_no_term() -> None:
    assert kg("no_relationship") not in TERMS
    note = str(CORE_GRAPH.value(kg("related"), SKOS.scopeNote))
    assert predicate_of("no_relationship") == ("kg:related", "Not")
    assert all(part in note for part in ("no_relationship", "kg:related", "predicate_modifier Not"))


# ------------------------------------------------------------------ alignment

#: Terms of other vocabularies that were looked up there and exist; look a further one up before you add it.
LOOKED_UP = {
    "airo:Risk", "airo:RiskControl", "airo:Threat", "airo:detectsRiskConcept",
    "airo:mitigatesRiskConcept", "dpv:Authority", "dpv:DataController", "dpv:DataProcessor",
    "dpv:JointDataControllers", "dpv:Representative", "eli:Expression", "eli:LegalResource",
    "eli:LegalResourceSubdivision", "eli:Work", "eli:WorkSubdivision", "eli:cites",
    "eli:date_applicability", "eli:first_date_entry_in_force", "eli:jurisdiction", "eli:type_subdivision",
    "eu-aiact:AIDeployer", "eu-aiact:AIDistributor", "eu-aiact:AIImporter", "eu-aiact:AIOperator",
    "eu-aiact:AIProductManufacturer", "eu-aiact:AIProvider", "eu-aiact:AuthorisedRepresentative",
    "eu-aiact:NotifiedBody", "eu-aiact:RiskLevelHigh", "https://w3id.org/dpv/risk#Incident",
    "https://w3id.org/dpv/risk#Threat", "https://w3id.org/dpv/risk#causedByThreat", "prov:Entity",
    "prov:wasAttributedTo", "sssom:Mapping", "sssom:MappingSet", "sssom:reviewer_id",
}  # fmt: skip
STANDARD = ("rdf:", "rdfs:", "owl:", "xsd:", "skos:", "dcterms:", "vann:", "vs:", "http://purl.org/dc/dcam/")
DOCUMENTS = {
    "http://data.europa.eu/eli/ontology", "http://data.europa.eu/eli/reg/2024/1689/oj", "https://airisk.mit.edu/",
    "https://creativecommons.org/licenses/by/4.0/", "https://doi.org/10.6028/NIST.AI.100-2e2025",
    "https://doi.org/10.6028/NIST.IR.8477", "https://incidentdatabase.ai/",
    "https://mapping-commons.github.io/sssom/", "https://w3id.org/airo",
}  # fmt: skip


def test_only_terms_that_exist_elsewhere_are_aligned_to() -> None:
    used = {short(n) for triple in CORE_GRAPH for n in triple if isinstance(n, URIRef) and not str(n).startswith(BASE)}
    foreign = {n for n in used if not n.startswith(STANDARD)}
    assert foreign - LOOKED_UP - DOCUMENTS == set()
    assert LOOKED_UP - used == set(), "no longer used: take them out of the list"


@pytest.mark.parametrize(
    "subject, predicate, object_",
    [
        ("kg:Provision", "rdfs:subClassOf", "skos:Concept"),
        ("kg:Provision", "rdfs:subClassOf", "eli:WorkSubdivision"),
        ("kg:Framework", "rdfs:subClassOf", "eli:Work"),
        ("kg:MappingSet", "rdfs:subClassOf", "sssom:MappingSet"),
        ("kg:MappingSet", "rdfs:subClassOf", "prov:Entity"),
        ("kg:ReferenceControl", "skos:closeMatch", "airo:RiskControl"),
        ("kg:Threat", "skos:closeMatch", "airo:Threat"),
        ("kg:role-provider", "skos:closeMatch", "eu-aiact:AIProvider"),
        ("kg:role-deployer", "skos:exactMatch", "eu-aiact:AIDeployer"),
        ("kg:role-controller", "skos:closeMatch", "dpv:DataController"),
        ("kg:tier-high-risk", "skos:closeMatch", "eu-aiact:RiskLevelHigh"),
    ],
)
def test_the_alignment_holds(subject: str, predicate: str, object_: str) -> None:
    assert (URIRef(iri(subject)), URIRef(iri(predicate)), URIRef(iri(object_))) in CORE_GRAPH


@pytest.mark.parametrize("name", ["Provision", "Framework"])
def test_no_standard_is_made_a_legal_resource(name: str) -> None:
    above = {curie(str(c)) for c in CORE_GRAPH.transitive_objects(kg(name), RDFS.subClassOf)}
    assert not above & {"eli:LegalResource", "eli:LegalResourceSubdivision"}


# ------------------------------------------------------------------ shapes say what the model says


def _shape(name: str) -> URIRef:
    return URIRef(SHAPE + name)


def _list(shape: str) -> list[str]:
    head = SHAPES_GRAPH.value(_shape(shape), SH["in"])
    assert isinstance(head, BNode), f"{shape} has no list"
    return [curie(str(item)) for item in Collection(SHAPES_GRAPH, head)]


def test_the_lists_of_the_shapes_are_the_models() -> None:
    assert _list("Provision-role") == [f"kg:{name}" for name in LISTS["Role"]]
    assert _list("Provision-tier") == [f"kg:{name}" for name in LISTS["Tier"]]
    assert _list("MappingSet-authority") == [f"kg:{name}" for name in LISTS["Authority"]]
    assert _list("Provision-modality") == list(Modality)
    assert _list("Mapping-rationale_kind") == list(RationaleKind)
    assert _list("Mapping-method") == list(Method)
    assert _list("Classification-entity") == list(ENTITIES)
    assert _list("Classification-timing") == list(TIMINGS)
    assert _list("Classification-intent") == list(INTENTS)
    assert _list("confidence") == ["high", "medium", "low"]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_shape_has_the_properties_that_the_reader_knows(name: str) -> None:
    shape = _shape(name.removeprefix("kg:"))
    assert SHAPES_GRAPH.value(shape, SH.targetClass) == URIRef(iri(name))
    assert SHAPES_GRAPH.value(shape, SH.closed) == Literal(True)
    paths: dict[str, bool] = {}
    for prop in SHAPES_GRAPH.objects(shape, SH.property):
        path = SHAPES_GRAPH.value(prop, SH.path)
        assert path is not None
        paths[curie(str(path))] = SHAPES_GRAPH.value(prop, SH.minCount) is not None
    required, allowed = CLASSES[name]
    needed = required | ({"dcterms:title"} if name != "kg:Disclaimer" else set())
    assert set(paths) == required | allowed | {"dcterms:title", "skos:note"}
    assert {path for path, at_least_one in paths.items() if at_least_one} == needed


def test_every_shape_that_can_fail_says_what_is_wrong_and_what_to_do() -> None:
    """Two sentences or more; only shapes inside ``sh:or`` and ``sh:not``, and mere containers, have none."""
    inner: set[Node] = set(SHAPES_GRAPH.objects(None, SH["not"]))
    for head in SHAPES_GRAPH.objects(None, SH["or"]):
        assert isinstance(head, BNode)
        inner |= set(Collection(SHAPES_GRAPH, head))
    bare = {SH.property, SH.targetClass, SH.targetSubjectsOf, RDF.type}
    wrong = []
    for kind in (SH.NodeShape, SH.PropertyShape):
        for shape in SHAPES_GRAPH.subjects(RDF.type, kind):
            if shape in inner or set(SHAPES_GRAPH.predicates(shape)) <= bare:
                continue
            messages = list(SHAPES_GRAPH.objects(shape, SH.message))
            if len(messages) != 1 or not re.match(r"[A-Z].+[.:] .+\.$", str(messages[0])):
                wrong.append(short(shape))
    assert not wrong
    assert not [s for s in SHAPES_GRAPH.subjects(RDF.type, None) if isinstance(s, BNode)], "give shapes IRIs"


# ------------------------------------------------------------------ shapes over the files


def _report(data: Graph) -> list[tuple[str, str, str, str]]:
    """(shape, node, path, message) of every result."""
    _, report, _ = validate(data, shacl_graph=SHAPES_GRAPH, inference="none")
    assert isinstance(report, Graph)
    return sorted(
        (
            short(report.value(r, SH.sourceShape) or BNode()),
            short(report.value(r, SH.focusNode) or BNode()),
            short(report.value(r, SH.resultPath) or Literal("")),
            str(report.value(r, SH.resultMessage)),
        )
        for r in report.subjects(RDF.type, SH.ValidationResult)
    )


def test_the_shapes_are_valid_shacl() -> None:
    conforms, _, text = validate(Graph(), shacl_graph=SHAPES_GRAPH, meta_shacl=True)
    assert conforms, text


def test_all_files_conform() -> None:
    data = Graph()
    for path in _files():
        if path != SHAPES:
            data.parse(path)
    for name in CLASSES:
        assert (None, RDF.type, URIRef(iri(name))) in data, f"no {name} to check"
    found = _report(data)
    assert not found, "\n".join(" ".join(line) for line in found[:50])


def _dataset(release: Release, name: str) -> Graph:
    """All that the release's RDF dataset says of the nodes of one class."""
    known = set(release.dataset.quads_for_pattern(None, ox.NamedNode(iri("rdf:type")), ox.NamedNode(iri(name))))
    triples = {q.triple for k in known for q in release.dataset.quads_for_pattern(k.subject, None, None)}
    return Graph().parse(data=ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES), format="nt")


@pytest.mark.parametrize("name", ["kg:Mapping", "kg:MappingSet", "kg:Classification", "kg:NumberedIncident"])
def test_what_only_the_dataset_says_conforms(release: Release, name: str) -> None:
    data = _dataset(release, name)
    assert (None, RDF.type, node(name)) in data
    found = _report(data)
    assert not found, "\n".join(" ".join(line) for line in found[:50])


def test_the_dataset_uses_only_defined_terms(release: Release) -> None:
    used = {n.value for q in release.dataset for n in (q.predicate, q.object) if isinstance(n, ox.NamedNode)}
    assert {curie(n) for n in used if n.startswith(KG) and URIRef(n) not in TERMS} == set()


EXAMPLE = """
kgfw:gdpr a kg:Framework ; dcterms:title "Regulation (EU) 2016/679"@en ; kg:shortTitle "GDPR"@en ;
  dcterms:publisher "European Union"@en ; dcterms:license "EU law may be reused" ; kg:kind "law" ;
  kg:jurisdiction "EU" ; rdfs:seeAlso <http://data.europa.eu/eli/reg/2016/679/oj> ; kg:order 4 ;
  kg:requiresFact "personal-data" ; kg:territorialScope gdpr:art-32 .
vocabulary:role-processor a kg:ProfileWord ; dcterms:title "Processor"@en ; kg:kind "role" ;
  skos:notation "processor" ; kg:summary "acts for others"@en ; kg:definedBy gdpr:art-32 ;
  kg:basis "Article 32"@en ; kg:implies vocabulary:role-processor ; kg:ofTier kg:tier-all ;
  kg:heldBefore "2026-08-02"^^xsd:date ; kg:heldFrom "2020-08-02"^^xsd:date .
question:place a kg:Question ; dcterms:title "Where?"@en ; kg:kind "one" ; kg:scope "organization" ; kg:order 1 ;
  skos:notation "place" ; kg:summary "Say where."@en ; kg:definedBy gdpr:art-32 ; kg:askedIf "other!=none" .
question:place.union a kg:Option ; dcterms:title "Here"@en ; skos:notation "union" ; kg:optionOf question:place ;
  kg:order 1 ; kg:sets "jurisdiction:EU" , "?fact:consent" .
gdpr:text-2016-05-24 a kg:TextVersion ; dcterms:title "as published"@en ; kg:framework kgfw:gdpr ;
  kg:inForceFrom "2016-05-24"^^xsd:date ; rdfs:seeAlso <http://data.europa.eu/eli/reg/2016/679/oj> .
gdpr:applies-2018-05-25 a kg:ApplicationRule ; dcterms:title "Applies"@en ; kg:framework kgfw:gdpr ;
  kg:appliesFrom "2018-05-25"^^xsd:date ; kg:basis "Article 99(2)"@en ;
  kg:requiresFact "!consent|children" ; kg:textFrom "2016-05-24"^^xsd:date ;
  kg:textUntil "2030-01-01"^^xsd:date ; kg:confidence "high" .
gdpr:art-32 a kg:Provision ; dcterms:title "Security"@en ; kg:framework kgfw:gdpr ; kg:kind "article" ;
  skos:notation "Article 32" ; kg:summary "Keep data safe."@en ; kg:assessable false .
gdpr:art-32.1 a kg:Provision ; dcterms:title "Measures"@en ; kg:framework kgfw:gdpr ;
  kg:kind "paragraph" ; skos:notation "Article 32(1)" ; kg:summary "Take measures."@en ;
  kg:assessable true ; kg:modality "shall" ; kg:allOfPartOf gdpr:art-32 ;
  kg:role kg:role-controller , kg:role-processor ; kg:tier kg:tier-all ;
  kg:requiresFact "personal-data" , "public-body|!consent" ; kg:appliesBy gdpr:applies-2018-05-25 ;
  kg:amendedOn "2026-07-27"^^xsd:date ; kg:incorporates gdpr:art-32.4 ; kg:confidence "low" ; kg:tag "ai-relevant" ;
  kg:order 1 ; kg:textFrom "2016-05-24"^^xsd:date ; kg:textUntil "2030-01-01"^^xsd:date ;
  skos:note "A note."@en .
gdpr:art-32.2 a kg:Provision ; dcterms:title "Alternative"@en ; kg:framework kgfw:gdpr ;
  kg:kind "paragraph" ; skos:notation "Article 32(2)" ; kg:summary "One way."@en ; kg:assessable false ;
  kg:modality "shall" ; kg:anyOfPartOf gdpr:art-32 .
gdpr:art-32.3 a kg:Provision ; dcterms:title "Exception"@en ; kg:framework kgfw:gdpr ;
  kg:kind "paragraph" ; skos:notation "Article 32(3)" ; kg:summary "Not then."@en ; kg:assessable false ;
  kg:exceptionTo gdpr:art-32 .
gdpr:art-32.4 a kg:Provision ; dcterms:title "Condition"@en ; kg:framework kgfw:gdpr ;
  kg:kind "paragraph" ; skos:notation "Article 32(4)" ; kg:summary "Only then."@en ;
  kg:assessable false ; kg:conditionOf gdpr:art-32 .
kgfw:aisb a kg:Catalogue ; dcterms:title "Baseline"@en ; dcterms:publisher "us"@en ;
  owl:versionInfo "0.1" ; dcterms:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcterms:description "Controls."@en ; rdfs:seeAlso <http://example.org/aisb> .
aisb:DAT-01 a kg:ReferenceControl ; dcterms:title "One"@en ; kg:catalogue kgfw:aisb ; kg:domain "DAT" ;
  kg:statement "It is done."@en ; kg:rationale "Because."@en ; kg:evidence "A record."@en ;
  kg:mitigates threat:data-leak .
aisb:DAT-02 a kg:ReferenceControl ; dcterms:title "Two"@en ; kg:catalogue kgfw:aisb ; kg:domain "DAT" ;
  kg:statement "That is done."@en .
aisb:JOINT-01 a kg:JointNode ; dcterms:title "Both"@en ; kg:catalogue kgfw:aisb ;
  kg:member aisb:DAT-01 , aisb:DAT-02 ; kg:rationale "Neither suffices."@en .
threat:data-leak a kg:Threat ; dcterms:title "Leak"@en ; kg:summary "Data gets out."@en ;
  skos:broader nist-aml:NISTAML.03 ; skos:closeMatch atlas:AML.T0057 .
nist-aml:NISTAML.03 a kg:Threat ; dcterms:title "Privacy"@en ; kg:summary "Something is learnt."@en .
aiid:6 a kg:Incident ; dcterms:title "A case"@en ; kg:number 6 ; kg:involves threat:data-leak ; kg:sector "finance" ;
  dcterms:date "2016-03" ; rdfs:seeAlso <https://incidentdatabase.ai/cite/6/> ;
  kg:basis "the database"@en .
mit-ai-risk:2 a kg:RiskDomain ; dcterms:title "Privacy"@en ; skos:notation "2" .
mit-ai-risk:2.1 a kg:RiskDomain ; dcterms:title "Leaks"@en ; skos:notation "2.1" ; skos:broader mit-ai-risk:2 ;
  skos:closeMatch threat:data-leak .
aiid:2 a kg:NumberedIncident ; kg:number 2 ; dcterms:date "2018-12-05" ;
  rdfs:seeAlso <https://incidentdatabase.ai/cite/2/> .
<https://w3id.org/aigov-kg/aiid-mit/2> a kg:Classification ; kg:incident aiid:2 ; kg:subdomain mit-ai-risk:2.1 ;
  kg:entity "AI" ; kg:timing "Post-deployment" ; kg:intent "Unintentional" .
<https://w3id.org/aigov-kg/disclaimer/advice> a kg:Disclaimer ; kg:text "No legal advice."@en ;
  kg:basis "us"@en ; kg:concerns kgfw:gdpr ; dcterms:title "Advice"@en .
kgset:example a kg:MappingSet ; dcterms:title "Some rows"@en ; dcterms:license "CC BY 4.0" ;
  kg:authority kg:authority-project ; prov:wasAttributedTo [ rdfs:label "us" ] .
<https://w3id.org/aigov-kg/mappings/example/m-1> a kg:Mapping ; sssom:subject_id aisb:DAT-01 ;
  sssom:predicate_id kg:related ; sssom:predicate_modifier "Not" ; sssom:object_id gdpr:art-32.1 ;
  sssom:confidence 0.8 ; kg:relation "no_relationship" ; kg:rationale_kind "functional" ;
  kg:method "hybrid" ; kg:reviewed false ; kg:strength 7 ; kg:rationale "They share nothing."@en ;
  prov:wasAttributedTo <http://example.org/us> .
kg:exampleTerm a owl:Class ; rdfs:label "example"@en ; skos:definition "An example."@en ;
  vs:term_status "testing" ; dcterms:source <http://example.org/> ;
  rdfs:isDefinedBy <https://w3id.org/aigov-kg/ontology> .
"""


def _example() -> Graph:
    prefixes = "".join(f"@prefix {p}: <{ns}> .\n" for p, ns in PREFIXES.items())
    return Graph().parse(data=prefixes + EXAMPLE, format="turtle")


@dataclass(frozen=True)
class Break:
    """What breaks one shape: new values of a property, or (without one) a new name for the node."""

    shape: str
    subject: str
    predicate: str
    values: tuple[Node, ...] = ()
    renamed: str = ""

    def apply(self, graph: Graph) -> None:
        subject = node(self.subject)
        if self.renamed:
            new = node(self.renamed)
            for s, p, o in list(graph):
                if subject in (s, o):
                    graph.remove((s, p, o))
                    graph.add((new if s == subject else s, p, new if o == subject else o))
            return
        assert not self.values or self.values[0] not in set(graph.objects(subject, node(self.predicate)))
        graph.remove((subject, node(self.predicate), None))
        for value in self.values:
            graph.add((subject, node(self.predicate), value))


def rename(shape: str, old: str, new: str) -> Break:
    return Break(shape, old, "", (), new)


ART, RULE, TEXT, FRAME = "gdpr:art-32.1", "gdpr:applies-2018-05-25", "gdpr:text-2016-05-24", "kgfw:gdpr"
WORDS = BASE + "disclaimer/advice"
ROW = BASE + "mappings/example/m-1"
CLASS = BASE + "aiid-mit/2"
WORD, ASKED, CHOICE = "vocabulary:role-processor", "question:place", "question:place.union"
OTHER = node("aiid:6")
PLAIN = (Literal("no language"),)
BREAKS = [
    Break("title", ART, "dcterms:title", PLAIN),
    Break("note", ART, "skos:note", (en("one"), en("two"))),
    Break("publisher", "kgfw:aisb", "dcterms:publisher", PLAIN),
    Break("licence", "kgfw:aisb", "dcterms:license", (Literal(""),)),
    Break("link", TEXT, "rdfs:seeAlso", PLAIN),
    Break("needed-link", "aiid:6", "rdfs:seeAlso", PLAIN),
    Break("framework", ART, "kg:framework", (node("kgfw:gdpd"),)),
    Break("catalogue", "aisb:DAT-01", "kg:catalogue", (node("kgfw:gdpr"),)),
    Break("requiresFact", ART, "kg:requiresFact", (Literal("consent or children"),)),
    Break("order", ART, "kg:order", (Literal("first"),)),
    Break("textFrom", ART, "kg:textFrom", (day("2031-01-01"),)),
    Break("textUntil", RULE, "kg:textUntil", (day("2031-01-01"), day("2032-01-01"))),
    Break("confidence", RULE, "kg:confidence", (Literal("sure"),)),
    Break("rationale", "aisb:DAT-01", "kg:rationale", PLAIN),
    Break("summary", ART, "kg:summary"),
    Break("needed-basis", RULE, "kg:basis"),
    Break("basis", WORDS, "kg:basis", PLAIN),
    Break("Framework", FRAME, "kg:shorttitle", (en("GDPR"),)),
    rename("Framework-id", FRAME, "https://w3id.org/aigov-kg/frameworks/The GDPR"),
    Break("Framework-shortTitle", FRAME, "kg:shortTitle"),
    Break("Framework-kind", FRAME, "kg:kind", (Literal("regulation"),)),
    Break("Framework-jurisdiction", FRAME, "kg:jurisdiction", (Literal("Europe"),)),
    Break("TextVersion", TEXT, "kg:inForceUntil", (day("2030-01-01"),)),
    rename("TextVersion-id", TEXT, "gdpr:first-text"),
    Break("TextVersion-inForceFrom", TEXT, "kg:inForceFrom", (Literal("2016-05-24"),)),
    Break("Provision", ART, "kg:rolle", (kg("role-deployer"),)),
    rename("Provision-id", ART, "https://example.org/art-32.1"),
    rename("Provision-id-gdpr", ART, "gdpr:32.1"),
    rename("Provision-id-eu-ai-act", ART, "eu-ai-act:article-10"),
    rename("Provision-id-iso42001", ART, "iso42001:a.6.2.4"),
    rename("Provision-id-nist-ai-rmf", ART, "nist-ai-rmf:govern-1.1"),
    Break("Provision-kind", ART, "kg:kind", (Literal("paragraf"),)),
    Break("Provision-notation", ART, "skos:notation", (Literal("Article 32(1) "),)),
    Break("Provision-assessable", ART, "kg:assessable", (Literal("yes"),)),
    Break("Provision-modality", ART, "kg:modality", (Literal("must"),)),
    Break("Provision-role", ART, "kg:role", (kg("role-controler"),)),
    Break("Provision-tier", ART, "kg:tier", (kg("tier-high"),)),
    Break("Provision-appliesBy", ART, "kg:appliesBy", (node("gdpr:applies-2018-05-26"),)),
    Break("Provision-amendedOn", ART, "kg:amendedOn", (Literal("July 2026"),)),
    Break("Provision-tag", ART, "kg:tag", (Literal("AI relevant"),)),
    Break("Provision-incorporates", ART, "kg:incorporates", (node("gdpr:annex-IV"),)),
    Break("Provision-allOfPartOf", ART, "kg:allOfPartOf", (OTHER,)),
    Break("Provision-anyOfPartOf", "gdpr:art-32.2", "kg:anyOfPartOf", (OTHER,)),
    Break("Provision-exceptionTo", "gdpr:art-32.3", "kg:exceptionTo", (OTHER,)),
    Break("Provision-conditionOf", "gdpr:art-32.4", "kg:conditionOf", (OTHER,)),
    Break("Requirement-modality", ART, "kg:modality"),
    Break("Alternative-assessable", "gdpr:art-32.2", "kg:assessable", (Literal(True),)),
    Break("ApplicationRule", RULE, "kg:role", (kg("role-deployer"),)),
    rename("ApplicationRule-id", RULE, "gdpr:since-2018"),
    Break("ApplicationRule-appliesFrom", RULE, "kg:appliesFrom", (Literal(2018),)),
    Break("Catalogue", "kgfw:aisb", "kg:order", (Literal(1),)),
    rename("Catalogue-id", "kgfw:aisb", "aisb:catalogue"),
    Break("Catalogue-version", "kgfw:aisb", "owl:versionInfo"),
    Break("Catalogue-description", "kgfw:aisb", "dcterms:description", PLAIN),
    Break("ReferenceControl", "aisb:DAT-01", "kg:summary", (en("a summary"),)),
    rename("ReferenceControl-id", "aisb:DAT-01", "https://w3id.org/aigov-kg/aisb/DAT 01"),
    Break("ReferenceControl-domain", "aisb:DAT-01", "kg:domain"),
    Break("ReferenceControl-statement", "aisb:DAT-01", "kg:statement", PLAIN),
    Break("ReferenceControl-evidence", "aisb:DAT-01", "kg:evidence", (en("one"), en("two"))),
    Break("ReferenceControl-mitigates", "aisb:DAT-01", "kg:mitigates", (node("threat:data-leek"),)),
    Break("JointNode", "aisb:JOINT-01", "kg:statement", (en("a statement"),)),
    rename("JointNode-id", "aisb:JOINT-01", "https://example.org/JOINT-01"),
    Break("JointNode-member", "aisb:JOINT-01", "kg:member", (node("aisb:DAT-09"),)),
    Break("Threat", "threat:data-leak", "kg:mitigates", (OTHER,)),
    rename("Threat-id", "threat:data-leak", "threat:Data_Leak"),
    Break("Threat-broader", "threat:data-leak", "skos:broader", (node("nist-aml:NISTAML.99"),)),
    Break("Threat-closeMatch", "threat:data-leak", "skos:closeMatch", (Literal("AML.T0057"),)),
    Break("Incident", "aiid:6", "kg:mitigates", (node("threat:data-leak"),)),
    rename("Incident-id", "aiid:6", "aiid:case-6"),
    Break("Incident-number", "aiid:6", "kg:number", (Literal(0),)),
    Break("Incident-involves", "aiid:6", "kg:involves", (node("threat:data-leek"),)),
    Break("Incident-sector", "aiid:6", "kg:sector", (Literal("fin-tech"),)),
    Break("Incident-date", "aiid:6", "dcterms:date", (Literal("March 2016"),)),
    Break("NumberedIncident", "aiid:2", "dcterms:title", (en("an invented title"),)),
    rename("NumberedIncident-id", "aiid:2", "aiid:case-2"),
    Break("RiskDomain", "mit-ai-risk:2.1", "kg:summary", (en("a summary"),)),
    rename("RiskDomain-id", "mit-ai-risk:2.1", "mit-ai-risk:8.1"),
    Break("RiskDomain-notation", "mit-ai-risk:2.1", "skos:notation", (Literal("2.1."),)),
    Break("RiskDomain-broader", "mit-ai-risk:2.1", "skos:broader", (node("mit-ai-risk:3"),)),
    Break("RiskDomain-closeMatch", "mit-ai-risk:2.1", "skos:closeMatch", (node("atlas:AML.T0057"),)),
    Break("Classification", CLASS, "kg:rationale", (en("because"),)),
    Break("Classification-incident", CLASS, "kg:incident", (node("threat:data-leak"),)),
    Break("Classification-subdomain", CLASS, "kg:subdomain", (node("mit-ai-risk:2"),)),
    Break("Classification-entity", CLASS, "kg:entity", (Literal("Machine"),)),
    Break("Classification-timing", CLASS, "kg:timing", (Literal("Later"),)),
    Break("Classification-intent", CLASS, "kg:intent", (Literal("Meant"),)),
    Break("Disclaimer", WORDS, "kg:summary", (en("a summary"),)),
    rename("Disclaimer-id", WORDS, "gdpr:advice"),
    Break("Disclaimer-title", WORDS, "dcterms:title", PLAIN),
    Break("Disclaimer-text", WORDS, "kg:text"),
    Break("Disclaimer-concerns", WORDS, "kg:concerns", (node("kgfw:aisb"),)),
    Break("name", WORD, "skos:notation", (Literal("The Processor"),)),
    Break("definedBy", WORD, "kg:definedBy", (node("gdpr:art-99"),)),
    Break("ProfileWord", WORD, "kg:statement", (en("a statement"),)),
    rename("ProfileWord-id", WORD, "vocabulary:processor"),
    Break("ProfileWord-kind", WORD, "kg:kind", (Literal("rolle"),)),
    Break("ProfileWord-implies", WORD, "kg:implies", (node("vocabulary:role-nobody"),)),
    Break("ProfileWord-ofTier", WORD, "kg:ofTier", (kg("tier-high"),)),
    Break("ProfileWord-heldBefore", WORD, "kg:heldBefore", (Literal("2026"),)),
    Break("ProfileWord-heldFrom", WORD, "kg:heldFrom", (Literal("2020"),)),
    Break("Framework-territorialScope", FRAME, "kg:territorialScope", (node("gdpr:art-99"),)),
    Break("Question", ASKED, "kg:statement", (en("a statement"),)),
    rename("Question-id", ASKED, "gdpr:place"),
    Break("Question-kind", ASKED, "kg:kind", (Literal("several"),)),
    Break("Question-scope", ASKED, "kg:scope", (Literal("everyone"),)),
    Break("Question-askedIf", ASKED, "kg:askedIf", (Literal("if needed"),)),
    Break("Option", CHOICE, "kg:statement", (en("a statement"),)),
    rename("Option-id", CHOICE, "question:union"),
    Break("Option-optionOf", CHOICE, "kg:optionOf", (node("question:nowhere"),)),
    Break("Option-sets", CHOICE, "kg:sets", (Literal("provider"),)),
    Break("MappingSet-authority", "kgset:example", "kg:authority", (Literal("project"),)),
    Break("MappingSet-attribution", "kgset:example", "prov:wasAttributedTo", (Literal("us"),)),
    Break("Mapping-rationale", ROW, "kg:rationale", (en("one"), en("two"))),
    Break("Mapping-subject", ROW, "sssom:subject_id", (Literal("aisb:DAT-01"),)),
    Break("Mapping-object", ROW, "sssom:object_id"),
    Break("Mapping-predicate", ROW, "sssom:predicate_id", (node("skos:exactMatch"),)),
    Break("Mapping-modifier", ROW, "sssom:predicate_modifier", (Literal("not"),)),
    Break("Mapping-relation", ROW, "kg:relation", (Literal("overlaps"),)),
    Break("Mapping-reviewed", ROW, "kg:reviewed", (Literal("no"),)),
    Break("Mapping-confidence", ROW, "sssom:confidence", (Literal(7),)),
    Break("Mapping-rationale_kind", ROW, "kg:rationale_kind", (Literal("lexical"),)),
    Break("Mapping-method", ROW, "kg:method", (Literal("manual"),)),
    Break("Mapping-strength", ROW, "kg:strength", (Literal(11),)),
    Break("Mapping-attribution", ROW, "prov:wasAttributedTo", (Literal("us"),)),
    Break("Term-label", "kg:exampleTerm", "rdfs:label", PLAIN),
    Break("Term-definition", "kg:exampleTerm", "skos:definition"),
    Break("Term-source", "kg:exampleTerm", "dcterms:source"),
    Break("Term-status", "kg:exampleTerm", "vs:term_status", (Literal("draft"),)),
]


def test_the_example_conforms_and_shows_every_property() -> None:
    data = _example()
    assert _report(data) == []
    for name, (required, allowed) in CLASSES.items():
        shown = {curie(str(p)) for s in data.subjects(RDF.type, node(name)) for p in data.predicates(s)}
        assert required | allowed <= shown, name


def test_every_message_has_a_graph_that_brings_it_out() -> None:
    speaking = {str(s).removeprefix(SHAPE) for s in SHAPES_GRAPH.subjects(SH.message, None)}
    assert sorted(b.shape for b in BREAKS) == sorted(speaking)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.shape)
def test_a_broken_graph_fails_its_shape_with_its_message(broken: Break) -> None:
    data = _example()
    broken.apply(data)
    found = [(shape, focus, message) for shape, focus, _, message in _report(data)]
    focus = short(node(broken.renamed or broken.subject))
    message = str(SHAPES_GRAPH.value(_shape(broken.shape), SH.message))
    assert (f"kgsh:{broken.shape}", focus, message) in found, found
    if not broken.renamed:
        assert {(s, f) for s, f, _ in found} == {(f"kgsh:{broken.shape}", focus)}, "something else fails too"


def _counted(bound: Node) -> list[tuple[str, str, str]]:
    """(property shape, a node of the example that it is about, path) of every shape with this bound."""
    data, found = _example(), []
    for shape, prop in SHAPES_GRAPH.subject_objects(SH.property):
        path = SHAPES_GRAPH.value(prop, SH.path)
        if SHAPES_GRAPH.value(prop, bound) is None or path is None:
            continue
        target = SHAPES_GRAPH.value(shape, SH.targetClass)
        of = SHAPES_GRAPH.value(shape, SH.targetSubjectsOf)
        focus = sorted(str(s) for s in (data.subjects(RDF.type, target) if target else data.subjects(of)))
        assert focus, f"the example has nothing for {short(shape)}"
        about = next((s for s in focus if (URIRef(s), path, None) in data), focus[0])
        found.append((short(prop), about, str(path)))
    return sorted(found)


def test_whatever_is_required_is_missed() -> None:
    silent = []
    for shape, about, path in _counted(SH.minCount):
        data = _example()
        data.remove((URIRef(about), URIRef(path), None))
        if (shape, curie(about)) not in {(s, f) for s, f, _, _ in _report(data)}:
            silent.append((shape, about))
    assert not silent


def test_whatever_may_stand_once_may_not_stand_twice() -> None:
    silent = []
    for shape, about, path in _counted(SH.maxCount):
        data = _example()
        for value in (en("one"), en("two")):
            data.add((URIRef(about), URIRef(path), value))
        if (shape, curie(about)) not in {(s, f) for s, f, _, _ in _report(data)}:
            silent.append((shape, about))
    assert not silent


@pytest.mark.parametrize(
    "name",
    [
        "eu-ai-act:ch-III", "eu-ai-act:ch-III.sec-2", "eu-ai-act:art-15", "eu-ai-act:art-4a",
        "eu-ai-act:art-10.2.f", "eu-ai-act:art-43.1.sub-2.a", "eu-ai-act:annex-IV.2.b",
        "eu-ai-act:annex-VIII.A.12", "eu-ai-act:annex-XIII.c", "gdpr:art-32.1.b", "iso42001:6.1.2",
        "iso42001:A.6.2.4", "nist-ai-rmf:GOVERN", "nist-ai-rmf:MAP-1.1", "acme:POL-7.b",
    ],
)  # fmt: skip
def test_a_stable_identifier_is_accepted(name: str) -> None:
    data = _example()
    rename("", ART, name).apply(data)
    assert _report(data) == []
