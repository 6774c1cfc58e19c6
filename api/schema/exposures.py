"""What happened to others: gaps by incidents, what concerns a case, and what an organisation has of that."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Self

import strawberry
from strawberry import field

from api.context import Info
from api.schema.assessments import Counts, Explanation, Gap, Pending, Profile, RequirementResult
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.controls import ReferenceControl
from api.schema.enums import Verdict, _describe
from api.schema.frameworks import Disclaimer, Provision
from api.schema.lookup import By, check_length, find
from api.schema.nodes import computed, mirror
from api.schema.threats import Incident, Threat
from kg import answers
from kg.answers.concerns import Bearing as KgBearing
from kg.answers.concerns import CaseThreat as KgCaseThreat
from kg.answers.concerns import ConcernedControl as KgConcernedControl
from kg.answers.concerns import ConcernedRequirement as KgConcernedRequirement
from kg.answers.concerns import LinkScope, ThreatSource, ThreatStage
from kg.answers.exposure import AddressedThrough
from kg.answers.ranking import CaseCounts as KgCaseCounts
from kg.answers.readiness import FrameworkReadiness as KgFrameworkReadiness
from kg.answers.readiness import HeldControl as KgHeldControl
from kg.answers.readiness import Holding, StageAnswer
from kg.answers.readiness import MetRequirement as KgMetRequirement
from kg.errors import UsageError
from kg.release import Release

__all__ = [
    "ConcernedControl", "ConcernedRequirement", "ExposureRanking", "Readiness", "controls_concerned", "ranking",
    "readiness", "requirements_concerned",
]  # fmt: skip

#: The most threats that one question may name.
MAX_THREATS = 20
MAX_NAME = 300

_describe(
    ThreatSource,
    "How a threat came to be in a case.",
    {
        "recorded": "The release records it for the incident.",
        "named": "Whoever asked named it.",
        "match": "It is a close match of what was recorded or named.",
        "class": "Every case of the incident's class in the MIT AI Risk Repository shows it.",
    },
)
_describe(
    LinkScope,
    "What a link is made for, beside the threat of the case.",
    {
        "same": "For that threat.",
        "broader": "For a broader class, of which that threat is one kind: it counts.",
        "narrower": "For one kind of that threat only: listed, never counted.",
    },
)
_describe(
    ThreatStage,
    "What a reference control does about a threat.",
    {
        "prevent": "It makes the threat less likely or less harmful.",
        "detect": "It notices it.",
        "respond": "It limits it once it has happened.",
        "unstated": "Its catalogue names the threat without saying which of these it does.",
    },
)
_describe(
    AddressedThrough,
    "By what a requirement addresses a threat.",
    {
        "itself": "By its own link.",
        "part": "Through a part of it.",
        "whole": "Through a whole above it.",
    },
)
_describe(
    Holding,
    "What an organisation has of a reference control.",
    {
        "in_place": "An implemented control contains it.",
        "in_part": "One overlaps it, a partly implemented one contains it, or the evidence is stale.",
        "planned": "Nothing more yet, but a planned or unfinished control would do some or all of it.",
        "unproven": "A lead only.",
        "missing": "Nothing is known.",
    },
)
_describe(
    StageAnswer,
    "The answer for one stage, in a word.",
    {
        "all_in_place": "Every known reference control is in place, against every threat of the case.",
        "some_in_place": "Some are in place.",
        "only_in_part": "None is in place, some in part.",
        "only_planned": "Nothing is done yet, something is planned.",
        "only_unproven": "There are leads only.",
        "nothing": "There is nothing.",
        "not_known": "The release knows no reference control for this: our blind spot, never theirs.",
    },
)


# ---------------------------------------------------------------------------- gaps by incidents


@strawberry.type(description="Which incidents count.")
class CaseFilter:
    since: str = field(description="On or after this day, month or year; empty: any.")
    until: str = field(description="On or before this day, month or year; empty: any.")
    sectors: list[str] = field(description="Only of these sectors; empty: any.")
    words: str = field(description="The same in words.")

    @classmethod
    def of(cls, it: answers.CaseFilter) -> "CaseFilter":
        """The schema's view of a filter."""
        return mirror(cls, it, sectors=list(it.sectors), words=it.words())


