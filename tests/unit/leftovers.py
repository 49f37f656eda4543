"""Folders as killed runs leave them: who owned them, and what their journal records."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from vbench.host.local import LocalHost
from vbench.testbed.undo import Removal, removal

HOST = LocalHost()
NEVER = {"pid": 2**22 + 1, "started": 1}  # above the largest pid that Linux gives
NAMES = [f"vbench-{number:012x}" for number in range(3)]


def owner(**changes: Any) -> str:
    return json.dumps({**msgspec.to_builtins(HOST.run_owner()), **changes})


def folder_of(scratch: Path, text: str, name: str = "vbench-x") -> Path:
    folder = scratch / name
    folder.mkdir(mode=0o700)
    (folder / "owner.json").write_text(text)
    return folder


def container(runtime: str, bundle: Path, name: str) -> Removal:
    """As a container's environment records it."""
    return removal(
        [runtime, "--root", f"{bundle}/state", "delete", "--force", name],
        ["find", str(bundle), "-mindepth", "2", "-name", f"*{name}*"],
    )


class Runtime:
    """A script in the place of an OCI runtime: it keeps a folder for each container and writes down what it is told."""

    def __init__(self, folder: Path, *, deletes: bool = True) -> None:
        self.path, self._log = folder / "a runtime", folder / "log"
        removal = 'rm -r "$2/$5"' if deletes else "echo device busy >&2; exit 1"
        self.path.write_text(f'#!/bin/sh\necho "$@" >>"{self._log}"\n{removal}\n')
        self.path.chmod(0o755)

    def container(self, folder: Path, name: str, at: int = 0) -> Removal:
        bundle = folder / f"bundle-abcdef{at:02d}"
        (bundle / "state" / name).mkdir(parents=True)
        return container(str(self.path), bundle, name)

    def told(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


def record(folder: Path, *made: Removal, gone: Sequence[int] = ()) -> None:
    lines: list[dict[str, Any]] = [{"number": at, "undo": msgspec.to_builtins(one)} for at, one in enumerate(made, 1)]
    lines += [{"number": number} for number in gone]
    (folder / "undo.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def gone(path: Path) -> None:
    path.symlink_to("nowhere")


def folder(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 60 * 10**9)


def everybodys(path: Path) -> None:
    path.write_text(owner(**NEVER))
    path.chmod(0o666)


ODD = [fifo, zeros, loop, gone, folder, endless, everybodys]
