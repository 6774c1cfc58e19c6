"""From what a file says to a mapping set that the loader believes: ids looked up, relations read, everything checked.

    plan(incoming, release, declared)   → Planned: the rows, ready to be written; InputError with every finding
    write_folder(planned, dir)          → the SSSOM file of a data folder, all or nothing

Nothing is guessed: an id is one of the release or an error with the nearest, a relation is a word of its source or one
that the person declares, and authority, licence, title and text version are asked for or declared in the file.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kg.errors import Finding, InputError, UnknownIdError, UsageError, nearest
from kg.importers.mappings.rows import Incoming, Kind, Row, finding
from kg.importers.mappings.words import KINDS, declared_words, plain, spread
from kg.model import AUTHORITIES, Authority, MappingSet, Method, RationaleKind, Source
from kg.model import Mapping as Assertion
from kg.relations import RELATIONS, inverse
from kg.release import Release
from kg.sources.canonical import sssom_text
from kg.sources.checks import check
from kg.sources.content import Content, Reporter, parse_date, parse_number
from kg.sources.sssom import NOT, predicate_of, read_sssom
from kg.terms import prefix_of, resolve_reference, set_iri

__all__ = [
    "Declared", "Planned", "Reader", "assembled", "by_relation", "checked", "plan", "planned_set", "row_cells",
    "write_folder",
]  # fmt: skip

_HINTS = 200  #: of how many unknown ids the nearest is looked for
_UNSTATED = "semapv:UnspecifiedMatching"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person declares of a file: the set it becomes and how it is to be read.

    ``subjects`` and ``objects`` are the frameworks or catalogues that the ids of either side are of; ``texts`` says of
    a framework on which of its texts the rows were judged; ``words`` what relation words of the file mean.
    """

    set_id: str = ""
    title: str = ""
    authority: Authority | None = None
    licence: str = ""
    publisher: str = ""
    url: str = ""
    description: str = ""
    method: Method | None = None
    subjects: str = ""
    objects: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    skip_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A mapping set ready to be written.  ``skipped`` counts rows left out because an id or relation is unknown,
    ``repeated`` those that say again what another says; ``findings`` are warnings."""

    mapping_set: MappingSet
    rows: tuple[Assertion, ...]
    justifications: tuple[str, ...]
    text: str
    skipped: int
    repeated: int
    findings: tuple[Finding, ...]


class Reader:
    """Turns rows of a file into assertions, and collects what is wrong with them."""

    def __init__(self, incoming: Incoming, release: Release, declared: Declared) -> None:
        self.incoming = incoming
        self.release = release
        self.declared = declared
        self.findings: list[Finding] = []
        self.unknown: list[Finding] = []
        self._words = {**incoming.words, **declared_words(declared.words)}
        self._ids: dict[tuple[str, str, str], str | UnknownIdError] = {}
        self._homes: dict[str, str] = {}
        self._hinted = 0
        self._named = {name: self._framework(name) for name in (declared.subjects, declared.objects) if name}

    def _framework(self, name: str) -> str:
        """The framework or catalogue that a person names; raises :class:`UnknownIdError`."""
        known = {**self.release.frameworks, **self.release.catalogues}
        wanted = name.strip().removeprefix("kgfw:")
        for id_ in known:
            if wanted.casefold() == id_.casefold():
                return id_
        near = nearest(wanted, known)
        hint = (
            f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(known)}; another is made one by `kg import "
        )
        raise UnknownIdError(
            f"there is no framework or catalogue {name!r}", hint + "oscal-catalog` or `ciso-library`, or a node list"
        )

    def home(self, said: str) -> str:
        """The framework that a file names by id, or by the address of its text; empty if it is none of the release."""
        if said not in self._homes:
            name = said.strip().rstrip("/").casefold()
            found = ""
            for f in self.release.frameworks.values():
                urls = {f.url, *(v.url for v in f.text_versions)} - {""}
                if name in {f.id, f"kgfw:{f.id}", *(u.rstrip("/").casefold() for u in urls)}:
                    found = f.id
            for c in self.release.catalogues.values():
                if name in {c.id, f"kgfw:{c.id}"} | ({c.url.rstrip("/").casefold()} if c.url else set()):
                    found = c.id
            self._homes[said] = found
        return self._homes[said]

    def id(self, row: Row, side: str) -> str:
        """The CURIE at one end of a row, or nothing and a finding."""
        text = row.subject if side == "subject" else row.object
        said = self.declared.subjects if side == "subject" else self.declared.objects
        if not text:
            self.findings.append(self.at(row, side, "MISSING_VALUE", f"the {side} is empty"))
            return ""
        named = row.subject_home if side == "subject" else row.object_home
        home = self._named[said] if said else self.home(named)
        key = (side, text, home)
        if key not in self._ids:
            self._ids[key] = self._look_up(text, home, bool(said), side, named)
        found = self._ids[key]
        if isinstance(found, UnknownIdError):
            self.unknown.append(self.at(row, side, found.code, found.message, found.hint))
            return ""
        return found

    def _look_up(self, text: str, home: str, declared: bool, side: str, named: str) -> str | UnknownIdError:
        release = self.release
        mappable = (release.provisions, release.controls, release.joints)
        if any(text in group for group in mappable) and (not home or prefix_of(text) == home or not declared):
            return text
        option = "--from" if side == "subject" else "--to"
        local = text
        if text.startswith("urn:"):
            local = text.rpartition(":")[2]
        elif text.startswith(("https://", "http://")):
            local = text.replace("#", "/").rstrip("/").rpartition("/")[2]
        elif home and prefix_of(text) != home and ":" in text and declared:
            local = text.partition(":")[2]
        if not home:
            if ":" in text and prefix_of(text) in {**release.frameworks, **release.catalogues}:
                return self._unknown(text)
            shown = f"{text!r} does not say of which framework it is"
            if named:
                shown = f"{text!r} is of {named!r}, which is no framework or catalogue of this release"
            names = ", ".join([*release.frameworks, *release.catalogues])
            hint = f"say it with {option}: one of {names}; a framework that is not there is made a data folder by "
            hint += "`kg import oscal-catalog` or `ciso-library`, or is a node list, and is added with --data"
            return UnknownIdError(shown, hint)
        candidates = resolve_reference(home, local)
        for found in candidates:
            if any(found in group for group in mappable):
                return found
        for found in candidates:
            if found in release.threats or found in release.incidents:
                hint = "a mapping joins provisions, reference controls and joint nodes"
                return UnknownIdError(f"{found} is no provision or control", hint, code="WRONG_KIND")
        return self._unknown(local if prefix_of(local) == home else f"{home}:{local}")

    def _unknown(self, id_: str) -> UnknownIdError:
        if self._hinted >= _HINTS:
            return UnknownIdError(f"{id_} does not exist in this release", "`kg search` lists what there is")
        self._hinted += 1
        return self.release.unknown(id_)

    def relation(self, row: Row) -> str:
        """The relation of a row in our words, or nothing and a finding."""
        said = row.relation
        if not said:
            self.findings.append(self.at(row, "relation", "MISSING_VALUE", "the relation is empty"))
            return ""
        if row.modifier:
            denied = row.modifier == NOT and said == "kg:related"
            said = f"{row.modifier} {said}"
            found = "no_relationship" if denied else self._words.get(said, "")
        else:
            found = self._words.get(said) or self._words.get(plain(said), "")
        if not found:
            near = nearest(said, self._words)
            hint = f"did you mean {near!r}? " if near else ""
            hint += (
                f"one of: {', '.join(dict.fromkeys(self._words))}; or say what it means: --relation '{said}=related'"
            )
            self.unknown.append(
                self.at(row, "relation", "UNKNOWN_RELATION", f"the relation {said!r} is not known", hint)
            )
            return ""
        return spread(found, row.sources, row.targets)

    def at(self, row: Row, name: str, code: str, message: str, hint: str = "") -> Finding:
        """An error in the cell of a field."""
        return finding(self.incoming.path, row, name, code, message, hint)

    def assertion(self, row: Row, set_id: str, ordinal: int) -> Assertion | None:
        """A row as an assertion of a set; its source's line is ``ordinal``, by which findings are brought back to the
        cell."""
        before = len(self.findings) + len(self.unknown)
        subject, object_ = self.id(row, "subject"), self.id(row, "object")
        relation = self.relation(row)
        if row.kind and row.kind not in KINDS:
            near = nearest(row.kind, KINDS)
            hint = f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(KINDS)}"
            self.findings.append(
                self.at(row, "kind", "BAD_VALUE", f"the rationale kind {row.kind!r} is not known", hint)
            )
        if row.method and row.method not in set(Method):
            hint = f"one of: {', '.join(Method)}"
            self.findings.append(self.at(row, "method", "BAD_VALUE", f"the method {row.method!r} is not known", hint))
        strength = self._number(row, "strength", row.strength, 10)
        confidence = self._number(row, "confidence", row.confidence, 1)
        own: list[Finding] = []
        day = parse_date(Reporter(self.incoming.path, own), row.line, "the date", row.date)
        self.findings += [replace(f, cell=row.where("date")) for f in own]
        for side, id_, label in (("subject", subject, row.subject_label), ("object", object_, row.object_label)):
            ours = self.incoming.kind is not Kind.SSSOM or bool(self.incoming.about.get("set"))
            if id_ and label and ours and label != self.release.title(id_):
                message = f"{id_} is {self.release.title(id_)!r}, not {label!r}"
                hint = "is the id right? then mend the title, or empty it"
                self.findings.append(self.at(row, f"{side}_label", "LABEL_MISMATCH", message, hint))
        if len(self.findings) + len(self.unknown) > before:
            return None
        return Assertion(
            set_id=set_id,
            subject=subject,
            relation=relation,
            object=object_,
            rationale_kind=RationaleKind(row.kind or RationaleKind.FUNCTIONAL),
            rationale=row.rationale,
            strength=None if strength is None else round(strength),
            confidence=confidence,
            method=Method(row.method) if row.method else self.declared.method or Method.HUMAN,
            date=day,
            subject_version=row.subject_version,
            object_version=row.object_version,
            citation=row.citation,
            note=row.note,
            source=Source(self.incoming.path, ordinal),
        )

    def _number(self, row: Row, name: str, text: str, high: float) -> float | None:
        own: list[Finding] = []
        found = parse_number(Reporter(self.incoming.path, own), row.line, f"the {name}", text, 0, high)
        if found is not None and name == "strength" and found != round(found):
            own.append(self.at(row, name, "BAD_VALUE", f"the strength {text!r} is not a whole number from 0 to 10"))
        self.findings += [replace(f, cell=row.where(name)) for f in own]
        return found


def plan(incoming: Incoming, release: Release, declared: Declared) -> Planned:
    """A file as a mapping set of its own.

    Raises :class:`~kg.errors.UsageError` naming everything that is still to be declared, and
    :class:`~kg.errors.InputError` with every finding of the rows.
    """
    _of_one_set(incoming)
    mapping_set = planned_set(incoming, release, declared)
    reader = Reader(incoming, release, declared)
    found: list[tuple[Row, Assertion]] = []
    for ordinal, row in enumerate(incoming.rows):
        assertion = reader.assertion(row, mapping_set.id, ordinal)
        if assertion is not None:
            found.append((row, assertion))
    skipped = 0
    warnings = list(incoming.findings)
    if declared.skip_unknown:
        skipped = len(incoming.rows) - len(found)
        warnings += [replace(f, severity="warning") for f in reader.unknown]
    else:
        reader.findings += reader.unknown
    if reader.findings:
        raise InputError([*sorted(reader.findings, key=_place), *warnings])
    if not found:
        raise InputError([Finding(incoming.path, 0, "EMPTY_FILE", "no row is left that can be read"), *warnings])
    _texts_declared(release, declared, [a for _, a in found])
    kept, repeated = _once(incoming.rows, [_with_texts(a, release, declared) for _, a in found])
    warnings += checked(release, incoming, mapping_set, kept)
    justifications = [incoming.rows[a.source.line].justification or _UNSTATED for a in kept]
    made = assembled(mapping_set, kept, justifications, release, warnings)
    return replace(made, skipped=skipped, repeated=repeated)


def _of_one_set(incoming: Incoming) -> None:
    """Raises for rows of several sets, which have several authorities and licences, and may say the same twice."""
    counts = Counter(row.set_id for row in incoming.rows if row.set_id)
    if len(counts) > 1:
        said = ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))
        hint = "import them one by one: where they are from, `kg export SET -o SET.sssom.tsv` writes each"
        raise UsageError(f"the rows are of several sets, and a set of its own is made of one: {said}", hint)


def assembled(
    mapping_set: MappingSet,
    rows: Sequence[Assertion],
    justifications: Sequence[str],
    release: Release,
    warnings: Iterable[Finding],
) -> Planned:
    """Checked rows as a set and its file, which the loader's own reader reads back as what was meant."""
    cells = [row_cells(m, release, j) for m, j in zip(rows, justifications, strict=True)]
    text = sssom_text(_header(mapping_set), cells)
    _must_read(text, mapping_set, rows)
    return Planned(mapping_set, tuple(rows), tuple(justifications), text, 0, 0, tuple(dict.fromkeys(warnings)))


