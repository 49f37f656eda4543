"""The prose keeps its word: commands that it shows exist, links lead somewhere, suites in it can be read."""

import re
import shlex
from pathlib import Path

import click

from tests.support.linting import refuse
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


def test_every_command_shown_exists_with_its_options() -> None:
    shown = commands()
    assert len(shown) > 50
    refuse(f"{where}: {line}: {problem}" for where, line in shown if (problem := why_not(line)))


def why_not(line: str) -> str:
    """What is wrong with a command as it is shown, or nothing."""
    try:
        parsed(shlex.split(line)[1:])
    except (click.ClickException, AssertionError, VbenchError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def test_commands_that_do_not_exist_would_be_found() -> None:
    for line in ("vbench measure", "vbench run smoke --loudly", "vbench report RUN --format pdf", "vbench clean now"):
        assert why_not(line), line


def test_links_within_the_project_lead_somewhere() -> None:
    links = [(path, link) for path in PROSE for link in LINK.findall(CODE.sub("", path.read_text()))]
    refuse(f"{name(path)}: {link}" for path, link in links if "://" not in link and not leads_somewhere(path, link))


def leads_somewhere(path: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    meant = (path.parent / file.replace("\\", "")).resolve() if file else path
    return meant.exists() and (not anchor or anchor in anchors(meant))


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_suites_shown_can_be_read() -> None:
    shown = blocks("toml")
    assert shown
    refuse(f"{where}: {problem}" for where, text in shown if (problem := unreadable(text, where)))


def unreadable(text: str, where: str) -> str:
    """Why a suite as it is shown is refused or measures nothing, or nothing."""
    try:
        return "" if suite.parse(text, source=where).benchmarks else "no benchmarks"
    except VbenchError as error:
        return f"{error} ({error.hint})"


def test_make_targets_shown_exist() -> None:
    rules = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {line.split()[1] for _, text in blocks("sh") for line in text.splitlines() if line.startswith("make ")}
    assert shown <= rules
    assert {"demo", "test"} <= shown
