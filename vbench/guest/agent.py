"""The agent's first breath: opens the channel over stdio or a virtio-serial port, says hello, and loads the rest.

Start-up ends with hello, so what only commands need is imported behind it: `serving` and its imports
take twice as long as the bare interpreter, and are compiled once for the image instead of at each start.
For the same reason this file uses `posix`, which is built in, where others would import `os`.
"""

import io
import posix
import sys


def standard_streams():
    """Our own copies of stdin and stdout, so that no workload can inherit the channel and hold it open."""
    reader, writer = (io.FileIO(posix.dup(number), mode) for number, mode in ((0, "r"), (1, "w")))
    null = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(null, 0)
    posix.dup2(null, 1)
    return reader, writer


def virtio_port(name):
    """The port by its name: without udev there is no /dev/virtio-ports."""
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
    sys.path.insert(0, __file__.rpartition("/")[0])  # `-I` leaves our own folder out
    from serving import Agent, Channel

    sys.path.pop(0)
    Agent(Channel(reader, writer)).serve()


if __name__ == "__main__":
    main()
