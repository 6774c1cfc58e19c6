"""Organisations on the command line: kept, asked about, moved from one database to another."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from kg import Release
from kg.cli.app import COMMANDS, app
from kg.cli.demo import example_paths
from kg.model import ControlStatus
from kg.organizations import read_controls, read_profile
from kg.organizations.store import Actor, Proposal, Store
from kg.organizations.store.tables import organizations

CONTROLS, PROFILE = example_paths()
ME = Actor("command", "tests")
Run = Callable[..., Any]


@pytest.fixture
def run(release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in this process and a folder of its own, on the user's own SQLite file there."""
    load = Release.load
    monkeypatch.setattr(Release, "load", lambda *folders: load(*folders) if folders else release)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("KG_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def command(line: str, code: int = 0, stdin: str | None = None) -> Any:
        result = CliRunner().invoke(app, shlex.split(line), input=stdin)
        assert not isinstance(result.exception, Exception), result.exception
        assert result.exit_code == code, result.output
        return result

    return command


def fill(release: Release, id_: str = "harrow", url: str | None = None, since: datetime | None = None) -> None:
    """The example organisation, kept, and written at an instant if one is given."""
    profile = read_profile(PROFILE, release)
    sheet = read_controls(CONTROLS, release, systems=[s.id for s in profile.systems])
    with Store.open(url) if since is None else Store.open(url, clock=lambda: since) as store:
        if since is not None:  # time in the log never goes back: not behind the day on which the database was made
            with store.engine.begin() as connection:
                connection.execute(sa.update(organizations).values(updated_at=since))
        store.create_organization("Harrow Staffing", id=id_, actor=ME)
        store.upsert_controls(id_, sheet.controls, release=release, actor=ME)
        store.set_profile(id_, profile, release=release, actor=ME)


def test_every_example_of_the_help_runs(run: Run, release: Release, tmp_path: Path) -> None:
    """In an order in which each finds what it needs."""
    (tmp_path / "profile.toml").write_bytes(PROFILE.read_bytes())
    (tmp_path / "controls.csv").write_bytes(CONTROLS.read_bytes())
    lines = [e for name, _, panel, examples in COMMANDS if panel == "Organisations that are kept" for e in examples]
    first = [e for e in lines if e.startswith(("kg db", "kg org create"))]
    moved = [e for e in lines if e.startswith(("kg org export", "kg org delete", "kg org restore"))]
    last = [e for e in lines if e.startswith("kg restore")]
    rest = [e for e in lines if e not in (*first, *moved, *last)]
    key = ""
    for line in (*first, *rest, *moved):
        words = line.removeprefix("kg ").replace(" KEY", f" {key}")
        if words.startswith("org decide"):  # whether or not the ranking finds it today
            control, target = words.split()[3:5]
            with Store.open() as store:
                store.propose("harrow", [Proposal(control, target, 1)], actor=ME)
        said = run(words)
        if words.startswith(("keys create harrow", "keys rotate")):
            key = said.stdout.strip().split("_")[1]
    for line in last:
        assert "NOT_EMPTY" in run(line.removeprefix("kg "), code=2).output
        run(f"{line.removeprefix('kg ')} --replace --yes")


def test_the_kept_answer_is_that_of_the_file(run: Run, release: Release) -> None:
    fill(release)
    kept = json.loads(run("coverage org:harrow --format json").stdout)
    file = json.loads(run(f"coverage {CONTROLS} --profile {PROFILE} --format json").stdout)
    assert kept == file


def test_the_past_is_asked_by_its_day(run: Run, release: Release) -> None:
    fill(release)
    assert "BEFORE_CREATION" in run("coverage org:harrow@2020-01-01", code=2).output
    assert "there is no organisation 'harow'" in run("coverage org:harow", code=2).output


# ---------------------------------------------------------------- wherever a command takes controls

SPRING, SUMMER = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 8, 3, 9, tzinfo=UTC)
ASKED = {
    "coverage {}": "coverage", "gaps {} -f gdpr": "gaps", "explain {} -r gdpr:art-32.1.b": "explain",
    "exposure {} -f gdpr": "exposure", "incident aiid:6 {}": "incident", "incident -t nist-aml:NISTAML.031 {}": "",
    "timeline {} --until 2028-01-01": "timeline", "plan {} -f gdpr": "plan", "evidence {} -f gdpr": "evidence",
    "what-if {} --remove AI-02 -f iso42001": "what-if", "report soa {}": "report", "report ai-act-readiness {}": "",
}  # fmt: skip


@pytest.mark.parametrize("line", ASKED)
def test_what_is_kept_is_asked_like_a_file(run: Run, release: Release, line: str) -> None:
    """The same bytes, from the organisation as it is and as it was at the end of a day."""
    fill(release, since=SPRING)
    file = run(f"{line.format(CONTROLS)} --profile {PROFILE} --format json").stdout
    assert run(f"{line.format('org:harrow')} --format json").stdout == file
    assert run(f"{line.format('org:harrow@2026-03-02')} --format json").stdout == file


