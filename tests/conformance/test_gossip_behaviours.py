"""What GossipSub routers do: each behaviour of the public list, in a test named by its
section and id, and the saved mesh cases; against a real router in virtual time.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from meshproto.config.gossip import (
    GossipConfig,
    PeerScore,
    Signing,
    Thresholds,
    TopicScore,
)
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
    TOPIC,
    Rig,
    id_of,
    message,
    node_id,
    offered,
    seal,
)
from support.shared import require_shared, shared_path

FOLDER = require_shared("corpora", "gossip")
LISTED: dict[str, Any] = json.loads(
    shared_path("corpora", "gossip", "behaviours.json").read_text()
)
CASES: list[dict[str, Any]] = json.loads(
    shared_path("corpora", "gossip", "mesh_cases.json").read_text()
)["cases"]
AUTHOR = node_id(900)


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


@pytest.mark.parametrize("listed", LISTED["behaviours"], ids=lambda one: one["id"])
def test_every_behaviour_has_its_test(listed: dict[str, Any]) -> None:
    section = slug(listed["section"]) or "implementations"
    assert f"test_{section}__{slug(listed['id'])}" in globals()


def test_the_defaults_are_those_of_the_list() -> None:
    config, listed = GossipConfig(), LISTED["defaults"]
    ours = {
        "D": config.degree,
        "D_lo": config.degree_low,
        "D_hi": config.degree_high,
        "D_score": config.degree_score,
        "D_out": config.degree_outbound,
        "D_lazy": config.degree_lazy,
        "idontwant_threshold_bytes": config.idontwant_threshold_octets,
    }
    for name, value in listed.items():
        assert ours.get(name, getattr(config, name, None)) == value, name


def meshed(
    number: int, *, outbound: int = 2, **options: Any
) -> tuple[Rig, list[NodeId]]:
    """A joined router and neighbours that grafted themselves."""
    rig = Rig(**options)
    rig.join()
    nodes = [rig.up(outbound=index < outbound) for index in range(number)]
    for node in nodes:
        rig.graft(node)
    rig.forget()
    assert rig.mesh() == nodes
    return rig, nodes


def disgrace(rig: Rig, node: NodeId, score: float) -> None:
    """Give a neighbour a score by the owner's own judgement (P5)."""
    rig.router.scores.set_app(node, score)


# Topic Membership


def test_topic_membership__join_grafts() -> None:
    rig = Rig()
    nodes = rig.ups(8)
    rig.join()
    assert len(rig.grafts()) == 6
    assert set(rig.grafts()) == set(rig.mesh()) < set(nodes)


def test_topic_membership__join_uses_fanout() -> None:
    rig = Rig()
    first = rig.ups(4)
    rig.publish()
    rig.ups(10)
    rig.join()
    assert set(rig.grafts()[:4]) == set(first)
    assert len(rig.mesh()) == 6
    topic = rig.router._state.topics.get(TOPIC)
    assert topic is not None
    assert topic.fanout is None


def test_prune_backoff_and_peer_exchange__leave_prunes() -> None:
    rig, nodes = meshed(6)
    rig.leave()
    assert [node for node, _ in rig.prunes()] == nodes
    assert {told.backoff_s for _, told in rig.prunes()} == {10}


def test_fanout_maintenance__publish_no_join() -> None:
    rig = Rig(flood_publish=False)
    nodes = rig.ups(10)
    sent = rig.publish()
    assert len(rig.got(sent)) == 6
    again = rig.publish()
    assert set(rig.got(again)) == set(rig.got(sent))
    rig.pass_time(58)
    assert rig.router._state.topics.fanouts()
    rig.pass_time(4)
    assert not rig.router._state.topics.fanouts()
    flooding = Rig()
    nodes = flooding.ups(10)
    assert set(flooding.got(flooding.publish())) == set(nodes)


# Message Processing


def test_message_processing__forward_not_back() -> None:
    rig, nodes = meshed(6)
    origin, source = nodes[1], nodes[0]
    sent = message(origin, 1)
    rig.bring(source, sent)
    rig.judge()
    assert rig.got(id_of(sent)) == nodes[2:]
    rig.bring(nodes[3], sent)
    rig.judge()
    assert rig.got(id_of(sent)) == nodes[2:]


