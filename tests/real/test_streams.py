"""Closed, full and slow standard streams, and odd terminals: each verb ends as it always ends."""

from pathlib import Path

import pytest

from tests.real import verbs
from tests.real.surroundings import STREAMS
from tests.real.verbs import Command


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[Command]:
    return verbs.commands(tmp_path_factory.mktemp("surroundings"))


@pytest.mark.parametrize("name", STREAMS)
def test_a_verb_ends_as_it_always_does(
    request: pytest.FixtureRequest, name: str, commands: list[Command], tmp_path: Path
) -> None:
    verbs.prove(request.config, commands, STREAMS[name], tmp_path, own=list(STREAMS).index(name))
