"""Suggestions as a document: one row a proposal, with why, and room for a person's answer."""

from __future__ import annotations

from kg.exports.tables import Column, Document, Table, link_to, text_licences, yes
from kg.organizations.suggestions import SuggestionReport
from kg.release import Release

__all__ = ["suggestions_document"]

_COLUMNS = (
    Column("control", "Control", "the id of your control", 14),
    Column("controlTitle", "Its title", "the title of your control", 34),
    Column("within", "In", "the framework or catalogue", 14),
    Column("rank", "Rank", "1 is the best in this framework or catalogue", 6, "number"),
    Column("target", "Suggestion", "what it may be mapped to, leading to the official text", 24),
    Column("title", "Title", "the title of what is suggested", 44),
    Column("relation", "Relation", "the weakest, until a person says more", 10),
    Column("mapped", "Mapped", "whether the control names it already", 8),
    Column("score", "Score", "beside the best of this list, 0 to 1; no probability", 8, "number", detail=True),
    Column("words", "Shared words", "the words of the control that count most for it", 34),
    Column("via", "Spoken for by", "mapped nodes that read like the control, with the row's set", 60, detail=True),
)
_NOTE = "Proposals from the text of the controls. None of them counts before a person accepts it."


def suggestions_document(value: SuggestionReport, release: Release) -> Document:
    """One table: the suggestions of every control."""
    rows = tuple(
        (
            c.control, c.title, s.within, s.rank, link_to(release, s.target), s.title, s.relation, yes(s.mapped),
            s.score, ", ".join(s.words), "; ".join(f"{v.node} ({v.title}) [{v.set_id}]" for v in s.via),
        )
        for c in value.controls
        for s in c.suggestions
    )  # fmt: skip
    without = sum(1 for c in value.controls if not c.suggestions)
    said = f"{len(rows)} suggestions for {len(value.controls)} controls"
    if without:
        said += f"; {without} have no word that the graph knows"
    return Document(
        name="suggestions",
        title="Suggested mappings",
        summary=f"{said}. {_NOTE}",
        facts=(
            ("Sources", ", ".join(value.sources)),
            ("At most", f"{value.limit} of each source for each control"),
            ("Text in force on", value.as_of.isoformat()),
            ("Release", value.release),
            ("Method", value.method),
            *((("Model of meaning", value.encoder),) if value.encoder else ()),
        ),
        tables=(Table("suggestions", "Suggestions", _COLUMNS, rows, _NOTE, "Nothing is suggested."),),
        licences=tuple(text_licences(release, value.sources)),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release)),
        day=value.as_of,
    )
