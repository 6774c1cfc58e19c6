"""Another's framework as a data folder: an OSCAL catalog or a library of CISO Assistant → ``frameworks/NAME.csv``.

    read_oscal_catalog(path)             → Library
    read_ciso_library(path)              → Library
    write_library(library, name, dir)    the node list, checked as ``kg lint`` does before it is put in place

Texts are taken over as they stand in the user's own copy, under the licence that the file or the user names; nothing of
them is shipped.  An enhancement of OSCAL stands beside its control, not below it, because it adds to the control and is
no part of it; withdrawn controls are left out and counted.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.errors import Finding, InputError, UsageError
from kg.organizations.formats import structured
from kg.sources import lint
from kg.sources.nodelist import NODE_COLUMNS

__all__ = ["Library", "Node", "read_ciso_library", "read_oscal_catalog", "write_library"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a framework, in reading order; ``parent`` is empty at the top."""

    id: str
    parent: str
    level: int
    kind: str
    ref: str
    title: str
    assessable: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Library:
    """A framework as it was read.  ``left_out`` counts what was withdrawn."""

    title: str
    publisher: str
    version: str
    licence: str
    url: str
    nodes: tuple[Node, ...]
    left_out: int = 0


def read_oscal_catalog(path: Path) -> Library:
    """An OSCAL catalog (JSON or YAML).  Raises :class:`~kg.errors.InputError` with every finding."""
    shown, found = str(path), structured(path)
    root = found.get("catalog") if isinstance(found, Mapping) else None
    if not isinstance(root, Mapping):
        raise InputError.one(shown, "UNREADABLE", "this is not an OSCAL catalog", "it has no `catalog` at the top")
    about = root.get("metadata")
    about = about if isinstance(about, Mapping) else {}
    reader = _Catalog(shown)
    reader.group(root, "", 0, "catalog")
    _check(shown, reader.nodes, reader.findings)
    day = re.match(r"\d{4}-\d\d-\d\d", str(about.get("last-modified") or ""))
    return Library(
        title=_line(about.get("title")) or path.stem,
        publisher=_publisher(about),
        version=day[0] if day else "",
        licence="",
        url="",
        nodes=tuple(reader.nodes),
        left_out=reader.withdrawn,
    )


class _Catalog:
    """Walks the groups and controls of a catalog."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.nodes: list[Node] = []
        self.findings: list[Finding] = []
        self.withdrawn = 0

    def group(self, group: Mapping[str, Any], parent: str, level: int, place: str) -> None:
        """The controls of a group, and the groups in it."""
        for index, control in enumerate(self._items(group, "controls", place)):
            self.control(control, parent, level + 1, f"{place}/controls[{index}]")
        for index, inner in enumerate(self._items(group, "groups", place)):
            here = f"{place}/groups[{index}]"
            id_ = _line(inner.get("id")) or f"group-{len(self.nodes) + 1}"
            title = self._title(inner, here)
            self.nodes.append(Node(id_, parent, level + 1, "group", _label(inner) or id_, title, False, ""))
            self.group(inner, id_, level + 1, here)

    def control(self, control: Mapping[str, Any], parent: str, level: int, place: str) -> None:
        """A control, and beside it its enhancements."""
        id_ = _line(control.get("id"))
        if not id_:
            self.findings.append(Finding(self.shown, 0, "MISSING_VALUE", "the control has no id", "", place))
        elif _prop(control, "status").casefold() == "withdrawn":
            self.withdrawn += 1
        else:
            text = _line(" ".join(_prose(control.get("parts"))))
            title = self._title(control, place)
            self.nodes.append(Node(id_, parent, level, "control", _label(control) or id_, title, True, text))
        for index, more in enumerate(self._items(control, "controls", place)):
            self.control(more, parent, level, f"{place}/controls[{index}]")

    def _title(self, item: Mapping[str, Any], place: str) -> str:
        title = _line(item.get("title"))
        if not title:
            self.findings.append(Finding(self.shown, 0, "MISSING_VALUE", "there is no title", "", place))
        return title

    def _items(self, item: Mapping[str, Any], key: str, place: str) -> list[Mapping[str, Any]]:
        value = item.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
            return value
        self.findings.append(
            Finding(self.shown, 0, "BAD_VALUE", "a list of objects should stand here", "", f"{place}/{key}")
        )
        return []


def _prose(parts: Any) -> Iterator[str]:
    """The text of a control's statement, its items included; guidance and the rest are not what it asks."""
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mapping) and part.get("name") in ("statement", "item"):
            yield str(part.get("prose") or "")
            yield from _prose(part.get("parts"))


def _publisher(about: Mapping[str, Any]) -> str:
    parties = about.get("parties")
    for party in parties if isinstance(parties, list) else ():
        if isinstance(party, Mapping) and party.get("name"):
            return _line(party["name"])
    return ""


def _prop(item: Mapping[str, Any], name: str) -> str:
    props = item.get("props")
    for prop in props if isinstance(props, list) else ():
        if isinstance(prop, Mapping) and prop.get("name") == name:
            return _line(prop.get("value"))
    return ""


