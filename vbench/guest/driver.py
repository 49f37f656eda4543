"""Runs kernels through pyperf. Requests and replies are JSON lines; between requests it waits for stdin.

Request:  {"kernel": "hash", "params": {}, "loops": null, "trial_s": 1.0, "warmup_s": 1.0}
Reply:    {"values": [s per operation], "warmups": [[loops, s per operation]], "loops": N,
           "clock": "CLOCK_MONOTONIC_RAW", "padding": bytes of VBENCH_PADDING,
           "spent_s": all seconds that the kernel counted, "dose": D or null, "extra": {}, "pyperf": {},
           "operations": asked for in all, with calibration and warm-ups}
or        {"error": "what went wrong", "errno": N or null}

With "set_up": true the kernel is only set up and its clock checked:
Reply:    {"ready": true, "clock_read_s": seconds of one read}

If `loops` is null, it is calibrated so that a value takes a tenth of the trial. The process ends at the end of stdin.
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

    def record(self, kernel, time_func, loops, warmups):
        arguments = self.runner.args
        arguments.loops, arguments.warmups, arguments.values = loops, warmups, VALUES
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


def measure(kernels, recorder, request):
    name = request["kernel"]
    kernels.set_up(name, request.get("params", {}))
    if request.get("set_up"):
        return {"ready": True, **checked_clock(kernels.library)}
    dose = os.environ.get("VBENCH_DOSE")
    spent, asked = [], []

    def run(loops):
        asked.append(loops)
        spent.append(kernels.run(name, loops if dose is None else round(loops * (1 + float(dose)))))
        return spent[-1]

    loops = request.get("loops") or calibrated(run, request["trial_s"] / VALUES)
    pilot_s = run(loops)
    warmups = max(FEWEST_WARMUPS, math.ceil(request["warmup_s"] / pilot_s) if pilot_s else 0)
    warmups_left = iter(range(warmups, -1, -1))

    def time_func(loops):
        if next(warmups_left, None) == 0:
            kernels.forget(name)
        return run(loops)

    recorded = recorder.record(name, time_func, loops, warmups)
    return {
        "values": list(recorded.values),
        "warmups": [list(warmup) for warmup in recorded.warmups],
        "loops": loops,
        "clock": CLOCK,
        "padding": len(os.environ.get("VBENCH_PADDING", "")),
        "spent_s": sum(spent),
        "operations": sum(asked),
        "dose": None if dose is None else float(dose),
        "extra": kernels.kernel(name).extra(kernels),
        "pyperf": recorder.as_json(name, recorded),
    }


def answer(kernels, recorder, line):
    try:
        return measure(kernels, recorder, json.loads(line))
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
    kernels, recorder = Kernels(HERE), Recorder()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(kernels, recorder, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
