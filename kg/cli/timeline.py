"""``kg timeline``: when what begins to apply, and what today's controls will then not cover."""

from __future__ import annotations

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
from kg.cli.session import chosen_frameworks, load_release, make_filter, open_session, parse_as_of
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

    from kg.answers import Milestone, Timeline, TimelineChange
    from kg.release import Release

__all__ = ["timeline"]

_WHEN = "For whom and when"


def timeline(
    ctx: typer.Context,
    controls: ControlsArgument,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", rich_help_panel=_WHEN, show_default=False,
                     help="The first day of the timeline. Default: the day asked for."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", rich_help_panel=_WHEN, show_default=False,
                     help="The last day of the timeline. Default: the last day on which the graph knows a change."),
    ] = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, list at most N requirements of each "
                          "kind of change on a day; 0 lists all.")
    ] = 6,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """When requirements begin to apply to you, move or leave, and which of them your controls of today do not cover.

    The days come from the application dates and text versions in the graph; each change names its legal reference.
    """
    from kg.answers import timeline as timeline_answer

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    start, end = parse_as_of(from_, "--from"), parse_as_of(until, "--until")
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)
    session = open_session(release, controls, profile, day, filter_)
    found = timeline_answer(session.assessment, frameworks, start, end)

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        _draw(console, found, release, limit)
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], release, wanted, output, draw)


def _draw(console: Console, found: Timeline, release: Release, limit: int) -> None:
    from kg.cli import render

    span = f"From {found.from_} to {found.until}: {len(found.milestones)} days on which something changes."
    render.paragraph(console, span)
    console.print()
    _numbers(console, found, release)
    for milestone in found.milestones:
        _milestone(console, milestone, release, limit)


def _numbers(console: Console, found: Timeline, release: Release) -> None:
    """How many requirements apply from each day on, and of these how many today's controls cover."""
    from kg.cli import render

    columns = [("From", ".")]
    columns += [(release.frameworks[f].short_title, ">") for f in found.frameworks]
    columns += [("Begin", ">"), ("Not covered", ">")]
    rows: list[list[object]] = [
        ["the day before", *(f"{n.covered} of {n.applicable}" for n in found.before), "", ""],
    ]
    for m in found.milestones:
        cells = [f"{n.covered} of {n.applicable}" for n in m.numbers]
        rows.append([m.day.isoformat(), *cells, len(m.begins), len(m.gaps)])
    render.put(console, render.simple_table(columns, rows))
    said = (
        "n of m: of the m requirements that apply, today's controls cover n. Begin: requirements that begin on the "
        "day; not covered: those of them that today's controls do not cover."
    )
    render.paragraph(console, said, "dim")
    console.print()


def _milestone(console: Console, m: Milestone, release: Release, limit: int) -> None:
    from kg.answers import Happening
    from kg.cli import render

    console.print(render.text(m.day.isoformat(), "bold"))
    for framework, version in m.texts:
        title = f"{release.frameworks[framework].short_title}, text in force: {version.title}"
        render.paragraph(console, title, "magenta", indent=2)
    if not m.changes:
        render.paragraph(console, "Nothing changes for this profile.", indent=2)
    open_, covered = list(m.gaps), [c for c in m.begins if not c.gap]
    _changes(console, "begin and are not covered", open_, limit, verdicts=True)
    _changes(console, "begin and are covered already", covered, limit)
    for happening, words in (
        (Happening.ENTERS, "enter the text and will apply later"),
        (Happening.RESCHEDULED, "have their date moved"),
        (Happening.LEAVES, "leave"),
    ):
        _changes(console, words, [c for c in m.changes if c.happening is happening], limit)
    console.print()


_ONE = {
    "begin and are not covered": "begins and is not covered",
    "begin and are covered already": "begins and is covered already",
    "enter the text and will apply later": "enters the text and will apply later",
    "have their date moved": "has its date moved",
    "leave": "leaves",
}


def _changes(
    console: Console, words: str, changes: list[TimelineChange], limit: int, *, verdicts: bool = False
) -> None:
    """Changes of one kind, by what decides them."""
    from kg.cli import render

    if not changes:
        return
    if len(changes) == 1:
        words = _ONE.get(words, words)
    console.print(render.indented(render.text(f"{len(changes)} {words}", "bold"), 2))
    by: dict[tuple[str, str], list[TimelineChange]] = {}
    for c in changes:
        dates = f"; from {c.applies_from}" if c.applies_from and not c.gap and c.happening.value != "BEGINS" else ""
        was = f" (was {c.was_to_apply_from})" if c.was_to_apply_from else ""
        by.setdefault((c.legal_reference, dates + was), []).append(c)
    for (reference, dates), members in by.items():
        render.paragraph(console, f"by {reference}{dates}: {len(members)}", "dim", indent=4)
        shown = members[:limit] if limit else members
        for c in shown:
            line = render.text("")
            if verdicts and c.verdict is not None:
                line.append_text(render.verdict(f"{c.verdict.name:<8}"))
            line.append_text(render.text(f"{c.requirement.ref}  {c.requirement.title}", "not bold default"))
            console.print(render.indented(line, 6))
        if rest := len(members) - len(shown):
            render.paragraph(console, f"… and {rest} more (--limit 0 lists all)", "dim", indent=6)
