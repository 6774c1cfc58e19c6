"""What everything in the graph has in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import strawberry
from strawberry import field

__all__ = ["Entry", "Node", "computed", "mirror"]

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
    names = (f.name for f in dataclasses.fields(cls) if f.init and f.name not in more)  # type: ignore[arg-type]
    return cls(**{name: getattr(value, name) for name in names}, **more)
