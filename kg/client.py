"""The library as people use it from Python: a release that is asked, and answers that become tables.

    from kg import Release

    release = Release.load()
    release.coverage("controls.csv", "eu-ai-act", profile="profile.toml").to_dataframe()

Every method asks the same function of :mod:`kg.answers` as the command line and the server do; what it returns is that
answer with ways to hand it on.  It stands above the answers and exports and imports them when they are first asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kg.errors import UsageError
from kg.model import Control, Profile
from kg.release import Release as _Release

if TYPE_CHECKING:
    import pandas as pd

    from kg.answers import (
        Assessment,
        Changes,
        Coverage,
        Crosswalk,
        Explain,
        ExposureRanking,
        Filter,
        GapReport,
        Hit,
        Overlap,
        Plan,
        Timeline,
        WhatIf,
    )
    from kg.answers.plan import Goals, Options
    from kg.exports.tables import Document, Table

__all__ = ["Answer", "Controls", "Release"]

T = TypeVar("T")

#: What is taken for an organisation's controls: a file, :class:`~kg.model.Control` objects, rows with the columns of
#: such a file, or a data frame of them.
Controls = Any


class Answer(Generic[T]):
    """An answer and the release it came from.

    ``value`` is the frozen answer of :mod:`kg.answers`; its fields are read through this object too
    (``answer.counts.covered``).
    """

    __slots__ = ("release", "value")

    def __init__(self, value: T, release: _Release) -> None:
        self.value = value
        self.release = release

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return getattr(self.value, name)
        except AttributeError:
            raise AttributeError(f"a {type(self.value).__name__} has no {name!r}") from None

    def __repr__(self) -> str:
        return f"<{self.document.title}: {self.document.summary}>"

    @property
    def document(self) -> Document:
        """The answer laid out as titled tables with facts, legend, licences and disclaimers."""
        from kg.exports.tables import document

        return document(self.value, self.release)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of the answer as a data frame, by name, the main one first.  Needs pandas."""
        return {t.name: _frame(t) for t in self.document.tables}

    def to_dataframe(self, table: str | None = None) -> pd.DataFrame:
        """The main table, or the one of that name, as a data frame; its ``attrs`` carry what defends the numbers:
        release, date, method, disclaimers.

        Raises :class:`ImportError` without pandas and :class:`~kg.errors.UsageError` for a table that is not there.
        """
        found = self.document
        named = {t.name: t for t in found.tables}
        if table is not None and table not in named:
            raise UsageError(f"the answer has no table {table!r}", f"one of: {', '.join(named)}")
        frame = _frame(found.tables[0] if table is None else named[table])
        frame.attrs.update(
            title=found.title, summary=found.summary, facts=dict(found.facts),
            disclaimers=[d.text for d in found.disclaimers],
        )  # fmt: skip
        return frame

    def to_dict(self) -> Any:
        """Plain data with the names that GraphQL and ``--format json`` use."""
        from kg.exports.json import plain

        return plain(self.value, self.release)

    def to_json(self) -> str:
        """The same as JSON, byte for byte what ``--format json`` writes."""
        from kg.exports.json import dumps

        return dumps(self.value, self.release).decode()

    def save(self, path: str | Path) -> Path:
        """Write it in the format of the file's ending: ``.xlsx``, ``.csv``, ``.md``, ``.json``, ``.html`` …

        Returns the path.  Raises :class:`~kg.errors.UsageError` for an ending that this answer is not written in.
        """
        from kg.exports.formats import format_of, formats_for, write

        target, found = Path(path), format_of(Path(path).name)
        if found is None:
            endings = ", ".join(f".{f.extension}" for f in formats_for(self.value))
            raise UsageError(f"{target.name} names no format", f"end it in one of: {endings}")
        data = b"".join(write(self.value, self.release, found))  # whole before the file is touched
        target.write_bytes(data)
        return target

    def _repr_html_(self) -> str:
        """What a notebook shows: what it says in a sentence, and the first rows of the main table."""
        from html import escape

        from kg.exports.tables import text_of

        found = self.document
        table, most = found.tables[0], 20
        columns = [(i, c) for i, c in enumerate(table.columns) if not c.detail][:8]
        head = "".join(f"<th>{escape(c.title)}</th>" for _, c in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(text_of(row[i]))}</td>" for i, _ in columns) + "</tr>"
            for row in table.rows[:most]
        )
        rest = f"<p>… and {len(table.rows) - most} more rows</p>" if len(table.rows) > most else ""
        title, summary = escape(found.title), escape(found.summary)
        return f"<h4>{title}</h4><p>{summary}</p><table><tr>{head}</tr>{body}</table>{rest}"


