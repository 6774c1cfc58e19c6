"""Where compiled releases are kept, and which one belongs to the sources as they are.

A build is named by the content of every source, in the order of the folders, and of the code that reads them: any
other byte is another build.  Reading all of that to open a build would take longer than opening it, so a *guard*
remembers the names, sizes and times of the files beside the name of their build; where one of these differs, or is so
young that a change might not show, the content decides.

``KG_CACHE`` names the folder, or is ``off``.  Whatever is wrong with the folder, the release is read from the sources.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson

from kg.compiled.files import FORMAT, Build, DamagedError, add_dataset, fresh, remove, write
from kg.places import builtin_data, shown
from kg.release import Release

if TYPE_CHECKING:
    from kg.sources import Progress

_Release = TypeVar("_Release", bound=Release)

__all__ = ["build", "cache_folder", "load", "opened", "state"]

#: How many builds are kept, and for how long one that nobody opens, in seconds.
MOST, UNUSED = 12, 30 * 86400
#: A file changed within so many seconds may be changed again without it showing in its times.
YOUNG = 2.0
#: A folder of somebody who is writing a build is left alone for so long, in seconds.
ABANDONED = 3600
_SUFFIXES = (".ttl", ".tsv", ".csv")
_CODE = Path(__file__).parents[1]
#: What the content of a build follows from, beside the sources.
_CODE_FILES = ("model.py", "relations.py", "terms.py", "release.py", "rdf.py", "arrays.py", "compiled", "sources",
               "answers/filter.py", "answers/graph.py", "answers/engine")  # fmt: skip

_Says = Callable[[str], None]


def cache_folder() -> Path | None:
    """The folder of compiled releases: ``KG_CACHE``, or where caches stand on this system; ``None`` for ``off``."""
    said = os.environ.get("KG_CACHE", "")
    if said.lower() == "off":
        return None
    if said:
        return Path(said)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        return Path(base, "aigov-kg", "cache") if base else None
    if (base := os.environ.get("XDG_CACHE_HOME", "")) and os.path.isabs(base):
        return Path(base, "aigov-kg")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    return Path(home, "Library/Caches/aigov-kg") if sys.platform == "darwin" else Path(home, ".cache/aigov-kg")


def load(folders: Sequence[Path] = (), own: Path | None = None, progress: Progress | None = None) -> Release:
    """The release of the project's data, or of ``own``, and ``folders``: from its build where there is one, else from
    the sources, and then a build is made.  Raises :class:`~kg.errors.InputError` as :meth:`Release.read` does."""
    return load_as(Release, folders, own, progress)


def load_as(
    kind: type[_Release], folders: Sequence[Path] = (), own: Path | None = None, progress: Progress | None = None
) -> _Release:
    """:func:`load` of a class of releases."""
    place = _place()
    if place is None:
        return kind.read(*folders, own=own, progress=progress)
    found, wanted = _found(kind, place, folders, own)
    if found is not None:
        return found
    release = kind.read(*folders, own=own, progress=progress)
    if _listing(wanted.roots) != wanted.seen:  # somebody is writing: no telling what was read
        return release
    try:
        _publish(wanted.folder, release, wanted.sources)
    except OSError:
        return release
    found = _opened(wanted.folder, folders, own, kind) or release
    _prune(place, wanted.folder.name)
    _guard(wanted)
    return found


def opened(folders: Sequence[Path] = ()) -> Release | None:
    """The release as :func:`build` makes it, if it is made already: no source is read."""
    place = _place()
    found = _found(Release, place, folders, None)[0] if place else None
    return found if found is not None and found.build is not None and found.build.dataset is not None else None


def build(
    folders: Sequence[Path] = (), own: Path | None = None, progress: Progress | None = None, say: _Says = lambda _: None
) -> Release:
    """The same with its RDF dataset, for whoever will ask for it or serve it.  ``say`` is told what is done."""
    found = load(folders, own, progress)
    if found.build is not None and found.build.dataset is None:
        from kg.rdf import nquads

        say("Compiling the RDF dataset")
        with suppress(OSError):
            add_dataset(found.build.folder, nquads(found).encode())
            found = _opened(found.build.folder, folders, own, Release) or found
    return found


def state(folders: Sequence[Path] = ()) -> str:
    """What the sources look like from outside: another string whenever a name, size or time of them is another."""
    return _listing(_roots(folders, None))[0]


# ---------------------------------------------------------------- which build


def _roots(folders: Sequence[Path], own: Path | None) -> list[Path]:
    return [own or builtin_data(), *folders]


def _walk(folder: str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every source below a folder, as (path below it, entry), in no order."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                yield from _walk(entry.path, name + "/")
            elif entry.name.endswith(_SUFFIXES):
                yield name, entry


def _sources(root: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """The sources of a data folder, by their path below it."""
    found = [
        each
        for part in ("ontologies", "mappings", "frameworks")
        for each in _walk(os.path.join(root, part), f"{part}/")
    ]
    return sorted(found, key=lambda each: each[0])


def _code() -> list[str]:
    found = []
    for name in _CODE_FILES:
        path = _CODE / name
        found += sorted(str(p) for p in path.glob("*.py")) if path.is_dir() else [str(path)] * path.is_file()
    return found


def _listing(roots: Sequence[Path]) -> tuple[str, float]:
    """The names, sizes and times of everything a build follows from as one hash, and when the last of it changed."""
    hasher, last = hashlib.sha256(f"{FORMAT} {sys.version_info[:2]}".encode()), 0.0

    def add(name: str, found: os.stat_result) -> None:
        nonlocal last
        last = max(last, found.st_mtime, found.st_ctime)
        hasher.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}\0".encode())

    with suppress(OSError):  # what goes away meanwhile makes another listing
        for path in _code():
            add(path, os.stat(path))
        for root in roots:
            hasher.update(b"\0\0")
            for name, entry in _sources(root):
                add(name, entry.stat())
    return hasher.hexdigest(), last


def _key(roots: Sequence[Path]) -> tuple[str, list[dict[str, str]]]:
    """The name of the build of these sources, a hash of their content and of the code, and each source's own hash."""
    hasher = hashlib.sha256(f"{FORMAT}".encode())
    sources = []

    def add(name: str, path: str) -> str:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        hasher.update(f"{name}\0{found}\0".encode())
        return found

    with suppress(OSError):
        for path in _code():
            add(os.path.relpath(path, _CODE), path)
        for number, root in enumerate(roots):
            hasher.update(b"\0\0")
            for name, entry in _sources(root):
                sources.append({"path": f"{number}/{name}", "sha256": add(name, entry.path)})
    return hasher.hexdigest()[:32], sources


