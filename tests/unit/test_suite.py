"""A suite is read strictly, and whatever is wrong with it is said with the path of the key."""

import re
from pathlib import Path

import pytest

from tests.unit.suite_texts import ADAPTIVE, GOOD, METHOD, refused
from vbench import benchmarks, environments
from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.units import Bytes, Seconds

OFFERED = [name for name, kind in environments.KINDS.items() if kind.is_offered]


def test_a_good_suite_is_read_with_its_quantities_in_base_units() -> None:
    suite = suites.parse(GOOD, source="s.toml")
    assert suite.name == "small"
    assert suite.text == GOOD
    assert suite.arms == ("a", "b", "c")
    assert tuple(suite.benchmarks) == ("cpu.hash", "disk.small", "start.ready")
    assert suite.method.trial == Seconds(0.2)
    assert suite.method.budget == Seconds(600)
    assert suite.testbed.memory == Bytes(512 * 2**20)
    assert suite.environment("control") == suite.environment("a")
    assert suites.chain(suite, "c") == ("b", "c")


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        ("slowdown = 1.25", "slowdwon = 1.25", "environments.b.slowdwon: unknown key", "slowdown"),
        ("blocks = 2", "block = 2", "method.block: unknown key", "blocks"),
        ("memory =", "memroy =", "testbed.memroy: unknown key", "memory"),
        ("about =", "abuot =", "abuot: unknown key", "about"),
        ("slowdown = 1.25", 'slowdown = "x"', "environments.b.slowdown: expected a number, got a text", ""),
        ("blocks = 2", 'blocks = "2"', "method.blocks: expected a whole number, got a text", ""),
        ("blocks = 2", "blocks = 2.5", "method.blocks: expected a whole number", ""),
        ("blocks = 2", "blocks = true", "method.blocks: expected a whole number", ""),
        ("blocks = 2", "blocks = 0", "method.blocks: expected a whole number >= 1", ""),
        ("blocks = 2", f"blocks = {10**30}", "method.blocks:", ""),
        ("blocks = 2", f"blocks = {'9' * 5000}", "not TOML", ""),
        ("blocks = 2", "n_min = 50", "method.n_min: 50 is more than n_max, 40", ""),
        ("blocks = 2", "blocks = 2\ndelta = 1.5", "method.delta: must lie between 0 and 1", "2 %"),
        ("blocks = 2", "blocks = 2\ndelta = '2 apples'", "method.delta: expected a share", ""),
        ("blocks = 2", "blocks = 2\nwidth = 0", "method.width: must lie between 0 and 1", "1 %"),
        ("blocks = 2", "blocks = 2\nwidth = -0.01", "method.width: expected a share", ""),
        ("blocks = 2", "blocks = 2\nwidth = '100 %'", "method.width: must lie between 0 and 1", "1 %"),
        ("blocks = 2", f"{ADAPTIVE}width = 0", "method.width: must lie between 0 and 1", "1 %"),
        (
            "blocks = 2",
            "blocks = 2\nn_min = 15",
            "method.n_min: belongs to an adaptive run, and method.blocks",
            "n_min",
        ),
        (
            "blocks = 2",
            "blocks = 2\nlook_every = 2\nn_max = 9",
            "method.look_every: belongs",
            "`look_every` and `n_max`",
        ),
        ("blocks = 2", "blocks = 2\nn_max = 9", "method.n_max: belongs to an adaptive run, and method.blocks", "n_max"),
        ("blocks = 2", "blocks = 2\nwidth = '1 %'", "method.width: belongs to an adaptive run", "width"),
        ('baseline = "a"', 'baseline = "aa"', "method.baseline: no environment is named 'aa'", "'a'"),
        ('baseline = "a"', 'baseline = "a"\ncontrol = "b"', "method.control: 'b' is another's name", "another"),
        ('baseline = "a"', 'baseline = "a"\ncontrol = "host"', "method.control: 'host' is another's name", ""),
        ('baseline = "a"', 'baseline = "a"\nseed = -1', "method.seed: expected a whole number >= 0", ""),
        ('"200 ms"', '"200 furlongs"', "method.trial: expected a duration such as '10 min'", ""),
        ('"200 ms"', "0", "method.trial: must be 1 ms or more", ""),
        ('"200 ms"', "inf", "method.trial: expected a duration", ""),
        ('"10 min"', '"10 MiB"', "method.budget: expected a duration", ""),
        ('"512 MiB"', "-1", "testbed.memory: expected a size", ""),
        ('"512 MiB"', f"{10**400}", "testbed", ""),
        ('"1 MiB"', '"1 lot"', "benchmarks[1].size: expected a size", ""),
        ('"cpu.hash"', '"cpu.hahs"', "benchmarks[0].kind: no benchmark is of kind 'cpu.hahs'", "cpu.hash"),
        ('"cpu.hash"', "7", "benchmarks[0]: expected a table with a `kind`, got 7", ""),
        ('"cpu.hash"', '{size = "1 MiB"}', "benchmarks[0].kind: missing", "cpu.hash"),
        ('"cpu.hash"', '"cpu.hash", "cpu.hash"', "benchmarks[1]: a second benchmark named 'cpu.hash'", "name"),
        ('"disk.small"', '"cpu.small"', "benchmarks[1].name: 'cpu.small' is not of the family", "disk."),
        ('"disk.small"', '"disk./../x"', "benchmarks[1].name: 'disk./../x' cannot be a name", "letters"),
        ('"disk.small"', "3", "benchmarks[1].name: 3 cannot be a name", ""),
        ('on = "b"', 'on = "bb"', "environments.c.on: no environment is named 'bb'", "'b'"),
        ('on = "b"', 'on = "c"', "environments.c.on: stands on itself: c on c", ""),
        ('on = "b"', "on = 3", "environments.c.on: expected a text", ""),
        ("slowdown = 1.25", 'on = "c"', "stands on itself", ""),
        ('[environments.b]\nkind = "fake"', '[environments.b]\nkind = "qmeu"', "environments.b.kind: no env", "'qemu'"),
        (
            '[environments.b]\nkind = "fake"',
            "[environments.b]",
            "environments.b.kind: missing",
            f"known: {', '.join(OFFERED)}",
        ),
        ("[environments.b]", '[environments."../b"]', "environments.../b: '../b' cannot be a name", "letters"),
        ("[environments.b]", '[environments.""]', "environments.: '' cannot be a name", ""),
        ("[environments.b]", f"[environments.{'b' * 41}]", "cannot be a name", ""),
        ("[environments.b]", "[environments.host]", "environments.host: the name is taken", ""),
        ("[environments.b]", "[environments.a]", "not TOML", "toml.io"),
        ('name = "small"', 'name = "sm/all"', "name: 'sm/all' cannot be a name", ""),
        ('name = "small"', "", "name: missing", ""),
        ('name = "small"', "name = 3", "name: expected a text, got a whole number", ""),
    ],
)
def test_what_cannot_be_meant_is_refused(before: str, after: str, message: str, hint: str) -> None:
    assert before in GOOD
    error = refused(GOOD.replace(before, after))
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("first", ["b cpu.hash", "b cpu.hash time", "b  cpu.hash"])
@pytest.mark.parametrize("second", ["b cpu.hash", "b cpu.hash time"])
@pytest.mark.parametrize("blocks", ["", "blocks = 2\n"])
def test_a_comparison_declared_twice_is_refused(first: str, second: str, blocks: str) -> None:
    declared = f'{blocks}confirmatory = ["{first}", "c cpu.hash", "{second}"]\n'
    error = refused(GOOD.replace("blocks = 2\n", declared))
    assert "method.confirmatory[2]: 'b cpu.hash time' is declared twice" in error.message
    assert "the first is meant, here time" in error.hint


