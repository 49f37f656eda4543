"""What is left of a run follows from what is stored: repeats, durations, and which torn block may be gone on with."""

import pytest
from msgspec.structs import replace

from tests.unit.ledgers import BLOCKS, NAMES, PLAN, trials, voids
from tests.unit.outcomes import foreign, stated
from tests.unit.small_folders import a_trial
from vbench.model import Void
from vbench.runner import MOST_REPEATS, Ledger
from vbench.text import reason_text


def test_a_new_run_begins_everything() -> None:
    ledger = Ledger(PLAN)
    assert [ledger.attempt(block.index) for block in PLAN.blocks] == [0] * BLOCKS
    assert ledger.left(1, 0) == 1.0
    assert ledger.next_s() == ledger.block_s() == 5.0  # as planned


def test_a_block_is_whole_when_every_arm_has_every_benchmark() -> None:
    ledger = Ledger.of(PLAN, trials=trials(1, begin_s=0, number=3))
    assert ledger.left(1, 0) == 0.25
    assert ledger.stored(1, 0, "bare") == set(NAMES)
    assert not ledger.whole(PLAN.blocks[1])
    ledger.add(trials(1, begin_s=0)[3])
    assert ledger.whole(PLAN.blocks[1])


@pytest.mark.parametrize("spent", range(MOST_REPEATS + 2))
def test_a_block_is_repeated_at_most_so_often(spent: int) -> None:
    ledger = Ledger(replace(PLAN, blocks=PLAN.blocks * 10), voids=voids(*[1] * spent))
    assert ledger.attempt(1) == (spent if spent <= MOST_REPEATS else None)


def test_a_run_has_so_many_repeats_in_all() -> None:
    """A third of its blocks, rounded down, and at least one."""
    assert Ledger(PLAN, voids=voids(1)).attempt(1) == 1
    assert Ledger(PLAN, voids=voids(1, 2)).attempt(2) is None


def test_what_the_run_itself_interrupted_spends_no_repeat() -> None:
    many = voids(*[1] * 9, harness=True)
    assert Ledger(PLAN, voids=many).attempt(1) == 9
    assert Ledger(PLAN, voids=[*many, Void(2, 0, (foreign("bare", 0.1),))]).attempt(2) == 1
    spent = voids(1, 2)
    assert Ledger(PLAN, voids=[*spent, Void(3, 0, (stated("a pause"),), harness=True)]).attempt(3) == 1


def test_a_block_takes_as_long_as_the_longest_so_far() -> None:
    ledger = Ledger.of(PLAN, trials=[*trials(0, begin_s=0, each_s=50), *trials(1, begin_s=300, each_s=2)])
    assert ledger.block_s() == 8.0
    for trial in trials(2, begin_s=400, each_s=3):
        ledger.add(trial)
    assert ledger.block_s() == 12.0
    assert ledger.part_s(3, 0) == 12.0


def test_the_calibration_tells_only_until_a_block_does() -> None:
    assert Ledger.of(PLAN, trials=trials(0, begin_s=0, each_s=50)).block_s() == 200.0


def test_a_block_in_which_the_run_was_resumed_tells_no_duration() -> None:
    stored = [*trials(1, begin_s=0, each_s=2), *trials(2, begin_s=100, each_s=900)]
    assert Ledger.of(PLAN, trials=stored, torn=[2]).block_s() == 8.0


def broken(number: int, *, now_s: float, booted_s: float = 0.0, block: int = 2, rebooted: bool | None = False) -> str:
    stored = [*trials(1, begin_s=100, each_s=25), *trials(block, begin_s=200, each_s=25, number=number)]
    ledger = Ledger.of(PLAN, trials=stored, rebooted=rebooted)
    return why_broken(ledger, block, now_s=now_s, booted_s=booted_s)


def why_broken(ledger: Ledger, block: int = 2, *, now_s: float, booted_s: float = 0.0) -> str:
    reason = ledger.broken(block, 0, now_s=now_s, booted_s=booted_s)
    return reason_text(reason) if reason else ""


def test_a_torn_block_may_be_gone_on_with_within_its_own_duration() -> None:
    assert broken(2, now_s=250 + 100) == ""
    assert broken(2, now_s=250 + 101) == "the run paused for 1 min 41 s within this block"


def test_several_short_pauses_are_one_long_one() -> None:
    stored = [*trials(1, begin_s=0, each_s=25), *trials(2, begin_s=200, each_s=25, number=2)]
    stored.append(trials(2, begin_s=260, each_s=25, number=3)[2])  # 60 s after the second
    ledger = Ledger.of(PLAN, trials=stored)
    assert why_broken(ledger, now_s=335 + 40) == ""
    assert why_broken(ledger, now_s=335 + 41) == "the run paused for 1 min 41 s within this block"


def test_a_reboot_within_a_block_breaks_it_however_short_it_was() -> None:
    assert broken(2, now_s=251, rebooted=True) == "the host was rebooted within this block"
    assert broken(2, now_s=251) == ""


def test_a_boot_that_seems_later_than_the_block_in_the_same_boot_is_a_clock_that_was_set() -> None:
    assert broken(2, now_s=251, booted_s=201) == "the clock was set within this block"
    assert broken(2, now_s=251, booted_s=199) == ""


def test_where_the_boot_is_unknown_it_may_be_either() -> None:
    what = "the host was rebooted or its clock was set within this block"
    assert broken(2, now_s=251, booted_s=201, rebooted=None) == what
    assert broken(2, now_s=251, booted_s=199, rebooted=None) == ""


def test_a_clock_that_was_set_back_tells_nothing_of_a_pause() -> None:
    assert broken(2, now_s=240) == "the clock was set back within this block"


def test_what_was_not_begun_and_the_calibration_are_never_broken() -> None:
    assert broken(0, now_s=1e9) == ""
    assert broken(2, now_s=1e9, booted_s=1e8, block=0, rebooted=True) == ""


def test_rows_of_a_start_that_failed_do_not_count_twice() -> None:
    """Each tells how long the whole start took."""
    rows = [a_trial(2, "bare", benchmark=name, started_s=100.0, wall_s=60.0) for name in NAMES]
    ledger = Ledger.of(PLAN, trials=[*trials(1, begin_s=0, each_s=5), *rows])
    assert why_broken(ledger, now_s=175) == ""
    assert why_broken(ledger, now_s=190) == "the run paused for 30 s within this block"