def _guarded(guard: Path, seen: tuple[str, float]) -> str | None:
    """The build that the guard names, if the files are as it has seen them."""
    try:
        said = orjson.loads(guard.read_bytes())
        return str(said["build"]) if said["listing"] == seen[0] and str(said["build"]).isalnum() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _guard(wanted: _Wanted) -> None:
    if time.time() - wanted.seen[1] < YOUNG:
        return
    with suppress(OSError):
        wanted.guard.parent.mkdir(exist_ok=True)
        making = fresh(wanted.guard.parent)
        making.write_bytes(orjson.dumps({"listing": wanted.seen[0], "build": wanted.folder.name}))
        os.replace(making, wanted.guard)


# ---------------------------------------------------------------- opening and making


class _Wanted(NamedTuple):
    """The build of some sources: its folder, and what it follows from."""

    folder: Path
    roots: list[Path]
    sources: list[dict[str, str]]
    seen: tuple[str, float]
    guard: Path


def _place() -> Path | None:
    return cache_folder() if _CODE.is_dir() else None


def _found(
    kind: type[_Release], place: Path, folders: Sequence[Path], own: Path | None
) -> tuple[_Release | None, _Wanted]:
    """The release of the build there is, and which build that is or would be."""
    roots = _roots(folders, own)
    seen = _listing(roots)
    where = "\0".join(map(os.path.realpath, roots)).encode("utf-8", "surrogateescape")
    guard = place / "guards" / f"{hashlib.sha256(where).hexdigest()[:32]}.json"
    if named := _guarded(guard, seen):
        found = _opened(place / named, folders, own, kind)
        if found is not None:
            return found, _Wanted(place / named, roots, [], seen, guard)
    key, sources = _key(roots)
    wanted = _Wanted(place / key, roots, sources, seen, guard)
    found = _opened(wanted.folder, folders, own, kind)
    if found is not None:
        _guard(wanted)
    return found, wanted


def _opened(folder: Path, folders: Sequence[Path], own: Path | None, kind: type[_Release]) -> _Release | None:
    """The release of a build, or ``None`` where there is none; a damaged one is taken away."""
    roots = _roots(folders, own)

    def place(path: str) -> str:
        number, _, name = path.partition("/")
        return shown(roots[int(number)] / name) if name else path

    try:
        found = Build(folder, place)
    except DamagedError:
        if folder.is_dir():
            remove(folder)
        return None
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > 86400:
            os.utime(folder)  # it is in use and not to be pruned
    return kind.opened(found, folders, own=own)


def _publish(folder: Path, release: Release, sources: list[dict[str, str]]) -> None:
    """Write the build of a release."""
    paths = {
        shown(root / name): f"{number}/{name}"
        for number, root in enumerate(release.roots)
        for name, _ in _sources(root)
    }
    from kg import __version__

    facts = {"release": release.digest, "tool": f"kg {__version__}", "sources": sources}
    write(folder, facts, release, columns(release), lambda path: paths.get(path, path))


def columns(release: Release) -> dict[str, Any]:
    """The columns of the engine, and those of what the shipped controls could cover."""
    from kg.compiled.derived import covers

    return release.arrays.columns() | covers(release)


def _prune(place: Path, keep: str) -> None:
    """Take away builds that nobody has opened for long, all but the newest few, and what was never finished."""
    now, builds = time.time(), []
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            with suppress(OSError):
                age = now - entry.stat().st_mtime
                if entry.name.startswith(".making-"):
                    if age > ABANDONED:
                        remove(Path(entry.path))
                elif entry.is_dir() and len(entry.name) == 32 and entry.name != keep:
                    builds.append((age, entry.path))
    for number, (age, path) in enumerate(sorted(builds), 2):
        if number > MOST or age > UNUSED:
            remove(Path(path))
    with suppress(OSError), os.scandir(place / "guards") as entries:
        for entry in entries:
            with suppress(OSError):
                if now - entry.stat().st_mtime > UNUSED:
                    os.unlink(entry.path)