def _label(item: Mapping[str, Any]) -> str:
    return _prop(item, "label")


def read_ciso_library(path: Path) -> Library:
    """A library of CISO Assistant (YAML) that holds a framework.

    Its form is that of intuitem/ciso-assistant-community, backend/library/libraries: ``objects.framework``
    with ``requirement_nodes`` of urn, assessable, depth, parent_urn, ref_id, name, description.  Raises
    :class:`~kg.errors.InputError` with every finding.
    """
    shown, found = str(path), structured(path)
    objects = found.get("objects") if isinstance(found, Mapping) else None
    framework = objects.get("framework") if isinstance(objects, Mapping) else None
    items = framework.get("requirement_nodes") if isinstance(framework, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(items, list):
        hint = "it has no `objects: framework: requirement_nodes:`"
        raise InputError.one(shown, "UNREADABLE", "this is not a CISO Assistant library with a framework", hint)
    findings: list[Finding] = []
    nodes: list[Node] = []
    ids: dict[str, str] = {}
    for index, item in enumerate(items):
        place = f"requirement_nodes[{index}]"
        urn = _line(item.get("urn")) if isinstance(item, Mapping) else ""
        if not urn:
            findings.append(Finding(shown, 0, "MISSING_VALUE", "the node has no urn", "", place))
            continue
        above = _line(item.get("parent_urn"))
        if above and above not in ids:
            message = f"the parent {above} does not stand before it"
            findings.append(Finding(shown, 0, "UNKNOWN_ID", message, "", place))
        assessable = item.get("assessable")
        if not isinstance(assessable, bool):
            findings.append(Finding(shown, 0, "BAD_VALUE", "assessable is neither true nor false", "", place))
        ids[urn] = urn.rpartition(":")[2]
        name, text = _line(item.get("name")), _line(item.get("description"))
        ref = _line(item.get("ref_id")) or ids[urn]
        level = item.get("depth") if isinstance(item.get("depth"), int) else 1
        kind = "requirement" if assessable else "group"
        title = name or (text[:117] + "…" if len(text) > 118 else text) or ref
        nodes.append(Node(ids[urn], ids.get(above, ""), int(level or 1), kind, ref, title, assessable is True, text))
    _check(shown, nodes, findings)
    day = re.match(r"\d{4}-\d\d-\d\d", str(found.get("publication_date") or ""))
    return Library(
        title=_line(found.get("name")) or path.stem,
        publisher=_line(found.get("provider")),
        version=day[0] if day else "",
        licence=_line(found.get("copyright")),
        url="",
        nodes=tuple(nodes),
    )


def _line(value: Any) -> str:
    """A value as text on one line."""
    return " ".join(str(value).split()) if isinstance(value, (str, int, float)) else ""


def _check(shown: str, nodes: list[Node], findings: list[Finding]) -> None:
    seen: set[str] = set()
    for node in nodes:
        if node.id in seen:
            findings.append(Finding(shown, 0, "DUPLICATE_ID", f"{node.id} stands more than once", "", node.ref))
        seen.add(node.id)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._()\-]*", node.id):
            hint = "letters, digits, dots, hyphens"
            findings.append(Finding(shown, 0, "BAD_VALUE", f"{node.id!r} cannot be an id", hint, node.ref))
    if findings:
        raise InputError(findings)
    if not any(node.assessable for node in nodes):
        raise InputError.one(shown, "EMPTY_FILE", "the file holds no requirement")


def write_library(library: Library, name: str, folder: Path, *, licence: str = "") -> Path:
    """The node list of a library as ``folder/frameworks/name.csv``, loaded once on trial before it is put there.

    Raises :class:`~kg.errors.UsageError` where no licence is known or the folder cannot be written, and
    :class:`~kg.errors.InputError` with the findings of the trial.
    """
    licence = _line(licence) or library.licence
    if not licence:
        raise UsageError("the file names no licence", "say it with --licence: its address, or its name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", name):
        raise UsageError(f"{name!r} cannot be a framework's id", "lower case letters, digits, dots, hyphens: --name")
    text = _node_list(library, licence)
    try:
        (folder / "frameworks").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".import.") as trial:
            staged = Path(trial) / "frameworks" / f"{name}.csv"
            staged.parent.mkdir()
            staged.write_text(text, encoding="utf-8")
            errors = [f for f in lint([Path(trial)]) if f.severity == "error"]
            if errors:
                raise InputError(errors)
            target = folder / "frameworks" / f"{name}.csv"
            staged.replace(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{folder} cannot be written: {why}", "choose another folder with -o") from None
    return target


def _node_list(library: Library, licence: str) -> str:
    out = io.StringIO()
    about = (("title", library.title), ("publisher", library.publisher), ("version", library.version),
             ("licence", licence), ("url", library.url))  # fmt: skip
    for key, value in about:
        if value:
            out.write(f"# {key}: {value}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NODE_COLUMNS)
    for n in library.nodes:
        said = "true" if n.assessable else "false"
        writer.writerow((n.id, n.parent, n.level, n.kind, n.ref, n.title, said, n.summary))
    return out.getvalue()
