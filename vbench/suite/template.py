"""Writes a first suite: valid as it stands, with the environments that work here, and all else in comments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vbench.suite.keys import families
from vbench.suite.names import named
from vbench.suite.shape import RESERVED

FIRST = ("cpu", "syscall", "start")  # what needs neither disk nor network, and takes minutes


@dataclass(frozen=True)
class Choice:
    """An environment that the suite could have: its suite keys, and what is known of it here."""

    title: str  # "oci runtime=runc"
    keys: Mapping[str, Any]
    works: bool
    note: str  # "ready in 94 ms", or why it cannot run here
    needs_image: bool = True


def template(name: str, choices: Sequence[Choice]) -> str:
    """The text of a suite. Raises SuiteError for a name that cannot be one; one choice at least must work."""
    named(name, "NAME")
    titled = list(zip(_names(choices), choices, strict=True))
    active = [title for title, choice in titled if _is_active(choice, choices)]
    return "\n".join([*_head(name), *_method(active[0]), *_environments(titled, active)])


def _is_active(choice: Choice, choices: Sequence[Choice]) -> bool:
    """Whether it works; of a kind that runs from the image and from the host's files, the image's alone: other bits."""
    others = [of for of in choices if of.works and of.keys["kind"] == choice.keys["kind"] and of.needs_image]
    return choice.works and (choice.needs_image or not others)


def _names(choices: Sequence[Choice]) -> Iterator[str]:
    """A name for each choice: the setting that its title ends with, which tells variants apart, or else the kind."""
    taken: set[str] = set()
    for choice in choices:
        name = choice.title.rpartition("=")[2]
        name = f"{choice.keys['kind']}-{name}" if name in taken or name in RESERVED else name
        taken.add(name)
        yield name


def _head(name: str) -> Iterator[str]:
    from vbench.benchmarks import KINDS

    others = [family for family in families(KINDS) if family not in FIRST]
    yield f"# A suite: environments × benchmarks × method. `vbench plan {name}` says what it would do and how long it"
    yield f"# takes, `vbench run {name}` does it. docs/use/suites.md has every key."
    yield f"name = {json.dumps(name)}"
    yield 'about = ""'
    yield ""
    yield "# The name of a family stands for all its benchmarks; `vbench list benchmarks` names them."
    yield "benchmarks = ["
    yield from (f"  {json.dumps(family)}," for family in FIRST)
    yield from (f"  # {json.dumps(family)}," for family in others)
    yield '  # { kind = "disk.randread", name = "disk.mine", size = "64 MiB" },   # one with settings of its own'
    yield "]"
    yield ""


def _method(baseline: str) -> Iterator[str]:
    yield "[method]"
    yield f"baseline = {json.dumps(baseline)}   # every cost is a ratio to it"
    yield "# blocks = 10         # fresh starts of every environment"
    yield '# trial = "1 s"       # of each benchmark in each start'
    yield '# warmup = "500 ms"   # before each trial'
    yield '# budget = "1 h"      # a plan that is expected to take longer is refused'
    yield ""
    yield "# [testbed]             # equal for all environments"
    yield "# cpus = 1"
    yield '# memory = "1 GiB"'
    yield '# scratch = "/var/tmp"  # an absolute path, on the file system whose speed is meant'


def _environments(titled: Sequence[tuple[str, Choice]], active: Sequence[str]) -> Iterator[str]:
    for name, choice in titled:
        off = "" if name in active else "# "
        note = choice.note if choice.works == (name in active) else f"works here too, {choice.note}"
        yield ""
        yield f"# {' '.join(note.split())}"
        yield f"{off}[environments.{name}]"
        yield from (f"{off}{key} = {json.dumps(value)}" for key, value in choice.keys.items())
    yield ""
    yield "# Each environment can also stand on another one (`on`), take over its table with changes (`like`), or have"
    yield '# `network = "none"`. [ladders.NAME] compares each of several environments with the one before it.'
    yield ""
