"""What may be written, and what of the stored no longer fits: findings, never silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields

from kg.errors import Finding, InputError
from kg.model import Control, EvidenceRecord, Profile
from kg.organizations.profiles import profile_from_mapping
from kg.organizations.store.codec import profile_json
from kg.organizations.store.content import Stored
from kg.organizations.store.values import OrganizationState
from kg.relations import RELATIONS
from kg.release import Release

__all__ = ["check_controls", "check_profile", "check_record", "findings", "is_reference"]

LONGEST_ID = 200
#: Characters of one text: every read of the organisation, its history and its log carry it.
LONGEST_TEXT = 100_000
_MASKS = frozenset(RELATIONS.values())


def is_reference(record: EvidenceRecord) -> bool:
    """Whether a record says only its id: then it means the one that is stored, if there is one."""
    return record == EvidenceRecord(record.id)


def findings(state: OrganizationState, release: Release) -> tuple[Finding, ...]:
    """What of a stored organisation the release does not know (any more), or what counts for nothing: warnings.

    A row to an id that is gone stays where it is and reaches nothing; it is named here so that somebody mends it.
    """
    found: list[Finding] = []
    where = f"organisation {state.organization_id}"
    named = {system.id for system in state.profile.systems} if state.profile else set()
    for control in state.controls:
        for row in control.rows:
            if fault := _target_fault(release, row.target):
                found.append(Finding(where, 0, *fault, cell=control.id, severity="warning"))
        for system in control.systems:
            if system not in named:
                message = f"the control is limited to {system!r}, which no profile names: it counts for nothing there"
                hint = f"the profile names: {', '.join(sorted(named))}" if named else "the profile names no AI system"
                found.append(Finding(where, 0, "UNKNOWN_SYSTEM", message, hint, control.id, "warning"))
    if state.profile:
        try:
            profile_from_mapping(profile_json(state.profile), release, where=where)
        except InputError as error:
            found += [Finding(f.path, 0, f.code, f.message, f.hint, f.cell, "warning") for f in error.findings]
    return tuple(found)


def check_profile(profile: Profile, release: Release) -> Profile:
    """The profile as the strict reader of profiles gives it.  Raises :class:`~kg.errors.InputError`."""
    found = profile_from_mapping(profile_json(profile), release)
    faults = [
        Finding("profile", 0, "BAD_VALUE", f"the id of the AI system is longer than {LONGEST_ID}", "", s.id[:40])
        for s in found.systems
        if len(s.id) > LONGEST_ID
    ]
    texts = [found.title, *(t for s in found.systems for t in (s.id, s.title))]
    texts += [e.justification for e in found.exclusions]
    faults += [Finding("profile", 0, "BAD_VALUE", why, "", text[:40]) for text in texts if (why := _text_fault(text))]
    if faults:
        raise InputError(faults)
    return found


def check_record(record: EvidenceRecord) -> None:
    """Raises :class:`~kg.errors.InputError` for an evidence record that cannot be kept."""
    if found := list(_record_faults("evidence", record)):
        raise InputError(found)


def check_controls(controls: Sequence[Control], stored: Mapping[str, Stored], release: Release) -> None:
    """Raises :class:`~kg.errors.InputError` with everything that keeps controls from being written."""
    found: list[Finding] = []
    seen: set[str] = set()
    records: dict[str, EvidenceRecord] = {}
    for number, control in enumerate(controls, 1):
        found += _control_faults(number, control, stored.get(control.id), release)
        if control.id in seen:
            hint = "one control an id"
            found.append(Finding("controls", number, "DUPLICATE_ID", f"{control.id!r} is given twice", hint, "id"))
        seen.add(control.id)
        for record in control.evidence:
            if is_reference(record):
                continue
            if records.setdefault(record.id, record) != record:
                message = f"the evidence {record.id!r} is given with two contents"
                found.append(Finding("controls", number, "BAD_VALUE", message, "give it one", "evidence"))
    if found:
        raise InputError(found)


def _control_faults(number: int, control: Control, stored: Stored | None, release: Release) -> Iterator[Finding]:
    def fault(cell: str, code: str, message: str, hint: str = "") -> Finding:
        return Finding("controls", number, code, message, hint, cell)

    if not control.title.strip():
        yield fault("title", "MISSING_VALUE", "the control has no title")
    yield from (fault(cell, code, message) for cell, code, message in _id_faults("id", control.id))
    for system in control.systems:
        yield from (fault(cell, code, message) for cell, code, message in _id_faults("systems", system))
    for cell in ("title", "description", "owner"):
        if why := _text_fault(getattr(control, cell)):
            yield fault(cell, "BAD_VALUE", why)
    if control.max_evidence_age_days is not None and control.max_evidence_age_days < 1:
        yield fault("max_evidence_age_days", "BAD_VALUE", "the greatest age is a positive whole number of days")
    kept = {row.target for row in stored.control.rows} if stored else set()
    for row in control.rows:
        if row.mask not in _MASKS:
            yield fault("mappings", "UNKNOWN_RELATION", f"the relation to {row.target} has no word")
        if row.target not in kept and (wrong := _target_fault(release, row.target)):
            yield fault("mappings", *wrong)
    for cell, code, ids in (
        ("mappings", "DUPLICATE_MAPPING", [row.target for row in control.rows]),
        ("systems", "BAD_VALUE", list(control.systems)),
        ("evidence", "BAD_VALUE", [record.id for record in control.evidence]),
    ):
        yield from (fault(cell, code, f"{id_} is named twice") for id_ in _twice(ids))
    for record in control.evidence:
        yield from _record_faults("controls", record, number)


def _record_faults(path: str, record: EvidenceRecord, number: int = 0) -> Iterator[Finding]:
    for _, code, message in _id_faults("evidence", record.id):
        yield Finding(path, number, code, message, "", "evidence")
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name != "id" and isinstance(value, str) and (why := _text_fault(value)):
            yield Finding(path, number, "BAD_VALUE", why, "", f"evidence {record.id[:40]}: {field.name}")


def _id_faults(cell: str, id_: str) -> Iterator[tuple[str, str, str]]:
    if not id_.strip():
        yield cell, "MISSING_VALUE", "an id is missing"
    elif id_ != id_.strip() or not id_.isprintable():
        yield cell, "BAD_VALUE", f"{id_[:40]!r} cannot be an id: blanks around it, or characters nobody can see"
    elif len(id_) > LONGEST_ID:
        yield cell, "BAD_VALUE", f"the id {id_[:40]!r} … is longer than {LONGEST_ID} characters"


def _target_fault(release: Release, target: str) -> tuple[str, str, str] | None:
    """Code, message and hint, if a control's row cannot name the target."""
    if target in release.provisions or target in release.controls or target in release.joints:
        return None
    error = release.unknown(target)
    return error.code, error.message, error.hint


def _text_fault(text: str) -> str:
    """Why a text cannot be kept; empty where it can."""
    if len(text) > LONGEST_TEXT:
        return f"the text has {len(text)} characters; {LONGEST_TEXT} can be kept: keep a document where it is, link it"
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return "the text has a character that cannot be stored (NUL, or half of a surrogate pair)"
    return ""


def _twice(ids: Iterable[str]) -> list[str]:
    return [id_ for id_, count in Counter(ids).items() if count > 1]
