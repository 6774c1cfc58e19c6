"""The page about one IRI, for people."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox

from api.pages import page
from kg.linked import FORMATS, Description, short
from kg.release import Release
from kg.terms import BASE, KG, PREFIXES, curie, iri, set_iri

__all__ = ["render", "term", "wide_table"]

_TITLES = tuple(ox.NamedNode(iri(n)) for n in ("dcterms:title", "rdfs:label", "skos:prefLabel"))
_TYPE = ox.NamedNode(iri("rdf:type"))
_TITLE_NAMES = frozenset(t.value for t in _TITLES)
_ROW = iri("kg:Mapping")
#: Statements a row's table says in columns of its own.
_REVIEW = {"true": "reviewed", "false": "not reviewed"}
#: How a relation reads.
_SENTENCE = {
    "equal": "equals", "subset_of": "is contained in", "superset_of": "contains", "intersects_with": "overlaps with",
    "no_relationship": "has nothing to do with", "related": "is related to", "at_least": "contains or equals",
    "at_most": "is contained in or equals",
}  # fmt: skip
_FORMAT_NAMES = {
    "ttl": "Turtle", "jsonld": "JSON-LD", "nt": "N-Triples", "rdf": "RDF/XML", "nq": "N-Quads", "trig": "TriG",
    "csv": "CSV",
}  # fmt: skip


def wide_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is wider than the page.  Cells are HTML."""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(f'<td class=text>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0"><table>'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n"
    )


def _address(value: str) -> str:
    """Where an IRI of ours is described on this server."""
    path, hash_, fragment = value.removeprefix(BASE).partition("#")
    return f"/id/{quote(path)}" + (f"#{quote(fragment)}" if hash_ else "")


def _label(release: Release, node: ox.NamedNode) -> str:
    for name in _TITLES:
        for quad in release.dataset.quads_for_pattern(node, name, None):
            return str(quad.object.value)  # type: ignore[union-attr]
    return ""


def term(release: Release, value: Any, *, titled: bool = True) -> str:
    """An RDF term as HTML: ours as a link with its title, others' as a link, text as text."""
    if isinstance(value, ox.Literal):
        return escape(value.value)
    if isinstance(value, ox.NamedNode):
        name = f"<code>{escape(short(value.value))}</code>"
        if value.value.startswith(BASE):
            label = _label(release, value) if titled else ""
            return f'<a href="{escape(_address(value.value))}">{name}</a>' + (f" {escape(label)}" if label else "")
        if value.value.startswith(("http://", "https://")) and short(value.value) == value.value:
            return f'<a href="{escape(value.value)}" rel="noreferrer">{escape(value.value)}</a>'
        return name
    return f"<code>{escape(str(value))}</code>"


def _words(release: Release, predicate: ox.NamedNode) -> str:
    """What a predicate is called: its label, or its name in words."""
    if predicate == _TYPE:
        return "is a"
    found = _label(release, predicate) if predicate.value.startswith(KG) else ""
    local = re.split(r"[/#]", predicate.value)[-1]
    name = found or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", local).replace("_", " ").lower()
    return f'<span title="{escape(short(predicate.value))}">{escape(name)}</span>'


def _facts(release: Release, triples: Iterable[ox.Triple], inner: dict[Any, list[ox.Triple]]) -> str:
    grouped: dict[ox.NamedNode, list[str]] = {}
    for t in triples:
        cell = _nested(release, t.object, inner) if isinstance(t.object, ox.BlankNode) else term(release, t.object)
        grouped.setdefault(t.predicate, []).append(cell)
    return "".join(
        f"<dt>{_words(release, predicate)}</dt>" + "".join(f"<dd>{value}</dd>" for value in values) + "\n"
        for predicate, values in grouped.items()
    )


def _nested(release: Release, node: Any, inner: dict[Any, list[ox.Triple]]) -> str:
    pieces = []
    for t in inner.get(node, []):
        said = _nested(release, t.object, inner) if isinstance(t.object, ox.BlankNode) else term(release, t.object)
        pieces.append(f"{_words(release, t.predicate)} {said}")
    return "[ " + "; ".join(pieces) + " ]"


