"""Every benchmark in one go, and the page that shows what they measured: ``python -m benchmarks`` (``make bench``).

    python -m benchmarks                        everything: some twenty minutes, and peers from the extra ``bench``
    python -m benchmarks --only engine exports  some parts; the others keep what was measured before
    python -m benchmarks --quick                fewer rounds and no large size
    python -m benchmarks --page                 measure nothing, write the page from docs/performance.json

What is measured goes to ``docs/performance.json``, the tables and plots to ``docs/performance.md``.  Ratios of one run
are what counts: every part runs its contestants in turn, round after round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.page import write_page

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "performance.json"
Record = dict[str, Any]


def _record(name: str, what: str, seconds: Iterable[float], note: str = "", **more: Any) -> Record:
    found = [float(s) for s in seconds]
    median = statistics.median(found) if found else None
    return {"name": name, "what": what, "seconds": median, "rounds": len(found), "note": note, **more}


def engine(quick: bool) -> list[Record]:
    """Coverage of 500 controls beside others, at each size."""
    from benchmarks.engine import run

    sizes = [("small", 9), ("middle", 5)] if quick else [("small", 25), ("middle", 9), ("large", 5)]
    return [
        _record(e["name"], size, e["seconds"], e.get("note", ""))
        for size, repeat in sizes
        for e in run([size], repeat, quick=quick)
        if e["seconds"]
    ]


def graphql(quick: bool) -> list[Record]:
    """Answers a second over HTTP beside other servers."""
    from benchmarks.graphql import run

    return [
        {
            "name": r["server"], "what": r["question"], "rate": r["rate"], "milliseconds": r["processor"],
            "fields": r["fields"], "note": "",
        }
        for r in run(3 if quick else 7)
    ]  # fmt: skip


def startup(quick: bool) -> list[Record]:
    """Cold processes beside what they cannot do without."""
    from benchmarks.startup import run

    return [
        _record(
            e["name"], "cold", e["seconds"], e["note"], memory=e.get("memory"), baseline=e.get("baseline")
        )
        for e in run(5 if quick else 15)
    ]  # fmt: skip


def exports(quick: bool) -> list[Record]:
    """Tables written and read beside other writers."""
    from benchmarks.exports import run

    rows = (10_000,) if quick else (10_000, 250_000)
    return [_record(e["name"], f"{e['rows']:,} rows", e["seconds"], e["note"]) for e in run(3, rows)]


def overlaps(quick: bool) -> list[Record]:
    """All pairs of frameworks."""
    from benchmarks.overlaps import run

    return [_record(e["name"], e["size"], e["seconds"], e["note"]) for e in run(repeat=3 if quick else 5)]


PARTS: dict[str, Callable[[bool], list[Record]]] = {
    "engine": engine, "overlaps": overlaps, "graphql": graphql, "startup": startup, "exports": exports,
}  # fmt: skip


def main() -> None:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in () if given.page else given.only:
        print(f"{name} …", flush=True)
        found[name] = PARTS[name](given.quick)
        found["machine"] = {
            "processors": os.cpu_count(), "system": platform.system(), "machine": platform.machine(),
            "python": platform.python_version(),
        }  # fmt: skip
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    write_page(found, DOCS)
    print(f"docs/performance.md is written from {RESULTS.name}")


if __name__ == "__main__":
    main()
