"""``kg export``: a mapping set, a framework, a catalogue or the whole graph as a file that other tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import AsOfOption, DataOption, ExchangeFormatOption, OutputOption
from kg.cli.output import emit, rendered, wanted_format
from kg.cli.session import load_release, parse_as_of
from kg.errors import UnknownIdError, UsageError, nearest

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

    from kg.release import Release

__all__ = ["export"]

#: The name of everything.
GRAPH = "graph"


def export(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="A mapping set, a framework, a catalogue, or `graph` for all of it; `kg stats` lists them.",
        ),
    ],
    as_of: AsOfOption = None,
    format_: ExchangeFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Write a mapping set, a framework, a catalogue or the whole graph in a format that other tools read.

    Without a file or a format it lists the formats there are for it.
    """
    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    answer = _answer(release, name, day)
    if wanted != "table":
        from kg.exports.formats import write

        emit(write(answer, release, wanted), output)
        return
    if output is not None and str(output) != "-":
        from kg.exports.formats import formats_for

        endings = ", ".join(f".{f.extension}" for f in formats_for(answer))
        raise UsageError(f"{output.name} does not say a format", f"endings: {endings}; or say --format")
    rendered(lambda page: _draw(page, answer, release, name), output)


def _answer(release: Release, name: str, day: date | None) -> Any:
    from kg.answers.listing import list_framework, list_graph, list_set

    wanted = name.strip().removeprefix("kgset:").removeprefix("kgfw:")
    if wanted in release.sets:
        return list_set(release, wanted)
    if wanted == GRAPH:
        return list_graph(release)
    titles = {f.short_title.casefold(): f.id for f in release.frameworks.values()}
    known = titles | {i.casefold(): i for i in (*release.frameworks, *release.catalogues)}
    if found := known.get(wanted.casefold()):
        return list_framework(release, found, as_of=day)
    every = [GRAPH, *release.frameworks, *release.catalogues, *release.sets]
    near = nearest(wanted, every)
    hint = f"did you mean {near}? " if near else ""
    raise UnknownIdError(
        f"there is no mapping set, framework or catalogue {name!r}", f"{hint}one of: {', '.join(every)}"
    )


def _draw(console: Console, answer: Any, release: Release, name: str) -> None:
    from kg.cli import render
    from kg.exports.formats import filename, formats_for
    from kg.exports.tables import document

    about = document(answer, release)
    render.paragraph(console, about.title, "bold")
    render.paragraph(console, about.summary)
    console.print()
    rows = [(f.name, f".{f.extension}", f.title) for f in formats_for(answer)]
    render.put(console, render.simple_table([("Format", "."), ("Ending", "."), ("What it is", "<")], rows))
    render.paragraph(console, f"kg export {name} -o {filename(answer, release, formats_for(answer)[-1])}", "dim")
