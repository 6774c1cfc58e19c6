"""What an executor may know about a schema beyond graphql-core's types."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLAbstractType, GraphQLEnumType, GraphQLField, GraphQLObjectType

__all__ = ["Shortcuts"]


class Shortcuts:
    """Nothing is known: every resolver and predicate of the schema is called as graphql-core would.

    A subclass may answer more; what it answers must give the very results that the schema's own functions give."""

    def attribute(self, field: GraphQLField) -> str | None:
        """The attribute of the source whose value, as ``getattr`` gives it, is what ``field.resolve`` gives."""
        return None

    def plain(self, field: GraphQLField) -> Callable[[Any], Any] | None:
        """A function of the source alone that does what ``field.resolve`` does without arguments; ``None`` where there
        is none."""
        return None

    def method(self, field: GraphQLField) -> Callable[[Any, Any, dict[str, Any]], Any] | None:
        """A function of source, info and coerced arguments that does what ``field.resolve`` does."""
        return None

    def is_async(self, field: GraphQLField) -> bool:
        """Whether the field's resolver gives awaitables."""
        return inspect.iscoroutinefunction(field.resolve) or inspect.isasyncgenfunction(field.resolve)

    def all_of(self, type_: GraphQLObjectType, values: Sequence[Any], classes: set[type]) -> bool:
        """Whether ``type_.is_type_of`` is surely true of every one of ``values``, whose classes are ``classes``."""
        return False

    def by_class(self, type_: GraphQLAbstractType, cls: type) -> bool:
        """Whether ``type_.resolve_type`` gives the same for every value of class ``cls``, but for those that
        :meth:`asks_each` tells of."""
        return False

    def asks_each(self, type_: GraphQLAbstractType, values: Sequence[Any]) -> bool:
        """Whether :meth:`by_class` does not hold for some of ``values``."""
        return False

    def enum_names(self, type_: GraphQLEnumType) -> tuple[type, Mapping[Any, str]] | None:
        """The Python enum behind a GraphQL enum and the name of each of its members; ``None`` unless strings that are
        no members are completed as :class:`GraphQLEnumType` does, by the values of the members."""
        return None

    def variable_values(self, values: Any) -> Any:
        """What ``info.variable_values`` is."""
        return values
