"""The AI Incident Database's own weekly snapshot → a data folder for ``--data``.

A snapshot is a folder, its ``incidents.csv`` alone, or the archive ``backup-YYYYMMDDhhmmss.tar.bz2`` whole.  Of it two
tables are read: ``incidents.csv`` and, where there is one, ``classifications_MIT.csv``.  An archive is read from front
to end without being unpacked, and no further than both tables; nothing that it holds decides where anything is
written, and every step has a limit, because a few bytes can claim to be any size.

What comes out is the database's under CC BY-SA 4.0: number, date and title as they stand there, with the link.  A
threat is named by one rule only: the incident's MIT subdomain plainly matches it (``skos:closeMatch`` in
``ontologies/incidents/mit-ai-risk.ttl``).  An incident that the release has already is left as it is.
"""

from __future__ import annotations

import bz2
import csv
import io
import os
import re
import tarfile
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kg.errors import Finding, InputError, UsageError
from kg.model import ENTITIES, INTENTS, TIMINGS
from kg.release import Release
from kg.sources import builtin_data
from kg.sources.canonical import canonical_turtle
from kg.sources.classifications import SUBDOMAIN, classification_text
from kg.sources.content import Reporter, parse_case_date
from kg.terms import BASE, iri

__all__ = ["INCIDENT_COLUMNS", "MIT_COLUMNS", "Case", "Placed", "Snapshot", "Written", "read_snapshot", "write_folder"]

#: The columns that are read; a snapshot has more.
INCIDENT_COLUMNS = ("incident_id", "date", "title")
MIT_COLUMNS = ("Incident ID", "Published", "Risk Subdomain", "Entity", "Timing", "Intent")
_INCIDENTS, _MIT = "incidents.csv", "classifications_MIT.csv"
_INSIDE = "mongodump_full_snapshot"
_LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
_MAKER = "AI Incident Database, Responsible AI Collaborative, https://incidentdatabase.ai/"
_WORDS = {"Entity": ENTITIES, "Timing": TIMINGS, "Intent": INTENTS}

_MEGABYTE = 1 << 20
#: The largest table that is read.
MAX_TABLE = 64 * _MEGABYTE
#: The most that an archive may unpack to, and the most files in it; a snapshot unpacks to some 2 GB.
MAX_ARCHIVE = 16 << 30
MAX_MEMBERS = 10_000
#: The most that the headers before one file of an archive may take.
MAX_HEADERS = 4 * _MEGABYTE
#: The most rows of a table, and the most findings before reading it ends.
MAX_ROWS = 100_000
MAX_FINDINGS = 1_000

#: Called with the bytes read so far and the bytes of the whole file.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One row of ``incidents.csv``: number, date and title as given."""

    number: int
    date: str
    title: str


@dataclass(frozen=True, slots=True)
class Placed:
    """One row of ``classifications_MIT.csv``.  ``subdomain`` is the number before its name: ``2.1``."""

    number: int
    subdomain: str
    entity: str
    timing: str
    intent: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot holds.  ``day`` is unknown where neither its name nor the user says it; ``findings`` are
    warnings: rows of the classification that could not be used."""

    day: date | None
    cases: dict[int, Case]
    placed: dict[int, Placed]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What :func:`write_folder` did.  ``table`` is missing where the snapshot classifies nothing new."""

    incidents: Path
    table: Path | None
    written: int
    kept: int
    with_threats: int
    classified: int
    findings: tuple[Finding, ...] = ()


@dataclass
class _Reading:
    """The tables read so far and all findings."""

    cases: dict[int, Case] = field(default_factory=dict)
    placed: dict[int, Placed] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)  #: number → line in incidents.csv
    seen: set[str] = field(default_factory=set)

    def stop(self, path: str, code: str, message: str, hint: str = "") -> InputError:
        """The error that ends reading, with what was found before."""
        return InputError([*self.findings, Finding(path, 0, code, message, hint)])


