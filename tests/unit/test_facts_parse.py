"""Facts from recorded and composed evidence, and what becomes of evidence that cannot be believed."""

import json
from pathlib import Path
from typing import cast

import pytest

from vbench import facts
from vbench.beneath import Engine
from vbench.contracts import Completed, Session
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.errors import CommandTimeout
from vbench.facts.registry import RESERVED, STATIC
from vbench.model import Fact, Facts, Status

DATA = Path(__file__).parents[1] / "data" / "facts"
CASES = sorted(DATA.glob("*.json"))


def case(path: Path) -> tuple[dict, bytes]:
    document = json.loads(path.read_text())
    return document["expect"], json.dumps(document["evidence"]).encode()


def shown(fact: Fact) -> object:
    """What the expectations hold: the value, or the status of what has none."""
    if fact.status != Status.OK:
        return fact.status.value
    return list(fact.value) if isinstance(fact.value, tuple) else fact.value


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_evidence_gives_the_facts_expected_of_it(path: Path) -> None:
    expected, raw = case(path)
    found = facts.parse(raw)
    assert {key: shown(found[key]) for key in expected["facts"]} == expected["facts"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_evidence_gives_the_layers_and_the_headline_expected_of_it(path: Path) -> None:
    expected, raw = case(path)
    found = facts.parse(raw)
    assert [layer.name for layer in facts.layers(found)] == expected["layers"]
    assert facts.headline(found) == expected["headline"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_known_case_leaves_a_fact_in_error(path: Path) -> None:
    found = facts.parse(case(path)[1])
    assert [key for key, fact in found.items() if fact.status == Status.ERROR] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_whether_it_was_recorded_or_composed(path: Path) -> None:
    assert json.loads(path.read_text())["about"].startswith(("recorded", "composed"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_static_key_is_there_and_every_key_is_registered(path: Path) -> None:
    found = facts.parse(case(path)[1])
    assert set(STATIC) <= set(found)
    assert not RESERVED & set(found)
    assert facts.in_order(set(found)) == list(found)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_value_is_known_exactly_when_the_status_is_ok(path: Path) -> None:
    for fact in facts.parse(case(path)[1]).values():
        assert (fact.value is not None) == (fact.status == Status.OK)
        assert fact.source


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b'{"format": 1, "files": 3}', b"Traceback"])
def test_output_that_is_not_the_probes_is_an_error_of_every_fact(raw: bytes) -> None:
    found = facts.parse(raw)
    assert set(found) == set(STATIC)
    assert {fact.status for fact in found.values()} == {Status.ERROR}
    assert {fact.value for fact in found.values()} == {None}


def with_file(path: str, content: object) -> facts.Facts:
    return facts.parse(json.dumps({"format": 1, "files": {path: content}}).encode())


@pytest.mark.parametrize(
    ("path", "text", "key"),
    [
        ("/proc/cpuinfo", "nothing of the kind", "cpu.threads"),
        ("/proc/meminfo", "MemTotal: lots kB", "memory.total"),
        ("/proc/sys/vm/swappiness", "sixty", "memory.swappiness"),
        ("/proc/loadavg", "", "kernel.loadavg"),
        ("/sys/devices/system/cpu/smt/active", "2", "cpu.smt"),
        ("/proc/self/status", "Seccomp:\t7", "process.seccomp"),
        ("/proc/self/status", "CapEff:\tzz", "process.capabilities"),
        ("/sys/devices/system/node/online", "all", "cpu.numa_nodes"),
    ],
)
def test_text_that_no_parser_knows_is_an_error_and_never_a_zero(path: str, text: str, key: str) -> None:
    assert with_file(path, text)[key] == Fact(None, path, Status.ERROR)


@pytest.mark.parametrize(
    ("errno", "status"),
    [("ENOENT", Status.ABSENT), ("EACCES", Status.DENIED), ("EPERM", Status.DENIED), ("EIO", Status.ERROR)],
)
def test_what_could_not_be_read_says_why(errno: str, status: Status) -> None:
    assert with_file("/proc/sys/vm/swappiness", {"error": errno})["memory.swappiness"].status == status


def levels(controller: str, *found: dict) -> facts.Facts:
    return facts.parse(json.dumps({"format": 1, "cgroup": {controller: found}}).encode())


def test_the_tightest_limit_of_all_levels_counts() -> None:
    found = levels("cgroup2", {"memory.max": "max"}, {"memory.max": "4096"}, {"memory.max": "8192"}, {})
    assert found["cgroup.memory.max"].value == 4096


def test_an_unreadable_level_makes_the_limit_unknown() -> None:
    found = levels("cgroup2", {"memory.max": {"error": "EACCES"}}, {"memory.max": "8192"})
    assert found["cgroup.memory.max"].status == Status.DENIED


def test_version_1_says_unlimited_with_a_number_or_minus_one() -> None:
    assert levels("memory", {"memory.limit_in_bytes": "9223372036854771712"})["cgroup.memory.max"].value == "none"
    quota = {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}
    assert levels("cpu", quota)["cgroup.cpu.quota"].value == "none"


def test_a_quota_without_a_readable_period_is_unknown() -> None:
    assert levels("cgroup2", {"cpu.max": "50000"})["cgroup.cpu.quota"].status == Status.ERROR


def test_marks_of_a_container_count_only_with_a_namespace_of_its_own() -> None:
    outside = json.dumps({"format": 1, "container": {"dockerenv": True}, "namespaces": {"pid": 4026531836}}).encode()
    inside = json.dumps({"format": 1, "container": {"dockerenv": True}, "namespaces": {"pid": 4026532651}}).encode()
    assert "docker" not in facts.headline(facts.parse(outside))
    assert "docker" in facts.headline(facts.parse(inside))


@pytest.mark.parametrize(("kinds", "named"), [(["user"], ""), (["user", "net"], ""), (["user", "pid"], "docker")])
def test_marks_of_a_container_do_not_count_where_a_user_became_root(kinds: list[str], named: str) -> None:
    namespaces = dict.fromkeys(kinds, 4026532651)
    found = facts.parse(json.dumps({"format": 1, "container": {"dockerenv": True}, "namespaces": namespaces}).encode())
    assert ("docker" in facts.headline(found)) == bool(named)


def test_a_container_without_marks_is_known_by_its_namespaces() -> None:
    found = facts.parse(json.dumps({"format": 1, "namespaces": {"pid": 4026532651}}).encode())
    assert facts.layers(found)[-1].name == "container"
    assert facts.headline(found).endswith("and inside a container")


def test_witnesses_that_disagree_are_both_named() -> None:
    commands = {"systemd-detect-virt --vm": {"status": 0, "stdout": "vmware"}}
    found = facts.parse(json.dumps({"format": 1, "cpuid": "KVMKVMKVM", "commands": commands}).encode())
    [layer] = [layer for layer in facts.layers(found) if layer.name == "kvm"]
    assert "but systemd-detect-virt --vm: vmware" in layer.evidence


def test_nothing_known_is_neither_metal_nor_a_guest() -> None:
    assert facts.headline({}) == "nothing tells whether this host is bare metal or a guest"


def test_limits_and_engine_fill_the_reserved_keys() -> None:
    found = facts.with_limits({}, 1, 2**30, configured_cpus=1, configured_memory_b=2**30)
    found = facts.with_engine(found, "sha256:0", (("qemu", "-kernel", "/home/alice/.cache/vmlinux"),), {})
    assert set(found) == RESERVED
    assert found["engine.argv"].value == ("qemu", "-kernel", "~/.cache/vmlinux")


def test_limits_that_are_not_known_are_not_added() -> None:
    assert set(facts.with_limits({}, 1, 2**30)) == {"limits.cpus.requested", "limits.memory.requested"}


ENGINES = (*Qemu().engines(), *Oci().engines(), *Oci(runtime="crun").engines())


class Answering:
    """A host on which a command that has one of these words in it answers so."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers

    def run(self, argv: tuple[str, ...], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        if argv[0] == "crun":
            raise CommandTimeout("crun did not end")
        status, text = next((said for word, said in self.answers.items() if word in " ".join(argv)), (127, ""))
        return Completed(argv, status, text.encode(), b"")


def versions(answers: dict[str, tuple[int, str]], *asked: Engine) -> Facts:
    return facts.engines(cast(Session, Answering(answers)), asked or ENGINES)


def test_versions_of_engines_are_read_with_what_the_distribution_changed() -> None:
    qemu = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022\n"
    runc = "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n"
    found = versions({"qemu": (0, qemu), "runc": (0, runc)})
    assert found["tool.qemu"].value == "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"
    assert found["tool.runc"].value == "1.1.5+ds1 commit: 1.1.5+ds1-1+deb12u1"
    assert found["tool.crun"].status == Status.ERROR


@pytest.mark.parametrize(
    ("answer", "status"), [((127, ""), Status.ABSENT), ((1, "broken"), Status.ERROR), ((0, "runc"), Status.ERROR)]
)
def test_an_engine_that_says_no_version_has_none(answer: tuple[int, str], status: Status) -> None:
    found = versions({"runc": answer})["tool.runc"]
    assert (found.value, found.status) == (None, status)


@pytest.mark.parametrize(
    ("runtime", "printed", "key", "version"),
    [
        (
            "crun-1.8",
            "crun version 1.8.1\ncommit: f8a096be060b22ccd3d5\n",
            "tool.crun-1.8",
            "1.8.1",
        ),
        ("/opt/gvisor/runsc", "runsc version release-20240729.0\nspec: 1.1.0\n", "tool.runsc", "release-20240729.0"),
        ("youki", "youki version: 0.3.3\ncommit: 0.3.3-0-4f3c8307\n", "tool.youki", "0.3.3 commit: 0.3.3-0-4f3c8307"),
    ],
)
def test_any_runtime_has_its_version_under_its_own_name(runtime: str, printed: str, key: str, version: str) -> None:
    found = versions({runtime: (0, printed)}, *Oci(runtime=runtime).engines())
    assert list(found) == [key]
    assert str(found[key].value).startswith(version)
    assert found[key].source == f"{runtime.rpartition('/')[2]} --version"
    assert facts.title_of(key) == f"Engine: {key.removeprefix('tool.')}"


def test_two_runtimes_of_one_name_are_one_fact_with_both_versions() -> None:
    two = [*Oci(runtime="/a/runc").engines(), *Oci(runtime="/b/runc").engines()]
    said = {"/a/runc": (0, "runc version 1.1\n"), "/b/runc": (0, "runc version 1.2\n")}
    assert versions(said, *two, *two)["tool.runc"].value == "1.1 / 1.2"
    for lacking in ("/a/runc", "/b/runc"):
        assert versions(said | {lacking: (127, "")}, *two)["tool.runc"].status is Status.ABSENT


# --- processors of other makes, and of other numbers ---------------------------------------------------------------


S390 = """vendor_id       : IBM/S390
# processors    : 2
bogomips per cpu: 3241.00
features\t: esan3 zarch stfle
processor 0: version = FF,  identification = 2E14D7,  machine = 8561
processor 1: version = FF,  identification = 2E14D7,  machine = 8561
"""


def composed(**members: object) -> bytes:
    return json.dumps({"format": 1, **members}).encode()


def test_an_s390_is_read_or_unknown_and_never_an_error() -> None:
    found = facts.parse(composed(files={"/proc/cpuinfo": S390}))
    values = {key: shown(fact) for key, fact in found.items() if key.startswith("cpu.")}
    assert values["cpu.vendor"] == "IBM/S390"
    assert values["cpu.model"] == "machine 8561"
    assert values["cpu.flags"] == ["esan3", "stfle", "zarch"]
    assert values["cpu.threads"] == 2
    assert values["cpu.cores"] == "absent"
    assert "error" not in values.values()


CPU = "/sys/devices/system/cpu"


def cache(cpu: int, size: str) -> dict[str, str]:
    folder = f"{CPU}/cpu{cpu}/cache/index3"
    return {f"{folder}/level": "3", f"{folder}/type": "Unified", f"{folder}/size": size}


def test_caches_and_frequency_are_those_of_the_processor_that_was_used() -> None:
    files = {**cache(0, "24576K"), **cache(3, "8192K"), f"{CPU}/cpu3/cpufreq/scaling_governor": "performance"}
    found = facts.parse(composed(files=files, python={"processor": 3}))
    assert found["cpu.cache.l3"].value == 8 * 2**20
    assert found["cpu.governor"].value == "performance"


@pytest.mark.parametrize("version", ["1.2.3.4", "2.10.0.255"])
def test_a_firmware_version_of_four_numbers_is_no_address(version: str) -> None:
    found = facts.parse(composed(files={"/sys/class/dmi/id/bios_version": version}))
    assert found["dmi.bios_version"].value == version


def test_a_kernel_release_that_begins_with_four_numbers_is_no_address() -> None:
    release = "5.15.167.4-microsoft-standard-WSL2"
    assert facts.parse(composed(python={"release": release}))["kernel.release"].value == release


def test_an_address_in_a_name_of_the_firmware_stays_hidden() -> None:
    found = facts.parse(composed(files={"/sys/class/dmi/id/product_name": "board at 203.0.113.7"}))
    assert "203" not in str(found["dmi.product_name"].value)