def differing(method: str, margin: str) -> str:
    own = 'name = "app.wait", argv = ["x"], regex = "(.*)", unit = "s", better = "lower", scale = "difference"'
    text = GOOD.replace('"start.ready"', f'"network.udp", {{kind = "command", {own}{margin}}}')
    return text.replace("blocks = 2\n", method)


def test_an_adaptive_run_needs_the_margin_of_a_declared_difference() -> None:
    error = refused(differing('confirmatory = ["b cpu.hash", "b app.wait"]\n', ""))
    assert "method.confirmatory[1]: 'b app.wait value' is a difference without a `margin`" in error.message
    assert "give 'app.wait' a `margin`" in error.hint


@pytest.mark.parametrize(
    ("method", "margin"),
    [
        ('confirmatory = ["b app.wait", "b network.udp loss"]\n', ", margin = 0.0001"),
        ('confirmatory = ["b cpu.hash"]\n', ""),
        ('blocks = 2\nconfirmatory = ["b app.wait"]\n', ""),
    ],
    ids=["with its margin", "not declared", "fixed blocks"],
)
def test_a_difference_that_decides_nothing_needs_no_margin(method: str, margin: str) -> None:
    assert "app.wait" in suites.parse(differing(method, margin), source="s").benchmarks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (" \n\t\n", "the file is empty"),
        ("name = ", "not TOML"),
        ("[" * 5000, "not TOML"),
        ("x = " + "[" * 3000 + "]" * 3000, "not TOML"),
        (f'name = "n"\nbenchmarks = []\nenvironments.a.kind = "fake"\n{METHOD}', "benchmarks: the list is empty"),
        (f'name = "n"\nbenchmarks = "cpu.hash"\nenvironments.a.kind = "fake"\n{METHOD}', "benchmarks: expected a list"),
        (f'name = "n"\nbenchmarks = ["cpu.hash"]\nenvironments = {{}}\n{METHOD}', "environments: there is none"),
        (f'name = "n"\nbenchmarks = ["cpu.hash"]\n{METHOD}', "environments: missing"),
        (f'name = "n"\nbenchmarks = ["cpu.hash"]\nenvironments.a = 3\n{METHOD}', "environments.a: expected a table"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(text: str, message: str) -> None:
    assert message in refused(text).message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('name = "é"'.encode("latin-1"))
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    cases = {
        "latin.toml": "is not UTF-8: byte 8",
        "huge.toml": "is larger than 1 MiB",
        "none.toml": "does not exist",
        ".": "is not a file",
        "nu\0ll.toml": "does not exist",
        f"{'x' * 300}.toml": "cannot be read",
    }
    for name, message in cases.items():
        with pytest.raises(SuiteError, match=message):
            suites.load(f"{tmp_path}/{name}")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SuiteError) as caught:
        suites.load("smokee")
    assert "'smoke'" in caught.value.hint


