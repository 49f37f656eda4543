"""What enters a run folder names neither the host nor a person, and still says what was measured."""

import pwd
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.outcomes import error
from tests.unit.small_folders import ARMS, CLEAN, METRICS, a_manifest, a_trial
from vbench import store
from vbench.beneath import Identity
from vbench.facts.registry import KEYS
from vbench.host.local import LocalHost
from vbench.model import BenchmarkRecord, EnvironmentRecord, Fact, Failed, Layer, Manifest, Measured, Skipped, State
from vbench.store import privacy


def test_host_names_and_home_paths_never_enter_the_folder(tmp_path: Path) -> None:
    secret = "secret-box: /home/ada/.cache/vbench/x on secret-box.example.org"
    record = EnvironmentRecord(
        "runc", "oci", {"options": [secret]}, (Layer("runc", secret),), ((secret, "-v"),), "", (secret,)
    )
    manifest = a_manifest(command=("vbench", "run", "/home/ada/s.toml"), suite_text=secret, tags={"t": secret})
    with store.create(tmp_path, manifest, clean=CLEAN) as writer:
        writer.record(record)
        writer.facts("host", {"a": Fact(secret, secret), "b": Fact((secret,), ""), "c": Fact(3, "")})
        writer.raw("fio.json", secret.encode())
        for outcome in (
            Failed(error(secret), secret),
            Skipped(error(secret), secret),
            Measured({"time": (1.0,)}, notes=(secret,)),
        ):
            writer.append(a_trial(outcome=outcome))
        writer.finish(State.COMPLETE)
    for path in writer.folder.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert "secret-box" not in text
        assert "/home/ada" not in text
    assert "~/s.toml" in (writer.folder / "manifest.json").read_text()


def test_only_whole_words_and_paths_are_taken_out() -> None:
    clean = privacy.cleaner({"box"}, {"/root"})
    assert clean("/root/x /root") == "~/x ~"
    assert clean("/images/root/etc /rootless boxes in-box box.") == "/images/root/etc /rootless boxes in-box HOST."
    assert privacy.cleaner({"localhost", ""}, {"", "/"})("localhost / x") == "localhost / x"


def test_names_and_homes_of_every_host_of_a_run_are_taken_out() -> None:
    here = Identity(names=frozenset({"desk"}), homes=frozenset({"/home/ada"}))
    there = Identity(names=frozenset({"lab7.example.org"}), homes=frozenset({"/data/eve"}), users=frozenset({"eve"}))
    clean = privacy.of_hosts([here, there])
    assert clean("desk to lab7: /home/ada/x /data/eve/y /media/eve") == "HOST to HOST: ~/x ~/y /media/USER"
    assert privacy.of_hosts([])("desk /home/ada") == "desk /home/ada"


def test_with_sudo_the_home_and_the_name_are_those_of_who_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = pwd.struct_passwd(("ada", "x", 1000, 1000, "", "/data/people/ada", ""))
    grace = pwd.struct_passwd(("grace", "x", 1001, 1001, "", "/home/grace", ""))
    service = pwd.struct_passwd(("mail", "x", 8, 8, "", "/var/mail", ""))
    monkeypatch.setattr(pwd, "getpwall", lambda: [grace, service])
    monkeypatch.setattr(pwd, "getpwnam", {"ada": ada}.__getitem__)
    monkeypatch.setenv("SUDO_USER", "ada")
    clean = privacy.of_hosts([LocalHost().identity()])
    assert clean("/data/people/ada/s.toml /home/grace/x /var/mail/x") == "~/s.toml ~/x /var/mail/x"
    assert clean("/media/ada/disk /mnt/ada: /ada") == "/media/USER/disk /mnt/USER: /USER"
    others = "ada /mnt/adam /mnt/ada.d /mnt/ada-2 canada/ada-x"
    assert clean(others) == others


