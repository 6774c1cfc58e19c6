"""``kg publish``: the release into a SPARQL store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import DataOption
from kg.cli.output import note, rendered
from kg.cli.session import load_release

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["publish"]


def publish(
    ctx: typer.Context,
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT",
            show_default=False,
            help="Where the store takes graphs (Graph Store HTTP Protocol), like http://localhost:7878/store.",
        ),
    ],
    query: Annotated[
        str, typer.Option("--query", metavar="URL", help="Where it takes queries. Default: as common stores have it.")
    ] = "",
    update: Annotated[
        str, typer.Option("--update", metavar="URL", help="Where it takes updates. Default: as common stores have it.")
    ] = "",
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Graph by graph, for a store without updates: readers see it happen."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is there and what would be sent and removed.")
    ] = False,
    retries: Annotated[
        int, typer.Option("--retries", metavar="N", min=0, max=20, help="How often to try again what may pass.")
    ] = 5,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1, help="How long one request may take.")
    ] = 300,
    data: DataOption = None,
) -> None:
    """Send the release to a SPARQL store, each mapping set as a graph of its own, all replaced at once.

    A password comes from KG_PUBLISH_USER and KG_PUBLISH_PASSWORD, a token from KG_PUBLISH_TOKEN.
    """
    from kg import publish as publishing

    where = publishing.endpoint_of(endpoint, query, update, in_place=in_place)
    who = publishing.Credentials.from_environment(os.environ)
    release = load_release(ctx, data)
    if dry_run:
        graphs = publishing.graphs_of(release)
        there = publishing.live(where, who, retries=retries, timeout=timeout)
        removed = publishing.superseded(there, graphs)
        _show(release.digest, there.release, {g.name: g.triples for g in graphs}, removed, dry_run=True)
        return
    terminal = sys.stderr.isatty()

    def progress(what: str, done: int, total: int) -> None:
        if terminal:
            print(f"\r{what} {done} of {total} graphs\033[K", end="", file=sys.stderr, flush=True)

    try:
        report = publishing.publish(release, where, who, retries=retries, timeout=timeout, progress=progress)
    finally:
        if terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    if not report.changed:
        note(f"release {report.release} is there already, whole: nothing was sent")
        return
    _show(report.release, report.before, report.graphs, report.removed, dry_run=False)


def _show(release: str, before: str, graphs: Mapping[str, int], removed: Sequence[str], *, dry_run: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from kg.terms import curie

    would = "would be " if dry_run else ""

    def draw(page: Console) -> None:
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
        table.add_column("Graph")
        table.add_column("Triples", justify="right")
        for name, size in graphs.items():
            table.add_row(curie(name), f"{size:,}")
        page.print(table)
        total = f"{sum(graphs.values()):,} triples in {len(graphs)} graphs"
        page.print(f"\n{total} {would}published: release {release}, in place of {before or 'nothing'}.")
        for name in removed:
            page.print(f"{would}removed: {curie(name)}")

    rendered(draw, None)
