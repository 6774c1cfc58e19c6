"""Two assessments side by side: what changed for which requirement, and what made the change.

compare(before, after, frameworks)   → Comparison

An answer follows from a handful of things: the controls, their evidence, the profile, the day, the text in force, the
release and the filter.  What made a change is found by trying: of the things that differ, one after the other is taken
from ``after`` while the rest stay as in ``before``.  Each thing that alone gives the new answer is a cause; where none
does, the smallest sets that together do are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import combinations
from typing import Any

from kg.answers.applicability import Applicability
from kg.answers.coverage import Assessment, Counts, RequirementResult
from kg.answers.verdict import Verdict
from kg.model import Control, Disclaimer, Mapping, Profile
from kg.release import Release

__all__ = [
    "Cause", "CauseKind", "Causes", "Change", "ChangeKind", "Comparison", "ComparisonSide", "Direction",
    "FrameworkSide", "compare",
]  # fmt: skip

#: With more differing controls than this they are not tried one by one; those of the chains shown are named.
MOST_TRIED = 50


class ChangeKind(StrEnum):
    """What changed; where several things did, the first of these."""

    ENTERED = "entered"
    LEFT = "left"
    APPLICABILITY = "applicability"
    DATE = "date"
    VERDICT = "verdict"
    REASONS = "reasons"
    CHAIN = "chain"


class Direction(StrEnum):
    """Whether the new answer is better.  It can be said only of a requirement that both sides count alike: one that
    enters or leaves the text, or starts or ceases to apply, changes the denominator (``neither``)."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    NEITHER = "neither"


