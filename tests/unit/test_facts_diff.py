"""What counts as a confound between two environments, and how it is shown."""

import json
from pathlib import Path

import pytest

from vbench import facts
from vbench.facts import registry
from vbench.model import Confound, Fact, Facts, FactValue, Status


def known(**values: FactValue) -> Facts:
    return {name.replace("__", "."): Fact(value, "test") for name, value in values.items()}


def found(baseline: Facts, other: Facts) -> list[tuple[str, str, str]]:
    return [(c.key, c.baseline, c.value) for c in facts.confounds("vm", baseline, other)]


def test_equal_facts_have_no_confounds() -> None:
    same = known(kernel__release="6.1.0", cpu__model="A")
    assert facts.confounds("vm", same, same) == ()


def test_a_different_kernel_is_a_confound_that_says_which_numbers_it_can_explain() -> None:
    difference = facts.confounds("vm", known(kernel__release="6.1.0"), known(kernel__release="6.6.0"))
    why = "can explain memory, syscall, scheduler, disk, network, http, start"
    assert difference == (Confound("vm", "kernel.release", "6.1.0", "6.6.0", why),)


def test_the_layer_under_study_is_no_confound() -> None:
    assert found(known(virtualization__vm="none"), known(virtualization__vm="kvm")) == []
    assert found(known(namespace__pid=1), known(namespace__pid=2)) == []


def test_background_that_explains_no_number_is_no_confound() -> None:
    assert found(known(memory__swappiness=60), known(memory__swappiness=1)) == []


def test_of_lists_only_what_differs_is_shown() -> None:
    baseline, other = known(cpu__flags=("aes", "avx", "fpu")), known(cpu__flags=("aes", "fpu", "hle"))
    assert found(baseline, other) == [("cpu.flags", "avx", "hle")]
    assert found(baseline, known(cpu__flags=("aes",))) == [("cpu.flags", "avx fpu", "nothing more")]


def test_the_same_words_in_another_order_are_shown_in_full() -> None:
    baseline, other = known(kernel__command_line=("a", "b")), known(kernel__command_line=("b", "a"))
    assert found(baseline, other) == [("kernel.command_line", "a b", "b a")]


def test_known_on_one_side_only_is_a_confound_where_it_matters() -> None:
    [confound] = facts.confounds("vm", known(kernel__release="6.1.0"), {})
    assert (confound.baseline, confound.value) == ("6.1.0", "–")
    assert confound.why.startswith("unknown on one side")


def test_known_on_one_side_only_is_none_where_it_does_not_matter() -> None:
    assert found(known(cpu__governor="performance"), {}) == []


def test_unknown_on_both_sides_is_no_confound_whatever_the_reason() -> None:
    baseline = {"kernel.release": Fact(None, "x", Status.DENIED)}
    assert found(baseline, {"kernel.release": Fact(None, "x", Status.ERROR)}) == []


def test_facts_of_different_sources_are_not_compared() -> None:
    """One says what is built, another what is in force: the same kernel would be a confound of itself."""
    built = {"kernel.preemption": Fact("dynamic", "uname -v")}
    in_force = {"kernel.preemption": Fact("voluntary", "/sys/kernel/debug/sched/preempt")}
    assert found(built, in_force) == found(in_force, built) == []
    other = {"kernel.preemption": Fact("full", "uname -v")}
    assert found(built, other) == [("kernel.preemption", "dynamic", "full")]


def test_sources_that_differ_in_a_number_alone_are_one() -> None:
    first, second = (
        {"cpu.cache.l3": Fact(size, f"/sys/devices/system/cpu/cpu{cpu}/cache/index{index}/size")}
        for size, cpu, index in ((2**20, 0, 3), (2**21, 12, 2))
    )
    assert found(first, second) == [("cpu.cache.l3", "1 MiB", "2 MiB")]


