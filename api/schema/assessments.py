"""An assessment: an organisation's controls put to the graph.  The names are those of the JSON exports."""

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, cast

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.changes_input import ChangesInput
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Applicability, ApplicabilityReason, ControlStatus, Outcome, Reason, Verdict
from api.schema.frameworks import Disclaimer, Provision
from api.schema.inputs import MAX_CONTROLS, AssessmentInput, TooMuchError, filter_of
from api.schema.lenses import Lens
from api.schema.lookup import By, find, framework_name
from api.schema.mappings import LegalReference
from api.schema.nodes import computed, mirror, view, viewing, viewing_each
from api.schema.plans import Plan, PlanGoals, PlanOptions, SingleActions
from api.schema.plans import plan as make_plan
from api.schema.plans import single_actions as list_single_actions
from api.schema.steps import Step, steps_of
from api.schema.threats import Incident, Threat
from api.schema.timelines import Timeline
from kg import answers
from kg.answers.gaps import gap_report
from kg.errors import Finding as KgFinding
from kg.errors import UsageError
from kg.organizations import Sheet

if TYPE_CHECKING:
    from api.schema.changes import WhatIf
    from api.schema.evidence import EvidenceReport
    from api.schema.exposures import ExposureRanking, Readiness

__all__ = ["Assessment", "Coverage", "Explain", "GapReport", "RequirementResult", "assess"]

_Answer = TypeVar("_Answer", "Coverage", "GapReport")
GoalsArgument = Annotated[PlanGoals | None, strawberry.argument(description="What is to be closed.")]
OptionsArgument = Annotated[PlanOptions | None, strawberry.argument(description="By which actions, and how well.")]
FrameworkArgument = Annotated[str, strawberry.argument(description="The framework's short id: eu-ai-act.")]


# ---------------------------------------------------------------------------- the profile, read back


@strawberry.type(description="Whether a fact holds.")
class Fact:
    name: str = field(description="The fact.")
    value: bool = field(description="Whether it holds.")


@strawberry.type(description="One AI system of the profile.")
class System:
    id: str = field(description="Its id.")
    title: str = field(description="What it is called.")
    roles: list[str] = field(description="The organisation's roles for it.")
    tiers: list[str] = field(description="Its risk tiers; empty: not stated.")
    facts: list[Fact] = field(description="What is so or not so for it.", metadata={"size": 10})
    placed_on_market: dt.date | None = field(description="When it was placed on the market; null: not stated.")


@strawberry.type(description="What the organisation excludes.")
class Exclusion:
    target: str = field(description="What is excluded.")
    justification: str = field(description="Why.")


@strawberry.type(description="The profile as it was understood.")
class Profile:
    title: str = field(description="What the organisation is called.")
    as_of: dt.date | None = field(description="The day it pins; null: none.")
    jurisdictions: list[str] = field(description="Where it is subject to the law; empty: everywhere.")
    roles: list[str] | None = field(description="Its roles; null: not stated.")
    facts: list[Fact] = field(description="What is so or not so for it.", metadata={"size": 10})
    systems: list[System] = field(description="Its AI systems.", metadata={"size": 3})
    exclusions: list[Exclusion] = field(description="What it excludes.", metadata={"size": 5})
    max_evidence_age_days: int | None = field(
        description="From which age evidence no longer counts in full; null: none."
    )

    @classmethod
    def of(cls, it: m.Profile | None) -> "Profile | None":
        """The schema's view of a profile."""
        if it is None:
            return None
        return mirror(
            cls,
            it,
            jurisdictions=list(it.jurisdictions),
            roles=None if it.roles is None else list(it.roles),
            facts=_facts(it.facts),
            systems=[
                mirror(System, s, roles=list(s.roles), tiers=list(s.tiers), facts=_facts(s.facts)) for s in it.systems
            ],
            exclusions=[mirror(Exclusion, e) for e in it.exclusions],
        )


def _facts(facts: tuple[tuple[str, bool], ...]) -> list[Fact]:
    return [Fact(name=name, value=value) for name, value in facts]


# ---------------------------------------------------------------------------- numbers


