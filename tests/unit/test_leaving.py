"""What a user without root rights measures of a suite, and what is said of the rest: by recorded answers."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from vbench import suite
from vbench.contracts import Completed, Process, Session, Workplace
from vbench.environments.bare import Bare
from vbench.environments.oci import Oci
from vbench.errors import EnvironmentUnavailable
from vbench.host import rights
from vbench.model import Layer
from vbench.runner import without_rights
from vbench.suite import Suite

SUITE = """
name = "mixed"
benchmarks = ["cpu.hash", "network.rr", "http.requests"]

[environments.bare]
kind = "bare"

[environments.runc]
kind = "oci"

[environments.tcg]
kind = "qemu"

[environments.inside]
kind = "bare"
on = "tcg"
"""
ROOT = "         0          0 4294967295\n"
OWN = "         0       1000          1\n"
CAPABILITIES = "CapEff:\t000001ffffffffff\n"


@dataclass(frozen=True)
class Answering:
    """A host that answers commands by their first words; what it does not know ends with status 0."""

    answers: Mapping[str, tuple[int, str]]
    workplace: Workplace = field(default_factory=lambda: Workplace(image="host"))
    layers: tuple[Layer, ...] = ()

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        asked = " ".join(argv)
        status, said = next((self.answers[words] for words in self.answers if asked.startswith(words)), (0, ""))
        return Completed(tuple(argv), status, said.encode(), b"")

    def spawn(self, argv: Sequence[str]) -> AbstractContextManager[Process]:
        raise NotImplementedError

    def put(self, source: Path, target: PurePosixPath) -> None:
        raise NotImplementedError

    def get(self, source: PurePosixPath, target: Path) -> None:
        raise NotImplementedError

    def on_network(self) -> Session:
        return self


def host(uid: int = 0, uid_map: str = OWN, *, tun: bool = True) -> Session:
    return Answering(
        {
            "id -u": (0, f"{uid}\n"),
            "cat /proc/self/uid_map": (0, uid_map),
            "cat /proc/self/status": (0, CAPABILITIES),
            "test -w /dev/net/tun": (0 if tun else 1, ""),
        }
    )


def mixed(text: str = SUITE) -> Suite:
    return suite.parse(text, source="mixed.toml")


def test_rights_are_told_by_who_runs_and_who_is_mapped() -> None:
    assert rights.of(host(uid_map=ROOT)) == "root"
    assert rights.of(host(uid_map=OWN)) == "namespace"
    assert rights.of(host(1000, uid_map=ROOT)) == "user"


def test_root_measures_all_of_a_suite() -> None:
    whole = mixed()
    left, left_out = without_rights(whole, host(uid_map=ROOT))
    assert left is whole
    assert not left_out


def test_a_user_leaves_out_containers_and_says_so_in_one_line() -> None:
    left, left_out = without_rights(mixed(), host())
    assert left.arms == ("bare", "tcg", "inside")
    assert list(left.benchmarks) == ["cpu.hash", "network.rr", "http.requests"]
    assert left_out.words() == "left out: runc (root rights of the host are needed)"


def test_a_user_who_may_not_open_tun_leaves_out_the_network() -> None:
    left, left_out = without_rights(mixed(), host(tun=False))
    assert list(left.benchmarks) == ["cpu.hash"]
    assert left_out.words() == (
        "left out: runc (root rights of the host are needed); "
        "2 benchmarks over the network (only root may open /dev/net/tun here)"
    )
    assert "\n" not in left_out.words()


def test_without_user_namespaces_the_baseline_is_refused_later_and_not_left_out() -> None:
    text = SUITE.replace('on = "tcg"', 'root = "host"')
    left, left_out = without_rights(mixed(text), host(1000, uid_map=ROOT))
    assert left.arms == ("bare", "tcg", "inside")
    assert left_out.benchmarks == ("network.rr", "http.requests")
    assert "root rights" in left_out.no_network


def test_what_stands_on_something_left_out_goes_with_it() -> None:
    text = SUITE.replace('kind = "qemu"', 'kind = "oci"')
    with pytest.raises(EnvironmentUnavailable, match="nothing of mixed is left to compare") as caught:
        without_rights(mixed(text), host())
    assert "runc, tcg, inside (root rights" in caught.value.message
    assert "sudo" in caught.value.hint


def test_an_environment_that_was_asked_for_is_not_left_out() -> None:
    left, left_out = without_rights(mixed(), host(), asked=["runc"])
    assert left.arms == ("bare", "runc", "tcg", "inside")
    assert not left_out


def test_a_suite_of_the_network_alone_is_refused_without_one() -> None:
    text = SUITE.replace('["cpu.hash", ', "[")
    with pytest.raises(EnvironmentUnavailable, match="only root may open /dev/net/tun here"):
        without_rights(mixed(text), host(tun=False))


def test_a_container_needs_the_rights_of_the_host() -> None:
    (lacking,) = [item for item in Oci().missing(host()) if item.rights]
    assert lacking.what == "root rights"
    assert lacking.hint.startswith("run as root of the host: root of a user namespace")
    (lacking,) = [item for item in Oci().missing(host(1000)) if item.rights]
    assert lacking.hint == "run as root"
    assert not [item for item in Oci().missing(host(uid_map=ROOT)) if item.rights]


SWITCHES = {
    ("/proc/sys/user/max_user_namespaces", "0\n"): "user.max_user_namespaces=10000",
    ("/proc/sys/kernel/unprivileged_userns_clone", "0\n"): "kernel.unprivileged_userns_clone=1",
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1\n",
    ): "kernel.apparmor_restrict_unprivileged_userns=0",
}


@pytest.mark.parametrize("closed", SWITCHES)
def test_the_switch_that_forbids_user_namespaces_is_named(closed: tuple[str, str]) -> None:
    files = dict([closed])
    assert f"allows it by `sysctl {SWITCHES[closed]}`" in rights.user_hint(lambda path: files.get(path, ""))
    refused = Answering({"id -u": (0, "1000\n"), f"cat {closed[0]}": (0, closed[1])})
    (missing,) = Bare().missing(refused)
    assert f"allow user namespaces (`sysctl {SWITCHES[closed]}`)" in missing.hint


def test_without_a_switch_root_is_asked_to_build() -> None:
    assert rights.user_hint(lambda path: "") == f"let root build it for all users: `{rights.as_root('image build')}`"


def test_sudo_is_given_the_interpreter_where_there_is_no_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "vbench/__main__.py")])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert rights.as_root("run") == f"sudo {tmp_path}/python3 -m vbench run"
    (tmp_path / "vbench").write_text("")
    assert rights.as_root("run") == f"sudo {tmp_path}/vbench run"
