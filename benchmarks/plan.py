"""How long a plan takes: the real graph with all frameworks at once, and a made-up one of any size.

    python -m benchmarks.plan                       the real graph
    python -m benchmarks.plan --large               200 frameworks, 40,000 requirements, 250,000 mappings
    python -m benchmarks.plan --frameworks 50 --mappings 60000 --time-limit 10

Seconds of the clock, and in brackets of the processor: the search ends by the clock, all else depends on how busy the
machine is.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import pairwise

from benchmarks.generate import DAY, Size
from benchmarks.generate import release as generated
from kg.answers import assess
from kg.answers.plan import Options, plan
from kg.release import Release


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    print(f"  {what:<44} {time.perf_counter() - clock:8.2f} s ({time.process_time() - processor:.2f})", flush=True)


def stages(release: Release, day: date, options: Options) -> None:
    """One plan from nothing, stage by stage, and what it found."""
    print(
        f"{len(release.frameworks)} frameworks, {len(release.provisions)} provisions, {len(release.mappings)} rows, "
        f"{len(release.controls)} reference controls, {len(release.joints)} joint nodes; {options.time_limit:g} s to "
        "search",
        flush=True,
    )
    with timed("the release's digest"):
        _ = release.digest
    with timed("the graph of the day"):
        assessment = assess(release, (), None, day)
    # A release never changes: the garbage collector need not look through its million objects again and again.
    gc.collect()
    gc.freeze()
    marks: list[tuple[str, float, float]] = []

    def told(stage: str, _done: int, _total: int) -> None:
        if not marks or marks[-1][0] != stage:
            marks.append((stage, time.perf_counter(), time.process_time()))

    with timed("the plan, all of it"):
        found = plan(assessment, options=options, progress=told)
        marks.append(("", time.perf_counter(), time.process_time()))
    for (stage, clock, processor), (_, then, spent) in pairwise(marks):
        print(f"    {stage:<42} {then - clock:8.2f} s ({spent - processor:.2f})")
    t = found.total
    print(
        f"  {found.status}: cost {found.value:g}, bound {found.bound:g}, gap {found.gap:.2%}, {len(found.steps)} steps"
    )
    print(
        f"  {t.closed} of {t.goals} goals closed, {t.uncoverable} that nothing can close, {t.left} left\n", flush=True
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--frameworks", type=int)
    parser.add_argument("--mappings", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=20.0)
    parser.add_argument("--costs", action="store_true", help="random costs from 1 to 8 instead of 1 each")
    given = parser.parse_args()
    options = Options(time_limit=given.time_limit)
    if not (given.large or given.frameworks or given.mappings):
        with timed("reading the release"):
            real = Release.load()
        for catalogues in ((), ("all",)):
            print(f"catalogues: {', '.join(catalogues) or 'the default'}")
            stages(real, date(2027, 12, 2), replace(options, catalogues=catalogues))
        return
    size = Size()
    size = replace(size, frameworks=given.frameworks or size.frameworks, mappings=given.mappings or size.mappings)
    with timed("making up the release"):
        release = generated(size, given.seed)
    if given.costs:
        rng = random.Random(given.seed)
        options = replace(options, costs={c: float(rng.choice((1, 2, 3, 5, 8))) for c in release.controls})
    stages(release, DAY, options)


if __name__ == "__main__":
    main()
