"""How the probe reads files: what cannot be read becomes the name of its errno."""

import errno
import os

MAX_TEXT = 65536


def failure(error):
    return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def read_bytes(path, limit=MAX_TEXT):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = []
        while limit > 0:
            part = os.read(descriptor, limit)
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read(path):
    try:
        return read_bytes(path).decode("utf-8", "replace").replace("\0", "\n").strip("\n")
    except OSError as error:
        return failure(error)


def names(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def lines_of(path, keys):
    """The lines of a `key: value` file whose key is asked for."""
    text = read(path)
    if isinstance(text, dict):
        return text
    return "\n".join(line for line in text.splitlines() if line.split(":")[0].strip() in keys)


def mounts():
    """(device number, root, mount point, options, type, source, super options) of every mount."""
    text = read("/proc/self/mountinfo")
    for line in [] if isinstance(text, dict) else text.splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) >= 6 and len(after) >= 3:
            root, point, source = (unescaped(path) for path in (before[3], before[4], after[1]))
            yield before[2], root, point, before[5], after[0], source, after[2]


def unescaped(path):
    """The kernel writes space, tab, line break and backslash of a path as three octal digits each (proc(5))."""
    if "\\" not in path:
        return path
    parts = path.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts[1:])
