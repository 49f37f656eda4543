"""Plan → trials: every environment started afresh in every block, and every trial stored the moment it ends."""

from vbench.runner.clocks import Clocks
from vbench.runner.events import Count, Tell
from vbench.runner.host import image_of, rooted, testbed_of_run
from vbench.runner.leaving import LeftOut, without_rights
from vbench.runner.ledger import MOST_REPEATS, Ledger
from vbench.runner.refusing import fitting, refuse
from vbench.runner.running import Runner
from vbench.runner.stack import start

__all__ = [
    "MOST_REPEATS",
    "Clocks",
    "Count",
    "Ledger",
    "LeftOut",
    "Runner",
    "Tell",
    "fitting",
    "image_of",
    "refuse",
    "rooted",
    "start",
    "testbed_of_run",
    "without_rights",
]
