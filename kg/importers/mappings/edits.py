"""An export of ours that was edited by hand: what it changes, and the files of the sets with that in them.

    compare(incoming, release)             → Edits: rows added, changed field by field, removed; nothing is written
    patched(edits, release)                → set → the text of its file with the edits
    own_set(edits, release, declared)      → Planned: the same as assertions of a set of one's own

A row is known again by its id, or else by set, ends and rationale kind, in either direction of the crosswalk.  A column
that the file lacks leaves its field; an empty cell empties it.  A row that the file does not name stays, unless the
person says that the file is the whole (``remove_missing``).  Titles, authority, review and chains follow from other
things and are no edits: where they were changed, that is said.

Whoever judged and reviewed a row did so as it stood: a row whose judgement is changed loses its reviewers and gets the
day of the change (unless the person gave another), and a set that another body stands behind is not changed at all
unless the edits are corrections of the copy of it (``docs/decisions/0027``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from kg.errors import Finding, InputError, UsageError, nearest
from kg.importers.mappings.plan import Declared, Planned, Reader, assembled, checked, planned_set, row_cells
from kg.importers.mappings.rows import Incoming, Kind, Row, finding, line_of_text
from kg.model import Authority, Method, Source
from kg.model import Mapping as Assertion
from kg.relations import inverse, word
from kg.release import Release
from kg.sources import builtin_data
from kg.sources.canonical import sssom_document, sssom_text
from kg.sources.sssom import predicate_of
from kg.terms import prefix_of, set_iri

__all__ = ["EDITABLE", "Edits", "FieldEdit", "RowEdit", "compare", "is_export", "own_set", "patched", "set_file"]

#: What a person may change of a row, in the order it is shown.
EDITABLE = (
    "subject", "relation", "object", "rationale_kind", "rationale", "strength", "confidence", "method", "date",
    "citation", "note", "subject_version", "object_version", "reviewers",
)  # fmt: skip
#: What a judgement consists of: who made or reviewed it did not make or review another.
_JUDGEMENT = frozenset(
    {"subject", "relation", "object", "rationale_kind", "strength", "confidence", "subject_version", "object_version"}
)
#: Field of the model → field of a row as read.
_READ = {"rationale_kind": "kind"}
_NOT_OURS = (Authority.OWNER, Authority.HOSTED, Authority.PUBLISHED)
_MOST_CELL = 32_767  #: characters of a cell of Excel; an export cuts what is longer


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """One field before and after.  ``follows`` marks what the person did not write but what follows from it."""

    field: str
    before: str
    after: str
    follows: bool = False


@dataclass(frozen=True, slots=True)
class RowEdit:
    """One row before and after, read in the direction of its set."""

    kind: Literal["added", "changed", "removed"]
    before: Assertion | None
    after: Assertion | None
    fields: tuple[FieldEdit, ...] = ()
    line: int = 0

    @property
    def row(self) -> Assertion:
        """The row as it stands afterwards; a removed one as it stood."""
        found = self.after or self.before
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Edits:
    """What an edited export changes.  ``missing`` are stored rows of the same sets and frameworks that the file does
    not name; ``unchanged`` counts those it repeats.  ``release`` is the release it was exported from, if it says so."""

    incoming: Incoming
    release: str
    added: tuple[RowEdit, ...]
    changed: tuple[RowEdit, ...]
    removed: tuple[RowEdit, ...]
    missing: tuple[Assertion, ...]
    unchanged: int
    findings: tuple[Finding, ...]

    @property
    def all(self) -> tuple[RowEdit, ...]:
        """Every edit: added, changed, removed."""
        return (*self.added, *self.changed, *self.removed)

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that are changed."""
        return tuple(sorted({edit.row.set_id for edit in self.all}))


def is_export(incoming: Incoming, release: Release) -> bool:
    """Whether a file is an export of this graph: rows of sets that it has, or a crosswalk that names no set."""
    if incoming.kind is Kind.CROSSWALK:
        named = {row.set_id for row in incoming.rows} - {""}
        return not named or not named.isdisjoint(release.sets)
    own = incoming.about.get("set", "").rpartition("/")[2]
    return own in release.sets or any(row.row_id and row.set_id in release.sets for row in incoming.rows)


