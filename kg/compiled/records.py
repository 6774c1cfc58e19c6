"""Model objects as lines of JSON, one array of field values a line, in the order of the fields.

An enum is its value, a date its ISO 8601 form, a tuple an array, a :class:`~kg.model.Source` the number of its file
and its line.  A section is a JSON array of such lines with the place of each, so that one object is read without the
others.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args, get_origin

import orjson

from kg.model import Source

__all__ = ["LazyMap", "Section", "encode"]

_T = TypeVar("_T")
_K = TypeVar("_K")
_Convert = Callable[[Any], Any]


def encode(items: Sequence[Any], file_of: Callable[[str], int]) -> tuple[bytes, list[int]]:
    """The bytes of a section and where each of its lines begins, the end included.

    ``file_of`` numbers the files that sources name.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Source):
            return [file_of(value.path), value.line]
        if isinstance(value, tuple):
            return [plain(v) for v in value]
        if dataclasses.is_dataclass(value):
            return [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
        return value

    lines = [orjson.dumps(plain(item)) for item in items]
    places = [2]
    for line in lines:
        places.append(places[-1] + len(line) + 2)
    return b"[\n" + b",\n".join(lines) + b"\n]\n", places


@cache
def _converter(kind: Any) -> _Convert | None:
    """What makes a value of ``kind`` of its JSON; ``None`` where the JSON is the value."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is UnionType or NoneType in args:
        (inner,) = (a for a in args if a is not NoneType)
        given = _converter(inner)
        return None if given is None else lambda value: None if value is None else given(value)
    if origin is tuple:
        convert = _converter(args[0])
        return tuple if convert is None else lambda value: tuple(map(convert, value))
    if kind is date:
        return date.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind._value2member_map_.__getitem__
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return lambda value: _made(kind, value)
    return None


@cache
def _kind(module: str, said: str) -> Any:
    """What an annotation means in its module: a few are written hundreds of times."""
    return eval(said, vars(sys.modules[module]))


@cache
def _shape(kind: Any) -> tuple[int, tuple[tuple[int, _Convert], ...]]:
    """Which field is the source (-1 if none is), and which others must be converted."""
    kinds = [_kind(kind.__module__, said) for said in kind.__annotations__.values()]
    source = kinds.index(Source) if Source in kinds else -1
    converted = ((i, _converter(k)) for i, k in enumerate(kinds) if i != source)
    return source, tuple((i, c) for i, c in converted if c is not None)


def _made(kind: Callable[..., _T], row: list[Any]) -> _T:
    _, converters = _shape(kind)
    for i, convert in converters:
        row[i] = convert(row[i])
    return kind(*row)


class Section(Generic[_T]):
    """The objects of one kind, in canonical order; each is made when it is first asked for, and once."""

    def __init__(
        self, kind: Callable[..., _T], data: memoryview, places: Sequence[int], paths: Callable[[], list[str]]
    ) -> None:
        self._kind = kind
        self._data = data
        self._places = places
        self._paths = paths
        self._made: dict[int, _T] = {}
        self._all: tuple[_T, ...] | None = None

    def __len__(self) -> int:
        return len(self._places) - 1

    def __getitem__(self, index: int) -> _T:
        """The object at ``index``, from 0."""
        found = self._made.get(index)
        if found is None:
            begin, end = self._places[index], self._places[index + 1] - 2
            # two threads may both make it: the first one stays
            found = self._made.setdefault(index, self._read(orjson.loads(self._data[begin:end])))
        return found

    def all(self) -> tuple[_T, ...]:
        """Every object, read in one go."""
        if self._all is None:
            made, read = self._made, self._read
            rows = orjson.loads(self._data)
            self._all = tuple(made.get(i) or made.setdefault(i, read(row)) for i, row in enumerate(rows))
        return self._all

    def _read(self, row: list[Any]) -> _T:
        source, _ = _shape(self._kind)
        if source >= 0:
            number, line = row[source]
            row[source] = Source(self._paths()[number], line)
        return _made(self._kind, row)


class LazyMap(dict[_K, _T]):
    """Id → object over a section, read as a dictionary in canonical order; give it out as a mapping proxy.

    What has been asked for stands in the dictionary itself, so that asking again costs no call.
    """

    def __init__(self, section: Section[_T], keys: Sequence[_K]) -> None:
        super().__init__()
        self._section = section
        self._index = {key: i for i, key in enumerate(keys)}
        self._full: dict[_K, _T] | None = None

    def __missing__(self, key: _K) -> _T:
        return self.setdefault(key, self._section[self._index[key]])

    def _everything(self) -> dict[_K, _T]:
        if self._full is None:
            self._full = dict(zip(self._index, self._section.all(), strict=True))
        return self._full

    def get(self, key: _K, default: Any = None) -> Any:
        """The object of ``key``, or ``default``."""
        return self[key] if key in self._index else default

    def __contains__(self, key: object) -> bool:
        return key in self._index

    def __iter__(self) -> Iterator[_K]:
        return iter(self._index)

    def __reversed__(self) -> Iterator[_K]:
        return reversed(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def keys(self) -> KeysView[_K]:  # type: ignore[override]
        """Every key; no object is made for it."""
        return self._index.keys()

    def values(self) -> ValuesView[_T]:  # type: ignore[override]
        """Every object."""
        return self._everything().values()

    def items(self) -> ItemsView[_K, _T]:  # type: ignore[override]
        """Every key with its object."""
        return self._everything().items()

    def __eq__(self, other: object) -> bool:
        return self._everything() == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __or__(self, other: Any) -> Any:
        return self._everything() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._everything()

    def copy(self) -> dict[_K, _T]:
        """A plain dictionary of everything."""
        return self._everything().copy()

    def __repr__(self) -> str:
        return repr(self._everything())

    __hash__ = None
