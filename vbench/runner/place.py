"""Where a run happens: the host session with its testbed, and a refusal in words of what cannot run there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vbench import facts, processors
from vbench import suite as suites
from vbench.contracts import Image, Missing, Session, Testbed, hints, lacks
from vbench.errors import EnvironmentUnavailable
from vbench.proc import LocalSession
from vbench.suite import Suite
from vbench.testbed import open_testbed


@contextmanager
def place_of_run(suite: Suite, image: Image | None, name: str) -> Iterator[tuple[LocalSession, Testbed]]:
    """The host session with its layers, and the opened testbed; harness and children are pinned off the arms' set."""
    host = LocalSession()
    host = replace(host, layers=facts.layers(facts.collect(host)))
    chosen = processors.find(host, suite.testbed.cpus, suite.testbed.cpu_list)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen.peer)
    try:
        with open_testbed(
            host=host,
            image=image,
            processors=chosen,
            memory_b=suite.testbed.memory,
            scratch=Path(suite.testbed.scratch),
            name=name,
        ) as testbed:
            yield host, testbed
    finally:
        os.sched_setaffinity(0, before)


def refuse_missing(suite: Suite, host: Session, image: Image | None) -> None:
    """Before anything starts: every environment on the host is complete, or EnvironmentUnavailable says what lacks."""
    for name, environment in suite.environments.items():
        lacking = () if environment.on else environment.missing(host)
        if not lacking and not image and environment.needs_image:
            lacking = (Missing("the image", "run `vbench image build`"),)
        if lacking:
            raise EnvironmentUnavailable(
                f"environment {name} ({environment.title()}) cannot run here, {lacks(lacking)}",
                hint="; ".join(way for way in (hints(lacking), _without(suite, name)) if way),
            )


def _without(suite: Suite, name: str) -> str:
    """How to run the suite without this environment; nothing where the baseline needs it, which always stays."""
    baseline = suite.method.baseline
    if name in suites.chain(suite, baseline):
        return ""
    others = [arm for arm in suite.arms if arm != baseline and name not in suites.chain(suite, arm)]
    if not others:
        return f"or take environments.{name} out of the suite"
    return f"or measure the others: {' '.join(f'--env {arm}' for arm in others)}"
