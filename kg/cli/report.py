"""``kg report`` and ``kg disagreements``: what the graph can speak of, and where its sources differ."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.browse import write_list
from kg.cli.options import AsOfOption, DataOption, OutputOption, TextFormatOption
from kg.cli.output import emit, wanted_format
from kg.cli.session import framework_id, load_release, parse_as_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Report", "disagreements", "report"]


class Report(StrEnum):
    """Which report."""

    CONTENT = "content"


def report(
    ctx: typer.Context,
    name: Annotated[Report, typer.Argument(metavar="NAME", show_default=False, help="Which report: content.")],
    as_of: AsOfOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """What the graph can speak of and what it cannot, as a Markdown page."""
    from datetime import date

    from kg.answers import content_report
    from kg.exports.report import content_page

    day = parse_as_of(as_of) or date.today()
    release = load_release(ctx, data)
    emit(content_page(content_report(release, day), release).encode(), output)


def disagreements(
    ctx: typer.Context,
    framework: Annotated[
        list[str] | None,
        typer.Option("--framework", "-f", metavar="F", help="Only pairs between frameworks named (say it twice)."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also pairs where one set only says more than the other.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="At most N pairs; 0 is all.")] = 0,
    format_: TextFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Where mapping sets contradict each other about the same two nodes, side by side; both stay."""
    from kg.answers import disagreements as find
    from kg.exports.tables_lists import disagreements_table

    wanted = wanted_format(format_, output)
    release = load_release(ctx, data)
    chosen = tuple(framework_id(release, f) for f in framework or ())
    found = find(release, frameworks=chosen, contradictions_only=not every)
    total, found = len(found), found[: limit or None]

    def draw(console: Console) -> None:
        from kg.cli import render

        kind = "differ" if every else "cannot both be right"
        render.paragraph(console, f"{total} pairs on which mapping sets {kind}; release {release.digest}.", "bold")
        for each in found:
            console.print()
            pair = f"{each.subject} ({release.title(each.subject)}) and {each.object} ({release.title(each.object)})"
            render.paragraph(console, pair)
            for said in each.statements:
                review = "reviewed" if said.row.reviewed else "not reviewed"
                source = f"{said.row.set_id}, {said.authority}, {said.row.method}, {review}"
                render.paragraph(console, f"  {said.relation}  [{source}] {said.row.rationale}".rstrip(), "dim")

    write_list(found, disagreements_table(found), wanted, output, draw)
