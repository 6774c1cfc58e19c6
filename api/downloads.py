"""Everything that can be fetched as a file, and where: one table of addresses, from which the routes, the OpenAPI
document and the page of downloads are made.

Thin over :mod:`kg.exports.formats`: an address is an answer and a format.  Without an ending the client's ``Accept``
decides.  Addresses of organisations are in :mod:`api.downloads_organizations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.downloads_page import list_page
from api.pages import POLICY
from api.schema.inputs import TooMuchError
from api.serving import Asked, Form, Serving, chosen, must_exist, named
from kg import answers
from kg.answers.listing import list_framework, list_graph, list_set
from kg.errors import KgError, UnknownIdError, nearest
from kg.exports.formats import FORMATS, Format, formats_of, formats_of_rows, formats_of_set, write
from kg.parameters import FILTERS, Parameters
from kg.permalink import ReleaseMismatchError
from kg.release import Release

__all__ = [
    "ADDRESSES", "Address", "at_address", "check_pinned", "given", "release_of", "routes", "unknown", "whole",
    "writing",
]  # fmt: skip

#: The most pairs of items between which a crosswalk looks for what follows.
MAX_PAIRS = 4_000_000
#: The formats of the lists: data, a table, and a page of ours.
_LIST = (FORMATS["json"], FORMATS["csv"], Format("page", "html", "text/html", "a page"))


@dataclass(frozen=True, slots=True)
class Address:
    """One kind of file.

    ``path`` is the template without an ending; ``names`` says for each of its parts which ids may stand there;
    ``forms`` which formats there are, the first for whoever takes any; ``parameters`` what may stand behind the ``?``.
    """

    path: str
    title: str
    description: str
    read: Callable[[Request], Asked]
    forms: tuple[Form, ...]
    parameters: tuple[str, ...] = ("release",)
    names: Mapping[str, Callable[[Release], Iterable[str]]] = field(default_factory=dict)
    tag: Literal["downloads", "overlaps", "organisations"] = "downloads"


def release_of(request: Request) -> Release:
    """The release that answers."""
    found: Release = request.app.state.release
    return found


# ---------------------------------------------------------------------------- reading an address


def given(request: Request, known: Sequence[str]) -> Parameters:
    """The parameters of a request, of which only ``known`` make sense."""
    return Parameters(request.scope["query_string"].decode("latin-1"), known, "address")


def check_pinned(parameters: Parameters, release: Release) -> bool:
    """Whether the address names the release; raises :class:`~kg.permalink.ReleaseMismatchError` for another one."""
    digest = parameters.digest()
    if digest and digest != release.digest:
        raise ReleaseMismatchError(
            f"the address is of release {digest}, and this is release {release.digest}",
            "leave out `release` to ask this one",
        )
    return bool(digest)


def at_address(
    request: Request, part: str, what: str, known: Iterable[str], forms: Sequence[Form]
) -> tuple[str, Form, bool]:
    """The id in the last part of an address, the format, and whether the client's ``Accept`` decided on it."""
    known = list(known)
    name, ending = named(request.path_params[part], known, forms, unknown(what, known))
    return name, chosen(request, forms, ending), not ending


def unknown(what: str, known: Iterable[str]) -> Callable[[str], KgError]:
    """The error for a name that is none of ``known``."""

    def error(name: str) -> KgError:
        names = list(known)
        near = nearest(name, names)
        hint = f"did you mean {near}? " if near else ""
        return UnknownIdError(f"there is no {what} {name[:60]!r}", f"{hint}one of: {', '.join(names)}")

    return error


def writing(answer: Callable[[], Any], release: Release, form: Form) -> Callable[[], Iterator[bytes]]:
    """What makes the bytes of an answer."""
    return lambda: write(answer(), release, form.name)


def whole(request: Request, name: str, forms: Sequence[Form]) -> tuple[Form, bool]:
    """The format of an address whose last part is the word ``name``."""
    ending = request.path_params.get("ending", "")
    if ending:
        _, ending = named(f"{name}.{ending}", [name], forms, unknown("address", [name]))
    return chosen(request, forms, ending), not ending


# ---------------------------------------------------------------------------- the graph


def _sides(release: Release) -> list[str]:
    return [*release.frameworks, *release.catalogues]


_CROSSWALK = formats_of("Crosswalk")


