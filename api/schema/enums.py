"""Enums of the schema: the enums of :mod:`kg` with a description for every value.

A value is written in GraphQL exactly as in the JSON exports (``COVERED``, ``superset_of``, ``hosted``).  The one
exception is ``not-applicable``, which GraphQL's grammar does not allow: it is ``not_applicable`` here.
"""

from enum import Enum, EnumMeta
from typing import TypeVar

import strawberry

from kg.answers import Applicability, Happening, Reason, Verdict
from kg.answers.compare import CauseKind, ChangeKind, Direction
from kg.answers.evidence import Basis
from kg.model import Authority, ControlStatus, Method, Modality, PartKind, RationaleKind, ThreatRelation
from kg.organizations.store import Kind as RecordKind
from kg.organizations.store import ProposalState, Role
from kg.relations import Outcome

__all__ = [
    "Applicability", "ApplicabilityReason", "Authority", "Basis", "CauseKind", "ChangeKind", "ControlStatus",
    "Direction", "Happening", "Method", "Modality", "Outcome", "PartKind", "ProposalState", "QuestionKind",
    "QuestionScope", "RationaleKind", "Reason", "RecordKind", "Relation", "Role", "StepKind", "ThreatRelation",
    "Verdict",
]  # fmt: skip

_Enum = TypeVar("_Enum", bound=EnumMeta)


def _describe(cls: _Enum, description: str, values: dict[str, str]) -> _Enum:
    """Register ``cls`` with a description for each value; a key of ``values`` is the name GraphQL shows."""
    by_value = not any(name in values for name in cls.__members__)
    strawberry.enum(cls, description=description)
    definition = cls.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        if by_value:
            value.name = str(value.value).replace("-", "_")
        value.description = values[value.name]
    return cls


class Relation(Enum):
    """The words a row may use (:data:`kg.relations.RELATIONS`)."""

    EQUAL = "equal"
    SUBSET_OF = "subset_of"
    SUPERSET_OF = "superset_of"
    INTERSECTS_WITH = "intersects_with"
    NO_RELATIONSHIP = "no_relationship"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    RELATED = "related"


class StepKind(Enum):
    """What a step of a chain rests on."""

    ROW = "row"
    PART = "part"
    OWN = "own"


class ApplicabilityReason(Enum):
    """What decided that a requirement does not apply, or not yet."""

    ROLE = "role"
    TIER = "tier"
    TERRITORY = "territory"
    FACT = "fact"
    EXCLUDED = "excluded"
    DATE = "date"


class QuestionKind(Enum):
    """How a question of the questionnaire is answered."""

    ONE = "one"
    MANY = "many"
    DATE = "date"


class QuestionScope(Enum):
    """Of what a question is asked."""

    ORGANIZATION = "organization"
    SYSTEM = "system"


