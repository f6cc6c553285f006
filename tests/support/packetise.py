"""Encoded video into RTP payloads, in the shapes that senders use, and encoders for it.

Made for tests of what takes them apart again, so nothing here is shared with that.
"""

from __future__ import annotations

import os
import struct
from fractions import Fraction

import av
import numpy as np

PIECE = 300
ENCODERS = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "vp9": (
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    ),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}),
    "h265": (
        "libx265",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x265-params": "log-level=none:frame-threads=1:pools=none",
        },
    ),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1"}),
}


def encoded(
    codec: str, count: int, width: int = 160, height: int = 96, key_every: int = 10
) -> list[tuple[bytes, bool]]:
    """Frames of a picture that grows brighter, and whether each is a key frame."""
    name, options = ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.gop_size = key_every
    encoder.options = options
    random = np.random.default_rng(1)
    texture = random.integers(0, 40, (height * 3 // 2, width), dtype=np.uint8)
    found = []
    for number in range(count):
        picture = texture + np.uint8(60 + number % 128)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        found += [(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    found += [(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    # why: SVT-AV1 leaves whoever called it as root with a real-time priority
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return found


def tones(count: int) -> list[bytes]:
    """Packets of Opus, 20 ms each: a tone of 440 Hz."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "stereo", "s16"
    encoder.time_base = Fraction(1, 48000)
    found: list[bytes] = []
    for number in range(count + 1):
        times = (np.arange(960) + 960 * number) * 2 * np.pi * 440 / 48000
        mono = (np.sin(times) * 8000).astype(np.int16)
        samples = np.repeat(mono, 2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48000, 960 * number
        frame.time_base = Fraction(1, 48000)
        found += map(bytes, encoder.encode(frame))
    return found[:count]


def rtp_packet(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, body: bytes, last: bool
) -> bytes:
    """One RTP packet; `last` sets the marker."""
    kind = payload_type | last << 7
    head = (0x80, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return struct.pack(">BBHII", *head) + body


def payloads(codec: str, frame: bytes, key: bool, piece: int = PIECE) -> list[bytes]:
    """The RTP payloads of one frame; `piece` octets at most, for VP8."""
    match codec:
        case "vp8":
            pieces = _pieces(frame, piece)
            return [b"\x10" + pieces[0], *(b"\x00" + piece for piece in pieces[1:])]
        case "vp9":
            return _vp9(frame, key)
        case "h264":
            return _h264(frame)
        case "h265":
            return _h265(frame)
        case "av1":
            return _av1(frame, key)
    raise ValueError(codec)


def _pieces(data: bytes, size: int = PIECE) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _vp9(frame: bytes, key: bool) -> list[bytes]:
    pieces = _pieces(frame)
    last = len(pieces) - 1
    return [
        bytes(((0 if key else 0x40) | (n == 0) << 3 | (n == last) << 2,)) + piece
        for n, piece in enumerate(pieces)
    ]


def nal_units(frame: bytes) -> list[bytes]:
    """The units of a byte stream."""
    parts = frame.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def _h264(frame: bytes) -> list[bytes]:
    small = [unit for unit in nal_units(frame) if len(unit) <= PIECE]
    found = []
    if len(small) > 1:
        joined = b"".join(len(u).to_bytes(2, "big") + u for u in small)
        found.append(b"\x78" + joined)
    else:
        found += small
    for unit in nal_units(frame):
        if len(unit) > PIECE:
            pieces = _pieces(unit[1:])
            for n, piece in enumerate(pieces):
                marks = (n == 0) << 7 | (n == len(pieces) - 1) << 6
                head = bytes((unit[0] & 0xE0 | 28, marks | unit[0] & 31))
                found.append(head + piece)
    return found


def _h265(frame: bytes) -> list[bytes]:
    found = []
    for unit in nal_units(frame):
        if len(unit) <= PIECE:
            found.append(unit)
            continue
        pieces = _pieces(unit[2:])
        for n, piece in enumerate(pieces):
            marks = (n == 0) << 7 | (n == len(pieces) - 1) << 6
            kind = unit[0] >> 1 & 63
            head = bytes((unit[0] & 0x81 | 49 << 1, unit[1], marks | kind))
            found.append(head + piece)
    return found


def _av1(frame: bytes, key: bool) -> list[bytes]:
    """Every OBU but the delimiter, without its size, cut where a packet is full."""
    found: list[bytes] = []
    for place, obu in enumerate(_obus(frame)):
        pieces = _pieces(obu)
        for n, piece in enumerate(pieces):
            continues, continued = n > 0, n < len(pieces) - 1
            new = key and place == 0 and n == 0
            head = continues << 7 | continued << 6 | 1 << 4 | new << 3
            found.append(bytes((head,)) + piece)
    return found


def _obus(frame: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(frame):
        header = frame[at]
        at += 1
        extension = b""
        if header & 4:
            extension, at = frame[at : at + 1], at + 1
        size = shift = 0
        while True:
            octet, at = frame[at], at + 1
            size |= (octet & 127) << shift
            shift += 7
            if not octet & 128:
                break
        if header >> 3 & 15 != 2:
            body = frame[at : at + size]
            found.append(bytes((header & ~2,)) + extension + body)
        at += size
    return found
