"""A report cites a validation of its own host, and no other."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.runs import make_run
from vbench import report, validation
from vbench.errors import RunFolderError
from vbench.validation.course import Validation, identifying
from vbench.validation.rows import Row, State

RUN = make_run()


def a_validation(**changes: object) -> Validation:
    made = Validation(
        schema=1,
        validation_id="validate-20260102T030405Z-9f3c",
        tool="0.1.0",
        day="2026-01-02",
        host="this host",
        facts=identifying(RUN.host),
        image="",
        seconds=600.0,
        rows=(Row(part="dose", check="slope", target="1", state=State.HOLDS, figure="1.01 (0.99 to 1.03)"),),
        runs=(),
    )
    return replace(made, **changes)


def test_the_sentence_stands_in_page_markdown_and_json(tmp_path: Path) -> None:
    folder = validation.save(tmp_path, a_validation()).parent
    said = validation.cited(folder, RUN)
    assert said.sentence == "validated on this host on 2026-01-02: slope 1.01 (0.99 to 1.03)"
    assert said.sentence[1:] in report.html(RUN, validation=said)
    assert said.sentence[1:] in report.markdown(RUN, validation=said)
    assert report.json_document(RUN, validation=said)["validation"] == said.sentence


def test_a_page_cites_it_in_one_line_with_what_did_not_hold_first_and_the_figures_folded(tmp_path: Path) -> None:
    row = a_validation().rows[0]
    rows = (
        row,
        replace(row, check="intercept", state=State.FAILS),
        replace(row, check="delay", state=State.IMPOSSIBLE),
    )
    said = validation.cited(validation.save(tmp_path, a_validation(rows=rows)).parent, RUN)
    assert said.line == (
        "validation on this host on 2026-01-02: does not hold for intercept; 1 of 3 checks hold; "
        "not possible here: delay"
    )
    page = report.html(RUN, validation=said)
    assert f"<summary>V{said.line[1:]}.</summary><p>V{said.sentence[1:]}.</p></details>" in page


def test_one_that_was_stored_before_targets_named_a_half_width_is_cited_as_it_stands(tmp_path: Path) -> None:
    stored = {
        "schema": 1,
        "validation_id": "validate-20261122T191621Z-0046",
        "tool": "0.2.0",
        "day": "2026-11-22",
        "host": "this host",
        "facts": identifying(RUN.host),
        "image": "",
        "seconds": 624.7,
        "rows": [
            {
                "part": "known fault",
                "check": "processor quota of 80 %",
                "target": "0.8 ± 0.01",
                "state": "holds",
                "figure": "0.80 ± 0.80",
                "value": 0.795,
                "low": 0.3,
                "high": 1.9,
            }
        ],
        "runs": [],
        "sentence": "validated on this host on 2026-11-22: processor quota of 80 % 0.80 ± 0.80",
    }
    (tmp_path / "validation.json").write_text(json.dumps(stored))
    assert validation.cited(tmp_path, RUN).sentence == stored["sentence"]


def test_without_one_nothing_is_claimed() -> None:
    assert report.json_document(RUN)["validation"] is None
    assert "alidated on this host" not in report.html(RUN)


def test_a_validation_of_another_host_is_refused(tmp_path: Path) -> None:
    folder = validation.save(tmp_path, a_validation(facts={"cpu.model": "Another"})).parent
    with pytest.raises(RunFolderError, match=r"is of another host than the run: cpu\.model"):
        validation.cited(folder, RUN)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[1]"])
def test_what_is_no_validation_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "validation.json").write_bytes(data)
    with pytest.raises(RunFolderError, match="cannot be read as a validation"):
        validation.cited(tmp_path, RUN)
    with pytest.raises(RunFolderError, match="cannot be read as a validation"):
        validation.cited(tmp_path / "none", RUN)


@pytest.mark.parametrize("as_folder", [True, False])
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_what_would_hang_or_fill_the_memory_is_refused(
    tmp_path: Path, make: Callable[[Path], None], as_folder: bool
) -> None:
    path = tmp_path / "validation.json"
    make(path)
    with pytest.raises(RunFolderError, match="cannot be read as a validation") as raised:
        validation.cited(tmp_path if as_folder else path, RUN)
    assert "vbench validate" in raised.value.hint


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 1e308}', '{"seconds": ' + "9" * 5000 + "}", "\x00"])
def test_odd_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "validation.json").write_text(text)
    with pytest.raises(RunFolderError, match="cannot be read as a validation"):
        validation.cited(tmp_path, RUN)


def test_a_file_that_no_validation_can_be_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "validation.json"
    path.touch()
    os.truncate(path, 60 * 10**9)
    with pytest.raises(RunFolderError, match="larger than"):
        validation.cited(path, RUN)
