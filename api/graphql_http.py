"""GraphQL over HTTP (the working draft that npm ``graphql-http`` audits).

A refused request is JSON with a code, whichever layer refuses it; the media type follows ``Accept``; every error passes
:func:`api.errors.present`; the page is ours and comes from this server.

An answer is computed in a thread, so that a long one does not stop the others.  Handing over costs more than a small
answer does: an operation that does not ask the store and has shown to be quick (:class:`api.schema.prepared.Pace`) is
answered where it came in.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from time import thread_time
from typing import Any, TypeVar

import anyio.to_thread
import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.types import ExecutionResult

from api.access import Gate, Principal
from api.answered import Answer, Answers, asker
from api.context import Context, Kept
from api.errors import PARSE_AND_VALIDATION_STATUS, present, problem
from api.graphiql import POLICY, render
from api.negotiation import best
from api.observability import Metrics
from api.oidc import TokenError
from api.schema import KgSchema
from api.schema.prepared import Prepared
from kg.release import Release

__all__ = ["GRAPHQL_RESPONSE", "MAX_BODY", "GraphQLView"]

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
#: In order of preference where the client has none.
_MEDIA_TYPES = (JSON, GRAPHQL_RESPONSE)
#: The largest request body, in bytes: some 20,000 controls.
MAX_BODY = 8 * 1024 * 1024
#: Answers computed at once; the rest waits.  Fewer than the threads and the connections to the database that there are,
#: so that who asks is settled, and ``/readyz`` answers, however long the questions under way take.
THREADS = 10
#: The threads of every release; they begin when they are asked for.
_POOL = ThreadPoolExecutor(THREADS, "graphql")
_T = TypeVar("_T")
#: The most objects and other values of the variables: the controls, mappings and evidence of the largest request, and
#: more.  What is too much is refused before each of them is read by its type.
MAX_OBJECTS, MAX_VALUES = 40_000, 400_000
#: Answers of this many bytes are compressed, for who takes gzip; the level is the one that costs least per byte saved.
COMPRESSED, LEVEL = 4096, 4
#: The largest request whose answer is kept.
KEPT_REQUEST = 1024 * 1024

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


class _RefusedError(Exception):
    """A request that never became GraphQL."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class _Asked:
    """The parameters of a request, each of its type or absent."""

    query: str | None
    variables: dict[str, Any] | None
    operation: str | None
    extensions: dict[str, Any] | None


