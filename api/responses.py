"""Refusals outside GraphQL: a problem document (RFC 9457) for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.errors import problem
from api.negotiation import best
from api.pages import problem_page
from kg.errors import KgError

__all__ = ["PROBLEM", "refusal"]

PROBLEM = "application/problem+json"
#: Status → what goes with it.
_MORE = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}


def refusal(
    request: Request, error: KgError | str, detail: str = "", *, headers: Mapping[str, str] | None = None
) -> Response:
    """The response to a request that is refused for a library error or a code."""
    request_id = request.state.request_id
    status, document = problem(error, request_id, detail)
    more = {"Vary": "Accept", "Cache-Control": "no-store", **_MORE.get(status, {}), **(headers or {})}
    if best(request.headers.get("accept"), ("application/json", PROBLEM, "text/html")) == "text/html":
        html = problem_page(document["title"], document["detail"], document["hint"], request_id)
        return HTMLResponse(html, status, more)
    return Response(orjson.dumps(document), status, more, media_type=PROBLEM)
