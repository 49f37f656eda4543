"""A scratch folder and an image below a path that other programs would read in their own way, in every environment."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.conftest import SCRATCH, Stack
from vbench import image, proc, processors
from vbench.benchmarks.disk import RandRead
from vbench.benchmarks.http import Requests
from vbench.contracts import Image, Place, Testbed
from vbench.proc import LocalSession
from vbench.testbed import open_testbed
from vbench.units import Bytes

ODD = "keep:1 a,b?c=d;e$f'g\"h{i}"


@pytest.fixture(scope="module")
def odd_image() -> Iterator[Image | None]:
    """The image once more, by hard links beside it, and reached through a symbolic link."""
    found = image.find()
    if found is None:
        yield None
        return
    home = found.root.parent
    folder, link = home.with_name(f".test {ODD}"), home.with_name(".test-link")
    proc.run(["cp", "-al", str(home), str(folder)], timeout_s=120).check()
    link.symlink_to(folder.name)
    try:
        paths = {name: link / getattr(found, name).name for name in ("root", "disk", "kernel", "initramfs")}
        yield replace(
            found, root=paths["root"], disk=paths["disk"], kernel=paths["kernel"], initramfs=paths["initramfs"]
        )
    finally:
        link.unlink()
        proc.run(["rm", "-rf", str(folder)], timeout_s=120).check()


@pytest.fixture(scope="module")
def odd(odd_image: Image | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    host = LocalSession()
    base = Path(proc.run(["mktemp", "-d", f"{SCRATCH}/vbench-test-odd-XXXXXX"], timeout_s=30).check().text.strip())
    (base / "keep").write_text("precious")
    try:
        with open_testbed(
            host=host,
            image=odd_image,
            processors=processors.find(host, 1),
            memory_b=2**30,
            scratch=base / ODD,
            name="odd",
        ) as opened:
            yield opened
        assert (base / "keep").read_text() == "precious"
        assert sorted(path.name for path in base.iterdir()) == ["keep", ODD]
    finally:
        proc.run(["rm", "-rf", str(base)], timeout_s=60).check()


def test_benchmarks_that_name_files_run_there(stack: Stack, odd: Testbed) -> None:
    if "fake" in stack.name:
        assert stack.environments[0].variants() == ()  # its files are made up
        return
    with ExitStack() as exits:
        session, testbed = replace(stack, testbed=odd).start(exits)
        place = Place(session, testbed, 100, 0.1, 0.0, None, lambda name, data: None, exits)
        for benchmark in (RandRead(size=Bytes(2**22)), Requests()):
            if benchmark.missing(session, testbed):
                assert "host" in stack.name  # the host's own tools are the host's
                continue
            assert benchmark.measure(place).samples
