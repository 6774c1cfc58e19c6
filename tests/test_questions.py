"""The competency questions have the answers that are frozen beside them, and no check finds a violation.

Every check is also shown to find one: the triples that break its rule are put into a copy of the graph.
"""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pyoxigraph as ox
import pytest

from kg import Release
from kg.errors import InputError
from kg.questions import FREEZE, Check, Question, Table, _freeze, answer, checks, frozen, main, page, questions, stale
from kg.rdf import SparqlError
from kg.sources import builtin_data
from kg.terms import PREFIXES

ROOT = builtin_data()
QUESTIONS = questions()
CHECKS = {check.id: check for check in checks()}


def by_id(asked: Question | Check) -> str:
    return asked.id


# ------------------------------------------------------------------ the questions


@pytest.mark.parametrize("question", QUESTIONS, ids=by_id)
def test_the_frozen_answer_is_what_the_graph_says(release: Release, question: Question) -> None:
    now, then = answer(release, question).tsv(), frozen(question)
    old = then.tsv() if then else ""
    lines = difflib.unified_diff(old.splitlines(), now.splitlines(), "frozen", "now", lineterm="", n=0)
    assert old == now, "\n".join([question.sentence, *list(lines)[:40], f"if the new answer is right: {FREEZE}"])


@pytest.mark.parametrize("question", QUESTIONS, ids=by_id)
def test_a_question_is_one_sentence_with_an_answer_that_a_person_can_read(question: Question) -> None:
    assert question.sentence.endswith("?")
    assert question.sentence[0].isupper()
    assert "\n" not in question.sentence
    table = frozen(question)
    assert table is not None, f"there is no answer yet: {FREEZE}"
    assert table.rows or "Empty, because" in question.note, "an empty answer needs a note that says why"
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(set(table.rows)) == len(table.rows), "a row stands in the answer twice"
    cells = [cell for row in table.rows for cell in row]
    assert not any("w3id.org/aigov-kg" in cell or "www.w3.org/" in cell for cell in cells), "an IRI is no CURIE"


@pytest.mark.parametrize("asked", [*QUESTIONS, *CHECKS.values()], ids=by_id)
def test_rows_come_in_an_order_that_the_query_states(asked: Question | Check) -> None:
    assert "ORDER BY" in asked.query or "\nASK" in asked.query


def test_there_are_enough_questions_and_none_is_asked_twice() -> None:
    assert [q.id for q in QUESTIONS] == [f"CQ-{n:02}" for n in range(1, len(QUESTIONS) + 1)]
    assert len(QUESTIONS) >= 25
    assert len({q.sentence for q in QUESTIONS}) == len(QUESTIONS)


def test_the_page_and_the_folder_hold_what_a_freeze_would_write(release: Release) -> None:
    text = page([(q, answer(release, q)) for q in QUESTIONS], CHECKS.values())
    assert (ROOT / "docs" / "questions.md").read_text(encoding="utf-8") == text, f"run {FREEZE}"
    answers = {path.stem for path in (ROOT / "ontologies" / "questions").glob("*.tsv")}
    assert answers == {q.id for q in QUESTIONS}, f"run {FREEZE}"


# ------------------------------------------------------------------ the checks


@pytest.mark.parametrize("check", CHECKS.values(), ids=by_id)
def test_nothing_breaks_the_rule(release: Release, check: Check) -> None:
    found = answer(release, check)
    shown = ["  ".join(row) for row in found.rows[:20]]
    assert not found.rows, "\n".join([f"{len(found.rows)} times broken: {check.rule}", *shown])


_numbers = count(1)


def row(set_id: str, subject: str, relation: str, object_: str, more: str = "") -> str:
    """A mapping as the dataset holds it, in the graph of its set; ``{row}`` in ``more`` is the row itself."""
    name = f"<urn:row:{next(_numbers)}>"
    plain = "" if relation == "no_relationship" else f"{subject} kg:{relation} {object_} ."
    return f"""GRAPH kgset:{set_id} {{
        {plain} {name} a kg:Mapping ; kg:relation "{relation}" ;
          sssom:subject_id {subject} ; sssom:object_id {object_} . {more.replace("{row}", name)} }}"""


