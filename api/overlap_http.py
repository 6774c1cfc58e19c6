"""``/overlaps`` and ``/overlaps/{source}/{target}``: the addresses that permalinks lead to.

Thin over :mod:`kg.permalink`: the address is the question, and :mod:`api.serving` sends the answer as every other file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from urllib.parse import quote

from starlette.requests import Request

from api.downloads import Address, at_address, release_of, unknown, whole
from api.schema.inputs import MAX_SYSTEMS, TooMuchError
from api.schema.overlaps import check_cells
from api.serving import Asked, Form
from kg.exports.formats import FORMATS, write
from kg.permalink import SUFFIXES, OverlapQuery, answer_query, check_release, parse_permalink
from kg.release import Release

__all__ = ["ADDRESSES"]

_FORMS = tuple(FORMATS[suffix] for suffix in SUFFIXES)
_PARAMETERS = ("asOf", "release", "maxHops", "minAuthority", "reviewedOnly", "sets", "profile")


def _matrix(request: Request) -> Asked:
    form, negotiated = whole(request, "overlaps", _FORMS)
    return _asked(request, "/overlaps", "overlaps", form, negotiated)


def _one(request: Request) -> Asked:
    release = release_of(request)
    source = request.path_params["source"]
    target, form, negotiated = at_address(request, "target", "framework", release.frameworks, _FORMS)
    path = f"/overlaps/{quote(source, safe='')}/{quote(target, safe='')}"
    return _asked(request, path, f"overlap-{source}-{target}", form, negotiated)


def _asked(request: Request, path: str, stem: str, form: Form, negotiated: bool) -> Asked:
    release = release_of(request)
    given = request.scope["query_string"].decode("latin-1")
    query = parse_permalink(f"{path}?{given}" if given else path, release)
    check_release(query, release)
    _check_size(query, release)
    sides = [*release.frameworks, *release.catalogues]
    for name, known, what in (
        *((name, sides, "framework or catalogue") for name in query.sources),
        *((name, [*release.frameworks], "framework") for name in query.targets),
    ):
        if name not in known:
            raise unknown(what, known)(name)

    def make() -> Iterator[bytes]:
        return write(answer_query(query, release), release, form.name)

    return Asked(
        form=form,
        stem=stem,
        path=path,
        says=("overlap", release.digest, path, given, "" if query.as_of else date.today().isoformat()),
        make=make,
        personal=query.profile is not None,
        pinned=bool(query.release) and query.as_of is not None,
        negotiated=negotiated,
    )


def _check_size(query: OverlapQuery, release: Release) -> None:
    """Raises :class:`~api.schema.inputs.TooMuchError` for more than is answered at once."""
    systems = len(query.profile.systems) if query.profile else 0
    if systems > MAX_SYSTEMS:
        raise TooMuchError(f"{systems} systems are too many for one request", f"at most {MAX_SYSTEMS}")
    if query.form == "matrix":
        check_cells(release, query.sources, query.targets)


ADDRESSES = (
    Address(
        "/overlaps",
        "How much each framework gives of each other",
        "Every source against every target, counted, with the permalink of the answer.",
        _matrix,
        _FORMS,
        ("sources", "targets", *_PARAMETERS),
        tag="overlaps",
    ),
    Address(
        "/overlaps/{source}/{target}",
        "How much of one framework another gives",
        "One direction, or with `both=true` both, each with what is given, what is left and why.",
        _one,
        _FORMS,
        (*_PARAMETERS, "both"),
        {
            "source": lambda release: [*release.frameworks, *release.catalogues],
            "target": lambda release: release.frameworks,
        },
        "overlaps",
    ),
)
