"""Proves on the user's own host that the numbers are right: what is known to differ is found, and nothing else."""

from vbench.validation.course import Effort, Follower, Validation, validate
from vbench.validation.document import cited, save, sentence

__all__ = ["Effort", "Follower", "Validation", "cited", "save", "sentence", "validate"]
