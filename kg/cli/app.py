"""The application: which commands there are, with an example of each, and how errors are told.

Exit codes: 0 done, 2 the request, a file or the data is wrong, 70 a bug of ours, 130 interrupted,
141 nobody reads the output any more.  Whatever is wrong is told on standard error, one finding a line, without a
traceback.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from kg.cli.light import Commands, lighten
from kg.cli.options import DataOption
from kg.errors import InputError, KgError

__all__ = ["COMMANDS", "GROUPS", "app"]


class _Module:
    """A module of commands, imported when one of them is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> _Command:
        return _Command(f"kg.cli.{self._name}", function)


class _Command(NamedTuple):
    """A command's function, by module and name."""

    module: str
    function: str

    def load(self) -> Callable[..., None]:
        """The function."""
        found: Callable[..., None] = getattr(import_module(self.module), self.function)
        return found


assess = _Module("assess")
browse = _Module("browse")
compare = _Module("compare")
data = _Module("data")
demo = _Module("demo")
evidence = _Module("evidence")
export = _Module("export")
importing = _Module("importing")
incident = _Module("incident")
mcp = _Module("mcp")
operations = _Module("operations")
organizations = _Module("organizations")
overlap = _Module("overlap")
plan = _Module("plan")
profile = _Module("profile")
publish = _Module("publish")
report = _Module("report")
serve = _Module("serve")
show = _Module("show")
suggest = _Module("suggest")
template = _Module("template")
timeline = _Module("timeline")
updating = _Module("updating")
whatif = _Module("whatif")
_ANSWERS, _LOOK_UP, _RUN, _KEEP = "Answers", "Look things up", "Check, build, serve", "Organisations that are kept"
#: Warnings that are told beside errors; the rest is a number.
_WARNINGS = 5
#: What the commands of two words are about.
GROUPS: dict[str, str] = {
    "org": "Organisations that are kept: their controls, profile, evidence and history.",
    "keys": "API keys: who may ask a server about an organisation, and change it.",
    "audit": "The audit log: who did what, when, before and after.",
    "db": "The database of organisations: SQLite in your data folder, or KG_DATABASE_URL.",
}
#: Name, function, panel of the help, examples.
COMMANDS: tuple[tuple[str, _Command | Callable[..., None], str, tuple[str, ...]], ...] = (
    ("demo", demo.demo, _ANSWERS, ("kg demo", "kg demo --out /tmp/kg-demo")),
    ("coverage", assess.coverage, _ANSWERS, (
        "kg coverage controls.csv --profile profile.toml",
        "kg coverage controls.xlsx --framework eu-ai-act --as-of 2027-12-02 -o coverage.xlsx",
    )),
    ("gaps", assess.gaps, _ANSWERS, (
        "kg gaps controls.csv --framework gdpr --limit 5",
        "kg gaps controls.csv --profile profile.toml --framework eu-ai-act -o gaps.md",
    )),
    ("explain", assess.explain, _ANSWERS, (
        "kg explain controls.csv --requirement eu-ai-act:art-15.5",
        "kg explain controls.csv --framework gdpr --requirement 'Article 32(1)(b)'",
    )),
    ("exposure", incident.exposure, _ANSWERS, (
        "kg exposure controls.csv --profile profile.toml",
        "kg exposure controls.csv -f gdpr --since 2024 --sector health",
    )),
    ("incident", incident.incident, _ANSWERS, (
        "kg incident aiid:6 controls.csv --profile profile.toml",
        "kg incident aiid:6",
        "kg incident --threat nist-aml:NISTAML.031 controls.csv",
    )),
    ("timeline", timeline.timeline, _ANSWERS, (
        "kg timeline controls.csv --profile profile.toml --until 2031-01-01",
        "kg timeline controls.csv --framework eu-ai-act --from 2024-07-12 -o timeline.xlsx",
    )),
    ("profile", profile.profile, _ANSWERS, (
        "kg profile -o new-profile.toml",
        "kg profile --questions",
        "kg profile --answer place=union --answer roles=deployer --answer high-risk=employment -o new-profile.toml",
        "kg profile --explain profile.toml --framework eu-ai-act --as-of 2027-12-02",
    )),
    ("plan", plan.plan, _ANSWERS, (
        "kg plan controls.csv --profile profile.toml --framework eu-ai-act --by 2027-12-02",
        "kg plan controls.csv --budget 10 --must aisb:GOV-06 -o plan.xlsx",
        "kg plan controls.csv --framework gdpr --singles --limit 5",
    )),
    ("diff", compare.diff, _ANSWERS, (
        "kg diff last-year.csv controls.csv --profile profile.toml",
        "kg diff org:harrow@2026-08-23",
        "kg diff controls.csv -f eu-ai-act --as-of-before 2026-07-26 --as-of 2026-07-27",
        "kg diff controls.csv --release-before older-checkout --strict",
    )),
    ("what-if", whatif.what_if, _ANSWERS, (
        "kg what-if controls.csv --add aisb:DAT-01 --remove AI-02",
        "kg what-if controls.csv --profile profile.toml --certify iso42001 --exclude A.10.3",
        "kg what-if controls.csv --fact personal-data=false --evidence-older-than 2026-01-01",
    )),
    ("evidence", evidence.evidence, _ANSWERS, (
        "kg evidence controls.csv --profile profile.toml",
        "kg evidence controls.csv --profile profile.toml --within 365 -o evidence.xlsx",
    )),
    ("suggest", suggest.suggest, _ANSWERS, (
        "kg suggest controls.csv --source iso42001 --limit 3",
        "kg suggest --text 'We red-team each release' --source iso42001 --source aisb",
    )),
    ("crosswalk", browse.crosswalk, _ANSWERS, (
        "kg crosswalk nist-ai-rmf iso42001",
        "kg crosswalk eu-ai-act iso42001 --min-authority project -o crosswalk.xlsx",
        "kg crosswalk gdpr iso42001 -o crosswalk.sssom.tsv",
    )),
    ("export", export.export, _ANSWERS, (
        "kg export aisb-gdpr -o aisb-gdpr.sssom.tsv",
        "kg export eu-ai-act -o eu-ai-act.ttl",
        "kg export graph -o graph.trig",
    )),
    ("overlap", overlap.overlap, _ANSWERS, (
        "kg overlap iso42001 eu-ai-act --as-of 2026-11-23",
        "kg overlap --matrix -o overlaps.xlsx",
        "kg overlap --permalink '/overlaps/iso42001/gdpr?asOf=2026-11-23'",
    )),
    ("disagreements", report.disagreements, _ANSWERS, (
        "kg disagreements --limit 5",
        "kg disagreements -f iso42001 -f nist-ai-rmf --all --format csv",
    )),
    ("report", report.report, _ANSWERS, (
        "kg report soa controls.csv --profile profile.toml -o soa.xlsx",
        "kg report ai-act-readiness controls.csv --profile profile.toml",
        "kg report content --as-of 2026-11-23 -o content.md",
    )),
    ("frameworks", browse.frameworks, _LOOK_UP, ("kg frameworks",)),
    ("show", show.show, _LOOK_UP, (
        "kg show eu-ai-act:art-15.5",
        "kg show 'Article 10(2)(f)' --framework eu-ai-act",
    )),
    ("search", browse.search, _LOOK_UP, ("kg search data poisoning", "kg search logs --kind control --limit 5")),
    ("stats", browse.stats, _LOOK_UP, ("kg stats", "kg stats --format json")),
    ("sparql", data.sparql, _LOOK_UP, (
        "kg sparql 'SELECT ?c ?t WHERE { ?c a kg:ReferenceControl ; dcterms:title ?t } LIMIT 5'",
        "kg sparql question.rq --format csv",
    )),
    ("lint", data.lint, _RUN, ("kg lint", "kg lint my-data --fix")),
    ("import", importing.import_, _RUN, (
        "kg import controls controls.xlsx --against controls.csv --dry-run",
        "kg import mappings crosswalk.xlsx --dry-run",
        "kg import aiid backup-20261116101500.tar.bz2 -o my-aiid",
    )),
    ("template", template.template, _RUN, ("kg template -o my-controls.xlsx",)),
    ("build", data.build, _RUN, ("kg build -o build/release",)),
    ("serve", serve.serve, _RUN, ("kg serve", "kg serve --host 0.0.0.0 --port 8080 --log json")),
    ("mcp", mcp.mcp, _RUN, ("kg mcp", "kg mcp --transport http --port 8001")),
    ("publish", publish.publish, _RUN, (
        "kg publish http://localhost:7878/store --dry-run",
        "kg publish http://localhost:8890/sparql-graph-crud-auth",
    )),
    ("org list", organizations.list_, _KEEP, ("kg org list",)),
    ("org create", organizations.create, _KEEP, ("kg org create 'Harrow Staffing' --id harrow",)),
    ("org show", organizations.show, _KEEP, ("kg org show harrow",)),
    ("org rename", organizations.rename, _KEEP, ("kg org rename harrow 'Harrow Staffing Ltd'",)),
    ("org profile", organizations.profile, _KEEP, ("kg org profile harrow profile.toml", "kg org profile harrow")),
    ("org import", updating.import_, _KEEP, (
        "kg org import harrow controls.csv --dry-run",
        "kg org import harrow controls.csv --yes",
    )),
    ("org suggest", updating.suggest, _KEEP, (
        "kg org suggest harrow --source gdpr --limit 3",
        "kg org suggest harrow --control AI-07 --keep",
    )),
    ("org suggestions", updating.suggestions, _KEEP, ("kg org suggestions harrow",)),
    ("org decide", updating.decide, _KEEP, (
        "kg org decide harrow AI-07 iso42001:A.5.2 --accept --relation intersects_with",
        "kg org decide harrow AI-07 gdpr:art-35.1 --reject",
    )),
    ("org evidence", updating.evidence, _KEEP, ("kg org evidence harrow",)),
    ("org history", organizations.history, _KEEP, ("kg org history harrow --since 3",)),
    ("org archive", organizations.archive, _KEEP, ("kg org archive harrow", "kg org archive harrow --undo")),
    ("org export", organizations.export, _KEEP, ("kg org export harrow -o harrow.kgorg",)),
    ("org delete", organizations.delete, _KEEP, ("kg org delete harrow --export harrow.kgorg --yes",)),
    ("org restore", organizations.restore, _KEEP, ("kg org restore harrow.kgorg",)),
    ("org members", organizations.members, _KEEP, ("kg org members harrow",)),
    ("org member", organizations.member, _KEEP, (
        "kg org member harrow https://id.example.org 00u1a --role editor",
    )),
    ("keys create", operations.keys_create, _KEEP, (
        "kg keys create harrow --role editor --expires 90d",
        "kg keys create --platform",
    )),
    ("keys list", operations.keys_list, _KEEP, ("kg keys list harrow", "kg keys list --platform")),
    ("keys rotate", operations.keys_rotate, _KEEP, ("kg keys rotate harrow KEY --old-until 7d",)),
    ("keys revoke", operations.keys_revoke, _KEEP, ("kg keys revoke harrow KEY",)),
    ("audit verify", operations.audit_verify, _KEEP, ("kg audit verify", "kg audit verify harrow")),
    ("audit export", operations.audit_export, _KEEP, ("kg audit export harrow -o audit.jsonl",)),
    ("db upgrade", operations.db_upgrade, _KEEP, ("kg db upgrade",)),
    ("db status", operations.db_status, _KEEP, ("kg db status",)),
    ("backup", operations.backup, _KEEP, ("kg backup organisations.kgbackup",)),
    ("restore", operations.restore, _KEEP, ("kg restore organisations.kgbackup",)),
)  # fmt: skip


