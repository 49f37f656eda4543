"""What cannot be right is refused before anything starts, by `vbench plan` and `vbench run` with the same words."""

import itertools
import json
import os
import re
from pathlib import Path

import pytest

from tests.unit.program import Ended, Vbench
from vbench import environments
from vbench import suite as suites
from vbench.contracts import Environment
from vbench.environments import oci
from vbench.errors import SuiteError, UsageError
from vbench.host.files import LocalFiles
from vbench.image import recipe
from vbench.runner import refusing
from vbench.suite import Suite
from vbench.testbed import folders as scratch

MIB, GIB = 2**20, 2**30


def a_suite(environments: str, *, benchmarks: str = '"cpu.hash"', memory: str = "1 GiB") -> Suite:
    text = f'name = "s"\nbenchmarks = [{benchmarks}]\n[testbed]\nmemory = "{memory}"\n{environments}'
    return suites.parse(text, source="s.toml")


def table(name: str, environment: Environment, *, on: str = "") -> str:
    settings = suites.settings(environment) | ({"on": on} if on else {})
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items() if isinstance(value, str | int)]
    return "\n".join([f"[environments.{name}]", f'kind = "{environment.kind}"', *lines, ""])


FILES = LocalFiles()
ALL = [variant for kind in environments.KINDS.values() for variant in kind.variants() or (kind(),)]
BARE = table("b", environments.KINDS["bare"]())


# --- stacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beneath", "above"), list(itertools.product(ALL, ALL)), ids=lambda made: made.title())
def test_only_what_finds_its_files_beneath_can_stand_there(beneath: Environment, above: Environment) -> None:
    """The image has no engine but runc, for machines, and no compiler; on the host's files all runs but the image's."""
    suite = a_suite(table("low", beneath) + table("high", above, on="low"))
    makes_up = above.kind == "fake"
    runs = makes_up or (above.title() == "bare") == beneath.needs_image
    runs = runs and (makes_up or above.kind == "bare" or not beneath.needs_image)
    runs = runs or (above.title(), beneath.kind) == ("oci runtime=runc", "qemu")
    runs = runs and above.kind != "faulty"  # a known fault differs from native processes by nothing else
    if runs:
        refusing.refuse_misfits(suite)
    else:
        with pytest.raises(SuiteError, match=r"s: environments\.high cannot stand on low: .+") as caught:
            refusing.refuse_misfits(suite)
        assert "leave out its `on`" in caught.value.hint


@pytest.mark.parametrize(
    ("kinds", "problem"),
    [
        (("qemu", "fake", "oci"), ""),
        (("qemu", "bare", "oci"), ""),
        (("bare", "fake", "oci"), "root has fewer"),
        (("qemu", "oci", "oci"), "root has fewer"),
        (("qemu", "fake", "qemu"), "the image beneath has none"),
    ],
)
def test_what_a_whole_stack_has_beneath_it_counts(kinds: tuple[str, ...], problem: str) -> None:
    low, mid, top = (environments.KINDS[kind]() for kind in kinds)
    suite = a_suite(table("low", low) + table("mid", mid, on="low") + table("top", top, on="mid"))
    if not problem:
        refusing.refuse_misfits(suite)
        return
    with pytest.raises(SuiteError, match=f"environments\\.top cannot stand on mid: .*{problem}"):
        refusing.refuse_misfits(suite)


def test_the_runtimes_of_the_image_are_among_its_packages() -> None:
    assert set(oci.IN_IMAGE) <= set(recipe.PACKAGES)


# --- memory -------------------------------------------------------------------------------------------------------


def test_more_memory_than_the_host_has_is_refused() -> None:
    match = r"testbed\.memory: 1 TiB for each environment, and this host has 16 GiB"
    with pytest.raises(SuiteError, match=match) as caught:
        refusing.refuse_memory(a_suite(BARE, memory="1 TiB"), 16 * GIB)
    assert "lower `memory`" in caught.value.hint
    refusing.refuse_memory(a_suite(BARE, memory="16 GiB"), 16 * GIB)
    refusing.refuse_memory(a_suite(BARE, memory="1 TiB"), None)


@pytest.mark.parametrize("environment", ALL, ids=lambda made: made.title())
def test_less_memory_than_an_environment_itself_takes_is_refused(environment: Environment) -> None:
    least_b = environment.needs().memory_b
    text = table("it", environment)
    if least_b:
        with pytest.raises(SuiteError, match="is too little for environment it, which itself takes"):
            refusing.refuse_memory(a_suite(text, memory=str(least_b - 1)), None)
    refusing.refuse_memory(a_suite(text, memory=str(max(least_b, 1))), None)
    assert (least_b > MIB) == (environment.kind in ("oci", "qemu"))


