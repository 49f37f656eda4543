"""Bases of the structs that a suite's tables become."""

from typing import ClassVar

from msgspec import Struct

from vbench.contracts import Needs


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a suite: unknown keys are refused."""


class Settings(Table, frozen=True, kw_only=True):
    """Base of every environment and benchmark struct."""

    is_offered: ClassVar[bool] = True

    def needs(self) -> Needs:
        return Needs()
