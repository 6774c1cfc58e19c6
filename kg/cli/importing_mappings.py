"""``kg import mappings``: published mappings as a set of their own, and what an edited export changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.output import clean, emit, note, rendered
from kg.cli.session import folders, load_release, parse_as_of
from kg.errors import Finding, UsageError, nearest
from kg.model import Authority, Method

if TYPE_CHECKING:
    from rich.console import Console

    from kg.importers.mappings import Declared, Edits, Incoming, Planned
    from kg.release import Release

__all__ = ["Asked", "FileKind", "import_mappings"]

_PANEL, _SHOWN, _SAID = "For mappings", 20, 12


class FileKind(StrEnum):
    """What a file of mappings is: :class:`kg.importers.mappings.Kind`, which is not loaded for every command."""

    SSSOM = "sssom"
    CROSSWALK = "crosswalk"
    OLIR = "olir"
    STRM = "strm"
    OSCAL = "oscal"
    CISO = "ciso"
    WORKBOOK = "workbook"


def _option(*names: str, metavar: str | None = None, help: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(
        *names, metavar=metavar, help=help, rich_help_panel=_PANEL, show_default=False
    )
    return found


KindOption = Annotated[
    FileKind | None,
    _option("--kind", help="What the file is. Default: seen by what is in it. Any other table: workbook."),
]
SetOption = Annotated[
    str,
    _option("--set", metavar="ID", help="The id of the set; for an edited export: make the edits a set of your own."),
]
TitleOption = Annotated[str, _option("--title", metavar="TEXT", help="The title of the set, if the file names none.")]
AuthorityOption = Annotated[
    Authority | None, _option("--authority", help="Who stands behind the set: it is declared, never guessed.")
]
PublisherOption = Annotated[
    str, _option("--publisher", metavar="TEXT", help="Who published the mappings, if the file does not say.")
]
UrlOption = Annotated[str, _option("--url", metavar="URL", help="Where they were published, if the file does not say.")]
FromOption = Annotated[
    str, _option("--from", metavar="ID", help="The framework or catalogue of the first ids (focal element, source).")
]
ToOption = Annotated[
    str, _option("--to", metavar="ID", help="The framework or catalogue of the second ids (reference element, target).")
]
TextsOption = Annotated[
    list[str] | None,
    _option("--text-version", metavar="ID=DATE", help="On which text of a framework it was judged. Repeatable."),
]
WordsOption = Annotated[
    list[str] | None,
    _option("--relation", metavar="WORD=RELATION", help="What a relation word of the file means. Repeatable."),
]
MethodOption = Annotated[
    Method | None, _option("--method", help="How the rows were made, where the file does not say. Default: human.")
]
SkipOption = Annotated[
    bool, _option("--skip-unknown", help="Leave out rows with an unknown id or relation, told as warnings.")
]
SheetOption = Annotated[
    str, _option("--sheet", metavar="NAME", help="The sheet to read. Default: the first that fits.")
]
ColumnsOption = Annotated[
    list[str] | None,
    _option(
        "--column",
        metavar="FIELD=HEADING",
        help="Of any workbook, which column holds what: subject, object, relation, rationale, strength, kind, note. "
        "Repeatable; subject is found in workbooks of the SCF and the AICM.",
    ),
]
MetadataOption = Annotated[
    Path | None, _option("--metadata", metavar="FILE", help="SSSOM metadata that stand in a YAML file of their own.")
]
CorrectionOption = Annotated[
    bool,
    _option("--correction", help="The edits mend our copy of what another body says: its set may change."),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one call."""

    file: Path
    output: Path | None
    dry_run: bool
    remove_missing: bool
    day: str | None
    kind: FileKind | None
    set_id: str
    title: str
    authority: Authority | None
    licence: str
    publisher: str
    url: str
    subjects: str
    objects: str
    texts: list[str] | None
    words: list[str] | None
    method: Method | None
    skip_unknown: bool
    sheet: str
    columns: list[str] | None
    metadata: Path | None
    correction: bool

    def declared(self) -> Declared:
        """What is declared of the file."""
        from kg.importers.mappings import Declared

        return Declared(
            set_id=self.set_id,
            title=self.title,
            authority=self.authority,
            licence=self.licence,
            publisher=self.publisher,
            url=self.url,
            method=self.method,
            subjects=self.subjects,
            objects=self.objects,
            texts=_pairs("--text-version", self.texts, "eu-ai-act=2026-07-27"),
            words=_pairs("--relation", self.words, "'partial gap=related'"),
            skip_unknown=self.skip_unknown,
        )


