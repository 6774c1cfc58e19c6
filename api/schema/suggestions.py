"""Suggestions for a control as they are found when they are asked for: nothing is stored, nothing counts."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema import tenants
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.frameworks import Disclaimer
from api.schema.nodes import computed, mirror
from kg.organizations import suggestions as found
from kg.organizations.store import Role
from kg.organizations.suggestions import SuggestionReport
from kg.organizations.updates import suggest_for, to_suggest_for

__all__ = ["Suggestions", "live"]


@strawberry.type(description="A node whose text resembles the control's and that is mapped to what is suggested.")
class SuggestionVia:
    curie: str = field(description="The node.")
    title: str = field(description="What it is called.")
    mapping: str = field(description="The id of the row that maps it to what is suggested.")
    set_id: str = field(description="The row's mapping set.")


@strawberry.type(description="One proposal from a control's text. It counts for nothing.")
class SuggestedMapping:
    target: str = field(description="The CURIE of the reference control or requirement.")
    title: str = field(description="What that is called.")
    within: str = field(description="The framework or catalogue that it is in.")
    kind: str = field(description="What sort of thing it is: article, clause, control …")
    ref: str = field(description="Its official reference.")
    group: str = field(description="The article, annex, clause or category of a requirement; empty for a control.")
    rank: int = field(description="Its place among the suggestions of this framework or catalogue, from 1.")
    score: float = field(description="Beside the best of the same list, 0 to 1; no probability.")
    words: list[str] = field(description="The control's words that count most for it.", metadata={"size": 6})
    via: list[SuggestionVia] = field(description="The mapped nodes that spoke for it.", metadata={"size": 3})
    mapped: bool = field(description="Whether the control is mapped to it already.")
    relation: str = field(description="Always related, the weakest, until a person says more.")

    @classmethod
    def of(cls, it: found.Suggestion) -> "SuggestedMapping":
        """The schema's view of a suggestion."""
        via = [SuggestionVia(curie=v.node, title=v.title, mapping=v.row, set_id=v.set_id) for v in it.via]
        return mirror(cls, it, words=list(it.words), via=via)


@strawberry.type(description="What one control may be mapped to, from its text. Nothing of it is stored or counts.")
class Suggestions:
    control: str = field(description="The control's id.")
    title: str = field(description="What it is called.")
    release: str = field(description="The digest of the release that answered.")
    as_of: dt.date = field(description="The day whose text of the law is meant: the newest.")
    sources: list[str] = field(description="The frameworks and catalogues that were searched.", metadata={"size": 6})
    limit: int = field(description="The most that were asked for of each of them.")
    method: str = field(description="How they were found, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 5})
    organization: strawberry.Private[str]
    it: strawberry.Private[SuggestionReport]

    @computed("The suggestions: source by source as named, best first.", cost=5)
    def suggestions(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[SuggestedMapping]:
        every = self.it.controls[0].suggestions
        name = f"suggestions for {self.control} of {self.organization}"
        return connect(info, name, every, lambda s: s.target, SuggestedMapping.of, first, after)


def live(info: Info, organization_id: str, control: str, sources: list[str] | None, limit: int) -> Suggestions:
    """The suggestions for one control of an organisation that the asker may see, but for what was rejected."""
    store = tenants.needed(info, organization_id, Role.VIEWER)
    chosen = to_suggest_for(tenants.state_of(info, organization_id), [control])
    it = suggest_for(info.context.release, chosen, store.proposals(organization_id), sources or None, limit)
    return Suggestions(
        control=chosen[0].id, title=chosen[0].title, release=it.release, as_of=it.as_of, sources=list(it.sources),
        limit=it.limit, method=it.method, disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
        organization=organization_id, it=it,
    )  # fmt: skip
