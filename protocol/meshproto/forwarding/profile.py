"""Rendering: what consumers of one kind have in common is written once.

Viewers of a track mostly agreed on the same payload types, extension ids and mid: their
packets differ only in SSRC, sequence number, timestamp and transport-wide number.  Such
consumers share a `Profile`.  It renders a batch once, into tuples that hold everything
but these four numbers, and `stamp` then costs one `pack` and one concatenation per
packet and consumer (RFC 0003 section 7):

    V P X CC M PT | sequence | timestamp | SSRC | BE DE words | id len | transport-wide
    number | tail: mid, abs-send-time, carried elements, zero octets

The publisher's mid, rid and transport-wide number are never carried; abs-send-time is
stamped anew; any other extension goes on where both sides negotiated it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence, Set

from meshproto.forwarding.outputs import OutPacket
from meshproto.forwarding.packet import Packet
from meshproto.wire import extensions
from meshproto.wire.parameters import Codec, Extension

_NUMBERED = struct.Struct("!HHII5sH").pack
_NUMBERED_WIDE = struct.Struct("!HHII6sH").pack
_PLAIN = struct.Struct("!HHII").pack
_BLOCK = struct.Struct("!HH").pack
_PACKS = {5: _NUMBERED, 6: _NUMBERED_WIDE}

_LAYERS_ALLOCATION = (
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
)

_OWN = frozenset(
    (
        extensions.MID,
        extensions.RID,
        extensions.REPAIRED_RID,
        extensions.ABS_SEND_TIME,
        extensions.TRANSPORT_SEQUENCE,
        extensions.TIME_OFFSET,
        _LAYERS_ALLOCATION,
    )
)
"""Extensions that belong to the hop: written by us or not at all.  The time offset is
counted to the publisher's sending, the allocation tells of layers that stay here."""

Element = tuple[int, bytes]
Pack = Callable[..., bytes]
Rendered = tuple[Packet, Pack, int, int, bytes, bytes]
"""(packet, packer, first two octets, timestamp, extension up to the number, tail)."""


def carried_ids(
    source: Iterable[Extension], target: Iterable[Extension]
) -> dict[int, int]:
    """The publisher's id -> the viewer's, for what is carried through."""
    known = {extension.uri: extension.id for extension in target}
    return {
        extension.id: known[extension.uri]
        for extension in source
        if extension.uri in known and extension.uri not in _OWN
    }


def counterpart(codec: Codec, offered: Sequence[Codec]) -> Codec | None:
    """The viewer's codec for a publisher's: same name, the same parameters first."""
    same = [c for c in offered if c.name == codec.name]
    return next((c for c in same if c.parameters == codec.parameters), None) or (
        same[0] if same else None
    )