def _crosswalk(request: Request) -> Asked:
    release = release_of(request)
    sides = _sides(release)
    source = request.path_params["source"]
    if source not in sides:
        raise unknown("framework or catalogue", sides)(source)
    target, form, negotiated = at_address(request, "target", "framework or catalogue", sides, _CROSSWALK)
    asked = given(request, _CROSSWALK_PARAMETERS)
    pinned, day, rows, derived = check_pinned(asked, release), asked.day("asOf"), asked.filter(release), True
    derived = asked.flag("derived", True)
    as_of = day or date.today()
    if derived:
        _check_pairs(release, source, target, as_of)
    if form.name == "oscal":  # the one form that there is not of every crosswalk
        said = answers.crosswalk(release, source, target, as_of=as_of, filter_=rows, derived=False)
        must_exist(form, formats_of_rows("Crosswalk", bool(said.rows)), "a crosswalk without a row that counts")

    def answer() -> answers.Crosswalk:
        return answers.crosswalk(release, source, target, as_of=as_of, filter_=rows, derived=derived)

    return Asked(
        form=form,
        stem=f"{source}-{target}",
        path=f"/crosswalks/{quote(source)}/{quote(target)}",
        says=("crosswalk", release.digest, source, target, as_of.isoformat(), repr(rows), str(derived)),
        make=writing(answer, release, form),
        pinned=pinned and day is not None,
        negotiated=negotiated,
    )


def _check_pairs(release: Release, source: str, target: str, as_of: date) -> None:
    def items(name: str) -> int:
        if name in release.frameworks:
            return len(release.requirements(name, as_of))
        return sum(1 for c in release.controls.values() if c.catalogue == name)

    here, there = items(source), items(target)
    if here * there > MAX_PAIRS:
        raise TooMuchError(
            f"what follows between {here:,} and {there:,} items is too much for one request",
            "ask for what is said: derived=false",
        )


_FRAMEWORK = formats_of("FrameworkListing")


def _framework(request: Request) -> Asked:
    release = release_of(request)
    name, form, negotiated = at_address(request, "framework", "framework or catalogue", _sides(release), _FRAMEWORK)
    asked = given(request, ("asOf", "release"))
    pinned, as_of = check_pinned(asked, release), asked.day("asOf")
    return Asked(
        form=form,
        stem=name,
        path=f"/frameworks/{quote(name)}",
        says=("framework", release.digest, name, str(as_of)),
        make=writing(lambda: list_framework(release, name, as_of=as_of), release, form),
        pinned=pinned,
        negotiated=negotiated,
    )


_SET = formats_of("SetListing")


def _set(request: Request) -> Asked:
    release = release_of(request)
    name, form, negotiated = at_address(request, "set", "mapping set", release.sets, _SET)
    must_exist(form, formats_of_set(release, name), f"{name}, which holds no mapping")
    pinned = check_pinned(given(request, ("release",)), release)
    return Asked(
        form=form,
        stem=name,
        path=f"/mappings/{quote(name)}",
        says=("set", release.digest, name),
        make=writing(lambda: list_set(release, name), release, form),
        pinned=pinned,
        negotiated=negotiated,
    )


_GRAPH = formats_of("GraphListing")


def _graph(request: Request) -> Asked:
    release = release_of(request)
    form, negotiated = whole(request, "graph", _GRAPH)
    pinned = check_pinned(given(request, ("release",)), release)
    return Asked(
        form=form,
        stem=f"aigov-kg-{release.digest}",
        path="/graph",
        says=("graph", release.digest),
        make=writing(lambda: list_graph(release), release, form),
        pinned=pinned,
        negotiated=negotiated,
    )


# ---------------------------------------------------------------------------- lists of what there is


def _frameworks_listed(release: Release) -> Any:
    from kg.exports.tables_lists import framework_records

    return framework_records(release)


def _sets_listed(release: Release) -> Any:
    from kg.exports.json import plain

    counts = release.stats()["mappingSets"]
    sets = [
        {**plain(s), **{k: counts[s.id][k] for k in ("rows", "reviewed", "byRelation")}} for s in release.sets.values()
    ]
    return {"release": release.digest, "mappingSets": sets}


