from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import StateError
from meshproto.events import LimitReached
from meshproto.gossip.peers import Version
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Prune
from support.gossip import ME, OTHER, TOPIC, Rig, Web, message, node_id, offered

AUTHOR = node_id(900)


def test_a_neighbour_is_told_our_topics_and_later_changes() -> None:
    rig = Rig()
    rig.join(TOPIC)
    rig.join(OTHER)
    node = rig.up(topics=())
    rig.leave(TOPIC)
    told = [
        (one.topic, one.subscribe) for _, rpc in rig.said for one in rpc.subscriptions
    ]
    assert told == [(TOPIC, True), (OTHER, True), (TOPIC, False)]
    assert {who for who, _ in rig.said} == {node}


def test_local_misuse_is_told_at_once() -> None:
    rig = Rig()
    node = rig.up()
    rig.join()
    misuses: list[Any] = [
        lambda: rig.router.peer_up(node, False, b"", Version.V1_1, rig.now),
        lambda: rig.router.peer_up(ME, False, b"", Version.V1_1, rig.now),
        rig.join,
        lambda: rig.leave(OTHER),
        lambda: rig.join(""),
        lambda: rig.publish(topic="x" * 513),
        lambda: rig.publish(bytes(rig.config.data_octets_max + 1)),
    ]
    for misuse in misuses:
        with pytest.raises(StateError):
            misuse()


def test_a_stranger_is_refused() -> None:
    rig = Rig()
    rig.hear(node_id(5), [pubsub.subscription(TOPIC, True)])
    assert rig.refusals() == ["gossip-stranger"]
    assert len(rig.router._state.topics) == 0


def test_octets_that_are_no_rpc_are_refused_and_held_against_the_sender() -> None:
    rig = Rig()
    node = rig.up()
    rig.hear(node, [b"\x0f"])
    assert rig.refusals() == ["protobuf-wire-type"]
    assert rig.penalty(node) == 1


def test_one_rpc_makes_one_event_of_a_kind_however_much_is_in_it() -> None:
    rig = Rig(validations_max=1)
    rig.join()
    node = rig.up()
    pieces = [pubsub.publication(message(AUTHOR, n, topic=OTHER)) for n in range(50)]
    pieces += [pubsub.publication(message(AUTHOR, n)) for n in range(50)]
    pieces.append(pubsub.control([pubsub.graft("none")] * 50))
    rig.forget()
    rig.hear(node, pieces)
    assert rig.refusals() == ["gossip-topic", "gossip-graft-topic"]
    assert len(rig.events) == 3
    rig.hear(node, pieces)
    assert len(rig.events) == 6


def test_neighbours_are_bounded_but_direct_ones_are_let_in() -> None:
    rig = Rig(peers_max=3)
    friend = node_id(500)
    rig.router.set_direct([friend], rig.now)
    rig.ups(3)
    assert not rig.router.peer_up(node_id(9), False, b"", Version.V1_1, rig.now)
    rig.drain()
    assert rig.events == [LimitReached("peers_max", 3)]
    assert rig.router.peer_up(friend, False, b"", Version.V1_1, rig.now)


def test_a_neighbour_that_left_is_out_of_everything() -> None:
    rig = Rig()
    rig.join()
    node = rig.up(topics=(TOPIC, OTHER))
    rig.graft(node)
    rig.router.stalled(node)
    rig.publish()
    rig.router.peer_down(node, rig.now)
    rig.router.peer_down(node, rig.now)
    rig.drain()
    state = rig.router._state
    assert len(state.outgoing) == 0
    rig.router.resumed(node)
    rig.up(node=node, topics=())
    assert rig.said[-1][0] == node
    rig.router.peer_down(node, rig.now)
    assert rig.mesh() == rig.router.subscribers(TOPIC) == []
    assert len(state.outgoing) == 0
    assert [topic.name for topic in state.topics] == [TOPIC]
    assert node not in state.peers


def test_a_stalled_stranger_is_nobody() -> None:
    rig = Rig()
    rig.router.stalled(node_id(5))
    assert not rig.router._state.outgoing._stalled


def test_becoming_direct_ends_the_mesh_edge_on_both_sides() -> None:
    rig = Rig()
    rig.join()
    node = rig.up()
    rig.graft(node)
    rig.router.set_direct([node], rig.now)
    rig.drain()
    assert rig.mesh() == []
    assert [who for who, _ in rig.prunes()] == [node]
    rig.router.set_direct([], rig.now)
    rig.now += 61
    rig.graft(node)
    assert rig.mesh() == [node]


