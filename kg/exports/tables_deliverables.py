"""What a consultant hands over, as documents: the Statement of Applicability, readiness for a law by role and date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kg.answers.duties import Duties, Duty, DutyCount
from kg.answers.soa import (
    Driver,
    Implementation,
    StatementFinding,
    StatementOfApplicability,
    StatementRow,
    StatementState,
)
from kg.exports.tables import Cell, Column, Document, Table, link_to, set_licences, text_licences, yes
from kg.exports.tables_assessment import profile_facts
from kg.exports.words import (
    APPLICABILITY,
    INCIDENT_LICENCE,
    REASONS,
    RELATIONS,
    STATUSES,
    VERDICTS,
    denominator,
    step_text,
)
from kg.model import Control, EvidenceRecord
from kg.release import Release

__all__ = ["FINDINGS", "STATES", "duties_document", "duties_summary", "statement_document", "statement_summary",
           ]  # fmt: skip

STATES: dict[str, str] = {
    StatementState.IMPLEMENTED.value: "a control of yours that you call implemented does all of it",
    StatementState.IN_PART.value: "controls of yours do some of it, or one that does all is unfinished or unproven",
    StatementState.PLANNED.value: "nothing of it is done; a control that you call planned bears on it",
    StatementState.NOT_SHOWN.value: "nothing shows that any of it is done",
    StatementState.EXCLUDED.value: "you have excluded it",
}
FINDINGS: dict[str, str] = {
    StatementFinding.EXCLUDED_WITHOUT_REASON.value: "it is excluded and nobody says why",
    StatementFinding.EXCLUDED_THOUGH_ASKED_FOR.value: "it is excluded, though a requirement that applies asks for it",
    StatementFinding.EXCLUDED_THOUGH_DONE.value: "it is excluded, though an implemented control of yours bears on it",
    StatementFinding.NO_DRIVER.value: "nothing in this graph asks for it: say yourself why it is included",
    StatementFinding.NO_CONTROL.value: "no control of yours bears on it",
    StatementFinding.NO_OWNER.value: "a control that bears on it has no owner",
    StatementFinding.NO_EVIDENCE.value: "an implemented control that bears on it has no evidence",
    StatementFinding.EVIDENCE_STALE.value: "the evidence of an implemented control that bears on it no longer counts",
    StatementFinding.DISPUTED.value: "mappings contradict each other about it",
}
#: How many provisions of one framework a cell names before it says how many more there are.
_NAMED = 8

_CURIE = Column("curie", "Id", "the CURIE, stable for ever", 18, aside=True)
_REF = Column("ref", "Control", "its reference in Annex A, leading to the official page", 9)
_TITLE = Column("title", "Title", "the official heading", 24)
_STATEMENT = (
    _CURIE, _REF, _TITLE,
    Column("included", "Applicable", "whether it is included in the statement", 10),
    Column("drivers", "Asked for by", "what supports its inclusion: requirements that apply, and threats", 44),
    Column("exclusion", "Justification for exclusion", "in the organisation's own words", 30),
    Column("state", "Implementation", "implemented, in part, planned, not shown or excluded", 14, "verdict"),
    Column("verdict", "Verdict", "COVERED, PARTIAL, LEAD or GAP; empty where excluded", 11, "verdict", detail=True),
    Column("controls", "Implemented by", "the organisation's controls that bear on it, each with its status", 34),
    Column("owners", "Owner", "who answers for these controls", 16),
    Column("evidence", "Evidence", "of these controls, each with its date", 24),
    Column("findings", "Findings", "what an auditor would ask about", 22),
    Column("nextStep", "Next step", "the one action that gains most", 40, aside=True),
    Column("incidentCount", "Incidents", "cases behind its threats", 10, "number", detail=True),
)  # fmt: skip
_DRIVERS = (
    Column("control", "Control", "a control of the list", 9),
    Column("controlTitle", "Its title", "the official heading", 26),
    Column("framework", "Framework", "the framework that asks for it", 14),
    Column("provision", "Provision", "what asks for it, leading to the official text", 20),
    Column("provisionTitle", "Its title", "its official heading, or a short title of the project's", 34),
    Column("relation", "Relation", "read: the provision, relation, the control", 15),
    Column("applicability", "Applicability", "APPLICABLE or NOT_YET_APPLICABLE", 20),
    Column("appliesFrom", "Applies from", "from when, where it has a date", 12),
    Column("set", "Set", "the mapping set", 20),
    Column("row", "Row", "the row's id", 18, detail=True),
    Column("reviewed", "Reviewed", "whether a named person reviewed the row", 9),
)
_OWN = (
    Column("control", "Control", "a control of the list", 9),
    Column("own", "Your control", "its id", 12),
    Column("ownTitle", "Its title", "its title", 34),
    Column("status", "Status", "as you gave it", 14),
    Column("outcome", "Does", "contains, overlaps or lead; joint: together with others", 11),
    Column("owner", "Owner", "who answers for it; empty: nobody is named", 24),
    Column("record", "Evidence", "the record", 30),
    Column("day", "Of", "the day of the evidence", 12),
    Column("fresh", "Counts", "whether the control's evidence counts on the day", 8),
    Column("systems", "AI systems", "those it is limited to", 16, detail=True),
)
_FURTHER = (
    Column("own", "Your control", "its id", 12),
    Column("ownTitle", "Its title", "its title", 44),
    Column("status", "Status", "as you gave it", 14),
    Column("owner", "Owner", "who answers for it", 28),
    Column("day", "Evidence of", "the day of its newest evidence", 12),
)
_DUTIES = (
    Column("unit", "AI system", "whom it binds; empty: the organisation", 16),
    Column("roles", "Roles", "by which it binds; empty: everybody", 16),
    Column("tiers", "Tiers", "the risk tiers it concerns", 12),
    Column("appliesFrom", "Applies from", "from when it applies to this profile", 12),
    Column("days", "Days left", "until it applies; 0: it does", 8, "number"),
    Column("curie", "Id", "the requirement's CURIE, stable for ever", 22, aside=True),
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    Column("title", "Title", "the official heading, or a short title of the project's", 30),
    Column("verdict", "Verdict", "COVERED, PARTIAL, LEAD or GAP", 11, "verdict"),
    Column("gap", "What is missing", "why the verdict is not better, in words", 34),
    Column("control", "Control", "the control (or joint node) that comes nearest", 12),
    Column("nextStep", "Next step", "the one action that gains most", 34),
    Column("legalReference", "Legal reference", "what decided that and when it applies", 34, aside=True),
    Column("applicability", "Applicability", "APPLICABLE or NOT_YET_APPLICABLE", 20, detail=True),
    Column("reasons", "Reasons", "why the verdict is not better, in order", 28, detail=True),
)
_BY_ROLE = (
    Column("appliesFrom", "Applies from", "from when these duties apply", 12),
    Column("role", "Role", "the role they bind; empty: everybody", 26),
    Column("tier", "Tier", "the risk tier they concern", 16),
    Column("duties", "Duties", "a requirement for each AI system it binds: the denominator", 9, "number"),
    Column("covered", "Covered", "of these: covered", 9, "number"),
    Column("partial", "Partial", "of these: partial", 9, "number"),
    Column("lead", "Lead", "of these: leads", 9, "number"),
    Column("gap", "Gap", "of these: gaps", 9, "number"),
    Column("percentCovered", "% covered", "covered / duties, unweighted", 10, "number", share=True),
)  # fmt: skip


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


# ---------------------------------------------------------------- Statement of Applicability


def _drivers_text(row: StatementRow, release: Release) -> str:
    by: dict[str, dict[str, None]] = {}
    for d in row.drivers:
        by.setdefault(d.provision.framework, {})[d.provision.ref] = None
    said = []
    for framework, refs in by.items():
        more = f" and {len(refs) - _NAMED} more" if len(refs) > _NAMED else ""
        said.append(f"{release.frameworks[framework].short_title}: {', '.join([*refs][:_NAMED])}{more}")
    if row.exposure.threats:
        said.append(f"threats: {', '.join(t.title for t in row.exposure.threats)}")
    return "; ".join(said)


def _record(record: EvidenceRecord) -> str:
    return " ".join(filter(None, (record.id, record.title)))


def _evidence(i: Implementation) -> str:
    said = [f"{_record(r) or i.control.id} ({_day(r.day) or 'no date'})" for r in i.records]
    return ", ".join(said)


def _statement(row: StatementRow, release: Release) -> tuple[Cell, ...]:
    p = row.result.requirement
    bearing = [i for i in row.implementations if i.outcome != "LEAD"]
    evidence = dict.fromkeys(filter(None, map(_evidence, bearing)))
    return (
        p.id, link_to(release, p.id, p.ref), p.title, yes(row.included),
        _drivers_text(row, release), row.exclusion, row.state.value,
        row.result.verdict.name if row.included else "",
        "; ".join(f"{i.control.id} {i.control.title} ({i.control.status.value})" for i in bearing),
        ", ".join(dict.fromkeys(i.control.owner for i in bearing if i.control.owner)),
        "; ".join(evidence), "; ".join(FINDINGS[f] for f in row.findings), step_text(row.next_step, release),
        len(row.exposure.incidents),
    )  # fmt: skip


def _driver(row: StatementRow, d: Driver, release: Release) -> tuple[Cell, ...]:
    p = row.result.requirement
    return (
        p.ref, p.title, release.frameworks[d.provision.framework].short_title,
        link_to(release, d.provision.id, d.provision.ref), d.provision.title, d.relation, d.applicability.value,
        _day(d.applies_from), d.set, d.row, yes(release.row[d.row].reviewed),
    )  # fmt: skip


def _own(row: StatementRow, i: Implementation) -> Iterable[tuple[Cell, ...]]:
    c = i.control
    head = (row.result.requirement.ref, c.id, c.title, c.status.value, i.outcome.lower(), c.owner)
    for record in i.records or (None,):
        said = _record(record) or "unnamed" if record else ""
        yield (*head, said, _day(record.day) if record else "", yes(i.fresh), ", ".join(c.systems))


def _further(c: Control) -> tuple[Cell, ...]:
    days = [r.day for r in c.evidence if r.day] or ([c.evidence_date] if c.evidence_date else [])
    return (c.id, c.title, c.status.value, c.owner, _day(max(days)) if days else "")


def statement_summary(value: StatementOfApplicability) -> str:
    """The counts of a statement as sentences."""
    c = value.counts
    return (
        f"Of {c.total} controls of the list, {c.included} are included and {c.excluded} excluded. Of the included, "
        f"{c.implemented} are implemented, {c.in_part} in part, {c.planned} planned and {c.not_shown} not shown. "
        f"{c.with_findings} controls have findings."
    )


def statement_document(value: StatementOfApplicability, release: Release) -> Document:
    """The statement, what asks for each control, how each is done, and the organisation's further controls."""
    drivers = tuple(_driver(r, d, release) for r in value.rows for d in r.drivers)
    own = tuple(line for r in value.rows for i in r.implementations for line in _own(r, i))
    sets = {d.set for r in value.rows for d in r.drivers}
    sets |= {s.set for r in value.rows if r.result.explanation for s in r.result.explanation.steps}
    names = {value.framework} | {d.provision.framework for r in value.rows for d in r.drivers}
    cases = [INCIDENT_LICENCE] if any(r.exposure.incidents for r in value.rows) else []
    return Document(
        name=f"{value.framework}-soa",
        title=f"Statement of Applicability for {value.title}",
        summary=statement_summary(value),
        facts=(
            ("Source of the list", "ISO/IEC 42001:2023, Annex A, as 6.1.3 asks; ids and titles only"),
            ("As of", value.as_of.isoformat()),
            ("Text version", value.text_version.isoformat()),
            ("Release", value.release),
            *profile_facts(value.profile),
            ("Inclusion", "a control is included unless the profile excludes it; what asks for it supports the "
             "decision, which is the organisation's"),
            ("Method", value.method),
        ),
        tables=(
            Table("statement", "Statement", _STATEMENT, tuple(_statement(r, release) for r in value.rows),
                  "Every control of Annex A, one a row."),
            Table("drivers", "Asked for by", _DRIVERS, drivers,
                  "The provisions that a mapping relates to a control and that apply now or later.",
                  "Nothing that applies is mapped to a control."),
            Table("implementation", "How it is done", _OWN, own, "Your controls that bear on each, one evidence a row.",
                  "No control of yours bears on any."),
            Table("further", "Further controls", _FURTHER, tuple(map(_further, value.further)),
                  "Your controls that bear on none of Annex A: those that are necessary belong into the statement too.",
                  "Every control of yours bears on one of Annex A."),
        ),
        legend=(*STATES.items(), *FINDINGS.items(), *STATUSES.items(), *VERDICTS.items(), *RELATIONS.items()),
        licences=(*text_licences(release, names), *set_licences(release, sets), *cases),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
        marker=(("kind", "statement-of-applicability"), ("framework", value.framework)),
    )  # fmt: skip


