"""Adaptive suites of fakes."""

from tests.unit.fakes import FEW
from vbench import suite as suites
from vbench.suite import Suite

RULE = 'n_min = 10\nlook_every = 2\nn_max = 14\nconfirmatory = ["b cpu.hash"]'


def a_suite(rule: str = RULE, noise: float = 0.0, more: str = "") -> Suite:
    text = FEW.replace("blocks = 6", rule).replace("slowdown = 1.25", f"slowdown = 1.25\nnoise = {noise}")
    return suites.parse(f"{text}\n{more}", source="adaptive.toml")
