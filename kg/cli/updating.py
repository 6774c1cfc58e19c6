"""``kg org import``, ``suggest``, ``suggestions``, ``decide``, ``evidence``: a kept organisation brought up to date."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.kept import IdArgument, YesOption, listed, me, open_store, sure
from kg.cli.options import DataOption, FormatOption, OutputOption, TextFormatOption
from kg.cli.output import clean, note, rendered, wanted_format
from kg.errors import UnknownIdError, UsageError, nearest

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["decide", "evidence", "import_", "suggest", "suggestions"]

SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source", "-s", metavar="ID", help="A framework or catalogue to suggest from. Repeatable. Default: all."
    ),
]
ControlOption = Annotated[
    list[str] | None,
    typer.Option("--control", "-c", metavar="ID", help="Only for this control. Repeatable. Default: all unmapped."),
]


def import_(
    ctx: typer.Context,
    id_: IdArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="CSV or XLSX (`kg template`), an audit of CISO Assistant, an OSCAL component definition, or an SSSOM "
            "table of your own mappings.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change; write nothing.")] = False,
    remove_missing: Annotated[
        bool, typer.Option("--remove-missing", help="The file is the whole list: archive the controls it leaves out.")
    ] = False,
    framework: Annotated[
        str | None,
        typer.Option("--framework", "-f", metavar="ID", help="The framework that an audit's references are of."),
    ] = None,
    yes: YesOption = False,
    data: DataOption = None,
) -> None:
    """Bring an organisation's controls up to date from a file, all or nothing.

    Shows what it would add, change and archive, then asks. The same file again changes nothing.
    """
    from kg.cli.importing_controls import draw_update
    from kg.cli.session import framework_id, load_release

    release = load_release(ctx, data)
    from kg.organizations.updates import apply_update, read_update

    home = framework_id(release, framework) if framework else None
    with open_store() as store:
        held = store.get_organization(id_)
        update = read_update(store, id_, release, file, framework=home, remove_missing=remove_missing)
        for finding in update.plan.findings:
            note(str(finding))

        def draw(console: Console) -> None:
            draw_update(console, update, file.name, release)

        rendered(draw, None)
        if update.plan.empty:
            print(clean(f"{id_}: everything is so already, at revision {update.revision}."))
            return
        if dry_run:
            print("Nothing was written.")
            return
        sure(f"Write this into {held.name} ({id_})?", yes)
        done = apply_update(store, update, release, actor=me())
    print(clean(f"{id_}: written, revision {done.revision}."))


def suggest(
    ctx: typer.Context,
    id_: IdArgument,
    controls: ControlOption = None,
    sources: SourceOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100, help="At most N of each source for each control.")
    ] = 5,
    keep: Annotated[bool, typer.Option("--keep", help="Keep them, for `kg org decide`.")] = False,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Rank by meaning too (needs the extra aigov-kg\\[semantic]).")
    ] = False,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """What an organisation's controls may be mapped to, from their texts. None counts before a person accepts it.

    Without --control for all that have no mapping; what somebody has rejected never comes again.
    """
    from kg.cli.assess import write_answers
    from kg.cli.session import load_release
    from kg.cli.suggest import draw_report, source_id

    wanted = wanted_format(format_, output)
    release = load_release(ctx, data)
    from kg.organizations.updates import propose, suggest_for, to_suggest_for

    names = [source_id(release, name) for name in sources] if sources else None
    encoder = None
    if semantic:
        from kg.organizations.semantic import load_encoder

        encoder = load_encoder()
    with open_store() as store:
        if keep:
            found, done = propose(store, id_, release, controls, names, limit, encoder=encoder, actor=me())
        else:
            chosen = to_suggest_for(store.load(id_), controls)
            found = suggest_for(release, chosen, store.proposals(id_), names, limit, encoder=encoder)
    asked = "".join(f" -c {shlex.quote(c)}" for c in controls or ())
    how = (
        f"To accept one: kg org decide {id_} CONTROL SUGGESTION --accept --relation superset_of."
        if keep
        else f"To decide on them, keep them first: kg org suggest {id_}{asked} --keep."
    )
    how += " Without a relation a requirement is only related, which never covers it."

    def draw(console: Console) -> None:
        nothing = "Every control has mappings already: --control names one to suggest for all the same."
        draw_report(console, found, "", how, nothing)

    write_answers([found], release, wanted, output, draw)
    if keep:
        new = len(done.changed)
        note(f"{id_}: {new} kept to decide on, revision {done.revision}" if new else f"{id_}: nothing new to keep")


def suggestions(
    ctx: typer.Context,
    id_: IdArgument,
    control: Annotated[str | None, typer.Option("--control", "-c", metavar="ID", help="Only of this control.")] = None,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="proposed, accepted, rejected or all.")
    ] = "proposed",
    format_: TextFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """The suggestions that are kept for an organisation, undecided ones where nothing else is said."""
    from kg.cli.session import load_release
    from kg.organizations.store import ProposalState

    wanted = wanted_format(format_, output)
    states = {s.value: s for s in ProposalState}
    if state != "all" and state not in states:
        near = nearest(state, [*states, "all"])
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(f"--state: {state!r} is no state", f"{hint}one of: {', '.join(states)}, all")
    release = load_release(ctx, data)
    with open_store() as store:
        if control is not None:
            store.get_control(id_, control)
        found = [
            {
                "control": p.control_id, "rank": p.rank, "target": p.target, "title": release.title(p.target),
                "state": p.state.value, "relation": p.relation, "why": p.why, "decidedBy": p.decided_by,
                "decidedOn": p.decided_on.isoformat() if p.decided_on else None,
            }
            for p in store.proposals(id_, control_id=control, state=states.get(state))
        ]  # fmt: skip
    columns = [("control", "Control", "."), ("target", "Suggestion", "."), ("title", "Title", "<")]
    columns.append(("why", "Because of", "<") if state == "proposed" else ("state", "State", "."))
    if state != "proposed":
        columns += [("relation", "Relation", "."), ("decidedBy", "By", "<")]
    what = "Nothing is kept" if state == "all" else f"Nothing is {state}"
    listed(found, columns, wanted, output, f"{what}. `kg org suggest {id_} --keep` keeps suggestions.")


def decide(
    ctx: typer.Context,
    id_: IdArgument,
    control: Annotated[str, typer.Argument(metavar="CONTROL", show_default=False, help="The control's id.")],
    target: Annotated[
        str, typer.Argument(metavar="SUGGESTION", show_default=False, help="What is suggested, like gdpr:art-28.1.")
    ],
    accept: Annotated[
        bool | None,
        typer.Option(
            "--accept/--reject", show_default=False, help="It becomes a mapping, or is never suggested again."
        ),
    ] = None,
    relation: Annotated[
        str | None,
        typer.Option(
            "--relation", metavar="WORD", help="How the control stands to it. Default: related.", show_default=False
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Decide on a suggestion that is kept: accepted, it is a mapping of the control from then on."""
    from kg.cli.session import load_release, resolve

    if accept is None:
        raise UsageError("say what you decide", "--accept or --reject")
    if relation is not None and not accept:
        raise UsageError("--relation says how an accepted one holds", "leave it out with --reject")
    release = load_release(ctx, data)
    from kg.relations import RELATIONS, sentence

    with open_store() as store:
        store.get_control(id_, control)
        kept = [p.target for p in store.proposals(id_, control_id=control)]
        wanted = target if target in kept else resolve(release, target, None)
        if wanted not in kept:
            hint = f"keep them first: kg org suggest {id_} --control {control} --keep"
            raise UnknownIdError(f"{wanted} is not among the suggestions that are kept for {control}", hint)
        done = store.decide_proposal(
            id_, control, wanted, accept=accept, relation=relation or "related", release=release, actor=me()
        )
    if accept:
        title = release.title(wanted)
        said = sentence(control, RELATIONS[relation or "related"], f"{wanted} ({title})" if title else wanted)
        print(clean(f"{id_}: accepted, revision {done.revision}. {said}"))
        if relation is None and wanted in release.provisions:
            note("Only related: that never covers a requirement. Say more with --relation, where it holds.")
    else:
        print(clean(f"{id_}: rejected, revision {done.revision}. {wanted} will not be suggested for {control} again."))


def evidence(
    id_: IdArgument,
    format_: TextFormatOption = None,
    output: OutputOption = None,
) -> None:
    """The evidence records that are kept, with the controls they serve.

    `kg evidence org:ID` says what hangs on them.
    """
    wanted = wanted_format(format_, output)
    with open_store() as store:
        store.get_organization(id_)
        found = [
            {
                "id": e.record.id, "kind": e.record.kind, "title": e.record.title,
                "day": e.record.day.isoformat() if e.record.day else None,
                "validUntil": e.record.valid_until.isoformat() if e.record.valid_until else None,
                "link": e.record.link, "note": e.record.note, "controls": "; ".join(e.controls),
            }
            for e in store.list_evidence(id_)
        ]  # fmt: skip
    columns = [("id", "Record", "<"), ("day", "Of", "."), ("validUntil", "Until", "."), ("controls", "Serves", "<")]
    listed(found, columns, wanted, output, "No evidence records are kept: only the days that controls name.")
