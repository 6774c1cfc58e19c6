"""A short run of the benchmarks: what became ten times slower fails here.

Bounds are of ratios within one interleaved run, several times what was measured: a busy machine does not matter.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

from api.context import Context
from api.schema import schema
from benchmarks import engine, exports, graphql
from kg import Release
from kg.answers import Assessment, assess


def medians(found: list[dict[str, Any]]) -> dict[str, float]:
    return {e["name"]: statistics.median(e["seconds"]) for e in found if e["seconds"]}


@pytest.mark.parametrize(("size", "floor", "networkx"), [("small", 25.0, 0.3), ("middle", 8.0, 8.0)])
def test_the_engine_stays_near_the_floor(size: str, floor: float, networkx: float) -> None:
    """Coverage of 500 controls with chains, beside a plain numpy gather and networkx."""
    took = medians(engine.run([size], 3, only=("ours", "numpy gather", "networkx")))
    assert took["ours"] < floor * took["numpy gather"], took
    assert took["networkx"] > networkx * took["ours"], took


def test_tables_stay_near_plain_writing(release: Release) -> None:
    """2,000 mappings as CSV and as a styled workbook, beside the standard library and xlsxwriter without styles."""
    tasks = exports._tasks(release, 2_000)
    took = {}
    for name in ("csv: ours", "csv: python's csv", "xlsx: ours", "xlsx: xlsxwriter"):
        spent = []
        for _ in range(3):
            begin = time.process_time()
            tasks[name][0]()
            spent.append(time.process_time() - begin)
        took[name] = min(spent)
    assert took["csv: ours"] < 8 * took["csv: python's csv"], took
    assert took["xlsx: ours"] < 12 * took["xlsx: xlsxwriter"], took


def test_breadth_first_stays_faster_than_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coverage of 600 requirements with chains, executed both ways over the same objects."""
    of = graphql.made_up()
    held = [
        {"id": c.id, "title": c.title, "status": "implemented", "mappings": [{"target": c.rows[0].target}]}
        for c in graphql.controls(of)
    ]
    given = {"input": {"controls": held, "asOf": str(graphql.DAY)}}
    covered = assess(of, graphql.controls(of), None, graphql.DAY).coverage("f000")
    monkeypatch.setattr(Assessment, "coverage", lambda self, framework: covered)
    took = {}
    for way in (True, False):
        monkeypatch.setattr(schema, "breadth_first", way)
        spent = []
        for _ in range(4):
            begin = time.process_time()
            found = schema.execute_sync(graphql.QUERY, given, Context(of, "request"))
            spent.append(time.process_time() - begin)
            assert not found.errors, found.errors
        took[way] = min(spent)
    assert took[False] > 1.5 * took[True], took
