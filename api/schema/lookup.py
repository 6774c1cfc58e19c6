"""From an id of any sort to the thing in the schema."""

import strawberry
from strawberry import field

from api.schema.controls import Catalogue, JointNode, ReferenceControl
from api.schema.frameworks import Framework, Provision
from api.schema.ids import BadIdError, split_id
from api.schema.mappings import Mapping, MappingSet
from api.schema.nodes import Entry, Node, computed
from api.schema.threats import Incident, Threat
from kg.answers import Hit
from kg.errors import UnknownIdError, UsageError
from kg.release import Release
from kg.terms import BASE, FRAMEWORKS, curie

__all__ = ["By", "ReferenceInput", "SearchHit", "check_length", "entry", "find", "framework_name", "node"]

#: The longest id, CURIE, IRI or reference that is looked up.
MAX_NAME = 300


@strawberry.input(description="An official reference within a framework, as people write it.")
class ReferenceInput:
    framework: str = field(description="The framework's short id: eu-ai-act.")
    reference: str = field(description="The reference: Article 10(2)(f), A.6.2.4, govern 1.1. Case does not matter.")


@strawberry.input(one_of=True, description="One way to name a thing: exactly one of the fields.")
class By:
    id: strawberry.Maybe[strawberry.ID] = field(description="The opaque id of an `id` field.", default=None)
    curie: strawberry.Maybe[str] = field(description="The CURIE: gdpr:art-32.1.b.", default=None)
    iri: strawberry.Maybe[str] = field(description="The IRI in RDF.", default=None)
    reference: strawberry.Maybe[ReferenceInput] = field(
        description="The official reference within a framework.", default=None
    )


def check_length(what: str, text: str, most: int) -> None:
    """Raises :class:`~kg.errors.UsageError` for a text that is longer than any such thing."""
    if len(text) > most:
        raise UsageError(f"{what} of {len(text)} characters cannot be meant", f"at most {most}")


def entry(release: Release, id_: str) -> Entry:
    """The schema's view of anything with a CURIE; raises :class:`~kg.errors.UnknownIdError`."""
    if id_ in release.provisions:
        return Provision.of(release.provisions[id_])
    if id_ in release.controls:
        return ReferenceControl.of(release.controls[id_])
    if id_ in release.joints:
        return JointNode.of(release.joints[id_])
    if id_ in release.threats:
        return Threat.of(release.threats[id_])
    if id_ in release.incidents:
        return Incident.of(release.incidents[id_])
    if id_ in release.known_by_number:
        return Incident.of(release.known_by_number[id_])
    name = id_.removeprefix("kgfw:")
    if name in release.frameworks:
        return Framework.of(release.frameworks[name])
    raise release.unknown(id_)


def node(release: Release, id_: str) -> Node | None:
    """The thing behind an opaque id, or ``None`` where this release has none; raises
    :class:`~api.schema.ids.BadIdError` for what is no id at all."""
    kind, key = split_id(id_)
    if kind == "Mapping":
        return Mapping.of(release, release.row[key]) if key in release.row else None
    if kind == "MappingSet":
        return MappingSet.of(release.sets[key]) if key in release.sets else None
    if kind == "Catalogue":
        return Catalogue.of(release.catalogues[key]) if key in release.catalogues else None
    try:
        found = entry(release, key)
    except UnknownIdError:
        return None
    return found if type(found).__name__ == kind else None


def find(release: Release, by: By) -> str:
    """The CURIE of what ``by`` names; raises :class:`~kg.errors.UnknownIdError` with the nearest."""
    for given in (by.id, by.curie, by.iri):
        if given is not None:
            check_length("a name", given.value, MAX_NAME)
    if by.id is not None:
        kind, key = split_id(by.id.value)
        if kind in ("Mapping", "MappingSet", "Catalogue"):
            raise BadIdError(f"this is the id of a {kind}", "give the id of a node with a CURIE")
        return key
    if by.reference is not None:
        check_length("a reference", by.reference.value.reference, MAX_NAME)
        framework = release.framework(by.reference.value.framework)
        return release.resolve(by.reference.value.reference, framework.id)
    if by.iri is not None:
        short = curie(by.iri.value)
        if short == by.iri.value:
            raise UnknownIdError(f"{by.iri.value[:100]} is not an IRI of this graph", f"they begin with {BASE}")
        return short
    if by.curie is not None:
        return release.resolve(by.curie.value)
    raise UsageError("nothing is named", "give exactly one of id, curie, iri, reference")


def framework_name(release: Release, text: str) -> str:
    """The short id of a framework, from its short id, CURIE, IRI or opaque id."""
    check_length("a name", text, MAX_NAME)
    for before in ("kgfw:", FRAMEWORKS):
        text = text.removeprefix(before)
    if text not in release.frameworks:
        try:
            kind, key = split_id(text)
        except BadIdError:
            pass
        else:
            text = key if kind == "Framework" else text
    return release.framework(text).id


@strawberry.type(description="One thing found by `search`.")
class SearchHit:
    curie: str = field(description="Its CURIE.")
    kind: str = field(description="What it is: a provision's kind, control, joint node, threat or incident.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its title.")
    summary: str = field(description="What it says, in the project's own words; empty for incidents.")
    score: float = field(description="How well it fits (BM25); 1000 for an exact id or reference.")
    it: strawberry.Private[Hit]
    release: strawberry.Private[Release]

    @computed("The thing itself.")
    def node(self) -> Entry:
        return entry(self.release, self.it.id)
