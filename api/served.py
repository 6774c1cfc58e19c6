"""The application that a server runs: the one of the release of the moment, replaced without a dropped request.

A request goes to the application that is current when it arrives and ends there, however long it takes; meanwhile new
requests may go to another.  What only the old release knows, a cursor of its lists, the new one refuses as it refuses
any cursor of another release.

The first application is made in a thread while the server listens already, GraphQL before the rest.  ``/healthz``
answers from the first moment, ``/graphql`` and ``/readyz`` as soon as they can: a server is ready when every request it
is sent will be answered.  One for anything else waits for the rest, which needs nothing but a moment more.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import orjson

from kg.release import Release

__all__ = ["GRAPHQL", "READY", "Served"]

#: Where GraphQL is, and whether the server is ready: the addresses that are answered before all others.
GRAPHQL, READY = "/graphql", "/readyz"
#: Who waited for these to be there is answered before the rest is made, unless that takes so long, in seconds.
PATIENCE = 1.0

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class _Running:
    """An application with its lifespan and the requests it is answering."""

    def __init__(self, app: Any, release: str) -> None:
        self.app, self.release = app, release
        self.under_way = 0
        self.replaced = False
        self._stack = AsyncExitStack()

    async def begin(self) -> None:
        if hasattr(self.app, "router"):
            await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))

    async def end(self) -> None:
        await self._stack.aclose()


class Served:
    """ASGI.  ``make`` makes the applications of a release, in a thread: first one that answers nothing but
    :data:`GRAPHQL` and :data:`READY`, then the whole.  ``failed`` is told why the first ones cannot be made, which
    nobody can go on from.

    ``release`` is the digest that new requests are answered from.
    """

    def __init__(
        self,
        release: Release,
        make: Callable[[Release], Iterator[Any]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.release = release.digest
        self._first: Release | None = release
        self._make, self._failed = make, failed
        self._first_app: asyncio.Future[Any] | None = None
        self._waiting: list[asyncio.Event] = []
        self._current: _Running | None = None
        self._there = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._replacing = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def stopping(self) -> bool:
        """Whether the server is about to stop: ``/readyz`` then says so."""
        return self._stopping

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._stopping = value
        if self._current is not None:
            self._current.app.state.stopping = value
        elif self._first_app is not None and self._first_app.done():
            self._first_app.result().state.stopping = value

    def prepare(self) -> None:
        """Make the first application now: before the process is forked, say."""
        assert self._first is not None
        self._current = _Running(self._whole(self._first), self.release)
        self._first = None

    def replace(self, release: Release) -> None:
        """Answer from another release from now on.  Called in a thread that is not the server's; returns when new
        requests go there.  Raises what ``make`` raises, and then nothing has changed."""
        assert self._loop is not None
        with self._replacing:
            if release.digest != self.release:
                found = _Running(self._whole(release), release.digest)
                asyncio.run_coroutine_threadsafe(self._put(found), self._loop).result()
                # The old application is a heap of objects that hold each other, some megabytes of them, and a server
                # makes so little garbage otherwise that nobody would come by for hours.
                gc.collect()

    def _whole(self, release: Release) -> Any:
        *_, app = self._make(release)
        return app

    async def _put(self, new: _Running) -> None:
        await new.begin()
        new.app.state.stopping = self._stopping
        old, self._current, self.release = self._current, new, new.release
        self._there.set()
        if old is not None:
            old.replaced = True
            await self._end_if_idle(old)

    async def _end_if_idle(self, running: _Running) -> None:
        if running.replaced and not running.under_way:
            running.replaced = False
            await running.end()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Pass one request on, or live through the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._current is None:
            if scope["type"] == "http" and scope["path"] == "/healthz":
                await _answer(send, {"status": "ok", "release": self.release})
                return
            if scope["type"] == "http" and scope["path"] in (GRAPHQL, READY) and self._first_app is not None:
                await self._answer_alone(self._first_app, scope, receive, send)
                return
            await self._there.wait()
        running = self._current
        assert running is not None
        running.under_way += 1
        try:
            await running.app(scope, receive, send)
        finally:
            running.under_way -= 1
            await self._end_if_idle(running)

    async def _answer_alone(self, app: asyncio.Future[Any], scope: _Message, receive: _Receive, send: _Send) -> None:
        answered = asyncio.Event()
        if not app.done():
            self._waiting.append(answered)
        try:
            await (await asyncio.shield(app))(scope, receive, send)
        finally:
            answered.set()

    async def _live(self, receive: _Receive, send: _Send) -> None:
        await receive()
        self._loop = asyncio.get_running_loop()
        if self._current is not None:
            await self._current.begin()
            self._there.set()
        else:
            self._first_app = self._loop.create_future()
            task = asyncio.create_task(self._begin(self._first_app))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._current is not None:
            await self._current.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _begin(self, alone: asyncio.Future[Any]) -> None:
        first, self._first = self._first, None
        assert first is not None
        try:
            made = self._make(first)
            app = await asyncio.to_thread(next, made)
            app.state.stopping = self._stopping
            alone.set_result(app)
            waited = [asyncio.create_task(each.wait()) for each in self._waiting]
            if waited:
                await asyncio.wait(waited, timeout=PATIENCE)
            whole = await asyncio.to_thread(next, made)
            if self._current is None:  # nothing newer was put there meanwhile
                await self._put(_Running(whole, first.digest))
        except Exception as error:  # not that it was told to stop meanwhile
            self._failed(error)
            raise


async def _answer(send: _Send, body: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
