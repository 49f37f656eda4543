"""The proof of the method: seeded experiments against targets of their own; `python -m tests.proof --full`."""
