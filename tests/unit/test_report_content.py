"""What the page tells of a run: how it was made, what was lost, what differs, and what is unknown."""

import re
from html import unescape

from msgspec.structs import replace

from tests.unit.documents import Document
from tests.unit.runs import make_run
from vbench import report
from vbench.cost import Analysis
from vbench.model import Fact, Measured, Run, StackLayer, State
from vbench.report.view import losses, view_of


def test_the_first_line_says_that_the_host_is_itself_a_guest(document: Document) -> None:
    text = " ".join(document.text.split())
    assert "guest" in text[: text.index("runc and tcg against bare", text.index("Skip to"))].partition("Skip to")[2]


def test_layers_commands_mechanisms_and_the_way_to_reproduce_are_there(document: Document) -> None:
    text = " ".join(document.text.split())
    for wanted in (
        "All environments run on firecracker › guest, outermost first",
        "tcg › guest",
        "qemu-system-x86_64 -accel tcg,thread=multi -m 1024 -kernel /cache/vmlinux",
        "namespaces mnt pid net ipc uts",
        "vbench run suites/quick.toml --seed 7",
        "sha256:4be1",
        'name = "quick"',
    ):
        assert wanted in text


def test_warnings_of_the_run_come_before_its_numbers(document: Document) -> None:
    assert 0 < document.text.index("a torn last line was dropped") < document.text.index("In words")


def test_a_run_that_is_not_complete_says_so() -> None:
    run = make_run(blocks=5)
    page = report.html(replace(run, manifest=replace(run.manifest, state=State.PARTIAL, blocks=9)))
    assert "<dt>State</dt><dd>partial</dd>" in page
    assert "5 of 9" in page
    assert "5 blocks of 9 planned analysed" in page


def test_lost_trials_are_shown_with_reason_hint_and_blocks(document: Document) -> None:
    for wanted in (
        "refuses O_DIRECT",
        "use scratch space on ext4 or xfs",
        "calibration, 1 to 10",
        "iperf3: the server closed",
    ):
        assert wanted in document.text


def test_no_lost_trial_is_said_too() -> None:
    text = " ".join(Document(report.html(make_run(losses=False))).text.split())
    assert "Failed and skipped trials None." in text
    assert "trials gave numbers." in text


def test_every_confound_is_shown_with_both_sides(document: Document) -> None:
    assert "6.1.0-40-amd64" in document.text
    assert "6.1.155+" in document.text
    assert "clock.source" in document.text


def test_what_is_unknown_is_a_dash(document: Document) -> None:
    assert re.search(
        r"disk\.seqwrite#.*\s*bandwidth ↑bytes written a second\s*runc\s*\S+ MB/s\s*–\s*–\s*–\s*0", document.text
    )
    assert "denied" in document.text


def test_a_fact_of_another_version_is_shown_as_it_is() -> None:
    run = make_run(blocks=1)
    facts = {**run.facts, "tcg": {**run.facts["tcg"], "future.fact": Fact("odd", "somewhere")}}
    known = replace(run, facts=facts)
    assert "future.fact" in _facts_section(known)


def _facts_section(run: Run) -> str:
    from vbench.report.page.html import _facts_table

    return str(_facts_table(run))


def test_notes_of_the_trials_are_counted_in_the_table() -> None:
    run = make_run(blocks=5, losses=False)
    noted = tuple(
        replace(t, outcome=replace(t.outcome, notes=("peer-limited",)))
        if isinstance(t.outcome, Measured)
        and (t.environment, t.benchmark) == ("runc", "network.stream")
        and t.block < 4
        else t
        for t in run.trials
    )
    assert "peer-limited (3 of 5 trials)" in report.html(replace(run, trials=noted))