def _place(found: Finding) -> tuple[int, str, str]:
    return (found.line, found.code, found.cell)


def planned_set(incoming: Incoming, release: Release, declared: Declared) -> MappingSet:
    """The set that a person declares, with what the file says of itself where they are silent.

    Raises :class:`~kg.errors.UsageError` naming everything that nobody says.
    """
    about = incoming.about
    licence = declared.licence or about.get("licence", "")
    title = declared.title or about.get("title", "")
    asked = [
        (declared.set_id, "--set ID", "the set's id"),
        (declared.authority, f"--authority {'|'.join(AUTHORITIES)}", "who stands behind it"),
        (licence, "--licence ADDRESS", "its licence"),
        (title, "--title TEXT", "its title"),
    ]
    missing = [(option, what) for value, option, what in asked if not value]
    if missing:
        message = f"nobody has said {', '.join(what for _, what in missing)}"
        # Whom to trust is decided by who imports; what the file says of itself is only told.
        says = [about["set"].rpartition("/")[2]] if "set" in about else []
        says += [f"authority {about['authority']}"] if "authority" in about else []
        told = f"; of itself the file says: {', '.join(says)}" if says else ""
        raise UsageError(message, f"declare it: {' '.join(option for option, _ in missing)}{told}")
    if not declared.set_id.replace("-", "").replace(".", "").isalnum() or declared.set_id != declared.set_id.lower():
        raise UsageError(
            f"{declared.set_id!r} cannot be a set's id", "lower case letters, digits, dots, hyphens: --set"
        )
    if declared.set_id in release.sets:
        raise UsageError(f"the graph has a mapping set {declared.set_id!r} already", "give it another id with --set")
    assert declared.authority is not None
    return MappingSet(
        id=declared.set_id,
        title=title,
        authority=declared.authority,
        licence=licence,
        description=declared.description or about.get("description", ""),
        publisher=declared.publisher or about.get("publisher", ""),
        source_url=declared.url or about.get("url", ""),
        version=about.get("version", ""),
    )


