"""Redraws a few lines at the end of a terminal: nothing is switched, so no way out leaves anything to undo.

Once a signal has come, the last picture and the words below it stay: nothing is erased any more.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from vbench.host import interrupts

UP = "\x1b[{}A"
ERASE = "\r\x1b[J"


@dataclass
class Screen:
    """The lines drawn last stand just above the cursor. One write a picture, so that it never flickers."""

    console: Console
    _widths: list[int] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines that a picture may have: the cursor has a line of its own below it."""
        width, height = self.console.size
        return max(1, width), max(1, height - 1)

    def draw(self, lines: Sequence[Text]) -> None:
        """Draws over the lines drawn before."""
        self._replace([], lines)

    def say(self, line: Text, lines: Sequence[Text]) -> None:
        """Writes a line that stays, above the lines that change."""
        self._replace([line], lines)

    def _replace(self, staying: Sequence[Text], changing: Sequence[Text]) -> None:
        with suppress(OSError), interrupts.drawing() as may_erase:  # a terminal that was closed must not end the run
            if may_erase:
                self.console.file.write(self._back() + self._ink([*staying, *changing]))
                self._widths = [line.cell_len for line in changing]
            else:
                self.console.file.write(self._ink(staying))
            self.console.file.flush()

    def _back(self) -> str:
        """Moves the cursor to the first line drawn before. A terminal that was narrowed has broken long lines."""
        width, height = self.size
        lines = sum(max(1, -(-columns // width)) for columns in self._widths)
        up = min(lines, height)
        return (UP.format(up) if up else "") + ERASE

    def _ink(self, lines: Sequence[Text]) -> str:
        with self.console.capture() as captured:
            for line in lines:
                self.console.print(line, soft_wrap=True)
        return captured.get()


def on_stderr() -> Screen:
    return Screen(Console(stderr=True, highlight=False, markup=False, emoji=False))