def read_snapshot(path: Path, *, day: date | None = None, progress: Progress | None = None) -> Snapshot:
    """Read a snapshot.  ``day`` is the day it was taken; without it the name of the file or folder may say so.

    Raises :class:`~kg.errors.InputError` with every finding if anything is wrong with the incidents, or if the
    archive is none that the database would publish.
    """
    reading, shown = _Reading(), str(path)
    watch = progress or (lambda done, total: None)
    try:
        if path.is_dir():
            _read_folder(path, reading, watch)
        elif not path.is_file():
            raise InputError.one(shown, "NOT_FOUND", "there is no such file or folder")
        else:
            with path.open("rb") as file:
                packed = file.read(3) == b"BZh"
            if packed:
                _read_archive(path, reading, watch)
            elif path.suffix.lower() == ".csv":
                with path.open("rb") as file:
                    _read_table(file, path.stat().st_size, shown, _INCIDENTS, reading, _ticker(file, path, watch))
            else:
                hint = "a snapshot is a folder, its incidents.csv, or backup-YYYYMMDDhhmmss.tar.bz2"
                raise InputError.one(shown, "UNREADABLE", "it is neither a .tar.bz2 archive nor a .csv file", hint)
    except OSError as error:
        raise reading.stop(shown, "UNREADABLE", f"it cannot be read: {error.strerror or error}") from None
    if any(f.severity == "error" for f in reading.findings):
        raise InputError(sorted(reading.findings))
    if _INCIDENTS not in reading.seen:
        hint = f"a snapshot has it at its top or in {_INSIDE}/"
        raise InputError.one(shown, "NOT_FOUND", f"there is no {_INCIDENTS} in it", hint)
    if strangers := sorted(set(reading.placed) - set(reading.cases)):
        message = f"what is classified does not stand in {_INCIDENTS}: {_listing(strangers)}"
        reading.findings.append(Finding(shown, 0, "UNKNOWN_ID", message, "left out", severity="warning"))
    for number in strangers:
        del reading.placed[number]
    return Snapshot(day or _day(path), reading.cases, reading.placed, tuple(sorted(reading.findings)))


