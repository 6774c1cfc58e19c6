"""Organisations, kept: many tenants in one database, with their past and a log of who did what.

    with Store.open() as store:                       the user's SQLite file, or KG_DATABASE_URL
        store.create_organization("Harrow Staffing", id="harrow", actor=Actor("command", "anna"))
        store.upsert_controls("harrow", sheet.controls, release=release, actor=…)
        state = store.load("harrow")                  or as_of_revision=…, or at=…
        assess(release, state.controls, state.profile)

Everything a caller needs is here; the modules behind it are private.  Nothing else of :mod:`kg` imports SQLAlchemy.
"""

from typing import TYPE_CHECKING

from kg.lazy import lazily

if TYPE_CHECKING:
    from kg.organizations.store.checks import findings
    from kg.organizations.store.store import Expected, Store
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

__all__ = [
    "PLATFORM", "Actor", "ApiKey", "AuditEntry", "AuditReport", "BackupReport", "ChangeEntry", "Commit", "Expected",
    "Kind", "Member", "NewKey", "Organization", "OrganizationState", "Proposal", "ProposalState", "Role", "Store",
    "StoredEvidence", "findings",
]  # fmt: skip

#: Module → the names of this package that it defines.  The values need no SQLAlchemy.
_MODULES = {
    "checks": "findings",
    "store": "Expected Store",
    "values": "PLATFORM Actor ApiKey AuditEntry AuditReport BackupReport ChangeEntry Commit Kind Member NewKey "
    "Organization OrganizationState Proposal ProposalState Role StoredEvidence",
}
lazily(__name__, _MODULES)
