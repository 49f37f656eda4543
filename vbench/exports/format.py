"""What an export format is, and what it answers when it is written."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """The files, and in words what could not be said in this format."""

    paths: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """Its module's `write(run, path, table)` makes files whole or not at all; `path` is a folder if `into_folder`."""

    about: str
    into_folder: bool = False
    has_tables: bool = False
