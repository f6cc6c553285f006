"""A packet at rest: what history, cache and every consumer share.

It is made once, when the packet arrives, and holds everything that any consumer could
want of it: rewriting needs no second look at the bytes.  The payload is one `bytes`
object for all consumers.  Padding that makes the packets of a frame equally long (for
one GSO send) is chosen once, before the first consumer gets the packet, because a
retransmission must be the very same packet (RFC 0003 section 7).
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import FrameFacts, vp8

OVERHEAD = 44
"""What a packet weighs on the wire besides its payload, roughly: header, extensions,
authentication tag."""


class Packet:
    """One RTP packet of a layer; `number` is its extended sequence number.

    `carried` are the (id, value) pairs of header extensions that may go on, under the
    publisher's ids.  `size` counts payload and padding, in bytes.

    `order` is its number in a stream of the mesh, -1 outside; only then `slot`, `hops`
    and `epoch` mean something, and `block` is its header extension on legs, once
    somebody wrote it (RFC 0003 section 13.2).
    """

    __slots__ = (
        "_numbers",
        "arrival",
        "block",
        "carried",
        "codec",
        "epoch",
        "facts",
        "hops",
        "marker",
        "number",
        "order",
        "padding",
        "payload",
        "payload_type",
        "size",
        "slot",
        "timestamp",
    )

    def __init__(
        self,
        number: int,
        timestamp: int,
        payload: bytes,
        *,
        payload_type: int,
        codec: str,
        marker: bool,
        carried: tuple[tuple[int, bytes], ...],
        facts: FrameFacts,
        arrival: float,
    ) -> None:
        self.number = number
        self.timestamp = timestamp
        self.payload_type = payload_type
        self.codec = codec
        self.marker = marker
        self.payload = payload
        self.padding = 0
        self.carried = carried
        self.facts = facts
        self.arrival = arrival
        self.size = len(payload)
        self.order = -1
        self.slot = 0
        self.hops = 0
        self.epoch = 0
        self.block: bytes | None = None
        self._numbers: vp8.Numbers | None = None

    @property
    def numbers(self) -> vp8.Numbers | None:
        """Where the numbers of a VP8 packet stand, looked up once; else None."""
        if self._numbers is None and self.codec == "vp8":
            try:
                self._numbers = vp8.locate(self.payload)
            except DecodeError:
                return None
        return self._numbers

    def place(self, slot: int, order: int, hops: int, epoch: int) -> None:
        """Where the packet stands in a stream of the mesh."""
        self.slot = slot
        self.order = order
        self.hops = hops
        self.epoch = epoch

    def pad(self, octets: int) -> None:
        """Lengthen the packet; only before anybody got it."""
        self.payload += bytes(octets - 1) + bytes((octets,))
        self.padding = octets
        self.size += octets

    @property
    def media(self) -> bytes:
        """The payload without padding."""
        return self.payload[: len(self.payload) - self.padding]


class Batch:
    """The packets of one layer that arrived together, in order of arrival.

    `first` is the lowest number, `newest` the packet of the highest, `size` the octets
    of all payloads, `types` the payload types.  A `whole` batch has no packet that
    consists of padding only.
    """

    __slots__ = ("first", "newest", "packets", "size", "types", "whole")

    def __init__(self, packets: Sequence[Packet]) -> None:
        self.packets = packets
        numbers = [packet.number for packet in packets]
        sizes = [packet.size for packet in packets]
        self.first = min(numbers)
        self.newest = packets[numbers.index(max(numbers))]
        self.size = sum(sizes)
        self.types = {packet.payload_type for packet in packets}
        self.whole = 0 not in sizes


def equalise(packets: Sequence[Packet], limit: int) -> int:
    """Pad packets of one frame up to its largest where it takes `limit` octets or
    fewer each; the octets added altogether.  The last packet may stay short, as
    UDP_SEGMENT allows.
    """
    added = start = 0
    for index in range(1, len(packets) + 1):
        if (
            index == len(packets)
            or packets[index].timestamp != packets[start].timestamp
        ):
            if index - start > 1:
                added += _equalise_run(packets[start:index], limit)
            start = index
    return added


def _equalise_run(packets: Sequence[Packet], limit: int) -> int:
    largest = max([packet.size for packet in packets])
    added = 0
    for packet in packets[:-1]:
        missing = largest - packet.size
        if 0 < missing <= limit and packet.size and not packet.padding:
            packet.pad(missing)
            added += missing
    return added
