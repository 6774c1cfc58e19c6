"""What a file of mappings says, before anything of it is looked up: the one form every format is read into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kg.errors import Finding, Severity
from kg.model import Source

__all__ = ["Incoming", "Kind", "Row", "finding", "line_of_text"]


class Kind(StrEnum):
    """What a file of mappings is."""

    SSSOM = "sssom"
    CROSSWALK = "crosswalk"
    OLIR = "olir"
    STRM = "strm"
    OSCAL = "oscal"
    CISO = "ciso"
    WORKBOOK = "workbook"


def _nowhere(_: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One assertion, every value as the file has it.

    ``subject_home`` and ``object_home`` are the frameworks that the file itself names.  ``sources`` and ``targets``
    say of how many together the relation was stated.  ``fields`` are those the file has a column for; ``where`` says
    what the cell of a field is called.  ``set_id``, ``row_id`` and ``turned`` are of our own exports.
    """

    line: int
    subject: str
    relation: str
    object: str
    kind: str = ""
    rationale: str = ""
    strength: str = ""
    confidence: str = ""
    method: str = ""
    date: str = ""
    citation: str = ""
    note: str = ""
    subject_label: str = ""
    object_label: str = ""
    subject_home: str = ""
    object_home: str = ""
    subject_version: str = ""
    object_version: str = ""
    justification: str = ""
    reviewers: str = ""
    sources: int = 1
    targets: int = 1
    modifier: str = ""
    set_id: str = ""
    row_id: str = ""
    authority: str = ""
    reviewed: str = ""
    turned: str = ""
    fields: frozenset[str] = frozenset()
    where: Callable[[str], str] = field(default=_nowhere, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file of mappings as it was read.  ``findings`` are warnings; ``words`` are the relation words of its kind;
    ``about`` is what the file says of itself (``title``, ``licence``, ``publisher``, ``version``, ``url``,
    ``description``, ``set``, ``release``, ``as_of``)."""

    kind: Kind
    path: str
    rows: tuple[Row, ...]
    words: Mapping[str, str]
    about: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def source(self) -> Source:
        """Where the rows were read."""
        return Source(self.path, 0)


def finding(
    incoming_path: str, row: Row, name: str, code: str, message: str, hint: str = "", *, warning: bool = False
) -> Finding:
    """A finding in the cell of a field of a row."""
    severity: Severity = "warning" if warning else "error"
    return Finding(incoming_path, row.line, code, message, hint, row.where(name), severity)


def line_of_text(value: object) -> str:
    """A value as text on one line, without control characters: what a cell of a TSV file can hold."""
    if value is None:
        return ""
    text = " ".join(str(value).split())
    return text if text.isprintable() else "".join(c for c in text if c.isprintable() or c in "\u200d\u200c\ufe0f")
