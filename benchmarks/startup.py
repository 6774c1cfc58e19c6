"""How long a cold process takes, beside what it could not do without: ``python benchmarks/startup.py [REPEAT]``.

CPU seconds (user and system), measured in turns; medians and ratios are printed.  ``run`` gives the single figures.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
EXAMPLE = str(ROOT / "kg" / "data" / "example" / "controls.csv")
KG = (sys.executable, "-m", "kg")
HELLO = '{"query": "{ __typename }"}'
EMPTY_SERVER = """
import sys
import strawberry, uvicorn
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter

@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

app = FastAPI()
app.include_router(GraphQLRouter(strawberry.Schema(Query)), prefix="/graphql")

@app.get("/healthz")
def health() -> dict[str, str]:
    return {"status": "ok"}

uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


def run(repeat: int = 15) -> list[dict[str, Any]]:
    """Every line as ``name``, ``seconds`` (one for each turn), ``memory`` (bytes or ``None``) and ``note``.

    Lines with a baseline name it in ``baseline``: the ratio of the medians is what is judged.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            # a package that is installed has its bytecode beside it
            **{k: v for k, v in os.environ.items() if not k.startswith("KG_") and k != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
            "KG_CACHE": f"{folder}/cache", "XDG_DATA_HOME": f"{folder}/data", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        found = _once(environment, folder)
        return [*found, *_commands(repeat, environment), *_servers(max(3, repeat // 3), environment), *_large(folder)]


def _line(name: str, seconds: list[float], note: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "seconds": seconds, "memory": None, "note": note, **more}


def _cpu(command: tuple[str, ...], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT)
    assert done.returncode == 0, command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _once(environment: dict[str, str], folder: str) -> list[dict[str, Any]]:
    lint, build = (*KG, "lint"), (*KG, "build", "-o", f"{folder}/release")
    return [
        _line("kg lint", [_cpu(lint, environment)], "the whole tree of sources"),
        _line("kg build", [_cpu(build, environment)], "from nothing, RDF dataset and exports included"),
    ]


def _commands(repeat: int, environment: dict[str, str]) -> list[dict[str, Any]]:
    imports = "import numpy, typer, rich.table"
    alone = f"import os; os.environ['OPENBLAS_NUM_THREADS'] = '1'; {imports}"
    asked = {
        "kg coverage": ((EXAMPLE,), "the example, all frameworks, a build present"),
        "kg gaps": ((EXAMPLE, "-f", "gdpr", "--limit", "5"), "of one framework"),
        "kg plan": ((EXAMPLE, "-f", "gdpr", "--limit", "5"), "for one framework"),
        "kg explain": ((EXAMPLE, "-r", "eu-ai-act:art-15.5"), ""),
        "kg crosswalk": (("nist-ai-rmf", "iso42001"), ""),
        "kg show": (("eu-ai-act:art-15.5",), ""),
        "kg search": (("data", "poisoning"), ""),
        "kg --help": ((), ""),
        "kg --version": ((), ""),
    }
    lines = [
        _line("imports", [], imports),
        _line("imports, one thread", [], "the same, with no thread of BLAS waiting", baseline="imports"),
        *(_line(name, [], note, baseline="imports") for name, (_, note) in asked.items()),
    ]
    commands = [(sys.executable, "-c", imports), (sys.executable, "-c", alone)]
    commands += [(*KG, name.removeprefix("kg "), *more) for name, (more, _) in asked.items()]
    for command in commands:  # once, so that all have their bytecode
        _cpu(command, environment)
    for _ in range(repeat):
        for line, command in zip(lines, commands, strict=True):
            line["seconds"].append(_cpu(command, environment))
    return lines


def _servers(repeat: int, environment: dict[str, str]) -> list[dict[str, Any]]:
    kinds: dict[str, Callable[[int], tuple[str, ...]]] = {
        "empty server": lambda port: (sys.executable, "-c", EMPTY_SERVER, str(port)),
        "kg serve": lambda port: (*KG, "serve", "--port", str(port)),
        "kg serve --stateless": lambda port: (*KG, "serve", "--stateless", "--port", str(port)),
    }
    lines = {}
    for name in kinds:
        base = {} if name == "empty server" else {"baseline": "empty server"}
        lines[name] = _line(name, [], "until it answers /healthz", **base)
        first = {} if name == "empty server" else {"baseline": "empty server, GraphQL"}
        lines[f"{name}, GraphQL"] = _line(f"{name}, GraphQL", [], "until it has answered { __typename }", **first)
    for _ in range(repeat):
        for name, command in kinds.items():
            ready, first, memory = _served(command(_port()), environment)
            lines[name]["seconds"].append(ready)
            lines[f"{name}, GraphQL"]["seconds"].append(first)
            lines[f"{name}, GraphQL"]["memory"] = memory
    return [*lines.values(), _second_process(environment)]


def _served(command: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float, int]:
    port = command[-1]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT)
    try:
        _wait(f"http://127.0.0.1:{port}/healthz")
        ready = _used(process.pid)
        _ask(f"http://127.0.0.1:{port}/graphql")
        return ready, _used(process.pid), _memory(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _second_process(environment: dict[str, str]) -> dict[str, Any]:
    """What a second process on the same port adds."""
    port = _port()
    command = (*KG, "serve", "--stateless", "--workers", "2", "--port", str(port))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT)
    try:
        _wait(f"http://127.0.0.1:{port}/healthz")
        for _ in range(20):
            _ask(f"http://127.0.0.1:{port}/graphql")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        memory = min(_memory(int(child)) for child in children)
        return _line("second process", [], "proportional memory of one of two --workers", memory=memory)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(3000):
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(url)


def _ask(url: str) -> None:
    request = urllib.request.Request(url, HELLO.encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).read()


def _used(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> int:
    """Proportional set size in bytes: shared pages count by their share."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


_OPEN = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy
from kg.arrays import Arrays
from kg.compiled.files import Build
start = time.perf_counter()
a = Arrays.from_columns(Build(Path(sys.argv[1])).columns)
seconds = time.perf_counter() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) * 1024, len(a.row_subject))
"""


def _large(folder: str) -> list[dict[str, Any]]:
    """The largest made-up size, written once and opened by a process of its own."""
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    from arrays import SIZES, arrays

    from kg.compiled.files import write

    name, size = max(SIZES.items(), key=lambda s: s[1].total if hasattr(s[1], "total") else 0)
    place = Path(folder, "large")
    write(place, {"release": name}, None, arrays(size).columns())
    said = subprocess.run([sys.executable, "-c", _OPEN, str(place), str(ROOT)], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    seconds, memory, rows = said.stdout.split()
    stored = sum(p.stat().st_size for p in place.iterdir())
    note = f"{int(rows):,} rows, {stored / 1e6:.0f} MB mapped, every hash checked; wall-clock"
    return [_line("open the large size", [float(seconds)], note, memory=int(memory))]


def main(repeat: int) -> None:
    """Print medians, ratios and memory."""
    found = run(repeat)
    medians = {line["name"]: statistics.median(line["seconds"]) for line in found if line["seconds"]}
    for line in found:
        name, base = line["name"], line.get("baseline")
        spent = f"{medians[name]:8.3f} s" if name in medians else " " * 10
        ratio = f"{medians[name] / medians[base]:5.2f} x {base}" if base else ""
        memory = f"{line['memory'] / 1e6:6.0f} MB" if line["memory"] else " " * 9
        print(f"{name:<30} {spent} {memory}  {ratio:<32} {line['note']}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
