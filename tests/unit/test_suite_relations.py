"""What a suite varies, and how its arms relate to each other."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.unit.suite_texts import GOOD, refused
from vbench import environments
from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.store.names import is_safe

# --- variations -----------------------------------------------------------------------------------------------------

ENTRY = '{kind = "disk.randread", name = "disk.small", size = "1 MiB"}'
VARIED = '{kind = "disk.randread", vary = { depth = [1, 16], size = ["1 MiB", "4 MiB"] }}'


def varying(entry: str) -> str:
    assert ENTRY in GOOD
    return GOOD.replace(ENTRY, entry)


def test_an_entry_that_varies_gives_a_benchmark_for_each_combination() -> None:
    suite = suites.parse(varying(VARIED), source="s")
    ends = ("depth-1.size-1MiB", "depth-1.size-4MiB", "depth-16.size-1MiB", "depth-16.size-4MiB")
    assert tuple(suite.benchmarks) == ("cpu.hash", *(f"disk.randread.{end}" for end in ends), "start.ready")
    record = suites.benchmark_records(suite)[2]
    assert (record.of, record.varied) == ("disk.randread", {"depth": 1, "size": 4 * 2**20})
    assert record.settings["size"] == 4 * 2**20
    assert suites.benchmark_records(suite)[0].varied == {}


def test_sizes_of_requests_can_be_varied() -> None:
    entry = '{kind = "disk.randread", vary = { depth = [1, 4, 16], block = ["4 KiB", "64 KiB"] }}'
    suite = suites.parse(varying(entry), source="s")
    assert len([name for name in suite.benchmarks if name.startswith("disk.randread.")]) == 6
    assert "disk.randread.depth-16.block-64KiB" in suite.benchmarks


def test_a_name_of_a_combination_can_be_claimed_and_chosen_and_stored() -> None:
    claimed = varying(VARIED).replace(
        "blocks = 2\n", 'blocks = 2\nconfirmatory = ["b disk.randread.depth-16.size-4MiB"]\n'
    )
    suite = suites.parse(claimed, source="s")
    assert suites.confirmatory(suite) == ("b disk.randread.depth-16.size-4MiB iops",)
    assert all(is_safe(name) for name in suite.benchmarks)
    one = suites.restrict(suite, benchmarks=["disk.randread.depth-1.size-4MiB"])
    assert list(one.benchmarks) == list(one.variations) == ["disk.randread.depth-1.size-4MiB"]
    assert len(suites.restrict(suite, benchmarks=["disk.randread"]).benchmarks) == 4


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("vary = { depth = [1, 'x'] }", "benchmarks[1].vary.depth[1]: expected a whole number, got a text", ""),
        ("vary = { depth = [1, 0] }", "benchmarks[1].vary.depth[1]: expected a whole number >= 1", ""),
        ("vary = { dpeth = [1] }", "benchmarks[1].vary.dpeth: unknown key", "'depth'"),
        ("vary = { name = ['x'] }", "benchmarks[1].vary.name: unknown key", "size, depth, block, engine"),
        ("vary = { depth = 1 }", "benchmarks[1].vary.depth: expected a list of values, got 1", ""),
        ("vary = { depth = [] }", "benchmarks[1].vary.depth: expected a list of values, got []", ""),
        ("vary = { depth = [[1]] }", "benchmarks[1].vary.depth[0]: expected a text, a number or true or false", ""),
        ("vary = { depth = [1, 1] }", "benchmarks[1].vary.depth[1]: 1 stands there twice", ""),
        ("vary = { size = ['1 MiB', '1MiB'] }", "benchmarks[1].vary.size[1]: '1MiB' stands there twice", ""),
        ("vary = { size = ['1 lot'] }", "benchmarks[1].vary.size[0]: expected a size", ""),
        ("vary = { engine = ['lot'] }", "benchmarks[1].vary.engine[0]: 'lot' is not one of its values", "libaio"),
        ("vary = {}", "benchmarks[1].vary: expected a table of keys with a list of values each", "depth = [1, 4]"),
        ("vary = 3", "benchmarks[1].vary: expected a table of keys with a list of values each", ""),
        ("depth = 4, vary = { depth = [1] }", "benchmarks[1].vary.depth: 'depth' stands in the entry too", ""),
        (f"vary = {{ depth = {list(range(1, 103))} }}", "benchmarks[1].vary: 102 combinations, at most 100", "fewer"),
        (
            f"vary = {{ depth = {list(range(1, 1001))}, size = {list(range(2**20, 2**20 + 4000, 4))} }}",
            "benchmarks[1].vary: 1,000,000 combinations",
            "",
        ),
    ],
)
def test_a_variation_that_cannot_be_is_refused(entry: str, message: str, hint: str) -> None:
    error = refused(varying(f'{{kind = "disk.randread", {entry}}}'))
    assert message in error.message
    assert hint in error.hint


def test_a_name_that_a_combination_has_already_is_refused() -> None:
    taken = '{kind = "disk.randread", name = "disk.randread.depth-1"}, {kind = "disk.randread", vary = {depth = [1]}}'
    error = refused(varying(taken))
    assert "benchmarks[2]: a second benchmark named 'disk.randread.depth-1'" in error.message


@given(st.text(max_size=30))
@settings(deadline=None)
def test_a_varied_text_never_makes_a_name_that_is_no_file_name(text: str) -> None:
    own = f'{{kind = "command", name = "app.x", argv = ["x"], vary = {{ unit = [{json.dumps(text)}] }}}}'
    try:
        assert all(is_safe(name) for name in suites.parse(varying(own), source="s").benchmarks)
    except SuiteError as error:
        assert "\n" not in error.message


# --- relations ------------------------------------------------------------------------------------------------------


def test_relations_belong_to_the_arm_and_not_to_its_environment() -> None:
    suite = suites.parse(GOOD, source="s")
    assert (suite.arm("c").on, suite.arm("control").on) == ("b", None)
    assert suites.settings(suite.environment("c")).keys() == suites.settings(suite.environment("a")).keys()
    record = suites.environment_record(suite, "c")
    assert suites.relations_of(record) == {"on": "b", "network": "bridge", "storage": "folder"}
    keys = {field.encode_name for field in structs.fields(suites.Relations)}
    for made in environments.KINDS.values():
        assert not keys & set(made.__struct_fields__)  # type: ignore[attr-defined]


LIKE = """
[environments.d]
like = "b"
noise = 0.5
[environments.e]
like = "d"
slowdown = 2
on = "a"
[environments.f]
like = "e"
kind = "oci"
"""


def test_a_table_that_is_like_another_takes_over_its_keys_and_changes_some() -> None:
    suite = suites.parse(GOOD + LIKE, source="s")
    settings = {arm: suites.settings(suite.environment(arm)) for arm in suite.arms}
    assert (settings["d"]["slowdown"], settings["d"]["noise"]) == (1.25, 0.5)
    assert (settings["e"]["slowdown"], settings["e"]["noise"], suite.arm("e").on) == (2, 0.5, "a")


def test_a_table_of_another_kind_takes_over_relations_alone() -> None:
    suite = suites.parse(GOOD + LIKE, source="s")
    assert suites.settings(suite.environment("f")) == suites.settings(environments.KINDS["oci"]())
    assert suite.arm("f").on == "a"


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ('like = "bb"', "environments.d.like: no environment is named 'bb'", "'b'"),
        ("like = 3", "environments.d.like: no environment is named 3", ""),
        ('like = "d"', "environments.d.like: is like itself: d like d", "its own keys"),
        ('like = "e"\n[environments.e]\nlike = "d"', "environments.e.like: is like itself: d like e like d", ""),
        ('like = "b"\nslowdwon = 2', "environments.d.slowdwon: unknown key", "'slowdown'"),
        ('like = "b"\nkind = "oci"\nslowdown = 2', "environments.d.slowdown: unknown key", "runtime"),
        ('kind = "fake"\ninstances = 4', "environments.d.instances: unknown key", ""),
        ('kind = "fake"\nbeside = []', "environments.d.beside: unknown key", ""),
        ('kind = "fake"\nnetwork = "bride"', "environments.d.network: 'bride' is not one of its values", "'bridge'"),
        ('kind = "fake"\nnetwork = 3', "environments.d.network: expected a text", ""),
        ('kind = "fake"\nstorage = "lvm"', "environments.d.storage: 'lvm' is not one of its values", "folder, disk"),
        ('kind = "fake"\nstorage = "disk"', "environments.d.storage: fake slowdown=1 has 'folder'", "leave out"),
        ('kind = "qemu"\nstorage = "folder"', "environments.d.storage: qemu accel=tcg has 'disk'", "leave out"),
    ],
)
def test_a_relation_that_cannot_be_is_refused(table: str, message: str, hint: str) -> None:
    error = refused(f"{GOOD}[environments.d]\n{table}\n")
    assert message in error.message
    assert hint in error.hint


def test_a_wrong_key_is_told_once_where_it_is_written() -> None:
    error = refused(GOOD.replace("slowdown = 1.25", "slowdwon = 1.25") + LIKE)
    assert error.message == "s.toml: environments.b.slowdwon: unknown key"


def test_an_arm_without_a_network_leaves_none_to_what_stands_on_it() -> None:
    text = GOOD.replace("slowdown = 1.25", 'network = "none"')
    suite = suites.parse(text, source="s")
    assert [suites.network(suite, arm) for arm in suite.arms] == ["bridge", "none", "none"]
    error = refused(text.replace('on = "b"', 'on = "b"\nnetwork = "bridge"'))
    assert "environments.c.network: b, which it stands on, has none" in error.message
