"""A run as tables: samples, blocks, histograms and costs, as pandas frames and as the folder's Parquet files."""

from vbench.frames.parquet import write
from vbench.frames.passing import read
from vbench.frames.tables import Tables

__all__ = ["Tables", "read", "write"]
