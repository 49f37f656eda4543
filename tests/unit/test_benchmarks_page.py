"""The page of benchmarks says of each kind what the types say, and the types say enough."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.linting import refuse
from vbench.benchmarks import KINDS

TOOL = Path(__file__).parents[2] / "tools" / "benchmarks_page.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_page", TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(tool: ModuleType) -> None:
    page = tool.PAGE.read_text()
    assert page == tool.current(page), "run `python tools/benchmarks_page.py`"


def test_every_family_has_its_place_on_the_page_and_its_words(tool: ModuleType) -> None:
    page = tool.PAGE.read_text()
    assert [found[2] for found in tool.PART.finditer(page)] == tool.families()
    for family in tool.families():
        introduction = page.partition(f"\n## {family}\n")[2].partition("<!--")[0]
        assert introduction.strip(), family


def test_every_kind_says_what_it_is_and_what_it_exposes() -> None:
    for key in ("about", "exposes"):
        refuse(f"{kind}: no {key}" for kind, made in KINDS.items() if not vars(made)[key].strip())
    documented = {kind: inspect.cleandoc(vars(made)["__doc__"] or "") for kind, made in KINDS.items()}
    refuse(f"{kind}: {text!r} is no docstring" for kind, text in documented.items() if len(text.split()) <= 5)


def test_keys_are_shown_with_default_and_values(tool: ModuleType) -> None:
    section = tool.section("disk.randread", KINDS["disk.randread"])
    assert "| `size` | 256 MiB | a size |" in section
    section = tool.section("command", KINDS["command"])
    assert "| `argv` | required | a list of texts |" in section
    assert "| `timeout` | 60 s | a duration |" in section
    assert "| `better` | – | `lower`, `higher` |" in section
    assert "| `time` | s | lower | wall time of one run |" in section


def test_every_key_of_every_kind_is_shown(tool: ModuleType) -> None:
    for kind, made in KINDS.items():
        section = tool.section(kind, made)
        assert all(f"| `{key}` |" in section for key in getattr(made, "__struct_fields__", ()))
