"""Answers as plain data with the camelCase names that GraphQL uses too, and as JSON.

    plain(answer)   → dicts, lists, strings, numbers, booleans and None
    dumps(answer)   → the same as UTF-8 JSON: indented, keys in a fixed order, byte for byte reproducible
    pieces(answer)  → the same bytes, row by row where an answer is long

The general rule is the dataclass's own field names in camelCase, in the order of their declaration; the
functions below say where an answer reads better otherwise.  Nodes of the graph are named by ``curie``;
frameworks, mapping sets and other registers by ``id``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingType
from datetime import date
from enum import Enum, IntEnum
from typing import Any

import orjson

from kg.answers import (
    Assessment,
    Counts,
    Coverage,
    Crosswalk,
    CrosswalkRow,
    Decision,
    Explain,
    Explanation,
    Group,
    Hit,
    LensRow,
    Milestone,
    Move,
    Overlap,
    OverlapMatrix,
    OverlapPair,
    RequirementResult,
    RulingView,
    Side,
    TimelineChange,
)
from kg.answers.compare import Change, Comparison
from kg.answers.gaps import Gap, GapReport
from kg.answers.listing import GraphListing, SetListing
from kg.answers.plan import Goal, Plan
from kg.answers.whatif import WhatIf
from kg.exports.json_deliverables import SPECIAL as _DELIVERABLES
from kg.exports.json_exposure import SPECIAL as _EXPOSURE
from kg.exports.streamed import Rows, indented
from kg.model import (
    Disclaimer,
    Incident,
    JointNode,
    Mapping,
    Profile,
    Provision,
    Question,
    ReferenceControl,
    Source,
    System,
    Threat,
)
from kg.release import Release

__all__ = ["camel", "dumps", "pieces", "plain"]

#: What is long of an answer: fields whose items are written one by one.
_LONG: dict[type, tuple[str, ...]] = {
    Crosswalk: ("rows", "derived"),
    SetListing: ("rows", "threat_links", "references"),
    GraphListing: ("rows", "threat_links", "references"),
}

#: What is named by a CURIE: its ``id`` field is written ``curie``.
_NODES = (Provision, ReferenceControl, JointNode, Threat, Incident, Hit)
_SAID = {"set_id": "set"}


def camel(name: str) -> str:
    """A Python name as GraphQL writes it.

    >>> camel("not_yet_applicable_covered")
    'notYetApplicableCovered'
    """
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def plain(answer: Any, release: Release | None = None) -> Any:
    """``answer`` as plain data.  ``release`` lets a crosswalk's rows say the authority of their set and the
    titles of their ends; without it these are ``None``."""
    special = _SPECIAL.get(type(answer))
    if special is not None:
        return special(answer, release)
    if answer is None or (isinstance(answer, bool | int | float | str) and not isinstance(answer, Enum)):
        return answer
    if isinstance(answer, IntEnum):
        return answer.name
    if isinstance(answer, Enum):
        return answer.value
    if isinstance(answer, date):
        return answer.isoformat()
    if isinstance(answer, MappingType):
        return {str(key): plain(value, release) for key, value in answer.items()}
    if isinstance(answer, list | tuple | set | frozenset):
        items = sorted(answer) if isinstance(answer, set | frozenset) else answer
        return [plain(item, release) for item in items]
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return _fields(answer, release)
    raise TypeError(f"no plain form for {type(answer).__name__}")


def dumps(answer: Any, release: Release | None = None) -> bytes:
    """``answer`` as JSON: two spaces of indentation, a newline at the end, the same bytes every time."""
    return orjson.dumps(plain(answer, release), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def pieces(answer: Any, release: Release | None = None) -> Iterator[bytes]:
    """The bytes of :func:`dumps`; the rows of a crosswalk or a listing are never all there at once."""
    long = {camel(name): getattr(answer, name) for name in _LONG.get(type(answer), ())}
    if not long:
        yield dumps(answer, release)
        return
    head = plain(dataclasses.replace(answer, **dict.fromkeys(_LONG[type(answer)], ())), release)

    def rows(items: Any) -> Rows:
        return Rows(lambda: (plain(item, release) for item in items))

    yield from indented({key: rows(long[key]) if key in long else value for key, value in head.items()})
    yield b"\n"


def _fields(value: Any, release: Release | None, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a dataclass in the order of their declaration."""
    found = {}
    for field in dataclasses.fields(value):
        # A Source says where a thing was read; findings have it, answers do not.
        if field.name in without or isinstance(getattr(value, field.name), Source):
            continue
        key = "curie" if field.name == "id" and isinstance(value, _NODES) else camel(_SAID.get(field.name, field.name))
        found[key] = plain(getattr(value, field.name), release)
    return found


