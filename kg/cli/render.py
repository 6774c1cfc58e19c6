"""How answers look in a terminal: 80 columns and more, with and without colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kg.cli.output import clean

if TYPE_CHECKING:
    from kg.answers import Counts, Coverage, Explain, RequirementResult, StepView
    from kg.answers.gaps import Gap, GapReport
    from kg.cli.session import Session
    from kg.exports.tables import Table as Rows
    from kg.model import Disclaimer
    from kg.release import Release

__all__ = [
    "coverage_table", "disclaimers", "document_table", "explanation", "gap_block", "gap_list", "groups_table",
    "header", "indented", "legend", "paragraph", "put", "reasons", "requirements_table", "simple_table", "text",
    "verdict",
]  # fmt: skip

_STYLES = {"COVERED": "green", "PARTIAL": "yellow", "LEAD": "cyan", "GAP": "red"}
_BAR = 24
#: What is left at least to a column whose text wraps.
_LEAST = 10


def text(value: object, style: str = "") -> Text:
    """Data as text: nothing in it is markup or moves the cursor."""
    return Text(clean(str(value)), style)


def paragraph(console: Console, value: str, style: str = "", indent: int = 0) -> None:
    """A paragraph, wrapped."""
    console.print(indented(text(value, style), indent))


def indented(value: Text, by: int) -> Padding:
    """Text moved to the right, wrapped lines too."""
    return Padding(value, (0, 0, 0, by), expand=False)


def put(console: Console, table: Table) -> None:
    """Print a table.  Where a terminal is too narrow for its numbers the lines run over: a number is never cut."""
    needed = sum((c.min_width or _LEAST) + 2 for c in table.columns)
    if needed <= console.width:
        console.print(table)
    else:
        console.print(table, width=needed, crop=False, no_wrap=True, overflow="ignore")
    console.print()


def verdict(name: str) -> Text:
    """A verdict in its colour."""
    return Text(name, f"bold {_STYLES.get(name, '')}".strip())


def simple_table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]) -> Table:
    """A table with a rule under its header.  A column is (heading, how): ``<`` text that wraps, ``.`` text that does
    not, ``>`` a number, ``v`` a verdict."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    given = [
        [
            verdict(str(cell)) if how == "v" else cell if isinstance(cell, Text) else text(cell)
            for cell, (_, how) in zip(row, columns, strict=True)
        ]
        for row in rows
    ]
    for index, (heading, how) in enumerate(columns):
        whole = max(cell_len(heading), *(row[index].cell_len for row in given), 0) if how != "<" else None
        justify: Literal["left", "right"] = "right" if how == ">" else "left"
        table.add_column(heading, justify=justify, no_wrap=how != "<", overflow="fold", min_width=whole)
    for row in given:
        table.add_row(*row)
    return table


# ---------------------------------------------------------------- beside every answer


def header(console: Console, session: Session) -> None:
    """The first line: what was assessed, for whom, when, against which graph."""
    controls = len(session.sheet.controls)
    statuses = ", ".join(f"{count} {status}" for status, count in session.statuses())
    profile = session.profile
    whom = f"profile {profile.title or 'unnamed'}" if profile else "no profile, so everything applies"
    a = session.assessment
    line = Text()
    line.append(clean(str(session.controls), ""), "bold")
    line.append(f": {controls} control{'' if controls == 1 else 's'} ({statuses}); ")
    line.append(clean(whom, ""))
    line.append(f"; as of {a.as_of}; release {a.release.digest}")
    console.print(line)
    console.print()


def legend(console: Console) -> None:
    """What the columns mean, in a few lines."""
    paragraph(
        console,
        "Covered n of m: of the m requirements that apply, n are met in full by implemented controls; each counts "
        "once, unweighted. Partial: met in part. Lead: may be met, unproven. Gap: nothing known. Disp.: mappings "
        "disagree. N/A: does not apply. Not yet: applies later (of these covered already).",
    )


