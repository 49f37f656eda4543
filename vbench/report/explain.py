"""Writes `vbench report --explain`: every step from the blocks of one contrast to its verdict, to be checked by hand.

The bootstrap alone cannot be checked with a pocket calculator. Its quantiles are printed with resamples and seed.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

from vbench.cost import COST, Analysis, Climb, Contrast, Finding, Term
from vbench.errors import UsageError, nearest
from vbench.model import Run, Trial
from vbench.report import repetitions, verdicts
from vbench.report.adjusting import adjustment, exactly
from vbench.report.words import SCOPE, seldom
from vbench.stats import bootstrap, equivalence, logs, pvalues, student
from vbench.stats.envelope import LEAST_ENVELOPE, LEAST_INNER, Ends, Envelope, Inner
from vbench.stats.judgement import NO_CONTROL, Judged
from vbench.stats.verdict import ALPHA, Rule, excludes_zero
from vbench.text import number, percent, plain, reasons_text
from vbench.units import DASH

WIDTH = 14
_LETTERS = {Rule.CONTROL_DIFFERS: "a", Rule.WITHIN_MARGIN: "b", Rule.EXCLUDES_NONE: "c", Rule.NOTHING_SHOWN: "d"}


def explain(run: Run, what: str, arm: str, *, analysis: Analysis | None = None) -> str:
    """Plain text, a part for each metric: the cost of `arm` in the benchmark `what`, or its step on the ladder `what`.

    For the last arm of a ladder the text also explains the whole ladder. Raises UsageError for unknown names.
    """
    analysis = analysis or Analysis.of(run)
    is_ladder = what not in [record.name for record in run.manifest.benchmarks]
    ladder = next((climb for climb in analysis.ladders if is_ladder and climb.ladder.name == what), None)
    if ladder is not None:
        return explained(run, _on_ladder(run, ladder, arm), analysis)
    _check(run, what, arm)
    costs = analysis.by_kind[COST]
    return explained(run, [f for f in costs if (f.cost.benchmark, f.cost.environment) == (what, arm)], analysis)


def explained(run: Run, findings: Sequence[Finding], analysis: Analysis) -> str:
    """Plain text that explains several contrasts of one benchmark."""
    contrast, benchmark = findings[0].comparison.contrast, findings[0].comparison.benchmark
    head = (f"{_compared(contrast)} in {benchmark}, run {run.manifest.run_id}", SCOPE, "")
    parts = chain(head, *(_Explanation(run, finding, analysis).lines() for finding in findings))
    return plain("\n".join(parts)) + "\n"


def _compared(contrast: Contrast) -> str:
    arms = [arm for arm, _ in contrast.weights]
    two = f"{arms[0]} against {arms[1]}"
    if len(arms) > 2:
        return f"{contrast.name}, an {contrast.kind} of {len(arms)} arms,"
    return two if contrast.kind == COST else f"{two}, a {contrast.kind},"


def _on_ladder(run: Run, climb: Climb, arm: str) -> list[Finding]:
    first, *others = climb.ladder.arms
    if arm == first:
        raise UsageError(f"{arm} is the first arm of {climb.ladder.name}: no step leads to it", hint=", ".join(others))
    if arm not in others:
        hint = nearest(arm, others)
        raise UsageError(f"the ladder {climb.ladder.name} of {run.manifest.run_id} has no arm {arm!r}", hint=hint)
    steps = [step for step in climb.steps if step.comparison.environment == arm]
    return [*steps, climb.whole] if arm == others[-1] and len(others) > 1 else steps


def _check(run: Run, benchmark: str, environment: str) -> None:
    manifest = run.manifest
    benchmarks = [record.name for record in manifest.benchmarks]
    environments = [record.name for record in manifest.environments if record.name != manifest.baseline]
    if benchmark not in benchmarks:
        hint = nearest(benchmark, [*benchmarks, *(ladder.name for ladder in manifest.ladders)])
        if benchmark in environments and environment in benchmarks:
            hint = f"the benchmark comes first: --explain {environment} {benchmark}"
        raise UsageError(f"{manifest.run_id} has no benchmark {benchmark!r}", hint=hint)
    if environment == manifest.baseline:
        hint = f"compared with it: {', '.join(environments)}"
        raise UsageError(f"{environment} is the baseline: it has no cost", hint=hint)
    if environment not in environments:
        raise UsageError(
            f"{manifest.run_id} has no environment {environment!r}", hint=nearest(environment, environments)
        )


class _Explanation:
    """The part of the text that explains one metric."""

    def __init__(self, run: Run, finding: Finding, analysis: Analysis) -> None:
        self.run, self.finding, self.analysis, self.everything = run, finding, analysis, analysis.findings
        self.cost, self.comparison, self.judged = finding.cost, finding.comparison, finding.judged
        self.is_ratio = self.comparison.pairs.is_ratio

    def lines(self) -> Iterator[str]:
        cost = self.cost
        yield f"=== {cost.benchmark} {cost.metric} [{cost.unit}], {cost.better} is better"
        yield ""
        yield from self._blocks()
        if self.judged.envelope.mean is None:
            yield f"No cost: {cost.label}."
            yield ""
            return
        yield from self._mean()
        yield from self._intervals()
        yield from self._floor()
        yield from self._rules()
        yield from self._host_cpu()
        yield from self._repetitions()
        yield ""

    # --- numbers --------------------------------------------------------------------------------------------------

    def _turns(self) -> Iterator[str]:
        """How near in time the trials of a block are."""
        trials = [trial for term in self.comparison.terms for trial in self._trials(term).values()]
        if not trials or any(trial.turn is None for trial in trials):
            return
        rounds = sorted({trial.rounds for trial in trials})
        slices = "one slice" if rounds == [1] else f"{' or '.join(map(str, rounds))} slices"
        yield f"The arms took turns: each trial has {slices}, between those of the other arms."
        own = [term for term in self.comparison.terms if not term.where]
        if len({term.group for term in own}) > 1:
            groups = " and ".join(f"{term.arm} in group {term.group}" for term in own)
            yield f"They were alive in several groups, each beside the baseline, to which d compares it: {groups}."

    def _blocks(self) -> Iterator[str]:
        terms = self.comparison.terms
        width = WIDTH + max(len(term.where) for term in terms)
        columns = list(reversed(list(zip(terms, self.comparison.values, strict=True))))
        yield f"1. Blocks: d = {self._formula()}, so that above 0 is worse. Each number is the median of its trial."
        yield from self._turns()
        heads = " ".join(f"{term.arm[:WIDTH] + term.where:>{width}}" for term, _ in columns)
        yield f"{'block':>7} {heads} {'d':>{width}}"
        d = dict(zip(self.comparison.pairs.blocks, self.comparison.pairs.d, strict=True))
        for block in sorted(set().union(*self.comparison.values)):
            values = (*(of.get(block) for _, of in columns), d.get(block))
            yield f"{block:>7} " + " ".join(f"{_figure(value):>{width}}" for value in values)
        for block, why in self.comparison.unpaired.items():
            yield f"{block:>7} no pair: {why}"
        for void in self.run.voids:
            if void.block >= 1:
                yield f"{void.block:>7} voided (attempt {void.attempt + 1}), in all arms: {reasons_text(void.reasons)}"
        yield ""

    def _trials(self, term: Term) -> dict[int, Trial]:
        return self.analysis.attempts.used.get((term.arm, term.group, self.comparison.benchmark), {})

    def _formula(self) -> str:
        sign = 1 if self.cost.better == "lower" else -1
        weighted = ((sign * term.weight, term.name) for term in self.comparison.terms)
        terms = sorted(weighted, key=lambda term: -term[0])
        if len(terms) == 2:
            (_, first), (_, second) = terms
            return f"ln({first} / {second})" if self.is_ratio else f"{first} - {second}"
        text = " ".join(f"{'+' if weight > 0 else '-'} {_term(weight, arm, self.is_ratio)}" for weight, arm in terms)
        return text.removeprefix("+ ")

    def _mean(self) -> Iterator[str]:
        envelope, n = self.judged.envelope, self.judged.envelope.blocks
        yield "2. Mean and spread"
        yield f"n = {n}, mean = sum of d / n = {_figure(envelope.mean)}"
        if self.is_ratio:
            yield f"cost = exp(mean) = {number(self.cost.cost)}"
        if envelope.spread:
            error = _figure(envelope.spread / math.sqrt(n))
            yield f"s = sqrt(sum of (d - mean)^2 / (n - 1)) = {_figure(envelope.spread)}, s / sqrt(n) = {error}"
        else:
            yield "no spread: n equal values do not say that the next one is equal"
        yield ""

    def _intervals(self) -> Iterator[str]:
        envelope, n = self.judged.envelope, self.judged.envelope.blocks
        yield "3. The 95 % interval of the mean"
        if envelope.t is None or not envelope.spread:
            yield f"none: {envelope.why}"
        else:
            yield f"Student: mean -/+ t(0.975, {n - 1}) * s / sqrt(n), t = {student.quantile(0.975, n - 1):.6g}"
            yield f"    {self._ends(envelope.t)}"
        if envelope.bootstrap is not None and envelope.spread and envelope.mean is not None:
            error = envelope.spread / math.sqrt(n)
            lower, upper = (
                (envelope.mean - envelope.bootstrap[1]) / error,
                (envelope.mean - envelope.bootstrap[0]) / error,
            )
            yield "bootstrap-t: mean - q(0.975) * s / sqrt(n) to mean - q(0.025) * s / sqrt(n)"
            yield f"    q(0.975) = {upper:.6g}, q(0.025) = {lower:.6g}"
            yield f"    of {bootstrap.RESAMPLES} resamples of blocks, numpy's default_rng([{bootstrap.SEED}, {n}])"
            yield f"    {self._ends(envelope.bootstrap)}"
        if envelope.low is not None and envelope.high is not None:
            what = "Student alone: rough" if envelope.label else "envelope, the outer ends of both"
            yield f"{what}: {self._ends((envelope.low, envelope.high))}"
        elif envelope.t is not None:
            yield f"no interval: {envelope.why}"
        other = self.judged.hodges_lehmann
        if other is not None:
            ends = (
                f", {self._ends((other.low, other.high))}" if other.low is not None and other.high is not None else ""
            )
            yield f"For comparison, Hodges-Lehmann (median of all (d_i + d_j) / 2): {_figure(other.centre)}{ends}"
        yield from (f"Suspect: {what}" for what in self.cost.suspects)
        yield seldom(n)
        yield ""

    def _floor(self) -> Iterator[str]:
        yield "4. Noise floor: upper 95 % bound of |mean d| of the control"
        control = self._control()
        envelope = control.judged.envelope if control else None
        if envelope is None or self.judged.floor is None or envelope.mean is None or not envelope.spread:
            yield "unknown: the control has too few blocks or no spread"
        else:
            t = student.quantile(0.95, envelope.blocks - 1)
            yield f"control: n = {envelope.blocks}, mean = {_figure(envelope.mean)}, s = {_figure(envelope.spread)}"
            scale, terms = self.comparison.floor_scale, len(self.comparison.terms)
            alone = self._length(self.judged.floor / scale)
            yield f"|mean| + t(0.95, {envelope.blocks - 1}) * s / sqrt(n), t = {t:.6g}: {alone}"
            if scale != 1:
                yield f"times sqrt(sum of squared weights / 2) = {scale:.6g}, since d has {terms} arms and"
                yield f"the control's has two: {self._length(self.judged.floor)}"
        yield ""

    # --- the rules, in their order --------------------------------------------------------------------------------

    def _rules(self) -> Iterator[str]:
        envelope = self.judged.envelope
        yield "5. Rules, the first that holds gives the verdict"
        if envelope.blocks < LEAST_ENVELOPE:
            yield f"none is asked: {self.cost.reason}"
            yield f"Verdict: {self.cost.verdict or 'none'}"
            return
        yield from self._control_rule()
        if envelope.spread:
            yield from self._margin_rule()
            yield from self._interval_rule()
        else:
            yield "b) equivalent, and c) slower or faster, need a spread: no"
            yield "d) inconclusive: anything else"
        letter = _LETTERS[self.judged.decision.rule]
        yield f"Verdict by rule {letter}: {self.cost.verdict} ({self.cost.role}): {self.cost.reason}"
        if excluded := verdicts.excluded(self.cost):
            yield f"By the ends of the 95 % interval {excluded}"
        yield ""
        yield from self._detectable()

    def _detectable(self) -> Iterator[str]:
        smallest, envelope = self.judged.decision.detectable, self.judged.envelope
        if smallest is None:
            return
        wider = 1.0
        if envelope.half_width is not None and envelope.t is not None:
            wider = max(1.0, 2 * envelope.half_width / (envelope.t[1] - envelope.t[0]))
        df = envelope.blocks - 1
        yield "6. Smallest cost that would show four times in five at this n and s"
        yield f"(w * t(0.975, {df}) + t(0.8, {df})) * s / sqrt(n), w = {wider:.6g} (the interval against Student's),"
        yield f"t(0.8, {df}) = {student.quantile(0.8, df):.6g}: {self._length(smallest)}"

    def _host_cpu(self) -> Iterator[str]:
        base_s, own_s = self.cost.baseline_cpu_s_per_operation, self.cost.cpu_s_per_operation
        if base_s is None and own_s is None:
            return
        times = f" ({number(own_s / base_s)} times)" if base_s and own_s is not None else ""
        arms = [term.name for term in reversed(self.comparison.terms[:2])]
        yield ""
        yield "Host CPU seconds for each operation, by all that served the environment: the median over the blocks"
        yield f"    {_figure(base_s)} in {arms[0]}, {_figure(own_s)} in {arms[1]}{times}"
        yield "    from the first operation of a trial to its last, set-up apart"

    def _repetitions(self) -> Iterator[str]:
        cost = self.cost
        pilots = [
            repetitions.lines(term.name, cost.metric, self._trials(term))
            for term in reversed(self.comparison.terms)
            if cost.unit == "s"
        ]
        lines = list(chain.from_iterable(pilots))
        if lines:
            yield ""
            yield "7. Where the spread comes from, and how many values a trial pay best (Kalibera and Jones, ISMM 2013)"
            yield from lines

    def _control_rule(self) -> Iterator[str]:
        control = self._control()
        yield f"a) withheld, if the control differs from the baseline: its p after Holm is at most {ALPHA}"
        if control is None or not control.judged.envelope.blocks:
            yield f"   {NO_CONTROL}: no"
        elif control.judged.counted:
            adjusted_p = control.judged.p_adjusted
            yield from self._p_of_control(control.judged)
            yield from (f"   {line}" for line in adjustment(control, self.everything))
            yield f"   adjusted p = {exactly(adjusted_p)}: {_answer(holds=adjusted_p <= ALPHA)}"
        elif control.judged.envelope.blocks < LEAST_ENVELOPE:
            yield f"   the control has {control.judged.envelope.blocks} of the {LEAST_ENVELOPE} blocks that p needs: no"
        else:
            mean, rounding = _figure(control.judged.envelope.mean), control.comparison.pairs.rounding
            yield f"   the control has no spread, so no p: its d is {mean} in every block"
            holds = control.judged.differs_for_certain
            yield f"   it differs for certain, if |d| is more than rounding, {rounding:.3g}: {_answer(holds=holds)}"

    def _p_of_control(self, control: Judged) -> Iterator[str]:
        envelope = control.envelope
        if envelope.low is None:
            yield f"   the control has no interval: {envelope.why}"
            yield f"   to withhold, Student's p is enough: n = {envelope.blocks}, mean = {_figure(envelope.mean)},"
            spread, df = _figure(envelope.spread), envelope.blocks - 1
            yield f"   s = {spread}, p = 2 * P(T > |mean| / (s / sqrt(n))), {df} degrees"
        else:
            yield from (f"   {line}" for line in _beyond(envelope))
        yield f"   p = {exactly(control.p)}"

    def _margin_rule(self) -> Iterator[str]:
        envelope, delta = self.judged.envelope, self.run.manifest.delta
        margin = equivalence.margin_of(delta) if self.is_ratio else self.judged.hypothesis.margin
        if margin is None:
            yield "b) equivalent: no margin was set in this unit: no"
            return
        name = f"ln(1 + {delta:g}) = {margin:.6g}" if self.is_ratio else f"{margin:g} {self.comparison.pairs.unit}"
        yield f"b) equivalent, if the 90 % interval lies within the margin, -/+ {name}"
        if envelope.inner is None:
            yield f"   no interval: {envelope.why}: no"
            return
        yield from self._inner(envelope.inner)
        tested = equivalence.of(envelope, margin)
        ends = "this interval" if envelope.inner.bootstrap is None else "the outer ends of both"
        yield f"   {ends}: {self._ends((tested.low, tested.high))}: {_answer(holds=tested.holds)}"

    def _inner(self, inner: Inner) -> Iterator[str]:
        envelope, n = self.judged.envelope, self.judged.envelope.blocks
        assert envelope.mean is not None
        assert envelope.spread is not None
        t, error = student.quantile(0.95, n - 1), envelope.spread / math.sqrt(n)
        yield f"   Student: mean -/+ t(0.95, {n - 1}) * s / sqrt(n), t = {t:.6g}"
        yield f"   {_figure(inner.t[0])} to {_figure(inner.t[1])}"
        if inner.bootstrap is None:
            yield f"   alone, since {n} blocks are fewer than {LEAST_INNER}"
            return
        lower, upper = ((envelope.mean - end) / error for end in reversed(inner.bootstrap))
        yield "   bootstrap-t: mean - q(0.95) * s / sqrt(n) to mean - q(0.05) * s / sqrt(n)"
        yield f"   q(0.95) = {upper:.6g}, q(0.05) = {lower:.6g}"
        yield f"   {_figure(inner.bootstrap[0])} to {_figure(inner.bootstrap[1])}"

    def _interval_rule(self) -> Iterator[str]:
        envelope, judged = self.judged.envelope, self.judged
        assert envelope.mean is not None
        assert envelope.spread is not None
        none = "a cost of 1" if self.is_ratio else "0"
        yield f"c) slower or faster, if the 95 % interval excludes {none} and the adjusted p is at most {ALPHA}"
        if envelope.low is None or envelope.p_bootstrap is None:
            yield f"   no interval: {envelope.why}: no"
            return
        by_t = pvalues.by_t(envelope.mean, envelope.spread, envelope.blocks)
        holds = excludes_zero(envelope) and judged.p_adjusted <= ALPHA
        yield f"   the interval excludes {none}: {_answer(holds=excludes_zero(envelope))}"
        yield "   p, the level at which an interval begins to exclude it; the larger counts:"
        yield f"   {exactly(by_t)} by Student, {exactly(envelope.p_bootstrap)} by the bootstrap"
        yield from (f"   {line}" for line in _beyond(envelope))
        yield from (f"   {line}" for line in adjustment(self.finding, self.everything))
        yield f"   adjusted p = {exactly(judged.p_adjusted)}: {_answer(holds=holds)}"
        yield "d) inconclusive: anything else"

    def _control(self) -> Finding | None:
        quantity, control = self.comparison.quantity, self.run.manifest.control
        costs = self.analysis.by_kind[COST]
        return next((f for f in costs if (f.comparison.quantity, f.cost.environment) == (quantity, control)), None)

    def _ends(self, ends: Ends) -> str:
        text = f"{_figure(ends[0])} to {_figure(ends[1])}"
        low, high = (logs.ratio(end) for end in ends)
        return f"{text}, as a cost {number(low)} to {number(high)}" if self.is_ratio else text

    def _length(self, value: float) -> str:
        text = _figure(value)
        return f"{text}, as a cost {percent(logs.excess(value))}" if self.is_ratio else text


def _answer(*, holds: bool) -> str:
    return "yes" if holds else "no"


def _beyond(envelope: Envelope) -> Iterator[str]:
    """Which p stands for the bootstrap's where no resample reaches the observed t."""
    if envelope.p_bootstrap is None or envelope.p_bootstrap > pvalues.LEAST:
        return
    assert envelope.mean is not None
    assert envelope.spread is not None
    far = pvalues.by_t(envelope.mean / pvalues.BEYOND, envelope.spread, envelope.blocks)
    yield f"no resample reaches t, so the bootstrap's p is at most {exactly(pvalues.LEAST)}; Student's p of"
    yield f"t / {pvalues.BEYOND} stands for it where it is smaller still: {exactly(far)}"


def _term(weight: float, arm: str, is_ratio: bool) -> str:
    value = f"ln({arm})" if is_ratio else arm
    return value if abs(weight) == 1 else f"{abs(weight):g} * {value}"


def _figure(value: float | None) -> str:
    return DASH if value is None else f"{value:.6g}"
