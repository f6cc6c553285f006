"""GossipSub behaviours: membership, forwarding, mesh maintenance, GRAFT and PRUNE.

`test_gossip_behaviours` checks that none of the public list is missing.
"""

from __future__ import annotations

import pytest

from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from support.gossip import (
    P3,
    TOPIC,
    Rig,
    disgrace,
    id_of,
    meshed,
    message,
    node_id,
    offered,
)

AUTHOR = node_id(900)


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