class GraphQLView:
    """One endpoint, a plain ASGI application: the page for people, the answers for programs.

    ``answers`` is where answers are kept; ``None`` keeps none.
    """

    def __init__(
        self, schema: KgSchema, release: Release, gate: Gate, metrics: Metrics, answers: Answers | None = None
    ) -> None:
        self._schema = schema
        self._release = release
        self._gate = gate
        self._metrics = metrics
        self._shared = Kept()
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; there are no subscriptions, so nothing else comes here."""
        request = Request(scope)
        try:
            response = await self._respond(request, receive)
        except _RefusedError as error:
            response = self._refusal(request, error)
        response.headers["Vary"] = "Accept, Accept-Encoding, Authorization"
        response.headers.setdefault("Cache-Control", "no-store")
        await response(scope, receive, send)

    async def _respond(self, request: Request, receive: Receive) -> Response:
        headers = request.headers
        accepted = _accepted(headers.get("accept"))
        if accepted is None:
            raise _RefusedError(406, f"answers are {JSON} or {GRAPHQL_RESPONSE}")
        principal = await self._principal(headers)
        request.state.principal = principal
        method = request.method
        if method not in ("GET", "POST"):
            raise _RefusedError(405, "GraphQL only supports GET and POST requests.")
        if method == "GET" and accepted == "text/html":
            return HTMLResponse(render(), headers={"Content-Security-Policy": POLICY})
        media_type = JSON if accepted == "text/html" else accepted
        if method == "GET":
            sent = request.scope["query_string"]
        else:
            _check_content_type(headers.get("content-type", ""))
            sent = await _body(receive)
        key = None
        if self._answers is not None and len(sent) <= KEPT_REQUEST:
            key = (self._release.digest, date.today(), asker(principal), method, blake2b(sent).digest())
            kept = self._answers.get(key)
            if kept is not None:
                if not kept.heads or await anyio.to_thread.run_sync(kept.holds, self._gate.store):
                    return _kept_response(kept, headers, method, media_type)
                self._answers.drop(key)
        asked = _of_query_string(request.query_params) if method == "GET" else _of_body(sent)
        _check_values(asked.variables)
        store = self._gate.store
        context = Context(
            self._release, request.state.request_id, principal, store, self._shared, self._metrics,
            writable=store is not None and method == "POST",
        )  # fmt: skip
        packed = _takes_gzip(headers)
        return await self._computed(asked, context, key, media_type, headers, method, packed)

    async def _principal(self, headers: Headers) -> Principal:
        """Who asks: who sends nothing is known without a look into the store."""
        try:
            if "authorization" in headers:
                return await anyio.to_thread.run_sync(self._gate.principal, headers)
            return self._gate.principal(headers)
        except TokenError as error:
            self._metrics.refused(error.code)
            raise _RefusedError(401, error.message) from None

    async def _computed(
        self,
        asked: _Asked,
        context: Context,
        key: Hashable,
        media_type: str,
        headers: Headers,
        method: str,
        packed: bool,
    ) -> Response:
        """The answer, computed here if that takes little, else in a thread."""
        known = self._schema.documents.prepared(asked.query, asked.operation)
        cost = known.cost.of(asked.variables) if known is not None else 0

        def compute() -> tuple[int, bytes, bytes | None, Answer | None]:
            begun = thread_time()
            result = self._execute(asked, context)
            prepared = known or self._schema.documents.prepared(asked.query, asked.operation)
            said = self._said(result, context.request_id)
            body = orjson.dumps(said)
            compressed = _compressed(body) if packed and len(body) >= COMPRESSED else None
            answer = None
            if key is not None and not result.errors and _again(context, prepared, asked):
                answer = Answer.of(body, compressed, context.heads)
            if prepared is not None:
                prepared.pace.note(thread_time() - begun, cost)
            return _status(said, media_type), body, compressed, answer

        if known is not None and known.offline and known.pace.quick(cost):
            status, body, compressed, answer = compute()
        else:
            status, body, compressed, answer = await _in_thread(compute)
        if answer is not None and self._answers is not None and key is not None:
            self._answers.put(key, answer)
            return _kept_response(answer, headers, method, media_type)
        return _response(body, compressed if packed else None, status, media_type, {})

    def _execute(self, asked: _Asked, context: Context) -> ExecutionResult:
        try:
            return self._schema.execute_sync(
                asked.query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation,
                operation_extensions=asked.extensions,
                written=True,
            )
        except MissingQueryError as error:
            raise _RefusedError(400, "there is no `query`") from error

    def _said(self, result: ExecutionResult, request_id: str) -> dict[str, Any]:
        """The answer as it leaves the server.  Where nothing was executed there is no ``data``."""
        found: dict[str, Any] = {}
        if result.errors:
            found["errors"] = [present(error, request_id) for error in result.errors]
        if not (result.data is None and all("path" not in error for error in found.get("errors", ()))):
            found["data"] = result.data
        if result.extensions:
            found["extensions"] = result.extensions
        return found

    def _refusal(self, request: Request, error: _RefusedError) -> Response:
        """A request that never became GraphQL."""
        code = _CODES.get(error.status, "BAD_REQUEST")
        _, said = problem(code, request.state.request_id, error.reason)
        extensions = {key: said[key] for key in ("code", "hint", "requestId")} | {"docs": said["type"]}
        body = {"errors": [{"message": said["detail"], "extensions": extensions}]}
        more = {405: {"Allow": "GET, POST"}, 401: {"WWW-Authenticate": 'Bearer realm="organisations"'}}
        headers = more.get(error.status)
        accepted = best(request.headers.get("accept"), _MEDIA_TYPES) or JSON
        return Response(orjson.dumps(body), error.status, headers, media_type=f"{accepted}; charset=utf-8")


async def _in_thread(work: Callable[[], _T]) -> _T:
    """What ``work`` returns, done in one of our threads: anyio's take a hundredth of a second to come by at first."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, copy_context().run, work)


@lru_cache(maxsize=256)
def _accepted(accept: str | None) -> str | None:
    """What the client would like best of what there is."""
    return best(accept, (*_MEDIA_TYPES, "text/html"))


