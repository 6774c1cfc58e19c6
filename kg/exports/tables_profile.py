"""Questionnaire, profile draft, lens and timeline as documents."""

from __future__ import annotations

from kg.answers import Happening, Lens, ProfileDraft, Standing, Timeline
from kg.answers.questionnaire import Questionnaire
from kg.exports.tables import Cell, Column, Document, Table, link_to, text_licences
from kg.exports.tables_assessment import profile_facts
from kg.exports.words import APPLICABILITY, VERDICTS
from kg.release import Release

__all__ = ["draft_document", "lens_document", "questions_document", "standing_text", "timeline_document"]

HAPPENINGS: dict[str, str] = {
    Happening.BEGINS.value: "the requirement begins to apply to this profile",
    Happening.ENTERS.value: "the requirement enters the text and will apply later",
    Happening.RESCHEDULED.value: "the day from which it applies moves",
    Happening.LEAVES.value: "it leaves the text, or no longer concerns this profile",
}
_FRAMEWORK = Column("framework", "Framework", "the framework's id", 14)
_CURIE = Column("curie", "Id", "the requirement's CURIE, stable for ever", 22, aside=True)
_REF = Column("ref", "Reference", "the official reference, leading to the official text", 18)
_TITLE = Column("title", "Title", "the official heading, or a short title of the project's", 36)
_RULE = Column("rule", "Rule", "id of the node that decided", 26, detail=True)
_LEGAL = Column("legalReference", "Legal reference", "what decided, as a person cites it", 40)
_FROM = Column("appliesFrom", "Applies from", "from when it applies to this profile", 12)

_QUESTIONS = (
    Column("question", "Question", "the question's name", 16),
    Column("text", "Text", "what is asked", 40),
    Column("help", "Help", "what helps to answer", 50, detail=True),
    Column("kind", "Kind", "one, many or date", 8),
    Column("scope", "Asked of", "the organization, or each AI system", 12),
    Column("askedIf", "Asked if", "conditions that must all hold", 20, detail=True),
    Column("option", "Option", "the option's name; empty for a date", 20),
    Column("title", "Option in words", "what the option says", 50),
    Column("note", "Note", "what to mind", 30, detail=True),
    Column("sets", "Sets", "what it says of the profile; ? leaves open", 30, detail=True),
    Column("legalReferences", "Legal references", "the provisions the question is about", 40),
)
_CONSEQUENCES = (
    Column("question", "Question", "the question's name", 16),
    Column("system", "AI system", "for which AI system it was answered; empty: the organisation", 12),
    Column("answer", "Answer", "the options taken", 36),
    _FRAMEWORK,
    Column("applicableBefore", "Applied before", "requirements that applied before the answer", 9, "number"),
    Column("applicableAfter", "Applies after", "requirements that apply after it", 9, "number"),
    Column("notYetBefore", "Later, before", "requirements that would apply later, before it", 9, "number"),
    Column("notYetAfter", "Later, after", "requirements that will apply later, after it", 9, "number"),
    Column("total", "Total", "all requirements of the text in force", 9, "number"),
)
_MOVES = (
    Column("question", "Question", "the question whose answer moved it", 16),
    Column("system", "AI system", "for which AI system it was answered", 12, detail=True),
    _FRAMEWORK, _CURIE, _REF, _TITLE,
    Column("before", "Before", "its applicability before the answer", 20),
    Column("after", "After", "its applicability after the answer", 20),
    Column("explanation", "Why", "what decided", 40), _FROM, _RULE, _LEGAL,
)  # fmt: skip
_GROUPS = (
    _FRAMEWORK,
    Column("applicability", "Applicability", "APPLICABLE, NOT_APPLICABLE or NOT_YET_APPLICABLE", 20),
    Column("requirements", "Requirements", "how many are decided so", 12, "number"),
    Column("explanation", "Why", "what decided", 44), _FROM, _LEGAL,
    Column("rules", "Rules", "ids of the nodes that decided", 30, detail=True),
)  # fmt: skip
_ROWS = (
    _FRAMEWORK, _CURIE, _REF, _TITLE,
    Column("applicability", "Applicability", "APPLICABLE, NOT_APPLICABLE or NOT_YET_APPLICABLE", 20),
    Column("reason", "Reason", "excluded, territory, role, tier, fact, date or empty", 10, detail=True),
    Column("explanation", "Why", "what decided", 44), _FROM, _RULE, _LEGAL,
    Column("also", "Further grounds", "what else would take it out", 40, detail=True),
    Column("units", "AI systems", "each system's own answer, where there are several", 30, detail=True),
)  # fmt: skip
_MILESTONES = (
    Column("day", "Day", "the day on which something changes", 12),
    Column("texts", "Text in force", "the text versions that come into force", 30),
    Column("begins", "Begin", "requirements that begin to apply", 8, "number"),
    Column("gaps", "Not covered", "of these, not covered by today's controls", 8, "number"),
    Column("enters", "Enter", "requirements that enter the text and will apply later", 8, "number"),
    Column("rescheduled", "Rescheduled", "requirements whose date moves", 8, "number"),
    Column("leaves", "Leave", "requirements that leave", 8, "number"),
    Column("legalReferences", "Legal references", "what decides the changes", 50),
)
_CHANGES = (
    Column("day", "Day", "the day of the change", 12),
    Column("happening", "What happens", "BEGINS, ENTERS, RESCHEDULED or LEAVES", 14),
    _FRAMEWORK, _CURIE, _REF, _TITLE, _FROM,
    Column("wasToApplyFrom", "Before", "the date it had before a rescheduling", 12, detail=True),
    Column("verdict", "Verdict", "with today's controls: COVERED, PARTIAL, LEAD or GAP", 11, "verdict"),
    _RULE, _LEGAL,
)  # fmt: skip
_STANDINGS = (
    Column("day", "Day", "as of this day; the first row is the day before the timeline", 12),
    _FRAMEWORK,
    Column("textVersion", "Text version", "the text in force", 12),
    Column("applicable", "Applicable", "the denominator", 10, "number"),
    Column("covered", "Covered", "of the applicable, covered by today's controls", 10, "number"),
    Column("notYetApplicable", "Later", "requirements that will apply later", 10, "number"),
    Column("notApplicable", "Not applicable", "requirements that do not apply", 10, "number"),
)
_ALL_LEGEND = tuple(APPLICABILITY.items())


