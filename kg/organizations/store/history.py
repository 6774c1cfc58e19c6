"""The past: whole states by revision, and which revision was the last at an instant."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from kg.errors import UsageError
from kg.organizations.store.audit import change_of
from kg.organizations.store.codec import control_from_json, profile_from_json
from kg.organizations.store.content import sort_key
from kg.organizations.store.tables import assessments, audit_log
from kg.organizations.store.values import ChangeEntry, Kind, OrganizationState

__all__ = ["changes_since", "revision_at", "state_at"]

#: What :func:`changes_since` tells: the content, which every reader of the organisation may see.
CONTENT = (Kind.ORGANIZATION, Kind.PROFILE, Kind.CONTROL, Kind.EVIDENCE, Kind.PROPOSAL)


def revision_at(connection: sa.Connection, organization_id: str, at: datetime) -> int:
    """The last revision written up to an instant.  Raises :class:`~kg.errors.UsageError` if there was none."""
    if at.tzinfo is None:
        raise UsageError(f"{at.isoformat()} says no time zone", "write it like 2026-11-23T12:00:00Z")
    with suppress(OverflowError):  # the first and last hours of all time are out of range in other zones
        at = at.astimezone(UTC)
    at = at.replace(tzinfo=UTC)
    query = sa.select(sa.func.max(audit_log.c.revision)).where(
        audit_log.c.organization_id == organization_id, audit_log.c.at <= at
    )
    found = connection.execute(query).scalar()
    if found is None:
        message = f"the organisation {organization_id!r} did not exist at {at.isoformat()}"
        raise UsageError(message, "ask for a later time", code="BEFORE_CREATION")
    return int(found)


def state_at(connection: sa.Connection, organization_id: str, revision: int) -> OrganizationState:
    """All that an answer depends on, as it was at a revision that exists."""
    own = (
        assessments.c.organization_id == organization_id,
        assessments.c.kind.in_([Kind.ORGANIZATION.value, Kind.PROFILE.value, Kind.CONTROL.value]),
        assessments.c.revision <= revision,
    )
    key = (assessments.c.kind, assessments.c.subject_id)
    newest = (
        sa.select(*key, sa.func.max(assessments.c.revision).label("revision")).where(*own).group_by(*key).subquery()
    )
    query = sa.select(assessments).join(
        newest,
        sa.and_(
            assessments.c.kind == newest.c.kind,
            assessments.c.subject_id == newest.c.subject_id,
            assessments.c.revision == newest.c.revision,
        ),
    )
    query = query.where(assessments.c.organization_id == organization_id)
    name, profile, profile_version = "", None, 0
    controls, versions = {}, {}
    for row in connection.execute(query):
        state: Any = None if row.state is None else orjson.loads(row.state)
        if row.kind == Kind.ORGANIZATION:
            name = state["name"]
        elif row.kind == Kind.PROFILE and state is not None:
            profile, profile_version = profile_from_json(state), row.revision
        elif row.kind == Kind.CONTROL and not state.get("archived"):
            controls[row.subject_id] = control_from_json(state)
            versions[row.subject_id] = row.revision
    at = connection.execute(
        sa.select(sa.func.max(audit_log.c.at)).where(
            audit_log.c.organization_id == organization_id, audit_log.c.revision == revision
        )
    ).scalar_one()
    order = sorted(controls, key=sort_key)
    return OrganizationState(
        organization_id,
        name,
        revision,
        at,
        tuple(controls[id_] for id_ in order),
        profile,
        {id_: versions[id_] for id_ in order},
        profile_version,
    )


def changes_since(
    connection: sa.Connection, organization_id: str, revision: int, limit: int | None
) -> list[ChangeEntry]:
    """The changes of content behind a revision; with ``limit`` whole revisions only, at least one."""
    query = (
        sa.select(audit_log)
        .where(
            audit_log.c.organization_id == organization_id,
            audit_log.c.revision > revision,
            audit_log.c.kind.in_([kind.value for kind in CONTENT]),
        )
        .order_by(audit_log.c.seq)
    )
    if limit is not None:
        positions = query.with_only_columns(audit_log.c.revision).limit(1)
        first = connection.execute(positions).scalar()
        over = connection.execute(positions.offset(max(limit, 1))).scalar()
        if over is not None:
            query = query.where(audit_log.c.revision < over if over != first else audit_log.c.revision == first)
    return [change_of(row) for row in connection.execute(query)]
