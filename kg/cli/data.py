"""``kg sparql``, ``kg lint`` and ``kg build``: the data itself."""

from __future__ import annotations

import hashlib
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.cli.options import DataOption, OutputOption, TextFormatOption
from kg.cli.output import clean, emit, note, progress, rendered, wanted_format, write_file
from kg.cli.session import folders, load_release
from kg.errors import Finding, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = ["build", "lint", "sparql"]

# ---------------------------------------------------------------- sparql


def sparql(
    ctx: typer.Context,
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY_OR_FILE",
            show_default=False,
            help="A SPARQL 1.1 query, a file with one, or - for standard input. The project's prefixes are known; "
            "SERVICE and updates are refused.",
        ),
    ],
    format_: TextFormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Ask the release in SPARQL, read-only: the ontology and every mapping set as RDF."""
    wanted, text = wanted_format(format_, output), _query_text(query)
    if wanted not in ("table", "json", "csv"):
        raise UsageError(f"a query's result is not written as {wanted}", "--format table, json or csv")
    release = load_release(ctx, data)
    from kg.rdf import query as ask

    with _interruptible():
        try:
            result = ask(release, text)
            _write_result(result, wanted, output)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise UsageError("the query asks for something outside this release", str(error)[:200]) from None
        except RuntimeError as error:
            raise UsageError("the query cannot be evaluated", str(error)[:200]) from None


def _query_text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    path = Path(given)
    looks_like_file = not any(c.isspace() for c in given) and "{" not in given
    try:
        if looks_like_file and (path.is_file() or path.suffix):
            return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError.one(given, "NOT_FOUND", "there is no such file", "or give the query in quotes") from None
    except UnicodeDecodeError:
        raise InputError.one(given, "ENCODING", "the file is not UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise InputError.one(given, "UNREADABLE", f"the file cannot be read: {error.strerror}") from None
    return given


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a query that runs outside Python."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_result(result: Any, wanted: str, output: Path | None) -> None:
    import pyoxigraph as ox

    if isinstance(result, ox.QueryBoolean):
        answer = bool(result)
        if wanted == "json":
            emit(f'{{"head": {{}}, "boolean": {str(answer).lower()}}}\n'.encode(), output)
        else:
            emit(f"{'yes' if answer else 'no'}\n".encode(), output)
        return
    if isinstance(result, ox.QuerySolutions) and wanted == "json":
        text = result.serialize(format=ox.QueryResultsFormat.JSON)
        emit((text or b"") + b"\n", output)
        return
    names, rows = _rows(result)
    if wanted == "json":
        from kg.exports.json import dumps

        emit(dumps([dict(zip(names, row, strict=True)) for row in rows]), output)
    elif wanted == "csv":
        from kg.exports.csv import table_csv

        emit(table_csv(_table(names, rows)).encode(), output)
    else:
        rendered(lambda page: _draw(page, names, rows), output)


def _rows(result: Any) -> tuple[list[str], list[list[str]]]:
    """Names and values of solutions, or subject, predicate and object of triples (sorted: they are a set)."""
    import pyoxigraph as ox

    if isinstance(result, ox.QuerySolutions):
        names = [v.value for v in result.variables]
        return names, [[_value(solution[n]) for n in names] for solution in result]
    triples = sorted([_value(t.subject), _value(t.predicate), _value(t.object)] for t in result)
    return ["subject", "predicate", "object"], triples


def _value(term: Any) -> str:
    if term is None:
        return ""
    return str(term.value) if hasattr(term, "value") else str(term)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from kg.exports.tables import Column, Table

    columns = tuple(Column(n, n, f"the variable {n} of the query") for n in names)
    return Table("result", "Result", columns, tuple(tuple(r) for r in rows))


def _draw(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from kg.cli import render
    from kg.terms import curie

    short = [[curie(cell) if cell.startswith(("http:", "https:")) else cell for cell in row] for row in rows]
    if names:
        render.put(console, render.simple_table([(n, "<") for n in names], short))
    render.paragraph(console, f"{len(rows)} row{'' if len(rows) == 1 else 's'}", "dim")


# ---------------------------------------------------------------- lint


def lint(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            show_default=False,
            help="Data folders, or files and folders inside one; only their findings are told. Default: all data.",
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="First write every readable file in canonical form.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every contradiction between sets, not only their count.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Check the data: ids, labels, relations, cycles, contradictions, canonical form.

    Findings are printed one a line as `path:line: CODE message (hint)`. Exit code 2 if any is an error.
    """
    from kg.sources import builtin_data
    from kg.sources import lint as find

    own, extra, only = builtin_data().resolve(), folders(ctx, data), list[Path]()
    for path in paths or ():
        root = _data_folder(path)
        if root.resolve() != own and root.resolve() not in {e.resolve() for e in extra}:
            extra.append(root)
        only.append(path.resolve())
    with progress() as shown:
        findings = find(extra, fix=fix, progress=shown)
    if only:
        findings = [f for f in findings if _within(Path(f.path).resolve(), only)]
    for line in _lines(findings, verbose):
        print(clean(line, "\t"))
    errors = sum(1 for f in findings if f.severity == "error")
    note(f"{errors} error{'' if errors == 1 else 's'}, {len(findings) - errors} warnings")
    if errors:
        raise typer.Exit(2)


