"""One way to say a thing in every verb: `-o` a file, `--format` a format, `--json` short for it, names completed."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from tests.unit.program import GOOD
from vbench import store
from vbench.cli import vbench
from vbench.environments import KINDS

# Parameters that a name of something is given to.
NAMES = {"suite", "environments", "benchmarks", "env", "run", "runs", "resumed", "explained", "digest", "validated"}
RUNS = {"run", "runs", "resumed"}
OLD = [("plan", "small.toml"), *(("list", topic) for topic in ("environments", "benchmarks", "suites", "runs"))]


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*words, name))


VERBS = dict(leaves(vbench))


def named(verb: tuple[str, ...], option: str) -> click.Parameter | None:
    return next((parameter for parameter in VERBS[verb].params if option in parameter.opts), None)


def invoked(*words: str) -> Result:
    return CliRunner().invoke(vbench, list(words), catch_exceptions=False, standalone_mode=False)


def with_suite(folder: Path) -> Path:
    """The folder with a small suite in it, which measures whatever else this host is doing."""
    quiet = GOOD.replace("[method]", '[method]\ngates = "record"')
    small = quiet.replace("[environments.a]", f'[testbed]\nscratch = "{folder}/s"\n[environments.a]')
    (folder / "small.toml").write_text(small, encoding="utf-8")
    (folder / "s").mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return with_suite(tmp_path)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_an_option_means_the_same_in_every_verb(verb: tuple[str, ...]) -> None:
    output, kind, short = (named(verb, option) for option in ("-o", "--format", "--json"))
    if output is not None:
        assert isinstance(output.type, click.Path)
        assert output.opts == ["-o", "--output"]
    formats = list(kind.type.choices) if kind is not None and isinstance(kind.type, click.Choice) else []
    assert (short is not None) == ("json" in formats)
    assert output is not None or not formats, "what has a format can go into a file"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_that_takes_a_run_takes_the_folder_in_which_runs_have_names(verb: tuple[str, ...]) -> None:
    takes = any(parameter.name in RUNS for parameter in VERBS[verb].params)
    assert named(verb, "--results") is not None or not takes


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_name_is_completed(verb: tuple[str, ...]) -> None:
    bare = [
        parameter.name
        for parameter in VERBS[verb].params
        if parameter.name in NAMES
        and parameter._custom_shell_complete is None
        and (verb, parameter.name) != (("image", "build"), "suite")  # Debian's word for a release
    ]
    assert bare == []


def test_the_words_of_one_option_are_the_same_wherever_it_stands() -> None:
    for option in ("-o", "--format", "--results", "--env", "--bench"):
        metavars = {p.metavar for verb in VERBS if (p := named(verb, option)) is not None}
        assert len(metavars) == 1, option


@pytest.mark.parametrize("words", OLD, ids=" ".join)
def test_the_old_spelling_of_json_works_with_a_warning(folder: Path, words: tuple[str, ...]) -> None:
    new, short, old = invoked(*words, "--format", "json"), invoked(*words, "--json"), invoked(*words, "-o", "json")
    assert new.stdout == short.stdout == old.stdout
    json.loads(new.stdout)
    assert "warning: write --format json" in old.stderr
    assert "warning" not in new.stderr + short.stderr
    assert not (folder / "json").exists()


@pytest.mark.parametrize("words", [*OLD, ("list",), ("schema", "suite"), ("image", "list")], ids=" ".join)
def test_output_is_a_file_even_where_it_is_named_like_a_format(folder: Path, words: tuple[str, ...]) -> None:
    said = invoked(*words).stdout
    assert invoked(*words, "-o", "deep/file").stdout == "deep/file\n"
    assert (folder / "deep/file").read_text(encoding="utf-8") == said
    assert invoked(*words, "-o", "./json").stdout == "json\n"
    assert (folder / "json").read_text(encoding="utf-8") == said
    assert invoked(*words, "-o", "-").stdout == said


@pytest.mark.usefixtures("folder")
def test_two_formats_at_once_are_refused() -> None:
    for words in (["--json", "--format", "text"], ["--format", "text", "--json"], ["-o", "json", "--format", "text"]):
        with pytest.raises(click.BadParameter, match="both asked for"):
            invoked("plan", "small.toml", *words)
    assert invoked("plan", "small.toml", "--json", "--format", "json").exit_code == 0


def test_all_topics_are_one_document() -> None:
    whole = json.loads(invoked("list", "--json").stdout)
    assert whole == {topic: json.loads(invoked("list", topic, "--json").stdout) for topic in whole}
    assert set(whole) == {"environments", "benchmarks", "suites", "runs"}


def test_what_only_tests_need_is_in_no_list() -> None:
    hidden = {kind for kind, made in KINDS.items() if not made.is_offered}
    assert hidden == {"fake", "faulty"}
    listed = {row["kind"] for row in json.loads(invoked("list", "environments", "--json").stdout)}
    assert listed == set(KINDS) - hidden


# --- completion ---------------------------------------------------------------------------------------------------


def offered(*words: str) -> set[str]:
    """What a shell would be told after these words, of which the last is not finished."""
    shell = ShellComplete(vbench, {}, "vbench", "_VBENCH_COMPLETE")
    *before, incomplete = words
    return {item.value for item in shell.get_completions(before, incomplete) if item.type == "plain"}


SUITE = """
name = "own"
benchmarks = ["cpu.hash", { kind = "command", name = "app.mine", argv = ["true"] }]
[environments.native]
kind = "fake"
[environments.boxed]
kind = "fake"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_suite(tmp_path_factory.mktemp("made"))
    (folder / "suites").mkdir()
    (folder / "suites" / "own.toml").write_text(SUITE, encoding="utf-8")
    invoked("run", f"{folder}/small.toml", "-q", "--tag", "host=one", "--results", f"{folder}/elsewhere")
    return folder


