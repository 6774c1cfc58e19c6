"""Turtle under ``ontologies/`` → model objects.

One table, :data:`CLASSES`, says for each class of the ontology which properties it may have; everything else
is a finding.  Parsed with pyoxigraph (fast, names the line of a syntax error); ``kg.sources.canonical`` uses
rdflib to write.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.errors import nearest
from kg.model import (
    EXPLICIT_FACTS,
    ROLES,
    SECTORS,
    TIERS,
    ApplicationRule,
    Catalogue,
    Condition,
    Disclaimer,
    Framework,
    Incident,
    JointNode,
    Modality,
    Option,
    Part,
    PartKind,
    ProfileWord,
    Provision,
    Question,
    ReferenceControl,
    RiskDomain,
    Source,
    TextVersion,
    Threat,
)
from kg.sources.content import Content, Reporter, parse_case_date, parse_date
from kg.terms import curie, natural_key, split

__all__ = ["CLASSES", "PART_PREDICATES", "read_turtle"]

RDF_TYPE = "rdf:type"
#: Property of the ontology → how the subject hangs on its object.
PART_PREDICATES = {
    "kg:allOfPartOf": PartKind.ALL_OF,
    "kg:anyOfPartOf": PartKind.ANY_OF,
    "kg:exceptionTo": PartKind.EXCEPTION,
    "kg:conditionOf": PartKind.CONDITION,
}
_COMMON = {RDF_TYPE, "dcterms:title", "skos:note"}
#: Class → (required properties, further properties allowed).
CLASSES: dict[str, tuple[set[str], set[str]]] = {
    "kg:Framework": (
        {"kg:shortTitle", "dcterms:publisher", "kg:kind", "rdfs:seeAlso", "dcterms:license"},
        {"kg:jurisdiction", "kg:requiresFact", "kg:order", "kg:territorialScope"},
    ),
    "kg:TextVersion": ({"kg:framework", "kg:inForceFrom"}, {"rdfs:seeAlso"}),
    "kg:Provision": (
        {"kg:framework", "kg:kind", "skos:notation", "kg:summary", "kg:assessable"},
        {
            "kg:modality", "kg:role", "kg:tier", "kg:requiresFact", "kg:appliesBy", "kg:textFrom", "kg:textUntil",
            "kg:amendedOn", "kg:tag", "kg:confidence", "kg:order", "kg:incorporates", *PART_PREDICATES,
        },
    ),
    "kg:ApplicationRule": (
        {"kg:framework", "kg:appliesFrom", "kg:basis"},
        {"kg:requiresFact", "kg:textFrom", "kg:textUntil", "kg:confidence"},
    ),
    "kg:Catalogue": (
        {"dcterms:publisher", "dcterms:license", "owl:versionInfo"}, {"dcterms:description", "rdfs:seeAlso"}
    ),
    "kg:ReferenceControl": (
        {"kg:catalogue", "kg:domain", "kg:statement"}, {"kg:rationale", "kg:evidence", "kg:mitigates"}
    ),
    "kg:JointNode": ({"kg:catalogue", "kg:member"}, {"kg:rationale"}),
    "kg:Threat": ({"kg:summary"}, {"skos:broader", "skos:closeMatch"}),
    "kg:Incident": ({"kg:number", "rdfs:seeAlso", "kg:basis"}, {"dcterms:date", "kg:involves", "kg:sector"}),
    "kg:RiskDomain": ({"skos:notation"}, {"skos:broader", "skos:closeMatch"}),
    "kg:Disclaimer": ({"kg:text"}, {"kg:concerns", "kg:basis"}),
    "kg:ProfileWord": (
        {"kg:kind", "skos:notation", "kg:summary"},
        {"kg:definedBy", "kg:basis", "kg:implies", "kg:ofTier", "kg:heldBefore", "kg:heldFrom"},
    ),
    "kg:Question": (
        {"kg:kind", "kg:scope", "skos:notation", "kg:summary"}, {"kg:order", "kg:askedIf", "kg:definedBy"}
    ),
    "kg:Option": ({"kg:optionOf", "skos:notation"}, {"kg:order", "kg:sets"}),
}  # fmt: skip
_WORDS = {"role": ROLES, "tier": TIERS, "fact": EXPLICIT_FACTS}
_EFFECT = re.compile(r"(\??)(role|tier|fact|jurisdiction):(\S+)")
_FOREIGN_TYPES = ("owl:", "rdfs:", "sh:", "skos:", "void:", "dcat:")
_SUBJECT_LINE = re.compile(r"^(<[^>\s]+>|[\w.\-]+:[^\s;,\[]+)", re.MULTILINE)


class _Node:
    """One subject with its properties as CURIEs and strings, and helpers that report what is amiss."""

    def __init__(self, id_: str, source: Source, report: Reporter) -> None:
        self.id = id_
        self.source = source
        self.report = report
        self.values: defaultdict[str, list[str]] = defaultdict(list)

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(sorted(self.values.get(key, ()), key=natural_key))

    def text(self, key: str, default: str = "") -> str:
        found = self.values.get(key, ())
        if len(found) > 1:
            self.report(self.source.line, "BAD_VALUE", f"{self.id} has {len(found)} values of {key}", "give one")
        return found[0] if found else default

    def number(self, key: str, default: int) -> int:
        value = self.text(key, str(default))
        if value.lstrip("-").isdigit():
            return int(value)
        self.report(self.source.line, "BAD_VALUE", f"{key} {value!r} of {self.id} is not a whole number")
        return default

    def date(self, key: str) -> Any:
        return parse_date(self.report, self.source.line, f"{key} of {self.id}", self.text(key))

    def words(self, key: str, prefix: str, allowed: dict[str, str]) -> tuple[str, ...]:
        found = tuple(split(v)[1].removeprefix(prefix) for v in self.texts(key))
        return tuple(w for w in found if self.report.word(self.source.line, f"{key} of {self.id}", w, allowed))

    def conditions(self) -> tuple[Condition, ...]:
        found = tuple(tuple(value.split("|")) for value in sorted(self.values.get("kg:requiresFact", ())))
        for alternatives in found:
            for fact in alternatives:
                self.report.word(self.source.line, f"fact of {self.id}", fact.removeprefix("!"), EXPLICIT_FACTS)
        return found

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(key, default)
        return value if self.report.word(self.source.line, f"{key} of {self.id}", value, allowed) else default

    def local(self, key: str) -> str:
        return split(self.text(key))[1]


def _framework(n: _Node, c: Content) -> None:
    c.frameworks.append(
        Framework(
            id=split(n.id)[1], title=n.text("dcterms:title"), short_title=n.text("kg:shortTitle"),
            publisher=n.text("dcterms:publisher"), kind=n.text("kg:kind"), jurisdiction=n.text("kg:jurisdiction"),
            url=n.text("rdfs:seeAlso"), licence=n.text("dcterms:license"), text_versions=(),
            requires=n.conditions(), note=n.text("skos:note"), order=n.number("kg:order", 99), source=n.source,
            territory=n.texts("kg:territorialScope"),
        )
    )  # fmt: skip


def _provision(n: _Node, c: Content) -> None:
    modality = n.choice("kg:modality", ("", *Modality), "")
    assessable = n.choice("kg:assessable", ("true", "false"), "false")
    c.provisions.append(
        Provision(
            id=n.id, framework=n.local("kg:framework"), kind=n.text("kg:kind"), ref=n.text("skos:notation"),
            title=n.text("dcterms:title"), summary=n.text("kg:summary"), assessable=assessable == "true",
            modality=Modality(modality) if modality else None,
            roles=n.words("kg:role", "role-", ROLES), tiers=n.words("kg:tier", "tier-", TIERS),
            conditions=n.conditions(), rules=n.texts("kg:appliesBy"), text_from=n.date("kg:textFrom"),
            text_until=n.date("kg:textUntil"), amended=n.date("kg:amendedOn"),
            confidence=n.choice("kg:confidence", ("high", "medium", "low"), "high"), note=n.text("skos:note"),
            tags=n.texts("kg:tag"), order=n.number("kg:order", 0), source=n.source,
        )
    )  # fmt: skip
    for predicate, kind in PART_PREDICATES.items():
        c.parts += [Part(whole, n.id, kind, source=n.source) for whole in n.texts(predicate)]
    c.parts += [Part(n.id, p, PartKind.ALL_OF, True, source=n.source) for p in n.texts("kg:incorporates")]


def _rule(n: _Node, c: Content) -> None:
    if applies_from := n.date("kg:appliesFrom"):
        c.rules.append(
            ApplicationRule(
                id=n.id, framework=n.local("kg:framework"), title=n.text("dcterms:title"), applies_from=applies_from,
                basis=n.text("kg:basis"), conditions=n.conditions(), text_from=n.date("kg:textFrom"),
                text_until=n.date("kg:textUntil"), note=n.text("skos:note"), source=n.source,
                confidence=n.choice("kg:confidence", ("high", "medium", "low"), "high"),
            )
        )  # fmt: skip


def _catalogue(n: _Node, c: Content) -> None:
    c.catalogues.append(
        Catalogue(
            id=split(n.id)[1], title=n.text("dcterms:title"), publisher=n.text("dcterms:publisher"),
            licence=n.text("dcterms:license"), version=n.text("owl:versionInfo"),
            description=n.text("dcterms:description"), url=n.text("rdfs:seeAlso"), source=n.source,
        )
    )  # fmt: skip


def _control(n: _Node, c: Content) -> None:
    c.controls.append(
        ReferenceControl(
            id=n.id, catalogue=n.local("kg:catalogue"), domain=n.text("kg:domain"), title=n.text("dcterms:title"),
            statement=n.text("kg:statement"), rationale=n.text("kg:rationale"), evidence=n.text("kg:evidence"),
            threats=n.texts("kg:mitigates"), source=n.source,
        )
    )  # fmt: skip


def _joint(n: _Node, c: Content) -> None:
    c.joints.append(
        JointNode(
            id=n.id, catalogue=n.local("kg:catalogue"), title=n.text("dcterms:title"), members=n.texts("kg:member"),
            rationale=n.text("kg:rationale"), source=n.source,
        )
    )  # fmt: skip


def _threat(n: _Node, c: Content) -> None:
    c.threats.append(
        Threat(
            id=n.id, title=n.text("dcterms:title"), summary=n.text("kg:summary"), broader=n.texts("skos:broader"),
            matches=n.texts("skos:closeMatch"), note=n.text("skos:note"), source=n.source,
        )
    )  # fmt: skip


def _incident(n: _Node, c: Content) -> None:
    when = parse_case_date(n.report, n.source.line, f"date of {n.id}", n.text("dcterms:date"))
    c.incidents.append(
        Incident(
            id=n.id, number=n.number("kg:number", 0), date=when, title=n.text("dcterms:title"),
            threats=n.texts("kg:involves"), url=n.text("rdfs:seeAlso"), basis=n.text("kg:basis"),
            sector=n.choice("kg:sector", ("", *SECTORS), ""), source=n.source,
        )
    )  # fmt: skip


def _risk_domain(n: _Node, c: Content) -> None:
    c.risk_domains.append(
        RiskDomain(
            id=n.id, ref=n.text("skos:notation"), title=n.text("dcterms:title"), broader=n.text("skos:broader"),
            matches=n.texts("skos:closeMatch"), note=n.text("skos:note"), source=n.source,
        )
    )  # fmt: skip


def _disclaimer(n: _Node, c: Content) -> None:
    concerns = tuple(split(v)[1] for v in n.texts("kg:concerns"))
    c.disclaimers.append(Disclaimer(n.id, n.text("kg:text"), concerns, n.text("kg:basis"), source=n.source))


def _word(n: _Node, c: Content) -> None:
    kind = n.choice("kg:kind", tuple(_WORDS), "fact")
    name = n.text("skos:notation")
    n.report.word(n.source.line, f"{kind} of {n.id}", name, _WORDS[kind])
    tier = n.text("kg:ofTier")
    c.words.append(
        ProfileWord(
            id=n.id, kind=kind, name=name, title=n.text("dcterms:title"), meaning=n.text("kg:summary"),
            defined_by=n.texts("kg:definedBy"), basis=n.text("kg:basis"), implies=n.texts("kg:implies"),
            of_tier=(*n.words("kg:ofTier", "tier-", TIERS), "")[0] if tier else "",
            held_before=n.date("kg:heldBefore"), held_from=n.date("kg:heldFrom"), note=n.text("skos:note"),
            source=n.source,
        )
    )  # fmt: skip


def _question(n: _Node, c: Content) -> None:
    c.questions.append(
        Question(
            id=n.id, name=n.text("skos:notation"), text=n.text("dcterms:title"), help=n.text("kg:summary"),
            kind=n.choice("kg:kind", ("one", "many", "date"), "one"),
            scope=n.choice("kg:scope", ("organization", "system"), "system"), order=n.number("kg:order", 99),
            asked_if=n.texts("kg:askedIf"), defined_by=n.texts("kg:definedBy"), note=n.text("skos:note"),
            source=n.source,
        )
    )  # fmt: skip


def _option(n: _Node, c: Content) -> None:
    sets = n.texts("kg:sets")
    for effect in sets:
        found = _EFFECT.fullmatch(effect)
        if found is None or (found[1] and found[2] == "jurisdiction"):
            hint = "write role:, tier:, fact: or jurisdiction: and a word, with ? before it to leave it open"
            n.report(n.source.line, "BAD_VALUE", f"kg:sets {effect!r} of {n.id} is no effect", hint)
        elif found[2] != "jurisdiction":
            n.report.word(n.source.line, f"kg:sets of {n.id}", found[3], _WORDS[found[2]])
    c.options.append(
        Option(
            id=n.id, question=n.text("kg:optionOf"), name=n.text("skos:notation"), title=n.text("dcterms:title"),
            order=n.number("kg:order", 99), sets=sets, note=n.text("skos:note"), source=n.source,
        )
    )  # fmt: skip


_BUILDERS: dict[str, Callable[[_Node, Content], None]] = {
    "kg:Framework": _framework,
    "kg:Provision": _provision,
    "kg:ApplicationRule": _rule,
    "kg:Catalogue": _catalogue,
    "kg:ReferenceControl": _control,
    "kg:JointNode": _joint,
    "kg:Threat": _threat,
    "kg:Incident": _incident,
    "kg:RiskDomain": _risk_domain,
    "kg:Disclaimer": _disclaimer,
    "kg:ProfileWord": _word,
    "kg:Question": _question,
    "kg:Option": _option,
}


def _subject_lines(text: str) -> dict[str, int]:
    """Where each subject's block begins: in canonical form a subject stands at the start of its line."""
    lines: dict[str, int] = {}
    line, last = 1, 0
    for match in _SUBJECT_LINE.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        lines.setdefault(match[1].strip("<>"), line)
    return lines


