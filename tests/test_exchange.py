"""Exchange files are what their own tools read: the real validators take every one, and give back what went in."""

from __future__ import annotations

import csv
import io
import itertools
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import curies
import networkx as nx
import orjson
import pyoxigraph as ox
import pytest
import rdflib
import sssom_pydantic
from hypothesis import given
from hypothesis import strategies as st
from pyshacl import validate as shacl
from sssom_pydantic.io import record_to_semantic_mapping
from typer.testing import CliRunner

from kg import Release
from kg.answers import Assessment, Coverage, Crosswalk, Filter, assess, crosswalk
from kg.answers.listing import (
    FrameworkListing,
    GraphListing,
    SetListing,
    implementation,
    list_framework,
    list_graph,
    list_set,
)
from kg.cli.app import app
from kg.cli.demo import example_paths
from kg.errors import InputError, UnknownIdError, UsageError
from kg.exports.csv import csv_text
from kg.exports.formats import FORMATS, filename, format_of, formats_for, write
from kg.exports.json import dumps
from kg.exports.oscal import token, untoken
from kg.exports.rdf import quads_of
from kg.exports.streamed import Rows, indented, sorted_keys
from kg.exports.tables import document
from kg.importers.mappings import compare, read_mappings
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Mapping, Profile, System
from kg.organizations import read_controls, read_profile
from kg.relations import SUPERSET_OF
from kg.sources import builtin_data
from kg.sources.sssom import COLUMNS

DAY = date(2026, 11, 23)
HOSTILE = (
    'a "quoted" word', '"wholly quoted"', "tab\there", "carriage\rreturn", "line\nbreak", "# not a comment",
    "<script>alert(1)</script>", "a ]]> b", "a --> b <!-- c", "&amp; &#x3c;", "=1+1", "@SUM(A1)",
    "nul\x00 bell\x07 end",
    "del\x7f c1\x9b",
    "emoji 😀🏳️‍🌈", "\u202eright to left עברית العربية", "a|b\\|c", "\\\\ \\n \\u0041", "{ } ; . ^^ @en",
    "\ufeffmark \u2028 line", "x" * 40_000,
)  # fmt: skip


def answer_of(release: Release, name: str) -> Any:
    """An answer by a short name, for parameters."""
    if name == "graph":
        return list_graph(release)
    if "/" in name:
        return crosswalk(release, *name.split("/"), as_of=DAY)
    return list_set(release, name) if name in release.sets else list_framework(release, name)


def written(answer: Any, release: Release, format_: str) -> bytes:
    return b"".join(write(answer, release, format_))


@pytest.fixture(scope="module")
def assessment(release: Release) -> Assessment:
    controls, profile = example_paths()
    about = read_profile(profile, release)
    return assess(release, read_controls(controls, release, systems=[s.id for s in about.systems]).controls, about, DAY)


@pytest.fixture(scope="module")
def pairs(release: Release) -> list[Crosswalk]:
    """Every two frameworks or catalogues, one way: the other way holds the same rows."""
    names = [*release.frameworks, *release.catalogues]
    return [crosswalk(release, a, b, as_of=DAY, derived=False) for a, b in itertools.combinations(names, 2)]


def hostile_rows(release: Release) -> list[Mapping]:
    rows = [m for m in release.mappings if m.set_id == "gdpr-iso42001"][: len(HOSTILE)]
    return [
        replace(m, rationale=text, note=text, citation=text, reviewers=(text,))
        for m, text in zip(rows, HOSTILE, strict=True)
    ]


def hostile_set(release: Release) -> SetListing:
    return replace(list_set(release, "gdpr-iso42001"), rows=tuple(hostile_rows(release)))


def hostile_assessment(release: Release) -> Assessment:
    targets = [r.id for r in release.requirements("gdpr", DAY)]
    controls = [
        Control(
            f"C-{i}", text, ControlStatus.IMPLEMENTED, (ControlRow(targets[i], SUPERSET_OF),), text, text,
            evidence=(EvidenceRecord(text[:50], text, text, DAY, None, text),),
        )
        for i, text in enumerate(HOSTILE)
    ]  # fmt: skip
    return assess(release, controls, Profile(title=HOSTILE[6], systems=(System("s", HOSTILE[4]),)), DAY)


# ---------------------------------------------------------------- formats

NAMES = ("gdpr/iso42001", "finos-air/cosai-rm", "threats", "eu-ai-act-gdpr-citations", "gdpr", "aisb")


@pytest.mark.parametrize("name", NAMES)
def test_every_format_of_every_answer_gives_the_same_bytes_twice(release: Release, name: str) -> None:
    first, again = answer_of(release, name), answer_of(Release.load(), name)
    for each in formats_for(first):
        assert written(first, release, each.name) == written(again, release, each.name), each.name
        assert format_of(filename(first, release, each)) == each


