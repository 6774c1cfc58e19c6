"""``/sparql``: the SPARQL 1.1 protocol, query operation only, over the release and nothing else.

Thin over :mod:`kg.sparql`: this module reads the request, chooses formats and writes the answer.  Without a query it
describes itself, for people with a form.  What organisations keep is not in the dataset.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from threading import Lock
from typing import IO, Any
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from api.errors import CODES
from api.linked import body_of, not_acceptable
from api.negotiation import best
from api.responses import refusal
from kg.errors import KgError
from kg.release import Release
from kg.sparql import BusyError, Limits, Pool, Result, Ticket
from kg.sparql import Request as Asked

__all__ = ["GRAPHS", "RESULTS", "add_sparql"]

#: Media type → ending, of the results of SELECT and ASK; the first where a client takes anything.
RESULTS = {
    "application/sparql-results+json": "json",
    "application/sparql-results+xml": "xml",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/xml": "xml",
    "text/html": "html",
}
#: The same of CONSTRUCT and DESCRIBE.
GRAPHS = {
    "text/turtle": "ttl",
    "application/n-triples": "nt",
    "application/rdf+xml": "rdf",
    "application/ld+json": "jsonld",
    "application/xml": "rdf",
    "text/html": "html",
}
#: What ``format=`` may say, for who cannot set a header: a link, a form.
_NAMES = {**{e: m for m, e in reversed(RESULTS.items())}, **{e: m for m, e in reversed(GRAPHS.items())}}
_METHODS = "GET, HEAD, POST, OPTIONS"
_ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Request-ID, X-Release, X-Truncated, Retry-After",
}
_FORM, _DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"
_PIECE = 64 * 1024
_MAX_FIELDS = 200
#: How many rows the page shows; the data formats have the rest.
MAX_SHOWN = 500
_MAX_SHOWN_BYTES = 500_000


class _Refused(KgError):
    """A request that is no SPARQL request."""


def _refuse(message: str, hint: str, code: str = "BAD_QUERY") -> _Refused:
    return _Refused(message, hint, code=code)


# ---------------------------------------------------------------- what comes in


async def _body(request: Request, limit: int) -> bytes:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > limit:
            raise _refuse(f"the request is longer than {limit:,} bytes", "send a shorter query", "BODY_TOO_LARGE")
    return bytes(found)


def _fields(text: bytes | str, what: str) -> list[tuple[str, str]]:
    try:
        raw = text.decode("ascii") if isinstance(text, bytes) else text
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeDecodeError:
        raise _refuse(f"{what} is not UTF-8", "encode it as UTF-8, then for the address") from None
    except ValueError:
        raise _refuse(f"{what} has more than {_MAX_FIELDS} parameters", "name fewer graphs") from None


async def _asked(request: Request, limits: Limits) -> list[tuple[str, str]]:
    """The parameters of the protocol, wherever they stand; raises for what is no query operation."""
    found = _fields(request.scope["query_string"], "the address")
    if request.method != "POST":
        return found
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    media = media.strip().lower()
    if media == "application/sparql-update":
        raise _refuse("updates are refused", "this graph is only read", "UNSUPPORTED_MEDIA_TYPE")
    if media not in (_FORM, _DIRECT):
        said = f"a body of type {media} is not read" if media else "the body has no content type"
        raise _refuse(said, f"send {_DIRECT} or {_FORM}", "UNSUPPORTED_MEDIA_TYPE")
    charset = parameters.lower().partition("charset=")[2].split(";")[0].strip().strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise _refuse(f"the body is in {charset[:40]}", "send UTF-8")
    body = await _body(request, 12 * limits.length)  # a character is at most four bytes, each written in three
    if media == _FORM:
        if any(name == "query" for name, _ in found):
            raise _refuse("a query in the address and in the body", "send one")
        return found + _fields(body, "the body")
    try:
        return [*found, ("query", body.decode("utf-8-sig"))]
    except UnicodeDecodeError:
        raise _refuse("the body is not UTF-8", "send UTF-8") from None


def _one(fields: list[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in fields if key == name]
    if len(values) > 1:
        raise _refuse(f"{len(values)} times `{name}`", "send one")
    return values[0] if values else None


def _formats(request: Request, wanted: str | None) -> tuple[str, str]:
    """The endings for the two kinds of result, empty where none would do."""
    if wanted:
        if wanted not in _NAMES:
            raise _refuse(f"there is no format `{wanted}`", "one of " + ", ".join(sorted(_NAMES)), "NOT_ACCEPTABLE")
        return (wanted if wanted in RESULTS.values() else ""), (wanted if wanted in GRAPHS.values() else "")
    accept = request.headers.get("accept")
    results, graph = best(accept, tuple(RESULTS)), best(accept, tuple(GRAPHS))
    if results is None and graph is None:
        raise not_acceptable([m for m in (*RESULTS, *GRAPHS) if not m.startswith("application/xml")])
    return RESULTS.get(results or "", ""), GRAPHS.get(graph or "", "")


# ---------------------------------------------------------------- what goes out


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _headers(release: Release, result: Result, asked: Asked, limits: Limits) -> dict[str, str]:
    headers = {**_ANYBODY, "Vary": "Accept", "Cache-Control": "no-cache", "X-Release": release.digest}
    if result.cut:
        rows, size = asked.within(limits)
        limit = rows if result.cut == "rows" else size
        headers["X-Truncated"] = f"{result.cut}; limit={limit}"
    return headers


@asynccontextmanager
async def _cancelling(request: Request, ticket: Ticket) -> AsyncIterator[None]:
    """Gives the query up where the client goes away before the answer."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        ticket.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        yield
        group.cancel_scope.cancel()


