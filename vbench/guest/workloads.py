"""The kernels that the driver runs, and what some of them are set up with before their clock starts."""

import ctypes
import os

HERE = os.path.dirname(os.path.realpath(__file__))
CLOCK_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
HUGE_PAGES = {"never": 0, "always": 1}
# What a kernel returns besides 0 and an errno (kernels.h).
FAILURES = {-1: "its result is wrong", -2: "this processor lacks the instructions"}


class KernelFailed(Exception):
    """A kernel's failure that has no errno."""


class Compiled:
    """A kernel of kernels.so: vb_NAME, and what is set up before its clock.

    `arguments` makes those of vb_X_init out of a request's parameters; without it there is no set-up. X is the kernel's
    name, or `shares`: what is set up then stays from one kernel that shares it to the next. `frees`: there is a
    vb_X_free. `forgets`: there is a vb_NAME_forget, called when warm-up ends. `extra` adds to the reply.
    """

    def __init__(self, arguments=None, *, shares=None, frees=False, forgets=False, extra=None):
        self.arguments, self.shares, self.frees, self.forgets = arguments, shares, frees, forgets
        self.extra = extra or (lambda kernels: {})

    def set_up(self, kernels, name, params):
        if self.arguments:
            prefix = self.shares or name
            check(kernels.library[f"vb_{prefix}_init"](*self.arguments(params)), f"{name}: set-up failed")

    def tear_down(self, kernels, name):
        if self.frees:
            kernels.library[f"vb_{self.shares or name}_free"]()

    def run(self, kernels, name, loops):
        seconds = ctypes.c_double()
        check(kernels.library[f"vb_{name}"](ctypes.c_uint64(loops), ctypes.byref(seconds)), name)
        return seconds.value


class Interpreted:
    """A kernel of interpreted.py, which is imported by those alone that ask for one."""

    shares, forgets = None, False

    def set_up(self, kernels, name, params):
        import interpreted

        kernels.interpreted = interpreted.KERNELS[name]()

    def tear_down(self, kernels, name):
        kernels.interpreted = None

    def run(self, kernels, name, loops):
        return kernels.interpreted.run(loops)

    def extra(self, kernels):
        return {}


def check(code, what):
    """Raises the error of a kernel's code: an errno, or one of FAILURES."""
    if code > 0:
        raise OSError(code, f"{what}: {os.strerror(code)}")
    if code < 0:
        raise KernelFailed(f"{what}: {FAILURES[code]}")


def nothing(params):
    return ()


def sized(params):
    return ctypes.c_uint64(params["size_b"]), HUGE_PAGES[params["huge_pages"]]


def last_level_cache(kernels):
    return {"last_level_cache_b": last_level_cache_b()}


def clock_source(kernels, file=CLOCK_SOURCE):
    """What this environment's kernel keeps time by, None where it does not say."""
    return {"clock_source": content(file)}


def last_level_cache_b(folder=None):
    """The largest cache that this environment claims for its own processor, None where it does not say."""
    folder = folder or f"/sys/devices/system/cpu/cpu{min(os.sched_getaffinity(0))}/cache"
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    texts = [content(os.path.join(folder, name, "size")) or "" for name in names if name.startswith("index")]
    return max((int(text[:-1]) * 1024 for text in texts if text.endswith("K") and text[:-1].isdigit()), default=None)


def content(file):
    """A small file's text, None where there is none."""
    try:
        with open(file, encoding="ascii") as opened:
            return opened.read().strip()
    except FileNotFoundError:
        return None


def program(params):
    return (os.fsencode(params.get("program", f"{HERE}/echo")),)


def peer(params):
    return params["address"].encode(), params["port"]


def round_trips(kernels):
    return {"round_trips_ns": kernels.round_trips_ns()}


# Kernels that need more than their C function. Any other vb_NAME of kernels.so is run with nothing set up.
KERNELS = {
    "aes": Compiled(nothing),
    "copy": Compiled(sized, shares="stream", frees=True, extra=last_level_cache),
    "scale": Compiled(sized, shares="stream", frees=True, extra=last_level_cache),
    "add": Compiled(sized, shares="stream", frees=True, extra=last_level_cache),
    "triad": Compiled(sized, shares="stream", frees=True, extra=last_level_cache),
    "chase": Compiled(
        lambda params: (*sized(params), ctypes.c_uint64(params.get("seed", 1))), frees=True, extra=last_level_cache
    ),
    "vdso": Compiled(extra=clock_source),
    "open": Compiled(program),
    "fork": Compiled(program),
    "json": Interpreted(),
    "regex": Interpreted(),
    "nbody": Interpreted(),
    "rr": Compiled(peer, frees=True, forgets=True, extra=round_trips),
    "connect": Compiled(peer, frees=True, forgets=True, extra=round_trips),
}
PLAIN = Compiled()


class Kernels:
    """The shared library, and the one kernel that is set up: its memory is freed before another one takes its own."""

    def __init__(self, folder):
        self.library = ctypes.CDLL(os.path.join(folder, "kernels.so"))
        self.ready = self.interpreted = None
        self.library.vb_rr_taken.restype = ctypes.c_uint64
        self.library.vb_rr_copy.restype = ctypes.c_uint64

    def kernel(self, name):
        """How the kernel is run. Raises ValueError where there is none of that name."""
        if name in KERNELS:
            return KERNELS[name]
        if not hasattr(self.library, f"vb_{name}"):
            raise ValueError(f"unknown kernel {name!r}")
        return PLAIN

    def set_up(self, name, params):
        kernel = self.kernel(name)
        wanted = (kernel.shares or name, dict(params))
        if self.ready and self.ready[1:] == wanted:
            return
        self.tear_down()
        kernel.set_up(self, name, params)
        self.ready = (name, *wanted)

    def tear_down(self):
        if self.ready:
            self.kernel(self.ready[0]).tear_down(self, self.ready[0])
        self.ready = None

    def run(self, name, loops):
        """Seconds that the kernel counted for `loops` operations."""
        return self.kernel(name).run(self, name, loops)

    def forget(self, name):
        """What was kept of the warm-up is not of the values."""
        if self.kernel(name).forgets:
            self.library[f"vb_{name}_forget"]()

    def round_trips_ns(self):
        count = self.library.vb_rr_taken()
        taken = (ctypes.c_uint64 * count)()
        return sorted(taken[: self.library.vb_rr_copy(taken, ctypes.c_uint64(count))])
