"""Ability is tested, not presence: rights that root lacks, a device that does not open, a limit that is used up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest

from vbench.benchmarks import KINDS
from vbench.cli import doctor
from vbench.contracts import Bridge, Completed, Missing, Session, Workplace, lacks
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake, FakeSession
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu, aio_hint, kvm_missing, refuse_threads
from vbench.errors import CommandTimeout, StartFailed
from vbench.host.capabilities import namespace_hint, rights_missing
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import HostTestbed
from vbench.testbed.network import network_missing
from vbench.testbed.tap import Tap
from vbench.testbed.undo import Undoing
from vbench.testbed.veth import Veth

MIB = 2**20
ALL, DOCKERS = "000001ffffffffff", "00000000a80425fb"  # the second: what docker gives by default


@dataclass
class Machine:
    """A host session by what its commands print; any other command succeeds without a word."""

    uid: str = "0"
    capabilities: str = ALL
    refuses: dict[str, str] = field(default_factory=dict)  # command to its complaint
    absent: tuple[str, ...] = ()
    kvm: str = "opens"
    workplace: Workplace = field(default_factory=lambda: Workplace(image="host"))

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        said = {"id": self.uid, "cat": f"Name:\tcat\nCapEff:\t{self.capabilities}\n", "sh": self.kvm, "uname": "x86_64"}
        if argv[0] in self.absent:
            return Completed(tuple(argv), 127, b"", b"")
        if argv[0] in self.refuses:
            return Completed(tuple(argv), 1, b"", self.refuses[argv[0]].encode())
        return Completed(tuple(argv), 0, said.get(argv[0], "").encode(), b"")


def on(**what: Any) -> Session:
    return cast(Session, Machine(**what))


def test_root_with_all_its_capabilities_lacks_nothing() -> None:
    for network in (False, True):
        assert rights_missing(on(), network=network) == ()
    assert Bare().missing(on()) == Oci().missing(on()) == Qemu(accel="kvm").missing(on()) == ()
    assert network_missing(on()) == ""


def test_a_user_is_told_to_be_root_and_what_else_there_is() -> None:
    (missing,) = Bare().missing(on(uid="1000"))
    assert missing.what == "root rights"
    assert missing.hint.startswith("run as root, or allow user namespaces, or set root = 'host'")
    (missing,) = Oci().missing(on(uid="1000"))
    assert (missing.what, missing.hint) == ("root rights", "run as root")


def test_root_without_capabilities_is_told_which_and_never_to_be_root() -> None:
    for found in (Bare().missing(on(capabilities=DOCKERS)), Oci().missing(on(capabilities=DOCKERS))):
        assert [missing.what for missing in found] == ["CAP_SYS_ADMIN"]
        assert "--privileged" in found[0].hint and "run as root" not in found[0].hint
    (missing,) = rights_missing(on(capabilities=DOCKERS), network=True)
    assert missing.what == "CAP_NET_ADMIN and CAP_SYS_ADMIN"
    assert "CAP_NET_ADMIN and CAP_SYS_ADMIN" in network_missing(on(capabilities=DOCKERS))


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("unshare: unshare failed: No space left on device", "limit on namespaces is used up"),
        ("unshare: unshare failed: Operation not permitted", "a container's system call filter"),
        ("unshare: unshare failed: Cannot allocate memory", ""),
    ],
)
def test_a_namespace_that_is_refused_is_told_by_its_cause(said: str, hint: str) -> None:
    (missing,) = rights_missing(on(refuses={"unshare": said}))
    assert said in missing.what
    assert hint in missing.hint and bool(hint) == bool(missing.hint)
    assert namespace_hint(said) == missing.hint


@pytest.mark.parametrize(
    ("said", "what", "hint"),
    [
        ("absent", "/dev/kvm", "modprobe"),
        ("660 kvm sh: 2: cannot open /dev/kvm: Permission denied", "permission for /dev/kvm", "the group kvm"),
        ("660 virt sh: 2: cannot open /dev/kvm: Permission denied", "permission for /dev/kvm", "-aG virt"),
        ("660 nogroup sh: 2: cannot open /dev/kvm: Permission denied", "permission for /dev/kvm", "-aG $(stat -c %G"),
        ("600 root sh: 2: cannot open /dev/kvm: Permission denied", "permission for /dev/kvm", "mode 600"),
        ("660 kvm sh: 2: cannot open /dev/kvm: Operation not permitted", "permission for /dev/kvm", "--device"),
        ("660 kvm sh: 2: cannot create /dev/kvm: No such device", "(No such device)", "dmesg"),
        ("", "/dev/kvm that opens", ""),
    ],
)
def test_kvm_that_does_not_open_is_told_by_its_cause(said: str, what: str, hint: str) -> None:
    (missing,) = kvm_missing(on(kvm=said))
    assert what in missing.what and hint in missing.hint
    assert ("firmware" in missing.hint) == (said == "absent")


@pytest.mark.parametrize(("runtime", "hint"), [("crun", "apt-get install crun"), ("kata", "Debian packages runc and")])
def test_a_runtime_is_called_a_package_only_where_there_is_one(runtime: str, hint: str) -> None:
    (missing,) = Oci(runtime=runtime).missing(on(absent=(runtime,)))
    assert hint in missing.hint
    assert ("apt-get" in missing.hint) == (runtime == "crun")


@pytest.mark.parametrize(
    ("said", "aio", "hint"),
    [
        (
            b"Unable to use native AIO, falling back to thread pool: Resource temporarily unavailable",
            "native",
            "fs.aio-max-nr",
        ),
        (b"Unable to use linux io_uring, falling back to thread pool: not permitted", "io_uring", "aio = 'threads'"),
    ],
)
def test_a_machine_that_would_do_its_io_in_another_way_is_refused(said: bytes, aio: str, hint: str) -> None:
    with pytest.raises(StartFailed, match="QEMU would use threads: ") as caught:
        refuse_threads(b"qemu-system-x86_64: " + said, aio)
    assert hint in caught.value.hint
    assert ("aio-max-nr" in caught.value.hint) == (aio == "native")
    refuse_threads(b"qemu-system-x86_64: warning: something else", aio)


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        (
            "Unable to use native AIO: failed to create linux AIO context: Resource temporarily unavailable",
            "aio-max-nr",
        ),
        (
            "Unable to use native AIO: failed to create linux AIO context: Operation not permitted",
            "set aio = 'threads'",
        ),
        ("Could not open disk.ext4", ""),
    ],
)
def test_a_machine_without_asynchronous_io_is_told_by_its_cause(why: str, hint: str) -> None:
    found = aio_hint(f"qemu-system-x86_64 ended with status 1; -drive id=root: {why}")
    assert hint in found and bool(hint) == bool(found)
    assert ("aio-max-nr" in found) == ("unavailable" in why)


class Hanging(Machine):
    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        if argv[0] == "crun":
            raise CommandTimeout("crun did not end")
        return super().run(argv, timeout_s=timeout_s, stdin=stdin)


def test_a_tool_that_is_there_and_does_not_run_is_missing_with_its_last_words() -> None:
    broken = "runc: error while loading shared libraries: libseccomp.so.2: cannot open shared object file"
    (missing,) = Oci().missing(on(refuses={"runc": f"more\n{broken}\n"}))
    assert (missing.what, missing.hint) == (f"runc that works ({broken})", "apt-get install runc")
    (missing,) = Bare(root="host").missing(on(refuses={"cc": "<stdin>:1:10: fatal error: stdio.h: No such file"}))
    assert "a C compiler that works" in missing.what and "libc6-dev" in missing.hint
    (missing,) = Qemu().missing(on(refuses={"qemu-system-x86_64": "illegal instruction"}))
    assert missing.what == "qemu-system-x86_64 that works (illegal instruction)"
    (missing,) = Oci(runtime="crun").missing(cast(Session, Hanging()))
    assert "crun that answers" in missing.what


def test_a_runtime_that_prints_without_end_is_missing_and_ends_nothing(tmp_path: Path) -> None:
    runtime = tmp_path / "endless"
    runtime.write_text("#!/bin/sh\nexec yes\n", encoding="utf-8")
    runtime.chmod(0o755)
    missing = Oci(runtime=str(runtime)).missing(LocalSession())[0]
    assert missing.what.startswith(f"{runtime} that works (") and "more than 16 MiB" in missing.what


class NoTun(LocalSession):
    """A host whose kernel makes bridges and no taps."""

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        said = b"open: No such file or directory\nCommand failed -:1" if b"tuntap" in stdin else b""
        return Completed(tuple(argv), 1 if said else 0, b"", said)


def a_testbed(tmp_path: Path, session: LocalSession | None = None, cpus: tuple[int, ...] = (0,)) -> HostTestbed:
    host = LocalHost(session or LocalSession())
    return HostTestbed(host, None, Processors(cpus, (0,)), MIB, Undoing(host, PurePosixPath(tmp_path)))


def networked(tmp_path: Path) -> HostTestbed:
    testbed = a_testbed(tmp_path, NoTun())
    testbed.no_network, testbed.peer_address = "", "198.18.0.1"
    testbed.bridge = Bridge(testbed.session, PurePosixPath("/proc/1/ns/net"))
    return testbed


def test_without_taps_a_machine_has_no_network_and_the_others_keep_theirs(tmp_path: Path) -> None:
    testbed = networked(tmp_path)
    why = testbed.detached(Tap)
    assert why.startswith("no tap can be made (open: No such file or directory): `modprobe tun`")
    assert testbed.detached(Veth) == ""
    with testbed.attach(Tap) as link:
        assert link is None
    within = testbed.within(FakeSession(LocalSession(), Fake(), PurePosixPath("/scratch")))
    assert within.peer_address == "198.18.0.1"
    alone = testbed.within(FakeSession(LocalSession(), Fake(), PurePosixPath("/scratch"), no_network=why))
    assert (alone.peer_address, alone.no_network) == (None, why)
    assert alone.within(LocalSession()).peer_address is None
    for kind in ("network.rr", "network.stream", "http.requests"):
        found = KINDS[kind]().missing(on(), alone)
        assert Missing("a network to the peer", why) in found
    assert KINDS["cpu.hash"].metrics  # which needs none, and is measured


def test_what_stands_on_another_environment_has_no_place_of_its_own(tmp_path: Path) -> None:
    nested = networked(tmp_path).within(LocalSession())
    assert "no place of its own" in nested.detached(Veth)
    with nested.attach(Veth) as link:
        assert link is None


def test_processors_are_numbered_as_the_environment_beneath_numbers_them(tmp_path: Path) -> None:
    """A container on the host's processor 3 has that one, and no processor 0."""

    class Container(Machine):
        def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
            assert argv == ["cat", "/proc/self/status"]
            return Completed(tuple(argv), 0, b"Name:\tcat\nCpus_allowed:\t28\nCpus_allowed_list:\t3,5\n", b"")

    testbed = a_testbed(tmp_path, cpus=(3, 5))
    assert testbed.within(cast(Session, Container())).cpus == (3, 5)


def test_what_is_missing_reads_well_whatever_its_article() -> None:
    found = (*rights_missing(on(uid="7")), *Bare(root="host").missing(on(absent=("cc",))))
    assert lacks(found) == "missing: root rights, a C compiler"


def test_without_the_image_doctor_calls_nothing_present_that_runs_from_it(tmp_path: Path) -> None:
    testbed = a_testbed(tmp_path)
    no_image = Missing("the image", "run `vbench image build`")
    states, lines = {}, []
    for environment in (Bare(), Bare(root="host"), Oci(), Qemu()):
        row = doctor.inspect(environment, on(), testbed, no_image, start=False)
        states[row["title"]] = (row["state"], row["problem"])
        lines.append(next(iter(doctor.environment_lines(row))))
    missing = ("missing", "missing: the image")
    assert lines[:2] == ["bare                 missing: the image", "bare root=host       present"]
    assert states == {
        "bare": missing,
        "bare root=host": ("present", ""),
        "oci runtime=runc": missing,
        "qemu accel=tcg": missing,
    }
