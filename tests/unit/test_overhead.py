"""The scripts that print what vbench costs and how it judges can be started, and their arithmetic is right."""

import math
import runpy
import sys
from pathlib import Path

import pytest
from scipy import stats

from vbench.host import proc

SCRIPTS = Path(__file__).parents[2] / "overhead"
SUMS = runpy.run_path(str(SCRIPTS / "arithmetic.py"))
Interval, Spread = SUMS["Interval"], SUMS["Spread"]


def test_every_script_is_found_and_imports_what_there_is() -> None:
    ended = proc.run([sys.executable, str(SCRIPTS / "run.py"), "nothing"], timeout_s=60)
    assert ended.status == 2, ended.stderr
    known = ended.stderr.decode().rpartition("known: ")[2].strip().split(", ")
    assert known == ["tools", "harness", "guest", "container", "store", "page", "report", "help"]


@pytest.mark.parametrize("script", ["smallest", "orders", "null"])
def test_a_script_that_judges_the_method_says_how_it_is_used(script: str) -> None:
    ended = proc.run([sys.executable, str(SCRIPTS / f"{script}.py"), "--help"], timeout_s=60)
    assert ended.status == 0, ended.stderr
    assert f"overhead/{script}.py" in ended.stdout.decode()


def test_pooled_costs_are_geometric_means_with_the_quadrature_of_their_half_widths() -> None:
    pooled = SUMS["pooled"]([Interval(math.log(2), 0.03), Interval(math.log(8), 0.04)])
    assert math.exp(pooled.middle) == pytest.approx(4)
    assert pooled.half == pytest.approx(0.05 / 2)


def test_the_ratio_of_two_orders_has_the_quadrature_of_both_half_widths() -> None:
    ratio = SUMS["over"](Interval(math.log(3), 0.3), Interval(math.log(2), 0.4))
    assert math.exp(ratio.middle) == pytest.approx(1.5)
    assert ratio.half == pytest.approx(0.5)
    assert not ratio.excludes_zero
    assert str(ratio) == "1.500 (0.910 to 2.473)"
    assert Interval(-0.2, 0.1).excludes_zero


def test_a_spread_is_pooled_around_the_mean_of_each_dose() -> None:
    spread = SUMS["within"]([[1.0, 3.0], [10.0, 12.0, 14.0], [100.0]])
    assert spread == (pytest.approx(math.sqrt((1 * 2 + 2 * 4) / 3)), 3)
    assert SUMS["within"]([[1.0], [2.0]]) is None


def test_the_smallest_effect_is_found_in_nine_of_ten_experiments_of_a_test_of_the_right_size() -> None:
    df = 12
    spread = Spread(0.01, df)
    factor = stats.t.ppf(0.975, df) + stats.t.ppf(0.9, df)
    assert SUMS["smallest"](spread) == pytest.approx(0.01 * factor)
    assert SUMS["smallest"](Spread(0.01, 100_000)) == pytest.approx(0.03242, rel=1e-3)
    assert SUMS["smallest_beyond"](0.005, spread) == pytest.approx(0.005 + 0.01 * stats.t.ppf(0.9, df))


def test_ten_times_the_machine_time_divides_the_standard_error_by_the_root_of_ten() -> None:
    assert SUMS["shrinks"](60, 600) == pytest.approx(1 / math.sqrt(10))
    assert SUMS["smallest"](Spread(1.0, 9), shrink=0.5) == pytest.approx(SUMS["smallest"](Spread(0.5, 9)))


def test_a_longer_time_is_not_told_where_repetitions_are_not_independent() -> None:
    why = SUMS["why_not_longer"]
    assert why(Spread(0.010, 12), 0.010, 0, 4) == ""
    assert "3.0 times" in why(Spread(0.030, 12), 0.010, 0, 4)
    assert "3 of 4" in why(Spread(0.010, 12), 0.010, 3, 4)
    assert "2 degrees" in why(Spread(0.010, 2), 0.010, 0, 4)
    assert "not counted" in why(Spread(0.010, 12), 0.010, 0, 0)


def test_a_count_has_the_bounds_of_clopper_and_pearson() -> None:
    exact = stats.binomtest(3, 60).proportion_ci(method="exact")
    assert SUMS["rate"](3, 60) == f"3 of 60: 5.0 % ({exact.low * 100:.1f} to {exact.high * 100:.1f} %)"
    assert SUMS["rate"](0, 0) == "0 of 0"


def test_two_means_are_compared_as_welch_does() -> None:
    a, b = [10.0, 10.1, 9.9, 10.05], [10.4, 10.9, 10.2, 10.5, 10.8]
    estimate, error, half = SUMS["compared"](a, b)
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert estimate == pytest.approx(math.log((sum(b) / 5) / (sum(a) / 4)))
    assert error == pytest.approx(estimate / welch.statistic, rel=0.05)  # to the first order
    assert half == pytest.approx(stats.t.ppf(0.975, welch.df) * error, rel=0.02)
    assert SUMS["welch_differs"](a, b)
    assert not SUMS["welch_differs"](a, list(reversed(a)))
