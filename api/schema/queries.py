"""The root of the schema."""

import datetime as dt
from collections.abc import Iterable
from typing import Annotated

import strawberry
from strawberry import argument

import kg.model as m
from api.context import Info
from api.schema import overlaps
from api.schema.assessments import Assessment, assess
from api.schema.changes import Comparison
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.controls import Catalogue, JointNode, ReferenceControl
from api.schema.crosswalks import Crosswalk
from api.schema.enums import Authority, Relation
from api.schema.frameworks import Disclaimer, Framework, Provision
from api.schema.inputs import AssessmentInput, ProfileInput, filter_of
from api.schema.lookup import By, SearchHit, check_length, find, framework_name, node
from api.schema.mappings import Mapping, MappingSet, select_rows
from api.schema.nodes import Node, computed, mirror
from api.schema.organizations import OrganizationQueries
from api.schema.overlaps import Overlap, OverlapMatrix
from api.schema.profiles import (
    AnswerInput,
    ProfileFromAnswers,
    Questionnaire,
    profile_from_answers,
    questionnaire,
)
from api.schema.reports import ContentReport, Disagreement
from api.schema.statistics import Stats, Vocabulary, stats, vocabulary
from api.schema.threats import Incident, Threat
from kg import answers
from kg.answers import MAX_HOPS
from kg.errors import KgError, UsageError
from kg.release import Release

__all__ = ["MAX_HITS", "Query"]

#: The most hits of one search, and the longest text to search for.
MAX_HITS = 50
MAX_TEXT = 500


FrameworkName = Annotated[
    str, argument(description="A framework's short id (eu-ai-act); its CURIE, IRI or opaque id will do too.")
]
NodeName = Annotated[By, argument(description="Which one.")]
MaxHops = Annotated[int, argument(description=f"How many rows a chain may have, 0 to {MAX_HOPS}.")]
MinAuthority = Annotated[Authority, argument(description="The least authority a row must have to count.")]
ReviewedOnly = Annotated[bool, argument(description="Whether only reviewed rows count.")]
SetNames = Annotated[
    list[str] | None, argument(description="Only rows of these mapping sets count; left out or empty: of all.")
]
_WHOM = "Who the organisation is; null: nothing is stated and every duty may apply."
AsOf = Annotated[dt.date | None, argument(description="The day whose texts are meant; today where nothing is said.")]


