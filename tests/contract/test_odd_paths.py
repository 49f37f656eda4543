"""A scratch folder and an image below a path that other programs would read in their own way, in every environment."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.stacks import ALONE, SCRATCH, Floors, Stack
from tests.contract.workloads import trial_on_files
from vbench import image
from vbench.beneath import Image
from vbench.contracts import Testbed
from vbench.host import proc, processors
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.testbed.host import open_testbed

ODD = "keep:1 a,b?c=d;e$f'g\"h{i}"


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder with a user's file, which fio took for its own."""
    made = proc.run(["mktemp", "-d", f"{SCRATCH}/vbench-test-odd-XXXXXX"], timeout_s=30).check()
    folder = Path(made.text.strip())
    (folder / "keep").write_text("precious")
    yield folder
    left, kept = sorted(path.name for path in folder.iterdir()), (folder / "keep").read_text()
    proc.run(["rm", "-rf", str(folder)], timeout_s=120).check()
    assert kept == "precious"
    assert left == ["image", "keep", ODD]


@pytest.fixture(scope="module")
def odd_image(base: Path) -> Image | None:
    """A copy of the image, reached through a symbolic link: links to its files would change the image itself."""
    found = image.find()
    (base / ODD).mkdir()
    (base / "image").symlink_to(ODD)
    if found is None:
        return None
    proc.run(["cp", "-a", "--reflink=auto", str(found.root.parent), str(base / ODD / ODD)], timeout_s=120).check()
    root, disk, kernel, initramfs = (
        base / "image" / ODD / path.name for path in (found.root, found.disk, found.kernel, found.initramfs)
    )
    return replace(found, root=root, disk=disk, kernel=kernel, initramfs=initramfs)


@pytest.fixture(scope="module")
def odd(base: Path, odd_image: Image | None) -> Iterator[Testbed]:
    host = LocalSession()
    with open_testbed(
        host=LocalHost(host),
        image=odd_image,
        processors=processors.find(host, 1),
        memory_b=2**30,
        scratch=base / ODD,
        name="odd",
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def floors(odd: Testbed) -> Iterator[Floors]:
    with ExitStack() as exits:
        yield Floors(exits, LocalSession(), odd)


# What stands on another environment sees that one's paths: test_stacked.py.
@pytest.mark.parametrize("stack", ALONE, indirect=True, scope="package")
def test_benchmarks_that_name_files_run_there(stack: Stack, floors: Floors) -> None:
    if stack.makes_up:
        assert stack.environments[-1].variants() == ()  # its files are made up
        return
    trial_on_files(*floors.on(stack.environments), may_lack=stack.is_on_host)  # the host's own tools are the host's
