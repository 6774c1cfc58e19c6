"""What a what-if question takes to be otherwise."""

import datetime as dt

import strawberry
from strawberry import field

from api.schema.enums import ControlStatus
from api.schema.inputs import (
    MAX_CONTROLS,
    MAX_ENTRIES,
    ControlInput,
    FactInput,
    ProfileInput,
    TooMuchError,
    read_controls,
    read_profile,
)
from kg.answers.whatif import Changes
from kg.errors import UsageError
from kg.model import Profile
from kg.organizations import find_target
from kg.release import Release

__all__ = ["ChangesInput"]


@strawberry.input(description="A control and the status it is taken to have.")
class ControlStatusInput:
    control: str = field(description="The control's id.")
    status: ControlStatus = field(description="The status.")


@strawberry.input(description="A framework that is taken to be done, as far as it applies.")
class CertifyInput:
    framework: str = field(description="Its short id: iso42001.")
    exclude: list[str] | None = field(
        description="Provisions of it that are not done, with everything in them.", default=None
    )


@strawberry.input(description="What is taken to be otherwise; everything not named stays.")
class ChangesInput:
    add: list[str] | None = field(
        description="CURIEs of reference controls, joint nodes or provisions now done in full.", default=None
    )
    add_controls: list[ControlInput] | None = field(description="Controls of its own, added.", default=None)
    remove: list[str] | None = field(description="Ids of controls that are gone.", default=None)
    statuses: list[ControlStatusInput] | None = field(description="Controls with another status.", default=None)
    certify: list[CertifyInput] | None = field(
        description="Frameworks now done: every provision all of whose requirements apply to the profile.", default=None
    )
    profile: ProfileInput | None = field(description="Another profile in place of its own.", default=None)
    roles: list[str] | None = field(
        description="The roles it has then, for every AI system too; they take the place of all others.", default=None
    )
    facts: list[FactInput] | None = field(description="Facts stated otherwise, for every AI system too.", default=None)
    without_evidence: list[str] | None = field(
        description="Ids of records of evidence that are gone, or of controls with all theirs, or `all`.", default=None
    )
    evidence_before: dt.date | None = field(
        description="All evidence of before this day, or of no day, is gone.", default=None
    )
    evidence_day: dt.date | None = field(
        description="Evidence is as old as it is on this day; all else stays as on the day asked for.", default=None
    )

    def read(self, release: Release, profile: Profile | None) -> Changes:
        """The changes, checked; raises :class:`~kg.errors.KgError`.  ``profile`` is the one there is."""
        for what, count, most in (
            ("controls", len(self.add_controls or ()), MAX_CONTROLS),
            ("entries", len(self.add or ()) + len(self.statuses or ()) + len(self.remove or ()), MAX_CONTROLS),
            ("facts", len(self.facts or ()), MAX_ENTRIES),
        ):
            if count > most:
                raise TooMuchError(f"{count} {what} are too many for one request", f"at most {most}")
        other = read_profile(self.profile, release)
        return Changes(
            add=tuple(_target(release, id_) for id_ in self.add or ()),
            add_controls=read_controls(self.add_controls or [], release, other or profile).controls,
            remove=tuple(self.remove or ()),
            statuses=tuple((s.control, s.status) for s in self.statuses or ()),
            certify=tuple(release.framework(c.framework).id for c in self.certify or ()),
            exclude=tuple(release.resolve(id_, c.framework) for c in self.certify or () for id_ in c.exclude or ()),
            profile=other,
            roles=None if self.roles is None else tuple(self.roles),
            facts=tuple((f.name, f.value) for f in self.facts or ()),
            without_evidence=tuple(self.without_evidence or ()),
            evidence_before=self.evidence_before,
            evidence_day=self.evidence_day,
        )


def _target(release: Release, text: str) -> str:
    found = find_target(release, text)
    if found in release.frameworks:
        raise UsageError(f"{found} is a whole framework", "name it in `certify`")
    return release.node(found).id
