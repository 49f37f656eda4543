"""The user's home folder, which a process need not have."""

import os
import pwd
from contextlib import suppress
from pathlib import Path


def home() -> Path | None:
    """`$HOME`, or this user's folder in passwd. None when neither is an absolute path."""
    named = [os.environ.get("HOME", "")]
    with suppress(KeyError):  # a container's user, whom no passwd knows
        named.append(pwd.getpwuid(os.getuid()).pw_dir)
    return next((Path(folder) for folder in named if folder.startswith("/")), None)
