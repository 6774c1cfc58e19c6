"""The query of an address, read strictly: what permalinks and downloads have in common.

    given = Parameters("asOf=2026-11-23&maxHops=2", known=("asOf", "maxHops"), what="permalink")
    given.day("asOf"), given.filter(release)

Whatever is unknown, empty, given twice or out of range is refused with what would be right; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from kg.answers.filter import MAX_HOPS, Filter
from kg.errors import KgError, UsageError, nearest
from kg.model import Authority
from kg.organizations.controls import parse_day

if TYPE_CHECKING:
    from kg.release import Release

__all__ = ["FILTERS", "Parameters"]

#: The parameters of :meth:`Parameters.filter`.
FILTERS = ("maxHops", "minAuthority", "reviewedOnly", "sets")
_MAX_FIELDS = 50


class Parameters:
    """The parameters of one address, each given at most once.

    ``what`` begins every message (``permalink: asOf is empty``); ``example`` is the hint where nothing better is known.
    Raises :class:`~kg.errors.UsageError` for a query that cannot be read and for a name that is not ``known``.
    """

    def __init__(self, query: str, known: Sequence[str], what: str, example: str = "") -> None:
        self._what, self._example = what, example
        self.given: dict[str, str] = {}
        try:
            pairs = parse_qsl(
                query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            raise self.bad(
                "what stands behind the ? cannot be read", "parameters are name=value, joined by &"
            ) from None
        for name, value in pairs:
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near}? " if near else ""
                listed = f"one of: {', '.join(known)}" if known else "it takes none"
                raise self.bad(f"the parameter {name[:40]!r} is not known", f"{hint}{listed}")
            if name in self.given:
                raise self.bad(f"{name} is given twice", "once is enough")
            if not value:
                raise self.bad(f"{name} is empty", "leave it out, or say what it is")
            self.given[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def bad(self, message: str, hint: str = "") -> UsageError:
        """The error for something wrong with the address."""
        return UsageError(f"{self._what}: {message}", hint or self._example)

    def flag(self, name: str, default: bool = False) -> bool:
        """``true`` or ``false``."""
        value = self.given.get(name, "true" if default else "false")
        if value not in ("true", "false"):
            raise self.bad(f"{name}: {value[:40]!r} is neither true nor false", "write true or false")
        return value == "true"

    def names(self, name: str) -> tuple[str, ...]:
        """Names joined by commas, in the order given."""
        return tuple(self.given[name].split(",")) if name in self.given else ()

    def day(self, name: str) -> date | None:
        """A day like 2026-11-23."""
        if name not in self.given:
            return None
        try:
            return parse_day(self.given[name])
        except KgError as error:
            raise self.bad(f"{name}: {error.message[:80]}", error.hint) from None

    def digest(self, name: str = "release") -> str:
        """The digest of a release; empty where none is given."""
        digest = self.given.get(name, "")
        if digest and not re.fullmatch(r"[0-9a-f]{16}", digest):
            raise self.bad(
                f"{name}: {digest[:40]!r} is not the digest of a release", "16 hexadecimal digits, lower case"
            )
        return digest

    def filter(self, release: Release) -> Filter:
        """Which rows may count, by the parameters :data:`FILTERS`."""
        hops = self.given.get("maxHops", str(MAX_HOPS))
        if not re.fullmatch(r"[0-9]", hops):
            raise self.bad(f"maxHops: {hops[:40]!r} is not a number of hops", f"0 to {MAX_HOPS}")
        authority = self.given.get("minAuthority", Authority.ORGANIZATION.value)
        known = [a.value for a in Authority]
        if authority not in known:
            raise self.bad(f"minAuthority: {authority[:40]!r} is no authority", f"one of: {', '.join(known)}")
        sets = self.names("sets")
        for name in sets:
            if name not in release.sets:
                near = nearest(name, release.sets)
                hint = f"did you mean {near}? " if near else ""
                raise self.bad(
                    f"sets: there is no mapping set {name[:60]!r}", f"{hint}one of: {', '.join(release.sets)}"
                )
        return Filter(int(hops), Authority(authority), self.flag("reviewedOnly"), tuple(sorted(set(sets))))
