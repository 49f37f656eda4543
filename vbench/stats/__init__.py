"""Statistics of a run, one idea a file: pure functions of numbers, without I/O, each formula with its source."""
