"""What vbench tells a user to do can be done: commands and options that it names exist, and its words are English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

import vbench
from tests.support.linting import refuse
from vbench.cli import vbench as program

ROOT = Path(vbench.__file__).parent
COMMAND = re.compile(r"`(vbench(?: [^`]*)?)`")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")
ELSEWHERE = {"--privileged", "--device"}  # of docker and podman
ELSEWHERE |= {"--slice", "--scope", "--only-upgrade", "--add-subuids", "--add-subgids"}  # systemd-run, apt-get, usermod


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def text(node: ast.AST) -> str | None:
    """A constant text, or an f-string with X for what is filled in."""
    match node:
        case ast.Constant(str(value)):
            return value
        case ast.JoinedStr(values):
            return "".join(text(part) or "X" for part in values)
    return None


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Every text of a file but its docstrings, with where it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node.body[0].value) for node in ast.walk(tree) if is_documented(node)}  # type: ignore[attr-defined]
    passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        said = text(node)
        if said is not None and id(node) not in passed:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", said  # type: ignore[attr-defined]


def is_documented(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None


def hinted(path: Path) -> Iterator[tuple[str, str]]:
    """Texts that are given as a hint: `hint=…`, a name or attribute with hint in it, the second word of Missing."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.keyword(arg="hint", value=value):
                found: ast.AST = value
            case ast.Assign(targets=[ast.Name(name)], value=value) if "hint" in name.lower():
                found = value
            case ast.Call(func=ast.Name("Missing"), args=[_, value]):
                found = value
            case _:
                continue
        for part in ast.walk(found):
            said = text(part)
            if said:
                yield f"{path.relative_to(ROOT)}:{part.lineno}", said  # type: ignore[attr-defined]


def command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and what is left of them. Raises KeyError for one that there is not."""
    found: click.Command = program
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        inner = found.get_command(click.Context(found), words[0])
        if inner is None:
            raise KeyError(words[0])
        found, words = inner, words[1:]
    return found, words


def options(of: click.Command) -> set[str]:
    return {name for parameter in of.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "-h"}


def every_option() -> set[str]:
    return ELSEWHERE.union(*(options(of) for of in below(program)))


def below(group: click.Group) -> Iterator[click.Command]:
    """All commands of a group, those within its groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield found
        if isinstance(found, click.Group):
            yield from below(found)


def test_every_command_that_is_named_exists_with_its_options() -> None:
    wrong, seen = [], 0
    for path in sources():
        for where, said in texts(path):
            for words in (found.split()[1:] for found in COMMAND.findall(said)):
                seen += 1
                try:
                    of, left = command(words)
                except KeyError as error:
                    wrong.append(f"{where}: no command {error}")
                    continue
                known = options(of)
                wrong += [
                    f"{where}: {of.name} has no {word}" for word in left if word.startswith("-") and word not in known
                ]
    refuse(wrong)
    assert seen > 20


def test_every_option_that_a_hint_names_exists() -> None:
    known = every_option()
    found = [(where, name) for path in sources() for where, said in hinted(path) for name in OPTION.findall(said)]
    refuse(f"{where}: {name}" for where, name in found if name not in known)
    assert len(found) > 5


def test_no_text_denies_an_article() -> None:
    """Such as "no a network": what is missing is told behind a colon, whatever its article."""
    written = [(where, said) for path in sources() for where, said in texts(path)]
    refuse(f"{where}: {said}" for where, said in written if re.search(r"\bno (an?|the) ", said))


def test_what_is_missing_is_never_denied_by_hand() -> None:
    """`lacks` of contracts says it: "no " before the words of a Missing reads wrong for half of them."""
    joined = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"no \{\w+\.what\}|\"no \"", line)
    ]
    refuse(joined)


def test_root_rights_are_missed_in_one_place() -> None:
    """The one that also asks what root may do: in a container, to be root is not enough."""
    found = [
        str(path.relative_to(ROOT)) for path in sources() if 'Missing("root rights"' in path.read_text(encoding="utf-8")
    ]
    assert found == ["host/capabilities.py"]


def test_a_package_is_named_only_where_debian_has_it() -> None:
    """`apt-get install` before a name that a user gave was the way to `apt-get install kata`."""
    refuse(
        f"{where}: {said}"
        for path in sources()
        for where, said in texts(path)
        if re.search(r"apt-get install X", said) and path.name not in {"oci.py", "qemu.py", "tools.py"}
    )
