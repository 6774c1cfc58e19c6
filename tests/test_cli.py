"""The command line: what it prints, where it writes, how it refuses."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import typer
import xlsxwriter
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from kg import Release, __version__
from kg.cli.app import COMMANDS, GROUPS, app
from kg.cli.demo import example_paths
from kg.errors import Finding

ROOT = Path(__file__).resolve().parents[1]
CONTROLS, PROFILE = map(str, example_paths())
SGR = re.compile(r"\x1b\[")

Run = Callable[..., Any]


@pytest.fixture
def run(release: Release, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; the project's own release is read only once."""
    load = Release.load

    def cached(*folders: Path | str, own: Path | None = None) -> Release:
        return load(*folders, own=own) if folders or own else release

    monkeypatch.setattr(Release, "load", cached)
    monkeypatch.setenv("COLUMNS", "80")

    def command(*args: str, code: int = 0, stdin: str | None = None) -> Any:
        result = CliRunner().invoke(app, list(args), input=stdin)
        assert not isinstance(result.exception, Exception), result.exception
        assert result.exit_code == code, result.output
        return result

    return command


def process(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    env = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS")} | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "kg", *args], capture_output=True, text=True, env=env, timeout=120, **options
    )


def example(*args: str) -> list[str]:
    """The arguments of a command about the example organisation."""
    return [args[0], CONTROLS, "--profile", PROFILE, *args[1:]]


# ---------------------------------------------------------------- help


def test_every_command_and_option_is_described() -> None:
    """Walk the tree: a sentence for each command, an example, and a help text for every argument and option."""
    group: Any = typer.main.get_command(app)
    assert group.epilog
    every = {}
    for name, command in group.commands.items():
        every |= {f"{name} {n}": c for n, c in command.commands.items()} if name in GROUPS else {name: command}
    assert {name for name, *_ in COMMANDS} == set(every)
    missing = []
    for name, command in [("kg", group), *every.items()]:
        if not (command.help or "").strip():
            missing.append(name)
        if f"kg {name}" not in (command.epilog or "") and name != "kg":
            missing.append(f"{name}: example")
        missing += [f"{name} {p.name}" for p in command.params if not (getattr(p, "help", "") or "").strip()]
    assert not missing


def test_the_promised_commands_are_all_there() -> None:
    wanted = "demo frameworks show search coverage gaps explain crosswalk sparql lint build stats serve".split()
    assert set(wanted) <= {name for name, *_ in COMMANDS}


def test_help_prints_the_example(run: Run) -> None:
    for name, _, _, examples in COMMANDS:
        shown = " ".join(run(*name.split(), "--help").output.split())
        for each in examples:
            assert " ".join(each.split()) in shown
    assert "kg coverage" in run("--help").output
    assert run().output == run("--help").output


