"""Published mappings of every format: what is read, in which direction, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
import xlsxwriter
import yaml
from typer.testing import CliRunner

from kg import Release
from kg.cli.app import app
from kg.cli.importing_mappings import FileKind
from kg.errors import InputError, UnknownIdError, UsageError
from kg.importers.mappings import Declared, Incoming, Kind, plan, read_mappings, write_folder
from kg.importers.mappings.words import CISO, IR8477, OSCAL, OWN, SSSOM, spread
from kg.model import Authority, Mapping, Method
from kg.relations import RELATIONS, base_relation
from kg.sources.codes import CODES, CONTROL_CODES, FILE_CODES, MAPPING_CODES
from kg.terms import PREFIXES

RELEASE = Release.load()
DECLARED = Declared("acme", "Acme's mapping", Authority.PUBLISHED, "https://example.org/licence")
TEXTS = {"eu-ai-act": "2026-07-27"}
SEMAPV = "semapv:ManualMappingCuration"


def declared(**more: Any) -> Declared:
    """What a person declares, with more."""
    values = {name: getattr(DECLARED, name) for name in DECLARED.__dataclass_fields__}
    return Declared(**{**values, **more})


def book(*sheets: tuple[str, Sequence[Sequence[Any]]], merge: tuple[int, int, int, int, str] | None = None) -> bytes:
    """A workbook of sheets of values."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_urls": False})
    days = workbook.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets:
        sheet = workbook.add_worksheet(name)
        for line, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(line, column, value, days)
                elif isinstance(value, tuple):
                    sheet.write_formula(line, column, *value)
                else:
                    sheet.write(line, column, value)
        if merge:
            sheet.merge_range(*merge)
    workbook.close()
    return out.getvalue()


def read(name: str, content: Any, **more: Any) -> Incoming:
    """A file of that name: bytes or text as they are, anything else as YAML or JSON."""
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content) if name.endswith("json") else yaml.safe_dump(content, sort_keys=False)
    return read_mappings(Path(name), content.encode() if isinstance(content, str) else content, **more)


def said(rows: Sequence[Mapping]) -> list[tuple[str, str, str]]:
    """The assertions, as triples."""
    return [(m.subject, m.relation, m.object) for m in rows]


def faults(call: Callable[[], object]) -> list[tuple[int, str, str]]:
    """Line, cell and code of every error of a call; each code has a meaning on the page of findings."""
    with pytest.raises(InputError) as caught:
        call()
    errors = [f for f in caught.value.findings if f.severity == "error"]
    assert {f.code for f in caught.value.findings} <= {*CODES, *CONTROL_CODES, *FILE_CODES, *MAPPING_CODES}
    return [(f.line, f.cell, f.code) for f in errors]


# ---------------------------------------------------------------- relations


@pytest.mark.parametrize("words", [IR8477, OSCAL, CISO, SSSOM, OWN])
def test_every_word_means_a_relation_and_weak_words_are_not_equality(words: dict[str, str]) -> None:
    assert set(words.values()) <= set(RELATIONS)
    for weak in ("equivalent to", "skos:closeMatch", "skos:relatedMatch"):
        assert words.get(weak, "related") == "related"


@pytest.mark.parametrize("one_subject", [True, False])
def test_what_is_said_of_a_group_holds_of_each_member(one_subject: bool) -> None:
    """Brute force over all subsets of four elements: the union's relation, and each member's in what is read of it."""
    sets = [frozenset(x for x in range(4) if n >> x & 1) for n in range(1, 16)]
    names = {mask: name for name, mask in RELATIONS.items()}
    for other, a, b in product(sets, sets, sets):
        union = base_relation(other, a | b) if one_subject else base_relation(a | b, other)
        read_as = spread(names[union], *((1, 2) if one_subject else (2, 1)))
        for member in (a, b) if read_as != "related" else ():
            pair = base_relation(other, member) if one_subject else base_relation(member, other)
            assert pair & RELATIONS[read_as], (names[union], other, a, b)


def test_one_of_each_is_read_as_it_stands() -> None:
    assert all(spread(relation, 1, 1) == relation for relation in RELATIONS)


# ---------------------------------------------------------------- OLIR and STRM

OLIR = (
    "Focal Document\nElement", "Focal Document Element Description", "Security Control\nBaseline", "Rationale",
    "Relationship", "Reference Document\nElement", "Reference Document\nElement Description\n(Optional)",
    "Fulfilled By (Y/N)", "Group Identifier\n(Optional)", "Comments\n(Optional)",
    "Strength of\nRelationship\n(Optional)",
)  # fmt: skip
STRM = (
    "FDE #", "FDE Name", "Focal Document Element (FDE) Description", "STRM Rationale", "STRM Relationship",
    "SCF Control", "SCF #", "Secure Controls Framework (SCF) Control Description",
    "Strength of Relationship (optional)", "Notes (optional)",
)  # fmt: skip


