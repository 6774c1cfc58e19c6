"""What is answered first: GraphQL by itself, while the rest of the application is still being made.

FastAPI and pydantic take longer to import than GraphQL takes to answer, and GraphQL needs neither.
"""

from __future__ import annotations

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
from api.served import GRAPHQL
from kg.errors import KgError
from kg.release import Release

__all__ = ["HANDLERS", "graphql_alone", "graphql_view"]

_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 413: "BODY_TOO_LARGE"}


def graphql_view(release: Release, gate: Gate, metrics: Metrics) -> GraphQLView:
    """GraphQL over ``release``, with answers of its own at hand."""
    return GraphQLView(schema, release, gate, metrics, Answers())


def graphql_alone(view: GraphQLView, metrics: Metrics) -> Starlette:
    """An application that has nothing but GraphQL and answers it to the byte as the whole one does."""
    return Starlette(
        routes=[Route(GRAPHQL, view)],
        middleware=[Middleware(Envelope, metrics=metrics)],
        exception_handlers=HANDLERS,
    )


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
