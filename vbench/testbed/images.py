"""The image of a testbed, for what cannot start without it."""

from vbench.beneath import ImageHere
from vbench.contracts import Testbed
from vbench.errors import StartFailed


def image_of(testbed: Testbed) -> ImageHere:
    """Raises StartFailed if there is none."""
    if testbed.image is None:
        raise StartFailed("there is no image to start from", hint="run `vbench image build`")
    return testbed.image
