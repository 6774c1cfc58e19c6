"""Everything that changes an organisation.  Each write is one transaction: done, or told why not.

What may go wrong in the normal course is part of the answer (a conflict with another's change, faults in what was
sent, an id that is not there); who may not do it at all gets an error.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from api.context import Info
from api.schema import tenants
from api.schema.assessments import Finding
from api.schema.enums import Relation, Role
from api.schema.imports import ImportCounts, ImportPreview
from api.schema.inputs import (
    MAX_CONTROLS,
    ControlInput,
    ControlMappingInput,
    EvidenceInput,
    ProfileInput,
    controls_of,
    evidence_record,
    read_profile,
)
from api.schema.nodes import mirror
from api.schema.organizations import DEFAULT_SUGGESTIONS, MAX_SUGGESTIONS, ApiKey, Organization, check_limit
from kg.errors import ConflictError, InputError, UnknownIdError, UsageError
from kg.organizations import store as kept
from kg.organizations.store import PLATFORM, Commit
from kg.organizations.updates import MAX_IMPORT, MAX_PROPOSALS, apply_update, propose, read_update

if TYPE_CHECKING:
    from kg.organizations.store import Store

__all__ = ["Mutation"]

_T = TypeVar("_T")
_Method = TypeVar("_Method", bound=Callable[..., Any])
_MAX_IDS = 5_000

OrganizationId = Annotated[str, argument(description="The organisation's id.")]
Expected = Annotated[
    int | None,
    argument(
        description="The version that you read: if it has changed since, nothing is written and you get a Conflict. "
        "Left out, your write wins."
    ),
]
ExpectedRevision = Annotated[
    int | None,
    argument(
        description="The organisation's revision that you read: if anything this touches has changed since, nothing is "
        "written and you get a Conflict. Left out, your write wins."
    ),
]


# ---------------------------------------------------------------------------- what comes back


@strawberry.type(description="Done, and on disk.")
class Written:
    revision: int = field(description="The organisation's revision now.")
    changed: list[str] = field(description="What changed, as kind/id; empty where everything was so already.")
    at: dt.datetime = field(description="When.")
    organization: Organization = field(description="The organisation now.")


@strawberry.type(description="Somebody else has changed it since you read it. Nothing was written.")
class Conflict:
    message: str = field(description="What has changed.")
    version: int = field(description="Its version now; 0 where it does not exist.")
    revision: int = field(description="The organisation's revision now.")
    current: JSON | None = field(description="What is there now; null where it does not exist.")


@strawberry.type(description="What was sent has faults. Nothing was written.")
class InvalidInput:
    message: str = field(description="The first fault.")
    findings: list[Finding] = field(description="Every fault.", metadata={"size": 50})


@strawberry.type(description="An id that names nothing. Nothing was written.")
class NotFound:
    message: str = field(description="Which one.")
    hint: str = field(description="Where to look.")


@strawberry.type(description="A key that was just made: the token is shown this once.")
class NewKey:
    token: str = field(description="What goes behind `Authorization: Bearer`. It is kept nowhere.")
    key: ApiKey = field(description="What is kept of it.")


@strawberry.type(description="The import is done, and on disk.")
class ImportDone:
    written: Written = field(description="What was written; where everything was so already, nothing.")
    counts: ImportCounts = field(description="How many controls of which sort.")
    findings: list[Finding] = field(description="Warnings about the file.", metadata={"size": 20})


WriteResult = Annotated[
    Written | Conflict | InvalidInput | NotFound,
    strawberry.union("WriteResult", description="Done, or why not."),
]
CreateResult = Annotated[
    Organization | Conflict | InvalidInput,
    strawberry.union("CreateOrganizationResult", description="The new organisation, or why not."),
]
ImportResult = Annotated[
    ImportPreview | ImportDone | Conflict | InvalidInput | NotFound,
    strawberry.union("ImportResult", description="What the import would do, or has done, or why not."),
]
KeyResult = Annotated[
    NewKey | InvalidInput | NotFound, strawberry.union("KeyResult", description="The new key, or why not.")
]


# ---------------------------------------------------------------------------- what goes in


@strawberry.input(description="The version of one control that you read.")
class ExpectedVersion:
    id: str = field(description="The control's id.")
    version: int = field(description="Its version; 0: it must not exist yet.")


# ---------------------------------------------------------------------------- how every write goes


def _attempt(work: Callable[[], _T]) -> _T | Conflict | InvalidInput | NotFound:
    """The result of ``work``, or the part of a result union that says why there is none."""
    try:
        return work()
    except ConflictError as error:
        from kg.exports.json import plain  # of all answers

        current = plain(error.current) if error.current is not None else None
        return Conflict(message=error.message, version=error.version, revision=error.revision, current=current)
    except InputError as error:
        return InvalidInput(message=error.message, findings=[Finding.of(f) for f in error.findings])
    except UnknownIdError as error:
        return NotFound(message=error.message, hint=error.hint)


def _write(
    info: Info, organization_id: str, role: Role, operation: str, work: "Callable[[Store], Commit]"
) -> WriteResult:
    def run() -> Written:
        store = tenants.needed(info, organization_id, role)
        return _written(info, store, work(store), operation)

    return _attempt(run)


def _written(info: Info, store: "Store", commit: Commit, operation: str) -> Written:
    """What is said of a write, which is counted, and after which everything is read anew."""
    if info.context.metrics and commit.changed:
        info.context.metrics.wrote(operation)
    info.context.forget()
    return Written(
        revision=commit.revision,
        changed=list(commit.changed),
        at=commit.at,
        organization=Organization.of(store.get_organization(commit.organization_id)),
    )


def _moment(at: dt.datetime | None, name: str) -> dt.datetime | None:
    if at is not None and at.tzinfo is None:
        raise UsageError(f"`{name}` has no zone", "write it as 2026-11-23T12:00:00Z")
    return at


def _few(what: str, items: Sequence[Any], most: int) -> None:
    if len(items) > most:
        raise UsageError(f"{len(items)} {what} are too many for one write", f"at most {most}")


def _mutation(description: str, *, cost: int = 100) -> Callable[[_Method], _Method]:
    decorator: Callable[[_Method], _Method] = strawberry.mutation(description=description, metadata={"cost": cost})
    return decorator


@strawberry.type(description="Everything that changes an organisation. By POST only.")
class Mutation:
    # -------------------------------------------------------- organisations

    @_mutation("Create an organisation. For platform administrators.")
    def create_organization(
        self,
        info: Info,
        name: Annotated[str, argument(description="What it is called.")],
        id: Annotated[
            str | None, argument(description="Its id: a-z, 0-9 and -, at most 63. Left out, it is random.")
        ] = None,
    ) -> CreateResult:
        store = tenants.platform(info)
        actor = info.context.principal.actor
        return cast(
            CreateResult, _attempt(lambda: Organization.of(store.create_organization(name, id=id, actor=actor)))
        )

    @_mutation("Give an organisation another name. For its administrators.")
    def rename_organization(
        self,
        info: Info,
        organization: OrganizationId,
        name: Annotated[str, argument(description="What it is called from now on.")],
        expected_version: Expected = None,
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.ADMIN, "rename_organization",
            lambda s: s.rename_organization(organization, name, expected=expected_version, actor=actor),
        )  # fmt: skip

    @_mutation("Archive an organisation, or take it up again: archived, nothing in it changes. For its administrators.")
    def archive_organization(
        self,
        info: Info,
        organization: OrganizationId,
        archived: Annotated[bool, argument(description="false takes it up again.")] = True,
        expected_version: Expected = None,
    ) -> WriteResult:
        actor = info.context.principal.actor

        def work(store: "Store") -> Commit:
            change = store.archive_organization if archived else store.unarchive_organization
            return change(organization, expected=expected_version, actor=actor)

        return _write(info, organization, Role.ADMIN, "archive_organization", work)

    # -------------------------------------------------------- content

    @_mutation("Set the profile, with its AI systems and exclusions, as a whole. For editors.")
    def set_profile(
        self,
        info: Info,
        organization: OrganizationId,
        profile: Annotated[ProfileInput | None, argument(description="The profile; null takes it away.")],
        expected_version: Expected = None,
    ) -> WriteResult:
        actor, release = info.context.principal.actor, info.context.release
        return _write(
            info, organization, Role.EDITOR, "set_profile",
            lambda s: s.set_profile(
                organization, read_profile(profile, release), release=release, expected=expected_version, actor=actor
            ),
        )  # fmt: skip

    @_mutation("Add or replace controls by id, all or none. An archived one is taken up again. For editors.", cost=500)
    def upsert_controls(
        self,
        info: Info,
        organization: OrganizationId,
        controls: Annotated[list[ControlInput], argument(description=f"The controls: at most {MAX_CONTROLS}.")],
        expected_revision: ExpectedRevision = None,
        expected_versions: Annotated[
            list[ExpectedVersion] | None,
            argument(description="Or the version of each control that you read; not together with expectedRevision."),
        ] = None,
    ) -> WriteResult:
        _few("controls", controls, MAX_CONTROLS)
        actor, release = info.context.principal.actor, info.context.release
        expected = _expected(expected_revision, expected_versions)

        def work(store: "Store") -> Commit:
            found = controls_of(controls, release)
            return store.upsert_controls(organization, found, release=release, expected=expected, actor=actor)

        return _write(info, organization, Role.EDITOR, "upsert_controls", work)

    @_mutation("Take controls out of every answer, or back in; their history stays. For editors.")
    def archive_controls(
        self,
        info: Info,
        organization: OrganizationId,
        ids: Annotated[list[str], argument(description="Their ids.")],
        archived: Annotated[bool, argument(description="false takes them up again.")] = True,
        expected_revision: ExpectedRevision = None,
    ) -> WriteResult:
        _few("ids", ids, _MAX_IDS)
        actor = info.context.principal.actor

        def work(store: "Store") -> Commit:
            change = store.archive_controls if archived else store.restore_controls
            return change(organization, ids, expected=expected_revision, actor=actor)

        return _write(info, organization, Role.EDITOR, "archive_controls", work)

    @_mutation("Say what one control does for what, as a whole. For editors.")
    def set_mappings(
        self,
        info: Info,
        organization: OrganizationId,
        control: Annotated[str, argument(description="The control's id.")],
        mappings: Annotated[list[ControlMappingInput], argument(description="All its mappings.")],
        expected_version: Expected = None,
    ) -> WriteResult:
        _few("mappings", mappings, MAX_CONTROLS)
        actor, release = info.context.principal.actor, info.context.release

        def work(store: "Store") -> Commit:
            held, _ = store.get_control(organization, control)
            given = ControlInput(id=control, title=held.title, status=held.status, mappings=mappings)
            rows = controls_of([given], release)[0].rows
            return store.set_mappings(
                organization, control, rows, release=release, expected=expected_version, actor=actor
            )

        return _write(info, organization, Role.EDITOR, "set_mappings", work)

    @_mutation("Add or replace an evidence record. For editors.")
    def put_evidence(
        self,
        info: Info,
        organization: OrganizationId,
        evidence: Annotated[EvidenceInput, argument(description="The record.")],
        controls: Annotated[
            list[str] | None,
            argument(description="The ids of all controls that it serves; left out, those stay as they are."),
        ] = None,
        expected_version: Expected = None,
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.EDITOR, "put_evidence",
            lambda s: s.put_evidence(
                organization, evidence_record(evidence), controls=controls, expected=expected_version, actor=actor
            ),
        )  # fmt: skip

    @_mutation("Take an evidence record away from every control that it serves; the history keeps it. For editors.")
    def remove_evidence(
        self,
        info: Info,
        organization: OrganizationId,
        id: Annotated[str, argument(description="The record's id.")],
        expected_version: Expected = None,
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.EDITOR, "remove_evidence",
            lambda s: s.remove_evidence(organization, id, expected=expected_version, actor=actor),
        )  # fmt: skip

    @_mutation(
        "Bring the controls up to date from a file, all or nothing; the same file again changes nothing. Every format "
        "that `kg import controls` reads. Without `preview: false` nothing is written. For editors.",
        cost=500,
    )
    def import_controls(
        self,
        info: Info,
        organization: OrganizationId,
        file_name: Annotated[
            str, argument(description="What the file is called: its ending says how to read it, findings name it.")
        ],
        content: Annotated[
            str, argument(description=f"Its bytes in base64, without line breaks; at most {MAX_IMPORT:,} controls.")
        ],
        framework: Annotated[
            str | None,
            argument(description="The framework that the references of an audit or a component definition are of."),
        ] = None,
        remove_missing: Annotated[
            bool, argument(description="The file is the whole list: archive the controls that it does not name.")
        ] = False,
        preview: Annotated[bool, argument(description="Only say what would change; false writes it.")] = True,
        expected_revision: Annotated[
            int | None,
            argument(
                description="The revision of the preview that you looked through: if anything the import touches has "
                "changed since, nothing is written and you get a Conflict."
            ),
        ] = None,
    ) -> ImportResult:
        actor, release = info.context.principal.actor, info.context.release

        def run() -> ImportPreview | ImportDone:
            store = tenants.needed(info, organization, Role.EDITOR)
            home = None if framework is None else release.framework(framework).id
            update = read_update(
                store, organization, release, _named(file_name), content=decoded(content), framework=home,
                remove_missing=remove_missing,
            )  # fmt: skip
            if preview:
                return ImportPreview.of(update)
            commit = apply_update(store, update, release, expected=expected_revision, actor=actor)
            return ImportDone(
                written=_written(info, store, commit, "import_controls"),
                counts=ImportCounts.of(update),
                findings=[Finding.of(f) for f in update.plan.findings],
            )

        return cast(ImportResult, _attempt(run))

    # -------------------------------------------------------- suggestions

    @_mutation(
        "Keep suggested mappings for somebody to decide on; none counts before. What is decided already is left "
        "alone: a rejected one never comes again. For editors.",
        cost=1_000,
    )
    def propose_mappings(
        self,
        info: Info,
        organization: OrganizationId,
        controls: Annotated[
            list[str] | None,
            argument(description="For which controls; left out: for all that have no mapping."),
        ] = None,
        sources: Annotated[
            list[str] | None,
            argument(description="Ids of frameworks and catalogues to suggest from; left out or empty: all."),
        ] = None,
        limit: Annotated[
            int,
            argument(
                description=f"The most of each of them for each control, 1 to {MAX_SUGGESTIONS}; in all at most "
                f"{MAX_PROPOSALS:,}."
            ),
        ] = DEFAULT_SUGGESTIONS,
    ) -> WriteResult:
        _few("controls", controls or (), _MAX_IDS)
        actor, release = info.context.principal.actor, info.context.release
        return _write(
            info, organization, Role.EDITOR, "propose_mappings",
            lambda s: propose(
                s, organization, release, controls, sources or None, check_limit(limit), actor=actor
            )[1],
        )  # fmt: skip

    @_mutation(
        "A person's decision on a suggested mapping: accepted, it becomes a mapping of the control; rejected, it is "
        "not suggested again. For editors."
    )
    def decide_suggestion(
        self,
        info: Info,
        organization: OrganizationId,
        control: Annotated[str, argument(description="The control's id.")],
        target: Annotated[str, argument(description="The CURIE that was suggested.")],
        accept: Annotated[bool, argument(description="Whether it becomes a mapping.")],
        relation: Annotated[
            Relation | None,
            argument(description="How the control stands to the target; left out, only that they are related."),
        ] = None,
        expected_version: Expected = None,
    ) -> WriteResult:
        actor, release = info.context.principal.actor, info.context.release
        return _write(
            info, organization, Role.EDITOR, "decide_suggestion",
            lambda s: s.decide_proposal(
                organization, control, target, accept=accept, relation=(relation or Relation.RELATED).value,
                release=release, expected=expected_version, actor=actor,
            ),
        )  # fmt: skip

    # -------------------------------------------------------- keys and members

    @_mutation("Make an API key. For administrators; a key for platform administrators needs one.")
    def create_key(
        self,
        info: Info,
        organization: OrganizationId,
        role: Annotated[Role, argument(description="What it may do.")],
        name: Annotated[str, argument(description="What it is for.")] = "",
        expires_at: Annotated[dt.datetime | None, argument(description="When it ends; left out: never.")] = None,
    ) -> KeyResult:
        actor = info.context.principal.actor

        def run() -> NewKey:
            store = _keeper(info, organization)
            made = store.create_key(
                organization, role, name=name, expires_at=_moment(expires_at, "expiresAt"), actor=actor
            )
            return NewKey(token=made.token, key=mirror(ApiKey, made.key))

        return cast(KeyResult, _attempt(run))

    @_mutation("Make a key that replaces another, with its role and expiry. For administrators.")
    def rotate_key(
        self,
        info: Info,
        organization: OrganizationId,
        id: Annotated[str, argument(description="The old key's id.")],
        old_valid_until: Annotated[dt.datetime, argument(description="Until when the old one still opens.")],
    ) -> KeyResult:
        actor = info.context.principal.actor
        until = _moment(old_valid_until, "oldValidUntil")
        assert until is not None

        def run() -> NewKey:
            made = _keeper(info, organization).rotate_key(organization, id, old_valid_until=until, actor=actor)
            return NewKey(token=made.token, key=mirror(ApiKey, made.key))

        return cast(KeyResult, _attempt(run))

    @_mutation("End a key at once. For administrators.")
    def revoke_key(
        self, info: Info, organization: OrganizationId, id: Annotated[str, argument(description="The key's id.")]
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.ADMIN, "revoke_key", lambda s: s.revoke_key(organization, id, actor=actor)
        )

    @_mutation("Give somebody a role, or another one. For administrators.")
    def set_member(
        self,
        info: Info,
        organization: OrganizationId,
        issuer: Annotated[str, argument(description="The OpenID Connect issuer that vouches for them.")],
        subject: Annotated[str, argument(description="The `sub` of their tokens.")],
        role: Annotated[Role, argument(description="What they may do.")],
        name: Annotated[str, argument(description="What they are called.")] = "",
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.ADMIN, "set_member",
            lambda s: s.set_member(organization, issuer, subject, role, name=name, actor=actor),
        )  # fmt: skip

    @_mutation("Take somebody's role away. For administrators.")
    def remove_member(
        self,
        info: Info,
        organization: OrganizationId,
        issuer: Annotated[str, argument(description="The OpenID Connect issuer.")],
        subject: Annotated[str, argument(description="The `sub` of their tokens.")],
    ) -> WriteResult:
        actor = info.context.principal.actor
        return _write(
            info, organization, Role.ADMIN, "remove_member",
            lambda s: s.remove_member(organization, issuer, subject, actor=actor),
        )  # fmt: skip


def _keeper(info: Info, organization_id: str) -> "Store":
    """The store, for who may make keys of an organisation, or of the platform."""
    return tenants.platform(info) if organization_id == PLATFORM else tenants.needed(info, organization_id, Role.ADMIN)


def _expected(revision: int | None, versions: list[ExpectedVersion] | None) -> "kept.Expected":
    if revision is not None and versions is not None:
        raise UsageError("expectedRevision and expectedVersions say the same thing twice", "give one of them")
    return {v.id: v.version for v in versions} if versions is not None else revision


def _named(file_name: str) -> Path:
    """What a file is called, without the folders that a browser or a person may have sent along."""
    name = PureWindowsPath(file_name).name
    if not name or len(name) > 255 or not name.isprintable():
        raise UsageError(f"fileName: {name[:80]!r} is no name of a file", "write it like controls.xlsx")
    return Path(name)


def decoded(text: str) -> bytes:
    """The bytes of a file that was sent as base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("the content is not base64", "send the file's bytes in base64, without line breaks") from None
