"""Who is asking, and what they may do.

    Principal     who: the person at this machine, an API key, a subject of the OIDC issuer, or nobody in particular
    Gate          from the headers of a request to a Principal, or a refusal

A principal's roles are settled once, before anything of an organisation is read.  An organisation in which it has no
role is to it one that does not exist: the same answer, by the same path, without a look into the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from api.oidc import Oidc, TokenError
from kg.errors import KgError
from kg.organizations.store import PLATFORM, Actor, Role

if TYPE_CHECKING:
    from kg.organizations.store import Store

__all__ = [
    "LOCAL_ORGANIZATION", "NOBODY", "ForbiddenError", "Gate", "NoStoreError", "Principal", "is_loopback", "opened",
]  # fmt: skip

#: The organisation that a server without any configuration opens as.
LOCAL_ORGANIZATION = "local"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What proxies say of themselves; and everything that begins with ``x-forwarded-``.
_PROXIES = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip",
     "fastly-client-ip", "fly-client-ip", "x-original-host", "x-envoy-external-address")
)  # fmt: skip
_ORDER = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
_NO_ROLES: Mapping[str, Role] = MappingProxyType({})


class ForbiddenError(KgError):
    """The principal is known and may not do this."""

    code = "FORBIDDEN"


class NoStoreError(KgError):
    """This server keeps no organisations."""

    code = "NO_STORE"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.  ``kind`` is ``local``, ``key``, ``user`` or ``anonymous``; ``roles`` maps organisations to a role."""

    kind: str
    id: str = ""
    name: str = ""
    roles: Mapping[str, Role] = field(default_factory=lambda: _NO_ROLES)
    platform: bool = False
    everywhere: bool = False

    @property
    def label(self) -> str:
        """For the log: never a name, a subject or a secret."""
        return f"key:{self.id}" if self.kind == "key" else self.kind

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        return Actor(self.kind, self.id)

    def role_in(self, organization_id: str) -> Role | None:
        """The role in one organisation; ``None`` where there is none.  Nobody has one in :data:`PLATFORM`: what is
        there is done by platform administrators through fields of their own."""
        if organization_id == PLATFORM:
            return None
        return Role.ADMIN if self.everywhere else self.roles.get(organization_id)

    def may(self, organization_id: str, needed: Role) -> bool:
        """Whether the role in the organisation contains ``needed``."""
        role = self.role_in(organization_id)
        return role in _ORDER and _ORDER.index(role) >= _ORDER.index(needed)


#: Whoever does not say.
NOBODY = Principal("anonymous")


class Gate:
    """Settles who asks.  ``open`` is for a server on loopback without configuration: whoever reaches it without a key
    is the person at this machine."""

    def __init__(self, store: Store | None, oidc: Oidc | None = None, *, open: bool = False) -> None:
        self.store = store
        self._oidc = oidc
        self.open = open

    def principal(self, headers: Headers) -> Principal:
        """Who sent a request with these headers.

        Raises :class:`~api.oidc.TokenError` for a key or token that names nobody: it is never taken as nobody.
        """
        given = headers.getlist("authorization")
        if len(given) > 1:
            raise TokenError("there are several Authorization headers")
        if given:
            scheme, _, token = given[0].partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise TokenError("the Authorization header is not `Bearer` and a key or token")
            return self._bearer(token.strip())
        if self.open and self.store is not None and _from_this_machine(headers):
            return Principal("local", platform=True, everywhere=True)
        return NOBODY

    def _bearer(self, token: str) -> Principal:
        if self.store is None:
            raise TokenError("this server keeps no organisations and knows no keys")
        if token.startswith("kgk_"):
            key = self.store.authenticate(token)
            if key is None:
                raise TokenError("the API key is not valid")
            self.store.note_use(key)
            if key.organization_id == PLATFORM:
                return Principal("key", key.id, key.name, platform=key.role is Role.PLATFORM_ADMIN)
            return Principal("key", key.id, key.name, MappingProxyType({key.organization_id: key.role}))
        if self._oidc is None:
            raise TokenError("the API key is not valid")
        found = self._oidc.verify(token)
        memberships = self.store.memberships(found.issuer, found.subject)
        roles = {m.organization_id: m.role for m in memberships if m.organization_id != PLATFORM}
        platform = any(m.organization_id == PLATFORM and m.role is Role.PLATFORM_ADMIN for m in memberships)
        return Principal("user", f"{found.issuer} {found.subject}", found.name, MappingProxyType(roles), platform)


def opened(store: Store | None, principal: Principal) -> Store:
    """The store, for somebody whom it knows.  Raises :class:`NoStoreError` where there is none,
    :class:`~api.oidc.TokenError` for nobody."""
    if store is None:
        raise NoStoreError("this server keeps no organisations", "it was started with --stateless")
    if principal.kind == "anonymous":
        raise TokenError("organisations are for those who say who they are", "send `Authorization: Bearer …`")
    return store


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    import ipaddress

    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_this_machine(headers: Headers) -> bool:
    """Whether a browser or program of this machine asked this machine: a page elsewhere whose name was made to point
    here sends its own name as host and origin, and a proxy says for whom it asks."""
    if any(name in _PROXIES or name.startswith("x-forwarded-") for name in headers):
        return False
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or len(origins) > 1 or "@" in hosts[0]:
        return False
    try:
        named = urlsplit(f"//{hosts[0]}").hostname
        asking = urlsplit(origins[0]).netloc if origins else hosts[0]
    except ValueError:
        return False
    if named not in _LOOPBACK or asking != hosts[0]:
        return False
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
