"""Chooses how a run is followed on stderr: drawn on a terminal, plain lines elsewhere."""

from typing import TYPE_CHECKING

from vbench.cli.stderr import drawable

if TYPE_CHECKING:
    from vbench.model import Run
    from vbench.runner import Tell
    from vbench.suite import Suite


def following(suite: "Suite", *, quiet: bool, earlier: "Run | None" = None) -> "Tell":
    """The live view where stderr can be drawn on, else lines; `earlier` is the run that is resumed."""
    from vbench.cli.lines import Lines

    if quiet or not drawable():
        return Lines(quiet, stored=_settled(earlier) if earlier else 0)
    from vbench.cli.live import Live

    return Live(suite, earlier=earlier)


def _settled(run: "Run") -> int:
    """Number of stored trials, each once over all attempts; a last block that is void and repeated counts nothing."""
    from vbench.cost import Attempts

    attempts = Attempts(run.trials, run.voids)
    last = max(attempts.last.items(), default=(0, 0))
    is_void = last in attempts.void
    return sum(t.block < last[0] or ((t.block, t.attempt) == last and not is_void) for t in attempts.final)
