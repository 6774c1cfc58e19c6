"""``kg coverage``, ``kg gaps`` and ``kg explain``: an organisation's controls put to the graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    ControlsArgument,
    DataOption,
    ExchangeFormatOption,
    FormatOption,
    FrameworksOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
)
from kg.cli.output import clean, emit, rendered, wanted_format
from kg.cli.session import (
    Session,
    chosen_frameworks,
    load_release,
    make_filter,
    open_session,
    parse_as_of,
    requirement,
)
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

    from kg.release import Release

__all__ = ["coverage", "explain", "gaps", "write_answers"]


def write_answers(
    answers: Sequence[Any], release: Release, wanted: str, output: Path | None, draw: Callable[[Console], None]
) -> None:
    """Write answers of one kind in the format wanted.  JSON of one answer is the answer, of several a list."""
    if wanted == "table":
        rendered(draw, output)
        return
    from kg.exports.formats import write

    emit(write(answers, release, wanted), output)


def _preview(session: Session) -> None:
    for sentence in session.sheet.preview:
        print(clean(sentence, ""))


def coverage(
    ctx: typer.Context,
    controls: ControlsArgument,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only print what each row of each control says, as sentences.")
    ] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="In a table, list every requirement, not only the groups.")
    ] = False,
    format_: ExchangeFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """How much of each framework your controls cover, with the denominator.

    One framework gives its groups too; JSON, CSV, Markdown and Excel give every requirement with its chain.
    """
    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)
    session = open_session(release, controls, profile, day, filter_)
    if preview:
        _preview(session)
        return
    if wanted == "oscal-component":
        from kg.answers.listing import implementation

        write_answers([implementation(session.assessment)], release, wanted, output, lambda _: None)
        return
    answers = [session.assessment.coverage(f) for f in frameworks]

    def draw(console: Console) -> None:
        from kg.cli import render
        from kg.exports.words import denominator

        render.header(console, session)
        render.coverage_table(console, answers, release)
        if len(answers) == 1:
            render.paragraph(console, denominator(answers[0].counts) + "\n")
        for answer in answers if requirements else answers[:1] if len(answers) == 1 else ():
            if requirements:
                render.paragraph(console, answer.title, "bold")
                render.requirements_table(console, answer)
            else:
                render.groups_table(console, answer)
        render.legend(console)
        render.disclaimers(console, [d for a in answers for d in a.disclaimers], method=session.assessment.method)

    write_answers(answers, release, wanted, output, draw)


def gaps(
    ctx: typer.Context,
    controls: ControlsArgument,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=0, show_default=False,
                     help="List at most N gaps of each framework; 0 lists all. Default: 10 in a table, else all."),
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What is not covered, worst first: why, what could close it, and the incidents behind it."""
    from kg.answers.gaps import gap_report

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)
    session = open_session(release, controls, profile, day, filter_)
    reports = [gap_report(session.assessment, f) for f in frameworks]
    most = limit if limit is not None else 10 if wanted == "table" else 0

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        for report in reports:
            render.gap_list(console, report, release, most)
        cautions = [d for report in reports for d in report.coverage.disclaimers]
        render.disclaimers(console, cautions, method=session.assessment.method)

    short = [dataclasses.replace(r, gaps=r.gaps[:most]) for r in reports] if most else reports
    write_answers(short, release, wanted, output, draw)


def explain(
    ctx: typer.Context,
    controls: ControlsArgument,
    requirement_: Annotated[
        str,
        typer.Option("--requirement", "-r", metavar="REF", show_default=False,
                     help="The requirement: a CURIE (eu-ai-act:art-15.5) or an official reference."),
    ],
    framework: Annotated[
        str | None,
        typer.Option("--framework", "-f", metavar="ID", help="The framework an official reference belongs to."),
    ] = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, show at most N controls; 0 shows all.")
    ] = 5,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """Everything behind one verdict: each control's chain, row by row, with sources, alternatives and disputes."""
    from kg.answers import explain as explain_answer

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    session = open_session(release, controls, profile, day, filter_)
    found = explain_answer(session.assessment, requirement(session, requirement_, framework))

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        render.explanation(console, found, release, limit)
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], release, wanted, output, draw)
