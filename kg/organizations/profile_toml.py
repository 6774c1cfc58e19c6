"""A profile as TOML that reads back to the same profile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

from kg.model import EXPLICIT_FACTS, Profile

__all__ = ["profile_toml"]


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, but TOML refuses a bare DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return str(value) if isinstance(value, int) else _text(str(value))


def _pairs(pairs: Iterable[tuple[str, object]]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in pairs if value not in (None, "", ())]


def _facts(facts: tuple[tuple[str, bool], ...]) -> list[str]:
    return [f"{name} = {_value(value)}  # {EXPLICIT_FACTS[name]}" for name, value in facts]


def profile_toml(profile: Profile, comment: str = "") -> str:
    """The profile as TOML, each fact with what it means; ``comment`` stands above it."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += _pairs([
        ("title", profile.title), ("as_of", profile.as_of), ("jurisdictions", profile.jurisdictions),
        ("roles", profile.roles), ("max_evidence_age_days", profile.max_evidence_age_days),
    ])  # fmt: skip
    if profile.facts:
        lines += ["", "[facts]", *_facts(profile.facts)]
    for s in profile.systems:
        lines += ["", "[[systems]]"]
        lines += _pairs([
            ("id", s.id), ("title", s.title), ("roles", s.roles), ("tiers", s.tiers),
            ("placed_on_market", s.placed_on_market),
        ])  # fmt: skip
        if s.facts:
            lines += ["", "[systems.facts]", *_facts(s.facts)]
    for e in profile.exclusions:
        lines += ["", "[[exclusions]]", *_pairs([("target", e.target), ("justification", e.justification)])]
    return "\n".join(lines).lstrip("\n") + "\n"
