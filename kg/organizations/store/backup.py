"""Everything, or one organisation, as one file that either engine reads.

The file is gzip of JSON lines: a head (format, schema, what it holds), then for each table its columns and one array a
row, in the order of its key, and at the end the number of rows and the SHA-256 of all lines before.  Equal content
gives an equal digest, whichever engine it comes from.  Writing and reading go row by row, so memory stays bounded.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import sqlalchemy as sa

from kg.errors import StoreError, UsageError
from kg.organizations.store import audit, integrity, keys, schema, suggestions
from kg.organizations.store.codec import control_from_json, profile_from_json
from kg.organizations.store.tables import ORDERED, Utc, api_keys, organizations
from kg.organizations.store.values import PLATFORM, BackupReport, Kind

__all__ = ["delete_organizations", "dump", "is_empty", "load"]

_FORMAT = "aigov-kg store"
_VERSION = 1
#: A row longer than this was not written by :func:`dump`.
_LONGEST_LINE = 64 * 1024 * 1024
#: Rows, and bytes of them, that are inserted at once: a small file may unpack to a great deal.
_BATCH, _BATCH_BYTES = 1_000, 16 * 1024 * 1024
#: Set while rows may be deleted, and never carried from one store to another.
_NOT_CARRIED = "erasing"


def _bad(path: Path, why: str) -> StoreError:
    return StoreError(f"{path}: {why}", "nothing was changed; take another backup file", code="BAD_BACKUP")


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if column.name != _NOT_CARRIED]


def _table_head(table: sa.Table) -> dict[str, Any]:
    return {"table": str(table.name), "columns": [str(column.name) for column in _columns(table)]}


# ------------------------------------------------------------------ writing


def dump(connection: sa.Connection, path: Path, organization_id: str | None = None) -> BackupReport:
    """Write what the connection's transaction sees; of one organisation all but its API keys.

    The file appears whole, readable by its owner alone, or not at all.  Raises :class:`~kg.errors.StoreError`
    (``UNWRITABLE``).
    """
    head = {
        "format": _FORMAT, "version": _VERSION, "schema": schema.HEAD,
        "holds": "everything" if organization_id is None else "organization", "organization": organization_id or "",
    }  # fmt: skip
    rows: dict[str, int] = {}
    digest = hashlib.sha256()
    with _whole_file(path) as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:

        def line(value: Any, *, counted: bool = True) -> None:
            data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
            packed.write(data)
            if counted:
                digest.update(data)

        line(head)
        for table in ORDERED:
            if organization_id is not None and table is api_keys:
                continue
            columns = _columns(table)
            line(_table_head(table))
            rows[str(table.name)] = 0
            for row in _rows(connection, table, columns, organization_id):
                line([_plain(value) for value in row])
                rows[str(table.name)] += 1
        ended = {"rows": rows, "sha256": digest.hexdigest(), "written_at": audit.instant(datetime.now(UTC))}
        line(ended, counted=False)
    return _report(path, rows, digest.hexdigest(), head["schema"])


def _report(path: Path, rows: dict[str, int], sha256: str, schema_: Any) -> BackupReport:
    tenants = rows["organizations"] - (api_keys.name in rows)  # a whole store has the platform's own row
    return BackupReport(str(path), tenants, rows, sha256, str(schema_))


def _rows(
    connection: sa.Connection, table: sa.Table, columns: list[sa.Column[Any]], organization_id: str | None
) -> Iterator[Any]:
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    if organization_id is not None:
        query = query.where(table.c.organization_id == organization_id)
    return iter(connection.execute(query, execution_options={"yield_per": _BATCH}))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return audit.instant(value)
    return value.isoformat() if isinstance(value, date) else value


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is complete and on disk."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise StoreError(message, "name another place", code="UNWRITABLE") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            message = f"{path} cannot be written: {error.strerror or error}"
            raise StoreError(message, "nothing was left behind", code="UNWRITABLE") from None
        raise
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


# ------------------------------------------------------------------ reading


def is_empty(connection: sa.Connection) -> bool:
    """Whether nothing was ever written to a store."""
    query = sa.select(organizations.c.organization_id, organizations.c.revision)
    return [tuple(row) for row in connection.execute(query)] == [(PLATFORM, 0)]


def delete_organizations(connection: sa.Connection, ids: Collection[str] | None = None) -> None:
    """Delete all rows of some organisations, or of all: the one way in which the log and the history shrink."""

    def these(table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.true() if ids is None else table.c.organization_id.in_(sorted(ids))

    connection.execute(sa.update(organizations).where(these(organizations)).values(erasing=True))
    for table in reversed(ORDERED):
        connection.execute(sa.delete(table).where(these(table)))


def head_of(path: Path) -> dict[str, Any]:
    """What a backup file says it is."""
    with _Lines(path) as lines:
        return lines.head


def load(connection: sa.Connection, path: Path, organization_id: str | None = None) -> BackupReport:
    """Insert what a file holds: everything, or the one organisation.  The caller's transaction makes it all or nothing.

    Raises :class:`~kg.errors.StoreError` (``BAD_BACKUP``) for a file that is cut, changed, of another schema, or whose
    audit logs do not verify.
    """
    with _Lines(path) as lines:
        tables = [table for table in ORDERED if organization_id is None or table is not api_keys]
        rows: dict[str, int] = {}
        value: Any = lines.next()
        for table in tables:
            columns = _columns(table)
            if value != _table_head(table):
                raise _bad(path, f"the table {table.name} was expected at line {lines.number}")
            rows[str(table.name)] = 0
            batch: list[dict[str, Any]] = []
            size = 0
            while isinstance(value := lines.next(), list):
                batch.append(_row(lines, columns, value, organization_id))
                rows[str(table.name)] += 1
                size += lines.size
                if len(batch) == _BATCH or size > _BATCH_BYTES:
                    _insert(connection, path, table, batch)
                    batch, size = [], 0
            _insert(connection, path, table, batch)
        sha256 = lines.finish(value, rows)
        schema_ = lines.head["schema"]
    for id_ in connection.execute(sa.select(organizations.c.organization_id)).scalars().all():
        if organization_id in (None, id_):
            _check(connection, path, id_)
    return _report(path, rows, sha256, schema_)


def _check(connection: sa.Connection, path: Path, organization_id: str) -> None:
    """That an organisation is whole, and that everything in it can be read: nobody shall find out later."""
    try:
        report = integrity.verify(connection, organization_id)
        for member in keys.members_of(connection, organization_id):
            keys.check_role(organization_id, member.role)
        for key in keys.of(connection, organization_id):
            keys.check_role(organization_id, key.role)
        suggestions.read(connection, organization_id)
        for entry in audit.entries(connection, organization_id, 0, None):
            read = {Kind.CONTROL: control_from_json, Kind.PROFILE: profile_from_json}.get(entry.change.kind)
            if read and entry.change.after is not None:
                read(entry.change.after)
    except (ValueError, LookupError, TypeError, AttributeError, UsageError) as error:
        raise _bad(path, f"the organisation {organization_id!r} has something that cannot be read: {error}") from None
    if not report.ok:
        raise _bad(path, str(report.findings[0]))


def _row(
    lines: _Lines, columns: list[sa.Column[Any]], values: list[Any], organization_id: str | None
) -> dict[str, Any]:
    try:
        row = {c.name: _typed(c)(v) if v is not None else None for c, v in zip(columns, values, strict=True)}
    except (TypeError, ValueError, OverflowError):
        raise _bad(lines.path, f"line {lines.number} is not a row of its table") from None
    if organization_id is not None and row["organization_id"] != organization_id:
        raise _bad(lines.path, f"line {lines.number} belongs to another organisation")
    return row


def _typed(column: sa.Column[Any]) -> Callable[[Any], Any]:
    """What makes a column's value of its JSON; raises ``TypeError`` or ``ValueError`` for another kind of value."""
    if isinstance(column.type, Utc):
        return _instant
    if isinstance(column.type, sa.Date):
        return date.fromisoformat
    kind = bool if isinstance(column.type, sa.Boolean) else int if isinstance(column.type, sa.Integer) else str

    def same(value: Any) -> Any:
        if type(value) is not kind or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            raise TypeError
        return value

    return same


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found.astimezone(UTC)