def test_an_olir_sheet_reads_from_focal_to_reference_element() -> None:
    rows = [
        ("Informative Reference", "Example"),
        (),
        OLIR,
        ("GOVERN-1.1", "PROSE", "", "Functional", "subset of", "A.2.2\n", "PROSE", "N", "", "seen", "7"),
        ("GOVERN-1.2", "PROSE", "", "Semantic", "Superset of", "A.2.3", "", "", "", "", 8),
        ("GOVERN-1.3", "PROSE", "", "Syntactic", "not related to", "4.1", "", "", "", "", ""),
        ("GOVERN-1.4", "PROSE", "", "Semantic", "equal", "A.2.4", "", "", "", "", 10),
        ("GOVERN", "PROSE", "", "", "", "", "", "", "", "", ""),
    ]
    incoming = read("olir.xlsx", book(("General", [("Field", "Value")]), ("Relationships", rows)))
    planned = plan(incoming, RELEASE, declared(subjects="nist-ai-rmf", objects="iso42001"))
    assert said(planned.rows) == [
        ("nist-ai-rmf:GOVERN-1.1", "subset_of", "iso42001:A.2.2"),
        ("nist-ai-rmf:GOVERN-1.2", "superset_of", "iso42001:A.2.3"),
        ("nist-ai-rmf:GOVERN-1.3", "no_relationship", "iso42001:4.1"),
        ("nist-ai-rmf:GOVERN-1.4", "equal", "iso42001:A.2.4"),
    ]
    assert [m.rationale_kind for m in planned.rows] == ["functional", "semantic", "syntactic", "semantic"]
    assert [m.strength for m in planned.rows] == [7, 8, None, 10]
    assert planned.rows[0].note == "seen; Fulfilled by: N"
    assert "PROSE" not in planned.text
    assert [f.code for f in planned.findings if f.code == "MISSING_VALUE"] == ["MISSING_VALUE"]


def test_a_group_says_of_each_only_what_follows() -> None:
    rows = [
        OLIR,
        *(("GOVERN-1.1", "", "", "", "equal", ref, "", "", "G1", "", "") for ref in ("A.2.2", "A.2.3")),
        *(("GOVERN-1.2", "", "", "", "subset of", ref, "", "", "G1", "", "") for ref in ("A.2.2", "A.2.3")),
        ("GOVERN-1.3", "", "", "", "equal", "A.2.4", "", "", "G1", "", ""),
    ]
    planned = plan(read("g.xlsx", book(("R", rows))), RELEASE, declared(subjects="nist-ai-rmf", objects="iso42001"))
    assert [m.relation for m in planned.rows] == ["at_least", "at_least", "related", "related", "equal"]


def test_an_olir_sheet_without_relations_says_only_that_two_are_related() -> None:
    rows = [("Focal Document Element", "Reference Document Element"), ("GOVERN-1.1", "A.2.2")]
    planned = plan(read("o.xlsx", book(("R", rows))), RELEASE, declared(subjects="nist-ai-rmf", objects="iso42001"))
    assert said(planned.rows) == [("nist-ai-rmf:GOVERN-1.1", "related", "iso42001:A.2.2")]
    assert "NO_RELATION" in {f.code for f in planned.findings}


def test_a_strm_sheet_with_its_header_on_line_5_in_csv() -> None:
    lines = ["NIST IR 8477-Based Set Theory Relationship Mapping;;;;;;;;;", ";" * 9, ";" * 9, ";" * 9, ";".join(STRM)]
    lines += [
        "Article 10(2)(f);n;d;Functional;Subset Of;c;A.7.4;d;8;",
        "art-15.1;n;d;Semantic;Superset Of;c;6.1.2;d;;why",
    ]
    incoming = read("strm.csv", "\n".join(lines))
    assert incoming.kind is Kind.STRM
    planned = plan(incoming, RELEASE, declared(subjects="eu-ai-act", objects="iso42001", texts=TEXTS))
    assert said(planned.rows) == [
        ("eu-ai-act:art-10.2.f", "subset_of", "iso42001:A.7.4"),
        ("eu-ai-act:art-15.1", "superset_of", "iso42001:6.1.2"),
    ]
    assert {m.subject_version for m in planned.rows} == {"2026-07-27"}
    assert {m.object_version for m in planned.rows} == {""}


