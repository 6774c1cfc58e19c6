"""An incident, real or supposed, and what in the graph concerns it.

case_of(release, incident, threats)    → Case: its threats, and how each was come by
concerns(release, case, as_of)         → Concerns: the requirements and reference controls that speak to these threats

What is linked to a threat or to a *broader* class of it concerns the case.  What is linked to a *narrower* kind only is
listed, marked so, and never counted: a defence against white-box evasion is not one against evasion (decision 0016).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from kg.answers.exposure import (
    REPORTED_CASES_ONLY,
    AddressedThrough,
    addressed_through,
    threat_family,
    wider_threats,
)
from kg.errors import UnknownIdError, UsageError
from kg.model import Disclaimer, Incident, Provision, ReferenceControl, Threat, ThreatRelation
from kg.release import Release
from kg.terms import natural_key

__all__ = [
    "Bearing", "Case", "CaseThreat", "ConcernedControl", "ConcernedFramework", "ConcernedRequirement", "Concerns",
    "LinkScope", "ThreatSource", "ThreatStage", "case_of", "concerns", "find_threats",
]  # fmt: skip


class ThreatSource(StrEnum):
    """How a threat came to be in a case."""

    RECORDED = "recorded"
    NAMED = "named"
    MATCH = "match"
    CLASS = "class"


class LinkScope(StrEnum):
    """What a link is made for, beside the threat of the case: the same, a broader class, or a narrower kind of it."""

    SAME = "same"
    BROADER = "broader"
    NARROWER = "narrower"


class ThreatStage(StrEnum):
    """What a reference control does about a threat.  ``UNSTATED``: its catalogue names the threat and says no more."""

    PREVENT = "prevent"
    DETECT = "detect"
    RESPOND = "respond"
    UNSTATED = "unstated"


_STAGES = {
    ThreatRelation.MITIGATED_BY: ThreatStage.PREVENT,
    ThreatRelation.DETECTED_BY: ThreatStage.DETECT,
    ThreatRelation.RESPONDED_BY: ThreatStage.RESPOND,
    ThreatRelation.ADDRESSED_BY: ThreatStage.UNSTATED,
}


@dataclass(frozen=True, slots=True)
class CaseThreat:
    """One threat of a case.  ``known`` says how it was come by: the release records it for the incident (*recorded*),
    the asker named it (*named*), it is a close match of what was recorded or named (*match*), or every case of the
    incident's class in the MIT AI Risk Repository shows it (*class*).  ``given`` is the id it was come by from."""

    threat: Threat
    known: ThreatSource
    given: str


@dataclass(frozen=True, slots=True)
class Case:
    """An incident of the database, or a supposed one (``incident`` is ``None``), with its threats.  ``note`` says what
    a reader must know of where the threats come from; empty where they are simply recorded."""

    incident: Incident | None
    threats: tuple[CaseThreat, ...]
    note: str

    @property
    def title(self) -> str:
        """What it is called: the case's number and title, or the threats of a supposed one."""
        if self.incident is None:
            return "A supposed incident: " + ", ".join(t.threat.title for t in self.threats)
        return self.incident.title or f"Case {self.incident.number} of the AI Incident Database (no title here)"


@dataclass(frozen=True, slots=True)
class Bearing:
    """One link between a threat of the case and a requirement or control.  ``linked`` is the threat the link is made
    for, ``scope`` how that stands to the case's; ``set_id`` is empty where the catalogue itself names the threat."""

    threat: str
    linked: str
    scope: LinkScope
    rationale: str
    set_id: str


@dataclass(frozen=True, slots=True)
class ConcernedRequirement:
    """A requirement that addresses a threat of the case, by itself, a part or a whole."""

    requirement: Provision
    group: str
    through: AddressedThrough
    targets: tuple[str, ...]
    bearings: tuple[Bearing, ...]

    @property
    def narrower(self) -> bool:
        """Whether it speaks to narrower kinds only, and so does not count."""
        return all(b.scope is LinkScope.NARROWER for b in self.bearings)


@dataclass(frozen=True, slots=True)
class ConcernedControl:
    """A reference control that bears on a threat of the case, with what it does about it at each stage."""

    control: ReferenceControl
    bearings: tuple[tuple[ThreatStage, Bearing], ...]

    @property
    def narrower(self) -> bool:
        """Whether it speaks to narrower kinds only, and so does not count."""
        return all(b.scope is LinkScope.NARROWER for _, b in self.bearings)

    @property
    def stages(self) -> tuple[ThreatStage, ...]:
        """The stages at which it counts, in their order; of one that does not count, those at which it is listed."""
        found = {s for s, b in self.bearings if self.narrower or b.scope is not LinkScope.NARROWER}
        return tuple(s for s in ThreatStage if s in found)

    def against(self, stage: ThreatStage) -> frozenset[str]:
        """The threats of the case that it bears on at ``stage``, narrower kinds left aside."""
        return frozenset(b.threat for s, b in self.bearings if s is stage and b.scope is not LinkScope.NARROWER)


