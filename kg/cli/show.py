"""``kg show``: everything the release says of one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import DataOption, OutputOption
from kg.cli.output import Format, emit, rendered, wanted_format
from kg.cli.session import load_release, resolve
from kg.errors import UsageError
from kg.model import Incident, Mapping

if TYPE_CHECKING:
    from rich.console import Console

    from kg.release import Release

__all__ = ["show"]

#: A line of a description: its name and what it says; a list of pairs (id, words) where it lists other things.
_Facts = list[tuple[str, str | list[tuple[str, str]]]]


def show(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CURIE",
            show_default=False,
            help="A CURIE (eu-ai-act:art-15.5, aisb:DAT-01, aiid:6), an official reference, or the id of a "
            "framework, catalogue or mapping set.",
        ),
    ],
    framework: Annotated[
        str | None,
        typer.Option("--framework", "-f", metavar="ID", help="The framework an official reference belongs to."),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", show_default=False, help="table or json. Default: by the ending of -o, else table."),
    ] = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Describe a provision, control, threat, incident, framework or mapping set, and what it is linked to."""
    wanted = wanted_format(format_, output)
    if wanted not in ("table", "json"):
        raise UsageError(f"one thing is not written as {wanted}", "--format table or json")
    release = load_release(ctx, data)
    id_, title, thing, facts = _describe(release, name, framework)
    if wanted == "json":
        emit(_json(release, id_, thing, facts), output)
        return
    rendered(lambda page: _draw(page, id_, title, facts), output)


def _json(release: Release, id_: str, thing: Any, facts: _Facts) -> bytes:
    """The thing itself, and the rows, links and incidents it has."""
    from kg.exports.json import dumps, plain

    rows = list(release.rows_of.get(id_, ()))
    links = [t for t in release.threat_links if id_ in (t.threat, t.target)]
    references = [r for r in release.references if id_ in (r.subject, r.object)]
    lists = {name: [item for item, _ in said] for name, said in facts if isinstance(said, list)}
    return dumps(
        {
            "release": release.digest,
            "kind": type(thing).__name__,
            **plain(thing, release),
            **({"classification": plain(release.classifications.get(id_))} if isinstance(thing, Incident) else {}),
            "lists": lists,
            "mappings": plain(rows, release),
            "threatLinks": plain(links),
            "legalReferences": plain(references),
        }
    )


def _draw(console: Console, id_: str, title: str, facts: _Facts) -> None:
    from kg.cli import render

    line = render.text(id_, "bold")
    line.append(f"  {render.text(title).plain}", "bold not dim")
    console.print(line)
    for name, said in facts:
        if isinstance(said, str):
            line = render.text(f"{name}: ", "bold")
            line.append(render.text(said).plain, "not bold")
            console.print(line)
            continue
        render.paragraph(console, f"{name} ({len(said)})", "bold")
        for item, words in said:
            line = render.text(item)
            line.append(f"  {render.text(words).plain}" if words else "", "dim")
            console.print(render.indented(line, 2))


# ---------------------------------------------------------------- what is what


def _describe(release: Release, name: str, framework: str | None) -> tuple[str, str, Any, _Facts]:
    """Id, title, object and facts of what a person named."""
    registers: tuple[tuple[Any, Callable[[Release, Any], _Facts]], ...] = (
        (release.provisions, _provision),
        (release.controls, _control),
        (release.joints, _joint),
        (release.threats, _threat),
        (release.incidents, _incident),
        (release.known_by_number, _incident),
        (release.frameworks, _framework),
        (release.catalogues, _catalogue),
        (release.sets, _set),
    )
    for key in (name, name.removeprefix("kgfw:").removeprefix("kgset:")):
        for register, describe in registers:
            if key in register and framework is None:
                return key, register[key].title, register[key], describe(release, register[key])
    id_ = _resolve(release, name, framework)
    for register, describe in registers:
        if id_ in register:
            return id_, register[id_].title, register[id_], describe(release, register[id_])
    raise release.unknown(name)


def _resolve(release: Release, name: str, framework: str | None) -> str:
    """What a name means; an id of another scheme (AML.T0020) means the threat that goes by it."""
    for threat in release.threats.values():
        if any(name in (match, match.partition(":")[2]) for match in threat.matches):
            return threat.id
    return resolve(release, name, framework)


