"""Answers given before, given again while nothing that they rest on has changed.

An answer is found by the release, the day, who asks (with every role) and the request as it was sent.  One about
organisations is given only while the head of each one's history is what it was before the answer was computed: every
write changes it, an organisation erased and made again has another, and so has a store that was restored and written to
since.  Only complete answers to queries are kept: no errors, nothing that rests on the store in another way (lists of
organisations, keys, members, the audit log), in memory alone and not for long.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

from api.access import Principal

if TYPE_CHECKING:
    from kg.organizations.store import Store

__all__ = ["Answer", "Answers", "asker"]

#: The answers kept, in bytes in all and each; and for how many seconds.
KEPT_BYTES = 32 * 1024 * 1024
LARGEST = 4 * 1024 * 1024
KEPT_SECONDS = 600.0
_OVERHEAD = 600  #: bytes of an entry beside its answer


@dataclass(frozen=True)
class Answer:
    """A body as it leaves the server, and what it rests on."""

    body: bytes
    compressed: bytes | None
    heads: Mapping[str, str | None]
    until: float

    @classmethod
    def of(cls, body: bytes, compressed: bytes | None, heads: Mapping[str, str | None]) -> Answer:
        """An answer computed just now."""
        return cls(body, compressed, dict(heads), time.monotonic() + KEPT_SECONDS)

    @cached_property
    def etag(self) -> str:
        """The name of these bytes.  Worked out for who may say it again (GET): it takes longer than to write them."""
        return blake2b(self.body, digest_size=16).hexdigest()

    def holds(self, store: Store | None) -> bool:
        """Whether every organisation that it rests on is as it was.  Asks the store."""
        return all(store is not None and store.head(id_) == head for id_, head in self.heads.items())

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + len(self.compressed or b"") + _OVERHEAD


class Answers:
    """The answers last given, by key: the least recently used ones go.  Thread-safe."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Answer | None:
        """The answer for a key, unless it is too old; whether it still holds is for :meth:`Answer.holds`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found.until < time.monotonic():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, if it is not too large."""
        if answer.size > min(LARGEST, self._most):
            return
        with self._lock:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = answer
            self._bytes += answer.size
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))

    def drop(self, key: Hashable) -> None:
        """Forget an answer that no longer holds."""
        with self._lock:
            if key in self._kept:
                self._drop(key)

    def _drop(self, key: Hashable) -> None:
        self._bytes -= self._kept.pop(key).size


def asker(principal: Principal) -> Hashable:
    """Everything about who asks that an answer may depend on."""
    roles = tuple(sorted((id_, role.value) for id_, role in principal.roles.items()))
    return principal.kind, principal.id, principal.name, roles, principal.platform, principal.everywhere