def disclaimers(console: Console, found: Iterable[Disclaimer], *, method: str = "") -> None:
    """The method and the standing cautions, dim."""
    console.print()
    if method:
        paragraph(console, f"Method: {method}.", "dim")
    for d in dict.fromkeys(found):
        paragraph(console, d.text + (f" [{d.basis}]" if d.basis else ""), "dim")


# ---------------------------------------------------------------- coverage


def _bar(c: Counts) -> Text:
    """The applicable requirements as a bar: covered, partial, lead, gap; every part that is not nothing is seen."""
    bar = Text()
    parts = ((c.covered, "█", "green"), (c.partial, "▓", "yellow"), (c.lead, "▒", "cyan"), (c.gap, "░", "red"))
    room = _BAR
    for index, (count, sign, style) in enumerate(parts):
        later = sum(1 for n, _, _ in parts[index + 1 :] if n)
        wide = min(max(1, round(_BAR * count / c.applicable)), room - later) if count else 0
        if not later and count:
            wide = room
        bar.append(sign * wide, style)
        room -= wide
    return bar


def coverage_table(console: Console, found: Sequence[Coverage], release: Release) -> None:
    """One line a framework, every count with its denominator."""
    wide = console.width >= 110
    columns = [("Framework", "."), ("Covered", ">"), ("%", ">"), ("Partial", ">"), ("Lead", ">"), ("Gap", ">")]
    columns += [("Disp.", ">"), ("N/A", ">"), ("Not yet", ">"), ("Total", ">")]
    if wide:
        columns.append(("covered █ partial ▓ lead ▒ gap ░", "."))
    rows = []
    for c in found:
        n, share = c.counts, c.counts.percent_covered
        row: list[object] = [release.frameworks[c.framework].short_title, f"{n.covered} of {n.applicable}"]
        row.append("n/a" if share is None else f"{share:.1f}")
        later = f"{n.not_yet_applicable} ({n.not_yet_applicable_covered})" if n.not_yet_applicable else "0"
        row += [n.partial, n.lead, n.gap, n.disputed, n.not_applicable, later, n.total]
        rows.append([*row, _bar(n)] if wide else row)
    put(console, simple_table(columns, rows))
    for c in found:
        if c.text_version > c.as_of:
            name = release.frameworks[c.framework].short_title
            paragraph(console, f"{name}: on {c.as_of} there was no text of it; the first is of {c.text_version}.\n")


def groups_table(console: Console, found: Coverage) -> None:
    """The articles, clauses or categories of one framework that have a requirement that applies now or later."""
    rows, idle = [], 0
    for g in found.groups:
        n = g.counts
        if n.not_applicable == n.total:
            idle += 1
            continue
        later = f"({n.not_yet_applicable_covered} of {n.not_yet_applicable})"
        share = f"{n.covered} of {n.applicable}" if n.applicable else later
        said = g.verdict.name if g.verdict is not None else "not yet"
        rows.append((g.provision.ref, g.provision.title, said, share, n.partial, n.lead, n.gap))
    columns = [("Group", "."), ("Title", "<"), ("Verdict", "v"), ("Covered", ">")]
    columns += [("Part.", ">"), ("Lead", ">"), ("Gap", ">")]
    put(console, simple_table(columns, rows))
    if idle:
        paragraph(console, f"{idle} groups without any requirement that applies are left out.\n", "dim")


def requirements_table(console: Console, found: Coverage) -> None:
    """Every requirement of one framework with its verdict, or why it does not count."""
    rows = []
    for r in found.requirements:
        control = r.explanation.control if r.explanation else ""
        if r.applicable:
            rows.append((r.requirement.ref, r.requirement.title, r.verdict.name, control or ", ".join(r.reasons)))
        else:
            why = r.decision.explanation or r.decision.applicability.value
            rows.append((r.requirement.ref, r.requirement.title, "-", why))
    put(console, simple_table([("Requirement", "."), ("Title", "<"), ("Verdict", "v"), ("By, or why not", "<")], rows))


