"""A mapping set, a framework and the whole graph as documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from kg.answers.listing import FrameworkListing, GraphListing, SetListing
from kg.exports.csv import Stamp
from kg.exports.tables import Cell, Column, Document, Rows, Table, link_to, set_licences, text_licences, yes
from kg.exports.words import AUTHORITY, RELATIONS
from kg.model import Framework, LegalReference, Mapping, ThreatLink
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["framework_document", "graph_document", "listing_table", "set_document"]

_ROWS = (
    Column("set", "Set", "the mapping set", 26, detail=True),
    Column("row", "Row", "the row's id", 18, detail=True),
    Column("subject", "Subject", "read subject relation object; leads to the official text", 24),
    Column("subjectTitle", "Subject: title", "its title", 34),
    Column("relation", "Relation", "read subject relation object", 18),
    Column("object", "Object", "read subject relation object; leads to the official text", 24),
    Column("objectTitle", "Object: title", "its title", 34),
    Column("rationale", "Rationale", "why, in one sentence", 60),
    Column("rationaleKind", "Kind", "semantic, functional, or syntactic (informs, never scores)", 12, detail=True),
    Column("strength", "Strength", "0 to 10, where the set says", 9, "number"),
    Column("confidence", "Confidence", "0 to 1, where the set says", 11, "number", detail=True),
    Column("authority", "Authority", "who stands behind the set", 12, detail=True),
    Column("method", "Method", "human, automation or hybrid", 11),
    Column("reviewed", "Reviewed", "whether a named person reviewed it", 9),
    Column("reviewers", "Reviewers", "who reviewed it", 20, detail=True),
    Column("date", "Date", "when it was judged", 12, detail=True),
    Column("subjectVersion", "Subject text", "the text of the subject it was judged on", 12, detail=True),
    Column("objectVersion", "Object text", "the text of the object it was judged on", 12, detail=True),
    Column("citation", "Citation", "the source of the row, where it has one", 30, detail=True),
    Column("note", "Note", "what else there is to say", 40, detail=True),
)
_LINKS = (
    Column("subject", "Subject", "read subject relation object", 26),
    Column("subjectTitle", "Subject: title", "its title", 34),
    Column("relation", "Relation", "how the one bears on or refers to the other", 20),
    Column("object", "Object", "read subject relation object", 26),
    Column("objectTitle", "Object: title", "its title", 34),
    Column("note", "Note", "why, or what it is about", 60),
    Column("citation", "Citation", "where a text says so", 30),
    Column("set", "Set", "the mapping set", 26),
)
_NODES = (
    Column("curie", "Id", "the CURIE, stable for ever", 22),
    Column("kind", "Kind", "what kind of node it is", 14),
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    Column("title", "Title", "the official heading, or a short title of the project's", 40),
    Column("summary", "Summary", "what it asks or does, in words of the project", 70),
    Column("whole", "Part of", "the whole it stands in", 22),
    Column("requirement", "Requirement", "whether a denominator counts it", 11),
    Column("modality", "Modality", "shall, should or voluntary", 10, detail=True),
    Column("roles", "Binds", "the roles it addresses, inherited where it says none", 24, detail=True),
    Column("tiers", "Tiers", "the risk tiers it concerns, inherited where it says none", 18, detail=True),
    Column("textFrom", "In the text from", "from which text it exists", 12, detail=True),
    Column("textUntil", "Until", "from which text on it is gone", 12, detail=True),
)
_LEFT_OUT = (
    Column("subject", "Control", "the control looked at", 18),
    Column("title", "Title", "its title", 40),
    Column("framework", "Framework", "the framework looked through", 16),
    Column("reason", "Why", "why it has no row there", 80),
)


def _row(m: Mapping, release: Release) -> tuple[Cell, ...]:
    return (
        m.set_id, m.id, link_to(release, m.subject), release.title(m.subject), m.relation,
        link_to(release, m.object), release.title(m.object), m.rationale, m.rationale_kind.value, m.strength,
        m.confidence, release.sets[m.set_id].authority.value, m.method.value, yes(m.reviewed),
        ", ".join(m.reviewers), m.date.isoformat() if m.date else "", m.subject_version, m.object_version,
        m.citation, m.note,
    )  # fmt: skip


def listing_table(value: SetListing | GraphListing, release: Release) -> tuple[Table, Stamp]:
    """The main table alone, its rows made when they are read, and the stamp that each carries.

    A set of nothing but legal references or links to threats has these as its main table.
    """
    stamp = (("release", value.release),)
    if value.rows or not (value.references or value.threat_links):
        found = value.rows

        def columns(start: int, stop: int) -> Sequence[Sequence[Cell]]:
            return list(zip(*(_row(m, release) for m in found[start:stop]), strict=True))

        return Table("rows", "Rows", _ROWS, Rows(len(found), columns)), stamp
    return Table("links", "Links", _LINKS, tuple(_links(value.threat_links, value.references, release))), stamp


def _links(
    threats: Iterable[ThreatLink], references: Iterable[LegalReference], release: Release
) -> Iterator[tuple[Cell, ...]]:
    for t in threats:
        yield (
            t.threat, release.title(t.threat), t.relation.value, link_to(release, t.target), release.title(t.target),
            t.rationale, "", t.set_id,
        )  # fmt: skip
    for r in references:
        yield (
            link_to(release, r.subject), release.title(r.subject), r.kind, link_to(release, r.object),
            release.title(r.object), r.note, r.citation, r.set_id,
        )  # fmt: skip


def _tables(value: SetListing | GraphListing, release: Release) -> tuple[Table, ...]:
    rows = Table("rows", "Mappings", _ROWS, tuple(_row(m, release) for m in value.rows), "What mapping sets assert.")
    threats = Table(
        "threatLinks", "Threats", _LINKS, tuple(_links(value.threat_links, (), release)),
        "Which control or requirement bears on a threat.",
    )  # fmt: skip
    references = Table(
        "legalReferences", "Legal references", _LINKS, tuple(_links((), value.references, release)),
        "One provision names another: it informs and is never a step of a chain.",
    )  # fmt: skip
    return tuple(t for t in (rows, threats, references) if t.rows) or (rows,)


def _newest(rows: Iterable[Mapping]) -> date:
    """The day a listing is dated: that of its newest row, so that its bytes depend on the release alone."""
    return max((m.date for m in rows if m.date), default=date(2000, 1, 1))


def _counted(value: SetListing | GraphListing) -> str:
    reviewed = sum(m.reviewed for m in value.rows)
    said = [f"{len(value.rows)} mappings, {reviewed} of them reviewed by a named person"]
    said += [f"{len(value.threat_links)} links to threats"] if value.threat_links else []
    said += [f"{len(value.references)} legal references"] if value.references else []
    return "; ".join(said) + "."


def set_document(value: SetListing, release: Release) -> Document:
    """One mapping set: who stands behind it and every row."""
    s = value.set
    facts = (
        ("Mapping set", s.id),
        ("Authority", f"{s.authority.value}: {AUTHORITY[s.authority.value]}"),
        ("Publisher", s.publisher),
        ("Source", s.source_url),
        ("Version", s.version),
        ("Description", s.description),
        ("Release", value.release),
    )
    ends = {prefix_of(e) for m in value.rows for e in (m.subject, m.object)}
    return Document(
        name=s.id,
        title=s.title,
        summary=_counted(value),
        facts=tuple((name, said) for name, said in facts if said),
        tables=_tables(value, release),
        legend=tuple(RELATIONS.items()),
        licences=(*set_licences(release, [s.id]), *text_licences(release, ends)),
        disclaimers=value.disclaimers,
        stamp=(("release", value.release),),
        day=_newest(value.rows),
    )


def graph_document(value: GraphListing, release: Release) -> Document:
    """Everything that mapping sets say, and what was looked at and left out."""
    left = tuple((n.subject, release.title(n.subject), n.framework, n.reason) for n in value.left_out)
    return Document(
        name="graph",
        title="All mapping sets of the release",
        summary=_counted(value),
        facts=(("Release", value.release),),
        tables=(*_tables(value, release), Table("leftOut", "Looked at and left out", _LEFT_OUT, left)),
        legend=(*RELATIONS.items(), *AUTHORITY.items()),
        licences=(
            *text_licences(release, [*release.frameworks, *release.catalogues]),
            *set_licences(release, release.sets),
        ),
        disclaimers=value.disclaimers,
        stamp=(("release", value.release),),
        day=_newest(value.rows),
    )


def framework_document(value: FrameworkListing, release: Release) -> Document:
    """A framework's provisions in reading order, or a catalogue's reference controls."""
    f = value.framework
    facts = [("Id", f.id), ("Publisher", f.publisher)]
    counted = set(value.requirements)
    rows: list[tuple[Cell, ...]] = []
    if isinstance(f, Framework):
        facts += [("Kind", f.kind), ("Jurisdiction", f.jurisdiction)]
        facts += [("Text in force from", value.text_version.isoformat())] if value.text_version else []
        summary = f"{len(value.provisions)} provisions, {len(counted)} of them requirements."
        for p in value.provisions:
            rows.append(
                (
                    p.id, p.kind, link_to(release, p.id, p.ref), p.title, p.summary, release.whole(p.id),
                    yes(p.id in counted), p.modality.value if p.modality else "",
                    ", ".join(release.inherited(p, "roles")), ", ".join(release.inherited(p, "tiers")),
                    p.text_from.isoformat() if p.text_from else "", p.text_until.isoformat() if p.text_until else "",
                )
            )  # fmt: skip
    else:
        facts += [("Version", f.version), ("Description", f.description)]
        summary = f"{len(value.controls)} reference controls and {len(value.joints)} joint nodes."
        for c in value.controls:
            rows.append((c.id, "control", c.id, c.title, c.statement, c.domain, "no", "", "", "", "", ""))
        for j in value.joints:
            said = f"{' + '.join(j.members)}: {j.rationale}"
            rows.append((j.id, "joint node", j.id, j.title, said, "", "no", "", "", "", "", ""))
    note = "Titles, and summaries in words of the project; the official text is behind the links."
    facts += [("Link", f.url), ("Release", value.release)]
    return Document(
        name=f.id,
        title=f.title,
        summary=summary,
        facts=tuple((name, said) for name, said in facts if said),
        tables=(Table("nodes", "Contents", _NODES, tuple(rows), note),),
        licences=tuple(text_licences(release, [f.id])),
        disclaimers=value.disclaimers,
        stamp=(("release", value.release),),
        day=value.text_version or date(2000, 1, 1),
    )
