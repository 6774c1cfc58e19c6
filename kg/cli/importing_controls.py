"""``kg import controls``: what a file would change in the controls that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kg.cli.output import emit, note, rendered, wanted_format
from kg.cli.session import framework_id, load_release, read_sheet
from kg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from kg.model import Control
    from kg.organizations.imports import ImportPlan
    from kg.organizations.updates import Update
    from kg.release import Release

__all__ = ["draw_update", "import_controls"]

_SHOWN = 20


def import_controls(
    ctx: typer.Context,
    file: Path,
    output: Path | None,
    against: Path | None,
    data: list[Path] | None,
    *,
    dry_run: bool,
    remove_missing: bool,
    framework: str | None,
) -> None:
    """Read, compare, show; and write the result where ``-o`` says so and it is no dry run."""
    if output is not None and wanted_format(None, output) not in ("csv", "table"):
        raise UsageError(f"controls are not written as {output.suffix}", "name a CSV file: -o controls.csv")
    release = load_release(ctx, data)
    from kg.organizations.formats import Format, read_any
    from kg.organizations.imports import plan_import

    current = read_sheet(release, against).controls if against else ()
    home = framework_id(release, framework) if framework else None
    incoming = read_any(file, release, current=current, framework=home)
    plan = plan_import(current, incoming.sheet, remove_missing=remove_missing)
    for finding in plan.findings:
        note(str(finding))

    def draw(console: Console) -> None:
        _draw(console, plan, f"{file.name} ({incoming.format.value})", len(current))
        _read_as(console, incoming.sheet.preview if incoming.format is not Format.TABLE else _new_rows(plan, release))

    rendered(draw, None)
    if output is not None and not dry_run:
        from kg.organizations.writing import controls_csv

        emit(controls_csv(plan.result).encode(), output)
    else:
        print("Nothing was written.")


def draw_update(console: Console, update: Update, name: str, release: Release) -> None:
    """What a file would change in an organisation that is kept."""
    from kg.organizations.formats import Format

    proposes = f"kg org suggest {update.organization_id}"
    _draw(console, update.plan, f"{name} ({update.format.value})", update.kept, "archived", proposes)
    table = update.format is Format.TABLE
    _read_as(console, _new_rows(update.plan, release) if table else update.sheet.preview)


def _draw(
    console: Console, plan: ImportPlan, name: str, kept: int, removed: str = "removed", proposes: str = "kg suggest"
) -> None:
    from kg.cli import render
    from kg.model import ControlStatus

    counts = (
        (len(plan.added), "added"), (len(plan.changed), "changed"), (len(plan.removed), removed),
        (len(plan.unchanged), "unchanged"), (len(plan.missing), "kept that the file does not name"),
    )  # fmt: skip
    said = ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing"
    render.paragraph(console, f"{name} against {kept} controls: {said}.", "bold")
    _list(console, "Added", plan.added)
    if plan.changed:
        console.print()
        rows = [
            (c.before.id if i == 0 else "", f.field, _cut(f.before), _cut(f.after))
            for c in plan.changed[:_SHOWN]
            for i, f in enumerate(c.fields)
        ]
        columns = [("Changed", "."), ("Field", "."), ("Before", "<"), ("After", "<")]
        render.put(console, render.simple_table(columns, rows))
        _more(console, len(plan.changed))
    _list(console, removed.capitalize(), plan.removed)
    bare = sum(1 for c in plan.added if not c.rows and c.status is not ControlStatus.NOT_APPLICABLE)
    if bare:
        one = bare == 1
        said = f"{'has' if one else 'have'} no mapping and {'covers' if one else 'cover'} nothing yet"
        render.paragraph(console, f"{bare} of the added controls {said}: `{proposes}` proposes.")


def _new_rows(plan: ImportPlan, release: Release) -> tuple[str, ...]:
    """The rows of controls that are added, or whose mappings change, as sentences."""
    from kg.organizations import sentences_of

    remapped = (c.after for c in plan.changed if any(f.field == "mappings" for f in c.fields))
    return tuple(said for control in (*plan.added, *remapped) for said in sentences_of(control, release))


def _read_as(console: Console, preview: Sequence[str]) -> None:
    """What the relations of a file were read as, to be looked through before they are believed."""
    from kg.cli import render

    if preview:
        console.print()
        render.paragraph(console, "Read as", "bold")
        for sentence in preview[:_SHOWN]:
            render.paragraph(console, sentence, indent=2)
        _more(console, len(preview))


def _list(console: Console, heading: str, controls: tuple[Control, ...]) -> None:
    from kg.cli import render

    if not controls:
        return
    console.print()
    rows = [(c.id, c.status.value, c.title, len(c.rows)) for c in controls[:_SHOWN]]
    columns = [(heading, "."), ("Status", "."), ("Title", "<"), ("Mappings", ">")]
    render.put(console, render.simple_table(columns, rows))
    _more(console, len(controls))


def _more(console: Console, count: int) -> None:
    from kg.cli import render

    if count > _SHOWN:
        render.paragraph(console, f"… and {count - _SHOWN} more")


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "…"
