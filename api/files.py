"""Puts every download on the application, the page that lists them, and the document of all addresses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from api import openapi_page, overlap_http
from api.access import Gate
from api.downloads import ADDRESSES, check_pinned, given, release_of, routes
from api.downloads_organizations import addresses
from api.downloads_page import downloads_page
from api.observability import Metrics
from api.openapi import document
from api.serving import Serving
from kg.release import Release

__all__ = ["add_downloads"]


def add_downloads(app: FastAPI, gate: Gate, metrics: Metrics) -> None:
    """Every address of a file, ``/downloads``, and ``/openapi``."""
    every = (*ADDRESSES, *overlap_http.ADDRESSES, *addresses(gate, metrics))
    app.state.addresses = every
    app.router.routes += routes(every, Serving())

    def page(request: Request) -> HTMLResponse:
        check_pinned(given(request, ("release",)), release_of(request))
        return HTMLResponse(downloads_page(release_of(request), every))

    app.router.routes.append(Route("/downloads", page))
    _add_openapi(app)


def _add_openapi(app: FastAPI) -> None:
    made: dict[str, dict[str, Any]] = {}

    def current() -> dict[str, Any]:
        release: Release = app.state.release
        if release.digest not in made:
            made.clear()
            made[release.digest] = document(app, release)
        return made[release.digest]

    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(openapi_page.render(current()), headers={"Content-Security-Policy": openapi_page.POLICY})

    app.openapi = current  # type: ignore[method-assign]
    app.router.routes.append(Route("/openapi", page))
