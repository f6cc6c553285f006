"""Which protocol a datagram on the shared media port speaks.

One port carries everything, so the first octet must decide, and it can: the protocols
were given disjoint ranges (RFC 7983 section 7).  RTP and RTCP share one range and are
told apart by the second octet, where RTCP's packet types 192 to 223 are RTP payload
types that no description may assign (RFC 5761 section 4).

This runs for every datagram of every source, trusted or not.  It is therefore a table
look-up that says nothing about validity: whoever takes the datagram parses it.
"""

from __future__ import annotations

from enum import Enum


class DatagramKind(Enum):
    """The protocol that a datagram's first octets claim.

    ZRTP and TURN_CHANNEL have ranges of their own but no receiver in this node; like
    UNKNOWN they are dropped, but counted apart.
    """

    STUN = "stun"
    DTLS = "dtls"
    RTP = "rtp"
    RTCP = "rtcp"
    ZRTP = "zrtp"
    TURN_CHANNEL = "turn-channel"
    UNKNOWN = "unknown"


_RANGES = (
    (0, 3, DatagramKind.STUN),
    (16, 19, DatagramKind.ZRTP),
    (20, 63, DatagramKind.DTLS),
    (64, 79, DatagramKind.TURN_CHANNEL),
    (128, 191, DatagramKind.RTP),
)


def _table() -> tuple[DatagramKind, ...]:
    kinds = [DatagramKind.UNKNOWN] * 256
    for first, last, kind in _RANGES:
        kinds[first : last + 1] = [kind] * (last + 1 - first)
    return tuple(kinds)


_BY_FIRST_OCTET = _table()
_UNKNOWN = DatagramKind.UNKNOWN
_RTP = DatagramKind.RTP
_RTCP = DatagramKind.RTCP


def classify(datagram: bytes) -> DatagramKind:
    """The kind of `datagram`; an empty one is UNKNOWN.  Never raises."""
    if not datagram:
        return _UNKNOWN
    kind = _BY_FIRST_OCTET[datagram[0]]
    if kind is _RTP and len(datagram) > 1 and 192 <= datagram[1] <= 223:
        return _RTCP
    return kind
