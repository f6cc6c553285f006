"""GossipSub behaviours: IHAVE and IWANT, thresholds, scores, IDONTWANT, signatures, and
what implementations learned.

`test_gossip_behaviours` checks that none of the public list is missing.
"""

from __future__ import annotations

import pytest

from meshproto.config.gossip import PeerScore, Signing, Thresholds
from meshproto.errors import DecodeError
from meshproto.gossip.events import Dropped
from meshproto.gossip.peers import Version
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Message
from support.gossip import (
    ME,
    OTHER,
    P3,
    TOPIC,
    Rig,
    disgrace,
    id_of,
    meshed,
    message,
    node_id,
)

AUTHOR = node_id(900)


def invalid_of(rig: Rig, node: NodeId) -> float:
    found = rig.router.scores._stats[node].topics.get(TOPIC)
    return found.invalid if found else 0.0


# IHAVE and IWANT


def test_ihave__ihave_asks() -> None:
    rig, nodes = meshed(1)
    known = rig.publish()
    ids = [b"id%05d" % index for index in range(6000)]
    rig.forget()
    rig.ihave(nodes[0], known, *ids[:50])
    ((node, asked),) = rig.asked()
    assert node == nodes[0]
    assert set(asked) == set(ids[:50])
    assert list(asked) != ids[:50]
    rig.forget()
    rig.ihave(nodes[0], *ids)
    assert sum(len(asked) for _, asked in rig.asked()) == 5000 - 50


def test_spam_protection_measures__ihave_flood() -> None:
    rig, nodes = meshed(1)
    for index in range(11):
        rig.ihave(nodes[0], b"id%d" % index)
    assert len(rig.asked()) == 10
    assert rig.refusals() == ["gossip-ihave-flood"]
    rig.beat()
    rig.ihave(nodes[0], b"id11")
    assert len(rig.asked()) == 11


def test_score_thresholds__ihave_below_threshold() -> None:
    rig, _ = meshed(6)
    node = rig.up()
    disgrace(rig, node, rig.config.thresholds.gossip - 1)
    sent = rig.publish()
    rig.forget()
    rig.ihave(node, b"unknown")
    rig.iwant(node, sent)
    assert not rig.said
    rig.beat()
    assert node not in [receiver for receiver, _ in rig.announced()]


def test_iwant__iwant_answers() -> None:
    rig, nodes = meshed(2)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.judge()
    late = rig.up()
    rig.iwant(late, id_of(sent), b"never heard of")
    assert rig.said[-1] == (late, pubsub.Rpc(publish=(sent,)))


def test_spam_protection_measures__iwant_retransmit_cap() -> None:
    rig, _ = meshed(1)
    sent, node = rig.publish(), rig.up()
    rig.forget()
    for _ in range(5):
        rig.iwant(node, sent)
    assert rig.got(sent) == [node] * 3


def test_spam_protection_measures__promise_broken() -> None:
    rig, nodes = meshed(1)
    rig.ihave(nodes[0], b"never to come")
    rig.pass_time(2.5)
    assert rig.penalty(nodes[0]) == 0
    rig.pass_time(2)
    assert rig.penalty(nodes[0]) == pytest.approx(1, abs=0.05)


def test_spam_protection_measures__promise_kept() -> None:
    rig, nodes = meshed(2)
    sent = message(AUTHOR, 1)
    rig.ihave(nodes[0], id_of(sent))
    rig.pass_time(1)
    rig.bring(nodes[1], sent)
    rig.pass_time(4)
    assert rig.penalty(nodes[0]) == 0


def test_adaptive_gossip_dissemination__gossip_targets() -> None:
    rig, nodes = meshed(6)
    others = rig.ups(32)
    rig.router.set_direct(others[:2], rig.now)
    sent = rig.publish()
    rig.forget()
    rig.beat()
    receivers = [node for node, ids in rig.announced() if ids == (sent,)]
    assert len(set(receivers)) == len(receivers) == 8
    assert not set(receivers) & {*nodes, *others[:2]}