#: What asks on a terminal is tried on one in test_questionnaire.py.
ON_A_TERMINAL = ("kg profile -o new-profile.toml",)
#: Those about organisations that are kept stand in test_cli_organizations.py, in an order in which they make sense.
KEPT = {name for name, _, panel, _ in COMMANDS if panel == "Organisations that are kept"}
EXAMPLES = [e for name, _, _, examples in COMMANDS if name not in {"serve", "mcp", "publish", *KEPT} for e in examples]
EXAMPLES = [e for e in EXAMPLES if "--fix" not in e and " org:" not in e and e not in ON_A_TERMINAL]


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_run(line: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the help does what it says, in a folder with the files it names."""
    monkeypatch.chdir(tmp_path)
    for name in ("controls.csv", "last-year.csv"):
        (tmp_path / name).write_bytes(Path(CONTROLS).read_bytes())
    (tmp_path / "older-checkout").mkdir()
    for folder in ("ontologies", "mappings"):
        (tmp_path / "older-checkout" / folder).symlink_to(ROOT / folder)
    (tmp_path / "profile.toml").write_bytes(Path(PROFILE).read_bytes())
    rows = list(csv.reader(io.StringIO(Path(CONTROLS).read_text(encoding="utf-8"))))
    systems = rows[0].index("systems") if "systems" in rows[0] else len(rows[0])
    write_workbook(tmp_path / "controls.xlsx", [row[:systems] for row in rows])
    (tmp_path / "question.rq").write_text("SELECT ?c WHERE { ?c a kg:ReferenceControl } LIMIT 3")
    with tarfile.open(tmp_path / "backup-20261116101500.tar.bz2", "w:bz2") as archive:
        table = tarfile.TarInfo("mongodump_full_snapshot/incidents.csv")
        rows_of_it = b"incident_id,date,title\n2000,2026-11-01,A case\n"
        table.size = len(rows_of_it)
        archive.addfile(table, io.BytesIO(rows_of_it))
    if "crosswalk.xlsx --dry-run" in line:
        run("crosswalk", "nist-ai-rmf", "iso42001", "--direct-only", "-o", "crosswalk.xlsx")
    args = [a.replace("/tmp", str(tmp_path)) for a in shlex.split(line)[1:]]
    run(*args)


def write_workbook(path: Path, rows: list[list[str]]) -> None:
    """A workbook of strings."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell)
    book.close()


def test_version(run: Run) -> None:
    assert run("--version").output == f"kg {__version__}\n"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "args, said",
    [
        (["coverage", CONTROLS, "--framework", "eu-ai-akt"], "did you mean eu-ai-act?"),
        (["coverage", "no-such.csv", "--framework", "gdpr"], "no-such.csv: NOT_FOUND"),
        (["coverage", CONTROLS, "--as-of", "2026-13-01"], "there is no day '2026-13-01'"),
        (["coverage", CONTROLS, "--as-of", "soon"], "'soon' is not a date"),
        (["coverage", CONTROLS, "--set", "aisb-gdrp"], "did you mean aisb-gdpr?"),
        (["coverage", CONTROLS, "--max-hops", "9"], "0 to 3"),
        (["coverage", CONTROLS, "--format", "xlsx"], "-o answer.xlsx"),
        (["coverage", CONTROLS, "--format", "pdf"], "'xlsx'"),
        (["coverage", CONTROLS, "-o", "no/such/folder/x.json"], "mkdir -p no/such/folder"),
        (["coverage"], "Missing argument 'CONTROLS'"),
        (["coverage", CONTROLS, "--frmework", "gdpr"], "--framework"),
        (["coverrage", CONTROLS], "coverrage"),
        (["show", "eu-ai-act:art-15.55"], "did you mean eu-ai-act:art-15.5"),
        (["show", "Article 5"], "--framework"),
        (["explain", CONTROLS, "--requirement", "eu-ai-act:art-15"], "eu-ai-act:art-15.5"),
        (["explain", CONTROLS, "--requirement", "aisb:DAT-01"], "not a requirement"),
        (["explain", CONTROLS, "-r", "eu-ai-act:art-4a.1", "--as-of", "2025-01-01"], "from 2026-07-27"),
        (["crosswalk", "gdpr", "gdprr"], "did you mean gdpr?"),
        (["crosswalk", "gdpr", "gdpr"], "two frameworks"),
        (["sparql", "SELECT * {?s ?p"], "does not parse"),
        (["sparql", "no-such.rq"], "no-such.rq: NOT_FOUND"),
        (["--data", "no-such-folder", "stats"], "no-such-folder: NO_DATA"),
        (["stats", "--data", "no-such-folder"], "no-such-folder: NO_DATA"),
        (["lint", "no-such-folder"], "no-such-folder: NOT_FOUND"),
        (["serve", "--port", "99999"], "65535"),
        (["serve", "--host", "no.such.host.invalid"], "cannot be listened on"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    args: list[str], said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, what and what instead on standard error, nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    result = run(*args, code=2)
    assert result.stdout == ""
    assert said in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("kg: and ") and " warning " not in line]
    assert len(lines) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args, said",
    [
        (["coverage", CONTROLS, "--framework", "eu-ai-akt"], "did you mean eu-ai-act?"),
        (["coverage", "no-such.csv", "--framework", "gdpr"], "no-such.csv: NOT_FOUND"),
        (["coverage", CONTROLS, "--as-of", "2026-13-01"], "there is no day '2026-13-01'"),
        (["coverage"], "Missing argument 'CONTROLS'"),
        (["--data", "no-such-folder", "stats"], "no-such-folder: NO_DATA"),
    ],
)
def test_the_real_command_refuses_without_a_traceback(args: list[str], said: str, tmp_path: Path) -> None:
    found = process(*args, cwd=tmp_path)
    assert found.returncode == 2
    assert found.stdout == ""
    assert said in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("c.csv", b"id,title\nA,b\n", ["MISSING_COLUMN"]),
        ("c.csv", b"id,title,status,mappings\nA,b,implmented,aisb:DAT-01x\nB,c,,\n",
         ["c.csv:2 (mappings): UNKNOWN_ID", "aisb:DAT-01", "UNKNOWN_STATUS", "c.csv:3", "MISSING_STATUS"]),
        ("c.xlsx", b"not a workbook", ["c.xlsx: UNREADABLE"]),
        ("c.csv", b"id,title,status,evidence\nA,b,implemented,2026-02-30\n", ["c.csv:2 (evidence", "BAD_VALUE"]),
        ("c.csv", b"id,title,status\nA,\xff,implemented\n", ["ENCODING"]),
        ("c.csv", b"", ["c.csv"]),
    ],
)  # fmt: skip
def test_wrong_controls_are_refused_with_every_finding(
    name: str, content: bytes, said: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    found = run("coverage", name, "--framework", "gdpr", "--format", "json", code=2)
    assert found.stdout == ""
    assert all(each in found.stderr for each in said), found.stderr


def test_a_broken_data_folder_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings with their lines; what the project's own data is warned of is only counted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "ontologies").mkdir(parents=True)
    (tmp_path / "mine" / "ontologies" / "x.ttl").write_text("this is not turtle")
    found = run("stats", "--data", "mine", code=2)
    assert re.search(r"^mine/ontologies/x\.ttl:1: SYNTAX ", found.stderr, re.MULTILINE)
    assert "warning CONTRADICTION" not in found.stderr


def test_a_bad_profile_names_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('title = "x"\nroles = ["provder"]\n')
    found = run("coverage", CONTROLS, "--profile", str(tmp_path / "p.toml"), code=2)
    assert "p.toml:2" in found.stderr
    assert "provider" in found.stderr


def test_a_closed_pipe_is_silent() -> None:
    """``kg … | head`` ends without a word."""
    command = f"{shlex.quote(sys.executable)} -m kg show aisb | true"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert found.stderr == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see when the command waits")
def test_ctrl_c_ends_with_130() -> None:
    """Interrupted while it waits for a query."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-m", "kg", "sparql", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=env, text=True,
        # a shell lets what it starts in the background ignore the signal, and that is handed down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    used = [-2, -1]
    while len(used) < 300 and len(set(used[-4:])) > 1:
        time.sleep(0.2)
        used.append(int(Path(f"/proc/{running.pid}/stat").read_text().split()[13]))
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Traceback" not in stderr


def test_heavy_libraries_stay_out() -> None:
    """Neither help nor coverage loads what only the web side, RDF or graphs need."""
    heavy = ("fastapi", "strawberry", "rdflib", "networkx", "uvicorn", "xlsxwriter", "sqlalchemy")
    for args in (["--help"], ["coverage", CONTROLS, "--framework", "gdpr", "--format", "json"]):
        code = (
            "import runpy, sys\n"
            f"sys.argv = {['kg', *args]!r}\n"
            "try:\n    runpy.run_module('kg', run_name='__main__')\n"
            "except SystemExit:\n    pass\n"
            f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert found.stderr.strip().splitlines()[-1] == "[]"


def test_no_colour_codes_in_a_pipe() -> None:
    """Plain text, no blanks at the ends of lines."""
    found = process(*example("coverage", "--framework", "gdpr"))
    assert found.returncode == 0
    assert not SGR.search(found.stdout)
    assert not any(line != line.rstrip() for line in found.stdout.splitlines())


def test_a_bug_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw ends with 70 and a line; KG_DEBUG shows where it comes from."""

    def broken(release: Release) -> dict[str, Any]:
        raise ZeroDivisionError("no such\nluck")

    monkeypatch.setattr("kg.release.Release.stats", broken)
    result = run("stats", code=70)
    assert result.stderr.startswith("kg: INTERNAL ZeroDivisionError: no such luck (")
    assert len(result.stderr.splitlines()) == 1
    monkeypatch.setenv("KG_DEBUG", "1")
    assert isinstance(CliRunner().invoke(app, ["stats"]).exception, ZeroDivisionError)


# ---------------------------------------------------------------- coverage


def test_coverage_says_first_what_was_assessed(run: Run, release: Release) -> None:
    """Controls by status, profile, day, release; then every framework with its denominator; then the cautions."""
    out = run(*example("coverage")).output
    head = " ".join(out.split("\n\n")[0].split())
    for said in ("controls.csv", "implemented", "planned", "profile", "as of 2026-11-23", release.digest):
        assert said in head
    for f in release.frameworks.values():
        assert re.search(rf"^{re.escape(f.short_title)}\s+\d+ of \d+ ", out, re.MULTILINE)
    assert "not legal advice" in out
    assert "RCC5" in out


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_and_never_cut_a_number(width: int, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns and more no line is longer; below, lines run over rather than lose a digit."""
    said = orjson.loads(run(*example("coverage", "--format", "json")).stdout_bytes)
    monkeypatch.setenv("COLUMNS", str(width))
    out = run(*example("coverage")).output
    for answer in said:
        c = answer["counts"]
        numbers = [c["partial"], c["lead"], c["gap"], c["disputed"], c["notApplicable"]]
        line = next(x for x in out.splitlines() if f"{c['covered']} of {c['applicable']} " in x)
        assert [n in line.split() for n in map(str, numbers)] == [True] * 5
    if width >= 80:
        commands = [example("coverage", "-f", f) for f in ("gdpr", "eu-ai-act")]
        commands += [example("gaps"), ["frameworks"], ["stats"], ["crosswalk", "nist-ai-rmf", "iso42001"]]
        commands += [
            ["search", "data poisoning"],
            ["show", "eu-ai-act:art-15.5"],
            example("explain", "-r", "gdpr:art-32.1.b"),
        ]
        for command in commands:
            assert max(map(len, run(*command).output.splitlines())) <= width, command


def test_coverage_json_of_one_and_of_several(run: Run) -> None:
    one = orjson.loads(run(*example("coverage", "-f", "gdpr", "--format", "json")).stdout_bytes)
    assert one["framework"] == "gdpr"
    several = orjson.loads(run(*example("coverage", "-f", "gdpr", "-f", "iso42001", "--format", "json")).stdout_bytes)
    assert [a["framework"] for a in several] == ["gdpr", "iso42001"]
    assert several[0] == one
    everything = run(*example("coverage", "-f", "all", "--format", "json"))
    assert everything.stdout_bytes == run(*example("coverage", "--format", "json")).stdout_bytes


def test_frameworks_by_their_short_title(run: Run) -> None:
    found = orjson.loads(run(*example("coverage", "-f", "EU AI Act", "--format", "json")).stdout_bytes)
    assert found["framework"] == "eu-ai-act"


def test_shuffled_rows_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    """Rows in another order, in another file, or in a workbook: byte for byte the same answer."""
    rows = list(csv.reader(io.StringIO(Path(CONTROLS).read_text(encoding="utf-8"))))
    body = rows[1:]
    Random(3).shuffle(body)
    with (tmp_path / "other.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([rows[0], *body])
    write_workbook(tmp_path / "other.xlsx", [rows[0], *body])
    tail = ["--profile", PROFILE, "--format", "json"]
    wanted = run("coverage", CONTROLS, *tail).stdout_bytes
    assert run("coverage", str(tmp_path / "other.csv"), *tail).stdout_bytes == wanted
    assert run("coverage", str(tmp_path / "other.xlsx"), *tail).stdout_bytes == wanted


def test_the_filters_reach_the_answer(run: Run) -> None:
    """Fewer rows or hops never cover more, and the method says which counted."""

    def covered(*args: str) -> tuple[int, str]:
        found = orjson.loads(run(*example("coverage", "-f", "gdpr", "--format", "json", *args)).stdout_bytes)
        return found["counts"]["covered"], found["method"]

    every, _ = covered()
    for args, said in (
        (["--max-hops", "0"], "at most 0 hops"),
        (["--reviewed-only"], "reviewed rows"),
        (["--min-authority", "owner"], "authority owner or higher"),
        (["--set", "aisb-gdpr"], "of aisb-gdpr"),
    ):
        count, method = covered(*args)
        assert count <= every
        assert said in method


def test_as_of_beats_the_profile_s_day(run: Run) -> None:
    found = orjson.loads(
        run(*example("coverage", "-f", "eu-ai-act", "--as-of", "2030-01-01", "--format", "json")).stdout_bytes
    )
    assert found["asOf"] == "2030-01-01"
    assert found["counts"]["notYetApplicable"] == 0


def test_preview_says_rows_as_sentences(run: Run) -> None:
    lines = run(*example("coverage", "--preview")).output.splitlines()
    assert len(lines) > 50
    assert any("does all that" in line for line in lines)


def test_requirements_lists_every_one(run: Run) -> None:
    said = orjson.loads(run(*example("coverage", "-f", "iso42001", "--format", "json")).stdout_bytes)
    out = run(*example("coverage", "-f", "iso42001", "--requirements")).output
    for r in said["requirements"]:
        assert re.search(rf"^{re.escape(r['ref'])}\s", out, re.MULTILINE), r["ref"]


def test_controls_limited_to_systems_need_a_profile(run: Run, tmp_path: Path) -> None:
    """What would silently count nowhere is said."""
    path = tmp_path / "c.csv"
    path.write_text("id,title,status,systems,mappings\nA,b,implemented,bot,aisb:DAT-01\n")
    assert "NO_PROFILE" in run("coverage", str(path)).stderr


def test_control_codes_in_titles_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    """Nothing in a file colours the screen or turns the reading direction; what looks like markup is text."""
    path = tmp_path / "c.csv"
    row = "\x9b31mA,[red]b[/red]\u202eturned,implemented,gdpr:art-32.1.b intersects_with\n"
    path.write_text("id,title,status,mappings\n" + row, encoding="utf-8")
    out = run("explain", str(path), "-r", "gdpr:art-32.1.b").output
    assert "\x9b" not in out
    assert "\u202e" not in out
    assert "[red]b[/red]turned" in out


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["json", "csv", "md", "xlsx", "txt"])
def test_the_ending_of_the_file_decides(ending: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"answer.{ending}"
    result = run(*example("coverage", "-f", "gdpr", "-o", str(path)))
    assert result.stdout == ""
    assert str(path) in result.stderr
    data = path.read_bytes()
    starts = {"json": b"{", "csv": b"framework,", "md": b"# Coverage", "xlsx": b"PK", "txt": CONTROLS.encode()[:5]}
    assert data.startswith(starts[ending])
    assert not SGR.search(data.decode("latin-1")) or ending == "xlsx"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert oct(path.stat().st_mode & 0o777) == oct(0o666 & ~current_umask())


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_json_to_a_file_is_json_to_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    run(*example("gaps", "-f", "gdpr", "-o", str(path)))
    shown = run(*example("gaps", "-f", "gdpr", "--format", "json", "-o", "-"))
    assert shown.stdout_bytes == path.read_bytes()


def test_a_failed_answer_leaves_the_old_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    run(*example("coverage", "-f", "nothing", "-o", str(path)), code=2)
    assert path.read_text() == "old"
    run(*example("coverage", "-o", str(tmp_path)), code=2)


def test_a_link_stays_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    run("stats", "-o", str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink()
    assert orjson.loads((tmp_path / "real.json").read_bytes())["release"]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no such device here")
def test_a_device_is_written_not_replaced(run: Run) -> None:
    run("stats", "--format", "json", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()


# ---------------------------------------------------------------- gaps, explain


def test_gaps_say_why_and_what_happened_to_others(run: Run) -> None:
    result = run(*example("gaps", "-f", "gdpr", "--limit", "0"))
    said = orjson.loads(run(*example("gaps", "-f", "gdpr", "--format", "json")).stdout_bytes)
    assert [g["curie"] for g in said["gaps"]] == re.findall(r"^ {8}(gdpr:\S+):", result.output, re.MULTILINE)
    assert any(g["incidents"] for g in said["gaps"])
    assert "AIID" in result.output
    counts = said["counts"]
    assert len(said["gaps"]) == counts["partial"] + counts["lead"] + counts["gap"]
    short = orjson.loads(run(*example("gaps", "-f", "gdpr", "--format", "json", "--limit", "3")).stdout_bytes)
    assert short["gaps"] == said["gaps"][:3]
    assert short["counts"] == counts


def test_explain_shows_the_chain_with_its_rows(run: Run, release: Release) -> None:
    """The same requirement by CURIE and by reference; every row of the shown chain with its set and rationale."""
    by_curie = run(*example("explain", "-r", "gdpr:art-32.1.b", "--limit", "0")).output
    by_ref = run(*example("explain", "-r", "Article 32(1)(b)", "-f", "gdpr", "--limit", "0")).output
    assert by_curie == by_ref
    said = orjson.loads(run(*example("explain", "-r", "gdpr:art-32.1.b", "--format", "json")).stdout_bytes)
    assert said["result"]["curie"] == "gdpr:art-32.1.b"
    flat = " ".join(by_curie.split())
    for ruling in said["rulings"]:
        shown = [c for c in ruling["chains"] if c["shown"]]
        assert len(shown) == 1
        for step in shown[0]["steps"]:
            assert step["row"] in flat
            if step["row"]:
                assert " ".join(release.row[step["row"]].rationale.split()) in flat


def test_explain_as_csv_has_a_row_for_each_step(run: Run) -> None:
    said = orjson.loads(run(*example("explain", "-r", "gdpr:art-32.1.b", "--format", "json")).stdout_bytes)
    rows = list(
        csv.DictReader(io.StringIO(run(*example("explain", "-r", "gdpr:art-32.1.b", "--format", "csv")).output))
    )
    assert len(rows) == sum(len(c["steps"]) for r in said["rulings"] for c in r["chains"])


# ---------------------------------------------------------------- looking things up


def test_stats_json_is_the_release_s(run: Run, release: Release) -> None:
    assert orjson.loads(run("stats", "--format", "json").stdout_bytes) == orjson.loads(orjson.dumps(release.stats()))
    table = " ".join(run("stats").output.split())
    counts = release.stats()
    assert f"{counts['incidentsKnownByNumber']} more incidents known by number only" in table
    assert f"{counts['incidentClassifications']} incident classifications" in table
    assert release.digest in table
    assert all(s in table for s in release.sets)


def test_frameworks_lists_them(run: Run, release: Release) -> None:
    out = run("frameworks").output
    said = orjson.loads(run("frameworks", "--format", "json").stdout_bytes)
    assert [f["id"] for f in said["frameworks"]] == list(release.frameworks)
    assert all(f in out for f in release.frameworks)
    rows = list(csv.DictReader(io.StringIO(run("frameworks", "--format", "csv").output)))
    assert [r["id"] for r in rows] == list(release.frameworks)


def test_show_describes_one_of_each_kind(run: Run, release: Release) -> None:
    incident = next(iter(release.incidents))
    for name in (
        "eu-ai-act:art-15.5", "aisb:DAT-01", next(iter(release.joints)), "threat:data-poisoning", incident, "gdpr",
        "kgfw:gdpr", "aisb", next(iter(release.sets)), "govern 1.1", "AML.T0020", "atlas:AML.T0020",
    ):  # fmt: skip
        assert run("show", name).output.strip()
        assert orjson.loads(run("show", name, "--format", "json").stdout_bytes)["release"] == release.digest
    assert "Data poisoning" in run("show", "AML.T0020").output
    assert run("show", "Article 15(5)", "-f", "eu-ai-act").output == run("show", "eu-ai-act:art-15.5").output


def test_show_says_where_an_incident_is_classified(run: Run, release: Release) -> None:
    unclassified = next(i for i in release.incidents if i not in release.classifications)
    for name, words in (
        ("aiid:6", "MIT 1.2 Exposure to toxic content (Discrimination and Toxicity); AI, Post-deployment"),
        ("aiid:2", "MIT 7.3 Lack of capability or robustness"),
        (unclassified, ""),
    ):
        shown = " ".join(run("show", name).output.split())
        assert (f"Classification: {words}" in shown) if words else ("Classification:" not in shown)
        said = orjson.loads(run("show", name, "--format", "json").stdout_bytes)["classification"]
        assert (said["subdomain"] == release.classifications[name].subdomain) if words else (said is None)


def test_show_lists_every_row(run: Run, release: Release) -> None:
    said = orjson.loads(run("show", "aisb:DAT-01", "--format", "json").stdout_bytes)
    assert [m["row"] for m in said["mappings"]] == [m.id for m in release.rows_of["aisb:DAT-01"]]
    assert all(m["set"] and m["authority"] for m in said["mappings"])


def test_search_finds_by_words_and_reference(run: Run) -> None:
    assert (
        run("search", "data", "poisoning", "--limit", "1").output.splitlines()[-2].startswith("threat:data-poisoning")
    )
    hits = orjson.loads(run("search", "eu-ai-act:art-15.5", "--format", "json").stdout_bytes)
    assert hits[0]["curie"] == "eu-ai-act:art-15.5"
    only = orjson.loads(run("search", "risk", "--kind", "control", "--format", "json").stdout_bytes)
    assert only
    assert {h["kind"] for h in only} == {"control"}
    mine = orjson.loads(run("search", "risk", "-f", "gdpr", "--format", "json").stdout_bytes)
    assert mine
    assert all(h["curie"].startswith("gdpr:") for h in mine)
    assert "Nothing" in run("search", "zzzzqqqq").output
    run("search", "risk", "--kind", "contrl", code=2)


def test_crosswalk_gives_both_directions(run: Run, release: Release, tmp_path: Path) -> None:
    out = " ".join(run("crosswalk", "nist-ai-rmf", "iso42001").output.split())
    said = orjson.loads(run("crosswalk", "nist-ai-rmf", "iso42001", "--format", "json").stdout_bytes)
    for side in said["sides"]:
        assert f"Of {side['total']} items of {side['framework']}, {side['mapped']} have a direct row" in out
    direct = orjson.loads(run("crosswalk", "nist-ai-rmf", "iso42001", "--direct-only", "--format", "json").stdout_bytes)
    assert direct["derived"] == []
    assert direct["rows"] == said["rows"]
    path = tmp_path / "x.xlsx"
    run("crosswalk", "aisb", "gdpr", "-o", str(path))
    names = CalamineWorkbook.from_path(str(path)).sheet_names
    assert names == [
        *("Read me", "Direct rows", "By aisb", "By GDPR", "Matrix", "Derived", "Summary"),
        *("Unmapped aisb", "Unmapped gdpr"),
    ]


# ---------------------------------------------------------------- data


def test_sparql_in_every_format(run: Run, release: Release, tmp_path: Path) -> None:
    query = "SELECT ?c ?t WHERE { ?c a kg:ReferenceControl ; dcterms:title ?t } ORDER BY ?c LIMIT 2"
    (tmp_path / "q.rq").write_text(query)
    out = run("sparql", query).output
    assert re.search(r"^\w+:\w+-\d+", out, re.MULTILINE)
    assert "2 rows" in out
    assert run("sparql", str(tmp_path / "q.rq")).output == out
    assert run("sparql", "-", stdin=query).output == out
    found = orjson.loads(run("sparql", query, "--format", "json").stdout_bytes)
    assert found["head"]["vars"] == ["c", "t"]
    rows = list(csv.reader(io.StringIO(run("sparql", query, "--format", "csv").output)))
    assert rows[0] == ["c", "t"]
    assert len(rows) == 3
    assert run("sparql", "ASK { ?s ?p ?o }").output == "yes\n"
    assert orjson.loads(run("sparql", "ASK { ?s ?p ?o }", "--format", "json").stdout_bytes)["boolean"] is True
    triples = "CONSTRUCT { ?s a kg:ReferenceControl } WHERE { ?s a kg:ReferenceControl }"
    assert len(orjson.loads(run("sparql", triples, "--format", "json").stdout_bytes)) == len(release.controls)


@pytest.mark.parametrize(
    "query",
    [
        "INSERT DATA { <http://a> <http://b> <http://c> }",
        "DELETE WHERE { ?s ?p ?o }",
        "LOAD <http://127.0.0.1:9/x>",
        "CLEAR ALL",
        "SELECT * { SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    ],
)
def test_sparql_only_reads(query: str, run: Run) -> None:
    result = run("sparql", query, code=2)
    assert result.stdout == ""
    assert "BAD_QUERY" in result.stderr


def test_lint_summarises_what_sets_disagree_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each pair of files, all lines with --verbose; warnings are no errors."""
    hint = "in b.tsv:{}; x has more authority"
    between = [
        Finding("a.tsv", n, "CONTRADICTION_BETWEEN_SETS", "m", hint.format(n), severity="warning") for n in (3, 4)
    ]
    monkeypatch.setattr("kg.sources.lint", lambda *_, **__: between)
    assert run("lint").stdout.splitlines() == [
        "a.tsv: warning CONTRADICTION_BETWEEN_SETS 2 rows contradict b.tsv (`kg lint --verbose` lists them)"
    ]
    assert run("lint", "--verbose").stdout.splitlines() == [str(f) for f in between]
    error = Finding("a.tsv", 9, "UNKNOWN_ID", "x does not exist", "did you mean y?")
    monkeypatch.setattr("kg.sources.lint", lambda *_, **__: [*between, error])
    result = run("lint", code=2)
    assert "a.tsv:9: UNKNOWN_ID x does not exist (did you mean y?)" in result.stdout
    assert "1 error, 2 warnings" in result.stderr


def test_lint_fix_is_passed_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def find(folders: list[Path], *, fix: bool, **_: object) -> list[Finding]:
        asked.append(fix)
        return []

    monkeypatch.setattr("kg.sources.lint", find)
    run("lint")
    run("lint", "--fix")
    assert asked == [False, True]


NODES = "id,parent_id,level,kind,ref,title\nown:1,,1,clause,1,First\nown:1.1,own:1,2,requirement,1.1,Own requirement\n"


@pytest.fixture
def own_data(tmp_path: Path) -> Path:
    """A data folder with a framework of the user's own."""
    (tmp_path / "mine" / "frameworks").mkdir(parents=True)
    (tmp_path / "mine" / "frameworks" / "own.csv").write_text(NODES)
    return tmp_path / "mine"


def test_data_before_and_after_the_command(run: Run, own_data: Path) -> None:
    """The same folder in either place, or in both, is read once."""
    before = run("--data", str(own_data), "frameworks").output
    assert "own" in before
    assert run("frameworks", "--data", str(own_data)).output == before
    assert run("--data", str(own_data), "frameworks", "--data", str(own_data)).output == before


def test_a_framework_of_one_s_own_is_assessed(run: Run, own_data: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,title,status,mappings\nA,b,implemented,own:1.1 superset_of\n")
    args = ("coverage", str(tmp_path / "c.csv"), "-f", "own", "--data", str(own_data), "--format", "json")
    counts = orjson.loads(run(*args).stdout_bytes)["counts"]
    assert (counts["covered"], counts["applicable"]) == (1, 1)


def test_lint_of_a_path_tells_of_that_path_alone(run: Run, own_data: Path) -> None:
    """A data folder, a folder inside, a file inside; and an error ends with 1."""
    bad = own_data / "mappings" / "bad.sssom.tsv"
    bad.parent.mkdir()
    bad.write_text("# mapping_set_title: x\nsubject_id\tpredicate_id\n")
    for path in (own_data, bad.parent, bad):
        lines = run("lint", str(path), code=2).stdout.splitlines()
        assert lines
        assert all("bad.sssom.tsv:" in line for line in lines)
    run("lint", str(own_data / "frameworks"))


def test_build_writes_the_release(run: Run, release: Release, tmp_path: Path) -> None:
    """Sorted quads, counts, and a manifest whose checksums hold; the same bytes again."""
    first, second = tmp_path / "a" / "b", tmp_path / "c"
    run("build", "-o", str(first))
    run("build", "-o", str(second))
    names = {"release.nq", "release.json", "manifest.json"}
    assert {p.name for p in first.iterdir()} == names
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in names)
    quads = (first / "release.nq").read_text(encoding="utf-8").splitlines()
    assert quads == sorted(quads)
    assert orjson.loads((first / "release.json").read_bytes())["release"] == release.digest
    manifest = orjson.loads((first / "manifest.json").read_bytes())
    assert manifest["release"] == release.digest
    for file in manifest["files"]:
        data = (first / file["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])


# ---------------------------------------------------------------- demo, serve


def test_demo_shows_coverage_gaps_and_writes_the_workbook(run: Run, release: Release, tmp_path: Path) -> None:
    out = run("demo", "--out", str(tmp_path / "new" / "out")).output
    for f in release.frameworks.values():
        assert re.search(rf"^{re.escape(f.short_title)}\s+\d+ of \d+", out, re.MULTILINE)
        assert f"{f.short_title}: " in out
    assert "AIID" in out
    assert "not legal advice" in out
    path = tmp_path / "new" / "out" / "crosswalk-nist-ai-rmf-iso42001.xlsx"
    assert str(path) in out.replace("\n", "")
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Direct rows").to_python()
    assert len(rows) > 280


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running ``kg serve`` on a free port, and its address."""
    pytest.importorskip("api.app")
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "kg", "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=env, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert running.stdout is not None
    address = ""
    for line in running.stdout:
        if found := re.search(r"http://\S+/(?=\s)", line):
            address = address or found[0]
        if "Ctrl-C" in line:
            break
    yield running, address
    if running.poll() is None:
        running.kill()
    running.communicate()


def test_serve_says_where_and_stops_cleanly(server: tuple[subprocess.Popen[str], str]) -> None:
    """Answers at the address it printed; Ctrl-C ends it without a traceback."""
    running, address = server
    for attempt in range(50):
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                assert response.status == 200
            break
        except OSError:
            assert attempt < 49
            time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 0, stderr
    assert "Traceback" not in stderr


def test_serve_tells_of_a_taken_port(server: tuple[subprocess.Popen[str], str]) -> None:
    port = server[1].rstrip("/").rsplit(":", 1)[1]
    found = process("serve", "--port", port)
    assert found.returncode == 2
    assert "cannot be listened on" in found.stderr
    assert "Traceback" not in found.stderr
