"""Starts the agent, in as few lines as it takes: a script is compiled at each start, a module once for the image."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])

import serving

sys.path.pop(0)
serving.main()
