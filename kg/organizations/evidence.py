"""Evidence that comes as records of its own, checked beside the controls it serves.

with_evidence(sheet, records)   → the sheet with each control's records
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from kg.errors import Finding, InputError, KgError
from kg.model import EvidenceRecord
from kg.organizations.controls import Sheet, plausible_day

__all__ = ["with_evidence"]


def with_evidence(sheet: Sheet, records: Sequence[Sequence[EvidenceRecord]], *, path: str = "controls") -> Sheet:
    """``sheet`` with the records of each control, in the order of the sheet; where a control is given none it keeps
    those it has.

    Findings name the control by its place, from 1.  Raises :class:`~kg.errors.InputError` with every finding: a record
    without an id, twice in one control, with days that cannot be, or described differently in two controls.
    """
    findings: list[Finding] = []
    known: dict[str, tuple[int, EvidenceRecord]] = {}
    controls = []
    for line, (control, given) in enumerate(zip(sheet.controls, records, strict=True), 1):
        seen: set[str] = set()
        for record in given:
            before = known.setdefault(record.id, (line, record))
            for code, message, hint in _wrong(record, seen, before):
                findings.append(Finding(path, line, code, message, hint, "evidence"))
            seen.add(record.id)
        controls.append(replace(control, evidence=tuple(given)) if given else control)
    if findings:
        raise InputError(findings)
    return replace(sheet, controls=tuple(controls))


def _wrong(record: EvidenceRecord, seen: set[str], before: tuple[int, EvidenceRecord]) -> list[tuple[str, str, str]]:
    if not record.id:
        return [("MISSING_VALUE", "a record of evidence has no id", "the same id in several controls is one record")]
    if record.id in seen:
        return [("BAD_VALUE", f"the record {record.id!r} is named twice", "once is enough")]
    found = []
    for day in (record.day, record.valid_until):
        try:
            plausible_day(day or date(2000, 1, 1))
        except KgError as error:
            found.append((error.code, error.message, error.hint))
    if record.day and record.valid_until and record.valid_until < record.day:
        message = f"the record {record.id!r} is of {record.day} and would be valid until {record.valid_until}"
        found.append(("BAD_VALUE", message, "the later day is the one until which it counts"))
    if record != before[1]:
        message = f"the record {record.id!r} is described differently in control {before[0]}"
        found.append(("BAD_VALUE", message, "one id, one record: give the other an id of its own"))
    return found
