"""Evidence about network interfaces and the disk under the scratch space, without names and addresses."""

import errno
import os
import sys

from probe_reading import failure, mounts, read

MAX_INTERFACES = 4096  # a host of many containers has one for each
QUEUE_FILES = ("scheduler", "rotational", "nr_requests", "read_ahead_kb", "logical_block_size", "write_cache")
OFFLOADS = {"sg": 0x18, "tso": 0x1E, "gso": 0x23, "gro": 0x2B, "tx-checksum": 0x16, "rx-checksum": 0x14}


def network():
    """Driver, MTU and offloads of every interface but loopback, and whether its address is of the benchmarks' range."""
    try:
        import _socket
        import fcntl
        from array import array

        channel = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    except (ImportError, OSError):
        return {"error": "EACCES"}
    interfaces = []
    try:
        for _, name in _socket.if_nameindex()[:MAX_INTERFACES]:
            described = interface(fcntl.ioctl, channel.fileno(), name.encode()[:15].ljust(16, b"\0"), array)
            if described is not None:
                interfaces.append(described)
    finally:
        channel.close()
    return interfaces


def interface(ioctl, descriptor, name, array):
    """One interface. None for loopback, and for an interface that went away."""

    def ask(number):
        return ioctl(descriptor, number, name + bytes(24))[16:]

    def ethtool(command, size):
        data = array("B", command.to_bytes(4, sys.byteorder) + bytes(size))
        request = name + data.buffer_info()[0].to_bytes(8, sys.byteorder) + bytes(16)
        ioctl(descriptor, 0x8946, request)  # SIOCETHTOOL
        return data.tobytes()

    try:
        flags = int.from_bytes(ask(0x8913)[:2], sys.byteorder)  # SIOCGIFFLAGS
        mtu = int.from_bytes(ask(0x8921)[:4], sys.byteorder)  # SIOCGIFMTU
    except OSError:
        return None
    if flags & 0x8:  # loopback
        return None
    result = {"up": bool(flags & 1), "mtu": mtu, "driver": None, "offloads": None, "bench": False}
    try:
        result["driver"] = ethtool(0x3, 192)[4:36].split(b"\0")[0].decode("ascii", "replace")
        on = [word for word, command in OFFLOADS.items() if any(ethtool(command, 4)[4:8])]
        result["offloads"] = sorted(on)
    except OSError:
        pass
    try:
        address = ask(0x8915)[4:8]  # SIOCGIFADDR
        result["bench"] = address[0] == 198 and address[1] in (18, 19)
    except OSError:
        pass
    return result


def scratch(path):
    """File system of a folder, with its mount options and its block device."""
    try:
        number = os.stat(path).st_dev
    except OSError as error:
        return failure(error)
    device = f"{os.major(number)}:{os.minor(number)}"
    result = {"filesystem": None, "options": None, "block": None, "direct": direct(path)}
    real, longest = os.path.realpath(path), -1
    for device_of, _, point, options, kind, source, extra in mounts():
        inside = point in ("/", real) or real.startswith(point + "/")
        if inside and len(point) >= longest:
            longest = len(point)
            result["filesystem"] = kind
            result["options"] = sorted(set(options.split(",") + extra.split(",")))
            device = device_of if not device_of.startswith("0:") else device_of_source(source)
    result["block"] = block(device) if device else None
    return result


def device_of_source(source):
    """Number of the block device from which a file system is mounted that has no device number of its own (btrfs)."""
    try:
        number = os.stat(source).st_rdev if source.startswith("/dev/") else 0
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}" if number else None


def block(device):
    """Driver, model and queue settings of a block device, or of the disk of a partition. None if it is not in sysfs."""
    folder = os.path.realpath("/sys/dev/block/" + device)
    if not os.path.isdir(folder):
        return None
    if os.path.exists(folder + "/partition"):
        folder = os.path.dirname(folder)
    disk = {name: read(folder + "/queue/" + name) for name in QUEUE_FILES}
    disk["name"] = os.path.basename(folder)
    disk["model"] = read(folder + "/device/model")
    disk["driver"] = None
    for link in ("/device/driver", "/device/device/driver"):
        if os.path.exists(folder + link):
            disk["driver"] = os.path.basename(os.path.realpath(folder + link))
            break
    return disk


def direct(path):
    """Whether a file in this folder accepts an aligned write with O_DIRECT; a failure if no file can be made."""
    import mmap

    name = f"{path}/.vbench-probe-{os.getpid()}"
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return failure(error)
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        try:
            return os.write(descriptor, mmap.mmap(-1, 4096)) == 4096
        finally:
            os.close(descriptor)
    except OSError as error:
        return False if error.errno == errno.EINVAL else failure(error)
    finally:
        os.unlink(name)
