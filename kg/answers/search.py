"""Search: nodes by id, reference or words, best first."""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from kg.errors import UnknownIdError
from kg.release import Release

__all__ = ["Hit", "search"]

_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    "a an and are as at be by for from in into is it its of on or such that the their they this to with".split()
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One node found, with what kind of thing it is and a score (BM25; an exact id scores above all)."""

    id: str
    kind: str
    ref: str
    title: str
    summary: str
    score: float


def _stem(word: str) -> str:
    for end in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 4:
            return word[: -len(end)]
    return word


def _words(text: str) -> list[str]:
    return [_stem(w) for w in _WORD.findall(text.lower()) if w not in _STOP]


class _Index:
    """A BM25 index over titles (counted three times) and summaries.  Robertson & Zaragoza, "The Probabilistic
    Relevance Framework" (2009), k1 = 1.2, b = 0.75."""

    def __init__(self, release: Release) -> None:
        self.docs: dict[str, tuple[str, str, str, str]] = {}
        for p in release.provisions.values():
            self.docs[p.id] = (p.kind, p.ref, p.title, p.summary)
        for c in release.controls.values():
            self.docs[c.id] = ("control", c.id, c.title, c.statement)
        for j in release.joints.values():
            self.docs[j.id] = ("joint node", j.id, j.title, j.rationale)
        for t in release.threats.values():
            self.docs[t.id] = ("threat", t.id, t.title, t.summary)
        for i in release.incidents.values():
            self.docs[i.id] = ("incident", f"AIID {i.number}", i.title, "")
        self.postings: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.length: dict[str, int] = {}
        for id_, (_, ref, title, summary) in self.docs.items():
            counts = Counter(_words(f"{title} {title} {title} {ref} {summary}"))
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
    """The nodes that ``text`` most likely means: an id or reference exactly, then words."""
    index: _Index = release.cache("search", lambda: _Index(release))
    scores = dict(index.scores(text))
    with contextlib.suppress(UnknownIdError):
        scores[release.resolve(text)] = 1000.0
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    hits = [Hit(id_, *index.docs[id_][:4], round(score, 3)) for id_, score in ranked]
    return tuple(h for h in hits if not kinds or h.kind in kinds)[:limit]
