"""The evidence report.  The names are those of the JSON export."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema.changes import chosen
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Basis, Verdict
from api.schema.frameworks import Disclaimer
from api.schema.nodes import computed, mirror
from kg import answers
from kg.answers import evidence as e

__all__ = ["EvidenceReport"]


@strawberry.type(description="A requirement that hangs on evidence.")
class Rest:
    requirement: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    framework: str = field(description="The framework's short id.")
    verdict: Verdict = field(description="Its verdict now.")
    otherwise: Verdict = field(description="Its verdict without the record, once it has ended, or with fresh evidence.")


@strawberry.type(description="A control that a record serves.")
class EvidenceUse:
    control: str = field(description="The control's id.")
    title: str = field(description="What it is called.")
    fresh: bool = field(description="Whether the record counts for it on the day looked at.")
    fresh_until: dt.date | None = field(description="The last day on which it does; null: there is none.")


@strawberry.type(description="One record of evidence.")
class RecordReport:
    id: str = field(description="Its id; empty for the unnamed evidence of the control in `uses`.")
    kind: str = field(description="What sort of thing it is.")
    title: str = field(description="What it is called.")
    day: dt.date | None = field(description="The day it is of; null: not stated.")
    valid_until: dt.date | None = field(description="Until when it says that it is valid; null: not stated.")
    link: str = field(description="Where it is.")
    age_days: int | None = field(description="Its age on the day looked at; null where it has no day.")
    fresh: bool = field(description="Whether it counts for some control.")
    fresh_until: dt.date | None = field(
        description="The first of the last days on which it counts, or the latest on which it did; null: no end."
    )
    uses: list[EvidenceUse] = field(description="The controls it serves.", metadata={"size": 3})
    basis: Basis = field(description="What it means that a requirement rests on it.")
    rests: list[Rest] = field(description="The applicable requirements that rest on it.", metadata={"size": 10})


@strawberry.type(description="A control, implemented at least in part, without evidence that counts.")
class StaleControl:
    control: str = field(description="The control's id.")
    title: str = field(description="What it is called.")
    since: dt.date | None = field(description="The first day without any; null where none has a day.")
    requirements: list[Rest] = field(
        description="The applicable requirements that fresh evidence would lift to COVERED.", metadata={"size": 5}
    )


@strawberry.type(description="A day on which controls go stale, if nothing is renewed.")
class Expiry:
    day: dt.date = field(description="The first day on which their evidence counts no longer.")
    controls: list[str] = field(description="The controls that go stale that day.")
    records: list[str] = field(description="The records that end; unnamed ones by their control.")
    rests: list[Rest] = field(description="The requirements whose verdict drops that day.", metadata={"size": 5})


@strawberry.type(description="All evidence of an organisation, with the requirements that rest on it.")
class EvidenceReport:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    evidence_day: dt.date = field(description="The day on which the age of evidence is looked at.")
    until: dt.date = field(description="The last day that `expiries` look at.")
    within: int = field(description="How many days that is ahead.")
    method: str = field(description="How the verdicts are made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with the answer.", metadata={"size": 5})
    frameworks: list[str] = field(description="The frameworks whose requirements are looked at.")
    applicable: int = field(description="Their requirements that apply: the denominator.")
    covered: int = field(description="Of these, those that are covered now.")
    controls: int = field(description="How many controls there are.")
    limited: int = field(description="Of these, those for whose evidence an age or an end is set.")
    it: strawberry.Private[e.EvidenceReport]

    @classmethod
    def ask(
        cls, info: Info, assessment: answers.Assessment, frameworks: list[str] | None, within: int
    ) -> "EvidenceReport":
        """Report, once per request."""
        names = chosen(info, frameworks)
        key = ("evidence", id(assessment), names, within)
        it = info.context.once(key, lambda: e.evidence_report(assessment, names, within))
        return mirror(
            cls,
            it,
            it=it,
            frameworks=list(it.frameworks),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        )

    @computed("The records, that on which most requirements rest first.")
    def records(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[RecordReport]:
        return connect(
            info,
            "evidence",
            self.it.records,
            lambda r: f"{r.id} {'' if r.id else r.uses[0].control}",
            lambda r: mirror(
                RecordReport,
                r,
                uses=[mirror(EvidenceUse, u) for u in r.uses],
                rests=[mirror(Rest, x) for x in r.rests],
            ),
            first,
            after,
        )

    @computed("The implemented controls that are stale now.")
    def stale(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[StaleControl]:
        return connect(
            info,
            "stale controls",
            self.it.stale,
            lambda s: s.control,
            lambda s: mirror(StaleControl, s, requirements=[mirror(Rest, x) for x in s.requirements]),
            first,
            after,
        )

    @computed("What goes stale when, in order of the day.")
    def expiries(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Expiry]:
        return connect(
            info,
            "expiries",
            self.it.expiries,
            lambda x: x.day.isoformat(),
            lambda x: mirror(
                Expiry,
                x,
                controls=list(x.controls),
                records=list(x.records),
                rests=[mirror(Rest, y) for y in x.rests],
            ),
            first,
            after,
        )
