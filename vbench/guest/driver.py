"""Runs kernels through pyperf. Requests and replies are JSON lines; between requests it waits for stdin.

Request:  {"kernel": "hash", "params": {}, "loops": null, "trial_s": 1.0, "warmup_s": 1.0}
Reply:    {"values": [s per operation], "warmups": [[loops, s per operation]], "loops": N,
           "clock": "CLOCK_MONOTONIC_RAW", "padding": bytes of VBENCH_PADDING,
           "spent_s": all seconds that the kernel counted, "dose": D or null, "extra": {}, "pyperf": {},
           "operations": asked for in all, with calibration and warm-ups; of slices, in the slices alone}
or        {"error": "what went wrong", "errno": N or null}

With "set_up": true the kernel is only set up and its clock checked:
Reply:    {"ready": true, "clock_read_s": seconds of one read}

If `loops` is null, it is calibrated so that a value takes a tenth of the trial. The process ends at the end of stdin.

A trial in slices, between which other environments are measured, takes several requests, all with the kernel's name:
"slices": "begin"  sets it up and warms it up; a value takes "slice_s". Reply: {"loops": N, "spent_s": S}
"slices": "next"   takes a value, after a tenth as many operations again that bring back its caches, without time.
                   Reply: {"value": s per operation, "spent_s": S}
"slices": "end"    the reply of a whole trial
With VBENCH_DOSE=0.02 in its environment the driver executes 2 % more operations than it divides by: a known cost.
"""

import ctypes
import errno
import io
import itertools
import json
import math
import os
import sys
import time
import types
from contextlib import redirect_stdout

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(HERE)  # `-I` leaves this folder out

from workloads import KernelFailed, Kernels  # noqa: E402

CLOCK = "CLOCK_MONOTONIC_RAW"
VALUES = 10
FEWEST_WARMUPS = 5
AGAIN = 10  # before a slice its kernel runs a tenth of the slice's operations: another arm had the caches
CLOCK_READS = 2000
CLOCK_MOVES = 32  # moves from one processor to the next
MOST_LOOPS = 2**48
# pyperf would add host name, boot time and paths, which a run folder must not hold.
ALLOWED_METADATA = ("name", "unit", "loops", "duration", "timer")


class Recorder:
    """pyperf's runner inside this process. Every request uses the same one."""

    def __init__(self):
        pyperf = import_pyperf()
        # Collecting metadata would read many files of /proc before each reply, and ALLOWED_METADATA drops nearly all.
        pyperf._worker.WorkerProcessTask.collect_metadata = lambda task: {}
        self.pyperf = pyperf
        self.count = 0
        self.runner = pyperf.Runner()
        # --affinity: without it pyperf moves its workers to the host's isolated processors, out of the run's own set.
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        self.runner.parse_args(["--worker", "--quiet", "--loops=1", "--warmups=0", "--values=1", f"--affinity={cpus}"])

    def record(self, kernel, time_func, loops, warmups, values):
        arguments = self.runner.args
        arguments.loops, arguments.warmups, arguments.values = loops, warmups, values
        self.count += 1  # pyperf refuses the same name twice
        with redirect_stdout(io.StringIO()):
            bench = self.runner.bench_time_func(f"{kernel}#{self.count}", time_func)
        (run,) = bench.get_runs()
        return run

    def as_json(self, kernel, run):
        """The run as pyperf writes it, with only the allowed metadata. `pyperf stats` can read it."""
        metadata = {key: value for key, value in run.get_metadata().items() if key in ALLOWED_METADATA}
        metadata |= {"name": kernel, "timer": CLOCK}
        clean = self.pyperf.Run(run.values, warmups=run.warmups, metadata=metadata, collect_metadata=False)
        text = io.StringIO()
        self.pyperf.Benchmark([clean]).dump(text)
        return json.loads(text.getvalue())


def import_pyperf():
    """pyperf from the guest folder, or without an image from the interpreter's packages."""
    sys.path.insert(0, os.path.join(HERE, "site"))
    disable_hooks()
    try:
        import pyperf
    except ImportError:
        import site

        site.main()
        import pyperf
    import pyperf._worker

    return pyperf


def disable_hooks():
    """Replaces pyperf's module of hooks by an empty one.

    pyperf searches all packages for hooks. In an emulated guest the search took 0.7 s of the 1.1 s of pyperf's import.
    """
    hooks = types.ModuleType("pyperf._hooks")
    hooks.get_hook_names = lambda: ()
    hooks.instantiate_selected_hooks = lambda names, custom=(): {}
    sys.modules["pyperf._hooks"] = hooks


def clock_read_s(library):
    """Seconds that one read of the kernels' clock takes. Raises OSError if the clock steps back."""
    seconds = ctypes.c_double()
    if library.vb_clock(ctypes.c_uint64(CLOCK_READS), ctypes.byref(seconds)):
        raise OSError(errno.ERANGE, f"{CLOCK} stepped back")
    return seconds.value / CLOCK_READS


def check_across(cpus, now_ns):
    """Raises OSError if the clock steps back between two of these processors."""
    allowed, before_ns = os.sched_getaffinity(0), 0
    try:
        for cpu in itertools.islice(itertools.cycle(cpus), CLOCK_MOVES):
            os.sched_setaffinity(0, {cpu})
            after_ns = now_ns()
            if after_ns < before_ns:
                raise OSError(errno.ERANGE, f"{CLOCK} stepped back by {before_ns - after_ns} ns between processors")
            before_ns = after_ns
    finally:
        os.sched_setaffinity(0, allowed)


