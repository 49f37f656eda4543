"""Compares runs with each other: the costs of isolation in each run, and what so many runs can show."""

from vbench.compare.comparison import Compared, Comparison, compare
from vbench.compare.document import json_document
from vbench.compare.threshold import Judgement, judge, percent

__all__ = ["Compared", "Comparison", "Judgement", "compare", "json_document", "judge", "percent"]
