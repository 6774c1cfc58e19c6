"""How long the store takes for one organisation with many controls: ``python benchmarks/store.py [CONTROLS] [URL]``.

Without a URL it is a SQLite file in a temporary folder.  A PostgreSQL that is named must be empty; what is written is
erased at the end.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kg import Release
from kg.organizations import read_controls, read_profile
from kg.organizations.store import Actor, Store

EXAMPLE = Path(__file__).parents[1] / "kg" / "data" / "example"
ACTOR = Actor("command", "benchmark")
T = TypeVar("T")


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it, and print the seconds it took."""
    start = time.perf_counter()
    result = work()
    print(f"{what:<40} {time.perf_counter() - start:8.3f} s")
    return result


def main(count: int, url: str, folder: Path) -> None:
    """Write, read, look back, verify, back up, erase."""
    release = Release.load()
    few = read_controls(EXAMPLE / "controls.csv", release).controls
    many = [replace(few[n % len(few)], id=f"C-{n}") for n in range(count)]
    Store.upgrade(url)
    with Store.open(url) as store:
        print(f"{count} controls, {sum(len(c.rows) for c in many)} mappings, {store.engine.dialect.name}")
        store.create_organization("Benchmark", id="benchmark", actor=ACTOR)
        profile = read_profile(EXAMPLE / "profile.toml", release)
        store.set_profile("benchmark", profile, release=release, actor=ACTOR)

        def write(title: str) -> None:
            store.upsert_controls("benchmark", [replace(c, title=title) for c in many], release=release, actor=ACTOR)

        timed("import, all new", lambda: write("first"))
        timed("the same import again", lambda: write("first"))
        timed("import, all changed", lambda: write("second"))
        timed("load", lambda: store.load("benchmark"))
        timed("load of a past revision", lambda: store.load("benchmark", as_of_revision=3))
        timed("one control", lambda: store.get_control("benchmark", "C-1"))
        timed("one mapping written", lambda: store.set_mappings("benchmark", "C-1", [], release=release, actor=ACTOR))
        timed("verify", lambda: store.verify("benchmark"))
        report = timed("export", lambda: store.export_organization("benchmark", folder / "one.gz"))
        timed("erase", lambda: store.erase_organization("benchmark", actor=ACTOR))
        timed("import of the export", lambda: store.import_organization(folder / "one.gz", actor=ACTOR))
        store.erase_organization("benchmark", actor=ACTOR)
        print(f"{sum(report.rows.values())} rows, {(folder / 'one.gz').stat().st_size:,} bytes")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        size = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
        main(size, sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{temporary}/store.sqlite3", Path(temporary))
