"""GraphQL over HTTP: answers a second of this project's server, and of others with the same objects.

    python -m benchmarks.graphql                  a table, and the ratios that matter
    python -m benchmarks.graphql --repeat 9       more rounds

Each server is a process of its own on the loopback, with uvicorn as it comes; they are asked in turn, round after
round, over a few connections that stay open, and the median of the rounds counts.  Ariadne and Graphene need another
graphql-core than Strawberry: they get an environment of their own, made on first use.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import venv
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from benchmarks.generate import Size, release
from kg.answers import assess
from kg.model import Control, ControlRow, ControlStatus
from kg.relations import SUPERSET_OF
from kg.release import Release

__all__ = ["controls", "made_up", "run"]

DAY = date(2026, 11, 23)
SIZE = Size(frameworks=1, requirements=600, mappings=900, hubs=1, catalogues=3, controls=60, joints=5)
FIELDS = (
    "framework requirements { curie title verdict explanation { control relation steps { subject relation object } } }"
)
QUERY = f"""query ($input: AssessmentInput!) {{
  assessment(input: $input) {{ coverage(framework: "f000") {{ {FIELDS} }} }} }}"""
SMALL = '{ framework(id: "f000") { title version: publisher } }'
CONNECTIONS = 4
SECONDS = 0.7
SLOW = "ours, end to end"  #: takes seconds, and is asked in the first round alone
PEERS = Path("out/benchmarks/peers")
_PACKAGES = ("ariadne>=0.23", "graphene>=3.3", "starlette", "uvicorn", "orjson")


def made_up() -> Release:
    """One framework of 600 requirements, with controls of three catalogues."""
    return release(SIZE)


def controls(of: Release) -> list[Control]:
    """120 controls, each of which does what one reference control asks."""
    every = list(of.controls)[:120]
    return [
        Control(f"C-{i}", f"Control {i}", ControlStatus.IMPLEMENTED, (ControlRow(target, SUPERSET_OF),))
        for i, target in enumerate(every)
    ]


def _objects(of: Release) -> dict[str, Any]:
    covered = assess(of, controls(of), None, DAY).coverage("f000")
    return {
        "framework": covered.framework,
        "requirements": [
            {
                "curie": r.requirement.id,
                "title": r.requirement.title,
                "verdict": r.verdict.name,
                "explanation": {
                    "control": r.explanation.control,
                    "relation": r.explanation.relation,
                    "steps": [
                        {"subject": s.subject, "relation": s.relation, "object": s.object} for s in r.explanation.steps
                    ],
                }
                if r.explanation
                else None,
            }
            for r in covered.requirements
        ],
    }


def leaves(value: Any) -> int:
    """How many fields without fields of their own an answer has."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    return sum(map(leaves, value)) if isinstance(value, list) else 1


# ---------------------------------------------------------------------------- asking


def _request(path: str, body: bytes | None) -> bytes:
    verb = "GET" if body is None else "POST"
    more = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{more}\r\n".encode() + (
        body or b""
    )


def _answer(connection: socket.socket) -> bytes:
    """One response: its body.  Raises where it is not a success."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += connection.recv(262_144)
    head = got[:end].lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(got[:500].decode())
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    parts, have = [got[end + 4 :]], len(got) - end - 4
    while have < length:
        parts.append(connection.recv(262_144))
        have += len(parts[-1])
    return b"".join(parts)


def _rate(port: int, request: bytes, seconds: float) -> float:
    """Answers a second over several connections."""
    counts = [0] * CONNECTIONS
    end = time.perf_counter() + seconds

    def ask(n: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < end:
                connection.sendall(request)
                _answer(connection)
                counts[n] += 1

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONNECTIONS)]
    begun = time.perf_counter()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sum(counts) / (time.perf_counter() - begun)


def _peers() -> str | None:
    """The interpreter of the environment with Ariadne and Graphene, made if need be; ``None`` where it cannot be."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "ready").exists():
        venv.create(PEERS, with_pip=True, clear=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "-q", *_PACKAGES], check=False)
        if done.returncode:
            return None
        (PEERS / "ready").touch()
    return str(python)


def _processor(pid: int) -> float:
    """Seconds of the processor that a process has taken so far; 0 where the system does not say."""
    with suppress(OSError):
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _serve(stack: ExitStack, python: str, name: str, file: str) -> tuple[int, int]:
    """Start a server; its port and process."""
    script = Path(__file__).with_name("graphql_servers.py")
    own = python == sys.executable
    command = (
        [python, "-m", "benchmarks.graphql_servers"] if own else [python, "-P", str(script)]
    )  # beside it is a graphql.py
    process = subprocess.Popen([*command, name, file], stdout=subprocess.PIPE, text=True)

    def end() -> None:
        process.terminate()
        process.wait(10)

    stack.callback(end)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return port, process.pid
        time.sleep(0.05)
    raise RuntimeError(f"{name} does not answer")


