"""What to do next: a plan, and what each action closes by itself.  The names are those of the JSON exports."""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from api.context import Info
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import Modality, Verdict, _describe
from api.schema.frameworks import Disclaimer
from api.schema.lookup import framework_name
from api.schema.nodes import computed, mirror
from kg import answers
from kg.answers.plan import ActionKind, GoalState, Status, Why
from kg.answers.plan import result as p
from kg.errors import UsageError

if TYPE_CHECKING:
    from api.schema.assessments import Explanation

__all__ = ["MAX_SECONDS", "Plan", "PlanGoals", "PlanOptions", "SingleActions", "plan", "single_actions"]

#: How long one search may take at most, and how many ids each list of an input may have.
MAX_SECONDS = 5.0
MAX_IDS = 1000

_describe(
    ActionKind,
    "What is done.",
    {
        "refresh": "The evidence of a control of the organisation's own is renewed.",
        "finish": "A control of the organisation's own that is planned or partly implemented is finished.",
        "adopt": "A reference control is put into practice for the whole organisation.",
    },
)
_describe(
    GoalState,
    "What becomes of a goal.",
    {
        "closed": "It is covered once the plan is done.",
        "left": "It could be closed, but not within the budget.",
        "uncoverable": "Nothing that the plan may use can close it.",
    },
)
_describe(
    Status,
    "Whether the plan is proven to be the best there is.",
    {
        "optimal": "It is: no plan is better.",
        "feasible": "It is the best found in the time; `bound` says what no plan can better.",
    },
)
_describe(
    Why,
    "Why nothing that the plan may use can close a goal.",
    {
        "must_not": "Only what must not be in the plan would.",
        "other_catalogue": "Only a control of a catalogue that the plan may not use would.",
        "filter": "Only rows that the filter leaves out lead to it.",
        "no_control_contains_it": "No reference control, joint node or own control contains it.",
    },
)


# ---------------------------------------------------------------------------- asking


@strawberry.input(description="Which open requirements are to be closed; empty: all that apply.")
class PlanGoals:
    frameworks: list[str] | None = field(description="Only of these frameworks; empty: of all.", default=None)
    requirements: list[str] | None = field(description="Only these, by CURIE; empty: all.", default=None)
    by: dt.date | None = field(description="Those that apply on this day; null: on the day asked for.", default=None)
    modality: list[Modality] | None = field(description="Only what binds so strongly; empty: all.", default=None)
    only_with_incidents: bool | None = field(
        description="Only those behind which an incident of the AI Incident Database stands.", default=False
    )
    age_evidence: bool | None = field(
        description="Whether evidence ages until `by`; else what is fresh is taken to be renewed in time.",
        default=False,
    )


@strawberry.input(description="What an action costs.")
class ActionCost:
    id: str = field(description="The CURIE of a reference control, or the id of a control of the organisation's own.")
    cost: float = field(description="What it costs: 0 or more, in any unit.")


@strawberry.input(description="By which actions, and what counts as best.")
class PlanOptions:
    catalogues: list[str] | None = field(
        description="Adopt reference controls of these catalogues, or of `all`; empty: of the project's own.",
        default=None,
    )
    costs: list[ActionCost] | None = field(description="What actions cost; every other costs 1.", default=None)
    must: list[str] | None = field(description="Ids of actions that must be in the plan.", default=None)
    must_not: list[str] | None = field(description="Ids of actions that must not be in it.", default=None)
    budget: float | None = field(
        description="Spend at most this and close the most; null: close everything that can be, at the least cost.",
        default=None,
    )
    weigh_incidents: bool | None = field(
        description="With a budget: close what has most incidents behind it, not as many as possible.", default=False
    )
    time_limit: float | None = field(
        description=f"How many seconds the search may take, at most {MAX_SECONDS:g}.", default=MAX_SECONDS
    )


def _goals(release: answers.Assessment, asked: PlanGoals | None) -> p.Goals:
    asked = asked or PlanGoals()
    _check(asked.frameworks, asked.requirements)
    return p.Goals(
        frameworks=tuple(framework_name(release.release, f) for f in asked.frameworks or ()),
        requirements=tuple(asked.requirements or ()),
        by=asked.by,
        modality=tuple(asked.modality or ()),
        only_with_incidents=bool(asked.only_with_incidents),
        age_evidence=bool(asked.age_evidence),
    )


