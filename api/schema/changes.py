"""Comparisons and what-if answers.  The names are those of the JSON exports."""

import datetime as dt
from typing import Annotated

import strawberry
from strawberry import field

from api.context import Info
from api.schema.assessments import Assessment, Counts, Profile, RequirementResult
from api.schema.changes_input import ChangesInput
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import CauseKind, ChangeKind, Direction
from api.schema.frameworks import Disclaimer
from api.schema.inputs import MAX_CONTROLS, TooMuchError
from api.schema.lookup import framework_name
from api.schema.nodes import computed, mirror
from kg import answers
from kg.answers.whatif import what_if
from kg.organizations import Sheet
from kg.organizations.controls import sentences_of

__all__ = ["Comparison", "WhatIf", "chosen"]


def chosen(info: Info, frameworks: list[str] | None) -> tuple[str, ...]:
    """The frameworks asked for, each once; all where none is named."""
    release = info.context.release
    return tuple(dict.fromkeys(framework_name(release, f) for f in frameworks or release.frameworks))


@strawberry.type(description="What suffices for a change: one kind alone, or several of which all are needed.")
class Cause:
    kinds: list[CauseKind] = field(description="Of what kind: several are needed together.")
    text: str = field(description="The same in words.")
    controls: list[str] = field(description="The controls whose difference matters.")
    rows_added: list[str] = field(description="Rows of the chain after that were not so before.")
    rows_removed: list[str] = field(description="Rows of the chain before that are not so any more.")

    @classmethod
    def of(cls, it: answers.Cause) -> "Cause":
        """The schema's view of a cause."""
        return cls(
            kinds=list(it.kinds),
            text=it.text,
            controls=list(it.controls),
            rows_added=list(it.rows_added),
            rows_removed=list(it.rows_removed),
        )


@strawberry.type(description="One requirement whose answer changed.")
class Change:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    framework: str = field(description="The framework's short id.")
    kind: ChangeKind = field(description="What changed.")
    direction: Direction = field(description="Whether the new answer is better.")
    regression: bool = field(description="Whether it applies on both sides and is less well met after.")
    new_open: bool = field(description="Whether it applies only after, and is not covered.")
    it: strawberry.Private[answers.Change]
    before_: strawberry.Private[answers.Assessment]
    after_: strawberry.Private[answers.Assessment]

    @classmethod
    def of(cls, it: answers.Change, before: answers.Assessment, after: answers.Assessment) -> "Change":
        """The schema's view of a change."""
        return mirror(cls, it, curie=it.requirement, it=it, before_=before, after_=after)

    @computed("The answer before; null where the requirement is not in that text.")
    def before(self) -> RequirementResult | None:
        return RequirementResult.of(self.before_, self.it.before) if self.it.before else None

    @computed("The answer after; null where the requirement is not in that text.")
    def after(self) -> RequirementResult | None:
        return RequirementResult.of(self.after_, self.it.after) if self.it.after else None

    @computed(
        "What made the change, found by taking one thing after the other from the side after: each entry suffices.",
        cost=20, size=2,
    )  # fmt: skip
    def causes(self, info: Info) -> list[Cause]:
        key = ("causes", id(self.before_), id(self.after_))
        found = info.context.once(key, lambda: answers.Causes(self.before_, self.after_))
        return [Cause.of(x) for x in found.of(self.it)]


@strawberry.type(description="One framework on one side.")
class FrameworkSide:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    text_version: dt.date = field(description="The text in force on the day asked for.")
    counts: Counts = field(description="Its requirements, counted.")


@strawberry.type(description="What one of the two answers depends on, and its numbers.")
class ComparisonSide:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    controls: int = field(description="How many controls there are.")
    method: str = field(description="How the numbers are made, in a sentence.")
    frameworks: list[FrameworkSide] = field(description="The frameworks compared.", metadata={"size": 4})

    @classmethod
    def of(cls, it: answers.ComparisonSide) -> "ComparisonSide":
        """The schema's view of a side."""
        return mirror(
            cls,
            it,
            profile=Profile.of(it.profile),
            frameworks=[mirror(FrameworkSide, f, counts=Counts.of(f.counts)) for f in it.frameworks],
        )