def run(repeat: int = 5, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """For each server and question: ``server``, ``question``, ``fields`` in the answer, ``rate`` in answers a second
    (the median of ``repeat`` rounds), ``rates``, and ``processor``, the milliseconds of the server's processor for one
    answer, which say more than the rate where a machine has other work."""
    of = made_up()
    sent = [
        {"id": c.id, "title": c.title, "status": "implemented", "mappings": [{"target": c.rows[0].target}]}
        for c in controls(of)
    ]
    small_input = {"controls": [], "asOf": str(DAY)}
    coverage = orjson.dumps({"query": QUERY, "variables": {"input": small_input}})
    whole = orjson.dumps({"query": QUERY, "variables": {"input": {"controls": sent, "asOf": str(DAY)}}})
    peers = orjson.dumps({"query": f"{{ coverage {{ {FIELDS} }} }}"})
    small = orjson.dumps({"query": SMALL})
    with ExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory())) / "objects.json"
        file.write_text(json.dumps(_objects(of)), encoding="utf-8")
        other = _peers()
        started = {
            name: _serve(stack, sys.executable, name, str(file))
            for name in ("ours", "ours, kept", "ours, end to end", "Strawberry on FastAPI", "plain")
        }
        if other:
            started |= {name: _serve(stack, other, name, str(file)) for name in ("Ariadne", "Graphene")}
        port = {name: found for name, (found, _) in started.items()}
        pid = {name: found for name, (_, found) in started.items()}
        asked = [
            ("ours", "coverage", "ours", _request("/graphql", coverage)),
            ("ours, answers kept", "coverage", "ours, kept", _request("/graphql", coverage)),
            ("ours, assessed in the request", "coverage", "ours, end to end", _request("/graphql", whole)),
            ("Strawberry on FastAPI", "coverage", "Strawberry on FastAPI", _request("/graphql", peers)),
            ("Ariadne", "coverage", "Ariadne", _request("/graphql", peers)),
            ("Graphene", "coverage", "Graphene", _request("/graphql", peers)),
            ("Starlette and orjson", "coverage", "plain", _request("/serialised", peers)),
            ("bytes made beforehand", "coverage", "plain", _request("/ready", peers)),
            ("ours", "small", "ours", _request("/graphql", small)),
            ("ours, answers kept", "small", "ours, kept", _request("/graphql", small)),
            ("FastAPI hello", "small", "plain", _request("/hello", None)),
        ]
        asked = [a for a in asked if a[2] in port]
        fields = {}
        for server, question, name, request in asked:
            with socket.create_connection(("127.0.0.1", port[name])) as connection:
                for _ in range(1 if name == SLOW else 4):  # warm
                    connection.sendall(request)
                    body = orjson.loads(_answer(connection))
                assert "errors" not in body, body["errors"][:1]
            fields[server, question] = leaves(body.get("data", body))
        rates: dict[tuple[str, str], list[float]] = {(s, q): [] for s, q, _, _ in asked}
        taken: dict[tuple[str, str], list[float]] = {(s, q): [] for s, q, _, _ in asked}
        for n in range(repeat):
            for server, question, name, request in asked:
                if name == SLOW and n:
                    continue
                before, begun = _processor(pid[name]), time.perf_counter()
                rate = _rate(port[name], request, seconds)
                count = rate * (time.perf_counter() - begun)
                rates[server, question].append(rate)
                taken[server, question].append(1000 * (_processor(pid[name]) - before) / count)
    return [
        {
            "server": s,
            "question": q,
            "fields": fields[s, q],
            "rate": statistics.median(found),
            "rates": found,
            "processor": statistics.median(taken[s, q]),
        }
        for (s, q), found in rates.items()
    ]


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The ratios that the server is judged by."""
    rate = {(r["server"], r["question"]): r["rate"] for r in rows}
    work = {(r["server"], r["question"]): r["processor"] for r in rows}
    big, small = "coverage", "small"
    busy = (
        {
            "processor: to Strawberry on FastAPI": work["Strawberry on FastAPI", big] / work["ours", big],
            "processor: to Starlette and orjson": work["Starlette and orjson", big] / work["ours", big],
            "processor: kept, to bytes made beforehand": work["bytes made beforehand", big]
            / work["ours, answers kept", big],
            "processor: small, to FastAPI hello": work["FastAPI hello", small] / work["ours", small],
        }
        if all(work.values())
        else {}
    )
    return busy | {
        "to Strawberry on FastAPI": rate["ours", big] / rate["Strawberry on FastAPI", big],
        "to Starlette and orjson": rate["ours", big] / rate["Starlette and orjson", big],
        "kept, to bytes made beforehand": rate["ours, answers kept", big] / rate["bytes made beforehand", big],
        "small, to FastAPI hello": rate["ours", small] / rate["FastAPI hello", small],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    rows = run(given.repeat, given.seconds)
    for r in rows:
        print(f"{r['question']:9} {r['server']:32} {r['fields']:6} fields {r['rate']:10.1f}/s {r['processor']:9.3f} ms")
    for name, value in ratios(rows).items():
        print(f"{name:44} {value:8.2f}")


if __name__ == "__main__":
    main()
