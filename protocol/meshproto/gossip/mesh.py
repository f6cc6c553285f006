"""Edges of a mesh: made, cut, and chosen (RFC 0008 section 5.1)."""

from __future__ import annotations

from meshproto.gossip import exchange
from meshproto.gossip.events import Grafted, Pruned
from meshproto.gossip.peers import Peer
from meshproto.gossip.state import State
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire import pubsub


def mesh_of(topic: Topic) -> dict[NodeId, Peer]:
    """The mesh of a topic that we joined."""
    assert topic.mesh is not None
    return topic.mesh


def admit(state: State, topic: Topic, peer: Peer, now: float) -> None:
    """Take a neighbour into our mesh."""
    mesh_of(topic)[peer.node] = peer
    state.scores.grafted(peer.node, topic.name, now)
    state.tell(Grafted(peer.node, topic.name))


def dismiss(state: State, topic: Topic, node: NodeId) -> bool:
    """Take a neighbour out of our mesh; whether it was there."""
    if topic.mesh is None or topic.mesh.pop(node, None) is None:
        return False
    forget(state, topic, node)
    return True


def forget(state: State, topic: Topic, node: NodeId) -> None:
    """Note that a neighbour went out of our mesh."""
    state.scores.pruned(node, topic.name)
    state.tell(Pruned(node, topic.name))


def graft(state: State, topic: Topic, peer: Peer, now: float) -> None:
    """Take a neighbour into our mesh and tell it."""
    admit(state, topic, peer, now)
    state.outgoing.edge(peer, topic.name, pubsub.graft(topic.name))


def refuse(
    state: State, topic: Topic, peer: Peer, backoff_s: float, offer: bool
) -> None:
    """Tell a neighbour that it is not in our mesh, and until when not to come back."""
    told = pubsub.Prune(topic.name)
    if peer.version.has_backoff:
        offer = offer and state.config.offer_peers
        peers = exchange.offers(state, topic, peer) if offer else ()
        # whole seconds on the wire: never shorter than what we hold the peer to
        told = pubsub.Prune(topic.name, peers, -int(-backoff_s // 1))
    state.outgoing.edge(peer, topic.name, pubsub.prune(told))


def prune(
    state: State, topic: Topic, peer: Peer, now: float, *, offer: bool = True
) -> None:
    """Take a neighbour out of our mesh, tell it, and start the back-off."""
    dismiss(state, topic, peer.node)
    seconds = state.config.prune_backoff_s
    state.backoffs.add(peer.node, topic.name, seconds, now)
    refuse(state, topic, peer, seconds, offer)


def candidates(state: State, topic: Topic, now: float) -> list[Peer]:
    """Subscribers that may be grafted now: a score that is not negative, no back-off,
    no direct peering.
    """
    mesh, slack_s = mesh_of(topic), state.config.heartbeat_s
    blocks, below = state.backoffs.blocks, state.scores.below
    return [
        peer
        for node, peer in topic.subscribers.items()
        if node not in mesh
        and not peer.direct
        and not blocks(node, topic.name, now, slack_s)
        and not below(node, 0)
    ]


def pick(state: State, peers: list[Peer], count: int) -> list[Peer]:
    """`count` of them at random, or all."""
    if len(peers) <= count:
        return peers
    return state.chance.sample(peers, max(0, count))


def outbound(peers: dict[NodeId, Peer]) -> int:
    """How many connections we opened."""
    return sum(peer.outbound for peer in peers.values())