class _Group(TyperGroup):
    """The commands, with one way of telling what went wrong."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        self.commands = Commands(
            {name: partial(_made, name) for name in dict.fromkeys(n.split()[0] for n, *_ in COMMANDS)}
        )
        lighten(self)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run one command and exit with its code."""
        extra["standalone_mode"] = False
        extra["prog_name"] = extra.get("prog_name") or "kg"
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()
        except KgError as error:
            code = _tell(error)
        except BrokenPipeError:
            code = _hush()
        except (typer.Abort, KeyboardInterrupt):
            code = 130
        except Exception as error:
            code = _tell_usage(error) if hasattr(error, "format_message") else _tell_bug(error)
        sys.exit(code if isinstance(code, int) else 0)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, for which no command's own parameters are made."""
        whole, self.commands = self.commands, {name: _listed(name) for name in self.commands}
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = whole

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a closed pipe ends it without a word."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(_hush()) from None


def _say(line: str) -> None:
    from kg.cli.output import clean

    print(clean(line, "\t"), file=sys.stderr)


def _tell(error: KgError) -> int:
    """Every error on a line of its own; warnings that came with them too, or their number if they are many."""
    if not isinstance(error, InputError):
        _say(f"kg: {error.code} {error}")
        return 2
    errors = [f for f in error.findings if f.severity == "error"]
    warnings = [f for f in error.findings if f.severity != "error"]
    for finding in (*errors, *warnings[:_WARNINGS]):
        _say(str(finding))
    if rest := len(warnings[_WARNINGS:]):
        _say(f"kg: and {rest} more warning{'s' if rest > 1 else ''}")
    return 2


