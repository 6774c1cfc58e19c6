"""Our engine beside others, in one interleaved run: what 500 controls reach within three hops, and how.

    python -m benchmarks.engine                              the small and the middle size
    python -m benchmarks.engine --sizes large --repeat 3 -o engine.json

Every round runs each contestant once, so that a busy moment hits all alike; seconds are of the processor.  Ours gives
verdict, chain and reasons of every requirement with all rules.  The *floor* is a plain numpy gather over the same edges
that keeps of each node and mask the first way found; the others are put the same reduced question as well as they can,
and each note says what they leave out.  Building their graphs is not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arrays import SIZES, Size, arrays, organization
from kg.answers.engine import View, verdicts
from kg.answers.engine.algebra import COMPOSE, OUTCOME
from kg.arrays import Arrays
from kg.relations import ALL

__all__ = ["CONTESTANTS", "run"]

DAY = date(2026, 1, 1)
CONTROLS = 500
DENIED = 0.12  #: the share of our own release's rows that say *no relationship*
Question = tuple[View, tuple[Any, Any, Any]]
Ask = Callable[[], Any]


def asked_about(size: Size) -> View:
    """A graph of this size, asked about its requirements."""
    columns = arrays(size)
    return View(columns, DAY).about(columns.node_assessable)


def ours(question: Question) -> Ask:
    """Verdict, contender, chain and reasons of every requirement, by all the rules."""
    view, own = question
    assert view.targets is not None
    wanted = np.flatnonzero(view.targets)
    return lambda: verdicts(view, *own).chains(wanted)


def of_every_node(question: Question) -> Ask:
    """The same of what requirements are parts of, too, and of reference controls."""
    view, own = question
    return ours((view.about(np.ones(view.arrays.nodes, bool)), own))


def floor(question: Question) -> Ask:
    """The same edges gathered by numpy, the first way to each node and mask kept with its predecessor."""
    view, (_, start, mask) = question
    a = view.arrays
    offsets = a.edge_offsets

    def ask() -> Any:
        seen = np.zeros(a.nodes * 32, bool)
        node, says, hops = start, mask, np.zeros(len(start), np.int8)
        before = edge = np.full(len(start), -1)
        best, found = np.zeros(a.nodes, np.int8), []
        while len(node):
            state = node << 5 | says
            _, first = np.unique(state, return_index=True)
            first = first[~seen[state[first]]]
            node, says, hops, before, edge = node[first], says[first], hops[first], before[first], edge[first]
            seen[state[first]] = True
            np.maximum.at(best, node, OUTCOME[says])
            found.append((node, before, edge))
            may_hop = hops < view.max_hops
            wide = may_hop & (says & 8 == 0)
            low, high = offsets[3 * node], offsets[3 * node + 1 + may_hop + wide]
            count = high - low
            before = np.repeat(np.arange(len(count)), count)
            edge = np.arange(len(before)) + np.repeat(low - np.cumsum(count) + count, count)
            after = COMPOSE[says[before].astype(np.int64) << 5 | a.edge_mask[edge]]
            good = np.flatnonzero(after != ALL)
            before, edge, says = before[good], edge[good], after[good]
            hops = hops[before] + (a.edge_row[edge] >= 0)
            node = a.edge_to[edge].astype(np.int64)
        return best, found

    return ask


def _states(question: Question) -> set[tuple[int, int]]:
    _, (_, start, mask) = question
    return set(zip(start.tolist(), mask.tolist(), strict=True))


def _edges(a: Arrays) -> Iterable[tuple[int, int, int, int]]:
    at = np.repeat(np.arange(a.nodes), np.diff(a.edge_offsets[::3]))
    columns = (at, a.edge_to, a.edge_mask, a.edge_row >= 0)
    return zip(*(c.astype(np.int64).tolist() for c in columns), strict=True)


def with_networkx(question: Question) -> Ask:
    """Breadth first over a MultiDiGraph, first way kept."""
    import networkx as nx

    view, _ = question
    graph: Any = nx.MultiDiGraph()
    graph.add_edges_from((a, b, {"mask": m, "hop": h}) for a, b, m, h in _edges(view.arrays))
    table = COMPOSE.tolist()

    def ask() -> Any:
        frontier = dict.fromkeys(_states(question), 0)
        found: dict[tuple[int, int], Any] = dict.fromkeys(frontier)
        while frontier:
            after: dict[tuple[int, int], int] = {}
            for (node, mask), hops in frontier.items():
                if node not in graph:
                    continue
                for there, edges in graph[node].items():
                    for data in edges.values():
                        said = table[mask << 5 | data["mask"]]
                        if said != ALL and hops + data["hop"] <= 3 and (there, said) not in found:
                            found[there, said] = (node, mask)
                            after[there, said] = hops + data["hop"]
            frontier = after
        return found

    return ask


_CTE = """
with recursive walk(node, mask, hops) as (
  select node, mask, 0 from first
  union
  select e.b, c.said, w.hops + e.hop
  from walk w join edge e on e.a = w.node join compose c on c.m = w.mask and c.e = e.mask
  where w.hops + e.hop <= 3
)
select node, mask, min(hops) from walk group by node, mask
"""


def _tables(question: Question, execute: Any, many: Any) -> None:
    view, _ = question
    execute("create table edge (a integer, b integer, mask integer, hop integer)")
    execute("create table compose (m integer, e integer, said integer)")
    execute("create table first (node integer, mask integer)")
    many("insert into edge values (?, ?, ?, ?)", list(_edges(view.arrays)))
    alive = [(m, e, int(s)) for m in range(1, ALL) for e in range(1, ALL) if (s := COMPOSE[m << 5 | e]) != ALL]
    many("insert into compose values (?, ?, ?)", alive)
    many("insert into first values (?, ?)", sorted(_states(question)))


def with_sqlite(question: Question) -> Ask:
    """A recursive common table expression over an indexed table."""
    base = sqlite3.connect(":memory:")
    _tables(question, base.execute, base.executemany)
    base.execute("create index edge_a on edge (a, mask, b, hop)")
    base.execute("create index compose_m on compose (m, e, said)")
    base.execute("analyze")
    return lambda: base.execute(_CTE).fetchall()


def with_duckdb(question: Question) -> Ask:
    """The same expression in DuckDB, which reads its tables by column."""
    import duckdb
    import pandas as pd

    base = duckdb.connect()
    base.execute("set threads = 1")
    view, _ = question
    frames = {
        "edge": pd.DataFrame(list(_edges(view.arrays)), columns=["a", "b", "mask", "hop"]),
        "first": pd.DataFrame(sorted(_states(question)), columns=["node", "mask"]),
        "compose": pd.DataFrame(
            [(m, e, int(s)) for m in range(1, ALL) for e in range(1, ALL) if (s := COMPOSE[m << 5 | e]) != ALL],
            columns=["m", "e", "said"],
        ),
    }
    for name, frame in frames.items():
        base.register("given", frame)
        base.execute(f"create table {name} as select * from given")
        base.unregister("given")
    return lambda: base.execute(_CTE).fetchnumpy()


Query = Callable[[str], Iterable[tuple[int, int]]]


def _values(names: str, rows: Iterable[Iterable[Any]]) -> str:
    return f"VALUES ({names}) {{ {' '.join('(' + ' '.join(map(str, r)) + ')' for r in rows)} }}"


def _hop(view: View, begin: str, masks: set[int], names: tuple[str, ...], tables_last: bool) -> tuple[str, set[int]]:
    """A pattern that goes on by one row from ``begin``, which binds a node and a mask, and the masks it comes to."""
    rows = sorted({int(m) for m in np.unique(view.arrays.row_mask)} | {2, 4})
    alive = [(m, f"<m:{e}>", int(s)) for m in sorted(masks) for e in rows if (s := COMPOSE[m << 5 | e]) != ALL]
    node, mask, row, there, said = names
    table, step = _values(f"?{mask} ?{row} ?{said}", alive), f"?{node} ?{row} ?{there} ."
    pattern = f"{step} {table}" if tables_last else f"{table} {step}"
    return f"{begin} {pattern}", {s for *_, s in alive}


def _hop_by_hop(question: Question, query: Query, tables_last: bool) -> Ask:
    """One query for each hop: the states of the last one joined with the rows and the table of compositions."""
    first = _states(question)

    def ask() -> Any:
        found, frontier = set(first), first
        for _ in range(3):
            states = _values("?a ?m", ((f"<n:{n}>", m) for n, m in sorted(frontier)))
            names = ("a", "m", "p", "b", "said")
            pattern, _ = _hop(question[0], states, {m for _, m in frontier}, names, tables_last)
            frontier = set(query(f"SELECT DISTINCT ?b ?said {{ {pattern} }}")) - found
            found |= frontier
            if not frontier:
                break
        return found

    return ask


def _one_query(question: Question, query: Query, tables_last: bool) -> Ask:
    """The whole question in one query: the states of one, two and three hops united, each hop a subselect of distinct
    states over the last.  Of the ways tried (joins without subselects, states of *at most* so many hops, either order
    of table and pattern) this is the fastest for each store."""
    first = _states(question)
    begin = _values("?n0 ?m0", ((f"<n:{n}>", m) for n, m in sorted(first)))
    masks, branches = {m for _, m in first}, []
    for i in range(3):
        names = (f"n{i}", f"m{i}", f"p{i + 1}", f"n{i + 1}", f"m{i + 1}")
        pattern, masks = _hop(question[0], begin, masks, names, tables_last)
        begin = f"{{ SELECT DISTINCT ?n{i + 1} ?m{i + 1} {{ {pattern} }} }}"
        branches.append(f"{{ {begin} BIND(?n{i + 1} AS ?n) BIND(?m{i + 1} AS ?m) }}")
    text = f"SELECT DISTINCT ?n ?m {{ {' UNION '.join(branches)} }}"
    return lambda: first | set(query(text))


def with_oxigraph(question: Question, ways: Callable[[Question, Query, bool], Ask] = _hop_by_hop) -> Ask:
    """Oxigraph in memory, a query for each hop."""
    import pyoxigraph as ox

    store = ox.Store()
    view, _ = question
    names = [ox.NamedNode(f"n:{i}") for i in range(view.arrays.nodes)]
    masks = [ox.NamedNode(f"m:{i}") for i in range(32)]
    store.bulk_extend(ox.Quad(names[a], masks[m], names[b]) for a, b, m, hop in _edges(view.arrays) if hop)

    def query(text: str) -> Iterable[tuple[int, int]]:
        solutions: Any = store.query(text)
        return ((int(s[0].value[2:]), int(s[1].value)) for s in solutions)

    return ways(question, query, False)


def with_oxigraph_alone(question: Question) -> Ask:
    """Oxigraph in memory, the whole question in one query."""
    return with_oxigraph(question, _one_query)


def with_rdflib(question: Question, ways: Callable[[Question, Query, bool], Ask] = _hop_by_hop) -> Ask:
    """rdflib in memory, a query for each hop."""
    import rdflib

    graph = rdflib.Graph()
    view, _ = question
    for a, b, m, hop in _edges(view.arrays):
        if hop:
            graph.add((rdflib.URIRef(f"n:{a}"), rdflib.URIRef(f"m:{m}"), rdflib.URIRef(f"n:{b}")))

    def query(text: str) -> Iterable[tuple[int, int]]:
        rows: Any = graph.query(text)
        return ((int(str(r[0])[2:]), int(r[1])) for r in rows)

    return ways(question, query, True)


def with_rdflib_alone(question: Question) -> Ask:
    """rdflib in memory, the whole question in one query."""
    return with_rdflib(question, _one_query)


_ONE = "the whole question in one query"
_HELPED = "helped: a query for each hop, what is new found by Python in between"
_NO_RULES = "no authority, strength or ids, no joint nodes, no reasons"
_SPARQL = f"reached nodes and masks, no chain, no parts; {_NO_RULES}"
#: Name → what makes it ready, the sizes it is run at, and what it does not do.
CONTESTANTS: dict[str, tuple[Callable[[Question], Ask], tuple[str, ...], str]] = {
    "ours": (ours, ("small", "middle", "large"), "everything: verdict, best chain by all ties, joint nodes, reasons"),
    "ours, of every node": (of_every_node, ("small", "middle", "large"), "also of wholes and of reference controls"),
    "numpy gather": (floor, ("small", "middle", "large"), f"the floor: first way to each node and mask; {_NO_RULES}"),
    "networkx": (with_networkx, ("small", "middle"), f"first way to each node and mask; {_NO_RULES}"),
    "SQLite": (with_sqlite, ("small", "middle"), f"reached nodes and masks, no chain; {_NO_RULES}"),
    "DuckDB": (with_duckdb, ("small", "middle"), f"reached nodes and masks, no chain; one thread; {_NO_RULES}"),
    "Oxigraph SPARQL, one query": (with_oxigraph_alone, ("small", "middle"), f"{_ONE}; {_SPARQL}"),
    "Oxigraph SPARQL": (with_oxigraph, ("small", "middle"), f"{_HELPED}; {_SPARQL}"),
    "rdflib SPARQL, one query": (with_rdflib_alone, ("small", "middle"), f"{_ONE}; {_SPARQL}"),
    "rdflib SPARQL": (with_rdflib, ("small", "middle"), f"{_HELPED}; {_SPARQL}"),
}
#: Those of ours, which every round asks.
OWN = ("ours", "ours, of every node")
#: What takes minutes: asked once, in a process of its own that is stopped at the deadline (seconds), and never in a
#: quick run.
LONG = {("rdflib SPARQL, one query", "middle"), ("rdflib SPARQL", "middle")}
DEADLINE = 600.0


def once(make: Callable[[Question], Ask], question: Question, deadline: float) -> float | None:
    """The seconds of one answer, or ``None`` where it is not there after so many."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        ask = make(question)
        sender.send(None)
        begin = time.process_time()
        ask()
        sender.send(time.process_time() - begin)

    process = context.Process(target=child, daemon=True)
    process.start()
    try:
        receiver.recv()
        return float(receiver.recv()) if receiver.poll(deadline) else None
    finally:
        process.kill()
        process.join()


