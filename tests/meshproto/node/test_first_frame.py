"""The frame that proves a link ready brings records already: none may be lost."""

from __future__ import annotations

import random
from collections import deque

from meshproto.events import Event, Refused
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.link.events import LinkReady
from meshproto.node import Ability, Identity, Node
from meshproto.outputs import Purpose, Transmit
from meshproto.wire.control.peer import MediaAddress

LINK = LinkId(1)
RTT_S = 0.02


class Couple:
    """Two nodes and a perfect path between them, all at one moment."""

    def __init__(self) -> None:
        self.names = [NodeId(b"node-one"), NodeId(b"node-two")]
        self.nodes: list[Node] = []
        self.events: list[list[Event]] = [[], []]
        self.air: deque[tuple[int, bytes]] = deque()
        self.sent = 0
        for number, name in enumerate(self.names):
            node = Node(
                Identity(name, 1_000 + number, lambda octets: octets[:8]),
                random.Random(number),
                lambda *_: True,
                lambda _: None,
            )
            node.wall(2_000, 0.0)
            media = (MediaAddress(bytes([192, 0, 2, number + 1]), 5_000),)
            node.start(Ability(media), [], 0.0)
            self.nodes.append(node)
            self.drain(number)

    def drain(self, number: int) -> None:
        while (output := self.nodes[number].poll()) is not None:
            if isinstance(output, Transmit):
                self.air.append((1 - number, output.frame))
            elif isinstance(output, Event):
                self.events[number].append(output)

    def link(self) -> None:
        """Set up the link; what the first node sends is lost for a while, all but its
        Hello, so that the second one knows of it but lacks the proof.
        """
        for number, node in enumerate(self.nodes):
            other = self.names[1 - number]
            node.link_up(LINK, other, RTT_S, not number, Purpose.OVERLAY, 1.0)
            self.drain(number)
        for step in range(80):
            now = 1.0 + 0.01 * step
            for number, node in enumerate(self.nodes):
                node.handle_timeout(now)
                self.drain(number)
            while self.air:
                number, frame = self.air.popleft()
                hello = self.sent == 0
                self.sent += number
                if number == 0 or hello or step > 40:
                    self.nodes[number].receive(LINK, frame, now)
                    self.drain(number)


def test_a_link_is_told_to_be_ready_before_its_first_records_are_read() -> None:
    couple = Couple()
    stream = StreamId(b"s" * 16)
    couple.nodes[0].publish(stream, (1_000_000,), 0.5)
    couple.nodes[0].subscribe(stream, couple.names[0], 1, 1, 0.5)
    couple.link()
    for events in couple.events:
        assert [type(e) for e in events if isinstance(e, LinkReady)] == [LinkReady]
        assert not [event for event in events if isinstance(event, Refused)]
    assert couple.nodes[1].peer(couple.names[0]) is not None
    assert couple.nodes[1].next_hop(couple.names[0]) == couple.names[0]
