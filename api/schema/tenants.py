"""From an organisation's id to what the asker may see of it: every field about an organisation comes through here.

An organisation in which the asker has no role is answered like one that does not exist, before the store is asked.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from api.access import ForbiddenError, Principal, opened
from api.context import Info
from kg import answers
from kg.answers import Filter
from kg.errors import UnknownIdError
from kg.organizations import Sheet, sentences_of
from kg.organizations.store import Organization, OrganizationState, Role

if TYPE_CHECKING:
    from kg.organizations.store import Store

__all__ = [
    "assessment_of", "needed", "open_store", "organization", "platform", "sheet_of", "state_of", "unknown", "visible",
    "whole_store",
]  # fmt: skip


def open_store(info: Info) -> Store:
    """The store, for somebody whom it knows.  Raises :class:`~api.access.NoStoreError` where there is none,
    :class:`~api.oidc.TokenError` for nobody."""
    return opened(info.context.store, info.context.principal)


def visible(info: Info, organization_id: str) -> Store | None:
    """The store, if the asker has any role in the organisation; else ``None``."""
    store = open_store(info)
    if not info.context.principal.may(organization_id, Role.VIEWER):
        return None
    info.context.rests_on(organization_id)
    return store


def needed(info: Info, organization_id: str, role: Role) -> Store:
    """The store, for an asker who has that role in the organisation.

    Raises :class:`~kg.errors.UnknownIdError` where it has none, as for an organisation that does not exist, and
    :class:`~api.access.ForbiddenError` where it has a lesser one.
    """
    store = visible(info, organization_id)
    if store is None:
        raise unknown(organization_id)
    if role is not Role.VIEWER:  # keys and members: when a key was last used is no change of the organisation
        info.context.volatile = True
    if not info.context.principal.may(organization_id, role):
        raise _forbidden(info.context.principal, f"this needs the role {role.value} in {organization_id}")
    return store


def whole_store(info: Info) -> Store:
    """The store, for what is said of it as a whole: no such answer may be given again."""
    info.context.volatile = True
    return open_store(info)


def platform(info: Info) -> Store:
    """The store, for a platform administrator."""
    store = whole_store(info)
    if not info.context.principal.platform:
        raise _forbidden(info.context.principal, "this is for platform administrators")
    return store


def unknown(organization_id: str) -> UnknownIdError:
    """The one error for an organisation that is not there, or not for the asker."""
    return UnknownIdError(f"there is no organisation {organization_id[:63]!r}", "`organizations` lists yours")


def _forbidden(principal: Principal, message: str) -> ForbiddenError:
    return ForbiddenError(message, "ask an administrator of the organisation for it")


def state_of(
    info: Info, organization_id: str, *, revision: int | None = None, at: dt.datetime | None = None
) -> OrganizationState:
    """An organisation as it is or was, read once per request."""
    store = needed(info, organization_id, Role.VIEWER)
    key = ("state", organization_id, revision, at)
    return info.context.once(key, lambda: store.load(organization_id, as_of_revision=revision, at=at))


def assessment_of(info: Info, state: OrganizationState, as_of: dt.date, filter_: Filter) -> answers.Assessment:
    """The assessment of a state, kept from one request to the next.

    It is found by what the state says, not by its revision: an organisation that is erased and made again, or a store
    that is restored, counts its revisions anew, and its states are others."""
    release = info.context.release

    def make() -> answers.Assessment:
        return answers.assess(release, state.controls, state.profile, as_of, filter_)

    key = ("assessment", state.organization_id, state.controls, state.profile, as_of, filter_)
    kept = info.context.shared
    return kept.get((release.digest, *key), make) if kept else info.context.once(key, make)


def sheet_of(info: Info, state: OrganizationState) -> Sheet:
    """A state as a sheet: what of it this release does not know, and each mapping as a sentence."""
    release = info.context.release
    said = tuple(each for control in state.controls for each in sentences_of(control, release))
    from kg.organizations.store import findings

    return Sheet(state.controls, findings(state, release), said)


def organization(info: Info, organization_id: str) -> Organization | None:
    """An organisation that the asker may see, or ``None``."""
    store = visible(info, organization_id)
    if store is None:
        return None
    try:
        return store.get_organization(organization_id)
    except UnknownIdError:
        return None
