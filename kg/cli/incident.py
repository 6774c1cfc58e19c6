"""``kg exposure`` and ``kg incident``: what happened to others, and what it would have met here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    ControlsArgument,
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
from kg.cli.session import chosen_frameworks, load_release, make_filter, open_session, parse_as_of
from kg.errors import UsageError
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from kg.answers import Case, Concerns, ExposureRanking, RankedGap, Readiness
    from kg.answers.concerns import ConcernedControl, ConcernedRequirement
    from kg.answers.readiness import HeldControl, MetRequirement, StageReadiness
    from kg.release import Release

__all__ = ["exposure", "incident"]

_CASES = "Which incidents count"
_NUMBER = re.compile(r"(?:aiid[\s#:]*)?(\d+)", re.IGNORECASE)


# ---------------------------------------------------------------- kg exposure


def exposure(
    ctx: typer.Context,
    controls: ControlsArgument,
    framework: FrameworksOption = None,
    since: Annotated[
        str,
        typer.Option("--since", metavar="DATE", rich_help_panel=_CASES, show_default=False,
                     help="Only incidents that surely happened on or after this day, month or year: 2024, 2024-06."),
    ] = "",
    until: Annotated[
        str,
        typer.Option("--until", metavar="DATE", rich_help_panel=_CASES, show_default=False,
                     help="Only incidents that surely happened on or before this day, month or year."),
    ] = "",
    sector: Annotated[
        list[str] | None,
        typer.Option("--sector", metavar="NAME", rich_help_panel=_CASES,
                     help="Only incidents of this sector: health, finance, education … Repeatable."),
    ] = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=0, show_default=False,
                     help="List at most N gaps; 0 lists all. Default: 10 in a table, else all."),
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What is not covered, in the order of what happened to others: most incidents first, then the newest."""
    from kg.answers import CaseFilter, exposure_ranking

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    cases = CaseFilter(since.strip(), until.strip(), tuple(sorted(set(sector or ()))))
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)
    session = open_session(release, controls, profile, day, filter_)
    found = exposure_ranking(session.assessment, frameworks, cases)
    most = limit if limit is not None else 10 if wanted == "table" else 0

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        _ranking(console, found, most)
        render.disclaimers(console, found.disclaimers, method=f"{found.method}; order {found.order}")

    short = dataclasses.replace(found, gaps=found.gaps[:most]) if most else found
    write_answers([short], release, wanted, output, draw)


def _ranking(console: Console, found: ExposureRanking, limit: int) -> None:
    from kg.cli import render
    from kg.exports.tables_exposure import cases_text, open_text

    render.paragraph(console, open_text(found), "bold")
    render.paragraph(console, cases_text(found.case_counts, found.cases.words()), "dim")
    console.print()
    struck = [g for g in found.gaps if g.place]
    shown = struck[:limit] if limit else struck
    for gap in shown:
        _ranked(console, gap)
    if rest := len(struck) - len(shown):
        render.paragraph(console, f"… and {rest} more with incidents (--limit 0 lists all)\n", "dim")
    if silent := found.open - found.with_incidents:
        words = f"{silent} open requirements without a counted incident are left out here; --format json has them too."
        render.paragraph(console, words, "dim")


def _ranked(console: Console, ranked: RankedGap) -> None:
    """One open requirement: its place, what struck, the latest case, and why it is open."""
    from rich.table import Table

    from kg.cli import render
    from kg.exports.tables_assessment import incident_text
    from kg.exports.tables_exposure import struck_text, through_text

    g, e = ranked.gap, ranked.gap.exposure
    r, many = g.result, len(e.incidents)
    head = Table.grid(padding=(0, 1))
    for width in (3, 8, None):
        head.add_column(width=width, justify="right" if width == 3 else "left")
    title = render.text(f"{r.requirement.ref}  {r.requirement.title}", "bold")
    head.add_row(str(ranked.place), render.verdict(r.verdict.name), title)
    console.print(head)
    newest = f", the newest of {e.newest}" if e.newest else ""
    said = f"{many} incident{'' if many == 1 else 's'}{newest}: {struck_text(ranked)}."
    render.paragraph(console, said, "magenta", indent=13)
    render.paragraph(console, f"Latest: {incident_text(e.incidents[0])}.", indent=13)
    if e.indirect:
        render.paragraph(console, f"It addresses these threats {through_text(e)}.", indent=13)
    near = f"; nearest: {r.explanation.control}, {r.explanation.title}" if r.explanation else ""
    render.paragraph(console, f"{r.requirement.id}: {render.reasons(r)}{near}.", "dim", indent=13)


# ---------------------------------------------------------------- kg incident


