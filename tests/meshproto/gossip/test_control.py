from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.gossip.control import chunks
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from support.gossip import OTHER, TOPIC, Rig, id_of, message, node_id

AUTHOR = node_id(900)


def joined(number: int = 1, **options: object) -> tuple[Rig, list[NodeId]]:
    rig = Rig(**options)
    rig.join()
    nodes = rig.ups(number)
    rig.forget()
    return rig, nodes


def test_subscribing_twice_and_to_nothing_changes_nothing() -> None:
    rig, (node,) = joined()
    rig.hear(node, [pubsub.subscription(TOPIC, True)])
    assert rig.router.subscribers(TOPIC) == [node]
    rig.hear(node, [pubsub.subscription("", True)])
    assert rig.refusals() == ["gossip-subscriptions"]


def test_unsubscribing_ends_the_mesh_edge() -> None:
    rig, (node,) = joined()
    rig.graft(node)
    rig.hear(node, [pubsub.subscription(TOPIC, False)])
    assert rig.mesh() == []
    assert rig.prunes() == []


def test_room_for_topics_comes_back_with_unsubscribing() -> None:
    rig, (node,) = joined(topics_per_peer_max=2)
    rig.hear(node, [pubsub.subscription(name, True) for name in ("a", "b")])
    assert rig.refusals() == ["gossip-subscriptions"]
    rig.hear(node, [pubsub.subscription("a", False), pubsub.subscription("b", True)])
    assert rig.router.subscribers("b") == [node]


def test_a_graft_is_accepted_and_told_to_the_owner() -> None:
    rig, (node,) = joined()
    rig.graft(node)
    assert rig.mesh() == [node]
    assert rig.said == []


def full(strangers: int = 12) -> tuple[Rig, list[NodeId], NodeId]:
    """A mesh that strangers filled, and one neighbour outside it."""
    rig, nodes = joined(strangers + 1)
    outside = nodes.pop()
    for node in nodes:
        rig.graft(node)
    for node in [n for n in rig.mesh() if n == outside]:
        rig.prune(node)
    rig.forget()
    return rig, nodes, outside


def test_a_full_mesh_gives_its_worst_member_up_for_one_that_delivered() -> None:
    rig, strangers, outside = full()
    for number in range(8):
        rig.bring(outside, message(AUTHOR, number + 1))
        rig.judge()
    rig.graft(outside)
    assert outside in rig.mesh()
    assert len(rig.mesh()) == len(strangers)
    ((pruned, _),) = rig.prunes()
    assert pruned in strangers


def test_a_full_mesh_has_no_place_for_one_that_delivered_nothing() -> None:
    rig, _, outside = full()
    rig.graft(outside)
    assert outside not in rig.mesh()
    assert [node for node, _ in rig.prunes()] == [outside]


def test_a_graft_of_a_non_subscriber_is_refused_silently() -> None:
    rig, _ = joined()
    other = rig.up(topics=(OTHER,))
    rig.forget()
    rig.graft(other)
    assert rig.mesh() == []
    assert rig.said == []
    assert rig.refusals() == ["gossip-graft-topic"]


def test_subscription_and_graft_may_come_in_one_rpc() -> None:
    rig, _ = joined()
    node = rig.up(topics=())
    rig.hear(
        node,
        [pubsub.subscription(TOPIC, True), pubsub.control([pubsub.graft(TOPIC)])],
    )
    assert rig.mesh() == [node]


def test_a_prune_of_another_topic_changes_nothing() -> None:
    rig, (node,) = joined()
    rig.graft(node)
    rig.prune(node, OTHER, backoff_s=10)
    assert rig.mesh() == [node]
    assert len(rig.router._state.backoffs) == 0


def test_a_prune_without_a_time_means_the_usual_one() -> None:
    rig, (node,) = joined()
    rig.graft(node)
    rig.prune(node)
    backoff = rig.router._state.backoffs.of(node, TOPIC, rig.now)
    assert backoff
    assert backoff.until == rig.now + rig.config.prune_backoff_s


def test_a_refused_graft_lengthens_the_back_off() -> None:
    rig, (node,) = joined()
    rig.prune(node, backoff_s=60)
    rig.now += 50
    rig.graft(node)
    backoff = rig.router._state.backoffs.of(node, TOPIC, rig.now)
    assert backoff
    assert backoff.until == rig.now + 60


def test_an_ihave_of_a_topic_that_is_not_ours_is_not_answered() -> None:
    rig, (node,) = joined()
    rig.ihave(node, b"id", topic=OTHER)
    assert rig.asked() == []


def test_what_is_known_is_not_asked_for() -> None:
    rig, (node,) = joined()
    known = message(AUTHOR, 1)
    rig.bring(node, known)
    rig.ihave(node, id_of(known))
    assert rig.asked() == []
    rig.ihave(node, id_of(known), b"new", b"new")
    assert rig.asked() == [(node, (b"new",))]


def test_what_we_would_take_is_bounded_per_heartbeat() -> None:
    rig, (node,) = joined(max_ihave_length=10)
    rig.ihave(node, *[b"a%d" % n for n in range(8)])
    rig.ihave(node, *[b"b%d" % n for n in range(8)])
    rig.ihave(node, b"c")
    assert [len(ids) for _, ids in rig.asked()] == [8, 2]
    assert rig.refusals() == ["gossip-ihave-flood"]
    rig.beat()
    rig.ihave(node, b"c")
    assert len(rig.asked()) == 3


def test_several_ihaves_of_one_rpc_become_one_iwant() -> None:
    rig, (node,) = joined()
    rig.control(node, pubsub.ihave(TOPIC, [b"a"]), pubsub.ihave(TOPIC, [b"b"]))
    ((_, ids),) = rig.asked()
    assert set(ids) == {b"a", b"b"}


def test_an_iwant_for_one_id_many_times_over_is_one() -> None:
    rig, (node,) = joined()
    sent = rig.publish()
    rig.forget()
    rig.iwant(node, *[sent] * 50)
    assert rig.got(sent) == [node]


def test_who_does_not_want_it_cannot_ask_for_it() -> None:
    rig, (node,) = joined()
    sent = rig.publish()
    rig.forget()
    rig.control(node, pubsub.idontwant([sent]))
    rig.iwant(node, sent)
    assert rig.got(sent) == []


@pytest.mark.parametrize("topic", ["", "unknown"])
def test_an_ihave_and_graft_of_nonsense_leave_no_state(topic: str) -> None:
    rig, (node,) = joined()
    rig.control(node, pubsub.ihave(topic, [b"x"]), pubsub.graft(topic))
    assert len(rig.router._state.topics) == 1
    assert len(rig.router._state.promises) == 0


@given(st.lists(st.binary(max_size=60), max_size=50), st.integers(700, 2000))
def test_chunks_keep_order_and_size(ids: list[bytes], octets_max: int) -> None:
    parts = chunks(ids, octets_max)
    assert [one for part in parts for one in part] == ids
    for part in parts:
        assert len(pubsub.control([pubsub.ihave("t" * 500, part)])) <= octets_max
