"""Permalinks: the address of an overlap, from which the same release gives the same bytes again.

    permalink_of(answer)                     the canonical link of an Overlap, OverlapPair or OverlapMatrix
    parse_permalink(text, release)           what a link asks, checked  → OverlapQuery
    answer_query(query, release)             the answer
    answer_permalink(release, text)          both, after checking that the link is of this release

A link is a path and a query, in this order and with nothing left to defaults that could change:

    /overlaps/iso42001/eu-ai-act?asOf=2026-11-23&release=0123456789abcdef&maxHops=3&minAuthority=organization
        &reviewedOnly=false[&sets=…][&profile=…][&both=true]
    /overlaps?sources=…&targets=…&asOf=…                                     the matrix

The profile is its canonical JSON (:func:`~kg.organizations.profile_to_mapping`, sorted keys, no blanks) in base64url
without padding.  Only a long one is compressed: what zlib makes of the same text differs from build to build, and a
link should be the same everywhere.  A whole URL is read too, in any order of its parameters; what is left out means the
default, and no ``release`` means the one at hand.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from kg.answers.filter import Filter
from kg.answers.overlap import Overlap, OverlapMatrix, OverlapPair, both_ways, overlap, overlap_matrix
from kg.errors import KgError, UsageError
from kg.model import Profile
from kg.organizations import profile_from_mapping, profile_to_mapping
from kg.parameters import Parameters
from kg.release import Release

__all__ = [
    "MAX_LINK", "SUFFIXES", "OverlapAnswer", "OverlapQuery", "ReleaseMismatchError", "answer_permalink",
    "answer_query", "check_release", "parse_permalink", "permalink_of", "query_of",
]  # fmt: skip

OverlapAnswer = Overlap | OverlapPair | OverlapMatrix

#: The longest link, in characters: what browsers, proxies and servers pass on without asking.
MAX_LINK = 8_000
#: The largest profile inside a link, in bytes of JSON.
MAX_PROFILE = 64 * 1024
#: From how many bytes of JSON a profile is compressed.
COMPRESSED_FROM = 1_500
#: The endings under which an answer may be asked for.
SUFFIXES = ("json", "csv", "md", "xlsx")

_PARAMETERS = (
    "sources", "targets", "asOf", "release", "maxHops", "minAuthority", "reviewedOnly", "sets", "profile", "both",
)  # fmt: skip
_EXAMPLE = "like /overlaps/iso42001/eu-ai-act?asOf=2026-11-23"
_PATH = re.compile(
    rf"(?:.*/)?overlaps(?:/(?P<source>[^/]+)/(?P<target>[^/]+?))?(?:\.(?P<suffix>{'|'.join(SUFFIXES)}))?"
)


class ReleaseMismatchError(KgError):
    """A link of another release than the one at hand."""

    code = "RELEASE_MISMATCH"


@dataclass(frozen=True, slots=True)
class OverlapQuery:
    """What a link asks.  ``as_of`` ``None`` is today, ``release`` empty any; ``sources`` and ``targets`` empty (of a
    matrix only) are all frameworks; ``suffix`` is the ending of the path, empty or one of :data:`SUFFIXES`."""

    form: Literal["one", "both", "matrix"]
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    as_of: date | None = None
    release: str = ""
    profile: Profile | None = None
    filter: Filter = field(default_factory=Filter)
    suffix: str = ""


# ---------------------------------------------------------------- from an answer to its link


def query_of(answer: OverlapAnswer) -> OverlapQuery:
    """The question an answer answers, with nothing left open."""
    if isinstance(answer, OverlapPair):
        one = answer.forward
        return OverlapQuery("both", (one.source.id,), (one.target.id,), one.as_of, one.release, one.profile, one.filter)
    if isinstance(answer, Overlap):
        sources, targets = (answer.source.id,), (answer.target.id,)
        return OverlapQuery("one", sources, targets, answer.as_of, answer.release, answer.profile, answer.filter)
    return OverlapQuery(
        "matrix",
        tuple(s.id for s in answer.sources),
        tuple(t.id for t in answer.targets),
        answer.as_of,
        answer.release,
        answer.profile,
        answer.filter,
    )


def permalink_of(answer: OverlapAnswer) -> str | None:
    """The canonical link of an answer; ``None`` where its profile makes it longer than :data:`MAX_LINK`."""
    q = query_of(answer)
    assert q.as_of is not None
    pairs = [
        ("asOf", q.as_of.isoformat()),
        ("release", q.release),
        ("maxHops", str(q.filter.max_hops)),
        ("minAuthority", q.filter.min_authority.value),
        ("reviewedOnly", _bool(q.filter.reviewed_only)),
    ]
    if q.filter.sets:
        pairs.append(("sets", _names(sorted(q.filter.sets))))
    if q.profile is not None:
        pairs.append(("profile", _packed(q.profile)))
    if q.form == "matrix":
        pairs = [("sources", _names(q.sources)), ("targets", _names(q.targets)), *pairs]
        path = "/overlaps"
    else:
        path = f"/overlaps/{quote(q.sources[0], safe='')}/{quote(q.targets[0], safe='')}"
    if q.form == "both":
        pairs.append(("both", "true"))
    link = path + "?" + "&".join(f"{name}={value}" for name, value in pairs)
    return link if len(link) <= MAX_LINK else None


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _names(names: Any) -> str:
    return ",".join(quote(name, safe="") for name in names)


def _packed(profile: Profile) -> str:
    text = json.dumps(profile_to_mapping(profile), sort_keys=True, separators=(",", ":")).encode()
    if len(text) >= COMPRESSED_FROM:
        text = min(text, zlib.compress(text, 9), key=len)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# ---------------------------------------------------------------- from a link to its question


def parse_permalink(text: str, release: Release) -> OverlapQuery:
    """What a link asks.  Its frameworks, sets and profile are checked against ``release``; whether it is of that
    release is :func:`check_release`'s to say.

    Raises :class:`~kg.errors.KgError` for whatever is wrong with it.
    """
    text = text.strip()
    if len(text) > MAX_LINK:
        raise UsageError(f"a permalink of {len(text)} characters cannot be meant", f"at most {MAX_LINK}")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _bad("this is not an address") from None
    found = _PATH.fullmatch(parts.path)
    if found is None:
        raise _bad(f"{parts.path[:60]!r} is not the path of an overlap")
    given = Parameters(parts.query, _PARAMETERS, "permalink", _EXAMPLE)
    one = found["source"] is not None
    form: Literal["one", "both", "matrix"] = "matrix" if not one else "one"
    if one and given.flag("both"):
        form = "both"
    for name in ("sources", "targets") if one else ("both",):
        if name in given:
            raise _bad(f"{name} does not go with {parts.path[:60]!r}", "the matrix is /overlaps?sources=…&targets=…")
    sources, targets = given.names("sources"), given.names("targets")
    if one:
        sources, targets = (unquote(found["source"]),), (unquote(found["target"]),)
    return OverlapQuery(
        form=form,
        sources=sources,
        targets=targets,
        as_of=given.day("asOf"),
        release=given.digest(),
        profile=_profile(given.given["profile"], release) if "profile" in given else None,
        filter=given.filter(release),
        suffix=found["suffix"] or "",
    )


def _bad(message: str, hint: str = "") -> UsageError:
    return UsageError(f"permalink: {message}", hint or _EXAMPLE)


def _profile(packed: str, release: Release) -> Profile:
    damaged = _bad("profile: it cannot be read", "copy the whole link; a profile is base64url of its JSON")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", packed):
        raise damaged
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        if not data.startswith(b"{"):
            data = _inflated(data)
        found = json.loads(data.decode())
    except (ValueError, RecursionError, binascii.Error, zlib.error):
        raise damaged from None
    if not isinstance(found, dict):
        raise damaged
    try:
        return profile_from_mapping(found, release, where="permalink: profile")
    except RecursionError:
        raise damaged from None


def _inflated(data: bytes) -> bytes:
    """What was compressed; raises :class:`ValueError` where it is cut short or larger than a profile can be."""
    reader = zlib.decompressobj()
    found = reader.decompress(data, MAX_PROFILE)
    if not reader.eof or reader.unused_data:
        raise ValueError("cut short, too long or followed by something else")
    return found


# ---------------------------------------------------------------- answering


def check_release(query: OverlapQuery, release: Release) -> None:
    """Raises :class:`ReleaseMismatchError`, naming both digests, where a link is of another release."""
    if query.release and query.release != release.digest:
        raise ReleaseMismatchError(
            f"the permalink is of release {query.release}, and this is release {release.digest}",
            "load the data it was made from, or ask this release for a number of its own: `--any-release`, or the "
            "same link without `release`",
        )


def answer_query(query: OverlapQuery, release: Release) -> OverlapAnswer:
    """The answer to a question, from ``release`` whichever it names."""
    how = (query.profile, query.as_of, query.filter)
    if query.form == "matrix":
        return overlap_matrix(release, query.sources or None, query.targets or None, *how)
    ask = both_ways if query.form == "both" else overlap
    return ask(release, query.sources[0], query.targets[0], *how)


def answer_permalink(release: Release, text: str, *, any_release: bool = False) -> OverlapAnswer:
    """The answer behind a link.  Raises :class:`ReleaseMismatchError` for a link of another release unless
    ``any_release`` says that this one will do: the answer's own link then names this one."""
    query = parse_permalink(text, release)
    if not any_release:
        check_release(query, release)
    return answer_query(query, release)
