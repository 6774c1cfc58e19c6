"""What an import would change: the plan, its rules, and a large workbook with every kind of fault."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kg import Release
from kg.cli.app import app
from kg.errors import InputError, UsageError
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord
from kg.organizations import controls_csv, parse_controls, plan_import, read_controls, template_xlsx
from kg.organizations.controls import COLUMNS, Sheet
from kg.organizations.formats import read_any
from kg.organizations.imports import FieldChange, with_rows
from kg.relations import INTERSECTS_WITH, RELATED, SUPERSET_OF

RELEASE = Release.load()
TARGETS = ("iso42001:A.7.2", "gdpr:art-32.1.b", "aisb:ACC-01", "eu-ai-act:art-15.5")

control_rows = st.builds(ControlRow, st.sampled_from(TARGETS), st.sampled_from((SUPERSET_OF, INTERSECTS_WITH, RELATED)))
texts = st.text("abcé 1-;,\"'=@+", max_size=12).map(str.strip)
controls = st.builds(
    Control,
    id=st.sampled_from([f"C-{n}" for n in range(8)]),
    title=st.sampled_from(["Access", "Logs", "Tests, twice"]),
    status=st.sampled_from(ControlStatus),
    rows=st.lists(control_rows, max_size=3, unique_by=lambda r: r.target).map(tuple),
    description=texts,
    owner=texts,
    evidence_date=st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    systems=st.lists(st.sampled_from(["chat", "score"]), max_size=2, unique=True).map(tuple),
)
lists = st.lists(controls, max_size=8, unique_by=lambda c: c.id)


def control(id_: str, **more: object) -> Control:
    """An implemented control."""
    return replace(Control(id_, "Title", ControlStatus.IMPLEMENTED), **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the rules


@given(lists, lists, st.booleans())
@settings(deadline=None)
def test_a_plan_parts_everything_once_and_done_twice_changes_nothing(
    current: list[Control], incoming: list[Control], remove: bool
) -> None:
    plan = plan_import(current, Sheet(tuple(incoming)), remove_missing=remove)
    names = [
        *(c.id for c in plan.added), *(c.before.id for c in plan.changed), *(c.id for c in plan.unchanged),
        *(c.id for c in plan.missing), *(c.id for c in plan.removed),
    ]  # fmt: skip
    assert sorted(names) == sorted({c.id for c in (*current, *incoming)})
    assert {c.id for c in plan.result} == {c.id for c in incoming} | (set() if remove else {c.id for c in current})
    said = {c.id: c for c in incoming}
    for c in plan.result:
        if c.id in said:
            assert replace(c, rows=(), systems=()) == replace(said[c.id], rows=(), systems=())
            assert set(c.rows) == set(said[c.id].rows)
    again = plan_import(plan.result, Sheet(tuple(incoming)), remove_missing=remove)
    assert again.empty
    assert again.result == plan.result
    assert plan.empty == (list(plan.result) == sorted(current, key=lambda c: c.id))


@given(lists, lists, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_a_file_changes_nothing(current: list[Control], incoming: list[Control], rng: Random) -> None:
    plan = plan_import(current, Sheet(tuple(incoming)))
    rng.shuffle(current)
    rng.shuffle(incoming)
    assert plan_import(current, Sheet(tuple(incoming))) == plan


@given(lists)
@settings(deadline=None, max_examples=50)
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, kept: list[Control]) -> None:
    path = tmp_path_factory.getbasetemp() / "back.csv"
    path.write_text(controls_csv(kept), encoding="utf-8")
    if kept:
        read = read_controls(path, RELEASE).controls
        assert {c.id: c for c in read} == {c.id: c for c in kept}
        assert plan_import(kept, Sheet(read)).empty


def test_nothing_that_is_written_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    hostile = ['=HYPERLINK("http://x")', "@SUM(A1)", "+1", "-2+3", "'=1", "''@x", "＝1", "it's", "'quoted'"]
    kept = tuple(control(f"C-{n}", title=text, owner=text) for n, text in enumerate(hostile))
    kept += (control("=C-9"),)
    path = tmp_path / "controls.csv"
    path.write_text(controls_csv(kept), encoding="utf-8")
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "＝"))]
    assert {c.id: c for c in read_controls(path, RELEASE).controls} == {c.id: c for c in kept}


def test_a_change_is_told_field_by_field() -> None:
    before = control("A-1", owner="Ann", rows=(ControlRow("iso42001:A.7.2", RELATED),))
    after = replace(before, owner="", status=ControlStatus.PARTIAL, rows=(ControlRow("iso42001:A.7.2", SUPERSET_OF),))
    (change,) = plan_import([before], Sheet((after,))).changed
    assert change.fields == (
        FieldChange("status", "implemented", "partial"),
        FieldChange("owner", "Ann", ""),
        FieldChange("mappings", "iso42001:A.7.2 related", "iso42001:A.7.2 superset_of"),
    )
    assert (change.before, change.after) == (before, after)


def test_a_file_changes_only_what_it_has_a_column_for() -> None:
    evidence = (EvidenceRecord("E-1", day=date(2026, 1, 1)),)
    before = control("A-1", owner="Ann", description="Long", evidence=evidence, max_evidence_age_days=90)
    sheet = parse_controls([{"id": "A-1", "title": "New", "status": "planned", "owner": ""}], RELEASE)
    (change,) = plan_import([before], sheet).changed
    assert [f.field for f in change.fields] == ["title", "status", "owner"]
    assert change.after == replace(before, title="New", status=ControlStatus.PLANNED, owner="")


def test_an_id_that_differs_in_case_only_is_refused_with_its_cell() -> None:
    sheet = parse_controls([{"id": "ac - 1", "title": "x", "status": "planned"}], RELEASE)
    with pytest.raises(InputError) as caught:
        plan_import([control("AC-1")], sheet)
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.cell) == ("NEAR_ID", 1, "id")
    assert "write AC-1" in finding.hint


def test_a_file_of_mappings_removes_no_controls() -> None:
    kept = [control("A-1"), control("A-2")]
    sheet = with_rows(kept, {"A-1": [ControlRow("gdpr:art-32.1.b", RELATED)]})
    plan = plan_import(kept, sheet)
    assert [c.before.id for c in plan.changed] == ["A-1"]
    assert [c.id for c in plan.missing] == ["A-2"]
    with pytest.raises(UsageError):
        plan_import(kept, sheet, remove_missing=True)


# ---------------------------------------------------------------- a large workbook


def workbook(path: Path, rows: list[list[str]]) -> None:
    """A workbook of strings."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(line, column, cell)
    book.close()


