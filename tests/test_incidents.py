"""Incidents: the MIT classification of the AI Incident Database as data of the graph, and the importer of the
database's own snapshot, whole, broken and hostile."""

from __future__ import annotations

import bz2
import csv
import io
import os
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kg import InputError, Release, UnknownIdError
from kg.answers import exposure, incidents_of, search
from kg.cli.app import app
from kg.errors import UsageError
from kg.importers import aiid
from kg.importers.aiid import read_snapshot, write_folder
from kg.model import ENTITIES, INTENTS, TIMINGS
from kg.rdf import query
from kg.sources import builtin_data, lint, load, read
from kg.sources.classifications import CLASSIFICATION_COLUMNS, canonical_classifications

FOLDER = builtin_data() / "ontologies" / "incidents"
TABLE = FOLDER / "aiid-mit.tsv"
BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/"

# ---------------------------------------------------------------- what is shipped


def test_the_classification_is_whole(release: Release) -> None:
    assert len(release.classifications) == 869
    assert len(release.incidents) == 133
    assert len(release.known_by_number) == 779
    counts = Counter(c.subdomain.partition(":")[2] for c in release.classifications.values())
    assert counts.most_common(4) == [("7.3", 252), ("1.1", 116), ("4.3", 105), ("3.1", 88)]
    assert len(counts) == 20
    for c in release.classifications.values():
        assert (c.entity in ENTITIES, c.timing in TIMINGS, c.intent in INTENTS) == (True, True, True)


def test_the_list_of_subdomains_is_closed_and_complete(release: Release) -> None:
    domains = [d for d in release.risk_domains.values() if not d.broader]
    subdomains = [d for d in release.risk_domains.values() if d.broader]
    assert [d.ref for d in domains] == list("1234567")
    assert Counter(d.ref[0] for d in subdomains) == {"1": 3, "2": 2, "3": 2, "4": 3, "5": 2, "6": 6, "7": 6}
    for d in release.risk_domains.values():
        assert d.id == f"mit-ai-risk:{d.ref}"
        assert d.broader in ("", f"mit-ai-risk:{d.ref[0]}")
        assert not d.matches or d.note


def test_the_table_is_small_and_says_whose_it_is(release: Release) -> None:
    assert TABLE.stat().st_size < 250_000
    assert FOLDER.parent.name == "ontologies"
    for table in release.classification_sets.values():
        assert table.licence == BY_SA
        assert "Responsible AI Collaborative" in table.attribution
        assert "AIID snapshot of March 2025" in table.origin
    assert {c.set_id for c in release.classifications.values()} == set(release.classification_sets)


def test_what_the_project_has_read_names_a_threat_and_has_a_title(release: Release) -> None:
    assert all(i.threats and i.title for i in release.incidents.values())


def test_a_case_known_by_number_has_no_title_and_says_so(release: Release) -> None:
    assert not set(release.known_by_number) & set(release.incidents)
    for i in release.known_by_number.values():
        assert (i.id, i.title, i.threats) == (f"aiid:{i.number}", "", ())
        assert i.url == f"https://incidentdatabase.ai/cite/{i.number}/"
        assert "no title" in i.basis
    [hit] = search(release, "aiid:2", 1)
    assert hit.id == "aiid:2"
    assert hit.title == "(no title here: see https://incidentdatabase.ai/cite/2/)"
    assert "MIT 7.3 Lack of capability or robustness" in hit.summary
    assert release.resolve("AIID 2") == "aiid:2"
    assert release.resolve("aiid #6") == "aiid:6"
    error = release.unknown("aiid:2")
    assert "by its number and classification only" in error.message
    assert "https://incidentdatabase.ai/cite/2/" in error.hint
    with pytest.raises(UnknownIdError):
        release.resolve("AIID 999999")


def test_incidents_are_found_by_their_classification_where_they_are_asked_for(release: Release) -> None:
    found = search(release, "overreliance", 100, kinds={"incident"})
    assert len(found) == 45
    assert {release.classifications[h.id].subdomain for h in found} == {"mit-ai-risk:5.1"}
    assert all("Overreliance" in h.summary for h in found)
    titles = search(release, "data poisoning", 5, kinds={"incident"})
    assert all(h.id in release.incidents for h in titles[:2])
    everything = search(release, "robustness", 1000)
    assert not [h for h in everything if h.id in release.known_by_number]


