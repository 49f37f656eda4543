"""Conducts one run from suite to closed folder: opens the testbed, refuses what cannot run, executes, finishes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from vbench import __version__, facts, store
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import Identity, Image
from vbench.contracts import Environment, Host, Testbed
from vbench.errors import RunFolderError, UsageError
from vbench.host import interrupts, processors
from vbench.host.local import LocalHost
from vbench.model import SCHEMA, Facts, Manifest, Plan, Resumption, Run, State
from vbench.runner import adaptive, resumption
from vbench.runner.asking import refuse_missing_above
from vbench.runner.clocks import Clocks
from vbench.runner.events import Count, Tell
from vbench.runner.host import rooted, testbed_of_run
from vbench.runner.ledger import Ledger
from vbench.runner.refusing import Fit, fit, refuse
from vbench.runner.running import Runner
from vbench.store import Writer, privacy
from vbench.suite import Suite
from vbench.testbed.undo import abandoned, sweep
from vbench.units import show_duration

_CLOCKS, _HERE = Clocks(), LocalHost()


@dataclass(frozen=True)
class Conducted:
    """The folder of a run that ended, and the count of its trials."""

    folder: Path
    count: Count
    stopped: str = ""  # why the run ended before its last block: too little time
    analysed: int = 0  # blocks that enter the costs
    voided: str = ""  # why the last voided block was voided


def conduct(
    suite: Suite,
    plan: Plan,
    *,
    image: Image | None,
    results: Path,
    progress: Callable[[Testbed], Tell],
    command: tuple[str, ...],
    tags: dict[str, str],
    stored: Callable[[Path], None] = lambda folder: None,
    until_s: float | None = None,
    clocks: Clocks = _CLOCKS,
    host: Host = _HERE,
) -> Conducted:
    """Runs `plan` and stores it under `results`; `stored` is told the folder on every way out that has one.

    No block begins that would not end before `until_s` of the monotonic clock. Raises EnvironmentUnavailable before
    anything is stored, and what Runner.run raises afterwards.
    """
    refuse_short(2 * plan.expected_s / len(plan.blocks), until_s, "the calibration and one block are", clocks)
    known = facts.collect(host.session)
    with rooted(suite, host.session) as session:
        refuse(suite, host.through(session), known, image)
    run_id = store.run_id(suite.name)
    with testbed_of_run(suite, image, run_id, known, host) as testbed:
        refuse_missing_above(suite, testbed)
        manifest = _manifest(suite, plan, run_id, image=image, command=command, tags=tags, here=host.identity())
        with store.create(results, manifest, clean=_clean(host)) as writer:
            look, now = adaptive.looking(suite, manifest), fit(suite, testbed.host.files, known)
            runner = Runner(
                suite,
                plan,
                testbed,
                writer,
                progress(testbed),
                look,
                apart=_apart(plan, now),
                grouped=now.why if plan.groups else "",
                quota=facts.quota_of(known),
                until_s=until_s,
                clocks=clocks,
            )
            return _executed(runner, writer, image, stored)


def resume(
    folder: Path,
    given_suite: Suite | None,
    *,
    progress: Callable[[Suite, Run], Tell],
    stored: Callable[[Path], None] = lambda folder: None,
    say: Callable[[str], None] = lambda words: None,
    until_s: float | None = None,
    clocks: Clocks = _CLOCKS,
    host: Host = _HERE,
) -> Conducted:
    """Goes on with the run in `folder` as it was planned; `given_suite` is its suite once more, if need be.

    `say` is told what was damaged and what is different of the host. Raises RunFolderError, UsageError and
    EnvironmentUnavailable while the folder is as it was.
    """
    here, clean = host.identity(), _clean(host)
    store.refuse_foreign(folder)
    with store.reopen(folder, clean=clean) as writer:
        run = store.load(folder)
        manifest, plan = run.manifest, run.manifest.plan
        resumption.refuse_other_tool(manifest, resumption.sources())
        suite = resumption.suite_of(manifest, given_suite, clean)
        image = _image_of(manifest)
        look = adaptive.looking(suite, manifest)
        ledger, block = _ledger(run, look, here)
        if block is not None:
            refuse_short(ledger.next_s(), until_s, "what comes next is", clocks)
        # Before anything of the suite is made or run: on another host, or in a hostile folder, it may say anything.
        known = _known(suite, host)
        resumption.refuse_other_host(run, resumption.differences(run, known, clean), here)
        with testbed_of_run(suite, image, manifest.run_id, known, host) as testbed:
            engines = suites.engines(suite)
            known_now = facts.of_host(testbed.session, engines, cpu=testbed.cpus[0])
            differences = resumption.differences(run, known_now, clean, engines)
            resumption.refuse_other_host(run, differences, here)
            refuse(suite, testbed.host, known, image)
            for words in (*run.warnings, *differences.others):
                say(words)
            _sweep(suite, manifest.run_id, host, say)
            refuse_missing_above(suite, testbed)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            now = fit(suite, testbed.host.files, known)
            writer.take_up(Resumption(at, block, differences.others, here.marks(manifest.run_id)[1]))
            runner = Runner(
                suite,
                plan,
                testbed,
                writer,
                progress(suite, run),
                look,
                apart=_apart(plan, now),
                grouped=now.why if plan.groups else "",
                quota=facts.quota_of(known),
                ledger=ledger,
                until_s=until_s,
                clocks=clocks,
            )
            return _executed(runner, writer, image, stored)


def _apart(plan: Plan, now: Fit) -> str:
    """Why not even the arms of a group can be alive together: less may be free than when the plan was made."""
    return now.why if now.alive < max(map(len, plan.groups or (plan.environments,))) else ""


@contextmanager
def prepared(suite: Suite, testbed: Testbed) -> Iterator[None]:
    """Prepares each environment on the host once, however many arms have its settings.

    A stacked environment is prepared at each start, since the environment beneath it starts anew.
    """
    environments: list[Environment] = []
    with interrupts.unwinding() as stack:
        for arm in suite.environments.values():
            if arm.on is None and arm.environment not in environments:
                environments.append(arm.environment)
                stack.enter_context(arm.environment.prepared(testbed.session, testbed))
        yield


def _executed(runner: Runner, writer: Writer, image: Image | None, stored: Callable[[Path], None]) -> Conducted:
    state, changed = State.PARTIAL, None
    try:
        with prepared(runner.suite, runner.testbed):
            runner.run()
        state = State.PARTIAL if runner.stopped else State.COMPLETE
    finally:
        with interrupts.held():
            try:
                changed = _changed(image)
                if image and changed:
                    state = State.PARTIAL
                    writer.rename_image(image.digest, f"changed-{writer.manifest.run_id}")
                finish(writer, state)
            finally:  # on a full disk the manifest stays as it was, and the run can be reported all the same
                stored(writer.folder)
    if changed:
        raise changed
    return Conducted(writer.folder, runner.count, runner.stopped, runner.analysed, runner.voided)


def _changed(image: Image | None) -> images.ImageChanged | None:
    """Why the executed files may differ from those that the image's digest names; None if they are the same."""
    if image is None:
        return None
    try:
        images.refuse_changed(image)
    except images.ImageChanged as error:
        return images.ImageChanged(
            f"{error.message}; that happened while they were measured, so the run does not name the image",
            hint=error.hint,
        )
    return None