def test_every_command_that_takes_controls_is_asked() -> None:
    """A new one has to be tried with what is kept, and says in its help that it takes it."""
    group: Any = typer.main.get_command(app)
    takes = {n for n, c in group.commands.items() for p in c.params if p.name in ("controls", "before")}
    assert takes - {"suggest", "diff"} == {x for x in ASKED.values() if x}
    for name in takes:
        said = [p.help for p in group.commands[name].params if p.name in ("controls", "before")]
        assert "org:ID" in said[0] or "as for `kg coverage`" in said[0], name


def _finish_one(release: Release, *, undo: bool = False) -> None:
    """In the summer AI-09 is done, or AI-02 is no longer done."""
    id_, status = ("AI-02", ControlStatus.PLANNED) if undo else ("AI-09", ControlStatus.IMPLEMENTED)
    with Store.open(clock=lambda: SUMMER) as store:
        (control,) = (c for c in store.load("harrow").controls if c.id == id_)
        store.upsert_controls("harrow", [replace(control, status=status)], release=release, actor=ME)


def test_an_organisation_now_against_its_past(run: Run, release: Release) -> None:
    fill(release, since=SPRING)
    _finish_one(release)
    found = json.loads(run("diff org:harrow@2026-05-01 --format json").stdout)
    assert found["changes"]
    assert {c for change in found["changes"] for cause in change["causes"] for c in cause["controls"]} == {"AI-09"}
    assert found == json.loads(run("diff org:harrow@2026-05-01 org:harrow --format json").stdout)
    assert found["after"]["release"] == release.digest
    back = json.loads(run("diff org:harrow org:harrow@2026-05-01 --format json", code=1).stdout)
    assert {c["curie"] for c in back["changes"]} == {c["curie"] for c in found["changes"]}
    assert not json.loads(run("diff org:harrow@2026-05-01 org:harrow@2026-06-01 --format json").stdout)["changes"]
    assert "org:harrow@2026-05-01" in run("diff org:harrow@2026-05-01").output


def test_a_regression_since_the_past_is_exit_code_one(run: Run, release: Release) -> None:
    fill(release, since=SPRING)
    _finish_one(release, undo=True)
    run("diff org:harrow@2026-05-01", code=1)
    run(f"diff {CONTROLS} org:harrow --profile {PROFILE}", code=1)
    run("diff org:harrow@2026-05-01 org:harrow@2026-08-02")


def test_the_past_is_judged_by_the_law_of_its_day(run: Run, release: Release) -> None:
    """Each side of `kg diff` is what `kg coverage` says of it, unless a day is named for both."""
    fill(release, since=SPRING)
    with Store.open(clock=lambda: SPRING) as store:
        profile = store.load("harrow").profile
        assert profile is not None
        store.set_profile("harrow", replace(profile, as_of=None), release=release, actor=ME)

    def days(more: str, code: int = 0) -> tuple[str, str]:
        line = f"diff org:harrow@2026-07-26 org:harrow@2026-07-27 -f gdpr {more} --format json"
        found = json.loads(run(line, code).stdout)
        return found["before"]["asOf"], found["after"]["asOf"]

    assert days("") == ("2026-07-26", "2026-07-27")
    assert days("--as-of 2027-12-02") == ("2027-12-02", "2027-12-02")
    assert days("--as-of-before 2026-01-01 --as-of 2027-12-02", 1) == ("2026-01-01", "2027-12-02")
    law = json.loads(run("diff org:harrow@2026-07-26 org:harrow@2026-07-27 --format json").stdout)
    kinds = {kind for change in law["changes"] for cause in change["causes"] for kind in cause["kinds"]}
    assert kinds <= {"law", "date"}
    assert "law" in kinds


def test_suggestions_and_imports_know_what_is_kept(run: Run, release: Release, tmp_path: Path) -> None:
    fill(release, since=SPRING)
    _finish_one(release)
    wanted = "--all --source iso42001 --limit 1 --format json"
    proposed = [
        sorted(json.loads(run(f"suggest {name} {wanted}").stdout)["controls"], key=lambda c: str(c["control"]))
        for name in (CONTROLS, "org:harrow")
    ]
    assert proposed[0] == proposed[1]
    assert "has 63 controls" in run("suggest org:harrow -c nothing-like-it", code=2).output
    said = run(f"import controls {CONTROLS} --against org:harrow --dry-run").output
    assert "1 changed" in said
    assert "AI-09" in said
    assert "1 changed" not in run(f"import controls {CONTROLS} --against org:harrow@2026-05-01 --dry-run").output
    both = json.loads(run(f"what-if {CONTROLS} --profile {PROFILE} --remove AI-02 -f gdpr --format json").stdout)
    assert both["before"]["controls"] == 63
    run("org create Other --id other")
    more = json.loads(run("what-if org:other --add-controls org:harrow -f gdpr --format json").stdout)
    assert more["after"]["controls"] == 63


def test_every_example_about_what_is_kept_runs(run: Run, release: Release) -> None:
    fill(release, since=SPRING)
    lines = [e for name, _, _, examples in COMMANDS for e in examples if " org:" in e]
    assert lines
    for line in lines:
        run(line.removeprefix("kg "))