def _data_folder(path: Path) -> Path:
    """The data folder that ``path`` is or lies in."""
    if not path.exists():
        raise InputError.one(str(path), "NOT_FOUND", "there is no such file or folder")
    for each in (path, *path.resolve().parents):
        # ontologies/frameworks belongs to the data folder above
        if each.name != "ontologies" and any((each / n).is_dir() for n in ("ontologies", "mappings", "frameworks")):
            return each
    hint = "a data folder has ontologies/, mappings/ or frameworks/ inside"
    raise InputError.one(str(path), "NO_DATA", "it neither is nor lies in a data folder", hint)


def _within(path: Path, only: Sequence[Path]) -> bool:
    return any(path == each or each in path.parents for each in only)


def _lines(findings: Sequence[Finding], verbose: bool) -> Iterator[str]:
    """Findings, one a line; contradictions between sets as one line for each pair of files, unless ``verbose``."""
    between = [f for f in findings if f.code == "CONTRADICTION_BETWEEN_SETS"]
    yield from (str(f) for f in findings if verbose or f.code != "CONTRADICTION_BETWEEN_SETS")
    if verbose:
        return
    pairs = Counter((f.path, f.hint.removeprefix("in ").partition(":")[0]) for f in between)
    for (one, other), count in sorted(pairs.items()):
        rows = "1 row contradicts" if count == 1 else f"{count} rows contradict"
        yield f"{one}: warning CONTRADICTION_BETWEEN_SETS {rows} {other} (`kg lint --verbose` lists them)"


# ---------------------------------------------------------------- build


def build(
    ctx: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to write; made if need be.")
    ] = Path("build/release"),
    data: DataOption = None,
) -> None:
    """Compile the release, so that every command and server starts at once, and write it for others: its RDF as sorted
    N-Quads, its counts and digest, and a manifest with checksums.

    Commands compile by themselves when the sources have changed; `KG_CACHE` is where, or `off`."""
    from kg.compiled.cache import build as compiled
    from kg.exports.json import dumps
    from kg.rdf import nquads

    with progress() as shown:
        release = compiled(folders(ctx, data), progress=shown, say=shown.say)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {output} cannot be made: {error.strerror}", "choose another with -o") from None
    files = {"release.nq": nquads(release).encode(), "release.json": dumps(release.stats())}
    manifest = {
        "release": release.digest,
        "files": [
            {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        ],
        "licences": [{"set": s.id, "title": s.title, "licence": s.licence} for s in release.sets.values()],
    }
    for name, content in {**files, "manifest.json": dumps(manifest)}.items():
        write_file(output / name, content)
    for name, content in files.items():
        print(f"{output / name}  {len(content):,} bytes")
    print(f"{output / 'manifest.json'}  release {release.digest}")
    where = release.build.folder if release.build else "nowhere: KG_CACHE is off or cannot be written"
    note(f"compiled in {where}")
