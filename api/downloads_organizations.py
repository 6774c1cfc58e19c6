"""The files of one organisation: its coverage, gaps and plan for a framework, its statements, and its controls.

Who asks is settled first, exactly as GraphQL does it: an organisation that is not there and one in which the asker has
no role are the same answer, given before the store is asked.  Nothing of it may be kept on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request

from api.access import Gate, opened
from api.conditional import etag
from api.downloads import Address, at_address, check_pinned, given, release_of, whole, writing
from api.observability import Metrics
from api.oidc import TokenError
from api.schema.tenants import unknown as no_organization
from api.serving import Asked, Form
from kg import answers
from kg.errors import UnknownIdError
from kg.exports.formats import FORMATS, formats_of, write
from kg.organizations.store import Role
from kg.parameters import FILTERS
from kg.release import Release

if TYPE_CHECKING:
    from kg.organizations.store import OrganizationState

__all__ = ["addresses"]

_Answer = Callable[[answers.Assessment, str], Any]
_PARAMETERS = ("asOf", *FILTERS, "release")
#: The longest a plan is searched for, in seconds: what is best by then is given, and says so.
_TIME_LIMIT = 10.0


class _Files:
    """Reads the addresses of organisations."""

    def __init__(self, gate: Gate, metrics: Metrics) -> None:
        self._gate, self._metrics = gate, metrics

    def state(self, request: Request) -> OrganizationState:
        """The organisation as it is, for who may see it."""
        id_ = request.path_params["organization"]
        try:
            principal = self._gate.principal(request.headers)
            request.state.principal = principal
            store = opened(self._gate.store, principal)
        except TokenError as error:
            self._metrics.refused(error.code)
            raise
        if not principal.may(id_, Role.VIEWER):
            raise no_organization(id_)
        try:
            return store.load(id_)
        except UnknownIdError:
            raise no_organization(id_) from None

    def assessed(self, kind: str, answer: _Answer, *, whole_: bool = False, of: str = "") -> Callable[[Request], Asked]:
        """The reader of an address that gives an answer of that class: of the framework it names, of all, or of the
        one that such an answer is always ``of``."""
        forms, name = _forms(kind, whole_), _FILES[kind]

        def read(request: Request) -> Asked:
            state, release = self.state(request), release_of(request)
            if whole_ or of:
                form, negotiated = whole(request, name, forms)
                frameworks = (of,) if of else tuple(release.frameworks)
            else:
                one, form, negotiated = at_address(request, "framework", "framework", release.frameworks, forms)
                frameworks = (one,)
            asked = given(request, _PARAMETERS)
            check_pinned(asked, release)
            rows, day = asked.filter(release), asked.day("asOf") or _day(state)

            def made() -> Any:
                assessment = answers.assess(release, state.controls, state.profile, day, rows)
                found = [answer(assessment, framework) for framework in frameworks]
                return found if whole_ else found[0]

            stem = "" if whole_ or of else f"-{frameworks[0]}"
            path = "" if whole_ or of else f"/{quote(frameworks[0])}"
            return Asked(
                form=form,
                stem=f"{state.organization_id}-{name}{stem}",
                path=f"/organizations/{quote(state.organization_id)}/{name}{path}",
                # A plan is the best that was found in time: not the same every time.
                says=() if kind == "Plan" else (kind, release.digest, *_said(state), *frameworks, str(day), repr(rows)),
                make=writing(made, release, form),
                private=True,
                negotiated=negotiated,
            )

        return read

    def controls(self, request: Request) -> Asked:
        """Its controls: as they are kept, as a table that can be edited and imported again, or for OSCAL."""
        state, release = self.state(request), release_of(request)
        form, negotiated = whole(request, "controls", _CONTROLS)
        check_pinned(given(request, ("release",)), release)
        day = _day(state)
        return Asked(
            form=form,
            stem=f"{state.organization_id}-controls",
            path=f"/organizations/{quote(state.organization_id)}/controls",
            says=("controls", release.digest, *_said(state), str(state.revision), str(day)),
            make=lambda: _controls(state, release, form, day),
            private=True,
            negotiated=negotiated,
        )


#: Answer → the word in the address.
_FILES = {
    "Coverage": "coverage",
    "GapReport": "gaps",
    "Plan": "plan",
    "StatementOfApplicability": "soa",
    "Duties": "readiness",
}
_CONTROLS = (FORMATS["json"], FORMATS["csv"], FORMATS["oscal-component"])


def _forms(kind: str, whole_: bool) -> tuple[Form, ...]:
    """The formats of an answer, or of several of a kind."""
    return tuple(f for f in formats_of(kind) if f.several or not whole_)


def _day(state: OrganizationState) -> date:
    """The day that an organisation's answers are for where nobody says another."""
    return (state.profile.as_of if state.profile else None) or date.today()


