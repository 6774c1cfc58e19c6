"""The store: what may be done with the organisations of one database."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import sqlalchemy as sa

from kg.errors import ConflictError, StoreError, UnknownIdError, UsageError, nearest
from kg.model import Control, ControlRow, EvidenceRecord, Profile
from kg.organizations.store import audit, backup, checks, content, history, integrity, keys, schema, suggestions
from kg.organizations.store.content import Stored, sort_key
from kg.organizations.store.engine import (
    at_once,
    database_url,
    given_up,
    make_file,
    open_engine,
    reading,
    shown_url,
    told,
    wait_at_most,
    writing,
)
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
from kg.relations import RELATIONS
from kg.release import Release

__all__ = ["Expected", "Store"]

#: What a write expects to find: ``None`` anything; a number: nothing it touches has changed after that revision of the
#: organisation; a mapping: each id it names has exactly that version (0: it does not exist yet).
Expected = int | Mapping[str, int] | None

_TRIES = 5  #: how often a write is tried that PostgreSQL gave up for another's sake


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
        make_file(found)
        engine = open_engine(found)
        try:
            with told(found):
                if engine.dialect.name == "sqlite" and schema.is_blank(engine):
                    schema.upgrade(engine)
                schema.check(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock=clock)

    @staticmethod
    def upgrade(url: str | None = None) -> tuple[str, str]:
        """Bring the database to the present schema, or create it: the versions before and after (``kg db upgrade``)."""
        found = database_url(url)
        make_file(found)
        engine = open_engine(found)
        try:
            with told(found):
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
        with told(self.engine.url):
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
            platform.record("organization.create", Kind.STORE, wanted, None, {})

        self._write(PLATFORM, actor, work, platform=True)
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

    def head(self, organization_id: str) -> str | None:
        """The hash of the last entry of its audit log, ``None`` where it does not exist.  It names its whole history:
        an organisation that was erased and made again, or a store that was restored, never has an old one again with
        another content."""
        with self._read() as connection:
            row = _row(connection, organization_id)
            return None if row is None else str(row.audit_head)

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
        if as_of_revision is not None and at is not None:
            raise UsageError("a revision and a time are both given", "ask for one of them")
        with self._read() as connection:
            row = _known(_row(connection, organization_id), organization_id)
            wanted = history.revision_at(connection, organization_id, at) if at is not None else as_of_revision
            if wanted is not None and wanted != row.revision:
                _check_revision(row, wanted, 1)
                return history.state_at(connection, organization_id, wanted)
            profile, profile_version = content.read_profile(connection, organization_id)
            found = content.read_controls(connection, organization_id)
        active = {id_: stored for id_, stored in found.items() if not stored.archived}
        return OrganizationState(
            organization_id,
            row.name,
            row.revision,
            row.updated_at,
            tuple(stored.control for stored in active.values()),
            profile,
            MappingProxyType({id_: stored.version for id_, stored in active.items()}),
            profile_version,
        )

    def get_control(self, organization_id: str, control_id: str) -> tuple[Control, int]:
        """One active control and its version.  Raises :class:`~kg.errors.UnknownIdError`."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            stored = content.read_controls(connection, organization_id, [control_id]).get(control_id)
            if stored is None or stored.archived:
                raise self._no_control(connection, organization_id, control_id)
        return stored.control, stored.version

    def archived_controls(self, organization_id: str) -> tuple[Control, ...]:
        """The controls that were archived, by id."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            found = content.read_controls(connection, organization_id)
        return tuple(stored.control for stored in found.values() if stored.archived)

    def list_evidence(self, organization_id: str) -> tuple[StoredEvidence, ...]:
        """All evidence records by id, with the controls they serve."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return tuple(content.read_evidence(connection, organization_id).values())

    def changes_since(self, organization_id: str, revision: int, *, limit: int | None = None) -> list[ChangeEntry]:
        """What changed of the organisation's content after a revision, in the order of the log: name, profile,
        controls, evidence, proposals (keys and members are only in the audit log).

        With ``limit`` whole revisions are left out at the end, never a part of one, so that the last entry's revision
        is where to go on; at least one revision is given.  Raises :class:`~kg.errors.UsageError` for a revision that
        does not exist yet.
        """
        with self._read() as connection:
            _check_revision(_known(_row(connection, organization_id), organization_id), revision, 0)
            return history.changes_since(connection, organization_id, revision, limit)

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
        checked = None if profile is None else checks.check_profile(profile, release)

        def work(write: Write) -> None:
            before, version = content.read_profile(write.connection, organization_id)
            if expected is not None and version != expected:
                raise _conflict("the profile", expected, before, version, write)
            content.write_profile(write, before, checked)

        return self._write(organization_id, actor, work)

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
        return self.apply_import(organization_id, controls, release=release, expected=expected, actor=actor)

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
        ids = [control.id for control in controls]
        if both := sorted(set(ids) & set(remove)):
            raise UsageError(f"{both[0]!r} is both written and removed", "decide for one")

        def work(write: Write) -> None:
            stored = content.read_controls(write.connection, organization_id, {*ids, *remove})
            for id_ in remove:
                if id_ not in stored:
                    raise self._no_control(write.connection, organization_id, id_)
            checks.check_controls(controls, stored, release)
            _check_versions(write, stored, {*ids, *remove}, expected)
            after = {control.id: Stored(control) for control in controls}
            after |= {id_: Stored(stored[id_].control, archived=True) for id_ in remove}
            _write_all(write, stored, after, expected)

        return self._write(organization_id, actor, work)

    def check_import(self, organization_id: str, controls: Sequence[Control], *, release: Release) -> None:
        """Raise what :meth:`apply_import` would find wrong with ``controls`` (finding line n: the n-th of them), and
        write nothing."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            stored = content.read_controls(connection, organization_id, [control.id for control in controls])
        checks.check_controls(controls, stored, release)

    def archive_controls(
        self, organization_id: str, ids: Sequence[str], *, expected: Expected = None, actor: Actor
    ) -> Commit:
        """Take controls out of every answer; they keep their history and can be restored."""
        return self._set_archived(organization_id, ids, True, expected, actor)

    def restore_controls(
        self, organization_id: str, ids: Sequence[str], *, expected: Expected = None, actor: Actor
    ) -> Commit:
        """Make archived controls active again."""
        return self._set_archived(organization_id, ids, False, expected, actor)

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

        def change(control: Control) -> Control:
            return replace(control, rows=tuple(rows))

        return self._change_control(organization_id, control_id, change, release, expected, actor)

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
        checks.check_record(record)

        def work(write: Write) -> None:
            known = content.read_evidence(write.connection, organization_id, [record.id]).get(record.id)
            version = known.version if known else 0
            if expected is not None and version != expected:
                raise _conflict(f"the evidence {record.id!r}", expected, known and known.record, version, write)
            linked = set(known.controls if known else ())
            wanted = linked if controls is None else set(controls)
            stored = content.read_controls(write.connection, organization_id, linked | wanted)
            for id_ in sorted(wanted - set(stored)):
                raise self._no_control(write.connection, organization_id, id_)
            content.write_records(write, [record], {record.id: known.record} if known else {})
            after = {id_: replace(s, control=_linked(s.control, record, id_ in wanted)) for id_, s in stored.items()}
            content.write_controls(write, stored, after)

        return self._write(organization_id, actor, work)

    def remove_evidence(
        self, organization_id: str, evidence_id: str, *, expected: int | None = None, actor: Actor
    ) -> Commit:
        """Take an evidence record away from every control that it serves.  The history keeps it."""

        def work(write: Write) -> None:
            known = content.read_evidence(write.connection, organization_id, [evidence_id]).get(evidence_id)
            if known is None:
                raise UnknownIdError(f"there is no evidence {evidence_id!r}", "`evidence` lists what there is")
            if expected is not None and known.version != expected:
                raise _conflict(f"the evidence {evidence_id!r}", expected, known.record, known.version, write)
            stored = content.read_controls(write.connection, organization_id, known.controls)
            after = {id_: replace(s, control=_linked(s.control, known.record, False)) for id_, s in stored.items()}
            content.write_controls(write, stored, after)
            content.delete_record(write, known.record)

        return self._write(organization_id, actor, work)

    def _set_archived(
        self, organization_id: str, ids: Sequence[str], archived: bool, expected: Expected, actor: Actor
    ) -> Commit:
        def work(write: Write) -> None:
            stored = content.read_controls(write.connection, organization_id, ids)
            for id_ in ids:
                if id_ not in stored:
                    raise self._no_control(write.connection, organization_id, id_)
            _check_versions(write, stored, ids, expected)
            after = {id_: replace(one, archived=archived) for id_, one in stored.items()}
            content.write_controls(write, stored, after)

        return self._write(organization_id, actor, work)

    def _change_control(
        self,
        organization_id: str,
        control_id: str,
        change: Callable[[Control], Control],
        release: Release,
        expected: int | None,
        actor: Actor,
    ) -> Commit:
        """Write one active control as ``change`` makes it."""

        def work(write: Write) -> None:
            stored = content.read_controls(write.connection, organization_id, [control_id])
            if control_id not in stored or stored[control_id].archived:
                raise self._no_control(write.connection, organization_id, control_id)
            _check_versions(write, stored, [control_id], None if expected is None else {control_id: expected})
            changed = change(stored[control_id].control)
            checks.check_controls([changed], stored, release)
            content.write_controls(write, stored, {control_id: Stored(changed)})

        return self._write(organization_id, actor, work)

    @staticmethod
    def _no_control(connection: sa.Connection, organization_id: str, control_id: str) -> UnknownIdError:
        """The error for a control that the organisation does not have, with the nearest of its own."""
        found = content.read_controls(connection, organization_id)
        if control_id in found:
            return UnknownIdError(f"the control {control_id!r} is archived", "restore it first")
        near = nearest(control_id, [id_ for id_, stored in found.items() if not stored.archived])
        hint = f"did you mean {near}?" if near else "`controls` lists what there is"
        return UnknownIdError(f"there is no control {control_id!r}", hint)

    # ------------------------------------------------------------ suggestions

    def propose(self, organization_id: str, wanted: Sequence[Proposal], *, actor: Actor) -> Commit:
        """Keep suggested rows for a person to decide on.  What is decided already, or a row of the control already, is
        left alone; one still undecided is replaced."""

        def work(write: Write) -> None:
            ids = {proposal.control_id for proposal in wanted}
            stored = content.read_controls(write.connection, organization_id, ids)
            for id_ in sorted(ids - set(stored)):
                raise self._no_control(write.connection, organization_id, id_)
            mapped = {id_: {row.target for row in one.control.rows} for id_, one in stored.items()}
            suggestions.propose(write, [p for p in wanted if p.target not in mapped[p.control_id]])

        return self._write(organization_id, actor, work)

    def proposals(
        self, organization_id: str, *, control_id: str | None = None, state: ProposalState | None = None
    ) -> tuple[Proposal, ...]:
        """The suggested rows by control and rank."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return suggestions.read(connection, organization_id, control_id, state)

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
        if relation not in RELATIONS:
            near = nearest(relation, RELATIONS)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"the relation {relation!r} is not known", f"{hint}one of: {', '.join(RELATIONS)}")

        def work(write: Write) -> None:
            proposal = suggestions.one(write.connection, organization_id, control_id, target)
            if proposal is None:
                message = f"nothing proposes {target} for the control {control_id!r}"
                raise UnknownIdError(message, "`proposals` lists what is proposed")
            if expected is not None and proposal.version != expected:
                raise _conflict("the proposal", expected, proposal, proposal.version, write)
            if proposal.state is not ProposalState.PROPOSED:
                raise ConflictError(
                    f"the proposal was {proposal.state} already", "set the control's mappings instead",
                    current=proposal, version=proposal.version, revision=write.revision - 1,
                )  # fmt: skip
            suggestions.decide(write, proposal, accept, relation)
            if accept:
                stored = content.read_controls(write.connection, organization_id, [control_id])
                if stored[control_id].archived:
                    raise self._no_control(write.connection, organization_id, control_id)
                control = stored[control_id].control
                kept = tuple(row for row in control.rows if row.target != target)
                after = replace(control, rows=(*kept, ControlRow(target, RELATIONS[relation])))
                checks.check_controls([after], stored, release)
                content.write_controls(write, stored, {control_id: Stored(after)})

        return self._write(organization_id, actor, work)

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
        made: list[NewKey] = []

        def work(write: Write) -> None:
            made[:] = [keys.create(write, role, name, expires_at)]

        self._write(organization_id, actor, work, platform=True)
        return made[0]

    def rotate_key(
        self,
        organization_id: str,
        key_id: str,
        *,
        old_valid_until: datetime,
        expires_at: datetime | None = None,
        actor: Actor,
    ) -> NewKey:
        """A new key with the role and name of an old one, which is valid until the given time and no longer.

        Without ``expires_at`` the new key lives as long as the old one was made for.
        """
        made: list[NewKey] = []

        def work(write: Write) -> None:
            made[:] = [keys.rotate(write, key_id, old_valid_until, expires_at)]

        self._write(organization_id, actor, work, platform=True)
        return made[0]

    def revoke_key(self, organization_id: str, key_id: str, *, actor: Actor) -> Commit:
        """End a key at once."""
        return self._write(
            organization_id, actor, lambda write: keys.revoke(write, key_id), archived=True, platform=True
        )

    def list_keys(self, organization_id: str) -> tuple[ApiKey, ...]:
        """The organisation's keys, newest first, ended ones included."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return keys.of(connection, organization_id)

    def authenticate(self, token: str) -> ApiKey | None:
        """The valid key that a token is, else ``None``, in the same time whichever way it is wrong."""
        with self._read() as connection:
            return keys.authenticate(connection, token, self._clock())

    def note_use(self, key: ApiKey) -> None:
        """Keep when a key was last used, to the nearest few minutes; never fails, and waits for no other writer."""
        with suppress(StoreError), told(self.engine.url):
            keys.note_use(at_once(self.engine), key, self._clock())

    def set_member(
        self, organization_id: str, issuer: str, subject: str, role: Role, *, name: str = "", actor: Actor
    ) -> Commit:
        """Give somebody a role, or another one."""

        def work(write: Write) -> None:
            keys.set_member(write, issuer, subject, role, name)

        return self._write(organization_id, actor, work, platform=True)

    def remove_member(self, organization_id: str, issuer: str, subject: str, *, actor: Actor) -> Commit:
        """Take somebody's role away."""

        def work(write: Write) -> None:
            keys.remove_member(write, issuer, subject)

        return self._write(organization_id, actor, work, archived=True, platform=True)

    def list_members(self, organization_id: str) -> tuple[Member, ...]:
        """Who has a role in the organisation."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return keys.members_of(connection, organization_id)

    def memberships(self, issuer: str, subject: str) -> tuple[Member, ...]:
        """The roles of one person in all organisations, archived ones included."""
        with self._read() as connection:
            return keys.memberships(connection, issuer, subject)

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
        """Whether the audit log is whole (no entry removed, changed, moved, or cut off at the end), and whether the
        history and the present content are what it says.

        ``known`` are (number of entries, hash of the last of them) that were noted elsewhere before: with them a log
        that was rewritten from end to end is found too, which the chain alone cannot show.
        """
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return integrity.verify(connection, organization_id, known=known)

    # ------------------------------------------------------------ moving data

    def backup(self, path: Path) -> BackupReport:
        """Everything in one file (gzip of JSON lines), as it is at one instant while others go on writing; the same
        file restores into SQLite and PostgreSQL.  The file appears when it is whole."""
        with self._read() as connection:
            return backup.dump(connection, path)

    def restore(self, path: Path, *, replace: bool = False, actor: Actor) -> BackupReport:
        """Everything from a backup, all or nothing, into an empty store; ``replace`` erases what is there first.

        Raises :class:`~kg.errors.StoreError`: ``NOT_EMPTY``, or ``BAD_BACKUP`` for a file that is cut, changed, of
        another schema, or whose audit logs do not verify.
        """
        if backup.head_of(path)["organization"]:
            message = f"{path} holds one organisation, not everything"
            raise StoreError(message, "bring it back with `kg org restore`", code="BAD_BACKUP")
        with told(self.engine.url), self._writing.begin() as connection:
            _lock_all(connection)
            empty = backup.is_empty(connection)
            if not empty and not replace:
                message = f"the store {self.url} is not empty"
                hint = "restore into another (KG_DATABASE_URL), or erase what is there first (--replace)"
                raise StoreError(message, hint, code="NOT_EMPTY")
            backup.delete_organizations(connection)
            report = backup.load(connection, path)
            write = Write(connection, _known(_row(connection, PLATFORM), PLATFORM), actor, self._clock())
            after = {"sha256": report.sha256, "replaced": not empty}
            write.record("store.restore", Kind.STORE, "", None, after)
            write.finish()
        return report

    def export_organization(self, organization_id: str, path: Path) -> BackupReport:
        """All of one organisation in one file of the same kind: history, audit log and members too, API keys not."""
        with self._read() as connection:
            _known(_row(connection, organization_id), organization_id)
            return backup.dump(connection, path, organization_id)

    def import_organization(self, path: Path, *, actor: Actor) -> BackupReport:
        """An exported organisation, all or nothing.  Raises :class:`~kg.errors.ConflictError` if one of that id
        exists."""
        organization_id = _slug(str(backup.head_of(path)["organization"]))
        reports: list[BackupReport] = []

        def work(platform: Write) -> None:
            if _row(platform.connection, organization_id) is not None:
                message = f"there is an organisation {organization_id!r} already"
                raise ConflictError(message, "erase it first, or import into another store")
            reports[:] = [backup.load(platform.connection, path, organization_id)]
            after = {"sha256": reports[0].sha256}
            platform.record("organization.import", Kind.STORE, organization_id, None, after)

        self._write(PLATFORM, actor, work, platform=True)
        return reports[0]

    def erase_organization(self, organization_id: str, *, actor: Actor) -> None:
        """Every row of the organisation, its history and audit log included.  What stays is one entry in the platform's
        audit log: who erased which id, when."""
        _slug(organization_id)

        def work(platform: Write) -> None:
            _known(_row(platform.connection, organization_id, lock=True), organization_id)
            backup.delete_organizations(platform.connection, [organization_id])
            platform.record("organization.erase", Kind.STORE, organization_id, None, {})

        self._write(PLATFORM, actor, work, platform=True)
        if self.engine.dialect.name == "sqlite":  # what the write-ahead log still holds
            with suppress(StoreError), told(self.engine.url), self.engine.connect() as connection:
                connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # ------------------------------------------------------------ transactions

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of everything."""
        with told(self.engine.url), self._reading.begin() as connection:
            yield connection

    def _write(
        self,
        organization_id: str,
        actor: Actor,
        work: Callable[[Write], None],
        *,
        archived: bool = False,
        platform: bool = False,
    ) -> Commit:
        """Do ``work`` in one transaction under the organisation's lock; again where the database asks for it.

        ``archived`` and ``platform`` say that it may be done to an archived organisation, and to the platform's own.
        """
        if organization_id == PLATFORM and not platform:
            raise UsageError(f"{PLATFORM!r} has keys and members only", "name an organisation")
        for left in reversed(range(_TRIES)):
            try:
                with told(self.engine.url), self._writing.begin() as connection:
                    wait_at_most(connection)
                    row = _known(_row(connection, organization_id, lock=True), organization_id)
                    if row.archived_at is not None and not archived:
                        message = f"the organisation {organization_id!r} is archived"
                        raise UsageError(message, "take it up again first", code="ARCHIVED")
                    write = Write(connection, row, actor, self._clock())
                    work(write)
                    return write.finish()
            except StoreError as error:
                if not (left and given_up(error.__cause__)):
                    raise
                time.sleep(0.05 * (_TRIES - left))
        raise AssertionError("unreachable")


