"""SPARQL for strangers: read-only, with a deadline that holds, in processes of their own.

An evaluation cannot be called off from inside, so each runs in a worker process (:mod:`kg.sparql_worker`) that is
killed at the deadline and replaced.  A result is taken in whole before any of it is handed on: what came of the query
(an error, too many rows, no time left) is known before the first byte is sent, and a slow reader holds no worker.

    Limits     how long, how large, how many
    Request    one query with its dataset and the formats that would do
    Result     what came of it, as a file to read from
    Pool       the workers
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from kg.errors import KgError

if TYPE_CHECKING:
    from kg.release import Release

__all__ = ["BusyError", "DeadlineError", "Limits", "Pool", "QueryTooLargeError", "Request", "Result"]


class BusyError(KgError):
    """Every worker is taken and as many queries wait as may; ``seconds`` says when to ask again."""

    code = "BUSY"

    def __init__(self, seconds: int) -> None:
        super().__init__("too many queries at once", "ask again in a moment")
        self.seconds = seconds


class DeadlineError(KgError):
    """The query was stopped at its deadline."""

    code = "QUERY_DEADLINE"


class QueryTooLargeError(KgError):
    """The query is too long, or needed more memory than one query may have."""

    code = "QUERY_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take: ``seconds`` of time, ``rows`` and ``size`` (bytes) of result, ``memory`` (bytes),
    ``length`` of its text (characters); and of all: how many are evaluated at once (``workers``), how many wait
    (``waiting``) and for how many seconds at most (``patience``)."""

    seconds: float = 10.0
    rows: int = 100_000
    size: int = 64 * 1024 * 1024
    memory: int = 1024 * 1024 * 1024
    length: int = 200_000
    workers: int = 2
    waiting: int = 8
    patience: float = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """One query.  ``results`` is the ending of the format for SELECT and ASK, ``graph`` that for CONSTRUCT and
    DESCRIBE (:data:`kg.sparql_worker.FORMATS`, ``GRAPH_FORMATS``), either empty where none would do.
    ``rows`` and ``size`` are limits that may be smaller than those of all queries."""

    query: str
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    results: str = "json"
    graph: str = "ttl"
    rows: int | None = None
    size: int | None = None

    def within(self, limits: Limits) -> tuple[int, int]:
        """How many rows and how many bytes of result there may be."""
        rows = limits.rows if self.rows is None else min(self.rows, limits.rows)
        return rows, limits.size if self.size is None else min(self.size, limits.size)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a query: ``kind`` is ``select``, ``ask`` or ``graph``, ``format`` the ending of the format, ``cut``
    is ``rows`` or ``bytes`` where the result ends before its end; ``size`` is in bytes.  ``file`` stands at its
    beginning; close it."""

    kind: str
    format: str
    rows: int
    cut: str
    size: int
    file: IO[bytes]


#: Up to here a result stays in memory, beyond it goes to a temporary file.
_SPOOLED = 1024 * 1024
#: How long a worker may take to read the dataset.
_START_SECONDS = 120.0


class _Gone(Exception):
    """The worker ended while it was at work."""


class _Late(Exception):
    """The worker did not answer in time."""


class _Worker:
    """One process; whoever holds it has it alone."""

    def __init__(self, dump: IO[bytes], memory: int) -> None:
        environment = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG") if name in os.environ
        }
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
        environment["OPENBLAS_NUM_THREADS"] = "1"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kg.sparql_worker", str(dump.fileno()), str(memory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            pass_fds=[dump.fileno()], start_new_session=True, env=environment,
        )  # fmt: skip
        self.ready = False
        self.cancelled = False

    def _read(self, length: int, until: float) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        found = bytearray()
        while len(found) < length:
            left = until - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise _Late
            piece = os.read(descriptor, length - len(found))
            if not piece:
                break
            found += piece
        return bytes(found)

    def frame(self, until: float) -> tuple[bytes, bytes]:
        """The next frame; raises :class:`_Late` at ``until`` (monotonic time), :class:`_Gone` where none comes."""
        head = self._read(5, until)
        content = self._read(int.from_bytes(head[1:], "big"), until) if len(head) == 5 else b""
        if len(head) < 5 or len(content) < int.from_bytes(head[1:], "big"):
            raise _Gone
        return head[:1], content

    def start(self) -> None:
        """Wait until the dataset is read; raises ``RuntimeError`` where it cannot be."""
        if self.ready:
            return
        try:
            self.frame(time.monotonic() + _START_SECONDS)
        except (_Late, _Gone):
            raise RuntimeError("a process for SPARQL did not start") from None
        self.ready = True

    def send(self, asked: dict[str, Any]) -> None:
        """Hand over one request."""
        content = orjson.dumps(asked)
        data = b"Q" + len(content).to_bytes(4, "big") + content
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(data)
        except OSError:
            raise _Gone from None

    def end(self) -> None:
        """Kill it, and leave nothing of it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


@dataclass(eq=False)
class Ticket:
    """A query under way, so that it can be given up: :meth:`cancel` may be called from any thread."""

    _worker: _Worker | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    cancelled: bool = False

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            self.cancelled = True
            if self._worker is not None:
                self._worker.process.kill()

    def _hold(self, worker: _Worker | None) -> None:
        with self._lock:
            self._worker = worker
            if worker is not None and self.cancelled:
                worker.process.kill()


