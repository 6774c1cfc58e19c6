"""The pages and the other addresses: what they say, that they are safe and that they need no other host."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import api
from api import graphiql, pages
from api.app import create_app
from api.errors import CODES
from api.negotiation import best
from api.responses import PROBLEM
from api.schema_sdl import sdl
from kg import Release
from kg.errors import UnknownIdError

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
STATIC = graphiql.STATIC

Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def app(release: Release) -> FastAPI:
    return create_app(release)


def caller(app: FastAPI) -> Call:
    """Sends one request to the application, without a network."""

    def call(method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    return call


@pytest.fixture(scope="module")
def call(app: FastAPI) -> Call:
    return caller(app)


# ---------------------------------------------------------------------------- pages


class Page(HTMLParser):
    """What a page loads, links to and declares."""

    LOADS: ClassVar = {
        "script": "src",
        "link": "href",
        "img": "src",
        "source": "src",
        "iframe": "src",
        "form": "action",
    }

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.inline: list[str] = []
        self._data_block = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.inline.append("script")
        if tag == "style":
            self.inline.append("style")
        if (attribute := self.LOADS.get(tag)) and given.get(attribute):
            self.loads.append(str(given[attribute]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if given.get("id"):
            self.ids.add(str(given["id"]))


def all_pages(call: Call, monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    found = {path: call("GET", path, headers=HTML) for path in ("/", "/errors", "/nowhere")}
    monkeypatch.setattr(graphiql, "has_vendor_files", lambda: True)
    found["GraphiQL"] = call("GET", "/graphql", headers=HTML)
    monkeypatch.setattr(graphiql, "has_vendor_files", lambda: False)
    found["form"] = call("GET", "/graphql", headers=HTML)
    return found


def test_no_page_loads_anything_from_another_host(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        assert response.headers["content-type"].startswith("text/html"), name
        page = Page(response.text)
        foreign = [url for url in page.loads if re.match(r"(?:[a-z][a-z0-9+.-]*:|//)", url, re.IGNORECASE)]
        assert not foreign, (name, foreign)
        assert page.loads, name
        assert not page.inline, (name, page.inline)


def test_style_sheets_and_scripts_of_ours_name_no_other_host() -> None:
    for path in STATIC.iterdir():
        if path.suffix in {".css", ".js"}:
            assert not re.search(r"https?://|url\(\s*['\"]?//|@import", path.read_text(encoding="utf-8")), path.name


def test_every_page_has_a_strict_policy(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        policy = dict(
            directive.strip().split(" ", 1) for directive in response.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'", name
        for directive, sources in policy.items():
            allowed = {"'self'", "'none'"}
            if name in ("GraphiQL", "form") and directive in ("style-src", "img-src", "font-src"):
                allowed |= {"'unsafe-inline'", "data:"} if directive == "style-src" else {"data:"}
            assert set(sources.split()) <= allowed, (name, directive, sources)
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"


def test_what_the_pages_load_is_there(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        for url in Page(response.text).loads:
            if "/vendor/" in url:
                assert url.rpartition("/")[2] in graphiql.VENDOR_FILES
            else:
                assert call("GET", url).status_code == 200, (name, url)


def test_links_of_our_pages_lead_somewhere(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        page = Page(response.text)
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids, (name, link)
            elif link.startswith("/"):
                assert call("GET", link, headers=HTML).status_code == 200, (name, link)
            else:
                assert link.startswith(("https://", "http://")), (name, link)


def test_pages_are_marked_up_for_everybody(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        page = Page(response.text)
        assert '<html lang="en">' in response.text, name
        assert "title" in page.tags
        if name != "GraphiQL":
            assert page.tags.count("h1") == 1, name
            assert {"header", "nav", "main", "footer"} <= set(page.tags), name
            assert page.tags.count("table") == page.tags.count("caption"), name


def test_the_start_page_says_what_is_here(call: Call, release: Release) -> None:
    text = call("GET", "/").text
    for framework in release.frameworks.values():
        assert framework.title in text
        day = framework.text_versions[-1].date
        assert f">{len(release.requirements(framework.id, day)):,}<" in text
    for set_ in release.sets:
        assert f"<code>{set_}</code>" in text
    for disclaimer in release.disclaimers.values():
        assert disclaimer.text.split("'")[0] in text
    assert release.digest in text
    assert set(pages.ADDRESSES) <= set(Page(text).links)


def test_text_in_pages_is_escaped(call: Call) -> None:
    response = call("GET", "/<script>alert(1)</script>", headers=HTML)
    assert response.status_code == 404
    assert "<script>alert" not in response.text


def test_examples_cannot_close_their_block(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, response in all_pages(call, monkeypatch).items():
        if block := re.search(
            r'<script type="application/json" id="examples">(.*?)</script>', response.text, re.DOTALL
        ):
            assert "<" not in block[1]
            assert len(json.loads(block[1])) >= 5, name


def test_the_error_page_explains_every_code(call: Call) -> None:
    ids = Page(call("GET", "/errors").text).ids
    assert set(CODES) <= ids


# ---------------------------------------------------------------------------- other addresses


def test_health_names_the_release(call: Call, release: Release) -> None:
    response = call("GET", "/healthz")
    assert response.json() == {"status": "ok", "release": release.digest}


def test_the_schema_is_served(call: Call) -> None:
    assert call("GET", "/schema.graphql").text.strip() == sdl().strip()


def test_openapi_stays_and_its_pages_do_not(call: Call) -> None:
    assert "/healthz" in call("GET", "/openapi.json").json()["paths"]
    assert call("GET", "/docs").status_code == 404
    assert call("GET", "/redoc").status_code == 404


def test_a_refusal_is_a_problem_document_or_a_page(call: Call) -> None:
    response = call("GET", "/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert problem["code"] == "NOT_FOUND"
    assert problem["requestId"] == response.headers["x-request-id"]
    assert problem["type"] == "/errors#NOT_FOUND"
    assert "<h1>" in call("GET", "/nowhere", headers=HTML).text
    response = call("POST", "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"


def test_headers_of_every_response(call: Call) -> None:
    for path in ("/", "/healthz", "/static/style.css", "/graphql?query={release}", "/nowhere"):
        headers = call("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "content-security-policy" in headers
        assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


def test_a_fit_request_id_comes_back(call: Call) -> None:
    assert (
        call("GET", "/healthz", headers={"X-Request-ID": "trace-0123456789"}).headers["x-request-id"]
        == "trace-0123456789"
    )
    for unfit in ("short", "x" * 100, "a b c d e f g h", "evil\tvalue-123"):
        assert call("GET", "/healthz", headers={"X-Request-ID": unfit}).headers["x-request-id"] != unfit


def test_errors_of_the_library_and_others_outside_graphql(release: Release, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(release)

    @app.get("/unknown")
    def unknown() -> None:
        raise UnknownIdError("x does not exist", "did you mean y?")

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret")

    call = caller(app)
    response = call("GET", "/unknown")
    assert response.status_code == 404
    assert response.json()["code"] == "UNKNOWN_ID"
    assert response.json()["hint"] == "did you mean y?"
    response = call("GET", "/broken")
    assert response.status_code == 500
    assert response.json()["code"] == "INTERNAL"
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in caplog.text


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        (None, ["a/b", "c/d"], "a/b"),
        ("", ["a/b", "c/d"], "a/b"),
        ("*/*", ["a/b", "c/d"], "a/b"),
        ("c/*", ["a/b", "c/d"], "c/d"),
        ("a/b;q=0.5, c/d", ["a/b", "c/d"], "c/d"),
        ("a/b;q=0, */*", ["a/b", "c/d"], "c/d"),
        ("A/B;Q=1", ["a/b"], "a/b"),
        ("a/b;q=nonsense", ["a/b"], None),
        ("x/y", ["a/b"], None),
    ],
)
def test_what_a_client_would_like_best(accept: str | None, offers: list[str], expected: str | None) -> None:
    assert best(accept, offers) == expected


# ---------------------------------------------------------------------------- the modules


@pytest.mark.parametrize("name", sorted(m.name for m in pkgutil.walk_packages(api.__path__, "api.")))
def test_docstring_examples_run_and_everything_public_is_described(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    assert module.__doc__, name
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        described = getattr(thing, "__strawberry_definition__", None) or not getattr(
            thing, "__module__", ""
        ).startswith("api")
        assert described or not callable(thing) or thing.__doc__, f"{name}.{public} has no docstring"


# ---------------------------------------------------------------------------- what is fetched at build time


@pytest.mark.parametrize("folder", ["api/graphiql", "tests/graphql_http"])
def test_lock_files_are_exact_and_name_no_registry(folder: str) -> None:
    path = Path(__file__).parents[1] / folder
    lock = json.loads((path / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((path / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in wanted.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


def test_head_is_answered_wherever_get_is(release: Release) -> None:
    client = TestClient(create_app(release))
    for path in ("/", "/errors", "/schema.graphql", "/healthz", "/readyz", "/downloads", "/openapi", "/openapi.json",
                 "/id/gdpr/art-32.1", "/.well-known/void", "/sparql", "/frameworks.csv", "/mappings"):  # fmt: skip
        found, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (found.status_code, b"") == (200, b""), path
        assert head.headers["content-type"] == found.headers["content-type"], path
