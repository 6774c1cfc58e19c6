"""What if: an organisation with some things changed, put beside what it is.

what_if(assessment, changes, frameworks)   → WhatIf: before, after, what is assumed, and the Comparison
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kg.answers.compare import Comparison, compare
from kg.answers.coverage import Assessment
from kg.answers.freshness import limit_of, records_of
from kg.answers.hypothetical import HYPOTHETICAL, framework_controls
from kg.errors import UnknownIdError, UsageError, nearest
from kg.model import EXPLICIT_FACTS, ROLES, Control, ControlRow, ControlStatus, EvidenceRecord, Profile
from kg.relations import SUPERSET_OF
from kg.release import Release

__all__ = ["ALL_EVIDENCE", "Changes", "WhatIf", "what_if", "without_records"]

#: In place of a record's or control's id: all evidence there is.
ALL_EVIDENCE = "all"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is taken to be otherwise; everything not named stays.

    ``add``: CURIEs of reference controls, joint nodes or provisions that the organisation now does in full.
    ``add_controls``: controls of its own.  ``remove``: ids of its controls.  ``statuses``: control → its status.
    ``certify``: frameworks it now does, as far as they apply to it, but for what stands in ``exclude``.
    ``profile`` takes the place of its profile; ``roles`` and ``facts`` are then set in it, for every AI system too.
    ``without_evidence``: ids of records, or of controls with all their records, or ``all``, that are gone;
    ``evidence_before``: records of before this day, or of no day, are gone; ``evidence_day``: the day on which the
    age of evidence is looked at, with everything else as on the day asked for.
    """

    add: tuple[str, ...] = ()
    add_controls: tuple[Control, ...] = ()
    remove: tuple[str, ...] = ()
    statuses: tuple[tuple[str, ControlStatus], ...] = ()
    certify: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    profile: Profile | None = None
    roles: tuple[str, ...] | None = None
    facts: tuple[tuple[str, bool], ...] = ()
    without_evidence: tuple[str, ...] = ()
    evidence_before: date | None = None
    evidence_day: date | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An answer to a what-if question: ``assumed`` says each change in a sentence."""

    before: Assessment
    after: Assessment
    assumed: tuple[str, ...]
    comparison: Comparison


def what_if(
    assessment: Assessment,
    changes: Changes,
    frameworks: Sequence[str] | None = None,
    *,
    reasons: bool = False,
    chains: bool = False,
    causes: bool = True,
) -> WhatIf:
    """``assessment`` beside the same with ``changes``; the further arguments are those of
    :func:`~kg.answers.compare.compare`.

    Raises :class:`~kg.errors.UnknownIdError` for what names nothing and :class:`~kg.errors.UsageError` for changes that
    contradict each other, or that change nothing.
    """
    a = assessment
    evidence_day = changes.evidence_day or a.evidence_day
    said: list[str] = []
    profile = _profile(a.profile, changes, said)
    controls = _controls(a.controls, changes, said)
    controls = _aged(controls, changes, a.profile if profile is None else profile, said)
    if changes.evidence_day is not None:
        said.append(f"evidence is as old as it will be on {evidence_day}")
    controls += _added(a.release, changes, a, profile, max(a.as_of, evidence_day), said)
    if not said:
        raise UsageError("nothing is changed", "say what is added, removed, certified or otherwise")
    twice = sorted({c.id for c in controls if sum(1 for d in controls if d.id == c.id) > 1})
    if twice:
        raise UsageError(f"there is a control {twice[0]} already", "give what is added an id of its own")
    after = Assessment(
        a.release, controls, profile, a.as_of, a.filter, text_day=a.text_day, evidence_day=evidence_day, like=a
    )
    comparison = compare(a, after, frameworks, reasons=reasons, chains=chains, causes=causes)
    return WhatIf(a, after, tuple(said), comparison)


# ---------------------------------------------------------------- the profile


def _profile(profile: Profile | None, changes: Changes, said: list[str]) -> Profile | None:
    if changes.profile is not None:
        profile = changes.profile
        said.append(f"the profile is {profile.title or 'another'}")
    if changes.roles is None and not changes.facts:
        return profile
    profile = profile or Profile()
    if changes.roles is not None:
        for role in changes.roles:
            _known(role, ROLES, "role")
        if not changes.roles:
            raise UsageError("no role at all is not a change one can ask for", f"one or more of: {', '.join(ROLES)}")
        systems = tuple(replace(s, roles=()) for s in profile.systems)
        profile = replace(profile, roles=changes.roles, systems=systems)
        said.append(f"the roles are {', '.join(changes.roles)}")
    facts = dict(changes.facts)
    for name, value in changes.facts:
        _known(name, EXPLICIT_FACTS, "fact")
        if facts[name] is not value:
            raise UsageError(f"the fact {name!r} is said to be both true and false", "say it once")
    for name, value in sorted(facts.items()):
        said.append(f"the fact {name} is {'true' if value else 'false'} ({EXPLICIT_FACTS[name]})")
    if facts:
        systems = tuple(
            replace(s, facts=tuple(sorted((dict(s.facts) | facts).items()))) if s.facts else s for s in profile.systems
        )
        profile = replace(profile, facts=tuple(sorted((dict(profile.facts) | facts).items())), systems=systems)
    return profile


def _known(word: str, words: Iterable[str], kind: str) -> None:
    words = tuple(words)
    if word not in words:
        near = nearest(word, words)
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(f"there is no {kind} {word!r}", f"{hint}one of: {', '.join(words)}")


# ---------------------------------------------------------------- controls that there are


def _controls(controls: Sequence[Control], changes: Changes, said: list[str]) -> list[Control]:
    ids = [c.id for c in controls]
    for id_ in (*changes.remove, *(id_ for id_, _ in changes.statuses)):
        if id_ not in ids:
            raise _unknown_control(id_, ids)
    statuses = dict(changes.statuses)
    for id_, status in changes.statuses:
        if statuses[id_] is not status:
            raise UsageError(f"{id_} is given two statuses", "give it one")
        if id_ in changes.remove:
            raise UsageError(f"{id_} is both removed and given a status", "do one of them")
    said += [f"{id_} is removed" for id_ in sorted(set(changes.remove))]
    found = []
    for c in controls:
        if c.id in changes.remove:
            continue
        if c.id in statuses and statuses[c.id] is not c.status:
            said.append(f"{c.id} is {statuses[c.id]} (it was {c.status})")
            c = replace(c, status=statuses[c.id])
        found.append(c)
    return found


def _unknown_control(id_: str, ids: Sequence[str]) -> UnknownIdError:
    near = nearest(id_, ids)
    few = ", ".join(ids[:8]) + (" …" if len(ids) > 8 else "")
    hint = f"did you mean {near}?" if near else f"the controls are {few}" if ids else "there are no controls"
    return UnknownIdError(f"there is no control {id_!r}", hint)


# ---------------------------------------------------------------- evidence


def without_records(control: Control, gone: Iterable[str]) -> Control:
    """The control without these of its records (the unnamed one is ``""``).

    A record that had an end is ended rather than forgotten: the organisation has said that the control needs one, and
    taking evidence away must never make a stale control fresh.
    """
    gone = set(gone)
    if not gone:
        return control
    unnamed = None if "" in gone else control.evidence_date
    kept = tuple(
        replace(r, valid_until=date.min) if r.id in gone else r
        for r in control.evidence
        if r.id not in gone or r.valid_until is not None
    )
    # With its last named record gone a control must not fall back on the date of one of them.
    return replace(control, evidence=kept, evidence_date=unnamed if kept or not control.evidence else None)


def _aged(controls: Sequence[Control], changes: Changes, profile: Profile | None, said: list[str]) -> list[Control]:
    named, before = set(changes.without_evidence), changes.evidence_before
    if not named and before is None:
        return list(controls)
    known = {c.id for c in controls} | {r.id for c in controls for r in c.evidence} | {ALL_EVIDENCE}
    for name in sorted(named - known):
        near = nearest(name, known)
        raise UnknownIdError(
            f"{name!r} names no evidence and no control",
            f"did you mean {near}?" if near else f"a record's or control's id, or {ALL_EVIDENCE}",
        )

    def gone(control: Control, record: EvidenceRecord) -> bool:
        return (
            bool(named & {ALL_EVIDENCE, control.id, record.id})
            or (before is not None and (record.day is None or record.day < before))
        )  # fmt: skip

    found, count = [], 0
    for c in controls:
        dropped = [r.id for r in records_of(c) if gone(c, r)]
        count += len(dropped)
        found.append(without_records(c, dropped))
    what = [f"of before {before}, or of no day," if before else "", f"of {', '.join(sorted(named))}" if named else ""]
    said.append(f"evidence {' and '.join(w for w in what if w)} is gone ({count} records)")
    age = profile.max_evidence_age_days if profile else None
    if all(limit_of(c, age) is None and not any(r.valid_until for r in c.evidence) for c in controls):
        said.append("neither profile nor controls say how old evidence may be: it changes no verdict")
    return found


# ---------------------------------------------------------------- controls that there are not yet


def _added(
    release: Release, changes: Changes, a: Assessment, profile: Profile | None, day: date, said: list[str]
) -> list[Control]:
    """What is added is implemented, for all AI systems, with evidence of the day."""
    found = []
    for id_ in dict.fromkeys(changes.add):
        title = release.node(id_).title
        rows = (ControlRow(id_, SUPERSET_OF),)
        found.append(Control(f"{HYPOTHETICAL}{id_}", title, ControlStatus.IMPLEMENTED, rows, evidence_date=day))
        said.append(f"{id_} ({title}) is done in full")
    for control in changes.add_controls:
        found.append(control)
        said.append(f"{control.id} ({control.title}) is added as {control.status}")
    outside = {id_: release.node(id_) for id_ in changes.exclude}
    for id_ in changes.exclude:
        if getattr(outside[id_], "framework", "") not in changes.certify:
            raise UsageError(f"{id_} is in none of the frameworks to be done", "name its framework too")
    for framework in dict.fromkeys(changes.certify):
        left_out = [id_ for id_, node in outside.items() if getattr(node, "framework", "") == framework]
        controls = framework_controls(release, framework, a.as_of, profile, left_out)
        named = {c.id for c in found}
        found += [replace(c, evidence_date=day) for c in controls if c.id not in named]
        without = f" without {', '.join(left_out)}" if left_out else ""
        said.append(f"all of {release.framework(framework).title} that applies is done{without}")
    return found
