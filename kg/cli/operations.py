"""``kg keys``, ``kg audit``, ``kg db``, ``kg backup`` and ``kg restore``: running a server with organisations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from kg.cli.kept import YesOption, listed, me, minute, moved, open_store, sure
from kg.cli.options import OutputOption, TextFormatOption
from kg.cli.output import clean, emit, note, wanted_format
from kg.errors import UsageError

__all__ = [
    "audit_export", "audit_verify", "backup", "db_status", "db_upgrade", "keys_create", "keys_list", "keys_revoke",
    "keys_rotate", "restore",
]  # fmt: skip

PlatformOption = Annotated[
    bool, typer.Option("--platform", help="A platform administrator's key: creates organisations, reads none of them.")
]


def keys_create(
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", show_default=False, help="The organisation it opens.")
    ] = None,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, editor or admin: each contains those before it.")
    ] = "viewer",
    platform: PlatformOption = False,
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="WHEN", show_default=False, help="A day, 2027-07-31, or days from now, 90d."),
    ] = None,
) -> None:
    """Make an API key.  It is shown once and kept nowhere."""
    from kg.errors import nearest
    from kg.organizations.store import PLATFORM, Role

    words = [r.value for r in Role if r is not Role.PLATFORM_ADMIN]
    if role not in words:
        near = nearest(role, words)
        raise UsageError(
            f"--role: {role!r} is no role", f"did you mean {near}? " if near else f"one of: {', '.join(words)}"
        )
    if platform == (id_ is not None):
        raise UsageError("say which organisation the key opens, or --platform", "kg keys create harrow --role editor")
    until = _until(expires, "--expires")
    with open_store() as store:
        wanted = Role.PLATFORM_ADMIN if platform else Role(role)
        made = store.create_key(id_ or PLATFORM, wanted, name=name, expires_at=until, actor=me())
    ends = f", until {minute(until)}" if until else ", without an end"
    note(f"Key {made.key.id}: {wanted.value} of {id_ or 'the platform'}{ends}. This is the only time it is shown:")
    print(made.token)


def keys_list(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False, help="The organisation.")] = None,
    platform: PlatformOption = False,
    format_: TextFormatOption = None,
    output: OutputOption = None,
) -> None:
    """The keys of an organisation or of the platform, newest first: never the keys themselves."""
    from kg.organizations.store import PLATFORM

    wanted = wanted_format(format_, output)
    if platform == (id_ is not None):
        raise UsageError("say which organisation, or --platform", "`kg org list` lists them")
    now = datetime.now(UTC)
    with open_store() as store:
        found = [
            {
                "id": k.id, "role": k.role.value, "name": k.name, "valid": k.valid(now),
                "createdAt": minute(k.created_at), "createdBy": k.created_by, "expiresAt": minute(k.expires_at),
                "revokedAt": minute(k.revoked_at), "lastUsedAt": minute(k.last_used_at), "rotatedTo": k.rotated_to,
            }
            for k in store.list_keys(id_ or PLATFORM)
        ]  # fmt: skip
    for each in found:
        each["state"] = "valid" if each["valid"] else "revoked" if each["revokedAt"] else "expired"
    columns = [("id", "Key", "."), ("role", "Role", "."), ("state", "State", "."), ("name", "For", "<"),
               ("expiresAt", "Expires", "."), ("lastUsedAt", "Last used", ".")]  # fmt: skip
    listed(found, columns, wanted, output, "There are no keys. `kg keys create` makes one.")


def keys_rotate(
    id_: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="The organisation; `platform` for its own.")
    ],
    key: Annotated[str, typer.Argument(metavar="KEY", show_default=False, help="The id of the key to replace.")],
    grace: Annotated[
        str, typer.Option("--old-until", metavar="WHEN", help="Until when the old key still opens: a day, or 7d.")
    ] = "1d",
) -> None:
    """Replace a key by a new one with the same role; the old one ends after a while."""
    until = _until(grace, "--old-until")
    assert until is not None
    with open_store() as store:
        made = store.rotate_key(id_, key, old_valid_until=until, actor=me())
    note(f"Key {made.key.id} replaces {key}, which ends {minute(until)}. This is the only time it is shown:")
    print(made.token)


def keys_revoke(
    id_: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="The organisation; `platform` for its own.")
    ],
    key: Annotated[str, typer.Argument(metavar="KEY", show_default=False, help="The key's id.")],
) -> None:
    """End a key at once."""
    with open_store() as store:
        done = store.revoke_key(id_, key, actor=me())
    print(f"{key}: revoked" if done.changed else f"{key}: it was revoked already")


# ---------------------------------------------------------------------------- the audit log


def audit_verify(
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", show_default=False, help="Default: every one, and the platform.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--known", metavar="N:HASH", show_default=False,
            help="What was noted elsewhere before: the number of entries and the hash of the last of them. Finds a log "
            "that was rewritten from end to end. Repeatable.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Compute every hash of the audit log again: exit code 1 if an entry was removed, changed or moved."""
    from kg.organizations.store import PLATFORM

    noted = [_noted(text) for text in known or ()]
    if noted and id_ is None:
        raise UsageError("--known is about one organisation", "name it")
    bad = False
    with open_store() as store:
        names = [id_] if id_ else [PLATFORM, *(o.id for o in store.list_organizations(archived=True))]
        for name in names:
            found = store.verify(name, known=noted)
            for finding in found.findings:
                note(str(finding))
            bad = bad or not found.ok
            print(
                clean(
                    f"{name}: {'whole' if found.ok else 'NOT WHOLE'}, {found.entries} entries, head {found.head or '-'}"
                )
            )
    if bad:
        raise typer.Exit(1)


