"""``kg serve``: the web side on this machine."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Annotated

import typer

from kg.cli.options import DataOption
from kg.cli.session import load_release
from kg.errors import UsageError

__all__ = ["serve"]

_PAGES = (
    ("", "what is here"),
    ("graphql", "GraphQL, with example queries"),
    ("schema.graphql", "the GraphQL schema"),
)


def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on; 0.0.0.0 is every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000,
    data: DataOption = None,
) -> None:
    """Serve GraphQL and the pages until Ctrl-C."""
    release = load_release(ctx, data)
    bound = _bind(host, port)
    try:
        import uvicorn

        from api.app import create_app

        app = create_app(release)
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host in ("0.0.0.0", "") else host
        base = f"http://{shown}:{bound.getsockname()[1]}/"
        print(f"Release {release.digest}. Open:")
        for path, what in _PAGES:
            print(f"  {base}{path}  {what}")
        print("Ctrl-C stops it.", flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[bound])
        print("Stopped.")
    finally:
        bound.close()


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
