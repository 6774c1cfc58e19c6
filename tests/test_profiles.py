"""Profiles: every spelling of one profile reads the same, and nothing that is not understood is passed over."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import Finding, InputError
from kg.model import (
    EXPLICIT_FACTS,
    ROLES,
    TIERS,
    Catalogue,
    Exclusion,
    Framework,
    Incident,
    Profile,
    Provision,
    ReferenceControl,
    System,
    TextVersion,
)
from kg.organizations import profile_from_mapping, read_profile
from kg.organizations.profiles import EXCLUSION_KEYS, PROFILE_KEYS, SYSTEM_KEYS
from kg.release import Release
from kg.sources import Content
from kg.sources.codes import CONTROL_CODES


def _framework(id_: str, short: str, jurisdiction: str) -> Framework:
    version = (TextVersion(date(2024, 1, 1), "first"),)
    return Framework(id_, short, short, "someone", "law", jurisdiction, "", "", version)


def _release(*jurisdictions: str) -> Release:
    ids = ("eu-ai-act:art-27", "gdpr:art-5", "gdpr:art-32.1", "iso42001:A.5.5")
    laws = zip(("eu-ai-act", "gdpr", "iso42001"), ("EU AI Act", "GDPR", "ISO/IEC 42001"), jurisdictions, strict=True)
    return Release(
        Content(
            frameworks=[_framework(*law) for law in laws],
            provisions=[Provision(i, i.partition(":")[0], "point", i, i, i, True) for i in ids],
            catalogues=[Catalogue("aisb", "AI security baseline", "we", "CC-BY-4.0", "1")],
            controls=[ReferenceControl("aisb:DAT-01", "aisb", "DAT", "Provenance", "…")],
            incidents=[Incident("aiid:6", 6, "2016-03", "Tay", (), "", "")],
        )
    )


RELEASE = _release("EU", "EU", "")
WHOLE = """\
title = "Harrow"   # a comment with = and [brackets]
as_of = 2026-11-23
jurisdictions = ["EU", "DE"]
roles = [
    "controller",
    "deployer",
]
max_evidence_age_days = 365

[facts]
personal-data = true
"children" = false

[[systems]]
id = "shortlist"
title = "CV screening"
roles = ["provider"]
tiers = ["high-risk"]
placed_on_market = 2027-03-01

[systems.facts]
annex-iii = true

[[systems]]
id = "bot"
facts = { chatbot = true, deepfake = false }

[[exclusions]]
target = "EU AI Act Article 27"
justification = "no public body"

