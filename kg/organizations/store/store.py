"""The store: what may be done with the organisations of one database."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL

from kg.errors import ConflictError, StoreError, UnknownIdError, UsageError
from kg.model import Control, ControlRow, EvidenceRecord, Profile
from kg.organizations.store import audit, schema
from kg.organizations.store.engine import database_url, open_engine, reading, shown_url, writing
from kg.organizations.store.tables import organizations
from kg.organizations.store.transaction import Write
from kg.organizations.store.values import (
    PLATFORM,
    Actor,
    ApiKey,
    AuditEntry,
    AuditReport,
    BackupReport,
    ChangeEntry,
    Commit,
    Kind,
    Member,
    NewKey,
    Organization,
    OrganizationState,
    Proposal,
    ProposalState,
    Role,
    StoredEvidence,
)
from kg.release import Release

__all__ = ["Expected", "Store"]

#: What a write expects to find: ``None`` anything; a number: nothing it touches has changed after that revision of the
#: organisation; a mapping: each id it names has exactly that version (0: it does not exist yet).
Expected = int | Mapping[str, int] | None

_TRIES = 5  #: how often a write is tried that the database gave up for another's sake


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """The organisations of one database; safe for threads, and for several processes on one database.

    Every write is one transaction: what it changes, the history, the audit log and the organisation's revision are on
    disk together when it returns, or not at all.  Writes on one organisation come one after the other; each returns a
    :class:`Commit`.  A write that changes nothing leaves no trace.  All raise :class:`~kg.errors.UnknownIdError` for an
    organisation that does not exist, :class:`~kg.errors.ConflictError` where ``expected`` does not hold, and
    :class:`~kg.errors.StoreError` where the database cannot be reached or used.
    """

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], datetime] = _now) -> None:
        self.engine = engine
        self._clock = clock
        self._reading = reading(engine)
        self._writing = writing(engine)

    # ------------------------------------------------------------ opening

    @classmethod
    def open(cls, url: str | None = None, *, clock: Callable[[], datetime] = _now) -> Self:
        """The store at ``url``, else ``KG_DATABASE_URL``, else the user's own SQLite file.

        A SQLite file that does not exist is created with its folder.  Raises :class:`~kg.errors.StoreError` for a
        schema that is not the present one (``SCHEMA_OUTDATED``: ``kg db upgrade``; ``SCHEMA_UNKNOWN``) and for a
        database that cannot be reached, :class:`~kg.errors.UsageError` for a URL that makes no sense.
        """
        found = database_url(url)
        engine = open_engine(found)
        with _told(found):
            if _is_new_file(found):
                schema.upgrade(engine)
            schema.check(engine)
        return cls(engine, clock=clock)

    @staticmethod
    def upgrade(url: str | None = None) -> tuple[str, str]:
        """Bring the database to the present schema, or create it: the versions before and after (``kg db upgrade``)."""
        found = database_url(url)
        _is_new_file(found)
        engine = open_engine(found)
        try:
            with _told(found):
                return schema.upgrade(engine)
        finally:
            engine.dispose()

    @property
    def url(self) -> str:
        """Where the store is, without a password."""
        return shown_url(self.engine.url)

    def ping(self) -> None:
        """Raise :class:`~kg.errors.StoreError` unless the database answers and has the present schema (for
        ``/readyz``)."""
        with _told(self.engine.url):
            schema.check(self.engine)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ organisations

    def create_organization(self, name: str, *, id: str | None = None, actor: Actor) -> Organization:
        """A new organisation.  ``id`` is 1 to 63 of ``a-z 0-9 -`` and begins with a letter or digit; without one it is
        random.  Raises :class:`~kg.errors.ConflictError` if the id is taken, :class:`~kg.errors.UsageError` if it or
        the name makes no sense.  The platform's log says who created it, and only its own log says its name."""
        wanted = _slug(id) if id is not None else "o-" + secrets.token_hex(8)
        title = _name(name)

        def work(platform: Write) -> None:
            if _row(platform.connection, wanted) is not None:
                raise ConflictError(f"there is an organisation {wanted!r} already", "choose another id")
            platform.connection.execute(
                sa.insert(organizations),
                {
                    "organization_id": wanted, "name": title, "revision": 0, "version": 1, "created_at": platform.at,
                    "updated_at": platform.at, "audit_count": 0, "audit_head": "", "erasing": False,
                },
            )  # fmt: skip
            own = Write(platform.connection, _row(platform.connection, wanted), actor, platform.at)
            own.record("organization.create", Kind.ORGANIZATION, "", None, {"name": title})
            own.finish()
            platform.record("organization.create", Kind.ORGANIZATION, wanted, None, {})

        self._write(PLATFORM, actor, work)
        return self.get_organization(wanted)

    def get_organization(self, organization_id: str) -> Organization:
        """One organisation, archived or not."""
        with self._read() as connection:
            return _organization(_known(_row(connection, organization_id), organization_id))

    def list_organizations(self, *, archived: bool = False) -> tuple[Organization, ...]:
        """All organisations by id, with ``archived`` the archived ones too; never the platform's own."""
        query = (
            sa.select(organizations)
            .where(organizations.c.organization_id != PLATFORM)
            .order_by(organizations.c.organization_id)
        )
        if not archived:
            query = query.where(organizations.c.archived_at.is_(None))
        with self._read() as connection:
            return tuple(_organization(row) for row in connection.execute(query))

    def revision(self, organization_id: str) -> int:
        """The organisation's revision: a cache or an ETag that was made at another one is out of date."""
        return self.get_organization(organization_id).revision

    def rename_organization(
        self, organization_id: str, name: str, *, expected: int | None = None, actor: Actor
    ) -> Commit:
        """Another name.  ``expected`` is the version of the organisation that was read."""
        title = _name(name)
        return self._change_organization(organization_id, actor, expected, "rename", lambda row, at: {"name": title})

    def archive_organization(self, organization_id: str, *, expected: int | None = None, actor: Actor) -> Commit:
        """Put it away: still read, listed only on request, and every write but ``unarchive`` refused (``ARCHIVED``)."""
        return self._change_organization(
            organization_id, actor, expected, "archive", lambda row, at: {"archived_at": row.archived_at or at}
        )

    def unarchive_organization(self, organization_id: str, *, expected: int | None = None, actor: Actor) -> Commit:
        """Take it up again."""
        return self._change_organization(
            organization_id, actor, expected, "unarchive", lambda row, at: {"archived_at": None}
        )

    def _change_organization(
        self,
        organization_id: str,
        actor: Actor,
        expected: int | None,
        action: str,
        values: Callable[[Any, datetime], dict[str, Any]],
    ) -> Commit:
        def work(write: Write) -> None:
            row = _row(write.connection, organization_id)
            if expected is not None and row.version != expected:
                raise ConflictError(
                    f"the organisation has changed since version {expected}", "read it again",
                    current=_organization(row), version=row.version, revision=row.revision,
                )  # fmt: skip
            new = values(row, write.at)
            if all(getattr(row, key) == value for key, value in new.items()):
                return
            write.connection.execute(
                sa.update(organizations)
                .where(organizations.c.organization_id == organization_id)
                .values(version=write.revision, **new)
            )
            after = _row(write.connection, organization_id)
            write.record(f"organization.{action}", Kind.ORGANIZATION, "", _own_state(row), _own_state(after))

        return self._write(organization_id, actor, work, archived=True)

    # ------------------------------------------------------------ reading content

    def load(
        self, organization_id: str, *, as_of_revision: int | None = None, at: datetime | None = None
    ) -> OrganizationState:
        """The organisation's controls and profile, now or as they were.

        ``as_of_revision`` names a revision, ``at`` an instant with a time zone (the last revision written up to then).
        The state that was is exact, whatever happened since.  :func:`kg.organizations.store.findings` says what of it
        the present release does not know.  Raises :class:`~kg.errors.UsageError` for a revision that does not exist, an
        instant before the organisation did, one without a zone, or both arguments.
        """
        raise NotImplementedError

    def get_control(self, organization_id: str, control_id: str) -> tuple[Control, int]:
        """One active control and its version.  Raises :class:`~kg.errors.UnknownIdError`."""
        raise NotImplementedError

    def archived_controls(self, organization_id: str) -> tuple[Control, ...]:
        """The controls that were archived, by id."""
        raise NotImplementedError

    def list_evidence(self, organization_id: str) -> tuple[StoredEvidence, ...]:
        """All evidence records by id, with the controls they serve."""
        raise NotImplementedError

    def changes_since(self, organization_id: str, revision: int, *, limit: int | None = None) -> list[ChangeEntry]:
        """What changed of the organisation's content after a revision, in the order of the log: name, profile,
        controls, evidence, proposals (keys and members are only in the audit log).

        With ``limit`` whole revisions are left out at the end, never a part of one, so that the last entry's revision
        is where to go on; at least one revision is given.  Raises :class:`~kg.errors.UsageError` for a revision that
        does not exist yet.
        """
        raise NotImplementedError

    # ------------------------------------------------------------ writing content

    def set_profile(
        self,
        organization_id: str,
        profile: Profile | None,
        *,
        release: Release,
        expected: int | None = None,
        actor: Actor,
    ) -> Commit:
        """The organisation's profile with its AI systems and exclusions, as a whole; ``None`` takes it away.

        ``expected`` is the ``profile_version`` that was read.  Raises :class:`~kg.errors.InputError` for what
        :func:`kg.organizations.profile_from_mapping` refuses.
        """
        raise NotImplementedError

    def upsert_controls(
        self,
        organization_id: str,
        controls: Sequence[Control],
        *,
        release: Release,
        expected: Expected = None,
        actor: Actor,
    ) -> Commit:
        """Add or replace controls by id, all or none.

        A control replaces the stored one as a whole, its rows, systems and evidence included; one that was archived is
        active again; one that is equal to what is stored is left alone, so that the same call twice writes once.
        An evidence record belongs to the organisation: writing it with one control changes it for every control that it
        serves.  Raises :class:`~kg.errors.InputError` with every finding: an id twice, an empty id or title, a text
        that no database holds, a target that the release does not know (rows that are stored already stay as they are),
        one evidence id with two contents.
        """
        raise NotImplementedError

    def apply_import(
        self,
        organization_id: str,
        controls: Sequence[Control],
        *,
        remove: Sequence[str] = (),
        release: Release,
        expected: Expected = None,
        actor: Actor,
    ) -> Commit:
        """What a reviewed import plan says, all or nothing: ``controls`` are added or replaced as by
        :meth:`upsert_controls`, those in ``remove`` archived.

        ``expected`` is best the revision at which the plan was made: then nothing it touches may have changed since.
        The same import twice writes once.
        """
        raise NotImplementedError

    def archive_controls(
        self, organization_id: str, ids: Sequence[str], *, expected: Expected = None, actor: Actor
    ) -> Commit:
        """Take controls out of every answer; they keep their history and can be restored."""
        raise NotImplementedError

    def restore_controls(
        self, organization_id: str, ids: Sequence[str], *, expected: Expected = None, actor: Actor
    ) -> Commit:
        """Make archived controls active again."""
        raise NotImplementedError

    def set_mappings(
        self,
        organization_id: str,
        control_id: str,
        rows: Sequence[ControlRow],
        *,
        release: Release,
        expected: int | None = None,
        actor: Actor,
    ) -> Commit:
        """The rows of one control, as a whole.  ``expected`` is the control's version."""
        raise NotImplementedError

    def put_evidence(
        self,
        organization_id: str,
        record: EvidenceRecord,
        *,
        controls: Sequence[str] | None = None,
        expected: int | None = None,
        actor: Actor,
    ) -> Commit:
        """Add or replace an evidence record, and with ``controls`` say which controls it serves (all of them; ``None``
        leaves that as it is).  ``expected`` is the record's version, 0 for a new one."""
        raise NotImplementedError

    def remove_evidence(
        self, organization_id: str, evidence_id: str, *, expected: int | None = None, actor: Actor
    ) -> Commit:
        """Take an evidence record away from every control that it serves.  The history keeps it."""
        raise NotImplementedError

    # ------------------------------------------------------------ suggestions

    def propose(self, organization_id: str, proposals: Sequence[Proposal], *, actor: Actor) -> Commit:
        """Keep suggested rows for a person to decide on.  What is decided already, or a row of the control already, is
        left alone; one still undecided is replaced."""
        raise NotImplementedError

    def proposals(
        self, organization_id: str, *, control_id: str | None = None, state: ProposalState | None = None
    ) -> tuple[Proposal, ...]:
        """The suggested rows by control and rank."""
        raise NotImplementedError

    def decide_proposal(
        self,
        organization_id: str,
        control_id: str,
        target: str,
        *,
        accept: bool,
        relation: str = "related",
        release: Release,
        expected: int | None = None,
        actor: Actor,
    ) -> Commit:
        """A person's decision: accepted, it becomes a row of the control with ``relation``; rejected, it is kept so
        that it is not proposed again.  ``expected`` is the proposal's version."""
        raise NotImplementedError

    # ------------------------------------------------------------ keys and members

    def create_key(
        self,
        organization_id: str,
        role: Role,
        *,
        name: str = "",
        expires_at: datetime | None = None,
        actor: Actor,
    ) -> NewKey:
        """A new API key; in the organisation :data:`PLATFORM` the role is ``platform-admin``, elsewhere any other."""
        raise NotImplementedError

    def rotate_key(self, organization_id: str, key_id: str, *, old_valid_until: datetime, actor: Actor) -> NewKey:
        """A new key with the role, name and expiry of an old one, which is valid until the given time and no longer."""
        raise NotImplementedError

    def revoke_key(self, organization_id: str, key_id: str, *, actor: Actor) -> Commit:
        """End a key at once."""
        raise NotImplementedError

    def list_keys(self, organization_id: str) -> tuple[ApiKey, ...]:
        """The organisation's keys, newest first, ended ones included."""
        raise NotImplementedError

    def authenticate(self, token: str) -> ApiKey | None:
        """The valid key that a token is, else ``None``, in the same time whichever way it is wrong."""
        raise NotImplementedError

    def note_use(self, key: ApiKey) -> None:
        """Keep when a key was last used, to the nearest few minutes; never fails."""
        raise NotImplementedError

    def set_member(
        self, organization_id: str, issuer: str, subject: str, role: Role, *, name: str = "", actor: Actor
    ) -> Commit:
        """Give somebody a role, or another one."""
        raise NotImplementedError

    def remove_member(self, organization_id: str, issuer: str, subject: str, *, actor: Actor) -> Commit:
        """Take somebody's role away."""
        raise NotImplementedError

    def list_members(self, organization_id: str) -> tuple[Member, ...]:
        """Who has a role in the organisation."""
        raise NotImplementedError

    def memberships(self, issuer: str, subject: str) -> tuple[Member, ...]:
        """The roles of one person in all organisations, archived ones included."""
        raise NotImplementedError

    # ------------------------------------------------------------ audit

    def audit(self, organization_id: str, *, after: int = 0, limit: int | None = None) -> Iterator[AuditEntry]:
        """The entries of the audit log behind number ``after``, in order, streamed."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            yield from audit.entries(connection, organization_id, after, limit)

    def audit_lines(self, organization_id: str) -> Iterator[str]:
        """The audit log as JSON, one entry a line, with everything that is hashed."""
        for entry in self.audit(organization_id):
            yield audit.entry_line(entry)

    def verify(self, organization_id: str, *, known: Sequence[tuple[int, str]] = ()) -> AuditReport:
        """Whether the audit log is whole: no entry removed, changed, moved, or cut off at the end.

        ``known`` are (number of entries, hash of the last of them) that were noted elsewhere before: with them a log
        that was rewritten from end to end is found too, which the chain alone cannot show.
        """
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return audit.verify(connection, organization_id, known=known)

    # ------------------------------------------------------------ moving data

    def backup(self, path: Path) -> BackupReport:
        """Everything in one file (gzip of JSON lines), as it is at one instant while others go on writing; the same
        file restores into SQLite and PostgreSQL.  The file appears when it is whole."""
        raise NotImplementedError

    def restore(self, path: Path, *, replace: bool = False, actor: Actor) -> BackupReport:
        """Everything from a backup, all or nothing, into an empty store; ``replace`` erases what is there first.

        Raises :class:`~kg.errors.StoreError`: ``NOT_EMPTY``, or ``BAD_BACKUP`` for a file that is cut, changed, of
        another schema, or whose audit logs do not verify.
        """
        raise NotImplementedError

    def export_organization(self, organization_id: str, path: Path) -> BackupReport:
        """All of one organisation in one file of the same kind: history, audit log and members too, API keys not."""
        raise NotImplementedError

    def import_organization(self, path: Path, *, actor: Actor) -> BackupReport:
        """An exported organisation, all or nothing.  Raises :class:`~kg.errors.ConflictError` if one of that id
        exists."""
        raise NotImplementedError

    def erase_organization(self, organization_id: str, *, actor: Actor) -> None:
        """Every row of the organisation, its history and audit log included.  What stays is one entry in the platform's
        audit log: who erased which id, when."""
        raise NotImplementedError

    # ------------------------------------------------------------ transactions

    def _read(self) -> _Reading:
        return _Reading(self._reading)

    def _write(
        self, organization_id: str, actor: Actor, work: Callable[[Write], None], *, archived: bool = False
    ) -> Commit:
        """Do ``work`` in one transaction under the organisation's lock; again where the database asks for it."""
        for left in reversed(range(_TRIES)):
            try:
                with _told(self.engine.url), self._writing.begin() as connection:
                    row = _known(_row(connection, organization_id, lock=True), organization_id)
                    if row.archived_at is not None and not archived:
                        message = f"the organisation {organization_id!r} is archived"
                        raise UsageError(message, "take it up again first", code="ARCHIVED")
                    write = Write(connection, row, actor, self._clock())
                    work(write)
                    return write.finish()
            except StoreError as error:
                if error.code != "STORE_BUSY" or not left:
                    raise
                time.sleep(0.05 * (_TRIES - left))
        raise AssertionError("unreachable")


