"""Controls from files of other tools, told apart by what is in them.

    read_any(path, release)                   → Incoming: the controls, and which format they were in
    read_any(Path(name), release, content=…)  the same of bytes that came with a request

* our own table (CSV, XLSX; :mod:`kg.organizations.controls`);
* **ciso-assistant**: an audit of CISO Assistant as CSV or XLSX.  Its columns are those of that tool's data import
  guide (intuitem/ciso-assistant-community, docs/guide/data-import-wizard.md, "Audits"): urn, assessable, ref_id, name,
  description, compliance_result, requirement_progress, score, observations;
* **oscal**: an OSCAL component definition (JSON or YAML), one control for each implemented requirement;
* **sssom**: an SSSOM table whose subjects are the organisation's own controls: mappings for controls it keeps.

Every format is read strictly: whatever is not understood is a finding with its place, all at once, and nothing is
guessed.  A reference is mapped only within a framework that the file names, or that the person names beside it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from kg.errors import Finding, InputError, UnknownIdError, nearest
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations.controls import (
    Sheet,
    Table,
    decoded_text,
    file_bytes,
    parse_table,
    read_table,
    target_kind,
)
from kg.organizations.imports import with_rows
from kg.relations import RELATIONS, SUPERSET_OF, sentence
from kg.release import Release
from kg.sources.content import Content, Reporter
from kg.sources.sssom import read_sssom

__all__ = ["COMPLIANCE", "Format", "Incoming", "read_any", "structured"]

_MOST_BYTES = 32 * 1024 * 1024  #: of a structured file: some thousand controls are a few megabytes
_MOST_NODES = 1_000_000  #: of a structured file once aliases are followed: a bomb has more
_DEEPEST = 200  #: levels of a YAML file: libyaml's composer overruns the stack of the process some thousands down
_ALIASED = re.compile(r"(?m)[:\-\[,{]\s*[&*][A-Za-z0-9_]")
_DEEP_BLOCK = re.compile(rf"(?m)^[ \t?:-]{{{_DEEPEST // 2}}}")  #: two levels need at least one column more


class Format(StrEnum):
    """What a file of controls is."""

    TABLE = "table"
    CISO_ASSISTANT = "ciso-assistant"
    OSCAL = "oscal"
    SSSOM = "sssom"


@dataclass(frozen=True, slots=True)
class Incoming:
    """The controls of a file, ready for :func:`~kg.organizations.imports.plan_import`."""

    format: Format
    sheet: Sheet


def read_any(
    path: Path,
    release: Release,
    *,
    current: Sequence[Control] = (),
    framework: str | None = None,
    systems: Collection[str] | None = None,
    content: bytes | None = None,
) -> Incoming:
    """The controls in a file of any format that is known.

    With ``content`` nothing is opened: ``path`` is only the name under which the bytes came, and findings name it.
    ``current`` are the controls kept already, which an SSSOM table speaks of; ``framework`` is the framework that the
    references of an audit or a component definition belong to, where the file itself does not name one of the release.
    Raises :class:`~kg.errors.InputError` with every finding.
    """
    suffix = path.suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return Incoming(Format.OSCAL, _component_definition(path, release, framework, content))
    if suffix in (".tsv", ".csv", ".txt"):
        text = decoded_text(str(path), file_bytes(path, content))
        first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
        if {"subject_id", "object_id"} <= {cell.strip().strip('"') for cell in re.split(r"[\t,]", first)}:
            return Incoming(Format.SSSOM, _own_mappings(path, release, current, content))
    table = read_table(path, content)
    if _is_audit(table):
        return Incoming(Format.CISO_ASSISTANT, _audit(table, release, framework))
    return Incoming(Format.TABLE, parse_table(table, release, systems))


# ------------------------------------------------------------------ references


class _References:
    """Turns another tool's references into ids of one framework, and counts what it cannot."""

    def __init__(self, release: Release, framework: str | None) -> None:
        self._release = release
        self._framework = None if framework is None else release.framework(framework).id

    def framework(self, named: str) -> str:
        """The framework that a file names: its id, its address, or the one the person says."""
        if self._framework is not None:
            return self._framework
        name = named.strip().rstrip("/").casefold()
        for f in self._release.frameworks.values():
            texts = {v.url.rstrip("/").casefold() for v in f.text_versions if v.url}
            if name and name in {f.id, f"kgfw:{f.id}", f.url.rstrip("/").casefold(), *texts}:
                return f.id
        return ""

    def target(self, framework: str, ref: str) -> str:
        """The provision a reference names, or nothing."""
        try:
            found = self._release.resolve(ref, framework)
        except UnknownIdError:
            return ""
        return found if found in self._release.provisions else ""


