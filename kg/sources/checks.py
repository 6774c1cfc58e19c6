"""The rules of strict loading over everything that was read: content → findings.

One small function per rule; each reports every place where the rule is broken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date

from kg.errors import Finding, Severity, nearest
from kg.model import AUTHORITIES, EXPLICIT_FACTS, ROLES, TIERS, Mapping, PartKind, Source
from kg.relations import EQUAL, inverse, word
from kg.sources.content import Content
from kg.terms import prefix_of

__all__ = ["check"]

Report = Callable[[Source, str, str, str], None]


class _Index:
    """Ids by kind, titles by id, and the answer to "what was meant?"."""

    def __init__(self, content: Content) -> None:
        self.provisions = {p.id: p for p in content.provisions}
        self.frameworks = {f.id: f for f in content.frameworks}
        self.controls = {c.id for c in content.controls}
        self.joints = {j.id for j in content.joints}
        self.threats = {t.id for t in content.threats}
        self.rules = {r.id for r in content.rules}
        self.risk_domains = {d.id for d in content.risk_domains}
        self.mappable = {*self.provisions, *self.controls, *self.joints}
        self.titles: dict[str, str] = {}
        for group in (content.provisions, content.controls, content.joints, content.threats, content.risk_domains):
            self.titles |= {node.id: node.title for node in group}
        self.titles |= {f"kgfw:{f.id}": f.title for f in content.frameworks}
        self.all = {*self.mappable, *self.threats, *self.rules, *self.risk_domains}
        self.all |= {i.id for i in content.incidents}
        self.all |= {f"kgfw:{f.id}" for f in content.frameworks} | {f"kgfw:{c.id}" for c in content.catalogues}
        self._by_prefix: defaultdict[str, list[str]] = defaultdict(list)
        for id_ in self.all:
            self._by_prefix[prefix_of(id_)].append(id_)

    def hint(self, id_: str) -> str:
        prefix = prefix_of(id_)
        if prefix not in self._by_prefix:
            return f"no such prefix; one of: {', '.join(sorted(self._by_prefix))}"
        near = nearest(id_, self._by_prefix[prefix])
        listing = f"`kg search` or `kg show kgfw:{prefix}` lists the ids of {prefix}"
        return f"did you mean {near} ({self.titles.get(near, '')})? {listing}" if near else listing


def check(content: Content) -> list[Finding]:
    """Every finding about ``content`` as a whole, in no particular order."""
    findings: list[Finding] = []

    def report(source: Source, code: str, message: str, hint: str = "", *, warning: bool = False) -> None:
        severity: Severity = "warning" if warning else "error"
        findings.append(Finding(source.path, source.line, code, message, hint, severity=severity))

    index = _Index(content)
    _duplicates(content, report)
    _references(content, index, report)
    _labels(content, index, report)
    _parts(content, index, report)
    _rows(content, index, report)
    _contradictions(content, report)
    _vocabulary(content, index, report)
    return findings


def _duplicates(content: Content, report: Callable[..., None]) -> None:
    groups: tuple[Iterable[tuple[str, Source]], ...] = (
        [(n.id, n.source) for kind in (content.provisions, content.controls, content.joints) for n in kind],
        [(n.id, n.source) for n in content.threats],
        [(n.id, n.source) for n in content.incidents],
        [(n.id, n.source) for n in content.risk_domains],
        [(n.id, n.source) for n in content.classification_sets],
        [(n.id, n.source) for n in content.rules],
        [(n.id, n.source) for n in content.disclaimers],
        [(n.id, n.source) for kind in (content.frameworks, content.catalogues) for n in kind],
        [(n.id, n.source) for n in content.sets],
        [(n.id, n.source) for kind in (content.words, content.questions, content.options) for n in kind],
        [(f"{w.kind} {w.name}", w.source) for w in content.words],
    )
    for group in groups:
        first: dict[str, Source] = {}
        for id_, source in group:
            if id_ in first:
                there = first[id_]
                report(source, "DUPLICATE_ID", f"{id_} is defined already", f"at {there.path}:{there.line}")
            first.setdefault(id_, source)
    rows: dict[tuple[str, str, str, str], Source] = {}
    for m in content.mappings:
        key = (m.set_id, m.subject, m.object, m.rationale_kind)
        if key in rows:
            message = f"{m.subject} → {m.object} ({m.rationale_kind}) stands in this set already"
            report(m.source, "DUPLICATE_ROW", message, f"at {rows[key].path}:{rows[key].line}; keep one")
        rows.setdefault(key, m.source)
    classified: dict[str, Source] = {}
    for c in content.classifications:
        if c.incident in classified:
            there = classified[c.incident]
            where = f"at {there.path}:{there.line}; keep one"
            report(c.source, "DUPLICATE_ROW", f"{c.incident} is classified already", where)
        classified.setdefault(c.incident, c.source)
    links = [(t.threat, str(t.relation), t.target, t.set_id, t.source) for t in content.threat_links]
    links += [(ref.subject, ref.kind, ref.object, ref.set_id, ref.source) for ref in content.references]
    seen: dict[tuple[str, str, str, str], Source] = {}
    for subject, relation, object_, set_id, source in links:
        link = (subject, relation, object_, set_id)
        if link in seen:
            where = f"at {seen[link].path}:{seen[link].line}"
            report(source, "DUPLICATE_ROW", f"{subject} {relation} {object_} stands in this set already", where)
        seen.setdefault(link, source)


def _references(content: Content, index: _Index, report: Callable[..., None]) -> None:
    def need(source: Source, id_: str, known: Iterable[str], what: str) -> None:
        if id_ in known:
            return
        if id_ in index.all:
            report(source, "WRONG_KIND", f"{id_} is not {what}", f"name {what}; `kg search` finds one")
        else:
            report(source, "UNKNOWN_ID", f"{id_} does not exist", index.hint(id_))

    catalogues = {c.id for c in content.catalogues}
    for p in content.provisions:
        if p.framework not in index.frameworks:
            near = nearest(p.framework, index.frameworks)
            report(
                p.source,
                "UNKNOWN_ID",
                f"framework {p.framework!r} of {p.id} does not exist",
                f"did you mean {near}?" if near else "",
            )
        for rule in p.rules:
            need(p.source, rule, index.rules, "an application rule")
    for part in content.parts:
        need(part.source, part.whole, index.provisions, "a provision")
        need(part.source, part.part, index.provisions, "a provision")
    for c in content.controls:
        need(c.source, f"kgfw:{c.catalogue}", {f"kgfw:{i}" for i in catalogues}, "a catalogue")
        for threat in c.threats:
            need(c.source, threat, index.threats, "a threat")
    for j in content.joints:
        for member in j.members:
            need(j.source, member, index.controls, "a reference control")
        if len(set(j.members)) < 2:
            report(j.source, "MISSING_VALUE", f"{j.id} has fewer than two members", "a joint node joins at least two")
    for t in content.threats:
        for other in (*t.broader, *(m for m in t.matches if prefix_of(m) in ("threat", "nist-aml"))):
            need(t.source, other, index.threats, "a threat")
    for i in content.incidents:
        for threat in i.threats:
            need(i.source, threat, index.threats, "a threat")
    for d in content.risk_domains:
        if d.broader:
            need(d.source, d.broader, index.risk_domains, "a domain of the MIT AI Risk Repository")
        for threat in d.matches:
            need(d.source, threat, index.threats, "a threat")
    subdomains = {d.id for d in content.risk_domains if d.broader}
    for classified in content.classifications:
        need(classified.source, classified.subdomain, subdomains, "a subdomain of the MIT AI Risk Repository")
    for link in content.threat_links:
        need(link.source, link.threat, index.threats, "a threat")
        need(link.source, link.target, index.mappable, "a control or provision")
    whole = {f"kgfw:{f}" for f in index.frameworks}
    for ref in content.references:
        need(ref.source, ref.subject, index.provisions.keys() | whole, "a provision")
        need(ref.source, ref.object, index.provisions.keys() | whole, "a provision")
    for disclaimer in content.disclaimers:
        for f in disclaimer.frameworks:
            need(disclaimer.source, f"kgfw:{f}", index.all, "a framework")
    for left_out in content.non_coverage:
        need(left_out.source, left_out.subject, index.mappable, "a provision or control")
        need(left_out.source, f"kgfw:{left_out.framework}", whole, "a framework")
    for m in content.mappings:
        for end, version in ((m.subject, m.subject_version), (m.object, m.object_version)):
            need(m.source, end, index.mappable, "a provision or control")
            provision = index.provisions.get(end)
            if provision is not None:
                _version(m, end, version, index, report)


def _version(m: Mapping, end: str, version: str, index: _Index, report: Callable[..., None]) -> None:
    provision = index.provisions[end]
    framework = index.frameworks.get(provision.framework)
    if framework is None or not framework.text_versions:
        return
    known = {v.date.isoformat(): v.date for v in framework.text_versions}
    if version and len(known) > 1 and version not in known:
        report(
            m.source,
            "BAD_VALUE",
            f"text version {version!r} of {framework.id} is not known",
            f"one of: {', '.join(known)}",
        )
        return
    text: date = known.get(version, framework.text_versions[-1].date)
    if not provision.in_text(text):
        life = " ".join(
            f"{name} {when}" for name, when in (("from", provision.text_from), ("until", provision.text_until)) if when
        )
        report(m.source, "RETIRED_ID", f"{end} does not stand in the text of {text}", f"it exists {life}")


def _labels(content: Content, index: _Index, report: Callable[..., None]) -> None:
    for source, id_, label in content.labels:
        title = index.titles.get(id_)
        if title is not None and label != title:
            report(
                source, "LABEL_MISMATCH", f"{id_} is {title!r}, not {label!r}", "is the id right? then mend the label"
            )


def _parts(content: Content, index: _Index, report: Callable[..., None]) -> None:
    wholes: defaultdict[str, list[str]] = defaultdict(list)
    for part in content.parts:
        wholes[part.part].append(part.whole)
        if part.kind is not PartKind.ALL_OF:
            p = index.provisions.get(part.part)
            if p is not None and p.assessable:
                message = f"{p.id} is {part.kind} of {part.whole} and yet assessable"
                report(
                    p.source,
                    "ALTERNATIVE_IS_ASSESSABLE",
                    message,
                    "set kg:assessable to false, or hang it on with all_of",
                )
    done: set[str] = set()
    for start in sorted(wholes):
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, depth = stack.pop()
            while len(path) > depth:
                left = path.pop()
                on_path.discard(left)
                done.add(left)
            if node in on_path:
                cycle = [*path[path.index(node) :], node]
                source = index.provisions[node].source if node in index.provisions else Source()
                report(source, "PART_CYCLE", f"{' ⊂ '.join(cycle)}", "remove one of these parts")
                done.update(path)
                break
            if node in done:
                continue
            path.append(node)
            on_path.add(node)
            stack += [(whole, len(path)) for whole in wholes.get(node, ())]
        done.update(path)


def _rows(content: Content, index: _Index, report: Callable[..., None]) -> None:
    equals: defaultdict[tuple[str, str], dict[str, Mapping]] = defaultdict(dict)
    for m in content.mappings:
        if m.subject == m.object:
            report(m.source, "SELF_MAPPING", f"{m.subject} is mapped to itself", "remove the row")
        for reviewer in m.reviewers:
            if reviewer not in content.curators:
                report(
                    m.source,
                    "UNSIGNED_REVIEW",
                    f"reviewer {reviewer!r} is not in curators.tsv",
                    "a reviewer signs there first",
                )
        if m.mask == EQUAL:
            equals[m.subject, prefix_of(m.object)][m.object] = m
            equals[m.object, prefix_of(m.subject)][m.subject] = m
    for (node, catalogue), others in sorted(equals.items()):
        if len(others) > 1 or catalogue == prefix_of(node):
            m = max(others.values(), key=lambda m: m.source)
            names = " and ".join(sorted({node, *others} if catalogue == prefix_of(node) else others))
            message = f"{node} is equal to several of {catalogue}: {names}"
            report(m.source, "EQUAL_TWICE", message, "at most one node of a catalogue can be equal to another")


def _contradictions(content: Content, report: Callable[..., None]) -> None:
    authority = {s.id: s.authority for s in content.sets}
    pairs: defaultdict[tuple[str, str], list[tuple[int, Mapping]]] = defaultdict(list)
    for m in content.mappings:
        if m.subject <= m.object:
            pairs[m.subject, m.object].append((m.mask, m))
        else:
            pairs[m.object, m.subject].append((inverse(m.mask), m))
    for (a, b), rows in sorted(pairs.items()):
        for i, (mask, m) in enumerate(rows):
            for other_mask, other in rows[:i]:
                if mask & other_mask:
                    continue
                message = f"{a} {word(mask)} {b} cannot hold beside {word(other_mask)}"
                where = f"{other.source.path}:{other.source.line}"
                if m.set_id == other.set_id and m.rationale_kind == other.rationale_kind:
                    report(m.source, "CONTRADICTION", message, f"in the same set at {where}; keep one")
                elif m.set_id != other.set_id and m.scores | other.scores:
                    stronger = min(authority[m.set_id], authority[other.set_id], key=AUTHORITIES.index)
                    report(
                        m.source,
                        "CONTRADICTION_BETWEEN_SETS",
                        message,
                        f"in {where}; {stronger} has more authority",
                        warning=True,
                    )


def _vocabulary(content: Content, index: _Index, report: Callable[..., None]) -> None:
    """Every role, tier and fact has a node that says what defines it, and what the questionnaire names exists."""
    named: list[tuple[Source, tuple[str, ...]]] = [(w.source, w.defined_by) for w in content.words]
    for source, provisions in (*named, *((q.source, q.defined_by) for q in content.questions)):
        for provision in provisions:
            _need_provision(source, provision, index, report)
    for f in content.frameworks:
        for provision in f.territory:
            _need_provision(f.source, provision, index, report)
    words = {w.id: w for w in content.words}
    for w in content.words:
        if bool(w.defined_by) != bool(w.basis):
            report(w.source, "MISSING_VALUE", f"{w.id} has one of kg:definedBy and kg:basis", "give both, or neither")
        if not w.basis and not w.note:
            report(w.source, "MISSING_VALUE", f"{w.id} has neither a basis nor a note", "say in a note why")
        for other in w.implies:
            if other not in words or {w.kind, words[other].kind} != {"role"}:
                report(w.source, "UNKNOWN_ID", f"{w.id} implies {other}, which is no role", "name a role's node")
    known = {(w.kind, w.name) for w in content.words}
    for kind, names in (("role", ROLES), ("tier", TIERS), ("fact", EXPLICIT_FACTS)):
        for name in names:
            if known and (kind, name) not in known:
                report(content.words[0].source, "MISSING_VALUE", f"no node says what defines the {kind} {name}")
    options = {q.id: {o.name for o in content.options if o.question == q.id} for q in content.questions}
    by_name = {q.name: q for q in content.questions}
    for o in content.options:
        if o.question not in options:
            near = nearest(o.question, options)
            report(o.source, "UNKNOWN_ID", f"{o.question} is no question", f"did you mean {near}?" if near else "")
    for q in content.questions:
        if q.kind != "date" and len(options[q.id]) < 2:
            report(q.source, "MISSING_VALUE", f"{q.id} has fewer than two options")
        for condition in q.asked_if:
            name, _, option = condition.replace("!=", "=").partition("=")
            gate = by_name.get(name)
            if gate is None or option not in options[gate.id] or gate.order >= q.order:
                hint = "write question=option or question!=option, of a question that comes before"
                report(q.source, "BAD_VALUE", f"kg:askedIf {condition!r} of {q.id} names no earlier answer", hint)


def _need_provision(source: Source, id_: str, index: _Index, report: Callable[..., None]) -> None:
    if id_ not in index.provisions:
        report(source, "UNKNOWN_ID", f"{id_} does not exist", index.hint(id_))
