"""What a plan is: the actions in order, every goal with what becomes of it, and what the numbers stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kg.answers.coverage import Explanation
from kg.answers.verdict import Verdict
from kg.model import Disclaimer, Modality, Profile, Provision

__all__ = [
    "Action", "ActionKind", "Goal", "GoalState", "Goals", "Options", "Plan", "PlanCounts", "PlanStep", "Single",
    "Singles", "Status", "Why",
]  # fmt: skip


class ActionKind(StrEnum):
    """What is done, in the order of preference among equals."""

    REFRESH = "refresh"
    FINISH = "finish"
    ADOPT = "adopt"


class GoalState(StrEnum):
    """What becomes of a goal."""

    CLOSED = "closed"
    LEFT = "left"
    UNCOVERABLE = "uncoverable"


class Status(StrEnum):
    """Whether the plan is proven to be the best there is."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


class Why(StrEnum):
    """Why no allowed action can close a goal."""

    MUST_NOT = "must-not"
    CATALOGUE = "other-catalogue"
    FILTER = "filter"
    NOTHING = "no-control-contains-it"


@dataclass(frozen=True, slots=True)
class Goals:
    """Which open requirements are to be closed.

    ``frameworks``: of these (none: of all); ``requirements``: only these, by CURIE; ``by``: those that apply on that
    day (none: on the assessment's own); ``modality``: only those that bind so strongly; ``only_with_incidents``: only
    those behind which an incident of the AI Incident Database stands.  Evidence that is fresh on the assessment's day
    is taken to be renewed until ``by``, unless ``age_evidence`` says that it ages.
    """

    frameworks: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    by: date | None = None
    modality: tuple[Modality, ...] = ()
    only_with_incidents: bool = False
    age_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """By which actions, and what counts as best.

    ``catalogues``: whose reference controls may be adopted (none: the project's own, where the release has it, else
    all; ``all``: all).  ``costs`` by action id, ``default_cost`` for every other.  ``must`` and ``must_not`` are
    action ids.  Without ``budget`` everything that can be closed is, at the least cost; with one as many as it allows,
    or with ``weigh_incidents`` those with the most incidents behind them.
    """

    catalogues: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    default_cost: float = 1.0
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    budget: float | None = None
    weigh_incidents: bool = False
    time_limit: float = 60.0


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.  ``id`` is the CURIE of the reference control to adopt, or the id of the
    organisation's own control to finish or whose evidence to refresh; ``status`` that control's status today."""

    id: str
    kind: ActionKind
    title: str
    catalogue: str
    status: str
    cost: float
    must: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """One open requirement and what becomes of it.

    ``units`` are the AI systems for which it is open (empty without systems), ``incidents`` how many cases stand behind
    it, ``step`` the step of the plan that closes it (0: none), ``by`` the actions its chain stands on, ``explanation``
    that chain.  For one that nothing can close ``why`` and ``note`` say why not, and ``through`` what would.
    """

    requirement: Provision
    verdict: Verdict
    units: tuple[str, ...]
    incidents: int
    state: GoalState
    step: int = 0
    by: tuple[str, ...] = ()
    explanation: Explanation | None = None
    why: Why | None = None
    note: str = ""
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """Counts over the applicable requirements of one framework (or, with an empty ``framework``, of all asked for).

    ``covered + open = applicable``; ``goals + not_asked = open``; ``closed + left + uncoverable = goals``;
    ``covered_after = covered + closed + closed_beside``, the last being open requirements that were no goals and are
    closed as well.
    """

    framework: str
    title: str
    text_version: date | None
    applicable: int
    covered: int
    open: int
    not_asked: int
    goals: int
    closed: int
    left: int
    uncoverable: int
    closed_beside: int
    covered_after: int


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One action in its place: what it newly closes, the joint nodes it completes, and the sums so far."""

    number: int
    action: Action
    closes: tuple[str, ...]
    joints: tuple[str, ...]
    closed: int
    open: int
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer.  ``objective`` says what was made best; ``value`` is what the plan reaches in it and ``bound`` what
    no plan can better (a least cost without a budget, a greatest worth with one); ``gap`` is their relative distance.
    ``actions`` is how many there were to choose from.  ``seconds`` is how long the search took: no part of the
    answer."""

    title: str
    total: PlanCounts
    frameworks: tuple[PlanCounts, ...]
    steps: tuple[PlanStep, ...]
    goals: tuple[Goal, ...]
    cost: float
    budget: float | None
    objective: str
    status: Status
    value: float
    bound: float
    gap: float
    actions: int
    catalogues: tuple[str, ...]
    assumptions: tuple[str, ...]
    release: str
    as_of: date
    by: date
    profile: Profile | None
    method: str
    disclaimers: tuple[Disclaimer, ...]
    seconds: float = field(default=0.0, compare=False)

    def of_state(self, state: GoalState) -> tuple[Goal, ...]:
        """The goals of which that becomes."""
        return tuple(g for g in self.goals if g.state is state)


@dataclass(frozen=True, slots=True)
class Single:
    """One action alone: the goals it closes, and the joint nodes it completes on the way."""

    action: Action
    closes: tuple[str, ...]
    joints: tuple[str, ...]
    incidents: int


@dataclass(frozen=True, slots=True)
class Singles:
    """Every action that alone closes a goal, the one that closes most first.  ``idle`` is how many close none alone."""

    total: PlanCounts
    frameworks: tuple[PlanCounts, ...]
    singles: tuple[Single, ...]
    idle: int
    catalogues: tuple[str, ...]
    assumptions: tuple[str, ...]
    release: str
    as_of: date
    by: date
    profile: Profile | None
    method: str
    disclaimers: tuple[Disclaimer, ...]
