"""Suites: environments × benchmarks × method, a TOML file."""

from vbench.suite.keys import families
from vbench.suite.narrowing import (
    benchmark_records,
    chain,
    confirmatory,
    engines,
    environment_record,
    environment_records,
    network,
    relations_of,
    restrict,
    settings,
    takes_image,
)
from vbench.suite.reading import anchored, folders, load, parse, shipped
from vbench.suite.shape import (
    NAME,
    NETWORKS,
    STORAGES,
    Arm,
    Document,
    LadderTable,
    Method,
    Relations,
    Suite,
    TestbedSettings,
)

__all__ = [
    "NAME",
    "NETWORKS",
    "STORAGES",
    "Arm",
    "Document",
    "LadderTable",
    "Method",
    "Relations",
    "Suite",
    "TestbedSettings",
    "anchored",
    "benchmark_records",
    "chain",
    "confirmatory",
    "engines",
    "environment_record",
    "environment_records",
    "families",
    "folders",
    "load",
    "network",
    "parse",
    "relations_of",
    "restrict",
    "settings",
    "shipped",
    "takes_image",
]