def _tell_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "kg"
    if type(error).__name__ == "NoArgsIsHelpError":
        return 0
    said = " ".join(error.format_message().replace("Value error, ", "").split())
    _say(f"{command}: BAD_ARGUMENT {said} (`{command} --help` describes every option)")
    return 2


def _tell_bug(error: Exception) -> int:
    """What nobody foresaw, in one line; the traceback is for those who ask for it."""
    if os.environ.get("KG_DEBUG"):
        raise error
    said = " ".join(str(error).split())[:300]
    _say(f"kg: INTERNAL {type(error).__name__}: {said} (this is a bug: please report it; KG_DEBUG=1 tells more)")
    return 70


def _hush() -> int:
    """Nobody reads any more: let the rest of the output go nowhere, and say so as SIGPIPE would."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _version(value: bool) -> None:
    if value:
        from kg import __version__

        typer.echo(f"kg {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="kg",
    cls=_Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    invoke_without_command=True,
    epilog="Example: kg coverage controls.csv --framework eu-ai-act --profile profile.toml",
)
def _kg(
    ctx: typer.Context,
    data: DataOption = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Which requirements of ISO/IEC 42001, the NIST AI RMF, the EU AI Act and the GDPR your controls cover, what is
    missing and why, with the chain of mappings behind every answer."""
    ctx.obj = list[Path](data or ())
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _typer(**said: Any) -> typer.Typer:
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich", **said)


