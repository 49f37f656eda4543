"""Reasons are data that one place words, and the sentences of older folders become the same data."""

import json
from pathlib import Path
from zlib import crc32

import pytest

from tests.unit.folders import NOTHING_SECRET
from tests.unit.outcomes import as_sentences
from tests.unit.small_folders import a_manifest, a_trial
from vbench import report, store
from vbench.model import Failed, Skipped, Trial, Void
from vbench.reasons import Reason, ReasonKind
from vbench.store import sentences
from vbench.store.journal import line
from vbench.text import reason_subject, reason_text, reasons_together

GATES = {
    "tcg: foreign tasks used 5.1% of its processors": Reason(ReasonKind.FOREIGN_LOAD, "tcg", 0.051),
    "bare: the processor was throttled 2 times": Reason(ReasonKind.THROTTLED, "bare", 2.0),
    "tcg: its clock fell 0.5 s behind the host's": Reason(ReasonKind.CLOCK_BEHIND, "tcg", 0.5),
    "tcg: its clock fell 1.5e-05 s ahead of the host's in cpu.hash": Reason(
        ReasonKind.CLOCK_AHEAD, "tcg", 1.5e-5, "cpu.hash"
    ),
    "the host was rebooted within this block": Reason(ReasonKind.HOST_REBOOTED),
    "the clock was set within this block": Reason(ReasonKind.CLOCK_SET),
    "the clock was set back within this block": Reason(ReasonKind.CLOCK_SET_BACK),
    "the host was rebooted or its clock was set within this block": Reason(ReasonKind.REBOOTED_OR_CLOCK_SET),
    "the run paused for 42 s within this block": Reason(ReasonKind.RUN_PAUSED, value=42.0),
    "the run paused for 3 h 05 min within this block": Reason(ReasonKind.RUN_PAUSED, value=11_100.0),
    "tcg: the moon was full": Reason(ReasonKind.STATED, "tcg", "the moon was full"),
    "the moon was full": Reason(ReasonKind.STATED, value="the moon was full"),
    "tcg: foreign tasks used 5.123% of its processors": Reason(
        ReasonKind.STATED, "tcg", "foreign tasks used 5.123% of its processors"
    ),
    "the run paused for 61 s within this block": Reason(
        ReasonKind.STATED, value="the run paused for 61 s within this block"
    ),
}
TRIALS = {
    "missing: fio, jq": Reason(ReasonKind.MISSING, value="fio, jq"),
    "the start failed: no such file": Reason(ReasonKind.START_FAILED, value="no such file"),
    "the environment did not start or went away: {}": Reason(ReasonKind.NOT_STARTED, value="{}"),
    "time, rate: a sample is not a finite number": Reason(ReasonKind.NOT_FINITE, value="time, rate"),
    "the trial gave more samples than a line of the journal may hold": Reason(ReasonKind.TOO_LARGE),
    "fio ended with status 1: {0} no space": Reason(ReasonKind.STATED, value="fio ended with status 1: {0} no space"),
    "": Reason(ReasonKind.STATED, value=""),
}


@pytest.mark.parametrize(("sentence", "reason"), GATES.items())
def test_an_old_sentence_of_a_gate_becomes_data_that_says_the_same(sentence: str, reason: Reason) -> None:
    assert sentences.of_void(sentence) == reason
    assert reason_text(reason) == sentence


@pytest.mark.parametrize(("sentence", "reason"), TRIALS.items())
def test_an_old_sentence_of_a_trial_becomes_data_that_says_the_same(sentence: str, reason: Reason) -> None:
    assert sentences.of_trial(sentence) == reason
    assert reason_text(reason) == sentence