# ---------------------------------------------------------------- gaps


def reasons(r: RequirementResult) -> str:
    """Why a verdict is not better, in words."""
    from kg.exports.words import REASONS

    return "; ".join(REASONS[reason] for reason in r.reasons)


def gap_block(console: Console, gap: Gap) -> None:
    """One open requirement: what, why, what could close it, what happened to others."""
    r, e = gap.result, gap.exposure
    line = verdict(f"{r.verdict.name:<8}")
    line.append(clean(f"{r.requirement.ref}  {r.requirement.title}", ""), "bold default")
    console.print(line)
    line = text(f"{r.requirement.id}: ", "dim")
    line.append(clean(f"{reasons(r)}.", ""), "not dim")
    console.print(indented(line, 8))
    if r.explanation:
        paragraph(console, f"Nearest: {r.explanation.control}, {r.explanation.title}.", indent=8)
    if gap.pending:
        named = "; ".join(f"{x.control}, {x.title} ({x.status})" for x in gap.pending[:3])
        more = f"; and {len(gap.pending) - 3} more" if len(gap.pending) > 3 else ""
        paragraph(console, f"Not finished: {named}{more}.", indent=8)
    if gap.could_cover:
        few = ", ".join(gap.could_cover[:6])
        more = f" and {len(gap.could_cover) - 6} more" if len(gap.could_cover) > 6 else ""
        paragraph(console, f"Could cover it, whole or in part: {few}{more}.", indent=8)
    if e.incidents:
        latest, many = e.incidents[0], len(e.incidents)
        when = f" of {latest.date}" if latest.date else ""
        count = f"{many} incidents, latest" if many > 1 else "1 incident:"
        paragraph(console, f"{count} AIID {latest.number}{when}: {latest.title}.", "magenta", indent=8)


def gap_list(console: Console, report: GapReport, release: Release, limit: int) -> None:
    """The open requirements of one framework, worst first."""
    from kg.exports.words import denominator

    c = report.coverage
    name = release.frameworks[c.framework].short_title
    console.print(text(f"{name}: {len(report.gaps)} of {c.counts.applicable} applicable requirements are open", "bold"))
    paragraph(console, denominator(c.counts), "dim")
    console.print()
    shown = report.gaps[:limit] if limit else report.gaps
    for gap in shown:
        gap_block(console, gap)
    if rest := len(report.gaps) - len(shown):
        paragraph(console, f"… and {rest} more (--limit 0 lists all)\n", "dim")


# ---------------------------------------------------------------- explain


def _step(console: Console, s: StepView, why: dict[str, str], titles: Release) -> None:
    title = titles.title(s.object)
    line = Text()
    line.append(clean(f"{s.subject} ", ""))
    line.append(f"{s.relation} ", "bold")
    line.append(clean(s.object, ""))
    if title:
        line.append(clean(f" ({title})", ""), "dim")
    console.print(indented(line, 6))
    if s.kind == "own":
        said = "what your own row says" if s.subject != s.object else "the controls above, taken together"
    elif s.kind == "part":
        said = "part of the whole, by the text itself"
    else:
        review = "reviewed" if s.reviewed else "not reviewed"
        said = f"{s.row} of {s.set}; {s.authority}, {s.method}, {review}"
    paragraph(console, said, "dim", indent=8)
    if reason := why.get(s.row):
        paragraph(console, f"“{reason}”", "italic", indent=8)


def _applies(r: RequirementResult) -> str:
    d = r.decision
    said = f": {d.explanation}" if d.explanation else f" since {d.applies_from}" if d.applies_from else ""
    return f"{d.applicability.value}{said}. Decided by {d.rule} ({d.legal_reference})"


