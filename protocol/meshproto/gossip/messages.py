"""Messages: published, received, judged by the owner, passed on.

RFC 0008 section 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshproto.config.gossip import Signing
from meshproto.gossip import authorship
from meshproto.gossip.mesh import pick
from meshproto.gossip.peers import Peer
from meshproto.gossip.seen import Sighting, Verdict
from meshproto.gossip.state import Delivery, State
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Message


def publish(state: State, name: str, data: bytes, number: int, now: float) -> bytes:
    """Send a message of our own; its id."""
    policy = state.config.signing
    message = authorship.written(policy, name, data, state.me, number, state.sign)
    message_id = authorship.message_id(policy, message)
    piece = pubsub.publication(message)
    sighting = Sighting(name, state.me, state.me, piece, now)
    state.seen.add(message_id, sighting)
    state.seen.decide(sighting, Verdict.ACCEPT, now)
    state.cache.put(message_id, name, piece)
    topic = state.topics.joined(name)
    if topic is None:
        topic = state.topics.spread(name)
        refill_fanout(state, topic)
        topic.fanout_until = now + state.config.fanout_ttl_s
    state.outgoing.publish(list(_audience(state, topic, message_id, now)), piece)
    return message_id


def _audience(
    state: State, topic: Topic, message_id: bytes, now: float
) -> Iterator[Peer]:
    """Who gets a message of our own."""
    number, floor = state.beat.number(now), state.config.thresholds.publish
    chosen = topic.mesh if topic.mesh is not None else topic.fanout or {}
    for node, peer in topic.subscribers.items():
        if peer.refuses(message_id, number):
            continue
        if not peer.direct and state.scores.below(node, floor):
            continue
        if peer.direct or state.config.flood_publish or node in chosen:
            yield peer


def refill_fanout(state: State, topic: Topic) -> None:
    """Bring a fan-out to the degree, with subscribers worth publishing to."""
    fanout, floor = topic.fanout, state.config.thresholds.publish
    assert fanout is not None
    for node in [node for node in fanout if state.scores.below(node, floor)]:
        del fanout[node]
    missing = state.config.degree - len(fanout)
    if missing <= 0 or len(fanout) == len(topic.subscribers):
        return
    others = [
        peer
        for node, peer in topic.subscribers.items()
        if node not in fanout
        and not peer.direct
        and not state.scores.below(node, floor)
    ]
    for peer in pick(state, others, missing):
        fanout[peer.node] = peer


def receive(state: State, peer: Peer, message: Message, now: float) -> None:
    """A neighbour sent a message; what is new goes to the owner."""
    topic, policy = state.topics.joined(message.topic), state.config.signing
    if topic is None:
        # why no penalty: it crossed our leaving
        state.refuse(peer.node, "gossip-topic")
        return
    fault = authorship.fault(policy, message)
    if fault:
        state.scores.invalid(peer.node, topic.name)
        state.refuse(peer.node, fault)
        return
    if policy is Signing.STRICT_SIGN and message.origin == state.me:
        state.refuse(peer.node, "gossip-own")
        return
    message_id = authorship.message_id(policy, message)
    sighting = state.seen.get(message_id, now)
    if sighting is not None:
        _repeated(state, peer, sighting, now)
    elif _welcome(state, peer, topic, message):
        _enter(state, peer, topic, message, message_id, now)


def _welcome(state: State, peer: Peer, topic: Topic, message: Message) -> bool:
    config = state.config
    if len(message.data or b"") > config.data_octets_max:
        state.refuse(peer.node, "gossip-data")
        return False
    if state.seen.undecided >= config.validations_max:
        state.overflow("validations_max", config.validations_max)
        return False
    if not authorship.authentic(config.signing, message, state.verify):
        state.scores.invalid(peer.node, topic.name)
        state.refuse(peer.node, "gossip-signature")
        return False
    return True


def _enter(
    state: State,
    peer: Peer,
    topic: Topic,
    message: Message,
    message_id: bytes,
    now: float,
) -> None:
    data = message.data or b""
    # why encoded anew: unknown fields and odd orders end here (RFC 0008 section 3.3)
    piece = pubsub.publication(message)
    origin = NodeId(message.origin or b"")
    state.seen.add(message_id, Sighting(topic.name, peer.node, origin, piece, now))
    state.promises.kept(message_id)
    if len(data) >= state.config.idontwant_threshold_octets and topic.mesh:
        unwanted = pubsub.idontwant((message_id,))
        for other in topic.mesh.values():
            if other.version.has_idontwant and other is not peer:
                state.outgoing.gossip(other, unwanted)
    state.deliveries.append(Delivery(topic.name, data, origin, message_id))


def _repeated(state: State, peer: Peer, sighting: Sighting, now: float) -> None:
    node, name = peer.node, sighting.topic
    match sighting.verdict:
        case None:
            sighting.copied_by(node)
        case Verdict.ACCEPT:
            window_s = state.scores.window_s(name)
            if window_s is None or now - sighting.decided_at > window_s:
                return
            if sighting.copied_by(node):
                state.scores.repeated(node, name)
        case Verdict.REJECT:
            state.scores.invalid(node, name)
        case Verdict.IGNORE:
            pass


def judge(state: State, message_id: bytes, verdict: Verdict, now: float) -> bool:
    """The owner's verdict; whether the message was awaiting one."""
    sighting = state.seen.get(message_id, now)
    if sighting is None or sighting.verdict is not None:
        return False
    piece = sighting.piece
    state.seen.decide(sighting, verdict, now)
    name, copies = sighting.topic, sighting.copies or {}
    match verdict:
        case Verdict.ACCEPT:
            state.scores.delivered(sighting.source, name)
            for node in copies:
                state.scores.repeated(node, name)
            _forward(state, sighting, message_id, piece, now)
        case Verdict.REJECT:
            for node in (sighting.source, *copies):
                state.scores.invalid(node, name)
        case Verdict.IGNORE:
            pass
    return True


def _forward(
    state: State, sighting: Sighting, message_id: bytes, piece: bytes, now: float
) -> None:
    topic = state.topics.joined(sighting.topic)
    if topic is None:
        return
    state.cache.put(message_id, topic.name, piece)
    number, copies = state.beat.number(now), sighting.copies or {}
    skipped = (sighting.source, sighting.origin)
    mesh = topic.mesh or {}
    receivers = [
        peer
        for node, peer in mesh.items()
        if node not in skipped
        and node not in copies
        and not peer.refuses(message_id, number)
    ]
    for node in state.direct:
        peer = topic.subscribers.get(node)
        if peer is None or node in skipped or node in copies or node in mesh:
            continue
        if not peer.refuses(message_id, number):
            receivers.append(peer)
    state.outgoing.publish(receivers, piece)
