"""An organisation's controls, as a small company keeps them: a CSV file or a workbook with one control a row.

    read_controls         CSV, TSV, XLSX, XLSM, XLS, ODS ┐
    parse_controls        rows of a request              ┴→ a table → the columns → control_from_fields → Sheet

All ways in share one validation.  Nothing is guessed: what is not understood is a finding that names the row, the
cell and the nearest right answer, and either every control is read or none is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from kg.errors import Finding, InputError, KgError, UnknownIdError, nearest
from kg.model import Control, ControlRow, ControlStatus, EvidenceRecord
from kg.relations import RELATED, RELATIONS, SUPERSET_OF, sentence
from kg.release import Release
from kg.terms import prefix_of

__all__ = [
    "COLUMNS", "STATUS_WORDS", "CellValue", "Sheet", "Table", "cell_text", "column_letter", "control_from_fields",
    "decoded_text", "file_bytes", "find_target", "kept_as_text", "parse_controls", "parse_day", "parse_table",
    "plausible_day", "read_controls", "read_table", "sentences_of", "target_kind", "text_rows", "workbook_sheets",
]  # fmt: skip

#: What is read of a control → the other headings it may stand under.  Case, punctuation and order do not matter.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("control id", "ref", "control ref", "identifier", "control identifier", "control number", "control no"),
    "title": ("name", "control", "control title", "control name", "name of control", "title of control"),
    "description": ("control description", "description of control", "details", "what we do"),
    "status": ("implementation status", "state", "control status", "implementation"),
    "owner": ("responsible", "control owner", "responsible person", "person responsible"),
    "evidence_date": ("last evidence", "last evidence date", "date of evidence", "date"),
    "evidence": ("evidence records", "evidence record", "evidence id", "evidence ids"),
    "evidence_valid_until": ("valid until", "evidence expires", "expires", "expiry", "expiry date", "expires on"),
    "evidence_max_age_days": ("max evidence age days", "max evidence age", "evidence max age", "review every days"),
    "mappings": ("mapping", "mapped to", "maps to", "requirements", "requirement", "reference", "references"),
    "systems": ("system", "ai systems", "ai system"),
}
#: The columns without which nothing can be read.
REQUIRED = ("id", "title", "status")
#: Words for a status, in lower case without punctuation → the status.
STATUS_WORDS: dict[str, ControlStatus] = {
    "implemented": ControlStatus.IMPLEMENTED,
    "fully implemented": ControlStatus.IMPLEMENTED,
    "yes": ControlStatus.IMPLEMENTED,
    "done": ControlStatus.IMPLEMENTED,
    "in place": ControlStatus.IMPLEMENTED,
    "partial": ControlStatus.PARTIAL,
    "partially implemented": ControlStatus.PARTIAL,
    "partly implemented": ControlStatus.PARTIAL,
    "in progress": ControlStatus.PARTIAL,
    "planned": ControlStatus.PLANNED,
    "not started": ControlStatus.PLANNED,
    "to do": ControlStatus.PLANNED,
    "todo": ControlStatus.PLANNED,
    "alternative": ControlStatus.ALTERNATIVE,
    "compensating": ControlStatus.ALTERNATIVE,
    "compensating control": ControlStatus.ALTERNATIVE,
    "not applicable": ControlStatus.NOT_APPLICABLE,
    "n a": ControlStatus.NOT_APPLICABLE,
    "na": ControlStatus.NOT_APPLICABLE,
}
_TEXT_FILES = (".csv", ".tsv", ".txt")
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_DELIMITERS = (",", ";", "\t")
_HEADER_WITHIN = 11  #: rows with content in which the header is looked for: ten title rows and itself
_MOST_CELLS = 8_000_000  #: a larger sheet would be laid out in gigabytes
_MOST_BYTES = 256 * 1024 * 1024
#: What is meant to be a day, right or wrong.
_DAY_LIKE = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}(?:[T ][0-9:.]+Z?)?")
_ISO_HINT = "write it as 2026-07-27"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was read, in the order of the file.

    ``findings`` holds warnings only; ``preview`` says each row of each control as a sentence, to be looked through
    before it is believed.  ``columns`` are the fields that the file has a column for, whether filled or not, and
    ``places`` says of each control where its id stands (path, line, cell): an import needs both.
    """

    controls: tuple[Control, ...]
    findings: tuple[Finding, ...] = ()
    preview: tuple[str, ...] = ()
    columns: tuple[str, ...] = field(default=tuple(COLUMNS), compare=False)
    places: Mapping[str, tuple[str, int, str]] = field(default_factory=dict, compare=False, repr=False)


# ------------------------------------------------------------------ the ways in


def read_controls(path: Path, release: Release, *, systems: Collection[str] | None = None) -> Sheet:
    """The controls in a file.

    ``systems`` are the AI systems a control may be limited to; ``None`` admits any.  Raises
    :class:`~kg.errors.InputError` with every finding if any is an error: nothing is half-read.
    """
    return parse_table(read_table(path), release, systems)