def _preview(controls: Sequence[Control], release: Release) -> tuple[str, ...]:
    return tuple(
        sentence(c.id, row.mask, f"{row.target} ({release.title(row.target)})") for c in controls for row in c.rows
    )


def _duplicates(path: str, ids: Sequence[tuple[str, int, str]]) -> Iterator[Finding]:
    counted = Counter(id_ for id_, _, _ in ids)
    seen: set[str] = set()
    for id_, line, cell in ids:
        if counted[id_] > 1 and id_ in seen:
            yield Finding(path, line, "DUPLICATE_CONTROL", f"{id_} stands more than once", "one row a control", cell)
        seen.add(id_)


def _told(findings: Sequence[Finding]) -> None:
    if any(f.severity == "error" for f in findings):
        raise InputError(sorted(findings, key=lambda f: f.line))


# ------------------------------------------------------------------ CISO Assistant

#: Result of a requirement in CISO Assistant → status.  ``not_assessed`` says nothing and makes no control.
COMPLIANCE: dict[str, ControlStatus | None] = {
    "compliant": ControlStatus.IMPLEMENTED,
    "partially_compliant": ControlStatus.PARTIAL,
    "non_compliant": ControlStatus.PLANNED,
    "not_applicable": ControlStatus.NOT_APPLICABLE,
    "not_assessed": None,
}
_AUDIT = (
    "urn", "assessable", "ref_id", "name", "description", "compliance_result", "requirement_progress", "score",
    "observations",
)  # fmt: skip
#: The framework's name inside a URN of CISO Assistant → ours.  Looked up in its library files, not guessed.
_LIBRARIES = {"ai-act": "eu-ai-act"}
_TRUE = {"true", "1", "yes", "x"}
_FALSE = {"false", "0", "no", ""}


def _is_audit(table: Table) -> bool:
    headings = {h.strip().casefold() for h in table.header}
    return {"ref_id", "compliance_result"} <= headings


