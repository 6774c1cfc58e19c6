"""Controls that nobody has written down: what an organisation would do if it did a whole framework.

framework_controls(release, framework, as_of, profile, exclude)   → one control for each provision done
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kg.answers.applicability import Applicability, decide, units
from kg.model import Control, ControlRow, ControlStatus, Profile
from kg.relations import EQUAL
from kg.release import Release

__all__ = ["HYPOTHETICAL", "framework_controls"]

#: What the ids of these controls begin with.
HYPOTHETICAL = "whatif:"


def framework_controls(
    release: Release, framework: str, as_of: date, profile: Profile | None = None, exclude: Iterable[str] = ()
) -> tuple[Control, ...]:
    """The controls of an organisation that does all of ``framework`` that concerns it on ``as_of``, in reading order.

    One implemented control with evidence of that day, *equal* to its provision, for each provision of the text in
    force that holds a requirement and all of whose requirements apply to the profile then; what does not apply, or
    not yet, is not assumed done, nor is anything that stands in, or contains, what ``exclude`` names (a statement of
    applicability).
    Where the profile has AI systems, a control counts for the systems to which all its requirements apply.  Raises
    :class:`~kg.errors.UnknownIdError` for an unknown framework or an ``exclude`` that is none of its provisions.
    """
    text = release.text_in_force(release.framework(framework).id, as_of)
    here = [p for p in release.provisions.values() if p.framework == framework and p.in_text(text)]
    every = units(profile)
    named = frozenset(u.id for u in every if u.id)
    concerns: dict[str, frozenset[str]] = {}
    for r in release.requirements(framework, as_of):
        decided = ((u.id, decide(release, r, profile, u, as_of)) for u in every)
        concerns[r.id] = frozenset(u for u, d in decided if d.applicability is Applicability.APPLICABLE)
    for id_ in _beneath(release, framework, exclude):
        if id_ in concerns:
            concerns[id_] = frozenset()
    found = []
    for p in here:
        wanted = [concerns[i] for i in _below(release, p.id) if i in concerns]
        whom = frozenset.intersection(*wanted) if wanted else frozenset()
        if whom:
            limited = tuple(sorted(whom)) if whom < named else ()
            found.append(
                Control(
                    id=f"{HYPOTHETICAL}{p.id}",
                    title=f"does {p.ref} {p.title}".strip(),
                    status=ControlStatus.IMPLEMENTED,
                    rows=(ControlRow(p.id, EQUAL),),
                    evidence_date=as_of,
                    systems=limited,
                )
            )
    return tuple(found)


def _below(release: Release, top: str) -> set[str]:
    """``top`` and every provision below it, along parts of any kind."""
    found: set[str] = set()
    stack = [top]
    while stack:
        each = stack.pop()
        if each not in found:
            found.add(each)
            stack += [part.part for part in release.parts_of.get(each, ())]
    return found


def _beneath(release: Release, framework: str, exclude: Iterable[str]) -> set[str]:
    """Everything that stands in what is excluded."""
    found: set[str] = set()
    for id_ in exclude:
        provision = release.provisions.get(id_)
        if provision is None or provision.framework != framework:
            known = [p.id for p in release.provisions.values() if p.framework == framework]
            raise release.unknown(id_, known)
        found |= _below(release, id_)
    return found
