"""Organisations that are kept: what they hold, how they stand, and what happened to them."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

import kg.model as m
from api.context import Info
from api.schema import tenants
from api.schema.assessments import Assessment, Coverage, Explain, FrameworkArgument, GapReport, Profile
from api.schema.changes import Comparison
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Authority, ControlStatus, ProposalState, RecordKind, Relation, Role
from api.schema.inputs import filter_of
from api.schema.lookup import By
from api.schema.nodes import computed, mirror
from api.schema.suggestions import Suggestions, live
from kg import answers
from kg.answers import MAX_HOPS
from kg.errors import UsageError
from kg.organizations import store as kept
from kg.relations import RELATIONS
from kg.release import Release

__all__ = [
    "DEFAULT_SUGGESTIONS", "MAX_CHANGES", "MAX_SUGGESTIONS", "Organization", "OrganizationQueries", "Suggestion",
    "Viewer", "check_limit",
]  # fmt: skip

#: The most changes of one answer.
MAX_CHANGES = 500
#: The most suggestions of one framework or catalogue for one control, and how many there are where nothing is said.
MAX_SUGGESTIONS = 50
DEFAULT_SUGGESTIONS = 5

_WORDS = {mask: word for word, mask in RELATIONS.items()}

At = Annotated[
    dt.datetime | None,
    argument(description="An instant with its zone: the organisation as it was then, judged by the law of that day."),
]
AtRevision = Annotated[int | None, argument(description="A revision: the organisation as it was at it.")]


@strawberry.input(description="An organisation as it was: say one of the two. Neither: as it is now.")
class PastInput:
    at: dt.datetime | None = field(
        description="An instant with its zone: as it was then; without `asOf`, judged by the law of that day.",
        default=None,
    )
    revision: int | None = field(description="A revision: as it was at it.", default=None)


# ---------------------------------------------------------------------------- what it holds


@strawberry.type(description="What an organisation says of one of its controls.")
class StoredMapping:
    target: str = field(description="The CURIE of the reference control, joint node or provision.")
    title: str = field(description="What that is called; empty where this release does not have it.")
    relation: Relation = field(description="Read from the control to the target.")
    stated: bool = field(description="Whether the organisation said so; else it is what is assumed.")


@strawberry.type(description="What shows that a control is done. One record may serve several controls.")
class EvidenceRecord:
    id: str = field(description="Its id within the organisation.")
    kind: str = field(description="What sort of thing it is.")
    title: str = field(description="What it is called.")
    day: dt.date | None = field(description="From when it is; null: not said.")
    valid_until: dt.date | None = field(description="Until when it counts; null: not said.")
    link: str = field(description="Where it is.")
    note: str = field(description="Anything else.")


@strawberry.type(description="An evidence record with the controls it serves.")
class StoredEvidence:
    record: EvidenceRecord = field(description="The record.")
    controls: list[str] = field(description="The ids of the controls it serves.")
    version: int = field(description="Its version: give it back as `expectedVersion` when you change it.")

    @classmethod
    def of(cls, it: kept.StoredEvidence) -> "StoredEvidence":
        """The schema's view of stored evidence."""
        return cls(record=mirror(EvidenceRecord, it.record), controls=list(it.controls), version=it.version)


@strawberry.type(description="One control of an organisation.")
class StoredControl:
    id: str = field(description="Its id within the organisation.")
    title: str = field(description="What it is called.")
    description: str = field(description="What is done.")
    status: ControlStatus = field(description="How far it is implemented.")
    owner: str = field(description="Who answers for it.")
    evidence_date: dt.date | None = field(description="The day of the newest evidence; null: not said.")
    max_evidence_age_days: int | None = field(description="Its own freshness rule, in days; null: the profile's.")
    systems: list[str] = field(description="The AI systems it is limited to; empty: the whole organisation.")
    mappings: list[StoredMapping] = field(description="What it does for what.", metadata={"size": 5})
    evidence: list[EvidenceRecord] = field(description="What shows that it is done.", metadata={"size": 3})
    version: int = field(
        description="Its version: give it back as `expectedVersion` when you change it. 0 for one that is archived."
    )

    @classmethod
    def of(cls, release: Release, it: m.Control, version: int) -> "StoredControl":
        """The schema's view of a stored control."""
        rows = [
            StoredMapping(
                target=r.target, title=release.title(r.target), relation=Relation(_WORDS[r.mask]), stated=r.stated
            )
            for r in it.rows
        ]
        return mirror(
            cls,
            it,
            systems=list(it.systems),
            mappings=rows,
            evidence=[mirror(EvidenceRecord, e) for e in it.evidence],
            version=version,
        )


