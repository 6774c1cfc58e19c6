"""A crosswalk as a document: what is said, apart from it what follows, and what has no partner on either side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from textwrap import shorten

from kg.answers import Crosswalk, CrosswalkRow, DerivedRow, Side
from kg.exports.csv import Stamp
from kg.exports.tables import (
    Cell,
    Column,
    Document,
    Rows,
    Table,
    chain_text,
    link_to,
    set_licences,
    text_licences,
    yes,
)
from kg.exports.words import AUTHORITY, OUTCOMES, RELATIONS
from kg.model import Mapping
from kg.relations import NO_RELATIONSHIP, inverse, word
from kg.release import Release

__all__ = ["crosswalk_document", "crosswalk_table", "direction"]

_SUBJECT = Column("subject", "From", "id in the first framework, leading to the official text", 20)
_SUBJECT_TITLE = Column("subjectTitle", "From: title", "its title", 26)
_RELATION = Column("relation", "Relation", "read subject relation object", 15)
_OBJECT = Column("object", "To", "id in the second framework, leading to the official text", 20)
_OBJECT_TITLE = Column("objectTitle", "To: title", "its title", 26)
_RATIONALE = Column("rationale", "Rationale", "why, in one sentence", 46)
_STRENGTH = Column("strength", "Strength", "0 to 10, where the set says", 9, "number")
_SET = Column("set", "Set", "the mapping set", 18)
_ROW = Column("row", "Row", "the row's id", 18, detail=True)
_AUTHORITY = Column("authority", "Authority", "who stands behind the set", 11)
_REVIEWED = Column("reviewed", "Reviewed", "whether a named person reviewed it", 9)
#: The names are what a workbook or CSV of rows is read back by: they stay.
_ROWS = (
    _SUBJECT, _SUBJECT_TITLE, _RELATION, _OBJECT, _OBJECT_TITLE, _RATIONALE,
    Column("rationaleKind", "Kind", "semantic, functional, or syntactic (informs, never scores)", 12, detail=True),
    _STRENGTH,
    Column("confidence", "Confidence", "0 to 1, where the set says", 11, "number", detail=True),
    _SET, _ROW, _AUTHORITY,
    Column("method", "Method", "human, automation or hybrid", 11, detail=True),
    _REVIEWED,
    Column("turned", "Turned", "whether the set writes it the other way round", 8, detail=True),
    Column("date", "Date", "when it was judged", 12, detail=True),
    Column("citation", "Citation", "the source of the row, where it has one", 30, detail=True),
    Column("note", "Note", "what else there is to say", 40, detail=True),
)  # fmt: skip
_DERIVED = (
    _SUBJECT, _SUBJECT_TITLE, _RELATION, _OBJECT, _OBJECT_TITLE,
    Column("outcome", "Outcome", "CONTAINS or OVERLAPS, read from the first framework", 12),
    Column("disputed", "Disputed", "whether mappings contradict each other", 9),
    Column("chain", "Chain", "the chain it follows from, each step with its row and set", 60),
    Column("sets", "Sets", "the mapping sets of the chain", 30, detail=True),
)  # fmt: skip
#: One item's rows together: the first two cells repeat.
_BY = (
    Column("curie", "Item", "an item of this side, leading to the official text", 20),
    Column("title", "Title", "its title", 30),
    Column("relationFrom", "Relation to it", "read: the item, relation, its counterpart", 16),
    Column("counterpart", "Counterpart", "an item of the other side, leading to the official text", 20),
    Column("counterpartTitle", "Counterpart: title", "its title", 30),
    _RATIONALE, _STRENGTH, _SET, _AUTHORITY, _REVIEWED, _ROW,
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


#: Rows from which on a workbook leaves out the views that repeat them.
_TOO_MANY = 20_000


class _Memo(dict[str, Cell]):
    """What is made of an id, once for each."""

    def __init__(self, make: Callable[[str], Cell]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, id_: str) -> Cell:
        found = self[id_] = self._make(id_)
        return found


def _rows(rows: Sequence[CrosswalkRow], release: Release) -> Rows:
    """The direct rows under :data:`_ROWS`, made when they are read: there may be hundreds of thousands."""
    links, titles = _Memo(lambda id_: link_to(release, id_)), _Memo(release.title)
    authority = {s.id: s.authority.value for s in release.sets.values()}

    def columns(start: int, stop: int) -> Sequence[Sequence[Cell]]:
        part = rows[start:stop]
        said: list[Mapping] = [r.row for r in part]
        subjects, objects = [r.subject for r in part], [r.object for r in part]
        return (
            [links[i] for i in subjects], [titles[i] for i in subjects], [r.relation for r in part],
            [links[i] for i in objects], [titles[i] for i in objects], [m.rationale for m in said],
            [m.rationale_kind.value for m in said], [m.strength for m in said], [m.confidence for m in said],
            [m.set_id for m in said], [m.id for m in said], [authority[m.set_id] for m in said],
            [m.method.value for m in said], [yes(m.reviewed) for m in said], [yes(r.turned) for r in part],
            [m.date.isoformat() if m.date else "" for m in said], [m.citation for m in said], [m.note for m in said],
        )  # fmt: skip

    return Rows(len(rows), columns)


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


def _mask(r: CrosswalkRow) -> int:
    """The row's mask as the crosswalk reads it."""
    return inverse(r.row.mask) if r.turned else r.row.mask


