"""Starts an environment: runs a command on its host session whose standard streams lead to the agent."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from vbench.beneath import DESCENDANTS, ServedBy, Uplink
from vbench.contracts import Process, Session, Started, StartTiming, Workplace
from vbench.environments.channel import AgentSession, Channel
from vbench.errors import CommandTimeout, StartFailed
from vbench.model import Layer
from vbench.text import program


def agent_command(workplace: Workplace) -> tuple[str, ...]:
    return (workplace.python, "-I", "-S", str(workplace.guest / "agent.py"))


def pinned(cpus: Sequence[int]) -> tuple[str, ...]:
    return ("taskset", "-c", ",".join(map(str, cpus)))


@contextmanager
def started(
    host: Session,
    argv: Sequence[str],
    *,
    workplace: Workplace,
    layers: Sequence[Layer],
    mechanisms: Sequence[str],
    attach_s: float,
    limit_s: float,
    memory_limit_b: int | None = None,
    no_network: str = "",
    uplink: Uplink | None = None,
    served_by: ServedBy = DESCENDANTS,
    log: Callable[[], str] = str,
    network: Callable[[], Session] | None = None,
    logs: Callable[[], dict[str, bytes]] = dict,
) -> Iterator[AgentSession]:
    """Starts `argv` and yields the session of its agent. Start-up lasts from the spawn to the agent's first message.

    `log` gives more evidence (a console's end) when the environment is lost. An environment on another one has that
    one's `served_by`, not the argument. Raises StartFailed.
    """
    with ExitStack() as stack:
        begun = time.monotonic()
        try:
            process = stack.enter_context(host.spawn(argv))
        except FileNotFoundError as error:
            raise StartFailed(f"{argv[0]} was not found: {error}") from None
        channel = Channel(process, lambda: _describe(process, channel, log))
        channel.hello(timeout_s=limit_s)
        timing = StartTiming(attach_s, time.monotonic() - begun)
        session = AgentSession(
            channel=channel,
            workplace=workplace,
            layers=(*host.layers, *layers),
            timing=timing,
            argv=(tuple(argv),),
            mechanisms=tuple(mechanisms),
            memory_limit_b=memory_limit_b,
            no_network=no_network,
            uplink=uplink,
            served_by=host.served_by if isinstance(host, Started) else served_by,
            network=network,
            logs=logs,
        )
        try:
            yield session
        finally:
            session.end()
            with suppress(CommandTimeout):  # then it is killed on the way out
                process.wait(timeout_s=session.stop_s)


def _describe(process: Process, channel: Channel, log: Callable[[], str]) -> str:
    with suppress(CommandTimeout):  # its end is often a moment behind the end of its output
        process.wait(timeout_s=0.5)
    status = process.poll()
    name = program(process.argv)
    how = f"{name} is still running" if status is None else f"{name} ended with status {status}"
    stderr = process.stderr().decode(errors="replace").strip()[-300:]
    noise = b" ".join(channel.garbage).decode(errors="replace").strip()[-200:]
    return "; ".join(part for part in (how, stderr, noise, log()) if part)
