"""How far a requirement is met, and why not further: the words of every answer (``docs/semantics.md``)."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["Reason", "Verdict"]


class Verdict(IntEnum):
    """How far a requirement is met, least first."""

    GAP = 0
    LEAD = 1
    PARTIAL = 2
    COVERED = 3


class Reason(StrEnum):
    """Why a verdict is not better (or why it is in doubt), in the order they are given."""

    NO_CONTROL = "NO_CONTROL"
    CONTROL_NOT_IMPLEMENTED = "CONTROL_NOT_IMPLEMENTED"
    CONTROL_PARTLY_IMPLEMENTED = "CONTROL_PARTLY_IMPLEMENTED"
    PARTIAL_MAPPING_ONLY = "PARTIAL_MAPPING_ONLY"
    MAPPED_TO_PARENT_ONLY = "MAPPED_TO_PARENT_ONLY"
    LEAD_ONLY = "LEAD_ONLY"
    RULED_OUT = "RULED_OUT"
    DISPUTED = "DISPUTED"
    EVIDENCE_STALE = "EVIDENCE_STALE"
    NO_MAPPING_IN_GRAPH = "NO_MAPPING_IN_GRAPH"
