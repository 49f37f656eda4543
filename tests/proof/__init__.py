"""The proof of the method: seeded experiments against the targets of docs/method.md; `python -m tests.proof --full`."""
