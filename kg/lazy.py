"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["lazily"]


class _Package(ModuleType):
    """A package that knows which of its modules each public name is in (PEP 562, and one thing more).

    A module may bear the name of its function (``kg.answers.coverage``): the name stands for the function, also when
    Python would put the module there.
    """

    _where: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        where = self.__dict__["_where"].get(name)
        if where is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = self.__dict__[name] = getattr(import_module(where), name)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, ModuleType) or self.__dict__["_where"].get(name) != value.__name__:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self.__dict__["_where"]})


def lazily(package: str, modules: Mapping[str, str]) -> None:
    """Let ``package`` import names when they are first asked for: ``modules`` are its modules with the names, apart by
    blanks, that each of them defines."""
    module = sys.modules[package]
    module.__dict__["_where"] = {
        name: f"{package}.{where}" for where, names in modules.items() for name in names.split()
    }
    module.__class__ = _Package
