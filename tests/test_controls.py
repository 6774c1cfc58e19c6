"""Controls as people keep them: whatever its shape a table reads the same, and what is wrong is named in its cell."""

from __future__ import annotations

import csv
import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import Finding, InputError, KgError, UnknownIdError
from kg.model import (
    Catalogue,
    Control,
    ControlRow,
    ControlStatus,
    EvidenceRecord,
    Framework,
    Incident,
    JointNode,
    Provision,
    ReferenceControl,
    TextVersion,
    Threat,
)
from kg.organizations import (
    COLUMNS,
    STATUS_WORDS,
    Sheet,
    control_from_fields,
    find_target,
    parse_controls,
    read_controls,
)
from kg.organizations.controls import parse_day
from kg.relations import NO_RELATIONSHIP, RELATED, RELATIONS, SUBSET_OF, SUPERSET_OF, sentence
from kg.release import Release
from kg.sources import Content
from kg.sources.codes import CONTROL_CODES


def _framework(id_: str, short: str, title: str, jurisdiction: str = "") -> Framework:
    version = (TextVersion(date(2024, 1, 1), "first"),)
    return Framework(id_, title, short, "someone", "law", jurisdiction, "", "", version)


def _release() -> Release:
    titles = {
        "iso42001:A.6.2.4": "Verification and validation",
        "iso42001:A.6.2.5": "Deployment",
        "iso42001:5.1": "Leadership",
        "eu-ai-act:art-10": "Data and data governance",
        "eu-ai-act:art-10.2.f": "Examination for bias",
        "eu-ai-act:art-15.4": "Robustness",
        "eu-ai-act:annex-IV.2.b": "Design",
        "eu-ai-act:art-5": "Prohibited practices",
        "gdpr:art-5": "Principles",
        "gdpr:art-32.1": "Security of processing",
        "nist-ai-rmf:GOVERN-1.1": "Legal requirements",
    }
    provisions = [Provision(i, i.partition(":")[0], "point", i, t, t, True) for i, t in titles.items()]
    controls = [
        ReferenceControl("aisb:DAT-01", "aisb", "DAT", "Data provenance", "…"),
        ReferenceControl("aisb:DAT-02", "aisb", "DAT", "Data quality", "…"),
    ]
    return Release(
        Content(
            frameworks=[
                _framework("eu-ai-act", "EU AI Act", "Regulation (EU) 2024/1689", "EU"),
                _framework("gdpr", "GDPR", "Regulation (EU) 2016/679", "EU"),
                _framework("iso42001", "ISO/IEC 42001", "ISO/IEC 42001:2023 Management system"),
                _framework("nist-ai-rmf", "NIST AI RMF", "AI Risk Management Framework 1.0"),
            ],
            provisions=provisions,
            catalogues=[Catalogue("aisb", "AI security baseline", "we", "CC-BY-4.0", "1")],
            controls=controls,
            joints=[JointNode("aisb:JOINT-01", "aisb", "Clean data", ("aisb:DAT-01", "aisb:DAT-02"))],
            threats=[Threat("threat:poisoning", "Poisoning", "…", matches=("atlas:AML.T0020",))],
            incidents=[Incident("aiid:6", 6, "2016-03", "Tay", ("threat:poisoning",), "", "")],
        )
    )


RELEASE = _release()
HEADER = ["id", "title", "description", "status", "owner", "evidence_date", "mappings"]
ROW = ["AC-1", "Access control", "", "implemented", "Jo", "2026-01-31", "aisb:DAT-01"]


# ------------------------------------------------------------------ helpers


def _csv(rows: Iterable[Sequence[str]], delimiter: str = ",", newline: str = "\n") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return out.getvalue()