@pytest.mark.parametrize(
    ("benchmark", "needed_b"),
    [
        ('{kind = "memory.triad", size = "64 MiB"}', 192 * MIB),
        ('{kind = "memory.chase", size = "64 MiB"}', 64 * MIB),
        ('"memory.copy"', 192 * MIB),
    ],
)
def test_a_working_set_larger_than_the_memory_is_refused(benchmark: str, needed_b: int) -> None:
    for environment in ALL:
        whole_b = needed_b + environment.needs().memory_b
        text = table("it", environment)
        refusing.refuse_memory(a_suite(text, benchmarks=benchmark, memory=str(whole_b)), None)
        with pytest.raises(SuiteError, match=r"memory\.\w+ works on \d+ MiB.*testbed.memory is") as caught:
            refusing.refuse_memory(a_suite(text, benchmarks=benchmark, memory=str(whole_b - 1)), None)
        assert "smaller `size`" in caught.value.hint


@pytest.mark.parametrize("name", sorted(suites.shipped()))
def test_the_shipped_suites_ask_for_nothing_in_vain(name: str) -> None:
    suite = suites.load(name)
    refusing.refuse_misfits(suite)
    refusing.refuse_memory(suite, int(suite.testbed.memory))
    refusing.refuse_disks(suite)


# --- scratch space ------------------------------------------------------------------------------------------------


def test_files_are_counted_once_each_and_must_fit_a_guests_own_disk() -> None:
    entries = [f'{{kind = "disk.randread", name = "disk.r{size}", size = "{size} MiB"}}' for size in (400, 500)]
    shared = '{kind = "disk.fsync", size = "400 MiB"}'
    fits = a_suite(table("vm", environments.KINDS["qemu"]()), benchmarks=", ".join([*entries, shared]))
    assert refusing.files_b(fits) == 900 * MIB
    refusing.refuse_disks(fits)
    more = a_suite(
        BARE + table("vm", environments.KINDS["qemu"]()) + table("in", environments.KINDS["bare"](), on="vm"),
        benchmarks=", ".join([*entries, shared, '{kind = "disk.seqwrite", size = "100 MiB"}']),
    )
    with pytest.raises(
        SuiteError, match=r"take 1000 MiB together, and the scratch disk of environment vm holds"
    ) as caught:
        refusing.refuse_disks(more)
    assert "raise `scratch` of environments.vm" in caught.value.hint


def test_files_larger_than_what_is_free_are_refused(tmp_path: Path) -> None:
    scratch.refuse(FILES, tmp_path, files_b=1)
    with pytest.raises(UsageError, match=r"the files of the disk benchmarks take 1024 TiB, and .* free") as caught:
        scratch.refuse(FILES, tmp_path, files_b=2**50)
    assert "smaller `size`" in caught.value.hint


def test_noexec_is_told_where_a_program_runs_from_scratch_space() -> None:
    """/proc is noexec on every Linux, and can be looked at by anybody."""
    command = '{kind = "command", name = "app.x", argv = ["./x"], folder = "x"}'
    script = '{kind = "command", name = "app.x", argv = ["python3", "x.py"], folder = "x"}'
    host, guest = table("h", environments.KINDS["bare"](root="host")), table("vm", environments.KINDS["qemu"]())
    executing = refusing.executing
    assert executing(a_suite(BARE)) == executing(a_suite(BARE, benchmarks=script)) == ""
    assert executing(a_suite(BARE, benchmarks=command)) == "app.x"
    assert executing(a_suite(guest, benchmarks=command)) == ""  # its disk is its own
    assert executing(a_suite(BARE + host)) == "environment h"


def test_noexec_scratch_space_is_refused_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = os.statvfs(tmp_path)
    flags = list(system)
    flags[8] |= os.ST_NOEXEC
    monkeypatch.setattr(os, "statvfs", lambda folder: type(system)(flags))
    scratch.refuse(FILES, tmp_path)
    with pytest.raises(UsageError, match=r"is mounted noexec, and app\.x runs programs from it") as caught:
        scratch.refuse(FILES, tmp_path, executing="app.x")
    assert "set `scratch`" in caught.value.hint


# --- both verbs ---------------------------------------------------------------------------------------------------

FREE = re.compile(r"has [\d.]+ \w+ free")  # which changes while others use the disk
FAKES = """
name = "small"
benchmarks = [{benchmarks}]
[method]
blocks = 1
trial = "1 ms"
warmup = "1 ms"
budget = "80000 h"
[testbed]
memory = "{memory}"
scratch = "{scratch}"
[environments.a]
kind = "fake"
{more}
"""


