"""The timeline of an assessment: when what begins, and what will then be a gap."""

import datetime as dt
from collections.abc import Sequence

import strawberry
from strawberry import field

from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Happening, Verdict
from api.schema.frameworks import Disclaimer
from api.schema.nodes import computed, mirror
from kg import answers

__all__ = ["Timeline"]


@strawberry.type(description="How a framework stands as of a day, with the controls of the assessment's day.")
class Numbers:
    framework: str = field(description="The framework's short id.")
    text_version: dt.date = field(description="The text in force.")
    applicable: int = field(description="The denominator: requirements that apply.")
    covered: int = field(description="Of the applicable, those that the controls cover.")
    not_yet_applicable: int = field(description="Requirements that will apply later.")
    not_applicable: int = field(description="Requirements that do not concern the organisation.")


@strawberry.type(description="What happens to one requirement on a day.")
class TimelineChange:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    framework: str = field(description="The short id of its framework.")
    happening: Happening = field(description="What happens to it.")
    applies_from: dt.date | None = field(description="From when it applies after the change; null where it leaves.")
    was_to_apply_from: dt.date | None = field(description="The date it had before a rescheduling; else null.")
    rule: str = field(description="The id of the node that decides it.")
    legal_reference: str = field(description="The same as a person cites it.")
    verdict: Verdict | None = field(
        description="How far the controls of the assessment's day meet it, by the text then in force; null where it "
        "leaves."
    )
    gap: bool = field(description="Whether it begins and the controls do not cover it.")

    @classmethod
    def of(cls, it: answers.TimelineChange) -> "TimelineChange":
        """The schema's view of a change."""
        p = it.requirement
        return mirror(cls, it, curie=p.id, ref=p.ref, title=p.title, framework=p.framework)


@strawberry.type(description="A text of a framework that comes into force.")
class NewText:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What the text is called.")
    url: str = field(description="Where it is published; empty where that is not known.")


@strawberry.type(description="A day on which something changes.")
class Milestone:
    day: dt.date = field(description="The day.")
    texts: list[NewText] = field(description="The texts that come into force on it.", metadata={"size": 1})
    begin_count: int = field(description="How many requirements begin to apply.")
    gap_count: int = field(description="Of these, how many the controls do not cover.")
    legal_references: list[str] = field(description="What decides the changes, each once.", metadata={"size": 5})
    numbers: list[Numbers] = field(description="How each framework stands from then on.", metadata={"size": 4})
    it: strawberry.Private[answers.Milestone]

    @classmethod
    def of(cls, it: answers.Milestone) -> "Milestone":
        """The schema's view of a milestone."""
        return cls(
            day=it.day,
            texts=[NewText(framework=f, title=v.title, url=v.url) for f, v in it.texts],
            begin_count=len(it.begins),
            gap_count=len(it.gaps),
            legal_references=list(it.references),
            numbers=_numbers(it.numbers),
            it=it,
        )

    @computed("What happens on the day, in reading order.")
    def changes(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[TimelineChange]:
        name = f"changes of {self.day}"
        return connect(info, name, self.it.changes, lambda c: c.requirement.id, TimelineChange.of, first, after)


def _numbers(numbers: Sequence[answers.Numbers]) -> list[Numbers]:
    return [mirror(Numbers, n) for n in numbers]


@strawberry.type(
    description="When requirements begin to apply, move or leave, with today's controls and their evidence throughout."
)
class Timeline:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day of the controls and of their evidence.")
    from_: dt.date = field(description="The first day, included.", name="from")
    until: dt.date = field(description="The last day, included.")
    frameworks: list[str] = field(description="The frameworks looked at.", metadata={"size": 4})
    before: list[Numbers] = field(description="How things stand the day before the first.", metadata={"size": 4})
    milestones: list[Milestone] = field(description="The days on which something changes.", metadata={"size": 12})
    method: str = field(description="How the answer was made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 5})

    @classmethod
    def of(cls, it: answers.Timeline) -> "Timeline":
        """The schema's view of a timeline."""
        return mirror(
            cls,
            it,
            frameworks=list(it.frameworks),
            before=_numbers(it.before),
            milestones=[Milestone.of(m) for m in it.milestones],
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        )
