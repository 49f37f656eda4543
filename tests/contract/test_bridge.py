"""The bridge of a run: the peer stays in reach of an arm while other arms come and go."""

import sys

from vbench.contracts import Session, Testbed
from vbench.testbed.network import PEER_ADDRESS, ip_batch
from vbench.testbed.veth import Veth

# Nobody listens on the discard port: who reaches the peer is refused at once.
REACHES = f"""
import socket
try:
    socket.create_connection(("{PEER_ADDRESS}", 9), 2)
except ConnectionRefusedError:
    print("refused")
"""


def test_the_peer_stays_in_reach_when_the_port_with_the_lowest_address_goes(host: Session, testbed: Testbed) -> None:
    def reached(veth: Veth) -> str:
        words = ["nsenter", f"--net={veth.netns}", sys.executable, "-I", "-S", "-c", REACHES]
        return host.run(words, timeout_s=30).text.strip()

    with testbed.attach(Veth) as stays:
        assert stays
        with testbed.attach(Veth) as goes:
            assert goes
            ip_batch(host, goes.bridge_netns, f"link set {goes.port} address 02:00:00:00:00:01")
            assert reached(stays) == "refused"
            ip_batch(host, goes.bridge_netns, f"link del {goes.port}")
        assert reached(stays) == "refused"