class CauseKind(StrEnum):
    """What made a change."""

    CONTROL = "control"
    EVIDENCE = "evidence"
    PROFILE = "profile"
    LAW = "law"
    DATE = "date"
    MAPPING = "mapping"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Cause:
    """What suffices for a change: one kind alone, or several of which all are needed.

    ``controls`` are those whose difference matters, ``rows_added`` and ``rows_removed`` the mapping rows of the chains
    shown that only one release has (a row that says something else now is in both).
    """

    kinds: tuple[CauseKind, ...]
    text: str
    controls: tuple[str, ...] = ()
    rows_added: tuple[str, ...] = ()
    rows_removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One requirement whose answer changed.  ``before`` or ``after`` is ``None`` where it is not in the text."""

    requirement: str
    ref: str
    title: str
    framework: str
    kind: ChangeKind
    before: RequirementResult | None
    after: RequirementResult | None
    direction: Direction
    causes: tuple[Cause, ...]

    @property
    def regression(self) -> bool:
        """Whether it applies in both and is less well met now."""
        return bool(
            self.before
            and self.after
            and self.before.applicable
            and self.after.applicable
            and self.after.verdict < self.before.verdict
        )

    @property
    def new_open(self) -> bool:
        """Whether it applies only now, and is not covered."""
        applied = self.before is not None and self.before.applicable
        return bool(not applied and self.after and self.after.applicable and self.after.verdict < Verdict.COVERED)


@dataclass(frozen=True, slots=True)
class FrameworkSide:
    """One framework on one side: the text in force and its requirements, counted."""

    framework: str
    title: str
    text_version: date
    counts: Counts


@dataclass(frozen=True, slots=True)
class ComparisonSide:
    """What one of the two answers depends on, and its numbers.  A framework that the release lacks is not there."""

    release: str
    as_of: date
    profile: Profile | None
    controls: int
    method: str
    frameworks: tuple[FrameworkSide, ...]

    def of(self, framework: str) -> FrameworkSide | None:
        """One framework's part."""
        return next((f for f in self.frameworks if f.framework == framework), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two assessments side by side; ``changes`` in the order of the frameworks asked for, then of their text.

    ``regressions`` are the requirements that apply in both and are less well met; ``new_open`` those that apply only
    now and are not covered.
    """

    frameworks: tuple[str, ...]
    before: ComparisonSide
    after: ComparisonSide
    changes: tuple[Change, ...]
    disclaimers: tuple[Disclaimer, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Applicable in both, with a lower verdict."""
        return tuple(c for c in self.changes if c.regression)

    @property
    def new_open(self) -> tuple[Change, ...]:
        """Newly applicable, and not covered."""
        return tuple(c for c in self.changes if c.new_open)

    @property
    def improvements(self) -> tuple[Change, ...]:
        """Counted alike in both, with a higher verdict."""
        return tuple(c for c in self.changes if c.direction is Direction.BETTER)


def compare(
    before: Assessment,
    after: Assessment,
    frameworks: Sequence[str] | None = None,
    *,
    reasons: bool = False,
    chains: bool = False,
    causes: bool = True,
) -> Comparison:
    """What changed from ``before`` to ``after`` in each of ``frameworks`` (``None``: all of either release).

    A change is a requirement that enters or leaves the text, whose applicability or verdict differs, or that is put off
    or brought forward; with ``reasons`` also one whose reasons, and with ``chains`` also one whose chain differs under
    the same verdict.  Verdicts of what applies in neither are not compared.  ``causes=False`` leaves out why, which
    takes most of the time.  Raises :class:`~kg.errors.UnknownIdError` for a framework that neither release has.
    """
    known = dict.fromkeys((*after.release.frameworks, *before.release.frameworks))
    chosen = tuple(dict.fromkeys(known if frameworks is None else frameworks))
    for f in chosen:
        if f not in known:
            after.release.framework(f)
    made_by = Causes(before, after)
    sides: tuple[list[FrameworkSide], list[FrameworkSide]] = ([], [])
    cautions: dict[Disclaimer, None] = {}
    changes: list[Change] = []
    for f in chosen:
        results: list[dict[str, RequirementResult]] = []
        for assessment, side in zip((before, after), sides, strict=True):
            if f not in assessment.release.frameworks:
                results.append({})
                continue
            coverage = assessment.coverage(f)
            side.append(FrameworkSide(f, coverage.title, coverage.text_version, coverage.counts))
            cautions |= dict.fromkeys(coverage.disclaimers)
            results.append({r.requirement.id: r for r in coverage.requirements})
        old, new = results
        for id_ in _in_order(old, new):
            change = _change(old.get(id_), new.get(id_), reasons=reasons, chains=chains)
            if change is not None:
                changes.append(replace(change, causes=made_by.of(change)) if causes else change)
    return Comparison(chosen, _side(before, sides[0]), _side(after, sides[1]), tuple(changes), tuple(cautions))


def _side(a: Assessment, frameworks: Sequence[FrameworkSide]) -> ComparisonSide:
    return ComparisonSide(a.release.digest, a.as_of, a.profile, len(a.controls), a.method, tuple(frameworks))


def _in_order(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """The ids of both in reading order: what is gone stands behind what it followed."""
    waiting: dict[str, list[str]] = {}
    last = ""
    for id_ in old:
        if id_ in new:
            last = id_
        else:
            waiting.setdefault(last, []).append(id_)
    yield from waiting.get("", ())
    for id_ in new:
        yield id_
        yield from waiting.get(id_, ())


# ---------------------------------------------------------------- one requirement


def _base(r: RequirementResult | None) -> Hashable:
    """What a change of applicability, date or verdict is a change of."""
    if r is None:
        return None
    state = r.decision.applicability
    if state is Applicability.NOT_APPLICABLE:
        return (state,)
    return (state, r.verdict, r.decision.applies_from if state is Applicability.NOT_YET_APPLICABLE else None)


def _reasons(r: RequirementResult | None) -> Hashable:
    return (_base(r), r.reasons if r else ())


def _chain(r: RequirementResult | None) -> Hashable:
    e = r.explanation if r else None
    steps = tuple((s.subject, s.relation, s.object, s.row) for s in e.steps) if e else ()
    return (_base(r), e and (e.control, e.relation, e.members, steps))


_KEYS: dict[ChangeKind, Callable[[RequirementResult | None], Hashable]] = {
    ChangeKind.REASONS: _reasons,
    ChangeKind.CHAIN: _chain,
}


def _kind(
    old: RequirementResult | None, new: RequirementResult | None, *, reasons: bool, chains: bool
) -> ChangeKind | None:
    if old is None or new is None:
        return ChangeKind.LEFT if new is None else ChangeKind.ENTERED
    state = new.decision.applicability
    if old.decision.applicability is not state:
        return ChangeKind.APPLICABILITY
    if state is Applicability.NOT_APPLICABLE:
        return None
    if state is Applicability.NOT_YET_APPLICABLE and old.decision.applies_from != new.decision.applies_from:
        return ChangeKind.DATE
    if old.verdict is not new.verdict:
        return ChangeKind.VERDICT
    if reasons and old.reasons != new.reasons:
        return ChangeKind.REASONS
    return ChangeKind.CHAIN if chains and _chain(old) != _chain(new) else None


def _change(
    old: RequirementResult | None, new: RequirementResult | None, *, reasons: bool, chains: bool
) -> Change | None:
    kind = _kind(old, new, reasons=reasons, chains=chains)
    result = new or old
    if kind is None or result is None:
        return None
    direction = Direction.NEITHER
    if old and new and kind is not ChangeKind.APPLICABILITY:
        better, worse = new.verdict > old.verdict, new.verdict < old.verdict
        direction = Direction.BETTER if better else Direction.WORSE if worse else Direction.SAME
    p = result.requirement
    return Change(p.id, p.ref, p.title, p.framework, kind, old, new, direction, ())


# ---------------------------------------------------------------- worlds in between

_EVIDENCE = ("evidence_date", "evidence", "max_evidence_age_days")


def _without_evidence(c: Control) -> Control:
    return replace(c, evidence_date=None, evidence=(), max_evidence_age_days=None)


def _evidence(c: Control) -> tuple[Any, ...]:
    return tuple(getattr(c, name) for name in _EVIDENCE)


def _with_evidence_of(c: Control, other: Control | None) -> Control:
    return replace(c, **{name: getattr(other, name) for name in _EVIDENCE}) if other is not None else c


class Causes:
    """What made the changes between two assessments: ask :meth:`of`.

    It holds every mixture of the two that was looked at, each made once: some things as after, the rest as before.
    """

    def __init__(self, before: Assessment, after: Assessment) -> None:
        self.before, self.after = before, after
        self.old = {c.id: c for c in before.controls}
        self.new = {c.id: c for c in after.controls}
        self.kinds = tuple(k for k in CauseKind if self._differs(k))
        self._made: dict[Hashable, Assessment] = {frozenset(): before, frozenset(self.kinds): after}
        self._standing: dict[tuple[str, str, date], frozenset[str]] = {}

    def of(self, change: Change) -> tuple[Cause, ...]:
        """The causes of a change that :func:`compare` found between these two."""
        return _Trial(self, change).causes()

    def _differs(self, kind: CauseKind) -> bool:
        a, b = self.before, self.after
        match kind:
            case CauseKind.CONTROL:
                return bool(self.differing(kind))
            case CauseKind.EVIDENCE:
                return bool(self.differing(kind)) or (a.evidence_day != b.evidence_day and (_ages(a) or _ages(b)))
            case CauseKind.PROFILE:
                return _undated(a.profile) != _undated(b.profile)
            case CauseKind.LAW:
                return _texts(a.release, a.text_day, b.text_day) or _texts(b.release, a.text_day, b.text_day)
            case CauseKind.DATE:
                return a.as_of != b.as_of
            case CauseKind.MAPPING:
                return a.release is not b.release and a.release.digest != b.release.digest
            case CauseKind.FILTER:
                return a.filter != b.filter

    def differing(self, kind: CauseKind) -> tuple[str, ...]:
        """The controls that differ in what they are (control) or in their evidence (evidence), by id."""
        found = []
        for id_ in sorted({*self.old, *self.new}):
            old, new = self.old.get(id_), self.new.get(id_)
            if old is None or new is None:
                differs = kind is CauseKind.CONTROL
            elif kind is CauseKind.CONTROL:
                differs = _without_evidence(old) != _without_evidence(new)
            else:
                differs = _evidence(old) != _evidence(new)
            if differs:
                found.append(id_)
        return tuple(found)

    def at(self, kinds: frozenset[CauseKind], only: tuple[CauseKind, str] | None = None) -> Assessment:
        """The assessment with these things as after.  ``only`` takes, of one of them that is about controls, a single
        control as after and the others as before."""
        key: Hashable = (kinds, only) if only else kinds
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(kinds, only)
        return found

    def _make(self, kinds: frozenset[CauseKind], only: tuple[CauseKind, str] | None) -> Assessment:
        def side(kind: CauseKind) -> Assessment:
            return self.after if kind in kinds else self.before

        return Assessment(
            side(CauseKind.MAPPING).release,
            self._controls(kinds, only),
            side(CauseKind.PROFILE).profile,
            side(CauseKind.DATE).as_of,
            side(CauseKind.FILTER).filter,
            text_day=side(CauseKind.LAW).text_day,
            evidence_day=side(CauseKind.EVIDENCE).evidence_day,
            like=self.before,
        )

    def _controls(self, kinds: frozenset[CauseKind], only: tuple[CauseKind, str] | None) -> list[Control]:
        def source(kind: CauseKind, id_: str) -> dict[str, Control]:
            taken = kind in kinds and (only is None or only[0] is not kind or only[1] == id_)
            return self.new if taken else self.old

        found = []
        for id_ in sorted({*self.old, *self.new}):
            control = source(CauseKind.CONTROL, id_).get(id_)
            if control is not None:
                found.append(_with_evidence_of(control, source(CauseKind.EVIDENCE, id_).get(id_)))
        return found

    def result(self, world: Assessment, change: Change) -> RequirementResult | None:
        """A requirement in one of the worlds; ``None`` where it does not stand in the text."""
        release, f = world.release, change.framework
        if f not in release.frameworks:
            return None
        key = (release.digest, f, release.text_in_force(f, world.text_day))
        standing = self._standing.get(key)
        if standing is None:
            standing = self._standing[key] = frozenset(p.id for p in world.graph.requirements(f))
        if change.requirement not in standing:
            return None
        return world.requirement(release.provisions[change.requirement])


def _ages(a: Assessment) -> bool:
    """Whether the age of evidence can matter at all."""
    return bool(a.profile and a.profile.max_evidence_age_days is not None) or any(
        c.max_evidence_age_days is not None or any(e.valid_until for e in c.evidence) for c in a.controls
    )


def _undated(profile: Profile | None) -> Profile | None:
    """The day in a profile is that of the question, which is compared by itself."""
    return replace(profile, as_of=None) if profile is not None else None


def _texts(release: Release, one: date, other: date) -> bool:
    return any(release.text_in_force(f, one) != release.text_in_force(f, other) for f in release.frameworks)


class _Trial:
    """Finds what made one change."""

    def __init__(self, worlds: Causes, change: Change) -> None:
        self.worlds = worlds
        self.change = change
        self.key = _KEYS.get(change.kind, _base)
        self.wanted = self.key(change.after)

    def causes(self) -> tuple[Cause, ...]:
        """Each thing that alone suffices; where none does, the smallest sets that do."""
        kinds = self.worlds.kinds
        for size in range(1, len(kinds) + 1):
            found = [s for s in combinations(kinds, size) if self._gives(self.worlds.at(frozenset(s)))]
            if found:
                return tuple(self._cause(s) for s in found)
        raise AssertionError("all differences together make every change")

    def _gives(self, world: Assessment) -> bool:
        return self.key(self.worlds.result(world, self.change)) == self.wanted

    def _cause(self, kinds: tuple[CauseKind, ...]) -> Cause:
        said: list[str] = []
        controls: dict[str, None] = {}
        added, removed = self._rows() if CauseKind.MAPPING in kinds else ((), ())
        for kind in kinds:
            named: tuple[str, ...] = ()
            if kind in (CauseKind.CONTROL, CauseKind.EVIDENCE):
                named = self._named(kind, frozenset(kinds))
                controls |= dict.fromkeys(named)
            said.append(self._say(kind, named, added, removed))
        return Cause(kinds, "; and ".join(said), tuple(sorted(controls)), added, removed)

    # ------------------------------------------------------------ which controls

    def _named(self, kind: CauseKind, kinds: frozenset[CauseKind]) -> tuple[str, ...]:
        """The controls that each alone, with all else of this cause, make the change; where none does, those that
        differ and are in a chain shown."""
        differing = self.worlds.differing(kind)
        aged = kind is CauseKind.EVIDENCE and self.worlds.before.evidence_day != self.worlds.after.evidence_day
        if aged and differing and self._gives(self.worlds.at(kinds, (kind, ""))):
            differing = ()  # time alone did it
        if len(differing) == 1:
            return differing
        if len(differing) <= MOST_TRIED:
            alone = tuple(id_ for id_ in differing if self._gives(self.worlds.at(kinds, (kind, id_))))
            if alone and len(alone) < len(differing):
                return alone
        shown = _shown(self.change.before) | _shown(self.change.after)
        if not differing:
            return tuple(sorted(_shown(self.change.before) or shown))
        return tuple(id_ for id_ in differing if id_ in shown)

    # ------------------------------------------------------------ which rows

    def _rows(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The rows of the chain after that were not so before, and of the chain before that are not so any more."""
        old, new = self.worlds.before.release.row, self.worlds.after.release.row
        added = {r for r in _row_ids(self.change.after) if r in new and not _same(new[r], old.get(r))}
        removed = {r for r in _row_ids(self.change.before) if r in old and not _same(old[r], new.get(r))}
        return tuple(sorted(added)), tuple(sorted(removed))

    # ------------------------------------------------------------ in words

    def _say(self, kind: CauseKind, named: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> str:
        a, b, change = self.worlds.before, self.worlds.after, self.change
        match kind:
            case CauseKind.CONTROL:
                return _several([_difference(i, self.worlds.old.get(i), self.worlds.new.get(i)) for i in named], kind)
            case CauseKind.EVIDENCE:
                aged = f" as of {b.evidence_day}" if a.evidence_day != b.evidence_day else ""
                return f"evidence{f' of {_several(list(named), kind)}' if named else ''}{aged}"
            case CauseKind.PROFILE:
                said = [r.decision.explanation for r in (change.after, change.before) if r and r.decision.explanation]
                ages = [w.profile.max_evidence_age_days if w.profile else None for w in (a, b)]
                if not said and ages[0] != ages[1]:
                    said = [f"oldest evidence {' → '.join(f'{x} days' if x else 'any' for x in ages)}"]
                return f"the profile ({said[0]})" if said else "the profile"
            case CauseKind.LAW:
                here = b.release if change.framework in b.release.frameworks else a.release
                old, new = (here.text_in_force(change.framework, w.text_day) for w in (a, b))
                return f"the text of {new} in place of that of {old}" if old != new else "the text of another framework"
            case CauseKind.DATE:
                since = change.after.decision if change.after else None
                why = f" (applies from {since.applies_from}: {since.basis})" if since and since.applies_from else ""
                return f"the day: {b.as_of} in place of {a.as_of}{why}"
            case CauseKind.MAPPING:
                rows = [f"row {r} added" for r in added if r not in removed]
                rows += [f"row {r} removed" for r in removed if r not in added]
                rows += [f"row {r} changed" for r in added if r in removed]
                said_rows = f": {_several(rows, kind)}" if rows else ""
                return f"release {b.release.digest} in place of {a.release.digest}{said_rows}"
            case CauseKind.FILTER:
                return "which rows may count"


def _shown(r: RequirementResult | None) -> set[str]:
    """The organisation's controls behind the chain shown."""
    e = r.explanation if r else None
    return {control for _, control in e.members} or {e.control} if e else set()


def _row_ids(r: RequirementResult | None) -> set[str]:
    e = r.explanation if r else None
    chains = (e.steps, *e.supporting, e.opposing) if e else ()
    return {s.row for steps in chains for s in steps if s.row}


def _same(row: Mapping, other: Mapping | None) -> bool:
    return other is not None and (row.mask, row.strength, row.reviewers) == (
        other.mask,
        other.strength,
        other.reviewers,
    )


def _several(items: list[str], kind: CauseKind) -> str:
    few = ", ".join(items[:6]) + (f" and {len(items) - 6} more" if len(items) > 6 else "")
    return few or f"several {kind.value} differences together"


def _difference(id_: str, old: Control | None, new: Control | None) -> str:
    """How a control differs, in a few words."""
    if old is None or new is None:
        return f"{id_} {'added' if old is None else 'removed'}"
    said = []
    if old.status is not new.status:
        said.append(f"{old.status} → {new.status}")
    if set(old.rows) != set(new.rows):
        said.append("mapped otherwise")
    if old.systems != new.systems:
        said.append("for other systems")
    return f"{id_} {', '.join(said) or 'described otherwise'}"
