"""The run's folder belongs to one process: it is gone after it, and swept only when that process is dead."""

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from vbench.errors import NoSpace, StartFailed, StopFailed, TrialFailed, UsageError
from vbench.host import interrupts
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import HostTestbed, open_testbed
from vbench.testbed.undo import Undoing


def opened(scratch: Path) -> Any:
    return open_testbed(
        host=LocalHost(), image=None, processors=Processors((0,), (0,)), memory_b=2**20, scratch=scratch, name="unit"
    )


def test_folders_are_fresh_and_gone_with_their_context_and_with_the_testbed(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with opened(tmp_path / "new") as bed:
        with bed.folder("one") as one, bed.folder("one") as two:
            (Path(one) / "file").write_text("x")
            assert one != two
            assert list(Path(two).iterdir()) == []
        assert not Path(one).exists()
    assert list((tmp_path / "new").iterdir()) == []


def test_an_arm_without_a_network_has_the_same_folders_and_is_told_why(tmp_path: Path) -> None:
    with opened(tmp_path) as bed:
        bed.peer_address, bed.no_network = "198.18.0.1", ""
        alone = bed.offline("it was asked for none")
        with alone.attach("veth") as attachment, alone.folder("one") as one:
            assert attachment is None
            assert one.parent == bed.base
        assert (alone.peer_address, alone.no_network, alone.detached("tap")) == (None, *["it was asked for none"] * 2)
        nested = bed.within(LocalSession())
        assert nested.peer_address == "198.18.0.1"
        assert nested.offline("none here").peer_address is None
        assert nested.offline("none here").no_network == "none here"
        assert bed.peer_address == "198.18.0.1"


def test_a_signal_while_its_folder_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def interrupted(*words: Any, **more: Any) -> str:
        made = make(*words, **more)
        os.kill(os.getpid(), signal.SIGINT)
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    with interrupts.once(), pytest.raises(KeyboardInterrupt), opened(tmp_path):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []


def test_everything_is_gone_after_a_failure_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as bed, bed.folder("one"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal
from vbench.testbed import host as testbed
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
with LocalSession(prefix=testbed._DYING).spawn(["sh", "-c", "echo ready; exec sleep 1000"]) as server:
    server.stdout.readline()
    print(server.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_harness_takes_the_peers_servers_with_it() -> None:
    pid = int(subprocess.run([sys.executable, "-c", KILLED], capture_output=True, check=False).stdout)
    try:
        server = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([server], [], [], 30)[0]
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(server, signal.SIGKILL)
        os.close(server)


def test_without_an_image_there_is_no_network_and_no_chroot_and_both_say_why(tmp_path: Path) -> None:
    with opened(tmp_path) as bed:
        assert bed.peer_address is None
        assert bed.no_network
        with pytest.raises(TrialFailed, match="no network in this testbed"):
            _ = bed.peer
        with pytest.raises(StartFailed, match="no image") as caught, bed.chroot(None):
            pass
        assert caught.value.hint == "run `vbench image build`"
        with bed.attach("veth") as attachment:
            assert attachment is None


def test_scratch_that_is_no_folder_is_a_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="as scratch space") as caught, opened(tmp_path / "file"):
        pass
    assert "[testbed]" in caught.value.hint


def test_scratch_that_does_not_exist_is_refused_and_never_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="as scratch space") as caught, opened(tmp_path / "new"):
        pass
    assert "[testbed]" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_full_scratch_space_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**words: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(tmp_path) as bed:
        monkeypatch.setattr(tempfile, "mkdtemp", full)
        with pytest.raises(NoSpace, match="no space left"), bed.folder("one"):
            pass


def test_a_folder_that_will_not_go_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))

    (tmp_path / "run").mkdir()
    host = LocalHost()
    bed = HostTestbed(host, None, Processors((0,), (0,)), 2**20, Undoing(host, PurePosixPath(tmp_path / "run")))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", busy)
        with pytest.raises(StopFailed, match="could not be removed") as caught, bed.folder("one"):
            pass
    assert caught.value.hint == f"`vbench clean --scratch {tmp_path}` removes it once what uses it has ended"
