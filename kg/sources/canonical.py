"""The one form each kind of file is kept in, so that a change is a change of content.

Turtle: rdflib's ``longturtle`` (byte-stable, one triple a line, subjects sorted).  SSSOM: header keys in a fixed
order, all columns of :data:`kg.sources.sssom.COLUMNS`, rows sorted by subject, object and rationale kind.
"""

from __future__ import annotations

from typing import Any

import yaml

from kg.sources.sssom import COLUMNS
from kg.terms import PREFIXES, natural_key

__all__ = ["canonical_sssom", "canonical_turtle", "sssom_document", "sssom_text"]

_HEADER_ORDER = (
    "mapping_set_id", "mapping_set_title", "mapping_set_version", "mapping_set_description", "mapping_set_source",
    "publisher", "authority", "license", "curie_map", "extension_definitions",
)  # fmt: skip
_EXTENSIONS = ("rationale_kind", "strength", "method", "rationale")


def canonical_turtle(text: str) -> str:
    """The canonical form of a Turtle document that parses.  Comments do not survive: say it in a note."""
    import rdflib

    graph = rdflib.Graph(bind_namespaces="none")
    graph.parse(data=text, format="turtle")
    used = rdflib.Graph(bind_namespaces="none")
    for prefix, namespace in {**{p: str(n) for p, n in graph.namespaces()}, **PREFIXES}.items():
        used.bind(prefix, namespace, override=True, replace=True)
    used += graph
    return used.serialize(format="longturtle").strip() + "\n"


def sssom_text(header: dict[str, Any], rows: list[dict[str, str]]) -> str:
    """A SSSOM/TSV document in canonical form from its header and its rows (column → cell)."""
    prefixes = {
        str(cell).partition(":")[0]
        for row in rows
        for cell in (row["subject_id"], row["predicate_id"], row["object_id"], row["mapping_justification"])
    }
    header = dict(header)
    header["curie_map"] = {
        p: PREFIXES.get(p) or header.get("curie_map", {}).get(p) or f"https://w3id.org/aigov-kg/{p}/"
        for p in sorted(prefixes)
    }
    header["extension_definitions"] = [{"slot_name": name, "property": PREFIXES["kg"] + name} for name in _EXTENSIONS]
    ordered = {k: header[k] for k in _HEADER_ORDER if header.get(k)}
    ordered |= {k: header[k] for k in sorted(header) if k not in ordered and header[k]}
    block = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)
    lines = ["# " + line for line in block.rstrip("\n").split("\n")]
    lines.append("\t".join(COLUMNS))

    def key(row: dict[str, str]) -> tuple[Any, ...]:
        return (
            natural_key(row["subject_id"]),
            natural_key(row["object_id"]),
            row.get("rationale_kind", ""),
            row["predicate_id"],
        )

    lines += ["\t".join(row.get(column, "") for column in COLUMNS) for row in sorted(rows, key=key)]
    return "\n".join(lines) + "\n"


def sssom_document(text: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Header and rows (column → cell) of a SSSOM/TSV document that reads without findings."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    start = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    block = "\n".join(line[1:].removeprefix(" ") for line in lines[:start])
    columns = lines[start].split("\t")
    rows = [
        dict(zip(columns, (cell.strip() for cell in line.split("\t")), strict=True))
        for line in lines[start + 1 :]
        if line.strip()
    ]
    return yaml.safe_load(block) or {}, rows


def canonical_sssom(text: str) -> str:
    """The canonical form of a SSSOM/TSV document that reads without findings."""
    return sssom_text(*sssom_document(text))
