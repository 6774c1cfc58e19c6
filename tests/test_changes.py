"""Comparisons, what-if answers and evidence reports at the command line, in the exports and in GraphQL."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.context import Context
from api.errors import present
from api.schema import schema
from kg import Release
from kg.answers import Assessment, assess
from kg.answers.compare import Comparison, compare
from kg.answers.evidence import EvidenceReport, evidence_report
from kg.answers.whatif import Changes, WhatIf, what_if
from kg.cli.app import app
from kg.cli.demo import example_paths
from kg.exports.csv import csv_text
from kg.exports.json import dumps, plain
from kg.exports.markdown import markdown_text
from kg.exports.tables import document
from kg.exports.xlsx import workbook
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Profile
from kg.organizations import read_controls, read_profile
from kg.relations import SUPERSET_OF
from kg.sources import builtin_data

CONTROLS, PROFILE = map(str, example_paths())
DAY = date(2026, 11, 23)
Run = Callable[..., Any]


@pytest.fixture
def run(release: Release, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; the project's own release is read only once."""
    load = Release.load

    def cached(*folders: Path | str, own: Path | None = None) -> Release:
        return load(*folders, own=own) if folders or own else release

    monkeypatch.setattr(Release, "load", cached)
    monkeypatch.setenv("COLUMNS", "80")

    def command(*args: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(args))
        assert not isinstance(result.exception, Exception), result.exception
        assert result.exit_code == code, result.output
        return str(result.output)

    return command


@pytest.fixture(scope="module")
def assessment(release: Release) -> Assessment:
    """The example organisation's."""
    about = read_profile(Path(PROFILE), release)
    sheet = read_controls(Path(CONTROLS), release, systems=[s.id for s in about.systems])
    return assess(release, sheet.controls, about)


def fewer(tmp_path: Path, *gone: str) -> str:
    """The example's control file without some controls."""
    rows = list(csv.reader(io.StringIO(Path(CONTROLS).read_text(encoding="utf-8"))))
    out = io.StringIO()
    csv.writer(out).writerows(row for row in rows if row[0] not in gone)
    path = tmp_path / "fewer.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    return str(path)


# ---------------------------------------------------------------- kg diff


def test_diff_exits_with_1_on_a_regression_and_with_0_the_other_way(run: Run, tmp_path: Path) -> None:
    after = fewer(tmp_path, "AI-01")
    found = json.loads(run("diff", CONTROLS, after, "-p", PROFILE, "--format", "json", code=1))
    assert "iso42001:5.2" in found["regressions"]
    change = next(c for c in found["changes"] if c["curie"] == "iso42001:5.2")
    assert change["causes"] == [
        {"kinds": ["control"], "text": "AI-01 removed", "controls": ["AI-01"], "rowsAdded": [], "rowsRemoved": []}
    ]
    shown = run("diff", after, CONTROLS, "-p", PROFILE)
    assert "Less well met" not in shown
    assert "GAP → COVERED  because of AI-01 added" in shown
    assert "now: AI-01 superset_of iso42001:5.2" in shown


def test_diff_of_the_ai_act_before_and_after_its_amendment(run: Run) -> None:
    days = ("--as-of-before", "2026-07-26", "--as-of", "2026-07-27")
    shown = run("diff", CONTROLS, "-p", PROFILE, "-f", "eu-ai-act", *days)
    for words in ("New in the text: 5", "Gone from the text: 3", "Article 5(1)(ba)"):
        assert words in shown
    put_off = re.search(r"Put off or brought forward: (\d+)", shown)
    assert put_off
    assert int(put_off[1]) > 100
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_strict_also_minds_what_newly_applies_and_is_open(run: Run) -> None:
    days = ("--as-of-before", "2026-11-23", "--as-of", "2027-12-02", "-f", "eu-ai-act", "-p", PROFILE)
    assert "New, and open" in run("diff", CONTROLS, *days)
    run("diff", CONTROLS, *days, "--strict", code=1)


