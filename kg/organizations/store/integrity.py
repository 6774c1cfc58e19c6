"""Whether a store still says what was written to it: the log's chain, the history beside it, and the present
content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from kg.errors import Finding
from kg.organizations.store.audit import chain_faults, walk
from kg.organizations.store.codec import dumps, evidence_json, profile_json
from kg.organizations.store.content import read_controls, read_evidence, read_profile
from kg.organizations.store.tables import assessments, audit_log, organizations
from kg.organizations.store.transaction import REMEMBERED
from kg.organizations.store.values import PLATFORM, AuditReport, Kind

__all__ = ["verify"]

#: What of a kind is named at most, of thousands that a careless change of the tables would break.
_NAMED = 20


def verify(connection: sa.Connection, organization_id: str, *, known: Iterable[tuple[int, str]] = ()) -> AuditReport:
    """Walk the log, and compare history and content with what it says.

    ``known`` are (number of entries, hash of the last of them) noted elsewhere before.
    """
    own = connection.execute(sa.select(organizations).where(organizations.c.organization_id == organization_id)).one()
    last: dict[tuple[str, str], str | None] = {}
    head, count = "", 0

    def seen() -> Iterator[Any]:
        nonlocal head, count
        for row in walk(connection, organization_id):
            last[row.kind, row.target_id] = row.after
            head, count = row.hash, row.seq
            yield row

    where = f"audit log of {organization_id}"
    found = [
        Finding(where, seq, "AUDIT_BROKEN", message)
        for seq, message in chain_faults(seen(), own.audit_count, own.audit_head, dict(known))
    ]
    where = f"organisation {organization_id}"
    found += [Finding(where, 0, "HISTORY_DIFFERS", said) for said in _history(connection, organization_id)]
    now = _present(connection, organization_id, own)
    told = {key: after for key, after in last.items() if key[0] in REMEMBERED and after is not None}
    wrong = sorted(key for key in told.keys() | now.keys() if told.get(key) != now.get(key))
    found += [
        Finding(where, 0, "CONTENT_DIFFERS", f"{kind} {id_}".strip() + " is not as the log's last entry on it says")
        for kind, id_ in wrong[:_NAMED]
    ]
    return AuditReport(organization_id, count, head, tuple(found))


def _present(connection: sa.Connection, organization_id: str, own: Any) -> dict[tuple[str, str], str]:
    """Every state there is now, as the log would hold it."""
    found: dict[tuple[str, str], str] = {}
    if organization_id != PLATFORM:
        state = {"name": own.name, **({"archived": True} if own.archived_at else {})}
        found[Kind.ORGANIZATION.value, ""] = dumps(state)
    profile, _ = read_profile(connection, organization_id)
    if profile is not None:
        found[Kind.PROFILE.value, ""] = dumps(profile_json(profile))
    for id_, stored in read_controls(connection, organization_id).items():
        found[Kind.CONTROL.value, id_] = dumps(stored.json())
    for id_, one in read_evidence(connection, organization_id).items():
        found[Kind.EVIDENCE.value, id_] = dumps(evidence_json(one.record))
    return found


def _history(connection: sa.Connection, organization_id: str) -> Iterator[str]:
    """Entries of the log that the history does not have, and how many states it has that the log does not."""
    log, states = audit_log.c, assessments.c
    told = sa.and_(log.organization_id == organization_id, log.kind.in_([kind.value for kind in REMEMBERED]))
    same = sa.and_(
        states.organization_id == organization_id,
        states.kind == log.kind,
        states.subject_id == log.target_id,
        states.revision == log.revision,
    )
    missing = (
        sa.select(log.kind, log.target_id, log.revision)
        .select_from(audit_log.outerjoin(assessments, same))
        .where(told, sa.or_(states.organization_id.is_(None), log.after.is_distinct_from(states.state)))
        .order_by(log.seq)
        .limit(_NAMED)
    )
    wrong = connection.execute(missing).all()
    for kind, id_, revision in wrong:
        yield f"{kind} {id_}".strip() + f" at revision {revision} is not in the history as the log has it"
    counts = [
        connection.execute(sa.select(sa.func.count()).select_from(table).where(condition)).scalar_one()
        for table, condition in ((assessments, states.organization_id == organization_id), (audit_log, told))
    ]
    if not wrong and counts[0] != counts[1]:
        yield f"the history has {counts[0]} states, the log tells of {counts[1]}"
