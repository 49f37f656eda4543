"""Times a user's command. A run lasts from just before the spawn until `wait` returns, by the environment's clock.

Request:  {"argv": ["./compress"], "folder": "/scratch/work", "trial_s": 1.0, "warmup_s": 0.5, "timeout_s": 60.0,
           "runs": N or null, "regex": "…" or null, "pointer": "…" or null, "rounds": number of slices, or null}
Before the first run:  vbench: begun
After the last:        vbench: ended
Reply:    {"walls": [s of each run], "picked": [number of each run] or null, "warmups": N, "spent_s": s of all runs,
           "span_s": s of warm-up and trial, "clock": "CLOCK_MONOTONIC_RAW", "padding": bytes of VBENCH_PADDING,
           "printed_b": bytes of the longest stdout, "stdout": base64, "stderr": base64: both ends of the last run's}
or        {"error": "what went wrong", "hint": "", "stdout": base64, "stderr": base64}

The request is one JSON object on the first line of stdin, the reply the last line of stdout. If `runs` is null, runs
fill the trial; at least one is made. Between two runs, outside their times, the processes that the command left behind
are killed, and the output is searched for its number.

With `rounds` the trial is cut into as many slices, between which other environments are measured. Each further line of
stdin is one step, and this process waits for it without processor time:
after the warm-up      {"runs": 0}
next      takes a slice. Reply: {"runs": N so far}
end       the reply of the whole trial, and the end of this process
A slice repeats the command until all slices so far have had their share of the trial's time, or of `runs`. So a run
that lasted into the time of later slices leaves them without one: a trial in slices has as many runs as a whole one.
"""

import base64
import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time

CLOCK = "CLOCK_MONOTONIC_RAW"
MOST_RUNS = 1000
HALF_B = 512 * 1024  # kept of the beginning of a stream, and as much of its end
RAW_B = 8 * 1024  # of each end, in the reply
PICK_S = 10.0  # time limit of the search in one output, if `timeout_s` is not shorter
PR_SET_CHILD_SUBREAPER = 36
# Signals that this process or the agent ignores. A command starts with their defaults, as under a shell.
DEFAULTS = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)


class Failed(Exception):
    """A run failed or gave no number."""

    def __init__(self, message, hint=""):
        super().__init__(message)
        self.message, self.hint = message, hint


class Kept:
    """Keeps the beginning and the end of a stream. A thread reads it while the command runs."""

    def __init__(self):
        self.head, self.tail, self.size = bytearray(), bytearray(), 0
        self.reader, self.writer = os.pipe()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while chunk := os.read(self.reader, 65536):
            self.size += len(chunk)
            room = HALF_B - len(self.head)
            self.head += chunk[:room]
            self.tail += chunk[room:]
            if len(self.tail) > 2 * HALF_B:
                del self.tail[:-HALF_B]

    def spawned(self):
        """Closes this process's copy of the writing end: the stream then ends with the command's last process."""
        os.close(self.writer)

    def close(self):
        self.thread.join(PICK_S)
        if not self.thread.is_alive():
            os.close(self.reader)

    def left_out(self):
        """Number of bytes between the beginning and the end."""
        return max(0, self.size - 2 * HALF_B)

    def text(self):
        cut = f"\n[{self.left_out()} bytes left out]\n".encode() if self.left_out() else b""
        return (bytes(self.head) + cut + bytes(self.tail[-HALF_B:])).decode(errors="replace")

    def ends(self):
        """The first and the last RAW_B bytes, for the run folder."""
        whole = bytes(self.head) + bytes(self.tail[-HALF_B:])
        if len(whole) <= 2 * RAW_B and not self.left_out():
            return whole
        left = self.size - 2 * RAW_B
        return whole[:RAW_B] + f"\n[{left} bytes left out]\n".encode() + whole[-RAW_B:]


class Command:
    """A command, with both streams of its last run."""

    def __init__(self, argv, timeout_s):
        self.argv, self.timeout_s = argv, timeout_s
        self.out = self.err = None
        self.hung = False

    def run(self):
        """Runs the command once and returns the seconds. Raises Failed unless its status is 0."""
        self.out, self.err = Kept(), Kept()
        try:
            wall_s, status = self.timed()
        finally:
            kill_leftovers()
            self.out.close()
            self.err.close()
        name = self.argv[0]
        if self.hung:
            hint = "raise its `timeout`, or give it less to do"
            raise Failed(f"{name} did not end within {self.timeout_s:g} s and was killed with all it had started", hint)
        if status < 0:
            raise Failed(f"{name} was killed by signal {-status}")
        if status > 0:
            raise Failed(f"{name} ended with status {status}")
        return wall_s

    def timed(self):
        """Seconds and exit status of one run."""
        signal.signal(signal.SIGALRM, self.kill)
        self.pid = None
        begun_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        try:
            self.pid = self.spawn()
        finally:
            self.out.spawned()
            self.err.spawned()
        signal.setitimer(signal.ITIMER_REAL, self.timeout_s)
        _, status = os.waitpid(self.pid, 0)
        ended_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return (ended_ns - begun_ns) / 1e9, os.waitstatus_to_exitcode(status)

    def spawn(self):
        """Starts the command by posix_spawn. A fork would copy this interpreter's page tables within the timed run."""
        streams = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
        streams += [(os.POSIX_SPAWN_DUP2, kept.writer, number) for number, kept in ((1, self.out), (2, self.err))]
        try:
            return os.posix_spawnp(
                self.argv[0], self.argv, os.environ, file_actions=streams, setpgroup=0, setsigdef=DEFAULTS
            )
        except FileNotFoundError:
            hint = "what the environment lacks comes with `folder`; a program in it is named ./NAME"
            raise Failed(f"{self.argv[0]}, or the interpreter that it names, was not found", hint) from None
        except (OSError, ValueError) as error:
            raise Failed(f"{self.argv[0]} could not be started: {error}") from None

    def kill(self, *_):
        self.hung = True
        for end in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                end(self.pid, signal.SIGKILL)