def checked_clock(library):
    """The reply's field about the clock. Raises OSError if the clock steps back."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1:
        check_across(cpus, lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))
    return {"clock_read_s": clock_read_s(library)}


def calibrated(run, target_s):
    """Number of operations that take about `target_s` together. `run` returns the seconds of a number of operations."""
    loops = 1
    while loops < MOST_LOOPS:
        # The shorter of two: one interruption, or an emulator's translation, would set too few loops for the whole run.
        spent_s = min(run(loops), run(loops))
        if spent_s >= target_s / 2:
            return max(1, round(loops * target_s / spent_s))
        loops *= max(2, min(16, int(target_s / spent_s))) if spent_s else 16
    raise ValueError(f"{loops} operations took no time: the clock or the kernel does not work")


class Trial:
    """The trial that runs: its kernel with its loops, and what was asked of it and spent so far."""

    def __init__(self, kernels, request):
        self.kernels, self.name = kernels, request["kernel"]
        self.dose = os.environ.get("VBENCH_DOSE")
        self.spent, self.asked = [], []
        self.slices, self.extra = [], {}
        value_s = request["slice_s"] if "slices" in request else request["trial_s"] / VALUES
        self.loops = request.get("loops") or calibrated(self.run, value_s)
        pilot_s = self.run(self.loops)
        fewest = 1 if "slices" in request else FEWEST_WARMUPS  # a slice is several times as long as a value
        self.warmups = max(fewest, math.ceil(request["warmup_s"] / pilot_s) if pilot_s else 0)

    def run(self, loops):
        self.asked.append(loops)
        done = loops if self.dose is None else round(loops * (1 + float(self.dose)))
        self.spent.append(self.kernels.run(self.name, done))
        return self.spent[-1]

    def recorded(self, recorder):
        """Warm-up and all values in one go, through pyperf."""
        warmups_left = iter(range(self.warmups, -1, -1))

        def time_func(loops):
            if next(warmups_left, None) == 0:
                self.kernels.forget(self.name)
            return self.run(loops)

        recorded = recorder.record(self.name, time_func, self.loops, self.warmups, VALUES)
        self.extra = self.kernels.kernel(self.name).extra(self.kernels)
        return recorded

    def warm_up(self):
        """The operations until now are not those of the slices, whose processor time is counted."""
        self.warmed = [self.run(self.loops) for _ in range(self.warmups)]
        self.asked.clear()

    def take(self):
        """One slice. What the kernel records of the operations before it is dropped."""
        self.run(max(1, self.loops // AGAIN))
        self.kernels.forget(self.name)
        self.slices.append(self.run(self.loops))
        for key, value in self.kernels.kernel(self.name).extra(self.kernels).items():
            self.extra[key] = self.extra.get(key, []) + value if isinstance(value, list) else value
        return self.slices[-1] / self.loops

    def recorded_slices(self, recorder):
        """The slices as pyperf records a run: it is told the times that were taken."""
        times = iter([*self.warmed, *self.slices])
        return recorder.record(self.name, lambda loops: next(times), self.loops, self.warmups, len(self.slices))

    def reply(self, recorder, recorded):
        return {
            "values": list(recorded.values),
            "warmups": [list(warmup) for warmup in recorded.warmups],
            "loops": self.loops,
            "clock": CLOCK,
            "padding": len(os.environ.get("VBENCH_PADDING", "")),
            "spent_s": sum(self.spent),
            "operations": sum(self.asked),
            "dose": None if self.dose is None else float(self.dose),
            "extra": self.extra,
            "pyperf": recorder.as_json(self.name, recorded),
        }


class Driver:
    """Answers requests, one after another."""

    def __init__(self, kernels, recorder):
        self.kernels, self.recorder, self.trial = kernels, recorder, None

    def answer(self, request):
        name, slices = request["kernel"], request.get("slices")
        begun, self.trial = self.trial, None  # an error ends it
        if slices not in (None, "begin"):
            return self.go_on(begun, name, slices)
        self.kernels.set_up(name, request.get("params", {}))
        if request.get("set_up"):
            return {"ready": True, **checked_clock(self.kernels.library)}
        trial = Trial(self.kernels, request)
        if slices is None:
            return trial.reply(self.recorder, trial.recorded(self.recorder))
        trial.warm_up()
        self.trial = trial
        return {"loops": trial.loops, "spent_s": sum(trial.spent)}

    def go_on(self, trial, name, slices):
        if trial is None or trial.name != name or slices not in ("next", "end"):
            raise ValueError(f"no trial of {name} in slices was begun")
        if slices == "end":
            return trial.reply(self.recorder, trial.recorded_slices(self.recorder))
        before_s = sum(trial.spent)
        reply = {"value": trial.take(), "spent_s": sum(trial.spent) - before_s}
        self.trial = trial
        return reply


def answer(driver, kernels, line):
    try:
        return driver.answer(json.loads(line))
    except OSError as error:
        kernels.tear_down()  # a late answer on the old connection would be taken for that of the next request
        return {"error": error.strerror or str(error), "errno": error.errno}
    except KeyError as error:
        return {"error": f"the request lacks {error}", "errno": None}
    except KernelFailed as error:
        return {"error": str(error), "errno": None}
    except (ValueError, TypeError, SystemExit) as error:  # pyperf raises SystemExit if it cannot measure
        return {"error": f"{type(error).__name__}: {error}", "errno": None}


def main():
    kernels = Kernels(HERE)
    driver = Driver(kernels, Recorder())
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(driver, kernels, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
