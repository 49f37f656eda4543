"""Infers from facts what a machine is: bare metal or a guest, of which hypervisor, in which container."""

from collections.abc import Callable

from vbench.model import Facts, Layer, Status

_SIGNATURES = {
    "KVMKVMKVM": "kvm",
    "Linux KVM Hv": "kvm",
    "TCGTCGTCGTCG": "tcg",
    "Microsoft Hv": "hyperv",
    "VMwareVMware": "vmware",
    "XenVMMXenVMM": "xen",
    "VBoxVBoxVBox": "virtualbox",
    "bhyve bhyve": "bhyve",
    "prl hyperv": "parallels",
    "lrpepyh vr": "parallels",
    "ACRNACRNACRN": "acrn",
}
_DETECTED = {
    "amazon": "kvm",
    "google": "kvm",
    "qemu": "tcg",
    "microsoft": "hyperv",
    "oracle": "virtualbox",
    "apple": "apple",
}
_TITLES = {
    "kvm": "KVM",
    "tcg": "QEMU TCG",
    "hyperv": "Hyper-V",
    "vmware": "VMware",
    "xen": "Xen",
    "virtualbox": "VirtualBox",
    "firecracker": "Firecracker",
    "qemu": "QEMU",
    "nitro": "AWS Nitro",
    "gce": "Google Compute Engine",
    "cloud-hypervisor": "Cloud Hypervisor",
    "hypervisor": "a hypervisor that is not named",
}
# (fact, text in it) to the machine monitor; ACPI signs where DMI is missing.
_MONITORS = (
    ("acpi.makers", "FIRECK", "firecracker"),
    ("dmi.sys_vendor", "Cloud Hypervisor", "cloud-hypervisor"),
    ("acpi.makers", "CLOUDH", "cloud-hypervisor"),
    ("dmi.sys_vendor", "Amazon EC2", "nitro"),
    ("dmi.sys_vendor", "Google", "gce"),
    ("dmi.sys_vendor", "QEMU", "qemu"),
    ("dmi.product_name", "Standard PC", "qemu"),
    ("acpi.makers", "BOCHS", "qemu"),
)


def layers(facts: Facts) -> tuple[Layer, ...]:
    """Layers from the outermost to the innermost. A guest cannot see its hypervisor's machine: that is `metal?`."""
    return (*_machine(facts), *_containers(facts))


def _machine(facts: Facts) -> tuple[Layer, ...]:
    kind, evidence = _hypervisor(facts)
    if kind is None:
        return (_without_hypervisor(facts),)
    outer = [Layer("metal?", "not visible from inside a guest"), Layer(kind, evidence)]
    monitor = _monitor(facts)
    if monitor is not None and (kind, monitor.name) != ("tcg", "qemu"):
        outer.append(monitor)
    return (*outer, Layer("guest", "the kernel that is asked"))


def _without_hypervisor(facts: Facts) -> Layer:
    flag = facts.get("virtualization.cpuid_flag")
    if flag is not None and flag.value is False:
        return Layer("metal", "CPUID hypervisor bit clear, no other witness of a hypervisor")
    if _text(facts, "virtualization.vm") == "none":
        return Layer("metal", "systemd-detect-virt --vm: none")
    return Layer("unknown", "no witness for or against a hypervisor")


def _hypervisor(facts: Facts) -> tuple[str | None, str]:
    """Kind and evidence. The first witness names the kind; the evidence lists all witnesses and their agreement."""
    claims = [claim for witness in _WITNESSES if (claim := witness(facts))]
    if not claims:
        return None, ""
    kind = next((kind for kind, _ in claims if kind != "hypervisor"), "hypervisor")
    agreeing = [evidence for claimed, evidence in claims if claimed in (kind, "hypervisor")]
    others = [evidence for claimed, evidence in claims if claimed not in (kind, "hypervisor")]
    return kind, "; ".join([*agreeing, *(f"but {evidence}" for evidence in others)])


Claim = tuple[str, str] | None


def _by_xen(facts: Facts) -> Claim:
    # Before CPUID: a Xen guest may be shown Hyper-V's or KVM's leaf for Windows' sake.
    kind = _text(facts, "virtualization.hypervisor_type")
    guest = _text(facts, "virtualization.hypervisor_guest_type")
    return (kind.lower(), f"/sys/hypervisor/type {kind} {guest}".strip()) if kind else None


def _by_signature(facts: Facts) -> Claim:
    text = _text(facts, "virtualization.cpuid_signature")
    return (_SIGNATURES.get(text, "hypervisor"), f"CPUID signature {text}") if text else None


def _by_systemd(facts: Facts) -> Claim:
    text = _text(facts, "virtualization.vm")
    is_guest = text not in ("", "none")
    return (_DETECTED.get(text, text), f"systemd-detect-virt --vm: {text}") if is_guest else None


