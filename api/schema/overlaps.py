"""How much of one framework another gives: one direction, or the matrix.  The names are those of the JSON exports."""

import datetime as dt
from collections.abc import Iterable

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.assessments import Counts, Group, Profile, RequirementResult
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Applicability, Authority
from api.schema.frameworks import Disclaimer
from api.schema.inputs import AssessmentInput, ProfileInput, TooMuchError, filter_of
from api.schema.nodes import computed, mirror
from api.schema.steps import Step, steps_of
from kg import answers
from kg.answers.overlap import Assumption, SourceSide
from kg.answers.overlap import RowsBehind as KgRowsBehind
from kg.permalink import permalink_of
from kg.release import Release

__all__ = ["MAX_CELLS", "Overlap", "OverlapMatrix", "check_cells", "matrix", "overlap"]

#: The most cells of one matrix.
MAX_CELLS = 400


@strawberry.type(description="A requirement of the source that is not taken as met, and why.")
class NotAssumed:
    curie: str = field(description="Its CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    applicability: Applicability = field(description="Whether it does not concern the organisation, or not yet.")
    because: str = field(description="What decided that: role, tier, territory, fact, excluded or date.")
    explanation: str = field(description="The same in words.")


@strawberry.type(description="The giving side with its own denominator: what is taken as done, of how much.")
class OverlapSource:
    id: str = field(description="The short id of the framework or catalogue.")
    title: str = field(description="What it is called.")
    short_title: str = field(description="What it is called for short.")
    kind: str = field(description="framework or catalogue.")
    text_version: dt.date | None = field(description="Its text in force on the day; null for a catalogue.")
    assumed: int = field(description="How many of its requirements (reference controls) are taken as met.")
    total: int = field(description="How many it has.")
    not_applicable: int = field(description="Of these, those that do not concern the organisation: not taken as met.")
    excluded: int = field(description="Of the not applicable, those the organisation excluded itself.")
    not_yet_applicable: int = field(description="Of all, those that apply later: not taken as met.")
    provisions: int = field(description="How many provisions are done by that, wholes included.")
    it: strawberry.Private[SourceSide]

    @classmethod
    def of(cls, it: SourceSide) -> "OverlapSource":
        """The schema's view of a giving side."""
        return mirror(cls, it, it=it)

    @computed("The requirements that are not taken as met, in reading order, each with why.")
    def not_assumed(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[NotAssumed]:
        name = f"not assumed of {self.id}"
        return connect(
            info, name, self.it.not_assumed, lambda x: x.curie, lambda x: mirror(NotAssumed, x), first, after
        )


@strawberry.type(description="The framework whose requirements are counted.")
class OverlapTarget:
    id: str = field(description="Its short id.")
    title: str = field(description="What it is called.")
    short_title: str = field(description="What it is called for short.")
    text_version: dt.date = field(description="Its text in force on the day.")


@strawberry.type(description="Which rows may count.")
class RowFilter:
    max_hops: int = field(description="How many rows a chain may have.")
    min_authority: Authority = field(description="The least authority a row must have.")
    reviewed_only: bool = field(description="Whether only reviewed rows count.")
    sets: list[str] = field(description="Only rows of these mapping sets; empty: of all.")

    @classmethod
    def of(cls, it: answers.Filter) -> "RowFilter":
        """The schema's view of a filter."""
        return mirror(cls, it, sets=list(it.sets))


@strawberry.type(description="How many rows of one mapping set an answer stands on.")
class SetRows:
    set: str = field(description="The mapping set.")
    authority: Authority = field(description="Who stands behind it.")
    rows: int = field(description="How many of its rows, each once.")
    reviewed: int = field(description="How many of these a named person has reviewed.")


@strawberry.type(description="The rows that everything covered stands on together, each counted once.")
class RowsBehind:
    rows: int = field(description="How many rows.")
    reviewed: int = field(description="How many of these a named person has reviewed.")
    by_set: list[SetRows] = field(description="The same by mapping set.", metadata={"size": 5})

    @classmethod
    def of(cls, it: KgRowsBehind) -> "RowsBehind":
        """The schema's view of the rows behind an answer."""
        by_set = [mirror(SetRows, s, authority=m.Authority(s.authority)) for s in it.by_set]
        return mirror(cls, it, by_set=by_set)


@strawberry.type(description="Where a joint node covers: how the source contains one member of it.")
class MemberChain:
    joint: str = field(description="The joint node.")
    member: str = field(description="The reference control that is a member of it.")
    control: str = field(description="The assumed control that contains the member.")
    steps: list[Step] = field(description="By which chain.", metadata={"size": 4})


@strawberry.interface(description="What every answer about overlaps carries so that its numbers can be defended.")
class OverlapAnswer:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    filter: RowFilter = field(description="Which rows counted.")
    method: str = field(description="How the numbers were made, in a sentence.")
    permalink: str | None = field(
        description="Path and query under which this server, and `kg overlap --permalink`, give the same bytes from "
        "the same release; it contains the profile. Null where the profile is too long for a link."
    )
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with the answer.", metadata={"size": 6})


@strawberry.type(
    description="What an organisation that does all of the source covers of the target. Nothing of the other direction "
    "follows from it."
)
class Overlap(OverlapAnswer):
    source: OverlapSource = field(description="What is taken as done.")
    target: OverlapTarget = field(description="Whose requirements are counted.")
    sentence: str = field(description="The number with everything it is a number of, in words.")
    counts: Counts = field(description="The target's requirements, counted.")
    no_mapping: int = field(
        description="Of the applicable requirements left, those that no reference control of the graph contains or "
        "overlaps: our blind spot, no finding about the source."
    )
    rows: RowsBehind = field(description="The rows that what is covered stands on.")
    it: strawberry.Private[answers.Overlap]
    assumption: strawberry.Private[Assumption]

    @classmethod
    def of(cls, assumption: Assumption, it: answers.Overlap) -> "Overlap":
        """The schema's view of an overlap."""
        return mirror(
            cls,
            it,
            it=it,
            assumption=assumption,
            permalink=permalink_of(it),
            source=OverlapSource.of(it.source),
            target=mirror(OverlapTarget, it.target),
            profile=Profile.of(it.profile),
            filter=RowFilter.of(it.filter),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
            counts=Counts.of(it.counts),
            rows=RowsBehind.of(it.rows),
        )

    @computed("By article, clause or category of the target, in reading order.", size=60)
    def groups(self) -> list[Group]:
        return [Group.of(g) for g in self.it.groups]

    @computed("The applicable requirements of the target that are covered, in reading order, each with its chain.")
    def given(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[RequirementResult]:
        return self._results(info, "given", self.it.given, first, after)

    @computed("The applicable requirements of the target that are left, worst first, then in reading order.")
    def left(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[RequirementResult]:
        return self._results(info, "left", self.it.left, first, after)

    @computed("How the source contains the members of the joint nodes that cover something, each once.")
    def joined(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[MemberChain]:
        name = f"joined {self.it.source.id} {self.it.target.id}"
        return connect(
            info,
            name,
            self.it.joined,
            lambda c: f"{c.joint} {c.member} {c.control}",
            lambda c: mirror(MemberChain, c, steps=steps_of(c.steps)),
            first,
            after,
        )

    @computed("The other direction, by itself; null where the source is a catalogue: it asks for nothing.", cost=1000)
    def reverse(self, info: Info) -> "Overlap | None":
        if self.it.source.kind != "framework":
            return None
        a = self.assumption
        return _between(info, self.it.target.id, self.it.source.id, a.profile, a.as_of, a.filter)

    def _results(
        self, info: Info, what: str, found: tuple[answers.RequirementResult, ...], first: int, after: str | None
    ) -> Connection[RequirementResult]:
        assessment = self.assumption.assessment
        name = f"{what} {self.it.source.id} {self.it.target.id}"
        return connect(
            info,
            name,
            found,
            lambda r: r.requirement.id,
            lambda r: RequirementResult.of(assessment, r),
            first,
            after,
        )


@strawberry.type(description="One source against one target, counted.")
class OverlapCell:
    source: str = field(description="The short id of what is taken as done.")
    target: str = field(description="The short id of the framework whose requirements are counted.")
    counts: Counts = field(description="The target's requirements, counted.")
    no_mapping: int = field(description="Of those left, those that no reference control of the graph could cover.")
    rows: RowsBehind = field(description="The rows that what is covered stands on.")


@strawberry.type(description="Every source against every target.")
class OverlapMatrix(OverlapAnswer):
    sources: list[OverlapSource] = field(
        description="What is taken as done, in the release's order.", metadata={"size": 8}
    )
    targets: list[OverlapTarget] = field(
        description="Whose requirements are counted, in the release's order.", metadata={"size": 4}
    )
    cells: list[OverlapCell] = field(
        description=f"Row by row: at most {MAX_CELLS}, a closed list.", metadata={"size": 32}
    )

    @classmethod
    def of(cls, it: answers.OverlapMatrix) -> "OverlapMatrix":
        """The schema's view of a matrix."""
        return mirror(
            cls,
            it,
            permalink=permalink_of(it),
            profile=Profile.of(it.profile),
            filter=RowFilter.of(it.filter),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
            sources=[OverlapSource.of(s) for s in it.sources],
            targets=[mirror(OverlapTarget, t) for t in it.targets],
            cells=[mirror(OverlapCell, c, counts=Counts.of(c.counts), rows=RowsBehind.of(c.rows)) for c in it.cells],
        )


# ---------------------------------------------------------------- asked


def check_cells(release: Release, sources: Iterable[str], targets: Iterable[str]) -> None:
    """Raises :class:`TooMuchError` for a matrix that is more than is answered at once."""
    every = len(release.frameworks)
    cells = (len(set(sources)) or every) * (len(set(targets)) or every)
    if cells > MAX_CELLS:
        hint = f"at most {MAX_CELLS}: choose with `sources` and `targets`"
        raise TooMuchError(f"a matrix of {cells} cells is too large for one request", hint)


def _profile(info: Info, profile: ProfileInput | None) -> m.Profile | None:
    info.context.brought(profile)
    asked = AssessmentInput(controls=[], profile=profile)
    asked.check_size()
    return asked.read_profile(info.context.release)


def _between(
    info: Info, source: str, target: str, profile: m.Profile | None, as_of: dt.date | None, filter_: answers.Filter
) -> Overlap:
    release, once = info.context.release, info.context.once
    key = (source, profile, as_of, filter_)
    assumption = once(("assumed", *key), lambda: answers.assume(release, source, profile, as_of, filter_))
    return Overlap.of(assumption, once(("overlap", *key, target), lambda: assumption.overlap(target)))


def overlap(
    info: Info,
    source: str,
    target: str,
    profile: ProfileInput | None,
    as_of: dt.date | None,
    max_hops: int,
    min_authority: m.Authority,
    reviewed_only: bool,
    sets: list[str] | None,
) -> Overlap:
    """One direction, once per request for the same question."""
    release = info.context.release
    filter_ = filter_of(release, max_hops, min_authority, reviewed_only, sets)
    return _between(info, source, target, _profile(info, profile), as_of, filter_)


def matrix(
    info: Info,
    sources: list[str] | None,
    targets: list[str] | None,
    profile: ProfileInput | None,
    as_of: dt.date | None,
    max_hops: int,
    min_authority: m.Authority,
    reviewed_only: bool,
    sets: list[str] | None,
) -> OverlapMatrix:
    """Every source against every target, once per request for the same question."""
    release = info.context.release
    filter_ = filter_of(release, max_hops, min_authority, reviewed_only, sets)
    check_cells(release, sources or (), targets or ())
    whom = _profile(info, profile)
    key = ("overlaps", tuple(sources or ()), tuple(targets or ()), whom, as_of, filter_)
    return OverlapMatrix.of(
        info.context.once(
            key, lambda: answers.overlap_matrix(release, sources or None, targets or None, whom, as_of, filter_)
        )
    )
