"""The application: one release, read once, and everything that answers from it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from api import pages
from api.access import ForbiddenError, Gate
from api.files import add_downloads
from api.first import HANDLERS, graphql_view, readiness
from api.graphiql import STATIC
from api.graphql_http import GraphQLView
from api.linked import add_linked_data
from api.middleware import Envelope
from api.observability import CONTENT_TYPE, Metrics
from api.oidc import TokenError
from api.schema import schema
from api.served import GRAPHQL, READY
from api.sparql import add_sparql
from kg import __version__
from kg.release import Release
from kg.sparql import Limits

__all__ = ["create_app"]


class Health(BaseModel):
    """That the server is well."""

    status: str = Field(description="Always ok: a server that is not well does not answer.", examples=["ok"])
    release: str = Field(description="The digest of the release it answers from.")


class Ready(BaseModel):
    """That the server can answer everything it offers."""

    status: str = Field(description="ready, or stopping.", examples=["ready"])
    release: str = Field(description="The digest of the release it answers from.")
    store: str = Field(description="ready where the database of organisations answers; none where there is none.")


def create_app(
    release: Release | None = None,
    gate: Gate | None = None,
    metrics: Metrics | None = None,
    limits: Limits | None = None,
    graphql: GraphQLView | None = None,
) -> FastAPI:
    """The application over ``release``, or over the project's own data.  ``gate`` holds the store of organisations and
    says who asks; without one nothing is kept and nobody is known.  ``metrics`` are those of an application that this
    one replaces; ``limits`` says what one SPARQL query may take; ``graphql`` is the view that answered before the
    rest was there (:mod:`api.first`).

    Raises :class:`~kg.errors.InputError` where that data does not load: a server never starts half-read.
    """
    found = release if release is not None else Release.load()
    gate = gate or Gate(None)
    if metrics is None:
        metrics = Metrics(found.digest)
    else:
        metrics.serves(found.digest)
    app = FastAPI(
        title="AI governance graph",
        version=__version__,
        description="Standards and laws for AI, the mappings between them, and incidents. GraphQL is at /graphql.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.release, app.state.gate, app.state.metrics = found, gate, metrics
    app.state.stopping = False
    app.add_middleware(Envelope, metrics=metrics)
    for kind, answer in HANDLERS.items():
        app.add_exception_handler(kind, answer)
    app.router.routes.append(Route(GRAPHQL, graphql or graphql_view(found, gate, metrics)))
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    _add_pages(app)
    add_downloads(app, gate, metrics)
    add_linked_data(app)
    add_sparql(app, limits)
    _add_operations(app)
    _answer_head(app)
    return app


def _answer_head(app: FastAPI) -> None:
    """HEAD wherever there is GET (RFC 9110, 9.3.2): FastAPI's own routes answer GET alone."""
    answered = {route.path for route in app.routes if isinstance(route, Route) and "HEAD" in (route.methods or ())}
    for route in [r for r in app.routes if isinstance(r, APIRoute) and r.methods == {"GET"}]:
        if route.path not in answered:
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                include_in_schema=False,
                response_class=route.response_class,
            )


# Functions of the module, that find what they answer from in the state of the application: FastAPI remembers every
# function it was ever given, and with one made for an application it would keep that and its release for ever.


def _home(request: Request) -> str:
    release: Release = request.app.state.release
    # made when somebody looks: the start page counts everything
    page: str = release.cache("start page", lambda: pages.home(release))
    return page


def _error_codes() -> str:
    return pages.errors_page()


def _graphql_schema() -> str:
    """In GraphQL's schema definition language, with a description of everything."""
    return schema.as_str()


async def _health(request: Request) -> Health:  # takes no thread: it answers even where all of them are busy
    """Which release it answers from."""
    return Health(status="ok", release=request.app.state.release.digest)


def _ready(request: Request, response: Response) -> Ready:
    """Whether the database answers, and whether the server is about to stop."""
    state = request.app.state
    said = readiness(state.release, state.gate, state.stopping)
    if said["status"] != "ready":
        response.status_code = 503
    return Ready(**said)


def _figures(request: Request) -> Response:
    """For the person at this machine, and elsewhere for platform administrators."""
    gate: Gate = request.app.state.gate
    principal = gate.principal(request.headers)
    request.state.principal = principal
    if gate.store is not None and not principal.platform:
        code = TokenError if principal.kind == "anonymous" else ForbiddenError
        raise code("the figures are for platform administrators", "send a platform administrator's key")
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI) -> None:
    app.get("/", response_class=HTMLResponse, include_in_schema=False)(_home)
    app.get("/errors", response_class=HTMLResponse, include_in_schema=False)(_error_codes)
    app.get("/schema.graphql", response_class=PlainTextResponse, summary="The GraphQL schema")(_graphql_schema)


def _add_operations(app: FastAPI) -> None:
    app.get("/healthz", summary="Whether the process is alive")(_health)
    app.get(READY, summary="Whether it can answer", responses={503: {"description": "Not now."}})(_ready)
    app.get("/metrics", response_class=PlainTextResponse, summary="Figures for Prometheus")(_figures)
