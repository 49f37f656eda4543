"""A rule of the project is one test, whose failure lists every offender."""

from collections.abc import Iterable

import pytest


def refuse(offenders: Iterable[str]) -> None:
    """Fail the test with all offenders, one a line: pytest would cut a long list."""
    lines = list(offenders)
    if lines:
        pytest.fail(f"{len(lines)} offenders:\n" + "\n".join(lines), pytrace=False)
