"""The exports say what the answers say: in every format, for hostile text too, and the same bytes every time."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from python_calamine import CalamineWorkbook

from kg import Release
from kg.answers import (
    Assessment,
    Crosswalk,
    Explain,
    Reason,
    Verdict,
    assess,
    crosswalk,
    explain,
    exposure,
    search,
)
from kg.answers.gaps import GapReport, gap_report
from kg.cli.demo import example_paths
from kg.exports import words
from kg.exports.csv import csv_text, neutral, table_csv
from kg.exports.json import camel, dumps, plain
from kg.exports.markdown import escape, markdown_text
from kg.exports.tables import Document, Link, Table, document, text_of
from kg.exports.tables_lists import frameworks_table, hits_table, stats_table
from kg.exports.xlsx import workbook
from kg.model import Control, ControlRow, ControlStatus, Exclusion, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import RELATED, RELATIONS, SUPERSET_OF

HOSTILE = (
    "=HYPERLINK(\"http://x\",\"y\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "a|b", "<script>alert(1)</script>",
    "[x](javascript:alert(1))", "line\nbreak", "`code` *bold* \\", "http://example.org/", "1e5", "＝1",
)  # fmt: skip


@pytest.fixture(scope="module")
def assessment(release: Release) -> Assessment:
    """The example organisation's."""
    controls, profile = example_paths()
    about = read_profile(profile, release)
    return assess(release, read_controls(controls, release, systems=[s.id for s in about.systems]).controls, about)


@pytest.fixture(scope="module")
def crossed(release: Release) -> Crosswalk:
    return crosswalk(release, "eu-ai-act", "iso42001", as_of=date(2026, 11, 23))


@pytest.fixture(scope="module")
def explained(assessment: Assessment, release: Release) -> Explain:
    """Of the requirement on which most controls bear."""
    found = [explain(assessment, r) for r in release.requirements("gdpr", assessment.as_of)[:60]]
    return max(found, key=lambda e: len(e.rulings))


@pytest.fixture(scope="module")
def report(assessment: Assessment) -> GapReport:
    return gap_report(assessment, "iso42001")


@pytest.fixture(scope="module")
def documents(
    assessment: Assessment, release: Release, crossed: Crosswalk, explained: Explain, report: GapReport
) -> list[Document]:
    answers = [*(assessment.coverage(f) for f in release.frameworks), report, crossed, explained]
    return [document(a, release) for a in answers]


def hostile_assessment(release: Release) -> Assessment:
    """Controls, a profile and a system whose every text is hostile."""
    targets = list(release.controls)
    controls = [
        Control(text, text, ControlStatus.IMPLEMENTED, (ControlRow(targets[i], SUPERSET_OF),), text, text)
        for i, text in enumerate(HOSTILE)
    ]
    controls.append(
        Control("=1+1", "=1+1", ControlStatus.IMPLEMENTED, tuple(ControlRow(t, SUPERSET_OF) for t in targets))
    )
    exclusion = Exclusion(release.requirements("gdpr", date(2026, 1, 1))[0].id, "=1+1|<b>")
    profile = Profile(title="=1+1|<b>", systems=(System("=s", "@t|"), System("b")), exclusions=(exclusion,))
    return assess(release, controls, profile, date(2026, 11, 23))


# ---------------------------------------------------------------- JSON


def test_coverage_has_exactly_the_agreed_names(assessment: Assessment) -> None:
    """The names that GraphQL has too, in this order."""
    found = plain(assessment.coverage("gdpr"))
    assert list(found) == [
        "framework", "title", "release", "asOf", "textVersion", "profile", "method", "disclaimers", "counts", "groups",
        "requirements",
    ]  # fmt: skip
    counts = [
        "applicable", "covered", "coveredReviewed", "partial", "lead", "gap", "disputed", "notApplicable", "excluded",
        "notYetApplicable", "notYetApplicableCovered", "total", "percentCovered",
    ]  # fmt: skip
    assert list(found["counts"]) == counts
    assert all(list(d) == ["id", "text", "basis"] for d in found["disclaimers"])
    assert all(list(g) == ["curie", "ref", "title", "verdict", "counts"] for g in found["groups"])
    assert all(list(g["counts"]) == counts for g in found["groups"])
    names = [
        "curie", "ref", "title", "summary", "group", "applicability", "applicabilityReason",
        "applicabilityExplanation", "appliesFrom", "basis", "rule", "legalReference", "verdict", "reasons",
        "explanation", "setAside", "units",
    ]  # fmt: skip
    assert all(list(r) == names for r in found["requirements"])
    behind = [r["explanation"] for r in found["requirements"] if r["explanation"]]
    explanation = [
        "control", "title", "relation", "mask", "disputed", "reviewed", "members", "steps", "supporting", "opposing",
    ]  # fmt: skip
    assert behind
    assert all(list(e) == explanation for e in behind)
    step = ["subject", "relation", "object", "set", "row", "authority", "method", "reviewed", "kind"]
    assert all(list(s) == step for e in behind for s in e["steps"])
    assert all(list(m) == ["member", "control"] for e in behind for m in e["members"])