def compare(
    incoming: Incoming,
    release: Release,
    *,
    day: date,
    remove_missing: bool = False,
    words: Mapping[str, str] | None = None,
) -> Edits:
    """What an edited export changes in ``release``; ``day`` is the day of the changes.

    Raises :class:`~kg.errors.InputError` with every finding, each in its cell, and nothing is half-read.
    """
    return _Comparison(incoming, release, day, words or {}).edits(remove_missing)


class _Comparison:
    """One file against a release."""

    def __init__(self, incoming: Incoming, release: Release, day: date, words: Mapping[str, str]) -> None:
        self.incoming, self.release, self.day = incoming, release, day
        self.reader = Reader(incoming, release, Declared(words=words))
        self.by_id = {m.id: m for m in release.mappings}
        self.by_ends: defaultdict[tuple[str, str, str], list[Assertion]] = defaultdict(list)
        for m in release.mappings:
            self.by_ends[m.set_id, m.subject, m.object].append(m)
        self.findings = list(incoming.findings)
        self.own = incoming.about.get("set", "").rpartition("/")[2]
        self.used: dict[str, Row] = {}

    def say(self, row: Row, name: str, code: str, message: str, hint: str = "", *, warning: bool = False) -> None:
        """A finding in a cell."""
        self.findings.append(finding(self.incoming.path, row, name, code, message, hint, warning=warning))

    def edits(self, remove_missing: bool) -> Edits:
        rows = self.incoming.rows
        named = Counter(row.row_id for row in rows if row.row_id)
        matched: list[tuple[int, Row, Assertion]] = []
        fresh: list[tuple[int, Row]] = []
        for ordinal, row in enumerate(rows):
            stored = self._stored(row, named)
            if isinstance(stored, Assertion):
                matched.append((ordinal, row, stored))
            elif stored == "new":
                fresh.append((ordinal, row))
        changed: list[RowEdit] = []
        unchanged = 0
        for ordinal, row, stored in matched:
            edit = self._changed(ordinal, row, stored)
            if edit is None:
                unchanged += 1
            elif edit.fields:
                changed.append(edit)
        added = [edit for ordinal, row in fresh if (edit := self._added(ordinal, row)) is not None]
        found = [*self.findings, *self.reader.findings, *self.reader.unknown]
        if any(f.severity == "error" for f in found):
            raise InputError(sorted(set(found), key=lambda f: (f.severity != "error", f)))
        missing = self._missing({m.id for _, _, m in matched}, added, matched)
        removed = [RowEdit("removed", m, None) for m in missing] if remove_missing else []
        if remove_missing:
            found += self._unnamed_sets([m for _, _, m in matched])
        gone = {e.before.id for e in (*changed, *removed) if e.before is not None}
        kept = [m for m in self.release.mappings if m.id not in gone]
        new = [e.after for e in (*added, *changed) if e.after is not None]
        if new:
            first = self.release.sets[new[0].set_id]
            found += checked(self.release, self.incoming, first, new, instead=kept)
        self._other_release(found)
        order = self._order
        return Edits(
            self.incoming,
            self.incoming.about.get("release", ""),
            tuple(sorted(added, key=order)),
            tuple(sorted(changed, key=order)),
            tuple(sorted(removed, key=order)),
            () if remove_missing else tuple(missing),
            unchanged,
            tuple(dict.fromkeys(found)),
        )

    @staticmethod
    def _order(edit: RowEdit) -> tuple[str, str, str, str]:
        m = edit.before or edit.row
        return (m.set_id, m.subject, m.object, m.rationale_kind)

    # ------------------------------------------------------------ which row is it

    def _set_of(self, row: Row) -> str:
        set_id = row.set_id or self.own
        if not set_id:
            self.say(row, "set_id", "MISSING_VALUE", "the row names no mapping set", "`kg stats` lists the sets")
        elif set_id not in self.release.sets:
            near = nearest(set_id, self.release.sets)
            hint = f"did you mean {near}? " if near else ""
            hint += "rows of a new set are imported: --set"
            self.say(row, "set_id", "UNKNOWN_ID", f"there is no mapping set {set_id!r}", hint)
            return ""
        return set_id

    def _stored(self, row: Row, named: Mapping[str, int]) -> Assertion | Literal["new", "wrong"]:
        """The stored row that a row of the file is, or that it is new."""
        set_id = self._set_of(row)
        if not set_id:
            return "wrong"
        if row.row_id:
            stored = self.by_id.get(row.row_id)
            if stored is None:
                hint = "leave the cell empty for a new row; else export again"
                self.say(row, "row_id", "UNKNOWN_ID", f"no row of this release is {row.row_id!r}", hint)
                return "wrong"
            if stored.set_id != set_id:
                message = f"the row {stored.id} is of the set {stored.set_id}, not {set_id}"
                hint = "a row stays in its set; for a row of another set leave the row's id empty"
                self.say(row, "set_id", "BAD_VALUE", message, hint)
                return "wrong"
            if named[row.row_id] > 1 and not self._is(row, stored):
                if any(r.row_id == row.row_id and self._is(r, stored) for r in self.incoming.rows):
                    return "new"  # a copy of a row, made into another
                message = f"the row {row.row_id} stands {named[row.row_id]} times, and none is as it was"
                self.say(row, "row_id", "DUPLICATE_ROW", message, "leave the row's id empty in the new ones")
                return "wrong"
        else:
            candidates = [m for m in self._at(set_id, row) if self._is(row, m)]
            if not candidates:
                return "new"
            turned = row.turned.casefold() == "yes"
            exact = [m for m in candidates if (m.subject == row.subject) is not turned]
            stored = (exact or candidates)[0]
        if stored.id in self.used:
            message = f"{row.subject} → {row.object} stands in the file twice"
            self.say(row, "subject", "DUPLICATE_ROW", message, "keep one")
            return "wrong"
        self.used[stored.id] = row
        return stored

    def _at(self, set_id: str, row: Row) -> list[Assertion]:
        return self.by_ends[set_id, row.subject, row.object] + self.by_ends[set_id, row.object, row.subject]

    @staticmethod
    def _is(row: Row, m: Assertion) -> bool:
        """Whether a row names the ends and the rationale kind of a stored one."""
        same = {row.subject, row.object} == {m.subject, m.object}
        return same and ("kind" not in row.fields or row.kind in ("", m.rationale_kind.value))

    # ------------------------------------------------------------ what is different

    def _turned(self, row: Row, stored: Assertion) -> bool:
        """Whether the file reads the row against the direction of its set."""
        if (row.subject, row.object) == (stored.subject, stored.object):
            return False
        if (row.subject, row.object) == (stored.object, stored.subject):
            return True
        if stored.subject in (row.subject,) or stored.object in (row.object,):
            return False
        if stored.object in (row.subject,) or stored.subject in (row.object,):
            return True
        if prefix_of(stored.subject) != prefix_of(stored.object):
            return prefix_of(row.subject) == prefix_of(stored.object)
        return row.turned.casefold() == "yes"

    def _read(self, ordinal: int, row: Row, set_id: str, turned: bool) -> Assertion | None:
        """The row of the file as an assertion in the direction of its set."""
        said = self.reader.assertion(row, set_id, ordinal)
        if said is None or not turned:
            return said
        return replace(
            said,
            subject=said.object,
            object=said.subject,
            relation=word(inverse(said.mask)),
            subject_version=said.object_version,
            object_version=said.subject_version,
        )

    def _changed(self, ordinal: int, row: Row, stored: Assertion) -> RowEdit | None:
        """The difference to the stored row; ``None`` where there is none, without fields where it cannot be read."""
        self._derived(row, stored)
        said = self._read(ordinal, row, stored.set_id, self._turned(row, stored))
        if said is None:
            return RowEdit("changed", stored, stored)
        after = stored
        fields = []
        for name in EDITABLE:
            if name not in ("subject", "object") and _READ.get(name, name) not in row.fields:
                continue
            before, now = getattr(stored, name), getattr(said, name)
            if name == "reviewers":
                now = tuple(r.strip() for r in row.reviewers.split("|") if r.strip())
            if name == "rationale_kind" and not row.kind:
                now = before
            if name == "method" and not row.method:
                now = before
            if not _same(before, now):
                fields.append(FieldEdit(name, _shown(before), _shown(now)))
                after = replace(after, **{name: now})
        if not fields:
            return None
        edited = {f.field for f in fields}
        if edited & _JUDGEMENT:
            if after.reviewers and "reviewers" not in edited:
                fields.append(FieldEdit("reviewers", _shown(after.reviewers), "", True))
                after = replace(after, reviewers=())
            if "date" not in edited and after.date != self.day:
                fields.append(FieldEdit("date", _shown(after.date), self.day.isoformat(), True))
                after = replace(after, date=self.day)
        after = replace(after, source=Source(self.incoming.path, ordinal))
        return RowEdit("changed", stored, after, tuple(fields), row.line)

    def _added(self, ordinal: int, row: Row) -> RowEdit | None:
        set_id = row.set_id or self.own
        said = self._read(ordinal, row, set_id, row.turned.casefold() == "yes")
        if said is None:
            return None
        versions = []
        for id_, version in ((said.subject, said.subject_version), (said.object, said.object_version)):
            framework = self.release.frameworks.get(prefix_of(id_))
            texts = framework.text_versions if framework else ()
            stated = len(texts) > 1 and self._states_texts(set_id)
            versions.append(version or (texts[-1].date.isoformat() if stated else ""))
        if row.reviewers:
            said = replace(said, reviewers=tuple(r.strip() for r in row.reviewers.split("|") if r.strip()))
        said = replace(said, subject_version=versions[0], object_version=versions[1], date=said.date or self.day)
        return RowEdit("added", None, said, (), row.line)

    def _states_texts(self, set_id: str) -> bool:
        """Whether the rows of a set say on which text they were judged."""
        return any(m.subject_version or m.object_version for m in self.release.mappings if m.set_id == set_id)

    def _derived(self, row: Row, stored: Assertion) -> None:
        """What a crosswalk shows beside a row and what is not its own: an edit there would be lost, so it is said."""
        authority = self.release.sets[stored.set_id].authority.value
        if row.authority and row.authority != authority:
            message = f"the authority of {stored.set_id} is {authority}"
            self.say(row, "authority", "BAD_VALUE", message, "a set's authority is declared in its file, for all rows")
        reviewed = "yes" if stored.reviewed else "no"
        if row.reviewed and row.reviewed.casefold() != reviewed:
            message = f"the row is {'reviewed' if stored.reviewed else 'not reviewed'}"
            hint = "a reviewer signs in curators.tsv and stands in the row's reviewer_id"
            self.say(row, "reviewed", "BAD_VALUE", message, hint)

    # ------------------------------------------------------------ what is not there

    def _missing(
        self, seen: set[str], added: Sequence[RowEdit], matched: Sequence[tuple[int, Row, Assertion]]
    ) -> list[Assertion]:
        """Stored rows of the sets of the file, between the frameworks of the file, that it does not name and that stand
        in the texts of its day."""
        rows = [m for _, _, m in matched] + [e.after for e in added if e.after is not None]
        whole = self.incoming.kind is Kind.SSSOM and bool(self.own in self.release.sets)
        pairs = {frozenset((prefix_of(m.subject), prefix_of(m.object))) for m in rows}
        sets = {self.own} if whole else {m.set_id for m in rows}
        day = self._as_of()
        return [
            m
            for m in self.release.mappings
            if m.set_id in sets
            and m.id not in seen
            and (whole or frozenset((prefix_of(m.subject), prefix_of(m.object))) in pairs)
            and (whole or (self._stands(m.subject, day) and self._stands(m.object, day)))
        ]

    def _unnamed_sets(self, rows: Sequence[Assertion]) -> list[Finding]:
        """A warning for sets between the frameworks of a crosswalk of which it names no row: it may have been exported
        without them, so their rows stay."""
        pairs = {frozenset((prefix_of(m.subject), prefix_of(m.object))) for m in rows}
        named = {m.set_id for m in rows}
        others = Counter(
            m.set_id
            for m in self.release.mappings
            if m.set_id not in named and frozenset((prefix_of(m.subject), prefix_of(m.object))) in pairs
        )
        if not others or self.own:
            return []
        said = ", ".join(f"{set_id} ({count:,})" for set_id, count in sorted(others.items()))
        message = f"no row of these sets is in the file, and all of theirs stay: {said}"
        return [Finding(self.incoming.path, 0, "KEPT_ROWS", message, severity="warning")]

    def _as_of(self) -> date:
        try:
            return date.fromisoformat(self.incoming.about.get("as_of", "")[:10])
        except ValueError:
            return self.day

    def _stands(self, id_: str, day: date) -> bool:
        provision = self.release.provisions.get(id_)
        return provision is None or provision.in_text(self.release.text_in_force(provision.framework, day))

    def _other_release(self, found: list[Finding]) -> None:
        said = self.incoming.about.get("release", "")
        if said and said != self.release.digest:
            message = f"the file was exported from release {said}, and this is {self.release.digest}"
            hint = "what changed between the two looks like an edit here; export again and edit that"
            found.append(Finding(self.incoming.path, 0, "OTHER_RELEASE", message, hint, severity="warning"))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "|".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _same(before: object, now: object) -> bool:
    """Whether two values are the same to whoever reads the file: blanks are, and a text that a cell cut is."""
    if isinstance(before, str) and isinstance(now, str) and not isinstance(before, Enum):
        before, now = line_of_text(before), line_of_text(now)
        if len(before) > _MOST_CELL and now.endswith("…"):
            return before.startswith(now[:-1].rstrip())
    return before == now


