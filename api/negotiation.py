"""What a client would like best (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["best"]


def best(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that an ``Accept`` header prefers, the earliest among equals; ``None`` where it takes none.

    A more specific range decides about an offer before a wider one.

    >>> best("text/html,application/json;q=0.9", ["application/json", "text/html"])
    'text/html'
    >>> best(None, ["application/json"])
    'application/json'
    """
    if accept is None or not accept.strip():
        return offers[0]
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    wanted = {offer: _quality(offer, ranges) for offer in offers}
    found = max(offers, key=lambda offer: wanted[offer])
    return found if wanted[found] > 0 else None


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    for candidate in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        found = [quality for name, quality in ranges if name == candidate]
        if found:
            return max(found)
    return 0.0
