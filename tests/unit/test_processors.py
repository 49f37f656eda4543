"""Environments get equal processors of one node, whole cores first; harness and peer keep off them where they can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.errors import UsageError
from vbench.proc import LocalSession
from vbench.processors import Processor, Processors, choose, find, parse, parse_list

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


def test_this_host_is_read() -> None:
    found = find(LocalSession(), 1)
    assert len(found.environment) == 1