def read_table(path: Path, content: bytes | None = None) -> Table:
    """The rows of a CSV file or workbook under their header, whatever they are about.

    With ``content`` nothing is opened: ``path`` is only what the file is called.  Raises
    :class:`~kg.errors.InputError` if it is neither, or damaged, or too large.
    """
    data = file_bytes(path, content)
    suffix = path.suffix.lower()
    if suffix in _TEXT_FILES:
        return _text_table(str(path), data)
    if suffix in _WORKBOOKS:
        return _workbook_table(path, data)
    hint = f"save it as one of: {', '.join((*_TEXT_FILES, *_WORKBOOKS))}"
    raise InputError.one(str(path), "UNREADABLE", f"files that end in {suffix!r} are not read", hint)


def parse_controls(
    rows: Iterable[Mapping[str, str | None]],
    release: Release,
    *,
    systems: Collection[str] | None = None,
    path: str = "controls",
) -> Sheet:
    """The controls in rows of a request: mappings with the keys of :data:`COLUMNS`, all values text as in a file.

    Findings name the row by its place, from 1.  No rows are no controls, not an error.  Raises
    :class:`~kg.errors.InputError` with every finding if any is an error.
    """
    given = [dict(row) for row in rows]
    if not given:
        return Sheet(())
    header = list(dict.fromkeys(key for row in given for key in row))
    cells = [(number, [row.get(key) or "" for key in header]) for number, row in enumerate(given, 1)]
    return parse_table(Table(path, 0, header, cells), release, systems)


def control_from_fields(
    fields: Mapping[str, str | None],
    release: Release,
    *,
    systems: Collection[str] | None = None,
    path: str = "control",
    line: int = 0,
    cells: Mapping[str, str] | None = None,
) -> Control:
    """One control from the texts of its fields, whose names are those of :data:`COLUMNS`.

    ``path``, ``line`` and ``cells`` (field → what the cell is called) say where it stands, for the findings.  Raises
    :class:`~kg.errors.InputError` with every finding.
    """
    reader = _RowReader(release, systems, path, line, cells or {})
    for name in sorted(set(fields) - set(COLUMNS)):
        near = nearest(name, COLUMNS)
        hint = f"did you mean {near}? " if near else ""
        reader.report(name, "UNKNOWN_KEY", f"a control has no {name!r}", f"{hint}one of: {', '.join(COLUMNS)}")
    text = {name: _clean(fields.get(name) or "") for name in COLUMNS}
    control_id = reader.required("id", " ".join(text["id"].split()))
    title = reader.required("title", text["title"])
    status = reader.status(text["status"])
    day, records = reader.evidence(control_id, text["evidence_date"], text["evidence"], text["evidence_valid_until"])
    control = Control(
        id=control_id,
        title=title,
        status=status,
        description=text["description"],
        owner=text["owner"],
        evidence_date=day,
        rows=reader.rows(text["mappings"]),
        systems=reader.systems(text["systems"]),
        evidence=records,
        max_evidence_age_days=reader.age(text["evidence_max_age_days"]),
    )
    if reader.findings:
        raise InputError(reader.findings)
    return control


# ------------------------------------------------------------------ one row


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


#: What a spreadsheet may run, and what was kept from it; both with apostrophes that the text has of its own.
_RUNS, _KEPT = re.compile("'*[=+\\-@\t\r\n＝＋－＠]"), re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


def kept_as_text(text: str) -> str:
    """A cell of a CSV file that no spreadsheet runs and that is read back as ``text``: an apostrophe before what may
    be a formula, taken off by the reader.

    >>> kept_as_text("=1+1"), kept_as_text("it's")
    ("'=1+1", "it's")
    """
    return "'" + text if _RUNS.match(text) else text


def _as_written(cell: str) -> str:
    return cell[1:] if _KEPT.match(cell) else cell


