"""What the tools return.  Every field is described for the reader that cannot ask back; ids are CURIEs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Basis", "Caution", "Chain", "Counts", "CoverageResult", "CrosswalkResult", "DerivedRelation", "ExplainResult",
    "Framework", "FrameworksResult", "GapItem", "GapsResult", "IncidentItem", "IncidentsResult", "Mapping", "Named",
    "Page", "Reference", "Refusal", "RequirementResult", "Ruling", "SearchResult", "Source", "Step", "Verdict",
]  # fmt: skip


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Caution(_Result):
    """A standing caution. Repeat it with the answer it concerns."""

    text: str = Field(description="The caution, to be repeated with the answer.")
    basis: str = Field(description="What it rests on; may be empty.")


class Basis(_Result):
    """What defends an answer: repeat it with any number."""

    release: str = Field(description="Digest of the release of the graph that answered.")
    as_of: str = Field(description="The day the answer is for: which text is in force, what applies already.")
    method: str = Field(description="How the answer was reached.")
    disclaimers: list[Caution] = Field(description="Standing cautions on this answer.")


class Refusal(_Result):
    """The graph cannot say. Do not fill the hole with a guess."""

    reason: str = Field(description="Why there is no answer.")
    looked_at: str = Field(description="What was looked at.")
    hint: str = Field(description="What may be asked instead; may be empty.")


class Page(_Result):
    """Which part of a list this is."""

    total: int = Field(description="How many there are in all.")
    offset: int = Field(description="How many were left out before the first.")
    returned: int = Field(description="How many are here.")


class Named(_Result):
    """Something with an id and a title."""

    curie: str = Field(description="Its id in this graph, like gdpr:art-32.1.b.")
    title: str = Field(description="Its title.")


class Source(_Result):
    """Where an assertion comes from. Name it when you repeat the assertion."""

    mapping_set: str = Field(description="Id of the mapping set the row stands in.")
    row: str = Field(description="Id of the row.")
    authority: str = Field(description="Who stands behind the set: owner, hosted, published, project, organization.")
    method: str = Field(description="How the row was made: human, automation, hybrid.")
    reviewed: bool = Field(description="Whether a named person has reviewed the row. Say so where not.")


class Mapping(_Result):
    """One assertion of a mapping set, read subject relation object."""

    subject: Named
    relation: str = Field(
        description="equal, subset_of, superset_of, intersects_with, no_relationship, at_least, at_most or related; "
        "always read from the subject."
    )
    object: Named
    strength: int | None = Field(description="0 to 10 as the set says; null where it says none.")
    rationale: str = Field(description="Why, in a sentence of the set.")
    source: Source


class Step(_Result):
    """One step of a chain, read subject relation object."""

    subject: str = Field(description="CURIE, or the id of an organisation's control.")
    relation: str = Field(description="The set relation of this step.")
    object: str = Field(description="CURIE.")
    kind: str = Field(description="own: the organisation's own claim; part: the text's own structure; row: a mapping.")
    source: Source | None = Field(description="The row of a mapping; null for own and part.")


class Chain(_Result):
    """Why a control meets a requirement, as far as it does."""

    control: str = Field(description="The organisation's control, or the joint node of several.")
    title: str = Field(description="Its title.")
    relation: str = Field(description="What all chains of this control together say of it and the requirement.")
    steps: list[Step]
    reviewed: bool = Field(description="Whether a named person has reviewed every row beneath.")
    disputed: bool = Field(description="Whether sources contradict each other here.")


class Framework(_Result):
    """A standard, law or catalogue of the graph."""

    id: str = Field(description="The name that other tools take.")
    title: str
    kind: str = Field(description="standard, law, framework or catalogue.")
    items: int = Field(description="Requirements in the text in force today; of a catalogue, controls and joint nodes.")
    text_versions: list[str] = Field(description="Days from which a text of it is in force.")
    url: str = Field(description="The official text.")
    licence: str = Field(description="What may be done with the project's data about it.")


class FrameworksResult(_Result):
    """Everything that can be asked about."""

    frameworks: list[Framework]
    basis: Basis


class Reference(_Result):
    """One provision names another: it informs and never carries coverage."""

    subject: str
    kind: str
    object: str


class RequirementResult(_Result):
    """One node of the graph and everything that is said of it. The summary is the project's own words, never the
    official text, which is at the link."""

    curie: str
    kind: str
    reference: str = Field(description="How people cite it.")
    title: str
    summary: str
    counted: bool = Field(description="Whether it is a requirement that coverage counts.")
    modality: str = Field(description="shall, should, voluntary, or empty.")
    official_text: str = Field(description="Link to the official text; may be empty.")
    text_from: str = Field(description="From which text version it stands; empty: from the first.")
    text_until: str = Field(description="Until which text version it stood; empty: it still does.")
    within: list[Named] = Field(description="The wholes it stands in, nearest first.")
    parts: list[Named] = Field(description="What stands directly in it.")
    mappings: list[Mapping] = Field(description="Assertions it is an end of.")
    mappings_page: Page
    legal_references: list[Reference]
    threats: list[Named] = Field(description="Threats it speaks to.")
    confidence: str = Field(description="How sure the project is of its reading: high, medium, low.")
    note: str
    basis: Basis


class Found(_Result):
    """One hit of a search."""

    curie: str
    kind: str
    reference: str
    title: str
    summary: str = Field(description="In the project's own words.")


class SearchResult(_Result):
    """What the words most likely mean, best first. A hit is no mapping."""

    refusal: Refusal | None
    hits: list[Found]
    basis: Basis


class DerivedRelation(_Result):
    """What follows from a chain of rows. Nobody asserts it; say that it is derived."""

    subject: Named
    relation: str
    object: Named
    outcome: str = Field(description="CONTAINS or OVERLAPS, read from the subject.")
    disputed: bool
    steps: list[Step]


class CrosswalkResult(_Result):
    """Assertions between two frameworks, catalogues or single nodes, and apart from them what follows."""

    refusal: Refusal | None = Field(description="Set where no row and no chain joins the two.")
    source: str
    target: str
    summary: str = Field(description="Both directions with their denominators; empty between single nodes.")
    rows: list[Mapping]
    rows_page: Page
    derived: list[DerivedRelation]
    derived_page: Page
    basis: Basis


class Counts(_Result):
    """Over applicable requirements. Never say the percentage without applicable, date and release."""

    applicable: int = Field(description="The denominator.")
    covered: int
    covered_reviewed: int = Field(description="Covered by rows that a named person has reviewed throughout.")
    partial: int = Field(description="Some of what is asked is done; no share is implied.")
    lead: int = Field(description="Something may be done; to be looked at.")
    gap: int
    disputed: int
    not_applicable: int
    excluded: int
    not_yet_applicable: int
    total: int
    percent_covered: float | None = Field(description="covered / applicable, unweighted; null where nothing applies.")


class Verdict(_Result):
    """One requirement's verdict in short."""

    curie: str
    reference: str
    title: str
    applicability: str
    verdict: str = Field(description="COVERED, PARTIAL, LEAD or GAP.")
    reasons: list[str]
    by: str = Field(description="The control that is shown; empty for a gap.")


