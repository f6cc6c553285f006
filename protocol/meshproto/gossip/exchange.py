"""Peer exchange: nodes offered in a PRUNE (RFC 0008 section 5.3).

What is offered are signed records of the mesh (RFC 0005 section 4), checked against the
peer id they are offered for, and only from neighbours that earned trust by delivering.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.errors import DecodeError
from meshproto.gossip.peers import Peer
from meshproto.gossip.state import State, Wanted
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire.control.peer import PEER_OCTETS_MAX, parse_peer
from meshproto.wire.pubsub import PeerInfo


def offers(state: State, topic: Topic, pruned: Peer) -> tuple[PeerInfo, ...]:
    """Up to `prune_peers` other subscribers in good standing, with their records."""
    known = [
        node
        for node in topic.subscribers
        if node != pruned.node and not state.scores.below(node, 0)
    ]
    count = min(state.config.prune_peers, len(known))
    made = []
    for node in state.chance.sample(known, count):
        record = state.surroundings.peer_record(node)
        if record and len(record) <= PEER_OCTETS_MAX:
            made.append(PeerInfo(node, record))
    return tuple(made)


def _genuine(state: State, info: PeerInfo) -> bool:
    try:
        record = parse_peer(info.record or b"")
    except DecodeError:
        return False
    if record.node != info.peer:
        return False
    return state.verify(record.node, record.signed_part(), record.signature)


def take(state: State, sender: Peer, peers: Sequence[PeerInfo]) -> None:
    """Nodes that a neighbour offered with its PRUNE."""
    if not peers:
        return
    if state.scores.of(sender.node) < state.config.thresholds.accept_px:
        state.refuse(sender.node, "gossip-exchange-untrusted")
        return
    chosen = list(peers)
    state.chance.shuffle(chosen)
    for info in chosen[: state.config.prune_peers]:
        node = NodeId(info.peer)
        if node == state.me or node in state.peers:
            continue
        if not _genuine(state, info):
            state.refuse(sender.node, "gossip-exchange-record")
            continue
        state.want(Wanted(node, info.record or b""))
