"""``kg demo``: the example organisation, end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.options import DataOption
from kg.cli.output import rendered, write_file
from kg.cli.session import load_release, open_session
from kg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from kg.answers.gaps import Gap
    from kg.cli.session import Session

__all__ = ["demo", "example_paths"]

_CROSSWALK = ("nist-ai-rmf", "iso42001")


def example_paths() -> tuple[Path, Path]:
    """The example organisation's controls and profile, as installed."""
    here = Path(__file__).parents[1] / "data" / "example"
    return here / "controls.csv", here / "profile.toml"


def demo(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where to write the crosswalk workbook; made if need be.")
    ] = Path("out"),
    gaps: Annotated[int, typer.Option("--gaps", metavar="N", min=0, help="Gaps to show of each framework.")] = 2,
    data: DataOption = None,
) -> None:
    """Assess the example organisation against all frameworks and write a crosswalk workbook."""
    from kg.answers import Filter

    controls, profile = example_paths()
    release = load_release(ctx, data)
    session = open_session(release, _relative(controls), profile, None, Filter())
    rendered(lambda page: _show(page, session, gaps), None)
    if all(name in release.frameworks for name in _CROSSWALK):
        _write_crosswalk(session, out)


def _relative(path: Path) -> Path:
    """A path as a person would type it, where it lies below where they stand."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _show(page: Console, session: Session, most: int) -> None:
    from kg.answers.gaps import gap_report
    from kg.cli import render

    release = session.release
    answers = [session.assessment.coverage(f) for f in release.frameworks]
    render.header(page, session)
    render.coverage_table(page, answers, release)
    render.legend(page)
    for answer in answers if most else ():
        report = gap_report(session.assessment, answer.framework)
        told = _telling(report.gaps, most)
        page.print()
        name = release.frameworks[answer.framework].short_title
        open_ = f"{len(report.gaps)} of {answer.counts.applicable} applicable requirements are open"
        first = "; the worst, and the worst that has hit others" if told else ""
        render.paragraph(page, f"{name}: {open_}{first}", "bold")
        for gap in told:
            render.gap_block(page, gap)
    render.disclaimers(page, [d for a in answers for d in a.disclaimers], method=session.assessment.method)


def _telling(gaps: Sequence[Gap], most: int) -> list[Gap]:
    """The first gap, then those with incidents behind them, then the rest; in the order of the report."""
    hit = [g for g in gaps[1:] if g.exposure.incidents]
    others = [g for g in gaps[1:] if not g.exposure.incidents]
    picked = {g.result.requirement.id for g in [*gaps[:1], *hit, *others][:most]}
    return [g for g in gaps if g.result.requirement.id in picked]


def _write_crosswalk(session: Session, out: Path) -> None:
    from kg.answers import crosswalk
    from kg.exports.tables import document
    from kg.exports.xlsx import workbook

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {out} cannot be made: {error.strerror}", "choose another with --out") from None
    found = crosswalk(session.release, *_CROSSWALK, as_of=session.assessment.as_of)
    path = out / f"crosswalk-{'-'.join(_CROSSWALK)}.xlsx"
    write_file(path, workbook([document(found, session.release)]))
    print(f"\nWrote {path}")
