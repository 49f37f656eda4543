"""vbench measures what isolation costs: the same workload on bare metal, in containers and in virtual machines.

`vbench.load(run)` opens a run folder for Python; `vbench.errors` has what it raises.
"""

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vbench import errors as errors
    from vbench.api import Run as Run
    from vbench.api import load as load

__version__ = "0.2.0"
__all__ = ["Run", "__version__", "errors", "load"]

_OFFERED = {"Run": "vbench.api", "load": "vbench.api"}


def __getattr__(name: str) -> "Any":
    """Loaded when first asked for: `import vbench` alone costs nothing."""
    if name == "errors":
        return importlib.import_module("vbench.errors")
    if name in _OFFERED:
        return getattr(importlib.import_module(_OFFERED[name]), name)
    raise AttributeError(f"module 'vbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