def test_every_fault_of_a_sheet_is_named_with_sheet_line_and_cell_at_once() -> None:
    rows = [
        STRM,
        ("GOVERN-1.1", "", "", "Functional", "Subset Of", "", "A.2.22", "", 7, ""),
        ("GOVERN-1.2", "", "", "Functional", "sub-sett of", "", "A.2.2", "", 17, ""),
        ("GOVERN-1.3", "", "", "Functionally", "Equal", "", "A.2.2", "", 7.5, ""),
        (date(2024, 1, 2), "", "", "Functional", "Equal", "", "A.2.2", "", "", ""),
        ("GOVERN-1.4", "", "", "", "", "", "A.2.2", "", "", ""),
        ("", "", "", "", "Equal", "", "A.2.2", "", "", ""),
    ]
    call = declared(subjects="nist-ai-rmf", objects="iso42001")
    assert faults(lambda: plan(read("s.xlsx", book(("Map", rows))), RELEASE, call)) == [
        (5, "Map!A5 FDE #", "BAD_VALUE")
    ]
    rows[4] = ("GOVERN-1.9", *rows[4][1:])
    found = faults(lambda: plan(read("s.xlsx", book(("Map", rows))), RELEASE, call))
    assert found == [
        (2, "Map!G2 SCF #", "UNKNOWN_ID"),
        (3, "Map!I3 Strength of Relationship (optional)", "BAD_VALUE"),
        (3, "Map!E3 STRM Relationship", "UNKNOWN_RELATION"),
        (4, "Map!D4 STRM Rationale", "BAD_VALUE"),
        (4, "Map!I4 Strength of Relationship (optional)", "BAD_VALUE"),
        (5, "Map!A5 FDE #", "UNKNOWN_ID"),
        (7, "Map!A7 FDE #", "MISSING_VALUE"),
    ]
    with pytest.raises(InputError) as caught:
        plan(read("s.xlsx", book(("Map", rows))), RELEASE, call)
    assert "did you mean iso42001:A.2.2" in str(caught.value.findings[0])


def test_the_loaders_rules_speak_of_the_cells_of_the_file() -> None:
    rows = [
        STRM,
        ("GOVERN-1.1", "", "", "", "Equal", "", "A.2.2", "", "", ""),
        ("GOVERN-1.1", "", "", "", "Subset Of", "", "A.2.2", "", "", ""),
        ("GOVERN-1.2", "", "", "", "Equal", "", "A.2.3", "", "", ""),
        ("GOVERN-1.2", "", "", "", "Equal", "", "A.2.4", "", "", ""),
    ]
    call = declared(subjects="nist-ai-rmf", objects="iso42001")
    with pytest.raises(InputError) as caught:
        plan(read("s.xlsx", book(("Map", rows))), RELEASE, call)
    assert [(f.line, f.cell, f.code) for f in caught.value.findings if f.severity == "error"] == [
        (3, "Map!E3 STRM Relationship", "CONTRADICTION"),
        (3, "Map!G3 SCF #", "DUPLICATE_ROW"),
        (5, "Map!E5 STRM Relationship", "EQUAL_TWICE"),
    ]
    contradiction = next(f for f in caught.value.findings if f.code == "CONTRADICTION")
    assert "s.xlsx:2" in contradiction.hint


# ---------------------------------------------------------------- any workbook


def test_a_workbook_whose_columns_a_person_names() -> None:
    rows = [
        ("Control Domain", "Control ID", "Control Title", "EU AI Act", "Gap Level"),
        ("Governance", "GOV-01", "x", "Article 9(1)\nArticle 17(1)", "Partial Gap"),
        ("Governance", "GOV-02", "x", "art-4; art-26.2", ""),
        ("Governance", "GOV-03", "x", "No Mapping", "Full Gap"),
    ]
    content = book(("Intro", [("Read me",)]), ("AICM", rows))
    incoming = read("aicm.xlsx", content, columns={"object": "EU AI Act"})
    planned = plan(incoming, RELEASE, declared(subjects="aisb", objects="eu-ai-act", texts=TEXTS))
    assert [(m.subject, m.object) for m in planned.rows] == [
        ("aisb:GOV-01", "eu-ai-act:art-9.1"), ("aisb:GOV-01", "eu-ai-act:art-17.1"),
        ("aisb:GOV-02", "eu-ai-act:art-4"), ("aisb:GOV-02", "eu-ai-act:art-26.2"),
    ]  # fmt: skip
    assert {m.relation for m in planned.rows} == {"related"}

    gaps = read("aicm.xlsx", content, columns={"object": "EU AI Act", "relation": "Gap Level"})
    call = declared(subjects="aisb", objects="eu-ai-act", texts=TEXTS)
    assert faults(lambda: plan(gaps, RELEASE, call)) == [(2, "AICM!E2 Gap Level", "UNKNOWN_RELATION")] * 2
    call = declared(subjects="aisb", objects="eu-ai-act", texts=TEXTS, words={"partial gap": "intersects with"})
    read_as = plan(gaps, RELEASE, call)
    assert [m.relation for m in read_as.rows] == ["related"] * 4  # of two ids in one cell nothing more follows


@pytest.mark.parametrize(
    ("columns", "more", "code"),
    [({}, {"kind": Kind.WORKBOOK}, "MISSING_COLUMN"), ({"object": "GDPR"}, {}, "MISSING_COLUMN"),
     ({"object": "EU AI Act"}, {"sheet": "AICN"}, "NOT_FOUND")],
)  # fmt: skip
def test_a_column_or_sheet_that_is_not_there_is_named(columns: dict[str, str], more: dict[str, Any], code: str) -> None:
    content = book(("AICM", [("Control ID", "EU AI Act"), ("GOV-01", "art-4")]))
    assert [f[2] for f in faults(lambda: read("w.xlsx", content, columns=columns, **more))] == [code]


# ---------------------------------------------------------------- OSCAL


