"""Checks on the user's own host that vbench finds known differences, and nothing else."""

from vbench.validation.course import Effort, Follower, Validation, validate
from vbench.validation.document import cited, save, sentence

__all__ = ["Effort", "Follower", "Validation", "cited", "save", "sentence", "validate"]
