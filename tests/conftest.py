"""Fixtures of all tests."""

from __future__ import annotations

import pytest

from kg import Release


@pytest.fixture(scope="session")
def release() -> Release:
    """The project's own release, read once."""
    return Release.load()
