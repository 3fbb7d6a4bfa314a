"""Peers as they are installed: DCMTK with Nagle's algorithm on, which is its default.

It writes a P-DATA-TF in two pieces. The second waits until the first is acknowledged, and the
receiver's system delays that by 40 ms, unless the receiver asks it not to.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import ECHOSCU, SCPS, SCUS, STORESCP, Peer, Server, running
from benchmarks.table import Row, at_least

ROWS = (
    Row("echoes/s, to storescp", "to", "rate", (at_least(5000),)),
    Row("echoes/s, from echoscu", "from", "rate", (at_least(5000),)),
)

# Those that are on both sides, by name.
_SERVERS = {peer.name: peer for peer in (SCPS[0], SCPS[3])}

_CLIENTS = tuple(
    peer._replace(lacks=() if peer.name in _SERVERS else ("from",))
    for peer in (SCUS[0], ECHOSCU._replace(environment={}), SCUS[2])
)


def measure(bounds: Bounds) -> Outcome:
    """Each SCU against storescp, and echoscu against each SCP."""
    if not STORESCP.is_there or not ECHOSCU.is_there:
        return {}, ["DCMTK is not installed: what it does as installed is not measured"]
    peers = chosen_of(_CLIENTS, bounds.peers)
    with ExitStack() as stack:

        def started(peer: Peer) -> Server:
            return stack.enter_context(running(peer._replace(environment={}), bounds.server_cpu))

        storescp = started(STORESCP)
        servers = {
            peer.name: started(_SERVERS[peer.name]) for peer in peers if peer.name in _SERVERS
        }

        def once(peer: Peer, case: str) -> dict[str, float]:
            client, server = peer, storescp
            if case == "from":
                client, server = _CLIENTS[1], servers[peer.name]
            return run_once(client, "echo", server.port, bounds.echoes, bounds, bounds.load_cpu)

        return in_turn(peers, ROWS, bounds.rounds, once)