def _header(mapping_set: MappingSet) -> dict[str, str]:
    return {
        "mapping_set_id": set_iri(mapping_set.id),
        "mapping_set_title": mapping_set.title,
        "mapping_set_version": mapping_set.version,
        "mapping_set_description": mapping_set.description,
        "mapping_set_source": mapping_set.source_url,
        "publisher": mapping_set.publisher,
        "authority": mapping_set.authority.value,
        "license": mapping_set.licence,
    }


def _texts_declared(release: Release, declared: Declared, rows: Iterable[Assertion]) -> None:
    """Every framework with several texts has one named, by the row or the person."""
    for name, text in declared.texts.items():
        framework = release.framework(name)
        known = [v.date.isoformat() for v in framework.text_versions]
        if text not in known:
            hint = f"one of: {', '.join(known)}"
            raise UsageError(f"{framework.id} has no text of {text!r}", hint)
    silent = set()
    for m in rows:
        for id_, version in ((m.subject, m.subject_version), (m.object, m.object_version)):
            framework = release.frameworks.get(prefix_of(id_))  # type: ignore[assignment]
            if framework and len(framework.text_versions) > 1 and not version and framework.id not in declared.texts:
                silent.add(framework.id)
    if silent:
        said = "; ".join(
            f"--text-version {name}={' or '.join(v.date.isoformat() for v in release.frameworks[name].text_versions)}"
            for name in sorted(silent)
        )
        names = " and ".join(sorted(silent))
        raise UsageError(f"the file does not say on which text of {names} it was judged", f"declare it: {said}")


