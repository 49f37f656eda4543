"""What a user without root rights can do: with the image that root built for all, and with one of their own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.traces import left_by
from tests.real.users import UID, User, user
from vbench import image, store
from vbench.beneath import Image
from vbench.host import proc
from vbench.image import cache
from vbench.model import Measured, State

VBENCH = str(Path(sys.executable).with_name("vbench"))
SUITE = """
name = "small"
benchmarks = ["cpu.hash", { kind = "disk.randread", size = "8 MiB" }, "network.rr"]
[method]
baseline = "bare"
blocks = 1
trial = "50 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[testbed]
memory = "512 MiB"
scratch = "SCRATCH"
[environments.bare]
kind = "bare"
[environments.runc]
kind = "oci"
[environments.tcg]
kind = "qemu"
"""


@pytest.fixture(scope="module")
def built() -> Image:
    return image.build(progress=print)


@pytest.fixture(scope="module")
def own(built: Image) -> Iterator[User]:
    """A user whose own cache is empty, on a machine whose root built an image."""
    with user(built.root.parents[2]) as made:
        yield made


@pytest.fixture(scope="module")
def of_root(built: Image) -> str:
    """Where the root of this machine keeps its images."""
    return f"{cache.SYSTEM}={built.root.parents[2]}"


def suite(own: User) -> str:
    scratch = own.home / "scratch"
    if not scratch.exists():
        own.run("mkdir", str(scratch)).check()
    path = own.home / "small.toml"
    path.write_text(SUITE.replace("SCRATCH", str(scratch)))
    return str(path)


def test_a_user_finds_the_image_of_root_and_is_told_what_works(own: User, of_root: str, built: Image) -> None:
    found = json.loads(own.run(VBENCH, "doctor", "--json", "--scratch", str(own.home), env=[of_root]).check().stdout)
    assert (found["rights"], found["image"]) == ("namespace", built.digest)
    states = {row["title"]: (row["state"], row["problem"]) for row in found["environments"]}
    assert states["bare"] == ("works", "")
    assert states["qemu accel=tcg"] == ("works", "")
    assert states["oci runtime=runc"] == ("missing", "missing: root rights")


def test_a_user_measures_what_can_be_measured_and_is_told_the_rest_in_one_line(
    own: User, of_root: str, built: Image
) -> None:
    written = suite(own)
    done = own.run(VBENCH, "run", written, env=[of_root])
    assert done.status == 0, done.stderr.decode()
    said = [line for line in done.stderr.decode().splitlines() if line.startswith("left out")]
    assert len(said) == 1
    assert "runc (root rights of the host are needed)" in said[0]
    run = store.load(own.home / done.text.strip())
    assert run.manifest.state is State.COMPLETE
    assert run.manifest.image == built.digest
    arms = {record.name: record for record in run.manifest.environments}
    assert set(arms) == {"bare", "tcg", "control"}
    assert "a user namespace, for want of root rights" in arms["bare"].mechanisms
    assert {arm.image for arm in arms.values()} == {built.digest}
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials)
    assert ("network.rr" in run.manifest.plan.benchmarks) is ("over the network" not in said[0])
    assert left_by(own.home / "scratch") == []


def test_a_plan_leaves_out_the_same(own: User, of_root: str) -> None:
    done = own.run(VBENCH, "plan", suite(own), env=[of_root])
    assert done.status == 0, done.stderr.decode()
    assert b"left out: runc (root rights of the host are needed)" in done.stderr
    assert "oci" not in done.text


def test_a_container_that_was_asked_for_is_refused(own: User, of_root: str) -> None:
    done = own.run(VBENCH, "run", suite(own), "--env", "runc", env=[of_root])
    assert (done.status, done.stdout) == (4, b"")
    assert b"environment runc (oci runtime=runc) cannot run here, missing: root rights" in done.stderr


def test_without_an_image_of_root_every_hint_leads_on(own: User, built: Image) -> None:
    """The hints of doctor and run name the build, and the build of a user makes the very image of root."""
    none = f"{cache.SYSTEM}={own.home / 'nothing'}"
    told = own.run(VBENCH, "doctor", "--no-start", "--scratch", str(own.home), env=[none]).check().text
    assert "run `vbench image build`" in told
    refused = own.run(VBENCH, "run", suite(own), env=[none])
    assert refused.status == 4
    assert b"hint: run `vbench image build`" in refused.stderr

    layers = built.root.parents[1] / ".layers"
    cached = own.home / ".cache/vbench/images"
    own.run("mkdir", "-p", str(cached)).check()
    proc.run(["cp", "-a", str(layers), str(cached)], timeout_s=120).check()  # packages, so that nothing is fetched
    proc.run(["chown", "-hR", f"{UID}:{UID}", str(cached / layers.name)], timeout_s=60).check()
    made = own.run(VBENCH, "image", "build", env=[none])
    assert made.status == 0, made.stderr.decode()
    assert made.text.strip() == built.digest
    assert own.run(VBENCH, "image", "check", env=[none]).check().text.strip() == built.digest
    words = ("doctor", "--no-start", "--json", "--scratch", str(own.home))
    assert json.loads(own.run(VBENCH, *words, env=[none]).check().stdout)["image"] == built.digest
    own.run(VBENCH, "image", "remove", built.digest, env=[none]).check()
    assert [path.name for path in cached.iterdir()] == [".lock"]


def test_a_user_without_ids_of_others_gives_files_away_in_vain(own: User) -> None:
    """Without newuidmap the namespace of a build has one user; its packages do not see that."""
    hiding = "[ ! -e /usr/bin/newuidmap ] || mount --bind /dev/null /usr/bin/newuidmap\n"
    hidden = User(own.home, own.script + hiding)
    program = (
        "from vbench.image.contain import contained, is_one_user; import sys; assert is_one_user();"
        "script = 'touch f && chown 5:8 f && chgrp 8 f && mknod null c 1 3 && stat -c %u:%g f';"
        "print(contained(['sh', '-c', script], timeout_s=60, users=True).text.strip())"
    )
    assert hidden.run(sys.executable, "-c", program).check().text == "0:0\n"


def test_root_does_not_build_where_a_user_can_write(own: User) -> None:
    place = own.home / "cache/vbench/images"
    own.run("mkdir", "-p", str(place)).check()
    caches = {"XDG_CACHE_HOME": str(own.home / "cache"), cache.SYSTEM: str(own.home / "nothing")}
    done = proc.run([VBENCH, "image", "build"], timeout_s=60, env=caches)
    assert done.status == 3
    assert b"belongs to another user (uid 12345)" in done.stderr
