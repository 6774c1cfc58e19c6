"""``kg frameworks``, ``kg search``, ``kg crosswalk`` and ``kg stats``: what is in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.assess import write_answers
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    DataOption,
    ExchangeFormatOption,
    HopsOption,
    OutputOption,
    ReviewedOption,
    SetsOption,
    TextFormatOption,
)
from kg.cli.output import clean, emit, rendered, wanted_format
from kg.cli.session import framework_id, load_release, make_filter, parse_as_of
from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import Authority

if TYPE_CHECKING:
    from rich.console import Console

    from kg.exports.tables import Table
    from kg.release import Release

__all__ = ["crosswalk", "frameworks", "search", "stats", "write_list"]


def write_list(value: Any, table: Table, wanted: str, output: Path | None, draw: Callable[[Console], None]) -> None:
    """Write a list as a table, as JSON (``value``) or as CSV (``table``)."""
    if wanted == "table":
        rendered(draw, output)
    elif wanted == "csv":
        from kg.exports.csv import table_csv

        emit(table_csv(table).encode(), output)
    elif wanted != "json":
        raise UsageError(f"a list is not written as {wanted}", "one of: table, json, csv")
    else:
        from kg.exports.json import dumps

        emit(dumps(value), output)


def frameworks(
    ctx: typer.Context, format_: TextFormatOption = None, output: OutputOption = None, data: DataOption = None
) -> None:
    """The frameworks and catalogues of this release, with their ids, texts in force and sizes."""
    wanted = wanted_format(format_, output)
    release = load_release(ctx, data)
    from kg.exports.tables_lists import framework_records, frameworks_table

    table = frameworks_table(release)

    def draw(console: Console) -> None:
        from kg.cli import render

        render.document_table(console, table, ("id.", "shortTitle.", "requirements", "provisions", "text.", "kind."))
        for c in release.catalogues.values():
            count = sum(1 for x in release.controls.values() if x.catalogue == c.id)
            joints = sum(1 for x in release.joints.values() if x.catalogue == c.id)
            render.paragraph(console, f"Catalogue {c.id}: {c.title}, {count} reference controls, {joints} joint nodes.")
        render.paragraph(console, "`kg show ID` describes one; ids look like eu-ai-act:art-15.5.", "dim")

    write_list(framework_records(release), table, wanted, output, draw)


_KINDS = ("provision", "control", "joint node", "threat", "incident")


def search(
    ctx: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="TEXT", show_default=False, help="Words, an id or an official reference.")
    ],
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most N hits.")] = 15,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only provision, control, joint node, threat, incident, or a "
                     "kind of provision such as article. Repeatable."),
    ] = None,
    framework: Annotated[
        str | None, typer.Option("--framework", "-f", metavar="ID", help="Only provisions of this framework.")
    ] = None,
    format_: TextFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """Find provisions, controls, threats and incidents by words, id or reference, best first."""
    from kg.answers import search as find
    from kg.exports.tables_lists import hits_table

    wanted = wanted_format(format_, output)
    release = load_release(ctx, data)
    text = " ".join(words)
    only = framework_id(release, framework) if framework else ""
    hits = find(release, text, len(release.provisions) * 4, kinds=_kinds(release, kind))
    if only:
        hits = tuple(h for h in hits if h.id in release.provisions and release.provisions[h.id].framework == only)
    hits = hits[:limit]
    table = hits_table(hits)

    def draw(console: Console) -> None:
        from kg.cli import render

        if not hits:
            render.paragraph(console, f"Nothing in this release matches {clean(text)!r}.")
            return
        columns = [("Id", "."), ("Kind", "."), ("Title", "<")]
        render.put(console, render.simple_table(columns, [(h.id, h.kind.replace("_", " "), h.title) for h in hits]))

    write_list(hits, table, wanted, output, draw)


def _kinds(release: Release, names: Sequence[str] | None) -> set[str] | None:
    """The kinds of hits that names mean; ``provision`` is every kind of provision."""
    if not names:
        return None
    provisions = {p.kind for p in release.provisions.values()}
    known = {*_KINDS, *provisions}
    found: set[str] = set()
    for name in names:
        word = name.strip().lower()
        word = word if word in known else word.replace(" ", "_").replace("-", "_")
        if word not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"there is no kind {name!r}", f"{hint}one of: {', '.join(sorted(known))}")
        found |= provisions if word == "provision" else {word}
    return found


def _side(release: Release, name: str) -> str:
    """A framework's or catalogue's id."""
    return name if name in release.catalogues else _framework(release, name)


def _framework(release: Release, name: str) -> str:
    known = {f.short_title.casefold(): f.id for f in release.frameworks.values()}
    known |= {f.casefold(): f for f in (*release.frameworks, *release.catalogues)}
    found = known.get(name.strip().casefold())
    if found is None:
        every = [*release.frameworks, *release.catalogues]
        near = nearest(name, every)
        hint = f"did you mean {near}? " if near else ""
        raise UnknownIdError(f"there is no framework or catalogue {name!r}", f"{hint}one of: {', '.join(every)}")
    return found


def crosswalk(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", show_default=False, help="Id of a framework or catalogue.")],
    target: Annotated[str, typer.Argument(metavar="TO", show_default=False, help="Id of another.")],
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    derived: Annotated[
        bool, typer.Option("--derived/--direct-only", help="Also give what follows from chains, or only direct rows.")
    ] = True,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, show at most N rows of each kind; 0 is all.")
    ] = 12,
    format_: ExchangeFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """What one framework says of another: direct rows, what follows from chains, and what has no partner."""
    from kg.answers import crosswalk as cross

    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    source, target = _side(release, source), _side(release, target)
    if source == target:
        raise UsageError("a crosswalk needs two frameworks", f"one of: {', '.join(release.frameworks)} beside {source}")
    found = cross(release, source, target, as_of=day, filter_=filter_, derived=derived)

    def draw(console: Console) -> None:
        from kg.cli import render
        from kg.exports.tables import document

        page = document(found, release)
        direct, following, summary, *unmapped = page.tables
        who = ("set",) if console.width >= 110 else ("authority.",)
        render.paragraph(console, page.title, "bold")
        render.paragraph(console, f"As of {found.as_of}; release {found.release}. {page.summary}")
        console.print()
        render.document_table(console, summary, ("framework.", "total", "mapped", "unmapped", "contained", "lookedAt"))
        render.paragraph(console, f"Direct rows: {direct.note}", "bold")
        render.document_table(console, direct, ("subject.", "relation.", "object.", *who), limit)
        if derived:
            render.paragraph(console, f"Derived: {following.note}", "bold")
            render.document_table(console, following, ("subject.", "relation.", "object.", "sets"), limit)
        for side, table in zip(found.sides, unmapped, strict=True):
            ids = ", ".join(side.unmapped[: limit or None]) or "none"
            more = f" … and {len(side.unmapped) - limit} more" if limit and len(side.unmapped) > limit else ""
            render.paragraph(console, f"{table.title}: {ids}{more}")
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], release, wanted, output, draw)


def stats(
    ctx: typer.Context, format_: TextFormatOption = None, output: OutputOption = None, data: DataOption = None
) -> None:
    """The counts of everything in the release, by framework, catalogue and mapping set, and its digest."""
    from kg.exports.tables_lists import stats_table

    wanted = wanted_format(format_, output)
    release = load_release(ctx, data)
    counts = release.stats()

    def draw(console: Console) -> None:
        _draw_stats(console, counts)

    write_list(counts, stats_table(counts), wanted, output, draw)


def _listing(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counted.items())


def _draw_stats(console: Console, counts: dict[str, Any]) -> None:
    from kg.cli import render

    render.paragraph(console, f"Release {counts['release']}", "bold")
    console.print()
    rows = [
        (name, f["requirements"], f["provisions"], _listing(f["byKind"])) for name, f in counts["frameworks"].items()
    ]
    columns = [("Framework", "."), ("Requirements", ">"), ("Provisions", ">"), ("By kind", "<")]
    render.put(console, render.simple_table(columns, rows))
    rows = [
        (name, c["controls"], c["jointNodes"], ", ".join(f"{n} to {f}" for f, n in c["controlsWithRowsTo"].items()))
        for name, c in counts["catalogues"].items()
    ]
    columns = [("Catalogue", "."), ("Controls", ">"), ("Joint nodes", ">"), ("Controls with rows", "<")]
    render.put(console, render.simple_table(columns, rows))
    sets = [
        (name, s["authority"], s["rows"], s["reviewed"], ", ".join(f"{n} {k}" for k, n in s["byRelation"].items()))
        for name, s in counts["mappingSets"].items()
    ]
    columns = [("Mapping set", "."), ("Authority", "."), ("Rows", ">"), ("Reviewed", ">"), ("By relation", "<")]
    render.put(console, render.simple_table(columns, sets))
    plain = (
        "mappings", "legalReferences", "threats", "threatLinks", "incidents", "incidentsKnownByNumber",
        "incidentClassifications", "disclaimers",
    )  # fmt: skip
    words = {
        "legalReferences": "legal references",
        "threatLinks": "threat links",
        "incidentsKnownByNumber": "more incidents known by number only",
        "incidentClassifications": "incident classifications",
    }
    render.paragraph(console, "; ".join(f"{counts[k]} {words.get(k, k)}" for k in plain) + ".")
