"""The library as people use it from Python."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import kg
from kg import Answer, Release, UsageError
from kg.answers.whatif import Changes
from kg.errors import InputError, UnknownIdError
from kg.organizations import read_controls, read_profile

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "kg" / "data" / "example"
CONTROLS, PROFILE = EXAMPLE / "controls.csv", EXAMPLE / "profile.toml"
DAY = date(2026, 11, 23)
pandas = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def answer(release: Release) -> Answer[Any]:
    return release.coverage(CONTROLS, "eu-ai-act", profile=PROFILE, as_of=DAY)


def test_one_line_gives_a_data_frame(answer: Answer[Any]) -> None:
    """One row a requirement, with what defends the numbers beside it."""
    frame = answer.to_dataframe()
    assert len(frame) == answer.counts.total
    assert (frame["verdict"] == "COVERED").sum() >= answer.counts.covered
    assert frame.attrs["facts"]["Release"] == answer.release.digest
    assert frame.attrs["disclaimers"]
    assert set(answer.tables()) >= {"requirements", "groups"} or len(answer.tables()) > 1


def test_the_same_bytes_as_the_command(answer: Answer[Any], tmp_path: Path) -> None:
    target = tmp_path / "there.json"
    subprocess.run(
        [sys.executable, "-m", "kg", "coverage", str(CONTROLS), "--profile", str(PROFILE), "-f", "eu-ai-act",
         "--as-of", "2026-11-23", "-o", str(target)], cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    theirs = json.loads(target.read_bytes())
    assert answer.to_dict() == (theirs[0] if isinstance(theirs, list) else theirs)
    assert json.loads(answer.to_json()) == answer.to_dict()


def test_controls_in_every_form_are_the_same(release: Release, answer: Answer[Any]) -> None:
    """A path, objects, rows and a data frame."""
    profile = read_profile(PROFILE, release)
    held = read_controls(CONTROLS, release, systems=[s.id for s in profile.systems]).controls
    frame = pandas.read_csv(CONTROLS)
    for form in (str(CONTROLS), held, frame.fillna("").to_dict("records"), frame):
        found = release.coverage(form, "eu-ai-act", profile=profile, as_of=DAY)
        assert found.value == answer.value


def test_every_question_answers(release: Release) -> None:
    """And every answer becomes a table, plain data and something a notebook shows."""
    asked: dict[str, Any] = {"profile": PROFILE, "as_of": DAY}
    found: list[Answer[Any]] = [
        release.gaps(CONTROLS, "gdpr", **asked),
        release.explain(CONTROLS, "gdpr:art-32.1.b", **asked),
        release.crosswalk("nist-ai-rmf", "iso42001", as_of=DAY),
        release.overlap("iso42001", "eu-ai-act", as_of=DAY),
        release.plan(CONTROLS, **asked),
        release.what_if(CONTROLS, Changes(add=("aisb:DAT-01",)), ["gdpr"], **asked),
        release.exposure(CONTROLS, ["gdpr"], **asked),
        release.timeline(CONTROLS, ["eu-ai-act"], **asked),
    ]
    for each in found:
        frame = each.to_dataframe()
        assert len(frame.columns) > 1
        assert release.digest in each.to_json()
        assert "<table>" in each._repr_html_()
        assert repr(each).startswith("<")
    assert release.search("data poisoning")[0].title


def test_a_notebook_shows_text_as_text(release: Release) -> None:
    rows = [{"id": "<script>x</script>", "title": "<b>t</b>", "status": "implemented", "mappings": "aisb:DAT-01"}]
    shown = release.coverage(rows, "gdpr")._repr_html_()
    assert "<script>" not in shown
    assert "<b>t" not in shown


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.md", "a.xlsx", "a.tsv"])
def test_it_is_saved_by_its_ending(answer: Answer[Any], tmp_path: Path, name: str) -> None:
    written = answer.save(tmp_path / name)
    first = written.read_bytes()
    assert first
    assert answer.save(written).read_bytes() == first


def test_what_is_wrong_is_told(release: Release, answer: Answer[Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no format"):
        answer.save(tmp_path / "a.docx")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="no table 'x'"):
        answer.to_dataframe("x")
    with pytest.raises(AttributeError, match="has no 'percent'"):
        _ = answer.percent
    with pytest.raises(UsageError, match="cannot be read from int"):
        release.coverage([1], "gdpr")
    with pytest.raises(InputError):
        release.coverage([{"id": "A", "title": "t", "status": "maybe"}], "gdpr")
    with pytest.raises(UnknownIdError, match="did you mean gdpr"):
        release.coverage(CONTROLS, "gdprr")
    with pytest.raises(UsageError, match="ask about"):
        release.explain(CONTROLS, "gdpr:art-32")
    with pytest.raises(InputError):
        release.coverage(tmp_path / "none.csv", "gdpr")


def _parameters(function: Any) -> Any:
    return inspect.signature(function).parameters.values()


def test_the_page_lists_exactly_what_there_is() -> None:
    """docs/python.md names every public method with its parameters, and nothing else."""
    page = (ROOT / "docs" / "python.md").read_text()
    said = set(re.findall(r"^\| `(\w+)\(([^`]*)\)` \|", page, re.MULTILINE))
    inherited = set(dir(Release.__mro__[1]))

    def names(function: Any) -> str:
        return ", ".join(str(p).partition(":")[0].partition("=")[0] for p in [*_parameters(function)][1:])

    there = {
        (name, names(f))
        for owner in (Release, Answer)
        for name, f in vars(owner).items()
        if not name.startswith("_") and inspect.isfunction(f) and (owner is Answer or name not in inherited)
    }
    assert said == there
    for name in kg.__all__:
        assert f"`{name}`" in page or f"kg.{name}" in page, name


def test_a_strictly_typed_program_may_use_it(tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(
        "from kg import Answer, Release\n"
        "from kg.answers import Coverage\n\n\n"
        "def covered(release: Release) -> int:\n"
        '    found: Answer[Coverage] = release.coverage("controls.csv", "gdpr", profile="profile.toml")\n'
        "    return found.value.counts.covered\n"
    )
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(script)], cwd=ROOT, capture_output=True,
        text=True, timeout=280,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert (ROOT / "kg" / "py.typed").exists()
