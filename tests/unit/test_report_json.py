"""The JSON document is a contract: its keys, its units, and nothing that is not JSON."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from tests.unit.folders import NOTHING_SECRET
from tests.unit.runs import WORLD, gated, make_run
from vbench import report, store
from vbench.cli.output import write
from vbench.cli.report import report as command
from vbench.errors import RunFolderError
from vbench.model import Measured, State
from vbench.store import create

CONTRACT = {"schema", "run_id", "suite", "seed", "baseline", "control", "blocks", "environments", "costs", "confounds"}
CONTRACT |= {"trials", "delta", "confirmatory", "scope", "families", "voided", "conditions"}
COST = {"benchmark", "metric", "unit", "better", "environment", "cost", "low", "high", "blocks", "baseline_median"}
COST |= {"median", "per_block", "label", "verdict", "rule", "reason", "role", "floor", "half_width", "detectable"}
COST |= {
    "blocks_to_decide",
    "unresolved",
    "p",
    "p_adjusted",
    "hodges_lehmann",
    "suspects",
    "difference",
    "kept",
    "baseline_processors",
    "processors",
    "baseline_cpu_s_per_operation",
    "cpu_s_per_operation",
    "notes",
    "steadiness",
}
DOCS = Path(__file__).parent.parent.parent / "docs" / "reference" / "report-json.md"


def test_the_contract_s_keys_are_there() -> None:
    document = report.json_document(make_run())
    assert set(document) >= CONTRACT
    assert all(set(cost) >= COST for cost in document["costs"])
    assert set(document["trials"]) == {"measured", "failed", "skipped"}
    assert all(set(found) >= {"environment", "key", "baseline", "value", "why"} for found in document["confounds"])


def test_every_key_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    document = report.json_document(gated(make_run()))
    keys = set(document) | set(document["environments"]["tcg"]) | set(document["voided"])
    keys |= {key for several in ("costs", "families", "conditions", "losses") for key in document[several][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_environments_have_their_kind_and_layers_outermost_first() -> None:
    tcg = report.json_document(make_run())["environments"]["tcg"]
    assert tcg["kind"] == "qemu"
    assert tcg["layers"] == ["firecracker", "guest", "tcg", "guest"]
    assert len(tcg["evidence"]) == len(tcg["layers"])


def test_there_is_a_cost_for_every_arm_and_metric_and_the_control_is_one() -> None:
    costs = report.json_document(make_run())["costs"]
    metrics = sum(len(found) for found in WORLD.values())
    assert Counter(cost["environment"] for cost in costs) == {"control": metrics, "runc": metrics, "tcg": metrics}


def test_numbers_are_those_that_the_run_holds() -> None:
    costs = report.json_document(make_run())["costs"]
    fork = next(cost for cost in costs if (cost["benchmark"], cost["environment"]) == ("syscall.fork", "tcg"))
    assert fork["unit"] == "s"
    assert fork["cost"] == pytest.approx(52, rel=0.03)
    assert fork["low"] < fork["cost"] < fork["high"]
    assert fork["baseline_median"] == pytest.approx(6.1e-4, rel=0.03)
    assert fork["blocks"] == len(fork["per_block"]) == 10


def test_calibration_is_not_counted() -> None:
    run = make_run(blocks=5, losses=False)
    document = report.json_document(run)
    assert document["blocks"] == 5
    assert document["trials"] == {"measured": 5 * 4 * len(WORLD), "failed": 0, "skipped": 0}


def test_lost_trials_are_counted_and_told() -> None:
    document = report.json_document(make_run(blocks=10))
    assert (document["trials"]["failed"], document["trials"]["skipped"]) == (1, 10)
    assert {loss["outcome"] for loss in document["losses"]} == {"failed", "skipped"}


def test_the_unknown_is_null_never_nan() -> None:
    run = make_run(blocks=5)
    odd = replace(run.trials[-1], outcome=Measured({"time": (math.nan, math.inf)}))
    document = report.json_document(replace(run, trials=(*run.trials, odd)))
    text = json.dumps(document, allow_nan=False)
    nothing = [cost for cost in document["costs"] if cost["blocks"] == 0]
    assert nothing
    assert all(cost["cost"] is cost["low"] is cost["high"] is None for cost in nothing)
    assert json.loads(text) == document


def test_below_five_blocks_there_is_no_interval() -> None:
    costs = report.json_document(make_run(blocks=4))["costs"]
    assert all(cost["low"] is None and cost["high"] is None for cost in costs)


def test_a_verdict_stands_beside_what_it_rests_on() -> None:
    costs = report.json_document(make_run(blocks=15))["costs"]
    fork = next(cost for cost in costs if (cost["benchmark"], cost["environment"]) == ("syscall.fork", "tcg"))
    assert (fork["verdict"], fork["role"], fork["blocks_to_decide"]) == ("slower", "exploratory", None)
    assert 0 < fork["p"] <= fork["p_adjusted"] < 0.05
    assert 0 < fork["floor"] < 0.05
    assert 0 < fork["detectable"] < 0.05
    assert {cost["role"] for cost in costs} == {"control", "confirmatory", "exploratory"}
    assert {cost["verdict"] for cost in costs} <= {"slower", "equivalent", "inconclusive", None}
    assert all(cost["verdict"] is None for cost in report.json_document(make_run(blocks=9))["costs"])


def test_voided_blocks_are_counted_and_kept_beside_each_cost() -> None:
    document = report.json_document(gated(make_run(blocks=12)))
    assert document["voided"] == {
        "attempts": 1,
        "blocks": [3],
        "each": [
            {
                "block": 3,
                "attempt": 0,
                "reasons": ["tcg: foreign tasks used 4.1% of its processors"],
                "causes": [{"kind": "foreign_load", "arm": "tcg", "value": 0.041, "benchmark": None}],
                "harness": False,
            }
        ],
        "dropped": [],
        "arms": {"bare": 0, "control": 0, "runc": 0, "tcg": 1},
        "reasons": [{"reason": "foreign tasks used 4.1% of its processors", "kind": "foreign_load", "attempts": 1}],
    }
    assert {cost["kept"]["blocks"] for cost in document["costs"] if cost["cost"]} == {12, 13}
    assert all(cost["kept"] is None for cost in report.json_document(make_run(blocks=5))["costs"])


# --- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder under results/ of the current folder."""
    monkeypatch.chdir(tmp_path)
    run = make_run(blocks=1)
    with create(Path("results"), run.manifest, clean=NOTHING_SECRET) as writer:
        for trial in run.trials:
            writer.append(trial)
        writer.facts("host", run.host)
        for name, facts in run.facts.items():
            writer.facts(name, facts)
        writer.finish(State.COMPLETE)
    return Path("results") / run.manifest.run_id


