"""The user's own store, opened when something is first asked of it.

SQLAlchemy takes a tenth of a second to import, and 15 MB.  Whether the user's own file is there, has the present schema
and keeps an organisation can be seen without it; whoever has seen that may answer everything else, and open the store
when it is asked.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from kg.organizations.store.values import PLATFORM

if TYPE_CHECKING:
    from kg.organizations.store.store import Store

__all__ = ["HEAD", "VERSIONS", "Later", "default_path", "is_usual"]

#: Every version of the schema there was, oldest first: those of the scripts in ``migrations/versions``.
VERSIONS = ("0001",)
#: The version this code reads and writes.
HEAD = VERSIONS[-1]


def default_path() -> Path:
    """The SQLite file in the user's data folder (``XDG_DATA_HOME``, else ``~/.local/share``)."""
    home = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return folder / "aigov-kg" / "store.sqlite3"


def is_usual() -> bool:
    """Whether nothing has to be done for the user's own file before it is used: no other database is named, the file
    is there with the present schema, and it keeps an organisation.  Whatever is in doubt is not usual."""
    path = default_path()
    if os.environ.get("KG_DATABASE_URL", "").strip() or not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.1)) as found:
            version = found.execute("SELECT version_num FROM alembic_version").fetchall()
            kept = found.execute("SELECT 1 FROM organizations WHERE organization_id != ?", (PLATFORM,)).fetchone()
    except sqlite3.Error:
        return False
    return version == [(HEAD,)] and kept is not None


class Later:
    """Stands for the user's own :class:`~kg.organizations.store.Store` and opens it when anything but its address is
    asked for, which raises what opening raises.  Thread-safe."""

    def __init__(self) -> None:
        self.url = f"sqlite:///{default_path()}"
        self._store: Store | None = None
        self._opening = Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._opened(), name)

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                from kg.organizations.store.store import Store

                self._store = Store.open()
            return self._store

    def ping(self) -> None:
        """Raise what asking the database raises; as long as it need not be opened for that, it is not."""
        if self._store is None and is_usual():
            return
        self._opened().ping()

    def close(self) -> None:
        """Let go of all connections, if there are any."""
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None
