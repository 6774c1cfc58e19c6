"""Send the release to a SPARQL store: the Graph Store HTTP Protocol for the data, one update that puts it in place.

Each mapping set and each table of incidents goes into the graph of its own name, the rest into
``…/void#default-graph``, and ``…/void#published`` says which release is there and how large each graph is.

First every graph is sent under a name of its own release and counted there; nobody reads it yet.  Then one SPARQL
update moves all of them over those of the former release, removes what this release no longer has, and says which
release it is.  A store that runs an update as one transaction shows its readers the former release or the new one and
never both (``docs/linked-data.md`` says which do).  A run that breaks off before that leaves the former release as it
was.
"""

from __future__ import annotations

import email.utils
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from kg.errors import KgError, UsageError
from kg.terms import BASE, PREFIXES

if TYPE_CHECKING:
    from kg.release import Release

__all__ = [
    "MANIFEST", "Credentials", "Endpoint", "Graph", "Live", "PublishError", "Report", "endpoint_of", "graphs_of",
    "live", "publish", "superseded",
]  # fmt: skip

#: The graph that says what is published.
MANIFEST = BASE + "void#published"
_DATASET, _REST = BASE + "void#dataset", BASE + "void#default-graph"
_STAGING = BASE + "staging/"
_VOID, _DCTERMS = "http://rdfs.org/ns/void#", PREFIXES["dcterms"]
#: What may pass by itself.
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
_LONGEST_WAIT = 120.0
_T = TypeVar("_T")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class PublishError(KgError):
    """The store refused, or is not reached, or has not what was sent to it."""

    code = "PUBLISH"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who publishes: a user with a password (basic or digest, as the store asks), or a bearer token."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """``KG_PUBLISH_USER`` with ``KG_PUBLISH_PASSWORD``, or ``KG_PUBLISH_TOKEN``; raises for both."""
        found = cls(
            environment.get("KG_PUBLISH_USER", ""), environment.get("KG_PUBLISH_PASSWORD", ""),
            environment.get("KG_PUBLISH_TOKEN", ""),
        )  # fmt: skip
        if found.user and found.token:
            raise UsageError("both KG_PUBLISH_USER and KG_PUBLISH_TOKEN are set", "set one of them")
        return found

    def __bool__(self) -> bool:
        return bool(self.user or self.token)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The three addresses of a store; ``update`` is empty where it takes none: graphs are then replaced one by one."""

    store: str
    query: str
    update: str


#: How the path of the graph store ends → the paths beside it for queries and updates.
_KINDS: tuple[tuple[str, str, str, str], ...] = (
    ("Oxigraph", "/store", "/query", "/update"),
    ("Virtuoso", "/sparql-graph-crud-auth", "/sparql", "/sparql-auth"),
    ("Virtuoso", "/sparql-graph-crud", "/sparql", "/sparql"),
    ("Fuseki", "/data", "/query", "/update"),
    ("RDF4J, GraphDB", "/rdf-graphs/service", "", "/statements"),
)


def endpoint_of(store: str, query: str = "", update: str = "", *, in_place: bool = False) -> Endpoint:
    """The addresses of a store by that of its Graph Store protocol: those of common stores are known.

    Raises :class:`~kg.errors.UsageError` for what is no address, holds a password, or is not known.

    >>> endpoint_of("http://localhost:7878/store").update
    'http://localhost:7878/update'
    """
    for each in filter(None, (store, query, update)):
        parts = urlsplit(each)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{each} is no address of a store", "like http://localhost:7878/store")
        if parts.username or parts.password:
            hint = "set KG_PUBLISH_USER and KG_PUBLISH_PASSWORD, or KG_PUBLISH_TOKEN"
            raise UsageError("an address holds a name or password", hint)
    parts = urlsplit(store)
    path = parts.path.rstrip("/")
    for _, ending, beside_query, beside_update in _KINDS:
        if path.endswith(ending):
            stem = path.removesuffix(ending)
            query = query or urlunsplit((parts.scheme, parts.netloc, stem + beside_query, "", ""))
            update = update or urlunsplit((parts.scheme, parts.netloc, stem + beside_update, "", ""))
            break
    if not query or not (update or in_place):
        known = ", ".join(f"…{ending} ({kind})" for kind, ending, _, _ in _KINDS)
        raise UsageError(
            f"where {store} takes queries and updates is not known",
            f"name them with --query and --update (or --in-place), or give one of {known}",
        )
    return Endpoint(store, query, "" if in_place else update)


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph to publish: its name, how many triples, and they as N-Triples."""

    name: str
    triples: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Live:
    """What a store says is published: the release (empty where none is) and the size of each of its graphs."""

    release: str
    graphs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What was done: ``before`` is the release that was there, ``removed`` the graphs that are gone, ``changed``
    whether anything was sent."""

    release: str
    before: str
    graphs: Mapping[str, int]
    removed: tuple[str, ...]
    changed: bool


