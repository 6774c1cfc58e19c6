"""Every format an answer can be written in, and the one function that writes it.

    FORMATS                         name → Format (extension, media type, title)
    formats_for(answer)             the formats that suit an answer, the plainest first
    format_of(path_or_name)         the format that a file's ending, or a name, means
    write(answer, release, name)    the bytes, in chunks; large tables are never held whole

The same answer of the same release gives the same bytes.  ``answer`` may be a sequence of answers of one kind (a
coverage of several frameworks); a format that holds one answer a file then refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kg.errors import UsageError

if TYPE_CHECKING:
    from kg.release import Release

if TYPE_CHECKING:
    from kg.exports.tables import Table

__all__ = [
    "FORMATS", "Format", "filename", "format_of", "formats_for", "formats_of", "formats_of_rows", "formats_of_set",
    "write",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """One file format: its name in options and addresses, its ending (without the dot), media type and title.

    ``several`` says whether one file holds several answers of a kind.
    """

    name: str
    extension: str
    media_type: str
    title: str
    several: bool = False


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("json", "json", "application/json", "JSON", several=True),
        Format("csv", "csv", "text/csv", "CSV: the main table", several=True),
        Format("tsv", "tsv", "text/tab-separated-values", "TSV: the main table", several=True),
        Format("md", "md", "text/markdown", "Markdown", several=True),
        Format(
            "xlsx", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel workbook",
            several=True,
        ),
        Format("html", "html", "text/html", "HTML page that prints, one file", several=True),
        Format("sssom", "sssom.tsv", "text/tab-separated-values", "SSSOM 1.1 (TSV)"),
        Format("sssom-json", "sssom.json", "application/json", "SSSOM 1.1 (JSON)"),
        Format("oscal", "oscal.json", "application/json", "OSCAL 1.2 mapping collection"),
        Format(
            "oscal-results", "results.oscal.json", "application/json", "OSCAL 1.2 assessment results", several=True
        ),
        Format("ttl", "ttl", "text/turtle", "RDF: Turtle"),
        Format("trig", "trig", "application/trig", "RDF: TriG, a graph for each mapping set"),
        Format("nq", "nq", "application/n-quads", "RDF: N-Quads, a graph for each mapping set"),
        Format("jsonld", "jsonld", "application/ld+json", "RDF: JSON-LD, a graph for each mapping set"),
        Format("graphml", "graphml", "application/graphml+xml", "GraphML"),
        Format("oscal-component", "component.oscal.json", "application/json", "OSCAL 1.2 component definition"),
    )
}  # fmt: skip
#: What people also write, and the format it means.
_ALIASES = {"markdown": "md", "htm": "html"}

_TABLES = ("json", "csv", "tsv", "md", "xlsx", "html")
_GRAPH = ("ttl", "trig", "nq", "jsonld", "graphml")
#: Answer → the formats beyond those of every table.
_MORE: dict[str, tuple[str, ...]] = {
    "Coverage": ("oscal-results",),
    "Crosswalk": ("sssom", "sssom-json", "oscal", *_GRAPH),
    "FrameworkListing": _GRAPH,
    "GraphListing": ("sssom", "sssom-json", "oscal", *_GRAPH),
    "Implementation": ("oscal-component",),
    "SetListing": ("sssom", "sssom-json", "oscal", *_GRAPH),
}
#: Format → the module of :mod:`kg.exports` and its writer ``(answers, release) → Iterator[bytes]``.
_WRITERS: dict[str, tuple[str, str]] = {
    "graphml": ("graphml", "graphml"),
    "jsonld": ("rdf", "jsonld"),
    "nq": ("rdf", "nquads"),
    "oscal": ("oscal", "mapping_collection"),
    "oscal-component": ("oscal", "component_definition"),
    "oscal-results": ("oscal", "results"),
    "sssom": ("sssom", "sssom_tsv"),
    "sssom-json": ("sssom", "sssom_json"),
    "trig": ("rdf", "trig"),
    "ttl": ("rdf", "turtle"),
}


def formats_for(answer: Any) -> tuple[Format, ...]:
    """The formats in which an answer (or answers of one kind) can be written."""
    several = isinstance(answer, list | tuple)
    found = formats_of_rows(_kind(answer), bool(getattr(answer, "rows", True)))
    return tuple(f for f in found if f.several or not several or len(answer) == 1)


def formats_of(kind: str) -> tuple[Format, ...]:
    """The formats in which one answer of that class can be written, by the class's name."""
    tables = _TABLES if kind != "Implementation" else ("json",)
    return tuple(FORMATS[n] for n in (*tables, *_MORE.get(kind, ())))