def _plain(text: str) -> str:
    """Lower case, single blanks, no punctuation: how headings and statuses are compared."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _items(text: str) -> list[str]:
    return [item for item in (part.strip() for part in re.split(r"[;\n]", text)) if item]


class _RowReader:
    """Reads the fields of one control and collects what is wrong with them."""

    def __init__(
        self,
        release: Release,
        systems: Collection[str] | None,
        path: str,
        line: int,
        cells: Mapping[str, str],
    ) -> None:
        self.findings: list[Finding] = []
        self._release = release
        self._systems = systems
        self._path = path
        self._line = line
        self._cells = cells

    def report(self, name: str, code: str, message: str, hint: str = "") -> None:
        """Note an error in the cell of a field."""
        cell = self._cells.get(name, name)
        self.findings.append(Finding(self._path, self._line, code, message, hint, cell))

    def required(self, name: str, text: str) -> str:
        """A text that must be there."""
        if not text:
            self.report(name, "MISSING_VALUE", f"the control has no {name}")
        return text

    def status(self, text: str) -> ControlStatus:
        """One of the five statuses; ``PLANNED``, which credits nothing, where it is missing or not understood."""
        known = STATUS_WORDS.get(_plain(text))
        if known is not None:
            return known
        words = f"one of: {', '.join(ControlStatus)}"
        if _plain(text):
            self.report("status", "UNKNOWN_STATUS", f"the status {text!r} is not known", _status_hint(text) + words)
        else:
            message = "the control has no status, so nothing can be credited to it"
            self.report("status", "MISSING_STATUS", message, words)
        return ControlStatus.PLANNED

    def day(self, text: str, name: str = "evidence_date") -> date | None:
        """A day, if there is one."""
        try:
            return parse_day(text) if text else None
        except KgError as error:
            self.report(name, error.code, error.message, error.hint)
            return None

    def evidence(
        self, control_id: str, dated: str, named: str, until: str
    ) -> tuple[date | None, tuple[EvidenceRecord, ...]]:
        """The day of the evidence and its records: the names in a cell, all of that day and valid until the same day.

        A cell of names that holds a date is the day, as people write it.  Evidence that has an end but no name is a
        record of the control's own.
        """
        day, names = self.day(dated), list(dict.fromkeys(_items(named)))
        if _DAY_LIKE.fullmatch(named):
            other, names = self.day(named, "evidence"), []
            if day and other and day != other:
                self.report("evidence", "BAD_VALUE", f"{other} here, and {day} as evidence_date", "keep one of them")
            day = day or other
        end = self.day(until, "evidence_valid_until")
        if day and end and end < day:
            message = f"the evidence is of {day} and would be valid until {end}"
            self.report("evidence_valid_until", "BAD_VALUE", message, "the later day is the one until which it counts")
        if end and not names:
            names = [f"{control_id}/evidence"]
        return day, tuple(EvidenceRecord(name, day=day, valid_until=end) for name in names)

    def age(self, text: str) -> int | None:
        """A whole number of days."""
        if not text:
            return None
        if re.fullmatch(r"[0-9]{1,5}", text) and int(text) > 0:
            return int(text)
        hint = "days, like 365; leave it empty for no maximum of its own"
        self.report("evidence_max_age_days", "BAD_VALUE", f"{text!r} is not a positive whole number", hint)
        return None

    def systems(self, text: str) -> tuple[str, ...]:
        """The AI systems the control is limited to."""
        named = tuple(dict.fromkeys(_items(text)))
        for system in named:
            if self._systems is not None and system not in self._systems:
                near = nearest(system, self._systems)
                hint = f"did you mean {near}? " if near else ""
                known = f"one of: {', '.join(sorted(self._systems))}" if self._systems else "the profile names none"
                self.report("systems", "UNKNOWN_SYSTEM", f"there is no AI system {system!r}", hint + known)
        return named

    def rows(self, text: str) -> tuple[ControlRow, ...]:
        """The rows in a mapping cell: ``TARGET [relation]``, separated by ``;`` or line breaks."""
        found: dict[str, ControlRow] = {}
        for item in _items(text):
            row = self._row(item)
            if row is not None and row.target in found:
                hint = "one relation to each target: keep the one that holds"
                self.report("mappings", "DUPLICATE_MAPPING", f"{row.target} is named twice", hint)
            elif row is not None:
                found[row.target] = row
        return tuple(found.values())

    def _row(self, item: str) -> ControlRow | None:
        text, relation = _split_relation(item)
        if not text:
            hint = "write the target before its relation: iso42001:A.6.2.4 subset_of"
            self.report("mappings", "MISSING_VALUE", f"{item!r} is a relation without a target", hint)
            return None
        try:
            target = find_target(self._release, text)
        except UnknownIdError as error:
            self._unknown(item, text, relation, error)
            return None
        if wrong := target_kind(self._release, target):
            hint = "a control is mapped to a reference control, a joint node or a provision"
            self.report("mappings", "WRONG_KIND", f"{target} is {wrong}", hint)
            return None
        if relation:
            return ControlRow(target, RELATIONS[relation])
        mask = RELATED if target in self._release.provisions else SUPERSET_OF
        return ControlRow(target, mask, stated=False)

    def _unknown(self, item: str, text: str, relation: str, error: UnknownIdError) -> None:
        """Report a target that names nothing, or the word after it that is no relation."""
        unknown = "" if relation else _unknown_relation(self._release, item)
        if unknown:
            near = nearest(unknown.replace(" ", "_"), RELATIONS)
            hint = f"did you mean {near}? " if near else ""
            words = f"one of: {', '.join(RELATIONS)}"
            self.report("mappings", "UNKNOWN_RELATION", f"the relation {unknown!r} is not known", hint + words)
            return
        hint = error.hint
        if text.endswith("?"):
            hint = f"leave out the question mark: a mapping is stated or left out; {hint}"
        elif "," in text:
            hint = f"separate several targets with `;`; {hint}"
        self.report("mappings", "UNKNOWN_ID", error.message, hint)


def _status_hint(text: str) -> str:
    """The nearest status; for a denial, which looks like what it denies, the two that credit nothing."""
    words = _plain(text).split()
    if words[0] in ("no", "not", "none", "never", "false", "unimplemented"):
        return "write planned if it is still to be done (it counts as a gap), else not-applicable; "
    near = nearest(_plain(text), STATUS_WORDS)
    return f"did you mean {STATUS_WORDS[near]}? " if near else ""


def _relation_word(words: Sequence[str]) -> str:
    return "_".join(words).replace("-", "_").lower()


def _split_relation(item: str) -> tuple[str, str]:
    """The target and the relation of an item; either may be empty.

    >>> _split_relation("eu-ai-act:Article 10(2) Subset of")
    ('eu-ai-act:Article 10(2)', 'subset_of')
    """
    words = item.split()
    for count in (2, 1):
        relation = _relation_word(words[-count:])
        if relation in RELATIONS and len(words) >= count:
            return " ".join(words[:-count]), relation
    return " ".join(words), ""


def _unknown_relation(release: Release, item: str) -> str:
    """The words after a target that exists, if they look like a relation; else nothing."""
    words = item.split()
    for count in range(1, min(4, len(words))):
        tail = words[-count:]
        if not all(re.fullmatch(r"[A-Za-z_-]{2,}", word) for word in tail):
            return ""
        try:
            target = find_target(release, " ".join(words[:-count]))
        except UnknownIdError:
            continue
        return " ".join(tail) if ":" in target else ""
    return ""


def target_kind(release: Release, target: str) -> str:
    """What a target is, where it cannot be the target of a control's row; empty where it can."""
    if target in release.provisions or target in release.controls or target in release.joints:
        return ""
    if target in release.incidents:
        return "an incident"
    return "a threat" if ":" in target else "a whole framework or catalogue, not one of its provisions or controls"


