"""The example queries: files that the query page opens with and the tests run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

__all__ = ["Example", "examples", "examples_json"]

_FOLDER = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class Example:
    """One query with what it shows; ``variables`` is JSON or empty."""

    name: str
    title: str
    query: str
    variables: str


@cache
def examples() -> tuple[Example, ...]:
    """All examples in the order of their files.  The first line of each is a comment that says what it shows; those
    that put an organisation to the graph share one, ``assessment.json``."""
    organisation = (_FOLDER / "assessment.json").read_text(encoding="utf-8")
    found = []
    for path in sorted(_FOLDER.glob("*.graphql")):
        query = path.read_text(encoding="utf-8")
        found.append(
            Example(
                name=path.stem.partition("-")[2],
                title=query.splitlines()[0].lstrip("# ").strip(),
                query=query,
                variables=organisation if "$input: AssessmentInput!" in query else "",
            )
        )
    return tuple(found)


@cache
def examples_json() -> str:
    """All examples as JSON that may stand inside HTML."""
    return json.dumps([asdict(e) for e in examples()], ensure_ascii=False).replace("<", "\\u003c")