def _said(state: OrganizationState) -> tuple[str, str, str]:
    """What an organisation says, digested.  Its revision alone would not do: one that is erased and made again, or
    restored, counts its revisions anew."""
    from kg.exports.json import dumps

    return state.organization_id, state.name, etag(dumps([state.controls, state.profile]).decode())


def _controls(state: OrganizationState, release: Release, form: Form, day: date) -> Iterator[bytes]:
    if form.name == "oscal-component":
        from kg.answers.listing import implementation

        assessment = answers.assess(release, state.controls, state.profile, day, answers.Filter())
        yield from write(implementation(assessment), release, form.name)
        return
    if form.name == "csv":
        from kg.organizations.writing import controls_csv

        yield controls_csv(state.controls).encode()
        return
    from kg.exports.json import dumps, plain

    yield dumps(
        {
            "organization": state.organization_id,
            "name": state.name,
            "revision": state.revision,
            "release": release.digest,
            "profile": plain(state.profile, release),
            "controls": plain(state.controls, release),
        }
    )


def addresses(gate: Gate, metrics: Metrics) -> tuple[Address, ...]:
    """The addresses of organisations, for a server that knows who asks by ``gate``."""
    files = _Files(gate, metrics)
    kinds: dict[str, tuple[str, str, _Answer]] = {
        "Coverage": ("Coverage", "Every requirement with its verdict and the chain behind it.", _coverage),
        "GapReport": ("Gaps", "The requirements that are open, worst first, with what would close each.", _gaps),
        "Plan": (
            "Plan",
            f"The cheapest actions that close what can be closed, searched for at most {_TIME_LIMIT:.0f} seconds.",
            _plan,
        ),
    }
    found = []
    for kind, (title, description, answer) in kinds.items():
        path = f"/organizations/{{organization}}/{_FILES[kind]}"
        if kind != "Plan":
            every, forms = files.assessed(kind, answer, whole_=True), _forms(kind, True)
            found.append(
                Address(path, f"{title} of all frameworks", description, every, forms, _PARAMETERS, tag="organisations")
            )
        found.append(
            Address(
                f"{path}/{{framework}}",
                f"{title} of a framework",
                description,
                files.assessed(kind, answer),
                _forms(kind, False),
                _PARAMETERS,
                {"framework": lambda release: release.frameworks},
                "organisations",
            )
        )
    for kind, (title, description, answer, framework) in _STATEMENTS.items():
        found.append(
            Address(
                f"/organizations/{{organization}}/{_FILES[kind]}",
                title,
                description,
                files.assessed(kind, answer, of=framework),
                _forms(kind, False),
                _PARAMETERS,
                tag="organisations",
            )
        )
    controls = Address(
        "/organizations/{organization}/controls",
        "The controls of an organisation",
        "With their mappings and evidence; the table can be edited and imported again.",
        files.controls,
        _CONTROLS,
        tag="organisations",
    )
    return (*found, controls)


def _coverage(assessment: answers.Assessment, name: str) -> answers.Coverage:
    return assessment.coverage(name)


def _gaps(assessment: answers.Assessment, name: str) -> Any:
    from kg.answers.gaps import gap_report

    return gap_report(assessment, name)


def _plan(assessment: answers.Assessment, name: str) -> Any:
    from kg.answers.plan import Goals, Options, plan

    return plan(assessment, Goals(frameworks=(name,)), Options(time_limit=_TIME_LIMIT))


def _statement(assessment: answers.Assessment, name: str) -> Any:
    from kg.answers.soa import statement_of_applicability

    return statement_of_applicability(assessment, name)


def _readiness(assessment: answers.Assessment, name: str) -> Any:
    from kg.answers.duties import duties

    return duties(assessment, name)


#: Answer → what it is called, what it is, who gives it, and the framework it is always of.
_STATEMENTS: dict[str, tuple[str, str, _Answer, str]] = {
    "StatementOfApplicability": (
        "Statement of Applicability",
        "Each control of ISO/IEC 42001's Annex A: whether it is included, why or why not, how far it is done, by which "
        "controls, and what an auditor would ask.",
        _statement,
        "iso42001",
    ),
    "Duties": (
        "Readiness for the EU AI Act",
        "What of the EU AI Act binds each AI system now or later, by role, tier and date, how far it is met, and what "
        "to do next.",
        _readiness,
        "eu-ai-act",
    ),
}
