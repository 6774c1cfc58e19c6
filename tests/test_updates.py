"""A kept organisation brought up to date: by a file and by suggestions, over GraphQL and on the command line."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli_organizations import Run, run
from test_imports import FAULTS, TARGETS, workbook
from test_organizations_api import ME, Ask, ask, asker, opened

from api.access import Gate
from kg import Release
from kg.cli.demo import example_paths
from kg.model import Control, ControlStatus, EvidenceRecord, Profile, System
from kg.organizations import plan_import
from kg.organizations.controls import COLUMNS, Sheet
from kg.organizations.store import ProposalState, Role, Store
from kg.organizations.updates import apply_update, proposals_of, propose, read_update, suggest_for
from kg.relations import SUPERSET_OF

__all__ = ["ask", "opened", "run"]  # fixtures of the neighbours

CONTROLS, PROFILE = example_paths()
HEADER = "id,title,description,status,mappings\n"
FILE = (
    HEADER
    + "A-1,Access to data,Roles only,implemented,aisb:DAT-01\n"
    + "A-2,Contracts with vendors,Vendors that process personal data sign a contract first,partial,\n"
)
IMPORT = """mutation($n: String!, $c: String!, $f: String, $rm: Boolean! = false, $p: Boolean! = true, $r: Int) {
  importControls(organization: "harrow", fileName: $n, content: $c, framework: $f, removeMissing: $rm, preview: $p,
                 expectedRevision: $r) {
    __typename
    ... on ImportPreview {
      revision format
      counts { kept added changed removed unchanged missing unmapped }
      added { totalCount nodes { id title } }
      changed { nodes { control fields { field before after } } }
      removed { nodes { id } }
      sentences { totalCount nodes { text } }
      findings { code }
    }
    ... on ImportDone {
      written { revision changed organization { controls { totalCount } } }
      counts { added changed removed unchanged }
    }
    ... on Conflict { revision current }
    ... on InvalidInput { message findings { path line cell code } }
    ... on NotFound { message hint }
  }
}"""


def sent(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def imported(ask: Ask, content: str | bytes = FILE, name: str = "controls.csv", **more: Any) -> Any:
    return ask(IMPORT, n=name, c=sent(content), **more)["importControls"]


# ---------------------------------------------------------------------------- import over GraphQL


def test_a_preview_says_what_would_change_and_writes_nothing(ask: Ask, opened: Store) -> None:
    before = opened.revision("harrow")
    found = imported(ask)
    assert found["__typename"] == "ImportPreview"
    assert found["revision"] == before == opened.revision("harrow")
    assert found["format"] == "table"
    counts = {"kept": 0, "added": 2, "changed": 0, "removed": 0, "unchanged": 0, "missing": 0, "unmapped": 1}
    assert found["counts"] == counts
    assert [c["id"] for c in found["added"]["nodes"]] == ["A-1", "A-2"]
    assert len(found["sentences"]["nodes"]) == 1
    assert "aisb:DAT-01" in found["sentences"]["nodes"][0]["text"]
    assert not opened.load("harrow").controls


def test_what_was_previewed_is_written_once_and_a_change_is_told_field_by_field(ask: Ask, opened: Store) -> None:
    revision = imported(ask)["revision"]
    done = imported(ask, p=False, r=revision)
    assert done["__typename"] == "ImportDone"
    assert done["counts"] == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}
    assert done["written"]["organization"]["controls"]["totalCount"] == 2
    again = imported(ask, p=False)
    assert again["written"]["changed"] == []
    assert again["written"]["revision"] == done["written"]["revision"]
    other = FILE.replace("partial", "implemented").replace("A-1,", "A-3,")
    found = imported(ask, other, rm=True)
    assert [c["id"] for c in found["removed"]["nodes"]] == ["A-1"]
    assert found["changed"]["nodes"] == [
        {"control": "A-2", "fields": [{"field": "status", "before": "partial", "after": "implemented"}]}
    ]
    assert imported(ask, other)["counts"]["missing"] == 1
    imported(ask, other, rm=True, p=False, r=found["revision"])
    assert [c.id for c in opened.load("harrow").controls] == ["A-2", "A-3"]
    assert [c.id for c in opened.archived_controls("harrow")] == ["A-1"]
    assert imported(ask, other, rm=True)["counts"]["unchanged"] == 2


def test_what_changed_since_the_preview_is_a_conflict_and_nothing_is_written(
    ask: Ask, opened: Store, release: Release
) -> None:
    imported(ask, p=False)
    file = FILE.replace("Roles only", "Named roles only") + "A-9,New,,planned,\n"
    revision = imported(ask, file)["revision"]
    opened.upsert_controls(
        "harrow", [Control("A-1", "Somebody else's", ControlStatus.PLANNED)], release=release, actor=ME
    )
    now = opened.load("harrow")
    found = imported(ask, file, p=False, r=revision)
    assert found["__typename"] == "Conflict"
    assert found["revision"] == now.revision
    assert found["current"]["title"] == "Somebody else's"
    assert opened.load("harrow") == now
    assert imported(ask, file, p=False, r=imported(ask, file)["revision"])["__typename"] == "ImportDone"


def test_a_revision_that_is_not_there_yet_lets_nothing_through(opened: Store, release: Release, tmp_path: Path) -> None:
    """Whatever revision somebody names, what was changed after the plan was made is not overwritten."""
    path = tmp_path / "controls.csv"
    path.write_text(FILE)
    update = read_update(opened, "harrow", release, path)
    opened.upsert_controls("harrow", [Control("A-1", "Other", ControlStatus.PLANNED)], release=release, actor=ME)
    with pytest.raises(Exception, match="has changed since revision 1"):
        apply_update(opened, update, release, expected=10**6, actor=ME)


def planted() -> tuple[list[list[str]], set[tuple[int, str, str]]]:
    """5,000 rows with 60 faults, and where these stand."""
    names = list(COLUMNS)
    rows = [
        [f"C-{n}", f"Control {n}", "What is done", "implemented", "Owner", "2026-05-01", "", "", "", TARGETS[n % 4], ""]
        for n in range(1, 5001)
    ]
    faults = set()
    for number, place in enumerate(Random(61).sample(range(100, 5000), 60)):
        column, text, code = FAULTS[number % len(FAULTS)]
        rows[place][names.index(column)] = text
        faults.add((place + 2, f"{'ABCDEFGHIJK'[names.index(column)]}{place + 2} {column}", code))
    return [names, *rows], faults


def test_sixty_faults_in_five_thousand_rows_are_all_told_and_nothing_is_written(
    ask: Ask, opened: Store, run: Run, tmp_path: Path
) -> None:
    rows, faults = planted()
    workbook(tmp_path / "large.xlsx", rows)
    before = opened.revision("harrow")
    for preview in (True, False):
        found = imported(ask, (tmp_path / "large.xlsx").read_bytes(), "C:\\secret\\large.xlsx", p=preview)
        assert found["__typename"] == "InvalidInput"
        assert {(f["line"], f["cell"], f["code"]) for f in found["findings"]} == faults
        assert {f["path"] for f in found["findings"]} == {"large.xlsx"}
    assert opened.revision("harrow") == before
    run("org create Harrow --id harrow")
    for option in ("--dry-run", "--yes"):
        lines = run(f"org import harrow large.xlsx {option}", code=2).stderr.strip().splitlines()
        told = [re.match(r"large\.xlsx:([0-9]+) \(([^)]*)\): ([A-Z_]+) ", line) for line in lines]
        assert {(int(m[1]), m[2], m[3]) for m in told if m} == faults
        assert len(lines) == 60
    with Store.open() as store:
        assert store.revision("harrow") == 1


@pytest.mark.parametrize(
    "content, name, more, type_, said",
    [
        (b"", "controls.csv", {}, "InvalidInput", "the file is empty"),
        (b"PK\x03\x04 no workbook", "controls.xlsx", {}, "InvalidInput", "damaged"),
        (b"x", "controls.pdf", {}, "InvalidInput", ".pdf"),
        (b"{", "oscal.json", {}, "InvalidInput", "not JSON"),
        (b"a: [", "oscal.yaml", {}, "InvalidInput", "not YAML"),
        (b"subject_id\tobject_id\n\xff\xfe", "own.tsv", {}, "InvalidInput", "UTF-8"),
        (FILE.encode(), "controls.csv", {"f": "gdrp"}, "NotFound", "gdpr"),
        (FILE.replace("A-1,", "x" * 201 + ",").encode(), "controls.csv", {}, "InvalidInput", "longer than 200"),
    ],
)
def test_what_cannot_be_read_or_kept_is_told_with_the_files_own_name(
    ask: Ask, opened: Store, content: bytes, name: str, more: Any, type_: str, said: str
) -> None:
    before = opened.revision("harrow")
    found = imported(ask, content, f"/home/anna/{name}", **more)
    assert found["__typename"] == type_
    assert said in str(found)
    assert "anna" not in str(found)
    assert opened.revision("harrow") == before
    if type_ == "InvalidInput":
        assert {f["path"] for f in found["findings"]} == {name}


def test_a_control_that_cannot_be_kept_is_told_at_its_line_already_by_the_preview(ask: Ask) -> None:
    found = imported(ask, FILE.replace("A-2,", "y" * 201 + ","))
    assert [(f["line"], f["code"]) for f in found["findings"]] == [(3, "BAD_VALUE")]


@pytest.mark.parametrize("content, name, said", [("no base64!", "a.csv", "base64"), (sent(FILE), "", "fileName")])
def test_what_makes_no_sense_is_one_error(opened: Store, release: Release, content: str, name: str, said: str) -> None:
    token = opened.create_key("harrow", Role.EDITOR, actor=ME).token
    found = asker(Gate(opened), release)(IMPORT, token, n=name, c=content)
    assert [e["extensions"]["code"] for e in found["errors"]] == ["BAD_ARGUMENT"]
    assert said in str(found["errors"])


def test_a_viewer_may_ask_for_suggestions_but_neither_import_nor_keep_any(opened: Store, release: Release) -> None:
    opened.upsert_controls("harrow", [Control("A-1", "Access", ControlStatus.PLANNED)], release=release, actor=ME)
    token = opened.create_key("harrow", Role.VIEWER, actor=ME).token
    send = asker(Gate(opened), release)
    before = opened.revision("harrow")
    for query in (IMPORT, 'mutation { proposeMappings(organization: "harrow") { __typename } }'):
        found = send(query, token, n="controls.csv", c=sent(FILE))
        assert found["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "errors" not in send('{ organization(id: "harrow") { suggest(control: "A-1") { method } } }', token)
    assert opened.revision("harrow") == before


def test_files_of_other_tools_are_read_too(ask: Ask, opened: Store) -> None:
    audit = (
        "urn,assessable,ref_id,name,description,compliance_result,requirement_progress,score,observations\n"
        ",true,A.7.2,Data,Data is known,compliant,done,,\n"
    )
    found = imported(ask, audit, "audit.csv", f="iso42001")
    assert found["format"] == "ciso-assistant"
    assert "iso42001:A.7.2" in found["sentences"]["nodes"][0]["text"]
    assert imported(ask, audit, "audit.csv")["findings"] == [{"code": "NO_FRAMEWORK"}]
    imported(ask, p=False)
    rows = "subject_id\tpredicate_id\tobject_id\tmapping_justification\n"
    head = "".join(
        f"#{line}\n"
        for line in (
            "mapping_set_id: https://example.org/own", "mapping_set_title: Own", "authority: organization",
            "license: https://creativecommons.org/licenses/by/4.0/",
        )
    )  # fmt: skip
    rows += "A-2\tkg:superset_of\tgdpr:art-28.1\tsemapv:ManualMappingCuration\n"
    own = imported(ask, head + rows, "own.tsv")
    assert (own["__typename"], own["format"]) == ("ImportPreview", "sssom"), own
    assert [c["control"] for c in own["changed"]["nodes"]] == ["A-2"]


# ---------------------------------------------------------------------------- evidence in an import

days = st.none() | st.sampled_from([date(2026, 1, 1), date(2026, 6, 1)])
names = st.sampled_from(["C-1", "C-2", "C-3", "C-4"])
links = st.dictionaries(names, st.sets(st.sampled_from(["E1", "E2"]), max_size=2))


@given(links, links, st.tuples(days, days), st.tuples(days, days), st.booleans())
@settings(deadline=None)
def test_a_record_has_one_content_after_an_import_and_keeps_what_no_file_says(
    kept: dict[str, set[str]], said: dict[str, set[str]], before: tuple[date | None, ...],
    after: tuple[date | None, ...], remove: bool,
) -> None:  # fmt: skip
    stored = {f"E{n}": EvidenceRecord(f"E{n}", "log", f"Record {n}", day) for n, day in enumerate(before, 1)}
    file = {f"E{n}": EvidenceRecord(f"E{n}", day=day) for n, day in enumerate(after, 1)}

    def built(served: dict[str, set[str]], records: dict[str, EvidenceRecord]) -> list[Control]:
        return [
            Control(id_, "T", ControlStatus.IMPLEMENTED, evidence=tuple(records[r] for r in sorted(names)))
            for id_, names in sorted(served.items())
        ]

    sheet = Sheet(tuple(built(said, file)), columns=("id", "title", "status", "evidence"))
    plan = plan_import(built(kept, stored), sheet, remove_missing=remove, evidence=tuple(stored.values()))
    named = {r for each in said.values() for r in each}
    for control in plan.result:
        for record in control.evidence:
            day = file[record.id].day if record.id in named else None
            assert record == replace(stored[record.id], day=day or stored[record.id].day)
    assert plan_import(plan.result, sheet, remove_missing=remove, evidence=tuple(stored.values())).empty


def test_a_record_that_serves_a_control_the_file_does_not_name_is_shown_to_change_there_too(
    ask: Ask, opened: Store, release: Release
) -> None:
    record = EvidenceRecord("review", "log", "Access review", date(2026, 1, 1), link="https://example.org/review")
    two = [Control(id_, id_, ControlStatus.IMPLEMENTED, evidence=(record,)) for id_ in ("A-1", "B-1")]
    opened.upsert_controls("harrow", two, release=release, actor=ME)
    file = "id,title,status,evidence,evidence_date\nC-1,C-1,implemented,review,2026-06-01\n"
    found = imported(ask, file)
    assert found["counts"] | {"added": 1, "changed": 2, "missing": 0} == found["counts"]
    imported(ask, file, p=False, r=found["revision"])
    kept = {c.id: c.evidence for c in opened.load("harrow").controls}
    assert set(kept.values()) == {(replace(record, day=date(2026, 6, 1)),)}
    assert imported(ask, file, p=False)["written"]["changed"] == []


def test_systems_are_those_of_the_profile(ask: Ask, opened: Store, release: Release) -> None:
    file = "id,title,status,systems\nA-1,Access,implemented,chat-bot\n"
    assert imported(ask, file)["findings"] == [{"code": "NO_PROFILE"}]
    opened.set_profile("harrow", Profile(systems=(System("chatbot", "Chat bot"),)), release=release, actor=ME)
    found = imported(ask, file)
    assert [f["code"] for f in found["findings"]] == ["UNKNOWN_SYSTEM"]
    assert imported(ask, file.replace("chat-bot", "chatbot"))["findings"] == []


# ---------------------------------------------------------------------------- suggestions

SUGGEST = """query($c: String!, $s: [String!], $l: Int! = 5) { organization(id: "harrow") {
  suggest(control: $c, sources: $s, limit: $l) {
    control release asOf method sources limit disclaimers { id }
    suggestions(first: 100) { totalCount nodes { target within rank mapped relation words via { curie mapping } } }
  } } }"""
KEPT = """query($s: ProposalState) { organization(id: "harrow") {
  revision suggestions(state: $s) { nodes { control target rank why state version } } } }"""
DECIDE = """mutation($c: String!, $t: String!, $a: Boolean!, $r: Relation) {
  decideSuggestion(organization: "harrow", control: $c, target: $t, accept: $a, relation: $r) {
    __typename ... on Written { changed } } }"""
PROPOSE = """mutation($c: [String!], $s: [String!], $l: Int! = 5) {
  proposeMappings(organization: "harrow", controls: $c, sources: $s, limit: $l) {
    __typename ... on Written { revision changed } ... on NotFound { message hint } } }"""
COVERAGE = """{ organization(id: "harrow") { assessment(asOf: "2026-11-23") {
  coverage(framework: "gdpr") { counts { covered partial { total } } requirements { curie verdict } } } } }"""


def suggested(ask: Ask, **more: Any) -> Any:
    return ask(SUGGEST, **more)["organization"]["suggest"]


def test_suggestions_are_found_live_and_nothing_is_stored_or_counted(ask: Ask, opened: Store) -> None:
    imported(ask, p=False)
    before = opened.load("harrow")
    found = suggested(ask, c="A-2", s=["gdpr", "iso42001"], l=3)
    assert (found["control"], found["sources"], found["limit"]) == ("A-2", ["gdpr", "iso42001"], 3)
    assert all(found[name] for name in ("method", "release", "asOf", "disclaimers"))
    assert [(s["within"], s["rank"]) for s in found["suggestions"]["nodes"]] == [
        (source, rank) for source in ("gdpr", "iso42001") for rank in (1, 2, 3)
    ]
    assert {s["relation"] for s in found["suggestions"]["nodes"]} == {"related"}
    assert opened.load("harrow") == before
    assert opened.proposals("harrow") == ()


def test_a_kept_suggestion_counts_only_once_a_person_accepted_it(ask: Ask) -> None:
    imported(ask, p=False)
    answer = COVERAGE.replace(" partial { total }", "")
    nothing = ask(answer)
    first = ask(PROPOSE, s=["gdpr"], l=4)["proposeMappings"]
    assert first["changed"]
    assert all(each.startswith("proposal/A-2 gdpr:") for each in first["changed"])  # A-1 has a mapping
    assert ask(PROPOSE, s=["gdpr"], l=4)["proposeMappings"]["changed"] == []
    assert ask(answer) == nothing
    kept = ask(KEPT, s="proposed")["organization"]["suggestions"]["nodes"]
    assert [p["rank"] for p in kept] == [1, 2, 3, 4]
    assert all(p["why"] for p in kept)
    one, other = kept[0]["target"], kept[1]["target"]
    assert ask(DECIDE, c="A-2", t=one, a=True, r="superset_of")["decideSuggestion"]["__typename"] == "Written"
    assert ask(answer) != nothing
    ask(DECIDE, c="A-2", t=other, a=False)
    live = suggested(ask, c="A-2", s=["gdpr"], l=4)["suggestions"]["nodes"]
    assert other not in {s["target"] for s in live}
    assert [s["rank"] for s in live] == [1, 2, 3, 4]
    assert [s["target"] for s in live if s["mapped"]] == [one]
    assert other not in str(ask(PROPOSE, c=["A-2"], s=["gdpr"], l=50)["proposeMappings"]["changed"])
    assert ask(DECIDE, c="A-2", t=other, a=True)["decideSuggestion"]["__typename"] == "Conflict"


def test_what_makes_no_sense_in_suggestions_is_told(opened: Store, release: Release, ask: Ask) -> None:
    imported(ask, p=False)
    found = ask(PROPOSE, c=["A-22"])["proposeMappings"]
    assert (found["__typename"], found["hint"]) == ("NotFound", "did you mean A-2?")
    send = asker(Gate(opened), release)
    token = opened.create_key("harrow", Role.EDITOR, actor=ME).token
    for variables, said in (
        ({"c": "A-2", "s": ["gdrp"]}, "did you mean gdpr"), ({"c": "A-2", "l": 51}, "1 to 50"),
        ({"c": "A-2", "l": 0}, "1 to 50"), ({"c": "A-22"}, "did you mean A-2?"),
    ):  # fmt: skip
        answer = send(SUGGEST, token, **variables)
        assert said in str(answer["errors"]), answer
    many = [Control(f"M-{n}", "Logs", ControlStatus.PLANNED) for n in range(2_000)]
    opened.upsert_controls("harrow", many, release=release, actor=ME)
    answer = send(PROPOSE, token)
    assert "20,000 at a time" in str(answer["errors"])


def test_proposals_take_the_best_of_each_source_in_turn(release: Release) -> None:
    control = Control("A", "Vendors sign a contract about personal data", ControlStatus.PLANNED)
    report = suggest_for(release, [control], (), ["iso42001", "gdpr"], 2)
    found = proposals_of(report)
    assert [p.target.partition(":")[0] for p in found] == ["iso42001", "gdpr", "iso42001", "gdpr"]
    assert [p.rank for p in found] == [1, 2, 3, 4]
    out = [replace(found[0], state=ProposalState.REJECTED), replace(found[1], state=ProposalState.ACCEPTED)]
    again = {s.target for s in suggest_for(release, [control], out, ["iso42001", "gdpr"], 2).controls[0].suggestions}
    assert found[0].target not in again
    assert found[1].target in again


def test_the_same_suggestions_whoever_asks_and_in_whatever_order(opened: Store, release: Release) -> None:
    texts = ["Vendors sign a contract", "Logs are kept for a year", "Backups are tested"]
    several = [Control(f"A-{n}", text, ControlStatus.PLANNED) for n, text in enumerate(texts)]
    opened.upsert_controls("harrow", several, release=release, actor=ME)
    report, done = propose(opened, "harrow", release, ["A-2", "A-0", "A-2"], ["gdpr"], 3, actor=ME)
    assert [c.control for c in report.controls] == ["A-2", "A-0"]
    _, again = propose(opened, "harrow", release, ["A-0", "A-2"], ["gdpr"], 3, actor=ME)
    assert (again.changed, again.revision) == ((), done.revision)


def test_the_documents_of_the_page_run(ask: Ask) -> None:
    page = (Path(__file__).parents[1] / "docs" / "organisations.md").read_text(encoding="utf-8")
    documents = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)
    (preview,) = (d for d in documents if "importControls(" in d)
    (look,) = (d for d in documents if "suggest(" in d)
    imported(ask, FILE.replace("A-1,", "AC-1,"), p=False)
    assert ask(preview, content=sent(FILE))["importControls"]["counts"]["added"] == 1
    assert ask(look)["organization"]["suggest"]["suggestions"]["nodes"]


# ---------------------------------------------------------------------------- on the command line


@pytest.fixture
def home(run: Run, tmp_path: Path) -> Path:
    (tmp_path / "controls.csv").write_text(FILE)
    run("org create Harrow --id harrow")
    return tmp_path


def test_an_import_shows_asks_and_writes_once(home: Path, run: Run) -> None:
    assert "2 added" in run("org import harrow controls.csv --dry-run").stdout
    refused = run("org import harrow controls.csv", code=2)
    assert "--yes" in refused.stderr
    with Store.open() as store:
        assert store.revision("harrow") == 1
    assert "written, revision 2" in run("org import harrow controls.csv --yes").stdout
    assert "everything is so already, at revision 2" in run("org import harrow controls.csv --yes").stdout
    (home / "controls.csv").write_text(FILE.replace("Roles only", "Named roles").replace("A-2,", "A-3,"))
    said = run("org import harrow controls.csv --remove-missing --yes").stdout
    assert "1 added, 1 changed, 1 archived" in said
    assert "Named roles" in said
    with Store.open() as store:
        assert [c.id for c in store.load("harrow").controls] == ["A-1", "A-3"]


def test_the_example_is_kept_as_it_is_read(run: Run, release: Release) -> None:
    run("org create Harrow --id harrow")
    run(f"org profile harrow {PROFILE}")
    run(f"org import harrow {CONTROLS} --yes")
    kept = run("coverage org:harrow --format json").stdout
    assert kept == run(f"coverage {CONTROLS} --profile {PROFILE} --format json").stdout
    assert "already" in run(f"org import harrow {CONTROLS} --yes").stdout


def test_a_suggestion_is_kept_decided_and_listed(home: Path, run: Run) -> None:
    run("org import harrow controls.csv --yes")
    live = json.loads(run("org suggest harrow --source gdpr --limit 2 --format json").stdout)
    assert [c["control"] for c in live["controls"]] == ["A-2"]
    one, other = (s["target"] for s in live["controls"][0]["suggestions"])
    assert "--keep" in run(f"org decide harrow A-2 {one} --accept", code=2).stderr
    assert "2 kept to decide on" in run("org suggest harrow -s gdpr --limit 2 --keep").stderr
    assert "nothing new" in run("org suggest harrow -s gdpr --limit 2 --keep").stderr
    listed = json.loads(run("org suggestions harrow --format json").stdout)
    assert [p["target"] for p in listed] == [one, other]
    said = run(f"org decide harrow A-2 {one} --accept --relation superset_of").stdout
    assert "accepted" in said
    assert one in said
    run(f"org decide harrow A-2 {other} --reject")
    assert json.loads(run("org suggestions harrow --format json").stdout) == []
    states = {
        p["target"]: p["state"] for p in json.loads(run("org suggestions harrow --state all --format json").stdout)
    }
    assert states == {one: "accepted", other: "rejected"}
    with Store.open() as store:
        (control,) = (c for c in store.load("harrow").controls if c.id == "A-2")
    assert [(row.target, row.mask) for row in control.rows] == [(one, SUPERSET_OF)]
    assert "mappings already" in run("org suggest harrow").stdout
    assert other not in run("org suggest harrow --control A-2 -s gdpr --limit 50 --format json").stdout


@pytest.mark.parametrize(
    "line, said",
    [
        ("org import nope controls.csv --dry-run", "there is no organisation 'nope'"),
        ("org import harrow missing.csv --dry-run", "missing.csv"),
        ("org import harrow controls.csv --framework gdrp --dry-run", "gdpr"),
        ("org suggest harrow --control A-22", "did you mean A-2?"),
        ("org suggest harrow --source gdrp", "gdpr"),
        ("org suggestions harrow --state done", "proposed, accepted, rejected, all"),
        ("org suggestions harrow --control A-22", "did you mean A-2?"),
        ("org decide harrow A-2 gdpr:art-28.1", "--accept or --reject"),
        ("org decide harrow A-2 gdpr:art-28.1 --reject --relation equal", "--reject"),
        ("org decide harrow A-22 gdpr:art-28.1 --reject", "did you mean A-2?"),
        ("org decide harrow A-2 gdpr:art-999 --reject", "gdpr:art-999"),
        ("org evidence nope", "there is no organisation 'nope'"),
    ],
)
def test_a_bad_request_gets_one_clear_error(home: Path, run: Run, line: str, said: str) -> None:
    run("org import harrow controls.csv --yes")
    found = run(line, code=2)
    assert said in found.output
    assert len(found.output.strip().splitlines()) == 1
    with Store.open() as store:
        assert store.revision("harrow") == 2


def test_an_unknown_relation_decides_nothing(home: Path, run: Run) -> None:
    run("org import harrow controls.csv --yes")
    run("org suggest harrow -s gdpr --keep")
    with Store.open() as store:
        target = store.proposals("harrow")[0].target
    assert (
        "did you mean superset_of" in run(f"org decide harrow A-2 {target} --accept --relation superset", code=2).stderr
    )
    with Store.open() as store:
        assert {p.state for p in store.proposals("harrow")} == {ProposalState.PROPOSED}


def test_evidence_is_listed_with_what_it_serves(run: Run, release: Release) -> None:
    run("org create Harrow --id harrow")
    assert "No evidence records" in run("org evidence harrow").stdout
    record = EvidenceRecord("review", "log", "Access review", date(2026, 1, 1))
    with Store.open() as store:
        control = Control("A-1", "Access", ControlStatus.IMPLEMENTED, evidence=(record,))
        store.upsert_controls("harrow", [control], release=release, actor=ME)
    (found,) = json.loads(run("org evidence harrow --format json").stdout)
    assert (found["id"], found["day"], found["controls"]) == ("review", "2026-01-01", "A-1")