def finish(writer: Writer, state: State) -> None:
    """Tables first, so that they have checksums; a run whose tables could not be written is finished all the same."""
    try:
        if state is State.COMPLETE:
            from vbench.frames import parquet  # pandas and duckdb, which must not be in memory while a trial runs

            parquet.write(writer.folder)
    finally:
        writer.finish(state)


def refuse_short(needed_s: float, until_s: float | None, what: str, clocks: Clocks) -> None:
    """Raises UsageError if fewer than `needed_s` seconds are left until `until_s`."""
    if until_s is None or clocks.monotonic_s() + needed_s <= until_s:
        return
    raise UsageError(
        f"{what} expected to take {show_duration(needed_s)}, more than --max-time leaves",
        hint="give more time, or take fewer environments or benchmarks",
    )


def _clean(host: Host) -> privacy.Clean:
    """Takes out the names of this host and of the measured one."""
    return privacy.of_hosts([_HERE.identity(), host.identity()])


def _known(suite: Suite, host: Host) -> Facts:
    """The host's facts, read by vbench's own commands and without any environment."""
    cpu = processors.find(host.session, suite.testbed.cpus, suite.testbed.cpu_list).environment[0]
    return facts.of_host(host.session, cpu=cpu)


def _ledger(run: Run, look: adaptive.Looking | None, here: Identity) -> tuple[Ledger, int | None]:
    """The ledger of the stored run, and the first block that is not whole; None if nothing is left to measure."""
    plan = run.manifest.plan
    torn = {item.block for item in run.manifest.resumed if item.block is not None}
    ledger = Ledger.of(
        plan,
        trials=run.trials,
        voids=run.voids,
        looks=run.looks,
        readings=run.readings,
        torn=torn,
        rebooted=resumption.rebooted(run.manifest, here),
    )
    block = next((block.index for block in plan.blocks if not ledger.whole(block)), None)
    if block is None or _seen_enough(ledger, block, look):
        return ledger, None
    ledger.torn |= {block}
    return ledger, block


def _seen_enough(ledger: Ledger, block: int, look: adaptive.Looking | None) -> bool:
    """Whether the look that was due before `block` ends the run, as Runner will ask it again."""
    if look is None or block < 2 or ledger.begun_after(block - 1):
        return False
    return (ledger.look(block - 1) or look(ledger.trials, ledger.voids, ledger.looks)).stop


def _image_of(manifest: Manifest) -> Image | None:
    """The image that the run began with, even if there is a newer one."""
    if not manifest.image:
        return None
    image = images.find(manifest.image)
    if image is None:
        raise RunFolderError(
            f"the image of {manifest.run_id} is not here: {manifest.image[:12]}",
            hint="`vbench image list` shows those that are; another image would be another run",
        )
    return image


def _sweep(suite: Suite, run_id: str, host: Host, say: Callable[[str], None]) -> None:
    """Removes what this run left when it was killed, since it would disturb the trials."""
    for folder in abandoned(host, PurePosixPath(suite.testbed.scratch)):
        if folder.name.startswith(f"vbench-{run_id}-"):
            for undone in sweep(host, folder):
                say(f"removed {undone}")


def _manifest(
    suite: Suite,
    plan: Plan,
    run_id: str,
    *,
    image: Image | None,
    command: tuple[str, ...],
    tags: dict[str, str],
    here: Identity,
) -> Manifest:
    machine, boot = here.marks(run_id)
    return Manifest(
        schema=SCHEMA,
        run_id=run_id,
        state=State.RUNNING,
        tool=__version__,
        suite=suite.name,
        suite_text=suite.text,
        seed=plan.seed,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        image=image.digest if image else "",
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        plan=plan,
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
        ladders=suite.ladders,
        command=command,
        tags=tags,
        machine=machine,
        boot=boot,
        sources=resumption.sources(),
    )