def _value(term: Any) -> str:
    return curie(term.value) if isinstance(term, ox.NamedNode) else str(term.value)


def read_turtle(path: Path, shown: str, content: Content, report: Reporter) -> None:
    """Read one file into ``content``; whatever is wrong becomes a finding."""
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        report(1, "ENCODING", "the file begins with a byte order mark", "save it as UTF-8 without BOM")
        data = data[3:]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report(line, "ENCODING", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return
    lines = _subject_lines(text)
    nodes: dict[str, _Node] = {}
    try:
        for quad in ox.parse(text, format=ox.RdfFormat.TURTLE):
            if isinstance(quad.subject, ox.BlankNode):
                continue
            id_ = curie(quad.subject.value)
            node = nodes.get(id_)
            if node is None:
                line = lines.get(id_, lines.get(quad.subject.value, 0))
                node = nodes[id_] = _Node(id_, Source(shown, line), report)
            node.values[curie(quad.predicate.value)].append(_value(quad.object))
    except SyntaxError as error:
        report(error.lineno or 0, "SYNTAX", f"not Turtle: {error.msg}", "mend the line, then run `kg lint` again")
        return
    versions: defaultdict[str, list[TextVersion]] = defaultdict(list)
    for node in nodes.values():
        _build(node, content, versions)
    for index, framework in enumerate(content.frameworks):
        if framework.id in versions:
            ordered = tuple(sorted(versions.pop(framework.id), key=lambda v: v.date))
            content.frameworks[index] = _with_versions(framework, ordered)
    for left in versions:
        report(0, "UNKNOWN_ID", f"text version of {left!r}, which is not a framework of this file")


def _with_versions(framework: Framework, versions: tuple[TextVersion, ...]) -> Framework:
    from dataclasses import replace

    return replace(framework, text_versions=versions)


def _build(node: _Node, content: Content, versions: defaultdict[str, list[TextVersion]]) -> None:
    line, report = node.source.line, node.report
    types = node.values.get(RDF_TYPE, [])
    ours = [t for t in types if t in CLASSES]
    if not ours:
        if not types:
            report(line, "MISSING_VALUE", f"{node.id} has no type", "say what it is: `a kg:Provision`, …")
        elif not all(t.startswith(_FOREIGN_TYPES) for t in types):
            near = nearest(types[0], CLASSES)
            report(
                line,
                "UNKNOWN_TERM",
                f"{node.id} is of unknown class {types[0]}",
                f"did you mean {near}?" if near else "",
            )
        return
    required, allowed = CLASSES[ours[0]]
    known = _COMMON | required | allowed
    for key in sorted(set(node.values) - known):
        near = nearest(key, known)
        hint = f"did you mean {near}? a {ours[0]} has: {', '.join(sorted(known - {RDF_TYPE}))}"
        report(line, "UNKNOWN_TERM", f"{node.id} has unknown property {key}", hint if near else "")
    needed = required | ({"dcterms:title"} if ours[0] != "kg:Disclaimer" else set())
    for key in sorted(needed):
        if not any(v.strip() for v in node.values.get(key, ())):
            report(line, "MISSING_VALUE", f"{node.id} has no {key}")
            if key in ("kg:framework", "kg:inForceFrom"):
                return
    if ours[0] == "kg:TextVersion":
        if when := node.date("kg:inForceFrom"):
            url = node.text("rdfs:seeAlso")
            versions[node.local("kg:framework")].append(TextVersion(when, node.text("dcterms:title"), url))
    else:
        _BUILDERS[ours[0]](node, content)
