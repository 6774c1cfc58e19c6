"""The applicability lens: for a profile and a day, what of a framework applies, what not and what later, each with the
rule and the legal reference that decided it, and grouped by them.

    lens(release, profile, framework, as_of)   → Lens
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from kg.answers.applicability import METHOD, Applicability, Decision, RequirementDecision, applicability, exclusions
from kg.answers.questionnaire import Standing
from kg.model import Disclaimer, Profile
from kg.release import Release

__all__ = ["Lens", "LensGroup", "LensRow", "lens"]


@dataclass(frozen=True, slots=True)
class LensRow:
    """One requirement with its decision.  ``also`` are the further grounds on which it would not apply either."""

    decided: RequirementDecision
    also: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class LensGroup:
    """Requirements decided alike.  ``rules`` are the ids of the nodes that decided and ``reference`` what they have in
    common as a person cites it, or each of them."""

    applicability: Applicability
    because: str
    explanation: str
    applies_from: date | None
    rules: tuple[str, ...]
    reference: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lens:
    """One framework through a profile on a day.  ``standing`` are the counts, ``total`` their sum; ``published`` is
    false where the framework had no text yet on that day."""

    framework: str
    title: str
    release: str
    as_of: date
    text_version: date
    published: bool
    profile: Profile | None
    standing: Standing
    groups: tuple[LensGroup, ...]
    rows: tuple[LensRow, ...]
    method: str
    disclaimers: tuple[Disclaimer, ...]


def _common(references: list[str], law: str) -> str:
    """What several references share behind their own provision, else all of them."""
    if len(references) == 1:
        return references[0]
    tails = {r.partition("; ")[2] for r in references}
    if len(tails) == 1 and (tail := tails.pop().removeprefix("see ")):
        return tail if tail.endswith(law) else f"{tail}, {law}"
    return "; ".join(references[:3]) + (f"; and {len(references) - 3} more" if len(references) > 3 else "")


_GROUNDS = ("", "date", "excluded", "territory", "role", "tier", "fact")


def _group_key(g: LensGroup) -> tuple[int, date, int, int]:
    """What applies, what will by date, what does not by ground; of these the largest group first."""
    place = (Applicability.APPLICABLE, Applicability.NOT_YET_APPLICABLE, Applicability.NOT_APPLICABLE)
    return place.index(g.applicability), g.applies_from or date.min, _GROUNDS.index(g.because), -len(g.members)


def lens(release: Release, profile: Profile | None, framework: str, as_of: date) -> Lens:
    """A framework through a profile; raises :class:`~kg.errors.UnknownIdError` for an unknown framework."""
    found = release.framework(framework)
    rows = []
    for r in applicability(release, profile, framework, as_of):
        also: tuple[Decision, ...] = ()
        if r.decision.applicability is Applicability.NOT_APPLICABLE:
            also = exclusions(release, r.requirement, profile, r.units[0][0], as_of)[1:]
        rows.append(LensRow(r, also))
    groups: dict[tuple[str, str, str, date | None], list[RequirementDecision]] = {}
    for row in rows:
        d = row.decided.decision
        groups.setdefault((d.applicability, d.because, d.explanation, d.applies_from), []).append(row.decided)
    made = []
    for (kind, because, explanation, day), members in groups.items():
        references = list(dict.fromkeys(m.decision.legal_reference for m in members))
        undated = day is None and kind == Applicability.APPLICABLE
        made.append(
            LensGroup(
                applicability=Applicability(kind),
                because=because,
                explanation=explanation,
                applies_from=day,
                rules=tuple(dict.fromkeys(m.decision.rule for m in members)),
                reference=found.short_title if undated else _common(references, found.short_title),
                members=tuple(m.requirement.id for m in members),
            )
        )
    counted = Counter(row.decided.decision.applicability for row in rows)
    versions = found.text_versions
    return Lens(
        framework=framework,
        title=found.title,
        release=release.digest,
        as_of=as_of,
        text_version=release.text_in_force(framework, as_of),
        published=not versions or versions[0].date <= as_of,
        profile=profile,
        standing=Standing(*(counted[a] for a in Applicability)),
        groups=tuple(sorted(made, key=_group_key)),
        rows=tuple(rows),
        method=METHOD,
        disclaimers=release.disclaimers_for(framework),
    )
