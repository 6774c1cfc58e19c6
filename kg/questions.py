"""Competency questions and violation queries: what the graph has to answer, and what must never stand in it.

``ontologies/questions/CQ-NN.rq`` is one SPARQL query under the question that it answers, ``CQ-NN.tsv`` beside it the
frozen answer; ``ontologies/checks/*.rq`` are queries for violations, each under the rule it watches over.  A file
begins with its sentence and, if there is something to add, a note that may go on over several lines::

    # question: Which controls counter model extraction?
    # note: Where only the catalogue names the threat, the control counters it.

Every query runs through :func:`kg.rdf.query`, so the project's prefixes are known and all graphs are read as one.

    python -m kg.questions --check      are the frozen answers and docs/questions.md up to date, all checks empty?
    python -m kg.questions --freeze     write the answers and the page as the graph now says them
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.errors import InputError, KgError
from kg.rdf import SparqlError, query
from kg.release import Release
from kg.sources import builtin_data
from kg.terms import curie

__all__ = ["FREEZE", "Check", "Question", "Table", "answer", "checks", "frozen", "page", "questions", "stale"]

#: The command that brings everything here up to date.
FREEZE = "python -m kg.questions --freeze"


@dataclass(frozen=True, slots=True)
class Question:
    """A question as a sentence, the query that answers it, and a note where the answer needs one."""

    id: str
    sentence: str
    note: str
    query: str
    path: Path


@dataclass(frozen=True, slots=True)
class Check:
    """A rule as a sentence, and the query that finds what breaks it."""

    id: str
    rule: str
    query: str
    path: Path


@dataclass(frozen=True, slots=True)
class Table:
    """An answer: the names of its columns and its rows, every cell on one line, IRIs as CURIEs.

    >>> Table.read("incident\\ttitle\\naiid:6\\tA chatbot was taught abuse\\n").rows
    (('aiid:6', 'A chatbot was taught abuse'),)
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, text: str) -> Table:
        """The table that :meth:`tsv` wrote."""
        head, *rows = [tuple(line.split("\t")) for line in text.removesuffix("\n").split("\n")]
        return cls(head, tuple(rows))

    def tsv(self) -> str:
        """Tab-separated, under a line with the names of the columns."""
        return "".join("\t".join(row) + "\n" for row in (self.columns, *self.rows))


def questions(folder: Path | None = None) -> tuple[Question, ...]:
    """The competency questions of a data folder (by default the project's own), in order of their numbers."""
    found = []
    for path in sorted(((folder or builtin_data()) / "ontologies" / "questions").glob("*.rq")):
        head, text = _read(path, "question")
        found.append(Question(path.stem, head["question"], head.get("note", ""), text, path))
    return tuple(found)


def checks(folder: Path | None = None) -> tuple[Check, ...]:
    """The violation queries of a data folder (by default the project's own), in order of their names."""
    found = []
    for path in sorted(((folder or builtin_data()) / "ontologies" / "checks").glob("*.rq")):
        head, text = _read(path, "rule")
        found.append(Check(path.stem, head["rule"], text, path))
    return tuple(found)


def _read(path: Path, needed: str) -> tuple[dict[str, str], str]:
    """What the comment lines at the top of a file say, by key, and its whole text."""
    text = path.read_text(encoding="utf-8")
    head: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        key, colon, value = line[1:].partition(":")
        if colon and key.strip() in (needed, "note"):
            last = key.strip()
            head[last] = value.strip()
        elif last:
            head[last] += " " + line[1:].strip()
    if not head.get(needed):
        raise InputError.one(
            str(path), "MISSING_HEADER", f"the file does not begin with its {needed}", f"add a line `# {needed}: …`"
        )
    return head, text


def answer(release: Release, asked: Question | Check) -> Table:
    """What the graph says now.  Yes or no is a table with one cell."""
    found = query(release, asked.query)
    if isinstance(found, ox.QueryBoolean):
        return Table(("answer",), (("true" if found else "false",),))
    if not isinstance(found, ox.QuerySolutions):
        raise SparqlError(f"{asked.id} is neither a SELECT nor an ASK", "a question is answered by a table or a word")
    columns = tuple(variable.value for variable in found.variables)
    return Table(columns, tuple(tuple(_cell(row[column]) for column in columns) for row in found))