class CoverageResult(_Result):
    """How far one framework is covered."""

    framework: str
    title: str
    sentence: str = Field(description="The answer in a sentence that can be repeated as it is.")
    counts: Counts
    requirements: list[Verdict]
    page: Page
    findings: list[str] = Field(description="What is odd about the controls given.")
    basis: Basis


class GapItem(_Result):
    """One open requirement."""

    requirement: Verdict
    summary: str
    could_cover: list[Named] = Field(description="Reference controls and joint nodes that contain or overlap it.")
    unfinished: list[Named] = Field(description="The organisation's own controls that would improve it when finished.")
    incidents: int = Field(description="Recorded cases of the threats it speaks to.")


class GapsResult(_Result):
    """The applicable requirements that are not covered, worst first."""

    framework: str
    counts: Counts
    gaps: list[GapItem]
    page: Page
    findings: list[str]
    basis: Basis


class Ruling(_Result):
    """One control that has something to do with a requirement."""

    control: str
    title: str
    status: str
    outcome: str = Field(description="CONTAINS, OVERLAPS, LEAD or RULED_OUT.")
    relation: str
    verdict: str
    disputed: bool
    stale: bool = Field(description="Whether its evidence is too old.")
    chain: list[Step] = Field(description="The chain shown.")
    further_chains: int


class ExplainResult(_Result):
    """Everything behind one verdict."""

    refusal: Refusal | None = Field(description="Set where no control given has anything to do with the requirement.")
    requirement: Verdict
    because: str = Field(description="Why it applies or does not.")
    legal_reference: str
    shown: Chain | None
    rulings: list[Ruling]
    could_cover: list[Named]
    references: list[Reference]
    basis: Basis


class IncidentItem(_Result):
    """One case of the AI Incident Database."""

    curie: str
    title: str = Field(description="The database's title; empty where only its classification is known here.")
    date: str = Field(description="A day, a month, or empty.")
    url: str
    threats: list[Named]


class IncidentsResult(_Result):
    """Recorded cases behind a threat, requirement or control. Reported cases only: no measure of how likely."""

    refusal: Refusal | None
    about: Named
    threats: list[Named]
    incidents: list[IncidentItem]
    page: Page
    note: str
    basis: Basis
