from __future__ import annotations

import pytest

from meshproto.gossip import mesh
from meshproto.gossip.events import Grafted, Pruned
from meshproto.gossip.peers import Version
from meshproto.gossip.topics import Topic
from support.gossip import OTHER, TOPIC, Rig


def stage(**options: object) -> tuple[Rig, Topic]:
    rig = Rig(**options)
    rig.join()
    topic = rig.router._state.topics.joined(TOPIC)
    assert topic is not None
    return rig, topic


def test_a_graft_is_told_to_the_neighbour_the_owner_and_the_scores() -> None:
    rig, topic = stage()
    node = rig.up()
    rig.forget()
    state = rig.router._state
    mesh.graft(state, topic, state.peers[node], rig.now)
    state.outgoing.flush()
    rig.drain()
    assert rig.grafts() == [node]
    assert rig.events == [Grafted(node, TOPIC)]
    rig.pass_time(50)
    assert rig.score(node) > 0


def test_a_prune_is_told_once_and_starts_the_back_off() -> None:
    rig, topic = stage()
    node = rig.up()
    rig.graft(node)
    rig.forget()
    state = rig.router._state
    mesh.prune(state, topic, state.peers[node], rig.now)
    state.outgoing.flush()
    rig.drain()
    assert [who for who, _ in rig.prunes()] == [node]
    assert rig.events == [Pruned(node, TOPIC)]
    assert state.backoffs.of(node, TOPIC, rig.now + 59)
    assert not mesh.dismiss(state, topic, node)


def test_an_old_neighbour_hears_only_the_topic() -> None:
    rig, _ = stage()
    rig.ups(3)
    old = rig.up(version=Version.V1_0)
    rig.router.scores.set_app(old, -1)
    rig.graft(old)
    ((_, told),) = rig.prunes()
    assert (told.peers, told.backoff_s) == ((), None)


@pytest.mark.parametrize(("held_s", "told_s"), [(60.0, 60), (2.5, 3), (0.2, 1)])
def test_a_back_off_is_told_in_whole_seconds_and_never_too_short(
    held_s: float, told_s: int
) -> None:
    rig, _ = stage(prune_backoff_s=held_s)
    node = rig.up()
    rig.router.scores.set_app(node, -1)
    rig.graft(node)
    assert [told.backoff_s for _, told in rig.prunes()] == [told_s]


def test_candidates_are_those_whom_a_graft_would_please() -> None:
    rig, topic = stage()
    fit, member, bad, backing, direct = rig.ups(5)
    rig.up(topics=(OTHER,))
    rig.graft(member)
    rig.router.scores.set_app(bad, -1)
    rig.prune(backing)
    rig.router.set_direct([direct], rig.now)
    state = rig.router._state
    chosen = mesh.candidates(state, topic, rig.now)
    assert [peer.node for peer in chosen] == [fit]


def test_picking_takes_no_more_than_there_are_and_none_below_none() -> None:
    rig, topic = stage()
    rig.ups(4)
    state = rig.router._state
    peers = list(topic.subscribers.values())
    assert len(mesh.pick(state, peers, 2)) == 2
    assert mesh.pick(state, peers, 9) == peers
    assert mesh.pick(state, peers, -3) == []


def test_outbound_ones_are_counted() -> None:
    rig, topic = stage()
    rig.ups(2)
    rig.ups(3, outbound=True)
    assert mesh.outbound(topic.subscribers) == 3


def test_a_topic_that_is_not_joined_has_no_mesh() -> None:
    with pytest.raises(AssertionError):
        mesh.mesh_of(Topic(TOPIC))