def _percent_covered(self: Any) -> float | None:
    percent = self.percent_covered
    return None if percent is None else round(percent, 1)


@strawberry.type(
    description="Counts over requirements. `covered + partial + lead + gap = applicable`, the denominator; "
    "`applicable + notApplicable + notYetApplicable = total`."
)
class Counts:
    applicable: int = field(description="The denominator: requirements that apply on the day asked for.")
    covered: int = field(description="Of the applicable, those that a control meets.")
    covered_reviewed: int = field(description="Of the covered, those whose every row a named person has reviewed.")
    partial: int = field(description="Of the applicable, those met in part.")
    lead: int = field(description="Of the applicable, those with a lead only.")
    gap: int = field(description="Of the applicable, those with nothing.")
    disputed: int = field(description="Of the applicable, those about which mapping sets contradict each other.")
    not_applicable: int = field(description="Beside the applicable: those that do not concern the organisation.")
    excluded: int = field(description="Of the not applicable, those the organisation excluded itself.")
    not_yet_applicable: int = field(description="Beside the applicable: those that will apply later.")
    not_yet_applicable_covered: int = field(description="Of the not yet applicable, those that are covered already.")
    total: int = field(description="All requirements of the framework, or of the group.")
    percent_covered: float | None = field(
        resolver=_percent_covered,
        description="covered / applicable in percent, unweighted, one decimal; null where nothing applies. Never quote "
        "it without `covered`, `applicable`, `asOf`, `release` and `method`.",
    )

    @classmethod
    def of(cls, it: answers.Counts) -> "Counts":
        """The schema's view of counts: they are read as they are."""
        return cast(Counts, it)


# ---------------------------------------------------------------------------- one requirement


@strawberry.type(description="Which control of the organisation holds a member of a joint node.")
class JointMember:
    member: str = field(description="The CURIE of the reference control.")
    control: str = field(description="The organisation's control that contains it.")

    @classmethod
    def of(cls, pairs: tuple[tuple[str, str], ...]) -> "list[JointMember]":
        """The schema's view of (member, control) pairs."""
        return [cls(member=member, control=control) for member, control in pairs]


def _members(self: Any) -> list[JointMember]:
    return JointMember.of(self.members)


@strawberry.type(description="The chain behind a verdict.")
class Explanation:
    control: str = field(description="The organisation's control, or a joint node whose members it has.")
    title: str = field(description="What that is called.")
    relation: str = field(
        description="What all chains of this control say together, read from the control; several possible relations "
        "are joined by `|`."
    )
    mask: int = field(
        description="The same as bits: 1 equal, 2 subset_of, 4 superset_of, 8 intersects_with, 16 no_relationship."
    )
    disputed: bool = field(description="Whether chains contradict each other.")
    reviewed: bool = field(description="Whether a named person has reviewed every row it stands on.")
    members: list[JointMember] = field(
        resolver=_members,
        description="For a joint node, which control holds which member; else empty.",
        metadata={"size": 4},
    )
    steps: list[Step] = field(description="The chain that is shown.", metadata={"size": 4})
    supporting: list[list[Step]] = field(
        description="Further chains, where it takes several to say what they say together.", metadata={"size": 4}
    )
    opposing: list[Step] = field(description="The chain that contradicts it; empty where none.", metadata={"size": 4})

    @classmethod
    def of(cls, it: answers.Explanation | None) -> "Explanation | None":
        """The schema's view of an explanation: it is read as it is."""
        return cast(Explanation | None, it)


@strawberry.type(description="The answer for one AI system alone.")
class UnitVerdict:
    unit: str = field(description="The system's id.")
    title: str = field(description="What it is called.")
    applicability: Applicability = field(description="Whether the requirement concerns it.")
    verdict: Verdict = field(description="How far it is met for it.")


_BECAUSE = {"": None, **{reason.value: reason for reason in ApplicabilityReason}}


