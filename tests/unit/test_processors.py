"""Environments get equal processors of one node, whole cores first; harness and peer keep off them where they can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.errors import UsageError
from vbench.host.proc import LocalSession
from vbench.host.processors import (
    Processor,
    Processors,
    choose,
    chosen,
    described,
    find,
    kinds,
    parse,
    parse_list,
    show_list,
    with_sysfs,
)

SMT = tuple(Processor(cpu, cpu % 4, 0) for cpu in range(8))  # 0 and 4 share a core, as Linux numbers them
NODES = tuple(Processor(cpu, cpu, cpu // 4) for cpu in range(8))


def usable(processors: tuple[Processor, ...]) -> frozenset[int]:
    return frozenset(p.cpu for p in processors)


def test_lscpus_table_is_read() -> None:
    assert parse("# CPU,Core,Node\n0,0,0\n1,0,\n") == (Processor(0, 0, 0), Processor(1, 0, 0))


@pytest.mark.parametrize("text", ["0,0\n", "x,0,0\n", "0;0;0\n", "0,0,0,0\n", "-1,0,0\n"])
def test_an_unknown_line_of_lscpu_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="unknown line"):
        parse(text)


def test_the_kernels_list_format_is_read() -> None:
    assert parse_list("0-3,8\n") == {0, 1, 2, 3, 8}


def test_a_list_that_repeats_itself_without_end_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no kernel lists a processor twice: '0-65535,"):
        parse_list(",".join(["0-65535"] * 100_000))


def test_one_of_two_processors_is_the_environments_and_the_other_the_peers() -> None:
    two = (Processor(0, 0, 0), Processor(1, 1, 0))
    assert choose(two, usable(two), 1) == Processors((1,), (0,))


def test_the_sibling_of_a_chosen_thread_stays_idle() -> None:
    assert choose(SMT, usable(SMT), 1) == Processors((3,), (0, 1, 2, 4, 5, 6))


def test_whole_cores_come_before_siblings() -> None:
    assert choose(SMT, usable(SMT), 3).environment == (1, 2, 3)


def test_a_set_stays_on_one_node() -> None:
    assert choose(NODES, usable(NODES), 4) == Processors((4, 5, 6, 7), (0, 1, 2, 3))


def test_a_node_with_room_is_taken_before_one_without() -> None:
    assert choose(NODES, frozenset({0, 1, 2, 3, 7}), 2).environment == (2, 3)


def test_where_all_are_taken_peer_and_harness_share_them_and_it_is_said() -> None:
    two = (Processor(0, 0, 0), Processor(1, 1, 0))
    assert choose(two, usable(two), 2) == Processors((0, 1), (0, 1), shared=True)
    threads = (Processor(0, 0, 0), Processor(1, 0, 0))
    assert choose(threads, usable(threads), 1) == Processors((0,), (1,), shared=True)


@pytest.mark.parametrize("wanted", [0, -1, 9])
def test_more_processors_than_there_are_is_a_wrong_use(wanted: int) -> None:
    with pytest.raises(UsageError, match="this process may use 8") as caught:
        choose(SMT, usable(SMT), wanted)
    assert "cpus" in caught.value.hint


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), min_size=1, max_size=16).flatmap(
        lambda cores: st.tuples(st.just(cores), st.integers(1, len(cores)))
    )
)
def test_any_host_gives_the_number_asked_for_and_never_an_empty_peer(case: tuple[list[tuple[int, int]], int]) -> None:
    cores, wanted = case
    host = tuple(Processor(cpu, core, node) for cpu, (core, node) in enumerate(cores))
    chosen = choose(host, usable(host), wanted)
    assert len(chosen.environment) == wanted
    assert chosen.peer
    assert set(chosen.environment) | set(chosen.peer) <= usable(host)
    if not chosen.shared:
        assert not set(chosen.environment) & set(chosen.peer)


# A notebook of 2024: six performance cores with two threads, eight efficiency cores, two of low power without L3.
HYBRID_CORES = [0, 1, 1, 2, 2, 0, 3, 3, 4, 4, 5, 5, *range(6, 16)]
HYBRID = tuple(Processor(cpu, core, 0) for cpu, core in enumerate(HYBRID_CORES))


def told(processors: tuple[Processor, ...], speed: dict[int, int], cache: dict[int, str]) -> tuple[Processor, ...]:
    """The processors with what sysfs says of them."""
    lines = [f"cpu{cpu}/cpufreq/cpuinfo_max_freq:{khz}" for cpu, khz in speed.items()]
    lines += [f"cpu{cpu}/cache/index3/level:3\ncpu{cpu}/cache/index3/size:{size}" for cpu, size in cache.items()]
    return with_sysfs(processors, "\n".join(lines))


@pytest.mark.parametrize("wanted", [1, 2, 6, 12])
def test_performance_cores_come_before_efficiency_cores(wanted: int) -> None:
    assert set(choose(HYBRID, usable(HYBRID), wanted).environment) <= set(range(12))


def test_more_than_there_are_performance_cores_takes_efficiency_cores_too() -> None:
    """Whole cores come first, so no performance core works with both threads here."""
    taken = choose(HYBRID, usable(HYBRID), 13).environment
    cores = {HYBRID_CORES[cpu] for cpu in taken}
    assert len(cores) == 13
    assert cores > set(range(6))


def test_a_host_with_unlike_cores_is_described_by_their_kinds() -> None:
    speed = {cpu: 4_800_000 if cpu < 12 else 3_800_000 if cpu < 20 else 2_500_000 for cpu in range(22)}
    known = told(HYBRID, speed, dict.fromkeys(range(20), "24576K"))
    assert choose(known, usable(known), 1).unlike == (
        "0-11: 4.80 GHz, 2 threads a core, 24 MiB of last-level cache; "
        "12-19: 3.80 GHz, 1 thread a core, 24 MiB of last-level cache; "
        "20-21: 2.50 GHz, 1 thread a core, cache unknown"
    )


def test_boost_clocks_that_differ_by_some_percent_do_not_make_cores_unlike() -> None:
    four = tuple(Processor(cpu, cpu, 0) for cpu in range(4))
    known = told(four, {0: 5_100_000, 1: 5_000_000, 2: 4_900_000, 3: 4_800_000}, {})
    assert described(known) == ""
    assert choose(known, usable(known), 1).environment == (3,)


def test_of_equally_fast_cores_those_with_the_larger_cache_are_taken() -> None:
    four = tuple(Processor(cpu, cpu, 0) for cpu in range(4))
    known = told(four, dict.fromkeys(range(4), 5_000_000), {0: "96M", 1: "96M", 2: "32M", 3: "32M"})
    assert choose(known, usable(known), 2).environment == (0, 1)


def test_core_numbers_that_repeat_in_each_cluster_make_no_siblings() -> None:
    """An Arm machine of two clusters, as some versions of lscpu number them."""
    table = parse("".join(f"{cpu},{cpu % 4},0\n" for cpu in range(8)))
    siblings = "\n".join(f"cpu{cpu}/topology/thread_siblings_list:{cpu}" for cpu in range(8))
    capacity = "\n".join(f"cpu{cpu}/cpu_capacity:{446 if cpu < 4 else 1024}" for cpu in range(8))
    for text in (siblings, capacity, f"{siblings}\n{capacity}"):
        known = with_sysfs(table, text)
        assert choose(known, usable(known), 1) == Processors((7,), (0, 1, 2, 3, 4, 5, 6), unlike=described(known))
    assert described(with_sysfs(table, capacity)) == (
        "4-7: capacity 1024, 1 thread a core, cache unknown; 0-3: capacity 446, 1 thread a core, cache unknown"
    )


def test_a_processor_whose_core_is_not_told_has_a_core_of_its_own() -> None:
    table = parse("0,,\n1,-,-\n2,,0\n")
    assert len({(one.node, one.core) for one in table}) == 3
    assert choose(table, usable(table), 1) == Processors((2,), (0, 1))


@pytest.mark.parametrize("text", ["", "cpu0/cpu_capacity:\n", "cpu0:x", "cpu0/cpu_capacity:-3\ncpu9/x:1", ":::\n"])
def test_sysfs_without_an_answer_changes_nothing(text: str) -> None:
    assert with_sysfs(SMT, text) == SMT


def test_listed_processors_are_taken_as_they_are_listed() -> None:
    assert chosen(SMT, usable(SMT), frozenset({0, 1})) == Processors((0, 1), (2, 3, 6, 7))


def test_a_listed_processor_that_may_not_be_used_is_refused_with_those_that_may() -> None:
    with pytest.raises(UsageError, match="lists processor 4") as caught:
        chosen(SMT, frozenset({0, 1, 2, 3, 7}), frozenset({4}))
    assert "0-3,7" in caught.value.hint


@pytest.mark.parametrize("mask", [usable(SMT), frozenset(range(1024))], ids=["exact mask", "mask wider than the host"])
def test_a_listed_processor_that_the_host_does_not_have_is_refused(mask: frozenset[int]) -> None:
    with pytest.raises(UsageError, match="lists processor 9") as caught:
        chosen(SMT, mask, frozenset({0, 9}))
    assert caught.value.hint.startswith("usable: 0-7;")


@given(st.sets(st.integers(0, 300), min_size=1))
def test_a_list_is_read_as_it_was_shown(cpus: set[int]) -> None:
    assert parse_list(show_list(cpus)) == cpus


def test_every_processor_has_a_kind() -> None:
    assert set(kinds(HYBRID)) == set(range(22))


def test_this_host_is_read() -> None:
    found = find(LocalSession(), 1)
    assert len(found.environment) == 1