def _by_virt_what(facts: Facts) -> Claim:
    for name in ("kvm", "xen", "vmware", "hyperv", "virtualbox", "qemu", "bhyve"):
        if name in _words(facts, "virtualization.virt_what"):
            return _DETECTED.get(name, name), f"virt-what: {name}"
    return None


def _by_device_tree(facts: Facts) -> Claim:
    text = _text(facts, "virtualization.device_tree")
    kind = next((kind for kind in ("kvm", "xen", "vmware") if kind in text), "hypervisor")
    return (kind, f"device tree: {text}") if text else None


def _by_clock(facts: Facts) -> Claim:
    available = _words(facts, "clock.available")
    for word, kind in (("kvm-clock", "kvm"), ("xen", "xen"), ("hyperv_clocksource_tsc_page", "hyperv")):
        if word in available:
            return kind, f"clock source {word}"
    return None


def _by_firmware(facts: Facts) -> Claim:
    vendor, product = _text(facts, "dmi.sys_vendor"), _text(facts, "dmi.product_name")
    for text, kind in (("VMware", "vmware"), ("innotek", "virtualbox"), ("Xen", "xen")):
        if vendor.startswith(text):
            return kind, f"DMI {vendor}"
    if vendor == "Microsoft Corporation" and product == "Virtual Machine":
        return "hyperv", f"DMI {vendor} {product}"
    return ("hypervisor", f"DMI {vendor} {product}") if vendor == "QEMU" else None


def _by_flag(facts: Facts) -> Claim:
    flag = facts.get("virtualization.cpuid_flag")
    return ("hypervisor", "CPUID hypervisor bit") if flag is not None and flag.value is True else None


_WITNESSES: tuple[Callable[[Facts], Claim], ...] = (
    _by_xen,
    _by_signature,
    _by_systemd,
    _by_virt_what,
    _by_device_tree,
    _by_clock,
    _by_firmware,
    _by_flag,
)


def _monitor(facts: Facts) -> Layer | None:
    for key, text, name in _MONITORS:
        value = " ".join(_words(facts, key)) or _text(facts, key)
        if text in value:
            return Layer(name, f"{facts[key].source}: {value}")
    return None


def _containers(facts: Facts) -> tuple[Layer, ...]:
    claims: dict[str, str] = {}
    detected = _text(facts, "container.detected")
    if detected not in ("", "none"):
        name = "container" if detected == "container-other" else detected
        claims[name] = f"systemd-detect-virt --container: {detected}"
    if "microsoft" in _text(facts, "kernel.release").lower():
        claims["wsl"] = f"kernel release {_text(facts, 'kernel.release')}"
    if _text(facts, "container.environ") not in ("", "none"):
        claims.setdefault(_text(facts, "container.environ"), "container= of the first process")
    marks = {"docker": "container.dockerenv", "podman": "container.containerenv"}
    for name, key in marks.items():
        if (fact := facts.get(key)) is not None and fact.value is True:
            claims[name] = "; ".join(filter(None, [claims.get(name), f"{fact.source} is there"]))
    if not claims and (engines := _words(facts, "container.cgroup")):
        claims["container"] = f"cgroup path names {', '.join(engines)}"
    if not claims and "pid" in (own := _words(facts, "namespace.own")):
        claims["container"] = f"namespaces of its own: {', '.join(own)}"
    if _only_marks(facts):
        claims = {name: evidence for name, evidence in claims.items() if name == "wsl"}
    return tuple(Layer(name, evidence) for name, evidence in claims.items())


def _only_marks(facts: Facts) -> bool:
    """Whether all namespaces are the host's. A root file system from an image keeps marks without being a container.

    A user namespace in which a user is root over their own files, as vbench makes one, is no container either.
    """
    own = facts.get("namespace.own")
    if own is None or not isinstance(own.value, tuple):
        return False
    return not own.value or ("user" in own.value and {"user", "net"}.issuperset(own.value))


def _text(facts: Facts, key: str) -> str:
    fact = facts.get(key)
    return fact.value if fact is not None and fact.status == Status.OK and isinstance(fact.value, str) else ""


def _words(facts: Facts, key: str) -> tuple[str, ...]:
    fact = facts.get(key)
    return fact.value if fact is not None and isinstance(fact.value, tuple) else ()


def headline(facts: Facts) -> str:
    """One line for the top of a report: `this host is itself a guest (KVM, Firecracker)`."""
    names = [layer.name for layer in _machine(facts)]
    inside = [layer.name for layer in _containers(facts)]
    named = ", ".join(name for name in inside if name != "container")
    container = " and inside a container" if inside else ""
    container += f" ({named})" if named else ""
    if names == ["metal"]:
        return f"this host is bare metal: no witness of a hypervisor{container}"
    if names == ["unknown"]:
        return f"nothing tells whether this host is bare metal or a guest{container}"
    shown = [_TITLES.get(name, name) for name in names if name not in ("metal?", "guest")]
    return f"this host is itself a guest ({', '.join(shown)}){container}"