@view(
    curie="it.requirement.id",
    ref="it.requirement.ref",
    title="it.requirement.title",
    summary="it.requirement.summary",
    applicability="it.decision.applicability",
    applicability_reason=lambda self: _BECAUSE[self.it.decision.because],
    applicability_explanation="it.decision.explanation",
    applies_from="it.decision.applies_from",
    basis="it.decision.basis",
    rule="it.decision.rule",
    legal_reference="it.decision.legal_reference",
)
@strawberry.type(description="One requirement: does it apply, how far is it met, why, and by which chain.")
class RequirementResult:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    summary: str = field(description="What it asks, in the project's own words.")
    group: str = field(description="The CURIE of the article, clause or category it is reported under.")
    applicability: Applicability = field(description="Whether it concerns the organisation on the day asked for.")
    applicability_reason: ApplicabilityReason | None = field(
        description="What decided that it does not; null if it does."
    )
    applicability_explanation: str = field(description="The same in words; empty where there is nothing to say.")
    applies_from: dt.date | None = field(
        description="From when it applies to this profile; null: no date is known or needed."
    )
    basis: str = field(description="The provision that sets the date; empty where there is none.")
    rule: str = field(
        description="The id of the node that decided the applicability: an application rule, the provision that "
        "carries the roles, tiers or condition, or `kgfw:` and a framework."
    )
    legal_reference: str = field(description="The same as a person cites it: Article 26(1), EU AI Act.")
    verdict: Verdict = field(description="How far it is met, whether or not it applies.")
    reasons: list[Reason] = field(description="Why the verdict is not better, or is in doubt, most telling first.")
    explanation: Explanation | None = field(description="The chain behind the verdict; null for a gap.")
    set_aside: list[str] = field(
        description="Controls marked not applicable that would have had something to do with it."
    )
    units: list[UnitVerdict] = field(
        description="Each AI system's own answer, where the profile has several; else empty.", metadata={"size": 3}
    )
    it: strawberry.Private[answers.RequirementResult]
    assessment: strawberry.Private[answers.Assessment]

    @classmethod
    def of(cls, assessment: answers.Assessment, it: answers.RequirementResult, **more: Any) -> Self:
        """The schema's view of a result."""
        return viewing(cls, it=it, assessment=assessment, **more)

    @computed("The requirement itself.")
    def provision(self) -> Provision:
        return Provision.of(self.it.requirement)

    @computed("The reference controls and joint nodes of the release that contain or overlap it.")
    def could_cover(self) -> list[str]:
        return list(self.assessment.graph.coverable.get(self.curie, ()))

    @computed("The threats it addresses.", size=5)
    def threats(self, info: Info) -> list[Threat]:
        return [Threat.of(t) for t in self._exposure(info).threats]

    @computed("What happened to others: the incidents where those threats struck, latest first.")
    def incidents(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Incident]:
        found = self._exposure(info).incidents
        return connect(info, f"incidents behind {self.curie}", found, lambda i: i.id, Incident.of, first, after)

    @computed("Why there are no incidents, in a sentence; empty where there are some.")
    def incidents_note(self, info: Info) -> str:
        return self._exposure(info).note

    def _exposure(self, info: Info) -> answers.Exposure:
        release = self.assessment.release
        return info.context.once(("exposure", self.curie), lambda: answers.exposure(release, self.curie))


# ---------------------------------------------------------------------------- one framework


@strawberry.type(description="An article, clause or category with its requirements counted.")
class Group:
    curie: str = field(description="Its CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    verdict: Verdict | None = field(
        description="COVERED if all that apply are, GAP if all that apply are, else PARTIAL; null if none applies."
    )
    counts: Counts = field(description="Its requirements, counted.")

    @classmethod
    def of(cls, it: answers.Group) -> "Group":
        """The schema's view of a group."""
        p = it.provision
        return cls(curie=p.id, ref=p.ref, title=p.title, verdict=it.verdict, counts=Counts.of(it.counts))


