"""What Schemathesis does not know of our media types; its process is told of this file by ``SCHEMATHESIS_HOOKS``."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/sparql-query", "application/sparql-update")
def sparql(context: Any, value: Any) -> bytes:
    """A query as text, whatever was made up for it."""
    return str(value).encode("utf-8", "replace")
