"""Coverage, gap report and explanation as documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from kg.answers import Counts, Coverage, Explain, Explanation, RequirementResult, StepView
from kg.answers.gaps import Gap, GapReport
from kg.exports.tables import (
    Cell,
    Column,
    Document,
    Link,
    Table,
    chain_text,
    link_to,
    set_licences,
    text_licences,
    yes,
)
from kg.exports.words import (
    APPLICABILITY,
    GROUPS,
    INCIDENT_LICENCE,
    REASONS,
    RELATIONS,
    VERDICTS,
    denominator,
    step_text,
)
from kg.model import Incident, Profile
from kg.release import Release
from kg.terms import prefix_of

__all__ = [
    "COUNT_COLUMNS", "count_cells", "coverage_document", "explain_document", "gaps_document", "incident_text",
    "profile_facts",
]  # fmt: skip

_FRAMEWORK = Column("framework", "Framework", "the framework's id", 12, detail=True)
_CURIE = Column("curie", "Id", "the requirement's CURIE, stable for ever", 22, aside=True)
_REF = Column("ref", "Reference", "the official reference, leading to the official text", 16)
_TITLE = Column("title", "Title", "the official heading, or a short title of the project's", 34)
_SUMMARY = Column("summary", "Summary", "what it asks, in words of the project", 60, detail=True)
_VERDICT = Column("verdict", "Verdict", "COVERED, PARTIAL, LEAD or GAP", 11, "verdict")
_REASONS = Column("reasons", "Reasons", "why the verdict is not better, in order", 28)
_CHAIN = Column(
    "chain", "Chain", "the chain of mappings the verdict stands on, each with its row and set", 70, aside=True
)

_REQUIREMENTS = (
    _FRAMEWORK, _CURIE, _REF, _TITLE, _SUMMARY,
    Column("group", "Group", "the article, clause or category it is reported under", 20, detail=True),
    Column("applicability", "Applicability", "APPLICABLE, NOT_APPLICABLE or NOT_YET_APPLICABLE", 18),
    Column("applicabilityExplanation", "Why", "what decided the applicability", 34),
    Column("appliesFrom", "Applies from", "from when it applies to this profile", 12, detail=True),
    Column("basis", "Basis", "the provision that sets the date", 20, detail=True),
    Column("rule", "Rule", "id of the node that decided the applicability", 24, detail=True),
    Column("legalReference", "Legal reference", "what decided the applicability, as a person cites it", 30, aside=True),
    _VERDICT, _REASONS,
    Column("control", "Control", "the control (or joint node) the verdict comes from", 16),
    Column("controlTitle", "Control title", "its title", 30, detail=True),
    Column("relation", "Relation", "what all chains together say: control relation requirement", 18, detail=True),
    _CHAIN,
    Column("sets", "Sets", "the mapping sets of the chain", 26, detail=True),
    Column("reviewed", "Reviewed", "whether every row of the chain has been reviewed by a named person", 9),
    Column("disputed", "Disputed", "whether mappings contradict each other", 9, detail=True),
    Column("opposing", "Opposing chain", "where disputed: the chain that says otherwise", 40, detail=True),
    Column("setAside", "Set aside", "controls marked not-applicable that bear on it", 16, detail=True),
    Column("units", "AI systems", "the verdict of each AI system, where the profile has several", 30, detail=True),
)  # fmt: skip

#: The numbers of a framework or group, the denominator first.
COUNT_COLUMNS = (
    Column("applicable", "Applicable", "requirements that apply: the denominator", 11, "number"),
    Column("covered", "Covered", "of these: covered", 9, "number"),
    Column("coveredReviewed", "Covered, reviewed", "of the covered: without any unreviewed row", 10, "number"),
    Column("partial", "Partial", "of the applicable: partial", 9, "number"),
    Column("lead", "Lead", "of the applicable: leads", 9, "number"),
    Column("gap", "Gap", "of the applicable: gaps", 9, "number"),
    Column("disputed", "Disputed", "of the applicable: disputed", 9, "number"),
    Column("notApplicable", "Not applicable", "requirements that do not apply", 11, "number"),
    Column("excluded", "Excluded", "of these: excluded by the organisation", 9, "number"),
    Column("notYetApplicable", "Not yet applicable", "requirements that apply later", 11, "number"),
    Column("notYetApplicableCovered", "Of these covered", "of these: covered already", 10, "number", aside=True),
    Column("total", "Total", "all requirements in the text in force", 9, "number"),
    Column("percentCovered", "% covered", "covered / applicable, unweighted", 10, "number"),
)  # fmt: skip
_GROUPS = (_FRAMEWORK, _CURIE, _REF, _TITLE, _VERDICT, *COUNT_COLUMNS)

_GAPS = (
    _FRAMEWORK, _CURIE, _REF, _TITLE, _SUMMARY, _VERDICT, replace(_REASONS, aside=True),
    Column("why", "In words", "the reasons in words", 44),
    Column("appliesFrom", "Applies from", "from when it applies to this profile", 12, detail=True),
    Column("control", "Nearest control", "the control that comes nearest", 16),
    _CHAIN,
    Column("pending", "Not finished", "controls that would improve it when implemented", 30),
    Column("couldCover", "Could cover it", "reference controls and joint nodes that could", 34, aside=True),
    Column("nextStep", "Next step", "the one action that by the reasons gains most", 40),
    Column("threats", "Threats", "threats the requirement addresses", 30, detail=True),
    Column("incidentCount", "Incidents", "how many cases of the AI Incident Database these threats have", 10, "number"),
    Column("incidents", "Latest incidents", "up to three cases, latest first", 56, aside=True),
)  # fmt: skip
_INCIDENTS = (
    Column("number", "AIID", "number of the case in the AI Incident Database", 8),
    Column("date", "Date", "day, month or empty where unknown", 12),
    Column("title", "What happened", "in words of the project", 60),
    Column("threats", "Threats", "the threats it shows", 40),
    Column("requirements", "Gaps behind which it stands", "the open requirements that address these threats", 60),
)
_CHAINS = (
    Column("control", "Control", "the control or joint node", 16),
    Column("status", "Status", "its implementation status", 14, detail=True),
    Column("outcome", "Outcome", "what all its chains together say: contains, overlaps, lead, ruled out", 12),
    _VERDICT,
    Column("chain", "Chain", "number of the chain, best first", 7, "number"),
    Column("shown", "Shown", "whether it is the chain the answer shows", 7, aside=True),
    Column("ruledOut", "Ruled out", "whether it passes a node that is ruled out for the requirement", 9, detail=True),
    Column("chainRelation", "Chain says", "what this chain alone says: control relation requirement", 18, aside=True),
    Column("step", "Step", "number of the step", 6, "number"),
    Column("subject", "Subject", "read subject relation object", 22),
    Column("relation", "Relation", "the relation of this step", 16),
    Column("object", "Object", "read subject relation object", 22),
    Column("kind", "Kind", "own row, part of a whole, or row of a set", 8, detail=True),
    Column("set", "Set", "the mapping set", 24, aside=True),
    Column("row", "Row", "the row's id", 18, aside=True),
    Column("authority", "Authority", "who stands behind the set", 12),
    Column("method", "Method", "how the row was made", 12, detail=True),
    Column("reviewed", "Reviewed", "whether a named person reviewed it", 9),
    Column("rationale", "Rationale", "why, in one sentence", 60),
)
_REFERENCES = (
    Column("subject", "Subject", "the provision that refers", 24),
    Column("kind", "Kind", "how it refers", 18),
    Column("object", "Object", "the provision referred to", 24),
    Column("note", "Note", "what it is about", 60),
    Column("citation", "Citation", "where the text says so", 30),
)
_COULD = (
    Column("curie", "Id", "reference control or joint node", 18),
    Column("title", "Title", "its title", 50),
)

_EVERY = "Every requirement in the text in force: whether it applies, its verdict, why, and the chain it stands on."
_OPEN = "The applicable requirements that are not covered, worst first, then in reading order."
_BEHIND = "Cases of the AI Incident Database in which the threats struck that the open requirements address."
_ALL = "Every control that bears on it, best first, with all its chains, one row a step."
_BY = "Reference controls and joint nodes that contain or overlap it within the hop limit."


# ---------------------------------------------------------------- shared


def profile_facts(profile: Profile | None) -> list[tuple[str, str]]:
    """What a reader must know of a profile: silence is said too, because it makes everything apply."""
    if profile is None:
        return [("Profile", "none: every requirement is taken to apply, as of its date")]
    found = [("Profile", profile.title or "unnamed")]
    if profile.roles is not None:
        found.append(("Roles", ", ".join(profile.roles)))
    for s in profile.systems:
        said = "; ".join(x for x in (", ".join(s.roles), ", ".join(s.tiers)) if x) or "nothing stated"
        found.append((f"AI system {s.id}", f"{s.title} ({said})" if s.title else said))
    found += [(f"Excluded {e.target}", e.justification) for e in profile.exclusions]
    if profile.max_evidence_age_days is not None:
        found.append(("Oldest evidence", f"{profile.max_evidence_age_days} days"))
    return found


def _facts(value: Coverage) -> tuple[tuple[str, str], ...]:
    return (
        ("Framework", f"{value.title} ({value.framework})"),
        ("As of", value.as_of.isoformat()),
        ("Text version", value.text_version.isoformat()),
        ("Release", value.release),
        *profile_facts(value.profile),
        ("Method", value.method),
    )


def _legend() -> tuple[tuple[str, str], ...]:
    return (
        *VERDICTS.items(), ("Groups", GROUPS), *APPLICABILITY.items(), *REASONS.items(), *RELATIONS.items(),
    )  # fmt: skip


def _stamp(release: str, as_of: str) -> tuple[tuple[str, str], ...]:
    return (("asOf", as_of), ("release", release))


def _steps(results: Iterable[RequirementResult]) -> Iterator[StepView]:
    for r in results:
        if r.explanation:
            yield from r.explanation.steps
            yield from r.explanation.opposing
            for chain in r.explanation.supporting:
                yield from chain


def _licences(release: Release, framework: str, steps: Iterable[StepView]) -> tuple[tuple[str, str], ...]:
    every = list(steps)
    names = {framework} | {prefix_of(end) for s in every for end in (s.subject, s.object)}
    return (*text_licences(release, names), *set_licences(release, {s.set for s in every}))


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


def _chain(e: Explanation | None) -> str:
    if e is None:
        return ""
    chains = [chain_text(e.steps, e.members), *(chain_text(s) for s in e.supporting)]
    return " AND ".join(chains)


# ---------------------------------------------------------------- coverage


def _requirement(r: RequirementResult, release: Release) -> tuple[Cell, ...]:
    p, e, d = r.requirement, r.explanation, r.decision
    return (
        p.framework, p.id, link_to(release, p.id, p.ref), p.title, p.summary, r.group,
        d.applicability.value, d.explanation, _day(d.applies_from), d.basis, d.rule, d.legal_reference,
        r.verdict.name, ", ".join(r.reasons),
        e.control if e else "", e.title if e else "", e.relation if e else "", _chain(e),
        ", ".join(dict.fromkeys(s.set for s in e.steps if s.set)) if e else "",
        yes(e.reviewed) if e else "", yes(e.disputed) if e else "", chain_text(e.opposing) if e else "",
        ", ".join(r.set_aside), "; ".join(f"{u.unit}: {u.applicability.value} {u.verdict.name}" for u in r.units),
    )  # fmt: skip


def count_cells(c: Counts) -> tuple[Cell, ...]:
    """The counts under :data:`COUNT_COLUMNS`."""
    share = c.percent_covered
    return (
        c.applicable, c.covered, c.covered_reviewed, c.partial, c.lead, c.gap, c.disputed, c.not_applicable,
        c.excluded, c.not_yet_applicable, c.not_yet_applicable_covered, c.total,
        None if share is None else round(share, 1),
    )  # fmt: skip


def coverage_document(value: Coverage, release: Release) -> Document:
    """Requirements and groups of one framework."""
    groups = tuple(
        (
            value.framework,
            g.provision.id,
            link_to(release, g.provision.id, g.provision.ref),
            g.provision.title,
            g.verdict.name if g.verdict is not None else "",
            *count_cells(g.counts),
        )
        for g in value.groups
    )
    rows = tuple(_requirement(r, release) for r in value.requirements)
    idle = frozenset(i for i, g in enumerate(value.groups) if g.verdict is None)
    muted = frozenset(i for i, r in enumerate(value.requirements) if not r.applicable)
    return Document(
        name=value.framework,
        title=f"Coverage of {value.title}",
        summary=denominator(value.counts),
        facts=_facts(value),
        tables=(
            Table("requirements", "Requirements", _REQUIREMENTS, rows, _EVERY, muted=muted),
            Table("groups", "Groups", _GROUPS, groups, GROUPS, muted=idle),
        ),
        legend=_legend(),
        licences=_licences(release, value.framework, _steps(value.requirements)),
        disclaimers=value.disclaimers,
        stamp=_stamp(value.release, value.as_of.isoformat()),
        day=value.as_of,
    )


# ---------------------------------------------------------------- gaps


def incident_text(incident: Incident) -> str:
    """One case in one line."""
    when = f" ({incident.date})" if incident.date else ""
    return f"AIID {incident.number}{when}: {incident.title}"


def _gap(g: Gap, release: Release) -> tuple[Cell, ...]:
    r, p = g.result, g.result.requirement
    return (
        p.framework, p.id, link_to(release, p.id, p.ref), p.title, p.summary, r.verdict.name, ", ".join(r.reasons),
        "; ".join(REASONS[reason] for reason in r.reasons), _day(r.decision.applies_from),
        r.explanation.control if r.explanation else "", _chain(r.explanation),
        "; ".join(f"{x.control} {x.title} ({x.status})" for x in g.pending), ", ".join(g.could_cover),
        step_text(g.next_step, release),
        ", ".join(t.title for t in g.exposure.threats), len(g.exposure.incidents),
        "; ".join(incident_text(i) for i in g.exposure.incidents[:3]) or g.exposure.note,
    )  # fmt: skip


def _incidents(gaps: Sequence[Gap], release: Release) -> tuple[tuple[Cell, ...], ...]:
    behind: dict[str, list[str]] = {}
    found: dict[str, Incident] = {}
    for g in gaps:
        for i in g.exposure.incidents:
            found[i.id] = i
            behind.setdefault(i.id, []).append(g.result.requirement.id)
    latest = sorted(found.values(), key=lambda i: (i.date, i.number), reverse=True)
    return tuple(
        (
            Link(str(i.number), i.url) if i.url.startswith(("https://", "http://")) else str(i.number),
            i.date,
            i.title,
            ", ".join(release.title(t) or t for t in i.threats),
            ", ".join(behind[i.id]),
        )
        for i in latest
    )


def gaps_document(value: GapReport, release: Release) -> Document:
    """The open requirements of one framework and the incidents behind them."""
    c = value.coverage
    results = [g.result for g in value.gaps]
    open_ = c.counts.partial + c.counts.lead + c.counts.gap
    listed = "" if len(results) == open_ else f" Listed here: the first {len(results)}."
    incidents = _incidents(value.gaps, release)
    licences = _licences(release, c.framework, _steps(results))
    return Document(
        name=c.framework,
        title=f"Gaps against {c.title}",
        summary=f"{open_} of {c.counts.applicable} applicable requirements are not covered.{listed} "
        + denominator(c.counts),
        facts=_facts(c),
        tables=(
            Table("gaps", "Gaps", _GAPS, tuple(_gap(g, release) for g in value.gaps), _OPEN, "Nothing is open."),
            Table("incidents", "Incidents", _INCIDENTS, incidents, _BEHIND, "No incident stands behind these gaps."),
        ),
        legend=_legend(),
        licences=(*licences, INCIDENT_LICENCE) if incidents else licences,
        disclaimers=c.disclaimers,
        stamp=_stamp(c.release, c.as_of.isoformat()),
        day=c.as_of,
    )


# ---------------------------------------------------------------- explain


def _chain_rows(value: Explain) -> Iterator[tuple[Cell, ...]]:
    why = dict(value.rationales)
    for ruling in value.rulings:
        for number, chain in enumerate(ruling.chains, 1):
            for place, s in enumerate(chain.steps):
                yield (
                    ruling.control, ruling.status, ruling.outcome, ruling.verdict, number, yes(chain.shown),
                    yes(chain.ruled_out), chain.relation, place, s.subject, s.relation, s.object, s.kind, s.set,
                    s.row, s.authority, s.method, yes(s.reviewed), why.get(s.row, ""),
                )  # fmt: skip


def explain_document(value: Explain, release: Release) -> Document:
    """Every chain behind one cell, step by step."""
    p, r = value.result.requirement, value.result
    steps = [s for ruling in value.rulings for chain in ruling.chains for s in chain.steps]
    references = tuple((x.subject, x.kind, x.object, x.note, x.citation) for x in value.references)
    could = tuple((id_, release.title(id_)) for id_ in value.could_cover)
    reasons = f" ({', '.join(r.reasons)})" if r.reasons else ""
    return Document(
        name=p.id,
        title=f"{p.ref} {p.title} ({p.id})",
        summary=f"{r.verdict.name}{reasons}; {r.decision.applicability.value}"
        + (f": {r.decision.explanation}" if r.decision.explanation else ""),
        facts=(
            ("Requirement", p.summary),
            ("As of", value.as_of),
            ("Release", value.release),
            ("Method", value.method),
        ),
        tables=(
            Table("chains", "Chains", _CHAINS, tuple(_chain_rows(value)), _ALL, "No control bears on it."),
            Table("could-cover", "Could cover it", _COULD, could, _BY, "No control of this graph could cover it."),
            Table("references", "Legal references", _REFERENCES, references, "They inform and are never a step."),
        ),
        legend=(*VERDICTS.items(), *REASONS.items(), *RELATIONS.items()),
        licences=_licences(release, p.framework, steps),
        disclaimers=value.disclaimers,
        stamp=(("requirement", p.id), *_stamp(value.release, value.as_of)),
        day=date.fromisoformat(value.as_of),
    )