def kill_leftovers():
    """Kills and reaps what the command left behind. As sub-reaper this process is the parent of every orphan."""
    from serving import kill_descendants

    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        kill_descendants()
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def pick(out, request):
    """The number in the output of a run. None if the request asks for none. Raises Failed."""
    import picking

    if request["regex"] is None and request["pointer"] is None:
        return None
    if request["pointer"] is not None and out.left_out():
        raise Failed(f"it printed {out.size} bytes: JSON is read up to {2 * HALF_B}")
    signal.signal(signal.SIGALRM, too_slow)
    signal.setitimer(signal.ITIMER_REAL, min(PICK_S, request["timeout_s"]))
    try:
        if request["regex"] is not None:
            return picking.by_regex(out.text(), request["regex"])
        return picking.by_pointer(out.text(), request["pointer"])
    except picking.NoNumber as error:
        raise Failed(str(error), "standard output alone is looked at") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def too_slow(*_):
    hint = r"repetitions within repetitions do this, and so does a `.*` at the start without \A before it"
    raise Failed("the search for the regex did not end in time", hint)


class Trial:
    """A trial, in one go or in slices."""

    def __init__(self, command, request):
        self.command, self.request = command, request
        self.rounds = request.get("rounds") or 1
        self.slices = self.printed_b = 0
        self.walls, self.picked, self.warmup_walls = [], [], []
        self.span_s = self.trial_s = 0.0

    def warm_up(self):
        begun_s, limit_s = time.monotonic(), self.request["warmup_s"]
        while limit_s > 0 and (not self.warmup_walls or time.monotonic() - begun_s < limit_s):
            self.warmup_walls.append(self.command.run())
            if len(self.warmup_walls) == MOST_RUNS:
                break
        self.span_s += time.monotonic() - begun_s

    def take(self):
        """One slice."""
        self.slices += 1
        begun_s, before_s = time.monotonic(), self.trial_s
        while self.is_next_wanted():
            self.walls.append(self.command.run())
            self.picked.append(pick(self.command.out, self.request))
            self.printed_b = max(self.printed_b, self.command.out.size)
            self.trial_s = before_s + time.monotonic() - begun_s

    def is_next_wanted(self):
        """Whether the slices so far have not had their share of the trial."""
        runs = self.request["runs"]
        if runs is not None:
            return len(self.walls) < self.share(runs)
        lasts_s = self.request["trial_s"] * self.slices / self.rounds
        return not self.walls or (self.trial_s < lasts_s and len(self.walls) < self.share(MOST_RUNS))

    def share(self, runs):
        """How many of so many runs the slices so far have, rounded up."""
        return -(-runs * self.slices // self.rounds)

    def reply(self):
        """The reply without its streams."""
        return {
            "walls": self.walls,
            "picked": None if None in self.picked else self.picked,
            "warmups": len(self.warmup_walls),
            "spent_s": sum(self.warmup_walls) + sum(self.walls),
            "span_s": self.span_s + self.trial_s,
            "clock": CLOCK,
            "padding": len(os.environ.get("VBENCH_PADDING", "")),
            "printed_b": self.printed_b,
        }


def in_one_go(trial):
    print("vbench: begun", flush=True)
    trial.warm_up()
    trial.take()
    print("vbench: ended", flush=True)
    return trial.reply()


def in_slices(trial):
    """The reply at the last request. None if stdin ends before: the harness has gone."""
    trial.warm_up()
    print(json.dumps({"runs": 0}), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            return trial.reply()
        trial.take()
        print(json.dumps({"runs": len(trial.walls)}), flush=True)
    return None


def main():
    sys.path.insert(0, __file__.rpartition("/")[0])  # `-I` leaves this folder out
    request = json.loads(sys.stdin.readline())
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(request["folder"])
    command = Command(request["argv"], request["timeout_s"])
    trial = Trial(command, request)
    try:
        reply = in_slices(trial) if request.get("rounds") else in_one_go(trial)
    except Failed as error:
        reply = {"error": error.message, "hint": error.hint}
    if reply is None:
        return
    streams = {"stdout": command.out, "stderr": command.err}
    reply |= {name: base64.b64encode(kept.ends()).decode() for name, kept in streams.items()}
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