def incident(
    ctx: typer.Context,
    case: Annotated[
        str | None,
        typer.Argument(metavar="[INCIDENT]", show_default=False,
                       help="A case of the AI Incident Database: aiid:6, or 6. Left out: a supposed one, by --threat."),
    ] = None,
    controls: Annotated[
        Path | None,
        typer.Argument(metavar="[CONTROLS]", show_default=False,
                       help="Your controls, as for `kg coverage`. Without them: what concerns the incident."),
    ] = None,
    threat: Annotated[
        list[str] | None,
        typer.Option("--threat", "-t", metavar="ID",
                     help="A threat of the incident: threat:jailbreak, nist-aml:NISTAML.031, AML.T0051. Repeatable; "
                     "added to those that are recorded."),
    ] = None,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """This happened: would you be covered? What prevents, detects and answers it, and what you have of that."""
    from kg.answers import case_of, concerns, readiness

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    number = _NUMBER.fullmatch(case.strip()) if case else None
    if case and threat and controls is None and not number:
        controls, case = Path(case), None
    if not case and not threat:
        raise UsageError("no incident is named", "kg incident aiid:6, or kg incident --threat threat:jailbreak")
    if controls is None and profile is not None:
        raise UsageError("a profile says nothing without controls", "kg incident aiid:6 controls.csv --profile FILE")
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)
    what = case_of(release, f"aiid:{int(number[1])}" if number else (case or "").strip(), threat or ())
    if controls is None:
        from datetime import date

        listed = concerns(release, what, day or date.today(), frameworks)
        write_answers([listed], release, wanted, output, lambda page: _concerns(page, listed, release))
        return
    session = open_session(release, controls, profile, day, filter_)
    found = readiness(session.assessment, what, frameworks)

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        _readiness(console, found, release)
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], release, wanted, output, draw)


def _case(console: Console, case: Case) -> None:
    from kg.cli import render

    render.paragraph(console, case.title, "bold")
    if i := case.incident:
        facts = [f"AIID {i.number}", i.date or "no date", i.sector, i.url]
        render.paragraph(console, "; ".join(f for f in facts if f), "dim")
        render.paragraph(console, i.basis, "dim")
    for t in case.threats:
        line = render.text(f"{t.threat.id}  ", "magenta")
        line.append(render.text(t.threat.title).plain, "not magenta")
        console.print(render.indented(line, 2))
    if case.note:
        render.paragraph(console, case.note)
    console.print()


def _concerns(console: Console, found: Concerns, release: Release) -> None:
    from kg.answers.concerns import ThreatStage
    from kg.cli import render

    _case(console, found.case)
    for stage in ThreatStage:
        here = [c for c in found.controls if stage in c.stages and not c.narrower]
        if here:
            render.paragraph(console, f"{_STAGE[stage.value]} ({len(here)})", "bold")
            _lines(console, [(c.control.id, c.control.title, "") for c in here])
    if not found.controls:
        render.paragraph(console, "No reference control of this release bears on it: our blind spot, not yours.")
    for f in found.frameworks:
        counted = [r for r in f.requirements if not r.narrower]
        name = release.frameworks[f.framework].short_title
        render.paragraph(console, f"{name}: {len(counted)} of {f.total} requirements concerned", "bold")
        _lines(console, [(r.requirement.id, r.requirement.title, _through(r)) for r in counted])
    _narrower(
        console, [c for c in found.controls if c.narrower],
        [r for f in found.frameworks for r in f.requirements if r.narrower],
    )  # fmt: skip
    stood = f"Release {found.release}, as of {found.as_of}. With your controls behind it: what you have of these."
    render.paragraph(console, stood, "dim")
    render.disclaimers(console, found.disclaimers)


_STAGE = {
    "prevent": "Prevents it", "detect": "Detects it", "respond": "Responds to it",
    "unstated": "Named by other catalogues, which do not say what is done about it",
}  # fmt: skip
_STYLE = {"in place": "green", "in part": "yellow", "planned": "blue", "unproven": "cyan", "missing": "red"}


def _lines(console: Console, rows: Sequence[tuple[str, str, str]]) -> None:
    from kg.cli import render

    texts = []
    for id_, title, more in rows:
        line = render.text(title)
        line.append(render.text(f"  {more}" if more else "").plain, "dim")
        texts.append((render.text(id_), line))
    _grid(console, texts)
    console.print()


