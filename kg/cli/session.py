"""From arguments to a release, an organisation's controls and profile, and an assessment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
    "Kept", "Session", "chosen_frameworks", "folders", "framework_id", "load_release", "make_filter", "open_session",
    "organization_of", "parse_as_of", "read_sheet", "requirement",
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

    found = None
    if profile:
        from kg.organizations import read_profile

        found = read_profile(profile, release)
    kept = organization_of(controls)
    if kept:
        sheet, stored = _read_kept(release, kept)
        found = stored if profile is None else found
        as_of = as_of or (found.as_of if found else None) or kept.day
    else:
        sheet = read_sheet(release, controls, found)
    for finding in sheet.findings:
        note(str(finding))
    return Session(release, sheet, assess(release, sheet.controls, found, as_of, filter_), controls)


class Kept(NamedTuple):
    """An organisation that is kept, as it is now or (``day``) as it was at the end of a day, in UTC."""

    id: str
    day: date | None = None


def organization_of(controls: Path) -> Kept | None:
    """What ``org:ID`` or ``org:ID@DAY`` names; ``None`` for a file.  Raises :class:`~kg.errors.UsageError` for what
    names no organisation, no day or one that is still to come.

    >>> organization_of(Path("org:harrow@2026-05-01"))
    Kept(id='harrow', day=datetime.date(2026, 5, 1))
    """
    text = str(controls)
    if not text.startswith("org:"):
        return None
    id_, at, said = text[4:].partition("@")
    if not id_ or (at and not said):
        what = "day" if id_ else "organisation"
        raise UsageError(f"{text} names no {what}", "write org:ID or org:ID@2026-05-01; `kg org list` lists them")
    day = parse_as_of(said, text) if said else None
    if day is not None and day > datetime.now(UTC).date():
        hint = f"org:{id_} with --as-of {day} asks what it covers then, as it is now"
        raise UsageError(f"{text}: that day is still to come", hint)
    return Kept(id_, day)


def read_sheet(release: Release, controls: Path, profile: Profile | None = None) -> Sheet:
    """The controls of a file, or of an organisation that is kept.  A file is checked against the AI systems of
    ``profile``, what is kept against those of its own."""
    kept = organization_of(controls)
    if kept:
        return _read_kept(release, kept)[0]
    from kg.organizations import read_controls

    return read_controls(controls, release, systems=[s.id for s in profile.systems] if profile else None)


def _read_kept(release: Release, kept: Kept) -> tuple[Sheet, Profile | None]:
    from kg.organizations import Sheet, sentences_of
    from kg.organizations.store import Store, findings

    at = datetime.combine(kept.day, time.max, tzinfo=UTC) if kept.day else None
    with Store.open() as store:
        state = store.load(kept.id, at=at)
    said = tuple(each for control in state.controls for each in sentences_of(control, release))
    return Sheet(state.controls, findings(state, release), said), state.profile


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
