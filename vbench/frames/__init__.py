"""Gives a run as tables: samples, blocks, histograms and costs, as pandas frames and as the folder's Parquet files.

Nothing is imported here: `columns` costs nothing, all else loads pandas, and `duck` duckdb.
"""
