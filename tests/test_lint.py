"""Every finding has a bad example that shows it and a good one that is free of it; nothing is half-loaded."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kg import InputError, Release
from kg.sources import builtin_data, lint, read
from kg.sources.codes import CODES, CONTROL_CODES, FILE_CODES, IMPORT_CODES, MAPPING_CODES

EXAMPLES = Path(__file__).parent / "lint"


def _own(folder: Path) -> list[str]:
    prefix = str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
    return [str(f) for f in lint([folder]) if f.path.startswith(prefix)]


def test_every_code_has_its_examples() -> None:
    assert sorted(p.name for p in EXAMPLES.iterdir()) == sorted(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_bad_example_shows_its_code_with_a_place_and_the_good_one_does_not(code: str) -> None:
    bad = _own(EXAMPLES / code / "bad")
    shown = [f for f in bad if f" {code} " in f]
    assert shown, f"{code} not among {bad}"
    assert any(re.match(r"\S+:\d+: (warning )?" + code + " .+", f) for f in shown) or code == "NO_DATA", shown
    good = _own(EXAMPLES / code / "good")
    assert not [f for f in good if f" {code} " in f], good


@pytest.mark.parametrize("code", sorted(set(CODES) - {"NOT_CANONICAL", "CONTRADICTION_BETWEEN_SETS"}))
def test_nothing_loads_from_a_folder_with_an_error(code: str) -> None:
    with pytest.raises(InputError) as raised:
        Release.load(EXAMPLES / code / "bad")
    assert code in {f.code for f in raised.value.findings}


def test_all_findings_come_at_once(tmp_path: Path) -> None:
    for code in ("UNKNOWN_ID", "UNKNOWN_RELATION"):
        source = EXAMPLES / code / "bad" / "mappings" / "example.sssom.tsv"
        text = source.read_text().replace("mappings/example", f"mappings/{code.lower()}")
        (tmp_path / "mappings").mkdir(exist_ok=True)
        (tmp_path / "mappings" / f"{code}.sssom.tsv").write_text(text)
    with pytest.raises(InputError) as raised:
        Release.load(tmp_path)
    assert {"UNKNOWN_ID", "UNKNOWN_RELATION"} <= {f.code for f in raised.value.findings}


def test_an_unknown_id_names_the_nearest() -> None:
    [finding] = [f for f in read([EXAMPLES / "UNKNOWN_ID" / "bad"])[1] if f.code == "UNKNOWN_ID"]
    assert "iso42001:A.6.2.9 does not exist" in finding.message
    assert "did you mean iso42001:A." in finding.hint


def test_fix_writes_the_canonical_form_and_only_that(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(EXAMPLES / "NOT_CANONICAL" / "bad", folder)
    assert any(f.code == "NOT_CANONICAL" for f in lint([folder]))
    assert not [f for f in lint([folder], fix=True) if f.path.startswith(str(folder))]
    written = (folder / "mappings" / "example.sssom.tsv").read_text()
    assert written == (EXAMPLES / "NOT_CANONICAL" / "good" / "mappings" / "example.sssom.tsv").read_text()


def test_fix_leaves_a_file_alone_that_does_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(EXAMPLES / "SYNTAX" / "bad", folder)
    before = (folder / "ontologies" / "acme.ttl").read_bytes()
    assert any(f.code == "SYNTAX" for f in lint([folder], fix=True))
    assert (folder / "ontologies" / "acme.ttl").read_bytes() == before


def test_the_projects_own_tree_has_no_error() -> None:
    errors = [str(f) for f in lint() if f.severity == "error"]
    assert not errors, "\n".join([*errors, "mend with: kg lint --fix"])


def test_the_page_of_findings_lists_every_code_with_its_meaning() -> None:
    page = (builtin_data() / "docs" / "findings.md").read_text(encoding="utf-8")
    for codes in (CODES, CONTROL_CODES, FILE_CODES, IMPORT_CODES, MAPPING_CODES):
        for code, meaning in codes.items():
            assert f"| `{code}` | {meaning} |" in page