def graphs_of(release: Release) -> tuple[Graph, ...]:
    """The graphs of a release, by name."""
    import pyoxigraph as ox

    found: dict[str, list[ox.Triple]] = {}
    for quad in release.dataset:
        name = quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else _REST
        found.setdefault(name, []).append(quad.triple)
    graphs = []
    for name, triples in sorted(found.items()):
        lines = (ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"").splitlines(keepends=True)
        graphs.append(Graph(name, len(triples), b"".join(sorted(lines))))
    return tuple(graphs)


# ---------------------------------------------------------------- HTTP


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A password is never carried to another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Client:
    """Sends requests, again where that may help: every request here may be repeated without harm but the update, which
    says so."""

    def __init__(
        self, endpoint: Endpoint, credentials: Credentials, retries: int, timeout: float, sleep: Callable[[float], None]
    ) -> None:
        self.endpoint = endpoint
        self._retries, self._timeout, self._sleep = retries, timeout, sleep
        urls = [u for u in (endpoint.store, endpoint.query, endpoint.update) if u]
        for url in urls:
            parts = urlsplit(url)
            if credentials and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
                raise UsageError(f"a password would go to {parts.hostname} in the open", "use https")
        self._headers = {"Authorization": f"Bearer {credentials.token}"} if credentials.token else {}
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if credentials.user:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            for url in urls:
                passwords.add_password(None, url, credentials.user, credentials.password)
            handlers += [
                urllib.request.HTTPDigestAuthHandler(passwords),
                urllib.request.HTTPBasicAuthHandler(passwords),
            ]
        self._opener = urllib.request.build_opener(*handlers)

    def once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        """One request; raises :class:`PublishError` for a refusal and :class:`_Passing` for what may pass."""
        request = urllib.request.Request(url, body, {**self._headers, **headers}, method=method)
        place = f"{method} {url.partition('?')[0]}"
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                found: bytes = answer.read()
                return found
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(error.read(2000).decode(errors="replace").split())[:200]
            if error.code in _PASSING:
                raise _Passing(f"{place}: {error.code} {said}", _wait_of(error.headers.get("Retry-After"))) from None
            if 300 <= error.code < 400:
                hint = f"give that address itself: {error.headers.get('Location', '')}"
                raise PublishError(f"{place} leads elsewhere", hint) from None
            if error.code in (401, 403):
                hint = "set KG_PUBLISH_USER and KG_PUBLISH_PASSWORD, or KG_PUBLISH_TOKEN"
                raise PublishError(f"{place}: the store does not let us ({error.code})", hint) from None
            raise PublishError(f"{place}: {error.code} {said}", "is it the address of a SPARQL store?") from None
        except ValueError as error:  # a challenge that urllib does not know
            raise PublishError(f"{place}: {error}", "the store asks for another kind of login") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise _Passing(f"{place}: {reason}", None) from None

    def send(self, method: str, url: str, body: bytes | None = None, **headers: str) -> bytes:
        """A request that may be repeated."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.again(lambda: self.once(method, url, body, named))

    def again(self, action: Callable[[], _T]) -> _T:
        """Do it until it works: at most ``retries`` times more, after 1, 2, 4 … seconds or when the store says."""
        for attempt in range(self._retries + 1):
            try:
                return action()
            except _Passing as error:
                if attempt == self._retries:
                    times = f"after {attempt + 1} attempts" if attempt else "at the first attempt"
                    raise PublishError(f"{error} ({times})", "is the store running, and is this its address?") from None
                wait = min(2.0**attempt, 30.0) if error.wait is None else error.wait
                self._sleep(min(wait, _LONGEST_WAIT))
        raise AssertionError

    def graph_url(self, name: str) -> str:
        """Where the Graph Store protocol has a graph (indirect identification)."""
        joint = "&" if urlsplit(self.endpoint.store).query else "?"
        return f"{self.endpoint.store}{joint}graph={quote(name, safe='')}"

    def rows(self, query: str) -> list[dict[str, str]]:
        """The rows of a SELECT, each value as text."""
        body = urlencode({"query": query}).encode()
        found = self.send(
            "POST", self.endpoint.query, body,
            Content_Type="application/x-www-form-urlencoded", Accept="application/sparql-results+json",
        )  # fmt: skip
        try:
            bindings = orjson.loads(found)["results"]["bindings"]
            return [{name: value["value"] for name, value in row.items()} for row in bindings]
        except (ValueError, KeyError, TypeError):
            hint = "is it the address of its SPARQL query service?"
            raise PublishError(f"{self.endpoint.query} does not answer with SPARQL results", hint) from None


class _Passing(Exception):
    """A failure that may pass by itself; ``wait`` is when the store wants to be asked again, in seconds."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


