"""The questionnaire and what it stands on: every decision names its rule and its legal reference, the answers make the
profile that their consequences tell of, and what is not known takes nothing away."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.context import Context
from api.schema import schema
from kg import Release
from kg.answers import Answer, Applicability, answer, applicability, assess, exclusions, lens, questionnaire
from kg.answers.questionnaire import UNKNOWN, pending
from kg.cli.app import app
from kg.errors import InputError
from kg.exports.json import plain
from kg.exports.markdown import markdown_text
from kg.exports.tables import document
from kg.model import EXPLICIT_FACTS, ROLES, TIERS, Exclusion, Profile, System
from kg.organizations import profile_from_mapping, profile_toml, read_profile
from kg.sources import read
from kg.terms import PREFIXES

RELEASE = Release.load()
TODAY = date(2026, 11, 23)
SETTLED = {"all", "prohibited", "minimal"}  #: tiers that nobody is asked about
ROOT = Path(__file__).parents[1]


def draft(*answers: str, day: date = TODAY) -> Any:
    """``"roles=provider,deployer"``, with ``system:`` before the question where there are several."""
    found = []
    for text in answers:
        left, _, right = text.partition("=")
        system, _, question = left.rpartition(":")
        found.append(Answer(question, tuple(right.split(",")), system))
    return answer(RELEASE, found, as_of=day)


def decided(profile: Profile | None, id_: str, day: date = TODAY) -> Any:
    framework = id_.partition(":")[0]
    rows = applicability(RELEASE, profile, framework, day)
    return next(r.decision for r in rows if r.requirement.id == id_)


# ------------------------------------------------------------------ the data


def test_there_are_at_most_twelve_questions_and_they_settle_whatever_a_duty_hangs_on() -> None:
    questions = questionnaire(RELEASE).questions
    assert 0 < len(questions) <= 12
    effects = {e for q in questions for o in RELEASE.options(q.name) for e in o.sets}
    days = [(f.id, v.date) for f in RELEASE.frameworks.values() for v in f.text_versions]
    conditions = [c for f, day in days for p in RELEASE.requirements(f, day) for c in RELEASE.conditions(p)]
    conditions += [c for r in RELEASE.rules.values() for c in r.conditions]
    facts = {f.removeprefix("!") for c in conditions for f in c}
    dated = {w.name for w in RELEASE.vocabulary.values() if w.dated}
    assert {f"fact:{f}" for f in facts - dated} <= effects
    assert {f"role:{r}" for r in ROLES} <= effects
    assert {f"tier:{t}" for t in set(TIERS) - SETTLED} <= effects
    assert any(q.kind == "date" for q in questions)


def test_every_word_of_a_profile_says_which_provision_defines_it_or_that_none_does() -> None:
    named = {"role": ROLES, "tier": TIERS, "fact": EXPLICIT_FACTS}
    assert set(RELEASE.vocabulary) == {(kind, name) for kind, names in named.items() for name in names}
    for (kind, name), word in RELEASE.vocabulary.items():
        assert word.meaning == named[kind][name], word.id
        assert word.basis or word.note.startswith("No provision defines it"), word.id
        for provision in word.defined_by:
            number = re.search(r"(?:Article|Annex) ([0-9]+[a-z]?|[IVXL]+)\b", RELEASE.cite(provision))
            assert number, provision
            assert re.search(rf"\b{number[1]}\b", word.basis), (word.id, provision)
            law = RELEASE.frameworks[provision.partition(":")[0]].short_title
            assert law in word.basis, word.id


def test_questions_cite_provisions_and_are_written_for_people() -> None:
    for q in questionnaire(RELEASE).questions:
        assert q.defined_by, q.name
        assert (q.text[-1], q.help[-1]) == ("?", "."), q.name
        names = [o.name for o in RELEASE.options(q.name)]
        assert len(names) == len(set(names))
        assert UNKNOWN not in names
        if q.kind == "many":
            last = RELEASE.options(q.name)[-1]
            assert last.name == "none"
            assert not any(e.startswith(("role:", "tier:", "fact:")) for e in last.sets)


def test_the_questions_have_not_grown_a_word_that_a_profile_cannot_say(tmp_path: Path) -> None:
    """Each option alone, or all that may stand together, make a profile that reads back."""
    for q in questionnaire(RELEASE).questions:
        names = [o.name for o in RELEASE.options(q.name)]
        for values in [",".join(names[:-1])] if q.kind == "many" else names:
            found = draft(f"{q.name}={values}").profile
            path = tmp_path / "p.toml"
            path.write_text(profile_toml(found), encoding="utf-8")
            assert read_profile(path, RELEASE) == found, (q.name, values)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('question:x a kg:Question ; dcterms:title "?"@en ; kg:kind "one" ; kg:scope "system" ; skos:notation "x" ; '
         'kg:summary "."@en ; kg:order 20 ; kg:askedIf "place!=nowhere" .', "BAD_VALUE", "no earlier answer"),
        ('question:x a kg:Question ; dcterms:title "?"@en ; kg:kind "one" ; kg:scope "system" ; skos:notation "x" ; '
         'kg:summary "."@en .', "MISSING_VALUE", "fewer than two options"),
        ('question:place.x a kg:Option ; dcterms:title "."@en ; skos:notation "x" ; kg:optionOf question:plaice .',
         "UNKNOWN_ID", "question:plaice"),
        ('question:place.x a kg:Option ; dcterms:title "."@en ; skos:notation "x" ; kg:optionOf question:place ; '
         'kg:sets "fact:person" .', "BAD_VALUE", "'person'"),
        ('question:place.x a kg:Option ; dcterms:title "."@en ; skos:notation "x" ; kg:optionOf question:place ; '
         'kg:sets "personal data" .', "BAD_VALUE", "is no effect"),
        ('vocabulary:role-x a kg:ProfileWord ; dcterms:title "X"@en ; kg:kind "role" ; skos:notation "providor" ; '
         'kg:summary "."@en ; skos:note "."@en .', "BAD_VALUE", "'providor'"),
        ('vocabulary:role-x a kg:ProfileWord ; dcterms:title "X"@en ; kg:kind "role" ; skos:notation "provider" ; '
         'kg:summary "."@en ; skos:note "."@en .', "DUPLICATE_ID", "role provider"),
        ('vocabulary:role-x a kg:ProfileWord ; dcterms:title "X"@en ; kg:kind "role" ; skos:notation "provider" ; '
         'kg:summary "."@en ; kg:definedBy <https://w3id.org/aigov-kg/gdpr/art-444> ; kg:basis "Article 444"@en .',
         "UNKNOWN_ID", "gdpr:art-444"),
        ('vocabulary:role-x a kg:ProfileWord ; dcterms:title "X"@en ; kg:kind "role" ; skos:notation "provider" ; '
         'kg:summary "."@en .', "MISSING_VALUE", "neither a basis nor a note"),
    ],
)  # fmt: skip
def test_a_word_or_question_that_is_not_right_is_a_finding(tmp_path: Path, text: str, code: str, said: str) -> None:
    names = ("dcterms", "kg", "question", "skos", "vocabulary")
    (tmp_path / "ontologies").mkdir()
    prefixes = "".join(f"PREFIX {p}: <{PREFIXES[p]}>\n" for p in names)
    (tmp_path / "ontologies" / "mine.ttl").write_text(prefixes + text + "\n", encoding="utf-8")
    _, findings = read([tmp_path])
    errors = [(f.code, f.message) for f in findings if f.severity == "error"]
    assert any(c == code and said in m for c, m in errors), errors


# ------------------------------------------------------------------ each decision names its rule


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Anything a profile may say."""

    def some(words: Any) -> tuple[str, ...]:
        return tuple(draw(st.lists(st.sampled_from(sorted(words)), unique=True, max_size=3)))

    def facts() -> tuple[tuple[str, bool], ...]:
        stated = {name: draw(st.booleans()) for name in some(EXPLICIT_FACTS)}
        return tuple(sorted(stated.items()))

    days = st.none() | st.dates(date(2024, 1, 1), date(2029, 1, 1))
    systems = tuple(
        System(f"s{n}", "", some(ROLES), some(TIERS), facts(), draw(days)) for n in range(draw(st.integers(0, 2)))
    )
    targets = st.sampled_from(["gdpr:art-30", "eu-ai-act", "iso42001:A.5.5", "eu-ai-act:art-15.4"])
    return Profile(
        jurisdictions=draw(st.sampled_from([(), ("EU",), ("US",)])),
        roles=some(ROLES) or None,
        facts=facts(),
        systems=systems,
        exclusions=tuple(Exclusion(t, "why") for t in draw(st.lists(targets, unique=True, max_size=1))),
    )