def collection(*maps: dict[str, Any], **mapping: Any) -> dict[str, Any]:
    """A mapping collection of one mapping."""
    return {
        "mapping-collection": {
            "uuid": "0b7f2a52-6c50-4b8e-9a51-4d0f0f2f9f01",
            "metadata": {"title": "A to B", "version": "1", "oscal-version": "1.2.0"},
            "provenance": {"method": "human", "matching-rationale": "semantic", "mapping-description": "d"},
            "mappings": [{"source-resource": {"type": "catalog", "href": "nist-ai-rmf"},
                          "target-resource": {"type": "catalog", "href": "#x"}, "maps": list(maps), **mapping}],
            "back-matter": {"resources": [{"uuid": "x", "rlinks": [{"href": "iso42001"}]}]},
        }
    }  # fmt: skip


def a_map(relation: str, sources: Sequence[str], targets: Sequence[str], **more: Any) -> dict[str, Any]:
    """One map of a collection."""
    ends = [[{"type": "control", "id-ref": i} for i in side] for side in (sources, targets)]
    return {"relationship": relation, "sources": ends[0], "targets": ends[1], **more}


def test_an_oscal_collection_reads_from_source_to_target() -> None:
    document = collection(
        a_map("subset-of", ["GOVERN-1.1"], ["A.2.2"], remarks="because"),
        a_map("superset-of", ["GOVERN-1.2"], ["A.2.3"], **{"matching-rationale": "syntactic"}),
        a_map("equivalent-to", ["GOVERN-1.3"], ["A.2.4"], **{"confidence-score": {"percentage": 0.5}}),
        a_map("equal-to", ["GOVERN-1.4"], ["A.3.2"]),
        a_map("no-relationship", ["GOVERN-1.5"], ["A.3.3"]),
        a_map("superset-of", ["GOVERN-1.6"], ["A.4.2", "A.4.3"]),
        a_map("subset-of", ["GOVERN-1.7"], ["A.4.2", "A.4.3"]),
        method="automation",
    )
    incoming = read("m.json", document)
    planned = plan(incoming, RELEASE, declared(title=""))
    assert [m.relation for m in planned.rows] == [
        "subset_of", "superset_of", "related", "equal", "no_relationship",
        "superset_of", "superset_of", "related", "related",
    ]  # fmt: skip
    assert planned.mapping_set.title == "A to B"
    assert planned.rows[0].rationale == "because"
    assert planned.rows[1].rationale_kind == "syntactic"
    assert planned.rows[2].confidence == 0.5
    assert {m.method for m in planned.rows} == {Method.AUTOMATION}
    assert said(plan(read("m.yaml", document), RELEASE, declared()).rows) == said(planned.rows)


def test_faults_of_an_oscal_collection_are_named_by_their_place() -> None:
    document = collection(
        a_map("part-of", ["GOVERN-1.1"], ["A.2.2"]),
        a_map("subset-of", ["GOVERN-1.11"], ["A.2.2"], **{"confidence-score": {"percentage": 5}}),
        a_map("subset-of", ["GOVERN-1.2"], ["A.2.3"], ns="https://example.org/ns"),
    )
    place = "mappings[0]/maps"
    assert faults(lambda: plan(read("m.json", document), RELEASE, DECLARED)) == [
        (0, f"{place}[1]/confidence-score", "BAD_VALUE"),
        (0, f"{place}[1]/sources[0]/id-ref", "UNKNOWN_ID"),
        (0, f"{place}[0]/relationship", "UNKNOWN_RELATION"),
        (0, f"{place}[2]/relationship", "UNKNOWN_RELATION"),
    ]
    broken = collection({"sources": [], "targets": "A.2.2", "relationship": ""}, "no map")  # type: ignore[arg-type]
    assert faults(lambda: read("m.json", broken)) == [
        (0, f"{place}[0]/relationship", "MISSING_VALUE"), (0, f"{place}[0]/targets", "BAD_VALUE"),
        (0, f"{place}[0]/sources", "MISSING_VALUE"), (0, f"{place}[0]/targets", "MISSING_VALUE"),
        (0, f"{place}[1]", "BAD_VALUE"),
    ]  # fmt: skip


# ---------------------------------------------------------------- CISO Assistant


def library(*sets: dict[str, Any], key: str = "requirement_mapping_sets") -> dict[str, Any]:
    """A library with mapping sets."""
    return {"urn": "urn:x:risk:library:m", "name": "Mapping", "copyright": "CC BY", "objects": {key: list(sets)}}


