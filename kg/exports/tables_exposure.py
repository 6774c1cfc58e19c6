"""What happened to others, as documents: the ranking of gaps, a case's concerns, an organisation's readiness."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kg.answers.concerns import (
    Bearing,
    Case,
    ConcernedControl,
    ConcernedRequirement,
    Concerns,
    LinkScope,
    ThreatSource,
    ThreatStage,
)
from kg.answers.coverage import Explanation, StepView
from kg.answers.exposure import AddressedThrough, Exposure
from kg.answers.ranking import CaseCounts, ExposureRanking, RankedGap
from kg.answers.readiness import HeldControl, Holding, MetRequirement, Readiness, StageReadiness
from kg.exports.tables import Cell, Column, Document, Link, Table, chain_text, link_to, set_licences, text_licences, yes
from kg.exports.tables_assessment import incident_text, profile_facts
from kg.exports.words import APPLICABILITY, INCIDENT_LICENCE, REASONS, VERDICTS, denominator
from kg.model import Incident
from kg.release import Release
from kg.terms import prefix_of

__all__ = [
    "HOLDINGS", "cases_text", "concerns_document", "open_text", "ranking_document", "readiness_document", "struck_text",
    "through_text",
]  # fmt: skip

HOLDINGS: dict[str, str] = {
    Holding.IN_PLACE.words: "an implemented control contains the reference control",
    Holding.IN_PART.words: "one overlaps it, a partly implemented one contains it, or the evidence is stale",
    Holding.PLANNED.words: "nothing more yet, but a planned or unfinished control would do some or all of it",
    Holding.UNPROVEN.words: "a lead only: no chain proves it",
    Holding.MISSING.words: "no control is known to do any of it",
}
SCOPES: dict[str, str] = {
    LinkScope.SAME.value: "the link is made for the threat of the case",
    LinkScope.BROADER.value: "the link is made for a broader class, of which the case's threat is one kind: it counts",
    LinkScope.NARROWER.value: "the link is made for one kind of the threat only: listed, never counted",
}
STAGES: dict[str, str] = {
    ThreatStage.PREVENT.value: "makes the threat less likely or less harmful",
    ThreatStage.DETECT.value: "notices it",
    ThreatStage.RESPOND.value: "limits it once it has happened",
    ThreatStage.UNSTATED.value: "its catalogue names the threat without saying which of these it does",
}
KNOWN: dict[str, str] = {
    ThreatSource.RECORDED.value: "recorded for the incident in this release",
    ThreatSource.NAMED.value: "named by whoever asked",
    ThreatSource.MATCH.value: "a close match of what was recorded or named",
    ThreatSource.CLASS.value: "shown by every case of the incident's class in the MIT AI Risk Repository",
}

_CURIE = Column("curie", "Id", "the CURIE, stable for ever", 22, aside=True)
_TITLE = Column("title", "Title", "its title", 34)
_NARROWER = Column("narrower", "Narrower only", "whether it speaks to narrower kinds only, and so does not count", 9)
_RATIONALE = Column("rationale", "Why it concerns the case", "the rationale of each link, with its set", 60)
_CHAIN = Column("chain", "Chain", "the chain of mappings it stands on, each with its row and set", 60, aside=True)
_ID = replace(_CURIE, aside=False)
_ASIDE = tuple(replace(c, aside=True) for c in (_NARROWER, _RATIONALE))

_RANKING = (
    Column("place", "Place", "1 for the most incidents; equal ones share a place; empty: none", 7, "number"),
    Column("framework", "Framework", "the framework's id", 12, detail=True),
    _CURIE,
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    _TITLE,
    Column("verdict", "Verdict", "PARTIAL, LEAD or GAP", 11, "verdict"),
    Column("incidentCount", "Incidents", "how many distinct incidents its threats have", 10, "number"),
    Column("newest", "Newest", "the date of the latest of them", 12),
    Column("struck", "Threats that struck", "each with its incidents; they overlap and do not add up", 44),
    Column("through", "Addresses them", "by its own link, or only through a part or a whole", 24, aside=True),
    Column("incidents", "Latest incidents", "up to three cases, latest first; or why there are none", 56, aside=True),
    Column("why", "Why open", "the reasons in words", 40),
    Column("control", "Nearest control", "the control that comes nearest", 16),
    Column("pending", "Not finished", "controls that would improve it when implemented", 30, aside=True),
    Column("couldCover", "Could cover it", "reference controls and joint nodes that contain or overlap it", 34),
)
_INCIDENTS = (
    Column("number", "AIID", "number of the case in the AI Incident Database", 8),
    Column("date", "Date", "day, month or empty where unknown", 12),
    Column("sector", "Sector", "where it took place, as the project judges", 18),
    Column("title", "What happened", "in words of the project", 60),
    Column("threats", "Threats", "the threats it shows", 40),
    Column("requirements", "Gaps behind which it stands", "the open requirements that address these threats", 60),
)
_CONTROLS = (
    _ID, _TITLE,
    Column("catalogue", "Catalogue", "the catalogue it belongs to", 12),
    Column("stages", "Does what", "prevent, detect, respond, or unstated", 18),
    Column("threats", "About", "the threats of the case that it bears on", 40),
    _NARROWER, _RATIONALE,
)  # fmt: skip
_HELD = (
    *_CONTROLS[:4],
    Column("holding", "You have it", "in place, in part, planned, unproven, missing", 12),
    Column("control", "By", "the control (or joint node) that comes nearest", 16),
    Column("pending", "Not finished", "controls that would improve it when implemented", 30),
    *_CONTROLS[4:5],
    *_ASIDE,
    _CHAIN,
    Column("units", "AI systems", "what each AI system has, where the profile has several", 30, detail=True),
)
_REQUIREMENTS = (
    Column("framework", "Framework", "the framework's id", 12, detail=True),
    _CURIE,
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    _TITLE,
    Column("through", "Addresses it", "by its own link, or only through a part or a whole", 24),
    _NARROWER, _RATIONALE,
)  # fmt: skip
_MET = (
    *_REQUIREMENTS[:4],
    Column("applicability", "Applicability", "APPLICABLE, NOT_APPLICABLE or NOT_YET_APPLICABLE", 18),
    Column("verdict", "Verdict", "COVERED, PARTIAL, LEAD or GAP", 11, "verdict"),
    Column("why", "Why", "the reasons in words, or what decided the applicability", 40),
    Column("control", "Control", "the control (or joint node) the verdict comes from", 16),
    *_REQUIREMENTS[4:5],
    *_ASIDE,
    _CHAIN,
)
_STAGES = (
    Column("stage", "Stage", "prevent, detect, respond, or unstated", 12),
    Column("answer", "Answer", "in a word", 18),
    Column("total", "Known", "reference controls of this stage: the denominator", 9, "number"),
    Column("inPlace", "In place", "of these: in place", 9, "number"),
    Column("inPart", "In part", "of these: in part", 9, "number"),
    Column("planned", "Planned", "of these: planned", 9, "number"),
    Column("unproven", "Unproven", "of these: unproven", 9, "number"),
    Column("missing", "Missing", "of these: missing", 9, "number"),
    Column("narrower", "Narrower", "beside these: for narrower kinds only, not counted", 9, "number"),
    Column("openThreats", "Nothing in place against", "threats with a known control, none in place", 40),
    Column("unknownThreats", "Nothing known against", "threats for which this release knows none", 40),
)


# ---------------------------------------------------------------- shared words


def cases_text(c: CaseCounts, words: str) -> str:
    """Which incidents were counted, of how many, and why not the others."""
    left = [
        (c.other_date, "of other dates"),
        (c.unknown_date, "whose date is not known well enough"),
        (c.other_sector, "of other sectors"),
        (c.unknown_sector, "of no known sector"),
    ]
    out = ", ".join(f"{n} {why}" for n, why in left if n)
    return (
        f"Counted: {words}, {c.counted} of {c.total} cases with known threats"
        + (f" (left out: {out})" if out else "")
        + f". {c.by_number_only} more cases are known here by number only and never counted."
    )


def open_text(value: ExposureRanking) -> str:
    """The open requirements, and of how many of them the database has a case."""
    applicable = sum(c.counts.applicable for c in value.coverages)
    silent = value.open - value.with_incidents - value.without_threat
    found = [f"behind {value.with_incidents} of these stand {value.incidents} distinct incidents"]
    if silent:
        found.append(f"{silent} address threats of which no counted case is known")
    if value.without_threat:
        found.append(f"to {value.without_threat} no threat of this release is linked")
    said = "; ".join(found)
    return f"{value.open} of {applicable} applicable requirements are open: {said}."


def struck_text(value: RankedGap) -> str:
    """The threats that struck, each with its incidents."""
    return "; ".join(f"{s.title} ({s.incidents})" for s in value.struck)


def through_text(exposure: Exposure) -> str:
    """By what a requirement addresses its threats; only where that is not itself is the target named."""
    if not exposure.links:
        return ""
    if not exposure.indirect:
        return "itself"
    found = dict.fromkeys((a.through, a.target) for a in exposure.links)
    return "; ".join(f"only through {_its(through)} {target}" for through, target in found)


def _its(through: AddressedThrough) -> str:
    return "its part" if through is AddressedThrough.PART else "the whole"


def _by(value: ConcernedRequirement) -> str:
    if value.through is AddressedThrough.ITSELF:
        return "itself"
    return f"only through {_its(value.through)} {', '.join(value.targets)}"


def _why(bearings: Iterable[Bearing]) -> str:
    found = dict.fromkeys(
        f"{b.linked}{'' if b.scope is LinkScope.SAME else f' ({b.scope.value} than {b.threat})'}: "
        f"{b.rationale or 'named in its entry'}{f' [{b.set_id}]' if b.set_id else ''}"
        for b in bearings
    )
    return " | ".join(found)


def _chain(e: Explanation | None) -> str:
    if e is None:
        return ""
    return " AND ".join([chain_text(e.steps, e.members), *(chain_text(s) for s in e.supporting)])


def _steps(explanations: Iterable[Explanation | None]) -> list[StepView]:
    return [s for e in explanations if e for chain in (e.steps, e.opposing, *e.supporting) for s in chain]


def _number(incident: Incident) -> Cell:
    text = str(incident.number)
    return Link(text, incident.url) if incident.url.startswith(("https://", "http://")) else text


def _licences(
    release: Release, names: Iterable[str], sets: Iterable[str], steps: Iterable[StepView], *, incidents: bool
) -> tuple[tuple[str, str], ...]:
    every = list(steps)
    ends = {prefix_of(end) for s in every for end in (s.subject, s.object)}
    found = [*text_licences(release, {*names, *ends}), *set_licences(release, {*sets, *(s.set for s in every)})]
    return (*found, INCIDENT_LICENCE) if incidents else tuple(found)


# ---------------------------------------------------------------- the ranking


def _ranked(value: RankedGap, release: Release) -> tuple[Cell, ...]:
    g = value.gap
    r, p, e = g.result, g.result.requirement, g.exposure
    return (
        value.place or None, p.framework, p.id, link_to(release, p.id, p.ref), p.title, r.verdict.name,
        len(e.incidents), e.newest, struck_text(value), through_text(e),
        "; ".join(incident_text(i) for i in e.incidents[:3]) or e.note,
        "; ".join(REASONS[reason] for reason in r.reasons),
        r.explanation.control if r.explanation else "",
        "; ".join(f"{x.control} {x.title} ({x.status})" for x in g.pending), ", ".join(g.could_cover),
    )  # fmt: skip


def ranking_document(value: ExposureRanking, release: Release) -> Document:
    """The open requirements by the incidents behind them, and these incidents."""
    behind: dict[str, list[str]] = {}
    found: dict[str, Incident] = {}
    for g in value.gaps:
        for i in g.gap.exposure.incidents:
            found[i.id] = i
            behind.setdefault(i.id, []).append(g.gap.result.requirement.id)
    latest = sorted(found.values(), key=lambda i: (i.date, i.number), reverse=True)
    incidents = tuple(
        (
            _number(i), i.date, i.sector, i.title, ", ".join(release.title(t) or t for t in i.threats),
            ", ".join(behind[i.id]),
        )
        for i in latest
    )  # fmt: skip
    listed = "" if value.open == len(value.gaps) else f" Listed here: the first {len(value.gaps)}."
    counted = cases_text(value.case_counts, value.cases.words())
    profile = value.coverages[0].profile if value.coverages else None
    steps = _steps(g.gap.result.explanation for g in value.gaps)
    sets = {a.set_id for g in value.gaps for a in g.gap.exposure.links}
    return Document(
        name="exposure",
        title="Gaps by what happened to others",
        summary=f"{open_text(value)}{listed} {counted}",
        facts=(
            ("Frameworks", ", ".join(c.title for c in value.coverages)),
            *((c.framework, denominator(c.counts)) for c in value.coverages),
            ("As of", value.as_of.isoformat()),
            ("Release", value.release),
            *profile_facts(profile),
            ("Order", value.order),
            ("Method", value.method),
        ),
        tables=(
            Table(
                "exposure", "Gaps", _RANKING, tuple(_ranked(g, release) for g in value.gaps),
                f"Open requirements {value.order}.", "Nothing is open.",
            ),
            Table(
                "incidents", "Incidents", _INCIDENTS, incidents, "The incidents behind these gaps, latest first.",
                "No incident stands behind these gaps.",
            ),
        ),
        legend=(*VERDICTS.items(), *REASONS.items()),
        licences=_licences(release, (c.framework for c in value.coverages), sets, steps, incidents=bool(incidents)),
        disclaimers=value.disclaimers,
        stamp=(("asOf", value.as_of.isoformat()), ("release", value.release), ("cases", value.cases.words())),
        day=value.as_of,
    )  # fmt: skip


# ---------------------------------------------------------------- a case


def _case_facts(case: Case) -> tuple[tuple[str, str], ...]:
    found = [("Case", case.title)]
    if i := case.incident:
        found += [("AIID", f"{i.number}, {i.date or 'no date'}, {i.url}")]
        found += [("Sector", i.sector)] if i.sector else []
        found += [("Basis", i.basis)] if i.basis else []
    found += [
        (f"Threat {t.threat.id}", f"{t.threat.title}: {KNOWN[t.known.value]}"
         + (f" ({t.given})" if t.given != t.threat.id else ""))
        for t in case.threats
    ]  # fmt: skip
    return (*found, *((("Note", case.note),) if case.note else ()))


def _control(c: ConcernedControl) -> tuple[Cell, ...]:
    return (c.control.id, c.control.title, c.control.catalogue, ", ".join(s.value for s in c.stages))


def _about(c: ConcernedControl) -> tuple[Cell, ...]:
    bearings = [b for _, b in c.bearings]
    return (", ".join(dict.fromkeys(b.threat for b in bearings)), yes(c.narrower), _why(bearings))


def _requirement(c: ConcernedRequirement, release: Release) -> tuple[Cell, ...]:
    p = c.requirement
    return (p.framework, p.id, link_to(release, p.id, p.ref), p.title)


def _spoken(c: ConcernedRequirement) -> tuple[Cell, ...]:
    return (_by(c), yes(c.narrower), _why(c.bearings))


def _sets(requirements: Iterable[ConcernedRequirement], controls: Iterable[ConcernedControl]) -> set[str]:
    found = {b.set_id for r in requirements for b in r.bearings}
    return found | {b.set_id for c in controls for _, b in c.bearings}


_LEGEND = (*STAGES.items(), *SCOPES.items())
_NO_CONTROL = "No reference control of this release bears on it: our blind spot, not yours."
_NO_REQUIREMENT = "No requirement of these frameworks is linked to it in this release."


def concerns_document(value: Concerns, release: Release) -> Document:
    """The reference controls and requirements that a case concerns."""
    requirements = [r for f in value.frameworks for r in f.requirements]
    counted = sum(1 for c in value.controls if not c.narrower)
    each = "; ".join(
        f"{f.title}: {sum(1 for r in f.requirements if not r.narrower)} of {f.total} requirements"
        for f in value.frameworks
    )
    names = {f.framework for f in value.frameworks} | {c.control.catalogue for c in value.controls}
    return Document(
        name=value.case.incident.id if value.case.incident else "supposed-incident",
        title=f"What concerns this incident: {value.case.title}",
        summary=f"{counted} reference controls bear on it. {each}. Narrower kinds are listed and not counted.",
        facts=(*_case_facts(value.case), ("As of", value.as_of.isoformat()), ("Release", value.release)),
        tables=(
            Table(
                "controls", "Reference controls", _CONTROLS,
                tuple((*_control(c), *_about(c)) for c in value.controls), "By id.", _NO_CONTROL,
                frozenset(n for n, c in enumerate(value.controls) if c.narrower),
            ),
            Table(
                "requirements", "Requirements", _REQUIREMENTS,
                tuple((*_requirement(r, release), *_spoken(r)) for r in requirements), "In reading order.",
                _NO_REQUIREMENT, frozenset(n for n, r in enumerate(requirements) if r.narrower),
            ),
        ),
        legend=_LEGEND,
        licences=_licences(
            release, names, _sets(requirements, value.controls), (), incidents=value.case.incident is not None
        ),
        disclaimers=value.disclaimers,
        stamp=_stamp(value.case, value.as_of.isoformat(), value.release),
        day=value.as_of,
    )  # fmt: skip


def _stamp(case: Case, as_of: str, release: str) -> tuple[tuple[str, str], ...]:
    what = case.incident.id if case.incident else "supposed: " + ", ".join(t.threat.id for t in case.threats)
    return (("case", what), ("asOf", as_of), ("release", release))


def _held(h: HeldControl) -> tuple[Cell, ...]:
    return (
        *_control(h.concern), h.holding.words, h.explanation.control if h.explanation else "",
        "; ".join(f"{x.control} {x.title} ({x.status})" for x in h.pending), *_about(h.concern),
        _chain(h.explanation), "; ".join(f"{u.unit}: {u.holding.words}" for u in h.units),
    )  # fmt: skip


def _met(m: MetRequirement, release: Release) -> tuple[Cell, ...]:
    r = m.result
    why = r.decision.explanation or "; ".join(REASONS[reason] for reason in r.reasons)
    return (
        *_requirement(m.concern, release), r.decision.applicability.value, r.verdict.name, why,
        r.explanation.control if r.explanation else "", *_spoken(m.concern), _chain(r.explanation),
    )  # fmt: skip


def _stage(s: StageReadiness) -> tuple[Cell, ...]:
    c = s.counts
    return (
        s.stage.value, s.answer.words, c.total, c.in_place, c.in_part, c.planned, c.unproven, c.missing, s.narrower,
        ", ".join(s.open_threats), ", ".join(s.unknown_threats),
    )  # fmt: skip


def readiness_document(value: Readiness, release: Release) -> Document:
    """What an organisation has of everything that speaks to a case."""
    met = [m for f in value.frameworks for m in f.requirements]
    facts = [
        (f.framework, f"{c.covered} of {c.applicable} applicable requirements concerned are covered, {c.partial} "
         f"partial, {c.lead} leads, {c.gap} gaps; {c.not_applicable} not applicable, {c.not_yet_applicable} not yet; "
         f"{c.concerned} of {c.total} requirements concerned ({c.indirect} only through a whole or a part), "
         f"{c.narrower} more by narrower kinds only")
        for f in value.frameworks for c in (f.counts,)
    ]  # fmt: skip
    steps = _steps([*(m.result.explanation for m in met), *(h.explanation for h in value.controls)])
    names = {f.framework for f in value.frameworks} | {h.concern.control.catalogue for h in value.controls}
    sets = _sets((m.concern for m in met), (h.concern for h in value.controls))
    aside = frozenset(n for n, m in enumerate(met) if m.concern.narrower or not m.result.applicable)
    return Document(
        name=value.case.incident.id if value.case.incident else "supposed-incident",
        title=f"Would we be covered? {value.case.title}",
        summary=value.summary,
        facts=(
            *_case_facts(value.case), *facts, ("As of", value.as_of.isoformat()), ("Release", value.release),
            *profile_facts(value.profile), ("Method", value.method),
        ),
        tables=(
            Table(
                "controls", "Reference controls", _HELD, tuple(_held(h) for h in value.controls), "By id.",
                _NO_CONTROL, frozenset(n for n, h in enumerate(value.controls) if h.concern.narrower),
            ),
            Table(
                "requirements", "Requirements", _MET, tuple(_met(m, release) for m in met), "In reading order.",
                _NO_REQUIREMENT, aside,
            ),
            Table("stages", "Stages", _STAGES, tuple(_stage(s) for s in value.stages), "Narrower kinds left aside."),
        ),
        legend=(*HOLDINGS.items(), *_LEGEND, *VERDICTS.items(), *APPLICABILITY.items(), *REASONS.items()),
        licences=_licences(release, names, sets, steps, incidents=value.case.incident is not None),
        disclaimers=value.disclaimers,
        stamp=_stamp(value.case, value.as_of.isoformat(), value.release),
        day=value.as_of,
    )  # fmt: skip
