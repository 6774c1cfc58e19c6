"""The tables and plots of ``docs/performance.md`` from what was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["write_page"]

Record = dict[str, Any]
_OURS, _OTHERS = "#1F3A5F", "#9FB3C8"


def write_page(found: dict[str, Any], docs: Path) -> None:
    """Put the tables between the markers of ``docs/performance.md`` and draw the plots beside it."""
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    for part, table in (
        ("engine", _engine),
        ("overlaps", _overlaps),
        ("graphql", _graphql),
        ("startup", _startup),
        ("exports", _exports),
    ):
        if part in found:
            text = _between(text, part, table(found[part]))
    machine = found.get("machine", {})
    said = f"{machine.get('processors')} processors ({machine.get('machine')}), Python {machine.get('python')}"
    page.write_text(_between(text, "machine", f"Measured on {said}."), encoding="utf-8")
    _plots(found, docs)


def _between(text: str, name: str, new: str) -> str:
    pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    found, count = pattern.subn(lambda m: f"{m[1]}\n{new}\n\n{m[2]}", text)
    assert count == 1, f"the page has no place for {name}"
    return found


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _ratio(value: float, base: float | None) -> str:
    return f"{value / base:.3g} ×" if base else ""


def _engine(rows: list[Record]) -> str:
    ours = {r["what"]: r["seconds"] for r in rows if r["name"] == "ours"}
    shown = [
        (r["what"], r["name"], _time(r["seconds"]), _ratio(r["seconds"], ours.get(r["what"])), r["note"]) for r in rows
    ]
    return _table(("size", "who", "median", "beside ours", "what it does not do, or note"), shown)


def _overlaps(rows: list[Record]) -> str:
    shown = [(r["what"], r["name"], _time(r["seconds"]), r["note"]) for r in rows]
    return _table(("size", "what", "processor, median", "note"), shown)


def _graphql(rows: list[Record]) -> str:
    base = {r["what"]: r["rate"] for r in rows if r["name"] in ("Strawberry on FastAPI", "FastAPI hello")}
    shown = [
        (r["what"], r["name"], f"{r['fields']:,}", f"{r['rate']:,.0f}", f"{r['milliseconds']:.2f}",
         _ratio(r["rate"], base.get(r["what"])))
        for r in rows
    ]  # fmt: skip
    head = ("question", "server", "fields", "answers a second", "processor, ms", "beside Strawberry (small: hello)")
    return _table(head, shown)


def _startup(rows: list[Record]) -> str:
    base = {r["name"]: r["seconds"] for r in rows}
    shown = [
        (r["name"], _time(r["seconds"]), _ratio(r["seconds"], base.get(r["baseline"])) if r["seconds"] else "",
         f"{r['memory'] / 2**20:.0f} MB" if r["memory"] else "", r["note"])
        for r in rows
    ]  # fmt: skip
    return _table(("what", "processor, median", "beside its baseline", "memory (PSS)", "note"), shown)


def _exports(rows: list[Record]) -> str:
    first: dict[tuple[str, str], float] = {}
    shown = []
    for r in rows:
        base = first.setdefault((r["what"], r["name"].split(":")[0]), r["seconds"])
        shown.append((r["what"], r["name"], _time(r["seconds"]), _ratio(r["seconds"], base), r["note"]))
    return _table(("size", "who", "processor, median", "beside the first of its kind", "note"), shown)


def _plots(found: dict[str, Any], docs: Path) -> None:
    """One SVG for the engine and one for GraphQL; the same figures give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "performance"
    mpl.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt

    def bars(axis: Any, rows: list[tuple[str, float]], title: str, unit: str) -> None:
        names, values = [n for n, _ in rows], [v for _, v in rows]
        colours = [_OURS if n.startswith("ours") else _OTHERS for n in names]
        axis.barh(names, values, color=colours)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xlabel(unit, fontsize=8)
        axis.tick_params(labelsize=8)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)

    def save(figure: Any, name: str) -> None:
        figure.tight_layout()
        figure.savefig(docs / name, metadata={"Date": None})
        plt.close(figure)

    engine = [r for r in found.get("engine", ()) if not r["name"].startswith("ours,")]
    sizes = list(dict.fromkeys(r["what"] for r in engine))
    if sizes:
        figure, axes = plt.subplots(1, len(sizes), figsize=(3.6 * len(sizes), 3), squeeze=False)
        for axis, size in zip(axes[0], sizes, strict=True):
            rows = [(r["name"], 1000 * r["seconds"]) for r in engine if r["what"] == size]
            bars(axis, rows, f"500 controls, {size} graph", "milliseconds, logarithmic")
        save(figure, "performance-engine.svg")
    if graphql := [r for r in found.get("graphql", ()) if r["what"] == "coverage"]:
        figure, axis = plt.subplots(figsize=(7.2, 3.2))
        bars(axis, [(r["name"], r["rate"]) for r in graphql], "Coverage of 600 requirements, with chains",
             "answers a second, logarithmic")  # fmt: skip
        save(figure, "performance-graphql.svg")
