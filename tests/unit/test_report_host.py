"""What the host saw meanwhile reads the same in page and Markdown; what is unknown is a dash, never a zero."""

import pytest
from msgspec.structs import replace

from tests.unit.runs import gated, make_run
from vbench import report
from vbench.model import Measured, Run, Trial
from vbench.text import between


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (0.02, 0.26, "2.0 to 26 %"),
        (0.02, None, "≥ 2.0 %"),
        (None, 0.26, "≤ 26 %"),
        (None, None, "–"),
        (0.0, 0.0, "0.00 to 0.00 %"),
        (float("nan"), 1.5, "≤ 150 %"),
    ],
)
def test_a_share_between_two_bounds_is_told_by_those_that_are_known(
    least: float | None, most: float | None, said: str
) -> None:
    assert between(least, most) == said


def test_run_delay_stands_between_its_bounds_in_page_and_markdown() -> None:
    run = gated(make_run(blocks=10))
    page, text = report.html(run), report.markdown(run)
    for said in (page, text):
        assert "2.0 to 26 %" in said
        assert "≥ 2.0 %" in said
    document = report.json_document(run)
    found = {arm["environment"]: (arm["run_delay"], arm["queued"]) for arm in document["conditions"]}
    assert found["tcg"] == (pytest.approx(0.02), pytest.approx(0.26))
    assert found["runc"] == (pytest.approx(0.02), None)


def told(run: Run) -> Run:
    def spent(trial: Trial) -> Trial:
        if not isinstance(trial.outcome, Measured) or trial.environment == "runc":
            return trial
        return replace(trial, outcome=replace(trial.outcome, operations=1000), operations_cpu_s=0.00321)

    return replace(run, trials=tuple(map(spent, run.trials)))


def test_processor_time_of_an_operation_stands_in_page_markdown_and_json() -> None:
    run = told(make_run(blocks=10))
    assert "3.21 µs" in report.html(run)
    assert "3.21 µs" in report.markdown(run)
    found = {
        (cost["environment"], cost["benchmark"]): (cost["baseline_cpu_s_per_operation"], cost["cpu_s_per_operation"])
        for cost in report.json_document(run)["costs"]
    }
    assert found["tcg", "cpu.hash"] == (pytest.approx(3.21e-6), pytest.approx(3.21e-6))
    assert found["runc", "cpu.hash"] == (pytest.approx(3.21e-6), None)