def _frame(table: Table) -> pd.DataFrame:
    from kg.exports.tables import Link

    try:
        import pandas as pd
    except ImportError:
        raise ImportError("a data frame needs pandas: pip install 'aigov-kg[pandas]'") from None
    columns = {
        c.name: [cell.text if isinstance(cell, Link) else cell for cell in (row[i] for row in table.rows)]
        for i, c in enumerate(table.columns)
    }
    return pd.DataFrame(columns)


class Release(_Release):
    """A release that is asked.  Frameworks and catalogues are named by their ids (``iso42001``, ``nist-ai-rmf``,
    ``eu-ai-act``, ``gdpr``, ``aisb``).

    ``controls`` are a path (CSV, TSV, XLSX, ODS), :class:`~kg.model.Control` objects, mappings with the columns of
    such a file, or a data frame of them.  ``profile`` is a path (TOML, JSON), a :class:`~kg.model.Profile` or a
    mapping; without one every duty may apply.  ``as_of`` is the day asked for, else the profile's, else today.

    Every method raises :class:`~kg.errors.InputError` with every finding for controls or a profile that are wrong,
    and :class:`~kg.errors.UnknownIdError` for what does not exist.
    """

    def controls_from(self, controls: Controls, profile: Profile | None = None) -> tuple[Control, ...]:
        """The controls that ``controls`` holds, read and checked as a file is."""
        from kg.organizations import parse_controls, read_controls

        systems = [s.id for s in profile.systems] if profile else None
        if isinstance(controls, str | Path):
            return read_controls(Path(controls), self, systems=systems).controls
        if (pandas := sys.modules.get("pandas")) and isinstance(controls, pandas.DataFrame):
            controls = controls.astype(object).where(controls.notna(), "").to_dict("records")
        given = list(controls)
        if all(isinstance(c, Control) for c in given):
            return tuple(given)
        if any(not isinstance(c, Mapping) for c in given):
            kinds = ", ".join(sorted({type(c).__name__ for c in given}))
            raise UsageError(f"controls cannot be read from {kinds}", "a path, Control objects, or mappings")
        rows = [{str(k): None if v is None else str(v) for k, v in row.items()} for row in given]
        return parse_controls(rows, self, systems=systems).controls

    def profile_from(self, profile: Profile | str | Path | Mapping[str, Any] | None) -> Profile | None:
        """The profile that ``profile`` holds, read and checked as a file is; ``None`` stays ``None``."""
        from kg.organizations import profile_from_mapping, read_profile

        if profile is None or isinstance(profile, Profile):
            return profile
        if isinstance(profile, Mapping):
            return profile_from_mapping(profile, self)
        return read_profile(Path(profile), self)

    def assess(
        self,
        controls: Controls,
        *,
        profile: Profile | str | Path | Mapping[str, Any] | None = None,
        as_of: date | None = None,
        filter: Filter | None = None,
    ) -> Assessment:
        """Controls and profile put to this release: for many questions about the same organisation."""
        from kg.answers import assess

        stated = self.profile_from(profile)
        return assess(self, self.controls_from(controls, stated), stated, as_of, filter)

    def coverage(self, controls: Controls, framework: str, **asked: Any) -> Answer[Coverage]:
        """How far each requirement of a framework is met, why, and by which chain.  ``asked`` are the keyword
        arguments of :meth:`assess`."""
        return Answer(self.assess(controls, **asked).coverage(framework), self)

    def gaps(self, controls: Controls, framework: str, **asked: Any) -> Answer[GapReport]:
        """The applicable requirements that are not covered, with what could cover them and the incidents behind."""
        from kg.answers.gaps import gap_report

        return Answer(gap_report(self.assess(controls, **asked), framework), self)

    def explain(self, controls: Controls, requirement: str, **asked: Any) -> Answer[Explain]:
        """Everything behind the verdict on one requirement, named by its CURIE.

        Raises :class:`~kg.errors.UsageError` for a provision that is not counted itself.
        """
        from kg.answers import explain

        id_ = self.resolve(requirement)
        assessment = self.assess(controls, **asked)
        if id_ not in self.provisions:
            raise UsageError(f"{id_} is not a requirement", "name a provision of a framework")
        standing = {r.id: r for r in assessment.graph.requirements(self.provisions[id_].framework)}
        if id_ not in standing:
            near = [r for r in standing if id_ in self.ancestors(r)] or [
                a for a in self.ancestors(id_) if a in standing
            ]
            raise UsageError(f"{id_} is not counted itself", f"ask about {', '.join(near[:8])}" if near else "")
        return Answer(explain(assessment, standing[id_]), self)

    def crosswalk(
        self, source: str, target: str, *, as_of: date | None = None, filter: Filter | None = None, derived: bool = True
    ) -> Answer[Crosswalk]:
        """What mapping sets say between two frameworks or catalogues, and apart from it what follows."""
        from kg.answers import crosswalk

        return Answer(crosswalk(self, source, target, as_of=as_of, filter_=filter, derived=derived), self)

    def overlap(
        self,
        source: str,
        target: str,
        *,
        profile: Profile | str | Path | Mapping[str, Any] | None = None,
        as_of: date | None = None,
        filter: Filter | None = None,
    ) -> Answer[Overlap]:
        """How much of ``target`` an organisation has that does all of ``source``."""
        from kg.answers import overlap

        return Answer(overlap(self, source, target, self.profile_from(profile), as_of, filter), self)

    def plan(
        self, controls: Controls, goals: Goals | None = None, options: Options | None = None, **asked: Any
    ) -> Answer[Plan]:
        """The cheapest set of actions that closes the open requirements."""
        from kg.answers.plan import plan

        return Answer(plan(self.assess(controls, **asked), goals, options), self)

    def what_if(
        self, controls: Controls, changes: Changes, frameworks: Sequence[str] | None = None, **asked: Any
    ) -> Answer[WhatIf]:
        """The verdicts that change if something were otherwise."""
        from kg.answers.whatif import what_if

        return Answer(what_if(self.assess(controls, **asked), changes, frameworks), self)

    def exposure(
        self, controls: Controls, frameworks: Sequence[str] | None = None, **asked: Any
    ) -> Answer[ExposureRanking]:
        """The open requirements by the incidents behind them."""
        from kg.answers.ranking import exposure_ranking

        return Answer(exposure_ranking(self.assess(controls, **asked), frameworks), self)

    def timeline(self, controls: Controls, frameworks: Sequence[str] | None = None, **asked: Any) -> Answer[Timeline]:
        """When which duty begins, changes or leaves, and what today's controls will then not cover."""
        from kg.answers.timeline import timeline

        return Answer(timeline(self.assess(controls, **asked), frameworks), self)

    def search(self, text: str, limit: int = 20, *, kinds: Iterable[str] | None = None) -> tuple[Hit, ...]:
        """The nodes that ``text`` most likely means, best first."""
        from kg.answers import search

        return search(self, text, limit, kinds=set(kinds) if kinds else None)