@strawberry.type(description="How many incidents were looked at, and why the others were not counted.")
class CaseCounts:
    total: int = field(description="The incidents with known threats.")
    counted: int = field(description="Of these, those that count.")
    other_date: int = field(description="Of these, left out for their date.")
    unknown_date: int = field(description="Of these, left out because their date is not known well enough.")
    other_sector: int = field(description="Of these, left out for their sector.")
    unknown_sector: int = field(description="Of these, left out because their sector is not known.")
    by_number_only: int = field(description="Beside them: cases known by their number only, never counted.")

    @classmethod
    def of(cls, it: KgCaseCounts) -> "CaseCounts":
        """The schema's view of the counts."""
        return mirror(cls, it)


@strawberry.type(description="A threat that a requirement addresses, and in how many counted incidents it struck.")
class Struck:
    threat: str = field(description="The CURIE of the threat.")
    title: str = field(description="What it is called.")
    incidents: int = field(description="Incidents of it or anything narrower; an incident may show several threats.")


@strawberry.type(description="By what a requirement addresses a threat.")
class Addressed:
    threat: str = field(description="The CURIE of the threat.")
    through: AddressedThrough = field(description="Whether by its own link, or that of a part or a whole.")
    target: str = field(description="The CURIE of the provision the link names.")
    rationale: str = field(description="Why, in a sentence.")
    set: str = field(description="The mapping set of the link.")


@strawberry.type(description="One open requirement in the order of what happened to others.")
class RankedGap(Gap):
    place: int = field(
        description="1 for the most incidents; equal counts with the same newest date share one; 0: no incident."
    )
    incident_count: int = field(description="How many distinct incidents its threats have, of those that count.")
    newest: str = field(description="The date of the latest of them, as precise as it is known; empty: none.")
    struck: list[Struck] = field(description="The threats that struck, most incidents first.", metadata={"size": 5})
    indirect: bool = field(description="Whether it addresses its threats only through a part or a whole.")
    addressed: list[Addressed] = field(description="By what it addresses each threat.", metadata={"size": 10})
    counted: strawberry.Private[answers.Exposure]

    @classmethod
    def of_ranked(cls, assessment: answers.Assessment, it: answers.RankedGap) -> Self:
        """The schema's view of a ranked gap."""
        exposure = it.gap.exposure
        return cls.of(
            assessment,
            it.gap.result,
            pending=[mirror(Pending, p) for p in it.gap.pending],
            place=it.place,
            incident_count=len(exposure.incidents),
            newest=exposure.newest,
            struck=[mirror(Struck, s) for s in it.struck],
            indirect=exposure.indirect,
            addressed=[mirror(Addressed, a, set=a.set_id) for a in exposure.links],
            counted=exposure,
        )

    def _exposure(self, info: Info) -> answers.Exposure:
        """Only the incidents that count."""
        return self.counted


@strawberry.type(description="One framework's requirements, counted.")
class RankedFramework:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    text_version: dt.date = field(description="The text in force on that day.")
    counts: Counts = field(description="Its requirements, counted.")


