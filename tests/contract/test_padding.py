"""The random padding of a start reaches whatever command is run in it, in every environment."""

from contextlib import ExitStack
from typing import Any

import pytest

from vbench.contracts import Session, Start


@pytest.mark.parametrize("padding_b", [0, 4095])
def test_any_command_sees_the_padding_of_its_start(session: Session, padding_b: int) -> None:
    unused: Any = None
    with ExitStack() as stack:
        start = Start(session, unused, padding_b, 0.0, 0.0, None, unused, stack)
        said = session.run(start.padded(["env"]), timeout_s=60).check().text
    assert f"VBENCH_PADDING={'x' * padding_b}" in said.splitlines()
