"""``kg suggest``: what the text of a control may be mapped to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import AsOfOption, DataOption, FormatOption, OutputOption
from kg.cli.output import note, wanted_format
from kg.cli.session import framework_id, load_release, parse_as_of, read_sheet
from kg.errors import UnknownIdError, UsageError, nearest

if TYPE_CHECKING:
    from rich.console import Console

    from kg.model import Control
    from kg.organizations.suggestions import SuggestionReport
    from kg.release import Release

__all__ = ["draw_report", "source_id", "suggest"]

_HOW = (
    "To accept one, write it into the mappings of the control, with the relation that holds: "
    "`iso42001:A.7.4 superset_of`. Without a relation a requirement is only related, which never covers it."
)
_NOTHING = "Every control has mappings already: --all suggests for them too."


def suggest(
    ctx: typer.Context,
    controls: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONTROLS]",
            show_default=False,
            help="Your controls: a CSV, XLSX or ODS file, or org:ID for an organisation that is kept. Or give --text.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="What one control says, instead of CONTROLS.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--control", "-c", metavar="ID", help="Only for this control of them. Repeatable."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also for controls that have mappings; else only for those without any.")
    ] = False,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source", "-s", metavar="ID", help="A framework or catalogue to suggest from. Repeatable. Default: all."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100, help="At most N of each source for each control.")
    ] = 5,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Rank by meaning too (needs the extra aigov-kg\\[semantic]).")
    ] = False,
    as_of: AsOfOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Reference controls and requirements that the text of a control most likely speaks of.

    Proposals: a person accepts them by writing them into the control's mappings. None counts before.
    """
    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    if (controls is None) == (text is None):
        raise UsageError("name a file of controls, or give --text, one of the two", "kg suggest controls.csv")
    release = load_release(ctx, data)
    from kg.organizations.suggestions import suggestion_report

    names = [source_id(release, name) for name in sources] if sources else None
    asked = [_of_text(text)] if text is not None else _of_file(controls, release, only, every)
    encoder = None
    if semantic:
        from kg.organizations.semantic import load_encoder

        encoder = load_encoder()
    found = suggestion_report(release, asked, names, limit, as_of=day, encoder=encoder)

    def draw(console: Console) -> None:
        draw_report(console, found, text or "")

    write_answers([found], release, wanted, output, draw)


def source_id(release: Release, name: str) -> str:
    """A framework's id from what people call it, or a catalogue's."""
    if name in release.catalogues:
        return name
    try:
        return framework_id(release, name)
    except UnknownIdError:
        from kg.organizations.suggestions import sources_of

        return sources_of(release, [name])[0]


def _of_text(text: str) -> Control:
    from kg.model import Control, ControlStatus

    if not text.strip():
        raise UsageError("--text is empty", "write what the control says")
    return Control("text", "", ControlStatus.PLANNED, description=text.strip())


def _of_file(path: Path | None, release: Release, only: Sequence[str] | None, every: bool) -> list[Control]:
    assert path is not None
    from kg.organizations.suggestions import unmapped

    sheet = read_sheet(release, path)
    for finding in sheet.findings:
        note(str(finding))
    known = {c.id: c for c in sheet.controls}
    for id_ in only or ():
        if id_ not in known:
            near = nearest(id_, known)
            hint = f"did you mean {near}?" if near else f"{path} has {len(known)} controls"
            raise UnknownIdError(f"there is no control {id_!r} in {path}", hint)
    if only:
        return [known[id_] for id_ in dict.fromkeys(only)]
    return [c for c in sheet.controls if every or unmapped(c)]


def draw_report(console: Console, found: SuggestionReport, text: str, how: str = _HOW, nothing: str = _NOTHING) -> None:
    """Suggestions control by control; ``how`` says what to do with them, ``nothing`` why there are none to look at."""
    from kg.cli import render

    total = sum(len(c.suggestions) for c in found.controls)
    if not found.controls:
        render.paragraph(console, nothing)
        return
    many, controls = "" if total == 1 else "s", len(found.controls)
    head = f"{total} suggestion{many} for {controls} control{'' if controls == 1 else 's'}"
    render.paragraph(console, head, "bold")
    render.paragraph(console, "Proposals from their texts: none counts before a person accepts it.")
    for each in found.controls:
        console.print()
        name = text if text else f"{each.control}  {each.title}"
        render.paragraph(console, name, "bold")
        if not each.suggestions:
            render.paragraph(console, "Nothing: no word of it is known to the graph. Say more in its description.")
            continue
        wide = console.width >= 110
        columns = [("Suggestion", "."), ("Title", "<"), *([("Because of", "<")] if wide else [])]
        rows = [
            (
                s.target,
                s.title + (" (mapped already)" if s.mapped else ""),
                *((", ".join(s.words[:4]) + (f"; like {s.via[0].node}" if s.via else ""),) if wide else ()),
            )
            for s in each.suggestions
        ]
        render.put(console, render.simple_table(columns, rows))
    console.print()
    render.paragraph(console, how)
    render.disclaimers(console, found.disclaimers, method=found.method)