@pytest.fixture
def own(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of the user's own that has a name here, and a run."""
    monkeypatch.chdir(made)
    return made


def run_in(folder: Path) -> str:
    (name,) = store.run_names(folder / "elsewhere")
    return name


@pytest.mark.parametrize(
    ("words", "expected", "others"),
    [
        (("run", ""), {"own", "smoke", "quick"}, set()),
        (("plan", "ow"), {"own"}, {"smoke"}),
        (("facts", "--suite", "ow"), {"own"}, set()),
        (("run", "own", "--env", ""), {"native", "boxed"}, {"runc", "own"}),
        (("run", "--env", ""), {"native", "boxed", "runc", "tcg"}, set()),
        (("plan", "own", "--env", "b"), {"boxed"}, {"native"}),
        (("plan", "small.toml", "--env", ""), {"a"}, {"native"}),
        (("run", "own", "--bench", ""), {"cpu.hash", "cpu", "app.mine", "app"}, {"disk.randread"}),
        (("run", "--bench", "disk"), {"disk", "disk.randread"}, {"cpu.hash"}),
        (("facts", "--suite", "own", ""), {"native", "boxed"}, {"runc"}),
        (("facts", ""), {"bare", "runc", "tcg"}, {"native"}),
        (("list", ""), {"environments", "benchmarks", "suites", "runs"}, set()),
        (("report", "--results", "elsewhere", "RUN", "--explain", ""), {"cpu.hash", "a"}, set()),
        (("report", "--results", "elsewhere", "RUN", "--explain", "cpu.hash", ""), {"a"}, set()),
        (("compare", "--results", "elsewhere", "RUN", "--by", ""), {"host"}, set()),
        (("compare", "--results", "elsewhere", "RUN", "--by", "host", "--reference", ""), {"one"}, set()),
        (("report", "no-such-run", "--explain", ""), set(), set()),
        (("plan", "no-such-suite", "--env", ""), set(), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_names_are_offered_where_they_are_expected(
    own: Path, words: tuple[str, ...], expected: set[str], others: set[str]
) -> None:
    found = offered(*(run_in(own) if word == "RUN" else word for word in words))
    assert found >= expected
    assert not found & others
    assert "fake" not in found
    assert expected or not found


@pytest.mark.parametrize("verb", ["report", "check", "export", "compare", "run --resume"])
def test_runs_are_offered_from_the_folder_that_is_named(own: Path, verb: str) -> None:
    assert run_in(own) in offered(*verb.split()[:1], "--results", "elsewhere", *verb.split()[1:], "")


@pytest.mark.parametrize(("words", "kind"), [(("run", "./sm"), "file"), (("report", "./els"), "dir")])
@pytest.mark.usefixtures("own")
def test_a_path_is_left_to_the_shell(words: tuple[str, ...], kind: str) -> None:
    shell = ShellComplete(vbench, {}, "vbench", "_VBENCH_COMPLETE")
    assert [item.type for item in shell.get_completions(list(words[:-1]), words[-1])] == [kind]
