"""Removes host names, home paths and user names from what enters a run folder, since run folders are published.

A host may be named like something that vbench writes: `runc`, `kvm`, `cpu`. Free text, which a machine or a user wrote,
loses the name even so. Text that vbench composes (settings, commands, most facts) keeps the word: a run that says HOST
instead of runc could not be compared or resumed.
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
from vbench.model import EnvironmentRecord, Fact, Facts, Failed, Layer, Manifest, Measured, Skipped, StackLayer, Trial
from vbench.reasons import Reason

_OWN = (
    "environments",
    "benchmarks",
    "guest",
    "image",
    "suite",
    "facts/registry.py",
    "testbed",
    "model.py",
    "reasons.py",
)
_WORD = re.compile(r"[\w-]+")  # the text between two boundaries of `_whole`
_JSON_KEY = re.compile(r'"\s*:')
# Names that identify nobody. Replacing them would only damage the text around them.
_GENERIC = {"localhost", "localdomain", "host", "linux", "debian", "ubuntu", "fedora", "vm", "guest", "test"}
# User names that many machines have, and usual names of folders.
_FOLDERS = {
    *("admin", "bench", "data", "ec2-user", "home", "media", "opt", "root", "runner", "share", "src", "tmp", "user"),
    *("vagrant", "vbench", "work"),
}


@dataclass(frozen=True)
class Clean:
    """Replaces host names by `HOST`, home paths by `~` and users' names in paths by `USER`, as whole words only.

    `kept` are words that stay in text that vbench composes: the names of the run's environments and benchmarks.
    """

    hosts: frozenset[str]
    homes: frozenset[str]
    users: frozenset[str]
    kept: frozenset[str] = frozenset()

    def __call__(self, text: str) -> str:
        """Cleans free text, which a machine or a user wrote."""
        return self._free(text)

    def own(self, text: str) -> str:
        """Cleans text that vbench composed; vbench's own words stay."""
        return self._of_own_words(text)

    def raw(self, text: str) -> str:
        """Cleans a tool's output: free text, in which the keys of JSON objects stay."""
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
        kept = self.kept | (own_words() if self.hosts or self.users else frozenset())
        hosts, pathless = _whole(self.hosts - kept), _paths(self.homes, self.users - kept)
        return lambda text: hosts.sub("HOST", pathless(writable(text)))


def cleaner(hosts: Iterable[str], homes: Iterable[str], users: Iterable[str] = ()) -> Clean:
    """A Clean for these names. Short and usual names stay, since replacing them would only damage the text."""
    names = {name for host in hosts for name in (host, host.partition(".")[0]) if len(name) > 2}
    return Clean(
        hosts=frozenset(names - _GENERIC),
        homes=frozenset(home.rstrip("/") for home in homes if home.count("/") and home.strip("/")),
        users=frozenset({name for name in users if len(name) > 2} - _GENERIC - _FOLDERS),
    )


@cache
def own_words() -> frozenset[str]:
    """All words in vbench's own sources of environments, benchmarks and facts: kinds, settings, programs, options."""
    package = Path(__file__).parents[1]
    files = [file for part in _OWN for file in (package / part, *(package / part).glob("*.py")) if file.is_file()]
    return frozenset(word for file in files for word in _WORD.findall(file.read_text("utf-8")))


def writable(text: str) -> str:
    """The text with `?` for what UTF-8 cannot encode, such as odd bytes in a file's name."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _whole(words: Iterable[str]) -> re.Pattern[str]:
    longest = sorted(words, key=len, reverse=True)
    return re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in longest) or r"(?!)")


def _unless_key(name: re.Match[str]) -> str:
    begin = name.start()
    is_key = name.string[max(0, begin - 1) : begin] == '"' and _JSON_KEY.match(name.string, name.end())
    return name[0] if is_key else "HOST"


def _paths(homes: Iterable[str], users: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces home paths and users' names in a text. /root does not match /images/root or /rootless.

    A user's name is replaced only as a part of a path, such as /media/ada: elsewhere it may be any word.
    """
    longest = sorted(homes, key=len, reverse=True)
    own = re.compile("|".join(rf"(?<![\w./~-]){re.escape(path)}(?![\w.-])" for path in longest) or r"(?!)")
    people = sorted(users, key=len, reverse=True)
    user = re.compile("|".join(rf"(?<=/){re.escape(name)}(?![\w.-])" for name in people) or r"(?!)")
    return lambda text: user.sub("USER", own.sub("~", text))


def of_hosts(identities: Collection[Identity]) -> Clean:
    """A Clean for the names, homes and users of all hosts of a run, including the host that vbench runs on."""
    return cleaner(
        {name for host in identities for name in host.names},
        {home for host in identities for home in host.homes},
        {user for host in identities for user in host.users},
    )


def of_run(manifest: Manifest, clean: Clean) -> Clean:
    """`clean`, which also keeps the names of the run's suite, arms and benchmarks."""
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
