"""Identifies the cloud by the firmware's names, under OpenTelemetry's attribute names, without a network request."""

from vbench.facts.evidence import Absent, Evidence, clean, fact_from
from vbench.model import Facts

_SOURCE = "/sys/class/dmi/id"
_VENDORS: dict[str, tuple[str, str | None]] = {
    "Amazon EC2": ("aws", "aws_ec2"),
    "Google": ("gcp", "gcp_compute_engine"),
    "Alibaba Cloud": ("alibaba_cloud", "alibaba_cloud_ecs"),
    "Tencent Cloud": ("tencent_cloud", "tencent_cloud_cvm"),
    "DigitalOcean": ("digitalocean", None),
    "Hetzner": ("hetzner", None),
    "Scaleway": ("scaleway", None),
    "Vultr": ("vultr", None),
}


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    provider, platform, kind = _identify(evidence)
    return {
        "cloud.provider": fact_from(_SOURCE, provider, clean),
        "cloud.platform": fact_from(_SOURCE, platform, clean),
        "host.type": fact_from(_SOURCE, kind, clean),
    }


def _identify(evidence: Evidence) -> tuple[str | None, str | None, str | None]:
    """(cloud.provider, cloud.platform, host.type); None is unknown or no cloud: firmware does not tell them apart."""
    vendor, product = _text(evidence, "sys_vendor"), _text(evidence, "product_name")
    if vendor == "Microsoft Corporation" and evidence.devices.get("azure"):
        return "azure", "azure.vm", None
    if vendor == "Xen" and "amazon" in _text(evidence, "bios_version").lower():
        return "aws", "aws_ec2", None
    provider, platform = _VENDORS.get(vendor, (None, None))
    return provider, platform, product or None if provider == "aws" else None


def _text(evidence: Evidence, name: str) -> str:
    text = evidence.files.get(f"{_SOURCE}/{name}")
    try:
        return clean(text) if isinstance(text, str) else ""
    except Absent:
        return ""
