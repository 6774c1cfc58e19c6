"""``kg evidence``: what the verdicts rest on, and what goes stale when."""

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

__all__ = ["evidence"]


def evidence(
    ctx: typer.Context,
    controls: ControlsArgument,
    within: Annotated[
        int,
        typer.Option("--within", metavar="DAYS", min=0, max=3660, help="How far ahead to look for what goes stale."),
    ] = 90,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, list at most N of each; 0 lists all.")
    ] = 10,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """The evidence that most requirements rest on, what is stale now, and which verdicts drop when it ages."""
    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)

    from kg.answers.evidence import evidence_report
    from kg.cli.render_changes import working

    session = open_session(release, controls, profile, day, filter_)
    with working("looking at the evidence"):
        found = evidence_report(session.assessment, frameworks, within)

    def draw(console: Console) -> None:
        from kg.cli import render
        from kg.exports.tables import document
        from kg.exports.tables_evidence import evidence_in_short

        records, stale, expiries = document(found, release).tables
        render.header(console, session)
        render.paragraph(console, evidence_in_short(found) + "\n", "bold")
        render.paragraph(console, f"Goes stale: {expiries.note}", "bold")
        wide = console.width >= 110
        more = ("requirements",) if wide else ()
        render.document_table(console, expiries, ("day.", "controls", "dropCount", *more), limit)
        render.paragraph(console, f"Stale now: {stale.note}", "bold")
        render.document_table(console, stale, ("control.", "title", "since.", "requirementCount", *more), limit)
        render.paragraph(console, f"Records: {records.note}", "bold")
        columns = ("record", "day.", "ageDays", "fresh.", "freshUntil.", "restCount", "basis.", *more)
        render.document_table(console, records, columns, limit)
        render.paragraph(
            console,
            "Rest on it: applicable requirements whose verdict would be lower without the record (verdict), or, where "
            "no age or end is set that would lower it, that are covered through a control it serves (control).",
            "dim",
        )
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], release, wanted, output, draw)
