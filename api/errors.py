"""What a refused request says, in GraphQL and on every other address alike.

    CODES       every code with what it means and what to do: the page /errors and the docs are made from it
    present     a GraphQL error as it leaves the server: code, hint, docs and requestId, and nothing of our inside
    problem     the same as an RFC 9457 problem document

Whatever was not foreseen is logged here with its request id and leaves the server as ``internal error``.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from kg.errors import Finding, InputError, KgError, StoreError

__all__ = ["CODES", "PARSE_AND_VALIDATION_STATUS", "docs_of", "present", "problem"]

log = logging.getLogger("api.errors")

#: The status of a document that does not parse or validate, where the client accepts
#: ``application/graphql-response+json``.  Newer drafts of GraphQL over HTTP say 422.
PARSE_AND_VALIDATION_STATUS = 400

#: Code → (HTTP status outside GraphQL, what it means, what to do).
CODES: dict[str, tuple[int, str, str]] = {
    "BAD_REQUEST": (400, "The HTTP request is not a GraphQL request.", "Send JSON with `query`, a string."),
    "BODY_TOO_LARGE": (413, "The request is larger than this server reads.", "Send fewer controls at a time."),
    "METHOD_NOT_ALLOWED": (405, "The address does not answer this method.", "`Allow` says which it answers."),
    "NOT_ACCEPTABLE": (406, "None of the formats the client accepts can be given.", "Accept `application/json`."),
    "NOT_FOUND": (404, "There is nothing at this address.", "`/` links to everything there is."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The request's content type is not read.", "Send `application/json`."),
    "SYNTAX_ERROR": (400, "The document is not GraphQL.", "The location says where."),
    "VALIDATION_FAILED": (400, "The document does not fit the schema.", "Compare it with `/schema.graphql`."),
    "BAD_VARIABLES": (400, "The variables do not fit what the operation declares.", "The message says which."),
    "NO_OPERATION": (400, "The document has no operation.", "Write `query { … }`."),
    "OPERATION_NAME_REQUIRED": (400, "The document has several operations.", "Say which is meant in `operationName`."),
    "UNKNOWN_OPERATION": (400, "The document has no operation of that name.", "The hint lists those it has."),
    "NOT_A_QUERY": (400, "A mutation where none is possible, or a subscription.", "Send mutations by POST."),
    "ALIAS_LIMIT": (400, "The document has too many aliases.", "Send several requests."),
    "COST_LIMIT": (400, "The operation would cost too much.", "Ask for smaller pages or fewer fields."),
    "DEFINITION_LIMIT": (400, "The document has too many operations and fragments.", "Send several requests."),
    "DEPTH_LIMIT": (400, "The operation is nested too deeply.", "Go on from an `id` with `node(id:)`."),
    "INPUT_LIMIT": (413, "The request brings more than is assessed at once.", "Send fewer controls at a time."),
    "REPEAT_LIMIT": (400, "The same field is written too often in one selection.", "Once is enough."),
    "TOKEN_LIMIT": (400, "The document is too long.", "Send controls as variables: they do not count."),
    "BAD_ARGUMENT": (400, "An argument makes no sense.", "The hint says what would."),
    "BAD_CURSOR": (400, "This is not a cursor of this list.", "Take it from `endCursor` of the page before."),
    "BAD_ID": (400, "This is not an id of this API.", "Take it from an `id` field; CURIEs go into `by: {curie: …}`."),
    "INVALID_INPUT": (400, "Controls or profile have faults.", "`findings` lists every one; nothing was half-read."),
    "RELEASE_MISMATCH": (409, "The address names another release.", "Without `release` it asks this one."),
    "STALE_CURSOR": (400, "The cursor is of another release of the graph.", "Start again from the first page."),
    "UNKNOWN_ID": (404, "The id names nothing in this release.", "The hint names the nearest that does."),
    "ARCHIVED": (409, "The organisation is archived.", "Take it up again first: `archiveOrganization`."),
    "BEFORE_CREATION": (400, "The organisation did not exist at that time.", "Ask for a later time."),
    "BUSY": (503, "Too many ask at once for what takes long.", "`Retry-After` says when to ask again."),
    "RANGE_NOT_SATISFIABLE": (416, "The range asks for nothing that is there.", "`Content-Range` says how long it is."),
    "CONFLICT": (409, "Somebody else has changed it since it was read.", "Read it again and decide again."),
    "FORBIDDEN": (403, "You are known here and may not do this.", "Ask an administrator of the organisation."),
    "NO_STORE": (404, "This server keeps no organisations.", "Send controls with `assessment`; nothing is stored."),
    "UNAUTHENTICATED": (401, "It is not clear who asks.", "Send a valid API key or token: `Authorization: Bearer …`."),
    "SCHEMA_OUTDATED": (503, "The database has the schema of an older version.", "Its operator runs `kg db upgrade`."),
    "SCHEMA_UNKNOWN": (503, "The database has a schema that this version does not know.", "Use the newer version."),
    "STORE": (503, "The store of organisations cannot be used as it is.", "The server's log has the rest."),
    "STORE_BUSY": (503, "Too many write to the same organisation at once.", "Try again in a moment."),
    "STORE_UNREACHABLE": (503, "The database with the organisations does not answer.", "Try again later."),
    "UNKNOWN_REVISION": (400, "The organisation has no such revision.", "`revision` is the present one."),
    "BAD_QUERY": (400, "The SPARQL query does not parse, or asks for more than reading.", "The message says where."),
    "QUERY_DEADLINE": (422, "The SPARQL query was stopped at its deadline.", "Ask for less: LIMIT, fewer patterns."),
    "QUERY_TOO_LARGE": (422, "The SPARQL query needs more memory than one may have.", "Ask for less, or in parts."),
    "INTERNAL": (500, "Something went wrong on our side.", "Report the requestId; the server's log has the rest."),
}  # fmt: skip


#: What the parser says when it stops at one of its limits.
_ABORTED = {"tokens. Parsing aborted": "TOKEN_LIMIT", "nested too deeply. Parsing aborted": "DEPTH_LIMIT"}


def docs_of(code: str) -> str:
    """The address on this server that explains a code."""
    return f"/errors#{code}"


def _finding(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def _described(error: KgError, request_id: str) -> tuple[str, str, str, dict[str, Any]]:
    """Code, message, hint and further members of an error of the library.

    What is wrong with the store is for its operator: where the database is and what it said stay in the log."""
    if isinstance(error, StoreError):
        code = error.code if error.code in CODES else "STORE"
        log.error("request %s: %s", request_id, error)
        return code, CODES[code][1], CODES[code][2], {}
    code = error.code if error.code in CODES else "BAD_ARGUMENT"
    more: dict[str, Any] = {}
    hint = error.hint
    if isinstance(error, InputError):
        more["findings"] = [_finding(f) for f in error.findings]
        hint = next((f.hint for f in error.findings if f.hint), "")
    return code, error.message, hint or CODES[code][2], more


def _library_error(error: GraphQLError) -> KgError | None:
    """The library's error that a GraphQL error was made of."""
    inner: BaseException | None = error
    while isinstance(inner, GraphQLError):
        inner = inner.original_error
    return inner if isinstance(inner, KgError) else None


