"""What is read by attribute alone, fetched, checked and written in one compiled function.

A selection whose fields are all attributes, down to its leaves, needs no columns: a function made for it, with the
names of attributes and keys in its code, goes through the objects once and writes their dicts.  It answers what is
plain: values of the very class that a scalar is written as, members of enums, lists and tuples, objects of classes seen
before.  Whatever else it meets, an error above all, it gives ``None`` for the whole, and the columns of
:mod:`.completion` find out what there is to be said; all that was done by then is reading attributes.

The classes are those that the columns have met, so that a function is made for an operation's second execution.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from keyword import iskeyword
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLString,
    Undefined,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from .leaves import members

if TYPE_CHECKING:
    from .operation import FieldPlan, ObjectPlan

__all__ = ["MAX_CLASSES", "Code", "Fused", "NotFusedError", "fused"]

#: The rows of objects, or ``None`` where they are for the columns to find out about.
Fused = Callable[[list[Any]], list[dict[str, Any]] | None]
#: Classes of the objects of one selection, beyond which nothing is made for them.
MAX_CLASSES = 4
#: Fields of one function.  A selection of more has functions for its parts.
MAX_FIELDS = 250


class NotFusedError(Exception):
    """Some field is more than an attribute."""


def fused(plan: ObjectPlan, odd: Callable[[type], bool]) -> Fused | None:
    """The function for what is selected of one object type, ``None`` where there can be none.

    ``odd`` tells the classes whose values are no plain values."""
    try:
        return cast(Fused, _Rows(odd).of(plan))
    except (NotFusedError, SyntaxError, RecursionError):  # or nested too deeply for Python
        return None


class Code:
    """The code of one function, as it is written, and what it refers to."""

    def __init__(self, odd: Callable[[type], bool]) -> None:
        self._odd = odd
        self._lines: list[str] = []
        self._held: dict[str, Any] = {"type": type, "str": str, "id": id}
        self._count = self._fields = 0
        self._indent = 1

    def _made(self) -> Any:
        """The function of ``sources`` whose lines have been written."""
        held = ", ".join(f"{name}={name}" for name in self._held)  # locals are faster than globals
        scope = dict(self._held)
        exec("\n".join([f"def rows(sources, *, {held}):", *self._lines]), scope)
        return scope["rows"]

    def _write(self, line: str) -> None:
        self._lines.append("    " * self._indent + line)

    def _unless(self, fine: str) -> None:
        self._write(f"if not ({fine}): return None")

    def _name(self, value: Any = None) -> str:
        """A new variable, or the name of a constant."""
        self._count += 1
        name = f"v{self._count}"
        if value is not None:
            self._held[name] = value
        return name

    def _is_of(self, variable: str, plan: ObjectPlan | None) -> str:
        """Whether a value is of the classes that the columns have met there."""
        classes = plan.classes if plan is not None else ()
        if len(classes) > MAX_CLASSES or any(map(self._odd, classes)):
            raise NotFusedError
        if not classes:
            return "False"
        if len(classes) == 1:
            return f"type({variable}) is {self._name(next(iter(classes)))}"
        return f"type({variable}) in {self._name(frozenset(classes))}"

    def _reads(self, plan: ObjectPlan, variable: str) -> Iterator[tuple[FieldPlan, str]]:
        """The fields of an object, each with the variable that its value has been read to; none for ``__typename``.
        What several paths begin with is read once."""
        begun: dict[str, str] = {}
        for field in plan.fields:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise NotFusedError
            if field.name == "__typename":
                yield field, ""
                continue
            if field.attribute is None:
                raise NotFusedError
            at, *path = variable, *_path(field.attribute, plan.classes).split(".")
            for n, name in enumerate(path[:-1], 1):
                before = ".".join(path[:n])
                if before not in begun:
                    begun[before] = self._name()
                    self._write(f"{begun[before]} = {at}.{name}")
                at = begun[before]
            value = self._name()
            self._write(f"{value} = {at}.{path[-1]}")
            yield field, value


class _Rows(Code):
    """A function that writes dicts."""

    def of(self, plan: ObjectPlan) -> Any:
        """The function: ``sources`` to rows."""
        self._write("found = []")
        self._write("for o in sources:")
        self._indent += 1
        self._unless(self._is_of("o", plan))
        self._write(f"found.append({self._object(plan, 'o')})")
        self._indent -= 1
        self._write("return found")
        return self._made()

    def _object(self, plan: ObjectPlan, variable: str) -> str:
        """The expression of the dict of one object."""
        pairs = []
        for field, value in self._reads(plan, variable):
            said = self._value(value, field.definition.type, field) if value else repr(plan.type.name)
            pairs.append(f"{field.key!r}: {said}")
        return f"{{{', '.join(pairs)}}}"

    def _value(self, variable: str, type_: Any, field: FieldPlan) -> str:
        """The variable that has the completed value."""
        non_null = is_non_null_type(type_)
        inner = type_.of_type if non_null else type_
        if is_leaf_type(inner):
            return self._leaf(variable, inner, non_null, field)
        if not is_list_type(inner) and not (is_object_type(inner) and inner.is_type_of is None):
            raise NotFusedError
        found = variable
        if not non_null:
            found = self._name()
            self._write(f"{found} = None")
            self._write(f"if {variable} is not None:")
            self._indent += 1
        if is_list_type(inner):
            self._unless(f"type({variable}) is tuple or type({variable}) is list")
            items, item = self._name(), self._name()
            self._write(f"{items} = []")
            self._write(f"for {item} in {variable}:")
            self._indent += 1
            self._write(f"{items}.append({self._value(item, inner.of_type, field)})")
            self._indent -= 1
            made = items
        else:
            plan = field.known(cast(GraphQLObjectType, inner))
            self._unless(self._is_of(variable, plan))
            made = self._object(plan, variable) if plan is not None and plan.classes else "None"  # not come to
        if not non_null:
            self._write(f"{found} = {made}")
            self._indent -= 1
            return found
        return made

    def _leaf(self, variable: str, type_: Any, non_null: bool, field: FieldPlan) -> str:
        """The variable that has the completed value of a scalar or an enum."""
        if type_ is GraphQLString or type_ is GraphQLID:
            null = "" if non_null else f" and {variable} is not None"
            self._write(f"if type({variable}) is not str{null}: return None")
            return variable
        self._write(f"if {variable} is None: return None" if non_null else f"if {variable} is not None:")
        self._indent += not non_null
        if type_ is GraphQLBoolean:
            self._unless(f"type({variable}) is {self._name(bool)}")
        elif type_ is GraphQLInt:
            within = f"{GRAPHQL_MIN_INT} <= {variable} <= {GRAPHQL_MAX_INT}"
            self._unless(f"type({variable}) is {self._name(int)} and {within}")
        elif type_ is GraphQLFloat:  # what is infinite, or no number, is no 0 less itself
            self._unless(f"type({variable}) is {self._name(float)} and {variable} - {variable} == 0.0")
        elif isinstance(type_, GraphQLEnumType) and (known := field.shortcuts.enum_names(type_)) is not None:
            by_word, by_identity = members(type_, known[1])
            self._write(f"if type({variable}) is str: {variable} = {self._name(by_word)}[{variable}]")
            self._write(f"elif type({variable}) is {self._name(known[0])}:")
            self._write(f"    {variable} = {self._name(by_identity)}[id({variable})]")
            self._write("else: return None")
        else:
            self._write(f"if {self._name(self._odd)}(type({variable})): return None")
            self._write(f"{variable} = {self._name(type_.coerce_output_value)}({variable})")
            self._write(f"if {variable} is None or {variable} is {self._name(Undefined)}: return None")
        self._indent -= not non_null
        return variable


def _path(name: str, classes: Iterable[type]) -> str:
    """What to read of objects of all these classes: a property that reads along a path is that path."""
    paths = {_read(name, cls) for cls in classes}
    found = paths.pop() if len(paths) == 1 else name
    if not all(part.isascii() and part.isidentifier() and not iskeyword(part) for part in found.split(".")):
        raise NotFusedError
    return found


def _read(name: str, cls: type) -> str:
    found = inspect.getattr_static(cls, name, None)
    getter: Any = found.fget if type(found) is property else None
    if type(getter) is attrgetter and inspect.getattr_static(cls, "__getattribute__") is object.__getattribute__:
        paths = cast(tuple[str, ...], getter.__reduce__()[1])
        return paths[0] if len(paths) == 1 else name
    return name