def _carries(rule: str, attribute: str) -> tuple[Any, ...]:
    name = rule.removeprefix("kgfw:")
    node: Any = RELEASE.frameworks[name] if name in RELEASE.frameworks else RELEASE.provisions[rule]
    return tuple(getattr(node, attribute))


@settings(max_examples=25, deadline=None)
@given(profiles(), st.dates(date(2019, 1, 1), date(2032, 1, 1)))
def test_every_decision_names_the_node_that_decided_and_how_a_person_cites_it(profile: Profile, day: date) -> None:
    for framework in RELEASE.frameworks:
        for row in applicability(RELEASE, profile, framework, day):
            for unit, d in row.units:
                said = (row.requirement.id, d)
                assert d.legal_reference, said
                above = {row.requirement.id, *RELEASE.ancestors(row.requirement.id), f"kgfw:{framework}"}
                assert d.rule in above or d.rule in RELEASE.inherited(row.requirement, "rules"), said
                if d.because == "role":
                    assert unit.roles
                    assert _carries(d.rule, "roles")
                elif d.because == "tier":
                    assert unit.tiers
                    assert not unit.tiers & set(_carries(d.rule, "tiers"))
                elif d.because == "fact" and d.rule not in RELEASE.rules:
                    carried = _carries(d.rule, "requires" if d.rule.startswith("kgfw:") else "conditions")
                    assert d.explanation in {f"only where: {' or '.join(c).replace('!', 'not ')}" for c in carried}
                elif d.because == "territory":
                    assert all(RELEASE.cite(p) in d.legal_reference for p in _carries(d.rule, "territory"))
                if d.rule in RELEASE.rules and d.because != "fact":
                    rule = RELEASE.rules[d.rule]
                    assert (d.applies_from, d.basis) == (rule.applies_from, rule.basis)
                    assert rule.basis in d.legal_reference
                grounds = exclusions(RELEASE, row.requirement, profile, unit, day)
                assert (d in grounds[:1]) == (d.applicability is Applicability.NOT_APPLICABLE)
                order = ["excluded", "territory", "role", "tier", "fact"]
                places = [order.index(g.because) for g in grounds]
                assert places == sorted(places)


