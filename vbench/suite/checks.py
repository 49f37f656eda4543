"""Refuses what the types of a suite cannot: names that mean nothing, stacks in a circle, too many claims."""

from collections.abc import Collection

from vbench.errors import SuiteError, nearest
from vbench.host import processors
from vbench.model import MOST_CELLS
from vbench.suite import ladders, relations
from vbench.suite.names import named
from vbench.suite.narrowing import confirmatory
from vbench.suite.shape import ADAPTIVE, MOST_CONFIRMATORY, RESERVED, Suite
from vbench.text import quoted

LEAST_TRIAL_S = 1e-3  # to start a workload takes longer


def check(suite: Suite, method_keys: Collection[str]) -> None:
    """Raises SuiteError; `method_keys` are the keys that the file's `[method]` names, without defaults."""
    _check_method(suite)
    _check_testbed(suite)
    _check_blocks(suite, method_keys)
    _check_confirmatory(suite)
    if not suite.benchmarks:
        raise SuiteError("benchmarks: the list is empty", hint="`vbench list benchmarks` names them")
    _check_size(suite)
    ladders.check(suite)
    for name in suite.environments:
        if name in RESERVED:
            raise SuiteError(f"environments.{name}: the name is taken: {RESERVED[name]}", hint="choose another name")
        relations.check(suite, name)


def _check_size(suite: Suite) -> None:
    cells = (len(suite.arms) + 1) * sum(max(1, len(benchmark.metrics)) for benchmark in suite.benchmarks.values())
    if cells > MOST_CELLS:
        raise SuiteError(
            f"{len(suite.arms)} environments with {len(suite.benchmarks)} benchmarks are {cells:,} comparisons, "
            f"at most {MOST_CELLS:,} can be reported",
            hint="split the suite",
        )


def _check_method(suite: Suite) -> None:
    method, names = suite.method, list(suite.environments)
    if not names:
        raise SuiteError("environments: there is none", hint="`vbench list environments` names the kinds")
    if method.baseline not in names:
        hint = nearest(method.baseline, names)
        raise SuiteError(f"method.baseline: no environment is named {quoted(method.baseline)}", hint=hint)
    named(method.control, "method.control")
    if method.control in {*names, *RESERVED}:
        raise SuiteError(f"method.control: {method.control!r} is another's name", hint="choose another name")
    if method.blocks is None and not method.n_min <= method.n_max:
        raise SuiteError(f"method.n_min: {method.n_min} is more than n_max, {method.n_max}")
    if not 0 < method.delta < 1:
        raise SuiteError("method.delta: must lie between 0 and 1", hint="delta = '2 %'")
    if method.width is not None and not 0 < method.width < 1:
        raise SuiteError("method.width: must lie between 0 and 1", hint="width = '1 %', or leave it out for delta / 2")
    if method.trial < LEAST_TRIAL_S:
        raise SuiteError(f"method.trial: must be {LEAST_TRIAL_S * 1000:g} ms or more", hint="trial = '1 s'")
    for key, value in (("budget", method.budget), ("memory", suite.testbed.memory)):
        if value <= 0:
            table = "testbed" if key == "memory" else "method"
            raise SuiteError(f"{table}.{key}: must be above 0")


def _check_testbed(suite: Suite) -> None:
    """Raises SuiteError for a list of the wrong number of processors, and for a relative scratch path."""
    scratch = suite.testbed.scratch
    if not scratch.startswith("/") or "\0" in scratch:
        hint = "write the whole path, such as '/var/tmp'; a run that is resumed elsewhere must mean the same folder"
        raise SuiteError(f"testbed.scratch: {quoted(scratch)} is not an absolute path", hint=hint)
    cpus, text = suite.testbed.cpus, suite.testbed.cpu_list
    if text is None:
        return
    listed = processors.parse_list(text)
    if len(listed) != cpus:
        what = f"lists {len(listed)} processors, and testbed.cpus is {cpus}"
        raise SuiteError(f"testbed.cpu_list: {what}", hint=f"set cpus = {len(listed)}, or list {cpus}")


def _check_blocks(suite: Suite, method_keys: Collection[str]) -> None:
    ignored = [key for key in ADAPTIVE if key in method_keys]
    if suite.method.blocks is not None and ignored:
        raise SuiteError(
            f"method.{ignored[0]}: belongs to an adaptive run, and method.blocks fixes {suite.method.blocks} blocks",
            hint=f"leave out `blocks`, or {' and '.join(f'`{key}`' for key in ignored)}",
        )


def _check_confirmatory(suite: Suite) -> None:
    comparisons = suite.method.confirmatory
    if len(comparisons) > MOST_CONFIRMATORY:
        raise SuiteError(
            f"method.confirmatory: {len(comparisons)} comparisons, at most {MOST_CONFIRMATORY} can be claimed"
        )
    for index, text in enumerate(comparisons):
        path, words = f"method.confirmatory[{index}]", text.split()
        if not 2 <= len(words) <= 3:
            raise SuiteError(f"{path}: expected 'ENVIRONMENT BENCHMARK [METRIC]', got {quoted(text)}")
        others = [arm for arm in suite.arms if arm != suite.method.baseline]
        for word, names, what in ((words[0], others, "environment"), (words[1], list(suite.benchmarks), "benchmark")):
            if word not in names:
                raise SuiteError(f"{path}: no {what} to compare is named {quoted(word)}", hint=nearest(word, names))
        metrics = [metric.name for metric in suite.benchmarks[words[1]].metrics]
        if len(words) == 3 and words[2] not in metrics:
            raise SuiteError(f"{path}: {words[1]} has no metric {quoted(words[2])}", hint=nearest(words[2], metrics))
    _check_comparisons(suite)


def _check_comparisons(suite: Suite) -> None:
    """Raises SuiteError for a comparison that is declared twice, or that has no width at which it is narrow enough."""
    names = confirmatory(suite)
    for index, name in enumerate(names):
        path, (_, benchmark, measured) = f"method.confirmatory[{index}]", name.split()
        metrics = suite.benchmarks[benchmark].metrics
        if name in names[:index]:
            hint = f"where no metric is named, the first is meant, here {metrics[0].name}"
            raise SuiteError(f"{path}: {name!r} is declared twice", hint=hint)
        metric = next(metric for metric in metrics if metric.name == measured)
        if suite.method.blocks is None and metric.scale == "difference" and metric.margin is None:
            raise SuiteError(
                f"{path}: {name!r} is a difference without a `margin`, so no width would be narrow enough",
                hint=f"give {benchmark!r} a `margin`, the smallest difference of interest, or set method.blocks",
            )
