"""The docs show what the commands print, and say only words of this project."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import kg
from kg import Release
from kg.sources import builtin_data

ROOT = builtin_data()


def test_what_the_pages_show_is_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, "docs/refresh.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


MODULES = sorted(m.name for m in pkgutil.walk_packages(kg.__path__, "kg.") if not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run_and_everything_public_is_described(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    assert module.__doc__, name
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        if callable(thing) and getattr(thing, "__module__", "").startswith("kg"):
            assert thing.__doc__, f"{name}.{public} has no docstring"


def test_local_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_the_readmes_graphql_query_answers(release: Release) -> None:
    from fastapi.testclient import TestClient

    from api.app import create_app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```graphql\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert queries
    with TestClient(create_app(release)) as client:
        for query in queries:
            answer = client.post("/graphql", json={"query": query}).json()
            assert "errors" not in answer, answer
            assert answer["data"]["assessment"]["coverage"]["counts"]["applicable"] > 0