@pytest.mark.parametrize("name", ["user", "root", "ubuntu", "bench", "", "nobody-here"])
def test_a_name_that_is_a_usual_one_of_a_folder_is_none_of_a_person(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SUDO_USER", name)
    assert privacy.of_hosts([LocalHost().identity()])("/srv/user/bench/ubuntu/root") == "/srv/user/bench/ubuntu/root"


# --- a host with the name of something else ---------------------------------------------------------------------------

SUITE = """
name = "small"
[environments.runc]
kind = "oci"
runtime = "runc"
[environments.kvm]
kind = "qemu"
accel = "kvm"
options = ["-cpu", "host"]
"""
WORDS = ("runc", "bare", "kvm", "cpu", "hash", "oci", "qemu", "memory", "disk")


def a_run_of_words() -> Manifest:
    runc = EnvironmentRecord(
        "runc",
        "oci",
        {"runtime": "runc", "memory": 3, "options": ["--cpu", "bare"]},
        (Layer("kvm", "kvm: seen"), Layer("runc", "started so")),
        (("runc", "run", "--memory", "disk"), ("qemu", "-cpu", "host,kvm=on")),
        mechanisms=("cpu 1", "memory 1 GiB", "runc"),
    )
    benchmark = BenchmarkRecord("cpu.hash", "cpu.hash", {"disk": "memory"}, METRICS, "hash on one cpu")
    kept = [EnvironmentRecord(arm, "bare", {"root": "disk"}) for arm in ARMS if arm != "runc"]
    command = ("vbench", "run", "runc.toml", "--env", "bare")
    return a_manifest(
        suite_text=SUITE, command=command, environments=(*kept, runc), benchmarks=(benchmark,), tags={"at": "home"}
    )


@pytest.mark.parametrize("host", [*WORDS, "runc.example.org"])
def test_what_vbench_composes_stays_whatever_the_host_is_called(tmp_path: Path, host: str) -> None:
    clean = privacy.cleaner({host}, {"/home/ada"})
    manifest = a_run_of_words()
    known = {
        "virtualization.vm": Fact("kvm", "systemd-detect-virt --vm"),
        "tool.runc": Fact("1.1.5", "runc --version"),
        "engine.argv": Fact(("runc", "run", "-cpu"), "engine"),
        "cgroup.cpu.weight": Fact(3, "cgroup v1 cpu.shares"),
    }
    with store.create(tmp_path, manifest, clean=clean) as writer:
        writer.record(manifest.environments[-1])
        writer.facts("host", known)
        writer.facts("runc", known)
        for name in ("bare", "control"):
            writer.facts(name, {})
        writer.append(a_trial())
        writer.finish(State.COMPLETE)
    run = store.load(writer.folder)
    left_out = {"state": State.COMPLETE, "finished": run.manifest.finished, "checksums": run.manifest.checksums}
    assert run.manifest == replace(manifest, **left_out)
    assert run.manifest.suite_redacted is False
    assert run.host == run.facts["runc"] == known


@pytest.mark.parametrize("host", WORDS)
def test_free_text_loses_the_name_of_the_host_whatever_else_it_means(tmp_path: Path, host: str) -> None:
    clean = privacy.cleaner({f"{host}.example.org"}, {})
    said = f"{host} said: {host}.example.org is not {host}2"
    cleaned = f"HOST said: HOST is not {host}2"
    free = {key.name: Fact(host, "") for key in KEYS if key.free} | {"of.another.version": Fact(host, "")}
    with store.create(tmp_path, a_manifest(tags={"host": host, host: said}), clean=clean) as writer:
        writer.facts("host", free)
        for outcome in (
            Failed(error(said), said),
            Skipped(error(said), said),
            Measured({"time": (1.0,)}, notes=(said,)),
        ):
            writer.append(a_trial(outcome=outcome))
    run = store.load(writer.folder)
    assert run.manifest.tags == {"host": "HOST", host: cleaned}
    assert set(run.host) == set(free)
    assert {fact.value for fact in run.host.values()} == {"HOST"}
    assert [trial.outcome for trial in run.trials] == [
        Failed(error(cleaned), cleaned),
        Skipped(error(cleaned), cleaned),
        Measured({"time": (1.0,)}, notes=(cleaned,)),
    ]


def test_raw_output_keeps_the_keys_of_its_objects(tmp_path: Path) -> None:
    clean = privacy.cleaner({"cpu"}, {"/home/ada"})
    said = b'{"cpu": {"cpu" : 1, "system": "Linux cpu 6.1", "cpu2": "cpu"}, "in": "/home/ada/x"}\ncpu: "cpu'
    kept = b'{"cpu": {"cpu" : 1, "system": "Linux HOST 6.1", "cpu2": "HOST"}, "in": "~/x"}\nHOST: "HOST'
    with store.create(tmp_path, a_manifest(), clean=clean) as writer:
        assert (writer.folder / writer.raw("tool.json", said)).read_bytes() == kept


def test_output_full_of_the_hosts_name_is_cleaned_in_time() -> None:
    """By the square of its length, an output of 16 MiB took a quarter of an hour."""
    assert privacy.cleaner({"server7"}, set()).raw("server7\n" * 300_000) == "HOST\n" * 300_000


def test_names_that_the_suite_gives_stay_in_its_own_text(tmp_path: Path) -> None:
    names = ("bare", "control", "box")
    manifest = a_manifest(
        environments=tuple(EnvironmentRecord(name, "fake", {}) for name in names),
        suite_text="[environments.box]  # not on other-box",
    )
    with store.create(tmp_path, manifest, clean=privacy.cleaner({"box", "other-box"}, ())) as writer:
        assert writer.manifest.suite_text == "[environments.box]  # not on HOST"
        assert writer.manifest.suite_redacted


def test_a_user_with_the_name_of_a_program_takes_nothing_out_of_a_command() -> None:
    clean = privacy.cleaner((), (), {"qemu", "ada"})
    assert clean.own("/usr/share/qemu /media/ada") == "/usr/share/qemu /media/USER"
    assert clean("/usr/share/qemu /media/ada") == "/usr/share/USER /media/USER"


def test_a_user_whom_nobody_knows_has_no_home_to_take_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)
    assert privacy.of_hosts([LocalHost().identity()])("/somewhere") == "/somewhere"
