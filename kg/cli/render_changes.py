"""Comparisons on the terminal: the numbers of both sides, then what changed, alike changes together."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kg.answers import Explanation, RequirementResult
from kg.answers.compare import Change, ChangeKind, Comparison, Direction
from kg.answers.hypothetical import HYPOTHETICAL
from kg.cli.output import clean
from kg.cli.render import disclaimers, indented, paragraph, put, simple_table, text, verdict
from kg.exports.tables_changes import changes_in_short

if TYPE_CHECKING:
    from rich.text import Text

    from kg.release import Release

__all__ = ["comparison", "working"]

#: What each group of changes is called, worst first.
_HEADINGS = (
    ("Less well met", "bold red"),
    ("New, and open", "bold red"),
    ("Better met", "bold green"),
    ("New in the text", "bold"),
    ("Gone from the text", "bold"),
    ("Whether they apply", "bold"),
    ("Put off or brought forward", "bold"),
    ("Other reasons, or another chain", "bold"),
)


def working(said: str) -> AbstractContextManager[Any]:
    """Says on a terminal that something is under way, and nothing anywhere else."""
    return Console(stderr=True).status(clean(said, "")) if sys.stderr.isatty() else nullcontext()


def comparison(console: Console, value: Comparison, release: Release, limit: int) -> None:
    """The numbers, the changes and the standing cautions.  ``limit`` requirements of each group are listed; 0: all."""
    _numbers(console, value, release)
    paragraph(console, changes_in_short(value) + "\n", "bold")
    groups: dict[int, list[Change]] = {}
    for change in value.changes:
        groups.setdefault(_group(change), []).append(change)
    for number, changes in sorted(groups.items()):
        title, style = _HEADINGS[number]
        console.print(text(f"{title}: {len(changes)}", style))
        _alike(console, changes, limit)
    disclaimers(console, value.disclaimers, method=value.after.method)


def _numbers(console: Console, value: Comparison, release: Release) -> None:
    rows: list[tuple[object, ...]] = []
    for framework in value.frameworks:
        sides = [(name, side.of(framework)) for name, side in (("before", value.before), ("after", value.after))]
        for name, f in sides:
            if f is None:
                continue
            n, share = f.counts, f.counts.percent_covered
            known = release.frameworks.get(framework)
            title = (known.short_title if known else f.title) if name == "before" or sides[0][1] is None else ""
            percent = "n/a" if share is None else f"{share:.1f}"
            later = f"{n.not_yet_applicable} ({n.not_yet_applicable_covered})" if n.not_yet_applicable else "0"
            rows.append(
                (title, name, f"{n.covered} of {n.applicable}", percent, n.partial, n.lead, n.gap, n.not_applicable,
                 later)
            )  # fmt: skip
    columns = [("Framework", "."), ("", "."), ("Covered", ">"), ("%", ">"), ("Partial", ">"), ("Lead", ">")]
    columns += [("Gap", ">"), ("N/A", ">"), ("Not yet", ">")]
    put(console, simple_table(columns, rows))


def _group(c: Change) -> int:
    if c.regression:
        return 0
    if c.new_open:
        return 1
    if c.direction in (Direction.BETTER, Direction.WORSE):
        return 2 if c.direction is Direction.BETTER else 0
    kinds = (ChangeKind.ENTERED, ChangeKind.LEFT, ChangeKind.APPLICABILITY, ChangeKind.DATE)
    return 3 + kinds.index(c.kind) if c.kind in kinds else 7


def _alike(console: Console, changes: Sequence[Change], limit: int) -> None:
    """Changes from the same to the same for the same cause stand together."""
    alike: dict[tuple[str, str, str], list[Change]] = {}
    for c in changes:
        alike.setdefault((_state(c, c.before), _state(c, c.after), _because(c)), []).append(c)
    left = limit or len(changes)
    for (old, new, because), members in alike.items():
        if left <= 0:
            break
        console.print(indented(_headline(old, new, because), 2))
        if members[0].kind in (ChangeKind.DATE, ChangeKind.LEFT) or len(members) > 12:
            refs = [f"{c.ref}" for c in members]
            many = f"{len(members)} of them: " if len(members) > 1 else ""
            few = ", ".join(refs[:12]) + (f" … and {len(refs) - 12} more" if len(refs) > 12 and limit else "")
            paragraph(console, many + (few if limit else ", ".join(refs)), indent=6)
            left -= len(members) if not limit else 1
            continue
        for c in members[: max(left, 1)]:
            for line, style in _lines(c):
                said = line.lstrip()
                paragraph(console, said, style, indent=6 + len(line) - len(said))
            left -= 1
    if limit and len(changes) > limit:
        paragraph(console, "… (--limit 0 lists all; --format json, csv, md or xlsx has every chain)", "dim", indent=2)
    console.print()


def _state(c: Change, r: RequirementResult | None) -> str:
    """How a side stands, as far as this kind of change goes."""
    if r is None:
        return "not in the text"
    if r.applicable:
        return r.verdict.name
    since = f" from {r.decision.applies_from}" if r.decision.applies_from else ""
    state = "not yet" + since if since else r.decision.applicability.value.lower().replace("_", " ")
    return f"{state}, {r.verdict.name}" if c.direction in (Direction.BETTER, Direction.WORSE) else state


def _because(c: Change) -> str:
    """The causes in words; what is only assumed is told by the chain, so that alike changes stand together."""
    every = [id_ for x in c.causes for id_ in x.controls]
    kinds = {kind for x in c.causes for kind in x.kinds}
    if every and all(id_.startswith(HYPOTHETICAL) for id_ in every) and kinds == {"control"}:
        return "what is assumed to be done"
    return " or ".join(x.text for x in c.causes)


def _headline(old: str, new: str, because: str) -> Text:
    line = verdict(old) if old.isupper() else text(old, "bold")
    line.append(" → ", "not bold default")
    line.append_text(verdict(new) if new.isupper() else text(new, "bold"))
    if because:
        line.append(clean(f"  because of {because}", ""), "not bold default")
    return line


def _lines(c: Change) -> Iterator[tuple[str, str]]:
    yield f"{c.requirement}  {c.ref} {c.title}", ""
    old, new = (_path(r.explanation) if r else "" for r in (c.before, c.after))
    if new and new != old:
        yield f"  now: {new}", "dim"
    elif c.direction is Direction.WORSE and old:
        yield f"  was: {old}", "dim"


def _path(e: Explanation | None) -> str:
    """A chain as one path, from the control to the requirement."""
    if e is None:
        return ""
    first = e.steps[0].subject if e.steps else e.control
    walked = "".join(f" {s.relation} {s.object}" for s in e.steps)
    joined = " + ".join(f"{control} for {member}" for member, control in e.members)
    return f"{first}{walked}" + (f" ({joined})" if joined else "")
