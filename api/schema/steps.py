"""The steps of a chain, each with its provenance."""

from collections.abc import Sequence
from typing import Any, cast

import strawberry
from strawberry import field

from api.schema.enums import Authority, Method, Relation, StepKind
from kg.answers import StepView

__all__ = ["Step", "steps_of"]


def _authority(self: Any) -> Authority | None:
    return self.authority or None


def _method(self: Any) -> Method | None:
    return self.method or None


@strawberry.type(description="One step of a chain, always read *subject relation object*.")
class Step:
    subject: str = field(description="The CURIE, or the organisation's control, that the step starts from.")
    relation: Relation = field(description="How it stands to the object.")
    object: str = field(description="The CURIE the step leads to.")
    set: str = field(description="The mapping set of the row; empty where the step is no row of a set.")
    row: str = field(description="The row's id; empty where the step is no row of a set.")
    authority: Authority | None = field(
        resolver=_authority, description="Who stands behind it; null for a part of the framework itself."
    )
    method: Method | None = field(
        resolver=_method, description="How it was made; null for a part of the framework itself."
    )
    reviewed: bool = field(
        description="Whether a named person has reviewed the row; true where there is none to review."
    )
    kind: StepKind = field(description="What the step rests on.")


def steps_of(steps: Sequence[StepView]) -> list[Step]:
    """The schema's view of a chain: its steps as they are.  Words stand for the values of their enums."""
    return cast(list[Step], steps)
