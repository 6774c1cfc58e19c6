"""A slow oracle for the verdict engine: docs/semantics.md to the letter, as plainly as it can be written.

It shares no code with ``kg.answers``: what is known of a pair is a Python set of base-relation *words*, composition is
brute force over the subsets of a five-element set, and every simple path is walked.  It takes from the project only
the data classes, the release's bare tuples and the decision whether a requirement applies to a unit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import combinations

from kg.answers.applicability import Applicability, Unit, decide, units
from kg.model import Authority, Control, ControlStatus, JointNode, PartKind, Profile, RationaleKind
from kg.relations import RELATIONS
from kg.release import Release

__all__ = ["Answer", "Knowledge", "Oracle", "between", "compose", "inverse", "knowledge", "mask_of", "outcome"]

#: What is known of two sets: which of the five base relations may hold.
Knowledge = frozenset[str]

BASE = ("equal", "subset_of", "superset_of", "intersects_with", "no_relationship")
EVERYTHING: Knowledge = frozenset(BASE)
CONTAINS, OVERLAPS, LEAD, RULED_OUT, NOTHING = "contains", "overlaps", "lead", "ruled out", "nothing"
CAUTION = (RULED_OUT, LEAD, OVERLAPS, CONTAINS)  #: from most cautious
VERDICTS = ("GAP", "LEAD", "PARTIAL", "COVERED")  #: from worst
LEVEL = {"owner": 4, "hosted": 3, "published": 2, "project": 1, "organization": 0}
STATUS_TABLE = {
    ControlStatus.IMPLEMENTED: {CONTAINS: "COVERED", OVERLAPS: "PARTIAL", LEAD: "LEAD"},
    ControlStatus.ALTERNATIVE: {CONTAINS: "COVERED", OVERLAPS: "PARTIAL", LEAD: "LEAD"},
    ControlStatus.PARTIAL: {CONTAINS: "PARTIAL", OVERLAPS: "LEAD", LEAD: "LEAD"},
    ControlStatus.PLANNED: {CONTAINS: "GAP", OVERLAPS: "GAP", LEAD: "GAP"},
}
IN_PLACE = (ControlStatus.IMPLEMENTED, ControlStatus.ALTERNATIVE)


# ------------------------------------------------------------------ what a row says


def between(a: frozenset[int], b: frozenset[int]) -> str:
    """The base relation between two non-empty sets."""
    if a == b:
        return "equal"
    if not a & b:
        return "no_relationship"
    if all(x in b for x in a):
        return "subset_of"
    if all(x in a for x in b):
        return "superset_of"
    return "intersects_with"


def _brute_force() -> dict[tuple[str, str], Knowledge]:
    """A–B, B–C → what A–C may be, from all triples of non-empty subsets of a five-element set."""
    subsets = [frozenset(c) for n in range(1, 6) for c in combinations(range(5), n)]
    pair = {(a, b): between(a, b) for a in subsets for b in subsets}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for a in subsets:
        for b in subsets:
            for c in subsets:
                found[pair[a, b], pair[b, c]].add(pair[a, c])
    return {key: frozenset(value) for key, value in found.items()}


COMPOSITION = _brute_force()


@cache
def compose(first: Knowledge, second: Knowledge) -> Knowledge:
    """What is known of A–C: base relation by base relation, united."""
    return frozenset(r for x in first for y in second for r in COMPOSITION[x, y])


def inverse(known: Knowledge) -> Knowledge:
    """The same read from the object."""
    turned = {"subset_of": "superset_of", "superset_of": "subset_of"}
    return frozenset(turned.get(r, r) for r in known)


@cache
def outcome(known: Knowledge) -> str:
    """Step 3: what a mask says of a control against a target."""
    if not known or known == EVERYTHING:
        return NOTHING
    if known <= {"equal", "superset_of"}:
        return CONTAINS
    if "no_relationship" not in known:
        return OVERLAPS
    return RULED_OUT if known == {"no_relationship"} else LEAD


@cache
def knowledge(mask: int) -> Knowledge:
    """The words of a mask of the project's."""
    return frozenset(word for word in BASE if mask & RELATIONS[word])


