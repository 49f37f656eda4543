"""Python benchmarks: what isolation costs a real program, the image's own interpreter, run by pyperf."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark
from vbench.model import Metric


class Json(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is a document of 100 records encoded to 13.7 kB of JSON and decoded again.

    Starts before the first encoding, stops after the last decoding; text and decoded document are checked. It is not a
    parser of Python's own: encoder and decoder are the interpreter's C code. Another version of Python is another
    number.
    """

    kind: ClassVar[str] = "python.json"
    short: ClassVar[str] = "Python JSON"
    exposes: ClassVar[str] = (
        "allocation and copying of small objects in a large program; under emulation the translation of much code "
        "that is executed seldom; with hardware assistance the cost should be that of what shares the processor and "
        "its caches"
    )
    about: ClassVar[str] = "json.dumps and json.loads of 100 records"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one document both ways"),)


class Regex(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is five compiled patterns searched through the same 4 KiB of text.

    They have alternatives, repeats, groups, a look-ahead and back-references; the number of matches of each is checked.
    Starts before the first search, stops after the last one. It is not compilation: the patterns were compiled before.
    """

    kind: ClassVar[str] = "python.regex"
    short: ClassVar[str] = "Python regex"
    exposes: ClassVar[str] = (
        "a large loop of C with hard-to-predict branches, as cpu.branchy, in a program that people run; translation "
        "of instructions under emulation"
    )
    about: ClassVar[str] = "five regular expressions through 4 KiB of text"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one pass of all patterns"),)


class Nbody(KernelBenchmark, frozen=True, kw_only=True):
    """One operation moves the sun and four planets by 100 steps from the same beginning; their energy is checked.

    Starts before the first step of the first operation, stops after the last one. It is not floating point alone: each
    number is an object of the interpreter.
    """

    kind: ClassVar[str] = "python.nbody"
    short: ClassVar[str] = "Python n-body"
    exposes: ClassVar[str] = (
        "the interpreter's loop: indirect jumps, small objects, and floating point, which a translator does in software"
    )
    about: ClassVar[str] = "five bodies moved 100 steps in pure Python"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of 100 steps"),)
