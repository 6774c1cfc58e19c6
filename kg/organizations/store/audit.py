"""The audit log: for each organisation a chain in which every entry's hash covers the one before.

``hash`` is SHA-256 over the canonical JSON of every other field of the entry, ``prev_hash`` included; the first entry's
``prev_hash`` is empty.  The organisation's row keeps the number of entries and the last hash, so that entries cut off
at the end are missed too.  What this cannot show: that somebody with write access to the database rewrote the whole
chain and the row together.  Against that only a head kept elsewhere helps (:meth:`Store.verify` takes it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from kg.organizations.store.codec import dumps
from kg.organizations.store.tables import audit_log
from kg.organizations.store.values import Actor, AuditEntry, ChangeEntry, Kind

__all__ = ["chain_faults", "entries", "entry_hash", "entry_line", "instant", "walk"]

#: Rows fetched at once where a log is walked: memory stays bounded however long it is.
BATCH = 1_000


def instant(at: datetime) -> str:
    """A time as the hashes hold it: ISO 8601, UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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


def walk(connection: sa.Connection, organization_id: str) -> Iterator[Any]:
    """All rows of a log, in order."""
    query = sa.select(audit_log).where(audit_log.c.organization_id == organization_id).order_by(audit_log.c.seq)
    return _stream(connection, query)


def chain_faults(rows: Iterable[Any], length: int, head: str, noted: dict[int, str]) -> Iterator[tuple[int, str]]:
    """What is wrong with a chain, as (number of the entry, what): ``length`` and ``head`` are what the organisation's
    row says, ``noted`` are hashes by number that were kept elsewhere."""
    left = dict(noted)
    previous, count = "", 0
    for row in rows:
        if row.seq != count + 1:
            yield row.seq, f"entries {count + 1} to {row.seq - 1} are missing"
        elif row.prev_hash != previous:
            yield row.seq, "this entry does not follow the one before it"
        if entry_hash(dict(row._mapping)) != row.hash:
            yield row.seq, "this entry was changed after it was written"
        if left.pop(row.seq, row.hash) != row.hash:
            yield row.seq, "this entry is not the one that was noted: the log was rewritten"
        previous, count = row.hash, row.seq
    if count < length:
        yield count, f"the log ends at {count} of {length} entries: the last ones are missing"
    elif (count, previous) != (length, head):
        yield count, "the last entry is not the one that the organisation's row names"
    for seq in sorted(set(left) - {0}):
        yield seq, "there is no such entry, though one was noted: the log was cut or rewritten"