def _add(
    app: typer.Typer, word: str, function: _Command | Callable[..., None], panel: str | None, examples: tuple[str, ...]
) -> None:
    heading = "Example" if len(examples) == 1 else "Examples"
    epilog = "\n\n".join([f"{heading}:", *examples])
    loaded = function.load() if isinstance(function, _Command) else function
    app.command(word, epilog=epilog, rich_help_panel=panel)(loaded)


def _listed(name: str) -> Any:
    """The command or group of this name as the list of all shows it."""
    function, panel = next((f, p) for whole, f, p, _ in reversed(COMMANDS) if name in (whole, whole.split()[0]))
    loaded = function.load() if isinstance(function, _Command) else function
    return TyperCommand(name, help=GROUPS.get(name) or inspect.getdoc(loaded), rich_help_panel=panel)


def _made(name: str) -> Any:
    """The command or group of this name."""
    group = name in GROUPS
    found = _typer(help=GROUPS[name], no_args_is_help=True) if group else _typer()
    panel = ""
    for whole, function, panel_, examples in COMMANDS:
        before, _, word = whole.rpartition(" ")
        if before == name or whole == name:
            panel = panel_
            _add(found, word, function, None if before else panel_, examples)
    command: Any = typer.main.get_command(found)
    if group:
        command.name, command.rich_help_panel = name, panel
        for each in command.commands.values():
            lighten(each)
    return lighten(command)
