"""Finds the one number in what a command printed, by regular expression or JSON pointer; what is unclear is refused."""

import itertools
import json
import math
import re

MOST_COUNTED = 100
SHOWN = 60
# Not what `float` takes: it knows nan, inf, 1_000 and the digits of other scripts.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class NoNumber(Exception):
    """What was printed has not the one number that was asked for."""


def by_regex(text, regex):
    """The number in the only group of the only match; `^` and `$` stand at the ends of lines."""
    said(text)
    found = list(itertools.islice(re.finditer(regex, text, re.MULTILINE), MOST_COUNTED))
    if not found:
        raise NoNumber(f"the regex matches nothing in what it printed, which begins {shown(text)}")
    if len(found) > 1:
        times = f"{len(found)} times" if len(found) < MOST_COUNTED else f"{MOST_COUNTED} times and more"
        raise NoNumber(f"the regex matches {times}, at first {shown(found[0][0])} and {shown(found[1][0])}")
    if found[0][1] is None:
        raise NoNumber(f"the regex matches {shown(found[0][0])}, but its group is not in the match")
    return of_text(found[0][1])


def of_text(text):
    """Raises NoNumber for what is no finite decimal number."""
    if not NUMBER.fullmatch(text.strip()):
        raise NoNumber(f"{shown(text)} is not a number")
    return finite(float(text))


def by_pointer(text, pointer):
    """The number that an RFC 6901 pointer leads to in the one JSON document that was printed."""
    said(text)
    try:
        found = json.loads(text, parse_int=float)  # int refuses more than 4300 digits
        for token in pointer.split("/")[1:]:
            found = below(found, token.replace("~1", "/").replace("~0", "~"))
    except LookupError as error:
        raise NoNumber(f"the pointer {shown(pointer)} leads nowhere: no {error.args[0]}") from None
    except ValueError as error:
        raise NoNumber(f"what it printed is not one JSON document: {str(error)[:200]}") from None
    except RecursionError:
        raise NoNumber("what it printed cannot be read as JSON: it is nested too deeply") from None
    if not isinstance(found, float):
        raise NoNumber(f"the pointer {shown(pointer)} leads to {of_json(found)}, which is not a number")
    return finite(found)


def below(value, token):
    """Raises LookupError with the words for what is not there."""
    if isinstance(value, dict) and token in value:
        return value[token]
    if isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,9}", token) and int(token) < len(value):
        return value[int(token)]
    what = "item" if isinstance(value, list) else "member"
    raise LookupError(f"{what} {shown(token)}")


def of_json(value):
    """What is no number, as the document has it; what has parts by its kind alone, since it can be deep."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return cut(json.dumps(value))


def finite(value):
    if not math.isfinite(value):
        raise NoNumber(f"{value} is not a finite number")
    return value


def said(text):
    if not text.strip():
        raise NoNumber("it printed nothing to standard output, where a number was to be found")


def shown(value):
    return cut(repr(value))


def cut(text):
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
