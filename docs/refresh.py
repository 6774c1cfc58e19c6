"""Write into the docs what their commands really print.

In ``README.md`` and ``docs/*.md`` every fenced block of language ``console`` is a list of commands (lines that begin
with ``$ kg``), each followed by its output, which this script replaces; a line ``…`` in the old output cuts the new one
after as many lines as stood before it.  ``--check`` changes nothing and exits with 1 where a page is not up to date.

    .venv/bin/python docs/refresh.py [--check]
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(^```console\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
CUT = "…"


def run(command: str) -> list[str]:
    """The lines that ``kg …`` prints, standard error behind standard output, at 100 columns without colour."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    words = shlex.split(command)
    assert words[0] == "kg", command
    done = subprocess.run(
        [sys.executable, "-m", "kg", *words[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return [line.rstrip() for line in (done.stdout + done.stderr).rstrip().splitlines()]


def refreshed(block: str) -> str:
    """A console block with fresh output."""
    pieces = re.split(r"(?m)^(?=\$ )", block)
    found = []
    for piece in filter(str.strip, pieces):
        command, *old = piece.rstrip("\n").splitlines()
        new = run(command.removeprefix("$ "))
        if CUT in old:
            new = [*new[: old.index(CUT)], CUT]
        found.append("\n".join([command, *new]) + "\n")
    return "\n".join(found)


def main(check: bool) -> int:
    """Refresh or check every page; the exit code."""
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        fresh = BLOCK.sub(lambda m: m[1] + refreshed(m[2]) + m[3], text)
        if fresh != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(fresh, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'is not up to date; run python docs/refresh.py' if check else 'refreshed'}")
    return 1 if stale and check else 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv[1:]))