def test_a_router_that_has_nothing_to_do_sleeps() -> None:
    rig = Rig()
    assert rig.router.next_timeout() is None
    rig.ups(3)
    rig.pass_time(5)
    assert rig.router.next_timeout() is None
    rig.join()
    assert rig.router.next_timeout() is not None
    rig.pass_time(10)
    at = rig.router.next_timeout()
    assert at is not None
    assert at > rig.now + 5
    rig.leave()
    rig.pass_time(100)
    assert rig.router.next_timeout() is None


def test_what_happens_wakes_it_for_the_next_heartbeat() -> None:
    rig = Rig()
    rig.join()
    for node in rig.ups(6, outbound=True):
        rig.graft(node)
    rig.pass_time(20)
    asleep = rig.router.next_timeout()
    assert asleep is not None
    assert asleep > rig.now + 5
    rig.publish()
    awake = rig.router.next_timeout()
    assert awake is not None
    assert rig.now < awake <= rig.now + rig.config.heartbeat_s


def test_asking_for_the_time_changes_nothing_and_early_calls_do_nothing() -> None:
    rig = Rig()
    rig.join()
    rig.ups(3)
    at = rig.router.next_timeout()
    assert at is not None
    rig.router.handle_timeout(at - 0.001)
    rig.drain()
    assert rig.router.next_timeout() == at
    assert rig.grafts() == []
    rig.now = at
    rig.router.handle_timeout(at)
    rig.drain()
    assert len(rig.grafts()) == 3


def test_nodes_that_start_together_beat_apart() -> None:
    times = set()
    for seed in range(20):
        rig = Rig(seed)
        rig.join()
        times.add(rig.router.next_timeout())
    assert len(times) == 20


def test_a_restarted_node_does_not_repeat_its_numbers() -> None:
    first, second = Rig(), Rig()
    ids = {first.publish() for _ in range(100)}
    second.router._number = 2 * 1_000_000
    assert second.publish() not in ids


# many routers


def test_everybody_gets_every_message_once() -> None:
    web = Web(40, 10)
    web.join()
    web.run(3)
    chance = random.Random(4)
    sent = [b"message %d" % number for number in range(30)]
    for data in sent:
        web.publish(chance.randrange(40), data)
        web.run(chance.random())
    web.run(5)
    for got in web.got:
        assert len(got) == len(set(got))
    authors = sum(len(sent) - len(got) for got in web.got)
    assert authors == len(sent)


def test_meshes_are_mutual_and_within_their_degrees() -> None:
    web = Web(40, 14)
    web.join()
    web.run(20)
    for index, router in enumerate(web.routers):
        assert 5 <= len(router.mesh(TOPIC)) <= 12
        for node in router.mesh(TOPIC):
            assert node_id(index) in web.routers[web.index[node]].mesh(TOPIC)


def test_a_quiet_web_costs_next_to_nothing() -> None:
    web = Web(30, 10)
    web.join()
    web.run(20)
    rpcs, beats = web.rpcs, web.beats
    web.run(600)
    assert web.rpcs == rpcs
    assert web.beats - beats <= 30 * (600 / 60 + 1)


def test_what_a_cut_off_part_missed_comes_by_gossip_when_it_is_back() -> None:
    web = Web(12, 12)
    web.join()
    web.run(5)
    for other in range(1, 12):
        web.cut(0, other)
        web.cut(other, 0)
    web.publish(5, b"while you were away")
    web.run(0.5)
    assert web.got[0] == []
    for other in (3, 4, 6):
        web.link(0, other)
    web.run(6)
    assert web.got[0] == [b"while you were away"]


def test_a_third_of_the_web_dying_stops_nothing() -> None:
    web = Web(45, 14)
    web.join()
    web.run(5)
    dead = range(15)
    for a, b in list(web.edges):
        if a in dead or b in dead:
            web.cut(a, b)
    web.run(2)
    web.publish(20, b"after")
    web.run(4)
    assert sum(b"after" in got for got in web.got) == 29


def test_the_same_seed_gives_the_same_run() -> None:
    def run(seed: int) -> list[Any]:
        web = Web(20, 8, seed)
        web.join()
        web.run(3)
        web.publish(1, b"x")
        web.run(5)
        return [web.rpcs, web.beats, [router.mesh(TOPIC) for router in web.routers]]

    assert run(7) == run(7)
    assert run(7) != run(8)


# hostile neighbours