[[exclusions]]
target = "iso42001"
justification = "not certified"
"""
HARROW = Profile(
    title="Harrow",
    as_of=date(2026, 11, 23),
    jurisdictions=("EU", "DE"),
    roles=("controller", "deployer"),
    facts=(("children", False), ("personal-data", True)),
    systems=(
        System("shortlist", "CV screening", ("provider",), ("high-risk",), (("annex-iii", True),), date(2027, 3, 1)),
        System("bot", facts=(("chatbot", True), ("deepfake", False))),
    ),
    exclusions=(Exclusion("eu-ai-act:art-27", "no public body"), Exclusion("iso42001", "not certified")),
    max_evidence_age_days=365,
)


def _write(folder: Path, text: str | bytes, name: str = "profile.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _refused(read: Callable[[], object]) -> tuple[Finding, ...]:
    with pytest.raises(InputError) as caught:
        read()
    assert {f.code for f in caught.value.findings} <= set(CONTROL_CODES)
    return caught.value.findings


def _one(read: Callable[[], object]) -> Finding:
    found = _refused(read)
    assert len(found) == 1, [str(f) for f in found]
    return found[0]


def _wrong(**keys: Any) -> Finding:
    return _one(lambda: profile_from_mapping(keys, RELEASE))


# ------------------------------------------------------------------ one profile, many spellings

_TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=12).map(str.strip)
_FACTS = st.dictionaries(st.sampled_from(list(EXPLICIT_FACTS)), st.booleans()).map(lambda d: tuple(sorted(d.items())))
_DAYS = st.dates(date(1901, 1, 1), date(2100, 12, 31))


def _some(words: Iterable[str], low: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(list(words)), min_size=low, max_size=4, unique=True).map(tuple)


_SYSTEMS = st.lists(
    st.builds(
        System,
        id=_TEXT.filter(lambda t: bool(t) and ";" not in t),
        title=_TEXT,
        roles=_some(ROLES),
        tiers=_some(TIERS),
        facts=_FACTS,
        placed_on_market=st.none() | _DAYS,
    ),
    max_size=3,
    unique_by=lambda s: s.id,
).map(tuple)
_EXCLUSIONS = st.lists(
    st.builds(
        Exclusion,
        target=st.sampled_from([*RELEASE.provisions, *RELEASE.frameworks]),
        justification=_TEXT.filter(bool),
    ),
    max_size=3,
    unique_by=lambda e: e.target,
).map(tuple)
_PROFILES = st.builds(
    Profile,
    title=_TEXT,
    as_of=st.none() | _DAYS,
    jurisdictions=_some(["EU", "US", "CH", "US-CA"]),
    roles=st.none() | _some(ROLES, 1),
    facts=_FACTS,
    systems=_SYSTEMS,
    exclusions=_EXCLUSIONS,
    max_evidence_age_days=st.none() | st.integers(1, 10_000),
)


def _plain(profile: Profile, rng: random.Random) -> dict[str, Any]:
    """A profile as a mapping with its keys in any order; what is not stated is left out."""

    def mapping(thing: Any, keys: Iterable[str]) -> dict[str, Any]:
        found = {key: getattr(thing, key) for key in keys if getattr(thing, key) not in (None, "", ())}
        if "facts" in found:
            found["facts"] = dict(found["facts"])
        return dict(rng.sample(list(found.items()), len(found)))

    plain = mapping(profile, PROFILE_KEYS)
    for key, keys in (("systems", SYSTEM_KEYS), ("exclusions", EXCLUSION_KEYS)):
        if key in plain:
            plain[key] = [mapping(thing, keys) for thing in plain[key]]
    return plain


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profiles")


@given(_PROFILES, st.randoms(use_true_random=False))
def test_a_profile_reads_back_from_toml_json_and_a_mapping(folder: Path, profile: Profile, rng: random.Random) -> None:
    plain = _plain(profile, rng)
    toml = "".join(f"{key} = {_toml(value)}\r\n" for key, value in plain.items())
    assert profile_from_mapping(plain, RELEASE) == profile
    assert read_profile(_write(folder, "\ufeff" + toml), RELEASE) == profile
    assert read_profile(_write(folder, json.dumps(plain, default=date.isoformat), "p.json"), RELEASE) == profile


def test_tables_of_toml_read_as_written(tmp_path: Path) -> None:
    assert read_profile(_write(tmp_path, WHOLE), RELEASE) == HARROW


def test_nothing_stated_is_an_empty_profile(tmp_path: Path) -> None:
    assert read_profile(_write(tmp_path, ""), RELEASE) == Profile()
    assert profile_from_mapping(dict.fromkeys(PROFILE_KEYS), RELEASE) == Profile()
    assert profile_from_mapping({}, RELEASE).roles is None


# ------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "cell"),
    [
        ("title =", "titel =", "UNKNOWN_KEY", 1, "titel"),
        ("2026-11-23", '"23.1.26"', "BAD_VALUE", 2, "as_of"),
        ('"deployer",', '"deploier",', "BAD_VALUE", 4, "roles[2]"),
        ("365", "0", "BAD_VALUE", 8, "max_evidence_age_days"),
        ('"children"', '"childern"', "UNKNOWN_KEY", 12, "facts.childern"),
        ("personal-data = true", "personal-data = 1", "BAD_VALUE", 11, "facts.personal-data"),
        ('id = "shortlist"', "", "MISSING_VALUE", 14, "systems[1].id"),
        ('["high-risk"]', '["risky"]', "BAD_VALUE", 18, "systems[1].tiers[1]"),
        ("2027-03-01", "1900-01-01", "BAD_VALUE", 19, "systems[1].placed_on_market"),
        ("annex-iii = true", "anex-iii = true", "UNKNOWN_KEY", 22, "systems[1].facts.anex-iii"),
        ('id = "bot"', 'id = "shortlist"', "BAD_VALUE", 25, "systems[2].id"),
        ("deepfake", "deepfakes", "UNKNOWN_KEY", 26, "systems[2].facts.deepfakes"),
        ("Article 27", "Article 28", "UNKNOWN_ID", 29, "exclusions[1].target"),
        ('"no public body"', '" "', "MISSING_VALUE", 30, "exclusions[1].justification"),
        ('"iso42001"', '"aisb:DAT-01"', "WRONG_KIND", 33, "exclusions[2].target"),
        ('justification = "not certified"', "reason = 1", "UNKNOWN_KEY", 34, "exclusions[2].reason"),
    ],
)
def test_a_finding_names_its_key_and_line(tmp_path: Path, old: str, new: str, code: str, line: int, cell: str) -> None:
    assert old in WHOLE
    path = _write(tmp_path, WHOLE.replace(old, new))
    findings = _refused(lambda: read_profile(path, RELEASE))
    assert (code, line, cell) in [(f.code, f.line, f.cell) for f in findings]
    assert all(f.path == str(path) for f in findings)


def test_every_finding_comes_at_once(tmp_path: Path) -> None:
    text = 'roles = ["deploier"]\nas_of = 3\nfoo = 1\n[facts]\nbar = true\n[[systems]]\n[[exclusions]]\ntarget = "x"\n'
    findings = _refused(lambda: read_profile(_write(tmp_path, text), RELEASE))
    assert [(f.line, f.code) for f in findings] == [
        (1, "BAD_VALUE"), (2, "BAD_VALUE"), (3, "UNKNOWN_KEY"), (5, "UNKNOWN_KEY"), (6, "MISSING_VALUE"),
        (7, "MISSING_VALUE"), (8, "UNKNOWN_ID"),
    ]  # fmt: skip


def test_lines_inside_long_texts_are_no_keys(tmp_path: Path) -> None:
    text = '[[exclusions]]\njustification = """\ntarget = "x"\n[facts]\n"""\ntarget = "nothing"\n'
    assert _one(lambda: read_profile(_write(tmp_path, text), RELEASE)).line == 6


@pytest.mark.parametrize(
    ("keys", "code", "hint"),
    [
        ({"role": ["deployer"]}, "UNKNOWN_KEY", "did you mean roles?"),
        ({"roles": ["deploier"]}, "BAD_VALUE", "did you mean deployer?"),
        ({"roles": "deployer"}, "BAD_VALUE", "["),
        ({"roles": []}, "MISSING_VALUE", "leave the key out"),
        ({"roles": [3]}, "BAD_VALUE", "quotes"),
        ({"title": 3}, "BAD_VALUE", "quotes"),
        ({"as_of": datetime(2026, 1, 1)}, "BAD_VALUE", "2026-07-27"),
        ({"as_of": True}, "BAD_VALUE", "2026-07-27"),
        ({"as_of": "3.4.2026"}, "BAD_VALUE", "2026-07-27"),
        ({"max_evidence_age_days": True}, "BAD_VALUE", "leave it out"),
        ({"max_evidence_age_days": 1.5}, "BAD_VALUE", "leave it out"),
        ({"facts": {"personal_data": True}}, "UNKNOWN_KEY", "did you mean personal-data?"),
        ({"facts": {"personal-data": "yes"}}, "BAD_VALUE", "processes personal data"),
        ({"facts": ["personal-data"]}, "BAD_VALUE", "personal-data"),
        ({"systems": {"id": "a"}}, "BAD_VALUE", "[["),
        ({"systems": ["a"]}, "BAD_VALUE", "placed_on_market"),
        ({"systems": [{"id": "a;b"}]}, "BAD_VALUE", "semicolon"),
        ({"systems": [{"id": "a", "tier": []}]}, "UNKNOWN_KEY", "did you mean tiers?"),
        ({"exclusions": [{"target": "Article 5", "justification": "x"}]}, "UNKNOWN_ID", "gdpr:art-5"),
        ({"exclusions": [{"target": "gdpr:art-55", "justification": "x"}]}, "UNKNOWN_ID", "did you mean gdpr:art-5 "),
        ({"exclusions": [{"target": "aiid:6", "justification": "x"}]}, "WRONG_KIND", "provision"),
        ({"exclusions": [{"target": "aisb", "justification": "x"}]}, "WRONG_KIND", "framework"),
        ({"exclusions": [{"target": "gdpr"}]}, "MISSING_VALUE", ""),
        ({"exclusions": ["gdpr"]}, "BAD_VALUE", "justification"),
        ({"exclusions": [{"target": t, "justification": "x"} for t in ("gdpr", "GDPR")]}, "BAD_VALUE", "keep one"),
    ],
)
def test_a_wrong_value_has_one_finding_with_the_way_out(keys: dict[str, Any], code: str, hint: str) -> None:
    found = _wrong(**keys)
    assert (found.code, found.path, found.line) == (code, "profile", 0)
    assert found.cell.startswith(next(iter(keys)))
    assert hint in found.hint


def test_the_place_of_a_request_is_named() -> None:
    assert _one(lambda: profile_from_mapping({"x": 1}, RELEASE, where="input")).path == "input"


# ------------------------------------------------------------------ jurisdictions


def test_a_jurisdiction_is_known_in_any_case() -> None:
    assert profile_from_mapping({"jurisdictions": ["eu", "us", "EU"]}, RELEASE).jurisdictions == ("EU", "US")


@pytest.mark.parametrize("word", ["Europe", "European Union", "", "E"])
def test_a_word_that_is_no_jurisdiction_is_refused(word: str) -> None:
    found = _wrong(jurisdictions=[word])
    assert (found.code, found.cell) == ("BAD_VALUE", "jurisdictions[1]")
    assert "EU" in found.hint


def test_a_member_state_alone_would_drop_the_laws_of_the_union() -> None:
    assert '["EU", "DE"]' in _wrong(jurisdictions=["DE"]).hint
    assert profile_from_mapping({"jurisdictions": ["de", "EU"]}, RELEASE).jurisdictions == ("DE", "EU")
    assert profile_from_mapping({"jurisdictions": ["DE"]}, _release("", "", "")).jurisdictions == ("DE",)


# ------------------------------------------------------------------ files that are not what they should be


@pytest.mark.parametrize(
    ("name", "content", "code", "line"),
    [
        ("p.toml", b"title = \n", "UNREADABLE", 1),
        ("p.toml", b'title = "a"\ntitle = "b"\n', "UNREADABLE", 2),
        ("p.toml", b'title = "a"\nas_of = 2026-02-30\n', "UNREADABLE", 2),
        ("p.toml", b'title = "a"\nroles = ["x"', "UNREADABLE", 2),
        ("p.toml", b"a = " + b"9" * 5000, "UNREADABLE", 0),
        ("p.toml", b"a = " + b"[" * 100_000, "UNREADABLE", 0),
        ("p.toml", b'a = 1\ntitle = "Z\xfcrich"\n', "ENCODING", 2),
        ("p.json", b'{\n"title": }', "UNREADABLE", 2),
        ("p.json", b'{"title": "a", "title": "b"}', "UNREADABLE", 0),
        ("p.json", b'{"a": ' + b"9" * 5000 + b"}", "UNREADABLE", 0),
        ("p.json", b"[" * 100_000, "UNREADABLE", 0),
        ("p.json", b"[1]", "BAD_VALUE", 0),
        ("p.json", b"", "UNREADABLE", 1),
        ("p.yaml", b"a: 1\n", "UNREADABLE", 0),
        ("p", b"", "UNREADABLE", 0),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_finding(
    tmp_path: Path, name: str, content: bytes, code: str, line: int
) -> None:
    found = _one(lambda: read_profile(_write(tmp_path, content, name), RELEASE))
    assert (found.code, found.line) == (code, line)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert _one(lambda: read_profile(tmp_path / "none.toml", RELEASE)).code == "NOT_FOUND"
    assert _one(lambda: read_profile(tmp_path, RELEASE)).code == "UNREADABLE"


_ATOM = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
_KEYS = st.sampled_from(["id", "target", "personal-data", "x"])
_JUNK = _ATOM | st.lists(_ATOM | st.dictionaries(_KEYS, _ATOM, max_size=2), max_size=2)


@given(st.dictionaries(st.sampled_from([*PROFILE_KEYS, "x"]), _JUNK | st.dictionaries(_KEYS, _JUNK, max_size=2)))
def test_junk_is_a_profile_or_refused_with_findings(junk: dict[str, Any]) -> None:
    with suppress(InputError):
        assert isinstance(profile_from_mapping(junk, RELEASE), Profile)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_junk_files_are_refused_with_findings(folder: Path, junk: bytes) -> None:
    for name in ("junk.toml", "junk.json"):
        with suppress(InputError):
            assert isinstance(read_profile(_write(folder, junk, name), RELEASE), Profile)