def _insert(connection: sa.Connection, path: Path, table: sa.Table, batch: list[dict[str, Any]]) -> None:
    if not batch:
        return
    if table is organizations:
        batch = [{**row, _NOT_CARRIED: False} for row in batch]
    try:
        connection.execute(sa.insert(table), batch)
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        said = str(error.orig).strip().splitlines()[0]
        raise _bad(path, f"the rows of {table.name} do not fit together: {said}") from None


class _Lines:
    """The lines of a backup file, each counted and hashed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> _Lines:
        try:
            self._file = gzip.open(self.path, "rb")
        except OSError as error:
            message = f"{self.path} cannot be read: {error.strerror or error}"
            raise StoreError(message, "name a file that `kg backup` wrote", code="BAD_BACKUP") from None
        try:
            self.head = self._head()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _head(self) -> dict[str, Any]:
        head = self.next()
        if not isinstance(head, dict) or head.get("format") != _FORMAT or not isinstance(head.get("organization"), str):
            raise _bad(self.path, "this is not a backup of a store")
        if (head.get("version"), head.get("schema")) != (_VERSION, schema.HEAD):
            why = f"it has the schema {head.get('schema')}, this version of kg reads {schema.HEAD}"
            raise StoreError(f"{self.path}: {why}", "restore it with the version that wrote it", code="BAD_BACKUP")
        return head

    def next(self) -> Any:
        """The next line's value."""
        self._before = self._digest.copy()
        try:
            data = self._file.readline(_LONGEST_LINE)
        except (OSError, EOFError, zlib.error):
            raise _bad(self.path, f"it is damaged after line {self.number}") from None
        self.number += 1
        self.size = len(data)
        if not data.endswith(b"\n"):
            raise _bad(self.path, f"it ends in line {self.number}, before its end")
        self._digest.update(data)
        try:
            return orjson.loads(data)
        except ValueError:
            raise _bad(self.path, f"line {self.number} cannot be read") from None

    def finish(self, last: Any, rows: dict[str, int]) -> str:
        """Check the last line against what was read: the digest."""
        found = self._before.hexdigest()
        if not isinstance(last, dict) or last.get("rows") != rows or last.get("sha256") != found:
            raise _bad(self.path, "its content is not what was written: the checksum or the number of rows differs")
        try:
            more = self._file.read(1)
        except (OSError, EOFError, zlib.error):
            raise _bad(self.path, "it is damaged at its end") from None
        if more:
            raise _bad(self.path, "something follows its end")
        return found
