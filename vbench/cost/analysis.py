"""The one analysis of a run, from which the report, the exports and the live view take their answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from msgspec import Struct

from vbench.cost.blocks import Voided, voided
from vbench.cost.cells import comparisons
from vbench.cost.conditions import Conditions, conditions
from vbench.cost.design import COST, Design
from vbench.cost.families import FamilyCost, families
from vbench.cost.ladders import Climb, climb
from vbench.cost.spending import Spending, spending
from vbench.cost.steadiness import Steadiness, steadiness
from vbench.cost.trials import Attempts, Planned, why_no_number
from vbench.cost.verdicts import Finding, findings
from vbench.model import Cost, Look, Reading, Run, State, Trial, Void


class Use(Struct, frozen=True):
    """The contribution of one metric of one trial to the costs; `why` is empty exactly when it is used."""

    used: bool
    why: str = ""
    cost: float | None = None
    difference: float | None = None


@dataclass(frozen=True, eq=False)
class Analysis:
    """A design and the trials, voids, readings and looks of a run; each result is computed when it is first asked for.

    `planned` is None where no attempt at a block can be unfinished: see `trials.Attempts`.
    """

    design: Design
    trials: Sequence[Trial]
    voids: Sequence[Void] = ()
    readings: Sequence[Reading] = ()
    looks: Sequence[Look] = ()
    planned: Planned | None = None
    keeps_voided: bool = False

    @classmethod
    def of(cls, run: Run) -> "Analysis":
        manifest = run.manifest
        planned = Planned(manifest.plan, run.looks) if manifest.state is not State.COMPLETE else None
        return cls(Design.of(manifest), run.trials, run.voids, run.readings, run.looks, planned)

    def with_voided(self) -> "Analysis":
        """The same trials as if no gate had voided any: every finished attempt is a block of its own."""
        return replace(self, keeps_voided=True)

    def against(self, baseline: str) -> "Analysis":
        """The same trials with another arm as the baseline."""
        return replace(self, design=self.design.against(baseline))

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(self.trials, self.voids, self.planned, self.keeps_voided)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every contrast with the statistics that led to its verdict. All are judged together."""
        return findings(self.design, comparisons(self.design, self.attempts))

    @cached_property
    def by_kind(self) -> dict[str, tuple[Finding, ...]]:
        """The findings of each kind of contrast."""
        kinds = dict.fromkeys((COST, *(finding.comparison.contrast.kind for finding in self.findings)))
        return {kind: tuple(f for f in self.findings if f.comparison.contrast.kind == kind) for kind in kinds}

    @cached_property
    def costs(self) -> tuple[Cost, ...]:
        """The cost of each arm but the baseline, the control included, for each benchmark and metric.

        A cell without a believable number is there all the same, with None and the reason in `label`.
        """
        return tuple(finding.cost for finding in self.by_kind[COST])

    @cached_property
    def families(self) -> tuple[FamilyCost, ...]:
        return families(self.design, [finding.comparison for finding in self.by_kind[COST]])

    @cached_property
    def ladders(self) -> tuple[Climb, ...]:
        """Each ladder of the suite with what its steps cost."""
        return tuple(climb(ladder, self.findings) for ladder in self.design.ladders)

    @cached_property
    def voided(self) -> Voided:
        return voided(self.design.arms, self.attempts)

    @cached_property
    def conditions(self) -> tuple[Conditions, ...]:
        return conditions(self.design.arms, self.readings)

    @cached_property
    def spending(self) -> Spending:
        return spending([record.name for record in self.design.benchmarks], self.trials, self.looks)

    @cached_property
    def steadiness(self) -> dict[tuple[str, str], Steadiness]:
        return steadiness(self.attempts.used)

    @property
    def not_measured(self) -> tuple[str, ...]:
        """Comparisons that the suite declared confirmatory and this run did not measure."""
        names = {finding.comparison.name for finding in self.by_kind[COST]}
        return tuple(name for name in self.design.confirmatory if name not in names)

    def use(self, trial: Trial, metric: str) -> Use:
        """The contribution of a metric of one of this run's trials to the costs."""
        why = self.attempts.why_unused(trial) or why_no_number(trial, metric)
        if why or trial.environment == self.design.baseline:
            return Use(not why, why)
        cost = self._costs[trial.environment, trial.benchmark, metric]
        ratio = cost.per_block.get(trial.block)
        difference = cost.difference.per_block.get(trial.block) if cost.difference else None
        if ratio is None and difference is None:
            no_pair = cost.label if cost.cost is None and cost.difference is None else ""
            return Use(False, no_pair or "the baseline has no number in this block")
        return Use(True, "", ratio, difference)

    @cached_property
    def _costs(self) -> dict[tuple[str, str, str], Cost]:
        return {(cost.environment, cost.benchmark, cost.metric): cost for cost in self.costs}
