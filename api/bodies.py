"""What is being sent: made once, in a thread, into a file without a name, and read from it by whoever asks.

    Bodies     the bodies under way and those kept: bounded in bytes, in number and in how many are made at once
    Body       one of them: it grows while it is read

A body is written as fast as it can be made, however slowly it is fetched: a slow client holds one block of it and
nothing else.  Those who ask for the same body at the same time share it, and it is kept for the next until others need
the room.  Small ones stay in memory.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from threading import Lock, Thread

import anyio
import anyio.to_thread

from kg.errors import KgError

__all__ = ["BLOCK", "Bodies", "Body", "BusyError", "compressed"]

log = logging.getLogger("api.bodies")

#: How much is read, and sent, at a time; and up to which size a body stays in memory.
BLOCK = 256 * 1024

Produce = Callable[[], Iterable[bytes]]


class BusyError(KgError):
    """As much as this server makes at once is being made."""

    code = "BUSY"


class Body:
    """The bytes of one answer, growing until ``done``.  Thread-safe."""

    def __init__(self) -> None:
        self.size = 0
        self.done = False
        self.error: BaseException | None = None
        self.readers = 0
        self.unwanted = False  #: nobody waits for it any more: whoever makes it may stop
        self._lock = Lock()
        self._file = SpooledTemporaryFile(max_size=BLOCK)  # noqa: SIM115 (closed with its last reader)
        self._in_memory = True
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def write(self, block: bytes) -> None:
        """Add to its end."""
        with self._lock:
            self._file.seek(self.size)
            self._file.write(block)
            self.size += len(block)
            self._in_memory = self.size <= BLOCK
            self._wake()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing follows, because it is whole or because of ``error``."""
        with self._lock:
            self.done, self.error = True, error
            self._wake()

    def _wake(self) -> None:
        for loop, future in self._waiting:
            try:
                loop.call_soon_threadsafe(_tell, future)
            except RuntimeError:  # the loop of a server that has stopped
                continue
        self._waiting.clear()

    async def reached(self, size: int) -> None:
        """Wait until it has so many bytes or is whole.  Raises what went wrong in making it."""
        while True:
            with self._lock:
                if self.error is not None:
                    raise self.error
                if self.done or self.size >= size:
                    return
                loop = asyncio.get_running_loop()
                future: asyncio.Future[None] = loop.create_future()
                self._waiting.append((loop, future))
            await future

    def _read(self, start: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(start)
            return self._file.read(count)

    async def blocks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``stop`` (or the end), as they come, a block at a time."""
        while stop is None or start < stop:
            await self.reached(start + BLOCK if stop is None else min(stop, start + BLOCK))
            count = min(BLOCK, (self.size if stop is None else stop) - start)
            if count <= 0:
                return
            if self._in_memory:
                found = self._read(start, count)
            else:  # it may have to come from a disk
                found = await anyio.to_thread.run_sync(self._read, start, count)
            start += len(found)
            yield found


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Bodies:
    """Makes bodies and keeps them.

    ``room`` is how many bytes of finished bodies are kept and ``most`` how many bodies; ``at_once`` are made at the
    same time, ``queued`` wait for their turn, and who comes after that is refused.
    """

    def __init__(self, room: int = 256 * 1024 * 1024, most: int = 128, at_once: int = 2, queued: int = 16) -> None:
        self._room, self._most, self._at_once, self._queued = room, most, at_once, queued
        self._bodies: OrderedDict[str, Body] = OrderedDict()
        self._jobs: deque[tuple[str | None, Body, Produce]] = deque()
        self._running = 0
        self._lock = Lock()

    def kept(self, key: str) -> Body | None:
        """A finished body, if it is at hand."""
        with self._lock:
            found = self._bodies.get(key)
            return found if found is not None and found.done and found.error is None else None

    @contextmanager
    def reading(self, key: str | None, produce: Produce) -> Iterator[Body]:
        """The body of ``key`` for as long as somebody reads it: the one there is, or one that ``produce`` makes now.

        Without a key it is nobody else's and is not kept.  Raises :class:`BusyError` where nothing more is begun.
        """
        body = self._join(key, produce)
        try:
            yield body
        finally:
            self._leave(key, body)

    def _join(self, key: str | None, produce: Produce) -> Body:
        with self._lock:
            body = self._bodies.get(key) if key is not None else None
            if body is None:
                if self._running >= self._at_once and len(self._jobs) >= self._queued:
                    raise BusyError("this server makes as many downloads as it can", "try again in a few seconds")
                body = Body()
                if key is not None:
                    self._bodies[key] = body
                self._jobs.append((key, body, produce))
                if self._running < self._at_once:
                    self._running += 1
                    Thread(target=self._work, name="download", daemon=True).start()
            elif key is not None:
                self._bodies.move_to_end(key)
            body.readers += 1
            return body

    def _leave(self, key: str | None, body: Body) -> None:
        with self._lock:
            body.readers -= 1
            if body.readers == 0 and not body.done:
                body.unwanted = True
                self._forget(key, body)
                self._jobs = deque(job for job in self._jobs if job[1] is not body)

    def _forget(self, key: str | None, body: Body) -> None:
        if key is not None and self._bodies.get(key) is body:
            del self._bodies[key]

    def _work(self) -> None:
        """A thread: one job after the other, until there is none."""
        while True:
            with self._lock:
                if not self._jobs:
                    self._running -= 1
                    return
                job = self._jobs.popleft()
            self._make(*job)

    def _make(self, key: str | None, body: Body, produce: Produce) -> None:
        error: BaseException | None = None
        try:
            for block in _gathered(produce()):
                if body.unwanted:
                    break
                body.write(block)
        except OSError as problem:
            log.exception("a download could not be written")
            error = BusyError("there is no room for it at the moment", "try again later")
            error.__cause__ = problem
        except BaseException as problem:
            error = problem
        with self._lock:
            body.end(error)
            if error is not None or body.size > self._room:
                self._forget(key, body)
            self._make_room()

    def _make_room(self) -> None:
        finished = [(key, body) for key, body in self._bodies.items() if body.done]  # the longest unused first
        size = sum(body.size for _, body in finished)
        for key, body in finished:
            if size <= self._room and len(self._bodies) <= self._most:
                return
            size -= body.size
            del self._bodies[key]


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of about :data:`BLOCK`, and at least one."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= BLOCK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same as gzip (RFC 1952): the same bytes for the same input, whatever the time and the chunks."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for chunk in _gathered(chunks):
        yield packer.compress(chunk)
    yield packer.flush()
