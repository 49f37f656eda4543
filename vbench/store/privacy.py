"""Host names and home paths never enter a run folder: what is published names no person and no machine."""

import os
import pwd
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from vbench.home import home
from vbench.model import EnvironmentRecord, Fact, Facts, Failed, Layer, Manifest, Measured, Skipped, Trial

Clean = Callable[[str], str]

# Names that identify nobody; to replace them would only damage the text around them.
_GENERIC = {"localhost", "localdomain", "host", "linux", "debian", "ubuntu", "fedora", "vm", "guest", "test"}
# Users that are many people's, and names that are usual for folders.
_FOLDERS = {
    *("admin", "bench", "data", "ec2-user", "home", "media", "opt", "root", "runner", "share", "src", "tmp", "user"),
    *("vagrant", "vbench", "work"),
}


def cleaner(hosts: Iterable[str], homes: Iterable[str], users: Iterable[str] = ()) -> Clean:
    """A function that writes `HOST` for a host name and `~` for a home path, as whole words only.

    A user's name becomes `USER` where it is a part of a path, such as /media/ada: elsewhere it may be any word.
    """
    names = {name for host in hosts for name in (host, host.partition(".")[0]) if len(name) > 2}
    words = sorted(names - _GENERIC, key=len, reverse=True)
    paths = sorted((home.rstrip("/") for home in homes if home.count("/") and home.strip("/")), key=len, reverse=True)
    host = re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in words) or r"(?!)")
    # A path ends where its name does, so that /root does not touch /images/root or /rootless.
    home = re.compile("|".join(rf"(?<![\w./~-]){re.escape(path)}(?![\w.-])" for path in paths) or r"(?!)")
    people = sorted({name for name in users if len(name) > 2} - _GENERIC - _FOLDERS, key=len, reverse=True)
    user = re.compile("|".join(rf"(?<=/){re.escape(name)}(?![\w.-])" for name in people) or r"(?!)")
    return lambda text: host.sub("HOST", user.sub("USER", home.sub("~", text)))


def of_this_machine() -> Clean:
    sudo_user = os.environ.get("SUDO_USER", "")
    homes = {str(home() or ""), os.environ.get("HOME", ""), *_homes_of_others(sudo_user)}
    return cleaner({socket.gethostname(), os.uname().nodename}, homes, {sudo_user})


def _homes_of_others(sudo_user: str) -> Iterator[str]:
    """With sudo the home is root's, and files are still the user's: of who called it, and every one below /home.

    Homes of services, such as /var/lib/x, name nobody: to replace them would only damage the text.
    """
    yield from (entry.pw_dir for entry in pwd.getpwall() if entry.pw_dir.startswith("/home/"))
    if sudo_user:
        with suppress(KeyError):
            yield pwd.getpwnam(sudo_user).pw_dir


def clean_manifest(manifest: Manifest, clean: Clean) -> Manifest:
    return replace(
        manifest,
        suite_text=clean(manifest.suite_text),
        suite_redacted=manifest.suite_redacted or clean(manifest.suite_text) != manifest.suite_text,
        command=tuple(map(clean, manifest.command)),
        environments=tuple(clean_record(record, clean) for record in manifest.environments),
        benchmarks=tuple(replace(b, settings=_clean_any(b.settings, clean)) for b in manifest.benchmarks),
        tags={key: clean(value) for key, value in manifest.tags.items()},
    )


def clean_record(record: EnvironmentRecord, clean: Clean) -> EnvironmentRecord:
    return replace(
        record,
        settings=_clean_any(record.settings, clean),
        argv=tuple(tuple(map(clean, words)) for words in record.argv),
        layers=tuple(Layer(layer.name, clean(layer.evidence)) for layer in record.layers),
        mechanisms=tuple(map(clean, record.mechanisms)),
    )


def clean_settings(settings: dict[str, Any], clean: Clean) -> dict[str, Any]:
    cleaned: dict[str, Any] = _clean_any(settings, clean)
    return cleaned


def clean_trial(trial: Trial, clean: Clean) -> Trial:
    match trial.outcome:
        case Measured(notes=notes):
            return replace(trial, outcome=replace(trial.outcome, notes=tuple(map(clean, notes))))
        case Failed(reason, hint):
            return replace(trial, outcome=Failed(clean(reason), clean(hint)))
        case Skipped(reason, hint):
            return replace(trial, outcome=Skipped(clean(reason), clean(hint)))


def clean_facts(facts: Facts, clean: Clean) -> Facts:
    return {key: Fact(_clean_any(fact.value, clean), clean(fact.source), fact.status) for key, fact in facts.items()}


def _clean_any(value: Any, clean: Clean) -> Any:
    match value:
        case str():
            return clean(value)
        case list() | tuple():
            return type(value)(_clean_any(item, clean) for item in value)
        case dict():
            return {key: _clean_any(item, clean) for key, item in value.items()}
    return value
