"""``kg serve``: the web side on this machine."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from kg.cli.options import DataOption
from kg.cli.output import note
from kg.cli.session import folders
from kg.errors import KgError, UsageError

if TYPE_CHECKING:
    from api.access import Gate
    from kg.organizations.store import Store
    from kg.release import Release

__all__ = ["applications", "serve"]

_PAGES = (
    ("", "what is here"),
    ("graphql", "GraphQL, with example queries"),
    ("schema.graphql", "the GraphQL schema"),
    ("sparql", "SPARQL, with example queries"),
    ("downloads", "every file there is"),
)
#: What the first question about controls needs, and no other: NumPy comes with it.
_ENGINE = "kg.answers.judge"
_HOW = (
    "make a key with `kg keys create --platform` and use the same database, or set KG_OIDC_ISSUER and "
    "KG_OIDC_AUDIENCE; or keep no organisations: --stateless"
)


def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on; 0.0.0.0 is every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000,
    auth: Annotated[
        Literal["auto", "required"],
        typer.Option(
            "--auth",
            help="Who may see organisations. `auto`: the person at this machine without a login, if the server listens "
            "on loopback and neither KG_DATABASE_URL nor KG_OIDC_ISSUER is set; otherwise, as with `required`, only "
            "those with an API key or token.",
        ),
    ] = "auto",
    stateless: Annotated[
        bool, typer.Option("--stateless", help="Keep no organisations: controls come in each request, nobody is known.")
    ] = False,
    log: Annotated[
        Literal["off", "text", "json"],
        typer.Option("--log", help="Write a line for each request to standard error."),
    ] = "off",
    grace: Annotated[
        int, typer.Option("--grace", metavar="SECONDS", min=0, help="How long requests under way may go on at the end.")
    ] = 10,
    query_deadline: Annotated[
        float,
        typer.Option(
            "--query-deadline", metavar="SECONDS", min=0.1, max=600, help="How long one SPARQL query may take."
        ),
    ] = 10,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", min=1, max=64, help="How many processes answer on the port. They share "
                     "the compiled release; each has its own /metrics."),
    ] = 1,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Look every two seconds whether the data have changed, and answer from what they "
                     "say now. Without it, a SIGHUP makes the server look."),
    ] = False,
    data: DataOption = None,
) -> None:  # fmt: skip
    """Serve GraphQL and the pages until Ctrl-C.

    On SIGHUP the data are read again: new requests are answered from the new release, those under way end on the old.
    """
    if workers > 1 and not hasattr(os, "fork"):
        raise UsageError("this system cannot start several processes on one port", "leave --workers out")
    with ExitStack() as stack:
        bound = stack.enter_context(_bind(host, port))
        with ExitStack() as looked:  # who may come in is settled before anything slow; a process opens its own store
            said = _said(_stateless() if stateless else _gate(looked, host, auth))
        where = folders(ctx, data)
        release = compiled(where)
        address = f"[{host}]" if ":" in host else "127.0.0.1" if host in ("0.0.0.0", "") else host
        base = f"http://{address}:{bound.getsockname()[1]}/"

        def tell() -> None:
            print(f"Release {release.digest}. Open:")
            for path, what in _PAGES:
                print(f"  {base}{path}  {what}")
            print(said)
            print("Ctrl-C stops it.", flush=True)

        def reread() -> bool:
            """Whether there is another release: a process that is started from now on begins with it."""
            nonlocal release
            before = release.digest
            try:
                release = compiled(where)
            except KgError as error:
                note(f"kg: the release stays {before}: {error}")
            return release.digest != before

        def run(first: bool, prepared: bool) -> None:
            with ExitStack() as own:
                gate = _stateless() if stateless else _gate(own, host, auth)
                _serve(
                    bound,
                    gate,
                    release,
                    where,
                    log,
                    grace,
                    tell if first else None,
                    watch and first,
                    prepared,
                    query_deadline,
                )

        # uvicorn raises the signal again when it has finished: for us the end is an end in order, with exit code 0
        signal.signal(signal.SIGTERM, lambda *_: None)
        if workers == 1:
            run(True, False)
        else:
            from kg.cli.workers import supervise

            _import_all()
            supervise(workers, lambda: run(False, True), reread, tell, where if watch else None)
        print("Stopped.")


def _import_all() -> None:
    """What every process needs, in the memory that they share."""
    with _uncollected():
        # in this order: once pydantic is there, which FastAPI brings, Strawberry asks it about every field
        for name in ("uvicorn", "api.first", "api.app", _ENGINE):
            import_module(name)


def _serve(
    bound: socket.socket,
    gate: Gate,
    release: Release,
    where: list[Path],
    log: str,
    grace: int,
    tell: Callable[[], None] | None,
    watch: bool,
    prepared: bool,
    query_deadline: float,
) -> None:
    """Answer on a socket until told to stop."""
    with _uncollected():
        import threading

        import uvicorn

        from api.served import Served
        from kg.cli.workers import hung_up, watched

    faults: list[BaseException] = []

    def failed(error: BaseException) -> None:
        faults.append(error)
        server.should_exit = True

    served = Served(release, applications(gate, log, query_deadline), failed)
    if prepared:
        served.prepare()
    if tell:
        tell()

    class Server(uvicorn.Server):
        """Says that it is about to stop before it does, so that a load balancer looks elsewhere."""

        def handle_exit(self, sig: int, frame: Any) -> None:
            """The first signal: finish what is under way."""
            served.stopping = True
            super().handle_exit(sig, frame)

    def reread() -> None:
        try:
            served.replace(compiled(where))
        except KgError as error:
            note(f"kg: the release stays {served.release}: {error}")
        else:
            note(f"kg: answering from release {served.release}")

    def look(*_: Any) -> None:
        if hung_up():
            server.handle_exit(signal.SIGTERM, None)
        else:
            threading.Thread(target=reread, daemon=True).start()

    own = {"log_config": None} if log != "off" else {"log_level": "warning"}
    config: Any = {"timeout_graceful_shutdown": grace, "access_log": False, "lifespan": "on", "ws": "none", **own}
    server = Server(uvicorn.Config(served, **config))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, look)
    if watch:
        threading.Thread(target=watched, args=(where, reread), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[bound])
    if faults:
        raise faults[0]


def applications(gate: Gate, log: str = "off", query_deadline: float = 10) -> Callable[[Release], Iterator[Any]]:
    """What makes the applications of one release after the other, as :class:`api.served.Served` wants them."""
    metrics: list[Any] = []

    def make(release: Release) -> Iterator[Any]:
        first = not metrics
        # an application that another may replace is not kept for ever: the first is there when the others come
        begin: Callable[[], AbstractContextManager[None]] = _uncollected if first else nullcontext
        with begin():
            from api.first import graphql_alone, graphql_view
            from api.observability import Metrics, configure_logging

            if first:
                if log != "off":
                    configure_logging(log)
                metrics.append(Metrics(release.digest))
            view = graphql_view(release, gate, metrics[0])
            alone = graphql_alone(view, release, gate, metrics[0])
        yield alone
        with begin():
            from api.app import create_app
            from kg.sparql import Limits

            if first and gate.store is not None:
                gate.store.ping()  # what is wrong with it ends the server
            app = create_app(release, gate, metrics[0], Limits(seconds=query_deadline), view)
            import_module(_ENGINE)
        yield app

    return make


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage while modules are imported, and never what they made: it stays for as long as the process
    does, and to walk through it over and over takes a fifth of the start, and would stop everybody later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def compiled(where: list[Path]) -> Release:
    """The compiled release with its RDF dataset.  One that is not there yet is made by a process of its own: to read
    all sources takes three times the memory of a server, which this one would never give back."""
    from kg.compiled.cache import build, cache_folder, opened

    found = opened(where)
    if found is None and cache_folder() is not None:
        apart = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(apart)}
        subprocess.run([sys.executable, "-P", "-m", "kg.cli.apart", *map(str, where)], env=environment, check=False)
    return found or build(where)  # what is wrong with the sources is told here


def _stateless() -> Gate:
    from api.access import Gate

    return Gate(None)


def _gate(stack: ExitStack, host: str, auth: str) -> Gate:
    """Who may come in, or one clear error: an address that others reach is never served without a way to say who
    asks."""
    from api.access import Gate, is_loopback
    from api.oidc import Oidc, OidcSettings
    from kg.organizations.store.later import Later, is_usual

    settings = OidcSettings.from_environment(os.environ)
    oidc = Oidc(settings) if settings else None
    configured = settings is not None or bool(os.environ.get("KG_DATABASE_URL"))
    local = auth == "auto" and is_loopback(host) and not configured
    if local and is_usual():
        later = Later()
        stack.callback(later.close)
        return Gate(cast("Store", later), open=True)
    from kg.organizations.store import Store

    store = stack.enter_context(Store.open())
    if local:
        _local_organization(store)
    elif oidc is None and not _has_keys(store):
        raise UsageError(f"nobody could come in: {host} needs authentication, and none is configured", _HOW)
    return Gate(store, oidc, open=local)


def _local_organization(store: Store) -> None:
    from api.access import LOCAL_ORGANIZATION
    from kg.errors import ConflictError
    from kg.organizations.store import Actor

    if not store.list_organizations(archived=True):
        with suppress(ConflictError):
            store.create_organization("This organisation", id=LOCAL_ORGANIZATION, actor=Actor("local"))


def _has_keys(store: Store) -> bool:
    """Whether any key opens anything."""
    from datetime import UTC, datetime

    from kg.organizations.store import PLATFORM

    now = datetime.now(UTC)
    names = [PLATFORM, *(o.id for o in store.list_organizations())]
    return any(key.valid(now) for name in names for key in store.list_keys(name))


def _said(gate: Gate) -> str:
    if gate.store is None:
        return "No organisations are kept: controls come in each request."
    who = "no login: only this machine reaches it" if gate.open else "by API key or token"
    return f"Organisations are kept in {gate.store.url} ({who})."


def _bind(host: str, port: int) -> socket.socket:
    """A socket on the address, or one clear error: bound before anything slow, so that a taken port is told at once."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, proto)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        why = error.strerror or str(error)
        hint = "choose another with --host and --port"
        raise UsageError(f"{host}:{port} cannot be listened on: {why}", hint) from None
    return found
