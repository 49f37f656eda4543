"""Compiles the guest folder: kernels.so and the static program echo, with portable flags.

The Python files beside the sources are copied to the target, so that the target is a complete guest folder.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

# No -march and no contraction: the instructions are the same whichever processor the environment shows.
FLAGS = ["-std=gnu11", "-O2", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall", "-Wextra"]


def commands(source: Path, target: Path, compiler: str) -> list[list[str]]:
    """The compiler's argument lists, one for each output."""
    sources = sorted(str(file) for file in source.glob("kernels_*.c"))
    kernels = [compiler, *FLAGS, "-pthread", "-shared", "-fPIC", "-o", str(target / "kernels.so"), *sources]
    echo = [compiler, *FLAGS, "-static", "-o", str(target / "echo"), str(source / "echo.c")]
    return [kernels, echo]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--cc", default="cc", help="the C compiler (default: cc)")
    options = parser.parse_args(arguments)
    options.target.mkdir(parents=True, exist_ok=True)
    for command in commands(options.source, options.target, options.cc):
        try:
            status = subprocess.run(command, check=False).returncode
        except FileNotFoundError:
            sys.stderr.write(f"build.py: compiler not found: {options.cc}\n")
            return 127
        if status:
            sys.stderr.write(f"build.py: failed: {' '.join(command)}\n")
            return 1
    copy_scripts(options.source.resolve(), options.target.resolve())
    return 0


def copy_scripts(source: Path, target: Path) -> None:
    if source != target:
        for script in source.glob("*.py"):
            shutil.copy(script, target)


if __name__ == "__main__":
    sys.exit(main())