def test_another_process_writes_the_same_bytes(release: Release, tmp_path: Path) -> None:
    """Hash seeds and prefix maps differ between processes."""
    for name in ("crosswalk.trig", "crosswalk.graphml"):
        command = ["crosswalk", "gdpr", "iso42001", "--as-of", str(DAY), "-o", str(tmp_path / name)]
        subprocess.run([sys.executable, "-m", "kg", *command], check=True, capture_output=True, cwd=builtin_data())
        found = format_of(name)
        assert found
        assert (tmp_path / name).read_bytes() == written(answer_of(release, "gdpr/iso42001"), release, found.name), name


def test_an_ending_means_the_longest_format_that_fits() -> None:
    for f in FORMATS.values():
        assert format_of(f"some.name.{f.extension}") == f
        assert format_of(f.name) == f
    assert format_of("x.JSON") == FORMATS["json"]
    assert format_of("x.results.oscal.json") == FORMATS["oscal-results"]
    assert format_of("x.markdown") == FORMATS["md"]
    assert format_of("x.exe") is None
    assert len({f.extension for f in FORMATS.values()}) == len(FORMATS)


def test_what_does_not_suit_is_refused_with_what_does(release: Release) -> None:
    with pytest.raises(UsageError) as raised:
        write(list_framework(release, "gdpr"), release, "sssom")
    assert "ttl" in raised.value.hint
    empty = crosswalk(release, "finos-air", "cosai-rm", as_of=DAY)
    assert not empty.rows
    assert "oscal" not in [f.name for f in formats_for(empty)]
    several = [answer_of(release, "gdpr/iso42001"), answer_of(release, "aisb/gdpr")]
    assert "sssom" not in [f.name for f in formats_for(several)]
    with pytest.raises(UnknownIdError) as unknown:
        list_set(release, "aisb-gpdr")
    assert "aisb-gdpr" in unknown.value.hint


@pytest.mark.parametrize("name", ["gdpr/iso42001", "aisb-gdpr", "threats", "graph"])
def test_rows_written_one_by_one_are_those_of_the_document(release: Release, name: str) -> None:
    answer = answer_of(release, name)
    assert written(answer, release, "csv").decode() == csv_text([document(answer, release)])
    commas = list(csv.reader(io.StringIO(written(answer, release, "csv").decode())))
    tabs = list(csv.reader(io.StringIO(written(answer, release, "tsv").decode()), delimiter="\t"))
    assert commas == tabs


def test_large_tables_come_in_chunks_and_are_never_held_whole(release: Release) -> None:
    """A generator of rows: only a chunk of it exists at a time."""
    found = answer_of(release, "gdpr/iso42001")
    many = replace(found, rows=tuple(itertools.islice(itertools.cycle(found.rows), 20_000)))
    for each in ("json", "csv", "tsv", "sssom", "sssom-json", "oscal"):
        answer = replace(many, rows=many.rows[:5_000]) if each == "oscal" else many  # which is made twice
        chunks = [len(c) for c in write(answer, release, each)]
        assert len(chunks) >= 6, each
        assert max(chunks) < sum(chunks) / 4, each


TEXTS = st.text() | st.sampled_from(HOSTILE[:-1])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
LONG = st.recursive(
    st.lists(PLAIN, max_size=3).map(lambda items: Rows(lambda: iter(items))),
    lambda inner: st.lists(inner | PLAIN, max_size=3) | st.dictionaries(TEXTS, inner | PLAIN, max_size=3),
    max_leaves=6,
)


def filled(value: Any) -> Any:
    """A value with its rows in it."""
    if isinstance(value, Rows):
        return list(value.make())
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    return [filled(item) for item in value] if isinstance(value, list) else value


@given(LONG)
def test_json_in_pieces_is_the_json_of_the_whole(value: Any) -> None:
    whole = filled(value)
    assert b"".join(indented(value)) == orjson.dumps(whole, option=orjson.OPT_INDENT_2)
    assert b"".join(sorted_keys(value)) == orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("name", ["gdpr/iso42001", "aisb-gdpr", "threats", "graph"])
def test_an_answer_in_pieces_is_the_answer(release: Release, name: str) -> None:
    answer = answer_of(release, name)
    assert written(answer, release, "json") == dumps(answer, release)


# ---------------------------------------------------------------- SSSOM


def sssom_of(data: bytes, tmp_path: Path, *, and_back: bool = True) -> Any:
    path = tmp_path / "x.sssom.tsv"
    path.write_bytes(data)
    rows, converter, mapping_set, errors = sssom_pydantic.read(path, return_errors=True)
    assert not errors
    if not and_back:
        return rows
    again = tmp_path / "again.sssom.tsv"
    sssom_pydantic.write(rows, again, metadata=mapping_set, converter=converter)
    back, _, _, errors = sssom_pydantic.read(again, return_errors=True)
    assert not errors
    assert [r.model_dump() for r in back] == [r.model_dump() for r in rows], "round trip"
    return rows


