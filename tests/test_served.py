"""A server that begins to answer before all of it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import httpx
import pytest

from api.access import Gate
from api.app import create_app
from api.first import graphql_alone, graphql_view
from api.observability import Metrics
from api.served import Served
from kg.release import Release

QUESTION = {"query": "{ release frameworks { curie } }"}


class Making:
    """Makes the applications of a release, each when it may."""

    def __init__(self) -> None:
        self.alone, self.rest = Event(), Event()
        self.begun: list[str] = []

    def __call__(self, release: Release) -> Iterator[Any]:
        metrics, gate = Metrics(release.digest), Gate(None)
        assert self.alone.wait(30)
        view = graphql_view(release, gate, metrics)
        yield graphql_alone(view, metrics)
        self.begun.append("the rest")
        assert self.rest.wait(30)
        yield create_app(release, gate, metrics, graphql=view)


@asynccontextmanager
async def living(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """The server's lifespan, and a client."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(served({"type": "lifespan"}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app=served)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:
        yield client
    await told.put({"type": "lifespan.shutdown"})
    await life


def test_graphql_answers_before_the_rest_is_there(release: Release) -> None:
    making = Making()

    async def go() -> None:
        async with living(Served(release, making, pytest.fail)) as client:
            early = asyncio.create_task(client.post("/graphql", json=QUESTION))
            ready = asyncio.create_task(client.get("/readyz"))
            assert (await client.get("/healthz")).json() == {"status": "ok", "release": release.digest}
            assert not early.done()
            making.alone.set()
            early.add_done_callback(lambda _: making.begun.append("the answer"))
            first = await early
            assert first.json()["data"]["release"] == release.digest
            later = await client.post("/graphql", json=QUESTION)
            refused = await client.post("/graphql", content=b"{}", headers={"Content-Type": "text/plain"})
            assert not ready.done()
            making.rest.set()
            assert (await ready).json()["status"] == "ready"
            # who waited was answered before the processor was taken by what nobody had asked for
            assert making.begun == ["the answer", "the rest"]
            whole = await client.post("/graphql", json=QUESTION)
            assert whole.content == later.content == first.content
            own = {"x-request-id"}
            assert {k: v for k, v in whole.headers.items() if k not in own} == {
                k: v for k, v in first.headers.items() if k not in own
            }
            again = await client.post("/graphql", content=b"{}", headers={"Content-Type": "text/plain"})
            assert refused.status_code == again.status_code == 415
            assert (await client.get("/frameworks.json")).status_code == 200

    asyncio.run(go())


def test_what_cannot_be_made_is_told(release: Release) -> None:
    def make(release: Release) -> Iterator[Any]:
        raise OSError("no")
        yield

    async def go() -> None:
        told: list[BaseException] = []
        async with living(Served(release, make, told.append)):
            for _ in range(1000):
                if told:
                    break
                await asyncio.sleep(0.01)
        assert [str(e) for e in told] == ["no"]

    asyncio.run(go())
