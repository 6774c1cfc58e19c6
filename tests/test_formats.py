"""Files of other tools: what is read of them, what is refused, and that nothing is guessed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import yaml
from typer.testing import CliRunner

from kg import Release
from kg.cli.app import app
from kg.errors import InputError, UsageError
from kg.importers.frameworks import read_ciso_library, read_oscal_catalog, write_library
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations import plan_import
from kg.organizations.formats import Format, read_any, structured
from kg.relations import INTERSECTS_WITH, RELATED, SUPERSET_OF
from kg.sources import lint
from kg.sources.codes import CONTROL_CODES, FILE_CODES

RELEASE = Release.load()


def write(path: Path, value: Any) -> Path:
    """A file: text as it is, anything else as YAML or JSON."""
    if not isinstance(value, str):
        value = json.dumps(value) if path.suffix == ".json" else yaml.safe_dump(value, sort_keys=False)
    path.write_text(value, encoding="utf-8")
    return path


def codes(error: pytest.ExceptionInfo[InputError]) -> list[tuple[int, str, str]]:
    """Line, cell and code of each finding; every code has its meaning."""
    assert {f.code for f in error.value.findings} <= {*CONTROL_CODES, *FILE_CODES}
    return [(f.line, f.cell, f.code) for f in error.value.findings]


# ---------------------------------------------------------------- CISO Assistant

AUDIT = """urn,assessable,ref_id,name,description,compliance_result,requirement_progress,score,observations
urn:intuitem:risk:req_node:ai-act:node410,False,,Article 15,Accuracy,,,,
urn:intuitem:risk:req_node:ai-act:15.1,True,15.1,,Systems are accurate,compliant,done,90,fine
urn:intuitem:risk:req_node:ai-act:15.3,True,15.3,Declared accuracy,The levels are declared,partially_compliant,,,
urn:intuitem:risk:req_node:ai-act:15.4,True,15.4,,Resilient,non_compliant,to_do,,
urn:intuitem:risk:req_node:ai-act:15.5,True,15.5,,Attacks,not_assessed,to_do,,
urn:intuitem:risk:req_node:ai-act:node415,True,,,Backup plans,not_applicable,,,
"""


def test_an_audit_of_ciso_assistant_becomes_one_control_a_requirement(tmp_path: Path) -> None:
    found = read_any(write(tmp_path / "audit.csv", AUDIT), RELEASE)
    assert found.format is Format.CISO_ASSISTANT
    assert [(c.id, c.title, c.status, c.rows) for c in found.sheet.controls] == [
        ("15.1", "Systems are accurate", ControlStatus.IMPLEMENTED, (ControlRow("eu-ai-act:art-15.1", SUPERSET_OF),)),
        ("15.3", "Declared accuracy", ControlStatus.PARTIAL, (ControlRow("eu-ai-act:art-15.3", SUPERSET_OF),)),
        ("15.4", "Resilient", ControlStatus.PLANNED, (ControlRow("eu-ai-act:art-15.4", SUPERSET_OF),)),
        ("node415", "Backup plans", ControlStatus.NOT_APPLICABLE, ()),
    ]
    assert [f.code for f in found.sheet.findings] == ["NOT_ASSESSED", "UNKNOWN_ID"]
    assert all(f.severity == "warning" for f in found.sheet.findings)
    assert found.sheet.preview[0].startswith("15.1 does all that eu-ai-act:art-15.1")


def test_the_same_audit_as_a_workbook_is_the_same(tmp_path: Path) -> None:
    import csv
    import io

    path = tmp_path / "audit.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    for line, row in enumerate(csv.reader(io.StringIO(AUDIT))):
        for column, cell in enumerate(row):
            if cell in ("True", "False"):
                sheet.write_boolean(line, column, cell == "True")
            else:
                sheet.write_string(line, column, cell)
    book.close()
    one, other = read_any(path, RELEASE), read_any(write(tmp_path / "audit.csv", AUDIT), RELEASE)
    assert one.sheet.controls == other.sheet.controls


def test_an_audit_of_an_unknown_framework_is_not_mapped_unless_a_person_names_it(tmp_path: Path) -> None:
    text = "ref_id,description,compliance_result\n9.2.1,Audits,compliant\nA.99,x,compliant\n"
    path = write(tmp_path / "a.csv", text)
    bare = read_any(path, RELEASE).sheet
    assert [c.rows for c in bare.controls] == [(), ()]
    assert [f.code for f in bare.findings] == ["NO_FRAMEWORK"]
    named = read_any(path, RELEASE, framework="iso42001").sheet
    assert [c.rows for c in named.controls] == [(ControlRow("iso42001:9.2.1", SUPERSET_OF),), ()]
    assert [f.code for f in named.findings] == ["UNKNOWN_ID"]
    assert "A.99 (line 3)" in named.findings[0].message


def test_every_fault_of_an_audit_is_named_at_once(tmp_path: Path) -> None:
    text = (
        "ref_id,assessable,description,compliance_result\n1,True,x,complient\n2,perhaps,x,compliant\n"
        ",True,x,compliant\n4,True,x,compliant\n4,True,x,compliant\n"
    )
    with pytest.raises(InputError) as caught:
        read_any(write(tmp_path / "a.csv", text), RELEASE)
    assert codes(caught) == [
        (2, "compliance_result", "UNKNOWN_STATUS"), (3, "assessable", "BAD_VALUE"), (4, "ref_id", "MISSING_VALUE"),
        (6, "ref_id", "DUPLICATE_CONTROL"),
    ]  # fmt: skip
    assert "did you mean compliant" in caught.value.findings[0].hint


# ---------------------------------------------------------------- SSSOM

KEPT = (
    Control("AC-1", "Access", ControlStatus.IMPLEMENTED, (ControlRow("gdpr:art-32.1.b", RELATED),)),
    Control("AC-2", "Logs", ControlStatus.PLANNED),
)
HEADER = (
    "# mapping_set_id: https://example.org/own\n# mapping_set_title: Own\n# authority: organization\n"
    "# license: https://example.org/licence\n"
    "subject_id\tpredicate_id\tobject_id\tmapping_justification\n"
)


def sssom(*rows: str) -> str:
    """A mapping file of rows of three cells."""
    return HEADER + "".join(f"{row}\tsemapv:ManualMappingCuration\n" for row in rows)


def test_own_mappings_are_added_to_the_controls_that_are_kept(tmp_path: Path) -> None:
    rows = ("own:AC-1\tkg:superset_of\tgdpr:art-32.1.b", "AC-1\tkg:intersects_with\tiso42001:A.7.2")
    found = read_any(write(tmp_path / "m.sssom.tsv", sssom(*rows)), RELEASE, current=KEPT)
    assert found.format is Format.SSSOM
    plan = plan_import(KEPT, found.sheet)
    (change,) = plan.changed
    assert change.after.rows == (
        ControlRow("gdpr:art-32.1.b", SUPERSET_OF),
        ControlRow("iso42001:A.7.2", INTERSECTS_WITH),
    )
    assert [f.field for f in change.fields] == ["mappings"]
    assert [c.id for c in plan.missing] == ["AC-2"]
    assert plan_import(plan.result, read_any(tmp_path / "m.sssom.tsv", RELEASE, current=plan.result).sheet).empty


def test_every_fault_of_own_mappings_is_named(tmp_path: Path) -> None:
    rows = (
        "own:AC-9\tkg:related\tgdpr:art-32.1.b", "AC-1\tkg:related\tgdpr:art-999", "AC-1\tkg:nearly\tgdpr:art-33.1",
        "AC-1\tkg:related\taiid:6", "AC-2\tkg:related\tgdpr:art-33.1", "AC-2\tkg:equal\tgdpr:art-33.1",
        "AC-2\tkg:mitigated_by\tgdpr:art-33.1",
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_any(write(tmp_path / "m.tsv", sssom(*rows)), RELEASE, current=KEPT)
    assert [(line, code) for line, _, code in codes(caught)] == [
        (6, "UNKNOWN_CONTROL"), (7, "UNKNOWN_ID"), (8, "UNKNOWN_RELATION"), (9, "WRONG_KIND"),
        (11, "DUPLICATE_MAPPING"), (12, "UNKNOWN_RELATION"),
    ]  # fmt: skip


# ---------------------------------------------------------------- OSCAL

REQUIREMENT = {
    "uuid": "3f2a0d5e-0000-4000-8000-000000000001",
    "control-id": "A.6.2.8",
    "description": "Events are logged.",
    "props": [{"name": "implementation-status", "value": "partial"}, {"name": "label", "value": "LOG-1"}],
    "statements": [{"statement-id": "s", "uuid": "u", "description": "For a year."}],
}
DEFINITION: dict[str, Any] = {
    "component-definition": {
        "uuid": "0",
        "components": [
            {
                "uuid": "1",
                "type": "service",
                "title": "Gateway",
                "control-implementations": [
                    {"uuid": "2", "source": "iso42001", "implemented-requirements": [REQUIREMENT]},
                    {
                        "uuid": "3",
                        "source": "https://example.org/unknown",
                        "implemented-requirements": [
                            {**REQUIREMENT, "uuid": "9", "props": [REQUIREMENT["props"][0]]},  # type: ignore[index]
                        ],
                    },
                ],
            }
        ],
    }
}


@pytest.mark.parametrize("name", ["c.json", "c.yaml"])
def test_a_component_definition_becomes_controls(tmp_path: Path, name: str) -> None:
    found = read_any(write(tmp_path / name, DEFINITION), RELEASE)
    assert found.format is Format.OSCAL
    first, second = found.sheet.controls
    assert first == Control(
        "LOG-1", "Gateway: A.6.2.8", ControlStatus.PARTIAL, (ControlRow("iso42001:A.6.2.8", SUPERSET_OF),),
        "Events are logged.\nFor a year.",
    )  # fmt: skip
    assert (second.id, second.rows) == ("9", ())
    (warning,) = found.sheet.findings
    assert (warning.code, warning.severity) == ("UNKNOWN_ID", "warning")


def test_every_fault_of_a_component_definition_is_named_with_its_place(tmp_path: Path) -> None:
    wrong = copy.deepcopy(DEFINITION)
    done = wrong["component-definition"]["components"][0]["control-implementations"]
    done[0]["implemented-requirements"][0]["props"] = []
    done[0]["implemented-requirements"].append({**REQUIREMENT, "control-id": ""})
    done[1]["implemented-requirements"] = "none"
    with pytest.raises(InputError) as caught:
        read_any(write(tmp_path / "c.json", wrong), RELEASE)
    here = "components[0]/control-implementations[0]/implemented-requirements"
    assert codes(caught) == [
        (0, f"{here}[0]/props", "MISSING_STATUS"), (0, f"{here}[1]", "MISSING_VALUE"),
        (0, "components[0]/control-implementations[1]/implemented-requirements", "BAD_VALUE"),
    ]  # fmt: skip


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("c.json", "{", "SYNTAX"),
        ("c.json", "[" * 100_000, "SYNTAX"),
        ("c.yaml", "a: [", "SYNTAX"),
        ("c.yaml", "!!python/object/apply:os.system ['true']", "SYNTAX"),
        ("c.yaml", BOMB, "UNREADABLE"),
        ("c.json", '{"catalog": {}}', "UNREADABLE"),
        ("c.yaml", "- 1", "UNREADABLE"),
        ("c.json", "", "EMPTY_FILE"),
        ("c.yaml", '{"component-definition": {"components": []}}', "EMPTY_FILE"),
    ],
)
def test_what_is_no_component_definition_is_refused(tmp_path: Path, name: str, text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_any(write(tmp_path / name, text), RELEASE)
    assert [f.code for f in caught.value.findings] == [code]


def test_aliases_that_stay_small_are_read(tmp_path: Path) -> None:
    assert structured(write(tmp_path / "a.yaml", "a: &x {b: 1}\nc: *x\n")) == {"a": {"b": 1}, "c": {"b": 1}}


# ---------------------------------------------------------------- frameworks

CATALOG = {
    "catalog": {
        "uuid": "0",
        "metadata": {"title": "Acme rules", "last-modified": "2026-02-03T00:00:00Z", "parties": [{"name": "Acme"}]},
        "groups": [
            {
                "id": "ac",
                "title": "Access",
                "controls": [
                    {
                        "id": "ac-1",
                        "title": "Know who",
                        "props": [{"name": "label", "value": "AC-1"}],
                        "parts": [
                            {"name": "statement", "prose": "The organisation:", "parts": [
                                {"name": "item", "prose": "lists people."}]},
                            {"name": "guidance", "prose": "Not asked."},
                        ],
                        "controls": [{"id": "ac-1.1", "title": "Know who | Machines"}],
                    },
                    {"id": "ac-2", "title": "Gone", "props": [{"name": "status", "value": "withdrawn"}]},
                ],
            }
        ],
    }
}  # fmt: skip
LIBRARY = {
    "urn": "urn:x:risk:library:acme",
    "name": "Acme library",
    "copyright": "CC BY 4.0",
    "provider": "Acme",
    "publication_date": "2026-05-11",
    "objects": {
        "framework": {
            "requirement_nodes": [
                {"urn": "urn:x:risk:req_node:acme:1", "assessable": False, "depth": 1, "name": "Data"},
                {
                    "urn": "urn:x:risk:req_node:acme:1.1",
                    "parent_urn": "urn:x:risk:req_node:acme:1",
                    "assessable": True,
                    "depth": 2,
                    "ref_id": "1.1",
                    "description": "Know where training data come from",
                },
            ]
        }
    },
}


def test_an_oscal_catalog_becomes_a_framework_that_loads(tmp_path: Path) -> None:
    library = read_oscal_catalog(write(tmp_path / "acme.json", CATALOG))
    assert library.left_out == 1
    with pytest.raises(UsageError, match="licence"):
        write_library(library, "acme", tmp_path / "out")
    written = write_library(library, "acme", tmp_path / "out", licence="CC BY 4.0")
    assert written == tmp_path / "out" / "frameworks" / "acme.csv"
    assert not [f for f in lint([tmp_path / "out"]) if "acme" in f.path]
    release = Release.load(tmp_path / "out")
    assert [p.id for p in release.requirements("acme", library_day())] == ["acme:ac-1", "acme:ac-1.1"]
    node = release.provisions["acme:ac-1"]
    assert (node.ref, node.title, node.summary) == ("AC-1", "Know who", "The organisation: lists people.")
    framework = release.frameworks["acme"]
    assert (framework.title, framework.publisher, framework.licence) == ("Acme rules", "Acme", "CC BY 4.0")


def library_day() -> Any:
    """A day on which the new framework stands."""
    from datetime import date

    return date(2026, 11, 23)


def test_a_ciso_assistant_library_becomes_a_framework_that_loads(tmp_path: Path) -> None:
    library = read_ciso_library(write(tmp_path / "acme.yaml", LIBRARY))
    write_library(library, "acme", tmp_path)
    assert not [f for f in lint([tmp_path]) if "acme" in f.path]
    release = Release.load(tmp_path)
    (only,) = release.requirements("acme", library_day())
    assert (only.id, only.title) == ("acme:1.1", "Know where training data come from")
    assert release.frameworks["acme"].licence == "CC BY 4.0"


def test_frameworks_are_refused_with_every_fault(tmp_path: Path) -> None:
    wrong: Any = copy.deepcopy(LIBRARY)
    nodes = wrong["objects"]["framework"]["requirement_nodes"]
    nodes += [{**nodes[1]}, {"assessable": True}, {"urn": "a:b c", "assessable": "x", "parent_urn": "nowhere"}]
    with pytest.raises(InputError) as caught:
        read_ciso_library(write(tmp_path / "l.yaml", wrong))
    assert [code for *_, code in codes(caught)] == [
        "MISSING_VALUE", "UNKNOWN_ID", "BAD_VALUE", "DUPLICATE_ID", "BAD_VALUE",
    ]  # fmt: skip
    for value in ({"catalog": []}, {"catalog": {"controls": [{"title": "x"}]}}, {"catalog": {"groups": 1}}, []):
        with pytest.raises(InputError):
            read_oscal_catalog(write(tmp_path / "c.json", value))
    with pytest.raises(UsageError):
        write_library(read_ciso_library(write(tmp_path / "g.yaml", LIBRARY)), "Acme Rules", tmp_path)
    assert not (tmp_path / "frameworks").exists()


def test_the_command_imports_frameworks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def kg(*args: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(a) for a in args])
        assert done.exit_code == code, done.output
        return done.output

    source, out = write(tmp_path / "Acme Rules.yaml", LIBRARY), tmp_path / "out"
    assert "Nothing was written" in kg("import", "ciso-library", source, "-o", out, "--dry-run")
    assert not out.exists()
    assert "acme-rules:1" in kg("import", "ciso-library", source, "-o", out)
    assert "Know where training data" in kg("--data", out, "show", "acme-rules:1.1")
    catalog = write(tmp_path / "c.json", CATALOG)
    assert "--licence" in kg("import", "oscal-catalog", catalog, "-o", out, code=2)
    kg("import", "oscal-catalog", catalog, "-o", out, "--licence", "CC0", "--name", "gdpr", code=2)
    assert "1 withdrawn" in kg("import", "oscal-catalog", catalog, "-o", out, "--licence", "CC0", "--name", "acme-2")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flow.yaml", "[" * 100_000),
        ("maps.yaml", "{a: " * 100_000),
        ("lists.yaml", "- " * 100_000 + "a"),
        ("steps.yaml", "\n".join(" " * depth + "a:" for depth in range(3_000))),
        ("mixed.yaml", "\n".join("  " * depth + "a:\n" + "  " * depth + "- b:" for depth in range(3_000))),
        ("flow.json", "[" * 1_000_000),
    ],
)
def test_a_file_nested_too_deeply_is_refused_and_does_not_take_the_process_with_it(name: str, text: str) -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        structured(Path(name), text.encode())


def test_a_file_as_deep_as_any_real_one_is_read() -> None:
    found = structured(Path("deep.yaml"), "\n".join("  " * depth + "a:" for depth in range(90)).encode())
    for _ in range(89):
        found = found["a"]
    assert found == {"a": None}