def run(
    sizes: Iterable[str] = ("small", "middle"), repeat: int = 5, only: Iterable[str] = (), quick: bool = False
) -> list[dict[str, Any]]:
    """Every contestant at each size, interleaved: name, size, seconds of each round, note.  Beside them, as ``ours``
    with a further note: other organisations, for the spread, ever more controls, for the growth, and a graph with rows
    that rule out."""
    found: list[dict[str, Any]] = []
    for size in sizes:
        view = asked_about(SIZES[size])
        question = (view, organization(view.arrays, CONTROLS))
        ready: list[tuple[dict[str, Any], Ask]] = []
        asked = [name for name, (_, at, _) in CONTESTANTS.items() if size in at and (not only or name in only)]
        for name in asked:
            make, _, note = CONTESTANTS[name]
            if (name, size) not in LONG:
                ready.append(({"name": name, "size": size, "seconds": [], "note": note}, make(question)))
        for entry, ask in ready:
            if "SPARQL" not in entry["name"]:
                ask()
        for number in range(repeat):
            for entry, ask in ready:
                if entry["name"] not in (*OWN, "numpy gather") and number > 2:
                    continue
                begin = time.process_time()
                ask()
                entry["seconds"].append(time.process_time() - begin)
        found += [entry for entry, _ in ready]
        for name in asked:
            if (name, size) in LONG and not quick:
                make, _, note = CONTESTANTS[name]
                seconds = once(make, question, DEADLINE)
                note = f"once; {note}" if seconds else f"stopped then, without an answer; {note}"
                found.append({"name": name, "size": size, "seconds": [seconds or DEADLINE], "note": note})
        found += _spread(view, size, 30 if size == "large" else 100) + _growth(view, size)
        if size != "large" and (not only or "ours" in only):
            found.append(_denied(size, repeat))
    return found


