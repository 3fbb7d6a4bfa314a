"""Peers as they are installed: DCMTK with Nagle's algorithm on, which is its default.

It writes a P-DATA-TF in two pieces. The second waits until the first is acknowledged, and the
receiver's system delays that by 40 ms, unless the receiver asks it not to.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import ECHOSCU, SCPS, SCUS, STORESCP, Peer, running
from benchmarks.table import Row, at_least

ROWS = (
    Row("echoes/s, to storescp", "lean", "rate", (at_least(5000),)),
    Row("echoes/s, from echoscu", "echo", "rate", (at_least(5000),)),
)

# Those of one name on both sides.
_SERVERS = {peer.name: peer for peer in (SCPS[0], SCPS[3])}


def measure(bounds: Bounds) -> Outcome:
    """Each SCU against storescp, and echoscu against each SCP."""
    if not STORESCP.is_there or not ECHOSCU.is_there:
        return {}, ["DCMTK is not installed: what it does as installed is not measured"]
    storescp, echoscu = (peer._replace(environment={}) for peer in (STORESCP, ECHOSCU))
    clients = {SCUS[0].name: SCUS[0], echoscu.name: echoscu, SCUS[2].name: SCUS[2]}
    peers = [
        # One that makes data sets and nothing else is asked for those.
        peer._replace(lacks=() if peer.name in _SERVERS else ("echo",))
        for peer in chosen_of(clients.values(), bounds.peers)
    ]
    with ExitStack() as stack:
        default = stack.enter_context(running(storescp, bounds.server_cpu))
        servers = {
            name: stack.enter_context(running(peer, bounds.server_cpu))
            for name, peer in _SERVERS.items()
            if name in {peer.name for peer in peers}
        }

        def once(peer: Peer, case: str) -> dict[str, float]:
            if case == "echo":
                client, server = echoscu, servers[peer.name]
            else:
                client, server = peer, default
                case = "echo" if "lean" in clients[peer.name].lacks else case
            return run_once(client, case, server.port, bounds.echoes, bounds, bounds.load_cpu)

        return in_turn(peers, ROWS, bounds.rounds, once)
