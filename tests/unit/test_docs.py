"""The prose keeps its word: commands that it shows exist, links lead somewhere, suites in it can be read."""

import re
import shlex
from pathlib import Path

import click
import pytest

from vbench import suite
from vbench.cli import vbench
from vbench.errors import VbenchError

ROOT = Path(__file__).parents[2]
PROSE = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "results/*.md", "reports/*.md") for path in ROOT.glob(pattern)
)
CODE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(vbench [^`\n]+)`")
SHELL = re.compile(r"\s+#| [|>] ")  # where a comment, or what is the shell's, begins
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[tuple[str, str]]:
    return [(name(p), text) for p in PROSE for kind, text in CODE.findall(p.read_text()) if kind == language]


def commands() -> list[tuple[str, str]]:
    """Every `vbench …` in code and in running text, less its comment; not what the library's own names begin."""
    shown = [(where, line) for where, text in blocks("sh") for line in text.splitlines() if line.startswith("vbench ")]
    inline = [(name(p), line) for p in PROSE for line in INLINE.findall(CODE.sub("", p.read_text()))]
    return sorted({(where, SHELL.split(line)[0].strip()) for where, line in shown + inline})


def parsed(words: list[str]) -> None:
    """Raises click's own error where a verb, an option or an argument does not exist."""
    command: click.Command = vbench
    context = click.Context(command, info_name="vbench")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        verb, found, words = command.resolve_command(context, words)
        assert found is not None, verb
        command = found
        context = click.Context(command, info_name=verb, parent=context)
    parser = command.make_parser(context)
    options, rest, _ = parser.parse_args(list(words))
    assert not rest or isinstance(command, click.Group), rest
    for parameter in command.params:
        value = options.get(parameter.name or "")
        given = isinstance(value, str | list) and not str(value).isupper()
        if given and isinstance(parameter.type, click.Choice):
            parameter.type_cast_value(context, value)


@pytest.mark.parametrize(("where", "line"), commands())
def test_every_command_shown_exists_with_its_options(where: str, line: str) -> None:
    parsed(shlex.split(line)[1:])


def test_commands_that_do_not_exist_would_be_found() -> None:
    for line in ("vbench measure", "vbench run smoke --loudly", "vbench report RUN --format pdf", "vbench clean now"):
        with pytest.raises((click.ClickException, AssertionError, VbenchError)):
            parsed(shlex.split(line)[1:])


@pytest.mark.parametrize("path", PROSE, ids=name)
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    targets = [link for link in LINK.findall(CODE.sub("", path.read_text())) if "://" not in link]
    for target in targets:
        file, _, anchor = target.partition("#")
        meant = (path.parent / file.replace("\\", "")).resolve() if file else path
        assert meant.exists(), target
        assert not anchor or anchor in anchors(meant), target


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("where", "text"), blocks("toml"))
def test_suites_shown_can_be_read(where: str, text: str) -> None:
    assert suite.parse(text, source=where).benchmarks


def test_make_targets_shown_exist() -> None:
    rules = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {line.split()[1] for _, text in blocks("sh") for line in text.splitlines() if line.startswith("make ")}
    assert shown <= rules
    assert {"demo", "test"} <= shown