def _listing(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (f" … ({len(numbers)} in all)" if len(numbers) > 5 else "")


def _day(path: Path) -> date | None:
    """The day that the name of the snapshot, or of the folder it lies in, says."""
    where = path.resolve()
    for name in (where.name, where.parent.name):
        if match := re.match(r"backup-([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{0,6}(?![0-9])", name):
            try:
                return date(int(match[1]), int(match[2]), int(match[3]))
            except ValueError:
                return None
    return None


def _ticker(file: IO[bytes], path: Path, watch: Progress) -> Callable[[], None]:
    total = path.stat().st_size
    return lambda: watch(file.tell(), total)


# ---------------------------------------------------------------- where the tables lie


def _read_folder(folder: Path, reading: _Reading, watch: Progress) -> None:
    inside = folder / _INSIDE
    root = inside if not (folder / _INCIDENTS).is_file() and inside.is_dir() else folder
    for name in (_INCIDENTS, _MIT):
        path = root / name
        if path.is_file():
            with path.open("rb") as file:
                _read_table(file, path.stat().st_size, str(path), name, reading, _ticker(file, path, watch))


class _Unpacked:
    """An archive's bytes, unpacked as they are read, with a limit on what may be read next."""

    def __init__(self, file: IO[bytes], tick: Callable[[], None]) -> None:
        self._bytes = bz2.BZ2File(file)
        self._tick = tick
        self._allowed = 0
        self._total = 0

    def allow(self, size: int) -> None:
        """Let ``size`` bytes be read from here."""
        self._allowed = size

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes."""
        found = self._bytes.read(size)
        before = self._total
        self._allowed -= len(found)
        self._total += len(found)
        if self._allowed < 0 or self._total > MAX_ARCHIVE:
            raise _TooMuchError
        if before // _MEGABYTE != self._total // _MEGABYTE:
            self._tick()
        return found


class _Forward(io.RawIOBase):
    """A file of an archive that is read once, from front to end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what fits into ``buffer``."""
        found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _TooMuchError(Exception):
    """An archive that unpacks to more than any snapshot does."""


def _read_archive(path: Path, reading: _Reading, watch: Progress) -> None:
    shown = str(path)
    try:
        with path.open("rb") as file:
            tick = _ticker(file, path, watch)
            for member, name, stream in _members(_Unpacked(file, tick), shown, reading):
                _read_table(stream, member.size, f"{shown}/{member.name}", name, reading, tick)
                if reading.seen >= {_INCIDENTS, _MIT}:
                    return
    except _TooMuchError:
        raise reading.stop(shown, "TOO_LARGE", "it unpacks to more than any snapshot does") from None
    except (tarfile.TarError, EOFError, OSError, ValueError, ArithmeticError, RecursionError) as error:
        raise reading.stop(shown, "UNREADABLE", f"it is no whole .tar.bz2 archive: {error}", "fetch it again") from None


def _members(unpacked: _Unpacked, shown: str, reading: _Reading) -> Iterator[tuple[tarfile.TarInfo, str, IO[bytes]]]:
    """The tables of an archive, each to be read before the next is asked for."""
    unpacked.allow(MAX_HEADERS)
    stream: Any = unpacked
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        count = 0
        while (member := archive.next()) is not None:
            count += 1
            _refuse(member, count, shown, reading)
            size = member.size if member.isfile() else 0
            unpacked.allow(size + MAX_HEADERS)
            where = PurePosixPath(member.name)
            wanted = where.name in (_INCIDENTS, _MIT) and where.parent.parts in ((), (_INSIDE,))
            if wanted and member.isfile() and where.name not in reading.seen:
                file = archive.extractfile(member)
                if file is not None:
                    yield member, where.name, io.BufferedReader(_Forward(file))


def _refuse(member: tarfile.TarInfo, count: int, shown: str, reading: _Reading) -> None:
    """Raises for a member that no snapshot has.  Nothing is ever written to a member's path; such names only show
    that the archive is not what it says."""
    name = member.name
    parts = re.split(r"[/\\]", name)
    said = repr(name if len(name) <= 80 else name[:80] + "…")
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise reading.stop(shown, "UNSAFE_ARCHIVE", f"a file of it is named {said}", "a snapshot's paths are relative")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise reading.stop(shown, "UNSAFE_ARCHIVE", f"{said} is neither a file nor a folder", "a snapshot has no links")
    if count > MAX_MEMBERS:
        raise reading.stop(shown, "TOO_LARGE", f"it holds more than {MAX_MEMBERS:,} files")
    if member.size < 0 or member.size > MAX_ARCHIVE:
        raise reading.stop(shown, "TOO_LARGE", f"{said} claims {member.size:,} bytes", "no snapshot is that large")


# ---------------------------------------------------------------- the tables


def _read_table(file: IO[bytes], size: int, shown: str, name: str, reading: _Reading, tick: Callable[[], None]) -> None:
    """Read one of the two tables; whatever is wrong becomes a finding."""
    reading.seen.add(name)
    report = Reporter(shown, reading.findings)
    if size > MAX_TABLE:
        report(0, "TOO_LARGE", f"it has {size:,} bytes", f"a table of a snapshot has at most {MAX_TABLE:,}")
        return
    columns = INCIDENT_COLUMNS if name == _INCIDENTS else MIT_COLUMNS
    read = _read_case if name == _INCIDENTS else _read_placed
    before, any_row = len(reading.findings), False
    try:
        for line, row in _rows(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), columns, report, tick):
            any_row = True
            read(line, row, reading, report)
            if len(reading.findings) - before >= MAX_FINDINGS:
                report(line, "TOO_LARGE", f"{MAX_FINDINGS:,} findings: the rest of the table is not read")
                return
    except UnicodeDecodeError as error:
        report(0, "ENCODING", f"it is not UTF-8: {error.reason}", "take the snapshot's file as it is")
    if name == _INCIDENTS and not any_row and len(reading.findings) == before:
        report(0, "EMPTY_FILE", "it holds no incidents")


def _rows(
    text: io.TextIOWrapper, columns: tuple[str, ...], report: Reporter, tick: Callable[[], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with their lines, only the wanted columns of each."""
    reader = csv.reader(text, strict=True)
    line, misshapen = 1, 0
    try:
        header = [cell.strip() for cell in next(reader, [])]
        missing = [column for column in columns if column not in header]
        for column in missing:
            report(1, "MISSING_COLUMN", f"column {column} is missing", f"needed: {', '.join(columns)}")
        if missing:
            return
        places = {column: header.index(column) for column in columns}
        line = reader.line_num + 1
        for number, cells in enumerate(reader, 1):
            if number > MAX_ROWS:
                report(line, "TOO_LARGE", f"it has more than {MAX_ROWS:,} rows")
                return
            if len(cells) == len(header):
                yield line, {column: _tidy(cells[place]) for column, place in places.items()}
            elif any(cell.strip() for cell in cells):
                misshapen += 1
                report(line, "ROW_SHAPE", f"{len(cells)} cells under {len(header)} columns", "check the commas")
                if misshapen >= MAX_FINDINGS:
                    report(line, "TOO_LARGE", f"{MAX_FINDINGS:,} findings: the rest of the table is not read")
                    return
            line = reader.line_num + 1
            if number % 500 == 0:
                tick()
    except csv.Error as error:
        report(line, "ROW_SHAPE", f"the row cannot be read: {error}", "take the snapshot's file as it is")
    tick()


def _tidy(text: str) -> str:
    """A cell on one line, without characters that only steer a terminal."""
    return "".join(c for c in " ".join(text.split()) if unicodedata.category(c) != "Cc")


def _number(line: int, column: str, value: str, report: Reporter, *, warning: bool = False) -> int:
    if re.fullmatch(r"[1-9][0-9]{0,8}", value):
        return int(value)
    if value:
        report(line, "BAD_VALUE", f"{column} {value[:40]!r} is not a whole number from 1", warning=warning)
    else:
        report(line, "MISSING_VALUE", f"{column} is empty", warning=warning)
    return 0


def _read_case(line: int, row: dict[str, str], reading: _Reading, report: Reporter) -> None:
    number = _number(line, "incident_id", row["incident_id"], report)
    when = parse_case_date(report, line, "date", row["date"])
    if not row["title"]:
        report(line, "MISSING_VALUE", "title is empty")
    if number in reading.lines:
        where = f"first on line {reading.lines[number]}"
        report(line, "DUPLICATE_ID", f"incident {number} stands in it twice", where)
    elif number:
        reading.lines[number] = line
        reading.cases[number] = Case(number, when, row["title"])


def _read_placed(line: int, row: dict[str, str], reading: _Reading, report: Reporter) -> None:
    """A row that cannot be used is left out with a warning: it takes nothing from the incidents."""
    if row["Published"].lower() in ("false", "0", "no") or not row["Risk Subdomain"]:
        return
    before = len(reading.findings)
    number = _number(line, "Incident ID", row["Incident ID"], report, warning=True)
    match = re.match(r"([1-7]\.[1-9])(?![0-9])", row["Risk Subdomain"])
    if not match:
        said = f"Risk Subdomain {row['Risk Subdomain'][:60]!r} does not begin with a subdomain's number"
        report(line, "BAD_VALUE", said, "left out; for example 2.1", warning=True)
    for column, words in _WORDS.items():
        if row[column] not in words:
            said = f"{column} {row[column][:40]!r} is not known"
            report(line, "BAD_VALUE", said, f"left out; one of: {', '.join(words)}", warning=True)
    if match is None or len(reading.findings) > before:
        return
    placed = Placed(number, match[1], row["Entity"], row["Timing"], row["Intent"])
    if reading.placed.setdefault(number, placed) != placed:
        said = f"incident {number} is classified twice and not the same"
        report(line, "DUPLICATE_ROW", said, "the first is kept", warning=True)


# ---------------------------------------------------------------- writing


def write_folder(snapshot: Snapshot, release: Release, folder: Path) -> Written:
    """Write ``ontologies/incidents/aiid-snapshot.ttl`` and, where the snapshot classifies what ``release`` does not,
    ``aiid-snapshot-mit.tsv`` beside it, in canonical form: each whole or not at all, in place of an earlier import.

    ``release`` is the graph to which the folder will be added: what it has is not written again.
    """
    if folder.resolve() == builtin_data().resolve():
        raise UsageError(f"{folder} is the project's own data", "choose a folder of your own with -o")
    here = folder / "ontologies" / "incidents"
    known = {i.number for i in release.incidents.values()}
    cases = [case for number, case in sorted(snapshot.cases.items()) if number not in known]
    fresh: list[Placed] = []
    strange: defaultdict[str, list[int]] = defaultdict(list)
    for number, placed in sorted(snapshot.placed.items()):
        domain = release.risk_domains.get(SUBDOMAIN + placed.subdomain)
        if domain is None or not domain.broader:
            strange[placed.subdomain].append(number)
        elif f"aiid:{number}" not in release.classifications:
            fresh.append(placed)
    findings = [
        Finding(_MIT, 0, "UNKNOWN_ID", f"there is no subdomain {subdomain}: incidents {_listing(numbers)}", "left out",
                severity="warning")
        for subdomain, numbers in sorted(strange.items())
    ]  # fmt: skip
    threats = _threats(snapshot, release)
    turtle = _turtle(snapshot, cases, threats)
    table = _table(snapshot, fresh) if fresh else ""
    target, beside = here / "aiid-snapshot.ttl", here / "aiid-snapshot-mit.tsv"
    try:
        here.mkdir(parents=True, exist_ok=True)
        with _staged(here, target, turtle) as place_turtle, _staged(here, beside, table) as place_table:
            place_turtle()
            if table:
                place_table()
            else:
                beside.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{here} cannot be written: {why}", "choose another folder with -o") from None
    return Written(
        incidents=target, table=beside if table else None, written=len(cases),
        kept=len(snapshot.cases) - len(cases), with_threats=sum(1 for c in cases if threats.get(c.number)),
        classified=len(fresh), findings=tuple(findings),
    )  # fmt: skip


def _threats(snapshot: Snapshot, release: Release) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Number → the subdomain and the threats that it plainly matches.  Where the snapshot does not classify an
    incident, the release may."""
    found = {}
    for number in snapshot.cases:
        here, shipped = snapshot.placed.get(number), release.classifications.get(f"aiid:{number}")
        id_ = SUBDOMAIN + here.subdomain if here else shipped.subdomain if shipped else ""
        domain = release.risk_domains.get(id_)
        if domain is not None and domain.matches:
            found[number] = (domain.ref, tuple(t for t in domain.matches if t in release.threats))
    return found


def _of(day: date | None) -> str:
    return f"of {day}" if day else "of a day that is not known"


def _turtle(snapshot: Snapshot, cases: list[Case], threats: dict[int, tuple[str, tuple[str, ...]]]) -> str:
    import rdflib
    from rdflib import Literal, URIRef
    from rdflib.namespace import XSD

    graph = rdflib.Graph(bind_namespaces="none")

    def say(subject: str, *facts: tuple[str, URIRef | Literal]) -> None:
        for key, value in facts:
            graph.add((URIRef(subject), URIRef(iri(key)), value))

    about = (
        f"Incidents of the AI Incident Database from its snapshot {_of(snapshot.day)}: numbers, dates and titles as "
        "they stand there, quoted under CC BY-SA 4.0, which holds for this file. Incidents that the graph had before "
        "are not among them. A threat is derived from the MIT subdomain by a rule; nobody has read the case for it."
    )
    say(
        BASE + "aiid-snapshot",
        ("rdf:type", URIRef(iri("dcat:Dataset"))),
        ("dcterms:title", Literal(f"AI Incident Database, snapshot {_of(snapshot.day)}", lang="en")),
        ("dcterms:description", Literal(about, lang="en")),
        ("dcterms:license", URIRef(_LICENCE)),
        ("dcterms:rightsHolder", Literal(_MAKER, lang="en")),
        ("dcterms:source", URIRef("https://incidentdatabase.ai/")),
    )
    if snapshot.day:
        say(BASE + "aiid-snapshot", ("dcterms:issued", Literal(snapshot.day.isoformat(), datatype=XSD.date)))
    for case in cases:
        ref, involved = threats.get(case.number, ("", ()))
        basis = f"AIID snapshot {_of(snapshot.day)} (CC BY-SA 4.0), date and title as given there"
        basis += f"; threat by rule: MIT {ref}" if involved else ""
        say(
            iri(f"aiid:{case.number}"),
            ("rdf:type", URIRef(iri("kg:Incident"))),
            ("dcterms:title", Literal(case.title, lang="en")),
            ("kg:number", Literal(case.number)),
            ("kg:basis", Literal(basis, lang="en")),
            ("rdfs:seeAlso", URIRef(f"https://incidentdatabase.ai/cite/{case.number}/")),
            *((("dcterms:date", Literal(case.date)),) if case.date else ()),
            *(("kg:involves", URIRef(iri(threat))) for threat in involved),
        )
    return canonical_turtle(graph.serialize(format="nt"))


def _table(snapshot: Snapshot, fresh: list[Placed]) -> str:
    header = {
        "id": BASE + "aiid-snapshot-mit",
        "title": f"MIT classification of {len(fresh)} cases of the AI Incident Database",
        "license": _LICENCE,
        "attribution": f"{_MAKER}; by the taxonomies of the MIT AI Risk Repository, https://airisk.mit.edu/",
        "source": f"AIID snapshot {_of(snapshot.day)}, {_MIT}; this file is under CC BY-SA 4.0",
    }
    rows = (
        {"number": str(p.number), "date": snapshot.cases[p.number].date, "subdomain": p.subdomain,
         "entity": p.entity, "timing": p.timing, "intent": p.intent}
        for p in fresh
    )  # fmt: skip
    return classification_text(header, rows)


@contextmanager
def _staged(folder: Path, target: Path, text: str) -> Iterator[Callable[[], None]]:
    """Write ``text`` beside ``target``, and give what moves it there; what is not moved is taken away."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        yield lambda: os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