def _status(said: Mapping[str, Any], media_type: str) -> int:
    """The status that the media type asks for."""
    if "data" in said or media_type != GRAPHQL_RESPONSE:
        return 200
    return 500 if any(e["extensions"]["code"] == "INTERNAL" for e in said["errors"]) else PARSE_AND_VALIDATION_STATUS


def _again(context: Context, prepared: Prepared | None, asked: _Asked) -> bool:
    """Whether the answer may be given again: a query whose answer rests on nothing but what is written down."""
    return prepared is not None and prepared.reads and not context.volatile and not asked.extensions


def _kept_response(answer: Answer, headers: Headers, method: str, media_type: str) -> Response:
    """An answer that may be given again.  What rests on no organisation may be kept by the client too, if it asks each
    time whether it still holds: that is for GET (RFC 9110, section 13.1.2)."""
    packed = answer.compressed if _takes_gzip(headers) else None
    more: dict[str, str] = {}
    if method == "GET":
        etag = f'"{answer.etag}-gzip"' if packed else f'"{answer.etag}"'
        more["ETag"] = etag
        if not answer.heads:
            more["Cache-Control"] = "private, no-cache"
        given = headers.get("if-none-match", "")
        if given.strip() == "*" or etag in [g.strip().removeprefix("W/") for g in given.split(",")]:
            return Response(status_code=304, headers=more)
    return _response(answer.body, packed, 200, media_type, more)


def _response(body: bytes, compressed: bytes | None, status: int, media_type: str, more: dict[str, str]) -> Response:
    if compressed is not None:
        more = {**more, "Content-Encoding": "gzip"}
    return Response(body if compressed is None else compressed, status, more, f"{media_type}; charset=utf-8")


def _takes_gzip(headers: Headers) -> bool:
    return _gzip(headers.get("accept-encoding", ""))


@lru_cache(maxsize=256)
def _gzip(accepted: str) -> bool:
    """Whether ``Accept-Encoding`` takes gzip (RFC 9110, section 12.5.3)."""
    wanted = {}
    for part in accepted.lower().split(","):
        name, *parameters = (p.strip() for p in part.split(";"))
        quality = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        wanted[name] = quality.strip("0.") != ""
    return wanted.get("gzip", wanted.get("*", False))


def _compressed(body: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, wbits=31)
    return packer.compress(body) + packer.flush()


def _check_content_type(given: str) -> None:
    kind, _, parameters = given.partition(";")
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if kind.strip().lower() != JSON or charset not in ("", "utf-8", "utf8"):
        raise _RefusedError(415, f"the body must be {JSON} in UTF-8")


async def _body(receive: Receive) -> bytes:
    """The request body, refused as soon as it is larger than :data:`MAX_BODY`."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError(400, "the client went away")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise _RefusedError(413, f"the body is larger than {MAX_BODY} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _parsed(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _RefusedError(400, "Unable to parse request body as JSON") from error


def _of_body(sent: bytes) -> _Asked:
    data = _parsed(sent)
    if not isinstance(data, dict):
        raise _RefusedError(400, "the body must be one JSON object; there are no batches")
    return _of(data)


def _of_query_string(given: QueryParams) -> _Asked:
    data: dict[str, Any] = dict(given)
    for name in ("variables", "extensions"):
        if data.get(name):
            data[name] = _parsed(data[name])
    return _of(data)


def _of(data: Mapping[str, Any]) -> _Asked:
    return _Asked(
        query=_member(data, "query", str),
        variables=_member(data, "variables", dict),
        operation=_member(data, "operationName", str),
        extensions=_member(data, "extensions", dict),
    )


def _check_values(variables: Any) -> None:
    """Refuse variables of more objects or values than any question has."""
    objects, values, left = 0, 0, [variables]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            objects += 1
            inner: Iterable[Any] = value.values()
        elif isinstance(value, list):
            inner = value
        else:
            continue
        values += len(value)
        if objects > MAX_OBJECTS or values > MAX_VALUES:
            message = f"the variables have more than {MAX_OBJECTS} objects or {MAX_VALUES} values"
            raise _RefusedError(413, message)
        left.extend(v for v in inner if isinstance(v, dict | list))


def _member(data: Mapping[str, Any], name: str, kind: type) -> Any:
    """A parameter of the request, ``None`` where it is absent or null."""
    value = data.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise _RefusedError(400, f"`{name}` must be {'a string' if kind is str else 'an object'} or null")