def _audit(table: Table, release: Release, framework: str | None) -> Sheet:
    """One control for each requirement that was assessed.

    The result speaks of the very requirement that the row names, so the control is read as doing all that it asks, to
    the degree of its status; the preview says each as a sentence.
    """
    findings: list[Finding] = list(table.findings)
    columns: dict[str, int] = {}
    for index, heading in enumerate(table.header):
        name = heading.strip().casefold()
        if name in columns:
            cell = table.cell(table.header_line, index)
            message = f"the column {name!r} stands twice"
            findings.append(Finding(table.path, table.header_line, "DUPLICATE_COLUMN", message, "keep one", cell))
        elif name in _AUDIT:
            columns[name] = index
    references = _References(release, framework)
    controls: list[Control] = []
    ids: list[tuple[str, int, str]] = []
    silent = 0
    unknown: list[str] = []
    homeless = 0
    for line, cells in table.rows:
        row = {name: cells[i].strip() if i < len(cells) else "" for name, i in columns.items()}
        if not any(row.values()):
            continue
        places = {name: table.cell(line, i) for name, i in columns.items()}
        assessable = row.get("assessable", "true").casefold()
        if assessable not in _TRUE | _FALSE:
            message = f"assessable {assessable!r} is neither true nor false"
            findings.append(Finding(table.path, line, "BAD_VALUE", message, "", places["assessable"]))
        result = row["compliance_result"].casefold().replace(" ", "_").replace("-", "_")
        if result and result not in COMPLIANCE:
            near = nearest(result, COMPLIANCE)
            hint = f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(COMPLIANCE)}"
            message = f"the result {row['compliance_result']!r} is not known"
            findings.append(Finding(table.path, line, "UNKNOWN_STATUS", message, hint, places["compliance_result"]))
            continue
        status = COMPLIANCE.get(result)
        if assessable in _FALSE and "assessable" in row and status is None:
            continue
        if status is None:
            silent += 1
            continue
        ref = row["ref_id"] or row.get("urn", "").rpartition(":")[2]
        if not ref:
            message = "the row names no requirement"
            findings.append(Finding(table.path, line, "MISSING_VALUE", message, "fill ref_id or urn", places["ref_id"]))
            continue
        description = row.get("description", "")
        title = row.get("name") or (description.splitlines() or [""])[0][:120] or ref
        home = _home(row.get("urn", ""), references)
        target = references.target(home, ref) if home else ""
        if home and not target:
            unknown.append(f"{ref} (line {line})")
        homeless += not home
        rows = (ControlRow(target, SUPERSET_OF),) if target else ()
        controls.append(Control(ref, title, status, rows=rows, description=description))
        ids.append((ref, line, places["ref_id"]))
    findings += _duplicates(table.path, ids)
    _told(findings)
    if not controls and not silent:
        raise InputError.one(table.path, "EMPTY_FILE", "no requirement of the audit is assessed")
    for count, code, message, hint in (
        (silent, "NOT_ASSESSED", f"{silent} requirements are not assessed and make no control", ""),
        (len(unknown), "UNKNOWN_ID", f"{len(unknown)} references are not in the framework and are not mapped: "
         f"{', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}", "`kg suggest` proposes mappings"),
        (homeless, "NO_FRAMEWORK", f"{homeless} rows do not say of which framework of this release they are, and are "
         "not mapped", f"name it beside the file: one of {', '.join(release.frameworks)}"),
    ):  # fmt: skip
        if count:
            findings.append(Finding(table.path, 0, code, message, hint, severity="warning"))
    standing = {id_: (table.path, line, cell) for id_, line, cell in ids}
    said = ("id", "title", "description", "status", "mappings")
    return Sheet(tuple(controls), tuple(findings), _preview(controls, release), said, standing)


def _home(urn: str, references: _References) -> str:
    """The framework of a URN such as ``urn:intuitem:risk:req_node:ai-act:15.1``."""
    parts = urn.split(":")
    name = parts[4] if len(parts) > 5 else ""
    return references.framework(_LIBRARIES.get(name, name))


# ------------------------------------------------------------------ SSSOM


