"""The file set of one build.

    manifest.json    which release it is, which parts there are and what they must hash to; itself sealed by a hash
    objects.json     the model objects, section by section
    arrays.bin       the columns of the engine, each at a multiple of 64 bytes
    dataset.nq       the RDF dataset, with its own hash as a comment on the last line; may be added later

A folder is written under another name on the same file system, synchronised, and renamed: a build is there whole or
not at all.  Opening maps the parts into memory, so that all processes share the pages, and checks every hash first:
whatever does not fit raises :class:`DamagedError`, and the caller makes a new build.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from math import prod
from pathlib import Path
from re import fullmatch
from typing import TYPE_CHECKING, Any

import orjson

from kg import model
from kg.compiled.records import LazyMap, Section, encode

if TYPE_CHECKING:
    import numpy as np

    from kg.release import Release

__all__ = ["FORMAT", "MAPS", "ROWS", "Build", "DamagedError", "add_dataset", "fresh", "remove", "write"]

#: Raised by one whenever the layout changes: other builds are then not looked at.
FORMAT = 3
MANIFEST, OBJECTS, ARRAYS, DATASET = "manifest.json", "objects.json", "arrays.bin", "dataset.nq"
_ALIGNED = 64
_SEAL = b"# sha256 "
#: Attribute of a release → the class of its objects: what maps a key to an object …
MAPS: dict[str, type] = {
    "frameworks": model.Framework,
    "catalogues": model.Catalogue,
    "controls": model.ReferenceControl,
    "joints": model.JointNode,
    "threats": model.Threat,
    "incidents": model.Incident,
    "risk_domains": model.RiskDomain,
    "classification_sets": model.ClassificationSet,
    "classifications": model.Classification,
    "sets": model.MappingSet,
    "rules": model.ApplicationRule,
    "disclaimers": model.Disclaimer,
    "vocabulary": model.ProfileWord,
    "questions": model.Question,
    "provisions": model.Provision,
}
#: … and what is a tuple.
ROWS: dict[str, type] = {
    "parts": model.Part,
    "mappings": model.Mapping,
    "references": model.LegalReference,
    "threat_links": model.ThreatLink,
    "non_coverage": model.NonCoverage,
    "_options": model.Option,
}
_ATTRIBUTES = frozenset((*MAPS, *ROWS))


class DamagedError(Exception):
    """What is there is not a whole build of this format."""


# ---------------------------------------------------------------- writing


def write(
    folder: Path,
    facts: Mapping[str, Any],
    release: Release | None,
    columns: Mapping[str, np.ndarray[Any, Any]],
    named: Callable[[str], str] = str,
) -> None:
    """Publish a build at ``folder``, which another process may do at the same time: the first one stays.

    ``facts`` go into the manifest as they are; without a ``release`` there are columns only; ``columns`` may be empty;
    ``named`` is what a source's path is kept as.
    Raises :class:`OSError` where the folder cannot be written, and then nothing is left behind.
    """
    from kg.compiled.derived import structure

    parts = {} if release is None else {name: getattr(release, name) for name in (*MAPS, *ROWS)}
    follows = {} if release is None else structure(release)
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = fresh(folder.parent)
    making.mkdir()
    try:
        files: list[str] = []
        sections = _write_objects(making, parts, files, named, follows)
        described = _write_arrays(making, columns)
        manifest = {
            "format": FORMAT,
            **facts,
            "counts": {name: len(part) for name, part in parts.items()},
            "files": files,
            "sections": sections,
            "arrays": described,
            "parts": [_described(making / name) for name in (OBJECTS, ARRAYS)],
        }
        _write_file(making / MANIFEST, [_sealed(manifest)])
        _synchronise(making)
        try:
            os.rename(making, folder)
        except OSError:  # there is one already
            if not folder.is_dir():
                raise
            remove(making)
        else:
            _synchronise(folder.parent)
    except BaseException:
        remove(making)
        raise


def _write_objects(
    making: Path,
    parts: Mapping[str, Any],
    files: list[str],
    named: Callable[[str], str],
    follows: Mapping[str, Any],
) -> dict[str, Any]:
    numbers: dict[str, int] = {}

    def file_of(path: str) -> int:
        if path not in numbers:
            numbers[path] = len(files)
            files.append(named(path))
        return numbers[path]

    sections: dict[str, Any] = {}
    pieces: list[bytes] = []
    begin = 0
    for name, held in parts.items():
        items = list(held.values()) if isinstance(held, Mapping) else list(held)
        body, places = encode(items, file_of)
        # keys and places stand beside the objects and are read with the section
        keys = list(held) if isinstance(held, Mapping) else [m.id for m in items] if name == "mappings" else []
        index = orjson.dumps({"keys": keys, "places": places})
        sections[name] = {"begin": begin, "bytes": len(body), "index": len(index)}
        pieces += [body, index]
        begin += len(body) + len(index)
    pieces.append(orjson.dumps(follows))
    sections["structure"] = {"begin": begin, "bytes": len(pieces[-1])}
    _write_file(making / OBJECTS, pieces)
    return sections


def _write_arrays(making: Path, columns: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    import numpy as np

    described: dict[str, Any] = {}
    begin = 0

    def pieces() -> Any:
        nonlocal begin
        for name, column in columns.items():
            little = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
            described[name] = {"dtype": little.dtype.str, "shape": list(column.shape), "begin": begin}
            yield little.reshape(-1).view(np.uint8).data
            gap = -little.nbytes % _ALIGNED
            yield bytes(gap)
            begin += little.nbytes + gap

    _write_file(making / ARRAYS, pieces())
    return described


#: Nobody has reason to write to a file that processes have mapped: cutting it short would kill them.
_MODE = 0o444 if os.name == "posix" else 0o666


def _write_file(path: Path, pieces: Any) -> None:
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), _MODE), "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "path": path.name,
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    body = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
    return body + b"\n" + orjson.dumps({"sha256": hashlib.sha256(body).hexdigest()}) + b"\n"


def _synchronise(folder: Path) -> None:
    """Make the names in a folder last, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def fresh(folder: Path) -> Path:
    """A name in a folder that nobody else takes, for what is being made."""
    return folder / f".making-{os.getpid()}-{os.urandom(6).hex()}"


