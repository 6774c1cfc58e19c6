"""A comparison and a what-if answer as documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kg.answers import Explanation, RequirementResult, StepView
from kg.answers.compare import Change, ChangeKind, Comparison, ComparisonSide, Direction
from kg.answers.whatif import WhatIf
from kg.exports.tables import (
    Cell,
    Column,
    Document,
    Table,
    chain_text,
    link_to,
    set_licences,
    text_licences,
    yes,
)
from kg.exports.tables_assessment import COUNT_COLUMNS, count_cells, profile_facts
from kg.exports.words import APPLICABILITY, REASONS, RELATIONS, VERDICTS
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["changes_in_short", "comparison_document", "whatif_document"]

#: What may change of a requirement, after a number.
CHANGES: dict[str, str] = {
    ChangeKind.ENTERED.value: "new in the text",
    ChangeKind.LEFT.value: "gone from the text",
    ChangeKind.APPLICABILITY.value: "in whether it applies",
    ChangeKind.DATE.value: "put off or brought forward",
    ChangeKind.VERDICT.value: "in the verdict",
    ChangeKind.REASONS.value: "in the reasons only",
    ChangeKind.CHAIN.value: "in the chain only",
}
DIRECTIONS: dict[str, str] = {
    Direction.BETTER.value: "both sides count it alike, and it is better met now",
    Direction.WORSE.value: "both sides count it alike, and it is less well met now",
    Direction.SAME.value: "the verdict is the same",
    Direction.NEITHER.value: "it enters or leaves the text, or begins or ceases to apply: the denominator changed",
}
_CHANGES = (
    Column("framework", "Framework", "the framework's id", 12, aside=True),
    Column("curie", "Id", "the requirement's CURIE, stable for ever", 22, aside=True),
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    Column("title", "Title", "the official heading, or a short title of the project's", 34),
    Column("kind", "What changed", "entered, left, applicability, date, verdict, reasons or chain", 13),
    Column("direction", "Direction", "better, worse or same; neither where it counts on one side only", 10),
    Column("regression", "Regression", "applies on both sides, and is less well met now", 10),
    Column("newOpen", "New and open", "applies only now, and is not covered", 10),
    Column("applicabilityBefore", "Applied before", "the applicability before, if in the text", 18, detail=True),
    Column("verdictBefore", "Before", "the verdict before", 11, "verdict"),
    Column("applicabilityAfter", "Applies after", "the applicability after, if in the text", 18, detail=True),
    Column("verdictAfter", "After", "the verdict after", 11, "verdict"),
    Column("appliesFromBefore", "From, before", "from when it applied to this profile", 12, detail=True),
    Column("appliesFromAfter", "From, after", "from when it applies to this profile", 12, detail=True),
    Column("causes", "Because of", "what made the change; where OR stands between, each alone does", 44),
    Column("causeKinds", "Kinds of cause", "control, evidence, profile, law, date, mapping, filter", 18, detail=True),
    Column("causeControls", "Controls", "the controls whose difference made it", 20, detail=True),
    Column("rowsAdded", "Rows added", "rows of the chain after that were not so before", 20, detail=True),
    Column("rowsRemoved", "Rows removed", "rows of the chain before that are not so any more", 20, detail=True),
    Column("reasonsBefore", "Reasons before", "why the verdict was not better", 28, detail=True),
    Column("reasonsAfter", "Reasons after", "why the verdict is not better", 28),
    Column("chainBefore", "Chain before", "the chain the verdict stood on", 60, detail=True),
    Column("chainAfter", "Chain after", "the chain the verdict stands on", 60, aside=True),
)  # fmt: skip
_NUMBERS = (
    Column("framework", "Framework", "the framework's id", 14),
    Column("side", "Side", "before or after", 9),
    Column("asOf", "As of", "the day of the answer", 12),
    Column("textVersion", "Text version", "the text in force on that day", 12),
    Column("release", "Release", "the release that answered", 18, aside=True),
    *COUNT_COLUMNS,
)
_EACH = "Every requirement whose answer changed, with what made the change."
_BOTH = "The numbers of both sides, each with its denominator."


def changes_in_short(value: Comparison) -> str:
    """The comparison in a sentence or two."""
    if not value.changes:
        return "Nothing changed."
    by = [(kind, sum(1 for c in value.changes if c.kind.value == kind)) for kind in CHANGES]
    what = ", ".join(f"{n} {CHANGES[kind]}" for kind, n in by if n)
    worse, new, better = len(value.regressions), len(value.new_open), len(value.improvements)
    many = f"{len(value.changes)} requirement{'s' if len(value.changes) > 1 else ''} changed: {what}."
    return f"{many} {better} better met; {worse} of those that apply on both sides less well met; {new} new and open."


def _explained(e: Explanation | None) -> str:
    if e is None:
        return ""
    return " AND ".join([chain_text(e.steps, e.members), *(chain_text(s) for s in e.supporting)])


def _half(r: RequirementResult | None) -> dict[str, Cell]:
    if r is None:
        return dict.fromkeys(("applicability", "verdict", "from", "reasons", "chain"), "")
    d = r.decision
    return {
        "applicability": d.applicability.value,
        "verdict": r.verdict.name,
        "from": d.applies_from.isoformat() if d.applies_from else "",
        "reasons": ", ".join(r.reasons),
        "chain": _explained(r.explanation),
    }


def _row(c: Change, release: Release) -> tuple[Cell, ...]:
    old, new = _half(c.before), _half(c.after)
    return (
        c.framework, c.requirement, link_to(release, c.requirement, c.ref), c.title, c.kind.value, c.direction.value,
        yes(c.regression), yes(c.new_open), old["applicability"], old["verdict"], new["applicability"], new["verdict"],
        old["from"], new["from"], " OR ".join(x.text for x in c.causes),
        " OR ".join(" AND ".join(x.kinds) for x in c.causes),
        ", ".join(dict.fromkeys(i for x in c.causes for i in x.controls)),
        ", ".join(dict.fromkeys(i for x in c.causes for i in x.rows_added)),
        ", ".join(dict.fromkeys(i for x in c.causes for i in x.rows_removed)),
        old["reasons"], new["reasons"], old["chain"], new["chain"],
    )  # fmt: skip


def _numbers(value: Comparison) -> Iterator[tuple[Cell, ...]]:
    for framework in value.frameworks:
        for name, side in (("before", value.before), ("after", value.after)):
            if f := side.of(framework):
                yield (
                    f.framework, name, side.as_of.isoformat(), f.text_version.isoformat(), side.release,
                    *count_cells(f.counts),
                )  # fmt: skip


def _steps(value: Comparison) -> Iterator[StepView]:
    for c in value.changes:
        for r in (c.before, c.after):
            if r and r.explanation:
                yield from r.explanation.steps
                for chain in r.explanation.supporting:
                    yield from chain


def _licences(value: Comparison, release: Release, steps: Iterable[StepView]) -> tuple[tuple[str, str], ...]:
    every = list(steps)
    names = set(value.frameworks) | {prefix_of(end) for s in every for end in (s.subject, s.object)}
    return (*text_licences(release, names), *set_licences(release, {s.set for s in every}))


def _side(name: str, side: ComparisonSide) -> tuple[tuple[str, str], ...]:
    profile = [(f"{name}, {term[:1].lower()}{term[1:]}", said) for term, said in profile_facts(side.profile)[:1]]
    return (
        (f"{name}, as of", side.as_of.isoformat()),
        (f"{name}, release", side.release),
        (f"{name}, controls", str(side.controls)),
        *profile,
    )


def comparison_document(
    value: Comparison, release: Release, assumed: tuple[str, ...] = (), title: str = "What changed"
) -> Document:
    """What changed, and the numbers of both sides."""
    method = value.after.method
    if value.before.method != method:
        method = f"before: {value.before.method}; after: {method}"
    return Document(
        name="changes",
        title=title,
        summary=changes_in_short(value),
        facts=(
            *(("Assumed", said) for said in assumed),
            *_side("Before", value.before),
            *_side("After", value.after),
            ("Method", method),
        ),
        tables=(
            Table("changes", "Changes", _CHANGES, tuple(_row(c, release) for c in value.changes), _EACH,
                  "Nothing changed."),
            Table("numbers", "Before and after", _NUMBERS, tuple(_numbers(value)), _BOTH),
        ),
        legend=(
            *DIRECTIONS.items(), *VERDICTS.items(), *APPLICABILITY.items(), *REASONS.items(), *RELATIONS.items(),
        ),
        licences=_licences(value, release, _steps(value)),
        disclaimers=value.disclaimers,
        stamp=(
            ("asOfBefore", value.before.as_of.isoformat()), ("releaseBefore", value.before.release),
            ("asOfAfter", value.after.as_of.isoformat()), ("releaseAfter", value.after.release),
        ),
        day=value.after.as_of,
    )  # fmt: skip


def whatif_document(value: WhatIf, release: Release) -> Document:
    """A what-if answer: what is assumed, then as :func:`comparison_document`."""
    return comparison_document(value.comparison, release, value.assumed, "What if")