@pytest.mark.parametrize(
    ("answers", "requirement", "because", "rule", "reference"),
    [
        ("roles=deployer", "eu-ai-act:art-9.1", "role", "eu-ai-act:art-9.1",
         "Article 9(1), EU AI Act; see Article 3(3)"),
        ("roles=provider high-risk=none general-purpose=no", "eu-ai-act:art-9.1", "tier", "eu-ai-act:art-9.1",
         "Article 9(1), EU AI Act; see Article 6 with Annexes I and III"),
        ("place=elsewhere", "eu-ai-act:art-9.1", "territory", "kgfw:eu-ai-act", "Article 2(1), EU AI Act"),
        ("place=elsewhere", "gdpr:art-30.1.a", "territory", "kgfw:gdpr", "Article 3, GDPR"),
        ("personal-data=none", "gdpr:art-30.1.a", "fact", "kgfw:gdpr", "Articles 2(1) and 4(1), GDPR"),
        ("data-subjects=none", "gdpr:art-22.1", "fact", "gdpr:art-22", "Article 22, GDPR; see Article 22(1)"),
        ("personal-data=processor", "gdpr:art-26.1", "role", "gdpr:art-26.1",
         "Article 26(1), GDPR; see Article 4(7)"),
        ("high-risk=employment transition=before use=trains placed=2026-01-01", "eu-ai-act:art-9.1", "fact",
         "eu-ai-act:applies-2030-08-02-legacy-public", "Article 111(2), EU AI Act"),
        ("high-risk=employment", "eu-ai-act:art-9.1", "date", "eu-ai-act:applies-2027-12-02-annex-iii",
         "Article 113(c)(i) as amended, EU AI Act"),
        ("high-risk=product", "eu-ai-act:art-9.1", "date", "eu-ai-act:applies-2028-08-02-annex-i",
         "Article 113(c)(ii) as amended, EU AI Act"),
        ("general-purpose=model placed=2025-01-01", "eu-ai-act:art-53.1.c", "date",
         "eu-ai-act:applies-2027-08-02-gpai", "Article 111(3), EU AI Act"),
        ("general-purpose=model placed=2025-08-02", "eu-ai-act:art-53.1.c", "",
         "eu-ai-act:applies-2025-08-02-gpai", "Article 113(b), EU AI Act"),
        ("transparency=generates placed=2026-08-01", "eu-ai-act:art-50.2", "date",
         "eu-ai-act:applies-2026-12-02-art-50-2", "Article 111(4) as amended, EU AI Act"),
        ("transparency=generates placed=2026-08-02", "eu-ai-act:art-50.2", "",
         "eu-ai-act:applies-2026-08-02-art-50-2", "Article 113, second paragraph, EU AI Act"),
        ("roles=provider", "eu-ai-act:art-5.1.c", "", "eu-ai-act:applies-2025-02-02", "Article 113(a), EU AI Act"),
        ("roles=provider", "gdpr:art-5.1.a", "", "gdpr:applies-2018-05-25", "Article 99(2) GDPR"),
        ("roles=provider", "iso42001:6.1.2", "", "iso42001:6.1.2", "ISO/IEC 42001 6.1.2"),
    ],
)  # fmt: skip
def test_a_decision_in_full(answers: str, requirement: str, because: str, rule: str, reference: str) -> None:
    found = decided(draft(*answers.split()).profile, requirement)
    assert (found.because, found.rule, found.legal_reference) == (because, rule, reference)