_FIELDS = ("subject", "object", "relation", "rationale", "strength", "kind", "note")


def _pairs(option: str, given: Sequence[str] | None, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.rpartition("=") if option == "--relation" else text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{option}: {text!r} is no pair", f"write {option} {example}")
        if name.strip() in found:
            raise UsageError(f"{option} says {name.strip()!r} twice", "say it once")
        found[name.strip()] = value.strip()
    return found


def import_mappings(ctx: typer.Context, asked: Asked, data: list[Path] | None) -> None:
    """Read, check, show; and write where ``-o`` says so and it is no dry run."""
    from kg.importers.mappings import Kind, is_export, read_mappings

    columns = _pairs("--column", asked.columns, "'object=EU AI Act'")
    for name in columns:
        if name not in _FIELDS:
            near = nearest(name, _FIELDS)
            hint = f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(_FIELDS)}"
            raise UsageError(f"--column: there is no field {name!r}", hint)
    day = parse_as_of(asked.day, "--date") or date.today()
    kind = Kind(asked.kind.value) if asked.kind else None
    incoming = read_mappings(asked.file, kind=kind, sheet=asked.sheet, columns=columns or None, metadata=asked.metadata)
    out = asked.output
    before = [f for f in folders(ctx, data) if out is None or f.resolve() != out.resolve()]
    release = load_release(ctx, data) if out is None else _release(before)
    if is_export(incoming, release):
        _edits(asked, incoming, release, day)
        return
    if asked.remove_missing or asked.correction:
        raise UsageError("--remove-missing and --correction are for edited exports", "leave them out")
    from kg.importers.mappings import plan

    _planned(asked, plan(incoming, release, asked.declared()), incoming.kind.value, release)


def _release(before: Sequence[Path]) -> Release:
    from kg.release import Release

    return Release.load(*before)


def _planned(asked: Asked, planned: Planned, kind: str, release: Release) -> None:
    from kg.importers.mappings import by_relation, write_folder

    if asked.output is None and not asked.dry_run:
        raise UsageError("say where the data folder is to be written", "-o DIR, or --dry-run to look first")
    if asked.output is not None and asked.output.suffix in (".tsv", ".diff", ".patch", ".xlsx", ".csv"):
        raise UsageError("a set of its own is written as a data folder", f"-o {asked.set_id}")
    _warn(planned.findings)
    made = planned.mapping_set
    counts = ", ".join(f"{relation} {count:,}" for relation, count in by_relation(planned.rows).items())
    left = [(planned.repeated, "said twice"), (planned.skipped, "left out as unknown")]

    def draw(console: Console) -> None:
        from kg.cli import render

        render.paragraph(console, f"{made.title} ({kind}): {len(planned.rows):,} mappings.", "bold")
        render.paragraph(console, f"Set {made.id}, authority {made.authority}, licence {made.licence}.")
        render.paragraph(console, f"Relations: {counts}.")
        for count, what in left:
            if count:
                render.paragraph(console, f"Rows {what}: {count:,}.")
        _read_as(console, planned, release)

    rendered(draw, None)
    if asked.dry_run or asked.output is None:
        print("Nothing was written.")
        return
    print(clean(f"wrote {write_folder(planned, asked.output)}"))
    print(clean(f"Use it with: kg --data {asked.output} stats"))


def _read_as(console: Console, planned: Planned, release: Release) -> None:
    from kg.cli import render
    from kg.relations import sentence

    console.print()
    render.paragraph(console, "Read as", "bold")
    for m in planned.rows[:_SAID]:
        named = [f"{id_} ({release.title(id_)})" for id_ in (m.subject, m.object)]
        render.paragraph(console, sentence(named[0], m.mask, named[1]), indent=2)
    if len(planned.rows) > _SAID:
        render.paragraph(console, f"… and {len(planned.rows) - _SAID:,} more")


def _warn(findings: Sequence[Finding]) -> None:
    """Warnings on standard error, those of the file first; of many the first and how many more."""
    ordered = sorted(findings, key=lambda f: (f.code == "CONTRADICTION_BETWEEN_SETS", f.line))
    for finding in ordered[:_SAID]:
        note(str(finding))
    if len(ordered) > _SAID:
        note(f"kg: and {len(ordered) - _SAID:,} more warnings")


# ------------------------------------------------------------------ an edited export


