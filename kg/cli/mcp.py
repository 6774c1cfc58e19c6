"""``kg mcp``: the release for assistants."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kg.cli.options import DataOption
from kg.cli.output import note
from kg.cli.session import load_release
from kg.errors import UsageError

if TYPE_CHECKING:
    from kg.model import Control, Profile

__all__ = ["mcp"]


def mcp(
    ctx: typer.Context,
    transport: Annotated[
        Literal["stdio", "http"], typer.Option("--transport", help="How the assistant talks to it.")
    ] = "stdio",
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="With http: the address to listen on, a loopback one.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="With http: the port.")] = 8001,
    organizations: Annotated[
        bool,
        typer.Option(
            "--organizations", help="Let the assistant ask about the organisations that are kept here, as org:ID."
        ),
    ] = False,
    data: DataOption = None,
) -> None:
    """Serve the release to assistants by the Model Context Protocol: read-only tools that name their sources.

    Needs the extra aigov-kg\\[mcp].
    """
    if transport == "http" and not _loopback(host):
        hint = "nobody is asked who they are here: put a proxy that does in front of a loopback address"
        raise UsageError(f"{host} is not a loopback address", hint)
    release = load_release(ctx, data)
    from kg.mcp.server import make_server

    server = make_server(release, _kept if organizations else None)
    if transport == "stdio":
        server.run(transport="stdio", show_banner=False, log_level="ERROR")
        return
    shown = f"[{host}]" if ":" in host else host
    note(f"Release {release.digest}. MCP at http://{shown}:{port}/mcp; Ctrl-C stops it.")
    server.run(
        transport="http", host=host, port=port, show_banner=False, log_level="ERROR", host_origin_protection=True,
        stateless_http=True,
    )  # fmt: skip


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kept(id_: str) -> tuple[Sequence[Control], Profile | None]:
    from kg.organizations.store import Store

    with Store.open() as store:
        state = store.load(id_)
    return state.controls, state.profile