def test_every_answer_has_a_plain_form(
    assessment: Assessment, release: Release, crossed: Crosswalk, explained: Explain, report: GapReport
) -> None:
    """Whatever an answer holds becomes JSON, and the same JSON twice."""
    requirement = explained.result.requirement
    answers: list[Any] = [
        assessment, assessment.coverage("eu-ai-act"), report, crossed, explained, release.stats(),
        exposure(release, requirement.id), search(release, "poisoning"), list(release.provisions.values()),
        list(release.controls.values()), list(release.joints.values()), list(release.threats.values()),
        list(release.incidents.values()), list(release.frameworks.values()), list(release.sets.values()),
        release.mappings, release.threat_links, release.references, list(release.disclaimers.values()), None, True, 1,
        {"b": date(2026, 1, 2), "a": {Verdict.GAP}},
    ]  # fmt: skip
    for answer in answers:
        found = dumps(answer, release)
        assert found == dumps(answer, release)
        assert found.endswith(b"\n")
        orjson.loads(found)
    assert plain({"b": date(2026, 1, 2), "a": {Verdict.GAP}}) == {"b": "2026-01-02", "a": ["GAP"]}
    with pytest.raises(TypeError, match="no plain form"):
        plain(object())


def test_no_plain_form_says_where_a_thing_was_read(release: Release) -> None:
    """Sources are for findings; an answer does not change when a row moves to another line."""
    text = dumps([list(release.provisions.values())[:50], release.mappings[:50]], release).decode()
    assert '"source":' not in text
    assert "ontologies/" not in text


def test_counts_add_up(assessment: Assessment, release: Release) -> None:
    """Every count has its place under the denominator, and groups share the requirements out."""
    for f in release.frameworks:
        found = plain(assessment.coverage(f))
        c = found["counts"]
        assert c["applicable"] == c["covered"] + c["partial"] + c["lead"] + c["gap"]
        assert c["total"] == c["applicable"] + c["notApplicable"] + c["notYetApplicable"] == len(found["requirements"])
        for key in c:
            if key != "percentCovered":
                assert sum(g["counts"][key] for g in found["groups"]) == c[key]
        if c["applicable"]:
            assert c["percentCovered"] == round(100 * c["covered"] / c["applicable"], 1)
        else:
            assert c["percentCovered"] is None


def test_a_percentage_of_nothing_is_null(release: Release) -> None:
    """Where nothing applies there is no percentage."""
    profile = Profile(exclusions=(Exclusion("gdpr", "not ours"),))
    counts = assess(release, (), profile, date(2026, 1, 1)).coverage("gdpr").counts
    assert plain(counts)["percentCovered"] is None
    assert "n/a" in words.denominator(counts)


def test_the_order_of_controls_changes_nothing(assessment: Assessment, release: Release) -> None:
    """Shuffled controls give the same bytes."""
    shuffled = list(assessment.controls)
    Random(7).shuffle(shuffled)
    again = assess(release, shuffled, assessment.profile)
    for f in release.frameworks:
        assert dumps(assessment.coverage(f)) == dumps(again.coverage(f))
        assert dumps(gap_report(assessment, f)) == dumps(gap_report(again, f))


def test_a_crosswalk_row_keeps_its_provenance(crossed: Crosswalk, release: Release) -> None:
    """Set, id, authority, method and review state travel with every row; without the release authority is null."""
    for said, row in zip(plain(crossed, release)["rows"], crossed.rows, strict=True):
        assert said["row"] == row.row.id
        assert said["authority"] == release.sets[said["set"]].authority.value
        assert said["objectTitle"] == release.title(said["object"])
        assert said["reviewed"] is bool(said["reviewers"])
    assert {r["authority"] for r in plain(crossed)["rows"]} == {None}


