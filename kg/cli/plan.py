"""``kg plan``: what to do next, at the least cost or within a budget."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    ControlsArgument,
    DataOption,
    FormatOption,
    FrameworksOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
)
from kg.cli.output import wanted_format
from kg.cli.session import chosen_frameworks, load_release, make_filter, open_session, parse_as_of, requirement
from kg.errors import Finding, InputError, KgError, UsageError
from kg.model import Authority, Modality

if TYPE_CHECKING:
    from rich.console import Console

    from kg.answers.plan import Plan, Singles
    from kg.cli.session import Session
    from kg.release import Release

__all__ = ["plan", "read_costs"]

_GOALS, _ACTIONS = "Which requirements", "By which actions"


def read_costs(path: Path) -> dict[str, float]:
    """A CSV file of ``id,cost``, its first line a heading or not.  Raises :class:`~kg.errors.InputError` with every
    faulty line."""
    import csv

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError.one(str(path), "UNREADABLE", f"cannot be read: {why}", "a CSV file of id,cost") from None
    found: dict[str, float] = {}
    faults: list[Finding] = []
    for line, row in enumerate(csv.reader(text.splitlines()), 1):
        cells = [c.strip() for c in row]
        if not any(cells) or (line == 1 and [c.casefold() for c in cells[:2]] == ["id", "cost"]):
            continue
        name, value = (*cells, "")[:2]
        try:
            cost = float(value)
        except ValueError:
            faults.append(
                Finding(str(path), line, "BAD_VALUE", f"{value!r} is no cost of {name!r}", "a number, like 2.5")
            )
            continue
        if found.setdefault(name, cost) != cost:
            faults.append(Finding(str(path), line, "DUPLICATE_ID", f"{name} has two costs", "say one"))
    if faults:
        raise InputError(faults)
    return found


def plan(
    ctx: typer.Context,
    controls: ControlsArgument,
    framework: FrameworksOption = None,
    requirements: Annotated[
        list[str] | None,
        typer.Option("--requirement", "-r", metavar="REF", rich_help_panel=_GOALS,
                     help="Close only this requirement: a CURIE or an official reference. Repeatable."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="DATE", rich_help_panel=_GOALS,
                     help="Close what applies on this day, not only what applies today."),
    ] = None,
    age_evidence: Annotated[
        bool, typer.Option("--age-evidence", rich_help_panel=_GOALS,
                           help="With --by: let evidence grow old until then, instead of taking it to be renewed.")
    ] = False,
    modality: Annotated[
        list[Modality] | None,
        typer.Option("--modality", rich_help_panel=_GOALS, help="Close only what binds so strongly. Repeatable."),
    ] = None,
    only_with_incidents: Annotated[
        bool, typer.Option("--only-with-incidents", rich_help_panel=_GOALS,
                           help="Close only what a case of the AI Incident Database stands behind.")
    ] = False,
    catalogue: Annotated[
        list[str] | None,
        typer.Option("--catalogue", metavar="ID", rich_help_panel=_ACTIONS, show_default=False,
                     help="Adopt controls of this catalogue, or of `all`. Repeatable. Default: aisb, our own."),
    ] = None,
    cost: Annotated[
        Path | None,
        typer.Option("--cost", metavar="FILE", rich_help_panel=_ACTIONS,
                     help="A CSV file of id,cost: reference controls and controls of yours. Every other costs 1."),
    ] = None,
    must: Annotated[
        list[str] | None,
        typer.Option("--must", metavar="ID", rich_help_panel=_ACTIONS,
                     help="Must be in the plan: a reference control, or a control of yours to finish. Repeatable."),
    ] = None,
    must_not: Annotated[
        list[str] | None,
        typer.Option("--must-not", metavar="ID", rich_help_panel=_ACTIONS, help="Must not be in it. Repeatable."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", metavar="N", rich_help_panel=_ACTIONS,
                     help="Spend at most this, and close as many requirements as it allows."),
    ] = None,
    by_incidents: Annotated[
        bool, typer.Option("--by-incidents", rich_help_panel=_ACTIONS,
                           help="With --budget: close what has most incidents behind it, not as many as possible.")
    ] = False,
    singles: Annotated[
        bool, typer.Option("--singles", help="Instead of a plan: what each action closes by itself, most first.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS",
                            help="Stop searching after so long, and say how far from the best the plan may be.")
    ] = 60.0,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, list at most N of each kind; 0 lists all.")
    ] = 20,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What to do next: the cheapest set of controls that covers what is open, or the best within a budget.

    It may adopt reference controls, finish your own planned controls and renew old evidence. Proven to be the best,
    or told how far from it; what nothing can close is named.
    """
    from kg.answers.plan import Goals, Options
    from kg.answers.plan import plan as make_plan
    from kg.answers.plan import singles as list_singles

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    if by_incidents and budget is None:
        raise UsageError("--by-incidents chooses among goals, and without a budget all are closed", "add --budget")
    if age_evidence and by is None:
        raise UsageError("--age-evidence needs a day until which evidence ages", "add --by")
    costs = read_costs(cost) if cost else {}
    until = _day("--by", by)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework) if framework or not requirements else []
    session = open_session(release, controls, profile, day, filter_)
    only = frameworks[0] if len(frameworks) == 1 else None
    named = [requirement(session, r, only).id for r in requirements or ()]
    goals = Goals(
        frameworks=tuple(frameworks), requirements=tuple(named), by=until, modality=tuple(modality or ()),
        only_with_incidents=only_with_incidents, age_evidence=age_evidence,
    )  # fmt: skip
    options = Options(
        catalogues=tuple(catalogue or ()), costs=costs, must=tuple(must or ()), must_not=tuple(must_not or ()),
        budget=budget, weigh_incidents=by_incidents, time_limit=time_limit,
    )  # fmt: skip
    with _progress() as told, _quiet_solver():
        answer: Plan | Singles
        if singles:
            answer = list_singles(session.assessment, goals, options, told)
        else:
            answer = make_plan(session.assessment, goals, options, told)
    write_answers([answer], release, wanted, output, lambda console: _draw(console, session, answer, release, limit))


