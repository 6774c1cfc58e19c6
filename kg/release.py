"""The immutable graph that all answers of a process come from, named by the digest of its content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from datetime import date
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from kg.errors import UnknownIdError, nearest
from kg.model import (
    ApplicationRule,
    Catalogue,
    Classification,
    ClassificationSet,
    Condition,
    Disclaimer,
    Framework,
    Incident,
    JointNode,
    LegalReference,
    Mapping,
    MappingSet,
    NonCoverage,
    Option,
    Part,
    ProfileWord,
    Provision,
    Question,
    ReferenceControl,
    RiskDomain,
    Threat,
    ThreatLink,
)
from kg.relations import NO_RELATIONSHIP
from kg.terms import natural_key, prefix_of, resolve_reference

if TYPE_CHECKING:
    import networkx as nx
    import pyoxigraph as ox

    from kg.arrays import Arrays
    from kg.compiled.files import Build
    from kg.sources import Content, Progress

__all__ = ["Node", "Release"]

Node = Provision | ReferenceControl | JointNode


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if f.name != "source" and getattr(value, f.name) not in ("", (), None)
        }
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


def _by_id(items: Iterable[Any]) -> MappingType[str, Any]:
    ordered = sorted(items, key=lambda n: natural_key(n.id))
    return MappingProxyType({n.id: n for n in ordered})


class Release:
    """Everything shipped, indexed and frozen.  Build it with :meth:`load`; its public attributes are read-only.

    ``frameworks``, ``provisions``, ``controls``, ``joints``, ``catalogues``, ``threats``, ``incidents``, ``sets``,
    ``rules``, ``disclaimers``, ``risk_domains`` and ``classification_sets`` map an id to its object,
    ``vocabulary`` the (kind, name) of a role, tier or fact to what defines it, ``questions`` the name of a question of
    the questionnaire to it, in the order of asking, ``classifications`` the id of an incident to where it stands in
    the taxonomies of the MIT AI Risk Repository;
    ``mappings``, ``parts``, ``references``, ``threat_links`` and ``non_coverage`` are tuples in canonical order.
    ``build`` is what a compiled release was opened from, ``None`` for one that was read.
    """

    frameworks: MappingType[str, Framework]
    catalogues: MappingType[str, Catalogue]
    controls: MappingType[str, ReferenceControl]
    joints: MappingType[str, JointNode]
    threats: MappingType[str, Threat]
    incidents: MappingType[str, Incident]
    risk_domains: MappingType[str, RiskDomain]
    classification_sets: MappingType[str, ClassificationSet]
    classifications: MappingType[str, Classification]
    sets: MappingType[str, MappingSet]
    rules: MappingType[str, ApplicationRule]
    disclaimers: MappingType[str, Disclaimer]
    vocabulary: MappingType[tuple[str, str], ProfileWord]
    questions: MappingType[str, Question]
    provisions: MappingType[str, Provision]
    parts: tuple[Part, ...]
    mappings: tuple[Mapping, ...]
    references: tuple[LegalReference, ...]
    threat_links: tuple[ThreatLink, ...]
    non_coverage: tuple[NonCoverage, ...]
    _options: tuple[Option, ...]

    def __init__(self, content: Content, folders: Sequence[Path] = (), *, own: Path | None = None) -> None:
        self.folders = tuple(folders)
        self._own = own
        self.build: Build | None = None
        self._caches: dict[Any, Any] = {}
        self.frameworks = MappingProxyType({f.id: f for f in sorted(content.frameworks, key=lambda f: (f.order, f.id))})
        self.catalogues = _by_id(content.catalogues)
        self.controls = _by_id(content.controls)
        self.joints = _by_id(content.joints)
        self.threats = _by_id(content.threats)
        self.incidents = _by_id(content.incidents)
        self.risk_domains = _by_id(content.risk_domains)
        self.classification_sets = _by_id(content.classification_sets)
        self.classifications = MappingProxyType(
            {c.incident: c for c in sorted(content.classifications, key=lambda c: c.number)}
        )
        self.sets = _by_id(content.sets)
        self.rules = _by_id(content.rules)
        self.disclaimers = _by_id(content.disclaimers)
        self.vocabulary = MappingProxyType(
            {(w.kind, w.name): w for w in sorted(content.words, key=lambda w: natural_key(w.id))}
        )
        self.questions = MappingProxyType(
            {q.name: q for q in sorted(content.questions, key=lambda q: (q.order, q.name))}
        )
        self._options = tuple(sorted(content.options, key=lambda o: (o.order, o.id)))
        order = {f: i for i, f in enumerate(self.frameworks)}
        provisions = {p.id: p for p in content.provisions}
        self.parts = tuple(
            sorted(
                set(content.parts), key=lambda p: (natural_key(p.whole), p.incorporates, natural_key(p.part), p.kind)
            )
        )
        self._place = _places(provisions, self.parts)
        self.provisions = MappingProxyType(
            {
                p.id: p
                for p in sorted(provisions.values(), key=lambda p: (order.get(p.framework, 99), self._place[p.id]))
            }
        )
        self.mappings = tuple(
            sorted(
                content.mappings,
                key=lambda m: (m.set_id, natural_key(m.subject), natural_key(m.object), m.rationale_kind),
            )
        )
        self.references = tuple(
            sorted(content.references, key=lambda r: (natural_key(r.subject), natural_key(r.object), r.kind))
        )
        self.threat_links = tuple(
            sorted(content.threat_links, key=lambda t: (natural_key(t.threat), t.relation, natural_key(t.target)))
        )
        self.non_coverage = tuple(sorted(content.non_coverage, key=lambda n: (natural_key(n.subject), n.framework)))

    @classmethod
    def load(cls, *folders: Path | str, own: Path | None = None) -> Self:
        """The project's data (or, in its place, the tree ``own`` of another version of it) and then each of
        ``folders``, checked and frozen.

        Starts from the compiled release where there is one of these very sources (:mod:`kg.compiled.cache`), and makes
        one otherwise.  Raises :class:`~kg.errors.InputError` with every finding if anything is wrong.
        """
        from kg.compiled.cache import load_as

        return load_as(cls, tuple(map(Path, folders)), own)

    @classmethod
    def read(cls, *folders: Path | str, own: Path | None = None, progress: Progress | None = None) -> Self:
        """The same from the sources themselves, whatever is compiled; ``progress`` is told of each file."""
        from kg.sources import load

        return cls(load(folders, own=own, progress=progress), tuple(map(Path, folders)), own=own)

    @classmethod
    def opened(cls, build: Build, folders: Sequence[Path] = (), *, own: Path | None = None) -> Self:
        """The release of a build: each attribute is read when it is first asked for."""
        found = cls.__new__(cls)
        found.folders, found._own, found.build, found._caches = tuple(folders), own, build, {}
        found.__dict__["digest"] = build.digest
        return found

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """An attribute of a compiled release that nobody has asked for yet."""
            build = self.__dict__.get("build")
            if build is None or name not in build.attributes:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            found = build.read(name)
            return self.__dict__.setdefault(name, MappingProxyType(found) if isinstance(found, dict) else found)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The data folders it was read from, the project's own first."""
        from kg.places import builtin_data

        return (self._own or builtin_data(), *self.folders)

    # ---------------------------------------------------------------- identity

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content, the first 16 hex digits: the release's name.  It does not depend on
        the names, number or order of files, nor on the order of rows."""
        hasher = hashlib.sha256()
        groups: tuple[Iterable[Any], ...] = (
            self.frameworks.values(), self.catalogues.values(), self.rules.values(), self.provisions.values(),
            self.parts, self.controls.values(), self.joints.values(), self.threats.values(), self.threat_links,
            self.incidents.values(), self.sets.values(), self.mappings, self.references, self.non_coverage,
            self.disclaimers.values(), self.risk_domains.values(), self.classification_sets.values(),
            self.classifications.values(), self.vocabulary.values(), self.questions.values(), self._options,
        )  # fmt: skip
        for group in groups:
            lines = [json.dumps(_plain(item), sort_keys=True, ensure_ascii=False) for item in group]
            hasher.update("\n".join(sorted(lines)).encode() + b"\x00")
        return hasher.hexdigest()[:16]

    # ---------------------------------------------------------------- nodes

    def node(self, id_: str) -> Node:
        """A provision, reference control or joint node by CURIE; raises :class:`UnknownIdError`."""
        found: Node | None = self.provisions.get(id_) or self.controls.get(id_) or self.joints.get(id_)
        if found is None:
            raise self.unknown(id_)
        return found

    def unknown(self, id_: str, known: Iterable[str] | None = None) -> UnknownIdError:
        """The error for an id that names nothing, with the nearest that does."""
        if case := self.known_by_number.get(id_):
            hint = f"its title is at {case.url}; `kg search {id_} --format json` shows its classification"
            return UnknownIdError(f"{id_} is known here by its number and classification only", hint)
        pool = list(known) if known is not None else self._same_prefix(id_)
        near = nearest(id_, pool)
        title = self.title(near)
        hint = (
            f"did you mean {near}{f' ({title})' if title else ''}?"
            if near
            else "`kg frameworks` and `kg search` list what there is"
        )
        return UnknownIdError(f"{id_} does not exist in this release", hint)

    @cached_property
    def known_by_number(self) -> MappingType[str, Incident]:
        """The cases that are classified and that nobody has written up here: number, date and link, no title, no
        threats.  They stand beside ``incidents`` and are none of them."""
        return MappingProxyType(
            {id_: _known_by_number(c) for id_, c in self.classifications.items() if id_ not in self.incidents}
        )

    def _same_prefix(self, id_: str) -> list[str]:
        everything = [*self.provisions, *self.controls, *self.joints, *self.threats, *self.incidents]
        return [i for i in everything if prefix_of(i) == prefix_of(id_)] or everything

    def framework(self, id_: str) -> Framework:
        """A framework by id; raises :class:`UnknownIdError` naming the nearest."""
        if id_ not in self.frameworks:
            near = nearest(id_, self.frameworks)
            hint = f"did you mean {near}? " if near else ""
            raise UnknownIdError(f"there is no framework {id_!r}", f"{hint}one of: {', '.join(self.frameworks)}")
        return self.frameworks[id_]

    def title(self, id_: str) -> str:
        """The title of anything that has one, or an empty string."""
        groups = (self.provisions, self.controls, self.joints, self.threats, self.incidents, self.risk_domains)
        for group in groups:
            if id_ in group:
                return str(group[id_].title)
        name = id_.removeprefix("kgfw:")
        if name in self.frameworks:
            return self.frameworks[name].title
        return self.catalogues[name].title if name in self.catalogues else ""

    def resolve(self, text: str, framework: str | None = None) -> str:
        """The CURIE of what a person typed: a CURIE, or an official reference (``Article 10(2)(f)``) within
        ``framework``, or anywhere if it stands in one place only.

        Raises :class:`UnknownIdError` with the nearest id, or with every place where it stands in several.
        """
        text = text.strip()
        known = (self.provisions, self.controls, self.joints, self.threats, self.incidents, self.known_by_number)
        if any(text in group for group in known):
            return text
        case = re.fullmatch(r"aiid[\s#:]*([0-9]+)", text, re.IGNORECASE)
        if case and any(f"aiid:{case[1]}" in group for group in (self.incidents, self.known_by_number)):
            return f"aiid:{case[1]}"
        prefix = prefix_of(text) if ":" in text else ""
        if names := [framework] if framework else [prefix] if prefix else []:
            places = names
        else:
            places = [*self.frameworks, *self.catalogues]
        found = []
        for name in places:
            candidates = resolve_reference(name, text)
            found += [c for c in candidates if any(c in group for group in known)][:1]
        if len(found) == 1 or (names and found):
            return found[0]
        if found:
            hint = f"say which: {', '.join(f'{c} ({self.title(c)})' for c in found)}"
            raise UnknownIdError(f"{text} stands in several frameworks", hint, code="AMBIGUOUS_ID")
        raise self.unknown(text if prefix else f"{framework}:{text}" if framework else text)

    # ---------------------------------------------------------------- structure

    @cached_property
    def _place(self) -> dict[str, tuple[Any, ...]]:
        return _places(self.provisions, self.parts)

    @cached_property
    def parts_of(self) -> MappingType[str, tuple[Part, ...]]:
        """Whole → its parts, own parts first, in reading order."""
        found: defaultdict[str, list[Part]] = defaultdict(list)
        for part in self.parts:
            found[part.whole].append(part)
        key = self._place
        return MappingProxyType(
            {w: tuple(sorted(ps, key=lambda p: (p.incorporates, key[p.part]))) for w, ps in found.items()}
        )

    @cached_property
    def wholes_of(self) -> MappingType[str, tuple[Part, ...]]:
        """Part → the wholes it is part of, its own first."""
        found: defaultdict[str, list[Part]] = defaultdict(list)
        for part in self.parts:
            found[part.part].append(part)
        for wholes in found.values():
            if len(wholes) > 1:
                wholes.sort(key=lambda w: (w.incorporates, natural_key(w.whole)))
        return MappingProxyType({part: tuple(wholes) for part, wholes in found.items()})

    def whole(self, id_: str) -> str:
        """The whole a provision stands in, in the text's own order; empty for a top node."""
        return self._whole.get(id_, "")

    @cached_property
    def _whole(self) -> dict[str, str]:
        if self.build is not None:
            known: dict[str, str] = self.build.structure["wholes"]
            return known
        return {part: wholes[0].whole for part, wholes in self.wholes_of.items() if not wholes[0].incorporates}

    def ancestors(self, id_: str) -> list[str]:
        """The wholes above a provision, nearest first, along the text's own order."""
        found, whole = [], self._whole.get
        while above := whole(id_):
            found.append(above)
            id_ = above
        return found

    def text_in_force(self, framework: str, as_of: date) -> date:
        """The text version in force on ``as_of``; before the first, the first."""
        versions = self.framework(framework).text_versions
        return max((v.date for v in versions if v.date <= as_of), default=versions[0].date if versions else as_of)

    def requirements(self, framework: str, as_of: date) -> tuple[Provision, ...]:
        """The requirements that stand in the text in force on ``as_of``, in reading order, each once: assessable
        provisions with no assessable descendant in that text."""
        text = self.text_in_force(framework, as_of)
        key = ("requirements", framework, text)
        if key not in self._caches and self.build is not None:
            known = self.build.structure["requirements"][framework]
            if text.isoformat() in known:
                self._caches[key] = tuple(self.provisions[id_] for id_ in known[text.isoformat()])
        if key not in self._caches:
            here = [p for p in self.provisions.values() if p.framework == framework and p.in_text(text)]
            assessable = {p.id for p in here if p.assessable}
            above: set[str] = set()
            for id_ in assessable:
                stack = [w.whole for w in self.wholes_of.get(id_, ())]
                while stack:
                    whole = stack.pop()
                    if whole not in above:
                        above.add(whole)
                        stack += [w.whole for w in self.wholes_of.get(whole, ())]
            self._caches[key] = tuple(p for p in here if p.id in assessable and p.id not in above)
        found: tuple[Provision, ...] = self._caches[key]
        return found

    def inherited(self, provision: Provision, attribute: str) -> tuple[Any, ...]:
        """``roles``, ``tiers`` or ``rules`` of a provision, or else of the nearest whole that has any."""
        for id_ in (provision.id, *self.ancestors(provision.id)):
            if found := getattr(self.provisions[id_], attribute):
                return tuple(found)
        return ()

    def carrier(self, provision: Provision, attribute: str) -> str:
        """Which provision ``roles``, ``tiers`` or ``rules`` are inherited from; empty where none has any."""
        for id_ in (provision.id, *self.ancestors(provision.id)):
            if getattr(self.provisions[id_], attribute):
                return id_
        return ""

    def cite(self, id_: str) -> str:
        """A provision or framework as a person cites it: ``Article 26(1), EU AI Act``; ``ISO/IEC 42001 6.1.2``."""
        name = id_.removeprefix("kgfw:")
        if name in self.frameworks:
            return self.frameworks[name].short_title
        provision = self.provisions[id_]
        framework = self.frameworks[provision.framework]
        law = framework.kind == "law"
        return f"{provision.ref}, {framework.short_title}" if law else f"{framework.short_title} {provision.ref}"

    def options(self, question: str) -> tuple[Option, ...]:
        """The options of a question by its name, in order."""
        id_ = self.questions[question].id
        return tuple(o for o in self._options if o.question == id_)

    def conditions(self, provision: Provision) -> tuple[Condition, ...]:
        """All facts that must hold for a duty to arise: its own, its wholes' and its framework's."""
        found = list(self.frameworks[provision.framework].requires)
        for id_ in (*reversed(self.ancestors(provision.id)), provision.id):
            found += [c for c in self.provisions[id_].conditions if c not in found]
        return tuple(found)

    def group_of(self, id_: str) -> str:
        """The group a requirement is reported under: its article, annex, clause or category; else itself."""
        kinds = {"article", "annex", "category", "control_objective", "clause"}
        chain = [id_, *self.ancestors(id_)]
        for each in chain:
            if self.provisions[each].kind in kinds:
                return each
        return chain[1] if len(chain) > 1 else id_

    # ---------------------------------------------------------------- rows

    @cached_property
    def rows_of(self) -> MappingType[str, tuple[Mapping, ...]]:
        """Node → the rows it is an end of."""
        found: defaultdict[str, list[Mapping]] = defaultdict(list)
        for m in self.mappings:
            found[m.subject].append(m)
            if m.object != m.subject:
                found[m.object].append(m)
        return MappingProxyType({k: tuple(v) for k, v in found.items()})

    @cached_property
    def row(self) -> MappingType[str, Mapping]:
        """Row id → row."""
        if self.build is not None:
            return MappingProxyType(self.build.read("row"))
        return MappingProxyType({m.id: m for m in self.mappings})

    def disclaimers_for(self, *frameworks: str) -> tuple[Disclaimer, ...]:
        """The standing disclaimers of an answer about these frameworks."""
        return tuple(d for d in self.disclaimers.values() if not d.frameworks or set(d.frameworks) <= set(frameworks))

    # ---------------------------------------------------------------- views

    def cache(self, key: Any, make: Any) -> Any:
        """What ``make()`` returned the first time for ``key``: derived indexes live as long as the release."""
        found = self._caches.get(key)
        if found is None:
            found = self._caches[key] = make()
        return found

    @cached_property
    def dataset(self) -> ox.Store:
        """The RDF dataset for SPARQL: the ontology in the default graph, each mapping set in a graph of its own."""
        from kg.rdf import dataset, restored

        compiled = self.build.dataset if self.build is not None else None
        return dataset(self) if compiled is None else restored(compiled)

    @cached_property
    def arrays(self) -> Arrays:
        """The columns of the engine; those of a compiled release are mapped and shared by all processes."""
        from kg.arrays import Arrays

        columns = self.build.columns if self.build is not None else {}
        return Arrays.from_columns(columns) if columns else Arrays.of(self)

    @cached_property
    def network(self) -> nx.MultiDiGraph[str]:
        """A networkx view for paths and neighbourhoods: nodes with ``title`` and ``kind``, edges with ``relation``."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.digest)
        for group in (self.provisions, self.controls, self.joints):
            for id_, node in group.items():
                graph.add_node(id_, title=node.title, kind=type(node).__name__)
        for p in self.parts:
            graph.add_edge(p.whole, p.part, relation=p.kind.value, kind="part")
        for m in self.mappings:
            graph.add_edge(m.subject, m.object, key=m.id, relation=m.relation, kind="row", set=m.set_id)
        return graph

    def stats(self) -> dict[str, Any]:
        """The counts of everything in the release."""
        kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for p in self.provisions.values():
            kinds[p.framework][p.kind] += 1
        today = {f: self.frameworks[f].text_versions[-1].date for f in self.frameworks}
        rows = Counter(m.set_id for m in self.mappings)
        relations: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for m in self.mappings:
            relations[m.set_id][m.relation] += 1
        controls = Counter(c.catalogue for c in self.controls.values())
        joints = Counter(j.catalogue for j in self.joints.values())
        touched: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for control, frameworks in self.frameworks_of_control.items():
            touched[self.controls[control].catalogue].update(frameworks)
        left_out = Counter(self.controls[n.subject].catalogue for n in self.non_coverage if n.subject in self.controls)
        return {
            "release": self.digest,
            "frameworks": {
                f: {
                    "title": self.frameworks[f].title,
                    "provisions": sum(kinds[f].values()),
                    "requirements": len(self.requirements(f, today[f])),
                    "byKind": dict(sorted(kinds[f].items())),
                    "textVersions": [v.date.isoformat() for v in self.frameworks[f].text_versions],
                }
                for f in self.frameworks
            },
            "catalogues": {
                c: {
                    "title": self.catalogues[c].title,
                    "controls": controls[c],
                    "jointNodes": joints[c],
                    "controlsWithRowsTo": dict(sorted(touched[c].items())),
                    "controlsLeftOutWithReason": left_out[c],
                }
                for c in self.catalogues
            },
            "mappingSets": {
                s: {
                    "title": self.sets[s].title,
                    "authority": self.sets[s].authority.value,
                    "rows": rows[s],
                    "byRelation": dict(sorted(relations[s].items())),
                    "reviewed": sum(1 for m in self.mappings if m.set_id == s and m.reviewed),
                }
                for s in self.sets
            },
            "mappings": len(self.mappings),
            "legalReferences": len(self.references),
            "threats": len(self.threats),
            "threatLinks": len(self.threat_links),
            "incidents": len(self.incidents),
            "incidentsKnownByNumber": len(self.known_by_number),
            "incidentClassifications": len(self.classifications),
            "disclaimers": len(self.disclaimers),
        }

    @cached_property
    def frameworks_of_control(self) -> MappingType[str, set[str]]:
        """Reference control → the frameworks it has rows to (a *no relationship* is none)."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for m in self.mappings:
            for here, there in ((m.subject, m.object), (m.object, m.subject)):
                if here in self.controls and there in self.provisions and m.mask != NO_RELATIONSHIP:
                    found[here].add(self.provisions[there].framework)
        return found


def _known_by_number(c: Classification) -> Incident:
    return Incident(
        id=c.incident, number=c.number, date=c.date, title="", threats=(),
        url=f"https://incidentdatabase.ai/cite/{c.number}/",
        basis="classification only: this graph has no title of its own for the case; the database's is at the link",
        source=c.source,
    )  # fmt: skip


def _places(provisions: MappingType[str, Provision], parts: Iterable[Part]) -> dict[str, tuple[Any, ...]]:
    """Where each provision stands in reading order: the keys of its wholes, then its own."""
    wholes = {p.part: p.whole for p in parts if not p.incorporates and p.whole in provisions}
    places: dict[str, tuple[Any, ...]] = {}

    def place(id_: str) -> tuple[Any, ...]:
        if id_ not in places:
            own = ((provisions[id_].order, natural_key(id_)),)
            places[id_] = (place(wholes[id_]) if id_ in wholes else ()) + own
        return places[id_]

    for id_ in provisions:
        place(id_)
    return places
