"""All that knows a machine: its processes, processors, files and rights."""
