"""From arguments to a release, an organisation's controls and profile, and an assessment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kg.cli.output import note
from kg.errors import KgError, UnknownIdError, UsageError, nearest
from kg.model import Authority

if TYPE_CHECKING:
    from kg.answers import Assessment, Filter
    from kg.model import Profile, Provision
    from kg.organizations import Sheet
    from kg.release import Release

__all__ = [
    "Session", "chosen_frameworks", "folders", "framework_id", "load_release", "make_filter", "open_session",
    "organization_of", "parse_as_of", "requirement",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """What one request is about."""

    release: Release
    sheet: Sheet
    assessment: Assessment
    controls: Path

    @property
    def profile(self) -> Profile | None:
        """The organisation's profile, if it gave one."""
        return self.assessment.profile

    def statuses(self) -> list[tuple[str, int]]:
        """How many controls there are of each status that occurs."""
        from kg.model import ControlStatus

        found = Counter(c.status for c in self.sheet.controls)
        return [(s.value, found[s]) for s in ControlStatus if found[s]]


def folders(ctx: typer.Context, data: Iterable[Path] | None) -> list[Path]:
    """The data folders named before and after the command, each once."""
    return list({path.resolve(): path for path in (*(ctx.obj or ()), *(data or ()))}.values())


def load_release(ctx: typer.Context, data: Iterable[Path] | None) -> Release:
    """The project's data and the user's folders, read and checked."""
    from kg.release import Release

    return Release.load(*folders(ctx, data))


def parse_as_of(text: str | None, option: str = "--as-of") -> date | None:
    """The day of ``--as-of`` or of another option."""
    if text is None:
        return None
    from kg.organizations.controls import parse_day

    try:
        return parse_day(text.strip())
    except KgError as error:
        raise UsageError(f"{option}: {error.message}", error.hint, code=error.code) from None


def make_filter(
    release: Release, max_hops: int, min_authority: Authority, reviewed_only: bool, sets: Sequence[str] | None
) -> Filter:
    """The filter of the options; every set must exist."""
    from kg.answers import Filter

    for name in sets or ():
        if name not in release.sets:
            near = nearest(name, release.sets)
            hint = f"did you mean {near}? " if near else ""
            raise UnknownIdError(f"there is no mapping set {name!r}", f"{hint}one of: {', '.join(release.sets)}")
    return Filter(max_hops, min_authority, reviewed_only, tuple(sorted(set(sets or ()))))


def open_session(
    release: Release, controls: Path, profile: Path | None, as_of: date | None, filter_: Filter
) -> Session:
    """Read the controls and the profile, and assess; warnings go to standard error."""
    from kg.answers import assess
    from kg.organizations import read_controls, read_profile

    found = read_profile(profile, release) if profile else None
    kept = organization_of(controls)
    if kept:
        sheet, stored, day = _read_kept(release, *kept)
        found = stored if profile is None else found
        as_of = as_of or (found.as_of if found else None) or day
    else:
        systems = [s.id for s in found.systems] if found else None
        sheet = read_controls(controls, release, systems=systems)
    for finding in sheet.findings:
        note(str(finding))
    return Session(release, sheet, assess(release, sheet.controls, found, as_of, filter_), controls)


def organization_of(controls: Path) -> tuple[str, str] | None:
    """The id and the past day of ``org:ID`` or ``org:ID@DAY``; ``None`` for a file.

    >>> organization_of(Path("org:harrow@2026-05-01"))
    ('harrow', '2026-05-01')
    """
    text = str(controls)
    if not text.startswith("org:"):
        return None
    id_, _, day = text[4:].partition("@")
    return id_, day


def _read_kept(release: Release, id_: str, text: str) -> tuple[Sheet, Profile | None, date | None]:
    """The controls and profile of an organisation that is kept, now or at the end of a day, and that day."""
    from datetime import UTC, datetime, time

    from kg.organizations import Sheet, sentences_of
    from kg.organizations.store import Store, findings

    day = parse_as_of(text) if text else None
    at = datetime.combine(day, time.max, tzinfo=UTC) if day else None
    with Store.open() as store:
        state = store.load(id_, at=at)
    said = tuple(each for control in state.controls for each in sentences_of(control, release))
    return Sheet(state.controls, findings(state, release), said), state.profile, day


def framework_id(release: Release, name: str) -> str:
    """A framework's id from its id or short title in any case."""
    wanted = name.strip().casefold()
    for f in release.frameworks.values():
        if wanted in (f.id.casefold(), f.short_title.casefold(), f"kgfw:{f.id}".casefold()):
            return f.id
    return release.framework(name).id


def chosen_frameworks(release: Release, names: Sequence[str] | None) -> list[str]:
    """The frameworks asked for, each once; all where none is named."""
    if not names or "all" in names:
        return list(release.frameworks)
    return list(dict.fromkeys(framework_id(release, n) for n in names))


def requirement(session: Session, text: str, framework: str | None) -> Provision:
    """The requirement a person means by a CURIE or an official reference.

    A provision that is not one is refused with those that stand below or above it.
    """
    release = session.release
    id_ = resolve(release, text, framework)
    if id_ not in release.provisions:
        raise UsageError(f"{id_} is not a requirement", "name a provision of a framework; `kg show` describes the rest")
    provision = release.provisions[id_]
    standing = {r.id: r for r in session.assessment.graph.requirements(provision.framework)}
    if id_ in standing:
        return standing[id_]
    near = [r for r in standing if id_ in release.ancestors(r)] or [a for a in release.ancestors(id_) if a in standing]
    if not provision.in_text(release.text_in_force(provision.framework, session.assessment.as_of)):
        raise UsageError(f"{id_} does not stand in the text in force on {session.assessment.as_of}", _life(provision))
    hint = f"ask about {', '.join(near[:8])}{' …' if len(near) > 8 else ''}" if near else "nothing in it is assessed"
    raise UsageError(f"{id_} ({provision.ref}) is not counted itself", hint)


def _life(provision: Provision) -> str:
    said = [f"{w} {d}" for w, d in (("from", provision.text_from), ("until", provision.text_until)) if d]
    return f"it exists {' '.join(said)}: choose a day with --as-of" if said else ""


def resolve(release: Release, text: str, framework: str | None) -> str:
    """The CURIE of what a person typed.  A reference that several frameworks know needs the framework's name."""
    if framework is not None:
        return release.resolve(text, framework_id(release, framework))
    if ":" not in text:
        found = []
        for f in release.frameworks:
            try:
                found.append(release.resolve(text, f))
            except UnknownIdError:
                continue
        if len(set(found)) > 1:
            raise UsageError(f"{text!r} is in several frameworks", f"say --framework, or one of {', '.join(found)}")
        if found:
            return found[0]
    return _target(release, text)


def _target(release: Release, text: str) -> str:
    from kg.organizations import find_target

    try:
        return release.resolve(text)
    except UnknownIdError:
        return find_target(release, text)
