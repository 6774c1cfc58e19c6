"""Mappings in JSON and YAML: OSCAL mapping collections, mapping sets of CISO Assistant, and our own JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kg.errors import Finding, InputError
from kg.importers.mappings.rows import Incoming, Kind, Row, line_of_text
from kg.importers.mappings.words import CISO, KINDS, OSCAL, OWN, plain
from kg.model import Method
from kg.relations import RELATIONS
from kg.terms import BASE

__all__ = ["LIBRARIES", "read_ciso", "read_crosswalk_json", "read_oscal"]

_OSCAL_NS = "http://csrc.nist.gov/ns/oscal"
#: The name of a framework in the URNs of CISO Assistant → ours.  Looked up in its library files, not guessed.
LIBRARIES = {"ai-act": "eu-ai-act"}
_METHODS = {m.value for m in Method}
#: OSCAL's words; under our namespace also our own, and after ``kg:`` what an export of ours says exactly.
_OSCAL_WORDS = {**{w: r for w, r in OWN.items() if w not in OSCAL}, **OSCAL, **{f"kg:{r}": r for r in RELATIONS}}
#: Field of a row → the property of a map that an export of ours keeps it in.
_KEPT = {
    "strength": "strength", "date": "date", "citation": "citation", "subject_version": "subject-version",
    "object_version": "object-version", "reviewers": "reviewer", "row_id": "row", "set_id": "mapping-set",
    "authority": "authority", "reviewed": "reviewed", "turned": "turned",
}  # fmt: skip
#: What a map of ours says in any case, if only by saying nothing.
_SAID = frozenset({"subject", "relation", "object", "kind", "rationale", "note", "confidence", "method"})
#: How an export of ours may write what OSCAL calls otherwise.
_LIKE = {"equal": ("equal to", "equivalent to", "equal")}


class _Walk:
    """Objects of a document and what is wrong with them."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.findings: list[Finding] = []
        self.rows: list[Row] = []

    def report(self, place: str, code: str, message: str, hint: str = "") -> None:
        """An error at a place."""
        self.findings.append(Finding(self.shown, 0, code, message, hint, place))

    def items(self, owner: Mapping[str, Any], key: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a list, each with its place; one object alone stands for a list of it."""
        value = owner.get(key)
        if isinstance(value, Mapping):
            value = [value]
        if value is not None and not isinstance(value, list):
            self.report(f"{place}/{key}", "BAD_VALUE", "a list of objects should stand here")
            return
        for index, item in enumerate(value or ()):
            here = f"{place}/{key}[{index}]".lstrip("/")
            if isinstance(item, Mapping):
                yield here, item
            else:
                self.report(here, "BAD_VALUE", "an object should stand here")

    def text(self, owner: Mapping[str, Any], key: str, place: str, *, needed: bool = False) -> str:
        """A value as text."""
        value = owner.get(key)
        if isinstance(value, (Mapping, list)):
            self.report(f"{place}/{key}", "BAD_VALUE", "a text should stand here")
            return ""
        found = line_of_text(value)
        if needed and not found:
            self.report(f"{place}/{key}", "MISSING_VALUE", f"{key} is missing or empty")
        return found

    def done(self, kind: Kind, words: Mapping[str, str], about: Mapping[str, str]) -> Incoming:
        """What was read; raises with every finding if any is an error."""
        if any(f.severity == "error" for f in self.findings):
            raise InputError(self.findings)
        if not self.rows:
            raise InputError.one(self.shown, "EMPTY_FILE", "the file holds no mapping")
        said = {name: text for name, text in about.items() if text}
        return Incoming(kind, self.shown, tuple(self.rows), words, said, tuple(self.findings))


def _place(place: str, slots: Mapping[str, str], name: str) -> str:
    return f"{place}/{slots[name]}" if name in slots else place


def _object(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = owner.get(key)
    return value if isinstance(value, Mapping) else {}


def read_oscal(path: Path, found: Any) -> Incoming:
    """An OSCAL mapping collection (1.2): every pair of a map's sources and targets.

    A map with several sources or targets speaks of each side together (OSCAL: "a source and target set consisting of
    members"), so of a single pair it says only what follows (:func:`~kg.importers.mappings.words.spread`).  Raises
    :class:`~kg.errors.InputError` with every finding.
    """
    root = found.get("mapping-collection") if isinstance(found, Mapping) else None
    if not isinstance(root, Mapping):
        hint = "it has no `mapping-collection` at the top"
        raise InputError.one(str(path), "UNREADABLE", "this is not an OSCAL mapping collection", hint)
    walk = _Walk(str(path))
    metadata, provenance = _object(root, "metadata"), _object(root, "provenance")
    joint = 0
    for place, mapping in walk.items(root, "mappings", ""):
        homes = [_resource(root, _object(mapping, key)) for key in ("source-resource", "target-resource")]
        method = plain(line_of_text(mapping.get("method") or provenance.get("method")))
        stated = mapping.get("matching-rationale") or provenance.get("matching-rationale")
        for here, item in walk.items(mapping, "maps", place):
            relation = walk.text(item, "relationship", here, needed=True)
            ns = walk.text(item, "ns", here)
            exact = plain(_prop(item, "relation"))  # an export of ours says exactly what OSCAL has no word for
            if exact in OWN and plain(relation) not in _LIKE.get(exact, (exact,)):
                message = f"the relationship {relation!r} is not what the prop relation says: {exact}"
                walk.report(f"{here}/relationship", "BAD_VALUE", message, "change both, or remove the prop")
            elif exact in OWN:
                relation = f"kg:{OWN[exact]}"
            elif ns and ns != _OSCAL_NS and not ns.startswith(BASE):
                relation = f"{relation} of {ns}"
            rationale, note = _remarks(walk, item, here)
            kept = {ours: _prop(item, name) for ours, name in _KEPT.items()}
            if kept["turned"] == "yes":  # the texts are of the row as its set writes it
                kept["subject_version"], kept["object_version"] = kept["object_version"], kept["subject_version"]
            kind = plain(line_of_text(item.get("matching-rationale") or stated))
            sources = list(walk.items(item, "sources", here))
            targets = list(walk.items(item, "targets", here))
            for key, side in (("sources", sources), ("targets", targets)):
                if not side:
                    walk.report(f"{here}/{key}", "MISSING_VALUE", f"the map has no {key}")
            joint += len(sources) > 1 or len(targets) > 1
            for from_place, source in sources:
                for to_place, target in targets:
                    slots = {
                        "subject": from_place.rpartition("/")[2] + "/id-ref",
                        "object": to_place.rpartition("/")[2] + "/id-ref",
                        "relation": "relationship", "kind": "matching-rationale", "confidence": "confidence-score",
                    }  # fmt: skip
                    walk.rows.append(
                        Row(
                            line=0,
                            subject=_item(walk, source, from_place),
                            relation=relation,
                            object=_item(walk, target, to_place),
                            kind=kind if kind in KINDS else "",
                            rationale=rationale,
                            note=note,
                            confidence=_confidence(walk, item, here),
                            method=_prop(item, "method") or (method if method in _METHODS else ""),
                            subject_home=homes[0],
                            object_home=homes[1],
                            sources=len(sources),
                            targets=len(targets),
                            fields=_SAID | kept.keys() if kept["row_id"] else frozenset(),
                            where=partial(_place, here, slots),
                            **kept,
                        )
                    )
    if joint:
        message = f"maps of several sources or targets, which say of a single pair only what follows: {joint:,}"
        walk.findings.append(Finding(walk.shown, 0, "JOINT_ROWS", message, severity="warning"))
    about = {
        "title": line_of_text(metadata.get("title")),
        "version": line_of_text(metadata.get("version")),
        "description": line_of_text(provenance.get("mapping-description")),
        "release": _prop(metadata, "release"),
        "as_of": _prop(metadata, "as-of"),
    }
    return walk.done(Kind.OSCAL, _OSCAL_WORDS, about)


def _item(walk: _Walk, item: Mapping[str, Any], place: str) -> str:
    """The id of a member: the CURIE that an export of ours keeps beside the token, or else ``id-ref``."""
    return _prop(item, "curie") or walk.text(item, "id-ref", place, needed=True)


def _prop(item: Mapping[str, Any], name: str) -> str:
    """A property under our namespace; several of a name joined by ``|``."""
    props = item.get("props")
    return "|".join(
        line_of_text(prop.get("value"))
        for prop in (props if isinstance(props, list) else ())
        if isinstance(prop, Mapping) and prop.get("name") == name and str(prop.get("ns", "")).startswith(BASE)
    )


def _remarks(walk: _Walk, item: Mapping[str, Any], place: str) -> tuple[str, str]:
    """Rationale and note: an export of ours joins them by a blank line, and says where there is only a note; elsewhere
    all of the remarks are one."""
    text = item.get("remarks")
    if _prop(item, "remarks") == "note":
        return "", walk.text(item, "remarks", place)
    if isinstance(text, str) and _prop(item, "row") and "\n\n" in text:
        rationale, _, note = text.partition("\n\n")
        return line_of_text(rationale), line_of_text(note)
    return walk.text(item, "remarks", place), ""


def _confidence(walk: _Walk, item: Mapping[str, Any], place: str) -> str:
    """The percentage of a confidence score, which OSCAL gives as a number from 0 to 1; a category is no number."""
    score = item.get("confidence-score")
    if score is None:
        return ""
    if not isinstance(score, Mapping):
        walk.report(f"{place}/confidence-score", "BAD_VALUE", "an object should stand here")
        return ""
    return line_of_text(score.get("percentage"))


def _resource(root: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    """What a resource is called: its address, or for ``#uuid`` the first address it has in the back matter."""
    href = line_of_text(resource.get("href"))
    if href.startswith("#"):
        held = _object(root, "back-matter").get("resources")
        for each in held if isinstance(held, list) else ():
            if isinstance(each, Mapping) and each.get("uuid") == href[1:]:
                links = each.get("rlinks")
                for link in links if isinstance(links, list) else ():
                    if isinstance(link, Mapping) and link.get("href"):
                        return line_of_text(link["href"])
    return href


_CISO_SLOTS = {
    "subject": "source_requirement_urn", "object": "target_requirement_urn", "relation": "relationship",
    "strength": "strength_of_relationship", "rationale": "rationale", "kind": "rationale", "note": "annotation",
}  # fmt: skip


def read_ciso(path: Path, found: Any) -> Incoming:
    """The mapping sets of a library of CISO Assistant: ``objects.requirement_mapping_set`` or ``…_sets`` with
    ``requirement_mappings``.  Such a library holds every set twice, the second time the other way round.

    Raises :class:`~kg.errors.InputError` with every finding.
    """
    objects = _object(found, "objects") if isinstance(found, Mapping) else {}
    keys = [key for key in ("requirement_mapping_set", "requirement_mapping_sets") if objects.get(key)]
    if not isinstance(found, Mapping) or not keys:
        hint = "it has no `objects: requirement_mapping_sets:`; a framework is read by `kg import ciso-library`"
        raise InputError.one(str(path), "UNREADABLE", "this is not a CISO Assistant library with mappings", hint)
    walk = _Walk(str(path))
    for key in keys:
        for place, mapping_set in walk.items(objects, key, "objects"):
            homes = [
                _library(walk.text(mapping_set, name, place))
                for name in ("source_framework_urn", "target_framework_urn")
            ]
            for here, item in walk.items(mapping_set, "requirement_mappings", place):
                said = walk.text(item, "rationale", here)
                kind = plain(said) if plain(said) in KINDS else ""
                walk.rows.append(
                    Row(
                        line=0,
                        subject=walk.text(item, "source_requirement_urn", here, needed=True),
                        relation=walk.text(item, "relationship", here, needed=True),
                        object=walk.text(item, "target_requirement_urn", here, needed=True),
                        kind=kind,
                        rationale="" if kind else said,
                        strength=walk.text(item, "strength_of_relationship", here),
                        note=walk.text(item, "annotation", here),
                        subject_home=homes[0],
                        object_home=homes[1],
                        where=partial(_place, here, _CISO_SLOTS),
                    )
                )
    about = {
        "title": line_of_text(found.get("name")), "licence": line_of_text(found.get("copyright")),
        "publisher": line_of_text(found.get("provider")), "version": line_of_text(found.get("version")),
        "description": line_of_text(found.get("description")),
    }  # fmt: skip
    return walk.done(Kind.CISO, CISO, about)


def _library(urn: str) -> str:
    name = urn.rpartition(":")[2]
    return LIBRARIES.get(name, name)


#: Field of a row → the key of our own JSON.
_OURS = {
    "subject": "subject", "subject_label": "subjectTitle", "relation": "relation", "object": "object",
    "object_label": "objectTitle", "kind": "rationaleKind", "rationale": "rationale", "strength": "strength",
    "confidence": "confidence", "method": "method", "date": "date", "citation": "citation", "note": "note",
    "subject_version": "subjectVersion", "object_version": "objectVersion", "reviewers": "reviewers",
    "set_id": "set", "row_id": "row", "authority": "authority", "reviewed": "reviewed", "turned": "turned",
}  # fmt: skip


def read_crosswalk_json(path: Path, found: Any) -> Incoming:
    """The direct rows of our own JSON: of a crosswalk, a mapping set or the whole graph, as exported or edited since.

    Raises :class:`~kg.errors.InputError` with every finding.
    """
    if not isinstance(found, Mapping) or not isinstance(found.get("rows"), list):
        raise InputError.one(str(path), "UNREADABLE", "this is no crosswalk of ours in JSON", "it has no list `rows`")
    walk = _Walk(str(path))
    items = list(walk.items(found, "rows", ""))
    fields = frozenset(ours for ours, key in _OURS.items() if any(key in item for _, item in items))
    for here, item in items:
        said = {ours: _said(walk, item, key, here) for ours, key in _OURS.items()}
        said["kind"] = plain(said["kind"])
        if said["turned"] == "yes":  # the texts are of the row as its set writes it
            said["subject_version"], said["object_version"] = said["object_version"], said["subject_version"]
        for name in ("subject", "relation", "object", "set_id"):
            key = _OURS[name]
            if not said[name] and not item.get(key):
                walk.report(f"{here}/{key}", "MISSING_VALUE", f"{key} is missing or empty")
        walk.rows.append(Row(line=0, fields=fields, where=partial(_place, here, _OURS), **said))  # type: ignore[arg-type]
    about = {"release": line_of_text(found.get("release")), "as_of": line_of_text(found.get("asOf"))}
    return walk.done(Kind.CROSSWALK, OWN, about)


def _said(walk: _Walk, item: Mapping[str, Any], key: str, place: str) -> str:
    value = item.get(key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and key == "reviewers":
        return "|".join(map(line_of_text, value))
    return walk.text(item, key, place)