def test_sssom_pydantic_takes_every_set_and_pair_and_gives_it_back(
    release: Release, pairs: list[Crosswalk], tmp_path: Path
) -> None:
    seen = 0
    for name in release.sets:
        answer = list_set(release, name)
        rows = sssom_of(written(answer, release, "sssom"), tmp_path)
        assert len(rows) == len(answer.rows) + len(answer.threat_links) + len(answer.references)
        said = {r.record.curie.removeprefix(f"kgset:{name}/"): r for r in rows if r.record}
        assert set(said) == {m.id for m in answer.rows}
        for m in answer.rows:
            row = said[m.id]
            extensions = {k: v.value for k, v in (row.extensions or {}).items()}
            assert (row.subject.curie, row.object.curie) == (m.subject, m.object)
            assert extensions.get("rationale", "") == " ".join(m.rationale.split())
            assert extensions["method"] == m.method.value
            assert extensions["rationale_kind"] == m.rationale_kind.value
            assert extensions.get("strength") == (None if m.strength is None else str(m.strength))
            assert row.confidence == m.confidence
            assert row.mapping_date == m.date
            assert (row.subject_source_version or "", row.object_source_version or "") == (
                m.subject_version, m.object_version,
            )  # fmt: skip
            seen += 1
    assert seen == len(release.mappings)
    for number, pair in enumerate(pairs):
        rows = sssom_of(written(pair, release, "sssom"), tmp_path, and_back=number % 4 == 0)
        assert len(rows) == len(pair.rows) + len(pair.left_out)
        assert {r.record.curie for r in rows if r.record} == {f"kgset:{r.row.set_id}/{r.row.id}" for r in pair.rows}
        assert all(r.source and r.license for r in rows)


@pytest.fixture(scope="module")
def schema() -> Any:
    """The JSON Schema of SSSOM as sssom-py makes it, made once: it makes it anew for every file."""
    linkml = pytest.importorskip("linkml.validator")
    plugins = pytest.importorskip("linkml.validator.plugins")
    constants = pytest.importorskip("sssom.constants")
    return linkml.Validator(constants.SCHEMA_YAML, [plugins.JsonschemaValidationPlugin(closed=False)])


