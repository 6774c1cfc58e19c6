"""``kg import``: another's published data as a data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.options import DataOption
from kg.cli.output import clean, note
from kg.cli.session import folders
from kg.errors import KgError, UsageError

__all__ = ["import_"]


class Database(StrEnum):
    """What can be imported."""

    AIID = "aiid"


def import_(
    ctx: typer.Context,
    database: Annotated[
        Database, typer.Argument(metavar="aiid", show_default=False, help="aiid: the AI Incident Database.")
    ],
    snapshot: Annotated[
        Path,
        typer.Argument(
            metavar="SNAPSHOT",
            show_default=False,
            help="Its weekly snapshot: backup-YYYYMMDDhhmmss.tar.bz2 as it was fetched, a folder with its "
            "incidents.csv, or that file alone.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", show_default=False, help="The data folder to write.")
    ],
    day: Annotated[
        str | None,
        typer.Option(
            "--date", metavar="DATE", help="The day of the snapshot, like 2026-11-16. Default: what its name says."
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Turn a snapshot of the AI Incident Database into a data folder for --data.

    All its incidents are in it but those the graph has already, with number, date, title and link, under CC BY-SA
    4.0. A threat is named only where the MIT classification of an incident plainly says so.
    """
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
