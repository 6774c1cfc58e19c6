"""A build made by a process of its own, for a server: ``python -m kg.cli.apart [DATA_FOLDER ...]``.

It shows how far it has come and says nothing else: who wants the build opens it, or finds out why there is none.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from kg.cli.output import progress
from kg.compiled.cache import build
from kg.errors import KgError

if __name__ == "__main__":
    with suppress(KgError, KeyboardInterrupt), progress() as shown:
        build([Path(each) for each in sys.argv[1:]], progress=shown, say=shown.say)
