"""Fixtures of all tests."""

from __future__ import annotations

from typing import Any

import pytest
from databases import NO_POSTGRES, _postgres, _sqlite, database, engine_url, store  # noqa: F401

from kg import Release


@pytest.fixture(scope="session")
def release() -> Release:
    """The project's own release, read once."""
    return Release.load()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line that the PostgreSQL tests did not run, and how to run them."""
    skipped = [r for r in terminalreporter.stats.get("skipped", ()) if NO_POSTGRES in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{NO_POSTGRES} ({len(skipped)} tests)")
