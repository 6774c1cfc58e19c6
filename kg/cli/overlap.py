"""``kg overlap``: how much of one framework another gives, both ways, as a matrix, or again from its link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    DataOption,
    FormatOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
)
from kg.cli.output import clean, wanted_format
from kg.cli.session import framework_id, load_release, make_filter, parse_as_of
from kg.errors import UnknownIdError, UsageError
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

    from kg.answers import Overlap, OverlapMatrix, RequirementResult
    from kg.permalink import OverlapAnswer
    from kg.release import Release

__all__ = ["overlap"]

_SHAPE = "Matrix and links"


def overlap(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", show_default=False,
                       help="The framework that is taken as done, or a catalogue of reference controls."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", show_default=False, help="The framework whose requirements are counted."),
    ] = None,
    one_way: Annotated[
        bool, typer.Option("--one-way", help="Only from SOURCE to TARGET. Default: both directions.")
    ] = False,
    left: Annotated[
        int,
        typer.Option("--left", metavar="N", min=0,
                     help="In a table, list at most N requirements that are given and N that are left; 0 lists all."),
    ] = 10,
    matrix: Annotated[
        bool, typer.Option("--matrix", rich_help_panel=_SHAPE, help="Every framework against every other, counted.")
    ] = False,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="ID", rich_help_panel=_SHAPE,
                     help="Of a matrix: only this framework or catalogue as a source; `all` is both. Repeatable."),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ID", rich_help_panel=_SHAPE,
                     help="Of a matrix: only this framework as a target. Repeatable."),
    ] = None,
    permalink: Annotated[
        str | None,
        typer.Option("--permalink", metavar="URL", rich_help_panel=_SHAPE, show_default=False,
                     help="Answer once more what this link answered. It must be of the same release."),
    ] = None,
    any_release: Annotated[
        bool,
        typer.Option("--any-release", rich_help_panel=_SHAPE, help="Ask a link of another release of this one."),
    ] = False,
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
    """How much of one framework another gives: what an organisation that does all of SOURCE covers of TARGET.

    Every number comes with its denominator and a permalink from which the same release gives the same bytes again.
    """
    from kg.permalink import answer_permalink, answer_query

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    asked = [name for name in (source, target) if name is not None]
    if permalink is not None:
        beside = [*asked, matrix, one_way, from_, to, profile, as_of, reviewed_only, sets]
        if any(beside) or (max_hops, min_authority) != (3, Authority.ORGANIZATION):
            raise UsageError("--permalink says everything by itself", "leave out the frameworks and options beside it")
    elif any_release:
        raise UsageError("--any-release goes with --permalink only", "every other answer is of this release")
    elif matrix == bool(asked) or (matrix and one_way) or (not matrix and (len(asked) < 2 or from_ or to)):
        hint = "kg overlap SOURCE TARGET, kg overlap --matrix [--from ID] [--to ID], or kg overlap --permalink URL"
        raise UsageError("say two frameworks, or --matrix", hint)
    release = load_release(ctx, data)
    found: OverlapAnswer
    if permalink is not None:
        found = answer_permalink(release, permalink, any_release=any_release)
    else:
        from kg.organizations import read_profile
        from kg.permalink import OverlapQuery

        filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
        whom = read_profile(profile, release) if profile else None
        if matrix:
            sources, targets = _names(release, from_), _names(release, to)
            query = OverlapQuery("matrix", sources, targets, day, "", whom, filter_)
        else:
            one, other = (_name(release, name) for name in asked)
            both = not one_way and one in release.frameworks
            query = OverlapQuery("both" if both else "one", (one,), (other,), day, "", whom, filter_)
        found = answer_query(query, release)
    write_answers([found], release, wanted, output, lambda console: _draw(console, found, release, left))


def _name(release: Release, text: str) -> str:
    """A framework's or catalogue's id from its id or title in any case; what is neither is refused by the answer."""
    for c in release.catalogues.values():
        if text.strip().casefold() in (c.id.casefold(), c.title.casefold()):
            return c.id
    try:
        return framework_id(release, text)
    except UnknownIdError:
        return text.strip()


def _names(release: Release, given: Sequence[str] | None) -> tuple[str, ...]:
    if given and "all" in given:
        return (*release.frameworks, *release.catalogues)
    return tuple(_name(release, text) for text in given or ())


# ---------------------------------------------------------------- the terminal


def _draw(console: Console, found: OverlapAnswer, release: Release, most: int) -> None:
    from kg.answers import OverlapMatrix, OverlapPair
    from kg.cli import render
    from kg.permalink import permalink_of

    if isinstance(found, OverlapMatrix):
        _header(console, found)
        _matrix(console, found)
        cautions, method = found.disclaimers, found.method
    else:
        each = [found.forward, found.backward] if isinstance(found, OverlapPair) else [found]
        _header(console, each[0])
        _counts(console, each)
        for o in each:
            _direction(console, o, most)
        cautions, method = tuple(d for o in each for d in o.disclaimers), each[0].method
    render.paragraph(
        console,
        "Covered n of m: of the m requirements of the target that apply, n are met in full by doing all of the source; "
        "each counts once, unweighted. Partial: met in part, which never adds up to covered. Lead: may be met, "
        "unproven. Gap: nothing known. Not yet: applies later. Done: of the source's requirements, how many are taken "
        "as met.",
    )
    render.disclaimers(console, cautions, method=method)
    link = permalink_of(found)
    console.print()
    console.print(render.text("The same again, from the same release:", "bold"))
    console.print(render.text(link or "the profile is too long for a link: keep the JSON"), soft_wrap=True)


def _header(console: Console, found: Overlap | OverlapMatrix) -> None:
    from kg.cli import render

    whom = f"profile {found.profile.title or 'unnamed'}" if found.profile else "no profile, so everything applies"
    said = f"{clean(whom, '')}; as of {found.as_of}; release {found.release}"
    if found.filter.reviewed_only:
        said += "; reviewed rows only"
    render.paragraph(console, f"What one framework gives of another: {said}")
    console.print()


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f}"


def _counts(console: Console, each: Sequence[Overlap]) -> None:
    from kg.cli import render

    columns = [("From", "<"), ("To", "<"), ("Covered", ">"), ("%", ">"), ("Part.", ">"), ("Lead", ">"), ("Gap", ">")]
    columns += [("Not yet", ">"), ("Done", ">")]
    rows = []
    for o in each:
        n = o.counts
        row: list[object] = [o.source.short_title, o.target.short_title, f"{n.covered} of {n.applicable}"]
        row += [_share(n.percent_covered), n.partial, n.lead, n.gap, n.not_yet_applicable]
        rows.append([*row, f"{o.source.assumed} of {o.source.total}"])
    render.put(console, render.simple_table(columns, rows))


def _direction(console: Console, o: Overlap, most: int) -> None:
    from kg.cli import render

    console.print(render.text(f"From {o.source.short_title} to {o.target.short_title}", "bold"))
    render.paragraph(console, o.sentence, "dim")
    if o.source.not_assumed:
        n = o.source
        whys = ((n.not_applicable, "do not apply"), (n.not_yet_applicable, "apply later"))
        said = " and ".join(f"{count} that {why}" for count, why in whys if count)
        render.paragraph(console, f"Of {n.short_title} not taken as met: {said} (--format json names them).", "dim")
    console.print()
    if o.given:
        by = ", ".join(f"{s.rows} of {s.set} ({s.authority})" for s in o.rows.by_set) or "no row of any set"
        head = f"Given: {len(o.given)}, standing on {by}; {o.rows.reviewed} of {o.rows.rows} rows reviewed"
        _list(console, head, "By", o.given, most)
    if o.left:
        blind = f"; {o.no_mapping} of them no control of this graph could cover" if o.no_mapping else ""
        head = f"Left: {len(o.left)} of {o.counts.applicable}, worst first{blind}"
        _list(console, head, "Nearest, or why not", o.left, most)


#: Reasons that say more here than the verdict does; the files have every one.
_WHY = {
    "NO_CONTROL": "nothing of the source bears on it",
    "MAPPED_TO_PARENT_ONLY": "only a whole above it is mapped",
    "RULED_OUT": "a mapping says they share nothing",
    "DISPUTED": "mappings contradict each other",
    "NO_MAPPING_IN_GRAPH": "no control of this graph could cover it: our blind spot",
}


def _list(console: Console, head: str, by: str, results: Sequence[RequirementResult], most: int) -> None:
    from kg.cli import render

    render.paragraph(console, head, "bold")
    rows = []
    for r in results[:most] if most else results:
        through = r.explanation.steps[0].object if r.explanation and r.explanation.steps else ""
        why = "; ".join(_WHY[reason] for reason in r.reasons if reason in _WHY)
        said = "; ".join(x for x in (through, why) if x)
        rows.append((r.requirement.ref, r.requirement.title, r.verdict.name, said))
    columns = [("Requirement", "."), ("Title", "<"), ("Verdict", "v"), (by, "<")]
    render.put(console, render.simple_table(columns, rows))
    if rest := len(results) - len(rows):
        render.paragraph(console, f"… and {rest} more (--left 0 lists all)\n", "dim")


def _matrix(console: Console, found: OverlapMatrix) -> None:
    """Sources down and targets across, three short lines a cell; a list where that would be too wide."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from kg.cli import render

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("From \\ to", no_wrap=True)
    width = max(len(s.short_title) for s in found.sources) + 2
    for t in found.targets:
        table.add_column(clean(t.short_title, ""), justify="right", no_wrap=True)
    for s in found.sources:
        row = [render.text(s.short_title, "bold")]
        row[0].append(f"\n{s.assumed} of {s.total} done", "dim")
        for t in found.targets:
            n = found.cell(s.id, t.id).counts
            itself = "dim" if s.id == t.id else ""
            cell = Text(f"{_share(n.percent_covered)} %" if n.applicable else "n/a", itself or "bold")
            cell.append(f"\n{n.covered} of {n.applicable}", itself or "not bold")
            cell.append("\nitself" if itself else f"\n+ {n.partial} partial", "dim")
            row.append(cell)
        table.add_row(*row)
        if s is not found.sources[-1]:
            table.add_row()
    width = max(width, *(len(f"{s.assumed} of {s.total} done") + 1 for s in found.sources))
    width += sum(max(len(t.short_title), 13) + 2 for t in found.targets)
    if width <= console.width:
        console.print(table)
        console.print()
        for t in found.targets:
            n = found.cell(found.sources[0].id, t.id).counts
            beside = [(n.not_applicable, "not applicable"), (n.not_yet_applicable, "not yet applicable")]
            if said := " and ".join(f"{count} {what}" for count, what in beside if count):
                render.paragraph(console, f"Beside the {n.applicable} of {t.short_title}: {said}, not counted.")
    else:
        _cells(console, found)
    console.print()


def _cells(console: Console, found: OverlapMatrix) -> None:
    from kg.cli import render

    columns = [("From", "<"), ("To", "<"), ("Covered", ">"), ("%", ">"), ("Part.", ">"), ("Lead", ">"), ("Gap", ">")]
    columns += [("Not yet", ">"), ("Done", ">")]
    sources = {s.id: s for s in found.sources}
    names = {t.id: t.short_title for t in found.targets}
    rows = []
    for c in found.cells:
        n, s = c.counts, sources[c.source]
        row: list[object] = [s.short_title, names[c.target], f"{n.covered} of {n.applicable}"]
        row += [_share(n.percent_covered), n.partial, n.lead, n.gap, n.not_yet_applicable]
        rows.append([*row, f"{s.assumed} of {s.total}"])
    render.put(console, render.simple_table(columns, rows))
