"""Suites: environments × benchmarks × method, a TOML file."""

from vbench.suite.keys import families
from vbench.suite.narrowing import (
    benchmark_records,
    chain,
    confirmatory,
    environment_records,
    restrict,
    settings,
)
from vbench.suite.reading import anchored, folders, load, parse, shipped
from vbench.suite.shape import NAME, Document, LadderTable, Method, Suite, TestbedSettings

__all__ = [
    "NAME",
    "Document",
    "LadderTable",
    "Method",
    "Suite",
    "TestbedSettings",
    "anchored",
    "benchmark_records",
    "chain",
    "confirmatory",
    "environment_records",
    "families",
    "folders",
    "load",
    "parse",
    "restrict",
    "settings",
    "shipped",
]
