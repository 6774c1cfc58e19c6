"""Every option that more than one command takes, described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.output import ExchangeFormat, Format, TextFormat
from kg.model import Authority

__all__ = [
    "AsOfOption", "AuthorityOption", "ControlsArgument", "DataOption", "ExchangeFormatOption", "FormatOption",
    "FrameworksOption", "HopsOption", "OutputOption", "ProfileOption", "ReviewedOption", "SetsOption",
    "TextFormatOption",
]  # fmt: skip

_WHOM, _ROWS, _OUTPUT = "For whom and when", "Which mappings count", "Output"

DataOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Add a data folder with ontologies/, mappings/ or frameworks/ inside. Repeatable; "
        "may stand before or after the command.",
    ),
]
ControlsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CONTROLS",
        show_default=False,
        help="Your controls: a CSV or XLSX file with the columns id, title, description, status, owner, "
        "evidence_date, mappings (and evidence, evidence_valid_until, evidence_max_age_days, systems); or org:ID for "
        "an organisation that is kept, org:ID@2026-05-01 as it was then.",
    ),
]
FrameworksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--framework",
        "-f",
        metavar="ID",
        help="A framework's id (`kg frameworks` lists them) or `all`, which is the default. Repeatable.",
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="FILE",
        rich_help_panel=_WHOM,
        help="Your profile (TOML or JSON): roles, AI systems, facts, exclusions. What it does not say is taken "
        "as true, and without it everything applies.",
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        rich_help_panel=_WHOM,
        help="The day to answer for, like 2026-08-02: decides the text in force and what applies already. "
        "Default: the profile's day, or today.",
    ),
]
HopsOption = Annotated[
    int,
    typer.Option(
        "--max-hops",
        metavar="N",
        rich_help_panel=_ROWS,
        help="How many rows of shipped sets a chain may have at most: 0 to 3.",
    ),
]
AuthorityOption = Annotated[
    Authority,
    typer.Option(
        "--min-authority",
        rich_help_panel=_ROWS,
        help="Use only sets of this authority or higher, from owner (highest) to organization (all).",
    ),
]
ReviewedOption = Annotated[
    bool,
    typer.Option("--reviewed-only", rich_help_panel=_ROWS, help="Use only rows that a named person has reviewed."),
]
SetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME",
        rich_help_panel=_ROWS,
        help="Use only this mapping set (`kg stats` lists them). Repeatable.",
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        rich_help_panel=_OUTPUT,
        show_default=False,
        help="How to write the answer. Default: by the ending of -o, else table. xlsx needs -o.",
    ),
]
ExchangeFormatOption = Annotated[
    ExchangeFormat | None,
    typer.Option(
        "--format",
        rich_help_panel=_OUTPUT,
        show_default=False,
        help="How to write the answer. Default: by the ending of -o (.sssom.tsv, .oscal.json, .ttl …), else table.",
    ),
]
TextFormatOption = Annotated[
    TextFormat | None,
    typer.Option(
        "--format",
        rich_help_panel=_OUTPUT,
        show_default=False,
        help="How to write the answer. Default: by the ending of -o, else table.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        rich_help_panel=_OUTPUT,
        help="Write to this file (all of it or nothing) instead of the terminal; - is the terminal.",
    ),
]