@strawberry.type(description="A suggested mapping of a control. It counts for nothing until a person accepts it.")
class Suggestion:
    control: str = field(description="The control's id.")
    target: str = field(description="The CURIE of the reference control or requirement.")
    title: str = field(description="What that is called.")
    rank: int = field(description="Its place among the suggestions of this control, from 1.")
    why: str = field(description="What it was found by.")
    state: ProposalState = field(description="Whether somebody has decided.")
    relation: Relation | None = field(description="With which relation it was accepted; null where it was not.")
    decided_by: str = field(description="Who decided; empty where nobody has.")
    decided_on: dt.date | None = field(description="When; null where nobody has.")
    version: int = field(description="Its version: give it back as `expectedVersion` when you decide.")

    @classmethod
    def of(cls, release: Release, it: kept.Proposal) -> "Suggestion":
        """The schema's view of a proposal."""
        return mirror(
            cls,
            it,
            control=it.control_id,
            title=release.title(it.target),
            relation=Relation(it.relation) if it.relation else None,
        )


# ---------------------------------------------------------------------------- what happened


@strawberry.type(description="Who did something.")
class Actor:
    kind: str = field(description="key, user, command or local.")
    id: str = field(description="Which one: a key's prefix, an issuer and subject, a user of the machine.")


@strawberry.type(description="One change of one thing.")
class HistoryEntry:
    revision: int = field(description="The organisation's revision that it made.")
    at: dt.datetime = field(description="When.")
    actor: Actor = field(description="Who.")
    action: str = field(description="What was done, for example control.archive.")
    kind: RecordKind = field(description="What sort of thing it was done to.")
    id: str = field(description="Which one; empty for the organisation or its profile.")
    before: JSON | None = field(description="Its whole state before; null where there was none.")
    after: JSON | None = field(description="Its whole state after; null where there is none.")

    @classmethod
    def of(cls, it: kept.ChangeEntry) -> "HistoryEntry":
        """The schema's view of a change."""
        return mirror(cls, it, actor=mirror(Actor, it.actor))


@strawberry.type(description="What has changed since a revision.")
class History:
    entries: list[HistoryEntry] = field(description="The changes, oldest first.", metadata={"size": 50})
    revision: int = field(description="The revision up to which this tells everything: ask on from here.")
    current: int = field(description="The organisation's present revision; where it is greater there is more.")


@strawberry.type(description="A change as the audit log holds it.")
class AuditEntry:
    seq: int = field(description="Its number, from 1 without a gap.")
    change: HistoryEntry = field(description="What was done.")
    prev_hash: str = field(description="The hash of the entry before.")
    hash: str = field(description="SHA-256 over the canonical JSON of everything else in it.")

    @classmethod
    def of(cls, it: kept.AuditEntry) -> "AuditEntry":
        """The schema's view of an entry."""
        return mirror(cls, it, change=HistoryEntry.of(it.change))


@strawberry.type(description="Whether the audit log is whole.")
class AuditReport:
    entries: int = field(description="How many entries it has.")
    head: str = field(description="The hash of the last: kept elsewhere, it proves that nothing before was rewritten.")
    ok: bool = field(description="Whether no entry was removed, changed or moved.")
    findings: list[str] = field(description="What is wrong with it.")


@strawberry.type(description="An API key, without its secret.")
class ApiKey:
    id: str = field(description="Its prefix, which may be shown.")
    name: str = field(description="What it is for.")
    role: Role = field(description="What it may do.")
    created_at: dt.datetime = field(description="When it was made.")
    created_by: str = field(description="Who made it.")
    expires_at: dt.datetime | None = field(description="When it ends; null: never.")
    revoked_at: dt.datetime | None = field(description="When it was revoked; null: it was not.")
    last_used_at: dt.datetime | None = field(description="When it was last used, to a few minutes; null: never.")
    rotated_to: str = field(description="The key that replaces it; empty where none does.")


@strawberry.type(description="Somebody whom the issuer of the server vouches for, with a role in the organisation.")
class Member:
    issuer: str = field(description="The OpenID Connect issuer.")
    subject: str = field(description="The `sub` of their tokens.")
    role: Role = field(description="What they may do.")
    name: str = field(description="What they are called.")
    added_at: dt.datetime | None = field(description="Since when.")


# ---------------------------------------------------------------------------- the organisation


