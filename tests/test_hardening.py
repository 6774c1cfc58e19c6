"""What somebody who means harm sends to a server with organisations, and what they get for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.access import Gate
from api.app import create_app
from kg import Release
from kg.model import Control, ControlRow, ControlStatus
from kg.organizations.store import Actor, Role, Store
from kg.organizations.store.engine import database_url, shown_url
from kg.relations import SUPERSET_OF

ME = Actor("command", "tests")
Send = Callable[..., httpx.Response]


def sender(gate: Gate, release: Release) -> Send:
    """Sends one request to a server in this process."""
    app = create_app(release, gate)

    def send(query: str, token: str = "", headers: dict[str, str] | None = None, **variables: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                sent = {"Authorization": f"Bearer {token}"} if token else {}
                body = {"query": query, "variables": variables}
                return await client.post("/graphql", json=body, headers=sent | (headers or {}))

        return asyncio.run(go())

    return send


@pytest.fixture
def opened(database: Any) -> Iterator[Store]:
    with Store.open(database("sqlite")) as store:
        store.create_organization("Harrow", id="harrow", actor=ME)
        yield store


def code(answer: httpx.Response) -> str:
    """The code of the first error, or of the refusal in the data; empty where there is none."""
    found = answer.json()
    return str(found["errors"][0]["extensions"]["code"]) if "errors" in found else ""


# ---------------------------------------------------------------------------- what is kept between requests


COVERED = """{ organization(id: "again") { revision
  assessment(asOf: "2026-11-23") { coverage(framework: "iso42001") { counts { covered } } } } }"""


def test_an_organisation_made_again_does_not_answer_with_the_erased_ones_assessment(
    opened: Store, release: Release
) -> None:
    send = sender(Gate(opened), release)

    def made(*rows: ControlRow) -> Any:
        opened.create_organization("Again", id="again", actor=ME)
        control = Control("C-1", "A control", ControlStatus.IMPLEMENTED, rows)
        opened.upsert_controls("again", [control], release=release, actor=ME)
        found = send(COVERED, opened.create_key("again", Role.VIEWER, actor=ME).token).json()["data"]["organization"]
        return found["revision"], found["assessment"]["coverage"]["counts"]["covered"]

    before = made(ControlRow("aisb:DAT-01", SUPERSET_OF))
    opened.erase_organization("again", actor=ME)
    after = made()
    assert before[1] > 0
    assert after == (before[0], 0)


# ---------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kg:hunter2@db.example/kg",
        "postgresql://db.example/kg?user=kg&password=hunter2",
        "postgresql://db.example/kg?sslpassword=hunter2&sslmode=require",
    ],
)
def test_a_password_is_nowhere_in_the_url_that_is_shown(url: str) -> None:
    shown = shown_url(database_url(url))
    assert "hunter2" not in shown
    assert "db.example/kg" in shown


def test_a_store_that_fails_tells_its_clients_nothing_of_itself(
    opened: Store, release: Release, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = opened.create_key("harrow", Role.VIEWER, actor=ME).token
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO elsewhere")
    answer = sender(Gate(opened), release)("{ viewer { kind } }", token)
    assert answer.status_code == 503
    assert "STORE_UNREACHABLE" in answer.text
    for inside in (str(tmp_path), "sqlite", "api_keys"):
        assert inside not in answer.text
        assert inside in caplog.text
