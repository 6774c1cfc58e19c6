"""The tools and resources as a fastmcp server, over standard input and output or HTTP.

Needs the extra ``mcp``.  The server reads and never writes; over HTTP it listens on loopback unless told otherwise, and
refuses a Host or Origin that is not its own (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from pydantic import Field

from kg import __version__
from kg.errors import InputError, KgError, UsageError
from kg.exports.json import dumps, plain
from kg.mcp import results as r
from kg.mcp.tools import Kept, Tools
from kg.release import Release

__all__ = ["make_server"]

P = ParamSpec("P")
T = TypeVar("T")

_INSTRUCTIONS = """\
A graph of standards and laws for AI (ISO/IEC 42001, NIST AI RMF, EU AI Act, GDPR), the mappings between them and
recorded incidents. Rules for repeating what it says: name the release and the day; never give a percentage without its
denominator (applicable requirements); say which mapping set a relation comes from and that it is not reviewed where
`reviewed` is false; pass on the disclaimers; where a result carries a `refusal`, the graph does not know: say so and do
not guess. This is information, not legal advice. Start with `frameworks` for the names that other tools take."""

Name = Annotated[str, Field(description="A CURIE like eu-ai-act:art-15.5, or an official reference.", max_length=200)]
Framework = Annotated[str, Field(description="A framework's id, see `frameworks`.", max_length=100)]
Controls = Annotated[
    list[dict[str, str | None]] | str,
    Field(
        description="The organisation's controls: a list of objects, or the text of a CSV file, with id, title, status "
        "(implemented, partial, planned, alternative, not-applicable) and, if known, description, owner, evidence_date "
        "and mappings. `mappings` are ids separated by `;`, each with an optional relation read from the control, as "
        "in `aisb:DAT-01; eu-ai-act:art-10.2.f superset_of`. Without a relation a reference control is done in full, "
        "and a provision is only related. Or org:ID for an organisation that is kept, where the server may open it."
    ),
]
Profile = Annotated[
    dict[str, Any] | None,
    Field(description="Who asks: jurisdictions, roles, facts, systems, as in a profile file. Without: all may apply."),
]
Day = Annotated[str, Field(description="The day asked for, like 2027-12-02. Empty: today.", max_length=10)]
Limit = Annotated[int, Field(description="At most so many.", ge=1, le=200)]
Offset = Annotated[int, Field(description="Leave out so many first.", ge=0)]


def make_server(release: Release, kept: Kept | None = None) -> Any:
    """A :class:`fastmcp.FastMCP` over ``release``.  ``kept`` reads organisations that are kept; without it none is
    open.  Raises :class:`~kg.errors.UsageError` where fastmcp is not installed."""
    try:
        from fastmcp import FastMCP
        from fastmcp.exceptions import ResourceError, ToolError
    except ImportError:
        raise UsageError("the MCP server needs fastmcp", "pip install 'aigov-kg[mcp]'") from None

    server = FastMCP(
        name="aigov-kg", instructions=_INSTRUCTIONS, version=__version__, mask_error_details=True,
        website_url="https://w3id.org/aigov-kg/",
    )  # fmt: skip
    tools = Tools(release, kept)

    def told(question: Callable[P, T]) -> Callable[P, T]:
        """What is wrong with a request, as the tool's own error; every other fault is masked by fastmcp."""

        @wraps(question)
        def ask(*args: P.args, **named: P.kwargs) -> T:
            try:
                return question(*args, **named)
            except KgError as error:
                raise ToolError(_said(error)) from None

        return ask

    def tool(title: str) -> Callable[[Callable[..., Any]], Any]:
        annotations = {
            "title": title, "readOnlyHint": True, "destructiveHint": False, "idempotentHint": True,
            "openWorldHint": False,
        }  # fmt: skip

        def register(question: Callable[..., Any]) -> Any:
            return server.tool(told(question), title=title, annotations=annotations)

        return register

    @tool("Frameworks and catalogues")
    def frameworks() -> r.FrameworksResult:
        """List the standards, laws and control catalogues of the graph, with sizes, text versions and licences."""
        return tools.frameworks()

    @tool("One requirement or control")
    def requirement(
        name: Name,
        framework: Annotated[str, Field(description="Where the reference is looked up, if `name` is none.")] = "",
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> r.RequirementResult:
        """Describe one provision, reference control or joint node, with every assertion it is an end of and the source
        of each. The summary is the project's own; the official text is at the link."""
        return tools.requirement(name, framework, limit, offset)

    @tool("Search")
    def search(
        text: Annotated[str, Field(description="Words or an id.", min_length=1, max_length=500)],
        kind: Annotated[
            str, Field(description="Only of this kind: article, paragraph, control, threat, incident …")
        ] = "",
        limit: Limit = 20,
    ) -> r.SearchResult:
        """Find nodes by words. A hit says that words fit, not that anything is mapped or covered."""
        return tools.search(text, kind, limit)

    @tool("Crosswalk")
    def crosswalk(
        source: Annotated[str, Field(description="A framework or catalogue id, or a CURIE.", max_length=200)],
        target: Annotated[str, Field(description="Likewise: both frameworks, or both nodes.", max_length=200)],
        as_of: Day = "",
        derived: Annotated[bool, Field(description="Also what follows from chains of rows.")] = True,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> r.CrosswalkResult:
        """What joins two frameworks or two nodes: assertions with their sources, and apart from them what follows.
        Refuses where no row and no chain joins them."""
        return tools.crosswalk(source, target, as_of, derived, limit, offset)

    @tool("Coverage")
    def coverage(
        controls: Controls,
        framework: Framework,
        profile: Profile = None,
        as_of: Day = "",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> r.CoverageResult:
        """How far a framework is covered by an organisation's controls: counts with their denominator, and a verdict
        for each requirement. `sentence` can be repeated as it is."""
        return tools.coverage(controls, framework, profile, as_of, limit, offset)

    @tool("Gaps")
    def gaps(
        controls: Controls,
        framework: Framework,
        profile: Profile = None,
        as_of: Day = "",
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> r.GapsResult:
        """The applicable requirements that are not covered, worst first, with what could cover them, the organisation's
        own unfinished controls, and how many recorded incidents stand behind each."""
        return tools.gaps(controls, framework, profile, as_of, limit, offset)

    @tool("Explain a verdict")
    def explain(
        controls: Controls,
        requirement: Annotated[str, Field(description="A requirement's CURIE.", max_length=200)],
        profile: Profile = None,
        as_of: Day = "",
    ) -> r.ExplainResult:
        """Why a requirement is covered or not: whether it applies and by which rule, the chain of every control that
        has anything to do with it, each row's source, and disputes. Refuses where no control has a chain to it."""
        return tools.explain(controls, requirement, profile, as_of)

    @tool("Incidents")
    def incidents(
        about: Annotated[
            str, Field(description="A threat, requirement, reference control or case: a CURIE.", max_length=200)
        ],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> r.IncidentsResult:
        """Recorded cases of the AI Incident Database behind a threat, requirement or control. Reported cases only: no
        frequency and no likelihood."""
        return tools.incidents(about, limit, offset)

    def read(answer: Callable[[], Any]) -> str:
        try:
            return dumps(answer(), release).decode()
        except KgError as error:
            raise ResourceError(_said(error)) from None

    @server.resource("kg://release", name="release", mime_type="application/json")
    def release_resource() -> str:
        """Digest and counts of the release that answers."""
        return read(release.stats)

    @server.resource("kg://frameworks/{framework}", name="framework", mime_type="application/json")
    def framework_resource(framework: str) -> str:
        """One framework and the requirements of its text in force today."""
        from datetime import date

        return read(
            lambda: {
                "release": release.digest,
                "framework": plain(release.framework(framework)),
                "requirements": plain(release.requirements(framework, date.today())),
            }
        )

    @server.resource("kg://nodes/{curie}", name="node", mime_type="application/json")
    def node_resource(curie: str) -> str:
        """One provision, reference control or joint node, as the `requirement` tool describes it."""
        return read(lambda: tools.requirement(curie).model_dump())

    @server.resource("kg://sets/{set_id}", name="mapping set", mime_type="application/json")
    def set_resource(set_id: str) -> str:
        """One mapping set: its authority, licence and rows."""

        def found() -> dict[str, Any]:
            if set_id not in release.sets:
                raise release.unknown(set_id, release.sets)
            rows = [m for m in release.mappings if m.set_id == set_id]
            return {"release": release.digest, "set": plain(release.sets[set_id]), "mappings": plain(rows, release)}

        return read(found)

    return server


def _said(error: KgError) -> str:
    if isinstance(error, InputError):
        return "\n".join(str(f) for f in error.findings[:50])
    return f"{error.code} {error}"