COMPLETE = '{row} kg:rationale "Because."@en ; kg:strength 5 ; sssom:confidence 0.5 .'
DUTY = 'eu-ai-act:art-999 a kg:Provision ; kg:framework kgfw:eu-ai-act ; kg:kind "article" ; kg:assessable true'
TODAY = '"2026-07-27"^^xsd:date'
CONTROL = "aisb:NEW-01 a kg:ReferenceControl ; kg:catalogue kgfw:aisb ."
JOINT = "aisb:JOINT-999 a kg:JointNode ; kg:member aisb:NEW-01 , aisb:NEW-02 ."
THREAT = "threat:new a kg:Threat"
INCIDENT = "aiid:99999 a kg:Incident ; kg:number {} ; rdfs:seeAlso <https://incidentdatabase.ai/cite/{}/> ."

#: Check, triples that break its rule, a cell of the row by which the check finds them.
VIOLATIONS: list[tuple[str, str, str]] = [
    ("amended-without-note", f"eu-ai-act:art-999 kg:amendedOn {TODAY} .", "eu-ai-act:art-999"),
    (
        "annex-on-other-dates",
        "eu-ai-act:art-4.1 kg:incorporates eu-ai-act:annex-XX ."
        " eu-ai-act:annex-XX.1 kg:allOfPartOf eu-ai-act:annex-XX ."
        " eu-ai-act:annex-XX kg:appliesBy eu-ai-act:applies-2026-08-02 .",
        "eu-ai-act:annex-XX",
    ),
    (
        "applies-before-it-stands",
        f"{DUTY} ; kg:textFrom {TODAY} ; kg:allOfPartOf eu-ai-act:ch-XX ."
        " eu-ai-act:ch-XX kg:appliesBy eu-ai-act:applies-2025-02-02 .",
        "eu-ai-act:art-999",
    ),
    (
        "assessable-below-alternative",
        f"{DUTY} ; kg:allOfPartOf eu-ai-act:art-998 . eu-ai-act:art-998 kg:anyOfPartOf eu-ai-act:art-997 .",
        "eu-ai-act:art-999",
    ),
    (
        "assessable-below-unassessable",
        f"{DUTY} ; kg:allOfPartOf eu-ai-act:art-998 . eu-ai-act:art-998 kg:assessable false .",
        "eu-ai-act:art-999",
    ),
    ("baseline-control-without-row", CONTROL, "aisb:NEW-01"),
    (
        "baseline-control-without-row",
        CONTROL + row("aisb-gdpr", "aisb:NEW-01", "no_relationship", "gdpr:art-32.2"),
        "aisb:NEW-01",
    ),
    ("date-of-no-text", f'{DUTY} ; kg:amendedOn "2026-07-28"^^xsd:date .', "eu-ai-act:art-999"),
    ("deleted-without-note", f"{DUTY} ; kg:textUntil {TODAY} .", "eu-ai-act:art-999"),
    ("doubt-without-note", f'{DUTY} ; kg:confidence "low" .', "eu-ai-act:art-999"),
    ("duty-of-nobody", f"{DUTY} .", "eu-ai-act:art-999"),
    ("incident-number", INCIDENT.format(99998, 99999), "aiid:99999"),
    ("incident-number", INCIDENT.format(99999, 99998), "aiid:99999"),
    (
        "incorporates-own-part",
        "eu-ai-act:art-999 kg:incorporates eu-ai-act:art-999.1.a ."
        " eu-ai-act:art-999.1.a kg:allOfPartOf eu-ai-act:art-999.1 ."
        " eu-ai-act:art-999.1 kg:conditionOf eu-ai-act:art-999 .",
        "eu-ai-act:art-999.1.a",
    ),
    ("inserted-and-amended", f"{DUTY} ; kg:textFrom {TODAY} ; kg:amendedOn {TODAY} .", "eu-ai-act:art-999"),
    (
        "joint-adds-nothing",
        JOINT
        + row("aisb-gdpr", "aisb:NEW-01", "superset_of", "gdpr:art-32.2")
        + row("aisb-gdpr", "aisb:JOINT-999", "superset_of", "gdpr:art-32.2")
        + row("aisb-gdpr", "aisb:JOINT-999", "intersects_with", "gdpr:art-32.4"),
        "aisb:JOINT-999",
    ),
    (
        "joint-less-than-member",
        JOINT
        + row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2")
        + row("aisb-gdpr", "aisb:JOINT-999", "intersects_with", "gdpr:art-32.2"),
        "aisb:JOINT-999",
    ),
    (
        "joint-member-unmapped",
        JOINT
        + row("aisb-gdpr", "aisb:NEW-01", "superset_of", "gdpr:art-32.2")
        + row("aisb-gdpr", "aisb:NEW-02", "no_relationship", "gdpr:art-32.2")
        + row("aisb-gdpr", "aisb:JOINT-999", "superset_of", "gdpr:art-32.2"),
        "aisb:NEW-02",
    ),
    ("joint-twice", JOINT + JOINT.replace("999", "998"), "aisb:JOINT-999"),
    ("joint-without-row", JOINT, "aisb:JOINT-999"),
    ("law-without-date", f"{DUTY} .", "eu-ai-act:art-999"),
    (
        "law-without-date",
        f"{DUTY} ; kg:appliesBy eu-ai-act:applies-2026-08-02-final .",
        "eu-ai-act:art-999",
    ),
    (
        "no-relation-but-a-part-has",
        row("aisb-gdpr", "aisb:NEW-01", "no_relationship", "gdpr:art-32")
        + row("aisb-gdpr", "aisb:NEW-01", "intersects_with", "gdpr:art-32.1.a"),
        "aisb:NEW-01",
    ),
    (
        "no-relation-but-a-part-has",
        row("gdpr-iso42001", "gdpr:art-32", "no_relationship", "iso42001:NEW")
        + row("gdpr-iso42001", "gdpr:art-32.1.a", "superset_of", "iso42001:NEW"),
        "iso42001:NEW",
    ),
    (
        "no-relation-with-own-part",
        row("gdpr-iso42001", "gdpr:art-32", "no_relationship", "gdpr:art-32.1.a"),
        "gdpr:art-32.1.a",
    ),
    (
        "one-rationale-twice",
        row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2", COMPLETE)
        + row("aisb-iso42001", "aisb:NEW-01", "equal", "iso42001:A.2.2", COMPLETE),
        "Because.",
    ),
    (
        "one-summary-twice",
        'gdpr:art-998 kg:summary "Copied."@en . gdpr:art-999 kg:summary "Copied."@en .',
        "gdpr:art-999",
    ),
    ("part-of-another-framework", f"{DUTY} ; kg:incorporates gdpr:art-32 .", "gdpr:art-32"),
    ("part-of-another-framework", f"{DUTY} ; kg:allOfPartOf gdpr:art-32 .", "gdpr:art-32"),
    ("part-of-two-wholes", f"{DUTY} ; kg:allOfPartOf gdpr:ch-I ; kg:exceptionTo gdpr:ch-II .", "eu-ai-act:art-999"),
    (
        "part-outlives-whole",
        f"{DUTY} ; kg:allOfPartOf eu-ai-act:art-998 . eu-ai-act:art-998 kg:textUntil {TODAY} .",
        "eu-ai-act:art-999",
    ),
    (
        "part-outlives-whole",
        f"{DUTY} ; kg:conditionOf eu-ai-act:art-998 . eu-ai-act:art-998 kg:textFrom {TODAY} .",
        "eu-ai-act:art-999",
    ),
    (
        "project-contradicts-itself",
        row("aisb-gdpr", "aisb:NEW-01", "superset_of", "gdpr:art-32.2")
        + row("gdpr-iso42001", "aisb:NEW-01", "intersects_with", "gdpr:art-32.2"),
        "aisb:NEW-01",
    ),
    (
        "project-contradicts-itself",
        row("aisb-gdpr", "aisb:NEW-01", "superset_of", "gdpr:art-32.2")
        + row("gdpr-iso42001", "gdpr:art-32.2", "superset_of", "aisb:NEW-01"),
        "aisb:NEW-01",
    ),
    (
        "project-row-by-people-alone",
        row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2", '{row} kg:method "human" .'),
        "kgset:aisb-gdpr",
    ),
    ("project-row-incomplete", row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2"), "kgset:aisb-gdpr"),
    (
        "project-row-reviewed",
        row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2", "{row} kg:reviewed true ."),
        "kgset:aisb-gdpr",
    ),
    ("role-of-another-law", f"{DUTY} ; kg:role kg:role-controller .", "eu-ai-act:art-999"),
    ("role-of-another-law", "gdpr:art-999 kg:framework kgfw:gdpr ; kg:role kg:role-deployer .", "gdpr:art-999"),
    ("role-of-another-law", "gdpr:art-999 kg:framework kgfw:gdpr ; kg:tier kg:tier-all .", "gdpr:art-999"),
    ("rule-of-another-framework", f"{DUTY} ; kg:appliesBy gdpr:applies-2018-05-25 .", "eu-ai-act:art-999"),
    (
        "rule-twice",
        f"{DUTY} ; kg:appliesBy eu-ai-act:applies-2025-02-02 , eu-ai-act:applies-2026-08-02 .",
        "eu-ai-act:art-999",
    ),
    ("rule-unused", "eu-ai-act:applies-2030-01-01 a kg:ApplicationRule .", "eu-ai-act:applies-2030-01-01"),
    (
        "says-less-of-a-part",
        row("aisb-gdpr", "aisb:NEW-01", "superset_of", "gdpr:art-32")
        + row("aisb-gdpr", "aisb:NEW-01", "intersects_with", "gdpr:art-32.1.a"),
        "aisb:NEW-01",
    ),
    (
        "says-less-of-a-part",
        row("aisb-eu-ai-act", "aisb:NEW-01", "equal", "eu-ai-act:art-11.1")
        + row("aisb-eu-ai-act", "aisb:NEW-01", "no_relationship", "eu-ai-act:annex-IV.3"),
        "aisb:NEW-01",
    ),
    (
        "strength-against-relation",
        row("aisb-gdpr", "aisb:NEW-01", "no_relationship", "gdpr:art-32.2", COMPLETE),
        "no_relationship",
    ),
    (
        "strength-against-relation",
        row("aisb-gdpr", "aisb:NEW-01", "equal", "gdpr:art-32.2", "{row} kg:strength 0 ."),
        "equal",
    ),
    ("threat-addressed-by-no-duty", f"{THREAT} ; kg:addressed_by eu-ai-act:ch-VII .", "threat:new"),
    (
        "threat-broader-than-itself",
        f"{THREAT} ; skos:broader threat:newer . threat:newer skos:broader threat:new .",
        "threat:new",
    ),
    ("threat-link-unknown-to-control", CONTROL + f"{THREAT} ; kg:detected_by aisb:NEW-01 .", "threat:new"),
    ("threat-reaches-nothing", f"{THREAT} ; kg:addressed_by gdpr:art-32.1 .", "threat:new"),
    ("threat-reaches-nothing", f"{THREAT} ; kg:detected_by aisb:MON-03 .", "threat:new"),
    ("threat-without-how", CONTROL + "aisb:NEW-01 kg:mitigates threat:new .", "threat:new"),
    ("threat-without-incident-or-note", f"{THREAT} .", "threat:new"),
    ("two-titles", 'gdpr:art-999 dcterms:title "One"@en , "Two"@en .', "gdpr:art-999"),
]


@pytest.fixture(scope="module")
def copy(release: Release) -> ox.Store:
    """A copy of the graph that a test may break, as long as it mends it again."""
    store = ox.Store()
    store.bulk_extend(release.dataset)
    return store


@pytest.fixture
def broken(copy: ox.Store) -> Iterator[object]:
    """The copy as a release into which ``insert`` puts triples until the test is over.

    The dots of names are escaped: the parser of pyoxigraph 0.5 stumbles over ``gdpr:art-32.1.a``.
    """
    undo: list[str] = []

    def insert(data: str) -> None:
        data = re.sub(r"\b[\w-]+:[\w.-]*\w", lambda name: name[0].replace(".", r"\."), data)
        undo.append(data)
        copy.update(f"INSERT DATA {{ {data} }}", prefixes=PREFIXES)

    yield SimpleNamespace(dataset=copy, insert=insert)
    for data in undo:
        copy.update(f"DELETE DATA {{ {data} }}", prefixes=PREFIXES)


@pytest.mark.parametrize(("name", "data", "cell"), VIOLATIONS, ids=[v[0] for v in VIOLATIONS])
def test_a_violation_is_found(broken: SimpleNamespace, name: str, data: str, cell: str) -> None:
    before = set(answer(broken, CHECKS[name]).rows)
    assert not any(cell in found for found in before if cell.endswith(("999", "NEW-01", ":new")))
    broken.insert(data)
    new = set(answer(broken, CHECKS[name]).rows) - before
    assert any(cell in found for found in new), f"{name} does not see what breaks its rule"


def test_every_check_has_a_violation_and_the_copy_is_mended(release: Release, copy: ox.Store) -> None:
    assert {name for name, _, _ in VIOLATIONS} == set(CHECKS)
    assert len(copy) == len(release.dataset)


def test_a_rule_is_a_sentence() -> None:
    for check in CHECKS.values():
        assert check.rule.endswith("."), check.id
        assert check.rule[0].isupper(), check.id


# ------------------------------------------------------------------ the module


@pytest.fixture
def folder(tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few of the questions, in place of the project's own."""
    here = tmp_path / "ontologies" / "questions"
    here.mkdir(parents=True)
    for name in ("CQ-10", "CQ-11", "CQ-14"):
        shutil.copy(ROOT / "ontologies" / "questions" / f"{name}.rq", here)
    (tmp_path / "docs").mkdir()
    _freeze(release, tmp_path)
    monkeypatch.setattr("kg.questions.builtin_data", lambda: tmp_path)
    monkeypatch.setattr(Release, "load", lambda *_: release)
    return tmp_path


def test_a_freeze_mends_everything_and_says_what(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = folder / "ontologies" / "questions"
    capsys.readouterr()
    assert main(["--check"]) == 0
    (here / "CQ-10.tsv").write_text("answer\nfalse\n")
    (here / "CQ-11.tsv").unlink()
    (here / "CQ-99.tsv").write_text("answer\ntrue\n")
    assert main(["--check"]) == 1
    shown = capsys.readouterr().out
    assert f"ontologies/questions/CQ-10.tsv: is not up to date; run {FREEZE}" in shown
    assert main(["--freeze"]) == 0
    shown = capsys.readouterr().out
    assert "ontologies/questions/CQ-11.tsv: written" in shown
    assert "docs/questions.md" not in shown, "the page was up to date"
    assert "ontologies/questions/CQ-99.tsv: removed, it answers no question" in shown
    assert main(["--freeze"]) == 0
    assert capsys.readouterr().out == ""


def test_a_broken_rule_is_named_with_what_breaks_it(
    folder: Path, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    check = folder / "ontologies" / "checks" / "no-gdpr.rq"
    check.parent.mkdir()
    check.write_text("# rule: There is no GDPR.\nSELECT ?x { ?x a kg:Framework FILTER(?x = kgfw:gdpr) }\n")
    main(["--freeze"])
    assert stale(release, folder) == ()
    capsys.readouterr()
    assert main(["--check"]) == 1
    assert capsys.readouterr().out == (
        "ontologies/checks/no-gdpr.rq: 1 times broken: There is no GDPR.\n    kgfw:gdpr\n"
    )
    check.unlink()
    main(["--freeze"])
    assert main(["--check"]) == 0


def test_a_file_without_its_sentence_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ontologies" / "questions" / "CQ-10.rq").write_text("ASK {}\n")
    with pytest.raises(InputError, match=r"CQ-10\.rq: MISSING_HEADER the file does not begin with its question"):
        questions(folder)
    assert main(["--check"]) == 2
    assert "MISSING_HEADER" in capsys.readouterr().err


def test_a_note_goes_on_over_several_lines(tmp_path: Path) -> None:
    file = tmp_path / "ontologies" / "questions" / "CQ-01.rq"
    file.parent.mkdir(parents=True)
    file.write_text("# question: Is it so?\n# note: One thing: this,\n#   and that.\nASK {}\n# note: not this one\n")
    (question,) = questions(tmp_path)
    assert (question.sentence, question.note) == ("Is it so?", "One thing: this, and that.")


def test_an_answer_is_a_table_or_a_word(release: Release) -> None:
    def ask(query: str) -> Table:
        return answer(release, Question("CQ-00", "Is it so?", "", query, Path("CQ-00.rq")))

    assert ask("ASK {}") == Table(("answer",), (("true",),))
    found = ask('SELECT ?x ?y ?z { VALUES (?x ?y) { (gdpr:art-32 "two\\n words") } }')
    assert found == Table(("x", "y", "z"), (("gdpr:art-32", "two words", ""),))
    assert Table.read(found.tsv()) == found
    with pytest.raises(SparqlError, match="CQ-00 is neither a SELECT nor an ASK"):
        ask("CONSTRUCT { gdpr:art-32 a kg:Provision } {}")
