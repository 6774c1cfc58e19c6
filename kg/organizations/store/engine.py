"""Opening a database by its URL, and the settings that its promises stand on.

SQLite: write-ahead log, foreign keys, a busy timeout, ``synchronous=FULL`` (a commit is on disk before it is
acknowledged), ``secure_delete`` (what is erased is overwritten), and ``BEGIN IMMEDIATE`` for whatever writes.
PostgreSQL through psycopg: reads in one read-only ``REPEATABLE READ`` snapshot, writes under a lock on the row of the
organisation.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from kg.errors import StoreError, UsageError
from kg.organizations.store.later import default_path

__all__ = [
    "BUSY_SECONDS", "at_once", "database_url", "given_up", "make_file", "open_engine", "reading",
    "shown_url", "told", "wait_at_most", "writing",
]  # fmt: skip

#: How long a writer waits for another before it is told that the store is busy.
BUSY_SECONDS = 30
#: What PostgreSQL says when it gave a transaction up for another's sake: serialization failure, deadlock.
_GIVEN_UP = ("40001", "40P01")
_LOCK_TIMEOUT = "55P03"
_URL_HINT = "KG_DATABASE_URL is like postgresql://user@host/database or sqlite:////folder/file.sqlite3"


def database_url(url: str | None = None) -> URL:
    """``url``, else ``KG_DATABASE_URL``, else the user's own SQLite file.

    Raises :class:`~kg.errors.UsageError` for what is neither a SQLite file nor a PostgreSQL.
    """
    text = url or os.environ.get("KG_DATABASE_URL", "").strip()
    if not text:
        return URL.create("sqlite", database=str(default_path()))
    try:
        found = make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError("the database's URL cannot be read", _URL_HINT) from None
    if found.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return found.set(drivername="postgresql+psycopg")
    if found.drivername in ("sqlite", "sqlite+pysqlite"):
        if not found.database or found.database == ":memory:" or found.database.startswith("file:"):
            raise UsageError("a store in memory would be gone with the process", "name a file: sqlite:////folder/file")
        return found.set(drivername="sqlite")
    raise UsageError(f"there is no store on {found.drivername!r}", _URL_HINT)


def shown_url(url: URL) -> str:
    """The URL without its password, which PostgreSQL also takes as a parameter."""
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def make_file(url: URL) -> None:
    """Make an SQLite file that does not exist yet, and its folder, open to the user alone."""
    if url.get_backend_name() != "sqlite" or (path := Path(url.database or "")).exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        message = f"{path} cannot be made: {error.strerror or error}"
        raise StoreError(message, "name another with KG_DATABASE_URL", code="STORE_UNREACHABLE") from None


def open_engine(url: URL) -> sa.Engine:
    """An engine with the settings of this module.  Nothing is connected yet, and nothing created."""
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    try:
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError:
        message = "PostgreSQL needs the package psycopg"
        raise StoreError(message, "pip install 'aigov-kg[postgres]'", code="STORE_UNREACHABLE") from None


def _sqlite_settings(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the transactions are SQLAlchemy's, see _sqlite_begin
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")


def _sqlite_begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("kg_now"):
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("kg_write") else "BEGIN")
    finally:
        if options.get("kg_now"):
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def writing(engine: sa.Engine) -> sa.Engine:
    """The same engine for transactions that write: under their lock they see what others have committed."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(kg_write=True)
    return engine.execution_options(isolation_level="READ COMMITTED")


def at_once(engine: sa.Engine) -> sa.Engine:
    """The engine for writing what is not worth waiting for: it is told that the store is busy rather than wait."""
    return writing(engine).execution_options(kg_now=True)


def reading(engine: sa.Engine) -> sa.Engine:
    """The same engine for transactions that see one state of everything from their first statement on."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def wait_at_most(connection: sa.Connection) -> None:
    """Let this transaction wait for other writers as long as on SQLite, not for ever."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")


# ------------------------------------------------------------------ what goes wrong


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Tell what a driver raises as :class:`~kg.errors.StoreError`; what only a bug can cause goes on as it is."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StoreError("all connections to the store are in use", "try again", code="STORE_BUSY") from error
    except sa.exc.DBAPIError as error:
        said = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
        if given_up(error) or _state(error) == _LOCK_TIMEOUT or "database is locked" in said:
            raise StoreError("the store is busy", "try again", code="STORE_BUSY") from error
        if "only ever appended to" in said:
            raise StoreError(said, "the log and the history cannot be changed", code="READ_ONLY_HISTORY") from error
        if isinstance(error, sa.exc.DataError):  # PostgreSQL knows no NUL, and no number longer than its columns
            raise UsageError(
                "a value is none that the store can hold", "leave out characters nobody can see"
            ) from error
        if type(error) in (sa.exc.OperationalError, sa.exc.DatabaseError):
            message = f"the store {shown_url(url)} cannot be used: {said}"
            raise StoreError(message, "check the URL, the server and the disk", code="STORE_UNREACHABLE") from error
        raise


def _state(error: BaseException | None) -> str:
    """PostgreSQL's code for what went wrong."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def given_up(error: BaseException | None) -> bool:
    """Whether the same transaction may well succeed if it is tried again."""
    return _state(error) in _GIVEN_UP
