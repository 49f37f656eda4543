"""Adaptive suites of fakes, and the manifests of their runs."""

from tests.unit.fakes import FEW
from tests.unit.small_folders import a_manifest
from vbench import suite as suites
from vbench.model import Manifest
from vbench.suite import Suite
from vbench.suite import plan as plans

RULE = 'n_min = 10\nlook_every = 2\nn_max = 14\nconfirmatory = ["b cpu.hash"]'


def a_suite(rule: str = RULE, noise: float = 0.0, more: str = "") -> Suite:
    text = FEW.replace("blocks = 6", rule).replace("slowdown = 1.25", f"slowdown = 1.25\nnoise = {noise}")
    return suites.parse(f"{text}\n{more}", source="adaptive.toml")


def manifest_of(suite: Suite) -> Manifest:
    plan = plans.make(suite)
    return a_manifest(
        suite=suite.name,
        plan=plan,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
    )
