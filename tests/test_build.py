"""The compiled release: the same as what the sources say, whatever happens to its files; and what starts from it."""

from __future__ import annotations

import ast
import dataclasses
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import CanonicalizationAlgorithm, Dataset
from servers import ROOT, Server

from kg import Release, answers
from kg.answers.filter import Filter
from kg.answers.graph import graph_of
from kg.arrays import Arrays
from kg.cli.app import _made
from kg.cli.demo import example_paths
from kg.compiled import cache
from kg.compiled.files import ARRAYS, DATASET, MANIFEST, MAPS, OBJECTS, ROWS, Build, DamagedError, write
from kg.errors import InputError
from kg.exports.json import dumps
from kg.organizations import read_controls, read_profile
from kg.organizations.store import Actor, Store

CSV = """# title: Rules
# publisher: Somebody
# version: 2026-01-31
id,parent_id,level,kind,ref,title,assessable
1,,1,chapter,1,Data,
1.1,1,2,rule,1.1,Know where data come from,true
1.2,1,2,rule,1.2,{},true
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("KG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree of sources in place of the project's."""
    return tree_at(tmp_path / "tree", "Delete what is no longer needed")


def tree_at(folder: Path, title: str) -> Path:
    (folder / "frameworks").mkdir(parents=True, exist_ok=True)
    (folder / "frameworks" / "rules.csv").write_text(CSV.format(title))
    return folder


def builds(place: Path) -> list[Path]:
    return sorted(p for p in place.iterdir() if p.name != "guards") if place.is_dir() else []


def title(release: Release) -> str:
    return release.provisions["rules:1.2"].title


def old(folder: Path) -> None:
    """Let every file be old enough for its times to be believed."""
    for path in folder.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


# ---------------------------------------------------------------- the same release


@pytest.fixture(scope="module")
def both() -> tuple[Release, Release]:
    """The project's release, read from the sources and opened from a build."""
    Release.load()
    read, opened = Release.read(), cache.build()
    assert read.build is None
    assert opened.build is not None
    return read, opened


def test_every_attribute_is_the_same(both: tuple[Release, Release]) -> None:
    """Objects, their order, where they were read, and what is derived from them."""
    read, opened = both
    assert opened.digest == read.digest
    for name in MAPS:
        one, other = getattr(read, name), getattr(opened, name)
        assert list(one.items()) == list(other.items()), name
        assert list(one) == list(other)
        assert one == other
        assert other == one
    for name in ROWS:
        assert type(getattr(opened, name)) is tuple
        assert getattr(read, name) == getattr(opened, name), name
    for name in (*MAPS, *ROWS):
        held = [getattr(r, name) for r in both]
        one, other = (list(h.values()) if hasattr(h, "values") else list(h) for h in held)
        assert [getattr(x, "source", None) for x in one] == [getattr(x, "source", None) for x in other], name
        assert [type(x) for x in one] == [type(x) for x in other]
        for a, b in zip(one, other, strict=True):
            for f in dataclasses.fields(a):
                assert type(getattr(a, f.name)) is type(getattr(b, f.name)), (name, f.name)
    for name in ("row", "parts_of", "wholes_of", "rows_of", "known_by_number", "frameworks_of_control"):
        assert dict(getattr(read, name)) == dict(getattr(opened, name)), name
    assert read.stats() == opened.stats()
    assert all(opened.row[m.id] is m for m in opened.mappings)


def test_every_class_of_the_content_is_in_a_build(both: tuple[Release, Release]) -> None:
    """A new kind of object must be written too."""
    kept = {name for name, value in vars(both[0]).items() if isinstance(value, tuple) or hasattr(value, "keys")}
    assert kept - {"folders", "_place", "_caches"} <= {*MAPS, *ROWS, *dir(Release)}


