"""What can go wrong, as one tree.

    KgError                a broken request: one message, one code, one hint
    ├── InputError         a file or value that cannot be used; carries every finding at once
    ├── UnknownIdError     an id that names nothing; the hint is the nearest id that exists
    ├── UsageError         an option or argument that makes no sense
    ├── ConflictError      somebody else has changed it since it was read; carries what is there now
    └── StoreError         the store of organisations cannot be opened, or must not be used as it is

Every error knows its ``code`` (stable, upper case), its ``message`` and a ``hint`` that names the
nearest right answer and the list to look in.  The command line prints it and exits with 2; the API
returns it as ``extensions { code hint }``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "ConflictError", "Finding", "InputError", "KgError", "Severity", "StoreError", "UnknownIdError", "UsageError",
    "nearest",
]  # fmt: skip

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong in one place, printed as ``path:line: CODE message (hint)``.

    ``line`` is 1-based, 0 where the whole file is meant; ``cell`` names a spreadsheet cell.
    """

    path: str
    line: int
    code: str
    message: str
    hint: str = ""
    cell: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        if self.cell:
            place += f" ({self.cell})"
        warning = "warning " if self.severity == "warning" else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {warning}{self.code} {self.message}{hint}"


class KgError(Exception):
    """The root of the tree: ``code``, ``message``, ``hint``."""

    code = "ERROR"

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(KgError):
    """A file or value that cannot be used.  ``findings`` holds every fault, in file order."""

    code = "INVALID_INPUT"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [f for f in self.findings if f.severity == "error"]
        first = str(errors[0]) if errors else "invalid input"
        more = f" … and {len(errors) - 1} more" if len(errors) > 1 else ""
        super().__init__(first + more)

    @classmethod
    def one(cls, path: str, code: str, message: str, hint: str = "", *, line: int = 0) -> InputError:
        """An error with a single finding."""
        return cls([Finding(path, line, code, message, hint)])


class UnknownIdError(KgError):
    """An id that names nothing in the release."""

    code = "UNKNOWN_ID"


class UsageError(KgError):
    """An option or argument that makes no sense."""

    code = "BAD_ARGUMENT"


class ConflictError(KgError):
    """A write that expected another state than the one that is there: nothing was written.

    ``current`` is what is there now (``None`` if it does not exist), ``version`` its version (0 if it does not exist)
    and ``revision`` the organisation's: read, decide again, write again.
    """

    code = "CONFLICT"

    def __init__(
        self, message: str, hint: str = "", *, current: Any = None, version: int = 0, revision: int = 0
    ) -> None:
        super().__init__(message, hint)
        self.current = current
        self.version = version
        self.revision = revision


class StoreError(KgError):
    """The store cannot be opened or must not be used: the code says why (``STORE_UNREACHABLE``, ``STORE_BUSY``,
    ``SCHEMA_OUTDATED``, ``SCHEMA_UNKNOWN``, ``NOT_EMPTY``, ``BAD_BACKUP``, ``READ_ONLY_HISTORY``)."""

    code = "STORE"


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known word that ``word`` was most likely meant to be, or ``""``.

    >>> nearest("implmented", ["implemented", "planned"])
    'implemented'
    """
    from rapidfuzz import fuzz, process, utils

    found = process.extractOne(
        word, sorted(known), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=cutoff * 100
    )
    return found[0] if found else ""
