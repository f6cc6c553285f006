"""The payloads of one frame, in order and complete, as the file wants the frame.

Files hold what decoders take, not what RTP carries: VP8 and VP9 without their payload
descriptors (RFC 7741, RFC 9628), H.264 and H.265 as byte streams with start codes (the
muxer makes of them what its format says), AV1 as OBUs with sizes and without temporal
delimiters (AV1 RTP specification 1.0, section 5), Opus as it is (RFC 7587).

A key frame must be decodable by itself.  Encoders may send the parameter sets of H.264
and H.265 once and never again, so the last ones are kept and put before a key frame
that comes without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from meshnode.recording.units import H264, H265, Format, units
from meshproto.errors import DecodeError
from meshproto.wire.descriptor import av1, h264, h265, vp8, vp9

START_CODE = b"\0\0\0\1"
_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING = 2, 8, 15
_LEFT_OUT = frozenset({_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING})
_HAS_SIZE = 0x02
_H265_RANDOM_ACCESS = range(16, 24)


class Joined(NamedTuple):
    """A frame; `key`: decoding may start with it."""

    data: bytes
    key: bool


Join = Callable[[Sequence[bytes]], Joined]


def joiner(codec: str) -> Join | None:
    """How frames of `codec` are put together, None for one that we cannot record.

    Each track needs one of its own.  The function raises `DecodeError` for payloads
    that make no frame.
    """
    match codec:
        case "vp8":
            return _vp8
        case "vp9":
            return _vp9
        case "h264":
            return ParameterSets(H264, (h264.SPS, h264.PPS), {h264.IDR})
        case "h265":
            sets = (h265.VPS, h265.SPS, h265.PPS)
            return ParameterSets(H265, sets, _H265_RANDOM_ACCESS)
        case "av1":
            return _av1
        case "opus":
            return _opus
        case _:
            return None


def _opus(payloads: Sequence[bytes]) -> Joined:
    return Joined(b"".join(payloads), key=True)


def _vp8(payloads: Sequence[bytes]) -> Joined:
    data = b"".join(payload[vp8.locate(payload).size :] for payload in payloads)
    return Joined(data, vp8.describe(payloads[0]).keyframe)


def _vp9(payloads: Sequence[bytes]) -> Joined:
    """Layers of one picture become a superframe (VP9 bitstream, annex B)."""
    layers: list[list[bytes]] = []
    for payload in payloads:
        found = vp9.parse(payload)
        if found.begins or not layers:
            layers.append([])
        layers[-1].append(payload[found.size :])
    frames = [b"".join(layer) for layer in layers]
    return Joined(_superframe(frames), vp9.describe(payloads[0]).keyframe)


def _superframe(frames: Sequence[bytes]) -> bytes:
    if len(frames) == 1:
        return frames[0]
    octets = max((max(map(len, frames)).bit_length() + 7) // 8, 1)
    mark = bytes((0xC0 | (octets - 1) << 3 | len(frames) - 1,))
    sizes = b"".join(len(frame).to_bytes(octets, "little") for frame in frames)
    return b"".join((*frames, mark, sizes, mark))


def _av1(payloads: Sequence[bytes]) -> Joined:
    obus: list[bytearray] = []
    open_ = False
    for payload in payloads:
        found = av1.parse(payload)
        if found.continues != open_:
            raise DecodeError("av1_fragments")
        for place, element in enumerate(found.elements):
            if place == 0 and found.continues:
                obus[-1] += element
            else:
                obus.append(bytearray(element))
        open_ = found.continued
    if open_:
        raise DecodeError("av1_cut")
    data = b"".join(_sized(bytes(obu)) for obu in obus if _is_wanted(obu))
    return Joined(data, av1.describe(payloads[0]).keyframe)


def _is_wanted(obu: bytearray) -> bool:
    return bool(obu) and obu[0] >> 3 & 15 not in _LEFT_OUT


def _sized(obu: bytes) -> bytes:
    """The OBU with its size field, which senders leave out."""
    if obu[0] & _HAS_SIZE:
        return obu
    header = 2 if obu[0] & 0x04 else 1
    body = obu[header:]
    return bytes((obu[0] | _HAS_SIZE,)) + obu[1:header] + _leb128(len(body)) + body


def _leb128(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


class ParameterSets:
    """Joins NAL units, and remembers parameter sets for key frames without them."""

    def __init__(
        self, format_: Format, sets: Sequence[int], key_frames: Collection[int]
    ) -> None:
        self._format = format_
        self._sets = sets
        self._key_frames = key_frames
        self._kept: dict[int, bytes] = {}

    def __call__(self, payloads: Sequence[bytes]) -> Joined:
        """The frame as a byte stream with start codes."""
        found = units(self._format, payloads)
        by_kind = {self._format.kind(unit): unit for unit in found}
        self._kept.update((k, u) for k, u in by_kind.items() if k in self._sets)
        key = any(kind in self._key_frames for kind in by_kind)
        if key:
            absent = [kind for kind in self._sets if kind not in by_kind]
            found[:0] = [self._kept[kind] for kind in absent if kind in self._kept]
        whole = all(kind in self._kept for kind in self._sets)
        return Joined(b"".join(START_CODE + unit for unit in found), key and whole)
