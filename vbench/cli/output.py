"""Delivers a verb's data to stdout, or to the file that `-o` names."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click


def as_json(document: Any) -> bytes:
    """The document as JSON in UTF-8, whatever the terminal's encoding is. Its text cannot steer a terminal."""
    import msgspec

    from vbench.text import escaped

    text = json.dumps(msgspec.to_builtins(document), indent=1, ensure_ascii=False, allow_nan=False)
    return escaped(text).encode() + b"\n"


def page(lines: Iterable[str]) -> str:
    """Lines for a reader. Tools, guests and strangers wrote parts of them, so control characters are replaced."""
    from vbench.text import plain

    return "".join(f"{plain(line)}\n" for line in lines)


def deliver(data: str | bytes, output: Path | None) -> None:
    """Writes to stdout, text in the encoding of the user's choice, or to a file whose path is then printed."""
    if output is None or str(output) == "-":
        click.echo(data, nl=False)
    else:
        click.echo(str(write(output, data)))


def write(path: Path, data: str | bytes) -> Path:
    """Writes the file whole or not at all; folders above it are made. Raises UsageError, RunFolderError or NoSpace."""
    from vbench.cli import target
    from vbench.store.files import write_atomically

    with target.file(path) as file:
        write_atomically(file, data.encode(errors="replace") if isinstance(data, str) else data)
    return path
