"""Decisions of applicability, and a framework through a profile."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Applicability, ApplicabilityReason
from api.schema.frameworks import Disclaimer
from api.schema.nodes import computed, mirror
from kg import answers

__all__ = ["Decision", "Lens", "Standing"]


@strawberry.type(description="How many requirements of a framework apply, do not, and will; they add up to the total.")
class Standing:
    applicable: int = field(description="Those that apply on the day asked for: the denominator.")
    not_applicable: int = field(description="Those that do not concern the organisation.")
    not_yet_applicable: int = field(description="Those that will apply later.")
    total: int = field(description="All requirements of the text in force.")


@strawberry.type(description="Whether a requirement applies, with the rule and the legal reference that decided it.")
class Decision:
    applicability: Applicability = field(description="Whether it concerns the organisation on the day asked for.")
    reason: ApplicabilityReason | None = field(
        description="What decided that it does not, or not yet; null if it does."
    )
    explanation: str = field(description="The same in words; empty where there is nothing to say.")
    applies_from: dt.date | None = field(description="From when it applies; null: no date is known or needed.")
    basis: str = field(description="The provision that sets the date; empty where there is none.")
    rule: str = field(
        description="The id of the node that decided: an application rule, the provision that carries the roles, tiers "
        "or condition, or `kgfw:` and a framework."
    )
    legal_reference: str = field(description="The same as a person cites it: Article 26(1), EU AI Act.")

    @classmethod
    def of(cls, it: answers.Decision) -> "Decision":
        """The schema's view of a decision."""
        return mirror(cls, it, reason=ApplicabilityReason(it.because) if it.because else None)


@strawberry.type(description="The decision for one AI system, or for the organisation itself.")
class UnitDecision:
    unit: str = field(description="The system's id; empty for the organisation itself.")
    decision: Decision = field(description="What was decided for it.")


@strawberry.type(description="One requirement through the lens.")
class LensRequirement:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    decision: Decision = field(description="Whether it applies over all AI systems, and what decided it.")
    also: list[Decision] = field(
        description="Further grounds on which it would not apply either, in the fixed order of grounds.",
        metadata={"size": 2},
    )
    units: list[UnitDecision] = field(
        description="Each AI system's own decision, where the profile has several; else empty.", metadata={"size": 3}
    )

    @classmethod
    def of(cls, it: answers.LensRow) -> "LensRequirement":
        """The schema's view of a row."""
        p, decided = it.decided.requirement, it.decided
        several = decided.units if len(decided.units) > 1 else ()
        return cls(
            curie=p.id,
            ref=p.ref,
            title=p.title,
            decision=Decision.of(decided.decision),
            also=[Decision.of(d) for d in it.also],
            units=[UnitDecision(unit=u.id, decision=Decision.of(d)) for u, d in several],
        )


@strawberry.type(description="Requirements that are decided alike.")
class LensGroup:
    applicability: Applicability = field(description="What was decided.")
    reason: ApplicabilityReason | None = field(description="On which ground; null where they apply.")
    explanation: str = field(description="The ground in words.")
    applies_from: dt.date | None = field(description="From when they apply; null: no date is known or needed.")
    rules: list[str] = field(description="The ids of the nodes that decided, each once.")
    legal_reference: str = field(description="What they have in common, as a person cites it.")
    count: int = field(description="How many requirements are decided so.")
    members: list[str] = field(description="Their CURIEs, in reading order.")

    @classmethod
    def of(cls, it: answers.LensGroup) -> "LensGroup":
        """The schema's view of a group."""
        return mirror(
            cls,
            it,
            reason=ApplicabilityReason(it.because) if it.because else None,
            rules=list(it.rules),
            legal_reference=it.reference,
            count=len(it.members),
            members=list(it.members),
        )


@strawberry.type(description="What of a framework applies to a profile on a day, and which rule decided each.")
class Lens:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="What it is called.")
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    text_version: dt.date = field(
        description="The text of the framework that is read: in force on that day, or the first."
    )
    published: bool = field(description="Whether the framework had a text on that day at all.")
    standing: Standing = field(description="The framework's requirements, counted.")
    method: str = field(description="How it was decided, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with the answer.", metadata={"size": 5})
    it: strawberry.Private[answers.Lens]

    @classmethod
    def of(cls, it: answers.Lens) -> "Lens":
        """The schema's view of a lens."""
        return mirror(
            cls,
            it,
            it=it,
            standing=mirror(Standing, it.standing),
            disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        )

    @computed("By ground: what applies, what will, what does not, the largest group of a ground first.", size=30)
    def groups(self) -> list[LensGroup]:
        return [LensGroup.of(g) for g in self.it.groups]

    @computed("Every requirement of the text, in reading order.")
    def requirements(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[LensRequirement]:
        name = f"lens of {self.framework}"
        return connect(info, name, self.it.rows, lambda r: r.decided.requirement.id, LensRequirement.of, first, after)
