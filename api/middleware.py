"""What every response has: a request id, headers that keep a browser safe, a line in the log, and never a traceback."""

from __future__ import annotations

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.observability import Metrics
from api.pages import POLICY
from api.responses import refusal

__all__ = ["Envelope"]

log = logging.getLogger("api")
access = logging.getLogger("api.access")

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}


class Envelope:
    """Plain ASGI: gives the request an id (its own ``X-Request-ID`` if that is fit) and the response its headers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request.state.request_id = request_id = given if _ID.fullmatch(given) else uuid4().hex
        started = False
        status = 500
        begun = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if started:
                raise
            await refusal(request, "INTERNAL", "internal error")(scope, receive, send_with_headers)
        finally:
            self._metrics.in_flight.dec()
            self._told(request, status, time.perf_counter() - begun)

    def _told(self, request: Request, status: int, seconds: float) -> None:
        """One line in the log and one in the figures.  The address is logged without its query, which may hold a
        profile; the figures know only the template of a route."""
        scope = request.scope
        route = getattr(scope.get("route"), "path", "") or "other"
        self._metrics.answered(scope["method"], route, status, seconds)
        told = {"request": request.state.request_id, "ms": round(seconds * 1000, 1)}
        if principal := getattr(request.state, "principal", None):
            told["principal"] = principal.label
        access.info("%s %s %d", scope["method"], scope["path"], status, extra=told)
