"""A container that is no descendant of the harness, as a daemon's are: runc detaches it, and pipes lead to it."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, ClassVar

from vbench.beneath import Cgroup
from vbench.contracts import Missing, Session, Testbed, Workplace
from vbench.environments.settings import EnvironmentSettings
from vbench.environments.starting import agent_command, pinned, started
from vbench.environments.tools import tool_missing
from vbench.host.capabilities import rights_missing

# The container keeps the two pipes open; runc, which began it, ends at once. Processes here only carry bytes.
_RELAY = """
folder="$1"; shift
mkfifo "$folder/in" "$folder/out"
exec 3<&0
cat <&3 >"$folder/in" &
"$@" <"$folder/in" >"$folder/out" 2>"$folder/err" &
exec cat "$folder/out"
"""


class Detached(EnvironmentSettings, frozen=True, kw_only=True):
    """One container a start, in a control group at the root of the hierarchy; init is its parent."""

    kind: ClassVar[str] = "detached"
    is_offered: ClassVar[bool] = False

    def title(self) -> str:
        return self.kind

    def expected_start_s(self) -> float:
        return 0.5

    def missing(self, host: Session) -> tuple[Missing, ...]:
        lacking = tool_missing(host, ["runc", "--version"], "apt-get install runc")
        return (*lacking, *rights_missing(host, of_host=True))

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        assert testbed.image is not None
        name = f"vbench-{uuid.uuid4().hex[:12]}"
        workplace = Workplace(image=testbed.image.digest)
        with testbed.folder("bundle") as bundle, testbed.folder("scratch") as scratch:
            runc = ["runc", "--root", f"{bundle}/state"]
            host.run([*runc, "spec", "--bundle", str(bundle)], timeout_s=30).check()
            config = json.loads(host.run(["cat", f"{bundle}/config.json"], timeout_s=30).check().stdout)
            _fill(config, name, workplace, root=str(testbed.image.root), scratch=str(scratch), cpus=testbed.cpus)
            document = json.dumps(config).encode()
            host.run(["tee", f"{bundle}/config.json"], timeout_s=30, stdin=document).check()
            run = [*pinned(testbed.cpus), *runc, "run", "--detach", "--bundle", str(bundle), name]
            with (
                testbed.undo([*runc, "delete", "--force", name]),
                started(
                    host,
                    [*pinned(testbed.peer_cpus), "sh", "-c", _RELAY, "sh", str(bundle), *run],
                    workplace=workplace,
                    layers=[],
                    mechanisms=[],
                    attach_s=0.0,
                    limit_s=60.0,
                    served_by=Cgroup(PurePosixPath("/", name)),
                    log=lambda: host.run(["cat", f"{bundle}/err"], timeout_s=30).text[-300:],
                ) as session,
            ):
                yield session


def _fill(
    config: dict[str, Any], name: str, workplace: Workplace, *, root: str, scratch: str, cpus: tuple[int, ...]
) -> None:
    """What runc's own example lacks: the agent, the image, scratch space, a group of that name, the processors."""
    config["process"] |= {"terminal": False, "args": agent_command(workplace), "cwd": "/"}
    del config["process"]["rlimits"]  # without CAP_SYS_RESOURCE they could not be raised again
    config["root"] = {"path": root, "readonly": True}
    config["mounts"].append({"destination": "/scratch", "type": "bind", "source": scratch, "options": ["bind", "rw"]})
    config["linux"]["cgroupsPath"] = f"/{name}"
    config["linux"]["resources"]["cpu"] = {"cpus": ",".join(map(str, cpus))}
