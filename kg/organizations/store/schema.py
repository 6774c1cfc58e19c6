"""The schema's version: what a database has, what this code wants, and the way there."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from kg.errors import StoreError
from kg.organizations.store.engine import shown_url, writing

__all__ = ["check", "current", "head", "upgrade"]

#: Two processes that upgrade one PostgreSQL wait for each other by this number, which means nothing else.
_LOCK = 5_746_213_001


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The version this code reads and writes."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(engine: sa.Engine) -> str:
    """The version of a database, empty where there is none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(engine: sa.Engine) -> tuple[str, str]:
    """Bring a database to :func:`head`, all or nothing: the versions before and after.

    Raises :class:`~kg.errors.StoreError` (``SCHEMA_UNKNOWN``) for a database that a newer version of this code has
    written.
    """
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        before = MigrationContext.configure(connection).get_current_revision() or ""
        _refuse_unknown(engine, before)
        if before != head():
            command.upgrade(_config(connection), "head")
    return before, head()


def check(engine: sa.Engine) -> None:
    """Raise :class:`~kg.errors.StoreError` unless a database has exactly the schema this code knows."""
    found = current(engine)
    _refuse_unknown(engine, found)
    if found != head():
        what = f"has the schema {found}, this version needs {head()}" if found else "has no tables yet"
        message = f"the store {shown_url(engine.url)} {what}"
        raise StoreError(message, "back it up, then run `kg db upgrade`", code="SCHEMA_OUTDATED")


def _refuse_unknown(engine: sa.Engine, found: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found and found not in known:
        message = f"the store {shown_url(engine.url)} has the schema {found}, which this version does not know"
        raise StoreError(message, "a newer version of kg has written it: use that one", code="SCHEMA_UNKNOWN")