def _grid(console: Console, rows: Sequence[tuple[Text, ...]]) -> None:
    """Rows whose last cell wraps within its own column."""
    from rich.padding import Padding
    from rich.table import Table

    if not rows:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in rows[0][:-1]:
        grid.add_column(no_wrap=True)
    grid.add_column(min_width=20)
    for row in rows:
        grid.add_row(*row)
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _through(r: ConcernedRequirement) -> str:
    from kg.answers.exposure import AddressedThrough

    if r.through is AddressedThrough.ITSELF:
        return ""
    return f"(only through {'its part' if r.through is AddressedThrough.PART else 'the whole'} {', '.join(r.targets)})"


def _narrower(
    console: Console, controls: Sequence[ConcernedControl], requirements: Sequence[ConcernedRequirement]
) -> None:
    """What speaks to one kind only: a line, so that nobody counts it."""
    from kg.cli import render

    ids = [*(c.control.id for c in controls), *(r.requirement.id for r in requirements)]
    if ids:
        said = f"For narrower kinds of these threats only, and not counted: {', '.join(ids)}."
        render.paragraph(console, said, "dim")


def _readiness(console: Console, found: Readiness, release: Release) -> None:
    from kg.answers.concerns import ThreatStage
    from kg.cli import render

    _case(console, found.case)
    render.paragraph(console, "If this happened here: would you be covered?", "bold")
    console.print()
    for stage in found.stages:
        if stage.stage is ThreatStage.UNSTATED and not stage.counts.total:
            continue
        render.paragraph(console, stage.sentence, "bold" if stage.stage is not ThreatStage.UNSTATED else "")
        _held_controls(console, stage, found.controls)
        if stage.open_threats and stage.stage is not ThreatStage.UNSTATED and len(found.case.threats) > 1:
            named = ", ".join(f"{t} ({release.title(t)})" for t in stage.open_threats)
            render.paragraph(console, f"Nothing wholly in place against {named}.", "red", indent=2)
        console.print()
    for f in found.frameworks:
        c, name = f.counts, release.frameworks[f.framework].short_title
        if not c.concerned:
            render.paragraph(console, f"{name}: none of its {c.total} requirements is linked to this.", "dim")
            continue
        through = f" ({c.indirect} only through a whole or a part)" if c.indirect else ""
        said = f"{name}: {c.concerned} of {c.total} requirements concerned{through}; "
        said += f"{c.covered} of the {c.applicable} that apply are covered" if c.applicable else "none of them applies"
        later = f", {c.not_yet_applicable} not yet applicable" if c.not_yet_applicable else ""
        idle = f", {c.not_applicable} not applicable" if c.not_applicable else ""
        render.paragraph(console, f"{said}{later}{idle}.", "bold")
        _grid(console, [_requirement(met) for met in f.requirements if not met.concern.narrower])
    console.print()
    _narrower(
        console, [h.concern for h in found.controls if h.concern.narrower],
        [m.concern for f in found.frameworks for m in f.requirements if m.concern.narrower],
    )  # fmt: skip


def _held_controls(console: Console, stage: StageReadiness, held: Sequence[HeldControl]) -> None:
    """The controls of one stage, least held first; of those whose catalogue says no stage, only what there is."""
    from kg.answers.concerns import ThreatStage
    from kg.answers.readiness import Holding
    from kg.cli import render

    order = list(Holding)
    here = [h for h in held if h.concern.against(stage.stage)]
    if stage.stage is ThreatStage.UNSTATED:
        here = [h for h in here if h.holding is not Holding.MISSING]
    rows = []
    for h in sorted(here, key=lambda h: -order.index(h.holding)):
        by = [f"by {h.explanation.control}, {h.explanation.title}"] if h.explanation else []
        by += ["evidence stale"] if h.stale else []
        by += [f"{p.control}, {p.title} ({p.status})" for p in h.pending[:2]]
        if len({u.holding for u in h.units}) > 1:
            by += [f"AI system {u.unit}: {u.holding.words}" for u in h.units]
        line = render.text(h.concern.control.title)
        line.append(render.text(f"  {'; '.join(by)}" if by else "").plain, "dim")
        style = _STYLE[h.holding.words]
        rows.append((render.text(h.holding.words, style), render.text(h.concern.control.id), line))
    _grid(console, rows)


def _requirement(met: MetRequirement) -> tuple[Text, ...]:
    from kg.cli import render

    r = met.result
    why = f"by {r.explanation.control}" if r.explanation else ""
    if not r.applicable:
        also = f"{r.verdict.name.lower()} already" if r.explanation else "nothing yet"
        why = f"{r.decision.explanation or r.decision.applicability.value}; {also}"
    said = " ".join(x for x in (why, _through(met.concern)) if x)
    line = render.text(r.requirement.title)
    line.append(render.text(f"  {said}" if said else "").plain, "dim")
    shown = render.verdict(r.verdict.name) if r.applicable else render.text("-", "dim")
    return shown, render.text(r.requirement.id), line