def test_sssom_py_takes_every_set_and_pair(
    release: Release, pairs: list[Crosswalk], tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    parsers = pytest.importorskip("sssom.parsers")
    validators = pytest.importorskip("sssom.validators")
    monkeypatch.setattr(validators, "Validator", lambda **_: schema)
    caplog.set_level(logging.CRITICAL)
    answers: list[Any] = [*(list_set(release, name) for name in release.sets), *(p for p in pairs if p.rows)]
    for answer in answers:
        path = tmp_path / filename(answer, release, "sssom")
        lines = written(answer, release, "sssom").splitlines(keepends=True)
        start = next(i for i, line in enumerate(lines) if not line.startswith(b"#"))
        # It takes 2 ms a row, and one function writes all rows: the first, and the last, which are of other kinds.
        path.write_bytes(b"".join([*lines[: start + 12], *lines[max(start + 12, len(lines) - 5) :]]))
        found = parsers.parse_sssom_table(path)
        for report in validators.validate(found, fail_on_error=False).values():
            assert not report.results, (path.name, report.results[:3])
        assert len(found.df)


def beside(m: Mapping, release: Release) -> dict[str, str]:
    """What a row says that SSSOM has no slot for, as text."""
    links = m.citation.startswith("http")
    said = {
        "rationale_kind": m.rationale_kind.value,
        "strength": "" if m.strength is None else str(m.strength),
        "method": m.method.value,
        "rationale": m.rationale,
        "citation": "" if links else m.citation,
        "authority": release.sets[m.set_id].authority.value,
    }
    return {name: value for name, value in said.items() if value}


def test_both_libraries_the_schema_and_our_import_take_the_json_of_every_set_and_pair(
    release: Release, pairs: list[Crosswalk], tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: Any
) -> None:
    parsers = pytest.importorskip("sssom.parsers")
    validators = pytest.importorskip("sssom.validators")
    caplog.set_level(logging.CRITICAL)
    stored = {m.id: m for m in release.mappings}
    answers: list[Any] = [*(list_set(release, name) for name in release.sets), *pairs]
    assert len(pairs) == 28
    for answer in answers:
        path = tmp_path / filename(answer, release, "sssom-json")
        path.write_bytes(written(answer, release, "sssom-json"))
        data = json.loads(path.read_bytes())
        rows = data["mappings"]

        head = {name: value for name, value in data.items() if name not in ("@context", "mappings")}
        converter = curies.Converter.from_jsonld(data)
        sssom_pydantic.MappingSetRecord.model_validate(head).process(converter)
        for row in rows:
            found = record_to_semantic_mapping(sssom_pydantic.Record.model_validate(row), converter)
            assert found.record is not None or "record_id" not in row
            if found.record:
                m = stored[found.record.curie.rpartition("/")[2]]
                assert {k: unquote(v) for k, v in (found.other or {}).items()} == beside(m, release)
                assert (found.confidence, found.mapping_date) == (m.confidence, m.date)

        if isinstance(answer, Crosswalk) or answer.rows:
            expected = [r.row for r in answer.rows] if isinstance(answer, Crosswalk) else answer.rows
            if expected:
                edits = compare(read_mappings(path), release, day=DAY)
                assert (edits.all, edits.missing, edits.unchanged) == ((), (), len(expected)), path.name

        data["mappings"] = rows[:12] + rows[12:][-5:]  # one function writes all rows: the first and the last kinds
        assert not schema.validate(data, "mapping set").results, path.name
        path.write_text(json.dumps(data), encoding="utf-8")
        parsed = parsers.parse_sssom_json(path)
        assert len(parsed.df) == len(data["mappings"]), path.name
        for check in (validators.check_all_prefixes_in_curie_map, validators.check_strict_curie_format):
            assert not check(parsed, fail_on_error=False).results, path.name


@pytest.mark.parametrize("name", ["aisb-gdpr", "threats", "aisb/iso42001"])
def test_what_sssom_py_makes_of_the_json_is_a_table_that_comes_back(
    release: Release, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``sssom parse -I json`` and ``sssom validate``, less their start: their table says as much as the JSON."""
    parsers = pytest.importorskip("sssom.parsers")
    validators = pytest.importorskip("sssom.validators")
    writers = pytest.importorskip("sssom.writers")
    caplog.set_level(logging.CRITICAL)
    source, table = tmp_path / "x.sssom.json", tmp_path / "x.sssom.tsv"
    data = json.loads(written(answer_of(release, name), release, "sssom-json"))
    data["mappings"] = data["mappings"][:9] + data["mappings"][-5:]
    source.write_text(json.dumps(data), encoding="utf-8")
    with table.open("w", encoding="utf-8") as out:
        writers.write_table(parsers.parse_sssom_json(source), out)
    for report in validators.validate(parsers.parse_sssom_table(table), fail_on_error=False).values():
        assert not report.results
    rows, _, _, errors = sssom_pydantic.read(table, return_errors=True)
    assert not errors
    meant = [(m["subject_id"], m["predicate_id"], m["object_id"], m["other"]) for m in data["mappings"] if "other" in m]
    assert sorted(meant) == sorted(
        (r.subject.curie, r.predicate.curie, r.object.curie, "|".join(f"{k}={v}" for k, v in sorted(r.other.items())))
        for r in rows
        if r.other
    )
    known = sum("record_id" in m for m in data["mappings"])
    if known:
        edits = compare(read_mappings(table), release, day=DAY)
        assert (edits.all, edits.unchanged) == ((), known)
    graph = rdflib.Dataset().parse(data=json.dumps(data), format="json-ld")
    ends = rdflib.URIRef("http://www.w3.org/2002/07/owl#annotatedSource")
    assert len(list(graph.subjects(ends, None))) == len(rows) == len(data["mappings"])


def test_an_edit_inside_other_is_an_edit_of_the_row_and_nonsense_in_it_a_finding(
    release: Release, tmp_path: Path
) -> None:
    path = tmp_path / "x.sssom.json"
    data = json.loads(written(answer_of(release, "aisb-gdpr"), release, "sssom-json"))
    first = data["mappings"][0]
    first["other"] = re.sub(r"rationale=[^|]*", "rationale=half %7C of 50%25", first["other"])
    path.write_text(json.dumps(data), encoding="utf-8")
    edits = compare(read_mappings(path), release, day=DAY)
    assert [(e.before.id if e.before else "", [(f.field, f.after) for f in e.fields]) for e in edits.all] == [
        (first["record_id"].rpartition("/")[2], [("rationale", "half | of 50%")])
    ]
    old = {**first, "rationale": "the older form, in a slot of its own"}  # as exports were before
    data["mappings"][0] = old
    path.write_text(json.dumps(data), encoding="utf-8")
    (edit,) = compare(read_mappings(path), release, day=DAY).all
    assert edit.row.rationale == "the older form, in a slot of its own"
    for wrong, what in (
        ("rationale=a | b", "is no value of `other`"),
        ("strengh=4", "did you mean strength"),
        ("method=human|method=hybrid", "says method twice"),
    ):
        data["mappings"][0] = {**first, "other": wrong}
        path.write_text(json.dumps(data), encoding="utf-8")
        with pytest.raises(InputError) as refused:
            read_mappings(path)
        assert what in str(refused.value.findings[0])
        assert "mappings[0]/other" in str(refused.value.findings[0])


def test_sssom_says_what_was_looked_for_in_vain_and_nothing_that_was_computed(release: Release) -> None:
    found = answer_of(release, "aisb/iso42001")
    text = written(found, release, "sssom").decode()
    missing = [n for n in release.non_coverage if n.framework == "iso42001"]
    assert missing
    assert text.count("\tsssom:NoTermFound\t") == len(missing) == len(found.left_out)
    assert f"{len(found.derived)} relations that only follow" in " ".join(text.replace("\n#  ", "").split())
    assert "MappingChaining" not in text
    for narrow in (Filter(reviewed_only=True), Filter(sets=("aisb-iso42001",))):
        assert not crosswalk(release, "aisb", "iso42001", as_of=DAY, filter_=narrow).left_out
    back = crosswalk(release, "iso42001", "aisb", as_of=DAY)
    assert back.left_out == found.left_out


def test_an_exported_set_is_a_set_again(release: Release) -> None:
    """Its first columns are those of the sources, so that it drops into a data folder once the others are cut off."""
    for name in release.sets:
        lines = [x for x in written(list_set(release, name), release, "sssom").decode().split("\n") if x[:1] != "#"]
        cut = ["\t".join(x.split("\t")[: len(COLUMNS)]) for x in lines if x]
        source = (builtin_data() / "mappings" / f"{name}.sssom.tsv").read_text(encoding="utf-8").split("\n")
        kept = [x for x in source if x and not x.startswith("#")]
        if list_set(release, name).rows:
            assert cut == kept, name


# ---------------------------------------------------------------- OSCAL

RELATIONSHIPS = {"equivalent-to", "equal-to", "subset-of", "superset-of", "intersects-with", "no-relationship"}
OURS = {"at-least", "at-most", "related"}
TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value of a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def check_oscal(data: bytes, model: Any) -> dict[str, Any]:
    """The library's model takes it, with no key it does not know, and what the model does not look at holds too."""
    model.model_validate_json(data)
    whole: dict[str, Any] = json.loads(data)
    (inner,) = whole.values()
    defined, named = [], set()
    for key, value in walk(whole):
        if key == "uuid":
            assert UUID(value).version == 5
            defined.append(value)
        if key in ("href", "source") and isinstance(value, str) and value.startswith("#"):
            named.add(value[1:])
        if key == "props":
            assert value
            for p in value:
                assert set(p) <= {"name", "ns", "value", "class"}
                assert TOKEN.fullmatch(p["name"])
                assert p["value"] == p["value"].strip() != ""
        if key == "maps":
            for m in value:
                check_map(m)
        if key in ("with-ids", "control-id", "target-id"):
            for each in value if isinstance(value, list) else [value]:
                assert TOKEN.fullmatch(each)
                assert token(untoken(each)) == each
        if key == "target-coverage":
            assert 0 <= value <= 1
        if key == "status" and isinstance(value, str):
            assert value in {"complete", "not-complete", "draft", "deprecated", "superseded"}
        if key == "method":
            assert value in {"human", "automation", "hybrid"}
        if key == "matching-rationale":
            assert value in {"syntactic", "semantic", "functional"}
    assert len(defined) == len(set(defined))
    assert named <= set(defined), "every reference leads into the document"
    assert inner["metadata"]["oscal-version"].startswith("1.2")
    return inner


def check_map(m: dict[str, Any]) -> None:
    assert m["relationship"] in (OURS if "ns" in m else RELATIONSHIPS)
    assert 0 <= m.get("confidence-score", {}).get("percentage", 0) <= 1
    props = {p["name"]: p["value"] for p in m["props"]}
    assert {"relation", "row", "mapping-set", "authority", "method", "reviewed"} <= set(props)
    for item in (*m["sources"], *m["targets"]):
        assert item["type"] in {"control", "statement"}
        curie = next(p["value"] for p in item["props"] if p["name"] == "curie")
        assert untoken(item["id-ref"]) == curie


def test_trestle_takes_every_mapping_collection(release: Release, pairs: list[Crosswalk]) -> None:
    model = pytest.importorskip("trestle.oscal.mapping").Model
    for name in release.sets:
        if (answer := list_set(release, name)).rows:
            found = check_oscal(written(answer, release, "oscal"), model)
            assert sum(len(m["maps"]) for m in found["mappings"]) == len(answer.rows)
    for pair in pairs:
        if not pair.rows:
            continue
        (mapping,) = check_oscal(written(pair, release, "oscal"), model)["mappings"]
        assert len(mapping["maps"]) == len(pair.rows)
        for side, key in zip(pair.sides, ("source-gap-summary", "target-gap-summary"), strict=True):
            ids = [i for g in mapping.get(key, {}).get("unmapped-controls", []) for i in g["with-ids"]]
            assert [untoken(i) for i in ids] == list(side.unmapped)
        read = [(untoken(m["sources"][0]["id-ref"]), untoken(m["targets"][0]["id-ref"])) for m in mapping["maps"]]
        assert read == [(r.subject, r.object) for r in pair.rows]


def test_trestle_takes_what_an_organisation_hands_over(release: Release, assessment: Assessment) -> None:
    results = pytest.importorskip("trestle.oscal.assessment_results").Model
    components = pytest.importorskip("trestle.oscal.component").Model
    coverages = [assessment.coverage(f) for f in release.frameworks]
    every = check_oscal(written(coverages, release, "oscal-results"), results)["results"]
    for one, coverage in zip(every, coverages, strict=True):
        check_result(one, coverage)
    body = check_oscal(written(implementation(assessment), release, "oscal-component"), components)
    ids = [next(p["value"] for p in c["props"] if p["name"] == "control-id") for c in body["components"]]
    assert ids == [c.id for c in assessment.controls]
    for component, control in zip(body["components"], assessment.controls, strict=True):
        implemented = [r for i in component.get("control-implementations", []) for r in i["implemented-requirements"]]
        assert sorted(untoken(r["control-id"]) for r in implemented) == sorted(r.target for r in control.rows)
        assert {r["props"][0]["value"] for r in implemented} <= {control.status.value}


def check_result(one: dict[str, Any], coverage: Coverage) -> None:
    counted = {r.requirement.id: r for r in coverage.requirements if r.applicable}
    said = {untoken(f["target"]["target-id"]): f for f in one.get("findings", [])}
    assert set(said) == set(counted)
    for id_, r in counted.items():
        props = [(p["name"], p["value"]) for p in said[id_]["props"]]
        assert said[id_]["target"]["status"]["state"] == (
            "satisfied" if r.verdict.name == "COVERED" else "not-satisfied"
        )
        assert ("verdict", r.verdict.name) in props
        assert [v for n, v in props if n == "reason"] == [x.value for x in r.reasons]
    assert len(one.get("observations", [])) == len(coverage.requirements) - len(counted)
    assert ("as-of", coverage.as_of.isoformat()) in [(p["name"], p["value"]) for p in one["props"]]


@given(st.text(min_size=1, max_size=40))
def test_an_id_becomes_a_token_and_comes_back(text: str) -> None:
    found = token(text)
    assert TOKEN.fullmatch(found)
    assert untoken(found) == text


def test_different_ids_are_different_tokens(release: Release) -> None:
    ids = [*release.provisions, *release.controls, *release.joints]
    assert len({token(i) for i in ids}) == len(ids)
    assert token("eu-ai-act:annex-IV.2.b") == "eu-ai-act__annex-IV.2.b"


# ---------------------------------------------------------------- RDF

READERS = {"nq": (ox.RdfFormat.N_QUADS, "nquads"), "trig": (ox.RdfFormat.TRIG, "trig"),
           "jsonld": (ox.RdfFormat.JSON_LD, "json-ld")}  # fmt: skip
SHAPES = rdflib.Graph().parse(builtin_data() / "ontologies" / "shapes.ttl")


def canonical(quads: Any) -> set[ox.Quad]:
    found = ox.Dataset(quads)
    found.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return set(found)


def through_rdflib(data: bytes, format_: str) -> set[ox.Quad]:
    """What rdflib reads, as pyoxigraph's canonical quads."""
    found = rdflib.Dataset()
    found.parse(data=data, format=format_)
    return canonical(ox.parse(found.serialize(format="nquads").encode(), ox.RdfFormat.N_QUADS))


@pytest.mark.parametrize("name", ["gdpr/iso42001", "finos-air-iso42001", "threats", "nist-ai-rmf", "aisb"])
def test_every_reader_gets_the_same_quads_from_every_serialisation(release: Release, name: str) -> None:
    answer = answer_of(release, name)
    meant = canonical(quads_of(answer, release))
    assert meant
    for format_, (native, theirs) in READERS.items():
        data = written(answer, release, format_)
        assert canonical(ox.parse(data, native)) == meant, format_
        assert through_rdflib(data, theirs) == meant, format_
    data = written(answer, release, "ttl")
    alone = canonical(quads_of(answer, release, one_graph=True))
    assert canonical(ox.parse(data, ox.RdfFormat.TURTLE)) == alone
    graph = rdflib.Graph().parse(data=data, format="turtle")
    assert canonical(ox.parse(graph.serialize(format="nt").encode(), ox.RdfFormat.N_TRIPLES)) == alone
    conforms, _, text = shacl(graph, shacl_graph=SHAPES, inference="none")
    assert conforms, text


def test_the_whole_graph_is_the_same_in_every_serialisation(release: Release) -> None:
    answer = list_graph(release)
    meant = quads_of(answer, release)
    read = list(ox.parse(written(answer, release, "jsonld"), ox.RdfFormat.JSON_LD))
    assert len(read) == len(meant)
    assert named_only(read) == named_only(meant)
    assert named_only(release.dataset) <= named_only(meant)


def named_only(quads: Any) -> set[ox.Quad]:
    """The quads without blank nodes: most of them, and quick to compare."""
    return {q for q in quads if not any(isinstance(t, ox.BlankNode) for t in (q.subject, q.object))}


def test_relations_of_sets_that_disagree_never_meet_in_one_graph(release: Release) -> None:
    """Turtle has one graph: of several sets it holds only the rows' own nodes; datasets keep a graph for each set."""
    found = answer_of(release, "nist-ai-rmf/iso42001")
    ends = {r.row.subject for r in found.rows}
    plain = [q for q in quads_of(found, release) if "/ontology#" in q.predicate.value and _curie(q.subject) in ends]
    assert plain
    assert all(isinstance(q.graph_name, ox.NamedNode) for q in plain)
    bare = [q for q in quads_of(found, release, one_graph=True) if _curie(q.subject) in ends]
    assert not [q for q in bare if "/ontology#" in q.predicate.value]
    rows = {q.subject.value.rsplit("/", 1)[-1] for q in quads_of(found, release, one_graph=True)}
    assert {r.row.id for r in found.rows} <= rows


def _curie(term: Any) -> str:
    from kg.terms import curie

    return curie(term.value)


def test_the_context_is_in_the_file(release: Release) -> None:
    context = json.loads(written(answer_of(release, "gdpr/iso42001"), release, "jsonld"))["@context"]
    assert context["gdpr"] == "https://w3id.org/aigov-kg/gdpr/"
    assert all(isinstance(v, str) and v[-1] in "/#" for v in context.values())


# ---------------------------------------------------------------- GraphML


@pytest.mark.parametrize("name", ["gdpr/iso42001", "threats", "gdpr", "aisb", "graph"])
def test_networkx_reads_the_graph_back(release: Release, name: str) -> None:
    answer = answer_of(release, name)
    data = written(answer, release, "graphml")
    graph = nx.read_graphml(io.BytesIO(data), force_multigraph=True)
    rows = {k: d for _, _, k, d in graph.edges(keys=True, data=True) if d["kind"] == "row"}
    if isinstance(answer, Crosswalk):
        assert set(rows) == {r.row.id for r in answer.rows}
    elif not isinstance(answer, FrameworkListing):
        assert set(rows) == {m.id for m in answer.rows}
        assert sum(1 for *_, d in graph.edges(data=True) if d["kind"] == "threat") == len(answer.threat_links)
    else:
        assert len(graph) >= len(answer.provisions) + len(answer.controls)
    for key, said in rows.items():
        m = release.row[key]
        assert (said["relation"], said["set"], said["reviewed"]) == (m.relation, m.set_id, m.reviewed)
    assert graph.graph["release"] == release.digest
    assert "not legal advice" in graph.graph["disclaimers"]
    ids = re.findall(rb'<key id="([^"]+)"', data)
    assert len(ids) == len(set(ids))


# ---------------------------------------------------------------- HTML


class _Page(HTMLParser):
    """What a reader of the page meets."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(data: bytes) -> _Page:
    found = _Page()
    found.feed(data.decode())
    return found


def test_a_page_needs_nothing_else_and_says_all(release: Release, assessment: Assessment) -> None:
    answers: list[Any] = [answer_of(release, n) for n in (*NAMES, "graph")]
    answers.append([assessment.coverage(f) for f in release.frameworks])
    for answer in answers:
        data = written(answer, release, "html")
        page = page_of(data)
        tags = {t for t, _ in page.tags}
        assert not tags & {"script", "img", "link", "iframe", "object", "form", "video", "audio", "embed", "base"}
        assert b"@import" not in data
        assert b"url(" not in data
        assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on") or a in ("src", "srcset")]
        assert all(re.match(r"https?://|#", a["href"] or "") for t, a in page.tags if t == "a")
        assert ("html", {"lang": "en"}) in page.tags
        headers = [a for t, a in page.tags if t == "th"]
        assert all(a.get("scope") == "col" for a in headers)
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        for _, a in page.tags:
            assert a.get("aria-labelledby", ids[0] if ids else None) in ids
        text = " ".join(page.text)
        assert "not legal advice" in text
        assert release.digest in text


# ---------------------------------------------------------------- hostile strings


def flat(text: str) -> str:
    """Text as a format of one line a cell keeps it."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", text).strip()


def test_hostile_strings_survive_sssom(release: Release, tmp_path: Path) -> None:
    answer = hostile_set(release)
    rows = {r.record.curie: r for r in sssom_of(written(answer, release, "sssom"), tmp_path) if r.record}
    assert len(rows) == len(HOSTILE)
    whole = {m["record_id"]: m for m in json.loads(written(answer, release, "sssom-json"))["mappings"]}
    for m, text in zip(answer.rows, HOSTILE, strict=True):
        row = rows[f"kgset:{m.set_id}/{m.id}"]
        assert flat((row.extensions or {})["rationale"].value) == flat(text)
        assert flat(row.comment or "") == flat(text)
        said = dict(pair.split("=") for pair in whole[f"kgset:{m.set_id}/{m.id}"]["other"].split("|"))
        assert unquote(said["rationale"]) == text
        assert whole[f"kgset:{m.set_id}/{m.id}"]["comment"] == text
    parsers = pytest.importorskip("sssom.parsers")
    frame = parsers.parse_sssom_table(tmp_path / "x.sssom.tsv").df
    assert sorted(map(flat, frame["comment"])) == sorted(map(flat, HOSTILE))


def test_hostile_strings_survive_rdf(release: Release) -> None:
    answer = hostile_set(release)
    meant = set(HOSTILE)
    rationale = ox.NamedNode("https://w3id.org/aigov-kg/ontology#rationale")
    for format_, (native, theirs) in {**READERS, "ttl": (ox.RdfFormat.TURTLE, "turtle")}.items():
        data = written(answer, release, format_)
        assert {q.object.value for q in ox.parse(data, native) if q.predicate == rationale} == meant, format_
        found = rdflib.Dataset()
        found.parse(data=data, format=theirs)
        assert {str(o) for _, _, o, _ in found.quads((None, rdflib.URIRef(rationale.value), None, None))} == meant, (
            format_
        )


def test_hostile_strings_survive_graphml_or_lose_what_xml_cannot_hold(release: Release) -> None:
    data = written(hostile_set(release), release, "graphml")
    graph = nx.read_graphml(io.BytesIO(data), force_multigraph=True)
    said = sorted(flat(d["rationale"]) for *_, d in graph.edges(data=True))
    assert said == sorted(map(flat, HOSTILE))


def test_hostile_strings_of_users_survive_pages_and_oscal(release: Release) -> None:
    hostile = hostile_assessment(release)
    coverage, said = hostile.coverage("gdpr"), implementation(hostile)
    page = page_of(written(coverage, release, "html"))
    assert "script" not in {t for t, _ in page.tags}
    assert HOSTILE[6] in " ".join(page.text)
    page = page_of(written(hostile_set(release), release, "html"))
    assert "script" not in {t for t, _ in page.tags}
    assert sum(1 for t, _ in page.tags if t == "tr") == len(HOSTILE) + 1
    text = flat("".join(page.text).replace("\ufffd", " "))
    assert all(flat(h) in text for h in HOSTILE)
    components = pytest.importorskip("trestle.oscal.component").Model
    results = pytest.importorskip("trestle.oscal.assessment_results").Model
    check_oscal(written(coverage, release, "oscal-results"), results)
    body = check_oscal(written(said, release, "oscal-component"), components)
    titles = {c["title"] for c in body["components"]}
    assert titles == {flat(h) for h in HOSTILE}
    model = pytest.importorskip("trestle.oscal.mapping").Model
    check_oscal(written(hostile_set(release), release, "oscal"), model)


def test_hostile_strings_survive_tsv(release: Release) -> None:
    data = written(hostile_set(release), release, "tsv").decode()
    rows = list(csv.DictReader(io.StringIO(data), delimiter="\t"))
    assert [flat(r["rationale"]).lstrip("'") for r in rows] == [flat(h) for h in HOSTILE]
    assert not [r for r in rows if r["rationale"].startswith(("=", "@", "+"))]


# ---------------------------------------------------------------- the command


def test_the_ending_says_the_format(release: Release, tmp_path: Path) -> None:
    run = CliRunner()
    for f in (FORMATS[name] for name in ("html", "sssom", "trig")):
        path = tmp_path / f"c.{f.extension}"
        done = run.invoke(app, ["crosswalk", "aisb", "gdpr", "--as-of", str(DAY), "-o", str(path)])
        assert done.exit_code == 0, done.output
        assert path.read_bytes() == written(answer_of(release, "aisb/gdpr"), release, f.name)
    listed = run.invoke(app, ["export", "GDPR"])
    assert listed.exit_code == 0
    assert all(f".{f.extension}" in listed.output for f in formats_for(answer_of(release, "gdpr")))
    controls, profile = map(str, example_paths())
    path = tmp_path / "o.component.oscal.json"
    done = run.invoke(app, ["coverage", controls, "-p", profile, "--as-of", str(DAY), "-o", str(path)])
    assert done.exit_code == 0, done.output
    assert "component-definition" in json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "aisb-gdrp", "-o", "x.ttl"], "did you mean aisb-gdpr"),
        (["export", "gdpr", "-o", "x.sssom.tsv"], "is not written as sssom"),
        (["export", "gdpr", "-o", "x.unknown"], "endings: .json"),
        (["frameworks", "-o", "x.ttl"], "a list is not written as ttl"),
        (["coverage", str(example_paths()[0]), "-o", "x.ttl"], "is not written as ttl"),
        (["crosswalk", "finos-air", "cosai-rm", "-o", "x.oscal.json"], "no row to write as oscal"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_listings_are_the_releases_own(release: Release) -> None:
    whole = list_graph(release)
    assert isinstance(whole, GraphListing)
    sets = [list_set(release, name) for name in release.sets]
    assert sum(len(s.rows) for s in sets) == len(whole.rows) == len(release.mappings)
    assert sum(len(s.threat_links) for s in sets) == len(release.threat_links)
    early = list_framework(release, "eu-ai-act", as_of=date(2024, 8, 1))
    late = list_framework(release, "eu-ai-act")
    assert early.text_version != late.text_version
    assert {p.id for p in early.provisions} != {p.id for p in late.provisions}
    assert late.requirements == tuple(r.id for r in release.requirements("eu-ai-act", DAY))
