"""Scalars and enums, a whole column at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)

from .shortcuts import Shortcuts

__all__ = ["Column", "column", "members"]

#: The completed values of a column, or ``None`` where they must be looked at one by one.  The column has values of the
#: classes given beside it, none of them an exception, an awaitable or undefined; nulls stay nulls.
Column = Callable[[list[Any], set[type]], list[Any] | None]

_NULL = type(None)


def column(type_: GraphQLLeafType, shortcuts: Shortcuts) -> Column:
    """How columns of ``type_`` are completed."""
    if type_ is GraphQLString or type_ is GraphQLID:
        return _exactly(str)
    if type_ is GraphQLBoolean:
        return _exactly(bool)
    if type_ is GraphQLInt:
        return _integers
    if type_ is GraphQLFloat:
        return _floats
    if isinstance(type_, GraphQLEnumType) and (known := shortcuts.enum_names(type_)):
        return _members(known[0], *members(type_, known[1]))
    return _coerced(type_.coerce_output_value)


def _exactly(cls: type) -> Column:
    fine = ({cls}, {cls, _NULL}, {_NULL})

    def unchanged(values: list[Any], classes: set[type]) -> list[Any] | None:
        return values if classes in fine else None

    return unchanged


def _integers(values: list[Any], classes: set[type]) -> list[Any] | None:
    numbers = values if classes == {int} else [v for v in values if v is not None] if classes == {int, _NULL} else None
    if not numbers:
        return values if classes == {_NULL} else None
    return values if min(numbers) >= GRAPHQL_MIN_INT and max(numbers) <= GRAPHQL_MAX_INT else None


def _floats(values: list[Any], classes: set[type]) -> list[Any] | None:
    if classes == {float}:
        return values if all(map(isfinite, values)) else None
    if classes == {float, _NULL}:
        return values if all(v is None or isfinite(v) for v in values) else None
    return values if classes == {_NULL} else None


def members(type_: GraphQLEnumType, names: Mapping[Any, str]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What stands in the response for the words of an enum, and for its members by their ``id``; nulls are nulls.

    Members live as long as their class, and ``names`` as long as the tables, so that their identity is as good as they
    are, and cheaper to look up: the hash of a member is computed in Python."""
    by_word = {v.value: name for name, v in type_.values.items() if type(v.value) is str}
    by_identity = {id(member): name for member, name in names.items()}
    return {**by_word, None: None}, {**by_identity, id(None): None}


def _members(cls: type, by_word: Mapping[Any, Any], by_identity: Mapping[Any, Any]) -> Column:
    fine, written = ({cls}, {cls, _NULL}, {_NULL}), ({str}, {str, _NULL})

    def named(values: list[Any], classes: set[type]) -> list[Any] | None:
        try:
            if classes in fine:
                return list(map(by_identity.__getitem__, map(id, values)))
            return list(map(by_word.__getitem__, values)) if classes in written else None
        except KeyError:  # a word that is no value, or a combination of flags
            return None

    return named


def _coerced(coerce: Callable[[Any], Any]) -> Column:
    def each(values: list[Any], classes: set[type]) -> list[Any] | None:
        try:
            if _NULL in classes:
                found = [None if v is None else coerce(v) for v in values]
                expected = sum(v is None for v in values)
            else:
                found, expected = [coerce(v) for v in values], 0
        except Exception:
            return None
        return found if sum(v is None or v is Undefined for v in found) == expected else None

    return each
