"""``kg template``: the workbook to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.options import DataOption
from kg.cli.output import emit, wanted_format
from kg.cli.session import load_release
from kg.errors import UsageError

__all__ = ["template"]


def template(
    ctx: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.xlsx", show_default=False, help="The workbook to write.")
    ],
    data: DataOption = None,
) -> None:
    """A workbook for your controls: a list to choose the status from, a note at every column, an example."""
    if str(output) == "-" or output.suffix.lower() != ".xlsx":
        raise UsageError(f"a template is a workbook, not {output.name}", "kg template -o controls.xlsx")
    wanted_format(None, output)
    from kg.organizations.writing import template_xlsx

    emit(template_xlsx(load_release(ctx, data)), output)
