"""The page of all addresses: Swagger UI from this server's own files, or a plain list where they have not been fetched.

``api/swagger/build.sh`` (``make graphiql``) fetches the files by lock file.  Neither page loads anything from another
host, and the policy below would not let it.
"""

from __future__ import annotations

from html import escape
from typing import Any

from api.graphiql import STATIC
from api.pages import coded, page

__all__ = ["POLICY", "VENDOR_FILES", "has_vendor_files", "render"]

#: What the build puts into ``api/static/vendor``.
VENDOR_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
#: Swagger UI sets styles on elements and its style sheet holds its icons; nothing else is let off.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_SWAGGER = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>Addresses – AI governance graph</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vendor/swagger-ui.css">
<link rel="stylesheet" href="/static/openapi.css">
</head>
<body>
<header><nav aria-label="Main"><a class="home" href="/">AI governance graph</a> <a href="/graphql">Query</a>
<a href="/downloads">Downloads</a> <a href="/openapi.json">openapi.json</a></nav></header>
<main id="openapi"><p>This page needs JavaScript; <a href="/downloads">the page of downloads</a> does not.</p></main>
<script src="/static/vendor/swagger-ui-bundle.js"></script>
<script src="/static/openapi.js"></script>
</body>
</html>
"""


def has_vendor_files() -> bool:
    """Whether Swagger UI has been fetched."""
    return all((STATIC / "vendor" / name).is_file() for name in VENDOR_FILES)


def render(document: dict[str, Any]) -> str:
    """The page of ``document``."""
    return _SWAGGER if has_vendor_files() else _plain(document)


def _resolved(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    found: Any = item
    if "$ref" in item:
        found = document
        for key in item["$ref"].removeprefix("#/").split("/"):
            found = found[key]
    return dict(found)


def _plain(document: dict[str, Any]) -> str:
    """Every address as a section: what it gives, its parameters, its statuses."""
    sections = []
    for tag in document["tags"]:
        entries = [
            _operation(document, path, method, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if tag["name"] in operation["tags"]
        ]
        if entries:
            title = escape(tag["name"].capitalize())
            sections.append(f"<h2>{title}</h2>\n<p>{escape(tag['description'])}</p>\n{''.join(entries)}")
    body = f"""<h1>Addresses</h1>
<p class="lead">Every address with its parameters and answers; for programs as
<a href="/openapi.json"><code>openapi.json</code></a>.</p>
{"".join(sections)}"""
    return page("Addresses", body)


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    lines = []
    for given in operation.get("parameters", ()):
        parameter = _resolved(document, given)
        values = parameter.get("schema", {}).get("enum", ())
        shown = f" One of: {escape(', '.join(map(str, values)))}." if values else ""
        where = "" if parameter["in"] == "query" else f" ({escape(parameter['in'])})"
        said = coded(parameter.get("description", ""))
        lines.append(f"<dt><code>{escape(parameter['name'])}</code>{where}</dt><dd>{said}{shown}</dd>\n")
    for status, response in operation["responses"].items():
        said = coded(_resolved(document, response)["description"])
        lines.append(f"<dt>{escape(status)}</dt><dd>{said}</dd>\n")
    address = f"<code>{escape(method.upper())} {escape(path)}</code>"
    return (
        f"<details><summary>{address} {escape(operation['summary'])}</summary>\n"
        f"<p>{coded(operation.get('description', ''))}</p>\n<dl>{''.join(lines)}</dl></details>\n"
    )
