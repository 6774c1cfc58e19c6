"""Which of Strawberry's resolvers and predicates may be called directly, and what they would have done.

Strawberry wraps every resolver: attribute fields in a function that calls a function that calls ``getattr``, methods in
one that makes an ``Info``, converts arguments, and walks the extensions of the field.  Where a field has neither
extensions nor handlers of exceptions, and is of Strawberry's own class, the wrappers add nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

from graphql import GraphQLAbstractType, GraphQLEnumType, GraphQLField, GraphQLObjectType
from strawberry import Schema
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

from .arguments import Converters
from .shortcuts import Shortcuts

__all__ = ["StrawberryShortcuts"]

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


class StrawberryShortcuts(Shortcuts):
    """What is known of a Strawberry schema."""

    def __init__(self, schema: Schema) -> None:
        self._config = schema.config
        self._converters = Converters(schema.config, schema.schema_converter.scalar_registry)
        self._handlers = bool(schema.exception_handlers)

    def attribute(self, field: GraphQLField) -> str | None:
        found = self._simple(field)
        if found is None or found.base_resolver is not None or not self._by_attribute(found):
            return None
        return found.python_name

    def plain(self, field: GraphQLField) -> Callable[[Any], Any] | None:
        found = self._simple(field)
        if found is None:
            return None
        resolver = found.base_resolver
        if resolver is None:
            name = self.attribute(field)
            return None if name is None else cast(Callable[[Any], Any], attrgetter(name))
        if resolver.self_parameter and not (
            resolver.info_parameter or resolver.parent_parameter or resolver.root_parameter or found.arguments
        ):
            return cast(Callable[[Any], Any], resolver.wrapped_func)
        return None

    def method(self, field: GraphQLField) -> Callable[[Any, Any, dict[str, Any]], Any] | None:
        found = self._simple(field)
        if found is None or found.base_resolver is None:
            return None
        resolver, info_class = found.base_resolver, self._config.info_class
        converted = self._converters.of(found.arguments) if found.arguments else None
        function = cast(Callable[..., Any], resolver.wrapped_func)
        sources = tuple(p.name for p in (resolver.parent_parameter, resolver.root_parameter) if p)
        info_name = resolver.info_parameter.name if resolver.info_parameter else ""
        is_method = resolver.self_parameter is not None

        def call(source: Any, info: Any, arguments: dict[str, Any]) -> Any:
            told = info_class(_raw_info=info, _field=found)
            named = converted(arguments, told) if converted else {}
            for name in sources:
                named[name] = source
            if info_name:
                named[info_name] = told
            return function(source, **named) if is_method else function(**named)

        return call

    def is_async(self, field: GraphQLField) -> bool:
        found = field.extensions.get(_DEFINITION)
        return bool(found.is_async) if isinstance(found, StrawberryField) else super().is_async(field)

    def all_of(self, type_: GraphQLObjectType, values: Sequence[Any], classes: set[type]) -> bool:
        found = type_.extensions.get(_DEFINITION)
        if not isinstance(found, StrawberryObjectDefinition) or found.is_type_of is not None:
            return False
        return all(issubclass(cls, found.origin) for cls in classes) and not _cast(values)

    def by_class(self, type_: GraphQLAbstractType, cls: type) -> bool:
        known = getattr(cls, "__strawberry_definition__", None)
        if not isinstance(known, StrawberryObjectDefinition) or known.origin is not cls:
            return False
        if known.is_graphql_generic or known.type_var_map or known.concrete_of:
            return False
        found = type_.extensions.get(_DEFINITION)
        if isinstance(found, StrawberryUnion):
            return type(found) is StrawberryUnion
        return isinstance(found, StrawberryObjectDefinition) and found.resolve_type is None

    def asks_each(self, type_: GraphQLAbstractType, values: Sequence[Any]) -> bool:
        return _cast(values)

    def enum_names(self, type_: GraphQLEnumType) -> tuple[type, Mapping[Any, str]] | None:
        if type(type_) is not CustomGraphQLEnumType:
            return None
        members: list[Any] = list(type_.wrapped_cls)
        try:
            return type_.wrapped_cls, {member: type_.coerce_output_value(member) for member in members}
        except ValueError:
            return None

    def variable_values(self, values: Any) -> Any:
        return values.coerced

    def _simple(self, field: GraphQLField) -> StrawberryField | None:
        """The field, if its wrappers add nothing."""
        found = field.extensions.get(_DEFINITION)
        if type(found) is not StrawberryField or found.extensions or self._handlers or found.is_subscription:
            return None
        return found

    def _by_attribute(self, field: StrawberryField) -> bool:
        return self._config.default_resolver is getattr and "." not in field.python_name


def _cast(values: Sequence[Any]) -> bool:
    """Whether any value was made to stand for another type by ``strawberry.cast``."""
    return any(hasattr(v, TYPE_CAST_ATTRIBUTE) for v in values)
