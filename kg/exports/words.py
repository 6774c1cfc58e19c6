"""What the words of an answer mean: one sentence each, for legends in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.answers import Applicability, Counts, Reason, Verdict
from kg.model import Authority, ControlStatus
from kg.release import Release

if TYPE_CHECKING:
    from kg.answers.steps import NextStep

__all__ = [
    "APPLICABILITY", "AUTHORITY", "GROUPS", "INCIDENT_LICENCE", "OUTCOMES",
    "REASONS", "RELATIONS", "STATUSES", "VERDICTS", "denominator", "percent", "step_text",
]  # fmt: skip

VERDICTS: dict[str, str] = {
    Verdict.COVERED.name: "an implemented control does at least all that the requirement asks",
    Verdict.PARTIAL.name: "an implemented control does some of it, or a partly implemented one would do all of it",
    Verdict.LEAD.name: "a control may bear on it, but no chain of mappings proves that it does",
    Verdict.GAP.name: "no implemented control is known to bear on it",
}
GROUPS = (
    "A group is COVERED if all its applicable requirements are, GAP if all are gaps, else PARTIAL; "
    "it has no verdict where none applies."
)
APPLICABILITY: dict[str, str] = {
    Applicability.APPLICABLE.value: "it concerns the organisation on the day asked for and counts in the denominator",
    Applicability.NOT_APPLICABLE.value: "it does not concern the organisation; the reason stands beside it",
    Applicability.NOT_YET_APPLICABLE.value: "it will concern the organisation from a later date",
}
REASONS: dict[str, str] = {
    Reason.NO_CONTROL.value: "no control bears on it",
    Reason.CONTROL_NOT_IMPLEMENTED.value: "a planned control would improve it",
    Reason.CONTROL_PARTLY_IMPLEMENTED.value: "a partly implemented control would improve it when finished",
    Reason.PARTIAL_MAPPING_ONLY.value: "an implemented control does only some of what it asks",
    Reason.MAPPED_TO_PARENT_ONLY.value: "a control names the whole above it: name the paragraph",
    Reason.LEAD_ONLY.value: "the chain only suggests that a control bears on it",
    Reason.RULED_OUT.value: "a mapping says that the control has nothing to do with it",
    Reason.DISPUTED.value: "mappings contradict each other",
    Reason.EVIDENCE_STALE.value: "the evidence is older than the rule allows, no longer valid, or missing",
    Reason.NO_MAPPING_IN_GRAPH.value: "no control of this graph could cover it: our blind spot, not yours",
}
RELATIONS: dict[str, str] = {
    "equal": "the subject asks or does exactly what the object does",
    "subset_of": "the subject is a part of the object",
    "superset_of": "the subject contains the object and more",
    "intersects_with": "they share something, neither contains the other",
    "no_relationship": "they have nothing in common",
    "at_least": "equal or superset_of",
    "at_most": "equal or subset_of",
    "related": "anything but no_relationship: the source does not say what",
}
OUTCOMES: dict[str, str] = {
    "CONTAINS": "the subject contains the object",
    "OVERLAPS": "they share something",
    "LEAD": "they may share something",
    "RULED_OUT": "they share nothing",
}
AUTHORITY: dict[str, str] = {
    Authority.OWNER.value: "the framework's owner published it",
    Authority.HOSTED.value: "the framework's owner hosts it, another wrote it",
    Authority.PUBLISHED.value: "another body published it",
    Authority.PROJECT.value: "this project's own",
    Authority.ORGANIZATION.value: "the organisation's own",
}
STATUSES: dict[str, str] = {
    ControlStatus.IMPLEMENTED.value: "credited in full",
    ControlStatus.ALTERNATIVE.value: "met by other means, credited in full",
    ControlStatus.PARTIAL.value: "credited one step lower",
    ControlStatus.PLANNED.value: "not credited, named as a reason",
    ControlStatus.NOT_APPLICABLE.value: "not credited, named as set aside",
}
#: Incidents come from one source with a licence of its own, which travels with them.
INCIDENT_LICENCE = (
    "AI Incident Database, Responsible AI Collaborative (https://incidentdatabase.ai/)",
    "https://creativecommons.org/licenses/by-sa/4.0/",
)


def percent(counts: Counts) -> str:
    """covered / applicable with one decimal, or ``n/a`` where nothing applies."""
    value = counts.percent_covered
    return "n/a" if value is None else f"{value:.1f} %"


def denominator(counts: Counts) -> str:
    """The counts as sentences in which the percentage never stands without what it is a percentage of."""
    beside = [f"{counts.not_applicable} not applicable"]
    if counts.excluded:
        beside[0] += f" ({counts.excluded} excluded by the organisation)"
    beside.append(f"{counts.not_yet_applicable} not yet applicable")
    if counts.not_yet_applicable:
        beside[1] += f" ({counts.not_yet_applicable_covered} of them covered already)"
    return (
        f"{counts.covered} of {counts.applicable} applicable requirements are covered ({percent(counts)}; "
        f"{counts.covered_reviewed} of them without any unreviewed row), {counts.partial} partial, "
        f"{counts.lead} leads, {counts.gap} gaps; {counts.disputed} disputed. "
        f"Beside them {beside[0]} and {beside[1]}; {counts.total} requirements in all."
    )


def step_text(step: NextStep | None, release: Release) -> str:
    """A next step as a sentence."""
    from kg.answers.steps import Action

    if step is None:
        return ""
    own = ", ".join(step.controls)
    named = [f"{c} {release.title(c)}".strip() for c in step.candidates[:3]]
    candidates = ", ".join(named) + (f" and {len(step.candidates) - 3} more" if len(step.candidates) > 3 else "")
    gives = {"COVERED": "covers it", "PARTIAL": "meets part of it"}.get(step.gives.name if step.gives else "", "")
    said = {
        Action.FINISH: f"finish {own}: that {gives}",
        Action.RENEW: f"renew the evidence of {own}: that {gives}",
        Action.SETTLE: f"settle what the mappings of {own} say: they contradict each other",
        Action.NAME: f"say of {own or 'your controls'} which paragraph they meet: their rows name the whole",
        Action.EXTEND: f"extend {own} to the rest" + (f", or take up {candidates}" if candidates else ""),
        Action.ADOPT: f"take up {candidates}",
        Action.WRITE: "write a control of your own: this graph knows none",
    }
    return said[step.action]
