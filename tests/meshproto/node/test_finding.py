"""Gossip, directory and trees joined, in whole nodes with a perfect path between."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from meshproto.config.directory import DirectoryConfig
from meshproto.config.gossip import DIRECTORY_TOPIC, PRESENCE_TOPIC
from meshproto.errors import LimitError
from meshproto.events import Event, Refused
from meshproto.forwarding.relay_table import OpenStream
from meshproto.gossip.directory_events import StreamFound, StreamGone, StreamMoved
from meshproto.gossip.peers import Version
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.node import Ability, Identity, Node, NodeConfig, Wish
from meshproto.node.finding import VERSIONS_MAX
from meshproto.outputs import Gossip, Purpose, Transmit
from meshproto.wire import pubsub
from meshproto.wire.control.directory import Claim
from meshproto.wire.control.peer import MediaAddress
from support.directory import AUDIO, claim
from support.gossip import node_id, seal, verify

STREAM = claim().stream
LINK = LinkId(1)


class Two:
    """Nodes 1 and 2; `link` joins them, `run` lets time pass."""

    def __init__(self, **options: Any) -> None:
        self.now = 1.0
        self.config = NodeConfig(directory=DirectoryConfig(**options))
        self.events: dict[int, list[Event]] = {1: [], 2: []}
        self.outputs: dict[int, list[Any]] = {1: [], 2: []}
        self.air: deque[tuple[int, Any]] = deque()
        self.nodes = {number: self._node(number) for number in (1, 2)}

    def _node(self, number: int) -> Node:
        me = node_id(number)
        node = Node(
            Identity(me, 1_000, partial(seal, me)),
            random.Random(number),
            verify,
            lambda _: None,
            self.config,
        )
        node.wall(2_000, self.now)
        media = (MediaAddress(bytes([192, 0, 2, number]), 5_000),)
        node.start(Ability(media), [], self.now)
        return node

    def link(self, purpose: Purpose = Purpose.OVERLAY) -> None:
        for number, node in self.nodes.items():
            node.link_up(
                LINK, node_id(3 - number), 0.02, number == 1, purpose, self.now
            )
        self.run(1.0)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            for number in (1, 2):
                self.nodes[number].handle_timeout(self.now)
                self.drain(number)
            while self.air:
                to, what = self.air.popleft()
                if isinstance(what, Gossip):
                    source = node_id(3 - to)
                    self.nodes[to].gossip_received(source, what.rpc, self.now)
                else:
                    self.nodes[to].receive(LINK, what.frame, self.now)
                self.drain(to)

    def drain(self, number: int) -> None:
        while (output := self.nodes[number].poll()) is not None:
            if isinstance(output, Transmit | Gossip):
                self.air.append((3 - number, output))
            elif isinstance(output, Event):
                self.events[number].append(output)
            else:
                self.outputs[number].append(output)

    def announce(self, number: int, counter: int = 1) -> Claim:
        held = claim(origin=number, counter=counter)
        self.nodes[number].publish(held.stream, (1_000_000,), self.now)
        self.nodes[number].announce(held, AUDIO, self.now)
        self.run(1.0)
        return held

    def origin(self, number: int) -> NodeId | None:
        return self.nodes[number].directory.resolve(STREAM)

    def opened(self, number: int) -> list[StreamId]:
        return [o.stream for o in self.outputs[number] if isinstance(o, OpenStream)]


def test_what_one_announces_the_other_finds() -> None:
    two = Two()
    two.link()
    two.announce(1)
    assert two.origin(2) == node_id(1)
    assert StreamFound(STREAM, claim().name, node_id(1)) in two.events[2]
    assert not [e for e in two.events[2] if isinstance(e, Refused)]


def test_what_was_announced_before_the_link_is_found_by_comparison() -> None:
    two = Two()
    two.announce(1)
    two.link()
    assert two.origin(2) == node_id(1)


def test_a_viewer_waits_until_the_stream_is_found() -> None:
    two = Two()
    two.link()
    two.nodes[2].watch(STREAM, Wish(1, 1), two.now)
    two.run(1.0)
    assert two.opened(2) == []
    two.announce(1)
    assert two.opened(2) == [STREAM]


def test_a_viewer_of_a_known_stream_does_not_wait() -> None:
    two = Two()
    two.link()
    two.announce(1)
    two.nodes[2].watch(STREAM, Wish(1, 1), two.now)
    two.drain(2)
    assert two.opened(2) == [STREAM]


def test_a_viewer_that_left_is_not_subscribed() -> None:
    two = Two()
    two.link()
    two.nodes[2].watch(STREAM, Wish(1, 1), two.now)
    two.nodes[2].unwatch(STREAM, two.now)
    two.announce(1)
    assert two.opened(2) == []


def test_viewers_follow_a_stream_that_moves() -> None:
    two = Two()
    two.link()
    two.announce(1)
    two.nodes[1].watch(STREAM, Wish(1, 1), two.now)
    two.announce(2, counter=2)
    assert two.origin(1) == node_id(2)
    assert StreamMoved(STREAM, node_id(2), node_id(1)) in two.events[1]
    # the tree at node 1 was opened anew, as no origin
    opened = [o for o in two.outputs[1] if isinstance(o, OpenStream)]
    assert [o.origin for o in opened] == [True, False]


@pytest.mark.parametrize("before", [True, False])
def test_the_version_of_the_gossip_stream_is_the_one_agreed_on(before) -> None:
    two = Two()
    node, other = two.nodes[1], node_id(2)
    if before:
        node.gossip_opened(other, Version.V1_1, two.now)
    two.link()
    if not before:
        assert node._gossip._state.peers[other].version is Version.V1_2
        node.gossip_opened(other, Version.V1_1, two.now)
    assert node._gossip._state.peers[other].version is Version.V1_1


def test_versions_of_streams_without_a_link_are_bounded() -> None:
    two = Two()
    for number in range(1_000, 1_000 + 2 * VERSIONS_MAX):
        two.nodes[1].gossip_opened(node_id(number), Version.V1_0, two.now)
    assert len(two.nodes[1]._finding._versions) == VERSIONS_MAX


def test_the_end_of_a_stream_is_told() -> None:
    two = Two()
    two.link()
    two.announce(1)
    two.run(2.0)
    two.nodes[1].unannounce(STREAM, two.now)
    two.run(1.0)
    assert two.events[2][-1] == StreamGone(STREAM, "ended")


def test_a_node_that_leaves_ends_its_streams() -> None:
    two = Two()
    two.link()
    two.announce(1)
    two.nodes[1].leave(two.now)
    two.run(1.0)
    assert two.origin(2) is None


def test_links_of_trees_carry_no_directory() -> None:
    two = Two()
    two.link(Purpose.TREE)
    two.announce(1)
    assert two.origin(2) is None


def test_a_directory_that_is_off_says_and_hears_nothing() -> None:
    two = Two(enabled=False)
    two.link()
    two.announce(1)
    assert two.origin(1) == node_id(1)
    assert two.origin(2) is None


def test_an_rpc_that_comes_before_the_link_is_ready_waits_for_it() -> None:
    two = Two()
    first, second = two.nodes[1], two.nodes[2]
    two.link()
    second.link_down(LINK, two.now)
    first.link_down(LINK, two.now)
    two.run(0.1)
    first.link_up(LinkId(9), node_id(2), 0.02, True, Purpose.OVERLAY, two.now)
    hello = pubsub.subscription(DIRECTORY_TOPIC, True)
    first.gossip_received(node_id(2), hello, two.now)
    assert not [e for e in two.events[1] if isinstance(e, Refused)]
    assert first._gossip.subscribers(DIRECTORY_TOPIC) == []
    first._finding.neighbour_up(node_id(2), True, b"", two.now)
    assert first._gossip.subscribers(DIRECTORY_TOPIC) == [node_id(2)]


def test_what_waits_is_bounded_in_number_and_time() -> None:
    two = Two()
    finding = two.nodes[1]._finding
    hello = pubsub.subscription(DIRECTORY_TOPIC, True)
    for number in range(200):
        for _ in range(20):
            finding.receive(node_id(1_000 + number), hello, two.now)
    assert len(finding._early) == 64
    assert all(len(waiting) == 8 for waiting in finding._early.values())
    finding.receive(node_id(7), bytes(5_000), two.now)
    assert finding._early[node_id(7)] == []
    late = node_id(1_199)
    finding.neighbour_up(late, True, b"", two.now + 6.0)
    assert two.nodes[1]._gossip.subscribers(DIRECTORY_TOPIC) == []


def test_a_link_that_is_lost_is_compared_anew_when_it_is_back() -> None:
    two = Two()
    two.link()
    for number in (1, 2):
        two.nodes[number].link_down(LINK, two.now)
        two.drain(number)
    two.air.clear()
    two.announce(1)
    assert two.origin(2) is None
    two.link()
    assert two.origin(2) == node_id(1)


def test_too_many_watched_streams_name_the_limit() -> None:
    two = Two(watched_max=1)
    two.nodes[1].watch(STREAM, Wish(1, 1), two.now)
    two.nodes[1].watch(STREAM, Wish(3, 1), two.now)
    with pytest.raises(LimitError, match="watched_max"):
        two.nodes[1].watch(claim("other").stream, Wish(1, 1), two.now)


def test_the_whole_wish_is_handed_on_when_the_stream_is_found() -> None:
    two = Two()
    two.link()
    two.nodes[2].watch(STREAM, Wish(1, 1, dual=True), two.now)
    two.announce(1)
    tree = two.nodes[2]._trees._shared.trees[STREAM]
    assert (tree.layers, tree.viewers, tree.dual) == (1, 1, True)


def test_who_enlists_is_on_the_list_of_the_other() -> None:
    two = Two()
    two.link()
    for number in (1, 2):
        two.nodes[number].enlist(True, two.now)
    two.run(8.0)
    assert [r.node for r in two.nodes[1].presence.listed()] == [node_id(2)]
    two.nodes[1].enlist(False, two.now)
    two.nodes[1].enlist(False, two.now)
    assert two.nodes[1]._gossip.mesh(PRESENCE_TOPIC) == []


def test_a_forged_announcement_blames_the_neighbour() -> None:
    two = Two()
    two.link()
    held = replace(claim(origin=1), counter=9)
    with pytest.raises(Exception, match="did not sign"):
        two.nodes[1].announce(held, AUDIO, two.now)