def test_the_shipped_suites_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"smoke", "quick"} <= set(suites.shipped())
    for name in suites.shipped():
        assert suites.load(name).name == name


def test_the_current_folders_suite_is_nearer_than_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "smoke.toml").write_text(GOOD)
    assert suites.load("smoke").name == "small"


def test_a_restriction_keeps_the_baseline_and_what_an_arm_stands_on() -> None:
    suite = suites.restrict(suites.parse(GOOD, source="s"), environments=["c"], blocks=7, seed=0)
    assert suite.arms == ("a", "c")
    assert set(suite.environments) == {"a", "b", "c"}
    assert (suite.method.blocks, suite.method.seed) == (7, 0)


def test_a_restriction_takes_benchmarks_by_name_and_by_family() -> None:
    suite = suites.parse(GOOD, source="s")
    assert tuple(suites.restrict(suite, benchmarks=["disk"]).benchmarks) == ("disk.small",)
    assert tuple(suites.restrict(suite, benchmarks=["cpu.hash"]).benchmarks) == ("cpu.hash",)
    assert suites.restrict(suite) == suite


# --- a short suite, and all that is wrong with one ----------------------------------------------------------------

SHORT = """
name = "short"
benchmarks = ["cpu", "syscall.getpid"]
environments.one.kind = "fake"
environments.two.kind = "fake"
"""


def test_a_suite_of_four_lines_has_the_documented_defaults() -> None:
    suite = suites.parse(SHORT, source="s.toml")
    method = suite.method
    assert (method.baseline, method.blocks, method.trial, method.warmup, method.budget) == ("one", 10, 1, 0.5, 3600)
    assert suite.arms == ("one", "two")


@pytest.mark.parametrize("key", ["n_min = 5", "look_every = 2", "n_max = 20", "width = '1 %'"])
def test_blocks_have_no_default_where_an_adaptive_run_is_meant(key: str) -> None:
    assert suites.parse(f"{SHORT}[method]\n{key}\n", source="s.toml").method.blocks is None


def test_a_declared_comparison_without_blocks_is_an_adaptive_run() -> None:
    suite = suites.parse(f'{SHORT}[method]\nconfirmatory = ["two cpu.hash"]\n', source="s.toml")
    assert suite.method.blocks is None


def test_a_family_stands_for_its_kinds_and_each_name_is_taken_once() -> None:
    suite = suites.parse(SHORT, source="s.toml")
    assert tuple(suite.benchmarks) == (*suites.families(benchmarks.KINDS)["cpu"], "syscall.getpid")
    assert {benchmark.kind.partition(".")[0] for benchmark in suite.benchmarks.values()} == {"cpu", "syscall"}
    for entries in ('["cpu", "cpu.hash"]', '["cpu.hash", "cpu"]', '["cpu", "cpu"]'):
        error = refused(SHORT.replace('["cpu", "syscall.getpid"]', entries))
        assert "benchmarks[1]: a second benchmark named 'cpu.hash'" in error.message