def _by_item(value: Crosswalk, release: Release, *, far: bool) -> Table:
    """Every item of one side with its direct rows, and those without; wholes that a row names stand among them."""
    side, other = value.sides[::-1] if far else value.sides
    rows: defaultdict[str, list[tuple[str, str, CrosswalkRow]]] = defaultdict(list)
    for r in value.rows:
        mask = _mask(r)
        if far:
            rows[r.object].append((word(inverse(mask)), r.subject, r))
        else:
            rows[r.subject].append((word(mask), r.object, r))
    found: list[tuple[Cell, ...]] = []
    for id_ in _items(value, release, side):
        title = release.title(id_)
        if not rows[id_]:
            found.append((link_to(release, id_), title, "", "no direct row", "", "", None, "", "", "", ""))
        for number, (relation, counterpart, r) in enumerate(rows[id_]):
            m, item = r.row, id_ if number else link_to(release, id_)
            found.append(
                (
                    item, title, relation, link_to(release, counterpart), release.title(counterpart), m.rationale,
                    m.strength, m.set_id, release.sets[m.set_id].authority.value, yes(m.reviewed), m.id,
                )
            )  # fmt: skip
    note = f"Every item of {side.title} with its counterparts in {other.framework}, each with its reason."
    title = f"By {_short(release, side.framework)}"
    return Table(f"by-{side.framework}", title, _BY, tuple(found), note, block=2)


def _counted(value: Crosswalk, release: Release, side: Side) -> set[str]:
    """The items of one side: its denominator."""
    if side.framework in release.frameworks:
        return {r.id for r in release.requirements(side.framework, value.as_of)}
    controls = {c.id for c in release.controls.values() if c.catalogue == side.framework}
    return controls | {j.id for j in release.joints.values() if j.catalogue == side.framework}


def _items(value: Crosswalk, release: Release, side: Side) -> list[str]:
    """The items of one side and the wholes that rows name, in reading order."""
    far = side is value.sides[1]
    wanted = {r.object if far else r.subject for r in value.rows} | _counted(value, release, side)
    return [i for i in (*release.provisions, *release.controls, *release.joints) if i in wanted]


def _short(release: Release, name: str) -> str:
    return release.frameworks[name].short_title if name in release.frameworks else name


def _group(release: Release, id_: str) -> str:
    """The article, clause or category of a provision, the domain of a reference control."""
    if id_ in release.provisions:
        return release.group_of(id_)
    return getattr(release.node(id_), "domain", "") or "Joint nodes"


def _label(release: Release, group: str) -> tuple[str, str]:
    p = release.provisions.get(group)
    return (p.ref, p.title) if p else (group, "")


