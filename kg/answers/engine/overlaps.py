"""What every source gives of every node, all sources together: who does all of a source is *equal* to each node of it.

A mask that has got the bit ``intersects_with`` never loses it, so chains that all hold it never contradict each other
and say together what the best of them says.  The chains of a pair that lack it, *strict* ones, are few: every step of
such a chain is ``equal``, ``superset_of`` or both (*down*), or every step ``equal``, ``subset_of`` or both (*up*).
Therefore

1. the best that any single chain of a source says of a node is spread over the graph with a bit for each source
   (:mod:`~kg.answers.engine.spread`);
2. a pair with a strict chain down *contains*, unless another chain of the pair leaves ``superset_of`` out (of an
   *equal*: one of the two): such a chain goes up all the way, but for one ``intersects_with`` at most, and is looked
   for by joining the two strict halves of it (:mod:`~kg.answers.engine.strict`);
3. an overlap is one beyond dispute if it comes from a node that has no strict chain to the target, which bits of a
   part of a source show, or from one whose strict chain nothing contradicts, found as above;
4. what is left, and all targets that some row rules out for another node, is asked of every contender by itself, with
   all its chains, walked back from the target.

The tests hold the facts about masks against all masks, and the answers against those of one source at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kg.answers.engine.algebra import COMPOSE, INVERSE, OUTCOME, Array, Entries, pairs, rank_of
from kg.answers.engine.spread import either, spread
from kg.answers.engine.strict import Down, Intersecting, interrupted, ranges
from kg.answers.engine.walk import View, walk
from kg.arrays import FULL_STRENGTH, HIGHEST
from kg.relations import ALL, AT_LEAST, EQUAL, INTERSECTS_WITH, SUPERSET_OF, Outcome

__all__ = ["Given", "given", "overlap_counts"]

_GAP, _LEAD, _PARTIAL, _COVERED = range(4)
_CREDIT = np.array([_GAP, _GAP, _LEAD, _PARTIAL, _COVERED], np.int8)
#: Parts of a source that have a bit each; joint nodes have one more.
_COLOURS = 3
_BACK_AT_ONCE = 64


@dataclass(frozen=True)
class Given:
    """The answer for every source (a number) and every target (a place in ``targets``), as tables ``[source, place]``.

    ``verdict`` is :class:`kg.answers.Verdict`, ``disputed`` whether the ruling shown is.  Where a target is covered
    ``shown`` is a row of ``rows``, else -1: the numbers of the rows that the chain shown stands on, padded with -1.
    ``joint`` of the same row is the number of the joint node whose chain it is, or -1; :meth:`beneath` has the rows by
    which its members are contained.
    """

    targets: Array
    verdict: Array
    disputed: Array
    shown: Array
    rows: Array
    joint: Array
    held: _Held | None

    def beneath(self, source: int, joint: int) -> Array:
        """The rows by which a source contains the members of a joint node that stands on it, padded with -1."""
        assert self.held is not None
        found: Array = self.held.rows[self.held.at[source, self.held.members[joint]]]
        return found


class _Held(NamedTuple):
    """By which chains sources contain members of joint nodes: ``at`` is a row of the columns by source and member, -1
    where it is not contained; ``members`` are places of members, by joint node."""

    at: Array
    members: list[Array]
    hops: Array
    authority: Array
    strength: Array
    rows: Array


class _Contenders(NamedTuple):
    """Who may meet a target, in the order of ids within each source: what they are *equal* to, or joint nodes."""

    source: Array
    node: Array
    mask: Array
    hops: Array
    authority: Array
    strength: Array
    joint: Array


# ------------------------------------------------------------------ every contender by itself


class _Exact(NamedTuple):
    """Pairs of a contender and a question (a source and a target) with what all chains say, and the chain shown."""

    asked: Array
    who: Array
    outcome: Array
    disputed: Array
    rank: Array
    hops: Array
    authority: Array
    strength: Array
    rows: Array


def _exactly(view: View, who: _Contenders, sources: int, source: Array, target: Array) -> _Exact:
    """Every contender of some questions by itself."""
    nodes, size = view.arrays.nodes, len(source)
    asked = np.argsort(target * sources + source)
    keys = (target * sources + source)[asked]
    by_node = np.argsort(who.node, kind="stable")
    offsets = np.searchsorted(who.node[by_node], np.arange(nodes + 1))
    found: list[_Exact] = []
    targets = np.unique(target)
    for low in range(0, len(targets), _BACK_AT_ONCE):
        some = targets[low : low + _BACK_AT_ONCE]
        columns: list[Any] = []
        for level in walk(view, some):
            end = level.trail[:, -1].astype(np.int64)
            path, at = ranges(offsets[end], offsets[end + 1])
            contender, here = by_node[at], some[level.slot[path]]
            key = here * sources + who.source[contender]
            place = np.minimum(np.searchsorted(keys, key), size - 1)
            mask = COMPOSE[who.mask[contender].astype(np.int64) << 5 | INVERSE[level.mask[path]]]
            hops = who.hops[contender] + level.hops[path]
            # A joint node says nothing of itself.
            good = (keys[place] == key) & (mask != ALL) & ((who.joint[contender] < 0) | (end[path] != here))
            good = np.flatnonzero(good & (hops <= view.max_hops))
            path, contender, steps = path[good], contender[good], level.edges.shape[1]
            # Read from the contender: of each step the row and the node it leads to.
            ids = np.full((len(good), steps, 2), -1, np.int64)
            ids[..., 0] = view.arrays.edge_row[level.edges[path][:, ::-1]]
            ids[..., 1] = level.trail[path][:, steps - 1 :: -1] if steps else 0
            columns.append(
                (
                    contender, asked[place[good]], mask[good],
                    view.opposed(level.trail[path, :1], level.trail[path, 1:]).any(axis=1), hops[good],
                    level.parts[path], np.minimum(level.authority[path], who.authority[contender]),
                    np.minimum(level.strength[path], who.strength[contender]), ids,
                )
            )  # fmt: skip
        deep = len(columns) - 1
        columns = [(*c[:-1], np.pad(c[-1], ((0, 0), (0, deep - i), (0, 0)), constant_values=-1))
                   for i, c in enumerate(columns)]  # fmt: skip
        contender, at, mask, ruled, hops, parts, authority, strength, ids = map(
            np.concatenate, zip(*columns, strict=True)
        )
        weight = rank_of(hops, parts, authority, strength)
        order = np.lexsort((*ids.reshape(len(ids), -1).T[::-1], at, contender))
        contender, at, mask, ruled, hops, weight, authority, strength, ids = (
            c[order] for c in (contender, at, mask, ruled, hops, weight, authority, strength, ids)
        )
        said = pairs(Entries(contender, at, mask, ruled, hops, authority, weight, np.arange(len(order))))
        shown = said.shown
        found.append(
            _Exact(
                said.target, said.who, said.outcome, said.disputed, said.rank, hops[shown], authority[shown],
                strength[shown], ids[shown, :, 0].astype(np.int32),
            )
        )  # fmt: skip
    deep = max((e.rows.shape[1] for e in found), default=0)
    found = [e._replace(rows=_wide(e.rows, deep)) for e in found]
    return _Exact(*map(np.concatenate, zip(*found, strict=True)))


def _wide(rows: Array, width: int) -> Array:
    """Rows with more padding."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)