def test_a_joint_controller_has_a_controllers_duties_and_the_data_say_so() -> None:
    profile = draft("personal-data=joint-controller").profile
    assert profile.roles is not None
    assert "controller" not in profile.roles
    assert decided(profile, "gdpr:art-30.1.a").applicability is Applicability.APPLICABLE
    assert decided(profile, "gdpr:art-28.2").because == "role"


def test_several_grounds_are_told_in_their_order() -> None:
    profile = draft("place=elsewhere", day=TODAY).profile
    profile = Profile(
        jurisdictions=profile.jurisdictions, roles=("controller",), exclusions=(Exclusion("eu-ai-act", "x"),)
    )
    row = next(
        r for r in lens(RELEASE, profile, "eu-ai-act", TODAY).rows if r.decided.requirement.id.endswith("art-9.1")
    )
    assert [row.decided.decision.because, *(d.because for d in row.also)] == ["excluded", "territory", "role"]
    assert row.decided.decision.rule == "kgfw:eu-ai-act"


def test_before_its_first_text_nothing_of_a_framework_applies() -> None:
    early = date(2020, 1, 1)
    for framework in ("iso42001", "nist-ai-rmf", "eu-ai-act"):
        found = lens(RELEASE, None, framework, early)
        assert (found.published, found.standing.applicable) == (False, 0)
        first = RELEASE.frameworks[framework].text_versions[0]
        for row in found.rows:
            assert f"no text of it before {first.date}" in row.decided.decision.explanation
    assert decided(None, "iso42001:6.1.2", early).applies_from == date(2023, 12, 18)
    assert lens(RELEASE, None, "gdpr", early).published
    assert lens(RELEASE, None, "gdpr", date(2017, 1, 1)).standing.not_yet_applicable == 166


def test_the_groups_of_a_lens_are_its_rows() -> None:
    profile = draft("place=union", "roles=deployer", "high-risk=employment").profile
    found = lens(RELEASE, profile, "eu-ai-act", TODAY)
    assert sorted(m for g in found.groups for m in g.members) == sorted(r.decided.requirement.id for r in found.rows)
    assert found.standing.total == len(found.rows)
    counts = assess(RELEASE, [], profile, TODAY).coverage("eu-ai-act").counts
    assert (found.standing.applicable, found.standing.not_yet_applicable) == (
        counts.applicable, counts.not_yet_applicable,
    )  # fmt: skip
    with pytest.raises(Exception, match="gdpr"):
        lens(RELEASE, profile, "gdrp", TODAY)


# ------------------------------------------------------------------ answers and consequences


