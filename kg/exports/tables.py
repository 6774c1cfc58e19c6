"""An answer as rows: the one place where the columns of every table are named, described and filled.

    document(answer, release)   → Document: what a reader must know (facts, legend, licences, disclaimers)
                                  and the tables: columns with names, titles, descriptions and widths, and rows

``kg.exports.csv``, ``markdown`` and ``xlsx`` and the command line write what stands here and add nothing.
Column names are those of the JSON.  A cell is text, a number, nothing, or a :class:`Link`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

if TYPE_CHECKING:
    from kg.answers import StepView
    from kg.model import Disclaimer
    from kg.release import Release

__all__ = [
    "Cell", "Column", "Document", "Link", "Rows", "Table", "chain_text", "document", "link_to", "text_of", "yes",
]  # fmt: skip


class Link(NamedTuple):
    """Text that leads somewhere: the official text of a framework, or a case of the incident database."""

    text: str
    url: str


Cell = str | int | float | Link | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``name`` as in the JSON, ``title`` for people, what it means, and its width in characters.

    A ``detail`` is left out where a page has no room for every column (Markdown, paper); what is ``aside`` stays in
    Markdown and is left out on paper only, where long chains would make everything else too small to read.  A ``share``
    is a number from 0 to 100 that a workbook colours by its height, a ``heat`` one coloured beside all others of its
    kind in the table.
    """

    name: str
    title: str
    description: str
    width: int = 16
    kind: Literal["text", "number", "verdict"] = "text"
    detail: bool = False
    share: bool = False
    aside: bool = False
    heat: bool = False

    @property
    def printed(self) -> bool:
        """Whether it stands on paper."""
        return not (self.detail or self.aside)


#: Rows that are handled at once: enough for speed, few enough for the processor's caches.
_CHUNK = 2048


