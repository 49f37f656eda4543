"""Arms that are alive together: whose processor time it is, and how much of it while others were measured."""

from dataclasses import replace as with_changes
from pathlib import PurePosixPath

import pytest
from msgspec.structs import replace

from vbench import gates
from vbench.beneath import DESCENDANTS, Cgroup, ServedBy, Unseen
from vbench.gates import Counters, Spent
from vbench.model import Reading
from vbench.runner.tally import Tallies

GROUP = Cgroup(PurePosixPath("/docker/0123"))


def tallies(*spent: dict[ServedBy, Spent]) -> Tallies:
    """Tallies of a host that answers with each of `spent` in turn, once for all ways of counting."""
    left = list(spent)

    def ask(way: ServedBy) -> Spent:
        answer = left[0][way]
        asked.add(way)
        if asked == set(left[0]):
            asked.clear()
            left.pop(0)
        return answer

    asked: set[ServedBy] = set()
    return Tallies(ask, 100)


def test_a_child_of_the_harness_is_of_the_arm_that_was_started_or_measured_when_it_was_first_seen() -> None:
    kernel = {9: 1.0}
    of_all = tallies(
        {DESCENDANTS: Spent(1.0, {}, {10: 1.0})},
        {DESCENDANTS: Spent(3.0, {}, {10: 1.0, 20: 2.0})},
        {DESCENDANTS: Spent(3.0, kernel, {10: 1.0, 20: 2.0})},
        {DESCENDANTS: Spent(9.5, {9: 1.25}, {10: 3.0, 20: 2.5, 11: 4.0})},
    )
    of_all.join("a", DESCENDANTS)
    of_all.join("b", DESCENDANTS)
    first, last = of_all.now("a"), of_all.now("a")
    assert of_all.worked_s("a", first, last) == 6.25  # with the kernel's threads, and the child that it started
    assert of_all.idled_s("b", first, last) == 0.5


def test_what_a_group_serves_is_counted_by_the_group_and_what_nobody_sees_is_unknown() -> None:
    unseen = Unseen("why")
    of_all = tallies(
        {GROUP: Spent(5.0, {})},
        {GROUP: Spent(5.0, {}), unseen: Spent(None, {})},
        {GROUP: Spent(5.0, {}), unseen: Spent(None, {})},
        {GROUP: Spent(5.5, {}), unseen: Spent(None, {})},
    )
    of_all.join("docker", GROUP)
    of_all.join("away", unseen)
    first, last = of_all.now("docker"), of_all.now("docker")
    assert (of_all.worked_s("docker", first, last), of_all.idled_s("away", first, last)) == (0.5, None)


def test_the_time_of_all_arms_is_known_only_where_each_is() -> None:
    one = Counters(0.0, 5.0, 0.0, 1.0, {7: 1.0}, 0, delays_s={1: 0.5})
    two = Counters(0.0, 5.0, 0.0, 2.0, {7: 1.0}, 0, delays_s={2: 0.25})
    both = gates.together([one, two])
    assert (both.ours_s, both.kernel_s, both.delays_s, both.busy_s) == (3.0, {7: 1.0}, {1: 0.5, 2: 0.25}, 5.0)
    assert gates.together([one, with_changes(two, ours_s=None, delays_s=None)]).ours_s is None


def test_the_idle_share_is_of_the_time_in_which_others_were_measured() -> None:
    reading = Reading(1, 0, "b", 10.0, idle_s=5.0, idle_cpu_s=0.02)
    assert gates.idle_share(reading) == pytest.approx(0.004)
    assert gates.idle_share(replace(reading, idle_cpu_s=None)) is None
    assert gates.idle_share(Reading(1, 0, "b", 10.0)) is None