def test_diff_of_two_releases_names_the_rows(run: Run, tmp_path: Path, assessment: Assessment) -> None:
    asked = assessment.coverage("nist-ai-rmf").requirements
    met = next(r for r in asked if r.explanation and any(s.row for s in r.explanation.steps) and r.applicable)
    assert met.explanation
    last = next(s for s in met.explanation.steps if s.row)
    row = assessment.release.row[last.row]
    own = builtin_data()
    older = tmp_path / "older"
    for folder in ("ontologies", "mappings"):
        shutil.copytree(own / folder, older / folder)
    path = next(p for p in (older / "mappings").rglob(Path(row.source.path).name))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert row.subject in lines[row.source.line - 1]
    del lines[row.source.line - 1]
    path.write_text("".join(lines), encoding="utf-8")
    args = (
        "diff",
        CONTROLS,
        "-p",
        PROFILE,
        "-f",
        "nist-ai-rmf",
        "--release-before",
        str(older),
        "--format",
        "json",
        "--chains",
    )
    found = json.loads(run(*args))
    assert found["before"]["release"] != found["after"]["release"]
    causes = [x for c in found["changes"] for x in c["causes"]]
    assert causes
    assert all(x["kinds"] == ["mapping"] for x in causes)
    assert {i for x in causes for i in x["rowsAdded"]} == {row.id}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("diff", CONTROLS), "both sides are the same"),
        (("diff", CONTROLS, "--as-of-before", "soon"), "is not a date"),
        (("diff", CONTROLS, "--release-before", "nowhere"), "is no data tree"),
        (("what-if", CONTROLS), "nothing is changed"),
        (("what-if", CONTROLS, "--remove", "AI-99"), "there is no control 'AI-99'"),
        (("what-if", CONTROLS, "--set-status", "AI-01"), "is not NAME=VALUE"),
        (("what-if", CONTROLS, "--set-status", "AI-01=dnoe"), "did you mean implemented?"),
        (("what-if", CONTROLS, "--fact", "consent=maybe"), "neither true nor false"),
        (("what-if", CONTROLS, "--add", "iso42001"), "say --certify iso42001"),
        (("what-if", CONTROLS, "--add", "aisb:DAT-99"), "aisb:DAT-99 does not exist"),
        (("what-if", CONTROLS, "--certify", "iso4201"), "did you mean iso42001?"),
        (("what-if", CONTROLS, "--certify", "iso42001", "--exclude", "gdpr:art-5.1.a"), "none of the frameworks"),
        (("what-if", CONTROLS, "--evidence-older-than", "soon"), "--evidence-older-than: 'soon' is not a date"),
        (("evidence", CONTROLS, "--within", "-3"), "--within"),
    ],
)
def test_a_bad_request_is_one_clear_error(run: Run, args: tuple[str, ...], said: str) -> None:
    shown = run(*args, code=2)
    assert said in shown
    assert "Traceback" not in shown


# ---------------------------------------------------------------- kg what-if, kg evidence


def test_what_if_says_what_is_assumed_the_numbers_and_the_chains(run: Run) -> None:
    shown = run("what-if", CONTROLS, "-p", PROFILE, "--certify", "iso42001", "--remove", "AI-04", "--limit", "0")
    for words in ("AI-04 is removed", "69 of 69", "Better met", "Less well met"):
        assert words in shown
    assert "whatif:iso42001:5.1 equal iso42001:5.1" in shown
    assert "because of what is assumed to be done" in shown


def test_evidence_names_what_rests_on_it(run: Run) -> None:
    shown = run("evidence", CONTROLS, "-p", PROFILE, "--within", "200")
    for words in ("evidence of", "2027-05-23  PRIV-05", "AI-08    AI training", "of 293 applicable"):
        assert words in shown
    none = run("evidence", CONTROLS, "--limit", "1")
    assert "Neither the profile nor any control says how old evidence may be" in " ".join(none.split())


# ---------------------------------------------------------------- exports


@pytest.fixture(scope="module")
def three(assessment: Assessment, release: Release) -> tuple[Comparison, WhatIf, EvidenceReport]:
    less = assess(release, assessment.controls[5:], assessment.profile, DAY)
    changes = Changes(add=("aisb:DAT-01",), remove=("AI-01",), evidence_day=date(2027, 12, 1))
    return compare(assessment, less, ["gdpr"]), what_if(assessment, changes), evidence_report(assessment, within=400)


def test_every_format_says_the_same(three: tuple[Any, ...], release: Release) -> None:
    for answer in three:
        page = document(answer, release)
        text = csv_text([page])
        assert len(list(csv.reader(io.StringIO(text)))) == len(page.tables[0].rows) + 1
        assert markdown_text([page]).startswith("# ")
        assert workbook([page]) == workbook([document(answer, release)])
        assert json.loads(dumps(answer, release)) == plain(answer, release)
        for table in page.tables:
            assert table.rows
            names = [c.name for c in table.columns]
            assert len(set(names)) == len(names)
            assert all(c.description for c in table.columns)