def _with_texts(m: Assertion, release: Release, declared: Declared) -> Assertion:
    versions = []
    for id_, version in ((m.subject, m.subject_version), (m.object, m.object_version)):
        framework = prefix_of(id_)
        several = framework in release.frameworks and len(release.frameworks[framework].text_versions) > 1
        versions.append(version if version or not several else declared.texts.get(framework, ""))
    return replace(m, subject_version=versions[0], object_version=versions[1])


def _once(rows: Sequence[Row], found: Sequence[Assertion]) -> tuple[list[Assertion], int]:
    """Each assertion once: one that is said again, or the other way round, is left out; one that is said differently
    stays and becomes a finding."""
    said: dict[tuple[str, str, str, int], Assertion] = {}
    kept: list[Assertion] = []
    for m in found:
        same = (m.subject, m.object, m.rationale_kind.value, m.mask)
        turned = (m.object, m.subject, m.rationale_kind.value, inverse(m.mask))
        plain_again = same in said and _told(said[same]) == _told(m)
        if plain_again or turned in said:
            continue
        said.setdefault(same, m)
        kept.append(m)
    return kept, len(found) - len(kept)


def _told(m: Assertion) -> tuple[object, ...]:
    return (m.rationale, m.strength, m.confidence, m.note)


#: Where a finding of the loader's rules belongs in a row.
_CELLS = {"RETIRED_ID": "subject", "DUPLICATE_ROW": "object", "SELF_MAPPING": "object", "BAD_VALUE": "subject"}


