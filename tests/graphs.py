"""Small graphs for the tests: a line format that people can read, random graphs, and a shrinker.

The line format (see docs/worked-examples.md) has one fact a line; ``#`` starts a comment::

    part eu:1 all_of eu:1.a                       a part: all_of, any_of, exception, condition, or incorporates
    provision eu:1.b until 2025-01-01             more about a provision: `group` (not assessable), from, until, roles
    row setA(project) c:x superset_of eu:1.a strength 7 semantic unreviewed
    joint c:J = c:1 c:2
    control A implemented: c:1; eu:1 related      own rows; before the colon also, in this order, `systems s1`,
                                                        `evidence 2025-01-01`, `max-age 365` (its own rule) and
                                                        `record R 2025-01-01 2025-07-01` (day, valid until; or `-`)
    expect eu:1.a COVERED via A > c:x >[setA] eu:1.a    the verdict, then the reasons, then the chain shown; a hop names
                                                        its set, the own row and part steps are bare

and, each at most once, ``text eu 2024-01-01 2025-01-01``, ``system s1 roles provider``, ``as of 2025-06-01``,
``roles deployer``, ``max evidence age 365``, ``max hops 2``, ``min authority published``, ``reviewed only``,
``sets setA setB``.
Ids with the prefix ``c`` are reference controls and joint nodes; any other prefix is a framework.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from random import Random
from typing import Any

from hypothesis import strategies as st

from kg.answers import Filter
from kg.model import (
    Authority,
    Catalogue,
    Control,
    ControlRow,
    ControlStatus,
    EvidenceRecord,
    Framework,
    JointNode,
    Mapping,
    MappingSet,
    Part,
    PartKind,
    Profile,
    Provision,
    RationaleKind,
    ReferenceControl,
    System,
    TextVersion,
)
from kg.relations import RELATED, RELATIONS, SUPERSET_OF, word
from kg.release import Release
from kg.sources import Content

__all__ = ["Case", "Expect", "cases", "hub_case", "parse", "random_case", "shrunk", "write"]

FIRST = date(2024, 1, 1)
SECOND = date(2025, 1, 1)
TODAY = date(2025, 6, 1)


@dataclass(frozen=True)
class Case:
    """A release and an organisation put to it, small enough to print."""

    provisions: tuple[Provision, ...] = ()
    parts: tuple[Part, ...] = ()
    joints: tuple[JointNode, ...] = ()
    sets: tuple[MappingSet, ...] = ()
    rows: tuple[Mapping, ...] = ()
    references: tuple[str, ...] = ()
    texts: tuple[tuple[str, tuple[date, ...]], ...] = ()
    controls: tuple[Control, ...] = ()
    profile: Profile | None = None
    as_of: date = TODAY
    filter: Filter = field(default_factory=Filter)

    @cached_property
    def release(self) -> Release:
        """The release, built from a content by hand."""
        texts = dict(self.texts)
        prefixes = sorted({p.framework for p in self.provisions})
        return Release(
            Content(
                frameworks=[
                    Framework(
                        id=f, title=f, short_title=f, publisher="", kind="standard", jurisdiction="", url="",
                        licence="", text_versions=tuple(TextVersion(d, str(d)) for d in texts.get(f, (FIRST,))),
                    )
                    for f in prefixes
                ],
                provisions=list(self.provisions),
                parts=list(self.parts),
                catalogues=[Catalogue("c", "Controls", "", "", "1")],
                controls=[ReferenceControl(r, "c", "", r, r) for r in self.references],
                joints=list(self.joints),
                sets=list(self.sets),
                mappings=list(self.rows),
            )
        )  # fmt: skip

    def via(self, ids: tuple[str, ...]) -> str:
        """A chain's ids as people read them: ``A > c:1 >[setA] eu:1.a > eu:1``."""
        sets = {row.id: row.set_id for row in self.rows}
        steps = zip(ids[1::2], ids[2::2], strict=True)
        return "".join([*ids[:1], *(f" >{f'[{sets[row]}]' if row else ''} {node}" for row, node in steps)])


