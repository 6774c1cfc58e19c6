"""Opaque ids and cursors: text that a client stores and sends back and never reads.

An id is the base64url form of ``kind:key``; a cursor that of ``[release, list, key]``.  A cursor holds only for the
release it was made from, because another release may order the same list otherwise.
"""

from __future__ import annotations

import base64
import binascii
import json

from kg.errors import KgError

__all__ = ["BadCursorError", "BadIdError", "StaleCursorError", "cursor", "key_of_cursor", "node_id", "split_id"]


class BadIdError(KgError):
    """An opaque id that this server never made."""

    code = "BAD_ID"


class BadCursorError(KgError):
    """A cursor that this server never made, or one of another list."""

    code = "BAD_CURSOR"


class StaleCursorError(KgError):
    """A cursor of another release."""

    code = "STALE_CURSOR"


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> str | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def node_id(kind: str, key: str) -> str:
    """The opaque id of a node.

    >>> split_id(node_id("Provision", "gdpr:art-9"))
    ('Provision', 'gdpr:art-9')
    """
    return _encode(f"{kind}:{key}")


def split_id(id_: str) -> tuple[str, str]:
    """The kind and key behind an opaque id; raises :class:`BadIdError` where it is none."""
    kind, colon, key = (_decode(id_) or "").partition(":")
    if not (kind and colon and key):
        hint = "take it from an `id` field as it is; CURIEs go into `requirement(by: {curie: …})`"
        raise BadIdError(f"{id_[:60]!r} is not an id of this API", hint)
    return kind, key


def cursor(release: str, list_: str, key: str) -> str:
    """The cursor that points behind the item ``key`` of a list."""
    return _encode(json.dumps([release, list_, key]))


def key_of_cursor(text: str, release: str, list_: str) -> str:
    """The key a cursor points behind; raises :class:`BadCursorError` or :class:`StaleCursorError`."""
    hint = "take it from `pageInfo { endCursor }` or `edges { cursor }` of the page before"
    try:
        found = json.loads(_decode(text) or "null")
    except ValueError:
        found = None
    if not (isinstance(found, list) and len(found) == 3 and all(isinstance(each, str) for each in found)):
        raise BadCursorError(f"{text[:60]!r} is not a cursor of this API", hint)
    theirs, name, key = found
    if theirs != release:
        raise StaleCursorError(
            f"this cursor belongs to release {theirs[:32]}; this server answers from {release}",
            "start again from the first page: the graph has changed since",
        )
    if name != list_:
        raise BadCursorError(f"this cursor belongs to the list {name[:60]!r}, not to {list_!r}", hint)
    return str(key)