def test_message_cache__mcache_windows() -> None:
    rig, _ = meshed(6)
    askers = rig.ups(7)
    sent = rig.publish()
    told, answered = [], []
    for asker in askers:
        rig.forget()
        rig.beat()
        told.append(any(sent in ids for _, ids in rig.announced()))
        rig.iwant(asker, sent)
        answered.append(rig.got(sent) == [asker])
    assert told == [True] * 3 + [False] * 4
    assert answered == [True] * 4 + [False] * 3


# Flood publishing, thresholds


def test_flood_publishing__flood_publish() -> None:
    rig, _ = meshed(6)
    others = rig.ups(14)
    disgrace(rig, others[0], rig.config.thresholds.publish)
    disgrace(rig, others[1], rig.config.thresholds.publish - 1)
    got = rig.got(rig.publish())
    assert len(got) == len(set(got)) == 19
    assert others[1] not in got


def test_score_thresholds__graylist() -> None:
    rig, nodes = meshed(2)
    disgrace(rig, nodes[0], rig.config.thresholds.graylist - 1)
    rig.hear(nodes[0], [b"\xff no rpc at all"])
    rig.bring(nodes[0], message(AUTHOR, 1))
    assert rig.refusals() == ["gossip-graylist"] * 2
    assert not rig.delivered


def test_score_thresholds__publish_threshold() -> None:
    rig, nodes = meshed(6)
    disgrace(rig, nodes[0], rig.config.thresholds.publish - 1)
    assert rig.got(rig.publish()) == nodes[1:]


def test_opportunistic_grafting__opportunistic_graft() -> None:
    rig, nodes = meshed(6, thresholds=Thresholds(opportunistic_graft=100.0))
    better, worse = rig.ups(5), rig.ups(5)
    for node in nodes:
        disgrace(rig, node, 1)
    for node in better:
        disgrace(rig, node, 50)
    rig.pass_time(60)
    assert len(rig.mesh()) == 8
    assert set(rig.mesh()) - set(nodes) < set(better)
    rig.pass_time(60)
    assert len(rig.mesh()) == 10
    assert not set(rig.mesh()) & set(worse)


def test_explicit_peering_agreements__direct_peers() -> None:
    rig, nodes = meshed(6)
    direct, absent = rig.up(), node_id(700)
    rig.router.set_direct([direct, absent], rig.now)
    assert [one.node for one in rig.router.take_wanted()] == [absent]
    disgrace(rig, direct, -1e6)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.judge()
    assert direct in rig.got(id_of(sent))
    assert direct in rig.got(rig.publish())
    rig.bring(direct, message(AUTHOR, 2))
    assert len(rig.judge()) == 1
    rig.pass_time(301)
    assert [one.node for one in rig.router.take_wanted()] == [absent]
    assert direct not in rig.mesh()


# The Score Function


def test_the_score_function__score_retention() -> None:
    rig, nodes = meshed(2)
    bad, good = nodes
    rig.bring(bad, message(AUTHOR, 1))
    rig.judge(Verdict.REJECT)
    rig.bring(good, message(AUTHOR, 2))
    rig.judge()
    assert rig.score(bad) == -20
    assert rig.score(good) > 0
    for node in nodes:
        rig.router.peer_down(node, rig.now)
    rig.now += 1800
    for node in nodes:
        rig.up(node=node)
    assert rig.score(bad) == -20
    assert rig.score(good) == 0


def test_the_score_function__ip_colocation() -> None:
    score = PeerScore(
        ip_colocation_factor_weight=-7.0,
        ip_colocation_factor_threshold=3,
        ip_colocation_whitelist=(b"ours",),
    )
    rig = Rig(score=score)
    crowd = rig.ups(5, address=b"192.0.2.1")
    ours = rig.ups(5, address=b"ours")
    assert [rig.score(node) for node in crowd] == [-28.0] * 5
    assert [rig.score(node) for node in ours] == [0.0] * 5
    assert rig.router.scores.below(crowd[0], -27)


