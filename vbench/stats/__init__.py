"""Statistics of a run, pure numpy without I/O; every formula has its source in its docstring."""