@dataclass(frozen=True)
class Expect:
    """One ``expect`` line.  ``via`` is the chain shown, as :meth:`Case.via` writes it; empty: not said."""

    requirement: str
    verdict: str
    reasons: tuple[str, ...]
    via: str


# ------------------------------------------------------------------ the line format


def _provision(id_: str, **more: Any) -> Provision:
    return Provision(
        id=id_, framework=id_.partition(":")[0], kind="paragraph", ref=id_, title=id_, summary="",
        assessable=more.pop("assessable", True), **more,
    )  # fmt: skip


def _row(text: str) -> tuple[MappingSet, Mapping]:
    found = re.fullmatch(
        r"(\w+)\((\w+)\) (\S+) (\w+) (\S+)(?: strength (\d+))?(?: (syntactic|semantic|functional))?( unreviewed)?", text
    )
    if not found:
        raise ValueError(f"not a row: {text}")
    set_id, authority, subject, relation, object_, strength, kind, unreviewed = found.groups()
    row = Mapping(
        set_id, subject, relation, object_, RationaleKind(kind or "functional"),
        strength=int(strength) if strength else None, reviewers=() if unreviewed else ("A. Reader",),
    )  # fmt: skip
    assert row.mask, "an unknown relation has raised by now"
    return MappingSet(set_id, set_id, Authority(authority), ""), row


def _control(text: str) -> Control:
    found = re.fullmatch(
        r"(\S+) ([\w-]+)(?: systems (\S+))?(?: evidence (\S+))?(?: max-age (\d+))?"
        r"((?: record \S+ \S+ [^\s:]+)*): ?(.*)",
        text,
    )
    if not found:
        raise ValueError(f"not a control: {text}")
    id_, status, systems, evidence, own_age, named, rows = found.groups()
    words = named.split()
    records = tuple(
        EvidenceRecord(name, day=_day(day), valid_until=_day(until))
        for name, day, until in zip(words[1::4], words[2::4], words[3::4], strict=True)
    )
    own = []
    for each in filter(None, (r.strip() for r in rows.split(";"))):
        target, *relation = each.split()
        if relation:
            mask = sum(RELATIONS[r] for r in relation[0].split("|"))
        else:
            mask = SUPERSET_OF if target.startswith("c:") else RELATED
        own.append(ControlRow(target, mask, bool(relation)))
    return Control(
        id_, id_, ControlStatus(status), tuple(own), systems=tuple(systems.split(",")) if systems else (),
        evidence_date=date.fromisoformat(evidence) if evidence else None, evidence=records,
        max_evidence_age_days=int(own_age) if own_age else None,
    )  # fmt: skip


def _day(text: str) -> date | None:
    return None if text == "-" else date.fromisoformat(text)


def _details(words: list[str]) -> dict[str, Any]:
    """What a ``provision`` line says beyond the id."""
    found: dict[str, Any] = {}
    while words:
        key = words.pop(0)
        if key == "group":
            found["assessable"] = False
        elif key == "roles":
            found["roles"] = tuple(words.pop(0).split(","))
        else:
            found[{"from": "text_from", "until": "text_until"}[key]] = date.fromisoformat(words.pop(0))
    return found


