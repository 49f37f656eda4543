"""`--real KIND`: this machine can run KIND, so a skip of it is a failure."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real", action="append", default=[], metavar="KIND", help="a skip of this kind of environment fails"
    )
