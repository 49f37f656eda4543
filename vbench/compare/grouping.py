"""Groups runs for a comparison: one run a group, or one group for each value of a tag."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from vbench.errors import UsageError, nearest
from vbench.model import Facts, Run
from vbench.text import flat


class Group(Struct, frozen=True):
    """One side of a comparison."""

    label: str  # `run 2`, or `instance=large` where several runs share the tag
    runs: tuple[Run, ...]
    value: str | None = None  # of the tag


def groups(runs: Sequence[Run], *, by: str | None = None, reference: str | None = None) -> tuple[Group, ...]:
    """The groups, the reference first. `reference` is a tag's value or a run id; None means the first run's group.

    Raises UsageError for a single run, the same run twice, a tag that a run lacks, and a tag with one value only.
    """
    _refuse_too_few_or_twice(runs)
    all_groups = _each(runs) if by is None else _by_tag(runs, by)
    if reference is None:
        return all_groups
    names = [group.runs[0].manifest.run_id if by is None else group.value or "" for group in all_groups]
    if reference not in names:
        what = "run" if by is None else f"value of {by!r}"
        raise UsageError(f"no {what} is {flat(reference)!r}", hint=flat(nearest(reference, names)))
    first = all_groups[names.index(reference)]
    return (first, *(group for group in all_groups if group is not first))


def name(run: Run) -> str:
    return flat(run.manifest.run_id)


def machine(run: Run) -> str:
    """Processor and kernel of the run's host. They tell machines apart and name neither the host nor its owner."""
    return (
        f"{_shown(run.host, 'cpu.model', 'processor unknown')}, kernel {_shown(run.host, 'kernel.release', 'unknown')}"
    )


def _shown(facts: Facts, key: str, unknown: str) -> str:
    fact = facts.get(key)
    return flat(str(fact.value)) if fact is not None and fact.value is not None else unknown


def _refuse_too_few_or_twice(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        hint = "vbench compare RUN RUN…; what one run says stands in its report"
        raise UsageError(f"a comparison needs at least 2 runs, got {len(runs)}", hint=hint)
    for run_id, times in Counter(run.manifest.run_id for run in runs).items():
        if times > 1:
            hint = "a run compared with itself, or with its own copy, always agrees"
            raise UsageError(f"run {flat(run_id)!r} is given {times} times", hint=hint)


def _each(runs: Sequence[Run]) -> tuple[Group, ...]:
    return tuple(Group(f"run {number}", (run,)) for number, run in enumerate(runs, 1))


def _by_tag(runs: Sequence[Run], key: str) -> tuple[Group, ...]:
    """One group for each value of the tag. A group of one run is labelled by its run, because one run shows no more."""
    lacking = [name(run) for run in runs if key not in run.manifest.tags]
    if lacking:
        other_tags = sorted({tag for run in runs for tag in run.manifest.tags} - {key})
        hint = flat(nearest(key, other_tags)) if other_tags else "vbench run --tag KEY=VALUE gives a run its tags"
        raise UsageError(f"no tag {flat(key)!r} in {', '.join(lacking)}", hint=hint)
    values = list(dict.fromkeys(run.manifest.tags[key] for run in runs))
    if len(values) < 2:
        hint = "leave --by out to compare them run by run"
        raise UsageError(f"all {len(runs)} runs have {flat(f'{key}={values[0]}')}", hint=hint)
    return tuple(_tagged(runs, key, value) for value in values)


def _tagged(runs: Sequence[Run], key: str, value: str) -> Group:
    tagged = tuple(run for run in runs if run.manifest.tags[key] == value)
    if len(tagged) == 1:
        return Group(f"run {list(runs).index(tagged[0]) + 1}", tagged, value)
    return Group(flat(f"{key}={value}"), tagged, value)
