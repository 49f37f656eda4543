"""Decodes the output of programs into structs. Unexpected output of any kind raises ValueError."""

import re
from typing import Annotated, Any, TypeVar, overload

import msgspec
from msgspec import Meta

T = TypeVar("T")
LONGEST = 2**63 - 1
Count = Annotated[int, Meta(ge=0, le=LONGEST)]
"""A number of things or of ns, as every file and table of ours can hold it."""

LARGEST_B = 32 * 2**20
"""Twice what a command may print (guest/collecting.py): its output in base64, within a line of the agent."""

# C's printf writes these where JSON has no number.
_NOT_A_NUMBER = re.compile(rb"(:\s*)[+-]?(?:nan|inf(?:inity)?)\b", re.IGNORECASE)


@overload
def decode(data: bytes) -> Any: ...
@overload
def decode(data: bytes, kind: type[T]) -> T: ...
def decode(data: bytes, kind: Any = Any) -> Any:
    """Decodes JSON into `kind`, bytes from base64. Raises only ValueError, with words for a message."""
    if len(data) > LARGEST_B:
        raise ValueError(f"it has {len(data)} bytes, more than {LARGEST_B // 2**20} MiB")
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise ValueError(str(error)) from None


def convert(document: Any, kind: type[T]) -> T:
    """Converts a result of `decode` into `kind`; a table's keys may be numbers. Raises only ValueError."""
    try:
        return msgspec.convert(document, kind, str_keys=True)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise ValueError(str(error)) from None


def without_nan(text: bytes) -> bytes:
    """JSON of a C program, with null for `nan`, `-nan` and `inf`: unknown is not a number."""
    return _NOT_A_NUMBER.sub(rb"\1null", text)


def without(document: Any, keys: frozenset[str]) -> Any:
    """The document without these keys, at any depth."""
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for key in keys & node.keys():
                del node[key]
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return document
