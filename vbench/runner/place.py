"""Where a run happens: the host session with its testbed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vbench import facts, processors
from vbench import image as images
from vbench.contracts import Image, Testbed
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
        with (
            images.in_use(image),
            open_testbed(
                host=host,
                image=image,
                processors=chosen,
                memory_b=suite.testbed.memory,
                scratch=Path(suite.testbed.scratch),
                name=name,
            ) as testbed,
        ):
            yield host, testbed
    finally:
        os.sched_setaffinity(0, before)