class Rows(Sequence[tuple[Cell, ...]]):
    """Many rows, made a chunk of columns at a time when they are read, and never kept.

    ``columns(start, stop)`` gives the cells of these rows column by column; it must give the same each time.
    """

    __slots__ = ("_count", "columns")

    def __init__(self, count: int, columns: Callable[[int, int], Sequence[Sequence[Cell]]]) -> None:
        self._count, self.columns = count, columns

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> tuple[Cell, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Cell, ...], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[Cell, ...] | tuple[tuple[Cell, ...], ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._count)))
        place = range(self._count)[index]
        return tuple(column[0] for column in self.columns(place, place + 1))

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        for start in range(0, self._count, _CHUNK):
            yield from zip(*self.columns(start, min(start + _CHUNK, self._count)), strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._count)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns.  ``empty`` is the sentence that stands in place of no rows; ``muted`` are the numbers of
    rows that do not count (a requirement that does not apply), so that no colour shouts there.

    Where ``block`` is not 0, rows that follow each other with the same first ``block`` cells belong together;
    ``totals`` is the number of rows at the end that sum up the others.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""
    empty: str = "Nothing to list."
    muted: frozenset[int] = frozenset()
    block: int = 0
    totals: int = 0

    def chunks(self) -> Iterator[Sequence[Sequence[Cell]]]:
        """The cells column by column, a few thousand rows at a time."""
        for start in range(0, len(self.rows), _CHUNK):
            stop = min(start + _CHUNK, len(self.rows))
            rows = self.rows
            yield rows.columns(start, stop) if isinstance(rows, Rows) else list(zip(*rows[start:stop], strict=True))

    def records(self) -> list[dict[str, Cell]]:
        """The rows as column name → cell."""
        names = [c.name for c in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Document:
    """An answer ready to be written: ``tables[0]`` is the main one, which CSV writes alone.

    ``stamp`` are the columns that a bare table needs to stay defensible: release and date.  ``marker`` is what
    a program that reads the workbook back must know of it; ``views`` makes further tables of the same facts for which
    only a workbook has room.
    """

    name: str
    title: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    legend: tuple[tuple[str, str], ...] = ()
    licences: tuple[tuple[str, str], ...] = ()
    disclaimers: tuple[Disclaimer, ...] = ()
    stamp: tuple[tuple[str, str], ...] = ()
    day: date = date(2000, 1, 1)
    marker: tuple[tuple[str, str], ...] = ()
    views: Callable[[], tuple[Table, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def sheets(self) -> tuple[Table, ...]:
        """The tables of a workbook in its order: the main one, the views, the rest.  Made anew each time."""
        return (self.tables[0], *self.views(), *self.tables[1:])


#: Answer → the module of :mod:`kg.exports` and the function in it that lays it out.
_BUILDERS: dict[str, tuple[str, str]] = {
    "Comparison": ("tables_changes", "comparison_document"),
    "Concerns": ("tables_exposure", "concerns_document"),
    "Coverage": ("tables_assessment", "coverage_document"),
    "Crosswalk": ("tables_crosswalk", "crosswalk_document"),
    "Duties": ("tables_deliverables", "duties_document"),
    "EvidenceReport": ("tables_evidence", "evidence_document"),
    "Explain": ("tables_assessment", "explain_document"),
    "ExposureRanking": ("tables_exposure", "ranking_document"),
    "FrameworkListing": ("tables_listing", "framework_document"),
    "GapReport": ("tables_assessment", "gaps_document"),
    "GraphListing": ("tables_listing", "graph_document"),
    "Lens": ("tables_profile", "lens_document"),
    "Overlap": ("tables_overlap", "overlap_document"),
    "OverlapMatrix": ("tables_overlap", "matrix_document"),
    "OverlapPair": ("tables_overlap", "pair_document"),
    "Plan": ("tables_plan", "plan_document"),
    "ProfileDraft": ("tables_profile", "draft_document"),
    "Questionnaire": ("tables_profile", "questions_document"),
    "Readiness": ("tables_exposure", "readiness_document"),
    "SetListing": ("tables_listing", "set_document"),
    "Singles": ("tables_plan", "singles_document"),
    "StatementOfApplicability": ("tables_deliverables", "statement_document"),
    "SuggestionReport": ("tables_suggestions", "suggestions_document"),
    "Timeline": ("tables_profile", "timeline_document"),
    "WhatIf": ("tables_changes", "whatif_document"),
}


def document(answer: Any, release: Release) -> Document:
    """The document of an answer.  Raises :class:`TypeError` for what has no table form."""
    name = type(answer).__name__
    if name not in _BUILDERS:
        raise TypeError(f"no table form for {name}")
    module, function = _BUILDERS[name]
    found: Document = getattr(import_module(f"kg.exports.{module}"), function)(answer, release)
    return found


# ---------------------------------------------------------------- cells


def text_of(cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return ""
    return cell.text if isinstance(cell, Link) else str(cell)


def yes(value: bool) -> str:
    """A truth value as people read it."""
    return "yes" if value else "no"


def link_to(release: Release, id_: str, text: str | None = None) -> Cell:
    """The CURIE (or ``text``) of a provision, leading to the official text that brought it; of anything else,
    plain text."""
    shown = id_ if text is None else text
    provision = release.provisions.get(id_)
    if provision is None:
        return shown
    versions = release.frameworks[provision.framework].text_versions
    standing = [v.url for v in versions if provision.in_text(v.date) and v.url]
    url = provision.url or (standing[0] if standing else release.frameworks[provision.framework].url)
    return Link(shown, url) if url.startswith(("https://", "http://")) else shown


def _step_text(step: StepView) -> str:
    said = f"{step.subject} {step.relation} {step.object}"
    if step.kind == "own":
        return f"{said} [own row]"
    if step.kind == "part":
        return f"{said} [part]"
    review = "reviewed" if step.reviewed else "not reviewed"
    return f"{said} [{step.row} of {step.set}, {step.authority}, {step.method}, {review}]"


def chain_text(steps: Iterable[StepView], members: Iterable[tuple[str, str]] = ()) -> str:
    """A chain in one line: every step *subject relation object* with the row it stands on."""
    joined = " + ".join(f"{member} by {control}" for member, control in members)
    chain = "; ".join(_step_text(s) for s in steps)
    return f"joined from {joined}; {chain}" if joined else chain


def set_licences(release: Release, sets: Iterable[str]) -> list[tuple[str, str]]:
    """What may be done with the rows an answer stands on: each set's title and publisher, and its licence."""
    used = set(sets) - {""}
    return [
        (f"{s.title} ({s.id}; {s.publisher})" if s.publisher else f"{s.title} ({s.id})", s.licence)
        for s in release.sets.values()
        if s.id in used
    ]


def text_licences(release: Release, names: Iterable[str]) -> list[tuple[str, str]]:
    """The licences of the frameworks and catalogues named."""
    wanted = set(names)
    found = [(f.title, f.licence) for f in release.frameworks.values() if f.id in wanted]
    return found + [(c.title, c.licence) for c in release.catalogues.values() if c.id in wanted]
