"""A terminal for the tests: it knows the few sequences that drawing may use, and refuses every other."""

import re
from dataclasses import dataclass, field

SEQUENCE = re.compile(r"\x1b\[(\d*)([AJm]|(?:;\d+)*m)")


@dataclass
class Terminal:
    """What stands on an endless roll of `width` columns, after everything that was written to it."""

    width: int = 80
    lines: list[str] = field(default_factory=lambda: [""])
    at: int = 0  # line of the cursor
    column: int = 0

    def write(self, text: str) -> "Terminal":
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                found = SEQUENCE.match(text, place)
                assert found, f"a sequence that may leave something behind: {text[place : place + 8]!r}"
                self._obey(found[2], int(found[1] or 1))
                place = found.end()
            else:
                self._put(text[place])
                place += 1
        return self

    def _obey(self, letter: str, count: int) -> None:
        match letter[-1]:
            case "A":
                self.at = max(0, self.at - count)
            case "J":
                del self.lines[self.at + 1 :]
                self.lines[self.at] = self.lines[self.at][: self.column]

    def _put(self, sign: str) -> None:
        match sign:
            case "\r":
                self.column = 0
            case "\n":
                self._down()
            case _:
                assert sign.isprintable(), repr(sign)
                if self.column == self.width:
                    self._down()
                line = self.lines[self.at].ljust(self.column)
                self.lines[self.at] = line[: self.column] + sign + line[self.column + 1 :]
                self.column += 1

    def _down(self) -> None:
        self.at, self.column = self.at + 1, 0
        if self.at == len(self.lines):
            self.lines.append("")

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)
