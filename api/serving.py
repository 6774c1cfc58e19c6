"""One download, from its request to its bytes: the common way of every address that gives a file.

    Asked       what a request asks, read and checked, and not yet made
    Serving     answers it: validators, 304, ranges, gzip, file name, who may keep it, and the body as it is made

The validator is known before anything is made: it is drawn from the release, the question, the day, the format and the
code and libraries that write it.  So a client that has the file already costs nothing.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

import kg
from api.bodies import BLOCK, Bodies, compressed
from api.conditional import NotThereError, disposition, etag, matches, range_of, strongly_matches, wants_gzip
from api.negotiation import best
from api.responses import refusal
from kg.errors import KgError

__all__ = ["Asked", "Form", "NoSuchFormatError", "NotAcceptableError", "Serving", "chosen", "must_exist", "named"]

#: How long a client may take a file of one release and one day for the same without asking: a day.
_PINNED = "max-age=86400, immutable"
#: What a file of ours in HTML may load: its own styles.  It is a document for itself, no page of this server.
_HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
#: What a 304 repeats (RFC 9110, 15.4.5).
_STILL_SAID = ("ETag", "Cache-Control", "Content-Location", "Vary")
#: Already compressed.
_PACKED = ("application/vnd.openxmlformats", "application/zip")
#: Questions read and checked at once; each takes a moment, unless the database is slow.
_READERS = 10


class Form(Protocol):
    """A format: what :class:`kg.exports.formats.Format` says of one."""

    @property
    def name(self) -> str: ...
    @property
    def extension(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def title(self) -> str: ...


class NoSuchFormatError(KgError):
    """The address ends in a format that there is none of."""

    code = "NOT_FOUND"


class NotAcceptableError(KgError):
    """None of the formats suits the client."""

    code = "NOT_ACCEPTABLE"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks.

    ``stem`` is the file name without its ending, ``path`` the address without it; ``says`` is all that the bytes depend
    on besides release, format and code (empty where they are not the same every time: then there is no validator).
    ``private`` is of an organisation, and nobody may keep it; ``personal`` holds a profile in its address, and only who
    asked may; ``pinned`` names release and day, so that it means the same for ever.
    """

    form: Form
    stem: str
    path: str
    says: tuple[str, ...]
    make: Callable[[], Iterable[bytes]]
    private: bool = False
    personal: bool = False
    pinned: bool = False
    negotiated: bool = False
    policy: str = _HTML_POLICY


@cache
def _writers() -> str:
    """What writes the files, digested: our own code, and the libraries that put bytes into order for us."""
    hasher = hashlib.sha256()
    root = Path(kg.__file__).parent
    for path in sorted(root.rglob("*.py")):
        hasher.update(path.read_bytes())
    for name in ("orjson", "xlsxwriter", "rustpy-xlsxwriter", "rdflib", "pyoxigraph", "networkx"):
        try:
            hasher.update(f"{name} {version(name)}".encode())
        except PackageNotFoundError:
            continue
    return hasher.hexdigest()


def _listed(forms: Sequence[Form]) -> str:
    return ", ".join(f".{form.extension} ({form.title})" for form in forms)


def named(text: str, known: Iterable[str], forms: Sequence[Form], unknown: Callable[[str], KgError]) -> tuple[str, str]:
    """The id and the ending in the last part of an address: ``gdpr.sssom.tsv`` is ``gdpr`` and ``sssom.tsv``.

    Ids may have dots.  Raises :class:`NoSuchFormatError` for an ending that is none of ``forms``, and what ``unknown``
    makes of a name that is no id.
    """
    known = set(known)
    if text in known:
        return text, ""
    for form in sorted(forms, key=lambda f: -len(f.extension)):
        name = text.removesuffix(f".{form.extension}")
        if name != text and name in known:
            return name, form.extension
    heads = [text[:at] for at, letter in enumerate(text) if letter == "."]
    for head in reversed(heads):
        if head in known:
            ending = text[len(head) :]
            raise NoSuchFormatError(f"there is no {ending[:40]!r} of {head}", f"there are {_listed(forms)}")
    for form in sorted(forms, key=lambda f: -len(f.extension)):
        if text.endswith(f".{form.extension}"):
            raise unknown(text.removesuffix(f".{form.extension}"))
    raise unknown(text)


def must_exist(form: Form, forms: Sequence[Form], what: str) -> None:
    """Raises :class:`NoSuchFormatError` for a format that there is not of this very thing."""
    if all(form.name != other.name for other in forms):
        raise NoSuchFormatError(f"there is no '.{form.extension}' of {what}", f"there are {_listed(forms)}")


