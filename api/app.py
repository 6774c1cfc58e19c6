"""The application: one release, read once, and everything that answers from it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from api import pages
from api.graphiql import STATIC
from api.graphql_http import GraphQLView
from api.middleware import Envelope
from api.overlap_http import add_overlaps
from api.responses import refusal
from api.schema import schema
from kg import Release, __version__
from kg.errors import KgError

__all__ = ["create_app"]

_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 413: "BODY_TOO_LARGE"}


class Health(BaseModel):
    """That the server is well."""

    status: str = Field(description="Always ok: a server that is not well does not answer.", examples=["ok"])
    release: str = Field(description="The digest of the release it answers from.")


def create_app(release: Release | None = None) -> FastAPI:
    """The application over ``release``, or over the project's own data.

    Raises :class:`~kg.errors.InputError` where that data does not load: a server never starts half-read.
    """
    found = release if release is not None else Release.load()
    app = FastAPI(
        title="AI governance graph",
        version=__version__,
        description="Standards and laws for AI, the mappings between them, and incidents. GraphQL is at /graphql.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.release = found
    app.add_middleware(Envelope)
    app.add_exception_handler(KgError, _refuse_library_error)
    app.add_exception_handler(HTTPException, _refuse_http_error)
    app.router.routes.append(Route("/graphql", GraphQLView(schema, found)))
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    _add_pages(app, found)
    add_overlaps(app, found)
    return app


def _add_pages(app: FastAPI, release: Release) -> None:
    start, errors, sdl = pages.home(release), pages.errors_page(), schema.as_str()

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home() -> str:
        return start

    @app.get("/errors", response_class=HTMLResponse, include_in_schema=False)
    def error_codes() -> str:
        return errors

    @app.get("/healthz", summary="Whether the server is well")
    def health() -> Health:
        """Which release it answers from."""
        return Health(status="ok", release=release.digest)

    @app.get("/schema.graphql", response_class=PlainTextResponse, summary="The GraphQL schema")
    def graphql_schema() -> str:
        """In GraphQL's schema definition language, with a description of everything."""
        return sdl


def _refuse_library_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, KgError)
    return refusal(request, error)


def _refuse_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "BAD_REQUEST" if error.status_code < 500 else "INTERNAL")
    detail = f"there is nothing at {request.url.path}" if code == "NOT_FOUND" else ""
    return refusal(request, code, detail, headers=error.headers)
