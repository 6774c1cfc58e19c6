"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from databases import NO_POSTGRES, _postgres, _sqlite, database, engine_url, store  # noqa: F401
from hypothesis import HealthCheck, settings

from kg import Release

# How fast examples are drawn says how busy the machine is and nothing about the code.
settings.register_profile("any-machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("any-machine")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled releases of this run stand in a folder of its own, for its processes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def release() -> Release:
    """The project's own release, read once."""
    return Release.load()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line that the PostgreSQL tests did not run, and how to run them."""
    skipped = [r for r in terminalreporter.stats.get("skipped", ()) if NO_POSTGRES in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{NO_POSTGRES} ({len(skipped)} tests)")
