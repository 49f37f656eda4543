"""Defines what an export format is, and what writing it returns."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """The files of an export, and sentences on the data that the format cannot hold."""

    paths: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format. Its module's `write(run, path, table)` writes whole files or none; `path` may be a folder."""

    about: str
    into_folder: bool = False  # `path` is a folder
    has_tables: bool = False