def _titled(release: Release, ids: Iterable[str]) -> list[tuple[str, str]]:
    return [(id_, release.title(id_)) for id_ in ids]


def _kept(facts: _Facts) -> _Facts:
    """Only the facts that say something."""
    return [(name, said) for name, said in facts if said]


def _rows(release: Release, id_: str) -> list[tuple[str, str]]:
    found = []
    for m in release.rows_of.get(id_, ()):
        found.append((f"{m.subject} {m.relation} {m.object}", _row_words(release, m, id_)))
    return found


def _row_words(release: Release, m: Mapping, here: str) -> str:
    there = release.title(m.object if m.subject == here else m.subject)
    review = "reviewed" if m.reviewed else "not reviewed"
    return f"{there} [{m.set_id}, {release.sets[m.set_id].authority}, {m.method}, {review}]"


def _links(release: Release, id_: str) -> list[tuple[str, str]]:
    """Threats of a control or requirement, or controls and requirements of a threat."""
    found = []
    for t in release.threat_links:
        if id_ in (t.threat, t.target):
            there = t.target if t.threat == id_ else t.threat
            found.append((f"{t.threat} {t.relation} {t.target}", release.title(there)))
    return found


def _references(release: Release, id_: str) -> list[tuple[str, str]]:
    return [(f"{r.subject} {r.kind} {r.object}", r.note) for r in release.references if id_ in (r.subject, r.object)]


def _provision(release: Release, p: Any) -> _Facts:
    life = " ".join(f"{w} {d}" for w, d in (("from", p.text_from), ("until", p.text_until)) if d)
    rules = [(release.rules[r].applies_from.isoformat(), _rule(release, r)) for r in release.inherited(p, "rules")]
    framework = release.frameworks[p.framework]
    versions = framework.text_versions
    counted = bool(versions) and p.id in {r.id for r in release.requirements(p.framework, versions[-1].date)}
    return _kept([
        ("Reference", f"{p.ref} of {framework.short_title} ({p.kind.replace('_', ' ')})"),
        ("Summary", p.summary),
        ("Counts as a requirement", "yes" if counted else "no"),
        ("Modality", p.modality.value if p.modality else ""),
        ("Binds", ", ".join(release.inherited(p, "roles"))),
        ("Tiers", ", ".join(release.inherited(p, "tiers"))),
        ("Only where", "; ".join(" or ".join(c) for c in release.conditions(p))),
        ("Applies from", rules),
        ("In the text", life),
        ("Amended", p.amended.isoformat() if p.amended else ""),
        ("Confidence", "" if p.confidence == "high" else p.confidence),
        ("Tags", ", ".join(p.tags)),
        ("Note", p.note),
        ("Official text", p.url or framework.url),
        ("Part of", _titled(release, (w.whole for w in release.wholes_of.get(p.id, ())))),
        ("Parts", _parts(release, p.id)),
        ("Mappings", _rows(release, p.id)),
        ("Threats", _links(release, p.id)),
        ("Legal references", _references(release, p.id)),
        ("Incidents", _exposed(release, p.id)),
    ])  # fmt: skip


def _parts(release: Release, id_: str) -> list[tuple[str, str]]:
    found = []
    for part in release.parts_of.get(id_, ()):
        how = "" if part.kind == "all_of" else f" [{part.kind}]"
        found.append((part.part, release.title(part.part) + how + (" [incorporated]" if part.incorporates else "")))
    return found


def _rule(release: Release, id_: str) -> str:
    rule = release.rules[id_]
    where = "; ".join(" or ".join(c) for c in rule.conditions)
    return f"{rule.title} ({rule.basis})" + (f", where {where}" if where else "")


def _exposed(release: Release, id_: str) -> list[tuple[str, str]]:
    from kg.answers import exposure

    found = exposure(release, id_).incidents
    said = [(i.id, f"{i.date or 'no date'}: {i.title}") for i in found[:10]]
    return [*said, ("…", f"and {len(found) - 10} more")] if len(found) > 10 else said


