"""The questions an assistant may put: each a function of a release that returns a typed result.

Unknown ids and broken controls raise :class:`~kg.errors.KgError`, which the server turns into a tool error with what is
wrong and the nearest right thing.  Where the graph has no edge, the result carries a :class:`~kg.mcp.results.Refusal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from kg.answers import (
    Assessment,
    Verdict,
    assess,
    explain,
    exposure,
    gap_report,
    search,
)
from kg.answers import crosswalk as crosswalk_of
from kg.answers.coverage import Coverage, RequirementResult, StepView
from kg.answers.exposure import REPORTED_CASES_ONLY, incidents_of, threat_family
from kg.answers.filter import Filter
from kg.answers.graph import graph_of
from kg.errors import UsageError
from kg.exports.tables_assessment import coverage_document
from kg.exports.tables_crosswalk import direction
from kg.mcp import results as r
from kg.model import Control, Disclaimer, Incident, Profile, Provision, ReferenceControl
from kg.model import Mapping as Row
from kg.organizations import parse_controls, profile_from_mapping
from kg.relations import NO_RELATIONSHIP, Outcome, combine, inverse, outcome, word
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["MAX_CONTROLS", "Tools"]

MAX_CONTROLS = 2_000
MOST = 200
T = TypeVar("T")
#: Who reads the controls of an organisation that is kept, by its id.
Kept = Callable[[str], tuple[Sequence[Control], Profile | None]]


def _cut(items: Sequence[T], offset: int, limit: int) -> tuple[list[T], r.Page]:
    if not 1 <= limit <= MOST:
        raise UsageError(f"limit {limit} is out of range", f"1 to {MOST}")
    if offset < 0:
        raise UsageError(f"offset {offset} is out of range", "0 or more")
    shown = list(items[offset : offset + limit])
    return shown, r.Page(total=len(items), offset=offset, returned=len(shown))


def _day(text: str) -> date:
    if not text:
        return date.today()
    from kg.organizations.controls import parse_day

    return parse_day(text)


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools over one release.  ``kept`` reads organisations that are kept; without it none can be asked about."""

    release: Release
    kept: Kept | None = None

    # ---------------------------------------------------------------- what there is

    def frameworks(self) -> r.FrameworksResult:
        """Every framework and catalogue, with the names that the other tools take."""
        release, today = self.release, date.today()
        found = [
            r.Framework(
                id=f.id, title=f.title, kind=f.kind, items=len(release.requirements(f.id, today)),
                text_versions=[v.date.isoformat() for v in f.text_versions], url=f.url, licence=f.licence,
            )
            for f in release.frameworks.values()
        ]  # fmt: skip
        for c in release.catalogues.values():
            held = sum(1 for group in (release.controls, release.joints) for n in group.values() if n.catalogue == c.id)
            found.append(
                r.Framework(
                    id=c.id, title=c.title, kind="catalogue", items=held, text_versions=[], url=c.url,
                    licence=c.licence,
                )
            )  # fmt: skip
        return r.FrameworksResult(
            frameworks=found, basis=self._basis(today, "counted in the release", release.disclaimers_for())
        )

    def search(self, text: str, kind: str = "", limit: int = 20) -> r.SearchResult:
        """The nodes that ``text`` most likely means."""
        release = self.release
        hits = search(release, text, min(max(limit, 1), MOST), kinds={kind} if kind else None)
        basis = self._basis(date.today(), "ranked by words (BM25); a hit is no mapping", ())
        if not hits:
            return r.SearchResult(
                refusal=self._refusal("no word of it is known to the graph", f"ids, titles, summaries: {text!r}"),
                hits=[],
                basis=basis,
            )
        return r.SearchResult(
            refusal=None,
            hits=[r.Found(curie=h.id, kind=h.kind, reference=h.ref, title=h.title, summary=h.summary) for h in hits],
            basis=basis,
        )

    def requirement(self, name: str, framework: str = "", limit: int = 50, offset: int = 0) -> r.RequirementResult:
        """One provision, reference control or joint node."""
        release = self.release
        id_ = self._node(name, framework)
        node = release.node(id_)
        today = date.today()
        rows = release.rows_of.get(id_, ())
        shown, page = _cut(rows, offset, limit)
        p = node if isinstance(node, Provision) else None
        kind = p.kind if p else "control" if isinstance(node, ReferenceControl) else "joint node"
        match node:
            case Provision():
                summary, parts = node.summary, [x.part for x in release.parts_of.get(id_, ())]
            case ReferenceControl():
                summary, parts = node.statement, []
            case _:
                summary, parts = node.rationale, list(node.members)
        within = release.ancestors(id_) if p else []
        about = {prefix_of(end) for m in shown for end in (m.subject, m.object)} | {prefix_of(id_)}
        linked = {t.threat for t in release.threat_links if t.target == id_}
        threats = [t.id for t in exposure(release, id_).threats] if p else sorted(linked | set(_threats(node)))
        return r.RequirementResult(
            curie=id_,
            kind=kind,
            reference=release.cite(id_) if p else id_,
            title=node.title,
            summary=summary,
            counted=p is not None and any(x.id == id_ for x in release.requirements(p.framework, today)),
            modality=p.modality.value if p and p.modality else "",
            official_text=self._official(p) if p else "",
            text_from=p.text_from.isoformat() if p and p.text_from else "",
            text_until=p.text_until.isoformat() if p and p.text_until else "",
            within=self._named(within),
            parts=self._named(parts),
            mappings=[self._mapping(m) for m in shown],
            mappings_page=page,
            legal_references=self._references({id_}),
            threats=self._named(threats),
            confidence=p.confidence if p else "",
            note=p.note if p else "",
            basis=self._basis(today, "rows of mapping sets, each with its source", release.disclaimers_for(*about)),
        )

    def crosswalk(
        self, source: str, target: str, as_of: str = "", derived: bool = True, limit: int = 50, offset: int = 0
    ) -> r.CrosswalkResult:
        """What joins two frameworks, two catalogues, or two single nodes."""
        names = {*self.release.frameworks, *self.release.catalogues}
        if source in names and target in names:
            return self._between(source, target, _day(as_of), derived, limit, offset)
        if source in names or target in names:
            lone = target if source in names else source
            raise UsageError(
                "a framework and a single node cannot be crossed",
                f"two frameworks, two nodes, or the `requirement` tool for {lone}",
            )
        return self._pair(self._node(source), self._node(target), _day(as_of), derived, limit, offset)

    def incidents(self, about: str, limit: int = 20, offset: int = 0) -> r.IncidentsResult:
        """Recorded cases behind a threat, a requirement or a reference control; or one case by its id."""
        release = self.release
        id_ = self._anything(about)
        cautions = (REPORTED_CASES_ONLY,)
        method = "cases whose recorded threats are those linked to it, or narrower kinds of them"
        note = ""
        if id_ in release.incidents or id_ in release.known_by_number:
            case = release.incidents.get(id_) or release.known_by_number[id_]
            cases: Sequence[Incident] = (case,)
            threats = list(case.threats)
            note = case.basis if not case.title else ""
        elif id_ in release.provisions:
            found = exposure(release, id_)
            threats, cases, note = [t.id for t in found.threats], found.incidents, found.note
        else:
            node_threats = set(_threats(release.controls.get(id_)))
            linked = {t.threat for t in release.threat_links if t.target == id_}
            threats = [id_] if id_ in release.threats else sorted(node_threats | linked)
            by_id = {i.id: i for t in threats for i in incidents_of(release, t)}
            cases = sorted(by_id.values(), key=lambda i: (i.date, i.number), reverse=True)
        shown, page = _cut(cases, offset, limit)
        refusal = None
        if not threats and not cases:
            refusal = self._refusal("no threat in this release is linked to it", f"threat links of {id_}")
        elif not cases:
            family = ", ".join(sorted({f for t in threats for f in threat_family(release, t)})[:12])
            refusal = self._refusal("no recorded case of these threats", f"the cases of {family}")
        return r.IncidentsResult(
            refusal=refusal,
            about=r.Named(curie=id_, title=release.title(id_)),
            threats=self._named(threats),
            incidents=[
                r.IncidentItem(curie=i.id, title=i.title, date=i.date, url=i.url, threats=self._named(i.threats))
                for i in shown
            ],
            page=page,
            note=note,
            basis=self._basis(date.today(), method, cautions),
        )

    # ---------------------------------------------------------------- an organisation

    def coverage(
        self, controls: Any, framework: str, profile: dict[str, Any] | None = None, as_of: str = "",
        limit: int = 100, offset: int = 0,
    ) -> r.CoverageResult:  # fmt: skip
        """How far one framework is covered by these controls."""
        assessment, findings = self._assess(controls, profile, as_of)
        found = assessment.coverage(self._framework(framework))
        shown, page = _cut(found.requirements, offset, limit)
        return r.CoverageResult(
            framework=found.framework,
            title=found.title,
            sentence=coverage_document(found, self.release).summary,
            counts=_counts(found),
            requirements=[_verdict(x) for x in shown],
            page=page,
            findings=findings,
            basis=self._answered(found),
        )

    def gaps(
        self, controls: Any, framework: str, profile: dict[str, Any] | None = None, as_of: str = "",
        limit: int = 20, offset: int = 0,
    ) -> r.GapsResult:  # fmt: skip
        """The open requirements of one framework, worst first."""
        assessment, findings = self._assess(controls, profile, as_of)
        report = gap_report(assessment, self._framework(framework))
        shown, page = _cut(report.gaps, offset, limit)
        return r.GapsResult(
            framework=report.coverage.framework,
            counts=_counts(report.coverage),
            gaps=[
                r.GapItem(
                    requirement=_verdict(g.result),
                    summary=g.result.requirement.summary,
                    could_cover=self._named(g.could_cover[:10]),
                    unfinished=[r.Named(curie=p.control, title=p.title) for p in g.pending],
                    incidents=len(g.exposure.incidents),
                )
                for g in shown
            ],
            page=page,
            findings=findings,
            basis=self._answered(report.coverage, REPORTED_CASES_ONLY),
        )

    def explain(
        self, controls: Any, requirement: str, profile: dict[str, Any] | None = None, as_of: str = ""
    ) -> r.ExplainResult:
        """Everything behind the verdict on one requirement."""
        assessment, _ = self._assess(controls, profile, as_of)
        found = explain(assessment, self._requirement(assessment, requirement))
        e, result = found.result.explanation, found.result
        basis = r.Basis(
            release=found.release, as_of=found.as_of, method=found.method, disclaimers=_cautions(found.disclaimers)
        )
        refusal = None
        if not found.rulings:
            hint = f"it could be covered by {', '.join(found.could_cover[:5])}" if found.could_cover else ""
            refusal = self._refusal(
                "no control given has a chain to this requirement",
                f"every chain of at most {assessment.filter.max_hops} hops from {len(assessment.controls)} controls",
                hint,
            )
        return r.ExplainResult(
            refusal=refusal,
            requirement=_verdict(result),
            because=result.decision.explanation,
            legal_reference=result.decision.legal_reference,
            shown=r.Chain(
                control=e.control, title=e.title, relation=e.relation, steps=[_step(s) for s in e.steps],
                reviewed=e.reviewed, disputed=e.disputed,
            ) if e else None,
            rulings=[
                r.Ruling(
                    control=x.control, title=x.title, status=x.status, outcome=x.outcome, relation=x.relation,
                    verdict=x.verdict, disputed=x.disputed, stale=x.stale,
                    chain=[_step(s) for s in next((c.steps for c in x.chains if c.shown), ())],
                    further_chains=max(0, len(x.chains) - 1),
                )
                for x in found.rulings[:20]
            ],
            could_cover=self._named(found.could_cover),
            references=[r.Reference(subject=x.subject, kind=x.kind, object=x.object) for x in found.references],
            basis=basis,
        )  # fmt: skip

    # ---------------------------------------------------------------- helpers

    def _basis(self, day: date, method: str, cautions: Iterable[Disclaimer]) -> r.Basis:
        return r.Basis(
            release=self.release.digest, as_of=day.isoformat(), method=method, disclaimers=_cautions(cautions)
        )

    def _answered(self, found: Coverage, *more: Disclaimer) -> r.Basis:
        return self._basis(found.as_of, found.method, (*found.disclaimers, *more))

    def _refusal(self, reason: str, looked_at: str, hint: str = "") -> r.Refusal:
        return r.Refusal(reason=reason, looked_at=looked_at, hint=hint)

    def _named(self, ids: Iterable[str]) -> list[r.Named]:
        return [r.Named(curie=i, title=self.release.title(i)) for i in ids]

    def _official(self, provision: Provision) -> str:
        from kg.exports.tables import Link, link_to

        link = link_to(self.release, provision.id)
        return link.url if isinstance(link, Link) else ""

    def _framework(self, name: str) -> str:
        wanted = name.strip().casefold()
        for f in self.release.frameworks.values():
            if wanted in (f.id.casefold(), f.short_title.casefold()):
                return f.id
        return self.release.framework(name).id

    def _node(self, name: str, framework: str = "") -> str:
        id_ = self.release.resolve(name, self._framework(framework) if framework else None)
        self.release.node(id_)
        return id_

    def _anything(self, name: str) -> str:
        release = self.release
        if name in release.threats:
            return name
        return release.resolve(name)

    def _requirement(self, assessment: Assessment, name: str) -> Provision:
        release, id_ = self.release, self._node(name)
        if id_ not in release.provisions:
            raise UsageError(f"{id_} is not a requirement", "name a provision of a framework")
        standing = {x.id: x for x in assessment.graph.requirements(release.provisions[id_].framework)}
        if id_ not in standing:
            near = [x for x in standing if id_ in release.ancestors(x)]
            near = near or [a for a in release.ancestors(id_) if a in standing]
            raise UsageError(f"{id_} is not counted itself", f"ask about {', '.join(near[:8])}" if near else "")
        return standing[id_]

    def _assess(self, controls: Any, profile: dict[str, Any] | None, as_of: str) -> tuple[Assessment, list[str]]:
        release = self.release
        stated = profile_from_mapping(profile, release) if profile else None
        day = _day(as_of) if as_of else None
        systems = [s.id for s in stated.systems] if stated else None
        if isinstance(controls, str) and controls.startswith("org:"):
            if self.kept is None:
                raise UsageError("organisations that are kept are not open here", "start `kg mcp` with --organizations")
            held, own = self.kept(controls.removeprefix("org:"))
            return assess(release, held, stated or own, day), []
        if isinstance(controls, str):
            sheet = read_table_text(controls, release, systems)
        else:
            if len(controls) > MAX_CONTROLS:
                raise UsageError(f"{len(controls)} controls are too many", f"at most {MAX_CONTROLS}")
            rows = [{k: None if v is None else str(v) for k, v in row.items()} for row in controls]
            sheet = parse_controls(rows, release, systems=systems)
        return assess(release, sheet.controls, stated, day), [str(f) for f in sheet.findings]

    def _source(self, row: Row) -> r.Source:
        return r.Source(
            mapping_set=row.set_id, row=row.id, authority=self.release.sets[row.set_id].authority.value,
            method=row.method.value, reviewed=row.reviewed,
        )  # fmt: skip

    def _mapping(self, row: Row, *, turned: bool = False) -> r.Mapping:
        ends = (row.object, row.subject) if turned else (row.subject, row.object)
        subject, object_ = self._named(ends)
        return r.Mapping(
            subject=subject, relation=word(inverse(row.mask)) if turned else row.relation, object=object_,
            strength=row.strength, rationale=row.rationale, source=self._source(row),
        )  # fmt: skip

    def _references(self, about: set[str]) -> list[r.Reference]:
        return [
            r.Reference(subject=x.subject, kind=x.kind, object=x.object)
            for x in self.release.references
            if x.subject in about or x.object in about
        ]

    def _derived(self, d: Any) -> r.DerivedRelation:
        subject, object_ = self._named((d.subject, d.object))
        return r.DerivedRelation(
            subject=subject, relation=d.relation, object=object_, outcome=d.outcome, disputed=d.disputed,
            steps=[_step(s) for s in d.steps],
        )  # fmt: skip

    def _between(
        self, source: str, target: str, day: date, derived: bool, limit: int, offset: int
    ) -> r.CrosswalkResult:
        found = crosswalk_of(self.release, source, target, as_of=day, derived=derived)
        here, there = found.sides
        rows, page = _cut(found.rows, offset, limit)
        follow, follow_page = _cut(found.derived, offset, limit)
        refusal = None
        if not found.rows and not found.derived:
            refusal = self._refusal(
                f"no row and no chain joins {source} and {target}",
                f"{len(self.release.mappings)} rows, chains of at most 3 hops",
            )
        return r.CrosswalkResult(
            refusal=refusal, source=source, target=target,
            summary=f"{direction(here, there)} {direction(there, here)}",
            rows=[self._mapping(x.row, turned=x.turned) for x in rows], rows_page=page,
            derived=[self._derived(d) for d in follow], derived_page=follow_page,
            basis=self._basis(found.as_of, found.method, found.disclaimers),
        )  # fmt: skip

    def _pair(self, a: str, b: str, day: date, derived: bool, limit: int, offset: int) -> r.CrosswalkResult:
        """What joins two single nodes: rows either way, and what their chains say together."""
        release = self.release
        graph = graph_of(release, day, Filter())
        for id_ in (a, b):
            if not graph.exists(id_):
                raise UsageError(f"{id_} does not stand in the text in force on {day}", "choose another day: as_of")
        direct = [m for m in release.rows_of.get(a, ()) if {m.subject, m.object} == {a, b}]
        rows, page = _cut(direct, offset, limit)
        follow: list[r.DerivedRelation] = []
        chains = graph.reach(a).get(b, []) if derived and a != b else []
        if chains and not any(c.hops == 1 and not c.parts for c in chains):
            combined = combine(c.evidence for c in chains)
            if combined.outcome >= Outcome.OVERLAPS:
                alike = [c for c in chains if outcome(c.mask) is combined.outcome] or chains
                shown = min(alike, key=lambda c: c.rank)
                from kg.answers.coverage import step_views

                subject, object_ = self._named((a, b))
                follow.append(
                    r.DerivedRelation(
                        subject=subject, relation=word(combined.mask), object=object_,
                        outcome=combined.outcome.name, disputed=combined.disputed,
                        steps=[_step(s) for s in step_views(release, shown.steps)],
                    )
                )  # fmt: skip
        refusal = None
        if not follow and not any(m.mask != NO_RELATIONSHIP for m in direct):
            if direct:
                said = f"a row says that {a} and {b} have nothing to do with each other"
            elif chains:
                said = f"chains lead from {a} to {b}, but leave open whether they have anything in common"
            else:
                said = f"no mapping in this graph joins {a} and {b}"
            refusal = self._refusal(
                said,
                f"{len(release.rows_of.get(a, ()))} rows of {a}, {len(release.rows_of.get(b, ()))} of {b}, and chains "
                "of at most 3 hops between them",
                "absence of a row is no proof of absence; `requirement` shows what each is mapped to",
            )
        cautions = release.disclaimers_for(prefix_of(a), prefix_of(b))
        return r.CrosswalkResult(
            refusal=refusal, source=a, target=b, summary="",
            rows=[self._mapping(m, turned=m.subject != a) for m in rows], rows_page=page,
            derived=follow, derived_page=r.Page(total=len(follow), offset=0, returned=len(follow)),
            basis=self._basis(day, "assertions of mapping sets, and relations derived from chains (RCC5)", cautions),
        )  # fmt: skip