def checked(
    release: Release,
    incoming: Incoming,
    mapping_set: MappingSet,
    rows: Sequence[Assertion],
    *,
    instead: Sequence[Assertion] | None = None,
) -> list[Finding]:
    """The loader's own rules over the release with ``rows`` in it; the warnings, each in the line it is about.

    ``instead`` are the release's other assertions where some are replaced.  Raises
    :class:`~kg.errors.InputError` with every finding if any is an error.
    """
    path = incoming.path
    sets = [s for s in release.sets.values() if s.id != mapping_set.id]
    content = Content(
        frameworks=list(release.frameworks.values()),
        rules=list(release.rules.values()),
        provisions=list(release.provisions.values()),
        catalogues=list(release.catalogues.values()),
        controls=list(release.controls.values()),
        joints=list(release.joints.values()),
        threats=list(release.threats.values()),
        sets=[*sets, mapping_set],
        mappings=[*(release.mappings if instead is None else instead), *rows],
        curators={reviewer for m in release.mappings for reviewer in m.reviewers},
    )
    found: list[Finding] = []
    for f in check(content):
        if f.path != path:
            continue
        row = incoming.rows[f.line]
        cell = row.where(_CELLS.get(f.code, "relation"))
        found.append(replace(f, line=row.line, cell=cell, message=f.message, hint=_own_lines(f.hint, incoming)))
    if any(f.severity == "error" for f in found):
        raise InputError(sorted(found))
    return sorted(found)


def _own_lines(hint: str, incoming: Incoming) -> str:
    """A hint that names another row of the file by its ordinal, with its line or cell instead."""
    head, mark, rest = hint.partition(f"{incoming.path}:")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if not mark or not digits:
        return hint
    other = incoming.rows[int(digits)]
    place = f"{incoming.path}:{other.line}" if other.line else other.where("subject").rpartition("/")[0]
    return f"{head}{place}{rest[len(digits) :]}"


def row_cells(m: Assertion, release: Release, justification: str) -> dict[str, str]:
    """An assertion as the cells of a SSSOM row."""
    predicate, modifier = predicate_of(m.relation)
    return {
        "subject_id": m.subject,
        "subject_label": release.title(m.subject),
        "predicate_id": predicate,
        "predicate_modifier": modifier,
        "object_id": m.object,
        "object_label": release.title(m.object),
        "mapping_justification": justification,
        "confidence": "" if m.confidence is None else f"{m.confidence:g}",
        "rationale_kind": m.rationale_kind.value,
        "strength": "" if m.strength is None else str(m.strength),
        "method": m.method.value,
        "rationale": m.rationale,
        "subject_source_version": m.subject_version,
        "object_source_version": m.object_version,
        "mapping_date": m.date.isoformat() if m.date else "",
        "reviewer_id": "|".join(m.reviewers),
        "see_also": m.citation,
        "comment": m.note,
    }


def _must_read(text: str, mapping_set: MappingSet, rows: Sequence[Assertion]) -> None:
    """What was written reads back as what was meant, through the loader's own reader."""
    content, findings = Content(), list[Finding]()
    read_sssom(Path(mapping_set.id), mapping_set.id, content, Reporter(mapping_set.id, findings), text.encode())
    if findings:
        raise InputError(findings)
    assert Counter(content.mappings) == Counter(rows)


def write_folder(planned: Planned, folder: Path) -> Path:
    """The set as ``folder/mappings/ID.sssom.tsv``, put there whole.

    Raises :class:`~kg.errors.UsageError` where the folder cannot be written.
    """
    target = folder / "mappings" / f"{planned.mapping_set.id}.sssom.tsv"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".import.", delete=False) as trial:
            trial.write(planned.text.encode())
        Path(trial.name).chmod(0o644)
        Path(trial.name).replace(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{folder} cannot be written: {why}", "choose another folder with -o") from None
    return target


def by_relation(rows: Iterable[Assertion]) -> dict[str, int]:
    """How many rows say what, in the order of :data:`~kg.relations.RELATIONS`."""
    counted: defaultdict[str, int] = defaultdict(int)
    for m in rows:
        counted[m.relation] += 1
    return {word: counted[word] for word in RELATIONS if counted[word]}