class Profile:
    """Payload types, extension ids and mid of a set of consumers of one producer."""

    __slots__ = ("_carry", "_mid", "_repairs", "_send_time", "_types", "numbered")

    def __init__(
        self,
        source: tuple[Sequence[Codec], Sequence[Extension]],
        target: tuple[Sequence[Codec], Sequence[Extension]],
        mid: str,
    ) -> None:
        pairs = [(codec, counterpart(codec, target[0])) for codec in source[0]]
        self._types = {c.payload_type: t.payload_type for c, t in pairs if t}
        self._repairs = {
            c.payload_type: t.rtx_payload_type
            for c, t in pairs
            if t and t.rtx_payload_type is not None
        }
        ids = {extension.uri: extension.id for extension in target[1]}
        mid_id = ids.get(extensions.MID)
        self._mid: list[Element] = [(mid_id, mid.encode())] if mid_id and mid else []
        self._carry = carried_ids(source[1], target[1])
        self._send_time = ids.get(extensions.ABS_SEND_TIME, 0)
        self.numbered = ids.get(extensions.TRANSPORT_SEQUENCE, 0)

    def knows(self, packet: Packet) -> bool:
        """Whether the viewer can take the packet's codec."""
        return packet.payload_type in self._types

    def knows_all(self, types: Set[int]) -> bool:
        """The same for a set of the publisher's payload types."""
        return types <= self._types.keys()

    def render(self, packets: Sequence[Packet], now: float) -> list[Rendered]:
        """Everything but the consumer's own numbers, for packets that it `knows`."""
        common = self._common(now)
        plain = self._block(common)
        types, packs, numbered = self._types, _PACKS, self.numbered
        rendered = []
        for packet in packets:
            head, tail = self._with(packet, common) if packet.carried else plain
            first = 0x8000 if not head else 0x9000
            if packet.padding:
                first |= 0x2000
            if packet.marker:
                first |= 0x80
            first |= types[packet.payload_type]
            pack = packs[len(head)] if numbered else _PLAIN
            rendered.append((packet, pack, first, packet.timestamp, head, tail))
        return rendered

    def render_repair(self, packet: Packet, now: float) -> Rendered | None:
        """The same for a retransmission (RFC 4588); None where not negotiated."""
        payload_type = self._repairs.get(packet.payload_type)
        if payload_type is None:
            return None
        head, tail = self._with(packet, self._common(now))
        first = (0x9000 if head else 0x8000) | packet.marker << 7 | payload_type
        pack = _PACKS[len(head)] if self.numbered else _PLAIN
        return packet, pack, first, packet.timestamp, head, tail

    def _common(self, now: float) -> list[Element]:
        if not self._send_time:
            return self._mid
        stamp = extensions.encode_abs_send_time(now)
        return [*self._mid, (self._send_time, stamp)]

    def _with(self, packet: Packet, common: list[Element]) -> tuple[bytes, bytes]:
        carry = self._carry
        carried = [(carry[i], value) for i, value in packet.carried if i in carry]
        return self._block(common + carried) if carried else self._block(common)

    def _block(self, elements: list[Element]) -> tuple[bytes, bytes]:
        """The extension around the transport-wide number; without one all is head."""
        numbered = self.numbered
        if not numbered and not elements:
            return b"", b""
        first = [(numbered, b"\0\0")] if numbered else []
        profile = extensions.profile_for(first + elements)
        body = extensions.encode(profile, first + elements)
        block = _BLOCK(profile, len(body) // 4) + body
        if not numbered:
            return block, b""
        cut = 5 if profile == extensions.ONE_BYTE_PROFILE else 6
        return block[:cut], block[cut + 2 :]


def stamp(
    rendered: Sequence[Rendered],
    ssrc: int,
    sequence: int,
    timestamp: int,
    number: int | None,
) -> list[OutPacket]:
    """The packets of one consumer: add the offsets, number over the transport.

    `sequence` and `timestamp` are offsets to the source's numbers.  `number` is the
    transport-wide number of the first packet, None where not negotiated.
    """
    out: list[OutPacket] = []
    if number is None:
        for packet, _, first, taken, block, _ in rendered:
            index = packet.number + sequence
            time = (taken + timestamp) & 0xFFFFFFFF
            header = _PLAIN(first, index & 0xFFFF, time, ssrc) + block
            out.append((header, packet.payload, ssrc, index))
        return out
    for packet, pack, first, taken, head, tail in rendered:
        index = packet.number + sequence
        time = (taken + timestamp) & 0xFFFFFFFF
        header = pack(first, index & 0xFFFF, time, ssrc, head, number & 0xFFFF) + tail
        out.append((header, packet.payload, ssrc, index))
        number += 1
    return out


def header_of(
    rendered: Rendered, written: tuple[int, int, int], number: int, extra: int = 0
) -> bytes:
    """One header by itself, of (SSRC, index, timestamp) as `written`.

    `number` is left out where not negotiated; `extra` bits are set in the first two
    octets.
    """
    _, pack, first, _, head, tail = rendered
    ssrc, index, timestamp = written
    fields = (first | extra, index & 0xFFFF, timestamp, ssrc)
    if pack is _PLAIN:
        return _PLAIN(*fields) + head
    return pack(*fields, head, number & 0xFFFF) + tail