@dataclass(frozen=True, slots=True)
class ConcernedFramework:
    """The requirements of one framework that a case concerns, of ``total`` in the text in force."""

    framework: str
    title: str
    text_version: date
    total: int
    requirements: tuple[ConcernedRequirement, ...]


@dataclass(frozen=True, slots=True)
class Concerns:
    """Everything in the release that speaks to a case, whoever asks."""

    case: Case
    frameworks: tuple[ConcernedFramework, ...]
    controls: tuple[ConcernedControl, ...]
    release: str
    as_of: date
    disclaimers: tuple[Disclaimer, ...]


# ---------------------------------------------------------------- the case


def _linked(release: Release) -> frozenset[str]:
    """The threats that some link or some reference control names."""
    found = {t.threat for t in release.threat_links}
    for control in release.controls.values():
        found.update(control.threats)
    return frozenset(found)


def _known_as(release: Release, id_: str) -> list[str]:
    """The threats by which the links of this release know ``id_``: itself, and its close matches that have links.
    One that has matches but no link of its own gives way to them."""
    linked: frozenset[str] = release.cache("linked threats", lambda: _linked(release))
    own = release.threats.get(id_)
    matches = {t.id for t in release.threats.values() if id_ in t.matches} | set(own.matches if own else ())
    others = sorted((m for m in matches if m in linked), key=natural_key)
    return [id_, *others] if own and (id_ in linked or not others) else others


def find_threats(release: Release, text: str) -> list[str]:
    """The threats a person means by a CURIE of any scheme the release knows, with or without its prefix
    (``threat:jailbreak``, ``nist-aml:NISTAML.031``, ``atlas:AML.T0020``, ``AML.T0020``).

    Raises :class:`~kg.errors.UnknownIdError` with the nearest.
    """
    text = text.strip()
    known = {*release.threats, *(m for t in release.threats.values() for m in t.matches)}
    chosen = [k for k in sorted(known) if text in (k, k.partition(":")[2])]
    if not chosen:
        raise release.unknown(text if ":" in text else f"threat:{text}", known)
    return list(dict.fromkeys(t for c in chosen for t in _known_as(release, c)))


def _incident(release: Release, id_: str) -> Incident:
    found = release.incidents.get(id_) or release.known_by_number.get(id_)
    if found is None:
        if release.title(id_):
            raise UsageError(f"{id_} ({release.title(id_)}) is not an incident", "`kg search` finds incidents")
        raise release.unknown(id_, [*release.incidents, *release.known_by_number])
    return found


def _of_class(release: Release, incident: Incident) -> tuple[str, tuple[str, ...]]:
    """The class of an incident in the MIT AI Risk Repository and the threats that every case of it shows."""
    classified = release.classifications.get(incident.id)
    if classified is None or not release.risk_domains[classified.subdomain].matches:
        return "", ()
    return classified.subdomain, release.risk_domains[classified.subdomain].matches


def case_of(release: Release, incident: str = "", threats: Iterable[str] = ()) -> Case:
    """A case: an incident by its id, or a supposed one by its threats, or an incident with threats that the asker adds.

    An incident without recorded threats is taken for what every case of its class shows, where the release says that;
    otherwise, and without added threats, it is refused: :class:`~kg.errors.UnknownIdError` (an unknown id, or a case
    known by its number only) or :class:`~kg.errors.UsageError`.
    """
    found: dict[str, CaseThreat] = {}

    def add(given: str, ids: Iterable[str], how: ThreatSource) -> None:
        for id_ in ids:
            known = how if id_ == given or how is ThreatSource.CLASS else ThreatSource.MATCH
            found.setdefault(id_, CaseThreat(release.threats[id_], known, given))

    it, note = None, []
    if incident:
        it = _incident(release, incident)
        for threat in it.threats:
            add(threat, _known_as(release, threat), ThreatSource.RECORDED)
        if not it.threats:
            class_, shown = _of_class(release, it)
            if shown:
                add(class_, shown, ThreatSource.CLASS)
                note.append(
                    f"Nobody has recorded the threats of this case. It is classified as {class_} "
                    f"({release.title(class_)}), every case of which shows {', '.join(shown)}: derived, not read from "
                    "the case."
                )
    added = [(text, find_threats(release, text)) for text in threats]
    for text, ids in added:
        add(text.strip(), ids, ThreatSource.NAMED)
    if it is not None and not found:
        if it.id in release.known_by_number:
            error = release.unknown(it.id)
            raise UnknownIdError(
                error.message,
                f"{error.hint}; read the case, and name its threats yourself (--threat, or threats: in GraphQL)",
            )
        raise UsageError(
            f"no threat is recorded for {it.id}",
            "read the case, and name its threats yourself (--threat, or threats: in GraphQL)",
        )
    if not found:
        raise UsageError("no incident and no threat is named", "aiid:6, or a threat such as threat:prompt-injection")
    if it is not None and added:
        note.append(f"Named beside what is recorded: {', '.join(text.strip() for text, _ in added)}.")
    matched = [t for t in found.values() if t.known is ThreatSource.MATCH]
    note += [f"{t.threat.id} ({t.threat.title}) stands for {t.given} as a close match." for t in matched]
    return Case(it, tuple(found.values()), " ".join(note))