def parse(text: str) -> tuple[Case, list[Expect]]:
    """A graph in the line format, and what it expects."""
    details: dict[str, dict[str, Any]] = {}
    sets: dict[str, MappingSet] = {}
    case: dict[str, list[Any]] = {k: [] for k in ("parts", "joints", "rows", "texts", "controls", "systems")}
    profile: dict[str, Any] = {}
    filter_: dict[str, Any] = {}
    as_of = TODAY
    expects: list[Expect] = []
    named: list[str] = []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        word_, _, rest = line.partition(" ")
        if not line:
            continue
        if word_ == "part":
            whole, kind, part = rest.split()
            inc = kind == "incorporates"
            case["parts"].append(Part(whole, part, PartKind("all_of" if inc else kind), inc))
            named += [whole, part]
        elif word_ == "provision":
            id_, *words = rest.split()
            details[id_] = _details(words)
            named.append(id_)
        elif word_ == "row":
            set_, row = _row(rest)
            if sets.setdefault(set_.id, set_) != set_:
                raise ValueError(f"two authorities for one set: {line}")
            case["rows"].append(row)
            named += [row.subject, row.object]
        elif word_ == "joint":
            id_, _, members = rest.partition(" = ")
            case["joints"].append(JointNode(id_, "c", id_, tuple(members.split())))
            named += members.split()
        elif word_ == "control":
            control = _control(rest)
            case["controls"].append(control)
            named += [r.target for r in control.rows]
        elif word_ == "text":
            framework, *dates = rest.split()
            case["texts"].append((framework, tuple(map(date.fromisoformat, dates))))
        elif word_ == "system":
            id_, *roles = rest.split()
            case["systems"].append(System(id_, id_, tuple(roles[1].split(",")) if roles else ()))
        elif line.startswith("as of "):
            as_of = date.fromisoformat(line.split()[-1])
        elif line.startswith("max evidence age "):
            profile["max_evidence_age_days"] = int(line.split()[-1])
        elif line.startswith("max hops "):
            filter_["max_hops"] = int(line.split()[-1])
        elif line.startswith("min authority "):
            filter_["min_authority"] = Authority(line.split()[-1])
        elif line == "reviewed only":
            filter_["reviewed_only"] = True
        elif word_ == "roles":
            profile["roles"] = tuple(rest.split(","))
        elif word_ == "sets":
            filter_["sets"] = tuple(rest.split())
        elif word_ == "expect":
            said, _, via = rest.partition(" via ")
            requirement, verdict, *reasons = said.split()
            named.append(requirement)
            expects.append(Expect(requirement, verdict, tuple(reasons), via.strip()))
        else:
            raise ValueError(f"not understood: {line}")
    joints = {j.id for j in case["joints"]}
    ids = [n for n in dict.fromkeys(named) if n not in joints]
    if case["systems"]:
        profile["systems"] = tuple(case["systems"])
    return Case(
        provisions=tuple(_provision(n, **details.get(n, {})) for n in ids if not n.startswith("c:")),
        references=tuple(n for n in ids if n.startswith("c:")),
        sets=tuple(sets.values()),
        profile=Profile(**profile) if profile else None,
        as_of=as_of,
        filter=Filter(**filter_),
        **{k: tuple(v) for k, v in case.items() if k != "systems"},
    ), expects


def write(case: Case) -> str:
    """The case in the line format: what a failing test prints."""
    return "\n".join(_lines(case))


