"""``kg what-if``: the organisation with some things changed, beside what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.compare import ChainsOption, LimitOption, ReasonsOption
from kg.cli.options import (
    AsOfOption,
    AuthorityOption,
    ControlsArgument,
    DataOption,
    FormatOption,
    FrameworksOption,
    HopsOption,
    OutputOption,
    ProfileOption,
    ReviewedOption,
    SetsOption,
)
from kg.cli.output import wanted_format
from kg.cli.session import (
    chosen_frameworks,
    framework_id,
    load_release,
    make_filter,
    open_session,
    parse_as_of,
    read_sheet,
)
from kg.errors import KgError, UsageError
from kg.model import Authority, ControlStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from rich.console import Console

    from kg.release import Release

__all__ = ["what_if"]

_WHAT, _WHO, _PROOF = "What the organisation does", "Who it is", "Its evidence"


def what_if(
    ctx: typer.Context,
    controls: ControlsArgument,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="ID", rich_help_panel=_WHAT,
                     help="Do this reference control, joint node or provision in full: aisb:DAT-01. Repeatable."),
    ] = None,
    add_controls: Annotated[
        Path | None,
        typer.Option("--add-controls", metavar="FILE", rich_help_panel=_WHAT, help="Add the controls of this file."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="ID", rich_help_panel=_WHAT,
                     help="Take away the control with this id. Repeatable."),
    ] = None,
    set_status: Annotated[
        list[str] | None,
        typer.Option("--set-status", metavar="ID=STATUS", rich_help_panel=_WHAT,
                     help="Give a control another status: AI-09=implemented. Repeatable."),
    ] = None,
    certify: Annotated[
        list[str] | None,
        typer.Option("--certify", metavar="FRAMEWORK", rich_help_panel=_WHAT,
                     help="Do everything of a framework that applies to you: iso42001. Repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="ID", rich_help_panel=_WHAT,
                     help="But not this provision of it, nor what stands in it. Repeatable."),
    ] = None,
    profile_after: Annotated[
        Path | None,
        typer.Option("--profile-after", metavar="FILE", rich_help_panel=_WHO, help="Another profile."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", rich_help_panel=_WHO,
                     help="Have this role, and no other but those named, for every AI system too. Repeatable."),
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", metavar="NAME=true|false", rich_help_panel=_WHO,
                     help="State a fact, for every AI system too: personal-data=false. Repeatable."),
    ] = None,
    without_evidence: Annotated[
        list[str] | None,
        typer.Option("--without-evidence", metavar="ID", rich_help_panel=_PROOF,
                     help="Lose a record of evidence, or all of a control, or `all`. Repeatable."),
    ] = None,
    evidence_older_than: Annotated[
        str | None,
        typer.Option("--evidence-older-than", metavar="DATE", rich_help_panel=_PROOF,
                     help="Lose all evidence of before this day, or of no day."),
    ] = None,
    evidence_as_of: Annotated[
        str | None,
        typer.Option("--evidence-as-of", metavar="DATE", rich_help_panel=_PROOF,
                     help="Let evidence be as old as it will be on this day; all else stays."),
    ] = None,
    framework: FrameworksOption = None,
    profile: ProfileOption = None,
    as_of: AsOfOption = None,
    max_hops: HopsOption = 3,
    min_authority: AuthorityOption = Authority.ORGANIZATION,
    reviewed_only: ReviewedOption = False,
    sets: SetsOption = None,
    reasons: ReasonsOption = False,
    chains: ChainsOption = False,
    limit: LimitOption = 10,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """What would change if you added or lost controls, certified to a framework, or were somebody else.

    Nothing of yours is written; what applies to you by your profile is never assumed away unless you say so.
    """
    wanted, day = wanted_format(format_, output), parse_as_of(as_of)
    older, aged = _day(evidence_older_than, "--evidence-older-than"), _day(evidence_as_of, "--evidence-as-of")
    statuses = tuple(_status(s) for s in set_status or ())
    facts = tuple(_fact(f) for f in fact or ())
    release = load_release(ctx, data)
    filter_ = make_filter(release, max_hops, min_authority, reviewed_only, sets)
    frameworks = chosen_frameworks(release, framework)

    from kg.answers.whatif import Changes
    from kg.answers.whatif import what_if as answer
    from kg.cli.render_changes import comparison, working
    from kg.organizations import read_profile

    session = open_session(release, controls, profile, day, filter_)
    other = read_profile(profile_after, release) if profile_after else None
    whose = other or session.profile
    changes = Changes(
        add=tuple(_target(release, id_) for id_ in add or ()),
        add_controls=read_sheet(release, add_controls, whose).controls if add_controls else (),
        remove=tuple(remove or ()),
        statuses=statuses,
        certify=tuple(framework_id(release, f) for f in certify or ()),
        exclude=tuple(_excluded(release, id_, certify or ()) for id_ in exclude or ()),
        profile=other,
        roles=tuple(role) if role else None,
        facts=facts,
        without_evidence=tuple(without_evidence or ()),
        evidence_before=older,
        evidence_day=aged,
    )
    with working("looking at what would change"):
        found = answer(session.assessment, changes, frameworks, reasons=reasons, chains=chains)

    def draw(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        render.paragraph(console, "What if:", "bold")
        for said in found.assumed:
            render.paragraph(console, f"- {said}", indent=2)
        console.print()
        comparison(console, found.comparison, release, limit)

    write_answers([found], release, wanted, output, draw)


def _day(text: str | None, option: str) -> date | None:
    try:
        return parse_as_of(text)
    except UsageError as error:
        raise UsageError(error.message.replace("--as-of", option), error.hint, code=error.code) from None


def _pair(text: str, option: str, like: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not sign or not name.strip() or not value.strip():
        raise UsageError(f"{option}: {text!r} is not NAME=VALUE", f"write it as {like}")
    return name.strip(), value.strip()


def _status(text: str) -> tuple[str, ControlStatus]:
    """A control and the status it is to have, in the words of a control sheet."""
    from kg.errors import nearest
    from kg.organizations import STATUS_WORDS

    id_, word = _pair(text, "--set-status", "AI-09=implemented")
    plain = " ".join(word.casefold().replace("-", " ").replace("_", " ").split())
    if plain not in STATUS_WORDS:
        near = nearest(plain, STATUS_WORDS)
        hint = f"did you mean {STATUS_WORDS[near]}? " if near else ""
        raise UsageError(f"--set-status: the status {word!r} is not known", f"{hint}one of: {', '.join(ControlStatus)}")
    return id_, STATUS_WORDS[plain]


def _fact(text: str) -> tuple[str, bool]:
    name, value = _pair(text, "--fact", "personal-data=false")
    if value.casefold() not in ("true", "false", "yes", "no"):
        raise UsageError(f"--fact: {value!r} is neither true nor false", f"write it as {name}=false")
    return name, value.casefold() in ("true", "yes")


def _target(release: Release, text: str) -> str:
    """The CURIE of what is to be done in full."""
    from kg.organizations import find_target

    found = find_target(release, text)
    if found in release.frameworks:
        raise UsageError(f"--add: {found} is a whole framework", f"say --certify {found}")
    release.node(found)
    return found


def _excluded(release: Release, text: str, certified: Sequence[str]) -> str:
    """A provision of the framework to be done, by its CURIE or reference."""
    if len(certified) == 1 and ":" not in text:
        return release.resolve(text, framework_id(release, certified[0]))
    try:
        return release.resolve(text)
    except KgError as error:
        raise UsageError(f"--exclude: {error.message}", error.hint, code=error.code) from None
