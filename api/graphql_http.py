"""GraphQL over HTTP (the working draft that npm ``graphql-http`` audits), on Strawberry's own ASGI view.

What is changed: answers are computed in a thread, so that a long one does not stop the others; the media type follows
``Accept``; a refused request is JSON with a code, whichever layer refuses it; every error passes
:func:`api.errors.present`; the page is ours and comes from this server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from api.access import Gate
from api.context import Context, Kept
from api.errors import PARSE_AND_VALIDATION_STATUS, present, problem
from api.graphiql import POLICY, render
from api.negotiation import best
from api.observability import Metrics
from api.oidc import TokenError
from api.schema import KgSchema
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
#: The most objects and other values of the variables: the controls, mappings and evidence of the largest request, and
#: more.  What is too much is refused before each of them is read by its type.
MAX_OBJECTS, MAX_VALUES = 40_000, 400_000

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


class GraphQLView(GraphQL[Context, None]):
    """One endpoint: the page for people, the answers for programs."""

    def __init__(self, schema: KgSchema, release: Release, gate: Gate, metrics: Metrics) -> None:
        super().__init__(schema, subscription_protocols=())
        self._release = release
        self._gate = gate
        self._metrics = metrics
        self._shared = Kept()
        self._threads = anyio.CapacityLimiter(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; there are no subscriptions, so nothing else comes here."""
        request = Request(scope, _limited(receive))
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = self._refusal(request, error)
        response.headers["Vary"] = "Accept, Authorization"
        response.headers.setdefault("Cache-Control", "no-store")
        await response(scope, receive, send)

    # ------------------------------------------------------------------ what comes in

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Whether a person is looking: a GET that would rather have HTML than JSON."""
        return request.method == "GET" and best(_header(request, "accept"), (*_MEDIA_TYPES, "text/html")) == "text/html"

    async def render_graphql_ide(self, request: Request) -> Response:
        """The page with the editor."""
        return HTMLResponse(render(), headers={"Content-Security-Policy": POLICY})

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A fresh context with the id the request already has and who asks."""
        assert isinstance(request, Request)
        try:
            principal = await anyio.to_thread.run_sync(self._gate.principal, request.headers)
        except TokenError as error:
            self._metrics.refused(error.code)
            raise HTTPException(401, error.message) from None
        request.state.principal = principal
        store = self._gate.store
        return Context(
            self._release, request.state.request_id, principal, store, self._shared, self._metrics,
            writable=store is not None and request.method == "POST",
        )  # fmt: skip

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """An empty response that carries the media type to :meth:`create_response`."""
        response = await super().get_sub_response(request)
        accepted = best(request.headers.get("accept"), (*_MEDIA_TYPES, "text/html"))
        if accepted is None:
            raise HTTPException(406, f"answers are {JSON} or {GRAPHQL_RESPONSE}")
        response.headers["content-type"] = f"{JSON if accepted == 'text/html' else accepted}; charset=utf-8"
        return response

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The four parameters, each of its type or absent."""
        if request.method == "GET":
            data: Any = self.parse_query_params(request.query_params)
        else:
            kind, _, parameters = (request.content_type or "").partition(";")
            charset = parameters.partition("charset=")[2].strip(' "').lower()
            if kind.strip().lower() != JSON or charset not in ("", "utf-8", "utf8"):
                raise HTTPException(415, f"the body must be {JSON} in UTF-8")
            data = self.parse_json(await request.get_body())
        if not isinstance(data, dict):
            raise HTTPException(400, "the body must be one JSON object; there are no batches")
        _check_values(data.get("variables"))
        return GraphQLRequestData(
            query=_member(data, "query", str),
            variables=_member(data, "variables", dict),
            operation_name=_member(data, "operationName", str),
            extensions=_member(data, "extensions", dict),
        )

    def decode_json(self, data: str | bytes) -> object:
        """JSON, strictly."""
        return orjson.loads(data)

    # ------------------------------------------------------------------ what goes out

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Compute the answer in a thread."""
        run = partial(
            self.schema.execute_sync,
            request_data.query,
            variable_values=request_data.variables,
            context_value=context,
            operation_name=request_data.operation_name,
            operation_extensions=request_data.extensions,
            allowed_operation_types=set(OperationType),
        )
        try:
            return await anyio.to_thread.run_sync(run, limiter=self._threads)
        except MissingQueryError as error:
            raise HTTPException(400, "there is no `query`") from error

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer as it leaves the server.  Where nothing was executed there is no ``data``."""
        found: dict[str, Any] = {}
        if result.errors:
            found["errors"] = [present(error, request.state.request_id) for error in result.errors]
        if not (result.data is None and all("path" not in error for error in found.get("errors", ()))):
            found["data"] = result.data
        if result.extensions:
            found["extensions"] = result.extensions
        return found  # type: ignore[return-value]

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """JSON with the status that the media type asks for."""
        media_type = sub_response.headers["content-type"]
        status = 200
        if "data" not in response_data and media_type.startswith(GRAPHQL_RESPONSE):
            internal = any(e["extensions"]["code"] == "INTERNAL" for e in response_data["errors"])  # type: ignore
            status = 500 if internal else PARSE_AND_VALIDATION_STATUS
        return Response(orjson.dumps(response_data), status, media_type=media_type)

    def _refusal(self, request: Request, error: HTTPException) -> Response:
        """A request that never became GraphQL."""
        code = _CODES.get(error.status_code, "BAD_REQUEST")
        _, said = problem(code, request.state.request_id, error.reason)
        extensions = {key: said[key] for key in ("code", "hint", "requestId")} | {"docs": said["type"]}
        body = {"errors": [{"message": said["detail"], "extensions": extensions}]}
        more = {405: {"Allow": "GET, POST"}, 401: {"WWW-Authenticate": 'Bearer realm="organisations"'}}
        headers = more.get(error.status_code)
        accepted = best(request.headers.get("accept"), _MEDIA_TYPES) or JSON
        return Response(orjson.dumps(body), error.status_code, headers, media_type=f"{accepted}; charset=utf-8")


def _limited(receive: Receive) -> Receive:
    """The same request body, refused as soon as it is larger than :data:`MAX_BODY`."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise HTTPException(413, f"the body is larger than {MAX_BODY} bytes")
        return message

    return limited


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
            raise HTTPException(413, message)
        left.extend(v for v in inner if isinstance(v, dict | list))


def _header(request: BaseRequestProtocol, name: str) -> str | None:
    return next((value for key, value in request.headers.items() if key.lower() == name), None)


def _member(data: Mapping[str, Any], name: str, kind: type) -> Any:
    """A parameter of the request, ``None`` where it is absent or null."""
    value = data.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise HTTPException(400, f"`{name}` must be {'a string' if kind is str else 'an object'} or null")