def _lines(case: Case) -> Iterator[str]:
    for framework, dates in case.texts:
        yield " ".join(["text", framework, *map(str, dates)])
    for p in case.provisions:
        more = [] if p.assessable else ["group"]
        more += [f"from {p.text_from}"] if p.text_from else []
        more += [f"until {p.text_until}"] if p.text_until else []
        more += [f"roles {','.join(p.roles)}"] if p.roles else []
        yield " ".join(["provision", p.id, *more])
    for part in case.parts:
        yield f"part {part.whole} {'incorporates' if part.incorporates else part.kind} {part.part}"
    for j in case.joints:
        yield f"joint {j.id} = {' '.join(j.members)}"
    authority = {s.id: s.authority for s in case.sets}
    for r in case.rows:
        strength = "" if r.strength is None else f" strength {r.strength}"
        reviewed = "" if r.reviewers else " unreviewed"
        of = f"{r.set_id}({authority[r.set_id]})"
        yield f"row {of} {r.subject} {r.relation} {r.object}{strength} {r.rationale_kind}{reviewed}"
    for system in case.profile.systems if case.profile else ():
        yield f"system {system.id}" + (f" roles {','.join(system.roles)}" if system.roles else "")
    for c in case.controls:
        systems = f" systems {','.join(c.systems)}" if c.systems else ""
        evidence = f" evidence {c.evidence_date}" if c.evidence_date else ""
        evidence += "" if c.max_evidence_age_days is None else f" max-age {c.max_evidence_age_days}"
        evidence += "".join(f" record {r.id} {r.day or '-'} {r.valid_until or '-'}" for r in c.evidence)
        rows = "; ".join(f"{r.target} {word(r.mask)}" for r in c.rows)
        yield f"control {c.id} {c.status}{systems}{evidence}: {rows}"
    yield f"as of {case.as_of}"
    if case.profile and case.profile.roles:
        yield f"roles {','.join(case.profile.roles)}"
    if case.profile and case.profile.max_evidence_age_days is not None:
        yield f"max evidence age {case.profile.max_evidence_age_days}"
    yield f"max hops {case.filter.max_hops}"
    yield f"min authority {case.filter.min_authority}"
    if case.filter.reviewed_only:
        yield "reviewed only"
    if case.filter.sets:
        yield f"sets {' '.join(case.filter.sets)}"


# ------------------------------------------------------------------ random graphs

_ROLES = ("provider", "deployer")
_DATES = (date(2023, 1, 1), date(2025, 5, 1), date(2025, 7, 1))
_RELATION_WEIGHTS = {
    "superset_of": 26, "equal": 15, "at_least": 15, "subset_of": 10, "intersects_with": 10, "related": 8, "at_most": 8,
    "no_relationship": 8,
}  # fmt: skip
_VAGUE = {"superset_of": 15, "equal": 20, "at_least": 10, "at_most": 10, "related": 10, "intersects_with": 35}
#: What most rows of one graph say: of everything something, mostly containment, mostly vague, mostly equality.
_TEMPERS = (
    _RELATION_WEIGHTS,
    {"superset_of": 40, "equal": 20, "at_least": 25, "subset_of": 4, "intersects_with": 5, "no_relationship": 6},
    _VAGUE,
    {"superset_of": 10, "equal": 55, "at_least": 10, "subset_of": 10, "at_most": 10, "no_relationship": 5},
)
_STATUS_WEIGHTS = {"implemented": 52, "alternative": 10, "partial": 14, "planned": 14, "not-applicable": 10}


