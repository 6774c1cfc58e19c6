"""What an import would do, before it is done: the difference between the controls an organisation keeps and a file.

    plan_import(current, sheet)   two lists of controls → ImportPlan: added, changed field by field, unchanged, removed
    plan.result                   the controls as they would stand afterwards

A dry run is a plan that is shown and thrown away.  Controls are told apart by their id alone.  A file changes only
what it has a column for: a workbook without *owner* leaves every owner as it is, while an empty owner cell empties it.
What no file can say (of an evidence record its kind, title, link and note) always stays.  Planning the result of a
plan against the same file changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kg.errors import Finding, InputError, UsageError
from kg.model import Control, ControlRow, EvidenceRecord
from kg.organizations.controls import REQUIRED, Sheet
from kg.relations import word
from kg.terms import natural_key

__all__ = ["Change", "FieldChange", "ImportPlan", "plan_import", "with_rows"]

#: A column of a file → the field of a control that it fills.
FIELDS: dict[str, str] = {
    "title": "title",
    "description": "description",
    "status": "status",
    "owner": "owner",
    "evidence_date": "evidence_date",
    "evidence": "evidence",
    "evidence_valid_until": "evidence",
    "evidence_max_age_days": "max_evidence_age_days",
    "mappings": "rows",
    "systems": "systems",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a control before and after, as texts; ``field`` is the column's name, an empty text is nothing."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """A control that a file changes, and in which fields."""

    before: Control
    after: Control
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do; every list is in natural order of the ids, so the order of a file changes nothing.

    ``missing`` are the controls that the organisation keeps and the file does not name: they stay, unless the plan
    was made with ``remove_missing``, and are then ``removed`` instead.  ``findings`` are warnings about the plan or
    the file; errors never make a plan.
    """

    added: tuple[Control, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: tuple[Control, ...] = ()
    missing: tuple[Control, ...] = ()
    removed: tuple[Control, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether carrying the plan out would change nothing."""
        return not (self.added or self.changed or self.removed)

    @property
    def result(self) -> tuple[Control, ...]:
        """The controls as they stand once the plan is carried out."""
        stay = (*self.added, *(c.after for c in self.changed), *self.unchanged, *self.missing)
        return tuple(sorted(stay, key=_key))


def plan_import(
    current: Sequence[Control],
    incoming: Sheet,
    *,
    remove_missing: bool = False,
    evidence: Sequence[EvidenceRecord] = (),
) -> ImportPlan:
    """What it takes to bring ``current`` to what ``incoming`` says.

    ``current`` are the controls the organisation keeps, each id once, ``evidence`` records that it keeps besides those
    of these controls.  With ``remove_missing`` the file is the whole list, and a control it does not name is removed;
    without, it stays.  An evidence record belongs to the organisation: a file that says another day of one changes
    every control that the record serves, named by the file or not.  Raises :class:`~kg.errors.InputError` with
    every finding if a control of the file can only be a slip for one that is kept (its id differs in case or blanks),
    and :class:`~kg.errors.UsageError` if a file that is not about whole controls is to remove the missing.
    """
    if remove_missing and not set(REQUIRED) <= set(incoming.columns):
        hint = f"only a file with the columns {', '.join(REQUIRED)} can be the whole list"
        raise UsageError("a file of mappings removes no controls", hint)
    kept = {control.id: control for control in current}
    named = {control.id for control in incoming.controls}
    records = {record.id: record for record in evidence}
    records |= {record.id: record for control in current for record in control.evidence}
    slips = _slips(kept, incoming)
    if slips:
        raise InputError(slips)
    added: list[Control] = []
    changed: list[Change] = []
    unchanged: list[Control] = []
    for control in incoming.controls:
        before = kept.get(control.id)
        if before is None:
            known = tuple(_record(records.get(r.id, r), r) for r in control.evidence)
            added.append(replace(control, evidence=known))
            continue
        after = _merged(before, control, incoming.columns, records)
        fields = _differences(before, after)
        if fields:
            changed.append(Change(before, after, fields))
        else:
            unchanged.append(before)
    missing = sorted((c for c in kept.values() if c.id not in named), key=_key)
    if not remove_missing:
        said = {r.id: r for c in (*added, *(each.after for each in changed)) for r in c.evidence}
        drawn = [each for control in missing if (each := _drawn_along(control, said))]
        changed += drawn
        missing = [control for control in missing if control.id not in {each.before.id for each in drawn}]
    return ImportPlan(
        added=tuple(sorted(added, key=_key)),
        changed=tuple(sorted(changed, key=lambda c: _key(c.before))),
        unchanged=tuple(sorted(unchanged, key=_key)),
        missing=() if remove_missing else tuple(missing),
        removed=tuple(missing) if remove_missing else (),
        findings=incoming.findings,
    )


def with_rows(current: Sequence[Control], rows: Mapping[str, Sequence[ControlRow]]) -> Sheet:
    """The controls that ``rows`` names, with these mappings added to those they have, as a sheet to plan with.

    A row to a target that the control has already replaces it.  Raises :class:`KeyError` for an unknown control; the
    readers of mapping files have reported it before.
    """
    kept = {control.id: control for control in current}
    found = []
    for id_ in sorted(rows, key=natural_key):
        control = kept[id_]
        targets = {row.target: row for row in control.rows} | {row.target: row for row in rows[id_]}
        found.append(replace(control, rows=tuple(targets.values())))
    return Sheet(tuple(found), columns=("id", "mappings"))


def _key(control: Control) -> tuple[object, ...]:
    return (*natural_key(control.id), control.id)


def _merged(before: Control, after: Control, columns: Sequence[str], records: Mapping[str, EvidenceRecord]) -> Control:
    """``before`` with the fields that the file has a column for; ``records`` are those kept already, by id."""
    said = {name: getattr(after, name) for column, name in FIELDS.items() if column in columns}
    if "evidence" in said:
        said["evidence"] = tuple(_record(records.get(r.id, r), r) for r in after.evidence)
    return replace(before, **said)


def _record(kept: EvidenceRecord, said: EvidenceRecord) -> EvidenceRecord:
    """A record as it is kept, with the days that the file says; one that is only named stays as it is."""
    return replace(kept, day=said.day or kept.day, valid_until=said.valid_until or kept.valid_until)


def _drawn_along(control: Control, records: Mapping[str, EvidenceRecord]) -> Change | None:
    """The change of a control that the file does not name, if it is served by a record of which the file says more."""
    after = replace(control, evidence=tuple(records.get(r.id, r) for r in control.evidence))
    fields = _differences(control, after)
    return Change(control, after, fields) if fields else None


def _differences(before: Control, after: Control) -> tuple[FieldChange, ...]:
    found = []
    for column, name in FIELDS.items():
        if column == "evidence_valid_until":
            continue  # stands with the records
        one, other = _shown(before, name), _shown(after, name)
        if one != other:
            found.append(FieldChange(column, one, other))
    return tuple(found)


def _shown(control: Control, name: str) -> str:
    """A field as the text that a person would write into a cell; order of mappings and systems does not matter."""
    value = getattr(control, name)
    if name == "rows":
        return "; ".join(sorted(f"{row.target} {word(row.mask)}" for row in value))
    if name == "evidence":
        return "; ".join(_shown_record(record) for record in sorted(value, key=lambda r: natural_key(r.id)))
    if name == "systems":
        return "; ".join(sorted(value))
    return "" if value is None else str(value)


def _shown_record(record: EvidenceRecord) -> str:
    day = f" of {record.day}" if record.day else ""
    return f"{record.id}{day}{f' until {record.valid_until}' if record.valid_until else ''}"


def _slips(kept: Mapping[str, Control], incoming: Sheet) -> list[Finding]:
    """Ids of the file that are new only in case or blanks: importing them would make a second copy of a control."""
    plain = {_plain(id_): id_ for id_ in kept}
    found = []
    for control in incoming.controls:
        near = plain.get(_plain(control.id), "")
        if near and control.id not in kept:
            message = f"{control.id!r} is not kept, but {near!r} is: a second copy of it would be made"
            path, line, cell = incoming.places.get(control.id, ("", 0, "id"))
            found.append(Finding(path, line, "NEAR_ID", message, f"write {near}, or give it an id of its own", cell))
    return found


def _plain(id_: str) -> str:
    return "".join(id_.split()).casefold()
