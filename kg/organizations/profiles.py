"""An organisation's profile: what decides which duties concern it, from TOML, JSON or a request.

    title = "Harrow Staffing"              max_evidence_age_days = 365
    as_of = 2026-11-23                     jurisdictions = ["EU"]
    roles = ["controller"]

    [facts]                                [[exclusions]]
    personal-data = true                   target = "EU AI Act Article 27"
                                           justification = "we are no public body"
    [[systems]]
    id = "shortlist"                       title = "CV screening"
    roles = ["provider", "deployer"]       tiers = ["high-risk"]
    placed_on_market = 2027-03-01          facts = { annex-iii = true, workplace = true }

Everything is optional, and what is not stated is taken as applying: a profile never makes the denominator smaller by
silence.  For the same reason reading is strict: an unknown key, role, tier or fact is an error, never skipped.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kg.errors import Finding, InputError, KgError, UnknownIdError, nearest
from kg.model import EXPLICIT_FACTS, ROLES, TIERS, Exclusion, Profile, System
from kg.organizations.controls import find_target, parse_day, plausible_day
from kg.release import Release

__all__ = [
    "EXCLUSION_KEYS", "PROFILE_KEYS", "SYSTEM_KEYS", "profile_from_mapping", "profile_to_mapping", "read_profile",
]  # fmt: skip

PROFILE_KEYS = (
    "title", "as_of", "jurisdictions", "roles", "facts", "systems", "exclusions", "max_evidence_age_days",
)  # fmt: skip
SYSTEM_KEYS = ("id", "title", "roles", "tiers", "facts", "placed_on_market")
EXCLUSION_KEYS = ("target", "justification")
#: Members of the Union.  A profile that names one of them and not ``EU`` would drop every law of the Union.
_MEMBERS = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip

#: Where a value stands: keys and places in lists, from the outside in.
_Place = tuple[str | int, ...]


def read_profile(path: Path, release: Release) -> Profile:
    """The profile in a TOML or JSON file.

    Raises :class:`~kg.errors.InputError` with every finding; in TOML each names its line.
    """
    shown = str(path)
    text = _text(path)
    if path.suffix.lower() == ".json":
        return profile_from_mapping(_json(shown, text), release, where=shown)
    if path.suffix.lower() != ".toml":
        hint = "save it as .toml or .json"
        raise InputError.one(shown, "UNREADABLE", f"a profile does not end in {path.suffix!r}", hint)
    data = _toml(shown, text)
    lines = _toml_lines(text)
    return _profile(data, release, _Report(shown, lambda place: _line_of(lines, place)))


def profile_from_mapping(data: Mapping[str, Any], release: Release, *, where: str = "profile") -> Profile:
    """The profile in a mapping with the keys of :data:`PROFILE_KEYS`; days may be dates or ISO text, and ``None`` is as
    good as absent.

    ``where`` stands in the findings in place of a path.  Raises :class:`~kg.errors.InputError` with every finding.
    """
    return _profile(data, release, _Report(where, lambda place: 0))


# ------------------------------------------------------------------ what is read


class _Report:
    """Collects findings about places in a profile: ``report(place, code, message, hint)``."""

    def __init__(self, where: str, line_of: Callable[[_Place], int]) -> None:
        self.findings: list[Finding] = []
        self._where = where
        self._line_of = line_of

    def __call__(self, place: _Place, code: str, message: str, hint: str = "") -> None:
        cell = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")
        self.findings.append(Finding(self._where, self._line_of(place), code, message, hint, cell))

    def bad(self, place: _Place, value: object, wanted: str, hint: str = "") -> None:
        """Report a value that is not of its kind."""
        shown = value if isinstance(value, (date, str)) else json.dumps(value, default=str)
        self(place, "BAD_VALUE", f"{str(shown)[:60]!r} is not {wanted}", hint)


def _profile(data: Mapping[str, Any], release: Release, report: _Report) -> Profile:
    table = _table(report, (), data, PROFILE_KEYS)
    profile = Profile(
        title=_string(report, ("title",), table.get("title")),
        as_of=_day(report, ("as_of",), table.get("as_of")),
        jurisdictions=_jurisdictions(report, table.get("jurisdictions"), release),
        roles=_stated_roles(report, table.get("roles")),
        facts=_facts(report, ("facts",), table.get("facts")),
        systems=_systems(report, table.get("systems")),
        exclusions=_exclusions(report, table.get("exclusions"), release),
        max_evidence_age_days=_age(report, table.get("max_evidence_age_days")),
    )
    _dated_facts(report, profile, release)
    if report.findings:
        raise InputError(sorted(report.findings, key=lambda f: f.line))
    return profile


def _dated_facts(report: _Report, profile: Profile, release: Release) -> None:
    """Facts that say when a thing came on the market agree with each other and with the day that is given."""
    words = [w for w in release.vocabulary.values() if w.dated]
    named: list[tuple[_Place, dict[str, bool], date | None, tuple[str, ...]]] = [
        (("systems", number), dict(profile.facts) | dict(s.facts), s.placed_on_market, s.tiers)
        for number, s in enumerate(profile.systems)
    ]
    for place, facts, placed, tiers in named or [((), dict(profile.facts), None, ())]:
        earliest, latest = date.min, date.max
        for word in words:
            if word.name not in facts:
                continue
            stated = facts[word.name]
            where = (*place, "facts", word.name)
            if placed and (not word.of_tier or word.of_tier in tiers) and word.holds(placed) is not stated:
                said = f"{word.name} = {str(stated).lower()} contradicts placed_on_market = {placed}"
                report(where, "BAD_VALUE", said, "leave the fact out: it follows from the day")
            from_, before = (word.held_from, word.held_before) if stated else (word.held_before, word.held_from)
            if not word.of_tier:
                earliest, latest = max(earliest, from_ or date.min), min(latest, before or date.max)
        if earliest >= latest and not placed:
            told = ", ".join(w.name for w in words if w.name in facts)
            report((*place, "facts"), "BAD_VALUE", f"no day satisfies what is said of {told}", "say one of them")


def _table(report: _Report, place: _Place, value: object, keys: Collection[str]) -> dict[str, Any]:
    """A mapping with known keys only; what is ``None`` is left out."""
    if not isinstance(value, Mapping):
        report.bad(place, value, "a table of keys and values", f"keys: {', '.join(keys)}")
        return {}
    for key in value:
        if key not in keys:
            near = nearest(str(key), keys)
            hint = f"did you mean {near}? " if near else ""
            report((*place, str(key)), "UNKNOWN_KEY", f"the key {key!r} is not known", f"{hint}keys: {', '.join(keys)}")
    return {str(key): item for key, item in value.items() if key in keys and item is not None}


def _list(report: _Report, place: _Place, value: object) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    report.bad(place, value, "a list", 'write ["…", "…"], or [[…]] for tables')
    return []


def _string(report: _Report, place: _Place, value: object) -> str:
    if value is None or isinstance(value, str):
        return (value or "").strip()
    report.bad(place, value, "text", "put it in quotes")
    return ""


def _required(report: _Report, place: _Place, value: object) -> str:
    text = _string(report, place, value)
    if not text and (value is None or isinstance(value, str)):
        report(place, "MISSING_VALUE", f"{place[-1]} is missing or empty")
    return text


def _day(report: _Report, place: _Place, value: object) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime) or not isinstance(value, (date, str)):
        report.bad(place, value, "a date", "write it as 2026-07-27")
        return None
    try:
        return plausible_day(value) if isinstance(value, date) else parse_day(value.strip())
    except KgError as error:
        report(place, error.code, error.message, error.hint)
        return None


def _age(report: _Report, value: object) -> int | None:
    if value is None or (type(value) is int and value > 0):
        return value
    report.bad(("max_evidence_age_days",), value, "a positive whole number of days", "leave it out for no maximum")
    return None


def _words(report: _Report, place: _Place, value: object, known: Iterable[str]) -> tuple[str, ...]:
    """Words of a closed list, each once."""
    known = tuple(known)
    found = []
    for number, item in enumerate(_list(report, place, value)):
        word = _string(report, (*place, number), item)
        if word in known:
            found.append(word)
        elif isinstance(item, str):
            near = nearest(word, known)
            hint = f"did you mean {near}? " if near else ""
            report.bad((*place, number), item, f"one of the known {place[-1]}", f"{hint}one of: {', '.join(known)}")
    return tuple(dict.fromkeys(found))


def _stated_roles(report: _Report, value: object) -> tuple[str, ...] | None:
    """The organisation's roles; ``None`` where nothing is stated.  An empty list would deny every duty that hangs on
    a role, which nobody means."""
    if value is None:
        return None
    if value in ([], ()):
        hint = "name the roles, or leave the key out if they are not known"
        report(("roles",), "MISSING_VALUE", "an empty list would say that no duty of any role concerns you", hint)
    return _words(report, ("roles",), value, ROLES)


def _jurisdictions(report: _Report, value: object, release: Release) -> tuple[str, ...]:
    """Where the organisation is subject to the law: what the frameworks name, or codes of countries."""
    known = {f.jurisdiction.casefold(): f.jurisdiction for f in release.frameworks.values() if f.jurisdiction}
    found = []
    for number, item in enumerate(_list(report, ("jurisdictions",), value)):
        place = ("jurisdictions", number)
        word = _string(report, place, item)
        if word.casefold() in known or re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?", word):
            found.append(known.get(word.casefold(), word.upper()))
        elif isinstance(item, str):
            hint = f"one of: {', '.join(sorted(known.values()))}, or the two letters of a country"
            report.bad(place, item, "a jurisdiction", hint)
    for number, word in enumerate(found):
        if word in _MEMBERS and "eu" in known and known["eu"] not in found:
            hint = f'write ["{known["eu"]}", "{word}"]'
            message = f"{word} is in the Union, but its laws would be left out"
            report(("jurisdictions", number), "BAD_VALUE", message, hint)
    return tuple(dict.fromkeys(found))


def _facts(report: _Report, place: _Place, value: object) -> tuple[tuple[str, bool], ...]:
    """What is stated true or false, by name."""
    table = _table(report, place, {} if value is None else value, EXPLICIT_FACTS)
    found = {}
    for name, item in table.items():
        if isinstance(item, bool):
            found[name] = item
        else:
            report.bad((*place, name), item, "true or false", f"{name}: {EXPLICIT_FACTS[name]}")
    return tuple(sorted(found.items()))


def _systems(report: _Report, value: object) -> tuple[System, ...]:
    found: dict[str, System] = {}
    for number, item in enumerate(_list(report, ("systems",), value)):
        system = _system(report, ("systems", number), item)
        if system.id and system.id in found:
            hint = "give each AI system an id of its own"
            report(("systems", number, "id"), "BAD_VALUE", f"two systems have the id {system.id!r}", hint)
        found.setdefault(system.id, system)
    return tuple(found.values())


def _system(report: _Report, place: _Place, value: object) -> System:
    before = len(report.findings)
    table = _table(report, place, value, SYSTEM_KEYS)
    broken = not isinstance(value, Mapping) and len(report.findings) > before
    return System(
        id="" if broken else _system_id(report, (*place, "id"), table.get("id")),
        title=_string(report, (*place, "title"), table.get("title")),
        roles=_words(report, (*place, "roles"), table.get("roles"), ROLES),
        tiers=_words(report, (*place, "tiers"), table.get("tiers"), TIERS),
        facts=_facts(report, (*place, "facts"), table.get("facts")),
        placed_on_market=_day(report, (*place, "placed_on_market"), table.get("placed_on_market")),
    )


def _system_id(report: _Report, place: _Place, value: object) -> str:
    """An id that a control's cell can name: there ``;`` and line breaks separate systems."""
    id_ = _required(report, place, value)
    if re.search(r"[;\n\r]", id_):
        report.bad(place, id_, "an id", "no semicolon and no line break")
    return id_