def _day(option: str, value: str | None) -> date | None:
    try:
        return parse_as_of(value)
    except KgError as error:
        raise UsageError(error.message.replace("--as-of", option), error.hint, code=error.code) from None


@contextmanager
def _quiet_solver() -> Iterator[None]:
    """The solver may print to the process's standard output, which is ours for the answer."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """What is being done, on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{stage} ({done} of {total})" if total > 1 else stage)

        yield told


# ---------------------------------------------------------------- on the terminal

_SAID = {"adopt": "adopt", "finish": "finish", "refresh": "renew evidence"}


def _amount(value: float) -> str:
    return f"{value:g}"


def _draw(console: Console, session: Session, answer: Plan | Singles, release: Release, limit: int) -> None:
    from kg.answers.plan import Plan
    from kg.cli import render

    render.header(console, session)
    if isinstance(answer, Plan):
        _draw_plan(console, answer, release, limit)
    else:
        _draw_singles(console, answer, limit)
    console.print()
    for sentence in answer.assumptions:
        render.paragraph(console, sentence, "dim")
    render.disclaimers(console, answer.disclaimers, method=answer.method)


def _few(ids: Sequence[str], width: int) -> str:
    """As many ids as fit, and how many more there are."""
    found: list[str] = []
    for n, id_ in enumerate(ids):
        if found and len(", ".join([*found, id_])) > width:
            return f"{', '.join(found)} and {len(ids) - n} more"
        found.append(id_)
    return ", ".join(found)


