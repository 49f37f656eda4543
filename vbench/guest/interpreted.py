"""The kernels of the python family. Each reads the clock around its own loop and checks its own result."""

import json
import math
import re
import time
import zlib

from workloads import KernelFailed

STEPS = 100  # of the bodies in one operation


def seconds_of(operation, loops):
    """Seconds of `loops` calls, and the result of the last call."""
    result = None
    start_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    for _ in range(loops):
        result = operation()
    return (time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - start_ns) * 1e-9, result


def numbers(count, seed=1):
    """Pseudo-random integers below 2^31, the same in every version of Python."""
    for _ in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


class Json:
    """Encodes and decodes a document of 100 records, 13.7 kB of text."""

    CHECKSUM = 2319606526

    def __init__(self):
        self.document = [
            {
                "id": number,
                "name": f"record {number:x}",
                "score": number / 1024,
                "valid": number % 3 == 0,
                "parent": None if number % 5 else {"id": number // 2, "path": ["a", "b\n", "ü"]},
                "tags": [f"t{number % 7}", f"u{number % 11}"],
            }
            for number in numbers(100)
        ]

    def run(self, loops):
        def operation():
            text = json.dumps(self.document)
            return text, json.loads(text)

        seconds, (text, document) = seconds_of(operation, loops)
        if zlib.crc32(text.encode()) != self.CHECKSUM or document != self.document:
            raise KernelFailed("json: its result is wrong")
        return seconds


class Regex:
    """Searches 4 KiB for five patterns: alternatives, repeats, groups, a look-ahead and a back-reference."""

    WORDS = ("lorem", "ipsum42", "do.lor", "sit@amet.org", "2026-11-22", "conn-17", "aabbcc", "10.0.0.1", "GET", "x=y;")
    PATTERNS = (
        r"\b\w+@\w+\.(?:org|com)\b",
        r"(\d{4})-(\d\d)-(\d\d)",
        r"(?:\d{1,3}\.){3}\d{1,3}",
        r"(\w)\1(\w)\2",
        r"[a-z]+(?=-\d+ lorem|;)",
    )
    MATCHES = (54, 43, 52, 50, 66)  # of each pattern
    SIZE = 4 * 1024

    def __init__(self):
        words = (self.WORDS[number % len(self.WORDS)] for number in numbers(self.SIZE // 4))
        self.text = " ".join(words)[: self.SIZE]
        self.patterns = [re.compile(pattern) for pattern in self.PATTERNS]

    def run(self, loops):
        seconds, matches = seconds_of(lambda: tuple(len(p.findall(self.text)) for p in self.patterns), loops)
        if matches != self.MATCHES:
            raise KernelFailed("regex: its result is wrong")
        return seconds


class Nbody:
    """Moves the sun and its four large planets by 100 steps: floating point in the interpreter's own objects."""

    ENERGY = -0.16905076238242825  # after 100 steps
    DAYS = 365.24
    SUN_MASS = 4 * math.pi**2
    # Positions in astronomical units, velocities in the same per day, masses in suns: the usual figures of n-body.
    PLANETS = (
        (
            (4.84143144246472090e00, -1.16032004402742839e00, -1.03622044471123109e-01),
            (1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05),
            9.54791938424326609e-04,
        ),
        (
            (8.34336671824457987e00, 4.12479856412430479e00, -4.03523417114321381e-01),
            (-2.76742510726411099e-03, 4.99852801234917238e-03, 2.30417297573763929e-05),
            2.85885980666130812e-04,
        ),
        (
            (1.28943695621391310e01, -1.51111514016986312e01, -2.23307578892655734e-01),
            (2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05),
            4.36624404335156298e-05,
        ),
        (
            (1.53796971148509165e01, -2.59193146099879641e01, 1.79258772950371181e-01),
            (2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05),
            5.15138902046611451e-05,
        ),
    )

    def bodies(self):
        planets = [
            (list(position), [speed * self.DAYS for speed in velocity], mass * self.SUN_MASS)
            for position, velocity, mass in self.PLANETS
        ]
        momentum = [sum(velocity[axis] * mass for _, velocity, mass in planets) for axis in range(3)]
        return [([0.0, 0.0, 0.0], [-part / self.SUN_MASS for part in momentum], self.SUN_MASS), *planets]

    def run(self, loops):
        def operation():
            bodies = self.bodies()
            advance(pairs_of(bodies), bodies, 0.01, STEPS)
            return energy(bodies)

        seconds, final_energy = seconds_of(operation, loops)
        if not math.isclose(final_energy, self.ENERGY, rel_tol=1e-12):
            raise KernelFailed("nbody: its result is wrong")
        return seconds


def pairs_of(bodies):
    return [(one, other) for index, one in enumerate(bodies) for other in bodies[index + 1 :]]


def advance(pairs, bodies, step, count):
    for _ in range(count):
        for ([x1, y1, z1], v1, m1), ([x2, y2, z2], v2, m2) in pairs:
            dx, dy, dz = x1 - x2, y1 - y2, z1 - z2
            pull = step * (dx * dx + dy * dy + dz * dz) ** -1.5
            by1, by2 = m1 * pull, m2 * pull
            v1[0] -= dx * by2
            v1[1] -= dy * by2
            v1[2] -= dz * by2
            v2[0] += dx * by1
            v2[1] += dy * by1
            v2[2] += dz * by1
        for position, (vx, vy, vz), _ in bodies:
            position[0] += step * vx
            position[1] += step * vy
            position[2] += step * vz


def energy(bodies):
    kinetic = sum(mass * sum(speed * speed for speed in velocity) / 2 for _, velocity, mass in bodies)
    potential = sum(one[2] * other[2] / math.dist(one[0], other[0]) for one, other in pairs_of(bodies))
    return kinetic - potential


KERNELS = {"json": Json, "regex": Regex, "nbody": Nbody}