# ---------------------------------------------------------------- what concerns it


def _scopes(release: Release, case: Case) -> dict[str, list[tuple[str, LinkScope]]]:
    """Threat that a link may be made for → the threats of the case it speaks to, each with the scope."""
    found: defaultdict[str, dict[str, LinkScope]] = defaultdict(dict)
    for it in case.threats:
        own = it.threat.id
        found[own][own] = LinkScope.SAME
        for wider in wider_threats(release, own):
            found[wider].setdefault(own, LinkScope.BROADER)
        for kind in threat_family(release, own):
            for known in _known_as(release, kind) if kind != own else ():
                for narrow in threat_family(release, known):
                    found[narrow].setdefault(own, LinkScope.NARROWER)
    return {linked: sorted(given.items()) for linked, given in found.items()}


def concerns(release: Release, case: Case, as_of: date, frameworks: Sequence[str] | None = None) -> Concerns:
    """The requirements (in the text in force on ``as_of``) and the reference controls that speak to a case.

    Raises :class:`~kg.errors.UnknownIdError` for a framework that does not exist.
    """
    wanted = {release.framework(f).id for f in frameworks} if frameworks else set(release.frameworks)
    scopes = _scopes(release, case)
    chosen = [f for f in release.frameworks if f in wanted]
    return Concerns(
        case=case,
        frameworks=tuple(_framework(release, f, as_of, scopes) for f in chosen),
        controls=_controls(release, scopes),
        release=release.digest,
        as_of=as_of,
        disclaimers=(*release.disclaimers_for(*chosen), REPORTED_CASES_ONLY),
    )


def _framework(
    release: Release, framework: str, as_of: date, scopes: dict[str, list[tuple[str, LinkScope]]]
) -> ConcernedFramework:
    every = release.requirements(framework, as_of)
    found = []
    for r in every:
        links = [a for a in addressed_through(release, r.id) if a.threat in scopes]
        if not links:
            continue
        counting = [a for a in links if any(s is not LinkScope.NARROWER for _, s in scopes[a.threat])] or links
        bearings = tuple(
            Bearing(threat, a.threat, scope, a.rationale, a.set_id) for a in links for threat, scope in scopes[a.threat]
        )
        through = next(t for t in AddressedThrough if any(a.through is t for a in counting))
        targets = tuple(dict.fromkeys(a.target for a in counting))
        found.append(ConcernedRequirement(r, release.group_of(r.id), through, targets, bearings))
    return ConcernedFramework(
        framework=framework,
        title=release.frameworks[framework].title,
        text_version=release.text_in_force(framework, as_of),
        total=len(every),
        requirements=tuple(found),
    )


def _controls(release: Release, scopes: dict[str, list[tuple[str, LinkScope]]]) -> tuple[ConcernedControl, ...]:
    """A typed link says the stage; a threat that only the control's own entry names stands at no stage."""
    found: defaultdict[str, dict[tuple[ThreatStage, str, str], Bearing]] = defaultdict(dict)

    def add(control: str, stage: ThreatStage, linked: str, rationale: str, set_id: str) -> None:
        for threat, scope in scopes[linked]:
            bearing = Bearing(threat, linked, scope, rationale, set_id)
            found[control].setdefault((stage, linked, threat), bearing)

    typed = set()
    for link in release.threat_links:
        if link.threat in scopes and link.target in release.controls:
            typed.add((link.target, link.threat))
            add(link.target, _STAGES[link.relation], link.threat, link.rationale, link.set_id)
    for control in release.controls.values():
        for threat in control.threats:
            if threat in scopes and (control.id, threat) not in typed:
                add(control.id, ThreatStage.UNSTATED, threat, control.rationale, "")
    order = {s: n for n, s in enumerate(ThreatStage)}
    return tuple(
        ConcernedControl(
            release.controls[id_],
            tuple(
                (stage, bearing)
                for (stage, _, _), bearing in sorted(
                    bearings.items(), key=lambda item: (order[item[0][0]], item[0][1], item[0][2])
                )
            ),
        )
        for id_, bearings in sorted(found.items(), key=lambda item: natural_key(item[0]))
    )