def sentences_of(control: Control, release: Release) -> Iterator[str]:
    """Each row of a control as a sentence, with what is assumed where no relation is stated."""
    for row in control.rows:
        title = release.title(row.target)
        said = sentence(control.id, row.mask, f"{row.target} ({title})" if title else row.target)
        kind = "a provision" if row.target in release.provisions else "a reference control"
        yield said if row.stated else f"{said} [not stated: what is assumed of {kind}]"


# ------------------------------------------------------------------ what people type


def parse_day(text: str) -> date:
    """A day: ISO 8601, or ``dd.mm.yyyy`` and ``dd/mm/yyyy`` where the day cannot be a month.

    Raises :class:`~kg.errors.KgError` (``BAD_VALUE``) with the hint to write ISO.

    >>> parse_day("27.07.2026")
    datetime.date(2026, 7, 27)
    """
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9:.]+Z?)?", text)
    local = re.fullmatch(r"([0-9]{1,2})([./])([0-9]{1,2})\2([0-9]{4})", text)
    if iso:
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
    elif local:
        year, month, day = int(local[4]), int(local[3]), int(local[1])
        if day <= 12:
            raise KgError(f"in {text!r} day and month could be mixed up", _ISO_HINT, code="BAD_VALUE")
    else:
        raise KgError(f"{text!r} is not a date", _ISO_HINT, code="BAD_VALUE")
    try:
        return plausible_day(date(year, month, day))
    except ValueError:
        raise KgError(f"there is no day {text!r}", _ISO_HINT, code="BAD_VALUE") from None


def plausible_day(day: date) -> date:
    """The day itself, if it lies in the years 1901 to 2100: spreadsheets make 1900 of an empty or damaged date.

    Raises :class:`~kg.errors.KgError` (``BAD_VALUE``).
    """
    if 1900 < day.year <= 2100:
        return day
    raise KgError(f"{day.isoformat()} cannot be meant", "a day from 1901 to 2100", code="BAD_VALUE")


def find_target(release: Release, text: str) -> str:
    """The CURIE that a text with a framework's or catalogue's id or name before it means; for the bare name of a
    framework or catalogue its id.

    ``iso42001:a.6.2.4``, ``EU AI Act Article 15(4)`` and ``GDPR 32(1)`` are read; ``A.6.2.4`` is not, because several
    frameworks may have it.  Raises :class:`~kg.errors.UnknownIdError` with the nearest id.
    """
    text = " ".join(text.split())
    if _exists(release, text):
        return text
    name, rest = _split_name(release, text.removeprefix("kgfw:"))
    if name and not rest:
        return name
    if name:
        found = release.resolve(rest, name)
        if prefix_of(found) == name:
            return found
        raise release.unknown(f"{name}:{rest}")
    raise _nameless(release, text)


def _exists(release: Release, id_: str) -> bool:
    groups = (release.provisions, release.controls, release.joints, release.threats, release.incidents)
    return any(id_ in group for group in groups) or id_ in _threat_matches(release)


def _threat_matches(release: Release) -> frozenset[str]:
    """Ids of threats in other schemes."""
    found: frozenset[str] = release.cache(
        ("organizations", "threat matches"),
        lambda: frozenset(match for threat in release.threats.values() for match in threat.matches),
    )
    return found


def _split_name(release: Release, text: str) -> tuple[str, str]:
    """The id of the framework, catalogue or scheme whose name a text begins with, and what follows."""
    for pattern, id_ in _names(release):
        if match := pattern.match(text):
            return id_, text[match.end() :].lstrip(" :,.–—-")
    return "", text


