"""What the commands about kept organisations share: the store, who acts, lists and questions."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.output import clean
from kg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from kg.organizations.store import Actor, BackupReport, Store

__all__ = ["IdArgument", "YesOption", "listed", "me", "minute", "moved", "open_store", "sure"]

IdArgument = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The organisation's id.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


@contextmanager
def open_store() -> Iterator[Store]:
    """The user's own store, or that of ``KG_DATABASE_URL``; closed again at the end."""
    from kg.organizations.store import Store

    with Store.open() as store:
        yield store


def me() -> Actor:
    """The user of this machine, for the audit log."""
    from kg.organizations.store import Actor

    try:
        return Actor("command", getpass.getuser())
    except (KeyError, OSError):
        return Actor("command")


def sure(question: str, yes: bool) -> None:
    """Ask, unless told not to; without a terminal to ask on, refuse."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to ask.", "say --yes")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def listed(
    records: list[dict[str, Any]], columns: list[tuple[str, str, str]], wanted: str, output: Path | None, empty: str
) -> None:
    """Records as JSON, CSV or a table; ``columns`` are key, heading and alignment (``<``, ``>``, or ``.`` for what is
    never broken)."""
    from kg.cli.browse import write_list
    from kg.exports.tables import Column, Table

    def draw(console: Console) -> None:
        from kg.cli import render

        if records:
            shown = [tuple("" if r[key] is None else r[key] for key, _, _ in columns) for r in records]
            render.put(console, render.simple_table([(title, align) for _, title, align in columns], shown))
        else:
            console.print(empty)

    table = Table(
        name="list",
        title="",
        columns=tuple(Column(key, title, title) for key, title, _ in columns),
        rows=tuple(tuple(r[key] for key, _, _ in columns) for r in records),
    )
    write_list(records, table, wanted, output, draw)


def minute(at: datetime | None) -> str | None:
    """An instant to the minute, in UTC, for people."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else None


def moved(report: BackupReport, done: str) -> None:
    """Say what was moved, and where."""
    rows = sum(report.rows.values())
    many = "organisation" if report.organizations == 1 else "organisations"
    print(clean(f"{report.path}: {done}, {report.organizations} {many}, {rows} rows, sha256 {report.sha256}"))
