"""Suggestions: which reference controls and requirements the text of a control most likely speaks of.

    suggest(release, control)                          a control or a text → Suggestions, best first in each source
    suggest(release, "We red-team each release", ["iso42001"], limit=5)

A suggestion is a proposal that a person accepts or not.  It is never counted, and its relation is always ``related``,
the weakest there is, until a person says more.

How they are ranked.  Two signals are added, each scaled to its best:

* *the words*: BM25F (Robertson & Zaragoza, "The Probabilistic Relevance Framework", 2009) over the title, the summary
  and the titles above a node, and, with little weight, the titles and texts of what is mapped to it;
* *the votes*: every node that the words find votes for the nodes it is mapped to.  A control that reads like a
  reference control is likely to serve what that reference control serves.

Words are compared by their stems (Snowball), and through ``synonyms.txt``: words of the field that mean the same.
The same text gives the same answer in every order of the files.  With an *encoder* of sentences (the extra
``semantic``) a second ranking, by nearness of meaning and votes, is made in the same way and the two are added.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import Control, ControlRow, ControlStatus, Disclaimer, Provision, RationaleKind, ReferenceControl
from kg.relations import EQUAL, INTERSECTS_WITH, NO_RELATIONSHIP, RELATED, SUBSET_OF, SUPERSET_OF
from kg.release import Release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Numbers = NDArray[np.float64]
    _Places = NDArray[np.int64]

__all__ = [
    "MAX_LIMIT", "MAX_TEXT", "METHOD", "ControlSuggestions", "Encoder", "Suggestion", "SuggestionReport", "Via",
    "sources_of", "suggest", "suggestion_report", "unmapped",
]  # fmt: skip

METHOD = (
    "ranked by the words of the control and by what the nodes found are mapped to; a proposal that a person accepts "
    "or not, never counted before"
)

#: The most suggestions of one source, and the most characters of a text that are read.
MAX_LIMIT = 100
MAX_TEXT = 20_000

# What follows was set on several crosswalks at once (benchmarks/suggestions.py); around these values the quality is
# flat, so that none of them is finely tuned.
_TITLE, _SUMMARY, _ABOVE, _MAPPED_TITLES, _MAPPED_TEXTS = range(5)
_WEIGHT = (3.0, 1.0, 1.5, 0.3, 0.2)  #: of each field
_LENGTH = (0.3, 0.5, 0.5, 0.7, 0.7)  #: how much a long field is held against a word in it
_SATURATION = 1.2  #: k1 of BM25
_QUERY_TITLE = 2.0  #: a word of the control's title counts this many times
_QUERY_SATURATION = 2.0  #: and a word repeated in the query less and less
_GENERIC = 0.4  #: words that every control has
_SYNONYM = 0.6  #: a group of synonyms beside the word itself
_ONLY_SYNONYM = 1.5  #: where the graph does not know the word, its group is all there is
_IN_PHRASE = 0.5  #: the single words of a phrase that was understood as a whole
_VOTES = 1.2  #: the votes beside the words
_VOTES_FOR_CONTROLS = 0.5  #: what a reference control does stands in its own long text
_VOTERS = 60  #: how many nodes vote

_STOP = frozenset(
    "a across after against ai all also an and any are artificial as at be been before being between both but by "
    "can could did do does doing during each eg etc every for from had has have having how ie if in intelligence "
    "into is it its itself may might more most must new no nor not of on once only or other our out over own per "
    "same shall should so some such system systems than that the their them then there these they this those "
    "through to too under until up upon very via was we were what when where which while who whom why will with "
    "within without would you your".split()
)
_GENERIC_WORDS = (
    "activity annually application apply approach appropriate based conduct control define effective ensure "
    "establish exist facilitate framework implement implementation include least level maintain manage management "
    "manager measure mechanism necessary need operate organization organizational perform practice procedure "
    "process provide related relevant required requirement solution support use used"
)
_WORD = re.compile(r"[^\W_]+")
_STEMMING = Lock()


@dataclass(frozen=True, slots=True)
class Via:
    """A node whose text resembles the control's and which is mapped to what is suggested: how it came up."""

    node: str
    title: str
    row: str
    set_id: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposal for one control.

    ``within`` is the framework or catalogue of ``target``; ``rank`` counts from 1 in it, and ``score`` (0 to 1) is
    only for comparing inside one answer: it is no probability.  ``words`` are the control's own words that the target
    or what is mapped to it shares, ``via`` the mapped nodes that spoke for it.  ``group`` is the article, annex, clause
    or category of a requirement.  ``mapped`` says that the control names the target already.  ``relation`` is always
    the weakest there is: a person who accepts a suggestion may say more.
    """

    target: str
    within: str
    kind: str
    ref: str
    title: str
    group: str
    rank: int
    score: float
    words: tuple[str, ...] = ()
    via: tuple[Via, ...] = ()
    mapped: bool = False
    relation: str = field(default="related", init=False)

    @property
    def row(self) -> ControlRow:
        """The row that accepting it as it stands would give the control."""
        return ControlRow(self.target, RELATED)


@dataclass(frozen=True, slots=True)
class ControlSuggestions:
    """One control and what is suggested for it."""

    control: str
    title: str
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class SuggestionReport:
    """The suggestions for several controls: nothing in it counts anywhere.

    ``sources`` are the frameworks and catalogues asked for, ``encoder`` the name of the model of meaning or empty.
    """

    release: str
    as_of: date
    sources: tuple[str, ...]
    limit: int
    method: str
    encoder: str
    controls: tuple[ControlSuggestions, ...]
    disclaimers: tuple[Disclaimer, ...]


class Encoder(Protocol):
    """Turns sentences into vectors that are near each other where the sentences mean the same."""

    @property
    def name(self) -> str:
        """What vectors are kept under: two encoders of one name must agree."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, each of length 1."""


