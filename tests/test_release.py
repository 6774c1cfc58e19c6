"""The release: complete, named by its content, and independent of how the content lies in files."""

from __future__ import annotations

import random
import shutil
from datetime import date
from pathlib import Path

import pytest
import sssom_pydantic

from kg import Release, UnknownIdError
from kg.model import RationaleKind
from kg.sources import builtin_data, read

FOUR = {"iso42001", "nist-ai-rmf", "eu-ai-act", "gdpr"}
TODAY = date(2026, 11, 23)


def test_the_four_catalogues_are_complete(release: Release) -> None:
    kinds = {f: v["byKind"] for f, v in release.stats()["frameworks"].items()}
    assert set(kinds) == FOUR
    assert kinds["iso42001"]["control"] == 38
    assert kinds["nist-ai-rmf"] == {"function": 4, "category": 19, "subcategory": 72}
    assert kinds["gdpr"]["article"] == 99
    assert kinds["eu-ai-act"]["article"] == 113 + len(["4a", "60a", "75a", "75b", "75c", "75d"])
    assert kinds["eu-ai-act"]["annex"] == 14


def test_the_hosted_list_and_the_incidents_are_whole(release: Release) -> None:
    stats = release.stats()
    assert stats["mappingSets"]["nist-airc-nist-ai-rmf-iso42001"]["rows"] == 280
    assert stats["incidents"] == 133
    assert stats["catalogues"]["aisb"]["controls"] >= 45


def test_every_hosted_pair_has_a_judgement_of_ours_beside_it(release: Release) -> None:
    hosted = {(m.subject, m.object) for m in release.mappings if m.set_id == "nist-airc-nist-ai-rmf-iso42001"}
    ours = {(m.subject, m.object) for m in release.mappings if m.set_id == "nist-ai-rmf-iso42001"}
    assert hosted <= ours


def test_every_reference_control_has_rows_to_all_four_or_says_why_not(release: Release) -> None:
    said = {(n.subject, n.framework) for n in release.non_coverage}
    missing = [
        (control, framework)
        for control in release.controls
        if release.controls[control].catalogue == "aisb"
        for framework in sorted(FOUR)
        if framework not in release.frameworks_of_control.get(control, ()) and (control, framework) not in said
    ]
    assert not missing


@pytest.mark.parametrize("framework", sorted(FOUR))
def test_every_requirement_says_what_it_asks_of_whom_from_when(release: Release, framework: str) -> None:
    for r in release.requirements(framework, TODAY):
        assert r.title, r.id
        assert len(r.summary.split()) >= 5, r.id
        assert r.modality, r.id
        if framework in ("eu-ai-act", "gdpr"):
            assert release.inherited(r, "roles"), r.id
            assert release.inherited(r, "rules"), r.id
        if framework == "eu-ai-act":
            assert release.inherited(r, "tiers"), r.id


def test_the_two_texts_of_the_ai_act_differ_where_the_amendment_says(release: Release) -> None:
    before = {r.id for r in release.requirements("eu-ai-act", date(2026, 7, 26))}
    after = {r.id for r in release.requirements("eu-ai-act", date(2026, 7, 27))}
    assert "eu-ai-act:art-5.1.ba" in after - before
    assert not any(release.provisions[i].text_until for i in after)


def test_project_rows_claim_no_reviewer_and_say_how_they_were_made(release: Release) -> None:
    for m in release.mappings:
        if release.sets[m.set_id].authority == "project":
            assert m.method in ("hybrid", "automation"), m.id
            assert not m.reviewers, m.id
            assert len(m.rationale.split()) >= 6, m.id


def test_syntactic_rows_and_no_relationship_never_score(release: Release) -> None:
    for m in release.mappings:
        assert m.scores == (m.relation != "no_relationship" and m.rationale_kind is not RationaleKind.SYNTACTIC)


@pytest.mark.parametrize("seed", range(3))
def test_the_digest_does_not_depend_on_the_order_of_anything(release: Release, seed: int) -> None:
    content, _ = read()
    shuffle = random.Random(seed).shuffle
    for name in vars(content):
        value = getattr(content, name)
        if isinstance(value, list):
            shuffle(value)
    assert Release(content).digest == release.digest


