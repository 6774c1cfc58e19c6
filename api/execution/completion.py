"""Completing values: from what resolvers gave to what stands in the response, a column at a time.

A *column* is the list of values of one field over all objects of a level.  Completed, it holds ``None`` for a null and
a :class:`Failure` where an error is on its way up to the next nullable place; the :data:`NULLS` and :data:`FAILURES` of
a column say whether it may hold any, so that nobody looks through a column without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, cast

import orjson
from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    located_error,
)
from graphql.execution.executor import Executor, default_type_resolver, invalid_return_type_error
from graphql.pyutils import is_iterable

from .leaves import column
from .places import ItemPlaces, Places, SomePlaces

if TYPE_CHECKING:
    from .operation import FieldPlan, Run

__all__ = ["FAILURES", "NULLS", "Completer", "Failure", "UnsupportedError", "completer", "odd"]

NULLS, FAILURES = 1, 2
#: Items of a list, on average, from which on it is worth writing at once.
LONG = 16
_NULL = type(None)
_AFTER_ITEMS = 1 << 62  #: the position, in an iterable, of the end that it did not reach


class UnsupportedError(Exception):
    """The operation must be executed by graphql-core."""


class Failure:
    """An error on its way up: where it arose, for the order of errors, and what it says."""

    __slots__ = ("error", "order")

    def __init__(self, error: GraphQLError, order: tuple[int, ...]) -> None:
        self.error, self.order = error, order


_Undefined = type(Undefined)


@lru_cache(maxsize=4096)
def odd(cls: type) -> bool:
    """Whether values of this class are no plain values: exceptions, awaitables, failures, undefined."""
    return issubclass(cls, Exception | Failure | _Undefined) or hasattr(cls, "__await__")


@lru_cache(maxsize=4096)
def _is_sequence(cls: type) -> bool:
    return cls is list or cls is tuple


class Completer:
    """Completes columns of one type for one field.  ``non_null`` belongs to the type around it."""

    def __init__(self, field: FieldPlan, type_: Any, non_null: bool) -> None:
        self.field, self.type, self.non_null = field, type_, non_null

    def complete(self, run: Run, values: list[Any], places: Places) -> tuple[list[Any], int]:
        """The completed column and what it may hold."""
        classes = set(map(type, values))
        if any(map(odd, classes)):
            values, classes = self._screened(values, places), set()
        found, flags = self._complete(run, values, classes or set(map(type, values)), places)
        if flags and self.non_null:
            return self._without_nulls(found, places)
        if flags & FAILURES:
            return run.nulled(found, places), NULLS
        return found, flags

    def _complete(self, run: Run, values: list[Any], classes: set[type], places: Places) -> tuple[list[Any], int]:
        raise NotImplementedError

    def written(self, run: Run, lists: list[Any]) -> list[Any] | None:
        """The texts of lists of such values, where they can be had at once and the response is to be written."""
        return None

    def _screened(self, values: list[Any], places: Places) -> list[Any]:
        """The same column with failures for exceptions, and nulls for what is undefined."""
        found = list(values)
        for i, value in enumerate(values):
            if isinstance(value, Exception):
                found[i] = self.failure(value, places, i)
            elif value is Undefined:
                found[i] = None
            elif hasattr(type(value), "__await__"):
                dispose(values)
                raise UnsupportedError("a resolver gave an awaitable")
        return found

    def _without_nulls(self, found: list[Any], places: Places) -> tuple[list[Any], int]:
        """The same column with failures for nulls."""
        if None not in found and not any(type(v) is Failure for v in found):
            return found, 0
        info = self.field
        message = f"Cannot return null for non-nullable field {info.parent_type}.{info.name}."
        return [self.failure(TypeError(message), places, i) if v is None else v for i, v in enumerate(found)], FAILURES

    def failure(self, error: Exception, places: Places, i: int, *after: int) -> Failure:
        """An error of value ``i``."""
        path = cast(Any, places.path(i))
        return Failure(located_error(error, self.field.nodes, path.as_list()), (*places.order(i), *after))

    def _whole(
        self, values: list[Any], classes: set[type], places: Places
    ) -> tuple[list[Any], Places, list[int] | None, int]:
        """The values that are neither null nor failed, with their places and, unless these are all, their indices."""
        if _NULL not in classes and Failure not in classes:
            return values, places, None, 0
        indices = [i for i, v in enumerate(values) if v is not None and type(v) is not Failure]
        flags = (NULLS if _NULL in classes else 0) | (FAILURES if Failure in classes else 0)
        return [values[i] for i in indices], SomePlaces(places, indices), indices, flags


def _put_back(values: list[Any], indices: list[int] | None, found: list[Any]) -> list[Any]:
    if indices is None:
        return found
    every = list(values)
    for i, v in zip(indices, found, strict=True):
        every[i] = v
    return every


def dispose(values: Sequence[Any]) -> None:
    """Close coroutines that nobody will await."""
    for value in values:
        close = getattr(value, "close", None)
        if hasattr(type(value), "__await__") and close is not None:
            close()


class _Leaf(Completer):
    def __init__(self, field: FieldPlan, type_: GraphQLLeafType, non_null: bool) -> None:
        super().__init__(field, type_, non_null)
        self._column = column(type_, field.shortcuts)

    def _complete(self, run: Run, values: list[Any], classes: set[type], places: Places) -> tuple[list[Any], int]:
        if Failure not in classes and (found := self._column(values, classes)) is not None:
            return found, NULLS if _NULL in classes else 0
        return [self._one(v, places, i) for i, v in enumerate(values)], NULLS | FAILURES

    def _one(self, value: Any, places: Places, i: int) -> Any:
        if value is None or type(value) is Failure:
            return value
        try:
            return Executor.complete_leaf_value(self.type, value)
        except Exception as error:
            return self.failure(error, places, i)


class _List(Completer):
    def __init__(self, field: FieldPlan, type_: Any, non_null: bool) -> None:
        super().__init__(field, type_, non_null)
        self._items = completer(field, type_.of_type)

    def _complete(self, run: Run, values: list[Any], classes: set[type], places: Places) -> tuple[list[Any], int]:
        ended: dict[int, Failure] = {}
        if not all(map(_is_sequence, classes)):
            values = self._lists(values, places, ended)
            classes = set(map(type, values))
        whole, at, indices, flags = self._whole(values, classes, places)
        texts = self._items.written(run, whole) if run.written and whole else None
        below, found = 0, list[Any]()
        if texts is not None:
            found = texts
        elif len(whole) == 1:
            only = whole[0]
            items, below = self._items.complete(run, only if type(only) is list else list(only), ItemPlaces(at, (0,)))
            found = [list(items) if items is only else items]
        else:
            starts, n = [], 0
            for each in whole:
                starts.append(n)
                n += len(each)
            items, below = self._items.complete(run, list(chain.from_iterable(whole)), ItemPlaces(at, starts))
            starts.append(n)
            found = [items[a:b] for a, b in pairwise(starts)]
        if below & FAILURES:
            found = [next((v for v in each if type(v) is Failure), each) for each in found]
            flags |= FAILURES
        every = _put_back(values, indices, found)
        for i, failure in ended.items():
            if type(every[i]) is not Failure:
                every[i] = failure
        return every, flags | (FAILURES if ended else 0)

    def _lists(self, values: list[Any], places: Places, ended: dict[int, Failure]) -> list[Any]:
        """Every value that is iterable as a list of its items.  An iteration that raises has the items before it."""
        found: list[Any] = []
        for i, value in enumerate(values):
            if value is None or type(value) in (list, tuple, Failure):
                found.append(value)
            elif hasattr(value, "__aiter__"):
                raise UnsupportedError("a resolver gave an asynchronous iterable")
            elif not is_iterable(value):
                name = f"{self.field.parent_type}.{self.field.name}"
                message = f"Expected Iterable, but did not find one for field '{name}'."
                found.append(self.failure(GraphQLError(message), places, i))
            else:
                items: list[Any] = []
                found.append(items)
                try:
                    items.extend(value)
                except Exception as error:
                    ended[i] = self.failure(error, places, i, _AFTER_ITEMS)
        return found


class _Object(Completer):
    def written(self, run: Run, lists: list[Any]) -> list[Any] | None:
        plan = self.field.known(self.type)
        if plan is None or not plan.writable or sum(map(len, lists)) < LONG * len(lists):
            return None
        if self.type.is_type_of and not all(
            self.field.shortcuts.all_of(self.type, each, set(map(type, each))) for each in lists
        ):
            return None
        found: list[Any] = []
        for each in lists:
            text = plan.text(each)
            if text is None:
                return None
            found.append(orjson.Fragment(text))
        return found

    def _complete(self, run: Run, values: list[Any], classes: set[type], places: Places) -> tuple[list[Any], int]:
        whole, at, indices, flags = self._whole(values, classes, places)
        found, below = self.objects(run, self.type, whole, at)
        return _put_back(values, indices, found), flags | below

    def objects(self, run: Run, type_: GraphQLObjectType, values: list[Any], places: Places) -> tuple[list[Any], int]:
        """Objects of one type."""
        if not values:
            return [], 0
        indices: list[int] | None = None
        checked = values
        if type_.is_type_of and not self.field.shortcuts.all_of(type_, values, set(map(type, values))):
            checked = [self._checked(run, type_, v, places, i) for i, v in enumerate(values)]
            if any(type(v) is Failure for v in checked):
                indices = [i for i, v in enumerate(checked) if type(v) is not Failure]
        if indices is None:
            return self.field.below(run, type_).execute(run, values, places)
        live = [values[i] for i in indices]
        found, _ = self.field.below(run, type_).execute(run, live, SomePlaces(places, indices))
        return _put_back(checked, indices, found), FAILURES

    def _checked(self, run: Run, type_: GraphQLObjectType, value: Any, places: Places, i: int) -> Any:
        try:
            is_type_of = cast(Callable[..., Any], type_.is_type_of)
            told = is_type_of(value, run.info(self.field, places.of_field(i)))
            if hasattr(type(told), "__await__"):
                dispose([told])
                raise UnsupportedError("an is_type_of is asynchronous")
            if not told:
                raise invalid_return_type_error(type_, value, self.field.details)
        except UnsupportedError:
            raise
        except Exception as error:
            return self.failure(error, places, i)
        return value


class _Abstract(_Object):
    def __init__(self, field: FieldPlan, type_: GraphQLAbstractType, non_null: bool) -> None:
        super().__init__(field, type_, non_null)
        self._names: dict[type, str | None] = {}

    def written(self, run: Run, lists: list[Any]) -> list[Any] | None:
        return None

    def _complete(self, run: Run, values: list[Any], classes: set[type], places: Places) -> tuple[list[Any], int]:
        whole, at, indices, flags = self._whole(values, classes, places)
        kinds: dict[Any, list[int]] = {}
        found: list[Any] = [None] * len(whole)
        each = self.field.shortcuts.asks_each(self.type, whole)
        for i, value in enumerate(whole):
            kind = self._kind(run, value, at, i, each)
            if type(kind) is Failure:
                found[i] = kind
                flags |= FAILURES
            else:
                kinds.setdefault(kind, []).append(i)
        for kind, those in kinds.items():
            all_ = len(those) == len(whole)
            some = whole if all_ else [whole[i] for i in those]
            done, below = self.objects(run, kind, some, at if all_ else SomePlaces(at, those))
            flags |= below
            for i, v in zip(those, done, strict=True):
                found[i] = v
        return _put_back(values, indices, found), flags

    def _kind(self, run: Run, value: Any, places: Places, i: int, each: bool) -> Any:
        """The object type of a value, or a failure."""
        cls = type(value)
        if not each and (known := self.field.kinds.get((self.type, cls))) is not None:
            return known
        try:
            resolve = self.type.resolve_type or default_type_resolver
            name = resolve(value, run.info(self.field, places.of_field(i)), self.type)
            if hasattr(type(name), "__await__"):
                dispose([name])
                raise UnsupportedError("a resolve_type is asynchronous")
            check = cast(Callable[..., GraphQLObjectType], Executor.ensure_valid_runtime_type)
            kind = check(run, name, self.type, self.field.details, self.field, value)
        except UnsupportedError:
            raise
        except Exception as error:
            return self.failure(error, places, i)
        if not each and self.field.shortcuts.by_class(self.type, cls):
            self.field.kinds[self.type, cls] = kind
        return kind


def completer(field: FieldPlan, type_: GraphQLOutputType) -> Completer:
    """What completes columns of ``type_`` for a field."""
    non_null = is_non_null_type(type_)
    inner: Any = type_.of_type if is_non_null_type(type_) else type_
    if is_list_type(inner):
        return _List(field, inner, non_null)
    if is_leaf_type(inner):
        return _Leaf(field, inner, non_null)
    if is_abstract_type(inner):
        return _Abstract(field, inner, non_null)
    return _Object(field, inner, non_null)