@strawberry.type(description="An organisation that is kept here.")
class Organization:
    id: str = field(description="Its id.")
    name: str = field(description="What it is called.")
    revision: int = field(description="Grows with every change of anything in it.")
    version: int = field(description="The version of its name and archive state, for `expectedVersion`.")
    created_at: dt.datetime = field(description="Since when it is kept.")
    updated_at: dt.datetime = field(description="When it last changed.")
    archived_at: dt.datetime | None = field(description="Since when it is archived; null: it is not.")

    @classmethod
    def of(cls, it: kept.Organization) -> "Organization":
        """The schema's view of an organisation."""
        return mirror(cls, it)

    @computed("What you may do in it.")
    def role(self, info: Info) -> Role | None:
        return info.context.principal.role_in(self.id)

    @computed("Its profile; null where none was set.")
    def profile(self, info: Info) -> Profile | None:
        return Profile.of(tenants.state_of(info, self.id).profile)

    @computed("The version of its profile, for `expectedVersion`; 0 where none was ever set.")
    def profile_version(self, info: Info) -> int:
        return tenants.state_of(info, self.id).profile_version

    @computed("Its controls by id.")
    def controls(
        self,
        info: Info,
        status: Annotated[list[ControlStatus] | None, argument(description="Only with one of these statuses.")] = None,
        unmapped: Annotated[bool, argument(description="Only those without any mapping.")] = False,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[StoredControl]:
        state = tenants.state_of(info, self.id)
        found = [
            c for c in state.controls if (not status or c.status in status) and not (unmapped and c.rows)
        ]  # fmt: skip
        return self._controls(info, "controls", found, state.versions, first, after)

    @computed("The controls that were archived, by id.", cost=10)
    def archived_controls(
        self, info: Info, first: First = DEFAULT_PAGE, after: After = None
    ) -> Connection[StoredControl]:
        found = tenants.needed(info, self.id, Role.VIEWER).archived_controls(self.id)
        return self._controls(info, "archived controls", found, {}, first, after)

    def _controls(
        self, info: Info, what: str, found: Sequence[m.Control], versions: Any, first: int, after: str | None
    ) -> Connection[StoredControl]:
        release = info.context.release
        return connect(
            info, f"{what} of {self.id}", found, lambda c: c.id,
            lambda c: StoredControl.of(release, c, versions.get(c.id, 0)), first, after,
        )  # fmt: skip

    @computed("One control; null where there is none of that id, or it is archived.")
    def control(
        self, info: Info, id: Annotated[str, argument(description="Its id within the organisation.")]
    ) -> StoredControl | None:
        state = tenants.state_of(info, self.id)
        found = next((c for c in state.controls if c.id == id), None)
        return StoredControl.of(info.context.release, found, state.versions[id]) if found else None

    @computed("Its evidence records by id.", cost=10)
    def evidence(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[StoredEvidence]:
        found = tenants.needed(info, self.id, Role.VIEWER).list_evidence(self.id)
        return connect(info, f"evidence of {self.id}", found, lambda e: e.record.id, StoredEvidence.of, first, after)

    @computed(
        "Its controls and profile put to the graph, now or as they were. Where `at` is given and `asOf` is not, the "
        "law is that of the same day.",
        cost=100,
    )
    def assessment(
        self,
        info: Info,
        as_of: Annotated[
            dt.date | None, argument(description="The day asked for; else the profile's, the day of `at`, or today.")
        ] = None,
        at: At = None,
        at_revision: AtRevision = None,
        max_hops: Annotated[int, argument(description=f"How many rows a chain may have, 0 to {MAX_HOPS}.")] = MAX_HOPS,
        min_authority: Annotated[
            Authority, argument(description="The least authority a row must have to count.")
        ] = Authority.ORGANIZATION,
        reviewed_only: Annotated[bool, argument(description="Whether only reviewed rows count.")] = False,
        sets: Annotated[
            list[str] | None, argument(description="Only rows of these mapping sets count; left out or empty: of all.")
        ] = None,
    ) -> Assessment:
        filter_ = filter_of(info.context.release, max_hops, min_authority, reviewed_only, sets)
        state, found = self._assessed(info, PastInput(at=at, revision=at_revision), as_of, filter_)
        return Assessment.of(found, tenants.sheet_of(info, state))

    def _assessed(
        self, info: Info, when: PastInput, as_of: dt.date | None, filter_: answers.Filter
    ) -> tuple[kept.OrganizationState, answers.Assessment]:
        """It as it is or was, put to the graph."""
        state = tenants.state_of(info, self.id, revision=when.revision, at=_aware(when.at))
        pinned = state.profile.as_of if state.profile else None
        day = as_of or pinned or (when.at.date() if when.at else None) or dt.date.today()
        return state, tenants.assessment_of(info, state, day, filter_)

    @computed(
        "It as it was beside it as it is now, or as it was later: which requirements' answers changed, and what made "
        "each change (a control, evidence, the profile, the day, the law). Both sides are of this release.",
        cost=400,
    )
    def compare(
        self,
        info: Info,
        before: Annotated[PastInput, argument(description="The side before.")],
        after: Annotated[PastInput | None, argument(description="The side after; left out: as it is now.")] = None,
        frameworks: Annotated[
            list[str] | None, argument(description="Compare these frameworks only; left out: all.")
        ] = None,
        as_of: Annotated[
            dt.date | None,
            argument(description="The day asked for on both sides; else each side's profile's, that of its `at`, or "
                     "today."),
        ] = None,
        reasons: Annotated[bool, argument(description="Also where only the reasons changed.")] = False,
        chains: Annotated[bool, argument(description="Also where only the chain changed.")] = False,
        max_hops: Annotated[int, argument(description=f"How many rows a chain may have, 0 to {MAX_HOPS}.")] = MAX_HOPS,
        min_authority: Annotated[
            Authority, argument(description="The least authority a row must have to count.")
        ] = Authority.ORGANIZATION,
        reviewed_only: Annotated[bool, argument(description="Whether only reviewed rows count.")] = False,
        sets: Annotated[
            list[str] | None, argument(description="Only rows of these mapping sets count; left out or empty: of all.")
        ] = None,
    ) -> Comparison:  # fmt: skip
        filter_ = filter_of(info.context.release, max_hops, min_authority, reviewed_only, sets)
        _, old = self._assessed(info, before, as_of, filter_)
        _, new = self._assessed(info, after or PastInput(), as_of, filter_)
        return Comparison.ask(info, old, new, frameworks, reasons=reasons, chains=chains)

    @computed("`assessment { coverage }` for today: one framework, every requirement with its verdict.", cost=200)
    def coverage(self, info: Info, framework: FrameworkArgument) -> Coverage:
        return self.assessment(info).coverage(info, framework)

    @computed("`assessment { gaps }` for today: one framework's open requirements, worst first.", cost=200)
    def gaps(self, info: Info, framework: FrameworkArgument) -> GapReport:
        return self.assessment(info).gaps(info, framework)

    @computed("`assessment { explain }` for today: everything behind one requirement's verdict.", cost=150)
    def explain(self, info: Info, requirement: Annotated[By, argument(description="Which requirement.")]) -> Explain:
        return self.assessment(info).explain(info, requirement)

    @computed("What has changed since a revision: its name, profile, controls, evidence and suggestions.", cost=20)
    def changes_since(
        self,
        info: Info,
        revision: Annotated[int, argument(description="The revision that you know; 0 for everything.")],
        first: Annotated[
            int, argument(description=f"About how many changes: whole revisions only, at most {MAX_CHANGES}.")
        ] = DEFAULT_PAGE,
    ) -> History:
        if not 1 <= first <= MAX_CHANGES:
            raise UsageError(f"first: {first} is out of range", f"1 to {MAX_CHANGES}")
        store = tenants.needed(info, self.id, Role.VIEWER)
        found = store.changes_since(self.id, revision, limit=first)
        current = store.revision(self.id)
        return History(
            entries=[HistoryEntry.of(e) for e in found],
            revision=found[-1].revision if found else current,
            current=current,
        )

    @computed("Suggested mappings by control and rank: nothing of it counts.", cost=10)
    def suggestions(
        self,
        info: Info,
        control: Annotated[str | None, argument(description="Only of this control.")] = None,
        state: Annotated[ProposalState | None, argument(description="Only in this state.")] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Suggestion]:
        store = tenants.needed(info, self.id, Role.VIEWER)
        found = store.proposals(self.id, control_id=control, state=state)
        release = info.context.release
        return connect(
            info, f"suggestions of {self.id}", found, lambda p: f"{p.control_id}\n{p.target}",
            lambda p: Suggestion.of(release, p), first, after,
        )  # fmt: skip

    @computed(
        "What one control may be mapped to, found now from its text: nothing is stored, nothing counts, and what "
        "somebody rejected is left out. `proposeMappings` keeps suggestions for somebody to decide on.",
        cost=50,
    )
    def suggest(
        self,
        info: Info,
        control: Annotated[str, argument(description="The control's id.")],
        sources: Annotated[
            list[str] | None,
            argument(description="Ids of frameworks and catalogues to suggest from; left out or empty: all."),
        ] = None,
        limit: Annotated[
            int, argument(description=f"The most of each of them: 1 to {MAX_SUGGESTIONS}.")
        ] = DEFAULT_SUGGESTIONS,
    ) -> Suggestions:
        return live(info, self.id, control, sources, check_limit(limit))

    @computed("Its API keys, newest first. For administrators.", cost=10, size=10)
    def keys(self, info: Info) -> list[ApiKey]:
        return [mirror(ApiKey, k) for k in tenants.needed(info, self.id, Role.ADMIN).list_keys(self.id)]

    @computed("Who has a role in it. For administrators.", cost=10)
    def members(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Member]:
        found = tenants.needed(info, self.id, Role.ADMIN).list_members(self.id)
        return connect(
            info, f"members of {self.id}", found, lambda e: f"{e.issuer}\n{e.subject}",
            lambda e: mirror(Member, e), first, after,
        )  # fmt: skip

    @computed("Its audit log, oldest first. For administrators.", cost=20, size=MAX_CHANGES)
    def audit_log(
        self,
        info: Info,
        after_entry: Annotated[int, argument(description="Only entries behind this number.")] = 0,
        first: Annotated[int, argument(description=f"How many entries, at most {MAX_CHANGES}.")] = DEFAULT_PAGE,
    ) -> list[AuditEntry]:
        if not 0 <= first <= MAX_CHANGES or after_entry < 0:
            raise UsageError(f"first: {first} is out of range", f"0 to {MAX_CHANGES}")
        store = tenants.needed(info, self.id, Role.ADMIN)
        return [AuditEntry.of(e) for e in store.audit(self.id, after=after_entry, limit=first)]

    @computed("Whether its audit log is whole: every hash is computed again. For administrators.", cost=500)
    def audit_report(self, info: Info) -> AuditReport:
        found = tenants.needed(info, self.id, Role.ADMIN).verify(self.id)
        return mirror(AuditReport, found, findings=[str(f) for f in found.findings])


def check_limit(limit: int) -> int:
    """The limit of suggestions, if it is in range."""
    if not 1 <= limit <= MAX_SUGGESTIONS:
        raise UsageError(f"limit: {limit} is out of range", f"1 to {MAX_SUGGESTIONS}")
    return limit


def _aware(at: dt.datetime | None) -> dt.datetime | None:
    if at is not None and at.tzinfo is None:
        raise UsageError("`at` has no zone", "write it as 2026-11-23T12:00:00Z")
    return at


# ---------------------------------------------------------------------------- the root


@strawberry.type(description="Who you are to this server.")
class Viewer:
    kind: str = field(description="anonymous, local (the person at this machine), key or user.")
    id: str = field(description="Which key or user; empty else.")
    name: str = field(description="What it is called.")
    platform_admin: bool = field(description="Whether you may create, list and archive organisations.")


@strawberry.type(description="What a platform administrator sees of an organisation: that it exists.")
class Tenant:
    id: str = field(description="Its id.")
    name: str = field(description="What it is called.")
    created_at: dt.datetime = field(description="Since when it is kept.")
    archived_at: dt.datetime | None = field(description="Since when it is archived; null: it is not.")


@strawberry.type
class OrganizationQueries:
    @computed("Who you are to this server.")
    def viewer(self, info: Info) -> Viewer:
        it = info.context.principal
        return mirror(Viewer, it, platform_admin=it.platform)

    @computed("The organisations in which you have a role, by id; for the person at this machine all of them.", cost=10)
    def organizations(
        self,
        info: Info,
        archived: Annotated[bool, argument(description="Whether archived ones are listed too.")] = False,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Organization]:
        store, me = tenants.whole_store(info), info.context.principal
        if me.everywhere:
            every: Sequence[kept.Organization] = store.list_organizations(archived=True)
        else:
            every = [o for id_ in sorted(me.roles) if (o := tenants.organization(info, id_))]
        found = [o for o in every if archived or o.archived_at is None]
        return connect(info, "organizations", found, lambda o: o.id, Organization.of, first, after)

    @computed("One organisation; null where there is none, or none for you.", cost=5)
    def organization(self, info: Info, id: Annotated[str, argument(description="Its id.")]) -> Organization | None:
        found = tenants.organization(info, id)
        return Organization.of(found) if found else None

    @computed("Every organisation of this server, by id. For platform administrators.", cost=10)
    def tenants(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Tenant]:
        found = tenants.platform(info).list_organizations(archived=True)
        return connect(info, "tenants", found, lambda o: o.id, lambda o: mirror(Tenant, o), first, after)
