"""``kg org``: organisations that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.kept import IdArgument, YesOption, listed, me, minute, moved, open_store, sure
from kg.cli.options import DataOption, OutputOption, TextFormatOption
from kg.cli.output import clean, emit, wanted_format
from kg.errors import UsageError

__all__ = [
    "archive", "create", "delete", "export", "history", "list_", "member", "members", "profile", "rename", "restore",
    "show",
]  # fmt: skip


# ---------------------------------------------------------------------------- organisations


def list_(
    archived: Annotated[bool, typer.Option("--archived", help="List archived ones too.")] = False,
    format_: TextFormatOption = None,
    output: OutputOption = None,
) -> None:
    """The organisations that are kept."""
    wanted = wanted_format(format_, output)
    with open_store() as store:
        found = [
            {
                "id": o.id, "name": o.name, "revision": o.revision, "createdAt": minute(o.created_at),
                "updatedAt": minute(o.updated_at), "archivedAt": minute(o.archived_at),
            }
            for o in store.list_organizations(archived=archived)
        ]  # fmt: skip
    columns = [("id", "Id", "."), ("name", "Name", "<"), ("revision", "Revision", ">"), ("updatedAt", "Changed", ".")]
    if archived:
        columns.append(("archivedAt", "Archived", "."))
    listed(found, columns, wanted, output, "No organisations are kept. `kg org create NAME` makes one.")


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What it is called.")],
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", show_default=False, help="Its id: a-z, 0-9 and -. Default: a random one."),
    ] = None,
) -> None:
    """Keep another organisation."""
    with open_store() as store:
        made = store.create_organization(name, id=id_, actor=me())
    print(clean(f"{made.id}  {made.name}"))


def show(id_: IdArgument) -> None:
    """What an organisation holds, in a few lines."""
    from collections import Counter

    from kg.organizations.suggestions import unmapped

    with open_store() as store:
        held, state = store.get_organization(id_), store.load(id_)
        open_ = sum(1 for p in store.proposals(id_) if p.state == "proposed")
        evidence = len(store.list_evidence(id_))
    dated = sum(1 for c in state.controls if c.evidence_date and not c.evidence)
    by = Counter(c.status.value for c in state.controls)
    profile = state.profile
    lines = [
        f"{held.name} ({held.id})",
        f"Revision {state.revision}, {minute(state.at)}" + (f"; archived {minute(held.archived_at)}"
                                                             if held.archived_at else ""),
        f"{len(state.controls)} controls: {', '.join(f'{n} {s}' for s, n in sorted(by.items()))}"
        if by else "No controls yet: `kg org import " + id_ + " controls.xlsx`.",
        f"{sum(map(unmapped, state.controls))} of them wait for a mapping; {open_} suggestions to decide on.",
        f"{evidence} evidence records are kept; {dated} controls name only the day of theirs.",
        f"Profile: {', '.join(s.title or s.id for s in profile.systems) or 'no AI system named'}."
        if profile else "No profile yet: every duty may apply. `kg org profile " + id_ + " profile.toml`.",
        f"Ask it: kg coverage org:{held.id}",
    ]  # fmt: skip
    for line in lines:
        print(clean(line, ""))


def rename(
    id_: IdArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What it is called from now on.")],
) -> None:
    """Give an organisation another name."""
    with open_store() as store:
        done = store.rename_organization(id_, name, actor=me())
    print(f"{id_}: revision {done.revision}" if done.changed else f"{id_}: it is called so already")


def archive(
    id_: IdArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Take it up again.")] = False,
) -> None:
    """Put an organisation away: still read, no longer changed."""
    with open_store() as store:
        done = (store.unarchive_organization if undo else store.archive_organization)(id_, actor=me())
    print(f"{id_}: {'taken up again' if undo else 'archived'}" if done.changed else f"{id_}: it is so already")


def profile(
    ctx: typer.Context,
    id_: IdArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", show_default=False, help="The profile to set: TOML or JSON. Without: show it."
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the profile away.")] = False,
    data: DataOption = None,
) -> None:
    """Set or show an organisation's profile, with its AI systems and exclusions."""
    from kg.cli.session import load_release

    if file is None and not remove:
        from kg.exports.json import dumps

        with open_store() as store:
            emit(dumps(store.load(id_).profile), None)
        return
    release = load_release(ctx, data)
    from kg.organizations import read_profile

    found = None if file is None else read_profile(file, release)
    with open_store() as store:
        done = store.set_profile(id_, found, release=release, actor=me())
    print(f"{id_}: revision {done.revision}" if done.changed else f"{id_}: nothing has changed")