@pytest.mark.parametrize("by", ["name", "path"])
def test_a_page_is_written_and_its_path_printed(stored: Path, by: str) -> None:
    result = CliRunner().invoke(command, [stored.name if by == "name" else str(stored)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"reports/{stored.name}.html\n"
    assert Path(result.stdout.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in Path("reports").iterdir()] == [f"{stored.name}.html"]


def test_json_goes_to_stdout_and_is_the_document(stored: Path) -> None:
    result = CliRunner().invoke(command, [stored.name, "--format", "json"])
    assert json.loads(result.stdout)["run_id"] == stored.name


def test_json_goes_into_a_file_when_asked(stored: Path) -> None:
    result = CliRunner().invoke(command, [stored.name, "--format", "json", "-o", "deep/er/run.json"])
    assert result.stdout == "deep/er/run.json\n"
    assert json.loads(Path("deep/er/run.json").read_text(encoding="utf-8"))["run_id"] == stored.name


def test_a_page_can_go_to_stdout(stored: Path) -> None:
    assert CliRunner().invoke(command, [stored.name, "-o", "-"]).stdout.startswith("<!doctype html>")


def test_markdown_and_explanations_go_to_stdout(stored: Path) -> None:
    assert CliRunner().invoke(command, [stored.name, "--format", "md"]).stdout.startswith("# runc and tcg against bare")
    explained = CliRunner().invoke(command, [stored.name, "--explain", "cpu.hash", "tcg"])
    assert explained.stdout.startswith("tcg against bare in cpu.hash")


def test_a_wrong_name_is_answered_with_the_nearest(stored: Path) -> None:
    with pytest.raises(RunFolderError) as caught:
        store.find(stored.name[:-1] + "x")
    assert stored.name in caught.value.hint


def test_without_any_run_the_hint_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("nothing", "n" * 5000, "a/b"):
        with pytest.raises(RunFolderError) as caught:
            store.find(name)
        assert "vbench run" in caught.value.hint


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "page.html", tmp_path):
        with pytest.raises(RunFolderError, match="cannot be written"):
            write(target, "page")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