def test_the_counts_and_the_digest_know_of_it(release: Release) -> None:
    stats = release.stats()
    assert (stats["incidents"], stats["incidentsKnownByNumber"], stats["incidentClassifications"]) == (133, 779, 869)
    for change in ("entity", "subdomain"):
        content = load()
        content.classifications[0] = replace(content.classifications[0], **{change: "another"})
        assert Release(content).digest != release.digest
    content = load()
    content.risk_domains[0] = replace(content.risk_domains[0], title="another")
    assert Release(content).digest != release.digest


def test_the_dataset_has_every_row_in_a_graph_under_its_licence(release: Release) -> None:
    rows = query(
        release,
        "SELECT ?n ?s ?e ?t ?i { GRAPH ?g { ?c a kg:Classification ; kg:incident ?a ; kg:subdomain ?s ; kg:entity ?e ;"
        f" kg:timing ?t ; kg:intent ?i }} ?a kg:number ?n . ?g dcterms:license <{BY_SA}> ; dcterms:rightsHolder ?r }}",
    )
    found = {(int(r["n"].value), *(r[v].value.rpartition("/")[2] for v in "seti")) for r in rows}
    here = release.classifications.values()
    assert found == {(c.number, c.subdomain.partition(":")[2], c.entity, c.timing, c.intent) for c in here}
    assert not query(release, "ASK { ?i a kg:NumberedIncident ; dcterms:title ?title }")
    numbered = list(query(release, "SELECT ?i { ?i a kg:NumberedIncident ; kg:number ?n ; rdfs:seeAlso ?l }"))
    assert len(numbered) == 779
    assert query(release, "ASK { mit-ai-risk:2.1 skos:broader mit-ai-risk:2 ; skos:closeMatch ?t . ?t a kg:Threat }")


# ---------------------------------------------------------------- strict loading

HEADER = "".join(
    f"# {key}: {value}\n"
    for key, value in {
        "id": "https://w3id.org/aigov-kg/mine", "title": "Mine", "license": BY_SA, "attribution": "me", "source": "it",
    }.items()
)  # fmt: skip
COLUMNS = "\t".join(CLASSIFICATION_COLUMNS) + "\n"
GOOD = "90001\t2026-01-31\t2.1\tAI\tPost-deployment\tUnintentional\n"


def _folder(root: Path, text: str) -> Path:
    (root / "ontologies" / "incidents").mkdir(parents=True, exist_ok=True)
    (root / "ontologies" / "incidents" / "mine.tsv").write_bytes(text.encode())
    return root


def _codes(folder: Path) -> set[tuple[int, str]]:
    _, findings = read([folder])
    return {(f.line, f.code) for f in findings if f.path.endswith("mine.tsv")}


