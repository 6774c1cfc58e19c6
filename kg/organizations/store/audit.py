"""The audit log: for each organisation a chain in which every entry's hash covers the one before.

``hash`` is SHA-256 over the canonical JSON of every other field of the entry, ``prev_hash`` included; the first entry's
``prev_hash`` is empty.  The organisation's row keeps the number of entries and the last hash, so that entries cut off
at the end are missed too.  What this cannot show: that somebody with write access to the database rewrote the whole
chain and the row together.  Against that only a head kept elsewhere helps (:meth:`Store.verify` takes it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from kg.errors import Finding
from kg.organizations.store.codec import dumps
from kg.organizations.store.tables import audit_log, organizations
from kg.organizations.store.values import Actor, AuditEntry, AuditReport, ChangeEntry, Kind

__all__ = ["entries", "entry_hash", "entry_line", "instant", "verify"]

#: Rows fetched at once where a log is walked: memory stays bounded however long it is.
BATCH = 1_000


def instant(at: datetime) -> str:
    """A time as the hashes hold it: ISO 8601, UTC, microseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_hash(row: dict[str, Any]) -> str:
    """The hash that belongs to an entry's columns (whatever they say themselves)."""
    return hashlib.sha256(dumps(_plain(row)).encode()).hexdigest()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**{str(k): v for k, v in row.items() if k != "hash"}, "at": instant(row["at"])}


def entry_line(entry: AuditEntry) -> str:
    """An entry as one line of JSON, from which a reader can compute the hash again: the states are the texts that were
    hashed."""
    row = _row(entry)
    return dumps({**_plain(row), "hash": row["hash"]})


def _row(entry: AuditEntry) -> dict[str, Any]:
    change = entry.change
    return {
        "organization_id": entry.organization_id,
        "seq": entry.seq,
        "revision": change.revision,
        "at": change.at,
        "actor_kind": change.actor.kind,
        "actor_id": change.actor.id,
        "action": change.action,
        "kind": change.kind.value,
        "target_id": change.id,
        "before": None if change.before is None else dumps(change.before),
        "after": None if change.after is None else dumps(change.after),
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def change_of(row: Any) -> ChangeEntry:
    """The change that a row of the log tells."""
    return ChangeEntry(
        revision=row.revision,
        at=row.at,
        actor=Actor(row.actor_kind, row.actor_id),
        action=row.action,
        kind=Kind(row.kind),
        id=row.target_id,
        before=None if row.before is None else orjson.loads(row.before),
        after=None if row.after is None else orjson.loads(row.after),
    )


def _stream(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    return iter(connection.execute(query, execution_options={"yield_per": BATCH}))


def entries(connection: sa.Connection, organization_id: str, after: int, limit: int | None) -> Iterator[AuditEntry]:
    """The entries behind ``after``, in order."""
    query = (
        sa.select(audit_log)
        .where(audit_log.c.organization_id == organization_id, audit_log.c.seq > after)
        .order_by(audit_log.c.seq)
        .limit(limit)
    )
    for row in _stream(connection, query):
        yield AuditEntry(organization_id, row.seq, change_of(row), row.prev_hash, row.hash)


def verify(connection: sa.Connection, organization_id: str, *, known: Iterable[tuple[int, str]] = ()) -> AuditReport:
    """Walk the chain; ``known`` are (number of entries, hash of the last of them) noted elsewhere before."""
    own = connection.execute(
        sa.select(organizations.c.audit_count, organizations.c.audit_head).where(
            organizations.c.organization_id == organization_id
        )
    ).one()
    findings: list[Finding] = []
    noted = dict(known)

    def report(seq: int, message: str) -> None:
        findings.append(Finding(f"audit log of {organization_id}", seq, "AUDIT_BROKEN", message))

    previous, count = "", 0
    query = sa.select(audit_log).where(audit_log.c.organization_id == organization_id).order_by(audit_log.c.seq)
    for row in _stream(connection, query):
        columns = dict(row._mapping)
        if row.seq != count + 1:
            report(row.seq, f"entries {count + 1} to {row.seq - 1} are missing")
        elif row.prev_hash != previous:
            report(row.seq, "this entry does not follow the one before it")
        if entry_hash(columns) != row.hash:
            report(row.seq, "this entry was changed after it was written")
        if noted.pop(row.seq, row.hash) != row.hash:
            report(row.seq, "this entry is not the one that was noted: the log was rewritten")
        previous, count = row.hash, row.seq
    if count < own.audit_count:
        report(count, f"the log ends at {count} of {own.audit_count} entries: the last ones are missing")
    elif (count, previous) != (own.audit_count, own.audit_head):
        report(count, "the last entry is not the one that the organisation's row names")
    for seq in sorted(noted):
        if seq:
            report(seq, "there is no such entry, though one was noted: the log was cut or rewritten")
    return AuditReport(organization_id, count, previous, tuple(findings))
