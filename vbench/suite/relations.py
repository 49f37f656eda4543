"""Refuses relations of arms that cannot be: a stack in a circle, a path that there is not, storage of another kind."""

from vbench.errors import SuiteError, nearest
from vbench.suite.narrowing import chain, network
from vbench.suite.shape import NETWORKS, STORAGES, Arm, Relations, Suite
from vbench.text import quoted


def check_paths(path: str, relations: Relations, arm: Arm) -> None:
    """Raises SuiteError for a network or storage that is not in its table, and for one that the arm cannot have."""
    for key, value, values in (("network", relations.network, NETWORKS), ("storage", relations.storage, STORAGES)):
        if value is not None and value not in values:
            hint = nearest(value[:60], list(values))
            raise SuiteError(f"{path}.{key}: {quoted(value)} is not one of its values", hint=hint)
    if relations.storage not in (None, arm.storage):
        what = f"{arm.environment.title()} has {arm.storage!r}, and cannot have {relations.storage!r}"
        raise SuiteError(f"{path}.storage: {what}", hint="leave out `storage`")


def check(suite: Suite, name: str) -> None:
    """Raises SuiteError for relations of one arm that the rest of the suite contradicts."""
    _check_on(suite, name)
    arm = suite.environments[name]
    beneath = chain(suite, name)[:-1]
    if arm.network not in (None, "none") and beneath and network(suite, beneath[-1]) == "none":
        raise SuiteError(
            f"environments.{name}.network: {beneath[-1]}, which it stands on, has none",
            hint=f"give environments.{beneath[-1]} a network, or set network = 'none' here too",
        )


def _check_on(suite: Suite, name: str) -> None:
    names, arm = [name], suite.environments[name]
    while arm.on is not None:
        path = f"environments.{names[-1]}.on"
        if arm.on not in suite.environments:
            hint = nearest(arm.on, list(suite.environments))
            raise SuiteError(f"{path}: no environment is named {quoted(arm.on)}", hint=hint)
        if arm.on in names:
            raise SuiteError(f"{path}: stands on itself: {' on '.join([*names, arm.on])}")
        names.append(arm.on)
        arm = suite.environments[arm.on]