def _check_revision(row: Any, revision: int, first: int) -> None:
    if not first <= revision <= row.revision:
        message = f"the organisation {row.organization_id!r} has no revision {revision}"
        raise UsageError(message, f"{first} to {row.revision}", code="UNKNOWN_REVISION")


def _conflict(
    what: str, expected: int, current: Any, version: int, write: Write, *, revision: bool = False
) -> ConflictError:
    """``expected`` is a version of the thing, or (``revision``) one of the organisation that it was to stand at."""
    now = f"it is at version {version}" if version else "there is none"
    said = f"{what} is not at version {expected}: {now}"
    if revision:
        said = f"{what} has changed since revision {expected}" + (f": {now}" if version else ": it is gone")
    return ConflictError(
        said, "read it again, then write what you still want",
        current=current, version=version, revision=write.revision - 1,
    )  # fmt: skip


def _check_versions(write: Write, stored: Mapping[str, Stored], ids: Iterable[str], expected: Expected) -> None:
    """Raise :class:`~kg.errors.ConflictError` for the first of the controls that is not as expected."""
    if expected is None:
        return
    for id_ in sorted(set(ids), key=sort_key):
        one = stored.get(id_)
        version = one.version if one else 0
        wanted = min(expected, version) if isinstance(expected, int) else expected.get(id_, version)
        if version != wanted:
            since = isinstance(expected, int)
            said = expected if isinstance(expected, int) else wanted
            raise _conflict(f"the control {id_!r}", said, one and one.control, version, write, revision=since)


