"""Random use of the store agrees with a plain dictionary, and every past state is what it was."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pytest
from databases import ACTOR, ENGINES, RELEASE, TARGETS
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kg.errors import ConflictError, InputError, UnknownIdError
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Exclusion, Profile, System
from kg.organizations.store import OrganizationState, Store
from kg.organizations.store.codec import control_from_json, profile_from_json
from kg.relations import RELATIONS

IDS = ("A", "B-2", "B-10", "c")
_titles = st.sampled_from(["one", "two", "drei ß", "'; DROP TABLE controls; --"])
_days = st.none() | st.dates(date(2020, 1, 1), date(2027, 1, 1))
_rows = st.lists(
    st.builds(ControlRow, st.sampled_from(TARGETS), st.sampled_from(sorted(RELATIONS.values())), st.booleans()),
    max_size=3, unique_by=lambda row: row.target,
).map(tuple)  # fmt: skip
_records = st.builds(EvidenceRecord, st.sampled_from(("E", "F")), title=_titles | st.just(""), day=_days)
_controls = st.builds(
    Control,
    st.sampled_from(IDS),
    _titles,
    st.sampled_from(sorted(ControlStatus)),
    _rows,
    owner=st.sampled_from(["", "Jo"]),
    evidence_date=_days,
    systems=st.lists(st.sampled_from(("s1", "s2")), max_size=2, unique=True).map(tuple),
    evidence=st.lists(_records, max_size=2, unique_by=lambda record: record.id).map(tuple),
    max_evidence_age_days=st.none() | st.integers(1, 900),
)


def _sorted(facts: dict[str, bool]) -> tuple[tuple[str, bool], ...]:
    return tuple(sorted(facts.items()))


_profiles = st.none() | st.builds(
    Profile,
    _titles | st.just(""),
    roles=st.sampled_from([None, ("provider",), ("deployer", "provider")]),
    facts=st.dictionaries(st.sampled_from(("chatbot", "workplace")), st.booleans()).map(_sorted),
    systems=st.lists(st.builds(System, st.sampled_from(("s1", "s2")), _titles, placed_on_market=_days), max_size=2,
                     unique_by=lambda system: system.id).map(tuple),
    exclusions=st.lists(st.builds(Exclusion, st.sampled_from(TARGETS[:3]), _titles), max_size=2,
                        unique_by=lambda exclusion: exclusion.target).map(tuple),
)  # fmt: skip


@dataclass
class Model:
    """What the store should hold."""

    name: str
    revision: int = 1
    profile: Profile | None = None
    profile_version: int = 0
    controls: dict[str, Control] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    records: dict[str, EvidenceRecord] = field(default_factory=dict)

    def copy(self) -> Model:
        return replace(
            self, controls=dict(self.controls), archived=set(self.archived), versions=dict(self.versions),
            records=dict(self.records),
        )  # fmt: skip

    def put(self, controls: list[Control], archived: list[str] = []) -> None:  # noqa: B006 - never changed
        full = {r.id: r for c in controls for r in c.evidence if r != EvidenceRecord(r.id)}
        for record in (r for c in controls for r in c.evidence):
            self.records[record.id] = full.get(record.id) or self.records.get(record.id) or record
        self.controls |= {c.id: c for c in controls}
        self.archived = (self.archived - {c.id for c in controls}) | set(archived)

    def settle(self) -> None:
        """Every control carries the present state of its records."""
        for id_, control in self.controls.items():
            evidence = tuple(self.records[r.id] for r in control.evidence if r.id in self.records)
            self.controls[id_] = replace(control, evidence=evidence)

    def active(self) -> dict[str, Control]:
        order = sorted(set(self.controls) - self.archived, key=IDS.index)
        return {id_: self.controls[id_] for id_ in order}


_numbers = itertools.count()


class Machine(RuleBasedStateMachine):
    """One organisation of a store that other organisations of other runs share."""

    store: Store

    @initialize()
    def create(self) -> None:
        self.id = f"o{next(_numbers)}"
        self.store.create_organization("First", id=self.id, actor=ACTOR)
        self.model = Model("First")
        self.past = [self.model.copy()]

    def _do(self, write: Callable[[], Any], change: Callable[[Model], None]) -> None:
        """Write to both, and hold that the store counted a revision exactly if anything changed."""
        before = self.model.copy()
        change(self.model)
        self.model.settle()
        same = replace(self.model, versions={}) == replace(before, versions={})
        done = write()
        if not same:
            self.model.revision += 1
            for id_, control in self.model.controls.items():
                if before.controls.get(id_) != control or (id_ in before.archived) != (id_ in self.model.archived):
                    self.model.versions[id_] = self.model.revision
            if self.model.profile != before.profile:
                self.model.profile_version = self.model.revision if self.model.profile else 0
            self.past.append(self.model.copy())
        assert done.revision == self.model.revision
        assert bool(done.changed) is not same

    @rule(controls=st.lists(_controls, max_size=4), remove=st.lists(st.sampled_from(IDS), max_size=2, unique=True))
    def import_(self, controls: list[Control], remove: list[str]) -> None:
        remove = [id_ for id_ in remove if id_ in self.model.controls and id_ not in {c.id for c in controls}]
        contents = {r for c in controls for r in c.evidence if r != EvidenceRecord(r.id)}
        twice = len({c.id for c in controls}) < len(controls) or len({r.id for r in contents}) < len(contents)

        def write() -> Any:
            return self.store.apply_import(self.id, controls, remove=remove, release=RELEASE, actor=ACTOR)

        if twice:
            with pytest.raises(InputError):
                write()
        else:
            self._do(write, lambda model: model.put(controls, remove))

    @rule(control=_controls, behind=st.integers(0, 3))
    def write_what_was_read_before(self, control: Control, behind: int) -> None:
        """A write that was read some revisions ago passes exactly if the control is the same since."""
        seen = self.past[max(0, len(self.past) - 1 - behind)]
        expected = seen.versions.get(control.id, 0)
        control = replace(control, evidence=())

        def write() -> Any:
            expected_ = {control.id: expected}
            return self.store.upsert_controls(self.id, [control], release=RELEASE, expected=expected_, actor=ACTOR)

        if expected == self.model.versions.get(control.id, 0):
            self._do(write, lambda model: model.put([control]))
        else:
            with pytest.raises(ConflictError) as error:
                write()
            assert error.value.current == self.model.controls.get(control.id)
            assert error.value.version == self.model.versions.get(control.id, 0)

    @rule(id_=st.sampled_from(IDS), archive=st.booleans())
    def archive(self, id_: str, archive: bool) -> None:
        move = self.store.archive_controls if archive else self.store.restore_controls

        def change(model: Model) -> None:
            model.archived = model.archived | {id_} if archive else model.archived - {id_}

        if id_ in self.model.controls:
            self._do(lambda: move(self.id, [id_], actor=ACTOR), change)
        else:
            with pytest.raises(UnknownIdError):
                move(self.id, [id_], actor=ACTOR)

    @rule(id_=st.sampled_from(IDS), rows=_rows)
    def map(self, id_: str, rows: tuple[ControlRow, ...]) -> None:
        def write() -> Any:
            return self.store.set_mappings(self.id, id_, rows, release=RELEASE, actor=ACTOR)

        if id_ in self.model.active():
            control = replace(self.model.controls[id_], rows=rows)
            self._do(write, lambda model: model.controls.update({id_: control}))
        else:
            with pytest.raises(UnknownIdError):
                write()

    @rule(record=_records, serves=st.none() | st.lists(st.sampled_from(IDS), max_size=3, unique=True))
    def evidence(self, record: EvidenceRecord, serves: list[str] | None) -> None:
        def change(model: Model) -> None:
            model.records[record.id] = record
            for id_, control in model.controls.items():
                linked = record.id in [r.id for r in control.evidence]
                if serves is not None and linked and id_ not in serves:
                    control = replace(control, evidence=tuple(r for r in control.evidence if r.id != record.id))
                elif serves is not None and not linked and id_ in serves:
                    control = replace(control, evidence=(*control.evidence, record))
                model.controls[id_] = control

        def write() -> Any:
            return self.store.put_evidence(self.id, record, controls=serves, actor=ACTOR)

        if set(serves or ()) <= set(self.model.controls):
            self._do(write, change)
        else:
            with pytest.raises(UnknownIdError):
                write()

    @rule(id_=st.sampled_from(("E", "F")))
    def drop_evidence(self, id_: str) -> None:
        def write() -> Any:
            return self.store.remove_evidence(self.id, id_, actor=ACTOR)

        if id_ in self.model.records:
            self._do(write, lambda model: model.records.pop(id_) and None)
        else:
            with pytest.raises(UnknownIdError):
                write()

    @rule(profile=_profiles)
    def profile(self, profile: Profile | None) -> None:
        def change(model: Model) -> None:
            model.profile = profile

        self._do(lambda: self.store.set_profile(self.id, profile, release=RELEASE, actor=ACTOR), change)

    @rule(name=st.sampled_from(["First", "Second"]))
    def rename(self, name: str) -> None:
        def change(model: Model) -> None:
            model.name = name

        self._do(lambda: self.store.rename_organization(self.id, name, actor=ACTOR), change)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "model"):
            _same(self.store.load(self.id), self.model)
            known = {one.record.id: one.record for one in self.store.list_evidence(self.id)}
            assert known == self.model.records
            archived = {c.id: c for c in self.store.archived_controls(self.id)}
            assert archived == {id_: self.model.controls[id_] for id_ in self.model.archived}

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for model in self.past:
            state = self.store.load(self.id, as_of_revision=model.revision)
            _same(state, model)
            by_time = self.store.load(self.id, at=state.at)
            assert by_time.revision == model.revision or by_time.at == state.at  # two revisions in one microsecond
        assert self.store.verify(self.id).ok
        self._replay()

    def _replay(self) -> None:
        """The changes since the beginning lead to the present."""
        controls: dict[str, Any] = {}
        profile = None
        for change in self.store.changes_since(self.id, 0):
            if change.kind == "control":
                assert change.before == controls.get(change.id)
                controls[change.id] = change.after
            elif change.kind == "profile":
                profile = change.after
        active = {id_: control_from_json(c) for id_, c in controls.items() if "archived" not in c}
        assert active == self.model.active()
        assert (None if profile is None else profile_from_json(profile)) == self.model.profile


def _same(state: OrganizationState, model: Model) -> None:
    active = model.active()
    assert state.controls == tuple(active.values())
    assert dict(state.versions) == {id_: model.versions[id_] for id_ in active}
    assert (state.profile, state.profile_version) == (model.profile, model.profile_version)
    assert (state.name, state.revision) == (model.name, model.revision)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_store_agrees_with_a_dictionary(database: Any, engine: str) -> None:
    with Store.open(database(engine)) as store:
        machine = type("Run", (Machine,), {"store": store})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=16 if engine == "sqlite" else 8, stateful_step_count=14, deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