# ------------------------------------------------------------------ the answer


def given(view: View, source: Array, node: Array, targets: Array, joined: Array, joint_place: Array) -> Given:
    """What sources give of ``targets`` (nodes that stand, each once): of each place in ``source`` and ``node``, the
    source with that number does what is equal to that node.  ``joined`` says of each source whether joint nodes may
    stand on it; ``joint_place`` before which node's control each joint node stands in the order of ids."""
    a, nodes, sources = view.arrays, view.arrays.nodes, len(joined)
    stands = view.standing[node]
    order = np.lexsort((node[stands], source[stands]))
    source, node = source[stands][order].astype(np.int64), node[stands][order].astype(np.int64)
    down, overlaps = Down(view), Intersecting(view)
    clean = ~view.has_enemy
    own = _own(source, node)

    by_node = np.argsort(node, kind="stable")
    offsets = np.searchsorted(node[by_node], np.arange(nodes + 1))

    def candidates(asked: Array, wanted: Array) -> tuple[Array, Array, Array]:
        """Chains down from a source to a target: question, contender, chain; best first."""
        places = np.full(nodes, -1)
        places[asked] = np.arange(len(asked))
        chain = np.flatnonzero(places[down.end] >= 0)
        which, at = ranges(offsets[down.start[chain]], offsets[down.start[chain] + 1])
        chain, contender = chain[which], by_node[at]
        if not wanted.all():
            some = np.flatnonzero(wanted[source[contender]])
            chain, contender = chain[some], contender[some]
        question = source[contender] * len(asked) + places[down.end[chain]]
        best = np.argsort(question << 23 | down.rank[chain], kind="stable")
        return question[best], contender[best], chain[best]

    def contradicted(start: Array, end: Array) -> Array:
        """Of pairs with a chain that contains, whether another chain of theirs denies it."""
        said = down.strictly(start, end) & INVERSE[down.strictly(end, start)]
        found: Array = (said == 0) & (start != end)
        at = np.flatnonzero(~found & (start != end))
        found[at] = interrupted(down, overlaps, start[at], end[at], upwards=True)
        at = np.flatnonzero(~found & (start != end) & (said & SUPERSET_OF == 0))
        found[at] = interrupted(down, overlaps, start[at], end[at], upwards=False)
        return found

    who, held = own, None
    if len(a.joint_node) and joined.any():
        asked = np.unique(a.joint_member).astype(np.int64)
        question, contender, chain = candidates(asked, joined)
        first = np.flatnonzero(np.diff(question, prepend=-1))
        held = _held(view, down, own, len(joined), asked, question[first], chain[first], contradicted)
        who = _joined(view, own, held)
    place = _places(who, joint_place)

    # What contains, best first, until one stands that nothing contradicts.
    targets_of = targets.astype(np.int64)
    size = len(targets_of)
    places = np.full(nodes, -1)
    places[targets_of] = np.arange(size)
    question, contender, chain = candidates(targets_of, np.ones(sources, bool))
    rank = down.rank[chain]
    acting = np.flatnonzero(who.joint >= 0)
    if len(acting):
        which, at = ranges(down.from_offsets[4 * who.node[acting]], down.from_offsets[4 * who.node[acting] + 4])
        more, by = down.from_[at], acting[which]
        hops = who.hops[by] + down.hops[more]
        good = (hops <= view.max_hops) & (places[down.end[more]] >= 0) & (down.end[more] != who.node[by])
        more, by, hops = more[good], by[good], hops[good]
        weight = rank_of(
            hops, down.parts[more], np.minimum(down.authority[more], who.authority[by]),
            np.minimum(down.strength[more], who.strength[by]),
        )  # fmt: skip
        asked = who.source[by] * size + places[down.end[more]]
        question, contender, chain, rank = (
            np.concatenate(each) for each in ((question, asked), (contender, by), (chain, more), (rank, weight))
        )
        order = np.lexsort((place[contender], rank, question))
        question, contender, chain, rank = question[order], contender[order], chain[order], rank[order]
    verdict, disputed = np.zeros(sources * size, np.int8), np.zeros(sources * size, bool)
    shown: Array = np.full(sources * size, -1)
    joint = np.full(sources * size, -1, np.int32)
    exact = np.zeros(sources * size, bool)
    good = np.flatnonzero(clean[down.end[chain]])
    question, contender, chain = question[good], contender[good], chain[good]
    first = np.flatnonzero(np.diff(question, prepend=-1))
    last = np.append(first[1:], len(question))
    at = first
    while len(at):
        bad = np.zeros(len(at), bool)
        asked = np.flatnonzero(who.joint[contender[at]] < 0)
        one = chain[at[asked]]
        bad[asked] = contradicted(down.start[one], down.end[one])
        fine = at[~bad]
        verdict[question[fine]] = _COVERED
        shown[question[fine]], joint[question[fine]] = chain[fine], who.joint[contender[fine]]
        at, last = at[bad] + 1, last[bad]
        over = at >= last
        exact[question[at[over] - 1]] = True
        at, last = at[~over], last[~over]

    # What any chain may say at best, and whether that is beyond dispute.
    colours, wide_of = _COLOURS + bool(len(acting)), (sources + 63) // 64

    def bits(of: Array, colour: Array | int, where: Array) -> Array:
        """A bit for each source and colour; the words of a colour stand together."""
        found = np.zeros((nodes, colours * wide_of), np.uint64)
        np.bitwise_or.at(found, (where, colour * wide_of + (of >> 6)), np.uint64(1) << (of & 63).astype(np.uint64))
        return found

    setting_out = {
        h: bits(who.source[some], _COLOURS, who.node[some])
        for h in range(view.max_hops + 1)
        if len(some := acting[who.hops[acting] == h])
    }
    seen = spread(view, bits(source, np.arange(len(source)) % _COLOURS, node), setting_out)
    seen = {mask: each[targets_of] for mask, each in seen.items()}
    masks = np.arange(32)
    none = np.zeros((size, colours * wide_of), np.uint64)
    strict = either(seen, masks & INTERSECTS_WITH == 0, none)
    wide = either(seen, (OUTCOME == Outcome.OVERLAPS) & (masks & INTERSECTS_WITH > 0), none)
    any_lead = either(seen, OUTCOME == Outcome.LEAD, none)

    def told(each: Array) -> Array:
        """By question, whether any colour of its source has a bit."""
        words = np.bitwise_or.reduce(each.reshape(size, colours, wide_of), axis=1)
        flags = np.unpackbits(words.view(np.uint8), axis=1, count=sources, bitorder="little")
        return flags.T.astype(bool).reshape(-1)

    may, lead = told(wide | strict), told(any_lead)
    # Chains of joint nodes never contradict each other.
    strict.reshape(size, colours, wide_of)[:, _COLOURS:] = 0
    sure = told(wide & ~strict)
    left = (verdict < _COVERED) & ~exact
    ruled = np.tile(~clean[targets_of], sources)
    exact |= ruled & (may | lead)
    left &= ~ruled
    verdict[left & lead] = _LEAD
    verdict[left & sure] = _PARTIAL
    doubtful = left & may & ~sure
    if doubtful.any():
        partial = _overlapping(down, overlaps, source, (by_node, offsets), targets_of, doubtful)
        verdict[partial], doubtful[partial] = _PARTIAL, False
    exact |= doubtful

    rows = down.rows(shown[shown >= 0])
    stands_on = joint[shown >= 0]
    shown[shown >= 0] = np.arange(len(rows), dtype=np.int64)
    if len(asked := np.flatnonzero(exact)):
        found = _exactly(view, who, sources, asked // size, targets_of[asked % size])
        credit = _CREDIT[found.outcome]
        order = np.lexsort((place[found.who], found.rank, found.disputed, -credit, found.asked))
        best = order[np.flatnonzero(np.diff(found.asked[order], prepend=-1))]
        where = asked[found.asked[best]]
        verdict[asked] = _GAP
        verdict[where], disputed[where] = credit[best], found.disputed[best] & (credit[best] > _GAP)
        covered = credit[best] == _COVERED
        best, where = best[covered], where[covered]
        deep = max(rows.shape[1], found.rows.shape[1])
        shown[where] = len(rows) + np.arange(len(best))
        rows = np.concatenate([_wide(rows, deep), _wide(found.rows[best], deep)])
        stands_on = np.concatenate([stands_on, who.joint[found.who[best]]])
    shape = (sources, size)
    return Given(
        targets_of, verdict.reshape(shape), disputed.reshape(shape), shown.reshape(shape), rows, stands_on, held
    )


def _own(source: Array, node: Array) -> _Contenders:
    size = len(source)
    return _Contenders(
        source, node, np.full(size, EQUAL, np.uint8), np.zeros(size, np.int8), np.full(size, HIGHEST, np.int8),
        np.full(size, FULL_STRENGTH, np.int8), np.full(size, -1, np.int32),
    )  # fmt: skip


def _places(who: _Contenders, joint_place: Array) -> Array:
    """Where each contender stands in the order of ids."""
    key = 2 * who.node + 1
    some = who.joint >= 0
    key[some] = 2 * joint_place[who.joint[some]]
    found = np.empty(len(key), np.int64)
    found[np.lexsort((who.source, who.node, key))] = np.arange(len(key))
    return found


def _held(
    view: View, down: Down, own: _Contenders, sources: int, asked: Array, question: Array, chain: Array,
    contradicted: Callable[[Array, Array], Array],
) -> _Held:  # fmt: skip
    """Of the members of joint nodes (``asked``) the best chain by which each source contains them: of each question
    that has any the best is given."""
    a, size = view.arrays, len(asked)
    members = np.split(np.searchsorted(asked, a.joint_member), a.joint_offsets[1:-1])
    has = np.zeros((sources, size), bool)
    has.reshape(-1)[question] = True
    needed = np.zeros((sources, size), bool)
    for each in members:
        needed[:, each] |= np.logical_and.reduce(has[:, each], axis=1)[:, None]
    some = np.flatnonzero(needed.reshape(-1)[question])
    question, chain = question[some], chain[some]
    bad = contradicted(down.start[chain], down.end[chain])
    bad[view.has_enemy[down.end[chain]]] = True
    at = np.full(sources * size, -1)
    good, bad_at = chain[~bad], question[bad]
    at[question[~bad]] = np.arange(len(good))
    columns = [down.hops[good], down.authority[good], down.strength[good]]
    rows = down.rows(good)
    if len(bad_at):
        found = _exactly(view, own, sources, bad_at // size, asked[bad_at % size])
        some = np.flatnonzero(found.outcome == Outcome.CONTAINS)
        some = some[np.lexsort((found.who[some], found.rank[some], found.asked[some]))]
        some = some[np.flatnonzero(np.diff(found.asked[some], prepend=-1))]
        at[bad_at[found.asked[some]]] = len(good) + np.arange(len(some))
        more = (found.hops, found.authority, found.strength)
        columns = [np.concatenate([c, m[some]]) for c, m in zip(columns, more, strict=True)]
        deep = max(rows.shape[1], found.rows.shape[1])
        rows = np.concatenate([_wide(rows, deep), _wide(found.rows[some], deep)])
    hops, authority, strength = columns
    return _Held(at.reshape(sources, size), members, hops, authority, strength, rows)


def _joined(view: View, own: _Contenders, held: _Held) -> _Contenders:
    """The contenders and, behind them, the joint nodes that stand on them."""
    a, more = view.arrays, [own]
    for joint, members in enumerate(held.members):
        node = a.joint_node[joint]
        stands = np.flatnonzero((held.at[:, members] >= 0).all(axis=1)) if len(members) else members
        if not len(stands) or not view.standing[node]:
            continue
        at, size = held.at[stands][:, members], len(stands)
        more.append(
            _Contenders(
                stands, np.full(size, node, np.int64), np.full(size, AT_LEAST, np.uint8), held.hops[at].max(axis=1),
                held.authority[at].min(axis=1), held.strength[at].min(axis=1), np.full(size, joint, np.int32),
            )
        )  # fmt: skip
    return _Contenders(*map(np.concatenate, zip(*more, strict=True)))


def _overlapping(
    down: Down, overlaps: Intersecting, source: Array, by_node: tuple[Array, Array], targets: Array, asked: Array
) -> Array:
    """Of the questions asked (a flag for each) those for which some node of the source is part of the target beyond
    dispute."""
    size = len(targets)
    order, offsets = by_node
    some = np.flatnonzero(asked.reshape(-1, size).any(axis=0))
    low, high = down.from_offsets[4 * targets[some]], down.from_offsets[4 * targets[some] + 4]
    which, at = ranges(low, high)
    chain, place = down.from_[at], some[which]
    start = down.end[chain]
    which, at = ranges(offsets[start], offsets[start + 1])
    question = source[order[at]] * size + place[which]
    good = np.flatnonzero(asked[question])
    question, chain = question[good], chain[which[good]]
    key = np.sort(question * down.nodes + down.end[chain])
    question, start = np.divmod(key[np.diff(key, prepend=-1) != 0], down.nodes)
    end = targets[question % size]
    said = INVERSE[down.strictly(end, start)] & down.strictly(start, end)
    good = np.flatnonzero((OUTCOME[said] == Outcome.OVERLAPS) & (start != end))
    question, start, end = question[good], start[good], end[good]
    fine = ~interrupted(down, overlaps, start, end, upwards=False)
    return np.unique(question[fine])


def overlap_counts(view: View) -> Array:
    """Of every framework against every framework: how many requirements are a gap, a lead, partial and covered for an
    organisation that does every provision of the first that holds a requirement, each by an implemented control equal
    to it (``[source, target, verdict]``): the counts of :func:`kg.answers.overlap_matrix` without a profile, where
    everything applies already."""
    a = view.arrays
    wanted = a.requirements(view.standing)
    size = len(a.framework_ids)
    node = np.flatnonzero(view.standing & (a.node_framework >= 0) & holding(view, wanted))
    found = given(
        view, a.node_framework[node], node, wanted, np.ones(size, bool), np.zeros(len(a.joint_node), np.int64)
    )
    cell = (np.arange(size)[:, None] * size + a.node_framework[wanted]) * 4 + found.verdict
    return np.bincount(cell.reshape(-1), minlength=4 * size * size).reshape(size, size, 4)


def holding(view: View, nodes: Array) -> Array:
    """Which nodes are some of these or stand above one, along parts of any kind."""
    a = view.arrays
    found = np.zeros(a.nodes, bool)
    found[nodes] = True
    while True:
        more = a.part_whole[found[a.part_part]]
        if found[more].all():
            return found
        found[more] = True