P3 = TopicScore(
    mesh_message_deliveries_weight=-1.0,
    mesh_message_deliveries_threshold=4.0,
    mesh_message_deliveries_cap=10.0,
    mesh_message_deliveries_window_s=2.0,
    mesh_message_deliveries_activation_s=5.0,
    mesh_failure_penalty_weight=-1.0,
    time_in_mesh_weight=0.0,
)


def delivered_in_mesh(rig: Rig, node: NodeId) -> float:
    return rig.router.scores._stats[node].topics[TOPIC].meshed


def test_message_processing__seen_cache() -> None:
    rig, nodes = meshed(6, topic_score=P3)
    sent = message(AUTHOR, 1)
    rig.bring(nodes[0], sent)
    rig.judge()
    rig.forget()
    rig.bring(nodes[1], sent)
    rig.bring(nodes[1], sent)
    assert delivered_in_mesh(rig, nodes[1]) == 1
    rig.now += 2.5
    rig.bring(nodes[2], sent)
    assert delivered_in_mesh(rig, nodes[2]) == 0
    rig.now += 116
    rig.bring(nodes[2], sent)
    assert not rig.delivered
    assert not rig.got(id_of(sent))
    rig.now += 2
    rig.bring(nodes[2], sent)
    assert len(rig.delivered) == 1


def invalid_of(rig: Rig, node: NodeId) -> float:
    found = rig.router.scores._stats[node].topics.get(TOPIC)
    return found.invalid if found else 0.0


def test_extended_validators__invalid_not_forwarded() -> None:
    rig, nodes = meshed(6)
    bad, dull = message(AUTHOR, 1), message(AUTHOR, 2)
    rig.bring(nodes[0], bad)
    rig.bring(nodes[1], bad)
    rig.judge(Verdict.REJECT)
    rig.bring(nodes[2], bad)
    rig.bring(nodes[3], dull)
    rig.judge(Verdict.IGNORE)
    assert not rig.got(id_of(bad))
    assert not rig.got(id_of(dull))
    assert [invalid_of(rig, node) for node in nodes[:4]] == [1, 1, 1, 0]


# Mesh and heartbeat maintenance


def test_mesh_maintenance__heartbeat_low() -> None:
    rig, _ = meshed(3)
    fit = rig.ups(10)
    bad, backing, direct = rig.ups(3)
    disgrace(rig, bad, -1)
    rig.prune(backing, backoff_s=100)
    rig.router.set_direct([direct], rig.now)
    rig.forget()
    rig.beat()
    assert len(rig.mesh()) == 6
    assert len(rig.grafts()) == 3
    assert set(rig.grafts()) <= set(fit)


def test_heartbeat_maintenance__heartbeat_high() -> None:
    rig, nodes = meshed(12, outbound=0)
    late = rig.up(outbound=True)
    rig.graft(late)
    for node, score in zip(nodes, (9, 8, 7, 6), strict=False):
        disgrace(rig, node, score)
    rig.beat()
    assert len(rig.mesh()) == 6
    assert set(nodes[:4]) <= set(rig.mesh())
    assert late in rig.mesh()
    assert len(rig.prunes()) == 7


def test_heartbeat_maintenance__heartbeat_negative() -> None:
    rig, nodes = meshed(6)
    disgrace(rig, nodes[2], -0.1)
    rig.beat()
    ((node, told),) = rig.prunes()
    assert node == nodes[2]
    assert not told.peers
    assert nodes[2] not in rig.mesh()


def test_outbound_mesh_quotas__outbound_quota() -> None:
    rig, _ = meshed(7, outbound=0)
    ours = rig.ups(5, outbound=True)
    rig.beat()
    assert len(rig.grafts()) == 2
    assert set(rig.grafts()) < set(ours)
    assert len(rig.mesh()) == 9


# GRAFT and PRUNE


def test_spam_protection_measures__graft_unknown_topic() -> None:
    rig = Rig()
    rig.join()
    node = rig.up()
    rig.forget()
    rig.graft(node, "nobody's")
    assert not rig.said
    assert rig.penalty(node) == 0
    assert rig.router._state.topics.get("nobody's") is None