def formats_of_rows(kind: str, rows: bool) -> tuple[Format, ...]:
    """The formats in which an answer of that class can be written, with or without a row of a mapping set: OSCAL has no
    way to say that there is nothing."""
    return tuple(f for f in formats_of(kind) if rows or f.name != "oscal")


def formats_of_set(release: Release, set_id: str) -> tuple[Format, ...]:
    """The formats of a mapping set of the release; some hold only links to threats or legal references."""
    filled: frozenset[str] = release.cache("sets with rows", lambda: frozenset(m.set_id for m in release.mappings))
    return formats_of_rows("SetListing", set_id in filled)


def format_of(name: str) -> Format | None:
    """The format of a name (``ttl``) or of a file's or address's ending, the longest that fits; ``None`` for none.

    >>> format_of("crosswalk.sssom.tsv").name if "sssom" in FORMATS else "sssom"
    'sssom'
    >>> format_of("answer.md").title
    'Markdown'
    """
    name = name.lower()
    known = {f.extension: f for f in FORMATS.values()} | {a: FORMATS[n] for a, n in _ALIASES.items()}
    if name in FORMATS or name in known:
        return FORMATS.get(name) or known[name]
    fitting = [e for e in known if name.endswith("." + e)]
    return known[max(fitting, key=len)] if fitting else None


def write(answer: Any, release: Release, format_: str | Format) -> Iterator[bytes]:
    """``answer`` (or a sequence of answers of one kind) in a format, as chunks of bytes.

    Raises :class:`~kg.errors.UsageError` at once for a format that does not suit the answer.
    """
    name = format_ if isinstance(format_, str) else format_.name
    suiting = [f.name for f in formats_for(answer)]
    if name not in suiting:
        raise UsageError(f"this answer is not written as {name}", f"one of: {', '.join(suiting)}")
    answers = tuple(answer) if isinstance(answer, list | tuple) else (answer,)
    if name in _WRITERS:
        module, function = _WRITERS[name]
        writer: Callable[[Sequence[Any], Release], Iterator[bytes]] = getattr(
            import_module(f"kg.exports.{module}"), function
        )
        return writer(answers, release)
    return _BASIC[name](answers, release)


def filename(answer: Any, release: Release, format_: str | Format) -> str:
    """A file name that says what is in it: ``iso42001-gdpr.sssom.tsv``."""
    found = FORMATS[format_] if isinstance(format_, str) else format_
    kind = _kind(answer)
    one = answer[0] if isinstance(answer, list | tuple) else answer
    if kind == "Crosswalk":
        stem = f"{one.source}-{one.target}"
    elif kind == "SetListing":
        stem = one.set.id
    elif kind == "FrameworkListing":
        stem = one.framework.id
    elif kind == "GraphListing":
        stem = f"aigov-kg-{release.digest}"
    else:
        stem = kind.lower() + (f"-{one.framework}" if isinstance(getattr(one, "framework", None), str) else "")
    return f"{stem}.{found.extension}"


def _kind(answer: Any) -> str:
    """The class name of an answer, or of the first of several."""
    return type(answer[0] if isinstance(answer, list | tuple) and answer else answer).__name__


# ---------------------------------------------------------------- the formats of every table


def _json(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    from kg.exports.json import pieces

    yield from pieces(answers[0] if len(answers) == 1 else list(answers), release)


def _documents(answers: Sequence[Any], release: Release) -> list[Any]:
    from kg.exports.tables import document

    return [document(a, release) for a in answers]


def _markdown(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    from kg.exports.markdown import markdown_text

    yield markdown_text(_documents(answers, release)).encode()


def _html(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    from kg.exports.html import html_page

    for piece in html_page(_documents(answers, release)):
        yield piece.encode()


def _workbook(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    from kg.exports.xlsx import workbook

    yield workbook(_documents(answers, release))


def _separated(apart: str) -> Callable[[Sequence[Any], Release], Iterator[bytes]]:
    def written(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
        from kg.exports.csv import table_pieces

        for piece in table_pieces((_main_table(a, release) for a in answers), apart=apart):
            yield piece.encode()

    return written


def _main_table(answer: Any, release: Release) -> tuple[Table, Sequence[tuple[str, str]]]:
    """The main table of an answer and the stamp of its rows; nothing else of a large answer is made."""
    if _kind(answer) == "Crosswalk":
        from kg.exports.tables_crosswalk import crosswalk_table

        return crosswalk_table(answer, release)
    if _kind(answer) in ("SetListing", "GraphListing"):
        from kg.exports.tables_listing import listing_table

        return listing_table(answer, release)
    document = _documents([answer], release)[0]
    return document.tables[0], document.stamp


_BASIC: dict[str, Callable[[Sequence[Any], Release], Iterator[bytes]]] = {
    "json": _json,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "html": _html,
    "md": _markdown,
    "xlsx": _workbook,
}