@strawberry.interface(description="What every answer about a framework carries so that its numbers can be defended.")
class FrameworkAnswer:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    text_version: dt.date = field(description="The text of the framework in force on that day.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    method: str = field(description="How the numbers were made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with the answer.", metadata={"size": 5})
    counts: Counts = field(description="The framework's requirements, counted.")
    it: strawberry.Private[answers.Coverage]
    assessment: strawberry.Private[answers.Assessment]


@strawberry.type(description="One framework against the controls.")
class Coverage(FrameworkAnswer):
    @computed("By article, clause or category, in reading order.", size=60)
    def groups(self) -> list[Group]:
        return [Group.of(g) for g in self.it.groups]

    @computed(
        "Every requirement of the text in force, in reading order: a closed list, so that it can be held "
        "against the counts. The arguments narrow it; the counts stay those of the whole.",
        size=300,
    )
    def requirements(
        self,
        verdict: Annotated[
            list[Verdict] | None, strawberry.argument(description="Only with one of these verdicts.")
        ] = None,
        applicability: Annotated[
            list[Applicability] | None, strawberry.argument(description="Only with one of these.")
        ] = None,
        group: Annotated[
            str | None, strawberry.argument(description="Only those reported under this article, clause or category.")
        ] = None,
    ) -> list[RequirementResult]:
        found: Sequence[answers.RequirementResult] = self.it.requirements
        if verdict is not None:
            found = [r for r in found if r.verdict in verdict]
        if applicability is not None:
            found = [r for r in found if r.decision.applicability in applicability]
        if group is not None:
            found = [r for r in found if r.group == group]
        return viewing_each(RequirementResult, found, assessment=self.assessment)


@strawberry.type(description="A control that is planned or partly implemented and would, implemented, do more.")
class Pending:
    control: str = field(description="The control's id.")
    title: str = field(description="What it is called.")
    status: ControlStatus = field(description="How far it is implemented.")
    verdict: Verdict = field(description="The verdict it would give, implemented.")


@strawberry.type(description="One open requirement, with what could close it.")
class Gap(RequirementResult):
    pending: list[Pending] = field(
        description="The organisation's own controls that would improve it when finished, best first.",
        metadata={"size": 3},
    )


@strawberry.type(description="The applicable requirements of a framework that are not covered.")
class GapReport(FrameworkAnswer):
    @computed("The open requirements, worst first, then in reading order.")
    def gaps(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Gap]:
        key = ("gaps", id(self.assessment), self.framework)
        report = info.context.once(key, lambda: gap_report(self.assessment, self.framework))
        return connect(
            info,
            f"gaps of {self.framework}",
            report.gaps,
            lambda gap: gap.result.requirement.id,
            lambda gap: Gap.of(self.assessment, gap.result, pending=[mirror(Pending, p) for p in gap.pending]),
            first,
            after,
        )


# ---------------------------------------------------------------------------- one cell


@strawberry.type(description="One chain with what it says and what it is ranked by.")
class Chain:
    relation: str = field(
        description="What it says, read from the control; several possible relations are joined by `|`."
    )
    hops: int = field(description="How many rows of mapping sets it has.")
    parts: int = field(description="How many steps between a whole and its part it has.")
    steps: list[Step] = field(description="Its steps.", metadata={"size": 4})
    shown: bool = field(description="Whether it is the one shown in `explanation`.")
    ruled_out: bool = field(
        description="Whether it passes a node that some row declares to have nothing to do with the end."
    )


@strawberry.type(description="One control, or joint node, against the requirement.")
class Ruling:
    control: str = field(description="The control's id, or the joint node's CURIE.")
    title: str = field(description="What it is called.")
    status: ControlStatus = field(description="How far it is implemented.")
    outcome: Outcome = field(description="What all its chains say together.")
    relation: str = field(description="The same as a relation; several possible ones are joined by `|`.")
    verdict: Verdict = field(description="What it gives by itself.")
    disputed: bool = field(description="Whether its chains contradict each other.")
    stale: bool = field(description="Whether it was downgraded for its evidence.")
    members: list[JointMember] = field(
        description="For a joint node, which control holds which member; else empty.", metadata={"size": 4}
    )
    chains: list[Chain] = field(description="Its chains, best first.", metadata={"size": 5})

    @classmethod
    def of(cls, it: answers.RulingView) -> "Ruling":
        """The schema's view of a ruling."""
        return mirror(
            cls,
            it,
            status=ControlStatus(it.status),
            outcome=Outcome[it.outcome],
            verdict=Verdict[it.verdict],
            members=JointMember.of(it.members),
            chains=[mirror(Chain, c, steps=steps_of(c.steps)) for c in it.chains],
        )


@strawberry.type(description="Why a row says what it says.")
class Rationale:
    row: str = field(description="The row's id.")
    rationale: str = field(description="Its rationale, in a sentence.")


@strawberry.type(description="Everything behind one cell, to defend it or to take it apart.")
class Explain:
    result: RequirementResult = field(description="The answer itself.")
    could_cover: list[str] = field(description="The reference controls and joint nodes that contain or overlap it.")
    references: list[LegalReference] = field(
        description="Legal references of the requirement and its wholes: they inform and never score.",
        metadata={"size": 5},
    )
    rationales: list[Rationale] = field(description="Why each row of the chains says so.", metadata={"size": 10})
    release: str = field(description="The digest of the release that answered.")
    as_of: str = field(description="The day asked for.")
    method: str = field(description="How the answer was made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 5})
    it: strawberry.Private[answers.Explain]

    @classmethod
    def of(cls, assessment: answers.Assessment, it: answers.Explain) -> "Explain":
        """The schema's view of everything behind a cell."""
        return mirror(
            cls,
            it,
            it=it,
            result=RequirementResult.of(assessment, it.result),
            could_cover=list(it.could_cover),
            references=[LegalReference.of(r) for r in it.references],
            rationales=[Rationale(row=row, rationale=text) for row, text in it.rationales],
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        )

    @computed("Every control that has anything to do with it, best first.")
    def rulings(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Ruling]:
        name = f"rulings on {self.result.curie}"
        return connect(info, name, self.it.rulings, _ruling_key, Ruling.of, first, after)


def _ruling_key(ruling: answers.RulingView) -> str:
    """A joint node may contend twice, with other members."""
    return " ".join([ruling.control, *(control for _, control in ruling.members)])


# ---------------------------------------------------------------------------- the whole


@strawberry.type(description="Something to look at in what was sent; errors refuse the whole input.")
class Finding:
    path: str = field(description="What was sent: controls, profile, or the name of a file.")
    line: int = field(description="Which of the controls, from 1, or the line of a file; 0 where that does not matter.")
    cell: str = field(description="Which field of it, or which cell of a workbook.")
    code: str = field(description="What sort of thing it is.")
    message: str = field(description="What it is.")
    hint: str = field(description="What to do about it.")
    severity: str = field(description="error or warning; an answer that was given has only warnings.")

    @classmethod
    def of(cls, it: KgFinding) -> "Finding":
        """The schema's view of a finding."""
        return mirror(cls, it)


@strawberry.type(description="How many controls of which status were assessed.")
class ControlCounts:
    total: int = field(description="All of them.")
    implemented: int = field(description="Of these, implemented.")
    partial: int = field(description="Of these, partly implemented.")
    planned: int = field(description="Of these, planned.")
    alternative: int = field(description="Of these, met by another measure.")
    not_applicable: int = field(description="Of these, marked not applicable.")

    @classmethod
    def of(cls, controls: tuple[m.Control, ...]) -> "ControlCounts":
        """The controls by status."""
        by = {s: sum(1 for c in controls if c.status is s) for s in ControlStatus}
        return cls(total=len(controls), **{status.name.lower(): count for status, count in by.items()})


@strawberry.type(description="What an answer is made for: an AI system, or the organisation itself.")
class Unit:
    id: str = field(description="The system's id; empty for the organisation itself.")
    title: str = field(description="What it is called.")


@strawberry.type(
    description="An organisation's controls and profile put to the graph: ask it about frameworks and requirements."
)
class Assessment:
    release: str = field(description="The digest of the release that answers.")
    as_of: dt.date = field(description="The day asked for.")
    method: str = field(description="How the numbers are made, in a sentence.")
    profile: Profile | None = field(description="The profile as it was understood; null where none was given.")
    controls: ControlCounts = field(description="The controls, counted.")
    units: list[Unit] = field(description="What the answers are made for.", metadata={"size": 3})
    preview: list[str] = field(
        description="Each mapping of each control as a sentence: look through it before you believe the verdicts."
    )
    findings: list[Finding] = field(description="Warnings about what was sent.", metadata={"size": 5})
    it: strawberry.Private[answers.Assessment]

    @classmethod
    def of(cls, it: answers.Assessment, sheet: Sheet) -> "Assessment":
        """The schema's view of an assessment."""
        return mirror(
            cls,
            it,
            it=it,
            release=it.release.digest,
            profile=Profile.of(it.profile),
            controls=ControlCounts.of(it.controls),
            units=[mirror(Unit, u) for u in it.units],
            preview=list(sheet.preview),
            findings=[Finding.of(f) for f in sheet.findings],
        )

    @computed("One framework: every requirement with its verdict, counted.", cost=100)
    def coverage(self, info: Info, framework: FrameworkArgument) -> Coverage:
        return self._answer(info, framework, Coverage)

    @computed("One framework's open requirements, worst first.", cost=100)
    def gaps(self, info: Info, framework: FrameworkArgument) -> GapReport:
        return self._answer(info, framework, GapReport)

    @computed("One framework through the profile: what applies, and which rule decided it.", cost=50)
    def lens(self, info: Info, framework: FrameworkArgument) -> Lens:
        name = framework_name(self.it.release, framework)
        key = ("lens", self.it.profile, name, self.as_of)
        make = lambda: answers.lens(self.it.release, self.it.profile, name, self.as_of)  # noqa: E731
        return Lens.of(info.context.once(key, make))

    @computed("When requirements begin to apply, and which of them the controls will then not cover.", cost=500)
    def timeline(
        self,
        info: Info,
        frameworks: Annotated[
            list[str] | None, strawberry.argument(description="Short ids; left out or empty: all frameworks.")
        ] = None,
        from_: Annotated[
            dt.date | None, strawberry.argument(name="from", description="The first day; left out: the day asked for.")
        ] = None,
        until: Annotated[
            dt.date | None,
            strawberry.argument(description="The last day; left out: the last on which the release knows a change."),
        ] = None,
    ) -> Timeline:
        names = tuple(framework_name(self.it.release, f) for f in frameworks or ())
        key = ("timeline", id(self.it), names, from_, until)
        return Timeline.of(info.context.once(key, lambda: answers.timeline(self.it, names, from_, until)))

    @computed("Everything behind one requirement's verdict.", cost=50)
    def explain(
        self,
        info: Info,
        requirement: Annotated[By, strawberry.argument(description="Which requirement.")],
    ) -> Explain:
        found = _requirement(self.it, find(self.it.release, requirement))
        it = info.context.once(("explain", id(self.it), found.id), lambda: answers.explain(self.it, found))
        return Explain.of(self.it, it)

    @computed("The open requirements in the order of what happened to others.", cost=200)
    def exposure_ranking(
        self,
        info: Info,
        frameworks: Annotated[
            list[str] | None, strawberry.argument(description="Only of these frameworks; left out or empty: of all.")
        ] = None,
        since: Annotated[
            str, strawberry.argument(description="Only incidents surely on or after this day, month or year.")
        ] = "",
        until: Annotated[
            str, strawberry.argument(description="Only incidents surely on or before this day, month or year.")
        ] = "",
        sectors: Annotated[
            list[str] | None, strawberry.argument(description="Only incidents of these sectors: health, finance …")
        ] = None,
    ) -> 'Annotated[ExposureRanking, strawberry.lazy("api.schema.exposures")]':
        from api.schema.exposures import ranking

        names = [framework_name(self.it.release, f) for f in frameworks or ()]
        return ranking(info, self.it, names, since, until, sectors or ())

    @computed("This happened: would the organisation be covered? Name an incident, threats, or both.", cost=100)
    def readiness(
        self,
        info: Info,
        incident: Annotated[By | None, strawberry.argument(description="A case of the AI Incident Database.")] = None,
        threats: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Threats of a supposed incident, or beside those recorded: threat:jailbreak, "
                "nist-aml:NISTAML.031, atlas:AML.T0051."
            ),
        ] = None,
        frameworks: Annotated[
            list[str] | None, strawberry.argument(description="Only of these frameworks; left out or empty: of all.")
        ] = None,
    ) -> 'Annotated[Readiness, strawberry.lazy("api.schema.exposures")]':
        from api.schema.exposures import readiness

        names = [framework_name(self.it.release, f) for f in frameworks or ()]
        return readiness(info, self.it, incident, threats or (), names)

    @computed("The same with some things otherwise: before, after, and what changes for which requirement.", cost=500)
    def what_if(
        self,
        info: Info,
        changes: Annotated[ChangesInput, strawberry.argument(description="What is taken to be otherwise.")],
        frameworks: Annotated[
            list[str] | None, strawberry.argument(description="Compare these frameworks only; left out: all.")
        ] = None,
    ) -> 'Annotated[WhatIf, strawberry.lazy("api.schema.changes")]':
        from api.schema.changes import WhatIf

        return WhatIf.ask(info, self, changes, frameworks)

    @computed("The evidence: what rests on each record, what is stale, and what goes stale when.", cost=200)
    def evidence(
        self,
        info: Info,
        frameworks: Annotated[
            list[str] | None, strawberry.argument(description="Requirements of these frameworks only; left out: all.")
        ] = None,
        within: Annotated[int, strawberry.argument(description="How many days to look ahead: 0 to 3660.")] = 90,
    ) -> 'Annotated[EvidenceReport, strawberry.lazy("api.schema.evidence")]':
        from api.schema.evidence import EvidenceReport

        return EvidenceReport.ask(info, self.it, frameworks, within)

    @computed("What to do next: the cheapest actions that close what is open, or the best in a budget.", cost=25_000)
    def plan(self, info: Info, goals: GoalsArgument = None, options: OptionsArgument = None) -> Plan:
        return make_plan(info, self.it, goals, options)

    @computed("What each action closes by itself, with the controls there are.", cost=5_000)
    def single_actions(self, info: Info, goals: GoalsArgument = None, options: OptionsArgument = None) -> SingleActions:
        return list_single_actions(info, self.it, goals, options)

    def _answer(self, info: Info, framework: str, cls: type[_Answer]) -> _Answer:
        name = framework_name(self.it.release, framework)
        it = info.context.once(("coverage", id(self.it), name), lambda: self.it.coverage(name))
        return mirror(
            cls,
            it,
            it=it,
            assessment=self.it,
            profile=Profile.of(it.profile),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
            counts=Counts.of(it.counts),
        )


