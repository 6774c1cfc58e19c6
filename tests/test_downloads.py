"""Files over HTTP: the bytes of the library, validators, ranges, encodings, who may fetch what, and what it costs."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import re
import shlex
import shutil
import subprocess
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from servers import ROOT, Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from api import downloads
from api.access import Gate
from api.app import create_app
from api.bodies import BLOCK, Bodies, compressed
from api.conditional import NotThereError, disposition, etag, matches, range_of, wants_gzip
from api.downloads import Address
from api.responses import PROBLEM, refusal
from api.serving import Asked, NoSuchFormatError, Serving, named
from kg import Release, answers
from kg.answers.duties import duties
from kg.answers.gaps import gap_report
from kg.answers.listing import list_framework, list_graph, list_set
from kg.answers.soa import statement_of_applicability
from kg.errors import KgError, UnknownIdError
from kg.exports.formats import FORMATS, Format, formats_for, write
from kg.model import Control, ControlRow, ControlStatus, Profile
from kg.organizations import writing
from kg.organizations.store import PLATFORM, Actor, Role, Store
from kg.relations import SUPERSET_OF

ME = Actor("command", "tests")
DAY = date(2026, 11, 23)
PLAIN = {"Accept-Encoding": "identity"}


def sender(app: Any) -> Callable[..., httpx.Response]:
    """Sends one request to the application, without a network."""

    def send(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                given_ = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, path, headers=PLAIN | given_)

        return asyncio.run(go())

    return send


Send = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def app(release: Release) -> FastAPI:
    return create_app(release)


@pytest.fixture(scope="module")
def send(app: FastAPI) -> Send:
    return sender(app)


def filled(address: Address, release: Release, **names: str) -> str:
    """An address with names that exist in it."""
    path = address.path
    for part in re.findall(r"{(\w+)}", path):
        known = list(address.names[part](release)) if part in address.names else []
        path = path.replace(f"{{{part}}}", names.get(part) or known[-1 if part == "target" else 0])
    return path


# ---------------------------------------------------------------------------- the bytes


def test_an_address_gives_the_bytes_of_the_library(send: Send, release: Release) -> None:
    expected = {
        "/crosswalks/iso42001/gdpr": answers.crosswalk(release, "iso42001", "gdpr", as_of=DAY),
        "/frameworks/iso42001": list_framework(release, "iso42001", as_of=DAY),
        "/frameworks/aisb": list_framework(release, "aisb", as_of=DAY),
        "/mappings/gdpr-iso42001": list_set(release, "gdpr-iso42001"),
        "/graph": list_graph(release),
    }
    for path, answer in expected.items():
        address = next(a for a in downloads.ADDRESSES if re.fullmatch(re.sub("{.*?}", "[^/]+", a.path), path))
        query = f"?asOf={DAY}" if "asOf" in address.parameters else ""
        assert {f.name for f in address.forms} >= set(FORMATS) & {"json", "csv", "tsv", "md", "xlsx"}
        for form in address.forms:
            if path == "/graph" and form.name not in ("csv", "nq"):
                continue  # seconds each; the other lists have them all
            found = send(f"{path}.{form.extension}{query}")
            assert found.status_code == 200, (path, form, found.text)
            assert found.content == b"".join(write(answer, release, form.name)), (path, form)
            assert found.headers["content-type"].partition(";")[0] == form.media_type
            assert found.headers["content-disposition"].startswith(("attachment; filename=", "inline; filename="))
        assert send(f"{path}{query}").content == b"".join(write(answer, release, "json"))


def test_lists_say_what_there_is_and_where(send: Send, release: Release) -> None:
    found = send("/frameworks").json()
    assert [f["id"] for f in found["frameworks"]] == list(release.frameworks)
    assert [s["id"] for s in send("/mappings").json()["mappingSets"]] == list(release.sets)
    pairs = send("/crosswalks").json()["crosswalks"]
    sides = len(release.frameworks) + len(release.catalogues)
    assert len(pairs) == sides * (sides - 1)
    said = {(p["source"], p["target"]): p["rows"] for p in pairs}
    rows = answers.crosswalk(release, "iso42001", "nist-ai-rmf", derived=False, as_of=DAY).rows
    assert said["iso42001", "nist-ai-rmf"] == said["nist-ai-rmf", "iso42001"] == len(rows) > 100
    for path in ("/frameworks", "/mappings", "/crosswalks"):
        table = list(csv.DictReader(io.StringIO(send(f"{path}.csv").text)))
        assert len(table) == sum(len(v) for v in send(path).json().values() if isinstance(v, list))
        page = send(path, Accept="text/html")
        assert page.headers["content-type"].startswith("text/html")
        assert "style-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("page", ["/downloads", "/frameworks", "/mappings", "/crosswalks"])
def test_every_link_of_the_pages_is_a_file(send: Send, page: str) -> None:
    links = re.findall(r'href="(/[^"#]*)"', send(page, Accept="text/html").text)
    files = [link for link in links if re.search(r"\.(?!css|svg|graphql)\w+$", link)]
    assert len(files) > 15
    for link in files:
        assert send(link, "HEAD").status_code == 200, link


# ---------------------------------------------------------------------------- validators


def test_a_validator_names_exactly_these_bytes(send: Send, release: Release) -> None:
    base = f"/crosswalks/iso42001/gdpr.csv?asOf={DAY}"
    addresses = [
        base, f"{base}&derived=false", f"{base}&maxHops=1", f"{base}&reviewedOnly=true", f"{base}&minAuthority=owner",
        f"{base}&sets=gdpr-iso42001", "/crosswalks/iso42001/gdpr.csv?asOf=2026-01-01",
        f"/crosswalks/iso42001/gdpr.tsv?asOf={DAY}", f"/crosswalks/gdpr/iso42001.csv?asOf={DAY}",
        "/frameworks/gdpr.csv", "/frameworks.csv",
    ]  # fmt: skip
    tags = [send(a).headers["etag"] for a in addresses]
    assert len(set(tags)) == len(tags)
    assert all(re.fullmatch('"[0-9a-f]{32}"', tag) for tag in tags)
    again = sender(create_app(release))
    assert [again(a, "HEAD").headers["etag"] for a in addresses] == tags
    other = Release(release_content(release))
    assert sender(create_app(other))(base, "HEAD").headers["etag"] not in tags


def release_content(release: Release) -> Any:
    """The same frameworks without most of the rows: another release."""
    from kg.sources import Content

    return Content(
        frameworks=list(release.frameworks.values()),
        provisions=list(release.provisions.values()),
        parts=list(release.parts),
        sets=list(release.sets.values()),
        mappings=[m for m in release.mappings if m.set_id == "gdpr-iso42001"],
    )


def test_what_means_today_changes_with_the_day(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    class Today(date):
        @classmethod
        def today(cls) -> date:
            return DAY

    monkeypatch.setattr(downloads, "date", Today)
    path = "/crosswalks/iso42001/gdpr.csv"
    one = send(path, "HEAD").headers
    assert one["etag"] == send(f"{path}?asOf={DAY}", "HEAD").headers["etag"]
    monkeypatch.setattr(Today, "today", classmethod(lambda cls: date(2026, 11, 24)))
    assert send(path, "HEAD").headers["etag"] != one["etag"]
    assert one["cache-control"] == "public, no-cache"


def test_who_may_keep_it(send: Send, release: Release) -> None:
    pinned = f"/crosswalks/iso42001/gdpr.csv?asOf={DAY}&release={release.digest}"
    assert send(pinned, "HEAD").headers["cache-control"] == "public, max-age=86400, immutable"
    assert send(f"/graph.csv?release={release.digest}", "HEAD").headers["cache-control"].endswith("immutable")
    assert (
        send(f"/crosswalks/iso42001/gdpr.csv?release={release.digest}", "HEAD")
        .headers["cache-control"]
        .endswith("no-cache")
    )


def test_nothing_is_sent_to_who_has_it(send: Send) -> None:
    path = "/mappings/gdpr-iso42001.csv"
    whole = send(path)
    tag = whole.headers["etag"]
    for known in (tag, f'"x,y", W/{tag}', "*", f"{tag},"):
        found = send(path, If_None_Match=known)
        assert (found.status_code, found.content, found.headers["etag"]) == (304, b"", tag), known
        assert found.headers["vary"] == whole.headers["vary"]
        assert send(path, "HEAD", If_None_Match=known).status_code == 304
    for other in ('"x"', tag.strip('"'), f"x{tag}", "", '"*"'):
        assert send(path, If_None_Match=other).status_code == 200, other


def test_head_says_what_get_says(app: FastAPI, release: Release) -> None:
    send = sender(create_app(release))
    for path in ("/graph.csv", "/mappings", "/crosswalks/iso42001/gdpr.xlsx", "/frameworks/gdpr.pdf", "/mappings/x"):
        before, got, after = send(path, "HEAD"), send(path), send(path, "HEAD")
        skipped = {"x-request-id", "content-length", "transfer-encoding"}
        kept = {k: v for k, v in got.headers.items() if k not in skipped}
        for head in (before, after):
            assert head.status_code == got.status_code
            assert {k: v for k, v in head.headers.items() if k not in skipped} == kept
        if got.status_code == 200:
            assert "content-length" not in before.headers  # not made for a HEAD
            assert after.headers["content-length"] == str(len(got.content))


IN_A_TAG = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'))


@given(st.lists(IN_A_TAG, max_size=4), st.integers(0, 4), st.booleans())
def test_a_list_of_tags_is_read_as_one(tags: list[str], place: int, weak: bool) -> None:
    mine = etag("mine")
    others = [f'"{t}"' for t in tags if f'"{t}"' != mine]
    assert not matches(mine, ", ".join(others))
    others.insert(min(place, len(others)), f"W/{mine}" if weak else mine)
    assert matches(mine, ", ".join(others))


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_questions_have_different_tags(one: list[str], other: list[str]) -> None:
    assert (etag(*one) == etag(*other)) == (one == other)


# ---------------------------------------------------------------------------- parts, encodings, names


def oracle(header: str, size: int) -> range | str | None:
    """What a single range means, read as RFC 9110 writes it."""
    units, _, spec = header.partition("=")
    if units.strip().lower() != "bytes" or not re.fullmatch(r"\s*(\d+-\d*|-\d+)\s*", spec, re.ASCII):
        return None
    first, _, last = spec.strip().partition("-")
    if not first:
        return range(max(0, size - int(last)), size) or "416"
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size) or "416"


@given(st.from_regex(r"\A(bytes|Bytes|items)=[0-9]{0,3}-[0-9]{0,3}\Z") | st.text(max_size=12), st.integers(0, 120))
def test_ranges_are_those_of_the_standard(header: str, size: int) -> None:
    expected = oracle(header, size)
    try:
        found = range_of(header, size)
    except NotThereError:
        assert expected == "416", header
    else:
        assert (found and range(*found)) == expected, header


def test_a_part_of_a_file(send: Send) -> None:
    path = "/graph.csv"
    body = send(path).content
    tag = send(path).headers["etag"]
    size = len(body)
    assert size > 4 * BLOCK
    for asked, start, stop in (("0-99", 0, 100), (f"{BLOCK - 1}-{BLOCK}", BLOCK - 1, BLOCK + 1), ("-7", size - 7, size),
                               (f"{BLOCK * 2}-", BLOCK * 2, size), (f"0-{size * 2}", 0, size)):  # fmt: skip
        found = send(path, Range=f"bytes={asked}", Accept_Encoding="gzip")
        assert found.status_code == 206
        assert found.content == body[start:stop]
        assert found.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert found.headers["content-length"] == str(stop - start)
        assert "content-encoding" not in found.headers
    assert send(path, Range="bytes=0-9", If_Range=tag).status_code == 206
    for other in ('"x"', f"W/{tag}", "Mon, 23 Nov 2026 12:00:00 GMT"):
        found = send(path, Range="bytes=0-9", If_Range=other)
        assert (found.status_code, found.content) == (200, body)
    refused = send(path, Range=f"bytes={size}-")
    assert (refused.status_code, refused.headers["content-range"]) == (416, f"bytes */{size}")
    assert refused.json()["code"] == "RANGE_NOT_SATISFIABLE"
    for ignored in ("bytes=0-1,3-4", "lines=0-1", "bytes=5-2", "bytes=-", "nonsense"):
        assert send(path, Range=ignored).status_code == 200
    assert send(path, Range="bytes=0-9", If_None_Match=tag).status_code == 304


def test_compressed_files_are_other_bytes_of_another_name(send: Send) -> None:
    path = "/mappings/gdpr-iso42001.csv"
    plain, packed = send(path), send(path, Accept_Encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert send(path, Accept_Encoding="gzip", If_None_Match=packed.headers["etag"]).status_code == 304
    assert send(path, Accept_Encoding="gzip", If_None_Match=plain.headers["etag"]).status_code == 200
    book = send("/mappings/gdpr-iso42001.xlsx", Accept_Encoding="gzip")
    assert "content-encoding" not in book.headers
    for never in ("gzip;q=0", "identity", "br", "identity;q=1, gzip;q=0.5", "gzip;q=nonsense"):
        assert not wants_gzip(never), never


@given(st.lists(st.binary(max_size=50_000), max_size=5))
def test_the_same_input_packs_to_the_same_bytes(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    found = b"".join(compressed(chunks))
    assert found == b"".join(compressed([whole]))
    assert gzip.decompress(found) == whole


@given(st.text(min_size=1, max_size=40))
def test_a_file_name_reaches_the_client(name: str) -> None:
    name = name.encode("utf-8", "ignore").decode()
    header = disposition("attachment", name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    found = message.get_filename() or ""
    assert found == re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", name).strip() or found.strip() == found


def test_what_the_client_likes_best_decides(send: Send) -> None:
    path = "/crosswalks/iso42001/gdpr"
    for accept, kind in (
        ("text/csv", "text/csv"), ("text/csv;q=0.5, text/markdown", "text/markdown"), ("*/*", "application/json"),
        ("text/*;q=0.1, application/json;q=0.2", "application/json"), ("image/png, */*;q=0.1", "application/json"),
        ("application/json;q=0, text/csv;q=0.1", "text/csv"),
    ):  # fmt: skip
        found = send(path, "HEAD", Accept=accept)
        assert found.headers["content-type"].partition(";")[0] == kind, accept
        assert found.headers["vary"] == "Accept, Accept-Encoding"
        assert send(found.headers["content-location"], "HEAD").headers["etag"] == found.headers["etag"]
    refused = send(path, Accept="image/png")
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert "text/csv" in refused.json()["hint"]
    assert "Accept," not in send(f"{path}.csv", "HEAD", Accept="image/png").headers["vary"]


FORMS = (
    Format("csv", "csv", "text/csv", "CSV"),
    Format("s", "sssom.tsv", "text/x", "S"),
    Format("t", "tsv", "text/y", "T"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gdpr", ("gdpr", "")), ("gdpr.csv", ("gdpr", "csv")), ("gdpr.sssom.tsv", ("gdpr", "sssom.tsv")),
        ("a.b", ("a.b", "")), ("a.b.tsv", ("a.b", "tsv")), ("x.csv", ("x.csv", "")), ("x.csv.csv", ("x.csv", "csv")),
    ],
)  # fmt: skip
def test_ids_may_have_dots(text: str, expected: tuple[str, str]) -> None:
    assert named(text, ["gdpr", "a.b", "x.csv"], FORMS, UnknownIdError) == expected


def test_an_ending_that_is_none_lists_those_there_are() -> None:
    with pytest.raises(NoSuchFormatError, match=r"no '.pdf' of gdpr") as refused:
        named("gdpr.pdf", ["gdpr"], FORMS, UnknownIdError)
    assert ".sssom.tsv" in refused.value.hint
    with pytest.raises(UnknownIdError, match=r"^gdrp$"):
        named("gdrp.csv", ["gdpr"], FORMS, UnknownIdError)


BAD = {
    "/crosswalks/iso42001/gdrp.csv": (404, "UNKNOWN_ID", "did you mean gdpr"),
    "/crosswalks/iso42002/gdpr.csv": (404, "UNKNOWN_ID", "did you mean iso42001"),
    "/crosswalks/iso42001/gdpr.pdf": (404, "NOT_FOUND", ".csv"),
    "/frameworks.pdf": (404, "NOT_FOUND", ".csv"),
    "/frameworks/nothing": (404, "UNKNOWN_ID", "one of: iso42001"),
    "/mappings/aisb-gdrp": (404, "UNKNOWN_ID", "did you mean aisb-gdpr"),
    "/graph.docx": (404, "NOT_FOUND", ".json"),
    "/crosswalks/iso42001/gdpr?asof=2026-11-23": (400, "BAD_ARGUMENT", "did you mean asOf"),
    "/crosswalks/iso42001/gdpr?asOf=2026-13-01": (400, "BAD_ARGUMENT", "2026-07-27"),
    "/crosswalks/iso42001/gdpr?asOf=": (400, "BAD_ARGUMENT", "leave it out"),
    "/crosswalks/iso42001/gdpr?maxHops=1&maxHops=1": (400, "BAD_ARGUMENT", "once is enough"),
    "/crosswalks/iso42001/gdpr?maxHops=4": (400, "BAD_ARGUMENT", "0 to 3"),
    "/crosswalks/iso42001/gdpr?minAuthority=king": (400, "BAD_ARGUMENT", "one of: owner"),
    "/crosswalks/iso42001/gdpr?reviewedOnly=yes": (400, "BAD_ARGUMENT", "true or false"),
    "/crosswalks/iso42001/gdpr?derived=1": (400, "BAD_ARGUMENT", "true or false"),
    "/crosswalks/iso42001/gdpr?sets=aisb-gdrp": (400, "BAD_ARGUMENT", "did you mean aisb-gdpr"),
    "/crosswalks/iso42001/gdpr?release=latest": (400, "BAD_ARGUMENT", "hexadecimal"),
    "/crosswalks/iso42001/gdpr?release=0123456789abcdef": (409, "RELEASE_MISMATCH", "leave out"),
    "/mappings/aisb-gdpr?asOf=2026-11-23": (400, "BAD_ARGUMENT", "one of: release"),
    "/graph?x=%ff": (400, "BAD_ARGUMENT", "name=value"),
    "/crosswalks/finos-air/cosai-rm.oscal.json": (404, "NOT_FOUND", ".sssom.json"),
    "/crosswalks/iso42001/gdpr.oscal.json?reviewedOnly=true": (404, "NOT_FOUND", ".sssom.json"),
    "/mappings/threats.oscal.json": (404, "NOT_FOUND", ".sssom.json"),
    "/downloads?format=json": (400, "BAD_ARGUMENT", "one of: release"),
    "/downloads?release=0123456789abcdef": (409, "RELEASE_MISMATCH", "leave out"),
    "/id/gdpr/art-32.1?realease=x": (400, "BAD_ARGUMENT", "did you mean release"),
    "/id/gdpr/art-32.1.ttl?release=0123456789abcdef": (409, "RELEASE_MISMATCH", "leave out"),
    "/.well-known/void?x=1": (400, "BAD_ARGUMENT", "one of: release"),
    "/organizations/x/coverage/gdpr": (404, "NO_STORE", "--stateless"),
}


@pytest.mark.parametrize("path", BAD)
def test_a_refusal_says_what_would_be_right(send: Send, path: str) -> None:
    status, code, hint = BAD[path]
    for method in ("GET", "HEAD"):
        found = send(path, method)
        assert (found.status_code, found.headers["content-type"]) == (status, PROBLEM)
        assert found.headers["cache-control"] == "no-store"
        assert "etag" not in found.headers
    said = send(path).json()
    assert said["code"] == code
    assert hint in said["hint"]
    assert "permalink" not in said["title"]
    assert "<h1>" in send(path, Accept="text/html").text


@pytest.mark.parametrize(
    "path", ["/healthz?t=1", "/readyz?probe=x", "/sparql?query=ASK%7B%7D&timeout=5&output=json", "/?utm_source=x"]
)
def test_probes_and_clients_of_protocols_may_send_what_is_not_known_here(send: Send, path: str) -> None:
    assert send(path).status_code == 200


def test_only_forms_that_there_are_are_listed(send: Send, release: Release) -> None:
    for page in ("/downloads", "/mappings.html"):
        text = send(page).text
        assert "/mappings/aisb-gdpr.oscal.json" in text
        assert "/mappings/threats.oscal.json" not in text
        assert "/mappings/threats.sssom.json" in text
    link = send(f"/id/crosswalks/gdpr/aisb.csv?asOf={DAY}")
    assert link.headers["location"] == f"/crosswalks/gdpr/aisb.csv?asOf={DAY}"


def test_too_large_a_crosswalk_is_refused_and_the_rest_of_it_is_not(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_PAIRS", 100)
    refused = send("/crosswalks/iso42001/gdpr.csv")
    assert (refused.status_code, refused.json()["code"]) == (413, "INPUT_LIMIT")
    assert send("/crosswalks/iso42001/gdpr.csv?derived=false").status_code == 200


# ---------------------------------------------------------------------------- how bodies are made


class Maker:
    """A file that is made as slowly as the test says, and counts how often it was."""

    def __init__(self, blocks: int = 3, fault: int | None = None) -> None:
        self.blocks, self.fault = blocks, fault
        self.made = self.sent = 0
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def __call__(self) -> Iterator[bytes]:
        self.made += 1
        self.begun.set()
        for n in range(self.blocks):
            self.go.wait(20)
            if n == self.fault:
                raise ZeroDivisionError
            self.sent += 1
            yield bytes([65 + n % 26]) * BLOCK


def small(maker: Maker, serve: Serving, **more: Any) -> Starlette:
    """An application with one file."""

    def read(request: Request) -> Asked:
        says = () if "untagged" in request.query_params else ("file", str(request.query_params))
        return Asked(FORMATS["csv"], "file", "/file", says, maker, **more)

    async def endpoint(request: Request) -> Any:
        request.state.request_id = "the-request"
        return await serve(request, read)

    async def refuse(request: Request, error: Exception) -> Any:
        assert isinstance(error, KgError)
        return refusal(request, error)

    return Starlette(routes=[Route("/file", endpoint)], exception_handlers={KgError: refuse})


async def asgi(app: Any, *, query: str = "", take: int | None = None, pause: Any = None) -> tuple[int, list[bytes]]:
    """One GET, spoken in ASGI: the status and the blocks.  After ``take`` blocks the client goes away."""
    gone = asyncio.Event()
    blocks: list[bytes] = []
    status = 0

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["body"]:
            blocks.append(message["body"])
            if pause:
                await pause()
            if take is not None and len(blocks) >= take:
                gone.set()
                await asyncio.sleep(3600)

    if take == 0:
        gone.set()
    scope = {
        "type": "http", "method": "GET", "path": "/file", "raw_path": b"/file", "query_string": query.encode(),
        "headers": [], "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "state": {},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 30)
    return status, blocks


def test_who_asks_for_the_same_shares_it() -> None:
    maker, serve = Maker(), Serving()
    app = small(maker, serve)

    async def all_at_once() -> list[tuple[int, list[bytes]]]:
        maker.go.clear()
        asked = asyncio.gather(*(asgi(app) for _ in range(20)))
        await asyncio.to_thread(maker.begun.wait)
        maker.go.set()
        return await asked

    found = asyncio.run(all_at_once())
    assert {b"".join(blocks) for _, blocks in found} == {b"A" * BLOCK + b"B" * BLOCK + b"C" * BLOCK}
    assert asyncio.run(asgi(app))[0] == 200
    assert maker.made == 1
    asyncio.run(asgi(app, query="a=1"))
    assert maker.made == 2


def test_what_has_no_validator_or_is_private_is_made_for_each() -> None:
    for query, more in (("untagged=1", {}), ("", {"private": True})):
        maker = Maker()
        app = small(maker, Serving(), **more)
        for _ in range(2):
            assert asyncio.run(asgi(app, query=query))[0] == 200
        assert maker.made == 2


def test_a_file_arrives_while_it_is_made() -> None:
    maker = Maker(blocks=4)
    app = small(maker, Serving())

    async def go() -> None:
        held = asyncio.Event()

        async def pause() -> None:
            if maker.sent == 1:  # the first block is here, and the second is not yet made
                assert not held.is_set()
                held.set()
                maker.go.set()

        real = maker.go
        gate = threading.Event()

        class Gate:
            def wait(self, seconds: float) -> None:
                if maker.sent == 1:
                    gate.wait(seconds)

            def set(self) -> None:
                gate.set()

        maker.go = Gate()  # type: ignore[assignment]
        status, blocks = await asgi(app, pause=pause)
        assert (status, len(b"".join(blocks))) == (200, 4 * BLOCK)
        assert held.is_set()
        assert real.is_set()

    asyncio.run(go())


def test_nobody_waits_for_a_slow_client_and_nobody_makes_what_nobody_wants() -> None:
    maker = Maker(blocks=40)
    serve = Serving(Bodies(at_once=1))
    app = small(maker, serve)

    async def go() -> None:
        stalled = asyncio.create_task(asgi(app, take=1, pause=lambda: asyncio.sleep(3600)))
        while maker.sent < 40:  # one client has stalled on its first block, and the file is made all the same
            await asyncio.sleep(0.01)
        assert len((await asgi(app))[1]) == 40
        stalled.cancel()
        await asyncio.gather(stalled, return_exceptions=True)
        maker.go.clear()
        maker.begun.clear()
        await asgi(app, query="b=1", take=0)  # gone before anything was sent
        maker.go.set()
        sent = maker.sent
        assert len((await asgi(app, query="c=1"))[1]) == 40  # its turn comes when the other was given up
        assert maker.sent - sent < 50

    asyncio.run(go())
    assert maker.made <= 3


def test_more_than_can_be_made_is_refused_at_once() -> None:
    maker = Maker()
    app = small(maker, Serving(Bodies(at_once=1, queued=1)))

    async def go() -> None:
        maker.go.clear()
        first = asyncio.create_task(asgi(app, query="n=1"))
        await asyncio.to_thread(maker.begun.wait)
        second = asyncio.create_task(asgi(app, query="n=2"))
        await asyncio.sleep(0.2)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            refused = await client.get("/file?n=3")
            assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
            assert int(refused.headers["retry-after"]) > 0
            joined = asyncio.create_task(asgi(app, query="n=1"))  # what is under way costs nothing more
            await asyncio.sleep(0.1)
            maker.go.set()
            assert [(await t)[0] for t in (first, second, joined)] == [200, 200, 200]
            assert (await client.get("/file?n=3")).status_code == 200

    asyncio.run(go())


def test_a_fault_is_a_refusal_before_the_first_byte_and_a_break_after_it() -> None:
    early = small(Maker(fault=0), Serving())
    with pytest.raises(ZeroDivisionError):
        asyncio.run(asgi(early))
    late = Maker(blocks=5, fault=3)
    app = small(late, Serving())
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        asyncio.run(asgi(app))  # the server closes the connection: a file cut short never looks whole
    late.fault = None
    assert asyncio.run(asgi(app))[0] == 200  # and it is not kept
    assert late.made == 2


def test_what_is_kept_is_bounded() -> None:
    bodies = Bodies(room=3 * BLOCK, most=5)
    app = small(maker := Maker(blocks=2), Serving(bodies))
    for n in range(4):
        asyncio.run(asgi(app, query=f"n={n}"))
    kept = [b.size for b in bodies._bodies.values()]
    assert sum(kept) <= 3 * BLOCK
    asyncio.run(asgi(app, query="n=3"))
    assert maker.made == 4  # the last one is still there
    maker.blocks = 4
    asyncio.run(asgi(app, query="large"))
    assert sum(b.size for b in bodies._bodies.values()) <= 3 * BLOCK
    maker.blocks = 0
    for n in range(10):
        asyncio.run(asgi(app, query=f"empty={n}"))
    assert len(bodies._bodies) <= 5


def test_a_large_file_takes_little_memory() -> None:
    maker = Maker(blocks=400)  # 100 MiB
    app = small(maker, Serving())
    size = 0

    async def go() -> None:
        nonlocal size

        async def send(message: Any) -> None:
            nonlocal size
            size += len(message.get("body", b""))

        async def receive() -> Any:
            await asyncio.sleep(3600)

        scope = {
            "type": "http", "method": "GET", "path": "/file", "raw_path": b"/file", "query_string": b"", "headers": [],
            "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "state": {},
        }  # fmt: skip
        await app(scope, receive, send)

    tracemalloc.start()
    try:
        asyncio.run(go())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 400 * BLOCK
    assert peak < 20 * BLOCK


# ---------------------------------------------------------------------------- organisations


@pytest.fixture
def world(release: Release, tmp_path: Path) -> Iterator[tuple[Store, FastAPI]]:
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        for id_ in ("alpha", "beta"):
            fill(store, release, id_)
        yield store, create_app(release, Gate(store))


def fill(store: Store, release: Release, id_: str, status: ControlStatus = ControlStatus.IMPLEMENTED) -> None:
    store.create_organization(f"The {id_} company", id=id_, actor=ME)
    rows = (ControlRow("aisb:DAT-01", SUPERSET_OF),)
    store.upsert_controls(id_, [Control(f"{id_}-1", "Hush", status, rows)], release=release, actor=ME)
    store.set_profile(id_, Profile(title="Hush"), release=release, actor=ME)


def private(app: FastAPI, organization: str) -> list[str]:
    """Every file of an organisation."""
    release = app.state.release
    found = []
    for address in app.state.addresses:
        if address.tag == "organisations":
            path = filled(address, release, organization=organization, framework="gdpr")
            found += [path, *(f"{path}.{form.extension}" for form in address.forms)]
    return found


def test_an_organisations_files_are_the_answers(world: tuple[Store, FastAPI], release: Release) -> None:
    store, app = world
    key = store.create_key("alpha", Role.VIEWER, actor=ME).token
    send, state = sender(app), store.load("alpha")
    auth = {"Authorization": f"Bearer {key}"}
    assessment = answers.assess(release, state.controls, state.profile, DAY)
    expected = {"coverage": assessment.coverage("gdpr"), "gaps": gap_report(assessment, "gdpr")}
    for name, answer in expected.items():
        for form in ("json", "csv", "md", "xlsx"):
            found = send(f"/organizations/alpha/{name}/gdpr.{form}?asOf={DAY}", **auth)
            assert found.content == b"".join(write(answer, release, form)), (name, form)
            assert found.headers["cache-control"] == "private, no-store"
            assert "Authorization" in found.headers["vary"]
    every = [assessment.coverage(f) for f in release.frameworks]
    whole = send(f"/organizations/alpha/coverage.json?asOf={DAY}", **auth)
    assert whole.content == b"".join(write(every, release, "json"))
    table = send("/organizations/alpha/controls.csv", **auth).text
    assert table == writing.controls_csv(state.controls)
    assert send("/organizations/alpha/controls", **auth).json()["controls"][0]["title"] == "Hush"
    for path in private(app, "alpha"):
        if "/plan/" not in path or path.endswith(".csv"):  # each plan is searched for
            assert send(path, **auth).status_code == 200, path


def test_statements_about_an_organisation_are_the_answers(world: tuple[Store, FastAPI], release: Release) -> None:
    store, app = world
    auth = {"Authorization": f"Bearer {store.create_key('alpha', Role.VIEWER, actor=ME).token}"}
    send, state = sender(app), store.load("alpha")
    assessment = answers.assess(release, state.controls, state.profile, DAY)
    found = {"soa": statement_of_applicability(assessment), "readiness": duties(assessment)}
    for name, answer in found.items():
        forms = formats_for(answer)
        assert {f.name for f in forms} >= {"xlsx", "csv", "md", "html", "json"}
        for form in forms:
            given = send(f"/organizations/alpha/{name}.{form.extension}?asOf={DAY}", **auth)
            assert given.content == b"".join(write(answer, release, form)), (name, form)
            assert f'filename="alpha-{name}.{form.extension}"' in given.headers["content-disposition"]
        other = send(f"/organizations/alpha/{name}?asOf=2028-01-01", **auth)
        assert other.json()["asOf"] == "2028-01-01"
        refused = send(f"/organizations/alpha/{name}.pdf", **auth)
        assert refused.status_code == 404
        assert ".xlsx" in refused.json()["hint"]


def test_the_validator_is_of_what_the_organisation_says(world: tuple[Store, FastAPI], release: Release) -> None:
    store, app = world
    send, auth = sender(app), {"Authorization": f"Bearer {store.create_key('alpha', Role.VIEWER, actor=ME).token}"}
    path = "/organizations/alpha/coverage/gdpr.json"
    one = send(path, **auth).headers["etag"]
    assert send(path, If_None_Match=one, **auth).status_code == 304
    store.erase_organization("alpha", actor=ME)
    fill(store, release, "alpha", ControlStatus.PLANNED)  # the same revisions again
    auth = {"Authorization": f"Bearer {store.create_key('alpha', Role.VIEWER, actor=ME).token}"}
    other = send(path, If_None_Match=one, **auth)
    assert other.status_code == 200
    assert other.headers["etag"] != one


def test_no_file_tells_anything_to_the_wrong_key(world: tuple[Store, FastAPI]) -> None:
    """Every file of an organisation with secrets and of one that does not exist: the same answers, and the store is
    asked the same."""
    import sqlalchemy as sa

    store, app = world
    send = sender(app)
    asked: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda c, cur, statement, *_: asked.append(statement))
    keys = {role.value: store.create_key("alpha", role, actor=ME).token for role in (Role.VIEWER, Role.ADMIN)}
    keys |= {"platform": store.create_key(PLATFORM, Role.PLATFORM_ADMIN, actor=ME).token, "nobody": ""}
    mine = private(app, "beta")
    assert len(mine) > 25
    for who, token in keys.items():
        for query in ("", "?asOf=2026-11-23", "?nonsense=1", "?release=0123456789abcdef"):
            for path in mine if not query else mine[::7]:
                told = []
                for organization in ("beta", "zeta"):
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    asked.clear()
                    found = send(path.replace("beta", organization) + query, X_Request_ID="the-request", **headers)
                    assert found.status_code == (404 if token else 401), (who, path)
                    assert "Hush" not in found.text
                    reads = [
                        s for s in asked if "api_keys" not in s and not s.startswith(("BEGIN", "COMMIT", "PRAGMA"))
                    ]
                    told.append((found.text.replace(organization, "ORG"), dict(found.headers), reads))
                assert told[0] == told[1], (who, path)
    for bad in ("kgk_nonsense", "x.y.z"):
        found = send(mine[0], Authorization=f"Bearer {bad}")
        assert (found.status_code, found.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_kept_file_is_never_given_to_another(world: tuple[Store, FastAPI]) -> None:
    store, app = world
    send = sender(app)
    keys = {id_: store.create_key(id_, Role.VIEWER, actor=ME).token for id_ in ("alpha", "beta")}
    tag = send("/organizations/beta/coverage/gdpr.json", Authorization=f"Bearer {keys['beta']}").headers["etag"]
    found = send("/organizations/beta/coverage/gdpr.json", Authorization=f"Bearer {keys['alpha']}", If_None_Match=tag)
    assert found.status_code == 404
    assert send("/organizations/beta/coverage/gdpr.json", If_None_Match="*").status_code == 401


# ---------------------------------------------------------------------------- the page of the docs


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_of_the_docs_work(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "downloads.md").read_text(encoding="utf-8")
    commands = re.findall(r"^curl .*$", page, re.MULTILINE)
    assert len(commands) >= 10
    with Server("--stateless", XDG_DATA_HOME=str(tmp_path)) as server:
        for command in commands:
            if "harrow" in command:
                continue  # needs a key of one's own
            words = shlex.split(command.replace("http://127.0.0.1:8000", server.url), comments=True)
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60)
            assert done.returncode == 0, (command, done.stderr)
    assert (tmp_path / "graph.csv").stat().st_size > 1_000_000  # --etag-compare got 304 and left it as it was
    assert (tmp_path / "beginning.csv").stat().st_size == 100
    assert zipfile.is_zipfile(tmp_path / "eu-ai-act.xlsx")
