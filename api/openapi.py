"""The OpenAPI 3.1 document: every address, every parameter, every status.

What FastAPI knows of its own routes is taken over; the downloads come from the table they are made of, with the ids of
the release at hand; GraphQL is described by hand.  Whatever can be refused is a problem document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.downloads import Address
from api.errors import CODES, problem
from api.serving import Form
from kg import __version__
from kg.answers.filter import MAX_HOPS
from kg.model import Authority
from kg.release import Release

__all__ = ["document"]

Json = dict[str, Any]

_DESCRIPTION = """\
Standards and laws for AI, the mappings between them, and incidents.

* Questions with controls and profiles are asked in GraphQL, at `/graphql`; `/schema.graphql` says what can be asked.
* Everything that can be fetched as a file has an address here. With an ending (`.csv`) it is that format; without one
  `Accept` decides.
* Every file has a strong `ETag`: send it back as `If-None-Match` and get 304 until something has changed.
* A refused request is a problem document (RFC 9457) with a stable `code`; `/errors` explains each.

This is information, not legal advice.
"""
_TAGS = [
    {"name": "downloads", "description": "Frameworks, mapping sets, crosswalks and the whole graph as files."},
    {"name": "overlaps", "description": "How much each framework gives of each other: the addresses of permalinks."},
    {"name": "organisations", "description": "The files of one organisation, for who has a role in it."},
    {"name": "graphql", "description": "Questions."},
    {"name": "linked data", "description": "What an IRI names, and SPARQL, where the server offers them."},
    {"name": "operations", "description": "For whoever runs the server."},
    {"name": "pages", "description": "For people."},
]
#: Status → the code of the example, and what it means here.
_REFUSALS = {
    400: ("BAD_ARGUMENT", "A parameter is unknown, given twice or makes no sense; the hint says what would."),
    401: ("UNAUTHENTICATED", "It is not clear who asks."),
    403: ("FORBIDDEN", "You are known here and may not do this."),
    404: ("UNKNOWN_ID", "Nothing of that name, or not in that format: the hint lists what there is."),
    405: ("METHOD_NOT_ALLOWED", "The address does not answer this method; `Allow` says which it does."),
    406: ("NOT_ACCEPTABLE", "None of the formats the client accepts can be given; the hint lists them."),
    409: ("RELEASE_MISMATCH", "The address names another release than the one that answers."),
    413: ("INPUT_LIMIT", "That is too much for one request."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The body is not JSON in UTF-8."),
    416: ("RANGE_NOT_SATISFIABLE", "The range begins behind the end; `Content-Range` says how long it is."),
    503: ("BUSY", "Not now: `Retry-After` says when."),
}
_TEXT = ("text/", "application/n-quads", "application/n-triples", "application/trig")


def document(app: FastAPI, release: Release) -> Json:
    """The document for the routes of ``app`` and the ids of ``release``."""
    found = get_openapi(
        title=app.title, version=__version__, openapi_version="3.1.0", description=_DESCRIPTION, routes=app.routes,
        tags=_TAGS, license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    paths: Json = found.setdefault("paths", {})
    for path, item in paths.items():
        for operation in item.values():
            operation["responses"].pop("422", None)  # our routes read their parameters themselves
            linked = path.startswith(("/id/", "/sparql", "/.well-known/"))
            operation.setdefault("tags", ["linked data" if linked else "operations"])
            for status in _SPECIAL.get(path, ()):
                operation["responses"][str(status)] = _refused(status)
    for address in app.state.addresses:
        paths |= _download(address, release)
    paths["/graphql"] = _GRAPHQL
    for path, title in _PAGES.items():
        paths[path] = {"get": _page(path, title)}
    paths["/downloads"]["get"] |= {"parameters": [{"$ref": "#/components/parameters/release"}]}
    paths["/downloads"]["get"]["responses"] |= {str(s): _refused(s) for s in (400, 409)}
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    components["parameters"] = _parameters(release)
    components["headers"] = _HEADERS
    components["responses"] = {f"Refused{status}": _response(status) for status in _REFUSALS} | _PARTIAL
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key (kgk_…) or a token of the issuer."}
    }
    found["paths"] = dict(sorted(paths.items()))
    return found


#: What the routes that FastAPI describes can refuse.
_SPECIAL: dict[str, tuple[int, ...]] = {
    "/metrics": (401, 403, 503),
    "/readyz": (503,),
}
_PAGES = {
    "/": "The start page",
    "/downloads": "Everything that can be fetched",
    "/errors": "Every error code",
    "/openapi": "This document, for people",
}


def _page(path: str, title: str) -> Json:
    return {
        "tags": ["pages"],
        "summary": title,
        "operationId": f"page_{path.strip('/') or 'home'}",
        "responses": {"200": {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}},
    }


# ---------------------------------------------------------------------------- refusals


def _refused(status: int) -> Json:
    return {"$ref": f"#/components/responses/Refused{status}"}


def _response(status: int) -> Json:
    code, said = _REFUSALS[status]
    example = problem(code, "7d1f6b1e5d0b4d8e9a8b0c6f2f6c3a11")[1]
    found: Json = {
        "description": said,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example},
            "text/html": {"schema": {"type": "string"}},
        },
    }
    more = {401: "WWW-Authenticate", 405: "Allow", 416: "Content-Range", 503: "Retry-After"}
    if status in more:
        found["headers"] = {more[status]: {"schema": {"type": "string"}}}
    return found


_PROBLEM: Json = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "hint", "requestId"],
    "properties": {
        "type": {"type": "string", "description": "Where the code is explained."},
        "title": {"type": "string", "description": "What the code means."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "code": {"type": "string", "enum": sorted(CODES), "description": "Stable, for programs."},
        "hint": {"type": "string", "description": "What would be right."},
        "requestId": {"type": "string", "description": "Under which the server's log has the rest."},
        "findings": {"type": "array", "items": {"type": "object"}, "description": "Every fault, if several."},
    },
}  # fmt: skip

# ---------------------------------------------------------------------------- downloads


def _parameters(release: Release) -> Json:
    def query(name: str, description: str, schema: Json, example: Any, **more: Any) -> Json:
        return {"name": name, "in": "query", "description": description, "schema": schema, "example": example, **more}

    def header(name: str, description: str, example: str) -> Json:
        return {
            "name": name, "in": "header", "description": description, "schema": {"type": "string"}, "example": example,
        }  # fmt: skip

    def names(name: str, description: str, known: list[str]) -> Json:
        items = {"type": "string", **({"enum": known} if known else {})}
        schema = {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}
        return query(name, f"{description} Joined by commas.", schema, known[:1], style="form", explode=False)

    authorities = [a.value for a in Authority]
    frameworks = list(release.frameworks)
    sides = [*frameworks, *release.catalogues]
    return {
        "asOf": query(
            "asOf", "A day from 1901 to 2100 to answer for; left out: today, or the day of an organisation's profile.",
            {"type": "string", "format": "date"}, "2026-11-23",
        ),
        "maxHops": query(
            "maxHops", "How many rows a chain may have.",
            {"type": "integer", "minimum": 0, "maximum": MAX_HOPS, "default": MAX_HOPS}, 2,
        ),
        "minAuthority": query(
            "minAuthority", "The least authority a row must have to count.",
            {"type": "string", "enum": authorities, "default": Authority.ORGANIZATION.value}, Authority.PROJECT.value,
        ),
        "reviewedOnly": query(
            "reviewedOnly", "Whether only reviewed rows count.", {"type": "boolean", "default": False}, False
        ),
        "sets": names("sets", "Only rows of these mapping sets count; left out: of all.", list(release.sets)),
        "derived": query(
            "derived", "Whether what follows from chains is added.", {"type": "boolean", "default": True}, True
        ),
        "release": query(
            "release", "The digest of a release: refused if another one answers.",
            {"type": "string", "pattern": "^[0-9a-f]{16}$"}, release.digest,
        ),
        "sources": names("sources", "What is taken as done; left out: all frameworks.", sides),
        "targets": names("targets", "Whose requirements are counted; left out: all frameworks.", frameworks),
        "both": query("both", "Both directions.", {"type": "boolean", "default": False}, True),
        "profile": query(
            "profile", "A profile as JSON in base64url: take it from the `permalink` of an answer.",
            {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}, "eyJyb2xlcyI6WyJwcm92aWRlciJdLCJ0aXRsZSI6IkV4YW1wbGUifQ",
        ),
        "ifNoneMatch": header("If-None-Match", "The `ETag` of what you have: 304 if that is still it.", '"0123"'),
        "range": header("Range", "Only this part of the bytes.", "bytes=0-1023"),
        "ifRange": header("If-Range", "The `ETag` of the part you have: all of it if that has changed.", '"0123"'),
    }  # fmt: skip


_HEADERS: Json = {
    "ETag": {"description": "Names these bytes.", "schema": {"type": "string"}, "example": '"0123456789abcdef"'},
    "Content-Disposition": {"description": "The file's name.", "schema": {"type": "string"}},
    "Content-Location": {"description": "The address of this format.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "Who may keep it.", "schema": {"type": "string"}},
    "Vary": {"description": "Which headers of the request decided.", "schema": {"type": "string"}},
}
_SENT = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
_RANGE = {"Content-Range": {"description": "Which part of how much.", "schema": {"type": "string"}}}
_PARTIAL: Json = {"NotModified": {"description": "You have it already.", "headers": {"ETag": _SENT["ETag"]}}}


def _contents(forms: Iterable[Form]) -> Json:
    found: Json = {}
    for form in forms:
        media = form.media_type.partition(";")[0]
        if media == "application/json" or media.endswith("+json"):
            schema: Json = {"type": ["object", "array"]}
        elif media.startswith(_TEXT):
            schema = {"type": "string"}
        else:
            schema = {}
        found.setdefault(media, {"schema": schema})
    return found


def _download(address: Address, release: Release) -> Json:
    """The two paths of an address: without an ending, and with one."""
    parts = []
    for name in [p[1:-1] for p in address.path.split("/") if p.startswith("{")]:
        known = list(address.names[name](release)) if name in address.names else []
        schema: Json = {"type": "string", "enum": known} if known else {"type": "string", "minLength": 1}
        what = "Its id." if known else "The organisation's id."
        part: Json = {"name": name, "in": "path", "required": True, "description": what, "schema": schema}
        part["example"] = known[-1 if name == "target" else 0] if known else "local"
        parts.append(part)
    shared = [{"$ref": f"#/components/parameters/{p}"} for p in address.parameters]
    headers = [{"$ref": f"#/components/parameters/{p}"} for p in ("ifNoneMatch", "range", "ifRange")]
    statuses = [400, 404, 409, 416, 503]
    if "derived" in address.parameters or address.tag == "overlaps":
        statuses.append(413)
    if address.tag == "organisations":
        statuses.append(401)
    found = {}
    for ending in (False, True):
        forms = address.forms
        own = list(parts)
        if ending:
            own.append(
                {
                    "name": "ending", "in": "path", "required": True, "description": "Which format.",
                    "schema": {"type": "string", "enum": [f.extension for f in forms]}, "example": forms[0].extension,
                }
            )  # fmt: skip
        content = _contents(forms)
        responses: Json = {
            "200": {"description": "The file.", "headers": _SENT, "content": content},
            "206": {"description": "The part asked for, of the same media type.", "headers": _SENT | _RANGE},
            "304": {"$ref": "#/components/responses/NotModified"},
            **{str(s): _refused(s) for s in sorted([*statuses, *([] if ending else [406])])},
        }
        slug = address.path.replace("{", "").replace("}", "").strip("/").replace("/", "_")
        operation: Json = {
            "tags": [address.tag],
            "summary": address.title + (", in a format" if ending else ""),
            "description": address.description,
            "operationId": f"get_{slug}{'_as' if ending else ''}",
            "parameters": [*own, *shared, *headers],
            "responses": responses,
        }
        if address.tag == "organisations":
            operation["security"] = [{"key": []}, {}]
        found[f"{address.path}.{{ending}}" if ending else address.path] = {"get": operation}
    return found


# ---------------------------------------------------------------------------- GraphQL

_ANSWER: Json = {
    "type": "object",
    "properties": {
        "data": {"type": ["object", "null"]},
        "errors": {"type": "array", "items": {"type": "object", "required": ["message"]}},
        "extensions": {"type": "object"},
    },
}
_EXAMPLE_QUERY = "{ release frameworks { curie title } }"


def _graphql_responses() -> Json:
    media = {
        "application/json": {"schema": _ANSWER, "example": {"data": {"release": "0123456789abcdef"}}},
        "application/graphql-response+json": {"schema": _ANSWER},
    }
    said = {
        400: "Not a GraphQL request, or a document that does not parse or fit the schema.",
        401: "The key or token is not valid.",
        406: "Neither of the two media types is accepted.",
        413: "The body is too large.",
        415: "The body is not JSON in UTF-8.",
    }
    page = {"text/html": {"schema": {"type": "string"}}}
    return {
        "200": {"description": "The answer; errors in the answer are in it.", "content": media | page},
        **{str(status): {"description": text, "content": media} for status, text in said.items()},
    }


def _json_parameter(name: str, description: str) -> Mapping[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {"name": name, "in": "query", "description": description, "content": content}


_GRAPHQL: Json = {
    "get": {
        "tags": ["graphql"],
        "summary": "Ask in GraphQL; a browser gets the page with the editor",
        "operationId": "graphql_get",
        "security": [{}, {"key": []}],
        "parameters": [
            {"name": "query", "in": "query", "description": "The document: one or several queries.", "required": True,
             "schema": {"type": "string", "minLength": 1}, "example": _EXAMPLE_QUERY},
            {"name": "operationName", "in": "query", "description": "Which operation, where there are several.",
             "schema": {"type": "string"}},
            _json_parameter("variables", "The variables, as JSON."),
            _json_parameter("extensions", "Nothing is read from it."),
        ],
        "responses": _graphql_responses(),
    },
    "post": {
        "tags": ["graphql"],
        "summary": "Ask in GraphQL, or change what an organisation says",
        "operationId": "graphql_post",
        "security": [{}, {"key": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["query"],
                        "properties": {
                            "query": {"type": "string", "minLength": 1, "description": "The document."},
                            "variables": {"type": ["object", "null"], "description": "Its variables."},
                            "operationName": {"type": ["string", "null"], "description": "Which operation."},
                            "extensions": {"type": ["object", "null"], "description": "Nothing is read from it."},
                        },
                    },
                    "example": {"query": _EXAMPLE_QUERY},
                }
            },
        },
        "responses": _graphql_responses(),
    },
}  # fmt: skip
