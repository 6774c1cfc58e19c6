"""What is answered first: GraphQL, and whether the server is ready, while the rest is still being made.

FastAPI and pydantic take longer to import than GraphQL takes to answer, and GraphQL needs neither.
"""

from __future__ import annotations

import asyncio

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.access import Gate
from api.answered import Answers
from api.graphql_http import GraphQLView
from api.middleware import Envelope
from api.observability import Metrics
from api.responses import refusal
from api.schema import schema
from api.served import GRAPHQL, READY
from kg.errors import KgError
from kg.release import Release

__all__ = ["HANDLERS", "graphql_alone", "graphql_view", "readiness"]

_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 413: "BODY_TOO_LARGE"}


def graphql_view(release: Release, gate: Gate, metrics: Metrics) -> GraphQLView:
    """GraphQL over ``release``, with answers of its own at hand."""
    return GraphQLView(schema, release, gate, metrics, Answers())


def readiness(release: Release, gate: Gate, stopping: bool) -> dict[str, str]:
    """What ``/readyz`` says: whether the database answers, and whether the server is about to stop.

    Raises :class:`~kg.errors.StoreError` where the database does not."""
    if stopping:
        return {"status": "stopping", "release": release.digest, "store": "none"}
    if gate.store is not None:
        gate.store.ping()
    return {"status": "ready", "release": release.digest, "store": "none" if gate.store is None else "ready"}


def graphql_alone(view: GraphQLView, release: Release, gate: Gate, metrics: Metrics) -> Starlette:
    """An application that has nothing but GraphQL and ``/readyz``, and answers to the byte as the whole one does."""

    async def ready(request: Request) -> Response:
        said = await asyncio.to_thread(readiness, release, gate, request.app.state.stopping)
        return Response(orjson.dumps(said), 200 if said["status"] == "ready" else 503, media_type="application/json")

    app = Starlette(
        routes=[Route(GRAPHQL, view), Route(READY, ready)],
        middleware=[Middleware(Envelope, metrics=metrics)],
        exception_handlers=HANDLERS,
    )
    app.state.stopping = False
    return app


def _library_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, KgError)
    return refusal(request, error)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "BAD_REQUEST" if error.status_code < 500 else "INTERNAL")
    detail = f"there is nothing at {request.url.path}" if code == "NOT_FOUND" else ""
    return refusal(request, code, detail, headers=error.headers)


#: What becomes of an error that no address answers itself.
HANDLERS = {KgError: _library_error, HTTPException: _http_error}
