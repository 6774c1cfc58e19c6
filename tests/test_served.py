"""A server that begins to answer before all of it is there."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from test_build import tree_at

from api.access import Gate
from api.app import create_app
from api.first import graphql_alone, graphql_view
from api.observability import Metrics
from api.served import Served
from kg.cli.serve import applications
from kg.errors import StoreError
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
        yield graphql_alone(view, release, gate, metrics)
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
            page = asyncio.create_task(client.get("/frameworks.json"))
            assert (await client.get("/healthz")).json() == {"status": "ok", "release": release.digest}
            assert not early.done()
            assert not ready.done()
            making.alone.set()
            early.add_done_callback(lambda _: making.begun.append("the answer"))
            ready.add_done_callback(lambda _: making.begun.append("readiness"))
            first = await early
            assert first.json()["data"]["release"] == release.digest
            later = await client.post("/graphql", json=QUESTION)
            refused = await client.post("/graphql", content=b"{}", headers={"Content-Type": "text/plain"})
            assert (await ready).json() == {"status": "ready", "release": release.digest, "store": "none"}
            assert not page.done()
            making.rest.set()
            assert (await page).status_code == 200
            # who waited was answered before the processor was taken by what nobody had asked for
            assert sorted(making.begun[:2]) == ["readiness", "the answer"]
            assert making.begun[2:] == ["the rest"]
            whole = await client.post("/graphql", json=QUESTION)
            assert whole.content == later.content == first.content
            assert told(whole) == told(first)
            assert (await client.get("/readyz")).content == (await ready).content
            assert told(await client.get("/readyz")) == told(await ready)
            again = await client.post("/graphql", content=b"{}", headers={"Content-Type": "text/plain"})
            assert refused.status_code == again.status_code == 415

    asyncio.run(go())


def told(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


def test_a_server_that_is_to_stop_before_all_is_there_says_so(release: Release) -> None:
    making = Making()
    making.alone.set()

    async def go() -> None:
        served = Served(release, making, pytest.fail)
        async with living(served) as client:
            assert (await client.get("/readyz")).status_code == 200
            served.stopping = True
            early = await client.get("/readyz")
            making.rest.set()
            assert (await client.get("/frameworks.json")).status_code == 200
            late = await client.get("/readyz")
            assert early.status_code == late.status_code == 503
            assert early.json() == late.json() == {"status": "stopping", "release": release.digest, "store": "none"}

    asyncio.run(go())


def test_a_database_that_does_not_answer_is_not_ready(release: Release) -> None:
    class Gone:
        url = "sqlite:///gone"

        def ping(self) -> None:
            raise StoreError("the database cannot be reached")

    gate = Gate(Gone())  # type: ignore[arg-type]
    metrics = Metrics(release.digest)
    alone = graphql_alone(graphql_view(release, gate, metrics), release, gate, metrics)
    found = []
    for app in (alone, create_app(release, gate, metrics)):

        async def go(app: Any = app) -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get("/readyz", headers={"X-Request-ID": "00000000"})

        found.append(asyncio.run(go()))
    assert [f.status_code for f in found] == [503, 503]
    assert found[0].content == found[1].content
    assert told(found[0]) == told(found[1])


def test_a_release_that_was_replaced_is_let_go(release: Release, tmp_path: Path) -> None:
    """The first is kept by what keeps the whole start from being looked through for garbage, no other."""
    others = [Release.load(own=tree_at(tmp_path / title, title)) for title in ("One", "Two", "Three")]
    gone: list[weakref.ref[Release]] = [weakref.ref(other) for other in others]

    async def go() -> None:
        served = Served(release, applications(Gate(None)), pytest.fail)
        async with living(served) as client:
            assert (await client.get("/frameworks.json")).status_code == 200
            while others:
                await asyncio.to_thread(served.replace, others.pop(0))
                assert (await client.post("/graphql", json=QUESTION)).json()["data"]["release"] == served.release
                assert (await client.get("/frameworks.json")).status_code == 200

    try:
        asyncio.run(go())
        assert [each() is None for each in gone[:2]] == [True, True]
    finally:
        gc.unfreeze()


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
