"""Refuses to resume a run with another tool, suite or host than it began with."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from vbench import __version__, facts
from vbench import suite as suites
from vbench.beneath import Engine, Identity
from vbench.errors import RunFolderError, SuiteError
from vbench.model import Facts, Manifest, Run
from vbench.store import privacy
from vbench.suite import Suite
from vbench.suite import plan as plans
from vbench.units import DASH

# Facts that identify a host. Other facts that could explain a number are told, and stay with the run.
IDENTITY = (
    *("cpu.architecture", "cpu.model", "cpu.microcode", "cpu.threads", "cpu.smt"),
    *("kernel.release", "kernel.version", "kernel.command_line", "host.type"),
)
_PACKAGE = Path(__file__).parents[1]
_NO_SOURCES = {"suites"}  # a run keeps its own suite, and a checkout has suites elsewhere than a wheel
_BEGIN = "`vbench run` begins another one"


@dataclass(frozen=True)
class Differences:
    """How the host differs now from the host when the run began, in words."""

    identity: tuple[str, ...]
    others: tuple[str, ...]


def boot_of(manifest: Manifest) -> str:
    """The mark of the last boot that the run was in."""
    return manifest.resumed[-1].boot if manifest.resumed else manifest.boot


def rebooted(manifest: Manifest, here: Identity) -> bool | None:
    """Whether the host was booted since the run last ran on it; None if unknown."""
    last, now = boot_of(manifest), here.marks(manifest.run_id)[1]
    return last != now if last and now else None


@cache
def sources(package: Path = _PACKAGE) -> str | None:
    """SHA-256 over names and bytes of vbench's own files without its suites: it tells two states of one version apart.

    None where they cannot be read, as out of an archive.
    """
    try:
        files = {path.relative_to(package): path for path in package.rglob("*") if path.is_file()}
        parts = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()} {name.as_posix()!a}\n"
            for name, path in sorted(files.items())
            if name.parts[0] not in _NO_SOURCES and "__pycache__" not in name.parts
        ]
    except OSError:
        return None
    return hashlib.sha256("".join(parts).encode()).hexdigest() if parts else None


def refuse_other_tool(manifest: Manifest, here: str | None) -> None:
    """Raises RunFolderError if the run began with another version of vbench, or with other files than `here`.

    `here` are the `sources` of this one.
    """
    if manifest.tool != __version__:
        raise RunFolderError(
            f"{manifest.run_id} was begun by vbench {manifest.tool}, this is {__version__}",
            hint=f"install vbench {manifest.tool} to go on with it; {_BEGIN}",
        )
    if None not in (manifest.sources, here) and manifest.sources != here:
        raise RunFolderError(
            f"{manifest.run_id} was begun by vbench {manifest.tool} as this is, but with other files of it",
            hint=f"go on with the very installation or checkout that began it; {_BEGIN}",
        )


def suite_of(manifest: Manifest, given_suite: Suite | None, clean: privacy.Clean) -> Suite:
    """The suite, narrowed as the run was. Raises RunFolderError if it is not the run's."""
    clean = privacy.of_run(manifest, clean)  # the names that were taken out when the run was written
    name = manifest.run_id
    if given_suite is None:
        _refuse_incomplete(manifest)
    elif clean.own(given_suite.text) != manifest.suite_text:
        hint = f"leave SUITE out to go on as it was planned; {_BEGIN}"
        raise RunFolderError(
            f"the file of suite {given_suite.name} is not the one that {name} was begun with", hint=hint
        )
    try:
        suite = _narrowed(given_suite or suites.parse(manifest.suite_text, source=f"the suite of {name}"), manifest)
        plan = plans.make(suite, alive=max(map(len, manifest.plan.groups), default=None))
    except SuiteError as error:
        hint = error.hint or "what is stored can be reported"
        raise RunFolderError(f"{name} cannot be gone on with: {error.message}", hint=hint) from error
    was = manifest.plan
    if (plan.starts, plan.benchmarks, plan.blocks) != (was.starts, was.benchmarks, was.blocks):
        hint = f"its command was: {' '.join(manifest.command)}"
        raise RunFolderError(f"{name}: its suite gives another plan than the run has", hint=hint)
    other = sorted(_differing(suite, manifest, clean))
    if other:
        what = f"the settings or files of {', '.join(other)} are not those that {name} was begun with"
        raise RunFolderError(what, hint=f"one run measures one thing; {_BEGIN}")
    return suite


