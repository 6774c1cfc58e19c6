"""Dataclasses whose methods are made later are those of the standard library in every other respect."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import kg.answers.graph
import kg.exports.tables
import kg.model
from kg.errors import Finding
from kg.values import dataclass

MODULES = (kg.model, kg.answers.graph, kg.exports.tables)


class Odd:
    """Every kind of field."""

    first: int
    hidden: str = dataclasses.field(repr=False)
    aside: int = dataclasses.field(default=3, compare=False)
    early: bytes = dataclasses.field(default=b"")
    class_: typing.Any = None

    def __post_init__(self) -> None:
        if self.first < 0:
            raise ValueError("below 0")


class None_:
    """No field at all."""


class Single:
    """One field."""

    only: float


def made(module: Any) -> list[type]:
    """The frozen dataclasses with slots of a module."""
    found = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    return [c for c in found if dataclasses.is_dataclass(c) and "__slots__" in vars(c)]


def again(cls: type) -> type:
    """The class as it was before a decorator saw it."""
    body = {k: v for k, v in vars(cls).items() if k in ("__doc__", "__post_init__", "__module__", "__annotations__")}
    for f in dataclasses.fields(cls):
        if f.default is not dataclasses.MISSING or not f.repr:
            body[f.name] = dataclasses.field(default=f.default, repr=f.repr, compare=f.compare)
    return type(cls.__name__, (), body | {"__qualname__": cls.__qualname__})


CLASSES = [dataclasses.dataclass(c) for c in (Odd, None_, Single)] + [c for m in MODULES for c in made(m)]


@pytest.mark.parametrize("given", CLASSES, ids=lambda c: c.__name__)
def test_same_as_the_standard_library(given: type) -> None:
    """Signature, fields, text, equality, hash, replacing, copies, patterns and refusals."""
    ours = dataclass(frozen=True, slots=True)(again(given))
    theirs = dataclasses.dataclass(frozen=True, slots=True)(again(given))
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__slots__ == theirs.__slots__
    names = theirs.__match_args__
    values = [*range(1, 1 + len(names))]
    one, other = ([kind(*values), kind(*values)] for kind in (ours, theirs))
    assert repr(one[0]) == repr(other[0])
    assert one[0] == one[1]
    assert one[0] != other[0]
    assert not hasattr(one[0], "__dict__")
    assert hash(one[0]) == hash(other[0])
    assert [repr(f) for f in dataclasses.fields(ours)] == [repr(f) for f in dataclasses.fields(theirs)]
    assert copy.copy(one[0]) == copy.deepcopy(one[0]) == one[0]
    for name in names:
        changed, changed_too = dataclasses.replace(one[0], **{name: 2}), dataclasses.replace(other[0], **{name: 2})
        assert repr(changed) == repr(changed_too)
        assert (changed == one[0]) is (changed_too == other[0])
    for name in names:
        for act in (lambda o, n=name: setattr(o, n, 1), lambda o, n=name: delattr(o, n)):
            with pytest.raises(dataclasses.FrozenInstanceError) as said:
                act(other[0])
            with pytest.raises(dataclasses.FrozenInstanceError, match=str(said.value)):
                act(one[0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        one[0].another = 1
    with pytest.raises(TypeError) as refused:
        theirs(**{"no such field": 1})
    with pytest.raises(TypeError) as refused_too:
        ours(**{"no such field": 1})
    assert str(refused_too.value) == str(refused.value)


@dataclass(frozen=True, slots=True)
class Kept:
    """A class that a file may name."""

    name: str
    many: tuple[Odd, ...] = ()


def test_what_is_made_later() -> None:
    """Files, patterns, annotations and what a class writes itself."""
    assert pickle.loads(pickle.dumps(Kept("a"))) == Kept("a")
    match Kept("a", ()):
        case Kept(name, ()):
            assert name == "a"
    assert typing.get_type_hints(Kept.__init__)["many"] == tuple[Odd, ...]
    odd = dataclass(frozen=True, slots=True)(again(Odd))
    assert odd(2, "").aside == 3
    with pytest.raises(ValueError, match="below 0"):
        odd(-1, "")
    with pytest.raises(TypeError):
        hash(Kept([]))  # type: ignore[arg-type]


def test_in_order() -> None:
    """Findings are sorted."""
    one, two = Finding("a", 1, "X", "m"), Finding("a", 2, "X", "m")
    assert sorted([two, one]) == [one, two]
    assert one < two <= two
    assert not one > two
    with pytest.raises(TypeError):
        one < 3  # noqa: B015


def test_by_many_threads() -> None:
    """Each thread finds whole methods, whoever is first."""
    for _ in range(20):
        kind: Any = dataclass(frozen=True, slots=True)(type("Kind", (), {"__annotations__": {"a": "int", "b": "int"}}))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda i, k=kind: (k(i, 2), repr(k(i, 2)), hash(k(1, 2))), range(16)))
        assert [o.a for o, _, _ in found] == list(range(16))
        assert {h for _, _, h in found} == {hash((1, 2))}
        assert found[3][1] == "Kind(a=3, b=2)"
