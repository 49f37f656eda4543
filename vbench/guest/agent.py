"""The agent's first breath: opens the channel over stdio or a virtio-serial port, says hello, and loads the rest.

Start-up ends with hello (docs/benchmarks.md), so what only commands need is imported behind it: `serving` and its
imports take twice as long as the bare interpreter, and are compiled once for the image instead of at each start.
"""

import os
import sys


def standard_streams():
    """Our own copies of stdin and stdout, so that no workload can inherit the channel and hold it open."""
    reader = os.fdopen(os.dup(0), "rb", buffering=0)
    writer = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return reader, writer


def virtio_port(name):
    """The port by its name: without udev there is no /dev/virtio-ports."""
    base = "/sys/class/virtio-ports"
    for port in os.listdir(base):
        with open(os.path.join(base, port, "name")) as file:
            if file.read().strip() == name:
                device = open("/dev/" + port, "r+b", buffering=0)  # noqa: SIM115
                return device, device
    raise SystemExit("no virtio port named " + name)


def main():
    reader, writer = virtio_port(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else standard_streams()
    writer.write(b'{"hello": 1}\n')
    sys.path.insert(0, __file__.rpartition("/")[0])  # `-I` leaves our own folder out
    from serving import Agent, Channel

    sys.path.pop(0)
    Agent(Channel(reader, writer)).serve()


if __name__ == "__main__":
    main()
