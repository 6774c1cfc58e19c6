"""The tables.  Every primary key, foreign key and unique index begins with ``organization_id``, so that a PostgreSQL
spread over machines shards by it; a test walks this metadata and holds that.

There are no sequences: ids are given by the client or random.  ``version`` is the organisation's revision at the last
change of a row (of all that hangs on it, for a control), so one counter serves for lost updates, caches and the past.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

__all__ = ["ORDERED", "Utc", "metadata"]


class Utc(sa.types.TypeDecorator[datetime]):
    """An instant: ``timestamptz`` on PostgreSQL, UTC without a zone on SQLite; always aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: Text compared byte by byte on both engines, so that order and equality are the same on both.
Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
#: Canonical JSON as text: the audit log's hashes need the bytes back as they were.
Json = sa.Text()

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _org(*, key: bool = True) -> sa.Column[str]:
    return sa.Column("organization_id", Word, primary_key=key)


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, Word, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.BigInteger, nullable=False)


def _belongs(*columns: str, to: str = "organizations") -> sa.ForeignKeyConstraint:
    own = ("organization_id", *columns)
    return sa.ForeignKeyConstraint(own, [f"{to}.{column}" for column in own])


def _table(name: str, *items: Any) -> sa.Table:
    return sa.Table(name, metadata, *items)


organizations = _table(
    "organizations",
    _org(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    _version(),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("updated_at", Utc, nullable=False),
    sa.Column("archived_at", Utc),
    sa.Column("audit_count", sa.BigInteger, nullable=False),
    sa.Column("audit_head", sa.Text, nullable=False),
    sa.Column("erasing", sa.Boolean(create_constraint=False), nullable=False),
)
#: A profile as it is written, without its systems and exclusions; ``system_id`` is empty for the organisation's own.
profiles = _table(
    "profiles",
    _org(),
    _id("system_id"),
    sa.Column("body", Json, nullable=False),
    _version(),
    _belongs(),
)
systems = _table(
    "systems",
    _org(),
    _id("system_id"),
    sa.Column("position", sa.Integer, nullable=False),
    _text("title"),
    _version(),
    _belongs(),
    _belongs("system_id", to="profiles"),
)
exclusions = _table(
    "exclusions",
    _org(),
    _id("target"),
    sa.Column("position", sa.Integer, nullable=False),
    _text("justification"),
    _version(),
    _belongs(),
)
controls = _table(
    "controls",
    _org(),
    _id("control_id"),
    sa.Column("title", sa.Text, nullable=False),
    _text("description"),
    sa.Column("status", sa.Text, nullable=False),
    _text("owner"),
    sa.Column("evidence_date", sa.Date),
    sa.Column("max_evidence_age_days", sa.Integer),
    sa.Column("archived_at", Utc),
    _version(),
    _belongs(),
)
#: The systems a control is limited to.  No key to ``systems``: a profile may come later, or drop one; a finding says
#: so.
control_systems = _table(
    "control_systems",
    _org(),
    _id("control_id"),
    _id("system_id"),
    sa.Column("position", sa.Integer, nullable=False),
    _belongs("control_id", to="controls"),
)
control_rows = _table(
    "control_rows",
    _org(),
    _id("control_id"),
    _id("target"),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("stated", sa.Boolean(create_constraint=False), nullable=False),
    _belongs("control_id", to="controls"),
)
evidence = _table(
    "evidence",
    _org(),
    _id("evidence_id"),
    _text("kind"),
    _text("title"),
    sa.Column("day", sa.Date),
    sa.Column("valid_until", sa.Date),
    _text("link"),
    _text("note"),
    _version(),
    _belongs(),
)
control_evidence = _table(
    "control_evidence",
    _org(),
    _id("control_id"),
    _id("evidence_id"),
    sa.Column("position", sa.Integer, nullable=False),
    _belongs("control_id", to="controls"),
    _belongs("evidence_id", to="evidence"),
    sa.Index(None, "organization_id", "evidence_id"),
)
#: The history: for each thing its whole state from a revision on; no state where it was removed.  Only ever appended
#: to.
assessments = _table(
    "assessments",
    _org(),
    _id("kind"),
    _id("subject_id"),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", Json),
    _belongs(),
)
proposals = _table(
    "suggestions",
    _org(),
    _id("control_id"),
    _id("target"),
    sa.Column("rank", sa.Integer, nullable=False),
    _text("why"),
    sa.Column("state", sa.Text, nullable=False),
    _text("relation"),
    _text("decided_by"),
    sa.Column("decided_on", sa.Date),
    _version(),
    _belongs("control_id", to="controls"),
)
api_keys = _table(
    "api_keys",
    _org(),
    _id("key_id"),
    sa.Column("secret_hash", sa.Text, nullable=False),
    _text("name"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    _text("created_by"),
    sa.Column("expires_at", Utc),
    sa.Column("revoked_at", Utc),
    sa.Column("last_used_at", Utc),
    _text("rotated_to"),
    _belongs(),
    sa.Index(None, "key_id"),
)
members = _table(
    "members",
    _org(),
    _id("issuer"),
    _id("subject"),
    sa.Column("role", sa.Text, nullable=False),
    _text("name"),
    sa.Column("added_at", Utc, nullable=False),
    _belongs(),
    sa.Index(None, "issuer", "subject"),
)
audit_log = _table(
    "audit_log",
    _org(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    _text("actor_id"),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("kind", Word, nullable=False),
    sa.Column("target_id", Word, nullable=False),
    sa.Column("before", Json),
    sa.Column("after", Json),
    sa.Column("prev_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    _belongs(),
    sa.Index(None, "organization_id", "revision"),
)

#: The tables in an order in which rows can be inserted; backwards they can be deleted.
ORDERED: tuple[sa.Table, ...] = (
    organizations, profiles, systems, exclusions, controls, control_systems, control_rows, evidence, control_evidence,
    assessments, proposals, api_keys, members, audit_log,
)  # fmt: skip
