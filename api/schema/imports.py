"""What a file of controls would change in an organisation, before it is done."""

from collections.abc import Sequence

import strawberry
from strawberry import field

import kg.model as m
from api.context import Info
from api.schema.assessments import Finding
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.nodes import computed, mirror
from api.schema.organizations import StoredControl
from kg.organizations.imports import Change
from kg.organizations.updates import Update

__all__ = ["ImportCounts", "ImportPreview"]


@strawberry.type(description="How many controls a file adds, changes and leaves.")
class ImportCounts:
    kept: int = field(description="Controls of the organisation before.")
    added: int = field(description="Controls that it does not have, or had archived.")
    changed: int = field(description="Controls of which at least one field differs.")
    removed: int = field(description="Controls that the file does not name, with `removeMissing`: they are archived.")
    unchanged: int = field(description="Controls that the file names and that are so already.")
    missing: int = field(description="Controls that the file does not name and that stay as they are.")
    unmapped: int = field(description="Of the added ones, those without a mapping: they cover nothing yet.")

    @classmethod
    def of(cls, it: Update) -> "ImportCounts":
        """The plan, counted."""
        plan = it.plan
        return cls(
            kept=it.kept, added=len(plan.added), changed=len(plan.changed), removed=len(plan.removed),
            unchanged=len(plan.unchanged), missing=len(plan.missing),
            unmapped=sum(1 for control in plan.added if not control.rows),
        )  # fmt: skip


@strawberry.type(description="One field of a control, before and after, as a person would write it into a cell.")
class FieldChange:
    field: str = strawberry.field(description="The column's name.")
    before: str = strawberry.field(description="What is there now; empty: nothing.")
    after: str = strawberry.field(description="What would be there; empty: nothing.")


@strawberry.type(description="A control that a file changes.")
class ControlChange:
    control: str = field(description="Its id.")
    title: str = field(description="What it is called now.")
    fields: list[FieldChange] = field(description="The fields that differ.", metadata={"size": 3})

    @classmethod
    def of(cls, it: Change) -> "ControlChange":
        """The schema's view of a change."""
        return cls(
            control=it.before.id, title=it.before.title, fields=[mirror(FieldChange, each) for each in it.fields]
        )


@strawberry.type(description="One mapping of the file as it was understood.")
class Sentence:
    text: str = field(description="The sentence, to be looked through before it is believed.")


@strawberry.type(
    description="What a file would change in an organisation, as it is at `revision`. Nothing was written: send the "
    "same with `preview: false` and that revision as `expectedRevision`."
)
class ImportPreview:
    organization: str = field(description="The organisation's id.")
    revision: int = field(description="The organisation's revision at which this was found out.")
    format: str = field(description="What the file was read as: table, ciso-assistant, oscal or sssom.")
    counts: ImportCounts = field(description="How many controls of which sort.")
    findings: list[Finding] = field(description="Warnings about the file; a fault is never among them.",
                                    metadata={"size": 20})  # fmt: skip
    it: strawberry.Private[Update]

    @classmethod
    def of(cls, it: Update) -> "ImportPreview":
        """The schema's view of an update."""
        return cls(
            organization=it.organization_id, revision=it.revision, format=it.format.value, counts=ImportCounts.of(it),
            findings=[Finding.of(each) for each in it.plan.findings], it=it,
        )  # fmt: skip

    @computed("The controls that would be new, by id.")
    def added(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[StoredControl]:
        return self._controls(info, "added", self.it.plan.added, first, after)

    @computed("The controls that would change and how, by id.")
    def changed(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[ControlChange]:
        found = self.it.plan.changed
        return connect(info, self._name("changed"), found, lambda c: c.before.id, ControlChange.of, first, after)

    @computed("The controls that would be archived, by id.")
    def removed(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[StoredControl]:
        return self._controls(info, "removed", self.it.plan.removed, first, after)

    @computed("Each mapping of the file as a sentence, in the file's order.")
    def sentences(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Sentence]:
        found = list(enumerate(self.it.sheet.preview))
        return connect(
            info, self._name("sentences"), found, lambda s: str(s[0]), lambda s: Sentence(text=s[1]), first, after
        )

    def _controls(
        self, info: Info, what: str, found: Sequence[m.Control], first: int, after: str | None
    ) -> Connection[StoredControl]:
        release = info.context.release
        return connect(
            info, self._name(what), found, lambda c: c.id, lambda c: StoredControl.of(release, c, 0), first, after
        )

    def _name(self, what: str) -> str:
        return f"import: {what} of {self.organization}"