def _noted(text: str) -> tuple[int, str]:
    number, _, hash_ = text.partition(":")
    if not number.isdigit() or not hash_:
        raise UsageError(
            f"--known: {text[:80]!r} is no number and hash", "write it as `kg audit verify` prints it: 12:9f…"
        )
    return int(number), hash_


def audit_export(
    id_: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The organisation, or `platform`.")],
    output: OutputOption = None,
) -> None:
    """The audit log as JSON, one entry a line, with everything that is hashed."""
    with open_store() as store:
        if output is None or str(output) == "-":
            for line in store.audit_lines(id_):
                print(line)
        else:
            emit("".join(f"{line}\n" for line in store.audit_lines(id_)).encode(), output)


# ---------------------------------------------------------------------------- the database


def db_upgrade() -> None:
    """Bring the database to the schema of this version, or create it."""
    from kg.organizations.store import Store

    before, after = Store.upgrade()
    said = f"from {before or 'nothing'} to {after}" if before != after else f"is at {after} already"
    print(f"The schema {said}.")


def db_status() -> None:
    """Where the organisations are kept, and whether it can be used."""
    with open_store() as store:
        store.ping()
        print(clean(f"{store.url}: ready, {len(store.list_organizations(archived=True))} organisations"))


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The file to write.")],
) -> None:
    """Everything in one file, as it is at one instant, while others go on writing.

    It restores into SQLite and PostgreSQL alike.
    """
    with open_store() as store:
        moved(store.backup(file), "written")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="A file that `kg backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Erase what is there first.")] = False,
    yes: YesOption = False,
) -> None:
    """Bring everything back from a backup, all or nothing, into an empty database (KG_DATABASE_URL)."""
    with open_store() as store:
        if replace:
            sure(f"Erase everything in {store.url} and put {file} in its place?", yes)
        moved(store.restore(file, replace=replace, actor=me()), "restored")


def _until(text: str | None, name: str) -> datetime | None:
    """A day (its end), or so many days from now: ``90d``."""
    if text is None:
        return None
    now = datetime.now(UTC)
    if text.endswith("d") and text[:-1].isdigit():
        return now + timedelta(days=int(text[:-1]))
    from kg.errors import KgError
    from kg.organizations.controls import parse_day

    try:
        day = parse_day(text.strip())
    except KgError as error:
        raise UsageError(f"{name}: {error.message}", "write a day, 2027-07-31, or days from now, 90d") from None
    found = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    if found <= now:
        raise UsageError(f"{name}: {day} is past", "name a day to come")
    return found
