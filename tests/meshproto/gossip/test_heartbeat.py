from __future__ import annotations

import pytest

from meshproto.config.gossip import TopicScore
from meshproto.gossip import heartbeat
from meshproto.ids import NodeId
from support.gossip import OTHER, TOPIC, Rig, message, node_id

AUTHOR = node_id(900)


def meshed(number: int, **options: object) -> tuple[Rig, list[NodeId]]:
    rig = Rig(**options)
    rig.join()
    nodes = [rig.up(outbound=index < 2 or index > 11) for index in range(number)]
    for node in nodes:
        rig.graft(node)
    rig.forget()
    return rig, nodes


def test_a_settled_heartbeat_with_nothing_to_say_says_nothing() -> None:
    rig, nodes = meshed(6)
    rig.ups(5)
    rig.forget()
    for _ in range(5):
        rig.beat()
    assert rig.said == []
    assert rig.mesh() == nodes


def test_all_of_one_heartbeat_for_one_neighbour_is_one_rpc() -> None:
    rig = Rig()
    for topic in (TOPIC, OTHER):
        rig.join(topic)
    rig.ups(4, topics=(TOPIC, OTHER), outbound=True)
    rig.forget()
    rig.beat()
    assert len(rig.said) == 4
    assert len(rig.grafts(TOPIC)) == len(rig.grafts(OTHER)) == 4


def test_who_promised_in_vain_is_pruned_in_the_same_heartbeat() -> None:
    rig, nodes = meshed(6)
    for number in range(8):
        rig.ihave(nodes[0], b"never%d" % number)
    rig.pass_time(5)
    assert rig.score(nodes[0]) < 0
    assert nodes[0] not in rig.mesh()


def test_thinning_out_keeps_the_best_and_enough_of_our_own_dialling() -> None:
    rig, nodes = meshed(11)
    ours = rig.ups(3, outbound=True)
    for node in ours:
        rig.graft(node)
    for rank, node in enumerate(nodes):
        rig.router.scores.set_app(node, rank)
    rig.beat()
    kept = rig.mesh()
    assert len(kept) == 6
    assert set(nodes[-4:]) <= set(kept)
    assert len(set(kept) & {*nodes[:2], *ours}) >= 2


def test_prunes_of_a_full_mesh_offer_other_nodes() -> None:
    rig, _ = meshed(12)
    extra = rig.up(outbound=True)
    rig.graft(extra)
    rig.beat()
    told = [prune for _, prune in rig.prunes()]
    assert len(told) == 7
    assert all(len(prune.peers) == 12 for prune in told)


def test_gossip_goes_to_subscribers_outside_the_mesh_in_good_standing() -> None:
    rig, nodes = meshed(6)
    outside, low, direct = rig.ups(3)
    rig.up(topics=(OTHER,))
    rig.router.scores.set_app(low, rig.config.thresholds.gossip - 1)
    rig.router.set_direct([direct], rig.now)
    rig.bring(nodes[0], message(AUTHOR, 1))
    rig.judge()
    rig.forget()
    rig.beat()
    assert [node for node, _ in rig.announced()] == [outside]


def test_of_too_many_ids_different_neighbours_hear_different_ones() -> None:
    rig, _ = meshed(6, max_ihave_length=5)
    rig.ups(4)
    for _ in range(40):
        rig.publish()
    rig.forget()
    rig.beat()
    told = {ids for _, ids in rig.announced()}
    assert len(rig.announced()) == 4
    assert {len(ids) for ids in told} == {5}
    assert len(told) > 1


def test_gossip_of_a_fanout_goes_to_the_others() -> None:
    rig = Rig(flood_publish=False)
    nodes = rig.ups(10)
    sent = rig.publish()
    got = rig.got(sent)
    rig.beat()
    told = [node for node, ids in rig.announced() if sent in ids]
    assert set(told) == set(nodes) - set(got)


def test_opportunistic_grafting_needs_a_reason() -> None:
    rig, nodes = meshed(6)
    for node in nodes:
        rig.router.scores.set_app(node, rig.config.thresholds.opportunistic_graft)
    for node in rig.ups(5):
        rig.router.scores.set_app(node, 50)
    rig.pass_time(130)
    assert rig.mesh() == nodes


@pytest.mark.parametrize("number", [0, 1, 4, 6, 13])
def test_whether_there_is_something_to_do(number: int) -> None:
    rig, _ = meshed(number)
    state = rig.router._state
    assert heartbeat.restless(state) == (number == 13)
    rig.up()
    assert heartbeat.restless(state) == (number < 5 or number == 13)


def test_a_missing_outbound_neighbour_is_something_to_do_if_there_is_one() -> None:
    rig = Rig()
    rig.join()
    for node in rig.ups(6):
        rig.graft(node)
    state = rig.router._state
    rig.up()
    assert not heartbeat.restless(state)
    rig.up(outbound=True)
    assert heartbeat.restless(state)


def test_messages_promises_fanouts_and_watched_deliveries_keep_it_awake() -> None:
    rig, nodes = meshed(6)
    state = rig.router._state
    rig.ihave(nodes[0], b"x")
    assert heartbeat.restless(state)
    rig.pass_time(10)
    assert not heartbeat.restless(state)
    rig.publish()
    assert heartbeat.restless(state)
    rig.pass_time(10)
    assert not heartbeat.restless(state)
    rig.publish(topic=OTHER)
    rig.pass_time(10)
    assert heartbeat.restless(state)
    rig.pass_time(60)
    assert not heartbeat.restless(state)
    rule = TopicScore(mesh_message_deliveries_weight=-1.0)
    watched, _ = meshed(6, topic_score=rule)
    assert heartbeat.restless(watched.router._state)