# ---------------------------------------------------------------- readiness by role, tier and date


def _duty(d: Duty, release: Release) -> tuple[Cell, ...]:
    p = d.requirement
    return (
        d.unit, ", ".join(d.roles), ", ".join(d.tiers), _day(d.applies_from), d.days, p.id,
        link_to(release, p.id, p.ref), p.title, d.verdict.name, "; ".join(REASONS[r] for r in d.reasons), d.control,
        step_text(d.next_step, release), d.legal_reference, d.applicability.value, ", ".join(d.reasons),
    )  # fmt: skip


def _count(c: DutyCount) -> tuple[Cell, ...]:
    share = round(100 * c.covered / c.duties, 1)
    return (_day(c.applies_from), c.role, c.tier, c.duties, c.covered, c.partial, c.lead, c.gap, share)


def duties_summary(value: Duties) -> str:
    """What binds now and what later, with the coverage's own counts."""
    now = [d for d in value.duties if not d.days]
    later = sorted({d.applies_from for d in value.duties if d.days and d.applies_from})
    said = f"{len(now)} duties apply on {value.as_of}, {len(value.duties) - len(now)} later"
    said += f" (the next from {later[0]}). " if later else ". "
    return said + "A duty is a requirement for one AI system. " + denominator(value.counts)


