"""GraphQL over HTTP against a real server on the loopback, audited by npm ``graphql-http``."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api import graphiql, graphql_http
from api.app import create_app
from api.errors import PARSE_AND_VALIDATION_STATUS
from api.examples import examples
from api.graphql_http import GRAPHQL_RESPONSE
from kg import Release

AUDIT = Path(__file__).parent / "graphql_http"
JSON = "application/json"
MODERN = {"Accept": GRAPHQL_RESPONSE}


@pytest.fixture(scope="module")
def server(release: Release) -> Iterator[str]:
    """The address of a server on a free port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # sends without delay
    listening.bind(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(create_app(release), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not running.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30) as found:
        yield found


def post(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    return client.post("/graphql", json=body, headers=headers)


def code_of(response: httpx.Response) -> str:
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found


# ---------------------------------------------------------------------------- the audit


@pytest.mark.node
@pytest.mark.skipif(
    shutil.which("npm") is None or shutil.which("node") is None,
    reason="needs node and npm: install them, then pytest -m node tests/test_graphql_http.py",
)
def test_the_audit_of_graphql_over_http(server: str, tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc", "audit.mjs"):
        shutil.copy(AUDIT / name, tmp_path / name)
    installed = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"npm ci could not fetch graphql-http: {installed.stderr.strip()[-200:]}")
    done = subprocess.run(
        ["node", "audit.mjs", f"{server}/graphql"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) >= 60
    expected = json.loads((AUDIT / "expected_warnings.json").read_text(encoding="utf-8"))
    found = [(r["id"], r["status"], r["name"], r["reason"]) for r in results if r["status"] != "ok"]
    assert [f for f in found if f[1] == "error"] == []
    assert sorted(f[0] for f in found) == sorted(expected), found


# ---------------------------------------------------------------------------- in a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=10000", "--dump-dom",
)  # fmt: skip


@pytest.mark.browser
@pytest.mark.skipif(
    CHROMIUM is None,
    reason="needs Chromium: apt-get install chromium, then pytest -m browser tests/test_graphql_http.py",
)
@pytest.mark.parametrize("vendor", [True, False], ids=["GraphiQL", "form"])
def test_the_query_page_works_in_a_browser(
    server: str, vendor: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if vendor and not graphiql.has_vendor_files():
        pytest.skip("needs GraphiQL's files: sh api/graphiql/build.sh")
    monkeypatch.setattr(graphiql, "has_vendor_files", lambda: vendor)
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}", f"{server}/graphql"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    for example in examples():
        assert (example.name.capitalize() if vendor else example.title) in done.stdout
    assert ("graphiql-execute-button" if vendor else "<option") in done.stdout


# ---------------------------------------------------------------------------- the same by hand


def test_a_query_by_post_and_by_get(client: httpx.Client, release: Release) -> None:
    expected = {"release": release.digest}
    assert post(client, {"query": "{ release }"}).json()["data"] == expected
    assert client.get("/graphql", params={"query": "{ release }"}).json()["data"] == expected
    named = {"query": "query A { release } query B { stats { mappings } }", "operationName": "A"}
    assert client.get("/graphql", params=named).json()["data"] == expected
    variables = {"query": "query($n: Int!) { mappings(first: $n) { nodes { row } } }", "variables": '{"n": 2}'}
    assert len(client.get("/graphql", params=variables).json()["data"]["mappings"]["nodes"]) == 2


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};q=0.5, {JSON};q=0.9", JSON),
    ],
)
def test_the_media_type_follows_accept(client: httpx.Client, accept: str | None, expected: str) -> None:
    request = client.build_request("POST", "/graphql", json={"query": "{ release }"})
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    response = client.send(request)
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),
        ({"query": "{ nonsense }"}, "VALIDATION_FAILED"),
        ({"query": "query A { release } query B { release }"}, "OPERATION_NAME_REQUIRED"),
        ({"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": None}}, "BAD_VARIABLES"),
        ({"query": "mutation { release }"}, "NOT_A_QUERY"),
    ],
)
def test_a_document_that_is_refused(client: httpx.Client, body: dict[str, Any], code: str) -> None:
    modern, old = post(client, body, **MODERN), post(client, body, Accept=JSON)
    assert modern.status_code == PARSE_AND_VALIDATION_STATUS == 400
    assert old.status_code == 200
    for response in (modern, old):
        assert "data" not in response.json()
        assert code_of(response) == code
        assert response.json()["errors"][0]["extensions"]["requestId"] == response.headers["x-request-id"]


