"""Host names and home paths never enter a run folder: what is published names no person and no machine.

A host may have the name of something that vbench speaks of: `runc`, `kvm`, `cpu`. Free text is what a machine or a user
wrote, and loses the name all the same. In what vbench itself composes (settings, commands, most facts) the word stays:
a run that says HOST where it means runc could not be compared or gone on with.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from msgspec import structs

from vbench.beneath import Identity
from vbench.facts.registry import is_free
from vbench.model import (
    EnvironmentRecord,
    Fact,
    Facts,
    Failed,
    Layer,
    Manifest,
    Measured,
    Reason,
    Skipped,
    StackLayer,
    Trial,
)

_OWN = ("environments", "benchmarks", "guest", "image", "suite", "facts/registry.py", "testbed", "model.py")
_WORD = re.compile(r"[\w-]+")  # what stands between the boundaries of `_whole`
_JSON_KEY = re.compile(r'"\s*:')
# Names that identify nobody; to replace them would only damage the text around them.
_GENERIC = {"localhost", "localdomain", "host", "linux", "debian", "ubuntu", "fedora", "vm", "guest", "test"}
# Users that are many people's, and names that are usual for folders.
_FOLDERS = {
    *("admin", "bench", "data", "ec2-user", "home", "media", "opt", "root", "runner", "share", "src", "tmp", "user"),
    *("vagrant", "vbench", "work"),
}


@dataclass(frozen=True)
class Clean:
    """Writes `HOST` for a host name, `~` for a home path and `USER` for a user's name in a path, as whole words only.

    `kept` are words of one run that stay in what vbench composes: the names of its environments and benchmarks.
    """

    hosts: frozenset[str]
    homes: frozenset[str]
    users: frozenset[str]
    kept: frozenset[str] = frozenset()

    def __call__(self, text: str) -> str:
        """Free text, of which nothing is known."""
        return self._free(text)

    def own(self, text: str) -> str:
        """What vbench composes of its own words and of the user's."""
        return self._of_own_words(text)

    def raw(self, text: str) -> str:
        """A tool's own output: free text, in which the keys of a JSON object stay."""
        return self._raw(text)

    @cached_property
    def _free(self) -> Callable[[str], str]:
        hosts, pathless = _whole(self.hosts), _paths(self.homes, self.users)
        return lambda text: hosts.sub("HOST", pathless(writable(text)))

    @cached_property
    def _raw(self) -> Callable[[str], str]:
        hosts, pathless = _whole(self.hosts), _paths(self.homes, self.users)
        return lambda text: hosts.sub(_unless_key, pathless(text))

    @cached_property
    def _of_own_words(self) -> Callable[[str], str]:
        known = self.kept | (own_words() if self.hosts or self.users else frozenset())
        hosts, pathless = _whole(self.hosts - known), _paths(self.homes, self.users - known)
        return lambda text: hosts.sub("HOST", pathless(writable(text)))


def cleaner(hosts: Iterable[str], homes: Iterable[str], users: Iterable[str] = ()) -> Clean:
    """What is short or usual is left out: to replace it would only damage the text around it."""
    names = {name for host in hosts for name in (host, host.partition(".")[0]) if len(name) > 2}
    return Clean(
        hosts=frozenset(names - _GENERIC),
        homes=frozenset(home.rstrip("/") for home in homes if home.count("/") and home.strip("/")),
        users=frozenset({name for name in users if len(name) > 2} - _GENERIC - _FOLDERS),
    )


@cache
def own_words() -> frozenset[str]:
    """Every word in the sources of what is measured: kinds, settings, programs and their options, without a list."""
    package = Path(__file__).parents[1]
    files = [file for part in _OWN for file in (package / part, *(package / part).glob("*.py")) if file.is_file()]
    return frozenset(word for file in files for word in _WORD.findall(file.read_text("utf-8")))


