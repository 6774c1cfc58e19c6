"""The tables of ``docs/graphql.md``: ``python -m api.docs`` brings them up to date, a test holds them."""

from __future__ import annotations

import re
from pathlib import Path

from api import limits
from api.errors import CODES
from api.graphql_http import MAX_BODY
from api.schema import connections, inputs, lookup, queries
from kg.organizations import updates

__all__ = ["PAGE", "codes_table", "limits_table", "refreshed"]

PAGE = Path(__file__).parents[1] / "docs" / "graphql.md"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def codes_table() -> str:
    """Every error code with what it means and what to do."""
    return _table(
        ("code", "meaning", "what to do"), [(f"`{code}`", what, todo) for code, (_, what, todo) in CODES.items()]
    )


def limits_table() -> str:
    """Every limit with the code that says it was reached."""
    rows = [
        ("fields within fields", limits.MAX_DEPTH, "DEPTH_LIMIT"),
        ("aliases in a document", limits.MAX_ALIASES, "ALIAS_LIMIT"),
        ("operations and fragments in a document", limits.MAX_DEFINITIONS, "DEFINITION_LIMIT"),
        ("times a name stands in one selection", limits.MAX_REPEATS, "REPEAT_LIMIT"),
        ("tokens in a document", limits.MAX_TOKENS, "TOKEN_LIMIT"),
        ("cost of an operation", limits.MAX_COST, "COST_LIMIT"),
        ("bytes in a request", MAX_BODY, "BODY_TOO_LARGE"),
        ("controls in a request", inputs.MAX_CONTROLS, "INPUT_LIMIT"),
        ("controls in a file that is imported", updates.MAX_IMPORT, "INPUT_LIMIT"),
        ("suggestions kept by one write", updates.MAX_PROPOSALS, "INPUT_LIMIT"),
        ("mappings in a request", inputs.MAX_MAPPINGS, "INPUT_LIMIT"),
        ("AI systems in a profile", inputs.MAX_SYSTEMS, "INPUT_LIMIT"),
        ("exclusions, or facts, in a profile", inputs.MAX_ENTRIES, "INPUT_LIMIT"),
        ("items on a page", connections.MAX_PAGE, "BAD_ARGUMENT"),
        ("hits of a search", queries.MAX_HITS, "BAD_ARGUMENT"),
        ("characters of a text to search for", queries.MAX_TEXT, "BAD_ARGUMENT"),
        ("characters of an id, CURIE, IRI or reference", lookup.MAX_NAME, "BAD_ARGUMENT"),
    ]
    return _table(("what", "most", "code"), [(what, f"{most:,}", f"`{code}`") for what, most, code in rows])


def refreshed(text: str) -> str:
    """The page with fresh tables between its marks."""
    for name, table in (("codes", codes_table()), ("limits", limits_table())):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text = re.sub(pattern, lambda m, table=table: m[1] + table + m[2], text, flags=re.DOTALL)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE.name} is up to date")