def chosen(request: Request, forms: Sequence[Form], ending: str) -> Form:
    """The format: by the ending of the address, or else by what the client accepts (the first where it takes any).

    Raises :class:`NotAcceptableError` where it accepts none of them.
    """
    if ending:
        return next(form for form in forms if form.extension == ending)
    offers = {form.media_type.partition(";")[0]: form for form in reversed(forms)}  # of equal types the first
    accept = ",".join(request.headers.getlist("accept")) or None
    found = best(accept, [form.media_type.partition(";")[0] for form in forms])
    if found is None:
        kinds = ", ".join(dict.fromkeys(form.media_type.partition(";")[0] for form in forms))
        raise NotAcceptableError("none of the formats the client accepts can be given", f"there are {kinds}")
    return offers[found]


class Serving:
    """Answers what is asked, out of bodies that are made once."""

    def __init__(self, bodies: Bodies | None = None) -> None:
        self.bodies = bodies or Bodies()
        self._threads = anyio.CapacityLimiter(_READERS)

    async def __call__(self, request: Request, read: Callable[[Request], Asked]) -> Response:
        """The response to a GET or HEAD.  ``read`` says what is asked, in a thread, and raises
        :class:`~kg.errors.KgError` for what makes no sense."""
        asked, writers = await anyio.to_thread.run_sync(lambda: (read(request), _writers()), limiter=self._threads)
        packed = (
            not asked.form.media_type.startswith(_PACKED)
            and "range" not in request.headers
            and wants_gzip(",".join(request.headers.getlist("accept-encoding")))
        )
        headers = _headers(asked, packed, request.url.query)
        tag = ""
        if asked.says:
            coding = f"gzip {zlib.ZLIB_RUNTIME_VERSION}" if packed else ""
            headers["ETag"] = tag = etag(writers, asked.form.name, coding, *asked.says)
            if matches(tag, ",".join(request.headers.getlist("if-none-match")) or None):
                kept = {name: headers[name] for name in _STILL_SAID if name in headers}
                return Response(status_code=304, headers=kept)
        key = None if asked.private else tag or None
        if request.method == "HEAD":
            if key and (body := self.bodies.kept(key)):
                headers["Content-Length"] = str(body.size)
            return _Head(headers, asked.form.media_type)
        make = (lambda: compressed(asked.make())) if packed else asked.make
        return _Download(self.bodies, key, make, request, headers, asked.form.media_type, tag)


def _headers(asked: Asked, packed: bool, query: str) -> dict[str, str]:
    """What GET, HEAD and 304 say alike."""
    form = asked.form
    vary = ["Accept"] if asked.negotiated else []
    vary += [] if form.media_type.startswith(_PACKED) else ["Accept-Encoding"]
    vary += ["Authorization"] if asked.private else []
    seen = "inline" if form.media_type.startswith("text/html") else "attachment"
    headers = {
        "Content-Disposition": disposition(seen, f"{asked.stem}.{form.extension}"),
        "Content-Location": f"{asked.path}.{form.extension}{f'?{query}' if query else ''}",
        "Accept-Ranges": "bytes",
        "Cache-Control": _kept(asked),
    }
    if vary:
        headers["Vary"] = ", ".join(vary)
    if packed:
        headers["Content-Encoding"] = "gzip"
    if form.media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = asked.policy
    return headers


def _kept(asked: Asked) -> str:
    """Who may keep it, and for how long without asking again."""
    if asked.private:
        return "private, no-store"
    return f"{'private' if asked.personal else 'public'}, {_PINNED if asked.pinned else 'no-cache'}"


class _Head(Response):
    """The headers alone; how long the body would be is said only where it is known."""

    def __init__(self, headers: dict[str, str], media_type: str) -> None:
        super().__init__(headers=headers, media_type=media_type)
        if "Content-Length" not in headers:
            del self.headers["Content-Length"]


class _Download(StreamingResponse):
    """A body as it is made.  What is made at once, or fails at once, is known before the first header is sent."""

    def __init__(
        self,
        bodies: Bodies,
        key: str | None,
        make: Callable[[], Iterable[bytes]],
        request: Request,
        headers: dict[str, str],
        media_type: str,
        tag: str,
    ) -> None:
        super().__init__((), headers=headers, media_type=media_type)
        self._reading = partial(bodies.reading, key, make)
        self._request, self._tag = request, tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._reading() as self._body:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send it, or the part that was asked for."""
        asked = self._request.headers.get("range")
        if asked and self._tag and strongly_matches(self._tag, self._request.headers.get("if-range")):
            await self._body.reached(sys.maxsize)  # a part of something has a whole
            try:
                part = range_of(asked, self._body.size)
            except NotThereError:
                headers = {"Content-Range": f"bytes */{self._body.size}"}
                detail = f"there are {self._body.size:,} bytes"
                response = refusal(self._request, "RANGE_NOT_SATISFIABLE", detail, headers=headers)
                await response(self._request.scope, self._request.receive, send)
                return
        else:
            await self._body.reached(BLOCK)
            part = None
        if part is not None:
            self.status_code = 206
            self.headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{self._body.size}"
            self.headers["Content-Length"] = str(part[1] - part[0])
        elif self._body.done:
            self.headers["Content-Length"] = str(self._body.size)
        self.body_iterator = self._body.blocks(*part) if part else self._body.blocks()
        await super().stream_response(send)
