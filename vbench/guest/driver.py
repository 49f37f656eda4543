"""Runs the kernels through pyperf, one request after another, as JSON lines; in between it waits on stdin.

Request:  {"kernel": "hash", "params": {}, "loops": null, "trial_s": 1.0, "warmup_s": 1.0}
Reply:    {"values": [s per operation], "warmups": [[loops, s per operation]], "loops": N,
           "clock": "CLOCK_MONOTONIC_RAW", "padding": bytes of VBENCH_PADDING,
           "spent_s": all seconds that the kernel counted, "dose": D or null, "extra": {}, "pyperf": {},
           "operations": executed in all, calibration and warm-ups too}
or        {"error": "what went wrong", "errno": N or null}

With "set_up": true the kernel is only set up, and the clock that it will read is looked at:
Reply:    {"ready": true, "clock_read_s": seconds of one read}

`loops` is calibrated when null, so that a value lasts a tenth of the trial. The process ends at the end of stdin.
With VBENCH_DOSE=0.02 in its environment it executes 2 % more operations than it divides by: a cost that is known.
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
sys.path.append(HERE)  # -I leaves it out

from workloads import KernelFailed, Kernels  # noqa: E402

CLOCK = "CLOCK_MONOTONIC_RAW"
VALUES = 10
FEWEST_WARMUPS = 5
CLOCK_READS = 2000
CLOCK_MOVES = 32  # from one processor to the next
MOST_LOOPS = 2**48
# pyperf would add host name, boot time, paths and more; a run folder holds none of these.
ALLOWED_METADATA = ("name", "unit", "loops", "duration", "timer")


class Recorder:
    """pyperf's own loop over values, inside this process and used again for each request."""

    def __init__(self):
        pyperf = import_pyperf()
        # Collecting metadata would read half of /proc before each reply, to be thrown away by ALLOWED_METADATA.
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
        self.count += 1  # pyperf refuses a name that it has seen
        with redirect_stdout(io.StringIO()):
            bench = self.runner.bench_time_func(f"{kernel}#{self.count}", time_func)
        (run,) = bench.get_runs()
        return run

    def as_json(self, kernel, run):
        """What pyperf itself would have written, with the allowed metadata alone: `pyperf stats` reads it."""
        metadata = {key: value for key, value in run.get_metadata().items() if key in ALLOWED_METADATA}
        metadata |= {"name": kernel, "timer": CLOCK}
        clean = self.pyperf.Run(run.values, warmups=run.warmups, metadata=metadata, collect_metadata=False)
        text = io.StringIO()
        self.pyperf.Benchmark([clean]).dump(text)
        return json.loads(text.getvalue())


def import_pyperf():
    """pyperf from the guest folder, or from the interpreter's own packages where there is no image."""
    sys.path.insert(0, os.path.join(HERE, "site"))
    without_hooks()
    try:
        import pyperf
    except ImportError:
        import site

        site.main()
        import pyperf
    import pyperf._worker

    return pyperf


def without_hooks():
    """pyperf searches all packages for hooks: in an emulated guest that took 0.7 s of the 1.1 s of its import.

    Even without a search the module imports much for the hooks of its own, which nobody asks for here.
    """
    hooks = types.ModuleType("pyperf._hooks")
    hooks.get_hook_names = lambda: ()
    hooks.instantiate_selected_hooks = lambda names, custom=(): {}
    sys.modules["pyperf._hooks"] = hooks


def clock_read_s(library):
    """Seconds of one read of the kernels' clock. Raises OSError where it steps back meanwhile."""
    seconds = ctypes.c_double()
    if library.vb_clock(ctypes.c_uint64(CLOCK_READS), ctypes.byref(seconds)):
        raise OSError(errno.ERANGE, f"{CLOCK} stepped back")
    return seconds.value / CLOCK_READS


def check_across(cpus, now_ns):
    """Raises OSError where the clock steps back from one of our processors to another."""
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


def looked_at_clock(library):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1:
        check_across(cpus, lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))
    return {"clock_read_s": clock_read_s(library)}


def calibrated(run, target_s):
    """Operations that last about `target_s` together."""
    loops = 1
    while loops < MOST_LOOPS:
        # The better of two: one interruption, or a translator's first pass, would fix too few loops for a whole run.
        spent_s = min(run(loops), run(loops))
        if spent_s >= target_s / 2:
            return max(1, round(loops * target_s / spent_s))
        loops *= max(2, min(16, int(target_s / spent_s))) if spent_s else 16
    raise ValueError(f"{loops} operations took no time: the clock or the kernel does not work")


def measure(kernels, recorder, request):
    name = request["kernel"]
    kernels.set_up(name, request.get("params", {}))
    if request.get("set_up"):
        return {"ready": True, **looked_at_clock(kernels.library)}
    dose = os.environ.get("VBENCH_DOSE")
    spent, asked = [], []

    def run(loops):
        asked.append(loops)
        spent.append(kernels.run(name, loops if dose is None else round(loops * (1 + float(dose)))))
        return spent[-1]

    loops = request.get("loops") or calibrated(run, request["trial_s"] / VALUES)
    pilot_s = run(loops)
    warmups = max(FEWEST_WARMUPS, math.ceil(request["warmup_s"] / pilot_s) if pilot_s else 0)
    left = iter(range(warmups, -1, -1))

    def time_func(loops):
        if next(left, None) == 0:
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
        kernels.tear_down()  # a connection may still bring the answer that came too late
        return {"error": error.strerror or str(error), "errno": error.errno}
    except KeyError as error:
        return {"error": f"the request lacks {error}", "errno": None}
    except KernelFailed as error:
        return {"error": str(error), "errno": None}
    except (ValueError, TypeError, SystemExit) as error:  # pyperf ends the process where it cannot measure
        return {"error": f"{type(error).__name__}: {error}", "errno": None}


def main():
    kernels, recorder = Kernels(HERE), Recorder()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(kernels, recorder, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
