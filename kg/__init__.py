"""Which standards and laws for AI an organisation already satisfies, what is missing, why, and what to do next.

>>> from kg import Release
>>> release = Release.load()                                        # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from kg.lazy import lazily

if TYPE_CHECKING:
    from kg.client import Answer, Release
    from kg.errors import Finding, InputError, KgError, UnknownIdError, UsageError

__all__ = ["Answer", "Finding", "InputError", "KgError", "Release", "UnknownIdError", "UsageError"]
__version__ = "0.1.0"

#: Module → the names of this package that it defines.
_MODULES = {
    "client": "Answer Release",
    "errors": "Finding InputError KgError UnknownIdError UsageError",
}
lazily(__name__, _MODULES)
