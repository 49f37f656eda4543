"""The one root file system whose bits every environment executes, with its kernel and its disk."""

from vbench.image.assemble import build
from vbench.image.cache import images, records, remove
from vbench.image.checking import check
from vbench.image.choosing import (
    ImageChanged,
    current,
    find,
    in_use,
    lacking,
    one_of,
    refuse_changed,
    refuse_unusable,
    stale,
    states,
)
from vbench.image.initramfs import INIT

__all__ = [
    "INIT",
    "ImageChanged",
    "build",
    "check",
    "current",
    "find",
    "images",
    "in_use",
    "lacking",
    "one_of",
    "records",
    "refuse_changed",
    "refuse_unusable",
    "remove",
    "stale",
    "states",
]