def both(
    vbench: Vbench, *, benchmarks: str = '"cpu.hash"', memory: str = "4 MiB", more: str = ""
) -> tuple[Ended, Ended]:
    text = FAKES.format(benchmarks=benchmarks, memory=memory, more=more, scratch=Path.cwd())
    Path("small.toml").write_text(text)
    return vbench("plan", "small.toml"), vbench("run", "small.toml")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"memory": "1024 TiB"}, "testbed.memory: 1024 TiB for each environment"),
        ({"benchmarks": '"memory.chase"'}, "memory.chase works on 512 MiB"),
        ({"benchmarks": '{kind = "disk.fsync", size = "1024 TiB"}'}, "the files of the disk benchmarks take 1024 TiB"),
        ({"more": table("i", environments.KINDS["bare"](), on="a")}, "environments.i cannot stand on a"),
    ],
)
def test_plan_and_run_refuse_alike(vbench: Vbench, what: dict[str, str], message: str) -> None:
    planned, run = (ended._replace(stderr=FREE.sub("", ended.stderr)) for ended in both(vbench, **what))
    assert planned == run
    assert (run.status, run.stdout) == (2, "")
    assert message in run.stderr
    assert "hint: " in run.stderr
    assert not Path("results").exists()


def test_what_the_host_lacks_ends_both_alike_and_the_plan_is_printed(vbench: Vbench) -> None:
    lacking = '[environments.c]\nkind = "oci"\nruntime = "no-such-runtime"'
    planned, run = both(vbench, memory="64 MiB", more=lacking)
    assert planned.status == run.status == 4
    assert planned.stderr == run.stderr
    assert "environment c (oci runtime=no-such-runtime) cannot run here, missing: no-such-runtime" in run.stderr
    assert "small, seed" in planned.stdout and run.stdout == ""


@pytest.mark.parametrize(
    ("baseline", "more", "hint"),
    [
        ("a", "", "take environments.c out of the suite"),
        ("a", '[environments.d]\nkind = "fake"\n', "measure the others: --env d"),
        ("c", '[environments.d]\nkind = "fake"\n', ""),
    ],
)
def test_a_baseline_is_never_said_to_be_left_out(vbench: Vbench, baseline: str, more: str, hint: str) -> None:
    lacking = '[environments.c]\nkind = "oci"\nruntime = "no-such-runtime"\n'
    text = FAKES.format(benchmarks='"cpu.hash"', memory="64 MiB", more=lacking + more, scratch=Path.cwd())
    Path("small.toml").write_text(text.replace("[method]", f'[method]\nbaseline = "{baseline}"'))
    said = vbench("run", "small.toml").stderr
    assert hint in said
    assert ("--env" in said or "out of the suite" in said) == bool(hint)


def test_a_benchmark_over_the_network_is_refused_where_an_arm_has_none() -> None:
    alone = '[environments.a]\nkind = "fake"\n[environments.b]\nkind = "fake"\nnetwork = "none"\n'
    suite = a_suite(alone, benchmarks='"cpu.hash", "network.rr"')
    with pytest.raises(SuiteError) as caught:
        refusing.refuse_offline(suite)
    assert "environments.b has network = 'none', and network.rr needs the peer" in caught.value.message
    assert "leave out b or what needs the network: network.rr" in caught.value.hint
    refusing.refuse_offline(suites.restrict(suite, benchmarks=["cpu"]))
    refusing.refuse_offline(suites.restrict(suite, environments=["a"]))


# --- a plan shows relations -----------------------------------------------------------------------------------------


def test_a_plan_shows_ladders_and_the_commands_of_every_layer(vbench: Vbench) -> None:
    bare = 'kind = "bare"\nroot = "host"\n'
    text = f'name = "s"\nbenchmarks = ["cpu.hash"]\n[environments.a]\n{bare}[environments.b]\n{bare}on = "a"\n'
    Path("s.toml").write_text(text + '[ladders.steps]\nbenchmark = "cpu.hash"\narms = ["a", "b"]\n')
    shown = vbench("plan", "s.toml").stdout
    assert "  steps  cpu.hash time: a > b\n" in shown
    document = json.loads(vbench("plan", "s.toml", "--json").stdout)
    assert document["ladders"] == [{"name": "steps", "benchmark": "cpu.hash", "metric": "time", "arms": ["a", "b"]}]
    settings = document["settings"]
    assert (settings["b"]["on"], settings["b"]["network"], settings["b"]["stack"]) == ("a", "bridge", ["a", "b"])
    first, second = settings["b"]["commands"]
    assert [first] == settings["a"]["commands"]
    assert (first[-1], second[-1]) == tuple(
        f"/var/tmp/vbench-RUN/{folder}/vbench/agent.py" for folder in ("scratch", "scratch/scratch")
    )