def test_the_digest_does_not_depend_on_file_names(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("ontologies", "mappings"):
        shutil.copytree(builtin_data() / folder, tmp_path / folder)
    for number, path in enumerate(sorted(tmp_path.rglob("*.sssom.tsv"), reverse=True)):
        path.rename(path.with_name(f"{number}.sssom.tsv"))
    for number, path in enumerate(sorted((tmp_path / "ontologies" / "frameworks").rglob("*.ttl"), reverse=True)):
        path.rename(tmp_path / "ontologies" / f"moved-{number}.ttl")
    monkeypatch.setattr("kg.sources.builtin_data", lambda: tmp_path)
    assert Release.load().digest == release.digest


def test_the_digest_changes_with_a_single_word(release: Release) -> None:
    content, _ = read()
    from dataclasses import replace

    content.mappings[0] = replace(content.mappings[0], rationale="Another reason.")
    assert Release(content).digest != release.digest


@pytest.mark.parametrize(
    ("framework", "typed", "curie"),
    [
        ("eu-ai-act", "Article 10(2)(f)", "eu-ai-act:art-10.2.f"),
        ("eu-ai-act", "art. 4a", "eu-ai-act:art-4a"),
        ("eu-ai-act", "Annex IV(2)(b)", "eu-ai-act:annex-IV.2.b"),
        ("eu-ai-act", "Annex VIII Section A(3)", "eu-ai-act:annex-VIII.A.3"),
        ("nist-ai-rmf", "govern 1.1", "nist-ai-rmf:GOVERN-1.1"),
        ("iso42001", "a.6.2.4", "iso42001:A.6.2.4"),
        ("gdpr", "32(1)(b)", "gdpr:art-32.1.b"),
        (None, "gdpr:Article 32(1)(b)", "gdpr:art-32.1.b"),
        (None, "DAT-01", "aisb:DAT-01"),
    ],
)
def test_what_people_type_is_resolved(release: Release, framework: str | None, typed: str, curie: str) -> None:
    assert release.resolve(typed, framework) == curie


def test_a_reference_that_stands_in_several_frameworks_is_not_guessed(release: Release) -> None:
    with pytest.raises(UnknownIdError) as raised:
        release.resolve("Article 5")
    assert raised.value.code == "AMBIGUOUS_ID"
    assert "eu-ai-act:art-5" in raised.value.hint
    assert "gdpr:art-5" in raised.value.hint


def test_what_does_not_exist_names_the_nearest(release: Release) -> None:
    with pytest.raises(UnknownIdError) as raised:
        release.resolve("iso42001:A.6.2.44")
    assert "A.6.2.4" in raised.value.hint


def test_sssom_pydantic_reads_every_mapping_file_the_same(release: Release) -> None:
    seen = 0
    for path in sorted((builtin_data() / "mappings").glob("*.sssom.tsv")):
        rows, _, _, errors = sssom_pydantic.read(path, return_errors=True)
        assert not errors, path.name
        theirs = {
            (r.subject.curie, r.object.curie, r.extensions["rationale"].value if "rationale" in r.extensions else "")
            for r in rows
        }
        name = path.name.removesuffix(".sssom.tsv")
        ours = {(m.subject, m.object, m.rationale) for m in release.mappings if m.set_id == name}
        if ours:
            assert theirs == ours, path.name
            seen += len(ours)
    assert seen == len(release.mappings)


def test_a_users_own_framework_joins_the_graph(tmp_path: Path) -> None:
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "mappings").mkdir()
    (tmp_path / "frameworks" / "acme.csv").write_text(
        "# title: Acme AI rules\n# version: 2026-01-31\n"
        "id,parent_id,level,kind,ref,title\n1,,1,chapter,1,Records\n1.1,1,2,rule,1.1,Keep records\n"
    )
    header = "subject_id\tpredicate_id\tobject_id\tmapping_justification\trationale\n"
    (tmp_path / "mappings" / "acme.sssom.tsv").write_text(
        "# mapping_set_id: https://w3id.org/aigov-kg/mappings/acme\n# mapping_set_title: Acme\n"
        "# authority: organization\n# license: https://creativecommons.org/licenses/by/4.0/\n"
        + header
        + "acme:1.1\tkg:subset_of\tgdpr:art-30.1\tsemapv:ManualMappingCuration\tRecords are part of it.\n"
    )
    mine = Release.load(tmp_path)
    assert [r.id for r in mine.requirements("acme", TODAY)] == ["acme:1.1"]
    assert mine.resolve("acme:1.1") == "acme:1.1"
    assert mine.digest != Release.load().digest


def test_what_people_type_is_refused_in_no_time(release: Release) -> None:
    for hostile in ("art 1" + "1" * 60 + "!", "annex i" + "1" * 90 + "!", "1 " * 90 + "!", "9" * 100_000):
        with pytest.raises(UnknownIdError):
            release.resolve(hostile, "gdpr")


def test_the_sectors_of_shape_and_model_are_one_list(release: Release) -> None:
    from kg.model import SECTORS

    text = (builtin_data() / "ontologies" / "shapes.ttl").read_text(encoding="utf-8")
    block = text[text.index("kgsh:Incident-sector\n") :].split("\n.\n")[0]
    assert all(f'"{sector}"' in block for sector in SECTORS)
    assert block.count('"') // 2 == len(SECTORS) + 1
    assert {i.sector for i in release.incidents.values()} <= {"", *SECTORS}


def test_tags_say_what_the_frameworks_owners_and_the_project_attach(release: Release) -> None:
    tags = {p.id: set(p.tags) for p in release.provisions.values()}
    assert "guidance/B.6.2.4" in tags["iso42001:A.6.2.4"]
    assert "characteristic/secure-and-resilient" in tags["nist-ai-rmf:MEASURE-2.7"]
    assert any(t.startswith("actor/") for t in tags["nist-ai-rmf:GOVERN-1.1"])
    assert "ai-relevant" in tags["gdpr:art-22.1"]
    controls = [p for p in release.provisions.values() if p.framework == "iso42001" and p.kind == "control"]
    assert all(any(t.startswith("guidance/B.") for t in p.tags) for p in controls)


def test_the_networkx_view_holds_every_node_row_and_part(release: Release) -> None:
    network = release.network
    assert set(network) == {*release.provisions, *release.controls, *release.joints}
    kinds = [kind for _, _, kind in network.edges(data="kind")]
    assert kinds.count("row") == len(release.mappings)
    assert kinds.count("part") == len(release.parts)