def remove(folder: Path) -> None:
    """Take a folder away, as far as that is possible."""
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def add_dataset(folder: Path, nquads: bytes) -> None:
    """Add the RDF dataset to a build.  Raises :class:`OSError` where it cannot be written."""
    making = fresh(folder)
    try:
        _write_file(making, [nquads, _SEAL + hashlib.sha256(nquads).hexdigest().encode() + b"\n"])
        os.replace(making, folder / DATASET)
    except BaseException:
        making.unlink(missing_ok=True)
        raise


# ---------------------------------------------------------------- reading


class Build:
    """An opened build.  Raises :class:`DamagedError` unless every part but the dataset is there and whole; the dataset
    is looked at when it is asked for.

    ``folder`` and ``manifest`` are what they say; ``roots`` are the data folders that sources are shown below.
    """

    def __init__(self, folder: Path, shown: Callable[[str], str] = str) -> None:
        self.folder = folder
        self._shown = shown
        try:
            self.manifest: dict[str, Any] = _unsealed((folder / MANIFEST).read_bytes())
            if self.manifest["format"] != FORMAT:
                raise DamagedError("another format")
            self._parts = {part["path"]: _map(folder / part["path"], part) for part in self.manifest["parts"]}
            for column in self.manifest["arrays"].values():
                _check(column, len(self._parts[ARRAYS]))
            self._paths: list[str] | None = None
            self._sections: dict[str, tuple[Section[Any], list[Any]]] = {}
            with suppress(FileNotFoundError):  # mapped now: what the release says later is what it said when opened
                self._parts[DATASET] = _map(folder / DATASET)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{folder}: {error}") from None

    @property
    def digest(self) -> str:
        """The digest of the release."""
        return str(self.manifest["release"])

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes of a release that :meth:`read` knows."""
        return _ATTRIBUTES

    def read(self, name: str) -> Any:
        """The attribute ``name`` of the release, and ``row`` for the mappings by row id: a dictionary makes each object
        when it is first asked for, a tuple all at once."""
        section, keys = self._section("mappings" if name == "row" else name)
        return section.all() if name in ROWS else LazyMap(section, keys)

    def _section(self, name: str) -> tuple[Section[Any], list[Any]]:
        found = self._sections.get(name)
        if found is None:
            where = self.manifest["sections"][name]
            begin, length = where["begin"], where["bytes"]
            data = self._parts[OBJECTS]
            index = orjson.loads(data[begin + length : begin + length + where["index"]])
            kind = MAPS.get(name) or ROWS[name]
            section: Section[Any] = Section(kind, data[begin : begin + length], index["places"], self._files)
            keys = [tuple(key) if isinstance(key, list) else key for key in index["keys"]]
            found = self._sections.setdefault(name, (section, keys))
        return found

    @cached_property
    def structure(self) -> dict[str, Any]:
        """What :func:`kg.compiled.derived.structure` made of the release."""
        where = self.manifest["sections"]["structure"]
        found: dict[str, Any] = orjson.loads(self._parts[OBJECTS][where["begin"] : where["begin"] + where["bytes"]])
        return found

    def _files(self) -> list[str]:
        if self._paths is None:
            self._paths = [self._shown(path) for path in self.manifest["files"]]
        return self._paths

    @property
    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns of the engine, read-only and in shared memory; empty if the build has none."""
        described = self.manifest["arrays"]
        if not described:
            return {}
        import numpy as np

        data = self._parts[ARRAYS]
        found = {}
        for name, column in described.items():
            kind, shape = np.dtype(column["dtype"]), tuple(column["shape"])
            found[name] = np.frombuffer(data, kind, int(np.prod(shape, dtype=np.int64)), column["begin"]).reshape(shape)
        return found

    @property
    def dataset(self) -> memoryview | None:
        """The RDF dataset as N-Quads, or ``None`` where there is none or it is damaged."""
        data = self._parts.get(DATASET)
        if data is None:
            return None
        body, seal = data[: -len(_SEAL) - 65], data[-len(_SEAL) - 65 :]
        whole = seal == _SEAL + hashlib.sha256(body).hexdigest().encode() + b"\n"
        _let_go(data)
        return body if whole else None


