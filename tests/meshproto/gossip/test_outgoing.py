from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.gossip.events import Dropped
from meshproto.gossip.outgoing import Outgoing, Queue
from meshproto.gossip.peers import Peer, Version
from meshproto.outputs import Gossip, Outbox
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Message, Prune
from support.gossip import OTHER, TOPIC, node_id


def peer(number: int = 1) -> Peer:
    return Peer(node_id(number), outbound=False, version=Version.V1_1, direct=False)


A, B = peer(1), peer(2)
PIECE = pubsub.publication(Message(TOPIC, b"data"))


class Desk:
    def __init__(self, limit: int = 1000, maximum: int = 3) -> None:
        self.outbox = Outbox()
        self.outgoing = Outgoing(self.outbox, limit, maximum)

    def sent(self) -> list[tuple[bytes, bytes]]:
        found, self.dropped = [], 0
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Gossip):
                found.append((output.neighbour, output.rpc))
            elif isinstance(output, Dropped):
                self.dropped += output.pieces
        return found


def test_a_message_for_many_is_one_piece_that_all_share() -> None:
    desk = Desk()
    desk.outgoing.publish([A, B], PIECE)
    sent = desk.sent()
    assert sent == [(A.node, PIECE), (B.node, PIECE)]
    assert sent[0][1] is sent[1][1]


def test_all_of_one_verb_goes_in_one_rpc() -> None:
    desk = Desk()
    desk.outgoing.announce(A, TOPIC, True)
    desk.outgoing.edge(A, TOPIC, pubsub.graft(TOPIC))
    desk.outgoing.gossip(A, pubsub.iwant([b"m"]))
    desk.outgoing.publish([A], PIECE)
    assert desk.sent() == []
    desk.outgoing.flush()
    ((node, rpc),) = desk.sent()
    read = pubsub.decode(rpc)
    assert node == A.node
    assert read.subscriptions[0].subscribe
    assert read.publish[0].data == b"data"
    assert read.control
    assert read.control.graft == (TOPIC,)
    assert read.control.iwant == ((b"m",),)
    desk.outgoing.flush()
    assert desk.sent() == []
    assert len(desk.outgoing) == 0


def test_of_graft_and_prune_the_latest_per_topic_is_sent() -> None:
    desk = Desk()
    desk.outgoing.edge(A, TOPIC, pubsub.graft(TOPIC))
    desk.outgoing.edge(A, OTHER, pubsub.graft(OTHER))
    desk.outgoing.edge(A, TOPIC, pubsub.prune(Prune(TOPIC)))
    desk.outgoing.flush()
    control = pubsub.decode(desk.sent()[0][1]).control
    assert control
    assert control.graft == (OTHER,)
    assert control.prune == (Prune(TOPIC),)


def test_a_stalled_neighbour_waits_alone_and_gets_what_was_kept() -> None:
    desk = Desk()
    desk.outgoing.stall(A.node)
    for _ in range(5):
        desk.outgoing.publish([A, B], PIECE)
        desk.outgoing.flush()
    desk.outgoing.gossip(A, pubsub.iwant([b"m"]))
    desk.outgoing.edge(A, TOPIC, pubsub.prune(Prune(TOPIC)))
    desk.outgoing.announce(A, TOPIC, False)
    desk.outgoing.flush()
    assert [node for node, _ in desk.sent()] == [B.node] * 5
    assert desk.dropped == 3
    desk.outgoing.resume(A.node)
    desk.outgoing.flush()
    ((_, rpc),) = desk.sent()
    read = pubsub.decode(rpc)
    assert len(read.publish) == 3
    assert read.control
    assert read.control.prune
    assert not read.control.iwant
    assert not read.subscriptions[0].subscribe


def test_a_stalled_neighbour_costs_a_bounded_queue() -> None:
    desk = Desk(maximum=10)
    desk.outgoing.stall(A.node)
    for number in range(1000):
        desk.outgoing.publish([A], PIECE)
        desk.outgoing.gossip(A, pubsub.iwant([b"m"]))
        desk.outgoing.edge(A, TOPIC, pubsub.graft(TOPIC))
        desk.outgoing.announce(A, TOPIC, number % 2 == 0)
    queue = desk.outgoing._queues[A.node]
    assert len(queue.messages) + len(queue.gossip) == 10
    assert len(queue.edges) == len(queue.subscriptions) == 1


def test_what_waits_goes_with_the_neighbour() -> None:
    desk = Desk()
    desk.outgoing.stall(A.node)
    desk.outgoing.publish([A], PIECE)
    desk.outgoing.drop(A.node)
    desk.outgoing.flush()
    assert len(desk.outgoing) == 0
    desk.outgoing.publish([A], PIECE)
    assert len(desk.sent()) == 1


sizes = st.lists(st.integers(1, 150), max_size=20)


@given(sizes, sizes)
def test_rpcs_keep_their_limit_and_lose_nothing(
    messages: list[int], gossip: list[int]
) -> None:
    queue = Queue()
    queue.messages = [pubsub.publication(Message("t", bytes(n))) for n in messages]
    queue.gossip = [pubsub.iwant([bytes(n)]) for n in gossip]
    rpcs = queue.rpcs(200)
    assert all(0 < len(rpc) <= 200 for rpc in rpcs)
    read = pubsub.decode(b"".join(rpcs))
    assert [len(one.data or b"") for one in read.publish] == messages
    asked = read.control.iwant if read.control else ()
    assert [len(ids[0]) for ids in asked] == gossip


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_say_is_no_rpc(count: int) -> None:
    queue = Queue()
    queue.messages = [PIECE] * count
    assert len(queue.rpcs(1000)) == count
