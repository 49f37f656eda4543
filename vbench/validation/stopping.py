"""Stops a running guest for half a second, once, as a migration, a snapshot or an overcommitted host would."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from vbench.contracts import Session
from vbench.environments import qemu
from vbench.errors import CommandFailed, CommandTimeout
from vbench.runner import Tell
from vbench.runner.events import BenchmarkBegan, Event, StepBegan, TrialEnded

STOP_S = 0.5
AFTER_S = 0.5  # into the first trial


@dataclass
class Stopping:
    """Passes the events of a run on, and stops the guest once: in the first trial of one arm in block 1."""

    to: Tell
    host: Session
    folder: PurePosixPath  # in which the machine's folder with its monitor appears
    arm: str
    problem: str = ""
    _wanted: bool = False
    _done: bool = False
    _thread: threading.Thread | None = field(default=None)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepBegan):
            self._wanted = event.block.index == 1 and event.step.environment == self.arm and not self._done
        if isinstance(event, TrialEnded) and self._thread is not None:
            self._thread.join()
            self._thread = None
        self.to(event)
        if isinstance(event, BenchmarkBegan) and self._wanted:
            self._wanted, self._done = False, True
            self._thread = threading.Thread(target=self._stop, name="stops the guest", daemon=True)
            self._thread.start()

    def _stop(self) -> None:
        time.sleep(AFTER_S)
        try:
            monitors = self.host.run(["find", str(self.folder), "-path", "*/machine-*/qmp"], timeout_s=10).text.split(
                "\n"
            )
            if not monitors[0]:
                self.problem = "the guest has no monitor"
                return
            monitor = PurePosixPath(monitors[0])
            stopped = qemu.ask(self.host, monitor, "stop")
            time.sleep(STOP_S)
            resumed = qemu.ask(self.host, monitor, "cont")
        except (CommandTimeout, CommandFailed) as error:
            self.problem = error.message
            return
        if stopped.status or resumed.status:
            self.problem = "the monitor did not stop and resume the guest"