def _pairs(pairs: tuple[tuple[Any, Any], ...], first: str, second: str) -> list[dict[str, Any]]:
    return [{first: plain(a), second: plain(b)} for a, b in pairs]


def _head(provision: Provision) -> dict[str, Any]:
    return {"curie": provision.id, "ref": provision.ref, "title": provision.title}


def _disclaimer(value: Disclaimer, release: Release | None) -> dict[str, Any]:
    return {"id": value.id, "text": value.text, "basis": value.basis}


def _counts(value: Counts, release: Release | None) -> dict[str, Any]:
    percent = value.percent_covered
    return _fields(value, release) | {"percentCovered": None if percent is None else round(percent, 1)}


def _group(value: Group, release: Release | None) -> dict[str, Any]:
    return {
        **_head(value.provision),
        "verdict": plain(value.verdict),
        "counts": _counts(value.counts, release),
    }


def _explanation(value: Explanation, release: Release | None) -> dict[str, Any]:
    return {
        "control": value.control,
        "title": value.title,
        "relation": value.relation,
        "mask": value.mask,
        "disputed": value.disputed,
        "reviewed": value.reviewed,
        "members": _pairs(value.members, "member", "control"),
        "steps": plain(value.steps),
        "supporting": plain(value.supporting),
        "opposing": plain(value.opposing),
    }


def _result(value: RequirementResult, release: Release | None) -> dict[str, Any]:
    decision = value.decision
    return {
        **_head(value.requirement),
        "summary": value.requirement.summary,
        "group": value.group,
        "applicability": decision.applicability.value,
        "applicabilityReason": decision.because,
        "applicabilityExplanation": decision.explanation,
        "appliesFrom": plain(decision.applies_from),
        "basis": decision.basis,
        "rule": decision.rule,
        "legalReference": decision.legal_reference,
        "verdict": value.verdict.name,
        "reasons": plain(value.reasons),
        "explanation": plain(value.explanation, release),
        "setAside": list(value.set_aside),
        "units": plain(value.units),
    }


def _coverage_head(value: Coverage) -> dict[str, Any]:
    return {
        "framework": value.framework,
        "title": value.title,
        "release": value.release,
        "asOf": value.as_of.isoformat(),
        "textVersion": value.text_version.isoformat(),
        "profile": plain(value.profile),
        "method": value.method,
        "disclaimers": plain(value.disclaimers),
        "counts": plain(value.counts),
    }


def _coverage(value: Coverage, release: Release | None) -> dict[str, Any]:
    return {
        **_coverage_head(value),
        "groups": plain(value.groups),
        "requirements": plain(value.requirements, release),
    }


def _gap(value: Gap, release: Release | None) -> dict[str, Any]:
    return {
        **_result(value.result, release),
        "pending": plain(value.pending),
        "couldCover": list(value.could_cover),
        "threats": plain(value.exposure.threats),
        "incidents": plain(value.exposure.incidents),
        "incidentsNote": value.exposure.note,
    }


def _gap_report(value: GapReport, release: Release | None) -> dict[str, Any]:
    return {**_coverage_head(value.coverage), "gaps": plain(value.gaps, release)}