def test_camel() -> None:
    assert [camel(n) for n in ("id", "as_of", "set_", "not_yet_applicable")] == [
        "id",
        "asOf",
        "set",
        "notYetApplicable",
    ]


# ---------------------------------------------------------------- the gap report


def test_gap_report_is_the_gaps_of_the_assessment(assessment: Assessment, release: Release) -> None:
    for f in release.frameworks:
        found = gap_report(assessment, f)
        assert tuple(g.result for g in found.gaps) == assessment.gaps(f)
        for g in found.gaps:
            assert (
                g.could_cover or Reason.NO_MAPPING_IN_GRAPH in g.result.reasons or g.result.verdict >= Verdict.PARTIAL
            )


def test_pending_controls_are_those_the_reasons_speak_of(assessment: Assessment, release: Release) -> None:
    """A reason that a control is not finished comes with that control's name, and no name without the reason."""
    speaking = {Reason.CONTROL_NOT_IMPLEMENTED, Reason.CONTROL_PARTLY_IMPLEMENTED}
    some = False
    for f in release.frameworks:
        for g in gap_report(assessment, f).gaps:
            assert bool(g.pending) == bool(speaking & set(g.result.reasons)), g.result.requirement.id
            assert all(p.verdict > g.result.verdict for p in g.pending)
            some = some or bool(g.pending)
    assert some


# ---------------------------------------------------------------- tables


def test_every_column_is_described(documents: list[Document], release: Release) -> None:
    """Name, title, description and width of every column; every row has every cell."""
    lists = [frameworks_table(release), hits_table(search(release, "data")), stats_table(release.stats())]
    for table in [t for d in documents for t in d.tables] + lists:
        names = [c.name for c in table.columns]
        assert len(set(names)) == len(names)
        assert len({c.title for c in table.columns}) == len(names)
        for c in table.columns:
            assert c.title
            assert len(c.description) > 3
            assert 5 < c.width <= 110
        assert all(len(row) == len(names) for row in table.rows)
        assert not table.muted or max(table.muted) < len(table.rows)


def test_a_document_carries_what_defends_it(documents: list[Document], release: Release) -> None:
    """Release, day, method, legend, licences of the sets used, and disclaimers."""
    for d in documents:
        facts = dict(d.facts)
        assert facts["Release"] == release.digest
        assert facts["As of"]
        assert facts["Method"]
        assert d.legend
        assert d.disclaimers
        said = " ".join(name for name, _ in d.licences)
        sets = [cell for t in d.tables for r in t.records() for n in ("set", "sets") if (cell := r.get(n))]
        for name in {s for cell in sets for s in text_of(cell).split(", ")}:
            assert f"({name}" in said, name
            assert release.sets[name].licence in [licence for _, licence in d.licences]


def test_incidents_travel_with_their_licence(documents: list[Document]) -> None:
    for d in documents:
        shown = any(t.name == "incidents" and t.rows for t in d.tables)
        assert shown == (words.INCIDENT_LICENCE in d.licences)


def test_requirement_rows_repeat_the_json(assessment: Assessment, release: Release) -> None:
    """The table of a coverage and its JSON are the same facts."""
    answer = assessment.coverage("eu-ai-act")
    for row, said in zip(document(answer, release).tables[0].records(), plain(answer)["requirements"], strict=True):
        for key in (
            "curie",
            "title",
            "summary",
            "group",
            "applicability",
            "applicabilityExplanation",
            "basis",
            "verdict",
        ):
            assert row[key] == said[key]
        assert text_of(row["ref"]) == said["ref"]
        assert row["appliesFrom"] == (said["appliesFrom"] or "")
        assert row["reasons"] == ", ".join(said["reasons"])
        behind = said["explanation"]
        assert row["control"] == (behind["control"] if behind else "")
        for step in behind["steps"] if behind else ():
            assert f"{step['subject']} {step['relation']} {step['object']}" in text_of(row["chain"])
            assert step["row"] in text_of(row["chain"])