def unmapped(control: Control) -> bool:
    """Whether a control waits for a mapping: it has none, and it is not one that the organisation does not apply."""
    return not control.rows and control.status is not ControlStatus.NOT_APPLICABLE


def sources_of(release: Release, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """The ids of the frameworks and catalogues named, each once; every one of the release where none is named.

    Raises :class:`~kg.errors.UnknownIdError` with the nearest.
    """
    known = (*release.frameworks, *release.catalogues)
    if names is None:
        return known
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}? " if near else ""
            raise UnknownIdError(f"there is no framework or catalogue {name!r}", f"{hint}one of: {', '.join(known)}")
    return tuple(dict.fromkeys(names))


def suggest(
    release: Release,
    what: Control | str,
    sources: Sequence[str] | None = None,
    limit: int = 10,
    *,
    as_of: date | None = None,
    encoder: Encoder | None = None,
) -> tuple[Suggestion, ...]:
    """At most ``limit`` suggestions of each source for a control (its title and description) or a text.

    ``sources`` are ids of frameworks and catalogues, all of the release where it is ``None``; requirements are those
    of the text in force on ``as_of``, by default of the newest.  Sources come in the order named, suggestions best
    first.  A text without any word that the graph knows gets none.  Raises :class:`~kg.errors.UnknownIdError` for an
    unknown source and :class:`~kg.errors.UsageError` for a limit out of range.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError(f"limit {limit} is out of range", f"1 to {MAX_LIMIT}")
    wanted = sources_of(release, sources)
    title, text = (what.title, what.description) if isinstance(what, Control) else ("", what)
    own = {row.target for row in what.rows} if isinstance(what, Control) else set[str]()
    index = _index(release, as_of)
    query = index.query(title[:MAX_TEXT], text[:MAX_TEXT])
    meaning = None if encoder is None else index.meaning(encoder, f"{title}. {text}".strip(". ")[:MAX_TEXT])
    chosen = [one for source in wanted for one in index.best(source, query, meaning, limit)]
    return tuple(index.suggestions(chosen, query, own))


def suggestion_report(
    release: Release,
    controls: Iterable[Control],
    sources: Sequence[str] | None = None,
    limit: int = 10,
    *,
    as_of: date | None = None,
    encoder: Encoder | None = None,
) -> SuggestionReport:
    """The suggestions for each of ``controls``, in the order given; raises as :func:`suggest` does."""
    wanted = sources_of(release, sources)
    day = as_of or _newest(release)
    found = tuple(
        ControlSuggestions(c.id, c.title, suggest(release, c, wanted, limit, as_of=day, encoder=encoder))
        for c in controls
    )
    name = encoder.name if encoder else ""
    frameworks = [s for s in wanted if s in release.frameworks]
    cautions = release.disclaimers_for(*frameworks)
    return SuggestionReport(release.digest, day, wanted, limit, METHOD, name, found, cautions)


# ------------------------------------------------------------------ words


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """The stem of a word.  The stemmer keeps its place in itself, so one thread at a time asks it."""
    with _STEMMING:
        return str(_stemmer().stemWord(word))


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Each word that says something, as its stem and as it was written."""
    for word in _WORD.findall(text.casefold()):
        if word not in _STOP and (len(word) > 1 or not word.isascii()):
            yield _stem(word) if len(word) <= 40 else word, word


