"""A crosswalk as a document: what is said, apart from it what follows, and what has no partner on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kg.answers import Crosswalk, CrosswalkRow, DerivedRow, Side
from kg.exports.tables import (
    Cell,
    Column,
    Document,
    Table,
    chain_text,
    link_to,
    set_licences,
    text_licences,
    yes,
)
from kg.exports.words import AUTHORITY, OUTCOMES, RELATIONS
from kg.release import Release

__all__ = ["crosswalk_document", "crosswalk_rows", "direction"]

_SUBJECT = Column("subject", "From", "id in the first framework, leading to the official text", 24)
_SUBJECT_TITLE = Column("subjectTitle", "From: title", "its title", 34)
_RELATION = Column("relation", "Relation", "read subject relation object", 18)
_OBJECT = Column("object", "To", "id in the second framework, leading to the official text", 24)
_OBJECT_TITLE = Column("objectTitle", "To: title", "its title", 34)
_ROWS = (
    _SUBJECT, _SUBJECT_TITLE, _RELATION, _OBJECT, _OBJECT_TITLE,
    Column("rationale", "Rationale", "why, in one sentence", 60),
    Column("rationaleKind", "Kind", "semantic, functional, or syntactic (informs, never scores)", 12, detail=True),
    Column("strength", "Strength", "0 to 10, where the set says", 9, "number", detail=True),
    Column("confidence", "Confidence", "0 to 1, where the set says", 11, "number", detail=True),
    Column("set", "Set", "the mapping set", 26),
    Column("row", "Row", "the row's id", 18, detail=True),
    Column("authority", "Authority", "who stands behind the set", 12),
    Column("method", "Method", "human, automation or hybrid", 11, detail=True),
    Column("reviewed", "Reviewed", "whether a named person reviewed it", 9),
    Column("turned", "Turned", "whether the set writes it the other way round", 8, detail=True),
    Column("date", "Date", "when it was judged", 12, detail=True),
    Column("citation", "Citation", "the source of the row, where it has one", 30, detail=True),
    Column("note", "Note", "what else there is to say", 40, detail=True),
)  # fmt: skip
_DERIVED = (
    _SUBJECT, _SUBJECT_TITLE, _RELATION, _OBJECT, _OBJECT_TITLE,
    Column("outcome", "Outcome", "CONTAINS or OVERLAPS, read from the first framework", 12),
    Column("disputed", "Disputed", "whether mappings contradict each other", 9),
    Column("chain", "Chain", "the chain it follows from, each step with its row and set", 80),
    Column("sets", "Sets", "the mapping sets of the chain", 30),
)  # fmt: skip
_SIDES = (
    Column("framework", "Side", "the framework or catalogue", 16),
    Column("title", "Title", "its title", 50),
    Column("total", "Items", "requirements (or controls) of this side: the denominator", 9, "number"),
    Column("mapped", "Mapped", "of these: with a direct row other than no_relationship", 9, "number"),
    Column("unmapped", "Not mapped", "of these: without one", 11, "number"),
    Column("contained", "Contained", "of these: contained in one item of the other side by a direct row", 10, "number"),
    Column("lookedAt", "Looked at", "of these: with any direct row, no_relationship included", 10, "number"),
    Column("byRelation", "By relation", "how many items have a row of each relation, read from this side", 50),
)
_UNMAPPED = (
    Column("curie", "Id", "an item without a direct row to the other side", 24),
    Column("ref", "Reference", "the official reference", 18),
    Column("title", "Title", "its title", 50),
    Column("summary", "Summary", "what it asks, in words of the project", 70),
)

_BOTH = "Both directions, each with its denominator."


def _row(r: CrosswalkRow, release: Release) -> tuple[Cell, ...]:
    m = r.row
    return (
        link_to(release, r.subject), release.title(r.subject), r.relation, link_to(release, r.object),
        release.title(r.object), m.rationale, m.rationale_kind.value, m.strength, m.confidence, m.set_id, m.id,
        release.sets[m.set_id].authority.value, m.method.value, yes(m.reviewed), yes(r.turned),
        m.date.isoformat() if m.date else "", m.citation, m.note,
    )  # fmt: skip


def _derived(r: DerivedRow, release: Release) -> tuple[Cell, ...]:
    return (
        link_to(release, r.subject), release.title(r.subject), r.relation, link_to(release, r.object),
        release.title(r.object), r.outcome, yes(r.disputed), chain_text(r.steps),
        ", ".join(dict.fromkeys(s.set for s in r.steps if s.set)),
    )  # fmt: skip


def _side(s: Side) -> tuple[Cell, ...]:
    by = "; ".join(f"{relation} {count}" for relation, count in s.by_relation)
    return (s.framework, s.title, s.total, s.mapped, len(s.unmapped), s.contained, s.looked_at, by)


def _unmapped(ids: Iterable[str], release: Release) -> tuple[tuple[Cell, ...], ...]:
    found = []
    for id_ in ids:
        p = release.provisions.get(id_)
        summary = p.summary if p else getattr(release.node(id_), "statement", "")
        found.append((link_to(release, id_), p.ref if p else id_, release.title(id_), summary))
    return tuple(found)


def _unmapped_table(side: Side, release: Release) -> Table:
    rows = _unmapped(side.unmapped, release)
    note = f"Items of {side.title} without a direct row other than no_relationship."
    title = f"Unmapped {side.framework}"
    return Table(f"unmapped-{side.framework}", title, _UNMAPPED, rows, note, "Every item has a direct row.")


def direction(side: Side, other: Side) -> str:
    """One side's count with its denominator, as a sentence."""
    return (
        f"Of {side.total} items of {side.framework}, {side.mapped} have a direct row to {other.framework} "
        f"and {side.contained} are contained in one of its items."
    )


