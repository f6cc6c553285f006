"""Transport-wide feedback: when each packet of a transport arrived
(draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

The sender numbers every packet of a transport, the receiver reports for each number in
a row whether it came, and when, in steps of 250 us.  The status of each packet is one
of three symbols, packed into 16 bit chunks: a run of one symbol, 14 symbols of one bit
or 7 of two.  Then follow the arrival times as differences of one or two octets.

A run of 8,191 symbols takes two octets, so a small datagram can claim a long list;
`MAX_STATUSES` bounds what is believed.  The builder takes what fits `max_octets` and
the range of a difference, and says how far it came: the caller goes on from there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp_common as common

TICK_US = 250
"""Resolution of arrival times."""

REFERENCE_US = 64_000
"""Unit of the reference time."""

WRAP_US = REFERENCE_US << 24
"""Arrival times start again after this: 12.4 days."""

MAX_STATUSES = 16_384
"""Packets one feedback may report on; more is refused."""

MAX_OCTETS = 1_200
"""Default size limit of a built feedback."""

_FORMAT = 15
_HEAD = struct.Struct("!IIHHI")
_DELTA = struct.Struct("!h")
_CHUNK = struct.Struct("!H")
_LONGEST_RUN = 0x1FFF
_MISSING, _SMALL, _LARGE = 0, 1, 2

Arrival = tuple[int, int | None]
"""Transport sequence number, and arrival time in us or None if it did not arrive."""


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """One feedback packet, arrivals without gaps from `base_sequence` on.

    Times count from the receiver's own zero, modulo `WRAP_US`; only differences mean
    anything.  `reference` is in units of 64 ms, 24 bit.
    """

    sender_ssrc: int
    media_ssrc: int
    base_sequence: int
    reference: int
    feedback_count: int
    arrivals: tuple[Arrival, ...]

    def encode(self) -> bytes:
        """The whole packet; raises `StateError` if one packet cannot hold it."""
        packet, taken = build(
            self.sender_ssrc,
            self.media_ssrc,
            self.feedback_count,
            self.arrivals,
            max_octets=1 << 18,
        )
        if taken < len(self.arrivals):
            raise StateError("arrivals do not fit one feedback")
        return packet


def reference_time(arrival_us: int) -> int:
    """The reference field for a first arrival."""
    return arrival_us // REFERENCE_US & 0xFFFFFF


def decode(body: bytes) -> TransportFeedback:
    """Read a feedback body, padding removed.  Raises `DecodeError`."""
    if len(body) < _HEAD.size:
        raise DecodeError("twcc-short")
    sender, media, base, count, word = _HEAD.unpack_from(body)
    if count > MAX_STATUSES:
        raise DecodeError("twcc-statuses")
    statuses, at = _read_statuses(body, _HEAD.size, count)
    reference = word >> 8
    arrivals = _read_deltas(body, at, base, reference * REFERENCE_US, statuses)
    return TransportFeedback(sender, media, base, reference, word & 0xFF, arrivals)


def _read_statuses(body: bytes, at: int, count: int) -> tuple[list[int], int]:
    """`count` symbols, and where the deltas start."""
    statuses: list[int] = []
    while len(statuses) < count:
        if at + 2 > len(body):
            raise DecodeError("twcc-chunks")
        chunk = body[at] << 8 | body[at + 1]
        at += 2
        if not chunk & 0x8000:
            run = min(chunk & _LONGEST_RUN, count - len(statuses))
            statuses += [chunk >> 13] * run
        elif chunk & 0x4000:
            statuses += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            statuses += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    del statuses[count:]
    return statuses, at


def _read_deltas(
    body: bytes, at: int, base: int, time_us: int, statuses: list[int]
) -> tuple[Arrival, ...]:
    arrivals: list[Arrival] = []
    size = len(body)
    for sequence, status in enumerate(statuses, base):
        if status == _MISSING:
            arrivals.append((sequence & 0xFFFF, None))
            continue
        end = at + status
        if status > _LARGE or end > size:
            raise DecodeError("twcc-deltas")
        if status == _SMALL:
            time_us += body[at] * TICK_US
        else:
            time_us += _DELTA.unpack_from(body, at)[0] * TICK_US
        at = end
        arrivals.append((sequence & 0xFFFF, time_us))
    return tuple(arrivals)


def build(
    sender_ssrc: int,
    media_ssrc: int,
    feedback_count: int,
    arrivals: Sequence[Arrival],
    *,
    max_octets: int = MAX_OCTETS,
) -> tuple[bytes, int]:
    """A feedback packet for the first of `arrivals`, and how many of them it covers.

    `arrivals` have rising sequence numbers modulo 2^16; numbers left out count as
    missing.  At least the first is covered.  Raises `StateError` on an empty list.
    """
    if not arrivals:
        raise StateError("no arrivals to report")
    first = next((time for _, time in arrivals if time is not None), 0)
    reference = first // REFERENCE_US
    statuses, deltas, taken = _collect(arrivals, reference, max_octets)
    head = _HEAD.pack(
        sender_ssrc,
        media_ssrc,
        arrivals[0][0],
        len(statuses),
        (reference & 0xFFFFFF) << 8 | feedback_count & 0xFF,
    )
    body = head + _chunks(statuses) + deltas
    padding = -len(body) % 4
    return common.frame(common.TRANSPORT_FEEDBACK, _FORMAT, body, padding), taken


def _collect(
    arrivals: Sequence[Arrival], reference: int, max_octets: int
) -> tuple[list[int], bytes, int]:
    """Symbols and deltas of as many arrivals as fit, and their number."""
    statuses: list[int] = []
    deltas: list[bytes] = []
    base, tick = arrivals[0][0], reference * REFERENCE_US // TICK_US
    # the costliest chunk carries 7 symbols in 2 octets
    room = max_octets - 4 - _HEAD.size - 3 - 2
    for taken, (sequence, time_us) in enumerate(arrivals):
        gap = (sequence - base & 0xFFFF) - len(statuses)
        delta = 0 if time_us is None else time_us // TICK_US - tick
        status = _MISSING if time_us is None else _SMALL if 0 <= delta < 256 else _LARGE
        room -= status
        full = len(statuses) + gap + 1 > MAX_STATUSES
        if taken and (full or gap < 0 or room * 7 < 2 * (len(statuses) + gap + 1)):
            return statuses, b"".join(deltas), taken
        if not -0x8000 <= delta < 0x8000:
            return statuses, b"".join(deltas), taken
        statuses += [_MISSING] * gap + [status]
        if status == _SMALL:
            deltas.append(bytes((delta,)))
        elif status == _LARGE:
            deltas.append(_DELTA.pack(delta))
        tick += delta
    return statuses, b"".join(deltas), len(arrivals)


def _chunks(statuses: list[int]) -> bytes:
    """Pack greedily: a run where it beats a vector, else the widest vector."""
    chunks: list[bytes] = []
    at, count = 0, len(statuses)
    while at < count:
        symbol = statuses[at]
        width = 7 if _LARGE in statuses[at : at + 14] else 14
        run = 1
        while at + run < count and run < _LONGEST_RUN and statuses[at + run] == symbol:
            run += 1
        if run >= min(width, count - at):
            chunks.append(_CHUNK.pack(symbol << 13 | run))
            at += run
        else:
            chunks.append(_CHUNK.pack(_vector(statuses, at, width)))
            at += width
    return b"".join(chunks)


def _vector(statuses: list[int], at: int, width: int) -> int:
    bits = 14 // width
    word = 0
    for status in islice(statuses, at, at + width):
        word = word << bits | status
    word <<= bits * max(0, at + width - len(statuses))
    return 0x8000 | (0x4000 if bits == 2 else 0) | word
