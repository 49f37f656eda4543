"""Looks at the runs and reports that are there: a list of them, and pages for a browser on this machine."""
