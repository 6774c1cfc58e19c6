"""The query page: GraphiQL from this server's own files, or a plain form where they have not been fetched.

``api/graphiql/build.sh`` (``make graphiql``) fetches the files by lock file.  Neither page loads anything from another
host, and the policy below would not let it.
"""

from __future__ import annotations

from pathlib import Path

from api.examples import examples_json
from api.pages import page

__all__ = ["POLICY", "VENDOR_FILES", "render"]

STATIC = Path(__file__).parent / "static"
#: What the build puts into ``api/static/vendor``.
VENDOR_FILES = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "graphiql.min.css")
#: GraphiQL's editor sets styles on elements and its style sheet holds its fonts; nothing else is let off.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_GRAPHIQL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Query – AI governance graph</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vendor/graphiql.min.css">
<link rel="stylesheet" href="/static/graphiql.css">
</head>
<body>
<div id="graphiql"><p>This page needs JavaScript; <a href="/">the start page</a> does not.</p></div>
<script type="application/json" id="examples">{examples}</script>
<script src="/static/vendor/react.production.min.js"></script>
<script src="/static/vendor/react-dom.production.min.js"></script>
<script src="/static/vendor/graphiql.min.js"></script>
<script src="/static/graphiql.js"></script>
</body>
</html>
"""

_FORM = """
<h1>Query</h1>
<p class="lead">GraphQL over everything in the release. <a href="/schema.graphql">The schema</a> says what can be asked,
<a href="/errors">the list of codes</a> what a refusal means.</p>
<noscript><p>This page needs JavaScript. Any program can ask: POST <code>{"query": "{ release }"}</code> as
<code>application/json</code> to this address.</p></noscript>
<form id="form">
<p><label for="example">Example</label> <select id="example"></select></p>
<p><label for="query">Query</label><textarea id="query" rows="16" spellcheck="false" autocomplete="off"></textarea></p>
<p><label for="variables">Variables (JSON)</label><textarea id="variables" rows="4" spellcheck="false"
 autocomplete="off"></textarea></p>
<p><label for="key">API key, if you ask about an organisation on a server that asks for one; it is kept nowhere</label>
<input id="key" type="password" autocomplete="off"></p>
<p><button type="submit">Run</button> <span id="status" role="status"></span></p>
</form>
<h2 id="answer">Answer</h2>
<pre id="result" tabindex="0" aria-labelledby="answer"></pre>
<script type="application/json" id="examples">{examples}</script>
<script src="/static/query.js"></script>
"""


def has_vendor_files() -> bool:
    """Whether GraphiQL has been fetched."""
    return all((STATIC / "vendor" / name).is_file() for name in VENDOR_FILES)


def render() -> str:
    """The query page."""
    if has_vendor_files():
        return _GRAPHIQL.replace("{examples}", examples_json())
    return page("Query", _FORM.replace("{examples}", examples_json()))
