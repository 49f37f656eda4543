"""Makes the initramfs: busybox and the modules of a machine's root disk, NIC and channel, as a cpio archive."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INIT = """\
#!/bin/busybox sh
# Process 1 of a machine until its agent: loads the drivers of the devices it has, mounts its disks, brings up its NIC.
# All of it here, by one static program: under emulation each of the disk's own tools takes ten times as long.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup  # for containers in this machine
root=/dev/vda
read -r line < /proc/cmdline
for word in $line; do
    case $word in
        vbench.root=*) root=${word#*=} ;;
        vbench.scratch=*) scratch=${word#*=} ;;
        vbench.ip=*) address=${word#*=} ;;
    esac
done

load() {  # $1: a bus; the rest: modules by name
    bus=$1; shift
    for file in /sys/bus/$bus/devices/*/modalias; do
        [ -e "$file" ] && read -r alias < "$file" && set -- "$@" "$alias"
    done
    [ $# = 0 ] || modprobe -a -q "$@"
}

load pci crc32c_intel crc32c_generic ext4  # which asks for a checksum, and nothing here answers the kernel
load virtio
if [ ! -b "$root" ]; then  # a SCSI, ATA or NVMe disk comes after its bus was searched
    modprobe -q sd_mod
    tries=0
    while [ ! -b "$root" ] && [ $tries -lt 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
mount -t ext4 -o noatime "$root" /root || { echo "vbench: the root disk $root cannot be mounted"; exit 1; }
if [ -n "$scratch" ]; then
    mount -t ext4 -o noatime "$scratch" /root/scratch || echo "vbench: the scratch disk $scratch cannot be mounted"
fi
mkdir /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /root/tmp
mount -t tmpfs -o mode=755 tmpfs /root/run

echo guest > /proc/sys/kernel/hostname
ip link set lo up
for path in /sys/class/net/*; do
    nic=${path##*/}
    [ -n "$address" ] && [ "$nic" != lo ] || continue
    ip address add "$address" dev "$nic"
    ip link set "$nic" up
    break
done

mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
exec switch_root /root /opt/vbench/python -I -S /opt/vbench/agent.py --port vbench.agent
"""

_APPLETS = ("ip", "mkdir", "modprobe", "mount", "sh", "sleep", "switch_root")


class Entry(NamedTuple):
    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def archive(entries: Iterator[Entry]) -> bytes:
    """A newc cpio archive without times, owners or inodes of this host: equal entries give equal bytes."""
    out = bytearray()
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)]):
        name = entry.name.encode() + b"\0"
        fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + entry.data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initramfs(busybox: Path, modules: Path, release: str, paths: tuple[str, ...]) -> bytes:
    """An archive left uncompressed, since an emulated guest loads faster than it decompresses.

    `modules` is a `lib/modules/<release>`, `paths` are modules below it.
    """
    return archive(_entries(busybox, modules, f"lib/modules/{release}", paths))


def _entries(busybox: Path, modules: Path, target: str, paths: tuple[str, ...]) -> Iterator[Entry]:
    names = [f"{target}/{path}" for path in paths]
    folders = {str(parent) for name in names for parent in Path(name).parents} - {"."}
    for folder in sorted(folders | {"bin", "dev", "proc", "root", "sys"}):
        yield Entry(folder, stat.S_IFDIR | 0o755)
    # Without a console the kernel starts init with no standard streams, and what it says is lost.
    yield Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    yield Entry("init", stat.S_IFREG | 0o755, INIT.encode())
    yield Entry("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes())
    for applet in _APPLETS:
        yield Entry(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox")
    for index in ("modules.alias", "modules.dep"):
        yield Entry(f"{target}/{index}", stat.S_IFREG | 0o644, (modules / index).read_bytes())
    for path, name in zip(paths, names, strict=True):
        yield Entry(name, stat.S_IFREG | 0o644, (modules / path).read_bytes())