def _names(release: Release) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of the names people write before a reference, longest first; a name that two share is no name."""
    found: list[tuple[re.Pattern[str], str]] = release.cache(("organizations", "names"), lambda: _make_names(release))
    return found


def _make_names(release: Release) -> list[tuple[re.Pattern[str], str]]:
    names: dict[tuple[str, ...], set[str]] = {}
    years: dict[str, str] = {}
    titles = [
        *((f.id, (f.short_title, f.title)) for f in release.frameworks.values()),
        *((c.id, (c.title,)) for c in release.catalogues.values()),
    ]
    for id_, written in titles:
        edition = re.search(r":([0-9]{4})\b", written[-1])
        years[id_] = edition[1] if edition else ""
        for name in written:
            names.setdefault(_tokens(name), set()).add(id_)
    schemes = {prefix_of(i) for group in (release.threats, release.incidents) for i in group}
    schemes |= {prefix_of(i) for i in _threat_matches(release)}
    for id_ in (*schemes, *years):
        names[_tokens(id_)] = {id_}
    known = [(tokens, ids.pop()) for tokens, ids in names.items() if tokens and len(ids) == 1]
    known.sort(key=lambda pair: (-len("".join(pair[0])), pair))
    return [(_name_pattern(tokens, years.get(id_, "")), id_) for tokens, id_ in known]


def _tokens(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.casefold()))


def _name_pattern(tokens: Sequence[str], year: str) -> re.Pattern[str]:
    edition = rf"(?::\s*{year}(?![^\W_]))?" if year else ""
    return re.compile(r"[\W_]*".join(map(re.escape, tokens)) + rf"(?![^\W_]){edition}", re.IGNORECASE)


def _nameless(release: Release, text: str) -> UnknownIdError:
    """The error for a text that does not say of which framework it is."""
    names = [*release.frameworks, *release.catalogues]
    prefixes = f"begin with one of: {', '.join(names)}"
    meant = []
    for name in names if ":" not in text else ():
        try:
            meant.append(release.resolve(text, name))
        except UnknownIdError:
            continue
    if meant:
        shown = " or ".join(f"{id_} ({release.title(id_)})" for id_ in meant)
        return UnknownIdError(f"{text!r} does not say of which framework it is", f"did you mean {shown}? {prefixes}")
    if ":" in text:
        return UnknownIdError(f"{prefix_of(text)!r} in {text!r} names no framework or catalogue", prefixes)
    error = release.unknown(text)
    return UnknownIdError(error.message, f"{error.hint}; {prefixes}")


# ------------------------------------------------------------------ a table, wherever it comes from


_Line = tuple[int, list[str]]  #: the line a row begins in, and its cells


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a header.  ``letters`` says that cells are called by a column's letter and the line, and
    ``first`` which column is the first; ``dates`` are the cells (line, index) that hold a date."""

    path: str
    header_line: int
    header: list[str]
    rows: list[_Line]
    letters: bool = False
    first: int = 0
    dates: frozenset[tuple[int, int]] = frozenset()
    findings: tuple[Finding, ...] = ()

    def column(self, index: int) -> str:
        """A column's heading, or where it has none its letter."""
        return " ".join(self.header[index].split()) or column_letter(self.first + index)

    def filled(self, index: int) -> bool:
        """Whether any row has something in a column."""
        return any(index < len(cells) and cells[index].strip() for _, cells in self.rows)

    def cell(self, line: int, index: int) -> str:
        """What a cell is called."""
        heading = " ".join(self.header[index].split())
        return f"{column_letter(self.first + index)}{line} {heading}".strip() if self.letters else self.column(index)