_describe(
    QuestionKind,
    "How a question of the questionnaire is answered.",
    {
        "one": "With the name of one option.",
        "many": "With the names of all options that fit; `none` stands alone.",
        "date": "With a day, such as 2026-03-01.",
    },
)
_describe(
    QuestionScope,
    "Of what a question is asked.",
    {"organization": "Of the organisation, once.", "system": "Of each AI system."},
)
_describe(
    Happening,
    "What happens to a requirement on a day.",
    {
        "BEGINS": "It begins to apply.",
        "ENTERS": "It enters the text and will apply later.",
        "RESCHEDULED": "The day from which it applies moves.",
        "LEAVES": "It leaves the text, or no longer concerns the profile.",
    },
)
_describe(
    Relation,
    "How the subject of a row stands to its object, always read *subject relation object*; NIST IR 8477's words.",
    {
        "equal": "Both ask or do exactly the same.",
        "subset_of": "The subject is contained in the object and is less than it.",
        "superset_of": "The subject contains the object and is more than it.",
        "intersects_with": "They share something and neither contains the other.",
        "no_relationship": "They share nothing: the row rules the pair out.",
        "at_least": "equal or superset_of: the subject contains the object.",
        "at_most": "equal or subset_of: the subject is contained in the object.",
        "related": "They share something; the source does not say how much.",
    },
)
_describe(
    Verdict,
    "How far a requirement is met by the controls, whether or not it applies.",
    {
        "COVERED": "An implemented control does all that the requirement asks.",
        "PARTIAL": "An implemented control does some of it, or a partly implemented one does all of it.",
        "LEAD": "A control may have something to do with it; nothing is claimed.",
        "GAP": "No implemented control is known to do any of it.",
    },
)
_describe(
    Reason,
    "Why a verdict is not better, or why it is in doubt.",
    {
        "NO_CONTROL": "No control has anything to do with the requirement.",
        "CONTROL_NOT_IMPLEMENTED": "A planned control would give a better verdict once implemented.",
        "CONTROL_PARTLY_IMPLEMENTED": "A partly implemented control would give a better verdict once implemented.",
        "PARTIAL_MAPPING_ONLY": "The best control overlaps the requirement and does not contain it.",
        "MAPPED_TO_PARENT_ONLY": "A control names a whole above the requirement: name the paragraph.",
        "LEAD_ONLY": "All that is known is a lead.",
        "RULED_OUT": "A mapping says that a control has nothing to do with the requirement.",
        "DISPUTED": "Mapping sets contradict each other about the chain that is shown.",
        "EVIDENCE_STALE": "The control's evidence is missing, older than a rule allows, or no longer valid.",
        "NO_MAPPING_IN_GRAPH": "No reference control of this release reaches the requirement: our blind spot.",
    },
)
_describe(
    Applicability,
    "Whether a requirement concerns the organisation on the day asked for.",
    {
        "APPLICABLE": "It counts in the denominator.",
        "NOT_APPLICABLE": "It does not concern the organisation, or the organisation has excluded it.",
        "NOT_YET_APPLICABLE": "It will apply, from a date after the day asked for.",
    },
)
_describe(
    ApplicabilityReason,
    "What decided that a requirement does not apply, or not yet.",
    {
        "role": "It binds other roles than the profile's.",
        "tier": "It concerns other risk tiers than the profile's.",
        "territory": "It is the law of a place that the profile does not name.",
        "fact": "A fact it hangs on is denied by the profile.",
        "excluded": "The organisation has excluded it and says why.",
        "date": "Its date for this profile is still to come.",
    },
)
_describe(
    Authority,
    "Who stands behind a mapping set, most authoritative first.",
    {
        "owner": "The framework's owner published it.",
        "hosted": "The framework's owner hosts it; another wrote it.",
        "published": "Another body published it.",
        "project": "This project wrote it.",
        "organization": "The organisation says it of its own controls.",
    },
)
_describe(
    Method,
    "How a row was made.",
    {
        "human": "By a person.",
        "automation": "By a machine.",
        "hybrid": "By a machine and a person together.",
    },
)
_describe(
    RationaleKind,
    "What a relation is about (NIST IR 8477).",
    {
        "syntactic": "Their words are alike; such a row informs and never scores.",
        "semantic": "What they mean is alike.",
        "functional": "What comes of following them is alike.",
    },
)
_describe(
    Modality,
    "How strongly a provision binds.",
    {"shall": "It must be done.", "should": "It is recommended.", "voluntary": "It is a free choice."},
)
_describe(
    ControlStatus,
    "Implementation status of an organisation's control (OSCAL's words).",
    {
        "implemented": "In operation: counts in full.",
        "partial": "Partly in operation: containing counts as PARTIAL, overlapping as LEAD.",
        "planned": "Not in operation yet: counts as GAP.",
        "alternative": "Another measure does the same: counts in full.",
        "not_applicable": "Counts as if absent, but is named in `setAside`.",
    },
)
_describe(
    PartKind,
    "How a part hangs on its whole.",
    {
        "all_of": "Needed together with all other such parts; the only kind that chains follow.",
        "any_of": "One of several alternatives.",
        "exception": "A case in which the whole does not bind.",
        "condition": "A case in which alone the whole binds.",
    },
)
_describe(
    ThreatRelation,
    "How a control or a provision bears on a threat.",
    {
        "mitigated_by": "A control makes the threat less likely or less harmful.",
        "detected_by": "A control notices the threat when it strikes.",
        "responded_by": "A control deals with the threat after it has struck.",
        "addressed_by": "A provision asks for something to be done about the threat.",
    },
)
_describe(
    Outcome,
    "What all chains of one control say together about one requirement.",
    {
        "NOTHING": "Nothing is known.",
        "RULED_OUT": "It has nothing to do with the requirement.",
        "LEAD": "It may or may not have something to do with it.",
        "OVERLAPS": "It does some of what the requirement asks.",
        "CONTAINS": "It does all that the requirement asks.",
    },
)
_describe(
    StepKind,
    "What a step of a chain rests on.",
    {
        "row": "A row of a mapping set.",
        "part": "The framework's own structure: a whole and its part.",
        "own": "What the organisation says of its own control.",
    },
)
_describe(
    ChangeKind,
    "What changed of a requirement; where several things did, the first of these.",
    {
        "entered": "It is new in the text in force.",
        "left": "It is gone from the text in force.",
        "applicability": "Whether it concerns the organisation.",
        "date": "It is put off or brought forward.",
        "verdict": "How far it is met.",
        "reasons": "Only why the verdict is not better.",
        "chain": "Only the chain behind the same verdict.",
    },
)
_describe(
    Direction,
    "Whether the new answer is better.",
    {
        "better": "Both sides count it alike, and it is better met after.",
        "worse": "Both sides count it alike, and it is less well met after.",
        "same": "The verdict is the same.",
        "neither": "It enters or leaves the text, or begins or ceases to apply: the denominator changed.",
    },
)
_describe(
    CauseKind,
    "What made a change, found by trying it alone.",
    {
        "control": "A control that is new, gone or otherwise.",
        "evidence": "Evidence that is new, gone or older.",
        "profile": "The profile.",
        "law": "The text in force.",
        "date": "The day: what applies by then.",
        "mapping": "The release of the graph.",
        "filter": "Which rows may count.",
    },
)
_describe(
    Basis,
    "What it means that a requirement rests on a record of evidence.",
    {
        "verdict": "Its verdict would be lower without the record.",
        "control": "It is covered through a control that the record serves; no age or end is set that would lower it.",
    },
)
_describe(
    Role,
    "What a key or a person may do. Each role contains those before it.",
    {
        "viewer": "May read everything of one organisation but its keys, members and audit log.",
        "editor": "May also change its profile, controls, mappings and evidence.",
        "admin": "May also see and change its keys and members, and read its audit log.",
        "platform_admin": "May create, list and archive organisations, and read nothing in them.",
    },
)
_describe(
    RecordKind,
    "What a change was about.",
    {
        "organization": "The organisation itself: its name, whether it is archived.",
        "profile": "Its profile, with its AI systems and exclusions.",
        "control": "A control.",
        "evidence": "An evidence record.",
        "proposal": "A suggested mapping.",
        "key": "An API key.",
        "member": "A person's role.",
        "store": "The store of organisations as a whole.",
    },
)
_describe(
    ProposalState,
    "Where a suggested mapping stands. Only a person moves it on.",
    {
        "proposed": "Nobody has decided; it counts for nothing.",
        "accepted": "It has become a mapping of the control.",
        "rejected": "It will not be proposed again.",
    },
)
