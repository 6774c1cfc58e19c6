"""JSON written piece by piece, byte for byte as orjson writes the whole.

    Rows(make)                  a list whose items are made while they are written, as often as it is written
    indented(value)             two spaces of indentation
    sorted_keys(value)          compact, keys in order: what a digest is taken of

A value is plain data in which lists may be :class:`Rows`; only what holds one is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

__all__ = ["Rows", "indented", "sorted_keys"]

_MOST = 500  #: items of a piece


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A list that is never there as a whole; ``make`` gives its items, the same each time, and in none are rows."""

    make: Callable[[], Iterable[Any]]


def _holds(value: Any) -> bool:
    """Whether there is a :class:`Rows` anywhere in a value."""
    if isinstance(value, dict):
        return any(map(_holds, value.values()))
    return isinstance(value, Rows) or (isinstance(value, list) and any(map(_holds, value)))


def indented(value: Any, level: int = 0) -> Iterator[bytes]:
    """The value as ``OPT_INDENT_2`` writes it, ``level`` steps in; no line break at the end."""
    return _written(value, level, "  ")


def sorted_keys(value: Any) -> Iterator[bytes]:
    """The value as ``OPT_SORT_KEYS`` writes it."""
    return _written(value, 0, "")


def _written(value: Any, level: int, step: str) -> Iterator[bytes]:
    """One value, ``level`` steps in; without a step on one line and with keys in order."""
    here, inside = (f"\n{step * n}".encode() if step else b"" for n in (level, level + 1))

    def whole(item: Any, place: bytes) -> bytes:
        if not step:
            return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        return orjson.dumps(item, option=orjson.OPT_INDENT_2).replace(b"\n", place)  # in a text there is no line break

    if isinstance(value, Rows):
        items = iter(value.make())
        comma = b"["
        while chunk := list(islice(items, _MOST)):
            yield comma + inside + (b"," + inside).join(whole(item, inside) for item in chunk)
            comma = b","
        yield here + b"]" if comma == b"," else b"[]"
    elif not _holds(value):
        yield whole(value, here)
    elif isinstance(value, dict):
        comma = b"{"
        for key, item in value.items() if step else sorted(value.items()):
            yield comma + inside + orjson.dumps(key) + (b": " if step else b":")
            yield from _written(item, level + 1, step)
            comma = b","
        yield here + b"}"
    else:
        comma = b"["
        for item in value:
            yield comma + inside
            yield from _written(item, level + 1, step)
            comma = b","
        yield here + b"]"
