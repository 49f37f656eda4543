"""Starts the agent: opens its channel (standard streams or a virtio-serial port), says hello, then loads the rest.

The start-up time of an environment ends with hello. Imports that only commands need come after it: importing `serving`
takes twice as long as starting the interpreter. The image holds its bytecode, so no start compiles it.
For the same reason this file uses the built-in `posix` instead of importing `os`.
"""

import io
import posix
import sys


def standard_streams():
    """Copies of stdin and stdout, which then become /dev/null: no workload can inherit the channel and hold it open."""
    reader, writer = (io.FileIO(posix.dup(number), mode) for number, mode in ((0, "r"), (1, "w")))
    null = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(null, 0)
    posix.dup2(null, 1)
    return reader, writer


def virtio_port(name):
    """Opens a virtio-serial port by its name in sysfs, because /dev/virtio-ports needs udev. Raises SystemExit."""
    base = "/sys/class/virtio-ports"
    for port in posix.listdir(base):
        with io.FileIO(f"{base}/{port}/name") as file:
            if file.read().strip() == name.encode():
                device = io.FileIO(f"/dev/{port}", "r+")
                return device, device
    raise SystemExit(f"no virtio port named {name}")


def main():
    reader, writer = virtio_port(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else standard_streams()
    writer.write(b'{"hello": 1}\n')
    sys.path.insert(0, __file__.rpartition("/")[0])  # `-I` leaves this folder out
    from serving import Agent, Channel

    sys.path.pop(0)
    Agent(Channel(reader, writer)).serve()


if __name__ == "__main__":
    main()