#: Column, what stands there, and the code that says so.
FAULTS = (
    ("status", "", "MISSING_STATUS"), ("status", "implmented", "UNKNOWN_STATUS"), ("status", "no", "UNKNOWN_STATUS"),
    ("title", "", "MISSING_VALUE"), ("id", "", "MISSING_VALUE"), ("id", "C-1", "DUPLICATE_CONTROL"),
    ("evidence_date", "soon", "BAD_VALUE"), ("evidence_date", "03/04/2026", "BAD_VALUE"),
    ("evidence_date", "31.02.2026", "BAD_VALUE"), ("mappings", "iso42001:A.99", "UNKNOWN_ID"),
    ("mappings", "A.7.2", "UNKNOWN_ID"), ("mappings", "gdpr:art-32.1.b contains", "UNKNOWN_RELATION"),
    ("mappings", "gdpr:art-32.1.b; GDPR Article 32(1)(b)", "DUPLICATE_MAPPING"), ("mappings", "aiid:6", "WRONG_KIND"),
    ("mappings", "superset_of", "MISSING_VALUE"),
)  # fmt: skip


def test_sixty_faults_in_five_thousand_rows_are_all_named_by_cell_in_one_run(tmp_path: Path) -> None:
    names = list(COLUMNS)
    rows = [
        [f"C-{n}", f"Control {n}", "What is done", "implemented", "Owner", "2026-05-01", "", "", "", TARGETS[n % 4], ""]
        for n in range(1, 5001)
    ]
    places = Random(60).sample(range(100, 5000), 60)
    planted = set()
    for number, place in enumerate(places):
        column, text, code = FAULTS[number % len(FAULTS)]
        rows[place][names.index(column)] = text
        planted.add((place + 2, f"{'ABCDEFGHIJK'[names.index(column)]}{place + 2} {column}", code))
    path = tmp_path / "large.xlsx"
    workbook(path, [names, *rows])
    with pytest.raises(InputError) as caught:
        read_any(path, RELEASE)
    assert {(f.line, f.cell, f.code) for f in caught.value.findings} == planted
    assert len(caught.value.findings) == 60
    assert [f.line for f in caught.value.findings] == sorted(f.line for f in caught.value.findings)