def test_p3_and_p3b__p3_only_after_activation() -> None:
    rig, nodes = meshed(6, topic_score=P3)
    rig.pass_time(4)
    assert rig.score(nodes[0]) == 0
    assert len(rig.mesh()) == 6
    rig.pass_time(3)
    assert rig.score(nodes[0]) < 0
    assert not rig.mesh()


def test_p3_and_p3b__p3b_on_prune() -> None:
    rig, nodes = meshed(6, topic_score=P3)
    rig.pass_time(5.9)
    assert len(rig.mesh()) == 6
    rig.now += 1
    rig.prune(nodes[0])
    assert rig.score(nodes[0]) == pytest.approx(-16)
    rig.now += 300
    rig.router.scores.advance(rig.now)
    assert -16 < rig.score(nodes[0]) < 0


# IDONTWANT Message


def test_idontwant_message__idontwant_sent() -> None:
    rig, nodes = meshed(4)
    able = rig.ups(2, version=Version.V1_2)
    for node in able:
        rig.graft(node)
    small, big = message(AUTHOR, 1, bytes(1000)), message(AUTHOR, 2, bytes(2048))
    rig.bring(nodes[0], small)
    assert not rig.unwanted()
    rig.bring(nodes[0], big)
    assert rig.unwanted() == [(node, (id_of(big),)) for node in able]
    assert len(rig.delivered) == 2


def test_idontwant_message__idontwant_respected() -> None:
    rig, nodes = meshed(6)
    first, later = message(AUTHOR, 1), message(AUTHOR, 2)
    for sent in (first, later):
        rig.control(nodes[3], pubsub.idontwant((id_of(sent),)))
    rig.bring(nodes[0], first)
    rig.judge()
    assert rig.got(id_of(first)) == [nodes[1], nodes[2], nodes[4], nodes[5]]
    rig.pass_time(3)
    rig.bring(nodes[0], later)
    rig.judge()
    assert nodes[3] in rig.got(id_of(later))


def test_idontwant_message__idontwant_flood() -> None:
    rig, nodes = meshed(2)
    ids = [b"id%04d" % index for index in range(20)]
    rig.control(nodes[0], pubsub.idontwant(ids))
    refuses = rig.router._state.peers[nodes[0]].refuses
    beat = rig.router._state.beat.number(rig.now)
    assert [refuses(one, beat) for one in ids] == [True] * 10 + [False] * 10
    for index in range(1000):
        rig.control(nodes[0], pubsub.idontwant((b"x%d" % index,)))
    assert refuses(b"x998", beat)
    assert not refuses(b"x999", beat)
    assert rig.refusals() == ["gossip-idontwant-flood"]


# Message Signing


def test_message_signing__strict_sign() -> None:
    rig, nodes = meshed(6)
    right = message(AUTHOR, 1)
    bare = Message(TOPIC, b"hello", AUTHOR, right.seqno)
    wrong = Message(TOPIC, b"altered", AUTHOR, right.seqno, right.signature)
    rig.bring(nodes[0], bare)
    rig.bring(nodes[1], wrong)
    assert not rig.delivered
    assert rig.refusals() == ["gossip-unsigned", "gossip-signature"]
    assert [invalid_of(rig, node) for node in nodes[:3]] == [1, 1, 0]
    rig.bring(nodes[2], right)
    assert len(rig.judge()) == 1


