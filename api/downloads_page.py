"""What can be fetched, for people: one page of everything, and a page of each list.  Plain HTML, as all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Protocol
from urllib.parse import quote

from api.pages import page, table
from api.serving import Form
from kg.exports.formats import formats_of_set
from kg.release import Release

__all__ = ["downloads_page", "list_page"]


class _Address(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def forms(self) -> tuple[Form, ...]: ...
    @property
    def tag(self) -> str: ...


def _links(path: str, forms: Sequence[Form]) -> str:
    """A link for every format of an address."""
    found = (
        f'<a href="{escape(path)}.{f.extension}" title="{escape(f.title)}">{f.extension}</a>'
        for f in forms
        if f.name != "page"
    )
    return f'<span class="formats">{" ".join(found)}</span>'


def _frameworks(release: Release, forms: Sequence[Form]) -> str:
    titles = {id_: each.title for id_, each in release.frameworks.items()}
    titles |= {id_: each.title for id_, each in release.catalogues.items()}
    rows = [
        (f"{escape(title)}<br><code>{escape(id_)}</code>", _links(f"/frameworks/{quote(id_)}", forms))
        for id_, title in titles.items()
    ]
    return table("Provisions or controls", ("Of which", "As"), rows)


def _licence(licence: str) -> str:
    """A licence, leading to its text where it is an address."""
    if not licence.startswith("https://"):
        return escape(licence)
    shown = licence.removeprefix("https://").removeprefix("creativecommons.org/licenses/").strip("/")
    return f'<a href="{escape(licence)}" rel="noreferrer">{escape(shown)}</a>'


def _sets(release: Release, forms: Sequence[Form]) -> str:
    rows = [
        (
            f"{escape(s.title)}<br><code>{escape(s.id)}</code>",
            _links(f"/mappings/{quote(s.id)}", [f for f in forms if f in formats_of_set(release, s.id)]),
            _licence(s.licence),
        )
        for s in release.sets.values()
    ]
    return table("Rows, each with its source and review state", ("Of which", "As", "Licence"), rows)


def _crosswalks(release: Release, forms: Sequence[Form]) -> str:
    sides = [*release.frameworks, *release.catalogues]
    joined: dict[tuple[str, str], int] = {}
    for m in release.mappings:
        ends = (m.subject.partition(":")[0], m.object.partition(":")[0])
        if ends[0] != ends[1]:
            joined[ends] = joined.get(ends, 0) + 1
    counts = {(a, b): joined.get((a, b), 0) + joined.get((b, a), 0) for a in sides for b in sides if a != b}
    rows = [
        (
            f"<code>{escape(a)}</code> → <code>{escape(b)}</code>",
            n,
            _links(f"/crosswalks/{quote(a)}/{quote(b)}", forms),
        )
        for (a, b), n in counts.items()
        if n and b in release.frameworks
    ]
    said = (
        "<p>These pairs are joined by rows of mapping sets. Any other pair of frameworks can be asked for in the same "
        "way: what follows from chains of rows is in the file, apart from what is said.</p>\n"
    )
    return said + table("Joined by rows", ("From → to", "Direct rows", "As"), rows)


_SECTIONS: dict[str, tuple[str, Callable[[Release, Sequence[Form]], str]]] = {
    "/frameworks": ("/frameworks/{framework}", _frameworks),
    "/mappings": ("/mappings/{set}", _sets),
    "/crosswalks": ("/crosswalks/{source}/{target}", _crosswalks),
}


def _forms(addresses: Iterable[_Address], path: str) -> tuple[Form, ...]:
    return next(address.forms for address in addresses if address.path == path)


def _section(path: str, release: Release, addresses: Sequence[_Address]) -> str:
    each, made = _SECTIONS[path]
    return made(release, _forms(addresses, each))


def list_page(path: str, release: Release, addresses: Sequence[_Address]) -> str:
    """The page of one list."""
    address = next(a for a in addresses if a.path == path)
    body = f"""<h1>{escape(address.title)}</h1>
<p class="lead">{escape(address.description)} As data: {_links(path, address.forms)}</p>
{_section(path, release, addresses)}
<p><a href="/downloads">All downloads</a></p>"""
    return page(address.title, body)


def downloads_page(release: Release, addresses: Sequence[_Address]) -> str:
    """Everything that can be fetched."""
    sections = "\n".join(
        f'<h2 id="{path[1:]}">{escape(a.title)}</h2>\n{_section(path, release, addresses)}'
        for path in _SECTIONS
        for a in addresses
        if a.path == path
    )
    private = "".join(
        f"<dt><code>{escape(a.path)}</code></dt><dd>{escape(a.description)} "
        f'<span class="formats">{escape(", ".join("." + f.extension for f in a.forms))}</span></dd>\n'
        for a in addresses
        if a.tag == "organisations"
    )
    kept = f"""<h2 id="organisations">Organisations</h2>
<p>On a server that keeps organisations, for who has a role in one: send <code>Authorization: Bearer …</code>.</p>
<dl>
{private}</dl>
"""
    body = f"""<h1>Downloads</h1>
<p class="lead">Every file names the release it comes from, and where each of its rows comes from. Without an ending an
address gives what your program accepts. <a href="/openapi">All addresses with their parameters</a>.</p>
<h2 id="graph">The whole graph</h2>
<p>{_links("/graph", _forms(addresses, "/graph"))}</p>
{sections}
{kept if private else ""}<p>Release <code>{release.digest}</code>. With <code>?release={release.digest}</code> an
address answers from this release or not at all.</p>"""
    return page("Downloads", body)
