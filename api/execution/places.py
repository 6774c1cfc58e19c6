"""Where the values of a column stand in the response.  Worked out for errors and for ``info.path`` alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from graphql.pyutils import Path

__all__ = ["FieldPlaces", "ItemPlaces", "Places", "RootPlaces", "SomePlaces"]


class Places:
    """The place of each value of one column.  ``order`` sorts places as a depth-first walk meets them."""

    __slots__ = ()

    def path(self, i: int) -> Path | None:
        """The response path of value ``i``; ``None`` for the root."""
        raise NotImplementedError

    def order(self, i: int) -> tuple[int, ...]:
        """The same as positions of fields within their selections and of items within their lists."""
        raise NotImplementedError

    def of_field(self, i: int) -> Path | None:
        """The path of the field that value ``i`` belongs to: without the indices of lists."""
        return self.path(i)


class RootPlaces(Places):
    """The root object."""

    __slots__ = ()

    def path(self, i: int) -> Path | None:
        return None

    def order(self, i: int) -> tuple[int, ...]:
        return ()


class FieldPlaces(Places):
    """One field of every object of a column."""

    __slots__ = ("key", "parent", "position", "typename")

    def __init__(self, parent: Places, key: str, position: int, typename: str) -> None:
        self.parent, self.key, self.position, self.typename = parent, key, position, typename

    def path(self, i: int) -> Path | None:
        return Path(self.parent.path(i), self.key, self.typename)

    def order(self, i: int) -> tuple[int, ...]:
        return (*self.parent.order(i), self.position)


class ItemPlaces(Places):
    """All items of all lists of a column; ``starts`` says at which item each list begins."""

    __slots__ = ("parent", "starts")

    def __init__(self, parent: Places, starts: Sequence[int]) -> None:
        self.parent, self.starts = parent, starts

    def _list(self, i: int) -> int:
        return bisect_right(self.starts, i) - 1

    def path(self, i: int) -> Path | None:
        of = self._list(i)
        return Path(self.parent.path(of), i - self.starts[of], None)

    def order(self, i: int) -> tuple[int, ...]:
        of = self._list(i)
        return (*self.parent.order(of), i - self.starts[of])

    def of_field(self, i: int) -> Path | None:
        return self.parent.of_field(self._list(i))


class SomePlaces(Places):
    """Some values of a column, by their indices in it."""

    __slots__ = ("indices", "parent")

    def __init__(self, parent: Places, indices: Sequence[int]) -> None:
        self.parent, self.indices = parent, indices

    def path(self, i: int) -> Path | None:
        return self.parent.path(self.indices[i])

    def order(self, i: int) -> tuple[int, ...]:
        return self.parent.order(self.indices[i])

    def of_field(self, i: int) -> Path | None:
        return self.parent.of_field(self.indices[i])
