"""The form for SPARQL and, below it, what came of a query: plain HTML that needs no script."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import pyoxigraph as ox

from api.linked_page import term, wide_table
from api.pages import page
from kg.errors import KgError
from kg.release import Release
from kg.sparql import Limits, Result
from kg.terms import set_iri

__all__ = ["EXAMPLES", "render"]

EXAMPLES = {
    "What covers Article 15(5) of the AI Act": """SELECT ?control ?title ?relation WHERE {
  ?row a kg:Mapping ;
    sssom:subject_id ?control ;
    sssom:object_id eu-ai-act:art-15.5 ;
    kg:relation ?relation .
  ?control a kg:ReferenceControl ; dcterms:title ?title .
}
ORDER BY ?relation ?control""",
    "How many rows each mapping set has": """SELECT ?set (COUNT(?row) AS ?rows) WHERE {
  GRAPH ?set { ?row a kg:Mapping }
}
GROUP BY ?set
ORDER BY DESC(?rows)""",
    "Which threats the controls on data mitigate": """SELECT ?control ?threat ?title WHERE {
  ?control kg:domain "DAT" ; kg:mitigates ?threat .
  ?threat dcterms:title ?title
}
ORDER BY ?threat ?control""",
}
_CHOICES = (
    ("", "a page"), ("json", "JSON"), ("xml", "XML"), ("csv", "CSV"), ("tsv", "TSV"), ("ttl", "Turtle (CONSTRUCT)"),
    ("jsonld", "JSON-LD (CONSTRUCT)"), ("nt", "N-Triples (CONSTRUCT)"), ("rdf", "RDF/XML (CONSTRUCT)"),
)  # fmt: skip


def render(release: Release, query: str, result: Result | KgError | None, limits: Limits) -> str:
    """The page: the form with ``query`` in it, then a result, what is wrong, or examples."""
    choices = "".join(f'<option value="{value}">{escape(name)}</option>' for value, name in _CHOICES)
    shown = query or next(iter(EXAMPLES.values()))
    graphs = "".join(
        f"<li><code>&lt;{escape(set_iri(s.id))}&gt;</code> {escape(s.title)}</li>\n" for s in release.sets.values()
    )
    body = f"""<h1>Ask in SPARQL</h1>
<p class="lead">The ontology, frameworks, controls, threats and incidents, and each mapping set as a named graph. It is
only read; the project's prefixes are known without being declared; the default graph is the union of all.</p>
<form action="/sparql" method="get">
<label for="query">Query</label>
<textarea id="query" name="query" rows="12" spellcheck="false">{escape(shown)}</textarea>
<p><label for="format">Answer as</label> <select id="format" name="format">{choices}</select>
<button type="submit">Ask</button></p>
</form>
{_outcome(release, query, result)}
<h2>Examples</h2>
<ul>
{"".join(_example(name, text) for name, text in EXAMPLES.items())}</ul>
<h2>Limits</h2>
<p>A query is stopped after {limits.seconds:g} seconds; a result ends after {limits.rows:,} rows or
{limits.size // 2**20} MB and then says so in <code>X-Truncated</code>.
<code>SERVICE</code>, <code>LOAD</code> and updates are refused.</p>
<h2>Graphs</h2>
<ul>
{graphs}</ul>
<p class="dim">Release <code>{release.digest}</code></p>"""
    return page("SPARQL", body)


def _example(name: str, text: str) -> str:
    return f'<li><a href="/sparql?{escape(urlencode({"query": text}))}">{escape(name)}</a></li>\n'


def _outcome(release: Release, query: str, result: Result | KgError | None) -> str:
    if result is None:
        return ""
    if isinstance(result, KgError):
        return (
            f'<h2>That did not work</h2>\n<p role="alert">{escape(result.message)}</p>\n<p>{escape(result.hint)}</p>\n'
        )
    with result.file:
        data = result.file.read()
    number = f"{result.rows:,}" + (" or more" if result.cut else "")
    if result.kind == "graph":
        files = _files(query, ("ttl", "nt", "rdf", "jsonld"))
        return f"<h2>{number} statements</h2>\n<p>All of it as {files}</p>\n<pre>{escape(data.decode())}</pre>\n"
    found = ox.parse_query_results(data, format=ox.QueryResultsFormat.JSON)
    if isinstance(found, ox.QueryBoolean):
        return f"<h2>{'Yes' if found else 'No'}</h2>\n"
    assert isinstance(found, ox.QuerySolutions)
    names = [v.value for v in found.variables]
    rows = [["" if value is None else term(release, value, titled=False) for value in row] for row in found]
    caption = f"{number} row{'' if number == '1' else 's'}" + (f", the first {len(rows):,} here" if result.cut else "")
    table = wide_table(caption, [escape(n) for n in names], rows) if names else ""
    return f"<h2>Result</h2>\n{table}<p>All of it as {_files(query, ('json', 'csv', 'tsv', 'xml'))}</p>\n"


def _files(query: str, endings: tuple[str, ...]) -> str:
    names = dict(_CHOICES)
    return " · ".join(
        f'<a href="/sparql?{escape(urlencode({"query": query, "format": each}))}">{names[each].partition(" (")[0]}</a>'
        for each in endings
    )