@pytest.mark.parametrize(
    "text, line, code",
    [
        (HEADER + COLUMNS + GOOD.replace("90001", "0"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("90001", "9" * 5000), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("90001", "x"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("90001", ""), 7, "MISSING_VALUE"),
        (HEADER + COLUMNS + GOOD + GOOD, 8, "DUPLICATE_ROW"),
        (HEADER + COLUMNS + GOOD.replace("90001", "2"), 7, "DUPLICATE_ROW"),
        (HEADER + COLUMNS + GOOD.replace("2026-01-31", "2026-02-31"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("2026-01-31", "20260131"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("2026-01-31", "last year"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("2.1", "2.9"), 7, "UNKNOWN_ID"),
        (HEADER + COLUMNS + GOOD.replace("\t2.1", "\t2"), 7, "WRONG_KIND"),
        (HEADER + COLUMNS + GOOD.replace("\tAI", "\tRobot"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("Post-deployment", "Later"), 7, "BAD_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("Unintentional", ""), 7, "MISSING_VALUE"),
        (HEADER + COLUMNS + GOOD.replace("\tAI", ""), 7, "ROW_SHAPE"),
        (HEADER + COLUMNS.replace("\tintent", ""), 6, "MISSING_COLUMN"),
        (HEADER + COLUMNS.replace("intent", "intent\tmood") + GOOD.replace("al\n", "al\tgood\n"), 6, "UNKNOWN_COLUMN"),
        (HEADER + COLUMNS, 6, "EMPTY_SET"),
        (HEADER.replace("# license", "# licens") + COLUMNS + GOOD, 1, "MISSING_HEADER"),
        (HEADER.replace("https://w3id.org/aigov-kg/mine", "mine") + COLUMNS + GOOD, 1, "BAD_VALUE"),
        ("", 1, "MISSING_HEADER"),
        ("\ufeff" + HEADER + COLUMNS + GOOD, 1, "ENCODING"),
    ],
)
def test_a_fault_of_a_table_is_found_on_its_line(tmp_path: Path, text: str, line: int, code: str) -> None:
    assert (line, code) in _codes(_folder(tmp_path, text))
    with pytest.raises(InputError):
        load([tmp_path])


def test_a_table_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "")
    (folder / "ontologies" / "incidents" / "mine.tsv").write_bytes((HEADER + COLUMNS).encode() + b"\xff\n")
    assert (7, "ENCODING") in _codes(folder)


@pytest.mark.parametrize("when", ["2026-01-31", "2026-01", "2026", ""])
def test_a_good_table_joins_the_graph(tmp_path: Path, when: str) -> None:
    mine = Release.load(_folder(tmp_path, HEADER + COLUMNS + GOOD.replace("2026-01-31", when)))
    assert mine.classifications["aiid:90001"].date == when
    assert mine.known_by_number["aiid:90001"].number == 90001
    assert len(mine.known_by_number) == 780


def test_a_table_is_mended_into_its_one_form(tmp_path: Path) -> None:
    crooked = HEADER.replace("# id: ", "#id:") + COLUMNS + GOOD.replace("90001", "100000") + "\n" + GOOD
    folder = _folder(tmp_path, crooked.replace("\n", "\r\n"))
    assert [f.code for f in lint([folder]) if f.path.endswith("mine.tsv")] == ["NOT_CANONICAL"]
    assert not [f for f in lint([folder], fix=True) if f.path.endswith("mine.tsv")]
    text = (folder / "ontologies" / "incidents" / "mine.tsv").read_text()
    assert text == HEADER + COLUMNS + GOOD + GOOD.replace("90001", "100000")
    assert canonical_classifications(TABLE.read_text()) == TABLE.read_text()


# ---------------------------------------------------------------- snapshots

INCIDENT_HEADER = [
    "_id", "incident_id", "date", "reports", "Alleged deployer of AI system", "Alleged developer of AI system",
    "Alleged harmed or nearly harmed parties", "description", "title",
]  # fmt: skip
MIT_HEADER = ["Namespace", "Incident ID", "Published", "Risk Domain", "Risk Subdomain", "Entity", "Timing", "Intent"]
PRIVACY = ["2. Privacy & Security", "2.1. Compromise of privacy by obtaining, leaking or correctly inferring …"]
ROBUST = ["7. AI system safety, failures, and limitations", "7.3. Lack of capability or robustness"]


def _case(number: object, when: str = "2026-03-01", title: str = "") -> list[str]:
    about = 'Words,\nmore "words".'
    name = title or f"Case {number}"
    return [f"ObjectId({number})", str(number), when, "[1,2]", '["a"]', '["b"]', '["c"]', about, name]


def _mit(number: object, where: list[str], published: str = "true", entity: str = "AI") -> list[str]:
    return ["MIT", str(number), published, *where, entity, "Post-deployment", "Unintentional"]


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


#: Of these 6 is curated, 2 is known by its number, the others are new.
CASES = [
    _case(6, "2016-03-23", "The database's own title"), _case(2, "2018-12-05", 'Title with "quotes", é, \\ and ↦'),
    _case(90001, "2026-03", "A leak\r\nover two lines"), _case(90002, ""), _case(90003, "2026"),
]  # fmt: skip
PLACED = [
    _mit(90001, PRIVACY), _mit(90002, ROBUST), _mit(90003, PRIVACY, published="false"),
    _mit(6, ROBUST), ["MIT", "90003", "", "", "", "", "", ""],
]  # fmt: skip
FILES = {
    "incidents.csv": _csv([INCIDENT_HEADER, *CASES]),
    "classifications_MIT.csv": _csv([MIT_HEADER, *PLACED]),
    "classifications_GMF.csv": b"Namespace,Incident ID\nGMF,1\n",
    "reports.csv": b"whatever\n",
}


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _member(name: str, size: int = 0, **more: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size = size
    for key, value in more.items():
        setattr(found, key, value)
    return found


def _archive(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:bz2") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return path


def _whole(root: Path, files: dict[str, bytes] = FILES) -> Path:
    """An archive as the database publishes it: a folder, dumps, tables."""
    members = [(_member("mongodump_full_snapshot", type=tarfile.DIRTYPE), b"")]
    members += [(_member("mongodump_full_snapshot/aiidprod/reports.bson"), os.urandom(100_000))]
    members += [(_member(f"mongodump_full_snapshot/{name}"), content) for name, content in files.items()]
    return _archive(root / "backup-20261116101500.tar.bz2", members)


Make = Callable[[Path], Path]
SHAPES: dict[str, Make] = {
    "folder": lambda root: _write(root / "snapshot", FILES),
    "folder above": lambda root: _write(root / "all" / "mongodump_full_snapshot", FILES).parent,
    "archive": _whole,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_snapshot_becomes_a_data_folder(release: Release, tmp_path: Path, shape: str) -> None:
    seen: list[tuple[int, int]] = []
    path = SHAPES[shape](tmp_path)
    found = read_snapshot(path, day=date(2026, 11, 16), progress=lambda done, total: seen.append((done, total)))
    assert not found.findings
    assert seen
    assert all(0 <= done <= total for done, total in seen)
    out = tmp_path / "out"
    written = write_folder(found, release, out)
    assert (written.written, written.kept, written.with_threats, written.classified) == (4, 1, 1, 2)
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert names == ["ontologies/incidents/aiid-snapshot-mit.tsv", "ontologies/incidents/aiid-snapshot.ttl"]
    assert not [f for f in lint([out]) if f.path.startswith(str(out))]
    mine = Release.load(out)
    assert len(mine.incidents) == 137
    assert mine.incidents["aiid:6"] == release.incidents["aiid:6"], "what is curated stays"
    assert mine.incidents["aiid:2"].title == 'Title with "quotes", é, \\ and ↦'
    assert mine.incidents["aiid:2"].threats == ()
    leak = mine.incidents["aiid:90001"]
    assert (leak.number, leak.date, leak.title) == (90001, "2026-03", "A leak over two lines")
    assert leak.threats == ("threat:privacy-violation",)
    assert leak.url == "https://incidentdatabase.ai/cite/90001/"
    assert leak.basis.endswith("threat by rule: MIT 2.1")
    assert "2026-11-16" in leak.basis
    assert mine.incidents["aiid:90002"].date == ""
    assert mine.incidents["aiid:90003"].threats == (), "a classification that is not published says nothing"
    assert set(mine.known_by_number) == set(release.known_by_number) - {"aiid:2"}
    assert set(mine.classifications) - set(release.classifications) == {"aiid:90001", "aiid:90002"}
    assert mine.classifications["aiid:6"] == release.classifications["aiid:6"], "what is shipped stays"
    text = written.incidents.read_text()
    assert BY_SA in text
    assert "Responsible AI Collaborative" in text
    assert '"2026-11-16"^^xsd:date' in text


def test_an_incidents_csv_alone_will_do(release: Release, tmp_path: Path) -> None:
    path = _write(tmp_path / "backup-20261116101500", FILES) / "incidents.csv"
    found = read_snapshot(path)
    assert (len(found.cases), found.placed, found.day) == (5, {}, date(2026, 11, 16))
    written = write_folder(found, release, tmp_path / "out")
    assert written.table is None
    assert Release.load(tmp_path / "out").incidents["aiid:90001"].threats == ()


def test_the_shipped_classification_serves_where_the_snapshot_has_none(release: Release, tmp_path: Path) -> None:
    number = next(
        c.number
        for c in release.classifications.values()
        if c.subdomain == "mit-ai-risk:2.1" and c.incident in release.known_by_number
    )
    path = _write(tmp_path / "s", {"incidents.csv": _csv([INCIDENT_HEADER, _case(number)])})
    write_folder(read_snapshot(path), release, tmp_path / "out")
    assert Release.load(tmp_path / "out").incidents[f"aiid:{number}"].threats == ("threat:privacy-violation",)


def test_a_snapshot_of_an_unknown_day_does_not_make_one_up(release: Release, tmp_path: Path) -> None:
    found = read_snapshot(_write(tmp_path / "s", FILES))
    assert found.day is None
    text = write_folder(found, release, tmp_path / "out").incidents.read_text()
    assert "of a day that is not known" in text
    assert "dcterms:issued" not in text


def test_exposure_counts_what_was_imported(release: Release, tmp_path: Path) -> None:
    write_folder(read_snapshot(_whole(tmp_path)), release, tmp_path / "out")
    mine = Release.load(tmp_path / "out")
    before, after = (incidents_of(r, "threat:privacy-violation") for r in (release, mine))
    assert {i.id for i in after} - {i.id for i in before} == {"aiid:90001"}
    links = {t.target for t in release.threat_links if t.threat == "threat:privacy-violation"}
    behind = [r for r in release.requirements("gdpr", date(2026, 11, 23)) if r.id in links]
    assert behind
    for r in behind:
        more = {i.id for i in exposure(mine, r.id).incidents} - {i.id for i in exposure(release, r.id).incidents}
        assert more == {"aiid:90001"}


def test_a_class_without_a_case_says_so_in_a_sentence(release: Release) -> None:
    for name in ("model-extraction", "model-inversion", "membership-inference"):
        assert not incidents_of(release, f"threat:{name}")
    for r in release.requirements("eu-ai-act", date(2026, 11, 23)):
        found = exposure(release, r.id)
        assert bool(found.note) == (not found.incidents)
        assert not found.note or found.note.endswith(".")


def test_an_import_takes_the_place_of_the_one_before(release: Release, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(read_snapshot(_whole(tmp_path)), release, out)
    (out / "mappings").mkdir()
    (out / "mappings" / "README.md").write_text("mine")
    path = _write(tmp_path / "s", {"incidents.csv": _csv([INCIDENT_HEADER, _case(90009)])})
    write_folder(read_snapshot(path), release, out)
    assert {p.name for p in out.rglob("*") if p.is_file()} == {"aiid-snapshot.ttl", "README.md"}
    assert set(Release.load(out).incidents) - set(release.incidents) == {"aiid:90009"}


def test_the_same_snapshot_gives_the_same_bytes(release: Release, tmp_path: Path) -> None:
    found = read_snapshot(_whole(tmp_path))
    first, second = (write_folder(found, release, tmp_path / name) for name in ("one", "two"))
    assert first.incidents.read_bytes() == second.incidents.read_bytes()


# ---------------------------------------------------------------- what is wrong with a snapshot


def _refused(path: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_snapshot(path)
    return [str(f).replace(str(path), "…") for f in raised.value.findings]


def test_every_fault_of_the_incidents_is_told_at_once(tmp_path: Path) -> None:
    rows = [
        INCIDENT_HEADER, _case(1), _case(1, title="again"), _case(3, "2024-02-30"), _case(4, "yesterday"),
        _case("x"), _case(""), _case("9" * 5000), _case(0), [*_case(9)[:-1], " "], _case(10)[:-1], _case(11),
    ]  # fmt: skip
    found = _refused(_write(tmp_path / "s", {"incidents.csv": _csv(rows)}))
    # a case takes two lines, since its description has two
    assert [f.split("csv:", 1)[1].split(" ", 2)[:2] for f in found] == [
        ["4:", "DUPLICATE_ID"], ["6:", "BAD_VALUE"], ["8:", "BAD_VALUE"], ["10:", "BAD_VALUE"],
        ["12:", "MISSING_VALUE"], ["14:", "BAD_VALUE"], ["16:", "BAD_VALUE"],
        ["18:", "MISSING_VALUE"], ["20:", "ROW_SHAPE"],
    ]  # fmt: skip
    assert "first on line 2" in found[0]
    assert all(len(f) < 300 for f in found)


@pytest.mark.parametrize("shape", ["folder", "archive"])
@pytest.mark.parametrize("column", ["incident_id", "date", "title"])
def test_a_missing_column_is_named(tmp_path: Path, column: str, shape: str) -> None:
    rows = [[c if c != column else "other" for c in INCIDENT_HEADER], *CASES]
    files = {**FILES, "incidents.csv": _csv(rows)}
    path = _whole(tmp_path, files) if shape == "archive" else _write(tmp_path / "s", files)
    [said] = _refused(path)
    assert f"incidents.csv:1: MISSING_COLUMN column {column} is missing" in said


def test_faults_of_both_tables_come_together(tmp_path: Path) -> None:
    files = {
        "incidents.csv": _csv([INCIDENT_HEADER, _case(1, "soon")]),
        "classifications_MIT.csv": _csv([MIT_HEADER[:-1], _mit(1, PRIVACY)[:-1]]),
    }
    said = " ".join(_refused(_whole(tmp_path, files)))
    assert "BAD_VALUE date 'soon'" in said
    assert "MISSING_COLUMN column Intent" in said


def test_a_classification_that_cannot_be_used_is_left_out_with_a_warning(release: Release, tmp_path: Path) -> None:
    rows = [
        MIT_HEADER, _mit(90001, PRIVACY), _mit(90001, PRIVACY), _mit(90001, ROBUST), _mit(90002, ["2.", "privacy"]),
        _mit(90003, ROBUST, entity="Robot"), _mit("?", ROBUST), _mit(77777, ROBUST), _mit(90002, ["7.", "7.9. New"]),
    ]  # fmt: skip
    found = read_snapshot(_write(tmp_path / "s", {**FILES, "classifications_MIT.csv": _csv(rows)}))
    assert {f.severity for f in found.findings} == {"warning"}
    assert sorted((f.line, f.code) for f in found.findings) == [
        (0, "UNKNOWN_ID"), (4, "DUPLICATE_ROW"), (5, "BAD_VALUE"), (6, "BAD_VALUE"), (7, "BAD_VALUE"),
    ]  # fmt: skip
    assert {n: p.subdomain for n, p in found.placed.items()} == {90001: "2.1", 90002: "7.9"}
    written = write_folder(found, release, tmp_path / "out")
    assert ["there is no subdomain 7.9" in f.message for f in written.findings] == [True]
    assert written.classified == 1


@pytest.mark.parametrize(
    "content, code",
    [
        (b"", "MISSING_COLUMN"),
        (b"incident_id,date,title\n", "EMPTY_FILE"),
        (b"incident_id,date,title\n1,2024-01-01,\xff\n", "ENCODING"),
        (b'incident_id,date,title\n1,2024-01-01,"never closed\n', "ROW_SHAPE"),
        (b'incident_id,date,title\n1,2024-01-01,"a"b\n', "ROW_SHAPE"),
        (b"incident_id,date,title\n1,2024-01-01," + b"x" * 200_000 + b"\n", "ROW_SHAPE"),
    ],
)
def test_a_table_that_is_none_is_one_finding(tmp_path: Path, content: bytes, code: str) -> None:
    found = _refused(_write(tmp_path / "s", {"incidents.csv": content}))
    assert any(f" {code} " in f for f in found), found


def test_characters_that_steer_a_terminal_are_no_part_of_a_title(tmp_path: Path) -> None:
    path = _write(tmp_path / "s", {"incidents.csv": _csv([INCIDENT_HEADER, _case(5, title="a\x1b[2Jb\tc\x07")])})
    assert read_snapshot(path).cases[5].title == "a[2Jb c"


def test_reading_ends_where_nearly_everything_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiid, "MAX_FINDINGS", 10)
    for bad in (_case("x"), ["1", "2"]):
        rows = [INCIDENT_HEADER, *(bad for _ in range(100))]
        found = _refused(_write(tmp_path / "s", {"incidents.csv": _csv(rows)}))
        assert len(found) == 11
        assert any("TOO_LARGE" in f for f in found)


@pytest.mark.parametrize("limit", ["MAX_TABLE", "MAX_ROWS"])
def test_a_table_that_is_too_large_is_refused(tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiid, limit, 3)
    assert any("TOO_LARGE" in f for f in _refused(_whole(tmp_path)))
    assert any("TOO_LARGE" in f for f in _refused(_write(tmp_path / "s", FILES)))


def test_what_is_no_snapshot_is_told(tmp_path: Path) -> None:
    assert "NOT_FOUND" in _refused(tmp_path / "nothing")[0]
    assert "there is no incidents.csv in it" in _refused(tmp_path)[0]
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    assert "UNREADABLE" in _refused(tmp_path / "a.zip")[0]
    (tmp_path / "a.tar.bz2").write_bytes(b"BZh9 and then nonsense")
    assert "UNREADABLE" in _refused(tmp_path / "a.tar.bz2")[0]
    (tmp_path / "b.tar.bz2").write_bytes(bz2.compress(b"not a tar archive" * 100))
    assert "UNREADABLE" in _refused(tmp_path / "b.tar.bz2")[0]
    whole = _whole(tmp_path).read_bytes()
    (tmp_path / "c.tar.bz2").write_bytes(whole[: len(whole) // 2])
    assert "fetch it again" in _refused(tmp_path / "c.tar.bz2")[0]
    lone = _archive(tmp_path / "d.tar.bz2", [(_member("deep/down/incidents.csv"), FILES["incidents.csv"])])
    assert "there is no incidents.csv in it" in _refused(lone)[0]


# ---------------------------------------------------------------- hostile archives


@pytest.mark.parametrize(
    "member",
    [
        _member("../incidents.csv"),
        _member("mongodump_full_snapshot/../../etc/incidents.csv"),
        _member("/etc/incidents.csv"),
        _member("..\\incidents.csv"),
        _member("C:\\incidents.csv"),
        _member("mongodump_full_snapshot/incidents.csv", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        _member("mongodump_full_snapshot/incidents.csv", type=tarfile.LNKTYPE, linkname="../../etc/passwd"),
        _member("mongodump_full_snapshot/incidents.csv", type=tarfile.FIFOTYPE),
        _member("mongodump_full_snapshot/incidents.csv", type=tarfile.CHRTYPE),
        _member("x", type=b"Z"),
    ],
    ids=lambda m: f"{m.name} {m.type.decode()}",
)
def test_paths_and_links_of_an_archive_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = _archive(inside / "backup-20261116101500.tar.bz2", [(member, b""), *[(_member("incidents.csv"), b"")]])
    before = sorted(tmp_path.rglob("*"))
    [said] = _refused(path)
    assert "UNSAFE_ARCHIVE" in said
    assert sorted(tmp_path.rglob("*")) == before, "nothing was unpacked"


@pytest.mark.parametrize("name", ["", ".", "./", "//", "a" * 500, "\x1b[2J", "é"])
def test_odd_names_do_no_harm(tmp_path: Path, name: str) -> None:
    path = _archive(
        tmp_path / "a.tar.bz2", [(_member(name), b"x"), (_member("./incidents.csv"), FILES["incidents.csv"])]
    )
    said = _outcome(path)
    assert said == "read" or re.search(r" (UNSAFE_ARCHIVE|UNREADABLE|NOT_FOUND) ", said), said
    assert "\x1b" not in said


def _outcome(path: Path) -> str:
    try:
        return "read" if len(read_snapshot(path).cases) == 5 else "read wrongly"
    except InputError as error:
        return str(error)


def _raw(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(bz2.compress(b"".join(blocks)))
    return path


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    return _member(name, size, type=kind).tobuf(tarfile.GNU_FORMAT)


def test_a_claim_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    path = _raw(tmp_path / "a.tar.bz2", _header("mongodump_full_snapshot/reports.bson", 1 << 50))
    assert "claims 1,125,899,906,842,624 bytes" in _refused(path)[0]
    path = _raw(tmp_path / "b.tar.bz2", _header("incidents.csv", 1 << 33), bytes(1024))
    assert "TOO_LARGE" in _refused(path)[0]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_unpacks_to_too_much_is_refused(tmp_path: Path, kind: bytes) -> None:
    """A few hundred bytes that claim to be a very long name are not read into memory."""
    size = 64 << 20
    path = _raw(tmp_path / "a.tar.bz2", _header("x", size, kind), bytes(size), _header("incidents.csv", 0))
    assert path.stat().st_size < 10_000
    assert "TOO_LARGE it unpacks to more than any snapshot does" in _refused(path)[0]


def test_a_chain_of_headers_ends(tmp_path: Path) -> None:
    link = _header("x", 4, tarfile.GNUTYPE_LONGNAME) + b"name" + bytes(508)
    found = _refused(_raw(tmp_path / "a.tar.bz2", link * 20_000, _header("incidents.csv", 0)))
    assert "TOO_LARGE" in found[0] or "UNREADABLE" in found[0]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiid, "MAX_MEMBERS", 20)
    path = _raw(tmp_path / "a.tar.bz2", *(_header(f"f{n}", 0) for n in range(30)))
    assert "it holds more than 20 files" in _refused(path)[0]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiid, "MAX_ARCHIVE", 8 << 20)
    size = 6 << 20
    path = _raw(tmp_path / "a.tar.bz2", *(_header(f"f{n}", size) + bytes(size) for n in range(3)))
    assert "it unpacks to more than any snapshot does" in _refused(path)[0]


def test_the_archive_is_read_no_further_than_both_tables(tmp_path: Path) -> None:
    members = [(_member(f"mongodump_full_snapshot/{name}"), FILES[name]) for name in list(FILES)[:2]]
    whole = _archive(tmp_path / "a.tar.bz2", [*members, (_member("z.bson"), os.urandom(3_000_000))])
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) - 1_000_000])
    assert len(read_snapshot(whole).cases) == 5


# ---------------------------------------------------------------- writing and the command


def test_nothing_is_half_written(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, out = read_snapshot(_whole(tmp_path)), tmp_path / "out"
    write_folder(found, release, out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    other = {**FILES, "incidents.csv": _csv([INCIDENT_HEADER, *CASES, _case(90009)])}
    for files in (other, {"incidents.csv": other["incidents.csv"]}):
        with pytest.raises(UsageError, match="No space left"):
            write_folder(read_snapshot(_whole(tmp_path, files)), release, out)
        assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_the_projects_own_data_are_not_written_to(release: Release, tmp_path: Path) -> None:
    found = read_snapshot(_whole(tmp_path))
    with pytest.raises(UsageError, match="the project's own data"):
        write_folder(found, release, builtin_data())
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_folder(found, release, tmp_path / "file")


def _run(*args: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(a) for a in args])
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_writes_what_data_reads(tmp_path: Path) -> None:
    path, out = _whole(tmp_path), tmp_path / "out"
    said = _run("import", "aiid", path, "-o", out)
    assert "4 incidents, 1 of them with a threat" in said
    assert "2 further classifications" in said
    assert "1 incidents of the snapshot are in the graph already" in said
    assert "CC BY-SA 4.0" in said
    assert "137 incidents" in " ".join(_run("--data", out, "stats").split())
    again = _run("import", "aiid", path, "-o", out, "--data", out)
    assert "4 incidents" in again, "an earlier import into the same folder is not in the way"
    other = _run("import", "aiid", path, "-o", tmp_path / "other", "--data", out)
    assert "0 incidents" in other
    assert "A leak over two lines" in _run("--data", out, "show", "aiid:90001")


def test_the_command_refuses_with_every_finding_and_writes_nothing(tmp_path: Path) -> None:
    files = {**FILES, "incidents.csv": _csv([INCIDENT_HEADER, _case(1, "soon"), _case("x")])}
    said = _run("import", "aiid", _whole(tmp_path, files), "-o", tmp_path / "out", code=2)
    assert "incidents.csv:2: BAD_VALUE" in said
    assert "incidents.csv:4: BAD_VALUE" in said
    assert not (tmp_path / "out").exists()
    assert "--date" in _run("import", "aiid", tmp_path, "-o", tmp_path / "o", "--date", "soon", code=2)
    assert "aiid" in _run("import", "aiidd", tmp_path, "-o", tmp_path / "o", code=2)


def test_the_day_can_be_said(tmp_path: Path) -> None:
    path = _write(tmp_path / "s", FILES)
    assert "NO_DATE" in _run("import", "aiid", path, "-o", tmp_path / "a")
    assert "NO_DATE" not in _run("import", "aiid", path, "-o", tmp_path / "b", "--date", "2026-11-16")
    assert "snapshot of 2026-11-16" in (tmp_path / "b" / "ontologies" / "incidents" / "aiid-snapshot.ttl").read_text()