@pytest.mark.parametrize("kind", ReasonKind)
@pytest.mark.parametrize("value", [None, "", "{} {0} \x1b[31m", 1e308, -1.0])
def test_every_kind_has_words_whatever_a_folder_gives_as_its_value(kind: ReasonKind, value: float | str | None) -> None:
    """A hostile folder may have a text where a number should be."""
    reason = Reason(kind, "tcg", value, "cpu.hash")
    assert reason_text(reason).startswith("tcg: ")
    assert reasons_together([reason, reason])


def test_reasons_of_one_subject_are_told_with_the_range_of_their_figures() -> None:
    pauses = [Reason(ReasonKind.RUN_PAUSED, value=value) for value in (7200.0, 30.0)]
    assert reasons_together(pauses) == "the run paused for 30 s to 2 h 00 min within this block"
    behind = [Reason(ReasonKind.CLOCK_BEHIND, arm, value) for arm, value in (("a", 0.5), ("b", 0.25), ("a", 0.5))]
    assert reasons_together(behind) == "its clock fell 0.25 to 0.5 s behind the host's"
    assert len({reason_subject(reason) for reason in behind}) == 1
    said = [Reason(ReasonKind.ERROR, value=text) for text in ("one", "two")]
    assert len({reason_subject(reason) for reason in said}) == 2


def older_folder(tmp_path: Path, schema: int) -> Path:
    """A run folder as vbench wrote it when reasons were sentences."""
    entries: list[Trial | Void] = [
        a_trial(1),
        a_trial(1, arm="runc", outcome=Failed(Reason(ReasonKind.START_FAILED, value="no such file"), "look")),
        a_trial(1, arm="control", outcome=Skipped(Reason(ReasonKind.MISSING, value="fio"))),
        Void(1, 0, (Reason(ReasonKind.FOREIGN_LOAD, "runc", 0.051), Reason(ReasonKind.CLOCK_SET)), harness=True),
    ]
    with store.create(tmp_path, a_manifest(), clean=NOTHING_SECRET) as writer:
        folder = writer.folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema": schema}))
    (folder / "journal.jsonl").write_bytes(b"".join(map(as_sentences, entries)))
    return folder


@pytest.mark.parametrize("schema", [1, 2])
def test_a_folder_whose_reasons_are_sentences_is_read_as_data(tmp_path: Path, schema: int) -> None:
    run = store.load(older_folder(tmp_path, schema))
    assert not [warning for warning in run.warnings if "damaged" in warning]
    assert [trial.outcome for trial in run.trials[1:]] == [
        Failed(Reason(ReasonKind.START_FAILED, value="no such file"), "look"),
        Skipped(Reason(ReasonKind.MISSING, value="fio")),
    ]
    assert run.voids == (
        Void(1, 0, (Reason(ReasonKind.FOREIGN_LOAD, "runc", 0.051), Reason(ReasonKind.CLOCK_SET)), harness=True),
    )
    document = report.json_document(run)
    assert document["voided"]["each"][0]["reasons"] == [
        "runc: foreign tasks used 5.1% of its processors",
        "the clock was set within this block",
    ]
    assert [(loss["reason"], loss["cause"]["kind"]) for loss in document["losses"]] == [
        ("the start failed: no such file", "start_failed"),
        ("missing: fio", "missing"),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": {"type": "failed", "reason": {"kind": "of a newer vbench"}}},
        {"outcome": {"type": "failed", "reason": "a sentence"}},
        {"outcome": {"type": "failed", "reason": {"kind": "error", "value": [1]}}},
    ],
)
def test_a_reason_that_this_schema_does_not_know_costs_its_trial_alone(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    with store.create(tmp_path, a_manifest(), clean=NOTHING_SECRET) as writer:
        writer.append(a_trial(1))
        folder = writer.folder
    text = json.dumps(json.loads(line(a_trial(2)))["trial"] | changed)
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(f'{{"crc":"{crc32(text.encode()):08x}","trial":{text}}}\n')
    run = store.load(folder)
    assert len(run.trials) == 1
    assert "journal.jsonl line 2 is damaged: its trial was dropped" in run.warnings
