"""How often a right answer is among the first ten suggestions, on control texts that the graph has not seen.

    python benchmarks/suggestions.py --reference DIR [--also FILE.tsv ...] [--semantic] [--misses]

``DIR`` holds the reference crosswalks (CSV: subject_id, object_framework, object_id, notes).  Before a crosswalk is
asked about, everything of it is taken out of the graph: its catalogue or framework with all rows.  ``--also`` adds
tables of one's own: title, description, and the right ids separated by blanks.  ``policies.tsv`` beside this file was
written by the project after the ranking was settled, as small companies write their controls.

A right answer is a requirement that the crosswalk names, or one below an article or annex that it names.
"""

from __future__ import annotations

import argparse
import copy
import csv
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kg.errors import UnknownIdError
from kg.model import Control, ControlStatus
from kg.organizations.suggestions import Encoder, suggest
from kg.release import Release
from kg.sources import load
from kg.sources.content import Content

HERE = Path(__file__).parent


class Item(NamedTuple):
    """One control text and what it is known to be mapped to."""

    title: str
    text: str
    right: frozenset[str]


class Set(NamedTuple):
    """Texts to ask about one framework, and the release without them."""

    name: str
    release: Release
    framework: str
    items: list[Item]


def without(content: Content, *, catalogue: str = "", framework: str = "", control: str = "") -> Release:
    """A release that has never heard of a catalogue, a framework or a control."""
    c = copy.copy(content)
    gone = {x.id for x in c.controls if x.catalogue == catalogue or x.id == control}
    gone |= {p.id for p in c.provisions if p.framework == framework}
    gone |= {j.id for j in c.joints if gone.intersection(j.members)}
    c.frameworks = [f for f in c.frameworks if f.id != framework]
    c.catalogues = [x for x in c.catalogues if x.id != catalogue]
    c.rules = [r for r in c.rules if r.framework != framework]
    c.provisions = [p for p in c.provisions if p.id not in gone]
    c.parts = [p for p in c.parts if p.whole not in gone and p.part not in gone]
    c.controls = [x for x in c.controls if x.id not in gone]
    c.joints = [j for j in c.joints if j.id not in gone]
    c.mappings = [m for m in c.mappings if m.subject not in gone and m.object not in gone]
    c.threat_links = [t for t in c.threat_links if t.target not in gone]
    c.references = [r for r in c.references if r.subject not in gone and r.object not in gone]
    c.non_coverage = [n for n in c.non_coverage if n.subject not in gone and n.framework != framework]
    return Release(c)


