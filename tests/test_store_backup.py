"""A store in one file: whole or not at all, the same on either engine; one organisation out, in, and gone."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from databases import ACTOR, ENGINES, RELEASE

from kg.answers import assess
from kg.errors import ConflictError, StoreError, UnknownIdError, UsageError
from kg.exports.json import dumps
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord, Exclusion, Profile, System
from kg.organizations.store import PLATFORM, Actor, Proposal, Role, Store
from kg.organizations.store.tables import ORDERED
from kg.relations import EQUAL

PROOF = EvidenceRecord("E-1", title="the secret report 7f3a9")
PROFILE = Profile("Acme", systems=(System("s1", "One"),), exclusions=(Exclusion("law:art-3", "no"),))


def _control(id_: str, title: str = "A control", **changes: Any) -> Control:
    rows = (ControlRow("law:art-1", EQUAL), ControlRow("ref:1", EQUAL))
    return replace(Control(id_, title, ControlStatus.IMPLEMENTED, rows), **changes)


def _fill(store: Store, id_: str = "acme") -> None:
    store.create_organization("Acme & sons", id=id_, actor=ACTOR)
    store.set_profile(id_, PROFILE, release=RELEASE, actor=ACTOR)
    controls = [_control("A", evidence=(PROOF,), systems=("s1",)), _control("B-10", "é"), _control("B-9")]
    store.upsert_controls(id_, controls, release=RELEASE, actor=ACTOR)
    store.archive_controls(id_, ["B-9"], actor=ACTOR)
    store.propose(id_, [Proposal("A", "ref:2", 1, "why")], actor=ACTOR)
    store.create_key(id_, Role.EDITOR, actor=ACTOR)
    store.set_member(id_, "https://issuer", "jo", Role.ADMIN, actor=ACTOR)


def _content(path: Path) -> list[Any]:
    """What a file holds, without when it was written."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()][:-1]


def _rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(gzip.compress(b"".join(change(gzip.decompress(path.read_bytes()).splitlines(keepends=True)))))


@pytest.mark.parametrize("source", ENGINES)
@pytest.mark.parametrize("target", ENGINES)
def test_a_backup_moves_everything_to_either_engine(database: Any, tmp_path: Path, source: str, target: str) -> None:
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    with Store.open(database(source)) as one, Store.open(database(target)) as other:
        _fill(one)
        _fill(one, "bee")
        key = one.create_key("acme", Role.VIEWER, actor=ACTOR)
        report = one.backup(first)
        assert (report.organizations, report.rows["controls"]) == (2, 6)
        assert other.restore(first, actor=Actor("command", "root")) == report
        for id_ in ("acme", "bee"):
            state = one.load(id_)
            assert other.load(id_) == state
            assert other.get_organization(id_) == one.get_organization(id_)
            assert other.verify(id_) == one.verify(id_)
            answers = [dumps(assess(RELEASE, s.controls, s.profile).coverage("law")) for s in (state, other.load(id_))]
            assert answers[0] == answers[1]
            for revision in range(1, state.revision + 1):
                assert other.load(id_, as_of_revision=revision) == one.load(id_, as_of_revision=revision)
            left, right = tmp_path / f"{id_}-1", tmp_path / f"{id_}-2"
            assert one.export_organization(id_, left).sha256 == other.export_organization(id_, right).sha256
            assert _content(left) == _content(right)
        assert other.authenticate(key.token) == key.key
        last = list(other.audit(PLATFORM))[-1].change
        assert (last.action, last.actor.id, last.after["sha256"]) == ("store.restore", "root", report.sha256)
        assert other.verify(PLATFORM).ok
        other.upsert_controls("acme", [_control("new")], release=RELEASE, actor=ACTOR)
        again = one.backup(second)
        assert again.sha256 == report.sha256  # equal content, equal digest
        assert first.stat().st_mode & 0o077 == 0


