"""``kg report`` and ``kg disagreements``: what is handed over, what the graph can speak of, and where its
sources differ."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.browse import write_list
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    DataOption,
    FormatOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
    TextFormatOption,
)
from kg.cli.output import emit, wanted_format
from kg.cli.session import framework_id, load_release, make_filter, open_session, parse_as_of
from kg.errors import UsageError
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Report", "disagreements", "report"]


class Report(StrEnum):
    """Which report."""

    CONTENT = "content"
    SOA = "soa"
    AI_ACT_READINESS = "ai-act-readiness"


def report(
    ctx: typer.Context,
    name: Annotated[
        Report,
        typer.Argument(metavar="NAME", show_default=False,
                       help="content (what the graph can speak of), soa (Statement of Applicability for ISO/IEC 42001) "
                       "or ai-act-readiness (the EU AI Act by role, tier and date)."),
    ],
    controls: Annotated[
        Path | None,
        typer.Argument(metavar="[CONTROLS]", show_default=False,
                       help="Your controls, as for `kg coverage`; content is of the graph alone."),
    ] = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, name at most N of a kind; 0 names all.")
    ] = 10,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What is handed over: a Statement of Applicability, readiness for the AI Act; or what the graph can speak of."""
    from datetime import date

    if name is Report.CONTENT:
        from kg.answers import content_report
        from kg.exports.report import content_page

        if controls is not None or profile is not None:
            raise UsageError("the content report is of the graph alone", "leave the controls and the profile out")
        if wanted_format(format_, output) not in ("md", "table"):
            raise UsageError("the content report is a Markdown page", "leave --format out, or end the name in .md")
        day = parse_as_of(as_of) or date.today()
        release = load_release(ctx, data)
        emit(content_page(content_report(release, day), release).encode(), output)
        return
    if controls is None:
        raise UsageError(
            f"the {name} report needs your controls", f"kg report {name} controls.csv --profile profile.toml"
        )
    from kg.cli import deliverables

    wanted, asked = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    session = open_session(release, controls, profile, asked, filter_)
    write = deliverables.soa if name is Report.SOA else deliverables.ai_act_readiness
    write(session, wanted, limit, output)


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