def _wait_of(header: str | None) -> float | None:
    """``Retry-After``: seconds, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        date = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


# ---------------------------------------------------------------- publishing


def _live(client: _Client) -> Live:
    named = client.rows(f"SELECT ?release {{ GRAPH <{MANIFEST}> {{ <{_DATASET}> <{_DCTERMS}identifier> ?release }} }}")
    sizes = client.rows(f"SELECT ?graph ?size {{ GRAPH <{MANIFEST}> {{ ?graph <{_VOID}triples> ?size }} }}")
    return Live(named[0]["release"] if named else "", {row["graph"]: int(row["size"]) for row in sizes})


def live(endpoint: Endpoint, credentials: Credentials, *, retries: int = 5, timeout: float = 60.0) -> Live:
    """What is published at a store."""
    return _live(_Client(endpoint, credentials, retries, timeout, time.sleep))


def superseded(there: Live, graphs: Iterable[Graph]) -> tuple[str, ...]:
    """The graphs of the release that is there which the next one has no more."""
    kept = {g.name for g in graphs}
    return tuple(sorted(name for name in there.graphs if name not in kept and name.startswith(BASE)))


def _size(client: _Client, graph: str) -> int:
    return int(client.rows(f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")[0]["n"])


def _manifest(release: str, graphs: tuple[Graph, ...]) -> str:
    lines = [f'<{_DATASET}> <{_DCTERMS}identifier> "{release}" .']
    lines += [f"<{_DATASET}> <{_VOID}subset> <{g.name}> .\n<{g.name}> <{_VOID}triples> {g.triples} ." for g in graphs]
    return "\n".join(lines) + "\n"


def _update(release: str, graphs: tuple[Graph, ...], staged: Mapping[str, str], removed: tuple[str, ...]) -> str:
    """The one update that puts the new release in place of the former."""
    steps = [f"MOVE SILENT GRAPH <{staged[g.name]}> TO GRAPH <{g.name}>" for g in graphs]
    steps += [f"DROP SILENT GRAPH <{name}>" for name in (*removed, MANIFEST)]
    steps.append(f"INSERT DATA {{ GRAPH <{MANIFEST}> {{\n{_manifest(release, graphs)}}} }}")
    return " ;\n".join(steps)


def _wrong(client: _Client, expected: Mapping[str, int]) -> list[str]:
    """What does not have the size it should have."""
    found = {name: _size(client, name) for name in expected}
    return [f"{name}: {found[name]:,} of {size:,} triples" for name, size in expected.items() if found[name] != size]


def _left_over(client: _Client) -> list[str]:
    """Graphs that an earlier run sent and never put in place."""
    rows = client.rows(f'SELECT DISTINCT ?g {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{_STAGING}")) }}')
    return sorted(row["g"] for row in rows)


def publish(
    release: Release,
    endpoint: Endpoint,
    credentials: Credentials | None = None,
    *,
    retries: int = 5,
    timeout: float = 300.0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Put ``release`` in place of whatever release the store has, and count what is there afterwards.

    ``progress`` is told what is being done, how many graphs are, and of how many.  Only graphs that this project named
    are touched.  One at a time: two that publish to one store at once may undo each other's work.  Raises
    :class:`PublishError`; until the update has run the former release stays as it was.
    """
    client = _Client(endpoint, credentials or Credentials(), retries, timeout, sleep)
    graphs = graphs_of(release)
    sizes = {g.name: g.triples for g in graphs}
    before = _live(client)
    removed = superseded(before, graphs)
    if before.release == release.digest and before.graphs == sizes and not _wrong(client, sizes):
        return Report(release.digest, before.release, sizes, (), changed=False)
    if endpoint.update:
        client.again(lambda: _swap(client, release.digest, graphs, removed, progress))
    else:
        _replace(client, release.digest, graphs, removed, progress)
    progress("counting", len(graphs), len(graphs))
    wrong = _wrong(client, sizes)
    after = _live(client)
    if wrong or after.release != release.digest:
        said = "; ".join(wrong) or f"the store says that it has {after.release or 'no release'}"
        raise PublishError(f"the store has not what was sent: {said}", "publish again; is somebody else publishing?")
    return Report(release.digest, before.release, sizes, removed, changed=True)


