"""The environments: one file each, and one line each in this table."""

from vbench.contracts import Environment
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake
from vbench.environments.faulty import Faulty
from vbench.environments.nspawn import Nspawn
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.environments.settings import beneath

__all__ = ["KINDS", "beneath"]

KINDS: dict[str, type[Environment]] = {kind.kind: kind for kind in (Bare, Oci, Nspawn, Qemu, Faulty, Fake)}
