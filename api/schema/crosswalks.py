"""Crosswalks between two frameworks, or a catalogue and a framework."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Authority, Method, Outcome, RationaleKind, Relation
from api.schema.frameworks import Disclaimer
from api.schema.nodes import Entry, computed, mirror
from api.schema.steps import Step, steps_of
from kg import answers
from kg.release import Release

__all__ = ["Crosswalk", "CrosswalkRow", "CrosswalkSide", "DerivedRow"]


@strawberry.type(description="How many items of one side have a row with this relation.")
class SideRelationCount:
    relation: str = field(description="The relation, read from this side; several possible ones are joined by `|`.")
    count: int = field(description="How many items, of the side's `total`.")


@strawberry.type(description="One side of a crosswalk, with its denominator.")
class CrosswalkSide:
    framework: str = field(description="The short id of the framework or catalogue.")
    title: str = field(description="What it is called.")
    total: int = field(description="The denominator: its requirements in the text of the day, or its controls.")
    mapped: int = field(description="Of these, how many have a direct row other than no_relationship.")
    contained: int = field(description="Of these, how many are contained by something on the other side.")
    looked_at: int = field(description="Of these, how many have any direct row, no_relationship included.")
    by_relation: list[SideRelationCount] = field(
        description="Of these, how many have a row of which relation.", metadata={"size": 8}
    )
    unmapped: list[str] = field(description="The CURIEs of those without: at most `total` of them, in reading order.")


@strawberry.type(
    description="One assertion, turned round if needed so that it reads from the first side to the second."
)
class CrosswalkRow:
    subject: str = field(description="The CURIE on the first side.")
    subject_title: str = field(description="Its title.")
    relation: Relation = field(description="How the first stands to the second.")
    object: str = field(description="The CURIE on the second side.")
    object_title: str = field(description="Its title.")
    set: str = field(description="The mapping set that says so.")
    row: str = field(description="The row's id.")
    authority: Authority = field(description="Who stands behind the set.")
    turned: bool = field(description="Whether the set writes it the other way round.")
    rationale_kind: RationaleKind = field(description="What the relation is about.")
    rationale: str = field(description="Why, in a sentence.")
    strength: int | None = field(description="How strong the relation is, 0 to 10; null where nobody said.")
    confidence: float | None = field(description="How sure its author is, 0 to 1; null where nobody said.")
    method: Method = field(description="How it was made.")
    reviewed: bool = field(description="Whether a named person has reviewed it.")
    reviewers: list[str] = field(description="Who reviewed it.")
    date: dt.date | None = field(description="When it was made; null where that is not known.")
    subject_version: str = field(description="The text of the written subject it was judged on.")
    object_version: str = field(description="The text of the written object it was judged on.")
    citation: str = field(description="Where it is written.")
    note: str = field(description="What to know about it; empty where there is nothing.")

    @classmethod
    def of(cls, release: Release, it: answers.CrosswalkRow) -> "CrosswalkRow":
        """The schema's view of a crosswalk row."""
        return mirror(
            cls,
            it.row,
            subject=it.subject,
            subject_title=release.title(it.subject),
            relation=Relation(it.relation),
            object=it.object,
            object_title=release.title(it.object),
            set=it.row.set_id,
            row=it.row.id,
            authority=release.sets[it.row.set_id].authority,
            turned=it.turned,
            reviewers=list(it.row.reviewers),
        )

    @computed("The thing on the first side.")
    def subject_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.subject)

    @computed("The thing on the second side.")
    def object_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.object)


@strawberry.type(description="What follows between two items that no row joins directly; computed and stored nowhere.")
class DerivedRow:
    subject: str = field(description="The CURIE on the first side.")
    relation: str = field(description="What is known; several possible relations are joined by `|`.")
    object: str = field(description="The CURIE on the second side.")
    outcome: Outcome = field(description="What that amounts to.")
    disputed: bool = field(description="Whether chains contradict each other.")
    steps: list[Step] = field(description="The chain it stands on.", metadata={"size": 4})

    @classmethod
    def of(cls, it: answers.DerivedRow) -> "DerivedRow":
        """The schema's view of a derived row."""
        return mirror(cls, it, outcome=Outcome[it.outcome], steps=steps_of(it.steps))


@strawberry.type(description="Both directions between two frameworks. Direct rows and derived relations stand apart.")
class Crosswalk:
    source: str = field(description="The first side.")
    target: str = field(description="The second side.")
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day whose texts are compared.")
    method: str = field(description="How the answer was made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 5})
    sides: list[CrosswalkSide] = field(
        description="Both sides with their counts and denominators: source, then target.", metadata={"size": 2}
    )
    it: strawberry.Private[answers.Crosswalk]

    @classmethod
    def of(cls, it: answers.Crosswalk) -> "Crosswalk":
        """The schema's view of a crosswalk."""
        return mirror(
            cls,
            it,
            it=it,
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
            sides=[
                mirror(
                    CrosswalkSide,
                    side,
                    by_relation=[SideRelationCount(relation=r, count=n) for r, n in side.by_relation],
                    unmapped=list(side.unmapped),
                )
                for side in it.sides
            ],
        )

    @computed("The direct rows: somebody's assertions.")
    def rows(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[CrosswalkRow]:
        release = info.context.release
        name = f"crosswalk {self.source} {self.target}"
        return connect(
            info, name, self.it.rows, lambda r: r.row.id, lambda r: CrosswalkRow.of(release, r), first, after
        )

    @computed("What follows from chains where no row joins two items directly.")
    def derived(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[DerivedRow]:
        name = f"derived {self.source} {self.target}"
        return connect(info, name, self.it.derived, lambda r: f"{r.subject} {r.object}", DerivedRow.of, first, after)