def test_the_status_is_one_constant(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_http, "PARSE_AND_VALIDATION_STATUS", 422)
    assert post(client, {"query": "{"}, **MODERN).status_code == 422


def test_an_error_of_one_field_leaves_the_rest(client: httpx.Client, release: Release) -> None:
    response = post(client, {"query": '{ release framework(id: "x") { title } }'}, **MODERN)
    assert response.status_code == 200
    assert response.json()["data"] == {"release": release.digest, "framework": None}
    assert code_of(response) == "UNKNOWN_ID"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"", JSON, 400, "BAD_REQUEST"),
        (b"{", JSON, 400, "BAD_REQUEST"),
        (b"[]", JSON, 400, "BAD_REQUEST"),
        (b'[{"query": "{ release }"}]', JSON, 400, "BAD_REQUEST"),
        (b"3", JSON, 400, "BAD_REQUEST"),
        (b"null", JSON, 400, "BAD_REQUEST"),
        (b"{}", JSON, 400, "BAD_REQUEST"),
        (b'{"query": ""}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": 1}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ release }", "variables": []}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ release }", "operationName": 1}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ release }", "extensions": "x"}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "\xff"}', JSON, 400, "BAD_REQUEST"),
        (b"[" * 100_000, JSON, 400, "BAD_REQUEST"),
        (b"query={release}", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ release }"}', "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ release }"}', "application/jsonp", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ release }"}', f"{JSON}; charset=latin-1", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ release }"}', f'{JSON}; charset="UTF-8"', 200, ""),
        (b'{"query": "{ release }"}', "Application/JSON", 200, ""),
        (b" " * (graphql_http.MAX_BODY + 1), JSON, 413, "BODY_TOO_LARGE"),
    ],
)
def test_a_body_that_is_refused(
    client: httpx.Client, content: bytes, content_type: str, status: int, code: str
) -> None:
    response = client.post("/graphql", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert response.headers["content-type"].startswith(JSON)
    if code:
        assert code_of(response) == code


@pytest.mark.parametrize("parameter", ["variables", "extensions"])
def test_a_get_with_broken_json_is_refused(client: httpx.Client, parameter: str) -> None:
    response = client.get("/graphql", params={"query": "{ release }", parameter: "{"})
    assert response.status_code == 400
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_what_cannot_be_given_is_refused(client: httpx.Client) -> None:
    response = client.get("/graphql", params={"query": "{ release }"}, headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert code_of(response) == "NOT_ACCEPTABLE"


def test_a_browser_gets_the_page_and_a_program_the_answer(client: httpx.Client) -> None:
    html = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    assert client.get("/graphql", headers=html).headers["content-type"].startswith("text/html")
    assert client.get("/graphql", params={"query": "{ release }"}, headers=html).text.startswith("<!doctype html>")
    assert client.get("/graphql").status_code == 400


def test_answers_are_computed_side_by_side(client: httpx.Client, server: str) -> None:
    """A long answer does not hold up the others, and nobody gets another's answer."""
    words = [f"word{i}" for i in range(24)]
    found: dict[str, Any] = {}

    def ask(word: str) -> None:
        body = {"query": f'{{ {word}: release search(text: "data {word}", first: 50) {{ curie }} }}'}
        found[word] = httpx.post(f"{server}/graphql", json=body, headers={"X-Request-ID": f"{word}-000000"}, timeout=30)

    threads = [threading.Thread(target=ask, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for word in words:
        assert word in found[word].json()["data"]
        assert found[word].headers["x-request-id"] == f"{word}-000000"