def _code_of(error: GraphQLError) -> str:
    """The code of an error that graphql-core or one of our rules reported, before anything was resolved."""
    if error.extensions and error.extensions.get("code") in CODES:
        return str(error.extensions["code"])
    if isinstance(error, GraphQLSyntaxError):
        return next((code for words, code in _ABORTED.items() if words in error.message), "SYNTAX_ERROR")
    if error.path is not None or (error.original_error is not None and not error.nodes):
        return "INTERNAL"
    if error.message.startswith("Variable '$"):
        return "BAD_VARIABLES"
    return "VALIDATION_FAILED"


def present(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """A GraphQL error as it leaves the server."""
    found = _library_error(error)
    if found is not None:
        code, message, hint, more = _described(found, request_id)
    else:
        code, more = _code_of(error), {}
        message = error.message
        hint = str((error.extensions or {}).get("hint") or CODES[code][2])
    if code == "INTERNAL":
        log.error("request %s failed at %s", request_id, error.path, exc_info=error.original_error or error)
        message = "internal error"
    formatted: dict[str, Any] = {"message": message}
    if error.locations:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        formatted["path"] = list(error.path)
    formatted["extensions"] = {"code": code, "hint": hint, "docs": docs_of(code), "requestId": request_id, **more}
    return formatted


def problem(error: KgError | str, request_id: str, detail: str = "") -> tuple[int, dict[str, Any]]:
    """The status and RFC 9457 problem document of a library error, or of a code with a detail."""
    if isinstance(error, KgError):
        code, detail, hint, more = _described(error, request_id)
    else:
        code, hint, more = error, CODES[error][2], {}
    status, title, _ = CODES[code]
    return status, {
        "type": docs_of(code),
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
        "hint": hint,
        "requestId": request_id,
        **more,
    }
