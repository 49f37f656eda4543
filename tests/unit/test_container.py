"""What a container gets by default: the engines' lists, and their seccomp profile as a filter for this container."""

from pathlib import Path, PurePosixPath
from typing import Any, cast

import msgspec
import pytest

from vbench.contracts import Completed, Session
from vbench.environments import container, seccomp
from vbench.environments.architecture import ARCHITECTURES
from vbench.environments.oci import Oci
from vbench.errors import StartFailed

RAW = (Path(__file__).parents[1] / "data/seccomp/containers-common-0.50.json").read_bytes()
X86, ARM = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
LIMITS = container.Limits((2, 3), 2**30, True, {"quota": 50000, "period": 100000})


def filtered(architecture: Any = X86, capabilities: tuple[str, ...] = container.CAPABILITIES) -> dict[str, Any]:
    return seccomp.parse(RAW, architecture, capabilities, "6.1.0-13-amd64").rules


def actions(rules: dict[str, Any], name: str) -> list[tuple[str, int | None]]:
    return [(call["action"], call.get("errnoRet")) for call in rules["syscalls"] if name in call["names"]]


def document(**changes: Any) -> dict[str, Any]:
    given = {"seccomp": None, "netns": None, "limits": LIMITS, **changes}
    return container.config(name="n", args=("agent",), root=Path("/root"), scratch=Path("/scratch"), **given)


def test_a_system_call_that_no_rule_names_is_refused_with_the_profiles_number() -> None:
    rules = filtered()
    assert (rules["defaultAction"], rules["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 38)
    assert actions(rules, "io_uring_setup") == []
    assert actions(rules, "read") == [("SCMP_ACT_ALLOW", None)]


def test_a_rule_for_a_capability_needs_it_and_one_against_it_applies_without() -> None:
    assert actions(filtered(), "bpf") == [("SCMP_ACT_ERRNO", 1)]
    assert actions(filtered(), "chroot") == [("SCMP_ACT_ALLOW", None)]
    more = filtered(capabilities=(*container.CAPABILITIES, "CAP_SYS_ADMIN"))
    assert actions(more, "bpf") == [("SCMP_ACT_ALLOW", None)]
    assert actions(filtered(capabilities=()), "chroot") == [("SCMP_ACT_ERRNO", 1)]


def test_rules_of_other_architectures_are_left_out() -> None:
    assert actions(filtered(), "arch_prctl") == [("SCMP_ACT_ALLOW", None)]
    assert actions(filtered(), "cacheflush") == []
    assert actions(filtered(ARM), "arch_prctl") == []
    assert actions(filtered(ARM), "cacheflush") == [("SCMP_ACT_ALLOW", None)]
    assert filtered()["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert filtered(ARM)["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]


@pytest.mark.parametrize(("kernel", "applies"), [("4.7.9", False), ("4.8.0", True), ("10.0", True), ("odd", False)])
def test_a_rule_for_newer_kernels_waits_for_one(kernel: str, applies: bool) -> None:
    newer = seccomp.Rule("SCMP_ACT_ALLOW", ("ptrace",), includes=seccomp.Conditions(minKernel="4.8"))
    older = seccomp.Rule("SCMP_ACT_ERRNO", ("ptrace",), excludes=seccomp.Conditions(minKernel="4.8"))
    profile = seccomp.Profile("SCMP_ACT_ERRNO", (newer, older))
    (call,) = seccomp.translated(profile, X86, (), kernel)["syscalls"]
    assert call["action"] == ("SCMP_ACT_ALLOW" if applies else "SCMP_ACT_ERRNO")


def test_comparisons_of_arguments_are_kept() -> None:
    values = [call["args"][0]["value"] for call in filtered()["syscalls"] if call["names"] == ["personality"]]
    assert values == [0, 8, 131072, 131080, 4294967295]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"defaultAction": 1, "syscalls": []}', b"\xff", b"[" * 100_000])
def test_what_is_no_profile_is_refused(raw: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)):
        seccomp.parse(raw, X86, (), "6.1")