def crosswalk(path: Path, full: Release, framework: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Subject → its title where the file has one, and the ids it is mapped to."""
    right: defaultdict[str, set[str]] = defaultdict(set)
    titles: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["object_framework"] == framework and row["object_id"] != "*" and row["subject_id"] != "*":
                right[row["subject_id"]].add(full.resolve(row["object_id"], framework))
                titles[row["subject_id"]] = row["notes"]
    return {subject: (titles[subject], frozenset(ids)) for subject, ids in right.items()}


def reference_sets(folder: Path, content: Content, full: Release) -> Iterator[Set]:
    """The sets of the reference data."""
    for catalogue, name, framework in (
        ("finos-air", "finos_air_iso_42001", "iso42001"),
        ("finos-air", "finos_air_eu_ai_act", "eu-ai-act"),
        ("cosai-rm", "cosai_rm_nist_ai_rmf", "nist-ai-rmf"),
    ):
        ours = {x.id.split(":")[1]: x.statement for x in content.controls if x.catalogue == catalogue}
        found = crosswalk(folder / f"crosswalk_{name}.csv", full, framework)
        release = without(content, catalogue=catalogue)
        yield Set(f"{catalogue}, titles", release, framework, [Item(t, "", right) for t, right in found.values()])
        texts = [Item(t, ours[s], right) for s, (t, right) in found.items() if s in ours]
        yield Set(f"{catalogue}, titles and texts", release, framework, texts)
    with (folder / "nist_ai_rmf_1_0_nodes.csv").open(encoding="utf-8", newline="") as file:
        nist = {row["ref"]: row["statement"] for row in csv.DictReader(file)}
    hosted = crosswalk(folder / "crosswalk_nist_airc_nist_ai_rmf_iso_42001.csv", full, "iso42001")
    texts = [Item("", nist[s], right) for s, (_, right) in hosted.items()]
    yield Set("nist-ai-rmf, NIST's text", without(content, framework="nist-ai-rmf"), "iso42001", texts)
    articles = crosswalk(folder / "crosswalk_abk1969_eu_ai_act_iso_42001.csv", full, "iso42001")
    texts = []
    for subject, (_, right) in articles.items():
        article = full.resolve(subject, "eu-ai-act")
        below = [p.summary for p in full.provisions.values() if article in (p.id, *full.ancestors(p.id))]
        texts.append(Item(full.title(article), " ".join(below)[:1500], right))
    yield Set("eu-ai-act articles, our words", without(content, framework="eu-ai-act"), "iso42001", texts)


def table_sets(path: Path, full: Release) -> Iterator[Set]:
    """The sets of a table with title, description and right ids."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            by: defaultdict[str, set[str]] = defaultdict(set)
            for id_ in row["targets"].split():
                by[full.provisions[id_].framework].add(id_)
            for framework, ids in by.items():
                found[framework].append(Item(row["title"], row["description"], frozenset(ids)))
    for framework in full.frameworks:
        if framework in found:
            yield Set(path.stem, full, framework, found[framework])


def own_sets(content: Content, full: Release, step: int) -> Iterator[Set]:
    """Every ``step``-th control of the project's catalogue, each asked of a graph without it and its rows."""
    for control in [c for c in full.controls.values() if c.catalogue == "aisb"][::step]:
        release = without(content, control=control.id)
        for framework in full.frameworks:
            rows = [m for m in full.rows_of.get(control.id, ()) if m.subject == control.id and m.scores]
            right = {m.object for m in rows if m.object in full.provisions}
            right = {id_ for id_ in right if full.provisions[id_].framework == framework}
            if right:
                item = Item(control.title, control.statement, frozenset(right))
                yield Set("aisb, one left out", release, framework, [item])


def ranks(asked: Set, full: Release, encoder: Encoder | None) -> Iterator[tuple[Item, int, list[str]]]:
    """For each text the rank of the first right answer among ten, or 0, and the answers."""
    for item in asked.items:
        control = Control("x", item.title, ControlStatus.PLANNED, description=item.text)
        found = [s.target for s in suggest(asked.release, control, [asked.framework], 10, encoder=encoder)]
        hits = (n for n, id_ in enumerate(found, 1) if item.right.intersection((id_, *full.ancestors(id_))))
        yield item, next(hits, 0), found


def main() -> None:
    """Print a line for each set and framework."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, help="the folder of the reference crosswalks")
    parser.add_argument("--also", type=Path, action="append", default=[], help="a table of one's own")
    parser.add_argument("--semantic", action="store_true", help="with the model of meaning")
    parser.add_argument("--misses", action="store_true", help="print what was not found")
    parser.add_argument("--step", type=int, default=6, help="every how many controls of our own catalogue; 0 is none")
    given = parser.parse_args()
    encoder = None
    if given.semantic:
        from kg.organizations.semantic import load_encoder

        encoder = load_encoder()
    content = load(())
    full = Release(content)
    sets = list(reference_sets(given.reference, content, full)) if given.reference else []
    for path in (HERE / "policies.tsv", *given.also):
        sets += table_sets(path, full)
    if given.step:
        sets += own_sets(content, full, given.step)
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    spent = 0.0
    for asked in sets:
        suggest(asked.release, "warm up", [asked.framework], encoder=encoder)
        start = time.perf_counter()
        for item, rank, answers in ranks(asked, full, encoder):
            found[asked.name, asked.framework].append(rank)
            if given.misses and not rank:
                print(f"{asked.name} → {asked.framework}: {item.title}: {sorted(item.right)} not in {answers}")
        spent += time.perf_counter() - start
    print(f"{'texts of':32} {'→':14} {'n':>4}  in 10   in 5    MRR")
    for (name, framework), first in found.items():
        n = len(first)
        ten, five = sum(r > 0 for r in first) / n, sum(0 < r <= 5 for r in first) / n
        mrr = sum(1 / r for r in first if r) / n
        print(f"{name:32} {framework:14} {n:4}  {ten:5.0%}  {five:5.0%}  {mrr:5.2f}")
    every = [r for first in found.values() for r in first]
    share = sum(r > 0 for r in every) / len(every)
    print(f"{'all':32} {'':14} {len(every):4}  {share:5.0%}   {1000 * spent / len(every):.1f} ms a text")


if __name__ == "__main__":
    try:
        main()
    except UnknownIdError as error:
        raise SystemExit(str(error)) from None