def column_letter(index: int) -> str:
    """The letter of a column of a spreadsheet.

    >>> column_letter(0), column_letter(27)
    ('A', 'AB')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


_FIELD_OF = {_plain(word): name for name, words in COLUMNS.items() for word in (name, *words)}


def parse_table(table: Table, release: Release, systems: Collection[str] | None) -> Sheet:
    """Every control of a table; raises :class:`InputError` if anything in it is wrong."""
    columns, findings = _columns(table)
    missing = {name for name in REQUIRED if name not in columns}
    controls: list[Control] = []
    first: dict[str, int] = {}
    standing: dict[str, tuple[str, int, str]] = {}
    rows = [(line, cells) for line, cells in table.rows if any(cell.strip() for cell in cells) or not table.header_line]
    if not rows and not missing:
        findings.append(Finding(table.path, table.header_line, "EMPTY_FILE", "no control follows the header"))
    for line, cells in rows:
        if shape := _shape(table, line, cells):
            findings.append(shape)
            continue
        fields = {name: cells[i] if i < len(cells) else "" for name, i in columns.items()}
        if table.header_line:  # a file: an apostrophe may keep a spreadsheet from running what follows it
            fields = {name: _as_written(cell) for name, cell in fields.items()}
        places = {name: table.cell(line, i) for name, i in columns.items()}
        try:
            control = control_from_fields(fields, release, systems=systems, path=table.path, line=line, cells=places)
            controls.append(control)
            standing[control.id] = (table.path, line, places["id"])
        except InputError as error:
            blank = ("MISSING_VALUE", "MISSING_STATUS")
            findings += [f for f in error.findings if not (f.code in blank and f.cell in missing)]
        findings += _id_findings(table, line, columns, fields, first)
    controls, differing = _one_of_each_record(controls, table, columns, first)
    findings += differing
    findings.sort(key=lambda f: f.line)
    if any(f.severity == "error" for f in findings):
        raise InputError(findings)
    limited = sum(1 for control in controls if control.systems)
    if limited and systems is None:
        are, count = ("control is", "it counts") if limited == 1 else ("controls are", "they count")
        said = f"{limited} {are} limited to AI systems, which only a profile can name: {count} nowhere"
        findings.append(Finding(table.path, 0, "NO_PROFILE", said, severity="warning"))
    preview = tuple(said for control in controls for said in sentences_of(control, release))
    return Sheet(tuple(controls), tuple(findings), preview, tuple(columns), standing)


def _one_of_each_record(
    controls: Sequence[Control], table: Table, columns: Mapping[str, int], lines: Mapping[str, int]
) -> tuple[list[Control], list[Finding]]:
    """The controls with what any of them says of a record said by all, and where two say different things."""
    records: dict[str, EvidenceRecord] = {}
    findings: list[Finding] = []
    for control in controls:
        for record in control.evidence:
            known = records.setdefault(record.id, record)
            for name, column in (("day", "evidence_date"), ("valid_until", "evidence_valid_until")):
                said, before = getattr(record, name), getattr(known, name)
                if said and before and said != before:
                    index = columns.get(column, columns.get("evidence", 0))
                    line = lines.get(control.id, 0)
                    what = "is of" if name == "day" else "is valid until"
                    message = f"the record {record.id!r} {what} {said} here and {before} in a row above"
                    hint = "one record, one day: give the newer record another name"
                    findings.append(Finding(table.path, line, "BAD_VALUE", message, hint, table.cell(line, index)))
            if (record.day and not known.day) or (record.valid_until and not known.valid_until):
                records[record.id] = replace(
                    known, day=known.day or record.day, valid_until=known.valid_until or record.valid_until
                )
    return [
        replace(c, evidence=tuple(records[r.id] for r in c.evidence)) if c.evidence else c for c in controls
    ], findings


def _columns(table: Table) -> tuple[dict[str, int], list[Finding]]:
    """Which column holds which field, and what is wrong with the header."""
    columns: dict[str, int] = {}
    findings = list(table.findings)

    def report(index: int, code: str, message: str, hint: str, *, warning: bool = False) -> None:
        cell = table.cell(table.header_line, index)
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        findings.append(Finding(table.path, table.header_line, code, message, hint, cell, severity))

    for index, heading in enumerate(table.header):
        name = _FIELD_OF.get(_plain(heading))
        if name is None:
            if heading.strip() or table.filled(index):
                report(index, "UNKNOWN_COLUMN", *_unknown_column(table, index), warning=True)
        elif name in columns:
            message = f"the columns {table.column(columns[name])!r} and {table.column(index)!r} both mean {name}"
            report(index, "DUPLICATE_COLUMN", message, "keep one of them, or rename the other")
        else:
            columns[name] = index
    headings = [" ".join(h.split()) for h in table.header if h.strip()]
    for name in REQUIRED:
        if name not in columns:
            message = f"no column is the control's {name}; found: {', '.join(headings) or 'no heading'}"
            hint = f"call it one of: {', '.join((name, *COLUMNS[name]))}"
            findings.append(Finding(table.path, table.header_line, "MISSING_COLUMN", message, hint, name))
    return columns, findings


def _unknown_column(table: Table, index: int) -> tuple[str, str]:
    if not table.header[index].strip():
        return f"the column {table.column(index)} has no heading and is not read", "give it a heading or empty it"
    near = nearest(_plain(table.header[index]), _FIELD_OF)
    hint = f"did you mean {_FIELD_OF[near]}? " if near else ""
    return f"the column {table.column(index)!r} is not read", f"{hint}columns: {', '.join(COLUMNS)}"


def _shape(table: Table, line: int, cells: Sequence[str]) -> Finding | None:
    """A row with something to the right of the last column: its cells may have moved."""
    if not any(cell.strip() for cell in cells[len(table.header) :]):
        return None
    used = max(i for i, cell in enumerate(cells, 1) if cell.strip())
    message = f"{used} cells under {len(table.header)} columns"
    return Finding(table.path, line, "ROW_SHAPE", message, "put text that holds the separator in double quotes")


def _id_findings(
    table: Table, line: int, columns: Mapping[str, int], fields: Mapping[str, str], first: dict[str, int]
) -> Iterator[Finding]:
    """What is wrong with a row's id beside the others; ``first`` is brought up to date."""
    control_id = " ".join(fields.get("id", "").split())
    cell = table.cell(line, columns["id"]) if "id" in columns else "id"
    if (line, columns.get("id", -1)) in table.dates:
        message, hint = f"the id was turned into the date {control_id}", "make the column Text and type the id again"
        yield Finding(table.path, line, "BAD_VALUE", message, hint, cell)
    elif control_id and control_id in first:
        message = f"{control_id} is also the id of {table.path}:{first[control_id]}"
        hint = "one row a control: put all its mappings into one cell, separated by `;`"
        if table.letters and re.fullmatch(r"[0-9.]+", control_id):
            hint += "; a number cell loses its last zeros (1.10 becomes 1.1): make the column Text"
        yield Finding(table.path, line, "DUPLICATE_CONTROL", message, hint, cell)
    if control_id:
        first.setdefault(control_id, line)