def test_the_rows_are_the_changes(three: tuple[Comparison, WhatIf, EvidenceReport], release: Release) -> None:
    comparison, whatif, report = three
    rows = document(comparison, release).tables[0].records()
    assert [r["curie"] for r in rows] == [c.requirement for c in comparison.changes]
    assert all(r["causes"] for r in rows)
    assert ("Assumed", "AI-01 is removed") in document(whatif, release).facts
    assert plain(whatif)["assumed"] == list(whatif.assumed)
    records = document(report, release).tables[0].records()
    assert [r["restCount"] for r in records] == [len(r.rests) for r in report.records]
    numbers = document(comparison, release).tables[1].records()
    assert [(n["side"], n["covered"], n["applicable"]) for n in numbers] == [
        (name, f.counts.covered, f.counts.applicable)
        for name, f in (("before", comparison.before.frameworks[0]), ("after", comparison.after.frameworks[0]))
    ]


def test_hostile_names_stay_text(release: Release) -> None:
    names = ("=1+1", "|<b>", "[x](javascript:alert(1))", "@SUM(A1)")
    controls = [
        Control(n, n, ControlStatus.IMPLEMENTED, (ControlRow("aisb:DAT-01", SUPERSET_OF),),
                evidence=(EvidenceRecord(n, n, n, date(2025, 1, 1), date(2026, 12, 1), link="javascript:alert(1)"),))
        for n in names
    ]  # fmt: skip
    asked = assess(release, controls, Profile(title="=1+1"), DAY)
    nobody = assess(release, ())
    for answer in (evidence_report(asked), what_if(asked, Changes(remove=names[1:])), compare(asked, nobody)):
        page = document(answer, release)
        for row in csv.reader(io.StringIO(csv_text([page]))):
            assert not any(cell.startswith(("=", "@")) for cell in row)
        assert "<b>" not in markdown_text([page])
        assert workbook([page])


# ---------------------------------------------------------------- GraphQL


CONTROL = {
    "id": "A",
    "title": "a",
    "status": "implemented",
    "mappings": [{"target": "gdpr:art-32.1.b", "relation": "equal"}],
}
FRESH = {
    "evidence": [{"id": "R", "kind": "test", "day": "2026-11-01", "validUntil": "2026-12-01"}],
    "maxEvidenceAgeDays": 60,
}


@pytest.fixture(scope="module")
def ask(release: Release) -> Callable[..., dict[str, Any]]:
    """Run a query: ``{data, errors, extensions}``."""

    def run(query: str, **variables: Any) -> dict[str, Any]:
        found = schema.execute_sync(query, variables, Context(release, "request"))
        return {
            "data": found.data,
            "errors": [present(e, "request") for e in found.errors or ()],
            "extensions": found.extensions,
        }

    return run


def test_compare_in_graphql_says_what_the_library_says(ask: Callable[..., dict[str, Any]], release: Release) -> None:
    query = """query($a: AssessmentInput!, $b: AssessmentInput!) {
      compare(before: $a, after: $b, frameworks: ["gdpr"]) {
        before { release asOf controls method frameworks { framework textVersion counts { covered applicable } } }
        after { frameworks { counts { covered } } } regressions newOpen disclaimers { text }
        changes(first: 10) { totalCount nodes { curie kind direction regression newOpen causes { kinds text controls }
          before { verdict explanation { control } } after { verdict reasons } } } } }"""
    first, second = ({"controls": [CONTROL | FRESH], "asOf": day} for day in ("2026-11-23", "2027-02-01"))
    answer = ask(query, a=first, b=second)
    assert not answer["errors"], answer["errors"]
    found = answer["data"]["compare"]
    assert found["regressions"] == ["gdpr:art-32.1.b"]
    (change,) = found["changes"]["nodes"]
    assert (change["kind"], change["direction"], change["regression"]) == ("verdict", "worse", True)
    assert change["before"] == {"verdict": "COVERED", "explanation": {"control": "A"}}
    assert change["after"] == {"verdict": "PARTIAL", "reasons": ["EVIDENCE_STALE"]}
    assert change["causes"][0]["kinds"] == ["evidence"]
    assert found["before"]["release"] == release.digest
    assert found["before"]["frameworks"][0]["counts"]["covered"] == 1


