"""Linked data: ``/id/…`` answers for every IRI of the graph, ``…/aigov-kg/gdpr/art-32.1`` at ``/id/gdpr/art-32.1``.

The IRI names the thing, the address here is the document about it; the redirect at w3id.org (``docs/w3id``) leads from
one to the other with 303, as it should for what is no document.  Thin over :mod:`kg.linked` and :mod:`kg.catalogue`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urldefrag

from fastapi import FastAPI, Path, Request
from starlette.responses import RedirectResponse, Response

from api.downloads import check_pinned, given
from api.negotiation import best
from kg.errors import KgError, UnknownIdError, nearest
from kg.release import Release

if TYPE_CHECKING:
    from kg.catalogue import Download
    from kg.linked import Description

__all__ = ["MEDIA_TYPES", "add_linked_data", "body_of", "chosen", "not_acceptable", "server_of"]

#: Ending → media type, the one given where a client takes anything first.
MEDIA_TYPES = {
    "ttl": "text/turtle",
    "jsonld": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "html": "text/html",
    "nq": "application/n-quads",
    "trig": "application/trig",
    "csv": "text/csv",
}
#: What clients also call the same formats.
_ALSO = {"application/json": "jsonld", "application/xml": "rdf", "application/xhtml+xml": "html", "text/n3": "ttl"}
#: What has files beside its description here: the kind of address, and what its first part is in the address of a file.
_LISTED = {"/frameworks/{framework}": "framework", "/mappings/{set}": "set", "/graph": "", "/crosswalks": ""}


#: Stands for the server's address in what is kept; ``Host`` may name anything, so nothing is kept by it.
_PLACE = "http://server.invalid"
_SERVER = re.compile(r"https?://[A-Za-z0-9._\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?")


def server_of(request: Request) -> str:
    """The address under which the client reached this server, without a slash at its end."""
    found = str(request.base_url).rstrip("/")
    return found if _SERVER.fullmatch(found) else "http://localhost"


def not_acceptable(offers: list[str]) -> KgError:
    """The refusal that lists what there is."""
    said = "none of the formats the client accepts can be given"
    return KgError(said, "there is " + ", ".join(offers), code="NOT_ACCEPTABLE")


def chosen(request: Request) -> str:
    """The ending of the format that the client would like best; raises the refusal that lists them."""
    accept = request.headers.get("accept")
    found = best(accept, tuple(MEDIA_TYPES.values())) or best(accept, tuple(_ALSO))
    if found is None:
        raise not_acceptable(list(MEDIA_TYPES.values()))
    return _ALSO.get(found) or next(ending for ending, media in MEDIA_TYPES.items() if media == found)


def _split(path: str, known: Callable[[str], bool]) -> tuple[str, str]:
    """An address without the ending that says a format, and that ending: ids may have dots too."""
    stem, dot, ending = path.rpartition(".")
    return (stem, ending) if dot and ending in MEDIA_TYPES and not known(path) else (path, "")


def _respond(request: Request, body: bytes, ending: str, iri: str, stem: str, negotiated: bool) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept",
        "Cache-Control": "no-cache",
        "Access-Control-Allow-Origin": "*",
        "Link": f'<{iri}>; rel="describes", </id/void>; rel="describedby"',
    }
    if negotiated:
        headers["Content-Location"] = f"/id/{quote(stem)}.{ending}"
    named = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if etag in named or named == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=MEDIA_TYPES[ending])


def _made(request: Request) -> dict[str, Callable[[Release, str], Description]]:
    """The documents about the whole, by their IRIs."""
    from kg import catalogue

    return {
        catalogue.VOID: catalogue.void,
        catalogue.CATALOGUE: lambda release, server: catalogue.dcat(release, server, _downloads(request, release)),
        catalogue.SPARQL: catalogue.service,
    }


def body_of(request: Request, release: Release, iri: str, ending: str) -> bytes:
    """The document about an IRI that has one."""
    from kg import linked

    make = _made(request).get(iri)

    def write() -> bytes:
        # what counts everything is kept; a description is soon made again
        found: Description | None
        found = release.cache(("linked", iri), lambda: make(release, _PLACE)) if make else linked.describe(release, iri)
        assert found is not None
        if ending == "html":
            from api.linked_page import render

            return render(release, found).encode()
        return linked.serialize(found, ending)

    body: bytes = release.cache(("linked", iri, ending), write) if make else write()
    return body.replace(_PLACE.encode(), server_of(request).encode())


def _answer(request: Request, release: Release, path: str) -> Response:
    from kg import linked
    from kg.terms import BASE

    query = f"?{request.url.query}" if request.url.query else ""
    if file := _file(release, path):
        return RedirectResponse(file + query, 303)
    check_pinned(given(request, ("release",)), release)
    if path == "":
        return RedirectResponse(f"/id/catalogue{query}", 303)
    if "#" in path:  # a fragment that was written into the address: the document, at that place
        document, fragment = urldefrag(path)
        return RedirectResponse(f"/id/{quote(document)}{query}#{quote(fragment)}", 303)
    described = linked.documents(release)
    stem, ending = _split(path, lambda p: BASE + p in described)
    iri = BASE + stem
    if iri not in described and iri not in _made(request):
        near = nearest(linked.short(iri), map(linked.short, described))
        hint = f"nearest: {near}; " if near else ""
        raise UnknownIdError(f"{iri} names nothing in this release", hint + "endings: " + ", ".join(MEDIA_TYPES))
    wanted = ending or chosen(request)
    return _respond(request, body_of(request, release, iri, wanted), wanted, iri, stem, negotiated=not ending)


def _file(release: Release, path: str) -> str:
    """Where a thing that is nothing but a file is: a crosswalk by its two sides, the release by its digest.  Exchange
    files are named by these IRIs.  Empty for everything else, and for another release."""
    kind, _, rest = path.partition("/")
    sides = rest.split("/")
    if kind == "crosswalks" and len(sides) == 2:
        known = {*release.frameworks, *release.catalogues}
        target = next((name for name in known if sides[1] == name or sides[1].startswith(f"{name}.")), "")
        return f"/crosswalks/{quote(rest)}" if sides[0] in known and target else ""
    return "/graph" if (kind, rest) == ("releases", release.digest) else ""


def _downloads(request: Request, release: Release) -> list[Download]:
    """The files of what has an IRI, from the table that their routes are made of."""
    from kg.catalogue import CROSSWALKS, DATASET, Download
    from kg.exports.formats import formats_of_set
    from kg.terms import FRAMEWORKS, set_iri

    found = []
    for address in request.app.state.addresses:
        part = _LISTED.get(address.path)
        if part is None:
            continue
        for name in address.names[part](release) if part else [""]:
            whole = CROSSWALKS if address.path == "/crosswalks" else DATASET
            dataset = {"framework": FRAMEWORKS + name, "set": set_iri(name), "": whole}[part]
            path = address.path.replace(f"{{{part}}}", quote(name)) if part else address.path
            there = formats_of_set(release, name) if part == "set" else address.forms
            found += [Download(dataset, f"{path}.{f.extension}", f.media_type) for f in there if f.name != "page"]
    return found


def add_linked_data(app: FastAPI) -> None:
    """Put ``/id/…`` and ``/.well-known/void`` on the application."""

    def one(
        request: Request,
        path: Annotated[
            str,
            Path(
                description="What follows the base IRI; perhaps .ttl, .jsonld, .nt, .rdf, .nq, .trig, .csv, .html.",
                examples=["gdpr/art-32.1"],
            ),
        ],
    ) -> Response:
        """Everything the release says of one IRI under `https://w3id.org/aigov-kg/`: a provision, control, threat,
        incident, mapping set, row, or term of the ontology. `void` and `catalogue` describe the whole."""
        return _answer(request, request.app.state.release, path)

    def well_known(request: Request) -> Response:
        """How large the dataset is, which words it uses, and where it can be asked (VoID)."""
        return _answer(request, request.app.state.release, "void")

    for path, function, summary, responses in (
        ("/id/{path:path}", one, "Linked data", _RESPONSES),
        ("/.well-known/void", well_known, "The VoID description", _DOCUMENT),
    ):
        app.get(path, summary=summary, response_class=Response, responses=responses, openapi_extra=_RELEASE)(function)
    for path, function in (("/id/{path:path}", one), ("/.well-known/void", well_known)):
        app.add_api_route(path, function, methods=["HEAD"], include_in_schema=False)


_RELEASE = {"parameters": [{"$ref": "#/components/parameters/release"}]}
_DOCUMENT: dict[int | str, dict[str, object]] = {
    200: {"content": {media: {} for media in MEDIA_TYPES.values()}},
    304: {"description": "The client has it already."},
    400: {"description": "A parameter that is unknown, given twice or empty; the only one there is is `release`."},
    406: {"description": "None of the formats the client accepts can be given; the hint lists them."},
    409: {"description": "The address names another release than the one that answers."},
}
_RESPONSES: dict[int | str, dict[str, object]] = {
    **_DOCUMENT,
    303: {"description": "The document that describes what was asked for is elsewhere."},
    404: {"description": "The release says nothing of it; the hint names the nearest that it does."},
}