def test_message_signing__strict_no_sign() -> None:
    rig, nodes = meshed(2, signing=Signing.STRICT_NO_SIGN)
    number = (1).to_bytes(8, "big")
    for bad in (
        Message(TOPIC, b"a", origin=AUTHOR),
        Message(TOPIC, b"a", seqno=number),
        Message(TOPIC, b"a", signature=b"s"),
        Message(TOPIC, b"a", key=b"k"),
    ):
        rig.bring(nodes[0], bad)
    assert rig.refusals() == ["gossip-signed"] * 4
    assert not rig.delivered
    rig.bring(nodes[1], Message(TOPIC, b"a"))
    rig.bring(nodes[0], Message(TOPIC, b"a"))
    assert [one.data for one in rig.judge()] == [b"a"]


def test_message_signing__signature_key() -> None:
    rig, nodes = meshed(2)
    hashed = NodeId(b"\x12\x20" + bytes(32))
    number = (1).to_bytes(8, "big")
    keyed = Message(TOPIC, b"a", hashed, number, b"signed with RSA", b"\x08\x00key")
    rig.bring(nodes[0], keyed)
    # a verifier that is handed only the id cannot find a key in it
    rig.bring(nodes[0], Message(TOPIC, b"a", hashed, number, b"signed with RSA"))
    assert rig.refusals() == ["gossip-key", "gossip-signature"]


def test_message_signing__self_origin() -> None:
    rig, nodes = meshed(2)
    rig.bring(nodes[0], message(ME, 7))
    assert not rig.delivered
    assert rig.score(nodes[0]) == 0
    assert rig.refusals() == ["gossip-own"]


# What implementations learned


def test_implementations__subscription_cap() -> None:
    rig = Rig()
    node = rig.up(topics=())
    rig.hear(node, [pubsub.subscription(f"t{index}", True) for index in range(10_001)])
    assert len(rig.router._state.topics) == rig.config.topics_per_peer_max
    assert "gossip-subscriptions" in rig.refusals()
    rig.router.peer_down(node, rig.now)
    assert len(rig.router._state.topics) == 0


def test_implementations__unsubscribe_cleans() -> None:
    rig = Rig()
    first, second = rig.ups(2, topics=(TOPIC, OTHER))
    rig.hear(first, [pubsub.subscription(OTHER, False)])
    rig.router.peer_down(second, rig.now)
    assert [topic.name for topic in rig.router._state.topics] == [TOPIC]
    rig.router.peer_down(first, rig.now)
    assert not list(rig.router._state.topics)
    assert len(rig.router.scores) == 0


def test_implementations__queue_full() -> None:
    rig, nodes = meshed(6, queue_max=4)
    slow = nodes[0]
    rig.router.stalled(slow)
    sent = [rig.publish(b"%d" % index) for index in range(6)]
    rig.leave()
    assert slow not in [node for node, _ in rig.said]
    assert all(rig.got(one) == nodes[1:] for one in sent)
    assert sum(e.pieces for e in rig.events if isinstance(e, Dropped)) == 2
    rig.forget()
    rig.router.resumed(slow)
    rig.drain()
    ((node, rpc),) = rig.said
    assert node == slow
    assert len(rpc.publish) == 4
    assert rpc.control is not None
    assert [told.topic for told in rpc.control.prune] == [TOPIC]
    assert [told.subscribe for told in rpc.subscriptions] == [False]


def test_implementations__rpc_split() -> None:
    rig, nodes = meshed(1, rpc_octets_max=2000)
    asked = [b"id%0200d" % index for index in range(100)]
    rig.ihave(nodes[0], *asked)
    assert len(rig.sizes) > 10
    assert max(rig.sizes) <= 2000
    assert {one for _, ids in rig.asked() for one in ids} == set(asked)


def test_implementations__rpc_over_limit() -> None:
    framer = pubsub.Framer()
    with pytest.raises(DecodeError):
        framer.feed(b"\x81\x80\x40" + bytes(1000))
    assert len(framer) == 0
    rig, nodes = meshed(1)
    rig.router.receive(nodes[0], bytes(pubsub.RPC_OCTETS_MAX + 1), rig.now)
    rig.drain()
    assert rig.refusals() == ["pubsub-size"]
