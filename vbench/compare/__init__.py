"""Compares runs with each other: what isolation costs in each of them, and how far their number lets one conclude."""

from vbench.compare.comparison import Compared, Comparison, compare
from vbench.compare.document import json_document
from vbench.compare.threshold import Judgement, judge, percent

__all__ = ["Compared", "Comparison", "Judgement", "compare", "json_document", "judge", "percent"]