def _requirement(assessment: answers.Assessment, id_: str) -> m.Provision:
    """The requirement of that CURIE in the text of the day; raises :class:`~kg.errors.KgError` where it is none."""
    release = assessment.release
    if id_ not in release.provisions:
        raise UsageError(f"{id_} is not a provision", "name a requirement of a framework")
    provision = release.provisions[id_]
    every = assessment.graph.requirements(provision.framework)
    if any(r.id == id_ for r in every):
        return provision
    below = [r.id for r in every if id_ in release.ancestors(r.id)]
    if below:
        hint = f"ask for one of the requirements in it: {', '.join(below[:5])}{' …' if len(below) > 5 else ''}"
    elif not assessment.graph.exists(id_):
        hint = f"it does not stand in the text in force on {assessment.as_of}"
    else:
        hint = "`framework { requirements }` lists them"
    raise UsageError(f"{id_} is not a requirement", hint)


def assess(info: Info, input_: AssessmentInput) -> Assessment:
    """Check the input and put it to the graph, once per request for the same input."""
    release = info.context.release
    input_.check_size()
    info.context.brought(input_.controls, input_.profile)
    filter_ = filter_of(release, input_.max_hops, input_.min_authority, input_.reviewed_only, input_.sets)
    profile = input_.read_profile(release)
    sheet = input_.read_controls(release, profile)

    def make() -> answers.Assessment:
        info.context.controls += len(sheet.controls)
        if info.context.controls > MAX_CONTROLS:
            hint = f"at most {MAX_CONTROLS} over all assessments of a request"
            raise TooMuchError(f"{info.context.controls} controls are too many for one request", hint)
        return answers.assess(release, sheet.controls, profile, input_.as_of, filter_)

    key = ("assessment", sheet.controls, profile, input_.as_of, filter_)
    return Assessment.of(info.context.once(key, make), sheet)