def _header_row(rows: Iterable[_Line]) -> tuple[int, int]:
    """Where the header is in ``rows`` and how many fields it names: of the first rows the one that names most; the
    first row with content where none names two."""
    best, most, seen = -1, 1, 0
    for index, (_, cells) in enumerate(rows):
        if any(cell.strip() for cell in cells):
            named = len(_named(cells))
            if best < 0:
                best = index
            if named > most:
                best, most = index, named
            seen += 1
            if seen == _HEADER_WITHIN:
                break
    return best, most


def _named(cells: Iterable[str]) -> set[str]:
    return {_FIELD_OF[word] for word in map(_plain, cells) if word in _FIELD_OF}


# ------------------------------------------------------------------ files


def file_bytes(path: Path, content: bytes | None = None) -> bytes:
    """The content of a file, or an :class:`~kg.errors.InputError` that says why there is none.  With ``content``
    nothing is opened: that is what it is."""
    shown = str(path)
    if content is None and path.is_dir():
        raise InputError.one(shown, "UNREADABLE", "this is a folder, not a file", "name the file with the controls")
    try:
        data = path.read_bytes() if content is None else content
    except FileNotFoundError:
        raise InputError.one(shown, "NOT_FOUND", "there is no such file", _siblings(path)) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError.one(shown, "UNREADABLE", f"the file cannot be opened: {why}") from None
    if not data:
        raise InputError.one(shown, "EMPTY_FILE", "the file is empty")
    return data


def _siblings(path: Path) -> str:
    """A hint that names the file of that folder which was probably meant."""
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return f"the folder {path.parent} does not exist either"
    near = nearest(path.name, names)
    return f"did you mean {path.parent / near}?" if near else ""


def decoded_text(shown: str, data: bytes) -> str:
    """The text of a CSV file: UTF-8 with or without byte order mark, or UTF-16 with one."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        hint = "name it .xlsx or .xls, or export it as CSV"
        raise InputError.one(shown, "UNREADABLE", "this is a workbook, not a text file", hint)
    if b"\0" in data and not wide:
        raise InputError.one(shown, "UNREADABLE", "this is not a text file", "export the table as CSV (UTF-8)")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 0 if wide else data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is not {'UTF-16' if wide else 'UTF-8'}"
        hint = "in Excel: Save as, CSV UTF-8 (comma delimited)"
        raise InputError.one(shown, "ENCODING", message, hint, line=line) from None
    if re.search(r"[\x00-\x08\x0e-\x1f]", text[:4096]):
        raise InputError.one(shown, "UNREADABLE", "this is not a text file", "export the table as CSV (UTF-8)")
    return text


def text_rows(shown: str, text: str, delimiter: str, *, strict: bool) -> Iterator[_Line]:
    """The rows of a CSV text with the line each begins in; raises :class:`InputError` at one that cannot be read."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)
    start = 1
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        message, hint = f"the row that begins here cannot be read: {error}", "look for a quote that is not closed"
        raise InputError.one(shown, "UNREADABLE", message, hint, line=start) from None


def _delimiter(text: str) -> str:
    """The separator under which the header is understood best."""

    def named(delimiter: str) -> int:
        try:
            return _header_row(text_rows("", text, delimiter, strict=False))[1]
        except InputError:
            return 0

    head = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=lambda d: (named(d), head.count(d)))


def _text_table(shown: str, data: bytes) -> Table:
    text = decoded_text(shown, data)
    rows = list(text_rows(shown, text, _delimiter(text), strict=True))
    index, _ = _header_row(rows)
    if index < 0:
        raise InputError.one(shown, "EMPTY_FILE", "the file holds nothing but blanks")
    line, header = rows[index]
    return Table(shown, line, header, rows[index + 1 :])


# ------------------------------------------------------------------ workbooks

_ENCRYPTED = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"  #: UTF-16
CellValue = int | float | str | bool | time | date | datetime | timedelta


def _workbook_table(path: Path, data: bytes) -> Table:
    """The first visible sheet with the columns of controls; of the others only a warning is read."""
    shown = str(path)
    tables = {name: _sheet_table(shown, start, grid) for name, start, grid in workbook_sheets(shown, data)}
    return _chosen(shown, tables)