def test_the_dataset_and_the_columns_are_the_same(both: tuple[Release, Release]) -> None:
    read, opened = both
    sets = [Dataset(r.dataset) for r in both]
    for each in sets:
        each.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    assert sets[0] == sets[1]
    assert opened.build is not None
    assert opened.build.dataset is not None
    one, other = read.arrays.columns(), opened.arrays.columns()
    assert list(one) == list(other) == list(Arrays.of(read).columns())
    for name, column in one.items():
        assert (column == other[name]).all(), name
        assert column.dtype == other[name].dtype
        assert not other[name].flags.writeable


def test_answers_are_the_same(both: tuple[Release, Release]) -> None:
    """Coverage with every chain, gaps and a crosswalk, to the byte."""
    said = []
    for release in both:
        controls, profile = example_paths()
        found = read_profile(profile, release)
        a = answers.assess(release, read_controls(controls, release).controls, found)
        said.append([
            *(dumps(a.coverage(f), release) for f in release.frameworks),
            dumps(answers.gap_report(a, "gdpr"), release),
            dumps(answers.crosswalk(release, "nist-ai-rmf", "iso42001", as_of=a.as_of), release),
            *(dumps(h) for h in answers.search(release, "data poisoning")[:5]),
        ])  # fmt: skip
    assert said[0] == said[1]


def test_what_is_worked_out_beforehand(both: tuple[Release, Release]) -> None:
    """Wholes, requirements and what could be covered: the same on every day, also before and between the texts."""
    read, opened = both
    assert [read.whole(p) for p in read.provisions] == [opened.whole(p) for p in opened.provisions]
    texts = {v.date for f in read.frameworks.values() for v in f.text_versions}
    for day in (date(1990, 1, 1), *texts, max(texts) + timedelta(1)):
        for f in read.frameworks:
            assert read.requirements(f, day) == opened.requirements(f, day)
        graphs = [graph_of(r, day, Filter()) for r in both]
        assert graphs[0].coverable == graphs[1].coverable
        assert (graphs[0].is_coverable == graphs[1].is_coverable).all()
    strict = [graph_of(r, max(texts), Filter(max_hops=1)) for r in both]
    assert strict[0].coverable == strict[1].coverable != graphs[0].coverable


def test_a_lazy_map_is_a_dictionary_that_nobody_can_change(both: tuple[Release, Release]) -> None:
    opened = Release.opened(Build(both[1].build.folder))  # type: ignore[union-attr]
    names, held = list(opened.provisions), opened.provisions
    assert held[names[5]] is held[names[5]] is held.get(names[5])
    assert "nothing" not in held
    assert held.get("nothing") is None
    with pytest.raises(KeyError):
        held["nothing"]
    with pytest.raises(TypeError):
        held["nothing"] = held[names[0]]  # type: ignore[index]
    assert [p.id for p in held.values()] == names == [i for i, _ in held.items()]
    assert held[names[5]] is list(held.values())[5]
    assert list(reversed(held)) == names[::-1]
    with pytest.raises(AttributeError, match="no attribute 'provision'"):
        opened.provision  # type: ignore[attr-defined]  # noqa: B018


# ---------------------------------------------------------------- which build


