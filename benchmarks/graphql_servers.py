"""The servers that :mod:`benchmarks.graphql` asks, each a process of its own: ``python graphql_servers.py NAME FILE``.

All answer with the objects in FILE: the coverage of one framework, with the chain behind each requirement.  Nothing but
the standard library is imported before the server is known, because some of them live in an environment of their own.
"""

from __future__ import annotations

import gc
import json
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Step:
    subject: str
    relation: str
    object: str


@dataclass
class Explanation:
    control: str
    relation: str
    steps: list[Step]


@dataclass
class Requirement:
    curie: str
    title: str
    verdict: str
    explanation: Explanation | None


@dataclass
class Coverage:
    framework: str
    requirements: list[Requirement]


SDL = """
type Step { subject: String! relation: String! object: String! }
type Explanation { control: String! relation: String! steps: [Step!]! }
type Requirement { curie: String! title: String! verdict: String! explanation: Explanation }
type Coverage { framework: String! requirements: [Requirement!]! }
type Query { coverage: Coverage! }
"""


def objects(path: str) -> Coverage:
    """The answer in a file."""
    read = json.loads(Path(path).read_text(encoding="utf-8"))

    def explained(it: Any) -> Explanation | None:
        return Explanation(it["control"], it["relation"], [Step(**s) for s in it["steps"]]) if it else None

    found = [
        Requirement(r["curie"], r["title"], r["verdict"], explained(r["explanation"])) for r in read["requirements"]
    ]
    return Coverage(read["framework"], found)


def ours(path: str, kept: bool, beforehand: bool = True) -> Any:
    """This project's own application over the made-up release."""
    from api.access import Gate
    from api.answered import Answers
    from api.app import create_app
    from api.graphql_http import GraphQLView
    from api.observability import Metrics
    from api.schema import queries, schema
    from api.schema.assessments import Assessment
    from benchmarks.graphql import DAY, controls, made_up
    from kg.answers import assess
    from kg.organizations import Sheet

    release = made_up()
    if beforehand:
        held = controls(release)
        assessed = assess(release, held, None, DAY)
        covered = assessed.coverage("f000")
        assessed.coverage = lambda framework: covered  # type: ignore[method-assign]
        shown = Assessment.of(assessed, Sheet(tuple(held), (), ()))
        queries.assess = lambda info, input_: shown  # type: ignore[assignment]
    gate, metrics = Gate(None), Metrics(release.digest)
    view = GraphQLView(schema, release, gate, metrics, Answers() if kept else None)
    return create_app(release, gate, metrics, graphql=view)


def stock(path: str) -> Any:
    """Strawberry on FastAPI as its documentation has it."""
    import strawberry
    from fastapi import FastAPI
    from strawberry.fastapi import GraphQLRouter

    for cls in (Step, Explanation, Requirement, Coverage):
        strawberry.type(cls)
    held = objects(path)

    @strawberry.type
    class Query:
        @strawberry.field
        def coverage(self) -> Coverage:
            return held

    app = FastAPI()
    app.include_router(GraphQLRouter(strawberry.Schema(query=Query)), prefix="/graphql")
    return app


def ariadne(path: str) -> Any:
    """Ariadne's own ASGI application."""
    from ariadne import QueryType, make_executable_schema
    from ariadne.asgi import GraphQL

    held, query = objects(path), QueryType()
    query.set_field("coverage", lambda *_: held)
    return GraphQL(make_executable_schema(SDL, query))


def graphene(path: str) -> Any:
    """Graphene, whose schema is executed in a Starlette route."""
    import graphene as g
    import orjson
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    text = lambda: g.String(required=True)  # noqa: E731
    steps = type("Step", (g.ObjectType,), {n: text() for n in ("subject", "relation", "object")})
    why = type(
        "Explanation",
        (g.ObjectType,),
        {"control": text(), "relation": text(), "steps": g.List(g.NonNull(steps), required=True)},
    )
    one = type(
        "Requirement",
        (g.ObjectType,),
        {"curie": text(), "title": text(), "verdict": text(), "explanation": g.Field(why)},
    )
    whole = type(
        "Coverage", (g.ObjectType,), {"framework": text(), "requirements": g.List(g.NonNull(one), required=True)}
    )
    held = objects(path)
    root = type(
        "Query",
        (g.ObjectType,),
        {"coverage": g.Field(whole, required=True), "resolve_coverage": lambda *_: held},
    )
    schema = g.Schema(query=root)

    async def answer(request: Any) -> Any:
        asked = orjson.loads(await request.body())
        return Response(orjson.dumps({"data": schema.execute(asked["query"]).data}), media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])])


def plain(path: str) -> Any:
    """Starlette and orjson with the same objects, the same bytes made beforehand, and FastAPI's hello."""
    import orjson
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.routing import Route

    held = objects(path)
    ready = orjson.dumps({"data": {"coverage": held}})
    app = FastAPI()

    async def serialised(request: Any) -> Any:
        await request.body()
        return Response(orjson.dumps({"data": {"coverage": held}}), media_type="application/json")

    async def bytes_(request: Any) -> Any:
        await request.body()
        return Response(ready, media_type="application/json")

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    app.router.routes += [
        Route("/serialised", serialised, methods=["POST"]),
        Route("/ready", bytes_, methods=["POST"]),
    ]
    return app


SERVERS = {
    "ours": lambda path: ours(path, kept=False),
    "ours, kept": lambda path: ours(path, kept=True),
    "ours, end to end": lambda path: ours(path, kept=False, beforehand=False),
    "Strawberry on FastAPI": stock,
    "Ariadne": ariadne,
    "Graphene": graphene,
    "plain": plain,
}


def main() -> None:
    """Serve until the process is ended; the port is printed."""
    import uvicorn

    # with the protocol said, asyncio turns off the delay that waits for more to send
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    app = SERVERS[sys.argv[1]](sys.argv[2])
    gc.collect()
    gc.freeze()  # as `kg serve` does, and the thresholds of `kg`: the same for all
    gc.set_threshold(200_000, 20, 100)
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
