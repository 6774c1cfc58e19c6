"""What every resolver of one request shares."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4

import strawberry

from api.access import NOBODY, Principal
from api.observability import Metrics
from kg.release import Release

if TYPE_CHECKING:
    from kg.organizations.store import Store

__all__ = ["Context", "Info", "Kept"]

_T = TypeVar("_T")
#: How many assessments of organisations a server keeps at hand.
_MOST = 32


class Kept:
    """The values last asked for, by key: the least recently used one goes.  Thread-safe; a value that several ask for
    at once may be made several times."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make()`` gives, or gave for ``key``."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return cast(_T, self._values[key])
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


@dataclass(slots=True)
class Context:
    """One request: the release it is answered from, who asks, its id, and what it has computed so far.

    ``shared`` keeps what outlives the request: assessments of organisations, by organisation and what it says.
    """

    release: Release
    request_id: str = field(default_factory=lambda: uuid4().hex)
    principal: Principal = NOBODY
    store: Store | None = None
    shared: Kept | None = None
    metrics: Metrics | None = None
    writable: bool = False  #: whether the request may change anything: it was sent by POST, and there is a store
    #: What the answer rests on in the store: the head of each organisation's history, read before anything of it.
    heads: dict[str, str | None] = field(default_factory=dict)
    #: Whether the answer may not be given again: it rests on anything else of the store, or on what the asker brought.
    volatile: bool = False
    controls: int = 0  #: how many controls its assessments have taken so far
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make()`` gives, computed once per request for ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(_T, self._kept[key])

    def rests_on(self, organization_id: str) -> None:
        """Note that something of an organisation is about to be read."""
        if self.store is not None and organization_id not in self.heads:
            self.heads[organization_id] = self.store.head(organization_id)

    def brought(self, *own: object) -> None:
        """Note what a request says about its asker's own organisation: if there is any of it, no answer is kept."""
        self.volatile = self.volatile or any(own)

    def forget(self) -> None:
        """Compute everything anew from here on: something was written."""
        self._kept.clear()


Info = strawberry.Info[Context, None]