# ------------------------------------------------------------------ where it goes


def set_file(release: Release, set_id: str) -> Path:
    """The file a set was read from.  Raises :class:`~kg.errors.UsageError` if it is not there any more."""
    places = [Path(release.sets[set_id].source.path)] if release.sets[set_id].source.path else []
    for folder in (builtin_data(), *release.folders):
        places += sorted((folder / "mappings").rglob("*.sssom.tsv"))
    wanted = set_iri(set_id)
    for place in places:
        if place.is_file() and place.name.endswith(".sssom.tsv"):
            with place.open(encoding="utf-8-sig") as lines:
                head = [next(lines, "") for _ in range(40)]
            if any(line.startswith("#") and line.split() and line.split()[-1].strip("'\"") == wanted for line in head):
                return place
    raise UsageError(f"the file of the mapping set {set_id} is not there", "run where the data folders are")


def patched(edits: Edits, release: Release, *, corrections: bool = False) -> dict[Path, tuple[str, str]]:
    """The files of the sets that change: path → their text before and after, in canonical form.

    ``corrections`` says that edits of sets that another body stands behind mend our copy of what it says.  Raises
    :class:`~kg.errors.UsageError` where such a set would change without, or the file is of another release.
    """
    _same_release(edits, release)
    foreign = [s for s in edits.sets if release.sets[s].authority in _NOT_OURS]
    if foreign and not corrections:
        names = ", ".join(f"{s} ({release.sets[s].authority})" for s in foreign)
        hint = "make the edits a set of your own with --set, or say with --correction that the copy of it is mended"
        raise UsageError(f"another body stands behind {names}: it does not say what was edited", hint)
    found = {}
    for set_id in edits.sets:
        path = set_file(release, set_id)
        before = path.read_bytes().decode("utf-8-sig")
        mine = [edit for edit in edits.all if edit.row.set_id == set_id]
        found[path] = (before, _applied(before, mine, release))
    return found