def _exclusions(report: _Report, value: object, release: Release) -> tuple[Exclusion, ...]:
    found: dict[str, Exclusion] = {}
    for number, item in enumerate(_list(report, ("exclusions",), value)):
        place = ("exclusions", number)
        table = _table(report, place, item, EXCLUSION_KEYS)
        if not isinstance(item, Mapping):
            continue
        target = _excluded(report, (*place, "target"), table.get("target"), release)
        justification = _required(report, (*place, "justification"), table.get("justification"))
        if target in found:
            report((*place, "target"), "BAD_VALUE", f"{target} is excluded twice", "keep one justification")
        elif target:
            found[target] = Exclusion(target, justification)
    return tuple(found.values())


def _excluded(report: _Report, place: _Place, value: object, release: Release) -> str:
    """The provision or framework that is excluded; empty with a finding if there is none."""
    text = _required(report, place, value)
    if not text:
        return ""
    try:
        target = find_target(release, text)
    except UnknownIdError as error:
        report(place, error.code, error.message, error.hint)
        return ""
    if target in release.provisions or target in release.frameworks:
        if target in release.frameworks or target in _counted(release):
            return target
        above = [a for a in release.ancestors(target) if a in _counted(release)]
        if above:
            message = f"{target} is only a part of the requirement {above[0]}, so excluding it would change nothing"
            hint = f"exclude {above[0]} ({release.title(above[0])}) as a whole, or leave it in"
        else:
            message = f"nothing in {target} is a requirement, so excluding it would change nothing"
            hint = "leave it out"
        report(place, "WRONG_KIND", message, hint)
        return ""
    report(place, "WRONG_KIND", f"{target} is no requirement", "exclude a provision or a whole framework")
    return ""