def _put(client: _Client, name: str, content: bytes) -> None:
    # N-Triples are Turtle, and Turtle is what every store reads
    client.send("PUT", client.graph_url(name), content, Content_Type="text/turtle; charset=utf-8")


def _swap(
    client: _Client, digest: str, graphs: tuple[Graph, ...], removed: tuple[str, ...],
    progress: Callable[[str, int, int], None],
) -> None:  # fmt: skip
    """Send everything under other names, count it, move it.

    Where the answer to the update is lost it is not known whether it ran; to send it again would move graphs that are
    no longer there over those that are.  So the store is asked first, and if it did not run everything is sent anew.
    """
    staged = {g.name: f"{_STAGING}{digest}/{number}" for number, g in enumerate(graphs)}
    old = [name for name in _left_over(client) if name not in staged.values()]
    for number, graph in enumerate(graphs):
        progress("sending", number, len(graphs))
        _put(client, staged[graph.name], graph.content)
    progress("counting", len(graphs), len(graphs))
    wrong = _wrong(client, {staged[g.name]: g.triples for g in graphs})
    if wrong:
        raise PublishError(
            "the store has not what was sent: " + "; ".join(wrong), "nothing was replaced; publish again"
        )
    progress("replacing", len(graphs), len(graphs))
    text = _update(digest, graphs, staged, (*removed, *old)).encode()
    try:
        client.once("POST", client.endpoint.update, text, {"Content-Type": "application/sparql-update; charset=utf-8"})
    except _Passing:
        if _live(client).release != digest or _wrong(client, {g.name: g.triples for g in graphs}):
            raise


def _replace(
    client: _Client, digest: str, graphs: tuple[Graph, ...], removed: tuple[str, ...],
    progress: Callable[[str, int, int], None],
) -> None:  # fmt: skip
    """For a store without updates: each graph in place of its former self, what it is last."""
    for number, graph in enumerate(graphs):
        progress("replacing", number, len(graphs))
        _put(client, graph.name, graph.content)
    for name in removed:
        client.send("DELETE", client.graph_url(name))
    _put(client, MANIFEST, _manifest(digest, graphs).encode())
