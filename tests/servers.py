"""Real server processes for the tests: ``kg serve`` on loopback, talked to over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

__all__ = ["ROOT", "Server"]

ROOT = Path(__file__).resolve().parents[1]


class Server:
    """One ``kg serve`` on a free port; ``kill`` ends it as a power cut would end it."""

    def __init__(self, *options: str, **environment: str) -> None:
        self._command = [sys.executable, "-m", "kg", "serve", "--port", "0", *options]
        own = ("KG_CACHE",)
        inherited = {n: v for n, v in os.environ.items() if n in own or not n.startswith("KG_")}
        self._environment = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
        self.start()

    def start(self) -> None:
        """Start it, at first or again, and wait until it says where it listens."""
        self.url = ""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.match(r"\s+(http://\S+?:\d+)/\s", line):
                self.url = self.url or found[1]
            if line.startswith("Ctrl-C"):
                break
        else:
            assert self.process.stderr is not None
            raise AssertionError(f"the server did not start: {''.join(said)}{self.process.stderr.read()}")
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            client.get(f"{self.url}/healthz", timeout=30).raise_for_status()

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self._drain()

    def stop(self) -> str:
        """``SIGTERM``, and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        return self._drain()

    def _drain(self) -> str:
        return self.process.communicate(timeout=60)[1]

    def ask(self, query: str, token: str = "", client: httpx.Client | None = None, **variables: Any) -> Any:
        """The data of a GraphQL answer; raises ``AssertionError`` for errors and ``httpx.HTTPError`` for a broken
        connection."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        send = (client or httpx).post
        answer = send(f"{self.url}/graphql", json=body, headers=headers, timeout=60)
        found = answer.json()
        assert "errors" not in found, found["errors"]
        return found["data"]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
