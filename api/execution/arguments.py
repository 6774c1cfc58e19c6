"""Arguments as Strawberry gives them to a resolver, by functions made once for each field.

``strawberry.types.arguments.convert_arguments`` asks again for every value what its type is: which of its base classes,
in which registry, under which name.  All of that is known when the schema is.  What is not known beforehand, input
types that make themselves or relay's ids, is left to Strawberry's function, value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from threading import Lock
from typing import Any

from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.maybe import Some
from strawberry.types.unset import UNSET

__all__ = ["Converters"]

#: A coerced value, the ``Info`` of its resolver and its path in the arguments, as Strawberry wants them: the value that
#: the resolver gets.
Converter = Callable[[Any, Any, tuple[str | int, ...]], Any]


class Converters:
    """The functions for the input types of a schema, each made when it is first needed."""

    def __init__(self, config: StrawberryConfig, scalars: Mapping[object, Any]) -> None:
        self._config, self._scalars = config, scalars
        self._made: dict[Any, Converter] = {}
        self._lock = Lock()

    def of(self, given: Sequence[StrawberryArgument]) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
        """What ``convert_arguments`` gives for coerced arguments and the resolver's ``Info``, for these arguments."""
        every: list[tuple[str, str, Converter]] | None = None

        def converted(arguments: Mapping[str, Any], info: Any) -> dict[str, Any]:
            nonlocal every
            if every is None:
                every = self._arguments(given)
            return {
                python: convert(arguments[written], info, (written,))
                for written, python, convert in every
                if written in arguments
            }

        return converted

    def _arguments(self, given: Sequence[StrawberryArgument]) -> list[tuple[str, str, Converter]]:
        name = self._config.name_converter.from_argument
        with self._lock:  # a function of a type that holds itself is known here before it has all its fields
            return [(name(a), a.python_name, self._type(a.type)) for a in given]

    def _type(self, type_: Any) -> Converter:
        """The function for one type."""
        if isinstance(type_, StrawberryMaybe):
            return self._maybe(type_)
        if isinstance(type_, StrawberryOptional):
            return self._type(type_.of_type)
        if isinstance(type_, StrawberryList):
            return self._list(type_)
        if self._leaf(type_):
            return _unchanged
        if isinstance(type_, LazyType):
            return self._type(type_.resolve_type())
        if has_object_definition(type_) and type_.__strawberry_definition__.from_input is None:
            found = self._made.get(type_)
            return found if found is not None else self._object(type_)
        return self._strawberry(type_)

    def _leaf(self, type_: Any) -> bool:
        """Whether values of the type are handed on as they are."""
        if isinstance(type_, LazyType):
            return self._leaf(type_.resolve_type())
        if isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_):
            return True
        return is_scalar(type_, self._scalars) and getattr(type_, "__module__", "") != "strawberry.relay.types"

    def _strawberry(self, type_: Any) -> Converter:
        config, scalars = self._config, self._scalars

        def asked(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            return convert_argument(value, type_, scalars, config, info, path=path)

        return asked

    def _maybe(self, type_: StrawberryMaybe) -> Converter:
        inner, refused = self._type(type_.of_type), self._strawberry(type_)
        nullable = isinstance(type_.of_type, StrawberryOptional)

        def some(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            if value is None and not nullable:
                return refused(value, info, path)
            return Some(inner(value, info, path))

        return some

    def _list(self, type_: StrawberryList) -> Converter:
        of = type_.of_type
        if self._leaf(of.of_type if isinstance(of, StrawberryOptional) else of):

            def copied(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
                return value if value is None or value is UNSET else list(value)

            return copied
        item = self._type(of)

        def each(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            if value is None or value is UNSET:
                return value
            return [item(v, info, (*path, i)) for i, v in enumerate(value)]

        return each

    def _object(self, type_: Any) -> Converter:
        """The function for an input type; it may hold itself, so that it is known before its fields are."""
        definition, name = type_.__strawberry_definition__, self._config.name_converter.from_field
        absent = {
            f.python_name: None
            for f in definition.fields
            if definition.is_input and f.default_value is MISSING and f.default_factory is MISSING
        }
        fields: list[tuple[str, str, Converter]] = []

        def made(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            if value is None or value is UNSET:
                return value
            named: dict[str, Any] = dict(absent)
            for written, python, convert in fields:
                if written in value:
                    held = value[written]
                    named[python] = held if convert is _unchanged else convert(held, info, (*path, written))
            return type_(**named)

        self._made[type_] = made
        for f in definition.fields:
            fields.append((name(f), f.python_name, self._type(f.resolve_type(type_definition=definition))))
        return made


def _unchanged(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
    return value