@strawberry.type(
    description="Everything one can ask. `assessment` takes the controls in the request and stores nothing; "
    "`organization` answers from what is kept."
)
class Query(OrganizationQueries):
    @computed("The digest of the release that answers: every number belongs to one.")
    def release(self, info: Info) -> str:
        return info.context.release.digest

    @computed("Everything in the release, counted.")
    def stats(self, info: Info) -> Stats:
        return stats(info.context.release)

    @computed("The standing disclaimers.", size=10)
    def disclaimers(self, info: Info) -> list[Disclaimer]:
        return [mirror(Disclaimer, d) for d in info.context.release.disclaimers.values()]

    @computed("The words a profile may use: roles, tiers and facts.")
    def vocabulary(self, info: Info) -> Vocabulary:
        return vocabulary(info.context.release)

    # ------------------------------------------------------------------ nodes

    @computed("Anything by its opaque id; null where this release has no such thing.")
    def node(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="From an `id` field.")]
    ) -> Node | None:
        return node(info.context.release, id)

    @computed("All frameworks, in their order.", size=4)
    def frameworks(self, info: Info) -> list[Framework]:
        return [Framework.of(f) for f in info.context.release.frameworks.values()]

    @computed("One framework; null with an error that names the nearest where there is none.")
    def framework(self, info: Info, id: FrameworkName) -> Framework | None:
        release = info.context.release
        return Framework.of(release.frameworks[framework_name(release, id)])

    @computed("One provision, requirement or not; null with an error that names the nearest where there is none.")
    def requirement(self, info: Info, by: NodeName) -> Provision | None:
        release = info.context.release
        id_ = find(release, by)
        if id_ not in release.provisions:
            raise _other(release, id_, "a provision", release.provisions)
        return Provision.of(release.provisions[id_])

    @computed("The catalogues of reference controls.", size=4)
    def catalogues(self, info: Info) -> list[Catalogue]:
        return [Catalogue.of(c) for c in info.context.release.catalogues.values()]

    @computed("The reference controls of all catalogues.")
    def controls(
        self,
        info: Info,
        catalogue: Annotated[str | None, argument(description="Only of the catalogue with this short id.")] = None,
        domain: Annotated[str | None, argument(description="Only of this domain.")] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[ReferenceControl]:
        release = info.context.release
        if catalogue is not None and catalogue not in release.catalogues:
            raise release.unknown(catalogue, release.catalogues)
        every = release.controls.values()
        found = [c for c in every if catalogue in (None, c.catalogue) and domain in (None, c.domain)]
        return connect(info, "controls", found, lambda c: c.id, ReferenceControl.of, first, after)

    @computed("One reference control; null with an error that names the nearest where there is none.")
    def control(self, info: Info, by: NodeName) -> ReferenceControl | None:
        release = info.context.release
        id_ = find(release, by)
        if id_ not in release.controls:
            raise _other(release, id_, "a reference control", release.controls)
        return ReferenceControl.of(release.controls[id_])

    @computed("One joint node; null with an error that names the nearest where there is none.")
    def joint_node(self, info: Info, by: NodeName) -> JointNode | None:
        release = info.context.release
        id_ = find(release, by)
        if id_ not in release.joints:
            raise _other(release, id_, "a joint node", release.joints)
        return JointNode.of(release.joints[id_])

    # ------------------------------------------------------------------ mappings

    @computed("The mapping sets: who stands behind every chain.", size=20)
    def mapping_sets(self, info: Info) -> list[MappingSet]:
        return [MappingSet.of(s) for s in info.context.release.sets.values()]

    @computed("The rows of all mapping sets. Every filter that is given must hold.")
    def mappings(
        self,
        info: Info,
        set: Annotated[str | None, argument(description="Only of the mapping set with this short id.")] = None,
        authority: Annotated[
            Authority | None, argument(description="Only of sets with exactly this authority.")
        ] = None,
        framework: Annotated[
            str | None,
            argument(description="Only rows with an end in this framework or catalogue (short id)."),
        ] = None,
        relation: Annotated[Relation | None, argument(description="Only rows written with this relation.")] = None,
        node: Annotated[By | None, argument(description="Only rows with this end.")] = None,
        reviewed: Annotated[bool | None, argument(description="Only reviewed, or only unreviewed rows.")] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Mapping]:
        release = info.context.release
        if set is not None and set not in release.sets:
            raise release.unknown(set, release.sets)
        if framework is not None:
            framework = _side(release, framework)
        rows = select_rows(
            release,
            set_=set,
            authority=authority,
            framework=framework,
            relation=relation,
            node=None if node is None else release.node(find(release, node)).id,
            reviewed=reviewed,
        )
        return connect(info, "mappings", rows, lambda r: r.id, lambda r: Mapping.of(release, r), first, after)

    @computed("One row by its id, as the steps of a chain name it; null where this release has no such row.")
    def mapping(
        self, info: Info, row: Annotated[str, argument(description="The row's id: m-0bfece6e91f8.")]
    ) -> Mapping | None:
        release = info.context.release
        return Mapping.of(release, release.row[row]) if row in release.row else None

    @computed(
        "Between two frameworks, or a catalogue and a framework: what is said, and apart from it what follows.",
        cost=100,
    )
    def crosswalk(
        self,
        info: Info,
        from_: Annotated[str, argument(name="from", description="The short id of the first side.")],
        to: Annotated[str, argument(description="The short id of the second side.")],
        as_of: AsOf = None,
        max_hops: MaxHops = MAX_HOPS,
        min_authority: MinAuthority = Authority.ORGANIZATION,
        reviewed_only: ReviewedOnly = False,
        sets: SetNames = None,
    ) -> Crosswalk:
        release = info.context.release
        filter_ = filter_of(release, max_hops, min_authority, reviewed_only, sets)
        key = ("crosswalk", from_, to, as_of, filter_)
        return Crosswalk.of(
            info.context.once(key, lambda: answers.crosswalk(release, from_, to, as_of=as_of, filter_=filter_))
        )

    @computed(
        "Where mapping sets speak differently of the same two things, side by side: all stay, and a reader decides.",
        cost=20,
    )
    def disagreements(
        self,
        info: Info,
        frameworks: Annotated[
            list[str] | None,
            argument(
                description="Only pairs whose two ends both lie in these frameworks or catalogues (short ids); left "
                "out or empty: all pairs."
            ),
        ] = None,
        contradictions_only: Annotated[
            bool,
            argument(
                description="Whether only pairs count on which the sets cannot both be right; otherwise also those "
                "where one set only says more than the other."
            ),
        ] = True,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Disagreement]:
        release = info.context.release
        names = tuple(dict.fromkeys(_side(release, f) for f in frameworks or ()))
        found = info.context.once(
            ("disagreements", names, contradictions_only),
            lambda: answers.disagreements(release, frameworks=names, contradictions_only=contradictions_only),
        )
        list_ = "disagreements" if contradictions_only else "disagreements of every kind"
        return connect(info, list_, found, lambda d: f"{d.subject} {d.object}", Disagreement.of, first, after)

    @computed("How much of each framework the graph can speak of, and what it cannot.", cost=100)
    def content_report(self, info: Info, as_of: AsOf = None) -> ContentReport:
        release, day = info.context.release, as_of or dt.date.today()
        return ContentReport.of(
            info.context.once(("content report", day), lambda: answers.content_report(release, day))
        )

    # ------------------------------------------------------------------ threats and incidents

    @computed("All threats.")
    def threats(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Threat]:
        found = list(info.context.release.threats.values())
        return connect(info, "threats", found, lambda t: t.id, Threat.of, first, after)

    @computed("One threat; null with an error that names the nearest where there is none.")
    def threat(self, info: Info, by: NodeName) -> Threat | None:
        release = info.context.release
        return Threat.of(release.threats[_threat(release, by)])

    @computed("What happened to others: incidents, latest first, undated last.")
    def incidents(
        self,
        info: Info,
        threat: Annotated[By | None, argument(description="Only of this threat or anything narrower.")] = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
    ) -> Connection[Incident]:
        release = info.context.release
        found: Iterable[m.Incident] = release.incidents.values()
        if threat is not None:
            found = answers.incidents_of(release, _threat(release, threat))
        latest = sorted(found, key=lambda i: (i.date, i.number), reverse=True)
        return connect(info, "incidents", latest, lambda i: i.id, Incident.of, first, after)

    # ------------------------------------------------------------------ questions

    @computed("Whatever a text most likely means: an exact id or reference first, then words (BM25).")
    def search(
        self,
        info: Info,
        text: Annotated[
            str, argument(description=f"Words, a CURIE or an official reference; at most {MAX_TEXT} characters.")
        ],
        kinds: Annotated[
            list[str] | None,
            argument(description="Only hits of these kinds: article, paragraph, control, threat, incident …"),
        ] = None,
        first: Annotated[int, argument(description=f"How many hits to give: 0 to {MAX_HITS}.")] = 20,
    ) -> list[SearchHit]:
        if not 0 <= first <= MAX_HITS:
            raise UsageError(f"first: {first} is out of range", f"0 to {MAX_HITS}; use better words for better hits")
        check_length("a text", text, MAX_TEXT)
        release = info.context.release
        hits = answers.search(release, text, first, kinds=kinds)
        return [mirror(SearchHit, h, curie=h.id, it=h, release=release) for h in hits]

    @computed("At most twelve questions, for a person who is no lawyer, whose answers make a profile.")
    def questionnaire(self, info: Info) -> Questionnaire:
        return questionnaire(info.context.release)

    @computed(
        "The profile that answers to the questionnaire make, and what each of them does to what applies.", cost=500
    )
    def profile_from_answers(
        self,
        info: Info,
        answers: Annotated[list[AnswerInput], argument(description="The answers, in any order.")],
        as_of: Annotated[
            dt.date | None,
            argument(description="The day the consequences are told for, and then the profile's; left out: today."),
        ] = None,
        title: Annotated[str | None, argument(description="What the organisation is called.")] = None,
    ) -> ProfileFromAnswers:
        return profile_from_answers(info, answers, as_of, title)

    @computed(
        "Put an organisation's controls to the graph. They come with the request, are checked, answered and "
        "forgotten; no account is needed.",
        cost=50,
    )
    def assessment(
        self,
        info: Info,
        input: Annotated[AssessmentInput, argument(description="The controls and what the answer depends on.")],
    ) -> Assessment:
        return assess(info, input)

    # ------------------------------------------------------------------ overlaps

    @computed("How much of one framework another gives: what doing all of the source covers of the target.", cost=1000)
    def overlap(
        self,
        info: Info,
        source: Annotated[
            str, argument(description="The short id of what is taken as done: a framework or catalogue.")
        ],
        target: FrameworkName,
        profile: Annotated[ProfileInput | None, argument(description=_WHOM)] = None,
        as_of: AsOf = None,
        max_hops: MaxHops = MAX_HOPS,
        min_authority: MinAuthority = Authority.ORGANIZATION,
        reviewed_only: ReviewedOnly = False,
        sets: SetNames = None,
    ) -> Overlap:
        names = _side(info.context.release, source), framework_name(info.context.release, target)
        return overlaps.overlap(info, *names, profile, as_of, max_hops, min_authority, reviewed_only, sets)

    @computed("How much every framework gives of every other.", cost=20_000)
    def overlap_matrix(
        self,
        info: Info,
        sources: Annotated[
            list[str] | None,
            argument(description="Short ids of frameworks and catalogues; left out or empty: all frameworks."),
        ] = None,
        targets: Annotated[
            list[str] | None, argument(description="Short ids of frameworks; left out or empty: all.")
        ] = None,
        profile: Annotated[ProfileInput | None, argument(description=_WHOM)] = None,
        as_of: AsOf = None,
        max_hops: MaxHops = MAX_HOPS,
        min_authority: MinAuthority = Authority.ORGANIZATION,
        reviewed_only: ReviewedOnly = False,
        sets: SetNames = None,
    ) -> OverlapMatrix:
        return overlaps.matrix(info, sources, targets, profile, as_of, max_hops, min_authority, reviewed_only, sets)

    @computed(
        "Two assessments side by side: which requirements' answers changed, and what made each change. Both inputs "
        "are of this release.",
        cost=300,
    )
    def compare(
        self,
        info: Info,
        before: Annotated[AssessmentInput, argument(description="One side.")],
        after: Annotated[AssessmentInput, argument(description="The other side.")],
        frameworks: Annotated[
            list[str] | None, argument(description="Compare these frameworks only; left out: all.")
        ] = None,
        reasons: Annotated[bool, argument(description="Also where only the reasons changed.")] = False,
        chains: Annotated[bool, argument(description="Also where only the chain changed.")] = False,
    ) -> Comparison:
        return Comparison.ask(
            info, assess(info, before).it, assess(info, after).it, frameworks, reasons=reasons, chains=chains
        )


def _side(release: Release, name: str) -> str:
    """The short id of a framework or catalogue."""
    return name if name in release.catalogues else framework_name(release, name)


def _threat(release: Release, by: By) -> str:
    id_ = find(release, by)
    if id_ not in release.threats:
        raise _other(release, id_, "a threat", release.threats)
    return id_


def _other(release: Release, id_: str, wanted: str, known: Iterable[str]) -> KgError:
    """The error for an id that names nothing, or something of another kind."""
    title = release.title(id_)
    if title:
        return UsageError(f"{id_} ({title}) is not {wanted}", "`node(id:)` and `search` find things of every kind")
    return release.unknown(id_, known)