def _end_all(workers: set[_Worker]) -> None:
    for worker in list(workers):
        worker.end()


class Pool:
    """Worker processes over one release.  None runs before the first query.  Safe for threads.

    ``dump`` gives the dataset as N-Quads, in pieces; it is called once.
    """

    def __init__(self, dump: Callable[[], Iterable[bytes]], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._dump = dump
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(self.limits.workers)
        self._waiting = 0
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self.close = weakref.finalize(self, _end_all, self._workers)

    @classmethod
    def of(cls, release: Release, limits: Limits | None = None) -> Pool:
        """Workers over a release."""
        return cls(lambda: _nquads(release), limits)

    # ------------------------------------------------------------ workers

    def _opened(self) -> IO[bytes]:
        """The dataset in a file without a name, which goes when the last process that has it open goes."""
        if self._file is None:
            file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
            for piece in self._dump():
                file.write(piece)
            file.flush()
            self._file = file
        return self._file

    def _new(self) -> _Worker:
        worker = _Worker(self._opened(), self.limits.memory)
        self._workers.add(worker)
        return worker

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                self._drop(worker)
            return self._new()

    def _drop(self, worker: _Worker) -> None:
        self._workers.discard(worker)
        worker.end()

    def _replace(self, worker: _Worker) -> None:
        """Kill a worker; the next one reads the dataset while nobody waits for it."""
        with self._lock:
            self._drop(worker)
            if self.close.alive:
                self._idle.append(self._new())

    # ------------------------------------------------------------ queries

    def run(self, request: Request, ticket: Ticket | None = None) -> Result:
        """Evaluate one query; blocks until all of the result is there.

        Raises :class:`~kg.rdf.SparqlError` for what is no query, asks for more than reading, or has no result in the
        formats asked for (code ``NOT_ACCEPTABLE``); :class:`DeadlineError`; :class:`QueryTooLargeError`; and
        :class:`BusyError` where it would have to wait too long.
        """
        if len(request.query) > self.limits.length:
            said = f"the query is longer than {self.limits.length:,} characters"
            raise QueryTooLargeError(said, "ask in several queries")
        ticket = ticket or Ticket()
        self._wait()
        try:
            worker = self._take()
            ticket._hold(worker)
            try:
                worker.start()
                result = self._evaluate(worker, request)
            except (_Late, _Gone) as error:
                ticket._hold(None)
                self._replace(worker)
                raise self._failure(error, ticket) from None
            except KgError:
                ticket._hold(None)
                self._give_back(worker)
                raise
            except BaseException:
                ticket._hold(None)
                with self._lock:
                    self._drop(worker)
                raise
            ticket._hold(None)
            self._give_back(worker)
            return result
        finally:
            self._slots.release()

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._idle.append(worker)

    def _wait(self) -> None:
        if self._slots.acquire(blocking=False):
            return
        after = max(1, round(self.limits.seconds))
        with self._lock:
            if self._waiting >= self.limits.waiting:
                raise BusyError(after)
            self._waiting += 1
        try:
            if not self._slots.acquire(timeout=self.limits.patience):
                raise BusyError(after)
        finally:
            with self._lock:
                self._waiting -= 1

    def _failure(self, error: Exception, ticket: Ticket) -> KgError:
        if isinstance(error, _Late) or ticket.cancelled:
            said = f"the query was stopped after {self.limits.seconds:g} seconds"
            return DeadlineError(said, "ask for less: LIMIT, fewer patterns, no path over everything")
        return QueryTooLargeError(
            "the query was stopped: it needed more memory or depth than one query may have",
            "ask for less: LIMIT, fewer patterns, shorter texts",
        )

    def _evaluate(self, worker: _Worker, request: Request) -> Result:
        from kg.rdf import SparqlError

        limits = self.limits
        until = time.monotonic() + limits.seconds
        rows, size = request.within(limits)
        worker.send(
            {
                "query": request.query, "default_graphs": request.default_graphs, "named_graphs": request.named_graphs,
                "results": request.results, "graph": request.graph, "rows": rows, "bytes": size,
                "seconds": limits.seconds,
            }
        )  # fmt: skip
        file: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115
        length = 0
        try:
            while True:
                kind, content = worker.frame(until)
                if kind == b"D":
                    length += len(content)
                    if length > 2 * size + _SPOOLED:  # one row beyond all measure
                        raise _Gone
                    file.write(content)
                    continue
                told = orjson.loads(content)
                if kind == b"E":
                    if told["code"] == QueryTooLargeError.code:
                        raise QueryTooLargeError(told["message"], "ask for less")
                    raise SparqlError(told["message"], told["hint"], code=told["code"])
                file.seek(0)
                return Result(told["kind"], told["format"], told["rows"], told["cut"], length, file)
        except BaseException:
            file.close()
            raise


def _nquads(release: Release) -> Iterable[bytes]:
    import pyoxigraph as ox

    yield ox.serialize(release.dataset, format=ox.RdfFormat.N_QUADS) or b""
