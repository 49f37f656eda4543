"""Nothing that names a machine or a person leaves the facts, whatever the evidence holds."""

import json
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from vbench import facts
from vbench.facts.kernel import KNOWN_WORDS

DATA = Path(__file__).parents[1] / "data" / "facts"
EVIDENCE = [json.loads(path.read_text())["evidence"] for path in sorted(DATA.glob("*.json"))]
WORD = st.from_regex(r"qz[a-z]{8}", fullmatch=True)
HEX = "0123456789abcdef"


def hexes(length: int) -> st.SearchStrategy[str]:
    return st.text(HEX, min_size=length, max_size=length)


MAC = st.lists(hexes(2), min_size=6, max_size=6).map(":".join)
UUID = st.tuples(hexes(8), hexes(4), hexes(4), hexes(4), hexes(12)).map("-".join)
HOME = WORD.map(lambda name: f"/home/{name}")
ADDRESS = st.tuples(*[st.integers(10, 255)] * 4).map(lambda parts: ".".join(map(str, parts)))
EMAIL = WORD.map(lambda name: f"{name}@example.org")
RECOGNIZABLE = st.one_of(MAC, UUID, HOME, ADDRESS, EMAIL, hexes(24))


def published(evidence: object) -> str:
    found = facts.parse(json.dumps(evidence).encode())
    layers = msgspec.to_builtins(facts.layers(found))
    return json.dumps([msgspec.to_builtins(found), layers, facts.headline(found)], ensure_ascii=False)


def poisoned(value: object, secret: str) -> object:
    """The evidence with the secret added to every line of every text in it, keys excepted."""
    if isinstance(value, str):
        return "\n".join(f"{line} {secret}" for line in value.splitlines() or [""])
    if isinstance(value, list):
        return [poisoned(item, secret) for item in value]
    if isinstance(value, dict):
        return {key: poisoned(item, secret) for key, item in value.items()}
    return value


@settings(deadline=None, max_examples=60)
@given(evidence=st.sampled_from(EVIDENCE), secret=RECOGNIZABLE)
def test_identifiers_in_any_text_of_the_evidence_stay_inside(evidence: dict, secret: str) -> None:
    assert secret not in published(poisoned(evidence, secret))


def test_free_text_keeps_the_rest_of_what_it_says() -> None:
    hostile = poisoned({"format": 1, "files": {"/proc/cpuinfo": "model name\t: Good CPU 3000"}}, "02:42:ac:11:00:02")
    assert facts.parse(json.dumps(hostile).encode())["cpu.model"].value == "Good CPU 3000…"


def test_one_long_word_is_read_in_time() -> None:
    """A guest can send 16 MiB of it, which took days."""
    evidence = {"format": 1, "files": {"/proc/cpuinfo": "model name\t: " + "a-" * 2**20}}
    assert facts.parse(json.dumps(evidence).encode())["cpu.model"].value == "a-" * 100


@settings(deadline=None, max_examples=40)
@given(evidence=st.sampled_from(EVIDENCE), name=WORD)
def test_names_stay_inside_wherever_a_machine_keeps_them(evidence: dict, name: str) -> None:
    files = {
        **evidence["files"],
        "/etc/hostname": name,
        "/proc/version": f"Linux version 6.1.0 ({name}@build)",
        "/sys/class/dmi/id/product_serial": name,
        "/sys/class/dmi/id/chassis_asset_tag": name,
        "/proc/cmdline": f"quiet root=/dev/{name} ip=::::{name} {name} mitigations=auto hostname={name}",
        "/proc/self/attr/current": f"{name} (enforce)",
    }
    block = {"name": f"dm-{name}", "driver": None, "model": "x", "serial": name}
    scratch = {"filesystem": "cifs", "options": [f"username={name}", f"lowerdir=/{name}", name], "block": block}
    hostile = {
        **evidence,
        "files": files,
        "hostname": name,
        "container": {"dockerenv": True, "cgroup": [name]},
        "scratch": scratch,
        "commands": {"iperf3 --version": {"status": 0, "stdout": f"iperf 3.12\nLinux {name} 6.1", "stderr": name}},
        "network": [{"up": True, "mtu": 1500, "bench": False, "driver": "veth", "name": name, "address": name}],
    }
    assert name not in published(hostile)


@settings(deadline=None, max_examples=100)
@given(text=st.text(max_size=200))
def test_any_command_line_gives_only_known_words(text: str) -> None:
    from vbench.facts.kernel import command_line

    for part in command_line(text):
        assert part == "…" or part.partition("=")[0] in KNOWN_WORDS


@settings(deadline=None, max_examples=60)
@given(evidence=st.sampled_from(EVIDENCE), junk=st.text(max_size=60))
def test_any_text_anywhere_gives_facts_and_no_exception(evidence: dict, junk: str) -> None:
    replaced = dict.fromkeys(evidence["files"], junk)
    document = {**evidence, "files": replaced, "cpuid": junk, "acpi": [junk]}
    assert facts.parse(json.dumps(document).encode())


@settings(deadline=None, max_examples=60)
@given(raw=st.binary(max_size=200))
def test_any_bytes_give_facts_and_no_exception(raw: bytes) -> None:
    assert facts.parse(raw)