def _same_release(edits: Edits, release: Release) -> None:
    if edits.release and edits.release != release.digest:
        message = f"the file was exported from release {edits.release}, and this is {release.digest}"
        raise UsageError(message, "export again and edit that: else changes made since would be taken back")


def _applied(text: str, edits: Sequence[RowEdit], release: Release) -> str:
    header, rows = sssom_document(text)
    place: dict[tuple[str, str, str], int] = {}
    for index, row in enumerate(rows):
        prefix, _, name = row["predicate_id"].partition(":")
        if prefix == "kg" and (name, row.get("predicate_modifier", "")) in _PREDICATES:
            place[row["subject_id"], row["object_id"], row.get("rationale_kind") or "functional"] = index
    gone: set[int] = set()
    fresh: list[dict[str, str]] = []
    for edit in edits:
        m = edit.before
        if m is not None:
            index = place[m.subject, m.object, m.rationale_kind.value]
            if edit.after is None:
                gone.add(index)
            else:
                rows[index] = _edited(rows[index], edit, release)
        elif edit.after is not None:
            fresh.append(row_cells(edit.after, release, _justification(edit.after)))
    return sssom_text(header, [row for index, row in enumerate(rows) if index not in gone] + fresh)


_PREDICATES = {
    (p.partition(":")[2], modifier)
    for p, modifier in map(
        predicate_of,
        ("equal", "subset_of", "superset_of", "intersects_with", "no_relationship", "at_least", "at_most", "related"),
    )
}
_CELLS_OF = {
    "subject": ("subject_id", "subject_label"), "object": ("object_id", "object_label"),
    "relation": ("predicate_id", "predicate_modifier"), "rationale_kind": ("rationale_kind",),
    "rationale": ("rationale",), "strength": ("strength",), "confidence": ("confidence",), "method": ("method",),
    "date": ("mapping_date",), "citation": ("see_also",), "note": ("comment",),
    "subject_version": ("subject_source_version",), "object_version": ("object_source_version",),
    "reviewers": ("reviewer_id",),
}  # fmt: skip


