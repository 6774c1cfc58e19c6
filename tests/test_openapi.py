"""The document of all addresses: valid, complete, true of a running server, and readable without another host."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from openapi_spec_validator import validate
from servers import Server
from starlette.routing import Route

from api import openapi_page
from api.access import Gate
from api.app import create_app
from api.errors import CODES
from benchmarks import generate
from kg import Release
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations.store import Actor, Store
from kg.relations import SUPERSET_OF

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def app(release: Release) -> FastAPI:
    return create_app(release)


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(app, "/openapi.json").text)
    return found


def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(go())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(p, m, o) for p, item in document["paths"].items() for m, o in item.items()]


def example_of(parameter: dict[str, Any]) -> Any:
    """The example of a parameter, wherever it stands."""
    return parameter.get("example", next(iter(parameter.get("schema", {}).get("examples", ())), None))


def resolved(document: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["parameters"].get(given.get("$ref", "").split("/")[-1], given)
    return found


def test_it_is_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_address_is_in_it(app: FastAPI, document: dict[str, Any]) -> None:
    routes = {re.sub(":[a-z]+}", "}", r.path) for r in app.routes if isinstance(r, Route)}
    inside = {p.removesuffix(".{ending}") for p in document["paths"]}
    own = {"/openapi.json"}
    assert {r.removesuffix(".{ending}") for r in routes} - own == inside
    answered = {
        (re.sub(":[a-z]+}", "}", r.path), m)
        for r in app.routes
        if isinstance(r, Route)
        for m in r.methods or ("GET", "POST")
    }
    for path, method, _ in operations(document):
        assert (path.removesuffix(".{ending}"), method.upper()) in answered, (method, path)


def test_everything_in_it_is_described_and_has_an_example(document: dict[str, Any]) -> None:
    ids = [o["operationId"] for _, _, o in operations(document)]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert set(operation["tags"]) <= {t["name"] for t in document["tags"]}, path
        for given in operation.get("parameters", ()):
            parameter = resolved(document, given)
            assert parameter.get("description") or parameter["schema"]["description"], (path, parameter)
            if parameter["in"] == "path":
                assert example_of(parameter) is not None, (path, parameter["name"])
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == set(CODES)


def test_its_examples_are_answered(app: FastAPI, document: dict[str, Any], release: Release) -> None:
    """Each parameter's example together, as the page sends them."""
    for path, method, operation in operations(document):
        if method != "get" or "{organization}" in path or path == "/metrics":
            continue
        query = []
        for given in operation.get("parameters", ()):
            parameter = resolved(document, given)
            value = example_of(parameter)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", value)
            elif parameter["in"] == "query" and value is not None:
                text = ",".join(value) if isinstance(value, list) else value
                query.append(f"{parameter['name']}={str(text).lower() if isinstance(text, bool) else text}")
        found = get(app, f"{path}?{'&'.join(query)}" if query else path, accept="*/*")
        assert found.status_code == 200, (path, query, found.text[:300])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[str]:
    """A server on loopback over a small made-up graph and an organisation that whoever reaches it may see."""
    small = generate.release(generate.SMALL)
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        me = Actor("command", "tests")
        store.create_organization("A company", id="local", actor=me)
        control = Control("A-1", "A control", ControlStatus.IMPLEMENTED, (ControlRow("cat00:C-000", SUPERSET_OF),))
        store.upsert_controls("local", [control], release=small, actor=me)
        server = uvicorn.Server(uvicorn.Config(create_app(small, Gate(store, open=True)), log_level="warning"))
        # The protocol by name: only then does asyncio send without waiting for the client's acknowledgement.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
            bound.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
            thread.start()
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
            server.should_exit = True
            thread.join(20)


@pytest.mark.schemathesis
def test_a_running_server_does_what_it_says(running: str, tmp_path: Path) -> None:
    """Schemathesis in all its phases: no fault of the server, no status, media type, body or header that is not
    documented, no method answered that is not there, nothing taken that the document does not allow."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{running}/openapi.json", "--checks", "all",
            "--exclude-checks", "positive_data_acceptance,ignored_auth",  # a day may be none; on loopback all come in
            "--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--seed", "7", "--no-color",
            "--generation-database", "none", "--warnings", "off", "--workers", "2",
        ],
        capture_output=True, text=True, timeout=280, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "SCHEMATHESIS_HOOKS": "schemathesis_hooks"},
    )  # fmt: skip
    said = done.stdout[-6000:] + done.stderr[-2000:]
    assert done.returncode == 0, said
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested, said
    assert int(tested[1]) >= 36
    assert httpx.get(f"{running}/healthz", timeout=10).status_code == 200


# ---------------------------------------------------------------------------- the page


@pytest.mark.parametrize("vendor", [True, False], ids=["Swagger UI", "list"])
def test_the_page_needs_no_other_host(app: FastAPI, vendor: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi_page, "has_vendor_files", lambda: vendor)
    found = get(app, "/openapi")
    assert found.headers["content-type"].startswith("text/html")
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-inline' 'unsafe-eval" not in policy
    assert not re.search(r'(src|href)="(https?:)?//', found.text)
    for file in re.findall(r'(?:src|href)="/static/vendor/([^"]+)"', found.text):
        assert file in openapi_page.VENDOR_FILES


def test_the_list_has_every_address(app: FastAPI, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi_page, "has_vendor_files", lambda: False)
    text = get(app, "/openapi").text
    for path, method, _ in operations(document):
        assert f"<code>{method.upper()} {path}</code>" in text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_it(tmp_path: Path) -> None:
    if not openapi_page.has_vendor_files():
        pytest.skip("needs Swagger UI's files: sh api/swagger/build.sh")
    with Server("--stateless") as server:
        done = subprocess.run(
            [
                str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
                "--virtual-time-budget=15000", "--dump-dom", "--enable-logging=stderr", f"{server.url}/openapi",
            ],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert "/crosswalks/{source}/{target}" in done.stdout.replace("\u200b", "").replace("<wbr>", "")
    assert "Content Security Policy" not in done.stderr, done.stderr[-2000:]


def test_an_organisations_server_has_the_same_document(release: Release, tmp_path: Path, document: Any) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        found = get(create_app(release, Gate(store)), "/openapi.json").json()
    assert found == document