@strawberry.type(
    description="The open requirements in the order of what happened to others: the number of distinct incidents of "
    "the threats a requirement addresses, then the newest, then the id. No measure of risk."
)
class ExposureRanking:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    order: str = field(description="How the gaps are ordered, in a sentence.")
    method: str = field(description="How the verdicts were made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 8})
    cases: CaseFilter = field(description="Which incidents count.")
    case_counts: CaseCounts = field(description="How many incidents that is, of how many.")
    open: int = field(description="How many applicable requirements are not covered.")
    with_incidents: int = field(description="Of these, how many have an incident behind them.")
    without_threat: int = field(description="Of these, to how many no threat of the release is linked.")
    incidents: int = field(description="How many distinct incidents stand behind the open requirements.")
    frameworks: list[RankedFramework] = field(description="The frameworks with their counts.", metadata={"size": 4})
    it: strawberry.Private[answers.ExposureRanking]
    assessment: strawberry.Private[answers.Assessment]

    @computed("The open requirements, most incidents first; those without any last.")
    def gaps(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[RankedGap]:
        named = " ".join([f.framework for f in self.frameworks] + [self.cases.words])
        return connect(
            info,
            f"gaps by incidents: {named}",
            self.it.gaps,
            lambda g: g.gap.result.requirement.id,
            lambda g: RankedGap.of_ranked(self.assessment, g),
            first,
            after,
        )


def ranking(
    info: Info,
    assessment: answers.Assessment,
    frameworks: Sequence[str],
    since: str,
    until: str,
    sectors: Sequence[str],
) -> ExposureRanking:
    """The ranking of an assessment's gaps, once per request for the same question."""
    for text in (since, until, *sectors):
        check_length("a word", text, MAX_NAME)
    cases = answers.CaseFilter(since, until, tuple(sorted(set(sectors))))
    key = ("ranking", id(assessment), tuple(frameworks), cases)
    it = info.context.once(key, lambda: answers.exposure_ranking(assessment, frameworks, cases))
    return mirror(
        ExposureRanking,
        it,
        it=it,
        assessment=assessment,
        profile=Profile.of(assessment.profile),
        disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        cases=CaseFilter.of(it.cases),
        case_counts=CaseCounts.of(it.case_counts),
        frameworks=[mirror(RankedFramework, c, counts=Counts.of(c.counts)) for c in it.coverages],
    )


# ---------------------------------------------------------------------------- a case


@strawberry.type(description="One threat of a case.")
class CaseThreat:
    curie: str = field(description="Its CURIE.")
    title: str = field(description="What it is called.")
    summary: str = field(description="What it is.")
    known: ThreatSource = field(description="How it came to be in the case.")
    given: str = field(description="What it was come by from: itself, or the id or class that was recorded or named.")
    it: strawberry.Private[KgCaseThreat]

    @computed("The threat itself.")
    def threat(self) -> Threat:
        return Threat.of(self.it.threat)


@strawberry.type(description="An incident, or a supposed one, with its threats.")
class IncidentCase:
    title: str = field(description="What it is called.")
    incident: Incident | None = field(description="The case of the AI Incident Database; null for a supposed one.")
    threats: list[CaseThreat] = field(description="Its threats.", metadata={"size": 3})
    note: str = field(description="Where its threats come from, where they are not simply recorded; else empty.")

    @classmethod
    def of(cls, it: answers.Case) -> "IncidentCase":
        """The schema's view of a case."""
        return mirror(
            cls,
            it,
            incident=Incident.of(it.incident) if it.incident else None,
            threats=[
                mirror(CaseThreat, t.threat, curie=t.threat.id, known=t.known, given=t.given, it=t)
                for t in it.threats
            ],
        )  # fmt: skip


@strawberry.type(description="One link between a threat of a case and a requirement.")
class ThreatBearing:
    threat: str = field(description="The CURIE of the case's threat.")
    linked: str = field(description="The CURIE of the threat the link is made for.")
    scope: LinkScope = field(description="How that stands to the case's threat.")
    rationale: str = field(description="Why, in a sentence; empty where a catalogue only names the threat.")
    set: str = field(description="The mapping set of the link; empty where the catalogue itself names the threat.")

    @classmethod
    def of(cls, it: KgBearing, **more: Any) -> Self:
        """The schema's view of a link."""
        return mirror(cls, it, set=it.set_id, **more)


@strawberry.type(description="One link between a threat of a case and a reference control.")
class StageBearing(ThreatBearing):
    stage: ThreatStage = field(description="What the control does about it.")


@strawberry.type(description="A requirement that addresses a threat of a case.")
class ConcernedRequirement:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    summary: str = field(description="What it asks, in the project's own words.")
    group: str = field(description="The CURIE of the article, clause or category it is reported under.")
    through: AddressedThrough = field(description="By what it addresses the threat.")
    targets: list[str] = field(description="The CURIEs of the provisions the links name.", metadata={"size": 2})
    narrower: bool = field(description="Whether it speaks to narrower kinds only, and so does not count.")
    bearings: list[ThreatBearing] = field(description="The links.", metadata={"size": 3})
    it: strawberry.Private[KgConcernedRequirement]

    @classmethod
    def of(cls, it: KgConcernedRequirement) -> "ConcernedRequirement":
        """The schema's view of a requirement concerned."""
        r = it.requirement
        return cls(curie=r.id, ref=r.ref, title=r.title, summary=r.summary, group=it.group, it=it, **_how(it))

    @computed("The requirement itself.")
    def provision(self) -> Provision:
        return Provision.of(self.it.requirement)


def _how(it: KgConcernedRequirement) -> dict[str, Any]:
    return {
        "through": it.through,
        "targets": list(it.targets),
        "narrower": it.narrower,
        "bearings": [ThreatBearing.of(b) for b in it.bearings],
    }


@strawberry.type(description="A reference control that bears on a threat of a case.")
class ConcernedControl:
    curie: str = field(description="The control's CURIE.")
    title: str = field(description="What it is called.")
    catalogue: str = field(description="The catalogue it belongs to.")
    statement: str = field(description="Exactly what is done.")
    stages: list[ThreatStage] = field(description="What it does about the threats.", metadata={"size": 2})
    narrower: bool = field(description="Whether it speaks to narrower kinds only, and so does not count.")
    bearings: list[StageBearing] = field(description="The links.", metadata={"size": 3})
    concern: strawberry.Private[KgConcernedControl]

    @classmethod
    def of(cls, it: KgConcernedControl, **more: Any) -> Self:
        """The schema's view of a control concerned."""
        c = it.control
        return cls(
            curie=c.id,
            title=c.title,
            catalogue=c.catalogue,
            statement=c.statement,
            stages=list(it.stages),
            narrower=it.narrower,
            bearings=[StageBearing.of(b, stage=s) for s, b in it.bearings],
            concern=it,
            **more,
        )

    @computed("The reference control itself.")
    def control(self) -> ReferenceControl:
        return ReferenceControl.of(self.concern.control)


def _concerns(info: Info, incident: str, as_of: dt.date | None) -> answers.Concerns:
    release = info.context.release
    day = as_of or dt.date.today()
    key = ("concerns", incident, day)
    return info.context.once(key, lambda: answers.concerns(release, answers.case_of(release, incident), day))


def requirements_concerned(
    info: Info, incident: str, as_of: dt.date | None, first: int, after: str | None
) -> Connection[ConcernedRequirement]:
    """The requirements that an incident concerns; raises :class:`~kg.errors.KgError` where its threats are unknown."""
    found = [r for f in _concerns(info, incident, as_of).frameworks for r in f.requirements]
    name = f"requirements of {incident}"
    return connect(info, name, found, lambda r: r.requirement.id, ConcernedRequirement.of, first, after)


def controls_concerned(info: Info, incident: str, first: int, after: str | None) -> Connection[ConcernedControl]:
    """The reference controls that bear on an incident; raises as :func:`requirements_concerned` does."""
    found = _concerns(info, incident, None).controls
    return connect(info, f"controls of {incident}", found, lambda c: c.control.id, ConcernedControl.of, first, after)


# ---------------------------------------------------------------------------- readiness


@strawberry.type(description="What counts for one AI system.")
class UnitHolding:
    unit: str = field(description="The system's id.")
    title: str = field(description="What it is called.")
    holding: Holding = field(description="What it has.")


@strawberry.type(description="A reference control that bears on the case, and what the organisation has of it.")
class HeldControl(ConcernedControl):
    holding: Holding = field(description="What the organisation has of it; with several AI systems, the worst of them.")
    verdict: Verdict = field(description="The same as for a requirement.")
    stale: bool = field(description="Whether it was downgraded for its evidence.")
    explanation: Explanation | None = field(description="The chain behind it; null where there is none.")
    pending: list[Pending] = field(description="Controls that would do more when finished.", metadata={"size": 3})
    units: list[UnitHolding] = field(
        description="Each AI system's own answer, where the profile has several; else empty.", metadata={"size": 3}
    )

    @classmethod
    def of_held(cls, it: KgHeldControl) -> Self:
        """The schema's view of a control held, or not."""
        return cls.of(
            it.concern,
            holding=it.holding,
            verdict=it.verdict,
            stale=it.stale,
            explanation=Explanation.of(it.explanation),
            pending=[mirror(Pending, p) for p in it.pending],
            units=[mirror(UnitHolding, u) for u in it.units],
        )


@strawberry.type(description="Reference controls by what the organisation has of them; `total` is the denominator.")
class HoldingCounts:
    total: int = field(description="All that count.")
    in_place: int = field(description="Of these, in place.")
    in_part: int = field(description="Of these, in part.")
    planned: int = field(description="Of these, planned.")
    unproven: int = field(description="Of these, unproven.")
    missing: int = field(description="Of these, missing.")


@strawberry.type(description="One stage: prevent, detect, respond; and what other catalogues name without saying.")
class StageReadiness:
    stage: ThreatStage = field(description="The stage.")
    answer: StageAnswer = field(description="The answer in a word.")
    sentence: str = field(description="The answer in a sentence, with its numbers.")
    counts: HoldingCounts = field(description="The reference controls of this stage, counted.")
    narrower: int = field(description="Beside them: controls for narrower kinds only, not counted.")
    open_threats: list[str] = field(
        description="Threats of the case against which a control is known and none in place.", metadata={"size": 3}
    )
    unknown_threats: list[str] = field(
        description="Threats for which the release knows none: our blind spot, never theirs.", metadata={"size": 3}
    )


@strawberry.type(description="A requirement that the case concerns, and how far it is met.")
class MetRequirement(RequirementResult):
    through: AddressedThrough = field(description="By what it addresses the threat.")
    targets: list[str] = field(description="The CURIEs of the provisions the links name.", metadata={"size": 2})
    narrower: bool = field(description="Whether it speaks to narrower kinds only, and so does not count.")
    bearings: list[ThreatBearing] = field(description="The links.", metadata={"size": 3})


@strawberry.type(
    description="The requirements concerned, counted. `covered + partial + lead + gap = applicable`; "
    "`applicable + notApplicable + notYetApplicable = concerned`."
)
class MetCounts:
    total: int = field(description="All requirements of the framework.")
    concerned: int = field(description="Of these, those that address a threat of the case.")
    indirect: int = field(
        description="Of the concerned, those that address it only through a whole, which does not say which of its "
        "parts does, or through a part."
    )
    applicable: int = field(description="Of the concerned, those that apply on the day asked for: the denominator.")
    covered: int = field(description="Of the applicable, covered.")
    partial: int = field(description="Of the applicable, partial.")
    lead: int = field(description="Of the applicable, leads.")
    gap: int = field(description="Of the applicable, gaps.")
    not_applicable: int = field(description="Of the concerned, those that do not concern the organisation.")
    not_yet_applicable: int = field(description="Of the concerned, those that apply later.")
    narrower: int = field(description="Beside the concerned: those that speak to narrower kinds only.")


@strawberry.type(description="One framework's requirements that the case concerns.")
class FrameworkReadiness:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    text_version: dt.date = field(description="The text in force on that day.")
    counts: MetCounts = field(description="Counted.")
    it: strawberry.Private[KgFrameworkReadiness]
    assessment: strawberry.Private[answers.Assessment]
    case: strawberry.Private[str]

    @computed("The requirements, in reading order.")
    def requirements(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[MetRequirement]:
        def node(met: KgMetRequirement) -> MetRequirement:
            return MetRequirement.of(self.assessment, met.result, **_how(met.concern))

        name = f"requirements of {self.framework} against {self.case}"
        return connect(info, name, self.it.requirements, lambda m: m.result.requirement.id, node, first, after)


@strawberry.type(description="This happened: would the organisation be covered? Words and counts, no score.")
class Readiness:
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    method: str = field(description="How the answer was made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 8})
    case: IncidentCase = field(description="What happened.")
    summary: str = field(description="The answer in words, a sentence a stage.")
    stages: list[StageReadiness] = field(description="Stage by stage.", metadata={"size": 4})
    frameworks: list[FrameworkReadiness] = field(description="Framework by framework.", metadata={"size": 4})
    it: strawberry.Private[answers.Readiness]

    @computed("The reference controls that bear on the case, by id.")
    def controls(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[HeldControl]:
        name = f"controls against {_name(self.it.case)}"
        return connect(
            info, name, self.it.controls, lambda h: h.concern.control.id, HeldControl.of_held, first, after
        )  # fmt: skip


def _name(case: answers.Case) -> str:
    threats = " ".join(t.threat.id for t in case.threats)
    return f"{case.incident.id} {threats}" if case.incident else threats


def readiness(
    info: Info, assessment: answers.Assessment, incident: By | None, threats: Sequence[str], frameworks: Sequence[str]
) -> Readiness:
    """What the organisation has against a case, once per request for the same question."""
    release: Release = assessment.release
    if len(threats) > MAX_THREATS:
        raise UsageError(f"{len(threats)} threats are too many for one incident", f"at most {MAX_THREATS}")
    for text in threats:
        check_length("a threat", text, MAX_NAME)
    id_ = find(release, incident) if incident is not None else ""
    key = ("readiness", id(assessment), id_, tuple(threats), tuple(frameworks))
    it = info.context.once(
        key, lambda: answers.readiness(assessment, answers.case_of(release, id_, threats), frameworks)
    )  # fmt: skip
    name = _name(it.case)
    return mirror(
        Readiness,
        it,
        it=it,
        profile=Profile.of(it.profile),
        disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        case=IncidentCase.of(it.case),
        stages=[
            mirror(
                StageReadiness,
                s,
                counts=mirror(HoldingCounts, s.counts),
                open_threats=list(s.open_threats),
                unknown_threats=list(s.unknown_threats),
            )
            for s in it.stages
        ],
        frameworks=[
            mirror(FrameworkReadiness, f, it=f, assessment=assessment, case=name, counts=mirror(MetCounts, f.counts))
            for f in it.frameworks
        ],
    )  # fmt: skip