def explanation(console: Console, found: Explain, release: Release, limit: int) -> None:
    """Everything behind one cell, the shown chain of every control in full."""
    r, p = found.result, found.result.requirement
    console.print(text(f"{p.ref}  {p.title}  ({p.id})", "bold"))
    paragraph(console, p.summary)
    console.print()
    line = verdict(r.verdict.name)
    line.append(clean(f"  {reasons(r)}" if r.reasons else "", ""), "not bold default")
    console.print(line)
    paragraph(console, _applies(r))
    for u in r.units:
        paragraph(console, f"AI system {u.unit}: {u.applicability.value}, {u.verdict.name}", indent=2)
    if r.set_aside:
        paragraph(console, f"Set aside as not applicable: {', '.join(r.set_aside)}")
    console.print()
    why = dict(found.rationales)
    shown = found.rulings[:limit] if limit else found.rulings
    for ruling in shown:
        line = verdict(ruling.verdict)
        line.append(clean(f"  {ruling.control}", ""), "bold default")
        said = f" {ruling.title} ({ruling.status}): {ruling.outcome.lower().replace('_', ' ')}, {ruling.relation}"
        line.append(clean(said, ""), "not bold default")
        if ruling.disputed:
            line.append("  disputed", "bold red")
        if ruling.stale:
            line.append("  evidence stale", "bold yellow")
        console.print(line)
        for member, control in ruling.members:
            paragraph(console, f"{member} ({release.title(member)}) by {control}", indent=6)
        for number, chain in enumerate(c for c in ruling.chains if c.shown or ruling.disputed):
            if number:
                paragraph(console, f"but also, {chain.relation}:", "bold", indent=4)
            for s in chain.steps:
                _step(console, s, why, release)
        if hidden := sum(1 for c in ruling.chains if not (c.shown or ruling.disputed)):
            many = f"{hidden} more chain{'s' if hidden > 1 else ''}"
            paragraph(console, f"{many} (--format json has all)", "dim", indent=4)
        console.print()
    if rest := len(found.rulings) - len(shown):
        paragraph(console, f"… and {rest} more controls (--limit 0 lists all)", "dim")
    if not found.rulings:
        paragraph(console, "None of your controls has anything to do with it.")
    _beside(console, found, release)


def _beside(console: Console, found: Explain, release: Release) -> None:
    """What could cover it and what the texts say of each other."""
    if found.could_cover:
        paragraph(console, "Reference controls and joint nodes that contain or overlap it:", "bold")
        for id_ in found.could_cover[:12]:
            paragraph(console, f"{id_}  {release.title(id_)}", indent=2)
        if (rest := len(found.could_cover) - 12) > 0:
            paragraph(console, f"… and {rest} more", "dim", indent=2)
    else:
        paragraph(console, "No control of this graph could cover it: our blind spot, not yours.")
    for ref in found.references:
        said = f"{ref.subject} {ref.kind.replace('_', ' ')} {ref.object}"
        paragraph(console, f"{said}: {ref.note}" if ref.note else said, indent=2)


# ---------------------------------------------------------------- any table


def document_table(console: Console, table: Rows, names: Sequence[str], limit: int = 0) -> None:
    """Some columns of a table of ``kg.exports.tables``; those whose name ends in ``.`` are not wrapped."""
    from kg.exports.tables import text_of

    known = {c.name: (index, c) for index, c in enumerate(table.columns)}
    picked = [known[n.rstrip(".")] for n in names]
    how = {"number": ">", "verdict": "v", "text": "<"}
    columns = [(c.title, "." if n.endswith(".") else how[c.kind]) for n, (_, c) in zip(names, picked, strict=True)]
    rows = table.rows[:limit] if limit else table.rows
    if not table.rows:
        paragraph(console, f"{table.empty}\n")
    else:
        put(console, simple_table(columns, [[text_of(row[i]) for i, _ in picked] for row in rows]))
    if rest := len(table.rows) - len(rows):
        paragraph(console, f"… and {rest} more (--limit 0 lists all)\n", "dim")
