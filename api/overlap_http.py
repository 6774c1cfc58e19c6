"""``GET /overlaps`` and ``GET /overlaps/{source}/{target}``: the addresses that permalinks lead to.

Thin over :mod:`kg.permalink`: the address is the question.  A body depends on the release and the address alone, so it
has a strong ETag, and the last few are kept: the same link is asked for by everybody who was sent it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Path, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.negotiation import best
from api.schema.inputs import MAX_SYSTEMS, TooMuchError
from api.schema.overlaps import check_cells
from kg import Release
from kg.permalink import (
    SUFFIXES,
    OverlapAnswer,
    OverlapQuery,
    answer_query,
    check_release,
    parse_permalink,
)

__all__ = ["MEDIA_TYPES", "add_overlaps", "body_of"]

#: Ending → media type, the one given where a client takes anything first.
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "md": "text/markdown",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: How many bodies are kept, and how large one may be to be kept.
MAX_KEPT = 32
MAX_KEPT_BYTES = 2_000_000

# Described here; read, with every other, by parse_permalink.
_Sources = Annotated[str | None, Query(description="Frameworks and catalogues, by comma; left out: all frameworks.")]
_Targets = Annotated[str | None, Query(description="Frameworks, by comma; left out: all.")]
_AsOf = Annotated[str | None, Query(description="The day to answer for, like 2026-11-23; left out: today.")]
_Release = Annotated[
    str | None, Query(description="The digest of a release: refused if this is another; left out: this one.")
]
_MaxHops = Annotated[str | None, Query(description="How many rows a chain may have, 0 to 3; left out: 3.")]
_MinAuthority = Annotated[
    str | None, Query(description="The least authority a row must have: owner to organization (all, the default).")
]
_ReviewedOnly = Annotated[str | None, Query(description="Whether only reviewed rows count: true or false.")]
_Sets = Annotated[str | None, Query(description="Only rows of these mapping sets count, by comma; left out: of all.")]
_Profile = Annotated[
    str | None, Query(description="A profile as JSON in base64url: take it from the `permalink` of an answer.")
]
_Both = Annotated[str | None, Query(description="Whether the answer is of both directions: true or false.")]


def body_of(answer: OverlapAnswer, release: Release, suffix: str) -> bytes:
    """An answer in one of the formats of :data:`MEDIA_TYPES`, byte for byte what the command line writes."""
    if suffix == "json":
        from kg.exports.json import dumps

        return dumps(answer, release)
    from kg.exports.tables import document

    documents = [document(answer, release)]
    if suffix == "csv":
        from kg.exports.csv import csv_text

        return csv_text(documents).encode()
    if suffix == "md":
        from kg.exports.markdown import markdown_text

        return markdown_text(documents).encode()
    from kg.exports.xlsx import workbook

    return workbook(documents)


class _Kept:
    """The bodies asked for last, by what was asked."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[OverlapQuery, str], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[OverlapQuery, str]) -> bytes | None:
        with self._lock:
            if key in self._bodies:
                self._bodies.move_to_end(key)
            return self._bodies.get(key)

    def put(self, key: tuple[OverlapQuery, str], body: bytes) -> None:
        if key[0].as_of is None or len(body) > MAX_KEPT_BYTES:  # what means today means another day tomorrow
            return
        with self._lock:
            self._bodies[key] = body
            while len(self._bodies) > MAX_KEPT:
                self._bodies.popitem(last=False)


def _check_size(query: OverlapQuery, release: Release) -> None:
    """Raises :class:`~api.schema.inputs.TooMuchError` for more than is answered at once."""
    systems = len(query.profile.systems) if query.profile else 0
    if systems > MAX_SYSTEMS:
        raise TooMuchError(f"{systems} systems are too many for one request", f"at most {MAX_SYSTEMS}")
    if query.form == "matrix":
        check_cells(release, query.sources, query.targets)


def _format(query: OverlapQuery, request: Request) -> str:
    """By the ending of the address, or else by what the client accepts; raises 406."""
    if query.suffix:
        return query.suffix
    found = best(request.headers.get("accept"), tuple(MEDIA_TYPES.values()))
    if found is None:
        raise HTTPException(406, headers={"Vary": "Accept"})
    return next(suffix for suffix, media in MEDIA_TYPES.items() if media == found)


def _fits(etag: str, header: str | None) -> bool:
    """Whether ``If-None-Match`` names the body (RFC 9110: compared weakly)."""
    named = [each.strip().removeprefix("W/") for each in (header or "").split(",")]
    return etag in named or named == ["*"]


def _respond(request: Request, query: OverlapQuery, suffix: str, body: bytes) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    pinned = bool(query.release) and query.as_of is not None
    whose = "private" if query.profile else "public"
    headers = {
        "ETag": etag,
        "Vary": "Accept",
        "Cache-Control": f"{whose}, max-age=86400" if pinned else "no-cache",
        "Content-Disposition": f'inline; filename="overlap.{suffix}"',
    }
    if _fits(etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=MEDIA_TYPES[suffix])


def add_overlaps(app: FastAPI, release: Release) -> None:
    """Put the two addresses on the application, each also with an ending that says the format."""
    kept = _Kept()

    def answer(request: Request, path: str) -> Response:
        asked = request.scope["query_string"].decode("latin-1")
        query = parse_permalink(f"{path}?{asked}" if asked else path, release)
        check_release(query, release)
        _check_size(query, release)
        suffix = _format(query, request)
        key = (query, suffix)
        found = kept.get(key)
        if found is None:
            found = body_of(answer_query(query, release), release, suffix)
            kept.put(key, found)
        return _respond(request, query, suffix, found)

    def matrix(
        request: Request,
        sources: _Sources = None,
        targets: _Targets = None,
        asOf: _AsOf = None,
        release: _Release = None,
        maxHops: _MaxHops = None,
        minAuthority: _MinAuthority = None,
        reviewedOnly: _ReviewedOnly = None,
        sets: _Sets = None,
        profile: _Profile = None,
    ) -> Response:
        """Every source against every target, counted, with the permalink of the answer."""
        return answer(request, request.url.path)

    def one(
        request: Request,
        source: Annotated[str, Path(description="A framework's or catalogue's id: what is taken as done.")],
        target: Annotated[
            str,
            Path(description="A framework's id: whose requirements are counted; .csv, .md or .xlsx may follow."),
        ],
        asOf: _AsOf = None,
        release: _Release = None,
        maxHops: _MaxHops = None,
        minAuthority: _MinAuthority = None,
        reviewedOnly: _ReviewedOnly = None,
        sets: _Sets = None,
        profile: _Profile = None,
        both: _Both = None,
    ) -> Response:
        """One direction, or with ``both=true`` both, each with what is given, what is left and why."""
        return answer(request, f"/overlaps/{quote(source, safe='')}/{quote(target, safe='')}")

    for path, function, said in (
        ("/overlaps", matrix, "How much each framework gives of each other"),
        ("/overlaps/{source}/{target}", one, "How much of one framework another gives"),
    ):
        app.get(path, summary=said, response_class=Response, responses=_RESPONSES)(function)
    for suffix in SUFFIXES:
        app.get(f"/overlaps.{suffix}", include_in_schema=False)(matrix)


_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"content": {media: {} for media in MEDIA_TYPES.values()}},
    409: {"description": "The permalink is of another release: the problem document names both."},
}