# ---------------------------------------------------------------- the workbook that is handed out


def test_the_template_reads_back_once_it_is_filled_in(tmp_path: Path) -> None:
    import io
    import zipfile

    data = template_xlsx(RELEASE)
    assert data == template_xlsx(RELEASE)
    path = tmp_path / "t.xlsx"
    path.write_bytes(data)
    with pytest.raises(InputError, match="no control follows the header"):
        read_controls(path, RELEASE)
    # Fill the first row in as a spreadsheet program would: inline strings in the sheet's own XML.
    cells = {
        "id": "X-1", "title": "Logs", "description": "Events are kept", "status": "implemented", "owner": "Ann",
        "evidence_date": "2026-05-01", "mappings": "iso42001:A.6.2.8 superset_of",
    }  # fmt: skip
    filled = ((letter, cells.get(name, "")) for letter, name in zip("ABCDEFGHIJK", COLUMNS, strict=True))
    row = "".join(f'<c r="{letter}2" t="inlineStr"><is><t>{text}</t></is></c>' for letter, text in filled)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        assert b"dataValidation" in old.read("xl/worksheets/sheet1.xml")
        for name in old.namelist():
            text = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text = text.replace(b"</sheetData>", f'<row r="2">{row}</row></sheetData>'.encode())
                text = text.replace(b'<dimension ref="A1:K1"/>', b'<dimension ref="A1:K2"/>')
            new.writestr(name, text)
    path.write_bytes(out.getvalue())
    sheet = read_controls(path, RELEASE)
    assert sheet.findings == ()
    (found,) = sheet.controls
    assert (found.id, found.rows) == ("X-1", (ControlRow("iso42001:A.6.2.8", SUPERSET_OF),))


def test_the_example_of_the_template_is_a_good_one(tmp_path: Path) -> None:
    from kg.organizations.writing import _EXAMPLE, NOTES

    assert list(NOTES) == list(COLUMNS)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in _EXAMPLE]
    assert [c.id for c in parse_controls(rows, RELEASE).controls] == ["AC-01", "INC-01", "OV-01"]


# ---------------------------------------------------------------- the command


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Release, "load", lambda *folders: RELEASE)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "now.csv").write_text(controls_csv([control("A-1"), control("A-2", owner="Ann")]))
    (tmp_path / "new.csv").write_text("id,title,status\nA-1,Title,partial\nA-3,Third,planned\n")
    return tmp_path


def kg(*args: object, code: int = 0) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, [str(a) for a in args])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_a_dry_run_shows_the_plan_and_writes_nothing(files: Path) -> None:
    new, now, out = files / "new.csv", files / "now.csv", files / "out.csv"
    said = kg("import", "controls", new, "--against", now, "--dry-run", "-o", out)
    assert "1 added, 1 changed, 1 kept that the file does not name" in said
    assert "A-1 status implemented partial" in said
    assert "Nothing was written." in said
    assert not out.exists()
    said = kg("import", "controls", new, "--against", now, "--remove-missing", "-o", out)
    assert "1 removed" in said
    with out.open(newline="") as file:
        assert [(r["id"], r["status"]) for r in csv.DictReader(file)] == [("A-1", "partial"), ("A-3", "planned")]
    assert "2 unchanged" in kg("import", "controls", new, "--against", out, "--dry-run")