def _let_go(data: memoryview) -> None:
    """Let a file's pages be nobody's until they are read again: to check a file should not weigh as if it were used."""
    with suppress(AttributeError, OSError):  # not every system can
        data.obj.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def _unsealed(data: bytes) -> dict[str, Any]:
    body, _, seal = data.partition(b"\n")
    if orjson.loads(seal)["sha256"] != hashlib.sha256(body).hexdigest():
        raise DamagedError("the manifest is not as it was written")
    found: dict[str, Any] = orjson.loads(body)
    return found


def _check(column: Mapping[str, Any], size: int) -> None:
    """Refuse a column that is no plain numbers, or does not lie in the file."""
    kind, items = str(column["dtype"]), prod(map(int, column["shape"]))
    if not fullmatch(r"[<|][biuf][1248]", kind) or not 0 <= column["begin"] <= size - items * int(kind[2]):
        raise DamagedError(f"a column of {kind} is not read")


def _map(path: Path, part: Mapping[str, Any] | None = None) -> memoryview:
    """A file in memory, its hash checked where ``part`` says it: by reading, which is faster than through new pages."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if part is not None and (
            size != part["bytes"] or hashlib.file_digest(file, "sha256").hexdigest() != part["sha256"]
        ):
            raise DamagedError(f"{path} is not as it was written")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
