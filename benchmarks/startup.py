"""How long a cold process takes, beside what it could not do without: ``python benchmarks/startup.py [REPEAT]``.

CPU seconds (user and system), measured in turns; medians and ratios are printed.  ``run`` gives the single figures.
"""

from __future__ import annotations

import json
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
FRAMEWORKS = '{"query": "{ release frameworks { curie title } }"}'
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
    empty = "empty server"
    kinds: dict[str, Callable[[int], tuple[str, ...]]] = {
        empty: lambda port: (sys.executable, "-c", EMPTY_SERVER, str(port)),
        "kg serve": lambda port: (*KG, "serve", "--port", str(port)),
        "kg serve --stateless": lambda port: (*KG, "serve", "--stateless", "--port", str(port)),
    }
    first = f"{empty}, GraphQL"
    lines = {}
    for name in kinds:
        ours = name != empty
        based = {"baseline": first} if ours else {}
        asked = "frameworks of the release" if ours else "{ __typename }"
        lines[name] = _line(name, [], "until it answers /healthz", **({"baseline": empty} if ours else {}))
        lines[f"{name}, GraphQL"] = _line(f"{name}, GraphQL", [], f"until it has answered: {asked}", **based)
        if ours:
            lines[f"{name}, ready"] = _line(f"{name}, ready", [], "until it has answered /readyz too", **based)
            note = "until it has answered /errors too, by when pages and files are made"
            lines[f"{name}, whole"] = _line(f"{name}, whole", [], note, **based)
            note = "and then a coverage of the example by all frameworks, with chains"
            lines[f"{name}, coverage"] = _line(f"{name}, coverage", [], note, **based)
    example = _example(environment)
    for _ in range(repeat):
        for name, command in kinds.items():
            questions = (HELLO, None) if name == empty else (FRAMEWORKS, example)
            for stage, (seconds, shared, own) in _served(command(_port()), environment, *questions).items():
                line = lines[f"{name}{stage}"]
                line["seconds"].append(seconds)
                line["memory"], line["own"] = shared, own
    for line in lines.values():
        line["note"] += f"; {line.pop('own') / 1e6:.0f} MB its own alone"
    return [*lines.values(), _second_process(environment)]


def _example(environment: dict[str, str]) -> str:
    """A question for the coverage of the example by every framework."""
    program = "import benchmarks.startup as s; print(s.coverage_question())"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    ).stdout


def coverage_question() -> str:
    """The controls of the example in the request, asked of every framework, every requirement with its chain."""
    from kg.organizations import read_controls
    from kg.release import Release

    release = Release.load()
    fields = "counts { covered applicable } requirements { curie verdict explanation { steps { subject object } } }"
    asked = " ".join(f'f{i}: coverage(framework: "{f}") {{ {fields} }}' for i, f in enumerate(release.frameworks))
    controls = [
        {
            "id": c.id, "title": c.title, "status": c.status.name.lower() if c.status else "implemented",
            "mappings": [{"target": row.target} for row in c.rows],
        }
        for c in read_controls(Path(EXAMPLE), release).controls
    ]  # fmt: skip
    query = f"query ($input: AssessmentInput!) {{ assessment(input: $input) {{ {asked} }} }}"
    return json.dumps({"query": query, "variables": {"input": {"controls": controls}}})


def _served(
    command: tuple[str, ...], environment: dict[str, str], first: str, then: str | None
) -> dict[str, tuple[float, int, int]]:
    """Stage → CPU seconds so far, proportional memory and what is the process's own alone, in bytes."""
    port = command[-1]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT)

    def now() -> tuple[float, int, int]:
        return _used(process.pid), *_memory(process.pid)

    try:
        _wait(f"http://127.0.0.1:{port}/healthz")
        found = {"": now()}
        _ask(f"http://127.0.0.1:{port}/graphql", first)
        found[", GraphQL"] = now()
        if then is not None:
            _wait(f"http://127.0.0.1:{port}/readyz")
            found[", ready"] = now()
            _wait(f"http://127.0.0.1:{port}/errors")
            found[", whole"] = now()
            _ask(f"http://127.0.0.1:{port}/graphql", then)
            found[", coverage"] = now()
        return found
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
            _ask(f"http://127.0.0.1:{port}/graphql", FRAMEWORKS)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        memory, own = min(_memory(int(child)) for child in children)
        note = f"proportional memory of one of two --workers; {own / 1e6:.0f} MB its own alone"
        return _line("second process", [], note, memory=memory)
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


def _ask(url: str, body: str) -> None:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    answer = json.loads(urllib.request.urlopen(request, timeout=60).read())
    assert "errors" not in answer, answer["errors"][:1]


def _used(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> tuple[int, int]:
    """Bytes: the proportional set size, in which shared pages count by their share, and the unique set size, the pages
    that nobody else has."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


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
