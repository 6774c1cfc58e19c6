"""The first schema of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.Text()
Instant = sa.DateTime(timezone=True)


def _org() -> sa.Column[str]:
    return sa.Column("organization_id", Word, primary_key=True)


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, Word, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.BigInteger, nullable=False)


def _belongs(*columns: str, to: str = "organizations") -> sa.ForeignKeyConstraint:
    own = ("organization_id", *columns)
    return sa.ForeignKeyConstraint(own, [f"{to}.{column}" for column in own])


def upgrade() -> None:
    """Tables, then what keeps the log and the history from being rewritten."""
    op.create_table(
        "organizations",
        _org(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _version(),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("archived_at", Instant),
        sa.Column("audit_count", sa.BigInteger, nullable=False),
        sa.Column("audit_head", sa.Text, nullable=False),
        sa.Column("erasing", sa.Boolean(create_constraint=False), nullable=False),
    )
    op.create_table(
        "profiles",
        _org(),
        _id("system_id"),
        sa.Column("body", Json, nullable=False),
        _version(),
        _belongs(),
    )
    op.create_table(
        "systems",
        _org(),
        _id("system_id"),
        sa.Column("position", sa.Integer, nullable=False),
        _text("title"),
        _version(),
        _belongs(),
        _belongs("system_id", to="profiles"),
    )
    op.create_table(
        "exclusions",
        _org(),
        _id("target"),
        sa.Column("position", sa.Integer, nullable=False),
        _text("justification"),
        _version(),
        _belongs(),
    )
    op.create_table(
        "controls",
        _org(),
        _id("control_id"),
        sa.Column("title", sa.Text, nullable=False),
        _text("description"),
        sa.Column("status", sa.Text, nullable=False),
        _text("owner"),
        sa.Column("evidence_date", sa.Date),
        sa.Column("max_evidence_age_days", sa.Integer),
        sa.Column("archived_at", Instant),
        _version(),
        _belongs(),
    )
    op.create_table(
        "control_systems",
        _org(),
        _id("control_id"),
        _id("system_id"),
        sa.Column("position", sa.Integer, nullable=False),
        _belongs("control_id", to="controls"),
    )
    op.create_table(
        "control_rows",
        _org(),
        _id("control_id"),
        _id("target"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("stated", sa.Boolean(create_constraint=False), nullable=False),
        _belongs("control_id", to="controls"),
    )
    op.create_table(
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
    op.create_table(
        "control_evidence",
        _org(),
        _id("control_id"),
        _id("evidence_id"),
        sa.Column("position", sa.Integer, nullable=False),
        _belongs("control_id", to="controls"),
        _belongs("evidence_id", to="evidence"),
        sa.Index(None, "organization_id", "evidence_id"),
    )
    op.create_table(
        "assessments",
        _org(),
        _id("kind"),
        _id("subject_id"),
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", Json),
        _belongs(),
    )
    op.create_table(
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
    op.create_table(
        "api_keys",
        _org(),
        _id("key_id"),
        sa.Column("secret_hash", sa.Text, nullable=False),
        _text("name"),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        _text("created_by"),
        sa.Column("expires_at", Instant),
        sa.Column("revoked_at", Instant),
        sa.Column("last_used_at", Instant),
        _text("rotated_to"),
        _belongs(),
        sa.Index(None, "key_id"),
    )
    op.create_table(
        "members",
        _org(),
        _id("issuer"),
        _id("subject"),
        sa.Column("role", sa.Text, nullable=False),
        _text("name"),
        sa.Column("added_at", Instant, nullable=False),
        _belongs(),
        sa.Index(None, "issuer", "subject"),
    )
    op.create_table(
        "audit_log",
        _org(),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("at", Instant, nullable=False),
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
    op.execute(
        "INSERT INTO organizations (organization_id, name, revision, version, created_at, updated_at, audit_count,"
        " audit_head, erasing)"
        " VALUES ('platform', 'Platform', 0, 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 0, '', false)"
    )
    for table in ("audit_log", "assessments"):
        _append_only(table)


def _append_only(table: str) -> None:
    """Refuse UPDATE always, and DELETE unless the whole organisation is being erased."""
    if op.get_bind().dialect.name == "sqlite":
        said = f"SELECT RAISE(ABORT, '{table} is only ever appended to')"
        erasing = "SELECT 1 FROM organizations o WHERE o.organization_id = OLD.organization_id AND o.erasing"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {said}; END")
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN NOT EXISTS ({erasing}) BEGIN {said}; END"
        )
        return
    op.execute(
        f"""
        CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND EXISTS (
                SELECT 1 FROM organizations o WHERE o.organization_id = OLD.organization_id AND o.erasing
            ) THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '{table} is only ever appended to';
        END $$
        """
    )
    for moment, level in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{moment.split()[0].lower()} BEFORE {moment} ON {table} "
            f"FOR EACH {level} EXECUTE FUNCTION {table}_append_only()"
        )
