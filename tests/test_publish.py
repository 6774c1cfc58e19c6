"""``kg publish`` against real stores, and against a network that fails in between."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pyoxigraph as ox
import pytest
from typer.testing import CliRunner

from kg import Release
from kg.cli.app import app
from kg.errors import UsageError
from kg.publish import (
    MANIFEST,
    Credentials,
    Endpoint,
    PublishError,
    endpoint_of,
    graphs_of,
    live,
    publish,
)
from kg.terms import set_iri

OXIGRAPH = shutil.which("oxigraph", path=sysconfig.get_path("scripts")) or shutil.which("oxigraph")
VIRTUOSO = shutil.which("virtuoso-t")
OWNER = Credentials("dba", "dba")


@dataclass
class Made:
    """A release in small: what publishing reads of one."""

    digest: str
    dataset: ox.Store


def made(digest: str, *names: str, rows: int = 40) -> Any:
    """Graphs of ``rows`` triples each, all of which say which release they are of; the default graph too."""
    store = ox.Store()
    for graph in (ox.DefaultGraph(), *(ox.NamedNode(set_iri(n)) for n in names)):
        for number in range(rows - 1):
            text = ox.Literal(f"{number} «ü» \t\n\"'", language="en")
            store.add(ox.Quad(ox.NamedNode(f"urn:n:{number}"), ox.NamedNode("urn:text"), text, graph))
        store.add(ox.Quad(ox.NamedNode("urn:all"), ox.NamedNode("urn:release"), ox.Literal(digest), graph))
    return Made(digest, store)


@dataclass
class Place:
    """A running store."""

    kind: str
    url: str
    credentials: Credentials = field(default_factory=Credentials)

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self.url)

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """What a reader sees."""
        answer = httpx.post(
            self.endpoint.query,
            data={"query": query},
            headers={"Accept": "application/sparql-results+json"},
            timeout=60,
        )
        answer.raise_for_status()
        found = answer.json()
        return [tuple(row[n]["value"] for n in found["head"]["vars"]) for row in found["results"]["bindings"]]

    def releases(self) -> list[tuple[str, ...]]:
        return self.rows("SELECT ?g ?r { GRAPH ?g { <urn:all> <urn:release> ?r } } ORDER BY ?g")

    def graphs(self) -> set[str]:
        own = 'FILTER(STRSTARTS(STR(?g), "https://w3id.org/aigov-kg/"))'
        return {row[0] for row in self.rows(f"SELECT DISTINCT ?g {{ GRAPH ?g {{ ?s ?p ?o }} {own} }}")}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(command: list[str], url: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    for _ in range(600):
        try:
            httpx.get(url, timeout=5)
            return process
        except httpx.TransportError:
            assert process.poll() is None, (folder / "out").read_text()
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the store did not start")


@pytest.fixture(scope="module")
def oxigraph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    assert OXIGRAPH, "the PyPI project oxigraph belongs to the extra `test`"
    port, folder = free_port(), tmp_path_factory.mktemp("oxigraph")
    command = [OXIGRAPH, "serve", "--location", str(folder / "data"), "--bind", f"127.0.0.1:{port}"]
    process = started(command, f"http://127.0.0.1:{port}/", folder)
    yield Place("oxigraph", f"http://127.0.0.1:{port}/store")
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def virtuoso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if VIRTUOSO is None:
        pytest.skip("Virtuoso is not installed: apt-get install virtuoso-opensource-7-bin")
    port, folder = free_port(), tmp_path_factory.mktemp("virtuoso")
    files = {"DatabaseFile": "db", "ErrorLogFile": "log", "LockFile": "lck", "TransactionFile": "trx"}
    lines = ["[Database]", *(f"{name} = {folder}/v.{ending}" for name, ending in files.items())]
    lines += [f"xa_persistent_file = {folder}/v.pxa", "FileExtend = 200", "MaxCheckpointRemap = 2000"]
    lines += ["[TempDatabase]", f"DatabaseFile = {folder}/t.db", f"TransactionFile = {folder}/t.trx"]
    lines += ["[Parameters]", f"ServerPort = 127.0.0.1:{free_port()}", "NumberOfBuffers = 10000", "DirsAllowed = ."]
    lines += ["[HTTPServer]", f"ServerPort = 127.0.0.1:{port}", f"ServerRoot = {folder}", "ServerThreads = 8"]
    (folder / "virtuoso.ini").write_text("\n".join(lines) + "\n", encoding="ascii")
    command = [VIRTUOSO, "-f", "-c", str(folder / "virtuoso.ini")]
    process = started(command, f"http://127.0.0.1:{port}/sparql", folder)
    yield Place("virtuoso", f"http://127.0.0.1:{port}/sparql-graph-crud-auth", OWNER)
    process.kill()
    process.wait()


@pytest.fixture(params=["oxigraph", "virtuoso"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


# ---------------------------------------------------------------- real stores


def test_the_whole_release_arrives(release: Release, oxigraph: Place) -> None:
    report = publish(release, oxigraph.endpoint)
    assert report.changed
    assert sum(report.graphs.values()) == len(release.dataset)
    dump = httpx.get(oxigraph.url, headers={"Accept": "application/n-quads"}, timeout=60)
    there = {q for q in ox.parse(dump.content, format=ox.RdfFormat.N_QUADS) if q.graph_name != ox.NamedNode(MANIFEST)}
    assert len(there) == len(release.dataset)
    rest = ox.NamedNode("https://w3id.org/aigov-kg/void#default-graph")
    bare = {
        ox.Quad(q.subject, q.predicate, q.object, rest if isinstance(q.graph_name, ox.DefaultGraph) else q.graph_name)
        for q in release.dataset
        if not isinstance(q.subject, ox.BlankNode) and not isinstance(q.object, ox.BlankNode)
    }
    assert bare <= there
    assert {g.value for g in release.dataset.named_graphs()} <= oxigraph.graphs()  # type: ignore[union-attr]
    again = publish(release, oxigraph.endpoint)
    assert not again.changed


def test_a_release_replaces_the_former_and_removes_what_it_no_longer_has(place: Place) -> None:
    publish(made("one", "a", "b", "c"), place.endpoint, place.credentials)
    assert {r for _, r in place.releases()} == {"one"}
    report = publish(made("two", "b", "c", "d", rows=25), place.endpoint, place.credentials)
    assert (report.before, report.release, report.removed) == ("one", "two", (set_iri("a"),))
    rest = "https://w3id.org/aigov-kg/void#default-graph"
    assert place.graphs() == {MANIFEST, rest, *(set_iri(n) for n in "bcd")}
    assert place.releases() == [(g, "two") for g in sorted({rest, *(set_iri(n) for n in "bcd")})]
    found = live(place.endpoint, place.credentials)
    assert (found.release, set(found.graphs.values())) == ("two", {25})
    assert not publish(made("two", "b", "c", "d", rows=25), place.endpoint, place.credentials).changed


def test_what_somebody_lost_in_the_store_is_sent_again(place: Place) -> None:
    publish(made("one", "a", "b"), place.endpoint, place.credentials)
    auth = httpx.DigestAuth("dba", "dba") if place.credentials else None
    httpx.delete(place.url, params={"graph": set_iri("b")}, auth=auth).raise_for_status()
    assert set_iri("b") not in place.graphs()
    assert publish(made("one", "a", "b"), place.endpoint, place.credentials).changed
    assert set_iri("b") in place.graphs()


def test_graphs_of_others_are_left_alone(place: Place) -> None:
    auth = httpx.DigestAuth("dba", "dba") if place.credentials else None
    turtle = {"Content-Type": "text/turtle"}
    theirs = {"graph": "https://example.org/theirs"}
    httpx.put(place.url, params=theirs, content="<urn:a> <urn:b> 1 .", headers=turtle, auth=auth).raise_for_status()
    for digest in ("one", "two"):
        publish(made(digest, digest), place.endpoint, place.credentials)
    assert place.rows("SELECT ?o { GRAPH <https://example.org/theirs> { ?s ?p ?o } }") == [("1",)]


def test_readers_never_see_two_releases(place: Place) -> None:
    """One query over all graphs, asked without a pause while releases come and go: Oxigraph promises it, Virtuoso was
    never seen to fail."""
    names = [f"set-{n}" for n in range(6)]
    publish(made("r0", *names), place.endpoint, place.credentials)
    seen: list[set[tuple[int, str]]] = []
    ended = threading.Event()

    def read() -> None:
        with httpx.Client() as client:
            while not ended.is_set():
                answer = client.post(
                    place.endpoint.query, headers={"Accept": "text/csv"},
                    data={"query": "SELECT ?r (COUNT(?g) AS ?n) { GRAPH ?g { <urn:all> <urn:release> ?r } "
                          'FILTER(!STRSTARTS(STR(?g), "https://w3id.org/aigov-kg/staging/")) } GROUP BY ?r'},
                )  # fmt: skip
                lines = answer.text.split()[1:]
                seen.append({(int(n), r) for r, n in (line.split(",") for line in lines)})

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 7):
        publish(made(f"r{number}", *names), place.endpoint, place.credentials)
    ended.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 20
    assert {len(each) for each in seen} == {1}, "two releases at once"
    assert {n for each in seen for n, _ in each} == {len(names) + 1}, "a release in part"
    assert len({r for each in seen for _, r in each}) > 1


def test_a_store_without_updates_is_replaced_graph_by_graph(oxigraph: Place) -> None:
    endpoint = endpoint_of(oxigraph.url, in_place=True)
    assert endpoint.update == ""
    publish(made("one", "a", "b"), endpoint)
    report = publish(made("two", "b"), endpoint)
    assert report.removed == (set_iri("a"),)
    assert {r for _, r in oxigraph.releases()} == {"two"}
    assert set_iri("a") not in oxigraph.graphs()


# ---------------------------------------------------------------- a network that fails

#: What the proxy does with a request instead of passing it on; None passes it on.
Fault = Callable[[str, str], str | None]


class Proxy:
    """Stands before a store and fails as it is told; notes every request."""

    def __init__(self, place: Place, fault: Fault) -> None:
        backend = httpx.URL(place.url)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                return

            def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers)))
                found = fault(self.command, self.path)
                if found == "drop":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if found and found[0].isdigit():
                    status, _, more = found.partition(" ")
                    headers = dict(h.split("=", 1) for h in more.split(";") if h)
                    self.answer(int(status), b"no", **headers)
                    return
                connection = http.client.HTTPConnection(backend.host, backend.port)
                kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")}
                connection.request(self.command, self.path, body, kept)
                answer = connection.getresponse()
                data = answer.read()
                if found == "lose":  # it was done, and nobody hears of it
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.answer(answer.status, data, Content_Type=answer.getheader("Content-Type", "text/plain"))

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.endpoint = endpoint_of(f"http://127.0.0.1:{self._server.server_address[1]}/store")

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def once(*faults: tuple[str, str, str]) -> Fault:
    """Each fault (method, end of the path, what) happens to the first request that it fits."""
    left = list(faults)

    def fault(method: str, path: str) -> str | None:
        for each in left:
            if each[0] == method and path.partition("?")[0].endswith(each[1]):
                left.remove(each)
                return each[2]
        return None

    return fault


def test_what_passes_is_tried_again_when_the_store_says(oxigraph: Place) -> None:
    publish(made("old", "a"), oxigraph.endpoint)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    faults = once(
        ("PUT", "/store", "503 Retry-After=7"), ("PUT", "/store", f"429 Retry-After={later}"),
        ("PUT", "/store", "drop"),
        ("POST", "/query", "502 "), ("POST", "/query", "drop"), ("PUT", "/store", "503 Retry-After=9999"),
    )  # fmt: skip
    waited: list[float] = []
    with Proxy(oxigraph, faults) as proxy:
        publish(made("new", "a", "b"), proxy.endpoint, sleep=waited.append)
    assert {r for _, r in oxigraph.releases()} == {"new"}
    assert 7.0 in waited
    assert 120.0 in waited, "no store makes us wait for hours"
    assert any(40 < w <= 50 for w in waited)
    assert [w for w in waited if w in (1.0, 2.0, 4.0)][:2] == [1.0, 2.0]


@pytest.mark.parametrize("what", ["lose", "drop", "503 "])
def test_an_update_whose_answer_is_lost_does_no_harm(what: str, oxigraph: Place) -> None:
    """Sent again blindly, it would move graphs that are no longer there over those that are."""
    publish(made("old", "a", "b"), oxigraph.endpoint)
    with Proxy(oxigraph, once(("POST", "/update", what))) as proxy:
        publish(made("new", "a", "b"), proxy.endpoint, sleep=lambda _: None)
        updates = [path for method, path, _ in proxy.requests if path.startswith("/update")]
    assert len(updates) == (1 if what == "lose" else 2)
    assert {r for _, r in oxigraph.releases()} == {"new"}
    assert len(oxigraph.releases()) == 3


@pytest.mark.parametrize(("method", "path", "times"), [("PUT", "/store", 3), ("POST", "/update", 1)])
def test_a_run_that_breaks_off_leaves_the_former_release(method: str, path: str, times: int, oxigraph: Place) -> None:
    publish(made("old", "a", "b"), oxigraph.endpoint)
    count = 0

    def fault(m: str, p: str) -> str | None:
        nonlocal count
        count += (m, p.partition("?")[0]) == (method, path)
        return "400 " if (m, p.partition("?")[0]) == (method, path) and count >= times else None

    with Proxy(oxigraph, fault) as proxy, pytest.raises(PublishError, match="400"):
        publish(made("new", "a", "b", "c"), proxy.endpoint, sleep=lambda _: None)
    assert {r for g, r in oxigraph.releases() if "/staging/" not in g} == {"old"}
    assert any("/staging/" in g for g in oxigraph.graphs())
    publish(made("next", "a"), oxigraph.endpoint)
    assert {r for _, r in oxigraph.releases()} == {"next"}
    assert not any("/staging/" in g for g in oxigraph.graphs())


def test_what_does_not_pass_is_told_after_the_last_try() -> None:
    port = free_port()
    waited: list[float] = []
    with pytest.raises(PublishError, match=r"refused.*after 4 attempts"):
        publish(made("one"), endpoint_of(f"http://127.0.0.1:{port}/store"), retries=3, sleep=waited.append)
    assert waited == [1.0, 2.0, 4.0]


def test_a_store_that_loses_triples_is_found_out(oxigraph: Place) -> None:
    publish(made("old", "a"), oxigraph.endpoint)
    small = made("new", "a", rows=10)
    real = graphs_of(small)

    def fault(method: str, path: str) -> str | None:  # takes a graph and forgets it
        return "204 " if method == "PUT" and path.endswith("%2F1") else None

    assert len(real) == 2
    with Proxy(oxigraph, fault) as proxy, pytest.raises(PublishError, match="0 of 10 triples"):
        publish(small, proxy.endpoint, sleep=lambda _: None)
    assert {r for g, r in oxigraph.releases() if "/staging/" not in g} == {"old"}


# ---------------------------------------------------------------- who publishes


def test_a_password_goes_where_it_should_and_nowhere_else(oxigraph: Place) -> None:
    asked = '401 WWW-Authenticate=Basic realm="x"'

    def needs_basic(method: str, path: str) -> str | None:
        return None if "Authorization" in proxy.requests[-1][2] else asked

    with Proxy(oxigraph, needs_basic) as proxy:
        publish(made("basic", "a"), proxy.endpoint, Credentials("me", "secret"))
        sent = {h["Authorization"] for _, _, h in proxy.requests if "Authorization" in h}
    assert sent == {"Basic bWU6c2VjcmV0"}
    with Proxy(oxigraph, needs_basic) as proxy:
        publish(made("bearer", "a"), proxy.endpoint, Credentials(token="t0ken"))
        assert {h["Authorization"] for _, _, h in proxy.requests} == {"Bearer t0ken"}
    with Proxy(oxigraph, lambda *_: "401 ") as proxy, pytest.raises(PublishError, match="does not let us"):
        publish(made("none", "a"), proxy.endpoint)
    moved = "307 Location=http://127.0.0.1:1/x"
    with Proxy(oxigraph, lambda *_: moved) as proxy, pytest.raises(PublishError, match="leads elsewhere"):
        publish(made("moved", "a"), proxy.endpoint, Credentials("me", "secret"))
    with pytest.raises(UsageError, match="in the open"):
        publish(made("open"), endpoint_of("http://store.example/store"), Credentials("me", "secret"))
    with pytest.raises(UsageError, match="holds a name or password"):
        endpoint_of("https://me:secret@store.example/store")
    with pytest.raises(UsageError, match="both"):
        Credentials.from_environment({"KG_PUBLISH_USER": "a", "KG_PUBLISH_TOKEN": "b"})
    assert "secret" not in repr(Credentials("me", "secret", "secret"))


@pytest.mark.parametrize(
    ("store", "query", "update"),
    [
        ("http://h:7878/store", "http://h:7878/query", "http://h:7878/update"),
        ("http://h:3030/ds/data", "http://h:3030/ds/query", "http://h:3030/ds/update"),
        ("https://h/sparql-graph-crud-auth/", "https://h/sparql", "https://h/sparql-auth"),
        ("http://h/repositories/r/rdf-graphs/service", "http://h/repositories/r", "http://h/repositories/r/statements"),
    ],
)
def test_the_addresses_of_common_stores_are_known(store: str, query: str, update: str) -> None:
    found = endpoint_of(store)
    assert (found.query, found.update) == (query, update)
    assert endpoint_of(store, query="http://q/", update="http://u/") == Endpoint(store, "http://q/", "http://u/")


@pytest.mark.parametrize("store", ["localhost:7878/store", "ftp://h/store", "http://", "http://h/somewhere"])
def test_an_address_that_says_too_little_is_refused(store: str) -> None:
    with pytest.raises(UsageError):
        endpoint_of(store)


def test_the_command(oxigraph: Place) -> None:
    publish(made("small", "gone"), oxigraph.endpoint)
    run = CliRunner()
    dry = run.invoke(app, ["publish", oxigraph.url, "--dry-run"])
    assert dry.exit_code == 0
    assert "in place of small" in " ".join(dry.stdout.split())
    assert "would be removed: kgset:gone" in dry.stdout
    assert {r for _, r in oxigraph.releases()} == {"small"}
    done = run.invoke(app, ["publish", oxigraph.url])
    assert done.exit_code == 0
    assert "removed: kgset:gone" in done.stdout
    again = run.invoke(app, ["publish", oxigraph.url])
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing was sent" in again.stderr
    child = subprocess.run(
        [sys.executable, "-m", "kg", "publish", "http://h/x"], capture_output=True, text=True, check=False
    )
    assert child.returncode == 2
    assert "Traceback" not in child.stderr
    assert "--query and --update" in child.stderr