def _ruling(value: RulingView, release: Release | None) -> dict[str, Any]:
    found = _fields(value, release)
    found["members"] = _pairs(value.members, "member", "control")
    return found


def _explain(value: Explain, release: Release | None) -> dict[str, Any]:
    found = _fields(value, release)
    found["rationales"] = _pairs(value.rationales, "row", "rationale")
    return found


def _side(value: Side, release: Release | None) -> dict[str, Any]:
    found = _fields(value, release)
    found["byRelation"] = _pairs(value.by_relation, "relation", "count")
    return found


def _mapping(value: Mapping, release: Release | None) -> dict[str, Any]:
    """One row as it stands in its set, with its derived id and review state."""
    authority = release.sets[value.set_id].authority.value if release else None
    return {
        "row": value.id,
        "set": value.set_id,
        "authority": authority,
        "subject": value.subject,
        "relation": value.relation,
        "object": value.object,
        **_provenance(value),
    }


def _provenance(value: Mapping) -> dict[str, Any]:
    return {
        "rationaleKind": value.rationale_kind.value,
        "rationale": value.rationale,
        "strength": value.strength,
        "confidence": value.confidence,
        "method": value.method.value,
        "reviewed": value.reviewed,
        "reviewers": list(value.reviewers),
        "date": plain(value.date),
        "subjectVersion": value.subject_version,
        "objectVersion": value.object_version,
        "citation": value.citation,
        "note": value.note,
    }


def _crosswalk_row(value: CrosswalkRow, release: Release | None) -> dict[str, Any]:
    """Read from the first framework to the second; ``turned`` says that the set writes it the other way."""
    row = value.row
    return {
        "subject": value.subject,
        "subjectTitle": release.title(value.subject) if release else None,
        "relation": value.relation,
        "object": value.object,
        "objectTitle": release.title(value.object) if release else None,
        "set": row.set_id,
        "row": row.id,
        "authority": release.sets[row.set_id].authority.value if release else None,
        "turned": value.turned,
        **_provenance(row),
    }


def _crosswalk(value: Crosswalk, release: Release | None) -> dict[str, Any]:
    return {
        "source": value.source,
        "target": value.target,
        "release": value.release,
        "asOf": value.as_of.isoformat(),
        "method": value.method,
        "disclaimers": plain(value.disclaimers),
        "sides": plain(value.sides),
        "rows": plain(value.rows, release),
        "derived": plain(value.derived),
    }


def _profile(value: Profile, release: Release | None) -> dict[str, Any]:
    return _fields(value, release) | {"facts": _pairs(value.facts, "name", "value")}


def _system(value: System, release: Release | None) -> dict[str, Any]:
    return _fields(value, release) | {"facts": _pairs(value.facts, "name", "value")}


def _linked(value: Overlap | OverlapPair | OverlapMatrix, release: Release | None) -> dict[str, Any]:
    """An overlap behind the link that gives the same bytes again; null where the profile is too long for one."""
    from kg.permalink import permalink_of

    sentence = {"sentence": value.sentence} if isinstance(value, Overlap) else {}
    return {"permalink": permalink_of(value), **sentence, **_fields(value, release)}


def _decision(value: Decision, release: Release | None = None) -> dict[str, Any]:
    return {
        "applicability": value.applicability.value,
        "applicabilityReason": value.because,
        "applicabilityExplanation": value.explanation,
        "appliesFrom": plain(value.applies_from),
        "basis": value.basis,
        "rule": value.rule,
        "legalReference": value.legal_reference,
    }


def _move(value: Move, release: Release | None) -> dict[str, Any]:
    return {**_head(value.requirement), "before": _decision(value.before), "after": _decision(value.after)}


def _lens_row(value: LensRow, release: Release | None) -> dict[str, Any]:
    r = value.decided
    units = [{"unit": u.id, "title": u.title, **_decision(d)} for u, d in r.units]
    return {
        **_head(r.requirement),
        **_decision(r.decision),
        "also": plain(value.also),
        "units": units if len(units) > 1 else [],
    }