class _Endpoint:
    """The address, and the workers of the release that answers at the time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = Lock()
        self._pool: tuple[str, Pool] | None = None
        self._threads = anyio.CapacityLimiter(limits.workers + limits.waiting + 1)

    def _workers(self, release: Release) -> Pool:
        """The pool of this release; that of a release which was replaced goes when its last query has its answer."""
        with self._lock:
            if self._pool is None or self._pool[0] != release.digest:
                self._pool = (release.digest, Pool.of(release, self._limits))
            return self._pool[1]

    async def __call__(self, request: Request) -> Response:
        """Answer one request; every refusal is a problem document that a page of another origin may read."""
        try:
            return await self._answer(request)
        except KgError as error:
            more = {"Retry-After": str(error.seconds)} if isinstance(error, BusyError) else {}
            return refusal(request, error, headers={**_ANYBODY, **more})

    async def _answer(self, request: Request) -> Response:
        fields = await _asked(request, self._limits)
        release: Release = request.app.state.release
        if any(name in ("update", "using-graph-uri", "using-named-graph-uri") for name, _ in fields):
            raise _refuse("updates are refused", "this graph is only read")
        query = _one(fields, "query")
        wanted = _one(fields, "format")
        if query is None or (not query.strip() and request.method != "POST"):
            if request.method == "POST":
                raise _refuse("there is no query", "send it as `query`")
            return await self._description(request, release, wanted)
        results, graph = _formats(request, wanted)
        page = "html" in (results, graph)
        asked = Asked(
            query,
            tuple(value for name, value in fields if name == "default-graph-uri"),
            tuple(value for name, value in fields if name == "named-graph-uri"),
            "json" if results == "html" else results,
            "ttl" if graph == "html" else graph,
            rows=MAX_SHOWN if page else None,
            size=_MAX_SHOWN_BYTES if page else None,
        )
        ticket = Ticket()
        run = partial(self._run, release, asked, ticket)
        if self._threads.borrowed_tokens >= self._threads.total_tokens:
            raise BusyError(max(1, round(self._limits.seconds)))
        result: Result | KgError
        async with _cancelling(request, ticket):
            result = await anyio.to_thread.run_sync(run, limiter=self._threads)
        if isinstance(result, KgError):
            if page and result.code != "NOT_ACCEPTABLE":
                return await self._page(release, query, result)
            raise result
        headers = _headers(release, result, asked, self._limits)
        if page:
            return await self._page(release, query, result, headers)
        names = [m for m, e in (GRAPHS if result.kind == "graph" else RESULTS).items() if e == result.format]
        media = (None if wanted else best(request.headers.get("accept"), names)) or names[0]
        headers["Content-Length"] = str(result.size)
        if request.method == "HEAD":
            result.file.close()
            return Response(headers=headers, media_type=media)
        return StreamingResponse(_pieces(result.file), headers=headers, media_type=media)

    def _run(self, release: Release, asked: Asked, ticket: Ticket) -> Result | KgError:
        """In a thread.  A refusal is given back, for it would else arrive inside a group of errors."""
        try:
            return self._workers(release).run(asked, ticket)
        except KgError as error:
            return error

    async def _page(
        self,
        release: Release,
        query: str,
        result: Result | KgError | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """The form, with the result or what is wrong."""
        from api.sparql_page import render

        html = await anyio.to_thread.run_sync(partial(render, release, query, result, self._limits))
        status = CODES[result.code][0] if isinstance(result, KgError) else 200
        more = {"Retry-After": str(result.seconds)} if isinstance(result, BusyError) else {}
        return HTMLResponse(html, status, {"Vary": "Accept", **(headers or {}), **more})

    async def _description(self, request: Request, release: Release, wanted: str | None) -> Response:
        _, graph = _formats(request, wanted)
        if not graph:
            raise not_acceptable(list(GRAPHS))
        if graph == "html":
            return await self._page(release, "")
        from kg.catalogue import SPARQL

        body = await anyio.to_thread.run_sync(body_of, request, release, SPARQL, graph)
        media = next(m for m, e in GRAPHS.items() if e == graph)
        return Response(body, media_type=media, headers={**_ANYBODY, "Vary": "Accept", "Cache-Control": "no-cache"})


async def _options(request: Request) -> Response:
    headers = {
        **_ANYBODY,
        "Allow": _METHODS,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": "Accept, Content-Type, X-Request-ID",
        "Access-Control-Max-Age": "86400",
    }
    return Response(status_code=204, headers=headers)


async def _other(request: Request) -> Response:
    raise HTTPException(405, headers={"Allow": _METHODS})


async def _get(request: Request) -> Response:
    """The SPARQL 1.1 protocol, read-only: `SERVICE` and updates are refused, a query is stopped at its deadline, and a
    result that is cut at the limit says so in `X-Truncated`. Parameters that the protocol does not have are ignored.
    Without `query`: the service description."""
    return await _answered(request)


async def _post(request: Request) -> Response:
    """The same with the query in the body, for long ones."""
    return await _answered(request)


async def _answered(request: Request) -> Response:
    endpoint: _Endpoint = request.app.state.sparql
    return await endpoint(request)


def add_sparql(app: FastAPI, limits: Limits | None = None) -> None:
    """Put ``/sparql`` on the application.  Workers start with the first query."""
    app.state.sparql = _Endpoint(limits or Limits())
    app.get("/sparql", summary="Ask in SPARQL", response_class=Response, responses=_RESPONSES, openapi_extra=_GET)(_get)
    app.post("/sparql", summary="Ask in SPARQL", response_class=Response, responses=_POSTED, openapi_extra=_POST)(_post)
    app.add_api_route("/sparql", _get, methods=["HEAD"], include_in_schema=False)
    app.add_api_route("/sparql", _options, methods=["OPTIONS"], include_in_schema=False)
    app.add_api_route("/sparql", _other, methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)


def _parameter(name: str, description: str, *, several: bool = False, example: Any = None) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "array", "items": {"type": "string"}} if several else {"type": "string"}
    found = {"name": name, "in": "query", "description": description, "required": False, "schema": kind}
    return found | ({"example": example} if example else {})


_QUERY = "SELECT ?control ?title WHERE { ?control a kg:ReferenceControl ; dcterms:title ?title } LIMIT 5"
_DATASET = [
    _parameter("default-graph-uri", "A graph to take for the default graph; left out: all of them.", several=True),
    _parameter("named-graph-uri", "A graph that `GRAPH` may name; left out: all of them.", several=True),
]
_FORMAT = _parameter("format", "The format where no header can say it: " + ", ".join(sorted(_NAMES)) + ".")
_GET = {"parameters": [_parameter("query", "A SPARQL 1.1 query.", example=_QUERY), *_DATASET, _FORMAT]}
_POST = {
    "parameters": [*_DATASET, _FORMAT],
    "requestBody": {
        "required": True,
        "content": {
            _DIRECT: {"schema": {"type": "string"}, "example": _QUERY},
            _FORM: {
                "schema": {
                    "type": "object",
                    "properties": {"query": {"type": "string", "description": "A SPARQL 1.1 query."}},
                    "required": ["query"],
                },
                "example": {"query": _QUERY},
            },
        },
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in {**RESULTS, **GRAPHS}}},
    400: {"description": "No SPARQL request, or a query that does not parse or asks for more than reading."},
    406: {"description": "None of the formats the client accepts can be given; the hint lists them."},
    422: {"description": "The query was stopped at its deadline, or needs more memory than one may have."},
    503: {"description": "Too many queries at once; `Retry-After` says when to ask again."},
}
_POSTED: dict[int | str, dict[str, Any]] = {
    **_RESPONSES,
    413: {"description": "The body is too large."},
    415: {"description": "The body is of a type that is not read: updates, and what says no type."},
}