def mask_of(known: Knowledge) -> int:
    """The project's mask of these words."""
    return sum(RELATIONS[word] for word in known)


AT_LEAST: Knowledge = frozenset({"equal", "superset_of"})
AT_MOST: Knowledge = frozenset({"equal", "subset_of"})
EQUAL: Knowledge = frozenset({"equal"})
DISJOINT: Knowledge = frozenset({"no_relationship"})
WORDS = {
    **{word: frozenset({word}) for word in BASE},
    "at_least": AT_LEAST,
    "at_most": AT_MOST,
    "related": EVERYTHING - DISJOINT,
}


# ------------------------------------------------------------------ chains


@dataclass(frozen=True)
class Chain:
    """One chain.  ``before`` is what a joint node's members have used up: (hops, authority, strength)."""

    known: Knowledge
    row_hops: int
    parts: int
    row_authority: int
    row_strength: int
    ids: tuple[str, ...]
    nodes: tuple[str, ...]
    before: tuple[int, int, int] = (0, 4, 10)

    @property
    def hops(self) -> int:
        """All hops, those before a joint node included."""
        return self.before[0] + self.row_hops

    @property
    def rank(self) -> tuple[int, int, int, int, tuple[str, ...]]:
        """Smallest first."""
        authority = min(self.before[1], self.row_authority)
        strength = min(self.before[2], self.row_strength)
        return (self.hops, self.parts, -authority, -strength, self.ids)

    def after(self, before: tuple[int, int, int]) -> Chain:
        """The same chain with this much used up before its start."""
        return Chain(
            self.known, self.row_hops, self.parts, self.row_authority, self.row_strength, self.ids, self.nodes, before
        )  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One control (or joint node) against one target."""

    outcome: str
    known: Knowledge
    disputed: bool
    shown: Chain | None
    further: tuple[Chain, ...] = ()  #: chains beside the shown one without which the outcome would not follow


@dataclass(frozen=True)
class Ruling:
    """What one contender gives."""

    verdict: str
    pair: Pair
    downgraded: bool

    @property
    def order(self) -> tuple[bool, bool, tuple[int, int, int, int, tuple[str, ...]]]:
        """Which of several equal verdicts is shown: the smallest."""
        assert self.pair.shown is not None
        return (self.pair.disputed, self.downgraded, self.pair.shown.rank)


@dataclass(frozen=True)
class Contender:
    """An organisation control, or an active joint node."""

    id: str
    status: ControlStatus
    stale: bool
    joint: bool
    before: tuple[int, int, int] = (0, 4, 10)
    beneath: tuple[Chain, ...] = ()  #: for a joint node the chains by which its members are contained


@dataclass(frozen=True)
class Answer:
    """What the oracle says of one requirement.  ``shown`` is the shown chain: the control, then for each step the row
    id (empty for step 0 and part steps) and the node reached; empty where nothing is shown.  ``mask`` is what all the
    chains of the contender shown say together; ``reviewed`` whether no row that the answer stands on is unreviewed."""

    verdict: str
    reasons: tuple[str, ...]
    disputed: bool
    shown: tuple[str, ...]
    mask: int = 0
    reviewed: bool = False


class Oracle:
    """A release on a day under a filter, and an organisation: ask :meth:`answers`."""

    def __init__(
        self,
        release: Release,
        controls: Sequence[Control],
        profile: Profile | None,
        as_of: date,
        *,
        max_hops: int = 3,
        min_authority: Authority = Authority.ORGANIZATION,
        reviewed_only: bool = False,
        sets: tuple[str, ...] = (),
    ) -> None:
        self.release, self.controls, self.profile, self.as_of = release, list(controls), profile, as_of
        self.max_hops = max_hops
        self.age = profile.max_evidence_age_days if profile else None
        self.standing = {
            p.id for p in release.provisions.values() if p.in_text(release.text_in_force(p.framework, as_of))
        } | {*release.controls, *release.joints}
        #: node → the steps from it: (row id, node reached, what it says, authority, strength, whether a hop)
        self.steps: dict[str, list[tuple[str, str, Knowledge, int, int, bool]]] = defaultdict(list)
        self.ruled_out: set[frozenset[str]] = set()
        self.unreviewed = {row.id for row in release.mappings if not row.reviewers}
        for part in release.parts:
            if part.kind is PartKind.ALL_OF and {part.whole, part.part} <= self.standing:
                self.steps[part.whole].append(("", part.part, AT_LEAST, 4, 10, False))
                self.steps[part.part].append(("", part.whole, AT_MOST, 4, 10, False))
        for row in release.mappings:
            level = LEVEL[release.sets[row.set_id].authority.value]
            if (
                row.rationale_kind is RationaleKind.SYNTACTIC
                or not {row.subject, row.object} <= self.standing
                or level < LEVEL[min_authority.value]
                or (reviewed_only and not row.reviewers)
                or (sets and row.set_id not in sets)
            ):
                continue
            says = WORDS[row.relation]
            if says == DISJOINT:
                self.ruled_out.add(frozenset({row.subject, row.object}))
                continue
            strength = row.strength or 0
            self.steps[row.subject].append((row.id, row.object, says, level, strength, True))
            self.steps[row.object].append((row.id, row.subject, inverse(says), level, strength, True))
        self._walks: dict[tuple[str, tuple[tuple[str, Knowledge], ...]], dict[str, list[Chain]]] = {}
        self._pairs: dict[tuple[Control, str], Pair] = {}
        #: how often each corner of the rules was met, for the tests to see that a sample is worth something
        self.seen: Counter[str] = Counter()

    # -------------------------------------------------------------- walking

    def _walk(self, start: str, rows: tuple[tuple[str, Knowledge], ...]) -> dict[str, list[Chain]]:
        """Target → every chain from ``start``, a control with these rows."""
        key = (start, rows)
        if key not in self._walks:
            found: dict[str, list[Chain]] = defaultdict(list)
            for node, known in rows:
                if node in self.standing and known not in (DISJOINT, EVERYTHING):
                    for chain in self._longer(Chain(known, 0, 0, 4, 10, (start, "", node), (node,))):
                        found[chain.nodes[-1]].append(chain)
            self._walks[key] = found
        return self._walks[key]

    def _longer(self, chain: Chain) -> Iterator[Chain]:
        """The chain and all that go on from it."""
        yield chain
        for row, node, says, authority, strength, hop in self.steps[chain.nodes[-1]]:
            if node in chain.nodes or (hop and chain.row_hops == self.max_hops):
                continue
            known = compose(chain.known, says)
            if known != EVERYTHING:
                yield from self._longer(
                    Chain(
                        known,
                        chain.row_hops + hop,
                        chain.parts + (not hop),
                        min(chain.row_authority, authority),
                        min(chain.row_strength, strength),
                        (*chain.ids, row, node),
                        (*chain.nodes, node),
                    )
                )

    def _own(self, control: Control) -> dict[str, list[Chain]]:
        return self._walk(control.id, tuple((r.target, knowledge(r.mask)) for r in control.rows))

    # -------------------------------------------------------------- one control, one target

    def _is_ruled(self, chain: Chain, target: str, own_no: bool) -> bool:
        return own_no or any(n != target and frozenset({n, target}) in self.ruled_out for n in chain.nodes)

    def _meet(self, chains: list[Chain]) -> tuple[str, Knowledge, bool]:
        """Steps 2 and 3."""
        known = EVERYTHING
        for chain in chains:
            known &= chain.known
        disputed = not known
        if disputed:
            fewest = [c for c in chains if c.hops == min(c.hops for c in chains)]
            highest = [c for c in fewest if c.row_authority == max(c.row_authority for c in fewest)]
            self.seen["sources contradict each other"] += 1
            self.seen["decided by authority"] += len({c.row_authority for c in fewest}) > 1
            self.seen["decided by caution"] += len({outcome(c.known) for c in highest}) > 1
            known = min(
                chains, key=lambda c: (c.hops, -c.row_authority, CAUTION.index(outcome(c.known)), mask_of(c.known))
            ).known
        return outcome(known), known, disputed

    def _pair(self, chains: list[Chain], target: str, own_no: bool = False) -> Pair:
        """One control and one target: steps 1 to 4, and the shown chain."""
        ruled = {c: self._is_ruled(c, target, own_no) for c in chains}
        if not chains:
            return Pair(NOTHING, EVERYTHING, False, None)
        kept = [c for c in chains if not (ruled[c] and outcome(c.known) == LEAD)]
        if not kept:
            return Pair(RULED_OUT, DISJOINT, False, min(chains, key=lambda c: c.rank))
        result, known, disputed = self._meet(kept)
        if result in (CONTAINS, OVERLAPS) and any(ruled[c] for c in kept):
            clean = [c for c in kept if not ruled[c]]
            if not clean or self._meet(clean)[0] != result:
                disputed = True
                self.seen["disputed for a node ruled out"] += 1
        shown = self._shown(kept, ruled, result, disputed)
        return Pair(result, known, disputed, shown, self._further(kept, shown, result) if not disputed else ())

    @staticmethod
    def _further(kept: list[Chain], shown: Chain, result: str) -> tuple[Chain, ...]:
        """Where the shown chain does not give the outcome alone: the best-ranked others that each say more."""
        found: list[Chain] = []
        known = shown.known
        for chain in sorted(kept, key=lambda c: c.rank) if outcome(known) != result else ():
            if known - chain.known:
                found.append(chain)
                known &= chain.known
        return tuple(found)

    def _shown(self, kept: list[Chain], ruled: dict[Chain, bool], result: str, disputed: bool) -> Chain:
        own = [c for c in kept if outcome(c.known) == result]
        self.seen["only together"] += not own
        if not disputed and result in (CONTAINS, OVERLAPS):
            own = [c for c in own if not ruled[c]] or own
        return min(own or kept, key=lambda c: c.rank)

    def _control_pair(self, control: Control, target: str) -> Pair:
        key = (control, target)
        if key not in self._pairs:
            own_no = any(r.target == target and knowledge(r.mask) == DISJOINT for r in control.rows)
            self._pairs[key] = self._pair(self._own(control).get(target, []), target, own_no)
        return self._pairs[key]

    # -------------------------------------------------------------- joint nodes

    def _stale(self, control: Control) -> bool:
        """Evidence: stale if there are records and none counts, or if there is none and an age is asked for."""
        own, asked = control.max_evidence_age_days, self.age
        if control.evidence:
            records = [(r.day, r.valid_until) for r in control.evidence]
        elif control.evidence_date is not None:
            records = [(control.evidence_date, None)]
        else:
            return own is not None or asked is not None
        for day, valid_until in records:
            if valid_until is not None and valid_until < self.as_of:
                continue
            allowed = own if own is not None else asked if valid_until is None else None
            if allowed is None or (day is not None and (self.as_of - day).days <= allowed):
                self.seen["fresh by a record's own date"] += valid_until is not None and own is None
                return False
        self.seen["stale by its own rule"] += own is not None or asked is None
        return True

    def _standing_on(self, joint: JointNode, controls: Iterable[Control]) -> Contender | None:
        """The joint node as a contender, if each member is contained by one of these controls."""
        picked: list[tuple[Chain, Control]] = []
        beneath: list[Chain] = []
        for member in joint.members:
            containing = []
            for control in controls:
                if control.status in IN_PLACE:
                    pair = self._control_pair(control, member)
                    if pair.outcome == CONTAINS and pair.shown:
                        containing.append((pair.shown, control, pair.further))
            if not containing:
                return None
            chain, holder, further = min(containing, key=lambda p: p[0].rank)
            picked.append((chain, holder))
            beneath += [chain, *further]
        return Contender(
            id=joint.id,
            status=ControlStatus.IMPLEMENTED,
            stale=any(self._stale(control) for _, control in picked),
            joint=True,
            before=(
                max(chain.hops for chain, _ in picked),
                min(chain.row_authority for chain, _ in picked),
                min(chain.row_strength for chain, _ in picked),
            ),
            beneath=tuple(beneath),
        )

    def _joint_contenders(self, controls: list[Control]) -> list[Contender]:
        found = []
        for joint in self.release.joints.values():
            fresh = self._standing_on(joint, [c for c in controls if not self._stale(c)])
            every = self._standing_on(joint, controls)
            found += [c for c in dict.fromkeys((fresh, every)) if c is not None]
            self.seen["joint node active"] += every is not None
            self.seen["joint node stale"] += every is not None and every.stale
            self.seen["joint node fresh beside stale"] += len({fresh, every} - {None}) == 2
        return found

    def _joint_pair(self, joint: Contender, target: str) -> Pair:
        """The better outcome over the hop limits from the hops used up to ``max_hops``."""
        walked = self._walk(joint.id, ((joint.id, AT_LEAST),)).get(target, [])
        chains = [c.after(joint.before) for c in walked]
        by_limit = [
            self._pair([c for c in chains if c.hops <= limit], target)
            for limit in range(joint.before[0], self.max_hops + 1)
        ]
        full = by_limit[-1]

        def goodness(pair: Pair) -> int:
            return (NOTHING, *CAUTION).index(pair.outcome)

        best = max(by_limit, key=goodness)
        if goodness(best) <= goodness(full):
            return full
        self.seen["joint node stands by a lower hop limit"] += 1
        return Pair(best.outcome, best.known, True, best.shown)

    def _reviewed(self, contender: Contender, pair: Pair) -> bool:
        """Whether every row was reviewed: of the chain shown, of those beside it, and of those to a joint's members."""
        assert pair.shown is not None
        chains = (pair.shown, *pair.further, *contender.beneath)
        above = not self.unreviewed & {i for c in chains[: 1 + len(pair.further)] for i in c.ids}
        every = not self.unreviewed & {i for c in chains for i in c.ids}
        self.seen["unreviewed beneath a joint node alone"] += above and not every
        return every

    # -------------------------------------------------------------- verdict and reasons

    def _ruling(self, contender: Contender, pair: Pair) -> Ruling:
        verdict = STATUS_TABLE[contender.status].get(pair.outcome, "GAP")
        downgraded = verdict == "COVERED" and contender.stale
        return Ruling("PARTIAL" if downgraded else verdict, pair, downgraded)

    def _wholes_above(self, target: str) -> set[str]:
        found: set[str] = set()
        todo = [target]
        while todo:
            below = todo.pop()
            for part in self.release.parts:
                if part.part != below or part.kind is not PartKind.ALL_OF or part.whole not in self.standing:
                    continue
                if part.whole not in found:
                    found.add(part.whole)
                    todo.append(part.whole)
        return found

    def _graph_reaches(self, target: str) -> bool:
        """Whether some reference control or joint node, taken alone as the start, contains or overlaps the target."""
        for node in (*self.release.controls, *self.release.joints):
            chains = self._walk(node, ((node, EQUAL),)).get(target, [])
            if self._pair(chains, target).outcome in (CONTAINS, OVERLAPS):
                return True
        return False

    def _judge(self, controls: list[Control], joints: list[Contender], target: str) -> Answer:
        present = [c for c in controls if c.status is not ControlStatus.NOT_APPLICABLE]
        results: list[tuple[Contender, Pair]] = [
            (Contender(c.id, c.status, self._stale(c), False), self._control_pair(c, target)) for c in present
        ]
        results += [(j, self._joint_pair(j, target)) for j in joints]
        results = [(c, p) for c, p in results if p.outcome != NOTHING]
        self.seen["pair ruled out"] += sum(1 for _, p in results if p.outcome == RULED_OUT)
        rulings = [(c, self._ruling(c, p)) for c, p in results]

        verdict = max((r.verdict for _, r in rulings), key=VERDICTS.index, default="GAP")
        # a gap stands on nothing that could be shown
        best = [(c, r) for c, r in rulings if r.verdict == verdict != "GAP"]
        who, shown = min(best, key=lambda each: each[1].order, default=(None, None))
        disputed = shown is not None and shown.pair.disputed

        def would_be_better(status: ControlStatus) -> bool:
            return any(
                VERDICTS.index(STATUS_TABLE[ControlStatus.IMPLEMENTED].get(p.outcome, "GAP")) > VERDICTS.index(verdict)
                for c, p in results
                if c.status is status
            )

        below = verdict != "COVERED"
        low = verdict in ("LEAD", "GAP")
        above = self._wholes_above(target)
        holds = {
            "CONTROL_NOT_IMPLEMENTED": below and would_be_better(ControlStatus.PLANNED),
            "CONTROL_PARTLY_IMPLEMENTED": below and would_be_better(ControlStatus.PARTIAL),
            "PARTIAL_MAPPING_ONLY": verdict == "PARTIAL"
            and any(c.status in IN_PLACE and p.outcome == OVERLAPS for c, p in results),
            "MAPPED_TO_PARENT_ONLY": low
            and any(
                row.target in above and knowledge(row.mask) not in (DISJOINT, EVERYTHING)
                for c in present
                for row in c.rows
            ),
            "LEAD_ONLY": verdict == "LEAD" and shown is not None and shown.pair.outcome == LEAD,
            "RULED_OUT": low and any(p.outcome == RULED_OUT for _, p in results),
            "DISPUTED": disputed,
            "EVIDENCE_STALE": below and any(r.downgraded for _, r in rulings),
        }
        reasons = [reason for reason, yes in holds.items() if yes]
        if below and not reasons:
            reasons.insert(0, "NO_CONTROL")
        if low and not self._graph_reaches(target):
            reasons.append("NO_MAPPING_IN_GRAPH")
        ids = shown.pair.shown.ids if shown and shown.pair.shown else ()
        reviewed = who is not None and shown is not None and self._reviewed(who, shown.pair)
        return Answer(verdict, tuple(reasons), disputed, ids, mask_of(shown.pair.known) if shown else 0, reviewed)

    # -------------------------------------------------------------- several AI systems

    def answers(self) -> dict[str, Answer]:
        """Every requirement of every framework → its answer, the worst of the units it is applicable to."""
        parties = units(self.profile)
        limited: dict[str, tuple[list[Control], list[Contender]]] = {}
        for unit in parties:
            mine = [c for c in self.controls if not c.systems or unit.id in c.systems]
            limited[unit.id] = (mine, self._joint_contenders(mine))
        found: dict[str, Answer] = {}
        for framework in self.release.frameworks:
            for requirement in self.release.requirements(framework, self.as_of):
                decided: list[tuple[Unit, Applicability]] = [
                    (u, decide(self.release, requirement, self.profile, u, self.as_of).applicability) for u in parties
                ]
                for wanted in (Applicability.APPLICABLE, Applicability.NOT_YET_APPLICABLE, None):
                    counted = [u for u, a in decided if wanted is None or a is wanted]
                    if counted:
                        break
                each = [self._judge(*limited[u.id], requirement.id) for u in counted]
                found[requirement.id] = min(each, key=lambda a: VERDICTS.index(a.verdict))
        return found