def _change(value: TimelineChange, release: Release | None) -> dict[str, Any]:
    rest = _fields(value, release, without=("requirement",))
    return {**_head(value.requirement), "framework": value.requirement.framework, **rest, "gap": value.gap}


def _milestone(value: Milestone, release: Release | None) -> dict[str, Any]:
    return {
        "day": value.day.isoformat(),
        "texts": [{"framework": f, **plain(v)} for f, v in value.texts],
        "begins": len(value.begins),
        "gaps": len(value.gaps),
        "legalReferences": list(value.references),
        "numbers": plain(value.numbers),
        "changes": plain(value.changes, release),
    }


def _question(value: Question, release: Release | None) -> dict[str, Any]:
    """A question of the questionnaire by its name, with its options and what it cites."""
    options = release.options(value.name) if release else ()
    return {
        "name": value.name,
        "text": value.text,
        "help": value.help,
        "kind": value.kind,
        "scope": value.scope,
        "askedIf": list(value.asked_if),
        "legalReferences": [release.cite(p) for p in value.defined_by] if release else [],
        "options": [{"name": o.name, "title": o.title, "note": o.note, "sets": list(o.sets)} for o in options],
    }


def _assessment(value: Assessment, release: Release | None) -> list[Any]:
    """Every framework's coverage, in the release's order."""
    return [plain(value.coverage(f), value.release) for f in value.release.frameworks]


def _changed(value: Change, release: Release | None) -> dict[str, Any]:
    return {
        "curie": value.requirement,
        "ref": value.ref,
        "title": value.title,
        "framework": value.framework,
        "kind": value.kind.value,
        "direction": value.direction.value,
        "regression": value.regression,
        "newOpen": value.new_open,
        "causes": plain(value.causes),
        "before": plain(value.before, release),
        "after": plain(value.after, release),
    }


def _comparison(value: Comparison, release: Release | None) -> dict[str, Any]:
    """The regressions and what is newly open are named before all changes."""
    found = _fields(value, release, without=("changes",))
    found["regressions"] = [c.requirement for c in value.regressions]
    found["newOpen"] = [c.requirement for c in value.new_open]
    return found | {"changes": plain(value.changes, release)}


def _what_if(value: WhatIf, release: Release | None) -> dict[str, Any]:
    return {"assumed": list(value.assumed), **_comparison(value.comparison, release)}


def _goal(value: Goal, release: Release | None) -> dict[str, Any]:
    return {**_head(value.requirement), **_fields(value, release, without=("requirement",))}


def _plan(value: Plan, release: Release | None) -> dict[str, Any]:
    """Without the time it took: the same question gives the same bytes."""
    return _fields(value, release, without=("seconds",))


_SPECIAL: dict[type, Callable[[Any, Release | None], Any]] = {
    **_DELIVERABLES,
    **_EXPOSURE,
    Assessment: _assessment,
    TimelineChange: _change,
    Change: _changed,
    Comparison: _comparison,
    Counts: _counts,
    WhatIf: _what_if,
    Coverage: _coverage,
    Crosswalk: _crosswalk,
    CrosswalkRow: _crosswalk_row,
    Decision: _decision,
    Disclaimer: _disclaimer,
    Explain: _explain,
    Explanation: _explanation,
    Gap: _gap,
    GapReport: _gap_report,
    Goal: _goal,
    Group: _group,
    Plan: _plan,
    LensRow: _lens_row,
    Mapping: _mapping,
    Overlap: _linked,
    OverlapMatrix: _linked,
    OverlapPair: _linked,
    Milestone: _milestone,
    Move: _move,
    Profile: _profile,
    Question: _question,
    RequirementResult: _result,
    RulingView: _ruling,
    Side: _side,
    System: _system,
}
