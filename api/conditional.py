"""Validators, ranges, encodings and file names of downloads (RFC 9110, RFC 6266): pure functions of headers."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

__all__ = ["NotThereError", "disposition", "etag", "matches", "range_of", "strongly_matches", "wants_gzip"]

_TAG = re.compile(r'\s*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
_RANGE = re.compile(r"bytes\s*=\s*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.IGNORECASE)


class NotThereError(Exception):
    """A range that begins behind the end."""


def etag(*parts: str) -> str:
    """A strong validator of what ``parts`` say, each of them whole: ``("a", "bc")`` is not ``("ab", "c")``."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode()
        hasher.update(b"%d:%s" % (len(data), data))
    return f'"{hasher.hexdigest()[:32]}"'


def matches(tag: str, if_none_match: str | None) -> bool:
    """Whether ``If-None-Match`` names what is there: one of a list, or ``*``; compared weakly (RFC 9110, 13.1.2).

    >>> matches('"a"', 'W/"a", "b"'), matches('"a"', "*"), matches('"a"', None)
    (True, True, False)
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    at = 0
    while found := _TAG.match(if_none_match, at):
        if found[1] == tag:
            return True
        at = found.end()
    return False


def strongly_matches(tag: str, if_range: str | None) -> bool:
    """Whether ``If-Range`` allows a part: there is none, or it is exactly this tag.  A date never fits, because no
    ``Last-Modified`` is sent."""
    return if_range is None or if_range.strip() == tag


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The part of ``size`` bytes that ``Range`` asks for, as start and stop; ``None`` where all is to be sent: without
    the header, and for what need not be understood (other units, several ranges, nonsense).

    Raises :class:`NotThereError` for a range of which nothing is there.

    >>> range_of("bytes=2-", 10), range_of("bytes=-3", 10), range_of("bytes=0-0,2-3", 10)
    ((2, 10), (7, 10), None)
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        count = min(int(found["last"]), size)
        if not count:
            raise NotThereError
        return size - count, size
    first = int(found["first"])
    if found["last"] and int(found["last"]) < first:
        return None
    if first >= size:
        raise NotThereError
    return first, min(int(found["last"]) + 1, size) if found["last"] else size


def wants_gzip(accept_encoding: str | None) -> bool:
    """Whether the client takes gzip and does not like the plain form better.

    >>> wants_gzip("gzip, br"), wants_gzip("gzip;q=0"), wants_gzip("*"), wants_gzip("identity, gzip;q=0.5")
    (True, False, True, False)
    """
    weights: dict[str, float] = {}
    for part in (accept_encoding or "").lower().split(","):
        name, _, rest = part.strip().partition(";")
        value = rest.strip().removeprefix("q=").strip() if rest else "1"
        weights[name.strip()] = float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value) else 0.0
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def disposition(kind: str, name: str) -> str:
    """``Content-Disposition`` with a file name that every client reads: a plain one, and the whole one in UTF-8
    where that differs (RFC 6266, RFC 8187).

    >>> disposition("attachment", "grün.csv")
    'attachment; filename="gr_n.csv"; filename*=UTF-8\\'\\'gr%C3%BCn.csv'
    """
    whole = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", name)
    plain = re.sub(r"[^\x20-\x7e]|%", "_", whole)
    extended = f"; filename*=UTF-8''{quote(whole, safe='')}" if plain != whole else ""
    return f'{kind}; filename="{plain}"{extended}'
