"""The one root file system whose bits every environment executes, with its kernel and its disk."""

from vbench.image.assemble import build, current
from vbench.image.cache import find, images, records, remove
from vbench.image.initramfs import INIT

__all__ = ["INIT", "build", "current", "find", "images", "records", "remove"]
