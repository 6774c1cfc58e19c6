"""Listings: what the release itself holds of one mapping set, one framework or catalogue, or as a whole, and what an
organisation says of its own controls.

They judge nothing; they are what an exchange file is written from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kg.answers.coverage import Assessment
from kg.errors import UnknownIdError, nearest
from kg.model import (
    Catalogue,
    Control,
    Disclaimer,
    Framework,
    JointNode,
    LegalReference,
    Mapping,
    MappingSet,
    NonCoverage,
    Part,
    Provision,
    ReferenceControl,
    ThreatLink,
)
from kg.release import Release
from kg.terms import prefix_of

__all__ = [
    "FrameworkListing", "GraphListing", "Implementation", "SetListing", "implementation", "list_framework",
    "list_graph", "list_set",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetListing:
    """One mapping set with all its rows, in canonical order."""

    set: MappingSet
    release: str
    rows: tuple[Mapping, ...]
    threat_links: tuple[ThreatLink, ...]
    references: tuple[LegalReference, ...]
    disclaimers: tuple[Disclaimer, ...]


@dataclass(frozen=True, slots=True)
class FrameworkListing:
    """One framework in one of its texts, or one catalogue (then without ``text_version``).

    ``requirements`` are the ids of the provisions that a denominator counts in that text.
    """

    framework: Framework | Catalogue
    release: str
    text_version: date | None
    provisions: tuple[Provision, ...]
    controls: tuple[ReferenceControl, ...]
    joints: tuple[JointNode, ...]
    parts: tuple[Part, ...]
    requirements: tuple[str, ...]
    disclaimers: tuple[Disclaimer, ...]


@dataclass(frozen=True, slots=True)
class GraphListing:
    """The whole graph: every set's rows, every framework, catalogue, threat and incident of the release."""

    release: str
    rows: tuple[Mapping, ...]
    threat_links: tuple[ThreatLink, ...]
    references: tuple[LegalReference, ...]
    left_out: tuple[NonCoverage, ...]
    disclaimers: tuple[Disclaimer, ...]


@dataclass(frozen=True, slots=True)
class Implementation:
    """What an organisation says of its own controls: the first step of every chain, nothing computed."""

    title: str
    release: str
    as_of: date
    controls: tuple[Control, ...]
    disclaimers: tuple[Disclaimer, ...]


def implementation(assessment: Assessment) -> Implementation:
    """The controls that an assessment was made of."""
    release = assessment.release
    ends = sorted({prefix_of(row.target) for c in assessment.controls for row in c.rows})
    return Implementation(
        assessment.profile.title if assessment.profile else "",
        release.digest,
        assessment.as_of,
        assessment.controls,
        release.disclaimers_for(*ends),
    )


def list_set(release: Release, name: str) -> SetListing:
    """The mapping set of that id.  Raises :class:`~kg.errors.UnknownIdError` with the nearest that exists."""
    name = name.removeprefix("kgset:")
    if name not in release.sets:
        near = nearest(name, release.sets)
        hint = f"did you mean {near}? " if near else ""
        raise UnknownIdError(f"there is no mapping set {name!r}", f"{hint}one of: {', '.join(release.sets)}")
    rows = tuple(m for m in release.mappings if m.set_id == name)
    links = tuple(t for t in release.threat_links if t.set_id == name)
    references = tuple(r for r in release.references if r.set_id == name)
    ends = {prefix_of(e) for m in rows for e in (m.subject, m.object)}
    ends |= {prefix_of(e) for r in references for e in (r.subject, r.object)}
    return SetListing(
        release.sets[name], release.digest, rows, links, references, release.disclaimers_for(*sorted(ends))
    )


def list_framework(release: Release, name: str, *, as_of: date | None = None) -> FrameworkListing:
    """The framework of that id in the text in force on ``as_of`` (default: its last text), or the catalogue.

    Raises :class:`~kg.errors.UnknownIdError` with the nearest that exists.
    """
    name = name.removeprefix("kgfw:")
    if name in release.catalogues:
        controls = tuple(c for c in release.controls.values() if c.catalogue == name)
        joints = tuple(j for j in release.joints.values() if j.catalogue == name)
        cautions = release.disclaimers_for(name)
        return FrameworkListing(release.catalogues[name], release.digest, None, (), controls, joints, (), (), cautions)
    if name not in release.frameworks:
        raise release.unknown(name, [*release.frameworks, *release.catalogues])
    framework = release.frameworks[name]
    last = framework.text_versions[-1].date if framework.text_versions else date.max
    text = release.text_in_force(name, as_of or last)
    provisions = tuple(p for p in release.provisions.values() if p.framework == name and p.in_text(text))
    here = {p.id for p in provisions}
    return FrameworkListing(
        framework=framework,
        release=release.digest,
        text_version=text,
        provisions=provisions,
        controls=(),
        joints=(),
        parts=tuple(p for p in release.parts if p.whole in here and p.part in here),
        requirements=tuple(r.id for r in release.requirements(name, text)),
        disclaimers=release.disclaimers_for(name),
    )


def list_graph(release: Release) -> GraphListing:
    """Everything in the release."""
    return GraphListing(
        release.digest,
        release.mappings,
        release.threat_links,
        release.references,
        release.non_coverage,
        tuple(release.disclaimers.values()),
    )
