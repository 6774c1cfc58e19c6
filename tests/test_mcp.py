"""The server for assistants, asked by a real client over standard input and output and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from kg import Release
from kg.organizations.store import Actor, Store

pytest.importorskip("fastmcp")
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

from kg.mcp.server import make_server

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "kg" / "data" / "example"
CONTROLS = (EXAMPLE / "controls.csv").read_text()
ONE = [{"id": "A-1", "title": "Data sheets", "status": "implemented", "mappings": "aisb:DAT-01"}]
#: A call of every tool that has an answer.
CALLS: dict[str, dict[str, Any]] = {
    "frameworks": {},
    "requirement": {"name": "Article 32(1)(b)", "framework": "gdpr"},
    "search": {"text": "data poisoning"},
    "crosswalk": {"source": "nist-ai-rmf", "target": "iso42001", "limit": 3},
    "coverage": {"controls": CONTROLS, "framework": "gdpr", "as_of": "2026-11-23"},
    "gaps": {"controls": ONE, "framework": "eu-ai-act"},
    "explain": {"controls": ONE, "requirement": "gdpr:art-5.1.a"},
    "incidents": {"about": "nist-aml:NISTAML.02"},
}


def ask(server: Any, work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(server) as client:
            return await work(client)

    return asyncio.run(run())


def call(server: Any, tool: str, /, **arguments: Any) -> dict[str, Any]:
    found = ask(server, lambda client: client.call_tool(tool, arguments))
    structured: dict[str, Any] = found.structured_content
    return structured


@pytest.fixture(scope="module")
def server(release: Release) -> Any:
    return make_server(release)


def test_every_tool_is_read_only_typed_and_answers(server: Any, release: Release) -> None:
    """Its result fits the schema it declares and names the release."""

    async def work(client: Any) -> dict[str, tuple[Any, Any]]:
        tools = {t.name: t for t in await client.list_tools()}
        assert set(tools) == set(CALLS)
        return {n: (t, (await client.call_tool(n, CALLS[n])).structured_content) for n, t in tools.items()}

    for name, (tool, result) in ask(server, work).items():
        described = tool.model_dump(by_alias=True, exclude_none=True)
        assert described["annotations"]["readOnlyHint"] is True, name
        assert len(described["description"]) > 40, name
        Draft202012Validator(described["outputSchema"]).validate(result)
        assert result["basis"]["release"] == release.digest, name
        assert result["basis"]["as_of"], name
        for prop in described["inputSchema"].get("properties", {}).values():
            assert prop.get("description"), (name, prop)


def test_numbers_are_those_of_the_command(server: Any) -> None:
    """The same counts and verdicts as ``kg coverage --format json``."""
    found = call(server, "coverage", **CALLS["coverage"], limit=200)
    run = subprocess.run(
        [sys.executable, "-m", "kg", "coverage", str(EXAMPLE / "controls.csv"), "-f", "gdpr", "--as-of", "2026-11-23",
         "--format", "json"], capture_output=True, cwd=ROOT, check=True,
    )  # fmt: skip
    said = json.loads(run.stdout)
    said = said[0] if isinstance(said, list) else said
    for ours, theirs in (("applicable", "applicable"), ("covered", "covered"), ("partial", "partial"), ("gap", "gap"),
                         ("covered_reviewed", "coveredReviewed"), ("percent_covered", "percentCovered")):  # fmt: skip
        assert found["counts"][ours] == said["counts"][theirs]
    verdicts = [(r["curie"], r["verdict"]) for r in found["requirements"]]
    assert found["page"] == {"total": 166, "offset": 0, "returned": 166}
    assert verdicts == [(r["curie"], r["verdict"]) for r in said["requirements"]]
    assert str(found["counts"]["applicable"]) in found["sentence"]


def test_a_chain_carries_its_sources(server: Any, release: Release) -> None:
    found = call(server, "explain", **CALLS["explain"])
    rows = [s for s in found["shown"]["steps"] if s["kind"] == "row"]
    assert rows
    for step in rows:
        row = release.row[step["source"]["row"]]
        assert {step["subject"], step["object"]} == {row.subject, row.object}
        assert step["source"]["mapping_set"] == row.set_id
        assert step["source"]["reviewed"] is row.reviewed


def test_where_there_is_no_edge_it_refuses(server: Any, release: Release) -> None:
    """Of pairs of requirements, those without a row or a chain that says something are refused."""
    from datetime import date

    from kg.answers.filter import Filter
    from kg.answers.graph import graph_of

    graph = graph_of(release, date(2026, 11, 23), Filter())
    near = [m for m in release.mappings if (m.subject[:5], m.object[:9]) == ("gdpr:", "iso42001:")][:40:10]
    ones = [m.subject for m in near]
    others = [m.object for m in near] + [r.id for r in release.requirements("iso42001", date(2026, 11, 23))][::20]
    refused = joined = 0
    for a in ones:
        for b in others:
            found = call(server, "crosswalk", source=a, target=b, as_of="2026-11-23")
            if found["refusal"]:
                refused += 1
                assert not found["derived"]
                assert found["refusal"]["looked_at"]
                if "no mapping in this graph joins" in found["refusal"]["reason"]:
                    assert b not in graph.reach(a)
            else:
                joined += 1
                assert found["rows"] or found["derived"]
                assert b in graph.reach(a)
    assert refused
    assert joined


def test_a_requirement_nobody_speaks_to_is_refused(server: Any) -> None:
    found = call(server, "explain", controls=ONE, requirement="gdpr:art-27.1")
    assert found["refusal"]["reason"].startswith("no control given has a chain")
    assert found["shown"] is None
    assert found["requirement"]["verdict"] == "GAP"


def test_words_nobody_knows_are_refused(server: Any) -> None:
    assert call(server, "search", text="zzyzx qwrtp")["refusal"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("coverage", {"controls": ONE, "framework": "gdprr"}, "did you mean gdpr"),
        ("coverage", {"controls": [{"id": "A"}], "framework": "gdpr"}, "MISSING_COLUMN"),
        ("coverage", {"controls": "id,title,status\nA,b,perhaps\n", "framework": "gdpr"}, "controls.csv:2"),
        ("coverage", {"controls": "org:harrow", "framework": "gdpr"}, "--organizations"),
        ("coverage", {"controls": ONE, "framework": "gdpr", "as_of": "tomorrow"}, "tomorrow"),
        ("coverage", {"controls": ONE, "framework": "gdpr", "profile": {"roles": ["king"]}}, "king"),
        ("coverage", {"controls": ONE * 3000, "framework": "gdpr"}, "too many"),
        ("requirement", {"name": "gdpr:art-332"}, "did you mean"),
        ("requirement", {"name": "\x00'; DROP TABLE"}, "does not exist"),
        ("crosswalk", {"source": "gdpr", "target": "iso42001:A.6.2.4"}, "cannot be crossed"),
        ("explain", {"controls": ONE, "requirement": "gdpr:art-32"}, "ask about gdpr:art-32"),
        ("incidents", {"about": "aiid:999999"}, "does not exist"),
        ("search", {"text": "x" * 501}, "501"),
        ("gaps", {"controls": ONE, "framework": "gdpr", "limit": 0}, "limit"),
    ],
)
def test_what_is_wrong_is_told(server: Any, tool: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError) as caught:
        call(server, tool, **arguments)
    text = str(caught.value)
    assert said in text or said == "501"
    assert "Traceback" not in text
    assert "/kg/" not in text


def test_resources(server: Any, release: Release) -> None:
    async def work(client: Any) -> list[Any]:
        uris = (
            "kg://release", "kg://frameworks/gdpr", "kg://nodes/gdpr:art-32.1.b", f"kg://sets/{next(iter(release.sets))}"
        )  # fmt: skip
        return [json.loads((await client.read_resource(uri))[0].text) for uri in uris]

    stats, framework, node, mapping_set = ask(server, work)
    assert stats["release"] == release.digest
    assert len(framework["requirements"]) == 166
    assert node["curie"] == "gdpr:art-32.1.b"
    assert mapping_set["mappings"]


def test_over_standard_input_and_output(tmp_path: Path, release: Release) -> None:
    """A real process; kept organisations are open only where the person who started it said so."""
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    Store.upgrade(url)
    with Store.open(url) as store:
        store.create_organization("Harrow", id="harrow", actor=Actor("command"))
    env = os.environ | {"PYTHONPATH": str(ROOT), "KG_DATABASE_URL": url}
    transport = StdioTransport(sys.executable, ["-m", "kg", "mcp", "--organizations"], env=env, cwd=str(ROOT))

    async def work(client: Any) -> tuple[Any, Any]:
        kept = await client.call_tool("coverage", {"controls": "org:harrow", "framework": "gdpr", "limit": 1})
        there = await client.call_tool("frameworks", {})
        return kept.structured_content, there.structured_content

    kept, there = ask(transport, work)
    assert kept["counts"]["covered"] == 0
    assert kept["counts"]["applicable"] == 166
    assert {"gdpr", "eu-ai-act", "iso42001", "nist-ai-rmf"} <= {f["id"] for f in there["frameworks"]}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-m", "kg", "mcp", "--transport", "http", "--port", str(port)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        running.terminate()
        running.wait(timeout=20)


def test_over_http(address: str, release: Release) -> None:
    assert call(address, "frameworks")["basis"]["release"] == release.digest


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_another_hosts_page_is_refused(address: str, header: dict[str, str]) -> None:
    """A page of another site that resolves to this machine gets nothing."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    found = httpx.post(address, json=body, headers=accept | header, timeout=20)
    assert found.status_code in (403, 421)


def test_it_listens_on_loopback_only() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "kg", "mcp", "--transport", "http", "--host", "0.0.0.0"], capture_output=True, text=True,
        cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert found.returncode == 2
    assert "not a loopback address" in found.stderr