def test_notes_that_differ_in_their_figures_are_one_note() -> None:
    run = make_run(blocks=5, losses=False)
    noted = tuple(
        replace(t, outcome=replace(t.outcome, notes=(f"no steady state: off by {t.block} %",)))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("tcg", "cpu.hash")
        else t
        for t in run.trials
    )
    rows = {(row.cost.environment, row.cost.benchmark): row.notes for row in view_of(replace(run, trials=noted)).rows}
    assert rows["tcg", "cpu.hash"] == ("no steady state (5 of 5 trials)",)


def test_a_label_of_single_trials_is_kept_and_is_no_note() -> None:
    run = make_run(losses=False)
    labelled = tuple(
        replace(t, outcome=replace(t.outcome, notes=("no steady state: off by 7 %", "peer-limited")))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("tcg", "cpu.hash")
        else t
        for t in run.trials
    )
    run = replace(run, trials=labelled)
    row = next(row for row in view_of(run).rows if (row.cost.environment, row.cost.benchmark) == ("tcg", "cpu.hash"))
    assert row.label.endswith("; peer-limited (10 of 10 trials)")
    assert "no steady state" not in report.html(run)
    assert "no steady state" not in report.markdown(run)
    cost = next(
        c for c in report.json_document(run)["costs"] if (c["environment"], c["benchmark"]) == ("tcg", "cpu.hash")
    )
    assert cost["notes"][0].startswith("no steady state")
    assert (cost["steadiness"]["labelled"], cost["steadiness"]["drifting"]) == (10, False)


def test_every_layer_of_a_stack_shows_its_commands_limit_and_files() -> None:
    run = make_run(blocks=1)
    low = StackLayer("machine", "qemu", (("qemu", "-m", "1G"),), ("a kernel of its own",), 2**30, ("raw/console.log",))
    tcg = replace(run.manifest.environments[2], on="machine", stack=(low, StackLayer("inner", "bare", (("agent",),))))
    environments = (*run.manifest.environments[:2], tcg, run.manifest.environments[3])
    run = replace(run, manifest=replace(run.manifest, environments=environments))
    text = " ".join(Document(report.html(run)).text.split())
    shown = text[text.rindex("Exact commands") :]
    assert "machine qemu qemu -m 1G a kernel of its own memory limit 1 GiB, raw/console.log inner bare agent" in shown
    stack = report.json_document(run)["environments"][tcg.name]["stack"]
    assert [layer["environment"] for layer in stack] == ["machine", "inner"]
    assert (stack[0]["memory_limit_b"], stack[1]["memory_limit_b"]) == (2**30, None)


def test_settings_leave_out_what_is_not_set_and_give_sizes_a_unit() -> None:
    run = make_run(blocks=1)
    runc = replace(run.manifest.environments[2], settings={"runtime": "runc", "on": None, "scratch": 2**30, "cpus": 1})
    environments = (*run.manifest.environments[:2], runc, run.manifest.environments[3])
    document = Document(report.html(replace(run, manifest=replace(run.manifest, environments=environments))))
    text = " ".join(document.text.split())
    assert "oci scratch = 1 GiB cpus = 1 compared" in text
    assert "oci runtime = runc scratch = 1 GiB cpus = 1" in text[text.index("All settings, defaults too") :]


def test_a_repeated_block_counts_as_it_stands_last() -> None:
    run = make_run(blocks=2)
    failed = next(trial for trial in run.trials if trial.environment == "tcg" and trial.benchmark == "network.stream")
    again = replace(failed, block=2, outcome=failed.outcome)
    assert [loss.environment for loss in losses(Analysis.of(replace(run, trials=(*run.trials, again))))] == ["runc"]


def test_a_run_without_trials_still_makes_a_page() -> None:
    page = report.html(replace(make_run(blocks=1), trials=(), host={}, facts={}))
    assert "0 blocks of 1 planned analysed" in page


def test_page_and_facts_name_every_environment(document: Document) -> None:
    heads = unescape(document.text)
    assert all(name in heads for name in ("bare", "control", "runc", "tcg"))
