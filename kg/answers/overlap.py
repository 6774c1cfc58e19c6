"""How much of one framework another gives: what would be covered by an organisation that did all of it.

    overlap(release, source, target, …)    → Overlap: what doing all of ``source`` covers of ``target``, what is left
    both_ways(release, one, other, …)      → OverlapPair: each direction by itself
    overlap_matrix(release, …)             → OverlapMatrix: every source against every target, counted
    assume(release, source, …)             → Assumption: the organisation that all of these suppose

The giving side is an organisation that does every provision of the source whose requirements all concern it, voluntary
ones too, each by an implemented control *equal* to that provision; or every reference control of a catalogue.  What it
covers is judged like the controls of any organisation (``docs/semantics.md``): an overlap of two provisions is never a
cover, several overlaps never add up to one, and a row is never read further than it says.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from kg.answers.applicability import Applicability, Decision
from kg.answers.coverage import Assessment, Counts, Explanation, Group, RequirementResult, StepView, assess
from kg.answers.filter import Filter
from kg.answers.hypothetical import framework_controls
from kg.answers.verdict import Reason, Verdict
from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import Control, ControlRow, ControlStatus, Disclaimer, Profile, Provision
from kg.relations import EQUAL
from kg.release import Release
from kg.terms import prefix_of

if TYPE_CHECKING:
    from kg.answers.overlap_cells import Cells

__all__ = [
    "Assumption", "MemberChain", "NotAssumed", "Overlap", "OverlapCell", "OverlapMatrix", "OverlapPair", "RowsBehind",
    "SetRows", "SourceSide", "TargetSide", "assume", "both_ways", "overlap", "overlap_matrix",
    "overlap_sentence",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NotAssumed:
    """A requirement of the source that is not assumed done, and why: it does not concern the organisation, or not
    yet."""

    curie: str
    ref: str
    title: str
    applicability: Applicability
    because: str
    explanation: str


@dataclass(frozen=True, slots=True)
class SourceSide:
    """The giving side with its own denominator: of ``total`` requirements (reference controls, for a catalogue)
    ``assumed`` are taken as met; ``provisions`` is how many provisions, wholes included, are done by that."""

    id: str
    title: str
    short_title: str
    kind: str
    text_version: date | None
    assumed: int
    total: int
    not_applicable: int
    excluded: int
    not_yet_applicable: int
    provisions: int
    not_assumed: tuple[NotAssumed, ...]


@dataclass(frozen=True, slots=True)
class TargetSide:
    """The framework that is given to, in the text in force."""

    id: str
    title: str
    short_title: str
    text_version: date


@dataclass(frozen=True, slots=True)
class SetRows:
    """How many rows of one mapping set an answer stands on, and how many of these a named person has reviewed."""

    set: str
    authority: str
    rows: int
    reviewed: int


@dataclass(frozen=True, slots=True)
class RowsBehind:
    """The rows, each once, that all covered requirements stand on together; ``reviewed`` of them by a named person."""

    rows: int
    reviewed: int
    by_set: tuple[SetRows, ...]


@dataclass(frozen=True, slots=True)
class MemberChain:
    """Where a joint node covers a requirement: the chain by which a control of the source contains a member of it."""

    joint: str
    member: str
    control: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """One direction.  ``given`` are the applicable requirements of the target that are covered, in reading order, each
    with its chain; ``left`` the others that apply, worst first; ``no_mapping`` counts those of them that no reference
    control of the graph contains or overlaps: our blind spot, no finding about the source."""

    source: SourceSide
    target: TargetSide
    release: str
    as_of: date
    profile: Profile | None
    filter: Filter
    method: str
    disclaimers: tuple[Disclaimer, ...]
    counts: Counts
    no_mapping: int
    rows: RowsBehind
    groups: tuple[Group, ...]
    given: tuple[RequirementResult, ...]
    left: tuple[RequirementResult, ...]
    joined: tuple[MemberChain, ...]

    @property
    def sentence(self) -> str:
        """The number with everything it is a number of."""
        return overlap_sentence(self.source, self.target, self.counts)


@dataclass(frozen=True, slots=True)
class OverlapPair:
    """Both directions; neither follows from the other."""

    forward: Overlap
    backward: Overlap


@dataclass(frozen=True, slots=True)
class OverlapCell:
    """One source against one target, counted; :func:`overlap` says the rest."""

    source: str
    target: str
    counts: Counts
    no_mapping: int
    rows: RowsBehind


@dataclass(frozen=True, slots=True)
class OverlapMatrix:
    """Every source against every target: cells row by row."""

    sources: tuple[SourceSide, ...]
    targets: tuple[TargetSide, ...]
    release: str
    as_of: date
    profile: Profile | None
    filter: Filter
    method: str
    disclaimers: tuple[Disclaimer, ...]
    cells: tuple[OverlapCell, ...]

    def cell(self, source: str, target: str) -> OverlapCell:
        """The cell of two ids; raises :class:`KeyError` where the matrix has none."""
        for found in self.cells:
            if (found.source, found.target) == (source, target):
                return found
        raise KeyError((source, target))


# ---------------------------------------------------------------- the giving side


class Assumption:
    """An organisation that does all of one source, put to a release on a day: ask it about any framework.

    Like the :class:`~kg.answers.Assessment` within, it is a value in all but name.
    """

    def __init__(
        self, release: Release, source: str, profile: Profile | None, as_of: date | None, filter_: Filter | None
    ) -> None:
        self.release = release
        self.id = _source(release, source)
        self.profile = profile
        self.as_of = as_of or (profile.as_of if profile and profile.as_of else None) or date.today()
        self.filter = _sorted(filter_)
        if self.id in release.frameworks:
            controls = framework_controls(release, self.id, self.as_of, profile)
        else:
            controls = _catalogue_controls(release, self.id)
        # What is done by assumption needs no evidence: an age limit would turn the whole answer into its own doubt.
        fresh = dataclasses.replace(profile, max_evidence_age_days=None) if profile else None
        self.assessment: Assessment = assess(release, controls, fresh, self.as_of, self.filter)

    @cached_property
    def side(self) -> SourceSide:
        """What is assumed, of how much, and what is not."""
        done = len(self.assessment.controls)
        if self.id not in self.release.frameworks:
            return _catalogue_side(self.release, self.id, done)
        own = self.assessment.coverage(self.id).requirements
        return _framework_side(self.release, self.id, self.as_of, [(r.requirement, r.decision) for r in own], done)

    @property
    def method(self) -> str:
        """How the numbers were made."""
        each = "provision" if self.id in self.release.frameworks else "reference control"
        return f"{_assumed_method(each)}; {self.assessment.method}"

    def overlap(self, target: str) -> Overlap:
        """What it has of ``target``.  Raises :class:`~kg.errors.UnknownIdError` for an unknown framework and
        :class:`~kg.errors.UsageError` for a catalogue, which asks for nothing."""
        found = self.assessment.coverage(_target(self.release, target))
        given = tuple(r for r in found.requirements if r.applicable and r.verdict is Verdict.COVERED)
        left = [r for r in found.requirements if r.applicable and r.verdict < Verdict.COVERED]
        joined = tuple(self._joined(given))
        steps = [s for r in given if r.explanation for s in _steps(r.explanation)]
        steps += [s for member in joined for s in member.steps]
        shown = [s for r in found.requirements if r.explanation for s in r.explanation.steps]
        passed = {prefix_of(end) for s in (*steps, *shown) for end in (s.subject, s.object)}
        return Overlap(
            source=self.side,
            target=_target_side(self.release, found.framework, self.as_of),
            release=self.release.digest,
            as_of=self.as_of,
            profile=self.profile,
            filter=self.filter,
            method=self.method,
            disclaimers=self.release.disclaimers_for(self.id, found.framework, *passed),
            counts=found.counts,
            no_mapping=sum(1 for r in left if Reason.NO_MAPPING_IN_GRAPH in r.reasons),
            rows=_rows_behind(steps),
            groups=found.groups,
            given=given,
            left=tuple(sorted(left, key=lambda r: r.verdict)),
            joined=joined,
        )

    def _joined(self, given: Sequence[RequirementResult]) -> Iterator[MemberChain]:
        """The chains to the members of the joint nodes shown, each once."""
        wanted = {
            (r.explanation.control, member, control): None
            for r in given
            if r.explanation
            for member, control in r.explanation.members
        }
        for joint, member, control in sorted(wanted):
            yield MemberChain(joint, member, control, self.assessment.member_steps(member, control))


def _catalogue_controls(release: Release, catalogue: str) -> tuple[Control, ...]:
    """One implemented control, equal to its reference control, for each of the catalogue."""
    return tuple(
        Control(f"whatif:{c.id}", f"does {c.title}", ControlStatus.IMPLEMENTED, (ControlRow(c.id, EQUAL),))
        for c in release.controls.values()
        if c.catalogue == catalogue
    )


def _catalogue_side(release: Release, catalogue: str, done: int) -> SourceSide:
    title = release.catalogues[catalogue].title
    return SourceSide(catalogue, title, catalogue, "catalogue", None, done, done, 0, 0, 0, done, ())


def _framework_side(
    release: Release, framework: str, as_of: date, decided: Sequence[tuple[Provision, Decision]], done: int
) -> SourceSide:
    """A framework with its own denominator: its requirements, each with its decision, and how many provisions are
    done."""
    found = release.frameworks[framework]
    by = Counter(d.applicability for _, d in decided)
    return SourceSide(
        id=framework,
        title=found.title,
        short_title=found.short_title,
        kind="framework",
        text_version=release.text_in_force(framework, as_of),
        assumed=by[Applicability.APPLICABLE],
        total=len(decided),
        not_applicable=by[Applicability.NOT_APPLICABLE],
        excluded=sum(1 for _, d in decided if d.because == "excluded"),
        not_yet_applicable=by[Applicability.NOT_YET_APPLICABLE],
        provisions=done,
        not_assumed=tuple(
            NotAssumed(r.id, r.ref, r.title, d.applicability, d.because, d.explanation)
            for r, d in decided
            if d.applicability is not Applicability.APPLICABLE
        ),
    )


def _target_side(release: Release, framework: str, as_of: date) -> TargetSide:
    found = release.frameworks[framework]
    return TargetSide(framework, found.title, found.short_title, release.text_in_force(framework, as_of))


def _sorted(filter_: Filter | None) -> Filter:
    asked = filter_ or Filter()
    return dataclasses.replace(asked, sets=tuple(sorted(set(asked.sets))))


def _assumed_method(each: str) -> str:
    return (
        f"assumed: an organisation that does every {each} of the source that concerns it, by an implemented control "
        "equal to it, whose evidence counts; overlaps are counted apart and never add up to covered"
    )


# ---------------------------------------------------------------- names


def _source(release: Release, name: str) -> str:
    """A framework or catalogue by id; raises :class:`~kg.errors.UnknownIdError` naming the nearest."""
    known = (*release.frameworks, *release.catalogues)
    if name in known:
        return name
    near = nearest(name, known)
    hint = f"did you mean {near}? " if near else ""
    raise UnknownIdError(f"there is no framework or catalogue {name!r}", f"{hint}one of: {', '.join(known)}")


def _target(release: Release, name: str) -> str:
    if name in release.catalogues and name not in release.frameworks:
        message = f"{name} is a catalogue of reference controls: it asks for nothing that could be covered"
        raise UsageError(message, f"a target is one of: {', '.join(release.frameworks)}")
    return release.framework(name).id


# ---------------------------------------------------------------- rows and sentences


def _steps(e: Explanation) -> Iterator[StepView]:
    yield from e.steps
    for chain in e.supporting:
        yield from chain


def _rows_behind(steps: Iterable[StepView]) -> RowsBehind:
    rows = {s.row: s for s in steps if s.row}
    sets = sorted({(s.set, s.authority) for s in rows.values()})
    counted = tuple(
        SetRows(
            set=name,
            authority=authority,
            rows=sum(1 for s in rows.values() if s.set == name),
            reviewed=sum(1 for s in rows.values() if s.set == name and s.reviewed),
        )
        for name, authority in sets
    )
    return RowsBehind(len(rows), sum(1 for s in rows.values() if s.reviewed), counted)


def overlap_sentence(source: SourceSide, target: TargetSide, n: Counts) -> str:
    """What a source gives of a target, with both denominators."""
    share = "n/a" if n.percent_covered is None else f"{n.percent_covered:.1f} %"
    what = "requirements" if source.kind == "framework" else "reference controls"
    own = f" ({n.excluded} excluded by the organisation)" if n.excluded else ""
    later = f"{n.not_yet_applicable} not yet applicable"
    if n.not_yet_applicable:
        later += f" ({n.not_yet_applicable_covered} of them covered already)"
    return (
        f"From {source.short_title} ({source.assumed} of its {source.total} {what} assumed done) to "
        f"{target.short_title}: {n.covered} of {n.applicable} applicable requirements are covered ({share}; "
        f"{n.covered_reviewed} of them without any unreviewed row), {n.partial} partial, {n.lead} leads, {n.gap} gaps; "
        f"{n.disputed} disputed. Beside them {n.not_applicable} not applicable{own} and {later}; "
        f"{n.total} requirements in all."
    )


# ---------------------------------------------------------------- the answers


def assume(
    release: Release,
    source: str,
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> Assumption:
    """The organisation that does all of ``source``, a framework or a catalogue.  Raises
    :class:`~kg.errors.UnknownIdError` for neither."""
    return Assumption(release, source, profile, as_of, filter_)


def overlap(
    release: Release,
    source: str,
    target: str,
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> Overlap:
    """How much of ``target`` doing all of ``source`` gives, for a profile and a day."""
    name = _target(release, target)
    return assume(release, source, profile, as_of, filter_).overlap(name)


def both_ways(
    release: Release,
    one: str,
    other: str,
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> OverlapPair:
    """:func:`overlap` in both directions, between two frameworks."""
    names = _target(release, one), _target(release, other)
    day = as_of or (profile.as_of if profile and profile.as_of else None) or date.today()
    forward = overlap(release, names[0], names[1], profile, day, filter_)
    return OverlapPair(forward, overlap(release, names[1], names[0], profile, day, filter_))


def overlap_matrix(
    release: Release,
    sources: Iterable[str] | None = None,
    targets: Iterable[str] | None = None,
    profile: Profile | None = None,
    as_of: date | None = None,
    filter_: Filter | None = None,
) -> OverlapMatrix:
    """Every source (frameworks and catalogues; all frameworks where none is named) against every target (frameworks;
    all where none is named), in the order of the release whatever the order they are named in."""
    from kg.answers.overlap_cells import cells

    asked = {_source(release, s) for s in (release.frameworks if sources is None else sources)}
    wanted = {_target(release, t) for t in (release.frameworks if targets is None else targets)}
    if not asked or not wanted:
        raise UsageError("a matrix needs a source and a target", "leave them out for all frameworks")
    columns = [t for t in release.frameworks if t in wanted]
    day = as_of or (profile.as_of if profile and profile.as_of else None) or date.today()
    givers = [s for s in (*release.frameworks, *release.catalogues) if s in asked]
    stated = {d.id for s in givers for t in columns for d in release.disclaimers_for(s, t)}
    if len(stated) < len(release.disclaimers):
        # A caution may hang on what a chain passes on its way: only the chains shown say that.
        return _one_by_one(release, givers, columns, profile, day, filter_)
    nobody = assess(release, (), profile, day, _sorted(filter_))
    found = cells(nobody.graph, givers, columns, profile, day)
    behind = _behind(release, found)
    ends = [(s, t) for s in givers for t in columns]
    return OverlapMatrix(
        sources=tuple(
            _framework_side(release, s, day, found.decided[s], n)
            if s in release.frameworks
            else _catalogue_side(release, s, n)
            for s, n in zip(givers, found.done, strict=True)
        ),
        targets=tuple(_target_side(release, t, day) for t in columns),
        release=release.digest,
        as_of=day,
        profile=profile,
        filter=nobody.filter,
        method=f"{_assumed_method('provision or reference control')}; {nobody.method}",
        disclaimers=tuple(d for d in release.disclaimers.values() if d.id in stated),
        cells=tuple(
            OverlapCell(s, t, counts, no_mapping, rows)
            for (s, t), counts, no_mapping, rows in zip(ends, found.counts, found.no_mapping, behind, strict=True)
        ),
    )


def _behind(release: Release, found: Cells) -> list[RowsBehind]:
    """The rows of each cell; sets of as many rows are one object."""
    sets = sorted((s.id, s.authority.value, i) for i, s in enumerate(release.sets.values()))
    order = [i for *_, i in sets]
    rows, reviewed = found.rows[:, order], found.reviewed[:, order]
    cell, place = rows.nonzero()
    by_cell: list[list[SetRows]] = [[] for _ in range(len(rows))]
    made: dict[tuple[int, int, int], SetRows] = {}
    some = (cell.tolist(), place.tolist(), rows[cell, place].tolist(), reviewed[cell, place].tolist())
    for c, p, n, m in zip(*some, strict=True):
        one = made.get((p, n, m))
        if one is None:
            one = made[p, n, m] = SetRows(sets[p][0], sets[p][1], n, m)
        by_cell[c].append(one)
    totals = zip(rows.sum(axis=1).tolist(), reviewed.sum(axis=1).tolist(), by_cell, strict=True)
    return [RowsBehind(n, m, tuple(each)) for n, m, each in totals]


def _one_by_one(
    release: Release, rows: Sequence[str], columns: Sequence[str], profile: Profile | None, day: date,
    filter_: Filter | None,
) -> OverlapMatrix:  # fmt: skip
    """The same of one source after another, with every chain."""
    givers = [assume(release, s, profile, day, filter_) for s in rows]
    found = [(giver, giver.overlap(t)) for giver in givers for t in columns]
    cautions = {d.id for _, o in found for d in o.disclaimers}
    return OverlapMatrix(
        sources=tuple(giver.side for giver in givers),
        targets=tuple(o.target for _, o in found[: len(columns)]),
        release=release.digest,
        as_of=day,
        profile=profile,
        filter=givers[0].filter,
        method=f"{_assumed_method('provision or reference control')}; {givers[0].assessment.method}",
        disclaimers=tuple(d for d in release.disclaimers.values() if d.id in cautions),
        cells=tuple(OverlapCell(giver.id, o.target.id, o.counts, o.no_mapping, o.rows) for giver, o in found),
    )
