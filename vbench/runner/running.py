"""Executes a plan: stores what each start yields, tells of it, and repeats what a gate voids."""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import compress
from typing import TypeVar, assert_never

from msgspec.structs import replace

from vbench import facts, gates
from vbench import suite as suites
from vbench.contracts import Testbed
from vbench.model import Block, Look, Measured, Plan, Reading, Step, Trial, Void
from vbench.reasons import Reason
from vbench.runner import adaptive
from vbench.runner.arm import ArmTrials, Described, Item
from vbench.runner.calibration import refuse_barren, refuse_over_budget
from vbench.runner.clocks import Clocks
from vbench.runner.events import (
    Began,
    BenchmarkBegan,
    BlockBegan,
    Count,
    Ended,
    Looked,
    Parted,
    StepBegan,
    Tell,
    TrialEnded,
    Voided,
)
from vbench.runner.ledger import Ledger
from vbench.runner.rig import Rig
from vbench.runner.step import StepTrials
from vbench.runner.together import TogetherTrials
from vbench.store import Writer, storable
from vbench.suite import Suite
from vbench.suite import plan as plans
from vbench.text import reasons_text
from vbench.units import show_duration

T = TypeVar("T", bound=ArmTrials)
HOST = "host"  # the name that the host's own facts have


@dataclass
class Runner:
    """One run: executes the steps of a plan on a testbed, and stores the trials with a writer."""

    suite: Suite
    plan: Plan
    testbed: Testbed
    writer: Writer
    tell: Tell
    look: adaptive.Looking | None = None  # after each block of an adaptive run
    ledger: Ledger | None = None  # the stored part of a resumed run
    until_s: float | None = None  # no block begins that would end after this, on the monotonic clock
    clocks: Clocks = field(default_factory=Clocks)
    apart: str = ""  # why no two arms can be alive together on this host
    grouped: str = ""  # why not all of them can
    quota: float | None = None  # processors that the harness's own control group allows
    count: Count = field(default_factory=Count)
    stopped: str = ""  # why the run ended before its last block: too little time
    analysed: int = 0  # blocks that enter the costs
    _loops: dict[tuple[str, str, bool], int] = field(default_factory=dict)  # arm, benchmark, and whether in slices
    _described: set[str] = field(default_factory=set)
    _earlier_s: float = 0.0  # that the stored part of a resumed run took
    _begun_s: float = 0.0

    def __post_init__(self) -> None:
        self._ledger = self.ledger or Ledger(self.plan)
        self._earlier_s, self._begun_s = self._ledger.elapsed_s(), self.clocks.monotonic_s()
        self._rig = Rig(self.suite, self.testbed, self.writer.raw, self.clocks, self.quota)
        for trial in self._ledger.trials:
            self._learn(trial)
            self.count.add(trial.outcome)
        self._described |= self.writer.described() if self.ledger else set()

    def run(self) -> Count:
        """Runs every block. Failed and skipped trials are stored and counted.

        Raises StopFailed, NoSpace, and of the calibration EnvironmentUnavailable and OverBudget.
        """
        refuse_barren(self._ledger)
        if HOST not in self._described:
            engines = suites.engines(self.suite)
            self.writer.facts(HOST, facts.of_host(self.testbed.host.session, engines, cpu=self.testbed.cpus[0]))
        interleave = self.suite.method.interleave
        self.tell(Began(self.plan, self.apart if interleave else "", self.grouped if interleave else ""))
        for planned in self.plan.blocks:
            block = _narrowed(planned, self._ledger.planned.benchmarks(planned.index))
            self._until_valid(block)
            if self.stopped or self._seen_enough(block):
                break
            if not block.index and (restless := self._ledger.restless()):
                self.tell(Parted(restless, all_alone=self.plan.baseline in restless))
            if not block.index and not self.ledger:  # a user who resumes a run over its budget was told before
                refuse_over_budget(self._ledger, self.suite.method.least)
        self.analysed = self._ledger.analysed()
        self.tell(Ended(self.analysed))
        return self.count

    @property
    def voided(self) -> str:
        """Why the last voided attempt was voided; empty if none was."""
        return reasons_text(self._ledger.voids[-1].reasons) if self._ledger.voids else ""

    def _seen_enough(self, block: Block) -> bool:
        """Whether the look of an adaptive run ends it. A resumed run has looked after every block before its last."""
        if not self.look or not block.index or self._ledger.begun_after(block.index):
            return False
        look = self._ledger.look(block.index)
        if look is None:
            look = self.look(self._ledger.trials, self._ledger.voids, self._ledger.looks)
            self._keep(look)
        if not look.stop and (spent := self._budget_spent(block)):
            look = spent
            self._keep(look)
        return look.stop

    def _keep(self, look: Look) -> None:
        """Stores and tells a look. Between the looks that the rule fixed, none says anything."""
        if look.words:
            self.writer.note(look)
            self._ledger.looks.append(look)
        self.tell(Looked(look))

    def _budget_spent(self, block: Block) -> Look | None:
        """The end of an adaptive run that has its fewest blocks and would exceed its budget with one more."""
        done, budget_s = block.index, self.plan.budget_s
        if not self.suite.method.least <= done < len(self.plan.blocks) - 1:
            return None
        spent_s = self._earlier_s + self.clocks.monotonic_s() - self._begun_s
        if spent_s + self._ledger.block_s(done + 1) <= budget_s:
            return None
        return Look(done, True, f"after {done} blocks: the budget of {show_duration(budget_s)} allows no more")

    def _until_valid(self, block: Block) -> None:
        """Runs a block, and repeats it in its own order while a gate voids it and repeats are left."""
        while (attempt := self._ledger.attempt(block.index)) is not None:
            broken = self._broken(block, attempt)
            if broken:
                self._void(Void(block.index, attempt, (broken,), harness=True))
                continue
            if self._ledger.left(block.index, attempt):
                self.stopped = self._out_of_time(block, attempt)
                if self.stopped:
                    return
                self.tell(BlockBegan(block))
                self._attempt(block, attempt)
            reasons = self._reasons(block, attempt)
            if not reasons:
                return
            self._void(Void(block.index, attempt, reasons))

    def _broken(self, block: Block, attempt: int) -> Reason | None:
        if not self._ledger.left(block.index, attempt):
            return None
        now_s = self.clocks.unix_s()
        return self._ledger.broken(block.index, attempt, now_s=now_s, booted_s=now_s - self.testbed.host.uptime_s())

    def _out_of_time(self, block: Block, attempt: int) -> str:
        if self.until_s is None:
            return ""
        needed_s = self._ledger.part_s(block.index, attempt)
        if self.clocks.monotonic_s() + needed_s <= self.until_s:
            return ""
        what = f"block {block.index}" if block.index else "the calibration"
        return f"{what} is expected to take {show_duration(needed_s)}, more than is left"

    def _void(self, void: Void) -> None:
        self.writer.note(void)
        self._ledger.voids.append(void)
        self.tell(Voided(void))

    def _attempt(self, block: Block, attempt: int) -> None:
        """Runs one pass over the environments, group after group, without the trials that are stored."""
        for part in plans.parts(block):
            self._part(part, attempt)
            if not block.index:
                refuse_barren(self._ledger)

    def _part(self, block: Block, attempt: int) -> None:
        """Runs one group of a block."""
        steps = [step for step in block.steps if not self._kept(block, attempt, step) >= self._planned(block, step)]
        together = self._together(block)
        alive = [step for step in steps if step.environment in together]
        # Together they have the baseline's place: what is measured apart comes before it as often as after.
        place = next((step for step in alive if step.environment == self.plan.baseline), next(iter(alive), None))
        for step in steps:
            if step.environment not in together:
                self.tell(StepBegan(block, step))
                trials = self._trials(StepTrials, block, step, attempt)
                self._take_all(trials.run(), [trials])
                if not block.index:
                    refuse_barren(self._ledger)
            elif step == place:
                arms = [self._trials(ArmTrials, block, of, attempt) for of in alive]
                self._take_all(TogetherTrials(self._rig, block, attempt, arms).run(), arms)

    def _kept(self, block: Block, attempt: int, step: Step) -> frozenset[str]:
        return self._ledger.stored(block.index, attempt, step.environment, step.group)

    def _planned(self, block: Block, step: Step) -> set[str]:
        return set(self._ledger.planned.benchmarks(block.index, step.environment, step.group))

    def _together(self, block: Block) -> frozenset[str]:
        """The arms that are alive together in a group: none, or all but those that disturbed the others when idle."""
        if not block.turns or self.apart:
            return frozenset()
        quiet = frozenset(step.environment for step in block.steps) - self._ledger.restless().keys()
        return quiet if self.plan.baseline in quiet and len(quiet) > 1 else frozenset()

    def _reasons(self, block: Block, attempt: int) -> tuple[Reason, ...]:
        """Why an attempt is void; empty if it is not. The calibration is never analysed, so it is never void."""
        if block.index == 0 or self.suite.method.gates != "void":
            return ()
        trials = [of for of in self._ledger.trials if (of.block, of.attempt) == (block.index, attempt)]
        per_judgement = [gates.judge_trial(trial) for trial in trials]
        readings = self._ledger.readings(block.index, attempt)
        per_judgement += [gates.judge(reading, self.testbed.host.ticks_per_s) for reading in readings]
        return tuple(dict.fromkeys(reason for reasons in per_judgement for reason in reasons))

    def _trials(self, kind: type[T], block: Block, step: Step, attempt: int) -> T:
        """The trials of one start, without those that are stored."""
        arm = step.environment
        key, in_slices = self._settings_of(arm), kind is ArmTrials
        loops = {name: count for name in block.benchmarks if (count := self._loops.get((key, name, in_slices)))}
        kept = self._kept(block, attempt, step)
        settled = frozenset(self.plan.benchmarks) - self._planned(block, step)
        return kind(self._rig, block, step, attempt, kept, settled, loops, describes=arm not in self._described)

    def _take_all(self, items: Generator[Item, None, None], arms: Sequence[ArmTrials]) -> None:
        """Stores what these starts yield: trials that are not kept, and the host's counters."""
        try:
            with closing(items):
                for item in items:
                    self._take(item)
        finally:
            for arm in arms:
                self._name_evidence(arm.name, arm.evidence)
        self._described |= {arm.name for arm in arms if arm.has_described}

    def _take(self, item: Item) -> None:
        match item:
            case StepBegan() | BenchmarkBegan():
                self.tell(item)
            case Trial():
                self._store(item)
            case Reading():
                self.writer.note(item)
                self._ledger.read(item)
            case Described(record, arm_facts):
                self.writer.facts(record.name, arm_facts)
                self.writer.record(record)
            case other:
                assert_never(other)

    def _name_evidence(self, arm: str, paths: Mapping[str, tuple[str, ...]]) -> None:
        """The record of the arm's stack names the files of the first start that has any."""
        record = next(arm_record for arm_record in self.writer.manifest.environments if arm_record.name == arm)
        if paths and not any(layer.evidence for layer in record.stack):
            named = (replace(layer, evidence=paths.get(layer.environment, ())) for layer in record.stack)
            self.writer.record(replace(record, stack=tuple(named)))

    def _store(self, trial: Trial) -> None:
        """Writes a trial to disk, then counts and tells it exactly as the journal will be read."""
        trial = storable(trial)
        self.writer.append(trial)
        self._learn(trial)
        self._ledger.add(trial)
        self.count.add(trial.outcome)
        self.tell(TrialEnded(trial))

    def _learn(self, trial: Trial) -> None:
        """Keeps the number of loops of a sample, which the first trial of each arm and benchmark fixed.

        A slice and a sample of a whole trial differ in length.
        """
        if isinstance(trial.outcome, Measured) and trial.outcome.loops is not None:
            key = (self._settings_of(trial.environment), trial.benchmark, trial.own_s is not None)
            self._loops.setdefault(key, trial.outcome.loops)

    def _settings_of(self, arm: str) -> str:
        """The control is the baseline: it runs with the same loops."""
        return self.plan.baseline if arm == self.plan.control else arm


def _narrowed(block: Block, benchmarks: Collection[str]) -> Block:
    """The block with these benchmarks alone, in its own order."""
    kept = [name in benchmarks for name in block.benchmarks]
    return replace(block, benchmarks=tuple(compress(block.benchmarks, kept)), turns=tuple(compress(block.turns, kept)))
