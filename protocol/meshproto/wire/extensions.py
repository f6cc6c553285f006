"""RTP header extensions: elements in a packet, and the values inside them.

RFC 8285 knows two forms of elements.  The one-byte form (profile 0xBEDE) has 4 bits of
id and 4 of length, the two-byte form (0x1000 to 0x100F) a whole octet for each.
`spans` tells where the elements lie without copying them, because a forwarder keeps
most of them as they are.  A malformed element ends the reading and what stood before
it counts: that is what section 4.2 asks for ids 15 and 0 with a length, and the same
rule for an element that runs past the end keeps one reading for all bad input.

Below are the values of the extensions that this project reads or writes, each as a
pair of functions.  Decoders refuse a wrong length with `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshproto.errors import DecodeError, StateError

ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TIME_OFFSET = "urn:ietf:params:rtp-hdrext:toffset"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_SEQUENCE = (
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
DEPENDENCY_DESCRIPTOR = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-"
    "extension"
)


def is_two_byte(profile: int) -> bool:
    """Whether `profile` names the two-byte form; its low four bits are free."""
    return profile & 0xFFF0 == TWO_BYTE_PROFILE


def spans(
    packet: bytes, profile: int, offset: int, length: int
) -> list[tuple[int, int, int]]:
    """(id, start, length) of every element of the body at `offset`, in order.

    The numbers are those of an `RtpView`, whose body is known to lie in the packet.
    Profiles other than the two of RFC 8285 have no elements.
    """
    if profile == ONE_BYTE_PROFILE:
        return _one_byte_spans(packet, offset, offset + length)
    if is_two_byte(profile):
        return _two_byte_spans(packet, offset, offset + length)
    return []


def _one_byte_spans(packet: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    found = []
    while at < end:
        head = packet[at]
        at += 1
        if not head:
            continue
        identifier = head >> 4
        length = (head & 15) + 1
        if identifier in {0, 15} or at + length > end:
            break
        found.append((identifier, at, length))
        at += length
    return found


def _two_byte_spans(packet: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    found = []
    while at < end:
        identifier = packet[at]
        at += 1
        if not identifier:
            continue
        if at == end or at + 1 + packet[at] > end:
            break
        found.append((identifier, at + 1, packet[at]))
        at += 1 + packet[at]
    return found


def profile_for(elements: Sequence[tuple[int, bytes]]) -> int:
    """The profile that can hold `elements`: one-byte where possible."""
    fits = all(0 < i < 15 and 0 < len(value) <= 16 for i, value in elements)
    return ONE_BYTE_PROFILE if fits else TWO_BYTE_PROFILE


def encode(profile: int, elements: Sequence[tuple[int, bytes]]) -> bytes:
    """The extension body, padded to whole words, without its 4 octet header.

    Raises `StateError` where the profile cannot hold an element.
    """
    if profile == ONE_BYTE_PROFILE:
        parts = [_one_byte(identifier, value) for identifier, value in elements]
    elif is_two_byte(profile):
        parts = [_two_byte(identifier, value) for identifier, value in elements]
    else:
        parts = [value for _, value in elements]
    body = b"".join(parts)
    return body + bytes(-len(body) % 4)


def _one_byte(identifier: int, value: bytes) -> bytes:
    if not (0 < identifier < 15 and 0 < len(value) <= 16):
        raise StateError(f"element {identifier} does not fit the one-byte form")
    return bytes((identifier << 4 | len(value) - 1,)) + value


def _two_byte(identifier: int, value: bytes) -> bytes:
    if not (0 < identifier < 256 and len(value) < 256):
        raise StateError(f"element {identifier} does not fit the two-byte form")
    return bytes((identifier, len(value))) + value


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """RFC 6464: `level` in -dBov, 0 (loud) to 127 (silence)."""

    voice: bool
    level: int


@dataclass(frozen=True, slots=True)
class VideoOrientation:
    """3GPP TS 26.114: turn by `rotation` degrees (0, 90, 180, 270) for display.

    `camera` is 1 for a back camera, `flip` asks for a mirror image.
    """

    camera: int
    flip: int
    rotation: int


@dataclass(frozen=True, slots=True)
class PlayoutDelay:
    """Bounds for the receiver's buffer, in units of 10 ms, each below 4096."""

    minimum: int
    maximum: int


