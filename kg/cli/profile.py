"""``kg profile``: a dozen questions, the profile that the answers make, and what each answer does."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.cli.assess import write_answers
from kg.cli.options import AsOfOption, DataOption, FormatOption, FrameworksOption, OutputOption
from kg.cli.output import emit, note, wanted_format
from kg.cli.session import chosen_frameworks, load_release, parse_as_of
from kg.errors import UsageError

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

    from kg.answers import Answer, Consequence, Lens, ProfileDraft
    from kg.answers.questionnaire import Questionnaire
    from kg.model import Question
    from kg.release import Release

__all__ = ["profile"]


def profile(
    ctx: typer.Context,
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", "-a", metavar="QUESTION=OPTION,…", show_default=False,
                     help="Answer a question without being asked: place=union, roles=provider,deployer. For one of "
                     "several AI systems: SYSTEM:QUESTION=OPTION. Repeatable."),
    ] = None,
    questions: Annotated[
        bool, typer.Option("--questions", help="List the questions with their options, and stop.")
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option("--explain", metavar="FILE", show_default=False,
                     help="Show what applies under this profile (TOML or JSON), and which rule decided it."),
    ] = None,
    framework: FrameworksOption = None,
    as_of: AsOfOption = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What the organisation is called.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the profile's file if it exists.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="In a table, list at most N requirements of a group; "
                          "0 lists all.")
    ] = 12,
    format_: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """Make a profile by answering at most twelve questions, and see after each what it does to what applies.

    On a terminal it asks; with --answer it does not. What you do not know stays open and is taken to apply.
    With -o profile.toml the profile is written; any other format writes the consequences.
    """
    if (questions and (answer or explain)) or (answer and explain):
        raise UsageError("--answer, --questions and --explain exclude each other", "choose one")
    if not explain and framework:
        raise UsageError("--framework goes with --explain", "answers are told for every framework")
    day = parse_as_of(as_of)
    to_toml = output is not None and output.suffix.lower() == ".toml" and format_ is None
    if to_toml and (questions or explain):
        raise UsageError("only a profile is written as TOML", "name a file that ends in .md, .json, .csv or .xlsx")
    wanted = wanted_format(format_, output)
    if output is not None and to_toml and output.exists() and not force:
        raise UsageError(f"{output} exists already", "name another file, or add --force")
    if questions:
        _questions(ctx, data, wanted, output)
    elif explain:
        _explain(ctx, data, explain, framework, day, limit, wanted, output)
    elif answer:
        from kg.answers import answer as draft_of

        release = load_release(ctx, data)
        draft = draft_of(release, parse_answers(answer), as_of=day, title=title)
        if to_toml:
            _write(draft, output)
        elif wanted == "table" and output is None:
            write_answers([draft], release, wanted, None, lambda console: _draft(console, draft, release))
            note("the profile, which -o profile.toml writes to a file:")
            print(_toml(draft), end="")
        else:
            write_answers([draft], release, wanted, output, lambda console: _draft(console, draft, release))
    else:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            hint = "give answers with --answer, or `kg profile --questions` to see what is asked"
            raise UsageError("there is no terminal to ask on", hint)
        if output is not None and not to_toml:
            raise UsageError("asked on a terminal, a profile is written as TOML", "-o profile.toml")
        try:
            _ask(load_release(ctx, data), day, title, output)
        except EOFError:
            raise typer.Abort from None


def parse_answers(texts: Sequence[str]) -> list[Answer]:
    """``[SYSTEM:]QUESTION=OPTION,OPTION`` as answers; what they say is checked later."""
    from kg.answers import Answer

    found = []
    for text in texts:
        left, sign, right = text.partition("=")
        system, _, question = left.rpartition(":")
        if not sign or not question.strip():
            raise UsageError(f"{text[:60]!r} is no answer", "write QUESTION=OPTION or QUESTION=OPTION,OPTION")
        values = tuple(v.strip() for v in right.split(",") if v.strip())
        found.append(Answer(question.strip(), values, system.strip()))
    return found


# ---------------------------------------------------------------- questions


def _questions(ctx: typer.Context, data: list[Path] | None, wanted: str, output: Path | None) -> None:
    from kg.answers import questionnaire

    release = load_release(ctx, data)
    found = questionnaire(release)

    def draw(console: Console) -> None:
        _list(console, found, release)

    write_answers([found], release, wanted, output, draw)


def _list(console: Console, found: Questionnaire, release: Release) -> None:
    from kg.cli import render

    for number, q in enumerate(found.questions, 1):
        _question(console, q, release, number, len(found.questions))
        if q.asked_if:
            render.paragraph(console, f"Asked if {' and '.join(q.asked_if)}.", "dim", indent=4)
        console.print()
    closing = "`unknown` answers every question: it sets nothing, and what is not known is taken to apply."
    render.paragraph(console, closing, "dim")


_HOW = {"one": "choose one", "many": "choose all that fit, separated by commas", "date": "a day, such as 2026-03-01"}


def _question(console: Console, q: Question, release: Release, number: int, total: int) -> None:
    """A question as a person reads it: text, help, options, what it cites."""
    from rich.padding import Padding
    from rich.table import Table

    from kg.cli import render

    console.print(render.text(f"{number}/{total}  {q.text}", "bold"))
    render.paragraph(console, q.help, indent=4)
    cited = _together(release.cite(p) for p in q.defined_by)
    render.paragraph(console, f"{q.name}: {_HOW[q.kind]}. {cited}", "dim", indent=4)
    options = Table.grid(padding=(0, 2, 0, 0))
    options.add_column(no_wrap=True)
    options.add_column(overflow="fold")
    for o in release.options(q.name):
        said = render.text(o.title)
        if o.note:
            said.append_text(render.text(f" ({o.note.rstrip(chr(46))})", "dim"))
        options.add_row(render.text(o.name, "cyan"), said)
    console.print(Padding(options, (0, 0, 0, 6), expand=False))


def _together(citations: Iterable[str]) -> str:
    """Citations in a row, the law named once behind those of it."""
    by: dict[str, list[str]] = {}
    for citation in citations:
        head, comma, law = citation.rpartition(", ")
        by.setdefault(comma + law, []).append(head)
    return "; ".join(", ".join(heads) + law for law, heads in by.items())


# ---------------------------------------------------------------- consequences


def _consequence(console: Console, c: Consequence) -> None:
    """What one answer did, in a few lines: counts before and after, and by which provisions."""
    from kg.cli import render

    for t in c.tallies:
        if t.before == t.after:
            continue
        line = render.text(f"{t.title}: ", "bold")
        now = f"{t.before.applicable} → {t.after.applicable} of {t.after.total} apply"
        later = f", {t.before.not_yet_applicable} → {t.after.not_yet_applicable} later"
        line.append_text(render.text(now + later, "not bold default"))
        console.print(render.indented(line, 4))
    if not c.moves:
        render.paragraph(console, "This moves no requirement on this day.", "dim", indent=4)
        return
    by: dict[tuple[str, str, str], list[str]] = {}
    where = {"APPLICABLE": "in", "NOT_YET_APPLICABLE": "later", "NOT_APPLICABLE": "out"}
    for m in c.moves:
        said = m.after.explanation.partition("; the profile ")[0] or "applies"
        tail = m.after.legal_reference.partition("; ")[2].removeprefix("see ") or m.after.legal_reference
        key = (where[m.after.applicability.value], said, tail if m.after.because in ("role", "tier") else "")
        by.setdefault(key, []).append(m.requirement.ref)
    biggest = sorted(by.items(), key=lambda item: -len(item[1]))
    for (to, said, tail), refs in biggest[:6]:
        few = ", ".join(refs[:3]) + (f" and {len(refs) - 3} more" if len(refs) > 3 else "")
        behind = f" ({tail})" if tail else ""
        render.paragraph(console, f"{len(refs)} {to}, {said}{behind}: {few}", "dim", indent=6)
    if (rest := len(biggest) - 6) > 0:
        plural = "s" if rest > 1 else ""
        render.paragraph(console, f"… and {rest} more ground{plural} (--format json has all)", "dim", indent=6)


def _draft(console: Console, draft: ProfileDraft, release: Release) -> None:
    from kg.cli import render
    from kg.exports.tables_profile import standing_text

    console.print(render.text(f"As of {draft.as_of}; release {draft.release}", "dim"))
    console.print()
    for c in draft.consequences:
        whom = f"{c.system}: " if c.system else ""
        console.print(render.text(f"{whom}{c.question.text}", "bold"))
        render.paragraph(console, "; ".join(c.said), "cyan", indent=2)
        render.paragraph(console, _together(c.references), "dim", indent=4)
        _consequence(console, c)
        console.print()
    console.print(render.text("Altogether", "bold"))
    for t in draft.total:
        render.paragraph(console, f"{t.title}: {standing_text(t.after)}.", indent=2)
    if draft.open_questions:
        names = ", ".join(f"{s}:{q.name}" if s else q.name for s, q in draft.open_questions)
        render.paragraph(console, f"Not answered, so taken to apply: {names}.", "yellow", indent=2)
    render.disclaimers(console, draft.disclaimers, method=draft.method)
    console.print()


def _toml(draft: ProfileDraft) -> str:
    from kg.organizations import profile_toml

    comment = (
        f"A profile from the questionnaire of `kg profile`, release {draft.release}.\n"
        "What it does not say is taken as true, so that no duty falls out in silence.\n"
    )
    return profile_toml(draft.profile, comment)


def _write(draft: ProfileDraft, output: Path | None) -> None:
    for t in draft.total:
        s = t.after
        note(f"{t.title}: {s.applicable} of {s.total} requirements apply, {s.not_yet_applicable} will later")
    if draft.open_questions:
        names = ", ".join(f"{s}:{q.name}" if s else q.name for s, q in draft.open_questions)
        note(f"not answered, so taken to apply: {names}")
    emit(_toml(draft).encode(), output)


# ---------------------------------------------------------------- asking


def _ask(release: Release, day: date | None, title: str, output: Path | None) -> None:
    """Ask on the terminal, one AI system after the other.  Nothing is written before the last answer is given."""
    from kg.answers import Answer
    from kg.answers import answer as draft_of
    from kg.answers.questionnaire import ONLY_SYSTEM, pending, questionnaire
    from kg.cli import render
    from kg.cli.output import console as make_console
    from kg.errors import InputError

    console = make_console()
    total = len(questionnaire(release).questions)
    opening = (
        f"{total} questions at most. Type the names of options, separated by commas; Enter for “I do not know”; "
        "Ctrl-C stops and writes nothing."
    )
    render.paragraph(console, opening, "dim")
    console.print()
    given: list[Answer] = []
    system, more = "", True
    draft = draft_of(release, given, as_of=day, title=title)
    while more:
        number = 0
        while left := pending(release, given, system or ONLY_SYSTEM):
            q = left[0]
            number += 1
            _question(console, q, release, total - len(left) + 1, total)
            while True:
                typed = console.input(render.text("  > ", "bold")).strip()
                values = tuple(v.strip() for v in typed.split(",") if v.strip()) or ("unknown",)
                whose = (system or ONLY_SYSTEM) if q.scope == "system" else ""
                try:
                    draft = draft_of(release, [*given, Answer(q.name, values, whose)], as_of=day, title=title)
                except InputError as error:
                    for finding in error.findings:
                        console.print(render.indented(render.text(f"{finding.message} ({finding.hint})", "red"), 4))
                    continue
                break
            given.append(Answer(q.name, values, whose))
            done = next(c for c in draft.consequences if c.question.name == q.name and c.system == whose)
            if values == ("unknown",):
                render.paragraph(console, "Left open: taken to apply.", "dim", indent=4)
            else:
                _consequence(console, done)
            console.print()
        if not any(a.system for a in given):
            break
        typed = console.input(render.text("Another AI system? Its name, or Enter for no > ", "bold")).strip()
        taken = {a.system for a in given}
        while typed and (typed in taken or ";" in typed):
            console.print(render.text("    that name is taken, or has a semicolon", "red"))
            typed = console.input(render.text("    Its name, or Enter for no > ", "bold")).strip()
        system, more = typed, bool(typed)
        console.print()
    if output is None:
        print(_toml(draft), end="")
        note("(add -o profile.toml to write it to a file)")
    else:
        _write(draft, output)


# ---------------------------------------------------------------- what applies


def _explain(
    ctx: typer.Context,
    data: list[Path] | None,
    path: Path,
    names: list[str] | None,
    day: date | None,
    limit: int,
    wanted: str,
    output: Path | None,
) -> None:
    from datetime import date as date_type

    from kg.answers import lens
    from kg.organizations import read_profile

    release = load_release(ctx, data)
    frameworks = chosen_frameworks(release, names)
    found = read_profile(path, release)
    when = day or found.as_of or date_type.today()
    lenses = [lens(release, found, f, when) for f in frameworks]

    def draw(console: Console) -> None:
        from kg.cli import render

        whom = f"profile {found.title or 'unnamed'}; as of {when}; release {release.digest}"
        console.print(render.text(f"{path}: {whom}", "bold"))
        console.print()
        for each in lenses:
            _lens(console, each, release, limit)
        render.disclaimers(console, [d for each in lenses for d in each.disclaimers], method=lenses[0].method)

    write_answers(lenses, release, wanted, output, draw)


def _lens(console: Console, found: Lens, release: Release, limit: int) -> None:
    from kg.cli import render
    from kg.exports.tables_profile import standing_text

    console.print(render.text(f"{found.title}", "bold"))
    render.paragraph(console, f"{standing_text(found.standing)}; text of {found.text_version}", indent=2)
    if not found.published:
        said = f"On {found.as_of} there was no text of it: what is told here is the first, of {found.text_version}."
        render.paragraph(console, said, "yellow", indent=2)
    style = {"APPLICABLE": "green", "NOT_YET_APPLICABLE": "yellow", "NOT_APPLICABLE": "dim"}
    word = {"APPLICABLE": "apply", "NOT_YET_APPLICABLE": "will apply", "NOT_APPLICABLE": "do not apply"}
    one = {"APPLICABLE": "applies", "NOT_YET_APPLICABLE": "will apply", "NOT_APPLICABLE": "does not apply"}
    for g in found.groups:
        kind = g.applicability.value
        since = f" since {g.applies_from}" if g.applies_from and kind == "APPLICABLE" else ""
        later = f" from {g.applies_from}" if kind == "NOT_YET_APPLICABLE" else ""
        why = later or (f": {g.explanation}" if g.explanation else since)
        verb = word[kind] if len(g.members) > 1 else one[kind]
        console.print(render.indented(render.text(f"{len(g.members)} {verb}{why}", style[kind]), 2))
        render.paragraph(console, f"by {g.reference}", indent=4)
        refs = [release.provisions[m].ref for m in g.members]
        shown = refs[:limit] if limit else refs
        more = f" … and {len(refs) - len(shown)} more" if len(refs) > len(shown) else ""
        render.paragraph(console, ", ".join(shown) + more, "dim", indent=4)
    console.print()
