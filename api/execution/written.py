"""What is read by attribute alone, written as JSON in one compiled function.

Most of what a large answer costs is making dicts that are written and thrown away.  Where whoever asks wants nothing
but the text, a list of objects is written straight from their attributes: the function made for a selection, as in
:mod:`.fused`, puts keys and values into one flat list, which is joined.  Strings stand there as they are; whether one
of them has a character that JSON escapes is sought in the whole text at once: a backslash, a control character, more
quotation marks than keys and values have.  Then, and for whatever is not plain, there is no text, and dicts are made.

The text is, byte for byte, what orjson writes for the dicts that :mod:`.fused` makes.  Strings are known by being
joined: one of a class derived from ``str`` is written as its characters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orjson
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

from .fused import Code, NotFusedError
from .leaves import members

if TYPE_CHECKING:
    from .operation import FieldPlan, ObjectPlan

__all__ = ["Writer", "joined", "writer"]

#: The parts of the text of some objects, without the brackets of their list, and how many quotation marks they have of
#: their own; ``None`` where the objects are for the columns to find out about.
Writer = Callable[[list[Any]], tuple[list[str], int] | None]

_QUOTE, _SPACE = 34, 32


def writer(plan: ObjectPlan, odd: Callable[[type], bool]) -> Writer | None:
    """The function for what is selected of one object type, ``None`` where there can be none."""
    try:
        return cast(Writer, _Text(odd).of(plan))
    except (NotFusedError, SyntaxError, RecursionError):
        return None


def joined(parts: list[str], quotes: int) -> bytes | None:
    """The text of parts with so many quotation marks of their own; ``None`` where a string must be escaped or is
    none."""
    try:
        found = "".join(parts).encode()
    except (TypeError, UnicodeEncodeError):
        return None
    if b"\\" in found:
        return None
    import numpy as np

    codes = np.frombuffer(found, np.uint8)
    return found if codes.min() >= _SPACE and np.count_nonzero(codes == _QUOTE) == quotes else None


class _End(NamedTuple):
    """A line of code that puts a text at the end of the list: that which follows may be put there with it."""

    line: int
    before: str
    text: str
    after: str


class _Text(Code):
    """A function that writes parts of a text.

    The fewer parts the better: what is about to be put into the list waits, so that text which follows text becomes one
    part; text behind a block of code is put where the block ends, wherever that is."""

    def __init__(self, odd: Callable[[type], bool]) -> None:
        super().__init__(odd)
        self._held |= {"dumps": orjson.dumps}
        self._waiting: list[tuple[bool, str]] = []  #: whether it is text, and the text or the name of a variable
        self._ends: list[_End] = []  #: all lines one of which has put the last part there; none: nobody knows
        self._quotes = 0  #: the quotation marks of one execution of the block that is being written

    def of(self, plan: ObjectPlan) -> Any:
        """The function: ``sources`` to parts and quotation marks."""
        self._write("parts = ['']; add = parts.extend; quotes = 0")
        self._each("o", "sources", partial(self._root, plan))
        self._write("return parts, quotes")
        return self._made()

    def _root(self, plan: ObjectPlan) -> None:
        self._unless(self._is_of("o", plan))
        self._object(plan, "o")

    def _say(self, text: str) -> None:
        self._quotes += text.count('"')
        if self._ends and not self._waiting:
            for n, end in enumerate(self._ends):
                self._ends[n] = end = end._replace(text=end.text + text)
                self._lines[end.line] = f"{end.before}{end.text!r}{end.after}"
            return
        if self._waiting and self._waiting[-1][0]:
            text = self._waiting.pop()[1] + text
        self._waiting.append((True, text))

    def _put(self, *variables: str) -> None:
        self._waiting += [(False, name) for name in variables]

    def _ending(self, before: str, text: str, after: str = "") -> _End:
        """Write a line that ends with a text."""
        self._write(f"{before}{text!r}{after}")
        return _End(len(self._lines) - 1, "    " * self._indent + before, text, after)

    def _flush(self) -> None:
        if not self._waiting:
            return
        *others, (is_text, last) = self._waiting
        before = f"add(({''.join(f'{what if not text else repr(what)}, ' for text, what in others)}"
        if is_text:
            self._ends = [self._ending(before, last, ",))")]
        else:
            self._ends = []
            self._write(f"{before}{last},))")
        self._waiting = []

    def _each(self, item: str, items: str, body: Callable[[], None]) -> None:
        """A loop whose body writes one item.  The comma behind the last of them is taken away."""
        self._flush()
        outside, ends = self._quotes, self._ends
        self._quotes, self._ends = 0, []
        self._write(f"for {item} in {items}:")
        self._indent += 1
        body()
        self._say(",")
        self._flush()
        self._indent -= 1
        self._write(f"if {items}:")
        self._indent += 1
        self._write(f"quotes += {self._quotes} * len({items})")
        if len(self._ends) == 1:
            full = self._ending("parts[-1] = ", self._ends[0].text[:-1])
        else:
            full = self._ending("parts[-1] = parts[-1][:-1] + ", "")
        self._indent -= 1
        self._write("else:")
        self._indent += 1
        empty = self._ending("parts[-1] = ", ends[0].text) if len(ends) == 1 else self._ending("parts[-1] += ", "")
        self._indent -= 1
        self._quotes, self._ends = outside, [full, empty]

    def _object(self, plan: ObjectPlan, variable: str) -> None:
        self._say("{")
        for n, (field, value) in enumerate(self._reads(plan, variable)):
            self._say(f'{"," if n else ""}"{field.key}":')
            if value:
                self._value(value, field.definition.type, field)
            else:
                self._say(f'"{plan.type.name}"')
        self._say("}")

    def _value(self, variable: str, type_: Any, field: FieldPlan) -> None:
        non_null = is_non_null_type(type_)
        inner = type_.of_type if non_null else type_
        if is_leaf_type(inner):
            self._leaf(variable, inner, non_null, field)
            return
        if not is_list_type(inner) and not (is_object_type(inner) and inner.is_type_of is None):
            raise NotFusedError
        if non_null:
            self._whole(variable, inner, field)
            return
        waiting, outside, self._ends = list(self._waiting), self._quotes, []
        self._write(f"if {variable} is None:")
        self._indent += 1
        self._say("null")
        self._flush()
        self._indent -= 1
        self._write("else:")
        self._indent += 1
        null, self._waiting, self._quotes, self._ends = self._ends, waiting, 0, []
        self._whole(variable, inner, field)
        self._flush()
        self._write(f"quotes += {self._quotes}")
        self._indent -= 1
        self._quotes, self._ends = outside, [*null, *self._ends] if self._ends else []

    def _whole(self, variable: str, inner: Any, field: FieldPlan) -> None:
        """A list or an object that is there."""
        if is_list_type(inner):
            self._unless(f"type({variable}) is tuple or type({variable}) is list")
            item = self._name()
            self._say("[")
            self._each(item, variable, partial(self._value, item, inner.of_type, field))
            self._say("]")
            return
        plan = field.known(cast(GraphQLObjectType, inner))
        self._unless(self._is_of(variable, plan))
        if plan is not None and plan.classes:
            self._object(plan, variable)

    def _leaf(self, variable: str, type_: Any, non_null: bool, field: FieldPlan) -> None:
        if type_ is GraphQLString or type_ is GraphQLID:
            if non_null:
                self._quoted(variable)
                return
            mark = self._name()
            self._write(f"if {variable} is None: {variable} = 'null'; {mark} = ''")
            self._write(f"else: {mark} = '\"'; quotes += 2")
            self._put(mark, variable, mark)
            return
        if isinstance(type_, GraphQLEnumType) and (known := field.shortcuts.enum_names(type_)) is not None:
            self._enum(variable, known[0], *members(type_, known[1]), non_null)
            return
        self._write(f"if {variable} is None: " + ("return None" if non_null else f"{variable} = 'null'"))
        if type_ is GraphQLBoolean:
            self._write(f"elif {variable} is True: {variable} = 'true'")
            self._write(f"elif {variable} is False: {variable} = 'false'")
            self._write("else: return None")
        elif type_ is GraphQLInt:
            within = f"{GRAPHQL_MIN_INT} <= {variable} <= {GRAPHQL_MAX_INT}"
            self._write(f"elif type({variable}) is {self._name(int)} and {within}: {variable} = str({variable})")
            self._write("else: return None")
        elif type_ is GraphQLFloat:
            finite = f"type({variable}) is {self._name(float)} and {variable} - {variable} == 0.0"
            self._write(f"elif {finite}: {variable} = dumps({variable}).decode()")
            self._write("else: return None")
        else:
            self._write(f"elif {self._name(self._odd)}(type({variable})): return None")
            self._write("else:")
            self._write(f"    {variable} = {self._name(type_.coerce_output_value)}({variable})")
            self._write(f"    if {variable} is None or {variable} is {self._name(Undefined)}: return None")
            self._write(f"    {variable} = dumps({variable}).decode(); quotes += {variable}.count('\"')")
        self._put(variable)

    def _enum(self, variable: str, cls: type, by_word: Any, by_identity: Any, non_null: bool) -> None:
        names = [{key: f'"{name}"' for key, name in of.items()} for of in (by_word, by_identity)]
        if not non_null:
            self._write(f"if {variable} is None: {variable} = 'null'")
        words, identities = map(self._name, names)
        self._write(f"{'if' if non_null else 'elif'} type({variable}) is str: {variable} = {words}[{variable}]")
        self._write(f"elif type({variable}) is {self._name(cls)}: {variable} = {identities}[id({variable})]")
        self._write("else: return None")
        if non_null:
            self._quotes += 2
        else:
            self._write(f"if {variable} != 'null': quotes += 2")
        self._put(variable)

    def _quoted(self, variable: str) -> None:
        self._say('"')
        self._put(variable)
        self._say('"')
