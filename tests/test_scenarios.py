"""Worked scenarios: who owes what on which day, written from the law by hand, agrees with the graph.

A scenario (``tests/scenarios/NN-name.toml``) tells a story, states its profile and day, and says of every requirement
of the AI Act and of the GDPR whether it is owed, and by which words of the law.  ``groups.toml`` says once whom each
requirement addresses.  Neither was written from the application rules of the graph: where the two part, one is wrong.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kg import Release
from kg.answers import assess
from kg.organizations import profile_from_mapping

FOLDER = Path(__file__).parent / "scenarios"
PAGE = Path(__file__).parent.parent / "docs" / "scenarios.md"
SCENARIOS = sorted(FOLDER.glob("[0-9]*.toml"))
LAWS = ("eu-ai-act", "gdpr")
STATES = {
    "applicable": "APPLICABLE",
    "not applicable": "NOT_APPLICABLE",
    "not yet": "NOT_YET_APPLICABLE",
}
ENTRY_KEYS = {"is", "from", "what", "law", "by_silence", "graph", "limit"}


@dataclass(frozen=True)
class Expected:
    """What the law says of one requirement: a state, the day it begins where that is to come, and the words; and what
    the graph says, which is the same unless no profile can state what the law hangs on."""

    state: str
    graph: str
    begins: date | None
    law: str


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def groups() -> dict[str, Any]:
    return read(FOLDER / "groups.toml")


def matched(pattern: str, ids: Sequence[str]) -> list[str]:
    """Ids of requirements that a pattern names: one, or with ``.*`` the provision itself and all below it."""
    if not pattern.endswith(".*"):
        return [i for i in ids if i == pattern]
    above = pattern.removesuffix(".*")
    return [i for i in ids if i == above or i.startswith(above + ".")]


def ids_of(release: Release, law: str, day: date) -> list[str]:
    return [p.id.removeprefix(f"{law}:") for p in release.requirements(law, day)]


def expand(law: str, what: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """Each requirement that an entry names, with what its group says of it."""
    found: dict[str, str] = {}
    for word in what:
        group: Mapping[str, Any] = groups()[law][word[1:]] if word.startswith("@") else {"what": [word], "law": ""}
        here = [i for pattern in group["what"] for i in matched(pattern, ids)]
        assert here, f"{word} names no requirement of {law} on that day"
        found |= dict.fromkeys(here, group["law"])
    return found


def expectations(scenario: Mapping[str, Any], law: str, ids: Sequence[str]) -> dict[str, Expected]:
    """What a scenario says of each requirement of a law; every one exactly once."""
    found: dict[str, Expected] = {}
    for entry in scenario[law]:
        assert set(entry) <= ENTRY_KEYS, f"unknown key: {set(entry) - ENTRY_KEYS}"
        assert entry["law"], f"no reason: {entry}"
        graph = entry.get("graph", entry["is"])
        assert ("graph" in entry) == ("limit" in entry), f"a limit of the graph has its reason: {entry}"
        assert ("from" in entry) == (graph == "not yet"), f"a day is for 'not yet': {entry}"
        for id_, addressed in expand(law, entry["what"], ids).items():
            assert id_ not in found, f"{id_} is said twice"
            why = f"{entry['law']} [{addressed}]" if addressed else entry["law"]
            found[id_] = Expected(STATES[entry["is"]], STATES[graph], entry.get("from"), why)
    missing = [i for i in ids if i not in found]
    assert not missing, f"nothing is said of {missing}"
    return found


def test_there_are_twelve_and_more() -> None:
    assert len(SCENARIOS) >= 12


@pytest.mark.parametrize("law", LAWS)
def test_groups_hold_each_requirement_of_a_law_once(release: Release, law: str) -> None:
    texts = [version.date for version in release.frameworks[law].text_versions]
    every = sorted({i for text in texts for i in ids_of(release, law, text)})
    found = [i for group in groups()[law].values() for pattern in group["what"] for i in matched(pattern, every)]
    assert sorted(found) == every
    for name, group in groups()[law].items():
        assert group["law"], name
        for pattern in group["what"]:
            assert matched(pattern, every), f"{pattern} of {name} names nothing"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenario_agrees_with_the_law(release: Release, path: Path) -> None:
    scenario = read(path)
    assert scenario["title"]
    assert scenario["story"]
    day = scenario["as_of"]
    profile = profile_from_mapping(scenario["profile"], release, where=path.name)
    answer = assess(release, [], profile, day)
    wrong = []
    for law in LAWS:
        expected = expectations(scenario, law, ids_of(release, law, day))
        for result in answer.coverage(law).requirements:
            want = expected[result.requirement.id.removeprefix(f"{law}:")]
            got = result.decision
            begins = got.applies_from if got.applicability == STATES["not yet"] else None
            if (got.applicability, begins) != (want.graph, want.begins):
                wrong.append(
                    f"{result.requirement.id} ({result.requirement.ref})\n"
                    f"    law:   {want.state} {want.begins or ''}: {want.law}\n"
                    f"    graph: {got.applicability} {begins or ''}: {got.because} {got.explanation}"
                )
    for standard in ("iso42001", "nist-ai-rmf"):
        for result in answer.coverage(standard).requirements:
            if not result.applicable:
                wrong.append(f"{result.requirement.id}: a voluntary standard applies to whoever chooses it")
    assert not wrong, f"{path.name}: {len(wrong)} disagreements\n" + "\n".join(wrong)


def test_each_requirement_is_owed_in_one_scenario_and_not_in_another(release: Release) -> None:
    """Of the texts in force; else a rule that always says yes, or never, would pass."""
    states: dict[str, set[str]] = {}
    for scenario in map(read, SCENARIOS):
        for law in LAWS:
            said = expectations(scenario, law, ids_of(release, law, scenario["as_of"]))
            for id_, expected in said.items():
                states.setdefault(f"{law}:{id_}", set()).add(expected.state)
    never_owed = set()
    for law in LAWS:
        for provision in release.requirements(law, date(2026, 11, 23)):
            assert "NOT_APPLICABLE" in states[provision.id], f"{provision.id} is owed in every scenario"
            if states[provision.id] == {"NOT_APPLICABLE"}:
                never_owed.add(provision.id)
    # A test in real-world conditions whose data leave the Union would make its tester a controller too.
    assert never_owed == {"eu-ai-act:art-60.4.e"}


def table(release: Release) -> str:
    """The scenarios with how many requirements of each law are owed, and owed later, by the law."""
    lines = [
        "| scenario | day | AI Act: owed | not yet | GDPR: owed |",
        "| --- | --- | --: | --: | --: |",
    ]
    for path in SCENARIOS:
        scenario = read(path)
        day = scenario["as_of"]
        act, gdpr = (
            Counter(e.state for e in expectations(scenario, law, ids_of(release, law, day)).values()) for law in LAWS
        )
        counts = f"{act['APPLICABLE']} | {act['NOT_YET_APPLICABLE']} | {gdpr['APPLICABLE']}"
        lines.append(f"| [{scenario['title']}](../tests/scenarios/{path.name}) | {day} | {counts} |")
    return "\n".join(lines)


def test_the_page_lists_the_scenarios(release: Release) -> None:
    assert table(release) in PAGE.read_text(encoding="utf-8"), f"write into {PAGE.name}:\n{table(release)}"
