"""From the files under ``ontologies/`` and ``mappings/`` to the model: strict, and every finding at once.

    read(folders)        → (Content, findings)          nothing is raised
    load(folders)        → Content                      InputError with every finding if any is an error
    lint(folders, fix=)  → findings                     also canonical form; with fix, writes it

A data folder holds ``ontologies/**/*.ttl``, ``ontologies/incidents/*.tsv``, ``mappings/**/*.sssom.tsv``,
``mappings/curators.tsv``, ``mappings/NON_COVERAGE.tsv`` and ``frameworks/*.csv``; the project's own is the first, a
user's folders come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kg.errors import Finding, InputError, Severity
from kg.model import NonCoverage, Source
from kg.places import builtin_data
from kg.places import shown as _shown
from kg.sources.canonical import canonical_sssom, canonical_turtle
from kg.sources.checks import check
from kg.sources.classifications import canonical_classifications, read_classifications
from kg.sources.content import Content, Reporter
from kg.sources.nodelist import read_node_list
from kg.sources.sssom import read_sssom
from kg.sources.turtle import read_turtle

__all__ = ["Content", "Progress", "builtin_data", "lint", "load", "read"]

#: Told how many files are done, of how many, and which is next.
Progress = Callable[[int, int, str], None]


def _files(folder: Path) -> list[Path]:
    found = sorted((folder / "ontologies").rglob("*.ttl"))
    found += sorted((folder / "ontologies" / "incidents").glob("*.tsv"))
    found += sorted((folder / "mappings").rglob("*.tsv"))
    found += sorted((folder / "frameworks").glob("*.csv"))
    return found


def read(
    folders: Sequence[Path | str] = (), *, own: Path | None = None, progress: Progress | None = None
) -> tuple[Content, list[Finding]]:
    """Read the project's data and then ``folders``; returns what was read and every finding, sorted.

    ``own`` is a tree to read in place of the project's data: that of another version of it.  ``progress`` is told how
    many files are done, of how many, and which is next.
    """
    content = Content()
    findings: list[Finding] = []
    found = [(f, _files(f) if f.is_dir() else []) for f in (own or builtin_data(), *map(Path, folders))]
    done, total = 0, sum(len(files) for _, files in found)
    for folder, files in found:
        if not files:
            what = "the folder holds no data" if folder.is_dir() else "there is no such folder"
            hint = "a data folder has ontologies/, mappings/ or frameworks/ inside"
            findings.append(Finding(_shown(folder), 0, "NO_DATA", what, hint))
        for path in files:
            if progress is not None:
                progress(done, total, _shown(path))
            _read_file(path, content, findings)
            done += 1
    if progress is not None:
        progress(done, total, "")
    if not any(f.severity == "error" and f.code in ("SYNTAX", "ENCODING") for f in findings):
        findings += check(content)
    return content, sorted(set(findings))


def _read_file(path: Path, content: Content, findings: list[Finding]) -> None:
    shown = _shown(path)
    report = Reporter(shown, findings)
    if path.suffix == ".ttl":
        read_turtle(path, shown, content, report)
    elif path.suffix == ".csv":
        read_node_list(path, shown, content, report)
    elif _is_classification(path):
        read_classifications(path, shown, content, report)
    elif path.name.endswith(".sssom.tsv"):
        read_sssom(path, shown, content, report)
    elif path.name == "curators.tsv":
        content.curators |= {cells[0] for _, cells in _table(path, report, ("id", "name", "orcid", "since"))}
    elif path.name == "NON_COVERAGE.tsv":
        for line, (subject, framework, reason) in _table(path, report, ("subject_id", "framework", "reason")):
            content.non_coverage.append(NonCoverage(subject, framework, reason, source=Source(shown, line)))


def _is_classification(path: Path) -> bool:
    return path.suffix == ".tsv" and path.parent.parts[-2:] == ("ontologies", "incidents")


def _table(path: Path, report: Reporter, columns: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """The rows of a plain TSV with exactly ``columns``, each with its line."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        report(0, "ENCODING", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return []
    header = lines[0].split("\t") if lines else []
    if tuple(header) != columns:
        report(1, "MISSING_COLUMN", f"the columns are {', '.join(header) or 'none'}", f"write: {', '.join(columns)}")
        return []
    found = []
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) == len(columns):
            found.append((number, cells))
        elif line.strip():
            report(number, "ROW_SHAPE", f"{len(cells)} cells under {len(columns)} columns", "check the tabs")
    return found


def load(folders: Sequence[Path | str] = (), *, own: Path | None = None, progress: Progress | None = None) -> Content:
    """Read and believe, or raise :class:`~kg.errors.InputError` with every finding."""
    content, findings = read(folders, own=own, progress=progress)
    if any(f.severity == "error" for f in findings):
        raise InputError(findings)
    return content


def lint(folders: Sequence[Path | str] = (), *, fix: bool = False, progress: Progress | None = None) -> list[Finding]:
    """Every finding, canonical form included; with ``fix`` the files are first written in canonical form.

    Form is looked at in ``folders``, or in the project's own tree where none is named.  A file that does not read
    is never rewritten.  In the project's own tree a form that is not canonical is an error, in a user's a warning.
    """
    _, findings = read(folders, progress=progress)
    unreadable = {
        f.path for f in findings if f.code in ("SYNTAX", "ENCODING", "ROW_SHAPE", "MISSING_COLUMN", "MISSING_HEADER")
    }
    unreadable |= {f.path for f in findings if f.code in ("UNKNOWN_COLUMN", "EMPTY_SET")}
    mended = False
    own = builtin_data()
    looked_at = [(f, _files(f)) for f in list(map(Path, folders)) or [own]]
    done, total = 0, sum(len(files) for _, files in looked_at)
    for folder, files in looked_at:
        for path in files:
            if progress is not None:
                progress(done, total, _shown(path))
            done += 1
            shown = _shown(path)
            canonical = _canonical(path)
            if shown in unreadable or canonical is None:
                continue
            before = path.read_bytes().decode("utf-8-sig")
            after = canonical(before)
            if path.read_bytes() == after.encode():
                continue
            if fix:
                temporary = path.with_name(path.name + ".tmp")
                temporary.write_bytes(after.encode())
                temporary.replace(path)
                mended = True
            else:
                line = _first_difference(before, after)
                severity: Severity = "error" if folder == own else "warning"
                message, hint = "the file is not in canonical form", "`kg lint --fix` writes it"
                findings.append(Finding(shown, line, "NOT_CANONICAL", message, hint, severity=severity))
    if mended:
        _, findings = read(folders)
    return sorted(set(findings))


def _canonical(path: Path) -> Callable[[str], str] | None:
    """What writes a file of this kind in its canonical form, if it has one."""
    if path.suffix == ".ttl":
        return canonical_turtle
    if _is_classification(path):
        return canonical_classifications
    return canonical_sssom if path.name.endswith(".sssom.tsv") else None


def _first_difference(before: str, after: str) -> int:
    pairs = zip(before.split("\n"), after.split("\n"), strict=False)
    return next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 1)
