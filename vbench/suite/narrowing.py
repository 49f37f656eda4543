"""Narrows a suite by the command line, and makes the records of it that a run's manifest keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from vbench import units
from vbench.beneath import Engine
from vbench.contracts import Benchmark, Environment
from vbench.errors import SuiteError, nearest
from vbench.model import BenchmarkRecord, EnvironmentRecord
from vbench.suite.ladders import is_whole
from vbench.suite.shape import NETWORKS, Suite, Variation


def confirmatory(suite: Suite) -> tuple[str, ...]:
    """The declared comparisons as "ENVIRONMENT BENCHMARK METRIC"; where no metric was named, the benchmark's first."""
    split = [text.split() for text in suite.method.confirmatory]
    named = [(*words, suite.benchmarks[words[1]].metrics[0].name)[:3] for words in split]
    return tuple(" ".join(words) for words in named)


def restrict(
    suite: Suite,
    *,
    environments: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    blocks: int | None = None,
    seed: int | None = None,
) -> Suite:
    """The suite of `--env`, `--bench` (a name or a family), `--blocks`, `--seed`; the baseline always stays."""
    method = suite.method
    kept = {*_existing(environments, list(suite.arms), "environment"), method.baseline} if environments else suite.arms
    if blocks is not None and not 1 <= blocks <= 1000:
        raise SuiteError(f"blocks: expected 1 to 1000, got {blocks}")
    if seed is not None and not 0 <= seed < 2**63:
        raise SuiteError(f"seed: expected 0 to {2**63 - 1}, got {seed}")
    arms = tuple(arm for arm in suite.arms if arm in kept)
    chosen = _selected(suite, benchmarks)
    return replace(
        suite,
        method=replace(
            method,
            blocks=blocks or method.blocks,
            seed=method.seed if seed is None else seed,
            confirmatory=tuple(text for text in method.confirmatory if _still_there(text, arms, chosen)),
        ),
        arms=arms,
        environments={name: suite.environments[name] for name in suite.environments if _needed(suite, name, arms)},
        benchmarks=chosen,
        variations={name: variation for name, variation in suite.variations.items() if name in chosen},
        ladders=tuple(ladder for ladder in suite.ladders if is_whole(ladder, arms, chosen)),
    )


def _still_there(comparison: str, arms: Sequence[str], benchmarks: Mapping[str, Benchmark]) -> bool:
    environment, benchmark, *_ = comparison.split()
    return environment in arms and benchmark in benchmarks


def _existing(names: Sequence[str], existing: list[str], what: str) -> list[str]:
    for name in names:
        if name not in existing:
            raise SuiteError(f"the suite has no {what} {name!r}", hint=nearest(name, existing))
    return list(names)


def _needed(suite: Suite, name: str, arms: Sequence[str]) -> bool:
    return any(name in chain(suite, arm) for arm in arms)


def _selected(suite: Suite, names: Sequence[str]) -> dict[str, Benchmark]:
    """Benchmarks by name, by family, and by the name of the entry that they were varied of."""
    if not names:
        return dict(suite.benchmarks)
    families = {name.partition(".")[0] for name in suite.benchmarks}
    entries = dict.fromkeys(variation.of for variation in suite.variations.values())
    chosen = _existing(names, [*suite.benchmarks, *entries, *sorted(families)], "benchmark")
    return {
        name: benchmark for name, benchmark in suite.benchmarks.items() if not _names(suite, name).isdisjoint(chosen)
    }


def _names(suite: Suite, benchmark: str) -> set[str]:
    variation = suite.variations.get(benchmark)
    return {benchmark, benchmark.partition(".")[0], variation.of if variation else benchmark}


def engines(suite: Suite) -> tuple[Engine, ...]:
    """The engines that start environments on the host itself: the lowest of each measured arm's stack."""
    lowest = dict.fromkeys(chain(suite, arm)[0] for arm in suite.arms)
    return tuple(engine for name in lowest for engine in suite.environment(name).engines())


def chain(suite: Suite, arm: str) -> tuple[str, ...]:
    """The environments that `arm` stands on, the lowest first, itself last."""
    entry, names = suite.arm(arm), [arm]
    while entry.on is not None:
        names.append(entry.on)
        entry = suite.environments[entry.on]
    return tuple(reversed(names))


def network(suite: Suite, arm: str) -> str:
    """The path from an arm to the peer: its own, or that of the one it stands on, or the usual one."""
    paths = (suite.arm(name).network for name in reversed(chain(suite, arm)))
    return next((path for path in paths if path is not None), NETWORKS[0])


def takes_image(suite: Suite) -> bool:
    """Whether an environment or the peer executes files of the image. The peer runs for benchmarks over the network."""
    needs = (benchmark.needs() for benchmark in suite.benchmarks.values())
    return any(arm.environment.needs_image for arm in suite.environments.values()) or any(n.network for n in needs)


def environment_records(suite: Suite) -> tuple[EnvironmentRecord, ...]:
    """The manifest's record of every arm before its first start; the control has the baseline's settings."""
    return tuple(environment_record(suite, arm) for arm in (*suite.arms, suite.method.control))


def environment_record(suite: Suite, name: str) -> EnvironmentRecord:
    arm = suite.arm(name)
    return EnvironmentRecord(
        name=name,
        kind=arm.environment.kind,
        settings=settings(arm.environment),
        on=arm.on,
        network=network(suite, name),
        storage=arm.storage,
    )


def relations_of(record: EnvironmentRecord) -> dict[str, str]:
    """The relations that a record knows, by suite key."""
    relations = {"on": record.on, "network": record.network, "storage": record.storage}
    return {key: value for key, value in relations.items() if value is not None}


def benchmark_records(suite: Suite) -> tuple[BenchmarkRecord, ...]:
    return tuple(
        with_variation(
            BenchmarkRecord(name=name, kind=b.kind, settings=settings(b), metrics=b.metrics, about=b.about),
            suite.variations.get(name),
        )
        for name, b in suite.benchmarks.items()
    )


def with_variation(record: BenchmarkRecord, variation: Variation | None) -> BenchmarkRecord:
    return replace(record, of=variation.of, varied=variation.values) if variation else record


def settings(thing: Environment | Benchmark) -> dict[str, Any]:
    """The suite keys of an environment or benchmark as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(thing, enc_hook=units.encode)
    return plain