@strawberry.type(description="Two assessments side by side.")
class Comparison:
    before: ComparisonSide = field(description="The side before.")
    after: ComparisonSide = field(description="The side after.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with the answer.", metadata={"size": 5})
    regressions: list[str] = field(
        description="The CURIEs of requirements that apply on both sides and are less well met after."
    )
    new_open: list[str] = field(description="The CURIEs of requirements that apply only after and are not covered.")
    it: strawberry.Private[answers.Comparison]
    before_: strawberry.Private[answers.Assessment]
    after_: strawberry.Private[answers.Assessment]

    @classmethod
    def ask(
        cls,
        info: Info,
        before: answers.Assessment,
        after: answers.Assessment,
        frameworks: list[str] | None,
        *,
        reasons: bool,
        chains: bool,
    ) -> "Comparison":
        """Compare, once per request; what made each change is found only where it is asked for."""
        names = chosen(info, frameworks)
        key = ("comparison", id(before), id(after), names, reasons, chains)

        def make() -> tuple[answers.Comparison, object]:
            # Both sides are kept with it: the key is good for as long as they live.
            return answers.compare(before, after, names, reasons=reasons, chains=chains, causes=False), (before, after)

        return cls.of(info.context.once(key, make)[0], before, after)

    @classmethod
    def of(cls, it: answers.Comparison, before: answers.Assessment, after: answers.Assessment) -> "Comparison":
        """The schema's view of a comparison."""
        return cls(
            before=ComparisonSide.of(it.before),
            after=ComparisonSide.of(it.after),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
            regressions=[x.requirement for x in it.regressions],
            new_open=[x.requirement for x in it.new_open],
            it=it,
            before_=before,
            after_=after,
        )

    @computed("The requirements whose answer changed, by framework and in reading order.")
    def changes(
        self,
        info: Info,
        kind: Annotated[list[ChangeKind] | None, strawberry.argument(description="Only of these kinds.")] = None,
        direction: Annotated[
            list[Direction] | None, strawberry.argument(description="Only in these directions.")
        ] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Change]:
        found = [
            x
            for x in self.it.changes
            if (kind is None or x.kind in kind) and (direction is None or x.direction in direction)
        ]
        return connect(
            info,
            "changes",
            found,
            lambda x: x.requirement,
            lambda x: Change.of(x, self.before_, self.after_),
            first,
            after,
        )


@strawberry.type(description="An organisation with some things changed, beside what it is.")
class WhatIf:
    assumed: list[str] = field(description="Each change as a sentence.")
    before: Assessment = field(description="What it is.")
    after: Assessment = field(description="What it would be: ask it whatever one asks an assessment.")
    comparison: Comparison = field(description="The two side by side.")

    @classmethod
    def ask(cls, info: Info, before: Assessment, input_: ChangesInput, frameworks: list[str] | None) -> "WhatIf":
        """Answer a what-if question."""
        release = info.context.release
        info.context.brought(input_)
        changes = input_.read(release, before.it.profile)
        names = chosen(info, frameworks)
        info.context.controls += len(before.it.controls) + len(changes.add_controls)
        if info.context.controls > 2 * MAX_CONTROLS:
            hint = f"at most {2 * MAX_CONTROLS} over all assessments and what-if questions of a request"
            raise TooMuchError(f"{info.context.controls} controls are too many for one request", hint)
        key = ("what if", id(before.it), changes, names)
        found = info.context.once(key, lambda: what_if(before.it, changes, names, causes=False))
        preview = tuple(said for control in found.after.controls for said in sentences_of(control, release))
        return cls(
            assumed=list(found.assumed),
            before=before,
            after=Assessment.of(found.after, Sheet(found.after.controls, (), preview)),
            comparison=Comparison.of(found.comparison, found.before, found.after),
        )
