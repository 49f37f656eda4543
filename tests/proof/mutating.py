"""Makes odd inputs from good ones, by a seed: what a broken, foreign or hostile program might write."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = "@deep@"
FLAT = "@flat@"
# Nested deeper than any reader's stack; the text stands where the word of this key would.
RAW = {DEEP: b"[" * 200_000, FLAT: b'{"a":' * 50_000}
HUGE = 10**400
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    *(0, 1, -1, 10**18, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, HUGE),
    *(-0.0, 0.5, 5e-324, 1e-300, 1e18, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "a", "0", "-1", "1e999", "nan", "null", "../../etc/passwd", "/dev/zero", "a\nb", "=1+1"),
    *("\0", "\x1b[31mred", "\x7f\x9b2J", "\u202egnp.exe", "\u2028", "\ud800", "é" * 300),
    *("</script><img src=x onerror=alert(1)>", "x" * 100_000, "%s%n{0}{a.b}", "{{7*7}}"),
    *([], {}, [None], [[]], {"": {}}, [1, "a", None], {"a": [{}]}, [0] * 5000),
    *(DEEP, FLAT),
)
BYTES = (b"", b"\0", b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\n", b"[", b"{", b'"', b"NaN", b"1e999")
BYTES += (b"-nan", b"9" * 5000, b"\xe2\x80\xae", b"[" * 100_000, b"\n" * 10_000)


def of_json(good: bytes, random: Random) -> bytes:
    """A JSON document with one to three changes of its tree, or of its bytes."""
    if random.random() < 0.25:
        return of_bytes(good, random)
    try:
        tree = json.loads(good)
    except ValueError:
        return of_bytes(good, random)
    return dumped(changed(tree, random), random)


def of_json_lines(good: bytes, random: Random) -> bytes:
    """One line changed; lines may be repeated, torn or in another order."""
    lines = good.splitlines(keepends=True) or [b""]
    index = random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            lines[index] = lines[index] * random.choice((0, 2, 50))
        case 1:
            random.shuffle(lines)
        case 2:
            return of_bytes(good, random)
        case _:
            lines[index] = of_json(lines[index], random) + b"\n"
    return b"".join(lines)


def of_toml(good: bytes, random: Random) -> bytes:
    """A TOML document with a line changed, repeated or left out, or a value replaced."""
    lines = good.decode().splitlines(keepends=True)
    for _ in range(random.randint(1, 3)):
        index = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                lines[index] = ""
            case 1:
                lines.insert(index, random.choice(lines))
            case 2:
                return of_bytes(good, random)
            case _ if "=" in lines[index]:
                lines[index] = f"{lines[index].partition('=')[0]}= {_toml_value(random)}\n"
            case _:
                lines[index] = f"{random.choice(('x', 'trial', 'kind', 'size'))} = {_toml_value(random)}\n"
    return "".join(lines).encode(errors="surrogatepass")


def of_text(good: bytes, random: Random) -> bytes:
    """Lines of a tool: some of its numbers and words replaced."""
    words = good.split(b" ")
    if random.random() < 0.3 or len(words) < 2:
        return of_bytes(good, random)
    for _ in range(random.randint(1, 3)):
        words[random.randrange(len(words))] = random.choice(BYTES)
    return b" ".join(words)


def of_bytes(good: bytes, random: Random) -> bytes:
    """Bytes cut, replaced, repeated or put in."""
    at = random.randrange(len(good) + 1)
    match random.randrange(6):
        case 0:
            return good[:at]
        case 1:
            return good[at:]
        case 2:
            return good[:at] + random.choice(BYTES) + good[at:]
        case 3:
            return good[:at] + bytes([random.randrange(256)]) + good[at + 1 :]
        case 4:
            return good[:at] + good[max(0, at - 50) :]
        case _:
            return random.choice((b"", good + good, random.randbytes(200), random.choice(BYTES)))


def changed(tree: Any, random: Random) -> Any:
    """A tree of lists and tables with one to three nodes that are not what they were."""
    for _ in range(random.randint(1, 3)):
        place = _place(tree, random)
        if place is None:
            return random.choice(ODD)
        _change(*place, random)
    return tree


def _change(parent: Any, key: Any, random: Random) -> None:
    match random.randrange(8):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[random.choice(("", "a", "-1", "1e3", "\u202e", "x" * 5000, f"{key} "))] = parent.pop(key)
        case 2 if isinstance(parent, list):
            parent.extend([parent[key]] * random.choice((1, 3, 300)))
        case 3:
            parent[key] = random.choice(([parent[key]], {"a": parent[key]}, str(parent[key])))
        case 4 if isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
            factor = random.choice((-1, 0, 1e-9, 1e9, 1e300))
            parent[key] = parent[key] * factor if abs(parent[key]) < 2**1000 else factor
        case _:
            parent[key] = random.choice(ODD)


def _place(tree: Any, random: Random) -> tuple[Any, Any] | None:
    """A node as its parent and its key there, by a way down from the root: long lists are not met more often."""
    node, place = tree, None
    while isinstance(node, dict | list) and node and (place is None or random.random() < 0.75):
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        place, node = (node, key), node[key]
    return place


def dumped(tree: Any, random: Random) -> bytes:
    """JSON, with NaN and lone surrogates as some programs write them; a key may stand there twice."""
    digits = json.dumps(tree, ensure_ascii=random.random() < 0.5).replace(str(HUGE), "1" + "0" * 5000)
    text = digits.encode(errors="surrogatepass")
    for word, raw in RAW.items():
        text = text.replace(json.dumps(word).encode(), raw)
    if random.random() < 0.1 and text.startswith(b"{") and b'":' in text[:200]:
        key = text[1 : text.index(b'":') + 2]
        text = b"{" + key + random.choice((b"1,", b'"a",', b"null,", b"[],")) + text[1:]
    return text


def _toml_value(random: Random) -> str:
    odd = random.choice(ODD)
    if isinstance(odd, str):
        return RAW[DEEP].decode() if odd in RAW else json.dumps(odd)
    if isinstance(odd, int | float) and not isinstance(odd, bool):
        return str(odd)[:300]
    return random.choice(("''", "true", "[]", "[[], {}, 1]", "{ a = [{}] }", "1979-05-27T07:32:00Z", "inf", "0x10"))


Mutate = Callable[[bytes, Random], bytes]
