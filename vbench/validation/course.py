"""The course of a validation: the minutes divided over its parts, each run, stored and judged."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from vbench import __version__, facts, store
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import Image
from vbench.contracts import Testbed
from vbench.errors import EnvironmentUnavailable, UsageError
from vbench.host.proc import LocalSession
from vbench.model import Facts, Run
from vbench.runner import Tell, conduct
from vbench.suite import Suite, plan
from vbench.testbed.host import HostTestbed
from vbench.validation import judging, parts, rows
from vbench.validation.parts import Gates, Part
from vbench.validation.rows import Row
from vbench.validation.stopping import Stopping

LEAST_MINUTES = 3.0
LEAST_BLOCKS, MOST_BLOCKS = 5, 200


class Effort(Struct, frozen=True):
    """How much a validation does: `shrink` is a factor on every trial; `only` names the parts to run, empty for all."""

    seconds: float = 600.0
    least_blocks: int = LEAST_BLOCKS
    shrink: float = 1.0
    only: tuple[str, ...] = ()
    gates: Gates = "void"

    def suite(self, part: Part, blocks: int) -> Suite:
        return parts.suite(part, blocks, shrink=self.shrink, gates=self.gates)


class Follower(Protocol):
    """Follows a validation: is told which part begins, and returns the receiver of the events of that part's run."""

    def begin(self, part: Part, blocks: int) -> Tell: ...


class Validation(Struct, frozen=True):
    """The content of `validation.json`: the result of every check on one host on one day."""

    schema: int
    validation_id: str
    tool: str
    day: str  # ISO 8601, UTC
    host: str
    facts: dict[
        str, str
    ]  # processor model, kernel and hypervisor, by which a reader recognizes the host; never its name
    image: str
    seconds: float  # duration of the validation
    rows: tuple[Row, ...]
    runs: tuple[str, ...]
    foreign_share: float | None = None  # of the environments' processors, the median over all starts
    sentence: str = ""


def seconds_of(minutes: float) -> float:
    """Raises UsageError for fewer minutes than the parts' fewest blocks take."""
    if not LEAST_MINUTES <= minutes <= 24 * 60:
        raise UsageError(
            f"--minutes {minutes:g}: a validation takes {LEAST_MINUTES:g} minutes to a day",
            hint=f"below {LEAST_MINUTES:g} minutes its intervals would say nothing; 10 is a good start",
        )
    return minutes * 60


def validate(effort: Effort, *, results: Path, follower: Follower) -> Validation:
    """Runs every part that this host can run. Raises what ends a run: StopFailed, NoSpace, RunFolderError."""
    images.refuse_unusable()
    host, image = LocalSession(), images.find()
    host_facts = facts.collect(host)
    course = Course(effort, results, follower, store.run_id("validate"), image)
    course.all(parts.parts(parts.bare_root(host, image)), host)
    return Validation(
        schema=1,
        validation_id=course.name,
        tool=__version__,
        day=datetime.now(UTC).date().isoformat(),
        host=facts.headline(host_facts),
        facts=identifying(host_facts),
        image=image.digest if image else "",
        seconds=round(time.monotonic() - course.begun, 1),
        rows=tuple(course.rows),
        runs=tuple(run.manifest.run_id for run in course.runs),
        foreign_share=judging.foreign_share(course.runs),
    )


def identifying(host_facts: Facts) -> dict[str, str]:
    """The facts by which a reader recognizes a host."""
    keys = ("cpu.model", "kernel.release", "virtualization.vm")
    return {key: str(host_facts[key].value) for key in keys if key in host_facts and host_facts[key].value is not None}


@dataclass
class Course:
    """A validation in progress. `pace` is the seconds that a part took for each second that its plan expected."""

    effort: Effort
    results: Path
    follower: Follower
    name: str
    image: Image | None
    rows: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    pace: float = 1.0

    def all(self, candidates: Sequence[Part], host: LocalSession) -> None:
        chosen = [part for part in candidates if not self.effort.only or part.name in self.effort.only]
        lacking = {part.name: parts.missing(part, host, self.image) for part in chosen}
        possible = [part for part in chosen if not lacking[part.name]]
        for part in chosen:
            why = lacking[part.name]
            if why:
                self.rows += _impossible(part, why)
                continue
            shares = sum(later.share for later in possible[possible.index(part) :])
            self._part(part, self._blocks(part, part.share / shares if shares else 1.0))

    def _blocks(self, part: Part, share: float) -> int:
        if part.blocks is not None:
            return part.blocks
        one_s = plan.expected_s(self.effort.suite(part, 1)) / 2 * self.pace
        left_s = self.effort.seconds - (time.monotonic() - self.begun)
        return max(self.effort.least_blocks, min(MOST_BLOCKS, int(left_s * share / one_s) - 1))

    def _part(self, part: Part, blocks: int) -> None:
        suite = self.effort.suite(part, blocks)
        progress = self.follower.begin(part, blocks)
        begun = time.monotonic()
        try:
            run, problem = self._run(part, suite, progress)
        except EnvironmentUnavailable as error:
            self.rows += _impossible(part, error.message)
            return
        if part.blocks is None:
            self.pace = (time.monotonic() - begun) / plan.expected_s(suite)
        self.runs.append(run)
        part_rows = judging.judge(part, run)
        self.rows += [rows.because(row, problem) for row in part_rows] if problem else part_rows

    def _run(self, part: Part, suite: Suite, progress: Tell) -> tuple[Run, str]:
        """The stored run, and why its fault was not injected; empty if it was."""
        stopping: list[Stopping] = []

        def following(testbed: Testbed) -> Tell:
            if part.name != "clock" or not isinstance(testbed, HostTestbed):
                return progress
            stopping.append(Stopping(progress, testbed.session, testbed.base, parts.STOPPED))
            return stopping[0]

        done = conduct.conduct(
            suite,
            plan.make(suite),
            image=self.image if suites.takes_image(suite) else None,
            results=self.results,
            progress=following,
            command=("vbench", "validate", "--part", part.name),
            tags={"validation": self.name},
        )
        return store.load(done.folder), stopping[0].problem if stopping else ""


def _impossible(part: Part, why: str) -> list[Row]:
    return [rows.impossible(part.title, check, target, why) for check, target in part.checks]
