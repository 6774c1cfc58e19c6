"""Several processes on one port, and a watch over the data."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kg.cli.output import note

__all__ = ["hung_up", "supervise", "watched"]

#: A process that lives shorter than so many seconds is not replaced at once.
_SHORT = 5.0
#: How often it is looked whether the data have changed, in seconds.
_OFTEN = 2.0
_ON_A_TERMINAL = sys.stdin is not None and sys.stdin.isatty()


def hung_up() -> bool:
    """Whether a SIGHUP says that the terminal is gone, which ends a server as it always did."""
    if not _ON_A_TERMINAL:
        return False
    try:
        os.tcgetpgrp(0)
    except OSError:
        return True
    return False


def supervise(
    count: int, work: Callable[[], None], reread: Callable[[], bool], tell: Callable[[], None], where: list[Path] | None
) -> None:
    """Fork ``count`` processes that ``work``, replace those that end, and end them all on SIGTERM or Ctrl-C.

    On SIGHUP, and whenever the sources of ``where`` change, the data are read once (``reread``), and if they say
    something else, every process is told to take what is there.
    """
    born: dict[int, float] = {}
    asked: set[int] = set()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda number, _: asked.add(number))
    for _ in range(count):
        _start(work, born)
    tell()
    stopping, looked, seen = False, time.monotonic(), _state_of(where) if where is not None else ""
    while born:
        if signal.SIGHUP in asked and hung_up():
            asked.add(signal.SIGTERM)
        if asked & {signal.SIGTERM, signal.SIGINT} and not stopping:
            stopping = True
            _send(signal.SIGTERM, born)
        if where is not None and time.monotonic() - looked > _OFTEN:
            looked, before, seen = time.monotonic(), seen, _state_of(where)
            if seen != before:
                asked.add(signal.SIGHUP)
        if signal.SIGHUP in asked and not stopping:
            asked.discard(signal.SIGHUP)
            if reread():
                _send(signal.SIGHUP, born)
        child, _ = os.waitpid(-1, os.WNOHANG)
        if not child:
            time.sleep(0.05)
            continue
        lived = time.monotonic() - born.pop(child)
        if not stopping:
            time.sleep(0 if lived > _SHORT else 1)
            _start(work, born)


def _start(work: Callable[[], None], born: dict[int, float]) -> None:
    sys.stdout.flush()
    child = os.fork()
    if child:
        born[child] = time.monotonic()
        return
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: None)
        work()
        code = 0
    except BaseException as error:
        note(f"kg: a process ended: {type(error).__name__}: {error}")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _send(number: int, born: dict[int, float]) -> None:
    for child in born:
        os.kill(child, number)


def _state_of(where: list[Path]) -> str:
    from kg.compiled.cache import state

    return state(where)


def watched(where: list[Path], changed: Callable[[], None]) -> None:
    """Call ``changed`` whenever the sources of a release have changed.  Never returns."""
    seen = _state_of(where)
    while True:
        time.sleep(_OFTEN)
        now = _state_of(where)
        if now != seen:
            seen = now
            changed()
