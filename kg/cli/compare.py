"""``kg diff``: two sets of controls, two days, two profiles or two releases side by side."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    DataOption,
    FormatOption,
    FrameworksOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
)
from kg.cli.output import wanted_format
from kg.cli.session import (
    Session,
    chosen_frameworks,
    folders,
    load_release,
    make_filter,
    open_session,
    organization_of,
    parse_as_of,
)
from kg.errors import UsageError
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

    from kg.release import Release

__all__ = ["ChainsOption", "LimitOption", "ReasonsOption", "diff"]

_BEFORE, _OUTPUT = "The side before, where it differs", "Output"
ReasonsOption = Annotated[
    bool, typer.Option("--reasons", help="Also list requirements of which only the reasons changed.")
]
ChainsOption = Annotated[bool, typer.Option("--chains", help="Also list requirements of which only the chain changed.")]
LimitOption = Annotated[
    int,
    typer.Option("--limit", metavar="N", min=0, rich_help_panel=_OUTPUT,
                 help="In a table, list at most N requirements of each group; 0 lists all."),
]  # fmt: skip


def _release_before(
    ctx: typer.Context, release: Release, data: list[Path] | None, tree: Path | None, extra: list[Path] | None
) -> Release:
    """The release of the side before: another tree in place of the project's data, or other folders beside it."""
    if tree is None and not extra:
        return release
    from kg.release import Release

    if tree is not None and not (tree / "ontologies").is_dir():
        raise UsageError(f"{tree} is no data tree", "name a folder that has ontologies/ and mappings/ inside")
    return Release.load(*(extra or folders(ctx, data)), own=tree)


def _day(session: Session, day: date | None, otherwise: date) -> date:
    """The day of the side before: that for both, the profile's, the past one it is of, or the other side's."""
    pinned = session.profile.as_of if session.profile else None
    kept = organization_of(session.controls)
    return day or pinned or (kept.day if kept else None) or otherwise


def _now(before: Path) -> Path | None:
    """What stands for AFTER where it is left out beside a past state: the same organisation as it is now."""
    kept = organization_of(before)
    return Path(f"org:{kept.id}") if kept and kept.day else None


def diff(
    ctx: typer.Context,
    before: Annotated[
        Path,
        typer.Argument(metavar="BEFORE", show_default=False,
                       help="The controls before: a CSV, XLSX or ODS file, org:ID for an organisation that is kept, or "
                       "org:ID@2026-05-01 for what it was then, judged by the law of that day."),
    ],
    after: Annotated[
        Path | None,
        typer.Argument(metavar="[AFTER]", show_default=False,
                       help="The controls after, likewise. Left out: the same as before; behind org:ID@DAY the same "
                       "organisation as it is now."),
    ] = None,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    profile_before: Annotated[
        Path | None,
        typer.Option("--profile-before", metavar="FILE", rich_help_panel=_BEFORE, help="The profile before."),
    ] = None,
    as_of: AsOfOption = None,
    as_of_before: Annotated[
        str | None,
        typer.Option("--as-of-before", metavar="DATE", rich_help_panel=_BEFORE, show_default=False,
                     help="The day before. Default: --as-of, else the profile's, the DAY of org:ID@DAY, or as after."),
    ] = None,
    release_before: Annotated[
        Path | None,
        typer.Option("--release-before", metavar="DIR", rich_help_panel=_BEFORE,
                     help="A data tree in place of the project's own: an older checkout or release."),
    ] = None,
    data_before: Annotated[
        list[Path] | None,
        typer.Option("--data-before", metavar="DIR", rich_help_panel=_BEFORE,
                     help="The data folders before, in place of those of --data. Repeatable."),
    ] = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    reasons: ReasonsOption = False,
    chains: ChainsOption = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 1 also where a requirement newly applies and is not covered."),
    ] = False,
    limit: LimitOption = 10,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What changed between two sets of controls, days, profiles or releases, and what made each change.

    Exit code 1 if a requirement that applies on both sides is less well met after than before.
    """
    after = after or _now(before)
    if after is None and not any((profile_before, as_of_before, release_before, data_before)):
        raise UsageError(
            "both sides are the same",
            "name a second file, an organisation's past (org:ID@2026-05-01), or one of --as-of-before, "
            "--profile-before, --release-before, --data-before",
        )
    wanted = wanted_format(format_, output)
    day, day_before = parse_as_of(as_of), parse_as_of(as_of_before)
    release = load_release(ctx, data)
    older = _release_before(ctx, release, data, release_before, data_before)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    names = [f for f in framework or () if f != "all"]
    chosen = chosen_frameworks(release, names) if names else None

    from kg.answers import assess
    from kg.answers.compare import compare
    from kg.cli.render_changes import comparison, working

    new = open_session(release, after or before, profile, day, filter_)
    old = open_session(older, before, profile_before or profile, None, filter_)
    then = day_before or _day(old, day, new.assessment.as_of)
    earlier = assess(older, old.sheet.controls, old.profile, then, filter_)
    with working("comparing"):
        found = compare(earlier, new.assessment, chosen, reasons=reasons, chains=chains)

    def draw(console: Console) -> None:
        from kg.cli import render

        for name, session, a in (("before", old, earlier), ("after", new, new.assessment)):
            whom = session.profile.title or "unnamed" if session.profile else "none, so everything applies"
            said = f"{session.controls}; profile {whom}; as of {a.as_of}; release {a.release.digest}"
            render.paragraph(console, f"{name}: {said}")
        console.print()
        comparison(console, found, release, limit)

    write_answers([found], release, wanted, output, draw)
    if found.regressions or (strict and found.new_open):
        raise typer.Exit(1)
