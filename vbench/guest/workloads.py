"""The kernels that the driver runs, with the set-up of those that need one before their clock starts."""

import ctypes
import os

HERE = os.path.dirname(os.path.realpath(__file__))
CLOCK_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
HUGE_PAGES = {"never": 0, "always": 1}
# Return values of kernels besides 0 and an errno (kernels.h).
FAILURES = {-1: "its result is wrong", -2: "this processor lacks the instructions"}


class KernelFailed(Exception):
    """A kernel's failure that has no errno."""


class Compiled:
    """A kernel of kernels.so: the function vb_NAME, and its set-up.

    `arguments` turns a request's parameters into the arguments of vb_X_init; without it there is no set-up. X is the
    kernel's name or `shares`. Kernels with the same `shares` use the same set-up one after the other. `frees`: there is
    a vb_X_free. `forgets`: there is a vb_NAME_forget, called at the end of warm-up. `extra` adds fields to the reply.
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
    """A kernel of interpreted.py, which is imported only for such a kernel."""

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
    """Raises OSError for an errno, and KernelFailed for a code of FAILURES."""
    if code > 0:
        raise OSError(code, f"{what}: {os.strerror(code)}")
    if code < 0:
        raise KernelFailed(f"{what}: {FAILURES[code]}")


def no_arguments(params):
    return ()


def sized(params):
    return ctypes.c_uint64(params["size_b"]), HUGE_PAGES[params["huge_pages"]]


def last_level_cache(kernels):
    return {"last_level_cache_b": last_level_cache_b()}


def clock_source(kernels, file=CLOCK_SOURCE):
    """Clock source of this environment's operating system kernel. None if it is not known."""
    return {"clock_source": content(file)}


def last_level_cache_b(folder=None):
    """Bytes of the largest cache that this environment shows for its first processor. None if it shows none."""
    folder = folder or f"/sys/devices/system/cpu/cpu{min(os.sched_getaffinity(0))}/cache"
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    texts = [content(os.path.join(folder, name, "size")) or "" for name in names if name.startswith("index")]
    return max((int(text[:-1]) * 1024 for text in texts if text.endswith("K") and text[:-1].isdigit()), default=None)


def content(file):
    """Text of a small file. None if there is no such file."""
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


# Kernels that need more than their C function. Every other vb_NAME of kernels.so runs without a set-up.
KERNELS = {
    "aes": Compiled(no_arguments),
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
    """The shared library and the one kernel that is set up. Its memory is freed before another kernel is set up."""

    def __init__(self, folder):
        self.library = ctypes.CDLL(os.path.join(folder, "kernels.so"))
        self.ready = self.interpreted = None
        self.library.vb_rr_taken.restype = ctypes.c_uint64
        self.library.vb_rr_copy.restype = ctypes.c_uint64

    def kernel(self, name):
        """The kernel of that name. Raises ValueError if there is none."""
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
        """Runs `loops` operations and returns the seconds that the kernel counted."""
        return self.kernel(name).run(self, name, loops)

    def forget(self, name):
        """Drops what the kernel recorded during warm-up, so that it is not taken for the values."""
        if self.kernel(name).forgets:
            self.library[f"vb_{name}_forget"]()

    def round_trips_ns(self):
        """Times in ns of the round trips that the kernel recorded, sorted."""
        count = self.library.vb_rr_taken()
        taken = (ctypes.c_uint64 * count)()
        return sorted(taken[: self.library.vb_rr_copy(taken, ctypes.c_uint64(count))])
