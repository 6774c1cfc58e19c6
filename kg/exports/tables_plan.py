"""A plan and the list of single actions as documents."""

from __future__ import annotations

from collections.abc import Iterable

from kg.answers.plan import Action, Goal, GoalState, Plan, PlanCounts, Singles
from kg.exports.tables import Cell, Column, Document, Table, chain_text, link_to, set_licences, text_licences, yes
from kg.exports.tables_assessment import profile_facts
from kg.exports.words import VERDICTS
from kg.release import Release

__all__ = ["ACTION_WORDS", "WHY_WORDS", "counts_text", "plan_document", "singles_document"]

ACTION_WORDS = {
    "adopt": "put a reference control into practice for the whole organisation",
    "finish": "finish a control of your own that is planned or partly implemented",
    "refresh": "renew the evidence of a control of your own",
}
STATE_WORDS = {
    "closed": "covered once the plan is done",
    "left": "could be closed, but not within the budget",
    "uncoverable": "nothing that the plan may use can close it; why stands beside it",
}
WHY_WORDS = {
    "must-not": "only what must not be in the plan would close it",
    "other-catalogue": "only a control of a catalogue that the plan may not use would close it",
    "filter": "only rows that the filter leaves out lead to it",
    "no-control-contains-it": "no reference control, joint node or own control contains it",
}
_ACTION = (
    Column("action", "Action", "adopt, finish or refresh", 9),
    Column("id", "Control", "the reference control's CURIE, or the id of your own control", 18),
    Column("title", "Title", "its title", 44),
    Column("status", "Status now", "of your own control", 12, detail=True),
    Column("cost", "Cost", "what the action costs", 8, "number"),
)
_STEPS = (
    Column("step", "Step", "number of the step; each closes the most that is then left", 6, "number"),
    *_ACTION,
    Column("must", "Must", "whether it was asked for", 6, detail=True),
    Column("closes", "Newly closed", "how many goals it newly closes", 8, "number"),
    Column("closed", "Closed so far", "goals closed up to here", 8, "number"),
    Column("open", "Left open", "goals that can be closed and are not yet", 8, "number"),
    Column("costSoFar", "Cost so far", "cost up to here", 8, "number", aside=True),
    Column("joints", "Joint nodes completed", "what it completes together with other controls", 24),
    Column("requirements", "Requirements closed", "which goals it newly closes", 60),
)
_GOALS = (
    Column("framework", "Framework", "the framework's id", 12, detail=True),
    Column("curie", "Id", "the requirement's CURIE", 22, aside=True),
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    Column("title", "Title", "the official heading, or a short title of the project's", 34),
    Column("verdict", "Verdict before", "PARTIAL, LEAD or GAP", 10, "verdict"),
    Column("state", "With the plan", "closed, left or uncoverable", 12),
    Column("step", "Step", "the step that closes it", 6, "number"),
    Column("by", "By", "the actions its chain stands on", 24),
    Column("chain", "Chain", "the chain of mappings it will stand on", 70, detail=True),
    Column(
        "reviewed", "Reviewed", "whether every row of the chain has been reviewed by a named person", 9, detail=True
    ),
    Column("disputed", "Disputed", "whether mappings contradict each other", 9, detail=True),
    Column("why", "Why not", "why nothing can close it", 20),
    Column("note", "In words", "the same in words", 44),
    Column("units", "AI systems", "for which it is open", 16, detail=True),
    Column("incidents", "Incidents", "cases of the AI Incident Database behind it", 9, "number"),
)
_COUNTS = (
    Column("framework", "Framework", "its id, or `all`", 14),
    Column("applicable", "Applicable", "requirements that apply on the day: the denominator", 10, "number"),
    Column("covered", "Covered before", "of the applicable: covered without the plan", 9, "number"),
    Column("open", "Open", "of the applicable: not covered", 9, "number"),
    Column("notAsked", "Not asked", "of the open: no goals of this plan", 9, "number"),
    Column("goals", "Goals", "of the open: what the plan is to close", 9, "number"),
    Column("closed", "Closed", "of the goals: closed by the plan", 9, "number"),
    Column("left", "Left", "of the goals: not closed, though it could be", 9, "number"),
    Column("uncoverable", "Uncoverable", "of the goals: nothing can close them", 11, "number"),
    Column("closedBeside", "Closed beside", "no goals, but closed as well", 9, "number"),
    Column("coveredAfter", "Covered after", "of the applicable: covered with the plan done", 9, "number"),
)
_SINGLES = (
    Column("rank", "Rank", "the one that closes most comes first", 6, "number"),
    *_ACTION,
    Column("closes", "Closes", "how many goals it closes by itself", 8, "number"),
    Column("incidents", "Incidents", "cases behind these goals, counted once for each goal", 9, "number"),
    Column("joints", "Joint nodes completed", "with the controls there are", 24),
    Column("requirements", "Requirements closed", "which goals", 60),
)
_NAMES = {
    "applicable": "applicable", "covered": "covered", "open": "open", "notAsked": "not_asked", "goals": "goals",
    "closed": "closed", "left": "left", "uncoverable": "uncoverable", "closedBeside": "closed_beside",
    "coveredAfter": "covered_after",
}  # fmt: skip