def _counted(release: Release) -> frozenset[str]:
    """The requirements of every text version and the wholes above them: what an exclusion can take out."""

    def make() -> frozenset[str]:
        found: set[str] = set()
        for name, framework in release.frameworks.items():
            for day in [v.date for v in framework.text_versions] or [date.max]:
                for requirement in release.requirements(name, day):
                    found |= {requirement.id, *release.ancestors(requirement.id)}
        return frozenset(found)

    counted: frozenset[str] = release.cache("excludable", make)
    return counted


# ------------------------------------------------------------------ files


def _text(path: Path) -> str:
    shown = str(path)
    if path.is_dir():
        raise InputError.one(shown, "UNREADABLE", "this is a folder, not a file", "name the profile's file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError.one(shown, "NOT_FOUND", "there is no such file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError.one(shown, "UNREADABLE", f"the file cannot be opened: {why}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is not UTF-8"
        raise InputError.one(shown, "ENCODING", message, "save the file as UTF-8", line=line) from None


def _toml(shown: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"\s*\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1 if "end of document" in str(error) else 0
        why = str(error).replace(found[0] if found else "", "").replace(" (at end of document)", "")
        raise InputError.one(shown, "UNREADABLE", f"this is not TOML: {why}", line=line) from None


def _json(shown: str, text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"the key {twice!r} is given twice")
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError.one(shown, "UNREADABLE", f"this is not JSON: {error.msg}", line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise InputError.one(shown, "UNREADABLE", f"this is not JSON: {error}") from None
    if isinstance(found, dict):
        return found
    hint = f"keys: {', '.join(PROFILE_KEYS)}"
    raise InputError.one(shown, "BAD_VALUE", "a profile is an object with keys, this is another value", hint)


_KEY = r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'"""
_HEAD = re.compile(rf"\s*(\[\[?)\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*\]")
_PAIR = re.compile(rf"\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*=")


def _toml_lines(text: str) -> dict[_Place, int]:
    """The line of each key and table of a TOML text, as far as a look at the beginnings of lines tells."""
    found: dict[_Place, int] = {}
    counts: dict[_Place, int] = {}
    table: _Place = ()
    quoted = False
    for number, line in enumerate(text.split("\n"), 1):
        if not quoted and (head := _HEAD.match(line)):
            table = _open_table(counts, _keys(head[2]), many=head[1] == "[[")
            found.setdefault(table, number)
        elif not quoted and (pair := _PAIR.match(line)):
            found.setdefault((*table, *_keys(pair[1])), number)
        quoted ^= (line.count('"""') + line.count("'''")) % 2 == 1
    return found


def _keys(dotted: str) -> list[str]:
    return [key.strip("\"'") for key in re.findall(_KEY, dotted)]


def _open_table(counts: dict[_Place, int], keys: list[str], *, many: bool) -> _Place:
    """The place of a table: in an array of tables the last one, or with ``many`` a new one."""
    place: _Place = ()
    for depth, key in enumerate(keys, 1):
        place = (*place, key)
        if many and depth == len(keys):
            counts[place] = counts.get(place, 0) + 1
        if place in counts:
            place = (*place, counts[place] - 1)
    return place


def _line_of(lines: Mapping[_Place, int], place: _Place) -> int:
    """The line of a place, or of the nearest thing around it that has one."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 0)


# ------------------------------------------------------------------ and back


def profile_to_mapping(profile: Profile) -> dict[str, Any]:
    """The profile as :func:`profile_from_mapping` reads it: JSON values only, keys in a fixed order, and nothing that
    is not stated.  Of a profile that was read, the exact inverse."""
    every = {
        "title": profile.title,
        "as_of": _iso(profile.as_of),
        "jurisdictions": list(profile.jurisdictions),
        "roles": None if profile.roles is None else list(profile.roles),
        "facts": dict(profile.facts),
        "systems": [_system_mapping(s) for s in profile.systems],
        "exclusions": [{"target": e.target, "justification": e.justification} for e in profile.exclusions],
        "max_evidence_age_days": profile.max_evidence_age_days,
    }
    return _stated(every, keep=("roles",))


def _system_mapping(system: System) -> dict[str, Any]:
    return _stated(
        {
            "id": system.id,
            "title": system.title,
            "roles": list(system.roles),
            "tiers": list(system.tiers),
            "facts": dict(system.facts),
            "placed_on_market": _iso(system.placed_on_market),
        }
    )


def _stated(every: dict[str, Any], keep: tuple[str, ...] = ()) -> dict[str, Any]:
    return {key: value for key, value in every.items() if value is not None and (value or key in keep)}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
