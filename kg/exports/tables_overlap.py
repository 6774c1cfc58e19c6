"""Overlaps of frameworks as documents: one direction, both, or the matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from kg.answers import Counts, Overlap, OverlapMatrix, OverlapPair, RequirementResult
from kg.answers.overlap import OverlapCell, RowsBehind, SourceSide, TargetSide
from kg.exports.tables import (
    Cell,
    Column,
    Document,
    Table,
    chain_text,
    link_to,
    set_licences,
    text_licences,
    yes,
)
from kg.exports.tables_assessment import profile_facts
from kg.exports.words import APPLICABILITY, GROUPS, REASONS, VERDICTS
from kg.permalink import OverlapAnswer, permalink_of
from kg.release import Release
from kg.terms import prefix_of

__all__ = ["matrix_document", "overlap_document", "pair_document"]

_SOURCE = Column("source", "From", "the framework or catalogue that is taken as done", 16)
_TARGET = Column("target", "To", "the framework whose requirements are counted", 16)
_COUNTS = (
    Column("covered", "Covered", "of the applicable: covered", 9, "number"),
    Column("applicable", "Applicable", "requirements of the target that apply: the denominator", 11, "number"),
    Column("percentCovered", "% covered", "covered / applicable, unweighted", 10, "number", share=True),
    Column("coveredReviewed", "Covered, reviewed", "of the covered: without any unreviewed row", 10, "number"),
    Column("partial", "Partial", "of the applicable: met in part", 9, "number"),
    Column("lead", "Lead", "of the applicable: leads", 9, "number"),
    Column("gap", "Gap", "of the applicable: gaps", 9, "number"),
    Column("noMapping", "No mapping", "of those not covered: no control could, our blind spot", 10, "number"),
    Column("disputed", "Disputed", "of the applicable: disputed", 9, "number", detail=True),
    Column("notApplicable", "Not applicable", "requirements that do not apply", 11, "number", detail=True),
    Column("excluded", "Excluded", "of these: excluded by the organisation", 9, "number", detail=True),
    Column("notYetApplicable", "Not yet applicable", "requirements that apply later", 11, "number"),
    Column("notYetApplicableCovered", "Of these covered", "of these: covered already", 10, "number", detail=True),
    Column("total", "Total", "all requirements of the target in the text in force", 9, "number"),
    Column("assumed", "Assumed", "requirements of the source that are taken as met", 9, "number"),
    Column("assumedOf", "Assumed of", "all requirements (reference controls) of the source", 9, "number"),
    Column("rows", "Rows", "rows of mapping sets that what is covered stands on, each once", 8, "number"),
    Column("rowsReviewed", "Rows reviewed", "of these: reviewed by a named person", 9, "number"),
)  # fmt: skip
_REQUIREMENTS = (
    _SOURCE, _TARGET,
    Column("curie", "Id", "the requirement's CURIE, stable for ever", 22),
    Column("ref", "Reference", "the official reference, leading to the official text", 16),
    Column("title", "Title", "the official heading, or a short title of the project's", 34),
    Column("verdict", "Verdict", "COVERED, PARTIAL, LEAD or GAP", 11, "verdict"),
    Column("reasons", "Reasons", "why the verdict is not better, in order", 28),
    Column("through", "Through", "the provision of the source, or the joint node, that gives it or comes nearest", 22),
    Column("chain", "Chain", "the chain of mappings the verdict stands on, each with its row and set", 70, aside=True),
    Column("sets", "Sets", "the mapping sets of the chain", 26, detail=True),
    Column("reviewed", "Reviewed", "whether a named person reviewed every row of the chain", 9, detail=True),
    Column("disputed", "Disputed", "whether mappings contradict each other", 9, detail=True),
)  # fmt: skip
_GROUPS = (
    _SOURCE, _TARGET,
    Column("curie", "Id", "the CURIE of an article, clause or category", 22),
    Column("ref", "Reference", "its official reference", 16),
    Column("title", "Title", "its official heading", 34),
    Column("verdict", "Verdict", "COVERED if all that applies is, GAP if all is, else PARTIAL", 11, "verdict"),
    Column("covered", "Covered", "of the applicable: covered", 9, "number"),
    Column("applicable", "Applicable", "requirements in it that apply", 11, "number"),
    Column("percentCovered", "% covered", "covered / applicable, unweighted", 10, "number", share=True),
    Column("partial", "Partial", "of the applicable: met in part", 9, "number"),
    Column("lead", "Lead", "of the applicable: leads", 9, "number"),
    Column("gap", "Gap", "of the applicable: gaps", 9, "number"),
)  # fmt: skip
_NOT_ASSUMED = (
    _SOURCE,
    Column("curie", "Id", "a requirement of the source", 22),
    Column("ref", "Reference", "its official reference", 16),
    Column("title", "Title", "its official heading", 34),
    Column("applicability", "Applicability", "NOT_APPLICABLE or NOT_YET_APPLICABLE", 20),
    Column("explanation", "Why", "what decided it", 50),
)
_ROWS = (
    _SOURCE, _TARGET,
    Column("set", "Set", "a mapping set", 28),
    Column("authority", "Authority", "who stands behind it", 14),
    Column("rows", "Rows", "its rows that what is covered stands on", 9, "number"),
    Column("reviewed", "Reviewed", "of these: reviewed by a named person", 9, "number"),
)  # fmt: skip
_MEMBERS = (
    _SOURCE,
    Column("joint", "Joint node", "a joint node that gives something", 16),
    Column("member", "Member", "a reference control of it", 16),
    Column("control", "Contained by", "what of the source contains it", 24),
    Column("chain", "Chain", "by which chain", 70),
)

_EVERY = (
    "Every applicable requirement of the target: first what is given, in reading order, then what is left, worst first."
)
_LEFT_OUT = "Requirements of the source that are not taken as met, because they do not apply, or not yet."
_BEHIND = "The rows that everything covered stands on together, by set."
_JOINED = "Where a joint node covers: the chain by which the source contains each of its members."
_EACH = "Each source against each target, counted. A row is one direction."
_SQUARE = "From the left to the top: % covered, and beside it covered of applicable and how many are met in part."


def _share(n: Counts) -> float | None:
    return None if n.percent_covered is None else round(n.percent_covered, 1)


def _count_cells(n: Counts, no_mapping: int, source: SourceSide, rows: RowsBehind) -> tuple[Cell, ...]:
    return (
        n.covered, n.applicable, _share(n), n.covered_reviewed, n.partial, n.lead, n.gap, no_mapping, n.disputed,
        n.not_applicable, n.excluded, n.not_yet_applicable, n.not_yet_applicable_covered, n.total, source.assumed,
        source.total, rows.rows, rows.reviewed,
    )  # fmt: skip


def _text(value: SourceSide | TargetSide) -> str:
    version = f"; text of {value.text_version}" if value.text_version else ""
    return f"{value.title} ({value.id}{version})"


def _assumed(value: SourceSide) -> str:
    what = "requirements" if value.kind == "framework" else "reference controls"
    said = f"{value.assumed} of its {value.total} {what}"
    if value.not_assumed:
        said += f"; {value.not_applicable} do not apply, {value.not_yet_applicable} not yet"
    return said


def _facts(
    value: Overlap | OverlapMatrix, answer: OverlapAnswer, sides: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    link = permalink_of(answer) or "none: the profile is too long for a link"
    return (
        *sides,
        ("As of", value.as_of.isoformat()),
        ("Release", value.release),
        *profile_facts(value.profile),
        ("Method", value.method),
        ("Permalink", link),
    )


def _legend() -> tuple[tuple[str, str], ...]:
    return (*VERDICTS.items(), ("Groups", GROUPS), *APPLICABILITY.items(), *REASONS.items())


def _stamp(value: Overlap | OverlapMatrix) -> tuple[tuple[str, str], ...]:
    return (("asOf", value.as_of.isoformat()), ("release", value.release))


def _through(r: RequirementResult) -> str:
    """What of the source gives it: the provision of the first step, or the joint node."""
    if r.explanation is None or not r.explanation.steps:
        return ""
    return r.explanation.steps[0].object


def _requirement(o: Overlap, r: RequirementResult, release: Release) -> tuple[Cell, ...]:
    p, e = r.requirement, r.explanation
    chains = [chain_text(e.steps, e.members), *(chain_text(s) for s in e.supporting)] if e else []
    return (
        o.source.id, o.target.id, p.id, link_to(release, p.id, p.ref), p.title, r.verdict.name, ", ".join(r.reasons),
        _through(r), " AND ".join(chains), ", ".join(dict.fromkeys(s.set for s in e.steps if s.set)) if e else "",
        yes(e.reviewed) if e else "", yes(e.disputed) if e else "",
    )  # fmt: skip


def _groups(o: Overlap, release: Release) -> Iterable[tuple[Cell, ...]]:
    for g in o.groups:
        p, n = g.provision, g.counts
        if g.verdict is not None:
            yield (
                o.source.id, o.target.id, p.id, link_to(release, p.id, p.ref), p.title, g.verdict.name,
                n.covered, n.applicable, _share(n), n.partial, n.lead, n.gap,
            )  # fmt: skip


def _tables(found: Sequence[Overlap], release: Release) -> tuple[Table, ...]:
    requirements = tuple(_requirement(o, r, release) for o in found for r in chain(o.given, o.left))
    counts = tuple((o.source.id, o.target.id, *_count_cells(o.counts, o.no_mapping, o.source, o.rows)) for o in found)
    left_out = tuple(
        (o.source.id, x.curie, link_to(release, x.curie, x.ref), x.title, x.applicability.value, x.explanation)
        for o in found
        for x in o.source.not_assumed
    )
    rows = tuple(
        (o.source.id, o.target.id, s.set, s.authority, s.rows, s.reviewed) for o in found for s in o.rows.by_set
    )
    members = tuple(
        (o.source.id, m.joint, m.member, m.steps[0].object, chain_text(m.steps)) for o in found for m in o.joined
    )
    everything = "Every requirement of the source is taken as met."
    return (
        Table("requirements", "Requirements", _REQUIREMENTS, requirements, _EVERY, "Nothing of the target applies."),
        Table("counts", "Counts", (_SOURCE, _TARGET, *_COUNTS), counts, _EACH),
        Table("groups", "Groups", _GROUPS, tuple(g for o in found for g in _groups(o, release)), GROUPS),
        Table("not-assumed", "Not assumed", _NOT_ASSUMED, left_out, _LEFT_OUT, everything),
        Table("rows", "Rows behind", _ROWS, rows, _BEHIND, "What is covered stands on no row of a set."),
        Table("members", "Members", _MEMBERS, members, _JOINED, "No joint node is needed."),
    )


def _licences(found: Sequence[Overlap], release: Release) -> tuple[tuple[str, str], ...]:
    results = [r for o in found for r in chain(o.given, o.left)]
    steps = [s for r in results if r.explanation for s in r.explanation.steps]
    steps += [s for o in found for m in o.joined for s in m.steps]
    steps += [s for r in results if r.explanation for more in r.explanation.supporting for s in more]
    names = {name for o in found for name in (o.source.id, o.target.id)}
    names |= {prefix_of(end) for s in steps for end in (s.subject, s.object)}
    return (*text_licences(release, names), *set_licences(release, {s.set for s in steps}))


def _document(
    answer: Overlap | OverlapPair, found: Sequence[Overlap], name: str, title: str, release: Release
) -> Document:
    sides: list[tuple[str, str]] = []
    for o in found:
        sides += [("From", _text(o.source)), ("Assumed", _assumed(o.source)), ("To", _text(o.target))]
    return Document(
        name=name,
        title=title,
        summary=" ".join(o.sentence for o in found),
        facts=_facts(found[0], answer, sides),
        tables=_tables(found, release),
        legend=_legend(),
        licences=_licences(found, release),
        disclaimers=tuple(dict.fromkeys(d for o in found for d in o.disclaimers)),
        stamp=_stamp(found[0]),
        day=found[0].as_of,
    )


def overlap_document(value: Overlap, release: Release) -> Document:
    """One direction: every applicable requirement of the target, and what stands behind the number."""
    title = f"What {value.source.short_title} gives of {value.target.short_title}"
    return _document(value, [value], f"{value.source.id} {value.target.id}", title, release)


def pair_document(value: OverlapPair, release: Release) -> Document:
    """Both directions below each other."""
    one, other = value.forward.source, value.forward.target
    title = f"{one.short_title} and {other.short_title}: what each gives of the other"
    return _document(value, [value.forward, value.backward], f"{one.id} {other.id}", title, release)


def _square(value: OverlapMatrix) -> Table:
    """Sources down, targets across: a percentage and, beside it, what it is a percentage of."""
    columns = [Column("source", "From \\ to", "the framework or catalogue that is taken as done", 30)]
    for t in value.targets:
        columns.append(
            Column(
                f"{t.id}.percent",
                f"{t.short_title} %",
                "% of its applicable requirements covered",
                12,
                "number",
                share=True,
            )
        )
        columns.append(Column(f"{t.id}.counts", f"{t.short_title} counts", "covered of applicable, + met in part", 22))
    rows = []
    for s in value.sources:
        row: list[Cell] = [s.short_title]
        for t in value.targets:
            n = value.cell(s.id, t.id).counts
            row += [_share(n), f"{n.covered} of {n.applicable}, {n.partial} partial"]
        rows.append(tuple(row))
    return Table("matrix", "Matrix", tuple(columns), tuple(rows), _SQUARE)


def matrix_document(value: OverlapMatrix, release: Release) -> Document:
    """Every source against every target."""
    by_id = {s.id: s for s in value.sources}

    def cells(c: OverlapCell) -> tuple[Cell, ...]:
        return (c.source, c.target, *_count_cells(c.counts, c.no_mapping, by_id[c.source], c.rows))

    left_out = tuple(
        (s.id, x.curie, link_to(release, x.curie, x.ref), x.title, x.applicability.value, x.explanation)
        for s in value.sources
        for x in s.not_assumed
    )
    sets = {s.set for c in value.cells for s in c.rows.by_set}
    names = {s.id for s in value.sources} | {t.id for t in value.targets}
    sides = [("From", f"{_text(s)}: assumed {_assumed(s)}") for s in value.sources]
    return Document(
        name="overlaps",
        title="What each framework gives of each other",
        summary="Of each framework's applicable requirements, how many an organisation covers that does all of "
        "another. A percentage stands beside its counts; what is met only in part is counted apart.",
        facts=_facts(value, value, [*sides, *(("To", _text(t)) for t in value.targets)]),
        tables=(
            Table("cells", "Cells", (_SOURCE, _TARGET, *_COUNTS), tuple(cells(c) for c in value.cells), _EACH),
            _square(value),
            Table("not-assumed", "Not assumed", _NOT_ASSUMED, left_out, _LEFT_OUT, "Everything is taken as met."),
        ),
        legend=_legend(),
        licences=(*text_licences(release, names), *set_licences(release, sets)),
        disclaimers=value.disclaimers,
        stamp=_stamp(value),
        day=value.as_of,
    )
