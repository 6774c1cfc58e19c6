"""The store of organisations: what is written is there, once, with its past, and nobody else's."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import ACTOR, ENGINES, RELEASE
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import model
from kg.errors import ConflictError, InputError, KgError, StoreError, UnknownIdError, UsageError
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Exclusion, Profile, System
from kg.organizations import profile_from_mapping
from kg.organizations.store import (
    PLATFORM,
    Actor,
    Kind,
    Proposal,
    ProposalState,
    Role,
    Store,
    findings,
    schema,
)
from kg.organizations.store import tables as t
from kg.organizations.store.codec import control_from_json, control_json, dumps, profile_from_json, profile_json
from kg.organizations.store.engine import database_url
from kg.organizations.store.later import Later, default_path, is_usual
from kg.relations import EQUAL, RELATED, SUPERSET_OF
from kg.release import Release
from kg.sources import Content

PROOF = EvidenceRecord("E-1", "report", "Audit", date(2026, 1, 2), date(2027, 1, 2), "https://example.org/1", "seen")
CONTROL = Control(
    "AC-1", "Access", ControlStatus.IMPLEMENTED,
    (ControlRow("ref:1", SUPERSET_OF), ControlRow("law:art-1", RELATED, False)),
    "Who may what", "Jo", date(2026, 1, 1), ("s2", "s1"), (PROOF,), 90,
)  # fmt: skip
PROFILE = Profile(
    "Acme", date(2026, 11, 23), ("EU",), ("provider",), (("chatbot", True),),
    (System("s2", "Two", ("deployer",), ("high-risk",), (("workplace", False),), date(2027, 1, 1)), System("s1")),
    (Exclusion("law:art-3", "not ours"), Exclusion("law:art-2", "nor this")), 365,
)  # fmt: skip


def _write(store: Store, *controls: Control, **more: Any) -> Any:
    return store.upsert_controls("acme", controls, release=RELEASE, actor=ACTOR, **more)


def _with(id_: str, **changes: Any) -> Control:
    return replace(Control(id_, f"Control {id_}", ControlStatus.PLANNED), **changes)


# ------------------------------------------------------------------ the schema


def test_every_key_begins_with_the_organisation() -> None:
    assert set(t.ORDERED) == set(t.metadata.sorted_tables)
    for table in t.metadata.sorted_tables:
        assert next(iter(table.primary_key.columns)).name == "organization_id", table
        for constraint in table.constraints:
            if isinstance(constraint, (sa.ForeignKeyConstraint, sa.UniqueConstraint)):
                assert next(iter(constraint.columns)).name == "organization_id", (table, constraint)
            if isinstance(constraint, sa.ForeignKeyConstraint):
                assert constraint.elements[0].column.name == "organization_id", (table, constraint)
        for index in table.indexes:
            assert not index.unique or next(iter(index.columns)).name == "organization_id", (table, index)
        for column in table.columns:
            assert column.autoincrement is not True, column
            assert column.default is None, column
            assert column.server_default is None, column
        if table.name != "organizations":
            targets = {fk.referred_table.name for fk in table.foreign_key_constraints}
            assert "organizations" in targets or "controls" in targets, f"{table} belongs to nobody"


def test_the_versions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(schema._config()).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == schema.VERSIONS


@pytest.mark.parametrize("engine", ENGINES)
def test_migrations_lead_to_the_tables(database: Any, engine: str) -> None:
    url = database(engine, empty=True)
    assert Store.upgrade(url)[0] == ""
    with Store.open(url) as store, store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, t.metadata) == []
        assert store.list_organizations() == ()
    before, after = Store.upgrade(url)
    assert before == after


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("version", "code"), [(None, "SCHEMA_OUTDATED"), ("9999", "SCHEMA_UNKNOWN")])
def test_another_schema_is_refused(database: Any, engine: str, version: str | None, code: str) -> None:
    url = database(engine)
    with Store.open(url) as store:
        with store.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM alembic_version"))
            if version:
                connection.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": version})
        with pytest.raises(StoreError) as error:
            store.ping()
        assert error.value.code == code
    with pytest.raises(StoreError) as error:
        Store.open(url)
    assert error.value.code == code
    assert ("kg db upgrade" in error.value.hint) is (version is None)


def test_a_new_sqlite_file_is_made_and_a_new_postgresql_is_not(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "store.sqlite3"
    with Store.open(f"sqlite:///{path}") as store, store.engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous",
                 "foreign_keys", "secure_delete")}  # fmt: skip
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="no tables yet"):
        Store.open(database("postgresql", empty=True))


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name)")
    other.commit()
    with pytest.raises(StoreError, match="no tables yet"):
        Store.open(f"sqlite:///{path}")
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    other.close()


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KG_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "aigov-kg" / "store.sqlite3"
    assert database_url().database == str(default_path())
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert default_path() == Path.home() / ".local/share/aigov-kg/store.sqlite3"
    monkeypatch.setenv("KG_DATABASE_URL", "postgres://jo:secret@db.example/kg")
    assert database_url().drivername == "postgresql+psycopg"
    for bad in ("sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", "sqlite:///file:x?mode=memory"):
        with pytest.raises(UsageError):
            database_url(bad)


def test_a_store_that_needs_nothing_done_is_seen_without_opening_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KG_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = default_path()
    assert not is_usual()
    assert not path.parent.exists()  # nothing was made
    with Store.open() as store:
        assert not is_usual()  # it keeps nobody yet
        kept = store.create_organization("One", id="one", actor=ACTOR)
        assert is_usual()
        later = Later()
        assert later.url == store.url
        later.ping()
        assert later._store is None  # that it would answer was seen without it
        assert later.list_organizations() == (kept,)
        later.close()
        assert later.get_organization("one") == kept  # opened again
        later.close()
    monkeypatch.setenv("KG_DATABASE_URL", f"sqlite:///{tmp_path}/other")
    assert not is_usual()
    monkeypatch.delenv("KG_DATABASE_URL")
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    assert not is_usual()
    with pytest.raises(StoreError, match="9999"):
        Later().ping()
    path.write_text("this is no database" * 100)
    assert not is_usual()


def test_what_cannot_be_reached_is_told_without_the_password(tmp_path: Path) -> None:
    for url in ("postgresql://jo:secret@127.0.0.1:1/kg", f"sqlite:///{tmp_path}"):
        with pytest.raises(StoreError) as error:
            Store.open(url)
        assert error.value.code == "STORE_UNREACHABLE"
        assert "secret" not in str(error.value)
    (tmp_path / "text").write_text("this is no database" * 100)
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{tmp_path}/text")


def test_the_rest_of_kg_does_not_need_a_database() -> None:
    code = "import sys, kg, kg.organizations, kg.answers, kg.cli.app; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "False"


# ------------------------------------------------------------------ what is written is what is read


def test_every_field_of_the_model_is_kept() -> None:
    """A field that is added to the model and forgotten by the store fails here."""

    def filled(value: Any) -> None:
        for field in fields(value):
            content = getattr(value, field.name)
            assert content not in (None, "", ()), f"{type(value).__name__}.{field.name} is not in the example"
            for item in content if isinstance(content, tuple) else ():
                if is_dataclass(item) and item is not PROFILE.systems[1]:
                    filled(item)

    filled(CONTROL)
    filled(PROFILE)
    assert control_from_json(json.loads(dumps(control_json(CONTROL)))) == CONTROL
    assert profile_from_json(json.loads(dumps(profile_json(PROFILE)))) == PROFILE
    assert get_args(get_type_hints(model.Profile)["systems"])[0] is System


def test_a_profile_and_controls_come_back(store: Store) -> None:
    first = store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    second = _write(store, CONTROL, _with("AC-10"), _with("AC-9"))
    state = store.load("acme")
    assert state.profile == PROFILE
    assert state.controls == (CONTROL, _with("AC-9"), _with("AC-10"))
    assert (state.revision, state.at, state.name) == (second.revision, second.at, "Acme")
    assert state.profile_version == first.revision == 2
    assert dict(state.versions) == dict.fromkeys(("AC-1", "AC-9", "AC-10"), 3)
    assert second.changed == ("evidence/E-1", "control/AC-1", "control/AC-9", "control/AC-10")
    assert store.get_control("acme", "AC-1") == (CONTROL, 3)
    assert store.load("acme", as_of_revision=3) == state
    assert store.load("acme", as_of_revision=1).controls == ()
    assert [one.controls for one in store.list_evidence("acme")] == [("AC-1",)]
    store.set_profile("acme", None, release=RELEASE, actor=ACTOR)
    assert (store.load("acme").profile, store.load("acme").profile_version) == (None, 0)
    assert store.load("acme", as_of_revision=3).profile == PROFILE


_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@settings(max_examples=50)
@given(_text, _text)
def test_any_text_survives_the_json(title: str, note: str) -> None:
    control = replace(CONTROL, description=title, evidence=(replace(PROOF, note=note),))
    assert control_from_json(json.loads(dumps(control_json(control)))) == control


def test_writing_the_same_again_writes_nothing(store: Store) -> None:
    store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    first = _write(store, CONTROL)
    assert _write(store, CONTROL) == replace(first, changed=())
    assert store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR).changed == ()
    assert store.rename_organization("acme", " Acme ", actor=ACTOR).changed == ()
    assert store.put_evidence("acme", PROOF, actor=ACTOR).changed == ()
    assert store.revision("acme") == first.revision
    assert len(list(store.audit("acme"))) == 4


def test_an_evidence_record_is_the_organisations_and_changes_everywhere(store: Store) -> None:
    _write(store, CONTROL, _with("B", evidence=(PROOF,)), _with("C"))
    newer = replace(PROOF, day=date(2026, 6, 1))
    done = _write(store, _with("C", evidence=(newer,)))
    assert done.changed == ("evidence/E-1", "control/AC-1", "control/B", "control/C")
    assert all(c.evidence == (newer,) for c in store.load("acme").controls)
    assert _write(store, _with("C", evidence=(EvidenceRecord("E-1"),))).changed == ()  # an id alone is a reference
    store.put_evidence("acme", PROOF, controls=["B"], actor=ACTOR)
    assert {c.id: c.evidence for c in store.load("acme").controls} == {"AC-1": (), "B": (PROOF,), "C": ()}
    assert store.remove_evidence("acme", "E-1", actor=ACTOR).changed == ("control/B", "evidence/E-1")
    assert store.list_evidence("acme") == ()
    assert store.load("acme", as_of_revision=done.revision).controls[0].evidence == (newer,)


def test_archived_controls_are_out_of_every_answer_and_come_back(store: Store) -> None:
    _write(store, CONTROL, _with("B"))
    store.archive_controls("acme", ["AC-1"], actor=ACTOR)
    assert [c.id for c in store.load("acme").controls] == ["B"]
    assert store.archived_controls("acme") == (CONTROL,)
    with pytest.raises(UnknownIdError, match="archived"):
        store.get_control("acme", "AC-1")
    newer = replace(PROOF, title="Second audit")
    store.put_evidence("acme", newer, actor=ACTOR)
    store.restore_controls("acme", ["AC-1"], actor=ACTOR)
    assert store.load("acme").controls[0] == replace(CONTROL, evidence=(newer,))
    assert [e.action for e in store.changes_since("acme", 2)] == [
        "control.archive", "evidence.update", "control.update", "control.restore",
    ]  # fmt: skip


def test_an_import_is_all_or_nothing(store: Store) -> None:
    _write(store, CONTROL, _with("B"))
    before = store.load("acme")
    good = [_with(f"N-{n}") for n in range(3)]
    for broken, code in (
        ([*good, _with("X", rows=(ControlRow("law:art-9", EQUAL),))], "UNKNOWN_ID"),
        ([*good, _with("X", rows=(ControlRow("law", EQUAL),))], "UNKNOWN_ID"),
        ([*good, _with("X", rows=(ControlRow("ref:1", EQUAL), ControlRow("ref:1", RELATED)))], "DUPLICATE_MAPPING"),
        ([*good, good[0]], "DUPLICATE_ID"),
        ([*good, _with("")], "MISSING_VALUE"),
        ([*good, _with(" X")], "BAD_VALUE"),
        ([*good, _with("X" * 201)], "BAD_VALUE"),
        ([*good, _with("X", title="  ")], "MISSING_VALUE"),
        ([*good, _with("X", description="a\x00b")], "BAD_VALUE"),
        ([*good, _with("X", owner="\ud800")], "BAD_VALUE"),
        ([*good, _with("X", max_evidence_age_days=0)], "BAD_VALUE"),
        ([*good, _with("X", evidence=(PROOF,)), _with("Y", evidence=(replace(PROOF, note=""),))], "BAD_VALUE"),
        ([*good, _with("X", rows=(ControlRow("ref:1", EQUAL | 8),))], "UNKNOWN_RELATION"),
    ):
        with pytest.raises(InputError) as error:
            store.apply_import("acme", broken, remove=["B"], release=RELEASE, actor=ACTOR)
        assert [f.code for f in error.value.findings] == [code], broken[-1]
        assert error.value.findings[0].line == len(broken)
    with pytest.raises(UnknownIdError, match=r"did you mean AC-1\?"):
        store.apply_import("acme", good, remove=["AC-11"], release=RELEASE, actor=ACTOR)
    with pytest.raises(UsageError):
        store.apply_import("acme", good, remove=["N-1"], release=RELEASE, actor=ACTOR)
    assert store.load("acme") == before
    done = store.apply_import("acme", good, remove=["B"], release=RELEASE, expected=before.revision, actor=ACTOR)
    assert [c.id for c in store.load("acme").controls] == ["AC-1", "N-0", "N-1", "N-2"]
    again = store.apply_import("acme", good, remove=["B"], release=RELEASE, actor=ACTOR)
    assert (again.changed, again.revision) == ((), done.revision)


def test_rows_to_ids_that_are_gone_stay_and_are_named(store: Store) -> None:
    _write(store, _with("A", rows=(ControlRow("law:art-1", RELATED), ControlRow("ref:1", EQUAL)), systems=("s1",)))
    store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    gone = _without("law:art-1", "law:art-3")
    found = findings(store.load("acme"), gone)
    assert [(f.code, f.cell, f.severity) for f in found] == [
        ("UNKNOWN_ID", "A", "warning"), ("UNKNOWN_ID", "exclusions[1].target", "warning"),
    ]  # fmt: skip
    assert findings(store.load("acme"), RELEASE) == ()
    kept = store.load("acme").controls[0]
    store.upsert_controls("acme", [replace(kept, title="Another")], release=gone, actor=ACTOR)
    assert store.load("acme").controls[0].rows == kept.rows
    store.set_profile("acme", None, release=RELEASE, actor=ACTOR)
    assert [f.code for f in findings(store.load("acme"), RELEASE)] == ["UNKNOWN_SYSTEM"]


def _without(*ids: str) -> Release:
    return Release(
        Content(
            frameworks=list(RELEASE.frameworks.values()),
            provisions=[p for p in RELEASE.provisions.values() if p.id not in ids],
            catalogues=list(RELEASE.catalogues.values()),
            controls=list(RELEASE.controls.values()),
            joints=list(RELEASE.joints.values()),
        )
    )


def test_a_profile_is_checked_as_a_file_is(store: Store) -> None:
    for wrong in (
        replace(PROFILE, roles=("provder",)),
        replace(PROFILE, exclusions=(Exclusion("law:art-9", "x"),)),
        replace(PROFILE, systems=(System("a"), System("a"))),
        replace(PROFILE, systems=(System("a" * 201),)),
        replace(PROFILE, title="\x00"),
    ):
        with pytest.raises(InputError):
            store.set_profile("acme", wrong, release=RELEASE, actor=ACTOR)
    assert store.revision("acme") == 1
    assert profile_from_mapping(profile_json(PROFILE), RELEASE) == PROFILE


# ------------------------------------------------------------------ conflicts


def test_nothing_that_changed_meanwhile_is_overwritten(store: Store) -> None:
    _write(store, CONTROL, _with("B"))  # revision 2
    mine, version = store.get_control("acme", "AC-1")
    _write(store, replace(mine, title="theirs"), expected={"AC-1": version})
    writes: tuple[Callable[[Any], Any], ...] = (
        lambda e: _write(store, replace(mine, title="mine"), expected=e),
        lambda e: store.archive_controls("acme", ["B", "AC-1"], expected=e, actor=ACTOR),
        lambda e: store.apply_import("acme", [_with("N")], remove=["AC-1"], release=RELEASE, expected=e, actor=ACTOR),
    )
    for write in writes:
        for expected in ({"AC-1": version}, 2):
            with pytest.raises(ConflictError) as error:
                write(expected)
            assert error.value.current == replace(mine, title="theirs")
            assert (error.value.version, error.value.revision, error.value.code) == (3, 3, "CONFLICT")
    with pytest.raises(ConflictError):
        store.set_mappings("acme", "AC-1", (), release=RELEASE, expected=version, actor=ACTOR)
    assert store.revision("acme") == 3
    _write(store, replace(mine, title="mine"), expected=3)
    with pytest.raises(ConflictError) as error:  # 0: it must not exist yet
        _write(store, _with("B"), expected={"B": 0})
    assert error.value.current == _with("B")
    with pytest.raises(ConflictError) as error:  # and this one must
        _write(store, _with("N"), expected={"N": 2})
    assert (error.value.current, error.value.version) == (None, 0)


def test_evidence_that_changed_meanwhile_is_not_overwritten_through_a_control(store: Store) -> None:
    _write(store, CONTROL, _with("B"))
    _, version = store.get_control("acme", "AC-1")
    newer = replace(PROOF, note="newer")
    store.put_evidence("acme", newer, expected=version, actor=ACTOR)
    older = replace(PROOF, note="from an old screen")
    for expected in ({"AC-1": version}, version):
        with pytest.raises(ConflictError):
            _write(store, replace(CONTROL, evidence=(older,)), expected=expected)
    for expected in ({"B": version}, version):  # B never carried it, so its version says nothing of it
        with pytest.raises(ConflictError) as error:
            _write(store, _with("B", evidence=(older,)), expected=expected)
        assert error.value.current == newer
    with pytest.raises(ConflictError):
        store.put_evidence("acme", older, expected=version, actor=ACTOR)
    with pytest.raises(ConflictError):
        store.remove_evidence("acme", "E-1", expected=version, actor=ACTOR)
    assert store.load("acme").controls[0].evidence == (newer,)
    _write(store, replace(CONTROL, evidence=(older,)), expected={"AC-1": 3})


def test_profile_and_name_conflict_too(store: Store) -> None:
    store.set_profile("acme", PROFILE, release=RELEASE, expected=0, actor=ACTOR)
    with pytest.raises(ConflictError) as error:
        store.set_profile("acme", replace(PROFILE, title="x"), release=RELEASE, expected=0, actor=ACTOR)
    assert error.value.current == PROFILE
    with pytest.raises(ConflictError):
        store.rename_organization("acme", "B", expected=7, actor=ACTOR)
    store.rename_organization("acme", "B", expected=1, actor=ACTOR)


# ------------------------------------------------------------------ organisations


def test_organisations_are_made_listed_and_put_away(store: Store) -> None:
    store.create_organization("Zebra", actor=ACTOR)
    store.create_organization("Bee", id="bee", actor=ACTOR)
    names = [o.name for o in store.list_organizations()]
    assert sorted(names) == ["Acme", "Bee", "Zebra"]
    with pytest.raises(ConflictError):
        store.create_organization("Again", id="bee", actor=ACTOR)
    for bad in ("", "Bee", "a b", "platform", "é", "-a", "a" * 64):
        with pytest.raises(UsageError):
            store.create_organization("x", id=bad, actor=ACTOR)
    for bad in ("", "  ", "a\x00b", "x" * 201):
        with pytest.raises(UsageError):
            store.create_organization(bad, actor=ACTOR)
    store.archive_organization("bee", actor=ACTOR)
    assert "bee" not in [o.id for o in store.list_organizations()]
    assert "bee" in [o.id for o in store.list_organizations(archived=True)]
    with pytest.raises(UsageError) as error:
        store.upsert_controls("bee", [CONTROL], release=RELEASE, actor=ACTOR)
    assert error.value.code == "ARCHIVED"
    store.unarchive_organization("bee", actor=ACTOR)
    store.upsert_controls("bee", [CONTROL], release=RELEASE, actor=ACTOR)


def test_an_organisation_that_is_not_there_tells_nothing_of_others(store: Store) -> None:
    calls: tuple[Callable[[str], Any], ...] = (
        store.get_organization, store.load, store.revision, store.archived_controls, store.list_evidence,
        store.list_keys, store.list_members, store.proposals, store.verify,
        lambda o: list(store.audit(o)), lambda o: store.get_control(o, "A"), lambda o: store.changes_since(o, 0),
        lambda o: store.upsert_controls(o, [CONTROL], release=RELEASE, actor=ACTOR),
        lambda o: store.set_profile(o, None, release=RELEASE, actor=ACTOR),
        lambda o: store.create_key(o, Role.VIEWER, actor=ACTOR), lambda o: store.erase_organization(o, actor=ACTOR),
        lambda o: store.export_organization(o, Path("nowhere")),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(UnknownIdError) as error:
            call("acm")
        assert "acme" not in str(error.value)


def test_two_organisations_never_meet(store: Store) -> None:
    store.create_organization("Bee", id="bee", actor=ACTOR)
    _write(store, CONTROL)
    store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    other = replace(CONTROL, title="Of the bee", evidence=(replace(PROOF, title="The bee's"),))
    store.upsert_controls("bee", [other], release=RELEASE, actor=ACTOR)
    store.archive_controls("bee", ["AC-1"], actor=ACTOR)
    assert store.load("acme").controls == (CONTROL,)
    assert store.load("bee").profile is None
    store.remove_evidence("bee", "E-1", actor=ACTOR)
    assert store.load("acme").controls == (CONTROL,)
    assert {entry.change.id for entry in store.audit("bee")} == {"", "AC-1", "E-1"}
    assert store.verify("acme").ok
    assert store.verify("bee").ok


# ------------------------------------------------------------------ the past


class Clock:
    """Time that goes as the test says."""

    def __init__(self) -> None:
        self.now = datetime(2036, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_past_date_has_the_state_of_that_date(engine_url: str) -> None:
    clock = Clock()
    with Store.open(engine_url, clock=clock) as store:
        store.create_organization("Acme", id="acme", actor=ACTOR)
        for day in range(1, 6):
            clock.now = datetime(2036, 1, 1 + day, tzinfo=UTC)
            _write(store, _with("A", title=f"day {day}"))
        clock.now -= timedelta(days=3)  # a clock that is put back: time in the log never goes back
        late = _write(store, _with("A", title="late"))
        assert late.at == datetime(2036, 1, 6, tzinfo=UTC)
        for day in range(1, 5):
            at = datetime(2036, 1, 1 + day, 12, tzinfo=UTC)
            assert store.load("acme", at=at).controls[0].title == f"day {day}"
            assert store.load("acme", at=at.astimezone()).revision == day + 1
        assert store.load("acme", at=datetime(2036, 1, 2, tzinfo=UTC)).controls[0].title == "day 1"
        assert store.load("acme", at=datetime(2040, 1, 1, tzinfo=UTC)) == store.load("acme")
        for wrong in ({"at": datetime(2035, 1, 1, tzinfo=UTC)}, {"at": datetime(2036, 1, 3)}, {"as_of_revision": 0},
                      {"as_of_revision": 99}, {"as_of_revision": 1, "at": clock.now}):  # fmt: skip
            with pytest.raises(UsageError):
                store.load("acme", **wrong)


def test_changes_since_a_revision(store: Store) -> None:
    _write(store, CONTROL, _with("B"))  # revision 2: three changes
    store.create_key("acme", Role.VIEWER, actor=ACTOR)  # revision 3: nobody's business
    store.rename_organization("acme", "Ace", actor=Actor("user", "jo"))  # revision 4
    changes = store.changes_since("acme", 1)
    assert [(c.revision, c.action, c.id) for c in changes] == [
        (2, "evidence.create", "E-1"), (2, "control.create", "AC-1"), (2, "control.create", "B"),
        (4, "organization.rename", ""),
    ]  # fmt: skip
    assert (changes[-1].before, changes[-1].after) == ({"name": "Acme"}, {"name": "Ace"})
    assert control_from_json(changes[1].after) == CONTROL
    assert changes[-1].actor == Actor("user", "jo")
    assert store.changes_since("acme", 1, limit=1) == changes[:3]  # a revision is never cut
    assert store.changes_since("acme", 1, limit=3) == changes[:3]
    assert store.changes_since("acme", 2, limit=1) == changes[3:]
    assert store.changes_since("acme", 4) == []
    with pytest.raises(UsageError):
        store.changes_since("acme", 5)


# ------------------------------------------------------------------ the audit log


def _oracle(lines: list[str]) -> str:
    """The head of a log from its exported lines, by hand."""
    head = ""
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        said = entry.pop("hash")
        assert (entry["seq"], entry["prev_hash"]) == (number, head)
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        head = hashlib.sha256(canonical.encode()).hexdigest()
        assert head == said
    return head


def test_the_log_says_who_did_what_and_can_be_checked_elsewhere(store: Store) -> None:
    _write(store, CONTROL)
    store.upsert_controls("acme", [replace(CONTROL, title="é")], release=RELEASE, actor=Actor("user", "jo@issuer"))
    report = store.verify("acme")
    assert report.ok
    lines = list(store.audit_lines("acme"))
    assert report.entries == len(lines) == 4
    assert _oracle(lines) == report.head
    last = list(store.audit("acme", after=3))[-1].change
    assert (last.actor, last.action, last.kind, last.id) == (
        Actor("user", "jo@issuer"),
        "control.update",
        Kind.CONTROL,
        "AC-1",
    )
    assert (last.before["title"], last.after["title"]) == ("Access", "é")
    assert [e.seq for e in store.audit("acme", after=1, limit=2)] == [2, 3]


@pytest.mark.parametrize("table", ["audit_log", "assessments"])
def test_log_and_history_cannot_be_changed(store: Store, table: str) -> None:
    _write(store, CONTROL)
    attacks = [f"DELETE FROM {table}", f"UPDATE {table} SET revision = 7"]
    if store.engine.dialect.name == "postgresql":
        attacks.append(f"TRUNCATE {table}")
    for attack in attacks:
        with store.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="only ever appended to"):
            connection.execute(sa.text(attack))
    assert store.verify("acme").ok


#: What somebody with a shell on the database may try → what the report says of it.
TAMPERINGS = {
    "UPDATE audit_log SET actor_id = 'nobody' WHERE seq = 3": "changed after it was written",
    "UPDATE audit_log SET after = '{}' WHERE seq = 3": "changed after it was written",
    "UPDATE audit_log SET at = '2020-01-01 00:00:00' WHERE seq = 3": "changed after it was written",
    "DELETE FROM audit_log WHERE seq = 3": "entries 3 to 3 are missing",
    "DELETE FROM audit_log WHERE seq = 1": "entries 1 to 1 are missing",
    "DELETE FROM audit_log WHERE seq > 3": "the last ones are missing",
    "DELETE FROM audit_log": "the last ones are missing",
    "DELETE FROM audit_log WHERE seq = 3; UPDATE audit_log SET seq = seq - 1 WHERE seq > 3": "does not follow",
    "UPDATE audit_log SET seq = 99 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 3; "
    "UPDATE audit_log SET seq = 3 WHERE seq = 99": "does not follow",
    "UPDATE organizations SET audit_head = 'x' WHERE organization_id = 'acme'": "is not the one",
    "UPDATE organizations SET audit_count = 3 WHERE organization_id = 'acme'": "is not the one",
}


@pytest.mark.parametrize("attack", TAMPERINGS)
def test_tampering_is_noticed(store: Store, attack: str) -> None:
    _write(store, CONTROL)
    _write(store, replace(CONTROL, title="second"), _with("B"))
    with store.engine.begin() as connection:
        _drop_guards(connection)
        for statement in attack.split("; "):
            where = " AND" if " WHERE " in statement else " WHERE"
            scoped = f"{statement}{where} organization_id = 'acme'"
            connection.execute(sa.text(scoped))
    report = store.verify("acme")
    assert not report.ok
    assert TAMPERINGS[attack] in str(report.findings[0])
    assert store.verify(PLATFORM).ok


def _drop_guards(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in ("audit_log", "assessments"):
            connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    for table in ("audit_log", "assessments"):
        for name in ("update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER {table}_no_{name}"))


@pytest.mark.parametrize(("attack", "said"), [
    ("UPDATE controls SET title = 'x' WHERE control_id = 'B'", "control B is not as the log's last entry on it says"),
    ("DELETE FROM control_rows WHERE position = 1", "control AC-1 is not"),
    ("UPDATE evidence SET day = NULL WHERE evidence_id = 'E-1'", "control AC-1 is not"),
    ("UPDATE organizations SET name = 'x' WHERE organization_id = 'acme'", "organization is not"),
    ("DELETE FROM exclusions WHERE position = 0", "profile is not"),
    ("DELETE FROM assessments WHERE subject_id = 'B'", "control B at revision 3 is not in the history"),
    ("UPDATE assessments SET state = '{}' WHERE subject_id = 'B'", "control B at revision 3 is not in the history"),
    ("INSERT INTO assessments VALUES ('acme', 'control', 'C', 3, '{}')", "has 6 states, the log tells of 5"),
])  # fmt: skip
def test_content_and_history_changed_behind_the_log_are_noticed(store: Store, attack: str, said: str) -> None:
    store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    _write(store, CONTROL, _with("B"))
    assert store.verify("acme").ok
    with store.engine.begin() as connection:
        _drop_guards(connection)
        connection.execute(sa.text(attack))
    assert said in str(store.verify("acme").findings[0])


def test_a_log_rewritten_from_end_to_end_is_noticed_against_a_head_kept_elsewhere(store: Store) -> None:
    _write(store, CONTROL)
    noted = (store.verify("acme").entries, store.verify("acme").head)
    store.erase_organization("acme", actor=ACTOR)
    store.create_organization("Acme", id="acme", actor=ACTOR)
    _write(store, replace(CONTROL, title="It was always so"))
    assert store.verify("acme").ok
    assert not store.verify("acme", known=[noted]).ok
    assert not store.verify("acme", known=[(50, "a")]).ok
    head = store.verify("acme")
    _write(store, CONTROL)
    assert store.verify("acme", known=[(head.entries, head.head)]).ok


# ------------------------------------------------------------------ suggestions


def test_a_proposal_counts_only_when_a_person_accepts_it(store: Store) -> None:
    _write(store, CONTROL, _with("B"))
    wanted = [Proposal("B", "ref:1", 1, "access"), Proposal("B", "law:art-2", 2), Proposal("AC-1", "ref:1", 1)]
    store.propose("acme", wanted, actor=ACTOR)
    assert [(p.control_id, p.target) for p in store.proposals("acme")] == [("B", "ref:1"), ("B", "law:art-2")]
    assert store.load("acme").controls[1].rows == ()
    person = Actor("user", "jo")
    first, second = store.proposals("acme", control_id="B")
    with pytest.raises(ConflictError):
        store.decide_proposal("acme", "B", "ref:1", accept=True, release=RELEASE, expected=1, actor=person)
    with pytest.raises(UsageError, match="superset_of"):
        store.decide_proposal("acme", "B", "ref:1", accept=True, relation="superset", release=RELEASE, actor=person)
    store.decide_proposal(
        "acme", "B", "ref:1", accept=True, relation="superset_of", release=RELEASE, expected=first.version, actor=person
    )
    store.decide_proposal("acme", "B", "law:art-2", accept=False, release=RELEASE, actor=person)
    assert store.load("acme").controls[1].rows == (ControlRow("ref:1", SUPERSET_OF),)
    assert [p.state for p in store.proposals("acme")] == [ProposalState.ACCEPTED, ProposalState.REJECTED]
    assert {p.decided_by for p in store.proposals("acme")} == {"user:jo"}
    assert store.propose("acme", [second], actor=ACTOR).changed == ()  # rejected once is rejected
    with pytest.raises(ConflictError) as error:
        store.decide_proposal("acme", "B", "law:art-2", accept=True, release=RELEASE, actor=person)
    assert error.value.current.state is ProposalState.REJECTED
    with pytest.raises(UnknownIdError):
        store.decide_proposal("acme", "B", "law:art-3", accept=True, release=RELEASE, actor=person)
    with pytest.raises(UnknownIdError):
        store.propose("acme", [Proposal("nobody", "ref:1")], actor=ACTOR)


# ------------------------------------------------------------------ keys and members


def test_a_key_opens_its_own_organisation_until_it_ends(engine_url: str) -> None:
    clock = Clock()
    with Store.open(engine_url, clock=clock) as store:
        store.create_organization("Acme", id="acme", actor=ACTOR)
        new = store.create_key("acme", Role.EDITOR, name="ci", expires_at=clock.now + timedelta(days=10), actor=ACTOR)
        assert new.token.startswith(f"kgk_{new.key.id}_")
        assert store.authenticate(new.token) == new.key
        for wrong in (new.token[:-1], new.token + "A", new.token[:-1] + ("A" if new.token[-1] != "A" else "B"), "",
                      f"kgk_{'a' * 12}_{'b' * 43}", "kgk_", new.token.upper(), new.token + "\n"):  # fmt: skip
            assert store.authenticate(wrong) is None
        clock.now += timedelta(days=1)
        store.note_use(new.key)
        store.note_use(store.list_keys("acme")[0])
        assert store.list_keys("acme")[0].last_used_at == clock.now
        assert store.revision("acme") == 2
        newer = store.rotate_key("acme", new.key.id, old_valid_until=clock.now + timedelta(hours=1), actor=ACTOR)
        assert newer.key.expires_at == clock.now + timedelta(days=10)
        assert store.authenticate(new.token).rotated_to == newer.key.id
        with pytest.raises(UsageError):
            store.rotate_key("acme", new.key.id, old_valid_until=clock.now, actor=ACTOR)
        clock.now += timedelta(hours=1)
        assert store.authenticate(new.token) is None
        assert store.authenticate(newer.token) == newer.key
        store.revoke_key("acme", newer.key.id, actor=ACTOR)
        assert store.authenticate(newer.token) is None
        assert store.revoke_key("acme", newer.key.id, actor=ACTOR).changed == ()
        with pytest.raises(UnknownIdError):
            store.revoke_key("acme", "nokey", actor=ACTOR)
        with pytest.raises(UsageError):
            store.create_key("acme", Role.VIEWER, expires_at=clock.now, actor=ACTOR)
        assert store.verify("acme").ok


def test_a_key_is_kept_nowhere(store: Store, tmp_path: Path) -> None:
    new = store.create_key("acme", Role.ADMIN, actor=ACTOR)
    secret = new.token.split("_", 2)[2]  # a secret may hold "_"
    report = store.backup(tmp_path / "all.gz")
    assert report.rows["api_keys"] == 1
    assert secret not in gzip.decompress((tmp_path / "all.gz").read_bytes()).decode()
    assert all(secret not in line for line in store.audit_lines("acme"))


def test_platform_keys_are_the_platforms(store: Store) -> None:
    boss = store.create_key(PLATFORM, Role.PLATFORM_ADMIN, actor=ACTOR)
    assert store.authenticate(boss.token).role is Role.PLATFORM_ADMIN
    with pytest.raises(UsageError):
        store.upsert_controls(PLATFORM, [CONTROL], release=RELEASE, actor=ACTOR)
    with pytest.raises(UsageError):
        store.archive_organization(PLATFORM, actor=ACTOR)
    for organization, role in ((PLATFORM, Role.ADMIN), ("acme", Role.PLATFORM_ADMIN)):
        with pytest.raises(UsageError):
            store.create_key(organization, role, actor=ACTOR)
        with pytest.raises(UsageError):
            store.set_member(organization, "https://issuer", "jo", role, actor=ACTOR)


def test_members(store: Store) -> None:
    store.create_organization("Bee", id="bee", actor=ACTOR)
    for organization, role in (("acme", Role.VIEWER), ("bee", Role.ADMIN)):
        store.set_member(organization, "https://issuer", "jo", role, name="Jo", actor=ACTOR)
    store.set_member("acme", "https://other", "jo", Role.ADMIN, actor=ACTOR)
    assert [(m.organization_id, m.role) for m in store.memberships("https://issuer", "jo")] == [
        ("acme", Role.VIEWER), ("bee", Role.ADMIN),
    ]  # fmt: skip
    store.set_member("acme", "https://issuer", "jo", Role.EDITOR, name="Jo", actor=ACTOR)
    assert store.set_member("acme", "https://issuer", "jo", Role.EDITOR, name="Jo", actor=ACTOR).changed == ()
    assert [m.role for m in store.list_members("acme")] == [Role.EDITOR, Role.ADMIN]
    store.remove_member("acme", "https://issuer", "jo", actor=ACTOR)
    with pytest.raises(UnknownIdError):
        store.remove_member("acme", "https://issuer", "jo", actor=ACTOR)
    with pytest.raises(KgError):
        store.set_member("acme", "", "jo", Role.EDITOR, actor=ACTOR)


# ------------------------------------------------------------------ speed of the hot path, in queries


def test_loading_takes_the_same_few_queries_however_much_there_is(store: Store) -> None:
    store.set_profile("acme", PROFILE, release=RELEASE, actor=ACTOR)
    counts = []
    for many in (1, 40):
        _write(store, *(replace(CONTROL, id=f"C-{n}") for n in range(many)))
        seen: list[str] = []

        def note(_c: Any, _k: Any, statement: str, *_: Any, seen: list[str] = seen) -> None:
            seen.append(statement)

        sa.event.listen(store.engine, "before_cursor_execute", note)
        store.load("acme")
        sa.event.remove(store.engine, "before_cursor_execute", note)
        counts.append(len([s for s in seen if s.lstrip().upper().startswith("SELECT")]))
    assert counts[0] == counts[1] <= 9


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "organisations.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    environment = {k: v for k, v in os.environ.items() if k != "KG_DATABASE_URL"} | {"XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert int(done.stdout) >= 1
    assert (tmp_path / "aigov-kg" / "store.sqlite3").exists()
