"""Threats, and what happened to others."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import ThreatRelation
from api.schema.ids import node_id
from api.schema.nodes import Entry, Node, computed, mirror
from kg import answers
from kg.release import Release
from kg.terms import iri

if TYPE_CHECKING:
    from api.schema.exposures import ConcernedControl, ConcernedRequirement

__all__ = ["Classification", "ClassificationSet", "Exposure", "Incident", "RiskDomain", "Threat", "ThreatLink"]


@strawberry.type(description="A control or provision that bears on a threat.")
class ThreatLink:
    relation: ThreatRelation = field(description="How it bears on the threat.")
    target: str = field(description="The CURIE of the control or provision.")
    rationale: str = field(description="Why, in a sentence.")
    set: str = field(description="The mapping set it stands in.")

    @computed("The control or provision itself.")
    def target_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.target)


@strawberry.type(description="An attack or failure class: NIST AI 100-2 with the ids of other schemes.")
class Threat(Entry, Node):
    summary: str = field(description="What it is.")
    broader: list[str] = field(description="The CURIEs of the wider classes it belongs to.")
    matches: list[str] = field(description="The same class in other schemes, for example MITRE ATLAS.")
    note: str = field(description="What to know about it; empty where there is nothing.")
    it: strawberry.Private[m.Threat]

    @classmethod
    def of(cls, it: m.Threat) -> "Threat":
        """The schema's view of a threat."""
        return mirror(cls, it, it=it, id=node_id("Threat", it.id), curie=it.id, iri=iri(it.id))

    @computed("What bears on it: controls and provisions.", size=10)
    def links(
        self,
        info: Info,
        relation: Annotated[ThreatRelation | None, strawberry.argument(description="Only links of this kind.")] = None,
    ) -> list[ThreatLink]:
        links = info.context.release.threat_links
        found = [t for t in links if t.threat == self.it.id and relation in (None, t.relation)]
        return [mirror(ThreatLink, t, set=t.set_id) for t in found]

    @computed("The incidents of it or of anything narrower, latest first, undated last.")
    def incidents(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> "Connection[Incident]":
        found = answers.incidents_of(info.context.release, self.it.id)
        return connect(info, f"incidents of {self.it.id}", found, lambda i: i.id, Incident.of, first, after)


@strawberry.type(description="A domain or subdomain of the MIT AI Risk Repository.")
class RiskDomain:
    curie: str = field(description="Its CURIE: mit-ai-risk:7.3.")
    iri: str = field(description="The name of the same thing in RDF.")
    ref: str = field(description="Its number in the repository: 7 for a domain, 7.3 for a subdomain.")
    title: str = field(description="What the repository calls it.")

    @classmethod
    def of(cls, it: m.RiskDomain) -> "RiskDomain":
        """The schema's view of a domain or subdomain."""
        return mirror(cls, it, curie=it.id, iri=iri(it.id))


@strawberry.type(description="A table of classifications: whose it is, and what may be done with it.")
class ClassificationSet:
    iri: str = field(description="Its name in RDF, which is also the name of its graph.")
    title: str = field(description="What it is called.")
    licence: str = field(description="What may be done with it.")
    attribution: str = field(description="Whom to name when passing it on.")
    origin: str = field(description="Where it was taken from.")


@strawberry.type(description="Where a case stands in the taxonomies of the MIT AI Risk Repository.")
class Classification:
    domain: RiskDomain = field(description="The domain of risk.")
    subdomain: RiskDomain = field(description="The subdomain within it.")
    entity: str = field(description="Who caused the risk: AI, Human or Other.")
    timing: str = field(description="When it arose: Pre-deployment, Post-deployment or Other.")
    intent: str = field(description="Whether it was meant: Intentional, Unintentional or Other.")
    set: ClassificationSet = field(description="The table it stands in.")

    @classmethod
    def of(cls, release: Release, it: m.Classification) -> "Classification":
        """The schema's view of a classification."""
        subdomain, table = release.risk_domains[it.subdomain], release.classification_sets[it.set_id]
        return mirror(
            cls,
            it,
            domain=RiskDomain.of(release.risk_domains[subdomain.broader]),
            subdomain=RiskDomain.of(subdomain),
            set=mirror(ClassificationSet, table, iri=table.id),
        )


@strawberry.type(
    description="A case of the AI Incident Database (CC BY-SA 4.0, Responsible AI Collaborative): number, date, title "
    "and link."
)
class Incident(Entry, Node):
    number: int = field(description="Its number in the AI Incident Database.")
    date: str = field(description="ISO 8601; may be a year and month only, or empty where it is not known.")
    url: str = field(description="Its page in the AI Incident Database.")
    basis: str = field(description="What the link to its threats rests on.")
    sector: str = field(description="Where it took place, as the project judges; empty where it is not known.")
    it: strawberry.Private[m.Incident]

    @classmethod
    def of(cls, it: m.Incident) -> "Incident":
        """The schema's view of an incident."""
        return mirror(cls, it, it=it, id=node_id("Incident", it.id), curie=it.id, iri=iri(it.id))

    @computed("The threats that struck.", size=3)
    def threats(self, info: Info) -> list[Threat]:
        return [Threat.of(info.context.release.threats[t]) for t in self.it.threats]

    @computed("Where it stands in the taxonomies of the MIT AI Risk Repository; null where the release does not say.")
    def classification(self, info: Info) -> Classification | None:
        release = info.context.release
        found = release.classifications.get(self.it.id)
        return Classification.of(release, found) if found else None

    @computed(
        "The requirements that address its threats, in reading order; null with an error where nobody has recorded "
        "its threats.",
        cost=20,
    )
    def requirements(
        self,
        info: Info,
        as_of: Annotated[
            dt.date | None, strawberry.argument(description="The day whose texts are meant; left out: today.")
        ] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> 'Connection[Annotated[ConcernedRequirement, strawberry.lazy("api.schema.exposures")]] | None':
        from api.schema.exposures import requirements_concerned

        return requirements_concerned(info, self.it.id, as_of, first, after)

    @computed(
        "The reference controls that bear on its threats, by id; null with an error where nobody has recorded its "
        "threats.",
        cost=20,
    )
    def reference_controls(
        self, info: Info, first: First = DEFAULT_PAGE, after: After = None
    ) -> 'Connection[Annotated[ConcernedControl, strawberry.lazy("api.schema.exposures")]] | None':
        from api.schema.exposures import controls_concerned

        return controls_concerned(info, self.it.id, first, after)


@strawberry.type(
    description="The threats a provision addresses (through itself, a whole or a part) and the incidents where they "
    "struck."
)
class Exposure:
    note: str = field(description="Why there are none, in a sentence; empty where there are some.")
    it: strawberry.Private[answers.Exposure]

    @classmethod
    def of(cls, it: answers.Exposure) -> "Exposure":
        """The schema's view of an exposure."""
        return cls(note=it.note, it=it)

    @computed("The threats.", size=5)
    def threats(self) -> list[Threat]:
        return [Threat.of(t) for t in self.it.threats]

    @computed("The incidents, latest first, undated last.")
    def incidents(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Incident]:
        name = f"incidents behind {self.it.requirement}"
        return connect(info, name, self.it.incidents, lambda i: i.id, Incident.of, first, after)