def history(
    id_: IdArgument,
    since: Annotated[int, typer.Option("--since", metavar="REVISION", help="Only what came after this revision.")] = 0,
    format_: TextFormatOption = None,
    output: OutputOption = None,
) -> None:
    """What has changed in an organisation, and who changed it."""
    wanted = wanted_format(format_, output)
    with open_store() as store:
        entries = store.changes_since(id_, since)
    found = [
        {
            "revision": e.revision, "at": minute(e.at), "actor": str(e.actor), "action": e.action, "id": e.id,
            "before": e.before, "after": e.after,
        }
        for e in entries
    ]  # fmt: skip
    columns = [("revision", "Revision", ">"), ("at", "When", "."), ("actor", "Who", "."), ("action", "What", "."),
               ("id", "Which", "<")]  # fmt: skip
    listed(found, columns, wanted, output, "Nothing has changed since.")


def restore(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", show_default=False, help="An organisation that `kg org export` wrote."),
    ],
) -> None:
    """Bring back an exported organisation, with its history and audit log, all or nothing."""
    with open_store() as store:
        moved(store.import_organization(file, actor=me()), "imported")


def export(
    id_: IdArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="The file to write.")
    ],
) -> None:
    """Everything of one organisation in one file, with its history, audit log and members; API keys are not in it."""
    with open_store() as store:
        moved(store.export_organization(id_, output), "written")


def delete(
    id_: IdArgument,
    export_: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            show_default=False,
            help="Write everything of it to this file first.",
        ),
    ] = None,
    yes: YesOption = False,
) -> None:
    """Erase an organisation with its history and audit log.  It cannot be undone: export it first, or with --export."""
    with open_store() as store:
        held = store.get_organization(id_)
        if export_ is not None:
            moved(store.export_organization(id_, export_), "written")
        sure(f"Erase {held.name} ({id_}) with everything in it, history and audit log included?", yes)
        store.erase_organization(id_, actor=me())
    print(f"{id_}: erased. The platform's audit log keeps that it was, by whom and when, and nothing else.")


def members(id_: IdArgument, format_: TextFormatOption = None, output: OutputOption = None) -> None:
    """Who has a role in an organisation, by OpenID Connect issuer and subject."""
    wanted = wanted_format(format_, output)
    with open_store() as store:
        found = [
            {"issuer": m.issuer, "subject": m.subject, "role": m.role.value, "name": m.name}
            for m in store.list_members(id_)
        ]
    columns = [("role", "Role", "."), ("name", "Name", "<"), ("subject", "Subject", "<"), ("issuer", "Issuer", "<")]
    listed(found, columns, wanted, output, "Nobody. `kg org member` gives somebody a role.")


def member(
    id_: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="The organisation; `platform` for administrators.")
    ],
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", show_default=False, help="The OpenID Connect issuer.")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", show_default=False, help="The `sub` of their tokens.")],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, editor or admin; none takes the role away.")
    ] = "viewer",
    name: Annotated[str, typer.Option("--name", help="What they are called.")] = "",
) -> None:
    """Give somebody a role in an organisation, another one, or none."""
    from kg.organizations.store import PLATFORM, Role

    with open_store() as store:
        if role == "none":
            done = store.remove_member(id_, issuer, subject, actor=me())
        else:
            words = [Role.PLATFORM_ADMIN] if id_ == PLATFORM else [Role.VIEWER, Role.EDITOR, Role.ADMIN]
            wanted = Role.PLATFORM_ADMIN if id_ == PLATFORM else next((r for r in words if r.value == role), None)
            if wanted is None:
                raise UsageError(f"--role: {role!r} is no role", "one of: viewer, editor, admin, none")
            done = store.set_member(id_, issuer, subject, wanted, name=name, actor=me())
    print(f"{id_}: revision {done.revision}" if done.changed else f"{id_}: it is so already")
