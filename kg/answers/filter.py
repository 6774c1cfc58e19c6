"""What may be a step of a chain: the filter that a question is asked through."""

from __future__ import annotations

from dataclasses import dataclass

from kg.errors import UsageError
from kg.model import Authority, Mapping

__all__ = ["MAX_HOPS", "Filter"]

#: The most hops that a chain may have (``docs/semantics.md``).
MAX_HOPS = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """Which shipped rows may be steps, and how many hops a chain may have.  An organisation's own rows always may."""

    max_hops: int = MAX_HOPS
    min_authority: Authority = Authority.ORGANIZATION
    reviewed_only: bool = False
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.max_hops <= MAX_HOPS:
            raise UsageError(f"max-hops {self.max_hops} is out of range", f"0 to {MAX_HOPS}")

    def admits(self, row: Mapping, authority: Authority) -> bool:
        """Whether a shipped row passes."""
        return (
            authority.level >= self.min_authority.level
            and (row.reviewed or not self.reviewed_only)
            and (not self.sets or row.set_id in self.sets)
        )
