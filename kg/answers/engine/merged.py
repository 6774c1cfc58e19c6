"""The walk of many contenders together, where nothing is lost by it.

A mask that holds ``superset_of`` holds it after every composition.  So the chains of a contender whose first steps all
hold it never contradict each other, and what they say together is no better than the best of them; and a walk that
comes to a node twice says no more than the simple path inside it (the tests try all masks).  For such contenders the
best chain to each node is therefore the least of all walks of all contenders, and they may be walked as one: a *label*
is a way to a node with a mask, and of two labels at one node one is never needed if the other says no less with fewer
hops, nor if of two equally long ones the other comes earlier in the order of ids and is no worse in anything.

A label is one integer (:data:`WHO` and what follows it), so that a step is a few operations on whole columns.  A level
is expanded in pieces small enough for the processor's cache; a piece meets first what rejects most: a node that has no
step to offer to such a mask, then a *word* per node of what is known there, then the earliest label of its node.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kg.answers.engine.algebra import COMPOSE, OUTCOME, Array
from kg.answers.engine.walk import View
from kg.arrays import AUTHORITY, FULL_STRENGTH, HIGHEST, STRENGTH, WHERE, kind_of
from kg.relations import ALL, SUPERSET_OF, Outcome

if TYPE_CHECKING:
    from kg.answers.engine.answer import Own

__all__ = ["LINK", "NEVER", "NUMBER", "NUMBERS", "RANK", "WHO", "Labels", "goes_on", "labelled", "merged", "told"]

#: A label from its lowest bit: 4 bits of mask (*superset_of*, which it always holds, is left out), 2 of the hops it has
#: left, a gap, authority and strength as in ``edge_step``, 32 of the number of its first step, then its length.
LEFT, WHO, LENGTH = 4, WHERE, WHERE + 32
_CODE, _MASK, _GRADES = 63, 15, 7 << AUTHORITY | 15 << STRENGTH
#: What is compared of two labels, and the gap above each, which no borrow gets past.
_FIELDS, _GAPS = 3 << LEFT | _GRADES, 1 << 6 | 1 << AUTHORITY + 3 | 1 << STRENGTH + 4
#: The link of a label is the label before it and below that, in so many bits, the edge.
LINK = 32
NUMBER = (1 << 32) - 1
#: How many bits of a key are the number of its label, and the key of none.
RANK = 30
NUMBERS = (1 << RANK) - 1
NEVER = (Outcome.CONTAINS - Outcome.NOTHING << 26 | 127 - FULL_STRENGTH) << RANK | NUMBERS
#: How many steps are taken at once: a column of so many fits the cache of a core with those it is made of.
_PIECE = 1 << 15
#: For no more labels, and for labels with no more steps each, it is not worth while to ask which are needless.
_FEW = 16


_SHORT = np.array([m & 3 | m >> 1 & 12 for m in range(32)], np.int64)
#: The mask that 4 bits stand for, and the hops left, of each of the 64 codes that a label begins with.
_WIDE = np.array([m & 3 | SUPERSET_OF | (m & 12) << 1 for m in range(16)] * 4)
_HOPS = np.arange(4).repeat(16)
_SAYS = np.arange(64)  #: what ``edge_step`` begins with
_COMPOSED, _REST = COMPOSE[_WIDE[:, None] << 5 | _SAYS & ALL], _HOPS[:, None] - (_SAYS >> 5)
_ALIVE = (_COMPOSED != ALL) & (_REST >= 0)
#: ``_STEP[code << 6 | says]`` is the code after a step; one that says nothing is known everywhere (:data:`_DEAD`).
_STEP = np.where(_ALIVE, _SHORT[_COMPOSED] | _REST << LEFT, _MASK).reshape(-1)
#: The kinds of steps (``edge_kinds``) of which some say something after a label.
_USEFUL = np.bitwise_or.reduce(_ALIVE * kind_of(_SAYS & ALL, _SAYS >> 5), axis=1).astype(np.uint8)
#: Some kinds of steps: in which of a node's three runs (``edge_offsets``) they begin, and before which they end.
_KINDS = np.arange(256)
_PARTS, _OVERLAPS = 7, 1 << 7
_FROM, _TO = np.where(_KINDS & _PARTS, 0, 1), np.where(_KINDS & _OVERLAPS, 3, np.where(_KINDS & ~_PARTS, 2, 1))
_BIT = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64)).view(np.int64)
#: A node's word has a bit for each code: no label that says no more and has no more hops left than one that came before
#: is needed there any longer.
_KNOWN = np.bitwise_or.reduce(
    ((_WIDE[:, None] & ~_WIDE == 0) & (_HOPS[:, None] >= _HOPS)) * _BIT, axis=1
)  # fmt: skip
#: The codes with which a node that has some kinds of steps is left by none.
_ENDS = np.bitwise_or.reduce(np.where(_KINDS[:, None] & _USEFUL == 0, _BIT, 0), axis=1)
_DEAD = int(_KNOWN[3 << LEFT | _MASK])
#: What a label to show is chosen by, without its length, authority and strength, when no hop was given.
_FAR = (Outcome.CONTAINS - OUTCOME[_WIDE].astype(np.int64) << 26) - (_HOPS << 20) + (_HOPS << 10)


class Labels(NamedTuple):
    """Ways to nodes, shortest first and those of one length in the order of ids: the node, the label, and its link, -1
    for a first step."""

    node: Array
    label: Array
    link: Array


def labelled(view: View, own: Own, begin: int) -> Array:
    """First steps as labels, numbered from ``begin``."""
    found = (view.max_hops - own.hops.astype(np.int64)) << LEFT | _SHORT[own.mask]
    found |= own.authority.astype(np.int64) << AUTHORITY | own.strength.astype(np.int64) << STRENGTH
    found |= np.arange(begin, begin + len(own)) << WHO
    found += own.hops.astype(np.int64) << LENGTH
    return found


def told(key: Array) -> tuple[Array, Array, Array, Array, Array]:
    """What the label of a key (:func:`merged`) says: outcome, hops, parts, authority, strength; of :data:`NEVER`
    nothing, and the rest is that of an empty chain."""
    rank = (key >> RANK).astype(np.int32)
    return (
        Outcome.CONTAINS - (rank >> 26),
        (rank >> 20 & 63).astype(np.int8),
        (rank >> 10 & 1023).astype(np.int16),
        (HIGHEST - (rank >> AUTHORITY & 7)).astype(np.int8),
        (127 - (rank & 127)).astype(np.int8),
    )


def goes_on(view: View, start: Array, label: Array) -> bool:
    """Whether some of these first steps have a second."""
    return bool(np.count_nonzero(view.kinds.take(start) & _USEFUL.take(label & _CODE)))


def merged(view: View, start: Array, label: Array, *, itself: bool = True) -> tuple[Labels, Array, int]:
    """All labels that can be the best of anything; the key of the best to each node, or :data:`NEVER`; and how many
    steps were looked at.

    ``start`` and ``label`` are the first steps in the order of ids; one that has used up hops already is taken up when
    it is their turn.  Without ``itself`` they are no answer for the nodes they begin at.  A key holds what is chosen by
    (the outcome, then :func:`~kg.answers.engine.algebra.rank_of`) and below it, in :data:`RANK` bits, the number of the
    label; the least is best.
    """
    walk = _Walk(view)
    labels = walk.labels(start, label)
    best = np.full(view.arrays.nodes, NEVER)
    none = (view.max_hops << 20) - (view.max_hops << 10) + (HIGHEST << AUTHORITY) + 127
    for low in range(0, len(labels.node), _PIECE):
        node, label, link = (column[low : low + _PIECE] for column in labels)
        key = _FAR.take(label & _CODE)
        key += label >> LENGTH << 10
        key -= label & 7 << AUTHORITY
        key -= label >> STRENGTH & 15
        key += none
        key <<= RANK
        key |= np.arange(low, low + len(node))
        if not itself:
            key[link < 0] = NEVER
        np.minimum.at(best, node, key)
    return labels, best, walk.looked_at


class _Walk:
    """What is known of every node while a walk goes on, and the labels found."""

    def __init__(self, view: View) -> None:
        nodes = view.arrays.nodes
        self.view, self.looked_at = view, 0
        self.words = np.full(nodes, _DEAD)
        if view.targets is not None:
            # Of a node that is only passed no label is needed that has nowhere to go.
            self.words |= np.where(view.asked, 0, _ENDS.take(view.kinds))
        if not view.all_stand:
            self.words[~view.standing] = -1
        #: The first label that came to each node in the last round that did, made by :meth:`_beside`.
        self.heads = np.zeros(nodes, np.int64)
        self.round = 0
        self.columns = [np.empty(4 * nodes, np.int64) for _ in Labels._fields]
        self.begin = self.end = 0
        #: The labels of this level that are not the first of their node.
        self.others = np.empty(0, np.int64)

    def labels(self, start: Array, label: Array) -> Labels:
        """All labels from some first steps."""
        turn = label >> LENGTH
        last, length = int(turn.max(initial=-1)), 0
        while length <= last or self.begin < self.end:
            pieces = self._expanded(self.begin, self.end)
            if length <= last:
                at = (turn == length).nonzero()[0]
                at = at.take(self._lacks(start.take(at), label.take(at) & _CODE))
                first = Labels(start.take(at), label.take(at), np.full(len(at), -1))
                if others := [*pieces]:
                    # Ids begin with the contender, which is in the order of the first steps.
                    first = Labels(*map(np.concatenate, zip(first, *others, strict=True)))
                    order = (first.label >> WHO & NUMBER).argsort(kind="stable")
                    first = Labels(*(column.take(order) for column in first))
                pieces = iter([first])
            self._take_up(pieces)
            length += 1
        return Labels(*(column[: self.end] for column in self.columns))

    def _lacks(self, node: Array, code: Array) -> Array:
        """Which labels no shorter one makes needless."""
        known = self.words.take(node)
        known &= _BIT.take(code)
        found: Array = (known == 0).nonzero()[0]
        return found

    def _expanded(self, begin: int, end: int) -> Iterator[Labels]:
        """The labels one step beyond those of a level, in the order of ids, a piece at a time."""
        a = self.view.arrays
        node, label = self.columns[0][begin:end], self.columns[1][begin:end]
        kinds = self.view.kinds.take(node)
        kinds &= _USEFUL.take(label & _CODE)
        at = kinds.astype(bool).nonzero()[0]
        if not len(at):
            return
        kinds = kinds.take(at)
        low, count = self._runs(node.take(at), kinds)
        if len(self.others) > _FEW and len(needless := self._needless(self.others - begin, at, count, node, label)):
            stays = np.ones(len(at), bool)
            stays[needless] = False
            at, low, count, kinds = at[stays], low[stays], count[stays], kinds[stays]
        label = label.take(at)
        code = (label & _CODE) << 6
        at += begin
        ends = count.cumsum()
        low -= ends
        low += count
        every = kinds & _OVERLAPS > 0
        mixed = bool(np.count_nonzero(every))
        total = int(ends[-1])
        self.looked_at += total
        cuts = [0, len(at)]
        if total > _PIECE:
            cuts[1:1] = ends.searchsorted(np.arange(_PIECE, total, _PIECE)).tolist()
        for i, j in pairwise(cuts):
            if i == j:
                continue
            before = int(ends[i - 1]) if i else 0
            path = np.zeros(int(ends[j - 1]) - before, np.int64)
            path[ends[i : j - 1] - before] = 1
            path = path.cumsum()
            edge = low[i:j].take(path)
            edge += np.arange(before, before + len(path))
            if mixed and len(all_three := every[i:j].take(path).nonzero()[0]):
                edge[all_three] = a.edge_lex.take(edge.take(all_three))
            step = a.edge_step.take(edge)
            after = code[i:j].take(path)
            after |= step & 63
            after = _STEP.take(after)
            good = self._lacks(step >> WHERE, after)
            if self.view.admitted is not None:
                row = a.edge_row.take(edge.take(good))
                good = good[(row < 0) | self.view.admitted.take(row)]
            path, edge, step, after = path.take(good), edge.take(good), step.take(good), after.take(good)
            was = label[i:j].take(path)
            for field in (7 << AUTHORITY, 15 << STRENGTH):
                after |= np.minimum(was & field, step & field)
            was &= -1 << WHO
            was += 1 << LENGTH
            after |= was
            link = at[i:j].take(path)
            link <<= LINK
            link |= edge
            step >>= WHERE
            yield Labels(step, after, link)

    def _runs(self, node: Array, kinds: Array) -> tuple[Array, Array]:
        """Where steps of some kinds begin at each node, and how many they are with those among them."""
        offsets, here = self.view.arrays.edge_offsets, node * 3
        low = offsets.take(here + _FROM.take(kinds))
        here += _TO.take(kinds)
        return low, offsets.take(here) - low

    def _take_up(self, pieces: Iterator[Labels]) -> None:
        """Make those of the pieces that may be needed the next level."""
        self.begin, begin, came, others = self.end, self.end, 0, []
        self.round += 1
        for piece in pieces:
            itself, worse = self._beside(piece.node, piece.label, came)
            came += len(itself)
            # The first of a node stays; another must have something to say for itself.
            good = (itself >= worse).nonzero()[0]
            if np.count_nonzero(itself) < len(good):
                others.append((~itself.take(good)).nonzero()[0] + self.end)
            self._keep(piece, good)
        if begin == self.end:
            return
        node, label = self.columns[0][begin : self.end], self.columns[1][begin : self.end]
        self._know(node, label)
        self.others = np.concatenate(others) if others else np.empty(0, np.int64)
        if len(self.others) > _FEW:
            self._know(node.take(self.others - begin), label.take(self.others - begin))

    def _know(self, node: Array, label: Array) -> None:
        """Take up the first label of each node, and of the others what comes of it."""
        words = self.words.take(node)
        words |= _KNOWN.take(label & _CODE)
        self.words[node[::-1]] = words[::-1]

    def _beside(self, node: Array, label: Array, came: int) -> tuple[Array, Array]:
        """Which labels are the first of their node in this round, ``came`` of which have come; and which are no better
        in anything than that one, as that is itself."""
        mine = np.arange((self.round << 32) - came, (self.round << 32) - came - len(node), -1)
        mine <<= WHO
        mine |= label & (1 << WHO) - 1
        np.maximum.at(self.heads, node, mine)
        head = self.heads.take(node)
        itself = head == mine
        worse = head | _GAPS
        worse -= mine & _FIELDS
        worse &= _GAPS
        head &= ~mine
        head &= _MASK
        worse |= head
        return itself, worse == _GAPS

    def _keep(self, piece: Labels, good: Array) -> None:
        begin, self.end = self.end, self.end + len(good)
        if self.end > len(self.columns[0]):
            self.columns = [np.concatenate([c[:begin], np.empty(self.end + len(c), np.int64)]) for c in self.columns]
        for whole, part in zip(self.columns, piece, strict=True):
            part.take(good, out=whole[begin : self.end], mode="clip")

    def _needless(self, others: Array, at: Array, count: Array, node: Array, label: Array) -> Array:
        """Of the labels ``at`` those among ``others`` that a second of their node makes up for, or a third, and so on;
        none where they have so few steps that it is cheaper to take them."""
        flags = np.zeros(len(node), bool)
        flags[others] = True
        some = flags.take(at).nonzero()[0]
        found = [some[:0]]
        if int(count.take(some).sum()) > _FEW * len(some):
            node, label = node.take(at.take(some)), label.take(at.take(some))
            while len(some) > _FEW:
                self.round += 1
                itself, worse = self._beside(node, label, 0)
                found.append(some[worse > itself])
                rest = (~worse).nonzero()[0]
                some, node, label = some.take(rest), node.take(rest), label.take(rest)
        return np.concatenate(found)