def _options(asked: PlanOptions | None) -> p.Options:
    asked = asked or PlanOptions()
    _check(asked.catalogues, asked.must, asked.must_not, asked.costs)
    costs = {c.id: c.cost for c in asked.costs or ()}
    if len(costs) < len(asked.costs or ()):
        raise UsageError("an action has two costs", "say one")
    seconds = MAX_SECONDS if asked.time_limit is None else asked.time_limit
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(f"timeLimit: {seconds} is out of range", f"above 0, at most {MAX_SECONDS:g}")
    return p.Options(
        catalogues=tuple(asked.catalogues or ()),
        costs=costs,
        must=tuple(asked.must or ()),
        must_not=tuple(asked.must_not or ()),
        budget=asked.budget,
        weigh_incidents=bool(asked.weigh_incidents),
        time_limit=seconds,
    )


def _check(*lists: list[str] | list[ActionCost] | None) -> None:
    if any(len(each or ()) > MAX_IDS for each in lists):
        raise UsageError("the list is too long", f"at most {MAX_IDS} entries")


# ---------------------------------------------------------------------------- the answer


@strawberry.type(description="One thing that can be done.")
class PlanAction:
    id: str = field(
        description="The CURIE of the reference control to adopt, or the id of the organisation's own control."
    )
    kind: ActionKind = field(description="What is done.")
    title: str = field(description="What the control is called.")
    catalogue: str = field(description="The reference control's catalogue; empty for an own control.")
    status: str = field(description="The own control's status now; empty for a reference control.")
    cost: float = field(description="What it costs.")
    must: bool = field(description="Whether it was asked for.")


@strawberry.type(description="One action in its place, with the sums up to here.")
class PlanStep:
    number: int = field(description="Its number; each step closes the most that is then left.")
    action: PlanAction = field(description="What is done.")
    closes: list[str] = field(description="The CURIEs of the goals it newly closes.")
    joints: list[str] = field(description="The joint nodes it completes together with other controls.")
    closed: int = field(description="How many goals are closed up to here.")
    open: int = field(description="How many goals can be closed and are not yet.")
    cost: float = field(description="What all steps up to here cost.")

    @classmethod
    def of(cls, it: p.PlanStep) -> "PlanStep":
        """The schema's view of a step."""
        return mirror(cls, it, action=mirror(PlanAction, it.action), closes=list(it.closes), joints=list(it.joints))


@strawberry.type(description="One open requirement and what becomes of it.")
class PlanGoal:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    verdict: Verdict = field(description="How far it is met without the plan.")
    units: list[str] = field(description="The AI systems for which it is open; empty where the profile names none.")
    incidents: int = field(description="How many cases of the AI Incident Database stand behind it.")
    state: GoalState = field(description="What becomes of it.")
    step: int = field(description="The number of the step that closes it; 0: none.")
    by: list[str] = field(description="The ids of the actions its chain stands on.")
    explanation: 'Annotated[Explanation, strawberry.lazy("api.schema.assessments")] | None' = field(
        description="The chain it will stand on; null where it is not closed."
    )
    why: Why | None = field(description="Why nothing can close it; null where something can.")
    note: str = field(description="The same in words.")
    through: list[str] = field(description="What would close it, were it allowed.")

    @classmethod
    def of(cls, it: p.Goal) -> "PlanGoal":
        """The schema's view of a goal."""
        from api.schema.assessments import Explanation

        return mirror(
            cls,
            it,
            curie=it.requirement.id,
            ref=it.requirement.ref,
            title=it.requirement.title,
            units=list(it.units),
            by=list(it.by),
            explanation=Explanation.of(it.explanation),
            through=list(it.through),
        )


@strawberry.type(
    description="Counts over the applicable requirements. `covered + open = applicable`, `goals + notAsked = open`, "
    "`closed + left + uncoverable = goals`, `covered + closed + closedBeside = coveredAfter`."
)
class PlanCounts:
    framework: str = field(description="The framework's short id; empty for all that were asked for.")
    title: str = field(description="What it is called.")
    text_version: dt.date | None = field(description="The text of the framework in force; null for several.")
    applicable: int = field(description="The denominator: requirements that apply on the day.")
    covered: int = field(description="Of the applicable, those covered without the plan.")
    open: int = field(description="Of the applicable, those that are not.")
    not_asked: int = field(description="Of the open, those that are no goals.")
    goals: int = field(description="Of the open, those to be closed.")
    closed: int = field(description="Of the goals, those that the plan closes.")
    left: int = field(description="Of the goals, those that could be closed and are not.")
    uncoverable: int = field(description="Of the goals, those that nothing allowed can close.")
    closed_beside: int = field(description="Open requirements that were no goals and are closed as well.")
    covered_after: int = field(description="Of the applicable, those covered with the plan done.")