def duties_document(value: Duties, release: Release) -> Document:
    """Every duty by date, and their counts by role, tier and date."""
    short = release.frameworks[value.framework].short_title
    roles = {r for d in value.duties for r in d.roles}
    words = [(w.name, w.meaning) for (kind, name), w in release.vocabulary.items() if kind == "role" and name in roles]
    return Document(
        name=f"{value.framework}-readiness",
        title=f"Readiness for the {short} by role, tier and date",
        summary=duties_summary(value),
        facts=(
            ("Framework", f"{value.title} ({value.framework})"),
            ("As of", value.as_of.isoformat()),
            ("Text version", value.text_version.isoformat()),
            ("Release", value.release),
            *profile_facts(value.profile),
            ("Method", value.method),
        ),
        tables=(
            Table("duties", "Duties", _DUTIES, tuple(_duty(d, release) for d in value.duties),
                  "What binds each AI system, now or later: first what applies first.",
                  "Nothing of it applies to this profile, now or later."),
            Table("by-role", "By role, tier, date", _BY_ROLE, tuple(map(_count, value.by_role)),
                  "A duty that binds two roles stands under each: the lines do not add up."),
        ),
        legend=(*VERDICTS.items(), *APPLICABILITY.items(), *REASONS.items(), *words),
        licences=(
            *text_licences(release, (value.framework,)),
            *set_licences(release, {name for d in value.duties for name in d.sets}),
        ),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
        marker=(("kind", "readiness"), ("framework", value.framework)),
    )  # fmt: skip