def read_table_text(text: str, release: Release, systems: Sequence[str] | None) -> Any:
    """Controls as the text of a CSV file."""
    from pathlib import Path

    from kg.organizations.controls import parse_table, read_table

    if len(text) > 5_000_000:
        raise UsageError("the controls are too long", "at most 5 MB of CSV")
    sheet = parse_table(read_table(Path("controls.csv"), text.encode()), release, systems)
    if len(sheet.controls) > MAX_CONTROLS:
        raise UsageError(f"{len(sheet.controls)} controls are too many", f"at most {MAX_CONTROLS}")
    return sheet


def _threats(node: object) -> tuple[str, ...]:
    """The threats that a reference control itself names; nothing else names any."""
    return node.threats if isinstance(node, ReferenceControl) else ()


def _cautions(found: Iterable[Disclaimer]) -> list[r.Caution]:
    return [r.Caution(text=d.text, basis=d.basis) for d in found]


def _counts(found: Coverage) -> r.Counts:
    c, percent = found.counts, found.counts.percent_covered
    return r.Counts(
        applicable=c.applicable, covered=c.covered, covered_reviewed=c.covered_reviewed, partial=c.partial, lead=c.lead,
        gap=c.gap, disputed=c.disputed, not_applicable=c.not_applicable, excluded=c.excluded,
        not_yet_applicable=c.not_yet_applicable, total=c.total,
        percent_covered=None if percent is None else round(percent, 1),
    )  # fmt: skip


def _verdict(x: RequirementResult) -> r.Verdict:
    return r.Verdict(
        curie=x.requirement.id, reference=x.requirement.ref, title=x.requirement.title,
        applicability=x.decision.applicability.value, verdict=Verdict(x.verdict).name,
        reasons=[reason.value for reason in x.reasons], by=x.explanation.control if x.explanation else "",
    )  # fmt: skip


def _step(s: StepView) -> r.Step:
    source = (
        r.Source(mapping_set=s.set, row=s.row, authority=s.authority, method=s.method, reviewed=s.reviewed)
        if s.kind == "row"
        else None
    )
    return r.Step(subject=s.subject, relation=s.relation, object=s.object, kind=s.kind, source=source)
