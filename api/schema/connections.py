"""Relay connections over lists that are already in order and already in memory."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry import field

from api.context import Info
from api.limits import DEFAULT_PAGE, MAX_PAGE
from api.schema.ids import BadCursorError, cursor, key_of_cursor
from api.schema.nodes import computed
from kg.errors import UsageError

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "After", "Connection", "Edge", "First", "PageInfo", "connect", "page"]

First = Annotated[
    int,
    strawberry.argument(description=f"How many items to give: 0 to {MAX_PAGE}. More is refused, not cut short."),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last item of the page before. It holds for one release and one list; keep all "
        "other arguments as they were."
    ),
]

_T = TypeVar("_T")
_Item = TypeVar("_Item")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = field(description="Whether there are items after this page.")
    has_previous_page: bool = field(description="Whether there are items before this page.")
    start_cursor: str | None = field(description="The cursor of the first item; null on an empty page.")
    end_cursor: str | None = field(
        description="The cursor of the last item, for `after` of the next page; null on an empty page."
    )


@strawberry.type(description="One item of a list with its cursor.")
class Edge(Generic[_T]):
    cursor: str = field(description="Opaque; points behind this item.")
    node: _T = field(description="The item.")


@strawberry.type(description="One page of a list, with how long the whole list is.")
class Connection(Generic[_T]):
    edges: list[Edge[_T]] = field(description="The items of this page, each with its cursor.", metadata={"size": 1})
    page_info: PageInfo = field(description="Where this page stands in the list.")
    total_count: int = field(description="How many items the whole list has, with the same arguments, over all pages.")

    @computed("The items of this page, without cursors.", size=1)
    def nodes(self) -> list[_T]:
        return [edge.node for edge in self.edges]


def page(
    info: Info, list_: str, items: Sequence[_Item], key: Callable[[_Item], str], first: int, after: str | None
) -> tuple[list[tuple[str, _Item]], PageInfo]:
    """The items of one page with their cursors, and where the page stands.

    ``list_`` names the list in its cursors; ``key`` is unique among the items.
    """
    if not 0 <= first <= MAX_PAGE:
        raise UsageError(f"first: {first} is out of range", f"0 to {MAX_PAGE}; ask for further pages with `after`")
    release = info.context.release.digest
    start = 0
    if after is not None:
        wanted = key_of_cursor(after, release, list_)
        start = next((i for i, item in enumerate(items, 1) if key(item) == wanted), 0)
        if not start:
            hint = "the other arguments must be the same on every page"
            raise BadCursorError("the item behind this cursor is not in this list", hint)
    found = [(cursor(release, list_, key(item)), item) for item in items[start : start + first]]
    return found, PageInfo(
        has_next_page=start + first < len(items),
        has_previous_page=start > 0,
        start_cursor=found[0][0] if found else None,
        end_cursor=found[-1][0] if found else None,
    )


def connect(
    info: Info,
    list_: str,
    items: Sequence[_Item],
    key: Callable[[_Item], str],
    node: Callable[[_Item], _T],
    first: int,
    after: str | None,
) -> Connection[_T]:
    """One page of ``items`` as a connection of what ``node`` makes of them."""
    found, info_ = page(info, list_, items, key, first, after)
    edges: list[Any] = [Edge(cursor=c, node=node(item)) for c, item in found]
    return Connection(edges=edges, page_info=info_, total_count=len(items))