def pruned_by_us(ago_s: float) -> tuple[Rig, NodeId]:
    """A router that pruned a neighbour that long ago, for another reason than it."""
    rig, nodes = meshed(6)
    disgrace(rig, nodes[0], -1)
    rig.beat()
    disgrace(rig, nodes[0], 0)
    assert [node for node, _ in rig.prunes()] == [nodes[0]]
    rig.pass_time(ago_s)
    rig.forget()
    return rig, nodes[0]


def test_prune_backoff_and_peer_exchange__graft_in_backoff() -> None:
    rig, node = pruned_by_us(15)
    rig.graft(node)
    ((_, told),) = rig.prunes()
    assert told.backoff_s == 60
    assert rig.penalty(node) == pytest.approx(1)
    assert node not in rig.mesh()
    rig.pass_time(50)
    rig.graft(node)
    assert node not in rig.mesh()


def test_prune_backoff_and_peer_exchange__graft_flood() -> None:
    rig, node = pruned_by_us(5)
    rig.graft(node)
    assert rig.penalty(node) == pytest.approx(2)
    assert node not in rig.mesh()


def test_peer_scoring__graft_negative_score() -> None:
    rig, _ = meshed(6)
    node = rig.up()
    disgrace(rig, node, -1)
    rig.graft(node)
    ((pruned, told),) = rig.prunes()
    assert (pruned, told.peers, told.backoff_s) == (node, (), 60)
    assert rig.router._state.backoffs.of(node, TOPIC, rig.now)


def test_outbound_mesh_quotas__graft_mesh_full() -> None:
    rig, _ = meshed(12)
    inbound, ours = rig.up(), rig.up(outbound=True)
    rig.graft(inbound)
    assert [node for node, _ in rig.prunes()] == [inbound]
    rig.graft(ours)
    assert ours in rig.mesh()
    assert inbound not in rig.mesh()


def test_explicit_peering_agreements__graft_direct_peer() -> None:
    rig, _ = meshed(6)
    node = rig.up()
    rig.router.set_direct([node], rig.now)
    rig.graft(node)
    assert [pruned for pruned, _ in rig.prunes()] == [node]
    assert rig.penalty(node) == 0
    assert node not in rig.mesh()


def test_graft__graft_already_in_mesh() -> None:
    rig, nodes = meshed(6)
    rig.graft(nodes[0])
    assert not rig.said
    assert rig.mesh() == nodes


def test_prune_backoff_and_peer_exchange__prune_backoff_respected() -> None:
    rig, nodes = meshed(1)
    rig.prune(nodes[0], backoff_s=120)
    rig.forget()
    rig.pass_time(120)
    assert not rig.grafts()
    rig.pass_time(10)
    assert rig.grafts() == [nodes[0]]


def test_prune_backoff_and_peer_exchange__prune_backoff_clamped() -> None:
    rig, nodes = meshed(1)
    rig.prune(nodes[0], backoff_s=2**64 - 1)
    backoff = rig.router._state.backoffs.of(nodes[0], TOPIC, rig.now)
    assert backoff is not None
    assert backoff.until == rig.now + rig.config.prune_backoff_max_s
    rig.pass_time(rig.config.prune_backoff_max_s + 3)
    assert rig.mesh() == nodes


def test_prune_backoff_and_peer_exchange__prune_px_trusted() -> None:
    rig, nodes = meshed(6)
    disgrace(rig, nodes[0], rig.config.thresholds.accept_px)
    strangers = [node_id(500 + index) for index in range(20)]
    rig.prune(nodes[0], peers=offered(*strangers))
    wanted = rig.router.take_wanted()
    assert len(wanted) == 16
    assert {one.node for one in wanted} < set(strangers)
    disgrace(rig, nodes[1], rig.config.thresholds.accept_px)
    rig.prune(nodes[1], peers=offered(node_id(600), signer=node_id(601)))
    assert not rig.router.take_wanted()
    assert "gossip-exchange-record" in rig.refusals()


def test_prune_backoff_and_peer_exchange__prune_px_untrusted() -> None:
    rig, nodes = meshed(6)
    rig.prune(nodes[0], peers=offered(node_id(500)))
    assert not rig.router.take_wanted()
    assert "gossip-exchange-untrusted" in rig.refusals()


