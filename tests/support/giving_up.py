"""What a test does where its environment cannot run: it skips, and fails on a machine that is said to run it."""

from typing import NoReturn

import pytest

ALL = "all"


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a skip of this stack of environments fails; `{ALL}`: of every stack",
    )
    parser.addoption(
        "--but",
        action="append",
        default=[],
        metavar="NAME",
        help=f"with --real {ALL}: this one may skip",
    )


def must_run(config: pytest.Config, name: str) -> bool:
    """Whether this machine is said to run the stack."""
    real: list[str] = config.getoption("--real")
    return name in real or (ALL in real and name not in config.getoption("--but"))


def give_up(config: pytest.Config, *names: str, why: str) -> NoReturn:
    """Skips with the reason; fails where one of the stacks must run."""
    (pytest.fail if any(must_run(config, name) for name in names) else pytest.skip)(why)
