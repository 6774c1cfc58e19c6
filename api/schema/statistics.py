"""What a release holds, counted."""

from typing import Any

import strawberry
from strawberry import field

from api.schema.enums import Authority, Relation
from api.schema.mappings import RelationCount
from kg.model import EXPLICIT_FACTS, ROLES, TIERS
from kg.release import Release

__all__ = ["Stats", "Vocabulary", "Word", "stats", "vocabulary"]


@strawberry.type(description="How many provisions of one kind.")
class KindCount:
    kind: str = field(description="The kind.")
    count: int = field(description="How many, over all texts.")


@strawberry.type(description="One framework, counted.")
class FrameworkStats:
    name: str = field(description="Its short id.")
    title: str = field(description="What it is called.")
    provisions: int = field(description="How many provisions, over all texts.")
    requirements: int = field(description="How many requirements a denominator counts in the current text.")
    by_kind: list[KindCount] = field(description="Its provisions by kind.", metadata={"size": 8})
    text_versions: list[str] = field(description="The dates of its texts.")


@strawberry.type(description="How many controls have rows to one framework.")
class FrameworkCount:
    framework: str = field(description="The framework's short id.")
    count: int = field(description="How many, of the catalogue's `controls`.")


@strawberry.type(description="One catalogue of reference controls, counted.")
class CatalogueStats:
    name: str = field(description="Its short id.")
    title: str = field(description="What it is called.")
    controls: int = field(description="How many controls.")
    joint_nodes: int = field(description="How many joint nodes.")
    controls_with_rows_to: list[FrameworkCount] = field(
        description="How many of the controls have rows to which framework.", metadata={"size": 4}
    )
    controls_left_out_with_reason: int = field(
        description="How often a control has no rows to a framework and the catalogue says why."
    )


@strawberry.type(description="One mapping set, counted.")
class MappingSetStats:
    name: str = field(description="Its short id.")
    title: str = field(description="What it is called.")
    authority: Authority = field(description="Who stands behind it.")
    rows: int = field(description="How many rows.")
    reviewed: int = field(description="How many of them a named person has reviewed.")
    by_relation: list[RelationCount] = field(description="Its rows by relation.", metadata={"size": 8})


@strawberry.type(description="Everything in the release, counted; the numbers of `kg stats`.")
class Stats:
    release: str = field(description="The digest that names the release.")
    frameworks: list[FrameworkStats] = field(description="By framework.", metadata={"size": 4})
    catalogues: list[CatalogueStats] = field(description="By catalogue.", metadata={"size": 4})
    mapping_sets: list[MappingSetStats] = field(description="By mapping set.", metadata={"size": 20})
    mappings: int = field(description="How many rows in all mapping sets.")
    legal_references: int = field(description="How many legal references: they inform and never score.")
    threats: int = field(description="How many threats.")
    threat_links: int = field(description="How many links from threats to controls and provisions.")
    incidents: int = field(description="How many incidents that have a title here.")
    incidents_known_by_number: int = field(
        description="How many more cases are known by number, date, link and classification only."
    )
    incident_classifications: int = field(
        description="How many cases have an MIT classification, of both sorts together."
    )
    disclaimers: int = field(description="How many standing disclaimers.")


@strawberry.type(description="A word of a profile and what it means.")
class Word:
    name: str = field(description="The word.")
    description: str = field(description="What it says of whoever uses it.")
    legal_reference: str = field(description="The provision that defines it, as cited; empty where none does.")
    note: str = field(description="What to mind; where no provision defines it, this says so.")


@strawberry.type(description="The words a profile may use.")
class Vocabulary:
    roles: list[Word] = field(description="Whom a requirement may bind.", metadata={"size": 15})
    tiers: list[Word] = field(description="Risk tiers of the AI Act.", metadata={"size": 7})
    facts: list[Word] = field(
        description="What a duty may hang on. What a profile does not say is taken as true.", metadata={"size": 40}
    )


def _relations(counts: dict[str, int]) -> list[RelationCount]:
    return [RelationCount(relation=Relation(r), count=n) for r, n in counts.items()]


def stats(release: Release) -> Stats:
    """The counts of ``release.stats()``; what is a mapping there is a list with ``name`` here."""
    found: dict[str, Any] = release.stats()
    return Stats(
        release=found["release"],
        frameworks=[
            FrameworkStats(
                name=name,
                title=f["title"],
                provisions=f["provisions"],
                requirements=f["requirements"],
                by_kind=[KindCount(kind=k, count=n) for k, n in f["byKind"].items()],
                text_versions=f["textVersions"],
            )
            for name, f in found["frameworks"].items()
        ],
        catalogues=[
            CatalogueStats(
                name=name,
                title=c["title"],
                controls=c["controls"],
                joint_nodes=c["jointNodes"],
                controls_with_rows_to=[
                    FrameworkCount(framework=f, count=n) for f, n in c["controlsWithRowsTo"].items()
                ],
                controls_left_out_with_reason=c["controlsLeftOutWithReason"],
            )
            for name, c in found["catalogues"].items()
        ],
        mapping_sets=[
            MappingSetStats(
                name=name,
                title=s["title"],
                authority=Authority(s["authority"]),
                rows=s["rows"],
                reviewed=s["reviewed"],
                by_relation=_relations(s["byRelation"]),
            )
            for name, s in found["mappingSets"].items()
        ],
        mappings=found["mappings"],
        legal_references=found["legalReferences"],
        threats=found["threats"],
        threat_links=found["threatLinks"],
        incidents=found["incidents"],
        incidents_known_by_number=found["incidentsKnownByNumber"],
        incident_classifications=found["incidentClassifications"],
        disclaimers=found["disclaimers"],
    )


def vocabulary(release: Release) -> Vocabulary:
    """The words of :mod:`kg.model`, with what the release says of where the law defines them."""

    def words(kind: str, names: dict[str, str]) -> list[Word]:
        known = {name: release.vocabulary.get((kind, name)) for name in names}
        return [
            Word(
                name=name,
                description=text,
                legal_reference=word.basis if (word := known[name]) else "",
                note=word.note if word else "",
            )
            for name, text in names.items()
        ]

    return Vocabulary(roles=words("role", ROLES), tiers=words("tier", TIERS), facts=words("fact", EXPLICIT_FACTS))
