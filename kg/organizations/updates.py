"""An organisation that is kept, brought up to date: by a file, and by suggestions that somebody decides on.

    read_update(store, id, release, path)    what a file would change, and at which revision → Update; nothing written
    apply_update(store, update, release)     the same done, all or nothing                   → Commit
    suggest_for(release, controls, known)    suggestions, but for what somebody rejected     → SuggestionReport
    propose(store, id, release, controls)    suggestions kept for somebody to decide on      → Commit

The commands and the mutations are thin over these.  Not part of :mod:`kg.organizations` itself, which needs no
database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import Finding, InputError, UnknownIdError, UsageError, nearest
from kg.model import Control
from kg.organizations.controls import Sheet
from kg.organizations.imports import ImportPlan, plan_import
from kg.organizations.store import Actor, Commit, OrganizationState, Proposal, ProposalState
from kg.organizations.suggestions import (
    MAX_LIMIT,
    ControlSuggestions,
    Encoder,
    Suggestion,
    SuggestionReport,
    suggest,
    suggestion_report,
    unmapped,
)
from kg.release import Release

if TYPE_CHECKING:
    from kg.organizations.formats import Format
    from kg.organizations.store import Store

__all__ = [
    "MAX_IMPORT", "MAX_PROPOSALS", "Update", "apply_update", "proposals_of", "propose", "read_update", "suggest_for",
    "to_suggest_for",
]  # fmt: skip

#: The most controls of one file, and the most suggestions that one write keeps.
MAX_IMPORT = 20_000
MAX_PROPOSALS = 20_000
_WORDS = 4  #: of a control that say why something is suggested


# ------------------------------------------------------------------ a file


@dataclass(frozen=True, slots=True)
class Update:
    """What a file would change in an organisation that was read at ``revision``; ``sheet`` is what the file says."""

    organization_id: str
    revision: int
    kept: int
    format: Format
    sheet: Sheet
    plan: ImportPlan


def read_update(
    store: Store,
    organization_id: str,
    release: Release,
    path: Path,
    *,
    content: bytes | None = None,
    framework: str | None = None,
    remove_missing: bool = False,
) -> Update:
    """What the file would change in the organisation's controls as they are now; nothing is written.

    ``content`` are its bytes, where it is not to be opened: ``path`` is then only its name.  ``framework`` is the one
    that the references of an audit or a component definition are of, where the file does not say.  With
    ``remove_missing`` the file is the whole list.  A control may be limited to the AI systems of the organisation's
    profile, and to any while it has none.

    Raises :class:`~kg.errors.InputError` with every finding, those included that would keep the result from being
    written, and :class:`~kg.errors.UnknownIdError` for an organisation or framework that does not exist.
    """
    state = store.load(organization_id)
    systems = None if state.profile is None else [s.id for s in state.profile.systems]
    from kg.organizations.formats import read_any  # what reads YAML and SSSOM

    found = read_any(path, release, current=state.controls, framework=framework, systems=systems, content=content)
    if len(found.sheet.controls) > MAX_IMPORT:
        message = f"{len(found.sheet.controls):,} controls are too many for one import"
        raise UsageError(message, f"at most {MAX_IMPORT:,} at a time", code="INPUT_LIMIT")
    evidence = [e.record for e in store.list_evidence(organization_id)]
    plan = plan_import(state.controls, found.sheet, remove_missing=remove_missing, evidence=evidence)
    update = Update(organization_id, state.revision, len(state.controls), found.format, found.sheet, plan)
    written = _written(plan)
    try:
        store.check_import(organization_id, written, release=release)
    except InputError as error:
        raise InputError(_placed(error, written, found.sheet, str(path))) from None
    return update


def apply_update(
    store: Store, update: Update, release: Release, *, expected: int | None = None, actor: Actor
) -> Commit:
    """Carry out a plan, all or nothing.

    ``expected`` is the revision at which somebody looked through it, by default that at which it was made: if anything
    that it touches has changed since, nothing is written and :class:`~kg.errors.ConflictError` raised.  The same file
    again changes nothing.
    """
    revision = update.revision if expected is None else min(expected, update.revision)
    return store.apply_import(
        update.organization_id,
        _written(update.plan),
        remove=[control.id for control in update.plan.removed],
        release=release,
        expected=revision,
        actor=actor,
    )


def _written(plan: ImportPlan) -> list[Control]:
    return [*plan.added, *(change.after for change in plan.changed)]


def _placed(error: InputError, controls: Sequence[Control], sheet: Sheet, shown: str) -> list[Finding]:
    """What the store says of the n-th control, said of the place in the file."""
    found = []
    for finding in error.findings:
        id_ = controls[finding.line - 1].id
        path, line, cell = sheet.places.get(id_, (shown, 0, "id"))
        message = finding.message if id_ in finding.message else f"{id_[:80]}: {finding.message}"
        where = cell if finding.cell == "id" else finding.cell
        found.append(replace(finding, path=path or shown, line=line, cell=where, message=message))
    return sorted(found, key=lambda f: f.line)


# ------------------------------------------------------------------ suggestions


def to_suggest_for(state: OrganizationState, ids: Sequence[str] | None = None) -> list[Control]:
    """The controls that ``ids`` names, each once; without it those that wait for a mapping.

    Raises :class:`~kg.errors.UnknownIdError` with the nearest.
    """
    if ids is None:
        return [control for control in state.controls if unmapped(control)]
    known = {control.id: control for control in state.controls}
    for id_ in ids:
        if id_ not in known:
            near = nearest(id_, known)
            hint = f"did you mean {near}?" if near else "`controls` lists what there is"
            raise UnknownIdError(f"there is no control {id_[:80]!r}", hint)
    return [known[id_] for id_ in dict.fromkeys(ids)]


def suggest_for(
    release: Release,
    controls: Iterable[Control],
    known: Iterable[Proposal],
    sources: Sequence[str] | None = None,
    limit: int = 5,
    *,
    encoder: Encoder | None = None,
) -> SuggestionReport:
    """At most ``limit`` suggestions of each source for each control, without those that somebody has rejected
    (``known`` are the proposals that are kept); nothing is stored.  Raises as
    :func:`~kg.organizations.suggestions.suggest` does."""
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError(f"limit {limit} is out of range", f"1 to {MAX_LIMIT}")
    rejected: defaultdict[str, set[str]] = defaultdict(set)
    for proposal in known:
        if proposal.state is ProposalState.REJECTED:
            rejected[proposal.control_id].add(proposal.target)
    report = suggestion_report(release, (), sources, limit, encoder=encoder)
    found = []
    for control in controls:
        out = rejected[control.id]
        more = min(limit + len(out), MAX_LIMIT)
        some = suggest(release, control, report.sources, more, as_of=report.as_of, encoder=encoder)
        found.append(ControlSuggestions(control.id, control.title, tuple(_best(some, out, limit))))
    return replace(report, controls=tuple(found))


def _best(found: Iterable[Suggestion], out: set[str], limit: int) -> Iterator[Suggestion]:
    """The first of each source that are not ``out``, ranked anew."""
    ranks: defaultdict[str, int] = defaultdict(int)
    for one in found:
        if one.target not in out and ranks[one.within] < limit:
            ranks[one.within] += 1
            yield replace(one, rank=ranks[one.within])


def proposals_of(report: SuggestionReport) -> list[Proposal]:
    """The suggestions of a report as proposals, without what a control is mapped to already.

    A control's proposals are ranked over all sources: first the best of each source in their order, then the second
    ones.
    """
    order = {source: place for place, source in enumerate(report.sources)}
    found = []
    for each in report.controls:
        new = sorted((s for s in each.suggestions if not s.mapped), key=lambda s: (s.rank, order[s.within]))
        found += [Proposal(each.control, s.target, rank, _why(s)) for rank, s in enumerate(new, 1)]
    return found


def _why(it: Suggestion) -> str:
    said = [f"words: {', '.join(it.words[:_WORDS])}"] if it.words else []
    said += [f"like {it.via[0].node} ({it.via[0].title})"] if it.via else []
    return "; ".join(said) or "nearness of meaning"


def propose(
    store: Store,
    organization_id: str,
    release: Release,
    controls: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    limit: int = 5,
    *,
    encoder: Encoder | None = None,
    actor: Actor,
) -> tuple[SuggestionReport, Commit]:
    """Keep the suggestions for the controls named, or for all without a mapping, for somebody to decide on.

    What is decided already is left alone, and a rejected one never comes again; a proposal counts for nothing.
    Raises :class:`~kg.errors.UsageError` for more than :data:`MAX_PROPOSALS` at once, else as :func:`suggest_for`.
    """
    state = store.load(organization_id)
    chosen = to_suggest_for(state, controls)
    report = suggestion_report(release, (), sources, limit, encoder=encoder)
    if (most := len(chosen) * len(report.sources) * limit) > MAX_PROPOSALS:
        message = f"{len(chosen):,} controls with {limit} suggestions of {len(report.sources)} sources are {most:,}"
        hint = f"at most {MAX_PROPOSALS:,} at a time: name controls or sources, or a lower limit"
        raise UsageError(message, hint, code="INPUT_LIMIT")
    found = suggest_for(release, chosen, store.proposals(organization_id), sources, limit, encoder=encoder)
    return found, store.propose(organization_id, proposals_of(found), actor=actor)
