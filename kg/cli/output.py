"""Formats, files and the terminal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "ExchangeFormat", "Format", "TextFormat", "clean", "console", "emit", "note", "rendered", "wanted_format",
    "write_file",
]  # fmt: skip


class Format(StrEnum):
    """How an answer may be written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"
    XLSX = "xlsx"
    HTML = "html"


class ExchangeFormat(StrEnum):
    """How an answer that other tools take may be written; which of these suit it, the answer decides."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"
    XLSX = "xlsx"
    HTML = "html"
    SSSOM = "sssom"
    SSSOM_JSON = "sssom-json"
    OSCAL = "oscal"
    OSCAL_RESULTS = "oscal-results"
    OSCAL_COMPONENT = "oscal-component"
    TTL = "ttl"
    TRIG = "trig"
    NQ = "nq"
    JSONLD = "jsonld"
    GRAPHML = "graphml"


class TextFormat(StrEnum):
    """How a list may be written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str, keep: str = "\n\t") -> str:
    """Text that cannot move the cursor, colour the screen or turn the reading direction."""
    text = _CONTROL.sub("", text)
    return text if "\n" in keep else text.replace("\n", " ")


def wanted_format(format_: Format | TextFormat | ExchangeFormat | None, output: Path | None) -> str:
    """The format asked for, or else the one the file's ending names, or else a table.

    A file that cannot be written is refused here, before any work is done.
    """
    if format_ is not None:
        found = format_.value
    else:
        from kg.exports.formats import format_of

        named = format_of(output.name) if output and "." in output.name else None
        found = named.name if named else "table"
    to_terminal = output is None or str(output) == "-"
    if found == "xlsx" and to_terminal:
        raise UsageError("a workbook cannot be printed", "name a file: -o answer.xlsx")
    if output is not None and not to_terminal:
        _check_place(output)
    return found


def console(*, file: bool = False) -> Console:
    """The console of standard output: no markup in data, no colours unless it is a terminal.

    With ``file`` it only collects, at a width that suits a file.
    """
    from rich.console import Console

    if file:
        return Console(width=120, markup=False, emoji=False, highlight=False, no_color=True, force_terminal=False)
    return Console(markup=False, emoji=False, highlight=False)


def rendered(draw: Callable[[Console], None], output: Path | None) -> None:
    """Draw on the terminal, or as plain text, without blanks at the ends of lines, into a pipe or a file."""
    to_file = output is not None and str(output) != "-"
    page = console(file=to_file)
    if page.is_terminal:
        draw(page)
        return
    with page.capture() as captured:
        draw(page)
    lines = [line.rstrip() for line in captured.get().split("\n")]
    if to_file:
        emit("\n".join(lines).encode(), output)
    else:
        print("\n".join(lines), end="")


def emit(data: bytes | Iterable[bytes], output: Path | None) -> None:
    """Write bytes, or chunks of them, to a file, all or nothing, or to standard output."""
    if output is None or str(output) == "-":
        sys.stdout.flush()
        for chunk in [data] if isinstance(data, bytes) else data:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    write_file(output, data)
    note(f"wrote {output}")


def note(text: str) -> None:
    """Something said beside the answer, on standard error."""
    print(clean(text, "\t"), file=sys.stderr)


def write_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put ``data``, or the chunks it comes in, at ``path``: written beside it first, then moved, so that no half file
    is ever seen there."""
    where = _check_place(path)
    chunks = [data] if isinstance(data, bytes) else data
    try:
        if where.exists() and not where.is_file():
            with where.open("wb") as place:
                place.writelines(chunks)
            return
        handle, temporary = tempfile.mkstemp(dir=where.parent, prefix=f".{where.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(chunks)
            os.chmod(temporary, where.stat().st_mode & 0o777 if where.exists() else 0o666 & ~_umask())
            os.replace(temporary, where)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{path} cannot be written: {why}", "choose another place with -o") from None


def _check_place(path: Path) -> Path:
    """Where a file is to be written, links followed; refused if it is a folder or its folder does not exist."""
    where = path.resolve()
    if where.is_dir():
        raise UsageError(f"{path} is a folder", "name a file in it")
    if not where.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist", f"make it first: mkdir -p {path.parent}")
    return where


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
