"""Pages for people: plain HTML that needs no script and no other host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from api.errors import CODES
from kg.release import Release

__all__ = ["ADDRESSES", "POLICY", "coded", "errors_page", "home", "page", "problem_page", "table"]

#: What every page may load: its own style sheet and icon.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: Address → what is there, in the order of the start page.
ADDRESSES: dict[str, str] = {
    "/graphql": "Query: the editor for people and the endpoint for programs",
    "/schema.graphql": "The GraphQL schema with a description of everything",
    "/overlaps": "How much each framework gives of each other, as JSON; .csv, .md and .xlsx too",
    "/downloads": "Frameworks, mapping sets, crosswalks and the whole graph as files",
    "/sparql": "Ask in SPARQL: a form for people, the endpoint for programs",
    "/id/catalogue": "Linked data: every id has an address, as in /id/gdpr/art-32.1; a catalogue of it all",
    "/errors": "What each error code means and what to do about it",
    "/openapi": "Every address with its parameters, formats and answers; /openapi.json for programs",
    "/healthz": "Whether the server is alive, and which release it answers from",
    "/readyz": "Whether it can answer: the database of organisations too",
    "/metrics": "Figures for Prometheus, for platform administrators",
}

_AUTHORITIES = {
    "owner": "the framework's owner",
    "hosted": "hosted by the framework's owner",
    "published": "another body",
    "project": "this project",
    "organization": "an organisation",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} – AI governance graph</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><nav aria-label="Main"><a class="home" href="/">AI governance graph</a>
<a href="/graphql">Query</a> <a href="/downloads">Downloads</a> <a href="/schema.graphql">Schema</a>
<a href="/errors">Error codes</a></nav></header>
<main id="main">
{body}
</main>
<footer><p>Information, not legal advice.</p></footer>
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """A whole page around ``body``, which is HTML."""
    return _PAGE.format(title=escape(title), body=body)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """A table; numbers are set right.  Cells are HTML."""
    rows = list(rows)
    numeric = [bool(rows) and isinstance(cell, int) for cell in (rows[0] if rows else head)]
    names = "".join(
        f'<th scope="col"{" class=number" if number else ""}>{name}</th>'
        for name, number in zip(head, numeric, strict=True)
    )
    lines = "".join(f"<tr>{''.join(_cell(cell, first=i == 0) for i, cell in enumerate(row))}</tr>\n" for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0"><table>'
        f"<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n"
    )


def _cell(cell: str | int, *, first: bool) -> str:
    if first:
        return f'<th scope="row">{cell}</th>'
    return f'<td class="number">{cell:,}</td>' if isinstance(cell, int) else f"<td>{cell}</td>"


def _frameworks(release: Release) -> str:
    rows = []
    for f in release.frameworks.values():
        text = f.text_versions[-1]
        provisions = [p for p in release.provisions.values() if p.framework == f.id]
        link = f'<a href="{escape(f.url)}" rel="noreferrer">{escape(f.title)}</a>' if f.url else escape(f.title)
        code = f"<br><code>{escape(f.id)}</code>"
        rows.append((link + code, len(release.requirements(f.id, text.date)), len(provisions), str(text.date)))
    return table("Frameworks", ("Framework", "Requirements", "Provisions", "Current text"), rows)


def _catalogues(release: Release) -> str:
    rows = []
    for c in release.catalogues.values():
        controls = sum(1 for each in release.controls.values() if each.catalogue == c.id)
        joints = sum(1 for each in release.joints.values() if each.catalogue == c.id)
        rows.append((f"{escape(c.title)}<br><code>{escape(c.id)}</code>", controls, joints, escape(c.version)))
    return table("Reference controls", ("Catalogue", "Controls", "Joint nodes", "Version"), rows)


def _sets(release: Release) -> str:
    rows = []
    for s in release.sets.values():
        mine = [m for m in release.mappings if m.set_id == s.id]
        reviewed = sum(1 for m in mine if m.reviewed)
        references = sum(1 for r in release.references if r.set_id == s.id)
        links = sum(1 for t in release.threat_links if t.set_id == s.id)
        besides = [f"{n:,} {what}" for n, what in ((references, "legal references"), (links, "threat links")) if n]
        name = f"{escape(s.title)}<br><code>{escape(s.id)}</code>" + "".join(
            f' <span class="dim">and {each}, which inform and never score</span>' for each in besides
        )
        rows.append((name, len(mine), reviewed, _AUTHORITIES[s.authority.value]))
    return table("Mapping sets", ("Set", "Rows", "Reviewed", "Who says so"), rows)


def home(release: Release) -> str:
    """The start page: what is here, in numbers, and where."""
    addresses = "".join(
        f'<dt><a href="{path}"><code>{path}</code></a></dt><dd>{escape(text)}</dd>\n'
        for path, text in ADDRESSES.items()
    )
    disclaimers = "".join(
        f"<li>{escape(d.text)}{f' <span class=dim>{escape(d.basis)}</span>' if d.basis else ''}</li>\n"
        for d in release.disclaimers.values()
    )
    body = f"""<h1>Which rules for AI do your controls already meet?</h1>
<p class="lead">A graph of standards and laws for AI, the mappings between them, and what happened to others. Send your
controls and ask: what is covered, what is missing, and which chain of mappings says so. What you send with a question
is answered and written nowhere.</p>
<p><a class="button" href="/graphql">Ask with GraphQL</a> or <a href="/downloads">fetch files</a></p>
<h2>What is here</h2>
{_frameworks(release)}
{_catalogues(release)}
{_sets(release)}
<p>Besides: {len(release.threats):,} threats and {len(release.incidents):,} incidents of the
<a href="https://incidentdatabase.ai/" rel="noreferrer">AI Incident Database</a> (CC BY-SA 4.0).</p>
<h2>Addresses</h2>
<dl>
{addresses}</dl>
<h2>Read this before you quote a number</h2>
<ul>
{disclaimers}</ul>
<p>Release <code>{release.digest}</code>. Every answer names the release it comes from; the same release gives the same
answer.</p>"""
    return page("Start", body)


def errors_page() -> str:
    """Every error code."""
    entries = "".join(
        f'<dt id="{code}"><code>{code}</code></dt><dd>{coded(what)}<br>{coded(todo)}</dd>\n'
        for code, (_, what, todo) in CODES.items()
    )
    body = f"""<h1>Error codes</h1>
<p class="lead">A refused request says <code>code</code>, <code>hint</code>, <code>docs</code> (a link to this page) and
<code>requestId</code>: in GraphQL under <code>errors[].extensions</code>, elsewhere as a problem document.</p>
<dl>
{entries}</dl>"""
    return page("Error codes", body)


def coded(text: str) -> str:
    """Text with `code` in back quotes as HTML."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def problem_page(title: str, detail: str, hint: str, request_id: str) -> str:
    """A refusal for people."""
    body = f"""<h1>{escape(title)}</h1>
<p class="lead">{escape(detail)}</p>
<p>{coded(hint)}</p>
<p><a href="/">To the start page</a></p>
<p class="dim">Request {escape(request_id)}</p>"""
    return page(title, body)