def _edits(asked: Asked, incoming: Incoming, release: Release, day: date) -> None:
    from kg.importers.mappings import compare, own_set, patched, write_folder

    declared = asked.declared()
    edits = compare(incoming, release, day=day, remove_missing=asked.remove_missing, words=declared.words)
    _warn(edits.findings)
    rendered(lambda console: _draw(console, edits, release), None)
    out = asked.output
    if asked.dry_run or out is None:
        print("Nothing was written.")
        return
    if not edits.all:
        raise UsageError("the file changes nothing, so there is nothing to write", "edit a row first")
    if asked.set_id:
        if out.suffix in (".tsv", ".diff", ".patch"):
            raise UsageError("a set of your own is written as a data folder", f"-o {asked.set_id}")
        print(clean(f"wrote {write_folder(own_set(edits, release, declared), out)}"))
        print(clean(f"Use it with: kg --data {out} stats"))
        return
    files = patched(edits, release, corrections=asked.correction)
    if out.suffix in (".diff", ".patch"):
        emit(_unified(files, release).encode(), out)
    elif out.suffix == ".tsv":
        if len(files) > 1:
            names = ", ".join(path.name for path in files)
            raise UsageError(f"several sets change: {names}", "name a folder, or a patch: -o edits.diff")
        emit(next(iter(files.values()))[1].encode(), out)
    else:
        for path, (_, after) in files.items():
            target = out / "mappings" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            emit(after.encode(), target)


def _unified(files: dict[Path, tuple[str, str]], release: Release) -> str:
    """One patch of all files, which ``patch -p1`` or ``git apply`` takes in the folder that holds ``mappings/``."""
    from difflib import unified_diff

    lines: list[str] = []
    for path, (before, after) in sorted(files.items()):
        parts = path.parts
        name = "/".join(parts[len(parts) - 1 - parts[::-1].index("mappings") :])
        pair = (before.splitlines(keepends=True), after.splitlines(keepends=True))
        lines += unified_diff(*pair, f"a/{name}", f"b/{name}")
    return "".join(lines)


def _draw(console: Console, edits: Edits, release: Release) -> None:
    from kg.cli import render

    counts = (
        (len(edits.added), "added"), (len(edits.changed), "changed"), (len(edits.removed), "removed"),
        (edits.unchanged, "unchanged"), (len(edits.missing), "kept that the file does not name"),
    )  # fmt: skip
    said = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "no rows"
    render.paragraph(console, f"{Path(edits.incoming.path).name} against release {release.digest}: {said}.", "bold")
    if edits.changed:
        console.print()
        columns = [("Changed", "."), ("Field", "."), ("Before", "<"), ("After", "<")]
        rows = []
        for edit in edits.changed[:_SHOWN]:
            m = edit.before
            assert m is not None
            names = [f"{m.subject}", f"→ {m.object}", f"in {m.set_id}"]
            fields = [(f.field, f.before, f.after + (" (follows)" if f.follows else "")) for f in edit.fields]
            for index in range(max(len(names), len(fields))):
                name = names[index] if index < len(names) else ""
                rows.append((name, *(fields[index] if index < len(fields) else ("", "", ""))))
        render.put(console, render.simple_table(columns, [tuple(map(_cut, row)) for row in rows]))
        _more(console, len(edits.changed))
    for heading, found in (("Added", edits.added), ("Removed", edits.removed)):
        if found:
            console.print()
            columns = [(heading, "."), ("Relation", "."), ("To", "."), ("Set", "<")]
            lines = [(e.row.subject, e.row.relation, e.row.object, e.row.set_id) for e in found[:_SHOWN]]
            render.put(console, render.simple_table(columns, lines))
            _more(console, len(found))
    if edits.missing:
        console.print()
        shown = ", ".join(f"{m.subject} → {m.object} in {m.set_id}" for m in edits.missing[:_SAID])
        more = f" and {len(edits.missing) - _SAID:,} more" if len(edits.missing) > _SAID else ""
        render.paragraph(console, f"Not in the file, and kept unless --remove-missing is said: {shown}{more}.")
    foreign = [s for s in edits.sets if release.sets[s].authority.level >= Authority.PUBLISHED.level]
    if foreign:
        console.print()
        said = ", ".join(f"{s} ({release.sets[s].authority})" for s in foreign)
        render.paragraph(
            console,
            f"Another body stands behind {said}: write the edits as a set of your own (--set), or as a correction of "
            "our copy (--correction).",
        )


def _more(console: Console, count: int) -> None:
    from kg.cli import render

    if count > _SHOWN:
        render.paragraph(console, f"… and {count - _SHOWN} more")


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "…"