@pytest.mark.parametrize("entry", ['"cpu.*"', '"CPU"', '"cpu."', '{kind = "cpu"}'])
def test_what_looks_like_a_family_leads_to_it(entry: str) -> None:
    error = refused(SHORT.replace('"cpu"', entry))
    assert "benchmarks[0].kind: no benchmark is of kind" in error.message
    assert error.hint.startswith('"cpu" as a text of its own stands for cpu.hash, cpu.matrix')


def test_all_that_is_unknown_or_missing_is_told_at_once() -> None:
    text = """
benchmarks = ["cpu.hahs", {kind = "disk.randread", sise = 1}, {kind = "command", name = "app.x"}]
[method]
block = 3
[testbed]
cpu = 1
[environments.a]
kind = "qmeu"
[environments.b]
[environments.c]
kind = "fake"
slowdwon = 2
"""
    error = refused(text)
    expected = [
        "9 keys are wrong: name: missing",
        "method.block: unknown key (perhaps you meant 'blocks')",
        "testbed.cpu: unknown key (perhaps you meant 'cpus')",
        "environments.a.kind: no environment is of kind 'qmeu' (perhaps you meant 'qemu')",
        "environments.b.kind: missing (known: ",
        "environments.c.slowdwon: unknown key (perhaps you meant 'slowdown')",
        "benchmarks[0].kind: no benchmark is of kind 'cpu.hahs' (perhaps you meant 'cpu.hash')",
        "benchmarks[1].sise: unknown key (perhaps you meant 'size')",
        "benchmarks[2].argv: missing",
    ]
    assert [words for words in expected if words not in error.message] == []
    assert "vbench suite new" in error.hint


def test_a_value_that_a_key_does_not_take_is_told_with_those_that_it_takes() -> None:
    for keys, words, hint in (
        ('kind = "qemu"\naccel = "kmv"', "accel: 'kmv' is not one of its values", "'kvm'"),
        ('kind = "bare"\nroot = "x"', "root: 'x' is not one of its values", "known: image, host"),
        ('kind = "fake"\nfails = "never"', "fails: 'never' is not one of its values", "known: nothing, start"),
    ):
        error = refused(f"{SHORT}[environments.it]\n{keys}\n")
        assert f"environments.it.{words}" in error.message
        assert hint in error.hint
    error = refused(SHORT.replace('"cpu"', '{kind = "disk.randread", engine = "aio"}'))
    assert error.hint == "perhaps you meant 'libaio'"


def test_what_others_call_an_environment_leads_to_what_stands_for_it() -> None:
    names = [(name, hint) for made in environments.KINDS.values() for name, hint in made.known_as.items()]
    assert {"runc", "docker", "podman", "kvm", "chroot", "native", "vm"} <= {name for name, _ in names}
    for name, hint in names:
        assert name not in environments.KINDS and name == name.lower()
        error = refused(SHORT.replace('"fake"', f'"{name.upper()}"', 1))
        assert error.hint == hint
        (kind,) = re.findall(r'kind = "(\w+)"', hint)
        keys = dict(re.findall(r'with (\w+) = "([^"]+)"', hint))
        table = "\n".join(f'{key} = "{value}"' for key, value in {"kind": kind, **keys}.items())
        suites.parse(f"{SHORT}[environments.it]\n{table}\n", source=name)  # what the hint says can be written


# --- the processors that a suite lists ----------------------------------------------------------------------------


def test_a_suite_may_list_its_processors() -> None:
    suite = suites.parse(GOOD.replace("[testbed]", '[testbed]\ncpus = 3\ncpu_list = "2-3,7"'), source="s.toml")
    assert suite.testbed.cpu_list == "2-3,7"


def test_a_list_of_another_length_than_each_environment_gets_is_refused() -> None:
    error = refused(GOOD.replace("[testbed]", '[testbed]\ncpu_list = "2-3,7"'))
    assert "testbed.cpu_list: lists 3 processors, and testbed.cpus is 1" in error.message
    assert "cpus = 3" in error.hint


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1,,2", "99999", "1 2"])
def test_a_list_that_the_kernel_would_not_read_is_refused(text: str) -> None:
    assert "testbed.cpu_list" in refused(GOOD.replace("[testbed]", f'[testbed]\ncpu_list = "{text}"')).message
