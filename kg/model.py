"""The words of the graph as frozen dataclasses.

Everything is a value: nothing here reads a file or computes an answer.  Dates are :class:`datetime.date`;
ids are CURIEs.  A ``Source`` says where in the tree a thing was read, for findings; it is never part of
the digest, so that moving a row to another line or file leaves the release unchanged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from kg.relations import NO_RELATIONSHIP, RELATIONS

__all__ = [
    "AUTHORITIES", "ENTITIES", "EXPLICIT_FACTS", "INTENTS", "PART_KINDS", "ROLES", "SECTORS", "TIERS", "TIMINGS",
    "ApplicationRule", "Authority", "Catalogue", "Classification", "ClassificationSet", "Condition", "Control",
    "ControlRow", "ControlStatus", "Disclaimer", "EvidenceRecord", "Exclusion", "Framework", "Incident", "JointNode",
    "LegalReference", "Mapping", "MappingSet", "Method", "Modality", "NonCoverage", "Option", "Part", "PartKind",
    "Profile", "ProfileWord", "Provision", "Question", "RationaleKind", "ReferenceControl", "RiskDomain", "Source",
    "System", "TextVersion", "Threat", "ThreatLink", "ThreatRelation", "row_id",
]  # fmt: skip


class PartKind(StrEnum):
    """How a part hangs on its whole.  Only ``all_of`` is a step of a chain."""

    ALL_OF = "all_of"
    ANY_OF = "any_of"
    EXCEPTION = "exception"
    CONDITION = "condition"


PART_KINDS = tuple(PartKind)


class Authority(StrEnum):
    """Who stands behind a mapping set, most authoritative first."""

    OWNER = "owner"
    HOSTED = "hosted"
    PUBLISHED = "published"
    PROJECT = "project"
    ORGANIZATION = "organization"

    @property
    def level(self) -> int:
        """4 for owner … 0 for organization."""
        return 4 - AUTHORITIES.index(self)


AUTHORITIES = tuple(Authority)


class Method(StrEnum):
    """How a row was made (OSCAL control mapping's word)."""

    HUMAN = "human"
    AUTOMATION = "automation"
    HYBRID = "hybrid"


class RationaleKind(StrEnum):
    """NIST IR 8477: what the relation is about.  A ``syntactic`` row informs and never scores."""

    SYNTACTIC = "syntactic"
    SEMANTIC = "semantic"
    FUNCTIONAL = "functional"


class Modality(StrEnum):
    """How strongly a requirement binds."""

    SHALL = "shall"
    SHOULD = "should"
    VOLUNTARY = "voluntary"


class ControlStatus(StrEnum):
    """Implementation status of an organisation's control (OSCAL's words)."""

    IMPLEMENTED = "implemented"
    PARTIAL = "partial"
    PLANNED = "planned"
    ALTERNATIVE = "alternative"
    NOT_APPLICABLE = "not-applicable"


class ThreatRelation(StrEnum):
    """How a control or a requirement bears on a threat."""

    MITIGATED_BY = "mitigated_by"
    DETECTED_BY = "detected_by"
    RESPONDED_BY = "responded_by"
    ADDRESSED_BY = "addressed_by"


#: Whom a requirement may bind.  The first block is of the AI Act, the second of the GDPR.
ROLES: dict[str, str] = {
    "provider": "develops an AI system, or has one developed, and places it on the market or puts it into service",
    "deployer": "uses an AI system under its authority",
    "importer": "places on the Union market a system that bears the name of someone established outside it",
    "distributor": "makes a system available on the Union market without being its provider or importer",
    "product-manufacturer": "places a product on the market together with a system, under its own name",
    "authorised-representative": "acts in the Union for a provider established outside it",
    "third-party-supplier": "supplies tools, services, components or processes used in a high-risk system",
    "gpai-provider": "provides a general-purpose AI model",
    "gpai-authorised-representative": "acts in the Union for a provider of a general-purpose AI model",
    "notified-body": "assesses conformity as a third party",
    "authority": "a public authority acting as such",
    "controller": "decides why and how personal data are processed",
    "processor": "processes personal data for a controller",
    "joint-controller": "decides together with others why and how personal data are processed",
    "representative": "represents a controller or processor established outside the Union",
}
#: Risk tiers of the AI Act; ``prohibited`` and ``all`` concern every system.
TIERS: dict[str, str] = {
    "prohibited": "practices nobody may engage in",
    "high-risk": "systems of Annex I or Annex III",
    "transparency": "systems with duties of Article 50",
    "gpai": "general-purpose AI models",
    "gpai-systemic": "general-purpose AI models with systemic risk",
    "minimal": "none of the above",
    "all": "every AI system",
}
#: The causal taxonomy of the MIT AI Risk Repository: who or what caused it, when, and whether it was meant.
ENTITIES = ("AI", "Human", "Other")
TIMINGS = ("Pre-deployment", "Post-deployment", "Other")
INTENTS = ("Intentional", "Unintentional", "Other")
#: Facts of an organisation or system that a duty may hang on; a profile says true or false, and what it
#: does not say is taken as true, so that no duty falls out of the denominator in silence.
EXPLICIT_FACTS: dict[str, str] = {
    "personal-data": "processes personal data",
    "special-categories": "processes special categories of personal data (GDPR Article 9)",
    "public-body": "is a public authority or body, or provides public services",
    "trains-models": "the system uses techniques that train models with data",
    "chatbot": "interacts directly with natural persons",
    "synthetic-content": "generates audio, image, video or text",
    "emotion-or-biometric": "recognises emotions or categorises people by biometric data",
    "deepfake": "generates or manipulates content that is a deep fake",
    "public-interest-text": "publishes generated text on matters of public interest",
    "remote-biometric-id": "identifies people remotely by biometric data",
    "workplace": "is used on workers",
    "decisions-about-people": "makes or helps to make decisions about natural persons",
    "annex-iii-credit-or-insurance": "is a system of Annex III(5)(b) or (c)",
    "annex-iii-critical-infrastructure": "is a system of Annex III(2)",
    "annex-iii-law-enforcement-or-migration": "is a system of Annex III(1), (6) or (7) of such use",
    "claims-not-high-risk": "relies on Article 6(3) of the AI Act",
    "substantially-modifies": "rebrands, modifies or repurposes a system (AI Act Article 25(1))",
    "non-eu-provider": "the provider is established outside the Union",
    "financial-institution": "is subject to Union financial services law",
    "real-world-testing": "tests systems in real-world conditions outside sandboxes",
    "continues-learning": "the system goes on learning after it is put into service",
    "consent": "relies on consent",
    "children": "offers information society services to children",
    "automated-decisions": "takes decisions based solely on automated processing (GDPR Article 22)",
    "international-transfers": "transfers personal data to third countries",
    "joint-controllers": "determines purposes and means jointly with others",
    "uses-processors": "has processors process personal data",
    "uses-sub-processors": "engages other processors as a processor",
    "non-eu-controller": "is established outside the Union (GDPR Article 3(2))",
    "data-from-subject": "collects personal data from the data subject",
    "data-not-from-subject": "obtains personal data from elsewhere",
    "legitimate-interests": "relies on legitimate interests",
    "high-risk-processing": "processing is likely to result in a high risk to people",
    "dpo-required": "must designate a data protection officer",
    "adheres-to-code": "adheres to a code of conduct or of practice",
    "certified": "holds a data protection certification",
    "free-and-open-source-gpai": "releases its model under a free and open-source licence",
    "gpai-systemic": "the model has systemic risk (AI Act Article 51)",
    "legacy-high-risk": "was on the market before Chapter III applied to it and has not changed significantly since",
    "used-by-public-authorities": "is intended to be used by public authorities",
    "annex-x-component": "is a component of a large-scale IT system of Annex X on the market before 2 August 2027",
    "gpai-before-2025-08-02": "the general-purpose model was on the market before 2 August 2025",
    "annex-iii": "the system is high-risk under Article 6(2) and Annex III",
    "annex-i": "the system is high-risk under Article 6(1) and Annex I",
    "placed-before-2026-08-02": "the system was on the market before 2 August 2026",
    "placed-after-2026-08-01": "the system came on the market on 2 August 2026 or later",
}


#: Where an incident took place.
SECTORS = tuple(
    "consumer-technology cybersecurity defence education elections-and-politics employment energy finance "
    "general-public government health hospitality housing justice law-enforcement media-and-entertainment research "
    "retail-and-commerce social-media telecommunications transport".split()
)


class Source(NamedTuple):
    """Where a thing was read: a path (as the user gave it) and a 1-based line."""

    path: str = ""
    line: int = 0


_SOURCE = field(default=Source(), compare=False, repr=False)


#: Facts, any of which suffices (``!fact`` is its denial); a tuple of conditions must all hold.
Condition = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextVersion:
    """One consolidated text of a framework, in force from ``date``."""

    date: date
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """A standard or law.  ``text_versions`` is in order of date; the last is the current one.  ``territory`` are the
    provisions that say where it reaches."""

    id: str
    title: str
    short_title: str
    publisher: str
    kind: str
    jurisdiction: str
    url: str
    licence: str
    text_versions: tuple[TextVersion, ...]
    requires: tuple[Condition, ...] = ()
    note: str = ""
    order: int = 99
    territory: tuple[str, ...] = ()
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class ApplicationRule:
    """From when duties apply to those whom ``conditions`` describe, with the provision that says so."""

    id: str
    framework: str
    title: str
    applies_from: date
    basis: str
    conditions: tuple[Condition, ...] = ()
    text_from: date | None = None
    text_until: date | None = None
    confidence: str = "high"
    note: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Provision:
    """Any node of a framework.  ``roles``, ``tiers`` and ``rules`` are empty where they are inherited from
    the whole it is part of, or where the framework does not know them.  ``tags`` say further things in the form
    ``kind/value``: a trustworthiness characteristic (``characteristic/safe``), an AI actor task of NIST AI 600-1
    (``actor/…``), the implementation guidance of an ISO control (``guidance/B.6.2.4``), ``ai-relevant``."""

    id: str
    framework: str
    kind: str
    ref: str
    title: str
    summary: str
    assessable: bool
    url: str = ""
    modality: Modality | None = None
    roles: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rules: tuple[str, ...] = ()
    text_from: date | None = None
    text_until: date | None = None
    amended: date | None = None
    confidence: str = "high"
    note: str = ""
    tags: tuple[str, ...] = ()
    order: int = 0
    source: Source = _SOURCE

    def in_text(self, version: date) -> bool:
        """Whether this provision stands in the text in force from ``version``."""
        return (self.text_from is None or self.text_from <= version) and (
            self.text_until is None or version < self.text_until
        )


@dataclass(frozen=True, slots=True)
class Part:
    """``whole`` has ``part`` as a part.  ``incorporates`` marks a curated edge to another annex or article."""

    whole: str
    part: str
    kind: PartKind
    incorporates: bool = False
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue of reference controls."""

    id: str
    title: str
    publisher: str
    licence: str
    version: str
    description: str = ""
    url: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class ReferenceControl:
    """A control of a catalogue we ship: ``statement`` says exactly what is done."""

    id: str
    catalogue: str
    domain: str
    title: str
    statement: str
    rationale: str = ""
    evidence: str = ""
    threats: tuple[str, ...] = ()
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class JointNode:
    """Several reference controls together: their union."""

    id: str
    catalogue: str
    title: str
    members: tuple[str, ...]
    rationale: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Threat:
    """An attack or failure class; ``matches`` are ids of the same class in other schemes."""

    id: str
    title: str
    summary: str
    broader: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    note: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class ThreatLink:
    """``threat`` is mitigated, detected, responded to or addressed by ``target``, and why."""

    threat: str
    relation: ThreatRelation
    target: str
    rationale: str
    set_id: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Incident:
    """A case of the AI Incident Database.  ``date`` is ISO 8601, may be a year and month, or empty.

    ``threats`` are empty where nobody has said which; ``title`` is empty only for a case that is known by its number
    and classification alone, and ``basis`` then says so.
    """

    id: str
    number: int
    date: str
    title: str
    threats: tuple[str, ...]
    url: str
    basis: str
    sector: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class RiskDomain:
    """A domain of the MIT AI Risk Repository or, with ``broader``, one of its subdomains.

    ``matches`` are the threats that every case of the subdomain shows, so plainly that an importer may say so.
    """

    id: str
    ref: str
    title: str
    broader: str = ""
    matches: tuple[str, ...] = ()
    note: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class ClassificationSet:
    """One table of classifications: under which licence, by whom, and from where.  ``id`` is an IRI."""

    id: str
    title: str
    licence: str
    attribution: str
    origin: str
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Classification:
    """Where a case of the AI Incident Database stands in the taxonomies of the MIT AI Risk Repository."""

    set_id: str
    incident: str
    number: int
    date: str
    subdomain: str
    entity: str
    timing: str
    intent: str
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class MappingSet:
    """One SSSOM file's header: who stands behind its rows."""

    id: str
    title: str
    authority: Authority
    licence: str
    description: str = ""
    publisher: str = ""
    source_url: str = ""
    version: str = ""
    source: Source = _SOURCE


def row_id(set_id: str, subject: str, object_: str, rationale_kind: str) -> str:
    """The id of a row, derived from its key: the same row has the same id in every release.

    >>> row_id("aisb-gdpr", "aisb:DAT-01", "gdpr:art-5.1.f", "functional")
    'm-0bfece6e91f8'
    """
    key = "\t".join((set_id, subject, object_, rationale_kind))
    return "m-" + hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Mapping:
    """One assertion, read *subject relation object*."""

    set_id: str
    subject: str
    relation: str
    object: str
    rationale_kind: RationaleKind
    rationale: str = ""
    strength: int | None = None
    confidence: float | None = None
    method: Method = Method.HUMAN
    reviewers: tuple[str, ...] = ()
    date: date | None = None
    subject_version: str = ""
    object_version: str = ""
    citation: str = ""
    note: str = ""
    source: Source = _SOURCE

    @property
    def mask(self) -> int:
        """The relation as a mask of base relations."""
        return RELATIONS[self.relation]

    @property
    def id(self) -> str:
        """Derived from the row key."""
        return row_id(self.set_id, self.subject, self.object, self.rationale_kind)

    @property
    def reviewed(self) -> bool:
        """Whether a named person has reviewed the row."""
        return bool(self.reviewers)

    @property
    def scores(self) -> bool:
        """Whether the row may be a step of a chain: not if it only compares words, nor if it rules out."""
        return self.rationale_kind is not RationaleKind.SYNTACTIC and self.mask != NO_RELATIONSHIP


@dataclass(frozen=True, slots=True)
class LegalReference:
    """One provision names another: it informs and is never a step of a chain."""

    subject: str
    kind: str
    object: str
    note: str
    citation: str
    set_id: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class NonCoverage:
    """Looked at and left out: why ``subject`` has no row to ``framework``."""

    subject: str
    framework: str
    reason: str
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Disclaimer:
    """A standing caution that travels with the answers it concerns; empty ``frameworks`` means all."""

    id: str
    text: str
    frameworks: tuple[str, ...] = ()
    basis: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class ProfileWord:
    """A role, tier or fact (``kind``) as a profile names it, with the provisions that define it.

    ``basis`` cites them as a person does and is empty where no provision defines the word; the note then says so.
    ``implies`` are roles whose duties the role has too.  A fact with ``of_tier`` is denied by a system that states its
    tiers without that one.  A fact with ``held_before`` or ``held_from`` follows from the day of placing on the market:
    it holds before that day, or from it on.
    """

    id: str
    kind: str
    name: str
    title: str
    meaning: str
    defined_by: tuple[str, ...] = ()
    basis: str = ""
    implies: tuple[str, ...] = ()
    of_tier: str = ""
    held_before: date | None = None
    held_from: date | None = None
    note: str = ""
    source: Source = _SOURCE

    @property
    def dated(self) -> bool:
        """Whether a fact follows from the day of placing on the market."""
        return self.held_before is not None or self.held_from is not None

    def holds(self, placed: date) -> bool:
        """Whether a dated fact holds of what was placed on the market on that day."""
        return (self.held_before is None or placed < self.held_before) and (
            self.held_from is None or placed >= self.held_from
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a question.  ``sets`` are effects: ``role:``, ``tier:``, ``fact:`` or ``jurisdiction:`` and a word;
    ``?`` before one of the first three leaves that word open although the option was not taken that sets it."""

    id: str
    question: str
    name: str
    title: str
    order: int = 0
    sets: tuple[str, ...] = ()
    note: str = ""
    source: Source = _SOURCE


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the guided questionnaire.

    ``kind`` is ``one``, ``many`` (the option named ``none`` stands alone) or ``date``; ``scope`` is ``organization`` or
    ``system``.  ``asked_if`` are conditions that must all hold, ``question=option`` or ``question!=option``: only an
    answer denies one.  ``defined_by`` are the provisions the question is about.
    """

    id: str
    name: str
    text: str
    help: str
    kind: str
    scope: str
    order: int
    asked_if: tuple[str, ...] = ()
    defined_by: tuple[str, ...] = ()
    note: str = ""
    source: Source = _SOURCE


# ------------------------------------------------------------------ an organisation's side


@dataclass(frozen=True, slots=True)
class ControlRow:
    """One row of an organisation's control: *control relation target*, the first step of a chain."""

    target: str
    mask: int
    stated: bool = True


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """What shows that a control is done: a record with an id of its own, so that one may serve several controls.

    Its age counts from ``day``; after ``valid_until``, where it says so, it is worth nothing.
    """

    id: str
    kind: str = ""
    title: str = ""
    day: date | None = None
    valid_until: date | None = None
    link: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """What an organisation does.  ``systems`` limits it to the named AI systems; empty means all.

    ``evidence_date`` is the day of the newest evidence and counts where no single record is named; ``evidence`` are the
    records themselves, and ``max_evidence_age_days`` is this control's own freshness rule, which stands before the
    profile's.
    """

    id: str
    title: str
    status: ControlStatus
    rows: tuple[ControlRow, ...] = ()
    description: str = ""
    owner: str = ""
    evidence_date: date | None = None
    systems: tuple[str, ...] = ()
    evidence: tuple[EvidenceRecord, ...] = ()
    max_evidence_age_days: int | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A requirement (or a whole group) the organisation has excluded, and why."""

    target: str
    justification: str


@dataclass(frozen=True, slots=True)
class System:
    """One AI system: duties of the AI Act fall on it.  ``None`` facts are unknown and taken as true."""

    id: str
    title: str = ""
    roles: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    facts: tuple[tuple[str, bool], ...] = ()
    placed_on_market: date | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What decides which duties concern an organisation.  ``None`` means: nothing stated, all may apply."""

    title: str = ""
    as_of: date | None = None
    jurisdictions: tuple[str, ...] = ()
    roles: tuple[str, ...] | None = None
    facts: tuple[tuple[str, bool], ...] = ()
    systems: tuple[System, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    max_evidence_age_days: int | None = None
