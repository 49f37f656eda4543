"""Reads facts of the scratch space's disk and of network interfaces, without their names and addresses."""

import re
from collections.abc import Callable
from typing import Any

from vbench.facts.evidence import (
    Absent,
    Evidence,
    Interface,
    Scratch,
    Unreadable,
    chosen,
    clean,
    fact_from,
    number,
    on_off,
    word,
)
from vbench.model import Fact, Facts, FactValue

_MOUNT_WORDS = """
    access acl async attr2 autodefrag barrier cache commit compress compress-force data datacow datasum dax
    delalloc discard errors huge index inode32 inode64 journal_checksum largeio lazytime logbsize logbufs
    metacopy mode msize noatime noauto_da_alloc nobarrier nodatacow nodatasum nodelalloc nodev nodiratime
    nodiscard noexec noquota nossd nosuid nr_inodes redirect_dir relatime ro rw size space_cache ssd strictatime
    stripe sync trans user_xattr userxattr volatile xino
"""
MOUNT_WORDS = frozenset(_MOUNT_WORDS.split())


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    return {**_scratch(evidence), **_network(evidence)}


def _scratch(evidence: Evidence) -> Facts:
    def of(source: str, pick: Callable[[Scratch], Any], parse: Callable[[Any], FactValue]) -> Fact:
        scratch = evidence.scratch
        return fact_from(source, pick(scratch) if scratch.error is None else Unreadable(scratch.error), parse)

    def queue(name: str, parse: Callable[[str], FactValue]) -> Fact:
        return of(f"/sys/block/*/queue/{name}", lambda s: getattr(s.block, name, None), parse)

    return {
        "scratch.filesystem": of("/proc/self/mountinfo", lambda s: s.filesystem, word),
        "scratch.mount_options": of("/proc/self/mountinfo", lambda s: s.options, _options),
        "scratch.direct": of("write with O_DIRECT", lambda s: s.direct, bool),
        "scratch.device": of("/sys/dev/block", lambda s: s.block and s.block.name, _device),
        "scratch.driver": of("/sys/block/*/device/driver", lambda s: s.block and s.block.driver, word),
        "scratch.model": of("/sys/block/*/device/model", lambda s: s.block and s.block.model, _disk_model),
        "scratch.scheduler": queue("scheduler", chosen),
        "scratch.rotational": queue("rotational", on_off),
        "scratch.queue_requests": queue("nr_requests", number),
        "scratch.read_ahead": queue("read_ahead_kb", lambda text: number(text) * 1024),
        "scratch.logical_block": queue("logical_block_size", number),
        "scratch.write_cache": queue("write_cache", clean),
    }


def _options(options: tuple[str, ...]) -> tuple[str, ...]:
    """Mount options that are on the list. Others can hold an overlay's folders, a user's name or an address."""
    kept = []
    for option in options:
        key, equals, value = option.partition("=")
        if key in MOUNT_WORDS and (not equals or re.fullmatch(r"[a-z0-9:.-]{1,24}", value)):
            kept.append(option)
    return tuple(sorted(kept))


def _device(name: str) -> str:
    # Loop and device-mapper numbers change from start to start; a volume's own name is its owner's.
    match = re.fullmatch(r"(loop|dm-|zram|md|nbd|ram)[0-9]+|((?:vd|sd|hd|xvd|mmcblk|nvme|pmem|sr)[a-z0-9]{1,12})", name)
    if match is None:
        raise ValueError(f"not a known kind of block device: {name[:20]!r}")
    return match[2] or match[1].rstrip("-")


def _disk_model(text: str) -> str:
    """A maker's model. Raises ValueError for one that looks like an identifier."""
    if re.search(r"[0-9a-f]{12,}", text, re.IGNORECASE):
        raise ValueError("a model that looks like a serial number")
    return clean(text)


def _network(evidence: Evidence) -> Facts:
    def of(source: str, parse: Callable[[tuple[Interface, ...]], FactValue]) -> Fact:
        return fact_from(source, evidence.network, parse)

    def bench(source: str, pick: Callable[[Interface], FactValue]) -> Fact:
        return of(source, lambda all_: next((pick(i) for i in all_ if i.bench), None))

    sysctl = "/proc/sys/net"
    return {
        "network.drivers": of("SIOCETHTOOL", _drivers),
        "network.bench.driver": bench("SIOCETHTOOL", lambda i: word(i.driver or "")),
        "network.bench.mtu": bench("SIOCGIFMTU", lambda i: i.mtu),
        "network.bench.offloads": bench("SIOCETHTOOL", _offloads),
        "network.congestion_control": evidence.file(f"{sysctl}/ipv4/tcp_congestion_control", word),
        "network.queue_discipline": evidence.file(f"{sysctl}/core/default_qdisc", word),
    }


def _drivers(interfaces: tuple[Interface, ...]) -> tuple[str, ...]:
    """`virtio_net mtu 1500` of each interface but loopback, sorted since the kernel's order means nothing."""
    drivers = []
    for interface in interfaces:
        driver = word(interface.driver) if interface.driver else "unknown"
        drivers.append(f"{driver} mtu {interface.mtu}" + ("" if interface.up else " down"))
    return tuple(sorted(drivers))


def _offloads(interface: Interface) -> FactValue:
    if interface.offloads is None:
        raise Absent
    return tuple(word(name) for name in interface.offloads)