def test_a_build_is_made_once_and_opened_after(place: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Release.load(own=tree).build is not None
    monkeypatch.setattr(Release, "read", None)  # nobody reads the sources any more
    assert title(Release.load(own=tree)) == "Delete what is no longer needed"
    moved = shutil.copytree(tree, tree.parent / "elsewhere")
    found = Release.load(own=moved)  # the content decides, not the place; sources are shown where they are
    assert found.provisions["rules:1"].source.path.startswith(str(moved))
    assert len(builds(place)) == 1


def test_any_change_is_another_build(place: Path, tree: Path) -> None:
    """Also one that changes neither the size nor the time of the file, just after it was written and long after."""
    path = tree / "frameworks" / "rules.csv"
    for old_enough in (False, True):
        first = Release.load(own=tree)
        if old_enough:
            old(tree)
            first = Release.load(own=tree)
        before = path.stat()
        path.write_text(path.read_text().replace("needed", "wanted" if "needed" in title(first) else "needed"))
        path.write_text(path.read_text().replace("wanted", "wanted"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        second = Release.load(own=tree)
        assert (title(first), first.digest) != (title(second), second.digest)
        path.write_text(path.read_text().replace("wanted", "needed"))


def test_own_folders_have_builds_of_their_own(place: Path, tree: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    (more / "frameworks").mkdir(parents=True)
    (more / "frameworks" / "more.csv").write_text(CSV.format("Else"))
    alone, together = Release.load(own=tree), Release.load(more, own=tree)
    assert set(alone.frameworks) == {"rules"}
    assert set(together.frameworks) == {"rules", "more"}
    assert together.folders == (more,)
    assert len(builds(place)) == 2
    assert set(Release.load(own=tree).frameworks) == {"rules"}


def test_wrong_sources_are_refused_and_nothing_is_built(place: Path, tree: Path) -> None:
    (tree / "frameworks" / "rules.csv").write_text(CSV.format("x").replace("1.1,1,2", "1.1,9,2"))
    for _ in range(2):
        with pytest.raises(InputError):
            Release.load(own=tree)
    assert not builds(place)


# ---------------------------------------------------------------- what happens to files


def damaged(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    path.unlink()  # another file in its place: who has mapped the old one keeps it
    if how == "gone":
        return
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "longer":
        path.write_bytes(data + b"x")
    else:
        place = int(how) * (len(data) - 1) // 9
        data[place] ^= 0x04
        path.write_bytes(data)


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "longer", "0", "4", "7", "9"])
@pytest.mark.parametrize("name", [MANIFEST, OBJECTS, ARRAYS, DATASET])
def test_damage_is_noticed_and_made_good(place: Path, tree: Path, name: str, how: str) -> None:
    """Whatever part is damaged and however: the answer is right, and there is a whole build afterwards."""
    whole = cache.build(own=tree)
    (folder,) = builds(place)
    sound = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert set(sound) == {MANIFEST, OBJECTS, ARRAYS, DATASET}
    damaged(folder / name, how)
    found = cache.build(own=tree)
    assert (found.digest, title(found)) == (whole.digest, title(whole))
    assert list(found.provisions.values()) == list(Release.read(own=tree).provisions.values())
    assert len(found.dataset) == len(whole.dataset)
    (folder,) = builds(place)
    Build(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == sound


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_is_believed(both: tuple[Release, Release], data: Any, tmp_path_factory: Any) -> None:
    """Any bit of any part."""
    source = both[1].build.folder  # type: ignore[union-attr]
    name = data.draw(st.sampled_from([MANIFEST, ARRAYS]))
    folder = tmp_path_factory.mktemp("flip")
    for part in (MANIFEST, OBJECTS, ARRAYS):
        os.symlink(source / part, folder / part)
    body = bytearray((source / name).read_bytes())
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / name).unlink()
    (folder / name).write_bytes(body)
    with pytest.raises(DamagedError):
        Build(folder)


def test_what_is_not_plain_numbers_is_not_read(both: tuple[Release, Release], tmp_path: Path) -> None:
    """A manifest that somebody sealed anew cannot ask for objects, nor for bytes outside the file."""
    from kg.compiled.files import _sealed

    source = both[1].build.folder  # type: ignore[union-attr]
    for change in ({"dtype": "|O8"}, {"dtype": "<i8", "shape": [10**9]}, {"begin": -8}, {"shape": ["x"]}):
        folder = shutil.copytree(source, tmp_path / str(len(os.listdir(tmp_path))))
        manifest = orjson.loads((folder / MANIFEST).read_bytes().partition(b"\n")[0])
        next(iter(manifest["arrays"].values())).update(change)
        (folder / MANIFEST).write_bytes(_sealed(manifest))
        with pytest.raises(DamagedError):
            Build(folder)


@pytest.mark.parametrize("where", ["off", "a-file/cache", "read-only/cache"])
def test_without_a_cache_it_works_all_the_same(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "read-only").mkdir(mode=0o500)
    monkeypatch.setenv("KG_CACHE", where if where == "off" else str(tmp_path / where))
    monkeypatch.setattr("kg.compiled.files.fresh", refuse) if where == "read-only/cache" else None
    found = Release.load(own=tree)
    assert (found.build, title(found)) == (None, "Delete what is no longer needed")
    assert len(cache.build(own=tree).dataset) == len(found.dataset)


def refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")  # tests may run as root, whom no mode stops


def test_nothing_is_left_of_a_build_that_could_not_be_written(
    place: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full half-way."""
    made = Release.read(own=tree)
    monkeypatch.setattr("kg.compiled.files.os.fsync", refuse)
    with pytest.raises(PermissionError):
        write(place / "x", {}, made, {})
    assert not builds(place)
    assert Release.load(own=tree).build is None
    assert not builds(place)


def test_a_half_written_build_is_never_read_and_goes_one_day(place: Path, tree: Path) -> None:
    Release.load(own=tree)
    (folder,) = builds(place)
    half = shutil.copytree(folder, place / ".making-1-abc")
    (half / MANIFEST).unlink()
    young = shutil.copytree(folder, place / ".making-2-abc")
    os.utime(half, (0, 0))
    shutil.rmtree(folder)
    assert title(Release.load(own=tree)) == "Delete what is no longer needed"
    assert builds(place) == [young, folder]


def test_old_builds_are_pruned(place: Path, tree: Path) -> None:
    """The newest few stay, and the one in use; what nobody has opened for a month goes."""
    for number in range(cache.MOST + 3):
        tree_at(tree, f"Title {number}")
        Release.load(own=tree)
    assert len(builds(place)) == cache.MOST
    for folder in builds(place):
        os.utime(folder, (0, 0))
    assert title(Release.load(own=tree)) == f"Title {cache.MOST + 2}"  # opening it says that it is in use
    tree_at(tree, "Another")
    Release.load(own=tree)
    assert len(builds(place)) == 2


def _load(arguments: tuple[Path, Path]) -> tuple[str, str]:
    os.environ["KG_CACHE"] = str(arguments[0])
    found = Release.load(own=arguments[1])
    return found.digest, title(found)


def test_builders_at_the_same_time_do_no_harm(place: Path, tree: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(_load, [(place, tree)] * 9, chunksize=1)
    assert set(found) == {(Release.read(own=tree).digest, "Delete what is no longer needed")}
    assert len(builds(place)) == 1


# ---------------------------------------------------------------- the start


@pytest.mark.parametrize("package", ["kg", "kg.answers", "kg.organizations", "kg.organizations.store"])
def test_lazy_names_are_those_that_the_type_checker_sees(package: str) -> None:
    """The table, the imports for type checkers and ``__all__`` name the same things, and each is what it was."""
    module = import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    seen = {a.name: i.module for i in block.body if isinstance(i, ast.ImportFrom) for a in i.names}
    assert set(seen) == set(module.__all__)
    assert seen == dict(module._where)
    for name, where in seen.items():
        assert getattr(module, name) is getattr(import_module(str(where)), name)
    with pytest.raises(AttributeError):
        module.nothing  # noqa: B018


def test_what_a_command_does_not_need_is_not_imported() -> None:
    """Neither what reads sources nor what only other commands, the web side or errors need; and looking things up needs
    no engine."""
    heavy = (
        "pydantic fastapi strawberry rdflib networkx scipy pandas yaml rapidfuzz pyoxigraph sqlalchemy alembic uvicorn "
        "xlsxwriter kg.sources kg.rdf kg.answers.plan kg.answers.overlap kg.organizations.formats kg.cli.plan "
        "kg.organizations.suggestions kg.organizations.profiles kg.answers.compare kg.answers.steps "
        "kg.answers.timeline kg.exports.tables tomllib"
    ).split()
    example = str(example_paths()[0])
    look_up = ("show", "eu-ai-act:art-15.5"), ("search", "data poisoning"), ("stats",), ("--help",)
    wanted: list[tuple[tuple[tuple[str, ...], ...], list[str]]] = [
        ((("coverage", example),), heavy),
        (look_up, ["numpy", "kg.answers.engine", "pydantic", "sqlalchemy", "kg.sources"]),
        ((("plan", example, "--limit", "1", "-f", "gdpr"),), ["pydantic", "sqlalchemy", "kg.sources", "rdflib"]),
    ]
    Release.load()
    for commands, modules in wanted:
        code = (
            f"import sys\nfrom kg.cli import main\nfor command in {commands!r}:\n"
            "    sys.argv = ['kg', *command]\n"
            "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code, command\n"
            f"print([m for m in {modules!r} if m in sys.modules], file=sys.stderr)"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert found.stderr.strip().splitlines()[-1] == "[]", commands


@pytest.mark.parametrize(("stateless", "built"), [(True, True), (False, True), (True, False)])
def test_what_the_first_answer_does_not_need_is_not_imported(tmp_path: Path, stateless: bool, built: bool) -> None:
    """Of `kg serve`, up to where GraphQL can answer; what the whole of the application needs comes after that.  Where
    there is no build, another process makes it."""
    heavy = (
        "numpy pydantic fastapi sqlalchemy alembic rdflib networkx scipy pandas yaml rapidfuzz pyoxigraph xlsxwriter "
        "rich websockets jwt httpx kg.sources kg.rdf kg.exports kg.importers kg.organizations.formats kg.sparql_worker"
    ).split()
    code = (
        "import sys, uvicorn\n"
        "def run(server, sockets):\n"
        "    served = server.config.app\n"
        "    next(served._make(served._first))\n"
        f"    print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)\n"
        "uvicorn.Server.run = run\n"
        "from kg.cli.app import app\n"
        f"sys.argv = ['kg', 'serve', '--port', '0', *{['--stateless'] * stateless}]\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
    )
    if not stateless:
        with Store.open(f"sqlite:///{tmp_path}/aigov-kg/store.sqlite3") as store:
            store.create_organization("One", actor=Actor("test"))
    own = {name: value for name, value in os.environ.items() if name != "KG_DATABASE_URL"}
    if built:
        cache.build()
    else:
        own["KG_CACHE"] = str(tmp_path / "cache")
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**own, "XDG_DATA_HOME": str(tmp_path)},
    )  # fmt: skip
    assert built or builds(tmp_path / "cache")
    assert found.stderr.strip().splitlines()[-1] == "[]"


def test_a_server_without_a_store_needs_no_sqlalchemy() -> None:
    code = (
        "import sys\nfrom api.app import create_app\nfrom kg import Release\ncreate_app(Release.load())\n"
        "print([m for m in ('sqlalchemy', 'rdflib', 'scipy', 'pandas', 'networkx') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert found.stdout.strip() == "[]", found.stderr


_WORDS = st.one_of(
    st.sampled_from(["0", "3", "4", "-1", " 2", "2.0", "1e1", "٣", "", "owner", "OWNER", "json", "x", ".", "/", "-"]),
    st.text(max_size=5),
)


@given(
    hops=st.none() | _WORDS, authority=st.none() | _WORDS, form=st.none() | _WORDS, output=st.none() | _WORDS,
    sets=st.lists(_WORDS, max_size=2), reviewed=st.booleans(),
)  # fmt: skip
@settings(max_examples=80)
def test_arguments_are_read_as_typer_reads_them(
    hops: str | None, authority: str | None, form: str | None, output: str | None, sets: list[str], reviewed: bool
) -> None:
    """The same values, and the same errors."""
    given_: list[str] = ["controls.csv", *(["--reviewed-only"] if reviewed else [])]
    for option, value in (("max-hops", hops), ("min-authority", authority), ("format", form), ("output", output)):
        given_ += [f"--{option}={value}"] if value is not None else []
    given_ += [f"--set={s}" for s in sets]
    assert parsed(_LIGHT, given_) == parsed(_HEAVY, given_)


def parsed(command: Any, arguments: list[str]) -> Any:
    try:
        return command.make_context("coverage", list(arguments)).params
    except Exception as error:
        return type(error), str(getattr(error, "message", error))


def _heavy() -> Any:
    from kg.cli.assess import coverage

    plain = typer.Typer(add_completion=False)
    plain.command("coverage")(coverage)
    return typer.main.get_command(plain)


_LIGHT, _HEAVY = _made("coverage"), _heavy()


# ---------------------------------------------------------------- serving


class Load:
    """Clients that ask without a pause, and what they were answered."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url, threading.Event()
        self.releases: list[str] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(4)]

    def _ask(self, number: int) -> None:
        query = {"query": "{ release frameworks { id } }"}
        with httpx.Client(timeout=60) as client:
            while not self._stop.is_set():
                try:
                    if number % 2:
                        found = client.post(f"{self._url}/graphql", json=query)
                        said = found.json()["data"]["release"]
                    else:
                        found = client.get(f"{self._url}/readyz")
                        said = found.json()["release"]
                    found.raise_for_status()
                    self.releases.append(said)
                except Exception as error:
                    self.failures.append(repr(error))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def own_data(tmp_path: Path) -> Path:
    return tree_at(tmp_path / "own", "Delete what is no longer needed")


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def release_of(url: str) -> str:
    return str(httpx.get(f"{url}/healthz", timeout=30).json()["release"])


def test_a_release_is_replaced_without_a_dropped_request(own_data: Path) -> None:
    """Under load: no request fails, each is answered from one of the two, health says which is current, and a cursor
    of the old release is refused; what does not load changes nothing."""
    with Server("--stateless", "--data", str(own_data)) as server:
        page = "query ($after: String) { mappings(first: 1, after: $after) { pageInfo { endCursor } } }"
        cursor = server.ask(page)["mappings"]["pageInfo"]["endCursor"]
        before = release_of(server.url)
        with Load(server.url) as load:
            until(lambda: len(load.releases) > 20)
            (own_data / "frameworks" / "rules.csv").write_text("nothing of the kind")
            server.process.send_signal(signal.SIGHUP)
            assert server.process.stderr is not None
            assert f"the release stays {before}: " in server.process.stderr.readline()
            assert release_of(server.url) == before
            tree_at(own_data, "Delete what nobody needs")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: release_of(server.url) != before)
            after = release_of(server.url)
            seen = len(load.releases)
            until(lambda: len(load.releases) > seen + 20)
        assert not load.failures
        assert set(load.releases) == {before, after}
        assert httpx.get(f"{server.url}/readyz").json()["release"] == after
        assert f'kg_release_info{{digest="{after}"}}' in httpx.get(f"{server.url}/metrics").text
        refused = httpx.post(f"{server.url}/graphql", json={"query": page, "variables": {"after": cursor}}).json()
        assert refused["errors"][0]["extensions"]["code"] == "STALE_CURSOR"
        errors = server.stop()
    assert f"answering from release {after}" in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_several_processes_answer_on_one_port(own_data: Path) -> None:
    """They answer from the same release, are replaced together and one by one, and stop together."""
    with Server("--stateless", "--workers", "2", "--watch", "--data", str(own_data)) as server:
        before = release_of(server.url)
        children = children_of(server.process.pid)
        assert len(children) == 2
        with Load(server.url) as load:
            tree_at(own_data, "Delete what nobody needs")
            until(lambda: release_of(server.url) != before)
            after = release_of(server.url)
            until(lambda: before not in load.releases[-40:] and len(load.releases) > 60)
        assert not load.failures
        assert set(load.releases) == {before, after}
        os.kill(children[0], signal.SIGKILL)
        until(lambda: len(children_of(server.process.pid)) == 2 and children[0] not in children_of(server.process.pid))
        assert all(release_of(server.url) == after for _ in range(10))
        errors = server.stop()
    assert server.process.returncode == 0
    assert "Traceback" not in errors
    assert all(not Path(f"/proc/{child}").exists() for child in children[1:])


def children_of(process: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_serve_refuses_before_it_listens(tmp_path: Path) -> None:
    """Wrong data are told at once, and the server ends."""
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "x.csv").write_text("nothing of the kind")
    command = [sys.executable, "-m", "kg", "serve", "--stateless", "--port", "0", "--data", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert found.returncode == 2
    assert "MISSING_COLUMN" in found.stderr
    assert "Open:" not in found.stdout