def standing_text(s: Standing) -> str:
    """The counts of a framework in a phrase with their denominator."""
    return (
        f"{s.applicable} of {s.total} requirements apply, {s.not_yet_applicable} will later, "
        f"{s.not_applicable} do not apply"
    )


def questions_document(value: Questionnaire, release: Release) -> Document:
    """The questions, one row an option."""
    rows: list[tuple[Cell, ...]] = []
    for q in value.questions:
        cited = "; ".join(release.cite(p) for p in q.defined_by)
        head = (q.name, q.text, q.help, q.kind, q.scope, ", ".join(q.asked_if))
        for o in release.options(q.name):
            rows.append((*head, o.name, o.title, o.note, ", ".join(o.sets), cited))
        if q.kind == "date":
            rows.append((*head, "", "a day, such as 2026-03-01", "", "placed_on_market", cited))
    return Document(
        name="questionnaire",
        title="Questionnaire for a profile",
        summary=f"{len(value.questions)} questions; `unknown` answers each of them and sets nothing.",
        facts=(("Release", value.release),),
        tables=(Table("questions", "Questions", _QUESTIONS, tuple(rows)),),
        disclaimers=value.disclaimers,
        stamp=(("release", value.release),),
    )


def draft_document(value: ProfileDraft, release: Release) -> Document:
    """What each answer did: counts per framework, and every requirement it moved."""
    counts: list[tuple[Cell, ...]] = []
    moves: list[tuple[Cell, ...]] = []
    for c in value.consequences:
        head = (c.question.name, c.system)
        said = "; ".join(c.said)
        for t in c.tallies:
            counts.append((
                *head, said, t.framework, t.before.applicable, t.after.applicable, t.before.not_yet_applicable,
                t.after.not_yet_applicable, t.after.total,
            ))  # fmt: skip
        for m in c.moves:
            p, d = m.requirement, m.after
            moves.append((
                *head, p.framework, p.id, link_to(release, p.id, p.ref), p.title, m.before.applicability.value,
                d.applicability.value, d.explanation, d.applies_from.isoformat() if d.applies_from else "", d.rule,
                d.legal_reference,
            ))  # fmt: skip
    return Document(
        name="profile",
        title="From answers to a profile",
        summary=" ".join(f"{t.title}: {standing_text(t.after)}." for t in value.total),
        facts=(
            ("As of", value.as_of.isoformat()),
            ("Release", value.release),
            ("Method", value.method),
            *profile_facts(value.profile),
            ("Not asked yet", ", ".join(q.name for _, q in value.open_questions) or "nothing"),
        ),
        tables=(
            Table("consequences", "Consequences", _CONSEQUENCES, tuple(counts), "In the order of asking."),
            Table("moves", "Requirements moved", _MOVES, tuple(moves), empty="No answer moved a requirement."),
        ),
        legend=_ALL_LEGEND,
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )


