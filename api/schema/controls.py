"""Catalogues of reference controls, their controls and joint nodes."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.ids import node_id
from api.schema.nodes import Entry, Node, computed, mirror
from kg.terms import iri

if TYPE_CHECKING:
    from api.schema.mappings import Mapping
    from api.schema.threats import Threat

__all__ = ["Catalogue", "JointNode", "ReferenceControl"]


@strawberry.type(description="Why a control has no rows to a framework: looked at and left out.")
class LeftOut:
    framework: str = field(description="The framework's short id.")
    reason: str = field(description="Why, in a sentence.")


@strawberry.type(description="A control of a catalogue that the release ships.")
class ReferenceControl(Entry, Node):
    catalogue: str = field(description="The catalogue it belongs to.")
    domain: str = field(description="The part of the catalogue it stands in.")
    statement: str = field(description="Exactly what is done.")
    rationale: str = field(description="Why.")
    evidence: str = field(description="What would show that it is done.")
    it: strawberry.Private[m.ReferenceControl]

    @classmethod
    def of(cls, it: m.ReferenceControl) -> "ReferenceControl":
        """The schema's view of a reference control."""
        return mirror(cls, it, it=it, id=node_id("ReferenceControl", it.id), curie=it.id, iri=iri(it.id))

    @computed("The threats it mitigates.", size=5)
    def threats(self, info: Info) -> 'list[Annotated[Threat, strawberry.lazy("api.schema.threats")]]':
        from api.schema.threats import Threat

        return [Threat.of(info.context.release.threats[t]) for t in self.it.threats]

    @computed("The frameworks it deliberately has no rows to.", size=2)
    def left_out(self, info: Info) -> list[LeftOut]:
        return [mirror(LeftOut, n) for n in info.context.release.non_coverage if n.subject == self.it.id]

    @computed("The joint nodes it is a member of.", size=5)
    def joint_nodes(self, info: Info) -> "list[JointNode]":
        return [JointNode.of(j) for j in info.context.release.joints.values() if self.it.id in j.members]

    @computed("The rows it is an end of, over all mapping sets.")
    def mappings(
        self, info: Info, first: First = DEFAULT_PAGE, after: After = None
    ) -> 'Connection[Annotated[Mapping, strawberry.lazy("api.schema.mappings")]]':
        from api.schema.mappings import rows_of

        return rows_of(info, self.it.id, first, after)


@strawberry.type(description="Several reference controls together, their union: one requirement often takes several.")
class JointNode(Entry, Node):
    catalogue: str = field(description="The catalogue it belongs to.")
    rationale: str = field(description="Why these together.")
    it: strawberry.Private[m.JointNode]

    @classmethod
    def of(cls, it: m.JointNode) -> "JointNode":
        """The schema's view of a joint node."""
        return mirror(cls, it, it=it, id=node_id("JointNode", it.id), curie=it.id, iri=iri(it.id))

    @computed("The controls it unites.", size=4)
    def members(self, info: Info) -> list[ReferenceControl]:
        return [ReferenceControl.of(info.context.release.controls[c]) for c in self.it.members]

    @computed("The rows it is an end of, over all mapping sets.")
    def mappings(
        self, info: Info, first: First = DEFAULT_PAGE, after: After = None
    ) -> 'Connection[Annotated[Mapping, strawberry.lazy("api.schema.mappings")]]':
        from api.schema.mappings import rows_of

        return rows_of(info, self.it.id, first, after)


@strawberry.type(description="A catalogue of reference controls.")
class Catalogue(Node):
    name: str = field(description="Its short id, the prefix of its controls.")
    title: str = field(description="What it is called.")
    publisher: str = field(description="Who publishes it.")
    licence: str = field(description="What may be done with it.")
    version: str = field(description="Its version.")
    description: str = field(description="What it is for.")
    url: str = field(description="Its page; empty where it has none.")
    it: strawberry.Private[m.Catalogue]

    @classmethod
    def of(cls, it: m.Catalogue) -> "Catalogue":
        """The schema's view of a catalogue."""
        return mirror(cls, it, it=it, id=node_id("Catalogue", it.id), name=it.id)

    @computed("Its controls.")
    def controls(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[ReferenceControl]:
        found = [c for c in info.context.release.controls.values() if c.catalogue == self.it.id]
        return connect(info, f"controls of {self.it.id}", found, lambda c: c.id, ReferenceControl.of, first, after)

    @computed("Its joint nodes.")
    def joint_nodes(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[JointNode]:
        found = [j for j in info.context.release.joints.values() if j.catalogue == self.it.id]
        return connect(info, f"joint nodes of {self.it.id}", found, lambda j: j.id, JointNode.of, first, after)
