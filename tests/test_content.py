"""The content report and the disagreements: what the pages say is what the graph holds."""

from __future__ import annotations

import re
from datetime import date

import pytest

from kg import Release
from kg.answers import Filter, content_report, disagreements
from kg.answers.graph import graph_of
from kg.exports.report import content_page
from kg.relations import Outcome, combine
from kg.sources import builtin_data

DAY = date(2026, 11, 23)


def test_the_committed_page_is_what_the_command_writes(release: Release) -> None:
    page = (builtin_data() / "docs" / "content.md").read_text(encoding="utf-8")
    assert page == content_page(content_report(release, DAY), release), (
        f"refresh it: kg report content --as-of {DAY} -o docs/content.md"
    )


@pytest.mark.parametrize("framework", ["iso42001", "nist-ai-rmf", "eu-ai-act", "gdpr"])
def test_at_least_nine_in_ten_requirements_can_be_covered_or_the_report_names_them(
    release: Release, framework: str
) -> None:
    [found] = [f for f in content_report(release, DAY).frameworks if f.framework == framework]
    assert found.reachable + len(found.beyond) == found.requirements
    assert found.reachable >= 0.9 * found.requirements
    assert found.containable + len(found.overlapped_only) == found.reachable


def test_the_numbers_of_the_report_are_the_chains_of_the_graph(release: Release) -> None:
    graph = graph_of(release, DAY, Filter())
    [gdpr] = [f for f in content_report(release, DAY).frameworks if f.framework == "gdpr"]
    wanted = {r.id for r in release.requirements("gdpr", DAY)}
    contained = set()
    for start in (*release.controls, *release.joints):
        for target, chain in graph.walk(start):
            if target in wanted and combine([chain.evidence]).outcome is Outcome.CONTAINS:
                contained.add(target)
    assert gdpr.containable == len(contained)


def test_a_disagreement_shows_every_statement_and_only_real_contradictions(release: Release) -> None:
    found = disagreements(release, frameworks=("nist-ai-rmf", "iso42001"))
    assert found
    for d in found:
        assert d.contradiction
        assert not d.relation
        assert len({s.row.set_id for s in d.statements}) > 1
        assert {frozenset((s.row.subject, s.row.object)) for s in d.statements} == {frozenset((d.subject, d.object))}
    wider = disagreements(release, frameworks=("nist-ai-rmf", "iso42001"), contradictions_only=False)
    assert set(found) < set(wider)


def test_no_two_provisions_share_a_sentence(release: Release) -> None:
    seen: dict[str, str] = {}
    for p in release.provisions.values():
        for sentence in re.split(r"(?<=[.!?])\s+", p.summary):
            if len(sentence.split()) > 6 and p.text_until is None:
                assert sentence not in seen, f"{p.id} repeats {seen[sentence]}: {sentence}"
                seen[sentence] = p.id
