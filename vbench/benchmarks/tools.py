"""Finds the tools that a session lacks by one command, since a tool's --version can take a second under emulation."""

from vbench.contracts import Missing, Session

REBUILD = "the image lacks what it should have: `vbench image build` builds it"
_SCRIPT = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done'


def lacking(session: Session, packages: dict[str, str]) -> tuple[Missing, ...]:
    """The tools that a session lacks. `packages` maps each tool to its Debian package."""
    done = session.run(["sh", "-c", _SCRIPT, "sh", *packages], timeout_s=30)
    lost = done.text.split() if done.status == 0 else list(packages)
    in_image = session.workplace.image not in ("", "host")
    return tuple(
        Missing(tool, REBUILD if in_image else f"apt-get install {package}, or measure with the image, which has it")
        for tool, package in packages.items()
        if tool in lost
    )