def _write_all(write: Write, stored: Mapping[str, Stored], after: Mapping[str, Stored], expected: Expected) -> None:
    """Write controls together with the evidence records they carry, which may serve other controls too."""
    given: dict[str, EvidenceRecord] = {}
    for record in (record for one in after.values() if not one.archived for record in one.control.evidence):
        if record.id not in given or not checks.is_reference(record):
            given[record.id] = record
    known = content.read_evidence(write.connection, write.organization_id, list(given))
    for id_, record in given.items():
        if id_ in known and checks.is_reference(record):
            given[id_] = known[id_].record
    changed = [id_ for id_, record in given.items() if id_ in known and known[id_].record != record]
    for id_ in changed:
        seen = any(id_ in (e.id for e in stored[c].control.evidence) for c in known[id_].controls if c in after)
        if (known[id_].version > expected) if isinstance(expected, int) else (expected is not None and not seen):
            raise ConflictError(
                f"the evidence {id_!r} is there with another content", "read it again, or change it by itself",
                current=known[id_].record, version=known[id_].version, revision=write.revision - 1,
            )  # fmt: skip
    others = {control for id_ in changed for control in known[id_].controls} - set(after)
    before = {**stored, **content.read_controls(write.connection, write.organization_id, others)}
    wanted = {**{id_: before[id_] for id_ in others}, **after}
    content.write_records(write, given.values(), {id_: one.record for id_, one in known.items()})
    content.write_controls(write, before, {id_: _with_records(one, given) for id_, one in wanted.items()})


def _with_records(stored: Stored, records: Mapping[str, EvidenceRecord]) -> Stored:
    evidence = tuple(records.get(e.id, e) for e in stored.control.evidence)
    return replace(stored, control=replace(stored.control, evidence=evidence))


def _linked(control: Control, record: EvidenceRecord, serves: bool) -> Control:
    """The control with the present state of a record that serves it, or without it."""
    known = tuple(record if e.id == record.id else e for e in control.evidence if serves or e.id != record.id)
    return replace(control, evidence=known if not serves or record in known else (*known, record))


def _lock_all(connection: sa.Connection) -> None:
    """Keep every other writer away; SQLite does so for each transaction that writes."""
    wait_at_most(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE organizations IN EXCLUSIVE MODE"))


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
