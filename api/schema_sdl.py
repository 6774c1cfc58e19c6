"""Print the schema: ``python -m api.schema_sdl > api/schema.graphql`` brings the committed copy up to date."""

from __future__ import annotations

from pathlib import Path

from api.schema import schema

__all__ = ["COMMITTED", "sdl"]

#: The committed copy.
COMMITTED = Path(__file__).parent / "schema.graphql"


def sdl() -> str:
    """The schema definition with all descriptions, ending in a newline."""
    return schema.as_str().rstrip() + "\n"


if __name__ == "__main__":
    print(sdl(), end="")