def _fixed(value: bytes, length: int, reason: str) -> int:
    if len(value) != length:
        raise DecodeError(reason)
    return int.from_bytes(value, "big")


def decode_abs_send_time(value: bytes) -> int:
    """Seconds modulo 64 in 6.18 fixed point."""
    return _fixed(value, 3, "ext-abs-send-time")


def encode_abs_send_time(time_s: float) -> bytes:
    """The send time of any steady clock, modulo 64 s."""
    return (int(time_s * 262144) & 0xFFFFFF).to_bytes(3, "big")


def decode_transport_sequence(value: bytes) -> int:
    """The sequence number counted over the whole transport."""
    return _fixed(value, 2, "ext-transport-sequence")


def encode_transport_sequence(sequence: int) -> bytes:
    """The number is taken modulo 2^16."""
    return (sequence & 0xFFFF).to_bytes(2, "big")


def decode_time_offset(value: bytes) -> int:
    """RFC 5450: ticks from timestamp to transmission, signed 24 bit."""
    number = _fixed(value, 3, "ext-time-offset")
    return number - (1 << 24) if number >> 23 else number


def encode_time_offset(ticks: int) -> bytes:
    """Inverse of `decode_time_offset`; out of range raises `StateError`."""
    if not -(1 << 23) <= ticks < 1 << 23:
        raise StateError(f"time offset {ticks} exceeds 24 bits")
    return ticks.to_bytes(3, "big", signed=True)


def decode_audio_level(value: bytes) -> AudioLevel:
    """The one-octet level (a two-byte form may pad it; RFC 6464 section 3)."""
    octet = _fixed(value[:1] if len(value) == 2 else value, 1, "ext-audio-level")
    return AudioLevel(octet > 127, octet & 127)


def encode_audio_level(level: AudioLevel) -> bytes:
    """One octet."""
    return bytes((level.level & 127 | (0x80 if level.voice else 0),))


def decode_video_orientation(value: bytes) -> VideoOrientation:
    """One octet: four unused bits, camera, flip, two bits of rotation."""
    octet = _fixed(value, 1, "ext-video-orientation")
    return VideoOrientation(octet >> 3 & 1, octet >> 2 & 1, (octet & 3) * 90)


def encode_video_orientation(orientation: VideoOrientation) -> bytes:
    """One octet."""
    camera, flip = orientation.camera & 1, orientation.flip & 1
    return bytes((camera << 3 | flip << 2 | orientation.rotation // 90 & 3,))


def decode_playout_delay(value: bytes) -> PlayoutDelay:
    """Two 12 bit numbers."""
    number = _fixed(value, 3, "ext-playout-delay")
    return PlayoutDelay(number >> 12, number & 0xFFF)


def encode_playout_delay(delay: PlayoutDelay) -> bytes:
    """Out of range raises `StateError`."""
    if not 0 <= delay.minimum <= delay.maximum < 4096:
        raise StateError(f"{delay} is not 0 <= minimum <= maximum < 4096")
    return (delay.minimum << 12 | delay.maximum).to_bytes(3, "big")


def decode_text(value: bytes) -> str:
    """A mid or rid: ASCII, not empty (RFC 7941 carries UTF-8, RFC 8852 narrows it)."""
    text = value.rstrip(b"\0")
    if not text or not text.isascii():
        raise DecodeError("ext-text")
    return text.decode("ascii")


def encode_text(text: str) -> bytes:
    """A mid or rid."""
    return text.encode("ascii")