def _control(release: Release, c: Any) -> _Facts:
    joints = [j.id for j in release.joints.values() if c.id in j.members]
    return _kept([
        ("Reference control of", f"{release.catalogues[c.catalogue].title} ({c.catalogue})"),
        ("Statement", c.statement),
        ("Rationale", c.rationale),
        ("Evidence", c.evidence),
        ("Threats it mitigates", _titled(release, c.threats)),
        ("Joint nodes it is in", _titled(release, joints)),
        ("Mappings", _rows(release, c.id)),
        ("Without a row", [(n.framework, n.reason) for n in release.non_coverage if n.subject == c.id]),
        ("Threats", _links(release, c.id)),
    ])  # fmt: skip


def _joint(release: Release, j: Any) -> _Facts:
    return _kept([
        ("Joint node of", f"{release.catalogues[j.catalogue].title} ({j.catalogue})"),
        ("Rationale", j.rationale),
        ("Members", _titled(release, j.members)),
        ("Mappings", _rows(release, j.id)),
    ])  # fmt: skip


def _threat(release: Release, t: Any) -> _Facts:
    from kg.answers import incidents_of

    narrower = [x.id for x in release.threats.values() if t.id in x.broader]
    incidents = [(i.id, f"{i.date or 'no date'}: {i.title}") for i in incidents_of(release, t.id)]
    return _kept([
        ("Summary", t.summary),
        ("Broader", _titled(release, t.broader)),
        ("Narrower", _titled(release, narrower)),
        ("Also known as", _titled(release, t.matches)),
        ("Note", t.note),
        ("Controls and requirements", _links(release, t.id)),
        ("Incidents", incidents),
    ])  # fmt: skip


def _incident(release: Release, i: Any) -> _Facts:
    from kg.answers import classification_words

    classified = release.classifications.get(i.id)
    return _kept([
        ("Case", f"{i.number} of the AI Incident Database (CC BY-SA 4.0)"),
        ("Date", i.date or "not known"),
        ("Classification", classification_words(release, classified) if classified else ""),
        ("Sector", i.sector),
        ("Threats", _titled(release, i.threats)),
        ("Source", i.url),
        ("Basis", i.basis),
    ])  # fmt: skip


def _framework(release: Release, f: Any) -> _Facts:
    latest = f.text_versions[-1].date if f.text_versions else None
    top = [p.id for p in release.provisions.values() if p.framework == f.id and not release.whole(p.id)]
    return _kept([
        ("Framework", f"{f.short_title}, {f.kind} of {f.publisher}"),
        ("Jurisdiction", f.jurisdiction),
        ("Requirements", str(len(release.requirements(f.id, latest))) if latest else ""),
        ("Texts", [(v.date.isoformat(), v.title) for v in f.text_versions]),
        ("Only where", "; ".join(" or ".join(c) for c in f.requires)),
        ("Licence", f.licence),
        ("Official text", f.url),
        ("Note", f.note),
        ("Top level", _titled(release, top)),
        ("Disclaimers", [(d.id, d.text) for d in release.disclaimers_for(f.id)]),
    ])  # fmt: skip


def _catalogue(release: Release, c: Any) -> _Facts:
    return _kept([
        ("Catalogue", f"version {c.version}, {c.publisher}"),
        ("Description", c.description),
        ("Licence", c.licence),
        ("Link", c.url),
        ("Reference controls", _titled(release, (x.id for x in release.controls.values() if x.catalogue == c.id))),
        ("Joint nodes", _titled(release, (x.id for x in release.joints.values() if x.catalogue == c.id))),
    ])  # fmt: skip


def _set(release: Release, s: Any) -> _Facts:
    from collections import Counter

    rows = [m for m in release.mappings if m.set_id == s.id]
    by = Counter(m.relation for m in rows)
    return _kept([
        ("Mapping set", f"{len(rows)} rows, authority {s.authority}, version {s.version}"),
        ("Description", s.description),
        ("Publisher", s.publisher),
        ("Source", s.source_url),
        ("Licence", s.licence),
        ("By relation", [(name, str(count)) for name, count in sorted(by.items())]),
        ("Reviewed", f"{sum(1 for m in rows if m.reviewed)} of {len(rows)} rows"),
    ])  # fmt: skip