def _pairs_listed(release: Release) -> Any:
    sides = _sides(release)
    counts: dict[frozenset[str], int] = {}
    for m in release.mappings:
        ends = frozenset((m.subject.partition(":")[0], m.object.partition(":")[0]))
        counts[ends] = counts.get(ends, 0) + 1
    found = [
        {"source": a, "target": b, "rows": counts.get(frozenset((a, b)), 0)} for a in sides for b in sides if a != b
    ]
    return {"release": release.digest, "crosswalks": found}


#: Path → what it lists, as data, and where in that data the rows of its table stand.
_LISTS: dict[str, tuple[Callable[[Release], Any], tuple[str, ...]]] = {
    "/frameworks": (_frameworks_listed, ("frameworks", "catalogues")),
    "/mappings": (_sets_listed, ("mappingSets",)),
    "/crosswalks": (_pairs_listed, ("crosswalks",)),
}


def _list(path: str) -> Callable[[Request], Asked]:
    records, parts = _LISTS[path]

    def read(request: Request) -> Asked:
        release = release_of(request)
        form, negotiated = whole(request, path[1:], _LIST)
        pinned = check_pinned(given(request, ("release",)), release)

        def make() -> Iterator[bytes]:
            found = records(release)
            if form.name == "json":
                from kg.exports.json import dumps

                yield dumps(found)
            elif form.name == "csv":
                yield _table([row for part in parts for row in found[part]])
            else:
                yield list_page(path, release, ADDRESSES).encode()

        return Asked(
            form=form,
            stem=path[1:],
            path=path,
            says=("list", release.digest, path),
            make=make,
            pinned=pinned,
            negotiated=negotiated,
            policy=POLICY,
        )

    return read


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as CSV: the columns that all of them have and that hold one value."""
    import csv
    import io

    from kg.exports.csv import neutral

    columns = [name for name, value in rows[0].items() if not isinstance(value, list | dict)] if rows else []
    columns = [name for name in columns if all(name in row for row in rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([neutral(row[name]) for name in columns] for row in rows)
    return out.getvalue().encode()


# ---------------------------------------------------------------------------- the table


_CROSSWALK_PARAMETERS = ("asOf", *FILTERS, "derived", "release")

ADDRESSES: tuple[Address, ...] = (
    Address(
        "/frameworks",
        "Frameworks and catalogues",
        "What there is to ask about, with the counts of each.",
        _list("/frameworks"),
        _LIST,
    ),
    Address(
        "/frameworks/{framework}",
        "A framework or catalogue",
        "Its provisions or controls, in the text of the day (`asOf`; left out: its last text).",
        _framework,
        _FRAMEWORK,
        ("asOf", "release"),
        {"framework": _sides},
    ),
    Address("/mappings", "Mapping sets", "Each with its source, licence and counts.", _list("/mappings"), _LIST),
    Address(
        "/mappings/{set}",
        "A mapping set",
        "All its rows, with where each comes from and who reviewed it.",
        _set,
        _SET,
        ("release",),
        {"set": lambda release: release.sets},
    ),
    Address(
        "/crosswalks",
        "Crosswalks",
        "Every pair of frameworks and catalogues, with how many rows join them directly.",
        _list("/crosswalks"),
        _LIST,
    ),
    Address(
        "/crosswalks/{source}/{target}",
        "A crosswalk",
        "What mapping sets say between two frameworks, or a catalogue and a framework; apart from it what follows; and "
        "what has no partner on either side.",
        _crosswalk,
        _CROSSWALK,
        _CROSSWALK_PARAMETERS,
        {"source": _sides, "target": _sides},
    ),
    Address(
        "/graph",
        "The whole graph",
        "Everything in the release, in one file. Parts of it can be fetched by `Range`.",
        _graph,
        _GRAPH,
    ),
)


def routes(addresses: Iterable[Address], serving: Serving) -> list[Route]:
    """The routes of addresses.  A name takes an ending with it; an address without one has a route of its own for
    each ending."""
    found = []
    for address in addresses:
        found.append(Route(address.path, _endpoint(address, serving), methods=["GET"]))
        if not address.path.endswith("}"):
            found.append(Route(f"{address.path}.{{ending}}", _endpoint(address, serving), methods=["GET"]))
    return found


def _endpoint(address: Address, serving: Serving) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        request.scope["route"] = address  # what the figures call it: Starlette's own routes do not say
        return await serving(request, address.read)

    return endpoint
