"""What leaves the forwarder: bursts of packets, and orders to repeat one.

A packet leaves as header and payload apart: with AES-GCM the header is the associated
data and the payload the plaintext, so a plane protects it without joining the two, and
the payload is one object for all consumers (RFC 7714 section 9.1).
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.ids import ConsumerId, TransportId

OutPacket = tuple[bytes, bytes, int, int]
"""(header with extensions, payload with padding, SSRC, index).  The index is SRTP's 48
bit packet index: roll-over counter << 16 | sequence number (RFC 3711 section 3.3.1).
"""


class Burst(NamedTuple):
    """Packets for one transport, to be sent now and in order.

    `keep` asks the plane to keep the protected packets for a while: the consumer has no
    RTX, and `Resend` will name what is to be sent again.
    """

    transport: TransportId
    consumer: ConsumerId
    packets: list[OutPacket]
    keep: bool


class Repeat(NamedTuple):
    """Send this packet of a leg, as it was sent before or would have been.

    Packets of legs are the same octets whenever they are written (RFC 0003 section
    13.4), so the plane keeps nothing: the same nonce gives the same ciphertext.
    """

    transport: TransportId
    packet: OutPacket


class Resend(NamedTuple):
    """Send the protected packet of (SSRC, packet index) again, byte for byte.

    The plane keeps what a `keep` burst contained; one that it no longer has is skipped.
    A packet must never be protected twice under one index (RFC 3711 section 9.1).
    """

    transport: TransportId
    ssrc: int
    packet_index: int