def counts_text(c: PlanCounts, *, plan: bool = True) -> str:
    """The counts as a sentence in which nothing stands without what it is a part of."""
    without = "without it" if plan else "by the controls as they are"
    said = f"{c.covered} of {c.applicable} applicable requirements are covered {without}, {c.open} are open"
    if c.not_asked:
        said += f", of which {c.not_asked} are no goals of this plan"
    if not plan:
        return f"{said}. Of the {c.goals} goals {c.uncoverable} cannot be closed by anything allowed."
    said += f". Of the {c.goals} goals the plan closes {c.closed}"
    if c.left:
        said += f", leaves {c.left} that could be closed"
    said += f"; {c.uncoverable} cannot be closed by anything allowed."
    if c.closed_beside:
        said += f" It also closes {c.closed_beside} that were no goals."
    return f"{said} With it {c.covered_after} of {c.applicable} are covered."


def _action(a: Action) -> tuple[Cell, ...]:
    return (a.kind.value, a.id, a.title, a.status, a.cost)


def _goal(release: Release, g: Goal) -> tuple[Cell, ...]:
    r, e = g.requirement, g.explanation
    return (
        r.framework, r.id, link_to(release, r.id, r.ref), r.title, g.verdict.name, g.state.value, g.step or None,
        ", ".join(g.by), chain_text(e.steps, e.members) if e else "", yes(e.reviewed) if e else "",
        yes(e.disputed) if e else "", g.why.value if g.why else "", g.note, ", ".join(g.units), g.incidents,
    )  # fmt: skip


def _counts(total: PlanCounts, frameworks: Iterable[PlanCounts]) -> Table:
    rows = [
        (c.framework or "all", *(getattr(c, _NAMES[column.name]) for column in _COUNTS[1:]))
        for c in (*frameworks, total)
    ]
    note = "covered + open = applicable; goals + not asked = open; closed + left + uncoverable = goals."
    return Table("counts", "Counts", _COUNTS, tuple(rows), note)


def _facts(found: Plan | Singles) -> list[tuple[str, str]]:
    return [
        ("Release", found.release),
        ("As of", found.as_of.isoformat()),
        ("To be ready by", found.by.isoformat()),
        ("Method", found.method),
        *profile_facts(found.profile),
        *(("Assumption", a) for a in found.assumptions),
    ]


def plan_document(plan: Plan, release: Release) -> Document:
    """The steps, every goal, and the counts."""
    steps = tuple(
        (
            s.number, *_action(s.action), yes(s.action.must), len(s.closes), s.closed, s.open, s.cost,
            ", ".join(s.joints), ", ".join(s.closes),
        )
        for s in plan.steps
    )  # fmt: skip
    explained = [g.explanation for g in plan.of_state(GoalState.CLOSED) if g.explanation]
    sets = {s.set for e in explained for s in e.steps}
    used = {s.action.catalogue for s in plan.steps} | {c.framework for c in plan.frameworks}
    return Document(
        name="plan",
        title=plan.title,
        summary=counts_text(plan.total),
        facts=(
            ("Objective", plan.objective),
            ("Status", plan.status.value),
            ("Reached, bound, gap", f"{plan.value:g}, {plan.bound:g}, {plan.gap:.2%}"),
            ("Cost", f"{plan.cost:g}" + ("" if plan.budget is None else f" of a budget of {plan.budget:g}")),
            ("Actions to choose from", str(plan.actions)),
            *_facts(plan),
        ),
        tables=(
            Table("steps", "Steps", _STEPS, steps, "In the order of what each newly closes.", "Nothing to do."),
            Table(
                "goals", "Goals", _GOALS, tuple(_goal(release, g) for g in plan.goals),
                "Every open requirement that was asked for, and what becomes of it.", "Nothing asked for is open.",
            ),
            _counts(plan.total, plan.frameworks),
        ),
        legend=tuple({**ACTION_WORDS, **STATE_WORDS, **WHY_WORDS, **VERDICTS}.items()),
        licences=tuple(set_licences(release, sets) + text_licences(release, used)),
        disclaimers=plan.disclaimers,
        stamp=(("release", plan.release), ("asOf", plan.as_of.isoformat()), ("by", plan.by.isoformat())),
        day=plan.as_of,
    )  # fmt: skip


def singles_document(singles: Singles, release: Release) -> Document:
    """Every action that alone closes something, and the counts."""
    rows = tuple(
        (n, *_action(s.action), len(s.closes), s.incidents, ", ".join(s.joints), ", ".join(s.closes))
        for n, s in enumerate(singles.singles, 1)
    )
    used = {s.action.catalogue for s in singles.singles} | {c.framework for c in singles.frameworks}
    return Document(
        name="single actions",
        title="What each action closes by itself",
        summary=counts_text(singles.total, plan=False)
        + f" {len(rows)} actions close something by themselves, {singles.idle} nothing.",
        facts=tuple(_facts(singles)),
        tables=(
            Table("singles", "Actions", _SINGLES, rows, "Most goals first.", "No single action closes anything."),
            _counts(singles.total, singles.frameworks),
        ),
        legend=tuple(ACTION_WORDS.items()),
        licences=tuple(text_licences(release, used)),
        disclaimers=singles.disclaimers,
        stamp=(("release", singles.release), ("asOf", singles.as_of.isoformat()), ("by", singles.by.isoformat())),
        day=singles.as_of,
    )
