"""Finds one number in the output of a command, by regular expression or JSON pointer. An unclear output is refused."""

import itertools
import json
import math
import re

MOST_COUNTED = 100
SHOWN = 60  # characters of an output that a message quotes
# Stricter than `float`, which also accepts nan, inf, 1_000 and the digits of other scripts.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class NoNumber(Exception):
    """The output does not hold exactly one number where the request looks for it."""


def by_regex(text, regex):
    """The number in the only group of the only match. `^` and `$` match at the ends of lines. Raises NoNumber."""
    refuse_empty(text)
    matches = list(itertools.islice(re.finditer(regex, text, re.MULTILINE), MOST_COUNTED))
    if not matches:
        raise NoNumber(f"the regex matches nothing in what it printed, which begins {shown(text)}")
    if len(matches) > 1:
        times = f"{len(matches)} times" if len(matches) < MOST_COUNTED else f"{MOST_COUNTED} times and more"
        raise NoNumber(f"the regex matches {times}, at first {shown(matches[0][0])} and {shown(matches[1][0])}")
    (match,) = matches
    if match[1] is None:
        raise NoNumber(f"the regex matches {shown(match[0])}, but its group is not in the match")
    return parsed(match[1])


def parsed(text):
    """The finite decimal number that the text is. Raises NoNumber for any other text."""
    if not NUMBER.fullmatch(text.strip()):
        raise NoNumber(f"{shown(text)} is not a number")
    return finite(float(text))


def by_pointer(text, pointer):
    """The number at an RFC 6901 pointer in an output that is one JSON document. Raises NoNumber."""
    refuse_empty(text)
    try:
        value = json.loads(text, parse_int=float)  # int refuses more than 4300 digits
        for token in pointer.split("/")[1:]:
            value = member(value, token.replace("~1", "/").replace("~0", "~"))
    except LookupError as error:
        raise NoNumber(f"the pointer {shown(pointer)} leads nowhere: no {error.args[0]}") from None
    except ValueError as error:
        raise NoNumber(f"what it printed is not one JSON document: {str(error)[:200]}") from None
    except RecursionError:
        raise NoNumber("what it printed cannot be read as JSON: it is nested too deeply") from None
    if not isinstance(value, float):
        raise NoNumber(f"the pointer {shown(pointer)} leads to {described(value)}, which is not a number")
    return finite(value)


def member(value, token):
    """A member of an object or an item of an array. Raises LookupError that names the missing one."""
    if isinstance(value, dict) and token in value:
        return value[token]
    if isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,9}", token) and int(token) < len(value):
        return value[int(token)]
    what = "item" if isinstance(value, list) else "member"
    raise LookupError(f"{what} {shown(token)}")


def described(value):
    """A JSON value in words. Objects and arrays have only their kind named, because they can be long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return cut(json.dumps(value))


def finite(value):
    if not math.isfinite(value):
        raise NoNumber(f"{value} is not a finite number")
    return value


def refuse_empty(text):
    if not text.strip():
        raise NoNumber("it printed nothing to standard output, where a number was to be found")


def shown(value):
    return cut(repr(value))


def cut(text):
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
