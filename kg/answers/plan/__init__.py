"""The plan: which actions cover the open requirements, at the least cost or within a budget.

plan(assessment, goals, options)      → Plan: the actions in order, every goal, the proof
singles(assessment, goals, options)   → Singles: what each action closes by itself
"""

from typing import TYPE_CHECKING

from kg.lazy import lazily

if TYPE_CHECKING:
    from kg.answers.plan.answer import DEFAULT_CATALOGUE, plan, singles
    from kg.answers.plan.result import (
        Action,
        ActionKind,
        Goal,
        Goals,
        GoalState,
        Options,
        Plan,
        PlanCounts,
        PlanStep,
        Single,
        Singles,
        Status,
        Why,
    )

__all__ = [
    "DEFAULT_CATALOGUE", "Action", "ActionKind", "Goal", "GoalState", "Goals", "Options", "Plan", "PlanCounts",
    "PlanStep", "Single", "Singles", "Status", "Why", "plan", "singles",
]  # fmt: skip

lazily(
    __name__,
    {
        "answer": "DEFAULT_CATALOGUE plan singles",
        "result": "Action ActionKind Goal Goals GoalState Options Plan PlanCounts PlanStep Single Singles Status Why",
    },
)