def _own_mappings(path: Path, release: Release, current: Sequence[Control], data: bytes | None) -> Sheet:
    """Mappings of controls that are kept: ``subject_id`` is the control's id, with or without a prefix."""
    shown = str(path)
    content, findings = Content(), list[Finding]()
    read_sssom(path, shown, content, Reporter(shown, findings), file_bytes(path, data))
    kept = {c.id: c for c in current}
    rows: defaultdict[str, dict[str, ControlRow]] = defaultdict(dict)
    for m in content.mappings:
        line = m.source.line
        id_ = m.subject if m.subject in kept else m.subject.partition(":")[2]
        if id_ not in kept:
            near = nearest(id_ or m.subject, kept)
            hint = f"did you mean {near}?" if near else f"{len(kept)} controls are kept: import them first"
            message = f"no control {m.subject!r} is kept"
            findings.append(Finding(shown, line, "UNKNOWN_CONTROL", message, hint, "subject_id"))
            continue
        try:
            target = release.resolve(m.object)
        except UnknownIdError as error:
            findings.append(Finding(shown, line, error.code, error.message, error.hint, "object_id"))
            continue
        if wrong := target_kind(release, target):
            hint = "a control is mapped to a reference control, a joint node or a provision"
            findings.append(Finding(shown, line, "WRONG_KIND", f"{target} is {wrong}", hint, "object_id"))
        elif target in rows[id_]:
            message = f"{id_} is mapped to {target} twice"
            findings.append(Finding(shown, line, "DUPLICATE_MAPPING", message, "keep the one that holds", "object_id"))
        else:
            rows[id_][target] = ControlRow(target, RELATIONS[m.relation])
    for source in [link.source for link in content.threat_links] + [link.source for link in content.references]:
        message = "the predicate is not a relation between a control and a requirement"
        hint = f"one of: {', '.join('kg:' + r for r in RELATIONS if r != 'no_relationship')}"
        findings.append(Finding(shown, source.line, "UNKNOWN_RELATION", message, hint, "predicate_id"))
    _told(findings)
    sheet = with_rows(current, {id_: tuple(found.values()) for id_, found in rows.items()})
    named = [replace(c, rows=tuple(rows[c.id].values())) for c in sheet.controls]
    return replace(sheet, findings=tuple(findings), preview=_preview(named, release))


# ------------------------------------------------------------------ OSCAL


def structured(path: Path, content: bytes | None = None) -> Any:
    """What a JSON or YAML file says: bounded in size, no aliases that grow, no tags, no key twice.  With ``content``
    nothing is opened.

    Raises :class:`~kg.errors.InputError` with the line.
    """
    shown, data = str(path), file_bytes(path, content)
    if len(data) > _MOST_BYTES:
        raise InputError.one(shown, "UNREADABLE", f"the file is larger than {_MOST_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError.one(shown, "ENCODING", f"byte {error.start} is not UTF-8", line=line) from None
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        if _ALIASED.search(text) or _DEEP_BLOCK.search(text) or text.count("[") + text.count("{") > _DEEPEST:
            _refuse_bombs(shown, text)
        return yaml.load(text, Loader=_loader())
    except json.JSONDecodeError as error:
        raise InputError.one(shown, "SYNTAX", f"this is not JSON: {error.msg}", line=error.lineno) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why, line = getattr(error, "problem", None) or "unreadable", mark.line + 1 if mark else 0
        # From libyaml 0.2.6 on the scanner has a limit of its own, which it may meet before the first event.
        message = "the file is nested too deeply" if "nesting depth" in why else f"this is not YAML: {why}"
        raise InputError.one(shown, "SYNTAX", message, line=line) from None
    except RecursionError:
        raise InputError.one(shown, "SYNTAX", "the file is nested too deeply") from None


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_bombs(shown: str, text: str) -> None:
    """Refuse a YAML text that is nested too deeply, or whose aliases unfold to more than a file of this kind can
    hold."""
    size: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_loader()):
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            total += size.get(str(anchor), 1)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            opened.append((anchor, total))
            total += 1
            if len(opened) > _DEEPEST:
                raise RecursionError
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            name, before = opened.pop()
            if name:
                size[name] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
        if total > _MOST_NODES:
            raise InputError.one(shown, "UNREADABLE", "the aliases of the file unfold to more than it may hold")


