"""Decides when an adaptive run has enough blocks: by the width of its intervals, never by what they say."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from vbench.stats import detectable, equivalence
from vbench.stats.envelope import Envelope

_RATIOS: Mapping[str, float] = MappingProxyType({})


class Stopping(Struct, frozen=True):
    """The rule, fixed before the run."""

    delta: float = 0.02  # smallest cost of interest, as a ratio minus 1
    n_min: int = 15
    look_every: int = 5
    n_max: int = 40
    share: float = 0.1  # of |mean d|: a large cost needs no absolute precision
    width: float | None = None  # of a ratio: half-width as a ratio minus 1; half of ln(1 + δ) when not set

    def limit(self, mean: float, margin: float | None = None) -> float:
        """The half-width at which a cell is done: max(ln(1 + δ) / 2, 10 % of |mean d|), a logarithm of a ratio.

        With a `margin` the cell is a difference: max(margin / 2, 10 % of |mean d|), all three in the metric's unit.
        """
        return max(self._absolute() if margin is None else margin / 2, self.share * abs(mean))

    def widest(self, mean: float, margin: float | None = None) -> float:
        """The half-width above which a cell decides nothing: the smallest cost of interest would not be seen.

        max(ln(1 + δ), 10 % of |mean d|), or max(margin, 10 % of |mean d|) of a difference; never less than `limit`.
        """
        smallest = equivalence.margin_of(self.delta) if margin is None else margin
        return max(smallest, self.limit(mean, margin))

    def _absolute(self) -> float:
        return equivalence.margin_of(self.delta) / 2 if self.width is None else equivalence.margin_of(self.width)

    def looks(self) -> tuple[int, ...]:
        """The numbers of blocks after which widths are looked at; n_max is always the last."""
        return (*range(self.n_min, self.n_max, self.look_every), self.n_max)


class End(StrEnum):
    GO_ON = "go on"
    WIDTHS_REACHED = "every confirmatory interval is narrow enough"
    AT_MOST = "n_max is reached"


class Settled(StrEnum):
    """Why more blocks of a benchmark would not pay."""

    NARROW = "narrow enough"
    UNDECIDABLE = "out of reach"


class Widths(Struct, frozen=True):
    """The result of one look at the widths. Cells are named as the caller named them."""

    blocks: int
    end: End
    open: tuple[str, ...] = ()  # still too wide
    beyond: tuple[str, ...] = ()  # those of them that n_max blocks of the present spread cannot narrow enough
    next_look: int | None = None

    @property
    def stop(self) -> bool:
        return self.end is not End.GO_ON


def look(cells: Mapping[str, Envelope], blocks: int, rule: Stopping, margins: Mapping[str, float] = _RATIOS) -> Widths:
    """Look at the confirmatory cells after `blocks` blocks; between looks nothing is decided.

    `margins` has the cells that are differences, each in its metric's unit; all others are ratios. A cell that was
    done stays in the order and may become open again; all are judged at the same look. Only widths enter: peeking at
    significance makes a false positive of every fourth run. Without any cell there is no width to stop on, and the
    run goes on to n_max.
    """
    wide = tuple(name for name, envelope in cells.items() if not done(envelope, rule, margins.get(name)))
    beyond = tuple(name for name in wide if not within_reach(cells[name], rule, margins.get(name)))
    following = next((n for n in rule.looks() if n > blocks), None)
    if blocks not in rule.looks() and following is not None:
        return Widths(blocks, End.GO_ON, wide, beyond, following)
    if not wide and cells:
        return Widths(blocks, End.WIDTHS_REACHED)
    if following is None:
        return Widths(blocks, End.AT_MOST, wide, beyond)
    return Widths(blocks, End.GO_ON, wide, beyond, following)


def settled(cells: Mapping[str, Envelope], rule: Stopping, margins: Mapping[str, float] = _RATIOS) -> Settled | None:
    """Why more blocks of a benchmark with these cells would not pay; None while n_max can decide one that is open.

    A cell without an interval is out of reach: more of the same would not give it one. Only widths enter.
    """
    if not cells:
        return Settled.UNDECIDABLE
    wide = {name: envelope for name, envelope in cells.items() if not done(envelope, rule, margins.get(name))}
    if not wide:
        return Settled.NARROW
    is_open = any(_can_decide(envelope, rule, margins.get(name)) for name, envelope in wide.items())
    return None if is_open else Settled.UNDECIDABLE


def done(envelope: Envelope, rule: Stopping, margin: float | None = None) -> bool:
    """Whether the half-width is within the cell's limit; a cell without an interval never is."""
    return (
        envelope.half_width is not None
        and envelope.mean is not None
        and not envelope.label
        and envelope.half_width <= rule.limit(envelope.mean, margin)
    )


def within_reach(envelope: Envelope, rule: Stopping, margin: float | None = None) -> bool:
    """Whether n_max blocks of the present mean and spread would be narrow enough, the envelope's excess included.

    A cell without spread or interval is out of reach: more of the same would not give it one.
    """
    expected = _at_most(envelope, rule)
    return expected is not None and expected[1] <= rule.limit(expected[0], margin)


def _can_decide(envelope: Envelope, rule: Stopping, margin: float | None) -> bool:
    """Whether n_max blocks of the present mean and spread would show the smallest cost of interest."""
    expected = _at_most(envelope, rule)
    return expected is not None and expected[1] <= rule.widest(expected[0], margin)


def _at_most(envelope: Envelope, rule: Stopping) -> tuple[float, float] | None:
    """The mean, and the half-width to expect of n_max blocks; None without an interval."""
    if envelope.half_width is None or not envelope.spread or envelope.mean is None or envelope.t is None:
        return None
    return envelope.mean, detectable.half_width(envelope.spread, rule.n_max, widening=envelope.widening)
