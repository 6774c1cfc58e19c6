"""Which standards and laws for AI an organisation already satisfies, what is missing, why, and what to do next.

>>> from kg import Release
>>> release = Release.load()                                        # doctest: +SKIP
"""

from kg.errors import Finding, InputError, KgError, UnknownIdError, UsageError
from kg.release import Release

__all__ = ["Finding", "InputError", "KgError", "Release", "UnknownIdError", "UsageError"]
__version__ = "0.1.0"
