"""Kills of what writes apart from a run: a report, and the build of an image. Each ends whole at the next attempt."""

import os
import random
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.contract.traces import left_by
from tests.proof.killing import LIMIT_S, VBENCH, children, gone
from vbench import image
from vbench.host import lock, proc
from vbench.image import cache

Say = Callable[[str], None]


@dataclass
class Deaths:
    """Kills one command at random moments of the time that it takes; `env` is added to its own."""

    words: Sequence[str]
    env: dict[str, str]
    draw: random.Random
    takes_s: float

    def die(self) -> bool:
        """One kill; whether the command had ended before it came."""
        with proc.spawn([VBENCH, *self.words], env=self.env) as process:
            deadline = time.monotonic() + self.draw.uniform(0, self.takes_s)
            while (left_s := deadline - time.monotonic()) > 0 and process.poll() is None:
                select.select([process.stdout], [], [], left_s)
                if not process.stdout.read(65536):  # it has closed its output
                    break
            ended, below = process.poll() is not None, children(process.pid)
            process.kill()
        gone(below)
        return ended

    def live(self) -> float:
        """The command to its end; how long it took."""
        began = time.monotonic()
        done = proc.run([VBENCH, *self.words], timeout_s=LIMIT_S, env=self.env)
        assert done.status == 0, done.stderr.decode()
        return time.monotonic() - began


def kill_reports(run: Path, folder: Path, *, kills: int, draw: random.Random, say: Say) -> None:
    """The page is the old one or the new one, never half of it, and the next report leaves no file beside it."""
    folder.mkdir()
    page = folder / "report.html"
    reports = Deaths(("report", str(run), "-o", str(page)), {}, draw, 0.0)
    reports.takes_s = reports.live()
    whole = page.read_bytes()
    for number in range(kills):
        ended = reports.die()
        assert page.read_bytes() == whole, "a page was left half written"
        say(f"report {number + 1}: killed{' after its end' if ended else ''}, the page before it is whole")
    reports.live()
    assert [path.name for path in folder.iterdir()] == [page.name]
    assert page.read_bytes() == whole


def kill_builds(folder: Path, *, kills: int, draw: random.Random, say: Say) -> None:
    """Nothing of a killed build is an image, and the next one gives the very image, with nothing beside it."""
    with another_cache(folder) as (images, env):
        builds = Deaths(("image", "build"), env, draw, 0.0)
        builds.takes_s = builds.live()
        (digest,) = _built(images)
        for number in range(kills):
            proc.run([VBENCH, "image", "remove", digest], timeout_s=LIMIT_S, env=env).check()
            (images / ".layers").symlink_to(_layers())  # it goes with the last image
            ended = builds.die()
            _nothing_left(folder)
            done = _built(images)
            assert done in ([], [digest]), done
            builds.live()
            assert _built(images) == [digest]
            assert {path.name for path in images.iterdir()} == {digest, ".layers", ".lock"}
            say(f"image build {number + 1}: killed{' after its end' if ended else ''}, then built whole")


def _layers() -> Path:
    """Of the image that is here: packages that a build needs not fetch again."""
    built = image.find()
    assert built is not None, "run `vbench image build`"
    return (built.root.parents[1] / ".layers").resolve()


@contextmanager
def another_cache(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    images = folder / "cache" / "vbench" / "images"
    images.mkdir(parents=True)
    (images / ".layers").symlink_to(_layers())
    env = {"XDG_CACHE_HOME": str(folder / "cache"), cache.SYSTEM: str(folder / "system")}
    yield images, env | {lock.VARIABLE: os.environ.get(lock.VARIABLE, str(folder / "lock"))}


def _built(images: Path) -> list[str]:
    return [path.parent.name for path in images.glob("*/image.json") if not path.parent.name.startswith(".")]


def _nothing_left(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while (left := [line for line in left_by(folder / "none") if str(folder) in line]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == [], left