@st.composite
def sheets(draw: st.DrawFn) -> list[Answer]:
    """Answers to some of the questions, for one or two AI systems."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    systems = rng.choice([("",), ("a", "b")])
    found: list[Answer] = []
    for system in systems:
        while open_ := [q for q in pending(RELEASE, found, system) if not (q.scope == "system" and not systems)]:
            q = open_[0]
            names = [o.name for o in RELEASE.options(q.name)]
            if q.kind == "date":
                values = (rng.choice(["2025-01-01", "2026-03-01", "2026-08-02", "2028-01-01"]),)
            elif q.kind == "one":
                values = (rng.choice(names),)
            else:
                chosen = rng.sample(names[:-1], min(len(names) - 1, rng.randint(0, 3)))
                values = tuple(chosen) or ("none",)
            if rng.random() < 0.25:
                values = (UNKNOWN,)
            found.append(Answer(q.name, values, system if q.scope == "system" else ""))
    kept = [a for a in found if rng.random() < 0.9]
    rng.shuffle(kept)
    return kept


_LESS = [Applicability.APPLICABLE, Applicability.NOT_YET_APPLICABLE, Applicability.NOT_APPLICABLE]


def _states(profile: Profile) -> dict[str, tuple[Applicability, date | None]]:
    found = {}
    for framework in RELEASE.frameworks:
        for r in applicability(RELEASE, profile, framework, TODAY):
            d = r.decision
            out = d.applicability is Applicability.NOT_APPLICABLE
            found[r.requirement.id] = (d.applicability, None if out else d.applies_from)
    return found


@settings(max_examples=12, deadline=None)
@given(sheets(), st.randoms(use_true_random=False))
def test_the_consequences_together_are_the_whole_change(answers: list[Answer], rng: random.Random) -> None:
    found = answer(RELEASE, answers, as_of=TODAY)
    state = _states(Profile())
    for c in found.consequences:
        counted = {t.framework: t for t in c.tallies}
        for m in c.moves:
            before = (m.before.applicability, m.before.applies_from)
            assert state[m.requirement.id] == before, (c.question.name, m.requirement.id)
            out = m.after.applicability is Applicability.NOT_APPLICABLE
            state[m.requirement.id] = (m.after.applicability, None if out else m.after.applies_from)
            assert m.after.rule
            assert m.after.legal_reference
            assert _LESS.index(m.after.applicability) >= _LESS.index(m.before.applicability), "answers take out"
        for framework, tally in counted.items():
            mine = [s for id_, (s, _) in state.items() if id_.startswith(framework + ":")]
            assert tally.after.applicable == mine.count(Applicability.APPLICABLE)
            assert tally.after.total == len(mine)
        if c.values == (UNKNOWN,):
            assert not c.moves
    assert state == _states(found.profile)
    shuffled = list(answers)
    rng.shuffle(shuffled)
    names = [a.system for a in answers if a.system]
    if len(set(names)) < 2:
        assert answer(RELEASE, shuffled, as_of=TODAY) == found, "the order of answers means nothing"


@settings(max_examples=8, deadline=None)
@given(answers=sheets())
def test_the_written_profile_reads_back(tmp_path_factory: pytest.TempPathFactory, answers: list[Answer]) -> None:
    found = answer(RELEASE, answers, as_of=TODAY)
    path = tmp_path_factory.mktemp("p") / "profile.toml"
    path.write_text(profile_toml(found.profile, "a comment\nof two lines"), encoding="utf-8")
    assert read_profile(path, RELEASE) == found.profile


@settings(max_examples=60, deadline=None)
@given(profiles(), st.text(max_size=20), st.none() | st.integers(1, 5000))
def test_any_profile_is_written_so_that_it_reads_back(profile: Profile, title: str, age: int | None) -> None:
    import dataclasses
    import tomllib

    made = dataclasses.replace(profile, title=title, max_evidence_age_days=age, as_of=TODAY)
    data = tomllib.loads(profile_toml(made))
    assert data.get("title", "") == title
    assert data.get("facts", {}) == dict(made.facts)
    assert [s["id"] for s in data.get("systems", [])] == [s.id for s in made.systems]
    assert [s.get("placed_on_market") for s in data.get("systems", [])] == [s.placed_on_market for s in made.systems]
    assert [tuple(s.get("tiers", ())) for s in data.get("systems", [])] == [s.tiers for s in made.systems]
    assert data.get("max_evidence_age_days") == age
    assert tuple(data.get("roles", ())) == (made.roles or ())


def test_what_is_not_known_takes_nothing_away() -> None:
    names = [q.name for q in questionnaire(RELEASE).questions]
    found = answer(RELEASE, [Answer(n, (UNKNOWN,)) for n in names], as_of=TODAY)
    assert not any(c.moves for c in found.consequences)
    assert _states(found.profile) == _states(Profile())
    one = draft("roles=deployer").profile
    assert decided(one, "gdpr:art-30.1.a").applicability is Applicability.APPLICABLE, "no one asked about the GDPR"
    assert decided(one, "eu-ai-act:art-53.1.c").applicability is Applicability.APPLICABLE, "nor about models"
    assert decided(one, "eu-ai-act:art-9.1").because == "role"


def test_an_empty_questionnaire_is_an_empty_profile() -> None:
    found = answer(RELEASE, [], as_of=TODAY)
    assert found.profile == Profile(as_of=TODAY)
    assert [q.name for _, q in found.open_questions] == [q.name for q in questionnaire(RELEASE).questions]
    assert all(t.before == t.after for t in found.total)


def test_a_question_that_no_answer_needs_is_not_asked() -> None:
    left = {q.name for q in pending(RELEASE, [Answer("place", ("elsewhere",))])}
    assert not left
    after = [Answer("personal-data", ("none",)), Answer("high-risk", ("none",))]
    assert {"data-subjects", "data-flows", "transition"} & {q.name for q in pending(RELEASE, after)} == set()
    unsure = [Answer("personal-data", (UNKNOWN,))]
    assert {"data-subjects", "data-flows"} <= {q.name for q in pending(RELEASE, unsure)}


def test_a_second_system_has_answers_of_its_own() -> None:
    found = draft(
        "personal-data=none", "a:roles=deployer", "a:high-risk=none", "b:roles=provider", "b:high-risk=product"
    )
    a, b = found.profile.systems
    assert (a.id, b.id) == ("a", "b")
    assert "deployer" in a.roles
    assert "provider" not in a.roles
    assert "deployer" not in b.roles
    assert "high-risk" not in a.tiers
    assert not b.tiers
    assert decided(found.profile, "eu-ai-act:art-9.1").applies_from == date(2028, 8, 2)
    moved = next(c for c in found.consequences if (c.question.name, c.system) == ("roles", "b")).moves
    out = [m for m in moved if m.requirement.id == "eu-ai-act:art-26.1"]
    assert out
    assert "deployer" not in out[0].after.explanation.partition("the profile says")[2]


@pytest.mark.parametrize(
    ("answers", "code", "hint"),
    [
        (["rolls=provider"], "UNKNOWN_KEY", "did you mean roles?"),
        (["roles=providr"], "BAD_VALUE", "did you mean provider?"),
        (["roles="], "BAD_VALUE", "one of: provider"),
        (["place=union,elsewhere"], "BAD_VALUE", "one of: union"),
        (["roles=none,provider"], "BAD_VALUE", "or the others"),
        (["roles=unknown,provider"], "BAD_VALUE", "or what you know"),
        (["placed=tomorrow"], "BAD_VALUE", "2026-07-27"),
        (["placed=2026-02-30"], "BAD_VALUE", "2026-07-27"),
        (["placed=20260203"], "BAD_VALUE", "2026-07-27"),
        (["roles=provider", "roles=deployer"], "BAD_VALUE", "once"),
        (["a:place=union"], "BAD_VALUE", "leave the system out"),
        (["a:roles=provider", "use=none"], "BAD_VALUE", "say which: a"),
        (["place=elsewhere", "roles=provider"], "BAD_VALUE", "leave it out"),
        (["a;b:roles=provider"], "BAD_VALUE", "semicolon"),
    ],
)
def test_an_answer_that_is_not_understood_is_refused_with_the_way_out(answers: list[str], code: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        draft(*answers)
    assert code in {f.code for f in caught.value.findings}
    assert any(hint in f.hint for f in caught.value.findings), caught.value.findings


def test_every_finding_comes_at_once() -> None:
    with pytest.raises(InputError) as caught:
        draft("rolls=x", "place=nowhere", "placed=never")
    assert [f.line for f in caught.value.findings] == [1, 2, 3]


# ------------------------------------------------------------------ what a profile may no longer say in vain


def test_an_exclusion_that_would_change_nothing_is_refused() -> None:
    part = next(p.id for p in RELEASE.provisions.values() if p.framework == "gdpr" and p.id.startswith("gdpr:art-6.1."))
    with pytest.raises(InputError) as caught:
        profile_from_mapping({"exclusions": [{"target": part, "justification": "x"}]}, RELEASE)
    finding = caught.value.findings[0]
    assert (finding.code, "gdpr:art-6.1" in finding.message) == ("WRONG_KIND", True)
    assert "exclude gdpr:art-6.1" in finding.hint
    with pytest.raises(InputError, match="nothing in gdpr:art-4 is a requirement"):
        profile_from_mapping({"exclusions": [{"target": "gdpr:art-4", "justification": "x"}]}, RELEASE)
    for fine in ("gdpr:art-6.1", "gdpr:art-6", "gdpr:ch-II", "gdpr", "eu-ai-act:art-10.5"):
        entry = {"target": fine, "justification": "x"}
        if fine != "eu-ai-act:art-10.5":
            assert profile_from_mapping({"exclusions": [entry]}, RELEASE).exclusions[0].target == fine


@pytest.mark.parametrize(
    ("system", "cell"),
    [
        ({"placed_on_market": "2026-09-01", "facts": {"placed-before-2026-08-02": True}}, "placed-before-2026-08-02"),
        ({"placed_on_market": "2026-08-01", "facts": {"placed-after-2026-08-01": True}}, "placed-after-2026-08-01"),
        ({"placed_on_market": "2026-08-01", "tiers": ["gpai"], "facts": {"gpai-before-2025-08-02": True}},
         "gpai-before-2025-08-02"),
        ({"facts": {"placed-before-2026-08-02": True, "placed-after-2026-08-01": True}}, "facts"),
        ({"facts": {"placed-before-2026-08-02": False, "placed-after-2026-08-01": False}}, "facts"),
    ],
)  # fmt: skip
def test_a_fact_that_contradicts_the_day_on_the_market_is_a_finding(system: dict[str, Any], cell: str) -> None:
    with pytest.raises(InputError) as caught:
        profile_from_mapping({"systems": [{"id": "s", **system}]}, RELEASE)
    (finding,) = caught.value.findings
    assert finding.code == "BAD_VALUE"
    assert finding.cell.endswith(cell)


def test_facts_that_agree_with_the_day_are_read() -> None:
    facts = {"placed-before-2026-08-02": True, "placed-after-2026-08-01": False, "gpai-before-2025-08-02": True}
    system = {"id": "s", "placed_on_market": "2026-03-02", "facts": facts}
    assert profile_from_mapping({"systems": [system]}, RELEASE).systems[0].facts == tuple(sorted(facts.items()))


# ------------------------------------------------------------------ exports and the API


def test_the_documents_hold_what_the_answers_hold() -> None:
    found = draft("place=union", "roles=deployer")
    table = document(found, RELEASE).tables[1]
    assert len(table.rows) == sum(len(c.moves) for c in found.consequences)
    assert all(row["rule"] and row["legalReference"] for row in table.records())
    seen = lens(RELEASE, found.profile, "gdpr", TODAY)
    rows = document(seen, RELEASE).tables[0].records()
    assert len(rows) == seen.standing.total
    assert all(r["legalReference"] for r in rows)
    questions = document(questionnaire(RELEASE), RELEASE)
    assert {r["question"] for r in questions.tables[0].records()} == set(RELEASE.questions)
    for answer_ in (found, seen, questionnaire(RELEASE)):
        assert markdown_text([document(answer_, RELEASE)]).startswith("# ")
        assert plain(answer_, RELEASE)["disclaimers"]


def test_a_result_of_coverage_names_rule_and_reference_in_every_format() -> None:
    found = assess(RELEASE, [], draft("roles=deployer").profile, TODAY).coverage("eu-ai-act")
    for r in plain(found, RELEASE)["requirements"]:
        assert r["rule"], r["curie"]
        assert r["legalReference"], r["curie"]
    for record in document(found, RELEASE).tables[0].records():
        assert record["rule"]
        assert record["legalReference"]


def test_the_api_serves_the_questions_and_the_same_profile() -> None:
    query = """query ($answers: [AnswerInput!]!) {
      questionnaire { questions { name kind scope legalReferences options { name title } } }
      profileFromAnswers(answers: $answers, asOf: "2026-11-23") {
        toml openQuestions { question system }
        profile { systems { id roles } }
        total { framework after { applicable total } }
        consequences { question tallies { framework before { applicable } after { applicable } }
          moves(first: 1) { totalCount edges { node { curie after { rule legalReference reason } } } } }
        lens(framework: "eu-ai-act") { standing { applicable } groups { count rules legalReference }
          requirements(first: 1) { totalCount edges { node { decision { rule legalReference } } } } }
      } }"""
    given_ = [{"question": "place", "values": ["union"]}, {"question": "roles", "values": ["deployer"]}]
    result = schema.execute_sync(query, {"answers": given_}, Context(RELEASE, "r"))
    assert not result.errors
    assert result.data
    found, mine = result.data["profileFromAnswers"], draft("place=union", "roles=deployer")
    assert [q["name"] for q in result.data["questionnaire"]["questions"]] == [
        q.name for q in questionnaire(RELEASE).questions
    ]
    assert found["toml"] == profile_toml(mine.profile)
    assert [c["moves"]["totalCount"] for c in found["consequences"]] == [len(c.moves) for c in mine.consequences]
    seen = lens(RELEASE, mine.profile, "eu-ai-act", TODAY)
    assert found["lens"]["standing"]["applicable"] == seen.standing.applicable
    assert found["lens"]["requirements"]["totalCount"] == seen.standing.total
    wrong = schema.execute_sync(query, {"answers": [{"question": "rolls", "values": ["x"]}]}, Context(RELEASE, "r"))
    assert wrong.errors
    assert "rolls" in str(wrong.errors[0])


# ------------------------------------------------------------------ on the command line


def _kg(*arguments: str, code: int = 0) -> Any:
    """Run the command in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Release, "load", lambda *folders: RELEASE)
        patch.setenv("COLUMNS", "100")
        result = CliRunner().invoke(app, ["profile", *arguments])
    assert not isinstance(result.exception, Exception), result.exception
    assert result.exit_code == code, result.output
    return result


