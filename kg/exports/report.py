"""The content report as a page: ``docs/content.md`` is what this writes, and a test holds it."""

from __future__ import annotations

from collections.abc import Iterable

from kg.answers import ContentReport
from kg.release import Release

__all__ = ["content_page"]


def _counted(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in pairs)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "0"


def content_page(report: ContentReport, release: Release) -> str:
    """The report in Markdown, byte-stable for one release and day."""
    lines = [
        "# What the graph can speak of, and what it cannot",
        "",
        f"Written by `kg report content --as-of {report.as_of}` for the texts in force on that day.",
        "",
        "## What the reference controls can cover",
        "",
        "*Contained*: some reference control or joint node does all the requirement asks, by a chain of mappings.",
        "*Reached*: contained or overlapped. Counted over requirements, each once. That a control on paper contains a",
        "requirement says nothing of how well it is done. The project's rows were drafted with AI assistance; the",
        "tables below say how many rows a named person has reviewed.",
        "",
        "| framework | requirements | contained | reached | controls that contain or overlap one requirement |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for f in report.frameworks:
        buckets = "; ".join(f"{bucket}: {count}" for bucket, count in f.by_count)
        contained, reached = _share(f.containable, f.requirements), _share(f.reachable, f.requirements)
        lines.append(f"| {f.framework} | {f.requirements} | {contained} | {reached} | {buckets} |")
    for f in report.frameworks:
        for heading, ids in (
            ("Overlapped, never contained", f.overlapped_only),
            ("Reached by no reference control", f.beyond),
        ):
            if ids:
                lines += ["", f"### {f.framework}: {heading.lower()}", ""]
                lines += [f"- `{i}` {release.provisions[i].ref}: {release.title(i)}" for i in ids]
    lines += [
        "",
        "## Direct rows between two frameworks or catalogues",
        "",
        "A row that says *no relationship* is counted as a row, but its ends do not count as mapped by it.",
        "",
        "| from | to | rows | by relation | by authority | reviewed | mapped of the first | mapped of the second |",
        "| --- | --- | ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for p in report.pairs:
        first, second = _share(p.source_mapped, p.source_total), _share(p.target_mapped, p.target_total)
        relations, authorities = _counted(p.by_relation), _counted(p.by_authority)
        lines.append(
            f"| {p.source} | {p.target} | {p.rows} | {relations} | {authorities} | {p.reviewed} | {first} | {second} |"
        )
    if report.left_out:
        lines += ["", "## Looked at and left out", "", "| control | framework | why |", "| --- | --- | --- |"]
        lines += [f"| `{n.subject}` {release.title(n.subject)} | {n.framework} | {n.reason} |" for n in report.left_out]
    return "\n".join(lines) + "\n"
