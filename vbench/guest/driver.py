"""Runs the compiled kernels through pyperf, one request after another, as JSON lines; in between it waits on stdin.

Request:  {"kernel": "hash", "params": {}, "loops": null, "trial_s": 1.0, "warmup_s": 1.0}
Reply:    {"values": [s per operation], "warmups": [[loops, s per operation]], "loops": N,
           "clock": "CLOCK_MONOTONIC_RAW", "padding": bytes of VBENCH_PADDING,
           "spent_s": all seconds that the kernel counted, "dose": D or null, "extra": {}, "pyperf": {}}
or        {"error": "what went wrong", "errno": N or null}

`loops` is calibrated when null, so that a value lasts a tenth of the trial. The process ends at the end of stdin.
With VBENCH_DOSE=0.02 in its environment it executes 2 % more operations than it divides by: a cost that is known.
"""

import ctypes
import importlib
import io
import json
import math
import os
import sys
import types
from contextlib import redirect_stdout
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLOCK = "CLOCK_MONOTONIC_RAW"
VALUES = 10
FEWEST_WARMUPS = 5
MOST_LOOPS = 2**48
HUGE_PAGES = {"never": 0, "always": 1}
KERNELS = ("hash", "matrix", "sha256", "triad", "chase", "getpid", "pipe", "fork", "rr")
# pyperf would add host name, boot time, paths and more; a run folder holds none of these.
ALLOWED_METADATA = ("name", "unit", "loops", "duration", "timer")


class Kernels:
    """The shared library, and the one kernel that is set up: its memory is freed before another one takes its own."""

    def __init__(self, folder):
        self.library = ctypes.CDLL(str(folder / "kernels.so"))
        self.echo = folder / "echo"
        self.ready = None
        for name in KERNELS:
            self.library[f"vb_{name}"].argtypes = (ctypes.c_uint64, ctypes.POINTER(ctypes.c_double))
        self.library.vb_rr_taken.restype = ctypes.c_uint64
        self.library.vb_rr_copy.restype = ctypes.c_uint64

    def set_up(self, name, params):
        if self.ready == (name, params):
            return
        self.tear_down()
        problem = self._init(name, params)
        if problem:
            raise OSError(problem, f"{name}: set-up failed: {os.strerror(problem)}")
        self.ready = (name, dict(params))

    def _init(self, name, params):
        library = self.library
        if name == "triad":
            return library.vb_triad_init(ctypes.c_uint64(params["size_b"]), HUGE_PAGES[params["huge_pages"]])
        if name == "chase":
            size, seed = ctypes.c_uint64(params["size_b"]), ctypes.c_uint64(params.get("seed", 1))
            return library.vb_chase_init(size, HUGE_PAGES[params["huge_pages"]], seed)
        if name == "fork":
            return library.vb_fork_init(os.fsencode(params.get("program", self.echo)))
        if name == "rr":
            return library.vb_rr_init(params["address"].encode(), params["port"])
        return 0

    def tear_down(self):
        if self.ready and self.ready[0] in ("triad", "chase", "rr"):
            self.library[f"vb_{self.ready[0]}_free"]()
        self.ready = None

    def run(self, name, loops):
        """Seconds that the kernel counted for `loops` operations."""
        seconds = ctypes.c_double()
        problem = self.library[f"vb_{name}"](loops, ctypes.byref(seconds))
        if problem:
            raise OSError(problem, f"{name}: {os.strerror(problem)}")
        return seconds.value

    def round_trips_ns(self):
        count = self.library.vb_rr_taken()
        taken = (ctypes.c_uint64 * count)()
        return sorted(taken[: self.library.vb_rr_copy(taken, ctypes.c_uint64(count))])


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
    sys.path.insert(0, str(HERE / "site"))
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
    """pyperf searches all packages for hooks: in an emulated guest that took 0.7 s of the 1.1 s of its import."""
    metadata = types.ModuleType("importlib.metadata")
    metadata.entry_points = lambda: types.SimpleNamespace(select=lambda **query: ())
    importlib.metadata = sys.modules["importlib.metadata"] = metadata


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
    if name not in KERNELS:
        raise ValueError(f"unknown kernel {name!r}")
    kernels.set_up(name, request.get("params", {}))
    dose = os.environ.get("VBENCH_DOSE")
    spent = []

    def run(loops):
        spent.append(kernels.run(name, loops if dose is None else round(loops * (1 + float(dose)))))
        return spent[-1]

    loops = request.get("loops") or calibrated(run, request["trial_s"] / VALUES)
    pilot_s = run(loops)
    warmups = max(FEWEST_WARMUPS, math.ceil(request["warmup_s"] / pilot_s) if pilot_s else 0)
    left = iter(range(warmups, -1, -1))

    def time_func(loops):
        if name == "rr" and next(left, None) == 0:
            kernels.library.vb_rr_forget()
        return run(loops)

    recorded = recorder.record(name, time_func, loops, warmups)
    return {
        "values": list(recorded.values),
        "warmups": [list(warmup) for warmup in recorded.warmups],
        "loops": loops,
        "clock": CLOCK,
        "padding": len(os.environ.get("VBENCH_PADDING", "")),
        "spent_s": sum(spent),
        "dose": None if dose is None else float(dose),
        "extra": extra(kernels, name),
        "pyperf": recorder.as_json(name, recorded),
    }


def extra(kernels, name):
    if name == "rr":
        return {"round_trips_ns": kernels.round_trips_ns()}
    if name in ("triad", "chase"):
        return {"last_level_cache_b": last_level_cache_b()}
    return {}


def last_level_cache_b(folder=Path("/sys/devices/system/cpu/cpu0/cache")):
    """The largest cache that this environment claims to have, None where it does not say."""
    sizes = []
    for file in folder.glob("index*/size"):
        text = file.read_text().strip()
        if text.endswith("K") and text[:-1].isdigit():
            sizes.append(int(text[:-1]) * 1024)
    return max(sizes, default=None)


def answer(kernels, recorder, line):
    try:
        return measure(kernels, recorder, json.loads(line))
    except OSError as error:
        return {"error": error.strerror or str(error), "errno": error.errno}
    except KeyError as error:
        return {"error": f"the request lacks {error}", "errno": None}
    except (ValueError, TypeError, SystemExit) as error:  # pyperf ends the process where it cannot measure
        return {"error": f"{type(error).__name__}: {error}", "errno": None}


def main():
    kernels, recorder = Kernels(HERE), Recorder()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(kernels, recorder, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
