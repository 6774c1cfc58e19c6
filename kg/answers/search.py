"""Search: nodes by id, reference or words, best first."""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from kg.errors import UnknownIdError
from kg.model import Classification
from kg.release import Release

__all__ = ["Hit", "classification_words", "search"]

_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    "a an and are as at be by for from in into is it its of on or such that the their they this to with".split()
)


#: What the words of a classification weigh beside those of a title or summary.
_CLASSIFIED = 0.001


@dataclass(frozen=True, slots=True)
class Hit:
    """One node found, with what kind of thing it is and a score (BM25; an exact id scores above all)."""

    id: str
    kind: str
    ref: str
    title: str
    summary: str
    score: float


@cache
def _stem(word: str) -> str:
    for end in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 4:
            return word[: -len(end)]
    return word


def _words(text: str) -> list[str]:
    return [_stem(w) for w in _WORD.findall(text.lower()) if w not in _STOP]


#: Kind, reference, title and summary by id.
_Docs = dict[str, tuple[str, str, str, str]]


def _documents(release: Release) -> _Docs:
    docs: _Docs = {}
    for p in release.provisions.values():
        docs[p.id] = (p.kind, p.ref, p.title, p.summary)
    for c in release.controls.values():
        docs[c.id] = ("control", c.id, c.title, c.statement)
    for j in release.joints.values():
        docs[j.id] = ("joint node", j.id, j.title, j.rationale)
    for t in release.threats.values():
        docs[t.id] = ("threat", t.id, t.title, t.summary)
    for i in release.incidents.values():
        docs[i.id] = ("incident", f"AIID {i.number}", i.title, "")
    return docs


def _classified(release: Release) -> _Docs:
    """Cases by nothing but the words of their classification."""
    docs: _Docs = {}
    for id_, c in release.classifications.items():
        docs[id_] = ("incident", f"AIID {c.number}", "", classification_words(release, c))
    return docs


def classification_words(release: Release, c: Classification) -> str:
    """A classification in a line: subdomain and domain, then who, when and whether it was meant."""
    subdomain = release.risk_domains[c.subdomain]
    domain = release.risk_domains[subdomain.broader]
    return f"MIT {subdomain.ref} {subdomain.title} ({domain.title}); {c.entity}, {c.timing}, {c.intent}"


class _Index:
    """A BM25 index over titles (counted three times) and summaries.  Robertson & Zaragoza, "The Probabilistic
    Relevance Framework" (2009), k1 = 1.2, b = 0.75."""

    def __init__(self, docs: _Docs) -> None:
        self.docs = docs
        self.postings: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.length: dict[str, int] = {}
        for id_, (_, ref, title, summary) in self.docs.items():
            counts = Counter(_words(f"{ref} {summary}"))
            for word in _words(title):
                counts[word] += 3
            self.length[id_] = sum(counts.values())
            for word, count in counts.items():
                self.postings[word][id_] = count
        self.average = sum(self.length.values()) / max(1, len(self.length))

    def scores(self, text: str) -> dict[str, float]:
        found: defaultdict[str, float] = defaultdict(float)
        for word in _words(text):
            posting = self.postings.get(word, {})
            weight = math.log(1 + (len(self.docs) - len(posting) + 0.5) / (len(posting) + 0.5))
            for id_, count in posting.items():
                norm = 1.2 * (0.25 + 0.75 * self.length[id_] / self.average)
                found[id_] += weight * count * 2.2 / (count + norm)
        return found


def search(release: Release, text: str, limit: int = 20, *, kinds: Any = None) -> tuple[Hit, ...]:
    """The nodes that ``text`` most likely means: an id or reference exactly, then words.

    Where ``kinds`` asks for incidents, cases are also found by their classification, behind those whose title fits;
    among all kinds they would bury the rest, since hundreds share a subdomain.  A case that has no title here says so.
    """
    index: _Index = release.cache("search", lambda: _Index(_documents(release)))
    scores = dict(index.scores(text))
    if kinds and "incident" in kinds:
        for id_, score in _by_classification(release).scores(text).items():
            scores[id_] = scores.get(id_, 0.0) + _CLASSIFIED * score
    with contextlib.suppress(UnknownIdError):
        scores[release.resolve(text)] = 1000.0
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    hits = [Hit(id_, *_shown(release, index, id_), round(score, 3)) for id_, score in ranked]
    return tuple(h for h in hits if not kinds or h.kind in kinds)[:limit]


def _by_classification(release: Release) -> _Index:
    found: _Index = release.cache("search by classification", lambda: _Index(_classified(release)))
    return found


def _shown(release: Release, index: _Index, id_: str) -> tuple[str, str, str, str]:
    """Kind, reference, title and summary of a hit; the summary of a classified case is its classification."""
    if id_ not in release.classifications:
        return index.docs[id_]
    kind, ref, _, summary = _by_classification(release).docs[id_]
    case = release.known_by_number.get(id_)
    return kind, ref, f"(no title here: see {case.url})" if case else release.title(id_), summary
