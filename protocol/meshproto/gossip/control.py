"""What neighbours ask: GRAFT, PRUNE, IHAVE, IWANT, IDONTWANT (RFC 0008 section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.gossip import exchange, mesh
from meshproto.gossip.peers import Peer
from meshproto.gossip.state import State
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Control, IHave, Prune, Subscription


def subscribe(state: State, peer: Peer, told: Sequence[Subscription]) -> None:
    """A neighbour joined or left topics."""
    for one in told:
        if not one.subscribe:
            topic = state.topics.unsubscribe(peer, one.topic)
            if topic is not None:
                mesh.forget(state, topic, peer.node)
        elif one.topic in peer.topics:
            continue
        elif not one.topic or len(peer.topics) >= state.config.topics_per_peer_max:
            state.refuse(peer.node, "gossip-subscriptions")
            return
        else:
            state.topics.subscribe(peer, one.topic)


def handle(state: State, peer: Peer, told: Control, now: float) -> None:
    """Everything that one RPC asks, in the order of the specification."""
    peer.count_from(state.beat.number(now))
    if told.ihave or told.iwant:
        if state.scores.below(peer.node, state.config.thresholds.gossip):
            state.refuse(peer.node, "gossip-threshold")
        else:
            _ihave(state, peer, told.ihave, now)
            _iwant(state, peer, told.iwant, now)
    for name in told.graft:
        _graft(state, peer, name, now)
    for prune in told.prune:
        _prune(state, peer, prune, now)
    for ids in told.idontwant:
        _idontwant(state, peer, ids, now)


def _ihave(state: State, peer: Peer, told: Sequence[IHave], now: float) -> None:
    if not told:
        return
    config = state.config
    peer.ihaves += 1
    room = config.max_ihave_length - peer.asked_ids
    if peer.ihaves > config.max_ihave_messages or room <= 0:
        state.refuse(peer.node, "gossip-ihave-flood")
        return
    unknown: dict[bytes, None] = {}
    for one in told:
        if state.topics.joined(one.topic) is None:
            continue
        for message_id in one.message_ids[: config.max_ihave_length]:
            if state.seen.get(message_id, now) is None:
                unknown[message_id] = None
    if not unknown:
        return
    asked = list(unknown)
    state.chance.shuffle(asked)
    del asked[room:]
    peer.asked_ids += len(asked)
    until = now + config.iwant_followup_s
    state.promises.add(peer.node, state.chance.choice(asked), until)
    for part in chunks(asked, config.rpc_octets_max):
        state.outgoing.gossip(peer, pubsub.iwant(part))


def chunks(ids: list[bytes], octets_max: int) -> list[list[bytes]]:
    """The ids in parts that each fit an RPC."""
    made: list[list[bytes]] = [[]]
    size = 0
    room = octets_max - pubsub.TOPIC_OCTETS_MAX - 32
    for message_id in ids:
        size += len(message_id) + 4
        if size > room and made[-1]:
            made.append([])
            size = len(message_id) + 4
        made[-1].append(message_id)
    return made


def _iwant(
    state: State, peer: Peer, told: Sequence[Sequence[bytes]], now: float
) -> None:
    number = state.beat.number(now)
    wanted = dict.fromkeys(one for ids in told for one in ids)
    for message_id in wanted:
        found = state.cache.ask(message_id, peer.node)
        if found is None or peer.refuses(message_id, number):
            continue
        piece, times = found
        if times > state.config.gossip_retransmission:
            state.refuse(peer.node, "gossip-iwant-flood")
            continue
        state.outgoing.answer(peer, piece)


def _graft(state: State, peer: Peer, name: str, now: float) -> None:
    topic, node, config = state.topics.joined(name), peer.node, state.config
    if topic is None or node not in topic.subscribers:
        # why silent: an answer would let anybody make us talk about any topic
        state.refuse(node, "gossip-graft-topic")
        return
    members = mesh.mesh_of(topic)
    if node in members:
        return
    if peer.direct:
        mesh.prune(state, topic, peer, now, offer=False)
        return
    backoff = state.backoffs.of(node, name, now)
    if backoff is not None:
        state.scores.penalise(node)
        if now < backoff.since + config.graft_flood_s:
            state.scores.penalise(node)
        _turn_away(state, topic, peer, "gossip-graft-backoff", now)
    elif state.scores.below(node, 0):
        _turn_away(state, topic, peer, "gossip-graft-score", now)
    elif len(members) >= config.degree_high and not peer.outbound:
        weaker = _weaker(state, members, peer)
        mesh.prune(state, topic, weaker or peer, now)
        if weaker is not None:
            mesh.admit(state, topic, peer, now)
    else:
        mesh.admit(state, topic, peer, now)


def _weaker(state: State, members: dict[NodeId, Peer], peer: Peer) -> Peer | None:
    """Whom a full mesh gives up for `peer`: the worst member, if `peer` delivered and
    is better (RFC 0008 section 5.4).

    Without this a mesh that strangers filled first is lost: its own grafts meet meshes
    that are as full.  A score that high cannot be had by waiting outside.
    """
    score, config = state.scores.of, state.config
    mine = score(peer.node)
    if mine < max(config.thresholds.opportunistic_graft, 1e-9):
        return None
    spare = mesh.outbound(members) > config.degree_outbound
    offered = [one for one in members.values() if spare or not one.outbound]
    worst = min(offered, key=lambda one: score(one.node), default=None)
    return worst if worst is not None and score(worst.node) < mine else None


def _turn_away(state: State, topic: Topic, peer: Peer, why: str, now: float) -> None:
    state.refuse(peer.node, why)
    mesh.prune(state, topic, peer, now, offer=False)


def _prune(state: State, peer: Peer, told: Prune, now: float) -> None:
    topic, config = state.topics.joined(told.topic), state.config
    if topic is None:
        return
    mesh.dismiss(state, topic, peer.node)
    seconds = config.prune_backoff_s
    if told.backoff_s:
        seconds = float(min(told.backoff_s, int(config.prune_backoff_max_s)))
    state.backoffs.add(peer.node, topic.name, seconds, now)
    exchange.take(state, peer, told.peers)


def _idontwant(state: State, peer: Peer, ids: Sequence[bytes], now: float) -> None:
    config = state.config
    peer.idontwants += 1
    if peer.idontwants > config.max_idontwant_messages:
        if peer.idontwants == config.max_idontwant_messages + 1:
            state.refuse(peer.node, "gossip-idontwant-flood")
        return
    until = state.beat.number(now) + config.idontwant_ttl_heartbeats
    for message_id in ids[: config.max_idontwant_length]:
        peer.refuse(message_id, until)