def _write(folder: Path, content: str | bytes, name: str = "controls.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _book(path: Path, *sheets: Sequence[Sequence[Any]], hide: int | None = None, top: int = 0, left: int = 0) -> Path:
    book = xlsxwriter.Workbook(str(path))
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, rows in enumerate(sheets):
        sheet = book.add_worksheet(f"Sheet {number + 1}")
        if number == hide:
            sheet.hide()
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if isinstance(value, (date, datetime)):
                    sheet.write_datetime(top + y, left + x, value, day)
                elif isinstance(value, str):
                    sheet.write_string(top + y, left + x, value)
                elif value is not None:
                    sheet.write(top + y, left + x, value)
    book.close()
    return path


def _refused(read: Callable[[], object]) -> tuple[Finding, ...]:
    with pytest.raises(InputError) as caught:
        read()
    assert {f.code for f in caught.value.findings} <= set(CONTROL_CODES)
    return caught.value.findings


def _one(read: Callable[[], object]) -> Finding:
    found = _refused(read)
    assert len(found) == 1, [str(f) for f in found]
    return found[0]


def _codes(findings: Iterable[Finding]) -> list[str]:
    return [f.code for f in findings]


def _of(**fields: str) -> Control:
    return control_from_fields({"id": "AC-1", "title": "Access", "status": "implemented", **fields}, RELEASE)


def _wrong(**fields: str) -> Finding:
    return _one(lambda: _of(**fields))


# ------------------------------------------------------------------ what a table says does not hang on its shape

_LETTERS = st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="\ufeff\u00a0_")
_WORD = st.text(_LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
_PROSE = st.text(st.one_of(_LETTERS, st.sampled_from(" \n\",;\t'=|")), max_size=30).map(str.strip)
_DAYS = st.dates(date(1901, 1, 1), date(2100, 12, 31))
_TARGETS = [*RELEASE.provisions, *RELEASE.controls, *RELEASE.joints]


@st.composite
def _a_control(draw: st.DrawFn, control_id: str) -> Control:
    rows = []
    for target in draw(st.lists(st.sampled_from(_TARGETS), unique=True, max_size=4)):
        stated = draw(st.booleans())
        assumed = RELATED if target in RELEASE.provisions else SUPERSET_OF
        rows.append(ControlRow(target, draw(st.sampled_from(list(RELATIONS.values()))) if stated else assumed, stated))
    day = draw(st.none() | _DAYS)
    end = draw(st.none() | st.dates(day or date(1901, 1, 1), date(2100, 12, 31)))
    names = [f"{control_id.replace(';', ',')} {i}" for i in range(draw(st.integers(0, 2)))]
    if end and not names:
        names = [f"{control_id}/evidence"]
    return Control(
        id=control_id,
        title=draw(_PROSE.filter(bool)),
        status=draw(st.sampled_from(list(ControlStatus))),
        rows=tuple(rows),
        description=draw(_PROSE),
        owner=draw(_PROSE),
        evidence_date=day,
        systems=tuple(draw(st.lists(_WORD.filter(lambda w: ";" not in w), unique=True, max_size=3))),
        evidence=tuple(EvidenceRecord(name, day=day, valid_until=end) for name in names),
        max_evidence_age_days=draw(st.none() | st.integers(1, 99999)),
    )


_IDS = st.lists(_WORD.map(lambda w: " ".join(w.split())), min_size=1, max_size=6, unique=True)
_CONTROLS = _IDS.flatmap(lambda ids: st.tuples(*(_a_control(i) for i in ids)))


def _fields(control: Control) -> dict[str, str]:
    words = {mask: name for name, mask in RELATIONS.items()}
    return {
        "id": control.id,
        "title": control.title,
        "description": control.description,
        "status": control.status.value,
        "owner": control.owner,
        "evidence_date": control.evidence_date.isoformat() if control.evidence_date else "",
        "evidence": "; ".join(r.id for r in control.evidence if r.id != f"{control.id}/evidence"),
        "evidence_valid_until": str(next((r.valid_until for r in control.evidence if r.valid_until), "")),
        "evidence_max_age_days": str(control.max_evidence_age_days or ""),
        "mappings": "; ".join(f"{r.target} {words[r.mask]}" if r.stated else r.target for r in control.rows),
        "systems": ";".join(control.systems),
    }


def _table(controls: Sequence[Control], rng: random.Random) -> list[list[str]]:
    """The controls as a table with columns in any order, under any of their headings in any case."""
    order = rng.sample(list(COLUMNS), len(COLUMNS))
    headings = [rng.choice([c, *COLUMNS[c]]) for c in order]
    shapes: list[Callable[[str], str]] = [str.upper, str.title, str.lower, lambda h: h.replace(" ", "_")]
    headings = [rng.choice(["", " "]) + rng.choice(shapes)(h) + rng.choice(["", " ", ":"]) for h in headings]
    rows = [[_fields(c)[name] for name in order] for c in controls]
    padding = [""] * rng.randrange(3)
    empty = [[""] * len(order)] * rng.randrange(3)
    return [[*row, *padding] for row in [headings, *rows, *empty]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controls")


@given(
    _CONTROLS,
    st.randoms(use_true_random=False),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_csv_file_reads_back_whatever_its_shape(
    folder: Path, controls: tuple[Control, ...], rng: random.Random, delimiter: str, newline: str, encoding: str
) -> None:
    text = _csv(_table(controls, rng), delimiter, newline)
    assert read_controls(_write(folder, text.encode(encoding)), RELEASE).controls == controls


@settings(max_examples=25)
@given(_CONTROLS, st.randoms(use_true_random=False), st.integers(0, 3), st.integers(0, 3))
def test_a_workbook_reads_back_whatever_its_shape(
    folder: Path, controls: tuple[Control, ...], rng: random.Random, top: int, left: int
) -> None:
    path = _book(folder / "controls.xlsx", _table(controls, rng), top=top, left=left)
    assert read_controls(path, RELEASE).controls == controls


@given(_CONTROLS)
def test_a_request_and_a_file_with_the_same_content_give_the_same_sheet(
    folder: Path, controls: tuple[Control, ...]
) -> None:
    rows = [_fields(c) for c in controls]
    written = _csv([list(COLUMNS), *([row[c] for c in COLUMNS] for row in rows)])
    systems = {system for c in controls for system in c.systems}
    from_file = read_controls(_write(folder, written), RELEASE, systems=systems)
    assert parse_controls(rows, RELEASE, systems=systems) == from_file == Sheet(controls, (), from_file.preview)
    assert len(from_file.preview) == sum(len(c.rows) for c in controls)
    assert control_from_fields(rows[0], RELEASE) == controls[0]


@given(_CONTROLS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_only_the_order_of_controls(
    controls: tuple[Control, ...], rng: random.Random
) -> None:
    rows = [_fields(c) for c in controls]
    rng.shuffle(rows)
    assert set(parse_controls(rows, RELEASE).controls) == set(controls)


@given(st.binary(max_size=300))
def test_junk_is_refused_with_findings(folder: Path, junk: bytes) -> None:
    for name in ("junk.csv", "junk.xlsx", "junk.xls", "junk.ods"):
        findings = _refused(lambda name=name: read_controls(_write(folder, junk, name), RELEASE))  # type: ignore[misc]
        assert all(f.path.endswith(name) for f in findings)


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    return _book(folder / "whole.xlsx", [HEADER, ROW]).read_bytes()


@given(at=st.integers(0, 10**6), flip=st.integers(0, 255), kept=st.integers(1, 10**6))
def test_a_damaged_workbook_is_read_or_refused(folder: Path, whole: bytes, at: int, flip: int, kept: int) -> None:
    broken = bytearray(whole)
    broken[at % len(whole)] ^= flip
    path = _write(folder, bytes(broken[:kept]), "broken.xlsx")
    with suppress(InputError):
        assert isinstance(read_controls(path, RELEASE), Sheet)


# ------------------------------------------------------------------ headings


def test_headings_are_known_by_one_meaning_each() -> None:
    words = [" ".join(w.replace("_", " ").split()) for name, others in COLUMNS.items() for w in (name, *others)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("missing", ["id", "title", "status"])
def test_a_missing_column_names_what_was_found_and_what_is_sought(tmp_path: Path, missing: str) -> None:
    at = HEADER.index(missing)
    rows = [[c for i, c in enumerate(row) if i != at] for row in (HEADER, ROW)]
    found = _one(lambda: read_controls(_write(tmp_path, _csv(rows)), RELEASE))
    assert (found.code, found.line, found.cell) == ("MISSING_COLUMN", 1, missing)
    assert "mappings" in found.message
    assert all(word in found.hint for word in COLUMNS[missing])


def test_every_missing_column_is_named_and_the_rows_are_checked_all_the_same(tmp_path: Path) -> None:
    path = _write(tmp_path, "owner,mappings\nJo,aisb:DAT-99\n")
    findings = _refused(lambda: read_controls(path, RELEASE))
    assert _codes(findings) == ["MISSING_COLUMN"] * 3 + ["UNKNOWN_ID"]


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    found = _one(lambda: read_controls(_write(tmp_path, "id,title,status,State\nA,B,done,done\n"), RELEASE))
    assert (found.code, found.cell) == ("DUPLICATE_COLUMN", "State")
    assert "'status'" in found.message
    assert "'State'" in found.message


def test_an_unknown_column_is_a_warning_with_the_nearest(tmp_path: Path) -> None:
    sheet = read_controls(_write(tmp_path, "id,title,status,Budget,Ovner\nA,B,done,9,Jo\n"), RELEASE)
    assert _codes(sheet.findings) == ["UNKNOWN_COLUMN"] * 2
    assert all(f.severity == "warning" for f in sheet.findings)
    assert [f.cell for f in sheet.findings] == ["Budget", "Ovner"]
    assert "did you mean owner?" in sheet.findings[1].hint


def test_a_column_without_heading_is_a_warning_if_something_is_in_it(tmp_path: Path) -> None:
    path = _book(tmp_path / "c.xlsx", [["id", "title", "status", "", None], ["A", "B", "done", None, "note"]], left=1)
    (found,) = read_controls(path, RELEASE).findings
    assert (found.code, found.cell, found.line) == ("UNKNOWN_COLUMN", "F1", 1)


def test_warnings_travel_with_errors(tmp_path: Path) -> None:
    findings = _refused(lambda: read_controls(_write(tmp_path, "id,title,status,x\nA,B,,\n"), RELEASE))
    assert _codes(findings) == ["UNKNOWN_COLUMN", "MISSING_STATUS"]


def test_without_mappings_a_control_has_no_rows(tmp_path: Path) -> None:
    sheet = read_controls(_write(tmp_path, "ref;name;state\nA;B;yes\n"), RELEASE)
    assert sheet == Sheet((Control("A", "B", ControlStatus.IMPLEMENTED),))


def test_title_rows_and_the_separator_line_of_excel_may_stand_above(tmp_path: Path) -> None:
    titles = [["sep=;"], ["Our controls"], ["Owner", "Jo"], [], ["as of", "May"]]
    path = _write(tmp_path, _csv([*titles, HEADER, ["", *ROW[1:]]], ";"))
    found = _one(lambda: read_controls(path, RELEASE))
    assert (found.code, found.line, found.cell) == ("MISSING_VALUE", 7, "id")
    many = _write(tmp_path, _csv([["title row"]] * 11 + [HEADER, ROW]))
    assert "MISSING_COLUMN" in _codes(_refused(lambda: read_controls(many, RELEASE)))


# ------------------------------------------------------------------ rows and places


def test_a_finding_names_the_line_a_row_begins_in(tmp_path: Path) -> None:
    text = 'id,title,description,status\r\nA,B,"two\r\nlines",done\r\n\r\nC,"D\r\n\r\nE",,dunno\r\nF,G,,\r\n'
    findings = _refused(lambda: read_controls(_write(tmp_path, text), RELEASE))
    assert [(f.code, f.line) for f in findings] == [("UNKNOWN_STATUS", 5), ("MISSING_STATUS", 8)]


def test_a_finding_in_a_workbook_names_its_cell(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Controls of Acme"], [], HEADER, ROW, ["AC-2", "B", "", "done", "", "", "aisb:DAT-99"]]
    found = _one(lambda: read_controls(_book(tmp_path / "c.xlsx", rows, left=0), RELEASE))
    assert (found.line, found.cell, found.code) == (5, "G5 mappings", "UNKNOWN_ID")
    found = _one(lambda: read_controls(_book(tmp_path / "c.xlsx", rows, left=25, top=4), RELEASE))
    assert (found.line, found.cell) == (9, "AF9 mappings")


def test_a_row_that_is_too_long_is_refused(tmp_path: Path) -> None:
    found = _one(lambda: read_controls(_write(tmp_path, "id,title,status\nA,B,done,x\nC,D,done,,\n"), RELEASE))
    assert (found.code, found.line) == ("ROW_SHAPE", 2)


def test_a_quote_that_is_not_closed_is_refused_where_it_opens(tmp_path: Path) -> None:
    path = _write(tmp_path, 'id,title,status\nA,B,done\nC,"D,done\nE,F,done\n')
    found = _one(lambda: read_controls(path, RELEASE))
    assert (found.code, found.line) == ("UNREADABLE", 3)


def test_a_second_control_of_an_id_names_the_first(tmp_path: Path) -> None:
    path = _write(tmp_path, "id,title,status\nA,B,done\nA ,C,done\n")
    found = _one(lambda: read_controls(path, RELEASE))
    assert (found.code, found.line, found.cell) == ("DUPLICATE_CONTROL", 3, "id")
    assert f"{path}:2" in found.message


def test_every_finding_comes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = _csv(
        [HEADER, ["", "", "", "", "", "1.2.2026", "x:1 foo"], ROW, ["B", "C", "", "huh", "", "", "aisb:DAT-03"]]
    )
    findings = _refused(lambda: read_controls(_write(tmp_path, text), RELEASE))
    assert [(f.line, f.code) for f in findings] == [
        (2, "MISSING_VALUE"), (2, "MISSING_VALUE"), (2, "MISSING_STATUS"), (2, "BAD_VALUE"), (2, "UNKNOWN_ID"),
        (4, "UNKNOWN_STATUS"), (4, "UNKNOWN_ID"),
    ]  # fmt: skip
    assert str(findings[0]).startswith(f"{tmp_path / 'controls.csv'}:2 (id): MISSING_VALUE ")


# ------------------------------------------------------------------ workbooks


def test_numbers_and_dates_of_a_workbook_read_as_they_look(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["ID", "Control", "State", "Evidence"],
        [1.0, 4.5, "Done", datetime(2026, 3, 1, 14, 30)],
        [1.5, True, "to do", date(2026, 3, 2)],
    ]
    controls = read_controls(_book(tmp_path / "c.xlsx", rows), RELEASE).controls
    assert [(c.id, c.title, c.evidence_date) for c in controls] == [
        ("1", "4.5", date(2026, 3, 1)), ("1.5", "TRUE", date(2026, 3, 2)),
    ]  # fmt: skip


def test_an_id_that_excel_made_a_date_is_refused(tmp_path: Path) -> None:
    path = _book(tmp_path / "c.xlsx", [["id", "title", "status"], [date(2026, 2, 1), "B", "done"]])
    found = _one(lambda: read_controls(path, RELEASE))
    assert (found.code, found.cell) == ("BAD_VALUE", "A2 id")


def test_number_ids_that_excel_made_equal_are_explained(tmp_path: Path) -> None:
    path = _book(tmp_path / "c.xlsx", [["id", "title", "status"], [1.1, "B", "done"], [1.10, "C", "done"]])
    assert "1.10 becomes 1.1" in _one(lambda: read_controls(path, RELEASE)).hint


@pytest.mark.parametrize("value", [45000, "01/02/2026", date(1900, 1, 1)])
def test_a_damaged_date_of_a_workbook_is_refused(tmp_path: Path, value: Any) -> None:
    path = _book(tmp_path / "c.xlsx", [["id", "title", "status", "date"], ["A", "B", "done", value]])
    found = _one(lambda: read_controls(path, RELEASE))
    assert (found.code, found.cell) == ("BAD_VALUE", "D2 date")


def test_the_first_visible_sheet_with_controls_is_read_and_the_others_named(tmp_path: Path) -> None:
    legend = [["Status", "Name"], ["done", "finished"]]
    other = [["id", "title", "status"], ["Z", "Z", "done"]]
    path = _book(tmp_path / "c.xlsx", legend, other, [HEADER, ROW], other, hide=1)
    sheet = read_controls(path, RELEASE)
    assert [c.id for c in sheet.controls] == ["AC-1"]
    assert [f.severity for f in sheet.findings] == ["warning"]
    assert "'Sheet 4'" in sheet.findings[0].message


def test_a_workbook_whose_last_cell_is_far_away_is_refused_not_laid_out(tmp_path: Path) -> None:
    rows: list[list[Any]] = [HEADER, ROW]
    path = tmp_path / "c.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    for y, row in enumerate(rows):
        sheet.write_row(y, 0, row)
    sheet.write(1048575, 16383, "x")
    book.close()
    found = _one(lambda: read_controls(path, RELEASE))
    assert found.code == "UNREADABLE"
    assert "XFD1048576" in found.message


def test_formats_far_away_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "c.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ROW)
    sheet.write_blank(1048575, 16383, None, book.add_format({"bold": True}))
    book.close()
    assert len(read_controls(path, RELEASE).controls) == 1


def _ods(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    lines = ("<table:table-row>" + "".join(map(cell.format, row)) + "</table:table-row>" for row in rows)
    content = (
        f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
        f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet><table:table table:name="One">'
        f"{''.join(lines)}</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    return path


def test_an_open_document_sheet_is_read_too(tmp_path: Path) -> None:
    assert [c.id for c in read_controls(_ods(tmp_path / "c.ods", [HEADER, ROW]), RELEASE).controls] == ["AC-1"]


def _protected() -> bytes:
    """The smallest file that looks like a workbook with a password: an OLE container with an encrypted package."""
    free, end, fat = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<5H6x3I", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1)
    head += struct.pack("<6I", 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    table = struct.pack("<128I", fat, end, *[free] * 126)

    def entry(name: str, kind: int, child: int) -> bytes:
        raw = (name + "\0").encode("utf-16-le") if name else b""
        start = end if kind == 5 else 0
        links = struct.pack("<H2B3I", len(raw), kind, 1, free, free, child)
        return raw.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, 0)

    entries = [entry("Root Entry", 5, 1), entry("EncryptedPackage", 2, free), entry("", 0, free), entry("", 0, free)]
    return head + table + b"".join(entries)


def test_a_password_is_named(tmp_path: Path) -> None:
    found = _one(lambda: read_controls(_write(tmp_path, _protected(), "c.xlsx"), RELEASE))
    assert found.code == "UNREADABLE"
    assert "password" in found.message


# ------------------------------------------------------------------ files that are not what they should be


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("c.csv", b"", "EMPTY_FILE"),
        ("c.csv", b"\xef\xbb\xbf \n,,\n", "EMPTY_FILE"),
        ("c.csv", b"id,title,status\n,,\n", "EMPTY_FILE"),
        ("c.csv", b"id,title,status\nA,Z\xfcrich,done\n", "ENCODING"),
        ("c.csv", b"\xff\xfei\x00d\x00", "MISSING_COLUMN"),
        ("c.csv", b"\xff\xfei\x00d\x00\x00\xd8", "ENCODING"),
        ("c.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "UNREADABLE"),
        ("c.csv", b"\x01\x02\x03", "UNREADABLE"),
        ("c.csv", b"PK\x03\x04rest", "UNREADABLE"),
        ("c.xlsx", b"id,title,status\nA,B,done\n", "UNREADABLE"),
        ("c.xlsx", b"PK\x03\x04", "UNREADABLE"),
        ("c.xlsx", b"", "EMPTY_FILE"),
        ("c.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "UNREADABLE"),
        ("c.ods", b"PK\x05\x06" + bytes(18), "UNREADABLE"),
        ("c.docx", b"PK", "UNREADABLE"),
        ("c", b"id,title,status\nA,B,done\n", "UNREADABLE"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_finding(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    findings = _refused(lambda: read_controls(_write(tmp_path, content, name), RELEASE))
    assert set(_codes(findings)) == {code}
    assert "Traceback" not in str(findings[0])


def test_an_encoding_fault_names_its_line(tmp_path: Path) -> None:
    found = _one(lambda: read_controls(_write(tmp_path, b"id,title,status\nA,B,done\nC,Z\xfcrich,done\n"), RELEASE))
    assert (found.code, found.line) == ("ENCODING", 3)
    assert "UTF-8" in found.hint


def test_an_empty_workbook_is_said_to_be_empty(tmp_path: Path) -> None:
    assert _one(lambda: read_controls(_book(tmp_path / "c.xlsx", []), RELEASE)).code == "EMPTY_FILE"


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    _write(tmp_path, _csv([HEADER, ROW]), "controls.csv")
    found = _one(lambda: read_controls(tmp_path / "control.csv", RELEASE))
    assert found.code == "NOT_FOUND"
    assert "controls.csv" in found.hint
    assert _one(lambda: read_controls(tmp_path / "no" / "c.csv", RELEASE)).code == "NOT_FOUND"
    assert _one(lambda: read_controls(tmp_path, RELEASE)).code == "UNREADABLE"


# ------------------------------------------------------------------ statuses and days


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, status) for word, status in STATUS_WORDS.items()),
        *((s.value.upper(), s) for s in ControlStatus),
        ("N/A", ControlStatus.NOT_APPLICABLE),
        ("n.a.", ControlStatus.NOT_APPLICABLE),
        ("Not_applicable", ControlStatus.NOT_APPLICABLE),
        ("  In   Progress ", ControlStatus.PARTIAL),
        ("To-Do", ControlStatus.PLANNED),
    ],
)
def test_status_words(word: str, status: ControlStatus) -> None:
    assert _of(status=word).status is status


@pytest.mark.parametrize("blank", ["", "  ", "-", "?"])
def test_a_blank_status_is_an_error(blank: str) -> None:
    found = _wrong(status=blank)
    assert (found.code, found.cell) == ("MISSING_STATUS", "status")
    assert "not-applicable" in found.hint


def test_an_unknown_status_names_the_nearest() -> None:
    found = _wrong(status="implmented")
    assert found.code == "UNKNOWN_STATUS"
    assert found.hint.startswith("did you mean implemented? ")


@pytest.mark.parametrize("word", ["no", "Not implemented", "None", "not fully implemented", "FALSE", "unimplemented"])
def test_a_denied_status_is_never_taken_for_what_it_denies(word: str) -> None:
    found = _wrong(status=word)
    assert found.code == "UNKNOWN_STATUS"
    assert "did you mean" not in found.hint
    assert "planned" in found.hint


@given(_DAYS)
def test_every_day_reads_in_iso_and_with_a_day_above_twelve_in_two_more_forms(day: date) -> None:
    assert parse_day(day.isoformat()) == day
    assert parse_day(f"{day.isoformat()} 00:00:00") == day
    for form in (f"{day:%d.%m.%Y}", f"{day:%d/%m/%Y}", f"{day.day}.{day.month}.{day.year}"):
        if day.day > 12:
            assert parse_day(form) == day
        else:
            with pytest.raises(KgError, match="mixed up"):
                parse_day(form)


@pytest.mark.parametrize(
    "text",
    [
        "1900-12-31", "2101-01-01", "0026-01-01", "2026-02-30", "30.02.2026", "31/31/2026", "12/31/2026", "5.5.2026",
        "26-01-31", "2026-1-31", "20260131", "2026-W05-6", "31.01/2026", "31-01-2026", "Jan 2026", "45000",
        "policy.pdf",
    ],
)  # fmt: skip
def test_other_days_are_refused(text: str) -> None:
    found = _wrong(evidence_date=text)
    assert (found.code, found.cell) == ("BAD_VALUE", "evidence_date")
    assert found.hint


# ------------------------------------------------------------------ evidence


@pytest.mark.parametrize("cell", ["2026-01-31", "31.01.2026", "2026-01-31 00:00:00"])
def test_a_day_under_evidence_is_the_day_of_the_evidence(cell: str) -> None:
    assert _of(evidence=cell) == _of(evidence_date="2026-01-31")
    assert _of(evidence=cell, evidence_date="2026-01-31") == _of(evidence_date="2026-01-31")
    found = _wrong(evidence=cell, evidence_date="2026-02-01")
    assert (found.code, found.cell) == ("BAD_VALUE", "evidence")


def test_a_heading_evidence_over_days_is_read_as_before(folder: Path) -> None:
    path = _write(folder, "id,title,status,Evidence\nA,a,implemented,2026-01-31\nB,b,implemented,\n")
    assert [(c.evidence_date, c.evidence) for c in read_controls(path, RELEASE).controls] == [
        (date(2026, 1, 31), ()),
        (None, ()),
    ]


def test_evidence_is_named_dated_and_ends() -> None:
    control = _of(evidence="Audit 2026; minutes.pdf;Audit 2026", evidence_date="2026-01-31",
                  evidence_valid_until="2027-01-31", evidence_max_age_days="400")  # fmt: skip
    both = {"day": date(2026, 1, 31), "valid_until": date(2027, 1, 31)}
    assert control.evidence == (EvidenceRecord("Audit 2026", **both), EvidenceRecord("minutes.pdf", **both))
    assert control.max_evidence_age_days == 400
    unnamed = _of(evidence_date="2026-01-31", evidence_valid_until="2027-01-31")
    assert unnamed.evidence == (EvidenceRecord("AC-1/evidence", **both),)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("evidence", "05/06/2026"), ("evidence", "2026-02-30"), ("evidence_valid_until", "soon"),
        ("evidence_max_age_days", "0"), ("evidence_max_age_days", "-5"), ("evidence_max_age_days", "a year"),
        ("evidence_max_age_days", "1.5"), ("evidence_max_age_days", "1000000"),
    ],
)  # fmt: skip
def test_bad_evidence_is_named_by_its_cell(field: str, text: str) -> None:
    found = _wrong(**{field: text})
    assert (found.code, found.cell) == ("BAD_VALUE", field)
    assert found.hint


def test_evidence_does_not_end_before_it_begins() -> None:
    found = _wrong(evidence_date="2026-05-01", evidence_valid_until="2026-04-30")
    assert (found.code, found.cell) == ("BAD_VALUE", "evidence_valid_until")
    assert _of(evidence_date="2026-05-01", evidence_valid_until="2026-05-01").evidence


def test_one_record_of_several_controls_is_one_record(folder: Path) -> None:
    head = "id,title,status,evidence,evidence_date,evidence_valid_until\n"
    text = head + "A,a,implemented,audit,2026-01-31,\nB,b,implemented,audit; own,,2027-01-31\n"
    first, second = read_controls(_write(folder, text), RELEASE).controls
    audit = EvidenceRecord("audit", day=date(2026, 1, 31), valid_until=date(2027, 1, 31))
    assert first.evidence == (audit,)
    assert second.evidence == (audit, EvidenceRecord("own", valid_until=date(2027, 1, 31)))
    found = _one(lambda: read_controls(_write(folder, text + "C,c,implemented,audit,2026-02-01,\n"), RELEASE))
    assert (found.code, found.line, found.cell) == ("BAD_VALUE", 4, "evidence_date")
    assert "'audit' is of 2026-02-01 here and 2026-01-31" in found.message


# ------------------------------------------------------------------ targets and relations


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("iso42001:a.6.2.4", "iso42001:A.6.2.4"),
        ("ISO42001:A.6.2.4", "iso42001:A.6.2.4"),
        ("ISO/IEC 42001:2023 A.6.2.4", "iso42001:A.6.2.4"),
        ("ISO 42001 clause 5.1", "iso42001:5.1"),
        ("eu-ai-act:Article 10(2)(f)", "eu-ai-act:art-10.2.f"),
        ("EU AI Act Article 15(4)", "eu-ai-act:art-15.4"),
        ("EU AI Act, Annex IV, point 2(b)", "eu-ai-act:annex-IV.2.b"),
        ("GDPR: Art. 32(1)", "gdpr:art-32.1"),
        ("nist-ai-rmf:govern 1.1", "nist-ai-rmf:GOVERN-1.1"),
        ("AISB:dat-01", "aisb:DAT-01"),
        ("AI security baseline JOINT-01", "aisb:JOINT-01"),
    ],
)
def test_what_people_type_is_found(text: str, target: str) -> None:
    assert find_target(RELEASE, text) == target
    (row,) = _of(mappings=f" {text}  at least").rows
    assert row == ControlRow(target, RELATIONS["at_least"])


@given(st.sampled_from(_TARGETS), st.sampled_from(list(RELATIONS)), st.randoms(use_true_random=False))
def test_a_relation_reads_in_any_case_with_blanks_or_hyphens(target: str, relation: str, rng: random.Random) -> None:
    typed = "".join(rng.choice([c.upper(), c]) for c in relation).replace("_", rng.choice("_- "))
    assert _of(mappings=f"{target} {typed}").rows == (ControlRow(target, RELATIONS[relation]),)


def test_a_relation_that_is_not_stated_is_the_cautious_one_and_the_preview_says_so() -> None:
    cell = "aisb:DAT-01\naisb:JOINT-01; gdpr:art-5 ;iso42001:5.1 subset_of;; eu-ai-act:art-5 no relationship;"
    sheet = parse_controls([{"id": "AC-1", "title": "T", "status": "yes", "mappings": cell}], RELEASE)
    assert sheet.controls[0].rows == (
        ControlRow("aisb:DAT-01", SUPERSET_OF, stated=False),
        ControlRow("aisb:JOINT-01", SUPERSET_OF, stated=False),
        ControlRow("gdpr:art-5", RELATED, stated=False),
        ControlRow("iso42001:5.1", SUBSET_OF),
        ControlRow("eu-ai-act:art-5", NO_RELATIONSHIP),
    )
    assert ["not stated" in said for said in sheet.preview] == [True, True, True, False, False]
    assert sheet.preview[3] == sentence("AC-1", SUBSET_OF, "iso42001:5.1 (Leadership)")
    assert sheet.preview[0].startswith(sentence("AC-1", SUPERSET_OF, "aisb:DAT-01 (Data provenance)"))


@pytest.mark.parametrize(
    ("cell", "code", "message", "hint"),
    [
        ("iso42001:A.6.2.6", "UNKNOWN_ID", "iso42001:A.6.2.6", "iso42001:A.6.2."),
        ("aisb:DAT-99", "UNKNOWN_ID", "aisb:DAT-99", "(Data "),
        ("Article 5", "UNKNOWN_ID", "does not say of which", "eu-ai-act:art-5 (Prohibited practices) or gdpr:art-5"),
        ("iso27001:A.5.1", "UNKNOWN_ID", "names no framework", "iso42001"),
        ("EU AI Act Article 15(4)?", "UNKNOWN_ID", "15(4)?", "question mark"),
        ("gdpr:art-5, gdpr:art-32.1", "UNKNOWN_ID", "art-32.1", "separate several targets with `;`"),
        ("gdpr eu-ai-act:art-5", "UNKNOWN_ID", "gdpr:eu-ai-act:art-5", ""),
        ("eu-ai-act:art-10 point f", "UNKNOWN_ID", "point f", ""),
        ("eu-ai-act:art-10.9 subset_of", "UNKNOWN_ID", "eu-ai-act:art-10.9", "eu-ai-act:art-10"),
        ("iso42001:5.1 subsett of", "UNKNOWN_RELATION", "'subsett of'", "did you mean subset_of?"),
        ("EU AI Act Article 10(2)(f) covers", "UNKNOWN_RELATION", "'covers'", "intersects_with"),
        ("subset_of", "MISSING_VALUE", "without a target", "before its relation"),
        ("threat:poisoning", "WRONG_KIND", "threat", "a provision"),
        ("atlas:AML.T0020", "WRONG_KIND", "threat", ""),
        ("aiid:6 related", "WRONG_KIND", "incident", ""),
        ("EU AI Act", "WRONG_KIND", "whole framework", ""),
        ("aisb", "WRONG_KIND", "catalogue", ""),
        ("aisb:DAT-01; aisb:dat-01 subset_of", "DUPLICATE_MAPPING", "aisb:DAT-01 is named twice", ""),
    ],
)
def test_a_wrong_mapping_is_named(cell: str, code: str, message: str, hint: str) -> None:
    found = _wrong(mappings=cell)
    assert (found.code, found.cell) == (code, "mappings")
    assert message in found.message
    assert hint in found.hint


def test_every_wrong_item_of_a_cell_is_named() -> None:
    findings = _refused(lambda: _of(mappings="aisb:DAT-99; aisb:DAT-01; aiid:6; gdpr:art-5 foo"))
    assert _codes(findings) == ["UNKNOWN_ID", "WRONG_KIND", "UNKNOWN_RELATION"]


def test_a_name_that_two_frameworks_share_is_no_name() -> None:
    frameworks = [_framework("acme-a", "Acme", "Acme A"), _framework("acme-b", "Acme", "Acme B")]
    provisions = [Provision(f"{f.id}:1", f.id, "clause", "1", "One", "", True) for f in frameworks]
    release = Release(Content(frameworks=frameworks, provisions=provisions))
    assert find_target(release, "Acme B 1") == "acme-b:1"
    with pytest.raises(UnknownIdError):
        find_target(release, "Acme 1")


# ------------------------------------------------------------------ systems and requests


def test_a_control_may_be_limited_to_known_systems() -> None:
    row = {"id": "A", "title": "B", "status": "done", "systems": "bot; cv-filter;bot"}
    assert parse_controls([row], RELEASE, systems=["bot", "cv-filter"]).controls[0].systems == ("bot", "cv-filter")
    assert parse_controls([row], RELEASE).controls[0].systems == ("bot", "cv-filter")
    found = _one(lambda: parse_controls([row], RELEASE, systems=["bot", "cv-filtre"]))
    assert (found.code, found.cell) == ("UNKNOWN_SYSTEM", "systems")
    assert "did you mean cv-filtre?" in found.hint
    assert "the profile names none" in _refused(lambda: parse_controls([row], RELEASE, systems=()))[0].hint


def test_findings_of_a_request_name_the_place_in_its_list() -> None:
    rows: list[Mapping[str, str | None]] = [
        {"id": "A", "title": "B", "status": "done", "mappings": None},
        {"id": "A", "title": "", "status": None},
        {"id": "", "title": "", "status": ""},
    ]
    findings = _refused(lambda: parse_controls(rows, RELEASE, path="input"))
    assert [(f.path, f.line, f.code) for f in findings] == [
        ("input", 2, "MISSING_VALUE"), ("input", 2, "MISSING_STATUS"), ("input", 2, "DUPLICATE_CONTROL"),
        ("input", 3, "MISSING_VALUE"), ("input", 3, "MISSING_VALUE"), ("input", 3, "MISSING_STATUS"),
    ]  # fmt: skip


def test_a_request_without_controls_has_none() -> None:
    assert parse_controls([], RELEASE) == Sheet(())


def test_an_unknown_field_of_one_control_is_an_error() -> None:
    found = _wrong(ovner="Jo")
    assert found.code == "UNKNOWN_KEY"
    assert "did you mean owner?" in found.hint


def test_controls_limited_to_systems_that_no_profile_names_are_a_warning() -> None:
    row = {"id": "A", "title": "a", "status": "implemented", "systems": "chat"}
    [finding] = parse_controls([row], RELEASE).findings
    assert (finding.code, finding.severity) == ("NO_PROFILE", "warning")
    assert parse_controls([row], RELEASE, systems=["chat"]).findings == ()
    with pytest.raises(InputError):
        parse_controls([row], RELEASE, systems=[])
