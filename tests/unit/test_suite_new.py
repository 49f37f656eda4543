"""`vbench suite new` writes a suite that can be used as it stands, and never over another one."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.program import Vbench, refused
from vbench import benchmarks
from vbench import suite as suites
from vbench.cli import doctor
from vbench.errors import SuiteError
from vbench.suite import plan as plans
from vbench.suite.shape import Method, TestbedSettings
from vbench.suite.template import Choice, template


def choices(*working: str) -> list[Choice]:
    """Every variant that doctor tries; those with such a title work."""
    return [
        Choice(arm.title(), doctor.keys(arm), arm.title() in working, "ready in 1 s", arm.needs_image)
        for arm in doctor.offered()
    ]


EVERY = tuple(choice.title for choice in choices())


@pytest.mark.parametrize("working", [EVERY, *((title,) for title in EVERY)])
def test_it_is_a_suite_with_what_works_here_and_fits_its_budget(working: tuple[str, ...]) -> None:
    suite = suites.parse(template("mine", choices(*working)), source="mine.toml")
    both = "bare root=host" if len(working) > 1 else ""  # works too, but with other bits than the image's
    assert {suite.environment(arm).title() for arm in suite.arms} == {*working} - {both}
    assert suite.method.baseline == suite.arms[0]
    plan = plans.make(suite)
    assert plan.expected_s < plan.budget_s


def test_the_names_are_those_that_people_use() -> None:
    suite = suites.parse(template("mine", choices(*EVERY)), source="mine.toml")
    named = ("bare", "runc", "crun", "tcg", "kvm")
    assert tuple(arm for arm in suite.arms if arm in named) == named


def test_what_does_not_work_is_there_as_a_comment_with_its_reason() -> None:
    found = [Choice(c.title, c.keys, c.works, c.note if c.works else "no\n[x]") for c in choices("bare")]
    text = template("mine", found)
    assert "# no [x]\n# [environments.kvm]\n# kind = " in text
    assert suites.parse(text, source="mine.toml").arms == ("bare",)


def test_every_comment_that_is_a_key_can_be_used_and_shows_the_default() -> None:
    text = template("mine", choices("bare"))
    lines = [re.sub(r"^# (?=(\w+ = |\[testbed\]))", "", line) for line in text.splitlines()]
    body = "\n".join(lines).partition("# ready in")[0] + '[environments.bare]\nkind = "bare"\n'
    suite = suites.parse(body, source="mine.toml")
    assert suite.method == suites.parse(text, source="mine.toml").method
    assert suite.testbed == TestbedSettings()
    assert (suite.method.trial, suite.method.budget) == (Method().trial, Method().budget)
    listed = re.sub(r"^  # (?=[\"{])", "  ", text, flags=re.MULTILINE)
    families = suites.families(benchmarks.KINDS)
    named = suites.parse(listed, source="mine.toml").benchmarks
    assert set(named) == {kind for kinds in families.values() for kind in kinds} | {"disk.mine"}


@pytest.mark.parametrize("name", ["", "a b", "../x", "\x1b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(SuiteError, match=r"NAME: .* cannot be a name"):
        template(name, choices("bare"))


def found(**more: Any) -> dict[str, Any]:
    rows = [
        {
            "title": c.title,
            "keys": dict(c.keys),
            "needs_image": c.needs_image,
            "problem": "",
            "hint": "",
            "ready_s": 0.1,
        }
        | {"state": "works"}
        | more
        for c in choices()
    ]
    return {"environments": rows}


def test_it_is_written_once_and_found_by_its_name(vbench: Vbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "survey", lambda *how, **more: found())
    ended = vbench("suite", "new", "own")
    assert (ended.status, ended.stdout) == (0, "suites/own.toml\n")
    assert "vbench run own" in ended.stderr
    assert suites.load("own").name == "own"
    before = Path("suites/own.toml").read_bytes()
    assert "a suite own is there already" in refused(vbench("suite", "new", "own"))
    assert Path("suites/own.toml").read_bytes() == before
    assert "a suite quick is there already" in refused(vbench("suite", "new", "quick"))
    assert "NAME: '../own' cannot be a name" in refused(vbench("suite", "new", "../own"))


def test_a_file_or_stdout_is_written_instead(vbench: Vbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "survey", lambda *how, **more: found())
    ended = vbench("suite", "new", "own", "-o", "elsewhere/a.toml")
    assert (ended.status, ended.stdout) == (0, "elsewhere/a.toml\n")
    assert suites.load("elsewhere/a.toml").name == "own"
    ended = vbench("suite", "new", "own", "-o", "-")
    assert (ended.status, ended.stdout) == (0, Path("elsewhere/a.toml").read_text(encoding="utf-8"))
    assert not Path("suites").exists()


def test_what_a_tool_said_cannot_spoil_the_file() -> None:
    row = {"problem": "it ended: \x1b[31mno\x00\r\n", "hint": "", "ready_s": None}
    note = doctor.note(row)
    assert note.split() == ["cannot", "run", "here:", "it", "ended:", "⟨U+001B⟩[31mno⟨U+0000⟩⟨U+000D⟩"]
    text = template("mine", [Choice("bare root=host", {"kind": "bare", "root": "host"}, True, note, False)])
    assert suites.parse(text, source="mine.toml").arms == ("bare-host",)


def test_where_nothing_works_nothing_is_written(vbench: Vbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "survey", lambda *how, **more: found(state="fails", problem="it is so"))
    ended = vbench("suite", "new")
    assert (ended.status, ended.stdout) == (4, "")
    assert "hint: `vbench doctor` says what each one lacks" in ended.stderr
    assert not Path("suites").exists()
