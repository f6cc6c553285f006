"""What the SRTP profiles share: header size, windows by SSRC, the SRTCP counters."""

from __future__ import annotations

from collections.abc import Sequence

from meshnode.media.srtp_window import Window
from meshproto.errors import DecodeError, LimitError, StateError

RTCP_ENCRYPTED = 1 << 31
RTCP_INDEX_MASK = RTCP_ENCRYPTED - 1

OutPacket = tuple[bytes, bytes, int, int]
"""(header, payload, SSRC, 48 bit index) of a packet to protect."""

OutPackets = Sequence[OutPacket]


def header_length(packet: bytes, tag_bytes: int) -> int:
    """Size of an RTP packet's header with CSRCs and extension (RFC 3550 section 5.1).

    Raises `DecodeError` when it does not leave `tag_bytes` of the packet.
    """
    size = len(packet)
    if size < 12 + tag_bytes or packet[0] >> 6 != 2:
        raise DecodeError("srtp-short")
    length = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        length += 4
        if length > size:
            raise DecodeError("srtp-header")
        length += 4 * (packet[length - 2] << 8 | packet[length - 1])
    if length + tag_bytes > size:
        raise DecodeError("srtp-header")
    return length


class RtcpCounters:
    """The SRTCP indexes of what we send, one count per SSRC of ours (31 bits)."""

    __slots__ = ("_last", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last: dict[bytes, int] = {}

    def next(self, ssrc: bytes) -> int:
        """The next unused index of an SSRC, from 1.

        Raises `LimitError` for too many SSRCs and `StateError` at the end of a key.
        """
        last = self._last.get(ssrc, 0)
        if not last and len(self._last) >= self._limit:
            raise LimitError("ssrcs_per_transport", self._limit)
        if last >= RTCP_INDEX_MASK:
            raise StateError("SRTCP index exhausted")
        self._last[ssrc] = last + 1
        return last + 1


class SendWindows:
    """The windows of what we send, by SSRC.  `earlier`: the first packet of an SSRC
    may be followed by ones of lower index.
    """

    __slots__ = ("_earlier", "_limit", "_salt", "_shift", "_windows", "get")

    def __init__(
        self, limit: int, salt: int, shift: int, *, earlier: bool = False
    ) -> None:
        self._limit = limit
        self._earlier = earlier
        self._salt = salt
        self._shift = shift
        self._windows: dict[int, Window] = {}
        self.get = self._windows.get
        """The window of an SSRC or None: the one call on the packet path."""

    def open(self, ssrc: int, first: int) -> Window:
        """A window whose first index is `first`.  Raises `LimitError`."""
        if len(self._windows) >= self._limit:
            raise LimitError("ssrcs_per_transport", self._limit)
        window = Window(first - 1, self.nonce(ssrc), accept_earlier=self._earlier)
        if self._earlier:
            window.missing |= 1  # nothing was sent yet, not even the one before
        self._windows[ssrc] = window
        return window

    def nonce(self, ssrc: int) -> int:
        """What is xored with an index; the same for the life of the key."""
        return self._salt ^ ssrc << self._shift

    def index(self, header: bytes) -> tuple[int, int]:
        """SSRC and likeliest index of a packet of which only the header is known."""
        ssrc = int.from_bytes(header[8:12], "big")
        sequence = header[2] << 8 | header[3]
        window = self._windows.get(ssrc)
        return ssrc, sequence if window is None else window.estimate(sequence)


class ReceiveWindows:
    """The windows of what we receive, by SSRC (4 bytes as they stand in the packet).

    With `replace` a full table lets the oldest one go instead of refusing.
    """

    __slots__ = ("_limit", "_replace", "_windows", "get")

    def __init__(self, limit: int, *, replace: bool = False) -> None:
        self._limit = limit
        self._replace = replace
        self._windows: dict[bytes, Window] = {}
        self.get = self._windows.get
        """The window of an SSRC or None: the one call on the packet path."""

    def check_room(self, reason: str) -> None:
        """Raise `DecodeError` when no further SSRC fits."""
        if len(self._windows) >= self._limit and not self._replace:
            raise DecodeError(reason)

    def open(self, ssrc: bytes, index: int, nonce: int) -> Window:
        """A window for a remote's SSRC whose first packet proved genuine."""
        window = Window(index, nonce, accept_earlier=True)
        if len(self._windows) >= self._limit:
            del self._windows[next(iter(self._windows))]
        self._windows[ssrc] = window
        return window

    def check(self, ssrc: bytes, index: int) -> None:
        """Raise `DecodeError` for an SRTCP index that was seen or has no room."""
        window = self._windows.get(ssrc)
        if window is None:
            self.check_room("srtcp-ssrcs")
        elif not window.is_fresh(index):
            raise DecodeError("srtcp-replay")

    def mark(self, ssrc: bytes, index: int) -> None:
        """Remember an SRTCP index that proved genuine."""
        window = self._windows.get(ssrc)
        if window is None:
            self.open(ssrc, index, 0)
        else:
            window.accept(index)
