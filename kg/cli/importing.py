"""``kg import``: another's data as a data folder, and what a file of controls would change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kg.cli import importing_mappings as _mappings
from kg.cli.options import DataOption
from kg.cli.output import clean, note
from kg.cli.session import folders
from kg.errors import KgError, UsageError

__all__ = ["import_"]


class Kind(StrEnum):
    """What can be imported."""

    AIID = "aiid"
    CONTROLS = "controls"
    MAPPINGS = "mappings"
    OSCAL_CATALOG = "oscal-catalog"
    CISO_LIBRARY = "ciso-library"


_FILE = (
    "For aiid the weekly snapshot: backup-YYYYMMDDhhmmss.tar.bz2 as it was fetched, a folder with its incidents.csv, "
    "or that file alone. For controls a CSV or XLSX file, an audit exported by CISO Assistant, an OSCAL component "
    "definition, or an SSSOM table of your own mappings. For mappings SSSOM, an OLIR or STRM sheet, an OSCAL mapping "
    "collection, a library of CISO Assistant, a workbook, or an edited export. Else the catalog or library."
)


def import_(
    ctx: typer.Context,
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND",
            show_default=False,
            help="aiid (the AI Incident Database), controls (yours), mappings (published, or an edited export), "
            "oscal-catalog or ciso-library (a framework).",
        ),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help=_FILE)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            show_default=False,
            help="The data folder to write; for controls the CSV file for the controls as they stand afterwards; for "
            "an edited export also the file of the set (.sssom.tsv) or a patch (.diff).",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="CONTROLS",
            help="For controls: the controls as they are kept now: a CSV, XLSX or ODS file, or org:ID.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change; write nothing.")] = False,
    remove_missing: Annotated[
        bool,
        typer.Option(
            "--remove-missing", help="For controls and edited exports: remove what is kept and the file does not name."
        ),
    ] = False,
    framework: Annotated[
        str | None,
        typer.Option(
            "--framework", "-f", metavar="ID", help="For controls: the framework that an audit's references are of."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="ID", help="For a framework: its id. Default: the file's name.")
    ] = None,
    licence: Annotated[
        str,
        typer.Option(
            "--licence", metavar="TEXT", help="For a framework or mappings: the licence, if the file names none."
        ),
    ] = "",
    day: Annotated[
        str | None,
        typer.Option(
            "--date",
            metavar="DATE",
            help="For aiid: the snapshot's day, like 2026-11-16. Default: what its name says. For an edited "
            "export: the day of the edits. Default: today.",
        ),
    ] = None,
    data: DataOption = None,
    file_kind: _mappings.KindOption = None,
    set_id: _mappings.SetOption = "",
    title: _mappings.TitleOption = "",
    authority: _mappings.AuthorityOption = None,
    publisher: _mappings.PublisherOption = "",
    url: _mappings.UrlOption = "",
    subjects: _mappings.FromOption = "",
    objects: _mappings.ToOption = "",
    texts: _mappings.TextsOption = None,
    words: _mappings.WordsOption = None,
    method: _mappings.MethodOption = None,
    skip_unknown: _mappings.SkipOption = False,
    sheet: _mappings.SheetOption = "",
    columns: _mappings.ColumnsOption = None,
    metadata: _mappings.MetadataOption = None,
    correction: _mappings.CorrectionOption = False,
) -> None:
    """Turn another's data into a data folder for --data, or show what a file of controls would change.

    aiid: all incidents but those the graph has already, under CC BY-SA 4.0;
    a threat is named only where the MIT classification plainly says so.

    controls: the difference to --against, field by field; -o writes the result.

    mappings: a published mapping becomes a set of its own; of an edited export of ours the difference is shown.

    oscal-catalog, ciso-library: a framework from your own copy, for --data.
    """
    if kind is Kind.MAPPINGS:
        asked = _mappings.Asked(
            file, output, dry_run, remove_missing, day, file_kind, set_id, title, authority, licence, publisher, url,
            subjects, objects, texts, words, method, skip_unknown, sheet, columns, metadata, correction,
        )  # fmt: skip
        _mappings.import_mappings(ctx, asked, data)
        return
    if kind is Kind.CONTROLS:
        from kg.cli.importing_controls import import_controls

        import_controls(
            ctx, file, output, against, data, dry_run=dry_run, remove_missing=remove_missing, framework=framework
        )
        return
    if output is None:
        raise UsageError("say where the data folder is to be written", f"kg import {kind.value} {file.name} -o DIR")
    if kind is Kind.AIID:
        _aiid(ctx, file, output, day, data)
    else:
        _framework(ctx, kind, file, output, name, licence, data, dry_run=dry_run)


def _aiid(ctx: typer.Context, snapshot: Path, output: Path, day: str | None, data: list[Path] | None) -> None:
    from kg.importers.aiid import read_snapshot, write_folder
    from kg.release import Release

    when = None
    if day is not None:
        from kg.organizations.controls import parse_day

        try:
            when = parse_day(day.strip())
        except KgError as error:
            raise UsageError(f"--date: {error.message}", error.hint, code=error.code) from None
    release = Release.load(*(f for f in folders(ctx, data) if f.resolve() != output.resolve()))
    with _bar(f"Reading {snapshot.name}") as progress:
        found = read_snapshot(snapshot, day=when, progress=progress)
    written = write_folder(found, release, output)
    for finding in (*found.findings, *written.findings):
        note(str(finding))
    if found.day is None:
        note(f"{snapshot}: warning NO_DATE the day of the snapshot is not known (say it with --date 2026-11-16)")
    print(clean(f"{written.incidents}  {written.written:,} incidents, {written.with_threats:,} of them with a threat"))
    if written.table:
        print(clean(f"{written.table}  {written.classified:,} further classifications"))
    print(f"{written.kept:,} incidents of the snapshot are in the graph already and stay as they are.")
    print("Data of the AI Incident Database, Responsible AI Collaborative, under CC BY-SA 4.0.")
    print(clean(f"Use it with: kg --data {output} stats"))


def _framework(
    ctx: typer.Context,
    kind: Kind,
    file: Path,
    output: Path,
    name: str | None,
    licence: str,
    data: list[Path] | None,
    *,
    dry_run: bool,
) -> None:
    """A framework of another tool as a node list."""
    import re

    from kg.importers.frameworks import read_ciso_library, read_oscal_catalog, write_library
    from kg.release import Release

    library = read_oscal_catalog(file) if kind is Kind.OSCAL_CATALOG else read_ciso_library(file)
    id_ = name or re.sub(r"[^a-z0-9.]+", "-", file.stem.lower()).strip("-.")
    taken = Release.load(*(f for f in folders(ctx, data) if f.resolve() != output.resolve()))
    if id_ in taken.frameworks or id_ in taken.catalogues:
        raise UsageError(f"the graph has a framework or catalogue {id_!r} already", "give it another id with --name")
    asked = sum(node.assessable for node in library.nodes)
    if dry_run:
        print(clean(f"{library.title}: {len(library.nodes)} nodes, {asked} of them assessable. Nothing was written."))
        return
    written = write_library(library, id_, output, licence=licence)
    print(clean(f"{written}  {library.title}: {len(library.nodes)} nodes, {asked} of them assessable"))
    if library.left_out:
        print(f"{library.left_out} withdrawn controls are left out.")
    print(clean(f"Its text stands under: {licence or library.licence}"))
    print(clean(f"Use it with: kg --data {output} show {id_}:{library.nodes[0].id}"))


@contextmanager
def _bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(clean(words, ""), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