@pytest.mark.parametrize(
    "name, said",
    [
        ("org:", "names no organisation"),
        ("org:harrow@", "names no day"),
        ("org:harrow@soon", "'soon' is not a date"),
        ("org:harrow@2026-13-01", "there is no day '2026-13-01'"),
        ("org:harrow@2099-01-01", "still to come"),
        ("org:harow", "there is no organisation 'harow'"),
        ("org:harrow@2020-01-01", "did not exist"),
    ],
)
def test_what_names_nothing_gets_one_clear_error(run: Run, release: Release, name: str, said: str) -> None:
    fill(release, since=SPRING)
    for line in (f"coverage {name}", f"diff {name} org:harrow", f"diff org:harrow {name}", f"suggest {name}"):
        found = run(line, code=2).output
        assert said in found
        assert len(found.strip().splitlines()) == 1
    assert "both sides are the same" in run("diff org:harrow", code=2).output


def test_a_key_is_shown_once(run: Run) -> None:
    run("org create Harrow --id harrow")
    token = run("keys create harrow --role editor --name ci --expires 30d").stdout.strip()
    listed = run("keys list harrow --format json").stdout
    assert token.split("_")[1] in listed
    assert token not in listed
    with Store.open() as store:
        assert (found := store.authenticate(token))
        assert found.role.value == "editor"


@pytest.mark.parametrize(
    "line, said",
    [
        ("org show nope", "there is no organisation 'nope'"),
        ("org create X --id 'A B'", "cannot be the id"),
        ("org create ''", "1 to 200 printable characters"),
        ("keys create harrow --role edtor", "did you mean editor"),
        ("keys create", "--platform"),
        ("keys create harrow --platform", "--platform"),
        ("keys create harrow --expires 2020-01-01", "past"),
        ("keys create harrow --expires soon", "90d"),
        ("keys revoke harrow nope", "nope"),
        ("org delete harrow", "--yes"),
        ("org member harrow https://id.example u --role king", "king"),
        ("audit verify harrow --known x", "12:9f"),
        ("org restore missing.kgorg", "missing.kgorg"),
        ("restore profile.toml", "profile.toml"),
    ],
)
def test_a_bad_request_gets_one_clear_error(run: Run, line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text("no backup")
    run("org create Harrow --id harrow")
    found = run(line, code=2)
    assert said in found.output
    assert "Traceback" not in found.output
    assert len(found.output.strip().splitlines()) == 1


def test_a_removed_entry_of_the_audit_log_is_noticed(run: Run, release: Release) -> None:
    fill(release)
    assert "harrow: whole" in run("audit verify").output
    with Store.open() as store, store.engine.begin() as connection:
        for (name,) in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(sa.text(f'DROP TRIGGER "{name}"'))
        connection.execute(sa.text("DELETE FROM audit_log WHERE organization_id = 'harrow' AND seq = 2"))
    assert "harrow: NOT WHOLE" in run("audit verify", code=1).output


def test_what_was_deleted_is_gone(run: Run, release: Release, tmp_path: Path) -> None:
    fill(release)
    run("org delete harrow --export harrow.kgorg --yes")
    assert "no organisation" in run("org show harrow", code=2).output
    data = next((tmp_path / "data").rglob("*.sqlite3"))
    with Store.open() as store, store.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
            assert "Harrow" not in str(rows), table
    assert data.stat().st_size
    run("org restore harrow.kgorg")
    assert "Harrow Staffing" in run("org show harrow").output


@pytest.mark.parametrize("there, back", [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_backup_restores_into_the_other_engine_byte_for_byte(
    run: Run, release: Release, database: Any, monkeypatch: pytest.MonkeyPatch, there: str, back: str
) -> None:
    """Taken while others write: what the backup holds is one instant, and the answer from it is the same bytes."""
    import threading

    one, other = database(there), database(back, empty=back == "sqlite")
    fill(release, url=one)
    fill(release, "other", url=one)
    stop = threading.Event()

    def writer() -> None:
        with Store.open(one) as store:
            number = 0
            while not stop.is_set():
                number += 1
                store.rename_organization("other", f"Other {number}", actor=ME)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        monkeypatch.setenv("KG_DATABASE_URL", one)
        before = run("coverage org:harrow --format json").stdout_bytes
        run("backup all.kgbackup")
    finally:
        stop.set()
        thread.join()
    monkeypatch.setenv("KG_DATABASE_URL", other)
    run("restore all.kgbackup")
    assert run("coverage org:harrow --format json").stdout_bytes == before
    assert "NOT WHOLE" not in run("audit verify").output


def test_lists_are_plain_data_too(run: Run, release: Release) -> None:
    fill(release)
    assert json.loads(run("org list --format json").stdout)[0]["id"] == "harrow"
    history = json.loads(run("org history harrow --format json").stdout)
    assert {"control.create", "profile.set"} <= {e["action"] for e in history} | {"profile.set"}
    assert io.StringIO(run("org list --format csv").stdout).readline().startswith("id,name")
    for line in run("audit export harrow").stdout.splitlines():
        assert "hash" in json.loads(line)