def writable(text: str) -> str:
    """The text as UTF-8 can write it: a name of a file may be bytes that are none."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _whole(words: Iterable[str]) -> re.Pattern[str]:
    longest = sorted(words, key=len, reverse=True)
    return re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in longest) or r"(?!)")


def _unless_key(found: re.Match[str]) -> str:
    begin = found.start()
    is_key = found.string[max(0, begin - 1) : begin] == '"' and _JSON_KEY.match(found.string, found.end())
    return found[0] if is_key else "HOST"


def _paths(homes: Iterable[str], users: Iterable[str]) -> Callable[[str], str]:
    """A path ends where its name does, so that /root does not touch /images/root or /rootless.

    A user's name counts where it is a part of a path, such as /media/ada: elsewhere it may be any word.
    """
    longest = sorted(homes, key=len, reverse=True)
    own = re.compile("|".join(rf"(?<![\w./~-]){re.escape(path)}(?![\w.-])" for path in longest) or r"(?!)")
    people = sorted(users, key=len, reverse=True)
    user = re.compile("|".join(rf"(?<=/){re.escape(name)}(?![\w.-])" for name in people) or r"(?!)")
    return lambda text: user.sub("USER", own.sub("~", text))


def of_hosts(identities: Collection[Identity]) -> Clean:
    """Takes out the names and homes of every host of a run, the one that vbench itself runs on among them."""
    return cleaner(
        {name for host in identities for name in host.names},
        {home for host in identities for home in host.homes},
        {user for host in identities for user in host.users},
    )


def of_run(manifest: Manifest, clean: Clean) -> Clean:
    """The same with the names that the run itself gives."""
    names = {manifest.suite, manifest.baseline, manifest.control}
    names |= {record.name for record in manifest.environments} | {record.name for record in manifest.benchmarks}
    return replace(clean, kept=frozenset(word for name in names for word in _WORD.findall(name)))


def clean_manifest(manifest: Manifest, clean: Clean) -> Manifest:
    clean = of_run(manifest, clean)
    suite_text = clean.own(manifest.suite_text)
    return structs.replace(
        manifest,
        suite_text=suite_text,
        suite_redacted=manifest.suite_redacted or suite_text != manifest.suite_text,
        command=tuple(map(clean.own, manifest.command)),
        environments=tuple(clean_record(record, clean) for record in manifest.environments),
        benchmarks=tuple(structs.replace(b, settings=clean_settings(b.settings, clean)) for b in manifest.benchmarks),
        tags={key: clean(value) for key, value in manifest.tags.items()},
    )


def clean_record(record: EnvironmentRecord, clean: Clean) -> EnvironmentRecord:
    return structs.replace(
        record,
        settings=clean_settings(record.settings, clean),
        argv=tuple(tuple(map(clean.own, words)) for words in record.argv),
        layers=tuple(Layer(layer.name, clean.own(layer.evidence)) for layer in record.layers),
        mechanisms=tuple(map(clean.own, record.mechanisms)),
        stack=tuple(_clean_layer(layer, clean) for layer in record.stack),
    )


def _clean_layer(layer: StackLayer, clean: Clean) -> StackLayer:
    return structs.replace(
        layer,
        argv=tuple(tuple(map(clean.own, words)) for words in layer.argv),
        mechanisms=tuple(map(clean.own, layer.mechanisms)),
    )


def clean_settings(settings: dict[str, Any], clean: Clean) -> dict[str, Any]:
    cleaned: dict[str, Any] = _clean_any(settings, clean.own)
    return cleaned


def clean_trial(trial: Trial, clean: Clean) -> Trial:
    match trial.outcome:
        case Measured(notes=notes):
            outcome = structs.replace(trial.outcome, notes=tuple(map(clean, notes)))
            return structs.replace(trial, outcome=outcome)
        case Failed(reason, hint):
            return structs.replace(trial, outcome=Failed(_clean_reason(reason, clean), clean(hint)))
        case Skipped(reason, hint):
            return structs.replace(trial, outcome=Skipped(_clean_reason(reason, clean), clean(hint)))


def _clean_reason(reason: Reason, clean: Clean) -> Reason:
    return structs.replace(reason, value=_clean_any(reason.value, clean))


def clean_facts(facts: Facts, clean: Clean) -> Facts:
    return {key: _clean_fact(fact, clean, is_free=is_free(key)) for key, fact in facts.items()}


def _clean_fact(fact: Fact, clean: Clean, *, is_free: bool) -> Fact:
    return Fact(_clean_any(fact.value, clean if is_free else clean.own), clean.own(fact.source), fact.status)


def _clean_any(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case list() | tuple():
            return type(value)(_clean_any(item, clean) for item in value)
        case dict():
            return {key: _clean_any(item, clean) for key, item in value.items()}
    return value
