"""An organisation's controls, evidence and profile in their tables: read in a few queries, written as differences."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Profile
from kg.organizations.store.codec import (
    control_json,
    dumps,
    evidence_json,
    profile_from_json,
    profile_json,
)
from kg.organizations.store.tables import (
    control_evidence,
    control_rows,
    control_systems,
    controls,
    evidence,
    exclusions,
    profiles,
    systems,
)
from kg.organizations.store.transaction import Write
from kg.organizations.store.values import Kind, StoredEvidence
from kg.relations import RELATIONS, word

__all__ = [
    "Stored", "delete_record", "read_controls", "read_evidence", "read_profile", "sort_key", "write_controls",
    "write_profile", "write_records",
]  # fmt: skip

#: Up to so many ids are named in a query; for more, all of the organisation is read.
_NAMED = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """A control as it is kept."""

    control: Control
    archived: bool = False
    version: int = 0

    def same(self, other: Stored) -> bool:
        """Whether both say the same, whenever it was written."""
        return self.archived == other.archived and self.control == other.control

    def json(self) -> dict[str, Any]:
        """The state as history and log keep it."""
        return control_json(self.control, archived=self.archived)


def sort_key(id_: str) -> tuple[Any, ...]:
    """As people count: AC-9 before AC-10.

    >>> sorted(["AC-10", "B", "AC-9"], key=sort_key)
    ['AC-9', 'AC-10', 'B']
    """
    tokens = re.findall(r"[0-9]+|[^0-9]+", id_)
    return tuple((0, int(t), "") if t[0] in "0123456789" else (1, 0, t) for t in tokens), id_


# ------------------------------------------------------------------ reading


def _position(row: Any) -> int:
    return int(row[1])


def _by_control(
    connection: sa.Connection, query: sa.Select[Any], column: Any, ids: Collection[str] | None
) -> dict[str, list[Any]]:
    if ids is not None:
        query = query.where(column.in_(sorted(ids)))
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query).all():
        found.setdefault(row[0], []).append(row)
    return found


def read_controls(
    connection: sa.Connection, organization_id: str, ids: Collection[str] | None = None
) -> dict[str, Stored]:
    """The controls of an organisation by id, archived ones too; with ``ids`` those of them that exist."""
    wanted = None if ids is None else set(ids)
    named = wanted if wanted is not None and len(wanted) <= _NAMED else None
    if wanted is not None and not wanted:
        return {}

    def children(table: sa.Table, *columns: sa.Column[Any]) -> dict[str, list[Any]]:
        query = sa.select(table.c.control_id, table.c.position, *columns)
        query = query.where(table.c.organization_id == organization_id)
        found = _by_control(connection, query, table.c.control_id, named)
        return {id_: sorted(many, key=_position) for id_, many in found.items()}

    rows = children(control_rows, control_rows.c.target, control_rows.c.relation, control_rows.c.stated)
    limits = children(control_systems, control_systems.c.system_id)
    links = children(control_evidence, control_evidence.c.evidence_id)
    linked = {id_ for many in links.values() for _, _, id_ in many}
    records = {id_: found.record for id_, found in _records(connection, organization_id, linked).items()}
    query = sa.select(controls).where(controls.c.organization_id == organization_id)
    if named is not None:
        query = query.where(controls.c.control_id.in_(sorted(named)))
    found = {}
    for row in connection.execute(query):
        id_ = row.control_id
        if wanted is not None and id_ not in wanted:
            continue
        control = Control(
            id=id_,
            title=row.title,
            status=ControlStatus(row.status),
            rows=tuple(
                [ControlRow(to, RELATIONS[relation], stated) for _, _, to, relation, stated in rows.get(id_, ())]
            ),
            description=row.description,
            owner=row.owner,
            evidence_date=row.evidence_date,
            systems=tuple([system for _, _, system in limits.get(id_, ())]),
            evidence=tuple([records[evidence_id] for _, _, evidence_id in links.get(id_, ())]),
            max_evidence_age_days=row.max_evidence_age_days,
        )
        found[id_] = Stored(control, row.archived_at is not None, row.version)
    return dict(sorted(found.items(), key=lambda item: sort_key(item[0])))


@dataclass(frozen=True, slots=True)
class _Record:
    record: EvidenceRecord
    version: int


def _records(connection: sa.Connection, organization_id: str, ids: Collection[str] | None) -> dict[str, _Record]:
    if ids is not None and not ids:
        return {}
    query = sa.select(evidence).where(evidence.c.organization_id == organization_id)
    if ids is not None and len(ids) <= _NAMED:
        query = query.where(evidence.c.evidence_id.in_(sorted(ids)))
    return {
        row.evidence_id: _Record(
            EvidenceRecord(row.evidence_id, row.kind, row.title, row.day, row.valid_until, row.link, row.note),
            row.version,
        )
        for row in connection.execute(query)
    }


def read_evidence(
    connection: sa.Connection, organization_id: str, ids: Collection[str] | None = None
) -> dict[str, StoredEvidence]:
    """Evidence records by id, with the controls they serve (archived ones too); with ``ids`` those that exist."""
    records = _records(connection, organization_id, ids)
    query = sa.select(control_evidence.c.evidence_id, control_evidence.c.control_id).where(
        control_evidence.c.organization_id == organization_id
    )
    named = None if ids is None or len(ids) > _NAMED else ids
    serves = _by_control(connection, query, control_evidence.c.evidence_id, named) if records else {}
    return {
        id_: StoredEvidence(
            found.record, tuple(sorted((r.control_id for r in serves.get(id_, ())), key=sort_key)), found.version
        )
        for id_, found in sorted(records.items(), key=lambda item: sort_key(item[0]))
        if ids is None or id_ in ids
    }


def read_profile(connection: sa.Connection, organization_id: str) -> tuple[Profile | None, int]:
    """The profile and its version; ``None`` and 0 where there is none."""

    def rows(table: sa.Table) -> Sequence[Any]:
        query = sa.select(table).where(table.c.organization_id == organization_id)
        return connection.execute(query.order_by(table.c.position) if "position" in table.c else query).all()

    bodies = {row.system_id: row for row in rows(profiles)}
    if "" not in bodies:
        return None, 0
    data = orjson.loads(bodies[""].body)
    data["systems"] = [
        {**orjson.loads(bodies[row.system_id].body), "id": row.system_id, "title": row.title} for row in rows(systems)
    ]
    data["exclusions"] = [{"target": row.target, "justification": row.justification} for row in rows(exclusions)]
    return profile_from_json(data), bodies[""].version


# ------------------------------------------------------------------ writing


def write_records(write: Write, records: Iterable[EvidenceRecord], before: Mapping[str, EvidenceRecord]) -> None:
    """Add or replace evidence records; ``before`` holds those of them that exist, and what is equal is left alone."""
    changed = [record for record in sorted(records, key=lambda r: sort_key(r.id)) if before.get(record.id) != record]
    values = [
        {
            "organization_id": write.organization_id, "evidence_id": r.id, "kind": r.kind, "title": r.title,
            "day": r.day, "valid_until": r.valid_until, "link": r.link, "note": r.note, "version": write.revision,
        }
        for r in changed
    ]  # fmt: skip
    _put(write.connection, evidence, "evidence_id", values, before)
    for record in changed:
        old = before.get(record.id)
        action = "evidence.update" if old else "evidence.create"
        write.record(action, Kind.EVIDENCE, record.id, old and evidence_json(old), evidence_json(record))


def delete_record(write: Write, record: EvidenceRecord) -> None:
    """Remove an evidence record that no control is linked to any more."""
    write.connection.execute(
        sa.delete(evidence).where(
            evidence.c.organization_id == write.organization_id, evidence.c.evidence_id == record.id
        )
    )
    write.record("evidence.remove", Kind.EVIDENCE, record.id, evidence_json(record), None)


def write_controls(write: Write, before: Mapping[str, Stored], after: Mapping[str, Stored]) -> None:
    """Bring the controls of ``after`` to what it says; ``before`` holds those of them that exist.

    Their evidence records must be written already.  A control whose evidence record changed counts as changed.
    """
    changed = {
        id_: after[id_] for id_ in sorted(after, key=sort_key) if id_ not in before or not before[id_].same(after[id_])
    }
    values = [_control_values(write, stored) for stored in changed.values()]
    _put(write.connection, controls, "control_id", values, before)
    _put_children(write, before, changed)
    for id_, stored in changed.items():
        old = before.get(id_)
        write.record(_action(old, stored), Kind.CONTROL, id_, old and old.json(), stored.json())


def _action(old: Stored | None, new: Stored) -> str:
    if old is None:
        return "control.create"
    if old.archived == new.archived:
        return "control.update"
    return "control.archive" if new.archived else "control.restore"


def _control_values(write: Write, stored: Stored) -> dict[str, Any]:
    c = stored.control
    at: datetime | None = write.at if stored.archived else None
    return {
        "organization_id": write.organization_id, "control_id": c.id, "title": c.title, "description": c.description,
        "status": c.status.value, "owner": c.owner, "evidence_date": c.evidence_date,
        "max_evidence_age_days": c.max_evidence_age_days, "archived_at": at, "version": write.revision,
    }  # fmt: skip


def _put(
    connection: sa.Connection, table: sa.Table, key: str, values: list[dict[str, Any]], existing: Collection[str]
) -> None:
    """Insert what is new and update what exists, each in one statement for many rows."""
    new = [v for v in values if v[key] not in existing]
    old = [v for v in values if v[key] in existing]
    if new:
        connection.execute(sa.insert(table), new)
    if old:
        keys = ("organization_id", key)
        statement = (
            sa.update(table)
            .where(*(table.c[k] == sa.bindparam(f"b_{k}") for k in keys))
            .values({k: sa.bindparam(f"b_{k}") for k in old[0] if k not in keys})
        )
        connection.execute(statement, [{f"b_{k}": value for k, value in v.items()} for v in old])


def _put_children(write: Write, before: Mapping[str, Stored], changed: Mapping[str, Stored]) -> None:
    """The rows, systems and evidence links of changed controls, where they differ."""
    columns: tuple[tuple[sa.Table, Any], ...] = (
        (control_rows, lambda c: [{"target": r.target, "relation": word(r.mask), "stated": r.stated} for r in c.rows]),
        (control_systems, lambda c: [{"system_id": s} for s in c.systems]),
        (control_evidence, lambda c: [{"evidence_id": e.id} for e in c.evidence]),
    )
    for table, of in columns:
        gone, new = [], []
        for id_, stored in changed.items():
            old = of(before[id_].control) if id_ in before else []
            items = of(stored.control)
            if old == items:
                continue
            key = {"organization_id": write.organization_id, "control_id": id_}
            if old:
                gone.append({f"b_{k}": value for k, value in key.items()})
            new += [{**key, "position": n, **item} for n, item in enumerate(items)]
        if gone:
            write.connection.execute(
                sa.delete(table).where(
                    table.c.organization_id == sa.bindparam("b_organization_id"),
                    table.c.control_id == sa.bindparam("b_control_id"),
                ),
                gone,
            )
        if new:
            write.connection.execute(sa.insert(table), new)


def write_profile(write: Write, before: Profile | None, after: Profile | None) -> None:
    """The whole profile, with its systems and exclusions."""
    if before == after:
        return
    for table in (exclusions, systems, profiles):
        write.connection.execute(sa.delete(table).where(table.c.organization_id == write.organization_id))
    if after is not None:
        common = {"organization_id": write.organization_id, "version": write.revision}
        body = profile_json(after)
        members, excluded = body.pop("systems", []), body.pop("exclusions", [])
        bodies = {"": body, **{m["id"]: {k: v for k, v in m.items() if k not in ("id", "title")} for m in members}}
        _insert(write, profiles, ({**common, "system_id": id_, "body": dumps(b)} for id_, b in bodies.items()))
        titles = ({"system_id": s.id, "position": n, "title": s.title} for n, s in enumerate(after.systems))
        _insert(write, systems, ({**common, **title} for title in titles))
        _insert(write, exclusions, ({**common, "position": n, **e} for n, e in enumerate(excluded)))
    action = "profile.remove" if after is None else "profile.set"
    write.record(action, Kind.PROFILE, "", before and profile_json(before), after and profile_json(after))


def _insert(write: Write, table: sa.Table, values: Iterable[dict[str, Any]]) -> None:
    if rows := list(values):
        write.connection.execute(sa.insert(table), rows)
