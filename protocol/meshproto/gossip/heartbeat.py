"""The heartbeat: meshes kept in shape, gossip sent, promises called in (RFC 0008
section 5.5).

`beat` does one; `restless` says whether the next one would have anything to do, so that
a quiet router sleeps.  All randomness is `Chance`, all order that of the tables.
"""

from __future__ import annotations

from math import ceil

from meshproto.gossip import mesh
from meshproto.gossip.control import chunks
from meshproto.gossip.mesh import mesh_of, outbound
from meshproto.gossip.messages import refill_fanout
from meshproto.gossip.peers import Peer
from meshproto.gossip.state import State, Wanted
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire import pubsub


def beat(state: State, number: int, now: float) -> None:
    """Heartbeat `number`."""
    for node in state.promises.broken(now):
        state.scores.penalise(node)
    if state.direct and number % state.config.direct_connect_ticks == 0:
        for node in state.direct:
            if node not in state.peers:
                state.want(Wanted(node, b""))
    recent = state.cache.recent() if len(state.cache) else {}
    for topic in state.topics.ours():
        _maintain(state, topic, number, now)
        if topic.name in recent:
            _emit(state, topic, mesh_of(topic), recent[topic.name])
    for topic in state.topics.fanouts():
        if topic.fanout_until <= now:
            state.topics.end_fanout(topic)
            continue
        refill_fanout(state, topic)
        if topic.name in recent:
            _emit(state, topic, topic.fanout or {}, recent[topic.name])
    if recent or len(state.cache):
        state.cache.shift()


def _maintain(state: State, topic: Topic, number: int, now: float) -> None:
    config, members = state.config, mesh_of(topic)
    below = state.scores.below
    for peer in [peer for node, peer in members.items() if below(node, 0)]:
        mesh.prune(state, topic, peer, now, offer=False)
    if len(members) < config.degree_low:
        chosen = mesh.candidates(state, topic, now)
        for peer in mesh.pick(state, chosen, config.degree - len(members)):
            mesh.graft(state, topic, peer, now)
    elif len(members) > config.degree_high:
        _thin_out(state, topic, now)
    missing = config.degree_outbound - outbound(members)
    if missing > 0 and len(members) >= config.degree_low:
        ours = [p for p in mesh.candidates(state, topic, now) if p.outbound]
        for peer in mesh.pick(state, ours, missing):
            mesh.graft(state, topic, peer, now)
    if number % config.opportunistic_graft_ticks == 0 and len(members) > 1:
        _opportunistic(state, topic, now)


def _thin_out(state: State, topic: Topic, now: float) -> None:
    """Down to the degree: the best few stay, enough outbound ones, the rest by lot."""
    config, score = state.config, state.scores.of
    ranked = list(mesh_of(topic).values())
    state.chance.shuffle(ranked)
    ranked.sort(key=lambda peer: -score(peer.node))
    rest = ranked[config.degree_score :]
    state.chance.shuffle(rest)
    ranked[config.degree_score :] = rest
    ours = [peer for peer in ranked if peer.outbound][: config.degree_outbound]
    kept = {peer.node for peer in ours}
    for peer in ranked:
        if len(kept) >= config.degree:
            break
        kept.add(peer.node)
    for peer in ranked:
        if peer.node not in kept:
            mesh.prune(state, topic, peer, now)


def _opportunistic(state: State, topic: Topic, now: float) -> None:
    """A mesh of neighbours that deliver little takes in better ones."""
    score = state.scores.of
    scores = sorted(map(score, mesh_of(topic)))
    median = scores[len(scores) // 2]
    if median >= state.config.thresholds.opportunistic_graft:
        return
    better = [
        peer for peer in mesh.candidates(state, topic, now) if score(peer.node) > median
    ]
    for peer in mesh.pick(state, better, state.config.opportunistic_graft_peers):
        mesh.graft(state, topic, peer, now)


def _emit(
    state: State, topic: Topic, members: dict[NodeId, Peer], ids: list[bytes]
) -> None:
    """IHAVE to some of those whom we do not send the messages themselves."""
    config, below = state.config, state.scores.below
    others = [
        peer
        for node, peer in topic.subscribers.items()
        if node not in members
        and not peer.direct
        and not below(node, config.thresholds.gossip)
    ]
    count = max(config.degree_lazy, ceil(config.gossip_factor * len(others)))
    receivers = mesh.pick(state, others, count)
    if not receivers:
        return
    few = len(ids) <= config.max_ihave_length
    pieces = _announced(state, topic, ids)
    for peer in receivers:
        # why anew for each: of too many, different ones reach more of the mesh
        for piece in pieces if few else _announced(state, topic, ids):
            state.outgoing.gossip(peer, piece)


def _announced(state: State, topic: Topic, ids: list[bytes]) -> list[bytes]:
    state.chance.shuffle(ids)
    told = ids[: state.config.max_ihave_length]
    parts = chunks(told, state.config.rpc_octets_max)
    return [pubsub.ihave(topic.name, part) for part in parts]


def restless(state: State) -> bool:
    """Whether the next heartbeat may have something to do."""
    if len(state.cache) or len(state.promises) or state.topics.fanouts():
        return True
    ours = state.topics.ours()
    if ours and state.scores.volatile:
        return True
    return any(_unsettled(state, topic) for topic in ours)


def _unsettled(state: State, topic: Topic) -> bool:
    members, config = mesh_of(topic), state.config
    if len(members) > config.degree_high:
        return True
    missing = config.degree_outbound - outbound(members)
    if len(members) >= config.degree_low and missing <= 0:
        return False
    return any(
        not peer.direct and (peer.outbound or len(members) < config.degree_low)
        for node, peer in topic.subscribers.items()
        if node not in members
    )
