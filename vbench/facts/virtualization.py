"""Reads the witnesses of hypervisors and containers. Each is a fact of its own: no tool names the whole stack."""

from vbench.facts.evidence import Absent, Evidence, Output, Unreadable, clean, clean_version, fact_from, word
from vbench.model import Facts

DMI = "/sys/class/dmi/id"


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    return {**_hypervisor(evidence), **_firmware(evidence), **_container(evidence)}


def _hypervisor(evidence: Evidence) -> Facts:
    return {
        "virtualization.cpuid_flag": evidence.file("/proc/cpuinfo", _flag),
        "virtualization.cpuid_signature": fact_from("CPUID 0x40000000", _leaf(evidence), _signature),
        "virtualization.vm": evidence.command("systemd-detect-virt --vm", _detected),
        "virtualization.virt_what": evidence.command("virt-what", _virt_what),
        "virtualization.hypervisor_type": evidence.file("/sys/hypervisor/type", word),
        "virtualization.hypervisor_guest_type": evidence.file("/sys/hypervisor/guest_type", word),
        "virtualization.device_tree": evidence.file("/proc/device-tree/hypervisor/compatible", clean),
        "virtualization.kvm_device": fact_from("/dev/kvm", evidence.devices.get("kvm"), bool),
        "virtualization.vhost_net_device": fact_from("/dev/vhost-net", evidence.devices.get("vhost_net"), bool),
    }


def _flag(text: str) -> bool:
    """Whether CPUID's hypervisor bit is set; only x86 has one, and Xen PV hides it."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return "hypervisor" in value.split()
    raise Absent


def _leaf(evidence: Evidence) -> str | Unreadable:
    """CPUID's signature, unless CPUID's bit is clear: bare metal answers that leaf with data of another leaf."""
    bit = evidence.file("/proc/cpuinfo", _flag)
    return Unreadable("ENOENT") if bit.value is False else evidence.cpuid


def _signature(text: str) -> str:
    plain = text.replace("\0", " ").strip()
    if not plain:
        raise Absent
    if len(plain) > 12 or not plain.isascii() or not plain.isprintable():
        raise ValueError("not a hypervisor signature")
    return clean(plain)


def _detected(output: Output) -> str:
    """Parses systemd-detect-virt, which ends with status 1 and prints `none` if it detects nothing."""
    if output.status not in (0, 1) or (output.status == 1 and output.stdout.strip() != "none"):
        raise ValueError("systemd-detect-virt failed")
    return word(output.stdout)


def _virt_what(output: Output) -> tuple[str, ...]:
    if output.status != 0:
        raise ValueError("virt-what failed")
    return tuple(word(line) for line in output.stdout.splitlines() if line.strip())


def _firmware(evidence: Evidence) -> Facts:
    fields = ("sys_vendor", "product_name", "bios_vendor", "board_vendor")
    facts = {f"dmi.{name}": evidence.file(f"{DMI}/{name}", clean) for name in fields}
    facts["dmi.bios_version"] = evidence.file(f"{DMI}/bios_version", clean_version)
    return {
        **facts,
        "dmi.device_tree_model": evidence.file("/proc/device-tree/model", clean),
        "acpi.makers": fact_from("ACPI table headers", evidence.acpi, _makers),
    }


def _makers(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise Absent
    if any(len(name) > 6 for name in names):
        raise ValueError("an ACPI maker has six letters")
    return tuple(clean(name) for name in names if name)


def _container(evidence: Evidence) -> Facts:
    marks = evidence.container
    return {
        "container.detected": evidence.command("systemd-detect-virt --container", _detected),
        "container.dockerenv": fact_from("/.dockerenv", marks.dockerenv, bool),
        "container.containerenv": fact_from("/run/.containerenv", marks.containerenv, bool),
        "container.environ": fact_from("container= of /proc/1/environ", marks.environ, _named),
        "container.cgroup": fact_from("/proc/self/cgroup", marks.cgroup, _engines),
    }


def _named(text: str) -> str:
    return word(text) if text else "none"


def _engines(words: tuple[str, ...]) -> tuple[str, ...]:
    engines = ("docker", "kubepods", "libpod", "containerd", "crio", "lxc", "machine.slice", "garden", "buildkit")
    if set(words) - set(engines):
        raise ValueError("not a known engine's mark")
    return tuple(sorted(words))
