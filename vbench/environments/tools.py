"""Checks whether a tool that starts environments runs: it may be installed and lack a library or a right."""

from collections.abc import Sequence

from vbench.contracts import NOT_FOUND, Missing, Session
from vbench.errors import CommandFailed, CommandTimeout

LIMIT_S = 10.0


def tool_missing(host: Session, argv: Sequence[str], hint: str, *, stdin: bytes = b"", what: str = "") -> list[Missing]:
    """Empty if the command ends with status 0. `what` names the tool if it is not the command's first word."""
    name = what or argv[0]
    try:
        done = host.run(argv, timeout_s=LIMIT_S, stdin=stdin)
    except CommandTimeout:
        return [Missing(f"{name} that answers ({' '.join(argv)} did not end within {LIMIT_S:g} s)", hint)]
    except CommandFailed as error:  # it cannot be started, or prints without end
        return [Missing(f"{name} that works ({error.message[-200:]})", hint)]
    if done.status == NOT_FOUND:
        return [Missing(name, hint)]
    output = (done.stderr or done.stdout).decode(errors="replace").strip()
    last = output.splitlines()[-1][-200:] if output else f"status {done.status}"
    return [Missing(f"{name} that works ({last})", hint)] if done.status else []
