"""What the graph can speak of and what it cannot, and where its sources differ."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema.enums import Authority, Method, Relation
from api.schema.mappings import RelationCount
from api.schema.nodes import Entry, computed, mirror
from kg import answers

__all__ = ["ContentReport", "Disagreement", "FrameworkReport", "PairReport", "Statement"]


# ---------------------------------------------------------------------------- disagreements


@strawberry.type(description="What one mapping set says of a pair, turned so that it reads from the pair's subject.")
class Statement:
    relation: Relation = field(description="How the pair's subject stands to its object, as this set has it.")
    set: str = field(description="The mapping set that says so.")
    authority: Authority = field(description="Who stands behind the set.")
    method: Method = field(description="How the row was made.")
    reviewed: bool = field(description="Whether a named person has reviewed it.")
    row: str = field(description="The row's id, for `mapping(row:)`.")
    rationale: str = field(description="Why, in a sentence.")

    @classmethod
    def of(cls, it: answers.Statement) -> "Statement":
        """The schema's view of a statement."""
        return mirror(
            cls,
            it.row,
            relation=Relation(it.relation),
            set=it.row.set_id,
            authority=Authority(it.authority),
            row=it.row.id,
        )


@strawberry.type(description="Two things of which several mapping sets speak differently. All stay; a reader decides.")
class Disagreement:
    subject: str = field(description="The CURIE from which every statement reads.")
    object: str = field(description="The CURIE to which they read.")
    contradiction: bool = field(
        description="Whether the sets cannot both be right; otherwise one only says more than the other."
    )
    relation: Relation | None = field(description="What all say together; null for a contradiction.")
    statements: list[Statement] = field(
        description="What each row says, the most authoritative set first.", metadata={"size": 3}
    )

    @classmethod
    def of(cls, it: answers.Disagreement) -> "Disagreement":
        """The schema's view of a disagreement."""
        return mirror(
            cls,
            it,
            relation=Relation(it.relation) if it.relation else None,
            statements=[Statement.of(s) for s in it.statements],
        )

    @computed("The subject itself.")
    def subject_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.subject)

    @computed("The object itself.")
    def object_node(self, info: Info) -> Entry:
        from api.schema.lookup import entry

        return entry(info.context.release, self.object)


# ---------------------------------------------------------------------------- the content report


@strawberry.type(description="How many requirements so many reference controls or joint nodes contain or overlap.")
class BucketCount:
    bucket: str = field(description="How many contain or overlap one requirement: 0, 1, 2-4, 5-9 or 10 or more.")
    count: int = field(description="How many requirements, of the framework's `requirements`.")


@strawberry.type(description="How many rows come from sets with one authority.")
class AuthorityCount:
    authority: Authority = field(description="Who stands behind the sets.")
    count: int = field(description="How many, of the pair's `rows`.")


@strawberry.type(description="What reference controls and joint nodes can do for one framework's requirements.")
class FrameworkReport:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    requirements: int = field(description="The denominator: its requirements in the text of the day.")
    containable: int = field(description="Of these, how many some reference control or joint node contains.")
    reachable: int = field(description="Of these, how many some reference control or joint node contains or overlaps.")
    overlapped_only: list[str] = field(
        description="The CURIEs of those that are overlapped and never contained: at most `requirements` of them, in "
        "reading order."
    )
    beyond: list[str] = field(
        description="The CURIEs of those that nothing reaches: at most `requirements` of them, in reading order."
    )
    by_count: list[BucketCount] = field(
        description="The requirements by how many reference controls or joint nodes contain or overlap them.",
        metadata={"size": 5},
    )

    @classmethod
    def of(cls, it: answers.FrameworkReport) -> "FrameworkReport":
        """The schema's view of a framework's part of the report."""
        return mirror(
            cls,
            it,
            overlapped_only=list(it.overlapped_only),
            beyond=list(it.beyond),
            by_count=[BucketCount(bucket=b, count=n) for b, n in it.by_count],
        )


@strawberry.type(
    description="The direct rows between two frameworks, or a catalogue and a framework. A row that says "
    "no_relationship is counted as a row, but its ends do not count as mapped by it."
)
class PairReport:
    source: str = field(description="The short id of the first framework or catalogue.")
    target: str = field(description="The short id of the second.")
    rows: int = field(description="How many rows, whichever way they are written.")
    by_relation: list[RelationCount] = field(
        description="The rows by relation, as their sets write them.", metadata={"size": 8}
    )
    by_authority: list[AuthorityCount] = field(description="The rows by authority.", metadata={"size": 5})
    reviewed: int = field(description="How many of the rows a named person has reviewed.")
    source_total: int = field(description="How many requirements the first has, or controls and joint nodes.")
    source_mapped: int = field(description="Of these, how many are an end of a row other than no_relationship.")
    target_total: int = field(description="How many requirements the second has, or controls and joint nodes.")
    target_mapped: int = field(description="Of these, how many are an end of a row other than no_relationship.")

    @classmethod
    def of(cls, it: answers.PairReport) -> "PairReport":
        """The schema's view of a pair's part of the report."""
        return mirror(
            cls,
            it,
            by_relation=[RelationCount(relation=Relation(r), count=n) for r, n in it.by_relation],
            by_authority=[AuthorityCount(authority=Authority(a), count=n) for a, n in it.by_authority],
        )


@strawberry.type(description="What the graph can speak of and what it cannot; the numbers of `kg report content`.")
class ContentReport:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day whose texts are meant.")
    frameworks: list[FrameworkReport] = field(description="By framework, in their order.", metadata={"size": 4})
    pairs: list[PairReport] = field(
        description="By pair of frameworks or catalogues, each once and only where there are rows.",
        metadata={"size": 20},
    )

    @classmethod
    def of(cls, it: answers.ContentReport) -> "ContentReport":
        """The schema's view of the report."""
        return mirror(
            cls,
            it,
            frameworks=[FrameworkReport.of(f) for f in it.frameworks],
            pairs=[PairReport.of(p) for p in it.pairs],
        )