def test_links_lead_to_the_official_texts_alone(documents: list[Document], release: Release) -> None:
    """No link but to an address that the release itself holds."""
    known = {f.url for f in release.frameworks.values()} | {p.url for p in release.provisions.values()}
    known |= {v.url for f in release.frameworks.values() for v in f.text_versions}
    known |= {i.url for i in release.incidents.values()}
    found = {c.url for d in documents for t in d.tables for row in t.rows for c in row if isinstance(c, Link)}
    assert found
    assert found <= known
    assert all(url.startswith(("https://", "http://")) for url in found)


def test_every_word_of_an_answer_is_explained() -> None:
    assert set(words.VERDICTS) == {v.name for v in Verdict}
    assert set(words.REASONS) == {r.value for r in Reason}
    assert set(words.RELATIONS) == set(RELATIONS)
    assert set(words.STATUSES) == {s.value for s in ControlStatus}


def test_only_answers_have_documents(release: Release) -> None:
    with pytest.raises(TypeError, match="no table form"):
        document(release.stats(), release)


# ---------------------------------------------------------------- CSV


def test_csv_reads_back_as_the_table(documents: list[Document]) -> None:
    """One header, ``\\n``, no BOM, every cell; each row says release and day."""
    for d in documents:
        text = csv_text([d])
        assert "\r" not in text
        assert not text.startswith("\ufeff")
        rows = list(csv.reader(io.StringIO(text)))
        table = d.tables[0]
        assert rows[0] == [c.name for c in table.columns] + [name for name, _ in d.stamp]
        assert len(rows) == len(table.rows) + 1
        for cells, row in zip(rows[1:], table.rows, strict=True):
            assert cells == [neutral(c) for c in row] + [value for _, value in d.stamp]


def test_csv_of_several_frameworks_has_one_header(assessment: Assessment, release: Release) -> None:
    found = [document(assessment.coverage(f), release) for f in release.frameworks]
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert len(rows) == sum(len(d.tables[0].rows) for d in found)
    assert {r["framework"] for r in rows} == set(release.frameworks)


def test_csv_neutralises_formulas(release: Release) -> None:
    """What a spreadsheet would run begins with an apostrophe; numbers stay numbers."""
    assert [neutral(c) for c in ("=1", "+1", "-1", "@x", "\tx", "\rx", "＝1")] == [
        "'=1", "'+1", "'-1", "'@x", "'\tx", "'\nx", "'＝1",
    ]  # fmt: skip
    assert [neutral(c) for c in (-1, 1.5, None, "a=b", Link("=x", "http://x"))] == ["-1", "1.5", "", "a=b", "'=x"]
    answer = hostile_assessment(release).coverage("gdpr")
    for row in csv.reader(io.StringIO(csv_text([document(answer, release)]))):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_lists_as_csv(release: Release) -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv(stats_table(release.stats())))))
    counts = {r["what"]: r["count"] for r in rows}
    assert counts["release"] == release.digest
    assert counts["incidents"] == str(len(release.incidents))


# ---------------------------------------------------------------- Markdown


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_tables_are_whole(documents: list[Document], release: Release) -> None:
    """Every row has the cells of its header, hostile text included, and no tag of anybody's."""
    hostile = hostile_assessment(release)
    more = [document(hostile.coverage("gdpr"), release), document(gap_report(hostile, "iso42001"), release)]
    for d in [*documents, *more]:
        text = markdown_text([d])
        width = 0
        for line in text.split("\n"):
            if not line.startswith("|"):
                width = 0
                continue
            width = width or len(cells_of(line))
            assert len(cells_of(line)) == width, line
        assert not re.search(r"<(?!br>)", text)
        assert "](javascript:" not in text
        assert text.startswith("# ")
        assert text.endswith("\n")
        for disclaimer in d.disclaimers:
            assert escape(disclaimer.text) in text


def test_markdown_escapes() -> None:
    assert escape("a|b\nc <i> `d` *e* [f](g) & \\") == ("a\\|b<br>c &lt;i&gt; \\`d\\` \\*e\\* \\[f\\](g) &amp; \\\\")


# ---------------------------------------------------------------- Excel