@strawberry.interface(description="What every answer about actions carries so that its numbers can be defended.")
class ActionsAnswer:
    total: PlanCounts = field(description="All frameworks asked for, counted.")
    frameworks: list[PlanCounts] = field(description="Each framework, counted.", metadata={"size": 5})
    catalogues: list[str] = field(description="Whose reference controls may be adopted.")
    assumptions: list[str] = field(description="What is taken for granted, each in a sentence.")
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day asked for.")
    by: dt.date = field(description="The day by which it is to be done: what applies then counts.")
    method: str = field(description="How the answer was made, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 5})


@strawberry.type(description="The cheapest set of actions that closes what can be closed, or the best within a budget.")
class Plan(ActionsAnswer):
    title: str = field(description="What it is a plan for.")
    cost: float = field(description="What all its actions cost.")
    budget: float | None = field(description="What could be spent; null: no ceiling.")
    objective: str = field(description="What was made best, in words.")
    status: Status = field(description="Whether it is proven to be the best.")
    value: float = field(description="What it reaches in the objective: a cost, or with a budget a worth.")
    bound: float = field(description="What no plan can better in the objective.")
    gap: float = field(description="How far value and bound lie apart, relative to the larger.")
    actions: int = field(description="How many actions there were to choose from.")
    it: strawberry.Private[p.Plan]

    @computed("The actions, each closing the most that is then left.")
    def steps(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[PlanStep]:
        return connect(info, "steps of a plan", self.it.steps, lambda s: str(s.number), PlanStep.of, first, after)

    @computed("Every open requirement that was asked for, in reading order, and what becomes of it.")
    def goals(
        self,
        info: Info,
        state: Annotated[GoalState | None, strawberry.argument(description="Only those of which this becomes.")] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[PlanGoal]:
        found = [g for g in self.it.goals if state in (None, g.state)]
        name = f"goals of a plan {state.value if state else ''}"
        return connect(info, name, found, lambda g: g.requirement.id, PlanGoal.of, first, after)


@strawberry.type(description="One action alone.")
class SingleAction:
    action: PlanAction = field(description="What is done.")
    closes: list[str] = field(description="The CURIEs of the goals it closes by itself.")
    joints: list[str] = field(description="The joint nodes it completes with the controls there are.")
    incidents: int = field(description="Cases behind these goals, counted once for each goal.")

    @classmethod
    def of(cls, it: p.Single) -> "SingleAction":
        """The schema's view of one action alone."""
        return mirror(cls, it, action=mirror(PlanAction, it.action), closes=list(it.closes), joints=list(it.joints))


@strawberry.type(description="What each action closes by itself.")
class SingleActions(ActionsAnswer):
    idle: int = field(description="How many actions close nothing by themselves.")
    it: strawberry.Private[p.Singles]

    @computed("The actions that close something by themselves, the one that closes most first.")
    def singles(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[SingleAction]:
        return connect(info, "single actions", self.it.singles, _key, SingleAction.of, first, after)


def _key(single: p.Single) -> str:
    return f"{single.action.kind.value} {single.action.id}"


def _head(it: p.Plan | p.Singles) -> dict[str, object]:
    return {
        "it": it,
        "total": mirror(PlanCounts, it.total),
        "frameworks": [mirror(PlanCounts, c) for c in it.frameworks],
        "catalogues": list(it.catalogues),
        "assumptions": list(it.assumptions),
        "disclaimers": [mirror(Disclaimer, d) for d in it.disclaimers],
    }


def plan(info: Info, assessment: answers.Assessment, goals: PlanGoals | None, options: PlanOptions | None) -> Plan:
    """Search the plan, once per request for the same question."""
    asked, how = _goals(assessment, goals), _options(options)
    info.context.brought(how.costs, how.budget is not None)
    key = ("plan", id(assessment), asked, _hashed(how))
    it = info.context.once(key, lambda: answers.plan(assessment, asked, how))
    return mirror(Plan, it, **_head(it))


def single_actions(
    info: Info, assessment: answers.Assessment, goals: PlanGoals | None, options: PlanOptions | None
) -> SingleActions:
    """What each action closes by itself, once per request for the same question."""
    asked, how = _goals(assessment, goals), _options(options)
    info.context.brought(how.costs, how.budget is not None)
    key = ("singles", id(assessment), asked, _hashed(how))
    it = info.context.once(key, lambda: answers.singles(assessment, asked, how))
    return mirror(SingleActions, it, **_head(it))


def _hashed(options: p.Options) -> tuple[object, ...]:
    found = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    found["costs"] = tuple(sorted(options.costs.items()))
    return tuple(found.values())
