"""The graph a question is asked of, and every chain that starts at one node.

A :class:`Graph` is a release seen at one date through one filter (minimum authority, reviewed only, sets).  From
each node :meth:`Graph.reach` walks all simple paths of at most three hops and any number of ``all_of`` part steps, as
``docs/semantics.md`` has them, and keeps per target and mask the chains that can decide or be shown.  A walk is made
once per release, filter and start and shared by all organisations, because what an organisation adds (its own row)
only composes in front.

A chain whose mask has become all five bits never says anything again (the full mask absorbs), so a walk ends there;
that is what keeps walks short: a second overlap always ends one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from threading import Lock

from kg.errors import UsageError
from kg.model import Authority, Mapping, PartKind, Provision
from kg.relations import (
    ALL,
    AT_LEAST,
    AT_MOST,
    EQUAL,
    NO_RELATIONSHIP,
    Evidence,
    Outcome,
    combine,
    compose,
    inverse,
)
from kg.release import Release

__all__ = ["HIGHEST", "MAX_HOPS", "Chain", "Filter", "Graph", "Step", "graph_of"]

MAX_HOPS = 3
HIGHEST = Authority.OWNER.level
FULL_STRENGTH = 10


@dataclass(frozen=True, slots=True)
class Filter:
    """Which shipped rows may be steps, and how many hops a chain may have.  An organisation's own rows always may."""

    max_hops: int = MAX_HOPS
    min_authority: Authority = Authority.ORGANIZATION
    reviewed_only: bool = False
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.max_hops <= MAX_HOPS:
            raise UsageError(f"max-hops {self.max_hops} is out of range", f"0 to {MAX_HOPS}")

    def admits(self, row: Mapping, authority: Authority) -> bool:
        """Whether a shipped row passes."""
        return (
            authority.level >= self.min_authority.level
            and (row.reviewed or not self.reviewed_only)
            and (not self.sets or row.set_id in self.sets)
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain, read *subject relation object*: a row (``row`` is its id), a part, or what an
    organisation says of its own control (neither)."""

    subject: str
    mask: int
    object: str
    row: str = ""
    part: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """One path from a control to a target with everything it is ranked by.

    ``authority`` and ``strength`` are the lowest of its shipped rows (4 and 10 where it has none); ``ruled`` says that
    it passes a node which some row declares to have nothing to do with the target.
    """

    mask: int
    hops: int
    parts: int
    authority: int
    strength: int
    ids: tuple[str, ...]
    steps: tuple[Step, ...]
    ruled: bool

    @property
    def rank(self) -> tuple[object, ...]:
        """Which chain is shown: fewest hops, fewest part steps, higher minimum authority, higher minimum strength,
        then the ids along the way."""
        return (self.hops, self.parts, -self.authority, -self.strength, self.ids)

    @property
    def evidence(self) -> Evidence:
        """What the chain contributes to the judgement."""
        return Evidence(self.mask, self.hops, self.authority, self.ruled)


@dataclass(slots=True)
class _Kept:
    """Per mask and ruledness the chain that would be shown and the one that would decide a dispute."""

    shown: Chain
    decisive: Chain

    @property
    def both(self) -> tuple[Chain, ...]:
        """The one or two of them."""
        return (self.shown,) if self.shown is self.decisive else (self.shown, self.decisive)

    def add(self, chain: Chain) -> None:
        if chain.rank < self.shown.rank:
            self.shown = chain
        new, old = chain, self.decisive
        if (new.hops, -new.authority, new.rank) < (old.hops, -old.authority, old.rank):
            self.decisive = chain


@dataclass(slots=True)
class _Walk:
    """Everything that changes while one walk is under way."""

    path: list[str]
    steps: list[Step] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


class Graph:
    """A release at one date through one filter; see the module."""

    def __init__(self, release: Release, as_of: date, filter_: Filter) -> None:
        self.release = release
        self.as_of = as_of
        self.filter = filter_
        texts = {f: release.text_in_force(f, as_of) for f in release.frameworks}
        gone = {p.id for p in release.provisions.values() if not p.in_text(texts.get(p.framework, as_of))}
        self.gone = frozenset(gone)
        self.rows: defaultdict[str, list[tuple[str, int, int, int, str]]] = defaultdict(list)
        self.parts: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self.ruled: defaultdict[str, set[str]] = defaultdict(set)
        for m in release.mappings:
            authority = release.sets[m.set_id].authority
            if m.subject in gone or m.object in gone or not filter_.admits(m, authority):
                continue
            if m.mask == NO_RELATIONSHIP and m.rationale_kind != "syntactic":
                self.ruled[m.subject].add(m.object)
                self.ruled[m.object].add(m.subject)
            elif m.scores:
                strength = m.strength or 0
                self.rows[m.subject].append((m.object, m.mask, authority.level, strength, m.id))
                self.rows[m.object].append((m.subject, inverse(m.mask), authority.level, strength, m.id))
        for part in release.parts:
            if part.kind is PartKind.ALL_OF and part.whole not in gone and part.part not in gone:
                self.parts[part.whole].append((part.part, AT_LEAST))
                self.parts[part.part].append((part.whole, AT_MOST))
        self._reached: dict[tuple[str, int, int], dict[str, list[Chain]]] = {}
        self._below: dict[str, frozenset[str]] = {}

    def exists(self, node: str) -> bool:
        """Whether ``node`` stands in the text in force."""
        return node not in self.gone

    def reach(self, start: str, authority: int = HIGHEST, strength: int = FULL_STRENGTH) -> dict[str, list[Chain]]:
        """Target → the chains from ``start`` that matter, ``start`` itself included (an empty chain, *equal*).

        ``authority`` and ``strength`` are what the chain has already sunk to before ``start`` (a joint node's members).
        Hops are counted from ``start``; the caller drops chains that are too long.
        """
        key = (start, authority, strength)
        found = self._reached.get(key)
        if found is None:
            kept: defaultdict[str, dict[tuple[int, bool], _Kept]] = defaultdict(dict)
            for target, chain in self.walk(start, authority, strength):
                slot = kept[target].get((chain.mask, chain.ruled))
                if slot is None:
                    kept[target][chain.mask, chain.ruled] = _Kept(chain, chain)
                else:
                    slot.add(chain)
            found = {target: [c for k in slots.values() for c in k.both] for target, slots in kept.items()}
            self._reached[key] = found
        return found

    def walk(self, start: str, authority: int = HIGHEST, strength: int = FULL_STRENGTH) -> Iterator[tuple[str, Chain]]:
        """Every simple path from ``start`` that still says something, as (target, chain), unordered."""
        if self.exists(start):
            yield from self._walk(_Walk([start], ids=[start]), EQUAL, 0, 0, authority, strength)

    def _walk(
        self, walk: _Walk, mask: int, hops: int, parts: int, authority: int, strength: int
    ) -> Iterator[tuple[str, Chain]]:
        here, path = walk.path[-1], walk.path
        enemies = self.ruled.get(here)
        ruled = enemies is not None and not enemies.isdisjoint(path[:-1])
        ids, steps = tuple(walk.ids), tuple(walk.steps)
        yield here, Chain(mask, hops, parts, authority, strength, ids, steps, ruled)
        for there, step in self.parts.get(here, ()):
            after = compose(mask, step)
            if after != ALL and there not in path:
                path.append(there)
                walk.ids += ("", there)
                walk.steps.append(Step(here, step, there, part=True))
                yield from self._walk(walk, after, hops, parts + 1, authority, strength)
                path.pop()
                del walk.ids[-2:]
                walk.steps.pop()
        if hops == self.filter.max_hops:
            return
        for there, step, level, weight, row in self.rows.get(here, ()):
            after = compose(mask, step)
            if after != ALL and there not in path:
                path.append(there)
                walk.ids += (row, there)
                walk.steps.append(Step(here, step, there, row))
                lowest, least = min(authority, level), min(strength, weight)
                yield from self._walk(walk, after, hops + 1, parts, lowest, least)
                path.pop()
                del walk.ids[-2:]
                walk.steps.pop()

    def below(self, whole: str) -> frozenset[str]:
        """Every provision below ``whole`` along ``all_of`` parts."""
        if whole not in self._below:
            found: set[str] = set()
            stack = [whole]
            while stack:
                for there, mask in self.parts.get(stack.pop(), ()):
                    if mask == AT_LEAST and there not in found:
                        found.add(there)
                        stack.append(there)
            self._below[whole] = frozenset(found)
        return self._below[whole]

    @cached_property
    def coverable(self) -> dict[str, tuple[str, ...]]:
        """Provision → the reference controls and joint nodes that contain or overlap it within the hop limit.  What
        is not here is our blind spot: no shipped control can cover it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for start in (*self.release.controls, *self.release.joints):
            for target, chains in self.reach(start).items():
                if target not in self.release.provisions:
                    continue
                if combine(c.evidence for c in chains).outcome >= Outcome.OVERLAPS:
                    found[target].append(start)
        return {target: tuple(starts) for target, starts in found.items()}

    def requirements(self, framework: str) -> tuple[Provision, ...]:
        """The framework's requirements in the text in force."""
        return self.release.requirements(framework, self.as_of)


#: How many graphs one release keeps: a request may choose its filter freely, so the number must have an end.
MAX_GRAPHS = 16
_LOCK = Lock()


def graph_of(release: Release, as_of: date, filter_: Filter) -> Graph:
    """The graph of a release at a date through a filter; the last :data:`MAX_GRAPHS` are kept with the release."""
    texts = tuple(release.text_in_force(f, as_of) for f in release.frameworks)
    kept: dict[object, Graph] = release.cache("graphs", dict)
    key = (texts, filter_)
    with _LOCK:
        graph = kept.pop(key, None) or Graph(release, as_of, filter_)
        kept[key] = graph
        while len(kept) > MAX_GRAPHS:
            del kept[next(iter(kept))]
    return graph
