"""What everything in the graph has in common."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from inspect import get_annotations
from operator import attrgetter
from typing import Any, TypeVar, cast

import strawberry
from strawberry import field

__all__ = ["Entry", "Node", "computed", "mirror", "view", "viewing", "viewing_each"]

_T = TypeVar("_T")
_Method = TypeVar("_Method", bound=Callable[..., Any])


def computed(description: str, *, cost: int = 1, size: int | None = None) -> Callable[[_Method], _Method]:
    """A field that a method computes.  ``cost`` is its weight and ``size`` how many items a plain list is taken to
    have, for :mod:`api.limits`."""
    metadata = {"cost": cost} if size is None else {"cost": cost, "size": size}
    decorator: Callable[[_Method], _Method] = strawberry.field(description=description, metadata=metadata)
    return decorator


@strawberry.interface(description="Anything with an id by which `node(id:)` finds it again.")
class Node:
    id: strawberry.ID = field(description="Opaque and stable; for `node(id:)`.")


@strawberry.interface(
    description="A node of the graph that mappings, threats and people refer to: a provision, a reference control, a "
    "joint node, a framework, a threat or an incident."
)
class Entry(Node):
    id: strawberry.ID = field(description="Opaque and stable; for `node(id:)`.")
    curie: str = field(description="The short name by which everybody refers to it, for example `gdpr:art-32.1.b`.")
    iri: str = field(description="The name of the same thing in RDF.")
    title: str = field(description="Its official heading, or the project's title where it has none.")


def mirror(cls: type[_T], value: Any, **more: Any) -> _T:
    """An object of the schema that takes each field from the attribute of ``value`` with the same name, except those
    given in ``more``."""
    return cls(**{name: getattr(value, name) for name in _names(cast(Hashable, cls)) if name not in more}, **more)


@lru_cache(maxsize=1024)
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls) if f.init)


def view(**paths: str | Callable[[Any], Any]) -> Callable[[type[_T]], type[_T]]:
    """A type whose objects hold an answer and read their fields from it when asked: a list of hundreds costs no more
    than what is asked of each.

    A field is read along its path (``it.requirement.id``) or computed by its function; one that is not named is the
    attribute of ``it`` with the same name.  Objects are made by :func:`viewing`.
    """

    def decorated(cls: type[_T]) -> type[_T]:
        definition = cls.__strawberry_definition__  # type: ignore[attr-defined]
        for each in definition.fields:
            if each.base_resolver is None and each.python_name not in _held(cls):
                how = paths.get(each.python_name, f"it.{each.python_name}")
                setattr(cls, each.python_name, property(attrgetter(how) if isinstance(how, str) else how))
        return cls

    return decorated


def _held(cls: type) -> set[str]:
    """The names of what objects hold and the schema does not show."""
    every = [(name, str(told)) for base in cls.__mro__ for name, told in get_annotations(base).items()]
    return {name for name, told in every if "Private[" in told}


def viewing(cls: type[_T], **held: Any) -> _T:
    """An object of a type made by :func:`view`, with what it holds."""
    made = cls.__new__(cls)
    made.__dict__.update(held)
    return made


def viewing_each(cls: type[_T], answers: Sequence[Any], assessment: Any) -> list[_T]:
    """An object of a type made by :func:`view` for each of many answers, which it holds as ``it`` beside the
    ``assessment`` that they are of."""
    made, new = [], cls.__new__
    for it in answers:
        one: Any = new(cls)
        one.it, one.assessment = it, assessment  # cheaper than its `__dict__`, which would have to be made
        made.append(one)
    return made