def _edited(cells: Mapping[str, str], edit: RowEdit, release: Release) -> dict[str, str]:
    """A row of a file with the fields that changed, and no other cell touched."""
    assert edit.after is not None
    now = row_cells(edit.after, release, cells.get("mapping_justification", ""))
    found = dict(cells)
    for change in edit.fields:
        for name in _CELLS_OF[change.field]:
            found[name] = now[name]
        if change.field == "method":
            found["mapping_justification"] = _justification(edit.after)
    return found


def _justification(m: Assertion) -> str:
    human = m.method is Method.HUMAN
    return "semapv:ManualMappingCuration" if human else "semapv:BackgroundKnowledgeBasedMatching"


def own_set(edits: Edits, release: Release, declared: Declared) -> Planned:
    """Rows added and changed as assertions of a set of one's own, beside what the stored sets say.

    A set of one's own takes nothing away: removed rows stay, and the findings say so.  Raises
    :class:`~kg.errors.UsageError` and :class:`~kg.errors.InputError` as :func:`~kg.importers.mappings.plan.plan` does.
    """
    _same_release(edits, release)
    mapping_set = planned_set(edits.incoming, release, declared)
    rows = [
        replace(e.after, set_id=mapping_set.id, reviewers=())
        for e in (*edits.added, *edits.changed)
        if e.after is not None
    ]
    if not rows:
        raise UsageError("no row is added or changed, so there is nothing to put into a set", "edit a row first")
    warnings = [f for f in edits.findings if f.code != "CONTRADICTION_BETWEEN_SETS"]
    if edits.removed:
        message = "rows that the file leaves out stay in their sets, from which a set of one's own takes nothing"
        message += f": {len(edits.removed):,}"
        warnings.append(Finding(edits.incoming.path, 0, "KEPT_ROWS", message, severity="warning"))
    warnings += checked(release, edits.incoming, mapping_set, rows)
    return assembled(mapping_set, rows, [_justification(m) for m in rows], release, warnings)
