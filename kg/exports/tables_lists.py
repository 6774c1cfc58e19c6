"""Lists as tables: frameworks, search hits, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kg.exports.tables import Cell, Column, Table, yes

if TYPE_CHECKING:
    from kg.answers import Disagreement, Hit
    from kg.release import Release

__all__ = ["disagreements_table", "framework_records", "frameworks_table", "hits_table", "stats_table"]

_FRAMEWORKS = (
    Column("id", "Id", "the framework's id, also the prefix of its provisions", 14),
    Column("shortTitle", "Framework", "what it is called for short", 16),
    Column("title", "Title", "its full title", 60),
    Column("publisher", "Publisher", "who published it", 30),
    Column("kind", "Kind", "law, standard or framework", 12),
    Column("jurisdiction", "Jurisdiction", "whose law it is, if it is one", 12),
    Column("provisions", "Provisions", "all its nodes, in all text versions", 11, "number"),
    Column("requirements", "Requirements", "what a denominator counts in the latest text", 12, "number"),
    Column("text", "Latest text", "from when its latest text is in force", 12),
    Column("url", "Link", "the official text", 40),
    Column("licence", "Licence", "what may be done with it", 40),
)
_HITS = (
    Column("curie", "Id", "the CURIE", 24),
    Column("kind", "Kind", "what kind of node it is", 14),
    Column("ref", "Reference", "the official reference", 18),
    Column("title", "Title", "its title", 50),
    Column("summary", "Summary", "what it says, in words of the project", 70),
    Column("score", "Score", "BM25; an exact id or reference scores 1000", 8, "number"),
)
_DISAGREEMENTS = (
    Column("subject", "First", "one node of the pair", 24),
    Column("object", "Second", "the other node", 24),
    Column("contradiction", "Contradiction", "whether the sets cannot both be right", 12),
    Column("relation", "Relation", "what the row says, read from the first node", 18),
    Column("set", "Set", "the mapping set", 32),
    Column("authority", "Authority", "who stands behind the set", 12),
    Column("method", "Method", "how the row was made", 12),
    Column("reviewed", "Reviewed", "whether a named person reviewed it", 10),
    Column("row", "Row", "the row's id", 16),
    Column("rationale", "Rationale", "why", 70),
)
_STATS = (
    Column("what", "What", "what is counted, from the whole to the part", 60),
    Column("count", "Count", "how many there are, or the value", 20),
)


def framework_records(release: Release) -> dict[str, Any]:
    """The frameworks and catalogues for JSON."""
    from kg.exports.json import plain

    counts = release.stats()
    return {
        "release": release.digest,
        "frameworks": [
            {**plain(f), "provisions": counts["frameworks"][f.id]["provisions"],
             "requirements": counts["frameworks"][f.id]["requirements"]}
            for f in release.frameworks.values()
        ],
        "catalogues": [
            {**plain(c), "controls": counts["catalogues"][c.id]["controls"],
             "jointNodes": counts["catalogues"][c.id]["jointNodes"]}
            for c in release.catalogues.values()
        ],
    }  # fmt: skip


def frameworks_table(release: Release) -> Table:
    """One row a framework."""
    counts = release.stats()["frameworks"]
    rows = tuple(
        (
            f.id, f.short_title, f.title, f.publisher, f.kind, f.jurisdiction, counts[f.id]["provisions"],
            counts[f.id]["requirements"], f.text_versions[-1].date.isoformat() if f.text_versions else "", f.url,
            f.licence,
        )
        for f in release.frameworks.values()
    )  # fmt: skip
    return Table("frameworks", "Frameworks", _FRAMEWORKS, rows)


def hits_table(hits: Iterable[Hit]) -> Table:
    """One row a hit."""
    return Table("hits", "Hits", _HITS, tuple((h.id, h.kind, h.ref, h.title, h.summary, h.score) for h in hits))


def _flat(value: Any, path: str = "") -> Iterator[tuple[Cell, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield (path, ", ".join(map(str, value)))
    else:
        yield (path, value)


def stats_table(counts: dict[str, Any]) -> Table:
    """One row a number, its path joined by dots."""
    return Table("stats", "Counts", _STATS, tuple(_flat(counts)))


def disagreements_table(found: Iterable[Disagreement]) -> Table:
    """One row a statement."""
    rows = tuple(
        (
            d.subject, d.object, yes(d.contradiction), s.relation, s.row.set_id, s.authority, s.row.method.value,
            yes(s.row.reviewed), s.row.id, s.row.rationale,
        )
        for d in found
        for s in d.statements
    )  # fmt: skip
    return Table("disagreements", "Disagreements", _DISAGREEMENTS, rows, empty="No two sets disagree.")