def test_answers_on_the_command_line_write_the_profile_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    arguments = ("-a", "place=union", "-a", "roles=deployer", "--as-of", "2026-11-23", "-o", str(path))
    said = _kg(*arguments).stderr
    assert read_profile(path, RELEASE) == draft("place=union", "roles=deployer").profile
    counts = assess(RELEASE, (), read_profile(path, RELEASE), date(2026, 11, 23)).coverage("eu-ai-act").counts
    numbers = f"{counts.applicable} of {counts.total} requirements apply, {counts.not_yet_applicable} will later"
    assert f"EU AI Act: {numbers}" in said
    before = path.read_bytes()
    assert "add --force" in _kg(*arguments, code=2).stderr
    path.write_text("mine", encoding="utf-8")
    _kg(*arguments, "--force")
    assert path.read_bytes() == before


def test_what_applies_is_explained_from_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('jurisdictions = ["US"]\n', encoding="utf-8")
    found = json.loads(_kg("--explain", str(path), "-f", "gdpr", "--format", "json").stdout)
    assert found["standing"]["notApplicable"] == 166
    assert {g["reference"] for g in found["groups"]} == {"Article 3, GDPR"}
    assert "name a file that ends in" in _kg("--explain", str(path), "-o", str(tmp_path / "q.toml"), code=2).stderr
    assert "no terminal to ask on" in _kg(code=2).stderr