def workbook_sheets(shown: str, data: bytes) -> list[tuple[str, tuple[int, int] | None, list[list[CellValue]]]]:
    """The visible sheets of a workbook: name, the first cell in use (row and column from 0), and the cells from there.

    Raises :class:`~kg.errors.InputError` if it is none, damaged, protected or would not fit into memory.
    """
    import zipfile
    import zlib

    import python_calamine as calamine

    damaged = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
    try:
        if data.startswith(b"PK"):
            _refuse_giants(shown, data)
        elif (
            "EncryptedPackage".encode("utf-16-le") in data
        ):  # an OLE container around a workbook that calamine does not take for one
            raise calamine.PasswordError
        with calamine.load_workbook(io.BytesIO(data)) as book:
            names = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.visible == calamine.SheetVisibleEnum.Visible and sheet.typ == calamine.SheetTypeEnum.WorkSheet
            ]
            sheets = [book.get_sheet_by_name(name) for name in names]
            return [(name, sheet.start, sheet.to_python()) for name, sheet in zip(names, sheets, strict=True)]
    except calamine.PasswordError:
        hint = "save a copy without password"
        raise InputError.one(shown, "UNREADABLE", "the workbook is protected by a password", hint) from None
    except (calamine.CalamineError, *damaged) as error:
        message = f"this is not a workbook, or a damaged one: {error}"
        raise InputError.one(shown, "UNREADABLE", message, "open it, save it as .xlsx and try again") from None


def _refuse_giants(shown: str, data: bytes) -> None:
    """Refuse a workbook that would be laid out in gigabytes: one stray value in the last cell of a sheet is enough.

    Raises :class:`InputError`, and what :mod:`zipfile` raises for a damaged archive.
    """
    import zipfile

    hint = "delete what lies below and to the right of the table, or export the sheet as CSV"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
            raise InputError.one(shown, "UNREADABLE", "the workbook is too large", hint)
        for entry in archive.infolist():
            if "worksheets/" not in entry.filename or not entry.filename.endswith(".xml"):
                continue
            sheet = archive.read(entry)
            rows, columns, where = _extent(re.findall(_ANY_ROW, sheet), re.findall(_ANY_COLUMN, sheet))
            if rows * columns > _MOST_CELLS:  # cells that are only formatted do not count: look again, slowly
                filled = set(re.findall(_FILLED_CELL, sheet))
                rows, columns, where = _extent((row for _, row in filled), (column for column, _ in filled))
            if rows * columns > _MOST_CELLS:
                raise InputError.one(shown, "UNREADABLE", f"a sheet of the workbook reaches to the cell {where}", hint)


_ANY_ROW = rb"\br=[\"'][A-Z]{0,3}([0-9]{1,7})[\"']"
_ANY_COLUMN = rb"\br=[\"']([A-Z]{1,3})"
_FILLED_CELL = rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'][^>]*(?<!/)>"


def _extent(rows: Iterable[bytes], columns: Iterable[bytes]) -> tuple[int, int, str]:
    """How many rows and columns a sheet reaches over, and the cell in that corner."""
    last = max(map(int, set(rows)), default=0)
    widest = max(set(columns), key=lambda c: (len(c), c), default=b"")
    count = sum((byte - 64) * 26**power for power, byte in enumerate(reversed(widest)))
    return last, count, f"{widest.decode()}{last}"


def _sheet_table(shown: str, start: tuple[int, int] | None, grid: list[list[CellValue]]) -> Table:
    """One sheet as a table; without rows and header if it is empty."""
    above, left = start or (0, 0)
    lines = [(above + number, values) for number, values in enumerate(grid, 1)]
    rows = [(line, [cell_text(value) for value in values]) for line, values in lines]
    index, _ = _header_row(rows)
    if index < 0:
        return Table(shown, 0, [], [])
    moments = (date, time, timedelta)
    dates = {(line, i) for line, values in lines for i, value in enumerate(values) if isinstance(value, moments)}
    line, header = rows[index]
    return Table(shown, line, header, rows[index + 1 :], letters=True, first=left, dates=frozenset(dates))


def cell_text(value: CellValue) -> str:
    """A cell as text: whole numbers without ``.0``, days in ISO 8601."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)


def _chosen(shown: str, tables: Mapping[str, Table]) -> Table:
    """The first sheet with all required columns, else with two known ones, else with anything."""
    filled = {name: table for name, table in tables.items() if table.header}
    if not filled:
        raise InputError.one(shown, "EMPTY_FILE", "no visible sheet of the workbook holds anything")
    whole = [name for name, table in filled.items() if _named(table.header) >= set(REQUIRED)]
    some = [name for name, table in filled.items() if len(_named(table.header)) > 1]
    name, *others = whole or some[:1] or list(filled)[:1]
    hint = f"only the first such sheet is read, {name!r}: move the rows there"
    message = "the sheet {!r} holds controls too and is not read"
    ignored = [Finding(shown, 0, "UNKNOWN_COLUMN", message.format(other), hint, severity="warning") for other in others]
    return replace(filled[name], findings=tuple(ignored))
