"""What a request brings: an organisation's controls, its profile and which rows may count.

The words are those of the control sheet and the profile file, and the same code of :mod:`kg.organizations` checks them,
so that a file and a request with the same content give the same answer and the same findings.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import strawberry
from strawberry import field

from api.schema.enums import Authority, ControlStatus, Relation
from kg.answers import MAX_HOPS, Filter
from kg.errors import KgError, UsageError
from kg.model import Control, EvidenceRecord, Profile
from kg.organizations import Sheet, parse_controls, profile_from_mapping
from kg.organizations.evidence import with_evidence
from kg.release import Release

__all__ = [
    "MAX_CONTROLS",
    "MAX_MAPPINGS",
    "MAX_SYSTEMS",
    "AssessmentInput",
    "ControlInput",
    "EvidenceInput",
    "FactInput",
    "ProfileInput",
    "TooMuchError",
    "controls_of",
    "evidence_record",
    "filter_of",
    "read_controls",
    "read_profile",
]

#: The most controls of one request, over all its assessments.
MAX_CONTROLS = 2_000
#: The most mappings of them.
MAX_MAPPINGS = 10_000
#: The most AI systems of a profile: each is assessed by itself.
MAX_SYSTEMS = 25
#: The most exclusions and facts.
MAX_ENTRIES = 500


class TooMuchError(KgError):
    """More input than this server assesses at once."""

    code = "INPUT_LIMIT"


@strawberry.input(description="What a control does for a reference control or a provision.")
class ControlMappingInput:
    target: str = field(description="The CURIE of a reference control, joint node or provision: aisb:DAT-01.")
    relation: Relation | None = field(
        description="Read from the control to the target. Left out it means superset_of for a reference control (we do "
        "at least this) and related for a provision; `preview` says so.",
        default=None,
    )


@strawberry.input(description="A record that shows that a control is done; one record may serve several controls.")
class EvidenceInput:
    id: str = field(description="Its id: the same id in several controls is the same record.")
    kind: str | None = field(description="What sort of thing it is: certificate, minutes, report.", default=None)
    title: str | None = field(description="What it is called.", default=None)
    day: dt.date | None = field(description="The day it is of: its age counts from it.", default=None)
    valid_until: dt.date | None = field(description="The last day on which it counts.", default=None)
    link: str | None = field(description="Where it is.", default=None)
    note: str | None = field(description="Anything else.", default=None)


@strawberry.input(description="One control of the organisation.")
class ControlInput:
    id: str = field(description="Its own id, unique among the controls.")
    title: str = field(description="What it is called.")
    status: ControlStatus = field(description="How far it is implemented.")
    description: str | None = field(description="What is done.", default=None)
    owner: str | None = field(description="Who answers for it.", default=None)
    evidence_date: dt.date | None = field(
        description="The day of the newest evidence; it counts where no `evidence` is named.", default=None
    )
    evidence: list[EvidenceInput] | None = field(description="The records that show it is done.", default=None)
    max_evidence_age_days: int | None = field(
        description="From which age its evidence no longer counts, in place of the profile's rule.", default=None
    )
    mappings: list[ControlMappingInput] | None = field(description="What it does for what.", default=None)
    systems: list[str] | None = field(
        description="The ids of the profile's AI systems it is limited to; empty: the whole organisation.",
        default=None,
    )


@strawberry.input(description="Whether a fact holds.")
class FactInput:
    name: str = field(description="The fact: see `vocabulary { facts }`.")
    value: bool = field(description="Whether it holds.")


@strawberry.input(description="One AI system: duties of the AI Act fall on it.")
class SystemInput:
    id: str = field(description="Its id, unique in the profile.")
    title: str | None = field(description="What it is called.", default=None)
    roles: list[str] | None = field(
        description="The organisation's roles for this system, beside those of the profile.", default=None
    )
    tiers: list[str] | None = field(description="Its risk tiers; empty: not stated, all may apply.", default=None)
    facts: list[FactInput] | None = field(description="What is so or not so for it.", default=None)
    placed_on_market: dt.date | None = field(description="When it was placed on the market.", default=None)


@strawberry.input(description="A requirement, whole or framework that the organisation excludes.")
class ExclusionInput:
    target: str = field(description="Its CURIE, or the short id of a framework.")
    justification: str = field(description="Why.")


@strawberry.input(
    description="What decides which duties concern the organisation. What it does not say is taken as true, so that "
    "silence never makes the denominator smaller."
)
class ProfileInput:
    title: str | None = field(description="What the organisation is called.", default=None)
    as_of: dt.date | None = field(description="The day asked for; the input's own `asOf` wins.", default=None)
    jurisdictions: list[str] | None = field(
        description="Where it is subject to the law: EU and codes of countries; empty: everywhere.", default=None
    )
    roles: list[str] | None = field(
        description="Its roles: see `vocabulary { roles }`; null: not stated, all may apply.", default=None
    )
    facts: list[FactInput] | None = field(description="What is so or not so for it.", default=None)
    systems: list[SystemInput] | None = field(description=f"Its AI systems, at most {MAX_SYSTEMS}.", default=None)
    exclusions: list[ExclusionInput] | None = field(description="What it excludes, and why.", default=None)
    max_evidence_age_days: int | None = field(
        description="From which age evidence no longer counts in full, in days; null: at no age.", default=None
    )


@strawberry.input(description="The controls and everything else an assessment depends on. Nothing of it is stored.")
class AssessmentInput:
    controls: list[ControlInput] = field(
        description=f"What the organisation does: at most {MAX_CONTROLS} controls with {MAX_MAPPINGS} mappings in one "
        "request."
    )
    profile: ProfileInput | None = field(
        description="Who the organisation is; null: nothing is stated and every duty may apply.", default=None
    )
    as_of: dt.date | None = field(
        description="The day asked for; where neither this nor the profile says one, today.", default=None
    )
    max_hops: int | None = field(description=f"How many rows a chain may have, 0 to {MAX_HOPS}.", default=MAX_HOPS)
    min_authority: Authority | None = field(
        description="The least authority a row must have to count.", default=Authority.ORGANIZATION
    )
    reviewed_only: bool | None = field(description="Whether only reviewed rows count.", default=False)
    sets: list[str] | None = field(description="Only rows of these mapping sets count; empty: of all.", default=None)

    def check_size(self) -> None:
        """Raises :class:`TooMuchError` for more than can be assessed at once."""
        _check_size(self.controls, self.profile)

    def read_profile(self, release: Release) -> Profile | None:
        """The profile, checked; raises :class:`~kg.errors.InputError` with every finding."""
        return read_profile(self.profile, release)

    def read_controls(self, release: Release, profile: Profile | None) -> Sheet:
        """The controls, checked; raises :class:`~kg.errors.InputError` with every finding."""
        return read_controls(self.controls, release, profile)


def _check_size(controls: Sequence[ControlInput], profile: ProfileInput | None = None) -> None:
    """Raises :class:`TooMuchError` for more than one request may bring."""
    profile = profile or ProfileInput()
    for what, count, most in (
        ("controls", len(controls), MAX_CONTROLS),
        ("mappings", sum(len(c.mappings or ()) for c in controls), MAX_MAPPINGS),
        ("records of evidence", sum(len(c.evidence or ()) for c in controls), MAX_MAPPINGS),
        ("limits to AI systems", sum(len(c.systems or ()) for c in controls), MAX_CONTROLS * MAX_SYSTEMS),
        ("systems", len(profile.systems or ()), MAX_SYSTEMS),
        ("exclusions", len(profile.exclusions or ()), MAX_ENTRIES),
        ("facts", len(profile.facts or ()), MAX_ENTRIES),
        ("words of the profile", sum(len(words or ()) for words in _words(profile)), MAX_ENTRIES),
    ):
        if count > most:
            raise TooMuchError(f"{count} {what} are too many for one request", f"at most {most}")


def _words(profile: ProfileInput) -> Iterator[Sequence[object] | None]:
    """The lists of words of a profile and of its AI systems."""
    yield from (profile.jurisdictions, profile.roles)
    for system in profile.systems or ():
        yield from (system.roles, system.tiers, system.facts)


def read_profile(p: ProfileInput | None, release: Release) -> Profile | None:
    """A profile of a request, checked; raises :class:`~kg.errors.InputError` with every finding, and
    :class:`TooMuchError`."""
    if p is None:
        return None
    _check_size((), p)
    return profile_from_mapping(
        {
            "title": p.title,
            "as_of": p.as_of,
            "jurisdictions": p.jurisdictions,
            "roles": p.roles,
            "facts": _facts(p.facts),
            "systems": [_system(s) for s in p.systems or ()],
            "exclusions": [{"target": e.target, "justification": e.justification} for e in p.exclusions or ()],
            "max_evidence_age_days": p.max_evidence_age_days,
        },
        release,
    )


def read_controls(controls: list[ControlInput], release: Release, profile: Profile | None) -> Sheet:
    """Controls of a request, checked; raises :class:`~kg.errors.InputError` with every finding."""
    systems = {s.id for s in profile.systems} if profile else set()
    sheet = parse_controls([_row(c) for c in controls], release, systems=systems)
    return with_evidence(sheet, [[evidence_record(e) for e in c.evidence or ()] for c in controls])


def controls_of(controls: Sequence[ControlInput], release: Release) -> tuple[Control, ...]:
    """The controls of a request that is to be kept, checked.  They may name AI systems that the profile does not have
    yet.  Raises :class:`~kg.errors.InputError` with every finding, and :class:`TooMuchError`."""
    _check_size(controls)
    sheet = parse_controls([_row(c) for c in controls], release)
    return with_evidence(sheet, [[evidence_record(e) for e in c.evidence or ()] for c in controls]).controls


def filter_of(
    release: Release,
    max_hops: int | None,
    min_authority: Authority | None,
    reviewed_only: bool | None,
    sets: list[str] | None,
) -> Filter:
    """Which rows may count; ``None`` is as good as left out.  Raises :class:`~kg.errors.KgError` for a set that does
    not exist."""
    for name in sets or ():
        if name not in release.sets:
            raise release.unknown(name, release.sets)
    return Filter(
        MAX_HOPS if max_hops is None else max_hops,
        min_authority or Authority.ORGANIZATION,
        bool(reviewed_only),
        tuple(sorted(set(sets or ()))),
    )


def _facts(facts: list[FactInput] | None) -> dict[str, bool]:
    found = {f.name: f.value for f in facts or ()}
    for f in facts or ():
        if found[f.name] is not f.value:
            raise UsageError(f"the fact {f.name!r} is said to be both true and false", "say it once")
    return found


def _system(system: SystemInput) -> dict[str, Any]:
    return {
        "id": system.id,
        "title": system.title,
        "roles": system.roles,
        "tiers": system.tiers,
        "facts": _facts(system.facts),
        "placed_on_market": system.placed_on_market,
    }


def evidence_record(e: EvidenceInput) -> EvidenceRecord:
    """The record of a request."""
    return EvidenceRecord(
        e.id.strip(), e.kind or "", e.title or "", e.day, e.valid_until, e.link or "", e.note or ""
    )  # fmt: skip


def _row(control: ControlInput) -> dict[str, str]:
    """The control as the texts of a row of a sheet."""
    mappings, systems = control.mappings or [], control.systems or []
    for mapping in mappings:
        _no_separator("target", mapping.target)
    for system in systems:
        _no_separator("system", system)
    return {
        "id": control.id,
        "title": control.title,
        "description": control.description or "",
        "status": control.status.value,
        "owner": control.owner or "",
        "evidence_date": control.evidence_date.isoformat() if control.evidence_date else "",
        "evidence_max_age_days": "" if control.max_evidence_age_days is None else str(control.max_evidence_age_days),
        "mappings": "; ".join(f"{m.target} {m.relation.value if m.relation else ''}" for m in mappings),
        "systems": "; ".join(systems),
    }


def _no_separator(what: str, text: str) -> None:
    if ";" in text or "\n" in text:
        raise UsageError(f"{text[:60]!r} is not one {what}", f"give each {what} an entry of its own in the list")
