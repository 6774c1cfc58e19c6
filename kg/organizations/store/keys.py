"""API keys and members: who may come in, and as what.

A key is ``kgk_<prefix>_<secret>``.  The secret is 256 random bits, so nobody guesses it from its hash, and one SHA-256
is enough (slow hashes protect what people make up).  Only the hash is kept.  The prefix finds the row and may be shown.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kg.errors import UnknownIdError, UsageError
from kg.organizations.store.audit import instant
from kg.organizations.store.tables import api_keys, members
from kg.organizations.store.transaction import Write
from kg.organizations.store.values import PLATFORM, ApiKey, Kind, Member, NewKey, Role

__all__ = [
    "authenticate", "check_role", "create", "members_of", "memberships", "note_use", "of", "remove_member", "revoke",
    "rotate", "set_member",
]  # fmt: skip

#: No secret hashes to this: compared against where no row is found, so that both ways take the same steps.
_NOBODY = "0" * 64
_TOKEN = re.compile(r"kgk_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")
_END = datetime.max.replace(tzinfo=UTC)
_USE_EVERY = timedelta(minutes=5)
_PREFIX_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Any) -> ApiKey:
    return ApiKey(
        organization_id=row.organization_id,
        id=row.key_id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        rotated_to=row.rotated_to,
    )


def _json(key: ApiKey) -> dict[str, Any]:
    times = {"expires_at": key.expires_at, "revoked_at": key.revoked_at}
    found = {"id": key.id, "name": key.name, "role": key.role.value, "rotated_to": key.rotated_to}
    return {**{k: v for k, v in found.items() if v}, **{k: instant(v) for k, v in times.items() if v}}


def check_role(organization_id: str, role: Role) -> None:
    """Raises :class:`~kg.errors.UsageError` for a role that there is not in the organisation."""
    if (organization_id == PLATFORM) != (role is Role.PLATFORM_ADMIN):
        known = [r.value for r in Role if (r is Role.PLATFORM_ADMIN) == (organization_id == PLATFORM)]
        raise UsageError(f"there is no {role} in {organization_id!r}", f"one of: {', '.join(known)}")


def _text(what: str, text: str, longest: int = 200) -> str:
    if len(text) > longest or not text.isprintable():
        raise UsageError(f"{what} is at most {longest} printable characters")
    return text.strip()


def _utc(at: datetime) -> datetime:
    """The same instant in UTC.  Raises :class:`~kg.errors.UsageError` for one without a zone or out of range."""
    if at.tzinfo is None:
        raise UsageError(f"{at.isoformat()} says no time zone", "write it like 2026-11-23T12:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{at.isoformat()} is out of range", "name a time in this century") from None


def _later(write: Write, at: datetime | None) -> datetime | None:
    if at is not None and (at := _utc(at)) <= write.at:
        raise UsageError(f"{at.isoformat()} has passed already", "name a later time")
    return at


# ------------------------------------------------------------------ keys


def create(write: Write, role: Role, name: str, expires_at: datetime | None) -> NewKey:
    """A new key, valid from now on."""
    check_role(write.organization_id, role)
    expires_at = _later(write, expires_at)
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        organization_id=write.organization_id,
        id=prefix,
        name=_text("the name of a key", name),
        role=role,
        created_at=write.at,
        created_by=str(write.actor),
        expires_at=expires_at,
    )
    write.connection.execute(
        sa.insert(api_keys),
        {
            "organization_id": key.organization_id, "key_id": prefix, "secret_hash": _hash(secret), "name": key.name,
            "role": role.value, "created_at": key.created_at, "created_by": key.created_by, "expires_at": expires_at,
            "rotated_to": "",
        },
    )  # fmt: skip
    write.record("key.create", Kind.KEY, prefix, None, _json(key))
    return NewKey(f"kgk_{prefix}_{secret}", key)


def _stored(write: Write, key_id: str) -> ApiKey:
    found = [key for key in of(write.connection, write.organization_id) if key.id == key_id]
    if not found:
        raise UnknownIdError(f"there is no key {key_id[:40]!r}", "`kg keys list` shows their prefixes")
    return found[0]


def _update(write: Write, action: str, key: ApiKey, **values: Any) -> None:
    same = sa.and_(api_keys.c.organization_id == write.organization_id, api_keys.c.key_id == key.id)
    write.connection.execute(sa.update(api_keys).where(same).values(**values))
    write.record(action, Kind.KEY, key.id, _json(key), _json(_stored(write, key.id)))


def rotate(write: Write, key_id: str, old_valid_until: datetime, expires_at: datetime | None) -> NewKey:
    """A new key in place of a valid one, which goes on until the given time, or until it would have ended anyway."""
    old = _stored(write, key_id)
    if not old.valid(write.at):
        raise UsageError(f"the key {key_id} has ended", "create a new one")
    if old.rotated_to:
        raise UsageError(f"the key {key_id} was rotated already, to {old.rotated_to}", "rotate that one")
    old_valid_until = _utc(old_valid_until)
    if expires_at is None and old.expires_at is not None:
        expires_at = write.at + min(old.expires_at - old.created_at, _END - write.at)
    new = create(write, old.role, old.name, expires_at)
    until = max(old_valid_until, write.at)
    ends = until if old.expires_at is None else min(until, old.expires_at)
    _update(write, "key.rotate", old, expires_at=ends, rotated_to=new.key.id)
    return new


def revoke(write: Write, key_id: str) -> None:
    """End a key; one that was revoked already stays as it is."""
    old = _stored(write, key_id)
    if old.revoked_at is None:
        _update(write, "key.revoke", old, revoked_at=write.at)


def of(connection: sa.Connection, organization_id: str) -> tuple[ApiKey, ...]:
    """The keys of an organisation, newest first."""
    query = sa.select(api_keys).where(api_keys.c.organization_id == organization_id)
    found = sorted(map(_key, connection.execute(query)), key=lambda key: key.id)
    return tuple(sorted(found, key=lambda key: key.created_at, reverse=True))


def authenticate(connection: sa.Connection, token: str, now: datetime) -> ApiKey | None:
    """The valid key that a token is."""
    match = _TOKEN.fullmatch(token)
    prefix, secret = (match[1], match[2]) if match else ("", token)
    query = sa.select(api_keys).where(api_keys.c.key_id == prefix).order_by(api_keys.c.organization_id)
    given = _hash(secret)
    found = None
    for row in connection.execute(query).all() or (None,):
        right = hmac.compare_digest(given, row.secret_hash if row is not None else _NOBODY)
        if right and row is not None and _key(row).valid(now):
            found = _key(row)
    return found


def note_use(engine: sa.Engine, key: ApiKey, now: datetime) -> None:
    """Write when a key was last used, unless that was written a short while ago.  No content changes by it: neither
    the revision nor the log moves."""
    if key.last_used_at is not None and now - key.last_used_at < _USE_EVERY:
        return
    same = sa.and_(api_keys.c.organization_id == key.organization_id, api_keys.c.key_id == key.id)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10ms'")
        connection.execute(sa.update(api_keys).where(same).values(last_used_at=now))


# ------------------------------------------------------------------ members


def _member(row: Any) -> Member:
    return Member(row.organization_id, row.issuer, row.subject, Role(row.role), row.name, row.added_at)


def _member_json(member: Member) -> dict[str, Any]:
    found = {"issuer": member.issuer, "subject": member.subject, "role": member.role.value, "name": member.name}
    return {key: value for key, value in found.items() if value}


def _same_member(organization_id: str, issuer: str, subject: str) -> sa.ColumnElement[bool]:
    c = members.c
    return sa.and_(c.organization_id == organization_id, c.issuer == issuer, c.subject == subject)


def _members(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> tuple[Member, ...]:
    found: Iterable[Member] = map(_member, connection.execute(sa.select(members).where(*conditions)))
    return tuple(sorted(found, key=lambda m: (m.organization_id, m.issuer, m.subject)))


def set_member(write: Write, issuer: str, subject: str, role: Role, name: str) -> None:
    """Add a member, or change its role and name."""
    check_role(write.organization_id, role)
    if not issuer.strip() or not subject.strip():
        raise UsageError("a member is named by its issuer and its subject", "both are in its token: iss and sub")
    issuer, subject = _text("an issuer", issuer, 255), _text("a subject", subject, 255)
    same = _same_member(write.organization_id, issuer, subject)
    old = next(iter(_members(write.connection, same)), None)
    new = Member(write.organization_id, issuer, subject, role, _text("a member's name", name), write.at)
    if old is None:
        write.connection.execute(
            sa.insert(members),
            {
                "organization_id": new.organization_id, "issuer": issuer, "subject": subject, "role": role.value,
                "name": new.name, "added_at": write.at,
            },
        )  # fmt: skip
    elif (old.role, old.name) != (new.role, new.name):
        write.connection.execute(sa.update(members).where(same).values(role=role.value, name=new.name))
    else:
        return
    action = "member.change" if old else "member.add"
    write.record(action, Kind.MEMBER, f"{issuer} {subject}", old and _member_json(old), _member_json(new))


def remove_member(write: Write, issuer: str, subject: str) -> None:
    """Remove a member.  Raises :class:`~kg.errors.UnknownIdError` if there is none."""
    same = _same_member(write.organization_id, issuer, subject)
    for old in _members(write.connection, same):
        write.connection.execute(sa.delete(members).where(same))
        write.record("member.remove", Kind.MEMBER, f"{issuer} {subject}", _member_json(old), None)
        return
    raise UnknownIdError(f"there is no member {subject[:80]!r} of {issuer[:80]!r}", "`members` lists them")


def members_of(connection: sa.Connection, organization_id: str) -> tuple[Member, ...]:
    """The members of an organisation."""
    return _members(connection, members.c.organization_id == organization_id)


def memberships(connection: sa.Connection, issuer: str, subject: str) -> tuple[Member, ...]:
    """The roles of one person."""
    return _members(connection, members.c.issuer == issuer, members.c.subject == subject)