class _Reading:
    """A connection in one read transaction; what the database says is told as errors of ours."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._told = _told(engine.url)

    def __enter__(self) -> sa.Connection:
        with _told(self._engine.url):
            self._connection = self._engine.connect()
            self._connection.begin()
            return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._connection.close()
        self._told.__exit__(kind, error, trace)


class _told:
    """Turns what a database driver raises into :class:`~kg.errors.StoreError`."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, sa.exc.DBAPIError):
            return
        said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in ("40001", "40P01", "55P03") or "database is locked" in said:
            raise StoreError("the store is busy", "try again", code="STORE_BUSY") from error
        if "only ever appended to" in said:
            raise StoreError(said, "the log and the history cannot be changed", code="READ_ONLY_HISTORY") from error
        if isinstance(error, sa.exc.OperationalError):
            message = f"the store {shown_url(self._url)} cannot be used: {said}"
            raise StoreError(message, "check the URL, the server and the disk", code="STORE_UNREACHABLE") from error


def _is_new_file(url: URL) -> bool:
    """Whether a SQLite file does not exist yet; its folder is made, open to the user alone."""
    if url.get_backend_name() != "sqlite":
        return False
    path = Path(url.database or "")
    if path.exists() and path.stat().st_size:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        message = f"{path} cannot be made: {error.strerror or error}"
        raise StoreError(message, "name another with KG_DATABASE_URL", code="STORE_UNREACHABLE") from None
    return True


def _row(connection: sa.Connection, organization_id: str, *, lock: bool = False) -> Any:
    query = sa.select(organizations).where(organizations.c.organization_id == organization_id)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _known(row: Any, organization_id: str) -> Any:
    """The row of an organisation; the error names no other, which may be somebody else's secret."""
    if row is None:
        raise UnknownIdError(f"there is no organisation {organization_id!r}", "`kg org list` lists them")
    return row


def _organization(row: Any) -> Organization:
    return Organization(
        row.organization_id, row.name, row.revision, row.version, row.created_at, row.updated_at, row.archived_at
    )


def _own_state(row: Any) -> dict[str, Any]:
    return {"name": row.name, **({"archived": True} if row.archived_at else {})}


def _slug(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", text) and text != PLATFORM:
        return text
    raise UsageError(f"{text[:80]!r} cannot be the id of an organisation", "1 to 63 of a-z, 0-9 and -")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 200 or not name.isprintable():
        raise UsageError("an organisation's name is 1 to 200 printable characters")
    return name
