"""A common neighbour passes sealed descriptors on (RFC 0005 section 5.3)."""

from __future__ import annotations

import random

from meshproto.config.link import LinkConfig
from meshproto.ids import LinkId, NodeId
from meshproto.link.events import DescriptorArrived, IntroductionFailed, LinkReady
from meshproto.link.links import Links
from meshproto.outputs import Outbox, Transmit

NODES = [NodeId(name) for name in (b"joiner--", b"between-", b"target--")]
JOINER, BETWEEN, TARGET = NODES
SECRET = b"sealed" * 100


class Row:
    """Joiner and target, both linked to the node between, over a perfect path."""

    def __init__(self) -> None:
        self.now = 0.0
        self.links: dict[NodeId, Links] = {}
        self.boxes = {node: Outbox() for node in NODES}
        for node in NODES:
            self.links[node] = Links(
                node, 1, LinkConfig(), self.boxes[node], random.Random(1)
            )
        self.wires = {
            (JOINER, LinkId(1)): (BETWEEN, LinkId(1)),
            (BETWEEN, LinkId(1)): (JOINER, LinkId(1)),
            (BETWEEN, LinkId(2)): (TARGET, LinkId(1)),
            (TARGET, LinkId(1)): (BETWEEN, LinkId(2)),
        }
        for (node, link), (other, _) in self.wires.items():
            self.links[node].up(link, other, 0.01, self.now)
        self.settle()
        for node in NODES:
            changes = self.links[node].take_changes()
            assert {type(change) for change in changes} == {LinkReady}

    def settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for node in NODES:
                self.links[node].flush(self.now)
                while (output := self.boxes[node].poll()) is not None:
                    assert isinstance(output, Transmit)
                    other, link = self.wires[node, output.link]
                    assert self.links[other].receive(link, output.frame, self.now) == []
                    busy = True


def test_a_descriptor_reaches_its_target_with_the_name_of_its_maker() -> None:
    row = Row()
    assert row.links[JOINER].introduce(BETWEEN, TARGET, SECRET, row.now)
    row.settle()
    assert row.links[TARGET].take_changes() == [
        DescriptorArrived(JOINER, BETWEEN, SECRET)
    ]
    assert row.links[JOINER].take_changes() == []
    assert row.links[BETWEEN].take_changes() == []


def test_a_target_that_is_no_neighbour_is_told_to_the_asker() -> None:
    row = Row()
    row.links[TARGET].close(BETWEEN, "leaving", row.now)
    while row.boxes[TARGET].poll():
        pass
    row.links[BETWEEN].down(LinkId(2), row.now)
    row.links[BETWEEN].take_changes()
    row.links[JOINER].introduce(BETWEEN, TARGET, SECRET, row.now)
    row.settle()
    assert row.links[JOINER].take_changes() == [IntroductionFailed(TARGET, BETWEEN)]


def test_nobody_is_introduced_to_himself() -> None:
    row = Row()
    row.links[JOINER].introduce(BETWEEN, JOINER, SECRET, row.now)
    row.settle()
    assert row.links[JOINER].take_changes() == [IntroductionFailed(JOINER, BETWEEN)]


def test_too_many_introductions_are_not_passed_on() -> None:
    row = Row()
    for _ in range(30):
        row.links[JOINER].introduce(BETWEEN, TARGET, b"x", row.now)
    row.settle()
    assert len(row.links[TARGET].take_changes()) == 20
    assert len(row.links[JOINER].take_changes()) == 10