def _stems(text: str) -> list[str]:
    return [stem for stem, _ in _words(text)]


@cache
def _generic() -> frozenset[str]:
    return frozenset(map(_stem, _GENERIC_WORDS.split()))


class _Phrase(NamedTuple):
    stems: tuple[str, ...]
    group: str


@cache
def _synonyms() -> Mapping[str, tuple[_Phrase, ...]]:
    """The first stem of each phrase of ``synonyms.txt`` → the phrases that begin with it and their groups."""
    found: defaultdict[str, list[_Phrase]] = defaultdict(list)
    lines = Path(__file__).with_name("synonyms.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith("#"):
            for stems in sorted({tuple(_stems(phrase)) for phrase in line.split("|")}):
                if stems:
                    found[stems[0]].append(_Phrase(stems, f"~{number}"))
    return {first: tuple(phrases) for first, phrases in found.items()}


def _phrases(stems: Sequence[str]) -> Iterator[tuple[int, _Phrase]]:
    """Every phrase with synonyms in a text, and where it begins."""
    known = _synonyms()
    for place, stem in enumerate(stems):
        for phrase in known.get(stem, ()):
            if tuple(stems[place : place + len(phrase.stems)]) == phrase.stems:
                yield place, phrase


def _terms(text: str) -> list[str]:
    """The stems of a text and the groups of synonyms in it."""
    stems = _stems(text)
    return stems + [phrase.group for _, phrase in _phrases(stems)]


# ------------------------------------------------------------------ the index


class _Query(NamedTuple):
    """What a text asks: the weight of each term, the words behind each, and how well each node fits."""

    weights: dict[str, float]
    said: dict[str, tuple[str, ...]]
    scores: _Numbers


class _Chosen(NamedTuple):
    """A place in the answer, before it is explained; ``voters`` holds for each node the weight of its votes."""

    source: str
    place: int
    rank: int
    score: float
    voters: _Numbers


class _Posting(NamedTuple):
    """The nodes that have a term, in order, and what it is worth in each."""

    nodes: _Places
    worth: _Numbers


class _Edges(NamedTuple):
    """The nodes that one node is mapped to, in order, and how strongly to each."""

    nodes: _Places
    weights: _Numbers


def _newest(release: Release) -> date:
    """The day from which every framework's newest text is in force."""
    return max((v.date for f in release.frameworks.values() for v in f.text_versions), default=date(2000, 1, 1))


def _index(release: Release, as_of: date | None) -> _Index:
    day = as_of or _newest(release)
    texts = tuple((f, release.text_in_force(f, day)) for f in release.frameworks)
    index: _Index = release.cache(("suggestions", texts), lambda: _Index(release, day))
    return index


class _Index:
    """Everything that is ready before a question comes: terms → nodes, votes, candidates of each source."""

    def __init__(self, release: Release, day: date) -> None:
        import numpy as np

        self.release = release
        texts = {f: release.text_in_force(f, day) for f in release.frameworks}
        standing = [p.id for p in release.provisions.values() if p.in_text(texts[p.framework])]
        self.ids: list[str] = [*standing, *release.controls, *release.joints]
        self.place = {id_: place for place, id_ in enumerate(self.ids)}
        self.candidates: dict[str, _Places] = {}
        for framework in release.frameworks:
            requirements = [self.place[p.id] for p in release.requirements(framework, day)]
            self.candidates[framework] = np.array(sorted(requirements), dtype=np.int64)
        for catalogue in release.catalogues:
            controls = [self.place[c.id] for c in release.controls.values() if c.catalogue == catalogue]
            self.candidates[catalogue] = np.array(sorted(controls), dtype=np.int64)
        links, self.rows = self._links()
        self.edges, self.roots = self._edges(links)
        self.postings = self._postings(links)
        self._vectors: dict[str, NDArray[np.float32]] = {}

    # ---------------------------------------------------------------- building

    def _links(self) -> tuple[dict[int, dict[int, float]], dict[tuple[int, int], str]]:
        """Node → the nodes it is mapped to, with a weight each; and for each pair the row behind it.

        A row at a whole speaks for each requirement below it too, thinly: one vote is shared among them.
        """
        release = self.release
        links: defaultdict[int, dict[int, float]] = defaultdict(dict)
        rows: dict[tuple[int, int], str] = {}
        below: defaultdict[str, list[str]] = defaultdict(list)
        requirements = {self.ids[i] for f in release.frameworks for i in self.candidates[f]}
        for requirement in sorted(requirements):
            for whole in release.ancestors(requirement):
                below[whole].append(requirement)

        def link(one: str, other: str, weight: float, row: str) -> None:
            here, there = self.place[one], self.place[other]
            for a, b in ((here, there), (there, here)):
                if weight > links[a].get(b, 0.0):
                    links[a][b] = weight
                    rows[a, b] = row

        for m in sorted(release.mappings, key=lambda m: m.id):
            if m.rationale_kind is RationaleKind.SYNTACTIC or m.mask == NO_RELATIONSHIP:
                continue
            if m.subject not in self.place or m.object not in self.place:
                continue
            weight = _relation_weight(m.mask)
            link(m.subject, m.object, weight, m.id)
            for one, other in ((m.subject, m.object), (m.object, m.subject)):
                if one not in requirements:
                    for requirement in below[one]:
                        link(requirement, other, weight / len(below[one]), m.id)
        return {a: dict(sorted(found.items())) for a, found in sorted(links.items())}, rows

    def _edges(self, links: Mapping[int, Mapping[int, float]]) -> tuple[dict[int, _Edges], _Numbers]:
        """Who votes for whom, and what each node's votes are divided by.  What is mapped to much says little of each,
        hence the root of the whole weight."""
        import numpy as np

        found = {}
        roots = np.ones(len(self.ids))
        for here, there in links.items():
            nodes = np.fromiter(there, dtype=np.int64, count=len(there))
            found[here] = _Edges(nodes, np.fromiter(there.values(), dtype=np.float64, count=len(there)))
            roots[here] = math.sqrt(sum(there.values()))
        return found, roots

    def _fields(self, id_: str, links: Iterable[int]) -> tuple[str, ...]:
        release = self.release
        title, text = self._text(id_)
        above = " ".join(release.title(whole) for whole in release.ancestors(id_)[:2])
        mapped = [self._text(self.ids[there]) for there in links]
        return title, text, above, " ".join(t for t, _ in mapped), " ".join(t for _, t in mapped)

    def _text(self, id_: str) -> tuple[str, str]:
        node = self.release.node(id_)
        if isinstance(node, Provision):
            return node.title, node.summary
        return node.title, node.statement if isinstance(node, ReferenceControl) else ""

    def _postings(self, links: Mapping[int, Mapping[int, float]]) -> dict[str, _Posting]:
        """BM25F over the fields of all nodes.  A term is as rare as its own fields say, not what is mapped to them."""
        import numpy as np

        terms = cache(_terms)  # a text stands in the field of every node that it is mapped to
        counts: list[tuple[Counter[str], ...]] = []
        for place, id_ in enumerate(self.ids):
            title, text, above, *_ = self._fields(id_, ())
            mapped = [self._text(self.ids[there]) for there in links.get(place, ())]
            counts.append((
                Counter(terms(title)),
                Counter(terms(text)),
                Counter(terms(above)),
                sum((Counter(terms(t)) for t, _ in mapped), Counter()),
                sum((Counter(terms(t)) for _, t in mapped), Counter()),
            ))  # fmt: skip
        lengths = [[part.total() for part in fields] for fields in counts]
        mean = [sum(sizes) / max(1, sum(1 for n in sizes if n)) for sizes in zip(*lengths, strict=True)] or [1.0] * 5
        worth: defaultdict[str, dict[int, float]] = defaultdict(dict)
        having: Counter[str] = Counter()
        for place, (fields, sizes) in enumerate(zip(counts, lengths, strict=True)):
            having.update({t for part in fields[:_MAPPED_TITLES] for t in part})
            for number, (terms_in, size) in enumerate(zip(fields, sizes, strict=True)):
                if not size:
                    continue
                norm = 1 - _LENGTH[number] + _LENGTH[number] * size / mean[number]
                for term, count in terms_in.items():
                    worth[term][place] = worth[term].get(place, 0.0) + _WEIGHT[number] * count / norm
        found = {}
        for term, nodes in worth.items():
            rare = having[term] or 1
            rarity = math.log(1 + (len(self.ids) - rare + 0.5) / (rare + 0.5))
            places = np.fromiter(nodes, dtype=np.int64, count=len(nodes))
            often = np.fromiter(nodes.values(), dtype=np.float64, count=len(nodes))
            found[term] = _Posting(places, rarity * often * (_SATURATION + 1) / (_SATURATION + often))
        return found

    # ---------------------------------------------------------------- asking

    def query(self, title: str, text: str) -> _Query:
        """How well each node fits a text."""
        import numpy as np

        asked: dict[str, float] = {}
        said: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for part, weight in ((title, _QUERY_TITLE), (text, 1.0)):
            words = list(_words(part))
            stems = [stem for stem, _ in words]
            factor = [_GENERIC if stem in _generic() else 1.0 for stem in stems]
            groups: dict[str, float] = {}
            for place, phrase in _phrases(stems):
                here = range(place, place + len(phrase.stems))
                known = all(stem in self.postings for stem in phrase.stems)
                groups[phrase.group] = max(groups.get(phrase.group, 0.0), _SYNONYM if known else _ONLY_SYNONYM)
                for i in here:
                    said[phrase.group][words[i][1]] = None
                    if len(phrase.stems) > 1:
                        factor[i] = _IN_PHRASE * (_GENERIC if stems[i] in _generic() else 1.0)
            for (stem, word), times in zip(words, factor, strict=True):
                asked[stem] = asked.get(stem, 0.0) + weight * times
                said[stem][word] = None
            for group, times in groups.items():
                asked[group] = asked.get(group, 0.0) + weight * times
        scores = np.zeros(len(self.ids))
        weights = {}
        for term in sorted(asked):
            posting = self.postings.get(term)
            if posting is not None:
                weights[term] = asked[term] * (_QUERY_SATURATION + 1) / (asked[term] + _QUERY_SATURATION)
                scores[posting.nodes] += weights[term] * posting.worth
        return _Query(weights, {term: tuple(words) for term, words in said.items()}, scores)

    def meaning(self, encoder: Encoder, text: str) -> _Numbers:
        """How near each node is to a text in meaning, never below nothing."""
        import numpy as np

        if encoder.name not in self._vectors:
            texts = [". ".join(part for part in self._text(id_) if part) for id_ in self.ids]
            self._vectors[encoder.name] = encoder.encode(texts)
        near: _Numbers = (self._vectors[encoder.name] @ encoder.encode([text])[0]).astype(np.float64)
        return np.maximum(near, 0.0)

    def best(self, source: str, query: _Query, meaning: _Numbers | None, limit: int) -> list[_Chosen]:
        """The best of one source."""
        import numpy as np

        candidates = self.candidates[source]
        if not len(candidates) or not query.scores.any():
            return []
        share = _VOTES if source in self.release.frameworks else _VOTES_FOR_CONTROLS
        total, voters = self._total(candidates, query.scores, share)
        if meaning is not None:
            other, _ = self._total(candidates, meaning**4, share)  # sharpened: cosines lie close together
            total = _scaled(total) + _scaled(other)
        total = np.round(total, 9)
        order = np.lexsort((candidates, -total))[:limit]
        top = float(total[order[0]]) or 1.0
        found = [(int(candidates[i]), float(total[i]) / top) for i in order if total[i] > 0]
        return [_Chosen(source, place, rank, score, voters) for rank, (place, score) in enumerate(found, 1)]

    def _total(self, candidates: _Places, scores: _Numbers, share: float) -> tuple[_Numbers, _Numbers]:
        """Words and votes together for each candidate, and with what weight each node voted."""
        import numpy as np

        fit = scores / scores.max()
        power = fit * fit
        power[candidates] = 0.0
        eager = np.flatnonzero(power)
        if len(eager) > _VOTERS:
            eager = eager[np.lexsort((eager, -np.round(power[eager], 9)))[:_VOTERS]]
        voters = np.zeros(len(self.ids))
        votes = np.zeros(len(self.ids))
        for voter in sorted(map(int, eager)):
            if voter in self.edges:
                edges = self.edges[voter]
                voters[voter] = power[voter] / self.roots[voter]
                votes[edges.nodes] += voters[voter] * edges.weights
        return _scaled(fit[candidates]) + share * _scaled(votes[candidates]), voters

    def suggestions(self, chosen: Sequence[_Chosen], query: _Query, own: set[str]) -> Iterator[Suggestion]:
        """What was chosen, each with its reasons."""
        shared = self._shared([one.place for one in chosen], query)
        for one, words in zip(chosen, shared, strict=True):
            id_ = self.ids[one.place]
            node = self.release.node(id_)
            provision = node if isinstance(node, Provision) else None
            yield Suggestion(
                target=id_,
                within=one.source,
                kind=provision.kind if provision else "control",
                ref=provision.ref if provision else id_,
                title=node.title,
                group=self.release.group_of(id_) if provision else "",
                rank=one.rank,
                score=round(one.score, 4),
                words=words,
                via=tuple(self._spoke(one)),
                mapped=id_ in own,
            )

    def _spoke(self, one: _Chosen) -> Iterator[Via]:
        """The three nodes that spoke loudest for what was chosen."""
        import numpy as np

        edges = self.edges.get(one.place)
        if edges is None:
            return
        loud = np.round(one.voters[edges.nodes] * edges.weights, 9)
        for i in np.lexsort((edges.nodes, -loud))[:3]:
            if loud[i] > 0:
                voter = int(edges.nodes[i])
                row = self.rows[voter, one.place]
                title = self.release.title(self.ids[voter])
                yield Via(self.ids[voter], title, row, self.release.row[row].set_id)

    def _shared(self, places: Sequence[int], query: _Query) -> list[tuple[str, ...]]:
        """For each place the words of the text that count most for it, at most six."""
        import numpy as np

        wanted = np.array(places, dtype=np.int64)
        worth: list[dict[str, float]] = [{} for _ in places]
        for term, weight in query.weights.items():
            posting = self.postings[term]
            at = np.minimum(posting.nodes.searchsorted(wanted), len(posting.nodes) - 1)
            values = np.where(posting.nodes[at] == wanted, weight * posting.worth[at], 0.0)
            for i in np.flatnonzero(values):
                for word in query.said[term]:
                    worth[i][word] = worth[i].get(word, 0.0) + float(values[i])
        return [tuple(word for _, word in sorted((-round(v, 9), word) for word, v in w.items())[:6]) for w in worth]


def _relation_weight(mask: int) -> float:
    """How much a row's vote weighs: containment more than overlap, overlap more than *related*."""
    if mask & INTERSECTS_WITH:
        return 0.6 if mask == INTERSECTS_WITH else 0.5
    return 1.0 if mask & (EQUAL | SUBSET_OF | SUPERSET_OF) else 0.0


def _scaled(values: _Numbers) -> _Numbers:
    top = values.max()
    return values / top if top > 0 else values