def test_a_dry_run_says_how_each_new_row_is_read(files: Path) -> None:
    """Of controls that are added or mapped anew, with what is assumed; not of those that stay as they are mapped."""
    new, kept = files / "map.csv", files / "kept.csv"
    new.write_text("id,title,status,mappings\nA-1,Title,yes,gdpr:art-32.1.b\nA-4,Four,n/a,\n")
    kept.write_text("id,title,status,mappings\nA-1,Other,yes,gdpr:art-32.1.b\nA-4,Four,n/a,\n")
    said = kg("import", "controls", new, "--dry-run")
    assert "Read as A-1 has something to do with gdpr:art-32.1.b" in said
    assert "[not stated: what is assumed of a provision]" in said
    assert "no mapping" not in said  # a control that does not apply needs none
    assert "Read as A-1" in kg("import", "controls", new, "--against", files / "now.csv", "--dry-run")
    assert "Read as" not in kg("import", "controls", new, "--against", kept, "--dry-run")


def test_warnings_beside_errors_are_told_too(files: Path) -> None:
    """No other command lists those of somebody's own file."""
    (files / "bad.csv").write_text("id,title,status,colour\nA-1,,yes,red\n")
    said = kg("import", "controls", files / "bad.csv", code=2)
    assert "MISSING_VALUE" in said
    assert "'colour' is not read" in said
    assert "kg lint" not in said
    many = ",".join(f"c{n}" for n in range(8))
    (files / "bad.csv").write_text(f"id,title,status,{many}\nA-1,,yes,{many}\n")
    assert "kg: and 3 more warnings" in kg("import", "controls", files / "bad.csv", code=2)


def test_the_command_names_every_fault_and_what_is_missing(files: Path) -> None:
    (files / "bad.csv").write_text("id,title,status\nA-1,,yes\nA-2,x,maybe\n")
    said = kg("import", "controls", files / "bad.csv", "--dry-run", code=2)
    assert "bad.csv:2 (title): MISSING_VALUE" in said
    assert "bad.csv:3 (status): UNKNOWN_STATUS" in said
    assert "-o DIR" in kg("import", "aiid", files / "new.csv", code=2)
    kg("import", "controls", files / "new.csv", "-o", files / "x.xlsx", code=2)
    kg("template", "-o", files / "t.csv", code=2)
    kg("template", "-o", files / "t.xlsx")
    assert (files / "t.xlsx").exists()


def test_evidence_stays_where_a_file_only_names_it() -> None:
    """Days that the file says are taken over; what no cell can say of a record stays."""
    record = EvidenceRecord("E-1", "minutes", "Board minutes", date(2026, 1, 1), None, "https://a.example", "note")
    kept = [control("A-1", evidence=(record,), max_evidence_age_days=90)]
    named = parse_controls([{"id": "A-1", "title": kept[0].title, "status": "implemented", "evidence": "E-1"}], RELEASE)
    (after,) = plan_import(kept, named).result
    assert after.evidence == (record,)
    assert after.max_evidence_age_days == 90
    row = {"id": "A-1", "title": kept[0].title, "status": "implemented", "evidence": "E-1; E-2"}
    dated = parse_controls([row | {"evidence_date": "2026-06-01", "evidence_max_age_days": "30"}], RELEASE)
    plan = plan_import(kept, dated)
    (after,) = plan.result
    assert after.evidence == (replace(record, day=date(2026, 6, 1)), EvidenceRecord("E-2", day=date(2026, 6, 1)))
    assert {f.field for f in plan.changed[0].fields} >= {"evidence", "evidence_max_age_days"}
    assert plan_import(plan.result, dated).empty


def test_what_is_written_as_csv_reads_back_with_its_evidence(tmp_path: Path) -> None:
    day = date(2026, 6, 1)
    evidence = (EvidenceRecord("E-1", day=day, valid_until=date(2027, 6, 1)),)
    kept = (control("A-1", evidence=evidence, evidence_date=day, max_evidence_age_days=30), control("A-2"))
    path = tmp_path / "c.csv"
    path.write_text(controls_csv(kept), encoding="utf-8")
    assert read_controls(path, RELEASE).controls == kept