def _matrix(value: Crosswalk, release: Release) -> Table | None:
    """Groups of one side against groups of the other, the longer side down: how many pairs rows relate."""
    sides = [_sided(value, release, far=far) for far in (False, True)]
    pairs = {(r.subject, r.object) for r in value.rows if r.row.mask != NO_RELATIONSHIP}
    counts = Counter((_group(release, a), _group(release, b)) for a, b in pairs)
    if not counts:
        return None
    turned = len(sides[1]) > len(sides[0])
    down, across = reversed(sides) if turned else sides
    names = (value.target, value.source) if turned else (value.source, value.target)
    here, there = _short(release, names[0]), _short(release, names[1])
    each = "pairs of an item of the row's group and one of this group that a direct row relates"
    columns = [
        Column("group", here, f"an article, clause, category or domain of {here}", 16),
        Column("groupTitle", "Its title", "the group's official heading", 34),
        Column("items", "Items", "items of the row's group: the denominator", 8, "number"),
        Column("mapped", "With a row", f"of these: with a direct row to {there}", 8, "number"),
    ]
    for name in across:
        label = shorten(" ".join(filter(None, _label(release, name))), 36, placeholder=" …")
        columns.append(Column(f"to:{name}", label, each, 5, "number", heat=True))
    rows: list[tuple[Cell, ...]] = []
    for name, (items, mapped) in down.items():
        cells = [counts[(b, name) if turned else (name, b)] or None for b in across]
        rows.append((*_label(release, name), items, mapped, *cells))
    rows += [
        ("", f"{there}: with a direct row", None, None, *(mapped for _, mapped in across.values())),
        ("", f"{there}: items", None, None, *(items for items, _ in across.values())),
    ]
    note = (
        f"How many pairs of items the direct rows relate (no_relationship left out), {here} down and {there} across; "
    )
    return Table("matrix", "Matrix", tuple(columns), tuple(rows), note + "the last two lines count items.", totals=2)


def _sided(value: Crosswalk, release: Release, *, far: bool) -> dict[str, tuple[int, int]]:
    """Group → items and mapped items of one side, for the groups that any row relates, in reading order."""
    side = value.sides[1] if far else value.sides[0]
    ends = {(r.object if far else r.subject) for r in value.rows if r.row.mask != NO_RELATIONSHIP}
    named, counted = {_group(release, i) for i in ends}, _counted(value, release, side)
    found: dict[str, tuple[int, int]] = {}
    for id_ in _items(value, release, side):
        group = _group(release, id_)
        if group in named:
            items, mapped = found.get(group, (0, 0))
            found[group] = (items + (id_ in counted), mapped + (id_ in counted and id_ in ends))
    return found


def direction(side: Side, other: Side) -> str:
    """One side's count with its denominator, as a sentence."""
    return (
        f"Of {side.total} items of {side.framework}, {side.mapped} have a direct row to {other.framework} "
        f"and {side.contained} are contained in one of its items."
    )


def crosswalk_table(value: Crosswalk, release: Release) -> tuple[Table, Stamp]:
    """The direct rows alone, made when they are read, and the stamp that each carries."""
    rows = _rows(value.rows, release)
    table = Table("rows", "Direct rows", _ROWS, rows, "What mapping sets assert.", "No set joins the two directly.")
    return table, (("asOf", value.as_of.isoformat()), ("release", value.release))


def crosswalk_document(value: Crosswalk, release: Release) -> Document:
    """Summary of both directions, direct rows, derived relations, and the unmapped of either side."""
    here, there = value.sides
    sets = {r.row.set_id for r in value.rows} | {s.set for d in value.derived for s in d.steps if s.set}
    rows, stamp = crosswalk_table(value, release)
    derived = tuple(_derived(d, release) for d in value.derived)
    stored = "Computed from chains of rows and stored nowhere; each names the chain it stands on."
    return Document(
        name=f"{value.source}-{value.target}",
        title=f"Crosswalk from {here.title} to {there.title}",
        summary=f"{direction(here, there)} {direction(there, here)} {len(value.rows)} direct rows, "
        f"{len(derived)} derived relations.",
        facts=(
            ("From", f"{here.title} ({here.framework})"),
            ("To", f"{there.title} ({there.framework})"),
            ("As of", value.as_of.isoformat()),
            ("Release", value.release),
            ("Method", value.method),
        ),
        tables=(
            rows,
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
        stamp=tuple(stamp),
        day=value.as_of,
        views=partial(_sheets, value, release),
        marker=(("kind", "crosswalk"), ("from", value.source), ("to", value.target)),
    )  # fmt: skip


def _sheets(value: Crosswalk, release: Release) -> tuple[Table, ...]:
    """The views for a workbook: by item from either side, and the matrix.  Too many rows nobody reads twice."""
    if len(value.rows) > _TOO_MANY:
        return ()
    by = (_by_item(value, release, far=False), _by_item(value, release, far=True))
    matrix = _matrix(value, release)
    return (*by, matrix) if matrix else by
