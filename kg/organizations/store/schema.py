"""The schema's version: what a database has, what this code wants, and the way there.

Alembic is loaded only to change a database, not to look at one: that keeps commands quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from kg.errors import StoreError
from kg.organizations.store.engine import shown_url, writing
from kg.organizations.store.later import HEAD, VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["HEAD", "VERSIONS", "check", "is_blank", "upgrade"]

#: Two processes that upgrade one PostgreSQL wait for each other by this number, which means nothing else.
_LOCK = 5_746_213_001


def _current(connection: sa.Connection) -> str:
    """The version of a database, empty where there is none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or ""


def is_blank(engine: sa.Engine) -> bool:
    """Whether a database has no table of anybody's."""
    with engine.connect() as connection:
        return not sa.inspect(connection).get_table_names()


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine) -> tuple[str, str]:
    """Bring a database to :data:`HEAD`, all or nothing: the versions before and after.

    Raises :class:`~kg.errors.StoreError` (``SCHEMA_UNKNOWN``) for a database that a newer version of this code has
    written.
    """
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        before = _current(connection)
        _refuse_unknown(engine, before)
        if before != HEAD:
            from alembic import command

            command.upgrade(_config(connection), "head")
    return before, HEAD


def check(engine: sa.Engine) -> None:
    """Raise :class:`~kg.errors.StoreError` unless a database has exactly the schema this code knows."""
    with engine.connect() as connection:
        found = _current(connection)
    _refuse_unknown(engine, found)
    if found != HEAD:
        what = f"has the schema {found}, this version needs {HEAD}" if found else "has no tables yet"
        message = f"the store {shown_url(engine.url)} {what}"
        raise StoreError(message, "back it up, then run `kg db upgrade`", code="SCHEMA_OUTDATED")


def _refuse_unknown(engine: sa.Engine, found: str) -> None:
    if found and found not in VERSIONS:
        message = f"the store {shown_url(engine.url)} has the schema {found}, which this version does not know"
        raise StoreError(message, "a newer version of kg has written it: use that one", code="SCHEMA_UNKNOWN")