def _as_from_a_terminal(master: int) -> None:
    """What a shell starts in the background ignores Ctrl-C, and hands that down: this one is to listen."""
    os.close(master)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _terminal(tmp_path: Path, typed: list[str], *, interrupt: bool = False) -> tuple[int, str]:
    """``kg profile`` on a pseudo-terminal: one line for each prompt."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kg", "profile", "--as-of", "2026-11-23", "-o", str(tmp_path / "p.toml")],
        cwd=ROOT, env={**os.environ, "TERM": "dumb"}, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: _as_from_a_terminal(master),
    )  # fmt: skip
    os.close(slave)
    seen, waiting, end = "", list(typed), time.monotonic() + 90

    def prompts() -> int:
        return len(re.findall(r"^ {2}> |Enter for no > ", seen, re.MULTILINE))

    answered = 0
    while time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                seen += os.read(master, 65536).decode(errors="replace").replace("\r", "")
            except OSError:
                break
        elif process.poll() is not None:
            break
        elif prompts() > answered:
            answered += 1
            if waiting:
                os.write(master, (waiting.pop(0) + "\n").encode())
            elif interrupt:
                os.killpg(process.pid, signal.SIGINT)
    os.close(master)
    return process.wait(timeout=20), seen


def test_on_a_terminal_it_asks_tells_and_writes(tmp_path: Path) -> None:
    typed = ["uniom", "union", "none", "none", "deployer", "no", "none", "talks", "", "2026-03-01", ""]
    code, seen = _terminal(tmp_path, typed)
    assert code == 0, seen
    assert "did you mean union?" in seen
    assert "Left open: taken to apply." in seen
    assert "out, binds provider (Article 3(3))" in seen
    wanted = draft(
        "place=union", "organisation=none", "personal-data=none", "roles=deployer", "general-purpose=no",
        "high-risk=none", "transparency=talks", "use=unknown", "placed=2026-03-01",
    )  # fmt: skip
    assert read_profile(tmp_path / "p.toml", RELEASE) == wanted.profile


@pytest.mark.parametrize("typed", [["union", "none"], ["union", "\x04"]], ids=["Ctrl-C", "Ctrl-D"])
def test_an_interruption_leaves_nothing_behind(tmp_path: Path, typed: list[str]) -> None:
    code, seen = _terminal(tmp_path, typed, interrupt=True)
    assert code == 130, seen
    assert "Traceback" not in seen
    assert not list(tmp_path.iterdir())