def test_a_store_that_is_not_empty_is_replaced_only_on_request(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.gz"
    store.backup(path)
    store.upsert_controls("acme", [_control("A")], release=RELEASE, actor=ACTOR)
    with pytest.raises(StoreError) as error:
        store.restore(path, actor=ACTOR)
    assert error.value.code == "NOT_EMPTY"
    assert len(store.load("acme").controls) == 1
    store.restore(path, replace=True, actor=ACTOR)
    assert store.load("acme").controls == ()
    assert list(store.audit(PLATFORM))[-1].change.after["replaced"] is True
    store.backup(path)
    store.restore(path, replace=True, actor=ACTOR)
    assert store.verify(PLATFORM).ok


def _edit(old: str, new: str) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line.replace(old.encode(), new.encode()) for line in lines]


def _with_new_digest(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[list[bytes]], list[bytes]]:
    """A forger who knows that there is a checksum."""

    def forge(lines: list[bytes]) -> list[bytes]:
        *body, last = change(lines)
        end = {**json.loads(last), "sha256": hashlib.sha256(b"".join(body)).hexdigest()}
        return [*body, json.dumps(end).encode() + b"\n"]

    return forge


#: What happens to a file → what is said of it.
DAMAGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "cut at a line": (lambda lines: lines[:-1], "before its end"),
    "cut in a line": (lambda lines: [*lines[:-1], lines[-1][:10]], "before its end"),
    "a word changed": (_edit("A control", "No control"), "checksum"),
    "a row gone": (
        lambda lines: [line for line in lines if not line.startswith(b'["acme","https://issuer"')],
        "checksum",
    ),
    "the count forged": (_edit('"controls":3', '"controls":2'), "number of rows"),
    "something added": (lambda lines: [*lines, b"[]\n"], "follows its end"),
    "another schema": (_edit('"schema":"0001"', '"schema":"0000"'), "schema 0000"),
    "not ours": (lambda lines: [b'{"format":"x"}\n', *lines[1:]], "not a backup"),
    "no JSON": (lambda lines: [b"{\n", *lines[1:]], "cannot be read"),
    "the log forged": (_with_new_digest(_edit("control.archive", "control.restore")), "changed after it was written"),
    "a broken reference": (_with_new_digest(_edit('["acme","A","E-1"', '["acme","Z","E-1"')), "do not fit together"),
    "a wrong type": (
        _with_new_digest(_edit('"A control","","implemented"', '"A control",3,"implemented"')),
        "not a row",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_changes_nothing(store: Store, tmp_path: Path, damage: str) -> None:
    store.erase_organization("acme", actor=ACTOR)
    _fill(store)
    path = tmp_path / "all.gz"
    store.backup(path)
    store.rename_organization("acme", "Still here", actor=ACTOR)
    before = store.load("acme")
    change, said = DAMAGES[damage]
    untouched = path.read_bytes()
    _rewrite(path, change)
    assert gzip.decompress(path.read_bytes()) != gzip.decompress(untouched), "the damage did no damage"
    with pytest.raises(StoreError, match=said) as error:
        store.restore(path, replace=True, actor=ACTOR)
    assert error.value.code == "BAD_BACKUP"
    assert store.load("acme") == before
    assert store.verify("acme").ok


def test_a_file_that_is_no_gzip_or_cut_or_absent(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.gz"
    store.backup(path)
    data = path.read_bytes()
    for content in (b"", b"no gzip at all", data[: len(data) // 2], data[:-4] + b"0000", data[:-1]):
        path.write_bytes(content)
        with pytest.raises(StoreError) as error:
            store.restore(path, replace=True, actor=ACTOR)
        assert error.value.code == "BAD_BACKUP"
    with pytest.raises(StoreError, match="No such file"):
        store.restore(tmp_path / "none", actor=ACTOR)
    with pytest.raises(StoreError) as error:
        store.backup(tmp_path / "no" / "folder.gz")
    assert error.value.code == "UNWRITABLE"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_backup_under_load_is_one_state(database: Any, engine_url: str, tmp_path: Path) -> None:
    """While imports change all controls at once, every backup holds one import and not a mixture."""
    stop = threading.Event()
    with Store.open(engine_url) as store, Store.open(database("sqlite")) as other:
        store.create_organization("Acme", id="acme", actor=ACTOR)

        def work() -> None:
            for n in range(1_000):
                controls = [_control(f"C-{i}", f"import {n}") for i in range(20)]
                store.apply_import("acme", controls, release=RELEASE, actor=ACTOR)
                if stop.is_set():
                    return

        writer = threading.Thread(target=work)
        writer.start()
        revisions = []
        try:
            seen = 1
            for n in range(4):
                while store.revision("acme") <= seen:
                    time.sleep(0.001)
                store.backup(tmp_path / f"{n}.gz")
                seen = store.revision("acme")  # no later than this is in it: the next one is of a later state
        finally:
            stop.set()
            writer.join()
        for n in range(4):
            other.restore(tmp_path / f"{n}.gz", replace=True, actor=ACTOR)
            state = other.load("acme")
            assert {c.title for c in state.controls} == {f"import {state.revision - 2}"}
            assert len(state.controls) == 20
            revisions.append(state.revision)
        assert revisions == sorted(set(revisions))
        assert store.load("acme", as_of_revision=revisions[0]).controls == _first(other, tmp_path)


def _first(other: Store, folder: Path) -> tuple[Control, ...]:
    other.restore(folder / "0.gz", replace=True, actor=ACTOR)
    return other.load("acme").controls


def test_one_organisation_goes_out_and_in(database: Any, engine_url: str, tmp_path: Path) -> None:
    path, all_ = tmp_path / "acme.gz", tmp_path / "all.gz"
    with Store.open(engine_url) as store, Store.open(database("sqlite")) as other:
        _fill(store)
        _fill(store, "bee")
        report = store.export_organization("acme", path)
        assert "api_keys" not in report.rows
        assert b'"bee"' not in gzip.decompress(path.read_bytes())
        other.create_organization("Cat", id="cat", actor=ACTOR)
        assert other.import_organization(path, actor=ACTOR) == report
        assert other.load("acme") == store.load("acme")
        assert other.list_members("acme") == store.list_members("acme")
        assert other.list_keys("acme") == ()
        assert other.verify("acme") == store.verify("acme")
        with pytest.raises(ConflictError):
            other.import_organization(path, actor=ACTOR)
        with pytest.raises(StoreError, match="one organisation"):
            other.restore(path, replace=True, actor=ACTOR)
        store.backup(all_)
        with pytest.raises(UsageError):
            other.import_organization(all_, actor=ACTOR)
        _rewrite(path, _with_new_digest(_edit('["acme","A","A control"', '["cat","A","A control"')))
        other.erase_organization("acme", actor=ACTOR)
        with pytest.raises(StoreError, match="another organisation"):
            other.import_organization(path, actor=ACTOR)
        assert [o.id for o in other.list_organizations()] == ["cat"]


def test_an_erased_organisation_leaves_only_who_erased_it(database: Any, engine_url: str) -> None:
    with Store.open(engine_url) as store:
        _fill(store, "bee")
        _fill(store)
        before = store.load("bee")
        store.erase_organization("acme", actor=Actor("user", "the officer"))
        with store.engine.connect() as connection:
            for table in ORDERED:
                rows = connection.execute(sa.select(table)).all()
                assert not [row for row in rows if row.organization_id == "acme"], table
                assert "the officer" not in str(rows) or table.name == "audit_log"
        last = list(store.audit(PLATFORM))[-1].change
        assert (last.action, last.id, last.actor.id) == ("organization.erase", "acme", "the officer")
        assert (last.before, last.after) == (None, {})
        assert "Acme" not in "".join(store.audit_lines(PLATFORM))
        assert store.load("bee") == before
        assert store.verify("bee").ok
        assert store.verify(PLATFORM).ok
        with pytest.raises(UnknownIdError):
            store.load("acme")
        with pytest.raises(UsageError):
            store.erase_organization(PLATFORM, actor=ACTOR)


def test_what_is_erased_is_not_in_the_sqlite_file_any_more(database: Any) -> None:
    url = database("sqlite")
    with Store.open(url) as store:
        _fill(store)
        path = Path(url.removeprefix("sqlite:///"))
        files = [path, path.with_name(path.name + "-wal")]
        secret = PROOF.title.encode()
        assert any(secret in file.read_bytes() for file in files if file.exists())
        store.erase_organization("acme", actor=ACTOR)
        assert not any(secret in file.read_bytes() for file in files if file.exists())