def _pick(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _chance(rng: Random, percent: int) -> bool:
    return rng.randrange(100) < percent


def _tree(rng: Random, framework: str, knot: bool) -> tuple[list[str], list[Part]]:
    """Provision ids, each whole before its parts, and the parts."""
    widths = ((0, 1, 2), (0, 0, 1), (0,)) if knot else ((1, 2, 2, 3), (0, 0, 0, 1, 2), (0,))
    ids: list[str] = []
    parts: list[Part] = []

    def grow(id_: str, depth: int) -> None:
        ids.append(id_)
        for i in range(rng.choice(widths[depth])):
            kind = PartKind(_pick(rng, {"all_of": 76, "any_of": 8, "exception": 8, "condition": 8}))
            child = f"{id_}.{'abc'[i]}"
            parts.append(Part(id_, child, kind))
            grow(child, depth + 1)

    for top in range(1, (1 if knot else rng.choice((1, 1, 2))) + 1):
        grow(f"{framework}:{top}", 0)
    return ids, parts


def _random_provision(rng: Random, id_: str, two_texts: bool) -> Provision:
    more: dict[str, Any] = {"assessable": _chance(rng, 90)}
    if two_texts and _chance(rng, 25):
        more["text_from" if _chance(rng, 50) else "text_until"] = SECOND
    if _chance(rng, 15):
        more["roles"] = (rng.choice(_ROLES),)
    return _provision(id_, **more)


def _random_rows(
    rng: Random, sets: list[str], controls: list[str], joints: list[str], provisions: list[str]
) -> list[Mapping]:
    rows: dict[tuple[str, str, str, str], Mapping] = {}
    pairs: list[tuple[str, str]] = []
    hot = rng.sample(provisions, min(len(provisions), rng.randrange(3, 7)))  # rows crowd here, so that chains meet
    temper = rng.choice(_TEMPERS)
    for _ in range(rng.randrange(6, rng.choice((16, 22, 30)))):
        relation = _pick(rng, temper)
        if pairs and _chance(rng, 18):  # the same pair once more, often in another set with another relation
            subject, object_ = rng.choice(pairs)
        elif pairs and _chance(rng, 10 if temper is not _VAGUE else 28):  # a whole is mapped, a part ruled out
            subject, above = rng.choice(pairs)
            object_ = rng.choice([p for p in provisions if p.startswith(f"{above}.")] or provisions)
            relation = "no_relationship"
        else:
            kind = _pick(rng, {"control": 58, "joint": 16, "provision": 16, "controls": 10})
            joint = joints or controls
            ends = {"control": controls, "joint": joint, "controls": controls, "provision": provisions}
            subject = rng.choice(ends[kind])
            object_ = rng.choice(controls if kind == "controls" else hot if _chance(rng, 75) else provisions)
        if subject == object_:
            continue
        pairs.append((subject, object_))
        if _chance(rng, 25):
            subject, object_ = object_, subject
        row = Mapping(
            rng.choice(sets), subject, relation, object_,
            RationaleKind(_pick(rng, {"functional": 60, "semantic": 32, "syntactic": 8})),
            strength=None if _chance(rng, 30) else rng.randrange(11),
            reviewers=("A. Reader",) if _chance(rng, 75) else (),
        )  # fmt: skip
        rows.setdefault((row.set_id, row.subject, row.object, row.rationale_kind.value), row)
    return list(rows.values())


def _random_control(
    rng: Random, id_: str, controls: list[str], joints: list[str], provisions: list[str], systems: list[str]
) -> Control:
    rows: dict[str, ControlRow] = {}
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        kind = _pick(rng, {"control": 64, "joint": 6, "provision": 30})
        target = rng.choice({"control": controls, "joint": joints or controls}.get(kind, provisions))
        if _chance(rng, 40):
            row = ControlRow(target, SUPERSET_OF if target.startswith("c:") else RELATED, False)
        elif _chance(rng, 4):
            row = ControlRow(target, rng.randrange(1, 31))
        else:
            row = ControlRow(target, RELATIONS[_pick(rng, _RELATION_WEIGHTS)])
        rows.setdefault(target, row)
    return Control(
        id_,
        id_,
        ControlStatus(_pick(rng, _STATUS_WEIGHTS)),
        tuple(rows.values()),
        evidence_date=rng.choice((None, *_DATES)),
        systems=(rng.choice(systems),) if systems and _chance(rng, 35) else (),
        evidence=_random_records(rng) if _chance(rng, 20) else (),
        max_evidence_age_days=rng.choice((40, 400)) if _chance(rng, 12) else None,
    )


def _random_records(rng: Random) -> tuple[EvidenceRecord, ...]:
    days: tuple[date | None, ...] = (None, *_DATES)
    count = rng.choice((1, 1, 2))
    return tuple(EvidenceRecord(f"R{i}", day=rng.choice(days), valid_until=rng.choice(days)) for i in range(count))


def random_case(rng: Random) -> Case:
    """A small random release and a random organisation.  Three in five are *knots*: few nodes, many rows, so that many
    chains run between the same two ends and meet, contradict each other and lengthen."""
    knot = _chance(rng, 60)
    frameworks = ["eu", "iso", "nist"][: rng.choice((2, 2, 3))]
    parts: list[Part] = []
    trees: dict[str, list[str]] = {}
    for f in frameworks:
        trees[f], own = _tree(rng, f, knot)
        parts += own
    ids = [i for tree in trees.values() for i in tree]
    if _chance(rng, 35):
        whole, part = sorted(rng.sample(range(len(ids)), 2))  # a later one never stands above an earlier one
        if not any(p.whole == ids[whole] and p.part == ids[part] for p in parts):
            parts.append(Part(ids[whole], ids[part], PartKind.ALL_OF, True))
    two_texts = [f for f in frameworks if _chance(rng, 25)]
    controls = [f"c:{i}" for i in range(1, (3 if knot else rng.randrange(3, 7)) + 1)]
    joints = [
        JointNode(f"c:J{i}", "c", f"J{i}", tuple(rng.sample(controls, rng.choice((1, 2, 2, 2, 3)))))
        for i in range(1, rng.choice((0, 1, 1, 2, 3)) + 1)
    ]
    authorities = rng.sample(list(Authority), rng.choice((2, 3, 4)))
    sets = [MappingSet(f"set{'ABCD'[i]}", "", a, "") for i, a in enumerate(authorities)]
    joint_ids = [j.id for j in joints]
    systems = ["s1", "s2"] if _chance(rng, 20) else []
    age = 60 if _chance(rng, 35) else None
    profile = None
    if systems or age or _chance(rng, 20):
        profile = Profile(
            roles=(rng.choice(_ROLES),) if _chance(rng, 30) else None,
            systems=tuple(System(s, s, (rng.choice(_ROLES),) if _chance(rng, 50) else ()) for s in systems),
            max_evidence_age_days=age,
        )
    return Case(
        provisions=tuple(_random_provision(rng, i, i.partition(":")[0] in two_texts) for i in ids),
        parts=tuple(parts),
        joints=tuple(joints),
        sets=tuple(sets),
        rows=tuple(_random_rows(rng, [s.id for s in sets], controls, joint_ids, ids)),
        references=tuple(controls),
        texts=tuple((f, (FIRST, SECOND)) for f in two_texts),
        controls=tuple(
            _random_control(rng, name, controls, joint_ids, ids, systems)
            for name in "ABCDEF"[: rng.choice((1, 2, 3, 4, 5, 6, 6))]
        ),
        profile=profile,
        as_of=TODAY if _chance(rng, 75) else date(2024, 6, 1),
        filter=Filter(
            max_hops=rng.choice((0, 1, 2, 2, 3, 3, 3, 3, 3, 3)),
            min_authority=rng.choice(list(Authority)) if _chance(rng, 20) else Authority.ORGANIZATION,
            reviewed_only=_chance(rng, 12),
            sets=tuple(rng.sample([s.id for s in sets], rng.choice((1, 2)))) if _chance(rng, 10) else (),
        ),
    )


#: Random cases that hypothesis can shrink.
cases: st.SearchStrategy[Case] = st.builds(random_case, st.randoms(use_true_random=False))


def hub_case(rng: Random) -> Case:
    """A graph of the real shape: four frameworks of about forty requirements, twenty reference controls in the middle,
    each with rows to a few provisions of every framework, and an organisation with one control for one of them."""
    provisions: list[Provision] = []
    parts: list[Part] = []
    rows: dict[str, Mapping] = {}
    controls = [f"c:{i}" for i in range(1, 21)]
    weights = {"superset_of": 20, "subset_of": 15, "intersects_with": 35, "related": 15, "equal": 5, "at_least": 10}
    for framework in ("eu", "iso", "nist", "gdpr"):
        leaves = []
        for article in range(1, 11):
            provisions.append(_provision(f"{framework}:{article}"))
            for letter in "abcd":
                leaves.append(f"{framework}:{article}.{letter}")
                provisions.append(_provision(leaves[-1]))
                parts.append(Part(f"{framework}:{article}", leaves[-1], PartKind.ALL_OF))
        for control in controls:
            for target in rng.sample(leaves, 2):
                row = Mapping("project", control, _pick(rng, weights), target, RationaleKind.FUNCTIONAL, strength=6)
                rows[row.id] = row
    joints = tuple(JointNode(f"c:J{i}", "c", f"J{i}", tuple(rng.sample(controls, 2))) for i in range(1, 4))
    for joint in joints:
        row = Mapping("project", joint.id, "superset_of", rng.choice(leaves), RationaleKind.FUNCTIONAL, strength=6)
        rows[row.id] = row
    return Case(
        provisions=tuple(provisions),
        parts=tuple(parts),
        joints=joints,
        sets=(MappingSet("project", "", Authority.PROJECT, ""),),
        rows=tuple(rows.values()),
        references=tuple(controls),
        controls=(
            Control("A", "A", ControlStatus.IMPLEMENTED, (ControlRow(rng.choice(controls), SUPERSET_OF, False),)),
        ),
    )


# ------------------------------------------------------------------ shrinking


def _smaller(case: Case) -> Iterator[Case]:
    """The case with one thing less."""
    for name in ("controls", "rows", "joints", "parts"):
        things = getattr(case, name)
        for i in range(len(things)):
            yield replace(case, **{name: things[:i] + things[i + 1 :]})
    for i, control in enumerate(case.controls):
        others = case.controls[:i], case.controls[i + 1 :]
        for j in range(len(control.rows)):
            fewer = replace(control, rows=control.rows[:j] + control.rows[j + 1 :])
            yield replace(case, controls=(*others[0], fewer, *others[1]))
        plain_control = replace(control, evidence_date=None, systems=(), evidence=(), max_evidence_age_days=None)
        if plain_control != control:
            yield replace(case, controls=(*others[0], plain_control, *others[1]))
    used = {n for r in case.rows for n in (r.subject, r.object)} | {m for j in case.joints for m in j.members}
    used |= {n for p in case.parts for n in (p.whole, p.part)} | {r.target for c in case.controls for r in c.rows}
    for i, p in enumerate(case.provisions):
        if p.id not in used:
            yield replace(case, provisions=case.provisions[:i] + case.provisions[i + 1 :])
        plain = replace(p, roles=(), text_from=None, text_until=None, assessable=True)
        if plain != p:
            yield replace(case, provisions=(*case.provisions[:i], plain, *case.provisions[i + 1 :]))
    for i, r in enumerate(case.references):
        if r not in used:
            yield replace(case, references=case.references[:i] + case.references[i + 1 :])
    if case.profile:
        yield replace(case, profile=None)
        if case.profile.systems:
            yield replace(case, profile=replace(case.profile, systems=case.profile.systems[1:]))
        if case.profile.roles:
            yield replace(case, profile=replace(case.profile, roles=None))
    if case.texts:
        yield replace(case, texts=())
    if case.filter != Filter():
        yield replace(case, filter=Filter())
    for i, row in enumerate(case.rows):
        plain_row = replace(row, strength=None, reviewers=("A. Reader",), rationale_kind=RationaleKind.FUNCTIONAL)
        others_ids = {r.id for r in case.rows if r is not row}
        if plain_row != row and plain_row.id not in others_ids:
            yield replace(case, rows=(*case.rows[:i], plain_row, *case.rows[i + 1 :]))


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A smallest case, by taking away one thing at a time, that still ``fails``."""

    def still(smaller: Case) -> bool:
        joints = {j.id for j in smaller.joints}
        named = {n for r in smaller.rows for n in (r.subject, r.object)}
        named |= {r.target for c in smaller.controls for r in c.rows}
        if any(n.startswith("c:J") and n not in joints for n in named):
            return False
        try:
            return fails(smaller)
        except Exception:
            return False

    progress = True
    while progress:
        progress = False
        for smaller in _smaller(case):
            if still(smaller):
                case, progress = smaller, True
                break
    return case
