"""Proves that an environment works on a host by one real start with a time limit."""

from vbench.contracts import Environment, Probe, Session, Started, Testbed
from vbench.errors import VbenchError


def probe(environment: Environment, host: Session, testbed: Testbed) -> Probe:
    """Starts an environment and runs a command in it. Returns the ready time, or the problem in words."""
    try:
        with environment.prepared(host, testbed), environment.start(host, testbed) as session:
            session.run([session.workplace.python, "-c", "pass"], timeout_s=60).check()
            ready_s = session.timing.ready_s if isinstance(session, Started) else None
            return Probe(ready_s, layers=session.layers)
    except VbenchError as error:
        return Probe(None, error.message, error.hint)