def test_a_container_gets_what_engines_give() -> None:
    made = document(seccomp=seccomp.parse(RAW, X86, container.CAPABILITIES, "6.1"), netns="/proc/7/ns/net")
    linux = made["linux"]
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware"} <= set(linux["maskedPaths"])
    assert {"/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger"} == set(linux["readonlyPaths"])
    assert linux["resources"] == {
        "memory": {"limit": 2**30, "swap": 2**30},
        "cpu": {"cpus": "2,3", "quota": 50000, "period": 100000},
        "pids": {"limit": 2048},
        "devices": [{"allow": False, "access": "rwm"}],
    }
    assert linux["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"type": "network", "path": "/proc/7/ns/net"} in linux["namespaces"]
    assert not linux["cgroupsPath"].startswith("/")
    assert "CAP_SYS_ADMIN" not in made["process"]["capabilities"]["bounding"]


def test_a_container_without_a_link_does_not_get_the_hosts_network() -> None:
    """Runtimes make a namespace for which no path is given, and bring up loopback in it."""
    assert {"type": "network"} in document()["linux"]["namespaces"]
    said = " ".join(container.mechanisms(LIMITS, None, networked=False))
    assert "mount, network with loopback alone " in said


def test_where_the_kernel_accounts_no_swap_none_is_limited_and_the_words_say_so() -> None:
    unaccounted = container.Limits((2,), 2**30, False, {})
    assert "swap" not in document(limits=unaccounted)["linux"]["resources"]["memory"]
    assert "does not account" in " ".join(container.mechanisms(unaccounted, None, networked=False))
    assert "no swap" in " ".join(container.mechanisms(LIMITS, None, networked=False))


def test_the_words_say_what_is_in_force_and_what_is_not() -> None:
    given = seccomp.parse(RAW, X86, container.CAPABILITIES, "6.1")
    filtered, plain = (container.mechanisms(LIMITS, found, networked=True) for found in (given, None))
    assert f"system call filter {seccomp.PROFILE} (sha256 {given.digest[:12]})" in filtered
    assert "no system call filter" in plain
    assert filtered[-1].startswith("not in force: AppArmor, SELinux")
    assert Oci(seccomp=False).title() == "oci runtime=runc seccomp=false"


class Host:
    """A session that answers by a command's words; anything else succeeds without a word."""

    def __init__(self, answers: dict[tuple[str, ...], Completed]) -> None:
        self.answers = answers

    def run(self, argv: list[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        default = b"0\n" if argv[0] == "id" else b""
        found = [done for words, done in self.answers.items() if tuple(argv[: len(words)]) == words]
        return found[0] if found else Completed(tuple(argv), 0, default, b"")


def host(answers: dict[tuple[str, ...], Completed]) -> Session:
    return cast(Session, Host(answers))


def answer(stdout: bytes, status: int = 0) -> Completed:
    return Completed((), status, stdout, b"")


def test_a_host_without_the_profile_is_told_before_and_a_container_without_it_is_its_own_variant() -> None:
    without = host({("test", "-r"): answer(b"", 1)})
    (lacking,) = Oci().missing(without)
    assert lacking.what == seccomp.PROFILE
    assert "golang-github-containers-common" in lacking.hint
    assert "seccomp = false" in lacking.hint
    assert Oci(seccomp=False).missing(without) == ()
    assert Oci(seccomp=False).filter(without) is None


def test_a_torn_profile_and_an_unknown_architecture_start_nothing() -> None:
    machine = {("uname", "-m"): answer(b"x86_64\n"), ("uname", "-r"): answer(b"6.1.0\n")}
    with pytest.raises(StartFailed, match="is no seccomp profile"):
        Oci().filter(host({**machine, ("head",): answer(RAW[:1000])}))
    with pytest.raises(StartFailed, match="riscv64"):
        Oci().filter(host({**machine, ("uname", "-m"): answer(b"riscv64\n")}))
    found = Oci().filter(host({**machine, ("head",): answer(RAW)}))
    assert found is not None
    assert found.rules["syscalls"]


def test_a_processor_limit_that_a_container_would_escape_is_told_before() -> None:
    limited = host({("sh", "-c"): answer(b"30000 100000\n")})
    (lacking,) = Oci().missing(limited)
    assert "30000 100000" in lacking.what
    assert "slice" in lacking.hint
    assert Oci().missing(host({("sh", "-c"): answer(b"max 100000\n")})) == ()


def test_paths_of_the_config_are_those_that_it_was_given() -> None:
    made = document()
    assert made["root"] == {"path": "/root", "readonly": True}
    assert [mount["source"] for mount in made["mounts"] if mount["destination"] == "/scratch"] == [
        str(PurePosixPath("/scratch"))
    ]