def _cell(term: Any) -> str:
    if term is None:
        return ""
    return curie(term.value) if isinstance(term, ox.NamedNode) else " ".join(str(term.value).split())


def frozen(question: Question) -> Table | None:
    """The frozen answer beside a question; nothing where it has none yet."""
    path = question.path.with_suffix(".tsv")
    return Table.read(path.read_text(encoding="utf-8")) if path.is_file() else None


_PAGE = """\
# Competency questions

The questions that the graph has to answer. Each is a SPARQL query in `ontologies/questions/`, with the answer that it
gave when it was last frozen: the first link of a row leads to the query, the last to the answer. The tests ask all of
them again. A query file may carry a note on how its answer is to be read.

This page and the answers are written by `{command}`;
`python -m kg.questions --check` tells whether they are up to date.

| | question | rows |
| --- | --- | ---: |
{questions}

## Rules that hold

What neither the SHACL shapes nor `kg lint` say. Each rule is a query in `ontologies/checks/` that finds what breaks it,
and finds nothing.

{checks}
"""


def page(asked: Iterable[tuple[Question, Table]], rules: Iterable[Check]) -> str:
    """``docs/questions.md``: the questions with the size of their answers, and the rules."""
    lines = []
    for question, table in asked:
        folder = "../ontologies/questions/"
        size = table.rows[0][0] if table.columns == ("answer",) and table.rows else str(len(table.rows))
        name = f"[{question.id}]({folder}{question.id}.rq)"
        lines.append(f"| {name} | {question.sentence} | [{size}]({folder}{question.id}.tsv) |")
    watched = [f"- {check.rule} ([{check.id}](../ontologies/checks/{check.id}.rq))" for check in rules]
    return _PAGE.format(command=FREEZE, questions="\n".join(lines), checks="\n".join(watched))


def _wanted(release: Release, folder: Path) -> dict[Path, str]:
    """What the frozen answers and the page should say, by file.  An installed package has no page."""
    asked = [(question, answer(release, question)) for question in questions(folder)]
    files = {question.path.with_suffix(".tsv"): table.tsv() for question, table in asked}
    if (folder / "docs").is_dir():
        files[folder / "docs" / "questions.md"] = page(asked, checks(folder))
    return files


def stale(release: Release, folder: Path | None = None) -> tuple[Path, ...]:
    """The files that do not say what the graph says now, and answers to no question."""
    root = folder or builtin_data()
    return _stale(_wanted(release, root), root)


def _stale(wanted: dict[Path, str], folder: Path) -> tuple[Path, ...]:
    old = [p for p, text in wanted.items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    lost = set((folder / "ontologies" / "questions").glob("*.tsv")) - set(wanted)
    return tuple(sorted([*old, *lost]))


def _freeze(release: Release, folder: Path) -> None:
    wanted = _wanted(release, folder)
    for path in _stale(wanted, folder):
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
        print(f"{path.relative_to(folder)}: {'written' if path in wanted else 'removed, it answers no question'}")


def _check(release: Release, folder: Path) -> int:
    broken = 0
    for path in stale(release, folder):
        print(f"{path.relative_to(folder)}: is not up to date; run {FREEZE}")
        broken += 1
    for check in checks(folder):
        found = answer(release, check)
        if found.rows:
            print(f"{check.path.relative_to(folder)}: {len(found.rows)} times broken: {check.rule}")
            print("".join("    " + "  ".join(row) + "\n" for row in found.rows[:10]), end="")
            broken += 1
    return 1 if broken else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Freeze or check; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kg.questions", description="Competency questions and checks.")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--freeze", action="store_true", help="write the frozen answers and docs/questions.md")
    group.add_argument("--check", action="store_true", help="change nothing; exit with 1 where something is amiss")
    options = parser.parse_args(arguments)
    try:
        release = Release.load()
        if options.check:
            return _check(release, builtin_data())
        _freeze(release, builtin_data())
    except KgError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
