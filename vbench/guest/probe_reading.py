"""Reads files for the probe. A file that cannot be read gives {"error": errno's name}."""

import errno
import os

MAX_TEXT = 65536  # bytes of a file that the probe prints
MAX_TABLE = 32 << 20  # bytes of a file that the probe only searches: 8192 processors, or 100,000 mounts


def failure(error):
    return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def read_bytes(path, limit=MAX_TEXT):
    """The whole file. Raises OSError for a larger one: a part of it could mean something else."""
    data = read_head(path, limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, "larger than it should be", path)
    return data


def read_head(path, size):
    """The first `size` bytes of a file. The size of a kernel's file is not known before it is read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = []
        while size > 0:
            part = os.read(descriptor, min(size, 1 << 20))
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read(path, limit=MAX_TEXT):
    try:
        return read_bytes(path, limit).decode("utf-8", "replace").replace("\0", "\n").strip("\n")
    except OSError as error:
        return failure(error)


def names(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def lines_of(path, keys):
    """Lines of a `key: value` file that have one of these keys."""
    text = read(path)
    if isinstance(text, dict):
        return text
    return "\n".join(line for line in text.splitlines() if line.split(":")[0].strip() in keys)


def mounts():
    """Every mount: (device number, root, mount point, options, type, source, super options)."""
    text = read("/proc/self/mountinfo", MAX_TABLE)
    for line in [] if isinstance(text, dict) else text.splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) >= 6 and len(after) >= 3:
            root, point, source = (unescaped(path) for path in (before[3], before[4], after[1]))
            yield before[2], root, point, before[5], after[0], source, after[2]


def unescaped(path):
    """A path as it is. The kernel writes space, tab, newline and backslash as three octal digits (proc(5))."""
    if "\\" not in path:
        return path
    parts = path.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts[1:])