def _refuse_incomplete(manifest: Manifest) -> None:
    """Raises RunFolderError where the run folder lacks a part of the suite: it keeps no names and no files of users."""
    why = "names the host or a home folder, which a run folder never keeps" if manifest.suite_redacted else ""
    if any(record.settings.get("folder") for record in manifest.benchmarks):
        why = why or "has files of its own beside it"
    if why:
        hint = "give SUITE as well: `vbench run SUITE --resume RUN`"
        raise RunFolderError(f"{manifest.run_id}: its suite {why}", hint=hint)


def _differing(suite: Suite, manifest: Manifest, clean: privacy.Clean) -> Iterator[str]:
    """Environments and benchmarks that would be measured with other settings, the digest of a folder among them."""
    now = {r.name: r.settings | suites.relations_of(r) for r in suites.environment_records(suite)}
    now |= {r.name: r.settings for r in suites.benchmark_records(suite)}
    was = {r.name: r.settings | suites.relations_of(r) for r in manifest.environments}
    was |= {r.name: r.settings for r in manifest.benchmarks}
    for name, settings in now.items():
        if msgspec.json.decode(msgspec.json.encode(privacy.clean_settings(settings, clean))) != was.get(name):
            yield name


def _narrowed(suite: Suite, manifest: Manifest) -> Suite:
    """The suite narrowed as the run's command line did; an adaptive run stays adaptive."""
    plan, fixed = manifest.plan, suite.method.blocks is not None or "--blocks" in manifest.command
    return suites.restrict(
        suite,
        environments=[arm for arm in plan.environments if arm != plan.control],
        benchmarks=plan.benchmarks,
        blocks=manifest.blocks if fixed else None,
        seed=manifest.seed,
    )


def differences(run: Run, now: Facts, clean: privacy.Clean, engines: Iterable[Engine] = ()) -> Differences:
    """How the host differs now from the run's; nothing if the run ended before it knew its host.

    Another version of one of `engines`, which start the run's environments, counts as another host.
    """
    if not run.host:
        return Differences((), ())
    now = privacy.clean_facts(now, privacy.of_run(run.manifest, clean))
    engine_keys = [key for key in (f"tool.{engine.name}" for engine in engines) if _is_known(run.host, now, key)]
    identity = [key for key in dict.fromkeys((*IDENTITY, *engine_keys)) if _value(run.host, key) != _value(now, key)]
    others = [
        confound for confound in facts.confounds("host", run.host, now) if confound.key not in (*IDENTITY, *engine_keys)
    ]
    return Differences(
        tuple(f"{key} was {_value(run.host, key)}, is {_value(now, key)}" for key in identity),
        tuple(f"{confound.key} was {confound.baseline}, is {confound.value}" for confound in others),
    )


def _is_known(before: Facts, now: Facts, key: str) -> bool:
    return DASH not in (_value(before, key), _value(now, key))


def _value(values: Facts, key: str) -> str:
    return facts.show(key, values[key]) if key in values else DASH


def refuse_other_host(run: Run, differing: Differences, here: Identity) -> None:
    """Raises RunFolderError for another host. Without a machine identity, the same boot is the only evidence."""
    manifest = run.manifest
    machine, _ = here.marks(manifest.run_id)
    has_identity = bool(manifest.machine and machine)
    if not has_identity and not differing.identity and rebooted(manifest, here) is not False:
        raise RunFolderError(
            f"nothing shows that {manifest.run_id} was begun on this machine: it is not known by /etc/machine-id, and "
            "it is not the same boot",
            hint=f"`systemd-machine-id-setup` gives a machine an identity for the next run; {_BEGIN}",
        )
    if (has_identity and manifest.machine != machine) or differing.identity:
        what = "; ".join(differing.identity) or "it is another machine"
        raise RunFolderError(
            f"{manifest.run_id} was begun on another host, or this one was changed: {what}",
            hint=f"the costs of one run are of one host; {_BEGIN}",
        )
