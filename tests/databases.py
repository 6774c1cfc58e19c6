"""Databases for the tests: a SQLite file, and a PostgreSQL of our own from Debian's binaries.

The server is started once per test process, in a folder of its own, on a Unix socket only, and as somebody who is not
root.  A database serves one test after the other, emptied in between: that is much faster than a new one.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from kg.model import Catalogue, Framework, JointNode, Provision, ReferenceControl, TextVersion
from kg.organizations.store import Actor, Store, schema
from kg.organizations.store.backup import delete_organizations
from kg.organizations.store.engine import database_url, open_engine
from kg.organizations.store.tables import organizations
from kg.release import Release
from kg.sources import Content

__all__ = ["ACTOR", "ENGINES", "NO_POSTGRES", "RELEASE", "TARGETS", "database", "engine_url", "store"]

ENGINES = ("sqlite", "postgresql")
NO_POSTGRES = "PostgreSQL tests skipped: install Debian's `postgresql` (only its binaries are used) and run them again"
ACTOR = Actor("command", "test")


def _release() -> Release:
    first = (TextVersion(date(2024, 1, 1), "first"),)
    provisions = [Provision(f"law:art-{n}", "law", "article", f"Article {n}", "…", "…", True) for n in (1, 2, 3)]
    return Release(
        Content(
            frameworks=[Framework("law", "A law", "Law", "someone", "law", "EU", "", "", first)],
            provisions=provisions,
            catalogues=[Catalogue("ref", "Reference controls", "we", "CC-BY-4.0", "1")],
            controls=[ReferenceControl(f"ref:{n}", "ref", "X", f"Do {n}", "…") for n in (1, 2)],
            joints=[JointNode("ref:both", "ref", "Both", ("ref:1", "ref:2"))],
        )
    )


#: A small graph to write controls against.
RELEASE = _release()
TARGETS = ("law:art-1", "law:art-2", "law:art-3", "ref:1", "ref:2", "ref:both")


class Postgres:
    """A server that dies with the tests."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="kg-pg-"))
        self._numbers = itertools.count()
        self._who: dict[str, object] = {}
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-U", "kg", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = ("listen_addresses=", "fsync=off", "max_connections=60", f"unix_socket_directories={self._folder}")
        options = [word for setting in settings for word in ("-c", setting)]
        self._server = subprocess.Popen(
            [self._binaries / "postgres", "-D", data, *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder, **self._who,  # type: ignore[call-overload]
        )  # fmt: skip
        until = time.monotonic() + 60
        while subprocess.run([self._binaries / "pg_isready", "-q", "-h", self._folder], check=False).returncode:
            assert self._server.poll() is None, "the PostgreSQL server did not start"
            assert time.monotonic() < until, "the PostgreSQL server is not ready"
            time.sleep(0.05)
        self._free: list[str] = []

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._binaries / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._who)  # type: ignore[call-overload]

    def create(self) -> str:
        """The URL of a new database without a schema."""
        name = f"t{next(self._numbers)}"
        self._run("createdb", "-h", str(self._folder), "-U", "kg", "-T", "template0", name)
        return f"postgresql://kg@/{name}?host={self._folder}"

    def take(self) -> str:
        """The URL of an empty database with the schema; :meth:`give` it back."""
        if self._free:
            return self._free.pop()
        url = self.create()
        Store.upgrade(url)
        return url

    def give(self, url: str) -> None:
        """Empty a database for the next test, whatever this one did to it."""
        engine = open_engine(database_url(url))
        with engine.begin() as connection:
            for table in ("audit_log", "assessments"):
                connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
            connection.execute(sa.text("DELETE FROM alembic_version"))
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": schema.HEAD})
            delete_organizations(connection)
            fresh = {"organization_id": "platform", "name": "Platform", "revision": 0, "version": 0, "erasing": False}
            fresh |= {
                "audit_count": 0,
                "audit_head": "",
                "created_at": datetime.now(UTC),
                "updated_at": datetime.now(UTC),
            }
            connection.execute(sa.insert(organizations), fresh)
        engine.dispose()
        self._free.append(url)

    def stop(self) -> None:
        """End the server at once and leave nothing."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, if it is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    where = shutil.which("initdb")
    return found[-1].parent if found else Path(where).resolve().parent if where else None


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Callable[[], Postgres]]:
    """The server, started when first asked for."""
    started: list[Postgres] = []

    def server() -> Postgres:
        found = binaries()
        if found is None:
            pytest.skip(NO_POSTGRES)
        if not started:
            started.append(Postgres(found))
        return started[0]

    yield server
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "store.sqlite3"
    Store.open(f"sqlite:///{path}").close()
    return path


#: ``database("sqlite")`` or ``database("postgresql", empty=True)`` → the URL of a new one.
Database = Callable[..., str]


@pytest.fixture
def database(tmp_path: Path, _sqlite: Path, _postgres: Callable[[], Postgres]) -> Iterator[Database]:
    """Makes databases of either engine, with the schema or ``empty``."""
    numbers = itertools.count()
    taken: list[str] = []

    def make(engine: str, *, empty: bool = False) -> str:
        if engine == "postgresql":
            if empty:
                return _postgres().create()
            taken.append(_postgres().take())
            return taken[-1]
        path = tmp_path / f"store{next(numbers)}.sqlite3"
        if not empty:
            shutil.copy(_sqlite, path)
        return f"sqlite:///{path}"

    yield make
    for url in taken:
        _postgres().give(url)


@pytest.fixture(params=ENGINES)
def engine_url(request: pytest.FixtureRequest, database: Database) -> str:
    """A database of each engine in turn."""
    return database(request.param)


@pytest.fixture
def store(engine_url: str) -> Iterator[Store]:
    """An open store of each engine in turn, with one organisation, ``acme``."""
    with Store.open(engine_url) as opened:
        opened.create_organization("Acme", id="acme", actor=ACTOR)
        yield opened
