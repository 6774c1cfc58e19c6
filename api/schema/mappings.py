"""Mapping sets and their rows."""

import datetime as dt
from collections.abc import Callable

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Authority, Method, RationaleKind, Relation
from api.schema.ids import node_id
from api.schema.nodes import Entry, Node, computed, mirror
from kg.relations import sentence
from kg.release import Release
from kg.terms import set_iri

__all__ = ["LegalReference", "Mapping", "MappingSet", "RelationCount", "rows_of", "select_rows"]


@strawberry.type(description="How often a relation occurs.")
class RelationCount:
    relation: Relation = field(description="The relation.")
    count: int = field(description="How many rows or items have it, of the total beside it.")


@strawberry.type(description="One SSSOM file: who stands behind its rows.")
class MappingSet(Node):
    name: str = field(description="Its short id: what `set` arguments take.")
    iri: str = field(description="Its name in RDF, which is also the name of its graph.")
    title: str = field(description="What it is called.")
    authority: Authority = field(description="Who stands behind it.")
    licence: str = field(description="What may be done with it.")
    description: str = field(description="How it came about.")
    publisher: str = field(description="Who published it.")
    source_url: str = field(description="Where it comes from; empty where the project wrote it.")
    version: str = field(description="Its version.")
    it: strawberry.Private[m.MappingSet]

    @classmethod
    def of(cls, it: m.MappingSet) -> "MappingSet":
        """The schema's view of a mapping set."""
        return mirror(cls, it, it=it, id=node_id("MappingSet", it.id), name=it.id, iri=set_iri(it.id))

    @computed("How many rows it has.")
    def row_count(self, info: Info) -> int:
        return len(_rows_in(info.context.release, self.it.id))

    @computed("How many of its rows a named person has reviewed.")
    def reviewed_count(self, info: Info) -> int:
        return sum(1 for row in _rows_in(info.context.release, self.it.id) if row.reviewed)

    @computed("How many legal references it holds: they inform and never score, and are not counted as rows.")
    def legal_reference_count(self, info: Info) -> int:
        return sum(1 for r in info.context.release.references if r.set_id == self.it.id)

    @computed("How many links from threats to controls and provisions it holds; they are not counted as rows.")
    def threat_link_count(self, info: Info) -> int:
        return sum(1 for t in info.context.release.threat_links if t.set_id == self.it.id)

    @computed("How many of its rows have which relation.", size=8)
    def by_relation(self, info: Info) -> list[RelationCount]:
        rows = _rows_in(info.context.release, self.it.id)
        counts = {r: sum(1 for row in rows if row.relation == r.value) for r in Relation}
        return [RelationCount(relation=r, count=n) for r, n in counts.items() if n]

    @computed("Its rows.")
    def mappings(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> "Connection[Mapping]":
        rows = _rows_in(info.context.release, self.it.id)
        make = _maker(info.context.release)
        return connect(info, f"rows of {self.it.id}", rows, lambda r: r.id, make, first, after)


@strawberry.type(description="One assertion, always read *subject relation object*.")
class Mapping(Node):
    row: str = field(description="The row's id, derived from its key: the same in every release.")
    set: str = field(description="The name of the mapping set it stands in.")
    authority: Authority = field(description="Who stands behind that set.")
    subject: str = field(description="The CURIE of the subject.")
    relation: Relation = field(description="How the subject stands to the object.")
    object: str = field(description="The CURIE of the object.")
    rationale_kind: RationaleKind = field(description="What the relation is about.")
    rationale: str = field(description="Why, in a sentence.")
    strength: int | None = field(description="How strong the relation is, 0 to 10; null where nobody said.")
    confidence: float | None = field(description="How sure its author is, 0 to 1; null where nobody said.")
    method: Method = field(description="How it was made.")
    reviewed: bool = field(description="Whether a named person has reviewed it.")
    reviewers: list[str] = field(description="Who reviewed it.")
    date: dt.date | None = field(description="When it was made; null where that is not known.")
    subject_version: str = field(description="The text of the subject it was judged on; empty where that is not said.")
    object_version: str = field(description="The text of the object it was judged on; empty where that is not said.")
    citation: str = field(description="Where it is written.")
    note: str = field(description="What to know about it; empty where there is nothing.")
    it: strawberry.Private[m.Mapping]

    @classmethod
    def of(cls, release: Release, it: m.Mapping) -> "Mapping":
        """The schema's view of a row."""
        return mirror(
            cls,
            it,
            it=it,
            id=node_id("Mapping", it.id),
            row=it.id,
            set=it.set_id,
            authority=release.sets[it.set_id].authority,
            relation=Relation(it.relation),
            reviewers=list(it.reviewers),
        )

    @computed("The row as a sentence.")
    def sentence(self) -> str:
        return sentence(self.it.subject, self.it.mask, self.it.object)

    @computed("The mapping set it stands in.")
    def mapping_set(self, info: Info) -> MappingSet:
        return MappingSet.of(info.context.release.sets[self.it.set_id])

    @computed("The subject itself.")
    def subject_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.it.subject)

    @computed("The object itself.")
    def object_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.it.object)


@strawberry.type(description="One provision names another: this informs and is never a step of a chain.")
class LegalReference:
    subject: str = field(description="The CURIE of the provision that names the other.")
    kind: str = field(description="How: without prejudice to, builds on …")
    object: str = field(description="The CURIE of the provision that is named.")
    note: str = field(description="What it says.")
    citation: str = field(description="Where it says so.")
    set: str = field(description="The mapping set it stands in.")

    @classmethod
    def of(cls, it: m.LegalReference) -> "LegalReference":
        """The schema's view of a legal reference."""
        return mirror(cls, it, set=it.set_id)


def _rows_in(release: Release, set_: str) -> tuple[m.Mapping, ...]:
    return tuple(row for row in release.mappings if row.set_id == set_)


def _maker(release: Release) -> Callable[[m.Mapping], Mapping]:
    return lambda row: Mapping.of(release, row)


def rows_of(info: Info, node: str, first: int, after: str | None) -> Connection[Mapping]:
    """The rows a node is an end of."""
    release = info.context.release
    rows = release.rows_of.get(node, ())
    return connect(info, f"rows of {node}", rows, lambda r: r.id, _maker(release), first, after)


def select_rows(
    release: Release,
    *,
    set_: str | None = None,
    authority: Authority | None = None,
    framework: str | None = None,
    relation: Relation | None = None,
    node: str | None = None,
    reviewed: bool | None = None,
) -> list[m.Mapping]:
    """The rows that pass every filter that is given."""
    rows = release.mappings if node is None else release.rows_of.get(node, ())
    prefix = f"{framework}:" if framework else ""
    return [
        row
        for row in rows
        if set_ in (None, row.set_id)
        and authority in (None, release.sets[row.set_id].authority)
        and relation in (None, Relation(row.relation))
        and reviewed in (None, row.reviewed)
        and (row.subject.startswith(prefix) or row.object.startswith(prefix))
    ]