def test_prune_backoff_and_peer_exchange__unsubscribe_backoff() -> None:
    rig, nodes = meshed(4)
    rig.leave()
    rig.pass_time(3)
    rig.join()
    assert not rig.grafts()
    rig.pass_time(7)
    assert not rig.grafts()
    rig.pass_time(3)
    assert set(rig.mesh()) == set(nodes)


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


# The saved cases


def heartbeat_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig = Rig()
    rig.join()
    outbound = state["mesh_outbound"]
    inbound = [rig.up() for _ in range(state["mesh"] - outbound)]
    ours = rig.ups(outbound, outbound=True)
    for node in [*inbound, *ours]:
        rig.router._state.topics.joined(TOPIC).mesh[node] = (  # type: ignore[union-attr,index]
            rig.router._state.peers[node]
        )
    theirs = state.get("candidates_outbound", 0)
    rig.ups(state["candidates"] - theirs)
    rig.ups(theirs, outbound=True)
    rig.forget()
    rig.beat()
    assert len(rig.grafts()) == expect["grafts"]
    assert len(rig.prunes()) == expect["prunes"]


def graft_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, nodes = meshed(6, prune_backoff_s=float(state["backoff_s"]))
    disgrace(rig, nodes[0], -1)
    rig.beat()
    disgrace(rig, nodes[0], 0)
    rig.forget()
    rig.now += state["pruned_ago_s"]
    rig.graft(nodes[0])
    assert rig.penalty(nodes[0]) == expect["penalty"]
    assert (nodes[0] in rig.mesh()) == expect["accepted"]
    assert bool(rig.prunes()) == expect["prune_answer"]


def unknown_topic_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig = Rig()
    node = rig.up(topics=())
    assert state["subscribed"] == []
    rig.forget()
    rig.graft(node, "nowhere")
    assert bool(rig.prunes("nowhere")) == expect["prune_answer"]
    assert rig.penalty(node) == expect["penalty"]
    assert len(rig.router._state.topics) == expect["topics_created"]


def iwant_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, _ = meshed(1, gossip_retransmission=state["retransmission"])
    sent = [rig.publish() for _ in range(state["cached_messages"])]
    node = rig.up()
    for _ in range(10):
        rig.iwant(node, *sent)
    assert rig.got(sent[0]).count(node) == expect["messages_sent"]


def ihave_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    rig, nodes = meshed(1, **state)
    for index in range(50):
        rig.ihave(nodes[0], b"spam%d" % index)
    assert len(rig.asked()) <= expect["iwant_sent_at_most"]
    rig.pass_time(4.5)
    assert rig.penalty(nodes[0]) >= expect["after_3s_penalty_at_least"]


def invalid_case(state: dict[str, Any], expect: dict[str, Any]) -> None:
    weight, graylist = state["invalid_weight"], state["graylist"]
    rig, nodes = meshed(
        2,
        topic_score=TopicScore(invalid_message_deliveries_weight=float(weight)),
        thresholds=Thresholds(graylist=float(graylist)),
    )
    for number in range(100):
        rig.bring(nodes[0], message(AUTHOR, number))
        rig.judge(Verdict.REJECT)
    graylisted = rig.refusals().count("gossip-graylist")
    assert graylisted == 100 - expect["graylisted_after"]


def driver(case: dict[str, Any]) -> Any:
    special = {
        "GRAFT": graft_case,
        "GRAFT for a topic nobody has": unknown_topic_case,
        "IWANT for the same id x 10": iwant_case,
        "IHAVE x 50 of unknown ids in one heartbeat (one id each)": ihave_case,
        "100 invalid messages": invalid_case,
        "heartbeat": heartbeat_case,
    }
    return special[case["event"]]


def test_there_are_eighteen_cases() -> None:
    assert len(CASES) == 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_mesh_case(case: dict[str, Any]) -> None:
    driver(case)(case["state"], case["expect"])


def test_seals_of_the_rig_are_not_empty() -> None:
    assert seal(AUTHOR, b"a") != seal(ME, b"a")