def _draw_plan(console: Console, plan: Plan, release: Release, limit: int) -> None:
    from kg.answers.plan import GoalState, Status
    from kg.cli import render
    from kg.exports.tables_plan import counts_text

    render.paragraph(console, plan.title, "bold")
    render.paragraph(console, counts_text(plan.total))
    many = f"{len(plan.steps)} action{'' if len(plan.steps) == 1 else 's'}"
    spent = f"{many}, cost {_amount(plan.cost)}" + ("" if plan.budget is None else f" of {_amount(plan.budget)}")
    if plan.status is Status.OPTIMAL:
        t = plan.total
        idle = "nothing needs to be done" if not t.goals else "nothing fits" if t.left else "nothing can be done"
        proof = "proven: none is better" if plan.steps else idle
    else:
        proof = f"best found in the time: {_amount(plan.value)}, bound {_amount(plan.bound)}, gap {plan.gap:.1%}"
    render.paragraph(console, f"{spent}; {proof} ({plan.objective}).")
    console.print()
    if len(plan.frameworks) > 1:
        columns = [
            ("Framework", "."),
            ("Without", ">"),
            ("With it", ">"),
            ("Goals", ">"),
            ("Closed", ">"),
            ("Left", ">"),
        ]
        rows = [
            (release.frameworks[c.framework].short_title, f"{c.covered} of {c.applicable}",
             f"{c.covered_after} of {c.applicable}", c.goals, c.closed, c.left, c.uncoverable)
            for c in plan.frameworks
        ]  # fmt: skip
        render.put(console, render.simple_table([*columns, ("Cannot", ">")], rows))
    shown = plan.steps[:limit] if limit else plan.steps
    if shown:
        wide = console.width >= 120
        columns = [("#", ">"), ("Action", "."), ("Control", "."), ("Title", "<"), ("Cost", ">"), ("Closes", ">")]
        columns += [("So far", ">")]
        if wide:
            columns.append(("Newly closed", "<"))
        found = []
        for s in shown:
            title = s.action.title + (f" (completes {', '.join(s.joints)})" if s.joints and wide else "")
            row: list[object] = [s.number, _SAID[s.action.kind.value], s.action.id, title, _amount(s.action.cost)]
            row += [f"+{len(s.closes)}", s.closed]
            found.append([*row, _few(s.closes, 44)] if wide else row)
        render.put(console, render.simple_table(columns, found))
        waiting = [s for s in shown if not s.closes]
        if waiting:
            render.paragraph(
                console,
                "A step that closes nothing yet was asked for, or is a part of what a later one completes.\n",
                "dim",
            )
    if rest := len(plan.steps) - len(shown):
        render.paragraph(console, f"… and {rest} more steps (--limit 0 lists all)\n", "dim")
    lost = plan.of_state(GoalState.UNCOVERABLE)
    if lost:
        render.paragraph(console, f"Nothing allowed can close these {len(lost)} goals:", "bold")
        for g in lost[:limit] if limit else lost:
            render.paragraph(console, f"{g.requirement.id}  {g.requirement.title}: {g.note}", indent=2)
        if limit and len(lost) > limit:
            render.paragraph(console, f"… and {len(lost) - limit} more (--limit 0 lists all)", "dim", indent=2)
        console.print()


def _draw_singles(console: Console, found: Singles, limit: int) -> None:
    from kg.cli import render
    from kg.exports.tables_plan import counts_text

    render.paragraph(console, f"What each action closes by itself, by {found.by}", "bold")
    render.paragraph(console, counts_text(found.total, plan=False))
    render.paragraph(
        console, f"{len(found.singles)} actions close something by themselves, {found.idle} close nothing.\n"
    )
    shown = found.singles[:limit] if limit else found.singles
    wide = console.width >= 120
    columns = [("#", ">"), ("Action", "."), ("Control", "."), ("Title", "<"), ("Cost", ">"), ("Closes", ">")]
    columns += [("Incidents", ">")] + ([("Requirements", "<")] if wide else [])
    rows = []
    for n, s in enumerate(shown, 1):
        row: list[object] = [n, _SAID[s.action.kind.value], s.action.id, s.action.title, _amount(s.action.cost)]
        row += [len(s.closes), s.incidents]
        rows.append([*row, _few(s.closes, 44)] if wide else row)
    if rows:
        render.put(console, render.simple_table(columns, rows))
        render.paragraph(console, "Incidents: cases behind these requirements, counted once for each.", "dim")
    if rest := len(found.singles) - len(shown):
        render.paragraph(console, f"… and {rest} more (--limit 0 lists all)", "dim")
