"""Where the project's own data stand, and how a path is shown to a person."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["builtin_data", "shown"]


def builtin_data() -> Path:
    """The folder of the project's own data: inside the installed package, or the checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    packaged = os.path.join(here, "_data")
    return Path(packaged if os.path.isdir(packaged) else os.path.dirname(here))


def shown(path: Path) -> str:
    """A path as a person would type it: relative to where they stand if it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
