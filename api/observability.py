"""What an operator sees: one line a request, and figures for Prometheus.

Neither holds anything of an organisation but its id: no names, no controls, no query texts, no keys.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "LOG_FORMATS", "Metrics", "configure_logging"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOG_FORMATS = ("text", "json")
#: Seconds: from a page out of memory to a plan that is solved.
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
#: Whatever could begin a line of its own, move the cursor or turn the reading direction.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
#: What a log record has by itself; everything else was put there by us and is logged.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class Metrics:
    """The figures of one application, in a registry of its own so that two in one process do not mix."""

    def __init__(self, release: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("kg_http_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "kg_http_request_seconds", "Time from request to answer.", ("route",), registry=self.registry,
            buckets=_BUCKETS,
        )  # fmt: skip
        self.in_flight = Gauge("kg_http_requests_in_flight", "Requests under way.", registry=self.registry)
        self._refused = Counter(
            "kg_refusals", "Requests refused because of who asked.", ("code",), registry=self.registry
        )
        self._writes = Counter(
            "kg_writes", "Changes to organisations, by kind.", ("operation",), registry=self.registry
        )
        self._release = Gauge("kg_release_info", "The release that answers.", ("digest",), registry=self.registry)
        self.serves(release)

    def serves(self, release: str) -> None:
        """Another release answers from now on."""
        self._release.clear()
        self._release.labels(release).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer.  ``route`` is the template of the address, never the address itself."""
        known = method if method in _METHODS else "other"  # a client may invent any word
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str) -> None:
        """Count one refusal for who asked."""
        self._refused.labels(code).inc()

    def wrote(self, operation: str) -> None:
        """Count one change."""
        self._writes.labels(operation).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message and what the caller added."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        found |= {key: value for key, value in vars(record).items() if key not in _OWN}
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str, ensure_ascii=False)


class _Text(logging.Formatter):
    """The same for a person's eye."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever a client sent: an address may hold a line break."""
        return _shown(super().formatMessage(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        more = " ".join(f"{key}={_shown(str(value))}" for key, value in vars(record).items() if key not in _OWN)
        return f"{super().format(record)}{f'  {more}' if more else ''}"


def _shown(text: str) -> str:
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def configure_logging(form: str, level: str = "INFO") -> None:
    """Send every log line to standard error in one of :data:`LOG_FORMATS`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel("WARNING")
