"""What every resolver of one request shares."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import uuid4

import strawberry

from kg import Release

__all__ = ["Context", "Info"]

_T = TypeVar("_T")


@dataclass(slots=True)
class Context:
    """One request: the release it is answered from, its id, and what it has computed so far."""

    release: Release
    request_id: str = field(default_factory=lambda: uuid4().hex)
    controls: int = 0  #: how many controls its assessments have taken so far
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make()`` gives, computed once per request for ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(_T, self._kept[key])


Info = strawberry.Info[Context, None]
