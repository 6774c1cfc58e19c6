"""What Schemathesis makes up from the schema, put to the server: both ways of executing answer with the same bytes.

``KG_BOTH_WAYS`` in the environment is how many queries are asked; a few by default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from graphql import (
    IntValueNode,
    Node,
    NullValueNode,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes
from starlette.testclient import TestClient

import api
from api.access import Gate
from api.app import create_app
from api.execution import completion
from api.execution import operation as operations
from api.graphql_http import GraphQLView
from api.observability import Metrics
from api.schema import schema
from api.schema.ids import node_id
from kg import Release

QUERIES = int(os.environ.get("KG_BOTH_WAYS", "25"))
SDL = Path(api.__file__).with_name("schema.graphql")
DAYS = ("2026-11-23", "2025-02-02", "2024-08-01", "2027-08-02", "9999-12-31", "yesterday")
for name, made in (
    ("Date", st.sampled_from(DAYS).map(nodes.String)),
    ("DateTime", st.just("2026-11-23T12:00:00Z").map(nodes.String)),
    ("JSON", st.integers(0, 3).map(nodes.Int)),
):
    schemathesis.graphql.scalar(name, made)

FRAMEWORKS = {"framework", "frameworks", "source", "sources", "target", "targets", "from", "to"}


@cache
def cases() -> st.SearchStrategy[Any]:
    """A case for any field of the query root."""
    with SDL.open(encoding="utf-8") as file:
        loaded = schemathesis.graphql.from_file(file)
    found = [each.ok() for each in loaded.get_all_operations()]
    return st.one_of([o.as_strategy() for o in found if o.label.startswith("Query.")])


class Meant(Visitor):
    """Puts ids that there are where a document has made-up ones, mostly, and small numbers; leaves cursors out."""

    def __init__(self, data: st.DataObject, release: Release) -> None:
        super().__init__()
        self._data = data
        self._frameworks = sorted(release.frameworks)
        held = (release.provisions, release.controls, release.joints, release.threats, release.sets)
        firsts = [sorted(kind)[n] for kind in held for n in (0, len(kind) // 2) if kind]
        rows = [m.id for m in release.mappings[:2]]
        self._known = [*self._frameworks[:2], *firsts, *rows, node_id("framework", self._frameworks[0])]

    def enter_string_value(self, node: StringValueNode, _: Any, __: Any, ___: Any, above: list[Any]) -> Node | None:
        """Replace one text."""
        name = next(
            (n.name.value for n in reversed(above) if getattr(n, "kind", "") in ("argument", "object_field")), ""
        )
        if node.value in DAYS or self._data.draw(st.integers(0, 9)) == 0:
            return None
        if name == "after":
            return NullValueNode()
        known = self._frameworks if name in FRAMEWORKS and self._data.draw(st.booleans()) else self._known
        return StringValueNode(value=self._data.draw(st.sampled_from(known)))

    def enter_int_value(self, node: IntValueNode, *_: Any) -> Node | None:
        """Replace one number."""
        if self._data.draw(st.integers(0, 19)) == 0:
            return None
        return IntValueNode(value=str(self._data.draw(st.integers(0, 6))))


@pytest.fixture(scope="module")
def ask(release: Release) -> Iterator[Callable[[str, bool], tuple[int, bytes]]]:
    """The server's status and body for a document: by this project's executor, or by graphql-core."""
    before = schema.breadth_first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "LONG", 0)  # short lists are written too, and in parts
        patch.setattr(operations, "PART", 3)
        gate, metrics = Gate(None), Metrics(release.digest)
        client = TestClient(create_app(release, gate, metrics, graphql=GraphQLView(schema, release, gate, metrics)))

        def asked(document: str, breadth_first: bool) -> tuple[int, bytes]:
            schema.breadth_first = breadth_first
            found = client.post("/graphql", json={"query": document}, headers={"X-Request-ID": "the-same-one"})
            return found.status_code, found.content

        yield asked
    schema.breadth_first = before


@settings(
    max_examples=QUERIES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_whatever_is_asked_both_ways_answer_the_same(data: st.DataObject, ask: Any, release: Release) -> None:
    document = print_ast(visit(parse(data.draw(cases()).body), Meant(data, release)))
    expected = ask(document, False)
    assert ask(document, True) == expected, document
    assert ask(document, True) == expected, document  # by the functions that were made of what the first one met