def sheets(data: bytes) -> dict[str, list[list[Any]]]:
    """Sheet name → rows, as a reader of workbooks sees them."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def members(data: bytes) -> dict[str, str]:
    """The parts of a workbook that are text."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def in_sheet(table: Table) -> list[int]:
    """The numbers of a table's columns as they stand in a workbook: what is printed comes first."""
    return sorted(range(len(table.columns)), key=lambda i: not table.columns[i].printed)


def same(cell: Any, said: Any) -> bool:
    """Whether a cell read back is what was said; an empty cell is nothing or no text."""
    return bool(cell == ("" if said is None else said))


def test_coverage_workbook_repeats_the_json(assessment: Assessment, release: Release) -> None:
    """Read back cell by cell: requirements and groups."""
    answer = assessment.coverage("eu-ai-act")
    said = plain(answer)
    found = sheets(workbook([document(answer, release)]))
    assert list(found) == ["Read me", "Requirements", "Groups"]
    table, groups = document(answer, release).tables
    assert found["Requirements"][0] == [table.columns[i].title for i in in_sheet(table)]
    place = {table.columns[i].name: place for place, i in enumerate(in_sheet(table))}
    for row, r in zip(found["Requirements"][1:], said["requirements"], strict=True):
        for key in ("curie", "ref", "title", "summary", "group", "applicability", "appliesFrom", "basis", "verdict"):
            assert same(row[place[key]], r[key]), (r["curie"], key)
        assert same(row[place["reasons"]], ", ".join(r["reasons"]))
        assert same(row[place["control"]], r["explanation"] and r["explanation"]["control"])
    place = {groups.columns[i].name: place for place, i in enumerate(in_sheet(groups))}
    for row, g in zip(found["Groups"][1:], said["groups"], strict=True):
        assert same(row[place["curie"]], g["curie"])
        assert same(row[place["verdict"]], g["verdict"])
        for key, value in g["counts"].items():
            assert same(row[place[key]], value), (g["curie"], key)


def test_the_cover_of_several_documents_names_more_than_the_first(documents: list[Document]) -> None:
    """The footer of the cover and the title of the file speak of all of it, not of the first framework alone."""
    found = members(workbook([documents[0], documents[0]]))
    assert ", and 1 more" in found["docProps/core.xml"]
    assert ", and 1 more" not in members(workbook([documents[0]]))["docProps/core.xml"]


@pytest.mark.parametrize("which", range(4, 7))
def test_every_workbook_repeats_its_tables(documents: list[Document], which: int) -> None:
    """Gaps, crosswalk and explanation: every cell of every table."""
    d = documents[which]
    found = list(sheets(workbook([d])).values())
    for table, rows in zip(d.sheets, found[1:], strict=True):
        order = in_sheet(table)
        assert rows[0][: len(order)] == [table.columns[i].title for i in order]
        assert len(rows) == 1 + max(1, len(table.rows))
        if not table.rows:
            assert rows[1][0] == table.empty
            continue
        for row, said in zip(rows[1:], table.rows, strict=True):
            for cell, value in zip(row, (said[i] for i in order), strict=True):
                assert same(cell, text_of(value) if isinstance(value, Link) else value)


def test_read_me_says_what_defends_the_numbers(assessment: Assessment, release: Release) -> None:
    answer = assessment.coverage("gdpr")
    text = "\n".join(str(c) for row in sheets(workbook([document(answer, release)]))["Read me"] for c in row)
    assert assessment.profile is not None
    wanted = [
        release.digest, answer.as_of.isoformat(), answer.text_version.isoformat(), assessment.profile.title,
        answer.method, words.denominator(answer.counts), *words.VERDICTS.values(), *words.REASONS.values(),
        *words.RELATIONS.values(), *(d.text for d in answer.disclaimers), release.sets["aisb-gdpr"].licence,
    ]  # fmt: skip
    for each in wanted:
        assert each in text, each


def test_data_sheets_are_ready_to_work_with(documents: list[Document]) -> None:
    """Frozen and repeated header, filter, landscape, print area, wrapped text."""
    found = members(workbook([documents[0]]))
    for name in ("xl/worksheets/sheet2.xml", "xl/worksheets/sheet3.xml"):
        assert '<pane xSplit="1" ySplit="1"' in found[name]
        assert "<autoFilter ref=" in found[name]
        assert 'orientation="landscape"' in found[name]
        assert "<cols>" in found[name]
    assert found["xl/workbook.xml"].count("Print_Titles") == 2
    assert found["xl/workbook.xml"].count("Print_Area") == 3
    assert 'wrapText="1"' in found["xl/styles.xml"]