def a_set(source: str, target: str, *rows: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    """One mapping set of a library."""
    return {
        "source_framework_urn": f"urn:x:risk:framework:{source}",
        "target_framework_urn": f"urn:x:risk:framework:{target}",
        "requirement_mappings": [
            {"source_requirement_urn": f"urn:x:risk:req_node:{source}:{a}", "relationship": relation,
             "target_requirement_urn": f"urn:x:risk:req_node:{target}:{b}", **more}
            for a, relation, b in rows
        ],
    }  # fmt: skip


def test_a_library_of_ciso_assistant_reads_from_source_to_target_and_each_row_once() -> None:
    forward = a_set(
        "ai-act", "iso42001", ("9.1", "subset", "6.1.2"), ("10.2.f", "superset", "a.7.4"),
        ("15.1", "intersect", "a.6.2.4"), ("11.1", "equal", "a.6.2.7"), ("4", "not_related", "a.2.2"),
        rationale="semantic", strength_of_relationship=6,
    )  # fmt: skip
    back = a_set(
        "iso42001", "ai-act", ("6.1.2", "superset", "9.1"), ("a.7.4", "subset", "10.2.f"),
        ("a.6.2.4", "intersect", "15.1"), ("a.6.2.7", "equal", "11.1"), ("a.2.2", "not_related", "4"),
        rationale="semantic", strength_of_relationship=6,
    )  # fmt: skip
    incoming = read("library.yaml", library(forward, back))
    planned = plan(incoming, RELEASE, declared(title="", licence="", texts=TEXTS))
    assert said(planned.rows) == [
        ("eu-ai-act:art-9.1", "subset_of", "iso42001:6.1.2"),
        ("eu-ai-act:art-10.2.f", "superset_of", "iso42001:A.7.4"),
        ("eu-ai-act:art-15.1", "intersects_with", "iso42001:A.6.2.4"),
        ("eu-ai-act:art-11.1", "equal", "iso42001:A.6.2.7"),
        ("eu-ai-act:art-4", "no_relationship", "iso42001:A.2.2"),
    ]
    assert (planned.repeated, planned.mapping_set.licence) == (5, "CC BY")
    assert {(m.strength, m.rationale_kind.value) for m in planned.rows} == {(6, "semantic")}


def test_the_two_directions_of_a_library_may_not_contradict_each_other() -> None:
    both = library(
        a_set("ai-act", "iso42001", ("9.1", "subset", "6.1.2")), a_set("iso42001", "ai-act", ("6.1.2", "subset", "9.1"))
    )
    found = faults(lambda: plan(read("l.yaml", both), RELEASE, declared(texts=TEXTS)))
    assert found == [(0, "objects/requirement_mapping_sets[1]/requirement_mappings[0]/relationship", "CONTRADICTION")]


def test_a_framework_that_is_not_in_the_graph_is_refused_with_the_way_to_add_it(tmp_path: Path) -> None:
    document = library(a_set("acme", "iso42001", ("r.1", "subset", "a.2.2")), key="requirement_mapping_set")
    incoming = read("l.yaml", document)
    with pytest.raises(InputError, match=r"of 'acme', which is no framework.*ciso-library"):
        plan(incoming, RELEASE, DECLARED)
    folder = tmp_path / "own"
    (folder / "frameworks").mkdir(parents=True)
    rows = "# title: Acme\nid,parent_id,level,kind,ref,title,assessable\nr.1,,1,rule,1,Rule,true\n"
    (folder / "frameworks" / "acme.csv").write_text(rows, encoding="utf-8")
    planned = plan(incoming, Release.load(folder), DECLARED)
    assert said(planned.rows) == [("acme:r.1", "subset_of", "iso42001:A.2.2")]


# ---------------------------------------------------------------- SSSOM

HEAD = """# mapping_set_id: https://example.org/sets/x
# mapping_set_title: Someone's mapping
# license: https://creativecommons.org/licenses/by/4.0/
# curie_map:
#   eu: https://w3id.org/aigov-kg/eu-ai-act/
#   iso: https://w3id.org/aigov-kg/iso42001/
#   skos: http://www.w3.org/2004/02/skos/core#
"""
COLUMNS = "subject_id\tpredicate_id\tobject_id\tmapping_justification\n"


def sssom(*rows: str, head: str = HEAD, columns: str = COLUMNS) -> str:
    """A SSSOM table."""
    return head + columns + "".join(f"{row}\t{SEMAPV}\n" for row in rows)


def test_sssom_is_read_through_its_own_prefixes_and_its_predicates_in_their_direction() -> None:
    text = sssom(
        "eu:art-9.1\tskos:broadMatch\tiso:6.1.2", "eu:art-10.1\tskos:narrowMatch\tiso:A.7.4",
        "eu:art-11.1\tskos:closeMatch\tiso:A.6.2.7", "eu:art-12.1\tskos:exactMatch\tiso:A.6.2.8",
        "eu:art-13.1\tkg:subset_of\thttps://w3id.org/aigov-kg/iso42001/A.8.2",
        "eu:art-14.1\tskos:relatedMatch\tiso:A.9.2",
        "eu:art-15.1\tskos:exactMatch\tsssom:NoTermFound",
    )  # fmt: skip
    planned = plan(read("x.sssom.tsv", text), RELEASE, declared(title="", licence="", texts=TEXTS))
    assert said(planned.rows) == [
        ("eu-ai-act:art-9.1", "at_most", "iso42001:6.1.2"),
        ("eu-ai-act:art-10.1", "at_least", "iso42001:A.7.4"),
        ("eu-ai-act:art-11.1", "related", "iso42001:A.6.2.7"),
        ("eu-ai-act:art-12.1", "equal", "iso42001:A.6.2.8"),
        ("eu-ai-act:art-13.1", "subset_of", "iso42001:A.8.2"),
        ("eu-ai-act:art-14.1", "related", "iso42001:A.9.2"),
    ]
    assert planned.mapping_set.title == "Someone's mapping"
    assert SEMAPV in planned.text
    assert "NO_TERM" in {f.code for f in planned.findings}


def test_a_prefix_that_the_file_binds_elsewhere_is_not_ours() -> None:
    head = HEAD.replace("#   eu: https://w3id.org/aigov-kg/eu-ai-act/", "#   gdpr: https://example.org/other/")
    text = sssom("gdpr:art-5.1.a\tskos:exactMatch\tiso:A.7.4", head=head)
    assert faults(lambda: plan(read("x.tsv", text), RELEASE, DECLARED)) == [(8 + 1, "subject_id", "UNKNOWN_ID")]
    planned = plan(read("x.tsv", text), RELEASE, declared(subjects="gdpr"))  # unless a person says so
    assert said(planned.rows) == [("gdpr:art-5.1.a", "equal", "iso42001:A.7.4")]


def test_metadata_may_stand_beside_the_file_and_propagate(tmp_path: Path) -> None:
    metadata = {"mapping_set_title": "T", "license": "L", "subject_source_version": "2024-07-12", "curie_map": {
        "x": PREFIXES["eu-ai-act"], "y": PREFIXES["iso42001"]}}  # fmt: skip
    (tmp_path / "x.sssom.yml").write_text(yaml.safe_dump(metadata), encoding="utf-8")
    path = tmp_path / "x.sssom.tsv"
    path.write_text(sssom("x:art-9.1\tskos:broadMatch\ty:6.1.2", head=""), encoding="utf-8")
    planned = plan(read_mappings(path), RELEASE, declared(title="", licence=""))
    assert (planned.mapping_set.title, planned.mapping_set.licence) == ("T", "L")
    assert planned.rows[0].subject_version == "2024-07-12"


def test_sssom_json_says_the_same_as_the_table() -> None:
    rows = [("eu:art-9.1", "skos:broadMatch", "iso:6.1.2"), ("eu:art-10.1", "kg:superset_of", "iso:A.7.4")]
    names = ("subject_id", "predicate_id", "object_id")
    table = plan(read("x.tsv", sssom(*("\t".join(r) for r in rows))), RELEASE, declared(texts=TEXTS))
    document = {
        "curie_map": {"eu": PREFIXES["eu-ai-act"], "iso": PREFIXES["iso42001"]},
        "mappings": [dict(zip(names, r, strict=True)) | {"mapping_justification": SEMAPV} for r in rows],
    }
    assert plan(read("x.json", document), RELEASE, declared(texts=TEXTS)).rows == table.rows
    document["mappings"][1]["object_id"] = "iso:A.77"  # type: ignore[index]
    found = faults(lambda: plan(read("x.json", document), RELEASE, declared(texts=TEXTS)))
    assert found == [(0, "mappings[1]/object_id", "UNKNOWN_ID")]


def test_who_made_and_reviewed_a_row_elsewhere_is_kept_and_counts_for_nothing_here() -> None:
    columns = "subject_id\tpredicate_id\tobject_id\treviewer_id\tauthor_id\tmapping_justification\n"
    text = sssom("gdpr:art-5.1.a\tskos:exactMatch\tiso:A.7.4\torcid:1\torcid:2", columns=columns)
    planned = plan(read("x.tsv", text), RELEASE, DECLARED)
    assert planned.rows[0].note == "author_id: orcid:2; reviewer_id: orcid:1"
    assert planned.rows[0].reviewers == ()
    assert "UNSIGNED_REVIEW" in {f.code for f in planned.findings}


def test_a_denied_predicate_is_unknown_unless_it_denies_every_relation() -> None:
    columns = "subject_id\tpredicate_id\tpredicate_modifier\tobject_id\tmapping_justification\n"
    text = sssom(
        "gdpr:art-5.1.a\tkg:related\tNot\tiso:A.7.4", "gdpr:art-5.1.b\tskos:exactMatch\tNot\tiso:A.7.4", columns=columns
    )
    assert faults(lambda: plan(read("x.tsv", text), RELEASE, DECLARED)) == [(10, "predicate_id", "UNKNOWN_RELATION")]
    planned = plan(read("x.tsv", text), RELEASE, declared(skip_unknown=True))
    assert (said(planned.rows), planned.skipped) == ([("gdpr:art-5.1.a", "no_relationship", "iso42001:A.7.4")], 1)


@pytest.mark.parametrize("library_name", ["sssom_pydantic", "sssom"])
def test_what_is_written_is_valid_sssom_to_others(tmp_path: Path, library_name: str) -> None:
    pytest.importorskip(library_name)
    text = sssom("gdpr:art-5.1.a\tskos:exactMatch\tiso:A.7.4", "gdpr:art-5.1.b\tkg:subset_of\tiso:A.7.4")
    path = write_folder(plan(read("x.tsv", text), RELEASE, DECLARED), tmp_path)
    if library_name == "sssom_pydantic":
        import sssom_pydantic

        mappings = sssom_pydantic.read(path).mappings
        assert {m.predicate.curie for m in mappings} == {"kg:equal", "kg:subset_of"}
    else:
        from sssom.parsers import parse_sssom_table

        assert set(parse_sssom_table(str(path)).df["predicate_id"]) == {"kg:equal", "kg:subset_of"}


# ---------------------------------------------------------------- what must be declared


def test_what_nobody_says_is_asked_for_at_once() -> None:
    incoming = read("g.xlsx", book(("R", [OLIR, ("GOVERN-1.1", *[""] * 3, "equal", "A.2.2")])))
    with pytest.raises(UsageError) as caught:
        plan(incoming, RELEASE, Declared())
    for option in ("--set", "--authority", "--licence", "--title"):
        assert option in str(caught.value)
    with pytest.raises(InputError, match="does not say of which framework"):
        plan(incoming, RELEASE, DECLARED)
    with pytest.raises(UnknownIdError, match="did you mean iso42001"):
        plan(incoming, RELEASE, declared(subjects="iso4201"))
    with pytest.raises(UsageError, match="already"):
        plan(incoming, RELEASE, declared(set_id="aisb-gdpr", subjects="nist-ai-rmf", objects="iso42001"))


def test_the_text_a_row_was_judged_on_is_asked_for_and_held() -> None:
    text = sssom("eu:art-9.1\tskos:broadMatch\tiso:6.1.2", "eu:art-4a\tskos:broadMatch\tiso:6.1.2")
    incoming = read("x.tsv", text)
    with pytest.raises(UsageError, match="--text-version eu-ai-act=2024-07-12 or 2026-07-27"):
        plan(incoming, RELEASE, DECLARED)
    found = faults(lambda: plan(incoming, RELEASE, declared(texts={"eu-ai-act": "2024-07-12"})))
    assert [code for _, _, code in found] == ["RETIRED_ID"]
    assert len(plan(incoming, RELEASE, declared(texts=TEXTS)).rows) == 2


def test_unknown_rows_are_left_out_only_when_asked_and_are_told() -> None:
    rows = [
        STRM,
        *(
            ("GOVERN-1.1", "", "", "", r, "", i, "", "", "")
            for r, i in (("Equal", "A.2.2"), ("Eq", "A.2.2"), ("Equal", "Z"))
        ),
    ]
    incoming = read("s.xlsx", book(("M", rows)))
    call = declared(subjects="nist-ai-rmf", objects="iso42001", skip_unknown=True)
    planned = plan(incoming, RELEASE, call)
    assert (len(planned.rows), planned.skipped) == (1, 2)
    assert [(f.code, f.severity, f.line) for f in planned.findings if f.code.startswith("UNKNOWN")] == [
        ("UNKNOWN_RELATION", "warning", 3), ("UNKNOWN_ID", "warning", 4),
    ]  # fmt: skip


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [
        f"gdpr:art-5.1.{x}\tskos:{p}\tiso:A.7.{n}"
        for x, p, n in zip("abcdef", ["broadMatch", "closeMatch"] * 3, [2, 3, 4] * 2, strict=True)
    ]
    texts = set()
    for seed in range(4):
        Random(seed).shuffle(rows)
        texts.add(plan(read("x.tsv", sssom(*rows)), RELEASE, DECLARED).text)
    assert len(texts) == 1


# ---------------------------------------------------------------- bad files

BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.xlsx", b"PK\x03\x04 not a workbook", "UNREADABLE"),
        ("x.xlsx", b"subject,object\n", "UNREADABLE"),
        ("x.xlsx", b"", "EMPTY_FILE"),
        ("x.xlsx", book(("Empty", [])), "EMPTY_FILE"),
        ("x.xlsx", book(("M", [STRM])), "EMPTY_FILE"),
        ("x.xlsx", book(("M", [("a", "b"), (1, 2)])), "MISSING_COLUMN"),
        ("x.xlsx", book(("M", [("FDE #", "SCF #"), ("a", "b")])), "MISSING_COLUMN"),
        ("x.xlsx", book(("M", [(*STRM, "SCF #"), ("a",)])), "DUPLICATE_COLUMN"),
        ("x.csv", "FDE #;SCF #;STRM Relationship\nGOVERN-1.1;A.2.2;Equal\n".encode("utf-16-be"), "UNREADABLE"),
        ("x.csv", "FDE #;SCF #;STRM Relationship\nGOVERN-1.1;A.2.2;Ègal\n".encode("latin-1"), "ENCODING"),
        ("x.csv", b" \n \n", "EMPTY_FILE"),
        ("x.csv", b'FDE #,SCF #,STRM Relationship\n"GOVERN,A.2.2,Equal\n', "UNREADABLE"),
        ("x.sssom.tsv", b"# a: [b\nsubject_id\tobject_id\n", "SYNTAX"),
        ("x.sssom.tsv", b"subject_id\tobject_id\nx\ty\n", "MISSING_COLUMN"),
        ("x.sssom.tsv", (COLUMNS + "a\tb\n").encode(), "ROW_SHAPE"),
        ("x.sssom.tsv", COLUMNS.encode(), "EMPTY_FILE"),
        ("x.yaml", BOMB.encode(), "UNREADABLE"),
        ("x.yaml", b"[" * 100_000, "SYNTAX"),
        ("x.yaml", b"!!python/object/apply:os.system ['true']", "SYNTAX"),
        ("x.yaml", b"objects: {framework: {}}", "UNREADABLE"),
        ("x.json", b"[" * 3_000_000, "SYNTAX"),
        ("x.json", b'{"mapping-collection": [', "SYNTAX"),
        ("x.json", b'{"catalog": {}}', "UNREADABLE"),
        ("x.json", b'{"mappings": {}}', "UNREADABLE"),
        ("x.json", b" " * (33 * 1024 * 1024), "UNREADABLE"),
        ("x.pdf", b"%PDF-1.7", "UNREADABLE"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_finding(name: str, content: bytes, code: str) -> None:
    assert [found[2] for found in faults(lambda: read(name, content))] == [code]


def test_merged_headings_formulas_and_stray_sheets() -> None:
    rows = [
        ("", "", "", "", "", "", ""),
        STRM,
        (("=A9", None, "GOVERN-1.1"), "", "", "", "Equal", "", ("=1+1", None, "A.2.2"), "", "", ""),
    ]
    title = (0, 0, 0, 5, "A merged title")
    incoming = read("s.xlsx", book(("Cover", [("x",)]), ("M", rows), merge=title))
    assert [(r.subject, r.object) for r in incoming.rows] == [("GOVERN-1.1", "A.2.2")]
    hidden = book(("M", [(), (*STRM[:4], "", "", "", *STRM[7:]), ("a",)]), merge=(1, 4, 1, 6, "STRM Relationship"))
    found = faults(lambda: read("s.xlsx", hidden))
    assert found == [(2, "M", "MISSING_COLUMN")]


def test_a_hundred_thousand_rows_are_read_and_every_fault_told() -> None:
    head = "FDE #,SCF #,STRM Relationship\n"
    text = head + "".join(f"GOVERN-1.1,X-{n},Equal\n" for n in range(100_000))
    incoming = read("big.csv", text)
    assert len(incoming.rows) == 100_000
    found = faults(lambda: plan(incoming, RELEASE, declared(subjects="nist-ai-rmf", objects="iso42001")))
    assert len(found) == 100_000


# ---------------------------------------------------------------- the command


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    done = CliRunner().invoke(app, ["import", "mappings", *words])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_writes_a_data_folder_that_the_loader_reads(tmp_path: Path) -> None:
    source = tmp_path / "strm.xlsx"
    source.write_bytes(book(("M", [STRM, ("GOVERN-1.1", "", "", "Functional", "Subset Of", "", "A.2.2", "", 8, "")])))
    words = [str(source), "--set", "acme", "--authority", "published", "--licence", "CC BY", "--title", "Acme",
             "--from", "nist-ai-rmf", "--to", "iso42001"]  # fmt: skip
    code, out, _ = run(*words, "--dry-run")
    assert code == 0
    assert "Nothing was written" in out
    assert "does only a part of what iso42001:A.2.2" in " ".join(out.split())
    code, out, _ = run(*words, "-o", str(tmp_path / "own"))
    assert code == 0
    release = Release.load(tmp_path / "own")
    assert release.sets["acme"].authority is Authority.PUBLISHED
    assert [m.relation for m in release.mappings if m.set_id == "acme"] == ["subset_of"]
    again = run(*words, "-o", str(tmp_path / "own"), "--data", str(tmp_path / "own"))
    assert again[0] == 0  # the folder that is written anew is not in its own way


@pytest.mark.parametrize(
    ("words", "said_so"),
    [(["--column", "subjct=X"], "did you mean subject"), (["--relation", "x"], "is no pair"),
     (["--text-version", "eu-ai-act"], "is no pair"), (["--relation", "x=y"], "is no relation"),
     (["--column", "object=A", "--column", "object=B"], "twice"), (["--kind", "olirr"], "olir"),
     (["--remove-missing"], "edited exports")],
)  # fmt: skip
def test_bad_options_are_refused_in_a_line(tmp_path: Path, words: list[str], said_so: str) -> None:
    source = tmp_path / "x.csv"
    source.write_text("FDE #,SCF #,STRM Relationship,A\nGOVERN-1.1,A.2.2,Equal,A\n", encoding="utf-8")
    if words[0] == "--relation" and "=" in words[1]:
        words = [*words, "--set", "a", "--authority", "published", "--licence", "L", "--title", "T"]
    code, _, errors = run(str(source), "--dry-run", *words)
    assert code == 2
    assert said_so in errors
    assert "Traceback" not in errors


def test_the_command_knows_every_kind() -> None:
    assert [k.value for k in FileKind] == [k.value for k in Kind]
