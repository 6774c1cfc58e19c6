"""Commands that are made when they are asked for, and arguments read without a schema library.

Typer imports pydantic to read even a path, which takes as long as the rest of Typer.  What is plainly right is read
here; everything else, and every error, is Typer's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, ItemsView, Iterator, ValuesView
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

__all__ = ["Commands", "lighten"]


class Commands(dict[str, Any]):
    """Name → command, each made when it is first asked for: the dictionary that a group of Typer looks into."""

    def __init__(self, makers: dict[str, Callable[[], Any]]) -> None:
        super().__init__()
        self._makers = makers

    def __missing__(self, name: str) -> Any:
        return self.setdefault(name, self._makers[name]())

    def get(self, name: str, default: Any = None) -> Any:
        """The command, or ``default``."""
        return self[name] if name in self._makers else default

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def keys(self) -> Any:
        """Every name; no command is made for it."""
        return self._makers.keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Every command."""
        return {name: self[name] for name in self}.values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """Every name with its command."""
        return {name: self[name] for name in self}.items()


def lighten(command: Any) -> Any:
    """The command, with what reads its parameters put before Typer's own reader, where this Typer has one."""
    for parameter in command.params:
        _lighten(parameter)
    help_option = command.get_help_option

    def light_help(ctx: Any) -> Any:
        found = help_option(ctx)
        _lighten(found)
        return found

    command.get_help_option = light_help
    return command


def _lighten(parameter: Any) -> None:
    # a Typer without these has another way, which is left alone
    if getattr(parameter, "_runtime_param", 0) is None and hasattr(parameter, "get_runtime_param"):
        descriptor: Any = getattr(parameter, "type_descriptor", None)
        info = getattr(descriptor, "parameter_info", None)
        if info is not None and _plain(info):
            parameter._runtime_param = _Reader(parameter, descriptor.annotation)


_CHANGED = ("parser", "click_type", "path_type", "exists", "resolve_path", "allow_dash", "writable", "clamp")


def _plain(info: Any) -> bool:
    """Whether nothing is asked of a value but its type and range."""
    return not any(getattr(info, name, None) for name in _CHANGED) and all(
        getattr(info, name, True) for name in ("file_okay", "dir_okay", "readable", "case_sensitive")
    )


class _Reader:
    """Reads the values of one parameter."""

    def __init__(self, parameter: Any, annotation: Any) -> None:
        self._parameter, self._annotation = parameter, annotation

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, or Typer's opinion of it."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        kind = self._annotation
        try:
            if not several:
                return self._one(kind, value)
            if get_origin(kind) is list and isinstance(value, list | tuple):
                (inner,) = get_args(kind)
                return [self._one(inner, each) for each in value]
        except ValueError:
            pass
        self._parameter._runtime_param = None
        return self._parameter.get_runtime_param().coerce(value, param=param, ctx=ctx)

    def _one(self, kind: Any, value: Any) -> Any:
        """A value of ``kind``; :class:`ValueError` where it is not plainly right."""
        if not isinstance(kind, type):
            choices = get_args(kind)
            if choices and value in choices and all(isinstance(c, str) for c in choices):
                return value
        elif issubclass(kind, Enum):
            return kind(value)
        elif kind is str or kind is bool:
            if type(value) is kind:
                return value
        elif kind is int or kind is float:
            low, high = (getattr(self._parameter, end, None) for end in ("min", "max"))
            digits = r"-?[0-9]{1,15}" if kind is int else r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
            if (isinstance(value, str) and re.fullmatch(digits, value)) or (kind is float and type(value) is int):
                value = kind(value)
            if type(value) is kind and (low is None or value >= low) and (high is None or value <= high):
                return value
        elif kind is float:
            low, high = (getattr(self._parameter, end, None) for end in ("min", "max"))
            if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value):
                value = float(value)
            if type(value) is float and (low is None or value >= low) and (high is None or value <= high):
                return value
        elif (
            kind is Path and isinstance(value, str | Path) and (not os.path.exists(value) or os.access(value, os.R_OK))
        ):
            return Path(value)
        raise ValueError