def test_hostile_text_stays_text(release: Release) -> None:
    """No formula, no link but ours, and every string as it was given."""
    hostile = hostile_assessment(release)
    answer = hostile.coverage("gdpr")
    data = workbook([document(answer, release)])
    parts = members(data)
    for name, xml in parts.items():
        assert not re.search(r"<f[ >]", xml), name
        if name.endswith(".rels"):
            assert "javascript:" not in xml
            assert "example.org" not in xml
    rows = sheets(data)["Requirements"]
    place = rows[0].index("Control")
    found = {row[place] for row in rows[1:]}
    said = {r.explanation.control for r in answer.requirements if r.explanation}
    assert found - {""} == said
    assert any("=1+1|<b>" in str(cell) for row in sheets(data)["Read me"] for cell in row)


def test_hostile_controls_are_shown_as_they_are(release: Release) -> None:
    """Each hostile id, alone, reads back from JSON, CSV and Excel as the same text."""
    target = next(m.subject for m in release.mappings if m.subject in release.controls and m.object.startswith("gdpr:"))
    for text in HOSTILE:
        control = Control(text, text, ControlStatus.IMPLEMENTED, (ControlRow(target, SUPERSET_OF),))
        answer = assess(release, [control], None, date(2026, 1, 1)).coverage("gdpr")
        page = document(answer, release)
        shown = [r for r in orjson.loads(dumps(answer))["requirements"] if r["explanation"]]
        assert shown
        assert {r["explanation"]["control"] for r in shown} == {text}
        rows = sheets(workbook([page]))["Requirements"]
        assert {row[rows[0].index("Control")] for row in rows[1:]} - {""} == {text}
        read = {r["control"] for r in csv.DictReader(io.StringIO(csv_text([page])))} - {""}
        assert read == {neutral(text)}
        assert text in read or read == {"'" + text}


def test_the_same_bytes_every_time(documents: list[Document]) -> None:
    """A workbook's creation time is the answer's day, never the clock's."""
    for d in documents:
        first = workbook([d])
        assert first == workbook([d])
        assert f"{d.day.isoformat()}T00:00:00Z" in members(first)["docProps/core.xml"]
        assert csv_text([d]) == csv_text([d])
        assert markdown_text([d]) == markdown_text([d])


def test_one_workbook_of_several_frameworks(assessment: Assessment, release: Release) -> None:
    """Sheets carry the framework's id; names that Excel refuses are mended."""
    found = [document(assessment.coverage(f), release) for f in release.frameworks]
    names = list(sheets(workbook(found)))
    assert names[0] == "Read me"
    assert names[1:3] == ["iso42001 requirements", "iso42001 groups"]
    assert len(names) == 1 + 2 * len(found)


def test_sheet_names_excel_accepts(documents: list[Document]) -> None:
    from dataclasses import replace

    odd = [replace(documents[0], name="a/b:c[d]*?" + "x" * 40), replace(documents[0], name="a/b:c[d]*?" + "x" * 40)]
    names = list(sheets(workbook(odd)))
    assert len({n.casefold() for n in names}) == len(names) == 5
    assert all(len(n) <= 31 and not re.search(r"[\[\]:*?/\\]", n) for n in names)


def test_very_long_text_is_cut_where_excel_must(release: Release) -> None:
    """A cell of Excel holds 32,767 characters; more would lose the cell altogether."""
    control = Control("A", "t" * 40_000, ControlStatus.IMPLEMENTED, (ControlRow("gdpr:art-32.1.b", RELATED),))
    answer = assess(release, [control], None, date(2026, 1, 1)).coverage("gdpr")
    rows = sheets(workbook([document(answer, release)]))["Requirements"]
    place = rows[0].index("Control title")
    longest = max((str(row[place]) for row in rows[1:]), key=len)
    assert len(longest) == 32_767
    assert longest.endswith("…")


def test_nothing_machine_bound_is_written(documents: Sequence[Document]) -> None:
    """No path of the machine that made it."""
    here = str(Path(__file__).resolve().parents[1])
    for d in documents:
        assert here not in markdown_text([d])
        assert all(here not in xml for xml in members(workbook([d])).values())
