"""The video layers allocation extension (libwebrtc, `video-layers-allocation00`).

A publisher tells which simulcast streams and spatial layers it sends right now, with
the target bitrate of each temporal layer: enough to choose a layer before its bitrate
could be measured.

    RID NS SBM           own stream, number of streams - 1, common spatial layer bitmap
    SL_BM ...            when SBM = 0: one bitmap (4 bits) per stream, octet aligned
    TL TL TL TL ...      temporal layers - 1, 2 bits per active spatial layer
    leb128 ...           target bitrates in kb/s, cumulative over temporal layers
    w h f ...            optional: width - 1, height - 1 (16 bits), frames/s (8 bits)

A single zero octet means that nothing is sent; as it carries no allocation, it is
refused like a cut one.
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.errors import DecodeError

_SIZE_OCTETS = 5
_LEB128_OCTETS_MAX = 5


class SpatialLayer(NamedTuple):
    """One layer in use; `bitrates_bps` by temporal layer, each including the lower.

    `width`, `height` and `frames_per_s` are 0 where the extension leaves them out.
    """

    spatial: int
    bitrates_bps: tuple[int, ...]
    width: int = 0
    height: int = 0
    frames_per_s: int = 0


class LayersAllocation(NamedTuple):
    """The layers in use; `stream` is the index of the stream that said it.

    `spatial_layers` has one tuple per simulcast stream, in the order of the offer.
    """

    stream: int
    spatial_layers: tuple[tuple[SpatialLayer, ...], ...]


def parse(data: bytes) -> LayersAllocation:
    """Read the extension's value; raises `DecodeError`."""
    try:
        return _parse(data)
    except IndexError:
        raise DecodeError("layers_cut") from None


def _parse(data: bytes) -> LayersAllocation:
    header = data[0]
    if header == 0:
        raise DecodeError("layers_none")
    stream, streams = header >> 6, (header >> 4 & 3) + 1
    if stream >= streams:
        raise DecodeError("layers_stream")
    bitmaps, at = _bitmaps(data, header & 15, streams)
    active = [
        (index, spatial)
        for index, bitmap in enumerate(bitmaps)
        for spatial in range(4)
        if bitmap >> spatial & 1
    ]
    counts = [
        (data[at + i // 4] >> (6 - 2 * (i % 4)) & 3) + 1 for i in range(len(active))
    ]
    at += (len(active) + 3) // 4
    bitrates = []
    for count in counts:
        rates, at = _bitrates(data, at, count)
        bitrates.append(rates)
    sizes = _sizes(data, at, len(active))
    found: list[list[SpatialLayer]] = [[] for _ in bitmaps]
    for (index, spatial), rates, size in zip(active, bitrates, sizes, strict=True):
        found[index].append(SpatialLayer(spatial, rates, *size))
    return LayersAllocation(stream, tuple(tuple(stream) for stream in found))


def _bitmaps(data: bytes, common: int, streams: int) -> tuple[list[int], int]:
    if common:
        return [common] * streams, 1
    bitmaps = [data[1 + i // 2] >> (0 if i % 2 else 4) & 15 for i in range(streams)]
    return bitmaps, 1 + (streams + 1) // 2


def _bitrates(data: bytes, at: int, count: int) -> tuple[tuple[int, ...], int]:
    rates = []
    for _ in range(count):
        value = 0
        for shift in range(0, 7 * _LEB128_OCTETS_MAX, 7):
            octet, at = data[at], at + 1
            value |= (octet & 0x7F) << shift
            if not octet & 0x80:
                break
        else:
            raise DecodeError("layers_leb128")
        rates.append(value * 1000)
    return tuple(rates), at


def _sizes(data: bytes, at: int, count: int) -> list[tuple[int, int, int]]:
    if at == len(data):
        return [(0, 0, 0)] * count
    if len(data) - at != count * _SIZE_OCTETS:
        raise DecodeError("layers_sizes")
    return [
        (
            int.from_bytes(data[i : i + 2], "big") + 1,
            int.from_bytes(data[i + 2 : i + 4], "big") + 1,
            data[i + 4],
        )
        for i in range(at, len(data), _SIZE_OCTETS)
    ]
