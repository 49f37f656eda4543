"""Which tools a session lacks, asked by one command: under emulation a tool's own --version can last a second."""

from vbench.contracts import Missing, Session

REBUILD = "the image lacks what it should have: `vbench image build` builds it"
_SCRIPT = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done'


def lacking(session: Session, packages: dict[str, str]) -> tuple[Missing, ...]:
    """Those of the tools (tool to its Debian package) that a session does not find."""
    done = session.run(["sh", "-c", _SCRIPT, "sh", *packages], timeout_s=30)
    lost = done.text.split() if done.status == 0 else list(packages)
    in_image = session.workplace.image not in ("", "host")
    return tuple(
        Missing(tool, REBUILD if in_image else f"apt-get install {package}, or measure with the image, which has it")
        for tool, package in packages.items()
        if tool in lost
    )
