"""Which standards and laws for AI an organisation already satisfies, what is missing, why, and what to do next.

>>> from kg import Release
>>> release = Release.load()                                        # doctest: +SKIP
"""

from kg.client import Answer, Release
from kg.errors import Finding, InputError, KgError, UnknownIdError, UsageError

__all__ = ["Answer", "Finding", "InputError", "KgError", "Release", "UnknownIdError", "UsageError"]
__version__ = "0.1.0"
