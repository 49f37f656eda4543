"""What a user gets wrong ends with a message, a hint and exit code 2 on stderr, and nothing is started or stored."""

from pathlib import Path

import pytest

from tests.unit.program import GOOD, Vbench, refused
from vbench.cli import VERBS


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (GOOD.replace("kind =", "slowdwon = 2\nkind ="), "environments.a.slowdwon: unknown key", "'slowdown'"),
        (GOOD.replace("= 1\n", '= "one"\n'), "method.blocks: expected a whole number, got a text", ""),
        (GOOD.replace('"fake"', '"qmeu"'), "environments.a.kind: no environment is of kind 'qmeu'", "'qemu'"),
        (GOOD.replace("cpu.hash", "cpu.hsah"), "benchmarks[0].kind: no benchmark is of kind 'cpu.hsah'", "'cpu.hash'"),
        (GOOD.replace('name = "small"\n', ""), "name: missing", ""),
        (GOOD.replace('baseline = "a"', 'baseline = "b"'), "method.baseline: no environment is named 'b'", "a"),
        (GOOD.replace('"10 min"', '"1 us"'), "method.budget is", "raise method.budget"),
        (GOOD + "[", "not TOML", "toml.io"),
        ("", "the file is empty", "vbench list suites"),
        (b"\x1f\x8b\x08\x00", "is not UTF-8: byte 1", "save the file as UTF-8"),
        (GOOD.replace("small", "\\u001b[31msmall"), "cannot be a name", "letters"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:40].strip(),
)
@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_suite_that_cannot_be_meant(vbench: Vbench, verb: str, data: str | bytes, message: str, hint: str) -> None:
    Path("wrong.toml").write_bytes(data if isinstance(data, bytes) else data.encode())
    said = refused(vbench(verb, "wrong.toml"))
    assert said.startswith("vbench: ")
    assert message in said
    assert not hint or f"{hint}" in said.partition("hint: ")[2]
    assert "\x1b" not in said
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "smoek"], "perhaps you meant 'smoke'"),
        (["run", "no/such.toml"], "no/such.toml does not exist"),
        (["run", "."], "no suite is named '.'"),
        (["run", "./"], ". is not a file"),
        (["run", "smoke", "--env", "rnuc"], "perhaps you meant 'runc'"),
        (["run", "smoke", "--bench", "cpu.hahs"], "perhaps you meant 'cpu.hash'"),
        (["run", "smoke", "--blocks", "0"], "blocks: expected 1 to 1000, got 0"),
        (["run", "smoke", "--blocks", "x"], "'x' is not a valid integer"),
        (["run", "smoke", "--seed", "-1"], "seed: expected 0"),
        (["run"], "Missing argument 'SUITE'"),
        (["run", "smoke", "--no-such"], "No such option"),
        (["rnu", "smoke"], "perhaps you meant 'run'"),
        (["report", "no-such-run"], "no run folder is named 'no-such-run'"),
        (["report", "x" * 5000], "no run folder is named"),
        (["report", "nul\0byte"], "no run folder is named"),
        (["plan", "nul\0byte.toml"], "nul"),
    ],
    ids=lambda value: " ".join(value)[:40].replace("\0", "~") if isinstance(value, list) else "",
)
def test_a_command_that_cannot_be_meant(vbench: Vbench, words: list[str], message: str) -> None:
    assert message in refused(vbench(*words))
    assert not Path("results").exists()


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself(vbench: Vbench, verb: str) -> None:
    ended = vbench(verb, "--help")
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Usage: vbench {verb}")


def test_a_run_folder_is_named_after_where_it_cannot_be_made(vbench: Vbench) -> None:
    Path("small.toml").write_text(
        GOOD.replace("[environments.a]", f'[testbed]\nscratch = "{Path.cwd()}"\n[environments.a]')
    )
    Path("results").write_text("a file")
    said = refused(vbench("run", "small.toml"))
    assert "results" in said
    assert "hint: choose a folder that you may write to" in said


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("scratch", "message", "hint"),
    [
        ("file", "file as scratch space: Not a directory", "set `scratch` in [testbed]"),
        ("nowhere", "nowhere does not exist", "`mkdir -p "),
    ],
)
def test_scratch_space_that_cannot_be_used_is_refused(
    vbench: Vbench, verb: str, scratch: str, message: str, hint: str
) -> None:
    path = Path.cwd() / scratch
    Path("small.toml").write_text(GOOD.replace("[environments.a]", f'[testbed]\nscratch = "{path}"\n[environments.a]'))
    Path("file").write_text("")
    said = refused(vbench(verb, "small.toml"))
    assert message in said
    assert f"hint: {hint}" in said
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["file", "small.toml"]


@pytest.mark.parametrize("scratch", ["scratch", ".", "~/scratch", ""])
def test_scratch_space_without_its_whole_path_is_refused(vbench: Vbench, scratch: str) -> None:
    Path("small.toml").write_text(
        GOOD.replace("[environments.a]", f'[testbed]\nscratch = "{scratch}"\n[environments.a]')
    )
    said = refused(vbench("plan", "small.toml"))
    assert f"testbed.scratch: '{scratch}' is not an absolute path" in said
    assert "such as '/var/tmp'" in said


def test_clean_with_nothing_to_remove_says_so(vbench: Vbench, tmp_path: Path) -> None:
    assert vbench("clean", "--scratch", str(tmp_path)) == (0, "", "nothing was left behind\n")


def test_a_suite_cannot_speak_to_the_terminal_that_lists_it(vbench: Vbench, tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "red\x1b[31m.toml").write_text('about = "\\u001b]0;title\\u0007"' + GOOD)
    said = vbench("list", "suites").stdout
    assert "\N{REPLACEMENT CHARACTER}]0;title" in said
    assert "\x1b" not in said
