"""How long evidence counts (``docs/semantics.md``, "Evidence"): the last day of each record, and so of each control.

Two days stand for the ends of time: ``date.max`` where nothing limits it, ``date.min`` where it never counts.
"""

from __future__ import annotations

from datetime import date, timedelta

from kg.model import Control, EvidenceRecord

__all__ = ["fresh_until", "limit_of", "record_until", "records_of"]


def records_of(control: Control) -> tuple[EvidenceRecord, ...]:
    """The records a control stands on, by id: those it names, else an unnamed one of its ``evidence_date``, if any."""
    if control.evidence:
        return tuple(sorted(control.evidence, key=lambda r: r.id))
    return (EvidenceRecord("", day=control.evidence_date),) if control.evidence_date else ()


def limit_of(control: Control, max_age_days: int | None) -> int | None:
    """The oldest evidence of a control may be, in days: its own rule, else that of the profile (``max_age_days``)."""
    return control.max_evidence_age_days if control.max_evidence_age_days is not None else max_age_days


def record_until(record: EvidenceRecord, control: Control, max_age_days: int | None) -> date:
    """The last day on which a record counts for a control.

    A record that says how long it is valid is not held against the profile's age besides, but against the control's
    own.
    """
    end = record.valid_until or date.max
    limit = limit_of(control, None if record.valid_until else max_age_days)
    if limit is None:
        return end
    return min(end, _after(record.day, limit)) if record.day else date.min


def _after(day: date, days: int) -> date:
    try:
        return day + timedelta(days)
    except OverflowError:
        return date.max


def fresh_until(control: Control, max_age_days: int | None) -> date:
    """The last day on which some record of a control counts; without records ``date.min`` if an age is asked for."""
    records = records_of(control)
    if not records:
        return date.max if limit_of(control, max_age_days) is None else date.min
    return max(record_until(r, control, max_age_days) for r in records)
