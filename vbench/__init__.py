"""vbench measures what isolation costs: the same workload on bare metal, in containers and in virtual machines."""

__version__ = "0.1.0"
