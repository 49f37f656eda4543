"""`--tag KEY=VALUE`: what the user says of a run, so that `vbench compare --by KEY` can group it."""

import re
from collections.abc import Sequence

from vbench.errors import UsageError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_LONGEST_VALUE = 80
_HINT = "write --tag KEY=VALUE, such as --tag instance=m7i.large"


def tags(words: Sequence[str]) -> dict[str, str]:
    """Tags in the order of the command line. Raises UsageError for what is no KEY=VALUE, and for a repeated key."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--tag {word!r} has no '='", hint=_HINT)
        if not _KEY.fullmatch(key):
            what = "letters, digits, '.', '_' and '-', at most 40"
            raise UsageError(f"--tag {word!r}: {key!r} cannot be a tag's name, which has {what}", hint=_HINT)
        if key in values:
            raise UsageError(f"--tag {key} is given twice", hint="a tag has one value; join the two under another name")
        values[key] = _value(word, value)
    return values


def _value(word: str, value: str) -> str:
    """Stripped, so that `a` and `a ` are one group."""
    text = value.strip()
    if not text or len(text) > _LONGEST_VALUE or not text.isprintable():
        what = f"1 to {_LONGEST_VALUE} printable characters"
        raise UsageError(f"--tag {word!r}: a tag's value has {what}", hint=_HINT)
    return text