def lens_document(value: Lens, release: Release) -> Document:
    """What applies of one framework and which rule decided, requirement by requirement and in groups."""
    groups = tuple(
        (
            value.framework, g.applicability.value, len(g.members), g.explanation,
            g.applies_from.isoformat() if g.applies_from else "", g.reference, ", ".join(g.rules),
        )
        for g in value.groups
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for row in value.rows:
        p, d = row.decided.requirement, row.decided.decision
        several = row.decided.units if len(row.decided.units) > 1 else ()
        rows.append((
            p.framework, p.id, link_to(release, p.id, p.ref), p.title, d.applicability.value, d.because, d.explanation,
            d.applies_from.isoformat() if d.applies_from else "", d.rule, d.legal_reference,
            "; ".join(f"{a.because}: {a.explanation} ({a.legal_reference})" for a in row.also),
            "; ".join(f"{u.id}: {x.applicability.value}" for u, x in several),
        ))  # fmt: skip
    unpublished = "" if value.published else f" There was no text of it before {value.text_version}."
    return Document(
        name=value.framework,
        title=f"What applies of {value.title}",
        summary=f"{standing_text(value.standing)}.{unpublished}",
        facts=(
            ("As of", value.as_of.isoformat()),
            ("Text version", value.text_version.isoformat()),
            ("Release", value.release),
            ("Method", value.method),
            *profile_facts(value.profile),
        ),
        tables=(
            Table("requirements", "Requirements", _ROWS, tuple(rows)),
            Table("groups", "By deciding rule", _GROUPS, groups),
        ),
        legend=_ALL_LEGEND,
        licences=tuple(text_licences(release, [value.framework])),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )


def timeline_document(value: Timeline, release: Release) -> Document:
    """When what begins, and what today's controls will then not cover."""
    milestones: list[tuple[Cell, ...]] = []
    changes: list[tuple[Cell, ...]] = []
    for m in value.milestones:
        day = m.day.isoformat()
        count = {name: sum(1 for c in m.changes if c.happening.value == name) for name in HAPPENINGS}
        milestones.append((
            day, "; ".join(v.title for _, v in m.texts), count["BEGINS"], len(m.gaps), count["ENTERS"],
            count["RESCHEDULED"], count["LEAVES"], "; ".join(m.references),
        ))  # fmt: skip
        for c in m.changes:
            p = c.requirement
            changes.append((
                day, c.happening.value, p.framework, p.id, link_to(release, p.id, p.ref), p.title,
                c.applies_from.isoformat() if c.applies_from else "",
                c.was_to_apply_from.isoformat() if c.was_to_apply_from else "",
                c.verdict.name if c.verdict is not None else "", c.rule, c.legal_reference,
            ))  # fmt: skip
    eve = [("the day before", value.before), *((m.day.isoformat(), m.numbers) for m in value.milestones)]
    standings = tuple(
        (
            day, n.framework, n.text_version.isoformat(), n.applicable, n.covered, n.not_yet_applicable,
            n.not_applicable,
        )
        for day, numbers in eve
        for n in numbers
    )  # fmt: skip
    begins = sum(len(m.begins) for m in value.milestones)
    gaps = sum(len(m.gaps) for m in value.milestones)
    return Document(
        name="timeline",
        title=f"Timeline from {value.from_} to {value.until}",
        summary=f"{len(value.milestones)} days on which something changes; {begins} times a requirement begins to "
        f"apply, {gaps} of them not covered by today's controls.",
        facts=(
            ("Controls as of", value.as_of.isoformat()),
            ("Release", value.release),
            *profile_facts(value.profile),
            ("Method", value.method),
        ),
        tables=(
            Table("changes", "Changes", _CHANGES, tuple(changes), empty="Nothing changes in this time."),
            Table("milestones", "Days", _MILESTONES, tuple(milestones), empty="Nothing changes in this time."),
            Table("standing", "How things stand", _STANDINGS, standings),
        ),
        legend=(*HAPPENINGS.items(), *VERDICTS.items()),
        licences=tuple(text_licences(release, value.frameworks)),
        disclaimers=value.disclaimers,
        stamp=(("controlsAsOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )
