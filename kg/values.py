"""Frozen dataclasses whose methods are written when they are first needed.

The standard library writes and compiles six methods of every dataclass while its module is imported.  A command meets
more than fifty such classes, makes objects of half of them and seldom compares or prints one.  Here a class has its
slots at once, ``__init__`` with the first object, and ``__eq__``, ``__hash__``, ``__repr__`` and what
:func:`dataclasses.fields` reads, which are the standard library's own, when one of them is first asked for.
"""

from __future__ import annotations

import dataclasses
import sys
from threading import RLock
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **said: Any) -> Any:
        """:func:`dataclasses.dataclass`; a class that is ``frozen`` and has ``slots`` gets its methods later."""
        if cls is None:
            return lambda cls: dataclass(cls, **said)
        if said in _SAID and _plain(cls):
            return _slotted(cls, "order" in said)
        return dataclasses.dataclass(cls, **said)


#: What the standard library makes of a plain class.
_METHODS = (
    "__init__", "__repr__", "__eq__", "__hash__", "__dataclass_fields__", "__dataclass_params__",
    *(["__replace__"] if sys.version_info >= (3, 13) else []),
)  # fmt: skip
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")
_SAID = ({"frozen": True, "slots": True}, {"frozen": True, "slots": True, "order": True})
_LOCK = RLock()


def _plain(cls: type) -> bool:
    """Whether each annotation is a positional field without a factory, and nothing that bears on it is inherited or
    written by hand."""
    own = vars(cls)
    return (
        cls.__bases__ == (object,)
        and own.keys().isdisjoint((*_METHODS, *_ORDER, "__slots__", "__match_args__", "__getstate__", "__setstate__"))
        and not any(word in str(kind) for kind in cls.__annotations__.values() for word in ("Var", "KW_ONLY"))
        and all(
            v.init and v.kw_only is not True and v.default_factory is dataclasses.MISSING
            for v in own.values()
            if isinstance(v, dataclasses.Field)
        )
    )


class _Later:
    """An attribute of a class that is made when it is first asked for."""

    made: type

    def __init__(self, name: str, given: type, order: bool) -> None:
        self._name, self._given, self._order = name, given, order

    def __get__(self, instance: Any, owner: type) -> Any:
        with _LOCK:
            if vars(self.made)[self._name] is not self:  # another thread was here
                pass
            elif self._name == "__init__":
                type.__setattr__(self.made, "__init__", _constructor(self._given))
            else:
                whole = vars(dataclasses.dataclass(frozen=True, order=self._order)(self._given))
                for name, value in list(vars(self.made).items()):
                    if isinstance(value, _Later):
                        type.__setattr__(self.made, name, whole[name])
        return getattr(owner if instance is None else instance, self._name)


def _constructor(given: type) -> Any:
    """``__init__`` alone, as the standard library would write it."""
    names, own, defaults = tuple(given.__annotations__), vars(given), []
    for name in names:
        value = own.get(name, dataclasses.MISSING)
        value = value.default if isinstance(value, dataclasses.Field) else value
        if value is not dataclasses.MISSING:
            defaults.append(value)
        elif defaults:
            raise TypeError(f"non-default argument {name!r} follows default argument")
    lines = [f"def write(_set):\n def __init__(self, {', '.join(names)}):"]
    lines += [f"  _set(self, {name!r}, {name})" for name in names]
    lines += ["  self.__post_init__()" if "__post_init__" in own else "  pass", " return __init__"]
    space: dict[str, Any] = {}
    exec("\n".join(lines), vars(sys.modules.get(given.__module__, dataclasses)), space)
    found = space["write"](object.__setattr__)
    found.__qualname__ = f"{given.__qualname__}.__init__"
    found.__defaults__ = tuple(defaults) or None
    found.__annotations__ = {**given.__annotations__, "return": None}
    return found


def _slotted(given: type, order: bool) -> type:
    """A class as ``given``, with a slot for each of its fields."""
    names = tuple(given.__annotations__)
    later = {name: _Later(name, given, order) for name in (*_METHODS, *(_ORDER if order else ()))}

    def refuse(what: str, instance: Any, name: str) -> None:
        if type(instance) is made or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")

    def set_(self: Any, name: str, value: Any) -> None:
        refuse("assign to", self, name)
        object.__setattr__(self, name, value)

    def delete(self: Any, name: str) -> None:
        refuse("delete", self, name)
        object.__delattr__(self, name)

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: Any, values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    body = {name: value for name, value in vars(given).items() if name not in (*names, "__dict__", "__weakref__")}
    made = type(
        given.__name__,
        given.__bases__,
        body | later | {
            "__slots__": names, "__match_args__": names, "__qualname__": given.__qualname__,
            "__setattr__": set_, "__delattr__": delete, "__getstate__": state, "__setstate__": restore,
        },
    )  # fmt: skip
    for each in later.values():
        each.made = made
    return made
