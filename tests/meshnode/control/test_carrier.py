"""Outputs carried out one by one, and what cannot be done counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from meshnode.control.carrier import Carrier
from meshnode.control.neighbours import Neighbour, Neighbours
from meshproto.errors import LimitError, StateError
from meshproto.forwarding.relay_table import CloseStream
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.outputs import (
    Dial,
    Gossip,
    HangUp,
    Pace,
    Probe,
    Purpose,
    Send,
    Transmit,
)
from meshproto.wire.control.link import Goodbye
from meshproto.wire.control.peer import MediaAddress

NODE = NodeId(b"neighbour")
STREAM = StreamId(bytes(16))


@dataclass
class Transport:
    """Notes what it is told."""

    id: int = 1
    node: NodeId = NODE
    rtt_s: float | None = None
    said: list[Any] = field(default_factory=list)
    takes: bool = True

    def send(self, frame: bytes) -> bool:
        self.said.append(frame)
        return self.takes

    def pace(self, interval_s: float) -> None:
        self.said.append(interval_s)

    def park(self) -> None:
        self.said.append("parked")

    def close(self, reason: str) -> None:
        self.said.append(("closed", reason))


class Plane:
    def __init__(self) -> None:
        self.said: list[Any] = []
        self.error: Exception | None = None

    def program(self, deltas: Any) -> None:
        self._say(list(deltas))

    def probe(self, address: Any, token: int) -> None:
        self._say((address, token))

    def _say(self, what: Any) -> None:
        if self.error is not None:
            raise self.error
        self.said.append(what)


class Rig:
    def __init__(self) -> None:
        self.plane = Plane()
        self.transport = Transport()
        self.neighbours = Neighbours()
        self.neighbour = Neighbour(self.transport, True, Purpose.OVERLAY, 0.0)  # type: ignore[arg-type]
        self.neighbours.add(self.neighbour)
        self.link = self.neighbours.begin(self.neighbour)
        self.dialled: list[Dial] = []
        self.gossiped: list[tuple[NodeId, bytes]] = []
        self.unprobed: list[int] = []
        self.carry = Carrier(
            self.plane,  # type: ignore[arg-type]
            self.neighbours,
            self.dialled.append,
            lambda node, rpc: self.gossiped.append((node, rpc)),
            self.unprobed.append,
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_frame_goes_over_its_link_and_is_counted_where_it_cannot(rig: Rig) -> None:
    rig.carry(Transmit(rig.link, b"frame"))
    assert rig.transport.said == [b"frame"]
    rig.transport.takes = False
    rig.carry(Transmit(rig.link, b"lost"))
    rig.carry(Transmit(LinkId(99), b"nowhere"))
    assert rig.carry.failures == {"frame-lost": 2}


@pytest.mark.parametrize("reason", ["silent", "unacknowledged", "goodbye"])
def test_a_link_that_may_come_back_is_parked(rig: Rig, reason: str) -> None:
    rig.carry(HangUp(NODE, reason))
    assert rig.transport.said == ["parked"]
    assert rig.neighbours.by_node(NODE) is rig.neighbour
    assert not rig.neighbours.linked(NODE)
    assert rig.neighbours.by_link(rig.link) is None


def test_any_other_end_closes_the_association(rig: Rig) -> None:
    rig.carry(HangUp(NODE, "traded"))
    rig.carry(HangUp(NODE, "traded"))
    assert rig.transport.said == [("closed", "traded")]
    assert len(rig.neighbours) == 0


def test_paces_are_those_of_the_rfc(rig: Rig) -> None:
    rig.carry(Pace(NODE, True))
    rig.carry(Pace(NODE, False))
    rig.carry(Pace(NodeId(b"nobody"), True))
    assert rig.transport.said == [0.25, 2.0]


def test_a_probe_goes_to_the_plane(rig: Rig) -> None:
    rig.carry(Probe(MediaAddress(bytes((192, 0, 2, 1)), 5_000), 7))
    rig.carry(Probe(MediaAddress(bytes(15) + b"\1", 5_000), 9))
    assert rig.plane.said == [(("192.0.2.1", 5_000), 7), (("::1", 5_000), 9)]


@pytest.mark.parametrize("error", [LimitError("probes", 1), OSError("unreachable")])
def test_a_probe_that_cannot_begin_ends_at_once(rig: Rig, error: Exception) -> None:
    rig.plane.error = error
    rig.carry(Probe(MediaAddress(bytes((192, 0, 2, 1)), 5_000), 7))
    assert rig.unprobed == [7]


def test_what_a_stranger_calls_an_address_is_not_probed(rig: Rig) -> None:
    rig.carry(Probe(MediaAddress(bytes(7), 5_000), 11))
    assert rig.unprobed == [11]
    assert not rig.plane.said


def test_a_delta_that_the_plane_refuses_is_counted(rig: Rig) -> None:
    rig.carry(CloseStream(STREAM))
    rig.plane.error = StateError("unknown")
    rig.carry(CloseStream(STREAM))
    assert rig.plane.said == [[CloseStream(STREAM)]]
    assert rig.carry.failures == {"delta-CloseStream": 1}


def test_gossip_and_dials_are_handed_on_and_the_rest_is_a_mistake(rig: Rig) -> None:
    rig.carry(Gossip(NODE, b"rpc"))
    assert rig.gossiped == [(NODE, b"rpc")]
    rig.carry(Send(NODE, Goodbye("no")))
    assert rig.carry.failures == {"output-misplaced": 1}