def crosswalk_rows(
    value: Crosswalk, release: Release
) -> tuple[Sequence[str], Iterator[tuple[Cell, ...]], Sequence[tuple[str, str]]]:
    """The direct rows one by one: column names, rows and the stamp that each row carries."""
    stamp = (("asOf", value.as_of.isoformat()), ("release", value.release))
    return [c.name for c in _ROWS], (_row(r, release) for r in value.rows), stamp


def crosswalk_document(value: Crosswalk, release: Release) -> Document:
    """Summary of both directions, direct rows, derived relations, and the unmapped of either side."""
    here, there = value.sides
    sets = {r.row.set_id for r in value.rows} | {s.set for d in value.derived for s in d.steps if s.set}
    rows = tuple(_row(r, release) for r in value.rows)
    derived = tuple(_derived(d, release) for d in value.derived)
    stored = "Computed from chains of rows and stored nowhere; each names the chain it stands on."
    return Document(
        name=f"{value.source}-{value.target}",
        title=f"Crosswalk from {here.title} to {there.title}",
        summary=f"{direction(here, there)} {direction(there, here)} {len(rows)} direct rows, "
        f"{len(derived)} derived relations.",
        facts=(
            ("From", f"{here.title} ({here.framework})"),
            ("To", f"{there.title} ({there.framework})"),
            ("As of", value.as_of.isoformat()),
            ("Release", value.release),
            ("Method", value.method),
        ),
        tables=(
            Table("rows", "Direct rows", _ROWS, rows, "What mapping sets assert.", "No set joins the two directly."),
            Table("derived", "Derived", _DERIVED, derived, stored, "Nothing follows from the rows there are."),
            Table("summary", "Summary", _SIDES, (_side(here), _side(there)), _BOTH),
            _unmapped_table(here, release),
            _unmapped_table(there, release),
        ),
        legend=(*RELATIONS.items(), *OUTCOMES.items(), *AUTHORITY.items()),
        licences=(
            *text_licences(release, (here.framework, there.framework)),
            *set_licences(release, sets),
        ),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )  # fmt: skip
