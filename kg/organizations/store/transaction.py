"""One write: a transaction on one organisation that tells the log and the history what it changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kg.organizations.store.audit import entry_hash
from kg.organizations.store.codec import dumps
from kg.organizations.store.tables import assessments, audit_log, organizations
from kg.organizations.store.values import Actor, Commit, Kind

__all__ = ["Write"]

#: What the history keeps: all that an answer depends on.
REMEMBERED = frozenset({Kind.ORGANIZATION, Kind.PROFILE, Kind.CONTROL, Kind.EVIDENCE})


class Write:
    """The organisation's row is locked (SQLite: the whole database), so ``revision`` is the next one and nobody else's.

    Whoever changes rows calls :meth:`record` for each thing changed; :meth:`finish` appends the log and the history and
    moves the organisation's revision on, all in the same transaction.
    """

    def __init__(self, connection: sa.Connection, row: Any, actor: Actor, now: datetime) -> None:
        self.connection = connection
        self.organization_id: str = row.organization_id
        self.actor = actor
        self.at = max(now, row.updated_at)
        self.revision: int = row.revision + 1
        self._row = row
        self._changes: list[tuple[str, Kind, str, Any, Any]] = []

    def record(self, action: str, kind: Kind, id_: str, before: Any, after: Any) -> None:
        """Note that something changed: its whole state before and after, as JSON values."""
        self._changes.append((action, kind, id_, before, after))

    def finish(self) -> Commit:
        """Append what was noted; without any note nothing has happened."""
        if not self._changes:
            return Commit(self.organization_id, self.revision - 1, self._row.updated_at)
        count, head = self._row.audit_count, self._row.audit_head
        log, states = [], []
        for action, kind, id_, before, after in self._changes:
            count += 1
            state = None if after is None else dumps(after)
            entry: dict[str, Any] = {
                "organization_id": self.organization_id,
                "seq": count,
                "revision": self.revision,
                "at": self.at,
                "actor_kind": self.actor.kind,
                "actor_id": self.actor.id,
                "action": action,
                "kind": kind.value,
                "target_id": id_,
                "before": None if before is None else dumps(before),
                "after": state,
                "prev_hash": head,
            }
            head = entry["hash"] = entry_hash(entry)
            log.append(entry)
            if kind in REMEMBERED:
                states.append(
                    {
                        "organization_id": self.organization_id,
                        "kind": kind.value,
                        "subject_id": id_,
                        "revision": self.revision,
                        "state": state,
                    }
                )
        self.connection.execute(sa.insert(audit_log), log)
        if states:
            self.connection.execute(sa.insert(assessments), states)
        self.connection.execute(
            sa.update(organizations)
            .where(organizations.c.organization_id == self.organization_id)
            .values(revision=self.revision, updated_at=self.at, audit_count=count, audit_head=head)
        )
        changed = tuple(f"{kind}/{id_}" if id_ else kind.value for _, kind, id_, _, _ in self._changes)
        return Commit(self.organization_id, self.revision, self.at, changed)
