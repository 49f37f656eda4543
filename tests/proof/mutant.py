"""One change of the code that would make results wrong, with the tests that must notice it."""

from pathlib import Path

from msgspec import Struct


class Mutant(Struct, frozen=True):
    """One change: `old` stands exactly once in the file. Each of the named tests must fail under `new`."""

    file: str  # from the root of the tree
    old: str
    new: str
    breaks: str  # what would be wrong in a result
    tests: tuple[str, ...]  # "module::function" of tests/unit, both without "test_"

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The tests as pytest names them."""
        pairs = (test.split("::") for test in self.tests)
        return tuple(f"tests/unit/test_{module}.py::test_{name}" for module, name in pairs)

    def found(self, tree: Path) -> int:
        """How often the old text stands in the file."""
        path = tree / self.file
        return path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