def _denied(size: str, repeat: int) -> dict[str, Any]:
    """The same question to a graph with as large a share of *no relationship* as our own release has: what these rows
    may rule out is asked of every control by itself, beside the walk of all together."""
    view = asked_about(replace(SIZES[size], denied=DENIED))
    ask, seconds = ours((view, organization(view.arrays, CONTROLS))), []
    ask()
    for _ in range(repeat):
        begin = time.process_time()
        ask()
        seconds.append(time.process_time() - begin)
    note = f"{len(view.enemies) // 2} pairs of nodes rule each other out"
    return {"name": "ours, with no_relationship", "size": size, "seconds": seconds, "note": note}


def _spread(view: View, size: str, count: int) -> list[dict[str, Any]]:
    seconds = []
    for seed in range(2, count + 2):
        ask = ours((view, organization(view.arrays, CONTROLS, seed)))
        begin = time.process_time()
        ask()
        seconds.append(time.process_time() - begin)
    return [{"name": "ours, other organisations", "size": size, "seconds": seconds, "note": f"{count} of them"}]


def _growth(view: View, size: str) -> list[dict[str, Any]]:
    found = []
    for controls in (20, 100, 500, 2000):
        question = (view, organization(view.arrays, controls))
        edges = verdicts(view, *question[1]).looked_at
        seconds = []
        for _ in range(3):
            begin = time.process_time()
            ours(question)()
            seconds.append(time.process_time() - begin)
        note = f"{edges} edges reached"
        found.append({"name": f"ours, {controls} controls", "size": size, "seconds": seconds, "note": note})
    return found


def main() -> None:
    """Run what is asked for and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=["small", "middle"])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=[])
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    found = run(asked.sizes, asked.repeat, asked.only, asked.quick)
    own = {e["size"]: statistics.median(e["seconds"]) for e in found if e["name"] == "ours"}
    for e in found:
        median = statistics.median(e["seconds"])
        ratio = f"{median / own[e['size']]:9.2f} x" if e["size"] in own else ""
        tail = ""
        if "other" in e["name"]:
            tail = f"; p99 {np.quantile(e['seconds'], 0.99) / median:.2f} x the median"
        print(f"{e['size']:<7} {e['name']:<26} {1000 * median:10.2f} ms {ratio}  {e['note']}{tail}")
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
