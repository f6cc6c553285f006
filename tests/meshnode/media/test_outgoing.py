from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from meshnode.media.outgoing import Outgoing
from meshnode.media.plane import SrtpKeys, TransportSpec
from meshnode.media.sender import Egress, Path, Sender
from meshnode.media.session import REPEAT_PACKETS, RepeatRing, Session
from meshnode.media.srtp import make_outbound
from meshproto.forwarding.outputs import Burst, OutPacket, Resend
from meshproto.forwarding.table import TransportKind
from meshproto.ice.path import ClientPath, IceConfig
from meshproto.ids import ConsumerId, TransportId

ONE = TransportId(1)
CONSUMER = ConsumerId(5)
KEYS = SrtpKeys("AEAD_AES_128_GCM", bytes(16), bytes(12), bytes(16), bytes(12))
RTCP = bytes.fromhex("80c9000100000007")


def packet(index: int, ssrc: int = 7) -> OutPacket:
    header = b"\x80\x60" + index.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    return header, b"payload", ssrc, index


class Wire:
    """A client session whose datagrams can be read at the far end."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.far = far
        ice = ClientPath(ONE, IceConfig())
        ice.proving = False
        self.session = Session(TransportSpec(ONE, TransportKind.CLIENT), ice)
        self.session.outbound = make_outbound(KEYS, 2)
        self.session.path = Path(Sender(near), far.getsockname(), [], Egress())
        self.outgoing = Outgoing({ONE: self.session})

    def received(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.far.recv(2000))
            except BlockingIOError:
                return found


@pytest.fixture
def wire() -> Iterator[Wire]:
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*kind) as near, socket.socket(*kind) as far:
        for sock in (near, far):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield Wire(near, far)


def burst(*packets: OutPacket, keep: bool = False) -> Burst:
    return Burst(ONE, CONSUMER, list(packets), keep)


def test_a_kept_packet_goes_out_again_unaltered(wire: Wire) -> None:
    wire.outgoing.burst(burst(packet(1), packet(2), keep=True))
    first = wire.received()
    assert len(first) == 2
    wire.outgoing.resend(Resend(ONE, 7, 2))
    assert wire.received() == first[1:]
    wire.outgoing.resend(Resend(ONE, 7, 3))
    wire.outgoing.resend(Resend(TransportId(2), 7, 2))
    assert wire.received() == []
    assert wire.outgoing.drops == {"resend-gone": 1}


def test_nothing_is_kept_for_consumers_with_rtx(wire: Wire) -> None:
    wire.outgoing.burst(burst(packet(1)))
    assert wire.session.ring is None
    wire.outgoing.resend(Resend(ONE, 7, 1))
    assert len(wire.received()) == 1


def test_without_an_address_nothing_is_sent_and_all_is_counted(wire: Wire) -> None:
    wire.session.path = None
    wire.outgoing.burst(burst(packet(1), packet(2)))
    wire.outgoing.rtcp(ONE, RTCP)
    wire.outgoing.dtls(ONE, [b"one", b"two"])
    wire.outgoing.dtls(TransportId(2), [b"three"])
    assert wire.received() == []
    assert wire.outgoing.drops == {"no-address": 6}
    assert wire.outgoing.packets == 0


def test_without_keys_nothing_is_sent(wire: Wire) -> None:
    wire.session.outbound = None
    wire.outgoing.burst(burst(packet(1)))
    wire.outgoing.rtcp(ONE, RTCP)
    wire.outgoing.rtcp(TransportId(2), RTCP)
    wire.outgoing.burst(Burst(TransportId(2), CONSUMER, [packet(1)], False))
    assert wire.received() == []
    assert wire.outgoing.drops == {"rtp-before-keys": 1, "rtcp-before-keys": 2}


def test_an_address_that_proves_nothing_has_a_budget(wire: Wire) -> None:
    ice = wire.session.ice
    assert ice is not None
    ice.proving, ice._secured, ice._budget = True, True, 60
    wire.outgoing.burst(burst(packet(1)))  # 35 octets
    wire.outgoing.burst(burst(packet(2)))
    wire.outgoing.rtcp(ONE, RTCP)
    assert len(wire.received()) == 1
    assert wire.outgoing.drops == {"unproven-address": 2}


def test_sources_of_ours_are_bounded_too(wire: Wire) -> None:
    for ssrc in (1, 2, 3):
        wire.outgoing.burst(burst(packet(1, ssrc)))
        wire.outgoing.rtcp(ONE, RTCP[:4] + ssrc.to_bytes(4, "big"))
    assert len(wire.received()) == 4
    assert wire.outgoing.drops == {"send-ssrcs": 2}


def test_a_burst_that_would_repeat_nonces_sends_nothing(wire: Wire) -> None:
    wire.outgoing.burst(burst(packet(1)))
    wire.outgoing.burst(burst(packet(1)))
    assert len(wire.received()) == 1
    assert wire.session.outbound is not None
    assert wire.session.outbound.refused == 1


def test_a_local_consumer_gets_plain_packets() -> None:
    session = Session(TransportSpec(ONE, TransportKind.LOCAL), None)
    outgoing = Outgoing({ONE: session})
    outgoing.burst(burst(packet(1)))  # nobody listens
    got: list[tuple[int, bytes]] = []
    session.sink = lambda consumer, data: got.append((consumer, data))
    outgoing.burst(burst(packet(2)))
    assert got == [(CONSUMER, packet(2)[0] + b"payload")]
    assert outgoing.drops == {}


def test_the_ring_keeps_the_newest() -> None:
    ring = RepeatRing()
    last = REPEAT_PACKETS + 9
    ring.keep([packet(n) for n in range(last + 1)])
    assert REPEAT_PACKETS * 7 // 8 <= len(ring) <= REPEAT_PACKETS
    assert ring.find(7, last - len(ring)) is None
    assert all(ring.find(7, last - back) for back in range(len(ring)))


def test_sessions_say_what_they_have(wire: Wire) -> None:
    assert repr(wire.session).startswith("<Session 1 keyed <Path to 127.0.0.1")
    wire.session.outbound = wire.session.path = None
    assert repr(wire.session) == "<Session 1 without keys None>"