def _row_line(release: Release, row: ox.NamedNode, said: dict[str, Any]) -> list[str]:
    set_name = row.value.removeprefix(set_iri("")).partition("/")[0]
    relation = said["relation"].value
    strength = f", strength {said['strength'].value}" if "strength" in said else ""
    rationale = escape(said["rationale"].value) if "rationale" in said else ""
    review = _REVIEW[said["reviewed"].value]
    authority = release.sets[set_name].authority.value if set_name in release.sets else ""
    return [
        term(release, said["subject_id"]),
        f"{_SENTENCE.get(relation, relation)}<br><code>{escape(relation).replace('_', '_<wbr>')}</code>",
        term(release, said["object_id"]),
        f'<a href="{escape(_address(row.value))}"><code>{escape(set_name)}</code></a><br>'
        f"{escape(authority)}, {escape(said['method'].value)}, {review}{strength}",
        rationale,
    ]


def render(release: Release, description: Description) -> str:
    """The page about one document of the linked data."""
    own = ox.NamedNode(description.iri)
    subjects: dict[Any, list[ox.Triple]] = {}
    for t in description.triples:
        subjects.setdefault(t.subject, []).append(t)
    inner = {s: found for s, found in subjects.items() if isinstance(s, ox.BlankNode)}
    rows = {s for s, found in subjects.items() if s != own and any(_is_row(t) for t in found)}
    mine = subjects.get(own, [])
    title = _first(mine, _TITLE_NAMES) or short(description.iri)
    notation = _first(mine, {PREFIXES["skos"] + "notation"})
    names = dict.fromkeys((curie(description.iri), description.iri))
    stem = description.iri.removeprefix(BASE)
    heading = f"{notation}: {title}" if notation and notation != title else title
    body = [
        f"<h1>{escape(heading)}</h1>\n",
        f'<p class="dim">{"<br>".join(f"<code>{escape(n)}</code>" for n in names)}</p>\n',
    ]
    if mine:
        said = [t for t in mine if t.predicate.value not in _TITLE_NAMES]
        body.append(f"<dl>\n{_facts(release, said, inner)}{_official(release, curie(description.iri))}</dl>\n")
    if rows:
        lines = []
        for row in sorted(rows, key=lambda r: r.value):
            ends = {re.split(r"[/#]", t.predicate.value)[-1]: t.object for t in subjects[row]}
            lines.append(_row_line(release, row, ends))
        caption = f"{len(lines):,} mapping{'s' if len(lines) > 1 else ''}, read from left to right"
        head = ("This", "relation", "that", "Says who", "Why")
        body.append("<h2>Mappings</h2>\n" + wide_table(caption, head, lines))
    others = [s for s in subjects if s != own and s not in rows and s not in inner]
    if others:
        body.append(_others(release, description, subjects, others, inner))
    links = " · ".join(f'<a href="/id/{quote(stem)}.{ending}">{_FORMAT_NAMES[ending]}</a>' for ending in FORMATS)
    body.append(f"<h2>The same as data</h2>\n<p>{links}</p>\n")
    body.append(f'<p class="dim">Release <code>{release.digest}</code></p>')
    return page(title, "".join(body))


def _official(release: Release, id_: str) -> str:
    """Where the text of a provision is published by its owner."""
    provision = release.provisions.get(id_)
    if provision is None:
        return ""
    url = provision.url or release.frameworks[provision.framework].url
    if not url.startswith(("http://", "https://")):
        return ""
    return f'<dt>official text</dt><dd><a href="{escape(url)}" rel="noreferrer">{escape(url)}</a></dd>\n'


def _first(triples: Iterable[ox.Triple], predicates: Container[str]) -> str:
    found = (t.object for t in triples if t.predicate.value in predicates)
    return next((each.value for each in found if isinstance(each, ox.Literal)), "")


def _is_row(t: ox.Triple) -> bool:
    return t.predicate == _TYPE and isinstance(t.object, ox.NamedNode) and t.object.value == _ROW


def _others(
    release: Release, description: Description, subjects: dict[Any, list[ox.Triple]], others: list[Any], inner: Any
) -> str:
    """What the document says of other things: its terms one by one, or who links here."""
    if any(s.value.startswith(description.iri + "#") for s in others):
        pieces = []
        for s in others:
            name = s.value.partition("#")[2] if s.value.startswith(description.iri + "#") else ""
            anchor = f' id="{escape(name)}"' if name else ""
            pieces.append(
                f"<h2{anchor}>{escape(_label(release, s) or short(s.value))}</h2>\n"
                f'<p class="dim"><code>{escape(short(s.value))}</code></p>\n'
                f"<dl>\n{_facts(release, subjects[s], inner)}</dl>\n"
            )
        return "".join(pieces)
    lines = [
        (term(release, t.subject), _words(release, t.predicate), term(release, t.object))
        for s in others
        for t in subjects[s]
    ]
    return "<h2>Said of it elsewhere</h2>\n" + wide_table(f"{len(lines):,} statements", ("This", "", "that"), lines)