names = st.sampled_from([TOPIC, OTHER, "elsewhere", ""])
ids = st.lists(st.binary(max_size=12), max_size=6)
hostile = st.one_of(
    st.binary(max_size=60),
    st.builds(pubsub.subscription, names, st.booleans()),
    st.integers(0, 40).map(lambda n: pubsub.publication(message(AUTHOR, n))),
    st.integers(0, 40).map(
        lambda n: pubsub.publication(message(AUTHOR, n, topic=OTHER))
    ),
    st.lists(
        st.one_of(
            st.builds(pubsub.graft, names),
            st.builds(pubsub.ihave, names, ids),
            st.builds(pubsub.iwant, ids),
            st.builds(pubsub.idontwant, ids),
            st.builds(
                lambda topic, seconds: pubsub.prune(
                    Prune(topic, offered(node_id(77)), seconds)
                ),
                names,
                st.integers(0, 2**64 - 1),
            ),
        ),
        max_size=4,
    ).map(pubsub.control),
)
actions = st.one_of(
    st.tuples(st.just("hear"), st.integers(1, 8), hostile),
    st.tuples(st.just("pass"), st.floats(0, 20), st.none()),
    st.tuples(st.just("judge"), st.sampled_from(Verdict), st.none()),
    st.tuples(st.just("publish"), names.filter(bool), st.none()),
    st.tuples(st.just("flap"), st.integers(1, 8), st.none()),
    st.tuples(st.just("toggle"), st.sampled_from([TOPIC, OTHER]), st.none()),
    st.tuples(st.just("stall"), st.integers(1, 8), st.booleans()),
)


class Siege:
    """A small router under any sequence of events."""

    def __init__(self) -> None:
        self.rig = Rig(
            topics_per_peer_max=3,
            seen_max=8,
            validations_max=5,
            backoffs_max=6,
            promises_max=4,
            retained_scores_max=4,
            queue_max=5,
            wanted_max=3,
        )
        self.rig.join()
        self.up = [self.rig.up(topics=()) for _ in range(8)]

    def act(self, name: str, what: Any, more: Any) -> None:
        rig, router = self.rig, self.rig.router
        node = node_id(what) if isinstance(what, int) else node_id(0)
        match name:
            case "hear":
                rig.hear(node, [more])
            case "pass":
                rig.pass_time(what)
            case "judge":
                rig.judge(what)
            case "publish":
                rig.publish(topic=what)
            case "flap":
                router.peer_down(node, rig.now)
                router.peer_up(node, node[-1] % 2 == 0, b"x", Version.V1_2, rig.now)
            case "toggle":
                joined = router._state.topics.joined(what) is not None
                (rig.leave if joined else rig.join)(what)
            case "stall":
                (router.stalled if more else router.resumed)(node)
        rig.drain()

    def bounds_hold(self) -> None:
        state, config = self.rig.router._state, self.rig.config
        assert len(state.seen) <= config.seen_max
        assert 0 <= state.seen.undecided <= config.validations_max
        assert len(state.backoffs) <= config.backoffs_max
        assert len(state.promises) <= config.promises_max
        assert len(state.promises._open) <= config.promises_max
        assert len(state.wanted) <= config.wanted_max
        assert len(state.scores) <= len(state.peers) + config.retained_scores_max
        for topic in state.topics:
            assert (
                topic.subscribers or topic.mesh is not None or topic.fanout is not None
            )
            for members in (topic.mesh, topic.fanout, topic.subscribers):
                assert set(members or ()) <= set(state.peers)
        for peer in state.peers.values():
            assert len(peer.topics) <= config.topics_per_peer_max
        for queue in state.outgoing._queues.values():
            assert len(queue.messages) + len(queue.gossip) <= config.queue_max
        at = self.rig.router.next_timeout()
        assert at is None or at >= self.rig.now - 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(actions, max_size=60))
def test_nothing_that_neighbours_do_raises_or_outgrows_its_bounds(
    taken: list[tuple[str, Any, Any]],
) -> None:
    siege = Siege()
    for action in taken:
        siege.act(*action)
        siege.bounds_hold()


def test_a_mesh_edge_survives_no_lost_subscription() -> None:
    rig = Rig()
    rig.join()
    nodes: list[NodeId] = rig.ups(6, outbound=True)
    for node in nodes:
        rig.graft(node)
    for node in nodes[:3]:
        rig.hear(node, [pubsub.subscription(TOPIC, False)])
    rig.pass_time(3)
    assert rig.mesh() == nodes[3:]
