"""Published mappings, and our own exports that were edited, as mapping sets.

    read_mappings(path)                       a file of any known kind → Incoming: rows as the file says them
    plan(incoming, release, declared)         → Planned: a mapping set of its own, checked by the loader's rules
    write_folder(planned, dir)                the data folder for ``--data``

    compare(incoming, release)                → Edits: what an edited export of ours adds, changes and removes
    patched(edits, release)                   → the files of the sets with the edits in them
    own_set(edits, release, declared)         → Planned: the edits as assertions of a set of one's own

One module a format: :mod:`.sssom`, :mod:`.sheets` (OLIR, STRM, crosswalks, any workbook), :mod:`.structured` (OSCAL,
CISO Assistant).  :mod:`.words` holds what each source's relation words mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kg.errors import InputError
from kg.importers.mappings.edits import Edits, FieldEdit, RowEdit, compare, is_export, own_set, patched
from kg.importers.mappings.plan import Declared, Planned, by_relation, plan, write_folder
from kg.importers.mappings.rows import Incoming, Kind, Row
from kg.importers.mappings.sheets import CROSSWALK, OLIR, STRM, read_crosswalk, read_focal, read_workbook
from kg.importers.mappings.sssom import read_sssom_json, read_sssom_sheet, read_sssom_table, sssom_sheet
from kg.importers.mappings.structured import read_ciso, read_crosswalk_json, read_oscal
from kg.importers.mappings.tables import WORKBOOKS, read_grids, read_layout
from kg.importers.mappings.words import plain
from kg.organizations.controls import decoded_text, file_bytes
from kg.organizations.formats import structured

__all__ = [
    "Declared", "Edits", "FieldEdit", "Incoming", "Kind", "Planned", "Row", "RowEdit", "by_relation", "compare",
    "is_export", "own_set", "patched", "plan", "read_mappings", "write_folder",
]  # fmt: skip

_STRUCTURED = (".json", ".yaml", ".yml")


def read_mappings(
    path: Path,
    content: bytes | None = None,
    *,
    kind: Kind | None = None,
    sheet: str = "",
    columns: Mapping[str, str] | None = None,
    metadata: Path | None = None,
) -> Incoming:
    """What a file of mappings says; its kind is seen by what is in it, or said.

    With ``content`` nothing is opened: ``path`` is only the name it came under.  ``columns`` (field → heading) and
    ``sheet`` are for workbooks, ``metadata`` for SSSOM with its metadata in a file of their own.  Raises
    :class:`~kg.errors.InputError` with every finding.
    """
    suffix = path.suffix.lower()
    if suffix in _STRUCTURED:
        return _structured(path, content, kind)
    if columns and kind is None:
        kind = Kind.WORKBOOK
    if suffix in (".tsv", ".csv", ".txt") and kind in (None, Kind.SSSOM):
        text = decoded_text(str(path), file_bytes(path, content))
        first = next((x for x in text.splitlines() if x.strip() and not x.startswith(("#", '"#'))), "")
        cells = {cell.strip().strip('"') for cell in re.split("[\t,;]", first)}
        if kind is Kind.SSSOM or {"subject_id", "object_id"} <= cells:
            return read_sssom_table(path, content, metadata=metadata)
    if kind in (Kind.OSCAL, Kind.CISO) or (kind is Kind.SSSOM and suffix not in WORKBOOKS):
        endings = ", ".join(_STRUCTURED if kind is not Kind.SSSOM else (".tsv", ".csv", ".json"))
        raise InputError.one(str(path), "UNREADABLE", f"{kind.value} is not read from {suffix!r} files", endings)
    grids = read_grids(path, content)
    if kind in (None, Kind.SSSOM):
        for grid in grids:
            start = sssom_sheet(grid) if sheet in ("", grid.sheet) else None
            if start is not None:
                return read_sssom_sheet(grid, start)
    if kind is Kind.SSSOM:
        raise InputError.one(str(path), "MISSING_COLUMN", "no sheet has the columns subject_id and object_id")
    if kind is Kind.WORKBOOK:
        return read_workbook(grids, columns or {}, sheet=sheet)
    if kind is Kind.CROSSWALK:
        return read_crosswalk(grids, sheet=sheet)
    if kind in (Kind.OLIR, Kind.STRM):
        return read_focal(grids, sheet=sheet)
    placed = read_layout(grids, (CROSSWALK, OLIR, STRM), sheet=sheet)
    if placed.layout.kind is Kind.CROSSWALK:
        return read_crosswalk(grids, sheet=sheet)
    return read_focal(grids, sheet=sheet)


def _structured(path: Path, content: bytes | None, kind: Kind | None) -> Incoming:
    found = structured(path, content)
    keys = {plain(str(key)) for key in found} if isinstance(found, Mapping) else set()
    if kind is Kind.OSCAL or (kind is None and "mapping collection" in keys):
        return read_oscal(path, found)
    if kind is Kind.CISO or (kind is None and "objects" in keys):
        return read_ciso(path, found)
    if kind is Kind.SSSOM or (kind is None and "mappings" in keys):
        return read_sssom_json(path, content)
    if kind is Kind.CROSSWALK or (kind is None and {"rows", "release"} <= keys):
        return read_crosswalk_json(path, found)
    shown = ", ".join(sorted(keys))[:120] or type(found).__name__
    hint = "an OSCAL mapping collection (.oscal.json), a CISO Assistant library with mappings, SSSOM in JSON "
    hint += "(.sssom.json), or a crosswalk or set that `kg` wrote as JSON"
    raise InputError.one(str(path), "UNREADABLE", f"this is no kind of mappings that is known; found: {shown}", hint)