def test_a_container_sees_the_preemption_of_its_host() -> None:
    """Only the host's root reads debugfs."""
    version = {"version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.0-40"}
    files = {"/sys/kernel/debug/sched/preempt": "none (voluntary) full"}
    native, inside = (
        facts.parse(json.dumps({"format": 1, "python": version, "files": seen}).encode()) for seen in (files, {})
    )
    assert native["kernel.preemption"] == inside["kernel.preemption"] == Fact("dynamic", "uname -v")
    assert native["kernel.preemption_mode"].value == "voluntary"
    assert inside["kernel.preemption_mode"].status == Status.ABSENT
    assert facts.confounds("runc", native, inside) == ()


EVIDENCE = sorted((Path(__file__).parents[1] / "data" / "facts").glob("*.json"))


@pytest.mark.parametrize("path", EVIDENCE, ids=lambda path: path.stem)
def test_every_fact_that_can_be_a_confound_has_one_source(path: Path) -> None:
    """Whatever of its evidence is missing: what falls back to another source would be compared with the first."""
    evidence = json.loads(path.read_text())["evidence"]
    whole = facts.parse(json.dumps(evidence).encode())
    for part in ("files", "commands", "cgroup", "devices"):
        fewer = facts.parse(json.dumps(evidence | {part: {}}).encode())
        for name in set(whole) & set(fewer):
            if registry.key_of(name).explains and name != "cpu.boost":  # both of its sources say yes or no
                assert facts.alike(whole[name], fewer[name]), name


def test_a_guests_kernel_may_keep_some_of_its_memory() -> None:
    asked = known(limits__memory__measured=2**30)
    assert found(asked, known(limits__memory__measured=950 * 2**20)) == []
    assert found(asked, known(limits__memory__measured=500 * 2**20)) == [("limits.memory.measured", "1 GiB", "500 MiB")]


def test_vulnerabilities_are_compared_one_by_one() -> None:
    baseline = known(vulnerabilities__mds="Not affected", vulnerabilities__l1tf="Not affected")
    other = known(vulnerabilities__mds="Vulnerable", vulnerabilities__l1tf="Not affected")
    assert found(baseline, other) == [("vulnerabilities.mds", "Not affected", "Vulnerable")]


def test_facts_of_another_version_are_left_out() -> None:
    assert found(known(astrology__sign="a"), known(astrology__sign="b")) == []


def test_confounds_stand_in_the_registrys_order() -> None:
    baseline, other = known(tool__fio="1", cpu__model="A"), known(tool__fio="2", cpu__model="B")
    assert [key for key, _, _ in found(baseline, other)] == ["cpu.model", "tool.fio"]


def test_values_are_shown_with_their_units() -> None:
    assert facts.show("memory.total", Fact(2**30, "x")) == "1 GiB"
    assert facts.show("clock.read_cost", Fact(6.25e-08, "x")) == "62.5 ns"
    assert facts.show("cpu.frequency_max", Fact(3_400_000_000, "x")) == "3.4 GHz"
    assert facts.show("cpu.smt", Fact(True, "x")) == "yes"
    assert facts.show("cgroup.memory.max", Fact("none", "x")) == "none"
    assert facts.show("tool.compilers", Fact((), "x")) == "none"
    assert facts.show("memory.total", Fact(None, "x", Status.DENIED)) == "–"


def test_every_key_is_there_once_in_a_known_area_and_explains_known_families() -> None:
    from vbench.model import FAMILIES

    names = [key.name for key in registry.KEYS]
    assert len(names) == len(set(names))
    assert {key.area for key in registry.KEYS} <= set(registry.AREAS)
    assert {family for key in registry.KEYS for family in key.explains} <= set(FAMILIES)
    assert {key.name for key in registry.KEYS if key.matters} <= {k.name for k in registry.KEYS if k.explains}
    assert set(names) >= registry.RESERVED


def test_the_documents_table_is_the_registrys() -> None:
    from pathlib import Path

    text = Path(__file__).parents[2].joinpath("docs", "reference", "facts.md").read_text()
    assert registry.markdown() in text
