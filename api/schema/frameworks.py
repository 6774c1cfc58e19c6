"""Frameworks and their provisions."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Modality, PartKind
from api.schema.ids import node_id
from api.schema.nodes import Entry, Node, computed, mirror
from kg import answers
from kg.terms import FRAMEWORKS, iri

if TYPE_CHECKING:
    from api.schema.mappings import LegalReference, Mapping
    from api.schema.threats import Exposure

__all__ = ["ApplicationRule", "Condition", "Disclaimer", "Framework", "Part", "Provision", "TextVersion"]

AsOf = Annotated[
    dt.date | None,
    strawberry.argument(description="The day whose text of the law is meant; today where nothing is said."),
]


@strawberry.type(description="A standing caution that travels with the answers it concerns.")
class Disclaimer:
    id: str = field(description="Its name.")
    text: str = field(description="What it says.")
    basis: str = field(description="What it rests on; empty where that goes without saying.")
    frameworks: list[str] = field(description="The frameworks it concerns together; empty means every answer.")


@strawberry.type(description="One consolidated text of a framework.")
class TextVersion:
    date: dt.date = field(description="The day from which this text is in force.")
    title: str = field(description="What it is called.")
    url: str = field(description="Where it can be read; empty where there is no free text.")


@strawberry.type(description="Facts of which any one suffices; several conditions must all hold.")
class Condition:
    any_of: list[str] = field(description="Names of facts (see `vocabulary`); `!fact` is its denial.")


@strawberry.type(description="From when duties apply to those whom its conditions describe.")
class ApplicationRule:
    id: str = field(description="Its name.")
    title: str = field(description="What it says.")
    applies_from: dt.date = field(description="The first day.")
    basis: str = field(description="The provision that says so.")
    conditions: list[Condition] = field(description="What must hold for it to be yours.", metadata={"size": 2})
    confidence: str = field(description="How sure the project is of this date: high, medium or low.")
    note: str = field(description="What to know about it; empty where there is nothing.")


@strawberry.type(description="A standard or law.")
class Framework(Entry, Node):
    name: str = field(description="Its short id, the prefix of its provisions: what `framework` arguments take.")
    short_title: str = field(description="What people call it.")
    publisher: str = field(description="Who publishes it.")
    kind: str = field(description="What sort of text it is: standard, framework, regulation …")
    jurisdiction: str = field(description="Where it is law; empty for what is law nowhere.")
    url: str = field(description="Its official page.")
    licence: str = field(description="What may be done with its text.")
    note: str = field(description="What to know about it; empty where there is nothing.")
    text_versions: list[TextVersion] = field(
        description="Its texts by date, the current one last.", metadata={"size": 2}
    )
    it: strawberry.Private[m.Framework]

    @classmethod
    def of(cls, it: m.Framework) -> "Framework":
        """The schema's view of a framework."""
        return mirror(
            cls,
            it,
            it=it,
            id=node_id("Framework", it.id),
            curie=f"kgfw:{it.id}",
            iri=FRAMEWORKS + it.id,
            name=it.id,
            text_versions=[mirror(TextVersion, v) for v in it.text_versions],
        )

    @computed("How many provisions it has over all its texts.")
    def provision_count(self, info: Info) -> int:
        return sum(1 for p in info.context.release.provisions.values() if p.framework == self.it.id)

    @computed("How many requirements a denominator counts in the text of that day.")
    def requirement_count(self, info: Info, as_of: AsOf = None) -> int:
        return len(info.context.release.requirements(self.it.id, as_of or dt.date.today()))

    @computed("The requirements in the text of that day, in reading order, each once.")
    def requirements(
        self, info: Info, as_of: AsOf = None, first: First = DEFAULT_PAGE, after: After = None
    ) -> "Connection[Provision]":
        found = info.context.release.requirements(self.it.id, as_of or dt.date.today())
        return connect(info, f"requirements of {self.it.id}", found, lambda p: p.id, Provision.of, first, after)

    @computed("All its provisions of all texts, in reading order.")
    def provisions(
        self,
        info: Info,
        kind: Annotated[
            str | None, strawberry.argument(description="Only provisions of this kind: article, control …")
        ] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> "Connection[Provision]":
        every = info.context.release.provisions.values()
        found = [p for p in every if p.framework == self.it.id and kind in (None, p.kind)]
        return connect(info, f"provisions of {self.it.id}", found, lambda p: p.id, Provision.of, first, after)

    @computed("The cautions that travel with every answer about it.", size=5)
    def disclaimers(self, info: Info) -> list[Disclaimer]:
        return [mirror(Disclaimer, d) for d in info.context.release.disclaimers_for(self.it.id)]


@strawberry.type(description="A provision that hangs on another.")
class Part:
    kind: PartKind = field(description="How it hangs on the whole.")
    incorporates: bool = field(
        description="Whether it stands elsewhere in the text and is taken in by a curated edge (Article 11(1) takes in "
        "Annex IV)."
    )
    curie: str = field(description="The part's CURIE.")
    it: strawberry.Private[m.Provision]

    @computed("The part itself.")
    def provision(self) -> "Provision":
        return Provision.of(self.it)


@strawberry.type(description="Any node of a framework: chapter, article, paragraph, point, clause, category, control.")
class Provision(Entry, Node):
    kind: str = field(description="What the framework calls such a node: article, paragraph, subcategory …")
    ref: str = field(description="The official reference: Article 10(2)(f), A.6.2.4, GOVERN 1.1.")
    summary: str = field(description="What it asks, in the project's own words.")
    assessable: bool = field(description="Whether one can assess it: definitions and duties of authorities are not.")
    url: str = field(description="The official text; empty where there is no free text.")
    modality: Modality | None = field(description="How strongly it binds; null where that is said elsewhere.")
    text_from: dt.date | None = field(description="The text version from which it exists; null: from the first.")
    text_until: dt.date | None = field(description="The text version from which it is gone; null: it still stands.")
    amended: dt.date | None = field(description="The text version that changed its wording; null: none did.")
    confidence: str = field(description="How sure the project is of its modelling: high, medium or low.")
    note: str = field(description="What to know about it; empty where there is nothing.")
    tags: list[str] = field(
        description="Further things said of it as kind/value: a trustworthiness characteristic, an AI actor task of "
        "NIST AI 600-1, the guidance of an ISO control; or ai-relevant.",
        metadata={"size": 3},
    )
    it: strawberry.Private[m.Provision]

    @classmethod
    def of(cls, it: m.Provision) -> "Provision":
        """The schema's view of a provision."""
        return mirror(cls, it, it=it, id=node_id("Provision", it.id), curie=it.id, iri=iri(it.id))

    @computed("The framework it belongs to.")
    def framework(self, info: Info) -> Framework:
        return Framework.of(info.context.release.frameworks[self.it.framework])

    @computed("Whether it is a requirement of the text of that day: what a denominator counts.")
    def is_requirement(self, info: Info, as_of: AsOf = None) -> bool:
        found = info.context.release.requirements(self.it.framework, as_of or dt.date.today())
        return any(p.id == self.it.id for p in found)

    @computed("Whom it binds, its own or inherited; empty: nobody in particular.")
    def roles(self, info: Info) -> list[str]:
        return list(info.context.release.inherited(self.it, "roles"))

    @computed("The risk tiers it concerns, its own or inherited; empty: none in particular.")
    def tiers(self, info: Info) -> list[str]:
        return list(info.context.release.inherited(self.it, "tiers"))

    @computed(
        "The facts that must hold for the duty to arise: its own, its wholes' and its framework's.",
        size=3,
    )
    def conditions(self, info: Info) -> list[Condition]:
        return [Condition(any_of=list(c)) for c in info.context.release.conditions(self.it)]

    @computed("From when it applies to whom, its own or inherited.", size=3)
    def application_rules(self, info: Info) -> list[ApplicationRule]:
        release = info.context.release
        rules = [release.rules[r] for r in release.inherited(self.it, "rules")]
        return [mirror(ApplicationRule, r, conditions=[Condition(any_of=list(c)) for c in r.conditions]) for r in rules]

    @computed("The whole it stands in, in the text's own order; null at the top.")
    def whole(self, info: Info) -> "Provision | None":
        release = info.context.release
        above = release.whole(self.it.id)
        return Provision.of(release.provisions[above]) if above else None

    @computed("Its parts, own ones first, in reading order.", size=15)
    def parts(self, info: Info) -> list[Part]:
        release = info.context.release
        found = release.parts_of.get(self.it.id, ())
        return [
            Part(kind=p.kind, incorporates=p.incorporates, curie=p.part, it=release.provisions[p.part]) for p in found
        ]

    @computed("The rows it is an end of, over all mapping sets.")
    def mappings(
        self, info: Info, first: First = DEFAULT_PAGE, after: After = None
    ) -> 'Connection[Annotated[Mapping, strawberry.lazy("api.schema.mappings")]]':
        from api.schema.mappings import rows_of

        return rows_of(info, self.it.id, first, after)

    @computed(
        "Where it or a whole of it names another provision or is named: this informs and never scores.",
        size=5,
    )
    def references(self, info: Info) -> 'list[Annotated[LegalReference, strawberry.lazy("api.schema.mappings")]]':
        from api.schema.mappings import LegalReference

        release = info.context.release
        about = {self.it.id, *release.ancestors(self.it.id)}
        return [LegalReference.of(r) for r in release.references if r.subject in about or r.object in about]

    @computed("The threats it addresses and the incidents in which they struck.")
    def exposure(self, info: Info) -> 'Annotated[Exposure, strawberry.lazy("api.schema.threats")]':
        from api.schema.threats import Exposure

        return Exposure.of(answers.exposure(info.context.release, self.it.id))
