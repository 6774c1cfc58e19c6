"""Explain: everything behind one cell, so that an analyst can defend it or take it apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kg.answers.coverage import Assessment, RequirementResult, StepView, step_views
from kg.model import Disclaimer, LegalReference, Provision
from kg.relations import word

if TYPE_CHECKING:
    from kg.answers.judge import Ruling

__all__ = ["ChainView", "Explain", "RulingView", "explain"]


@dataclass(frozen=True, slots=True)
class ChainView:
    """One chain with what it says and what it is ranked by."""

    relation: str
    hops: int
    parts: int
    steps: tuple[StepView, ...]
    shown: bool
    ruled_out: bool


@dataclass(frozen=True, slots=True)
class RulingView:
    """One control (or joint node) against the requirement, with its chains, best first."""

    control: str
    title: str
    status: str
    outcome: str
    relation: str
    verdict: str
    disputed: bool
    stale: bool
    members: tuple[tuple[str, str], ...]
    chains: tuple[ChainView, ...]


@dataclass(frozen=True, slots=True)
class Explain:
    """The result of a requirement, every control that has anything to do with it, the reference controls that could
    cover it and the legal references that inform it."""

    result: RequirementResult
    rulings: tuple[RulingView, ...]
    could_cover: tuple[str, ...]
    references: tuple[LegalReference, ...]
    rationales: tuple[tuple[str, str], ...]
    release: str
    as_of: str
    method: str
    disclaimers: tuple[Disclaimer, ...]


def _view(assessment: Assessment, ruling: Ruling) -> RulingView:
    shown = ruling.shown
    chains = tuple(
        ChainView(
            relation=word(c.mask),
            hops=c.hops,
            parts=c.parts,
            steps=step_views(assessment.release, c.steps),
            shown=c == shown,
            ruled_out=c.ruled,
        )
        for c in sorted(dict.fromkeys(ruling.chains), key=lambda c: c.rank)
    )
    return RulingView(
        control=ruling.contender.id,
        title=ruling.contender.title,
        status=ruling.contender.status.value,
        outcome=ruling.combined.outcome.name,
        relation=word(ruling.combined.mask),
        verdict=ruling.verdict.name,
        disputed=ruling.combined.disputed,
        stale=ruling.downgraded,
        members=ruling.contender.members,
        chains=chains,
    )


def explain(assessment: Assessment, requirement: Provision) -> Explain:
    """Everything behind the verdict on ``requirement``: per control its chains, every row's provenance, alternatives
    and disputes.  With several AI systems, of the one whose verdict counts."""
    release = assessment.release
    result = assessment.requirement(requirement)
    judged = assessment.judgements(requirement)
    same = [j for _, d, j in judged if d.applicability is result.decision.applicability]
    judgement = min(same, key=lambda j: j.verdict)
    rulings = tuple(_view(assessment, r) for r in judgement.rulings)
    rows = dict.fromkeys(s.row for r in rulings for c in r.chains for s in c.steps if s.row)
    about = {requirement.id, *release.ancestors(requirement.id)}
    return Explain(
        result=result,
        rulings=rulings,
        could_cover=assessment.graph.coverable.get(requirement.id, ()),
        references=tuple(r for r in release.references if r.subject in about or r.object in about),
        rationales=tuple((row, release.row[row].rationale) for row in rows),
        release=release.digest,
        as_of=assessment.as_of.isoformat(),
        method=assessment.method,
        disclaimers=release.disclaimers_for(requirement.framework),
    )
