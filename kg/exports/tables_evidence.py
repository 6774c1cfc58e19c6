"""An evidence report as a document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kg.answers.evidence import Basis, EvidenceReport, RecordReport, Rest
from kg.exports.tables import Cell, Column, Document, Link, Table, text_licences, yes
from kg.exports.tables_assessment import profile_facts
from kg.exports.words import VERDICTS
from kg.release import Release

__all__ = ["evidence_document", "evidence_in_short", "record_name"]

_RECORDS = (
    Column("record", "Record", "the record's id, or whose unnamed evidence it is", 22),
    Column("title", "Title", "what it is called", 30),
    Column("kind", "Kind", "what sort of evidence it is", 14, detail=True),
    Column("day", "Of", "the day it is of", 12),
    Column("ageDays", "Age, days", "its age on the day looked at", 8, "number"),
    Column("validUntil", "Valid until", "what it says itself", 12, detail=True),
    Column("fresh", "Counts", "whether it counts for some control", 8),
    Column("freshUntil", "Counts until", "the first of the last days on which it counts, or when it last did", 12),
    Column("controls", "Controls", "the controls it serves, each with its last day", 30),
    Column("restCount", "Rest on it", "how many applicable requirements rest on it", 9, "number"),
    Column("basis", "How", "verdict: each would be lower without it; control: covered through a control it serves, "
           "where no age or end is set that would lower the verdict", 10),
    Column("requirements", "Requirements", "those that rest on it", 60),
    Column("link", "Link", "where it is", 30, detail=True),
)  # fmt: skip
_STALE = (
    Column("control", "Control", "an implemented control without evidence that counts", 16),
    Column("title", "Title", "what it is called", 36),
    Column("since", "Stale since", "the first day without any that counted; empty: none has a day", 12),
    Column("requirementCount", "Would be covered", "what fresh evidence would lift to COVERED", 10, "number"),
    Column("requirements", "Requirements", "those", 60),
)
_EXPIRIES = (
    Column("day", "On", "the first day on which they count no longer", 12),
    Column("controls", "Controls", "controls that go stale that day", 26),
    Column("records", "Records", "the records that end", 30),
    Column("dropCount", "Verdicts that drop", "requirements that are no longer covered from that day", 10, "number"),
    Column("requirements", "Requirements", "those, with the verdict they drop to", 60),
)


def record_name(record: RecordReport) -> str:
    """A record's id; unnamed evidence by its control."""
    return record.id or f"evidence of {record.uses[0].control}"


def evidence_in_short(value: EvidenceReport) -> str:
    """The report in a few sentences, each number with what it is a number of."""
    fresh = sum(1 for r in value.records if r.fresh)
    drops = sum(len(e.rests) for e in value.expiries)
    going = sum(len(e.controls) for e in value.expiries)
    said = (
        f"{len(value.records)} records of {value.controls} controls, of which {fresh} count on {value.evidence_day}; "
        f"{value.covered} of {value.applicable} applicable requirements are covered. "
        f"{len(value.stale)} controls, implemented at least in part, are stale. "
        f"Within {value.within} days {going} more go stale, and "
        f"{drops} of the {value.covered} are then no longer covered."
    )
    if not value.limited:
        said += " Neither the profile nor any control says how old evidence may be, so no verdict depends on its age."
    return said


def _rests(rests: Iterable[Rest], *, verdict: bool = False) -> str:
    return ", ".join(f"{r.requirement} ({r.otherwise.name})" if verdict else r.requirement for r in rests)


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


def _record(r: RecordReport) -> tuple[Cell, ...]:
    link: Cell = Link(r.link, r.link) if r.link.startswith(("https://", "http://")) else r.link
    uses = ", ".join(f"{u.control} ({u.fresh_until})" if u.fresh_until else u.control for u in r.uses)
    last = _day(r.fresh_until)
    return (
        record_name(r), r.title, r.kind, _day(r.day), r.age_days, _day(r.valid_until), yes(r.fresh), last,
        uses, len(r.rests), r.basis.value, _rests(r.rests), link,
    )  # fmt: skip


def evidence_document(value: EvidenceReport, release: Release) -> Document:
    """The records, the stale controls, and what goes stale when."""
    stale = tuple((c.control, c.title, _day(c.since), len(c.requirements), _rests(c.requirements)) for c in value.stale)
    expiries = tuple(
        (e.day.isoformat(), ", ".join(e.controls), ", ".join(e.records), len(e.rests), _rests(e.rests, verdict=True))
        for e in value.expiries
    )
    until = f"What goes stale until {value.until}, if nothing is renewed, and which verdicts drop on that day."
    return Document(
        name="evidence",
        title="Evidence",
        summary=evidence_in_short(value),
        facts=(
            ("Frameworks", ", ".join(release.frameworks[f].title for f in value.frameworks)),
            ("As of", value.as_of.isoformat()),
            ("Ages on", value.evidence_day.isoformat()),
            ("Release", value.release),
            *profile_facts(value.profile),
            ("Method", value.method),
        ),
        tables=(
            Table("records", "Records", _RECORDS, tuple(_record(r) for r in value.records),
                  "Every record, that on which most requirements rest first.", "The controls have no evidence."),
            Table("stale", "Stale now", _STALE, stale,
                  "Implemented controls whose evidence is too old, has ended or is "
                  "missing where an age is asked for.", "No implemented control is stale."),
            Table("expiries", "Goes stale", _EXPIRIES, expiries, until, f"Nothing goes stale until {value.until}."),
        ),
        legend=(
            *VERDICTS.items(),
            (Basis.VERDICT.value, "a requirement rests on a record if its verdict would be lower without it"),
            (Basis.CONTROL.value, "no age and no end is set: those covered through a control that the record serves"),
        ),
        licences=tuple(text_licences(release, value.frameworks)),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )  # fmt: skip
