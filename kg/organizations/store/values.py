"""What the store takes and gives: frozen values, no database in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from kg.errors import Finding
from kg.model import Control, EvidenceRecord, Profile

__all__ = [
    "PLATFORM", "Actor", "ApiKey", "AuditEntry", "AuditReport", "BackupReport", "ChangeEntry", "Commit", "Kind",
    "Member", "NewKey", "Organization", "OrganizationState", "Proposal", "ProposalState", "Role", "StoredEvidence",
]  # fmt: skip

#: The organisation that owns what belongs to no organisation: platform administrators, their keys, tombstones.
PLATFORM = "platform"


class Role(StrEnum):
    """What a key or a member may do.  Each contains those before it, within one organisation; ``platform-admin`` exists
    only in the organisation :data:`PLATFORM` and creates, exports and erases organisations."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    PLATFORM_ADMIN = "platform-admin"


class Kind(StrEnum):
    """What an entry of the log is about; ``store`` stands only in the platform's log, for what was done with a whole
    organisation or with everything."""

    STORE = "store"
    ORGANIZATION = "organization"
    PROFILE = "profile"
    CONTROL = "control"
    EVIDENCE = "evidence"
    PROPOSAL = "proposal"
    KEY = "key"
    MEMBER = "member"


class ProposalState(StrEnum):
    """Where a suggested mapping stands.  Only a person moves it on, and a rejected one is never proposed again."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: ``kind`` is ``key``, ``user``, ``command`` or ``local``; ``id`` names it within its kind."""

    kind: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


@dataclass(frozen=True, slots=True)
class Organization:
    """One tenant.  ``revision`` grows by one with every write to anything of it, in the same transaction.

    ``version`` is the revision at which its own name or archive state last changed; times are UTC.
    """

    id: str
    name: str
    revision: int
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrganizationState:
    """An organisation as it was at one revision, ready for :func:`kg.answers.assess`.

    ``controls`` are the active ones, by id in natural order.  ``versions`` holds for each the revision at which
    anything of it (its evidence included) last changed: what a write gives back as ``expected``.  ``profile_version``
    is the same for the profile, 0 where there is none.  ``at`` is when ``revision`` was written.
    """

    organization_id: str
    name: str
    revision: int
    at: datetime
    controls: tuple[Control, ...]
    profile: Profile | None
    versions: Mapping[str, int]
    profile_version: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """A write that is on disk.  ``changed`` names what it changed, as ``kind/id`` in the order of the log; where
    nothing differed it is empty and ``revision`` is the one that was there."""

    organization_id: str
    revision: int
    at: datetime
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """An evidence record, the controls it serves and the revision of its last change."""

    record: EvidenceRecord
    controls: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One change of one thing.  ``before`` and ``after`` are its whole state as JSON values, ``None`` where there was
    or is none; an archived control has ``"archived": true``."""

    revision: int
    at: datetime
    actor: Actor
    action: str
    kind: Kind
    id: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change as the audit log holds it.  ``hash`` is SHA-256 over the canonical JSON of everything else."""

    organization_id: str
    seq: int
    change: ChangeEntry
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What :meth:`Store.verify` found.  ``head`` is the hash of the last entry: kept elsewhere, it proves later that
    nothing up to it was rewritten."""

    organization_id: str
    entries: int
    head: str
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was removed, changed or put in another order."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; never the key.  ``id`` is its prefix, which may be shown."""

    organization_id: str
    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    rotated_to: str = ""

    def valid(self, now: datetime) -> bool:
        """Whether it opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.  ``token`` is shown this once and kept nowhere."""

    token: str
    key: ApiKey


@dataclass(frozen=True, slots=True)
class Member:
    """A person (or service) that an OIDC issuer vouches for, and its role in one organisation."""

    organization_id: str
    issuer: str
    subject: str
    role: Role
    name: str = ""
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suggested row of a control.  It counts for nothing; accepting it writes a row of the control.

    ``rank`` is its place among the suggestions of that control (from 1), ``why`` what it was found by.
    """

    control_id: str
    target: str
    rank: int = 0
    why: str = ""
    state: ProposalState = ProposalState.PROPOSED
    relation: str = ""
    decided_by: str = ""
    decided_on: date | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup, restore, export or import moved: rows by table, and the SHA-256 of the content."""

    path: str
    organizations: int
    rows: Mapping[str, int]
    sha256: str
    schema: str