def _component_definition(path: Path, release: Release, framework: str | None, content: bytes | None) -> Sheet:
    """One control for each implemented requirement of a component definition (OSCAL 1.1)."""
    shown, found = str(path), structured(path, content)
    root = found.get("component-definition") if isinstance(found, Mapping) else None
    if not isinstance(root, Mapping):
        kinds = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        hint = "an OSCAL component definition has `component-definition` at the top; catalogs and libraries are read "
        hint += "by `kg import oscal-catalog` and `kg import ciso-library`"
        raise InputError.one(shown, "UNREADABLE", f"this is not a component definition; found: {kinds[:100]}", hint)
    findings: list[Finding] = []
    references = _References(release, framework)
    controls: list[Control] = []
    ids: list[tuple[str, int, str]] = []
    for place, component, implementation, item in _requirements(root, shown, findings):
        control_id = _text_of(item, "control-id", shown, place, findings)
        label = _prop(item, "label") or str(item.get("uuid") or "")
        if not label:
            message = "the implemented requirement has neither a label nor a uuid"
            findings.append(Finding(shown, 0, "MISSING_VALUE", message, "OSCAL asks for a uuid", place))
        status = _prop(item, "implementation-status")
        if status not in set(ControlStatus):
            near = nearest(status, ControlStatus) if status else ""
            code = "UNKNOWN_STATUS" if status else "MISSING_STATUS"
            message = f"the status {status!r} is not known" if status else "no prop says the implementation-status"
            hint = f"{f'did you mean {near}? ' if near else ''}one of: {', '.join(ControlStatus)}"
            findings.append(Finding(shown, 0, code, message, hint, f"{place}/props"))
            continue
        home = references.framework(str(implementation.get("source") or ""))
        target = references.target(home, control_id) if home and control_id else ""
        if not target and control_id:
            why = f"is not in {home}" if home else "belongs to a source that is no framework of this release"
            hint = "`kg suggest` proposes mappings" if home else "name the framework beside the file"
            message = f"{control_id} {why} and is not mapped"
            findings.append(Finding(shown, 0, "UNKNOWN_ID", message, hint, place, severity="warning"))
        said = [str(item.get("description") or "")]
        said += [str(s.get("description") or "") for s in _list(item.get("statements"), shown, place, findings)]
        controls.append(
            Control(
                id=label,
                title=f"{component.get('title') or 'Component'}: {control_id}",
                status=ControlStatus(status),
                rows=(ControlRow(target, SUPERSET_OF),) if target else (),
                description="\n".join(filter(None, said)),
            )
        )
        ids.append((label, 0, place))
    findings += _duplicates(shown, ids)
    _told(findings)
    if not controls:
        raise InputError.one(shown, "EMPTY_FILE", "the component definition implements no requirement")
    standing = {id_: (shown, line, cell) for id_, line, cell in ids}
    columns = ("id", "title", "description", "status", "mappings")
    return Sheet(tuple(controls), tuple(findings), _preview(controls, release), columns, standing)


def _requirements(
    root: Mapping[str, Any], shown: str, findings: list[Finding]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Each implemented requirement with its place, its component and its control implementation."""
    kinds = ("components", "capabilities")
    for kind in kinds:
        for i, component in enumerate(_list(root.get(kind), shown, kind, findings)):
            above = f"{kind}[{i}]/control-implementations"
            for j, done in enumerate(_list(component.get("control-implementations"), shown, above, findings)):
                here = f"{above}[{j}]/implemented-requirements"
                for k, item in enumerate(_list(done.get("implemented-requirements"), shown, here, findings)):
                    yield f"{here}[{k}]", component, done, item


def _list(value: Any, shown: str, place: str, findings: list[Finding]) -> list[Mapping[str, Any]]:
    """A list of objects; anything else is a finding."""
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return value
    findings.append(Finding(shown, 0, "BAD_VALUE", "a list of objects should stand here", "", place))
    return []


def _text_of(item: Mapping[str, Any], key: str, shown: str, place: str, findings: list[Finding]) -> str:
    value = item.get(key)
    if isinstance(value, str) and value.strip():
        return value.strip()
    findings.append(Finding(shown, 0, "MISSING_VALUE", f"there is no {key}", "", place))
    return ""


def _prop(item: Mapping[str, Any], name: str) -> str:
    props = item.get("props")
    for prop in props if isinstance(props, list) else ():
        if isinstance(prop, Mapping) and prop.get("name") == name:
            return str(prop.get("value") or "").strip()
    return ""