def test_what_if_in_graphql_can_be_asked_on(ask: Callable[..., dict[str, Any]]) -> None:
    query = """query($i: AssessmentInput!, $c: ChangesInput!) { assessment(input: $i) { whatIf(changes: $c) { assumed
        before { controls { total } }
        after { controls { total } preview coverage(framework: "iso42001") { counts { covered applicable } } }
        comparison { changes(direction: [better], first: 3) { totalCount nodes { curie causes { controls }
          after { explanation { steps { subject relation object } } } } } } } } }"""
    changes = {
        "certify": [{"framework": "iso42001", "exclude": ["A.10.3"]}], "add": ["aisb:DAT-01"],
        "addControls": [CONTROL | {"id": "B"}], "statuses": [{"control": "A", "status": "planned"}],
        "facts": [{"name": "consent", "value": False}],
    }  # fmt: skip
    answer = ask(query, i={"controls": [CONTROL], "asOf": "2026-11-23"}, c=changes)
    assert not answer["errors"], answer["errors"]
    found = answer["data"]["assessment"]["whatIf"]
    counts = found["after"]["coverage"]["counts"]
    assert counts["covered"] == counts["applicable"] - 1
    assert found["before"]["controls"]["total"] == 1
    assert found["comparison"]["changes"]["nodes"][0]["causes"][0]["controls"][0].startswith("whatif:iso42001:")
    assert any("B equal" in said or "B" in said for said in found["after"]["preview"])
    assert len(found["assumed"]) == 5


def test_evidence_in_graphql(ask: Callable[..., dict[str, Any]]) -> None:
    query = """query($i: AssessmentInput!) { assessment(input: $i) { evidence(within: 30) {
        applicable covered limited until
        records { totalCount nodes { id kind day validUntil fresh freshUntil basis uses { control fresh }
          rests { requirement otherwise } } }
        stale { totalCount } expiries { nodes { day controls rests { requirement verdict otherwise } } } } } }"""
    answer = ask(query, i={"controls": [CONTROL | FRESH], "asOf": "2026-11-23"})
    assert not answer["errors"], answer["errors"]
    found = answer["data"]["assessment"]["evidence"]
    (record,) = found["records"]["nodes"]
    assert [record[k] for k in ("id", "kind", "freshUntil", "basis")] == ["R", "test", "2026-12-01", "verdict"]
    assert found["expiries"]["nodes"][0]["day"] == "2026-12-02"
    assert found["expiries"]["nodes"][0]["rests"][0]["otherwise"] == "PARTIAL"
    assert found["until"] == "2026-12-23"


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ([{"id": " "}], "has no id"),
        ([{"id": "R"}, {"id": "R"}], "named twice"),
        ([{"id": "R", "day": "1066-10-14"}], "cannot be meant"),
        ([{"id": "R", "day": "2026-02-01", "validUntil": "2026-01-01"}], "would be valid until"),
        ([{"id": "Q", "day": "2026-02-01"}], "described differently in control 1"),
    ],
)
def test_bad_evidence_in_a_request_is_refused(
    ask: Callable[..., dict[str, Any]], evidence: list[dict[str, str]], said: str
) -> None:
    query = "query($i: AssessmentInput!) { assessment(input: $i) { controls { total } } }"
    first = {**CONTROL, "id": "Z", "evidence": [{"id": "Q", "day": "2026-01-01"}]}
    answer = ask(query, i={"controls": [first, {**CONTROL, "evidence": evidence}]})
    assert said in json.dumps(answer["errors"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "nothing is changed"),
        ({"add": ["iso42001"]}, "whole framework"),
        ({"certify": [{"framework": "iso4201"}]}, "did you mean iso42001?"),
        ({"remove": ["B"]}, "there is no control 'B'"),
    ],
)
def test_bad_changes_in_a_request_are_refused(
    ask: Callable[..., dict[str, Any]], changes: dict[str, Any], said: str
) -> None:
    query = """query($i: AssessmentInput!, $c: ChangesInput!) {
        assessment(input: $i) { whatIf(changes: $c) { assumed } } }"""
    answer = ask(query, i={"controls": [CONTROL]}, c=changes)
    assert said in json.dumps(answer["errors"])
